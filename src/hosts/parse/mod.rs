//! Parsers, one for each format: text to `Definitions`, or every problem with its file, line and column.
//!
//! The format is told from the content: a `[table]` or `key =` is TOML unless the sections are those of ClusterShell's
//! `groups.conf`; `name:` opens YAML or ClusterShell's flat `group: hosts` lines; everything else is ClusterSSH's.

mod clusterssh;
mod flat;
mod groups_conf;
mod groups_yaml;
mod list;
mod toml_file;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

pub use list::parse_host_list;

use super::definitions::{Definitions, Item, Trust};
use super::expr::{self, Step, Term};
use super::range::Ranges;
use super::{FileProblem, Host, Origin};

pub(super) use groups_conf::{Directories, directories};

/// What kind of file a place holds, where the content alone cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Clusters, in whatever format.
    Clusters,
    /// ClusterSSH's reverse file: a host, then its clusters.
    Tags,
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    ClusterSsh,
    Toml,
    GroupsConf,
    GroupsYaml,
    Flat,
}

type Parsed = Result<Definitions, Vec<FileProblem>>;

/// Reads one file. `trust` says whether commands that it names may run.
pub fn parse_clusters(text: &str, path: &Path, role: Role, trust: &Trust) -> Parsed {
    let file: Arc<str> = Arc::from(path.to_string_lossy());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        let (line, column) = Lines::new(text).place(at);
        let (message, help) = ("a NUL byte".to_owned(), "save it as UTF-8 text".to_owned());
        return Err(vec![FileProblem { file, line, column, message, help }]);
    }
    if role == Role::Tags {
        return clusterssh::parse_tags(text, &file);
    }
    match format(text) {
        Format::ClusterSsh => clusterssh::parse_clusters(text, &file),
        Format::Toml => toml_file::parse(text, &file, trust),
        Format::GroupsYaml => groups_yaml::parse(text, &file),
        Format::Flat => flat::parse(text, &file),
        Format::GroupsConf => parse_groups_conf(text, path, path.parent().unwrap_or(Path::new(".")), trust),
    }
}

/// Reads a `groups.conf` whose `$CFGDIR` is `directory`.
pub(super) fn parse_groups_conf(text: &str, path: &Path, directory: &Path, trust: &Trust) -> Parsed {
    groups_conf::parse(text, &Arc::from(path.to_string_lossy()), directory, trust)
}

/// Tells the format from the content.
pub(super) fn format(text: &str) -> Format {
    let lines = || text.lines().map(str::trim_end).filter(|line| !is_comment(line));
    let Some(first) = lines().next() else { return Format::ClusterSsh };
    let first_word = first.split_whitespace().next().unwrap_or("");
    if is_section(first) {
        return if is_groups_conf(text) { Format::GroupsConf } else { Format::Toml };
    }
    if first == "---" || first.starts_with("%YAML") {
        return Format::GroupsYaml;
    }
    if first.split_once('=').is_some_and(|(key, _)| is_toml_key(key)) {
        return Format::Toml;
    }
    if first_word.len() > 1 && first_word.ends_with(':') && !first.starts_with(char::is_whitespace) {
        let only_the_key =
            first.trim_end() == first_word || first[first_word.len()..].trim_start().starts_with(['#', '{']);
        return if only_the_key { Format::GroupsYaml } else { Format::Flat };
    }
    Format::ClusterSsh
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with(['#', ';'])
}

fn is_section(line: &str) -> bool {
    let line = line.trim_start();
    let body = line.trim_start_matches('[');
    line.starts_with('[') && body.split_once(']').is_some_and(|(_, after)| !after.starts_with(':'))
}

/// Bare or quoted keys joined by dots.
fn is_toml_key(key: &str) -> bool {
    let key = key.trim();
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"'".contains(c))
}

/// `groups.conf` has a `[Main]`, or a section with an unquoted `map`.
fn is_groups_conf(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        let (key, value) = line.split_once([':', '=']).unwrap_or((line, ""));
        line.eq_ignore_ascii_case("[main]")
            || (key.trim().eq_ignore_ascii_case("map") && !value.trim_start().starts_with('['))
            || (key.trim() == "map" && line.contains("map:"))
    })
}

/// Turns bytes into lines and columns. Asked in the order of the text, all answers together cost one walk over it.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// The last byte asked for and its column.
    last: Cell<(usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts, last: Cell::new((0, 1)) }
    }

    /// The line, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// Line and column in characters, both from 1.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.line(at);
        let start = self.starts[line - 1];
        let (known, column) = match self.last.get() {
            (known, column) if (start..=at).contains(&known) => (known, column),
            _ => (start, 1),
        };
        let column = column + self.text.get(known..at).unwrap_or("").chars().count();
        self.last.set((at, column));
        (line, column)
    }
}

/// Why a text may not name a cluster, a group or a source.
pub(super) fn name_fault(name: &str) -> Option<&'static str> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || ",!&^()[]{}*?@:;#'\"`$\\<>|".contains(c);
    match name {
        "" => Some("a name is missing"),
        _ if name.starts_with('-') => Some("a name may not begin with -"),
        _ if name.contains(forbidden) => {
            Some("a name holds letters, digits, dots, dashes and underscores only")
        }
        _ if name.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric()) => {
            Some("a name may not hold characters that cannot be seen")
        }
        _ => None,
    }
}

/// Checks the spelling of a member at once, so that a fault is found when the file is read and not when it is used.
pub(super) fn item_fault(item: &Item) -> Option<FileProblem> {
    let Origin::File { file, line } = &item.origin else { return None };
    let fault = |at: usize, message: String, help: String| {
        let before = item.text.get(..at).unwrap_or(&item.text);
        let column = item.column + before.chars().count();
        Some(FileProblem { file: file.clone(), line: *line as usize, column, message, help })
    };
    let expr = match expr::parse(&item.text, &item.origin, item.column) {
        Ok(expr) => expr,
        Err(error) => return fault(error.span.start, error.message, error.help),
    };
    for span in spans(&expr.steps) {
        let text = &item.text[span.clone()];
        let ranges = match Ranges::parse(text) {
            Ok(ranges) => ranges,
            Err(wrong) => return fault(span.start + wrong.span.start, wrong.message, wrong.help),
        };
        if text.starts_with('@') || text.contains(['*', '?']) {
            continue;
        }
        if let Err(error) = ranges.first().parse::<Host>() {
            let at = if ranges.count() == 1 { error.span.start } else { 0 };
            return fault(span.start + at, error.message, error.help);
        }
    }
    None
}

fn spans(steps: &[Step]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for step in steps {
        match &step.term {
            Term::Item(span) => found.push(span.clone()),
            Term::Group(inner) => found.extend(spans(inner)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hosts::{Inventory, NoGroups, Selection};

    #[test]
    fn the_format_is_told_from_the_content() {
        let table = [
            ("", Format::ClusterSsh),
            ("# only\n\n", Format::ClusterSsh),
            ("web h1 h2\n", Format::ClusterSsh),
            ("live [::1]:22 a=80x24\n", Format::ClusterSsh),
            ("[clusters.web]\nhosts = []\n", Format::Toml),
            ("# c\n[sources.cloud]\nmap = [\"a\"]\n", Format::Toml),
            ("clusters.web.hosts = [\"a\"]\n", Format::Toml),
            ("[Main]\ndefault: local\n", Format::GroupsConf),
            ("[local]\nmap: sed -n x f\n", Format::GroupsConf),
            ("[local]\nmap = [ -f x ] && cat x\n[main]\n", Format::GroupsConf),
            ("[a,b]\nmap: [ -f x ] && cat x\n", Format::GroupsConf),
            ("roles:\n  adm: a\n", Format::GroupsYaml),
            ("---\nroles: {adm: a}\n", Format::GroupsYaml),
            ("roles: # c\n  adm: a\n", Format::GroupsYaml),
            ("adm: example0\noss: example4\n", Format::Flat),
        ];
        for (text, expected) in table {
            assert_eq!(format(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_clusters() {
        assert!(["web", "b\u{fc}ro", "a.b-c_d", "12"].iter().all(|name| name_fault(name).is_none()));
        let bad = ["", "-x", "a b", "a,b", "@a", "a*", "a:b", "a\u{202e}b", "a[1]", "a$b"];
        assert!(bad.iter().all(|name| name_fault(name).is_some()));
    }

    proptest! {
        /// Whatever stands in a file or an expression, it is read or refused, and all that is read can be evaluated.
        #[test]
        fn nothing_panics(text in "[a-c0-9@:,!&^()\\[\\]{}*?./=#\"'\\\\ \\n\t\u{e9}\u{202e}$|>-]{0,120}") {
            let opened = ["", "[clusters.a]\nhosts = [", "[Main]\n", "a:\n  b: ", "a: ", "web "];
            for (role, before) in opened.iter().map(|before| (Role::Clusters, before)).chain([(Role::Tags, &"")]) {
                let mut inventory = Inventory::default();
                match parse_clusters(&format!("{before}{text}"), Path::new("f"), role, &Trust::Granted) {
                    Ok(definitions) => inventory.add(definitions),
                    Err(problems) => prop_assert!(!problems.is_empty()),
                }
                for target in [text.as_str(), "@*", "a"] {
                    let targets = [target.to_owned()];
                    let selection = Selection { targets: &targets, ..Selection::default() };
                    let _ = inventory.select(&selection, &NoGroups).map_err(|error| error.to_string());
                }
            }
        }
    }

    #[test]
    fn nul_is_refused_with_its_place() {
        let problems =
            parse_clusters("web a\nx\0", Path::new("c"), Role::Clusters, &Trust::Granted).unwrap_err();
        assert_eq!(problems[0].to_string(), "c:2:2: a NUL byte; save it as UTF-8 text");
    }
}
