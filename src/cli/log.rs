//! `--debug FILE`: what happens inside, for a report of a fault. Secrets are never handed to the log.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Only what we write ourselves: the crates below write packets, requests and lines of files into their logs.
const OURS: &str = "omnes=debug";

/// Starts the log: appends to the file, which only its owner may read, since host and user names stand in it.
pub(super) fn start(file: &Path) -> anyhow::Result<()> {
    let open = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    let open = open.with_context(|| format!("--debug: {} cannot be written", file.display()))?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(OURS))
        .with_writer(Mutex::new(open))
        .try_init()
        .map_err(|error| anyhow::anyhow!("--debug: {error}"))
}
