//! Real files, read for many hosts at once.

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::join_all;
use put::Source;

use super::*;
use crate::push::exclude::Excludes;
use crate::push::source::walk::walk;

/// Content that no two places of a file share.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn feed_of(path: &Path, window: usize) -> Arc<Feed> {
    let sources = walk(&[path.to_owned()], &Excludes::default()).expect("it can be read");
    Feed::new(Arc::new(sources), window)
}

/// A file of so many bytes, and its feed.
fn one_file(size: usize, window: usize) -> (tempfile::TempDir, PathBuf, Arc<Feed>) {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("file");
    fs::write(&path, content(size)).expect("a file");
    let feed = feed_of(&path, window);
    (home, path, feed)
}

/// Takes all of it as one host does.
async fn take(content: &Content) -> Result<Vec<u8>, String> {
    let mut taken = Vec::new();
    while (taken.len() as u64) < content.size() {
        let bytes = content.chunk(taken.len() as u64).await?;
        assert!(!bytes.is_empty(), "a chunk has at least one byte");
        taken.extend_from_slice(&bytes);
    }
    Ok(taken)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_fits_the_window_is_read_once_for_all_hosts() {
    for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 77] {
        let (_home, _, feed) = one_file(size, WINDOW);
        let expected = content(size);
        let sum = Sha256::digest(&expected);
        let hosts = (0..50).map(|_| async {
            let file = feed.file(0).await.expect("it can be read");
            assert_eq!(file.sha256()[..], sum[..]);
            assert!(take(&file).await.is_ok_and(|taken| taken == expected));
        });
        join_all(hosts).await;
        assert_eq!(feed.reads(), Reads { once: size as u64, again: 0 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_go_together_read_a_large_file_once_more_and_no_oftener() {
    let size = 12 * PIECE;
    let (_home, _, feed) = one_file(size, 4 * (PIECE + 1024));
    let file = feed.file(0).await.expect("it can be read");
    assert_eq!(feed.reads(), Reads { once: size as u64, again: 0 });
    for piece in 0..12 {
        let at = (piece * PIECE) as u64;
        let chunks = join_all((0..40).map(|_| file.chunk(at))).await;
        let first = chunks[0].as_ref().expect("it can be read");
        assert!(
            chunks.iter().all(|chunk| chunk.as_ref().is_ok_and(|bytes| bytes.as_ptr() == first.as_ptr()))
        );
    }
    assert_eq!(feed.reads(), Reads { once: size as u64, again: size as u64 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_behind_reads_for_itself_and_holds_nobody() {
    let size = 12 * PIECE;
    let window = 4 * (PIECE + 1024);
    let (_home, _, feed) = one_file(size, window);
    let file = feed.file(0).await.expect("it can be read");
    // The slow one has its first piece, and asks for nothing while another takes all.
    let slow = file.chunk(0).await.expect("it can be read");
    assert_eq!(take(&file).await, Ok(content(size)));
    let fast = feed.reads().again;
    assert_eq!(fast, size as u64);
    assert!(feed.books().kept.held() <= window);
    assert_eq!(slow, content(PIECE), "what it has stays as it was");
    let next = file.chunk(PIECE as u64).await.expect("it is read again");
    assert_eq!(next, &content(size)[PIECE..2 * PIECE]);
    assert_eq!(feed.reads().again - fast, PIECE as u64);
}

#[tokio::test]
async fn a_host_that_stops_listening_leaves_nobody_waiting() {
    let (_home, _, feed) = one_file(3 * PIECE, 2 * PIECE);
    let file = feed.file(0).await.expect("it can be read");
    for at in [0, PIECE as u64] {
        // Begun, and never looked at again while another wants the same.
        let mut given_up = file.chunk(at);
        assert!((&mut given_up).now_or_never().is_none());
        let other = tokio::time::timeout(std::time::Duration::from_secs(30), file.chunk(at)).await;
        assert!(other.expect("nobody waits for the first").is_ok());
        drop(given_up);
    }
    assert_eq!(take(&file).await, Ok(content(3 * PIECE)));
}

#[tokio::test]
async fn a_chunk_begins_where_it_is_asked_for() {
    let (_home, _, feed) = one_file(2 * PIECE + 10, WINDOW);
    let file = feed.file(0).await.expect("it can be read");
    for (at, size) in [(0, PIECE), (1, PIECE - 1), (PIECE, PIECE), (2 * PIECE + 3, 7), (2 * PIECE + 10, 0)] {
        let chunk = file.chunk(at as u64).await.expect("it can be read");
        assert_eq!(chunk, &content(2 * PIECE + 10)[at..at + size], "{at}");
    }
}

#[tokio::test]
async fn a_file_that_changes_is_a_fault_and_never_a_mixture() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("written anew", |path| {
            fs::write(path, vec![1; 8 * PIECE]).expect("ours");
            let file = fs::File::open(path).expect("ours");
            file.set_modified(std::time::UNIX_EPOCH).expect("ours");
        }),
        ("shorter", |path| {
            fs::OpenOptions::new().write(true).open(path).expect("ours").set_len(9).expect("ours");
        }),
        ("another in its place", |path| {
            let other = path.with_extension("new");
            fs::write(&other, content(8 * PIECE)).expect("ours");
            fs::rename(other, path).expect("ours");
        }),
        ("gone", |path| fs::remove_file(path).expect("ours")),
        ("a folder in its place", |path| {
            fs::remove_file(path).expect("ours");
            fs::create_dir(path).expect("ours");
        }),
    ];
    for (what, change) in changes {
        let (_home, path, feed) = one_file(8 * PIECE, PIECE);
        let file = feed.file(0).await.expect("it can be read");
        assert!(file.chunk(0).await.is_ok());
        change(&path);
        let error = file.chunk(4 * PIECE as u64).await.expect_err(what);
        let said = format!(
            "{} changed here while it was pushed; push again when nothing writes to it",
            path.display()
        );
        assert_eq!(error, said, "{what}");
        // Before it was read for the first time it is the same.
        let (_home, path, feed) = one_file(8 * PIECE, WINDOW);
        change(&path);
        assert!(matches!(feed.file(0).await, Err(SourceFault::Changed(_))), "{what}");
    }
}

#[tokio::test]
async fn no_link_is_followed_below_what_was_named() {
    let home = tempfile::tempdir().expect("a folder");
    let (tree, elsewhere) = (home.path().join("tree"), home.path().join("elsewhere"));
    for folder in [tree.join("sub"), elsewhere.clone()] {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("f"), "same").expect("a file");
    }
    let feed = feed_of(&tree, WINDOW);
    let item = 2;
    assert!(feed.sources().shown(item).ends_with("tree/sub/f"));
    // The folder gives way to a link to one that has a file of the same name.
    fs::rename(tree.join("sub"), home.path().join("aside")).expect("ours");
    std::os::unix::fs::symlink(home.path().join("aside"), tree.join("sub")).expect("a link");
    assert!(
        matches!(feed.file(item).await, Err(SourceFault::Changed(_))),
        "it is the same file, over a link"
    );
    fs::remove_file(tree.join("sub")).expect("ours");
    fs::rename(home.path().join("aside"), tree.join("sub")).expect("ours");
    assert_eq!(take(&feed.file(item).await.expect("all is as before")).await, Ok(b"same".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_and_goes_in_the_way_is_never_followed() {
    let home = tempfile::tempdir().expect("a folder");
    let (tree, outside) = (home.path().join("tree"), home.path().join("outside"));
    for (folder, said) in [(tree.join("sub"), "inside"), (outside.clone(), "secret")] {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("f"), said).expect("a file");
    }
    // Nothing is kept, so every asking reads.
    let feed = feed_of(&tree, 0);
    let file = feed.file(2).await.expect("nobody is in the way yet");
    let (sub, aside) = (tree.join("sub"), home.path().join("aside"));
    let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let swapping = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            fs::rename(&sub, &aside).expect("ours");
            std::os::unix::fs::symlink(&outside, &sub).expect("a link");
            fs::remove_file(&sub).expect("ours");
            fs::rename(&aside, &sub).expect("ours");
        }
    });
    for _ in 0..100 {
        match file.chunk(0).await {
            Ok(bytes) => assert_eq!(bytes, "inside"),
            Err(why) => assert!(why.contains("sub/f changed here while it was pushed"), "{why}"),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    swapping.join().expect("it ends");
}

#[tokio::test]
async fn many_small_files_are_read_once_each_within_the_window() {
    let home = tempfile::tempdir().expect("a folder");
    for n in 0..300 {
        fs::write(home.path().join(format!("{n:03}")), content(n)).expect("a file");
    }
    let feed = feed_of(&home.path().join("."), WINDOW);
    for _host in 0..3 {
        for n in 0..300 {
            let whole = feed.whole(n + 1, 1 << 20).await.expect("it can be read");
            assert_eq!(whole.as_deref(), Some(&content(n)[..]));
        }
    }
    let bytes = (0..300).sum::<u64>();
    assert_eq!(feed.reads(), Reads { once: bytes, again: 0 });
    assert_eq!(feed.whole(300, 298).await, Ok(None), "it is larger than was asked for");
}

#[tokio::test]
async fn what_is_expected_is_read_once_whoever_asks_for_it() {
    let home = tempfile::tempdir().expect("a folder");
    for n in 0..20 {
        fs::write(home.path().join(format!("{n:02}")), content(n)).expect("a file");
    }
    let feed = feed_of(&home.path().join("."), WINDOW);
    fs::remove_file(home.path().join("03")).expect("ours");
    for _host in 0..3 {
        feed.expect(1..21);
    }
    for n in 0..20 {
        match (n, feed.whole(n + 1, 1 << 20).await) {
            (3, found) => assert!(found.is_err(), "it went, and the others are read all the same"),
            (_, found) => assert_eq!(found.expect("it can be read").as_deref(), Some(&content(n)[..])),
        }
    }
    assert_eq!(feed.reads(), Reads { once: (0..20).sum::<u64>() - 3, again: 0 });
    // Whoever asks once more has it tried once more.
    feed.expect([4].into_iter());
    assert!(feed.whole(4, 1 << 20).await.is_err());
}

#[tokio::test]
async fn content_made_for_one_host_is_given_like_any_other() {
    let made = Made::new(Bytes::from_static(b"server web1"));
    assert_eq!((made.size(), made.sha256()[..].to_vec()), (11, Sha256::digest(b"server web1").to_vec()));
    assert_eq!(made.chunk(7).await.as_deref(), Ok(&b"web1"[..]));
    assert_eq!(made.chunk(11).await.as_deref(), Ok(&b""[..]));
}
