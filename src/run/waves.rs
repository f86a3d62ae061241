//! Waves: a run cut into pieces, each begun when every host of the one before has its outcome. Pure.
//!
//! The sizes are those of the waves themselves, as in Ansible's `serial`, and not how far the run is to have come: of 1,000
//! hosts `1,10%,100%` are 1, then 100 more, then the other 899. A percentage is of all hosts of the run, rounded down,
//! but no wave is empty. The last size is repeated until every host had its turn, so `50` alone means waves of 50.

use std::fmt;
use std::str::FromStr;

use super::share::Share;

/// The sizes of the waves; none is one wave of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waves(Vec<Share>);

impl Waves {
    /// Where each wave ends, as the number of hosts that had their turn by then; the last is `hosts`. Without hosts there
    /// is no wave.
    pub fn cut(&self, hosts: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        let (mut end, mut sizes) = (0, self.0.iter());
        let mut size = Share::Hosts(hosts);
        while end < hosts {
            size = sizes.next().copied().unwrap_or(size);
            end = end.saturating_add(size.of(hosts).max(1)).min(hosts);
            ends.push(end);
        }
        ends
    }
}

impl FromStr for Waves {
    type Err = String;

    fn from_str(text: &str) -> Result<Waves, String> {
        let size = |text: &str| match text.trim().parse() {
            Ok(Share::Hosts(0) | Share::Part(0)) | Err(_) => Err(format!(
                "`{text}` is no size of a wave; write numbers of hosts or percentages of all hosts, wave after wave, such \
                 as 1,10%,100% (1 host, then another 10%, then the rest; the last size is repeated)"
            )),
            Ok(size) => Ok(size),
        };
        text.split(',').map(size).collect::<Result<_, _>>().map(Waves)
    }
}

impl fmt::Display for Waves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, size) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{size}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_the_waves_themselves_and_the_last_is_repeated() {
        for (text, hosts, ends) in [
            ("1,10%,100%", 1000, vec![1, 101, 1000]),
            ("1,10%,100%", 5, vec![1, 2, 5]),
            ("50", 120, vec![50, 100, 120]),
            ("1,5", 12, vec![1, 6, 11, 12]),
            ("50%", 3, vec![1, 2, 3]),
            ("1,2,3", 2, vec![1, 2]),
            ("18446744073709551615", 2, vec![2]),
            ("100%", 0, vec![]),
        ] {
            let waves: Waves = text.parse().expect(text);
            assert_eq!(waves.cut(hosts), ends, "{text} of {hosts}");
            assert_eq!(waves.to_string(), text);
        }
        assert_eq!(Waves::default().cut(7), [7]);
    }

    #[test]
    fn what_is_no_size_is_said_with_the_whole_rule() {
        for wrong in ["", "0", "1,,2", "0%", "1,10%,x", "-1", "101%"] {
            let error = wrong.parse::<Waves>().expect_err(wrong);
            assert!(error.contains("such as 1,10%,100%") && error.contains("repeated"), "{error}");
        }
    }
}
