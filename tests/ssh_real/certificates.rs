//! Certificates of users: each of these situations ends with us as it ends with `ssh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use omnes::ssh::{ConnectError, Target};

use crate::common::*;
use crate::login::{Agent, refusal};
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// Keys and authorities in one directory.
struct Papers {
    dir: tempfile::TempDir,
}

impl Papers {
    fn new(kind: KeyKind) -> Papers {
        let papers = Papers { dir: tempfile::tempdir().unwrap() };
        keygen(kind, &papers.key());
        keygen(KeyKind::Ed25519, &papers.path("ca"));
        keygen(KeyKind::Ed25519, &papers.path("stranger"));
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn key(&self) -> PathBuf {
        self.path("user")
    }

    /// Where ssh-keygen puts the certificate: beside the key.
    fn certificate(&self) -> PathBuf {
        self.path("user-cert.pub")
    }

    fn keygen(&self, args: &[&str]) {
        let mut keygen = Command::new(need("ssh-keygen", "openssh-client"));
        let done = keygen.current_dir(self.dir.path()).args(args).stdout(Stdio::null()).status();
        assert!(done.unwrap().success(), "ssh-keygen {args:?}");
    }

    fn sign(&self, authority: &str, args: &[&str]) {
        self.keygen(&[&["-q", "-s", authority, "-I", "test", "-z", "7"], args, &["user.pub"]].concat());
    }
}

/// One situation: what the certificate says, and what the server does.
struct Case {
    what: &'static str,
    kind: KeyKind,
    authority: &'static str,
    args: &'static [&'static str],
    /// Lines of sshd_config; `{}` is the directory of the papers.
    options: &'static [&'static str],
    /// Files in that directory.
    files: &'static [(&'static str, &'static str)],
    expected: Option<&'static str>,
}

const CASE: Case = Case {
    what: "",
    kind: KeyKind::Ed25519,
    authority: "ca",
    args: &["-n", "root"],
    options: &[],
    files: &[],
    expected: None,
};

const RAN: Option<&str> = Some("ran\n");

const CASES: &[Case] = &[
    Case { what: "a good one", expected: RAN, ..CASE },
    Case { what: "RSA", kind: KeyKind::Rsa, expected: RAN, ..CASE },
    Case { what: "ECDSA", kind: KeyKind::Ecdsa, expected: RAN, ..CASE },
    Case { what: "for ever", args: &["-n", "root", "-V", "always:forever"], expected: RAN, ..CASE },
    Case { what: "expired", args: &["-n", "root", "-V", "20200101:20200102"], ..CASE },
    Case { what: "not yet valid", args: &["-n", "root", "-V", "20990101:20990201"], ..CASE },
    Case { what: "wrong principal", args: &["-n", "somebody"], ..CASE },
    Case { what: "no principal", args: &[], ..CASE },
    Case { what: "for hosts", args: &["-h", "-n", "root"], ..CASE },
    Case { what: "another authority", authority: "stranger", ..CASE },
    Case {
        what: "force-command",
        args: &["-n", "root", "-O", "force-command=echo forced"],
        expected: Some("forced\n"),
        ..CASE
    },
    Case {
        what: "source-address, ours",
        args: &["-n", "root", "-O", "source-address=127.0.0.0/8"],
        expected: RAN,
        ..CASE
    },
    Case {
        what: "source-address, another",
        args: &["-n", "root", "-O", "source-address=10.0.0.0/8"],
        ..CASE
    },
    Case { what: "unknown critical option", args: &["-n", "root", "-O", "critical:x@example.org=1"], ..CASE },
    Case { what: "nothing permitted", args: &["-n", "root", "-O", "clear"], expected: RAN, ..CASE },
    Case { what: "revoked key", options: &["RevokedKeys {}/user.pub"], ..CASE },
    Case { what: "revoked authority", options: &["RevokedKeys {}/ca.pub"], ..CASE },
    Case { what: "revoked by number", options: &["RevokedKeys {}/krl"], ..CASE },
    Case {
        what: "principal of a file",
        args: &["-n", "operators"],
        options: &["AuthorizedPrincipalsFile {}/principals"],
        files: &[("principals", "operators\n")],
        expected: RAN,
        ..CASE
    },
    Case {
        what: "not among the principals of a file",
        options: &["AuthorizedPrincipalsFile {}/principals"],
        files: &[("principals", "operators\n")],
        ..CASE
    },
    Case { what: "not among the algorithms", options: &["PubkeyAcceptedAlgorithms ssh-ed25519"], ..CASE },
];

fn server(case: &Case, papers: &Papers) -> Sshd {
    for (name, text) in case.files {
        std::fs::write(papers.path(name), text).unwrap();
    }
    let dir = papers.dir.path().display().to_string();
    let mut sshd = Sshd::builder().option(&format!("TrustedUserCAKeys {dir}/ca.pub"));
    for option in case.options {
        sshd = sshd.option(&option.replace("{}", &dir));
    }
    sshd.start()
}

/// What the command said with `ssh`; `None` if it was not let in.
fn ssh(sshd: &Sshd, args: &[&str], agent: &Path) -> Option<String> {
    let done = Command::new(need("ssh", "openssh-client"))
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-l", &user(), "-p", &sshd.port().to_string()])
        .args(args)
        .args([sshd.address(), "echo ran"])
        .env("SSH_AUTH_SOCK", agent)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() || err.contains("Permission denied"), "{err}");
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
}

/// The same with us.
async fn ours(target: &Target) -> Option<String> {
    match connector().connect(target, &()).await {
        Ok(link) => Some(String::from_utf8(run(&link, "echo ran").await.stdout).unwrap()),
        Err(ConnectError::Login(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_situation_ends_as_with_ssh() {
    let nowhere = Path::new("/nonexistent");
    for case in CASES {
        let papers = Papers::new(case.kind);
        papers.sign(case.authority, case.args);
        if case.what == "revoked by number" {
            std::fs::write(papers.path("numbers"), "serial: 7\n").unwrap();
            papers.keygen(&["-q", "-k", "-f", "krl", "-s", "ca.pub", "numbers"]);
        }
        let sshd = server(case, &papers);
        let (key, certificate) = (papers.key(), papers.certificate());
        let identity = key.to_str().unwrap();
        // Beside its key.
        let expected = case.expected.map(str::to_owned);
        assert_eq!(ssh(&sshd, &["-i", identity], nowhere), expected, "{}: ssh", case.what);
        let beside = target(sshd.address(), sshd.port(), &key);
        assert_eq!(ours(&beside).await, expected, "{}: ours\n{}", case.what, sshd.log());
        // Named, with its key in another place.
        let apart = papers.path("apart");
        std::fs::rename(&key, &apart).unwrap();
        let named =
            Target { certificates: vec![certificate.clone()], ..target(sshd.address(), sshd.port(), &apart) };
        let option = format!("CertificateFile={}", certificate.display());
        let args = ["-i", apart.to_str().unwrap(), "-o", &option];
        assert_eq!(ssh(&sshd, &args, nowhere), expected, "{}: ssh, named", case.what);
        assert_eq!(ours(&named).await, expected, "{}: ours, named", case.what);
        // In the agent. It takes none for hosts, and as for the rest ssh-add takes it with its key.
        std::fs::rename(&apart, &key).unwrap();
        let agent = Agent::start(std::slice::from_ref(&key));
        assert_eq!(ssh(&sshd, &[], &agent.socket), expected, "{}: ssh, agent", case.what);
        let held = Target { agent: Some(agent.socket.clone()), identities: Vec::new(), ..beside };
        assert_eq!(ours(&held).await, expected, "{}: ours, agent", case.what);
    }
}

#[tokio::test]
async fn an_authority_in_authorized_keys_and_a_certificate_whose_key_the_agent_holds() {
    let papers = Papers::new(KeyKind::Ed25519);
    papers.sign("ca", &["-n", "operators"]);
    let authority = std::fs::read_to_string(papers.path("ca.pub")).unwrap();
    let line = format!("cert-authority,principals=\"operators\" {authority}");
    let sshd = Sshd::builder().authorize(line.trim()).start();
    // The certificate was not there when the key was added, and the key's file is gone.
    let certificate = papers.path("later-cert.pub");
    std::fs::rename(papers.certificate(), &certificate).unwrap();
    let agent = Agent::start(&[papers.key()]);
    std::fs::remove_file(papers.key()).unwrap();
    let mut target = target(sshd.address(), sshd.port(), &papers.key());
    target.identities.clear();
    target.agent = Some(agent.socket.clone());
    let why = refusal(connector().connect(&target, &()).await);
    assert_eq!(why, "the key was not accepted");
    target.certificates = vec![certificate];
    assert_eq!(ours(&target).await.as_deref(), Some("ran\n"));
    // Without the agent nobody can sign, and the sentence says so.
    target.agent = None;
    let why = refusal(connector().connect(&target, &()).await);
    assert!(why.contains("no private key for the certificate"), "{why}");
}

#[tokio::test]
async fn an_expired_certificate_does_not_stand_in_the_way_of_its_key() {
    let papers = Papers::new(KeyKind::Ed25519);
    papers.sign("ca", &["-n", "root", "-V", "20200101:20200102"]);
    let public = std::fs::read_to_string(papers.path("user.pub")).unwrap();
    let sshd = Sshd::builder().authorize(public.trim()).start();
    let named = Target {
        certificates: vec![papers.certificate()],
        ..target(sshd.address(), sshd.port(), &papers.key())
    };
    assert_eq!(ours(&named).await.as_deref(), Some("ran\n"));
    let missing = Target { certificates: vec![papers.path("missing")], ..named };
    assert_eq!(ours(&missing).await.as_deref(), Some("ran\n"));
}
