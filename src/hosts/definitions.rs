//! What a file of hosts says, before it is put together with the others. Every parser produces these values; each knows
//! the line it stands on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{FileProblem, Origin, Valued};

/// A member of a cluster as it is written: an expression, or an operator and an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
    /// The column of its first character, from 1.
    pub column: usize,
}

/// A key of `[hosts.NAME]` or `[clusters.NAME]` that has one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// The login name.
    User,
    /// The port, kept as text that is a number from 1 to 65535.
    Port,
    /// The name or address to dial.
    Address,
    /// The jump host or chain.
    Jump,
    /// The key file, as written.
    Identity,
    /// A variable.
    Var(String),
}

impl Setting {
    /// The key as a file spells it.
    pub fn name(&self) -> String {
        match self {
            Setting::User => "user".to_owned(),
            Setting::Port => "port".to_owned(),
            Setting::Address => "address".to_owned(),
            Setting::Jump => "jump".to_owned(),
            Setting::Identity => "identity".to_owned(),
            Setting::Var(name) => format!("vars.{name}"),
        }
    }
}

/// The values that a cluster or a host entry gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Keys with one value.
    pub values: BTreeMap<Setting, Valued<String>>,
    /// Tags.
    pub tags: Vec<Valued<String>>,
}

/// A named list of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is defined.
    pub origin: Origin,
    /// Its members in the order written.
    pub items: Vec<Item>,
    /// What holds for all of them.
    pub settings: Settings,
}

/// A group source whose groups stand in a file (ClusterShell's YAML, or `name: hosts` lines).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSource {
    /// The name of the source.
    pub name: Arc<str>,
    /// Its groups.
    pub groups: BTreeMap<Arc<str>, Cluster>,
}

/// How a dynamic source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commands {
    /// Argument vectors of `clusters.toml`; `{group}` stands for the group. Never a shell.
    Arguments {
        /// Prints the hosts of a group.
        map: Vec<String>,
        /// Prints the names of all groups.
        list: Option<Vec<String>>,
        /// Prints all hosts.
        all: Option<Vec<String>>,
    },
    /// Shell lines of `groups.conf`, with `$GROUP`, `$SOURCE` and `$CFGDIR`.
    Shell {
        /// Prints the hosts of `$GROUP`.
        map: String,
        /// Prints the names of all groups.
        list: Option<String>,
        /// Prints all hosts.
        all: Option<String>,
        /// Prints the groups of `$NODE`; read and kept, since nothing here asks it.
        reverse: Option<String>,
        /// The directory that the lines run in, and `$CFGDIR`.
        directory: PathBuf,
    },
}

/// May the commands of a source run?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Yes.
    Granted,
    /// No, for this reason.
    Refused(String),
}

/// A source of groups that is asked when it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is defined.
    pub origin: Origin,
    /// How it is asked.
    pub commands: Commands,
    /// Whether it may be asked.
    pub trust: Trust,
}

impl Source {
    /// Can it print all hosts at once?
    pub fn has_all(&self) -> bool {
        match &self.commands {
            Commands::Arguments { all, .. } => all.is_some(),
            Commands::Shell { all, .. } => all.is_some(),
        }
    }

    /// Can it list its groups?
    pub fn has_list(&self) -> bool {
        match &self.commands {
            Commands::Arguments { list, .. } => list.is_some(),
            Commands::Shell { list, .. } => list.is_some(),
        }
    }
}

/// All that one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Clusters; one of the same name in an earlier file is replaced.
    pub clusters: Vec<Cluster>,
    /// A cluster's name and a member that is added to it, whoever defines it (ClusterSSH's tags).
    pub members: Vec<(Arc<str>, Item)>,
    /// Hosts' own settings, by name.
    pub hosts: Vec<(String, Settings)>,
    /// Sources whose groups stand in the file.
    pub groups: Vec<GroupSource>,
    /// Sources that are asked.
    pub sources: Vec<Source>,
    /// The source that `@group` means where no cluster has the name.
    pub default_source: Option<Valued<String>>,
    /// What was read but has no meaning here; worth a word, no reason to stop.
    pub warnings: Vec<FileProblem>,
}
