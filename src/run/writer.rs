//! The one writer of a run: takes what happened from the queue and puts the reporter's text on our two streams.
//!
//! It runs on a thread of its own, because a write may block for as long as the reader of our output likes.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::report::{Paper, Reporter, Sinks, Summary};
use super::{Happened, Stream};
use crate::outcome::Exit;

/// How many events wait for the writer; at the bound the hosts wait, and with them their SSH windows. One event holds at
/// most one SSH packet (32 kB), so 8 MB in all.
pub const QUEUE: usize = 256;
/// How much text is put together before it is written, in bytes.
const BATCH: usize = 64 << 10;

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

/// The reporter with the streams it writes to.
pub struct Writer {
    reporter: Reporter,
    ends: Ends,
    broken: [bool; 2],
    /// Cancelled as soon as a stream cannot be written.
    fault: CancellationToken,
}

impl Writer {
    /// A writer; `fault` is cancelled as soon as a stream cannot be written.
    pub fn new(reporter: Reporter, ends: Ends, fault: CancellationToken) -> Writer {
        Writer { reporter, ends, broken: [false; 2], fault }
    }

    /// Writes what happens until all senders are gone. Blocks.
    pub fn drain(&mut self, mut events: mpsc::Receiver<Happened>) {
        let mut paper = Paper::default();
        self.reporter.begin(&mut paper);
        self.write(&mut paper);
        while let Some(event) = events.blocking_recv() {
            self.reporter.step(event, &mut paper);
            while paper.parts.iter().map(|(_, text)| text.len()).sum::<usize>() < BATCH {
                let Ok(event) = events.try_recv() else { break };
                self.reporter.step(event, &mut paper);
            }
            self.write(&mut paper);
        }
    }

    /// Writes the end of the run; the summary comes back with our own faults in its exit code. Blocks.
    pub fn finish(&mut self, summary: Summary, took: Duration) -> Summary {
        let mut paper = Paper::default();
        self.reporter.finish(&summary, took, &mut paper);
        self.write(&mut paper);
        if self.fault.is_cancelled() { summary.with(Exit::OwnFault) } else { summary }
    }

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
