//! `omnes push` to Debian's sshd: files and trees that arrive whole, once, and as they were asked for.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lab::Lab;
use crate::support::sshd::Sshd;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// A server that has SFTP, in one of Debian's two ways.
pub(crate) fn server(subsystem: &str) -> Sshd {
    Sshd::builder().option(&format!("Subsystem sftp {subsystem}")).start()
}

/// A laboratory of hosts with SFTP, and a folder that stands for their disks: hosts share this machine, so each has its own
/// folder in it.
pub(crate) struct Fleet {
    pub(crate) lab: Lab,
    pub(crate) disk: TempDir,
}

impl Fleet {
    pub(crate) fn new(names: &[&str]) -> Fleet {
        let kinds = ["internal-sftp", "/usr/lib/openssh/sftp-server"];
        let servers = names.iter().enumerate().map(|(n, _)| server(kinds[n % 2])).collect();
        Fleet::of(names, servers)
    }

    pub(crate) fn of(names: &[&str], servers: Vec<Sshd>) -> Fleet {
        let lab = Lab::of(servers);
        let keys: Vec<PathBuf> = lab.servers.iter().map(Sshd::client_key).collect();
        lab.name(names, &keys);
        lab.trust();
        let disk = TempDir::new().unwrap();
        fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Fleet { lab, disk }
    }

    /// The place `NAME` on each host's disk, as an argument.
    pub(crate) fn to(&self, name: &str) -> String {
        format!("lab:{}/{{host}}{name}", self.disk.path().display())
    }

    /// A file of a host.
    pub(crate) fn at(&self, host: &str, name: &str) -> PathBuf {
        self.disk.path().join(host).join(name)
    }

    /// A file here.
    pub(crate) fn here(&self, name: &str, text: &str) -> String {
        self.lab.write(name, text);
        self.lab.path(name).display().to_string()
    }

    pub(crate) fn push(&self, words: &[&str]) -> Told {
        Told::of(&self.lab.run(&[&["push"], words].concat()))
    }
}

/// What omnes said.
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    pub(crate) fn of(output: &Output) -> Told {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The JSON lines of an event.
    pub(crate) fn lines(&self, event: &str) -> Vec<serde_json::Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }

    /// Of each host: how many were sent, unchanged and failed.
    fn counts(&self) -> Vec<(u64, u64, u64)> {
        let number = |line: &serde_json::Value, field: &str| line[field].as_u64().unwrap();
        let counts = |line| (number(line, "sent"), number(line, "unchanged"), number(line, "failed"));
        self.lines("files").iter().map(counts).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All names below a folder, with what links say.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            match fs::symlink_metadata(&path).unwrap().file_type() {
                kind if kind.is_symlink() => {
                    names.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
                }
                kind if kind.is_dir() => {
                    names.push(format!("{name}/"));
                    folders.push(path);
                }
                _ => names.push(name),
            }
        }
    }
    names.sort();
    names
}

#[test]
fn a_file_arrives_once_and_a_second_push_moves_nothing() {
    let fleet = Fleet::new(&["web1", "web2", "web3"]);
    let app = fleet.here("app.conf", "port 80\n");
    let told = fleet.push(&[&app, &fleet.to("/"), "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(1, 0, 0); 3]), "{}{}", told.out, told.err);
    for host in ["web1", "web2", "web3"] {
        assert_eq!(text(&fleet.at(host, "app.conf")), "port 80\n");
        assert_eq!(
            fs::metadata(fleet.at(host, "app.conf")).unwrap().mtime(),
            fs::metadata(&app).unwrap().mtime()
        );
        assert_eq!(names(&fleet.disk.path().join(host)), ["app.conf"], "nothing is left beside it");
    }
    let before = fs::metadata(fleet.at("web2", "app.conf")).unwrap().ino();
    let told = fleet.push(&[&app, &fleet.to("/"), "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(0, 1, 0); 3]), "{}", told.err);
    let bytes: u64 = told.lines("files").iter().map(|line| line["bytes"].as_u64().unwrap()).sum();
    assert_eq!((bytes, fs::metadata(fleet.at("web2", "app.conf")).unwrap().ino()), (0, before));
    // The same size and time, and another content: only --checksum finds it.
    let time = fs::metadata(&app).unwrap().modified().unwrap();
    fs::write(&app, "port 81\n").unwrap();
    fs::File::options().write(true).open(&app).unwrap().set_modified(time).unwrap();
    assert_eq!(fleet.push(&[&app, &fleet.to("/"), "--output", "json"]).counts(), vec![(0, 1, 0); 3]);
    let told = fleet.push(&[&app, &fleet.to("/"), "--checksum", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(1, 0, 0); 3]), "{}", told.err);
    assert_eq!(text(&fleet.at("web3", "app.conf")), "port 81\n");
    // As people read it.
    let told = fleet.push(&[&app, "--to", &fleet.to("/app.conf")]);
    let expected = "omnes: web[1-3]: 0 sent (0 B), 1 unchanged\nomnes: 3 ok: web[1-3]\n";
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (0, "", expected));
}

#[test]
fn a_tree_arrives_as_it_is_here() {
    let fleet = Fleet::new(&["web1", "web2"]);
    for n in 0..300 {
        fleet.here(&format!("site/pages/{}/page {n}.html", n % 7), &format!("page {n}"));
    }
    fleet.here("site/run.sh", "#!/bin/sh\n");
    fleet.here("site/skip.o", "x");
    fs::create_dir(fleet.lab.path("site/empty")).unwrap();
    symlink("pages/0", fleet.lab.path("site/current")).unwrap();
    symlink("/nonexistent", fleet.lab.path("site/dangling")).unwrap();
    fs::set_permissions(fleet.lab.path("site/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let site = fleet.lab.path("site").display().to_string();
    fs::create_dir(fleet.disk.path().join("web2")).unwrap();
    let told = fleet.push(&[&site, &fleet.to(""), "--exclude", "*.o", "--preserve", "--output", "json"]);
    // 301 files, 9 folders and the tree itself, 2 links.
    assert_eq!((told.code, told.counts()), (0, vec![(313, 0, 0); 2]), "{}{}", told.out, told.err);
    let mut here = names(&fleet.lab.path("site"));
    here.retain(|name| name != "skip.o");
    for host in ["web1", "web2"] {
        assert_eq!(names(&fleet.at(host, "site")), here, "{host}");
        assert_eq!(mode(&fleet.at(host, "site/run.sh")), 0o750);
        assert_eq!(text(&fleet.at(host, "site/pages/3/page 3.html")), "page 3");
        let time = |path: &Path| fs::metadata(path).unwrap().mtime();
        assert_eq!(time(&fleet.at(host, "site/pages")), time(&fleet.lab.path("site/pages")));
    }
    let told = fleet.push(&[&site, &fleet.to(""), "--exclude", "*.o", "-P", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(0, 301, 0); 2]), "{}", told.err);
    // One that changed, one that is new, and a link that says something else.
    fleet.here("site/pages/1/page 1.html", "another page");
    fleet.here("site/new", "new");
    fs::remove_file(fleet.lab.path("site/current")).unwrap();
    symlink("pages/1", fleet.lab.path("site/current")).unwrap();
    let told = fleet.push(&[&site, &fleet.to(""), "--exclude", "*.o", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(3, 300, 0); 2]), "{}", told.err);
    assert_eq!(fs::read_link(fleet.at("web1", "site/current")).unwrap(), Path::new("pages/1"));
}

#[test]
fn modes_and_old_contents_are_what_was_asked_for() {
    let fleet = Fleet::new(&["web1", "web2"]);
    let conf = fleet.here("conf/app.conf", "new\n");
    fleet.here("conf/other.conf", "other\n");
    for host in ["web1", "web2"] {
        fs::create_dir(fleet.disk.path().join(host)).unwrap();
        fs::write(fleet.at(host, "app.conf"), "what was there\n").unwrap();
        fs::set_permissions(fleet.at(host, "app.conf"), fs::Permissions::from_mode(0o604)).unwrap();
    }
    let all = format!("{}/.", fleet.lab.path("conf").display());
    let told = fleet.push(&[&all, &fleet.to("/"), "--backup", ".bak", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(2, 0, 0); 2]), "{}{}", told.out, told.err);
    assert_eq!(names(&fleet.disk.path().join("web1")), ["app.conf", "app.conf.bak", "other.conf"]);
    assert_eq!(
        (text(&fleet.at("web2", "app.conf")), text(&fleet.at("web2", "app.conf.bak"))),
        ("new\n".into(), "what was there\n".into())
    );
    assert_eq!(mode(&fleet.at("web1", "app.conf")), 0o604, "what stood there keeps its mode");
    // The mode of what is unchanged is set too, and nothing is sent for it.
    let told = fleet.push(&[&all, &fleet.to("/"), "--mode", "0640", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(0, 2, 0); 2]), "{}", told.err);
    assert_eq!((mode(&fleet.at("web1", "app.conf")), mode(&fleet.at("web2", "other.conf"))), (0o640, 0o640));
    // A second change takes the place of the first backup.
    fs::write(&conf, "newest\n").unwrap();
    assert_eq!(fleet.push(&[&all, &fleet.to("/"), "--backup", ".bak"]).code, 0);
    assert_eq!(
        (text(&fleet.at("web1", "app.conf")), text(&fleet.at("web1", "app.conf.bak"))),
        ("newest\n".into(), "new\n".into())
    );
}

#[test]
fn whose_files_become_is_foreseen_and_nothing_is_setuid_for_another() {
    // Only root can give files away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let fleet = Fleet::new(&["web1"]);
    let tool = fleet.here("tool", "#!/bin/sh\n");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::create_dir(fleet.disk.path().join("web1")).unwrap();
    let to = fleet.to("/");
    let there = fleet.at("web1", "tool");
    assert_eq!(fleet.push(&[&tool, &to, "--preserve"]).code, 0);
    assert_eq!(mode(&there), 0o4755, "what is ours stays ours");
    let given: &[&str] = &[&tool, &to, "--preserve", "--owner", "1:1"];
    let told = fleet.push(&[given, &["--plan"]].concat());
    let owner = format!("owner      {}", there.display());
    assert!(told.out.contains(&owner), "{}{}", told.out, told.err);
    let told = fleet.push(given);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!((fs::metadata(&there).unwrap().uid(), mode(&there)), (1, 0o755));
}

#[test]
fn each_host_gets_its_own_file_by_template_or_by_name() {
    let fleet = Fleet::new(&["web1", "web2", "web3"]);
    let conf = fleet.here("app.conf", "name {host}\nnumber {n} of {count}\n{{brace}}\n");
    // Before anything is there, the plan says so, and changes nothing.
    let told = fleet.push(&[&conf, &fleet.to("/"), "--template", "--plan"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out.starts_with("plan for 3 hosts; they are looked at, and nothing is changed there\n"),
        "{}",
        told.out
    );
    assert!(told.out.contains("+name web2\n") && told.out.contains("+{brace}\n"), "{}", told.out);
    assert_eq!(fs::read_dir(fleet.disk.path()).unwrap().count(), 0);
    let told = fleet.push(&[&conf, &fleet.to("/"), "--template", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(1, 0, 0); 3]), "{}{}", told.out, told.err);
    assert_eq!(text(&fleet.at("web2", "app.conf")), "name web2\nnumber 2 of 3\n{brace}\n");
    assert_eq!(
        fleet.push(&[&conf, &fleet.to("/"), "--template", "--output", "json"]).counts(),
        vec![(0, 1, 0); 3]
    );
    // Same size, same time, another content there: it is found.
    let there = fleet.at("web3", "app.conf");
    let time = fs::metadata(&there).unwrap().modified().unwrap();
    fs::write(&there, text(&there).replace("web3", "wxb3")).unwrap();
    fs::File::options().write(true).open(&there).unwrap().set_modified(time).unwrap();
    let told = fleet.push(&[&conf, &fleet.to("/"), "--template", "--plan"]);
    assert!(told.out.contains("-name wxb3\n+name web3\n"), "{}", told.out);
    assert!(told.out.contains("web[1-2] (2)") && text(&there).contains("wxb3"), "{}", told.out);
    assert_eq!(fleet.push(&[&conf, &fleet.to("/"), "--template"]).code, 0);
    assert!(text(&there).contains("web3"));
    // What cannot be filled in is an error before anything is contacted.
    let bad = fleet.here("bad.conf", "{nothing}");
    let told = fleet.push(&[&bad, &fleet.to("/"), "--template"]);
    assert!(told.code == 2 && told.err.contains("bad.conf:1:1"), "{}", told.err);
    for host in ["web1", "web2", "web3"] {
        fleet.here(&format!("keys/{host}"), &format!("key of {host}"));
    }
    let keys = fleet.lab.path("keys").display().to_string();
    let told = fleet.push(&["--map", &keys, "--to", &fleet.to("/key")]);
    assert_eq!((told.code, text(&fleet.at("web3", "key"))), (0, "key of web3".to_owned()), "{}", told.err);
    fs::remove_file(fleet.lab.path("keys/web2")).unwrap();
    let told = fleet.push(&["--map", &keys, "--to", &fleet.to("/key")]);
    assert!(told.code == 2 && told.err.contains("no file of the name of web2"), "{}", told.err);
}

#[test]
fn what_keeps_a_file_from_its_place_has_a_class_and_the_rest_arrives() {
    let fleet = Fleet::new(&["web1", "web2"]);
    fleet.here("conf/a", "a");
    fleet.here("conf/d/x", "x");
    fleet.here("conf/z", "z");
    fs::create_dir_all(fleet.at("web1", "a")).unwrap();
    fs::write(fleet.at("web1", "d"), "a file in the way").unwrap();
    let all = format!("{}/.", fleet.lab.path("conf").display());
    let told = fleet.push(&[&all, &fleet.to("/"), "--output", "json"]);
    assert_eq!(told.code, 1, "{}", told.err);
    let ends = told.lines("outcome");
    let one = ends.iter().find(|line| line["host"] == "web1").unwrap();
    assert_eq!(
        (&one["outcome"], &one["class"], &one["files"]),
        (&"is-directory".into(), &"failed".into(), &3.into())
    );
    assert_eq!(
        (text(&fleet.at("web1", "z")), text(&fleet.at("web1", "d"))),
        ("z".into(), "a file in the way".into())
    );
    assert_eq!(names(&fleet.disk.path().join("web2")), ["a", "d/", "d/x", "z"]);
    // The budget counts it as failed, and the rest is not begun.
    let told =
        fleet.push(&[&all, &fleet.to("/"), "--waves", "1", "--max-fail", "failed=0", "--output", "json"]);
    assert_eq!(told.code, 5, "{}", told.err);
    assert_eq!(
        told.lines("outcome").iter().filter(|line| line["outcome"] == "not-started").count(),
        1,
        "{}",
        told.out
    );
    // A folder that the place lies in is not made.
    let told = fleet.push(&[&all, &fleet.to("/no/such/place"), "--output", "json"]);
    assert_eq!((told.code, &told.lines("outcome")[0]["outcome"]), (1, &"missing".into()), "{}", told.out);
}

#[test]
fn a_full_disk_leaves_what_was_there_and_says_so() {
    if !rustix::process::getuid().is_root() {
        eprintln!("only root can mount a small disk for this test; it was not run");
        return;
    }
    let fleet = Fleet::new(&["web1"]);
    let disk = fleet.disk.path().join("web1");
    fs::create_dir(&disk).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(&disk).status().unwrap();
    assert!(mounted.success(), "no small disk could be mounted");
    fs::write(disk.join("big"), "old").unwrap();
    let big = fleet.here("big", &"x".repeat(2 << 20));
    let told = fleet.push(&[&big, &fleet.to("/"), "--output", "json"]);
    let (old, left) = (text(&disk.join("big")), names(&disk));
    let _ = Command::new("umount").arg(&disk).status();
    assert_eq!(
        (told.code, &told.lines("outcome")[0]["outcome"]),
        (1, &"no-space".into()),
        "{}{}",
        told.out,
        told.err
    );
    assert_eq!((old, left), ("old".into(), vec!["big".to_owned()]));
}

#[test]
fn a_push_that_was_killed_goes_on_and_leaves_nothing_behind() {
    let fleet = Fleet::new(&["web1", "web2", "web3"]);
    for n in 0..40 {
        fleet.here(&format!("tree/{n:02}"), &format!("{n} ").repeat(40_000));
    }
    let tree = fleet.lab.path("tree").display().to_string();
    let path = std::env::var("PATH").unwrap();
    let mut child = Command::new(OMNES)
        .args(["push", &tree, &fleet.to(""), "-f", "1", "--output", "json"])
        .env_clear()
        .env("HOME", fleet.lab.home.path())
        .env("PATH", path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first host is done, and the second has begun: something of it is there.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"outcome\"") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_begun =
        || fs::read_dir(fleet.at("web2", "tree")).is_ok_and(|mut entries| entries.next().is_some());
    while !is_begun() {
        assert!(Instant::now() < deadline, "the second host is never begun");
        // A folder of somebody else tells nobody when it changes.
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = out.read_to_string(&mut String::new());
    // Whatever is there under its own name is whole.
    for entry in fs::read_dir(fleet.at("web2", "tree")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with('.') {
            assert_eq!(text(&path), text(&fleet.lab.path(&format!("tree/{name}"))), "{name}");
        }
    }
    let told = fleet.push(&["--resume", "last", "--output", "json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(told.lines("outcome").len(), 2, "the first host is done: {}", told.err);
    for host in ["web1", "web2", "web3"] {
        assert_eq!(names(&fleet.at(host, "tree")), names(&fleet.lab.path("tree")), "{host}");
    }
    let told = fleet.push(&["--resume", "last"]);
    assert!(told.code == 0 && told.err.contains("nothing left to do"), "{}", told.err);
    // Another content would not be the same push.
    fleet.here("tree/00", "changed");
    let told = fleet.push(&[&tree, &fleet.to(""), "-x", "web[2-3]", "--waves", "1"]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn a_host_without_sftp_is_pushed_to_by_its_shell() {
    let fleet = Fleet::of(&["web1"], vec![Sshd::builder().option("Subsystem sftp /nonexistent").start()]);
    let app = fleet.here("app.conf", "port 80\n");
    let told = fleet.push(&[&app, &fleet.to("/"), "--output", "json"]);
    assert_eq!((told.code, &told.lines("outcome")[0]["outcome"]), (1, &"no-sftp".into()), "{}", told.out);
    assert!(told.out.contains("--via shell"), "{}", told.out);
    let told = fleet.push(&[&app, &fleet.to("/"), "--via", "shell", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(1, 0, 0)]), "{}{}", told.out, told.err);
    assert_eq!(text(&fleet.at("web1", "app.conf")), "port 80\n");
    let told = fleet.push(&[&app, &fleet.to("/"), "--via", "shell", "--output", "json"]);
    assert_eq!((told.code, told.counts()), (0, vec![(0, 1, 0)]), "{}", told.err);
}

#[test]
fn a_host_that_allows_one_session_is_pushed_to_by_one_shell_after_the_other() {
    let server = Sshd::builder().option("Subsystem sftp /nonexistent").option("MaxSessions 1").start();
    let fleet = Fleet::of(&["web1"], vec![server]);
    for n in 0..20 {
        fleet.here(&format!("conf/f{n:02}"), &format!("{n}\n"));
    }
    let conf = fleet.lab.path("conf").display().to_string();
    fs::create_dir(fleet.disk.path().join("web1")).unwrap();
    let told = fleet.push(&[&conf, &fleet.to("/"), "--via", "shell"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(names(&fleet.at("web1", "conf")).len(), 20);
}

#[test]
fn what_shrinks_is_compressed_on_the_way() {
    let fleet = Fleet::of(
        &["web1"],
        vec![Sshd::builder().option("Subsystem sftp internal-sftp").option("LogLevel DEBUG1").start()],
    );
    let text_file = fleet.here("words", &"the same words again and again\n".repeat(50_000));
    let told = fleet.push(&[&text_file, &fleet.to("/"), "--compress"]);
    assert_eq!((told.code, told.err.contains("not compressed")), (0, false), "{}", told.err);
    fleet.lab.servers[0].wait_for_log("compression: zlib@openssh.com");
    assert_eq!(text(&fleet.at("web1", "words")).len(), 31 * 50_000);
    let noise: Vec<u8> = (0u32..200_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(fleet.lab.path("noise"), noise).unwrap();
    let noise = fleet.lab.path("noise").display().to_string();
    let told = fleet.push(&[&noise, &fleet.to("/"), "--compress"]);
    assert!(told.code == 0 && told.err.contains("hardly shrinks, so it is not compressed"), "{}", told.err);
}
