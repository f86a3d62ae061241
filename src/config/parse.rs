//! The text of `config.toml` to a [`Config`].

use std::num::NonZeroUsize;
use std::time::Duration;

use toml::de::DeTable;

use super::keeping;
use super::macros;
use super::value::{ConfigError, Item, Source};
use super::{
    Bell, Binding, Clipboard, Color, Config, ControlSocket, Keymap, Limits, PasteConfirm, Place, Reconnect,
    Scope, Theme, ThemePreset, Zoom,
};
use crate::size::Size;
use crate::ssh::{HostKeyPolicy, MatchExec};

const TOP: &[&str] = &[
    "prefix",
    "keymap",
    "which_key",
    "host_keys",
    "zoom",
    "scope",
    "keys",
    "direct",
    "theme",
    "fold",
    "ssh",
    "sessions",
    "log",
    "history",
    "journal",
    "control",
    "macros",
    "paste",
    "prompts",
    "guards",
    "reading",
    "limits",
    "view",
];
const LIMITS: [&str; 8] = [
    "fanout",
    "connect_timeout",
    "command_timeout",
    "retries",
    "max_fail",
    "logins",
    "scrollback",
    "min_tile",
];

/// Parses the text of a file; its name stands in errors only.
pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
    let source = Source { name, text: text.trim_start_matches('\u{feff}') };
    let table = DeTable::parse(source.text).map_err(|error| {
        let fault = format!("this is not TOML: {}", error.message().trim_end().replace('\n', "; "));
        source.error(error.span().unwrap_or(0..0), fault)
    })?;
    let mut config = Config::default();
    for item in Item::all(source, table.get_ref()) {
        top(&mut config, &item)?;
    }
    Ok(config)
}

fn top(config: &mut Config, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "prefix" => {
            let value = item.text("a key such as \"C-a\"")?.to_owned();
            config.prefix = Some(Place { value, at: item.source.place(item.value.span().start) });
        }
        "host_keys" => config.host_keys = Some(host_keys(item)?),
        "zoom" => {
            config.zoom = word(item, &[("all", Zoom::All), ("alone", Zoom::Alone)])?;
        }
        "scope" => {
            config.scope = word(item, &[("all", Scope::All), ("visible", Scope::Visible)])?;
        }
        "keymap" => {
            let words =
                [("default", Keymap::Default), ("tmux", Keymap::Tmux), ("clusterssh", Keymap::ClusterSsh)];
            config.keymap = word(item, &words)?;
        }
        "which_key" => {
            config.which_key = Some(item.seconds("seconds, such as 0.7; 0 never shows the keys")?);
        }
        "keys" => config.keys = bindings(item)?,
        "direct" => config.direct = bindings(item)?,
        "theme" => {
            for key in item.table()? {
                theme(&mut config.theme, &key)?;
            }
        }
        "fold" => {
            for key in item.table()? {
                super::fold::read(&mut config.fold, &key)?;
            }
        }
        "ssh" => {
            for key in item.table()? {
                match key.key {
                    "match_exec" => config.match_exec = match_exec(&key)?,
                    _ => return Err(key.unknown(" in [ssh]", &["match_exec"])),
                }
            }
        }
        "sessions" => {
            for key in item.table()? {
                match key.key {
                    "reconnect" => {
                        config.reconnect = word(&key, &[("ask", Reconnect::Ask), ("auto", Reconnect::Auto)])?;
                    }
                    "save" => config.save = keeping::save(&key)?,
                    _ => return Err(key.unknown(" in [sessions]", &["reconnect", "save"])),
                }
            }
        }
        "log" => {
            for key in item.table()? {
                keeping::log(&mut config.log, &key)?;
            }
        }
        "journal" => {
            for key in item.table()? {
                super::journal::journal(&mut config.journal, &key)?;
            }
        }
        "history" => {
            for key in item.table()? {
                match key.key {
                    "keep" => config.history = keeping::history(&key)?,
                    _ => return Err(key.unknown(" in [history]", &["keep"])),
                }
            }
        }
        "control" => {
            for key in item.table()? {
                match key.key {
                    "socket" if key.yes_or_no()? => config.control = ControlSocket::Listens,
                    "socket" => config.control = ControlSocket::Off,
                    _ => return Err(key.unknown(" in [control]", &["socket"])),
                }
            }
        }
        "reading" => {
            for key in item.table()? {
                reading(config, &key)?;
            }
        }
        "macros" => {
            for key in item.table()? {
                config.macros.push(macros::macro_of(&key)?);
            }
        }
        "paste" => {
            for key in item.table()? {
                match key.key {
                    "confirm" => {
                        let words =
                            [("multi-line", PasteConfirm::MultiLine), ("always", PasteConfirm::Always)];
                        config.paste_confirm = word(&key, &words)?;
                    }
                    _ => return Err(key.unknown(" in [paste]", &["confirm"])),
                }
            }
        }
        "limits" => {
            for key in item.table()? {
                limit(&mut config.limits, &key)?;
            }
        }
        "prompts" => config.prompts = super::prompts::prompts(item)?,
        "guards" => config.guards = super::guards::guards(item)?,
        "view" => {
            for key in item.table()? {
                super::view::view(&mut config.view, &key)?;
            }
        }
        _ => return Err(item.unknown("", TOP)),
    }
    Ok(())
}

fn reading(config: &mut Config, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "bell" => {
            config.bell = word(item, &[("ring", Bell::Ring), ("mark", Bell::Mark), ("off", Bell::Off)])?;
        }
        "clipboard" => {
            config.clipboard = word(item, &[("ask", Clipboard::Ask), ("never", Clipboard::Never)])?;
        }
        _ => return Err(item.unknown(" in [reading]", &["bell", "clipboard"])),
    }
    Ok(())
}

/// Actions with their keys, for the keymap to judge.
fn bindings(item: &Item) -> Result<Vec<Place<Binding>>, ConfigError> {
    let binding = |key: Item| {
        let value = (key.key.to_owned(), key.texts("a key such as \"d\", or a list of keys")?);
        Ok(Place { value, at: key.source.place(key.key_span.start) })
    };
    item.table()?.into_iter().map(binding).collect()
}

fn limit(limits: &mut Limits, item: &Item) -> Result<(), ConfigError> {
    let count = |wanted: &str| -> Result<Option<NonZeroUsize>, ConfigError> {
        Ok(NonZeroUsize::new(item.number(1..1_000_001, wanted)?))
    };
    match item.key {
        "fanout" => limits.fanout = count("a number of hosts, 1 or more")?,
        "logins" => limits.logins = count("a number of hosts, 1 or more")?,
        "scrollback" => {
            limits.scrollback = Some(item.number(0..1_000_001, "a number of lines, at most 1000000")?);
        }
        "min_tile" => limits.min_tile = Some(tile(item)?),
        "connect_timeout" => {
            let wanted = "seconds above 0, such as 15 or \"2m\"";
            let timeout = item.seconds(wanted)?;
            if timeout.is_zero() {
                return Err(item.wrong(wanted));
            }
            limits.connect_timeout = Some(timeout);
        }
        "command_timeout" => {
            limits.command_timeout = Some(item.seconds("seconds, such as 60 or \"5m\"; 0 is none")?);
        }
        "retries" => {
            let retries = item.number(0..101, "how often a host is tried again, at most 100")?;
            limits.retries = u32::try_from(retries).ok();
        }
        "max_fail" => {
            let value =
                item.text("how many hosts may fail, such as \"5%\" or \"unreachable=10%,failed=0\"")?;
            let at = item.source.place(item.value.span().start);
            limits.max_fail = Some(Place { value: value.to_owned(), at });
        }
        _ => return Err(item.unknown(" in [limits]", &LIMITS)),
    }
    Ok(())
}

fn host_keys(item: &Item) -> Result<HostKeyPolicy, ConfigError> {
    use HostKeyPolicy::*;
    word(item, &[("ask", Ask), ("strict", Strict), ("accept-new", AcceptNew)])
}

fn match_exec(item: &Item) -> Result<MatchExec, ConfigError> {
    Ok(match item.yes_or_no()? {
        true => MatchExec::Allowed,
        false => MatchExec::Refused,
    })
}

fn theme(theme: &mut Theme, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "color" => {
            let words = [
                ("auto", Color::Auto),
                ("always", Color::Always),
                ("never", Color::Never),
                ("16", Color::Sixteen),
                ("256", Color::TwoFiftySix),
                ("true", Color::True),
            ];
            theme.color = word(item, &words)?;
        }
        "preset" => {
            let words = [
                ("terminal", ThemePreset::Terminal),
                ("dark", ThemePreset::Dark),
                ("light", ThemePreset::Light),
            ];
            theme.preset = word(item, &words)?;
        }
        _ => {
            let value = (item.key.to_owned(), item.text("a colour such as \"green\"")?.to_owned());
            theme.roles.push(Place { value, at: item.source.place(item.key_span.start) });
        }
    }
    Ok(())
}

/// One of these words.
pub(crate) fn word<T: Copy>(item: &Item, words: &[(&str, T)]) -> Result<T, ConfigError> {
    let list: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let wanted = list.join(" or ");
    let text = item.text(&wanted)?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| item.wrong(&wanted))
}

/// Columns x rows, as a person says it.
fn tile(item: &Item) -> Result<Size, ConfigError> {
    let wanted = "columns x rows from 10x3, such as \"40x8\"";
    let (cols, rows) = item.text(wanted)?.split_once('x').ok_or_else(|| item.wrong(wanted))?;
    match (cols.trim().parse::<u16>(), rows.trim().parse::<u16>()) {
        (Ok(cols), Ok(rows)) if (10..=1000).contains(&cols) && (3..=1000).contains(&rows) => {
            Ok(Size::new(rows, cols))
        }
        _ => Err(item.wrong(wanted)),
    }
}

/// A time as people write it: `15`, `0.5`, `15s`, `250ms`, `2m`, `1h`. At most a year, so that no deadline overflows.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim_start() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (seconds <= 366.0 * 86_400.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse("config.toml", text).expect_err(text).to_string()
    }

    #[test]
    fn every_key_has_its_place() {
        let text = r#"
prefix = "C-b"
host_keys = "accept-new"
zoom = "alone"
scope = "visible"
[keys]
detach = "M-x"
zoom = []
[theme]
color = "never"
[ssh]
match_exec = true
[sessions]
reconnect = "auto"
[reading]
bell = "mark"
clipboard = "never"
[limits]
fanout = 64
connect_timeout = 2.5
command_timeout = "5m"
retries = 2
max_fail = "5%"
logins = 0x10
scrollback = 0
min_tile = "60x10"
"#;
        let config = parse("config.toml", text).expect("a good file");
        assert_eq!(config.prefix.map(|prefix| prefix.value).as_deref(), Some("C-b"));
        assert_eq!(config.host_keys, Some(HostKeyPolicy::AcceptNew));
        assert_eq!(config.match_exec, MatchExec::Allowed);
        assert_eq!(
            (config.zoom, config.scope, config.theme.color),
            (Zoom::Alone, Scope::Visible, Color::Never)
        );
        assert_eq!(config.reconnect, Reconnect::Auto);
        assert_eq!((config.bell, config.clipboard), (Bell::Mark, Clipboard::Never));
        assert_eq!(
            config.keys[0],
            Place { value: ("detach".into(), vec!["M-x".into()]), at: "config.toml:7:1".into() }
        );
        let limits = config.limits;
        assert_eq!(limits.fanout.map(NonZeroUsize::get), Some(64));
        assert_eq!(limits.connect_timeout, Some(Duration::from_millis(2_500)));
        assert_eq!(limits.command_timeout, Some(Duration::from_secs(300)));
        assert_eq!(limits.retries, Some(2));
        assert_eq!(limits.max_fail.map(|budget| budget.value).as_deref(), Some("5%"));
        assert_eq!((limits.scrollback, limits.min_tile), (Some(0), Some(Size::new(10, 60))));
        assert_eq!(parse("x", "").expect("silence is allowed"), Config::default());
    }

    #[test]
    fn the_example_names_every_key_and_parses() {
        let text = include_str!("../../docs/config.toml");
        const TABLES: &[&str] = &[
            "keys", "direct", "theme", "fold", "ssh", "sessions", "reading", "prompts", "guards", "limits",
            "view", "log", "history", "control", "macros", "paste", "journal",
        ];
        let config = parse("docs/config.toml", text).expect("a good file");
        for key in ["reconnect", "socket", "bell", "clipboard", "confirm"] {
            assert!(text.contains(&format!("\n{key} = ")), "{key}");
        }
        assert_eq!(config.limits.min_tile, Some(Size::new(8, 40)));
        for key in TOP
            .iter()
            .chain(&LIMITS)
            .chain(&keeping::LOG)
            .chain(&crate::config::journal::JOURNAL)
            .filter(|key| !TABLES.contains(key))
        {
            assert!(text.contains(&format!("{key} = ")), "{key}");
        }
    }

    #[test]
    fn a_fault_names_its_place_and_the_next_step() {
        for (text, expected) in [
            ("\nprefx = 1", "config.toml:2:1: unknown key `prefx`; did you mean `prefix`?"),
            (
                "[limits]\nfanot = 1",
                "config.toml:2:1: unknown key `fanot` in [limits]; did you mean `fanout`?",
            ),
            (
                "[sessions]\nreconnect = \"no\"",
                "config.toml:2:13: `reconnect` is \"no\"; write \"ask\" or \"auto\"",
            ),
            ("[reading]\nbell = 1", "config.toml:2:8: `bell` is 1; write \"ring\" or \"mark\" or \"off\""),
            ("[theme]\nhears = 1", "config.toml:2:9: `hears` is 1; write a colour such as \"green\""),
            (
                "keymap = \"vi\"",
                "config.toml:1:10: `keymap` is \"vi\"; write \"default\" or \"tmux\" or \"clusterssh\"",
            ),
            ("prefix = 3", "config.toml:1:10: `prefix` is 3; write a key such as \"C-a\""),
            ("[ssh]\nmatch_exec = 1", "config.toml:2:14: `match_exec` is 1; write true or false"),
            ("[control]\nsocket = 1", "config.toml:2:10: `socket` is 1; write true or false"),
            ("limits = 3", "config.toml:1:10: `limits` is 3; write a table: [limits]"),
            ("[limits]\nfanout = 0", "config.toml:2:10: `fanout` is 0; write a number of hosts, 1 or more"),
            ("[limits]\nfanout = -1", "config.toml:2:10: `fanout` is -1; write a number of hosts, 1 or more"),
            (
                "[limits]\nconnect_timeout = 0",
                "config.toml:2:19: `connect_timeout` is 0; write seconds above 0, such as 15 or \"2m\"",
            ),
            (
                "[limits]\nmin_tile = \"2x2\"",
                "config.toml:2:12: `min_tile` is \"2x2\"; write columns x rows from 10x3, such as \"40x8\"",
            ),
            ("zoom = \"one\"", "config.toml:1:8: `zoom` is \"one\"; write \"all\" or \"alone\""),
            ("[keys]\nx = 1", "config.toml:2:5: `x` is 1; write a key such as \"d\", or a list of keys"),
            (
                "[keys]\nx = [1]",
                "config.toml:2:5: `x` is an array; write a key such as \"d\", or a list of keys",
            ),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
        assert!(fault("a = ").starts_with("config.toml:1:5: this is not TOML: "), "{}", fault("a = "));
        assert!(fault("zoom = \"all\"\nzoom = \"all\"").starts_with("config.toml:2:1: this is not TOML"));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("250ms", Some(250)),
            ("15s", Some(15_000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0", Some(0)),
            ("", None),
            ("-1", None),
            ("1d", None),
            ("1e9", None),
            ("99999999999", None),
            ("1.2.3", None),
        ] {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }
}
