//! What the tests of surveys share.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::Lab;
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// All kinds of host keys.
pub(crate) const ALL: [KeyKind; 3] = [KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa];

/// Exit code, standard output, standard error.
pub(crate) fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

/// Servers with these host keys, which are the hosts web1, web2, … of the cluster `lab`; nothing is known of them.
pub(crate) fn lab(servers: &[&[KeyKind]]) -> Lab {
    let lab = Lab::of(servers.iter().map(|kinds| Sshd::builder().host_keys(kinds).start()).collect());
    let names: Vec<String> = (1..=servers.len()).map(|n| format!("web{n}")).collect();
    let keys: Vec<PathBuf> = lab.servers.iter().map(Sshd::client_key).collect();
    lab.name(&names.iter().map(String::as_str).collect::<Vec<_>>(), &keys);
    lab
}

/// The name under which known_hosts has a server.
pub(crate) fn name(server: &Sshd) -> String {
    format!("[127.0.0.1]:{}", server.port())
}

/// A key of nobody, as `algorithm base64`.
pub(crate) fn stranger(lab: &Lab, kind: KeyKind) -> String {
    let file = tempfile::Builder::new().prefix("key").make_in(lab.home.path(), |path| {
        keygen(kind, path);
        Ok(())
    });
    let file = file.expect("a place for a key");
    let text = fs::read_to_string(file.path().with_extension("pub")).expect("the public half");
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The fingerprint that `ssh-keygen -l` gives a key, `algorithm base64`.
pub(crate) fn fingerprint(key: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), key).expect("written");
    let mut command = Command::new(need("ssh-keygen", "openssh-client"));
    let output = command.args(["-l", "-f"]).arg(file.path()).output().expect("ssh-keygen starts");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().nth(1).expect("a fingerprint").to_owned()
}

/// The keys, as `algorithm base64`, that `ssh-keygen -F` finds for a name in a file.
pub(crate) fn found_by_keygen(file: &Path, name: &str) -> Vec<String> {
    let mut command = Command::new(need("ssh-keygen", "openssh-client"));
    let output = command.args(["-F", name, "-f"]).arg(file).output().expect("ssh-keygen starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with(['#', '@']));
    let mut keys: Vec<String> =
        lines.map(|line| line.split_whitespace().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect();
    keys.sort();
    keys
}

/// Does `ssh` itself, which never asks here, get in with the host key of this kind?
pub(crate) fn ssh_gets_in(lab: &Lab, server: &Sshd, kind: KeyKind) -> bool {
    let algorithm = match kind {
        KeyKind::Ed25519 => "ssh-ed25519",
        KeyKind::Ecdsa => "ecdsa-sha2-nistp256",
        KeyKind::Rsa => "rsa-sha2-512",
    };
    let known = lab.path(".ssh/known_hosts").display().to_string();
    let mut command = Command::new(need("ssh", "openssh-client"));
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    command.args(["-o", &format!("UserKnownHostsFile={known}"), "-o", "GlobalKnownHostsFile=none"]);
    command.args(["-o", &format!("HostKeyAlgorithms={algorithm}"), "-o", "UpdateHostKeys=no"]);
    command.arg("-i").arg(server.client_key()).args(["-p", &server.port().to_string(), "127.0.0.1", "true"]);
    command.output().expect("ssh starts").status.success()
}

/// A host whose port nobody listens on; adds it to the cluster as `name`.
pub(crate) fn dead_host(lab: &Lab, name: &str) {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    host_at(lab, name, port);
}

/// Adds a host at a port of this machine, beside the cluster.
pub(crate) fn host_at(lab: &Lab, name: &str, port: u16) {
    let file = lab.path(".config/omnes/clusters.toml");
    let mut text = fs::read_to_string(&file).expect("the cluster file");
    text.push_str(&format!("[hosts.{name}]\naddress = \"127.0.0.1\"\nport = {port}\n"));
    fs::write(file, text).expect("written");
}

/// The text of known_hosts.
pub(crate) fn known_hosts(lab: &Lab) -> String {
    fs::read_to_string(lab.path(".ssh/known_hosts")).expect("known_hosts")
}
