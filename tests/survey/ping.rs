//! `omnes ping`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{dead_host, host_at, lab, told};
use crate::support::sshd::KeyKind;

const ED: &[KeyKind] = &[KeyKind::Ed25519];

#[test]
fn hosts_that_are_reached_are_timed_by_phase() {
    let lab = lab(&[ED, ED, ED]);
    lab.trust();
    let (code, out, err) = told(&lab.run(&["ping", "lab"]));
    assert_eq!((code, err.as_str()), (0, "omnes: 3 reached: web[1-3]\n"), "{out}");
    let rows: Vec<&str> = out.lines().take(7).map(|line| line[..14].trim()).collect();
    assert_eq!(rows, ["ms, 3 hosts", "resolve", "tcp", "banner", "key exchange", "login", "total"], "{out}");
    let total: Vec<f64> = out.lines().nth(6).expect("a line")[14..]
        .split_whitespace()
        .map(|number| number.parse().expect("milliseconds"))
        .collect();
    assert!(total.len() == 4 && total[0] > 0.0 && total.is_sorted(), "{out}");
    // Nothing was opened on them.
    for server in &lab.servers {
        server.wait_for_log("Accepted publickey");
        assert!(!server.log().contains("Starting session"), "{}", server.log());
    }
}

#[test]
fn a_host_that_is_not_reached_is_named_and_never_exit_zero() {
    let lab = lab(&[ED, ED]);
    lab.trust();
    dead_host(&lab, "dead1");
    let (code, out, err) = told(&lab.run(&["ping", "lab", "dead1"]));
    assert_eq!(code, 3, "{out}{err}");
    assert!(out.starts_with("ms, 2 hosts"), "{out}");
    let expected = "dead1: unreachable (tcp): connection refused\n\
        omnes: 2 reached: web[1-2]; 1 unreachable (tcp): dead1\n";
    assert_eq!(err, expected);
    let (code, out, _) = told(&lab.run(&["ping", "dead1"]));
    assert_eq!((code, out.as_str()), (3, ""));
}

#[test]
fn the_host_key_is_checked() {
    let lab = lab(&[ED]);
    let (code, _, err) = told(&lab.run(&["ping", "lab"]));
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("web1: host key refused: [127.0.0.1]:"), "{err}");
    assert!(!lab.servers[0].log().contains("Accepted"), "{}", lab.servers[0].log());
}

#[test]
fn json_lines_hold_the_phases() {
    let lab = lab(&[ED, ED]);
    lab.trust();
    dead_host(&lab, "dead1");
    let (code, out, err) = told(&lab.run(&["ping", "--output", "json", "lab", "dead1"]));
    assert_eq!((code, err.as_str()), (3, ""));
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(lines.len(), 4);
    let web1 = lines.iter().find(|line| line["host"] == "web1").expect("web1");
    let phases = web1["phases"].as_object().expect("phases");
    let sum: f64 = phases.values().map(|ms| ms.as_f64().expect("milliseconds")).sum();
    assert!((sum - web1["total"].as_f64().expect("a number")).abs() < 0.1, "{web1}");
    assert!(phases["login"].as_f64() > Some(0.0), "{web1}");
    let end = &lines[3];
    assert_eq!((&end["exit"], &end["not_reached"]["hosts"]), (&3.into(), &"dead1".into()));
}

#[test]
fn what_a_host_says_in_place_of_its_name_is_escaped() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let lab = lab(&[]);
    host_at(&lab, "evil", listener.local_addr().expect("an address").port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| {
                stream.write_all(b"\x1b]0;pwned\x07 Not allowed\r\n")?;
                // Read to the end, so that what was written arrives.
                let _ = stream.shutdown(std::net::Shutdown::Write);
                stream.read_to_end(&mut Vec::new())
            });
        }
    });
    for words in [&["ping", "evil"][..], &["keys", "evil"], &["keys", "--output", "json", "evil"]] {
        let (code, out, err) = told(&lab.run(words));
        assert_eq!(code, 3, "{out}{err}");
        assert!(format!("{out}{err}").contains("pwned"), "{out}{err}");
        assert!(!out.contains(['\x1b', '\x07']) && !err.contains(['\x1b', '\x07']), "{out:?} {err:?}");
    }
}

#[test]
fn an_interrupt_tells_what_was_found_until_then() {
    // Accepts, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let lab = lab(&[ED]);
    lab.trust();
    host_at(&lab, "mute", listener.local_addr().expect("an address").port());
    for word in ["ping", "keys"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command
            .args([word, "-f", "2", "lab", "mute"])
            .env("HOME", lab.home.path())
            .env_remove("XDG_CONFIG_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("omnes starts");
        let (mut stream, _) = listener.accept().expect("omnes connects");
        let mut banner = String::new();
        BufReader::new(&mut stream).read_line(&mut banner).expect("a line");
        assert!(banner.starts_with("SSH-2.0-omnes"), "{banner}");
        kill_process(Pid::from_child(&child), Signal::INT).expect("it still runs");
        let mut err = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        let output = child.wait_with_output().expect("it ends");
        let out = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(130), "{out}{err}");
        assert!(err.contains("ending the connections"), "{err}");
        assert!(format!("{out}{err}").contains("mute"), "{out}{err}");
    }
}
