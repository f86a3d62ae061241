//! Who: hosts as the user names them, sets of hosts with algebra, and the files that define clusters.
//!
//! Everything here is pure but for two files: `files` finds and reads the cluster files, `sources` runs the commands of
//! dynamic sources. Text becomes `Definitions` (one parser for each format), definitions become an `Inventory`, and
//! `Inventory::select` turns expressions into `Member`s, each value with the place it was said.

mod among;
mod bag;
mod definitions;
mod error;
mod eval;
mod expr;
mod facts;
mod files;
mod fold;
mod host;
mod inventory;
mod parse;
mod place;
mod range;
mod set;
mod sources;
pub mod template;

pub use among::among;
pub use definitions::{Cluster, Commands, Definitions, GroupSource, Item, Setting, Settings, Source, Trust};
pub use error::{Disagreement, ExprError, FileProblem, FileProblems, Origin, SelectError, Valued};
pub use expr::FATES;
pub use facts::Facts;
pub use files::{ExtraSources, Places, load};
pub use host::{Host, HostParseError};
pub use inventory::{
    Earlier, Empty, Groups, HostList, Inventory, Listed, Member, NoGroups, Query, Selection,
};
pub use parse::{Role, parse_clusters, parse_host_list};
pub use range::HOST_LIMIT;
pub use set::HostSet;
pub use sources::Sources;
pub use template::{Piece, Place, Template, TemplateError};
