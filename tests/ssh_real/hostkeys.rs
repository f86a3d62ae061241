//! What a host's key decides.

use std::fs;
use std::sync::Arc;

use tokio::sync::mpsc;

use omnes::ask::{Answer, Ask, BoxFuture, Nobody, Question};
use omnes::ssh::{ConnectError, Connector, HostKeyPolicy, KnownHosts, Target, Tcp};

use crate::common::*;
use crate::support::sshd::{KeyKind, Sshd};

fn with(policy: HostKeyPolicy, target: Target) -> Target {
    Target { policy, ..target }
}

fn refusal(result: Result<omnes::ssh::Link, ConnectError>) -> String {
    match result {
        Err(ConnectError::HostKey(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_learned_or_asked_about() {
    let sshd = Sshd::builder().start();
    let keys = Arc::new(Keys::default());
    let strict = with(HostKeyPolicy::Strict, target_of(&sshd));
    let connector = connector_with(Arc::new(Nobody), keys.clone());
    let why = refusal(connector.connect(&strict, &()).await);
    assert!(
        why.contains("accept-new") && why.contains("omnes keys --accept") && why.contains("SHA256:"),
        "{why}"
    );
    // Nobody can be asked: `ask` is `strict`.
    let ask = with(HostKeyPolicy::Ask, target_of(&sshd));
    assert_eq!(refusal(connector.connect(&ask, &()).await), why);
    assert_eq!(keys.learned(), 0);

    connector.connect(&with(HostKeyPolicy::AcceptNew, target_of(&sshd)), &()).await.unwrap();
    assert_eq!(keys.learned(), 1);
    connector.connect(&strict, &()).await.unwrap();
    assert_eq!(keys.learned(), 1);

    keys.falsify(&strict);
    for policy in [HostKeyPolicy::AcceptNew, HostKeyPolicy::Ask, HostKeyPolicy::Strict] {
        let why = refusal(connector.connect(&with(policy, target_of(&sshd)), &()).await);
        assert_eq!(why, "the key has changed");
    }
}

#[tokio::test]
async fn unknown_hosts_ask_and_four_connections_stay_open() {
    let addresses: Vec<String> = (1..=16).map(|n| format!("127.0.9.{n}")).collect();
    let listen: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let sshd = Sshd::builder().listen(&listen).host_keys(&[KeyKind::Ecdsa]).start();
    let ask = Scripted::new(|_, question| match question {
        Question::HostKey(key) => {
            assert_eq!(key.algorithm, "ecdsa-sha2-nistp256");
            if key.known_as.contains("127.0.9.7]") { Answer::Refuse } else { Answer::Accept }
        }
        other => panic!("{other:?}"),
    });
    let keys = Arc::new(Keys::default());
    let connector = connector_with(ask.clone(), keys.clone());
    let links = addresses.iter().map(|address| {
        let target = with(HostKeyPolicy::Ask, target(address, sshd.port(), &sshd.client_key()));
        let connector = connector.clone();
        tokio::spawn(async move { connector.connect(&target, &()).await })
    });
    let links: Vec<_> = links.collect();
    let mut well = 0;
    for link in links {
        match link.await.unwrap() {
            Ok(_) => well += 1,
            Err(ConnectError::HostKey(why)) => assert!(why.contains("not accepted"), "{why}"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((well, ask.count(), keys.learned()), (15, 16, 15));
    // Who held its connection came once, the others twice; four at least found a slot.
    let connections = sshd.log().matches("Connection from").count();
    assert!((16..=28).contains(&connections), "{connections} connections");
}

/// Ten hosts behind one alias, one of which gives up while it asks for all.
#[tokio::test]
async fn hosts_of_one_name_and_key_share_one_question() {
    let addresses: Vec<String> = (1..=10).map(|n| format!("127.0.8.{n}")).collect();
    let listen: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let sshd = Sshd::builder().listen(&listen).start();
    let (asked, mut questions) = mpsc::unbounded_channel();
    struct Later(mpsc::UnboundedSender<tokio::sync::oneshot::Sender<Answer>>);
    impl Ask for Later {
        fn ask(&self, _: Question) -> BoxFuture<'_, Answer> {
            let (answer, answered) = tokio::sync::oneshot::channel();
            self.0.send(answer).unwrap();
            Box::pin(async move { answered.await.unwrap() })
        }
    }
    let keys = Arc::new(Keys::default());
    let connector = connector_with(Arc::new(Later(asked)), keys.clone());
    let connect = |address: &String| {
        let target = Target {
            key_name: "alias".to_owned(),
            key_port: None,
            ..with(HostKeyPolicy::Ask, target(address, sshd.port(), &sshd.client_key()))
        };
        let connector = connector.clone();
        tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
    };
    let first = connect(&addresses[0]);
    let dropped = questions.recv().await.unwrap();
    let links: Vec<_> = addresses[1..].iter().map(connect).collect();
    wait_until("all have come", || sshd.log().matches("Connection from").count() >= 10).await;
    first.abort();
    let answer = tokio::time::timeout(DEADLINE, questions.recv()).await.expect("another one asks").unwrap();
    assert!(dropped.is_closed());
    answer.send(Answer::Accept).unwrap();
    for link in links {
        link.await.unwrap().unwrap();
    }
    assert_eq!(keys.learned(), 1);
    assert!(questions.try_recv().is_err(), "one answer is for all");
}

#[tokio::test]
async fn the_known_hosts_file_decides_and_learns() {
    let sshd = Sshd::builder().host_keys(&[KeyKind::Rsa, KeyKind::Ecdsa, KeyKind::Ed25519]).start();
    let file = sshd.dir().join("known_hosts");
    let reach = async |policy| {
        let target = Target { user_known_hosts: vec![file.clone()], policy, ..target_of(&sshd) };
        let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
        connector.connect(&target, &()).await
    };
    // Of three keys the one that is known is asked for.
    for kind in [KeyKind::Rsa, KeyKind::Ecdsa, KeyKind::Ed25519] {
        let line = format!("[127.0.0.1]:{} {}\n", sshd.port(), sshd.host_key(kind));
        fs::write(&file, line).unwrap();
        reach(HostKeyPolicy::Strict).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    }
    fs::remove_file(&file).unwrap();
    refusal(reach(HostKeyPolicy::Strict).await);
    reach(HostKeyPolicy::AcceptNew).await.unwrap();
    reach(HostKeyPolicy::Strict).await.unwrap();
    let learned = fs::read_to_string(&file).unwrap();
    assert_eq!(learned.trim(), format!("[127.0.0.1]:{} {}", sshd.port(), sshd.host_key(KeyKind::Ed25519)));

    let other = Sshd::builder().start();
    let line = format!("[127.0.0.1]:{} {}\n", sshd.port(), other.host_key(KeyKind::Ed25519));
    fs::write(&file, line).unwrap();
    let why = refusal(reach(HostKeyPolicy::AcceptNew).await);
    assert!(
        why.contains("omnes keys --replace h")
            && why.contains("ssh-keygen -R")
            && why.matches("SHA256:").count() == 2,
        "{why}"
    );
}

/// On one thread, so that whoever blocks it holds up everybody.
#[tokio::test]
async fn a_locked_known_hosts_holds_up_nobody_but_who_would_write_to_it() {
    let (known, unknown) = (Sshd::builder().start(), Sshd::builder().start());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, known.known_hosts()).unwrap();
    let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let connect = |sshd: &Sshd, policy| {
        let target = Target { user_known_hosts: vec![path.clone()], policy, ..target_of(sshd) };
        let connector = connector.clone();
        tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
    };
    let file = fs::File::open(&path).unwrap();
    file.lock().unwrap();
    let learning = connect(&unknown, HostKeyPolicy::AcceptNew);
    wait_until("it is being reached", || unknown.log().contains("Connection from")).await;
    for _ in 0..5 {
        connect(&known, HostKeyPolicy::Strict).await.unwrap().unwrap();
    }
    assert!(!learning.is_finished(), "the file is locked");
    file.unlock().unwrap();
    learning.await.unwrap().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), known.known_hosts() + &unknown.known_hosts());
}

#[tokio::test]
async fn a_connect_that_is_given_up_while_it_asks_leaves_nothing_behind() {
    struct Never(mpsc::UnboundedSender<()>);
    impl Ask for Never {
        fn ask(&self, _: Question) -> BoxFuture<'_, Answer> {
            self.0.send(()).unwrap();
            Box::pin(std::future::pending())
        }
    }
    let sshd = Sshd::builder().start();
    let (asked, mut questions) = mpsc::unbounded_channel();
    let connector = connector_with(Arc::new(Never(asked)), Arc::new(Keys::default()));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    // More than may keep their connection open, so that both ways of asking are given up.
    let connects: Vec<_> = (0..6)
        .map(|n| {
            let target = Target { key_name: format!("h{n}"), ..target_of(&sshd) };
            let (connector, target) = (connector.clone(), with(HostKeyPolicy::Ask, target));
            tokio::spawn(async move { connector.connect(&target, &()).await })
        })
        .collect();
    for _ in 0..6 {
        tokio::time::timeout(DEADLINE, questions.recv()).await.expect("everybody asks");
    }
    connects.iter().for_each(tokio::task::JoinHandle::abort);
    wait_until("all tasks have ended", || tasks() == before).await;
}

#[tokio::test]
async fn each_kind_of_host_key_is_proven() {
    for kind in [KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa] {
        let sshd = Sshd::builder().host_keys(&[kind]).start();
        let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
        assert_eq!(run(&link, "echo ok").await.stdout, b"ok\n");
    }
}

/// Eight of twenty-four hosts present another key than the one that is known: nobody offers them anything, and the
/// others notice nothing.
#[tokio::test]
async fn impostors_hear_nothing_and_disturb_nobody() {
    let addresses = |from: u8, to: u8| (from..=to).map(|n| format!("127.0.7.{n}")).collect::<Vec<_>>();
    let (true_ones, false_ones) = (addresses(1, 16), addresses(17, 24));
    let start = |addresses: &[String]| {
        let listen: Vec<&str> = addresses.iter().map(String::as_str).collect();
        Sshd::builder().listen(&listen).option("LogLevel DEBUG2").start()
    };
    let (honest, impostor) = (start(&true_ones), start(&false_ones));
    let file = honest.dir().join("known");
    let key = honest.host_key(KeyKind::Ed25519);
    let line = |(addresses, sshd): (&[String], &Sshd)| -> String {
        addresses.iter().map(|address| format!("[{address}]:{} {key}\n", sshd.port())).collect()
    };
    fs::write(&file, [(&true_ones[..], &honest), (&false_ones[..], &impostor)].map(line).concat()).unwrap();
    let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let all = true_ones.iter().map(|address| (address, &honest));
    let links = all.chain(false_ones.iter().map(|address| (address, &impostor))).map(|(address, sshd)| {
        let target = target(address, sshd.port(), &honest.client_key());
        let target = Target { user_known_hosts: vec![file.clone()], ..with(HostKeyPolicy::Strict, target) };
        let connector = connector.clone();
        tokio::spawn(async move { connector.connect(&target, &()).await })
    });
    let links: Vec<_> = links.collect();
    let (mut well, mut refused) = (0, 0);
    for link in links {
        match link.await.unwrap() {
            Ok(_) => well += 1,
            Err(ConnectError::HostKey(why)) => {
                assert!(why.contains(&format!("{}:", file.display())), "{why}");
                assert_eq!(why.matches("SHA256:").count(), 2, "{why}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((well, refused), (16, 8));
    wait_until("the impostor has seen all go", || impostor.log().matches("[preauth]").count() >= 8).await;
    assert!(honest.log().contains("userauth-request for user"), "sshd logs what it hears");
    assert!(!impostor.log().contains("userauth-request"), "{}", impostor.log());
}
