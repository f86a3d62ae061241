//! What settling a host may have to ask of the world outside.

use std::fmt;

/// Answers what no file says. Answers are remembered, so that many hosts may ask the same.
pub trait Outside: fmt::Debug + Send + Sync {
    /// Looks up names, as many at once as may be; one answer for each, in their order. A dot at the end of a name keeps
    /// the system's search list away from it.
    fn look_up(&self, names: &[String]) -> Vec<Lookup>;

    /// Whether a command, run by the user's shell, ends with status 0; the error is why that cannot be told, with the
    /// next step.
    fn ends_well(&self, command: &str) -> Result<bool, String>;
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It has addresses of these families.
    Found {
        /// IPv4.
        v4: bool,
        /// IPv6.
        v6: bool,
    },
    /// It has none.
    NotFound,
    /// Nobody answered in time.
    Late,
}

/// The default: nothing is asked.
#[derive(Debug)]
pub(super) struct Nothing;

impl Outside for Nothing {
    fn look_up(&self, names: &[String]) -> Vec<Lookup> {
        vec![Lookup::NotFound; names.len()]
    }

    fn ends_well(&self, _: &str) -> Result<bool, String> {
        Err("commands of ssh_config are not run here".to_owned())
    }
}
