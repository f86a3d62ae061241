//! A file for each host and stream, in a directory of the user's.
//!
//! Theory: a name without `.part` is a promise that the command ended with a status and that all it wrote is in the file.
//! So what arrives goes into `HOST.out.part` and `HOST.err.part`, which are renamed at the end, or left with that name where
//! the end is not known. Whoever did not run has no file. Names of hosts become names of files injectively. At most
//! `OPEN` files are open at once; the others are opened again where more comes.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Happened, HostIx, Stream};
use crate::outcome::{Class, Outcome};

/// Files open at once; at the bound the one that was opened first is closed.
const OPEN: usize = 16;
/// A longer name is cut, and made different by a hash; a name of a file has at most 255 bytes.
const LONGEST: usize = 160;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {why}", path.display())]
pub struct FileError {
    path: PathBuf,
    why: io::Error,
}

/// Why a directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// Its files might be taken for those of this run.
    #[error("{} is not empty; name a directory that is empty or does not exist", .0.display())]
    NotEmpty(PathBuf),
    /// It cannot be made or read.
    #[error("{} cannot be used: {why}", dir.display())]
    Io {
        /// Which.
        dir: PathBuf,
        /// Why.
        why: io::Error,
    },
}

/// The files of a run.
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
    /// By host: what its files are called, without the endings.
    names: Vec<String>,
    /// By host and stream: the file was made.
    made: Vec<[bool; 2]>,
    /// The last opened is the last.
    open: VecDeque<((HostIx, Stream), File)>,
}

impl Files {
    /// Takes a directory for these hosts; it is made where there is none.
    pub fn within(dir: &Path, hosts: &[String]) -> Result<Files, DirError> {
        let failed = |why| DirError::Io { dir: dir.to_owned(), why };
        fs::create_dir_all(dir).map_err(failed)?;
        if fs::read_dir(dir).map_err(failed)?.next().is_some() {
            return Err(DirError::NotEmpty(dir.to_owned()));
        }
        Ok(Files {
            dir: dir.to_owned(),
            names: hosts.iter().map(|host| file_name(host)).collect(),
            made: vec![[false; 2]; hosts.len()],
            open: VecDeque::new(),
        })
    }

    /// Something happened.
    pub fn step(&mut self, happened: &Happened) -> Result<(), FileError> {
        match happened {
            Happened::Said(host, stream, bytes) => self.add(*host, *stream, bytes),
            Happened::Ended(host, outcome, _) => self.ended(*host, outcome),
            _ => Ok(()),
        }
    }

    fn add(&mut self, host: HostIx, stream: Stream, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.part(host, stream);
        let written = self.file(host, stream, &path).and_then(|mut file| file.write_all(bytes));
        written.map_err(|why| FileError { path, why })
    }

    /// The file of a stream, made or opened again.
    fn file(&mut self, host: HostIx, stream: Stream, path: &Path) -> io::Result<&File> {
        let known = self.open.iter().position(|(of, _)| *of == (host, stream));
        if let Some(at) = known {
            return Ok(&self.open[at].1);
        }
        let made = &mut self.made[host.0][stream as usize];
        // A file that somebody else put there is nobody's output.
        let file = OpenOptions::new().append(true).create_new(!*made).open(path)?;
        *made = true;
        if self.open.len() == OPEN {
            self.open.pop_front();
        }
        self.open.push_back(((host, stream), file));
        let (_, file) = self.open.back().expect("one was pushed");
        Ok(file)
    }

    fn ended(&mut self, host: HostIx, outcome: &Outcome) -> Result<(), FileError> {
        if outcome.class() == Class::NotRun {
            return Ok(());
        }
        for stream in [Stream::Out, Stream::Err] {
            // Who wrote nothing has an empty file: that is what it wrote.
            self.add(host, stream, b"")?;
            self.open.retain(|(of, _)| *of != (host, stream));
            if outcome.class() != Class::NotKnown {
                let (part, path) = (self.part(host, stream), self.path(host, stream));
                fs::rename(part, &path).map_err(|why| FileError { path, why })?;
            }
        }
        Ok(())
    }

    fn path(&self, host: HostIx, stream: Stream) -> PathBuf {
        let ending = match stream {
            Stream::Out => "out",
            Stream::Err => "err",
        };
        self.dir.join(format!("{}.{ending}", self.names[host.0]))
    }

    fn part(&self, host: HostIx, stream: Stream) -> PathBuf {
        self.path(host, stream).with_added_extension("part")
    }
}

/// A host's name as the name of a file: letters, digits and `-_.@:` as they are, a first dot and every other byte as `%XX`; what
/// is too long is cut and ends in `%%` and a hash. Different names stay different.
pub fn file_name(host: &str) -> String {
    let mut name = String::with_capacity(host.len());
    for (at, byte) in host.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => name.push_str("%2E"),
            b'-' | b'_' | b'.' | b'@' | b':' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name.push_str("%%");
        for byte in &Sha256::digest(host.as_bytes())[..16] {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::outcome::{NotRun, Unknown};

    fn contents(dir: &Path) -> BTreeMap<String, String> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.expect("an entry");
            let text = fs::read_to_string(entry.path()).expect("text");
            (entry.file_name().into_string().expect("text"), text)
        };
        dir.read_dir().expect("a directory").map(entry).collect()
    }

    fn said(host: usize, stream: Stream, text: &str) -> Happened {
        Happened::Said(HostIx(host), stream, Bytes::copy_from_slice(text.as_bytes()))
    }

    fn ended(host: usize, outcome: Outcome) -> Happened {
        Happened::Ended(HostIx(host), outcome, Duration::ZERO)
    }

    #[test]
    fn a_name_without_part_is_complete() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join("new/out");
        let hosts = ["ok", "lost", "not", "runs", "a/b"].map(str::to_owned);
        let mut files = Files::within(&dir, &hosts).expect("it is new");
        for event in [
            said(0, Stream::Out, "one\n"),
            said(1, Stream::Out, "half"),
            said(0, Stream::Out, "two"),
            ended(2, Outcome::NotRun(NotRun::NotStarted)),
            said(3, Stream::Err, "still"),
            ended(0, Outcome::Exited(3)),
            ended(1, Outcome::Unknown(Unknown::LinkLost("gone".into()))),
            ended(4, Outcome::Exited(0)),
        ] {
            files.step(&event).expect("there is room");
        }
        let expected = [
            ("a%2Fb.err", ""),
            ("a%2Fb.out", ""),
            ("lost.err.part", ""),
            ("lost.out.part", "half"),
            ("ok.err", ""),
            ("ok.out", "one\ntwo"),
            ("runs.err.part", "still"),
        ];
        let expected = expected.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(contents(&dir), expected.collect());
        let again = Files::within(&dir, &hosts).expect_err("it has files");
        assert!(
            again.to_string().ends_with("is not empty; name a directory that is empty or does not exist")
        );
    }

    #[test]
    fn few_files_are_open_and_none_is_mixed_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let hosts: Vec<String> = (0..3 * OPEN).map(|n| format!("h{n}")).collect();
        let mut files = Files::within(dir.path(), &hosts).expect("it is empty");
        for round in 0..3 {
            for host in 0..hosts.len() {
                files.step(&said(host, Stream::Out, &format!("{host} {round}\n"))).expect("there is room");
                assert!(files.open.len() <= OPEN);
            }
        }
        (0..hosts.len())
            .for_each(|host| files.step(&ended(host, Outcome::Exited(0))).expect("there is room"));
        let contents = contents(dir.path());
        assert_eq!(contents.len(), 2 * hosts.len());
        for host in 0..hosts.len() {
            assert_eq!(contents[&format!("h{host}.out")], format!("{host} 0\n{host} 1\n{host} 2\n"));
        }
    }

    #[test]
    fn a_file_that_somebody_put_there_is_not_written_to() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut files = Files::within(dir.path(), &["h".to_owned()]).expect("it is empty");
        std::os::unix::fs::symlink("/dev/null", dir.path().join("h.out.part")).expect("a link");
        let error = files.step(&said(0, Stream::Out, "x")).expect_err("it is there");
        assert!(error.to_string().contains("h.out.part cannot be written: "), "{error}");
    }

    #[test]
    fn different_hosts_have_different_files() {
        let long = "x".repeat(300);
        let names = ["a", "A", "a.out", ".", "..", "%2E", "a/b", "a%2Fb", "u@a:22", "[::1]:22", "é", "a b"];
        let other = format!("{long}y");
        let all: Vec<String> = names.into_iter().chain([long.as_str(), &other]).map(file_name).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        let safe = |name: &String| !name.contains('/') && !name.starts_with('.') && name.len() < 240;
        assert!(all.iter().all(safe), "{all:?}");
        assert_eq!((all[8].as_str(), all[9].as_str()), ("u@a:22", "%5B::1%5D:22"));
    }
}
