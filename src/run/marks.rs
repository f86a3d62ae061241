//! Marks in the output of a host: what our own words around a command say, told from what the command says. Pure.
//!
//! Theory: a mark is `[omnes TOKEN word]`, with a token that was drawn for this host and this run. Nothing that a program
//! prints by chance can be one. Marks are taken out of the output wherever they stand and however they are cut into pieces;
//! everything else is passed on at once, but for the few bytes at the end that may be the beginning of a mark.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `sudo` asks for the password.
    Password,
    /// Whoever is to run the command has begun.
    Began,
    /// Nothing is left of the command's process group.
    Killed,
    /// Something of it could not be ended.
    Left,
    /// There is nothing on that host with which a process group could be made; the command was not begun.
    Unable,
}

impl Mark {
    const ALL: [Mark; 5] = [Mark::Password, Mark::Began, Mark::Killed, Mark::Left, Mark::Unable];

    /// The word that stands in it.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Password => "password",
            Mark::Began => "began",
            Mark::Killed => "killed",
            Mark::Left => "left",
            Mark::Unable => "unable",
        }
    }
}

/// The longest word, in bytes.
const WORD: usize = 8;

/// What makes the marks of one host its own: hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// From random bytes.
    pub fn new(random: [u8; 16]) -> Token {
        Token(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// One that stands for any, where somebody wants to see what is sent.
    pub fn shown() -> Token {
        Token("RANDOM".to_owned())
    }

    /// A mark with this token.
    pub fn mark(&self, mark: Mark) -> String {
        format!("[omnes {} {}]", self.0, mark.word())
    }
}

/// What came out of a sieve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The host's own words.
    Said(Bytes),
    /// Ours.
    Mark(Mark),
}

/// Takes the marks of one token out of one stream.
#[derive(Debug)]
pub struct Sieve {
    /// What every mark begins with.
    prefix: Vec<u8>,
    /// The end of what came, where it may be the beginning of a mark; shorter than the longest mark.
    held: BytesMut,
    /// The line end behind a mark belongs to it.
    at_line_end: bool,
}

impl Sieve {
    /// A sieve for these marks.
    pub fn new(token: &Token) -> Sieve {
        let prefix = format!("[omnes {} ", token.0).into_bytes();
        Sieve { prefix, held: BytesMut::new(), at_line_end: false }
    }

    /// Takes what arrived.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.held.extend_from_slice(bytes);
        let mut heard = Vec::new();
        loop {
            self.skip_line_end();
            let Some(at) = memmem::find(&self.held, &self.prefix) else { break };
            said(&mut heard, self.held.split_to(at));
            match self.mark() {
                Found::Mark(mark, len) => {
                    let _ = self.held.split_to(len);
                    heard.push(Heard::Mark(mark));
                    self.at_line_end = true;
                }
                Found::Nothing => said(&mut heard, self.held.split_to(1)),
                Found::Cut => return heard,
            }
        }
        let keep = self.beginning();
        let passed = self.held.len() - keep;
        said(&mut heard, self.held.split_to(passed));
        heard
    }

    /// The last bytes, once nothing more will come.
    pub fn finish(&mut self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| self.held.split().freeze())
    }

    /// Takes away the line end behind a mark: `\n`, or `\r\n` on a terminal.
    fn skip_line_end(&mut self) {
        while self.at_line_end {
            match self.held.first() {
                None => return,
                Some(b'\r') => {
                    let _ = self.held.split_to(1);
                }
                Some(b'\n') => {
                    let _ = self.held.split_to(1);
                    self.at_line_end = false;
                }
                Some(_) => self.at_line_end = false,
            }
        }
    }

    /// What begins at the start of `held`, which is the prefix.
    fn mark(&self) -> Found {
        let rest = &self.held[self.prefix.len()..];
        let rest = &rest[..rest.len().min(WORD + 1)];
        let Some(end) = rest.iter().position(|&byte| byte == b']') else {
            return if rest.len() > WORD { Found::Nothing } else { Found::Cut };
        };
        let mark = Mark::ALL.into_iter().find(|mark| mark.word().as_bytes() == &rest[..end]);
        mark.map_or(Found::Nothing, |mark| Found::Mark(mark, self.prefix.len() + end + 1))
    }

    /// How many of the last bytes may be the beginning of the prefix.
    fn beginning(&self) -> usize {
        let longest = self.held.len().min(self.prefix.len() - 1);
        let fits = |len: &usize| self.held.ends_with(&self.prefix[..*len]);
        (1..=longest).rev().find(fits).unwrap_or(0)
    }
}

enum Found {
    Mark(Mark, usize),
    /// Only the end of one is missing.
    Cut,
    Nothing,
}

fn said(heard: &mut Vec<Heard>, bytes: BytesMut) {
    match heard.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Heard::Said(last)) => *last = [&last[..], &bytes[..]].concat().into(),
        _ => heard.push(Heard::Said(bytes.freeze())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new([0xab; 16])
    }

    /// All that is heard when the text comes in pieces of this size.
    fn heard(text: &[u8], piece: usize) -> (Vec<u8>, Vec<Mark>) {
        let mut sieve = Sieve::new(&token());
        let (mut out, mut marks) = (Vec::new(), Vec::new());
        let mut take = |heard: Heard| match heard {
            Heard::Said(bytes) => out.extend_from_slice(&bytes),
            Heard::Mark(mark) => marks.push(mark),
        };
        text.chunks(piece).for_each(|piece| sieve.feed(piece).into_iter().for_each(&mut take));
        sieve.finish().into_iter().for_each(|bytes| take(Heard::Said(bytes)));
        (out, marks)
    }

    #[test]
    fn marks_go_and_every_other_byte_stays_however_they_are_cut() {
        let mark = |mark| token().mark(mark);
        let text = format!(
            "[omnes {}] lecture\n{}Sorry.\n{}\r\n{}\nwords [omnes abab]\n[[omnes [no end{}\n\n[omnes {} nonsense][o",
            "x",
            mark(Mark::Password),
            mark(Mark::Password),
            mark(Mark::Began),
            mark(Mark::Killed),
            "ab".repeat(16),
        );
        let expected = format!(
            "[omnes x] lecture\nSorry.\nwords [omnes abab]\n[[omnes [no end\n[omnes {} nonsense][o",
            "ab".repeat(16)
        );
        for piece in 1..=text.len() {
            let (out, marks) = heard(text.as_bytes(), piece);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{piece}");
            assert_eq!(marks, [Mark::Password, Mark::Password, Mark::Began, Mark::Killed], "{piece}");
        }
    }

    #[test]
    fn a_prompt_is_known_at_once_and_words_are_not_kept_back() {
        let mut sieve = Sieve::new(&token());
        let prompt = token().mark(Mark::Password);
        assert_eq!(sieve.feed(prompt.as_bytes()), [Heard::Mark(Mark::Password)]);
        assert_eq!(sieve.feed(b"line\n"), [Heard::Said(Bytes::from_static(b"line\n"))]);
        assert_eq!(sieve.feed(b"end ["), [Heard::Said(Bytes::from_static(b"end "))]);
        assert_eq!(sieve.finish().as_deref(), Some(&b"["[..]));
        assert!(Mark::ALL.iter().all(|mark| mark.word().len() <= WORD));
    }

    #[test]
    fn another_hosts_marks_are_words() {
        let text = Token::new([1; 16]).mark(Mark::Password);
        assert_eq!(heard(text.as_bytes(), 7), (text.clone().into_bytes(), vec![]));
    }
}
