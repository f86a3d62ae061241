//! What is asked before a line is sent: guarded patterns, and receivers in different modes.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::pane::{Color, EchoSeen, Situation};
use omnes::size::Size;
use omnes::tui::app::{Confirm, Keyboard, Options, Typed};
use omnes::tui::event::Event;
use omnes::tui::guard::{Guards, Mixed};

use crate::harness::{SMALL, Ui};

const MOMENT: Duration = Duration::from_millis(600);

fn options(mixed: Mixed, confirm: usize) -> Options {
    let patterns = ["reboot", "rm -rf"].map(str::to_owned);
    let prod = Guards::guard("prod", Color::Indexed(1), &patterns, confirm).expect("good patterns");
    Options { guards: Guards::new(mixed, vec![prod]), ..Options::default() }
}

/// Two hosts tagged prod and one that is not, at their prompts.
fn guarded() -> Ui {
    let hosts = [("web01", "web", "prod"), ("web02", "web", "prod"), ("lab", "", "")];
    let mut ui = Ui::tagged(options(Mixed::Tell, 1), SMALL, &hosts);
    for name in ["web01", "web02", "lab"] {
        ui.output(name, &format!("{name}$ "));
    }
    ui.wait(Duration::from_secs(60));
    ui
}

/// Every host echoes a text.
fn echo(ui: &mut Ui, text: &str) {
    let names: Vec<String> = ui.session.keys().cloned().collect();
    names.iter().for_each(|name| ui.output(name, text));
}

fn asks(ui: &Ui) -> bool {
    matches!(ui.app.keyboard(), Keyboard::Confirm(Confirm::Send(_)))
}

#[test]
fn a_guarded_line_is_asked_for_and_the_answer_sends_or_keeps_it() {
    let mut ui = guarded();
    ui.text("sudo reboot").keys("Enter");
    assert!(asks(&ui));
    assert_eq!(ui.got("lab"), "sudo reboot", "nobody hears the Enter before the answer");
    // Typed ahead: no answer, and no host hears it.
    ui.text("y").keys("Enter").text("y");
    assert!(asks(&ui) && ui.screen().contains("one moment"), "{}", ui.screen());
    ui.wait(MOMENT).keys("n");
    assert!(!asks(&ui));
    assert_eq!(ui.got("web01"), "sudo reboot", "the line stays as it is");
    let said = ui.app.notes().note().map(|note| note.text.clone()).unwrap_or_default();
    assert!(said.contains("still stands on the hosts: C-u"), "the next line would join it: {said}");
    ui.keys("Enter").wait(MOMENT).keys("Enter");
    assert!(asks(&ui), "Enter is no yes");
    ui.keys("y");
    assert_eq!((ui.got("web01").as_str(), ui.got("lab").as_str()), ("sudo reboot\\r", "sudo reboot\\r"));
    ui.text("uptime").keys("Enter");
    assert!(!asks(&ui) && ui.got("web02").ends_with("uptime\\r"));
}

#[test]
fn every_key_that_executes_a_line_counts_as_enter() {
    for key in ["Enter", "C-j", "C-o", "C-m", "M-Enter"] {
        let mut ui = guarded();
        ui.text("rm -rf /tmp/x").keys(key);
        assert!(asks(&ui), "{key}");
    }
}

#[test]
fn what_the_history_brought_is_seen_on_the_screen() {
    let mut ui = guarded();
    ui.keys("Up");
    ui.output("web02", "reboot");
    ui.keys("Enter");
    assert!(asks(&ui) && ui.screen().contains("│ web02$ reboot"), "{}", ui.screen());
    ui.wait(MOMENT).keys("n C-c");
    // The cursor stands at the beginning of the line; Enter executes all of it.
    ui.output("web02", "^C\r\nweb02$ reboot\r\x1b[7C");
    ui.keys("Up Home Enter");
    assert!(asks(&ui));
}

#[test]
fn pastes_that_execute_are_asked_for_too() {
    let mut ui = guarded();
    ui.step(Event::Paste("cd /\nreboot\n".to_owned().into()));
    ui.settle().keys("y");
    assert!(asks(&ui), "the paste was looked at, and now the guard asks: {}", ui.screen());
    assert_eq!(ui.got("web01"), "");
    ui.wait(MOMENT).keys("y");
    assert_eq!(ui.got("web01"), "cd /\\rreboot\\r");
    // Put together from what was typed and what is pasted.
    let mut ui = guarded();
    ui.text("reb");
    ui.step(Event::Paste("oot\n".to_owned().into()));
    ui.settle().keys("y");
    assert!(asks(&ui));
    // One line alone executes nothing; its Enter does.
    let mut ui = guarded();
    ui.step(Event::Paste("reboot".to_owned().into()));
    assert!(!asks(&ui) && ui.got("web01") == "reboot");
    ui.keys("Enter");
    assert!(asks(&ui));
    // A line too long to be followed is looked at before its Enter comes.
    let mut ui = guarded();
    ui.step(Event::Paste(format!("echo {}; reboot", "x".repeat(5000)).into()));
    assert!(asks(&ui) && ui.got("web01").is_empty(), "{}", ui.screen());
}

#[test]
fn only_hosts_with_the_tag_are_guarded_and_enough_of_them() {
    let mut ui = guarded();
    ui.keys("C-a o C-a o C-a d").text("reboot").keys("Enter");
    assert_eq!(ui.got("lab"), "reboot\\r", "the lab alone hears it");
    let hosts = [("web01", "", "prod"), ("web02", "", "prod"), ("lab", "", "")];
    let mut ui = Ui::tagged(options(Mixed::Tell, 2), SMALL, &hosts);
    ui.keys("C-a d").text("reboot").keys("Enter");
    assert_eq!(ui.got("web01"), "reboot\\r", "one host is fewer than confirm says");
    ui.keys("C-a d").text("reboot").keys("Enter");
    assert!(asks(&ui));
}

#[test]
fn more_hosts_than_were_named_are_asked_about_again() {
    let mut ui = Ui::tagged(options(Mixed::Tell, 1), SMALL, &[("web01", "", "prod")]);
    ui.added(&["late"]);
    ui.output("web01", "$ reboot");
    ui.keys("Enter");
    assert!(asks(&ui));
    // Nothing was broadcast yet, so a newcomer is let in at once.
    ui.ready("late");
    ui.wait(MOMENT).keys("y");
    assert!(asks(&ui) && ui.screen().contains("more hosts hear than were asked about"), "{}", ui.screen());
    assert_eq!((ui.got("web01"), ui.got("late")), (String::new(), String::new()));
    ui.wait(MOMENT).keys("y");
    assert_eq!((ui.got("web01").as_str(), ui.got("late").as_str()), ("\\r", "\\r"));
}

#[test]
fn the_word_of_the_tag_stands_on_tiles_and_in_the_line() {
    let ui = guarded();
    assert!(ui.screen().contains("● web02 [prod] ═"), "{}", ui.screen());
    assert!(ui.status().starts_with("→ 3 hosts  prod: 2"), "{}", ui.status());
    let lab = ui.screen();
    assert!(lab.contains("● lab ═"), "{lab}");
}

#[test]
fn the_question_about_a_guarded_line() {
    let hosts = [("web01", "web", "prod"), ("web02", "web", "prod"), ("lab", "", "")];
    let mut ui = Ui::tagged(options(Mixed::Ask, 1), Size::new(16, 76), &hosts);
    ui.output("web01", "web01$ ");
    ui.output("web02", "web02$ ");
    ui.output("lab", "\x1b[?1049h~");
    ui.text("reboot # now\u{202e}").keys("Enter").wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01 [prod]◀──────────────────────────────────────────────────────────┐
    │web01$                                                                    │
    ┏━ Send it? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃Enter would go to 3 hosts.                                                ┃
    ┃│ reboot # now\u{202e}                                                    ┃
    ┃matches `reboot`, which is guarded: 2 of the 3 hosts that would hear it   ┃
    ┃are tagged prod                                                           ┃
    ┃They are not all in the same mode:                                        ┃
    ┃│ 2 at a shell prompt                                                     ┃
    ┃│ 1 in a full-screen program: lab                                         ┃
    ┃y sends it · n does not, the line stays                                   ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
    │                                                                          │
    │                                                                          │
    └──────────────────────────────────────────────────────────────────────────┘
     → nobody: keys go to the dialog  page 1 of 3
    ");
}

/// Three hosts: two in a shell, one in an editor.
fn mixed(mode: Mixed) -> Ui {
    let mut ui = Ui::with(options(mode, 1), SMALL, &["a", "b", "c"]);
    ui.output("a", "$ ");
    ui.output("b", "$ ");
    ui.output("c", "\x1b[?1049h~");
    ui.wait(Duration::from_secs(60));
    ui
}

#[test]
fn receivers_in_different_modes_are_told_in_the_line() {
    let ui = mixed(Mixed::Tell);
    assert!(ui.status().contains("mixed: 2 shell, 1 full-screen"), "{}", ui.status());
    assert!(!mixed(Mixed::Off).status().contains("mixed"));
    let mut ui = mixed(Mixed::Tell);
    ui.text(":w").keys("Enter");
    assert_eq!(ui.got("c"), ":w\\r", "told, not asked");
    ui.output("c", "\x1b[?1049l$ ");
    assert!(!ui.status().contains("mixed"), "{}", ui.status());
}

#[test]
fn each_mix_is_asked_about_once_where_the_user_wants_it() {
    let mut ui = mixed(Mixed::Ask);
    ui.text("ls").keys("Enter");
    assert!(asks(&ui));
    let screen = ui.screen();
    assert!(
        screen.contains("│ 2 at a shell prompt") && screen.contains("│ 1 in a full-screen program: c"),
        "{screen}"
    );
    ui.wait(MOMENT).keys("y");
    assert_eq!(ui.got("a"), "ls\\r");
    echo(&mut ui, "");
    ui.text("ls").keys("Enter");
    assert!(!asks(&ui), "the same mix is not asked about again");
    // Somebody else comes into another mode: that is another mix.
    ui.output("b", "\x1b[?1049h~");
    ui.keys("Enter");
    assert!(asks(&ui));
    ui.wait(MOMENT).keys("n");
    for name in ["b", "c"] {
        ui.output(name, "\x1b[?1049l$ ");
    }
    ui.keys("Enter");
    assert!(!asks(&ui), "all are alike");
    ui.output("c", "\x1b[?1049h~");
    ui.step(Event::Paste("x".to_owned().into()));
    assert!(asks(&ui), "a paste is asked about too, and what was allowed is forgotten");
}

#[test]
fn a_secret_that_would_be_executed_somewhere_is_asked_about() {
    let mut ui = Ui::with(options(Mixed::Tell, 1), SMALL, &["a", "b", "cached"]);
    ui.output("a", "[sudo] password for ann: ");
    ui.output("b", "[sudo] password for ann: ");
    ui.output("cached", "root# ");
    ui.text("hunter2").keys("Enter");
    assert!(asks(&ui) && ui.screen().contains("│ 1 at a shell prompt: cached"), "{}", ui.screen());
    assert!(!ui.screen().contains("hunter2"));
}

#[test]
fn a_guarded_host_in_another_mode_is_asked_about() {
    let mut ui = guarded();
    ui.output("web02", "\x1b[?1049h~");
    ui.text("ls").keys("Enter");
    assert!(asks(&ui));
}

#[test]
fn what_a_host_waits_for_is_followed_while_a_command_is_edited() {
    let mut ui = Ui::of(&["a"]);
    let at = |ui: &Ui| ui.app.situation(ui.member("a"));
    assert_eq!(at(&ui), Situation::Other);
    ui.output("a", "a$ ");
    assert_eq!(at(&ui), Situation::Shell);
    ui.text("echo Password:");
    ui.output("a", "echo Password:");
    assert_eq!((at(&ui), ui.app.echo_seen(ui.member("a"))), (Situation::Shell, EchoSeen::Yes));
    assert_eq!(ui.app.typed(&[ui.member("a")]), Typed::Known("echo Password:".to_owned().into()));
    ui.keys("Enter");
    assert_eq!(ui.app.typed(&[ui.member("a")]), Typed::Nothing);
    ui.output("a", "\r\nPassword:\r\na$ ");
    ui.text("sudo ls").keys("Enter");
    ui.output("a", "sudo ls\r\n[sudo] password for ann: ");
    assert_eq!(at(&ui), Situation::Secret);
    ui.dies("a");
    assert_eq!(at(&ui), Situation::Other);
}

#[test]
fn nothing_that_any_receiver_reads_as_a_secret_is_kept_of_what_was_typed() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "a$ ");
    ui.output("b", "Password: ");
    let both = [ui.member("a"), ui.member("b")];
    ui.text("hunter2");
    assert_eq!(ui.app.typed(&both), Typed::Withheld);
    assert_eq!(ui.app.tile(both[0]).expect("a tile").typing.line().text(), "", "nor for the host at a shell");
    ui.keys("Enter").wait(MOMENT).keys("y");
    ui.output("b", "\r\nb$ ");
    ui.text("ls");
    assert_eq!(ui.app.typed(&both), Typed::Known("ls".to_owned().into()));
    // Typed ahead of the prompt: what was kept goes when the prompt shows what it is.
    ui.keys("Enter");
    ui.output("a", "ls\r\n");
    ui.output("b", "ls\r\n");
    ui.text("hunt");
    ui.output("b", "Password: ");
    ui.text("er2");
    assert_eq!(ui.app.typed(&both), Typed::Withheld);
    assert_eq!(ui.app.tile(both[0]).expect("a tile").typing.line().text(), "");
}
