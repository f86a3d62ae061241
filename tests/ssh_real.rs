//! The transport against Debian's own sshd, and against servers that stall, drip and turn away.

pub mod support;

#[path = "ssh_real/channels.rs"]
mod channels;
#[path = "ssh_real/common.rs"]
mod common;
#[path = "ssh_real/hostkeys.rs"]
mod hostkeys;
#[path = "ssh_real/login.rs"]
mod login;
#[path = "ssh_real/stalls.rs"]
mod stalls;
