//! Texts that go out as a whole: composed, named, pasted; each host gets exactly what the preview showed, and nothing
//! before the user's word.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::hosts::{Facts, Host};
use omnes::size::Size;
use omnes::tui::app::{Keyboard, Macro, Options, PasteConfirm, Preparing};
use omnes::tui::compose::{Ending, TEXT_BYTES};
use omnes::tui::event::{Event, Opened};
use omnes::tui::guard::{Guards, Mixed};

use crate::harness::{SMALL, Ui};

fn opened(name: &str, role: &str) -> Opened {
    let host: Host = name.parse().expect("a host");
    let vars = [("role".to_owned(), role.to_owned())].into();
    Opened { host, facts: Facts { vars, user: Some("ann".to_owned()), port: Some(22), ..Facts::default() } }
}

/// Three hosts of which something is known.
fn three() -> Ui {
    let mut ui = Ui::with(Options::default(), Size::new(20, 80), &[]);
    ui.opened(vec![opened("web01", "front"), opened("web02", "front"), opened("db01", "main")]);
    ui
}

fn composing(ui: &Ui) -> bool {
    matches!(ui.app.keyboard(), Keyboard::Preparing(Preparing::Compose(_)))
}

#[test]
fn the_box() {
    let mut ui = three();
    ui.keys("C-a c").text("cd /srv").keys("Enter").text("ls {role} {hots}");
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
    ┏━ Compose → 3 hosts ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃cd /srv                                                                       ┃
    ┃ls {role} {hots}                                                              ┃
    ┃                                                                              ┃
    ┃line 2, column 11: {hots} means nothing for web01; did you mean {host}, or {{ ┃
    ┃for a brace? (3 of 3 hosts)                                                   ┃
    ┃{host}, {n}, {dc}… are filled in, {{ is a brace · Enter follows · 2 lines     ┃
    ┃C-s sends it to 3 hosts · M-c to one first · Tab shows what each host gets ·  ┃
    ┃M-t literally · M-e without Enter · C-p older · Esc leaves                    ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
     → nobody: keys go to the dialog
    ");
    let at = omnes::tui::draw::cursor(&ui.app, ui.app.layout()).map(|(at, _)| (at.x, at.y));
    assert_eq!(at, Some((17, 11)));
}

#[test]
fn what_each_host_would_get() {
    let mut ui = three();
    ui.keys("C-a c").text("cd /{role}").keys("Enter").text("echo {host} {n}/{count}").keys("Tab");
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    ┏━ Compose → 3 hosts ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃web01:                                                                        ┃
    ┃│ cd /front                                                                   ┃
    ┃│ echo web01 1/3                                                              ┃
    ┃web02:                                                                        ┃
    ┃│ cd /front                                                                   ┃
    ┃│ echo web02 2/3                                                              ┃
    ┃db01:                                                                         ┃
    ┃│ cd /main                                                                    ┃
    ┃│ echo db01 3/3                                                               ┃
    ┃{host}, {n}, {dc}… are filled in, {{ is a brace · Enter follows · 2 lines     ┃
    ┃C-s sends it to 3 hosts · M-c to one first · Tab the text · M-t literally ·   ┃
    ┃M-e without Enter · C-p older · Esc leaves                                    ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
     → nobody: keys go to the dialog
    ");
    ui.keys("Down Down Down");
    assert!(ui.screen().contains("│ echo db01 3/3") && !ui.screen().contains("web02:"), "{}", ui.screen());
    ui.keys("Tab C-a C-k").text("uptime").keys("Up C-a C-k").keys("Tab");
    assert!(
        ui.screen().contains("db01,web[01-02]:") || ui.screen().contains("web[01-02],db01:"),
        "{}",
        ui.screen()
    );
    assert_eq!(ui.all_got(), ["", "", ""]);
}

#[test]
fn nothing_is_sent_by_enter_or_esc_and_the_draft_stays() {
    let mut ui = three();
    ui.keys("C-a c").text("reboot").keys("Enter Tab Enter Tab Esc");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
    assert_eq!(ui.all_got(), ["", "", ""]);
    ui.keys("C-a c");
    assert!(composing(&ui) && ui.screen().contains("reboot"), "{}", ui.screen());
    ui.keys("C-s");
    assert_eq!(ui.got("web01"), "reboot\\r");
    ui.keys("C-a c");
    assert!(!ui.screen().contains("reboot"), "what was sent is no draft:\n{}", ui.screen());
    ui.keys("C-s");
    assert!(ui.screen().contains("there is nothing to send"), "{}", ui.screen());
    ui.keys("C-p");
    assert!(ui.screen().contains("reboot"), "{}", ui.screen());
}

#[test]
fn each_host_gets_its_own_text_under_its_own_modes() {
    let mut ui = three();
    ui.output("web02", "\x1b[?2004h");
    ui.keys("C-a c").text("a {host}").keys("Enter").text("b {n:02} of {count} for {user}").keys("C-s");
    assert_eq!(ui.got("web01"), "a web01\\rb 01 of 3 for ann\\r");
    assert_eq!(ui.got("web02"), "\\u{1b}[200~a web02\\nb 02 of 3 for ann\\u{1b}[201~\\r");
    assert_eq!(ui.got("db01"), "a db01\\rb 03 of 3 for ann\\r");
    assert!(ui.status().contains("sent to 3 hosts"), "{}", ui.status());
}

#[test]
fn braces_may_be_meant_and_enter_may_be_left_out() {
    let mut ui = three();
    ui.keys("C-a c").text("echo ${x}").keys("C-s");
    assert!(
        composing(&ui) && ui.screen().contains("column 7: {x} means nothing for web01"),
        "{}",
        ui.screen()
    );
    ui.keys("M-t M-e C-s");
    assert_eq!(ui.got("db01"), "echo ${x}");
}

#[test]
fn a_name_that_one_host_lacks_is_said_and_nothing_is_sent() {
    let mut ui = three();
    ui.opened(vec![Host::new(None, "bare", None).into()]);
    ui.keys("C-a D C-a c").text("{role}");
    assert!(ui.screen().contains("{role} means nothing for bare"), "{}", ui.screen());
    ui.keys("C-s");
    assert!(composing(&ui));
    assert_eq!(ui.all_got(), ["", "", "", ""]);
}

#[test]
fn what_is_too_large_for_one_host_is_sent_to_none() {
    let mut ui = Ui::with(Options::default(), SMALL, &[]);
    ui.opened(vec![opened("a", "x"), opened("b", &"y".repeat(9_000))]);
    ui.keys("C-a c").text("{role}").paste(&"z".repeat(TEXT_BYTES - 100));
    ui.keys("C-s");
    assert!(ui.screen().contains("for b this is 73 kB, and a host takes at most 64 kB"), "{}", ui.screen());
    ui.paste(&"z".repeat(200));
    assert!(ui.screen().contains("it was not taken"), "{}", ui.screen());
    assert_eq!(ui.all_got(), ["", ""]);
}

#[test]
fn one_host_first_and_then_those_that_are_left() {
    let mut ui = three();
    ui.keys("C-a o C-a c").text("echo {host} {n}").keys("M-c");
    assert_eq!((ui.got("web02").as_str(), ui.got("web01").as_str()), ("echo web02 2\\r", ""));
    ui.output("web02", "web02 2\r\nweb02$ ");
    assert_snapshot!(ui.screen(), @r"
    ┌ · web01 ─────────────────────────────┐┌▶· web02◀─────────────────────────────┐
    │                                      ││web02 2                               │
    │                                      ││web02$                                │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
    ┌ · db01 ──────────────────────────────┐
    │                                      │
    ┏━ Compose → the other 2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃sent to web02, which shows:                                                   ┃
    ┃│ web02 2                                                                     ┃
    ┃│ web02$                                                                      ┃
    ┃{host}, {n}, {dc}… are filled in, {{ is a brace · Enter follows · 1 line      ┃
    ┃C-s sends it to the other 2 · Tab shows what each host gets · Esc leaves it at┃
    ┃that                                                                          ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
     → nobody: keys go to the dialog
    ");
    ui.keys("M-c");
    assert!(ui.screen().contains("one host has it already"), "{}", ui.screen());
    ui.dies("db01");
    ui.keys("C-s");
    assert_eq!((ui.got("web01").as_str(), ui.got("web02").as_str()), ("echo web01 1\\r", "echo web02 2\\r"));
    assert_eq!(ui.got("db01"), "");
    let said = ui.app.notes().note().map(|note| note.text.clone());
    assert_eq!(said.as_deref(), Some("sent to the other 1; not to db01: no longer hearing"));
}

#[test]
fn after_a_change_of_the_text_everybody_gets_it() {
    let mut ui = three();
    ui.keys("C-a c").text("one").keys("M-c").text("!").keys("C-s");
    assert_eq!((ui.got("web01").as_str(), ui.got("db01").as_str()), ("one\\rone!\\r", "one!\\r"));
}

#[test]
fn a_detached_host_in_focus_gets_it_alone() {
    let mut ui = three();
    ui.keys("C-a d C-a c").text("{n}/{count}");
    assert!(ui.screen().contains("Compose → web01 alone"), "{}", ui.screen());
    ui.keys("C-s");
    assert_eq!(ui.got("web01"), "1/1\\r");
    assert_eq!((ui.got("web02").as_str(), ui.got("db01").as_str()), ("", ""));
}

fn with_macros() -> Ui {
    let one = |name: &str, text: &str, ending, key: Option<&str>| Macro {
        name: name.to_owned(),
        text: text.to_owned(),
        ending,
        key: key.map(|key| key.parse().expect("a key")),
    };
    let macros = vec![
        one("who", "echo {host}", Ending::Enter, Some("F5")),
        one("log", "less {role}.log", Ending::Open, None),
        one("part", "echo {n}/{count}", Ending::Enter, None),
    ];
    let mut ui = Ui::with(Options { macros, ..Options::default() }, SMALL, &[]);
    ui.opened(vec![opened("ann@web01:2222", "front"), opened("db01", "main")]);
    ui
}

#[test]
fn a_macro_is_chosen_looked_at_and_sent_or_sent_by_its_key() {
    let mut ui = with_macros();
    ui.keys("C-a C");
    assert!(ui.screen().contains("who: echo web01") && ui.screen().contains("C-a F5"), "{}", ui.screen());
    assert!(ui.screen().contains("part: echo 1/2"), "numbered as it would be sent: {}", ui.screen());
    ui.text("log").keys("Enter");
    assert!(
        ui.screen().contains("Macro log → 2 hosts") && ui.screen().contains("│ less main.log"),
        "{}",
        ui.screen()
    );
    assert_eq!(ui.all_got(), ["", ""]);
    ui.keys("C-s");
    assert_eq!(ui.all_got(), ["less front.log", "less main.log"]);
    ui.keys("C-a F5");
    assert_eq!(ui.all_got(), ["less front.logecho web01\\r", "less main.logecho db01\\r"]);
}

#[test]
fn each_host_is_sent_what_it_is() {
    let mut ui = with_macros();
    ui.keys("C-a N Space");
    for name in ["send-target", "send-user", "send-number"] {
        ui.keys("C-a :").text(name).keys("Enter Space");
    }
    assert_eq!(ui.all_got(), ["web01 ann@web01:2222 ann 1 ", "db01 db01 ann 2 "]);
}

#[test]
fn a_paste_can_be_read_through_and_cleaned_before_it_is_sent() {
    let mut ui = Ui::with(Options::default(), Size::new(14, 80), &["a", "b"]);
    let lines: Vec<String> = (1..=20).map(|n| format!("line {n}\x07")).collect();
    ui.paste(&lines.join("\n")).settle().keys("M-c PageDown");
    assert_snapshot!(ui.screen(), @r"
    ┏━ Paste? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃20 lines × 2 hosts, 170 bytes                                                 ┃
    ┃without its 20 control bytes                                                  ┃
    ┃│ … 7 lines above                                                             ┃
    ┃│ line 8                                                                      ┃
    ┃│ line 9                                                                      ┃
    ┃│ line 10                                                                     ┃
    ┃│ line 11                                                                     ┃
    ┃│ line 12                                                                     ┃
    ┃│ … 8 more                                                                    ┃
    ┃y sends it · M-c with control bytes · M-l line by line, each at a prompt · n  ┃
    ┃does not                                                                      ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
     → nobody: keys go to the dialog
    ");
    ui.keys("End");
    assert!(ui.screen().contains("│ line 20"), "{}", ui.screen());
    ui.keys("y");
    assert_eq!(ui.got("b"), lines.join("\\r").replace('\x07', ""));
}

#[test]
fn every_paste_may_be_asked_about() {
    let options = Options { paste_confirm: PasteConfirm::Always, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["a"]);
    ui.paste("uptime");
    assert_eq!(ui.got("a"), "");
    ui.settle().keys("y");
    assert_eq!(ui.got("a"), "uptime");
}

/// Lets the screen settle.
const MOMENT: Duration = Duration::from_millis(60);

#[test]
fn line_by_line_each_host_gets_the_next_line_at_its_own_prompt() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "a$ ");
    ui.output("b", "b$ ");
    ui.paste("one\ntwo\nthree\n").settle().keys("M-l");
    assert_eq!(ui.all_got(), ["one\\r", "one\\r"]);
    ui.output("a", "one\r\nout\r\na$ ");
    ui.output("b", "one\r\nPassword: ");
    assert_eq!(ui.all_got(), ["one\\r", "one\\r"], "not before the screen settles");
    ui.wait(MOMENT);
    assert_eq!(ui.all_got(), ["one\\rtwo\\r", "one\\r"]);
    ui.output("a", "two\r\na$ ");
    ui.wait(MOMENT);
    assert_snapshot!(ui.screen(), @r"
    ┌▶· a◀─────────────────────────────────────────────────────────────────────────┐
    │a$ one                                                                        │
    │out                                                                           │
    │a$ two                                                                        │
    │a$                                                                            │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │              ┏━ Line by line ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓               │
    │              ┃3 lines to 2 hosts, each at a prompt, since 0 s┃               │
    └──────────────┃✓ 1 host got every line                        ┃───────────────┘
    ┌ · b ─────────┃… b: 1 of 3 sent, at a password prompt         ┃───────────────┐
    │b$ one        ┃Esc stops the rest                             ┃               │
    │Password:     ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛               │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    └──────────────────────────────────────────────────────────────────────────────┘
     → nobody: keys go to the dialog
    ");
    ui.text("x").keys("Enter");
    assert_eq!(ui.all_got(), ["one\\rtwo\\rthree\\r", "one\\r"], "nothing comes between");
    ui.keys("Esc");
    ui.output("b", "\r\nb$ ");
    ui.wait(MOMENT);
    assert_eq!(ui.got("b"), "one\\r");
    let said = ui.app.notes().note().map(|note| note.text.clone());
    assert_eq!(said.as_deref(), Some("every line went to 1 of 2 hosts; stopped before the end: b"));
}

#[test]
fn a_host_that_dies_on_its_way_is_named_and_keeps_nobody() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "a$ ");
    ui.output("b", "b$ ");
    ui.paste("one\ntwo").settle().keys("M-l");
    ui.dies("b");
    ui.output("a", "one\r\na$ ");
    ui.wait(MOMENT);
    assert_eq!(ui.got("a"), "one\\rtwo\\r");
    assert!(ui.screen().contains("✗ b: 1 of 2 sent, hears no more"), "{}", ui.screen());
    ui.keys("Enter");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn what_one_host_has_is_no_draft() {
    let mut ui = three();
    ui.keys("C-a c").text("xyzzy").keys("M-c Esc C-a c");
    assert!(!ui.screen().contains("xyzzy"), "{}", ui.screen());
    assert_eq!(ui.got("web02"), "");
    let mut ui = Ui::of(&["a"]);
    ui.keys("C-a c").text("one").keys("M-c");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts), "there is nobody left");
    assert_eq!(ui.got("a"), "one\\r");
}

#[test]
fn while_something_is_prepared_no_key_reaches_a_host() {
    for open in ["C-a c", "C-a P", "C-a ?"] {
        let mut ui = Ui::of(&["a"]);
        ui.keys(open).text("hello").keys("Enter F5 C-z Up").step(Event::Tick);
        assert_eq!(ui.got("a"), "", "{open}");
    }
}

/// Two hosts, of which the first is guarded against `reboot`, and asks when modes differ.
fn guarded() -> Ui {
    let prod = Guards::guard("prod", omnes::pane::Color::Indexed(1), &["reboot".to_owned()], 1)
        .expect("a good pattern");
    let guards = Guards::new(Mixed::Ask, vec![prod]);
    let mut ui = Ui::with(Options { guards, ..Options::default() }, SMALL, &[]);
    let mut web = opened("web01", "front");
    web.facts.tags = vec!["prod".to_owned()];
    ui.opened(vec![web, opened("db01", "reboot")]);
    ["web01", "db01"].iter().for_each(|name| ui.output(name, "$ "));
    ui
}

/// The time after which the question listens.
const QUIET: Duration = Duration::from_secs(1);

#[test]
fn a_guarded_text_asks_first_and_a_no_loses_nothing() {
    let mut ui = guarded();
    ui.keys("C-a c").text("echo {n}; reboot").keys("C-s");
    assert!(matches!(ui.app.keyboard(), Keyboard::Confirm(_)), "{}", ui.screen());
    ui.wait(QUIET).keys("n");
    assert_eq!(ui.all_got(), ["", ""]);
    ui.keys("C-a c");
    assert!(ui.screen().contains("echo {n}; reboot"), "{}", ui.screen());
    ui.keys("C-s").wait(QUIET).keys("y");
    assert_eq!(ui.all_got(), ["echo 2; reboot\\r", "echo 1; reboot\\r"]);
    assert!(ui.status().contains("sent to 2 hosts"), "{}", ui.status());
}

#[test]
fn after_the_yes_for_the_first_host_the_box_comes_back_for_the_others() {
    let mut ui = guarded();
    ui.keys("C-a c").text("reboot").keys("M-c").wait(QUIET).keys("y");
    assert_eq!((ui.got("web01").as_str(), ui.got("db01").as_str()), ("reboot\\r", ""));
    assert!(composing(&ui) && ui.screen().contains("Compose → the other 1"), "{}", ui.screen());
    ui.keys("C-s");
    assert_eq!(ui.got("db01"), "reboot\\r", "db01 is not guarded");
}

#[test]
fn what_a_template_makes_of_a_guarded_word_is_asked_about_where_it_is_guarded() {
    let mut ui = guarded();
    ui.keys("C-a c").text("{role}").keys("C-s");
    assert_eq!(ui.all_got(), ["reboot\\r", "front\\r"], "it says `reboot` to db01 alone, which has no guard");
}

#[test]
fn receivers_in_different_modes_are_asked_about_before_a_text_and_before_lines() {
    let mut ui = guarded();
    ui.output("db01", "\x1b[?1049hvi");
    ui.keys("C-a c").text("uptime").keys("C-s");
    assert!(matches!(ui.app.keyboard(), Keyboard::Confirm(_)), "{}", ui.screen());
    ui.wait(QUIET).keys("n").paste("one\ntwo").settle().keys("M-l");
    assert!(matches!(ui.app.keyboard(), Keyboard::Confirm(_)), "{}", ui.screen());
    assert_eq!(ui.all_got(), ["", ""]);
    ui.wait(QUIET).keys("y");
    assert_eq!(ui.all_got(), ["", "one\\r"], "and still each at a prompt");
}
