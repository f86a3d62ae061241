//! ClusterSSH's `clusters` and `tags` files, with its faults mended: nothing in them is dropped in silence.
//!
//! A line is a cluster and its members (or, in the tags file, a host and its clusters), separated by blanks. `#` ends a
//! line anywhere; a backslash at its end continues it. The same cluster twice in one file collects its members.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::list::words;
use super::{Parsed, item_fault, name_fault};
use crate::hosts::definitions::{Cluster, Definitions, Item, Settings};
use crate::hosts::range::{HOST_LIMIT, Ranges};
use crate::hosts::{FileProblem, Origin};

/// One word of a logical line.
struct Word {
    text: String,
    line: usize,
    column: usize,
}

pub(super) fn parse_clusters(text: &str, file: &Arc<str>) -> Parsed {
    let mut reader = Reader { file, problems: Vec::new(), warnings: Vec::new() };
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for mut row in reader.rows(text) {
        let name = row.remove(0);
        if let Some(fault) = name_fault(&name.text) {
            reader.problem(
                &name,
                format!("`{}` is no name of a cluster: {fault}", shown(&name)),
                "rename it",
            );
            continue;
        }
        if row.is_empty() {
            reader.warn(
                &name,
                format!("the cluster `{}` has no members", name.text),
                "add hosts, or take it out",
            );
        }
        let items: Vec<Item> = row.into_iter().filter_map(|word| reader.item(word)).collect();
        match places.get(&name.text) {
            Some(&at) => clusters[at].items.extend(items),
            None => {
                places.insert(name.text.clone(), clusters.len());
                clusters.push(Cluster {
                    name: Arc::from(name.text),
                    origin: Origin::file(file, name.line),
                    items,
                    settings: Settings::default(),
                });
            }
        }
    }
    reader.finish(Definitions { clusters, ..Definitions::default() })
}

pub(super) fn parse_tags(text: &str, file: &Arc<str>) -> Parsed {
    let mut reader = Reader { file, problems: Vec::new(), warnings: Vec::new() };
    let mut members = Vec::new();
    for mut row in reader.rows(text) {
        let host = row.remove(0);
        if row.is_empty() {
            reader.warn(&host, format!("`{}` is in no cluster", shown(&host)), "name its clusters after it");
        }
        let Some(item) = reader.item(host) else { continue };
        for word in row {
            for name in reader.names(&word) {
                members.push((Arc::from(name), item.clone()));
            }
        }
    }
    reader.finish(Definitions { members, ..Definitions::default() })
}

fn shown(word: &Word) -> String {
    crate::escape::text(&word.text, 60)
}

struct Reader<'a> {
    file: &'a Arc<str>,
    problems: Vec<FileProblem>,
    warnings: Vec<FileProblem>,
}

impl Reader<'_> {
    /// Logical lines as words; none of them is empty.
    fn rows(&mut self, text: &str) -> Vec<Vec<Word>> {
        let mut rows: Vec<Vec<Word>> = Vec::new();
        let mut open: Option<(usize, bool)> = None;
        for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
            let line = line[..line.find('#').unwrap_or(line.len())].trim_end();
            let (body, continues) = line.strip_suffix('\\').map_or((line, false), |body| (body, true));
            let found = words(body);
            let first = found.first().map(|word| word.start);
            if let Some((_, true)) = open
                && first == Some(0)
            {
                let word = Word { text: String::new(), line: number, column: 1 };
                let help = "put a blank before the backslash, or at the start of this line";
                self.problem(&word, "this line is joined to the word above it".to_owned(), help);
            }
            let row = found.into_iter().map(|word| Word {
                text: word.text.to_owned(),
                line: number,
                column: word.column,
            });
            if open.is_none() {
                rows.push(Vec::new());
            }
            if let Some(last) = rows.last_mut() {
                last.extend(row);
            }
            let glued = !body.is_empty() && !body.ends_with(char::is_whitespace);
            open = continues.then_some((number, glued));
        }
        if let Some((line, _)) = open {
            let word = Word { text: String::new(), line, column: 1 };
            self.problem(&word, "the file ends in a line that is to be continued".to_owned(), "complete it");
        }
        rows.retain(|row| !row.is_empty());
        rows
    }

    fn item(&mut self, word: Word) -> Option<Item> {
        let text = self.without_geometry(&word);
        let item = Item { text, origin: Origin::file(self.file, word.line), column: word.column };
        match item_fault(&item) {
            Some(problem) => {
                self.problems.push(problem);
                None
            }
            None => Some(item),
        }
    }

    /// `host=80x24+0+0`: ClusterSSH reads a window's geometry and never uses it.
    fn without_geometry(&mut self, word: &Word) -> String {
        let is_geometry = |text: &str| {
            let end = text.find(['+', '-']).unwrap_or(text.len());
            text[..end].split_once('x').is_some_and(|(columns, rows)| {
                !columns.is_empty()
                    && !rows.is_empty()
                    && (columns.to_owned() + rows).bytes().all(|b| b.is_ascii_digit())
            })
        };
        match word.text.split_once('=') {
            Some((host, geometry)) if is_geometry(geometry) => {
                self.warn(word, "a window geometry has no meaning here".to_owned(), "take it out");
                host.to_owned()
            }
            _ => word.text.clone(),
        }
    }

    /// The cluster names of one word of the tags file, ranges expanded.
    fn names(&mut self, word: &Word) -> Vec<String> {
        let names = match Ranges::parse(&word.text) {
            Ok(ranges) if ranges.count() <= HOST_LIMIT as u64 => ranges.expand(),
            Ok(_) => {
                self.problem(word, "this names more than 100,000 clusters".to_owned(), "name fewer");
                return Vec::new();
            }
            Err(fault) => {
                self.problem(word, fault.message, &fault.help);
                return Vec::new();
            }
        };
        if let Some(fault) = names.iter().find_map(|name| name_fault(name)) {
            self.problem(word, format!("`{}` is no name of a cluster: {fault}", shown(word)), "rename it");
            return Vec::new();
        }
        names
    }

    fn problem(&mut self, word: &Word, message: String, help: &str) {
        self.problems.push(self.at(word, message, help));
    }

    fn warn(&mut self, word: &Word, message: String, help: &str) {
        self.warnings.push(self.at(word, message, help));
    }

    fn at(&self, word: &Word, message: String, help: &str) -> FileProblem {
        let (file, help) = (self.file.clone(), help.to_owned());
        FileProblem { file, line: word.line, column: word.column, message, help }
    }

    fn finish(self, definitions: Definitions) -> Parsed {
        if self.problems.is_empty() {
            Ok(Definitions { warnings: self.warnings, ..definitions })
        } else {
            Err(self.problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(text: &str) -> Vec<String> {
        let parsed = parse_clusters(text, &Arc::from("clusters")).unwrap_or_else(|p| panic!("{p:?}"));
        let shown = |cluster: &Cluster| {
            let items: Vec<&str> = cluster.items.iter().map(|item| item.text.as_str()).collect();
            format!("{} = {}", cluster.name, items.join(" "))
        };
        parsed.clusters.iter().map(shown).collect()
    }

    #[test]
    fn the_format_is_read() {
        let text = "# comment\n\nlive admin1@server1 admin2@server2:2022 server3   # trailing\n\
                    web  websvr{a,b,c} \\   # note\n     websvr{6..9}\n  all\tlive web\nlive server4\n";
        let expected = [
            "live = admin1@server1 admin2@server2:2022 server3 server4",
            "web = websvr{a,b,c} websvr{6..9}",
            "all = live web",
        ];
        assert_eq!(clusters(text), expected);
        assert_eq!(clusters("v6 [::1]:22 web[1-3] web*\r\n"), ["v6 = [::1]:22 web[1-3] web*"]);
    }

    #[test]
    fn tags_add_hosts_to_clusters() {
        let parsed = parse_tags("h1 web live\nh{2,3} rack{1..2}\n", &Arc::from("tags")).unwrap();
        let shown: Vec<String> =
            parsed.members.iter().map(|(name, item)| format!("{name}:{}", item.text)).collect();
        assert_eq!(shown, ["web:h1", "live:h1", "rack1:h{2,3}", "rack2:h{2,3}"]);
    }

    #[test]
    fn what_means_nothing_is_a_warning() {
        let parsed = parse_clusters("empty\nweb h1=80x24+0+0 h2\n", &Arc::from("c")).unwrap();
        assert_eq!(parsed.clusters[1].items[0].text, "h1");
        let lines: Vec<usize> = parsed.warnings.iter().map(|warning| warning.line).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let text = "web h1 h$2\nd@b h\nx a[5-1]\ny a\\\nb\nz h \\\n";
        let problems = parse_clusters(text, &Arc::from("c")).unwrap_err();
        let places: Vec<(usize, usize)> = problems.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(5, 1), (6, 1), (1, 9), (2, 1), (3, 5)], "{problems:?}");
    }
}
