//! `[view]`: how the hosts are shown in the beginning.

use std::num::NonZeroU16;

use super::parse::word;
use super::value::{ConfigError, Item};

/// `[view]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How much of each host is shown.
    pub density: Density,
    /// So many tiles side by side in the grid; `None` is as the screen allows.
    pub columns: Option<NonZeroU16>,
    /// At most so many rows of tiles on a page of the grid.
    pub rows: Option<NonZeroU16>,
    /// When the size of the remote terminals is taken anew.
    pub retile: Retile,
}

/// How much of each host is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// Few terminals, as large as 80x24 where there is room.
    Full,
    /// Tiles of `min_tile` or more.
    #[default]
    Grid,
    /// Tiles of a few rows.
    Compact,
    /// One line for each host.
    Lines,
}

/// When the size of the remote terminals is taken anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retile {
    /// Whenever hosts are added or closed.
    #[default]
    Auto,
    /// When the user presses the key for it.
    Ask,
}

const KEYS: [&str; 4] = ["density", "columns", "rows", "retile"];

/// One key of `[view]`.
pub(super) fn view(view: &mut View, item: &Item) -> Result<(), ConfigError> {
    let count = || -> Result<Option<NonZeroU16>, ConfigError> {
        let number = item.number(0..1_001, "a number up to 1000; 0 is as many as suit the screen")?;
        Ok(u16::try_from(number).ok().and_then(NonZeroU16::new))
    };
    match item.key {
        "density" => {
            let words = [
                ("full", Density::Full),
                ("grid", Density::Grid),
                ("compact", Density::Compact),
                ("lines", Density::Lines),
            ];
            view.density = word(item, &words)?;
        }
        "columns" => view.columns = count()?,
        "rows" => view.rows = count()?,
        "retile" => view.retile = word(item, &[("auto", Retile::Auto), ("ask", Retile::Ask)])?,
        _ => return Err(item.unknown(" in [view]", &KEYS)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn each_key_is_read_and_the_example_holds_the_defaults() {
        let text = "[view]\ndensity = \"lines\"\ncolumns = 2\nrows = 0\nretile = \"ask\"\n";
        let view = parse("config.toml", text).expect("a good file").view;
        let columns = NonZeroU16::new(2);
        assert_eq!(view, View { density: Density::Lines, columns, rows: None, retile: Retile::Ask });
        let example = include_str!("../../docs/config.toml");
        assert_eq!(parse("docs/config.toml", example).expect("a good file").view, View::default());
        for key in KEYS {
            assert!(example.contains(&format!("\n{key} = ")), "{key}");
        }
    }

    #[test]
    fn faults_name_their_place() {
        for (text, expected) in [
            (
                "[view]\ndensity = \"tiny\"",
                "config.toml:2:11: `density` is \"tiny\"; write \"full\" or \"grid\" or \"compact\" or \"lines\"",
            ),
            (
                "[view]\ncolumns = 1001",
                "config.toml:2:11: `columns` is 1001; write a number up to 1000; 0 is as many as suit the screen",
            ),
            (
                "[view]\ncolums = 1",
                "config.toml:2:1: unknown key `colums` in [view]; did you mean `columns`?",
            ),
        ] {
            assert_eq!(parse("config.toml", text).expect_err(text).to_string(), expected);
        }
    }
}
