//! Our verdicts on host keys beside those of the real `ssh`, given the same file and the same server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

pub mod support;

#[path = "known_hosts_parity/many.rs"]
mod many;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use omnes::hosts::Host;
use omnes::ssh::known_hosts::{KnownHosts, StoreError, Verdict};
use omnes::ssh::{HostKeyPolicy, Overrides, Request, Resolver, SshConfig, Target, UserEnvironment};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::need;
use support::sshd::{KeyKind, Sshd, keygen};
use tempfile::TempDir;

/// A server, the keys that the files are made of, and a directory for the files.
struct Lab {
    sshd: Sshd,
    dir: TempDir,
    other: String,
    other_ecdsa: String,
    other_rsa: String,
    numbers: AtomicUsize,
}

/// Which files a case has, and under which name the host is looked for.
#[derive(Clone, Debug, Default)]
struct Case {
    title: &'static str,
    /// `HostKeyAlias`; where empty, the host is looked for as `[127.0.0.1]:PORT`.
    alias: &'static str,
    user: String,
    global: String,
}

impl Lab {
    fn new(keys: &[KeyKind]) -> Lab {
        let dir = TempDir::new().unwrap();
        Lab {
            sshd: Sshd::builder().host_keys(keys).start(),
            other: keygen(KeyKind::Ed25519, &dir.path().join("other")),
            other_ecdsa: keygen(KeyKind::Ecdsa, &dir.path().join("other_ecdsa")),
            other_rsa: keygen(KeyKind::Rsa, &dir.path().join("other_rsa")),
            dir,
            numbers: AtomicUsize::new(0),
        }
    }

    /// The bytes of a file: `{K}` is the server's key, `{O}` another one, `{E}` and `{R}` others of other types,
    /// `{B}` and `{C}` the server's and another blob alone, `{P}` the port, `{H:name}` a name hashed by ssh-keygen,
    /// `{FF}` and `{00}` single bytes.
    fn file(&self, text: &str) -> Vec<u8> {
        let key = self.sshd.host_key(KeyKind::Ed25519);
        let port = self.sshd.port().to_string();
        let mut text = text
            .replace("{K}", key)
            .replace("{O}", &self.other)
            .replace("{E}", &self.other_ecdsa)
            .replace("{R}", &self.other_rsa)
            .replace("{B}", key.split_once(' ').unwrap().1)
            .replace("{C}", self.other.split_once(' ').unwrap().1)
            .replace("{P}", &port);
        while let Some((before, after)) = text.split_once("{H:") {
            let (name, after) = after.split_once('}').unwrap();
            text = format!("{before}{}{after}", self.hashed(name));
        }
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            let special =
                [(&b"{FF}"[..], 0xff), (b"{00}", 0)].into_iter().find(|(mark, _)| rest.starts_with(mark));
            let (byte, tail) = special.map_or((first, tail), |(mark, byte)| (byte, &rest[mark.len()..]));
            bytes.push(byte);
            rest = tail;
        }
        bytes
    }

    fn hashed(&self, name: &str) -> String {
        let file = self.path("hash");
        fs::write(&file, format!("{name} {}\n", self.other)).unwrap();
        let keygen = need("ssh-keygen", "openssh-client");
        let output = Command::new(keygen).args(["-H", "-f"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(&file).unwrap().split(' ').next().unwrap().to_owned()
    }

    /// A path that nobody has used.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}{}", self.numbers.fetch_add(1, Ordering::Relaxed)))
    }

    /// Writes the files of a case; gives the `-o` options that name them.
    fn options(&self, case: &Case) -> Vec<String> {
        let (user, global) = (self.path("user"), self.path("global"));
        fs::write(&user, self.file(&case.user)).unwrap();
        fs::write(&global, self.file(&case.global)).unwrap();
        let mut options = vec![
            format!("Port={}", self.sshd.port()),
            format!("UserKnownHostsFile={}", user.display()),
            format!("GlobalKnownHostsFile={}", global.display()),
        ];
        if !case.alias.is_empty() {
            options.push(format!("HostKeyAlias={}", case.alias));
        }
        options
    }

    /// Asks both; panics where they differ.
    fn compare(&self, case: &Case) -> String {
        let options = self.options(case);
        let theirs = ssh(&options, "127.0.0.1");
        let ours = ours(&target(&options, "127.0.0.1"), self.sshd.host_key(KeyKind::Ed25519));
        assert_eq!(ours, theirs, "ours | ssh's, in case `{}`: {case:?} with {options:?}", case.title);
        theirs
    }
}

/// What the real ssh says of the server's key.
fn ssh(options: &[String], host: &str) -> String {
    let mut command = Command::new(need("ssh", "openssh-client"));
    command.args([
        "-F",
        "none",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=20",
    ]);
    command.args(["-o", "PreferredAuthentications=none", "-o", "CheckHostIP=no", "-o", "UpdateHostKeys=no"]);
    options.iter().for_each(|option| {
        command.args(["-o", option]);
    });
    let output = command.args([host, "true"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let verdicts = [
        ("REVOKED HOST KEY DETECTED", "revoked"),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "changed"),
        ("host key is known for", "unknown"),
        ("Permission denied", "known"),
    ];
    let verdict = verdicts.iter().find(|(text, _)| said.contains(text));
    verdict.unwrap_or_else(|| panic!("ssh said neither yes nor no: {said}")).1.to_owned()
}

fn target(options: &[String], host: &str) -> Target {
    let overrides = Overrides::new(None, None, Vec::new(), options).unwrap();
    let environment = UserEnvironment::of_process();
    let resolver = Resolver::new(SshConfig::default(), overrides, environment, HostKeyPolicy::Strict);
    resolver.resolve(&Request::new(Host::new(None, host, None))).unwrap().target
}

fn blob(key: &str) -> Vec<u8> {
    STANDARD.decode(key.split_once(' ').unwrap().1).unwrap()
}

fn ours(target: &Target, key: &str) -> String {
    name(&KnownHosts::new().check(target, &blob(key)).unwrap()).to_owned()
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Known => "known",
        Verdict::Unknown => "unknown",
        Verdict::Changed { .. } => "changed",
        Verdict::Revoked { .. } => "revoked",
    }
}

/// Runs `work` on every item, two at a time: the machine is not ours alone.
fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    thread::scope(|scope| {
        scope.spawn(worker);
        scope.spawn(worker);
    });
}

/// Title, alias, the user's file, and the verdict that is expected of both.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// The cases in which a russh client and ssh were found to differ, and the plain ones beside them.
const CLASSIC: [Row; 21] = [
    ("revoked", "web", "@revoked web {K}\n", "revoked"),
    ("listed and revoked", "web", "web {K}\n@revoked * {K}\n", "revoked"),
    ("wildcard line with another key", "web.example.org", "*.example.org {O}\n", "changed"),
    ("file in upper case, other key", "web.example.org", "WEB.Example.ORG {O}\n", "changed"),
    ("host in upper case, other key", "WEB.example.org", "web.example.org {O}\n", "changed"),
    ("tab as separator, other key", "web", "web\t{O}\n", "changed"),
    ("leading blank, other key", "web", "  web {O}\n", "changed"),
    ("key of another type", "web", "web {E}\n", "changed"),
    ("wildcard line", "web.example.org", "*.example.org {K}\n", "known"),
    ("two keys for a host", "web", "web {O}\nweb {K}\n", "known"),
    ("the name without the port", "", "127.0.0.1 {K}\n", "known"),
    ("double blank", "web", "web  ssh-ed25519  {B}\n", "known"),
    ("a byte that is not UTF-8", "web", "# caf{FF}\nweb {K} caf{FF}\n", "known"),
    ("a bad key line", "web", "web ssh-ed25519 AAAA!\nweb {K}\n", "known"),
    ("same", "web", "web {K}\n", "known"),
    ("changed", "web", "web {O}\n", "changed"),
    ("unknown", "web", "db {K}\n", "unknown"),
    ("hashed", "web", "{H:web} {K}\n", "known"),
    ("negated", "web.example.org", "*.example.org,!web.example.org {K}\n", "unknown"),
    ("port", "", "[127.0.0.1]:{P} {K}\n", "known"),
    ("authority", "web", "@cert-authority web {K}\n", "unknown"),
];

/// More of the same kind.
const OWN: [Row; 52] = [
    ("hashed with the port", "", "{H:[127.0.0.1]:{P}} {K}\n", "known"),
    ("hashed, changed", "web", "{H:web} {O}\n", "changed"),
    ("hashed without the port", "", "{H:127.0.0.1} {K}\n", "known"),
    ("another port", "", "[127.0.0.1]:1 {K}\n", "unknown"),
    ("port, changed", "", "[127.0.0.1]:{P} {O}\n", "changed"),
    ("port changed, plain name right", "", "[127.0.0.1]:{P} {O}\n127.0.0.1 {K}\n", "changed"),
    ("plain name changed, port unknown", "", "127.0.0.1 {O}\n", "unknown"),
    ("plain name revoked, port unknown", "", "@revoked 127.0.0.1 {K}\n", "revoked"),
    ("plain name revoked, port known", "", "[127.0.0.1]:{P} {K}\n@revoked 127.0.0.1 {K}\n", "known"),
    ("IPv6 address", "::1", "::1 {K}\n", "known"),
    ("IPv6 address and port", "[::1]:2200", "[::1]:2200 {K}\n", "known"),
    ("list of names", "web", "db,web,10.0.0.1 {K}\n", "known"),
    ("list with empty names", "web", ",,web, {K}\n", "known"),
    ("question marks", "web1", "we?? {K}\n", "known"),
    ("negation alone", "web", "!db {K}\n", "unknown"),
    ("negation after a match", "web", "web,!w* {K}\n", "unknown"),
    ("negation and another line", "web", "*,!web {O}\nweb {K}\n", "known"),
    ("star for all", "anything", "* {K}\n", "known"),
    ("brackets are no class", "web1", "web[0-9] {K}\n", "unknown"),
    ("no final line end", "web", "web {K}", "known"),
    ("foreign line ends", "web", "db {O}\r\nweb {K}\r\n", "known"),
    ("line ends of old Macs", "web", "web {K}\rdb {O}\r", "unknown"),
    ("comment after the key", "web", "web {K} me@there # x\n", "known"),
    ("comment instead of a key", "web", "web # {K}\n", "unknown"),
    ("commented line", "web", "#web {K}\n", "unknown"),
    ("commented line, indented", "web", " \t#web {K}\n", "unknown"),
    ("name alone", "web", "web\n", "unknown"),
    ("algorithm alone", "web", "web ssh-ed25519\n", "unknown"),
    ("unknown algorithm", "web", "web ssh-what {B}\n", "unknown"),
    ("algorithm of another key", "web", "web ssh-rsa {B}\n", "unknown"),
    ("algorithm by its short name", "web", "web ED25519 {C}\n", "unknown"),
    ("key with bits, of protocol 1", "web", "web 1024 65537 1234567890\n", "unknown"),
    ("bytes after the blob", "web", "web {K}AAAA\n", "unknown"),
    ("other type and the right key", "web", "web {E}\nweb {R}\nweb {K}\n", "known"),
    ("other types only", "web", "web {E}\nweb {R}\n", "changed"),
    ("revoked key of another", "web", "@revoked web {O}\nweb {K}\n", "known"),
    ("revoked for another name", "web", "@revoked db {K}\nweb {K}\n", "known"),
    ("revoked by a pattern", "web", "web {K}\n@revoked w* {K}\n", "revoked"),
    ("revoked and hashed", "web", "@revoked {H:web} {K}\n", "revoked"),
    ("revoked, tabs only", "web", "web {K}\n@revoked\tweb\tssh-ed25519\t{B}\n", "revoked"),
    ("revoked, a tab then a blank", "web", "web {K}\n@revoked\tweb {K}\n", "known"),
    ("marker in upper case", "web", "@REVOKED web {K}\n", "unknown"),
    ("unknown marker", "web", "@what web {K}\n", "unknown"),
    ("two markers", "web", "@revoked @revoked web {K}\n", "unknown"),
    ("authority and a plain key", "web", "@cert-authority * {O}\nweb {K}\n", "known"),
    ("hash of another scheme", "web", "|2|AAAA|AAAA {K}\n", "unknown"),
    ("hash with a short salt", "web", "|1|AAAA|AAAA {O}\n", "unknown"),
    ("hash within a list", "web", "{H:web},web {O}\n", "unknown"),
    ("NUL in a name", "web", "web{00}x {O}\n", "unknown"),
    ("NUL in a comment", "web", "web {K} x{00}y\n", "known"),
    ("byte order mark", "web", "\u{feff}web {K}\n", "unknown"),
    ("empty", "web", "", "unknown"),
];

fn rows_agree(lab: &Lab, rows: &[Row]) {
    each(rows, |&(title, alias, user, expected)| {
        let case = Case { title, alias, user: user.to_owned(), global: String::new() };
        assert_eq!(lab.compare(&case), expected, "{title}");
    });
}

#[test]
fn the_classic_cases_agree() {
    rows_agree(&Lab::new(&[KeyKind::Ed25519]), &CLASSIC);
}

#[test]
fn our_own_cases_agree() {
    rows_agree(&Lab::new(&[KeyKind::Ed25519]), &OWN);
}

#[test]
fn user_and_global_files_are_one() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let rows = [
        ("global only", "", "web {K}\n", "known"),
        ("changed by the user, known globally", "web {O}\n", "web {K}\n", "known"),
        ("known by the user, changed globally", "web {K}\n", "web {O}\n", "known"),
        ("known by the user, revoked globally", "web {K}\n", "@revoked * {K}\n", "revoked"),
        ("changed globally", "db {K}\n", "web {O}\n", "changed"),
    ];
    each(&rows, |&(title, user, global, expected)| {
        let case = Case { title, alias: "web", user: user.to_owned(), global: global.to_owned() };
        assert_eq!(lab.compare(&case), expected, "{title}");
    });
}

/// Files put together at random from lines that mean something, and from broken ones.
#[test]
fn random_files_agree() {
    const SEED: u64 = 20_261_121;
    const HOSTS: [&str; 12] =
        ["web", "WEB", "w*", "?eb", "*", "!web", "*,!w*", "db,web", "{H:web}", "{H:db}", "web,,", "[web]:22"];
    const KEYS: [&str; 9] =
        ["{K}", "{K} note", "{O}", "{E}", "{R}", "ssh-rsa {B}", "ssh-ed25519\t{B}", "ssh-ed25519 {B}=", ""];
    const MARKERS: [&str; 9] = ["", "", "", "", "", "@revoked ", "@cert-authority ", "@revoked\t", "@odd "];
    const BLANKS: [&str; 4] = [" ", " ", "\t", " \t "];
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut pick = |words: &[&'static str]| words[random.random_range(0..words.len())];
    let mut line = || {
        let start = pick(&["", "", "", " ", "#"]);
        let end = pick(&["\n", "\n", "\n", "\r\n"]);
        format!("{start}{}{}{}{}{end}", pick(&MARKERS), pick(&HOSTS), pick(&BLANKS), pick(&KEYS))
    };
    let cases: Vec<Case> = (0..80)
        .map(|number| Case {
            title: "random",
            alias: "web",
            user: (0..1 + number % 4).map(|_| line()).collect(),
            global: if number % 3 == 0 { line() } else { String::new() },
        })
        .collect();
    let verdicts = std::sync::Mutex::new(std::collections::BTreeMap::<String, usize>::new());
    each(&cases, |case| {
        *verdicts.lock().unwrap().entry(lab.compare(case)).or_default() += 1;
    });
    // A generator that always gives the same verdict would prove nothing.
    let verdicts = verdicts.into_inner().unwrap();
    assert!(verdicts.len() == 4 && verdicts.values().all(|&count| count >= 5), "{verdicts:?}");
}

#[test]
fn a_host_that_is_named_agrees() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    for (host, line, expected) in [
        ("LOCALHOST", "[localhost]:{P} {K}\n", "known"),
        ("localhost", "[LocalHost]:{P} {O}\n", "changed"),
        ("127.1", "[127.0.0.1]:{P} {K}\n", "known"),
        ("0177.0.0.1", "[127.0.0.1]:{P} {O}\n", "changed"),
    ] {
        let options = lab.options(&Case { user: line.to_owned(), ..Case::default() });
        assert_eq!(ssh(&options, host), expected, "ssh, {host}");
        assert_eq!(ours(&target(&options, host), lab.sshd.host_key(KeyKind::Ed25519)), expected, "{host}");
    }
}

/// A server with several keys is asked for one that the file holds, so that no question arises.
#[test]
fn the_known_types_come_first() {
    let lab = Lab::new(&[KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa]);
    let ecdsa = lab.sshd.host_key(KeyKind::Ecdsa).to_owned();
    let rsa = lab.sshd.host_key(KeyKind::Rsa).to_owned();
    for (line, types, key) in [
        (format!("web {ecdsa}\n"), vec!["ecdsa-sha2-nistp256"], &ecdsa),
        (format!("web {rsa}\n"), vec!["ssh-rsa"], &rsa),
        (format!("web {rsa}\nWEB {ecdsa}\n"), vec!["ssh-rsa", "ecdsa-sha2-nistp256"], &ecdsa),
    ] {
        let options = lab.options(&Case { alias: "web", user: line, ..Case::default() });
        let target = target(&options, "127.0.0.1");
        assert_eq!(KnownHosts::new().algorithms_for(&target), types);
        // Where a certificate may decide, its types are asked for before all others.
        let file = &target.user_known_hosts[0];
        fs::write(file, fs::read_to_string(file).unwrap() + &format!("@revoked w* {}\n", lab.other)).unwrap();
        let with_certificates = KnownHosts::new().algorithms_for(&target);
        let (certificates, plain) = with_certificates.split_at(6);
        assert!(certificates.iter().all(|name| name.ends_with("-cert-v01@openssh.com")), "{certificates:?}");
        assert_eq!(plain, types);
        assert_eq!(ours(&target, key), "known");
        assert_eq!(ssh(&options, "127.0.0.1"), "known");
    }
}

/// What we append, ssh reads back as known; what ssh appends, we do.
#[test]
fn each_knows_what_the_other_learned() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let key = lab.sshd.host_key(KeyKind::Ed25519);
    for alias in ["", "Web"] {
        let options = lab.options(&Case { alias, user: format!("db {}", lab.other), ..Case::default() });
        let target = target(&options, "127.0.0.1");
        let store = KnownHosts::new();
        assert_eq!(name(&store.check(&target, &blob(key)).unwrap()), "unknown");
        store.learn(&target, &blob(key)).unwrap();
        assert_eq!(name(&store.check(&target, &blob(key)).unwrap()), "known");
        assert_eq!(ssh(&options, "127.0.0.1"), "known");

        let options = lab.options(&Case { alias, ..Case::default() });
        let accept = [options.as_slice(), &["StrictHostKeyChecking=accept-new".to_owned()]].concat();
        ssh_learns(&accept);
        assert_eq!(ours(&self::target(&options, "127.0.0.1"), key), "known");
    }
}

fn ssh_learns(options: &[String]) {
    let mut command = Command::new(need("ssh", "openssh-client"));
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none"]);
    options.iter().for_each(|option| {
        command.args(["-o", option]);
    });
    let output = command.args(["127.0.0.1", "true"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Permanently added"), "{said}");
}

/// Two hundred new hosts, learned by four stores (each as a process has it) and by real `ssh`s at once, with a file
/// that lacks its last line end: every line is whole, once, and what was there is untouched.
#[test]
fn many_learn_at_once() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let key = blob(lab.sshd.host_key(KeyKind::Ed25519));
    let old: String = (0..5000).map(|n| format!("old{n}.example.org {}\n", lab.other)).collect();
    let old = old.trim_end();
    let options = lab.options(&Case { user: old.to_owned(), ..Case::default() });
    let file = target(&options, "127.0.0.1").user_known_hosts[0].clone();
    let new = |n: usize| {
        let mut options = options.clone();
        options.push(format!("HostKeyAlias=new{n}.example.org"));
        options
    };
    thread::scope(|scope| {
        for store in 0..4 {
            let (new, key) = (&new, &key);
            scope.spawn(move || {
                let store_of_process = KnownHosts::new();
                // Neighbours learn the same hosts in the opposite order.
                (0..200).for_each(|n| {
                    let target = target(&new(if store % 2 == 0 { n } else { 199 - n }), "127.0.0.1");
                    store_of_process.learn(&target, key).unwrap();
                    assert_eq!(store_of_process.check(&target, key).unwrap(), Verdict::Known);
                });
            });
        }
        scope.spawn(|| {
            (200..210).for_each(|n| {
                let mut options = new(n);
                options.push("StrictHostKeyChecking=accept-new".to_owned());
                ssh_learns(&options);
            });
        });
    });
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_at(old.len());
    assert!(before == old, "old lines were changed");
    let mut learned: Vec<&str> = after.lines().filter(|line| !line.is_empty()).collect();
    learned.sort_unstable();
    let mut expected: Vec<String> =
        (0..210).map(|n| format!("new{n}.example.org {}", lab.sshd.host_key(KeyKind::Ed25519))).collect();
    expected.sort_unstable();
    assert_eq!(learned, expected);
    assert!(text.ends_with('\n'));
}

/// Another process learned another key for the host between our check and our learning.
#[test]
fn a_conflict_is_not_appended() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let key = blob(lab.sshd.host_key(KeyKind::Ed25519));
    let options = lab.options(&Case { alias: "web", user: "db {O}\n".to_owned(), ..Case::default() });
    let target = target(&options, "127.0.0.1");
    let file = &target.user_known_hosts[0];
    let store = KnownHosts::new();
    assert_eq!(store.check(&target, &key).unwrap(), Verdict::Unknown);
    fs::write(file, format!("db {0}\nweb {0}\n", lab.other)).unwrap();
    let before = fs::read(file).unwrap();
    let error = store.learn(&target, &key).unwrap_err();
    assert!(
        matches!(&error, StoreError::Conflict(why) if why.contains("ssh-keygen -R 'web' -f '")),
        "{error}"
    );
    assert_eq!(fs::read(file).unwrap(), before);

    // The command that the sentence names mends it, by putting a new file in the old one's place.
    let keygen = need("ssh-keygen", "openssh-client");
    assert!(Command::new(keygen).args(["-R", "web", "-f"]).arg(file).output().unwrap().status.success());
    store.learn(&target, &key).unwrap();
    assert_eq!(store.check(&target, &key).unwrap(), Verdict::Known);
    assert_eq!(ssh(&options, "127.0.0.1"), "known");
}

#[test]
fn a_missing_file_is_made_for_the_user_alone() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(".ssh/known_hosts");
    let key = keygen(KeyKind::Ed25519, &dir.path().join("key"));
    let target = target(&[format!("UserKnownHostsFile={}", file.display())], "web");
    let store = KnownHosts::new();
    assert_eq!(store.check(&target, &blob(&key)).unwrap(), Verdict::Unknown);
    store.learn(&target, &blob(&key)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("web {key}\n"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
}

/// A name that would be a pattern, several names or a marker never becomes a line.
#[test]
fn a_name_with_a_meaning_is_not_kept() {
    let dir = TempDir::new().unwrap();
    let key = keygen(KeyKind::Ed25519, &dir.path().join("key"));
    let file = dir.path().join("known_hosts");
    for alias in ["*", "a,b", "a b", "!a", "@revoked", "|1|x", "#a", "a?"] {
        let options = [format!("UserKnownHostsFile={}", file.display()), format!("HostKeyAlias=\"{alias}\"")];
        let error = KnownHosts::new().learn(&target(&options, "web"), &blob(&key)).unwrap_err();
        assert!(matches!(error, StoreError::NotKept(_)), "{alias}: {error}");
    }
    assert!(!file.exists());
}

#[test]
fn a_file_that_cannot_be_read_refuses() {
    let dir = TempDir::new().unwrap();
    let key = blob(&keygen(KeyKind::Ed25519, &dir.path().join("key")));
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let large = dir.path().join("large");
    fs::File::create(&large).unwrap().set_len((256 << 20) + 1).unwrap();
    let directory = dir.path().join("directory");
    fs::create_dir(&directory).unwrap();
    for (file, why) in
        [(fifo, "not a regular file"), (large, "larger than 256 MB"), (directory, "a directory")]
    {
        for option in ["UserKnownHostsFile", "GlobalKnownHostsFile"] {
            let target = target(&[format!("{option}={}", file.display())], "web");
            let store = KnownHosts::new();
            let error = store.check(&target, &key).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(file.to_str().unwrap()), "{error}");
            if option.starts_with("User") {
                assert!(store.learn(&target, &key).is_err());
            }
        }
    }
    // A missing file is fine, and so is none.
    let options =
        ["UserKnownHostsFile=none".to_owned(), format!("GlobalKnownHostsFile={}/no", dir.path().display())];
    assert_eq!(KnownHosts::new().check(&target(&options, "web"), &key).unwrap(), Verdict::Unknown);
    assert!(KnownHosts::new().learn(&target(&options, "web"), &key).is_err());
}

/// A run reads each file once: what somebody writes later matters to the next run.
#[test]
fn a_file_is_read_once_a_run() {
    let lab = Lab::new(&[KeyKind::Ed25519]);
    let key = blob(lab.sshd.host_key(KeyKind::Ed25519));
    let options = lab.options(&Case { alias: "web", user: "web {K}\n".to_owned(), ..Case::default() });
    let target = target(&options, "127.0.0.1");
    let store = KnownHosts::new();
    assert_eq!(store.check(&target, &key).unwrap(), Verdict::Known);
    fs::remove_file(&target.user_known_hosts[0]).unwrap();
    assert_eq!(store.check(&target, &key).unwrap(), Verdict::Known);
    assert_eq!(KnownHosts::new().check(&target, &key).unwrap(), Verdict::Unknown);
}
