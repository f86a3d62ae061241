//! `clusters.toml`: `[clusters.NAME]`, `[hosts.NAME]` and `[sources.NAME]`. An unknown key is an error, since a guard
//! that is misspelled is a guard that is missed.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Lines, Parsed, item_fault, name_fault};
use crate::escape;
use crate::hosts::definitions::{Cluster, Commands, Definitions, Item, Setting, Settings, Source, Trust};
use crate::hosts::{FileProblem, Host, Origin, Valued};

/// The keys of `[hosts.NAME]`, all of which may stand in `[clusters.NAME]` too.
const HOST_KEYS: [&str; 7] = ["user", "port", "address", "jump", "identity", "tags", "vars"];
const SOURCE_KEYS: [&str; 3] = ["map", "list", "all"];

type Value<'i> = Spanned<DeValue<'i>>;

pub(super) fn parse(text: &str, file: &Arc<str>, trust: &Trust) -> Parsed {
    let mut reader = Reader { file, lines: Lines::new(text), problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        reader.problem(span, error.message().lines().collect::<Vec<_>>().join("; "), "mend the TOML here");
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let mut definitions = Definitions::default();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "clusters" => reader.tables(value, |reader, name, at, table| {
                definitions.clusters.extend(reader.cluster(name, at, table));
            }),
            "hosts" => reader.tables(value, |reader, name, at, table| {
                definitions.hosts.extend(reader.host(name, at, table));
            }),
            "sources" => reader.tables(value, |reader, name, at, table| {
                definitions.sources.extend(reader.source(name, at, (table, trust)));
            }),
            unknown => reader.unknown(key.span(), unknown, &["clusters", "hosts", "sources"]),
        }
    }
    if reader.problems.is_empty() {
        return Ok(definitions);
    }
    reader.problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(reader.problems)
}

struct Reader<'a> {
    file: &'a Arc<str>,
    lines: Lines<'a>,
    problems: Vec<FileProblem>,
}

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let (line, column) = self.lines.place(span.start);
        let (message, help) = (escape::text(&message.into(), 300), help.into());
        self.problems.push(FileProblem { file: self.file.clone(), line, column, message, help });
    }

    fn unknown(&mut self, span: Range<usize>, key: &str, known: &[&str]) {
        let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known)).unwrap_or(&"");
        let message = format!("`{key}` is no key here");
        self.problem(span, message, format!("did you mean `{near}`? known are {}", known.join(", ")));
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::file(self.file, self.lines.line(span.start))
    }

    /// The named tables of a top-level table.
    fn tables<'i>(
        &mut self,
        value: &Value<'i>,
        mut each: impl FnMut(&mut Self, &str, Range<usize>, &DeTable<'i>),
    ) {
        let Some(tables) = value.get_ref().as_table() else {
            return self.problem(value.span(), "this must be a table", "write it as [clusters.NAME]");
        };
        for (name, value) in tables {
            match value.get_ref().as_table() {
                Some(table) => each(self, name.get_ref(), name.span(), table),
                None => self.problem(
                    value.span(),
                    format!("`{}` must be a table", name.get_ref()),
                    "write it as [clusters.NAME]",
                ),
            }
        }
    }

    fn cluster(&mut self, name: &str, at: Range<usize>, table: &DeTable<'_>) -> Option<Cluster> {
        if let Some(fault) = name_fault(name) {
            self.problem(at, format!("`{name}` is no name of a cluster: {fault}"), "rename it");
            return None;
        }
        let known: Vec<&str> = ["hosts"].into_iter().chain(HOST_KEYS).collect();
        let settings = self.settings(table, &known);
        let Some((_, hosts)) = table.iter().find(|(key, _)| key.get_ref() == "hosts") else {
            self.problem(at, format!("the cluster `{name}` has no hosts"), "give it hosts = [\"…\"]");
            return None;
        };
        let items: Vec<Item> = self
            .strings(hosts, "hosts")
            .into_iter()
            .map(|(span, text)| {
                let (line, column) = self.lines.place(span.start);
                // The text begins behind its quote.
                Item { text, origin: Origin::file(self.file, line), column: column + 1 }
            })
            .collect();
        self.problems.extend(items.iter().filter_map(item_fault));
        Some(Cluster { name: Arc::from(name), origin: self.origin(at), items, settings })
    }

    fn host(&mut self, name: &str, at: Range<usize>, table: &DeTable<'_>) -> Option<(String, Settings)> {
        let settings = self.settings(table, &HOST_KEYS);
        match name.parse::<Host>() {
            Ok(host) if host.name() == name => Some((name.to_owned(), settings)),
            Ok(_) => {
                self.problem(
                    at,
                    format!("`{name}` is more than a name"),
                    "give user and port as keys of their own",
                );
                None
            }
            Err(error) => {
                self.problem(at, error.message, error.help);
                None
            }
        }
    }

    fn source(
        &mut self,
        name: &str,
        at: Range<usize>,
        (table, trust): (&DeTable<'_>, &Trust),
    ) -> Option<Source> {
        let fault = name_fault(name).or((name == "run").then_some("`run` is reserved"));
        if let Some(fault) = fault {
            self.problem(at, format!("`{name}` is no name of a source: {fault}"), "rename it");
            return None;
        }
        let mut command = |wanted: &str| {
            let (_, value) = table.iter().find(|(key, _)| key.get_ref() == wanted)?;
            let words: Vec<String> = self.strings(value, wanted).into_iter().map(|(_, word)| word).collect();
            if words.first().is_none_or(String::is_empty) {
                self.problem(
                    value.span(),
                    format!("`{wanted}` names no command"),
                    "write it as [\"COMMAND\", \"ARGUMENT\"]",
                );
                return None;
            }
            Some(words)
        };
        let (map, list, all) = (command("map"), command("list"), command("all"));
        for (key, _) in table.iter().filter(|(key, _)| !SOURCE_KEYS.contains(&key.get_ref().as_ref())) {
            self.unknown(key.span(), key.get_ref(), &SOURCE_KEYS);
        }
        let Some(map) = map else {
            self.problem(
                at,
                format!("the source `{name}` has no map"),
                "give it map = [\"COMMAND\", \"{group}\"]",
            );
            return None;
        };
        Some(Source {
            name: Arc::from(name),
            origin: self.origin(at),
            commands: Commands::Arguments { map, list, all },
            trust: trust.clone(),
        })
    }

    fn settings(&mut self, table: &DeTable<'_>, known: &[&str]) -> Settings {
        let mut settings = Settings::default();
        for (key, value) in table {
            let setting = match key.get_ref().as_ref() {
                "user" => Setting::User,
                "port" => Setting::Port,
                "address" => Setting::Address,
                "jump" => Setting::Jump,
                "identity" => Setting::Identity,
                "vars" => {
                    self.vars(value, &mut settings);
                    continue;
                }
                "tags" => {
                    for (span, tag) in self.strings(value, "tags") {
                        if let Some(fault) = name_fault(&tag) {
                            self.problem(span.clone(), format!("`{tag}` is no tag: {fault}"), "rename it");
                        }
                        settings.tags.push(Valued { value: tag, origin: self.origin(span) });
                    }
                    continue;
                }
                "hosts" if known.contains(&"hosts") => continue,
                unknown => {
                    self.unknown(key.span(), unknown, known);
                    continue;
                }
            };
            match checked(&setting, value.get_ref()) {
                Ok(text) => {
                    let origin = self.origin(value.span());
                    settings.values.insert(setting, Valued { value: text, origin });
                }
                Err((message, help)) => self.problem(value.span(), message, help),
            }
        }
        settings
    }

    fn vars(&mut self, value: &Value<'_>, settings: &mut Settings) {
        let Some(table) = value.get_ref().as_table() else {
            return self.problem(value.span(), "`vars` must be a table", "write it as { dc = \"lon\" }");
        };
        for (name, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                DeValue::Integer(number) => Some(number.as_str().to_owned()),
                DeValue::Boolean(flag) => Some(flag.to_string()),
                _ => None,
            };
            let good_name = name_fault(name.get_ref()).is_none();
            match text.filter(|text| good_name && !text.chars().any(char::is_control)) {
                Some(text) => {
                    let origin = self.origin(value.span());
                    let setting = Setting::Var(name.get_ref().to_string());
                    settings.values.insert(setting, Valued { value: text, origin });
                }
                None => self.problem(
                    value.span(),
                    format!("the variable `{}` is no plain text on one line", name.get_ref()),
                    "write it as NAME = \"TEXT\"",
                ),
            }
        }
    }

    /// The strings of an array, each with its span.
    fn strings(&mut self, value: &Value<'_>, key: &str) -> Vec<(Range<usize>, String)> {
        let Some(array) = value.get_ref().as_array() else {
            self.problem(
                value.span(),
                format!("`{key}` must be a list"),
                format!("write it as {key} = [\"…\"]"),
            );
            return Vec::new();
        };
        let mut strings = Vec::new();
        for value in array.iter() {
            match value.get_ref().as_str() {
                Some(text) => strings.push((value.span(), text.to_owned())),
                None => self.problem(value.span(), format!("`{key}` holds texts only"), "put it in quotes"),
            }
        }
        strings
    }
}

/// The text of a setting, or what is wrong with it and the next step.
fn checked(setting: &Setting, value: &DeValue<'_>) -> Result<String, (String, &'static str)> {
    if *setting == Setting::Port {
        let number = value.as_integer().and_then(|number| {
            u16::from_str_radix(&number.as_str().replace('_', ""), number.radix())
                .ok()
                .filter(|port| *port > 0)
        });
        let port =
            number.ok_or_else(|| ("`port` is a number from 1 to 65535".to_owned(), "write it as port = 22"));
        return port.map(|port| port.to_string());
    }
    let name = setting.name();
    let Some(text) = value.as_str() else {
        return Err((format!("`{name}` must be a text"), "put it in quotes"));
    };
    let fault = match setting {
        Setting::User => format!("{text}@x").parse::<Host>().err().map(|error| error.message),
        Setting::Address => match text.parse::<Host>() {
            Ok(host) if host.user().is_none() && host.port().is_none() => None,
            Ok(_) => Some("an address has no user and no port".to_owned()),
            Err(error) => Some(error.message),
        },
        Setting::Jump if text == "none" => None,
        Setting::Jump => text.split(',').find_map(|hop| hop.parse::<Host>().err()).map(|error| error.message),
        _ if text.is_empty() || text.chars().any(char::is_control) => {
            Some("it is empty or no plain text".to_owned())
        }
        _ => None,
    };
    match fault {
        Some(fault) => Err((format!("`{name}` is not right: {fault}"), "see clusters.example")),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        match parse(text, &Arc::from("c.toml"), &Trust::Granted) {
            Ok(_) => String::new(),
            Err(problems) => problems.iter().map(|p| p.to_string() + "\n").collect(),
        }
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "[clusters.web]\nhosts = [\"web[1-2]\",\n  \"!web1\"]\nuser = \"deploy\"\ntags = [\"prod\"]\n\
                    vars = { dc = \"lon\", n = 3 }\n[hosts.web1]\nport = 2_200\naddress = \"10.0.0.3\"\n\
                    [sources.cloud]\nmap = [\"inv\", \"{group}\"]\n";
        let parsed = parse(text, &Arc::from("c.toml"), &Trust::Granted).unwrap();
        let web = &parsed.clusters[0];
        assert_eq!(web.items[1].origin.to_string(), "c.toml:3");
        assert_eq!(web.items[1].column, 4);
        assert_eq!(web.settings.values[&Setting::User].origin.to_string(), "c.toml:4");
        assert_eq!(web.settings.values[&Setting::Var("n".to_owned())].value, "3");
        assert_eq!(web.settings.tags[0].value, "prod");
        assert_eq!(parsed.hosts[0].1.values[&Setting::Port].value, "2200");
        assert!(!parsed.sources[0].has_list() && !parsed.sources[0].has_all());
    }

    #[test]
    fn problems_name_place_and_next_step() {
        let table = [
            (
                "[clusters.web]\nhosts = [\"a\"]\nusr = \"x\"\n",
                "c.toml:3:1: `usr` is no key here; did you mean `user`?",
            ),
            ("[cluster.web]\nhosts = []\n", "c.toml:1:2: `cluster` is no key here; did you mean `clusters`?"),
            ("[clusters.web]\nhosts = [\"a[5-1]\"]\n", "c.toml:2:13: the range runs backwards"),
            ("[clusters.web]\nhosts = \"a\"\n", "c.toml:2:9: `hosts` must be a list"),
            ("[clusters.web]\nuser = \"a\"\n", "c.toml:1:11: the cluster `web` has no hosts"),
            ("[clusters.\"a b\"]\nhosts = []\n", "c.toml:1:11: `a b` is no name"),
            ("[hosts.a]\nport = 0\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nport = -1\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nport = 65536\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nport = 22.0\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nport = \"ssh\"\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nport = 2024-01-01\n", "c.toml:2:8: `port` is a number"),
            ("[hosts.a]\nuser = \"-x\"\n", "c.toml:2:8: `user` is not right"),
            ("[hosts.a]\njump = \"a,;b\"\n", "c.toml:2:8: `jump` is not right"),
            ("[hosts.a]\nvars = { x = \"a\\nb\" }\n", "c.toml:2:14: the variable `x`"),
            ("[hosts.\"a:22\"]\n", "c.toml:1:8: `a:22` is more than a name"),
            ("[sources.run]\nmap = [\"a\"]\n", "c.toml:1:10: `run` is no name of a source"),
            ("[sources.a]\nmap = []\n", "c.toml:2:7: `map` names no command"),
            ("[sources.a]\nlist = [\"a\"]\n", "c.toml:1:10: the source `a` has no map"),
            ("[clusters.web]\nhosts = [\"a\n", "c.toml:2:1"),
            ("[a]\n[a]\n", "c.toml:2:"),
        ];
        for (text, expected) in table {
            let shown = problems(text);
            assert!(shown.contains(expected), "{text}\n  says {shown}  wants {expected}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_every_cut_is_survived() {
        let deep = format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(!problems(&deep).is_empty());
        let text = "[clusters.web]\nhosts = [\"web[1-2]\", \"é\"]\nuser = 'x'\n";
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let _ = problems(&text[..cut]);
        }
    }
}
