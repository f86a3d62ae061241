//! ClusterShell's `groups.conf`: an ini file whose sections are group sources with shell lines for commands, and whose
//! `[Main]` names the default source and the directories of further files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Parsed, name_fault};
use crate::hosts::definitions::{Commands, Definitions, Source, Trust};
use crate::hosts::{FileProblem, Origin, Valued};

const SOURCE_KEYS: [&str; 5] = ["map", "all", "list", "reverse", "cache_time"];
const MAIN_KEYS: [&str; 4] = ["default", "confdir", "groupsdir", "autodir"];

/// A section: its name, its line, and each key with its value and line.
struct Section {
    name: String,
    line: usize,
    values: BTreeMap<String, (String, usize)>,
}

/// The directories of further files that `[Main]` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hosts) struct Directories {
    /// `*.conf` files of the same format (`confdir`, formerly `groupsdir`).
    pub(in crate::hosts) conf: Vec<PathBuf>,
    /// `*.yaml` files of groups (`autodir`).
    pub(in crate::hosts) auto: Vec<PathBuf>,
}

/// Reads the sources and the default. `directory` is the file's own, which `$CFGDIR` means.
pub(super) fn parse(text: &str, file: &Arc<str>, directory: &Path, trust: &Trust) -> Parsed {
    let mut problems = Vec::new();
    let mut definitions = Definitions::default();
    let mut problem = |line: usize, message: String, help: &str| {
        let (message, help) = (crate::escape::text(&message, 300), help.to_owned());
        problems.push(FileProblem { file: file.clone(), line, column: 1, message, help });
    };
    for section in sections(text, &mut problem) {
        let is_main = section.name.eq_ignore_ascii_case("main");
        let known: &[&str] = if is_main { &MAIN_KEYS } else { &SOURCE_KEYS };
        for (key, (_, line)) in section.values.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let near =
                known.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known)).unwrap_or(&"");
            // ClusterShell passes over such a key, and its users' files must go on working.
            definitions.warnings.push(FileProblem {
                file: file.clone(),
                line: *line,
                column: 1,
                message: format!("`{key}` is no key here"),
                help: format!("did you mean `{near}`? known are {}", known.join(", ")),
            });
        }
        if is_main {
            definitions.default_source = section
                .values
                .get("default")
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, line)| Valued { value: name.clone(), origin: Origin::file(file, *line) });
            continue;
        }
        let value =
            |key: &str| section.values.get(key).map(|(value, _)| value.clone()).filter(|v| !v.is_empty());
        let Some(map) = value("map") else {
            problem(
                section.line,
                format!("the source [{}] has no map", section.name),
                "give it map: COMMAND",
            );
            continue;
        };
        let commands = Commands::Shell {
            map,
            list: value("list"),
            all: value("all"),
            reverse: value("reverse"),
            directory: directory.to_owned(),
        };
        for name in section.name.split(',').map(str::trim) {
            if let Some(fault) = name_fault(name).or((name == "run").then_some("`run` is reserved")) {
                problem(section.line, format!("`{name}` is no name of a source: {fault}"), "rename it");
                continue;
            }
            definitions.sources.push(Source {
                name: Arc::from(name),
                origin: Origin::file(file, section.line),
                commands: commands.clone(),
                trust: trust.clone(),
            });
        }
    }
    if problems.is_empty() { Ok(definitions) } else { Err(problems) }
}

/// The directories that `[Main]` names; `config` is what `$CFGDIR` means.
pub(in crate::hosts) fn directories(text: &str, config: &Path) -> Directories {
    let mut directories = Directories::default();
    let listed = |value: &str| -> Vec<PathBuf> {
        shell_words(value)
            .into_iter()
            .map(|word| {
                let config = config.to_string_lossy();
                PathBuf::from(word.replace("${CFGDIR}", &config).replace("$CFGDIR", &config))
            })
            .collect()
    };
    for section in sections(text, &mut |_, _, _| {}) {
        if section.name.eq_ignore_ascii_case("main") {
            let value = |key: &str| section.values.get(key).map(|(value, _)| listed(value));
            directories.conf.extend(value("groupsdir").or_else(|| value("confdir")).unwrap_or_default());
            directories.auto.extend(value("autodir").unwrap_or_default());
        }
    }
    directories
}

/// Words separated by blanks; quotes keep blanks together.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The ini layer: `[section]`, `key: value` or `key = value`, indented lines continue a value, `#` and `;` open comments.
fn sections(text: &str, problem: &mut impl FnMut(usize, String, &str)) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut key: Option<String> = None;
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let continued = line.starts_with(char::is_whitespace).then_some(()).and(key.as_ref());
        if let Some(key) = continued {
            let value = sections.last_mut().and_then(|section| section.values.get_mut(key));
            value.into_iter().for_each(|(value, _)| {
                value.push('\n');
                value.push_str(trimmed);
            });
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            key = None;
            match name.strip_suffix(']') {
                Some(name) if sections.iter().any(|known| known.name == name) => {
                    problem(number, format!("the section [{name}] stands here twice"), "put both together");
                }
                Some(_) => {}
                None => problem(number, "the section is not closed".to_owned(), "add `]`"),
            }
            let name = name.trim_end_matches(']').to_owned();
            sections.push(Section { name, line: number, values: BTreeMap::new() });
            continue;
        }
        let (Some((name, value)), Some(section)) = (trimmed.split_once([':', '=']), sections.last_mut())
        else {
            let message = "neither a section nor a key with a value".to_owned();
            problem(number, message, "write it as [SOURCE], then map: COMMAND");
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if section.values.insert(name.clone(), (value.trim().to_owned(), number)).is_some() {
            problem(number, format!("`{name}` stands here twice"), "keep one of them");
        }
        key = Some(name);
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# c\n[Main]\ndefault: local\nconfdir: /etc/cs/conf.d $CFGDIR/conf.d \"/a b\"\n\
                        autodir = ${CFGDIR}/groups.d\n\n[local]\nmap: sed -n 's/^$GROUP:\\(.*\\)/\\1/p' f\n\
                        list: one\n  two\n[a,b]\nmap = cat $SOURCE\nreverse: r $NODE\ncache_time: 60\n";

    #[test]
    fn sections_become_sources() {
        let parsed = parse(TEXT, &Arc::from("groups.conf"), Path::new("/cfg"), &Trust::Granted).unwrap();
        assert_eq!(parsed.default_source.unwrap().value, "local");
        let names: Vec<&str> = parsed.sources.iter().map(|source| &*source.name).collect();
        assert_eq!(names, ["local", "a", "b"]);
        let Commands::Shell { map, list, reverse, .. } = &parsed.sources[0].commands else { panic!("shell") };
        assert_eq!(
            (map.as_str(), list.as_deref()),
            ("sed -n 's/^$GROUP:\\(.*\\)/\\1/p' f", Some("one\ntwo"))
        );
        assert_eq!(reverse, &None);
    }

    #[test]
    fn main_names_directories() {
        let found = directories(TEXT, Path::new("/cfg"));
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(found.conf, paths(&["/etc/cs/conf.d", "/cfg/conf.d", "/a b"]));
        assert_eq!(found.auto, paths(&["/cfg/groups.d"]));
    }

    #[test]
    fn problems_name_their_line() {
        let text = "x: y\n[Main]\ndefalt: a\n[s]\nlist: x\n[s]\nmap: a\nmap: b\n[t\nmap: a\n";
        let problems = parse(text, &Arc::from("g"), Path::new("/"), &Trust::Granted).unwrap_err();
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 6, 8, 9, 4], "{problems:?}");
    }
}
