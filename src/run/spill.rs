//! The file that holds gathered output for which there is no room in memory.
//!
//! It has no name: it is unlinked as soon as it is made, with nobody but the user let in, so that nothing is left behind
//! however the program ends. It is made when the first byte needs it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::blocks::Shelf;

/// A file without a name in a directory.
#[derive(Debug)]
pub struct Spill {
    dir: PathBuf,
    file: Option<File>,
    len: u64,
}

impl Spill {
    /// A file in this directory, as soon as it is needed.
    pub fn within(dir: PathBuf) -> Spill {
        Spill { dir, file: None, len: 0 }
    }

    /// In the directory for what may be large and is not kept: `TMPDIR`, else `/var/tmp`, since `/tmp` is memory on many
    /// systems.
    pub fn usual() -> Spill {
        let large = PathBuf::from("/var/tmp");
        let dir = match std::env::var_os("TMPDIR") {
            None if large.is_dir() => large,
            _ => std::env::temp_dir(),
        };
        Spill::within(dir)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.dir)?),
        };
        file.write_all_at(bytes, self.len)
    }
}

impl Shelf for Spill {
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if let Err(error) = self.write(bytes) {
            let why = format!("no room for gathered output in {}: {error}", self.dir.display());
            return Err(io::Error::new(error.kind(), why));
        }
        let at = self.len;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    fn get(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_and_leaves_no_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut spill = Spill::within(dir.path().to_owned());
        assert!(spill.get(0, 1).is_err());
        let (one, two) = (spill.put(b"one").expect("room"), spill.put(&[7; 100_000]).expect("room"));
        assert_eq!(spill.get(one, 3).expect("kept"), b"one");
        assert_eq!(spill.get(two, 100_000).expect("kept"), [7; 100_000]);
        assert_eq!(dir.path().read_dir().expect("a directory").count(), 0);
        let nowhere = Spill::within(dir.path().join("nowhere")).put(b"x").expect_err("no such directory");
        assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
    }
}
