//! The files that clients need: lists of hosts, the key, known_hosts plain and hashed, an ssh_config.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use omnes::demo::Fleet;

/// Lines in the known_hosts file, whatever the number of hosts (or one for each host, where those are more).
const KNOWN_HOSTS_LINES: usize = 5000;

/// Writes into `dir`:
///
/// - `hosts`, by address (`demo@ADDRESS:PORT`), `named`, by names that only `config` makes something of, and `odd`, by names
///   of letters of which no two fold, with their `odd-config`;
/// - `key`, with which all hosts let `demo` in;
/// - `known_hosts`, and `hashed`, the same lines with hashed names;
/// - `config`, an ssh_config of 200 `Host` blocks, of which several are for each host.
pub(crate) fn write(fleet: &Fleet, addresses: &[SocketAddr], dir: &Path) {
    let known = std::fs::read_to_string(fleet.known_hosts()).expect("its keys");
    let [mut hosts, mut named, mut odd, mut lines] = [const { String::new() }; 4];
    for (n, (at, line)) in addresses.iter().zip(known.lines()).enumerate() {
        let (address, port) = (at.ip(), at.port());
        let key = line.split_once(' ').expect("a name and a key").1;
        let _ = writeln!(hosts, "demo@{address}:{port}");
        let _ = writeln!(odd, "{}:{port}", letters(n));
        let _ = writeln!(named, "rack{}-{n}.example.org:{port}", n % 200);
        let _ = writeln!(lines, "[{address}]:{port} {key}");
    }
    let one_key = known.lines().next().and_then(|line| line.split_once(' ')).expect("a key").1.to_owned();
    for n in lines.lines().count()..KNOWN_HOSTS_LINES {
        let _ = writeln!(lines, "other{n:04}.example.org {one_key}");
    }
    for (name, text) in [
        ("hosts", &hosts),
        ("named", &named),
        ("odd", &odd),
        ("odd-config", &"Host *\n  HostName 127.0.0.1\n  User demo\n".to_owned()),
        ("known_hosts", &lines),
        ("hashed", &lines),
        ("config", &config()),
    ] {
        std::fs::write(dir.join(name), text).expect("a file");
    }
    std::fs::copy(fleet.client_key(), dir.join("key")).expect("the key");
    hash(&dir.join("hashed"));
}

/// A name of ten letters without any order, another for each number.
fn letters(n: usize) -> String {
    // Multiplied by an odd number, so that no two are the same.
    let mut rest = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let letter = |_| {
        let letter = b'a' + (rest % 26) as u8;
        rest /= 26;
        char::from(letter)
    };
    (0..10).map(letter).collect()
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
