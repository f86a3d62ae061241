//! The pace of a run as the user types it: what is refused before anything connects, what is said, and how it exits.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// The program on a terminal of its own, which types each answer when its question stands on the screen. Gives what was on
/// the screen, and the exit code.
fn on_a_terminal(words: &[&str], answers: &[(&str, &str)]) -> (i32, String) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let (terminal, inner) = pty_process::blocking::open().expect("a terminal");
    let mut child = pty_process::blocking::Command::new(OMNES)
        .args(words)
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .spawn(inner)
        .expect("omnes starts");
    let (send, shown) = mpsc::channel();
    let terminal = std::sync::Arc::new(terminal);
    let reader = terminal.clone();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // At its end a terminal gives an error.
        while let Ok(read @ 1..) = (&*reader).read(&mut bytes) {
            let _ = send.send(bytes[..read].to_vec());
        }
    });
    let (mut text, mut seen) = (String::new(), 0);
    let mut answers = answers.iter();
    let mut awaited = answers.next();
    loop {
        let bytes = match shown.recv_timeout(Duration::from_secs(120)) {
            Ok(bytes) => bytes,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("it says nothing more: {text}"),
        };
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((question, answer)) = awaited
            && let Some(at) = text[seen..].find(question)
        {
            seen += at + question.len();
            (&*terminal).write_all(answer.as_bytes()).expect("the terminal hears");
            awaited = answers.next();
        }
    }
    assert_eq!(awaited, None, "never asked: {text}");
    (child.wait().expect("it is ours").code().expect("an exit code"), text)
}

/// The names of the hosts that wrote `here`, in the order in which they stand.
fn here(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.trim_end().strip_suffix(": here")).collect()
}

const LOOK: [&str; 9] = ["demo", "run", "--hosts", "4", "--waves", "1,2,100%", "--pause", "--", "echo here"];

#[test]
fn a_look_between_waves_goes_on_or_stops() {
    let first = ("wave 1 of 3 is over: 1 ok: demo01; Enter goes on with 2 hosts", "\r");
    let second = ("wave 2 of 3 is over: 2 ok: demo[02-03]; Enter goes on with 1 host,", "\r");
    let (code, text) = on_a_terminal(&LOOK, &[first, second]);
    let mut hosts = here(&text);
    assert_eq!((code, hosts.len(), hosts[0], hosts[3]), (0, 4, "demo01", "demo04"), "{text}");
    hosts.sort_unstable();
    assert_eq!(hosts, ["demo01", "demo02", "demo03", "demo04"]);
    let (code, text) = on_a_terminal(&LOOK, &[first, (second.0, "s\r")]);
    assert_eq!((code, here(&text).len()), (3, 3), "{text}");
    assert!(text.contains("omnes: stopped: by you, after wave 2 of 3"), "{text}");
    assert!(text.contains("omnes: 3 ok: demo[01-03]; 1 not started: demo04"), "{text}");
    let (code, text) = on_a_terminal(&LOOK, &[(first.0, "\x03")]);
    assert_eq!((code, here(&text)), (130, vec!["demo01"]), "{text}");
    assert!(text.contains("1 ok: demo01; 3 not started: demo[02-04]"), "{text}");
}

#[test]
fn without_a_terminal_nobody_can_look_and_a_wait_is_proposed() {
    let (code, out, err) = bash(
        "setsid --wait $OMNES demo run --hosts 2 --waves 1 --pause -- 'echo here' </dev/null 2>&1 >/dev/null | cat; \
         exit ${PIPESTATUS[0]}",
    );
    assert_eq!(code, 2, "{err}");
    assert!(out.contains("--pause asks on the terminal") && out.contains("--pause 60s"), "{out}");
    let (code, out, err) =
        run(&["demo", "run", "--hosts", "3", "--waves", "1,100%", "--pause", "0.1s", "--", "echo here"]);
    assert_eq!((code, here(&out).len(), here(&out)[0]), (0, 3, "demo01"), "{err}");
    assert!(err.contains("wave 1 of 2 is over: 1 ok: demo01; 2 hosts in 0.1 s; C-c stops here"), "{err}");
}

#[test]
fn an_exceeded_budget_has_its_own_exit_code_and_its_reason() {
    let words =
        ["demo", "run", "--hosts", "9", "-f", "1", "--max-fail", "failed=1", "--", "echo here; exit 4"];
    let (code, out, err) = run(&words);
    assert_eq!((code, here(&out)), (5, vec!["demo01", "demo02"]), "{err}");
    let end = "omnes: stopped: 2 failures (failed) among 9 hosts, where --max-fail failed=1 allows 1\n\
               omnes: 2 failed (exit status 4): demo[01-02]; 7 not started: demo[03-09]\n";
    assert!(err.ends_with(end), "{err}");
}

#[test]
fn preferences_hold_where_no_option_is_given_and_their_faults_have_a_place() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let directory = home.path().join(".config/omnes");
    std::fs::create_dir_all(&directory).expect("a directory");
    let with = |text: &str, words: &[&str]| {
        std::fs::write(directory.join("config.toml"), text).expect("a file");
        let (mut command, _) = omnes(&["demo", "run", "--hosts", "5"]);
        told(&command.args(words).env("HOME", home.path()).output().expect("omnes starts"))
    };
    let limits = "[limits]\nfanout = 1\nmax_fail = \"0\"\n";
    let (code, out, err) = with(limits, &["--", "echo here; false"]);
    assert_eq!((code, here(&out).len()), (5, 1), "{err}");
    let (code, out, err) = with(limits, &["--max-fail", "100%", "--", "echo here; false"]);
    assert_eq!((code, here(&out).len()), (1, 5), "{err}");
    let (code, _, err) = with("[limits]\nmax_fail = \"many\"\n", &["--", "true"]);
    assert_eq!(code, 2);
    assert!(err.contains("config.toml:2:12: `max_fail`: `many` is no bound"), "{err}");
    let (code, _, err) = with("", &["--retry-on", "login", "--", "true"]);
    assert!(code == 2 && err.contains("--retry 2"), "{err}");
}

#[test]
fn an_order_by_chance_is_said_so_that_it_can_be_had_again() {
    let order = |order: &str| {
        let (code, out, err) =
            run(&["demo", "run", "--hosts", "8", "-f", "1", "--order", order, "--", "echo here"]);
        assert_eq!(code, 0, "{err}");
        (here(&out).into_iter().map(str::to_owned).collect::<Vec<_>>(), err)
    };
    let (first, said) = order("random");
    let seed = said.split_whitespace().find(|word| word.starts_with("random:")).expect("a seed");
    assert_eq!(order(seed).0, first);
    let (seventh, _) = order("random:7");
    assert_eq!(
        (seventh.len(), order("random:7").0 == seventh, order("sorted").0 == seventh),
        (8, true, false)
    );
    let (code, _, err) = run(&["demo", "run", "--order", "rack", "--", "true"]);
    assert_eq!(code, 2);
    assert!(err.contains("--order rack: no host has a variable of that name"), "{err}");
}
