//! Commands and shells: what comes back, all of it and nothing else.

use bytes::Bytes;
use omnes::size::Size;
use omnes::ssh::{ChannelEvent, ConnectError, StartError};

use crate::common::*;
use crate::support::sshd::Sshd;

#[tokio::test]
async fn exit_codes_streams_and_signals_come_back() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    for code in [0, 1, 44, 255] {
        let said = run(&link, &format!("echo out; echo err >&2; exit {code}")).await;
        let expected = Said {
            stdout: b"out\n".to_vec(),
            stderr: b"err\n".to_vec(),
            exit: Some(code),
            signal: None,
            closed: Some(Ok(())),
        };
        assert_eq!(said, expected);
    }
    let killed = run(&link, "kill -KILL $$").await;
    assert_eq!((killed.signal.as_deref(), killed.exit), (Some("KILL"), None));
    // Output that ends long before the command does.
    let late = run(&link, "echo x; exec >&- 2>&-; sleep 0.3; exit 7").await;
    assert_eq!((late.stdout.as_slice(), late.exit), (&b"x\n"[..], Some(7)));
    link.close().await;
}

#[tokio::test]
async fn a_megabyte_on_each_stream_is_exact() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let said =
        run(&link, "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero | tr '\\0' e >&2; printf end").await;
    assert_eq!(said.stdout.len(), 1_000_003);
    assert!(said.stdout.ends_with(b"\0end"));
    assert_eq!(said.stderr, vec![b'e'; 1_000_000]);
    assert_eq!(said.exit, Some(0));
}

#[tokio::test]
async fn input_reaches_the_command_to_the_last_byte() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut channel = link.exec(b"wc -c").await.unwrap();
    // More than any window: the writer has to wait for the command to read.
    for _ in 0..40 {
        channel.input.write(Bytes::from(vec![b'x'; 100_000])).await.unwrap();
    }
    channel.input.eof().await.unwrap();
    let said = collect(channel).await;
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "4000000");
    assert_eq!(said.exit, Some(0));
}

#[tokio::test]
async fn a_terminal_echoes_resizes_and_exits() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut shell = link.shell("xterm-256color", Size::new(24, 80)).await.unwrap();
    shell.input.write(Bytes::from_static(b"PS1=; stty size; echo term=$TERM\n")).await.unwrap();
    let seen = until(&mut shell, "term=xterm-256color").await;
    assert!(seen.contains("24 80"), "{seen}");
    shell.input.resize(Size::new(50, 132)).await.unwrap();
    shell.input.write(Bytes::from_static(b"stty size\n")).await.unwrap();
    until(&mut shell, "50 132").await;
    // What sudo and passwd rely on.
    shell.input.write(Bytes::from_static(b"stty -a; echo done=$((1+1))\n")).await.unwrap();
    let modes = until(&mut shell, "done=2").await;
    assert!(modes.contains("isig icanon") && modes.contains("intr = ^C"), "{modes}");
    shell.input.write(Bytes::from_static(b"exit 9\n")).await.unwrap();
    assert_eq!(collect(shell).await.exit, Some(9));
}

#[tokio::test]
async fn a_flood_waits_for_its_reader_and_still_hears_the_interrupt() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut shell = link.shell("dumb", Size::DEFAULT).await.unwrap();
    shell.input.write(Bytes::from_static(b"PS1=; yes\n")).await.unwrap();
    until(&mut shell, "y\r\ny\r\ny").await;
    // Nobody reads now: the flood stands after the bound, the interrupt goes out nevertheless.
    tokio::time::timeout(DEADLINE, shell.input.write(Bytes::from_static(b"\x03"))).await.unwrap().unwrap();
    let ask = shell.input.write(Bytes::from_static(b"echo stopped=$((40+2))\n"));
    tokio::time::timeout(DEADLINE, ask).await.unwrap().unwrap();
    let mut bytes = 0;
    let mut tail = String::new();
    while !tail.contains("stopped=42") {
        match tokio::time::timeout(DEADLINE, shell.output.next()).await.unwrap() {
            ChannelEvent::Data(data) => {
                bytes += data.len();
                tail.push_str(&String::from_utf8_lossy(&data));
                let cut = tail.len().saturating_sub(100);
                tail = tail.split_off(tail.ceil_char_boundary(cut));
            }
            other => panic!("{other:?}"),
        }
    }
    // Window, our bound, and what the sockets hold; `yes` would have written hundreds of megabytes meanwhile.
    assert!(bytes < 20_000_000, "{bytes} bytes came after the interrupt");
}

#[tokio::test]
async fn a_flood_that_nobody_reads_stands_still_at_its_host() {
    let sshd = Sshd::builder().start();
    let (idle, busy) = (connector(), connector());
    let idle = idle.connect(&target_of(&sshd), &()).await.unwrap();
    let busy = busy.connect(&target_of(&sshd), &()).await.unwrap();
    let written = sshd.dir().join("written");
    let flood = format!("head -c 100000000 /dev/zero; touch {}", written.display());
    let unread = idle.exec(flood.as_bytes()).await.unwrap();
    // As much again, read to its end beside it: time enough for the first to be through, if anything took it in.
    let said = run(&busy, "head -c 100000000 /dev/zero").await;
    assert_eq!(said.stdout.len(), 100_000_000);
    assert!(!written.exists());
    let said = collect(unread).await;
    assert_eq!((said.stdout.len(), said.exit), (100_000_000, Some(0)));
    assert!(written.exists());
}

#[tokio::test]
async fn a_writer_that_waits_for_a_deaf_command_learns_that_the_link_is_gone() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut channel = link.exec(b"sleep 1000").await.unwrap();
    let (filled, mut progress) = tokio::sync::mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        loop {
            match channel.input.write(Bytes::from(vec![0; 100_000])).await {
                Ok(()) => filled.send(()).unwrap(),
                Err(gone) => return gone,
            }
        }
    });
    // The window of sshd is 2 MB; the last write that goes through is followed by one that waits.
    for _ in 0..20 {
        tokio::time::timeout(DEADLINE, progress.recv()).await.unwrap();
    }
    drop(link);
    tokio::time::timeout(DEADLINE, writer).await.expect("the writer wakes").unwrap();
}

#[tokio::test]
async fn a_server_that_dies_ends_the_channel_with_a_reason() {
    let mut sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut channel = link.exec(b"echo up; sleep 1000").await.unwrap();
    assert_eq!(channel.output.next().await, ChannelEvent::Data(Bytes::from_static(b"up\n")));
    sshd.kill();
    let said = collect(channel).await;
    assert_eq!((said.exit, said.signal.as_deref()), (None, None));
    assert!(matches!(said.closed, Some(Err(_))), "{said:?}");
    assert!(link.is_closed());
    let again = tokio::time::timeout(DEADLINE, link.exec(b"true")).await.unwrap();
    assert!(matches!(again, Err(StartError::NotRun(ConnectError::Unreachable { .. }))), "{again:?}");
}

// Two threads, since waiting for the log blocks one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_and_a_close_end_a_command() {
    let sshd = Sshd::builder().start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let mut channel = link.exec(b"echo up; exec sleep 1000").await.unwrap();
    assert_eq!(channel.output.next().await, ChannelEvent::Data(Bytes::from_static(b"up\n")));
    channel.input.signal("TERM").await.unwrap();
    if rustix::process::getuid().is_root() {
        // For root this sshd keeps no process that could pass the signal on; that it heard us stands in its log.
        sshd.wait_for_log("session signalling requires privilege separation");
    } else {
        assert_eq!(collect(channel).await.signal.as_deref(), Some("TERM"));
    }

    let mut channel = link.exec(b"sleep 1000").await.unwrap();
    channel.input.close().await;
    assert_eq!(collect(channel).await.closed, Some(Ok(())));
}

#[tokio::test]
async fn a_refused_session_and_a_refused_terminal_did_not_run() {
    let sshd = Sshd::builder().option("MaxSessions 1").option("PermitTTY no").start();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let refused = link.shell("xterm", Size::DEFAULT).await.unwrap_err();
    assert!(refused.to_string().contains("refused a terminal"), "{refused}");
    assert!(matches!(refused, StartError::NotRun(_)));

    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let _running = link.exec(b"sleep 1000").await.unwrap();
    let second = link.open().await.unwrap_err();
    assert!(second.to_string().contains("refused a session"), "{second}");
}

#[tokio::test]
async fn dropping_a_link_closes_its_connection() {
    let sshd = Sshd::builder().start();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
    let channel = link.exec(b"sleep 1000").await.unwrap();
    assert!(tasks() > before);
    drop(link);
    let said = collect(channel).await;
    assert!(matches!(said.closed, Some(Err(_))), "{said:?}");
    wait_until("the connection's task ends", || tasks() == before).await;
    sshd.wait_for_log("Connection closed by");
}
