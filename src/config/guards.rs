//! `[guards]`: tags whose hosts are asked about. The patterns are the user's; none is built in.
//!
//! What is said here is said of a tag, not of the terminal: who works without windows reads the same tags and patterns.

use super::prompts::patterns;
use super::value::{ConfigError, Item};

/// The most guarded tags; more would be a mistake.
const MOST: usize = 64;

/// `[guards]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// `mixed`: what is done about receivers that are in different modes.
    pub mixed: Mixed,
    /// The guarded tags, in the order of the file.
    pub tags: Vec<GuardedTag>,
}

/// What is done before Enter or a paste where the receivers are in different modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mixed {
    /// It is asked.
    Ask,
    /// It is told, and asked where a guarded host hears or a secret might be executed.
    #[default]
    Tell,
    /// Nothing.
    Off,
}

/// `[guards.TAG]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedTag {
    /// The tag.
    pub tag: String,
    /// Its colour.
    pub color: GuardColor,
    /// Regular expressions; they have been compiled once, so they are good.
    pub patterns: Vec<String>,
    /// From so many hosts of the tag on it is asked.
    pub confirm: usize,
}

/// The colour of a guarded tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardColor {
    /// Red.
    #[default]
    Red,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
}

/// Reads the table.
pub(super) fn guards(item: &Item) -> Result<Guards, ConfigError> {
    let mut guards = Guards::default();
    for key in item.table()? {
        if key.key == "mixed" {
            guards.mixed = mixed(&key)?;
            continue;
        }
        if guards.tags.len() == MOST {
            return Err(key
                .source
                .error(key.key_span.clone(), format!("at most {MOST} tags can be guarded")));
        }
        guards.tags.push(tag(&key)?);
    }
    Ok(guards)
}

fn mixed(item: &Item) -> Result<Mixed, ConfigError> {
    let wanted = "\"ask\", \"tell\" or \"off\"";
    match item.text(wanted)? {
        "ask" => Ok(Mixed::Ask),
        "tell" => Ok(Mixed::Tell),
        "off" => Ok(Mixed::Off),
        _ => Err(item.wrong(wanted)),
    }
}

fn tag(item: &Item) -> Result<GuardedTag, ConfigError> {
    let mut guard = GuardedTag {
        tag: item.key.to_owned(),
        color: GuardColor::default(),
        patterns: Vec::new(),
        confirm: 1,
    };
    let wanted =
        format!("a table: [guards.{}], where `{}` is a tag of your cluster files", item.key, item.key);
    for key in item.table().map_err(|_| item.wrong(&wanted))? {
        match key.key {
            "color" => guard.color = color(&key)?,
            "patterns" => guard.patterns = patterns(&key)?,
            "confirm" => {
                guard.confirm = key.number(1..1_000_001, "a number of hosts, 1 or more")?;
            }
            _ => {
                let within = format!(" in [guards.{}]", crate::escape::text(item.key, 40));
                return Err(key.unknown(&within, &["color", "patterns", "confirm"]));
            }
        }
    }
    Ok(guard)
}

fn color(item: &Item) -> Result<GuardColor, ConfigError> {
    use GuardColor::*;
    let wanted = "\"red\", \"yellow\", \"green\", \"blue\", \"magenta\" or \"cyan\"";
    Ok(match item.text(wanted)? {
        "red" => Red,
        "yellow" => Yellow,
        "green" => Green,
        "blue" => Blue,
        "magenta" => Magenta,
        "cyan" => Cyan,
        _ => return Err(item.wrong(wanted)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn tags_have_colours_and_patterns() {
        let text = r#"
[guards]
mixed = "ask"
[guards.prod]
color = "magenta"
patterns = ["reboot", 'rm -rf|\bmkfs']
confirm = 3
[guards.eu]
patterns = "halt"
"#;
        let guards = parse("config.toml", text).expect("a good file").guards;
        assert_eq!(guards.mixed, Mixed::Ask);
        let [prod, eu] = guards.tags.as_slice() else { panic!("{guards:?}") };
        assert_eq!((prod.tag.as_str(), prod.color, prod.confirm), ("prod", GuardColor::Magenta, 3));
        assert_eq!(prod.patterns, ["reboot", r"rm -rf|\bmkfs"]);
        assert_eq!(
            (eu.color, eu.confirm, eu.patterns.as_slice()),
            (GuardColor::Red, 1, &["halt".to_owned()][..])
        );
    }

    #[test]
    fn a_fault_names_its_place_and_the_next_step() {
        for (text, expected) in [
            (
                "[guards]\nmixed = \"no\"",
                "config.toml:2:9: `mixed` is \"no\"; write \"ask\", \"tell\" or \"off\"",
            ),
            (
                "[guards]\nprod = true",
                "config.toml:2:8: `prod` is true; write a table: [guards.prod], where `prod` is a tag of your cluster files",
            ),
            (
                "[guards.prod]\npattern = []",
                "config.toml:2:1: unknown key `pattern` in [guards.prod]; did you mean `patterns`?",
            ),
            (
                "[guards.prod]\npatterns = [\"ls\", \"rm (\"]",
                "config.toml:2:12: `rm (` is no regular expression: unclosed group",
            ),
            (
                "[guards.prod]\nconfirm = 0",
                "config.toml:2:11: `confirm` is 0; write a number of hosts, 1 or more",
            ),
            (
                "[guards.prod]\ncolor = \"pink\"",
                "config.toml:2:9: `color` is \"pink\"; write \"red\", \"yellow\", \"green\", \"blue\", \"magenta\" or \"cyan\"",
            ),
        ] {
            assert_eq!(parse("config.toml", text).expect_err(text).to_string(), expected, "{text}");
        }
    }
}
