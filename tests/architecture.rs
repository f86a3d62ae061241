//! The borders between the rooms, read from the `use` lines and paths of the sources.
//!
//! A failure names the file, the line and the rule. When code does not fit, mend the design (DESIGN.md's rooms and
//! ARCHITECTURE.md) in the same change rather than add an exception here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("ask", &["hosts"]),
    ("broadcast", &["scrubbed", "session", "size"]),
    (
        "cli",
        &[
            "ask", "config", "demo", "escape", "hosts", "outcome", "pane", "play", "push", "run", "session",
            "size", "ssh", "tui",
        ],
    ),
    ("config", &["escape", "size", "ssh"]),
    ("demo", &["ask", "escape", "hosts", "size", "ssh"]),
    ("escape", &[]),
    ("hosts", &["escape"]),
    ("outcome", &["ssh"]),
    ("pane", &["escape", "size"]),
    ("play", &["config", "escape", "hosts", "outcome", "pane", "run", "session", "size", "ssh"]),
    ("push", &["escape", "hosts", "outcome", "run", "ssh"]),
    ("run", &["escape", "hosts", "outcome", "ssh"]),
    ("scrubbed", &[]),
    ("session", &["outcome", "size", "ssh"]),
    ("size", &[]),
    ("ssh", &["ask", "escape", "hosts", "size"]),
    (
        "tui",
        &["ask", "broadcast", "escape", "hosts", "outcome", "pane", "play", "scrubbed", "session", "size"],
    ),
];

/// Which rooms may name a crate that has owners.
const OWNERS: &[(&str, &[&str])] = &[
    ("russh", &["ssh", "demo"]),
    ("vt100", &["pane"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
    ("tui_input", &["tui"]),
    ("nucleo_matcher", &["tui"]),
    ("clap", &["cli"]),
    ("pty_process", &["demo"]),
];

/// Files inside `tui` that may name crossterm: its edge to the terminal.
const CROSSTERM_FILES: &[&str] = &["src/tui/terminal.rs", "src/tui/event_loop.rs", "src/tui/translate.rs"];

/// Rooms and files that are pure: tested by values, so they name nothing that does IO or tells the time.
const PURE: &[&str] = &[
    "src/ask/",
    "src/broadcast.rs",
    "src/config/fold.rs",
    "src/config/guards.rs",
    "src/config/journal.rs",
    "src/config/keeping.rs",
    "src/config/macros.rs",
    "src/config/mod.rs",
    "src/config/parse.rs",
    "src/config/prompts.rs",
    "src/config/value.rs",
    "src/config/view.rs",
    "src/demo/sftp/answer.rs",
    "src/demo/sftp/content.rs",
    "src/demo/sftp/disk.rs",
    "src/demo/sftp/fs.rs",
    "src/demo/sftp/handles.rs",
    "src/demo/sftp/hostile.rs",
    "src/demo/sftp/image.rs",
    "src/demo/sftp/names.rs",
    "src/demo/sftp/node.rs",
    "src/demo/sftp/session.rs",
    "src/escape.rs",
    "src/hosts/",
    "src/outcome.rs",
    "src/pane/",
    "src/push/anchor.rs",
    "src/push/changes.rs",
    "src/push/contents.rs",
    "src/push/exclude.rs",
    "src/push/fill.rs",
    "src/push/paths.rs",
    "src/push/place.rs",
    "src/push/sift.rs",
    "src/push/spot.rs",
    "src/push/telling.rs",
    "src/push/versions.rs",
    "src/run/blocks.rs",
    "src/run/budget.rs",
    "src/run/diff.rs",
    "src/run/difference.rs",
    "src/run/forecast.rs",
    "src/run/freight.rs",
    "src/run/gather.rs",
    "src/run/groups.rs",
    "src/run/journal/books.rs",
    "src/run/journal/frame.rs",
    "src/run/journal/id.rs",
    "src/run/journal/line.rs",
    "src/run/journal/retention.rs",
    "src/run/json.rs",
    "src/run/keys.rs",
    "src/run/keys/",
    "src/run/lanes.rs",
    "src/run/order.rs",
    "src/run/ping.rs",
    "src/run/marks.rs",
    "src/run/plan.rs",
    "src/run/progress.rs",
    "src/run/quote.rs",
    "src/run/report.rs",
    "src/run/retry.rs",
    "src/run/schedule.rs",
    "src/run/share.rs",
    "src/run/script.rs",
    "src/run/stream.rs",
    "src/run/sudo.rs",
    "src/run/tally.rs",
    "src/run/throttle.rs",
    "src/run/top.rs",
    "src/run/waves.rs",
    "src/run/work.rs",
    "src/run/wrapper.rs",
    "src/play/ahead.rs",
    "src/play/course.rs",
    "src/play/ear.rs",
    "src/play/file.rs",
    "src/play/gate.rs",
    "src/play/keys.rs",
    "src/play/plain.rs",
    "src/play/score.rs",
    "src/play/script.rs",
    "src/play/shell.rs",
    "src/push/part.rs",
    "src/push/scripts.rs",
    "src/push/trouble.rs",
    "src/push/delete.rs",
    "src/push/losses.rs",
    "src/push/manifest.rs",
    "src/scrubbed.rs",
    "src/session/mod.rs",
    "src/session/state.rs",
    "src/size.rs",
    "src/ssh/agent/wire.rs",
    "src/ssh/login/ladder.rs",
    "src/ssh/login/offers.rs",
    "src/ssh/login/prompt.rs",
    "src/ssh/known_hosts/edit.rs",
    "src/ssh/known_hosts/listed.rs",
    "src/ssh/known_hosts/standing.rs",
    "src/ssh/algorithms.rs",
    "src/ssh/config/",
    "src/ssh/names.rs",
    "src/ssh/pattern.rs",
    "src/ssh/resolve/",
    "src/ssh/stage.rs",
    "src/ssh/error.rs",
    "src/ssh/pace.rs",
    "src/ssh/sftp/attrs.rs",
    "src/ssh/sftp/cursor.rs",
    "src/ssh/sftp/error.rs",
    "src/ssh/sftp/frame.rs",
    "src/ssh/sftp/packet.rs",
    "src/ssh/sftp/reply.rs",
    "src/ssh/sftp/request.rs",
    "src/ssh/silence.rs",
    "src/ssh/target.rs",
    "src/tui/action.rs",
    "src/tui/app/",
    "src/tui/control/protocol.rs",
    "src/tui/control/text.rs",
    "src/tui/compose.rs",
    "src/tui/compose/",
    "src/tui/draw/",
    "src/tui/event.rs",
    "src/tui/fold/",
    "src/tui/guard.rs",
    "src/tui/keep/cast.rs",
    "src/tui/keep/entry.rs",
    "src/tui/keep/names.rs",
    "src/tui/keep/plain.rs",
    "src/tui/keep/redraw.rs",
    "src/tui/keep/marks.rs",
    "src/tui/keep/set.rs",
    "src/tui/keep/unkept.rs",
    "src/tui/keep/utf8.rs",
    "src/tui/keep/words.rs",
    "src/tui/keymap.rs",
    "src/tui/keymap/",
    "src/tui/layout.rs",
    "src/tui/line.rs",
    "src/tui/picker.rs",
    "src/tui/recorder.rs",
    "src/tui/recorder/",
    "src/tui/scopes.rs",
    "src/tui/plain/gather.rs",
    "src/tui/plain/teller.rs",
    "src/tui/plain/words.rs",
    "src/tui/search.rs",
    "src/tui/selection.rs",
    "src/tui/watch.rs",
    "src/tui/stepwise.rs",
    "src/tui/theme.rs",
    "src/tui/tiling.rs",
];

/// The io files inside rooms that are otherwise pure.
const IO_FILES: &[&str] =
    &["src/hosts/files.rs", "src/hosts/sources.rs", "src/ssh/config/files.rs", "src/ssh/resolve/machine.rs"];

const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::env",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "crossterm::",
    "File::open",
];

struct Source {
    path: String,
    lines: Vec<(usize, String)>,
}

/// The code of every file under `src`, without comments and without its `#[cfg(test)]` tail.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source file");
            let lines = text
                .lines()
                .enumerate()
                .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
                .map(|(n, line)| (n + 1, line.to_owned()))
                .collect();
            let path = file.strip_prefix(root).expect("below the root").display().to_string();
            Source { path, lines }
        })
        .collect()
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// `src/hosts/set.rs` → `hosts`; `src/outcome.rs` → `outcome`.
fn room(path: &str) -> &str {
    let rest = path.strip_prefix("src/").expect("a source path");
    rest.split('/').next().expect("a name").trim_end_matches(".rs")
}

/// The rooms that a line names by `crate::room`.
fn named(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .flat_map(|(at, _)| {
            let rest = &line[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(first_word).collect(),
                None => vec![first_word(rest)],
            }
        })
        .collect()
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn rooms_name_only_the_rooms_below_them() {
    let rooms: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let mut faults = Vec::new();
    for source in sources() {
        let from = room(&source.path);
        if matches!(from, "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == from) else {
            faults.push(format!("{}: the room `{from}` is not on the map (ARROWS)", source.path));
            continue;
        };
        for (n, line) in &source.lines {
            for to in named(line) {
                if rooms.contains(to.as_str()) && to != from && !allowed.contains(&to.as_str()) {
                    faults.push(format!(
                        "{}:{n}: `{from}` may not name `{to}`: {}",
                        source.path,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_two_rooms_point_at_each_other() {
    for (from, tos) in ARROWS {
        for to in *tos {
            let back = ARROWS.iter().find(|(room, _)| room == to).expect("on the map").1;
            assert!(!back.contains(from), "`{from}` and `{to}` point at each other");
        }
    }
}

#[test]
fn crates_are_named_by_their_owners_alone() {
    let mut faults = Vec::new();
    for source in sources() {
        for (n, line) in &source.lines {
            for (name, owners) in OWNERS {
                let names_it =
                    line.contains(&format!("{name}::")) || line.trim().starts_with(&format!("use {name}"));
                let elsewhere = !owners.contains(&room(&source.path));
                let wrong_file = *name == "crossterm" && !CROSSTERM_FILES.contains(&source.path.as_str());
                if names_it && (elsewhere || wrong_file) {
                    faults.push(format!(
                        "{}:{n}: {name} belongs to {owners:?}: {}",
                        source.path,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_files_do_no_io_and_do_not_know_the_time() {
    let mut faults = Vec::new();
    for source in sources() {
        let pure =
            PURE.iter().any(|p| source.path.starts_with(p)) && !IO_FILES.contains(&source.path.as_str());
        if !pure {
            continue;
        }
        for (n, line) in &source.lines {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}:{n}: a pure file names {word}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_map_names_only_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in PURE.iter().chain(IO_FILES).chain(CROSSTERM_FILES) {
        assert!(root.join(path).exists(), "{path} is on the map, but not in the tree");
    }
}
