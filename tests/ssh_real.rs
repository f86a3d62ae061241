//! The transport against Debian's own sshd, against servers that stall, drip and turn away, and against a fleet in
//! memory that counts what its hosts saw.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod support;

#[path = "ssh_real/accounts.rs"]
mod accounts;
#[path = "ssh_real/agents.rs"]
mod agents;
#[path = "ssh_real/certificates.rs"]
mod certificates;
#[path = "ssh_real/channels.rs"]
mod channels;
#[path = "ssh_real/common.rs"]
mod common;
#[path = "ssh_real/dialogues.rs"]
mod dialogues;
#[path = "ssh_real/hostkeys.rs"]
mod hostkeys;
#[path = "ssh_real/login.rs"]
mod login;
#[path = "ssh_real/scripted.rs"]
mod scripted;
#[path = "ssh_real/stalls.rs"]
mod stalls;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;
