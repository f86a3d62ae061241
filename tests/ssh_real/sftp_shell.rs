//! Files by way of a shell, where a host has no SFTP.

use std::fs;
use std::os::unix::fs::MetadataExt;

use omnes::outcome::FileFault;
use omnes::push::put::{Mode, Proof, Wish};
use omnes::push::remote::{Marks, Remote};
use omnes::push::tree::Kind;
use tempfile::TempDir;

use crate::common::*;
use crate::sftp::*;
use crate::support::dropbear::Dropbear;
use crate::support::sshd::Sshd;

#[tokio::test]
async fn files_land_whole_and_come_back_without_sftp() {
    let (dropbear, folder) = (Dropbear::without_sftp(), TempDir::new().unwrap());
    let link = link(&target("127.0.0.1", dropbear.port(), &dropbear.client_key())).await;
    let remote = Remote::over_shell(&link, budget());
    for len in [0, 5, 2_000_000] {
        let path = folder.path().join(format!("it's \\ a\n{len} $(id) !"));
        let wish = Wish { mtime: Some(1_600_000_000), ..Wish::with_mode(Mode::Set(0o640)) };
        for _ in 0..2 {
            let landed = remote.put(bytes(&path), &Memory::new(noise(len)), &wish).await.unwrap();
            assert_eq!((landed.proof, landed.resumed), (Proof::Content, 0), "{len}");
            assert!(fs::read(&path).unwrap() == noise(len), "{len}");
        }
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.mode() & 0o7777, about.mtime()), (0o640, 1_600_000_000));
        let mut back = Kept::default();
        let got = remote.get(bytes(&path), &mut back, ANY).await.unwrap();
        assert_eq!((got.size, got.mode, got.mtime), (len as u64, 0o640, 1_600_000_000));
        assert!(back.0 == noise(len), "{len}");
    }
    assert_eq!(names(folder.path()).len(), 3);
    link.close().await;
}

#[tokio::test]
async fn a_shell_says_what_stands_there() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let link = link(&target_of(&sshd)).await;
    let remote = Remote::over_shell(&link, budget());
    let at = |name: &str| bytes(&folder.path().join(name)).to_vec();
    remote.make_dir(&at("a dir"), 0o751).await.unwrap();
    remote.put(&at(".hidden"), &Memory::new("content"), &plain()).await.unwrap();
    remote.symlink(b"to nowhere", &at("li\nnk")).await.unwrap();
    let mut listing = remote.list(bytes(folder.path())).await.unwrap();
    let mut found = listing.next().await.unwrap().unwrap();
    assert_eq!(listing.next().await, Ok(None));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let kinds: Vec<_> =
        found.iter().map(|found| (&found.name[..], found.stat.kind.clone(), found.stat.mode)).collect();
    assert_eq!(kinds[0], (&b".hidden"[..], Kind::File { size: 7 }, 0o644));
    assert_eq!(kinds[1], (&b"a dir"[..], Kind::Dir, 0o751));
    assert_eq!((kinds[2].0, &kinds[2].1), (&b"li\nnk"[..], &Kind::Link { to: Box::default() }));
    assert_eq!(*remote.read_link(&at("li\nnk")).await.unwrap(), *b"to nowhere");
    assert_eq!(remote.lstat(&at("none")).await, Ok(None));
    assert_eq!(remote.stat(&at("li\nnk")).await, Ok(None));
    remote
        .set(&at(".hidden"), Marks { mode: Some(0o600), mtime: Some(1_000_000), owner: Some((7, 8)) })
        .await
        .unwrap();
    let stat = remote.lstat(&at(".hidden")).await.unwrap().unwrap();
    assert_eq!((stat.mode, stat.mtime, stat.owner), (0o600, 1_000_000, Some((7, 8))));
    remote.rename(&at(".hidden"), &at("li\nnk")).await.unwrap();
    let onto = remote.rename(&at("li\nnk"), &at("a dir")).await.unwrap_err();
    assert_eq!(onto.fault(), Some(FileFault::IsDirectory), "nothing lands inside a folder by mistake");
    remote.remove(&at("li\nnk")).await.unwrap();
    remote.remove_dir(&at("a dir")).await.unwrap();
    assert!(names(folder.path()).is_empty());
    let empty = remote.list(bytes(folder.path())).await.unwrap().next().await;
    assert_eq!(empty, Ok(None));
    assert!(remote.resolve(b"~/x").await.unwrap().ends_with(b"/x"));
}

/// A server that serves SFTP, and runs so many other commands before each further one hangs; and the file that counts them.
fn hangs_after(commands: usize, folder: &std::path::Path) -> (Sshd, std::path::PathBuf) {
    let (script, count) = (folder.join("forced"), folder.join("count"));
    fs::write(&count, "").unwrap();
    let lines = format!(
        "case \"$SSH_ORIGINAL_COMMAND\" in *sftp-server*) exec /usr/lib/openssh/sftp-server;; esac\n\
         echo >>{count}; [ $(wc -l <{count}) -gt {commands} ] && exec sleep 1000\n\
         exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
        count = count.display()
    );
    fs::write(&script, lines).unwrap();
    let sshd = Sshd::builder()
        .option("Subsystem sftp /usr/lib/openssh/sftp-server")
        .option(&format!("ForceCommand sh {}", script.display()));
    (sshd.start(), count)
}

#[tokio::test]
async fn a_host_whose_shell_does_not_answer_is_waited_for_once() {
    let (hang, large) = (TempDir::new().unwrap(), Memory::new(noise(2_000_000)));
    for (answers, proven) in [(0, 0), (1, 1)] {
        let (sshd, count) = hangs_after(answers, hang.path());
        let folder = TempDir::new().unwrap();
        let link = link(&target_of(&sshd)).await;
        let patience = std::time::Duration::from_secs(2);
        let remote = Remote::over_sftp(&link, budget()).await.unwrap().patient(patience);
        let wish = plain();
        let puts = (0..8).map(|n| {
            let path = folder.path().join(format!("{n}"));
            let (remote, large, wish) = (&remote, &large, &wish);
            async move { remote.put(bytes(&path), large, wish).await }
        });
        let landed = futures_util::future::try_join_all(puts).await.unwrap();
        let by_content = landed.iter().filter(|landed| landed.proof == Proof::Content).count();
        let asked = fs::read_to_string(&count).unwrap().lines().count();
        assert_eq!((by_content, asked), (proven, answers + 1), "of the eight only one waits");
        assert_eq!(remote.sha256(bytes(&folder.path().join("1")), 2_000_000).await, Ok(None));
        assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), answers + 1);
    }
}
