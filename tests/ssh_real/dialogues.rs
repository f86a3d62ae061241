//! Questions that hosts ask of their own (RFC 4256), by servers in memory that ask anything.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use omnes::ask::{Answer, Ask, Before, BoxFuture, Echo, Nobody, Question, SecretKind};
use omnes::hosts::Host;
use omnes::ssh::{
    ConnectError, Connector, Dial, Hop, Link, Logins, Method, Progress, Stage, Stream, Target, Way,
};
use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, MethodKind, MethodSet};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::common::*;
use crate::support::sshd::{KeyKind, keygen};

#[path = "dialogues_others.rs"]
mod others;

type Prompts = &'static [(&'static str, bool)];

/// How a host logs people in.
#[derive(Clone, Copy)]
enum Habit {
    /// It asks these rounds, each after the answer to the one before; its name stands for `{}` in the right answers.
    Asks(&'static [(Prompts, &'static [&'static str])]),
    /// A key first, then as above.
    KeyThenAsks(&'static [(Prompts, &'static [&'static str])]),
    /// Two prompts, and after any answer two more.
    Endless,
    /// So many prompts at once.
    Many(usize),
    /// Takes the password, then asks as above.
    PasswordThenAsks(&'static [(Prompts, &'static [&'static str])]),
    /// It would ask, but asks nothing, and refuses.
    Silent,
}

const CODE: &[(Prompts, &[&str])] = &[(&[("Verification code: ", false)], &["code-{}"])];
const PASSWORD: &[(Prompts, &[&str])] = &[(&[("Password: ", false)], &["right"])];
const BOTH: &[(Prompts, &[&str])] =
    &[(&[("(ann@host) Password: ", false)], &["right"]), (&[("Verification code: ", false)], &["code-{}"])];

#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    most_open: AtomicUsize,
    dials: AtomicUsize,
    let_in: AtomicUsize,
    /// What each host was answered, in order, wrong or right.
    answers: Mutex<HashMap<String, Vec<Vec<String>>>>,
    /// Wrong answers to prompts with `assword`.
    wrong_passwords: AtomicUsize,
    dials_by_name: Mutex<HashMap<String, usize>>,
}

impl Seen {
    fn next_dial(&self, name: &str) -> usize {
        let mut dials = self.dials_by_name.lock().unwrap();
        let nth = dials.entry(name.to_owned()).or_default();
        *nth += 1;
        *nth
    }
}

#[derive(Clone)]
struct Fleet {
    key: Arc<PrivateKey>,
    client: std::path::PathBuf,
    dir: Arc<tempfile::TempDir>,
    habit: fn(&str) -> Habit,
    /// Whether a host closes its connection of this number, from 1, before it says anything.
    turns_away: fn(&str, usize) -> bool,
    seen: Arc<Seen>,
}

fn fleet(habit: fn(&str) -> Habit) -> Fleet {
    let dir = tempfile::tempdir().unwrap();
    let (path, client) = (dir.path().join("key"), dir.path().join("client"));
    keygen(KeyKind::Ed25519, &path);
    keygen(KeyKind::Ed25519, &client);
    let key = Arc::new(load_secret_key(&path, None).unwrap());
    Fleet { key, client, dir: Arc::new(dir), habit, turns_away: |_, _| false, seen: Arc::default() }
}

impl Fleet {
    fn connector(&self, ask: Arc<dyn Ask>) -> Connector {
        Connector::new(Arc::new(self.clone()), ask, Arc::new(Keys::default()))
    }

    fn target(&self, name: &str) -> Target {
        assert!(self.dir.path().exists());
        let mut target = target(name, 22, &self.client);
        target.host = Host::new(None, name, None);
        target.user = "ann".to_owned();
        if !matches!((self.habit)(name), Habit::KeyThenAsks(_)) {
            target.identities.clear();
        }
        target
    }

    async fn connect_all(&self, connector: &Connector, hosts: usize) -> Vec<Result<Link, ConnectError>> {
        let tasks: Vec<_> = (0..hosts)
            .map(|n| {
                let (connector, target) = (connector.clone(), self.target(&format!("h{n}")));
                tokio::spawn(async move { connector.connect(&target, &()).await })
            })
            .collect();
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap());
        }
        ends
    }

    async fn refusal(&self, ask: Arc<dyn Ask>) -> String {
        let connecting = self.connector(ask);
        let target = self.target("h0");
        let ended = tokio::time::timeout(DEADLINE, connecting.connect(&target, &())).await.expect("it ends");
        ended.expect_err("it is refused").to_string()
    }
}

impl Dial for Fleet {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        progress.stage(Stage::Tcp);
        let (near, far) = tokio::io::duplex(64 * 1024);
        let nth = self.seen.next_dial(&hop.address);
        if !(self.turns_away)(&hop.address, nth) {
            self.serve(&hop.address, far);
        }
        Box::pin(async move { Ok(Box::new(near) as Stream) })
    }
}

impl Fleet {
    /// A host of this name at the far end of a stream.
    fn serve(&self, name: &str, far: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let habit = (self.habit)(name);
        let method = match habit {
            Habit::KeyThenAsks(_) => MethodKind::PublicKey,
            Habit::PasswordThenAsks(_) => MethodKind::Password,
            _ => MethodKind::KeyboardInteractive,
        };
        let config = Config {
            keys: vec![(*self.key).clone()],
            methods: MethodSet::from(&[method][..]),
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        };
        self.seen.dials.fetch_add(1, SeqCst);
        let open = self.seen.open.fetch_add(1, SeqCst) + 1;
        self.seen.most_open.fetch_max(open, SeqCst);
        let server = Server {
            name: name.to_owned(),
            habit,
            round: 0,
            seen: self.seen.clone(),
            in_login: true,
            fleet: self.clone(),
        };
        tokio::spawn(async move {
            if let Ok(session) = russh::server::run_stream(Arc::new(config), far, server).await {
                let _ = session.await;
            }
        });
    }
}

struct Server {
    name: String,
    habit: Habit,
    round: usize,
    seen: Arc<Seen>,
    in_login: bool,
    fleet: Fleet,
}

impl Server {
    fn login_over(&mut self) {
        if std::mem::take(&mut self.in_login) {
            self.seen.open.fetch_sub(1, SeqCst);
        }
    }

    fn ask(prompts: impl Iterator<Item = (Cow<'static, str>, bool)>) -> Auth {
        let prompts = Cow::Owned(prompts.collect());
        Auth::Partial { name: "a \x1b[31mtitle".into(), instructions: "one\r\ntwo\x07".into(), prompts }
    }

    fn ask_round(&self, rounds: &[(Prompts, &[&str])]) -> Auth {
        Server::ask(rounds[self.round].0.iter().map(|&(text, echo)| (text.into(), echo)))
    }

    fn go_on(&mut self, rounds: &'static [(Prompts, &'static [&'static str])], said: &[String]) -> Auth {
        let (prompts, right) = rounds[self.round];
        let right: Vec<String> = right.iter().map(|right| right.replace("{}", &self.name)).collect();
        if said != right {
            let wrong = usize::from(prompts.iter().any(|(text, _)| text.contains("assword")));
            self.seen.wrong_passwords.fetch_add(wrong, SeqCst);
            self.round = 0;
            return Auth::reject();
        }
        self.round += 1;
        if self.round < rounds.len() {
            return self.ask_round(rounds);
        }
        self.seen.let_in.fetch_add(1, SeqCst);
        Auth::Accept
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.login_over();
    }
}

fn then_ask() -> Auth {
    let next = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
    Auth::Reject { proceed_with_methods: Some(next), partial_success: true }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(then_ask())
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(if password == "right" { then_ask() } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let said: Option<Vec<String>> = response
            .map(|response| response.map(|said| String::from_utf8_lossy(&said).into_owned()).collect());
        if let Some(said) = &said {
            let mut answers = self.seen.answers.lock().unwrap();
            answers.entry(self.name.clone()).or_default().push(said.clone());
        }
        Ok(match (self.habit, said) {
            (Habit::Silent, _) => Auth::reject(),
            (Habit::Endless, _) => Server::ask([].into_iter()),
            (Habit::Many(n), None) => Server::ask((0..n).map(|n| (format!("{n}?").into(), true))),
            (Habit::Many(_), Some(_)) => Auth::Accept,
            (Habit::Asks(rounds) | Habit::KeyThenAsks(rounds) | Habit::PasswordThenAsks(rounds), said) => {
                match said {
                    None => {
                        self.round = 0;
                        self.ask_round(rounds)
                    }
                    Some(said) => self.go_on(rounds, &said),
                }
            }
        })
    }

    /// Every host lets others through, to any host of the fleet.
    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        self.fleet.serve(host, channel.into_stream());
        Ok(())
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.login_over();
        Ok(())
    }
}

/// The right answers: a code for each host, one password for all.
fn well(_: usize, question: &Question) -> Answer {
    match question {
        Question::Prompt(prompt) => Answer::Secret(format!("code-{}", prompt.host).into()),
        _ => Answer::Secret("right".into()),
    }
}

fn prompts_of(asked: &[Question]) -> Vec<String> {
    let prompt = |question: &Question| match question {
        Question::Prompt(prompt) => Some(prompt.host.to_string()),
        _ => None,
    };
    asked.iter().filter_map(prompt).collect()
}

#[tokio::test]
async fn rounds_and_prompts_are_answered_as_they_come() {
    const ROUNDS: &[(Prompts, &[&str])] = &[
        (&[], &[]),
        (&[("Colour\x1b[2J? ", true), ("Shape? ", false)], &["code-h0", "code-h0"]),
        (&[], &[]),
        (&[("Verification code: ", false)], &["code-h0"]),
    ];
    let fleet = fleet(|_| Habit::Asks(ROUNDS));
    let ask = Scripted::new(well);
    fleet.connector(ask.clone()).connect(&fleet.target("h0"), &()).await.unwrap();
    let code = || "code-h0".to_owned();
    let said = vec![vec![], vec![code(), code()], vec![], vec![code()]];
    assert_eq!(fleet.seen.answers.lock().unwrap()["h0"], said);
    let asked = ask.asked.lock().unwrap();
    let Question::Prompt(first) = &asked[0] else { panic!("{:?}", asked[0]) };
    assert_eq!((first.host.to_string(), first.user.as_str(), first.echo), ("h0".into(), "ann", Echo::Shown));
    assert_eq!(first.title, "a ^[[31mtitle");
    assert_eq!(first.instruction, "one\ntwo^G");
    assert_eq!(first.prompt, "Colour^[[2J?");
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn an_empty_dialogue_lets_in_and_a_silent_one_does_not_do_so_for_ever() {
    const EMPTY: &[(Prompts, &[&str])] = &[(&[], &[])];
    let empty = fleet(|_| Habit::Asks(EMPTY));
    empty.connector(Arc::new(Nobody)).connect(&empty.target("h0"), &()).await.unwrap();
    assert_eq!(
        fleet(|_| Habit::Silent).refusal(Arc::new(Nobody)).await,
        "login refused (it takes none of the ways to log in that omnes knows)"
    );
    let why = fleet(|_| Habit::Endless).refusal(Arc::new(Nobody)).await;
    assert_eq!(why, "login refused (the host does not stop asking)");
}

#[tokio::test]
async fn too_many_prompts_and_too_long_ones_are_asked_of_nobody() {
    let nobody = || Scripted::new(|_, question| panic!("asked {question:?}"));
    let why = fleet(|_| Habit::Many(100)).refusal(nobody()).await;
    assert!(why.contains("100 questions at once"), "{why}");
    const LONG: &str = match std::str::from_utf8(&[b'x'; 5000]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let why = fleet(|_| Habit::Asks(&[(&[(LONG, false)], &[])])).refusal(nobody()).await;
    assert!(why.contains("5000 bytes"), "{why}");
    let sixteen = fleet(|_| Habit::Many(16));
    let ask = Scripted::new(well);
    sixteen.connector(ask.clone()).connect(&sixteen.target("h0"), &()).await.unwrap();
    assert_eq!(ask.count(), 16);
}

#[tokio::test]
async fn nobody_to_ask_and_a_refused_answer_are_outcomes() {
    let why = fleet(|_| Habit::Asks(CODE)).refusal(Arc::new(Nobody)).await;
    assert!(why.contains("asks `Verification code:`, and nobody can be asked"), "{why}");
    let why = fleet(|_| Habit::Asks(CODE)).refusal(Scripted::new(|_, _| Answer::Refuse)).await;
    assert_eq!(why, "login refused (no answer was given to `Verification code:`)");
    // As often as NumberOfPasswordPrompts says.
    let wrong = Scripted::new(|_, _| Answer::Secret("wrong".into()));
    let fleet = fleet(|_| Habit::Asks(CODE));
    assert_eq!(fleet.refusal(wrong.clone()).await, "login refused (no answer was accepted)");
    assert_eq!(wrong.count(), 3);
    let told = |question: &Question| match question {
        Question::Prompt(prompt) => prompt.before,
        other => panic!("{other:?}"),
    };
    let before: Vec<Before> = wrong.asked.lock().unwrap().iter().map(told).collect();
    assert_eq!(
        before,
        [Before::Nothing, Before::Refused, Before::Refused],
        "a wrong answer is not passed over"
    );
    let once = Scripted::new(|_, _| Answer::Secret("wrong".into()));
    let target = Target { logins: Logins { prompts: 1, ..Logins::default() }, ..fleet.target("h0") };
    fleet.connector(once.clone()).connect(&target, &()).await.unwrap_err();
    assert_eq!(once.count(), 1);
}

/// A code expires while others are typed, and a server counts connections that have not logged in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_asked_one_after_the_other_and_only_the_host_that_asks_is_connected() {
    let fleet = fleet(|_| Habit::Asks(CODE));
    let seen = fleet.seen.clone();
    let most = Arc::new(AtomicUsize::new(0));
    let ask = Scripted::new({
        let most = most.clone();
        move |n, question| {
            // The first may be asked while others still find out that it is not their turn.
            if n > 20 {
                most.fetch_max(seen.open.load(SeqCst), SeqCst);
            }
            well(n, question)
        }
    });
    let ends = fleet.connect_all(&fleet.connector(ask.clone()), 40).await;
    ends.iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    assert_eq!(most.load(SeqCst), 1, "connections while somebody is asked");
    let mut hosts = prompts_of(&ask.asked.lock().unwrap());
    assert_eq!(hosts.len(), 40);
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 40, "each host once");
    assert!(fleet.seen.dials.load(SeqCst) <= 80, "at most two connections each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_password_is_asked_once_and_reaches_three_hosts_while_it_is_wrong() {
    let fleet = fleet(|_| Habit::Asks(PASSWORD));
    let ask = Scripted::new(|n, _| Answer::Secret(if n == 0 { "wrong" } else { "right" }.into()));
    let ends = fleet.connect_all(&fleet.connector(ask.clone()), 150).await;
    ends.iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    assert_eq!((ask.count(), fleet.seen.wrong_passwords.load(SeqCst)), (2, 1));
    let asked = ask.asked.lock().unwrap();
    let Question::Secret(request) = &asked[0] else { panic!("{:?}", asked[0]) };
    assert_eq!(request.kind, SecretKind::Password { user: "ann".to_owned(), cluster: None });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_reaches_three_hosts_at_most_also_where_a_code_follows() {
    for rounds in [PASSWORD, BOTH] {
        let fleet =
            if rounds.len() == 1 { fleet(|_| Habit::Asks(PASSWORD)) } else { fleet(|_| Habit::Asks(BOTH)) };
        let ask = Scripted::new(|_, _| Answer::Secret("wrong".into()));
        let ends = fleet.connect_all(&fleet.connector(ask.clone()), 100).await;
        for end in ends {
            assert_eq!(end.unwrap_err().to_string(), "login refused (no password was accepted)");
        }
        assert_eq!((ask.count(), fleet.seen.wrong_passwords.load(SeqCst)), (3, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_and_a_code_the_one_for_all_the_other_for_each() {
    let fleet = fleet(|_| Habit::Asks(BOTH));
    let ask = Scripted::new(well);
    let ends = fleet.connect_all(&fleet.connector(ask.clone()), 30).await;
    ends.iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    let asked = ask.asked.lock().unwrap();
    assert_eq!((asked.len(), prompts_of(&asked).len()), (31, 30));
    assert_eq!(fleet.seen.wrong_passwords.load(SeqCst), 0);
}

/// Each cluster has a secret of its own, so hosts of one judge it while hosts of the other have the turn to ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_have_one_question_each_and_do_not_wait_for_each_other_for_ever() {
    let fleet = fleet(|_| Habit::Asks(BOTH));
    let ask = Scripted::new(well);
    let connector = fleet.connector(ask.clone());
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let cluster = Some(["web", "db", "old"][n % 3].to_owned());
            let (connector, target) =
                (connector.clone(), Target { cluster, ..fleet.target(&format!("h{n}")) });
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap().unwrap();
    }
    let asked = ask.asked.lock().unwrap();
    let kinds = asked.iter().filter(|question| matches!(question, Question::Secret(_))).count();
    assert_eq!((kinds, asked.len()), (3, 27));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_or_a_password_and_then_a_code() {
    let keys = fleet(|_| Habit::KeyThenAsks(CODE));
    let ask = Scripted::new(well);
    // Several, so that all but one come back and offer their key again.
    let ends = keys.connect_all(&keys.connector(ask.clone()), 6).await;
    ends.iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    assert_eq!(ask.count(), 6);
    let passwords = fleet(|_| Habit::PasswordThenAsks(CODE));
    let ask = Scripted::new(well);
    let ends = passwords.connect_all(&passwords.connector(ask.clone()), 6).await;
    ends.iter().for_each(|end| assert!(end.is_ok(), "{end:?}"));
    assert_eq!(ask.count(), 7);
    // The key is accepted, and what the host wants then is barred.
    let logins = Logins { interactive: Way::Barred, order: vec![Method::Keys], ..Logins::default() };
    let target = Target { logins, ..keys.target("h9") };
    let why = keys.connector(Arc::new(Nobody)).connect(&target, &()).await.unwrap_err().to_string();
    assert!(why.contains("bars them (KbdInteractiveAuthentication"), "{why}");
}
