//! What a host's configuration wants of a session: environment, terminal, a command in place of the shell, compression.

use std::sync::Arc;

use omnes::size::Size;
use omnes::ssh::{Algorithms, Choice, Compression, ConnectError, SessionWishes, Target, Terminal};

use crate::common::*;
use crate::support::sshd::Sshd;

fn wishing(target: Target, wishes: SessionWishes) -> Target {
    Target { session: Arc::new(wishes), ..target }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn the_environment_reaches_commands_and_shells() {
    let sshd = Sshd::builder().option("AcceptEnv LC_* COLOUR").start();
    let wishes = SessionWishes {
        environment: vec![pair("COLOUR", "deep blue"), pair("LC_ODD", "a=b\"c"), pair("SECRET", "x")],
        ..SessionWishes::default()
    };
    let link = connector().connect(&wishing(target_of(&sshd), wishes), &()).await.unwrap();
    // The host takes what it likes, and what it leaves stops nothing.
    let said = run(&link, "echo \"[$COLOUR][$LC_ODD][$SECRET]\"").await;
    assert_eq!(String::from_utf8_lossy(&said.stdout), "[deep blue][a=b\"c][]\n");
    let mut shell = link.shell("dumb", Size::DEFAULT).await.unwrap();
    shell.input.write("echo \"<$COLOUR>\"\n".into()).await.unwrap();
    until(&mut shell, "<deep blue>").await;
}

#[tokio::test]
async fn a_terminal_is_had_where_it_is_wanted() {
    let sshd = Sshd::builder().start();
    let question = "test -t 1 && stty size && echo $TERM || echo none";
    for (terminal, command) in [(Terminal::Auto, "none\n"), (Terminal::Yes, "24 80\r\ndumb\r\n")] {
        let wishes = SessionWishes { terminal, ..SessionWishes::default() };
        let link = connector().connect(&wishing(target_of(&sshd), wishes), &()).await.unwrap();
        let said = run(&link, question).await;
        assert_eq!(String::from_utf8_lossy(&said.stdout), command, "{terminal:?}");
        let mut shell = link.shell("xterm", Size::new(30, 90)).await.unwrap();
        shell.input.write("stty size\n".into()).await.unwrap();
        until(&mut shell, "30 90").await;
    }
    let wishes = SessionWishes { terminal: Terminal::No, ..SessionWishes::default() };
    let link = connector().connect(&wishing(target_of(&sshd), wishes), &()).await.unwrap();
    let mut shell = link.shell("xterm", Size::DEFAULT).await.unwrap();
    shell.input.write("test -t 0 || echo plain\n".into()).await.unwrap();
    until(&mut shell, "plain\n").await;
}

#[tokio::test]
async fn a_command_of_the_configuration_takes_the_place_of_the_shell() {
    let sshd = Sshd::builder().start();
    let wishes = SessionWishes { command: Some("stty size; exit 5".to_owned()), ..SessionWishes::default() };
    let link = connector().connect(&wishing(target_of(&sshd), wishes), &()).await.unwrap();
    let said = collect(link.shell("xterm", Size::new(40, 100)).await.unwrap()).await;
    assert_eq!((said.stdout.as_slice(), said.exit), (&b"40 100\r\n"[..], Some(5)));
    // It stands for a missing command; one that is given runs.
    assert_eq!(run(&link, "echo given").await.stdout, b"given\n");
}

#[tokio::test]
async fn compression_is_used_where_it_is_wanted() {
    let sshd = Sshd::builder().option("LogLevel DEBUG1").start();
    for (compression, word) in [(Compression::No, "none"), (Compression::Yes, "zlib@openssh.com")] {
        let algorithms = Arc::new(Algorithms { compression, ..Algorithms::default() });
        let target = Target { algorithms, ..target_of(&sshd) };
        let link = connector().connect(&target, &()).await.unwrap();
        let said = run(&link, "head -c 1000000 /dev/zero").await;
        assert_eq!((said.stdout.len(), said.exit), (1_000_000, Some(0)));
        assert!(sshd.log().contains(&format!("compression: {word}")), "{word}: {}", sshd.log());
        link.close().await;
    }
}

#[tokio::test]
async fn a_host_whose_configuration_leaves_nothing_is_not_contacted() {
    let sshd = Sshd::builder().start();
    let algorithms =
        Arc::new(Algorithms { macs: Choice::parse("umac-64@openssh.com"), ..Algorithms::default() });
    let target = Target { algorithms, ..target_of(&sshd) };
    let refused = connector().connect(&target, &()).await.unwrap_err();
    let ConnectError::Unsupported(why) = &refused else { panic!("{refused}") };
    assert!(why.contains("umac-64@openssh.com") && why.contains("hmac-sha2-256-etm@openssh.com"), "{why}");
    assert!(!sshd.log().contains("Connection from"), "{}", sshd.log());
}
