//! Two pushes to one path at once: it is whole whatever they do, and who loses says what happened.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omnes::ask::BoxFuture;
use omnes::outcome::FileFault;
use omnes::push::put::Source;
use omnes::push::remote::Remote;
use omnes::push::trouble::Trouble;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::common::*;
use crate::push::server;
use crate::sftp::{Memory, budget, bytes, link, names, plain};

/// Many times what any step here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// A file whose first bytes come when something has been done.
struct Gated<F> {
    content: Memory,
    before: F,
}

impl<F: Fn() -> BoxFuture<'static, ()> + Send + Sync> Source for Gated<F> {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            if at == 0 {
                (self.before)().await;
            }
            self.content.chunk(at).await
        })
    }

    fn sha256(&self) -> [u8; 32] {
        self.content.sha256()
    }
}

fn parts(folder: &Path) -> Vec<String> {
    names(folder).into_iter().filter(|name| name.starts_with(".f.omnes-")).collect()
}

/// Waits for a part, and takes it away as another push does that finds it.
async fn sweep(folder: &Path) {
    let since = Instant::now();
    loop {
        if let [part] = &parts(folder)[..] {
            return fs::remove_file(folder.join(part)).unwrap();
        }
        assert!(since.elapsed() < DEADLINE, "no part is made");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_push_whose_part_is_taken_away_says_so() {
    let (server, folder) = (server("internal-sftp"), TempDir::new().unwrap());
    let link = link(&target_of(&server)).await;
    let path = folder.path().join("f");
    fs::write(&path, "old").unwrap();
    let over_sftp = Remote::over_sftp(&link, budget()).await.unwrap();
    for (way, remote) in [("sftp", over_sftp), ("shell", Remote::over_shell(&link, budget()))] {
        for len in [5, 2_000_000] {
            let at = folder.path().to_owned();
            let before = move || -> BoxFuture<'static, ()> {
                let at = at.clone();
                Box::pin(async move { sweep(&at).await })
            };
            let source = Gated { content: Memory::new(vec![b'n'; len]), before };
            let error = remote.put(bytes(&path), &source, &plain()).await.expect_err("it is gone");
            let Trouble::File { fault, why } = error else { panic!("{way}: {error:?}") };
            assert_eq!(fault, FileFault::Busy, "{way} {len}: {why}");
            assert!(why.contains("its temporary file was taken away"), "{way} {len}: {why}");
            assert_eq!(
                (fs::read_to_string(&path).unwrap().as_str(), names(folder.path())),
                ("old", vec!["f".into()])
            );
        }
    }
    // That the folder is not there is another thing.
    let nowhere = folder.path().join("none/f");
    let error = Remote::over_sftp(&link, budget()).await.unwrap();
    let error = error.put(bytes(&nowhere), &Memory::new(&b"n"[..]), &plain()).await.expect_err("no folder");
    assert_eq!(error.fault(), Some(FileFault::Missing));
}

#[tokio::test]
async fn what_one_push_has_begun_another_never_puts_in_its_place() {
    let (server, folder) = (server("/usr/lib/openssh/sftp-server"), TempDir::new().unwrap());
    let link = link(&target_of(&server)).await;
    let (one, other) = (
        Remote::over_sftp(&link, budget()).await.unwrap(),
        Remote::over_sftp(&link, budget()).await.unwrap(),
    );
    let path = folder.path().join("f");
    let content = || Memory::new(vec![b'n'; 5_000]);
    // The first waits with its part until the second of the same content has made its own, which waits until the first is over.
    let begun: &'static Notify = Box::leak(Box::default());
    let goes_on: &'static Notify = Box::leak(Box::default());
    let is_over: &'static Notify = Box::leak(Box::default());
    let first = Gated {
        content: content(),
        before: || -> BoxFuture<'static, ()> {
            Box::pin(async {
                begun.notify_one();
                goes_on.notified().await;
            })
        },
    };
    let second = Gated {
        content: content(),
        before: || -> BoxFuture<'static, ()> {
            Box::pin(async {
                goes_on.notify_one();
                is_over.notified().await;
            })
        },
    };
    let (wish, place) = (plain(), bytes(&path));
    let (lost, landed) = tokio::join!(
        async {
            let lost = one.put(place, &first, &wish).await;
            let there = fs::read(&path).ok().map(|there| there.len());
            is_over.notify_one();
            (lost, there)
        },
        async {
            begun.notified().await;
            other.put(place, &second, &wish).await
        }
    );
    let (lost, there) = lost;
    assert!(matches!(there, None | Some(5_000)), "{there:?} bytes of 5000 stand there");
    assert_eq!(lost.expect_err("its part is gone").fault(), Some(FileFault::Busy));
    landed.expect("it lands");
    assert_eq!((fs::read(&path).unwrap().len(), names(folder.path())), (5_000, vec!["f".to_owned()]));
}
