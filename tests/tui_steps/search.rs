//! Searching in one tile and across every host.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::size::Size;
use omnes::tui::app::{Keyboard, Options, SLICE_BYTES};
use omnes::tui::event::Event;
use ratatui::style::Modifier;

use crate::harness::Ui;

const FOUR: Size = Size { rows: 17, cols: 80 };

/// Three hosts with some lines each; `b` has no error.
fn three() -> Ui {
    let mut ui = Ui::with(Options::default(), FOUR, &["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        for n in 1..=60 {
            let text = if n % 20 == 7 && name != "b" { "Error: no space" } else { "all is well" };
            ui.output(name, &format!("{name}{n:02} {text}\r\n"));
        }
    }
    ui
}

/// Lets time pass until the search is done, which must come about.
fn search_on(ui: &mut Ui) -> usize {
    for n in 0..100_000 {
        if ui.app.sweep().is_none_or(|sweep| sweep.is_done()) {
            return n;
        }
        let wake = ui.app.wake_at().expect("a running search wants to go on");
        ui.now = wake.max(ui.now);
        ui.step(Event::Tick);
        assert!(ui.app.slice_read() <= SLICE_BYTES + 1024, "{} bytes in one step", ui.app.slice_read());
    }
    panic!("the search does not end");
}

/// What is reversed on the screen, tile by tile, the one that was gone to with a star.
fn hits(ui: &Ui) -> String {
    let buffer = ui.buffer();
    let mut text = String::new();
    for (id, rect) in &ui.app.layout().tiles {
        for y in rect.y + 1..rect.bottom() - 1 {
            let cells = (rect.x + 1..rect.right() - 1).map(|x| &buffer[(x, y)]);
            let found: Vec<_> = cells.filter(|cell| cell.modifier.contains(Modifier::UNDERLINED)).collect();
            if found.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED)) && !found.is_empty() {
                let star = if found[0].modifier.contains(Modifier::BOLD) { "*" } else { "" };
                let start: String = (rect.x + 1..rect.x + 4).map(|x| buffer[(x, y)].symbol()).collect();
                let word: String = found.iter().map(|cell| cell.symbol()).collect();
                text.push_str(&format!("{}: {start} {word}{star}\n", ui.app.tile(*id).expect("a tile").name));
            }
        }
    }
    text
}

fn note(ui: &Ui) -> &str {
    ui.app.notes().note().map_or("", |note| &note.text)
}

#[test]
fn a_search_in_one_tile_goes_from_hit_to_hit_and_around() {
    let mut ui = three();
    ui.keys("C-a /").text("error").keys("Enter");
    assert_snapshot!(hits(&ui), @"a: a47 Error*");
    assert!(ui.screen().contains("line 47 of 61"), "{}", ui.screen());
    ui.keys("n");
    assert_eq!(hits(&ui), "a: a27 Error*\n");
    ui.keys("n n");
    assert_eq!((hits(&ui).as_str(), note(&ui)), ("a: a47 Error*\n", "on from the newest line"));
    ui.keys("N");
    assert_eq!((hits(&ui).as_str(), note(&ui)), ("a: a07 Error*\n", "on from the oldest line"));
    ui.keys("/").text("a2").keys("Enter n");
    assert!(hits(&ui).contains("a: a21 a2*\n"), "{}", hits(&ui));
    ui.keys("?").text("re:a1[3-5]").keys("Enter");
    assert!(hits(&ui).contains("a: a15 a15*\n"), "{}", hits(&ui));
    ui.keys("/").text("ERROR").keys("Enter");
    assert_eq!(note(&ui), "it stands nowhere here", "a capital makes it exact");
    ui.keys("/").text("re:(").keys("Enter");
    assert!(ui.screen().contains("this is no pattern"), "{}", ui.screen());
    ui.keys("Esc");
    assert!(matches!(ui.app.keyboard(), Keyboard::Scrollback), "the look back goes on");
    ui.keys("Esc");
    assert_eq!((hits(&ui).as_str(), ui.got("a").as_str()), ("", ""));
}

#[test]
fn a_search_of_every_host_counts_their_hits_and_jumps_between_them() {
    let mut ui = three();
    ui.keys("C-a M-/").text("error").keys("Enter");
    search_on(&mut ui);
    let shown: Vec<String> = ui.screen().lines().take(4).map(|line| line.to_owned()).collect();
    assert_snapshot!(shown.join("\n"), @r"
    ┏━ Hits ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃›                                                                             ┃
    ┃▶ a: a47 Error: no space                                                3 hits┃
    ┃  c: c47 Error: no space                                                3 hits┃
    ");
    ui.keys("Down Enter");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("c")));
    assert!(hits(&ui).ends_with("c: c47 Error*\n"), "{}", hits(&ui));
    assert_eq!(note(&ui), "c: 6 hits on 2 hosts");
    for wanted in ["c27", "c07", "a47", "a27", "a07", "c47"] {
        ui.keys("n");
        assert!(hits(&ui).contains(&format!("{wanted} Error*")), "{wanted}: {}", hits(&ui));
    }
    ui.keys("N");
    assert!(hits(&ui).contains("a07 Error*"), "{}", hits(&ui));
    ui.keys("q").text("x");
    assert_eq!(ui.got("a"), "x");
    ui.keys("C-a :").text("search-hits").keys("Enter Enter");
    assert!(hits(&ui).contains("a47 Error*"), "{}", hits(&ui));
}

#[test]
fn a_search_over_1000_hosts_works_in_slices_between_keys_and_stops_on_escape() {
    let names: Vec<String> = (0..1000).map(|n| format!("h{n:03}")).collect();
    let mut ui = Ui::with(Options::default(), FOUR, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let text = "some line of output, with needles in it now and then, and so on\r\n".repeat(40);
    for name in &names {
        ui.output(name, &text);
    }
    ui.keys("C-a M-/").text("needle").keys("Enter");
    let first = ui.app.sweep().expect("it runs").progress().0;
    assert!(first < 1000, "not all at once");
    let steps = search_on(&mut ui);
    assert!(steps >= 1, "{steps} slices");
    let sweep = ui.app.sweep().expect("it ran");
    assert_eq!((sweep.total(), sweep.found().len()), (40_000, 1000));
    ui.keys("Esc C-a M-/").text("output").keys("Enter").text("h0");
    assert!(ui.screen().contains("searching: ") || ui.app.sweep().is_some_and(|sweep| !sweep.is_done()));
    ui.keys("Esc");
    assert!(
        note(&ui).starts_with("stopped: ") && note(&ui).ends_with("of 1000 hosts searched"),
        "{}",
        note(&ui)
    );
    assert_eq!(ui.wait(Duration::from_secs(60)).app.wake_at(), None, "nothing is left to do");
    assert!(ui.all_got().iter().all(String::is_empty));
}

#[test]
fn a_slow_pattern_makes_smaller_slices() {
    let options = Options { scrollback: 40_000, ..Options::default() };
    let mut ui = Ui::with(options, FOUR, &["a", "b", "c"]);
    let text = "some line of output, and so on and on\r\n".repeat(40_000);
    for name in ["a", "b", "c"] {
        ui.output(name, &text);
    }
    ui.keys("C-a M-/").text("zzz").keys("Enter");
    let mut read = vec![ui.app.slice_read()];
    while ui.app.sweep().is_some_and(|sweep| !sweep.is_done()) && read.len() < 100 {
        // Each step comes long after it was due.
        ui.wait(Duration::from_millis(100));
        read.push(ui.app.slice_read());
    }
    assert!(read.len() > 20 && read[0] > 1_000_000 && read[6] < 33_000, "{read:?}");
}
