//! A shell of our own behind `sudo` on a host, told line by line what to do while a deed goes on there.
//!
//! Theory: it is one process for the whole deed, so that a password is asked for once, and before anything is sent. Each
//! request is a command of a POSIX shell that answers on its standard output: with bytes, as `od -An -v -tx1` writes them, on
//! lines that begin with a blank, and at last with one line that does not. So names and content come through whatever is in
//! them. Requests are answered in their order, so that many may be under way. How much an answer may hold and how long the
//! shell may take for it stands in the question; a shell that takes longer is given up. What the shell and its commands write
//! to standard error is kept for the sentence that says why it ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::deed::Call;
use super::ears::{Ears, Word};
use super::marks::{Mark, Token};
use super::script::SH;
use super::sudo::Sudo;
use super::work::{Gated, Keeper, Order, RunsOn};
use super::{Stream, gate, quote};
use crate::escape;
use crate::outcome::{Outcome, Unknown};
use crate::ssh::{Channel, ChannelInput, Link, StartError, SudoPasswords};

/// Bytes of one line that are kept.
const LINE: usize = 4 << 10;

/// Bytes of standard error that are kept, the last ones.
const ERRORS: usize = 2 << 10;

/// How often it is seen whether the shell takes too long.
const LOOKED: Duration = Duration::from_secs(1);

/// One request, with what its answer is bounded by.
#[derive(Debug)]
pub struct Question {
    /// A line for the shell, with its end.
    pub request: Vec<u8>,
    /// Bytes that the answer may hold; of more, the answer says so.
    pub bytes: usize,
    /// How long the shell may take for it, once it has answered all before.
    pub patience: Duration,
}

/// What the shell answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The bytes before the last line, as many as were allowed.
    pub bytes: Vec<u8>,
    /// There were more.
    pub is_cut: bool,
    /// The last line, escaped.
    pub line: String,
}

/// The way towards the shell.
#[derive(Debug)]
pub struct Helper {
    input: tokio::sync::Mutex<ChannelInput>,
    /// Who waits for the next answers, or why there are none any more.
    waiting: Mutex<Result<Waiting, String>>,
}

/// Who waits: as many as their caller has requests under way.
#[derive(Debug)]
struct Waiting {
    queue: VecDeque<Waiter>,
    /// Since when the first of them is the first.
    since: Instant,
}

#[derive(Debug)]
struct Waiter {
    tell: oneshot::Sender<Answer>,
    bytes: usize,
    patience: Duration,
    answer: Answer,
}

impl Waiting {
    fn new() -> Waiting {
        Waiting { queue: VecDeque::new(), since: Instant::now() }
    }

    fn push(&mut self, (bytes, patience): (usize, Duration)) -> oneshot::Receiver<Answer> {
        let (tell, told) = oneshot::channel();
        if self.queue.is_empty() {
            self.since = Instant::now();
        }
        self.queue.push_back(Waiter { tell, bytes, patience, answer: Answer::default() });
        told
    }

    /// A line is heard. One that nobody waits for was asked for by nobody.
    fn hear(&mut self, line: &[u8]) {
        let Some(first) = self.queue.front_mut() else { return };
        if line.first() == Some(&b' ') {
            let bytes = bytes(line);
            let room = first.bytes - first.answer.bytes.len();
            first.answer.is_cut |= bytes.len() > room;
            first.answer.bytes.extend(bytes.into_iter().take(room));
            return;
        }
        let Some(mut first) = self.queue.pop_front() else { return };
        self.since = Instant::now();
        first.answer.line = escape::line(line);
        // Whoever asked may have gone away.
        let _ = first.tell.send(first.answer);
    }

    /// Why the shell is not waited for any longer, where that is so.
    fn overdue(&self) -> Option<String> {
        let first = self.queue.front()?;
        let seconds = first.patience.as_secs();
        let is_over = self.since.elapsed() > first.patience;
        is_over.then(|| format!("the shell behind sudo has not answered for {seconds} s"))
    }
}

/// Bytes as `od -An -v -tx1` writes them; what is no such thing is none.
fn bytes(line: &[u8]) -> Vec<u8> {
    let pair = |word: &[u8]| u8::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok();
    line.split(u8::is_ascii_whitespace).filter(|word| word.len() == 2).filter_map(pair).collect()
}

/// What the shell says.
pub struct Answers {
    ears: Ears,
    line: BytesMut,
    errors: Vec<u8>,
}

/// Starts a shell behind `sudo`, which is passed when this returns. Otherwise this is the host's outcome.
pub async fn start(
    call: &Call<'_>,
    link: &Link,
    (sudo, passwords): (&Sudo, &SudoPasswords),
) -> Result<(Helper, Answers), Outcome> {
    let token = Token::new(rand::random());
    let began = format!("echo '{}' >&2; exec {SH}", token.mark(Mark::Began));
    let words = sudo.before(&token, vec![SH.as_bytes().to_vec(), b"-c".to_vec(), began.into_bytes()]);
    let order = Order {
        command: [b"exec ".to_vec(), quote::line(words)].concat(),
        place: RunsOn::Pipes,
        token: Some(token),
        gate: Gated::BySudo,
        keeper: Keeper::Nobody,
    };
    let channel = link.exec(&order.command).await.map_err(|error| match error {
        StartError::NotRun(error) => Outcome::from(error),
        StartError::Lost(why) => Outcome::Unknown(Unknown::LinkLost(why)),
    })?;
    let Channel { mut input, output } = channel;
    let mut ears = Ears::new(output, &order);
    let claim = passwords.claim(call.name, link);
    gate::pass(call, (&mut input, &mut ears), Some(claim)).await?;
    let helper = Helper { input: tokio::sync::Mutex::new(input), waiting: Mutex::new(Ok(Waiting::new())) };
    Ok((helper, Answers { ears, line: BytesMut::new(), errors: Vec::new() }))
}

impl Helper {
    fn waiting(&self) -> MutexGuard<'_, Result<Waiting, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and waits for the answer. The error says why the shell is gone. While this waits, somebody must be in
    /// [`Answers::listen`].
    pub async fn ask(&self, question: Question) -> Result<Answer, String> {
        let Question { request, bytes, patience } = question;
        let told = {
            let mut input = self.input.lock().await;
            let told = match &mut *self.waiting() {
                Ok(waiting) => waiting.push((bytes, patience)),
                Err(why) => return Err(why.clone()),
            };
            // Whether it was taken shows in what is heard.
            let _ = input.write(Bytes::from(request)).await;
            told
        };
        told.await.map_err(|_| self.end())
    }

    /// Sends lines that answer nothing.
    pub async fn tell(&self, lines: Vec<u8>) {
        // Whoever asks next hears that the shell is gone.
        let _ = self.input.lock().await.write(Bytes::from(lines)).await;
    }

    /// Ends the shell, once it has done what it was told.
    pub async fn leave(&self) {
        let mut input = self.input.lock().await;
        let _ = input.eof().await;
        input.close().await;
    }

    fn end(&self) -> String {
        self.waiting().as_ref().err().cloned().unwrap_or_else(|| "the shell behind sudo is gone".to_owned())
    }

    fn heard(&self, line: &[u8]) {
        if let Ok(waiting) = &mut *self.waiting() {
            waiting.hear(line);
        }
    }

    fn overdue(&self) -> Option<String> {
        self.waiting().as_ref().ok().and_then(Waiting::overdue)
    }

    /// Everybody who waits hears that there is nothing more.
    fn over(&self, why: String) {
        *self.waiting() = Err(why);
    }
}

impl Answers {
    /// Hands each answer to whoever asked, until the shell is gone or given up. May be dropped and called anew.
    pub async fn listen(&mut self, helper: &Helper) {
        let mut looks = interval(LOOKED);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let word = tokio::select! {
                word = self.ears.next() => word,
                _ = looks.tick() => match helper.overdue() {
                    Some(why) => return helper.over(why),
                    None => continue,
                },
            };
            match word {
                Word::Said(Stream::Out, bytes) => self.take(helper, &bytes),
                Word::Said(Stream::Err, bytes) => {
                    self.errors.extend_from_slice(&bytes);
                    let beyond = self.errors.len().saturating_sub(ERRORS);
                    self.errors.drain(..beyond);
                }
                Word::Mark(_) | Word::Over => {}
                Word::Closed(how) => return helper.over(self.why(how)),
            }
        }
    }

    fn take(&mut self, helper: &Helper, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = self.line.split();
                helper.heard(line.strip_suffix(b"\n").unwrap_or(&line));
            }
        }
    }

    fn why(&self, how: Result<(), String>) -> String {
        if let Err(why) = how {
            return why;
        }
        let said = String::from_utf8_lossy(&self.errors);
        let said = said.lines().rev().find(|line| !line.trim().is_empty());
        let said = said.map(|line| format!(": {}", escape::text(line, 200))).unwrap_or_default();
        match &self.ears.status {
            Some(status) => format!("the shell behind sudo ended ({status}){said}"),
            None => format!("the shell behind sudo ended{said}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn an_answer_is_bytes_and_a_line_and_each_goes_to_who_asked() {
        let mut waiting = Waiting::new();
        let (first, second) = (waiting.push((4, SECOND)), waiting.push((4, SECOND)));
        for line in [&b" 0a ff"[..], b" 00", b"ok 1\x1b", b" 01 02 03", b" 04 05", b"no", b"ok nobody asked"]
        {
            waiting.hear(line);
        }
        let answer = first.await.expect("it was answered");
        assert_eq!((answer.bytes, answer.is_cut), (vec![0x0a, 0xff, 0], false));
        assert!(answer.line.starts_with("ok 1") && !answer.line.contains('\x1b'), "{}", answer.line);
        let answer = second.await.expect("it was answered");
        assert_eq!(answer, Answer { bytes: vec![1, 2, 3, 4], is_cut: true, line: "no".into() });
    }

    #[tokio::test(start_paused = true)]
    async fn a_shell_that_takes_too_long_for_one_answer_is_given_up() {
        let mut waiting = Waiting::new();
        tokio::time::advance(10 * SECOND).await;
        assert_eq!(waiting.overdue(), None, "nothing was asked");
        let _first = waiting.push((0, 3 * SECOND));
        let _second = waiting.push((0, 2 * SECOND));
        tokio::time::advance(2 * SECOND).await;
        waiting.hear(b"ok");
        tokio::time::advance(2 * SECOND).await;
        assert_eq!(waiting.overdue(), None, "the second has waited for the first");
        tokio::time::advance(SECOND).await;
        let why = waiting.overdue().expect("it is over");
        assert_eq!(why, "the shell behind sudo has not answered for 2 s");
    }
}
