//! Several pushes to one place at once, as of two people, or to several names of one machine: every path holds one whole
//! content, all end well or say what happened, and nothing is left over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use omnes::ask::BoxFuture;
use omnes::outcome::FileFault;
use omnes::push::part::is_part_of;
use omnes::push::put::{Landed, Mode, Source, Wish};
use omnes::push::trouble::Trouble;
use tempfile::TempDir;

use crate::common::*;
use crate::push::{Fleet, Told, names as tree};
use crate::sftp::*;
use crate::sftp_faults::both;
use crate::support::sshd::Sshd;

/// The temporary files of `x` in a folder.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let names = names(folder).into_iter().filter(|name| is_part_of(name.as_bytes(), b"x"));
    names.map(|name| folder.join(name)).collect()
}

/// Content whose temporary file is taken away, so many times, while its last piece is asked for.
struct Robbed<'a> {
    content: &'a Memory,
    folder: &'a Path,
    times: AtomicUsize,
    /// What is done then beside it.
    meanwhile: Option<&'a (dyn Fn() + Sync)>,
}

impl Source for Robbed<'_> {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let piece = self.content.chunk(at).await?;
            let is_last = at + piece.len() as u64 == self.size();
            if is_last && self.times.load(Ordering::Relaxed) > 0 {
                self.times.fetch_sub(1, Ordering::Relaxed);
                wait_until("its temporary file is there", || !parts(self.folder).is_empty()).await;
                parts(self.folder).iter().for_each(|part| fs::remove_file(part).unwrap());
                if let Some(meanwhile) = self.meanwhile {
                    meanwhile();
                }
            }
            Ok(piece)
        })
    }

    fn sha256(&self) -> [u8; 32] {
        self.content.sha256()
    }
}

#[tokio::test]
async fn a_push_whose_temporary_file_is_taken_away_begins_again_and_says_so_in_the_end() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let path = folder.path().join("x");
    for remote in both(&link).await {
        for len in [3, 2_000_000] {
            for (times, is_enough) in [(1, true), (2, true), (3, false)] {
                fs::write(&path, "old").unwrap();
                let content = Memory::new(noise(len));
                let source =
                    Robbed { content: &content, folder: folder.path(), times: times.into(), meanwhile: None };
                let landed = remote.put(bytes(&path), &source, &plain()).await;
                assert_eq!(source.times.into_inner(), 0);
                if is_enough {
                    landed.unwrap();
                    assert!(fs::read(&path).unwrap() == noise(len));
                } else {
                    let trouble = landed.unwrap_err();
                    assert_eq!(trouble.fault(), Some(FileFault::Other), "{trouble}");
                    assert!(trouble.to_string().contains("its temporary file was taken away"), "{trouble}");
                    assert_eq!(fs::read(&path).unwrap(), b"old");
                }
                assert_eq!(names(folder.path()), ["x"]);
            }
        }
    }
}

#[tokio::test]
async fn what_another_push_has_put_there_meanwhile_is_not_put_again() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let path = folder.path().join("x");
    for remote in both(&link).await {
        let content = Memory::new(noise(2_000_000));
        let others = || fs::write(&path, noise(2_000_000)).unwrap();
        let source =
            Robbed { content: &content, folder: folder.path(), times: 1.into(), meanwhile: Some(&others) };
        fs::write(&path, "old").unwrap();
        remote.put(bytes(&path), &source, &plain()).await.unwrap();
        assert_eq!(content.given.load(Ordering::Relaxed), 2_000_000, "it is sent once");
        assert_eq!(names(folder.path()), ["x"]);
        // Where that has other marks than were asked for, it is put nevertheless.
        source.times.store(1, Ordering::Relaxed);
        let wish = Wish { mtime: Some(1_600_000_000), ..Wish::with_mode(Mode::KeepOr(0o644)) };
        remote.put(bytes(&path), &source, &wish).await.unwrap();
        assert_eq!(content.given.load(Ordering::Relaxed), 3 * 2_000_000);
        let stat = remote.lstat(bytes(&path)).await.unwrap().unwrap();
        assert_eq!(stat.mtime, 1_600_000_000);
    }
}

/// Content of which nothing after its middle comes until it is let go.
struct Held<'a>(&'a Memory, &'a tokio::sync::Semaphore);

impl Source for Held<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            if at >= self.size() / 2 {
                let _let_go = self.1.acquire().await.unwrap();
            }
            self.0.chunk(at).await
        })
    }

    fn sha256(&self) -> [u8; 32] {
        self.0.sha256()
    }
}

/// A push that goes on with what another, which still lives, has written so far: both end well, and at no time does the path
/// hold a part of it.
#[tokio::test]
async fn two_that_write_the_same_content_both_end_well() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let links = [link(&target_of(&sshd)).await, link(&target_of(&sshd)).await];
    let (first, second) = (remote(&links[0]).await, remote(&links[1]).await);
    let path = folder.path().join("x");
    fs::write(&path, "old").unwrap();
    let content = Memory::new(noise(8_000_000));
    let (one_goes, other_goes) = (tokio::sync::Semaphore::new(0), tokio::sync::Semaphore::new(0));
    let (held, later) = (Held(&content, &one_goes), Held(&content, &other_goes));
    let wish = plain();
    let one = first.put(bytes(&path), &held, &wish);
    let other = async {
        let size =
            || parts(folder.path()).first().and_then(|part| fs::metadata(part).ok()).map(|at| at.len());
        wait_until("the first megabytes are there", || size().is_some_and(|size| size >= 2_000_000)).await;
        let left = parts(folder.path()).remove(0);
        // The first writer waits, so nothing grows any more.
        let mut before = size();
        loop {
            // A file that another process writes tells nobody when it has stopped to grow.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = size();
            if before == now {
                break;
            }
            before = now;
        }
        let wish = Wish { left: Some(bytes(&left).to_vec()), ..plain() };
        let put = second.put(bytes(&path), &later, &wish);
        let claimed = async {
            wait_until("it is claimed", || !left.exists() && parts(folder.path()).len() == 1).await;
            // The first ends, while the second has half of it only: the path stays old or becomes whole.
            one_goes.add_permits(100);
            wait_until("the first begins again or ends", || {
                parts(folder.path()).len() == 2 || fs::read(&path).unwrap() != b"old"
            })
            .await;
            other_goes.add_permits(100);
        };
        tokio::join!(put, claimed).0
    };
    let seen_whole = async {
        loop {
            let there = fs::read(&path).unwrap();
            assert!(there == b"old" || there == noise(8_000_000), "{} bytes", there.len());
            // Between two looks, which are all that this loop is for, the pushes go on.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let both = async { tokio::join!(one, other) };
    let (one, other): (Result<Landed, Trouble>, Result<Landed, Trouble>) = tokio::select! {
        ended = tokio::time::timeout(DEADLINE, both) => ended.expect("both end"),
        never = seen_whole => never,
    };
    assert!(one.is_ok(), "{one:?}");
    assert!(other.as_ref().is_ok_and(|landed| landed.resumed >= 2_000_000), "{other:?}");
    assert!(fs::read(&path).unwrap() == noise(8_000_000));
    assert_eq!(names(folder.path()), ["x"]);
}

const NAMES: [&str; 8] = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"];

/// Files of a version: many small ones, and a large one.
fn version(fleet: &Fleet, version: usize) -> Vec<Vec<u8>> {
    let content = |n: usize| match n {
        0 => noise(30_000_000 + version * 8).split_off(version * 8),
        n => format!("{version} {n} ").repeat(n).into_bytes(),
    };
    let all: Vec<Vec<u8>> = (0..150).map(content).collect();
    fs::create_dir(fleet.lab.path(&format!("v{version}"))).unwrap();
    for (n, content) in all.iter().enumerate() {
        fs::write(fleet.lab.path(&format!("v{version}/{n:03}")), content).unwrap();
    }
    all
}

/// Every host is well, or says that another push took its file.
fn assert_well(told: &Told) {
    let ends = told.lines("outcome");
    assert!(!ends.is_empty(), "{}{}", told.out, told.err);
    for end in ends {
        let is_well = end["outcome"] == "exited" && end["status"] == 0;
        let is_told =
            end["outcome"] == "file-failed" && end.to_string().contains("was taken away, by another");
        assert!(is_well || is_told, "{end}");
    }
}

#[test]
fn names_that_lead_to_one_machine_are_pushed_to_at_once() {
    let fleet = Fleet::of(&NAMES, NAMES.iter().map(|_| Sshd::builder().start()).collect());
    let content = version(&fleet, 1);
    let there = fleet.disk.path().join("there");
    fs::create_dir(&there).unwrap();
    let (from, to) = (format!("{}/.", fleet.lab.path("v1").display()), format!("lab:{}/", there.display()));
    assert_well(&fleet.push(&[&from, &to, "--output", "json", "--yes", "8"]));
    for (n, content) in content.iter().enumerate() {
        assert!(fs::read(there.join(format!("{n:03}"))).unwrap() == *content, "{n} is whole");
    }
    let told = fleet.push(&[&from, &to, "-x", "a[2-8]"]);
    assert_eq!((told.code, tree(&there).len()), (0, content.len()), "{} {:?}", told.err, tree(&there));
}

#[test]
fn two_pushes_of_two_contents_leave_one_or_the_other_whole() {
    let fleet = Fleet::of(&NAMES[..4], NAMES[..4].iter().map(|_| Sshd::builder().start()).collect());
    let contents = [version(&fleet, 1), version(&fleet, 2)];
    let there = fleet.disk.path().join("there");
    fs::create_dir(&there).unwrap();
    let to = format!("lab:{}/", there.display());
    let push = |version: usize, without: &str| {
        let from = format!("{}/.", fleet.lab.path(&format!("v{version}")).display());
        fleet.push(&[&from, &to, "-x", without, "--output", "json"])
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| push(1, "a[3-4]"));
        assert_well(&push(2, "a[1-2]"));
        assert_well(&one.join().unwrap());
    });
    for (n, (one, other)) in contents[0].iter().zip(&contents[1]).enumerate() {
        let held = fs::read(there.join(format!("{n:03}"))).unwrap();
        assert!(held == *one || held == *other, "{n} has {} bytes", held.len());
    }
    let told = push(2, "a[2-4]");
    assert_eq!((told.code, tree(&there).len()), (0, contents[1].len()), "{} {:?}", told.err, tree(&there));
    for (n, content) in contents[1].iter().enumerate() {
        assert!(
            fs::read(there.join(format!("{n:03}"))).unwrap() == *content,
            "{n} is the last that was pushed"
        );
    }
}
