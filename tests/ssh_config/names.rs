//! Names that a shell would read as commands: nothing of them is run, and the place is named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use omnes::hosts::Host;
use omnes::ssh::{ConfigError, LocalMachine, MatchExec, Overrides, Request, Resolver};
use tempfile::TempDir;

use crate::support::config::{environment, resolver_of};

/// Each would make the file `C` if a shell read it, or turn into an option.
const EVIL: [&str; 40] = [
    "`touch C`",
    "$(touch C)",
    "a`touch C`b",
    "a$(touch C)b",
    ";touch C",
    "a;touch C",
    "a; touch C;",
    "|touch C",
    "a|touch C",
    "||touch C",
    "&touch C",
    "&&touch C",
    "a & touch C &",
    "\ntouch C\n",
    "a\ntouch C",
    "a\r\ntouch C",
    ">C",
    "a>C",
    "<C>C",
    "a>>C",
    "'`touch C`'",
    "';touch C;'",
    "\";touch C;\"",
    "\"$(touch C)\"",
    "a'\ntouch C\n'",
    "{touch,C}",
    "${IFS}touch${IFS}C",
    "$IFS;touch$IFS'C'",
    "(touch C)",
    "-oProxyCommand=touch C",
    "-x",
    "--",
    "x -oProxyCommand=touch${IFS}C",
    "x\t-F/dev/stdin",
    "$HOME",
    "a$PATH",
    "a\\",
    "\\$(touch C)",
    "a\u{0}touch C",
    "a\u{1b}[31m`touch C`",
];

/// A configuration that gives names to shells in every way that there is.
fn shells(dir: &Path) -> Resolver {
    let file = dir.join("config");
    let ran = dir.join("ran");
    let text = format!(
        "Match exec \"cd {0}; echo %h %n %r %k >> {1}; true\"\n  Port 1\n\
         ProxyCommand cd {0}; nc %h %p %r %n %k\n",
        dir.display(),
        ran.display()
    );
    fs::write(&file, text).unwrap();
    let machine = LocalMachine::new(MatchExec::Allowed, Some("/bin/sh"));
    resolver_of(&file, Overrides::default(), environment()).unwrap().asking(Arc::new(machine))
}

#[test]
fn no_name_reaches_a_shell() {
    for evil in EVIL {
        let dir = TempDir::new().unwrap();
        let resolver = shells(dir.path());
        let plain = || Request::new(Host::new(None, "web", None));
        for (what, request, position) in [
            ("user", Request::new(Host::new(Some(evil), "web", None)), "user"),
            ("user of a file", Request { user: Some(evil.to_owned()), ..plain() }, "user"),
            ("host", Request::new(Host::new(None, evil, None)), "host"),
            ("address", Request { address: Some(evil.to_owned()), ..plain() }, "host"),
            ("jump", Request { jump: Some(format!("{evil}@a")), ..plain() }, "jump"),
            ("jump host", Request { jump: Some(evil.to_owned()), ..plain() }, "jump"),
        ] {
            // As a jump host's user, a dollar sign reaches no shell.
            let harmless = what == "jump" && evil.contains('$') && !evil.contains(['(', '{', ';', '`', '"']);
            match resolver.resolve(&request) {
                Ok(_) if harmless => {}
                Ok(resolved) => panic!("{what} {evil:?}: {:?}", resolved.target.route),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains(position), "{what} {evil:?}: {error}");
                    assert!(!error.contains(char::is_control), "{error:?}");
                }
            }
        }
        let made: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let ran = fs::read_to_string(dir.path().join("ran")).unwrap_or_default();
        assert!(made.iter().all(|name| name == "config" || name == "ran"), "{evil:?} made {made:?}");
        // A jump host's own name was refused before; what ran was for the host `web` alone.
        assert!(ran.lines().all(|line| line.starts_with("web web")), "{evil:?} ran {ran}");
    }
}

#[test]
fn from_a_file_such_a_name_is_refused_with_its_line() {
    for evil in EVIL.iter().filter(|evil| !evil.contains(['\n', '\0'])) {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("config");
        let quoted = evil.replace('\\', "\\\\").replace('"', "\\\"");
        for keyword in ["User", "HostName"] {
            let text =
                format!("{keyword} \"{quoted}\"\nProxyCommand cd {}; nc %h %r\n", dir.path().display());
            fs::write(&file, text).unwrap();
            let resolver = resolver_of(&file, Overrides::default(), environment()).unwrap();
            let error =
                resolver.resolve(&Request::new(Host::new(None, "web", None))).unwrap_err().to_string();
            assert!(error.contains("config:"), "{keyword} {evil:?}: {error}");
        }
    }
}

#[test]
fn on_the_command_line_such_a_user_is_an_error() {
    for evil in EVIL {
        match Overrides::new(Some(evil.to_owned()), None, vec![], &[]) {
            Err(ConfigError::Option(why)) => assert!(why.starts_with("-l: "), "{why}"),
            Err(other) => panic!("{other}"),
            // Login names may hold it (`HOST$` is an account of Windows); a command may not.
            Ok(overrides) => {
                assert!(evil.contains(['$', '\\']) && !evil.contains("touch"), "{evil:?}");
                let dir = TempDir::new().unwrap();
                let file = dir.path().join("config");
                fs::write(&file, "ProxyCommand nc %h %r\n").unwrap();
                let resolver = resolver_of(&file, overrides, environment()).unwrap();
                let error = resolver.resolve(&Request::new(Host::new(None, "web", None))).unwrap_err();
                assert!(error.to_string().contains("a shell would read"), "{error}");
            }
        }
    }
}

/// The same configuration with names that are none but names: its command runs, so the tests above can fail.
#[test]
fn good_names_reach_the_shell() {
    let dir = TempDir::new().unwrap();
    let request = Request::new(Host::new(Some("DOMAIN+me"), "web01.example.org", None));
    let target = shells(dir.path()).resolve(&request).unwrap().target;
    assert_eq!(target.port, 1);
    let ran = fs::read_to_string(dir.path().join("ran")).unwrap();
    assert_eq!(ran, "web01.example.org web01.example.org DOMAIN+me web01.example.org\n");
}
