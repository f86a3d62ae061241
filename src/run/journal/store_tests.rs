use super::*;
use crate::outcome::Outcome;
use crate::run::{Happened, HostIx, Passage, Stream};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn hosts(n: usize) -> Vec<Host> {
    (0..n).map(|n| Host::new(None, &format!("web{n}"), None)).collect()
}

fn start(hosts: &[Host]) -> Start {
    let set: crate::hosts::HostSet = hosts.iter().cloned().collect();
    Start { count: hosts.len(), hosts: set.to_string(), ..Start::default() }
}

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().expect("a directory");
    let store = Store::at(home.path().join("deep/runs"));
    (home, store)
}

/// What the output of a host is, both streams.
fn written(store: &Store, id: &RunId, host: usize) -> [String; 2] {
    let mut text: [Vec<u8>; 2] = Default::default();
    let each = |_, stream, bytes: &[u8]| {
        text[stream as usize].extend_from_slice(bytes);
        Ok(())
    };
    store.output(id, |number| number == host, each).expect("output");
    text.map(|text| String::from_utf8(text).expect("text"))
}

#[tokio::test]
async fn ten_thousand_hosts_are_recorded_in_groups_and_read_back() {
    const HOSTS: usize = 10_000;
    let (_home, store) = store();
    let hosts = hosts(HOSTS);
    let (id, journal) = store.begin(start(&hosts), &hosts, Retention::DEFAULT).expect("a journal");
    assert_eq!(store.life(&id), Life::Alive);
    // As many at once as a run has.
    let turns = Arc::new(Semaphore::new(256));
    let mut tasks = tokio::task::JoinSet::new();
    for host in 0..HOSTS {
        let (journal, turns) = (journal.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await.expect("a turn");
            journal.intent(HostIx(host)).await.expect("it is on the disk");
            let said = Bytes::from(format!("host {host}\n"));
            journal.record(&Happened::Said(HostIx(host), Stream::Out, said)).await;
            let ended = Happened::Ended(HostIx(host), Outcome::Exited(0), Duration::from_millis(3));
            journal.record(&ended).await;
        });
    }
    tasks.join_all().await;
    journal.close(Vec::new()).await;
    assert!(!journal.is_faulty());
    let books = store.read(&id).expect("books");
    assert_eq!(books.counts(), [(super::super::Standing::Well, HOSTS)].into());
    // The hosts of the books are sorted as a set is, whatever the order of the plan.
    for at in [0, 99, 9_999] {
        let number = books.number(&format!("web{at}")).expect("a host of the run");
        assert_eq!(written(&store, &id, number)[0], format!("host {at}\n"));
    }
    drop(journal);
    while store.life(&id) == Life::Alive {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_run_goes_on_behind_what_was_cut_off() {
    let (_home, store) = store();
    let hosts = hosts(3);
    let (id, journal) = store.begin(start(&hosts), &hosts, Retention::DEFAULT).expect("a journal");
    let said = |host, stream, text: &'static str| Happened::Said(HostIx(host), stream, Bytes::from(text));
    assert!(matches!(store.reopen(&id), Err(StoreError::Alive(alive)) if alive == id));
    for host in 0..2 {
        journal.intent(HostIx(host)).await.expect("it is on the disk");
        journal.record(&said(host, Stream::Out, "first")).await;
    }
    journal.step_intent(HostIx(0), 2).await.expect("it is on the disk");
    journal.record(&Happened::Step(HostIx(0), 2, Passage::Passed)).await;
    journal.record(&Happened::Ended(HostIx(0), Outcome::Exited(0), Duration::ZERO)).await;
    journal.close(Vec::new()).await;
    drop(journal);
    while store.life(&id) == Life::Alive {
        tokio::task::yield_now().await;
    }
    // A line and a frame that a sudden end cut off.
    let directory = store.directory(&id);
    let append = |name: &str, bytes: &[u8]| {
        let file = OpenOptions::new().append(true).open(directory.join(name));
        file.and_then(|mut file| file.write_all(bytes)).expect("it is ours");
    };
    append(JOURNAL, b"{\"v\":1,\"event\":\"inte");
    append(OUTPUT, &[1, 0, 0, 0, 1, 200, 0, 0, 0, b'x']);
    let reopened = store.reopen(&id).expect("nobody holds it");
    assert_eq!((reopened.books.account(0).passed, reopened.books.damaged), (Some(2), 0));
    let journal = reopened.go_on(Resume::default(), &hosts[1..], Retention::DEFAULT).expect("a journal");
    for host in 0..2 {
        journal.intent(HostIx(host)).await.expect("it is on the disk");
    }
    journal.record(&said(0, Stream::Err, "second")).await;
    journal.record(&Happened::Ended(HostIx(0), Outcome::Exited(1), Duration::ZERO)).await;
    journal.close(Vec::new()).await;
    let books = store.read(&id).expect("books");
    let standing = |host: usize| books.standing(host);
    use super::super::Standing::{Failed, NotKnown, Well};
    assert_eq!((standing(0), standing(1), standing(2), books.damaged), (Well, Failed, NotKnown, 0));
    // Only the last turn's output is the host's.
    assert_eq!(written(&store, &id, 0), ["first".to_owned(), String::new()]);
    assert_eq!(written(&store, &id, 1), [String::new(), "second".to_owned()]);
}

#[tokio::test]
async fn output_beyond_the_limit_is_left_out_and_counted() {
    let (_home, store) = store();
    let hosts = hosts(1);
    let retention = Retention { max_size: 100, ..Retention::DEFAULT };
    let (id, journal) = store.begin(start(&hosts), &hosts, retention).expect("a journal");
    for _ in 0..3 {
        journal.record(&Happened::Said(HostIx(0), Stream::Out, Bytes::from(vec![b'x'; 60]))).await;
    }
    journal.record(&Happened::Ended(HostIx(0), Outcome::Exited(0), Duration::ZERO)).await;
    journal.close(Vec::new()).await;
    let books = store.read(&id).expect("books");
    assert_eq!((written(&store, &id, 0)[0].len(), books.account(0).left_out), (60, 120));
}

#[test]
fn what_is_no_run_is_left_alone() {
    let (_home, store) = store();
    assert!(store.ids().is_empty());
    fs::create_dir_all(store.root.join("notes")).expect("a directory");
    fs::write(store.root.join("20261121-181502"), "x").expect("a file");
    assert!(store.ids().is_empty());
    assert!(matches!(store.find("last"), Err(StoreError::Reference(RefError::NoRuns))));
    let nobody = RunId::new(5, 5);
    assert_eq!(store.life(&nobody), Life::Ended);
    assert!(matches!(store.read(&nobody), Err(StoreError::Io { .. })));
}
