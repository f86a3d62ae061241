//! Dialogs that come up in the middle of somebody's typing: what is typed then is no answer.

use std::time::Duration;

use omnes::size::Size;
use omnes::tui::app::{Confirm, Keyboard, Options, Preparing, QUIET, SetsKept};
use omnes::tui::control::{ControlId, Request};
use omnes::tui::event::{Effect, Event};

use crate::harness::{SMALL, Ui};

fn waits(ui: &Ui) -> bool {
    matches!(ui.app.keyboard(), Keyboard::Preparing(Preparing::Paste(_)))
}

#[test]
fn a_paste_into_the_middle_of_a_word_is_not_sent_by_the_rest_of_the_word() {
    let mut ui = Ui::of(&["a"]);
    ui.text("sa").paste("one\ntwo\n").text("y hello y");
    assert_eq!(ui.got("a"), "sa");
    assert!(waits(&ui), "{}", ui.screen());
    assert!(ui.screen().contains("one moment: a key counts once none was pressed"), "{}", ui.screen());
    assert_eq!(ui.app.wake_at(), Some(ui.now + QUIET), "the screen says when keys count");
    ui.wait(QUIET - Duration::from_millis(1)).text("y");
    assert_eq!(ui.got("a"), "sa", "the key that came too early began the moment anew");
    ui.settle();
    assert!(ui.screen().contains("y sends it"), "{}", ui.screen());
    ui.text("y");
    assert_eq!(ui.got("a"), "saone\\rtwo\\r");
}

#[test]
fn a_paste_that_is_asked_about_again_waits_again() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "b"]);
    ui.ready("a");
    ui.paste("one\ntwo");
    ui.ready("b");
    ui.settle().text("yyyy");
    assert_eq!(ui.all_got(), ["", ""]);
    assert!(waits(&ui));
    ui.settle().text("y");
    assert_eq!(ui.all_got(), ["one\\rtwo", "one\\rtwo"]);
}

#[test]
fn what_a_script_opens_takes_no_key_of_somebody_who_types() {
    let mut ui = Ui::of(&["a"]);
    ui.text("tr");
    let quit = Request::Do { action: "quit".to_owned() };
    ui.step(Event::Control(ControlId(1), quit));
    ui.text("y");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Quit)), 0);
    assert!(matches!(ui.app.keyboard(), Keyboard::Confirm(Confirm::Quit)));
    assert!(ui.screen().contains("one moment"), "{}", ui.screen());
    ui.settle().keys("y");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Quit)), 1);
}

#[test]
fn what_the_user_opens_by_a_key_listens_at_once() {
    let mut ui = Ui::of(&["a"]);
    ui.paste("one\ntwo").settle().keys("n C-a q y");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Quit)), 1);
}

#[test]
fn a_set_that_could_not_be_opened_again_is_refused_at_once() {
    let options = Options { sets: SetsKept::Passing, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["a"]);
    ui.keys("C-a K");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts), "no name is asked for");
    let said = "not saved: these hosts are gone when omnes ends, so their set could not be opened again";
    assert_eq!(ui.app.notes().note().map(|note| note.text.as_str()), Some(said));
}

#[test]
fn a_line_that_is_asked_for_is_there_on_the_smallest_screen() {
    let mut ui = Ui::with(Options::default(), Size::new(5, 20), &["a"]);
    for keys in ["C-a +", "C-a K", "C-a /"] {
        ui.keys(keys).text("web01");
        assert!(ui.screen().contains("web01"), "{keys}: {}", ui.screen());
        assert!(ui.screen().contains("not"), "{keys}: {}", ui.screen());
        ui.keys("Esc");
    }
    ui.output("a", "Password: ");
    ui.keys("C-a P").text("hunter2");
    assert!(ui.screen().contains("hidden: •••••••"), "{}", ui.screen());
}

#[test]
fn the_help_is_told_only_where_its_key_works() {
    let mut ui = Ui::of(&["a"]);
    for (open, close) in [
        ("C-a c", "Esc"),
        ("C-a +", "Esc"),
        ("C-a :", "Esc"),
        ("C-a q", "n"),
        ("C-a g", "Esc"),
        ("C-a ?", "Esc"),
    ] {
        assert!(ui.status().ends_with("C-a ? help"), "before {open}: {}", ui.status());
        ui.keys(open);
        assert!(!ui.status().contains("help") || open == "C-a ?", "{open}: {}", ui.status());
        assert!(!ui.status().contains("C-a ?"), "{open}: {}", ui.status());
        ui.keys(close);
    }
}
