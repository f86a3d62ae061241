//! One command, shell or server of files on one channel: what it is given, where its output goes, and which program does the work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use russh::Sig;
use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::host::Host;
use super::scenario::{Fault, ShellKind};
use super::scripted::{Event, Identity, Scripted};
use super::sftp;
use super::shell_real;
use super::wire::{Backlog, Line};
use crate::size::Size;

/// What the client asked for.
#[derive(Clone, Debug)]
pub(super) enum What {
    Shell,
    Exec(String),
}

/// A terminal as asked for.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) size: Size,
}

/// Everything a program is started with.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) what: What,
    pub(super) user: String,
    pub(super) terminal: Option<Terminal>,
    pub(super) env: Vec<(String, String)>,
    /// Cancelled when the channel closes, or the whole line.
    pub(super) closed: CancellationToken,
}

impl Job {
    fn size(&self) -> Option<Size> {
        self.terminal.as_ref().map(|terminal| terminal.size)
    }
}

/// What reaches a running program.
#[derive(Debug)]
pub(super) enum Input {
    Data(Bytes),
    /// There will be no more data.
    End,
    Resize(Size),
    Signal(Sig),
}

impl Input {
    fn len(&self) -> usize {
        match self {
            Input::Data(data) => data.len(),
            _ => 0,
        }
    }
}

/// How a program ended.
#[derive(Debug)]
pub(super) enum End {
    Status(u32),
    Signal(Sig),
}

/// The input of a program. The queue is bounded in bytes by the connection's [`Backlog`], over all of its channels.
pub(super) fn input(backlog: &Arc<Backlog>) -> (InputSender, InputReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (InputSender { sender, backlog: backlog.clone() }, InputReceiver { receiver, backlog: backlog.clone() })
}

pub(super) struct InputSender {
    sender: mpsc::UnboundedSender<Input>,
    backlog: Arc<Backlog>,
}

impl InputSender {
    /// Hands over `input`; what comes after the program's end is dropped.
    pub(super) fn send(&self, input: Input) {
        let len = input.len();
        self.backlog.add(len);
        if self.sender.send(input).is_err() {
            self.backlog.consumed(len);
        }
    }
}

pub(super) struct InputReceiver {
    receiver: mpsc::UnboundedReceiver<Input>,
    backlog: Arc<Backlog>,
}

impl InputReceiver {
    /// The next piece; `None` once the channel is closed.
    pub(super) async fn recv(&mut self) -> Option<Input> {
        let input = self.receiver.recv().await;
        self.count(input)
    }

    fn try_recv(&mut self) -> Option<Input> {
        let input = self.receiver.try_recv().ok();
        self.count(input)
    }

    fn count(&self, input: Option<Input>) -> Option<Input> {
        if let Some(input) = &input {
            self.backlog.consumed(input.len());
        }
        input
    }
}

impl Drop for InputReceiver {
    fn drop(&mut self) {
        self.receiver.close();
        while self.try_recv().is_some() {}
    }
}

/// The client is gone or its channel closed; nothing more can be said to it.
#[derive(Debug)]
pub(super) struct Gone;

/// Where a program's output goes. It waits while the client's window is shut, so that a program that writes faster than
/// the client reads is itself made to wait, and nothing piles up here.
pub(super) struct Output {
    write: ChannelWriteHalf<Msg>,
    handle: Handle,
    line: Line,
    fault: Option<Fault>,
    written: AtomicU64,
}

impl Output {
    pub(super) fn new(
        write: ChannelWriteHalf<Msg>,
        handle: Handle,
        line: Line,
        fault: Option<Fault>,
    ) -> Output {
        Output { write, handle, line, fault, written: AtomicU64::new(0) }
    }

    /// Writes to standard output.
    pub(super) async fn out(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        let bytes = self.admit(bytes.into()).await?;
        self.write.data_bytes(bytes).await.map_err(|_| Gone)
    }

    /// Writes to standard error.
    pub(super) async fn err(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        let bytes = self.admit(bytes.into()).await?;
        self.write.extended_data_bytes(1, bytes).await.map_err(|_| Gone)
    }

    /// The link breaks.
    pub(super) fn break_link(&self) {
        self.line.cut.cancel();
    }

    /// What of `bytes` may go out, after the host's delay.
    async fn admit(&self, mut bytes: Bytes) -> Result<Bytes, Gone> {
        match self.fault {
            Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::DieAfter(limit)) => {
                let before = self.written.fetch_add(bytes.len() as u64, Ordering::AcqRel);
                if before >= limit {
                    self.line.cut.cancel();
                    return Err(Gone);
                }
                bytes.truncate(usize::try_from(limit - before).unwrap_or(usize::MAX));
            }
            _ => {}
        }
        Ok(bytes)
    }

    /// Says how the program ended, and closes the channel.
    async fn end(&self, end: End) -> Result<(), Gone> {
        match self.fault {
            Some(Fault::DieAfter(_)) => {
                self.line.cut.cancel();
                return Err(Gone);
            }
            Some(Fault::NoExitStatus) => {}
            Some(Fault::ExitStatus(status)) => self.status(End::Status(status.into())).await?,
            _ => self.status(end).await?,
        }
        self.write.eof().await.map_err(|_| Gone)?;
        self.write.close().await.map_err(|_| Gone)
    }

    async fn status(&self, end: End) -> Result<(), Gone> {
        match end {
            End::Status(status) => self.write.exit_status(status).await.map_err(|_| Gone),
            End::Signal(signal) => {
                let (id, none): (ChannelId, String) = (self.write.id(), String::new());
                self.handle
                    .exit_signal_request(id, signal, false, none.clone(), none)
                    .await
                    .map_err(|()| Gone)
            }
        }
    }
}

/// Runs `job` on `host` until it ends or its channel closes.
pub(super) async fn run(host: Arc<Host>, job: Job, mut input: InputReceiver, output: Output) {
    if let What::Exec(command) = &job.what {
        host.truth().ran(host.name(), command);
    }
    let scripted = scripted(&host, &job);
    let end = match scripted {
        Some(shell) => {
            let running = run_scripted(&host, shell, &mut input, &output);
            job.closed.run_until_cancelled(running).await.unwrap_or(Err(Gone))
        }
        None => shell_real::run(&host, &job, &mut input, &output).await,
    };
    if let Ok(end) = end {
        // A client that has gone, or shuts its window for good, ends the wait through `closed`.
        let _gone = job.closed.run_until_cancelled(output.end(end)).await;
    }
}

/// Serves the files of `host` until the client has enough or its channel closes.
pub(super) async fn serve_files(
    host: Arc<Host>,
    (user, closed): (String, CancellationToken),
    mut input: InputReceiver,
    output: Output,
) {
    let serving = async {
        let end = sftp::serve(&host, &user, (&mut input, &output)).await?;
        output.end(end).await
    };
    // As above.
    let _gone = closed.run_until_cancelled(serving).await;
}

/// The scripted program of this job, unless real processes do it.
fn scripted(host: &Host, job: &Job) -> Option<Scripted> {
    let identity = Identity { host: host.name().to_owned(), user: job.user.clone() };
    match (host.fault(), host.shell(), &job.what) {
        (Some(Fault::Flood(rate)), _, _) => Some(Scripted::flooding(identity, job.size(), rate)),
        (_, ShellKind::Real, _) => None,
        (_, ShellKind::Scripted, What::Shell) => Some(Scripted::shell(identity, job.size())),
        (_, ShellKind::Scripted, What::Exec(command)) => Some(Scripted::exec(identity, job.size(), command)),
    }
}

async fn run_scripted(
    host: &Host,
    mut shell: Scripted,
    input: &mut InputReceiver,
    output: &Output,
) -> Result<End, Gone> {
    loop {
        match shell.take() {
            Some(Event::Out(bytes)) => output.out(bytes).await?,
            Some(Event::Err(bytes)) => output.err(bytes).await?,
            Some(Event::Pause(pause)) => tokio::time::sleep(pause).await,
            Some(Event::Exit(status)) => return Ok(End::Status(status.into())),
            // The command line of an exec was recorded when it was asked for.
            Some(Event::Ran(_)) if shell.is_exec() => {}
            Some(Event::Ran(command)) => host.truth().ran(host.name(), &command),
            None => {
                let next = input.recv().await.ok_or(Gone)?;
                if let Some(end) = feed(&mut shell, next) {
                    return Ok(end);
                }
            }
        }
        // An endless command never lets the arm above be reached, and must still hear an interrupt.
        if shell.is_writing()
            && let Some(next) = input.try_recv()
            && let Some(end) = feed(&mut shell, next)
        {
            return Ok(end);
        }
    }
}

fn feed(shell: &mut Scripted, input: Input) -> Option<End> {
    match input {
        Input::Data(data) => shell.input(&data),
        Input::End => shell.end_of_input(),
        Input::Resize(size) => shell.resize(size),
        Input::Signal(signal @ (Sig::HUP | Sig::INT | Sig::KILL | Sig::QUIT | Sig::TERM)) => {
            return Some(End::Signal(signal));
        }
        Input::Signal(_) => {}
    }
    None
}
