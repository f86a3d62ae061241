//! What the script of the helper does, in the shells and with the tools that hosts have, and how its answers are read.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::Digest;

use super::*;

#[test]
fn what_tools_complain_of_has_a_class() {
    for (said, expected) in [
        ("cp: error writing '/etc/x': No space left on device", FileFault::NoSpace),
        ("mv: cannot overwrite directory '/x' with non-directory: Is a directory", FileFault::IsDirectory),
        ("chown: changing ownership of '/x': Operation not permitted", FileFault::NoRight),
        ("mkdir: cannot create directory '/a/b': No such file or directory", FileFault::Missing),
        ("cp: cannot create regular file '/x': Text file busy", FileFault::Busy),
        ("content differs", FileFault::ChecksumDiffers),
        ("sh: 1: cp: not found", FileFault::Other),
    ] {
        assert_eq!(fault(said), expected, "{said}");
    }
    let said = "cp: error writing '/etc/x': No space left on device ";
    assert_eq!(reason(FileFault::NoSpace, said), "No space left on device");
    let said = "refused: ./busy is no file";
    assert_eq!(
        (fault(said), reason(FileFault::Refused, said).as_str()),
        (FileFault::Refused, "./busy is no file")
    );
}

#[test]
fn what_stands_there_is_read_from_numbers() {
    let stat = stat("81a4 12 1700000000 0 33").expect("a file");
    assert_eq!((stat.kind, stat.mode, stat.mtime), (Kind::File { size: 12 }, 0o644, 1_700_000_000));
    assert_eq!(stat.owner, Some((0, 33)));
    assert_eq!(super::stat("41ed 0 0 0 0").map(|stat| stat.kind), Some(Kind::Dir));
    assert_eq!(super::stat("regular file"), None);
    assert_eq!(digest(&"0f".repeat(32)), Some([15; 32]));
    assert_eq!(digest("sha256sum: not found"), None);
}

#[test]
fn a_listing_holds_names_of_any_bytes() {
    let said = [&b"81a4 1 -5 0 0 ./a\n81a4 1 1 0 0 b/\n"[..], b"41ed 1 1 0 0 ./\xff. ./\n"].concat();
    let found = listed(&said).expect("a listing");
    let names: Vec<&[u8]> = found.iter().map(|found| &*found.name).collect();
    assert_eq!(names, [&b"a\n81a4 1 1 0 0 b"[..], b"\xff. ."]);
    assert_eq!((found[0].stat.mtime, &found[1].stat.kind), (-5, &Kind::Dir));
    assert_eq!(listed(b""), Some(vec![]));
    for odd in [&b"81a4 1 1 0 0 ./a"[..], b"81a4 1 1 0 0 ./a/x", b"none ./a/\n", b"\n"] {
        assert_eq!(listed(odd), None, "{}", odd.escape_ascii());
    }
}

/// A shell of a host, with its tools.
struct Shell {
    words: &'static [&'static str],
    path: String,
}

/// Debian's shells with its tools, and BusyBox with and without them.
fn shells(tools: &Path) -> Vec<Shell> {
    let installed = Command::new("busybox").args(["--install", "-s"]).arg(tools).status();
    assert!(installed.is_ok_and(|status| status.success()), "the package busybox is needed");
    let (gnu, own) = ("/usr/sbin:/usr/bin:/sbin:/bin".to_owned(), tools.display().to_string());
    let with = |words, path: &String| Shell { words, path: path.clone() };
    let (bash, busybox): (&[&str], &[&str]) = (&["/bin/bash", "--posix"], &["/bin/busybox", "sh"]);
    vec![with(&["/bin/sh"], &gnu), with(bash, &gnu), with(busybox, &gnu), with(busybox, &own)]
}

/// A host's disk: a folder that is pushed to, one outside of it, and staged files.
struct Disk {
    root: tempfile::TempDir,
}

type Request<'a> = Vec<&'a [u8]>;

impl Disk {
    fn new() -> Disk {
        let root = tempfile::tempdir().expect("a folder");
        let disk = Disk { root };
        for folder in ["to", "to/folder", "out", "staged"] {
            fs::create_dir(disk.at(folder)).expect("a folder");
        }
        for (file, text) in
            [("staged/0", "new"), ("staged/1", "other"), ("to/old", "old"), ("out/victim", "secret")]
        {
            fs::write(disk.at(file), text).expect("a file");
        }
        fs::set_permissions(disk.at("to/old"), fs::Permissions::from_mode(0o640)).expect("it is ours");
        fs::set_permissions(disk.at("out/victim"), fs::Permissions::from_mode(0o600)).expect("it is ours");
        for (to, link) in
            [("../out", "to/way"), ("../out/victim", "to/link"), ("../out/victim", "staged/link")]
        {
            symlink(to, disk.at(link)).expect("a link");
        }
        for fifo in ["to/fifo", "staged/fifo"] {
            let made = Command::new("mkfifo").arg(disk.at(fifo)).status();
            assert!(made.is_ok_and(|status| status.success()));
        }
        disk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.at(name).into_os_string().into_vec()
    }

    /// What a shell answers, each time bytes and a line. `more` stands behind the script.
    fn ask(&self, shell: &Shell, more: &str, requests: &[Request<'_>]) -> Vec<(Vec<u8>, String)> {
        let mut child = Command::new(shell.words[0])
            .args(&shell.words[1..])
            .env_clear()
            .env("PATH", &shell.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut input = [SCRIPT.as_bytes(), more.as_bytes(), b"\n"].concat();
        for request in requests {
            input.extend(quote::line(request));
            input.push(b'\n');
        }
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), &input).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let (mut answers, mut bytes) = (Vec::new(), Vec::new());
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            match line.strip_prefix(' ') {
                Some(pairs) => {
                    bytes.extend(pairs.split(' ').map(|pair| u8::from_str_radix(pair, 16).expect("a byte")));
                }
                None => answers.push((std::mem::take(&mut bytes), line.to_owned())),
            }
        }
        assert_eq!(answers.len(), requests.len(), "{:?}: one answer each: {answers:?}", shell.words);
        answers
    }

    /// Nothing outside of the folder was changed.
    fn is_untouched(&self) {
        let victim = fs::metadata(self.at("out/victim")).expect("it is there");
        assert_eq!((victim.mode() & 0o7777, names(&self.at("out"))), (0o600, vec!["victim".into()]));
        assert_eq!(fs::read(self.at("out/victim")).expect("it is there"), b"secret");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The request that puts a staged file of this content at a name: with what old content is kept under.
fn put<'a>(
    (folder, name): (&'a [u8], &'a str),
    staged: &'a [u8],
    (sum, kept): (&'a str, &'a str),
) -> Request<'a> {
    let words: [&[u8]; 13] = [
        b"p",
        folder,
        name.as_bytes(),
        staged,
        b"3",
        sum.as_bytes(),
        b".part",
        b"",
        b"",
        b"0604",
        b"1000",
        b".kept",
        kept.as_bytes(),
    ];
    words.to_vec()
}

fn on_all_shells(test: impl Fn(&Disk, &Shell)) {
    let tools = tempfile::tempdir().expect("a folder");
    for shell in shells(tools.path()) {
        test(&Disk::new(), &shell);
    }
}

fn faults(answers: &[(Vec<u8>, String)]) -> Vec<Option<FileFault>> {
    answers.iter().map(|(_, line)| line.strip_prefix("no ").map(fault)).collect()
}

#[test]
fn a_file_is_put_in_its_place_only_if_it_is_what_was_sent() {
    on_all_shells(|disk, shell| {
        let (to, way, new) = (disk.bytes("to"), disk.bytes("to/way"), hex(&sha2::Sha256::digest(b"new")));
        let staged = ["0", "1", "link", "fifo"].map(|name| disk.bytes(&format!("staged/{name}")));
        let requests = [
            put((&to, "old"), &staged[0], (&new, "old~")),
            put((&to, "fresh"), &staged[0], (&new, "none~")),
            put((&to, "link"), &staged[0], (&new, "link~")),
            put((&to, "folder"), &staged[0], (&new, "")),
            put((&to, "other"), &staged[1], (&new, "")),
            put((&to, "from-link"), &staged[2], (&new, "")),
            put((&to, "from-fifo"), &staged[3], (&new, "")),
            put((&way, "outside"), &staged[0], (&new, "")),
            put((&to, "fresh"), &staged[0], (&new, "folder")),
        ];
        let refused = Some(FileFault::Refused);
        let expected = [
            None,
            None,
            None,
            Some(FileFault::IsDirectory),
            Some(FileFault::ChecksumDiffers),
            refused,
            refused,
            refused,
            Some(FileFault::IsDirectory),
        ];
        assert_eq!(faults(&disk.ask(shell, "", &requests)), expected, "{:?}", shell.words);
        disk.is_untouched();
        let left = ["fifo", "folder", "fresh", "link", "link~", "old", "old~", "way"];
        assert_eq!(names(&disk.at("to")), left, "nothing is left beside them");
        for (name, text, mode) in [("old", "new", 0o640), ("fresh", "new", 0o604), ("old~", "old", 0o640)] {
            let file = disk.at("to").join(name);
            assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
            let stat = fs::metadata(&file).expect("it is there");
            assert_eq!((stat.mode() & 0o7777, stat.mtime() == 1000), (mode, text == "new"), "{name}");
        }
        assert_eq!(fs::read_link(disk.at("to/link~")).expect("a link"), Path::new("../out/victim"));
        // A host without a program for sums installs nothing.
        let answers = disk.ask(shell, "sum() { echo none; }", &requests[..1]);
        assert_eq!(faults(&answers), [refused], "{answers:?}");
        assert!(answers[0].1.contains("SHA-256"), "{answers:?}");
        // Where no file can have a second name, the old content is copied.
        let no_second = "ln() { case $1 in -T) return 1;; *) command ln \"$@\";; esac; }";
        let requests = [put((&to, "old"), &staged[0], (&new, "copy~"))];
        assert_eq!(faults(&disk.ask(shell, no_second, &requests)), [None]);
        let copy = fs::metadata(disk.at("to/copy~")).expect("it is there");
        assert_eq!((copy.mode() & 0o7777, copy.mtime(), copy.len()), (0o640, 1000, 3));
    });
}

#[test]
fn names_links_and_content_come_back_byte_by_byte() {
    on_all_shells(|disk, shell| {
        let (to, way) = (disk.bytes("to"), disk.bytes("to/way"));
        let odd: &[u8] = b"a\nb\xff\x81 'c'\n";
        symlink(std::ffi::OsStr::from_bytes(odd), disk.at("to").join(std::ffi::OsStr::from_bytes(odd)))
            .expect("a link");
        let requests: [Request<'_>; 9] = [
            vec![b"k", &to, odd],
            vec![b"l", &to, b"made", odd, b".part", b"", b""],
            vec![b"k", &to, b"made"],
            vec![b"g", &to, b"old", b"2"],
            vec![b"h", &to, b"fifo"],
            vec![b"g", &to, b"link", b"9"],
            vec![b"e", &way],
            vec![b"e", &to],
            vec![b"a", &way],
        ];
        let answers = disk.ask(shell, "", &requests);
        let refused = Some(FileFault::Refused);
        let expected = [None, None, None, None, refused, refused, refused, None, None];
        assert_eq!(faults(&answers), expected, "{answers:?}");
        let told = |at: usize| answers[at].0.as_slice();
        assert_eq!((told(0), told(2), told(3)), (odd, odd, &b"ol"[..]));
        let mut found: Vec<Box<[u8]>> =
            listed(told(7)).expect("a listing").into_iter().map(|found| found.name).collect();
        found.sort();
        let names = [odd, b"fifo", b"folder", b"link", b"made", b"old", b"way"].map(Box::from);
        assert_eq!(found, names);
        let out = fs::canonicalize(disk.at("out")).expect("a folder").into_os_string().into_vec();
        assert_eq!(told(8), [&out[..], b"\n"].concat(), "the user's own word is followed");
    });
}

#[test]
fn marks_and_removals_never_follow_a_link() {
    on_all_shells(|disk, shell| {
        let (to, way) = (disk.bytes("to"), disk.bytes("to/way"));
        let requests: [Request<'_>; 13] = [
            vec![b"s", &to, b"old", b"0600", b"", b"77"],
            vec![b"d", &to, b"made", b"0755"],
            vec![b"s", &to, b"made", b"0711", b"", b"88"],
            vec![b"s", &to, b"link", b"0777", b"", b""],
            vec![b"s", &to, b"link", b"", b"", b"99"],
            vec![b"s", &to, b"fifo", b"0777", b"", b""],
            vec![b"s", &way, b"victim", b"0777", b"", b""],
            vec![b"d", &way, b"made", b"0755"],
            vec![b"u", &way, b"victim"],
            vec![b"v", &to, b"link", b"folder"],
            vec![b"v", &to, b"link", b"moved"],
            vec![b"ud", &to, b"folder"],
            vec![b"t", &to, b"none"],
        ];
        let answers = disk.ask(shell, "", &requests);
        let (no_right, refused) = (Some(FileFault::NoRight), Some(FileFault::Refused));
        let folder = Some(FileFault::IsDirectory);
        let missing = Some(FileFault::Missing);
        let expected = [
            None, None, None, no_right, None, refused, refused, refused, refused, folder, None, None, missing,
        ];
        assert_eq!(faults(&answers), expected, "{answers:?}");
        disk.is_untouched();
        assert_eq!(names(&disk.at("to")), ["fifo", "made", "moved", "old", "way"]);
        for (name, mode, mtime) in [("old", 0o600, 77), ("made", 0o711, 88)] {
            let stat = fs::metadata(disk.at("to").join(name)).expect("it is there");
            assert_eq!((stat.mode() & 0o7777, stat.mtime()), (mode, mtime), "{name}");
        }
        assert_eq!(fs::symlink_metadata(disk.at("to/moved")).expect("it is there").mtime(), 99);
    });
}

#[test]
fn owners_are_names_or_numbers() {
    on_all_shells(|disk, shell| {
        let ask = |user: &'static str, group: &'static str| -> Request<'static> {
            vec![b"i", user.as_bytes(), group.as_bytes()]
        };
        let requests = [
            ask("daemon", "adm"),
            ask("daemon", ""),
            ask("54321", "54321"),
            ask("54321", ""),
            ask("nobody-here", ""),
        ];
        let answers = disk.ask(shell, "", &requests);
        let lines: Vec<&str> = answers.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines[..3], ["ok 1 4", "ok 1 1", "ok 54321 54321"]);
        assert_eq!(faults(&answers[3..]), [Some(FileFault::Refused); 2], "{lines:?}");
    });
}
