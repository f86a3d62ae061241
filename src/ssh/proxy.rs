//! A command whose standard input and output are the stream to a host (`ProxyCommand` in ssh_config(5)).
//!
//! Theory: the user's shell runs it, as in `ssh`, in a process group of its own: a `C-c` that is meant for omnes must not
//! end the connections of a run. What it says on standard error never reaches the terminal; its last lines stand in the
//! sentence when the command ends, the rest in the log. A task waits for the process, so that it is reaped whatever
//! happens, and hangs it up (SIGHUP to the group, then SIGKILL) when the stream is let go.
//!
//! A command that has ended takes nothing more, but what it said is still to be read, and how it ended to be told: what
//! is written to it meanwhile goes nowhere, for [`GRACE`], in place of an error that would come first.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{ConnectError, Stage};
use crate::escape;

/// Bytes of standard error that are kept for the sentence.
const WORDS: usize = 2048;

/// Characters of one line in the sentence.
const LINE: usize = 300;

/// How long a command that was hung up may take to end before it is killed; and one that closed its output, before the
/// stream ends without its status.
const GRACE: Duration = Duration::from_secs(1);

/// How long standard error may stay open after the command's end; a grandchild may hold it.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The stream. Dropped, it ends the command.
pub(super) struct Proxied {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// How the command ended; `None` once it was told.
    ended: Option<oneshot::Receiver<String>>,
    /// Whether anything has come from it.
    heard: bool,
    patience: Option<Pin<Box<Sleep>>>,
    /// Since when it takes nothing more.
    deaf: Option<Instant>,
    _leash: DropGuard,
}

/// Starts a command, its tokens expanded.
pub(super) fn start(command: &str) -> Result<Proxied, ConnectError> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    start_with(shell.unwrap_or_else(|| OsString::from("/bin/sh")), command)
}

fn start_with(shell: OsString, command: &str) -> Result<Proxied, ConnectError> {
    let unable = |why: String| ConnectError::Unreachable { stage: Stage::Proxy, why };
    let mut child = Command::new(&shell)
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| unable(format!("{} cannot be started: {error}", shell.to_string_lossy())))?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(unable("the command has no pipes: internal error".to_owned()));
    };
    let leash = CancellationToken::new();
    let (tell, ended) = oneshot::channel();
    tokio::spawn(attend(child, stderr, tell, leash.clone()));
    let (stdin, ended) = (Some(stdin), Some(ended));
    Ok(Proxied { stdin, stdout, ended, heard: false, patience: None, deaf: None, _leash: leash.drop_guard() })
}

/// Waits for the command's end, or ends it when it is let go.
async fn attend(
    mut child: Child,
    stderr: ChildStderr,
    tell: oneshot::Sender<String>,
    leash: CancellationToken,
) {
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let mut tail = Vec::new();
    let status = {
        let mut listening = std::pin::pin!(listen(stderr, &mut tail));
        let mut heard_out = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                () = &mut listening, if !heard_out => heard_out = true,
                () = leash.cancelled() => {
                    group.signal(Signal::HUP);
                    if timeout(GRACE, child.wait()).await.is_err() {
                        group.signal(Signal::KILL);
                        let _ = child.wait().await;
                    }
                    group.0 = None;
                    return;
                }
            }
        };
        group.0 = None;
        if !heard_out {
            let _ = timeout(LAST_WORDS, &mut listening).await;
        }
        status
    };
    let _ = tell.send(sentence(status, &tail));
}

/// The processes of a command that is not reaped yet, so that the number still names them. Dropped, it ends them: the
/// program leaves before the command has ended.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::HUP);
    }
}

/// Reads standard error to its end and keeps the last of it.
async fn listen(mut stderr: ChildStderr, tail: &mut Vec<u8>) {
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
        tracing::debug!("proxy command: {}", escape::text(&String::from_utf8_lossy(&buffer[..n]), n));
        tail.extend_from_slice(&buffer[..n]);
        tail.drain(..tail.len().saturating_sub(WORDS));
    }
}

/// How a command ended: its status, and the last two lines that it said.
fn sentence(status: io::Result<ExitStatus>, tail: &[u8]) -> String {
    let mut sentence = match status {
        Err(error) => format!("its end is not known: {error}"),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
        },
    };
    let said = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for (n, line) in lines[lines.len().saturating_sub(2)..].iter().enumerate() {
        sentence.push_str(if n == 0 { ": " } else { "; " });
        sentence.push_str(&escape::text(line, LINE));
    }
    sentence
}

impl Proxied {
    /// Waits until it is known how the command ended, and gives that as an error. A command that lives on without its
    /// output, or whose end was told, is just an end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Error>> {
        let Some(ended) = &mut self.ended else { return Poll::Ready(None) };
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(GRACE)));
        let told = match Pin::new(ended).poll(cx) {
            Poll::Ready(told) => told.ok(),
            Poll::Pending => match patience.as_mut().poll(cx) {
                Poll::Ready(()) => None,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.ended = None;
        Poll::Ready(told.map(|sentence| {
            let why = if self.heard { format!("the proxy command ended: {sentence}") } else { sentence };
            io::Error::new(io::ErrorKind::ConnectionAborted, why)
        }))
    }
}

impl AsyncRead for Proxied {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        match ready!(Pin::new(&mut me.stdout).poll_read(cx, buf)) {
            Ok(()) if buf.filled().len() > before => {
                me.heard = true;
                Poll::Ready(Ok(()))
            }
            end => Poll::Ready(ready!(me.poll_end(cx)).map_or(end, Err)),
        }
    }
}

impl AsyncWrite for Proxied {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let Some(stdin) = &mut me.stdin else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match ready!(Pin::new(stdin).poll_write(cx, buf)) {
            Err(_) if me.deaf.get_or_insert_with(Instant::now).elapsed() < GRACE => {
                Poll::Ready(Ok(buf.len()))
            }
            Err(error) => Poll::Ready(Err(ready!(me.poll_end(cx)).unwrap_or(error))),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn sh(command: &str) -> Proxied {
        start_with("/bin/sh".into(), command).expect("it starts")
    }

    #[tokio::test]
    async fn its_output_and_input_are_the_stream() {
        let mut stream = sh("cat");
        stream.write_all(b"there and back").await.unwrap();
        let mut back = [0; 14];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there and back");
        stream.shutdown().await.unwrap();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "the proxy command ended: exit status 0");
    }

    #[tokio::test]
    async fn what_a_command_said_is_read_though_it_hears_nothing_any_more() {
        let mut stream = sh("sh -c 'echo $$; echo last words'");
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.push(stream.read_u8().await.unwrap());
        }
        let id = String::from_utf8(line).unwrap();
        let reaped = async {
            while std::path::Path::new(&format!("/proc/{}", id.trim())).exists() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), reaped).await.expect("it ends");
        stream.write_all(b"hello?").await.unwrap();
        let mut words = [0; 11];
        stream.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"last words\n");
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "the proxy command ended: exit status 0");
    }

    #[test]
    fn the_end_of_the_program_hangs_up_the_command_and_its_children() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stream, child) = runtime.block_on(async {
            let mut stream = sh("sh -c 'sleep 1000 & echo $!; wait'");
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.push(stream.read_u8().await.unwrap());
            }
            (stream, String::from_utf8(line).unwrap().trim().to_owned())
        });
        drop(runtime);
        drop(stream);
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
        };
        let begun = std::time::Instant::now();
        while lives() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the child lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn the_end_of_a_command_says_how_and_why() {
        let cases = [
            ("false", "exit status 1"),
            ("sh -c 'echo one; echo; echo two >&2; echo three >&2; exit 7'", "exit status 7: two; three"),
            ("sh -c 'printf \"\\033[2Jgone\" >&2; exit 1'", "exit status 1: ^[[2Jgone"),
            ("sh -c 'kill -KILL $$'", "ended by signal 9"),
        ];
        for (command, expected) in cases {
            let mut stream = sh(command);
            let mut seen = Vec::new();
            let error = stream.read_to_end(&mut seen).await.unwrap_err().to_string();
            assert_eq!(error.trim_start_matches("the proxy command ended: "), expected, "{command}");
        }
        let error = start_with("/nonexistent/shell".into(), "cat").err().expect("it cannot start");
        assert!(error.to_string().starts_with("unreachable (proxy command): /nonexistent/shell"), "{error}");
    }

    #[tokio::test]
    async fn what_is_let_go_is_hung_up_with_its_children_and_reaped() {
        // The second one does not mind being hung up.
        for command in [
            "sh -c 'sleep 1000 & echo $$ $!; wait'",
            "sh -c 'trap : HUP; echo $$ $$; while :; do sleep 0.1; done'",
        ] {
            let mut stream = sh(command);
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.push(stream.read_u8().await.unwrap());
            }
            let ids: Vec<String> =
                String::from_utf8(line).unwrap().split_whitespace().map(str::to_owned).collect();
            drop(stream);
            // A child that nobody waits for may stay behind as a zombie of whoever adopts it.
            let lives = |id: &String| {
                let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
            };
            let gone = async {
                while ids.iter().any(lives) {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(Duration::from_secs(30), gone).await.expect("both end");
            let reaped = async {
                while std::path::Path::new(&format!("/proc/{}", ids[0])).exists() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(Duration::from_secs(30), reaped).await.expect("the command is reaped");
        }
    }
}
