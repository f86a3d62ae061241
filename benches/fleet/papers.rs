//! The files that clients need: lists of hosts, the key, known_hosts plain and hashed, an ssh_config.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use omnes::demo::Fleet;

/// Lines in the known_hosts file, whatever the number of hosts (or one for each host, where those are more).
const KNOWN_HOSTS_LINES: usize = 5000;

/// Writes into `dir`:
///
/// - `hosts`, by address (`demo@127.0.0.1:PORT`), and `named`, by names that only `config` makes something of;
/// - `key`, with which all hosts let `demo` in;
/// - `known_hosts`, and `hashed`, the same lines with hashed names;
/// - `config`, an ssh_config of 200 `Host` blocks, of which several are for each host.
pub(crate) fn write(fleet: &Fleet, dir: &Path) {
    let known = std::fs::read_to_string(fleet.known_hosts()).expect("its keys");
    let (mut hosts, mut named, mut lines) = (String::new(), String::new(), String::new());
    for (n, (name, line)) in fleet.names().zip(known.lines()).enumerate() {
        let port = fleet.port(name).expect("on loopback");
        let key = line.split_once(' ').expect("a name and a key").1;
        let _ = writeln!(hosts, "demo@127.0.0.1:{port}");
        let _ = writeln!(named, "rack{}-{n}.example.org:{port}", n % 200);
        let _ = writeln!(lines, "[127.0.0.1]:{port} {key}");
    }
    let one_key = known.lines().next().and_then(|line| line.split_once(' ')).expect("a key").1.to_owned();
    for n in lines.lines().count()..KNOWN_HOSTS_LINES {
        let _ = writeln!(lines, "other{n:04}.example.org {one_key}");
    }
    for (name, text) in [
        ("hosts", &hosts),
        ("named", &named),
        ("known_hosts", &lines),
        ("hashed", &lines),
        ("config", &config()),
    ] {
        std::fs::write(dir.join(name), text).expect("a file");
    }
    std::fs::copy(fleet.client_key(), dir.join("key")).expect("the key");
    hash(&dir.join("hashed"));
}

/// OpenSSH's own hashing of names, in place.
fn hash(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    command.arg("-H").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("ssh-keygen of OpenSSH").success(), "ssh-keygen hashes the names");
}

/// 200 blocks: names, prefixes, suffixes, holes and negations. None changes what is offered in the key exchange, so that
/// the floor does the same work; what they set differs from host to host.
fn config() -> String {
    let mut text = String::new();
    for n in 0..200 {
        let pattern = match n % 8 {
            0 => format!("rack{n}-*"),
            1 => format!("node{n} rack{}-1.example.org web{n}", n * 7),
            2 => format!("rack{}?-*.example.org !rack{}0-9*", n / 20, n / 20),
            3 => format!("*-{n}.example.org"),
            4 => "*.example.org !*.internal !bastion*".to_owned(),
            5 => format!("*{n}*.example.* !rack1-*"),
            6 => format!("10.{n}.* fd00::{n}:*"),
            _ => format!("!other* rack*{n}.example.org"),
        };
        let _ = writeln!(text, "Host {pattern}");
        let _ = match n % 4 {
            0 => writeln!(text, "  Port {}\n  Ciphers ^aes256-gcm@openssh.com", 1000 + n),
            1 => writeln!(text, "  NumberOfPasswordPrompts {}\n  ConnectTimeout 60", 1 + n % 5),
            2 => writeln!(text, "  ServerAliveInterval {}\n  SendEnv LANG LC_*", 15 + n),
            _ => writeln!(text, "  UserKnownHostsFile ~/.ssh/known-{n}\n  StrictHostKeyChecking yes"),
        };
    }
    text.push_str("Host *.example.org\n  HostName 127.0.0.1\nHost *\n  User demo\n  ForwardAgent no\n");
    text
}
