//! How keys, pastes and mouse events reach a host: encoded under its own modes, in order, bounded.

use std::time::Duration;

use omnes::broadcast::OUTBOX_BYTES;
use omnes::pane::{MouseButton, MouseKind};
use omnes::tui::app::Keyboard;
use omnes::tui::event::Event;

use crate::harness::Ui;

#[test]
fn each_host_hears_keys_and_pastes_under_its_own_modes() {
    let mut ui = Ui::of(&["shell", "vim"]);
    ui.output("vim", "\x1b[?1h\x1b[?2004h");
    ui.keys("Up");
    ui.step(Event::Paste("hello".to_owned().into()));
    assert_eq!(ui.got("shell"), "\\u{1b}[Ahello");
    assert_eq!(ui.got("vim"), "\\u{1b}OA\\u{1b}[200~hello\\u{1b}[201~");
}

#[test]
fn automatic_replies_go_back_to_the_host_that_asked_and_to_no_other() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("b", "\x1b[c\x1b[6n");
    assert_eq!(ui.got("a"), "");
    assert!(ui.got("b").starts_with("\\u{1b}[?") && ui.got("b").ends_with("[1;1R"), "{}", ui.got("b"));
}

#[test]
fn the_mouse_goes_to_the_pane_under_the_pointer_and_the_focusing_click_to_none() {
    let mut ui = Ui::of(&["a", "b"]);
    for name in ["a", "b"] {
        ui.output(name, "\x1b[?1002h\x1b[?1006h");
    }
    ui.click(5, 3);
    assert_eq!(ui.got("a"), "\\u{1b}[<0;5;3M\\u{1b}[<0;5;3m");
    ui.mouse(MouseKind::Down(MouseButton::Left), 5, 15);
    ui.mouse(MouseKind::Drag(MouseButton::Left), 6, 15);
    ui.mouse(MouseKind::Up(MouseButton::Left), 6, 15);
    assert_eq!((ui.got("b").as_str(), ui.app.broadcast().focus()), ("", Some(ui.member("b"))));
    ui.click(5, 15);
    assert_eq!(ui.got("b"), "\\u{1b}[<0;5;3M\\u{1b}[<0;5;3m");
    ui.mouse(MouseKind::WheelUp, 1, 1);
    assert!(ui.got("a").ends_with("[<64;1;1M"), "the wheel needs no focus: {}", ui.got("a"));
    assert!(!ui.got("b").contains("<64"));
}

#[test]
fn the_mouse_of_a_dead_program_reaches_nobody() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "\x1b[?1003h\x1b[?1006h\x1b[?1049h");
    ui.dies("a");
    ui.mouse(MouseKind::Moved, 5, 5);
    ui.click(5, 5);
    assert_eq!(ui.got("a"), "");
}

#[test]
fn the_wheel_looks_back_where_the_program_did_not_ask_for_the_mouse() {
    let mut ui = Ui::of(&["a", "b"]);
    let lines: String = (0..100).map(|n| format!("line {n}\r\n")).collect();
    ui.output("a", &lines);
    assert!(ui.screen().contains("line 99"));
    (0..10).for_each(|_| ui.mouse(MouseKind::WheelUp, 3, 3));
    assert!(ui.screen().contains("looking back") && !ui.screen().contains("line 99"), "{}", ui.screen());
    ui.output("a", "more\r\n");
    assert!(!ui.screen().contains("more"), "the view stays where the user looks");
    ui.text("x");
    assert!(ui.screen().contains("more"), "who types wants to see it");
    assert_eq!(ui.all_got(), ["x", "x"]);
}

#[test]
fn the_scrollback_has_the_keyboard_until_it_is_left() {
    let mut ui = Ui::of(&["a", "b"]);
    let lines: String = (0..100).map(|n| format!("line {n}\r\n")).collect();
    ui.output("a", &lines);
    ui.keys("C-a [ g");
    assert!(ui.screen().contains("line 0 ") || ui.screen().contains("line 0"), "{}", ui.screen());
    assert!(ui.status().starts_with("→ nobody: you look back"), "{}", ui.status());
    ui.keys("Down x C-d PageUp k j");
    ui.keys("q").text("y");
    assert_eq!(ui.all_got(), ["y", "y"]);
    assert!(ui.screen().contains("line 99"));
}

#[test]
fn a_stuck_host_is_held_at_its_bound_and_delays_no_other() {
    let mut ui = Ui::of(&["ok", "stuck"]);
    ui.stick("stuck");
    let line = "x".repeat(1000);
    for _ in 0..100 {
        ui.step(Event::Paste(line.clone().into()));
    }
    assert_eq!(ui.got("ok").len(), 100_000);
    let member = ui.app.broadcast().member(ui.member("stuck")).expect("it is open");
    assert!(member.is_held() && member.backlog() <= OUTBOX_BYTES);
    assert!(ui.screen().contains("■ stuck · held · 64 kB behind"), "{}", ui.screen());
    assert!(ui.status().starts_with("→ 1 of 2 hosts"), "{}", ui.status());

    ui.unstick("stuck");
    let before = ui.got("stuck").len();
    ui.keys("C-a D").text("y");
    assert_eq!(ui.got("stuck").len(), before, "neither time nor attach-all releases it");
    ui.keys("C-a Down C-a u");
    assert_eq!(ui.got("stuck").len(), 65_000, "exactly what was kept, whole pastes only");
    ui.text("z");
    assert!(ui.got("stuck").ends_with("xz"), "and from now on it hears again");
}

#[test]
fn what_was_kept_can_be_discarded_and_that_is_said() {
    let mut ui = Ui::of(&["stuck"]);
    ui.stick("stuck");
    for _ in 0..100 {
        ui.step(Event::Paste("x".repeat(1000).into()));
    }
    let under_way = ui.got("stuck").len();
    ui.keys("C-a U");
    let said = ui.app.notes().note().expect("a sentence").text.clone();
    assert_eq!(said, format!("stuck: released, {} kept bytes were discarded", 65_000 - under_way));
    ui.unstick("stuck");
    ui.text("y");
    assert_eq!(ui.got("stuck").len(), under_way + 1);
}

#[test]
fn all_held_hosts_can_be_released_at_once() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    for name in ["a", "c"] {
        ui.stick(name);
    }
    for _ in 0..70 {
        ui.step(Event::Paste("x".repeat(1000).into()));
    }
    for name in ["a", "c"] {
        ui.unstick(name);
    }
    ui.keys("C-a M-u");
    assert_eq!((ui.got("a").len(), ui.got("b").len(), ui.got("c").len()), (65_000, 70_000, 65_000));
}

#[test]
fn a_dead_host_is_not_sent_old_keys_after_its_reconnect() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.stick("a");
    ui.text("first").text("second");
    ui.dies("a");
    let said = ui.app.notes().note().expect("a sentence").text.clone();
    assert!(said.contains("11 bytes typed for it may not have arrived"), "{said}");
    ui.keys("C-a r");
    ui.ready("a");
    ui.keys("C-a D").text("new");
    assert_eq!(ui.got("a"), "new");
}

#[test]
fn one_clean_line_is_pasted_and_everything_else_waits_for_the_users_word() {
    for (paste, waits) in [
        ("uptime", false),
        ("tab\tand é", false),
        ("uptime\n", true),
        ("one\ntwo", true),
        ("esc\x1b[A", true),
        ("c1\u{9b}201~", true),
    ] {
        let mut ui = Ui::of(&["a"]);
        ui.step(Event::Paste(paste.to_owned().into()));
        assert_eq!(matches!(ui.app.keyboard(), Keyboard::Preparing(_)), waits, "{paste:?}");
        assert_eq!(ui.got("a").is_empty(), waits, "{paste:?}");
    }
}

#[test]
fn a_confirmation_shows_lines_and_hosts_and_enter_is_no_yes() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ui.step(Event::Paste("one\ntwo\nrm -rf \x1b[201~\n".to_owned().into()));
    let screen = ui.screen();
    assert!(screen.contains("3 lines × 3 hosts") && screen.contains("1 control byte"), "{screen}");
    ui.settle().keys("Enter Space x").text("es");
    assert_eq!(ui.all_got(), ["", "", ""]);
    ui.keys("n");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
    ui.step(Event::Paste("one\ntwo".to_owned().into()));
    ui.settle().keys("y");
    assert_eq!(ui.got("b"), "one\\rtwo");
}

#[test]
fn end_markers_never_reach_a_host() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "\x1b[?2004h");
    ui.step(Event::Paste("x\x1b[20\x1b[201~1~\u{9b}201~\ny".to_owned().into()));
    ui.settle().keys("y");
    assert_eq!(ui.got("a"), "\\u{1b}[200~x\\ny\\u{1b}[201~");
}

#[test]
fn a_paste_that_reaches_more_hosts_than_were_named_asks_again() {
    let mut ui = Ui::connecting(omnes::tui::app::Options::default(), crate::harness::SMALL, &["a", "b"]);
    ui.ready("a");
    ui.step(Event::Paste("one\ntwo".to_owned().into()));
    ui.ready("b");
    ui.settle().keys("y");
    assert_eq!(ui.all_got(), ["", ""]);
    ui.settle().keys("y");
    assert_eq!(ui.got("b"), "one\\rtwo");
}

#[test]
fn a_paste_beyond_the_bound_is_refused_with_a_word() {
    let mut ui = Ui::of(&["a"]);
    ui.step(Event::Paste("x".repeat(OUTBOX_BYTES + 1).into()));
    assert_eq!(ui.got("a"), "");
    assert!(ui.screen().contains("a host takes at most 64 kB at once"), "{}", ui.screen());
}

#[test]
fn a_program_that_asked_hears_of_the_focus() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "\x1b[?1004h");
    ui.keys("C-a Down C-a Up");
    assert_eq!((ui.got("a").as_str(), ui.got("b").as_str()), ("\\u{1b}[O\\u{1b}[I", ""));
}

#[test]
fn a_thousand_hosts_cost_one_encoding_and_a_bounded_step() {
    let mut ui = Ui::fleet(1000);
    let began = std::time::Instant::now();
    for _ in 0..20 {
        ui.text("x");
        // What comes back, from every host.
        for n in 0..1000 {
            ui.output(&format!("h{n:03}"), "x");
        }
    }
    assert!(ui.all_got().iter().all(|got| got.len() == 20));
    // 60,000 steps; seconds even unoptimised would mean that a step looks at every host.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
