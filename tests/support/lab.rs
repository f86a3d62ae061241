//! Real servers and the home of a user who may log in to all of them: a small laboratory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::support::sshd::Sshd;
use super::ui::Ui;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// Servers, which are the hosts of a cluster, and the home of a user.
pub(crate) struct Lab {
    pub(crate) servers: Vec<Sshd>,
    pub(crate) home: TempDir,
}

impl Lab {
    /// Servers and an empty home.
    pub(crate) fn of(servers: Vec<Sshd>) -> Lab {
        Lab { servers, home: TempDir::new().expect("a home") }
    }

    /// A server for each of `names`, which are the hosts of the cluster `lab`; the user knows their keys and has one
    /// that opens.
    pub(crate) fn known(names: &[&str]) -> Lab {
        let lab = Lab::of(names.iter().map(|_| Sshd::builder().start()).collect());
        let keys: Vec<PathBuf> = lab.servers.iter().map(Sshd::client_key).collect();
        lab.name(names, &keys);
        lab.trust();
        lab
    }

    /// Writes the cluster file.
    pub(crate) fn name(&self, names: &[&str], keys: &[PathBuf]) {
        let mut config = format!("[clusters.lab]\nhosts = {names:?}\n");
        for ((name, server), key) in names.iter().zip(&self.servers).zip(keys) {
            let (port, key) = (server.port(), key.display().to_string());
            config.push_str(&format!(
                "[hosts.{name}]\naddress = \"127.0.0.1\"\nport = {port}\nidentity = {key:?}\n"
            ));
        }
        self.write(".config/omnes/clusters.toml", &config);
    }

    /// Writes known_hosts.
    pub(crate) fn trust(&self) {
        let known: String = self.servers.iter().map(Sshd::known_hosts).collect();
        self.write(".ssh/known_hosts", &known);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("inside the home")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Runs omnes without a terminal.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(OMNES);
        command.env_clear().env("HOME", self.home.path()).env("PATH", path()).args(args);
        command.output().expect("omnes starts")
    }

    /// Opens the cluster `lab` in a terminal of this size.
    pub(crate) fn open(&self, size: (u16, u16)) -> Ui {
        let home = self.home.path().display().to_string();
        let path = path();
        let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
        Ui::start(Path::new(OMNES), &["lab"], &env, size)
    }
}

fn path() -> String {
    std::env::var("PATH").expect("a PATH")
}
