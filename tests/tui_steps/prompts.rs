//! Questions never take the keyboard from someone who types, and what is typed for hosts never answers one.

use std::time::Duration;

use omnes::ask::{Answer, Echo, KeyToAdd, Question};
use omnes::tui::app::{Keyboard, Options};
use omnes::tui::event::Event;
use secrecy::ExposeSecret;

use crate::harness::{SMALL, Ui, host, password, prompt, unknown_key};

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
    ui.keys("C-t");
    assert_eq!(ui.answers().len(), 0, "this key was meant for something else");
    ui.wait(MOMENT);
    assert!(ui.screen().contains("C-t all"), "{}", ui.screen());
    ui.keys("C-t");
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
    ui.keys("C-a a C-t");
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
        ui.text("yes apt rm A R").keys("Enter");
    }
    assert_eq!((ui.answers().len(), ui.app.questions().len()), (0, 300));
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
    ui.step(Event::Paste("+pasted\nsecond line".to_owned().into()));
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
    ui.keys("C-a a C-x");
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

fn secret(answer: &Answer) -> &str {
    match answer {
        Answer::Secret(secret) => secret.expose_secret(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_hosts_ask_is_asked_one_after_the_other_and_says_who_asks() {
    let mut ui = fresh();
    ui.ask(prompt("a", "Verification code:", Echo::Hidden));
    ui.ask(prompt("b", "Colour?", Echo::Shown));
    ui.wait(MOMENT);
    let screen = ui.screen();
    assert!(
        screen.contains("a asks, for the login of ann:") && screen.contains("│ Verification code:"),
        "{screen}"
    );
    ui.text("123456");
    assert!(!ui.screen().contains("123456") && ui.screen().contains("hidden: ••••••"), "{}", ui.screen());
    ui.keys("Enter");
    assert!(ui.screen().contains("b asks") && ui.screen().contains("│ Colour?"), "{}", ui.screen());
    ui.text("red");
    assert!(ui.screen().contains("answer: red"), "{}", ui.screen());
    ui.keys("Enter");
    let answers = ui.answers();
    assert_eq!((secret(&answers[0].1), secret(&answers[1].1)), ("123456", "red"));
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn an_empty_answer_takes_a_second_enter_and_a_host_can_be_given_up() {
    let mut ui = fresh();
    ui.ask(prompt("a", "Passcode or Enter for a push:", Echo::Hidden));
    ui.ask(prompt("b", "Code:", Echo::Hidden));
    ui.wait(MOMENT);
    ui.keys("Enter");
    assert!(
        ui.answers().is_empty() && ui.screen().contains("Enter again sends an empty answer"),
        "{}",
        ui.screen()
    );
    ui.keys("x Backspace Enter");
    assert!(ui.answers().is_empty(), "a key between them was none of the two");
    ui.keys("Enter");
    assert_eq!(secret(&ui.answers()[0].1), "");
    ui.keys("C-x");
    assert!(matches!(ui.answers()[1].1, Answer::Refuse));
}

#[test]
fn a_code_never_goes_to_another_host_than_the_one_it_was_typed_for() {
    let mut ui = fresh();
    let id = ui.ask(prompt("a", "Code:", Echo::Hidden));
    ui.wait(MOMENT);
    ui.text("123456");
    ui.step(Event::QuestionWithdrawn(id));
    ui.ask(prompt("b", "Code:", Echo::Hidden));
    assert!(ui.screen().contains("it does not wait for the answer any more"), "{}", ui.screen());
    ui.keys("Enter");
    assert!(ui.answers().is_empty());
    ui.keys("Tab");
    assert!(ui.screen().contains("b asks"), "{}", ui.screen());
    ui.text("9").keys("Enter");
    assert_eq!(secret(&ui.answers()[0].1), "9");
}

#[test]
fn long_words_of_a_host_leave_room_for_the_answer() {
    let mut ui = fresh();
    let wall: String = (0..80).map(|n| format!("line {n} of a wall\n")).collect();
    ui.ask(prompt("a", &format!("{wall}Code:\u{1b}[2J"), Echo::Hidden));
    ui.wait(MOMENT);
    ui.text("12");
    let screen = ui.screen();
    assert!(screen.contains("a asks, for the login of ann:") && screen.contains("│ Code:^[[2J"), "{screen}");
    assert!(screen.contains("hidden: ••") && screen.contains("C-x gives up"), "{screen}");
}

#[test]
fn whether_the_agent_holds_a_key_takes_a_control_key() {
    for (key, accepted) in [("C-y", true), ("C-x", false)] {
        let mut ui = fresh();
        ui.ask(Question::AddKey(KeyToAdd { host: host("a"), key: "/home/ann/.ssh/id".into() }));
        ui.wait(MOMENT);
        assert!(ui.screen().contains("/home/ann/.ssh/id"), "{}", ui.screen());
        ui.keys("Enter y a r");
        assert!(ui.answers().is_empty());
        ui.keys(key);
        assert_eq!(matches!(ui.answers()[0].1, Answer::Accept), accepted);
    }
}

#[test]
fn codes_wait_in_the_status_line_while_somebody_types() {
    let mut ui = fresh();
    ui.ready("c");
    ui.text("x");
    ui.ask(prompt("a", "Code:", Echo::Hidden));
    ui.ask(prompt("b", "Code:", Echo::Hidden));
    assert!(ui.status().contains("2 questions: C-a a"), "{}", ui.status());
    ui.text("42").keys("Enter");
    assert_eq!((ui.got("c").as_str(), ui.answers().len()), ("x42\\r", 0));
}
