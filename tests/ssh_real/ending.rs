//! What becomes of commands that are told to end, by servers that do different things with a signal request: Debian's sshd
//! signals the process group of the command, but nothing where root logged in; dropbear signals one process.

use std::sync::Arc;
use std::time::Duration;

use omnes::hosts::Facts;
use omnes::outcome::{Fate, Outcome, Unknown};
use omnes::run::exec::Exec;
use omnes::run::report::{Sink, Sinks};
use omnes::run::script::Interpreter;
use omnes::run::work::{Keeper, Orders, Recipe, Text, What};
use omnes::run::{Ends, Job, Limits, Output, Plan, Summary, run};
use omnes::ssh::{Connector, Target};
use tokio::sync::mpsc;

use crate::common::*;
use crate::support::dropbear::Dropbear;
use crate::support::sshd::Sshd;

/// A run of these recipes' command on these targets; gives both outputs too.
pub(crate) async fn run_there(
    connector: Connector,
    targets: Vec<Target>,
    (recipe, limit): (Recipe, Option<Duration>),
    passwords: Option<omnes::ssh::SudoPasswords>,
) -> (Summary, String) {
    let hosts: Vec<_> = targets.iter().map(|target| target.host.clone()).collect();
    let facts = vec![Facts::default(); hosts.len()];
    let orders = Orders::made(recipe, &hosts, &facts, [42; 16]).expect("good orders");
    let exec = Exec::new(orders);
    let exec = match passwords {
        Some(passwords) => exec.with_passwords(passwords),
        None => exec,
    };
    let limits = Limits { command_timeout: limit, ..Limits::DEFAULT };
    let plan = Plan::new("as above", hosts, limits);
    let targets = targets.into_iter().map(Ok).collect();
    let said = Buffer::default();
    let sinks = Sinks { out: Sink::Exact, err: Sink::Exact };
    let ends = Ends { out: Box::new(said.clone()), err: Box::new(said.clone()), sinks };
    let (_interrupts, none) = mpsc::channel(1);
    let job = Job::command(plan, targets, connector).doing(Arc::new(exec));
    let running = run(job, Output::Stream, ends, none);
    let summary = tokio::time::timeout(DEADLINE, running).await.expect("it ends");
    (summary, said.text())
}

/// What was written, by both streams.
#[derive(Clone, Default)]
struct Buffer(Arc<std::sync::Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn command(line: &str) -> Recipe {
    Recipe { what: What::Command(Text::Plain(line.into())), ..Recipe::default() }
}

fn wrapped(line: &str) -> Recipe {
    Recipe { keeper: Keeper::Wrapper, ..command(line) }
}

fn fate(outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::Unknown(Unknown::TimedOut(_, fate)) => *fate,
        other => panic!("{other:?}"),
    }
}

/// How many processes have this word in their command line.
fn alive(word: &str) -> usize {
    let out = std::process::Command::new("pgrep").args(["-fc", "--", word]).output().unwrap().stdout;
    String::from_utf8_lossy(&out).trim().parse().unwrap()
}

fn word(n: u32) -> String {
    format!("{n}{}.75", std::process::id())
}

const TWO: Option<Duration> = Some(Duration::from_secs(2));

/// How often the sure kill is tried; `OMNES_TEST_KILLS=100` for the long form.
fn kills() -> usize {
    std::env::var("OMNES_TEST_KILLS").map_or(5, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_signal_request_came_to_is_not_known_whatever_the_status_says() {
    let (sshd, dropbear) = (Sshd::builder().start(), Dropbear::start());
    let targets = || vec![target_of(&sshd), target("127.0.0.1", dropbear.port(), &dropbear.client_key())];
    // A shell that dies of the signal, where the server passes one on, and a child that does not.
    let word = word(6);
    let line =
        format!("(trap '' TERM HUP; exec sleep {word}) >/dev/null 2>&1 </dev/null & sleep {word}; echo no");
    let (summary, _) = run_there(connector(), targets(), (command(&line), TWO), None).await;
    assert_eq!(summary.outcomes.iter().map(fate).collect::<Vec<_>>(), [Fate::MayStillRun; 2]);
    assert!(alive(&word) > 0, "and so it does");
    let _ = std::process::Command::new("pkill").args(["-KILL", "-f", "--", &word]).status();
    // A command that hears the end of its input, which every server brings about with the channel, but no status comes.
    let (summary, said) = run_there(connector(), targets(), (command("sleep 600"), TWO), None).await;
    assert_eq!(summary.outcomes.iter().map(fate).collect::<Vec<_>>(), [Fate::MayStillRun; 2]);
    assert!(said.contains("2 timed out, may still run"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_came_before_the_end_of_time_is_the_truth() {
    let sshd = Sshd::builder().start();
    let word = word(5);
    // What stays in the background holds the output open; the command itself has ended.
    let line = format!("echo said; sleep {word} & exit 5");
    let (summary, said) = run_there(connector(), vec![target_of(&sshd)], (command(&line), TWO), None).await;
    assert_eq!(summary.outcomes, [Outcome::Exited(5)], "{said}");
    assert!(said.contains("has ended, but its output may lack its end: something else went on"), "{said}");
    let _ = std::process::Command::new("pkill").args(["-KILL", "-f", "--", &word]).status();
    // A status that comes only when it is told to end says nothing of the work.
    let line = "trap 'exit 0' HUP TERM; while :; do sleep 0.1; done";
    let (summary, said) = run_there(connector(), vec![target_of(&sshd)], (command(line), TWO), None).await;
    assert!(matches!(summary.outcomes[..], [Outcome::Unknown(Unknown::TimedOut(..))]), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_is_certain_with_the_wrapper_on_every_server() {
    let (sshd, dropbear) = (Sshd::builder().start(), Dropbear::start());
    for round in 0..kills() {
        let word = word(10 + u32::try_from(round).unwrap());
        let line = format!(
            "trap '' HUP INT TERM; echo up; (sleep {word} & sleep {word}) & setsid true; while :; do sleep {word}; done"
        );
        let targets = vec![target_of(&sshd), target("127.0.0.1", dropbear.port(), &dropbear.client_key())];
        let (summary, said) = run_there(connector(), targets, (wrapped(&line), TWO), None).await;
        assert_eq!(summary.outcomes.iter().map(fate).collect::<Vec<_>>(), [Fate::Killed; 2], "{said}");
        assert_eq!((alive(&word), said.matches("up\n").count()), (0, 2), "{said}");
        assert!(!said.contains("[omnes"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrapper_works_in_every_small_shell() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let orders = |line: &str| {
        let hosts = [omnes::hosts::Host::new(None, "h", None)];
        Orders::made(wrapped(line), &hosts, &[Facts::default()], [1; 16]).unwrap()
    };
    let of = |line: &str| orders(line).of(omnes::run::HostIx(0)).command.clone();
    for shell in ["dash", "bash", "mksh", "busybox sh"] {
        let word = word(7);
        let line = format!("trap '' HUP TERM; sleep {word} & while :; do sleep {word}; done");
        let text =
            String::from_utf8(of(&line)).unwrap().replacen("exec /bin/sh", &format!("exec {shell}"), 1);
        let mut channel = link.exec(text.as_bytes()).await.unwrap();
        wait_until("it runs", || alive(&word) > 1).await;
        channel.input.eof().await.unwrap();
        let said = collect(channel).await;
        let err = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(err.contains(" began]\n") && err.ends_with(" killed]\n"), "{shell}: {err}");
        assert_eq!((said.exit, alive(&word)), (Some(143), 0), "{shell}: {err}");
        let ended = text.replace(&line, "exit 7");
        let said = run_text(&link, &of("exit 7"), shell).await;
        assert_eq!(said.exit, Some(7), "{shell}: {ended}");
    }
}

/// Runs a wrapped command by another shell than `/bin/sh`, its input open.
async fn run_text(link: &omnes::ssh::Link, text: &[u8], shell: &str) -> Said {
    let text =
        String::from_utf8(text.to_vec()).unwrap().replacen("exec /bin/sh", &format!("exec {shell}"), 1);
    collect(link.exec(text.as_bytes()).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_command_dies_with_its_link() {
    let (mut sshd, dropbear) = (Sshd::builder().start(), Dropbear::start());
    for target in [target_of(&sshd), target("127.0.0.1", dropbear.port(), &dropbear.client_key())] {
        let word = word(8);
        let hosts = [target.host.clone()];
        let recipe = wrapped(&format!("trap '' HUP; while :; do sleep {word}; done"));
        let orders = Orders::made(recipe, &hosts, &[Facts::default()], [1; 16]).unwrap();
        let link = connector().connect(&target, &()).await.unwrap();
        let channel = link.exec(&orders.of(omnes::run::HostIx(0)).command).await.unwrap();
        wait_until("it runs", || alive(&word) > 1).await;
        // As when omnes is killed: nothing is said any more.
        drop((channel, link));
        wait_until("it ends", || alive(&word) == 0).await;
    }
    sshd.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_every_kind_leave_nothing_behind_on_either_server() {
    let (sshd, dropbear) = (Sshd::builder().start(), Dropbear::start());
    let script = |text: &str| {
        let interpreter = Interpreter::of(text.as_bytes()).unwrap();
        let (name, text) = ("s".to_owned(), Text::Plain(text.into()));
        let what = What::Script { name, interpreter, text, arguments: vec![Text::Plain(b"it's".to_vec())] };
        Recipe { what, ..Recipe::default() }
    };
    for text in [
        "printf '%s\\n' \"$1\" \"$OMNES_N\"",
        "#!/usr/bin/perl\nprint \"$ARGV[0]\\n$ENV{OMNES_N}\\n\";",
        "#!/usr/bin/env bash\nprintf '%s\\n' \"$1\" $((OMNES_N))",
    ] {
        let targets = vec![target_of(&sshd), target("127.0.0.1", dropbear.port(), &dropbear.client_key())];
        let (summary, said) = run_there(connector(), targets, (script(text), None), None).await;
        assert_eq!(summary.outcomes, [Outcome::Exited(0), Outcome::Exited(0)], "{said}");
        let mut lines: Vec<&str> = said.lines().filter_map(|line| line.split_once(": ")?.1.into()).collect();
        lines.retain(|line| ["it's", "1", "2"].contains(line));
        lines.sort_unstable();
        assert_eq!(lines, ["1", "2", "it's", "it's"], "{text}: {said}");
    }
    // Killed in the middle, the interpreter leaves no file: there was none.
    let word = word(9);
    let text = format!("#!/usr/bin/perl\n# {}\nexec 'sleep', '{word}';", "x".repeat(9000 / 2));
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let hosts = [omnes::hosts::Host::new(None, "h", None)];
    let orders = Orders::made(script(&text), &hosts, &[Facts::default()], [1; 16]).unwrap();
    let files = || std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.path());
    let has_it =
        |path: &std::path::PathBuf| std::fs::read_to_string(path).is_ok_and(|have| have.contains(&word));
    let _channel = link.exec(&orders.of(omnes::run::HostIx(0)).command).await.unwrap();
    wait_until("it runs", || alive(&word) > 0).await;
    let _ = std::process::Command::new("pkill").args(["-KILL", "-f", "--", &word]).status();
    assert_eq!(files().filter(|path| path.is_file()).find(has_it), None);
}
