//! A lock on an open file, against every other omnes of this user.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long somebody else may hold it. A lock is held for a write or a few renames; who holds it longer was stopped in the
/// middle of that, and may never go on.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked whether it is free.
const LOOKS: Duration = Duration::from_millis(2);

/// Locks the file until it is closed, and waits for whoever else has locked it, but not without end. The thread waits too.
/// Where the file system has no locks, there is nothing to wait for.
pub(super) fn lock(file: &File) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => thread::sleep(LOOKS),
            Err(Errno::WOULDBLOCK) => return Err(io::Error::new(ErrorKind::TimedOut, held())),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn held() -> String {
    let seconds = PATIENCE.as_secs();
    format!(
        "another program has held its lock for {seconds} s; is there an omnes that was stopped (`jobs`, `ps`)?"
    )
}
