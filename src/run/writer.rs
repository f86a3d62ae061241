//! The one writer of a run: takes what happened from the queue and puts the reporter's text on our two streams.
//!
//! It runs on a thread of its own, because a write may block for as long as the reader of our output likes.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::deed::Deed;
use super::files::Files;
use super::groups::Press;
use super::journal::{Journal, JournalFault};
use super::meter::{self, Meter};
use super::progress::Progress;
use super::report::{Paper, Reporter, Sink, Sinks, Summary, Words};
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
    /// When it happened, however long it waited.
    at: Instant,
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
        let at = Instant::now();
        let room = match &event {
            Happened::Said(_, _, bytes) => {
                let bytes = u32::try_from(bytes.len().min(ROOM)).unwrap_or(u32::MAX);
                Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
            }
            _ => None,
        };
        let _ = self.queue.send(Queued { event, at, _room: room }).await;
    }

    /// Tells of something that is no output, unless too much is untold.
    pub fn try_send(&self, event: Happened) {
        let _ = self.queue.try_send(Queued { event, at: Instant::now(), _room: None });
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

    /// What the deed has to say of all hosts together, right before the end. Blocks.
    fn conclude(&mut self, _deed: &dyn Deed) {}

    /// Tells the end of the run; the summary comes back with our own faults in its exit code. Blocks.
    fn finish(&mut self, summary: Summary, took: Duration) -> Summary;

    /// Cancelled as soon as it cannot do its work: nothing more is begun then, and what runs is ended.
    fn fault(&self) -> CancellationToken;
}

/// Whoever sees what happens in a run beside the one who writes it down, such as a screen.
pub trait Witness: Send + 'static {
    /// Sees what happened, before it is told. While it waits the hosts wait, as with any reader of their output.
    fn see(&mut self, happened: &Happened);
}

/// The reporter with the streams and files it writes to.
pub struct Writer {
    reporter: Reporter,
    streams: Streams,
    files: Option<Files>,
    progress: Progress,
    witness: Option<Box<dyn Witness>>,
    begun: Instant,
}

/// Our two streams, as far as they can be written.
struct Streams {
    ends: Ends,
    broken: [bool; 2],
    meter: Option<Meter>,
    /// Cancelled as soon as something cannot be written.
    fault: CancellationToken,
}

impl Writer {
    /// A writer to these streams.
    pub fn new(reporter: Reporter, ends: Ends) -> Writer {
        let progress = Progress::new(reporter.names());
        let streams = Streams { ends, broken: [false; 2], meter: None, fault: CancellationToken::new() };
        Writer { reporter, streams, files: None, progress, witness: None, begun: Instant::now() }
    }

    /// The same, with a line on standard error that says how far the run is.
    pub fn with_meter(mut self, meter: Option<Meter>) -> Writer {
        self.streams.meter = meter;
        self
    }

    /// The same, with a file for each host and stream.
    pub fn with_files(self, files: Option<Files>) -> Writer {
        Writer { files, ..self }
    }

    /// The same, seen by somebody else too.
    pub fn with_witness(self, witness: Box<dyn Witness>) -> Writer {
        Writer { witness: Some(witness), ..self }
    }

    fn step(&mut self, Queued { event, at, .. }: Queued, paper: &mut Paper) {
        if let Some(witness) = &mut self.witness {
            witness.see(&event);
        }
        let at = at.saturating_duration_since(self.begun);
        self.progress.step(&event, at);
        if let Some(Err(error)) = self.files.as_mut().map(|files| files.step(&event)) {
            self.files = None;
            self.streams.faulty(paper, &error.to_string());
        }
        if event == Happened::Looked {
            self.tell_gathered(paper);
        }
        self.reporter.at(at).step(event, paper);
        self.tell_fault(paper);
    }

    /// Piece by piece, since it may be more than fits memory.
    fn tell_gathered(&mut self, paper: &mut Paper) {
        let Writer { reporter, streams, .. } = self;
        reporter.tell_gathered(paper, &mut |paper| {
            if paper.len() >= BATCH {
                streams.write(paper);
            }
        });
    }

    /// Output that is lost is our fault, and nothing more is begun then.
    fn tell_fault(&mut self, paper: &mut Paper) {
        if let Some(why) = self.reporter.fault().filter(|_| !self.streams.fault.is_cancelled()) {
            self.streams.faulty(paper, why);
        }
    }
}

impl Teller for Writer {
    fn drain(&mut self, mut events: mpsc::Receiver<Queued>) {
        self.begun = Instant::now();
        let mut paper = Paper::default();
        self.reporter.begin(&mut paper);
        self.streams.write(&mut paper);
        loop {
            match self.streams.next(&mut events) {
                Next::Event(queued) => self.step(queued, &mut paper),
                Next::Nothing => {}
                Next::End => return,
            }
            while paper.len() < BATCH {
                let Ok(queued) = events.try_recv() else { break };
                self.step(queued, &mut paper);
            }
            self.streams.write(&mut paper);
            self.streams.draw(&mut self.progress);
        }
    }

    fn conclude(&mut self, deed: &dyn Deed) {
        let mut paper = Paper::default();
        self.tell_gathered(&mut paper);
        let Writer { reporter, streams, .. } = self;
        let (form, sinks) = (reporter.form(), reporter.sinks());
        let press: Press<'_> = &mut |paper: &mut Paper| {
            if paper.len() >= BATCH {
                streams.write(paper);
            }
        };
        deed.tell(&mut Words { form, sinks, paper: &mut paper, press });
        self.streams.write(&mut paper);
    }

    fn finish(&mut self, summary: Summary, took: Duration) -> Summary {
        let mut paper = Paper::default();
        self.tell_gathered(&mut paper);
        self.tell_fault(&mut paper);
        self.reporter.finish(&summary, took, &mut paper);
        self.streams.write(&mut paper);
        if self.fault().is_cancelled() { summary.with(Exit::OwnFault) } else { summary }
    }

    fn fault(&self) -> CancellationToken {
        self.streams.fault.clone()
    }
}

/// What the writer is woken by.
enum Next {
    Event(Queued),
    Nothing,
    End,
}

impl Streams {
    /// What happens next. Where a line is shown that says how far the run is, time wakes us too.
    fn next(&self, events: &mut mpsc::Receiver<Queued>) -> Next {
        let next = match (&self.meter, Handle::try_current()) {
            (Some(_), Ok(runtime)) => {
                // The timer has to be made inside of the runtime.
                match runtime.block_on(async { timeout(meter::APART, events.recv()).await }) {
                    Ok(next) => next,
                    Err(_) => return Next::Nothing,
                }
            }
            _ => events.blocking_recv(),
        };
        next.map_or(Next::End, Next::Event)
    }

    /// Says what cannot be written, and lets nothing more begin.
    fn faulty(&self, paper: &mut Paper, why: &str) {
        self.fault.cancel();
        paper.notice(&format!("{why}; no more hosts are started, running ones are ended"));
    }

    fn draw(&mut self, progress: &mut Progress) {
        // A terminal that takes nothing more shows that with the next text.
        if let Some(meter) = self.meter.as_mut().filter(|_| !self.broken[Stream::Err as usize]) {
            let _ = meter.draw(progress, Instant::now(), &mut self.ends.err);
        }
    }

    fn wipe(&mut self, paper: &Paper) {
        let is_near = |stream| stream == Stream::Err || self.ends.sinks.out == Sink::Terminal;
        if let Some(meter) = &mut self.meter
            && paper.parts.iter().any(|(stream, _)| is_near(*stream))
        {
            let _ = meter.wipe(&mut self.ends.err);
        }
    }

    fn write(&mut self, paper: &mut Paper) {
        self.wipe(paper);
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
