//! The user's word holds for what he saw: hosts that come, die or change between a question and its answer, and views that
//! change by themselves.

use std::time::Duration;

use omnes::pane::Color;
use omnes::size::Size;
use omnes::tui::app::{Confirm, Keyboard, Options, Preparing};
use omnes::tui::guard::{Guards, Mixed};

use crate::harness::{SMALL, Ui, unknown_key};

/// The time after which a question listens.
const MOMENT: Duration = Duration::from_secs(1);

fn guards(mixed: Mixed) -> Options {
    let prod = Guards::guard("prod", Color::Indexed(1), &["reboot".to_owned()], 1).expect("a good pattern");
    Options { guards: Guards::new(mixed, vec![prod]), ..Options::default() }
}

/// Two hosts tagged prod and one that is not, at their prompts.
fn guarded(mixed: Mixed) -> Ui {
    let hosts = [("web01", "", "prod"), ("web02", "", "prod"), ("lab", "", "")];
    let mut ui = Ui::tagged(guards(mixed), SMALL, &hosts);
    for (name, ..) in hosts {
        ui.output(name, &format!("{name}$ "));
    }
    ui.wait(Duration::from_secs(60));
    ui
}

fn asks(ui: &Ui) -> bool {
    matches!(ui.app.keyboard(), Keyboard::Confirm(Confirm::Send(_)))
}

fn composing(ui: &Ui) -> bool {
    matches!(ui.app.keyboard(), Keyboard::Preparing(Preparing::Compose(_)))
}

fn hears(ui: &Ui, name: &str) -> bool {
    ui.app.broadcast().hears(ui.member(name))
}

#[test]
fn a_host_in_the_place_of_another_is_asked_about_though_they_are_as_many() {
    let mut ui = Ui::tagged(guards(Mixed::Tell), SMALL, &[("web01", "", "prod"), ("lab", "", "")]);
    ui.added(&["late"]);
    ui.output("web01", "$ reboot");
    ui.keys("Enter");
    assert!(asks(&ui));
    // Nothing was broadcast yet, so a newcomer is let in at once.
    ui.dies("lab");
    ui.ready("late");
    ui.wait(MOMENT).keys("y");
    assert!(asks(&ui) && ui.screen().contains("more hosts hear than were asked about"), "{}", ui.screen());
    assert_eq!((ui.got("web01").as_str(), ui.got("late").as_str()), ("", ""));
    ui.wait(MOMENT).keys("y");
    assert_eq!((ui.got("web01").as_str(), ui.got("late").as_str()), ("\\r", "\\r"));
}

#[test]
fn a_newcomer_is_asked_about_though_what_was_in_the_way_is_gone() {
    let mut ui = Ui::tagged(guards(Mixed::Tell), SMALL, &[("web01", "", "prod"), ("lab", "", "")]);
    ui.added(&["late"]);
    ui.output("web01", "$ reboot");
    ui.keys("Enter");
    ui.dies("web01");
    ui.ready("late");
    ui.wait(MOMENT).keys("y");
    assert!(asks(&ui) && ui.got("late").is_empty(), "{}", ui.screen());
    ui.wait(MOMENT).keys("y");
    assert_eq!((ui.got("lab").as_str(), ui.got("late").as_str()), ("\\r", "\\r"));
}

#[test]
fn another_mix_than_the_one_that_was_shown_is_asked_about() {
    let mut ui = guarded(Mixed::Ask);
    ui.output("lab", "\x1b[?1049h~");
    ui.keys("Enter");
    assert!(asks(&ui) && ui.screen().contains("in a full-screen program: lab"), "{}", ui.screen());
    ui.output("web01", "\r\n[sudo] password for ann: ");
    ui.wait(MOMENT).keys("y");
    assert!(asks(&ui) && ui.screen().contains("│ 1 at a password prompt"), "{}", ui.screen());
    assert_eq!(ui.got("web02"), "");
    // Fewer than were named are no reason to ask again.
    ui.dies("lab");
    ui.wait(MOMENT).keys("y");
    assert_eq!(ui.got("web02"), "\\r");
}

#[test]
fn a_paste_that_executes_what_stands_in_the_line_is_guarded() {
    let mut ui = guarded(Mixed::Tell);
    ui.keys("Up");
    ui.output("web02", "reboot");
    ui.paste("\n").settle().keys("y");
    assert!(asks(&ui) && ui.screen().contains("web02$ reboot"), "{}", ui.screen());
    // Completed by the host, and only together with the paste what is guarded.
    let mut ui = guarded(Mixed::Tell);
    ui.keys("Up");
    ui.output("web02", "reb");
    ui.keys("C-a c").text("oot").keys("C-s");
    assert!(asks(&ui), "{}", ui.screen());
}

#[test]
fn what_each_guarded_host_was_typed_alone_counts() {
    let mut ui = guarded(Mixed::Tell);
    // One line here, another there, and both hear the rest.
    ui.keys("C-a d").text("x").keys("C-a d C-a o C-a d").text("reb").keys("C-a d");
    ui.paste("oot\n").settle().keys("y");
    assert!(asks(&ui) && ui.screen().contains("│ reboot"), "{}", ui.screen());
    ui.wait(MOMENT).keys("n C-a c").text("oot").keys("C-s");
    assert!(asks(&ui) && ui.screen().contains("│ reboot"), "{}", ui.screen());
    assert_eq!((ui.got("web01").as_str(), ui.got("lab").as_str()), ("x", ""));
}

#[test]
fn a_guard_shows_no_line_whose_echo_was_not_seen() {
    let mut ui = guarded(Mixed::Tell);
    ui.output("web01", "\r\nThe word, please? ");
    ui.text("rebootme").wait(MOMENT).keys("Enter");
    assert!(asks(&ui) && ui.screen().contains("its echo was not seen"), "{}", ui.screen());
    assert!(!ui.screen().contains("rebootme"));
}

#[test]
fn a_first_host_that_is_gone_before_the_yes_has_not_got_the_text() {
    let mut ui = guarded(Mixed::Tell);
    ui.keys("C-a c").text("reboot").keys("M-c");
    assert!(asks(&ui));
    ui.dies("web01");
    ui.wait(MOMENT).keys("y");
    assert!(composing(&ui) && ui.screen().contains("nothing was sent: web01"), "{}", ui.screen());
    assert!(!ui.screen().contains("the other"), "no host has it: {}", ui.screen());
    assert_eq!(ui.all_got(), ["", "", ""]);
}

#[test]
fn who_is_gone_before_the_yes_is_not_counted_as_told() {
    let mut ui = guarded(Mixed::Tell);
    ui.keys("C-a c").text("reboot").keys("C-s");
    ui.dies("lab");
    ui.wait(MOMENT).keys("y");
    let said = ui.app.notes().note().map(|note| note.text.clone());
    assert_eq!(said.as_deref(), Some("sent to 2 hosts; not to lab: no longer hearing"));
    assert_eq!(ui.got("web02"), "reboot\\r");
}

#[test]
fn no_question_opens_by_itself_after_anything_was_broadcast() {
    for sends in ["C-a c x C-s", "C-a P x Enter", "C-a N"] {
        let mut ui = Ui::of(&["a"]);
        ui.output("a", "Password: ");
        ui.keys(sends);
        assert_ne!(ui.got("a"), "", "{sends}");
        ui.ask(unknown_key("b"));
        assert!(matches!(ui.app.keyboard(), Keyboard::Hosts), "{sends}: {}", ui.screen());
    }
}

#[test]
fn a_fold_that_changes_by_itself_brings_nobody_into_a_scope_of_sight() {
    let names = ["a", "b", "c", "d"];
    let mut ui = Ui::with(Options::default(), Size { rows: 25, cols: 40 }, &names);
    for (n, name) in names.iter().enumerate() {
        ui.output(name, &format!("screen {}", "one two three four".split(' ').nth(n).unwrap_or("x")));
    }
    let settle = |ui: &mut Ui| {
        for _ in 0..80 {
            ui.wait(Duration::from_millis(50));
        }
    };
    ui.keys("C-a f");
    settle(&mut ui);
    ui.keys("C-a v");
    assert!(hears(&ui, "a") && !hears(&ui, "d"), "{}", ui.screen());
    // Two hosts in sight show the same and become one tile, so that there is room for another.
    ui.output("b", "\r\x1b[2Kscreen one");
    let joined = |ui: &Ui| ui.app.stands_for(ui.member("a")) == 2;
    // The key comes right behind the change.
    (0..80).take_while(|_| !joined(ui.wait(Duration::from_millis(50)))).for_each(drop);
    assert!(joined(&ui), "{}", ui.screen());
    ui.text("xy");
    assert_eq!((ui.got("a").as_str(), ui.got("d").as_str()), ("xy", ""), "{}", ui.screen());
}
