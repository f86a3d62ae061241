//! The life of a tile: sizes, adding, closing, reconnecting, leaving.

use std::time::Duration;

use omnes::outcome::Outcome;
use omnes::session::SessionEvent;
use omnes::size::Size;
use omnes::ssh::Stage;
use omnes::tui::app::Options;
use omnes::tui::event::{Effect, Event};

use crate::harness::{SMALL, Ui};

fn resizes(ui: &Ui) -> Vec<Size> {
    let size = |effect: &Effect| match effect {
        Effect::Resize { size, .. } => Some(*size),
        _ => None,
    };
    ui.effects.iter().filter_map(size).collect()
}

fn opened(ui: &Ui) -> Vec<Size> {
    let size = |effect: &Effect| match effect {
        Effect::Open { size, .. } => Some(*size),
        _ => None,
    };
    ui.effects.iter().filter_map(size).collect()
}

#[test]
fn every_terminal_has_one_size_the_larger_of_80x24_and_the_tile() {
    let ui = Ui::fleet(12);
    assert_eq!(opened(&ui), [Size::DEFAULT; 12]);
    let ui = Ui::with(Options::default(), Size::new(51, 200), &["a", "b"]);
    assert_eq!(opened(&ui), [Size::new(48, 98); 2]);
}

#[test]
fn a_resize_reaches_every_host_once_it_has_settled_and_zoom_changes_nothing() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.keys("C-a z C-a z");
    ui.step(Event::Resize(Size::new(61, 180)));
    assert_eq!(resizes(&ui), []);
    ui.wait(Duration::from_millis(60));
    assert_eq!(resizes(&ui), [Size::new(28, 178); 2]);
    assert!(ui.app.tiles().all(|tile| tile.pane.size() == Size::new(28, 178)));
}

#[test]
fn a_storm_of_resizes_becomes_few_messages_and_the_last_size_arrives() {
    let mut ui = Ui::of(&["a"]);
    let end = ui.now + Duration::from_secs(10);
    let mut n = 0u16;
    while ui.now < end {
        n += 1;
        ui.step(Event::Resize(Size::new(1 + n * 7 % 200, 1 + n * 13 % 500)));
        ui.wait(Duration::from_millis(10));
    }
    ui.step(Event::Resize(Size::new(101, 300)));
    let told = resizes(&ui).len();
    assert!(told <= 20, "{told} messages in ten seconds");
    ui.wait(Duration::from_millis(500));
    assert_eq!(resizes(&ui).last(), Some(&Size::new(98, 298)));
}

#[test]
fn any_size_of_the_screen_is_drawn_with_any_dialog() {
    for (rows, cols) in [(1, 1), (1, 80), (2, 2), (3, 3), (4, 9), (9, 4), (25, 80), (200, 500)] {
        for keys in ["C-a z", "C-a ?", "C-a +", "C-a q", "C-a x", "C-a ["] {
            let mut ui = Ui::of(&["日本語のホスト", "b", "c"]);
            ui.output("b", "wide 日本語 \x1b[31mred\x1b[m e\u{301} 👍🏽");
            ui.step(Event::Resize(Size::new(rows, cols)));
            ui.ask(crate::harness::unknown_key("b"));
            ui.dies("c");
            ui.keys(keys);
            let screen = ui.screen();
            assert_eq!(screen.lines().count(), usize::from(rows), "{cols}x{rows} {keys}");
        }
    }
}

#[test]
fn a_smaller_tile_shows_the_part_around_the_cursor_and_zoom_the_whole() {
    let mut ui = Ui::fleet(6);
    let lines: String = (0..24).map(|n| format!("\x1b[{};1Hrow {n}", n + 1)).collect();
    ui.output("h000", &lines);
    assert!(ui.screen().contains("row 23") && !ui.screen().contains("row 3 "), "{}", ui.screen());
    ui.output("h000", "\x1b[1;1H");
    assert!(ui.screen().contains("row 0") && !ui.screen().contains("row 23"), "{}", ui.screen());
    ui.output("h000", "\x1b[1;70Hfar right");
    assert!(ui.screen().contains("far right"), "{}", ui.screen());
}

#[test]
fn hosts_are_added_or_the_reason_is_shown() {
    let mut ui = Ui::of(&["a"]);
    ui.keys("C-a +").text("web[01-02] x").keys("Backspace Backspace Enter");
    assert_eq!(ui.did(|e| matches!(e, Effect::AddHosts(text) if text == "web[01-02]")), 1);
    ui.step(Event::AddFailed("no cluster \u{1b}[2J".to_owned()));
    assert!(ui.screen().contains("no cluster ^[[2J"), "{}", ui.screen());
    ui.added(&["web01", "a", "web02"]);
    assert_eq!(ui.app.tiles().len(), 3, "a host is open once");
    ui.ready("web02");
    ui.text("x");
    assert_eq!((ui.got("a").as_str(), ui.got("web02").as_str()), ("x", "x"));
}

#[test]
fn nothing_typed_in_a_dialog_reaches_a_host() {
    let mut ui = Ui::of(&["a"]);
    for (open, close) in [("C-a +", "Esc"), ("C-a ?", "Esc"), ("C-a q", "n"), ("C-a x", "Esc")] {
        ui.keys(open).text("abc").keys(close);
    }
    assert_eq!(ui.got("a"), "");
    ui.text("x");
    assert_eq!(ui.got("a"), "x");
}

#[test]
fn closing_a_live_session_asks_first() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.keys("C-a x Enter n");
    assert_eq!(ui.app.tiles().len(), 2);
    let closed = ui.id("a");
    ui.keys("C-a x y");
    assert_eq!(ui.did(|e| matches!(e, Effect::Close(id) if *id == closed)), 1);
    assert_eq!((ui.app.tiles().len(), ui.app.broadcast().focus()), (1, Some(ui.member("b"))));
    ui.text("x");
    ui.session_event("a", SessionEvent::Closed(Outcome::Exited(0)));
    assert_eq!((ui.got("a").as_str(), ui.got("b").as_str()), ("", "x"));
}

#[test]
fn a_closed_host_keeps_its_screen_shows_why_and_reconnects_in_place() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "last words");
    ui.dies("a");
    let screen = ui.screen();
    assert!(screen.contains("last words") && screen.contains("connection reset"), "{screen}");
    assert!(screen.contains("× a · closed"), "{screen}");
    let old = ui.id("a");
    ui.keys("C-a r");
    assert_ne!(ui.id("a"), old, "a session is never used twice");
    ui.session_event("a", SessionEvent::Connecting(Stage::Login));
    assert!(ui.screen().contains("◌ a · connecting: login"), "{}", ui.screen());
    ui.step(Event::Session(old, SessionEvent::Ready));
    assert!(ui.screen().contains("connecting"), "what the old session says is nothing");
    ui.ready("a");
    ui.output("a", "new words");
    let screen = ui.screen();
    assert!(screen.contains("last words") && screen.contains("new words"), "{screen}");
    ui.dies("a");
    ui.keys("C-a r");
    ui.dies("a");
    ui.keys("C-a r");
    ui.ready("a");
    let marks = ui.screen().matches("[omnes: new session]").count();
    assert_eq!(marks, 2, "one for each session that there was, not for each try:\n{}", ui.screen());
}

#[test]
fn a_reconnected_terminal_has_forgotten_the_modes_of_the_old_session() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "\x1b[?1h\x1b[?2004h\x1b[?1003h\x1b[?1049hvim\x1b]0;unfinished");
    ui.dies("a");
    ui.keys("C-a r");
    ui.ready("a");
    ui.keys("Up");
    assert_eq!(ui.got("a"), "\\u{1b}[A");
}

#[test]
fn when_all_are_closed_the_screens_stay_until_the_user_leaves() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "kept");
    ui.dies("a");
    ui.dies("b");
    assert_eq!(ui.did(|e| matches!(e, Effect::Quit)), 0);
    assert!(ui.screen().contains("kept"), "{}", ui.screen());
    let status = ui.status();
    assert!(status.contains("all sessions are closed; C-a R reconnects, C-a q leaves"), "{status}");
    ui.keys("C-a q");
    assert_eq!(ui.did(|e| matches!(e, Effect::Quit)), 1, "no question: nothing lives");
}

#[test]
fn leaving_while_sessions_live_asks_and_enter_is_no_yes() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "b"]);
    ui.ready("a");
    ui.keys("C-a q");
    assert!(ui.screen().contains("2 sessions are not closed yet"), "{}", ui.screen());
    ui.keys("Enter n C-a q y");
    assert_eq!(ui.did(|e| matches!(e, Effect::Quit)), 1);
}

#[test]
fn the_prefix_suspends_redraws_and_copies() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "text to copy");
    ui.keys("C-a C-z C-a C-l C-a y");
    assert_eq!(ui.did(|e| matches!(e, Effect::Suspend)), 1);
    assert_eq!(ui.did(|e| matches!(e, Effect::Redraw)), 1);
    assert_eq!(ui.did(|e| matches!(e, Effect::Copy(text) if text == "text to copy\n")), 1);
    ui.step(Event::Resumed(SMALL));
    assert_eq!(ui.did(|e| matches!(e, Effect::Redraw)), 2);
    assert_eq!(ui.got("a"), "");
}

#[test]
fn help_names_every_action_and_the_keys_that_work() {
    use omnes::tui::action::Action;
    use omnes::tui::keymap::{Keymap, Wishes};
    let keys = vec![("detach".to_owned(), vec!["F5".to_owned()])];
    let keymap = Keymap::of(&Wishes { keys, ..Wishes::default() }).expect("good bindings");
    let mut ui = Ui::with(Options { keymap, ..Options::default() }, Size::new(200, 100), &["a"]);
    ui.keys("C-a ?");
    let screen = ui.screen();
    for action in Action::all() {
        assert!(screen.contains(action.describe()), "{action} in\n{screen}");
    }
    assert!(screen.contains("F5"), "{screen}");
}

#[test]
fn a_bell_rings() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "\x07");
    assert_eq!(ui.did(|e| matches!(e, Effect::Bell)), 1);
}

#[test]
fn a_dialog_names_its_keys_and_the_help_its_last_line_on_a_small_screen_too() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.step(Event::Resize(Size::new(7, 30)));
    ui.keys("C-a q");
    assert!(ui.screen().contains("y leaves · n stays"), "{}", ui.screen());
    ui.keys("n C-a ?");
    assert!(ui.screen().contains("Esc closes"), "{}", ui.screen());
    for _ in 0..300 {
        ui.keys("PageDown");
    }
    assert!(ui.screen().contains("×") && ui.screen().contains("closed"), "{}", ui.screen());
}
