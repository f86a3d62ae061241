//! Where our own files are, and the preferences among them.

use std::path::{Path, PathBuf};

use super::screen;
use crate::config::{self, Config};
use crate::ssh::UserEnvironment;

/// `$XDG_CONFIG_HOME/omnes`, else `~/.config/omnes`; a relative `XDG_CONFIG_HOME` is no directory, as its
/// specification says.
pub(super) fn directory(environment: &UserEnvironment) -> PathBuf {
    let base = environment.variables.get("XDG_CONFIG_HOME").map(Path::new).filter(|base| base.is_absolute());
    base.map_or_else(|| environment.home.join(".config"), Path::to_owned).join("omnes")
}

/// The preferences of this user, checked as a whole: a wrong key of the TUI is an error of every command.
pub(super) fn read(environment: &UserEnvironment) -> anyhow::Result<Config> {
    let config = config::read(&directory(environment).join("config.toml"))?;
    screen::options(&config)?;
    Ok(config)
}
