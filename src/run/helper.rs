//! A shell of our own behind `sudo` on a host, told line by line what to do while a deed goes on there.
//!
//! Theory: it is one process for the whole deed, so that a password is asked for once, and before anything is sent. Each
//! request is a command of a POSIX shell that answers with exactly one line on its standard output; requests are answered in
//! their order, so that many may be under way. What the shell and its commands write to standard error is kept for the
//! sentence that says why it ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

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

/// Bytes of one answer that are kept.
const ANSWER: usize = 4 << 10;

/// Bytes of standard error that are kept, the last ones.
const ERRORS: usize = 2 << 10;

/// The way towards the shell.
#[derive(Debug)]
pub struct Helper {
    input: tokio::sync::Mutex<ChannelInput>,
    /// Who waits for the next answers, or why there are none any more. As many as their caller has requests under way.
    waiting: Mutex<Result<VecDeque<oneshot::Sender<String>>, String>>,
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
    let helper = Helper { input: tokio::sync::Mutex::new(input), waiting: Mutex::new(Ok(VecDeque::new())) };
    Ok((helper, Answers { ears, line: BytesMut::new(), errors: Vec::new() }))
}

impl Helper {
    fn waiting(&self) -> MutexGuard<'_, Result<VecDeque<oneshot::Sender<String>>, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one request, which must answer with one line, and waits for that. The error says why the shell is gone. While
    /// this waits, somebody must be in [`Answers::listen`].
    pub async fn ask(&self, request: Vec<u8>) -> Result<String, String> {
        let (tell, told) = oneshot::channel();
        {
            let mut input = self.input.lock().await;
            match &mut *self.waiting() {
                Ok(waiting) => waiting.push_back(tell),
                Err(why) => return Err(why.clone()),
            }
            // Whether it was taken shows in what is heard.
            let _ = input.write(Bytes::from(request)).await;
        }
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
        let line = escape::line(line);
        // An answer that nobody waits for was asked for by nobody, or by somebody who went away.
        if let Ok(waiting) = &mut *self.waiting()
            && let Some(tell) = waiting.pop_front()
        {
            let _ = tell.send(line);
        }
    }

    /// Everybody who waits hears that there is nothing more.
    fn over(&self, why: String) {
        *self.waiting() = Err(why);
    }
}

impl Answers {
    /// Hands each answer to whoever asked, until the shell is gone. May be dropped and called anew.
    pub async fn listen(&mut self, helper: &Helper) {
        loop {
            match self.ears.next().await {
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
            let room = ANSWER.saturating_sub(self.line.len());
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
