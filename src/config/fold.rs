//! `[fold]`: the view in which hosts that show the same are one tile.

use std::time::Duration;

use super::value::{ConfigError, Item};

const KEYS: [&str; 2] = ["start", "lasts"];

/// The shortest and the longest time that a difference may be waited for.
const LASTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(60);

/// `[fold]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// Whether the view is on at the start.
    pub start: FoldStart,
    /// How long a difference lasts before a tile splits.
    pub lasts: Option<Duration>,
}

/// Whether the fold view is on at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FoldStart {
    /// Every host has its tile.
    #[default]
    Off,
    /// Hosts that show the same are one tile.
    On,
}

pub(super) fn read(fold: &mut Fold, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "start" => {
            fold.start = match item.text("\"off\" or \"on\"")? {
                "off" => FoldStart::Off,
                "on" => FoldStart::On,
                _ => return Err(item.wrong("\"off\" or \"on\"")),
            };
        }
        "lasts" => {
            let wanted = "a time from 50ms to a minute, such as \"400ms\"";
            let lasts = item.seconds(wanted)?;
            fold.lasts = Some(lasts).filter(|lasts| LASTS.contains(lasts));
            if fold.lasts.is_none() {
                return Err(item.wrong(wanted));
            }
        }
        _ => return Err(item.unknown(" in [fold]", &KEYS)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn the_table_is_read_and_judged() {
        let config = parse("c", "[fold]\nstart = \"on\"\nlasts = \"250ms\"\n").expect("a good file");
        let expected = Fold { start: FoldStart::On, lasts: Some(Duration::from_millis(250)) };
        assert_eq!(config.fold, expected);
        for (text, says) in [
            ("[fold]\nstart = \"yes\"", "c:2:9: `start` is \"yes\"; write \"off\" or \"on\""),
            ("[fold]\nlasts = 0", "c:2:9: `lasts` is 0; write a time from 50ms"),
            ("[fold]\nlast = 1", "c:2:1: unknown key `last` in [fold]; did you mean `lasts`?"),
        ] {
            let error = parse("c", text).expect_err(text).to_string();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
