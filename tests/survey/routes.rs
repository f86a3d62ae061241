//! Hosts that are reached through others.

use crate::common::{lab, name, told};
use crate::support::sshd::{KeyKind, Sshd};

const ED: &[KeyKind] = &[KeyKind::Ed25519];

#[test]
fn the_same_way_is_taken_to_time_a_host_and_to_ask_for_its_keys() {
    let lab = lab(&[ED, &[KeyKind::Ed25519, KeyKind::Rsa]]);
    let [bastion, inner] = &lab.servers[..] else { panic!("two servers") };
    let entry = |host: &str, server: &Sshd, way: &str| {
        let (port, key) = (server.port(), server.client_key());
        format!(
            "Host {host}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  {way}\n",
            key.display()
        )
    };
    let command = format!(
        "ProxyCommand ssh -q -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i {} -p {} -W %h:%p 127.0.0.1",
        bastion.client_key().display(),
        bastion.port(),
    );
    let config = [
        entry("bastion", bastion, ""),
        entry("inner", inner, "ProxyJump bastion"),
        entry("piped", inner, &command),
    ];
    lab.write(".ssh/config", &config.concat());
    lab.write(".ssh/known_hosts", &bastion.known_hosts());
    for host in ["inner", "piped"] {
        let (code, out, err) = told(&lab.run(&["keys", host]));
        assert_eq!(code, 1, "{host}: {out}{err}");
        let expected = format!("{host}: new ssh-rsa ");
        assert!(out.lines().any(|line| line.starts_with(&expected) && line.ends_with(&name(inner))), "{out}");
        assert!(!inner.log().contains("Accepted"), "{}", inner.log());
    }
    let (code, _, err) = told(&lab.run(&["keys", "inner", "--accept", "--yes"]));
    assert_eq!(code, 0, "{err}");
    for (host, row) in [("inner", "\njump host "), ("piped", "\nproxy command ")] {
        let (code, out, err) = told(&lab.run(&["ping", host]));
        assert_eq!(code, 0, "{host}: {out}{err}");
        assert!(out.contains(row), "{out}");
    }
}
