//! What is wrong with a configuration.

use crate::ssh::place::Place;

/// An ssh_config or an `-o` that cannot be used; the sentence names the place and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A line is wrong.
    #[error("{place}: {what}")]
    Line {
        /// Which line.
        place: Place,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// A whole file cannot be used.
    #[error("{0}")]
    File(String),
    /// An option of the command line is wrong.
    #[error("{0}")]
    Option(String),
}
