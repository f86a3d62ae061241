//! Debian's sshd with a configuration, host keys and a port of its own, for as long as a value lives.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::need;

/// How long a server may take to listen, and [`Sshd::wait_for_log`] waits; many times what is normal.
const DEADLINE: Duration = Duration::from_secs(20);

/// A host or user key's type, as `ssh-keygen -t` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// NIST P-256.
    Ecdsa,
    /// RSA with 2048 bits.
    Rsa,
}

impl KeyKind {
    /// The name that stands in `-t` and in file names.
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::Ed25519 => "ed25519",
            KeyKind::Ecdsa => "ecdsa",
            KeyKind::Rsa => "rsa",
        }
    }
}

/// Makes a key pair without a passphrase at `path` and `path.pub`; gives the public half as `algorithm base64`.
pub fn keygen(kind: KeyKind, path: &Path) -> String {
    let mut command = Command::new(need("ssh-keygen", "openssh-client"));
    command.args(["-q", "-N", "", "-C", "", "-t", kind.name(), "-f"]).arg(path);
    if kind == KeyKind::Rsa {
        command.args(["-b", "2048"]);
    }
    assert!(command.status().expect("ssh-keygen starts").success(), "no key at {}", path.display());
    let public = fs::read_to_string(path.with_extension("pub")).expect("ssh-keygen wrote the public half");
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// What a server shall be; see [`Sshd::builder`].
#[derive(Debug)]
pub struct SshdBuilder {
    listen: Vec<String>,
    host_keys: Vec<KeyKind>,
    options: Vec<String>,
    authorized: Vec<String>,
    service: Option<String>,
}

impl SshdBuilder {
    /// Runs under this name, so that PAM asks `/etc/pam.d/NAME` (with `UsePAM yes`).
    pub fn service(mut self, name: &str) -> SshdBuilder {
        self.service = Some(name.to_owned());
        self
    }

    /// The addresses to listen on instead of 127.0.0.1, all on one port; sshd takes at most 16.
    pub fn listen(mut self, addresses: &[&str]) -> SshdBuilder {
        self.listen = addresses.iter().map(|&address| address.to_owned()).collect();
        self
    }

    /// The host keys instead of one Ed25519 key.
    pub fn host_keys(mut self, kinds: &[KeyKind]) -> SshdBuilder {
        self.host_keys = kinds.to_vec();
        self
    }

    /// One more line of sshd_config; it takes the place of ours with the same keyword.
    pub fn option(mut self, line: &str) -> SshdBuilder {
        self.options.push(line.to_owned());
        self
    }

    /// One more key that may log in, besides [`Sshd::client_key`].
    pub fn authorize(mut self, public_key: &str) -> SshdBuilder {
        self.authorized.push(public_key.to_owned());
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Sshd {
        let dir = TempDir::new().expect("a directory for sshd");
        if rustix::process::getuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("sshd wants /run/sshd when root starts it");
        }
        let client_public = keygen(KeyKind::Ed25519, &dir.path().join("client"));
        let mut authorized = self.authorized.join("\n");
        authorized.push_str(&format!("\n{client_public}\n"));
        fs::write(dir.path().join("authorized_keys"), authorized).expect("authorized_keys can be written");
        let host_keys: Vec<(KeyKind, String)> = (self.host_keys.iter())
            .map(|&kind| (kind, keygen(kind, &dir.path().join(format!("host_{}", kind.name())))))
            .collect();
        if let Some(name) = &self.service {
            std::os::unix::fs::symlink(need("sshd", "openssh-server"), dir.path().join(name))
                .expect("a link to sshd");
            fs::write(dir.path().join("service"), name).expect("a file");
        }
        // Nothing reserves a port for another process: where somebody else was quicker, try the next one.
        for _ in 0..20 {
            let port = free_port(&self.listen);
            fs::write(dir.path().join("sshd_config"), self.config(dir.path(), port)).expect("sshd_config");
            if let Some((child, log)) = launch(dir.path(), self.listen.len()) {
                return Sshd { dir, child, log, port, listen: self.listen, host_keys, client_public };
            }
        }
        panic!("sshd found no free port in 20 attempts");
    }

    fn config(&self, dir: &Path, port: u16) -> String {
        let mut config = self.options.join("\n");
        let mut line = |text: String| {
            config.push('\n');
            config.push_str(&text);
        };
        self.listen.iter().for_each(|address| match address.contains(':') {
            true => line(format!("ListenAddress [{address}]:{port}")),
            false => line(format!("ListenAddress {address}:{port}")),
        });
        self.host_keys
            .iter()
            .for_each(|kind| line(format!("HostKey {}/host_{}", dir.display(), kind.name())));
        line(format!("AuthorizedKeysFile {}/authorized_keys", dir.display()));
        for fixed in [
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            // The rc files of whoever runs the tests stay out of them.
            "SetEnv HOME=/nonexistent HISTFILE=/dev/null",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "MaxStartups 500:30:1000",
            "MaxSessions 100",
            "LogLevel VERBOSE",
            "Subsystem sftp internal-sftp",
        ] {
            // Of most keywords sshd takes the first value, but of MaxStartups the last, and two Subsystems are an error.
            if !self.options.iter().any(|option| keyword(option).eq_ignore_ascii_case(keyword(fixed))) {
                line(fixed.to_owned());
            }
        }
        config.push('\n');
        config
    }
}

/// The keyword of a line of sshd_config.
fn keyword(line: &str) -> &str {
    line.trim_start().split([' ', '\t', '=']).next().unwrap_or_default()
}

/// A running sshd; ended with its sessions when dropped.
#[derive(Debug)]
pub struct Sshd {
    dir: TempDir,
    child: Child,
    log: Arc<Log>,
    port: u16,
    listen: Vec<String>,
    host_keys: Vec<(KeyKind, String)>,
    client_public: String,
}

impl Sshd {
    /// A server on 127.0.0.1 with one Ed25519 host key; [`Sshd::client_key`] may log in as the user who runs the test.
    pub fn builder() -> SshdBuilder {
        SshdBuilder {
            listen: vec!["127.0.0.1".to_owned()],
            host_keys: vec![KeyKind::Ed25519],
            options: Vec::new(),
            authorized: Vec::new(),
            service: None,
        }
    }

    /// The port, the same on all addresses.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first address.
    pub fn address(&self) -> &str {
        &self.listen[0]
    }

    /// Its directory, for files that belong to it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The private key file of the key that may log in; its public half stands beside it (`.pub`).
    pub fn client_key(&self) -> PathBuf {
        self.dir.path().join("client")
    }

    /// The public half of [`Sshd::client_key`], as `algorithm base64`.
    pub fn client_public(&self) -> &str {
        &self.client_public
    }

    /// A host key's public half, as `algorithm base64`. Panics when there is none of that kind.
    pub fn host_key(&self, kind: KeyKind) -> &str {
        let found = self.host_keys.iter().find(|(have, _)| *have == kind);
        &found.unwrap_or_else(|| panic!("this sshd has no {} key", kind.name())).1
    }

    /// The known_hosts lines for all its keys and addresses.
    pub fn known_hosts(&self) -> String {
        let names: Vec<String> = self.listen.iter().map(|name| format!("[{name}]:{}", self.port)).collect();
        let line = |(_, key): &(KeyKind, String)| format!("{} {key}\n", names.join(","));
        self.host_keys.iter().map(line).collect()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text.lock().expect("the log's lock").clone()
    }

    /// Waits until its log holds `text`; panics with the log when it does not within 20 s.
    pub fn wait_for_log(&self, text: &str) {
        assert!(self.log.wait(|log| log.contains(text)), "no `{text}` in sshd's log:\n{}", self.log());
    }

    /// Starts it again after [`Sshd::kill`], on the same port with the same keys.
    pub fn restart(&mut self) {
        let (child, log) = launch(self.dir.path(), self.listen.len()).expect("its port is still free");
        (self.child, self.log) = (child, log);
    }

    /// Sends a signal to the processes that serve its sessions, and not to the shells in them: STOP makes a host that
    /// takes no input, CONT lets it go on.
    pub fn signal_sessions(&self, signal: Signal) {
        let mut found = vec![self.child.id()];
        while let Some(children) = children_of(&found) {
            let serves = |id: &u32| {
                let name = fs::read_to_string(format!("/proc/{id}/comm"));
                name.is_ok_and(|name| name.starts_with("sshd"))
            };
            let serving: Vec<u32> = children.into_iter().filter(serves).collect();
            if serving.is_empty() {
                break;
            }
            found.extend(serving);
        }
        assert!(found.len() > 1, "nobody is logged in");
        for id in &found[1..] {
            let id = i32::try_from(*id).ok().and_then(Pid::from_raw).expect("a process id");
            kill_process(id, signal).expect("it lives");
        }
    }

    /// Whether nobody is logged in or logging in, and nothing that somebody started here runs any more.
    pub fn is_idle(&self) -> bool {
        children_of(&[self.child.id()]).is_none()
    }

    /// Ends the server and every session of it at once, as a crash of the machine would.
    pub fn kill(&mut self) {
        let mut doomed = vec![self.child.id()];
        // Sessions leave the process group, so they are found by their parents, until there are no new ones.
        while let Some(found) = children_of(&doomed) {
            doomed.extend(found);
        }
        for id in doomed {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // Gone already is as good.
                let _ = kill_process(id, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What sshd said on its standard error, collected by a thread.
#[derive(Debug, Default)]
struct Log {
    text: Mutex<String>,
    ended: Mutex<bool>,
    grown: Condvar,
}

impl Log {
    /// Waits until `enough` is true of the text; false when the deadline passed or sshd ended first.
    fn wait(&self, enough: impl Fn(&str) -> bool) -> bool {
        let deadline = Instant::now() + DEADLINE;
        let mut text = self.text.lock().expect("the log's lock");
        loop {
            if enough(&text) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || *self.ended.lock().expect("the log's lock") {
                return false;
            }
            text = self.grown.wait_timeout(text, left).expect("the log's lock").0;
        }
    }
}

/// Starts sshd; `None` when it could not bind its port on every address.
fn launch(dir: &Path, addresses: usize) -> Option<(Child, Arc<Log>)> {
    let program = match fs::read_to_string(dir.join("service")) {
        Ok(name) => dir.join(name),
        Err(_) => need("sshd", "openssh-server"),
    };
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("sshd's directory is ours");
    let mut child = (Command::new(program).args(["-D", "-e", "-f"]).arg(dir.join("sshd_config")))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sshd starts");
    let log = Arc::new(Log::default());
    let (stderr, sink) = (child.stderr.take().expect("standard error is a pipe"), log.clone());
    thread::spawn(move || collect(BufReader::new(stderr), &sink));
    let listening = |text: &str| text.matches("Server listening on").count() >= addresses;
    let settled = log.wait(|text| listening(text) || text.contains("failed: Address"));
    let text = log.text.lock().expect("the log's lock").clone();
    if settled && !text.contains("failed: Address") {
        return Some((child, log));
    }
    // It may be gone already; either way it is collected here.
    let _ = child.kill();
    let _ = child.wait();
    assert!(settled, "sshd did not start:\n{text}");
    None
}

fn collect(mut lines: impl BufRead, log: &Log) {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        log.text.lock().expect("the log's lock").push_str(&String::from_utf8_lossy(&line));
        log.grown.notify_all();
        line.clear();
    }
    let _text = log.text.lock().expect("the log's lock");
    *log.ended.lock().expect("the log's lock") = true;
    log.grown.notify_all();
}

/// A port that was free on the first address a moment ago.
fn free_port(addresses: &[String]) -> u16 {
    let listener = TcpListener::bind((addresses[0].as_str(), 0)).expect("a loopback address");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Processes whose parent is in `parents` and which are not in it themselves; `None` when there are no more.
fn children_of(parents: &[u32]) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything; the parent is the second field after it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if parent.is_some_and(|parent: u32| parents.contains(&parent)) && !parents.contains(&id) {
            found.push(id);
        }
    }
    (!found.is_empty()).then_some(found)
}
