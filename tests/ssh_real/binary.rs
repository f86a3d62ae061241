//! Routes as the user writes them, through the binary: `-J`, `ProxyJump`, `ProxyCommand`, `jump` of a cluster file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::need;
use crate::support::sshd::Sshd;

/// A jump host, a host behind it, and the home of a user who knows both and may log in to both.
struct Site {
    home: TempDir,
    bastion: Sshd,
    web: Sshd,
}

impl Site {
    fn new() -> Site {
        let bastion = Sshd::builder().start();
        let web = Sshd::builder().start();
        let site = Site { home: TempDir::new().unwrap(), bastion, web };
        fs::create_dir(site.home.path().join(".ssh")).unwrap();
        let known = site.bastion.known_hosts() + &site.web.known_hosts();
        fs::write(site.home.path().join(".ssh/known_hosts"), known).unwrap();
        site
    }

    /// Runs omnes with an ssh_config that knows both hosts, and more lines for the host behind.
    fn omnes(&self, more: &str, args: &[&str]) -> Output {
        let block = |name: &str, sshd: &Sshd| {
            let (key, port) = (sshd.client_key(), sshd.port());
            format!("Host {name}\n HostName 127.0.0.1\n Port {port}\n IdentityFile {}\n", key.display())
        };
        let text = format!("{}{}{more}\n", block("bastion", &self.bastion), block("web", &self.web));
        fs::write(self.home.path().join(".ssh/config"), text).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_omnes")));
        command.env_clear().env("HOME", self.home.path()).env("PATH", path).args(args);
        command.output().expect("omnes starts")
    }

    fn jumped(&self) -> usize {
        self.bastion.log().matches("Connection from").count()
    }
}

#[track_caller]
fn says(output: &Output, expected: &str) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((&*out, output.status.code()), (expected, Some(0)), "{err}");
}

const RUN: [&str; 5] = ["run", "web", "--", "echo", "here"];

#[test]
fn a_jump_host_of_the_configuration_and_one_of_the_command_line() {
    let site = Site::new();
    says(&site.omnes(" ProxyJump bastion", &RUN), "web: here\n");
    assert_eq!(site.jumped(), 1);
    says(&site.omnes("", &["run", "-J", "bastion", "web", "--", "echo", "here"]), "web: here\n");
    assert_eq!(site.jumped(), 2);
    let config = site.home.path().join(".config/omnes");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("clusters.toml"), "[clusters.lab]\nhosts = [\"web\"]\njump = \"bastion\"\n")
        .unwrap();
    says(&site.omnes("", &["run", "@lab", "--", "echo", "here"]), "web: here\n");
    assert_eq!(site.jumped(), 3);
}

#[test]
fn a_jump_host_that_does_not_let_us_in_is_named_in_the_summary() {
    let mut site = Site::new();
    site.bastion.kill();
    let output = site.omnes(" ProxyJump bastion", &RUN);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("unreachable (jump host): bastion: unreachable (tcp): connection refused"), "{err}");
}

#[test]
fn a_proxy_command_with_its_tokens_is_run_as_ssh_runs_it() {
    let site = Site::new();
    let ssh = need("ssh", "openssh-client");
    let (key, known) = (site.bastion.client_key(), site.home.path().join(".ssh/known_hosts"));
    let command = format!(
        " ProxyCommand {} -F none -o BatchMode=yes -o UserKnownHostsFile={} -i {} -p {} -W %h:%p 127.0.0.1",
        ssh.display(),
        known.display(),
        key.display(),
        site.bastion.port()
    );
    says(&site.omnes(&command, &RUN), "web: here\n");
    assert_eq!(site.jumped(), 1);
    let output = site.omnes(" ProxyCommand sh -c 'echo no way to %h:%p >&2; exit 5'", &RUN);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    let port = site.web.port();
    let expected = format!("unreachable (proxy command): exit status 5: no way to 127.0.0.1:{port}");
    assert!(err.contains(&expected), "{err}");
}

#[test]
fn proxy_commands_do_not_outlive_the_process() {
    let site = Site::new();
    let pids = site.home.path().join("pids");
    let silent = format!("Host silent*\n ProxyCommand sh -c 'echo $$ >> {}; exec sleep 600'", pids.display());
    let output = site.omnes(&silent, &["ping", "--connect-timeout", "2", "silent[1-24]"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let pids = fs::read_to_string(pids).expect("the commands ran");
    let lives = |pid: &&str| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.starts_with(b"sleep"));
    // Whoever was killed is gone in no time; whoever was forgotten sleeps for ten minutes.
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.lines().any(|pid| lives(&pid)) && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(pids.lines().filter(lives).count(), 0, "of {} commands", pids.lines().count());
}
