//! Files that root moves into place: they land in a private folder of the login, and a helper behind `sudo` does the rest.
//!
//! Theory: root trusts no path that somebody else can swap. The login writes each file into a folder of its own; root copies it
//! from there, as many bytes as it has to have, into a file that root makes beside the place and that nobody else can open, and
//! proves it there by the SHA-256 that is known here. Then that very file, by its descriptor, gets owner, mode and time, and is
//! renamed. So a path holds its old or its new content at every instant, on whatever file system the private folder is. Each
//! request goes to a folder by its true path, sees that it is there, and deals with one name in it, which is never followed
//! ([`super::anchor`]). The helper is one process for the whole push ([`helper`]); it needs the tools of GNU or BusyBox,
//! something that sums SHA-256, and `/proc`. Names, targets of links and content come back as bytes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::anchor::{Anchor, NoSpot, Spot, trimmed};
use super::hand::{Old, beside, split};
use super::part::hex;
use super::path::shown;
use super::put::{Before, Mode, Source, Wish};
use super::remote::{Found, Marks, Remote, Stat};
use super::tree::Kind;
use super::trouble::Trouble;
use crate::outcome::{FileFault, Outcome};
use crate::run::helper::{self, Answer, Answers, Helper, Question};
use crate::run::sudo::Sudo;
use crate::run::{Call, quote};
use crate::ssh::{Link, SudoPasswords};

/// Where the private folder may be, the first that can be written: what is there is on a disk of the host, which root can
/// read; a home may be on another machine, which does not let root in.
const PLACES: [&[u8]; 3] = [b"/var/tmp", b"/tmp", b"~"];

/// What the helper is told first: each of these answers with a line, `ok` and what was asked for, or `no` and why, and before
/// it, where bytes were asked for, those.
const SCRIPT: &str = include_str!("lift.sh");

/// Bytes of a path, or of what a link says, as Linux takes no more.
const PATH: usize = 4 << 10;

/// Bytes of a listing of one folder: about a million names of usual length.
const LISTING: usize = 64 << 20;

/// How long the helper may take for one thing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes that the helper at least copies and sums in a second beyond that.
const PACE: u64 = 1 << 20;

/// Root's hands on one host.
pub(super) struct Lift<'a> {
    remote: &'a Remote<'a>,
    helper: Helper,
    /// The private folder.
    folder: Vec<u8>,
    /// The root of the push.
    anchor: OnceLock<Anchor>,
    next: AtomicUsize,
}

/// Passes `sudo` and makes the private folder. Otherwise this is the host's outcome.
pub(super) async fn lift<'a>(
    (call, link): (&Call<'_>, &Link),
    remote: &'a Remote<'a>,
    (sudo, passwords): (&Sudo, &SudoPasswords),
) -> Result<(Lift<'a>, Answers), Outcome> {
    let (helper, answers) = helper::start(call, link, (sudo, passwords)).await?;
    helper.tell(SCRIPT.as_bytes().to_vec()).await;
    let (folder, next) = (Vec::new(), AtomicUsize::new(0));
    Ok((Lift { remote, helper, folder, anchor: OnceLock::new(), next }, answers))
}

impl Lift<'_> {
    /// Hears what the helper says; to be in while anything is asked. Comes back when the helper is gone.
    pub(super) async fn listen(&self, answers: &mut Answers) {
        answers.listen(&self.helper).await;
    }

    /// Makes the private folder.
    pub(super) async fn prepare(&mut self) -> Result<(), Trouble> {
        let mut first = None;
        for place in PLACES {
            let place = self.remote.resolve(place).await?;
            let name = format!("/.omnes-push-{:032x}", rand::random::<u128>());
            let folder = [&place[..], name.as_bytes()].concat();
            match self.remote.make_dir(&folder, 0o700).await {
                Ok(()) => {
                    // What the host's umask made of it is not what was asked for, but never more; its group bit may be.
                    self.remote.set(&folder, Marks { mode: Some(0o700), ..Marks::default() }).await?;
                    // Whatever ends the helper, also the end of the link, takes the folder away.
                    let mut lines =
                        b"trap 'x >/dev/null' EXIT; trap 'exit 1' HUP INT TERM; cd -P -- ".to_vec();
                    lines.extend(quote::word(&folder));
                    // Something else in its place is not taken away.
                    lines.extend(b" 2>/dev/null && S=$(env pwd -P); [ \"/${S##*/}\" = ");
                    lines.extend(name.as_bytes());
                    lines.extend(b" ] || S=\n");
                    self.helper.tell(lines).await;
                    self.folder = folder;
                    return Ok(());
                }
                Err(trouble @ Trouble::File { .. }) => first = first.or(Some(trouble)),
                Err(trouble) => return Err(trouble),
            }
        }
        Err(first.expect("there are places, and each of them failed"))
    }

    /// Takes the private folder away, and ends the helper.
    pub(super) async fn leave(&self) {
        if !self.folder.is_empty() {
            // All that can be in it are parts of files that did not arrive.
            let _ = self.ask(&[b"x"], (0, 0)).await;
        }
        self.helper.leave().await;
    }

    /// Finds out where the root of the push is, once for all.
    pub(super) async fn anchor(&self, base: &[u8]) -> Result<(), Trouble> {
        let folder = [trimmed(split(trimmed(base)).0), b"/"].concat();
        let (around, within) = tokio::join!(self.true_path(&folder), self.true_path(base));
        // A root is looked at once.
        let _ = self.anchor.set(Anchor::new(base, around?, within?));
        Ok(())
    }

    async fn true_path(&self, folder: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        match self.ask_about(folder, &[b"a", folder], (PATH, 0)).await {
            Ok(answer) => match answer.bytes.strip_suffix(b"\n") {
                Some(path) if path.starts_with(b"/") && !answer.is_cut => Ok(Some(path.to_vec())),
                _ => Err(odd(folder, "where it is")),
            },
            Err(Trouble::File { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    fn known(&self) -> &Anchor {
        self.anchor.get().expect("the root is found before anything is asked about what is below it")
    }

    /// Asks; an answer may hold so many bytes, and be about so many.
    async fn ask(&self, words: &[&[u8]], (bytes, about): (usize, u64)) -> Result<Answer, Trouble> {
        let mut request = quote::line(words);
        request.push(b'\n');
        let patience = PATIENCE + Duration::from_secs(about / PACE);
        let answer = self.helper.ask(Question { request, bytes, patience }).await.map_err(Trouble::Lost)?;
        match answer.line.split_once(' ').unwrap_or((answer.line.as_str(), "")) {
            ("ok", rest) => Ok(Answer { line: rest.to_owned(), ..answer }),
            ("no", why) => Err(Trouble::file(fault(why), why.trim())),
            _ => {
                let said = crate::escape::text(&answer.line, 100);
                Err(Trouble::Lost(format!("the shell behind sudo says `{said}`")))
            }
        }
    }

    /// The same about a path, which the sentence of an error names.
    async fn ask_about(&self, path: &[u8], words: &[&[u8]], bounds: (usize, u64)) -> Result<Answer, Trouble> {
        self.ask(words, bounds).await.map_err(|trouble| match trouble {
            Trouble::File { fault, why } => {
                Trouble::file(fault, format!("{}: {}", shown(path), reason(fault, &why)))
            }
            trouble => trouble,
        })
    }

    /// A request about what lies at a path: its name, the folder, the name there, and more.
    async fn ask_at(
        &self,
        path: &[u8],
        (name, more): (&[u8], &[&[u8]]),
        bounds: (usize, u64),
    ) -> Result<Answer, Trouble> {
        let spot = self.known().spot(path).map_err(|why| no_spot(path, why))?;
        self.ask_spot((path, spot), (name, more), bounds).await
    }

    async fn ask_spot(
        &self,
        (path, spot): (&[u8], Spot<'_>),
        (name, more): (&[u8], &[&[u8]]),
        bounds: (usize, u64),
    ) -> Result<Answer, Trouble> {
        let words: [&[u8]; 3] = [name, &spot.folder, spot.name];
        self.ask_about(path, &[&words[..], more].concat(), bounds).await
    }

    pub(super) async fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        looked(path, self.ask_at(path, (b"t", &[]), (0, 0)).await)
    }

    /// What stands where the user's own word leads.
    pub(super) async fn stat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        looked(path, self.ask_about(path, &[b"tf", path], (0, 0)).await)
    }

    pub(super) async fn read_link(&self, path: &[u8]) -> Result<Box<[u8]>, Trouble> {
        let answer = self.ask_at(path, (b"k", &[]), (PATH, 0)).await?;
        if answer.is_cut { Err(odd(path, "what it says")) } else { Ok(answer.bytes.into_boxed_slice()) }
    }

    /// All that is in a folder.
    pub(super) async fn list(&self, path: &[u8]) -> Result<Vec<Found>, Trouble> {
        let folder = self.known().folder(path).map_err(|why| no_spot(path, why))?;
        let answer = self.ask_about(path, &[b"e", &folder], (LISTING, LISTING as u64)).await?;
        if answer.is_cut {
            let why = format!("{}: its listing is longer than {} MB", shown(path), LISTING >> 20);
            return Err(Trouble::file(FileFault::Refused, why));
        }
        listed(&answer.bytes).ok_or_else(|| odd(path, "what is in it"))
    }

    /// The SHA-256 of a file of about so many bytes.
    pub(super) async fn sha256(&self, path: &[u8], size: u64) -> Result<[u8; 32], Trouble> {
        let answer = self.ask_at(path, (b"h", &[]), (0, size)).await?;
        digest(&answer.line).ok_or_else(|| {
            Trouble::file(FileFault::Other, format!("{}: the host says no SHA-256 of it", shown(path)))
        })
    }

    /// The content of a file of at most so many bytes.
    pub(super) async fn read(&self, path: &[u8], most: u64) -> Result<Vec<u8>, Trouble> {
        let bytes = usize::try_from(most).unwrap_or(usize::MAX);
        // One more byte says that there is more.
        let further = most.saturating_add(1).to_string();
        let answer = self.ask_at(path, (b"g", &[further.as_bytes()]), (bytes, most)).await?;
        if answer.is_cut {
            return Err(Trouble::file(
                FileFault::Refused,
                format!("{}: more than {most} bytes", shown(path)),
            ));
        }
        Ok(answer.bytes)
    }

    /// The numbers of a user and a group there; without a group, that of the user.
    pub(super) async fn ids(&self, user: &str, group: &str) -> Result<(u32, u32), Trouble> {
        let said = self.ask(&[b"i", user.as_bytes(), group.as_bytes()], (0, 0)).await;
        let said = said.map_err(|trouble| match trouble {
            Trouble::File { fault, why } => {
                Trouble::file(fault, format!("--owner: the host says: {}", reason(fault, &why)))
            }
            trouble => trouble,
        })?;
        let ids = said.line.split_once(' ');
        let ids = ids.and_then(|(user, group)| Some((user.parse().ok()?, group.parse().ok()?)));
        ids.ok_or_else(|| {
            Trouble::file(FileFault::Other, format!("--owner {user}: the host says `{}`", said.line))
        })
    }

    pub(super) async fn make_dir(&self, path: &[u8], mode: u32) -> Result<(), Trouble> {
        self.ask_at(path, (b"d", &[octal(mode).as_bytes()]), (0, 0)).await.map(drop)
    }

    pub(super) async fn put(
        &self,
        path: &[u8],
        (source, wish): (&dyn Source, &Wish),
        old: Old<'_>,
    ) -> Result<(), Trouble> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let staged = [&self.folder[..], format!("/{number}").as_bytes()].concat();
        let private = Wish { before: Before::Nothing, mode: Mode::Set(0o600), owner: None, ..wish.clone() };
        self.remote.put(&staged, source, &private).await.map_err(|trouble| match trouble {
            // The private folder says nothing to who wants to know which file it was.
            Trouble::File { fault, why } => Trouble::file(fault, format!("{}: {why}", shown(path))),
            trouble => trouble,
        })?;
        let placed = self.place(path, (&staged, source, wish), old).await;
        // By the login, whose folder it is. What stays goes with the folder.
        let _ = self.remote.remove(&staged).await;
        placed
    }

    async fn place(
        &self,
        path: &[u8],
        (staged, source, wish): (&[u8], &dyn Source, &Wish),
        old: Old<'_>,
    ) -> Result<(), Trouble> {
        let (mode, usual) = match wish.mode {
            Mode::Set(mode) => (octal(mode), String::new()),
            Mode::KeepOr(mode) => (String::new(), octal(mode)),
        };
        let owner = wish.owner.map(|(user, group)| format!("{user}:{group}")).unwrap_or_default();
        let mtime = wish.mtime.map(|mtime| mtime.to_string()).unwrap_or_default();
        let (size, sum) = (source.size().to_string(), hex(&source.sha256()));
        let (part, backup) = (name_beside(path), Backup::of(old));
        let more: [&[u8]; 10] = [
            staged,
            size.as_bytes(),
            sum.as_bytes(),
            &part,
            mode.as_bytes(),
            owner.as_bytes(),
            usual.as_bytes(),
            mtime.as_bytes(),
            &backup.part,
            backup.name,
        ];
        self.ask_at(path, (b"p", &more), (0, source.size())).await.map(drop)
    }

    pub(super) async fn link(&self, to: &[u8], path: &[u8], old: Old<'_>) -> Result<(), Trouble> {
        let backup = Backup::of(old);
        let more = [to, &name_beside(path), &backup.part, backup.name];
        self.ask_at(path, (b"l", &more), (0, 0)).await.map(drop)
    }

    pub(super) async fn set(&self, path: &[u8], marks: Marks) -> Result<(), Trouble> {
        let mode = marks.mode.map(octal).unwrap_or_default();
        let owner = marks.owner.map(|(user, group)| format!("{user}:{group}")).unwrap_or_default();
        let mtime = marks.mtime.map(|mtime| mtime.to_string()).unwrap_or_default();
        let spot = self.known().marked(path).map_err(|why| no_spot(path, why))?;
        let more = [mode.as_bytes(), owner.as_bytes(), mtime.as_bytes()];
        self.ask_spot((path, spot), (b"s", &more), (0, 0)).await.map(drop)
    }

    pub(super) async fn remove(&self, path: &[u8]) -> Result<(), Trouble> {
        self.ask_at(path, (b"u", &[]), (0, 0)).await.map(drop)
    }

    pub(super) async fn remove_dir(&self, path: &[u8]) -> Result<(), Trouble> {
        self.ask_at(path, (b"ud", &[]), (0, 0)).await.map(drop)
    }

    /// Both in one folder.
    pub(super) async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Trouble> {
        let ((folder, _), (other, name)) = (split(from), split(to));
        if folder != other {
            return Err(no_spot(to, NoSpot::Elsewhere));
        }
        self.ask_at(from, (b"v", &[name]), (0, 0)).await.map(drop)
    }
}

/// Under which names old content is kept, if it is: at last, and until it is whole.
struct Backup<'a> {
    name: &'a [u8],
    part: Vec<u8>,
}

impl Backup<'_> {
    fn of(old: Old<'_>) -> Backup<'_> {
        match old {
            Old::Goes => Backup { name: b"", part: Vec::new() },
            Old::Stays(path) => Backup { name: split(path).1, part: name_beside(path) },
        }
    }
}

fn name_beside(path: &[u8]) -> Vec<u8> {
    split(&beside(path)).1.to_vec()
}

fn odd(path: &[u8], what: &str) -> Trouble {
    Trouble::file(FileFault::Odd, format!("{}: the host does not say {what}", shown(path)))
}

fn no_spot(path: &[u8], why: NoSpot) -> Trouble {
    match why {
        NoSpot::NoFolder => {
            Trouble::file(FileFault::Missing, format!("{}: No such file or directory", shown(path)))
        }
        NoSpot::Elsewhere => {
            let why = format!("{}: it is not where the push goes, so root leaves it alone", shown(path));
            Trouble::file(FileFault::Refused, why)
        }
    }
}

fn looked(path: &[u8], answer: Result<Answer, Trouble>) -> Result<Option<Stat>, Trouble> {
    match answer {
        Ok(answer) => stat(&answer.line).map(Some).ok_or_else(|| {
            let why = format!("{}: the host describes it as `{}`", shown(path), answer.line);
            Trouble::file(FileFault::Odd, why)
        }),
        Err(trouble) if trouble.fault() == Some(FileFault::Missing) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// What a folder holds: about each thing, its name behind `./`, a slash, a line end, and again.
fn listed(mut said: &[u8]) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    while !said.is_empty() {
        // What is said about a thing holds neither a dot nor a slash, and its name no slash.
        let dot = said.iter().position(|byte| *byte == b'.')?;
        let (about, name) = (said[..dot].strip_suffix(b" ")?, said[dot..].strip_prefix(b"./")?);
        let end = name.iter().position(|byte| *byte == b'/')?;
        let stat = stat(std::str::from_utf8(about).ok()?)?;
        found.push(Found { name: name[..end].into(), stat });
        said = name[end..].strip_prefix(b"/\n")?;
    }
    Some(found)
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

/// `81a4 12 1700000000 0 0`: the mode in hexadecimal digits, the size, the time, the owner and the group.
fn stat(said: &str) -> Option<Stat> {
    let mut words = said.split(' ');
    let raw = u32::from_str_radix(words.next()?, 16).ok()?;
    let size = words.next()?.parse().ok()?;
    let mtime = words.next()?.parse().ok()?;
    let owner = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let kind = match raw & 0o170_000 {
        0o100_000 => Kind::File { size },
        0o040_000 => Kind::Dir,
        0o120_000 => Kind::Link { to: Box::default() },
        _ => Kind::Special,
    };
    Some(Stat { kind, mode: raw & 0o7777, mtime, owner: Some(owner) })
}

fn digest(said: &str) -> Option<[u8; 32]> {
    let mut sum = [0; 32];
    if said.len() != 64 || !said.is_ascii() {
        return None;
    }
    for (at, byte) in sum.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&said[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(sum)
}

/// What the script says before its own reasons.
const REFUSED: &str = "refused: ";

/// The class of what a tool complains of, in the language C.
fn fault(said: &str) -> FileFault {
    if said.starts_with(REFUSED) {
        return FileFault::Refused;
    }
    let known = [
        ("No space left on device", FileFault::NoSpace),
        ("Disk quota exceeded", FileFault::NoSpace),
        ("File too large", FileFault::NoSpace),
        ("Permission denied", FileFault::NoRight),
        ("Operation not permitted", FileFault::NoRight),
        ("Read-only file system", FileFault::ReadOnly),
        ("busy", FileFault::Busy),
        ("Is a directory", FileFault::IsDirectory),
        ("Not a directory", FileFault::IsDirectory),
        ("content differs", FileFault::ChecksumDiffers),
        ("No such file or directory", FileFault::Missing),
    ];
    known.iter().find(|(words, _)| said.contains(words)).map_or(FileFault::Other, |(_, fault)| *fault)
}

/// What a tool complains of, without its names.
fn reason(fault: FileFault, said: &str) -> String {
    match fault {
        FileFault::Refused => crate::escape::text(said.strip_prefix(REFUSED).unwrap_or(said), 200),
        FileFault::Other => crate::escape::text(said, 200),
        FileFault::IsDirectory => "a folder stands where a file should, or the other way round".to_owned(),
        FileFault::ChecksumDiffers => "what arrived is not what was sent".to_owned(),
        _ => said.rsplit(": ").next().unwrap_or(said).trim().to_owned(),
    }
}

#[cfg(test)]
#[path = "lift_tests.rs"]
mod tests;
