//! The transport against Debian's own sshd, against servers that stall, drip and turn away, and against a fleet in
//! memory that counts what its hosts saw.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod support;

#[path = "ssh_real/accounts.rs"]
mod accounts;
#[path = "ssh_real/agents.rs"]
mod agents;
#[path = "ssh_real/algorithms.rs"]
mod algorithms;
#[path = "ssh_real/binary.rs"]
mod binary;
#[path = "ssh_real/certificates.rs"]
mod certificates;
#[path = "ssh_real/channels.rs"]
mod channels;
#[path = "ssh_real/common.rs"]
mod common;
#[path = "ssh_real/cuts.rs"]
mod cuts;
#[path = "ssh_real/dial.rs"]
mod dial;
#[path = "ssh_real/dialogues.rs"]
mod dialogues;
#[path = "ssh_real/ending.rs"]
mod ending;
#[path = "ssh_real/forward.rs"]
mod forward;
#[path = "ssh_real/hostkeys.rs"]
mod hostkeys;
#[path = "ssh_real/hostkeys_certificates.rs"]
mod hostkeys_certificates;
#[path = "ssh_real/hostkeys_killed.rs"]
mod hostkeys_killed;
#[path = "ssh_real/hostkeys_updates.rs"]
mod hostkeys_updates;
#[path = "ssh_real/jump.rs"]
mod jump;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/lab.rs"]
mod lab;
#[path = "ssh_real/login.rs"]
mod login;
#[path = "ssh_real/pace.rs"]
mod pace;
#[path = "ssh_real/play.rs"]
mod play;
#[path = "ssh_real/proxy.rs"]
mod proxy;
#[path = "ssh_real/proxy_command.rs"]
mod proxy_command;
#[path = "ssh_real/push.rs"]
mod push;
#[path = "ssh_real/push_accounts.rs"]
mod push_accounts;
#[path = "ssh_real/push_delete.rs"]
mod push_delete;
#[path = "ssh_real/push_fleet.rs"]
mod push_fleet;
#[path = "ssh_real/push_races.rs"]
mod push_races;
#[path = "ssh_real/push_sudo.rs"]
mod push_sudo;
#[path = "ssh_real/resumed.rs"]
mod resumed;
#[path = "headless/schema.rs"]
mod schema;
#[path = "ssh_real/scripted.rs"]
mod scripted;
#[path = "ssh_real/sessions.rs"]
mod sessions;
#[path = "ssh_real/sftp.rs"]
mod sftp;
#[path = "ssh_real/sftp_faults.rs"]
mod sftp_faults;
#[path = "ssh_real/sftp_shell.rs"]
mod sftp_shell;
#[path = "ssh_real/silence.rs"]
mod silence;
#[path = "ssh_real/stalls.rs"]
mod stalls;
#[path = "ssh_real/sudo.rs"]
mod sudo;
#[path = "ssh_real/tunnels.rs"]
mod tunnels;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;
