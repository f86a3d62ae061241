//! What sessions report, on its way to the one who listens.
//!
//! Every session has a mailbox of its own, so that a host which floods fills only its own; the listener visits those
//! that have something in turn and takes a bounded share of each. Order within a session is kept: what a host printed
//! before its end is read before its end.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{SessionEvent, SessionId};

/// Output bytes a mailbox holds before its session is made to wait (and with it, through the transport, the host).
const MAILBOX_BYTES: usize = 64 * 1024;

/// Output bytes in all mailboxes together from which on a session puts output only into an empty one: what a thousand hosts
/// print at once waits in their network, not in our memory, which would never be given back.
const ALL_BYTES: usize = 1024 * 1024;

/// Output bytes taken from one session before the next one's turn: about a millisecond of terminal emulation.
const SHARE_BYTES: usize = 16 * 1024;

/// The listener's end: which mailboxes have something.
#[derive(Debug, Default)]
pub struct Listener {
    ready: Mutex<VecDeque<Arc<Mailbox>>>,
    wake: Notify,
    /// Output bytes in all mailboxes.
    output: AtomicUsize,
}

/// One session's queue of events.
#[derive(Debug)]
pub struct Mailbox {
    id: SessionId,
    queue: Mutex<Queue>,
    space: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<SessionEvent>,
    output: usize,
    listed: bool,
}

impl Mailbox {
    /// An empty mailbox.
    pub fn new(id: SessionId) -> Arc<Mailbox> {
        Arc::new(Mailbox { id, queue: Mutex::default(), space: Notify::new() })
    }

    /// Takes up to a share of output with all that stands before it; tells whether more is left.
    fn take(&self, into: &mut Vec<(SessionId, SessionEvent)>) -> Taken {
        let mut queue = lock(&self.queue);
        let mut bytes = 0;
        while bytes < SHARE_BYTES {
            let Some(event) = queue.events.pop_front() else { break };
            bytes += output_len(&event);
            into.push((self.id, event));
        }
        queue.output -= bytes;
        queue.listed = !queue.events.is_empty();
        self.space.notify_one();
        Taken { bytes, more: queue.listed }
    }
}

struct Taken {
    bytes: usize,
    more: bool,
}

impl Listener {
    /// Waits until a mailbox has room for output. Whoever has output waits for it before the output is taken from its host.
    pub async fn room(&self, mailbox: &Mailbox) {
        loop {
            let space = mailbox.space.notified();
            let output = lock(&mailbox.queue).output;
            // Who waits has output in the mailbox, so that it will be taken from, and then it is looked again.
            let scarce = self.output.load(Ordering::Relaxed) >= ALL_BYTES;
            if output == 0 || (output < MAILBOX_BYTES && !scarce) {
                return;
            }
            space.await;
        }
    }

    /// Puts an event into a mailbox: output when there was [room](Listener::room) for it, all else at once. A session has
    /// little else by nature, a dozen stages and questions in its life, one `Written` for each input it was handed, and what
    /// it takes to stall and resume.
    pub fn post(&self, mailbox: &Arc<Mailbox>, event: SessionEvent) {
        let newly_listed = {
            let mut queue = lock(&mailbox.queue);
            queue.output += output_len(&event);
            self.output.fetch_add(output_len(&event), Ordering::Relaxed);
            queue.events.push_back(event);
            !std::mem::replace(&mut queue.listed, true)
        };
        if newly_listed {
            lock(&self.ready).push_back(mailbox.clone());
            self.wake.notify_one();
        }
    }

    /// Waits for something, then takes at most about `budget` bytes of output, in turn from all that have some.
    pub async fn next(&self, budget: usize) -> Vec<(SessionId, SessionEvent)> {
        loop {
            let batch = self.take(budget);
            if !batch.is_empty() {
                return batch;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self, budget: usize) -> Vec<(SessionId, SessionEvent)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < budget {
            let Some(mailbox) = lock(&self.ready).pop_front() else { break };
            let taken = mailbox.take(&mut batch);
            bytes += taken.bytes;
            self.output.fetch_sub(taken.bytes, Ordering::Relaxed);
            if taken.more {
                lock(&self.ready).push_back(mailbox);
            }
        }
        batch
    }
}

fn output_len(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Output(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A queue stays usable if a holder panicked: pushing and popping leave it whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::FutureExt;

    fn output(len: usize) -> SessionEvent {
        SessionEvent::Output(Bytes::from(vec![b'x'; len]))
    }

    #[tokio::test]
    async fn a_flood_waits_and_others_come_through() {
        let listener = Arc::new(Listener::default());
        let (flood, calm) = (Mailbox::new(SessionId(1)), Mailbox::new(SessionId(2)));
        for _ in 0..4 {
            listener.room(&flood).await;
            listener.post(&flood, output(SHARE_BYTES));
        }
        let blocked = tokio::spawn({
            let (listener, flood) = (listener.clone(), flood.clone());
            async move { listener.room(&flood).await }
        });
        tokio::task::yield_now().await;
        assert!(!blocked.is_finished(), "the fifth share must wait");

        listener.post(&calm, SessionEvent::Written);
        let batch = listener.next(2 * SHARE_BYTES).await;
        let ids: Vec<u32> = batch.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [1, 2, 1], "the calm one is served between two shares of the flood");
        blocked.await.expect("it goes on when there is room");
    }

    #[tokio::test]
    async fn a_thousand_that_print_at_once_have_one_piece_each_beyond_what_all_may_hold() {
        let listener = Arc::new(Listener::default());
        let mailboxes: Vec<_> = (0..1000).map(|n| Mailbox::new(SessionId(n))).collect();
        let piece = 8 * 1024;
        let mut held = 0;
        for mailbox in mailboxes.iter().cycle().take(8 * mailboxes.len()) {
            if listener.room(mailbox).now_or_never().is_some() {
                listener.post(mailbox, output(piece));
                held += piece;
            }
        }
        assert_eq!(held, (1000 * piece).max(ALL_BYTES), "each had room while it had nothing");
        let mut taken = 0;
        while taken < held {
            let batch = listener.next(piece).await;
            taken += batch.iter().map(|(_, event)| output_len(event)).sum::<usize>();
        }
        for _ in 0..MAILBOX_BYTES / piece {
            listener.room(&mailboxes[0]).now_or_never().expect("there is room again");
            listener.post(&mailboxes[0], output(piece));
        }
        assert_eq!(listener.room(&mailboxes[0]).now_or_never(), None);
    }

    #[tokio::test]
    async fn the_end_is_read_after_what_was_printed_before_it() {
        let (listener, mailbox) = (Listener::default(), Mailbox::new(SessionId(7)));
        let end = SessionEvent::Closed(crate::outcome::Outcome::Exited(0));
        listener.post(&mailbox, output(40_000));
        listener.post(&mailbox, end.clone());
        let mut seen = Vec::new();
        while !seen.contains(&(SessionId(7), end.clone())) {
            seen.extend(listener.next(1).await);
        }
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], (SessionId(7), output(40_000)));
    }
}
