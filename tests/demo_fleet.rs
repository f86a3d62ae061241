//! The demo fleet against the ordinary `ssh`, and against a bare russh client: what it says it does, it does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use omnes::demo::{
    Fault, Faults, Fleet, FleetConfig, LEDGER, Recording, Refusal, ShellKind, StallAt, Transport, serve,
};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Sig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// Many times what any step here takes.
const DEADLINE: Duration = Duration::from_secs(60);

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("nothing here takes a minute")
}

fn real_on_loopback(hosts: usize) -> FleetConfig {
    FleetConfig { hosts, transport: Transport::Loopback, ..FleetConfig::default() }
}

fn ssh(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("ssh");
    command.arg("-F").arg(config).args(["-o", "BatchMode=yes"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs the ordinary ssh with `input` on its standard input.
async fn run_ssh(config: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = ssh(config, arguments).spawn().expect("ssh is there: apt install openssh-client");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = tokio::spawn(async move {
        // A command that does not read closes the pipe.
        let _closed = stdin.write_all(&input).await;
    });
    let output = within(child.wait_with_output()).await.unwrap();
    within(feeding).await.unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ordinary_ssh_runs_commands_on_real_shells() {
    let fleet = Fleet::start(real_on_loopback(2)).await.unwrap();
    let config = fleet.ssh_config().unwrap().to_owned();
    let output = run_ssh(&config, &["demo01", "echo out; echo err >&2; exit 7"], b"").await;
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str(), output.status.code()),
        ("out\n", "err\n", Some(7))
    );
    let output = run_ssh(&config, &["demo02", "hostname; whoami >/dev/null; echo $HOME $USER"], b"").await;
    let home = fleet.directory().join("home/demo02");
    assert_eq!(text(&output.stdout), format!("demo02\n{} demo\n", home.display()));
    run_ssh(&config, &["demo01", "echo mine > file"], b"").await;
    let output = run_ssh(&config, &["demo02", "cat file"], b"").await;
    assert_eq!(output.status.code(), Some(1), "homes are apart");
    let output = run_ssh(&config, &["demo01", "kill -TERM $$"], b"").await;
    assert_eq!(output.status.code(), Some(255), "ssh's word for a signal");
    assert_eq!(fleet.truth().executions("demo01", "kill -TERM $$"), 1);
    assert_eq!(fleet.truth().logins("demo02"), 2);
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_megabytes_go_through_cat_and_back() {
    let fleet = Fleet::start(real_on_loopback(1)).await.unwrap();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let output = run_ssh(fleet.ssh_config().unwrap(), &["demo1", "true"], b"").await;
    assert_eq!(output.status.code(), Some(255), "the name is demo01");
    let output = run_ssh(fleet.ssh_config().unwrap(), &["demo01", "cat"], &bytes).await;
    assert!(output.stdout == bytes, "{} of {} bytes came back", output.stdout.len(), bytes.len());
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_shell_in_a_pty_has_prompt_size_and_name() {
    let fleet = Fleet::start(real_on_loopback(1)).await.unwrap();
    let script = b"stty size; hostname; echo term=$TERM lang=$LC_TEST; tty >/dev/null && echo tty; exit 3\n";
    let output = run_ssh(
        fleet.ssh_config().unwrap(),
        &["-tt", "-o", "SetEnv TERM=vt220 LC_TEST=here", "demo01"],
        script,
    )
    .await;
    let shown = text(&output.stdout);
    assert!(shown.contains("demo01:~$ "), "{shown:?}");
    assert!(shown.contains("24 80\r\ndemo01\r\nterm=vt220"), "{shown:?}");
    assert!(shown.contains(" lang=here\r\n") && shown.contains("\r\ntty\r\n"), "{shown:?}");
    assert_eq!(output.status.code(), Some(3));
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_refuses_a_changed_key_and_the_fleet_refuses_another_users_key() {
    let faults = Faults::none().with(2, Fault::ChangedKey).with(3, Fault::UnknownKey);
    let fleet = Fleet::start(FleetConfig { faults, ..real_on_loopback(3) }).await.unwrap();
    let config = fleet.ssh_config().unwrap().to_owned();
    let output = run_ssh(&config, &["demo02", "true"], b"").await;
    assert!(text(&output.stderr).contains("REMOTE HOST IDENTIFICATION HAS CHANGED"));
    let output = run_ssh(&config, &["demo03", "true"], b"").await;
    assert!(text(&output.stderr).contains("host key is known for demo03"), "{}", text(&output.stderr));

    let elsewhere = tempfile::tempdir().unwrap();
    let key = elsewhere.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(within(made).await.unwrap().success());
    let ours = fleet.client_key().display().to_string();
    let other = std::fs::read_to_string(&config).unwrap().replace(&ours, &key.display().to_string());
    let other_config = elsewhere.path().join("config");
    std::fs::write(&other_config, other).unwrap();
    let output = run_ssh(&other_config, &["demo01", "true"], b"").await;
    assert!(text(&output.stderr).contains("Permission denied (publickey)"), "{}", text(&output.stderr));
    let truth = fleet.truth();
    assert_eq!((truth.login_attempts("demo01"), truth.logins("demo01")), (1, 0));
    assert!(truth.executed("demo01").is_empty() && truth.executed("demo02").is_empty());
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_and_strange_subsystems_are_refused() {
    let fleet = Fleet::start(real_on_loopback(1)).await.unwrap();
    let config = fleet.ssh_config().unwrap().to_owned();
    let output = run_ssh(&config, &["-s", "demo01", "netconf"], b"").await;
    assert!(text(&output.stderr).contains("subsystem request failed"), "{}", text(&output.stderr));
    let output = run_ssh(&config, &["-W", "127.0.0.1:22", "demo01"], b"").await;
    assert!(text(&output.stderr).contains("administratively prohibited"), "{}", text(&output.stderr));
    let remote = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", "demo01", "true"];
    let output = run_ssh(&config, &remote, b"").await;
    assert!(text(&output.stderr).contains("remote port forwarding failed"), "{}", text(&output.stderr));
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_fleet_leaves_no_process_and_no_file() {
    let fleet = Fleet::start(real_on_loopback(2)).await.unwrap();
    let (config, directory) = (fleet.ssh_config().unwrap().to_owned(), fleet.directory().to_owned());
    // One in its session's group, one in the background, one that left for a session of its own.
    let mut held = ssh(&config, &["-tt", "demo01"]).spawn().unwrap();
    let mut stdin = held.stdin.take().unwrap();
    stdin.write_all(b"sleep 4001 & setsid sleep 4002 & echo up $((40 + 2)); sleep 4003\n").await.unwrap();
    let mut stdout = held.stdout.take().unwrap();
    within(read_until(&mut stdout, "up 42")).await;
    run_ssh(&config, &["demo02", "setsid sleep 4004 >/dev/null 2>&1 </dev/null & echo"], b"").await;
    within(until(|| fleet.processes() >= 5)).await;
    within(fleet.stop()).await.unwrap();
    assert!(!directory.exists());
    let marked = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        text(&command).contains("sleep\u{0}400")
    });
    assert_eq!(marked.count(), 0);
    assert!(!within(held.wait()).await.unwrap().success());
}

/// The process table tells nobody when it changes.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

async fn read_until(source: &mut (impl tokio::io::AsyncRead + Unpin), wanted: &str) -> String {
    let mut seen = String::new();
    let mut piece = [0; 4096];
    while !seen.contains(wanted) {
        let count = source.read(&mut piece).await.unwrap();
        assert!(count > 0, "ended before {wanted:?}: {seen:?}");
        seen += &text(&piece[..count]);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_kills_its_process_group() {
    let fleet = Fleet::start(real_on_loopback(1)).await.unwrap();
    let mut held =
        ssh(fleet.ssh_config().unwrap(), &["demo01", "sleep 4005 & echo up; wait"]).spawn().unwrap();
    within(read_until(held.stdout.as_mut().unwrap(), "up")).await;
    within(until(|| fleet.processes() == 2)).await;
    held.kill().await.unwrap();
    within(until(|| fleet.processes() == 0)).await;
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_says_how_to_reach_it_and_ends_when_told() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (mut said, mut out) = tokio::io::simplex(4096);
    let serving = tokio::spawn(async move {
        let mut text = Vec::new();
        let until = async {
            stopped.await.unwrap();
        };
        let config = FleetConfig { hosts: 3, ..FleetConfig::scripted(3) };
        let mut tee = Tee { text: &mut text, out: &mut out };
        serve(config, &mut tee, until).await.map(|()| text)
    });
    let shown = within(read_until(&mut said, "omnes -F")).await;
    assert!(shown.starts_with("demo[01-03] on 127.0.0.1"), "{shown}");
    let path = shown.lines().find_map(|line| line.strip_prefix("ssh_config   ")).unwrap().to_owned();
    let output = run_ssh(Path::new(&path), &["demo03", "hostname"], b"").await;
    assert_eq!(text(&output.stdout), "demo03\n");
    stop.send(()).unwrap();
    let all = within(serving).await.unwrap().unwrap();
    assert!(text(&all).contains("known_hosts  ") && !Path::new(&path).exists());
}

/// Passes what is written on to a reader in the test.
struct Tee<'a> {
    text: &'a mut Vec<u8>,
    out: &'a mut tokio::io::WriteHalf<tokio::io::SimplexStream>,
}

impl std::io::Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        futures_util::FutureExt::now_or_never(self.out.write_all(bytes)).expect("4 kB hold it")?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A client that takes the key which known_hosts names, and no other.
struct Strict {
    known: String,
}

impl client::Handler for Strict {
    type Error = russh::Error;
    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        Ok(self.known.contains(key.to_openssh().unwrap().trim_end()))
    }
}

/// What became of a bare client's attempt to run a command.
#[derive(Debug, PartialEq, Eq)]
enum Ran {
    NotReached(&'static str),
    Ended { out: String, err: String, status: Option<u32> },
}

fn ended(out: &str, status: Option<u32>) -> Ran {
    Ran::Ended { out: out.to_owned(), err: String::new(), status }
}

async fn connect(fleet: &Fleet, name: &str) -> Result<Handle<Strict>, &'static str> {
    let known = std::fs::read_to_string(fleet.known_hosts()).unwrap();
    let known = known.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or("").to_owned();
    let config = Arc::new(client::Config { window_size: 64 * 1024, ..client::Config::default() });
    let stream = fleet.connect(name).await.map_err(|_| "connect")?;
    let strict = Strict { known };
    client::connect_stream(config, stream, strict)
        .await
        .map_err(|error| if matches!(error, russh::Error::UnknownKey) { "key" } else { "handshake" })
}

async fn log_in(fleet: &Fleet, name: &str) -> Result<Handle<Strict>, &'static str> {
    let mut handle = connect(fleet, name).await?;
    let key = russh::keys::load_secret_key(fleet.client_key(), None).unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    match handle.authenticate_publickey("ann", key).await {
        Ok(AuthResult::Success) => Ok(handle),
        _ => Err("login"),
    }
}

async fn run(fleet: &Fleet, name: &str, command: &str) -> Ran {
    let handle = match log_in(fleet, name).await {
        Ok(handle) => handle,
        Err(stage) => return Ran::NotReached(stage),
    };
    let Ok(mut channel) = handle.channel_open_session().await else { return Ran::NotReached("channel") };
    if channel.exec(true, command).await.is_err() {
        return Ran::NotReached("request");
    }
    collect(&mut channel).await
}

async fn collect(channel: &mut Channel<client::Msg>) -> Ran {
    let (mut out, mut err, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => out.extend_from_slice(&data),
            ChannelMsg::ExtendedData { data, .. } => err.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            _ => {}
        }
    }
    Ran::Ended { out: text(&out), err: text(&err), status }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_scripted_hosts_do_what_the_truth_says() {
    let fleet = Arc::new(Fleet::start(FleetConfig::scripted(1000)).await.unwrap());
    let gate = Arc::new(tokio::sync::Semaphore::new(32));
    let mut running = tokio::task::JoinSet::new();
    for name in fleet.names().map(str::to_owned) {
        let (fleet, gate) = (fleet.clone(), gate.clone());
        running.spawn(async move {
            let _turn = gate.acquire_owned().await.unwrap();
            let command = format!("echo only {name}; hostname; exit 5");
            let ran = run(&fleet, &name, &command).await;
            assert_eq!(ran, ended(&format!("only {name}\n{name}\n"), Some(5)));
        });
    }
    within(async {
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    })
    .await;
    for name in fleet.names() {
        let expected = BTreeMap::from([(format!("echo only {name}; hostname; exit 5"), 1)]);
        assert_eq!(fleet.truth().executed(name), expected);
    }
    assert_eq!(fleet.processes(), 0);
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_what_its_name_says() {
    let faults = [
        (Fault::Refuse(Refusal::Port), Ran::NotReached("connect")),
        (Fault::ChangedKey, Ran::NotReached("key")),
        (Fault::UnknownKey, Ran::NotReached("key")),
        (Fault::RefuseLogin, Ran::NotReached("login")),
        (Fault::DieAfter(0), ended("", None)),
        (Fault::NoExitStatus, ended("some words\n", None)),
        (Fault::ExitStatus(9), ended("some words\n", Some(9))),
        (Fault::Slow(Duration::from_millis(50)), ended("some words\n", Some(0))),
    ];
    for transport in [Transport::Memory, Transport::Loopback] {
        let given = faults.iter().enumerate();
        let given = given.fold(Faults::none(), |given, (at, (fault, _))| given.with(at + 1, *fault));
        let config = FleetConfig { faults: given, transport, ..FleetConfig::scripted(faults.len()) };
        let fleet = Fleet::start(config).await.unwrap();
        for (name, (fault, expected)) in fleet.names().zip(&faults) {
            assert_eq!(fleet.fault(name), Some(*fault));
            let ran = within(run(&fleet, name, "echo some words")).await;
            assert_eq!(ran, *expected, "{fault:?} over {transport:?}");
            let did_run = matches!(expected, Ran::Ended { .. });
            assert_eq!(fleet.truth().executions(name, "echo some words"), usize::from(did_run), "{fault:?}");
        }
        fleet.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_no_refusal() {
    let faults = Faults::none().with(1, Fault::Refuse(Refusal::Reset)).with(2, Fault::Refuse(Refusal::Port));
    let config = FleetConfig { faults, transport: Transport::Loopback, ..FleetConfig::scripted(2) };
    let fleet = Fleet::start(config).await.unwrap();
    let connecting = tokio::net::TcpStream::connect(("127.0.0.1", fleet.port("demo01").unwrap()));
    let error = match within(connecting).await {
        Ok(mut stream) => within(stream.read(&mut [0; 8])).await.unwrap_err(),
        // The reset may be faster than the end of the connect.
        Err(error) => error,
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let refused = tokio::net::TcpStream::connect(("127.0.0.1", fleet.port("demo02").unwrap())).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_host_answers_up_to_its_stage_and_no_further() {
    let stages = [StallAt::Banner, StallAt::KeyExchange, StallAt::Login, StallAt::Channel, StallAt::Request];
    let faults =
        (1..).zip(stages).fold(Faults::none(), |faults, (at, stage)| faults.with(at, Fault::Stall(stage)));
    let fleet = Fleet::start(FleetConfig { faults, ..FleetConfig::scripted(5) }).await.unwrap();

    let mut seen = [0; 9];
    let mut silent = fleet.connect("demo01").await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(200), silent.read(&mut seen)).await;
    assert!(quiet.is_err(), "no identification line");
    let mut banner = fleet.connect("demo02").await.unwrap();
    within(read_until(&mut banner, "\r\n")).await;
    banner.write_all(b"SSH-2.0-test\r\n").await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(200), banner.read(&mut seen)).await;
    assert!(quiet.is_err(), "no key exchange");

    let key = Arc::new(russh::keys::load_secret_key(fleet.client_key(), None).unwrap());
    let mut handle = within(connect(&fleet, "demo03")).await.unwrap();
    let login = handle.authenticate_publickey("ann", PrivateKeyWithHashAlg::new(key, None));
    assert!(tokio::time::timeout(Duration::from_millis(300), login).await.is_err(), "no answer to the login");
    let handle = within(log_in(&fleet, "demo04")).await.unwrap();
    let opening = tokio::time::timeout(Duration::from_millis(300), handle.channel_open_session()).await;
    assert!(opening.is_err(), "no channel");
    within(handle.send_ping()).await.unwrap();
    let handle = within(log_in(&fleet, "demo05")).await.unwrap();
    let mut channel = within(handle.channel_open_session()).await.unwrap();
    channel.exec(true, "true").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(300), channel.wait()).await;
    assert!(matches!(answer, Err(_) | Ok(Some(ChannelMsg::WindowAdjusted { .. }))), "{answer:?}");
    within(handle.send_ping()).await.unwrap();
    assert!(fleet.truth().executed("demo05").is_empty());
    within(fleet.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn output_stops_at_the_byte_where_a_host_dies() {
    let faults = Faults::none().with(1, Fault::DieAfter(100_000));
    let fleet = Fleet::start(FleetConfig { faults, ..FleetConfig::scripted(1) }).await.unwrap();
    let Ran::Ended { out, status, .. } = within(run(&fleet, "demo01", "yes")).await else { panic!() };
    assert!((1..=100_000).contains(&out.len()) && status.is_none(), "{} bytes, {status:?}", out.len());
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_goes_on_until_a_signal() {
    let faults = Faults::none().with(1, Fault::FLOOD);
    let fleet = Fleet::start(FleetConfig { faults, ..FleetConfig::scripted(1) }).await.unwrap();
    let handle = within(log_in(&fleet, "demo01")).await.unwrap();
    let mut channel = within(handle.channel_open_session()).await.unwrap();
    channel.exec(true, "true").await.unwrap();
    let mut bytes = 0;
    while bytes < 200_000 {
        if let Some(ChannelMsg::Data { data }) = within(channel.wait()).await {
            bytes += data.len();
        }
    }
    channel.signal(Sig::TERM).await.unwrap();
    let mut signal = None;
    while let Some(message) = within(channel.wait()).await {
        if let ChannelMsg::ExitSignal { signal_name, .. } = message {
            signal = Some(format!("{signal_name:?}"));
        }
    }
    assert_eq!(signal.as_deref(), Some("TERM"));
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_reads_shuts_the_window_and_lives() {
    let faults = Faults::none().with(1, Fault::NeverReads);
    let fleet = Fleet::start(FleetConfig { faults, ..FleetConfig::scripted(1) }).await.unwrap();
    let handle = within(log_in(&fleet, "demo01")).await.unwrap();
    let channel = within(handle.channel_open_session()).await.unwrap();
    channel.exec(false, "cat").await.unwrap();
    let (mut read, write) = channel.split();
    let draining = tokio::spawn(async move { while read.wait().await.is_some() {} });
    let feeding = tokio::spawn(async move { write.data_bytes(vec![b'x'; 1_000_000]).await });
    within(fleet.truth().wait_until(|truth| truth.received_bytes("demo01") >= 64 * 1024)).await;
    // The same connection answers on another channel, after which nothing of the first can be under way.
    let mut other = within(handle.channel_open_session()).await.unwrap();
    other.exec(true, "echo alive").await.unwrap();
    assert_eq!(within(collect(&mut other)).await, ended("alive\n", Some(0)));
    assert!(fleet.truth().received_bytes("demo01") <= 128 * 1024);
    assert!(!feeding.is_finished());
    within(fleet.kill("demo01")).await.unwrap();
    within(draining).await.unwrap();
    feeding.abort();
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_drops_its_sessions_refuses_and_comes_back() {
    for transport in [Transport::Memory, Transport::Loopback] {
        let fleet = Fleet::start(FleetConfig { transport, ..FleetConfig::scripted(2) }).await.unwrap();
        let (handle, other) = (
            within(log_in(&fleet, "demo01")).await.unwrap(),
            within(log_in(&fleet, "demo02")).await.unwrap(),
        );
        let mut channel = within(handle.channel_open_session()).await.unwrap();
        channel.exec(true, "sleep-for-ever").await.unwrap();
        within(fleet.truth().wait_until(|truth| truth.executions("demo01", "sleep-for-ever") == 1)).await;
        within(fleet.kill("demo01")).await.unwrap();
        assert_eq!(within(collect(&mut channel)).await, ended("", None));
        assert_eq!(within(run(&fleet, "demo01", "true")).await, Ran::NotReached("connect"));
        within(fleet.revive("demo01")).await.unwrap();
        assert_eq!(within(run(&fleet, "demo01", "hostname")).await, ended("demo01\n", Some(0)));
        let mut channel = within(other.channel_open_session()).await.unwrap();
        channel.exec(true, "hostname").await.unwrap();
        assert_eq!(
            within(collect(&mut channel)).await,
            ended("demo02\n", Some(0)),
            "its neighbour never noticed"
        );
        assert!(fleet.kill("demo9").await.unwrap_err().to_string().contains("demo[01-02]"));
        fleet.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scripted_terminal_echoes_resizes_and_is_recorded() {
    let config = FleetConfig { recording: Recording::Bytes, ..FleetConfig::scripted(1) };
    let fleet = Fleet::start(config).await.unwrap();
    let handle = within(log_in(&fleet, "demo01")).await.unwrap();
    let channel = within(handle.channel_open_session()).await.unwrap();
    channel.request_pty(false, "xterm-256color", 100, 30, 0, 0, &[]).await.unwrap();
    channel.request_shell(false).await.unwrap();
    let mut stream = channel.into_stream();
    within(read_until(&mut stream, "demo01:~$ ")).await;
    stream.write_all(b"size\r").await.unwrap();
    within(read_until(&mut stream, "100x30\r\ndemo01:~$ ")).await;
    stream.write_all(b"exit 4\r").await.unwrap();
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(fleet.truth().received("demo01"), b"size\rexit 4\r");
    assert_eq!(fleet.truth().executed("demo01").len(), 2);
    fleet.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_fleet_takes_its_files_along_and_the_ledger_starts() {
    let faults = Faults::by_shares(1000, LEDGER, 42);
    let fleet = Fleet::start(FleetConfig { faults, ..FleetConfig::scripted(1000) }).await.unwrap();
    let directory = fleet.directory().to_owned();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(fleet.client_key()).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fleet.targets().len(), 1000);
    drop(fleet);
    assert!(!directory.exists());
    assert!(
        Fleet::start(FleetConfig { shell: ShellKind::Real, hosts: 0, ..FleetConfig::default() })
            .await
            .is_err()
    );
}
