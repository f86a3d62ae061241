//! One file onto a host: under a temporary name in its folder, proven, and then in its place at once.
//!
//! Theory: until the rename the path holds what it held, from then on the new content; there is nothing between. All that
//! concerns one file goes out in three flights: the file is made, everything is done with it, it is renamed; a file that fits
//! into a window so costs three times the way, whatever is done with it. What fails takes the temporary name with it. A link
//! that is lost leaves it, and as its name says what it will be ([`super::part`]), the next push goes on with it. Nobody else
//! writes under the temporary name, but another push to the same place may take it for a leftover: then the other has put the
//! same content in its place meanwhile, or it is put once more.
//!
//! The path itself is replaced: where a link stood, a file stands afterwards, as with rsync. Owner and mode of a file that is
//! replaced are kept where nobody asks for others, the owner as far as the user may give files away.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::begin::{self, Part};
use super::cause::{self, Doing, folder_of};
use super::get;
use super::path::{check_name, shown};
use super::sums::Sums;
use super::trouble::Trouble;
use super::window::{Budget, Queue, Window};
use crate::outcome::FileFault;
use crate::ssh::sftp::{Attrs, FileType, Handle, Pending, Sftp, SftpError, Status};

/// A file to be pushed, read once for all hosts.
pub trait Source: Send + std::marker::Sync {
    /// Its bytes.
    fn size(&self) -> u64;
    /// The bytes from `at`, which is below the size: at least one, as many as are at hand. Hosts ask in order, each at its pace.
    /// The error is a sentence: the file changed while it was read, or cannot be read.
    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>>;
    /// Its SHA-256, known before it is sent.
    fn sha256(&self) -> [u8; 32];
}

/// The mode of a file that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These bits, `07777`.
    Set(u32),
    /// Those of the file it replaces, these where there is none.
    KeepOr(u32),
}

/// The bits that a file keeps of the one it replaces: not those that make a program act for its owner.
const KEPT: u32 = 0o1777;

impl Mode {
    /// The bits, where a file of these is replaced.
    pub(super) fn over(self, old: Option<u32>) -> u32 {
        match self {
            Mode::Set(bits) => bits,
            // What is pushed belongs to the login, and who gives it setuid says so.
            Mode::KeepOr(bits) => old.map_or(bits, |old| old & KEPT),
        }
    }
}

/// How content is proven once it is there. The size always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Only the size.
    Size,
    /// Small files are read back, others summed there where a shell can; otherwise the size.
    #[default]
    Content,
    /// Every file is proven: read back where nothing can sum it there.
    Always,
}

/// What stands at a path before a file is put there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// It is not known, so the host is asked.
    #[default]
    Asked,
    /// Nothing, as was just seen. What comes there in between is replaced, and nothing of it is kept.
    Nothing,
}

/// How one file is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What stands there.
    pub before: Before,
    /// The path of what an earlier push of this content left in the same folder; it is gone on with, or removed.
    pub left: Option<Vec<u8>>,
    /// Its mode.
    pub mode: Mode,
    /// Its modification time in seconds since 1970; `None`: now.
    pub mtime: Option<i64>,
    /// Owner and group by number; `None` keeps those of a file that is replaced, where the user may.
    pub owner: Option<(u32, u32)>,
    /// How it is proven.
    pub verify: Verify,
}

impl Wish {
    /// This mode, and everything else as it comes.
    pub fn with_mode(mode: Mode) -> Wish {
        Wish { before: Before::Asked, left: None, mode, mtime: None, owner: None, verify: Verify::default() }
    }
}

/// A file that is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// How it was proven.
    pub proof: Proof,
    /// Bytes that were there already, from an earlier push that broke off.
    pub resumed: u64,
}

/// How content was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Only its size could be compared.
    Size,
    /// Read back, or summed there.
    Content,
}

/// What putting and getting need of a host.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) sftp: &'a Sftp,
    pub(super) budget: &'a Arc<Budget>,
    /// What all readings of this host have of their own.
    pub(super) own: &'a Arc<Budget>,
    pub(super) sums: &'a Sums<'a>,
}

/// Files up to so many bytes are read back in the flight that wrote them: a program there takes longer to begin. Of more, to
/// take it all back costs us more than the program.
const READ_BACK: u64 = 256 * 1024;

/// How often a file is put whose temporary name is taken away each time.
pub(super) const TIMES: usize = 3;

/// Puts a file in its place.
pub(super) async fn put(
    way: Way<'_>,
    path: &[u8],
    (source, wish): (&dyn Source, &Wish),
) -> Result<Landed, Trouble> {
    let mut left = wish.left.as_deref();
    for _ in 0..TIMES {
        match once(way, path, (source, wish, left.take())).await? {
            Put::Landed(landed) => return Ok(landed),
            Put::TakenAway if stands(way, path, (source, wish)).await? => {
                return Ok(Landed { proof: Proof::Content, resumed: 0 });
            }
            Put::TakenAway => {}
        }
    }
    Err(taken_away(path))
}

/// Every time somebody else took the temporary file.
pub(super) fn taken_away(path: &[u8]) -> Trouble {
    let why = format!(
        "{}: its temporary file was taken away, by another push to the same place perhaps; push again",
        shown(path)
    );
    Trouble::file(FileFault::Other, why)
}

/// What became of one try.
enum Put {
    Landed(Landed),
    /// Its temporary file is gone, and nothing is in the place that was not there.
    TakenAway,
}

/// Puts it once.
async fn once(
    way: Way<'_>,
    path: &[u8],
    (source, wish, left): (&dyn Source, &Wish, Option<&[u8]>),
) -> Result<Put, Trouble> {
    let name = file_name(path)?;
    let (old, part) =
        tokio::join!(old(way.sftp, path, wish.before), begin::begin(way, (path, name), (source, left)));
    let (part, handle) = part?;
    let whole = async {
        let old = old?;
        let proof = fill_and_prove(way, (path, &part, old), handle, (source, wish)).await?;
        replace(way.sftp, (&part.path, path), old.is_some()).await?;
        Ok(Landed { proof, resumed: part.have })
    };
    match whole.await {
        Ok(landed) => Ok(Put::Landed(landed)),
        Err(trouble) if is_gone(way.sftp, &part.path, &trouble).await => Ok(Put::TakenAway),
        Err(trouble) => {
            if let Trouble::File { .. } = &trouble {
                // What it held is what it holds; that nothing else is left is all that can still be done.
                let _ = way.sftp.remove(&part.path).await;
            }
            Err(trouble)
        }
    }
}

/// Whether it went wrong because the temporary file is not there any more. Servers say that in different ways.
async fn is_gone(sftp: &Sftp, part: &[u8], trouble: &Trouble) -> bool {
    let may_be = matches!(trouble.fault(), Some(FileFault::Missing | FileFault::Other | FileFault::Busy));
    may_be && matches!(sftp.lstat(part).await, Err(error) if error.status() == Some(Status::NoSuchFile))
}

/// Whether what was to be put stands there already, put by somebody else: its content, and the marks that were asked for.
async fn stands(way: Way<'_>, path: &[u8], (source, wish): (&dyn Source, &Wish)) -> Result<bool, Trouble> {
    let there = match way.sftp.lstat(path).await {
        Ok(there) if there.file_type() == Some(FileType::File) => there,
        Ok(_) | Err(SftpError::Refused(_)) => return Ok(false),
        Err(error) => return Err(cause::plain(error)),
    };
    let is_marked =
        match wish.mode {
            Mode::Set(mode) => there.permissions() == Some(mode),
            Mode::KeepOr(_) => true,
        } && wish.mtime.is_none_or(|mtime| there.times.is_some_and(|(_, change)| change == said_time(mtime)))
            && wish.owner.is_none_or(|owner| there.owner == Some(owner));
    if there.size != Some(source.size()) || !is_marked {
        return Ok(false);
    }
    let sum = match way.sums.sha256(path, source.size()).await? {
        Some(sum) => Ok(sum),
        None => get::sum(way, path, source.size()).await,
    };
    match sum {
        Ok(sum) => Ok(sum == source.sha256()),
        // It changed again, or nobody may read it: then it is put.
        Err(Trouble::File { .. }) => Ok(false),
        Err(lost) => Err(lost),
    }
}

/// The last name of a path, where a file can stand.
pub(super) fn file_name(path: &[u8]) -> Result<&[u8], Trouble> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    check_name(name)
        .map(|()| name)
        .map_err(|why| Trouble::file(FileFault::Other, format!("{}: it ends with {why}", shown(path))))
}

/// What stands there, if it may be replaced.
async fn old(sftp: &Sftp, path: &[u8], before: Before) -> Result<Option<Attrs>, Trouble> {
    if before == Before::Nothing {
        return Ok(None);
    }
    let attrs = match sftp.lstat(path).await {
        Ok(attrs) => attrs,
        Err(error) if error.status() == Some(Status::NoSuchFile) => return Ok(None),
        Err(error) => return Err(cause::of(sftp, (Doing::Use, path), error).await),
    };
    match attrs.file_type() {
        Some(FileType::Dir) => Err(cause::at(path, FileFault::IsDirectory)),
        Some(FileType::Special) => Err(special(path)),
        // What a link is like says nothing about the file that takes its place.
        Some(FileType::Link) => Ok(Some(Attrs::default())),
        Some(FileType::File) | None => Ok(Some(attrs)),
    }
}

/// Nothing is done with devices and the like.
pub(super) fn special(path: &[u8]) -> Trouble {
    let why = format!("{}: a device, FIFO or socket, which is left alone", shown(path));
    Trouble::file(FileFault::Refused, why)
}

/// Writes what is missing of a part, and proves it.
async fn fill_and_prove(
    way: Way<'_>,
    (path, part, old): (&[u8], &Part, Option<Attrs>),
    handle: Handle,
    (source, wish): (&dyn Source, &Wish),
) -> Result<Proof, Trouble> {
    let mut queue = Queue::new();
    let ready = async {
        if wish.verify != Verify::Size && source.size() > READ_BACK {
            way.sums.make_ready().await;
        }
    };
    let (filled, ()) = tokio::join!(fill((way, path), (&handle, &mut queue), (source, part.have)), ready);
    filled?;
    let flight = Flight::send(way.sftp, handle, (source, wish, old)).await.map_err(cause::plain)?;
    let left = source.size().saturating_sub(part.have);
    while let Some((pending, ..)) = queue.pop() {
        written(way.sftp, (path, left), pending).await?;
    }
    // All bytes are there; a host that sums a large file does so while its disk takes them.
    let is_summed = flight.back.is_empty() && source.size() > 0;
    let summing = async { if is_summed { sum(way, part, (source, wish)).await } else { Ok(None) } };
    let (landed, summed) = tokio::join!(flight.lands(way.sftp, (path, &part.path), source), summing);
    let summed = match landed? {
        true => return Ok(Proof::Content),
        false if is_summed => summed?,
        false => sum(way, part, (source, wish)).await?,
    };
    match summed {
        Some(sum) => same(path, sum, source).map(|_| Proof::Content),
        None => Ok(Proof::Size),
    }
}

type Writes = Queue<Pending>;

/// Sends what is missing, as fast as the window admits; what is left in the queue is not answered yet.
pub(super) async fn fill(
    (way, path): (Way<'_>, &[u8]),
    (handle, queue): (&Handle, &mut Writes),
    (source, from): (&dyn Source, u64),
) -> Result<(), Trouble> {
    let mut window = Window::new(way.budget);
    let longest = way.sftp.limits().await.map_err(cause::plain)?.write as usize;
    let size = source.size();
    let mut at = from;
    while at < size {
        let chunk = tokio::select! {
            biased;
            chunk = source.chunk(at) => chunk,
            // A source that is behind need not hold a host that is gone.
            lost = way.sftp.ended() => return Err(cause::plain(lost)),
        };
        let mut chunk = chunk.map_err(|why| source_fault(path, &why))?;
        chunk.truncate(usize::try_from(size - at).unwrap_or(usize::MAX));
        if chunk.is_empty() {
            return Err(source_fault(path, "its source gave nothing where it should go on"));
        }
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(longest));
            let len = piece.len();
            while !window.admits(len) {
                let (pending, sent, bytes) =
                    queue.pop().expect("a window that is full has something under way");
                window.waits(written(way.sftp, (path, size - at), pending)).await?;
                window.hears(bytes, sent.elapsed());
            }
            let pending = way.sftp.write(handle, at, piece).await.map_err(cause::plain)?;
            window.sends(len);
            queue.push(pending, len);
            at += len as u64;
        }
    }
    Ok(())
}

async fn written(sftp: &Sftp, (path, left): (&[u8], u64), pending: Pending) -> Result<(), Trouble> {
    match pending.done().await {
        Ok(()) => Ok(()),
        Err(error) => Err(cause::of(sftp, (Doing::Write(left), path), error).await),
    }
}

pub(super) fn source_fault(path: &[u8], why: &str) -> Trouble {
    Trouble::file(FileFault::Other, format!("{}: not sent: {why}", shown(path)))
}

/// What goes out behind the last write, all at once.
pub(super) struct Flight {
    /// The owner that was asked for.
    owner: Option<Pending>,
    /// The owner of the file that is replaced, which need not work.
    kept: Option<Pending>,
    marks: Pending,
    /// The content, read back in pieces and beyond its end; none where it is not.
    back: Vec<Back>,
    sync: Option<Pending>,
    /// Asked where nothing is read back.
    about: Option<Pending>,
    close: Pending,
}

/// A piece that is read back.
struct Back {
    pending: Pending,
    asked: u32,
    /// How many bytes of the content it holds; what more comes was not sent.
    holds: usize,
}

impl Flight {
    pub(super) async fn send(
        sftp: &Sftp,
        handle: Handle,
        (source, wish, old): (&dyn Source, &Wish, Option<Attrs>),
    ) -> Result<Flight, SftpError> {
        let own = |owner| Attrs { owner: Some(owner), ..Attrs::default() };
        // The owner first, since a change of it takes setuid away.
        let (mut owner, mut kept) = (None, None);
        match (wish.owner, old.and_then(|old| old.owner)) {
            (Some(wanted), _) => owner = Some(sftp.fsetstat(&handle, own(wanted)).await?),
            (None, Some(old)) => kept = Some(sftp.fsetstat(&handle, own(old)).await?),
            (None, None) => {}
        }
        let mode = wish.mode.over(old.and_then(|old| old.permissions()));
        let times = wish.mtime.map(|mtime| (now(), said_time(mtime)));
        let marks = Attrs { mode: Some(mode), times, ..Attrs::default() };
        let marks = sftp.fsetstat(&handle, marks).await?;
        let size = source.size();
        let mut back = Vec::new();
        if wish.verify != Verify::Size && size <= READ_BACK {
            let longest = u64::from(sftp.limits().await?.read);
            let mut at = 0;
            while at <= size {
                let asked = u32::try_from(longest.min(size + 1 - at)).expect("no longer than a packet");
                let holds = usize::try_from((size - at).min(asked.into())).expect("no longer than a packet");
                back.push(Back { pending: sftp.read(&handle, at, asked).await?, asked, holds });
                at += u64::from(asked);
            }
        }
        // What takes the place of something is on its disk before, so that the path holds the one or the other also after the
        // power failed. Where nothing stood there is nothing to lose, and thousands of new files need not wait for the disk.
        let sync = match sftp.features().fsync && old.is_some() {
            true => Some(sftp.fsync(&handle).await?),
            false => None,
        };
        let about = match back.is_empty() {
            true => Some(sftp.fstat(&handle).await?),
            false => None,
        };
        let close = sftp.close(handle).await?;
        Ok(Flight { owner, kept, marks, back, sync, about, close })
    }

    /// Waits for all of it; true where the content was read back and is right. Its size is right where this is no error.
    pub(super) async fn lands(
        self,
        sftp: &Sftp,
        (path, part): (&[u8], &[u8]),
        source: &dyn Source,
    ) -> Result<bool, Trouble> {
        // What comes back is summed as it comes, before the disk is waited for, so that nothing of it is kept.
        let sum = match self.back.is_empty() {
            true => None,
            false => read_back(self.back).await?,
        };
        for (pending, doing) in [
            (self.owner, Doing::Use),
            (Some(self.marks), Doing::Use),
            (self.sync, Doing::Write(0)),
            (Some(self.close), Doing::Write(0)),
        ] {
            let Some(pending) = pending else { continue };
            if let Err(error) = pending.done().await {
                return Err(cause::of(sftp, (doing, path), error).await);
            }
        }
        if let Some(kept) = self.kept {
            only_refused(kept.done().await)?;
        }
        if let Some(sum) = sum {
            return same(path, sum, source);
        }
        let about = match self.about {
            Some(about) => about.attrs().await.map_err(cause::plain)?,
            None => sftp.lstat(part).await.map_err(cause::plain)?,
        };
        if let Some(size) = about.size
            && size != source.size()
        {
            let why = format!("{}: {} bytes were sent, and {size} are there", shown(path), source.size());
            return Err(Trouble::file(FileFault::ChecksumDiffers, why));
        }
        Ok(source.size() == 0)
    }
}

/// The sum of what is read back, where it is as long as what was sent. Where a server gives less, or more, or lets nobody
/// read, there is none: then it is proven in another way.
async fn read_back(pieces: Vec<Back>) -> Result<Option<[u8; 32]>, Trouble> {
    let mut digest = Some(Sha256::new());
    for Back { pending, asked, holds } in pieces {
        let data = match pending.data(asked).await {
            Ok(data) => data.unwrap_or_default(),
            Err(SftpError::Refused(_)) => {
                digest = None;
                continue;
            }
            Err(error) => return Err(cause::plain(error)),
        };
        digest = digest.filter(|_| data.len() == holds).map(|digest| digest.chain_update(&data));
    }
    Ok(digest.map(|digest| digest.finalize().into()))
}

/// A refusal changes nothing; whatever else went wrong stands.
fn only_refused(done: Result<(), SftpError>) -> Result<(), Trouble> {
    match done {
        Ok(()) | Err(SftpError::Refused(_)) => Ok(()),
        Err(error) => Err(cause::plain(error)),
    }
}

fn same(path: &[u8], sum: [u8; 32], source: &dyn Source) -> Result<bool, Trouble> {
    if sum == source.sha256() { Ok(true) } else { Err(cause::at(path, FileFault::ChecksumDiffers)) }
}

/// The sum of what is there, as far as it is wished and can be had.
async fn sum(
    way: Way<'_>,
    part: &Part,
    (source, wish): (&dyn Source, &Wish),
) -> Result<Option<[u8; 32]>, Trouble> {
    if wish.verify == Verify::Size {
        return Ok(None);
    }
    match way.sums.sha256(&part.path, source.size()).await? {
        None if wish.verify == Verify::Always => get::sum(way, &part.path, source.size()).await.map(Some),
        sum => Ok(sum),
    }
}

/// Puts a part in its place, at once or not at all.
pub(super) async fn replace(
    sftp: &Sftp,
    (part, path): (&[u8], &[u8]),
    is_there: bool,
) -> Result<(), Trouble> {
    match replacing(sftp, (part, path), is_there).await?.done().await {
        Ok(()) => Ok(()),
        Err(error) => Err(cause::of(sftp, (Doing::Replace, path), error).await),
    }
}

/// Asks for a part to be put in its place; [`Pending::done`] is the answer.
pub(super) async fn replacing(
    sftp: &Sftp,
    (part, path): (&[u8], &[u8]),
    is_there: bool,
) -> Result<Pending, Trouble> {
    let asked = match sftp.features().posix_rename {
        true => sftp.posix_renaming(part, path).await,
        false if is_there => {
            let why = format!(
                "{}: this server cannot replace a file at once (it lacks posix-rename@openssh.com), and it would be \
                 missing in between; remove it first, or use --via shell",
                shown(path)
            );
            return Err(Trouble::file(FileFault::Refused, why));
        }
        false => sftp.renaming(part, path).await,
    };
    asked.map_err(cause::plain)
}

/// A time as the protocol says it: the nearest it can.
pub(super) fn said_time(seconds: i64) -> u32 {
    u32::try_from(seconds.clamp(0, u32::MAX.into())).expect("it was clamped")
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    said_time(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The path of something in the folder of a file.
pub(super) fn beside(path: &[u8], name: &[u8]) -> Vec<u8> {
    match folder_of(path) {
        b"." if !path.contains(&b'/') => name.to_vec(),
        b"/" => [b"/", name].concat(),
        folder => [folder, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_beside_its_file() {
        for (path, expected) in
            [(&b"/etc/x"[..], &b"/etc/p"[..]), (b"/x", b"/p"), (b"x", b"p"), (b"./x", b"./p")]
        {
            assert_eq!(beside(path, b"p"), expected);
        }
    }

    #[test]
    fn a_path_without_a_file_name_is_refused() {
        for path in [&b"/etc/"[..], b"", b"/", b"/etc/..", b"."] {
            assert!(file_name(path).is_err(), "{path:?}");
        }
        assert_eq!(file_name(b"/etc/x"), Ok(&b"x"[..]));
    }

    #[test]
    fn times_are_said_as_well_as_they_can_be() {
        assert_eq!((said_time(-1), said_time(1 << 31), said_time(1 << 33)), (0, 1 << 31, u32::MAX));
        assert_eq!((Mode::KeepOr(0o644).over(Some(0o600)), Mode::KeepOr(0o644).over(None)), (0o600, 0o644));
        assert_eq!(Mode::Set(0o755).over(Some(0o600)), 0o755);
        assert_eq!(Mode::KeepOr(0o644).over(Some(0o7755)), 0o1755, "nobody is given a setuid program");
    }
}
