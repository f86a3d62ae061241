//! `omnes ping` and `omnes keys` on Debian's sshd, with OpenSSH's own `ssh` and `ssh-keygen` as judges.

#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
pub mod support;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;

#[path = "survey/certified.rs"]
mod certified;
#[path = "survey/common.rs"]
mod common;
#[path = "survey/keys.rs"]
mod keys;
#[path = "survey/learning.rs"]
mod learning;
#[path = "survey/ping.rs"]
mod ping;
#[path = "survey/replacing.rs"]
mod replacing;
#[path = "survey/routes.rs"]
mod routes;
