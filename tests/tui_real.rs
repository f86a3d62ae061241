//! The TUI on Debian's sshd in a real terminal, where it goes wrong: pastes, questions, hosts that take nothing, panics.

#[path = "keeping/real.rs"]
mod keeping;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/lab.rs"]
mod lab;
#[path = "tui_real/secret.rs"]
mod secret;
#[path = "tui_real/story.rs"]
mod story;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
pub mod support;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::Lab;
use rustix::process::Signal;
use support::need;
use support::proxy::{Proxy, Toxic};
use support::sshd::Sshd;
use tempfile::TempDir;
use ui::{Modes, Screen, Ui};

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

impl Lab {
    /// Opens all, and brings their shells to the same bare state, each in a directory of its own.
    fn calm(&self, size: (u16, u16)) -> Ui {
        let (ui, hosts) = (self.open(size), self.servers.len());
        ui.wait("all sessions", |screen| screen.contains(&format!("→ {hosts} hosts")));
        ui.line("exec env PS1='$ ' HISTFILE= bash --norc --noprofile");
        let base = self.path("hosts").display().to_string();
        ui.line(&format!("mkdir -p {base}/${{SSH_CONNECTION##* }}; cd {base}/${{SSH_CONNECTION##* }}"));
        ui.line("clear; echo all''-calm");
        ui.wait("calm shells", |screen| screen.count("all-calm") == hosts);
        ui.line("clear");
        ui.wait("clear shells", |screen| screen.count("all-calm") == 0);
        ui
    }

    /// The directory in which a host's shell stands.
    fn cwd(&self, host: usize) -> PathBuf {
        self.path("hosts").join(self.servers[host].port().to_string())
    }
}

/// A paste as a terminal sends it.
fn paste(ui: &Ui, text: &str) {
    ui.write(format!("\x1b[200~{text}\x1b[201~"));
}

#[test]
fn nothing_of_a_paste_reaches_a_host_before_the_users_yes() {
    let lab = Lab::known(&["alpha", "beta"]);
    let ui = lab.calm((30, 100));
    paste(&ui, "touch pasted-1\rtouch pasted-2\r");
    let screen = ui.wait_for("2 lines × 2 hosts");
    assert!(screen.contains("│ touch pasted-1") && screen.contains("│ touch pasted-2"), "{}", screen.text());
    assert!(screen.contains("→ nobody"), "{}", screen.text());
    ui.wait_for("y sends it");
    ui.keys("Enter x n");
    ui.wait("the question is gone", |screen| screen.contains("→ 2 hosts"));
    // Hosts take what they are sent in order: when they answer this, they have had all that came before.
    ui.line("echo fi''rst; ls");
    let screen = ui.wait("both answer", |screen| screen.count("first") == 2);
    assert_eq!(screen.count("pasted"), 0, "{}", screen.text());

    // An end marker in the text, which some terminals let through, takes nothing out of the question.
    ui.line("clear");
    paste(&ui, "touch pasted-3\x1b[201~\rtouch pasted-4\r");
    ui.wait_for("with 1 control byte");
    ui.wait_for("y sends it");
    ui.keys("n");
    ui.wait("the question is gone", |screen| screen.contains("→ 2 hosts"));
    paste(&ui, "touch pasted-5\r");
    ui.wait_for("1 line × 2 hosts");
    ui.wait_for("y sends it");
    ui.keys("y");
    // The shell asked for brackets, so the pasted line end executes nothing either.
    ui.wait("the pasted text at the prompt", |screen| screen.count("$ touch pasted-5") == 2);
    for host in 0..2 {
        assert_eq!(fs::read_dir(lab.cwd(host)).expect("its directory").count(), 0);
    }
    ui.keys("Enter");
    ui.line("clear; ls");
    ui.wait("the file of the one that was meant", |screen| screen.count("║pasted-5") == 2);
}

/// Accepts all keys of the table. A key that has come within the last half second is left, and that is said; then the
/// user looks, and presses again.
fn accept_all(ui: &Ui) {
    let asks = |screen: &Screen| screen.contains("Unknown host keys");
    loop {
        ui.keys("C-t");
        let screen = ui.wait("an answer", |screen| !asks(screen) || screen.contains("was left"));
        if !asks(&screen) {
            return;
        }
        ui.keys("y");
        ui.wait_for("this key answers nothing");
    }
}

#[test]
fn unknown_host_keys_stand_in_one_table_and_enter_accepts_none() {
    let names = ["host1", "host2", "host3", "host10"];
    let lab = Lab::known(&names);
    let trusted = fs::read_to_string(lab.path(".ssh/known_hosts")).expect("the file");
    fs::remove_file(lab.path(".ssh/known_hosts")).expect("it was there");
    // Debian's own configuration hashes names.
    lab.write(".ssh/config", "HashKnownHosts no\n");
    let ui = lab.open((40, 120));
    let screen = ui.wait("the table, listening", |screen| {
        screen.contains("The keys of 4 hosts are not known yet") && screen.contains("C-t all")
    });
    let row = |name: &str| screen.rows.iter().position(|row| row.contains(&format!(" {name} (")));
    let rows: Vec<_> = names.iter().map(|name| row(name).expect("each has a row")).collect();
    assert!(rows.is_sorted(), "in natural order:\n{}", screen.text());

    ui.keys("Enter Space y");
    ui.wait_for("this key answers nothing");
    assert!(!lab.path(".ssh/known_hosts").exists(), "nothing was learned");
    ui.keys("Up Up Up Down C-x");
    ui.wait("one is refused", |screen| {
        screen.contains("host2 · closed: host key refused") && screen.contains("The keys of 3 hosts")
    });
    accept_all(&ui);
    ui.wait("the others are open", |screen| screen.contains("→ 3 of 4 hosts"));
    let learned = fs::read_to_string(lab.path(".ssh/known_hosts")).expect("the file");
    for (name, server) in names.iter().zip(&lab.servers) {
        let place = format!("[127.0.0.1]:{} ", server.port());
        let line = |text: &str| text.lines().find(|line| line.starts_with(&place)).map(str::to_owned);
        let expected = if *name == "host2" { None } else { line(&trusted) };
        assert_eq!(line(&learned), expected, "{name}");
    }
}

#[test]
fn a_wrong_passphrase_is_asked_again_and_the_right_one_opens_all() {
    let home = TempDir::new().expect("a home");
    let key = home.path().join("locked");
    let made = Command::new(need("ssh-keygen", "openssh-client"))
        .args(["-q", "-N", "open sesame", "-C", "", "-t", "ed25519", "-f"])
        .arg(&key)
        .status();
    assert!(made.expect("ssh-keygen starts").success());
    let public = fs::read_to_string(key.with_extension("pub")).expect("the public half");
    let servers: Vec<Sshd> = (0..3).map(|_| Sshd::builder().authorize(&public).start()).collect();
    let lab = Lab { servers, home };
    lab.name(&["alpha", "beta", "gamma"], &[key.clone(), key.clone(), key]);
    let known: String = lab.servers.iter().map(Sshd::known_hosts).collect();
    lab.write(".ssh/known_hosts", &known);

    let ui = lab.open((40, 120));
    let listens = |screen: &Screen| screen.contains("hidden:") && screen.contains("Esc later");
    let screen = ui.wait("the question, listening", listens);
    assert!(screen.contains("which is sent to no host"), "{}", screen.text());
    ui.write("not this");
    ui.wait("dots", |screen| screen.contains("hidden: ••••••••"));
    ui.keys("Enter");
    ui.wait("it is asked again", |screen| {
        screen.contains("not the passphrase of this key") && listens(screen)
    });
    ui.write("open sesame");
    ui.keys("Enter");
    ui.wait("all are open after one right answer", |screen| screen.contains("→ 3 hosts"));
    let seen = String::from_utf8_lossy(&ui.raw()).into_owned();
    assert!(!seen.contains("sesame") && !seen.contains("not this"), "a secret is never shown");
}

#[test]
fn a_held_host_gets_exactly_what_was_kept_or_nothing_of_it() {
    let lab = Lab::known(&["alpha", "beta", "gamma"]);
    // Tiles as wide as their terminals, so that no mark is out of sight.
    let ui = lab.calm((45, 90));
    // Shows a `>` for each that its file holds, so that the screen tells how far a host is.
    ui.line("clear; >got; tail -f got | stdbuf -o0 tr -dc '\\076' & stty raw -echo; cat >got");
    ui.wait("all run it", |screen| screen.count("║[1]") == 3 && screen.count("$") == 0);
    lab.servers[1].signal_sessions(Signal::STOP);
    lab.servers[2].signal_sessions(Signal::STOP);

    let mut sent = String::new();
    let mut accepted = 0;
    for n in 0..500 {
        let piece = format!("{n:05} ").repeat(8_000) + ">";
        paste(&ui, &piece);
        sent.push_str(&piece);
        let screen = ui.wait("alpha got it", |screen| screen.count(">") > n);
        if screen.contains("2 held") {
            break;
        }
        accepted = sent.len();
    }
    let screen = ui.wait("both are held", |screen| screen.contains("2 held"));
    assert!(screen.contains("■ beta · held") && screen.contains("→ 1 of 3 hosts"), "{}", screen.text());

    lab.servers[1].signal_sessions(Signal::CONT);
    lab.servers[2].signal_sessions(Signal::CONT);
    ui.keys("C-a o C-a u");
    ui.wait_for("beta: released");
    ui.keys("C-a o C-a U");
    let screen = ui.wait_for("gamma: released");
    let discarded = screen
        .rows
        .last()
        .and_then(|row| row.split("released, ").nth(1)?.split(' ').next()?.parse::<usize>().ok());
    let kept = accepted - discarded.unwrap_or_else(|| panic!("it says how much:\n{}", screen.text()));
    ui.wait_for("→ 3 hosts");
    ui.write("end>");
    let expected = [&*sent, &sent[..accepted], &sent[..kept]].map(|text| format!("{text}end>"));
    let marks: usize = expected.iter().map(|text| text.matches('>').count()).sum();
    ui.wait("the end of everything", |screen| screen.count(">") == marks);
    for (host, expected) in expected.iter().enumerate() {
        let got = fs::read_to_string(lab.cwd(host).join("got")).expect("the file");
        assert!(got == *expected, "host {host}: {} bytes instead of {}", got.len(), expected.len());
    }
}

#[test]
fn a_resize_of_the_terminal_reaches_the_hosts() {
    let lab = Lab::known(&["alpha", "beta"]);
    let ui = lab.calm((61, 100));
    let size = |screen: &Screen, size: &str| screen.count(&format!("║{size} ")) == 2;
    // Says its size at the start and whenever it is told another.
    let watch =
        r#"sh -c 'say() { clear; stty size; }; say; trap say WINCH; sleep 1000 & while :; do wait; done'"#;
    ui.line(watch);
    ui.wait("two tiles above each other", |screen| size(screen, "28 98"));
    for (rows, cols, expected) in [(41, 120, "24 118"), (81, 200, "38 198"), (20, 60, "24 80")] {
        ui.resize(rows, cols);
        ui.wait(expected, |screen| size(screen, expected) && screen.contains("C-a ? help"));
    }
}

/// Set in the child that takes the terminal and panics.
const PANICS: &str = "OMNES_TEST_PANICS";

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    if std::env::var_os(PANICS).is_some() {
        // The built program has no way to panic that could be provoked from outside; this is its terminal, taken over
        // and lost in the same way.
        let _terminal = omnes::tui::terminal::Terminal::enter().expect("a terminal");
        panic!("provoked");
    }
    let this = std::env::current_exe().expect("this test's own program");
    let name = "a_panic_gives_the_terminal_back_before_it_is_told";
    let env = [(PANICS, "1"), ("TERM", "xterm-256color"), ("RUST_BACKTRACE", "0")];
    let mut ui = Ui::start(&this, &["--exact", name, "--nocapture", "--test-threads=1"], &env, (30, 100));
    assert!(!ui.wait_exit().success());
    assert_eq!(ui.modes(), Modes::SANE);
    assert!(ui.screen().contains("provoked"), "told on the user's own screen:\n{}", ui.screen().text());
    let raw = String::from_utf8_lossy(&ui.raw()).into_owned();
    let (taken, given) = (raw.find("\x1b[?1049h"), raw.find("\x1b[?1049l"));
    assert!(taken.is_some() && given > taken && raw.find("provoked") > given, "{raw:?}");
}

#[test]
fn a_demo_that_is_left_leaves_no_files_behind() {
    let (home, files) = (TempDir::new().expect("a home"), TempDir::new().expect("a directory"));
    let (home, place) = (home.path().display().to_string(), files.path().display().to_string());
    let env =
        [("HOME", home.as_str()), ("TMPDIR", &place), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")];
    // With many hosts some sessions are always on their way when the user leaves.
    for leaves in ["C-a q y", "HUP"] {
        let mut ui = Ui::start(Path::new(OMNES), &["demo", "--hosts", "60"], &env, (40, 120));
        ui.wait_for("→ 58 of 60 hosts");
        match leaves {
            "HUP" => {
                let pid = rustix::process::Pid::from_raw(ui.pid() as i32).expect("a process");
                rustix::process::kill_process(pid, Signal::HUP).expect("it lives");
            }
            keys => ui.keys(keys),
        }
        ui.wait_exit();
        let left: Vec<_> = fs::read_dir(files.path()).expect("the directory").collect();
        assert!(left.is_empty(), "after {leaves}: {left:?}");
    }
}

#[test]
fn a_mended_known_hosts_counts_when_the_user_tries_again() {
    let lab = Lab::known(&["alpha", "beta"]);
    let wrong = lab.servers[1].known_hosts();
    let wrong = wrong.split_once(' ').expect("a key").1;
    let place = format!("[127.0.0.1]:{}", lab.servers[0].port());
    lab.write(".ssh/known_hosts", &format!("{place} {wrong}{}", lab.servers[1].known_hosts()));
    let ui = lab.open((40, 120));
    ui.wait_for("alpha · closed: host key refused");
    ui.wait_for("→ 1 of 2 hosts");
    // What the tile tells the user to do.
    let mended = Command::new(need("ssh-keygen", "openssh-client"))
        .args(["-R", &place, "-f"])
        .arg(lab.path(".ssh/known_hosts"))
        .output();
    assert!(mended.expect("ssh-keygen starts").status.success());
    ui.keys("C-a r");
    ui.wait("the key is unknown now", |screen| {
        screen.contains("The key of 1 host is not known yet") && screen.contains("C-t all")
    });
    ui.keys("C-y");
    ui.wait_for("→ 2 hosts");
}

/// Servers behind proxies, which are what the user connects to.
fn behind_proxies(names: &[&str]) -> (Lab, Vec<Proxy>) {
    let lab = Lab::known(names);
    let proxies: Vec<Proxy> = lab.servers.iter().map(|server| Proxy::to(server.port())).collect();
    let (mut hosts, mut known) = (format!("[clusters.lab]\nhosts = {names:?}\n"), String::new());
    for ((name, server), proxy) in names.iter().zip(&lab.servers).zip(&proxies) {
        let (port, key) = (proxy.port(), server.client_key().display().to_string());
        hosts.push_str(&format!(
            "[hosts.{name}]\naddress = \"127.0.0.1\"\nport = {port}\nidentity = {key:?}\n"
        ));
        known.push_str(&format!("[127.0.0.1]:{port} {}\n", server.host_key(support::sshd::KeyKind::Ed25519)));
    }
    lab.write(".config/omnes/clusters.toml", &hosts);
    lab.write(".ssh/known_hosts", &known);
    (lab, proxies)
}

#[test]
fn a_silent_host_is_shown_as_stalled_and_goes_on_with_what_was_typed() {
    let (lab, proxies) = behind_proxies(&["alpha", "beta"]);
    // The usual 15 s only where they are asked for.
    let limit = match std::env::var_os("OMNES_TEST_REAL_TIME") {
        Some(_) => 16,
        None => {
            lab.write(".ssh/config", "ServerAliveInterval 1\nServerAliveCountMax 1000\n");
            60
        }
    };
    let ui = lab.calm((30, 100));
    proxies[1].set_both(Toxic::Stall);
    let pulled = std::time::Instant::now();
    ui.line("echo ty''ped");
    ui.wait_for("→ 2 hosts, 1 stalled");
    let shown = pulled.elapsed();
    assert!(shown <= std::time::Duration::from_secs(limit), "{shown:?}");
    let screen = ui.wait_for("beta · stalled ");
    assert!(screen.contains("13 B unanswered") && screen.count("typed") == 1, "{}", screen.text());
    ui.keys("C-a !");
    ui.wait_for("▶● beta · stalled");
    proxies[1].set_both(Toxic::Clear);
    ui.wait("it goes on with what was typed", |screen| {
        screen.count("typed") == 2 && screen.count("stalled") == 0 && screen.contains("→ 2 hosts")
    });
}

#[test]
fn lost_sessions_come_back_by_themselves_in_their_place_and_wait() {
    let (mut lab, proxies) = behind_proxies(&["alpha", "beta"]);
    lab.write(".config/omnes/config.toml", "[sessions]\nreconnect = \"auto\"\n");
    let ui = lab.calm((30, 100));
    ui.line("echo la''st words");
    ui.wait("both said it", |screen| screen.count("last words") == 2);
    proxies[0].reset();
    ui.wait_for("alpha · closed: link lost · reconnects in");
    let screen = ui.wait_for("alpha · waiting");
    assert!(screen.contains("→ 1 of 2 hosts") && screen.count("last words") == 2, "{}", screen.text());
    ui.line("echo mi''ssed");
    ui.wait_for("missed");
    ui.keys("C-a i");
    ui.wait_for("→ 2 hosts");

    // A host that is down for a while, and is back.
    lab.servers[1].kill();
    ui.wait_for("beta · closed: link lost");
    ui.wait_for("→ 1 of 2 hosts");
    lab.servers[1].restart();
    ui.wait_for("beta · waiting");
    ui.keys("C-a ! C-a i");
    ui.wait_for("→ 2 hosts");
    ui.line("echo ag''ain");
    ui.wait("both hear", |screen| screen.count("again") == 2 && screen.count("missed") == 1);
}
