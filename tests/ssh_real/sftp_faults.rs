//! What keeps files from their place with real file systems: the class is right, the old content stays, nothing is left over.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use omnes::outcome::FileFault;
use omnes::push::get::{Limit, Links};
use omnes::push::remote::Remote;
use omnes::ssh::Link;
use tempfile::TempDir;

use crate::common::*;
use crate::sftp::*;
use crate::support::sshd::Sshd;

/// Something mounted; unmounted when dropped.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    pub(crate) fn new(args: &[&str], at: &Path) -> Mounted {
        let mounted = Command::new("mount").args(args).arg(at).status().expect("mount starts");
        assert!(mounted.success(), "mounting needs root");
        Mounted(at.to_owned())
    }

    /// A file system in memory.
    pub(crate) fn tmpfs(options: &str, at: &Path) -> Mounted {
        Mounted::new(&["-t", "tmpfs", "-o", options, "tmpfs"], at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Both ways to a host.
pub(crate) async fn both(link: &Link) -> [Remote<'_>; 2] {
    [remote(link).await, Remote::over_shell(link, budget())]
}

/// A push that must fail so, and change nothing.
async fn fails(remote: &Remote<'_>, path: &Path, (content, fault): (Vec<u8>, FileFault)) {
    let folder = path.parent().unwrap();
    let before = (names(folder), fs::read(path).ok());
    let trouble = remote.put(bytes(path), &Memory::new(content), &plain()).await.unwrap_err();
    assert_eq!(trouble.fault(), Some(fault), "{trouble}");
    assert!(trouble.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{trouble}");
    assert_eq!((names(folder), fs::read(path).ok()), before, "{trouble}");
}

#[tokio::test]
async fn a_full_disk_keeps_the_old_content() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let _small = Mounted::tmpfs("size=2m", folder.path());
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        // What is too large for it, and then what is small, where another filled it to the last block.
        fails(&remote, &path, (noise(5_000_000), FileFault::NoSpace)).await;
        let filler = folder.path().join("filler");
        let filled = Command::new("dd")
            .args(["if=/dev/zero", "bs=4096"])
            .arg(format!("of={}", filler.display()))
            .stderr(Stdio::null())
            .status();
        assert!(!filled.unwrap().success(), "it is full now");
        fails(&remote, &path, (noise(10_000), FileFault::NoSpace)).await;
        fs::remove_file(filler).unwrap();
        remote.put(bytes(&path), &Memory::new("new"), &plain()).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_system_without_room_for_another_file_is_full() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let _small = Mounted::tmpfs("nr_inodes=3", folder.path());
    fs::write(folder.path().join("one"), "").unwrap();
    fs::write(folder.path().join("two"), "").unwrap();
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        fails(&remote, &folder.path().join("one"), (b"new".to_vec(), FileFault::NoSpace)).await;
    }
}

#[tokio::test]
async fn what_can_only_be_read_is_said_to_be_so() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let place = folder.path().to_str().unwrap().to_owned();
    let _bound = Mounted::new(&["--bind", &place], folder.path());
    let made = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(folder.path()).status();
    assert!(made.unwrap().success());
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        fails(&remote, &path, (b"new".to_vec(), FileFault::ReadOnly)).await;
    }
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let nobody = "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups";
    let sshd =
        Sshd::builder().option(&format!("Subsystem sftp {nobody} /usr/lib/openssh/sftp-server")).start();
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    fails(&remote, &path, (b"new".to_vec(), FileFault::NoRight)).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let got = remote.get(bytes(&path), &mut Kept::default(), ANY).await.unwrap_err();
    assert_eq!(got.fault(), Some(FileFault::NoRight), "{got}");
}

#[tokio::test]
async fn folders_and_files_in_each_others_place_are_told() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    fs::create_dir(folder.path().join("dir")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        fails(&remote, &folder.path().join("dir"), (b"new".to_vec(), FileFault::IsDirectory)).await;
        for (path, fault) in [("file/below", FileFault::IsDirectory), ("none/below", FileFault::Missing)] {
            let path = folder.path().join(path);
            let put = remote.put(bytes(&path), &Memory::new("new"), &plain()).await.unwrap_err();
            assert_eq!(put.fault(), Some(fault), "{put}");
        }
        let list = remote.list(bytes(&folder.path().join("file"))).await.map(drop).unwrap_err();
        assert_eq!(list.fault(), Some(FileFault::IsDirectory), "{list}");
        let list = remote.list(bytes(&folder.path().join("none"))).await.map(drop).unwrap_err();
        assert_eq!(list.fault(), Some(FileFault::Missing), "{list}");
    }
    assert_eq!(names(folder.path()), ["dir", "file"]);
}

#[tokio::test]
async fn a_program_that_runs_is_replaced_and_a_mount_point_is_busy() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let program = folder.path().join("sleep");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut running = Command::new(&program).arg("1000").spawn().unwrap();
    let (held, other) = (folder.path().join("held"), folder.path().join("other"));
    fs::write(&held, "old").unwrap();
    fs::write(&other, "mounted").unwrap();
    let _bound = Mounted::new(&["--bind", other.to_str().unwrap()], &held);
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        remote.put(bytes(&program), &Memory::new("new"), &plain()).await.unwrap();
        assert!(running.try_wait().unwrap().is_none(), "it runs on, from the file that has no name now");
        fails(&remote, &held, (b"new".to_vec(), FileFault::Busy)).await;
    }
    running.kill().unwrap();
    running.wait().unwrap();
}

#[tokio::test]
async fn what_is_no_file_is_neither_opened_nor_replaced() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    fs::write(at("file"), "content").unwrap();
    symlink("file", at("link")).unwrap();
    let link = link(&target_of(&sshd)).await;
    for remote in both(&link).await {
        let get = async |name: &str, limit: Limit| {
            let mut kept = Kept::default();
            let path = at(name);
            let got = tokio::time::timeout(DEADLINE, remote.get(bytes(&path), &mut kept, limit)).await;
            got.expect("nothing waits for a writer").map(|_| kept.0).map_err(|trouble| trouble.fault())
        };
        let followed = Limit { links: Links::Followed, ..ANY };
        assert_eq!(get("fifo", followed).await, Err(Some(FileFault::Refused)));
        assert_eq!(get("link", ANY).await, Err(Some(FileFault::Refused)));
        assert_eq!(get("link", followed).await, Ok(b"content".to_vec()));
        assert_eq!(get("file", Limit { bytes: 6, ..ANY }).await, Err(Some(FileFault::Refused)));
        assert_eq!(get("none", ANY).await, Err(Some(FileFault::Missing)));
        assert_eq!(get(".", ANY).await, Err(Some(FileFault::IsDirectory)));
        assert_eq!(get("/proc/version", ANY).await, Ok(fs::read("/proc/version").unwrap()));
        assert_eq!(get("/sys/kernel/fscaps", ANY).await, Ok(fs::read("/sys/kernel/fscaps").unwrap()));
        assert_eq!(get("/dev/zero", ANY).await, Err(Some(FileFault::Refused)));
        let put = remote.put(bytes(&at("fifo")), &Memory::new("new"), &plain()).await.unwrap_err();
        assert_eq!(put.fault(), Some(FileFault::Refused), "{put}");
    }
    assert_eq!(names(folder.path()), ["fifo", "file", "link"]);
}

#[tokio::test]
async fn what_is_replaced_keeps_its_mode_and_owner_and_a_link_is_replaced_itself() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    let (path, target) = (folder.path().join("file"), folder.path().join("target"));
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4710)).unwrap();
    std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4710)).unwrap();
    remote.put(bytes(&path), &Memory::new("new"), &plain()).await.unwrap();
    let stat = remote.lstat(bytes(&path)).await.unwrap().unwrap();
    assert_eq!((stat.mode, stat.owner), (0o710, Some((1234, 4321))), "but never setuid");
    fs::write(&target, "target").unwrap();
    fs::remove_file(&path).unwrap();
    symlink("target", &path).unwrap();
    remote.put(bytes(&path), &Memory::new("new"), &plain()).await.unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs::read(&target).unwrap(), b"target");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
}

#[tokio::test]
async fn a_large_folder_is_listed_whole() {
    let (sshd, folder) = (Sshd::builder().start(), TempDir::new().unwrap());
    for n in 0..5_000 {
        fs::write(folder.path().join(format!("{n:05}")), "").unwrap();
    }
    let link = link(&target_of(&sshd)).await;
    let remote = remote(&link).await;
    let mut listing = remote.list(bytes(folder.path())).await.unwrap();
    let (mut pages, mut listed) = (0, Vec::new());
    while let Some(page) = listing.next().await.unwrap() {
        pages += 1;
        listed.extend(page.into_iter().map(|found| String::from_utf8(found.name.into()).unwrap()));
    }
    listed.sort();
    assert_eq!(listed, names(folder.path()));
    assert!(pages > 1, "it came in {pages} pages");
}
