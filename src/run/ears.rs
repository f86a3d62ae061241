//! What a command says, heard with its marks told from its words, and what it comes to kept beside.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Stream;
use super::marks::{Heard, Mark, Sieve};
use super::work::{Order, RunsOn};
use crate::outcome::Outcome;
use crate::ssh::{ChannelEvent, ChannelOutput};

/// One thing that was heard.
#[derive(Debug)]
pub(super) enum Word {
    /// The command's own words.
    Said(Stream, Bytes),
    /// Words of what stands around it.
    Mark(Mark),
    /// The channel is over.
    Closed(Result<(), String>),
}

/// Listens to one command.
pub(super) struct Ears {
    output: ChannelOutput,
    sieve: Option<Sieve>,
    /// Where marks come: on standard error, or on a terminal where both are one.
    marked: Stream,
    /// What one piece of output fell into; at most as much as that piece.
    heard: VecDeque<Heard>,
    /// How it ended, once it has said so.
    pub(super) status: Option<Outcome>,
    /// What the wrapper saw of the end it was told to bring about.
    pub(super) fate: Option<Mark>,
    /// The wrapper could not begin the command.
    pub(super) is_unable: bool,
}

impl Ears {
    pub(super) fn new(output: ChannelOutput, order: &Order) -> Ears {
        let marked = match order.place {
            RunsOn::Pipes => Stream::Err,
            RunsOn::Terminal => Stream::Out,
        };
        let sieve = order.token.as_ref().map(Sieve::new);
        Ears { output, sieve, marked, heard: VecDeque::new(), status: None, fate: None, is_unable: false }
    }

    /// The next thing that is heard. May be dropped and called anew.
    pub(super) async fn next(&mut self) -> Word {
        loop {
            match self.heard.pop_front() {
                Some(Heard::Said(bytes)) => return Word::Said(self.marked, bytes),
                Some(Heard::Mark(mark)) => return Word::Mark(self.noted(mark)),
                None => {}
            }
            let (stream, bytes) = match self.output.next().await {
                ChannelEvent::Data(bytes) => (Stream::Out, bytes),
                ChannelEvent::Stderr(bytes) => (Stream::Err, bytes),
                ChannelEvent::Eof => continue,
                ChannelEvent::Exit(code) => {
                    self.status.get_or_insert(Outcome::Exited(code));
                    continue;
                }
                ChannelEvent::Signal(name) => {
                    self.status.get_or_insert(Outcome::Signalled(name));
                    continue;
                }
                ChannelEvent::Closed(how) => match self.sieve.take().and_then(|mut sieve| sieve.finish()) {
                    Some(last) => return Word::Said(self.marked, last),
                    None => return Word::Closed(how),
                },
            };
            match &mut self.sieve {
                Some(sieve) if stream == self.marked => self.heard.extend(sieve.feed(&bytes)),
                _ => return Word::Said(stream, bytes),
            }
        }
    }

    fn noted(&mut self, mark: Mark) -> Mark {
        match mark {
            Mark::Killed | Mark::Left => self.fate = Some(mark),
            Mark::Unable => self.is_unable = true,
            Mark::Password | Mark::Began => {}
        }
        mark
    }
}
