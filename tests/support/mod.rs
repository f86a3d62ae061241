//! What the tests share: real servers, and what to say where a program is missing.
//!
//! A test takes it with `pub mod support;`.

pub mod config;
pub mod dropbear;
pub mod proxy;
pub mod sshd;

use std::path::PathBuf;

/// Where `program` is, looked for in `PATH` and where administrators' programs stand. Panics with the line that
/// installs it: a test that needs it cannot be skipped.
pub fn need(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{program} is missing; install it with: apt-get install -y {package}"))
}
