//! ClusterShell's YAML groups: a source, its groups, and for each a text or a list of texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::{Parsed, item_fault, name_fault};
use crate::hosts::definitions::{Cluster, Definitions, GroupSource, Item, Settings};
use crate::hosts::{FileProblem, Origin};

/// What is open at each depth of the document.
enum Open {
    /// Source names and their groups.
    Root,
    /// Groups of a source.
    Source(Arc<str>),
    /// The members of a group.
    Group(Arc<str>, Arc<str>),
}

/// Reads a file of groups. The parser is driven event by event, so that no nesting can exhaust the stack.
pub(super) fn parse(text: &str, file: &Arc<str>) -> Parsed {
    let mut reader =
        Reader { file, sources: BTreeMap::new(), problems: Vec::new(), open: Vec::new(), key: None };
    let mut events = Parser::new_from_str(text);
    while reader.problems.is_empty() {
        match events.next_token() {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, mark)) => reader.take(event, mark),
            Err(error) => {
                reader.problem(*error.marker(), format!("this is no YAML: {}", error.info()), "mend it here");
            }
        }
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let groups: Vec<GroupSource> = reader.sources.into_values().collect();
    let problems: Vec<FileProblem> = groups
        .iter()
        .flat_map(|source| source.groups.values())
        .flat_map(|group| group.items.iter().filter_map(item_fault))
        .collect();
    if problems.is_empty() { Ok(Definitions { groups, ..Definitions::default() }) } else { Err(problems) }
}

struct Reader<'a> {
    file: &'a Arc<str>,
    sources: BTreeMap<Arc<str>, GroupSource>,
    problems: Vec<FileProblem>,
    open: Vec<Open>,
    /// The key that waits for its value, and where it stands.
    key: Option<(Arc<str>, Marker)>,
}

const SHAPE: &str = "write it as SOURCE:, then GROUP: 'hosts' indented below it";

impl Reader<'_> {
    fn problem(&mut self, mark: Marker, message: impl Into<String>, help: &str) {
        let (line, column) = (mark.line(), mark.col() + 1);
        let (message, help) = (crate::escape::text(&message.into(), 300), help.to_owned());
        self.problems.push(FileProblem { file: self.file.clone(), line, column, message, help });
    }

    fn take(&mut self, event: Event, mark: Marker) {
        match event {
            Event::Scalar(text, style, _, _) => self.scalar(text, style, mark),
            Event::MappingStart(..) => self.mapping(mark),
            Event::SequenceStart(..) => match (self.open.last(), self.key.take()) {
                (Some(Open::Source(source)), Some((group, at))) => {
                    let source = source.clone();
                    self.define(&source, &group, at);
                    self.open.push(Open::Group(source, group));
                }
                _ => self.problem(mark, "a list stands where a table is expected", SHAPE),
            },
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
            }
            Event::Alias(_) => self.problem(mark, "an alias is not followed here", "write the hosts out"),
            _ => {}
        }
    }

    fn mapping(&mut self, mark: Marker) {
        match (self.open.last(), self.key.take()) {
            (None, None) => self.open.push(Open::Root),
            (Some(Open::Root), Some((source, _))) => {
                let empty = GroupSource { name: source.clone(), groups: BTreeMap::new() };
                if self.sources.insert(source.clone(), empty).is_some() {
                    self.problem(
                        mark,
                        format!("the source `{source}` stands here twice"),
                        "put both together",
                    );
                }
                self.open.push(Open::Source(source));
            }
            _ => self.problem(mark, "a table stands where hosts are expected", SHAPE),
        }
    }

    fn scalar(&mut self, text: String, style: TScalarStyle, mark: Marker) {
        match (self.open.last(), self.key.take()) {
            (Some(Open::Root | Open::Source(_)), None) => match name_fault(&text) {
                None => self.key = Some((Arc::from(text), mark)),
                Some(fault) => self.problem(mark, format!("`{text}` is no name: {fault}"), "rename it"),
            },
            (Some(Open::Source(source)), Some((group, at))) => {
                let source = source.clone();
                self.define(&source, &group, at);
                self.member(&(source, group), text, (style, mark));
            }
            (Some(Open::Group(source, group)), None) => {
                let group = (source.clone(), group.clone());
                self.member(&group, text, (style, mark));
            }
            _ => self.problem(mark, "a text stands where a table is expected", SHAPE),
        }
    }

    fn define(&mut self, source: &Arc<str>, group: &Arc<str>, mark: Marker) {
        let cluster = Cluster {
            name: group.clone(),
            origin: Origin::file(self.file, mark.line()),
            items: Vec::new(),
            settings: Settings::default(),
        };
        let source = self.sources.get_mut(source);
        if source.and_then(|source| source.groups.insert(group.clone(), cluster)).is_some() {
            self.problem(mark, format!("the group `{group}` stands here twice"), "put both together");
        }
    }

    fn member(
        &mut self,
        (source, group): &(Arc<str>, Arc<str>),
        text: String,
        (style, mark): (TScalarStyle, Marker),
    ) {
        let is_null = style == TScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null");
        if is_null || text.trim().is_empty() {
            return;
        }
        let quote = usize::from(matches!(style, TScalarStyle::SingleQuoted | TScalarStyle::DoubleQuoted));
        let item =
            Item { text, origin: Origin::file(self.file, mark.line()), column: mark.col() + 1 + quote };
        let group = self.sources.get_mut(source).and_then(|source| source.groups.get_mut(group));
        group.into_iter().for_each(|group| group.items.push(item.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_groups_and_lists_are_read() {
        let text = "roles:\n    adm: 'example0'\n    io: '@racks:rack2,example2' # c\nracks:\n    rack5:\n\
                    \x20       - 'example[200-205]'\n        - example245\n    none:\n";
        let parsed = parse(text, &Arc::from("g.yaml")).unwrap();
        let mut shown = Vec::new();
        for source in &parsed.groups {
            for group in source.groups.values() {
                let items: Vec<&str> = group.items.iter().map(|item| item.text.as_str()).collect();
                shown.push(format!("{}:{}={} {}", source.name, group.name, items.join("|"), group.origin));
            }
        }
        let expected = [
            "racks:none= g.yaml:8",
            "racks:rack5=example[200-205]|example245 g.yaml:5",
            "roles:adm=example0 g.yaml:2",
            "roles:io=@racks:rack2,example2 g.yaml:3",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn problems_name_their_place() {
        let table = [
            ("a: b\n", "g:1:4: a text stands"),
            ("- a\n", "g:1:1: a list stands"),
            ("a:\n  b:\n    c: d\n", "g:3:6: a table stands"),
            ("a:\n  b: 'x\n", "no YAML"),
            ("a:\n  b: 'h[5-1]'\n", "g:2:9: the range runs backwards"),
            ("a:\n  b: x\n  b: y\n", "g:3:3: the group `b` stands here twice"),
            ("a:\n  b: &x y\n  c: *x\n", "alias"),
        ];
        for (text, expected) in table {
            let problems = parse(text, &Arc::from("g")).expect_err(text);
            assert!(problems[0].to_string().contains(expected), "{text}: {}", problems[0]);
        }
        for deep in ["[".repeat(10_000), "- ".repeat(10_000), "a: {".repeat(10_000)] {
            assert!(parse(&deep, &Arc::from("g")).is_err());
        }
    }
}
