//! Reading the file.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Config, ConfigError, parse};

/// A larger file is no file of preferences, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;

/// Reads preferences; a file that does not exist is an empty one.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    match bytes(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => parse(&name, &text),
            Err(_) => Err(ConfigError::new(&name, "is not UTF-8; save it as UTF-8 text")),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => {
            Err(ConfigError::new(&name, &format!("cannot be read: {}", crate::escape::reason(&error))))
        }
    }
}

/// The bytes of a plain file. Opened without waiting, since a FIFO would wait for a writer for ever.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("open's flags are an int");
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_sane_size_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.toml");
        assert_eq!(read(&path).expect("a missing file is an empty one"), Config::default());
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .expect("a FIFO");
        let told = |path: &Path| read(path).expect_err("no file to read").to_string();
        assert!(told(&path).ends_with("cannot be read: it is not a plain file"), "{}", told(&path));
        assert!(told(Path::new("/dev/zero")).ends_with("it is not a plain file"));
        assert!(told(dir.path()).contains("cannot be read: "));
        std::fs::remove_file(&path).expect("it is there");
        let file = std::fs::File::create(&path).expect("a file");
        file.set_len(3 << 30).expect("a hole");
        assert!(told(&path).ends_with("it is larger than 1 MB"), "{}", told(&path));
    }
}
