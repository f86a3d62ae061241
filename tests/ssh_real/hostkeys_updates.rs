//! Keys that a host announces: what becomes of the files, beside the real `ssh`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use omnes::ask::{Answer, Ask, KeyOrigin, Nobody, Question};
use omnes::ssh::known_hosts::{self, Plan};
use omnes::ssh::{Connector, HostKeyPolicy, Keeping, KnownHosts, Names, Target, Tcp, Updates};
use tempfile::TempDir;

use crate::common::*;
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// A server with three keys, and somebody's files.
struct Lab {
    sshd: Sshd,
    dir: TempDir,
    other: String,
}

/// The files before a login.
#[derive(Clone, Debug, Default)]
struct Case {
    user: &'static str,
    second: &'static str,
    global: &'static str,
    updates: Updates,
    names: Names,
    policy: Option<HostKeyPolicy>,
}

impl Lab {
    fn new() -> Lab {
        let dir = TempDir::new().unwrap();
        let sshd = Sshd::builder().host_keys(&[KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa]).start();
        let other = keygen(KeyKind::Ed25519, &dir.path().join("other"));
        Lab { sshd, dir, other }
    }

    fn text(&self, text: &str) -> String {
        text.replace("{N}", &format!("[127.0.0.1]:{}", self.sshd.port()))
            .replace("{K}", self.sshd.host_key(KeyKind::Ed25519))
            .replace("{E}", self.sshd.host_key(KeyKind::Ecdsa))
            .replace("{R}", self.sshd.host_key(KeyKind::Rsa))
            .replace("{O}", &self.other)
    }

    /// The files of one side: the user's two and the global one.
    fn files(&self, side: &str, case: &Case) -> Vec<PathBuf> {
        let texts = [("user", case.user), ("second", case.second), ("global", case.global)];
        let write = |(name, text): (&str, &str)| {
            let path = self.dir.path().join(format!("{side}_{name}"));
            fs::write(&path, self.text(text)).unwrap();
            path
        };
        texts.map(write).to_vec()
    }

    fn theirs(&self, case: &Case) -> Vec<String> {
        let files = self.files("theirs", case);
        let mut command = Command::new(need("ssh", "openssh-client"));
        command.args(["-F", "none", "-p", &self.sshd.port().to_string(), "-i"]).arg(self.sshd.client_key());
        let policy = match case.policy {
            Some(HostKeyPolicy::AcceptNew) => "accept-new",
            _ => "yes",
        };
        for option in [
            format!("UserKnownHostsFile={} {}", files[0].display(), files[1].display()),
            format!("GlobalKnownHostsFile={}", files[2].display()),
            format!("StrictHostKeyChecking={policy}"),
            format!("HashKnownHosts={}", if case.names == Names::Hashed { "yes" } else { "no" }),
            format!("UpdateHostKeys={}", if case.updates == Updates::No { "no" } else { "yes" }),
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        let output = command.args([&format!("{}@127.0.0.1", user()), "true"]).output().unwrap();
        assert!(output.status.success(), "{case:?}: {output:?}");
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }

    async fn ours(&self, case: &Case, ask: Arc<dyn Ask>) -> Vec<String> {
        let files = self.files("ours", case);
        let target = Target {
            user_known_hosts: files[..2].to_vec(),
            global_known_hosts: files[2..].to_vec(),
            policy: case.policy.unwrap_or(HostKeyPolicy::Strict),
            keeping: Keeping { updates: case.updates, names: case.names, revoked: Vec::new() },
            ..target_of(&self.sshd)
        };
        let store = Arc::new(KnownHosts::new());
        let connector = Connector::new(Arc::new(Tcp), ask, store.clone());
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let link = connector.connect(&target, &()).await.unwrap_or_else(|error| panic!("{case:?}: {error}"));
        assert_eq!(run(&link, "echo ok").await.stdout, b"ok\n");
        // What there is to prove and to ask is over when its task is; only the writing goes on.
        wait_until("the announcement was dealt with", || tasks() <= before + 1).await;
        link.close().await;
        wait_until("all tasks have ended", || tasks() == before).await;
        wait_until("the files are written", || store.is_settled()).await;
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

#[tokio::test]
async fn files_are_brought_up_to_date_as_ssh_does() {
    let lab = Lab::new();
    let user = |user| Case { user, ..Case::default() };
    for (title, case, changes) in [
        ("two new ones", user("db {O}\n{N} {K}\n# end\n"), true),
        ("without a line end", user("{N} {K}"), true),
        ("an old one", user("{N} {K}\n{N} {E}\n{N} {R}\n{N} {O}\n"), true),
        ("an old one and a new one", user("{N} {O}\n{N} {K}\n{N} {E}\n"), true),
        ("all known", user("{N} {K}\n{N} {E}\n{N} {R}\n"), false),
        ("a pattern", user("[127.0.0.*]:* {K}\n"), false),
        ("two names", user("{N},web {K}\n"), true),
        ("three names", user("{N},web,db {K}\n"), false),
        ("an authority", user("{N} {K}\n@cert-authority {N} {O}\n"), false),
        ("a revocation", user("{N} {K}\n@revoked {N} {O}\n"), false),
        ("an authority of others", user("{N} {K}\n@cert-authority db {O}\n"), true),
        ("the key under another name", user("{N} {K}\ndb {K}\n"), false),
        ("a new one under another name", user("{N} {K}\ndb {E}\n"), false),
        ("an old one under another name", user("{N} {K}\n{N} {E}\n{N} {R}\n{N} {O}\ndb {O}\n"), false),
        ("a broken line", user("{N} {K}\n{N} ssh-rsa AAAA\n"), true),
        ("without the port", user("127.0.0.1 {K}\n"), false),
        ("switched off", Case { updates: Updates::No, ..user("{N} {K}\n") }, false),
        ("known by the second file", Case { user: "", second: "{N} {K}\n", ..Case::default() }, true),
        ("known by both", Case { user: "{N} {K}\n", second: "{N} {K}\n{N} {O}\n", ..Case::default() }, true),
        ("known globally", Case { user: "", global: "{N} {K}\n", ..Case::default() }, false),
        ("known globally too", Case { global: "{N} {K}\n", ..user("{N} {K}\n") }, true),
    ] {
        let theirs = lab.theirs(&case);
        let ours = lab.ours(&case, Arc::new(Nobody)).await;
        assert_eq!(ours, theirs, "{title}: ours | ssh's");
        let before = [case.user, case.second, case.global].map(|text| lab.text(text)).to_vec();
        assert_eq!(theirs != before, changes, "{title}");
    }
}

/// A key that was learned a moment ago without a question brings no others with it.
#[tokio::test]
async fn who_is_new_is_not_listened_to() {
    let lab = Lab::new();
    let case = Case { policy: Some(HostKeyPolicy::AcceptNew), ..Case::default() };
    let expected = lab.text("{N} {K}\n");
    assert_eq!(lab.ours(&case, Arc::new(Nobody)).await[0], expected);
    assert_eq!(lab.theirs(&case)[0], expected);
}

/// With `HashKnownHosts` each side reads what the other wrote, and ssh-keygen finds it and takes it out.
#[tokio::test]
async fn hashed_names_are_written_and_kept_up_to_date() {
    let lab = Lab::new();
    let new = Case { names: Names::Hashed, policy: Some(HostKeyPolicy::AcceptNew), ..Case::default() };
    let known = Case { names: Names::Hashed, ..Case::default() };
    let name = lab.text("{N}");
    for side in ["ours", "theirs"] {
        let mut text = match side {
            "ours" => lab.ours(&new, Arc::new(Nobody)).await.remove(0),
            _ => lab.theirs(&new).remove(0),
        };
        assert!(text.starts_with("|1|") && text.lines().count() == 1, "{text}");
        // The other side knows it, and adds the two further keys.
        let case = Case { user: text.leak(), ..known.clone() };
        text = match side {
            "ours" => lab.theirs(&case).remove(0),
            _ => lab.ours(&case, Arc::new(Nobody)).await.remove(0),
        };
        assert_eq!(text.lines().filter(|line| line.starts_with("|1|")).count(), 3, "{text}");
        let file = lab.dir.path().join("found");
        fs::write(&file, &text).unwrap();
        let keygen = |option: &str| {
            let mut command = Command::new(need("ssh-keygen", "openssh-client"));
            command.args([option, &name, "-f"]).arg(&file).output().unwrap()
        };
        let found = String::from_utf8(keygen("-F").stdout).unwrap();
        assert_eq!(found.matches("found: line").count(), 3, "{found}");
        assert!(keygen("-R").status.success());
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }
}

#[tokio::test]
async fn announced_keys_may_be_asked_about() {
    let lab = Lab::new();
    let case = Case { user: "{N} {K}\n", updates: Updates::Ask, ..Case::default() };
    let before = lab.text(case.user);
    for (answer, lines) in [(Answer::Accept, 3), (Answer::Refuse, 1)] {
        let said = answer.clone();
        let ask = Scripted::new(move |_, question| {
            let Question::HostKey(key) = question else { panic!("{question:?}") };
            assert_eq!((key.origin, key.algorithm != "ssh-ed25519"), (KeyOrigin::Announced, true));
            said.clone()
        });
        let files = lab.ours(&case, ask.clone()).await;
        assert_eq!(
            (files[0].lines().count(), ask.count()),
            (lines, if lines == 3 { 2 } else { 1 }),
            "{answer:?}"
        );
        assert!(files[0].starts_with(&before));
    }
    // Nobody can be asked: `ask` is `no`.
    assert_eq!(lab.ours(&case, Arc::new(Nobody)).await[0], before);
}

/// A replaced file keeps its mode, its place behind a link, and what it was beside it.
#[tokio::test]
async fn a_replaced_file_is_as_it_was_but_for_its_lines() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let case = Case { user: "# mine\n{N} {K}\n", ..Case::default() };
    let before = lab.text(case.user);
    let real = lab.dir.path().join("real");
    let link = lab.dir.path().join("ours_user");
    fs::write(&real, "").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let files = lab.ours(&case, Arc::new(Nobody)).await;
    assert_eq!(files[0].lines().count(), 4);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_to_string(lab.dir.path().join("real.old")).unwrap(), before);
}

/// Two thousand hosts announce new keys at once: the file is replaced once, not two thousand times.
#[test]
fn the_changes_of_a_fleet_are_written_together() {
    let dir = TempDir::new().unwrap();
    let key = |name: &str| keygen(KeyKind::Ed25519, &dir.path().join(name));
    let (old, new) = (key("old"), key("new"));
    let blob = |key: &str| STANDARD.decode(key.split_once(' ').unwrap().1).unwrap();
    let file = dir.path().join("known_hosts");
    let lines = |key: &str| -> String { (0..2000).map(|n| format!("host{n} {key}\n")).collect() };
    fs::write(&file, lines(&old) + "other ssh-what\n").unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let target = |n: usize| Target {
        key_name: format!("host{n}"),
        user_known_hosts: vec![file.clone()],
        ..Target::bare(omnes::hosts::Host::new(None, &format!("host{n}"), None), "127.0.0.1", 22, "ann")
    };
    let store = KnownHosts::new();
    // The very same key stands under other names here, so nothing would be planned; carrying out is what is looked at.
    assert_eq!(store.plan_update(&target(0), &blob(&old), &[blob(&new)]), Plan::Nothing);
    let writers: Vec<bool> = (0..2000).map(|n| store.update(&target(n), vec![blob(&new)])).collect();
    assert!(writers[0] && !writers[1..].contains(&true), "one writes for all");
    assert!(!store.is_settled());
    store.write_updates();
    assert!(store.is_settled());
    assert_eq!(fs::read_to_string(&file).unwrap(), "other ssh-what\n".to_owned() + &lines(&new));
    let backup = fs::read_to_string(dir.path().join("known_hosts.old")).unwrap();
    assert!(backup == before, "what stands in the backup was there before the first replacement");
    assert_eq!(store.check(&target(1999), &blob(&new)).unwrap(), known_hosts::Verdict::Known);
    // Nothing is ever put in the place of /dev/null.
    let nowhere = Target { user_known_hosts: vec!["/dev/null".into()], ..target(0) };
    assert!(store.update(&nowhere, vec![blob(&new)]));
    store.write_updates();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}
