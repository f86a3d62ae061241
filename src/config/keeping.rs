//! What is kept: `[log]`, `[history]`.

use super::value::{ConfigError, Item};

/// The keys of `[log]`.
pub(super) const LOG: [&str; 5] = ["directory", "form", "max_size", "keep", "start"];

/// `[log]`; `None` wherever the file is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Where logs go: an absolute path, or one that begins with `~/`.
    pub directory: Option<String>,
    /// What a log holds.
    pub form: LogForm,
    /// The largest file, in bytes.
    pub max_size: Option<u64>,
    /// Files kept besides the present one.
    pub keep: Option<usize>,
    /// Whether every host is logged from the beginning.
    pub start: LogStart,
}

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogForm {
    /// Lines of text.
    #[default]
    Plain,
    /// The bytes that the host sent.
    Raw,
    /// Both, in two files.
    Both,
}

/// Which hosts are logged unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStart {
    /// None.
    #[default]
    Off,
    /// Every one.
    Every,
}

/// `[history] keep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// What was sent is kept in a file.
    #[default]
    File,
    /// It is kept until the program ends.
    Memory,
    /// It is not kept.
    Off,
}

/// `[sessions] save`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Save {
    /// The open set is saved when the user leaves.
    #[default]
    Yes,
    /// It is not.
    No,
}

/// One key of `[log]`.
pub(super) fn log(log: &mut Log, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "directory" => {
            let wanted = "an absolute path, or one that begins with ~/";
            let text = item.text(wanted)?;
            if !text.starts_with('/') && !text.starts_with("~/") {
                return Err(item.wrong(wanted));
            }
            log.directory = Some(text.to_owned());
        }
        "form" => {
            let forms = [("plain", LogForm::Plain), ("raw", LogForm::Raw), ("both", LogForm::Both)];
            log.form = super::parse::word(item, &forms)?;
        }
        "max_size" => log.max_size = Some(size(item)?),
        "keep" => log.keep = Some(item.number(0..1_000, "a number of files, at most 999")?),
        "start" => log.start = if item.yes_or_no()? { LogStart::Every } else { LogStart::Off },
        _ => return Err(item.unknown(" in [log]", &LOG)),
    }
    Ok(())
}

/// `[history] keep`.
pub(super) fn history(item: &Item) -> Result<History, ConfigError> {
    super::parse::word(item, &[("file", History::File), ("memory", History::Memory), ("off", History::Off)])
}

/// `[sessions] save`.
pub(super) fn save(item: &Item) -> Result<Save, ConfigError> {
    Ok(if item.yes_or_no()? { Save::Yes } else { Save::No })
}

/// A size as people write it: `500k`, `10M`, `1G`.
fn size(item: &Item) -> Result<u64, ConfigError> {
    let wanted = "a size from \"4k\" to \"1000G\", such as \"10M\"";
    let text = item.text(wanted)?;
    let unit = match text.chars().last() {
        Some('k' | 'K') => 1 << 10,
        Some('M') => 1 << 20,
        Some('G') => 1u64 << 30,
        _ => return Err(item.wrong(wanted)),
    };
    let number = text[..text.len() - 1].trim_end().parse::<u64>().ok();
    let bytes = number.and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| (4 << 10..=1000 << 30).contains(bytes)).ok_or_else(|| item.wrong(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn every_key_has_its_place() {
        let text = "[log]\ndirectory = \"~/logs\"\nform = \"both\"\nmax_size = \"64k\"\nkeep = 2\nstart = true\n\
                    [history]\nkeep = \"off\"\n[sessions]\nsave = false\n";
        let config = parse("config.toml", text).expect("a good file");
        let log = Log {
            directory: Some("~/logs".to_owned()),
            form: LogForm::Both,
            max_size: Some(64 << 10),
            keep: Some(2),
            start: LogStart::Every,
        };
        assert_eq!((config.log, config.history, config.save), (log, History::Off, Save::No));
    }

    #[test]
    fn a_fault_names_its_place_and_the_next_step() {
        for (text, expected) in [
            ("[log]\nfrom = 1", "config.toml:2:1: unknown key `from` in [log]; did you mean `form`?"),
            (
                "[log]\ndirectory = \"logs\"",
                "config.toml:2:13: `directory` is \"logs\"; write an absolute path, or one that begins with ~/",
            ),
            (
                "[log]\nmax_size = \"10\"",
                "config.toml:2:12: `max_size` is \"10\"; write a size from \"4k\" to \"1000G\", such as \"10M\"",
            ),
            (
                "[log]\nmax_size = \"1k\"",
                "config.toml:2:12: `max_size` is \"1k\"; write a size from \"4k\" to \"1000G\", such as \"10M\"",
            ),
            (
                "[history]\nkeep = true",
                "config.toml:2:8: `keep` is true; write \"file\" or \"memory\" or \"off\"",
            ),
            ("[history]\nsize = 1", "config.toml:2:1: unknown key `size` in [history]; known here: keep"),
        ] {
            assert_eq!(parse("config.toml", text).expect_err(text).to_string(), expected);
        }
        for text in ["9999999999999G", "ü", "", "k", "-1M", "1.5M"] {
            assert!(parse("x", &format!("[log]\nmax_size = \"{text}\"")).is_err(), "{text}");
        }
    }
}
