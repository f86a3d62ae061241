//! The hosts that all tools are measured on, and the one configuration of OpenSSH that all of them are given.
//!
//! A host is an address of 127/8 without a port, since not every tool can be told a port; the configuration knows the ports by
//! patterns of a few lines, so that no tool pays for a long one.

use std::any::Any;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::server::Server;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// Debian's server of files.
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// Addresses of one `sshd`; it listens on 16 at most.
const ADDRESSES: usize = 16;

/// Hosts that serve, and the files that lead to them; they end with this value.
pub(crate) struct Ground {
    /// What serves.
    pub(crate) what: &'static str,
    /// A command that prints a line on each host.
    pub(crate) command: &'static str,
    dir: PathBuf,
    hosts: Vec<String>,
    /// Servers and directories, which end when they go.
    _served: Box<dyn Any>,
}

impl Ground {
    /// So many addresses of real `sshd`, each of which takes 16.
    pub(crate) fn sshd(hosts: usize) -> Ground {
        Ground::sshd_with(hosts, tempfile::tempdir().expect("a directory"), &[])
    }

    /// The same for files: what comes to an address begins in a folder of its own, by the name of the address, in
    /// [`Ground::landed`].
    pub(crate) fn files(hosts: usize) -> Ground {
        let files = tempfile::tempdir().expect("a directory");
        let (script, landed) = (files.path().join("enter"), files.path().join("landed"));
        let text = format!(
            "#!/bin/sh\nset -- $SSH_CONNECTION\nmkdir -p {landed}/$3 && cd {landed}/$3 || exit 1\n\
             case $SSH_ORIGINAL_COMMAND in\n*internal-sftp*) exec {SFTP_SERVER} ;;\n\
             *) exec sh -c \"$SSH_ORIGINAL_COMMAND\" ;;\nesac\n",
            landed = landed.display()
        );
        std::fs::write(&script, text).expect("a file");
        let forced = format!("ForceCommand sh {}", script.display());
        // A shell that thinks it is a nested one leaves the start-up files of whoever measures alone.
        let nested = "SetEnv SHLVL=9";
        Ground::sshd_with(hosts, files, &[&forced, nested])
    }

    fn sshd_with(hosts: usize, files: TempDir, options: &[&str]) -> Ground {
        let dir = files.path().to_owned();
        let key = keygen(KeyKind::Ed25519, &dir.join("key"));
        let addresses: Vec<String> =
            (0..hosts).map(|n| format!("127.1.{}.{}", n / ADDRESSES, 1 + n % ADDRESSES)).collect();
        let servers: Vec<Sshd> = (addresses.chunks(ADDRESSES))
            .map(|some| {
                let some: Vec<&str> = some.iter().map(String::as_str).collect();
                let builder = Sshd::builder().listen(&some).authorize(&key);
                options.iter().fold(builder, |builder, option| builder.option(option)).start()
            })
            .collect();
        let known: String = servers.iter().map(Sshd::known_hosts).collect();
        std::fs::write(dir.join("known_hosts"), known).expect("a file");
        let (mut ports, user) = (String::new(), user());
        let at =
            |(n, address): (usize, &String)| format!("{user}@{address}:{}\n", servers[n / ADDRESSES].port());
        std::fs::write(dir.join("hosts"), addresses.iter().enumerate().map(at).collect::<String>())
            .expect("a file");
        for (n, server) in servers.iter().enumerate() {
            let _ = writeln!(ports, "Host 127.1.{n}.*\n  Port {}", server.port());
        }
        let served: Box<dyn Any> = Box::new((servers, files));
        Ground::new("real sshd", "uname -n; id", (dir, addresses, served), &ports)
    }

    /// So many scripted hosts in a process of its own.
    pub(crate) fn scripted(hosts: usize) -> Ground {
        let server = Server::on_addresses(hosts);
        let dir = server.dir().to_owned();
        let addresses = std::fs::read_to_string(dir.join("hosts")).expect("the hosts");
        let mut port = None;
        let addresses = (addresses.lines())
            .map(|line| {
                let (address, said) = line.trim_start_matches("demo@").rsplit_once(':').expect("a port");
                port = Some(said.to_owned());
                address.to_owned()
            })
            .collect();
        let ports = format!("Host *\n  Port {}\n  User demo\n", port.expect("a host"));
        Ground::new("scripted", "hostname; whoami", (dir, addresses, Box::new(server)), &ports)
    }

    fn new(
        what: &'static str,
        command: &'static str,
        (dir, hosts, served): (PathBuf, Vec<String>, Box<dyn Any>),
        ports: &str,
    ) -> Ground {
        std::fs::write(dir.join("command"), command).expect("a file");
        std::fs::write(dir.join("list"), hosts.join("\n") + "\n").expect("a file");
        std::fs::write(dir.join("ssh"), format!("{ports}{}", common(&dir))).expect("a file");
        Ground { what, command, dir, hosts, _served: served }
    }

    /// Where `key`, `known_hosts`, `ssh` (the configuration), `list` (the hosts, one a line), and what the bare client reads are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of [`Ground::dir`], for a command line.
    pub(crate) fn at(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Where what was sent to [`Ground::files`] lies, by the names of the hosts.
    pub(crate) fn landed(&self) -> PathBuf {
        self.dir.join("landed")
    }

    /// The hosts as all tools name them.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }
}

/// Who runs this: `sshd` lets nobody else in.
fn user() -> String {
    let said = std::process::Command::new("id").arg("-un").output().expect("id of coreutils");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// The nth address of the scripted hosts.
pub(crate) fn address(n: usize) -> Ipv4Addr {
    let [a, b] = [n / 250, 1 + n % 250].map(|part| u8::try_from(part).expect("at most 64,000 hosts"));
    Ipv4Addr::new(127, 2, a, b)
}

/// What is the same for all hosts and tools: the algorithms, one key, host keys that must be known.
fn common(dir: &Path) -> String {
    format!(
        "Host *\n  KexAlgorithms curve25519-sha256\n  Ciphers aes256-gcm@openssh.com\n  HostKeyAlgorithms ssh-ed25519\n  \
         IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  \
         StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n  PreferredAuthentications publickey\n",
        dir.join("key").display(),
        dir.join("known_hosts").display(),
    )
}
