//! The plain mode's lines, as far as they need no terminal.

use omnes::tui::app::{Keyboard, Options, Preparing};
use omnes::tui::event::Event;
use omnes::tui::keymap::Keymap;
use omnes::tui::plain::teller::{Charset, Teller};
use omnes::tui::plain::words::{self, Said};

use crate::harness::{SMALL, Ui};

const SUDO: &str = "$ sudo -k id\r\n[sudo] password for ann: ";

/// A command of the plain mode, as its loop takes it.
fn command(ui: &mut Ui, line: &str) {
    let Said::Request(request) = words::read(line) else { panic!("{line} is no command") };
    ui.step(Event::Control(omnes::tui::control::ControlId(0), request));
}

fn answer(ui: &mut Ui, line: &str) {
    words::to_dialog(&ui.app, line).into_iter().for_each(|event| ui.step(event));
}

/// Hosts as the plain mode shows them, where one answers with lines.
fn plain(names: &[&str]) -> Ui {
    let keymap = Keymap::default().for_lines();
    Ui::with(Options { keymap, ..Options::default() }, SMALL, names)
}

#[test]
fn a_secret_for_hosts_is_typed_unseen_and_sent_as_typed() {
    let mut ui = plain(&["web01", "web02"]);
    ui.output("web01", SUDO);
    ui.output("web02", "$ ");
    let mut teller = Teller::new(Charset::Utf8);
    let told = teller.tell(&ui.app, ui.now);
    let hint = "omnes: web01 asks for a secret: `:send-secret` types it unseen; a line would be seen here";
    assert!(told.iter().any(|line| line == hint), "{told:?}");
    assert!(!words::hides(&ui.app));
    command(&mut ui, ":send-secret");
    assert!(words::hides(&ui.app), "what is typed now must not be seen");
    let told = teller.tell(&ui.app, ui.now);
    assert!(told.iter().any(|line| line == "omnes: goes to 1 host: web01"), "{told:?}");
    assert!(told.contains(&format!("omnes: {}", words::SECRET)), "{told:?}");

    // Refused once, it is no part of the next one.
    ui.output("web01", "\r\n$ ");
    answer(&mut ui, "hunter2 ");
    assert!(matches!(ui.app.keyboard(), Keyboard::Preparing(Preparing::Secret(_))));
    ui.output("web01", SUDO);
    answer(&mut ui, " hunter2 ");
    assert_eq!(ui.all_got(), [" hunter2 \\r", ""]);
    assert!(!words::hides(&ui.app));
    let told = teller.tell(&ui.app, ui.now).join("\n");
    assert!(told.contains("the secret went to web01") && !told.contains("hunter2"), "{told}");

    command(&mut ui, ":send-secret");
    answer(&mut ui, ":later");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn a_line_answers_a_confirmation_only_after_that_was_told() {
    let mut ui = plain(&["web01"]);
    let mut teller = Teller::new(Charset::Utf8);
    teller.tell(&ui.app, ui.now);
    command(&mut ui, ":quit");
    assert!(words::must_be_told(&ui.app) && !teller.has_told_dialog(&ui.app));
    teller.tell(&ui.app, ui.now);
    assert!(teller.has_told_dialog(&ui.app));
    // Another question in its place was not told.
    answer(&mut ui, "n");
    ui.output("web01", "$ ");
    command(&mut ui, ":close");
    assert!(!words::must_be_told(&ui.app) || !teller.has_told_dialog(&ui.app));
}

#[test]
fn every_sentence_is_told_also_when_several_come_at_once() {
    let mut ui = Ui::of(&["web01", "web02"]);
    let mut teller = Teller::new(Charset::Utf8);
    teller.tell(&ui.app, ui.now);
    command(&mut ui, ":mark");
    command(&mut ui, ":scope-marked");
    command(&mut ui, ":detach web02");
    let told = teller.tell(&ui.app, ui.now);
    let at = |words: &str| told.iter().position(|line| line.starts_with(&format!("omnes: {words}")));
    let order = [at("web01 is marked"), at("the scope is marked: 1 of 2 hosts"), at("detached web02")];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("ctl:")), "it is the user's own line: {told:?}");
    assert!(teller.tell(&ui.app, ui.now).is_empty(), "each is told once");
    for _ in 0..50 {
        command(&mut ui, ":mark");
    }
    let told = teller.tell(&ui.app, ui.now);
    assert_eq!(told[0], "omnes: (... 18 sentences before these are left out)", "{told:?}");
    assert_eq!(told.len(), 33);
}

#[test]
fn a_command_without_an_answer_of_its_own_is_not_told_back() {
    let mut ui = plain(&["web01"]);
    let mut teller = Teller::new(Charset::Utf8);
    teller.tell(&ui.app, ui.now);
    command(&mut ui, ":quit");
    let told = teller.tell(&ui.app, ui.now);
    assert!(!told.iter().any(|line| line.contains("ctl") || line == "omnes: quit"), "{told:?}");
    answer(&mut ui, "n");
    command(&mut ui, ":scope-invert");
    let told = teller.tell(&ui.app, ui.now);
    assert!(
        told.contains(&"omnes: every open host is in scope: nobody would be left".to_owned()),
        "{told:?}"
    );
}
