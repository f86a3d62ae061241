//! Who said the values of a target, and what is worth a word about them.

use std::borrow::Cow;
use std::fmt;

use crate::ssh::Target;
use crate::ssh::config::Source;
use crate::ssh::place::Place;

/// Who said a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The host expression.
    Expression,
    /// This option of the command line.
    Option(&'static str),
    /// A cluster file; the [`Request`](super::Request) had it.
    Cluster,
    /// A line of an ssh_config.
    Config(Place),
    /// Nobody.
    #[default]
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Expression => f.write_str("the host expression"),
            Origin::Option(name) => f.write_str(name),
            Origin::Cluster => f.write_str("the cluster file"),
            Origin::Config(place) => place.fmt(f),
            Origin::Default => f.write_str("default"),
        }
    }
}

impl From<Source<'_>> for Origin {
    fn from(source: Source<'_>) -> Origin {
        match source {
            Source::Expression => Origin::Expression,
            Source::Option(name) => Origin::Option(name),
            Source::Cluster => Origin::Cluster,
            Source::Config(place) => Origin::Config(place.clone()),
        }
    }
}

impl From<Option<Source<'_>>> for Origin {
    fn from(source: Option<Source<'_>>) -> Origin {
        source.map_or(Origin::Default, Origin::from)
    }
}

/// Who said the values of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The login name.
    pub user: Origin,
    /// The port.
    pub port: Origin,
    /// The address.
    pub address: Origin,
    /// The name under which known_hosts is searched.
    pub key_name: Origin,
    /// What happens with unknown keys.
    pub policy: Origin,
    /// The connect timeout.
    pub connect_timeout: Origin,
    /// How it is reached.
    pub route: Origin,
    /// Each of the key files, in their order.
    pub identities: Vec<Origin>,
    /// Each of the certificates, in their order.
    pub certificates: Vec<Origin>,
    /// What else was said.
    pub others: Vec<Saying>,
}

/// A keyword that has no field among the [`Origins`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The keyword as manuals write it.
    pub keyword: &'static str,
    /// What it comes to for this host, in the words of ssh_config; not yet safe for a terminal.
    pub value: Cow<'static, str>,
    /// Who said it.
    pub origin: Origin,
}

/// Something in the configuration that is read otherwise than it stands, to be said once a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A keyword that is passed over.
    PassedOver {
        /// The keyword.
        keyword: &'static str,
        /// Where it stands.
        place: Place,
    },
    /// `StrictHostKeyChecking no` is read as `accept-new`.
    ReadAsAcceptNew(Origin),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::PassedOver { keyword, place } => {
                write!(f, "{place}: {keyword} is not supported and was passed over")
            }
            Note::ReadAsAcceptNew(origin) => {
                write!(
                    f,
                    "{origin}: StrictHostKeyChecking no is read as accept-new; changed keys are always refused"
                )
            }
        }
    }
}

/// A target, and how it came about.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Everything that is needed to reach the host.
    pub target: Target,
    /// Who said what.
    pub origins: Origins,
    /// What is worth a word; the same for many hosts, so gather them in a set.
    pub notes: Vec<Note>,
}
