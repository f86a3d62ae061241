//! One host: who it is, what is wrong with it, and how it answers on a connection.
//!
//! It lets in the key of its run and nothing else, opens session channels only, and refuses forwarding, the agent, X11
//! and subsystems other than SFTP. Output waits for the client's window, input for the program (see `wire`), so that a connection holds
//! a bounded amount of either.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::{io, mem};

use bytes::Bytes;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, MethodKind, MethodSet, Pty, Sig, SshId, server,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::fleet::Shared;
use super::job::{self, Input, InputSender, Job, Output, Terminal, What};
use super::keys::Seed;
use super::run_dir::RunDir;
use super::scenario::{Fault, FilesFault, ShellKind, StallAt};
use super::sftp::{self, Disk, Drift};
use super::truth::Truth;
use super::wire::Line;
use crate::size::Size;

/// How the hosts name themselves.
const IDENTIFICATION: &str = "SSH-2.0-omnes_demo";
/// The window a client gets for its input, in bytes.
const WINDOW: u32 = 64 * 1024;
/// Channels of one connection, as sshd's MaxSessions.
const MAX_CHANNELS: usize = 10;
/// Variables a client may set for one command.
const MAX_ENV: usize = 32;

/// One host of the fleet.
pub(super) struct Host {
    name: String,
    shell: ShellKind,
    fault: Option<Fault>,
    key: Seed,
    shared: Arc<Shared>,
    config: OnceLock<Arc<Config>>,
    /// Made when somebody first asks for it.
    disk: OnceLock<Arc<Disk>>,
    /// Cancelled while the host is down.
    up: Mutex<CancellationToken>,
}

impl Host {
    pub(super) fn new(name: String, shell: ShellKind, fault: Option<Fault>, shared: Arc<Shared>) -> Host {
        let up = Mutex::new(shared.up.child_token());
        Host {
            name,
            shell,
            fault,
            key: Seed::random(),
            shared,
            config: OnceLock::new(),
            disk: OnceLock::new(),
            up,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shell(&self) -> ShellKind {
        self.shell
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn truth(&self) -> &Truth {
        &self.shared.truth
    }

    /// What is wrong with its files.
    pub(super) fn files_fault(&self) -> Option<FilesFault> {
        match self.fault {
            Some(Fault::Files(fault)) => Some(fault),
            _ => None,
        }
    }

    /// Its files.
    pub(super) fn disk(&self) -> &Arc<Disk> {
        self.disk.get_or_init(|| {
            let disk = Disk::new(self.shared.history, &self.shared.pool);
            let drift = if self.name == self.shared.drifted { Drift::ByHand } else { Drift::None };
            sftp::fill(&disk, &self.name, drift);
            if let Some(fault) = self.files_fault() {
                disk.suffer(fault);
            }
            Arc::new(disk)
        })
    }

    pub(super) fn run_dir(&self) -> &RunDir {
        &self.shared.dir
    }

    pub(super) fn home(&self) -> io::Result<PathBuf> {
        self.shared.dir.home(&self.name)
    }

    /// What cuts every connection of this host.
    pub(super) fn up(&self) -> CancellationToken {
        self.up.lock().expect("no holder of this lock can panic").clone()
    }

    /// Cuts every connection; new ones are cut at once until [`Host::revive`].
    pub(super) fn kill(&self) {
        self.up().cancel();
    }

    pub(super) fn revive(&self) {
        let mut up = self.up.lock().expect("no holder of this lock can panic");
        if up.is_cancelled() {
            *up = self.shared.up.child_token();
        }
    }

    /// Its line of known_hosts: the key it shows, unless its fault is about just that.
    pub(super) fn known_hosts_line(&self) -> Result<Option<String>, russh::keys::ssh_key::Error> {
        match self.fault {
            Some(Fault::UnknownKey) => Ok(None),
            Some(Fault::ChangedKey) => Seed::random().known_hosts_line(&self.name).map(Some),
            _ => self.key.known_hosts_line(&self.name).map(Some),
        }
    }

    fn config(&self) -> Result<Arc<Config>, russh::Error> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = Arc::new(Config {
            server_id: SshId::Standard(IDENTIFICATION.into()),
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: std::time::Duration::ZERO,
            keys: vec![self.key.private(&self.name)?],
            window_size: WINDOW,
            channel_buffer_size: 8,
            event_buffer_size: 8,
            max_auth_attempts: 6,
            inactivity_timeout: None,
            nodelay: true,
            ..Config::default()
        });
        Ok(self.config.get_or_init(|| config).clone())
    }

    /// Answers on `stream` until either side has enough.
    pub(super) async fn answer<S>(self: Arc<Host>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let line = Line::new(&self.up());
        self.truth().connected(&self.name);
        let mut stream = line.wrap(stream);
        match self.fault {
            Some(Fault::Stall(StallAt::Banner)) => swallow(&mut stream).await,
            Some(Fault::Stall(StallAt::KeyExchange)) => {
                let banner = format!("{IDENTIFICATION}\r\n");
                if stream.write_all(banner.as_bytes()).await.is_ok() {
                    swallow(&mut stream).await;
                }
            }
            _ => {
                // How a connection ends is the client's to judge; the host has nobody to tell.
                let _ended = self.serve(stream, line).await;
            }
        }
    }

    async fn serve<S>(self: Arc<Host>, stream: S, line: Line) -> Result<(), russh::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection {
            cut: line.cut.clone(),
            line,
            user: String::new(),
            channels: HashMap::new(),
            unanswered: Vec::new(),
            host: self.clone(),
        };
        server::run_stream(self.config()?, stream, connection).await?.await
    }
}

/// Reads until the other side is gone.
async fn swallow(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

/// What was asked for before the program.
#[derive(Default)]
struct Setting {
    terminal: Option<Terminal>,
    env: Vec<(String, String)>,
}

/// What a channel is for.
enum Program {
    /// A shell or a command.
    Job(What),
    /// SFTP.
    Files,
}

/// One channel before and after its program started.
enum Stage {
    /// Being prepared.
    Prepared { write: ChannelWriteHalf<Msg>, setting: Setting },
    /// Its program runs, or ran.
    Started { input: InputSender },
}

struct Open {
    stage: Stage,
    closed: CancellationToken,
}

/// One connection, as russh calls it.
struct Connection {
    host: Arc<Host>,
    line: Line,
    user: String,
    channels: HashMap<ChannelId, Open>,
    /// Requests for a channel that this host will never answer; dropping one would refuse it.
    unanswered: Vec<ChannelOpenHandle>,
    cut: CancellationToken,
}

impl Drop for Connection {
    /// The session is over: so is everything that runs in it.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Connection {
    fn is(&self, fault: Fault) -> bool {
        self.host.fault == Some(fault)
    }

    /// Whether requests on channels stay without an answer.
    fn is_deaf(&self) -> bool {
        self.is(Fault::Stall(StallAt::Request))
    }

    fn judge_login(&mut self, is_our_key: bool) -> Auth {
        if self.is(Fault::Stall(StallAt::Login)) {
            self.line.fall_silent();
        }
        match is_our_key && !self.is(Fault::RefuseLogin) {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }

    fn is_our_key(&self, key: &russh::keys::PublicKey) -> bool {
        key.key_data() == self.host.shared.user_key.key_data()
    }

    /// What a channel's program will be given, as long as none was started.
    fn prepared(&mut self, id: ChannelId) -> Option<&mut Setting> {
        match self.channels.get_mut(&id).map(|open| &mut open.stage) {
            Some(Stage::Prepared { setting, .. }) => Some(setting),
            _ => None,
        }
    }

    fn give(&self, id: ChannelId, input: Input) {
        if let Some(Open { stage: Stage::Started { input: sender }, .. }) = self.channels.get(&id) {
            sender.send(input);
        }
    }

    /// Starts the program of a channel, once.
    fn start(&mut self, id: ChannelId, program: Program, session: &mut Session) -> Result<(), russh::Error> {
        if self.is_deaf() {
            return Ok(());
        }
        let (sender, receiver) = job::input(&self.line.backlog);
        let Some(open) = self.channels.get_mut(&id) else { return session.channel_failure(id) };
        let (write, Setting { terminal, env }) =
            match mem::replace(&mut open.stage, Stage::Started { input: sender }) {
                Stage::Prepared { write, setting } => (write, setting),
                running => {
                    open.stage = running;
                    return session.channel_failure(id);
                }
            };
        let (user, closed) = (self.user.clone(), open.closed.clone());
        let output = Output::new(write, session.handle(), self.line.clone(), self.host.fault);
        session.channel_success(id)?;
        let host = self.host.clone();
        match program {
            Program::Job(what) => {
                let job = Job { what, user, terminal, env, closed };
                self.host.shared.spawn(job::run(host, job, receiver, output));
            }
            Program::Files => {
                self.host.shared.spawn(job::serve_files(host, (user, closed), receiver, output));
            }
        }
        Ok(())
    }
}

/// A size as it came over the wire, where a client may say anything; zero means that it does not know.
fn size(rows: u32, cols: u32) -> Size {
    let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    if rows == 0 || cols == 0 { Size::DEFAULT } else { Size::new(cells(rows), cells(cols)) }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(self.judge_login(false))
    }

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        self.host.truth().login_tried(&self.host.name);
        let is_ours = self.is_our_key(offer.public_key);
        Ok(self.judge_login(is_ours))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let is_ours = self.is_our_key(key.public_key);
        self.user = user.to_owned();
        Ok(self.judge_login(is_ours))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.host.truth().logged_in(&self.host.name);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.is(Fault::Stall(StallAt::Channel)) {
            if self.unanswered.len() < MAX_CHANNELS {
                self.unanswered.push(reply);
            }
            return Ok(());
        }
        if self.channels.len() >= MAX_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let id = channel.id();
        // The read half goes: an unread queue there would stop the whole connection, and `data` is told the same.
        let (_, write) = channel.split();
        let stage = Stage::Prepared { setting: Setting::default(), write };
        self.channels.insert(id, Open { stage, closed: self.cut.child_token() });
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        if !self.is(Fault::NeverReads) {
            self.give(id, Input::End);
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        if let Some(open) = self.channels.remove(&id) {
            open.closed.cancel();
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.host.truth().heard(&self.host.name, data);
        if !self.is(Fault::NeverReads) {
            self.give(id, Input::Data(Bytes::copy_from_slice(data)));
        }
        Ok(())
    }

    /// A target of one byte means that no window is ever given back.
    fn adjust_window(&mut self, _: ChannelId, current: u32) -> u32 {
        if self.is(Fault::NeverReads) { 1 } else { current }
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        cols: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.is_deaf() {
            return Ok(());
        }
        let asked = Terminal { term: term.to_owned(), size: size(rows, cols) };
        match self.prepared(id) {
            Some(setting) => {
                setting.terminal = Some(asked);
                session.channel_success(id)
            }
            None => session.channel_failure(id),
        }
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let is_allowed = name == "LANG" || name.starts_with("LC_") || name == "COLORTERM";
        match self.prepared(id) {
            Some(setting) if is_allowed && setting.env.len() < MAX_ENV && !value.contains('\0') => {
                setting.env.push((name.to_owned(), value.to_owned()));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.start(id, Program::Job(What::Shell), session)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match String::from_utf8(command.to_vec()) {
            Ok(command) if !command.contains('\0') => {
                self.start(id, Program::Job(What::Exec(command)), session)
            }
            // A real host takes any bytes; the truth is kept as text.
            _ => session.channel_failure(id),
        }
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let is_served = name == "sftp" && !self.is(Fault::Files(FilesFault::NoSubsystem));
        match is_served {
            true => self.start(id, Program::Files, session),
            false if self.is_deaf() => Ok(()),
            false => session.channel_failure(id),
        }
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        cols: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.give(id, Input::Resize(size(rows, cols)));
        Ok(())
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Result<(), russh::Error> {
        self.give(id, Input::Signal(signal));
        Ok(())
    }
}
