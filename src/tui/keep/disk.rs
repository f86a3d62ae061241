//! Files that only their owner may read: appended to, rotated, replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::tui::lock::lock;

/// How often writing begins again because somebody else rotated the file.
const TRIES: usize = 8;

/// How many files of one name are tried before there is none.
const NAMES: usize = 1_000;

/// When a file is put aside, and how many of those are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The largest file, in bytes.
    pub max: u64,
    /// Files kept besides the present one: `NAME.1` is the newest of them.
    pub keep: usize,
}

/// Makes a directory, and those above it, for this user alone. One that exists stays as it is.
pub fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts bytes at the end of a file, all of them or none, with nothing of another process between them. The file is opened for
/// each piece: a thousand hosts need no thousand descriptors, and whoever else rotates the file is followed.
pub fn append(path: &Path, bytes: &[u8], rotation: Rotation) -> io::Result<()> {
    put(path, (bytes, Begins::Anywhere), rotation)
}

/// The same for a line. Half a line that somebody left at the end of the file, who was killed while he wrote, does not
/// become a part of it.
pub fn append_line(path: &Path, line: &str, rotation: Rotation) -> io::Result<()> {
    put(path, (line.as_bytes(), Begins::Line), rotation)
}

/// Where something may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    Anywhere,
    /// At the beginning of a line.
    Line,
}

fn put(path: &Path, what: (&[u8], Begins), rotation: Rotation) -> io::Result<()> {
    let bytes = what.0;
    if bytes.is_empty() {
        return Ok(());
    }
    for _ in 0..TRIES {
        let mut file = open(path)?;
        lock(&file)?;
        if !is_at(path, &file) {
            continue;
        }
        let size = file.metadata()?.len();
        if size == 0 || size + bytes.len() as u64 <= rotation.max {
            return write_whole(&mut file, what);
        }
        put_aside(path, rotation.keep)?;
    }
    let mut file = open(path)?;
    lock(&file)?;
    write_whole(&mut file, what)
}

/// Is the last byte of the file, if it has one and can be read, the end of a line?
fn ends_whole(file: &File) -> bool {
    let last = || {
        let (size, mut last) = (file.metadata().ok()?.len(), [0]);
        file.read_exact_at(&mut last, size.checked_sub(1)?).ok()?;
        Some(last[0])
    };
    last().is_none_or(|byte| byte == b'\n')
}

/// Writes all of it, or leaves the file as it was: half an entry, as a full disk takes it, would swallow the next one. The
/// file is locked, so that nobody else's bytes stand behind its former end, and nobody else is in the middle of a line.
fn write_whole(file: &mut File, (bytes, begins): (&[u8], Begins)) -> io::Result<()> {
    let good = file.metadata()?.len();
    let written = match begins == Begins::Line && !ends_whole(file) {
        true => file.write_all(&[b"\n", bytes].concat()),
        false => file.write_all(bytes),
    };
    written.inspect_err(|_| {
        // The fault that counts is the first.
        let _ = file.set_len(good);
    })
}

/// A link is not followed, a FIFO is not waited for, and what somebody else put there is left alone: he could read it.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).expect("open's flags are an int");
    let file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    match (about.is_file(), about.uid() == rustix::process::geteuid().as_raw()) {
        (true, true) => Ok(file),
        (true, false) => Err(io::Error::other("it belongs to somebody else")),
        (false, _) => Err(io::Error::other("it is not a plain file")),
    }
}

/// Is this still the file of that name? Another process may have put it aside while we waited for its lock.
fn is_at(path: &Path, file: &File) -> bool {
    let (Ok(ours), Ok(present)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (present.dev(), present.ino())
}

/// Puts a full file aside, which is locked.
fn put_aside(path: &Path, keep: usize) -> io::Result<()> {
    if keep == 0 {
        return gone(fs::remove_file(path));
    }
    for n in (1..keep).rev() {
        gone(fs::rename(numbered(path, n), numbered(path, n + 1)))?;
    }
    gone(fs::rename(path, numbered(path, 1)))
}

fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The file that was put aside as the `n`th.
pub fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

/// A file that did not exist: `STEM.EXTENSION`, else `STEM-2.EXTENSION` and so on.
pub fn create_new(directory: &Path, stem: &str, extension: &str) -> io::Result<(File, PathBuf)> {
    for n in 1..=NAMES {
        let name = match n {
            1 => format!("{stem}.{extension}"),
            n => format!("{stem}-{n}.{extension}"),
        };
        let path = directory.join(name);
        match OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {NAMES} files of this name")))
}

/// Puts a file in the place of another, as a whole or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("it stands in no directory"))?;
    private_directory(directory)?;
    let mut file = tempfile::Builder::new().prefix(".omnes-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const SMALL: Rotation = Rotation { max: 10, keep: 2 };

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        for text in ["11111\n", "22\n", "33333333\n", "4444444444444\n", "5\n"] {
            append(&path, text.as_bytes(), SMALL).expect("it is written");
        }
        let read = |path: PathBuf| fs::read_to_string(path).expect("it is there");
        assert_eq!(read(path.clone()), "5\n");
        assert_eq!(read(numbered(&path, 1)), "4444444444444\n", "a piece is never cut");
        assert_eq!(read(numbered(&path, 2)), "33333333\n");
        assert!(!numbered(&path, 3).exists());
        assert_eq!(mode(&path), 0o600);
        append(&path, b"0123456789", Rotation { max: 10, keep: 0 }).expect("it is written");
        assert_eq!(read(path.clone()), "0123456789");
        assert_eq!(read(numbered(&path, 1)), "4444444444444\n");
    }

    #[test]
    fn nothing_is_lost_while_two_rotate() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        let rotation = Rotation { max: 200, keep: 1_000 };
        std::thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let path = &path;
                scope.spawn(move || {
                    for n in 0..200 {
                        append(path, format!("{name} {n:03}\n").as_bytes(), rotation).expect("it is written");
                    }
                });
            }
        });
        let mut lines: Vec<String> = fs::read_dir(dir.path())
            .expect("it is there")
            .flat_map(|entry| {
                let text = fs::read_to_string(entry.expect("an entry").path()).expect("a file");
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        lines.sort();
        let expected =
            ["a", "b", "c"].into_iter().flat_map(|name| (0..200).map(move |n| format!("{name} {n:03}")));
        assert_eq!(lines, expected.collect::<Vec<_>>());
    }

    #[test]
    fn links_and_devices_are_not_written_to() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, victim) = (dir.path().join("log"), dir.path().join("victim"));
        fs::write(&victim, "mine").expect("a file");
        std::os::unix::fs::symlink(&victim, &path).expect("a link");
        append(&path, b"x", SMALL).expect_err("a link is not followed");
        assert_eq!(fs::read_to_string(&victim).expect("it is there"), "mine");
        let error = append(Path::new("/dev/full"), b"x", SMALL).expect_err("no file");
        assert_eq!(error.to_string(), "it is not a plain file");
    }

    #[test]
    fn what_somebody_else_put_there_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        fs::write(&path, "").expect("a file");
        let other = rustix::process::geteuid().as_raw() + 1;
        let (path, told) = match std::os::unix::fs::chown(&path, Some(other), None) {
            Ok(()) => (path.as_path(), "it belongs to somebody else"),
            // Only root can give a file away; there are others of somebody else's for all users.
            Err(_) => (Path::new("/etc/passwd"), "Permission denied"),
        };
        let error = append(path, b"x", SMALL).expect_err("he could read it");
        assert!(error.to_string().contains(told), "{error}");
        assert!(fs::metadata(path).expect("it is there").uid() != rustix::process::geteuid().as_raw());
    }

    #[test]
    fn new_files_never_take_the_place_of_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let names = (0..3).map(|_| create_new(dir.path(), "a", "cast").expect("a file").1);
        let names: Vec<_> = names.map(|path| path.file_name().expect("a name").to_owned()).collect();
        assert_eq!(names, ["a.cast", "a-2.cast", "a-3.cast"]);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sets/last.toml");
        replace(&path, b"one").expect("it is written");
        replace(&path, b"two").expect("it is written");
        assert_eq!(fs::read(&path).expect("it is there"), b"two");
        assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o600, 0o700));
        assert_eq!(fs::read_dir(dir.path().join("sets")).expect("it is there").count(), 1);
    }

    /// A file system with room for 64 kB, which goes with this value.
    struct Disk(tempfile::TempDir);

    impl Disk {
        fn small() -> Disk {
            let dir = tempfile::tempdir().expect("a directory");
            let mounted = std::process::Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
                .arg(dir.path())
                .status();
            assert!(mounted.expect("mount is there").success(), "the tests run as root");
            Disk(dir)
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
        }
    }

    #[test]
    fn what_a_full_disk_took_half_of_is_taken_back() {
        const LARGE: Rotation = Rotation { max: 1 << 20, keep: 1 };
        let disk = Disk::small();
        let (path, ballast) = (disk.0.path().join("history"), disk.0.path().join("ballast"));
        append(&path, b"first\n", LARGE).expect("it is written");
        fs::write(&ballast, vec![b'x'; 40 << 10]).expect("there is room");
        let long = vec![b'y'; 60 << 10];
        let error = append(&path, &long, LARGE).expect_err("there is no room");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "first\n", "no half of it is left");
        fs::remove_file(ballast).expect("it is there");
        append(&path, b"next\n", LARGE).expect("there is room again");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "first\nnext\n");
    }

    #[test]
    fn a_line_begins_a_line_whoever_was_killed_in_the_middle_of_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history");
        let rotation = Rotation { max: 100, keep: 1 };
        append_line(&path, "one\n", rotation).expect("it is written");
        append(&path, b"tw", rotation).expect("it is written");
        append_line(&path, "three\n", rotation).expect("it is written");
        append_line(&path, "four\n", rotation).expect("it is written");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "one\ntw\nthree\nfour\n");
    }

    /// Whoever holds the lock may have been stopped, and may never go on.
    #[test]
    fn a_lock_that_nobody_gives_back_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        append(&path, b"one\n", SMALL).expect("it is written");
        let held = File::open(&path).expect("it is there");
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
        let (send, told) = std::sync::mpsc::channel();
        let writer = path.clone();
        std::thread::spawn(move || send.send(append(&writer, b"two\n", SMALL)));
        let told = told.recv_timeout(std::time::Duration::from_secs(60)).expect("it comes to an end");
        let told = told.expect_err("it is locked").to_string();
        assert!(told.contains("has held its lock for 3 s"), "{told}");
        drop(held);
        append(&path, b"two\n", SMALL).expect("it is written");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "one\ntwo\n");
    }
}
