//! Panes beside what programs and people trust: the same programs print into a pane and into tmux, the same keys are
//! encoded by both, and terminfo's entry for the TERM that hosts are told names the same bytes for a key.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use omnes::pane::{HistoryLimit, Key, Pane};
use omnes::size::Size;
use tempfile::TempDir;

/// Many times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A tmux server of our own with one window of 80x24, in which a program waits for a line before it begins.
struct Tmux {
    home: TempDir,
}

impl Tmux {
    fn start(program: &str) -> Tmux {
        let tmux = Tmux { home: tempfile::tempdir().expect("a directory for the server") };
        std::fs::write(
            tmux.path("conf"),
            "set -g default-terminal xterm-256color\nset -g status off\nset -s escape-time 0\n",
        )
        .expect("its configuration");
        let script = format!("stty -echo; read go; stty echo; {program}");
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &script]);
        tmux.run(&["pipe-pane", "-o", &format!("cat > {}", tmux.path("output").display())]);
        // The pipe is ready when what is printed arrives in it; `go` is not printed, but the program is.
        tmux.run(&["send-keys", "go", "Enter"]);
        tmux
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-S"])
            .arg(self.path("socket"))
            .arg("-f")
            .arg(self.path("conf"))
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.home.path())
            .env("SHELL", "/bin/sh")
            .env_remove("TMUX")
            .output()
            .expect("tmux is installed (apt-get install tmux)");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What tmux shows, without blanks at the ends of rows.
    fn screen(&self) -> Vec<String> {
        let text = self.run(&["capture-pane", "-p"]);
        let mut rows: Vec<String> = text.lines().map(|row| row.trim_end().to_owned()).collect();
        rows.resize(24, String::new());
        rows
    }

    /// What a pane of ours shows after the same bytes.
    fn ours(&self) -> Vec<String> {
        let bytes = std::fs::read(self.path("output")).unwrap_or_default();
        let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
        pane.feed(Duration::ZERO, &bytes);
        (0..24).map(|row| pane.screen().row_text(row)).collect()
    }

    /// Waits until tmux shows something that satisfies `wanted`, and our pane shows the same.
    fn agrees(&self, step: &str, wanted: impl Fn(&[String]) -> bool) {
        let start = Instant::now();
        loop {
            let theirs = self.screen();
            let ours = self.ours();
            if wanted(&theirs) && ours == theirs && self.screen() == theirs {
                return;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "{step}:\n--- tmux\n{}\n--- ours\n{}",
                theirs.join("\n"),
                ours.join("\n")
            );
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

fn shows(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |rows| rows.iter().any(|row| row.contains(text))
}

#[test]
fn vim_looks_as_in_tmux() {
    let tmux = Tmux::start("vim -u NONE -i NONE -N -c 'set ruler hlsearch nottyfast' /etc/services");
    tmux.agrees("opened", shows("Network services"));
    tmux.run(&["send-keys", "/http", "Enter", "/", "Up", "Enter"]);
    tmux.agrees("searched", shows("http"));
    tmux.run(&["send-keys", ":split", "Enter"]);
    tmux.agrees("split", shows("/etc/services"));
    tmux.run(&["send-keys", "G", "Down", "PPage", "dd", "p", "i", "typed é語 here", "Escape"]);
    tmux.agrees("typed", shows("typed é語 here"));
    tmux.run(&["send-keys", ":vsplit", "Enter", "gg", "C-f", "C-e", "C-e"]);
    tmux.agrees("split again", |rows| rows.iter().any(|row| row.contains('|')));
    tmux.run(&["send-keys", ":qa!", "Enter"]);
}

#[test]
fn less_and_top_look_as_in_tmux() {
    let tmux = Tmux::start("less /etc/services; top -b -n 1 | head -20; echo over; read end");
    tmux.agrees("opened", shows("Network services"));
    tmux.run(&["send-keys", "Space", "Space", "b", "Down", "Down", "Up"]);
    tmux.agrees("paged", shows("/tcp"));
    tmux.run(&["send-keys", "/https", "Enter"]);
    tmux.agrees("searched", shows("https"));
    tmux.run(&["send-keys", "G"]);
    tmux.agrees("at its end", shows("(END)"));
    tmux.run(&["send-keys", "q"]);
    tmux.agrees("left", shows("over"));
}

#[test]
fn plain_output_looks_as_in_tmux() {
    let tmux = Tmux::start(
        "printf 'a\\tb\\tc\\n%0200d\\n' 7; printf '語語語%.0s' $(seq 30); echo; ls -l --color=always /etc | head -60; \
         printf '\\033[5;10H\\033[3L\\033[2M\\033[4@in\\033[10;1Hxy\\033[7b\\033[20;24r\\033[24;1H\\n\\n\\033[r\\033[22;1Hbottom'; \
         printf '\\033[1;1H\\0337\\033[12;40Hmid\\0338first\\033[3P\\033[2Xe\\314\\201\\033[23;79Hwrapped\\r\\n'; echo over; read end",
    );
    tmux.agrees("printed", shows("over"));
}

#[test]
fn index_next_line_and_saved_charsets_are_as_in_tmux() {
    let tmux = Tmux::start(
        "printf 'one\\033Dtwo\\033Ethree\\033[24;1H\\033Elast\\033(0\\0337\\033(B and\\0338\\033(B over'; read end",
    );
    tmux.agrees("printed", shows("over"));
}

/// tmux's names for keys, where they differ from ours.
fn tmux_name(key: &str) -> String {
    let (mods, name) = key.rsplit_once('-').map_or(("", key), |(mods, name)| (mods, name));
    let name = match name {
        "Backspace" => "BSpace",
        "Delete" => "DC",
        "Insert" => "IC",
        "PageUp" => "PPage",
        "PageDown" => "NPage",
        "Esc" => "Escape",
        name => name,
    };
    match (mods, name) {
        ("S", "Tab") => "BTab".to_owned(),
        ("", name) => name.to_owned(),
        (mods, name) => format!("{mods}-{name}"),
    }
}

#[test]
fn keys_are_encoded_as_tmux_encodes_them() {
    let mut keys: Vec<String> = [
        "a",
        "Z",
        "é",
        "Space",
        "Enter",
        "Tab",
        "S-Tab",
        "Esc",
        "Backspace",
        "C-Space",
        "C-\\",
        "C-]",
        "C-^",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend(('a'..='z').flat_map(|c| [format!("C-{c}"), format!("M-{c}"), format!("C-M-{c}")]));
    for name in ["Up", "Down", "Left", "Right", "Home", "End", "Insert", "Delete", "PageUp", "PageDown"] {
        // tmux sends a bare Home and End as its own terminal type wants them; terminfo below says what ours wants.
        let bare = (!matches!(name, "Home" | "End")).then(|| name.to_owned());
        keys.extend(bare);
        keys.extend(["S-", "C-", "M-", "C-M-", "C-M-S-"].map(|mods| format!("{mods}{name}")));
    }
    for n in 1..=12 {
        keys.extend(["", "S-", "C-", "M-", "C-S-"].map(|mods| format!("{mods}F{n}")));
    }
    for (modes, setup) in
        [("ordinary", "printf '\\033[?1l\\033>'"), ("application", "printf '\\033[?1h\\033='")]
    {
        compare_keys(modes, setup, &keys);
    }
}

/// Types every key in tmux, each followed by a mark that no key produces, and compares what arrives.
fn compare_keys(modes: &str, setup: &str, keys: &[String]) {
    let home = tempfile::tempdir().expect("a directory");
    let typed = home.path().join("typed");
    let tmux = Tmux::start(&format!(
        "stty raw -echo; {setup}; echo ready; exec dd bs=1 of={} 2>/dev/null",
        typed.display()
    ));
    tmux.agrees("raw", shows("ready"));
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
    pane.feed(Duration::ZERO, &std::fs::read(tmux.path("output")).expect("what the program printed"));
    for key in keys {
        tmux.run(&["send-keys", &tmux_name(key), "§"]);
    }
    let mark = "§".as_bytes();
    let start = Instant::now();
    let bytes = loop {
        let bytes = std::fs::read(&typed).unwrap_or_default();
        if memchr::memmem::find_iter(&bytes, mark).count() == keys.len() && bytes.ends_with(mark) {
            break bytes;
        }
        assert!(start.elapsed() < DEADLINE, "{}", bytes.escape_ascii());
    };
    let mut rest = &bytes[..];
    for key in keys {
        let end = memchr::memmem::find(rest, mark).expect("counted above");
        let ours = pane.encode_key(key.parse::<Key>().expect("a key"));
        assert_eq!(
            ours.escape_ascii().to_string(),
            rest[..end].escape_ascii().to_string(),
            "{key} in {modes} mode"
        );
        rest = &rest[end + mark.len()..];
    }
}

#[test]
fn keys_are_what_terminfo_says() {
    let output = Command::new("infocmp").args(["-x", "-1", "xterm-256color"]).output();
    let output = output.expect("infocmp is installed (apt-get install ncurses-bin)");
    let entry = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
    // What programs send to put the keypad into the mode that terminfo describes.
    pane.feed(Duration::ZERO, b"\x1b[?1h\x1b=");
    let mut names = vec![
        ("kbs".to_owned(), "Backspace".to_owned()),
        ("kcbt".to_owned(), "S-Tab".to_owned()),
        ("kind".to_owned(), "S-Down".to_owned()),
        ("kri".to_owned(), "S-Up".to_owned()),
    ];
    let plain = [
        ("kcuu1", "Up"),
        ("kcud1", "Down"),
        ("kcub1", "Left"),
        ("kcuf1", "Right"),
        ("khome", "Home"),
        ("kend", "End"),
    ];
    let tilde = [("kich1", "Insert"), ("kdch1", "Delete"), ("kpp", "PageUp"), ("knp", "PageDown")];
    names.extend(plain.iter().chain(&tilde).map(|(cap, key)| (cap.to_string(), key.to_string())));
    names.extend((1..=24).map(|n| (format!("kf{n}"), format!("F{n}"))));
    let mods = [("", "S-"), ("3", "M-"), ("4", "M-S-"), ("5", "C-"), ("6", "C-S-"), ("7", "C-M-")];
    for (cap, key) in [
        ("kUP", "Up"),
        ("kDN", "Down"),
        ("kLFT", "Left"),
        ("kRIT", "Right"),
        ("kHOM", "Home"),
        ("kEND", "End"),
        ("kIC", "Insert"),
        ("kDC", "Delete"),
        ("kPRV", "PageUp"),
        ("kNXT", "PageDown"),
    ] {
        names.extend(mods.map(|(number, held)| (format!("{cap}{number}"), format!("{held}{key}"))));
    }
    for (capability, name) in names {
        let line = entry.lines().find_map(|line| line.trim().strip_prefix(&format!("{capability}=")));
        let expected = line.unwrap_or_else(|| panic!("terminfo has no {capability}")).trim_end_matches(',');
        let ours = pane.encode_key(name.parse().expect("a key")).escape_ascii().to_string();
        assert_eq!(ours.replace("\\x1b", "\\E").replace("\\x7f", "^?"), expected, "{name} ({capability})");
    }
}
