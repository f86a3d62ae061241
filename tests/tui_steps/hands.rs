//! Finding what to press: the keys after the prefix, the palette, keys without the prefix.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::size::Size;
use omnes::tui::action::Action;
use omnes::tui::app::{Keyboard, Options};
use omnes::tui::event::Effect;
use omnes::tui::keymap::{Keymap, Preset, Wishes};

use crate::harness::Ui;

#[test]
fn who_hesitates_after_the_prefix_sees_the_keys_and_who_does_not_sees_none() {
    let mut ui = Ui::with(Options::default(), Size::new(40, 100), &["a", "b"]);
    ui.keys("C-a");
    assert!(!ui.screen().contains("attach-all"), "{}", ui.screen());
    let shown = ui.app.hints_at().expect("it waits for a key");
    assert_eq!(ui.app.wake_at(), Some(shown.min(ui.app.wake_at().expect("a time"))));
    ui.wait(Duration::from_millis(700));
    let screen = ui.screen();
    for text in ["d ", "detach", "z ", "zoom", "? shows all keys"] {
        assert!(screen.contains(text), "{text} in\n{screen}");
    }
    assert!(screen.contains("▶● a"), "the tile in focus is still to be seen\n{screen}");
    ui.keys("d");
    assert!(!ui.screen().contains("attach-all"));
    assert!(ui.status().contains("→ a alone"), "{}", ui.status());
    let never = Options { which_key: None, ..Options::default() };
    let mut ui = Ui::with(never, Size::new(40, 100), &["a"]);
    ui.keys("C-a").wait(Duration::from_secs(5));
    assert!(!ui.screen().contains("attach-all"));
}

#[test]
fn the_keys_after_the_prefix_stay_within_any_screen() {
    for (rows, cols) in [(1, 1), (3, 10), (10, 30), (24, 80), (60, 300)] {
        let mut ui = Ui::with(Options::default(), Size::new(rows, cols), &["a"]);
        ui.keys("C-a").wait(Duration::from_secs(1));
        ui.screen();
    }
}

#[test]
fn the_palette_finds_an_action_by_a_few_letters_and_does_it() {
    let mut ui = Ui::with(Options::default(), Size::new(9, 80), &["a", "b"]);
    ui.keys("C-a :").text("rdrw");
    assert_snapshot!(ui.screen(), @r"
    ┏━ Do what? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃› rdrw                                                                        ┃
    ┃▶ redraw: draw the screen anew                                         C-a C-l┃
    ┃  record-script: record what you do as steps, or end the recording       C-a B┃
    ┃  record-screen: record the whole screen, or end the recording         C-a M-e┃
    ┃  discard-kept: release this held host and discard what was kept         C-a U┃
    ┃6 matches · ↑ ↓ move · Enter takes it · Esc leaves                            ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
     → nobody: keys go to the dialog
    ");
    ui.keys("Esc C-a :").text("dtch");
    ui.keys("Enter");
    assert!(ui.status().contains("→ a alone"), "{}", ui.status());
    assert_eq!(ui.all_got(), ["", ""], "nothing of it reached a host");
    ui.keys("C-a :").text("no such thing");
    assert!(ui.screen().contains("0 matches"), "{}", ui.screen());
    ui.keys("Enter Esc x");
    assert_eq!(ui.all_got(), ["x", ""]);
}

#[test]
fn every_action_of_the_palette_does_something_to_be_seen() {
    for action in Action::all().filter(|action| action.place() == omnes::tui::action::Place::Prefix) {
        let mut ui = Ui::with(Options::default(), Size::new(17, 80), &["a", "b", "c", "d", "e"]);
        ui.keys("Down");
        ui.wait(Duration::from_secs(60));
        let (screen, done, sent) = (ui.screen(), ui.effects.len(), ui.all_got());
        ui.keys("C-a :").text(&format!("{}:", action.name())).keys("Enter");
        let seen = ui.screen() != screen || ui.effects.len() > done || ui.all_got() != sent;
        assert!(seen || action == Action::FocusLeft || action == Action::FocusUp, "{action}\n{screen}");
    }
}

#[test]
fn a_key_without_the_prefix_acts_only_while_the_keyboard_is_with_the_hosts() {
    let direct = vec![("zoom".to_owned(), vec!["M-z".to_owned()])];
    let keymap = Keymap::of(&Wishes { direct, ..Wishes::default() }).expect("good bindings");
    let mut ui = Ui::with(Options { keymap, ..Options::default() }, Size::new(25, 80), &["a", "b"]);
    ui.keys("M-z");
    assert_eq!((ui.app.layout().tiles.len(), ui.got("a")), (1, String::new()));
    ui.keys("M-z C-a + M-z");
    assert!(matches!(ui.app.keyboard(), Keyboard::Prompt(_)));
    assert_eq!(ui.app.layout().tiles.len(), 2, "in a dialog it is no verb");
    ui.keys("Esc C-a ?");
    assert!(ui.screen().contains("Without the prefix") || ui.app.tiles().len() == 2);
}

#[test]
fn clusterssh_keys_act_at_once_and_tmux_keys_follow_its_prefix() {
    let with = |preset| {
        let keymap = Keymap::of(&Wishes { preset, ..Wishes::default() }).expect("a preset");
        Ui::with(Options { keymap, ..Options::default() }, Size::new(25, 80), &["a"])
    };
    let mut ui = with(Preset::ClusterSsh);
    ui.keys("M-q y");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Quit)), 1);
    let mut ui = with(Preset::Tmux);
    ui.keys("C-a C-b & y");
    assert_eq!((ui.did(|effect| matches!(effect, Effect::Quit)), ui.got("a")), (1, "\\u{1}".to_owned()));
}
