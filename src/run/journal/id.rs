//! The name of a run, and how people refer to one. Pure: the clock and the dice are the caller's.

use std::fmt;
use std::str::FromStr;

/// The name of a run: `20261121-181502-k3f`, its beginning in UTC and three characters by chance. Sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// What stands for chance, in the order in which it sorts: no letters that are taken for a digit or for one another.
const CHANCE: &[u8; 29] = b"3456789abcdefghjkmnpqrstvwxyz";

/// Why a reference names no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// There is none at all.
    #[error("there is no run yet; `omnes run web -- uptime` makes one")]
    NoRuns,
    /// None of that name.
    #[error("no run is named `{0}`; `omnes runs` lists them")]
    Unknown(String),
    /// It counts back too far.
    #[error("`{0}`: there are only {1} runs; `omnes runs` lists them")]
    TooFar(String, usize),
    /// Several begin with it.
    #[error("`{0}` may be {1}; write more of it")]
    Several(String, String),
}

/// How many names there are for one second.
const NAMES: u32 = 29 * 29 * 29;

impl RunId {
    /// The name of a run that begins so many seconds after the beginning of 1970; `chance` is a number below 29³.
    pub fn new(unix: u64, chance: u32) -> RunId {
        let moment = Moment(unix);
        let ((year, month, day), (hour, minute, second)) = (moment.date(), moment.time());
        let pick = |weight: u32| char::from(CHANCE[(chance / weight % 29) as usize]);
        let (a, b, c) = (pick(29 * 29), pick(29), pick(1));
        RunId(format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}-{a}{b}{c}"))
    }

    /// The name of a run that begins now and sorts behind the newest, also in the same second and after the clock was set
    /// back; `dice` is any number.
    pub fn after(newest: Option<&RunId>, now: u64, dice: u32) -> RunId {
        let Some(newest) = newest.filter(|newest| newest.unix() >= now) else {
            return RunId::new(now, dice % NAMES);
        };
        match newest.number() + 1 + dice % 99 {
            number if number < NAMES => RunId::new(newest.unix(), number),
            _ => RunId::new(newest.unix() + 1, dice % 99),
        }
    }

    /// The last part as a number.
    fn number(&self) -> u32 {
        let place = |byte| CHANCE.iter().position(|known| *known == byte).unwrap_or_default();
        self.chance().bytes().fold(0, |number, byte| number * 29 + place(byte) as u32)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the run began, in seconds since the beginning of 1970.
    pub fn unix(&self) -> u64 {
        let number = |from: usize, to: usize| self.0[from..to].parse::<u64>().unwrap_or_default();
        let days = days_before(number(0, 4), number(4, 6), number(6, 8));
        days * 86_400 + number(9, 11) * 3_600 + number(11, 13) * 60 + number(13, 15)
    }

    /// The last part alone, which is enough wherever it is the only one.
    fn chance(&self) -> &str {
        &self.0[16..]
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = ();

    fn from_str(text: &str) -> Result<RunId, ()> {
        let is_one = text.len() == 19
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 15 => byte == b'-',
                16.. => CHANCE.contains(&byte),
                _ => byte.is_ascii_digit(),
            });
        if is_one { Ok(RunId(text.to_owned())) } else { Err(()) }
    }
}

/// The run that is meant: `last`, `-1` (the last), `-2` (the one before), a name, the beginning of one, or its last part.
/// `ids` are all runs, the oldest first.
pub fn find(ids: &[RunId], said: &str) -> Result<RunId, RefError> {
    let shown = || crate::escape::text(said, 80);
    let newest = ids.last().ok_or(RefError::NoRuns)?;
    if said == "last" {
        return Ok(newest.clone());
    }
    if let Some(back) = said.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
        let at = ids.len().checked_sub(back).filter(|_| back > 0);
        return at.and_then(|at| ids.get(at)).cloned().ok_or_else(|| RefError::TooFar(shown(), ids.len()));
    }
    let meant = |id: &&RunId| !said.is_empty() && (id.0.starts_with(said) || id.chance() == said);
    let found: Vec<&RunId> = ids.iter().filter(meant).collect();
    match found[..] {
        [] => Err(RefError::Unknown(shown())),
        [only] => Ok(only.clone()),
        [first, .., last] => {
            let some = if found.len() == 2 { "or" } else { ".." };
            Err(RefError::Several(shown(), format!("{first} {some} {last}")))
        }
    }
}

/// A moment in seconds since the beginning of 1970; prints as `2026-11-21T18:15:02Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    fn time(self) -> (u64, u64, u64) {
        let rest = self.0 % 86_400;
        (rest / 3_600, rest / 60 % 60, rest % 60)
    }

    /// Year, month and day: the years of a shifted calendar begin in March, so that the leap day is their last.
    fn date(self) -> (u64, u64, u64) {
        let days = self.0 / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year + era * 400 + u64::from(month <= 2), month, day)
    }
}

/// The days from the beginning of 1970 to a date. A date that does not exist is one near it.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let year = year.saturating_sub(u64::from(month <= 2));
    let (era, of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { (month + 9).min(11) };
    let of_year = (153 * shifted + 2) / 5 + day.saturating_sub(1);
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_moment_and_sort_by_it() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_740_787_200, "2025-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Moment(unix).to_string(), text);
            let id = RunId::new(unix, 7 * 29 * 29 + 5);
            assert_eq!(id.unix(), unix, "{id}");
            assert_eq!(id.as_str().parse(), Ok(id));
        }
        assert_eq!(RunId::new(1_795_284_902, 29 + 2).as_str(), "20261121-181502-345");
        assert!(RunId::new(100, 28) < RunId::new(101, 0));
        // Behind the newest, whatever the dice and the clock say.
        let mut newest = RunId::new(100, 7);
        for (now, dice) in [(100, 0), (100, 98), (99, u32::MAX), (100, 5), (101, 3)].repeat(400) {
            let next = RunId::after(Some(&newest), now, dice);
            assert!(next > newest && next.as_str().parse() == Ok(next.clone()), "{newest} {next}");
            newest = next;
        }
        assert_eq!(RunId::after(None, 100, 7), RunId::new(100, 7));
        assert_eq!(RunId::after(Some(&RunId::new(100, 7)), 101, 3), RunId::new(101, 3));
        for text in ["", "20261121-181502", "20261121-181502-k3fx", "20261121-181502-K3F", "../..-181502-k3f"]
        {
            assert_eq!(text.parse::<RunId>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_run_is_meant_by_as_little_as_names_it_alone() {
        let ids: Vec<RunId> = ["20261120-080000-abc", "20261121-080000-xyz", "20261121-181502-k3f"]
            .iter()
            .map(|text| text.parse().expect("an id"))
            .collect();
        for (said, at) in [
            ("last", 2),
            ("-1", 2),
            ("-3", 0),
            ("20261120", 0),
            ("20261121-18", 2),
            ("k3f", 2),
            ("xyz", 1),
            ("20261121-080000-xyz", 1),
        ] {
            assert_eq!(find(&ids, said), Ok(ids[at].clone()), "{said}");
        }
        for (said, error) in [
            ("2026", "`2026` may be 20261120-080000-abc .. 20261121-181502-k3f; write more of it"),
            ("20261121", "`20261121` may be 20261121-080000-xyz or 20261121-181502-k3f; write more of it"),
            ("-4", "`-4`: there are only 3 runs; `omnes runs` lists them"),
            ("-0", "`-0`: there are only 3 runs; `omnes runs` lists them"),
            ("web", "no run is named `web`; `omnes runs` lists them"),
            ("", "no run is named ``; `omnes runs` lists them"),
        ] {
            assert_eq!(find(&ids, said).expect_err(said).to_string(), error);
        }
        assert_eq!(find(&[], "last"), Err(RefError::NoRuns));
    }
}
