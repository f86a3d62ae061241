//! Debian's dropbear with a key, a home and a port of its own, for as long as a value lives.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::need;
use super::sshd::{KeyKind, keygen};

/// A running dropbear; ended with its sessions when dropped.
#[derive(Debug)]
pub struct Dropbear {
    dir: TempDir,
    child: Child,
    port: u16,
    host_key: String,
}

impl Dropbear {
    /// A server on 127.0.0.1 with one Ed25519 host key; [`Dropbear::client_key`] may log in as the user who runs the
    /// test. Dropbear knows only one place for the keys that may: the home of the password database; so it runs in a
    /// file system of its own, in which another home stands there.
    pub fn start() -> Dropbear {
        Dropbear::start_with("")
    }

    /// The same on a machine where no SFTP server is installed.
    pub fn without_sftp() -> Dropbear {
        Dropbear::start_with("without")
    }

    fn start_with(sftp: &str) -> Dropbear {
        let dir = TempDir::new().expect("a directory for dropbear");
        let home = dir.path().join("home");
        fs::create_dir_all(home.join(".ssh")).expect("a home");
        for private in [&home, &home.join(".ssh")] {
            fs::set_permissions(private, fs::Permissions::from_mode(0o700)).expect("ours");
        }
        let client = keygen(KeyKind::Ed25519, &dir.path().join("client"));
        let authorized = home.join(".ssh/authorized_keys");
        fs::write(&authorized, format!("{client}\n")).expect("authorized_keys");
        fs::set_permissions(&authorized, fs::Permissions::from_mode(0o600)).expect("ours");
        let made = Command::new(need("dropbearkey", "dropbear-bin"))
            .args(["-t", "ed25519", "-f"])
            .arg(dir.path().join("host"))
            .output()
            .expect("dropbearkey starts");
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let line =
            said.lines().find(|line| line.starts_with("ssh-ed25519 ")).expect("it prints the public half");
        let host_key = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        for _ in 0..20 {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
            let port = listener.local_addr().expect("a bound socket has an address").port();
            drop(listener);
            if let Some(child) = launch(dir.path(), port, sftp) {
                return Dropbear { dir, child, port, host_key };
            }
        }
        panic!("dropbear found no free port in 20 attempts");
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key file of the key that may log in.
    pub fn client_key(&self) -> PathBuf {
        self.dir.path().join("client")
    }

    /// Its line of known_hosts.
    pub fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key)
    }
}

impl Drop for Dropbear {
    fn drop(&mut self) {
        // With the first process of their space of process ids all of them end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The home that the password database names.
fn home() -> String {
    let id = Command::new("id").arg("-un").output().expect("id runs").stdout;
    let user = String::from_utf8(id).expect("a name");
    let entry = Command::new("getent").args(["passwd", user.trim()]).output().expect("getent runs").stdout;
    let entry = String::from_utf8(entry).expect("a line of passwd");
    entry.split(':').nth(5).expect("a home").to_owned()
}

/// Starts it, with an SFTP server unless `sftp` says something; `None` when its port was taken.
fn launch(dir: &Path, port: u16, sftp: &str) -> Option<Child> {
    let server = need("dropbear", "dropbear-bin");
    let mut command = Command::new(need("unshare", "util-linux"));
    if !rustix::process::getuid().is_root() {
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]);
    command.arg(
        "mount --bind \"$1/home\" \"$2\" && { [ -z \"$5\" ] || mount -t tmpfs none /usr/lib/openssh; } && \
         exec \"$3\" -F -E -s -m -P \"\" -r \"$1/host\" -p \"$4\"",
    );
    command.arg("sh").arg(dir).arg(home()).arg(server).arg(format!("127.0.0.1:{port}")).arg(sftp);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("unshare starts");
    let mut log = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
    let mut said = String::new();
    // It says so once it listens.
    while !said.contains("Not backgrounding") {
        if log.read_line(&mut said).expect("its words") == 0 {
            let _ = child.wait();
            assert!(said.contains("Failed listening") || said.contains("in use"), "no dropbear:\n{said}");
            return None;
        }
    }
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    Some(child)
}
