//! Reading the file.

use std::io::ErrorKind;
use std::path::Path;

use super::{Config, ConfigError, parse};

/// Reads preferences; a file that does not exist is an empty one.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => parse(&name, &text),
            Err(_) => Err(ConfigError::new(&name, "is not UTF-8; save it as UTF-8 text")),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(ConfigError::new(&name, &format!("cannot be read: {error}"))),
    }
}
