//! The directory of saved sets.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Places;
use super::set::{self, OpenSet};

/// A larger file is no set, in bytes.
const SIZE_LIMIT: u64 = 16 << 20;

/// Reads the set of this name. The error is a sentence; where there is no such set, it names those that there are.
pub fn read(places: &Places, name: &str) -> Result<OpenSet, String> {
    let name = set::name(name).map_err(|fault| format!("{fault}\n{}", listed(places)))?;
    let path = places.set(&name);
    let file = path.display().to_string();
    let text = fs::metadata(&path).and_then(|about| match about.is_file() && about.len() <= SIZE_LIMIT {
        true => fs::read_to_string(&path),
        false => Err(std::io::Error::other("it is no plain file of at most 16 MB")),
    });
    match text {
        Ok(text) => OpenSet::parse(&file, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("there is no saved set `{name}`\n{}", listed(places)))
        }
        Err(error) => Err(format!("{file}: cannot be read: {}", crate::escape::reason(&error))),
    }
}

/// The names of all sets, in order.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| {
        let file = entry.file_name().into_string().ok()?;
        set::name(file.strip_suffix(".toml")?).ok()
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

/// Which sets there are, in a sentence.
fn listed(places: &Places) -> String {
    match names(&places.sets) {
        names if names.is_empty() => {
            "no set is saved yet: `K` after the prefix saves the one that is open".to_owned()
        }
        names => format!("saved sets: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_not_there_is_answered_with_those_that_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let places = Places::below(dir.path());
        let told = |name: &str| read(&places, name).expect_err("no set");
        assert!(
            told("last").ends_with("no set is saved yet: `K` after the prefix saves the one that is open")
        );
        fs::create_dir_all(&places.sets).expect("a directory");
        fs::write(places.set("web"), OpenSet::of(Vec::new()).to_text()).expect("a file");
        fs::write(places.set("bad"), "version = 1\nhots = 1\n").expect("a file");
        fs::write(places.sets.join("notes.txt"), "").expect("a file");
        assert_eq!(told("db"), "there is no saved set `db`\nsaved sets: bad, web");
        assert!(told("../web").contains("is no name for a set"), "{}", told("../web"));
        assert!(told("?").ends_with("saved sets: bad, web"));
        assert!(told("bad").contains("sets/bad.toml:2:1: unknown field `hots`"), "{}", told("bad"));
        assert_eq!(read(&places, "web"), Ok(OpenSet::of(Vec::new())));
    }
}
