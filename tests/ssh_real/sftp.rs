//! Files over SFTP with real servers: whole, in their place, and back.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use omnes::ask::BoxFuture;
use omnes::outcome::FileFault;
use omnes::push::get::{Limit, Links, Sink};
use omnes::push::part::{is_part_of, part_name};
use omnes::push::put::{Mode, Proof, Source, Verify, Wish};
use omnes::push::remote::Remote;
use omnes::push::tree::Kind;
use omnes::push::trouble::Trouble;
use omnes::push::window::{Budget, SHARED};
use omnes::ssh::sftp::{Sftp, SftpError};
use omnes::ssh::{Link, Target};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common::*;
use crate::support::dropbear::Dropbear;
use crate::support::sshd::Sshd;

/// A file in memory, given in pieces; counts the bytes that were asked for.
pub(crate) struct Memory {
    bytes: Bytes,
    sum: [u8; 32],
    pub(crate) given: AtomicU64,
}

impl Memory {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Memory {
        let bytes = bytes.into();
        Memory { sum: Sha256::digest(&bytes).into(), bytes, given: AtomicU64::new(0) }
    }
}

impl Source for Memory {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        let at = at as usize;
        let piece = self.bytes.slice(at..(at + 700_000).min(self.bytes.len()));
        self.given.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(piece)))
    }

    fn sha256(&self) -> [u8; 32] {
        self.sum
    }
}

/// Bytes that are not alike anywhere.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
}

/// Keeps what is read.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<u8>);

impl Sink for Kept {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>> {
        self.0.extend_from_slice(&bytes);
        Box::pin(std::future::ready(Ok(())))
    }
}

pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

pub(crate) fn budget() -> Arc<Budget> {
    Budget::new(SHARED)
}

pub(crate) async fn link(target: &Target) -> Link {
    connector().connect(target, &()).await.unwrap()
}

pub(crate) async fn remote(link: &Link) -> Remote<'_> {
    Remote::over_sftp(link, budget()).await.unwrap()
}

pub(crate) const ANY: Limit = Limit { bytes: u64::MAX, links: Links::Refused };

pub(crate) fn plain() -> Wish {
    Wish::with_mode(Mode::KeepOr(0o644))
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Files of all sizes that matter arrive as they are, new and over what is there, and nothing else is left in the folder.
async fn files_land(target: &Target, folder: &Path) {
    let link = link(target).await;
    let remote = remote(&link).await;
    for len in [0, 5, 32 * 1024, 262_144, 262_145, 5_000_000] {
        let path = folder.join(format!("file {len}"));
        let source = Memory::new(noise(len));
        let wish = Wish { mtime: Some(1_600_000_000), ..Wish::with_mode(Mode::Set(0o640)) };
        for _ in 0..2 {
            let landed = remote.put(bytes(&path), &source, &wish).await.unwrap();
            assert_eq!((landed.proof, landed.resumed), (Proof::Content, 0), "{len}");
            assert!(fs::read(&path).unwrap() == noise(len), "{len}");
        }
        assert_eq!(source.given.load(Ordering::Relaxed), 2 * len as u64, "it is read once for each push");
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.mode() & 0o7777, about.mtime()), (0o640, 1_600_000_000));
        let mut back = Kept::default();
        let got = remote.get(bytes(&path), &mut back, ANY).await.unwrap();
        assert_eq!((got.size, got.sha256, got.mode, got.grew), (len as u64, source.sum, 0o640, false));
        assert!(back.0 == noise(len), "{len}");
    }
    assert_eq!(names(folder).len(), 6, "{:?}", names(folder));
    link.close().await;
}

#[tokio::test]
async fn files_land_whole_with_internal_sftp() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    files_land(&target_of(&sshd), folder.path()).await;
}

#[tokio::test]
async fn files_land_whole_with_sftp_server() {
    let sshd = Sshd::builder().option("Subsystem sftp /usr/lib/openssh/sftp-server").start();
    let folder = TempDir::new().unwrap();
    files_land(&target_of(&sshd), folder.path()).await;
}

#[tokio::test]
async fn files_land_whole_with_dropbear() {
    let (dropbear, folder) = (Dropbear::start(), TempDir::new().unwrap());
    files_land(&target("127.0.0.1", dropbear.port(), &dropbear.client_key()), folder.path()).await;
}

#[tokio::test]
async fn in_a_chroot_without_a_shell_what_is_large_is_proven_by_its_size_or_read_back() {
    // All folders above it must be root's alone.
    let jail = TempDir::new_in("/run").unwrap();
    fs::set_permissions(jail.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let chroot = format!("ChrootDirectory {}", jail.path().display());
    let sshd = Sshd::builder().option(&chroot).option("ForceCommand internal-sftp").start();
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    assert_eq!(remote.resolve(b"~/x").await.unwrap(), b"/x");
    let large = Memory::new(noise(3_000_000));
    for (verify, proof) in
        [(Verify::Content, Proof::Size), (Verify::Always, Proof::Content), (Verify::Size, Proof::Size)]
    {
        let landed = remote.put(b"/large", &large, &Wish { verify, ..plain() }).await.unwrap();
        assert_eq!(landed.proof, proof, "{verify:?}");
        assert!(fs::read(jail.path().join("large")).unwrap() == noise(3_000_000));
    }
    let small = remote.put(b"/small", &Memory::new("abc"), &plain()).await.unwrap();
    assert_eq!(small.proof, Proof::Content);
    assert_eq!(names(jail.path()), ["large", "small"]);
}

#[tokio::test]
async fn a_host_without_sftp_is_told_so_at_once() {
    let none = Sshd::builder().option("Subsystem other internal-sftp").start();
    let ends = Sshd::builder().option("Subsystem sftp /bin/false").start();
    let dropbear = Dropbear::without_sftp();
    let bear = target("127.0.0.1", dropbear.port(), &dropbear.client_key());
    for target in [target_of(&none), target_of(&ends), bear] {
        let link = link(&target).await;
        let refused = tokio::time::timeout(Duration::from_secs(15), Remote::over_sftp(&link, budget()));
        let trouble =
            refused.await.expect("no waiting for an answer that cannot come").map(drop).unwrap_err();
        assert_eq!(trouble.fault(), Some(FileFault::NoSftp), "{trouble}");
    }
}

#[tokio::test]
async fn what_is_printed_before_sftp_begins_is_shown() {
    let folder = TempDir::new().unwrap();
    for (printed, shown) in [("Welcome\\033[2J to web1", "Welcome^[[2J to web1"), ("\\n", "^J")] {
        let serve = folder.path().join("serve");
        fs::write(&serve, format!("printf '{printed}'; exec /usr/lib/openssh/sftp-server\n")).unwrap();
        let sshd = Sshd::builder().option(&format!("Subsystem sftp /bin/sh {}", serve.display())).start();
        let link = link(&target_of(&sshd)).await;
        let error = Sftp::open(&link).await.map(drop).unwrap_err();
        let SftpError::Noise(first) = &error else { panic!("{error:?}") };
        assert!(first.starts_with(shown), "{first}");
        let trouble = Remote::over_sftp(&link, budget()).await.map(drop).unwrap_err();
        assert_eq!(trouble.fault(), Some(FileFault::Odd), "{trouble}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_keep_to_the_protocol_ends_its_session() {
    let sshd = Sshd::builder().start();
    let link = link(&target_of(&sshd)).await;
    // A version, and then: an answer to what was not asked, a packet of 4 GiB, one that is cut, the version again.
    for after in [
        r"\000\000\000\021\145\000\000\000\143\000\000\000\000\000\000\000\000\000\000\000\000",
        r"\377\377\377\377",
        r"\000\000\000\005\150\000\000\000\000",
        r"\000\000\000\005\002\000\000\000\003",
    ] {
        let serve = format!(r"printf '\000\000\000\005\002\000\000\000\003{after}'; exec sleep 1000");
        let channel = link.exec(serve.as_bytes()).await.unwrap();
        let sftp = Sftp::over(channel, DEADLINE).await.unwrap();
        let answer = tokio::time::timeout(DEADLINE, sftp.lstat(b"/")).await.expect("it does not wait");
        assert!(matches!(answer, Err(SftpError::Odd(_))), "{after}: {answer:?}");
        assert!(matches!(sftp.stat(b"/").await, Err(SftpError::Odd(_))), "the reason stays");
    }
}

#[tokio::test]
async fn a_server_that_refuses_to_name_its_limits_has_the_usual_ones() {
    let sshd = Sshd::builder().start();
    let link = link(&target_of(&sshd)).await;
    // The version with the extension, and a refusal to the first request, which is the one for it.
    let serve = r"head -c 9 >/dev/null; printf '\000\000\000\040\002\000\000\000\003\000\000\000\022limits@openssh.com\000\000\000\0011'; head -c 31 >/dev/null; printf '\000\000\000\021\145\000\000\000\000\000\000\000\010\000\000\000\000\000\000\000\000'; exec sleep 1000";
    let channel = link.exec(serve.as_bytes()).await.unwrap();
    let sftp = Sftp::over(channel, DEADLINE).await.unwrap();
    assert_eq!((sftp.features().limits, sftp.limits().await.unwrap().read), (true, 32 * 1024));
}

#[tokio::test]
async fn names_are_bytes_there_and_back() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let mut expected: Vec<Vec<u8>> =
        (1..=255u8).filter(|byte| !b"/.".contains(byte)).map(|byte| vec![byte]).collect();
    expected.extend([vec![0xff; 255], b"-rf".to_vec(), b"...".to_vec(), b"a\\b\n'c".to_vec()]);
    for name in &expected {
        let path = [bytes(folder.path()), b"/", name].concat();
        remote.put(&path, &Memory::new(name.clone()), &plain()).await.unwrap();
        let mut back = Kept::default();
        remote.get(&path, &mut back, ANY).await.unwrap();
        assert_eq!(&back.0, name);
    }
    let mut listing = remote.list(bytes(folder.path())).await.unwrap();
    let mut listed = Vec::new();
    while let Some(page) = listing.next().await.unwrap() {
        listed.extend(page.into_iter().map(|found| found.name.to_vec()));
    }
    assert_eq!(listing.next().await, Ok(None), "the end stays");
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn what_stands_there_is_what_is_said() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let at = |name: &str| bytes(&folder.path().join(name)).to_vec();
    remote.make_dir(&at("dir"), 0o751).await.unwrap();
    remote.put(&at("file"), &Memory::new("content"), &plain()).await.unwrap();
    remote.symlink(b"file", &at("link")).await.unwrap();
    let stat = remote.lstat(&at("dir")).await.unwrap().unwrap();
    assert_eq!((stat.kind, stat.mode), (Kind::Dir, 0o751));
    let stat = remote.lstat(&at("link")).await.unwrap().unwrap();
    assert!(matches!(stat.kind, Kind::Link { .. }));
    assert_eq!(*remote.read_link(&at("link")).await.unwrap(), *b"file");
    assert_eq!(remote.stat(&at("link")).await.unwrap().unwrap().kind, Kind::File { size: 7 });
    assert_eq!(remote.lstat(&at("none")).await.unwrap(), None);
    // A link is marked itself, never what it leads to.
    let marks = omnes::push::remote::Marks { mode: Some(0o600), mtime: Some(1_000_000), owner: None };
    remote.set(&at("link"), marks).await.unwrap();
    let file = fs::metadata(folder.path().join("file")).unwrap();
    assert!(file.mode() & 0o7777 == 0o644 && file.mtime() != 1_000_000);
    assert_eq!(fs::symlink_metadata(folder.path().join("link")).unwrap().mtime(), 1_000_000);
    remote.rename(&at("file"), &at("link")).await.unwrap();
    assert_eq!(names(folder.path()), ["dir", "link"]);
    remote.remove(&at("link")).await.unwrap();
    remote.remove_dir(&at("dir")).await.unwrap();
    assert!(names(folder.path()).is_empty());
    assert_eq!(remote.resolve(b"~").await.unwrap(), remote.resolve(b"~root").await.unwrap());
}

/// A part as an earlier push leaves it.
fn left_over(path: &Path, source: &Memory, content: &[u8]) -> PathBuf {
    let name = path.file_name().unwrap().as_bytes();
    let part = path.with_file_name(String::from_utf8(part_name(name, &source.sum)).unwrap());
    fs::write(&part, content).unwrap();
    part
}

/// A push that knows what was left.
fn after(left: &Path) -> Wish {
    Wish { left: Some(bytes(left).to_vec()), ..plain() }
}

#[tokio::test]
async fn a_push_goes_on_with_what_is_there_only_if_it_is_right() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let path = folder.path().join("large");
    let content = noise(6_000_000);
    let mut wrong = content[..4_000_000].to_vec();
    wrong[1_000_000] ^= 1;
    for (begun, resumed) in [
        (&content[..4_000_000], 4_000_000),
        (&content[..], 6_000_000),
        (&wrong[..], 0),
        (&content[..1000], 0),
        (&[&content[..], b"more"].concat()[..], 0),
    ] {
        let source = Memory::new(content.clone());
        let left = left_over(&path, &source, begun);
        let landed = remote.put(bytes(&path), &source, &after(&left)).await.unwrap();
        assert_eq!((landed.resumed, landed.proof), (resumed, Proof::Content), "of {}", begun.len());
        assert!(fs::read(&path).unwrap() == content);
        assert_eq!(names(folder.path()), ["large"]);
    }
}

#[tokio::test]
async fn a_part_that_is_a_trap_is_not_written_through() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let (path, victim) = (folder.path().join("x"), folder.path().join("victim"));
    let content = noise(2_000_000);
    fs::write(&victim, &content[..1_500_000]).unwrap();
    let source = Memory::new(content.clone());
    let part = left_over(&path, &source, b"");
    fs::remove_file(&part).unwrap();
    symlink(&victim, &part).unwrap();
    remote.put(bytes(&path), &source, &after(&part)).await.unwrap();
    assert_eq!(fs::read(&victim).unwrap().len(), 1_500_000, "the link was not followed");
    // A folder in its way, and a part that belongs to somebody else.
    fs::create_dir(&part).unwrap();
    remote.put(bytes(&path), &source, &after(&part)).await.unwrap();
    fs::remove_dir(&part).unwrap();
    let part = left_over(&path, &source, &content[..1_500_000]);
    std::os::unix::fs::chown(&part, Some(12_345), None).unwrap();
    let landed = remote.put(bytes(&path), &source, &after(&part)).await.unwrap();
    assert_eq!(landed.resumed, 0);
    assert_eq!(names(folder.path()), ["victim", "x"]);
}

#[tokio::test]
async fn leftovers_of_other_content_are_swept_and_nothing_else() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let path = folder.path().join("a.conf");
    left_over(&path, &Memory::new("old"), b"ol");
    left_over(&path, &Memory::new("older"), b"o");
    left_over(&folder.path().join("b.conf"), &Memory::new("other"), b"o");
    fs::write(folder.path().join(".a.conf.part"), "the user's").unwrap();
    remote.put(bytes(&path), &Memory::new("new"), &plain()).await.unwrap();
    let there: Vec<Box<[u8]>> =
        names(folder.path()).into_iter().map(|name| name.into_bytes().into_boxed_slice()).collect();
    assert_eq!(remote.sweep(bytes(&path), &there).await, Ok(2));
    let left = names(folder.path());
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().any(|name| is_part_of(name.as_bytes(), b"b.conf")));
}

#[tokio::test]
async fn a_link_that_dies_leaves_the_old_content_and_the_next_push_goes_on() {
    /// Gives half of it, and then nothing more.
    struct Half(Memory, tokio::sync::Notify);

    impl Source for Half {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
            if at >= self.size() / 2 {
                self.1.notify_one();
                return Box::pin(std::future::pending());
            }
            self.0.chunk(at)
        }

        fn sha256(&self) -> [u8; 32] {
            self.0.sum
        }
    }

    let (mut sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let half = Half(Memory::new(noise(8_000_000)), tokio::sync::Notify::new());
    {
        let link = link(&target_of(&sshd)).await;
        let remote = remote(&link).await;
        let wish = plain();
        let put = remote.put(bytes(&path), &half, &wish);
        let kill = async {
            half.1.notified().await;
            wait_until("the first megabytes are there", || {
                let part = names(folder.path()).into_iter().find(|name| is_part_of(name.as_bytes(), b"file"));
                part.and_then(|part| fs::metadata(folder.path().join(part)).ok())
                    .is_some_and(|about| about.len() >= 2_000_000)
            })
            .await;
            sshd.kill();
        };
        let both = async { tokio::join!(put, kill).0 };
        let landed =
            tokio::time::timeout(DEADLINE, both).await.expect("a source that waits does not hold it");
        assert!(matches!(landed, Err(Trouble::Lost(_))), "{landed:?}");
        let after = tokio::time::timeout(DEADLINE, remote.lstat(b"/")).await.expect("it does not wait");
        assert!(matches!(after, Err(Trouble::Lost(_))), "{after:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let left = names(folder.path());
    assert!(left.len() == 2 && is_part_of(left[0].as_bytes(), b"file"), "one part: {left:?}");
    let left = folder.path().join(&left[0]);
    sshd.restart();
    let link = link(&target_of(&sshd)).await;
    let landed = remote(&link).await.put(bytes(&path), &half.0, &after(&left)).await.unwrap();
    assert!(landed.resumed >= 1_000_000, "{landed:?}");
    assert!(fs::read(&path).unwrap() == noise(8_000_000));
    assert_eq!(names(folder.path()), ["file"]);
}
