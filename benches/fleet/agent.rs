//! An `ssh-agent` that holds the fleet's key.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::measure;

/// A running agent; it ends with this value.
pub(crate) struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts OpenSSH's agent with a socket in `dir` and gives it the key there.
    pub(crate) fn with_key_of(dir: &Path) -> Agent {
        let socket = dir.join("agent");
        let mut child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh-agent of OpenSSH");
        let mut line = String::new();
        // It tells its socket once it listens there.
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("it says where it is");
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(dir.join("key")).env("SSH_AUTH_SOCK", &socket);
        assert!(add.status().expect("ssh-add of OpenSSH").success(), "the agent takes the key");
        Agent { child, socket }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its CPU time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        measure::cpu_seconds(self.child.id())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
