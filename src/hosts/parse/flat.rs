//! ClusterShell's flat groups: `group: hosts` lines, as its `local.cfg` has them.

use std::sync::Arc;

use super::list::words;
use super::{Parsed, item_fault, name_fault};
use crate::hosts::definitions::{Cluster, Definitions, Item, Settings};
use crate::hosts::{FileProblem, Origin};

/// Each group becomes a cluster; the words after the colon are its members.
pub(super) fn parse(text: &str, file: &Arc<str>) -> Parsed {
    let mut definitions = Definitions::default();
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        let line = line[..line.find('#').unwrap_or(line.len())].trim_end();
        if line.trim().is_empty() {
            continue;
        }
        let mut problem = |column: usize, message: String, help: &str| {
            let (file, help) = (file.clone(), help.to_owned());
            problems.push(FileProblem { file, line: number, column, message, help });
        };
        let Some((name, members)) = line.split_once(':') else {
            problem(
                1,
                "a colon is missing after the name of the group".to_owned(),
                "write it as group: hosts",
            );
            continue;
        };
        if let Some(fault) = name_fault(name.trim()) {
            problem(1, fault.to_owned(), "write it as group: hosts");
            continue;
        }
        let before = name.chars().count() + 1;
        let items: Vec<Item> = words(members)
            .into_iter()
            .map(|word| Item {
                text: word.text.to_owned(),
                origin: Origin::file(file, number),
                column: before + word.column,
            })
            .collect();
        problems.extend(items.iter().filter_map(item_fault));
        definitions.clusters.push(Cluster {
            name: Arc::from(name.trim()),
            origin: Origin::file(file, number),
            items,
            settings: Settings::default(),
        });
    }
    if problems.is_empty() { Ok(definitions) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read() {
        let parsed =
            parse("adm: example0\noss: example4 example5 # two\nall: @adm,@oss\n", &Arc::from("f")).unwrap();
        let counts: Vec<usize> = parsed.clusters.iter().map(|cluster| cluster.items.len()).collect();
        assert_eq!(counts, [1, 2, 1]);
        let problems = parse("adm: a\nno colon\nx: h[\n", &Arc::from("f")).unwrap_err();
        assert_eq!((problems[0].line, problems[1].line, problems[1].column), (2, 3, 5));
    }
}
