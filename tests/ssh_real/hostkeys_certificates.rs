//! Policies, certificates and revocation lists: what becomes of a connection, and of the file, beside the real `ssh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use omnes::ask::Nobody;
use omnes::ssh::{
    Algorithms, Choice, ConnectError, Connector, HostKeyPolicy, Keeping, KnownHosts, Target, Tcp,
};
use tempfile::TempDir;

use crate::common::*;
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// A server whose host certificate can be changed, and authorities.
struct Lab {
    sshd: Sshd,
    dir: TempDir,
    texts: Vec<(&'static str, String)>,
}

/// One question to both: the user's file, and what else the configuration says.
#[derive(Clone, Debug, Default)]
struct Case {
    known_hosts: String,
    /// `HostKeyAlias`; where empty, the host is looked for as `[127.0.0.1]:PORT`.
    alias: &'static str,
    policy: &'static str,
    revoked: Option<PathBuf>,
    signatures: &'static str,
}

fn case(known_hosts: &str) -> Case {
    Case { known_hosts: known_hosts.to_owned(), alias: "web", policy: "yes", ..Case::default() }
}

impl Lab {
    fn new() -> Lab {
        let dir = TempDir::new().unwrap();
        let certificate = dir.path().join("certificate");
        let sshd = Sshd::builder().option(&format!("HostCertificate {}", certificate.display())).start();
        let key = |kind, name: &str| keygen(kind, &dir.path().join(name));
        let texts = vec![
            ("{K}", sshd.host_key(KeyKind::Ed25519).to_owned()),
            ("{O}", key(KeyKind::Ed25519, "other")),
            ("{E}", key(KeyKind::Ecdsa, "ecdsa")),
            ("{CA}", key(KeyKind::Ed25519, "ca")),
            ("{CA2}", key(KeyKind::Ed25519, "ca2")),
            ("{ECA}", key(KeyKind::Ecdsa, "eca")),
            ("{RCA}", key(KeyKind::Rsa, "rca")),
            ("{P}", sshd.port().to_string()),
        ];
        let mut lab = Lab { sshd, dir, texts };
        let hashed = lab.hashed();
        lab.texts.push(("{H}", hashed));
        lab
    }

    fn text(&self, text: &str) -> String {
        self.texts.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
    }

    /// The name `web`, hashed by ssh-keygen.
    fn hashed(&self) -> String {
        let file = self.dir.path().join("hash");
        fs::write(&file, format!("web {}\n", self.sshd.host_key(KeyKind::Ed25519))).unwrap();
        self.keygen(&["-H", "-f", "hash"]);
        fs::read_to_string(&file).unwrap().split(' ').next().unwrap().to_owned()
    }

    fn keygen(&self, args: &[&str]) {
        let mut command = Command::new(need("ssh-keygen", "openssh-client"));
        let output = command.current_dir(self.dir.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// Gives the server another certificate for its key, made with these arguments.
    fn certify(&mut self, args: &[&str]) {
        let public = self.dir.path().join("host.pub");
        fs::write(&public, self.sshd.host_key(KeyKind::Ed25519)).unwrap();
        self.keygen(&[&["-q"], args, &["host.pub"]].concat());
        fs::rename(self.dir.path().join("host-cert.pub"), self.dir.path().join("certificate")).unwrap();
        self.sshd.kill();
        self.sshd.restart();
    }

    fn file(&self, name: &str, case: &Case) -> PathBuf {
        let file = self.dir.path().join(name);
        fs::write(&file, self.text(&case.known_hosts)).unwrap();
        file
    }

    fn theirs(&self, case: &Case) -> (bool, String) {
        let file = self.file("theirs", case);
        let mut command = Command::new(need("ssh", "openssh-client"));
        command.args(["-F", "none", "-p", &self.sshd.port().to_string()]);
        let mut option = |text: String| {
            command.args(["-o", &text]);
        };
        option(format!("UserKnownHostsFile={}", file.display()));
        option(format!("StrictHostKeyChecking={}", case.policy));
        for fixed in [
            "GlobalKnownHostsFile=none",
            "BatchMode=yes",
            "PreferredAuthentications=none",
            "UpdateHostKeys=no",
        ] {
            option(fixed.to_owned());
        }
        if !case.alias.is_empty() {
            option(format!("HostKeyAlias={}", case.alias));
        }
        if let Some(revoked) = &case.revoked {
            option(format!("RevokedHostKeys={}", revoked.display()));
        }
        if !case.signatures.is_empty() {
            option(format!("CASignatureAlgorithms={}", case.signatures));
        }
        let output = command.args(["127.0.0.1", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let reached = said.contains("Permission denied");
        assert!(reached || said.contains("Host key verification failed"), "ssh said neither: {said}");
        (reached, fs::read_to_string(file).unwrap())
    }

    async fn ours(&self, case: &Case) -> (Result<(), String>, String) {
        let file = self.file("ours", case);
        let algorithms = match case.signatures {
            "" => Algorithms::default(),
            value => Algorithms { ca_signatures: Choice::parse(value), ..Algorithms::default() },
        };
        let base = target_of(&self.sshd);
        let target = Target {
            key_name: if case.alias.is_empty() {
                base.key_name.clone()
            } else {
                case.alias.to_ascii_lowercase()
            },
            key_port: base.key_port.filter(|_| case.alias.is_empty()),
            user_known_hosts: vec![file.clone()],
            policy: match case.policy {
                "yes" => HostKeyPolicy::Strict,
                "ask" => HostKeyPolicy::Ask,
                _ => HostKeyPolicy::AcceptNew,
            },
            keeping: Keeping { revoked: case.revoked.iter().cloned().collect(), ..Keeping::default() },
            algorithms: Arc::new(algorithms),
            ..base
        };
        let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
        let reached = match connector.connect(&target, &()).await {
            Ok(_) => Ok(()),
            Err(ConnectError::HostKey(why)) => Err(why),
            Err(other) => panic!("{other}"),
        };
        (reached, fs::read_to_string(file).unwrap())
    }

    /// Asks both; panics where they differ or where both say something else than is expected.
    async fn compare(&self, title: &str, case: &Case, expected: bool) -> String {
        let (theirs, their_file) = self.theirs(case);
        let (ours, our_file) = self.ours(case).await;
        assert_eq!(ours.is_ok(), theirs, "{title}: ours | ssh's: {case:?} {ours:?}");
        assert_eq!(our_file, their_file, "{title}: {case:?}");
        assert_eq!(theirs, expected, "{title}: {case:?}");
        ours.err().unwrap_or_default()
    }

    /// A key revocation list from a specification for `ssh-keygen -k`.
    fn krl(&self, name: &str, authority: &str, specification: &str) -> PathBuf {
        fs::write(self.dir.path().join("specification"), self.text(specification)).unwrap();
        let authority = if authority.is_empty() { vec![] } else { vec!["-s", authority] };
        self.keygen(&[&["-q", "-k", "-f", name], &authority[..], &["specification"]].concat());
        self.path(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

const VALID: [&str; 10] = ["-s", "ca", "-h", "-I", "web", "-z", "7", "-n", "web,127.0.0.1", "-V"];

fn valid() -> Vec<&'static str> {
    [&VALID[..], &["-1d:+1d"]].concat()
}

/// Every policy with everything that known_hosts can say about the key. `off` is read as `accept-new`, for ours.
#[tokio::test]
async fn policies_decide_as_in_ssh() {
    let mut lab = Lab::new();
    lab.certify(&valid());
    for (title, text, strict, new) in [
        ("new", "db {K}\n", false, true),
        ("same", "web {K}\n", true, true),
        ("changed", "web {O}\n", false, false),
        ("revoked", "web {K}\n@revoked web {K}\n", false, false),
        ("CA right", "@cert-authority web {CA}\n", true, true),
        ("CA wrong", "@cert-authority web {CA2}\n", false, true),
        ("other type", "web {E}\n", false, false),
    ] {
        for (policy, expected) in [("yes", strict), ("ask", strict), ("accept-new", new)] {
            let case = Case { policy, ..case(text) };
            let why = lab.compare(&format!("{title}, {policy}"), &case, expected).await;
            assert_eq!(why.contains("SHA256:") || title == "revoked", !expected, "{title}, {policy}: {why}");
        }
        let off = Case { policy: "off", ..case(text) };
        assert_eq!(lab.ours(&off).await.0.is_ok(), new, "{title}, off");
    }
}

/// Certificates of all kinds, with the authority alone, and with the plain key beside it.
#[tokio::test]
async fn certificates_speak_for_a_host_as_in_ssh() {
    let mut lab = Lab::new();
    let ca = &VALID[..];
    for (title, args, authority, good) in [
        ("valid", valid(), "{CA}", true),
        ("expired", [ca, &["-2d:-1d"]].concat(), "{CA}", false),
        ("not yet valid", [ca, &["+1d:+2d"]].concat(), "{CA}", false),
        ("for ever", vec!["-s", "ca", "-h", "-I", "web", "-n", "web"], "{CA}", true),
        ("for another name", vec!["-s", "ca", "-h", "-I", "web", "-n", "db,*"], "{CA}", false),
        ("for any name", vec!["-s", "ca", "-h", "-I", "web"], "{CA}", true),
        ("of a user", vec!["-s", "ca", "-I", "web", "-n", "web"], "{CA}", false),
        ("of another authority", vec!["-s", "ca2", "-h", "-I", "web", "-n", "web"], "{CA}", false),
        ("by ECDSA", vec!["-s", "eca", "-h", "-I", "web", "-n", "web"], "{ECA}", true),
        ("by RSA", vec!["-s", "rca", "-h", "-I", "web", "-n", "web"], "{RCA}", true),
        (
            "by RSA with SHA-1",
            vec!["-t", "ssh-rsa", "-s", "rca", "-h", "-I", "web", "-n", "web"],
            "{RCA}",
            false,
        ),
        (
            "with an option",
            vec!["-s", "ca", "-h", "-I", "web", "-n", "web", "-O", "critical:x=y"],
            "{CA}",
            false,
        ),
    ] {
        lab.certify(&args);
        let line = format!("@cert-authority *,!db {authority}\n");
        let why = lab.compare(title, &case(&line), good).await;
        let is_void = !good && title != "of another authority";
        assert_eq!(why.contains("certificate is void"), is_void, "{title}: {why}");
        lab.compare(&format!("{title}, key known"), &case(&format!("{line}web {{K}}\n")), true).await;
    }
}

/// One good certificate, and everything that the files may say beside it.
#[tokio::test]
async fn authorities_count_for_the_names_of_their_lines() {
    let mut lab = Lab::new();
    lab.certify(&valid());
    let (named, by_port) = ("web", "");
    for (alias, text, expected) in [
        (named, "@cert-authority w?b {CA}\n", true),
        (named, "@cert-authority {H} {CA}\n", true),
        (named, "@cert-authority *,!web {CA}\n", false),
        (named, "web {CA}\n", false),
        (named, "web {O}\n@cert-authority web {CA}\n", true),
        (named, "@cert-authority web {CA2}\n@cert-authority web {CA}\n", true),
        (named, "@cert-authority web {CA}\n@revoked web {K}\n", false),
        (named, "@cert-authority web {CA}\n@revoked * {CA}\n", false),
        (named, "web {K}\n@revoked * {CA}\n", false),
        (named, "@cert-authority web {CA}\n@revoked web {CA2}\n", true),
        (named, "@cert-authority web {CA2}\nweb {O}\n", false),
        (by_port, "@cert-authority [127.0.0.1]:{P} {CA}\n", true),
        (by_port, "@cert-authority [127.0.0.1]:* {CA}\n", true),
        (by_port, "@cert-authority 127.0.0.1 {CA}\n", true),
        (by_port, "@cert-authority 127.0.* {CA}\n", true),
        (by_port, "@cert-authority [127.0.0.1]:1 {CA}\n", false),
        (by_port, "@cert-authority 127.0.0.1 {CA2}\n", false),
        (by_port, "@cert-authority [127.0.0.1]:{P} {CA2}\n@cert-authority 127.0.0.1 {CA}\n", true),
        (by_port, "[127.0.0.1]:{P} {O}\n@cert-authority 127.0.0.1 {CA}\n", true),
        (by_port, "@cert-authority 127.0.0.1 {CA}\n@revoked 127.0.0.1 {CA}\n", false),
    ] {
        lab.compare(text, &Case { alias, ..case(text) }, expected).await;
    }
    // An alias is taken in lower case, for known_hosts and for the names of a certificate.
    for (alias, text, expected) in [
        ("WEB", "@cert-authority web {CA}\n", true),
        ("WEB", "@cert-authority WEB {CA}\n", true),
        ("WEB", "WEB {K}\n", true),
        ("WEB", "web {K}\n", true),
        ("WEB", "@cert-authority * {CA}\n@revoked web {CA}\n", false),
    ] {
        lab.compare(&format!("{alias}: {text}"), &Case { alias, ..case(text) }, expected).await;
    }
    let line = case("@cert-authority web {CA}\n");
    lab.compare("wrong alias", &Case { alias: "db", ..case("@cert-authority * {CA}\n") }, false).await;
    lab.compare("signatures", &Case { signatures: "-ssh-ed25519", ..line.clone() }, false).await;
    lab.compare("signatures", &Case { signatures: "ssh-ed25519", ..line }, true).await;
    lab.certify(&["-s", "ca", "-h", "-I", "web", "-n", "WEB"]);
    let line = case("@cert-authority web {CA}\n");
    lab.compare("named in upper case", &Case { alias: "WEB", ..line.clone() }, false).await;
    lab.compare("named in upper case, alias in lower", &line, false).await;
}

/// `RevokedHostKeys`, as text and as `ssh-keygen -k` writes it; the certificate has the number 7 and the name `web`.
#[tokio::test]
async fn revocation_lists_are_read_as_ssh_reads_them() {
    let mut lab = Lab::new();
    lab.certify(&valid());
    let text = |name: &str, text: &str| {
        fs::write(lab.path(name), lab.text(text)).unwrap();
        lab.path(name)
    };
    let dense: String = (0..40).filter(|n| n % 3 == 1).map(|n| format!("serial: {n}\n")).collect();
    let sparse: String = (0..40).filter(|n| n % 3 == 2).map(|n| format!("serial: {n}\n")).collect();
    let lists = [
        // A list, whether it revokes the certificate, and whether the plain key.
        (text("key", "# lost\n{O}\n{K} note\n"), true, true),
        (text("authority", "{CA}\n"), true, false),
        (text("others", "\n{O}\n{CA2}\n"), false, false),
        (text("empty", ""), false, false),
        (text("broken", "{O}\nnonsense\n"), true, true),
        (lab.path("missing"), true, true),
        (lab.krl("krl_key", "", "key: {K}\n"), true, true),
        (lab.krl("krl_sha1", "", "sha1: {K}\nsha1: {O}\n"), true, true),
        (lab.krl("krl_sha256", "", "sha256: {K}\n"), true, true),
        (lab.krl("krl_authority", "", "key: {CA}\n"), true, false),
        (lab.krl("krl_other", "", "key: {O}\nsha256: {CA2}\n"), false, false),
        (lab.krl("krl_serial", "ca.pub", "serial: 7\n"), true, false),
        (lab.krl("krl_range", "ca.pub", "serial: 5-5000\n"), true, false),
        (lab.krl("krl_beside", "ca.pub", "serial: 1-6\nserial: 8-9\n"), false, false),
        (lab.krl("krl_dense", "ca.pub", &dense), true, false),
        (lab.krl("krl_sparse", "ca.pub", &sparse), false, false),
        (lab.krl("krl_id", "ca.pub", "id: db\nid: web\n"), true, false),
        (lab.krl("krl_other_id", "ca.pub", "id: we\n"), false, false),
        (lab.krl("krl_other_ca", "ca2.pub", "serial: 7\nid: web\n"), false, false),
    ];
    for (list, certificate, key) in lists {
        let title = list.file_name().unwrap().to_string_lossy().into_owned();
        let with = |known_hosts: &str| Case { revoked: Some(list.clone()), ..case(known_hosts) };
        lab.compare(&title, &with("@cert-authority web {CA}\n"), !certificate).await;
        // Both are shown the certificate, so its revocation counts beside the plain key too.
        lab.compare(&title, &with("web {K}\n"), !certificate && !key).await;
    }
    // Without its certificate the host is judged by its key.
    fs::remove_file(lab.path("certificate")).unwrap();
    lab.sshd.kill();
    lab.sshd.restart();
    let known = |list: &str| Case { revoked: Some(lab.path(list)), ..case("web {K}\n") };
    for (list, expected) in
        [("key", false), ("authority", true), ("krl_sha1", false), ("krl_id", true), ("broken", false)]
    {
        lab.compare(list, &known(list), expected).await;
    }
    let why = lab.ours(&known("missing")).await.0.unwrap_err();
    assert!(why.contains("missing cannot be read") && why.contains("No such file"), "{why}");
    assert!(Path::new(&lab.path("krl_id")).exists());
}
