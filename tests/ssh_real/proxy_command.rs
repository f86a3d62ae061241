//! Commands that give the stream to a host.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use omnes::ssh::{ChannelEvent, Route, Target};

use crate::common::*;
use crate::jump::{behind, named};
use crate::support::need;
use crate::support::sshd::Sshd;

fn by(command: String, target: Target) -> Target {
    Target { route: Route::Command(command), ..target }
}

/// `sshd` itself as the command: it serves one connection on its standard input and output.
fn inetd(sshd: &Sshd) -> String {
    let program = need("sshd", "openssh-server");
    format!("{} -i -e -f {}", program.display(), sshd.dir().join("sshd_config").display())
}

/// The processes whose command line holds `word`.
fn processes(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let has = |path: &Path| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    entries.filter(|entry| has(&entry.path())).count()
}

#[tokio::test]
async fn a_command_is_the_stream_and_ends_with_the_link() {
    let sshd = Sshd::builder().start();
    let target = by(inetd(&sshd), named("web", &sshd));
    let link = connector().connect(&target, &()).await.unwrap();
    assert_eq!(run(&link, "echo here; exit 4").await.exit, Some(4));
    assert_eq!(sshd.log().matches("Connection from").count(), 0);
    link.close().await;
    let config = sshd.dir().join("sshd_config").display().to_string();
    // The server that is not ours to end has the same words in its command line.
    wait_until("the command has ended", || processes(&config) == 1).await;
}

#[tokio::test]
async fn ssh_itself_as_the_command_and_a_jump_host_behind_one() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let ssh = format!(
        "{} -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i {} -p {} -W 127.0.0.1:{} 127.0.0.1",
        need("ssh", "openssh-client").display(),
        bastion.client_key().display(),
        bastion.port(),
        web.port()
    );
    let via = by(ssh, named("via", &web));
    let connector = connector();
    let link = connector.connect(&via, &()).await.unwrap();
    assert_eq!(run(&link, "echo here").await.stdout, b"here\n");
    let link = connector.connect(&behind(&via, named("bastion", &bastion)), &()).await.unwrap();
    assert_eq!(run(&link, "echo there").await.stdout, b"there\n");
}

#[tokio::test]
async fn a_command_that_fails_is_quoted_and_not_repeated() {
    let sshd = Sshd::builder().start();
    let count = sshd.dir().join("count");
    let command = |rest: &str| format!("sh -c 'echo run >> {}; {rest}'", count.display());
    let connect = async |command: String| {
        let target = by(command, named("web", &sshd));
        connector().connect(&target, &()).await.unwrap_err().to_string()
    };
    let why = connect(command("echo \"nc: no \\033[31mroute\" >&2; exit 1")).await;
    assert_eq!(why.replace("\\033", "^["), "unreachable (proxy command): exit status 1: nc: no ^[[31mroute");
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "run\n");
    let why = connect("/nonexistent/nc %h".to_owned()).await;
    assert!(why.starts_with("unreachable (proxy command): exit status 127: "), "{why}");
    // A server's own refusal comes through the command, and is told as one.
    let why = connect("echo Exceeded MaxStartups".to_owned()).await;
    assert_eq!(why, "throttled: the host says `Exceeded MaxStartups`");
}

#[tokio::test]
async fn a_command_that_says_nothing_is_named_and_ended_with_the_connect() {
    let sshd = Sshd::builder().start();
    let word = format!("sleep 4{:09}", sshd.port());
    let target = by(word.clone(), named("web", &sshd));
    let target = Target { connect_timeout: Duration::from_secs(1), ..target };
    let why = connector().connect(&target, &()).await.unwrap_err().to_string();
    assert_eq!(why, "unreachable (proxy command): nothing in 1 s");
    let mark = word.replace(' ', "\0");
    wait_until("the command has ended", || processes(&mark) == 0).await;
}

#[tokio::test]
async fn a_command_that_ends_under_a_session_is_named() {
    let sshd = Sshd::builder().start();
    let pid = sshd.dir().join("pid");
    let command = format!("sh -c 'echo $$ > {}; exec {}'", pid.display(), inetd(&sshd));
    let link = Arc::new(connector().connect(&by(command, named("web", &sshd)), &()).await.unwrap());
    let mut channel = link.exec(b"sleep 1000").await.unwrap();
    let pid = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let end = tokio::time::timeout(DEADLINE, channel.output.next()).await.unwrap();
    let ChannelEvent::Closed(Err(why)) = end else { panic!("{end:?}") };
    assert!(why.starts_with("the proxy command ended: ended by signal 9"), "{why}");
}
