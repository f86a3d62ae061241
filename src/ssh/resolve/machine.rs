//! Asking this machine: its resolver about names, its shell about commands.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::outside::{Lookup, Outside};

/// All names that are asked together are answered within this time, or are late.
const NAMES: Duration = Duration::from_secs(10);
/// A command ends within this time, or is killed.
const COMMAND: Duration = Duration::from_secs(10);
/// Names that are looked up at once.
const AT_ONCE: usize = 32;

/// Whether commands of `Match exec` are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchExec {
    /// The hosts that they may concern are refused.
    #[default]
    Refused,
    /// They are run by the user's shell.
    Allowed,
}

/// This machine. Each name and each command is asked once.
#[derive(Debug)]
pub struct LocalMachine {
    exec: MatchExec,
    shell: String,
    names: Arc<Mutex<HashMap<String, Lookup>>>,
    commands: Mutex<HashMap<String, Result<bool, String>>>,
}

impl LocalMachine {
    /// With `SHELL` of the environment, else `/bin/sh`, as ssh has it.
    pub fn new(exec: MatchExec, shell: Option<&str>) -> LocalMachine {
        LocalMachine {
            exec,
            shell: shell.filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh").to_owned(),
            names: Arc::default(),
            commands: Mutex::default(),
        }
    }
}

impl Outside for LocalMachine {
    fn look_up(&self, names: &[String]) -> Vec<Lookup> {
        let known = |names_known: &HashMap<String, Lookup>| -> Vec<Option<Lookup>> {
            names.iter().map(|name| names_known.get(name).copied()).collect()
        };
        let before = known(&self.names.lock().unwrap_or_else(PoisonError::into_inner));
        let new: Vec<String> = names
            .iter()
            .zip(&before)
            .filter(|(_, known)| known.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        if !new.is_empty() {
            ask(new, &self.names);
        }
        let mut after = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was late is not asked again: one deadline for all, not one for each host.
        names.iter().map(|name| *after.entry(name.clone()).or_insert(Lookup::Late)).collect()
    }

    fn ends_well(&self, command: &str) -> Result<bool, String> {
        if self.exec == MatchExec::Refused {
            return Err("commands of ssh_config are not run unless you allow it: set `match_exec = true` under [ssh] in \
                        config.toml, leave the host out with -x, or name a configuration without it with -F"
                .to_owned());
        }
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = commands.get(command) {
            return answer.clone();
        }
        let answer = run(&self.shell, command);
        commands.insert(command.to_owned(), answer.clone());
        answer
    }
}

/// Looks up names with several threads until all are answered or the time is over. A thread that waits for the system's
/// resolver cannot be called off; it ends when that answers.
fn ask(names: Vec<String>, answers: &Arc<Mutex<HashMap<String, Lookup>>>) {
    let deadline = Instant::now() + NAMES;
    let workers = names.len().min(AT_ONCE);
    let left = Arc::new(Mutex::new(names));
    let (done, ended) = mpsc::channel::<()>();
    for _ in 0..workers {
        let (left, answers, done) = (Arc::clone(&left), Arc::clone(answers), done.clone());
        thread::spawn(move || {
            while Instant::now() < deadline {
                let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(name) = next else { break };
                let answer = look_up(&name);
                answers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, answer);
            }
            drop(done);
        });
    }
    drop(done);
    // Nothing is ever sent: the channel closes when the last worker ends.
    let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
}

fn look_up(name: &str) -> Lookup {
    match (name, 22).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            let (v4, v6) =
                (addresses.iter().any(SocketAddr::is_ipv4), addresses.iter().any(SocketAddr::is_ipv6));
            if v4 || v6 { Lookup::Found { v4, v6 } } else { Lookup::NotFound }
        }
        Err(_) => Lookup::NotFound,
    }
}

/// Runs a command as ssh does: by the shell, without input and output, its complaints passed on.
fn run(shell: &str, command: &str) -> Result<bool, String> {
    let mut shell_command = Command::new(shell);
    // A group of its own, so that whatever it starts ends with it.
    shell_command.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let child = shell_command.spawn().map_err(|error| {
        format!("the shell {} cannot be started: {error}", crate::escape::text(shell, 80))
    })?;
    match ended(child)? {
        status if status.signal().is_some() => Err("its command was killed by a signal".to_owned()),
        status => Ok(status.success()),
    }
}

fn ended(mut child: Child) -> Result<ExitStatus, String> {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(child.wait());
    });
    match told.recv_timeout(COMMAND) {
        Ok(status) => status.map_err(|error| format!("its command was lost: {error}")),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            Err(format!("its command did not end within {} s", COMMAND.as_secs()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_run_once_and_only_where_that_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ran");
        let command = format!("echo x >> {}", file.display());
        let refused = LocalMachine::new(MatchExec::Refused, None);
        assert!(refused.ends_well(&command).unwrap_err().contains("match_exec"));
        assert!(!file.exists());
        let machine = LocalMachine::new(MatchExec::Allowed, Some("/bin/sh"));
        assert_eq!(machine.ends_well(&command), Ok(true));
        assert_eq!(machine.ends_well(&command), Ok(true));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
        assert_eq!(machine.ends_well("exit 3"), Ok(false));
        assert!(machine.ends_well("kill -9 $$").unwrap_err().contains("signal"));
        let nowhere = LocalMachine::new(MatchExec::Allowed, Some("/nonexistent/shell"));
        assert!(nowhere.ends_well("true").unwrap_err().contains("/nonexistent/shell"));
    }

    #[test]
    fn names_are_looked_up() {
        let machine = LocalMachine::new(MatchExec::Refused, None);
        let names = ["localhost".to_owned(), "a..b".to_owned(), "localhost".to_owned()];
        let answers = machine.look_up(&names);
        assert!(matches!(answers[0], Lookup::Found { .. }), "{answers:?}");
        assert_eq!(answers[1], Lookup::NotFound);
        assert_eq!(answers[0], answers[2]);
    }
}
