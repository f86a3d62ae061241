//! Learning that is killed: whatever the moment, the file is whole.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::{DEADLINE, user};
use crate::support::sshd::{KeyKind, Sshd};

/// Two processes learn sixteen hosts each, the same ones, into a file of 5,000 lines; both are killed when it has grown
/// by so many lines. Then a third one finishes the work.
#[test]
fn a_file_is_whole_whenever_its_writer_is_killed() {
    let addresses: Vec<String> = (1..=16).map(|n| format!("127.0.6.{n}")).collect();
    let listen: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let sshd = Sshd::builder().listen(&listen).start();
    let key = sshd.host_key(KeyKind::Ed25519);
    let home = TempDir::new().unwrap();
    let file = home.path().join("known_hosts");
    let old: String = (0..5000).map(|n| format!("old{n}.example.org {key}\n")).collect();
    let line = |address: &str| format!("[{address}]:{} {key}", sshd.port());
    let (port, identity) = (sshd.port().to_string(), sshd.client_key().display().to_string());
    let option = format!("UserKnownHostsFile={}", file.display());
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command.env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap());
        command.args(["run", "-l", &user(), "-p", &port, "-i", &identity, "-o", &option]);
        // Debian's own configuration hashes names.
        command.args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "127.0.6.[1-16]",
            "--",
            "true",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let check = |text: &str, at: usize| -> usize {
        assert!(text.starts_with(&old), "old lines were changed, killed at {at}");
        let mut learned: Vec<&str> = text[old.len()..].lines().collect();
        let count = learned.len();
        learned.sort_unstable();
        learned.dedup();
        assert_eq!(learned.len(), count, "lines stand twice, killed at {at}");
        let known: Vec<String> = addresses.iter().map(|address| line(address)).collect();
        assert!(learned.iter().all(|have| known.iter().any(|line| line == have)), "{learned:?}");
        assert!(text.ends_with('\n'), "killed at {at}");
        count
    };
    let mut cut_short = 0;
    for at in [0, 1, 2, 3, 5, 7, 9, 11, 13, 15] {
        fs::write(&file, &old).unwrap();
        let wanted = old.len() + at * (line(&addresses[0]).len());
        let mut writers = [start(), start()];
        let deadline = Instant::now() + DEADLINE;
        while fs::metadata(&file).unwrap().len() < wanted as u64 {
            assert!(Instant::now() < deadline, "the file does not grow");
            std::thread::sleep(Duration::from_micros(200));
        }
        writers.iter_mut().for_each(|writer| writer.kill().unwrap());
        for writer in &mut writers {
            writer.wait().unwrap();
        }
        cut_short += usize::from(check(&fs::read_to_string(&file).unwrap(), at) < 16);
    }
    assert!(cut_short >= 3, "most writers were killed at work");
    assert!(start().wait().unwrap().success());
    assert_eq!(check(&fs::read_to_string(&file).unwrap(), 16), 16);
}
