//! What really happened on the hosts, kept by the hosts themselves, so that a test need not believe the client. What
//! became of their files is on their disks ([`Fleet::disk`](super::Fleet::disk)); a change there is a record here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

/// Whether input bytes are kept. They have no bound (a test that records decides how much it sends), so that a demo
/// that runs for days keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Only how many there were.
    #[default]
    Count,
    /// Every byte.
    Bytes,
}

/// What one host saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    executed: BTreeMap<String, usize>,
    received: Vec<u8>,
    received_bytes: u64,
    connections: usize,
    login_attempts: usize,
    logins: usize,
}

/// The truth of a fleet. Every record wakes those who wait for it.
#[derive(Debug)]
pub struct Truth {
    recording: Recording,
    hosts: Mutex<BTreeMap<String, Seen>>,
    changes: watch::Sender<u64>,
}

impl Truth {
    pub(super) fn new(recording: Recording) -> Truth {
        Truth { recording, hosts: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// The commands that ran on `host`, each with how often: those asked for by exec, and the lines that a scripted
    /// shell was given. A real shell is a closed book; see [`Truth::received`].
    pub fn executed(&self, host: &str) -> BTreeMap<String, usize> {
        self.look(host, |seen| seen.executed.clone())
    }

    /// How often `command` ran on `host`.
    pub fn executions(&self, host: &str, command: &str) -> usize {
        self.look(host, |seen| seen.executed.get(command).copied().unwrap_or(0))
    }

    /// The input of all shells and commands of `host` in the order it came; empty unless [`Recording::Bytes`].
    pub fn received(&self, host: &str) -> Vec<u8> {
        self.look(host, |seen| seen.received.clone())
    }

    /// How many bytes of input came to `host`.
    pub fn received_bytes(&self, host: &str) -> u64 {
        self.look(host, |seen| seen.received_bytes)
    }

    /// Connections that reached `host`, the refused ones apart.
    pub fn connections(&self, host: &str) -> usize {
        self.look(host, |seen| seen.connections)
    }

    /// Authentication requests that offered something (`none` apart), the key queries included.
    pub fn login_attempts(&self, host: &str) -> usize {
        self.look(host, |seen| seen.login_attempts)
    }

    /// Logins that succeeded.
    pub fn logins(&self, host: &str) -> usize {
        self.look(host, |seen| seen.logins)
    }

    /// Returns once `reached` holds; it is asked again after every record. Has no deadline of its own.
    pub async fn wait_until(&self, reached: impl Fn(&Truth) -> bool) {
        let mut changes = self.changes.subscribe();
        while !reached(self) {
            changes.changed().await.expect("the sender lives in self");
        }
    }

    pub(super) fn ran(&self, host: &str, command: &str) {
        self.note(host, |seen| *seen.executed.entry(command.to_owned()).or_default() += 1);
    }

    pub(super) fn heard(&self, host: &str, bytes: &[u8]) {
        let recording = self.recording;
        self.note(host, |seen| {
            seen.received_bytes += bytes.len() as u64;
            if recording == Recording::Bytes {
                seen.received.extend_from_slice(bytes);
            }
        });
    }

    pub(super) fn connected(&self, host: &str) {
        self.note(host, |seen| seen.connections += 1);
    }

    pub(super) fn login_tried(&self, host: &str) {
        self.note(host, |seen| seen.login_attempts += 1);
    }

    pub(super) fn logged_in(&self, host: &str) {
        self.note(host, |seen| seen.logins += 1);
    }

    /// Something happened to the files of a host.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn look<T>(&self, host: &str, look: impl Fn(&Seen) -> T) -> T {
        match self.lock().get(host) {
            Some(seen) => look(seen),
            None => look(&Seen::default()),
        }
    }

    fn note(&self, host: &str, note: impl FnOnce(&mut Seen)) {
        {
            let mut hosts = self.lock();
            match hosts.get_mut(host) {
                Some(seen) => note(seen),
                None => note(hosts.entry(host.to_owned()).or_default()),
            }
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.hosts.lock().expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_counted_and_hosts_kept_apart() {
        let truth = Truth::new(Recording::Count);
        truth.ran("demo01", "uptime");
        truth.ran("demo01", "uptime");
        truth.ran("demo02", "date");
        assert_eq!(truth.executions("demo01", "uptime"), 2);
        assert_eq!(truth.executed("demo02"), BTreeMap::from([("date".to_owned(), 1)]));
        assert!(truth.executed("demo03").is_empty());
    }

    #[test]
    fn bytes_are_kept_only_where_asked() {
        let (counted, kept) = (Truth::new(Recording::Count), Truth::new(Recording::Bytes));
        for truth in [&counted, &kept] {
            truth.heard("demo01", b"ab");
            truth.heard("demo01", b"c");
        }
        assert_eq!((counted.received_bytes("demo01"), counted.received("demo01")), (3, vec![]));
        assert_eq!(kept.received("demo01"), b"abc");
    }
}
