//! ssh_config and the command line: what is read, what is refused, and what is said about it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "../support/mod.rs"]
pub mod support;

mod jumps;
mod names;
mod noise;
mod questions;
mod sayings;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omnes::hosts::Host;
use omnes::ssh::{
    CONNECT_TIMEOUT, ConfigSource, ConnectError, HostKeyPolicy, Logins, Note, Origin, Overrides, Request,
    Resolved, Resolver, SshConfig, UserEnvironment, Way,
};
use support::config::{environment, resolver_of};
use tempfile::TempDir;

fn resolver(config: &str, environment: UserEnvironment) -> Result<Resolver, String> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, config).unwrap();
    resolver_of(&file, Overrides::default(), environment)
}

fn resolve(config: &str, host: &str) -> Result<Resolved, ConnectError> {
    resolver(config, environment()).unwrap().resolve(&Request::new(host.parse().unwrap()))
}

#[test]
fn what_is_not_done_refuses_its_hosts_by_name_of_the_line() {
    for (config, host, part) in [
        ("Host web\nCheckHostIP yes\n", "web", Some("CheckHostIP")),
        ("Host web\nCheckHostIP yes\n", "db", None),
        ("CheckHostIP no\nCheckHostIP yes\n", "db", None),
        ("KnownHostsCommand /bin/x\n", "web", Some("KnownHostsCommand")),
        ("RefuseConnection \"not here\"\n", "web", Some("RefuseConnection")),
        (
            "CanonicalizeHostname yes\nCanonicalizePermittedCNAMEs *.a:*.b\n",
            "web",
            Some("aliases of names are not followed"),
        ),
        ("Port 3\nCiphers 3des-cbc\n", "web", Some("config:2: none of its Ciphers (3des-cbc) is supported")),
        ("HostKeyAlgorithms ssh-dss\n", "web", Some("config:1: none of its HostKeyAlgorithms (ssh-dss)")),
        // Where names stay as they are, rules about them concern nobody.
        ("CanonicalizePermittedCNAMEs *.a:*.b\n", "web", None),
        ("CanonicalizeHostname yes\nCanonicalizePermittedCNAMEs *.a:*.b\nProxyCommand nc\n", "web", None),
        ("CanonicalizeHostname yes\nCanonicalizePermittedCNAMEs *.a:*.b\n", "10.0.0.1", None),
        ("CanonicalizePermittedCNAMEs none\n", "web", None),
        ("Match localnetwork 10.0.0.0/8\nUser x\n", "web", Some("Match localnetwork")),
        ("Match localnetwork 10.0.0.0/8 host db\nUser x\n", "web", None),
        ("ConnectionAttempts 0\n", "web", Some("ConnectionAttempts")),
        ("ProxyCommand nc %u\n", "web", Some("`%u` has a meaning for other keywords")),
        ("RemoteCommand echo %T\n", "web", Some("`%T` has a meaning for other keywords")),
        ("CertificateFile /c/%t\n", "web", Some("CertificateFile")),
        ("RevokedHostKeys ${NO_SUCH_VARIABLE}\n", "web", Some("RevokedHostKeys")),
        ("ForwardAgent ~no-such-user/x\n", "web", Some("no user no-such-user")),
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
fn keywords_passed_over_are_noted() {
    let config = "Host web\nForwardX11 yes\nLocalForward 1 a:2\nStrictHostKeyChecking no\nControlMaster auto\nCompression no\n";
    let notes = resolve(config, "web").unwrap().notes;
    let texts: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("config:2: ForwardX11 is not supported"), "{texts:?}");
    assert!(texts[1].contains("config:3: LocalForward"), "{texts:?}");
    assert!(texts[2].contains("config:4: StrictHostKeyChecking no is read as accept-new"), "{texts:?}");
    assert!(resolve(config, "db").unwrap().notes.is_empty());
}

#[test]
fn which_ways_to_log_in_are_open() {
    let (open, barred) = (Way::Open, Way::Barred);
    for (config, keys, passwords, questions) in [
        ("", open, open, open),
        ("PasswordAuthentication no\n", open, barred, open),
        ("PasswordAuthentication yes\nPasswordAuthentication no\n", open, open, open),
        ("PubkeyAuthentication no\n", barred, open, open),
        ("PubkeyAuthentication unbound\n", open, open, open),
        ("DSAAuthentication no\n", barred, open, open),
        ("BatchMode yes\n", open, barred, barred),
        ("BatchMode no\n", open, open, open),
        ("PreferredAuthentications publickey,keyboard-interactive\n", open, barred, open),
        ("PreferredAuthentications password\n", barred, open, open),
        ("Host db\nPasswordAuthentication no\n", open, open, open),
    ] {
        let resolved = resolve(config, "web").unwrap();
        let logins = resolved.target.logins;
        assert_eq!(
            (logins.keys, logins.passwords, logins.questions),
            (keys, passwords, questions),
            "{config}"
        );
        assert!(resolved.notes.is_empty(), "{config}");
    }
    let ask = |config: &str, options: &[&str]| {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("config");
        fs::write(&file, config).unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let overrides = Overrides::new(None, None, Vec::new(), &options).unwrap();
        let resolver = resolver_of(&file, overrides, environment()).unwrap();
        resolver.resolve(&Request::new("web".parse().unwrap())).unwrap().target
    };
    assert_eq!(ask("", &["BatchMode=yes"]).logins.passwords, barred);
    assert_eq!(ask("BatchMode yes\n", &["BatchMode=no"]).logins, Logins::default());
    // In batch mode nobody is asked about a host key either.
    assert_eq!(ask("StrictHostKeyChecking ask\n", &[]).policy, HostKeyPolicy::Ask);
    assert_eq!(ask("StrictHostKeyChecking ask\nBatchMode yes\n", &[]).policy, HostKeyPolicy::Strict);
    assert_eq!(
        ask("StrictHostKeyChecking accept-new\nBatchMode yes\n", &[]).policy,
        HostKeyPolicy::AcceptNew
    );
}

/// Values that `ssh -G` does not print, or prints otherwise than they are used.
#[test]
fn values_come_to_the_target() {
    let config = "Match tagged blue\nPort 7\nHost web\nTag blue\nTag red\nMatch tagged red\nUser never\n\
                  Match tagged blue\nUser tagged\n";
    let target = resolve(config, "web").unwrap().target;
    assert_eq!((target.user.as_str(), target.port), ("tagged", 22), "a tag counts from its line on");
    let variables = HashMap::from(
        [("LANG", "C"), ("LC_ALL", "C"), ("TERM", "xterm")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let environment = UserEnvironment { variables, agent: Some("/agent".into()), ..environment() };
    let config = "SendEnv LANG LC_*\nSetEnv LANG=de X=1\nForwardAgent yes\nIdentityAgent /mine\n\
                  RevokedHostKeys ~/revoked-%h\nRemoteCommand echo %h\nServerAliveCountMax 9\n";
    let resolver = resolver(config, environment).unwrap();
    let target = |host: &str| resolver.resolve(&Request::new(host.parse().unwrap())).unwrap().target;
    let (web, db) = (target("web"), target("db"));
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    assert_eq!(web.session.environment, [("LC_ALL", "C"), ("LANG", "de"), ("X", "1")].map(pair));
    assert_eq!(web.session.command.as_deref(), Some("echo web"));
    assert_eq!(db.session.command.as_deref(), Some("echo db"));
    // The agent that is used for login is the one that is forwarded.
    assert_eq!(web.forward_agent, Some("/mine".into()));
    assert!(web.keeping.revoked[0].ends_with("revoked-web"), "{:?}", web.keeping);
    assert_eq!(web.alive, None, "a count alone says nothing");
    assert!(Arc::ptr_eq(&web.algorithms, &db.algorithms), "equal values are shared");
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
        ("other", "Include ~no-such-user/x\n".to_owned(), "write the path out"),
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
        "ProxyJump=a,b",
        "Ciphers=+aes128-cbc",
        "Tag=blue",
        "SendEnv=LANG LC_*",
        "RemoteCommand=echo %h",
        "ControlMaster=no",
        "ForwardX11=no",
    ]
    .map(str::to_owned)
    .to_vec();
    assert!(Overrides::new(None, None, vec![], &all).is_ok());
    for (user, port, option, part) in [
        (Some("-x"), None, "Port=1", "-l: "),
        (None, Some(0), "Port=1", "-p 0"),
        (None, None, "ForwardX11=yes", "ForwardX11 is not supported"),
        (None, None, "Include=x", "belongs into a file"),
        (None, None, "ProxyJump=x,", "no jump host"),
        (None, None, "Ciphers=rot13", "no cipher of OpenSSH"),
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
