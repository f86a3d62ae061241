//! Which runs are kept no longer. Pure: what is there and what time it is are the caller's.

use std::time::Duration;

use super::RunId;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a run is kept after its last line.
    pub keep: Duration,
    /// How many bytes all runs together may take up.
    pub max_size: u64,
    /// How many runs are kept.
    pub max_runs: usize,
}

impl Retention {
    /// 30 days, 1 GB, 2,000 runs.
    pub const DEFAULT: Retention =
        Retention { keep: Duration::from_secs(30 * 86_400), max_size: 1_000_000_000, max_runs: 2_000 };
}

/// A run that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old {
    /// Its name.
    pub id: RunId,
    /// The bytes that it takes up.
    pub bytes: u64,
    /// How long ago it was last written to.
    pub age: Duration,
}

/// The runs to be deleted, the oldest first. `runs` has the oldest first too; the newest always stays.
pub fn outdated(runs: &[Old], rule: Retention) -> Vec<RunId> {
    let Some((_, others)) = runs.split_last() else { return Vec::new() };
    let mut bytes: u64 = runs.iter().map(|run| run.bytes).sum();
    let mut count = runs.len();
    let mut gone = Vec::new();
    for run in others {
        if run.age > rule.keep || bytes > rule.max_size || count > rule.max_runs.max(1) {
            bytes -= run.bytes;
            count -= 1;
            gone.push(run.id.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_or_too_much_goes_and_the_newest_stays() {
        let day = |n: u64| Duration::from_secs(n * 86_400);
        let run = |n: u64, bytes, age| Old { id: RunId::new(n, 0), bytes, age: day(age) };
        let runs = [run(1, 10, 40), run(2, 600, 3), run(3, 10, 31), run(4, 300, 2), run(5, 200, 90)];
        let rule = |keep, max_size, max_runs| Retention { keep: day(keep), max_size, max_runs };
        for (rule, gone) in [
            (rule(100, 10_000, 100), vec![]),
            (rule(30, 10_000, 100), vec![1, 3]),
            (rule(100, 1_000, 100), vec![1, 2]),
            (rule(100, 500, 100), vec![1, 2, 3]),
            (rule(100, 100, 100), vec![1, 2, 3, 4]),
            (rule(100, 10_000, 3), vec![1, 2]),
            (rule(0, 0, 0), vec![1, 2, 3, 4]),
        ] {
            let expected: Vec<RunId> = gone.into_iter().map(|n| RunId::new(n, 0)).collect();
            assert_eq!(outdated(&runs, rule), expected, "{rule:?}");
        }
        assert!(outdated(&[], Retention::DEFAULT).is_empty());
    }
}
