//! Passwords and questions by Debian's own sshd: an account made for the test, and a PAM service of its own.
//!
//! Only root can make an account and a PAM service. Without root these tests say so and end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use omnes::ask::{Answer, Nobody, Question};
use omnes::ssh::{Logins, Method, Target, Way};

use crate::common::*;
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, SshdBuilder, keygen};

const PASSWORD: &str = "correct horse";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An account with a password, a home, and a PAM service; gone when dropped.
struct Account {
    name: String,
    service: String,
    home: tempfile::TempDir,
}

impl Account {
    /// `auth` are the lines of the service that ask. `None` without root.
    fn new(auth: &[&str]) -> Option<Account> {
        if !rustix::process::getuid().is_root() {
            eprintln!("only root can make an account for this test; it was not run");
            return None;
        }
        let name = format!("omnes{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let home = tempfile::tempdir().unwrap();
        let mut add = Command::new(need("useradd", "passwd"));
        add.args(["-M", "-N", "-s", "/bin/sh", "-d"]).arg(home.path()).arg(&name);
        assert!(add.status().unwrap().success(), "useradd");
        let account = Account { service: name.clone(), name, home };
        let mut child =
            Command::new(need("chpasswd", "passwd")).stdin(Stdio::piped()).spawn().expect("chpasswd starts");
        writeln!(child.stdin.take().unwrap(), "{}:{PASSWORD}", account.name).unwrap();
        assert!(child.wait().unwrap().success(), "chpasswd");
        let pam =
            format!("{}\naccount required pam_permit.so\nsession required pam_permit.so\n", auth.join("\n"));
        std::fs::write(account.pam(), pam).unwrap();
        Some(account)
    }

    fn pam(&self) -> PathBuf {
        Path::new("/etc/pam.d").join(&self.service)
    }

    fn sshd(&self) -> SshdBuilder {
        Sshd::builder().service(&self.service).option("UsePAM yes")
    }

    fn target(&self, sshd: &Sshd) -> Target {
        let mut target = target_of(sshd);
        target.user.clone_from(&self.name);
        target.identities.clear();
        target
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        assert!(self.home.path().exists());
        let _ = std::fs::remove_file(self.pam());
        let _ = Command::new("userdel").arg(&self.name).stderr(Stdio::null()).status();
    }
}

const ONE: &[&str] = &["auth required pam_unix.so nodelay"];
/// A password, and then a round that says something and asks nothing.
const TWO: &[&str] =
    &["auth requisite pam_unix.so nodelay", "auth optional pam_echo.so file=/etc/debian_version"];

fn always(answer: &'static str) -> Arc<Scripted<impl Fn(usize, &Question) -> Answer + Send + Sync>> {
    Scripted::new(move |_, _| Answer::Secret(answer.into()))
}

#[tokio::test]
async fn a_password_logs_in_and_a_wrong_one_does_so_nowhere() {
    let Some(account) = Account::new(ONE) else { return };
    let sshd = account.sshd().option("PasswordAuthentication yes").start();
    let ask = always(PASSWORD);
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    let link = connector.connect(&account.target(&sshd), &()).await.unwrap();
    assert_eq!(run(&link, "id -un").await.stdout, format!("{}\n", account.name).as_bytes());
    assert_eq!(ask.count(), 1);
    // Fifty logins with a wrong one: three hosts see it, as the server's log says.
    let ask = always("wrong");
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let (connector, target) = (connector.clone(), account.target(&sshd));
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    for login in logins {
        let why = login.await.unwrap().unwrap_err().to_string();
        assert_eq!(why, "login refused (no password was accepted)");
    }
    assert_eq!(ask.count(), 3);
    assert_eq!(sshd.log().matches("Failed password").count(), 3, "{}", sshd.log());
}

#[tokio::test]
async fn pam_asks_in_one_round_or_in_several() {
    let Some(account) = Account::new(ONE) else { return };
    let sshd = account.sshd().option("KbdInteractiveAuthentication yes").start();
    let ask = always(PASSWORD);
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    for _ in 0..3 {
        connector.connect(&account.target(&sshd), &()).await.unwrap();
    }
    assert!(matches!(&ask.asked.lock().unwrap()[..], [Question::Secret(_)]), "asked once");

    let Some(account) = Account::new(TWO) else { return };
    let sshd = account.sshd().option("KbdInteractiveAuthentication yes").start();
    let ask = always(PASSWORD);
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    connector.connect(&account.target(&sshd), &()).await.unwrap();
    assert!(matches!(&ask.asked.lock().unwrap()[..], [Question::Secret(_)]), "asked once");
}

#[tokio::test]
async fn a_key_and_then_a_password_or_an_answer_in_either_order() {
    let Some(account) = Account::new(ONE) else { return };
    for (methods, order) in [
        ("publickey,password", vec![Method::Keys, Method::Password]),
        ("publickey,keyboard-interactive", vec![Method::Keys, Method::Interactive]),
        ("password,publickey", vec![Method::Keys, Method::Interactive, Method::Password]),
        ("publickey,password", vec![Method::Password, Method::Keys]),
        ("publickey,publickey", vec![Method::Keys]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        let sshd = account
            .sshd()
            .authorize(&keygen(KeyKind::Ed25519, &first))
            .authorize(&keygen(KeyKind::Ed25519, &second))
            .option("PasswordAuthentication yes")
            .option("KbdInteractiveAuthentication yes")
            .option(&format!("AuthenticationMethods {methods}"))
            .start();
        let mut target = account.target(&sshd);
        target.identities = vec![first, second];
        target.logins = Logins { order: order.clone(), ..Logins::default() };
        let connector = connector_with(always(PASSWORD), Arc::new(Keys::default()));
        let ended = connector.connect(&target, &()).await;
        ended.unwrap_or_else(|error| panic!("{methods} in the order {order:?}: {error}\n{}", sshd.log()));
        assert_eq!(sshd.log().matches("Failed").count(), 0, "{methods}: {}", sshd.log());
    }
}

#[tokio::test]
async fn after_too_many_keys_the_password_is_asked_for() {
    let Some(account) = Account::new(ONE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<PathBuf> = (0..8).map(|n| dir.path().join(format!("k{n}"))).collect();
    keys.iter().for_each(|key| drop(keygen(KeyKind::Ed25519, key)));
    for tries in [6, 3] {
        let tries = format!("MaxAuthTries {tries}");
        let sshd = account.sshd().option("PasswordAuthentication yes").option(&tries).start();
        let mut target = account.target(&sshd);
        target.identities.clone_from(&keys);
        let connector = connector_with(always(PASSWORD), Arc::new(Keys::default()));
        connector.connect(&target, &()).await.unwrap_or_else(|error| panic!("{tries}: {error}"));
    }
}

#[tokio::test]
async fn what_the_server_says_about_an_account_stands_in_the_sentence() {
    let Some(account) = Account::new(&["auth required pam_unix.so nodelay"]) else { return };
    let pam = "auth required pam_permit.so\naccount optional pam_echo.so file=/etc/pam.d/";
    let note = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(note.path(), "Account expired\x1b[2J, call the help desk\n").unwrap();
    let pam = pam.replace("/etc/pam.d/", &note.path().display().to_string());
    std::fs::write(
        account.pam(),
        format!("{pam}\naccount required pam_deny.so\nsession required pam_permit.so\n"),
    )
    .unwrap();
    let sshd = account.sshd().start();
    let mut target = account.target(&sshd);
    target.identities = vec![sshd.client_key()];
    let why = connector().connect(&target, &()).await.unwrap_err().to_string();
    assert!(why.contains("Account expired") && !why.contains('\x1b'), "{why}");
}

/// Runs omnes without a terminal, with the server in an own home.
fn omnes(account: &Account, sshd: &Sshd, args: &[&str], debug: Option<&Path>) -> Output {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/known_hosts"), sshd.known_hosts()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
    command.env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap());
    command.arg("run").args(args);
    if let Some(file) = debug {
        command.arg("--debug").arg(file);
    }
    command.arg(format!("{}@127.0.0.1:{}", account.name, sshd.port())).args(["--", "id", "-un"]);
    command.stdin(Stdio::null()).output().expect("omnes runs")
}

#[test]
fn a_run_takes_the_password_from_a_command_or_a_descriptor_and_never_waits_for_one() {
    let Some(account) = Account::new(ONE) else { return };
    for option in ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"] {
        let sshd = account.sshd().option(option).start();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{PASSWORD}\nsecond line\n")).unwrap();
        let command = format!("cat '{}'", file.path().display());
        let log = file.path().with_extension("log");
        let done = omnes(&account, &sshd, &["--password-command", &command], Some(&log));
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success() && out.contains(&account.name), "{option}: {out}{err}");
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(!log.is_empty() && !log.contains(PASSWORD) && !err.contains(PASSWORD), "{log}");
        // A descriptor that is inherited.
        let script = format!("exec 7<{}; exec \"$@\"", file.path().display());
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/known_hosts"), sshd.known_hosts()).unwrap();
        let host = format!("{}@127.0.0.1:{}", account.name, sshd.port());
        let done = Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_omnes")])
            .args(["run", "--password-fd", "7", &host, "--", "id", "-un"])
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // No answer is an outcome.
        let done = omnes(&account, &sshd, &[], None);
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(3), "{err}");
        assert!(err.contains("needs a password") && err.contains("--password-command"), "{err}");
        let before = sshd.log();
        for (args, word) in [
            (vec!["--password-command", "false"], "`false` failed"),
            (vec!["--password-command", "/nonexistent/pass x"], "/nonexistent/pass"),
            (vec!["--password-fd", "99"], "--password-fd 99"),
        ] {
            let done = omnes(&account, &sshd, &args, None);
            let err = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(2), "{args:?}: {err}");
            assert!(err.contains(word), "{args:?}: {err}");
        }
        assert_eq!(sshd.log(), before, "nothing was contacted");
        // One that is wrong is tried once.
        let done = omnes(&account, &sshd, &["--password-command", "echo wrong"], None);
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(3), "{err}");
        assert!(err.contains("no password was accepted"), "{err}");
    }
}

#[test]
fn asking_without_a_terminal_is_an_error_before_anything_is_contacted() {
    let sshd = Sshd::builder().start();
    // A session of its own has no terminal.
    let done = Command::new("setsid")
        .args(["-w", env!("CARGO_BIN_EXE_omnes"), "run", "--ask-password"])
        .args([&format!("127.0.0.1:{}", sshd.port()), "--", "true"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{err}");
    assert!(err.contains("no terminal") && err.contains("--password-command"), "{err}");
    assert!(!sshd.log().contains("Connection from"));
}

#[tokio::test]
async fn what_is_barred_is_not_asked() {
    let Some(account) = Account::new(ONE) else { return };
    let sshd = account.sshd().option("KbdInteractiveAuthentication yes").start();
    let logins = Logins { interactive: Way::Barred, passwords: Way::Barred, ..Logins::default() };
    let target = Target { logins, ..account.target(&sshd) };
    let connector = connector_with(Arc::new(Nobody), Arc::new(Keys::default()));
    let why = connector.connect(&target, &()).await.unwrap_err().to_string();
    assert!(why.contains("KbdInteractiveAuthentication"), "{why}");
}
