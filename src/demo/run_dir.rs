//! What a run leaves on disk while it lives: the client's key, known_hosts, ssh_config, and the homes of its hosts. All
//! of it goes when the run ends, together with every process that was started for it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// The variable by which the processes of a run are known.
pub(super) const MARK: &str = "OMNES_DEMO_RUN";

/// The files of one run, in a directory of mode 0700.
#[derive(Debug)]
pub(super) struct RunDir {
    dir: TempDir,
    id: String,
}

impl RunDir {
    /// Makes the directory under the system's place for temporary files.
    pub(super) fn create() -> io::Result<RunDir> {
        let dir = tempfile::Builder::new()
            .prefix("omnes-demo-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let bin = dir.path().join("bin");
        fs::create_dir(&bin)?;
        let hostname = bin.join("hostname");
        fs::write(&hostname, "#!/bin/sh\nprintf '%s\\n' \"$HOSTNAME\"\n")?;
        fs::set_permissions(&hostname, fs::Permissions::from_mode(0o755))?;
        Ok(RunDir { dir, id: format!("{:032x}", rand::random::<u128>()) })
    }

    /// What [`MARK`] is set to.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Commands that speak for the demo host instead of this machine; first in `PATH`.
    pub(super) fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// The home of `host`, made when first asked for.
    pub(super) fn home(&self, host: &str) -> io::Result<PathBuf> {
        let home = self.homes().join(host);
        fs::create_dir_all(&home)?;
        Ok(home)
    }

    /// There as soon as a process was started.
    fn homes(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Writes a file that only this account reads (mode 0600).
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.dir.path().join(name);
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Removes everything, processes first.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.sweep();
        match fs::remove_dir_all(self.dir.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Kills what is left of the processes of this run, those that left their process group included. Needs `/proc`;
    /// where there is none, only process groups were killed before. A process in the middle of exec shows no
    /// environment, so that nothing was found means little before the third time. A fork bomb could outrun it: it gives
    /// up after a hundred rounds.
    fn sweep(&self) {
        let mut quiet = if self.homes().exists() { 0 } else { 3 };
        for _ in 0..100 {
            if quiet == 3 {
                return;
            }
            let found = self.processes();
            quiet = if found.is_empty() { quiet + 1 } else { 0 };
            for pid in found {
                // It may have ended by itself meanwhile.
                let _ended = rustix::process::kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The living processes that carry the mark of this run.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.id).into_bytes();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| {
                let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
                let environment = fs::read(entry.path().join("environ")).ok()?;
                environment.split(|byte| *byte == 0).any(|variable| variable == mark).then_some(pid)
            })
            .collect()
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        self.sweep();
    }
}
