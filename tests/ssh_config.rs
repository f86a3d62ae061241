//! What our reader makes of ssh_config beside `ssh -G`, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

pub mod support;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use omnes::hosts::Host;
use omnes::ssh::{
    CONNECT_TIMEOUT, ConfigSource, ConnectError, HostKeyPolicy, Note, Origin, Overrides, Request, Resolved,
    Resolver, SshConfig, UserEnvironment,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::need;
use tempfile::TempDir;

/// The environment as `ssh` sees it: it takes the home from the user database, not from `HOME`.
fn environment() -> UserEnvironment {
    let output =
        Command::new("sh").args(["-c", "getent passwd \"$(id -u)\" | cut -d: -f6"]).output().unwrap();
    let home = String::from_utf8(output.stdout).unwrap();
    UserEnvironment { home: PathBuf::from(home.trim()), ..UserEnvironment::of_process() }
}

fn resolver(config: &str, environment: UserEnvironment) -> Result<Resolver, String> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, config).unwrap();
    resolver_of(&file, Overrides::default(), environment)
}

fn resolver_of(file: &Path, overrides: Overrides, environment: UserEnvironment) -> Result<Resolver, String> {
    let config = SshConfig::load(&ConfigSource::File(file.to_owned()), &environment);
    let config = config.map_err(|error| error.to_string())?;
    Ok(Resolver::new(config, overrides, environment, HostKeyPolicy::Ask))
}

fn resolve(config: &str, host: &str) -> Result<Resolved, ConnectError> {
    resolver(config, environment()).unwrap().resolve(&Request::new(host.parse().unwrap()))
}

// ---- beside ssh -G

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
        const SETTINGS: [(&str, &[&str]); 16] = [
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

// ---- what is refused, and what is said

#[test]
fn what_is_not_done_refuses_its_hosts_by_name_of_the_line() {
    for (config, host, part) in [
        ("Host web\nProxyJump bastion\n", "web", Some("ProxyJump")),
        ("Host web\nProxyJump bastion\n", "db", None),
        ("Host *\nProxyCommand nc %h %p\n", "db", Some("ProxyCommand")),
        ("ProxyJump none\nProxyCommand nc %h %p\n", "db", Some("ProxyCommand")),
        ("ProxyCommand none\nProxyCommand nc\nProxyJump x\n", "db", None),
        ("CanonicalizeHostname yes\n", "web", Some("CanonicalizeHostname")),
        ("CanonicalizeHostname no\n", "web", None),
        ("BindAddress 10.0.0.1\n", "web", Some("BindAddress")),
        ("RevokedHostKeys /etc/revoked\n", "web", Some("RevokedHostKeys")),
        ("KnownHostsCommand /bin/x\n", "web", Some("KnownHostsCommand")),
        ("Match exec \"true\"\nUser x\n", "web", Some("a Match block")),
        ("Match host db*\nUser x\n", "web", None),
        ("Host web\nHostName db1\nMatch host db*\nUser x\n", "web", Some("a Match block")),
        ("Host db\nMatch user x\nUser y\n", "web", Some("a Match block")),
        ("HostName -oProxyCommand=x\n", "web", Some("begins with a dash")),
        ("HostName a;b\n", "web", Some("no host name")),
        ("HostName \"a b\"\n", "web", Some("no host name")),
        ("HostName $(id)\n", "web", Some("no host name")),
        ("HostName %z\n", "web", Some("`%z` stands for nothing")),
        ("IdentityFile ${NO_SUCH_VARIABLE}/x\n", "web", Some("NO_SUCH_VARIABLE")),
        ("UserKnownHostsFile %z\n", "web", Some("UserKnownHostsFile")),
        ("User -x\n", "web", Some("begins with a dash")),
        ("User a`b\n", "web", Some("no login name")),
    ] {
        match (resolve(config, host), part) {
            (Ok(_), None) => {}
            (Err(ConnectError::Unsupported(why)), Some(part)) => {
                assert!(why.contains(part), "{why}");
                assert!(why.contains("/config:"), "the line is missing: {why}");
            }
            (other, _) => panic!("{config}: {other:?}"),
        }
    }
}

#[test]
fn a_jump_host_of_a_cluster_file_refuses() {
    let request = Request { jump: Some("bastion".to_owned()), ..Request::new("web".parse().unwrap()) };
    let error = resolver("", environment()).unwrap().resolve(&request).unwrap_err().to_string();
    assert!(error.contains("bastion"), "{error}");
}

#[test]
fn keywords_passed_over_are_noted() {
    let config = "Host web\nForwardAgent yes\nSendEnv X\nStrictHostKeyChecking no\nControlMaster auto\nCompression no\n";
    let notes = resolve(config, "web").unwrap().notes;
    let texts: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("config:2: ForwardAgent is not supported"), "{texts:?}");
    assert!(texts[1].contains("config:3: SendEnv"), "{texts:?}");
    assert!(texts[2].contains("config:4: StrictHostKeyChecking no is read as accept-new"), "{texts:?}");
    assert!(resolve(config, "db").unwrap().notes.is_empty());
}

#[test]
fn the_first_who_speaks_is_heard() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, "User cfg\nPort 4\nHostName cfg.example\nIdentityFile /cfg\n").unwrap();
    let place = |line| Origin::Config(omnes::ssh::Place { file: file.as_path().into(), line });
    let ask = |options: &[&str], flags: bool, request: Request| {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let (user, port) = if flags { (Some("ell".to_owned()), Some(2)) } else { (None, None) };
        let identities = if flags { vec!["/flag".to_owned()] } else { vec![] };
        let overrides = Overrides::new(user, port, identities, &options).unwrap();
        resolver_of(&file, overrides, environment()).unwrap().resolve(&request).unwrap()
    };
    let plain = || Request::new("web".parse().unwrap());
    let cluster = || Request {
        user: Some("clu".to_owned()),
        port: Some(3),
        address: Some("10.0.0.3".to_owned()),
        identity: Some("/clu".to_owned()),
        ..plain()
    };
    let named = || Request { host: Host::new(Some("expr"), "web", Some(1)), ..cluster() };
    let option = ["User=opt", "Port=5", "HostName=opt.example", "IdentityFile=/opt"];
    for (resolved, user, port, address, identities) in [
        (
            ask(&[], false, plain()),
            ("cfg", place(1)),
            (4, place(2)),
            ("cfg.example", place(3)),
            &["/cfg"] as &[&str],
        ),
        (
            ask(&[], false, cluster()),
            ("clu", Origin::Cluster),
            (3, Origin::Cluster),
            ("10.0.0.3", Origin::Cluster),
            &["/clu", "/cfg"],
        ),
        (
            ask(&option, false, cluster()),
            ("opt", Origin::Option("-o")),
            (5, Origin::Option("-o")),
            ("opt.example", Origin::Option("-o")),
            &["/opt", "/clu", "/cfg"],
        ),
        (
            ask(&option, true, cluster()),
            ("ell", Origin::Option("-l")),
            (2, Origin::Option("-p")),
            ("opt.example", Origin::Option("-o")),
            &["/flag", "/opt", "/clu", "/cfg"],
        ),
        (
            ask(&option, true, named()),
            ("expr", Origin::Expression),
            (1, Origin::Expression),
            ("opt.example", Origin::Option("-o")),
            &["/flag", "/opt", "/clu", "/cfg"],
        ),
    ] {
        let (target, origins) = (resolved.target, resolved.origins);
        assert_eq!((target.user.as_str(), origins.user), user);
        assert_eq!((target.port, origins.port), port);
        assert_eq!((target.address.as_str(), origins.address), address);
        assert_eq!(target.identities, identities.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!((target.key_name, target.key_port), (target.address, Some(target.port)));
    }
}

#[test]
fn without_any_file_the_defaults_hold() {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join(".ssh")).unwrap();
    let environment = UserEnvironment {
        home: home.path().to_owned(),
        user: "me".to_owned(),
        agent: Some("/agent".into()),
        usual_identities: vec![home.path().join(".ssh/id_rsa")],
        ..environment()
    };
    let resolver = |policy| {
        let config = SshConfig::load(&ConfigSource::Nothing, &environment).unwrap();
        Resolver::new(config, Overrides::default(), environment.clone(), policy)
    };
    let resolved = resolver(HostKeyPolicy::Strict).resolve(&Request::new("Web".parse().unwrap())).unwrap();
    let target = resolved.target;
    assert_eq!((target.host.name(), target.address.as_str(), target.port), ("Web", "web", 22));
    assert_eq!((target.user.as_str(), target.key_name.as_str(), target.key_port), ("me", "web", None));
    assert_eq!(
        (target.identities, target.identities_configured),
        (environment.usual_identities.clone(), false)
    );
    assert_eq!(target.agent, Some("/agent".into()));
    let ssh = |name: &str| home.path().join(".ssh").join(name);
    assert_eq!(target.user_known_hosts, [ssh("known_hosts"), ssh("known_hosts2")]);
    assert_eq!((target.policy, target.connect_timeout), (HostKeyPolicy::Strict, CONNECT_TIMEOUT));
    assert_eq!(resolved.origins.user, Origin::Default);
}

#[test]
fn the_agent_may_stand_in_a_variable() {
    let variables = HashMap::from([("MY_AGENT".to_owned(), "/mine".to_owned())]);
    let environment = UserEnvironment { agent: Some("/usual".into()), variables, ..environment() };
    for (value, expected) in [
        ("SSH_AUTH_SOCK", Some("/usual")),
        ("$MY_AGENT", Some("/mine")),
        ("${MY_AGENT}/x", Some("/mine/x")),
        ("$OTHER", None),
        ("none", None),
    ] {
        let resolver = resolver(&format!("IdentityAgent {value}\n"), environment.clone()).unwrap();
        let target = resolver.resolve(&Request::new("web".parse().unwrap())).unwrap().target;
        assert_eq!(target.agent, expected.map(PathBuf::from), "{value}");
    }
}

// ---- files

#[test]
fn a_bad_line_is_named_with_the_next_step() {
    for (config, parts) in [
        ("Host a\nHostnaem x\n", ["config:2: ", "did you mean `HostName`?"]),
        ("Port 99999\n", ["config:1: ", "write a number from 1 to 65535"]),
        ("User \"x\n", ["config:1: ", "a quote is not closed"]),
        ("User \0x\n", ["config:1: ", "NUL byte"]),
        ("\u{feff}User x\n", ["config:1: ", "no keyword of ssh_config"]),
        ("Evil\x1b[2J x\n", ["config:1: ", "evil^[[2j"]),
    ] {
        let error = resolver(config, environment()).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn includes_are_found_beside_the_users_files() {
    let home = TempDir::new().unwrap();
    let ssh = home.path().join(".ssh");
    fs::create_dir_all(ssh.join("conf.d")).unwrap();
    fs::write(ssh.join("config"), "Host web*\n  Include conf.d/*.conf ~/more ${WHERE}/third\nUser later\n")
        .unwrap();
    fs::write(ssh.join("conf.d/a.conf"), "Port 1\nHost web2\nPort 2\n").unwrap();
    fs::write(ssh.join("conf.d/b.conf"), "User b\n").unwrap();
    fs::write(ssh.join("conf.d/.hidden.conf"), "Bogus line\n").unwrap();
    fs::write(home.path().join("more"), "ConnectTimeout 9\n").unwrap();
    fs::write(home.path().join("third"), "HostKeyAlias third\n").unwrap();
    let variables = HashMap::from([("WHERE".to_owned(), home.path().display().to_string())]);
    let environment = UserEnvironment { home: home.path().to_owned(), variables, ..environment() };
    let config = SshConfig::load(&ConfigSource::Usual, &environment).unwrap();
    let resolver = Resolver::new(config, Overrides::default(), environment, HostKeyPolicy::Ask);
    let target = |host: &str| resolver.resolve(&Request::new(host.parse().unwrap())).unwrap().target;
    let web = target("web2");
    assert_eq!((web.port, web.user.as_str(), web.key_name.as_str()), (1, "b", "third"));
    assert_eq!(web.connect_timeout, Duration::from_secs(9));
    // What a Host block includes is for its hosts alone.
    let db = target("db");
    assert_eq!((db.port, db.key_name.as_str(), db.connect_timeout), (22, "db", CONNECT_TIMEOUT));
}

#[test]
fn files_that_are_none_are_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    fs::write(path("loop"), format!("Include {}\n", path("loop").display())).unwrap();
    fs::write(path("fork"), format!("Include {0}\nInclude {0}\n", path("fork").display())).unwrap();
    fs::File::create(path("large")).unwrap().set_len(100 << 20).unwrap();
    fs::create_dir(path("many")).unwrap();
    (0..5000).for_each(|n| fs::write(path(&format!("many/{n}")), "Port 1\n").unwrap());
    for (name, config, part) in [
        ("fifo", format!("Port 1\nInclude {}\n", path("fifo").display()), "c-fifo:2: Include: "),
        ("dir", format!("Include {}\n", dir.path().display()), "c-dir:1: Include: "),
        ("dir2", format!("Include {}\n", dir.path().display()), "this is a directory"),
        ("loop", format!("Include {}\n", path("loop").display()), "more than 16 files deep"),
        ("fork", format!("Include {}\n", path("fork").display()), "more than 16 files deep"),
        ("large", format!("Include {}\n", path("large").display()), "larger than 16 MB"),
        ("many", format!("Include {}/*\n", path("many").display()), "more than 4096 files"),
        ("other", "Include ~nobody/x\n".to_owned(), "write the path out"),
    ] {
        let file = path(&format!("c-{name}"));
        fs::write(&file, config).unwrap();
        let start = Instant::now();
        let error = resolver_of(&file, Overrides::default(), environment()).unwrap_err();
        assert!(error.contains(part), "{error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{name} took {:?}", start.elapsed());
    }
    for (file, part) in [(path("fifo"), "not a regular file"), (path("nothing"), "No such file")] {
        let error = resolver_of(&file, Overrides::default(), environment()).unwrap_err();
        assert!(error.contains(part) && error.contains(file.to_str().unwrap()), "{error}");
    }
    assert!(resolver_of(Path::new("/dev/null"), Overrides::default(), environment()).is_ok());
    assert_eq!(ConfigSource::from(Some(Path::new("none"))), ConfigSource::Nothing);
}

/// As `ssh`: the user's own file must not be writable by others; a file of `-F` may be anything.
#[test]
fn a_file_that_others_may_write_is_not_trusted() {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join(".ssh")).unwrap();
    let file = home.path().join(".ssh/config");
    fs::write(&file, "Port 7\n").unwrap();
    let environment = UserEnvironment { home: home.path().to_owned(), ..environment() };
    for (mode, trusted) in [(0o600, true), (0o644, true), (0o664, false), (0o666, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = SshConfig::load(&ConfigSource::Usual, &environment);
        assert_eq!(loaded.is_ok(), trusted, "{mode:o}: {:?}", loaded.err());
        assert!(SshConfig::load(&ConfigSource::File(file.clone()), &environment).is_ok());
    }
}

#[test]
fn options_are_checked() {
    let all: Vec<String> = [
        "HostName=h",
        "User=u",
        "Port=1",
        "IdentityFile=i",
        "IdentitiesOnly=yes",
        "HostKeyAlias=a",
        "UserKnownHostsFile=/u",
        "GlobalKnownHostsFile=/g",
        "StrictHostKeyChecking=no",
        "ConnectTimeout=3",
    ]
    .map(str::to_owned)
    .to_vec();
    assert!(Overrides::new(None, None, vec![], &all).is_ok());
    for (user, port, option, part) in [
        (Some("-x"), None, "Port=1", "-l: "),
        (None, Some(0), "Port=1", "-p 0"),
        (None, None, "ProxyJump=x", "-o takes HostName, User, Port"),
        (None, None, "Prot=1", "did you mean `Port`?"),
        (None, None, "Port=x", "write a number"),
    ] {
        let error = Overrides::new(user.map(str::to_owned), port, vec![], &[option.to_owned()]).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Ten thousand hosts against two hundred blocks; the bound is many times what it takes.
#[test]
fn many_hosts_and_many_blocks_take_no_time() {
    let mut config = String::new();
    for n in 0..200 {
        let pattern = if n % 2 == 0 { format!("rack{n}-*") } else { format!("one{n} two{n} !three{n}") };
        config.push_str(&format!("Host {pattern}\n  User u{n}\n  Port {}\n", n + 1));
    }
    let resolver = resolver(&config, environment()).unwrap();
    let start = Instant::now();
    for n in 0..10_000 {
        let host = Host::new(None, &format!("rack{}-{n}.example.org", n % 200 / 2 * 2), None);
        let target = resolver.resolve(&Request::new(host)).unwrap().target;
        assert_eq!(usize::from(target.port), n % 200 / 2 * 2 + 1);
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
