//! The moment between two waves: what is said there, and who says whether it goes on.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::schedule::{Pause, WaveOver};

/// What becomes of a run at a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The next wave begins.
    GoOn,
    /// It ends here.
    Stop,
}

/// Whoever looks at what a wave came to.
pub trait Overseer: Send + Sync + 'static {
    /// Listens from now on, and waits for the word; called right before the question is shown. Where the word is not
    /// wanted any more (the user interrupts) the future is dropped.
    fn look(&self) -> BoxFuture<'static, Look>;
}

/// Nobody: what was to be looked at is not gone past.
#[derive(Clone, Copy, Debug)]
pub struct Unattended;

impl Overseer for Unattended {
    fn look(&self) -> BoxFuture<'static, Look> {
        std::future::ready(Look::Stop).boxed()
    }
}

/// What is said when a wave is over; `came` is what it came to.
pub(super) fn sentence(over: &WaveOver, came: &str, pause: Pause) -> String {
    let WaveOver { wave, waves, next, .. } = over;
    let hosts = if *next == 1 { "1 host".to_owned() } else { format!("{next} hosts") };
    let then = match pause {
        Pause::None => format!("now {hosts}"),
        Pause::For(wait) => format!("{hosts} in {}; C-c stops here", time(wait)),
        Pause::Look => format!("Enter goes on with {hosts}, s Enter stops here"),
    };
    format!("wave {wave} of {waves} is over: {came}; {then}")
}

fn time(wait: Duration) -> String {
    format!("{} s", wait.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_and_what_comes_stand_in_one_line() {
        let over = WaveOver { wave: 1, waves: 3, hosts: 0..1, next: 100 };
        let said = |pause| sentence(&over, "1 ok: web01", pause);
        assert_eq!(said(Pause::None), "wave 1 of 3 is over: 1 ok: web01; now 100 hosts");
        assert!(said(Pause::For(Duration::from_secs(60))).ends_with("; 100 hosts in 60 s; C-c stops here"));
        assert!(said(Pause::Look).ends_with("; Enter goes on with 100 hosts, s Enter stops here"));
        let last = WaveOver { next: 1, ..over };
        assert!(sentence(&last, "x", Pause::None).ends_with("now 1 host"));
    }
}
