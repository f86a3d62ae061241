//! Questions never take the keyboard from someone who types, and what is typed for hosts never answers one.

use std::time::Duration;

use omnes::ask::Answer;
use omnes::tui::app::{Keyboard, Options};
use omnes::tui::event::Event;
use secrecy::ExposeSecret;

use crate::harness::{SMALL, Ui, password, unknown_key};

const MOMENT: Duration = Duration::from_secs(1);

fn fresh() -> Ui {
    Ui::connecting(Options::default(), SMALL, &["a", "b", "c"])
}

#[test]
fn before_the_first_key_a_question_opens_and_listens_after_a_quiet_moment() {
    let mut ui = fresh();
    ui.ask(unknown_key("a"));
    ui.ask(unknown_key("b"));
    assert!(
        ui.screen().contains("Unknown host keys") && ui.screen().contains("one moment"),
        "{}",
        ui.screen()
    );
    ui.keys("A");
    assert_eq!(ui.answers().len(), 0, "this key was meant for something else");
    ui.wait(MOMENT);
    assert!(ui.screen().contains("A all"), "{}", ui.screen());
    ui.keys("A");
    assert_eq!(ui.answers().len(), 2);
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn after_the_first_key_a_question_only_tells_and_the_prefix_opens_it() {
    let mut ui = fresh();
    ui.ready("a");
    ui.text("x");
    for name in ["a", "b", "c"] {
        ui.ask(unknown_key(name));
    }
    assert!(ui.status().contains("3 questions: C-a a"), "{}", ui.status());
    ui.wait(MOMENT);
    ui.text("AAyes").keys("Enter");
    assert_eq!((ui.answers().len(), ui.got("a").as_str()), (0, "xAAyes\\r"));
    ui.keys("C-a a A");
    assert_eq!(ui.answers().len(), 3);
}

#[test]
fn a_storm_of_questions_gets_no_answer_from_someone_who_types_yes() {
    let names: Vec<String> = (0..300).map(|n| format!("h{n:03}")).collect();
    let mut ui =
        Ui::connecting(Options::default(), SMALL, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, name) in names.iter().enumerate() {
        ui.ask(unknown_key(name));
        ui.wait(Duration::from_millis(if n % 7 == 0 { 700 } else { 30 }));
        ui.text("yes").keys("Enter");
    }
    assert!(ui.answers().iter().all(|(_, answer)| !matches!(answer, Answer::Accept)));
    assert_eq!(ui.app.questions().len(), 300);
}

#[test]
fn typing_while_nobody_is_ready_also_keeps_dialogs_away() {
    let mut ui = fresh();
    ui.text("up");
    ui.ask(password("a"));
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn a_prefix_that_waits_for_its_key_is_not_interrupted() {
    let mut ui = fresh();
    ui.keys("C-a");
    ui.ask(unknown_key("a"));
    ui.keys("d");
    assert!(ui.app.notes().note().is_some_and(|note| note.text.contains("detached")));
}

#[test]
fn a_secret_is_hidden_and_reaches_no_host_and_no_screen() {
    let mut ui = fresh();
    ui.ready("c");
    ui.ask(password("a"));
    ui.wait(MOMENT);
    ui.text("hunter2");
    assert!(!ui.screen().contains("hunter2") && ui.screen().contains("hidden: •••••••"), "{}", ui.screen());
    ui.step(Event::Paste("+pasted\nsecond line".to_owned()));
    ui.keys("Enter");
    let answers = ui.answers();
    let Answer::Secret(secret) = &answers[0].1 else { panic!("{answers:?}") };
    assert_eq!(secret.expose_secret(), "hunter2+pasted");
    assert_eq!(ui.got("c"), "");
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn a_dialog_whose_question_is_withdrawn_stays_until_the_user_closes_it() {
    let mut ui = fresh();
    ui.ready("c");
    let id = ui.ask(password("a"));
    ui.wait(MOMENT);
    ui.text("hunt");
    ui.step(Event::QuestionWithdrawn(id));
    ui.text("er2").keys("Enter");
    assert_eq!((ui.got("c").as_str(), ui.answers().len()), ("", 0));
    assert!(ui.screen().contains("nobody waits for it any more"), "{}", ui.screen());
    ui.keys("Esc").text("x");
    assert_eq!(ui.got("c"), "x");
}

#[test]
fn in_a_dialog_the_prefix_opens_nothing_else() {
    let mut ui = fresh();
    ui.ask(unknown_key("a"));
    ui.keys("C-a q");
    assert!(matches!(ui.app.keyboard(), Keyboard::Questions));
    ui.wait(MOMENT);
    ui.keys("C-a a r");
    assert!(matches!(ui.answers().as_slice(), [(_, Answer::Refuse)]));
}

#[test]
fn what_a_host_says_of_itself_is_escaped() {
    let mut ui = fresh();
    let mut question = unknown_key("a");
    if let omnes::ask::Question::HostKey(key) = &mut question {
        key.algorithm = "ssh\u{1b}[2J\u{202e}".to_owned();
    }
    ui.ask(question);
    assert!(ui.screen().contains("ssh^[[2J\\u{202e}"), "{}", ui.screen());
}
