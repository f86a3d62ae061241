//! What is agreed on with servers that are not ours: each algorithm alone, no common one, changed bytes, new keys on the
//! way.

use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use omnes::size::Size;
use omnes::ssh::{Algorithms, Choice, ConnectError, Link, Target};

use crate::common::*;
use crate::support::dropbear::Dropbear;
use crate::support::proxy::{Proxy, Toxic, Way};
use crate::support::sshd::{KeyKind, Sshd};

const OLD_KEX: &str =
    "diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1";
const OLD_CIPHERS: &str = "aes128-cbc,aes192-cbc,aes256-cbc";

/// Those of OpenSSH 9.2 that we offer, and the old ones that we offer when they are named.
const KEX: [&str; 12] = [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group-exchange-sha1",
];

const CIPHERS: [&str; 9] = [
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
];

const MACS: [&str; 6] = [
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512",
    "hmac-sha2-256",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
];

const HOST_KEYS: [&str; 5] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"];

/// Each list's entries alone.
fn alone(target: &Target, kex: &[&str], ciphers: &[&str], macs: &[&str]) -> Vec<(String, Target)> {
    let with = |name: &str, change: &dyn Fn(&mut Algorithms)| {
        let mut algorithms = Algorithms::default();
        change(&mut algorithms);
        (name.to_owned(), Target { algorithms: Arc::new(algorithms), ..target.clone() })
    };
    let kex = kex.iter().map(|kex| with(kex, &|wanted| wanted.kex = Choice::parse(kex)));
    let ciphers = ciphers.iter().map(|cipher| with(cipher, &|wanted| wanted.ciphers = Choice::parse(cipher)));
    let macs = macs.iter().map(|mac| {
        with(mac, &|wanted| {
            // Ciphers that come with a MAC of their own would leave nothing to agree on.
            wanted.ciphers = Choice::parse("aes128-ctr");
            wanted.macs = Choice::parse(mac);
        })
    });
    kex.chain(ciphers).chain(macs).collect()
}

async fn works(name: &str, target: &Target) -> Link {
    let link = connector().connect(target, &()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let said = run(&link, "echo works; head -c 100000 /dev/zero").await;
    assert_eq!((said.stdout.len(), said.exit), (100_006, Some(0)), "{name}");
    link
}

#[tokio::test]
async fn each_algorithm_works_alone_with_openssh() {
    let sshd = Sshd::builder()
        .host_keys(&[KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa])
        .option(&format!("KexAlgorithms +{OLD_KEX}"))
        .option(&format!("Ciphers +{OLD_CIPHERS}"))
        .option("HostKeyAlgorithms +ssh-rsa")
        .option("LogLevel DEBUG1")
        .start();
    for (name, target) in alone(&target_of(&sshd), &KEX, &CIPHERS, &MACS) {
        works(&name, &target).await;
        // The server names what was agreed on.
        assert!(sshd.log().contains(&name), "{name}");
    }
    for name in HOST_KEYS {
        let algorithms = Algorithms { host_keys: Choice::parse(name), ..Algorithms::default() };
        works(name, &Target { algorithms: Arc::new(algorithms), ..target_of(&sshd) }).await;
        assert!(sshd.log().contains(&format!("kex: host key algorithm: {name}")), "{name}");
    }
}

#[tokio::test]
async fn unasked_the_best_common_ones_are_taken() {
    let sshd = Sshd::builder().option("LogLevel DEBUG1").start();
    works("ours", &target_of(&sshd)).await;
    let log = sshd.log();
    assert!(log.contains("kex: algorithm: curve25519-sha256 "), "{log}");
    assert!(log.contains("kex: host key algorithm: ssh-ed25519 "), "{log}");
    assert!(log.contains("kex: client->server cipher: aes256-gcm@openssh.com"), "{log}");
}

#[tokio::test]
async fn nothing_is_offered_that_ssh_would_not_offer() {
    let sshd = Sshd::builder().option("LogLevel DEBUG2").start();
    works("ours", &target_of(&sshd)).await;
    let log = sshd.log();
    // Without a configuration `ssh -G` prints the defaults.
    let defaults = Command::new("ssh").args(["-F", "none", "-G", "host"]).output().unwrap().stdout;
    let defaults = String::from_utf8(defaults).unwrap();
    let proposal = log.split("peer client KEXINIT proposal").nth(1).expect("sshd names what we offer");
    for (ours, keyword, besides) in [
        (
            "KEX algorithms: ",
            "kexalgorithms ",
            "mlkem768x25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com",
        ),
        ("host key algorithms: ", "hostkeyalgorithms ", ""),
        ("ciphers ctos: ", "ciphers ", ""),
        ("MACs ctos: ", "macs ", ""),
        ("compression ctos: ", "", "none,zlib@openssh.com"),
    ] {
        let list = |text: &str, head: &str| -> Vec<String> {
            // A name of one list ends with that of another (gssapikexalgorithms).
            let starts = |line: &&str| line.starts_with(head) || line.contains(&format!(": {head}"));
            let line = text.lines().find(starts).and_then(|line| line.split_once(head)).map(|(_, rest)| rest);
            let names = line.unwrap_or_default().trim_end_matches(" [preauth]").split(',');
            names.map(str::to_owned).collect()
        };
        let offered = list(proposal, ours);
        let theirs = if keyword.is_empty() { Vec::new() } else { list(&defaults, keyword) };
        for name in &offered {
            let new = besides.split(',').any(|one| one == name);
            assert!(new || theirs.contains(name), "{ours}{name} is not among {theirs:?}");
        }
        assert!(!offered.is_empty() && !offered[0].is_empty(), "{proposal}");
        if keyword == "kexalgorithms " {
            assert_eq!(offered[..2], ["mlkem768x25519-sha256", "curve25519-sha256"]);
            assert!(offered.contains(&"kex-strict-c-v00@openssh.com".to_owned()), "{offered:?}");
        }
    }
}

#[tokio::test]
async fn without_a_common_algorithm_both_lists_are_named() {
    for (ours, theirs, kind) in [
        ("KexAlgorithms mlkem768x25519-sha256", "diffie-hellman-group14-sha256", "key exchange"),
        ("Ciphers aes256-gcm@openssh.com", "aes128-ctr", "cipher"),
        ("MACs hmac-sha2-512", "umac-64@openssh.com", "MAC"),
        ("HostKeyAlgorithms rsa-sha2-512", "ssh-ed25519", "type of host key"),
    ] {
        let (keyword, name) = ours.split_once(' ').unwrap();
        let server = Sshd::builder().option(&format!("{keyword} {theirs}")).start();
        let mut wanted = Algorithms::default();
        match keyword {
            "KexAlgorithms" => wanted.kex = Choice::parse(name),
            "Ciphers" => wanted.ciphers = Choice::parse(name),
            "MACs" => {
                wanted.macs = Choice::parse(name);
                wanted.ciphers = Choice::parse("aes128-ctr");
            }
            _ => wanted.host_keys = Choice::parse(name),
        }
        let target = Target { algorithms: Arc::new(wanted), ..target_of(&server) };
        let error = connector().connect(&target, &()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        let error = error.to_string();
        for word in [kind, keyword, name, theirs] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}

#[tokio::test]
async fn dropbear_is_a_host_like_any_other() {
    let dropbear = Dropbear::start();
    let target = target("127.0.0.1", dropbear.port(), &dropbear.client_key());
    let link = works("ours", &target).await;
    for code in [0, 1, 44, 255] {
        let said = run(&link, &format!("echo out; echo err >&2; exit {code}")).await;
        assert_eq!((said.stdout.as_slice(), said.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(said.exit, Some(code));
    }
    assert_eq!(run(&link, "kill -KILL $$").await.signal.as_deref(), Some("KILL"));
    let mut channel = link.exec(b"wc -c").await.unwrap();
    for _ in 0..20 {
        channel.input.write(Bytes::from(vec![b'x'; 100_000])).await.unwrap();
    }
    channel.input.eof().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&collect(channel).await.stdout).trim(), "2000000");
    let mut shell = link.shell("xterm", Size::new(30, 90)).await.unwrap();
    shell.input.write("stty size; echo term=$TERM\n".into()).await.unwrap();
    let seen = until(&mut shell, "term=xterm").await;
    assert!(seen.contains("30 90"), "{seen}");
    shell.input.write("exit 9\n".into()).await.unwrap();
    assert_eq!(collect(shell).await.exit, Some(9));
}

#[tokio::test]
async fn each_algorithm_works_alone_with_dropbear() {
    let dropbear = Dropbear::start();
    let target = target("127.0.0.1", dropbear.port(), &dropbear.client_key());
    let kex =
        ["curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256"];
    let ciphers = ["chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"];
    for (name, target) in alone(&target, &kex, &ciphers, &["hmac-sha2-256", "hmac-sha1"]) {
        works(&name, &target).await;
    }
    let (_, gcm) = alone(&target, &[], &["aes256-gcm@openssh.com"], &[]).remove(0);
    let error = connector().connect(&gcm, &()).await.unwrap_err().to_string();
    assert!(error.contains("no common cipher: the host has") && error.contains("aes128-ctr"), "{error}");
}

/// Bytes that a command says while a byte of it is changed on the way.
const SAID: u64 = 20_000;

#[tokio::test]
async fn a_byte_that_was_changed_on_the_way_is_never_taken() {
    let sshd = Sshd::builder().start();
    let say = format!("yes | head -c {SAID}");
    for (name, target) in alone(&target_of(&sshd), &[], &CIPHERS[..6], &MACS) {
        let proxy = Proxy::to(sshd.port());
        let mut target = Target { port: proxy.port(), key_port: Some(proxy.port()), ..target };
        let link = connector().connect(&target, &()).await.unwrap();
        assert_eq!(run(&link, &say).await.stdout.len() as u64, SAID, "{name}: without a change all is well");
        link.close().await;
        let whole = proxy.passed(Way::Down);
        // Where the command speaks, and once in the exchange of keys, which knows no cipher yet.
        let offsets = (1..10).map(|n| whole - SAID + n * SAID / 10 - 500);
        let offsets = offsets.chain((name == CIPHERS[0]).then_some(300));
        target.connect_timeout = std::time::Duration::from_secs(5);
        for offset in offsets {
            proxy.set(Way::Down, Toxic::Flip(offset, 1 << (offset % 8)));
            let taken = async {
                let link = connector().connect(&target, &()).await.ok()?;
                let said = collect(link.exec(say.as_bytes()).await.ok()?).await;
                (said.closed == Some(Ok(()))).then_some(said)
            };
            // A length that was changed leaves the client waiting for more than comes.
            let taken = tokio::time::timeout(std::time::Duration::from_secs(10), taken).await;
            assert!(!matches!(taken, Ok(Some(_))), "{name} at {offset} of {whole}: {taken:?}");
        }
    }
}

/// Text in which every part differs from every other.
fn text(bytes: usize) -> Vec<u8> {
    let mut text: Vec<u8> = (0..).flat_map(|n: usize| format!("{n} ").into_bytes()).take(bytes).collect();
    text[bytes - 1] = b'\n';
    text
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// With `OMNES_TEST_REKEY=1` also 64 MB, with new keys each 256 kB, and each 5 seconds.
#[tokio::test]
async fn new_keys_on_the_way_lose_nothing() {
    let mut cases = vec![(300_000, "1K", 50), (300_000, "16K", 10), (300_000, "128K", 2)];
    if std::env::var_os("OMNES_TEST_REKEY").is_some() {
        cases.extend([(64_000_000, "256K", 200), (64_000_000, "1G 5s", 0)]);
    }
    for (bytes, limit, least) in cases {
        let text = text(bytes);
        let digest = digest(&text);
        let sshd = Sshd::builder().option(&format!("RekeyLimit {limit}")).option("LogLevel DEBUG1").start();
        let file = sshd.dir().join("text");
        std::fs::write(&file, &text).unwrap();
        let link = connector().connect(&target_of(&sshd), &()).await.unwrap();

        let down = run(&link, &format!("cat {}", file.display())).await;
        assert!(down.stdout == text, "{limit}: {} bytes", down.stdout.len());
        let mut up = link.exec(b"sha256sum").await.unwrap();
        for piece in text.chunks(10_000) {
            up.input.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        up.input.eof().await.unwrap();
        let said = collect(up).await;
        assert!(String::from_utf8_lossy(&said.stdout).starts_with(&digest), "{limit}: {said:?}");

        // Both ways at once in a terminal that changes nothing.
        let mut shell = link.shell("dumb", Size::DEFAULT).await.unwrap();
        let command =
            format!("PS1=; stty raw -echo; echo read''y; head -c {bytes} | tee {}.up\n", file.display());
        shell.input.write(command.into()).await.unwrap();
        until(&mut shell, "ready").await;
        let writer = async {
            for piece in text.chunks(10_000) {
                shell.input.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            shell.input.write("stty sane; exit 6\n".into()).await.unwrap();
        };
        let reader = async {
            let mut seen = Vec::new();
            loop {
                match shell.output.next().await {
                    omnes::ssh::ChannelEvent::Data(bytes) => seen.extend_from_slice(&bytes),
                    omnes::ssh::ChannelEvent::Closed(how) => return (seen, how),
                    _ => {}
                }
            }
        };
        let both = async { tokio::join!(writer, reader) };
        let ((), (seen, how)) = tokio::time::timeout(DEADLINE, both).await.expect("the terminal ends");
        assert_eq!(how, Ok(()));
        let start = seen.windows(4).position(|part| part == &text[..4]).expect("the text comes back");
        assert!(seen[start..].starts_with(&text), "{limit}: the terminal's text differs");
        assert!(std::fs::read(file.with_extension("up")).unwrap() == text, "{limit}: what went up differs");

        let renewed = sshd.log().matches("rekeying").count();
        assert!(renewed >= least, "{limit}: {renewed} times new keys");
        link.close().await;
    }
}
