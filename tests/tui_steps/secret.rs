//! A secret goes to the hosts that ask for one, and to nothing and nobody else.

use insta::assert_snapshot;
use omnes::size::Size;
use omnes::tui::app::{Keyboard, Options, Preparing};

use crate::harness::{SMALL, Ui};

const SUDO: &str = "$ sudo -k id\r\n[sudo] password for ann: ";

/// So many hosts at a prompt of sudo, then so many at a shell.
fn fleet(asking: usize, others: usize) -> Ui {
    let names: Vec<String> = (1..=asking + others).map(|n| format!("web{n:02}")).collect();
    let mut ui = Ui::with(
        Options::default(),
        Size::new(16, 80),
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for (n, name) in names.iter().enumerate() {
        ui.output(name, if n < asking { SUDO } else { "$ " });
    }
    ui
}

#[test]
fn it_goes_to_the_eighteen_that_ask_and_the_two_at_a_shell_are_named_and_skipped() {
    let mut ui = fleet(18, 2);
    ui.keys("C-a P").text("hunter2");
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │$ sudo -k id                          ││$ sudo -k id                          │
    │[sudo] password for ann:              ││[sudo] password for ann:              │
    │                                      ││                                      │
    │   ┏━ Secret ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓   │
    │   ┃goes to 18 hosts: web[01-18]                                          ┃   │
    │   ┃skips 2 at a shell prompt: web[19-20]                                 ┃   │
    │   ┃hidden: •••••••                                                       ┃   │
    │   ┃A host that fakes such a prompt gets it too.                          ┃   │
    │   ┃Enter sends it, with Enter · C-u clears · C-r looks again · Esc leaves┃   │
    │   ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛   │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → nobody: keys go to the dialog  page 1 of 10
    ");
    assert!(!format!("{:?}", ui.app.keyboard()).contains("hunter2"));
    ui.keys("Enter");
    let got = ui.all_got();
    assert!(got[..18].iter().all(|got| got == "hunter2\\r"), "{got:?}");
    assert_eq!(got[18..], ["", ""]);
    let said = ui.app.notes().note().map(|note| note.text.clone());
    assert_eq!(said.as_deref(), Some("the secret went to 18 hosts; 2 skipped: web[19-20]"));
    assert!(ui.app.sent().newest().all(|entry| !format!("{entry:?}").contains("hunter2")));
}

#[test]
fn who_comes_to_a_prompt_later_is_shown_and_taken_in_by_a_key_alone() {
    let mut ui = fleet(1, 1);
    ui.keys("C-a P").text("hunter2");
    ui.output("web02", "\r\n[sudo] password for ann: ");
    assert!(
        ui.screen().contains("1 came to such a prompt since: web02; C-r takes them in"),
        "{}",
        ui.screen()
    );
    ui.keys("Enter");
    assert_eq!(ui.all_got(), ["hunter2\\r", ""]);
    let mut ui = fleet(1, 1);
    ui.keys("C-a P").text("hunter2");
    ui.output("web02", "\r\n[sudo] password for ann: ");
    ui.keys("C-r Enter");
    assert_eq!(ui.all_got(), ["hunter2\\r", "hunter2\\r"]);
}

#[test]
fn who_does_not_ask_any_more_at_the_moment_of_enter_gets_nothing() {
    let mut ui = fleet(2, 0);
    ui.keys("C-a P").text("hunter2");
    ui.output("web01", "\r\nsudo: timed out reading password\r\n$ ");
    ui.keys("Enter");
    assert_eq!(ui.all_got(), ["", "hunter2\\r"]);
}

#[test]
fn where_nobody_asks_the_box_opens_all_the_same_and_sends_nothing() {
    let mut ui = fleet(0, 2);
    ui.keys("C-a P").text("hunter2").keys("Enter");
    assert!(ui.screen().contains("none of the listed hosts asks for a secret now"), "{}", ui.screen());
    assert!(matches!(ui.app.keyboard(), Keyboard::Preparing(Preparing::Secret(_))));
    ui.keys("Esc").text("x");
    assert_eq!(ui.all_got(), ["x", "x"]);
}

#[test]
fn what_is_echoed_is_no_secret() {
    let mut ui = fleet(1, 1);
    // A program that merely prints such a line, and shows what is typed.
    ui.output("web02", "\r\nPassword: ");
    ui.text("a");
    ui.output("web02", "a");
    ui.keys("C-a P").text("hunter2").keys("Enter");
    assert_eq!(ui.all_got(), ["ahunter2\\r", "a"]);
}

#[test]
fn esc_sends_nothing_and_a_paste_is_taken_up_to_its_line_end() {
    let mut ui = fleet(1, 0);
    ui.keys("C-a P").text("hunter2").keys("Esc C-a P");
    ui.paste("pasted\nrm -rf /\n").keys("Backspace");
    assert!(!ui.screen().contains("paste"), "{}", ui.screen());
    ui.keys("Enter");
    assert_eq!(ui.got("web01"), "paste\\r");
}

#[test]
fn a_paste_that_waits_at_a_prompt_for_a_secret_is_not_shown() {
    let mut ui = fleet(1, 0);
    ui.paste("hunter2\n");
    assert!(ui.screen().contains("not shown, since a host asks for a secret"), "{}", ui.screen());
    assert!(!ui.screen().contains("hunter2") && !format!("{:?}", ui.app.keyboard()).contains("hunter2"));
    ui.settle().keys("y");
    assert_eq!(ui.got("web01"), "hunter2\\r");
    assert!(ui.app.sent().newest().all(|entry| !format!("{entry:?}").contains("hunter2")));
}

#[test]
fn a_text_composed_at_such_a_prompt_is_not_remembered() {
    let mut ui = Ui::with(Options::default(), SMALL, &["web01"]);
    ui.output("web01", SUDO);
    ui.keys("C-a c").text("hunter2").keys("C-s C-a c C-p");
    assert!(!ui.screen().contains("hunter2"), "{}", ui.screen());
    assert_eq!(ui.got("web01"), "hunter2\\r");
    assert!(ui.app.sent().newest().all(|entry| !format!("{entry:?}").contains("hunter2")));
}
