//! Moments in UTC as files name them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment; prints as `2026-11-21T14:55:08Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    seconds: u64,
}

impl Stamp {
    /// A moment of the system's clock.
    pub fn of(moment: SystemTime) -> Stamp {
        Stamp::of_unix(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// A time since the beginning of 1970.
    pub fn of_unix(since: Duration) -> Stamp {
        Stamp { seconds: since.as_secs() }
    }

    /// Seconds since the beginning of 1970.
    pub fn unix(self) -> u64 {
        self.seconds
    }

    /// For the name of a file: `20261121T145508Z`.
    pub fn for_file(self) -> String {
        self.to_string().replace(['-', ':'], "")
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of a day counted from the beginning of 1970.
fn date(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    for length in [31, days_of(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of(year: u64) -> u64 {
    let leaps = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    365 + u64::from(leaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_740_787_200, "2025-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Stamp::of_unix(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(Stamp::of_unix(Duration::from_secs(951_782_400)).for_file(), "20000229T000000Z");
    }
}
