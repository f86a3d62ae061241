//! What the user wants of a run's pace, put together and checked before anything connects; and whoever looks at a pause.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};

use anyhow::bail;
use futures_util::future::{BoxFuture, FutureExt};
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::oneshot;

use super::args::PacingArgs;
use super::headless;
use crate::config::Config;
use crate::hosts::Facts;
use crate::run::budget::Budget;
use crate::run::order::{self, Order};
use crate::run::plan;
use crate::run::retry::Retry;
use crate::run::schedule::Pause;
use crate::run::throttle::Fanout;
use crate::run::{Limits, Look, Overseer, Pacing};

/// Hosts that may be put aside while they take too long to be reached.
const ASIDE: usize = 1024;

/// The pace of a run on hosts of which this is known. `each` is how many file descriptors each host takes; `rank` the place
/// of the first target that names it, where the order is [`Order::Given`].
pub(super) fn pacing(
    args: &PacingArgs,
    config: &Config,
    limits: &Limits,
    hosts: Fleet<'_>,
) -> anyhow::Result<Pacing> {
    let pause = args.pause.unwrap_or_default();
    if pause == Pause::Look && !can_look() {
        bail!("--pause asks on the terminal, and there is none; write --pause 60s to wait between the waves");
    }
    let seed = rand::random::<u32>();
    let order = match args.order.clone().unwrap_or_default() {
        Order::Random(None) => {
            headless::notice(&format!("--order random:{seed} gives this order again"));
            Order::Random(Some(seed.into()))
        }
        order => order,
    };
    let turns = match &order {
        Order::Sorted => Vec::new(),
        order => order::arrange(order, hosts.facts, hosts.rank)?,
    };
    Ok(Pacing {
        turns,
        waves: args.waves.clone().unwrap_or_default(),
        pause,
        budget: budget(args, config)?,
        retry: retry(args, config)?,
        fanout: fanout(args, limits, hosts.each),
        seed: seed.into(),
    })
}

/// What is known of the hosts of a run.
pub(super) struct Fleet<'a> {
    /// For each host: what orders go by.
    pub(super) facts: &'a [Facts],
    /// For each host: the place of the first target that names it; empty where that is not asked for.
    pub(super) rank: &'a [usize],
    /// How many file descriptors each takes.
    pub(super) each: Vec<u64>,
}

fn budget(args: &PacingArgs, config: &Config) -> anyhow::Result<Budget> {
    match (&args.max_fail, &config.limits.max_fail) {
        (Some(budget), _) => Ok(budget.clone()),
        (None, Some(written)) => {
            written.value.parse().map_err(|why: String| anyhow::anyhow!("{}: `max_fail`: {why}", written.at))
        }
        (None, None) => Ok(Budget::default()),
    }
}

fn retry(args: &PacingArgs, config: &Config) -> anyhow::Result<Retry> {
    let times = args.retry.or(config.limits.retries).unwrap_or_default();
    if args.retry_on.is_some() && times == 0 {
        bail!("--retry-on says what is tried again, and nothing is; write --retry 2 with it");
    }
    Ok(Retry { times, on: args.retry_on.clone().unwrap_or_default(), ..Retry::default() })
}

/// Hosts that are put aside take file descriptors beside those that count.
fn fanout(args: &PacingArgs, limits: &Limits, each: Vec<u64>) -> Fanout {
    if args.fanout.is_some() {
        return Fanout::Fixed;
    }
    let wanted = limits.fanout.saturating_add(ASIDE);
    let allowed = plan::lowered(wanted, headless::descriptors_allowed(), headless::SPARE, each);
    Fanout::Adapts { aside: allowed.unwrap_or(wanted).get().saturating_sub(limits.fanout.get()) }
}

/// Where the question is shown and where the answer comes from.
fn can_look() -> bool {
    std::io::stderr().is_terminal() && terminal().is_ok()
}

fn terminal() -> std::io::Result<File> {
    File::open("/dev/tty")
}

/// Whoever sits at the terminal. The terminal makes its signals meanwhile, so that `C-c` is heard as at any other moment.
pub(super) struct AtTerminal;

impl Overseer for AtTerminal {
    fn look(&self) -> BoxFuture<'static, Look> {
        // Without a terminal nobody looks, and nothing goes on.
        let Ok(terminal) = listening() else { return std::future::ready(Look::Stop).boxed() };
        let (told, word) = oneshot::channel();
        // A thread that waits for a line cannot be told to stop; it holds nothing and ends with the process.
        std::thread::spawn(move || {
            let _ = told.send(read_word(terminal));
        });
        async move { word.await.unwrap_or(Look::Stop) }.boxed()
    }
}

/// The terminal, without what was typed before the question, which is no answer to it.
fn listening() -> std::io::Result<File> {
    let terminal = terminal()?;
    tcflush(&terminal, QueueSelector::IFlush)?;
    Ok(terminal)
}

/// Enter, or a word for yes, goes on; everything else stops, the end of the input too.
fn read_word(terminal: File) -> Look {
    let mut line = String::new();
    match BufReader::new(terminal).read_line(&mut line) {
        Ok(_) => word(&line),
        Err(_) => Look::Stop,
    }
}

fn word(line: &str) -> Look {
    match line.strip_suffix('\n').map(|word| word.trim().to_lowercase()) {
        Some(word) if ["", "y", "yes", "c", "continue"].contains(&&*word) => Look::GoOn,
        _ => Look::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_word_goes_on() {
        for (line, look) in [
            ("\n", Look::GoOn),
            ("Y\n", Look::GoOn),
            (" continue \n", Look::GoOn),
            ("s\n", Look::Stop),
            ("no\n", Look::Stop),
            ("", Look::Stop),
            ("y", Look::Stop),
        ] {
            assert_eq!(word(line), look, "{line:?}");
        }
    }

    #[test]
    fn a_fixed_fan_out_puts_nobody_aside_and_descriptors_bound_the_rest() {
        let fixed = PacingArgs { fanout: std::num::NonZeroUsize::new(8), ..PacingArgs::default() };
        assert_eq!(fanout(&fixed, &Limits::DEFAULT, vec![2; 5000]), Fanout::Fixed);
        let Fanout::Adapts { aside } = fanout(&PacingArgs::default(), &Limits::DEFAULT, vec![0; 5000]) else {
            panic!("without -f it adapts")
        };
        assert_eq!(aside, ASIDE, "hosts that take no descriptors");
        let Fanout::Adapts { aside } = fanout(&PacingArgs::default(), &Limits::DEFAULT, vec![u64::MAX; 9])
        else {
            panic!("without -f it adapts")
        };
        assert_eq!(aside, 0, "hosts that take more than there are");
    }
}
