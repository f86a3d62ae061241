//! Which manifest each host of a tree holds: a file of lines, of which the last of a host is its own.
//!
//! Theory: hosts are told of one by one, thousands in a run, and making a file for each costs a file system more than all the
//! rest of a small push. So each is a line, appended by one write. A line has its own digest: one that was left half, by a full
//! disk or a failing power, is no line, and then the one before it counts, which is safe, since what an older manifest lists was
//! put there too. Every line begins with the end of a line, so that half a line spoils no other. Others that push the same tree
//! append as well; what they wrote is read before anything is looked up. Who has the tree alone rewrites the file, with the
//! lines that still count.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::manifest::Sum;

/// Bytes of a line at most: a path of at most 64 kB as digits, a name, digests. What is longer is no line.
const LONGEST: u64 = 256 << 10;

/// A host that says the same again is written again after this, so that it is seen that it was pushed to.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Lines that count no more and are left where they are; from as many as those that count, the file is rewritten.
const STALE: usize = 1_000;

/// What is known of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The folder there, as the host calls it.
    pub(super) root: Vec<u8>,
    /// Which manifest.
    pub(super) body: Sum,
    /// When it was written, in seconds since 1970.
    at: u64,
}

impl Held {
    /// How long ago it was written.
    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.at))
    }
}

/// The file, open. Its functions read and write it, so they belong on a thread that may wait.
#[derive(Debug)]
pub(super) struct Ledger {
    /// `None` where there is none, and none is to be made.
    file: Option<File>,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    /// How many bytes of the file were read.
    read: u64,
    count: usize,
    hosts: HashMap<String, Held>,
}

impl Ledger {
    /// To be read and appended to; made where it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Ledger> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        Ok(Ledger { file: Some(file), lines: Mutex::default() })
    }

    /// Only to be read; it need not be there.
    pub(super) fn look(path: &Path) -> io::Result<Ledger> {
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Ledger { file, lines: Mutex::default() })
    }

    /// What a host holds, by its name as sets know it.
    pub(super) fn held(&self, host: &str) -> io::Result<Option<Held>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_on(&mut lines)?;
        Ok(lines.hosts.get(host).cloned())
    }

    /// A host holds this from now on.
    pub(super) fn hold(&self, host: &str, (root, body): (&[u8], Sum)) -> io::Result<()> {
        let is_said = |held: Held| held.root == root && held.body == body && held.age() < FRESH;
        if self.held(host)?.is_some_and(is_said) {
            return Ok(());
        }
        let line = line(host, &Held { root: root.to_vec(), body, at: now() });
        match &self.file {
            Some(file) => (&*file).write_all(line.as_bytes()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// All hosts, and whether so much is stale that the file is to be rewritten.
    pub(super) fn all(&self) -> io::Result<(HashMap<String, Held>, bool)> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_on(&mut lines)?;
        let stale = lines.count - lines.hosts.len();
        Ok((lines.hosts.clone(), stale > STALE.max(lines.hosts.len())))
    }

    /// Reads what was written since it was read last, up to the last end of a line.
    fn read_on(&self, lines: &mut Lines) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        if file.metadata()?.len() <= lines.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(lines.read))?;
        let mut reader = BufReader::new(file);
        loop {
            let mut text = Vec::new();
            let len = (&mut reader).take(LONGEST).read_until(b'\n', &mut text)? as u64;
            let is_whole = text.pop() == Some(b'\n');
            if !is_whole && len < LONGEST {
                return Ok(());
            }
            lines.read += len;
            if let Some((host, held)) = parse(&text).filter(|_| is_whole) {
                lines.count += 1;
                lines.hosts.insert(host, held);
            }
        }
    }
}

/// The lines of these hosts, for a file that is written anew.
pub(super) fn written(hosts: &HashMap<String, Held>) -> String {
    hosts.iter().map(|(host, held)| line(host, held)).collect()
}

fn line(host: &str, held: &Held) -> String {
    let root: String = held.root.iter().map(|byte| format!("{byte:02x}")).collect();
    // No path is empty, so neither are its digits.
    let said = format!("{} {root} {} {host}", held.at, held.body);
    format!("\n{} {said}\n", digest(&said))
}

/// A line without its end, if it is one and whole.
fn parse(text: &[u8]) -> Option<(String, Held)> {
    let (sum, said) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    if sum != digest(said) {
        return None;
    }
    let mut words = said.splitn(4, ' ');
    let (at, root) = (words.next()?.parse().ok()?, bytes_of(words.next()?)?);
    let body = words.next()?.parse().ok()?;
    Some((words.next()?.to_owned(), Held { root, body, at }))
}

/// Enough digits that nothing half is taken for whole by chance.
fn digest(said: &str) -> String {
    let mut digits = Sum(Sha256::digest(said.as_bytes()).into()).to_string();
    digits.truncate(16);
    digits
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(root: &str, body: u8) -> Held {
        Held { root: root.into(), body: Sum([body; 32]), at: now() }
    }

    #[test]
    fn the_last_line_of_a_host_counts_and_half_a_line_spoils_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        let (one, other) = (Ledger::open(&path).expect("it opens"), Ledger::open(&path).expect("it opens"));
        one.hold("web1 22", (b"/srv", Sum([1; 32]))).expect("it is written");
        one.hold("web1 22", (b"/srv", Sum([2; 32]))).expect("it is written");
        let whole = std::fs::read(&path).expect("it is there");
        let mut file = OpenOptions::new().append(true).open(&path).expect("it opens");
        // Half a line: what was begun is waited for, and is never taken for whole.
        file.write_all(&whole[..whole.len() / 3]).expect("it is written");
        assert_eq!(other.held("web1 22").expect("it reads").map(|held| held.body), Some(Sum([2; 32])));
        other.hold("web\u{e9} ", (b"/\xff x", Sum([3; 32]))).expect("it is written");
        let seen = one.held("web\u{e9} ").expect("it reads").expect("it is there");
        assert_eq!((seen.root.as_slice(), seen.body), (&b"/\xff x"[..], Sum([3; 32])));
        let (all, is_stale) = one.all().expect("it reads");
        assert_eq!((all.len(), is_stale), (2, false));
    }

    #[test]
    fn who_says_the_same_again_writes_nothing_and_who_only_looks_neither() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        assert_eq!(Ledger::look(&path).expect("it need not be there").held("a ").expect("it reads"), None);
        assert!(!path.exists());
        let ledger = Ledger::open(&path).expect("it opens");
        let bytes = || std::fs::metadata(&path).expect("it is there").len();
        ledger.hold("a ", (b"/srv", Sum([1; 32]))).expect("it is written");
        let once = bytes();
        ledger.hold("a ", (b"/srv", Sum([1; 32]))).expect("it is written");
        assert_eq!(bytes(), once);
        ledger.hold("a ", (b"/new", Sum([1; 32]))).expect("it is written");
        assert!(bytes() > once);
        let looked = Ledger::look(&path).expect("it is there");
        assert_eq!(looked.held("a ").expect("it reads").map(|held| held.root), Some(b"/new".to_vec()));
        assert!(looked.hold("b ", (b"/srv", Sum([1; 32]))).is_err());
    }

    #[test]
    fn what_is_written_anew_reads_as_it_was() {
        let hosts: HashMap<String, Held> =
            (0..50).map(|n| (format!("web{n} 22"), held(&format!("/srv/{n}"), n))).collect();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        std::fs::write(&path, written(&hosts)).expect("it is written");
        assert_eq!(Ledger::look(&path).expect("it is there").all().expect("it reads"), (hosts, false));
    }

    #[test]
    fn no_byte_can_be_another() {
        let line = line("web1 22", &held("/srv", 7));
        let whole = line.trim_matches('\n').as_bytes();
        assert!(parse(whole).is_some());
        for at in 0..whole.len() {
            let mut spoilt = whole.to_vec();
            spoilt[at] ^= 1;
            assert_eq!(parse(&spoilt), None, "{at}");
            assert_eq!(parse(&whole[..at]), None, "{at}");
        }
        assert_eq!(parse(b""), None);
    }
}
