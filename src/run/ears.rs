//! What a command says, heard with its marks told from its words, and what it comes to kept beside.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Stream;
use super::marks::{Heard, Mark, Sieve};
use super::work::Order;
use crate::outcome::Outcome;
use crate::ssh::{ChannelEvent, ChannelOutput};

/// One thing that was heard.
#[derive(Debug)]
pub(super) enum Word {
    /// The command's own words.
    Said(Stream, Bytes),
    /// Words of what stands around it.
    Mark(Mark),
    /// It has said how it ended; its output may go on.
    Over,
    /// The channel is over.
    Closed(Result<(), String>),
}

/// Listens to one command.
pub(super) struct Ears {
    output: ChannelOutput,
    /// By stream: marks come on standard error, but on a terminal, which the host's configuration may want, both are one.
    sieves: Vec<(Stream, Sieve)>,
    /// What one piece of output fell into; at most as much as that piece.
    heard: VecDeque<(Stream, Heard)>,
    /// How it ended, once it has said so.
    pub(super) status: Option<Outcome>,
    /// What the wrapper saw of the end it was told to bring about.
    pub(super) fate: Option<Mark>,
    /// The wrapper could not begin the command.
    pub(super) is_unable: bool,
}

impl Ears {
    pub(super) fn new(output: ChannelOutput, order: &Order) -> Ears {
        let both = |token| [Stream::Out, Stream::Err].map(|stream| (stream, Sieve::new(token)));
        let sieves = order.token.iter().flat_map(both).collect();
        Ears { output, sieves, heard: VecDeque::new(), status: None, fate: None, is_unable: false }
    }

    /// The next thing that is heard. May be dropped and called anew.
    pub(super) async fn next(&mut self) -> Word {
        loop {
            match self.heard.pop_front() {
                Some((stream, Heard::Said(bytes))) => return Word::Said(stream, bytes),
                Some((_, Heard::Mark(mark))) => return Word::Mark(self.noted(mark)),
                None => {}
            }
            let (stream, bytes) = match self.output.next().await {
                ChannelEvent::Data(bytes) => (Stream::Out, bytes),
                ChannelEvent::Stderr(bytes) => (Stream::Err, bytes),
                ChannelEvent::Eof => continue,
                ChannelEvent::Exit(code) => {
                    self.status.get_or_insert(Outcome::Exited(code));
                    return Word::Over;
                }
                ChannelEvent::Signal(name) => {
                    self.status.get_or_insert(Outcome::Signalled(name));
                    return Word::Over;
                }
                ChannelEvent::Closed(how) => match self.sieves.pop() {
                    Some((stream, mut sieve)) => match sieve.finish() {
                        Some(last) => return Word::Said(stream, last),
                        None => continue,
                    },
                    None => return Word::Closed(how),
                },
            };
            match self.sieves.iter_mut().find(|(sieved, _)| *sieved == stream) {
                Some((_, sieve)) => {
                    self.heard.extend(sieve.feed(&bytes).into_iter().map(|heard| (stream, heard)));
                }
                None => return Word::Said(stream, bytes),
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
