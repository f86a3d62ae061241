//! The fleet: N hosts of one run, their truth, and what a client needs to reach them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::io::duplex;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::host::Host;
use super::keys::Seed;
use super::run_dir::RunDir;
use super::scenario::{Fault, Faults, Refusal, ShellKind, fleet_expression, host_name};
use super::sftp::{Disk, History, Pool};
use super::shell_real;
use super::truth::{Recording, Truth};
use crate::ask::BoxFuture;
use crate::ssh::{ConnectError, Dial, Hop, Progress, Stage, Stream, Target};

/// The most hosts of one fleet; on loopback each needs a file descriptor, and two more a connection.
pub const MAX_HOSTS: usize = 10_000;
/// Bytes in flight in one direction of a stream in memory.
const PIPE: usize = 32 * 1024;
/// How long the end of a fleet waits for its own tasks.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of the host that has a file of its own; in a smaller fleet it is the last.
const DRIFTED: usize = 4;
/// The user that the files name; any other is let in as well, with the right key.
const USER: &str = "demo";

/// How the hosts are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// By [`Fleet::connect`] only, inside this process: no socket at all.
    #[default]
    Memory,
    /// Each host has its own port on 127.0.0.1, chosen by the system.
    Loopback,
}

/// What a fleet is made of.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// How many hosts, 1 to [`MAX_HOSTS`].
    pub hosts: usize,
    /// What answers on them.
    pub shell: ShellKind,
    /// What is wrong with them.
    pub faults: Faults,
    /// How they are reached.
    pub transport: Transport,
    /// What is kept of their input.
    pub recording: Recording,
    /// What is kept of their files beside what is there.
    pub history: History,
}

impl Default for FleetConfig {
    /// Twelve good hosts with real shells, in memory.
    fn default() -> FleetConfig {
        FleetConfig {
            hosts: 12,
            shell: ShellKind::Real,
            faults: Faults::none(),
            transport: Transport::Memory,
            recording: Recording::Count,
            history: History::None,
        }
    }
}

impl FleetConfig {
    /// `hosts` good hosts with scripted shells, in memory.
    pub fn scripted(hosts: usize) -> FleetConfig {
        FleetConfig { hosts, shell: ShellKind::Scripted, ..FleetConfig::default() }
    }
}

/// Why there is no fleet, or not this host in it.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The number of hosts is out of range.
    #[error("a demo fleet has 1 to {MAX_HOSTS} hosts, not {0}")]
    Size(usize),
    /// No host of that name.
    #[error("the demo fleet has no host `{name}`: its hosts are {fleet}")]
    NoSuchHost {
        /// What was asked for.
        name: String,
        /// The whole fleet as an expression.
        fleet: String,
    },
    /// A file could not be written.
    #[error("the demo's files could not be written: {0}; they are kept in $TMPDIR, else /tmp")]
    Files(#[source] io::Error),
    /// The signals of processes could not be set up.
    #[error("the demo's shells cannot get their usual signals: {0}")]
    Signals(#[source] io::Error),
    /// A port could not be opened.
    #[error(
        "{host} got no port on 127.0.0.1: {error}; each host needs a file descriptor (`ulimit -n` shows how many there are)"
    )]
    Port {
        /// The host.
        host: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A key could not be made.
    #[error("a key for the demo could not be made: {0}")]
    Key(#[from] russh::keys::ssh_key::Error),
    /// It did not end in time.
    #[error("the demo fleet did not end within 10 s: {0} of its tasks still run")]
    StillRunning(usize),
}

/// What all hosts of a run have in common.
pub(super) struct Shared {
    pub(super) truth: Truth,
    pub(super) dir: RunDir,
    /// What the disks of the hosts are made of.
    pub(super) history: History,
    pub(super) pool: Arc<Pool>,
    /// Which host has a file that somebody changed by hand.
    pub(super) drifted: String,
    /// The one key that is let in.
    pub(super) user_key: PublicKey,
    /// Cancelled at the end of the run.
    pub(super) up: CancellationToken,
    tasks: watch::Sender<usize>,
}

impl Shared {
    /// Runs `work` as a task that the end of the fleet waits for.
    pub(super) fn spawn(self: &Arc<Shared>, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.send_modify(|count| *count += 1);
        let counted = Counted(self.clone());
        tokio::spawn(async move {
            let _counted = counted;
            work.await;
        });
    }
}

/// One task of the run, until it goes.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.tasks.send_modify(|count| *count -= 1);
    }
}

impl Host {
    /// Answers on `stream` in a task of its own.
    pub(super) fn admit<S>(self: &Arc<Host>, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        self.shared().spawn(self.clone().answer(stream));
    }
}

/// A running fleet. When it goes, everything it started goes with it; [`Fleet::stop`] also waits for that.
pub struct Fleet {
    config: FleetConfig,
    shared: Arc<Shared>,
    hosts: Vec<Arc<Host>>,
    by_name: HashMap<String, usize>,
    /// One per host, in the same order; none in memory.
    doors: Mutex<Vec<Door>>,
    ports: Vec<u16>,
    client_key: PathBuf,
    known_hosts: PathBuf,
    ssh_config: Option<PathBuf>,
}

impl Fleet {
    /// Starts the hosts and writes the client's files.
    pub async fn start(config: FleetConfig) -> Result<Fleet, FleetError> {
        if config.hosts == 0 || config.hosts > MAX_HOSTS {
            return Err(FleetError::Size(config.hosts));
        }
        if config.shell == ShellKind::Real {
            shell_real::restore_signals().map_err(FleetError::Signals)?;
        }
        let dir = RunDir::create().map_err(FleetError::Files)?;
        let user = Seed::random();
        let client_key =
            dir.write("id_ed25519", &user.openssh_file("omnes demo")?).map_err(FleetError::Files)?;
        let shared = Arc::new(Shared {
            truth: Truth::new(config.recording),
            dir,
            history: config.history,
            pool: Arc::default(),
            drifted: host_name(DRIFTED.min(config.hosts), config.hosts),
            user_key: user.public()?,
            up: CancellationToken::new(),
            tasks: watch::Sender::new(0),
        });
        let hosts: Vec<Arc<Host>> = (1..=config.hosts)
            .map(|number| {
                let (name, fault) = (host_name(number, config.hosts), config.faults.of(number));
                Arc::new(Host::new(name, config.shell, fault, shared.clone()))
            })
            .collect();
        let doors = match config.transport {
            Transport::Memory => Vec::new(),
            Transport::Loopback => open_doors(&hosts)?,
        };
        let known_hosts = write_known_hosts(&shared.dir, &hosts)?;
        let by_name = hosts.iter().enumerate().map(|(at, host)| (host.name().to_owned(), at)).collect();
        let mut fleet = Fleet {
            ports: doors.iter().map(|door| door.address().port()).collect(),
            doors: Mutex::new(doors),
            config,
            shared,
            hosts,
            by_name,
            client_key,
            known_hosts,
            ssh_config: None,
        };
        if fleet.config.transport == Transport::Loopback {
            let text = fleet.ssh_config_text();
            let path = fleet.shared.dir.write("ssh_config", &text).map_err(FleetError::Files)?;
            fleet.ssh_config = Some(path);
        }
        Ok(fleet)
    }

    /// What it was made of.
    pub fn config(&self) -> &FleetConfig {
        &self.config
    }

    /// The names of the hosts, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| host.name())
    }

    /// The host expression that names all of them, such as `demo[01-12]`.
    pub fn expression(&self) -> String {
        fleet_expression(self.config.hosts)
    }

    /// What is wrong with `name`.
    pub fn fault(&self, name: &str) -> Option<Fault> {
        self.by_name.get(name).and_then(|at| self.hosts[*at].fault())
    }

    /// What really happened.
    pub fn truth(&self) -> &Truth {
        &self.shared.truth
    }

    /// The files of `name`, as they are and as they were.
    pub fn disk(&self, name: &str) -> Result<Arc<Disk>, FleetError> {
        Ok(self.hosts[self.find(name)?].disk().clone())
    }

    /// The private key that is let in, mode 0600.
    pub fn client_key(&self) -> &Path {
        &self.client_key
    }

    /// The hosts' keys, by their names.
    pub fn known_hosts(&self) -> &Path {
        &self.known_hosts
    }

    /// With `ssh -F` on this file the ordinary `ssh` reaches the hosts by their names; none for a fleet in memory.
    pub fn ssh_config(&self) -> Option<&Path> {
        self.ssh_config.as_deref()
    }

    /// The port of `name` on 127.0.0.1; none in memory.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).and_then(|at| self.ports.get(*at)).copied()
    }

    /// The directory of the run, which goes with it.
    pub fn directory(&self) -> &Path {
        self.shared.dir.path()
    }

    /// The processes of this machine that were started for the fleet and live.
    pub fn processes(&self) -> usize {
        self.shared.dir.processes().len()
    }

    /// `name` as our own client wants it. In memory its address is its name.
    pub fn target(&self, name: &str) -> Result<Target, FleetError> {
        let at = self.find(name)?;
        let (address, port) = match self.ports.get(at) {
            Some(port) => ("127.0.0.1".to_owned(), *port),
            None => (name.to_owned(), 22),
        };
        let host = crate::hosts::Host::new(None, name, None);
        Ok(Target {
            key_name: name.to_owned(),
            key_port: None,
            identities: vec![self.client_key.clone()],
            identities_configured: true,
            identities_only: true,
            user_known_hosts: vec![self.known_hosts.clone()],
            ..Target::bare(host, &address, port, USER)
        })
    }

    /// All of [`Fleet::target`].
    pub fn targets(&self) -> Vec<Target> {
        self.names().map(|name| self.target(name).expect("the fleet has its own hosts")).collect()
    }

    /// A stream to `name`, on which it speaks SSH, or whatever its fault is.
    pub async fn connect(&self, name: &str) -> io::Result<Stream> {
        let at = self.find(name).map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
        if let Some(port) = self.ports.get(at) {
            let stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            stream.set_nodelay(true)?;
            return Ok(Box::new(stream));
        }
        let host = &self.hosts[at];
        match host.fault() {
            _ if host.up().is_cancelled() => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Fault::Refuse(Refusal::Port)) => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Fault::Refuse(Refusal::Reset)) => Err(io::ErrorKind::ConnectionReset.into()),
            _ => {
                let (near, far) = duplex(PIPE);
                host.admit(far);
                Ok(Box::new(near))
            }
        }
    }

    /// `name` dies: its connections are cut, its processes killed, new connections refused.
    pub async fn kill(&self, name: &str) -> Result<(), FleetError> {
        let at = self.find(name)?;
        let host = &self.hosts[at];
        if let Some(door) = self.doors.lock().await.get_mut(at) {
            door.shut().await.map_err(|error| FleetError::Port { host: name.to_owned(), error })?;
        }
        host.kill();
        Ok(())
    }

    /// `name` is there again, on the same port with the same key.
    pub async fn revive(&self, name: &str) -> Result<(), FleetError> {
        let at = self.find(name)?;
        let host = &self.hosts[at];
        host.revive();
        if let Some(door) = self.doors.lock().await.get_mut(at)
            && host.fault() != Some(Fault::Refuse(Refusal::Port))
        {
            door.open(host).map_err(|error| FleetError::Port { host: name.to_owned(), error })?;
        }
        Ok(())
    }

    /// Ends the run: cuts every connection, waits for the tasks, kills the processes, removes the files. Nothing can be
    /// reached afterwards; the truth stays.
    pub async fn stop(&self) -> Result<(), FleetError> {
        self.shared.up.cancel();
        for door in self.doors.lock().await.iter_mut() {
            // It only fails to keep the port, which nobody needs any more.
            let _port_lost = door.shut().await;
        }
        let mut tasks = self.shared.tasks.subscribe();
        let ended = tokio::time::timeout(PATIENCE, tasks.wait_for(|count| *count == 0)).await.is_ok();
        let left = *self.shared.tasks.borrow();
        self.shared.dir.remove().map_err(FleetError::Files)?;
        if ended { Ok(()) } else { Err(FleetError::StillRunning(left)) }
    }

    fn find(&self, name: &str) -> Result<usize, FleetError> {
        self.by_name.get(name).copied().ok_or_else(|| FleetError::NoSuchHost {
            name: crate::escape::text(name, 80),
            fleet: self.expression(),
        })
    }

    fn ssh_config_text(&self) -> String {
        let mut text = String::from("# The omnes demo fleet; good as long as it runs.\n");
        for (host, port) in self.hosts.iter().zip(&self.ports) {
            let name = host.name();
            text +=
                &format!("Host {name}\n    HostName 127.0.0.1\n    Port {port}\n    HostKeyAlias {name}\n");
        }
        text += &format!(
            "Host demo*\n    User {USER}\n    IdentityFile {}\n    IdentitiesOnly yes\n    \
             UserKnownHostsFile {}\n    GlobalKnownHostsFile /dev/null\n    StrictHostKeyChecking yes\n",
            quoted(&self.client_key),
            quoted(&self.known_hosts),
        );
        text
    }
}

/// Hosts are found by the names under which [`Fleet::target`] gives them; the address is not looked at.
impl Dial for Fleet {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        Box::pin(async move {
            progress.stage(Stage::Resolve);
            let name = hop.host.name();
            let unreachable = |stage, why: String| ConnectError::Unreachable { stage, why };
            self.find(name).map_err(|error| unreachable(Stage::Resolve, error.to_string()))?;
            progress.stage(Stage::Tcp);
            self.connect(name).await.map_err(|error| unreachable(Stage::Tcp, error.kind().to_string()))
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shared.up.cancel();
        // Once more when the last task has gone; an error here has nobody to be told to.
        let _gone_already = self.shared.dir.remove();
    }
}

fn open_doors(hosts: &[Arc<Host>]) -> Result<Vec<Door>, FleetError> {
    let open = |host: &Arc<Host>| {
        Door::new(host).map_err(|error| FleetError::Port { host: host.name().to_owned(), error })
    };
    hosts.iter().map(open).collect()
}

fn write_known_hosts(dir: &RunDir, hosts: &[Arc<Host>]) -> Result<PathBuf, FleetError> {
    let mut text = String::new();
    for host in hosts {
        text.extend(host.known_hosts_line()?);
    }
    dir.write("known_hosts", &text).map_err(FleetError::Files)
}

/// A path as ssh_config wants it: quoted, since it may hold blanks, and `%` doubled, since it begins a token.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}
