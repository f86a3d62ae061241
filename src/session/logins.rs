//! How many sessions log in at once.
//!
//! Theory: a session that waits for somebody else gives its turn away, since whoever it waits for may need one. When it
//! goes on it cannot wait for another: its connection may be under way, and its clock runs. So it takes one in any case,
//! and where there was none, the next that is given back goes to nobody. Only those who have not begun wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::Semaphore;

/// The turns of a program.
#[derive(Debug)]
pub(super) struct Logins {
    /// Turns that are free; those who wait for one are served in order.
    free: Semaphore,
    /// Turns that were taken though none was free.
    owed: AtomicUsize,
}

impl Logins {
    /// So many at once, at least one.
    pub(super) fn new(limit: usize) -> Arc<Logins> {
        let free = Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS));
        Arc::new(Logins { free, owed: AtomicUsize::new(0) })
    }

    /// Waits for a turn.
    pub(super) async fn wait(self: &Arc<Self>) -> Login {
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        Login(Arc::clone(self))
    }

    /// Takes a turn, whether there is one or not.
    pub(super) fn take(self: &Arc<Self>) -> Login {
        match self.free.try_acquire() {
            Ok(permit) => permit.forget(),
            Err(_) => {
                self.owed.fetch_add(1, SeqCst);
            }
        }
        Login(Arc::clone(self))
    }

    fn give_back(&self) {
        let paid = self.owed.fetch_update(SeqCst, SeqCst, |owed| owed.checked_sub(1));
        if paid.is_err() {
            self.free.add_permits(1);
        }
    }
}

/// A turn; given back when dropped.
#[derive(Debug)]
pub(super) struct Login(Arc<Logins>);

impl Drop for Login {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn who_comes_back_takes_a_turn_and_nobody_begins_until_it_is_paid() {
        let logins = Logins::new(2);
        let begins = || logins.wait().now_or_never();
        let (first, second) = (begins().unwrap(), begins().unwrap());
        assert!(begins().is_none());
        drop(first);
        let third = begins().unwrap();
        // The first one is back, and so three are under way.
        let first = logins.take();
        drop(second);
        assert!(begins().is_none(), "two are under way");
        drop(third);
        let fourth = begins().unwrap();
        assert!(begins().is_none());
        drop((first, fourth));
        let both = (begins().unwrap(), begins().unwrap());
        assert!(begins().is_none());
        drop(both);
    }

    #[test]
    fn a_free_turn_is_taken_before_any_is_owed() {
        let logins = Logins::new(0);
        let only = logins.take();
        assert!(logins.wait().now_or_never().is_none(), "there is at least one, and it is taken");
        drop(only);
        assert!(logins.wait().now_or_never().is_some());
    }
}
