//! Hosts behind jump hosts: each hop checked under its own name, connections shared, failures told by the right name.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use omnes::ask::{Answer, Nobody, Question};
use omnes::demo::{Fleet, FleetConfig, Transport};
use omnes::hosts::Host;
use omnes::outcome::Exit;
use omnes::run::report::{Sink, Sinks};
use omnes::run::{self, Ends, Job, Limits, Output, Plan};
use omnes::ssh::{
    ChannelEvent, ConnectError, Connector, HostKeyPolicy, KnownHosts, Link, Route, Target, Tcp,
};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;
use crate::support::sshd::Sshd;

/// A target by the name that the user gave it.
pub(crate) fn named(name: &str, sshd: &Sshd) -> Target {
    Target { host: Host::new(None, name, None), ..target_of(sshd) }
}

pub(crate) fn behind(via: &Target, target: Target) -> Target {
    Target { route: Route::Jump(Arc::new(via.clone())), ..target }
}

/// The connections that a server has seen.
fn connections(sshd: &Sshd) -> usize {
    sshd.log().matches("Connection from").count()
}

/// Connects `count` hosts that are all `target`, at once.
async fn connect_all(
    connector: &Connector,
    target: &Target,
    count: usize,
) -> Vec<Result<Link, ConnectError>> {
    let tasks = (0..count).map(|n| {
        let host = Host::new(None, &format!("web{n}"), None);
        let (connector, target) = (connector.clone(), Target { host, ..target.clone() });
        tokio::spawn(async move { connector.connect(&target, &()).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap());
    }
    ends
}

#[tokio::test]
async fn three_hops_each_with_its_own_port_and_key() {
    let (outer, inner, web) = (Sshd::builder().start(), Sshd::builder().start(), Sshd::builder().start());
    let keys = Arc::new(Keys::default());
    let connector = connector_with(Arc::new(Nobody), keys.clone());
    let first = named("outer", &outer);
    let second = behind(&first, named("inner", &inner));
    let target = behind(&second, named("web", &web));
    let link = connector.connect(&target, &()).await.unwrap();
    let said = run(&link, "echo $SSH_CONNECTION; exit 3").await;
    assert_eq!(said.exit, Some(3));
    assert!(String::from_utf8(said.stdout).unwrap().trim().ends_with(&format!(" {}", web.port())));
    let learned: Vec<String> =
        [&outer, &inner, &web].iter().map(|sshd| format!("127.0.0.1:Some({})", sshd.port())).collect();
    assert_eq!(*keys.learned.lock().unwrap(), learned);
    // A second host through the same two hops needs no further connection to them.
    let again = connector.connect(&target, &()).await.unwrap();
    assert_eq!(run(&again, "echo again").await.stdout, b"again\n");
    assert_eq!((connections(&outer), connections(&inner), connections(&web)), (1, 1, 2));
}

#[tokio::test]
async fn swapped_keys_are_refused_at_the_right_hop_by_its_name() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let known = bastion.dir().join("known_hosts");
    let strict = |target: Target| Target {
        policy: HostKeyPolicy::Strict,
        user_known_hosts: vec![known.clone()],
        ..target
    };
    let target = strict(behind(&strict(named("bastion", &bastion)), named("web", &web)));
    let lines = format!("{}{}", bastion.known_hosts(), web.known_hosts());
    let connect = async |lines: &str| {
        std::fs::write(&known, lines).unwrap();
        let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
        connector.connect(&target, &()).await.map(drop)
    };
    connect(&lines).await.unwrap();
    let (b, w) = (bastion.port().to_string(), web.port().to_string());
    let swapped = lines.replace(&b, "other").replace(&w, &b).replace("other", &w);
    let why = connect(&swapped).await.unwrap_err().to_string();
    assert!(why.starts_with("unreachable (jump host): bastion: host key refused: "), "{why}");
    // The jump host right, the host behind it wrong.
    let wrong = format!("{}{}", bastion.known_hosts(), bastion.known_hosts().replace(&b, &w));
    let why = connect(&wrong).await.unwrap_err().to_string();
    assert!(why.starts_with("host key refused: ") && why.contains(&w), "{why}");
    // The key of the jump host vouches for nobody behind it.
    let why = connect(&bastion.known_hosts()).await.unwrap_err().to_string();
    assert!(why.starts_with("host key refused: ") && why.contains("is not known"), "{why}");
}

#[tokio::test]
async fn a_hop_asks_once_and_by_its_own_name() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let ask = Scripted::new(|_, question| {
        assert!(matches!(question, Question::HostKey(_)), "{question:?}");
        Answer::Accept
    });
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    let asks = |target: Target| Target { policy: HostKeyPolicy::Ask, ..target };
    let target = asks(behind(&asks(named("bastion", &bastion)), named("web", &web)));
    // Asking takes longer than the hosts behind have: it is not their time.
    let target = Target { connect_timeout: Duration::from_secs(5), ..target };
    for end in connect_all(&connector, &target, 20).await {
        end.unwrap();
    }
    let asked = ask.asked.lock().unwrap();
    let hosts: Vec<String> = asked
        .iter()
        .map(|question| match question {
            Question::HostKey(key) => key.host.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(hosts[0], "bastion");
    assert!(hosts[1..].iter().all(|host| host.starts_with("web")), "{hosts:?}");
    assert_eq!(connections(&bastion), 1);
}

#[tokio::test]
async fn a_hundred_hosts_share_two_connections_to_a_default_sshd() {
    let bastion = Sshd::builder().option("MaxStartups 10:30:100").start();
    let web = Sshd::builder().option("MaxStartups 10:30:100").start();
    let connector = connector();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let links: Vec<Link> =
        connect_all(&connector, &target, 100).await.into_iter().map(|end| end.unwrap()).collect();
    for link in &links {
        assert_eq!(run(link, "echo here").await.stdout, b"here\n");
    }
    assert_eq!((connections(&bastion), connections(&web)), (2, 100));
    for sshd in [&bastion, &web] {
        assert!(!sshd.log().contains("MaxStartups"), "{}", sshd.log());
    }
    // Unused, they are closed after a while, and the next host opens another.
    drop(links);
    let closed = || bastion.log().matches("Disconnected from").count() == 2;
    wait_until("unused connections are closed", closed).await;
    connector.connect(&target, &()).await.unwrap();
    assert_eq!(connections(&bastion), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_hosts_behind_a_default_sshd_all_answer() {
    let bastion = Sshd::builder().option("MaxStartups 10:30:100").start();
    let fleet = FleetConfig { transport: Transport::Loopback, ..FleetConfig::scripted(500) };
    let fleet = Fleet::start(fleet).await.unwrap();
    let known = bastion.dir().join("known_hosts");
    std::fs::write(&known, bastion.known_hosts()).unwrap();
    let via = Target { user_known_hosts: vec![known], ..named("bastion", &bastion) };
    let via = Arc::new(Target { policy: HostKeyPolicy::Strict, ..via });
    let through = |target: Target| Target {
        route: Route::Jump(Arc::clone(&via)),
        connect_timeout: Duration::from_secs(60),
        ..target
    };
    let targets: Vec<Target> = fleet.targets().into_iter().map(through).collect();
    let limits = Limits { fanout: NonZeroUsize::new(256).unwrap(), ..Limits::DEFAULT };
    let hosts = targets.iter().map(|target| target.host.clone()).collect();
    let job = Job::command(
        Plan::new("hostname", hosts, limits),
        targets.into_iter().map(Ok).collect(),
        Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new())),
    );
    let ends = Ends {
        out: Box::new(std::io::sink()),
        err: Box::new(std::io::sink()),
        sinks: Sinks { out: Sink::Exact, err: Sink::Exact },
    };
    let (_keep, interrupts) = tokio::sync::mpsc::channel(1);
    let running = run::run(job, Output::Stream, ends, interrupts);
    let summary = tokio::time::timeout(2 * DEADLINE, running).await.expect("it ends");
    assert_eq!(summary.exit, Exit::Well, "{summary:?}");
    for name in fleet.names() {
        assert_eq!(fleet.truth().executions(name, "hostname"), 1, "{name}");
    }
    assert!((1..=8).contains(&connections(&bastion)), "{} connections", connections(&bastion));
    assert!(!bastion.log().contains("MaxStartups"), "{}", bastion.log());
}

#[tokio::test]
async fn the_failure_of_a_jump_host_is_one_answer_for_all_and_is_tried_anew() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let closed_out = Target { identities: vec![web.client_key()], ..named("bastion", &bastion) };
    let connector = connector();
    let target = behind(&closed_out, named("web", &web));
    for round in 1..=2 {
        for end in connect_all(&connector, &target, 50).await {
            let why = end.unwrap_err().to_string();
            assert!(why.starts_with("unreachable (jump host): bastion: login refused ("), "{why}");
        }
        assert_eq!((connections(&bastion), connections(&web)), (round, 0));
    }
}

#[tokio::test]
async fn a_jump_host_that_dies_is_named_by_those_behind_it_and_used_again_when_it_is_back() {
    let (mut bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let connector = connector();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let mut running = Vec::new();
    for link in connect_all(&connector, &target, 3).await {
        let link = link.unwrap();
        let channel = link.exec(b"sleep 1000").await.unwrap();
        running.push((link, channel));
    }
    bastion.kill();
    for (link, mut channel) in running {
        let end = tokio::time::timeout(DEADLINE, channel.output.next()).await.unwrap();
        let ChannelEvent::Closed(Err(why)) = end else { panic!("{end:?}") };
        assert!(why.starts_with("the jump host bastion: "), "{why}");
        assert!(link.is_closed());
    }
    let hasty = Target { connect_timeout: Duration::from_secs(5), ..(*via(&target)).clone() };
    let why = connector.connect(&behind(&hasty, named("web", &web)), &()).await.unwrap_err().to_string();
    assert_eq!(why, "unreachable (jump host): bastion: unreachable (tcp): connection refused");
    bastion.restart();
    let link = connector.connect(&target, &()).await.unwrap();
    assert_eq!(run(&link, "echo back").await.stdout, b"back\n");
}

#[tokio::test]
async fn a_jump_host_that_hangs_is_connected_anew_for_those_who_come() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let connector = connector();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let link = connector.connect(&target, &()).await.unwrap();
    bastion.signal_sessions(Signal::STOP);
    let hasty = Target { connect_timeout: Duration::from_secs(2), ..target.clone() };
    let back = async {
        // The first ones are still put on the connection that hangs.
        loop {
            match connector.connect(&hasty, &()).await {
                Ok(link) => return link,
                Err(error) => assert!(error.to_string().ends_with("nothing in 2 s"), "{error}"),
            }
        }
    };
    let fresh = tokio::time::timeout(DEADLINE, back).await.expect("another connection is opened");
    assert_eq!(run(&fresh, "echo here").await.stdout, b"here\n");
    assert_eq!(connections(&bastion), 2);
    // Who was on the first one stays there, and it may come back.
    bastion.signal_sessions(Signal::CONT);
    assert_eq!(run(&link, "echo here").await.stdout, b"here\n");
}

fn via(target: &Target) -> Arc<Target> {
    match &target.route {
        Route::Jump(via) => Arc::clone(via),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_the_jump_host_cannot_reach_is_no_fault_of_the_others() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let connector = connector();
    let via = named("bastion", &bastion);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let down = behind(&via, Target { port: closed, ..named("down", &web) });
    for end in connect_all(&connector, &down, 12).await {
        let why = end.unwrap_err().to_string();
        let expected =
            format!("unreachable (jump host): bastion cannot reach 127.0.0.1:{closed}: Connection refused");
        assert_eq!(why, expected);
    }
    let unknown = behind(&via, Target { address: "no-such-host.invalid".to_owned(), ..named("x", &web) });
    let why = connector.connect(&unknown, &()).await.unwrap_err().to_string();
    assert!(why.starts_with("unreachable (jump host): bastion cannot reach no-such-host.invalid:"), "{why}");
    let link = connector.connect(&behind(&via, named("web", &web)), &()).await.unwrap();
    assert_eq!(run(&link, "echo here").await.stdout, b"here\n");
    assert_eq!(connections(&bastion), 1);
}

#[tokio::test]
async fn a_jump_host_that_forbids_it_is_named_with_what_to_look_for() {
    let bastion = Sshd::builder().option("AllowTcpForwarding no").start();
    let web = Sshd::builder().start();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let why = connector().connect(&target, &()).await.unwrap_err().to_string();
    let place = format!("127.0.0.1:{}", web.port());
    assert!(
        why.starts_with(&format!(
            "unreachable (jump host): bastion does not let us through to {place} (AllowTcp"
        )),
        "{why}"
    );
}

async fn until_closed(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let end = stream.read_to_end(&mut seen);
    let _reset_or_not = tokio::time::timeout(DEADLINE, end).await.expect("it is closed");
}

#[tokio::test]
async fn a_connect_that_is_given_up_leaves_neither_task_nor_channel() {
    let bastion = Sshd::builder().start();
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let connector = connector();
    let target = Target { port: deaf.local_addr().unwrap().port(), ..named("deaf", &bastion) };
    let target = behind(&named("bastion", &bastion), target);
    for _ in 0..5 {
        let accepted = tokio::select! {
            result = connector.connect(&target, &()) => panic!("{result:?}"),
            accepted = deaf.accept() => accepted,
        };
        until_closed(accepted.unwrap().0).await;
    }
    assert_eq!(connections(&bastion), 1);
    wait_until("all tasks have ended, also that of the jump host", || tasks() == before).await;

    // Given up while the jump host itself is on its way.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let via = Target { port: mute.local_addr().unwrap().port(), ..named("mute", &bastion) };
    let target = behind(&via, named("web", &bastion));
    let accepted = tokio::select! {
        result = connector.connect(&target, &()) => panic!("{result:?}"),
        accepted = mute.accept() => accepted,
    };
    until_closed(accepted.unwrap().0).await;
    wait_until("all tasks have ended", || tasks() == before).await;
}

/// An address at which nobody answers, not even with a refusal, as long as what is given lives.
async fn black_hole() -> (socket2::Socket, Vec<TcpStream>, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut filling = Vec::new();
    // Once the queue of those who were not accepted is full, the system answers nobody.
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        filling.push(stream.unwrap());
        assert!(filling.len() < 100, "the queue has no end");
    }
    (socket, filling, address.port())
}

#[tokio::test]
async fn hosts_to_which_there_is_no_way_do_not_keep_the_others_from_theirs() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let (_hole, _filling, port) = black_hole().await;
    let connector = connector();
    let via = named("bastion", &bastion);
    let down = Target { port, connect_timeout: 10 * DEADLINE, ..named("down", &web) };
    let down = behind(&via, down);
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let (connector, target) = (connector.clone(), down.clone());
            tokio::spawn(async move { connector.connect(&target, &()).await })
        })
        .collect();
    // They are in line before it.
    tokio::task::yield_now().await;
    let up = behind(&via, named("web", &web));
    let link = tokio::time::timeout(DEADLINE, connector.connect(&up, &())).await;
    let link = link.expect("it does not wait for those that are down").unwrap();
    assert_eq!(run(&link, "echo here").await.stdout, b"here\n");
    for task in tasks {
        assert!(!task.is_finished());
        task.abort();
    }
}

/// Somebody who is asked and thinks.
#[derive(Default)]
struct Thinking(std::sync::atomic::AtomicUsize);

impl omnes::ask::Ask for Thinking {
    fn ask(&self, _: Question) -> omnes::ask::BoxFuture<'_, Answer> {
        Box::pin(std::future::pending())
    }
}

impl omnes::ssh::Progress for Thinking {
    fn stage(&self, _: omnes::ssh::Stage) {}
    fn asking(&self, asking: bool) {
        if asking {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_keeps_no_turn_behind_a_jump_host() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connector = connector_with(Arc::new(Thinking::default()), Arc::new(Keys::default()));
    let (via, asked) = (named("bastion", &bastion), Arc::new(Thinking::default()));
    let asks = behind(&via, Target { policy: HostKeyPolicy::Ask, ..named("web", &web) });
    let port = mute.local_addr().unwrap().port();
    let silent = Target { port, connect_timeout: 10 * DEADLINE, ..named("mute", &web) };
    let silent = behind(&via, silent);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (connector, target, asked) = (connector.clone(), asks.clone(), asked.clone());
        tasks.spawn(async move { connector.connect(&target, &*asked).await });
    }
    wait_until("four hosts ask", || asked.0.load(std::sync::atomic::Ordering::SeqCst) == 4).await;
    for _ in 0..8 {
        let (connector, target) = (connector.clone(), silent.clone());
        tasks.spawn(async move { connector.connect(&target, &()).await });
    }
    let mut reached = Vec::new();
    while reached.len() < 8 {
        let accepted = tokio::time::timeout(DEADLINE, mute.accept()).await;
        reached.push(accepted.expect("eight log in at once beside those who ask").unwrap());
    }
}
