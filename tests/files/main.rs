//! Files out to hosts and back: the built program on real servers and on the demo fleet, whose hosts know what became of
//! their files at every instant.

#[path = "../support/mod.rs"]
pub mod support;

mod clients;
mod comparing;
mod convoys;
mod ground;
mod kills;
mod listing;
mod many;
mod pull;
mod pull_kills;
mod refusals;
mod rsync;
mod trees;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Many times what any step here takes.
const DEADLINE: Duration = Duration::from_secs(300);

/// Waits until it holds; panics after [`DEADLINE`] with what was waited for.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        // Files, sockets and children of others tell nobody when they change.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
