//! What a host says of its files when it lies: names that lead out, folders without an end, sizes that are not so. Pure.
//!
//! None of it touches the disk of the host, so that a test can still tell what the client did to that.

use super::node::{Kind, Stat};

/// Names that no folder of Linux can hold, or that mean something to somebody: a shell, a terminal, another system.
pub const HOSTILE_NAMES: [&[u8]; 60] = [
    b"..",
    b".",
    b"",
    b"/",
    b"/etc/passwd",
    b"//etc/passwd",
    b"../x",
    b"../../../../../../../../tmp/x",
    b"a/../../x",
    b"a/b",
    b"./x",
    b"x/",
    b"x/.",
    b"x/..",
    b"/tmp/x",
    b"\0",
    b"a\0b",
    b"../x\0",
    b"a\nb",
    b"\n",
    b"a\rb",
    b"\x1b[2J",
    b"\x1b]0;x\x07",
    b"\x7f",
    b"\x80\x81",
    b"\xff",
    b"a\xffb",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"..\\x",
    b"\\",
    b"C:\\x",
    b"C:x",
    b"CON",
    b"NUL",
    b"aux.txt",
    b"COM1",
    b"x.",
    b"x ",
    b" x",
    b" ",
    b"...",
    b"....",
    b"-rf",
    b"--help",
    b"-",
    b"~",
    b"~root",
    b"$HOME",
    b"$(reboot)",
    b"`reboot`",
    b"*",
    b"a;b",
    b"a|b",
    "\u{202e}txt.exe".as_bytes(),
    "a\u{200b}b".as_bytes(),
    &[b'l'; 255],
    &[b'm'; 256],
    &[b'n'; 4096],
    b"{host}",
];

/// What every file holds whose name is a lie.
pub(super) const TEXT: &[u8] = b"taken\n";

/// A size that is said of files that never end.
pub(super) const LESS: u64 = 10;
/// A size that is said of files that end before.
pub(super) const MORE: u64 = 10_000_000_000;

/// How a folder is listed that is not on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// [`HOSTILE_NAMES`], each a file.
    Names,
    /// New files for ever.
    Endless,
    /// Pages without a name for ever.
    Empty,
    /// One folder, in which there is one folder, and so on.
    Deep,
    /// `both`, a folder, and then `both` again, a link that leads out; below it a file.
    Twice,
}

/// The next page of such a folder; `None` at its end. `page` counts from 0.
pub(super) fn page(listing: Listing, path: &[u8], page: u64) -> Option<Vec<(Vec<u8>, Stat)>> {
    let said = |name: &[u8], kind| (name.to_vec(), stat(kind));
    match (listing, page) {
        (Listing::Names, 0) => Some(HOSTILE_NAMES.iter().map(|name| said(name, Kind::File)).collect()),
        (Listing::Endless, _) => {
            let names = (0..100).map(|n| format!("file-{}", page * 100 + n));
            Some(names.map(|name| said(name.as_bytes(), Kind::File)).collect())
        }
        (Listing::Empty, _) => Some(Vec::new()),
        (Listing::Deep, 0) => Some(vec![said(b"deep", Kind::Dir)]),
        (Listing::Twice, 0) if path.ends_with(b"/both") => Some(vec![said(b"inside", Kind::File)]),
        (Listing::Twice, 0) => Some(vec![said(b"both", Kind::Dir), said(b"both", Kind::Link)]),
        _ => None,
    }
}

/// Where the link leads that has the name of a folder.
pub(super) const OUT: &[u8] = b"../../../../../../../../../tmp";

/// What is said of something that is not on the disk.
pub(super) fn stat(kind: Kind) -> Stat {
    let (size, mode) = match kind {
        Kind::Dir => (0, 0o755),
        Kind::Link => (OUT.len() as u64, 0o777),
        // Setuid, so that a client that takes what it is told is found out.
        Kind::File | Kind::Fifo => (TEXT.len() as u64, 0o4755),
    };
    Stat { kind, size, mode, owner: (0, 0), mtime: 1_000_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_hostile_names_are_the_same() {
        let names: std::collections::BTreeSet<&[u8]> = HOSTILE_NAMES.into_iter().collect();
        assert_eq!(names.len(), HOSTILE_NAMES.len());
    }

    #[test]
    fn some_folders_end_and_some_do_not() {
        for (listing, pages) in [(Listing::Names, 1), (Listing::Deep, 1), (Listing::Twice, 1)] {
            let listed = (0..10).take_while(|n| page(listing, b"/d", *n).is_some()).count();
            assert_eq!(listed, pages, "{listing:?}");
        }
        let names = |n| page(Listing::Endless, b"/d", n).expect("no end")[0].0.clone();
        assert_ne!(names(10_000), names(10_001));
        assert_eq!(page(Listing::Empty, b"/d", 1 << 40), Some(Vec::new()));
    }
}
