//! Real processes: a shell in a PTY of its own, or a command under `/bin/sh -c` with pipes.
//!
//! They run as this account on this machine, in a home of their host's own, with an environment made from nothing. Each
//! is the leader of its process group; when its channel closes, the group is killed.

use std::io;
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pty_process::Pty;
use russh::Sig;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::SignalKind;

use super::host::Host;
use super::job::{End, Gone, Input, InputReceiver, Job, Output, Terminal, What};
use super::run_dir::MARK;
use crate::size::Size;

/// How much is read from a process at once, in bytes.
const PIECE: usize = 16 * 1024;
/// How long output is awaited after a shell has ended, where a process in the background keeps its terminal open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs `job` by processes. A failure to start one is told to the client as a shell would, with status 126.
pub(super) async fn run(
    host: &Host,
    job: &Job,
    input: &mut InputReceiver,
    output: &Output,
) -> Result<End, Gone> {
    let ended = match &job.terminal {
        Some(terminal) => in_pty(host, job, terminal, input, output).await,
        None => with_pipes(host, job, input, output).await,
    };
    match ended {
        Ok(end) => end,
        Err(error) => {
            let sentence = format!("{}: the demo could not start a process: {error}\r\n", host.name());
            job.closed.run_until_cancelled(output.err(sentence)).await.unwrap_or(Err(Gone))?;
            Ok(End::Status(126))
        }
    }
}

/// The process group of a child that was not reaped yet; killed when this goes.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // A group that has just ended needs no signal.
            let _ended = kill_process_group(group, signal);
        }
    }

    /// The child was reaped: its number may soon be another's.
    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn in_pty(
    host: &Host,
    job: &Job,
    terminal: &Terminal,
    input: &mut InputReceiver,
    output: &Output,
) -> io::Result<Result<End, Gone>> {
    let (mut pty, pts) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(pty_size(terminal.size)).map_err(io::Error::other)?;
    let home = host.home()?;
    let (program, arguments) = shell_command(&job.what);
    let command = pty_process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment(host, job, &home))
        .current_dir(&home)
        .kill_on_drop(true);
    let mut child = command.spawn(pts).map_err(io::Error::other)?;
    let mut group = Group::of(&child);
    let driving = async {
        drive_pty(&mut pty, &mut child, &group, (input, output)).await;
        child.wait().await
    };
    let driven = job.closed.run_until_cancelled(driving).await;
    if driven.is_none() {
        group.signal(Signal::KILL);
        if let Ok(foreground) = rustix::termios::tcgetpgrp(&pty) {
            let _ended = kill_process_group(foreground, Signal::KILL);
        }
    }
    let status = child.wait().await?;
    group.forget();
    Ok(match driven {
        Some(_) => Ok(end_of(status)),
        None => Err(Gone),
    })
}

/// Carries bytes until the shell has ended and its last output is out.
async fn drive_pty(pty: &mut Pty, child: &mut Child, group: &Group, ends: (&mut InputReceiver, &Output)) {
    let (input, output) = ends;
    let (mut reader, mut writer) = pty.split();
    let writing = async {
        while let Some(next) = input.recv().await {
            let written = match next {
                Input::Data(data) => writer.write_all(&data).await,
                // The end of input on a terminal is a character (VEOF).
                Input::End => writer.write_all(b"\x04").await,
                Input::Resize(size) => writer.resize(pty_size(size)).map_err(io::Error::other),
                Input::Signal(signal) => {
                    group.signal(to_unix(&signal));
                    Ok(())
                }
            };
            if written.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    // A terminal that nobody holds any more reads as an error (EIO).
    let reading = pump(Some(&mut reader), |bytes| output.out(bytes));
    tokio::pin!(reading);
    let ended = tokio::select! {
        () = &mut reading => false,
        _ = child.wait() => true,
        () = writing => false,
    };
    if ended {
        let _elapsed = tokio::time::timeout(LAST_WORDS, reading).await;
    }
    // Otherwise it closed its terminal and lives on; the caller waits for its end.
}

async fn with_pipes(
    host: &Host,
    job: &Job,
    input: &mut InputReceiver,
    output: &Output,
) -> io::Result<Result<End, Gone>> {
    let home = host.home()?;
    let (program, arguments) = shell_command(&job.what);
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment(host, job, &home))
        .current_dir(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let mut group = Group::of(&child);
    let driven = job.closed.run_until_cancelled(drive_pipes(&mut child, &group, input, output)).await;
    if driven.is_none() {
        group.signal(Signal::KILL);
    }
    let status = child.wait().await?;
    group.forget();
    Ok(match driven {
        Some(()) => Ok(end_of(status)),
        None => Err(Gone),
    })
}

/// Carries bytes until both outputs are closed, as sshd does, and the command has ended.
async fn drive_pipes(child: &mut Child, group: &Group, input: &mut InputReceiver, output: &Output) {
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writing = async {
        while let Some(next) = input.recv().await {
            match next {
                Input::Data(data) => {
                    if let Some(pipe) = &mut stdin
                        && pipe.write_all(&data).await.is_err()
                    {
                        stdin = None;
                    }
                }
                Input::End => stdin = None,
                Input::Signal(signal) => group.signal(to_unix(&signal)),
                Input::Resize(_) => {}
            }
        }
        std::future::pending::<()>().await
    };
    let reading = async {
        tokio::join!(pump(stdout, |bytes| output.out(bytes)), pump(stderr, |bytes| output.err(bytes)));
        // Its status is taken by the caller; an error there is told there.
        let _ended = child.wait().await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// Hands on what `source` says until its end. Reads no more before the last piece is taken.
async fn pump<F>(source: Option<impl AsyncRead + Unpin>, hand_on: impl Fn(Bytes) -> F)
where
    F: Future<Output = Result<(), Gone>>,
{
    let Some(mut source) = source else { return };
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        match source.read_buf(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if hand_on(piece.freeze()).await.is_err() {
            return;
        }
    }
}

/// Makes processes start with the usual signals although this one was told to ignore some (`nohup`, a job in the
/// background of a script): an ignored signal stays ignored over exec, and `C-c` would do nothing in any shell. A caught
/// one does not, so each ignored signal is caught, and left at that. Needs `/proc`.
pub(super) fn restore_signals() -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()] {
        if ignored & (1 << (kind.as_raw_value() - 1)) != 0 {
            // The handler stays when its listener goes.
            drop(tokio::signal::unix::signal(kind)?);
        }
    }
    Ok(())
}

/// The program for what was asked: bash without anybody's start-up files where there is one.
fn shell_command(what: &What) -> (&'static str, Vec<String>) {
    match what {
        What::Exec(command) => ("/bin/sh", vec!["-c".into(), command.clone()]),
        What::Shell if Path::new("/bin/bash").exists() => {
            ("/bin/bash", vec!["--norc".into(), "--noprofile".into()])
        }
        What::Shell => ("/bin/sh", Vec::new()),
    }
}

fn environment(host: &Host, job: &Job, home: &Path) -> Vec<(String, String)> {
    let prompt = match Path::new("/bin/bash").exists() {
        true => format!("{}:\\w$ ", host.name()),
        false => format!("{}$ ", host.name()),
    };
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", host.run_dir().bin().display());
    let mut environment = vec![
        ("HOME", home.display().to_string()),
        ("USER", job.user.clone()),
        ("LOGNAME", job.user.clone()),
        ("SHELL", "/bin/sh".into()),
        ("PATH", path),
        ("HOSTNAME", host.name().to_owned()),
        ("PS1", prompt),
        (MARK, host.run_dir().id().to_owned()),
    ];
    if let Some(terminal) = &job.terminal {
        environment.push(("TERM", terminal.term.clone()));
    }
    let ours = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
    job.env.iter().cloned().chain(ours).collect()
}

fn pty_size(size: Size) -> pty_process::Size {
    pty_process::Size::new(size.rows, size.cols)
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Status(code.unsigned_abs()),
        (None, Some(signal)) => End::Signal(from_unix(signal)),
        (None, None) => End::Status(255),
    }
}

/// The signals that SSH names (RFC 4254 section 6.10).
const SIGNALS: [(Sig, Signal); 12] = [
    (Sig::ABRT, Signal::ABORT),
    (Sig::ALRM, Signal::ALARM),
    (Sig::FPE, Signal::FPE),
    (Sig::HUP, Signal::HUP),
    (Sig::ILL, Signal::ILL),
    (Sig::INT, Signal::INT),
    (Sig::KILL, Signal::KILL),
    (Sig::PIPE, Signal::PIPE),
    (Sig::QUIT, Signal::QUIT),
    (Sig::SEGV, Signal::SEGV),
    (Sig::TERM, Signal::TERM),
    (Sig::USR1, Signal::USR1),
];

/// A signal that SSH does not name is taken for TERM.
fn to_unix(signal: &Sig) -> Signal {
    let is_it = |(ssh, _): &&(Sig, Signal)| mem::discriminant(ssh) == mem::discriminant(signal);
    SIGNALS.iter().find(is_it).map_or(Signal::TERM, |(_, unix)| *unix)
}

fn from_unix(signal: i32) -> Sig {
    SIGNALS
        .iter()
        .find(|(_, unix)| unix.as_raw() == signal)
        .map_or_else(|| Sig::Custom(signal.to_string()), |(ssh, _)| ssh.clone())
}
