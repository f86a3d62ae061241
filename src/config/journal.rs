//! `[journal]`: how much is kept of headless runs.

use std::time::Duration;

use super::parse::duration;
use super::value::{ConfigError, Item};

/// The keys of `[journal]`.
pub(super) const JOURNAL: [&str; 3] = ["keep", "max_size", "max_runs"];

/// `[journal]`; `None` wherever the file is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// How long a run is kept after its last line.
    pub keep: Option<Duration>,
    /// How much all runs together may take up, in bytes.
    pub max_size: Option<u64>,
    /// How many runs are kept.
    pub max_runs: Option<usize>,
}

/// One key of `[journal]`.
pub(super) fn journal(journal: &mut Journal, item: &Item) -> Result<(), ConfigError> {
    match item.key {
        "keep" => {
            let wanted = "a time such as \"30d\" or \"12h\"";
            let time = age(item.text(wanted)?).filter(|time| !time.is_zero());
            journal.keep = Some(time.ok_or_else(|| item.wrong(wanted))?);
        }
        "max_size" => {
            let wanted = "a size from \"1MB\" to \"1000GB\", such as \"1GB\"";
            let bytes =
                size(item.text(wanted)?).filter(|bytes| (1_000_000..=1_000_000_000_000).contains(bytes));
            journal.max_size = Some(bytes.ok_or_else(|| item.wrong(wanted))?);
        }
        "max_runs" => {
            journal.max_runs = Some(item.number(1..100_001, "a number of runs from 1 to 100000")?);
        }
        _ => return Err(item.unknown(" in [journal]", &JOURNAL)),
    }
    Ok(())
}

/// Days, or what every other time is written in.
fn age(text: &str) -> Option<Duration> {
    match text.strip_suffix('d') {
        Some(days) => {
            let days = days.parse::<u64>().ok().filter(|days| *days <= 36_500)?;
            Some(Duration::from_secs(days * 86_400))
        }
        None => duration(text),
    }
}

/// `500MB`, `1G`, in powers of a thousand.
fn size(text: &str) -> Option<u64> {
    let text = text.strip_suffix('B').unwrap_or(text);
    let unit: u64 = match text.chars().last()? {
        'k' | 'K' => 1_000,
        'M' => 1_000_000,
        'G' => 1_000_000_000,
        _ => return None,
    };
    text[..text.len() - 1].trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn every_key_has_its_place() {
        let text = "[journal]\nkeep = \"7d\"\nmax_size = \"500MB\"\nmax_runs = 10\n";
        let expected = Journal {
            keep: Some(Duration::from_secs(7 * 86_400)),
            max_size: Some(500_000_000),
            max_runs: Some(10),
        };
        assert_eq!(parse("config.toml", text).expect("a good file").journal, expected);
        for (text, keep) in [("12h", 43_200), ("30d", 2_592_000), ("90", 90)] {
            let config = parse("x", &format!("[journal]\nkeep = \"{text}\"")).expect(text);
            assert_eq!(config.journal.keep, Some(Duration::from_secs(keep)));
        }
    }

    #[test]
    fn a_fault_names_its_place_and_the_next_step() {
        for (text, expected) in [
            ("[journal]\nkep = 1", "config.toml:2:1: unknown key `kep` in [journal]; did you mean `keep`?"),
            (
                "[journal]\nkeep = \"0\"",
                "config.toml:2:8: `keep` is \"0\"; write a time such as \"30d\" or \"12h\"",
            ),
            (
                "[journal]\nmax_size = \"10\"",
                "config.toml:2:12: `max_size` is \"10\"; write a size from \"1MB\" to \"1000GB\", such as \"1GB\"",
            ),
            (
                "[journal]\nmax_runs = 0",
                "config.toml:2:12: `max_runs` is 0; write a number of runs from 1 to 100000",
            ),
        ] {
            assert_eq!(parse("config.toml", text).expect_err(text).to_string(), expected);
        }
        for text in ["9999999999999GB", "ü", "", "B", "-1MB", "1.5GB", "1kB"] {
            assert!(parse("x", &format!("[journal]\nmax_size = \"{text}\"")).is_err(), "{text}");
        }
    }
}
