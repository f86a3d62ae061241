//! Files by way of a POSIX shell: the sums that SFTP does not have, and everything where a host has no SFTP.
//!
//! Theory: [`super::scripts`] says what is run; here it is run, one exec channel each and one after the other, since many hosts
//! allow few channels. What comes back is bounded. A command that says nothing for [`PATIENCE`] after its input has ended is
//! given up.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::cause::{self, by_words};
use super::get::{Got, Limit, Links, PAGE, Sink, too_large};
use super::part::{hex, part_name};
use super::path::shown;
use super::put::{
    Landed, Mode, Proof, Source, TIMES, Verify, Wish, beside, file_name, source_fault, special, taken_away,
};
use super::remote::{Found, Marks, Stat};
use super::scripts::{self, Script, status};
use super::tree::Kind;
use super::trouble::Trouble;
use crate::escape;
use crate::outcome::FileFault;
use crate::ssh::{Channel, ChannelEvent, ChannelInput, Link, Opened, StartError};
use sha2::{Digest, Sha256};

/// How long a command may say nothing.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many bytes a host sums in a second at least.
const SUMS: u64 = 5_000_000;

/// How long is waited before a session is asked for again that was refused.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// How long closing a channel may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Bytes that a command may answer with where one line is expected.
const LINE: usize = 64 * 1024;

/// Bytes that a listing may have.
const LISTING: usize = 32 * 1024 * 1024;

/// Bytes of standard error that are kept.
const WORDS: usize = 400;

/// What a command said and how it ended.
#[derive(Debug)]
struct Said {
    status: Option<u32>,
    out: Vec<u8>,
    words: String,
}

/// A shell on a host.
pub(super) struct Shell<'a> {
    link: &'a Link,
    /// How long a command may say nothing.
    patience: Duration,
    /// One command at a time.
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    /// Whether a command has begun.
    has_run: bool,
    /// A session for the next one.
    ready: Option<Opened>,
}

/// Where the bytes for a command come from.
type Feed<'a> = Option<(&'a [u8], &'a dyn Source)>;

/// Takes what a command says on standard output.
enum Ear<'a> {
    /// Kept, up to so many bytes.
    Kept(usize),
    /// Handed on after the mark.
    Handed(&'a mut dyn Sink, &'a mut (Sha256, u64)),
}

impl<'a> Shell<'a> {
    pub(super) fn new(link: &'a Link) -> Shell<'a> {
        Shell { link, patience: PATIENCE, turn: Mutex::default() }
    }

    /// The same with another patience.
    pub(super) fn patient(self, patience: Duration) -> Shell<'a> {
        Shell { patience, ..self }
    }

    /// Whether the link is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.link.is_closed()
    }

    /// How long a command may say nothing that goes through a file of so many bytes.
    fn patience(&self, size: u64) -> Duration {
        self.patience + Duration::from_secs(size / SUMS)
    }

    /// Runs a script; `patience` is for its silence.
    async fn run(
        &self,
        (script, args): (Script, &[&[u8]]),
        (feed, mut ear): (Feed<'_>, Ear<'_>),
        patience: Duration,
    ) -> Result<Said, Trouble> {
        let mut turn = self.turn.lock().await;
        let mark = format!("omnes-{:016x}", rand::random::<u64>());
        let opened = match turn.ready.take() {
            Some(opened) => opened,
            None => self.open(turn.has_run).await?,
        };
        turn.has_run = true;
        let channel = match opened.exec_on_pipes(&script.command(&mark, args)).await {
            Ok(channel) => channel,
            Err(StartError::NotRun(error)) => return Err(Trouble::Unreachable(error)),
            Err(StartError::Lost(why)) => return Err(Trouble::Lost(why)),
        };
        let Channel { mut input, mut output } = channel;
        let said = {
            let mut said = Hearing::new(&mark);
            let mut feeding = pin!(feed_it(&mut input, feed));
            let mut is_fed = false;
            loop {
                tokio::select! {
                    biased;
                    event = output.next() => match said.hears(event, &mut ear).await {
                        Ok(false) => {}
                        Ok(true) => break Ok(said),
                        Err(trouble) => break Err(trouble),
                    },
                    fed = &mut feeding, if !is_fed => match fed {
                        Ok(()) => is_fed = true,
                        Err(trouble) => break Err(trouble),
                    },
                    () = sleep(patience), if is_fed => break Err(Trouble::Lost(format!(
                        "the shell on the host has said nothing for {} s",
                        patience.as_secs()
                    ))),
                }
            }
        };
        let _ = timeout(GOODBYE, input.close()).await;
        said.and_then(Hearing::end)
    }

    /// Has a session opened for the next command, where none is under way. Where that cannot be, the command finds out why.
    pub(super) async fn make_ready(&self) {
        let Ok(mut turn) = self.turn.try_lock() else { return };
        if turn.ready.is_none() && !turn.has_run {
            turn.ready = self.link.open().await.ok();
        }
    }

    /// A session for the next command. A host that allows one alone (`MaxSessions`) may not be rid of the last one yet, so it is
    /// asked again for a while where there was one.
    async fn open(&self, has_run: bool) -> Result<Opened, Trouble> {
        for wait in AGAIN {
            match self.link.open().await {
                Ok(opened) => return Ok(opened),
                Err(error) if !has_run || self.link.is_closed() => return Err(Trouble::Unreachable(error)),
                Err(_) => sleep(wait).await,
            }
        }
        let why = "the host refused a further session on this connection (`MaxSessions` of its sshd?)";
        self.link.open().await.map_err(|_| Trouble::file(FileFault::Refused, why))
    }

    /// Runs a script without input whose answer is short.
    async fn ask(&self, script: Script, args: &[&[u8]]) -> Result<Said, Trouble> {
        self.run((script, args), (None, Ear::Kept(LINE)), self.patience).await
    }

    /// Runs a script about a path; its end with a status of 0 is the yes.
    async fn act(&self, path: &[u8], script: Script, args: &[&[u8]]) -> Result<Vec<u8>, Trouble> {
        let said = self.ask(script, args).await?;
        match said.status {
            Some(0) => Ok(said.out),
            _ => Err(fault(path, &said)),
        }
    }

    /// Where the user begins.
    pub(super) async fn home(&self) -> Result<Vec<u8>, Trouble> {
        let said = self.act(b"~", Script::Home, &[]).await?;
        Ok(said.strip_suffix(b"\n").unwrap_or(&said).to_vec())
    }

    pub(super) async fn look(&self, path: &[u8], links: Links) -> Result<Option<Stat>, Trouble> {
        let script = match links {
            Links::Followed => Script::Stat,
            Links::Refused => Script::Lstat,
        };
        let said = self.ask(script, &[path]).await?;
        match said.status {
            Some(status::NOTHING) => Ok(None),
            Some(0) => scripts::about(&said.out).map(Some).ok_or_else(|| no_stat(path)),
            _ => Err(fault(path, &said)),
        }
    }

    pub(super) async fn read_link(&self, path: &[u8]) -> Result<Box<[u8]>, Trouble> {
        let said = self.act(path, Script::ReadLink, &[path]).await?;
        Ok(said.strip_suffix(b"\n").unwrap_or(&said).into())
    }

    pub(super) async fn list(&self, folder: &[u8]) -> Result<Vec<Found>, Trouble> {
        let said = self.run((Script::List, &[folder]), (None, Ear::Kept(LISTING)), self.patience).await?;
        match said.status {
            Some(0) => scripts::listed(&said.out).ok_or_else(|| no_stat(folder)),
            _ => Err(fault(folder, &said)),
        }
    }

    pub(super) async fn make_dir(&self, path: &[u8], mode: u32) -> Result<(), Trouble> {
        self.act(path, Script::MakeDir, &[path, octal(mode).as_bytes()]).await.map(drop)
    }

    pub(super) async fn symlink(&self, to: &[u8], path: &[u8]) -> Result<(), Trouble> {
        self.act(path, Script::Symlink, &[to, path]).await.map(drop)
    }

    pub(super) async fn remove(&self, path: &[u8]) -> Result<(), Trouble> {
        self.act(path, Script::Remove, &[path]).await.map(drop)
    }

    pub(super) async fn remove_dir(&self, path: &[u8]) -> Result<(), Trouble> {
        self.act(path, Script::RemoveDir, &[path]).await.map(drop)
    }

    pub(super) async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Trouble> {
        self.act(to, Script::Rename, &[from, to]).await.map(drop)
    }

    pub(super) async fn set(&self, path: &[u8], marks: Marks) -> Result<(), Trouble> {
        if matches!(self.look(path, Links::Refused).await?, Some(Stat { kind: Kind::Link { .. }, .. })) {
            // A shell follows links, and what they are like matters to nobody.
            return Ok(());
        }
        let [mode, time, owner] = said_marks(marks);
        self.act(path, Script::Set, &[path, mode.as_bytes(), time.as_bytes(), owner.as_bytes()])
            .await
            .map(drop)
    }

    /// The sum of a file of so many bytes, or of so many at its beginning, as the host says it.
    pub(super) async fn sum(&self, path: &[u8], (extent, size): (Extent, u64)) -> Result<Summed, Trouble> {
        let bytes = match extent {
            Extent::Whole => String::new(),
            Extent::Beginning => size.to_string(),
        };
        let about = size.to_string();
        let args = [path, bytes.as_bytes(), about.as_bytes()];
        let said = self.run((Script::Sum, &args), (None, Ear::Kept(LINE)), self.patience(size)).await?;
        Ok(match (said.status, scripts::sum(&said.out)) {
            (Some(0), Some(sum)) => Summed::Sum(sum),
            (Some(status::NOTHING), _) => Summed::Nothing,
            _ => Summed::No,
        })
    }

    /// Puts a file in its place.
    pub(super) async fn put(
        &self,
        path: &[u8],
        (source, wish): (&dyn Source, &Wish),
    ) -> Result<Landed, Trouble> {
        if let Some(left) = &wish.left {
            // A shell goes on with nothing.
            let _ = self.remove(left).await;
        }
        for _ in 0..TIMES {
            if let Some(proof) = self.put_once(path, (source, wish)).await? {
                return Ok(Landed { proof, resumed: 0 });
            }
            if self.stands(path, (source, wish)).await? {
                return Ok(Landed { proof: Proof::Content, resumed: 0 });
            }
        }
        Err(taken_away(path))
    }

    /// Whether what was to be put stands there already, put by somebody else.
    async fn stands(&self, path: &[u8], (source, wish): (&dyn Source, &Wish)) -> Result<bool, Trouble> {
        let Some(stat) = self.look(path, Links::Refused).await? else { return Ok(false) };
        let is_marked = match wish.mode {
            Mode::Set(mode) => stat.mode == mode,
            Mode::KeepOr(_) => true,
        } && wish.mtime.is_none_or(|mtime| stat.mtime == mtime)
            && wish.owner.is_none_or(|owner| stat.owner == Some(owner));
        if stat.kind != (Kind::File { size: source.size() }) || !is_marked {
            return Ok(false);
        }
        Ok(
            matches!(self.sum(path, (Extent::Whole, source.size())).await?, Summed::Sum(sum) if sum == source.sha256()),
        )
    }

    /// One script does all of it, so that it can be measured before it is renamed; `None` where its temporary file was taken away.
    async fn put_once(
        &self,
        path: &[u8],
        (source, wish): (&dyn Source, &Wish),
    ) -> Result<Option<Proof>, Trouble> {
        let part = beside(path, &part_name(file_name(path)?, &source.sha256()));
        let old = self.look(path, Links::Refused).await?;
        let old = match &old {
            Some(Stat { kind: Kind::Special, .. }) => return Err(special(path)),
            Some(Stat { kind: Kind::Dir, .. }) => return Err(cause::at(path, FileFault::IsDirectory)),
            Some(stat @ Stat { kind: Kind::File { .. }, .. }) => Some(stat),
            _ => None,
        };
        let mode = Some(wish.mode.over(old.map(|old| old.mode)));
        let [mode, time, owner] = said_marks(Marks { mode, mtime: wish.mtime, owner: wish.owner });
        let (size, sum) = (source.size().to_string(), hex(&source.sha256()));
        let args = [
            &part,
            path,
            size.as_bytes(),
            sum.as_bytes(),
            mode.as_bytes(),
            time.as_bytes(),
            owner.as_bytes(),
        ];
        let patience = self.patience(source.size());
        let said = self.run((Script::Put, &args), (Some((path, source)), Ear::Kept(LINE)), patience).await?;
        let proof = match (said.status, said.out.as_slice()) {
            (Some(0), b"content\n") => Proof::Content,
            (Some(0), b"size\n") => Proof::Size,
            (Some(status::GONE), _) => return Ok(None),
            _ => return Err(fault(path, &said)),
        };
        if proof == Proof::Size && wish.verify == Verify::Always {
            let why = format!("{}: it is there, but nothing on the host can sum it", shown(path));
            return Err(Trouble::file(FileFault::ChecksumDiffers, why));
        }
        Ok(Some(proof))
    }

    /// Reads a file.
    pub(super) async fn get(
        &self,
        path: &[u8],
        (sink, limit): (&mut dyn Sink, Limit),
    ) -> Result<Got, Trouble> {
        let stat = self.look(path, limit.links).await?.ok_or_else(|| cause::at(path, FileFault::Missing))?;
        let told = match stat.kind {
            Kind::File { size } if size > limit.bytes => return Err(too_large(path, limit)),
            Kind::File { size } => size,
            Kind::Dir => return Err(cause::at(path, FileFault::IsDirectory)),
            Kind::Special => return Err(special(path)),
            Kind::Link { .. } => {
                let why = format!("{}: a symbolic link, which is not followed here", shown(path));
                return Err(Trouble::file(FileFault::Refused, why));
            }
        };
        let mut taken = (Sha256::new(), 0);
        let mut bounded = Bounded { sink, path, left: limit.bytes };
        let said = self
            .run((Script::Get, &[path]), (None, Ear::Handed(&mut bounded, &mut taken)), self.patience)
            .await?;
        let (digest, size) = taken;
        if said.status != Some(0) {
            return Err(fault(path, &said));
        }
        let holds_less = size < told
            && told <= PAGE
            && self.look(path, limit.links).await?.is_some_and(|again| again.kind == stat.kind);
        if size < told && !holds_less {
            let why = format!("{}: the host said {told} bytes, and it ends after {size}", shown(path));
            return Err(Trouble::file(FileFault::Odd, why));
        }
        let (sha256, grew) = (digest.finalize().into(), told > 0 && size > told);
        Ok(Got { size, sha256, grew, holds_less, mode: stat.mode, mtime: stat.mtime })
    }
}

/// A sink that takes no more than was allowed.
struct Bounded<'a> {
    sink: &'a mut dyn Sink,
    path: &'a [u8],
    left: u64,
}

impl Sink for Bounded<'_> {
    fn take(&mut self, bytes: Bytes) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let len = bytes.len() as u64;
            if len > self.left {
                return Err(format!("{} grew beyond what is allowed while it was read", shown(self.path)));
            }
            self.left -= len;
            self.sink.take(bytes).await
        })
    }
}

/// Gives a command its input, then its end.
async fn feed_it(input: &mut ChannelInput, feed: Feed<'_>) -> Result<(), Trouble> {
    if let Some((path, source)) = feed {
        let mut at = 0;
        while at < source.size() {
            let mut chunk = source.chunk(at).await.map_err(|why| source_fault(path, &why))?;
            chunk.truncate(usize::try_from(source.size() - at).unwrap_or(usize::MAX));
            if chunk.is_empty() {
                return Err(source_fault(path, "its source gave nothing where it should go on"));
            }
            at += chunk.len() as u64;
            if input.write(chunk).await.is_err() {
                // It has ended; its status says why.
                return Ok(());
            }
        }
    }
    let _ = input.eof().await;
    Ok(())
}

/// What was heard of a command.
struct Hearing {
    mark: String,
    is_ours: bool,
    status: Option<u32>,
    out: Vec<u8>,
    words: Vec<u8>,
}

impl Hearing {
    fn new(mark: &str) -> Hearing {
        Hearing { mark: mark.to_owned(), is_ours: false, status: None, out: Vec::new(), words: Vec::new() }
    }

    /// Takes an event; true at the end.
    async fn hears(&mut self, event: ChannelEvent, ear: &mut Ear<'_>) -> Result<bool, Trouble> {
        match event {
            ChannelEvent::Data(bytes) => self.data(bytes, ear).await?,
            ChannelEvent::Stderr(bytes) => {
                let room = WORDS.saturating_sub(self.words.len());
                self.words.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            ChannelEvent::Eof | ChannelEvent::Signal(_) => {}
            ChannelEvent::Exit(status) => self.status = Some(status),
            ChannelEvent::Closed(Err(why)) => return Err(Trouble::Lost(why)),
            ChannelEvent::Closed(Ok(())) => return Ok(true),
        }
        Ok(false)
    }

    /// All of it; without the mark it was not what we sent that was run.
    fn end(self) -> Result<Said, Trouble> {
        if self.status == Some(0) && !self.is_ours {
            let why = "the host ran something else than what it was sent (a forced command?)";
            return Err(Trouble::file(FileFault::Other, why));
        }
        Ok(Said { status: self.status, words: words(&self.words), out: self.out })
    }

    async fn data(&mut self, bytes: Bytes, ear: &mut Ear<'_>) -> Result<(), Trouble> {
        let bytes = if self.is_ours {
            bytes
        } else {
            self.out.extend_from_slice(&bytes);
            let Some(rest) = scripts::after_mark(&self.out, &self.mark) else { return self.bounded(LINE) };
            self.is_ours = true;
            let rest = Bytes::copy_from_slice(rest);
            self.out.clear();
            rest
        };
        match ear {
            Ear::Kept(most) => {
                self.out.extend_from_slice(&bytes);
                self.bounded(*most)
            }
            Ear::Handed(..) if bytes.is_empty() => Ok(()),
            Ear::Handed(sink, (digest, size)) => {
                digest.update(&bytes);
                *size += bytes.len() as u64;
                sink.take(bytes).await.map_err(|why| Trouble::file(FileFault::Other, why))
            }
        }
    }

    fn bounded(&self, most: usize) -> Result<(), Trouble> {
        if self.out.len() <= most {
            return Ok(());
        }
        let why = format!("the shell on the host said more than {most} bytes where less was expected");
        Err(Trouble::file(FileFault::Odd, why))
    }
}

fn words(words: &[u8]) -> String {
    escape::text(&String::from_utf8_lossy(words), WORDS)
}

/// What a status and its words mean.
fn fault(path: &[u8], said: &Said) -> Trouble {
    let fault = match said.status {
        Some(status::NOTHING) => FileFault::Missing,
        Some(status::FOLDER | status::NO_FOLDER) => FileFault::IsDirectory,
        Some(status::SUM) => FileFault::ChecksumDiffers,
        Some(status::SHORT) => by_words(&said.words).unwrap_or(FileFault::ChecksumDiffers),
        _ => by_words(&said.words).unwrap_or(FileFault::Other),
    };
    match (fault, said.words.as_str(), said.status) {
        (FileFault::Other, "", Some(status)) => {
            Trouble::file(fault, format!("{}: the shell on the host ended with status {status}", shown(path)))
        }
        (FileFault::Other, "", None) => {
            Trouble::file(fault, format!("{}: the shell on the host ended without a status", shown(path)))
        }
        (FileFault::Other, words, _) => Trouble::file(fault, format!("{}: {words}", shown(path))),
        (fault, ..) => cause::at(path, fault),
    }
}

/// A shell alone cannot tell what a file is like.
fn no_stat(path: &[u8]) -> Trouble {
    let why = format!(
        "{}: this host has no `stat`, without which a shell cannot tell sizes, modes and times; SFTP can",
        shown(path)
    );
    Trouble::file(FileFault::Other, why)
}

fn octal(mode: u32) -> String {
    format!("{mode:o}")
}

/// Marks as the words of a script; empty ones are left.
fn said_marks(marks: Marks) -> [String; 3] {
    [
        marks.mode.map(octal).unwrap_or_default(),
        marks.mtime.and_then(scripts::stamp).unwrap_or_default(),
        marks.owner.map(|(user, group)| format!("{user}:{group}")).unwrap_or_default(),
    ]
}

/// How much of a file is summed.
#[derive(Clone, Copy)]
pub(super) enum Extent {
    Whole,
    /// What is behind it may be growing.
    Beginning,
}

/// What a host says when it is asked for a sum.
pub(super) enum Summed {
    Sum([u8; 32]),
    /// There is no such file.
    Nothing,
    /// Something else went wrong.
    No,
}
