//! Scripts of steps on real `sshd`s: every shell that people log in to, an editor, `sudo`, and a link that breaks.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lab::Lab;
use crate::support::need;
use crate::support::sshd::Sshd;

/// A server whose logins are in this shell, in a home of their own.
fn server(shell: &str, home: &TempDir) -> Sshd {
    let home = home.path().display();
    Sshd::builder()
        .option(&format!("ForceCommand exec {shell}"))
        .option(&format!("SetEnv HOME={home} HISTFILE=/dev/null LANG=C.UTF-8"))
        .start()
}

/// A laboratory with a server for each of these names and shells.
fn lab(shells: &[(&str, &str)], home: &TempDir) -> Lab {
    let lab = Lab::of(shells.iter().map(|(_, shell)| server(shell, home)).collect());
    let names: Vec<&str> = shells.iter().map(|(name, _)| *name).collect();
    let keys: Vec<PathBuf> = lab.servers.iter().map(Sshd::client_key).collect();
    lab.name(&names, &keys);
    lab.trust();
    lab
}

fn play(lab: &Lab, text: &str, options: &[&str]) -> (i32, String, String) {
    lab.write("steps.toml", text);
    let path = lab.path("steps.toml").display().to_string();
    told(&lab.run(&[&["play", path.as_str(), "lab"], options].concat()))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join(".zshrc"), "PROMPT='%m%# '\n").unwrap();
    home
}

#[test]
fn commands_run_in_every_shell_that_people_log_in_to() {
    let shells = [
        ("bash", need("bash", "bash"), "-il"),
        ("dash", need("dash", "dash"), "-il"),
        ("zsh", need("zsh", "zsh"), "-il"),
        ("ash", need("busybox", "busybox-static"), "ash -il"),
        ("mksh", need("mksh", "mksh"), "-il"),
        ("ksh", need("ksh93", "ksh93u+m"), "-il"),
        ("fish", need("fish", "fish"), "-il"),
    ];
    let shells: Vec<(&str, String)> =
        shells.iter().map(|(name, path, how)| (*name, format!("{} {how}", path.display()))).collect();
    let shells: Vec<(&str, &str)> = shells.iter().map(|(name, shell)| (*name, shell.as_str())).collect();
    let home = home();
    let lab = lab(&shells, &home);
    let long = "x".repeat(3000);
    let text = format!(
        r##"
[[step]]
run = "cd /usr"
[[step]]
run = '''
echo "it's 100 % é	!"   # a comment
pwd
'''
[[step]]
run = "echo {long} | wc -c"
[[step]]
run = "no-such-command-at-all 2>/dev/null"
on_fail = "continue"
[[step]]
on = "@lab!fish!mksh"
run = "echo ${{nothing:?is set}} 2>/dev/null"
on_fail = "continue"
[[step]]
run = "printf last"
"##
    );
    let (code, out, err) = play(&lab, &text, &["--output", "json"]);
    assert_eq!(code, 0, "{out}{err}");
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (name, _) in &shells {
        let said: String = lines
            .iter()
            .filter(|line| line["event"] == "output" && line["host"] == *name)
            .filter_map(|line| line["data"].as_str())
            .collect();
        assert!(said.starts_with("it's 100 % é\t!\n/usr\n3001\n"), "{name}: {said:?}");
        assert!(said.ends_with("last\n"), "{name}: {said:?}");
        assert!(!said.contains("omnes-"), "{name}: {said:?}");
        let failed = format!("{name}: step 4: exit status 127; it goes on");
        assert!(err.contains(&failed) || out.contains(&failed), "{name}: {err}");
    }
}

#[test]
fn a_shell_that_cannot_say_how_commands_end_is_refused() {
    let home = home();
    let tcsh = format!("{} -l", need("tcsh", "tcsh").display());
    let program = need("cat", "coreutils").display().to_string();
    let lab = lab(&[("csh", &tcsh), ("none", &program)], &home);
    let text = "[[step]]\nrun = 'echo never'\ntimeout = 5";
    let (code, out, err) = play(&lab, text, &[]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(
        err.contains("csh: step 1: the shell there is csh, in which no error of a command can be caught"),
        "{err}"
    );
    assert!(
        err.contains("none: step 1: no shell answered within 5 s, so its command was not typed"),
        "{err}"
    );
    let text = "[[step]]\non = 'csh'\nsend = '\"exec sh\" Enter'\nexpect = '[$#] $'\n[[step]]\non = 'csh'\nrun = 'echo now'";
    let (_, out, err) = play(&lab, text, &[]);
    assert_eq!(out, "csh: now\n", "{err}");
}

#[test]
fn a_file_is_edited_by_keys() {
    let home = home();
    let lab = lab(&[("web", "/bin/bash --norc -i")], &home);
    fs::write(home.path().join("site.conf"), "one\ntwo\n").unwrap();
    need("vim", "vim");
    let text = r##"
size = "100x30"
[[step]]
run = "cd; export EDITOR=vim"
[[step]]
send = '"vim -u NONE site.conf" Enter'
expect = 'site\.conf" 2'
[[step]]
send = '"Gothree" Esc ":wq" Enter'
expect = '[$#] $'
[[step]]
run = "grep -c three site.conf; stty size"
"##;
    let (code, out, err) = play(&lab, text, &[]);
    assert_eq!((code, out.as_str()), (0, "web: 1\nweb: 30 100\n"), "{err}");
    assert_eq!(fs::read_to_string(home.path().join("site.conf")).unwrap(), "one\ntwo\nthree\n");
}

/// An account that may do everything by `sudo`, with its password.
struct Sudoer(String);

const PASSWORD: &str = "correct-horse-17";

impl Sudoer {
    fn new() -> Sudoer {
        need("sudo", "sudo");
        let sudoer = Sudoer(format!("omnesplay{}", std::process::id()));
        let mut add = Command::new(need("useradd", "passwd"));
        assert!(add.args(["-M", "-N", "-s", "/bin/sh", "-d", "/", &sudoer.0]).status().unwrap().success());
        let mut child = Command::new(need("chpasswd", "passwd")).stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}:{PASSWORD}", sudoer.0).unwrap();
        assert!(child.wait().unwrap().success());
        fs::write(sudoer.rule(), format!("{} ALL=(ALL) ALL\n", sudoer.0)).unwrap();
        sudoer
    }

    fn rule(&self) -> PathBuf {
        PathBuf::from(format!("/etc/sudoers.d/{}", self.0))
    }
}

impl Drop for Sudoer {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.rule());
        let _ = Command::new("userdel").arg(&self.0).status();
    }
}

#[test]
fn the_password_of_sudo_is_a_secret() {
    assert!(rustix::process::getuid().is_root(), "an account can be made by root alone");
    let sudoer = Sudoer::new();
    let home = home();
    let lab = lab(&[("web", "/bin/bash --norc -i")], &home);
    let text = format!(
        r##"
[[step]]
send = '"exec su -s /bin/sh {}" Enter'
expect = '\$ $'
[[step]]
run = "cd /; id -u | grep -v '^0$' > /dev/null"
[[step]]
send = '"sudo -k -s" Enter'
expect = 'assword.*: ?$'
[[step]]
secret = "sudo"
expect = '# ?$'
timeout = 15
[[step]]
run = "id -u"
"##,
        sudoer.0
    );
    let given = format!("sudo=printf {PASSWORD}");
    let (code, out, err) = play(&lab, &text, &["--secret-command", &given, "--screen"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.ends_with("web: 0\n") && !out.contains(PASSWORD), "{out}");
    let (code, out, err) = play(&lab, &text, &["--secret-command", "sudo=printf wrong"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("web: step 4: /# ?$/ did not come within 15 s"), "{err}");
}

#[test]
fn a_link_that_breaks_in_a_step_leaves_that_step_unknown() {
    let home = home();
    let mut lab = lab(&[("web", "/bin/bash --norc -i")], &home);
    let text = "[[step]]\nrun = 'cd; touch begun'\n[[step]]\nrun = 'touch second; sleep 600'";
    lab.write("steps.toml", text);
    let path = lab.path("steps.toml").display().to_string();
    let child = Command::new(env!("CARGO_BIN_EXE_omnes"))
        .env_clear()
        .env("HOME", lab.home.path())
        .args(["play", &path, "lab"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !home.path().join("second").exists() {
        assert!(Instant::now() < deadline, "the second step never began");
        std::thread::yield_now();
    }
    lab.servers[0].kill();
    let (code, _, err) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("web: step 2: link lost after the command was sent: "), "{err}");
    assert!(err.contains("1 link lost, may have run (step 2): web"), "{err}");
}
