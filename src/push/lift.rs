//! Files that root moves into place: they land in a private folder of the login, and a helper behind `sudo` does the rest.
//!
//! Theory: the login writes each file into a folder of mode 0700 whose name nobody can foresee, where it is proven. There the
//! helper gives it its owner and its mode, so that nothing outside is ever changed through a name that somebody may swap;
//! then it copies it, owner, mode and time with it, to a name beside the place, compares, and renames. So a path holds its
//! old or its new content at every instant, also where the private folder is on another file system. The helper is one
//! process for the whole push ([`helper`]); it needs the tools of GNU or BusyBox.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::hand::{Old, beside};
use super::path::shown;
use super::put::{Mode, Source, Wish};
use super::remote::{Marks, Remote, Stat};
use super::tree::Kind;
use super::trouble::Trouble;
use crate::outcome::{FileFault, Outcome};
use crate::run::helper::{self, Answers, Helper};
use crate::run::sudo::Sudo;
use crate::run::{Call, quote};
use crate::ssh::{Link, SudoPasswords};

/// Where the private folder may be, the first that can be written: what is there is on a disk of the host, which root can
/// read; a home may be on another machine, which does not let root in.
const PLACES: [&[u8]; 3] = [b"/var/tmp", b"/tmp", b"~"];

/// What the helper is told first: each of these answers with one line, `ok` and what was asked for, or `no` and why.
const SCRIPT: &str = include_str!("lift.sh");

/// Root's hands on one host.
pub(super) struct Lift<'a> {
    remote: &'a Remote<'a>,
    helper: Helper,
    /// The private folder.
    folder: Vec<u8>,
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
    Ok((Lift { remote, helper, folder: Vec::new(), next: AtomicUsize::new(0) }, answers))
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
                    let mut lines = b"S=".to_vec();
                    lines.extend(quote::word(&folder));
                    lines.extend(b"; trap 'rm -rf -- \"$S\"' EXIT; trap 'exit 1' HUP INT TERM\n");
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
            let _ = self.ask(&[b"r", b"rm", b"-rf", b"--", &self.folder]).await;
        }
        self.helper.leave().await;
    }

    async fn ask(&self, words: &[&[u8]]) -> Result<String, Trouble> {
        let mut request = quote::line(words);
        request.push(b'\n');
        let answer = self.helper.ask(request).await.map_err(Trouble::Lost)?;
        match answer.split_once(' ').unwrap_or((answer.as_str(), "")) {
            ("ok", rest) => Ok(rest.to_owned()),
            ("no", why) => Err(Trouble::file(fault(why), why.trim())),
            _ => Err(Trouble::Lost(format!("the shell behind sudo says `{}`", crate::escape::text(&answer, 100)))),
        }
    }

    /// The same about a path, which the sentence of an error names.
    async fn ask_about(&self, path: &[u8], words: &[&[u8]]) -> Result<String, Trouble> {
        self.ask(words).await.map_err(|trouble| match trouble {
            Trouble::File { fault, why } => Trouble::file(fault, format!("{}: {}", shown(path), reason(fault, &why))),
            trouble => trouble,
        })
    }

    pub(super) async fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        self.looked(path, b"-c").await
    }

    pub(super) async fn stat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        self.looked(path, b"-Lc").await
    }

    async fn looked(&self, path: &[u8], how: &[u8]) -> Result<Option<Stat>, Trouble> {
        match self.ask_about(path, &[b"t", how, path]).await {
            Ok(said) => stat(&said).map(Some).ok_or_else(|| {
                Trouble::file(FileFault::Odd, format!("{}: the host describes it as `{said}`", shown(path)))
            }),
            Err(trouble) if trouble.fault() == Some(FileFault::Missing) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) async fn read_link(&self, path: &[u8]) -> Result<Box<[u8]>, Trouble> {
        let said = self.ask_about(path, &[b"k", path]).await?;
        Ok(said.into_bytes().into_boxed_slice())
    }

    pub(super) async fn sha256(&self, path: &[u8]) -> Result<[u8; 32], Trouble> {
        let said = self.ask_about(path, &[b"h", path]).await?;
        digest(&said).ok_or_else(|| {
            Trouble::file(FileFault::Other, format!("{}: the host says no SHA-256 of it", shown(path)))
        })
    }

    /// The numbers of a user and a group there; without a group, that of the user.
    pub(super) async fn ids(&self, user: &str, group: &str) -> Result<(u32, u32), Trouble> {
        let said = self.ask(&[b"i", user.as_bytes(), group.as_bytes()]).await?;
        let ids = said.split_once(' ').and_then(|(user, group)| Some((user.parse().ok()?, group.parse().ok()?)));
        ids.ok_or_else(|| Trouble::file(FileFault::Other, format!("--owner {user}: the host says `{said}`")))
    }

    pub(super) async fn make_dir(&self, path: &[u8], mode: u32) -> Result<(), Trouble> {
        self.ask_about(path, &[b"d", path, octal(mode).as_bytes()]).await.map(drop)
    }

    pub(super) async fn put(
        &self,
        path: &[u8],
        (source, wish): (&dyn Source, &Wish),
        old: Old<'_>,
    ) -> Result<(), Trouble> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let staged = [&self.folder[..], format!("/{number}").as_bytes()].concat();
        let private = Wish { mode: Mode::Set(0o600), owner: None, ..wish.clone() };
        self.remote.put(&staged, source, &private).await.map_err(|trouble| match trouble {
            // The private folder says nothing to who wants to know which file it was.
            Trouble::File { fault, why } => Trouble::file(fault, format!("{}: {why}", shown(path))),
            trouble => trouble,
        })?;
        let (mode, usual) = match wish.mode {
            Mode::Set(mode) => (octal(mode), String::new()),
            Mode::KeepOr(mode) => (String::new(), octal(mode)),
        };
        let owner = wish.owner.map(|(user, group)| format!("{user}:{group}")).unwrap_or_default();
        let words: [&[u8]; 8] =
            [b"p", &staged, path, &beside(path), mode.as_bytes(), usual.as_bytes(), owner.as_bytes(), backup(old)];
        self.ask_about(path, &words).await.map(drop)
    }

    pub(super) async fn link(&self, to: &[u8], path: &[u8], old: Old<'_>) -> Result<(), Trouble> {
        self.ask_about(path, &[b"l", to, path, &beside(path), backup(old)]).await.map(drop)
    }

    pub(super) async fn set(&self, path: &[u8], marks: Marks) -> Result<(), Trouble> {
        if let Some((user, group)) = marks.owner {
            let owner = format!("{user}:{group}");
            self.ask_about(path, &[b"r", b"chown", b"-h", b"--", owner.as_bytes(), path]).await?;
        }
        if let Some(mode) = marks.mode {
            self.ask_about(path, &[b"m", octal(mode).as_bytes(), path]).await?;
        }
        if let Some(mtime) = marks.mtime {
            self.ask_about(path, &[b"r", b"touch", b"-hcd", format!("@{mtime}").as_bytes(), b"--", path]).await?;
        }
        Ok(())
    }

    pub(super) async fn remove(&self, path: &[u8]) -> Result<(), Trouble> {
        self.ask_about(path, &[b"r", b"rm", b"-f", b"--", path]).await.map(drop)
    }

    pub(super) async fn remove_dir(&self, path: &[u8]) -> Result<(), Trouble> {
        self.ask_about(path, &[b"r", b"rmdir", b"--", path]).await.map(drop)
    }

    pub(super) async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Trouble> {
        self.ask_about(from, &[b"r", b"mv", b"-fT", b"--", from, to]).await.map(drop)
    }
}

fn backup<'a>(old: Old<'a>) -> &'a [u8] {
    match old {
        Old::Goes => b"",
        Old::Stays(backup) => backup,
    }
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

/// The class of what a tool complains of, in the language C.
fn fault(said: &str) -> FileFault {
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
        FileFault::Other => crate::escape::text(said, 200),
        FileFault::IsDirectory => "a folder stands where a file should, or the other way round".to_owned(),
        FileFault::ChecksumDiffers => "what arrived is not what was sent".to_owned(),
        _ => said.rsplit(": ").next().unwrap_or(said).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_complain_of_has_a_class() {
        for (said, expected) in [
            ("cp: error writing '/etc/x': No space left on device", FileFault::NoSpace),
            ("mv: cannot overwrite directory '/x' with non-directory: Is a directory", FileFault::IsDirectory),
            ("chown: changing ownership of '/x': Operation not permitted", FileFault::NoRight),
            ("mkdir: cannot create directory '/a/b': No such file or directory", FileFault::Missing),
            ("cp: cannot create regular file '/x': Text file busy", FileFault::Busy),
            ("content differs", FileFault::ChecksumDiffers),
            ("sh: 1: cp: not found", FileFault::Other),
        ] {
            assert_eq!(fault(said), expected, "{said}");
        }
        let said = "cp: error writing '/etc/x': No space left on device ";
        assert_eq!(reason(FileFault::NoSpace, said), "No space left on device");
    }

    #[test]
    fn what_stands_there_is_read_from_numbers() {
        let stat = stat("81a4 12 1700000000 0 33").expect("a file");
        assert_eq!((stat.kind, stat.mode, stat.mtime), (Kind::File { size: 12 }, 0o644, 1_700_000_000));
        assert_eq!(stat.owner, Some((0, 33)));
        assert_eq!(super::stat("41ed 0 0 0 0").map(|stat| stat.kind), Some(Kind::Dir));
        assert_eq!(super::stat("regular file"), None);
        assert_eq!(digest(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(digest("sha256sum: not found"), None);
    }

    /// The functions of the script, in a shell of this machine.
    #[test]
    fn the_script_does_what_it_is_asked_and_answers_with_one_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name).display().to_string();
        for (name, text) in [("staged", "new"), ("old", "old"), ("staged2", "new2"), ("staged3", "x")] {
            std::fs::write(dir.path().join(name), text).expect("a file");
        }
        std::fs::create_dir(dir.path().join("folder")).expect("a folder");
        let requests = [
            format!("p {} {} {} 0640 '' '' {}", at("staged"), at("old"), at(".t1"), at("old.bak")),
            format!("p {} {} {} '' 0600 '' ''", at("staged2"), at("fresh"), at(".t2")),
            format!("p {} {} {} 0600 '' '' ''", at("staged3"), at("folder"), at(".t3")),
            format!("d {} 0755", at("made")),
            format!("l 'a b' {} {} ''", at("link"), at(".t4")),
            format!("k {}", at("link")),
            format!("h {}", at("old")),
            format!("t -c {}", at("nothing")),
            "r false".to_owned(),
        ];
        let script = format!("{SCRIPT}{}\n", requests.join("\n"));
        let mut shell = std::process::Command::new("/bin/sh")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        std::io::Write::write_all(&mut shell.stdin.take().expect("a pipe"), script.as_bytes()).expect("it reads");
        let output = shell.wait_with_output().expect("it ends");
        let out = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<&str> = out.lines().collect();
        let sum = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
        assert_eq!(lines[..2], ["ok", "ok"], "{out}");
        assert_eq!(fault(lines[2]), FileFault::IsDirectory, "{out}");
        assert_eq!(lines[3..7], ["ok", "ok", "ok a b", format!("ok {sum}").as_str()], "{out}");
        assert_eq!((fault(lines[7]), lines[8].trim_end(), lines.len()), (FileFault::Missing, "no", 9), "{out}");
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("it is there");
        assert_eq!((read("old"), read("old.bak"), read("fresh")), ("new".into(), "old".into(), "new2".into()));
        let mode = |name: &str| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::metadata(dir.path().join(name)).expect("it is there").permissions().mode() & 0o7777
        };
        assert_eq!((mode("old"), mode("fresh"), mode("made")), (0o640, 0o600, 0o755));
        let left: Vec<_> = std::fs::read_dir(dir.path()).expect("a directory").flatten().map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".t") || name.to_string_lossy().starts_with("staged")), "{left:?}");
    }
}
