//! What pushes of a tree put on a host, as bytes: a *manifest*.
//!
//! Theory: `--delete` may only take away what an earlier push put there and nobody changed since, so that has to be
//! remembered. A manifest is a list of paths in ascending order, each with what stood there when the push was done. It is
//! read and written as a stream, an entry at a time, and is known by its digest: hosts that hold the same share one body
//! ([`super::manifest_store`]), and a body that is cut off or altered is told by it. Nothing of a body counts before its end
//! was read: whoever gets a [`Damage`] knows nothing.
//!
//! The form: `MAGIC`; for each entry how many bytes of its path are those of the path before it, how many follow, these
//! bytes, what it is, and its values; after the last an end mark and the number of entries. Numbers are LEB128.

use std::cmp::Ordering;
use std::io::{self, BufRead, Read, Write};
use std::iter::Peekable;

use sha2::{Digest, Sha256};

use super::path::RelPath;
use super::tree::{Kind, MAX_ENTRIES};

/// What every body begins with.
const MAGIC: &[u8] = b"omnes manifest 1\n";

/// Bytes of one path: 256 names of 255 bytes, and what joins them.
const PATH_LIMIT: u64 = 256 * 256;

/// Bytes of the target of a link; Linux takes no longer one than 4,096.
const LINK_LIMIT: u64 = 64 << 10;

const END: u8 = 0;
const FILE: u8 = 1;
const SUMMED: u8 = 2;
const DIR: u8 = 3;
const LINK: u8 = 4;

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sum(pub [u8; 32]);

/// As 64 digits.
impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Sum {
    type Err = Damage;

    fn from_str(digits: &str) -> Result<Sum, Damage> {
        let mut sum = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Damage::Form);
        }
        for (at, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| Damage::Form)?;
        }
        Ok(Sum(sum))
    }
}

/// What stood at a path when a push was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A file that the push put there, or found there just as it is here.
    File {
        /// Bytes.
        size: u64,
        /// In seconds since 1970, as the host had it then.
        mtime: i64,
        /// Of its content.
        sum: Option<Sum>,
    },
    /// A folder that a push made; one that was there before has no mark.
    Dir,
    /// A symbolic link, and what it said.
    Link {
        /// Its target.
        to: Box<[u8]>,
    },
}

impl Mark {
    /// Whether what stands there now is what was put there. Where the content is known its sum decides, else the time.
    pub fn is_still(&self, kind: &Kind, mtime: i64, sum: Option<Sum>) -> bool {
        match (self, kind) {
            (Mark::Dir, Kind::Dir) => true,
            (Mark::Link { to }, Kind::Link { to: now }) => to == now,
            (Mark::File { size, mtime: then, sum: put }, Kind::File { size: now }) => {
                let same = match (put, sum) {
                    (Some(put), Some(sum)) => *put == sum,
                    _ => *then == mtime,
                };
                size == now && same
            }
            _ => false,
        }
    }
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where, from the root of the tree.
    pub path: RelPath,
    /// What was put there.
    pub mark: Mark,
}

/// Why nothing can be made of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is not of a form that this version knows.
    #[error("it is of no known form")]
    Form,
    /// It ends too early.
    #[error("its end is missing")]
    Short,
    /// Its content is not that of its digest.
    #[error("its content was altered")]
    Altered,
    /// It cannot be read.
    #[error("it cannot be read ({0})")]
    Unreadable(io::ErrorKind),
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Damage {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage::Short,
            kind => Damage::Unreadable(kind),
        }
    }
}

/// What keeps a manifest from being written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFault {
    /// The manifest before cannot be read to its end.
    #[error("the one before is damaged: {0}")]
    Before(#[from] Damage),
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes records, which come in ascending order of their paths; what is beyond [`MAX_ENTRIES`] is left out. Returns the
/// digest of what was written.
pub fn write(
    records: impl Iterator<Item = Result<Record, Damage>>,
    into: impl Write,
) -> Result<Sum, WriteFault> {
    let mut out = Hashing { inner: into, digest: Sha256::new() };
    out.write_all(MAGIC)?;
    let (mut before, mut count, mut line): (Vec<u8>, u64, Vec<u8>) = (Vec::new(), 0, Vec::new());
    for record in records.take(MAX_ENTRIES) {
        let Record { path, mark } = record?;
        let path = path.as_bytes();
        debug_assert!(before.as_slice() < path, "records are in order");
        let shared = before.iter().zip(path).take_while(|(a, b)| a == b).count();
        line.clear();
        put_number(&mut line, shared as u64);
        put_bytes(&mut line, &path[shared..]);
        put_mark(&mut line, &mark);
        out.write_all(&line)?;
        before.clear();
        before.extend_from_slice(path);
        count += 1;
    }
    line.clear();
    // No path shares nothing and adds nothing, so this cannot be taken for one.
    line.extend_from_slice(&[0, 0, END]);
    put_number(&mut line, count);
    out.write_all(&line)?;
    out.inner.flush()?;
    Ok(Sum(out.digest.finalize().into()))
}

/// The records of a body, in ascending order. After an error nothing more comes, and nothing that came counts.
#[derive(Debug)]
pub struct Reader<R> {
    from: Hashing<R>,
    expected: Sum,
    before: Vec<u8>,
    count: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begin,
    Records,
    Ended,
}

impl<R: BufRead> Reader<R> {
    /// Reads the body with this digest.
    pub fn new(from: R, expected: Sum) -> Reader<R> {
        let from = Hashing { inner: from, digest: Sha256::new() };
        Reader { from, expected, before: Vec::new(), count: 0, state: State::Begin }
    }

    fn step(&mut self) -> Result<Option<Record>, Damage> {
        if self.state == State::Begin {
            let mut magic = [0; MAGIC.len()];
            self.from.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(Damage::Form);
            }
            self.state = State::Records;
        }
        let shared = self.from.number()?;
        let added = self.from.bytes(PATH_LIMIT)?;
        let what = self.from.byte()?;
        if what == END {
            return self.end().map(|()| None);
        }
        let path = self.path(shared, &added)?;
        let mark = self.mark(what)?;
        self.count += 1;
        if self.count > MAX_ENTRIES as u64 {
            return Err(Damage::Form);
        }
        Ok(Some(Record { path, mark }))
    }

    fn path(&mut self, shared: u64, added: &[u8]) -> Result<RelPath, Damage> {
        let shared = usize::try_from(shared).ok().filter(|shared| *shared <= self.before.len());
        let shared = shared.ok_or(Damage::Form)?;
        let path = [&self.before[..shared], added].concat();
        if path <= self.before {
            return Err(Damage::Form);
        }
        let parsed = RelPath::parse(&path).map_err(|_| Damage::Form)?;
        self.before = path;
        Ok(parsed)
    }

    fn mark(&mut self, what: u8) -> Result<Mark, Damage> {
        Ok(match what {
            FILE | SUMMED => {
                let size = self.from.number()?;
                let mtime = signed(self.from.number()?);
                let sum = if what == SUMMED { Some(Sum(self.from.array()?)) } else { None };
                Mark::File { size, mtime, sum }
            }
            DIR => Mark::Dir,
            LINK => Mark::Link { to: self.from.bytes(LINK_LIMIT)?.into() },
            _ => return Err(Damage::Form),
        })
    }

    fn end(&mut self) -> Result<(), Damage> {
        let count = self.from.number()?;
        let is_over = self.from.inner.fill_buf()?.is_empty();
        let sum = Sum(std::mem::take(&mut self.from.digest).finalize().into());
        match count == self.count && is_over && sum == self.expected {
            true => Ok(()),
            false => Err(Damage::Altered),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let step = self.step().transpose();
        if !matches!(step, Some(Ok(_))) {
            self.state = State::Ended;
        }
        step
    }
}

/// The manifest after a push: what `landed` says, in ascending order, and what was there before and is neither `landed` nor
/// `gone`. A path that a push did not reach keeps what was known of it.
pub fn renewed<'a, B, L>(
    before: B,
    landed: L,
    gone: &'a dyn Fn(&RelPath) -> bool,
) -> impl Iterator<Item = Result<Record, Damage>> + 'a
where
    B: Iterator<Item = Result<Record, Damage>> + 'a,
    L: Iterator<Item = Record> + 'a,
{
    let before = before.filter(move |record| !matches!(record, Ok(record) if gone(&record.path)));
    Merge { before: before.peekable(), landed: landed.peekable() }
}

struct Merge<B: Iterator, L: Iterator> {
    before: Peekable<B>,
    landed: Peekable<L>,
}

impl<B, L> Iterator for Merge<B, L>
where
    B: Iterator<Item = Result<Record, Damage>>,
    L: Iterator<Item = Record>,
{
    type Item = Result<Record, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.before.peek(), self.landed.peek()) {
            (Some(Err(_)), _) | (_, None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(Ok(before)), Some(landed)) => before.path.cmp(&landed.path),
        };
        match order {
            Ordering::Less => self.before.next(),
            Ordering::Greater => self.landed.next().map(Ok),
            Ordering::Equal => {
                self.before.next();
                self.landed.next().map(Ok)
            }
        }
    }
}

/// Bytes on their way, and their digest.
#[derive(Debug)]
struct Hashing<T> {
    inner: T,
    digest: Sha256,
}

impl<T: Write> Hashing<T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Hashing<T> {
    fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(into)?;
        self.digest.update(into);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damage::Form)
    }

    fn bytes(&mut self, limit: u64) -> Result<Vec<u8>, Damage> {
        let length = self.number()?;
        if length > limit {
            return Err(Damage::Form);
        }
        let mut bytes = vec![0; length as usize];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn put_mark(line: &mut Vec<u8>, mark: &Mark) {
    match mark {
        Mark::File { size, mtime, sum } => {
            line.push(if sum.is_some() { SUMMED } else { FILE });
            put_number(line, *size);
            put_number(line, unsigned(*mtime));
            line.extend(sum.iter().flat_map(|sum| sum.0));
        }
        Mark::Dir => line.push(DIR),
        Mark::Link { to } => {
            line.push(LINK);
            put_bytes(line, to);
        }
    }
}

fn put_bytes(line: &mut Vec<u8>, bytes: &[u8]) {
    put_number(line, bytes.len() as u64);
    line.extend_from_slice(bytes);
}

fn put_number(line: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        line.push(number as u8 | 0x80);
        number >>= 7;
    }
    line.push(number as u8);
}

/// Small numbers of either sign as small numbers.
fn unsigned(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
