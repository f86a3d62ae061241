//! `omnes keys` where an authority vouches for hosts.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::common::{host_at, lab, name, stranger, told};
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// A server with a certificate by the authority `ca` in `directory`, for so long (`-V`).
fn certified(directory: &Path, valid: &str) -> Sshd {
    let certificate = directory.join(format!("certificate{valid}"));
    let server = Sshd::builder().option(&format!("HostCertificate {}", certificate.display())).start();
    let key = directory.join("key.pub");
    std::fs::write(&key, server.host_key(KeyKind::Ed25519)).expect("written");
    let mut command = Command::new(need("ssh-keygen", "openssh-client"));
    command.current_dir(directory).args([
        "-q",
        "-s",
        "ca",
        "-h",
        "-I",
        "web",
        "-n",
        "127.0.0.1",
        "-V",
        valid,
    ]);
    assert!(command.arg(&key).status().expect("ssh-keygen starts").success());
    std::fs::rename(directory.join("key-cert.pub"), certificate).expect("a certificate");
    server
}

#[test]
fn an_authority_makes_a_host_certified_unless_it_is_void_or_revoked() {
    let directory = TempDir::new().expect("a directory");
    let authority = keygen(KeyKind::Ed25519, &directory.path().join("ca"));
    let servers = [
        certified(directory.path(), "+1d"),
        certified(directory.path(), "20200101:20200102"),
        certified(directory.path(), "+2d"),
        certified(directory.path(), "+3d"),
    ];
    let lab = lab(&[]);
    for (n, server) in servers.iter().enumerate() {
        host_at(&lab, &format!("web{}", n + 1), server.port());
    }
    let text = format!(
        "@cert-authority [127.0.0.1]:* {authority}\n@revoked {} {}\n{} {}\n",
        name(&servers[2]),
        servers[2].host_key(KeyKind::Ed25519),
        name(&servers[3]),
        stranger(&lab, KeyKind::Ed25519),
    );
    lab.write(".ssh/known_hosts", &text);
    let (code, out, err) = told(&lab.run(&["keys", "web[1-4]"]));
    assert_eq!(code, 1, "{out}{err}");
    let lines: Vec<&str> = out.lines().collect();
    // What the authority vouches for counts more than an old key that is held.
    let rows = [
        "certified                2  web[1,4]",
        "new                      1  web2",
        "revoked                  1  web3",
    ];
    assert_eq!(lines[..3], rows, "{out}");
    let void = "web2: void ssh-ed25519-cert-v01@openssh.com SHA256:";
    assert!(lines.iter().any(|line| line.starts_with(void) && line.contains("it has expired")), "{out}");
    let (code, out, err) = told(&lab.run(&["keys", "web1", "--accept", "--yes"]));
    assert_eq!((code, out.as_str()), (0, "certified                1  web1\n"), "{err}");
    assert!(err.contains("there is no key to learn"), "{err}");
    // Whoever connects sees it the same way.
    let (code, _, err) = told(&lab.run(&["ping", "web1"]));
    assert!(code == 3 && err.contains("login refused"), "{err}");
}
