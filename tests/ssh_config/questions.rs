//! What settling a host asks of the world outside: `Match exec`, and names for canonicalization.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use omnes::hosts::Host;
use omnes::ssh::{LocalMachine, Lookup, MatchExec, Outside, Overrides, Request, Resolver, Route};
use tempfile::TempDir;

use crate::support::config::{environment, resolver_of};
use crate::support::need;

fn resolver(config: &str, outside: Arc<dyn Outside>) -> Resolver {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, config).unwrap();
    resolver_of(&file, Overrides::default(), environment()).unwrap().asking(outside)
}

fn request(host: &str) -> Request {
    Request::new(Host::new(None, host, None))
}

#[test]
fn commands_run_only_where_they_are_allowed() {
    let config = "Match host web* exec \"true\"\n  Port 9\nMatch exec \"false\" user nobody\n  Port 8\n";
    let refusing = resolver(config, Arc::new(LocalMachine::new(MatchExec::Refused, None)));
    let error = refusing.resolve(&request("web1")).unwrap_err().to_string();
    assert!(error.contains("Match exec (") && error.contains("config:1"), "{error}");
    assert!(error.contains("match_exec = true"), "{error}");
    // Whom no command can concern is reached.
    assert_eq!(refusing.resolve(&request("db1")).unwrap().target.port, 22);
    let allowing = resolver(config, Arc::new(LocalMachine::new(MatchExec::Allowed, None)));
    assert_eq!(allowing.resolve(&request("web1")).unwrap().target.port, 9);
}

#[test]
fn a_command_runs_once_for_hosts_that_ask_the_same() {
    let dir = TempDir::new().unwrap();
    let ran = dir.path().join("ran");
    let config = format!("Match exec \"echo %p >> {}\"\n  User x\n", ran.display());
    let resolver = resolver(&config, Arc::new(LocalMachine::new(MatchExec::Allowed, None)));
    for n in 0..50 {
        assert_eq!(resolver.resolve(&request(&format!("web{n}"))).unwrap().target.user, "x");
    }
    assert_eq!(fs::read_to_string(ran).unwrap(), "22\n");
}

/// Names that exist, and what was asked.
#[derive(Debug, Default)]
struct Names {
    asked: Mutex<Vec<Vec<String>>>,
}

impl Outside for Names {
    fn look_up(&self, names: &[String]) -> Vec<Lookup> {
        self.asked.lock().unwrap().push(names.to_vec());
        let answer = |name: &String| match name.as_str() {
            "web.b.test." => Lookup::Found { v4: true, v6: false },
            "late.a.test." => Lookup::Late,
            name if name.starts_with("six.") => Lookup::Found { v4: false, v6: true },
            "x.y.a.test." | "full.test." => Lookup::Found { v4: true, v6: true },
            _ => Lookup::NotFound,
        };
        names.iter().map(answer).collect()
    }

    fn ends_well(&self, _: &str) -> Result<bool, String> {
        Err("nothing runs here".to_owned())
    }
}

#[test]
fn names_become_canonical_as_the_manual_has_it() {
    let rules = "CanonicalDomains a.test b.test\nHost web.b.test\n  Port 5\nMatch canonical host *.a.test\n  Port 6\n";
    for (mode, host, expected) in [
        ("yes", "web", Ok(("web.b.test", 5))),
        ("no", "web", Ok(("web", 22))),
        ("yes", "Web", Ok(("web.b.test", 5))),
        ("yes", "six", Ok(("six.a.test", 6))),
        ("yes\nAddressFamily inet", "six", Ok(("six", 22))),
        ("yes", "nowhere", Ok(("nowhere", 22))),
        ("yes\nCanonicalizeFallbackLocal no", "nowhere", Err("CanonicalDomains")),
        ("yes", "late", Err("no answer in time")),
        ("yes", "x.y", Ok(("x.y.a.test", 6))),
        ("yes\nCanonicalizeMaxDots 0", "x.y", Ok(("x.y", 22))),
        ("yes", "full.test.", Ok(("full.test", 22))),
        ("yes", "10.0.0.1", Ok(("10.0.0.1", 22))),
        ("yes\nProxyJump gate.z.z", "web", Ok(("web", 22))),
        ("always\nProxyCommand nc", "web", Ok(("web.b.test", 5))),
        ("yes\nHostName web", "other", Ok(("web.b.test", 5))),
    ] {
        let config = format!("Host gate.z.z\nProxyJump none\nHost *\nCanonicalizeHostname {mode}\n{rules}");
        let resolved = resolver(&config, Arc::new(Names::default())).resolve(&request(host));
        match (resolved.map(|resolved| resolved.target), expected) {
            (Ok(target), Ok(expected)) => {
                assert_eq!((target.address.as_str(), target.port), expected, "{mode}, {host}");
                assert_eq!(target.host.name(), host, "reports use the host as named");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (other, _) => panic!("{mode}, {host}: {other:?}"),
        }
    }
}

#[test]
fn the_names_of_a_fleet_are_asked_at_once() {
    let names = Arc::new(Names::default());
    let config = "CanonicalizeHostname yes\nCanonicalDomains a.test b.test\n";
    let resolver = resolver(config, names.clone());
    let requests: Vec<Request> = (0..100).map(|n| request(&format!("n{n}"))).collect();
    resolver.prepare(&requests);
    let asked = names.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].len(), 200);
}

/// In a world with a hosts file of its own, `ssh -G` and `omnes hosts -v` give a host the same name.
#[test]
fn canonical_names_are_those_of_ssh() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("hosts"), "127.0.0.9 web.b.test.\n127.0.0.9 db.a.test.\n127.0.0.9 db.b.test.\n").unwrap();
    fs::write(
        path("config"),
        "CanonicalizeHostname yes\nCanonicalDomains a.test b.test\nMatch canonical host *.b.test\n  Port 77\n\
         Host db.a.test\n  User d\n",
    )
    .unwrap();
    let inside = |program: &Path, arguments: &[&str]| -> String {
        let world = "mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"";
        let mut command = Command::new(need("unshare", "util-linux"));
        command.args(["-rm", "sh", "-ec", world, "sh"]).arg(path("hosts")).arg(program).args(arguments);
        let output = command.env("HOME", dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let config = path("config");
    let config = config.to_str().unwrap();
    for (host, address, port) in [("web", "web.b.test", "77"), ("db", "db.a.test", "22"), ("no", "no", "22")]
    {
        let theirs = inside(&need("ssh", "openssh-client"), &["-G", "-F", config, host]);
        let value = |keyword: &str| {
            let line = theirs.lines().find_map(|line| line.strip_prefix(&format!("{keyword} ")));
            line.unwrap_or_default().to_owned()
        };
        assert_eq!((value("hostname"), value("port")), (address.to_owned(), port.to_owned()), "{theirs}");
        let ours = inside(Path::new(env!("CARGO_BIN_EXE_omnes")), &["hosts", "-v", "-F", config, host]);
        let says = |name: &str, value: &str| {
            ours.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().starts_with(&[name, value]))
        };
        assert!(says("address", address) && says("port", port), "{ours}");
    }
}

#[test]
fn a_chain_may_hang_on_what_a_command_says() {
    let config = "Match originalhost web exec \"true\"\n  ProxyJump gate\n";
    let resolver = resolver(config, Arc::new(LocalMachine::new(MatchExec::Allowed, None)));
    assert!(matches!(resolver.resolve(&request("web")).unwrap().target.route, Route::Jump(_)));
    assert_eq!(resolver.resolve(&request("db")).unwrap().target.route, Route::Direct);
}
