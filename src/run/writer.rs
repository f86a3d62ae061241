//! The one writer of a run: takes what happened from the queue and puts the reporter's text on our two streams.
//!
//! It runs on a thread of its own, because a write may block for as long as the reader of our output likes.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, JournalFault};
use super::report::{Paper, Reporter, Sinks, Summary};
use super::{Happened, HostIx, Stream};
use crate::outcome::Exit;

/// How many events wait for the writer; at the bound the hosts wait, and with them their SSH windows.
const QUEUE: usize = 256;
/// How many bytes of output wait for the writer, in all events together; at the bound the same.
const ROOM: usize = 4 << 20;
/// How much text is put together before it is written, in bytes.
const BATCH: usize = 64 << 10;

/// Where what happens is told; cheap to clone. The writer comes to its end when all of these are gone.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    journal: Journal,
}

/// What waits for the writer.
#[derive(Debug)]
pub struct Queued {
    event: Happened,
    /// The bytes that it takes up, until it is taken out.
    _room: Option<OwnedSemaphorePermit>,
}

/// A queue to a writer: where it is told, and where the writer takes it out.
pub fn queue() -> (Events, mpsc::Receiver<Queued>) {
    let (queue, queued) = mpsc::channel(QUEUE);
    let (room, journal) = (Arc::new(Semaphore::new(ROOM)), Journal::default());
    (Events { queue, room, journal }, queued)
}

impl Events {
    /// The same events, recorded in this journal before they are told.
    pub fn kept_in(self, journal: Journal) -> Events {
        Events { journal, ..self }
    }

    /// To be awaited right before something may have an effect on a host: its intent is on the disk then. An error says
    /// that it must not be sent.
    pub async fn intent(&self, host: HostIx) -> Result<(), JournalFault> {
        self.journal.intent(host).await
    }

    /// The same before a step of a played script.
    pub async fn step_intent(&self, host: HostIx, step: usize) -> Result<(), JournalFault> {
        self.journal.step_intent(host, step).await
    }

    /// Records an event and tells of it; waits while too much is unwritten or untold.
    pub async fn send(&self, event: Happened) {
        self.record(&event).await;
        self.tell(event).await;
    }

    /// Records an event; a reader of our output that stalls is not waited for.
    pub async fn record(&self, event: &Happened) {
        self.journal.record(event).await;
    }

    /// Tells of an event; waits while too much is untold. Without a writer nothing is told.
    pub async fn tell(&self, event: Happened) {
        let room = match &event {
            Happened::Said(_, _, bytes) => {
                let bytes = u32::try_from(bytes.len().min(ROOM)).unwrap_or(u32::MAX);
                Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
            }
            _ => None,
        };
        let _ = self.queue.send(Queued { event, _room: room }).await;
    }

    /// Tells of something that is no output, unless too much is untold.
    pub fn try_send(&self, event: Happened) {
        let _ = self.queue.try_send(Queued { event, _room: None });
    }
}

/// Our two streams.
pub struct Ends {
    /// Standard output.
    pub out: Box<dyn Write + Send>,
    /// Standard error.
    pub err: Box<dyn Write + Send>,
    /// What they are.
    pub sinks: Sinks,
}

impl Ends {
    /// The streams of this process.
    pub fn standard() -> Ends {
        use super::report::Sink;
        use std::io::IsTerminal;
        let sink = |terminal| if terminal { Sink::Terminal } else { Sink::Exact };
        Ends {
            sinks: Sinks { out: sink(io::stdout().is_terminal()), err: sink(io::stderr().is_terminal()) },
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
        }
    }
}

/// Whoever hears of all that happens in a run, on a thread of its own.
pub trait Teller: Send + 'static {
    /// Takes what happens until all senders are gone. Blocks.
    fn drain(&mut self, events: mpsc::Receiver<Queued>);

    /// Tells the end of the run; the summary comes back with our own faults in its exit code. Blocks.
    fn finish(&mut self, summary: Summary, took: Duration) -> Summary;

    /// Cancelled as soon as it cannot do its work: nothing more is begun then, and what runs is ended.
    fn fault(&self) -> CancellationToken;
}

/// The reporter with the streams it writes to.
pub struct Writer {
    reporter: Reporter,
    ends: Ends,
    broken: [bool; 2],
    /// Cancelled as soon as a stream cannot be written.
    fault: CancellationToken,
}

impl Writer {
    /// A writer to these streams.
    pub fn new(reporter: Reporter, ends: Ends) -> Writer {
        Writer { reporter, ends, broken: [false; 2], fault: CancellationToken::new() }
    }
}

impl Teller for Writer {
    fn drain(&mut self, mut events: mpsc::Receiver<Queued>) {
        let mut paper = Paper::default();
        self.reporter.begin(&mut paper);
        self.write(&mut paper);
        while let Some(Queued { event, .. }) = events.blocking_recv() {
            self.reporter.step(event, &mut paper);
            while paper.parts.iter().map(|(_, text)| text.len()).sum::<usize>() < BATCH {
                let Ok(Queued { event, .. }) = events.try_recv() else { break };
                self.reporter.step(event, &mut paper);
            }
            self.write(&mut paper);
        }
    }

    fn finish(&mut self, summary: Summary, took: Duration) -> Summary {
        let mut paper = Paper::default();
        self.reporter.finish(&summary, took, &mut paper);
        self.write(&mut paper);
        if self.fault.is_cancelled() { summary.with(Exit::OwnFault) } else { summary }
    }

    fn fault(&self) -> CancellationToken {
        self.fault.clone()
    }
}

impl Writer {
    fn write(&mut self, paper: &mut Paper) {
        for (stream, text) in paper.parts.drain(..) {
            if self.broken[stream as usize] {
                continue;
            }
            let end = match stream {
                Stream::Out => &mut self.ends.out,
                Stream::Err => &mut self.ends.err,
            };
            if let Err(error) = end.write_all(&text).and_then(|()| end.flush()) {
                self.broken[stream as usize] = true;
                self.fault.cancel();
                // A reader that went away knows that it did; every other reason needs a word.
                if error.kind() != ErrorKind::BrokenPipe && stream == Stream::Out {
                    let _ = writeln!(
                        self.ends.err,
                        "omnes: standard output cannot be written: {error}; no more hosts are started, running ones are ended"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::FutureExt;
    use tokio::task::unconstrained;

    #[tokio::test]
    async fn what_waits_for_the_writer_is_bounded_in_bytes_and_in_events() {
        const PIECE: usize = 64 << 10;
        let (events, mut queued) = queue();
        let said = |bytes| Happened::Said(HostIx(0), Stream::Out, Bytes::from(vec![0; bytes]));
        // Without tokio's budget, at whose end everybody waits.
        let is_taken = |event| unconstrained(events.send(event)).now_or_never().is_some();
        let pieces = (0..QUEUE).take_while(|_| is_taken(said(PIECE))).count();
        assert_eq!(pieces, ROOM / PIECE);
        // What is no output needs no room among the bytes.
        assert!(is_taken(Happened::Notice("here".to_owned())));
        drop(queued.recv().await);
        assert!(is_taken(said(PIECE)));
        assert!(!is_taken(said(1)));
        // What is larger than all of it comes through alone.
        while queued.try_recv().is_ok() {}
        assert!(is_taken(said(2 * ROOM)));
        drop(queued);
        assert!(is_taken(said(PIECE)), "without a writer nobody waits");
    }
}
