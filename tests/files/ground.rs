//! A server and a user who may log in to it, and the built program in that user's hands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use omnes::demo::{Disk, Faults, Fleet, FleetConfig, History, Transport};
use tempfile::TempDir;

use super::support::proxy::Proxy;
use super::support::sshd::Sshd;

/// The built program.
const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// What answers on the hosts.
enum Hosts {
    Real { _server: Box<Sshd> },
    Scripted { runtime: tokio::runtime::Runtime, fleet: std::sync::Arc<Fleet> },
}

/// Hosts, the files of a user who knows them, and a folder of that user.
pub(crate) struct Ground {
    hosts: Hosts,
    /// Between the user and the first host, where one was asked for.
    pub(crate) proxy: Option<Proxy>,
    home: TempDir,
}

impl Ground {
    /// One real `sshd`, by the name `real`; what is sent to it goes through a proxy.
    pub(crate) fn real() -> Ground {
        Ground::of_sshd(Sshd::builder().start())
    }

    /// That server.
    pub(crate) fn of_sshd(server: Sshd) -> Ground {
        let home = TempDir::new().expect("a home");
        let proxy = Proxy::to(server.port());
        let (port, key) = (proxy.port(), server.client_key());
        let known = server.host_key(super::support::sshd::KeyKind::Ed25519);
        fs::write(home.path().join("known_hosts"), format!("real {known}\n")).expect("a file");
        let config = format!(
            "Host real\n  HostName 127.0.0.1\n  Port {port}\n  HostKeyAlias real\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
            key.display(),
            home.path().join("known_hosts").display()
        );
        fs::write(home.path().join("config"), config).expect("a file");
        Ground { hosts: Hosts::Real { _server: Box::new(server) }, proxy: Some(proxy), home }
    }

    /// A fleet of scripted hosts that keep what their paths ever were.
    pub(crate) fn scripted(hosts: usize, faults: Faults) -> Ground {
        omnes::run::limits::raise_descriptors();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let config = FleetConfig {
            faults,
            transport: Transport::Loopback,
            history: History::Kept,
            ..FleetConfig::scripted(hosts)
        };
        let fleet = runtime.block_on(Fleet::start(config)).expect("a fleet");
        let home = TempDir::new().expect("a home");
        fs::copy(fleet.ssh_config().expect("on loopback"), home.path().join("config")).expect("a file");
        Ground { hosts: Hosts::Scripted { runtime, fleet: fleet.into() }, proxy: None, home }
    }

    /// The same of one host, `demo01`, behind a proxy.
    pub(crate) fn scripted_behind_a_proxy() -> Ground {
        let mut ground = Ground::scripted(1, Faults::none());
        let port = ground.fleet().port("demo01").expect("on loopback");
        let proxy = Proxy::to(port);
        let config = ground.path("config");
        let text = fs::read_to_string(&config).expect("a file");
        let text = text.replace(&format!("Port {port}\n"), &format!("Port {}\n", proxy.port()));
        fs::write(config, text).expect("a file");
        ground.proxy = Some(proxy);
        ground
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        match &self.hosts {
            Hosts::Scripted { fleet, .. } => fleet,
            Hosts::Real { .. } => panic!("a real server is no fleet"),
        }
    }

    pub(crate) fn disk(&self, host: &str) -> std::sync::Arc<Disk> {
        self.fleet().disk(host).expect("a host of the fleet")
    }

    /// A host dies.
    pub(crate) fn kill(&self, host: &str) {
        if let Hosts::Scripted { runtime, fleet } = &self.hosts {
            runtime.block_on(fleet.kill(host)).expect("a host of the fleet");
        }
    }

    /// Something in the user's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The user's folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// `omnes SUBCOMMAND WORDS`, not yet started.
    pub(crate) fn omnes(&self, subcommand: &str, words: &[&str]) -> Command {
        let mut command = Command::new(OMNES);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .args([subcommand, "-F"])
            .arg(self.path("config"))
            .args(words)
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same to its end.
    pub(crate) fn run(&self, subcommand: &str, words: &[&str]) -> Output {
        self.omnes(subcommand, words).output().expect("omnes starts")
    }

    /// The same, begun; nobody reads what it says.
    pub(crate) fn begin(&self, subcommand: &str, words: &[&str]) -> Child {
        let mut command = self.omnes(subcommand, words);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("omnes starts")
    }
}
