//! Keys as tmux sends them.

use std::time::{Duration, Instant};

use omnes::pane::{HistoryLimit, Key, Pane};
use omnes::size::Size;

use crate::tmux::{DEADLINE, Tmux};

fn shows(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |rows| rows.iter().any(|row| row.contains(text))
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
