//! The history file: one line for each text that was sent, from every omnes of this user.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::disk::{self, Rotation};
use super::entry;
use super::words::Past;

/// The file is put aside at 1 MB, and the one before it is kept.
const ROTATION: Rotation = Rotation { max: 1 << 20, keep: 1 };

/// Entries of earlier runs that are read.
const READ: usize = 500;

/// Bytes at the end of the file that are looked at for them.
const READ_BYTES: u64 = 1 << 20;

/// Puts an entry at the end.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        disk::private_directory(directory)?;
    }
    disk::append_line(path, line, ROTATION)
}

/// The newest entries, the oldest of them first. A file that is not there, or lines that are none of ours, hold nothing.
pub(super) fn read(path: &Path) -> Vec<Past> {
    let mut text = tail(&disk::numbered(path, 1)).unwrap_or_default();
    text.push_str(&tail(path).unwrap_or_default());
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines.len().saturating_sub(READ);
    lines.into_iter().skip(skip).filter_map(entry::parse).collect()
}

fn tail(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Ok(String::new());
    }
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(READ_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_read_over_the_border_of_two_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("omnes/history");
        assert_eq!(read(&path), []);
        let line = |n: usize| {
            format!("{{\"v\":1,\"time\":\"t\",\"how\":\"typed\",\"hosts\":\"h\",\"text\":\"{n}\"}}\n")
        };
        fs::create_dir(dir.path().join("omnes")).expect("a directory");
        fs::write(disk::numbered(&path, 1), (0..400).map(line).collect::<String>()).expect("a file");
        for n in 400..600 {
            append(&path, &line(n)).expect("it is written");
        }
        append(&path, "{\"v\":1,\"ti\n").expect("it is written");
        let past = read(&path);
        assert_eq!(past.len(), READ - 1);
        assert_eq!(past[0].text.as_deref(), Some("101"));
        assert_eq!(past.last().and_then(|past| past.text.as_deref()), Some("599"));
    }
}
