//! A course by values: what a host is sent, and what becomes of its steps.

use super::*;
use crate::hosts::{Empty, Facts, Host};
use crate::play::score::{Score, Texts};
use crate::play::{file, shell as shells};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn course(text: &str) -> Course {
    let hosts = vec![(Host::new(None, "web1", None), Facts::default())];
    let script = file::parse("f", text).expect("a good file");
    let score = Score::new(script, hosts, (Texts::AsTheyAre, Empty::Refused)).expect("it fits");
    Course::new(score.parts(0, 0), Size::DEFAULT, "k".to_owned())
}

/// A course whose host has shown a prompt and come to rest, with its first step ready.
fn ready(text: &str) -> Course {
    let mut course = course(text);
    assert_eq!(course.prepare(at(0)), []);
    assert_eq!(course.feed(at(10), b"web1$ "), []);
    assert_eq!(course.wake_at(), Some(at(110)));
    assert_eq!(course.wake(at(110)), [Do::Ready]);
    course
}

fn typed(line: String) -> Vec<Do> {
    vec![Do::Write(format!("{line}\r").into_bytes())]
}

/// The shell answers the probe, and is given the command.
fn answered(course: &mut Course, mark: &str, command: &str) {
    let todo = course.feed(at(200), format!("omnes-{mark}-,,,\r\nweb1$ ").as_bytes());
    assert_eq!(todo, typed(shells::lines(Shell::Posix, "k2", command).concat()));
}

const RUN: &str = "[[step]]\nrun = 'ls'\n[[step]]\nrun = 'pwd'";

#[test]
fn a_command_is_run_once_the_shell_has_said_what_it_is() {
    let mut course = ready(RUN);
    assert_eq!(course.go(at(120), None), typed(shells::probe("k1")));
    assert!(course.is_under_way());
    assert_eq!(course.feed(at(130), b" echo \"om\"\"nes-k1-$status,$path,$shell,\"\r\n"), []);
    answered(&mut course, "k1", "ls");
    assert_eq!(
        course.feed(at(300), b" printf 'om''nes-k2-%s:' b; ...\r\nomnes-k2-b:one\r\ntw"),
        [Do::Say(b"one\n".to_vec())]
    );
    let end = course.feed(at(400), b"o\r\nomnes-k2-0:\r\nweb1$ ");
    assert_eq!(end, [Do::Say(b"two\n".to_vec()), Do::Passed(0)]);
    // The next one is typed ahead, for the same shell.
    assert!(course.is_idle());
    assert_eq!(course.prepare(at(400)), [Do::Ready]);
    assert_eq!(course.go(at(400), None), typed(shells::lines(Shell::Posix, "k3", "pwd").concat()));
    assert_eq!(course.feed(at(500), b"omnes-k3-b:omnes-k3-3:\r\n"), [Do::Failed(1, StepFault::Status(3))]);
    assert!(course.part().is_none());
}

#[test]
fn the_output_of_a_command_may_have_to_match() {
    for (output, expected) in [
        ("all done", Do::Passed(0)),
        (
            "half",
            Do::Failed(
                0,
                StepFault::Mismatch("it ended well, but its output does not match /done$/".to_owned()),
            ),
        ),
    ] {
        let mut course = ready("[[step]]\nrun = 'ls'\nexpect = 'done$'");
        course.go(at(120), None);
        answered(&mut course, "k1", "ls");
        let end = course.feed(at(300), format!("omnes-k2-b:{output}\r\nomnes-k2-0:").as_bytes());
        assert_eq!(end, [Do::Say(format!("{output}\n").into_bytes()), expected]);
    }
}

#[test]
fn what_cannot_run_a_command_is_told_apart() {
    let mut nobody = ready(RUN);
    nobody.go(at(120), None);
    assert_eq!(nobody.wake_at(), Some(at(60_120)));
    let fault = "no shell answered within 60 s, so its command was not typed; the cursor's line is `web1$`";
    assert_eq!(nobody.wake(at(60_120)), [Do::Failed(0, StepFault::Mismatch(fault.to_owned()))]);
    let mut csh = ready(RUN);
    csh.go(at(120), None);
    let told = csh.feed(at(130), b"omnes-k1-0,/bin,/bin/tcsh,\r\n");
    assert!(
        matches!(&told[..], [Do::Failed(0, StepFault::Mismatch(fault))] if fault.contains("csh")),
        "{told:?}"
    );
    let mut silent = ready(RUN);
    silent.go(at(120), None);
    answered(&mut silent, "k1", "ls");
    let unknown = Unknown::TimedOut(at(60_000), Fate::MayStillRun);
    assert_eq!(silent.wake(at(60_120)), [Do::NotKnown(0, unknown)]);
}

#[test]
fn keys_are_encoded_for_this_terminal_and_what_comes_is_awaited() {
    let mut course = ready(
        "[[step]]\nsend = '\"vi\" Enter Up'\nexpect = 'L, \\d+B'\n[[step]]\nsend = 'Up Esc'\nexpect = 'x$'",
    );
    assert_eq!(course.go(at(120), None), [Do::Write(b"vi\r\x1b[A".to_vec())]);
    assert_eq!(course.feed(at(130), b"vi\r\n"), []);
    assert_eq!(
        course.feed(at(140), b"\x1b[?1h\x1b[24;1H\"f\" 2L, 9B\x1b[1;1H\x1b[6n"),
        [Do::Write(b"\x1b[1;1R".to_vec()), Do::Passed(0)]
    );
    assert_eq!(course.prepare(at(150)), [Do::Ready]);
    assert_eq!(course.go(at(150), None), [Do::Write(b"\x1bOA\x1b".to_vec())]);
    // Nothing came since: nobody knows whether the keys did.
    let unknown = Unknown::TimedOut(at(60_000), Fate::MayStillRun);
    assert_eq!(course.wake(at(60_150)), [Do::NotKnown(1, unknown)]);
}

#[test]
fn a_mismatch_says_what_was_seen() {
    let mut course = ready("[[step]]\nsend = '\"su\" Enter'\nexpect = '# $'\ntimeout = 5");
    course.go(at(120), None);
    assert_eq!(course.feed(at(130), b"su\r\n\x07su: \x1b[1msorry\x1b[m"), []);
    let fault = "/# $/ did not come within 5 s; the cursor's line is `su: sorry`";
    assert_eq!(course.wake(at(5_120)), [Do::Failed(0, StepFault::Mismatch(fault.to_owned()))]);
}

#[test]
fn the_prompt_that_stood_there_before_is_no_answer() {
    let mut course = ready("[[step]]\nsend = '\"ls\" Enter'\nexpect = '\\$ $'");
    course.go(at(120), None);
    assert_eq!(course.feed(at(130), b"l"), []);
    assert_eq!(course.feed(at(140), b"s\r\na b\r\n"), []);
    assert_eq!(course.feed(at(150), b"web1$ "), [Do::Passed(0)]);
}

#[test]
fn a_secret_is_typed_at_its_prompt_alone() {
    let text = "[[step]]\nsecret = 'sudo'\nat = 'assword: $'\nexpect = '# $'\ntimeout = 2";
    let mut course = course(text);
    course.prepare(at(0));
    course.feed(at(10), b"web1$ ");
    assert_eq!(course.wake(at(110)), []);
    assert_eq!(course.feed(at(200), b"sudo -i\r\nPassword: "), [Do::Ready]);
    assert_eq!(course.go(at(210), Some("s3cret")), [Do::Write(b"s3cret\r".to_vec())]);
    assert_eq!(course.feed(at(300), b"\r\nroot# "), [Do::Passed(0)]);

    let mut never = self::course(text);
    never.prepare(at(0));
    never.feed(at(10), b"web1$ ");
    never.wake(at(110));
    let fault = "nothing was typed: /assword: $/ did not come within 2 s; the cursor's line is `web1$`";
    assert_eq!(never.wake(at(2_110)), [Do::Failed(0, StepFault::Mismatch(fault.to_owned()))]);
    assert!(!never.is_under_way());
}

#[test]
fn keys_behind_a_command_wait_until_its_prompt_has_come() {
    let mut course = ready("[[step]]\nrun = 'ls'\n[[step]]\nsend = '\"id\" Enter'\nexpect = '\\$ $'");
    course.go(at(120), None);
    answered(&mut course, "k1", "ls");
    course.feed(at(300), b"omnes-k2-b:omnes-k2-0:\r\n");
    assert_eq!(course.prepare(at(300)), []);
    assert_eq!(course.feed(at(350), b"web1$ "), []);
    assert_eq!(course.wake(at(450)), [Do::Ready]);
    // A terminal that never rests is not waited for longer than that.
    let mut flood = self::course("[[step]]\nrun = 'ls'");
    flood.prepare(at(0));
    for n in 0..30 {
        flood.feed(at(n * 100), b"x");
        assert_eq!(flood.wake(at(n * 100 + 50)), []);
    }
    assert_eq!(flood.wake(at(3_000)), [Do::Ready]);
}

#[test]
fn the_end_of_the_shell_ends_the_step_and_the_course() {
    let running = |text: &str| {
        let mut course = ready(text);
        course.go(at(120), None);
        answered(&mut course, "k1", "exit");
        course.feed(at(300), b"omnes-k2-b:bye");
        course
    };
    let not_begun = |why: &str| StepFault::NotBegun(why.to_owned());
    let bye = || Do::Say(b"bye\n".to_vec());
    let last = "[[step]]\nrun = 'exit'";
    assert_eq!(running(last).closed(Some(0)), [bye(), Do::Passed(0)]);
    assert_eq!(running(last).closed(Some(4)), [bye(), Do::Failed(0, StepFault::Status(4))]);
    assert_eq!(running(last).closed(None), [Do::NotKnown(0, Unknown::NoStatus)]);
    let more = "[[step]]\nrun = 'exit'\n[[step]]\nrun = 'ls'";
    let fault = not_begun("the shell ended with status 0");
    assert_eq!(running(more).closed(Some(0)), [bye(), Do::Passed(0), Do::Failed(1, fault)]);
    let fault = StepFault::Mismatch("the shell ended with status 0; the cursor's line is `web1$`".to_owned());
    let mut keys = ready("[[step]]\nsend = 'C-d'\nexpect = 'never'");
    keys.go(at(120), None);
    assert_eq!(keys.closed(Some(0)), [Do::Failed(0, fault)]);
}
