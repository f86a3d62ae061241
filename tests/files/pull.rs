//! Files of hosts brought here, and compared: what stands here afterwards, what is said, and what a host that lies gains.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};

use omnes::demo::{Fault, Faults, FilesFault};
use serde_json::Value;

use super::ground::Ground;
use super::*;

/// All that lies below a folder, by its path: `d`, `l` and what a link says, or `f` and the content.
pub(super) fn below(folder: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let kind = fs::symlink_metadata(&path).expect("it is there").file_type();
            let name = path.strip_prefix(folder).expect("below").as_os_str().as_bytes().to_vec();
            let what = if kind.is_dir() {
                waiting.push(path);
                b"d".to_vec()
            } else if kind.is_symlink() {
                [b"l", fs::read_link(&path).expect("a link").as_os_str().as_bytes()].concat()
            } else {
                [b"f".to_vec(), fs::read(&path).expect("a file")].concat()
            };
            found.insert(name, what);
        }
    }
    found
}

pub(super) fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub(super) fn of_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn a_tree_comes_from_a_real_host_as_it_is_there_and_only_once() {
    let ground = Ground::real();
    let tree = ground.path("tree");
    fs::create_dir_all(tree.join("deep/er")).expect("folders");
    fs::create_dir(tree.join("empty")).expect("a folder");
    fs::write(tree.join("a"), "one\n").expect("a file");
    fs::write(tree.join("deep/er/large"), vec![b'l'; 3_000_000]).expect("a file");
    let odd: Vec<Vec<u8>> = (1..=255u8).filter(|b| !b"/.".contains(b)).map(|b| vec![b]).collect();
    for name in &odd {
        fs::write(tree.join("deep").join(std::ffi::OsStr::from_bytes(name)), name).expect("a file");
    }
    symlink("/etc/passwd", tree.join("link")).expect("a link");
    let fifo = Command::new("mkfifo").arg(tree.join("pipe")).status().expect("mkfifo runs");
    assert!(fifo.success());
    let suid = Command::new("chmod").arg("6755").arg(tree.join("a")).status().expect("chmod runs");
    assert!(suid.success());
    let from = format!("real:{}", tree.display());
    let first = ground.run("pull", &[&from, "--to", "out"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let said = text(&first.stderr);
    assert!(said.contains("pipe: a device, FIFO or socket, passed over"), "{said}");
    assert!(said.contains("link: a link, passed over"), "{said}");
    let mut expected = below_but(&tree, &[b"link", b"pipe"]);
    assert_eq!(below(&ground.path("out/real/tree")), expected);
    assert_eq!(expected.len(), 5 + odd.len());
    let (there, here) = (tree.join("a"), ground.path("out/real/tree/a"));
    let (there, here) = (fs::metadata(there).expect("there"), fs::metadata(here).expect("here"));
    assert_eq!((here.mtime(), here.mode() & 0o7000), (there.mtime(), 0));
    let again = ground.run("pull", &[&from, "--to", "out", "--links"]);
    let said = text(&again.stderr);
    assert!(said.contains("real: 1 sent (0 B)") || said.contains("1 sent"), "only the link is new: {said}");
    expected.insert(b"link".to_vec(), b"l/etc/passwd".to_vec());
    assert_eq!(below(&ground.path("out/real/tree")), expected);
    let third = ground.run("pull", &[&from, "--to", "out", "--checksum"]);
    assert!(text(&third.stderr).contains("unchanged"), "{}", text(&third.stderr));
}

/// The same without these names.
fn below_but(folder: &Path, without: &[&[u8]]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names: Vec<PathBuf> = Vec::new();
    for name in without {
        names.push(folder.join(std::ffi::OsStr::from_bytes(name)));
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if names.contains(&path) {
            continue;
        }
        let name = path.file_name().expect("a name").as_bytes().to_vec();
        if path.is_dir() {
            let inner = below(&path).into_iter();
            found.extend(inner.map(|(rest, what)| ([name.clone(), b"/".to_vec(), rest].concat(), what)));
            found.insert(name, b"d".to_vec());
        } else {
            found.insert(name, [b"f".to_vec(), fs::read(&path).expect("a file")].concat());
        }
    }
    found
}

#[test]
fn each_host_has_its_own_place_and_two_hosts_never_one() {
    let ground = Ground::scripted(3, Faults::none());
    for name in ["demo01", "demo02", "demo03"] {
        ground.disk(name).put("/data/app.log", format!("of {name}\n"), (0o600, 1_700_000_000));
    }
    let from = format!("{}:/data/app.log", ground.fleet().expression());
    let output = ground.run("pull", &[&from, "--to", "logs/{host}.log"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let files = below(&ground.path("logs"));
    assert_eq!(files.len(), 3);
    assert_eq!(files[b"demo02.log".as_slice()], b"fof demo02\n");
    let stat = fs::metadata(ground.path("logs/demo03.log")).expect("it is there");
    assert_eq!((stat.mtime(), stat.mode() & 0o777), (1_700_000_000, 0o600));
    let clash = ground.run("pull", &[&from, "--to", "logs/all-{count}.log"]);
    let said = text(&clash.stderr);
    assert_eq!(clash.status.code(), Some(2), "{said}");
    assert!(said.contains("would both come to logs/all-3.log"), "{said}");
    for name in ["demo01", "demo02", "demo03"] {
        assert_eq!(ground.disk(name).asked("/data/app.log").opens, 1, "the second pull contacted nobody");
    }
    let plan = ground.run("pull", &[&from, "--to", "other", "--plan"]);
    assert!(text(&plan.stdout).contains("other/demo01/app.log"), "{}", text(&plan.stdout));
    assert!(!ground.path("other").exists());
}

#[test]
fn a_host_that_lies_gains_nothing_and_is_told() {
    let cases = [
        (FilesFault::HostileNames, "odd-server"),
        (FilesFault::NamedTwice, "odd-server"),
        (FilesFault::EndlessListing, "odd-server"),
        (FilesFault::EmptyPages, "odd-server"),
        (FilesFault::EndlessDepth, "refused"),
        (FilesFault::SaysMore, "odd-server"),
        (FilesFault::SaysLess, "exited"),
        (FilesFault::NoSubsystem, "no-sftp"),
        (FilesFault::Noise, "odd-server"),
        (FilesFault::HugePacket, "odd-server"),
    ];
    let faults = cases.iter().enumerate();
    let faults = faults.fold(Faults::none(), |all, (at, (fault, _))| all.with(at + 1, Fault::Files(*fault)));
    let ground = Ground::scripted(cases.len(), faults);
    let names: Vec<String> = ground.fleet().names().map(str::to_owned).collect();
    for name in &names {
        ground.disk(name).put("/data/x", "fifteen bytes..", (0o644, 7));
    }
    let from = format!("{}:/data", ground.fleet().expression());
    let output = ground.run("pull", &[&from, "--to", "in/out", "--links", "--output", "json"]);
    let lines = lines(&output);
    let outcomes = of_event(&lines, "outcome");
    for (name, (fault, word)) in names.iter().zip(cases) {
        let outcome = outcomes.iter().find(|line| line["host"] == name.as_str()).expect("one for each");
        assert_eq!(outcome["outcome"], word, "{fault:?}: {outcome}");
    }
    assert_eq!(output.status.code(), Some(1));
    let top: Vec<_> = fs::read_dir(ground.path("in")).expect("a folder").collect();
    assert_eq!(top.len(), 1, "nothing stands beside the folder that was named");
    let all = below(&ground.path("in/out"));
    assert!(all.keys().all(|path| path.starts_with(b"demo")), "and nothing in it beside the hosts");
    let refused: Vec<&Value> = of_event(&lines, "output")
        .into_iter()
        .filter(|line| line["host"] == names[0].as_str() && line["stream"] == "stderr")
        .collect();
    let refused: usize =
        refused.iter().map(|line| line["data"].as_str().map_or(0, |data| data.lines().count())).sum();
    assert!(refused >= 15, "{refused} names are told");
    let less = ground.path(&format!("in/out/{}/data/x", names[6]));
    assert_eq!(fs::metadata(less).expect("its beginning").len(), 10);
    for entry in fs::read_dir(ground.path("in/out")).expect("a folder") {
        let found = below(&entry.expect("an entry").path());
        assert!(!found.keys().any(|path| path.ends_with(b".part")), "no temporary file stays");
    }
}

#[test]
fn a_link_that_is_lost_is_no_failure_of_the_files_and_the_next_pull_goes_on() {
    let faults = Faults::none().with(1, Fault::Files(FilesFault::DiesAfter(250_000)));
    let ground = Ground::scripted(1, faults);
    for n in 0..40 {
        ground.disk("demo01").put(format!("/data/f{n}"), vec![b'x'; 10_000], (0o644, 7));
    }
    let mut pulls = 0;
    loop {
        let output = ground.run("pull", &["demo01:/data", "--to", "out", "--output", "json"]);
        pulls += 1;
        let lines = lines(&output);
        let outcome = &of_event(&lines, "outcome")[0]["outcome"];
        let here = below(&ground.path("out"));
        assert!(!here.keys().any(|path| path.ends_with(b".part")));
        if outcome == "exited" {
            break;
        }
        assert_eq!((outcome, output.status.code()), (&"unreachable".into(), Some(3)), "never: not known");
        assert!(pulls < 20, "each brings some");
    }
    assert!(pulls > 1, "the link did die");
    let here = below(&ground.path("out/demo01/data"));
    assert_eq!(here.len(), 40);
    assert!(here.values().all(|file| file.len() == 10_001));
}

#[test]
fn what_all_have_alike_is_one_copy_and_who_differs_is_said() {
    let ground = Ground::scripted(4, Faults::none());
    for (n, name) in ["demo01", "demo02", "demo03", "demo04"].into_iter().enumerate() {
        let disk = ground.disk(name);
        disk.put("/data/same", "all\n", (0o640, 100 + n as i64));
        disk.put("/data/differs", if n == 2 { "odd\n" } else { "usual\n" }, (0o644, 7));
        if n != 3 {
            disk.put("/data/some", "not on the last\n", (0o644, 7));
        }
    }
    let from = format!("{}:/data", ground.fleet().expression());
    let output = ground.run("pull", &[&from, "--to", "one", "--same", "--diff"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert_eq!(below(&ground.path("one")).into_keys().collect::<Vec<_>>(), [&b"data"[..], b"data/same"]);
    let stat = fs::metadata(ground.path("one/data/same")).expect("it is there");
    assert_eq!((stat.mtime(), stat.mode() & 0o777), (100, 0o640), "of all times the earliest");
    assert!(said.contains("  demo[01-02,04] (3): 6 bytes"), "{said}");
    assert!(said.contains("--- demo[01-02,04]\n+++ demo03\n@@ -1 +1 @@\n-usual\n+odd\n"), "{said}");
    assert!(said.contains("  demo04 (1): missing"), "{said}");
    assert!(said.contains("4 entries, 2 the same, 2 not"), "{said}");
}

#[test]
fn which_host_has_which_version_is_told_and_nothing_is_written() {
    let ground = Ground::scripted(5, Faults::none());
    for (name, content) in [("demo01", "a\n"), ("demo02", "b\n"), ("demo03", "a\n"), ("demo04", "a\n")] {
        ground.disk(name).put("/etc/app.conf", content, (0o644, 7));
    }
    let from = format!("{}:/etc/app.conf", ground.fleet().expression());
    let before = below(ground.home());
    let output = ground.run("diff", &[&from, "--no-journal"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let digests: Vec<String> = ["a\n", "b\n"]
        .map(|text| omnes::demo::sha256(text.as_bytes()))
        .map(|sum| hex(&sum)[..12].to_owned())
        .to_vec();
    let expected = format!(
        "/etc/app.conf: 3 versions\n  demo[01,03-04] (3): 2 bytes, sha256 {}, most\n  demo02 (1): 2 bytes, sha256 {}\n  demo05 (1): missing\n\
         --- demo[01,03-04]\n+++ demo02\n@@ -1 +1 @@\n-a\n+b\n",
        digests[0], digests[1]
    );
    assert_eq!(said, expected);
    assert_eq!(below(ground.home()), before, "nothing is written");
    fs::write(ground.path("golden"), "a\n").expect("a file");
    let some = "demo[01,03]:/etc/app.conf";
    assert_eq!(ground.run("diff", &[some, "--against", "golden"]).status.code(), Some(0));
    let against =
        ground.run("diff", &["demo[01-02]:/etc/app.conf", "--against", "demo02", "--output", "json"]);
    let lines = lines(&against);
    let versions = of_event(&lines, "version");
    assert_eq!((versions.len(), &versions[1]["reference"]), (2, &true.into()), "{lines:?}");
    assert_eq!(against.status.code(), Some(1));
    let nowhere = ground.run("diff", &["demo[01-02]:/etc/nothing"]);
    assert_eq!(nowhere.status.code(), Some(1), "who has nothing does not agree");
    let unknown = ground.run("diff", &[some, "--against", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
