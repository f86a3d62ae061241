//! Our own reader of ssh_config, set up as a test needs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use omnes::ssh::{ConfigSource, HostKeyPolicy, Overrides, Resolver, SshConfig, UserEnvironment};

/// The environment as `ssh` sees it: it takes the home from the user database, not from `HOME`.
pub fn environment() -> UserEnvironment {
    let output = Command::new("sh").args(["-c", "getent passwd \"$(id -u)\" | cut -d: -f6"]).output();
    let home = String::from_utf8(output.expect("sh starts").stdout).expect("a home in UTF-8");
    UserEnvironment { home: PathBuf::from(home.trim()), ..UserEnvironment::of_process() }
}

/// A resolver that reads `file`, with the policy `ask`; the error is the sentence.
pub fn resolver_of(
    file: &Path,
    overrides: Overrides,
    environment: UserEnvironment,
) -> Result<Resolver, String> {
    let config = SshConfig::load(&ConfigSource::File(file.to_owned()), &environment);
    let config = config.map_err(|error| error.to_string())?;
    Ok(Resolver::new(config, overrides, environment, HostKeyPolicy::Ask))
}
