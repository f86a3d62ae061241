//! How much of a file is under way at once.
//!
//! Theory: a long way needs much under way (8 MiB carry 160 MB/s at 50 ms), a thousand hosts must not take that each. So every
//! transfer has a little of its own, [`OWN`], and takes more from a [`Budget`] of all as long as its answers come soon; one
//! whose answers take long, or do not come at all, gets nothing from more under way and gives back what it took. A slow host so holds its own little
//! and nothing of the others, and all hosts together hold their own and the budget. Nobody ever waits for the budget.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

/// What each transfer may have under way whatever the others do, in bytes.
pub const OWN: usize = 256 * 1024;

/// What all transfers from one host have of their own together, in bytes; beyond it each has [`LEAST`].
pub(super) const OF_HOST: usize = 1024 * 1024;

/// What a transfer from a host has of its own at least, in bytes.
const LEAST: usize = 32 * 1024;

/// What one transfer has under way at most, in bytes.
pub const MOST: usize = 8 * 1024 * 1024;

/// What all transfers of a run share, in bytes, where nobody says otherwise.
pub const SHARED: usize = 64 * 1024 * 1024;

/// Answers that take longer than this say that the host is slow, not far.
const SLOW: Duration = Duration::from_secs(2);

/// Answers this much slower than the fastest say that the way is full.
const FULL: Duration = Duration::from_millis(150);

/// Bytes that all transfers of a run may have under way beyond what each has of its own. Takes effect at the next request.
#[derive(Debug)]
pub struct Budget {
    free: AtomicUsize,
}

impl Budget {
    /// So many bytes for all.
    pub fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget { free: AtomicUsize::new(bytes) })
    }

    /// What nobody has taken, in bytes.
    pub fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |free: usize| free.checked_sub(bytes);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one transfer may have under way; what it took from the budget goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Window {
    budget: Arc<Budget>,
    own: usize,
    /// What its own was taken from, and goes back to.
    host: Option<Arc<Budget>>,
    taken: usize,
    under_way: usize,
    fastest: Option<Duration>,
}

impl Window {
    /// For what is sent, which is in memory whoever sends it.
    pub(super) fn new(budget: &Arc<Budget>) -> Window {
        Window::with(budget, (OWN, None))
    }

    fn with(budget: &Arc<Budget>, (own, host): (usize, Option<Arc<Budget>>)) -> Window {
        Window { budget: Arc::clone(budget), own, host, taken: 0, under_way: 0, fastest: None }
    }

    /// For replies that bring so many bytes in all: they are in memory for this transfer alone, so what a host's transfers have
    /// of their own is bounded together.
    pub(super) fn of_replies((budget, host): (&Arc<Budget>, &Arc<Budget>), bytes: u64) -> Window {
        let own = usize::try_from(bytes).unwrap_or(OWN).clamp(LEAST, OWN);
        match host.take(own) {
            true => Window::with(budget, (own, Some(Arc::clone(host)))),
            false => Window::with(budget, (LEAST, None)),
        }
    }

    fn size(&self) -> usize {
        self.own + self.taken
    }

    /// The longest reply that is asked for at once, of at most so many bytes.
    pub(super) fn longest(&self, bytes: u64) -> u64 {
        bytes.min(self.size() as u64)
    }

    /// How many bytes may still go out; with nothing under way there is room for any request.
    pub(super) fn room(&self) -> usize {
        self.size().saturating_sub(self.under_way)
    }

    /// Whether a request of so many bytes may go out.
    pub(super) fn admits(&self, bytes: usize) -> bool {
        self.under_way == 0 || bytes <= self.room()
    }

    pub(super) fn sends(&mut self, bytes: usize) {
        self.under_way += bytes;
    }

    /// So many bytes were answered, this long after they were sent.
    pub(super) fn hears(&mut self, bytes: usize, after: Duration) {
        let was_full = self.under_way * 2 > self.size();
        self.under_way = self.under_way.saturating_sub(bytes);
        let fastest = self.fastest.map_or(after, |fastest| fastest.min(after));
        self.fastest = Some(fastest);
        if after > SLOW {
            self.give_back();
        } else if was_full
            && after < fastest * 4 + FULL
            && self.size() + bytes <= MOST
            && self.budget.take(bytes)
        {
            self.taken += bytes;
        }
    }

    /// Waits for an answer. One that takes long gives back meanwhile: a host that does not answer at all holds nothing of the
    /// others.
    pub(super) async fn waits<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        if let Ok(answered) = timeout(SLOW, &mut answer).await {
            return answered;
        }
        self.give_back();
        answer.await
    }

    fn give_back(&mut self) {
        self.budget.give(std::mem::take(&mut self.taken));
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.give_back();
        if let Some(host) = &self.host {
            host.give(self.own);
        }
    }
}

/// Requests under way, oldest first, with when they were sent and how many bytes they are about.
#[derive(Debug)]
pub(super) struct Queue<T> {
    items: VecDeque<(T, tokio::time::Instant, usize)>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue { items: VecDeque::new() }
    }

    pub(super) fn push(&mut self, item: T, bytes: usize) {
        self.items.push_back((item, tokio::time::Instant::now(), bytes));
    }

    pub(super) fn pop(&mut self) -> Option<(T, tokio::time::Instant, usize)> {
        self.items.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transfer whose answers take so long, for so many rounds; gives how much it has under way then.
    fn transfer(budget: &Arc<Budget>, after: Duration, rounds: usize) -> Window {
        const CHUNK: usize = 64 * 1024;
        let mut window = Window::new(budget);
        for _ in 0..rounds {
            while window.admits(CHUNK) {
                window.sends(CHUNK);
            }
            let under_way = window.under_way / CHUNK;
            (0..under_way).for_each(|_| window.hears(CHUNK, after));
        }
        window
    }

    #[test]
    fn what_is_far_gets_more_and_what_is_slow_keeps_its_own() {
        let budget = Budget::new(SHARED);
        let far = transfer(&budget, Duration::from_millis(50), 20);
        assert!(far.size() > MOST * 9 / 10 && far.size() <= MOST, "{}", far.size());
        let slow = transfer(&budget, Duration::from_secs(30), 20);
        assert_eq!(slow.size(), OWN);
        drop((far, slow));
        assert_eq!(budget.free(), SHARED);
    }

    #[test]
    fn all_together_take_no_more_than_there_is() {
        let budget = Budget::new(10 << 20);
        let all: Vec<Window> = (0..1000).map(|_| transfer(&budget, Duration::from_millis(50), 10)).collect();
        let taken: usize = all.iter().map(|window| window.size() - OWN).sum();
        assert!((9 << 20..=10 << 20).contains(&taken), "{taken}");
        drop(all);
        assert_eq!(budget.free(), 10 << 20);
    }

    #[test]
    fn one_that_became_slow_gives_back() {
        let budget = Budget::new(SHARED);
        let mut window = transfer(&budget, Duration::from_millis(20), 20);
        assert!(budget.free() < SHARED);
        window.sends(1);
        window.hears(1, Duration::from_secs(5));
        assert_eq!(budget.free(), SHARED);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_gives_back_while_it_is_waited_for() {
        let budget = Budget::new(SHARED);
        let mut window = transfer(&budget, Duration::from_millis(20), 20);
        assert!(budget.free() < SHARED);
        window.sends(window.size());
        let waiting = window.waits(std::future::pending::<()>());
        assert!(timeout(SLOW * 2, waiting).await.is_err());
        assert_eq!(budget.free(), SHARED);
        assert!(!window.admits(1), "what it has under way is more than its own now");
        assert_eq!(window.waits(std::future::ready(7)).await, 7);
    }

    #[test]
    fn all_transfers_from_one_host_have_their_own_together() {
        let (budget, host) = (Budget::new(0), Budget::new(OF_HOST));
        let many = |bytes| (0..64).map(|_| Window::of_replies((&budget, &host), bytes)).collect::<Vec<_>>();
        let of = |all: &[Window]| all.iter().map(Window::size).sum::<usize>();
        let large = many(u64::MAX);
        assert_eq!((large[0].size(), of(&large)), (OWN, OF_HOST + 60 * LEAST));
        assert_eq!(large[63].longest(1 << 20), LEAST as u64);
        drop(large);
        assert_eq!(host.free(), OF_HOST, "it goes back");
        assert!(of(&many(1)) <= OF_HOST + 64 * LEAST);
    }

    #[test]
    fn a_request_larger_than_the_window_goes_out_alone() {
        let mut window = Window::new(&Budget::new(0));
        assert!(window.admits(OWN * 4));
        window.sends(OWN * 4);
        assert!(!window.admits(1));
    }
}
