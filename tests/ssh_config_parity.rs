//! What our reader makes of ssh_config, beside `ssh -G`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

pub mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use omnes::hosts::Host;
use omnes::ssh::{CONNECT_TIMEOUT, ConnectError, HostKeyPolicy, Overrides, Request, Resolved, Way};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::config::{environment, resolver_of};
use support::need;
use tempfile::TempDir;

/// What `ssh -G` prints, or what it says is wrong.
fn ssh_g(file: &Path, options: &[String], host: &str) -> Result<HashMap<String, Vec<String>>, String> {
    let mut command = Command::new(need("ssh", "openssh-client"));
    let output = command.arg("-G").args(options).arg("-F").arg(file).arg(host).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let mut values: HashMap<String, Vec<String>> = HashMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        values.entry(keyword.to_owned()).or_default().push(value.to_owned());
    }
    Ok(values)
}

/// Panics where our target is not what `ssh -G` says.
fn same(ours: &Resolved, theirs: &HashMap<String, Vec<String>>, what: &str) {
    let target = &ours.target;
    let one = |keyword: &str| theirs.get(keyword).map_or("", |values| values[0].as_str());
    let words = |paths: &[PathBuf]| match paths {
        [] => "none".to_owned(),
        paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "),
    };
    assert_eq!(target.address, one("hostname"), "HostName, {what}");
    assert_eq!(target.port.to_string(), one("port"), "Port, {what}");
    assert_eq!(target.user, one("user"), "User, {what}");
    let only = if target.identities_only { "yes" } else { "no" };
    assert_eq!(only, one("identitiesonly"), "IdentitiesOnly, {what}");
    let said = |keyword: &str| !matches!(one(keyword), "no" | "false");
    let preferred = |way: &str| {
        one("preferredauthentications").is_empty()
            || one("preferredauthentications").split(',').any(|listed| listed == way)
    };
    let keys = said("pubkeyauthentication") && preferred("publickey");
    assert_eq!(target.logins.keys == Way::Open, keys, "PubkeyAuthentication, {what}");
    let passwords = said("passwordauthentication") && preferred("password") && !said("batchmode");
    assert_eq!(target.logins.passwords == Way::Open, passwords, "PasswordAuthentication, {what}");
    assert_eq!(target.logins.questions == Way::Open, !said("batchmode"), "BatchMode, {what}");
    assert_eq!(words(&target.user_known_hosts), one("userknownhostsfile"), "UserKnownHostsFile, {what}");
    assert_eq!(
        words(&target.global_known_hosts),
        one("globalknownhostsfile"),
        "GlobalKnownHostsFile, {what}"
    );
    let name = match one("hostkeyalias") {
        "" => one("hostname"),
        alias => alias,
    };
    assert_eq!(target.key_name, name.to_ascii_lowercase(), "HostKeyAlias, {what}");
    let qualified = one("hostkeyalias").is_empty() && one("port") != "22";
    assert_eq!(target.key_port, qualified.then_some(target.port), "the port beside the name, {what}");
    let policy = match one("stricthostkeychecking") {
        "true" => HostKeyPolicy::Strict,
        "ask" if said("batchmode") => HostKeyPolicy::Strict,
        "ask" => HostKeyPolicy::Ask,
        "accept-new" | "false" => HostKeyPolicy::AcceptNew,
        other => panic!("StrictHostKeyChecking {other}"),
    };
    assert_eq!(target.policy, policy, "StrictHostKeyChecking, {what}");
    let timeout = match one("connecttimeout") {
        "none" | "0" => CONNECT_TIMEOUT,
        seconds => Duration::from_secs(seconds.parse().unwrap()),
    };
    assert_eq!(target.connect_timeout, timeout, "ConnectTimeout, {what}");
    let agent = match one("identityagent") {
        "" => std::env::var("SSH_AUTH_SOCK").ok(),
        "none" => None,
        path => Some(path.to_owned()),
    };
    assert_eq!(target.agent.as_ref().map(|path| path.display().to_string()), agent, "IdentityAgent, {what}");
    let files = theirs["identityfile"].iter().filter(|file| *file != "none").map(PathBuf::from);
    match target.identities_configured {
        true => assert_eq!(target.identities, files.collect::<Vec<_>>(), "IdentityFile, {what}"),
        false => assert_eq!(one("identityfile"), "~/.ssh/id_rsa", "IdentityFile, {what}"),
    }
}

/// A writer of configurations, good ones and some with a bad line.
struct Writer {
    random: StdRng,
}

impl Writer {
    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.random.random_range(0..words.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn setting(&mut self) -> (&'static str, &'static str) {
        const SETTINGS: [(&str, &[&str]); 20] = [
            ("HostName", &["%h", "%h.example.org", "10.1.2.3", "127.1", "Alpha", "0:0::1", "a%%b", "%h%h"]),
            ("User", &["deploy", "root", "a.b", "%h", "x y"]),
            ("Port", &["22", "2200", "022", "65535"]),
            ("IdentityFile", &["/k/one", "/k/two", "/k/with blank", "none"]),
            ("IdentitiesOnly", &["yes", "no", "TRUE"]),
            ("IdentityAgent", &["none", "/a/%h-%p-%r", "~/agent %n", "${HOME}/%C", "/a/%%%d/%i/%u/%l/%L/%k"]),
            ("HostKeyAlias", &["Alias", "%h-x", "web1"]),
            ("UserKnownHostsFile", &["/u/1", "~/u/%h", "none", "/u/%k.%n", "${HOME}/u %p"]),
            ("GlobalKnownHostsFile", &["/g/1", "none", "/g/%h"]),
            ("StrictHostKeyChecking", &["yes", "no", "off", "ask", "Accept-New"]),
            ("ConnectTimeout", &["5", "1m", "1h2m3s", "0", "none"]),
            ("PubkeyAuthentication", &["yes", "no", "unbound", "host-bound"]),
            ("PasswordAuthentication", &["yes", "No"]),
            ("PreferredAuthentications", &["publickey", "keyboard-interactive,password", "gssapi-with-mic"]),
            ("BatchMode", &["yes", "no"]),
            ("ProxyJump", &["none", "bastion"]),
            ("ProxyCommand", &["none", "nc %h"]),
            ("ForwardAgent", &["yes", "no"]),
            ("SendEnv", &["LANG"]),
            ("ServerAliveInterval", &["15"]),
        ];
        // The first ones are worth more tries.
        let at = self.random.random_range(0..SETTINGS.len() + 4) % SETTINGS.len();
        let (keyword, values) = SETTINGS[at];
        (keyword, self.pick(values))
    }

    fn line(&mut self) -> String {
        let (keyword, value) = self.setting();
        let keyword = match self.random.random_range(0..3) {
            0 => keyword.to_ascii_uppercase(),
            1 => keyword.to_ascii_lowercase(),
            _ => keyword.to_owned(),
        };
        let files = keyword.to_ascii_lowercase().contains("knownhosts");
        let value = match self.random.random_range(0..4) {
            0 => format!("\"{value}\""),
            1 => format!("'{value}'"),
            // Where several words may stand, blanks divide.
            _ if value.contains(' ') && !files => value.replace(' ', "\\ "),
            _ => value.to_owned(),
        };
        let start = self.pick(&["", "  ", "\t"]);
        let between = self.pick(&[" ", " ", "\t", "=", " = ", "= "]);
        let end = self.pick(&["", "", " ", " # note", "\r"]);
        format!("{start}{keyword}{between}{value}{end}\n")
    }

    fn block(&mut self) -> String {
        const HOSTS: [&str; 16] = [
            "web1",
            "web*",
            "*",
            "!web1 *",
            "* !db-?",
            "db-?",
            "*.example.org",
            "WEB1",
            "10.0.*",
            "web1 db-2",
            "\"web1\"",
            "web1,db-2",
            "!*",
            "x.example.org !x.*",
            "?eb1",
            "**1",
        ];
        const MATCHES: [&str; 6] = [
            "all",
            "host web*",
            "originalhost=db-2",
            "!host web1",
            "host 10.1.* user root",
            "localuser nobody",
        ];
        if self.chance(12) {
            return format!("{} {}\n", self.pick(&["Match", "match"]), self.pick(&MATCHES));
        }
        format!(
            "{}{}{}\n",
            self.pick(&["Host", "HOST", " host"]),
            self.pick(&[" ", "=", "\t"]),
            self.pick(&HOSTS)
        )
    }

    /// A file; at `depth` below 2 it may include others, which are written into `dir`.
    fn file(&mut self, dir: &Path, depth: usize) -> String {
        const BAD: [&str; 10] = [
            "Prot 22",
            "Port none",
            "User a b",
            "User \"a",
            "Host",
            "IdentitiesOnly maybe",
            "ConnectTimeout soon",
            "UserKnownHostsFile /a none",
            "Match bogus",
            "StrictHostKeyChecking never",
        ];
        let mut text = String::new();
        for _ in 0..self.random.random_range(2..9) {
            match self.random.random_range(0..10) {
                0 => text.push_str(self.pick(&["# note\n", "\n", "  \t\n", "#\n"])),
                1..=3 => text.push_str(&self.block()),
                4 if depth < 2 => {
                    let prefix = format!("inc{}", self.random.random_range(0..u32::MAX));
                    for number in 0..self.random.random_range(0..3) {
                        let included = self.file(dir, depth + 1);
                        fs::write(dir.join(format!("{prefix}-{number}")), included).unwrap();
                    }
                    let name = self.pick(&["*", "?", "-[01]", "-0"]).trim_start_matches('-');
                    text.push_str(&format!("Include {}/{prefix}-{name}\n", dir.display()));
                }
                _ => text.push_str(&self.line()),
            }
        }
        if self.chance(4) {
            text.push_str(&format!("{}\n", self.pick(&BAD)));
        }
        text
    }

    /// Options of the command line, as ssh and as we take them.
    fn options(&mut self) -> (Vec<String>, Overrides) {
        let (mut words, mut options, mut user, mut port) = (Vec::new(), Vec::new(), None, None);
        if self.chance(15) {
            user = Some("ell".to_owned());
            words.extend(["-l".to_owned(), "ell".to_owned()]);
        }
        if self.chance(15) {
            port = Some(2222);
            words.extend(["-p".to_owned(), "2222".to_owned()]);
        }
        for _ in 0..self.random.random_range(0..3) {
            let (keyword, value) = self.setting();
            if keyword.starts_with("Proxy")
                || keyword == "IdentityAgent"
                || keyword.starts_with('S') && keyword != "StrictHostKeyChecking"
                || keyword == "ForwardAgent"
            {
                continue;
            }
            let option = format!("{keyword}={}\"{value}\"", self.pick(&["", " "]));
            words.extend(["-o".to_owned(), option.clone()]);
            options.push(option);
        }
        (words, Overrides::new(user, port, Vec::new(), &options).unwrap())
    }
}

/// The files of a directory, for messages.
fn all(dir: &Path) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| format!("--- {}\n{}", file.display(), fs::read_to_string(file).unwrap()))
        .collect()
}

fn proxied(values: &HashMap<String, Vec<String>>) -> bool {
    values.contains_key("proxyjump") || values.contains_key("proxycommand")
}

/// The first line that `ssh` complains about, as `file:line`.
fn complaint(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains(" line "))?;
    let (file, rest) = line.split_once(" line ")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("{}:{number}", file.trim_end_matches(':')))
}

#[test]
fn generated_files_resolve_as_with_ssh_g() {
    const SEED: u64 = 42;
    const HOSTS: [&str; 5] = ["web1", "db-2", "WEB1", "10.0.0.7", "x.example.org"];
    let environment = environment();
    let mut writer = Writer { random: StdRng::seed_from_u64(SEED) };
    let (mut equal, mut refused, mut doubtful, mut wrong) = (0, 0, 0, 0);
    for number in 0..100 {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("config");
        let text = writer.file(dir.path(), 0);
        fs::write(&file, &text).unwrap();
        let (options, overrides) = writer.options();
        let ours = resolver_of(&file, overrides, environment.clone());
        for host in HOSTS {
            let what = format!("config {number}, host {host}, {options:?}:\n{}", all(dir.path()));
            match (&ours, ssh_g(&file, &options, host)) {
                (Ok(ours), Ok(theirs)) => match ours.resolve(&Request::new(Host::new(None, host, None))) {
                    Ok(ours) => {
                        assert!(!proxied(&theirs), "not refused: {what}");
                        same(&ours, &theirs, &what);
                        equal += 1;
                    }
                    Err(ConnectError::Unsupported(why)) if why.starts_with("Proxy") => {
                        assert!(proxied(&theirs), "{why}: {what}");
                        refused += 1;
                    }
                    Err(ConnectError::Unsupported(why)) if why.contains("Match") => doubtful += 1,
                    Err(error) => panic!("{error}: {what}"),
                },
                (Err(ours), Err(theirs)) => {
                    let place = complaint(&theirs).unwrap_or_else(|| panic!("{theirs}: {what}"));
                    assert!(ours.starts_with(&format!("{place}: ")), "{ours} | {theirs} | {what}");
                    wrong += 1;
                }
                (Err(error), Ok(_)) => panic!("only we say {error}: {what}"),
                (Ok(_), Err(error)) => panic!("only ssh says {error}: {what}"),
            }
        }
    }
    // A generator that only makes one kind would prove nothing.
    assert!(
        equal >= 300 && refused >= 5 && doubtful >= 5 && wrong >= 10,
        "{equal} {refused} {doubtful} {wrong}"
    );
}

#[test]
fn written_files_resolve_as_with_ssh_g() {
    let environment = environment();
    for (text, hosts) in [
        (
            "",
            &["web1", "WEB1", "127.1", "0:0::1", "::ffff:1.2.3.4", "0177.0.0.1", "1.2.3", "256.1.1.1", "a_b"]
                as &[&str],
        ),
        ("User one\nHost web1\nUser two\nPort 7\n", &["web1", "db"]),
        ("Host web1\nUser q\nHost=db\nUser=z\nHost \"web1\"\nPort=3", &["web1", "db"]),
        ("HostName %h.A.b\nHostKeyAlias %h-Foo\n", &["XaB"]),
        ("Po\"rt\" 44\n\"User\" x\n", &["web1"]),
        ("IgnoreUnknown Fancy*,other\nFancyThing yes\nOther 1\nPort 5\n", &["web1"]),
        ("IdentityFile /a\nIdentityFile /a\nIdentityFile /b\nIdentityFile none\n", &["web1"]),
        ("IdentityFile none\n", &["web1"]),
        ("UserKnownHostsFile /a \"/b c\" /d\\ e ~/f\n", &["web1"]),
        ("ProxyJump none\nProxyJump bastion\nPort 3\n", &["web1"]),
        ("ProxyCommand none\nProxyJump bastion\nPort 3\n", &["web1"]),
        ("Include /nonexistent/*\nUser u\n", &["web1"]),
        ("Match all\nUser u\nMatch !all\nPort 4\n", &["web1"]),
    ] {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("config");
        fs::write(&file, text).unwrap();
        let ours = resolver_of(&file, Overrides::default(), environment.clone()).unwrap();
        for &host in hosts {
            let theirs = ssh_g(&file, &[], host).unwrap();
            let ours = ours.resolve(&Request::new(Host::new(None, host, None))).unwrap();
            same(&ours, &theirs, &format!("{host}: {text}"));
        }
    }
}
