//! The command line from outside: what is refused and how, what is printed where, and with which exit code.

use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// A place of its own: home, configuration, no agent.
struct Place {
    home: TempDir,
}

struct Ran {
    out: String,
    err: String,
    code: i32,
}

impl Place {
    fn new() -> Place {
        Place { home: tempfile::tempdir().expect("a temporary directory") }
    }

    fn with(self, file: &str, text: &str) -> Place {
        let path = self.home.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(path, text).expect("a file");
        self
    }

    fn path(&self, file: &str) -> String {
        self.home.path().join(file).display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path());
        command.current_dir(self.home.path()).args(words).timeout(std::time::Duration::from_secs(60));
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        ran(&mut self.command(words))
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("omnes starts");
    Ran {
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
        code: output.status.code().expect("an exit code"),
    }
}

/// A listener that must never be connected to: its address stands in every bad command line below.
fn untouched() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a mode");
    listener
}

const GROUPS: &str = "[clusters.web]\nhosts = [\"web[01-03]\"]\n[clusters.play]\nhosts = [\"p1\"]\n";

#[test]
fn bad_input_exits_2_names_the_place_and_contacts_nobody() {
    let trap = untouched();
    let host = format!("me@127.0.0.1:{}", trap.local_addr().expect("an address").port());
    let place = Place::new()
        .with(".config/omnes/clusters.toml", GROUPS)
        .with("bad.toml", "[clusters.web]\nhosts = [\"web[1-\"]\n")
        .with("empty.toml", "")
        .with("list", &format!("{host}\nweb[1-\n"));
    let host = host.as_str();
    let table: &[(&[&str], &[&str])] = &[
        (&["run", host], &["`--`", "omnes run", "-- uptime"]),
        (&["run", host, "uptime"], &["`--`", "-- uptime"]),
        (&["run", host, "--"], &["no command", "omnes run"]),
        (&["run", "--", "uptime"], &["no target", "omnes run"]),
        (&["run", host, "-J", "bastion,", "--", "x"], &["-J", "[user@]host[:port]"]),
        (&["run", host, "--output", "xml", "--", "x"], &["xml", "json"]),
        (&["run", host, "-b", "--output", "json", "--", "x"], &["-b", "--output"]),
        (&["run", host, "-f", "0", "--", "x"], &["-f", "1 or more"]),
        (&["run", host, "-u", "soon", "--", "x"], &["soon", "seconds"]),
        (&["run", host, "--connect-timeout", "0", "--", "x"], &["above 0"]),
        (&["run", host, "-p", "70000", "--", "x"], &["70000"]),
        (&["run", host, "-o", "NoSuchOption=1", "--", "x"], &["NoSuchOption", "-o"]),
        (&["run", host, "-F", "/no/such/file", "--", "x"], &["-F", "/no/such/file", "`none`"]),
        (&["run", host, "-o", "User=-x", "--", "x"], &["-o User", "dash"]),
        (&["run", host, "-o", "HostName=a;b", "--", "x"], &["-o HostName", "a;b"]),
        (&["run", host, "-o", "HostName=%z", "--", "x"], &["-o HostName", "%z"]),
        (&["run", host, "-l", "a`b", "--", "x"], &["-l", "a`b"]),
        (&["run", host, "web[1-", "--", "x"], &["web[1-"]),
        (&["run", host, "@nosource:x", "--", "x"], &["nosource"]),
        (&["run", host, "h[1-999999999]", "--", "x"], &["100,000"]),
        (&["run", "web!web", "--", "x"], &["--allow-empty"]),
        (&["run", "-", "-", "--", "x"], &["standard input"]),
        (&["run", "-", "--hosts-from", "-", "--", "x"], &["standard input"]),
        (&["run", "--hosts-from", "/no/such", "--", "x"], &["/no/such"]),
        (&["run", "--hosts-from", "list", "--", "x"], &["list:2", "web[1-"]),
        (&["run", "--clusters", "bad.toml", host, "--", "x"], &["bad.toml:2:14", "add `]`"]),
        (&["run", "--clusters", "no.toml", host, "--", "x"], &["no.toml"]),
        (&["open", host, "--", "uptime"], &["omnes run"]),
        (&["open", host], &["terminal", "omnes run"]),
        (&[host], &["terminal", "omnes run"]),
        (&[], &["default", "omnes hosts", "omnes demo"]),
        (&["hosts"], &["no target"]),
        (&["hosts", "-e", "-c", "web"], &["-e", "-c"]),
        (&["play", "FILE", host], &["FILE cannot be read"]),
        (&["play"], &["<FILE>"]),
        (&["sync", "FILE", host], &["reserved", "`omnes open sync`"]),
        (&["pull", host, "--to", "x"], &["no place stands behind the hosts"]),
        (&["pull", "web:/x"], &["--to"]),
        (&["diff", host], &["no place stands behind the hosts"]),
        (&["demo", "run"], &["`--`"]),
        (&["demo", "--hosts", "0"], &["--hosts"]),
        (&["demo", "strange"], &["strange"]),
    ];
    for (words, expected) in table {
        let ran = place.run(words);
        assert_eq!(ran.code, 2, "{words:?}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{words:?}");
        assert!(ran.err.starts_with("omnes: "), "{words:?}: {}", ran.err);
        for part in *expected {
            assert!(ran.err.contains(part), "{words:?} lacks {part:?}: {}", ran.err);
        }
    }
    let refused = trap.accept().expect_err("nobody may have connected");
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_bad_preference_is_refused_with_file_line_and_the_nearest_name() {
    let file = ".config/omnes/config.toml";
    let place = Place::new().with(file, "[limits]\nfanot = 3\n");
    for words in [["run", "web", "--", "x"].as_slice(), &["demo", "run", "--", "x"], &["open", "web"]] {
        let ran = place.run(words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.err);
        let sentence = format!(
            "omnes: {}:2:1: unknown key `fanot` in [limits]; did you mean `fanout`?",
            place.path(file)
        );
        assert_eq!(ran.err.trim_end(), sentence, "{words:?}");
    }
    // What only the TUI takes is judged everywhere too.
    let place = Place::new().with(file, "[keys]\ndetahc = \"x\"\n");
    let ran = place.run(&["run", "web", "--", "x"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains(":2:1: `detahc` is no action; did you mean `detach`?"), "{}", ran.err);
}

#[test]
fn xdg_config_home_decides_where_preferences_are() {
    let place = Place::new().with("elsewhere/omnes/config.toml", "zoom = 3\n");
    let ran = ran(place.command(&["demo", "run", "--", "x"]).env("XDG_CONFIG_HOME", place.path("elsewhere")));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("elsewhere/omnes/config.toml:1:8: `zoom` is 3"), "{}", ran.err);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let place = Place::new();
    for words in [
        ["--help"].as_slice(),
        &["run", "--help"],
        &["help", "hosts"],
        &["web", "--help"],
        &["demo", "run", "-h"],
    ] {
        let ran = place.run(words);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        let (_, examples) =
            ran.out.rsplit_once("Examples:\n").unwrap_or_else(|| panic!("{words:?}: {}", ran.out));
        assert_eq!(examples.trim_end().lines().count(), 2, "{words:?}: {examples}");
    }
    assert_eq!(place.run(&["--version"]).out, format!("omnes {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn hosts_folds_expands_counts_lists_and_explains() {
    let place =
        Place::new().with(".config/omnes/clusters.toml", GROUPS).with("more", "web[05-06] # two\n\nedge\n");
    for (words, expected) in [
        (["hosts", "web!web02"].as_slice(), "web[01,03]\n"),
        (&["hosts", "-e", "web"], "web01\nweb02\nweb03\n"),
        (&["hosts", "-e", "--sep", ",", "web"], "web01,web02,web03\n"),
        (&["hosts", "-c", "web", "h[1-4]"], "7\n"),
        (&["hosts", "-w", "web", "-x", "web01"], "web[02-03]\n"),
        (&["hosts", "--hosts-from", "more"], "edge,web[05-06]\n"),
        (&["hosts", "--allow-empty", "-c", "web!web"], "0\n"),
        (&["__clusters"], "play\nweb\n"),
    ] {
        let ran = place.run(words);
        assert_eq!((ran.out.as_str(), ran.code), (expected, 0), "{words:?}: {}", ran.err);
    }
    let list = place.run(&["hosts", "--list"]);
    assert!(list.out.contains("web") && list.out.contains("web[01-03]"), "{}", list.out);
    let read = ran(place.command(&["hosts", "-"]).write_stdin("a1 a2\na3\n"));
    assert_eq!((read.out.as_str(), read.code), ("a[1-3]\n", 0), "{}", read.err);
}

#[test]
fn verbose_hosts_say_where_every_value_comes_from() {
    let clusters =
        "[clusters.web]\nhosts = [\"web01\"]\ntags = [\"prod\"]\n[hosts.web01]\naddress = \"10.0.0.9\"\n";
    let place = Place::new()
        .with(".config/omnes/clusters.toml", clusters)
        .with(".ssh/config", "Host web*\n  User deploy\n  Compression yes\n  IdentityFile /k\n");
    let ran = place.run(&["hosts", "-v", "web", "-p", "2222"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["web01", "10.0.0.9", "clusters.toml:5", "deploy", ".ssh/config:2", "2222", "-p", "prod"] {
        assert!(ran.out.contains(part), "no {part}: {}", ran.out);
    }
    for (name, value, from) in
        [("says", "Compression yes", ".ssh/config:3"), ("key file", "/k", ".ssh/config:4")]
    {
        let found = ran.out.lines().any(|line| {
            line.trim_start().starts_with(name)
                && line.contains(&format!(" {value} "))
                && line.ends_with(from)
        });
        assert!(found, "no {name}: {}", ran.out);
    }
}

#[test]
fn completions_and_man_pages_are_generated() {
    let place = Place::new();
    assert!(place.run(&["completions", "bash"]).out.contains("__clusters"));
    assert!(place.run(&["man"]).out.contains(".TH omnes 1"));
    assert_eq!(place.run(&["man", &place.path("man1")]).code, 0);
    assert!(Path::new(&place.path("man1/omnes-demo-run.1")).exists());
    assert_eq!(place.run(&["man", "/dev/null/x"]).code, 2);
}

#[test]
fn a_reader_of_help_may_leave() {
    let place = Place::new();
    let line = format!("{} run --help | head -1", env!("CARGO_BIN_EXE_omnes"));
    let ran = ran(Command::new("sh").args(["-c", &line]).env("HOME", place.home.path()));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
}

#[test]
fn the_debug_log_must_be_writable() {
    let place = Place::new();
    let ran = place.run(&["--debug", "/no/such/dir/log", "hosts", "a"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--debug") && ran.err.contains("/no/such/dir/log"), "{}", ran.err);
    let log = place.path("log");
    assert_eq!(place.run(&["--debug", &log, "hosts", "a"]).code, 0);
    assert!(Path::new(&log).exists());
}
