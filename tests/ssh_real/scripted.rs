//! A server in memory that does what no real one does on demand: passwords with a count of who saw
//! them, stalls after the login, commands without an end, channels that it opens towards us.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use omnes::ask::{Answer, Ask, BoxFuture, Nobody, Question};
use omnes::hosts::Host;
use omnes::ssh::{
    ConnectError, Connector, Dial, Hop, Link, Logins, Progress, Stage, StartError, Stream, Target, Way,
};
use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet};

use crate::common::*;
use crate::support::sshd::{KeyKind, keygen};

/// What a host does, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Takes this password.
    Password(&'static str),
    /// Knows keyboard-interactive only.
    Keyboard,
    StallInLogin,
    StallInChannel,
    StallInExec,
    RefuseExec,
    NoStatus,
    OpenTowardsUs,
    /// Ends the connection with words.
    Farewell,
}

/// A fleet in memory; counts what its hosts saw.
#[derive(Clone)]
struct Fleet {
    key: Arc<PrivateKey>,
    habit: fn(&str) -> Habit,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    wrong: Mutex<Vec<String>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
    ran: Mutex<HashSet<String>>,
    let_in: AtomicUsize,
}

fn fleet(habit: fn(&str) -> Habit) -> Fleet {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    keygen(KeyKind::Ed25519, &path);
    Fleet { key: Arc::new(load_secret_key(&path, None).unwrap()), habit, seen: Arc::default() }
}

impl Dial for Fleet {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        progress.stage(Stage::Tcp);
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = Server {
            name: hop.address.clone(),
            habit: (self.habit)(&hop.address),
            seen: self.seen.clone(),
            in_login: true,
        };
        let methods = match server.habit {
            Habit::Keyboard => MethodKind::KeyboardInteractive,
            _ => MethodKind::Password,
        };
        let config = Config {
            keys: vec![(*self.key).clone()],
            methods: MethodSet::from(&[methods][..]),
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        };
        let open = self.seen.open.fetch_add(1, SeqCst) + 1;
        self.seen.most_open.fetch_max(open, SeqCst);
        tokio::spawn(async move {
            if let Ok(session) = russh::server::run_stream(Arc::new(config), far, server).await {
                let _ = session.await;
            }
        });
        Box::pin(async move { Ok(Box::new(near) as Stream) })
    }
}

struct Server {
    name: String,
    habit: Habit,
    seen: Arc<Seen>,
    in_login: bool,
}

impl Server {
    fn login_over(&mut self) {
        if std::mem::take(&mut self.in_login) {
            self.seen.open.fetch_sub(1, SeqCst);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.login_over();
    }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        match self.habit {
            Habit::StallInLogin => std::future::pending().await,
            Habit::Password(_) | Habit::Keyboard => Ok(Auth::reject()),
            _ => Ok(Auth::Accept),
        }
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        if self.habit == Habit::Password("*")
            || matches!(self.habit, Habit::Password(right) if right == password)
        {
            self.seen.let_in.fetch_add(1, SeqCst);
            return Ok(Auth::Accept);
        }
        self.seen.wrong.lock().unwrap().push(self.name.clone());
        Ok(Auth::reject())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let prompts = Cow::Borrowed(&[(Cow::Borrowed("Code:"), false)][..]);
        Ok(match response {
            None => Auth::Partial { name: "".into(), instructions: "".into(), prompts },
            Some(_) => Auth::reject(),
        })
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.login_over();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.habit == Habit::StallInChannel {
            std::future::pending::<()>().await;
        }
        if self.habit == Habit::Farewell {
            return session.disconnect(Disconnect::ByApplication, "go\x1b[2J\x07 away", "");
        }
        if self.habit == Habit::OpenTowardsUs {
            let handle = session.handle();
            let seen = self.seen.clone();
            tokio::spawn(async move {
                let refused = |opened: Result<Channel<Msg>, _>| usize::from(opened.is_err());
                let mut n = refused(handle.channel_open_agent().await);
                n += refused(handle.channel_open_session().await);
                n += refused(handle.channel_open_x11("localhost", 1).await);
                n += refused(handle.channel_open_direct_tcpip("localhost", 22, "localhost", 1).await);
                n += refused(handle.channel_open_forwarded_tcpip("localhost", 22, "localhost", 1).await);
                n += refused(handle.channel_open_direct_streamlocal("/s").await);
                n += refused(handle.channel_open_forwarded_streamlocal("/s").await);
                seen.let_in.store(n, SeqCst);
                reply.accept().await;
            });
            return Ok(());
        }
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.habit {
            Habit::StallInExec => return Ok(()),
            Habit::RefuseExec => return session.channel_failure(id),
            _ => {}
        }
        self.seen.ran.lock().unwrap().insert(self.name.clone());
        session.channel_success(id)?;
        session.data(id, &b"ran\n"[..])?;
        if self.habit != Habit::NoStatus {
            session.exit_status_request(id, 0)?;
        }
        session.close(id)
    }
}

fn host(name: &str) -> Target {
    let mut target = target(name, 22, "/nonexistent".as_ref());
    target.host = Host::new(None, name, None);
    target.identities.clear();
    target.connect_timeout = Duration::from_secs(30);
    target
}

fn connector_to(fleet: &Fleet, ask: Arc<dyn Ask>) -> Connector {
    Connector::new(Arc::new(fleet.clone()), ask, Arc::new(Keys::default()))
}

/// Connects to `h0` .. `hN` at once; how each ended, in order.
async fn connect_all(connector: &Connector, hosts: usize) -> Vec<Result<Link, ConnectError>> {
    let tasks = (0..hosts).map(|n| {
        let (connector, target) = (connector.clone(), host(&format!("h{n}")));
        tokio::spawn(async move { connector.connect(&target, &()).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap());
    }
    ends
}

fn secrets(answers: &'static [&'static str]) -> impl Fn(usize, &Question) -> Answer + Send + Sync {
    move |n, _| answers.get(n).map_or(Answer::Refuse, |&a| Answer::Secret(a.into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_password_is_asked_once_for_two_hundred_hosts() {
    let fleet = fleet(|_| Habit::Password("right"));
    let ask = Scripted::new(secrets(&["wrong", "right"]));
    let ends = connect_all(&connector_to(&fleet, ask.clone()), 200).await;
    for end in &ends {
        assert!(end.is_ok(), "{end:?}");
    }
    assert_eq!((ask.count(), fleet.seen.wrong.lock().unwrap().len()), (2, 1));
    let asked = ask.asked.lock().unwrap();
    let Question::Secret(again) = &asked[1] else { panic!("{:?}", asked[1]) };
    let refused_by = fleet.seen.wrong.lock().unwrap()[0].clone();
    assert_eq!(again.refused.as_deref(), Some(format!("not accepted by {refused_by}").as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_reach_three_hosts_of_a_thousand_at_most() {
    let fleet = fleet(|_| Habit::Password("right"));
    let ask = Scripted::new(secrets(&["a", "b", "c", "right"]));
    let ends = connect_all(&connector_to(&fleet, ask.clone()), 300).await;
    for end in ends {
        assert_eq!(end.unwrap_err().to_string(), "login refused (no password was accepted)");
    }
    assert_eq!((ask.count(), fleet.seen.wrong.lock().unwrap().len()), (3, 3));
}

/// The first host to be asked is an odd one; its refusals do not use up the answers of the others.
#[tokio::test]
async fn one_host_that_takes_no_password_does_not_keep_the_others_out() {
    let fleet = fleet(|name| Habit::Password(if name == "h0" { "other" } else { "right" }));
    let ask = Scripted::new(secrets(&["right", "right", "right", "right"]));
    let ends = connect_all(&connector_to(&fleet, ask.clone()), 100).await;
    assert!(ends[0].is_err());
    ends[1..].iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    assert!(fleet.seen.wrong.lock().unwrap().iter().all(|name| name == "h0"));
}

#[tokio::test]
async fn a_password_of_others_never_reaches_a_host_that_bars_passwords() {
    let fleet = fleet(|name| Habit::Password(if name == "barred" { "other" } else { "right" }));
    let ask = Scripted::new(secrets(&["right"]));
    let connector = connector_to(&fleet, ask.clone());
    connector.connect(&host("h0"), &()).await.unwrap();
    let barred = Logins { passwords: Way::Barred, ..Logins::default() };
    let target = Target { logins: barred, ..host("barred") };
    let why = connector.connect(&target, &()).await.unwrap_err().to_string();
    assert!(why.starts_with("login refused (needs a password, and the configuration"), "{why}");
    assert!(fleet.seen.wrong.lock().unwrap().is_empty(), "the password was offered");
    assert_eq!(ask.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_takes_anything_proves_little() {
    let fleet = fleet(|name| Habit::Password(if name == "odd" { "*" } else { "right" }));
    let connector = connector_to(&fleet, Scripted::new(secrets(&["wrong"])));
    connector.connect(&host("odd"), &()).await.unwrap();
    let ends = connect_all(&connector, 100).await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 0);
    assert!(fleet.seen.wrong.lock().unwrap().len() <= 3);
}

/// As `ssh`, which tries `none` before anything else: a host that wants nothing asks nobody for a password.
#[tokio::test]
async fn a_host_that_lets_in_without_anything_does_so_whatever_keys_there_are() {
    let fleet = fleet(|_| Habit::NoStatus);
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    keygen(KeyKind::Ed25519, &key);
    let target = Target { identities: vec![key], ..host("h0") };
    connector_to(&fleet, Arc::new(Nobody)).connect(&target, &()).await.unwrap();
}

#[tokio::test]
async fn without_anybody_to_ask_the_sentence_says_what_is_needed() {
    let fleet = fleet(|name| if name == "h0" { Habit::Password("right") } else { Habit::Keyboard });
    let connector = connector_to(&fleet, Arc::new(Nobody));
    let ends = connect_all(&connector, 2).await;
    let why: Vec<String> = ends.into_iter().map(|end| end.unwrap_err().to_string()).collect();
    assert!(why[0].starts_with("login refused (needs a password, and nobody can be asked;"), "{}", why[0]);
    assert!(why[0].contains("--password-command"), "{}", why[0]);
    assert!(why[1].starts_with("login refused (asks `Code:`, and nobody can be asked;"), "{}", why[1]);
    assert!(fleet.seen.wrong.lock().unwrap().is_empty());
}

#[tokio::test]
async fn behind_a_question_four_connections_stay_open_and_its_time_is_no_timeout() {
    /// Somebody who thinks until he is told to answer.
    struct Thinker(tokio::sync::Semaphore);
    impl Ask for Thinker {
        fn ask(&self, _: Question) -> BoxFuture<'_, Answer> {
            Box::pin(async {
                let _told = self.0.acquire().await.unwrap();
                Answer::Secret("right".into())
            })
        }
    }
    let fleet = fleet(|_| Habit::Password("right"));
    let thinker = Arc::new(Thinker(tokio::sync::Semaphore::new(0)));
    let connector = connector_to(&fleet, thinker.clone());
    let limit = Duration::from_secs(3);
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let (connector, mut target) = (connector.clone(), host(&format!("h{n}")));
            target.connect_timeout = limit;
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    let settled = || fleet.seen.most_open.load(SeqCst) > 4 && fleet.seen.open.load(SeqCst) == 4;
    wait_until("all but four have closed their connection", settled).await;
    // Longer than the connect timeout, in which nothing may happen.
    tokio::time::sleep(limit + Duration::from_millis(500)).await;
    assert_eq!(fleet.seen.open.load(SeqCst), 4);
    assert!(tasks.iter().all(|task| !task.is_finished()));
    thinker.0.add_permits(1);
    for task in tasks {
        tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_stall_after_the_key_exchange_names_its_stage() {
    let fleet = fleet(|name| match name {
        "login" => Habit::StallInLogin,
        "channel" => Habit::StallInChannel,
        "exec" => Habit::StallInExec,
        _ => Habit::RefuseExec,
    });
    let connector = connector_to(&fleet, Arc::new(Nobody));
    let hasty = |name: &str| Target { connect_timeout: Duration::from_secs(1), ..host(name) };
    let start = Instant::now();
    let error = connector.connect(&hasty("login"), &()).await.unwrap_err();
    assert_eq!(error.to_string(), "unreachable (login): nothing in 1 s");
    let link = connector.connect(&hasty("channel"), &()).await.unwrap();
    let error = link.exec(b"true").await.unwrap_err();
    assert_eq!(error.to_string(), "unreachable (channel): nothing in 1 s");
    assert!(matches!(error, StartError::NotRun(_)));
    // The request was sent: whether it ran is not known.
    let link = connector.connect(&hasty("exec"), &()).await.unwrap();
    let error = link.exec(b"true").await.unwrap_err();
    assert!(matches!(&error, StartError::Lost(why) if why == "no answer to the request in 1 s"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(15));
    // Refused: it certainly did not.
    let link = connector.connect(&hasty("refuse"), &()).await.unwrap();
    let error = link.exec(b"true").await.unwrap_err();
    assert_eq!(error.to_string(), "unreachable (request): the host refused to run a command");
    assert!(matches!(error, StartError::NotRun(_)));
    assert!(fleet.seen.ran.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_missing_status_is_missing() {
    let fleet = fleet(|_| Habit::NoStatus);
    let link = connector_to(&fleet, Arc::new(Nobody)).connect(&host("h"), &()).await.unwrap();
    let said = run(&link, "true").await;
    assert_eq!(said.stdout, b"ran\n");
    assert_eq!((said.exit, said.signal, said.closed), (None, None, Some(Ok(()))));
}

#[tokio::test]
async fn what_a_server_opens_towards_us_is_refused() {
    let fleet = fleet(|_| Habit::OpenTowardsUs);
    let link = connector_to(&fleet, Arc::new(Nobody)).connect(&host("h"), &()).await.unwrap();
    let said = run(&link, "true").await;
    assert_eq!((said.exit, fleet.seen.let_in.load(SeqCst)), (Some(0), 7));
}

#[tokio::test]
async fn the_last_words_of_a_server_are_shown_and_do_not_act() {
    let fleet = fleet(|_| Habit::Farewell);
    let link = connector_to(&fleet, Arc::new(Nobody)).connect(&host("h"), &()).await.unwrap();
    let error = link.open().await.unwrap_err();
    let expected = "unreachable (channel): the host ended the connection: go^[[2J^G away";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn that_a_person_is_asked_is_told() {
    #[derive(Default)]
    struct Told(Mutex<Vec<bool>>);
    impl Progress for Told {
        fn stage(&self, _: Stage) {}
        fn asking(&self, asking: bool) {
            self.0.lock().unwrap().push(asking);
        }
    }
    let fleet = fleet(|_| Habit::Password("right"));
    let connector = connector_to(&fleet, Scripted::new(secrets(&["right"])));
    let told = Told::default();
    connector.connect(&host("h"), &told).await.unwrap();
    assert_eq!(told.0.into_inner().unwrap(), [true, false]);
}

#[tokio::test]
async fn a_dismissed_question_stays_dismissed_until_it_is_pardoned() {
    let fleet = fleet(|_| Habit::Password("right"));
    let ask = Scripted::new(|n, _| if n == 0 { Answer::Refuse } else { Answer::Secret("right".into()) });
    let connector = connector_to(&fleet, ask.clone());
    for _ in 0..2 {
        let error = connector.connect(&host("h"), &()).await.unwrap_err();
        assert_eq!(error.to_string(), "login refused (no password was given)");
    }
    assert_eq!(ask.count(), 1);
    connector.pardon();
    connector.connect(&host("h"), &()).await.unwrap();
    assert_eq!(ask.count(), 2);
}
