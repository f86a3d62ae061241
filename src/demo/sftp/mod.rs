//! Files on the hosts of the demo: SFTP version 3 as OpenSSH serves it, on a file system in memory.
//!
//! Theory: as the scripted shell, the server is a value that is told of input and asked for what follows (`session`, with
//! `answer` for what a request does to the disk), one answer at a time, so that its reader sets the pace. The disk (`fs`,
//! `names`, `content`) is shared by all sessions of a host and outlives them, and is the truth about its files ([`Disk`]). What
//! a host that lies says is made up beside it (`hostile`). All of that is pure; only [`serve`] waits and tells the time.

mod answer;
mod content;
mod disk;
mod fs;
mod handles;
mod hostile;
mod image;
mod names;
mod node;
mod session;

use std::time::{SystemTime, UNIX_EPOCH};

pub use content::{Content, Sha, sha256};
pub use disk::{Counted, Disk};
pub use fs::History;
pub use hostile::HOSTILE_NAMES;
pub use node::{Kind, Stat, State};

pub(in crate::demo) use content::Pool;
pub(super) use image::{Drift, fill};

use super::host::Host;
use super::job::{End, Gone, Input, InputReceiver, Output};
use session::{Event, Session};

/// Serves the files of `host` until the client ends its input.
pub(super) async fn serve(
    host: &Host,
    user: &str,
    (input, output): (&mut InputReceiver, &Output),
) -> Result<End, Gone> {
    let mut session = Session::new(host.disk().clone(), user, host.files_fault());
    loop {
        match session.take(now()) {
            Some(Event::Out(bytes)) => {
                host.truth().changed();
                output.out(bytes).await?;
            }
            // A slow disk or line is what this host plays.
            Some(Event::Pause(pause)) => tokio::time::sleep(pause).await,
            Some(Event::Break) => {
                output.break_link();
                return Err(Gone);
            }
            Some(Event::End(status)) => return Ok(End::Status(status)),
            None => match input.recv().await.ok_or(Gone)? {
                Input::Data(data) => session.input(&data),
                Input::End => session.end_of_input(),
                Input::Signal(signal) => return Ok(End::Signal(signal)),
                Input::Resize(_) => {}
            },
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
