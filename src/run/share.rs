//! So many hosts, or so many of a hundred: the sizes of waves and the bounds of the failure budget. Pure.

use std::fmt;
use std::str::FromStr;

/// A number of hosts, or a part of all hosts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Hosts(usize),
    /// So many hundredths of a percent of all; 10,000 are all.
    Part(u32),
}

/// A part that is all.
const ALL: u32 = 10_000;

impl Share {
    /// How many of `all` that is; a part is rounded down.
    pub fn of(self, all: usize) -> usize {
        match self {
            Share::Hosts(hosts) => hosts,
            Share::Part(part) => {
                let hosts = all as u128 * u128::from(part) / u128::from(ALL);
                usize::try_from(hosts).expect("a part is no more than the whole")
            }
        }
    }
}

/// It is neither a number nor a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoShare;

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Share, NoShare> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(percent) = text.strip_suffix('%') else {
            return match digits(text) {
                true => text.parse().map(Share::Hosts).map_err(|_| NoShare),
                false => Err(NoShare),
            };
        };
        let (whole, after) = percent.split_once('.').unwrap_or((percent, "0"));
        if !digits(whole) || !digits(after) || whole.len() > 3 || after.len() > 2 {
            return Err(NoShare);
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| NoShare);
        let hundredths = number(after)? * if after.len() == 1 { 10 } else { 1 };
        let part = number(whole)? * 100 + hundredths;
        if part <= ALL { Ok(Share::Part(part)) } else { Err(NoShare) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Share::Hosts(hosts) => write!(f, "{hosts}"),
            Share::Part(part) if part % 100 == 0 => write!(f, "{}%", part / 100),
            Share::Part(part) if part % 10 == 0 => write!(f, "{}.{}%", part / 100, part % 100 / 10),
            Share::Part(part) => write!(f, "{}.{:02}%", part / 100, part % 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_percentages_are_read_printed_and_rounded_down() {
        for (text, of_1000, of_3) in [
            ("0", 0, 0),
            ("50", 50, 50),
            ("0%", 0, 0),
            ("5%", 50, 0),
            ("0.5%", 5, 0),
            ("0.25%", 2, 0),
            ("99.99%", 999, 2),
            ("100%", 1000, 3),
        ] {
            let share: Share = text.parse().unwrap_or_else(|NoShare| panic!("{text}"));
            assert_eq!((share.of(1000), share.of(3)), (of_1000, of_3), "{text}");
            assert_eq!(share.to_string(), text);
        }
        for wrong in [
            "",
            "%",
            "-1",
            "+1",
            "101%",
            "100.01%",
            "1.%",
            ".5%",
            "1.234%",
            "1e3",
            "5 %",
            "99999999999999999999",
        ] {
            assert_eq!(wrong.parse::<Share>(), Err(NoShare), "{wrong}");
        }
        assert_eq!(Share::Part(ALL).of(usize::MAX), usize::MAX);
    }
}
