//! The demo's server of files against Debian's `sftp` and `scp`, which know how a server behaves.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use omnes::demo::{Fault, Faults, FilesFault, Fleet, FleetConfig, History, Kind, Transport};
use tempfile::TempDir;

use super::*;

/// A fleet of scripted hosts on loopback, its runtime, and a folder of this machine.
struct Scene {
    runtime: tokio::runtime::Runtime,
    fleet: Fleet,
    here: TempDir,
}

impl Scene {
    fn new(hosts: usize, faults: Faults) -> Scene {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let config = FleetConfig {
            faults,
            transport: Transport::Loopback,
            history: History::Kept,
            ..FleetConfig::scripted(hosts)
        };
        let fleet = runtime.block_on(Fleet::start(config)).expect("a fleet");
        Scene { runtime, fleet, here: TempDir::new().expect("a folder") }
    }

    fn config(&self) -> &Path {
        self.fleet.ssh_config().expect("on loopback")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    /// Debian's `sftp` with a batch, which ends at the first line that fails.
    fn sftp(&self, host: &str, batch: &[u8]) -> Output {
        let mut command = Command::new(support::need("sftp", "openssh-client"));
        command.arg("-F").arg(self.config()).args(["-o", "BatchMode=yes", "-b", "-", host]);
        command.current_dir(self.here.path());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sftp starts");
        let mut stdin = child.stdin.take().expect("piped");
        // One that fails early reads no further.
        let _closed = stdin.write_all(batch);
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// Debian's `scp`, which speaks SFTP too.
    fn scp(&self, words: &[&OsStr]) -> Output {
        let mut command = Command::new(support::need("scp", "openssh-client"));
        command.arg("-F").arg(self.config()).args(["-o", "BatchMode=yes", "-p", "-r", "-q"]).args(words);
        command.output().expect("scp starts")
    }

    fn end(self) {
        self.runtime.block_on(self.fleet.stop()).expect("it stops");
    }
}

fn well(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn sftp_finds_what_it_puts_lists_renames_and_removes() {
    let scene = Scene::new(1, Faults::none());
    let disk = scene.fleet.disk("demo01").expect("its host");
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(scene.path("large"), &large).expect("a file");
    fs::set_permissions(scene.path("large"), fs::Permissions::from_mode(0o4711)).expect("ours");
    let batch = b"pwd\nput -p large\nmkdir folder\nrename large folder/large\nln -s folder/large link\nchmod 600 folder/large\n\
                  get -p folder/large back\nput large \xff\nls -la\ncd /etc/nginx\nget nginx.conf\ndf .\nput back /tmp/b\n\
                  rm /tmp/b\nmkdir /tmp/d\nrmdir /tmp/d\n";
    let output = scene.sftp("demo01", batch);
    well(&output);
    let said = text(&output.stdout);
    assert!(said.contains("/home/demo\n") && said.contains("folder") && said.contains("link"), "{said}");
    assert!(fs::read(scene.path("back")).expect("it came back") == large);
    assert_eq!(fs::metadata(scene.path("back")).expect("a file").mode() & 0o7777, 0o600);
    let there = disk.stat("/home/demo/folder/large").expect("a file");
    let mtime = fs::metadata(scene.path("large")).expect("a file").mtime();
    assert_eq!((there.size, there.mode, there.mtime), (3_000_000, 0o600, mtime));
    assert_eq!(disk.content(b"/home/demo/\xff").map(|content| content.bytes() == large), Some(true));
    assert_eq!(disk.link("/home/demo/link").as_deref(), Some(&b"folder/large"[..]));
    assert_eq!((disk.stat("/tmp/b"), disk.stat("/tmp/d")), (None, None));
    let config = text(&fs::read(scene.path("nginx.conf")).expect("it came"));
    assert!(config.contains("worker_connections"), "{config}");
    scene.end();
}

#[test]
fn scp_takes_a_tree_there_and_back_with_modes_and_times() {
    let scene = Scene::new(4, Faults::none());
    let tree = scene.path("tree");
    fs::create_dir_all(tree.join("a/empty")).expect("folders");
    for (name, mode) in [("one", 0o644), ("a/two", 0o400), ("a/ -odd\\name", 0o755)] {
        fs::write(tree.join(name), name).expect("a file");
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).expect("ours");
    }
    fs::write(tree.join(OsStr::from_bytes(b"\xfe\xff")), "bytes").expect("a file");
    symlink("one", tree.join("link")).expect("a link");
    well(&scene.scp(&[tree.as_os_str(), "demo04:/srv/tree".as_ref()]));
    let disk = scene.fleet.disk("demo04").expect("its host");
    for (name, mode) in [("one", 0o644), ("a/two", 0o400), ("a/ -odd\\name", 0o755)] {
        let path = format!("/srv/tree/{name}");
        let mtime = fs::metadata(tree.join(name)).expect("a file").mtime();
        let there = disk.stat(&path).map(|stat| (stat.kind, stat.mode, stat.mtime));
        assert_eq!(there, Some((Kind::File, mode, mtime)), "{path}");
        assert_eq!(disk.content(&path).map(|content| content.bytes()), Some(name.as_bytes().to_vec()));
    }
    assert!(disk.stat(b"/srv/tree/\xfe\xff").is_some());
    assert_eq!(disk.stat("/srv/tree/a/empty").map(|stat| stat.kind), Some(Kind::Dir));
    let back = scene.path("back");
    well(&scene.scp(&["demo04:/srv/tree".as_ref(), back.as_os_str()]));
    assert_eq!(fs::read(back.join("a/two")).expect("it came back"), b"a/two");
    assert_eq!(fs::metadata(back.join("a/ -odd\\name")).expect("a file").mode() & 0o7777, 0o755);
    scene.end();
}

#[test]
fn what_is_wrong_with_a_host_is_seen_by_sftp_too() {
    let faults = [
        FilesFault::NoSubsystem,
        FilesFault::Noise,
        FilesFault::NoSpaceAfter(1000),
        FilesFault::ReadOnly,
        FilesFault::NoRight,
        FilesFault::DiesAfter(1000),
        FilesFault::HugePacket,
    ];
    let given = faults.iter().enumerate();
    let given = given.fold(Faults::none(), |all, (at, fault)| all.with(at + 1, Fault::Files(*fault)));
    let scene = Scene::new(faults.len(), given);
    fs::write(scene.path("file"), [7; 5000]).expect("a file");
    let said: Vec<String> = (1..=faults.len())
        .map(|n| {
            let output = scene.sftp(&format!("demo{n:02}"), b"put file /tmp/file\n");
            assert!(!output.status.success(), "{:?}", faults[n - 1]);
            text(&output.stderr)
        })
        .collect();
    for (said, expected) in said.iter().zip([
        "subsystem request failed",
        "Received message too long",
        "Failure",
        "Failure",
        "Permission denied",
        // Reset or closed, as the last packets meet.
        "Connection",
        "Received message too long 4294967295",
    ]) {
        assert!(said.contains(expected), "{expected} in {said:?}");
    }
    for n in [4, 5] {
        assert_eq!(scene.fleet.disk(&format!("demo{n:02}")).expect("its host").stat("/tmp/file"), None);
    }
    scene.end();
}

#[test]
fn one_host_was_changed_by_hand_and_real_shells_have_the_same_files() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let fleet = runtime.block_on(Fleet::start(FleetConfig::default())).expect("a fleet");
    let digests: Vec<_> = fleet
        .names()
        .map(|name| fleet.disk(name).expect("its host").sha256("/etc/nginx/nginx.conf").expect("it is there"))
        .collect();
    let odd: Vec<usize> = (0..12).filter(|at| digests[*at] != digests[0]).collect();
    assert_eq!(odd, [3], "the fourth host alone");
    runtime.block_on(fleet.stop()).expect("it stops");
}
