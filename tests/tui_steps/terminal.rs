//! What the terminals of hosts come to on the screen: updates that are hidden, styles, keys told apart.

use std::time::Duration;

use omnes::tui::event::Effect;
use ratatui::style::{Color, Modifier};

use crate::harness::Ui;

#[test]
fn an_update_that_never_ends_is_shown_after_a_moment() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.wait(Duration::from_secs(60));
    ui.output("a", "before\x1b[?2026h\x1b[2J\x1b[Hafter");
    assert!(ui.screen().contains("before") && !ui.screen().contains("after"), "{}", ui.screen());
    let wake = ui.app.wake_at().expect("it wants to look again");
    assert!(wake - ui.now <= Duration::from_millis(150));
    ui.wait(wake - ui.now);
    assert!(ui.screen().contains("after"), "{}", ui.screen());
    assert_eq!(ui.app.wake_at(), None, "and is at rest");
}

#[test]
fn styles_of_a_host_reach_the_screen() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "\x1b[9;5;8;4:3;58;5;9mQ");
    let buffer = ui.buffer();
    let cell = buffer.content().iter().find(|cell| cell.symbol() == "Q").expect("it is drawn");
    let wanted = Modifier::CROSSED_OUT | Modifier::SLOW_BLINK | Modifier::HIDDEN | Modifier::UNDERLINED;
    assert_eq!((cell.modifier, cell.underline_color), (wanted, Color::Indexed(9)));
}

#[test]
fn each_host_hears_keys_as_it_asked_for_them() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "\x1b[>1u\x1b[?u");
    assert_eq!(ui.got("a"), "\\u{1b}[?1u", "it is told what it got");
    ui.keys("C-S-x");
    assert_eq!(ui.got("a"), "\\u{1b}[?1u\\u{1b}[120;6u");
    assert_eq!(ui.got("b"), "\\u{18}");
    // A program that offers text to the clipboard moves nothing out of its pane by itself.
    ui.output("a", "\x1b]52;c;aGVsbG8=\x07");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Bell)), 0);
    assert!(!ui.screen().contains("hello"));
}
