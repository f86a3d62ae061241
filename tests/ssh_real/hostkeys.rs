//! What a host's key decides.

use std::sync::Arc;

use omnes::ask::{Answer, Question};
use omnes::ssh::{ConnectError, HostKeyPolicy, Target};

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
    let connector = connector_with(Arc::new(omnes::ask::Nobody), keys.clone());
    let why = refusal(connector.connect(&strict, &()).await);
    assert!(why.contains("accept-new") && why.contains("ssh-keyscan") && why.contains("SHA256:"), "{why}");
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
    // Who held its connection came once, the others twice; the first four questions found a slot for certain.
    let connections = sshd.log().matches("Connection from").count();
    assert!((17..=28).contains(&connections), "{connections} connections");
}

#[tokio::test]
async fn each_kind_of_host_key_is_proven() {
    for kind in [KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa] {
        let sshd = Sshd::builder().host_keys(&[kind]).start();
        let link = connector().connect(&target_of(&sshd), &()).await.unwrap();
        assert_eq!(run(&link, "echo ok").await.stdout, b"ok\n");
    }
}
