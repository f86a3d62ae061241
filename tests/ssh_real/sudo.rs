//! `sudo` of Debian behind Debian's sshd: accounts made for the test, with a password, without, and with none of sudo's
//! rights.
//!
//! Only root can make an account. Without root these tests say so and end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use omnes::ask::{Answer, Question, SecretKind};
use omnes::hosts::Host;
use omnes::outcome::{Fate, NotRun, Outcome, Unknown};
use omnes::run::sudo::{Password, Sudo};
use omnes::run::work::{Keeper, Recipe, RunsOn};
use omnes::ssh::{SudoPasswords, Target};

use crate::common::*;
use crate::ending::{command, run_there};
use crate::support::need;
use crate::support::sshd::Sshd;

pub(crate) const PASSWORD: &str = "correct horse";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An account with a password and a rule of sudo's; gone when dropped.
pub(crate) struct Account {
    pub(crate) name: String,
    home: tempfile::TempDir,
}

impl Account {
    /// `rule` is what stands behind the name in sudoers, if anything. `None` without root.
    pub(crate) fn new(rule: &str) -> Option<Account> {
        if !rustix::process::getuid().is_root() {
            eprintln!("only root can make an account for this test; it was not run");
            return None;
        }
        need("sudo", "sudo");
        let name = format!("omsudo{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let home = tempfile::tempdir().unwrap();
        let mut add = Command::new(need("useradd", "passwd"));
        add.args(["-M", "-N", "-s", "/bin/sh", "-d"]).arg(home.path()).arg(&name);
        assert!(add.status().unwrap().success(), "useradd");
        let account = Account { name, home };
        let mut child = Command::new(need("chpasswd", "passwd")).stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}:{PASSWORD}", account.name).unwrap();
        assert!(child.wait().unwrap().success(), "chpasswd");
        if !rule.is_empty() {
            let lines = format!("Defaults:{0} !lecture\n{0} {rule}\n", account.name);
            std::fs::write(account.rules(), lines).unwrap();
        }
        Some(account)
    }

    fn rules(&self) -> PathBuf {
        Path::new("/etc/sudoers.d").join(&self.name)
    }

    /// It as the host `name`, all in the cluster `web`.
    fn target(&self, sshd: &Sshd, name: &str) -> Target {
        let cluster = Some("web".to_owned());
        Target { user: self.name.clone(), cluster, host: Host::new(None, name, None), ..target_of(sshd) }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        assert!(self.home.path().exists());
        let _ = std::fs::remove_file(self.rules());
        let gone = Command::new("userdel").args(["-f", &self.name]).stderr(Stdio::null()).status();
        if !gone.is_ok_and(|status| status.success()) {
            eprintln!("the account {} is left behind; userdel -f {0}", self.name);
        }
    }
}

/// A server that lets in keys of anybody.
fn sshd() -> Sshd {
    Sshd::builder().start()
}

fn as_root(line: &str) -> Recipe {
    Recipe { sudo: Some(Sudo { user: None, password: Password::OnDemand }), ..command(line) }
}

type Asked<F> = Arc<Scripted<F>>;

fn asks<F: Fn(usize, &Question) -> Answer + Send + Sync + 'static>(answer: F) -> (Asked<F>, SudoPasswords) {
    let ask = Scripted::new(answer);
    (Arc::clone(&ask), SudoPasswords::new(ask))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for_once_and_given_where_it_is_wanted() {
    let (Some(with), Some(without)) =
        (Account::new("ALL=(ALL) ALL"), Account::new("ALL=(ALL) NOPASSWD: ALL"))
    else {
        return;
    };
    let sshd = sshd();
    let (ask, passwords) = asks(|_, _| Answer::Secret(PASSWORD.into()));
    let mut targets: Vec<Target> = (0..6).map(|n| with.target(&sshd, &format!("web{n}"))).collect();
    targets.extend((6..8).map(|n| without.target(&sshd, &format!("web{n}"))));
    // What a host that wants none would do with one: read it.
    let recipe = as_root("id -un; echo \"$SUDO_USER\"; cat");
    let (summary, said) = run_there(connector(), targets, (recipe, None), Some(passwords)).await;
    assert_eq!(summary.outcomes, vec![Outcome::Exited(0); 8], "{said}");
    let asked = ask.asked.lock().unwrap();
    let kind = SecretKind::Sudo { user: with.name.clone(), cluster: Some("web".to_owned()) };
    assert!(matches!(&asked[..], [Question::Secret(request)] if request.kind == kind), "{asked:?}");
    assert_eq!(said.lines().filter(|line| line.ends_with(": root")).count(), 8, "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("[omnes"), "{said}");
    // Nothing but the eight outputs of two lines, and the summary.
    assert_eq!(said.lines().count(), 17, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typing_error_reaches_three_hosts_and_nothing_runs() {
    let Some(account) = Account::new("ALL=(ALL) ALL") else { return };
    let sshd = sshd();
    let marker = account.home.path().join("ran");
    let targets = || (0..12).map(|n| account.target(&sshd, &format!("web{n:02}"))).collect();
    let (ask, passwords) = asks(|_, _| Answer::Secret("wrong".into()));
    let recipe = as_root(&format!("touch {}", marker.display()));
    let (summary, said) = run_there(connector(), targets(), (recipe.clone(), None), Some(passwords)).await;
    assert!(
        summary.outcomes.iter().all(|outcome| matches!(outcome, Outcome::NotRun(NotRun::Sudo(_)))),
        "{said}"
    );
    assert_eq!((ask.count(), said.matches("Sorry, try again").count()), (3, 3), "{said}");
    assert!(!marker.exists() && !said.contains("wrong\n"), "{said}");
    assert!(said.contains("12 sudo refused: web[00-11]"), "{said}");
    // Mended at the second question: one host saw the error.
    let (ask, passwords) = asks(|n, _| Answer::Secret(if n == 0 { "wrong" } else { PASSWORD }.into()));
    let (summary, said) = run_there(connector(), targets(), (recipe, None), Some(passwords)).await;
    assert_eq!(summary.outcomes, vec![Outcome::Exited(0); 12], "{said}");
    assert_eq!((ask.count(), said.matches("Sorry, try again").count()), (2, 1), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_and_whoever_gives_none_did_not_run() {
    let (Some(with), Some(nobody)) = (Account::new("ALL=(ALL) ALL"), Account::new("")) else { return };
    let sshd = sshd();
    let targets = || vec![with.target(&sshd, "web1"), nobody.target(&sshd, "web2")];
    let (_, passwords) = asks(|_, _| Answer::Refuse);
    let (summary, said) = run_there(connector(), targets(), (as_root("id"), None), Some(passwords)).await;
    let why = |outcome: &Outcome| outcome.to_string();
    assert_eq!(
        summary.outcomes.iter().map(why).collect::<Vec<_>>(),
        ["sudo: no password was given"; 2],
        "{said}"
    );
    let never = Recipe { sudo: Some(Sudo { user: None, password: Password::Never }), ..as_root("id") };
    let (summary, said) = run_there(connector(), targets(), (never, None), None).await;
    let expected = "sudo: it did not let the command run (exit status 1)";
    assert_eq!(summary.outcomes.iter().map(why).collect::<Vec<_>>(), [expected; 2], "{said}");
    let (_, passwords) = asks(|_, _| Answer::Secret(PASSWORD.into()));
    let targets = vec![nobody.target(&sshd, "web2")];
    let (summary, said) = run_there(connector(), targets, (as_root("id"), None), Some(passwords)).await;
    let expected = "sudo: it did not let the command run with the password that it was given (exit status 1)";
    assert_eq!(summary.outcomes.iter().map(why).collect::<Vec<_>>(), [expected], "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_prints_the_prompt_gets_no_password() {
    let Some(account) = Account::new("ALL=(ALL) NOPASSWD: ALL") else { return };
    let sshd = sshd();
    let (ask, passwords) = asks(|_, _| Answer::Secret(PASSWORD.into()));
    // It reads the prompt from the command line of sudo, prints it, and reads what it is given.
    let line = "p=$(tr '\\0' '\\n' </proc/$PPID/cmdline | grep -m1 password); echo \"$p\" >&2; echo \"found ${#p}\"; cat; echo end";
    let (summary, said) =
        run_there(connector(), vec![account.target(&sshd, "web1")], (as_root(line), None), Some(passwords))
            .await;
    assert_eq!(summary.outcomes, [Outcome::Exited(0)], "{said}");
    assert!(
        said.contains("web1: found ") && !said.contains("found 0") && said.contains("web1: end"),
        "{said}"
    );
    assert!(ask.count() == 0 && !said.contains(PASSWORD), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_goes_with_a_terminal_with_another_user_and_with_the_wrapper() {
    let Some(account) = Account::new("ALL=(ALL) ALL") else { return };
    let sshd = sshd();
    let target = || vec![account.target(&sshd, "web1")];
    let answers = || asks(|_, _| Answer::Secret(PASSWORD.into())).1;
    let recipe = Recipe { place: RunsOn::Terminal, ..as_root("id -un; test -t 0 && echo terminal") };
    let (summary, said) = run_there(connector(), target(), (recipe, None), Some(answers())).await;
    assert_eq!(summary.outcomes, [Outcome::Exited(0)], "{said}");
    assert!(said.starts_with("web1: root\r\nweb1: terminal\r\n") && !said.contains(PASSWORD), "{said}");
    let other = Sudo { user: Some("nobody".to_owned()), password: Password::OnDemand };
    let recipe = Recipe { sudo: Some(other), ..command("id -un; exit 4") };
    let (summary, said) = run_there(connector(), target(), (recipe, None), Some(answers())).await;
    assert_eq!(summary.outcomes, [Outcome::Exited(4)], "{said}");
    assert!(said.starts_with("web1: nobody\n"), "{said}");
    // A process of root's, which the server may not signal, ends with its whole group.
    let word = format!("91{}.5", std::process::id());
    let line = format!("trap '' TERM HUP; echo up; sleep {word} & while :; do sleep {word}; done");
    let recipe = Recipe { keeper: Keeper::Wrapper, ..as_root(&line) };
    let limit = Some(Duration::from_secs(2));
    let (summary, said) = run_there(connector(), target(), (recipe, limit), Some(answers())).await;
    assert!(matches!(summary.outcomes[..], [Outcome::Unknown(Unknown::TimedOut(_, Fate::Killed))]), "{said}");
    let left = Command::new("pgrep").args(["-f", "--", &word]).output().unwrap().stdout;
    assert_eq!((String::from_utf8_lossy(&left).as_ref(), said.matches("up\n").count()), ("", 1), "{said}");
}
