//! The user's own story. Six servers get a directory and a virtual host, one of them a different one, by hand in its detached
//! pane; what was done is recorded, and done again without windows on fifty other servers, and on two hundred of which
//! some fail and are gone on with when they are mended. What counts is what stands in the files on the hosts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use omnes::demo::{Fleet, FleetConfig, Transport};
use omnes::play::file::parse;
use tempfile::TempDir;

use crate::lab::Lab;
use crate::support::sshd::Sshd;
use crate::ui::{Screen, Ui};

/// Far above anything normal.
const DEADLINE: Duration = Duration::from_secs(60);

/// What stands in the configuration of every host before.
const BEFORE: &str = "# virtual hosts\n";
/// What it holds once the usual virtual host was appended, and once that of the special host was.
const USUAL: &str = "# virtual hosts\n<VirtualHost *:80>\n  ServerName example.org\n</VirtualHost>\n";
const SPECIAL: &str =
    "# virtual hosts\n<VirtualHost *:8080>\n  ServerName admin.example.org\n</VirtualHost>\n";

/// The homes of the hosts that are real servers, by the address and port under which they are reached.
struct Homes(TempDir);

impl Homes {
    fn new() -> Homes {
        let homes = Homes(TempDir::new().expect("a directory"));
        let base = homes.0.path().display();
        let login = format!(
            "set -- $SSH_CONNECTION\nexport HOME={base}/$3-$4 HISTFILE=/dev/null\n\
             PS1=\"$(cat \"$HOME/name\"):\\w\\$ \"; export PS1\ncd && exec bash --norc --noprofile -i\n"
        );
        fs::write(homes.0.path().join("login"), login).expect("a file");
        homes
    }

    /// A server whose logins begin in the home of the host.
    fn server(&self, addresses: &[String]) -> Sshd {
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let login = self.0.path().join("login");
        Sshd::builder()
            .listen(&addresses)
            .option(&format!("ForceCommand exec /bin/sh {}", login.display()))
            .start()
    }

    fn of(&self, address: &str, port: u16) -> PathBuf {
        self.0.path().join(format!("{address}-{port}"))
    }
}

/// Fills the home of a host.
fn furnish(home: &Path, name: &str) {
    fs::create_dir_all(home).expect("a home");
    fs::write(home.join("name"), name).expect("a file");
    fs::write(home.join("vhosts.conf"), BEFORE).expect("a file");
    configtest(home, "grep -q '^</VirtualHost>$' vhosts.conf");
}

/// What tests the configuration on a host.
fn configtest(home: &Path, command: &str) {
    let path = home.join("configtest");
    fs::write(&path, format!("#!/bin/sh\n{command}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
}

/// What was done on a host.
fn done(home: &Path) -> (bool, String) {
    let is_there = home.join("sites/example.org").is_dir();
    (is_there, fs::read_to_string(home.join("vhosts.conf")).expect("its configuration"))
}

fn usual() -> (bool, String) {
    (true, USUAL.to_owned())
}

fn special() -> (bool, String) {
    (true, SPECIAL.to_owned())
}

fn untouched() -> (bool, String) {
    (false, BEFORE.to_owned())
}

/// Servers with their hosts, by name.
struct Place {
    lab: Lab,
    homes: Homes,
    /// Address and port.
    hosts: BTreeMap<String, (String, u16)>,
}

impl Place {
    /// Servers with these addresses each; their hosts, `web1` and on, are the cluster `lab`.
    fn new(servers: &[Vec<String>]) -> Place {
        let homes = Homes::new();
        let lab = Lab::of(servers.iter().map(|addresses| homes.server(addresses)).collect());
        let (mut hosts, mut config) = (BTreeMap::new(), String::new());
        for (server, addresses) in lab.servers.iter().zip(servers) {
            for address in addresses {
                let (name, port) = (format!("web{}", hosts.len() + 1), server.port());
                furnish(&homes.of(address, port), &name);
                let key = server.client_key().display().to_string();
                config.push_str(&format!(
                    "[hosts.{name}]\naddress = \"{address}\"\nport = {port}\nidentity = {key:?}\n"
                ));
                hosts.insert(name, (address.clone(), port));
            }
        }
        let names = hosts.keys().collect::<Vec<_>>();
        lab.write(".config/omnes/clusters.toml", &format!("[clusters.lab]\nhosts = {names:?}\n{config}"));
        lab.trust();
        Place { lab, homes, hosts }
    }

    /// What was done, by host.
    fn done(&self) -> BTreeMap<&str, (bool, String)> {
        self.hosts
            .iter()
            .map(|(name, (address, port))| (name.as_str(), done(&self.homes.of(address, *port))))
            .collect()
    }

    fn script(&self) -> PathBuf {
        self.lab.path("newsite.toml")
    }

    fn record(&self) -> Ui {
        let (home, script) = (self.lab.path("").display().to_string(), self.script().display().to_string());
        let path = std::env::var("PATH").expect("a PATH");
        let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
        let args = ["open", "--record", &script, "lab"];
        let ui = Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &args, &env, (50, 170));
        let hosts = self.hosts.len();
        ui.wait("prompts", |screen| screen.count(":~$ ") == hosts && screen.contains("● script"));
        ui
    }

    /// Waits until a text stands in the script: each step does as soon as it is done.
    fn holds(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let script = fs::read_to_string(self.script()).unwrap_or_default();
            if script.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "waiting for `{text}`; the script was:\n{script}");
            std::thread::yield_now();
        }
    }
}

/// What is done once, by hand; gives the script of it.
fn by_hand() -> String {
    let six = Place::new(&vec![vec!["127.0.0.1".to_owned()]; 6]);
    let mut ui = six.record();
    ui.line("mkdir -p sites/example.org");
    six.holds("run = \"mkdir -p sites/example.org\"");

    // The special one, in its editor.
    ui.keys("C-a l C-a d");
    ui.wait_for("web2 alone");
    ui.line("vi -u NONE -N vhosts.conf");
    ui.wait("the editor", |screen| screen.contains("~  ") && screen.contains("║# virtual hosts"));
    // As one types who looks at the screen: what was not shown before Enter came would be taken for a secret.
    let below = |screen: &Screen| screen.count("║~");
    let tildes = below(&ui.screen());
    ui.write("Go");
    ui.wait("a new line", |screen| below(screen) < tildes);
    for (n, line) in SPECIAL.lines().skip(1).enumerate() {
        if n > 0 {
            ui.keys("Enter");
        }
        ui.write(line);
        ui.wait(line, |screen| screen.contains(&format!("║{line} ")));
    }
    let typing = ui.screen().cursor;
    ui.keys("Esc");
    ui.wait("the end of typing", |screen| screen.cursor != typing);
    ui.write(":wq");
    ui.wait_for("║:wq");
    ui.keys("Enter");
    ui.wait("its shell again", |screen| screen.contains("written") && screen.count(":~$ ") >= 6);

    ui.keys("C-a j");
    ui.wait_for("5 of 6 hosts");
    let vhost =
        "printf '%s\\n' '<VirtualHost *:80>' '  ServerName example.org' '</VirtualHost>' >> vhosts.conf";
    ui.line(vhost);
    six.holds("on = \"*!web2\"\nrun = ");

    ui.keys("C-a D");
    ui.wait_for("→ 6 hosts");
    ui.line("./configtest");
    six.holds("run = \"./configtest\"");
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    assert!(ui.wait_exit().success());

    let script = fs::read_to_string(six.script()).expect("the script");
    parse("newsite.toml", &script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    for (name, done) in six.done() {
        assert_eq!(done, if name == "web2" { special() } else { usual() }, "{name}");
    }
    script
}

/// The script with other special hosts, as its user would write them.
fn with_special(script: &str, special: &str) -> String {
    assert!(script.contains("\"web2\"") && script.contains("\"*!web2\""), "{script}");
    let script = script.replace("\"web2\"", &format!("\"{special}\""));
    script.replace("\"*!web2\"", &format!("\"*!({special})\""))
}

/// What omnes came to.
fn told(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn what_was_done_by_hand_on_six_servers_is_done_on_fifty_others_and_on_hundreds_that_partly_fail() {
    let script = by_hand();
    on_fifty_servers(&script);
    on_many_that_partly_fail(&script);
}

fn on_fifty_servers(script: &str) {
    let addresses = |server: usize| (1..=10).map(|n| format!("127.{}.0.{n}", 30 + server)).collect();
    let fifty = Place::new(&(0..5).map(addresses).collect::<Vec<_>>());
    fifty.lab.write("newsite.toml", &with_special(script, "web[7,41]"));
    let path = fifty.script().display().to_string();
    let (code, said) = told(&fifty.lab.run(&["play", &path, "lab", "--yes", "50"]));
    assert_eq!(code, Some(0), "{script}\n{said}");
    assert!(said.contains("omnes: 50 ok: web[1-50]"), "{said}");
    let done = fifty.done();
    assert_eq!(done.len(), 50);
    for (name, done) in done {
        assert_eq!(done, if ["web7", "web41"].contains(&name) { special() } else { usual() }, "{name}");
    }
}

/// A fleet of which one host in a hundred fails: by turns it is not there, or its configuration is found wrong.
struct Frail {
    runtime: tokio::runtime::Runtime,
    fleet: Fleet,
    names: Vec<String>,
}

impl Frail {
    fn new(hosts: usize) -> Frail {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let config = FleetConfig { hosts, transport: Transport::Loopback, ..FleetConfig::default() };
        let fleet = runtime.block_on(Fleet::start(config)).expect("a fleet");
        let names = fleet.names().map(str::to_owned).collect();
        let frail = Frail { runtime, fleet, names };
        for name in &frail.names {
            furnish(&frail.home(name), name);
        }
        frail.dead().for_each(|name| frail.runtime.block_on(frail.fleet.kill(name)).expect("it dies"));
        frail.wrong().for_each(|name| configtest(&frail.home(name), "exit 3"));
        frail
    }

    fn home(&self, name: &str) -> PathBuf {
        self.fleet.directory().join("home").join(name)
    }

    fn numbered(&self, wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = &str> {
        let wanted = move |(at, _): &(usize, &String)| wanted(at + 1);
        self.names.iter().enumerate().filter(wanted).map(|(_, name)| name.as_str())
    }

    /// Nobody answers there; the first of them is one of the special ones.
    fn dead(&self) -> impl Iterator<Item = &str> {
        self.numbered(|number| number % 200 == 4)
    }

    /// What their configuration is tested with says no, after everything was done.
    fn wrong(&self) -> impl Iterator<Item = &str> {
        self.numbered(|number| number % 200 == 150)
    }

    fn special(&self) -> impl Iterator<Item = &str> {
        self.numbered(|number| number % 100 == 4)
    }

    fn done(&self) -> BTreeMap<&str, (bool, String)> {
        self.names.iter().map(|name| (name.as_str(), done(&self.home(name)))).collect()
    }

    /// What is to be found when all of these are done.
    fn expected(&self, missing: &[&str]) -> BTreeMap<&str, (bool, String)> {
        let special_ones: Vec<&str> = self.special().collect();
        let of = |name: &str| match () {
            () if missing.contains(&name) => untouched(),
            () if special_ones.contains(&name) => special(),
            () => usual(),
        };
        self.names.iter().map(|name| (name.as_str(), of(name))).collect()
    }
}

/// How many hosts fail in part: 200, or as `OMNES_TEST_STORY` says, which is 200 or more.
fn many() -> usize {
    std::env::var("OMNES_TEST_STORY").map_or(200, |hosts| hosts.parse().expect("a number of hosts"))
}

fn on_many_that_partly_fail(script: &str) {
    let frail = Frail::new(many());
    let (hosts, each) = (frail.names.len(), frail.dead().count());
    assert!(each > 0 && each == frail.wrong().count() && 100 * 2 * each == hosts, "one in a hundred");
    let user = Lab::of(Vec::new());
    let special_ones = frail.special().collect::<Vec<_>>().join(",");
    user.write("newsite.toml", &with_special(script, &special_ones));
    let (path, all) = (user.path("newsite.toml").display().to_string(), frail.fleet.expression());
    let config = frail.fleet.ssh_config().expect("on loopback").display().to_string();
    let yes = hosts.to_string();
    let how = ["-F", &config, "--yes", &yes];

    let (code, said) = told(&user.run(&[&["play", &path, &all][..], &how].concat()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{} ok: ", hosts - 2 * each)), "{said}");
    assert!(said.contains(&format!("{each} unreachable")), "{said}");
    assert!(said.contains(&format!("{each} failed (step ")), "{said}");
    let dead: Vec<&str> = frail.dead().collect();
    assert!(frail.done() == frail.expected(&dead), "all but the dead have it once:\n{:?}", frail.done());

    // The dead are there again; what was wrong is wrong still.
    dead.iter().for_each(|name| frail.runtime.block_on(frail.fleet.revive(name)).expect("it lives"));
    let again = [&["play", "--resume", "last", &path][..], &how].concat();
    let (code, said) = told(&user.run(&again));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("goes on with {} of {hosts} hosts", 2 * each)), "{said}");
    assert!(frail.done() == frail.expected(&[]), "now everybody has it once:\n{:?}", frail.done());

    frail.wrong().for_each(|name| configtest(&frail.home(name), "exit 0"));
    let (code, said) = told(&user.run(&again));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("goes on with {each} of {hosts} hosts")), "{said}");
    let (code, said) = told(&user.run(&again));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("has nothing left to do"), "{said}");
    let (code, said) = told(&user.run(&["show", "last"]));
    assert!(code == Some(0) && said.contains(&format!("{hosts} ok")), "{code:?} {said}");
    assert!(frail.done() == frail.expected(&[]), "and nobody twice:\n{:?}", frail.done());
    frail.runtime.block_on(frail.fleet.stop()).expect("it ends");
}
