//! The dialog, key by key.

use super::*;
use crate::ask::KeyOrigin;
use crate::hosts::Host;
use secrecy::ExposeSecret;

const LATER: Duration = Duration::from_secs(10);

fn host_key(name: &str) -> Question {
    Question::HostKey(UnknownKey {
        host: Host::new(None, name, None),
        known_as: name.to_owned(),
        algorithm: "ssh-ed25519".to_owned(),
        fingerprint: format!("SHA256:{name}"),
        origin: KeyOrigin::Presented,
    })
}

fn password(host: &str) -> Question {
    Question::Secret(SecretRequest {
        kind: SecretKind::Password { user: "ann".to_owned(), cluster: None },
        host: Host::new(None, host, None),
        refused: None,
    })
}

fn asked(questions: &[Question]) -> Questions {
    let mut q = Questions::default();
    for (n, question) in questions.iter().enumerate() {
        q.add(QuestionId(n as u64), question.clone(), Duration::ZERO);
    }
    q
}

fn type_keys(q: &mut Questions, keys: &str, now: Duration) -> Vec<(u64, String)> {
    let mut answers = Vec::new();
    for key in keys.split(' ') {
        for (id, answer) in q.key(key.parse().unwrap(), now) {
            let text = match answer {
                Answer::Accept => "accept".to_owned(),
                Answer::Refuse => "refuse".to_owned(),
                Answer::Secret(secret) => secret.expose_secret().to_owned(),
                Answer::NoOther | Answer::Nobody => "nobody".to_owned(),
            };
            answers.push((id.0, text));
        }
    }
    answers
}

fn told(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
    answers.iter().map(|(id, text)| (*id, (*text).to_owned())).collect()
}

#[test]
fn enter_and_typing_accept_no_key() {
    let mut q = asked(&[host_key("a"), host_key("b")]);
    q.open_for_user();
    assert_eq!(type_keys(&mut q, "y e s Enter Space a p t r m Enter A R k", LATER), []);
    assert_eq!(q.len(), 2);
}

#[test]
fn one_or_all_are_accepted_or_refused_by_their_keys() {
    for (keys, expected) in [
        ("C-y", &[(0, "accept")][..]),
        ("Down C-y", &[(1, "accept")]),
        ("Down Down Down C-x", &[(2, "refuse")]),
        ("C-t", &[(0, "accept"), (1, "accept"), (2, "accept")]),
        ("C-y C-r", &[(0, "accept"), (1, "refuse"), (2, "refuse")]),
    ] {
        let mut q = asked(&[host_key("a"), host_key("b"), host_key("c")]);
        q.open_for_user();
        assert_eq!(type_keys(&mut q, keys, LATER), told(expected), "{keys}");
    }
}

#[test]
fn the_dialog_closes_with_the_last_answer_or_with_esc_but_never_by_itself() {
    let mut q = asked(&[host_key("a")]);
    q.open_for_user();
    type_keys(&mut q, "C-t", LATER);
    assert!(q.dialog().is_none());
    let mut q = asked(&[password("a")]);
    q.open_for_user();
    type_keys(&mut q, "s e c", LATER);
    q.withdraw(QuestionId(0));
    assert!(q.dialog().is_some(), "the rest of the password must not go to the hosts");
    assert_eq!(type_keys(&mut q, "Enter", LATER), []);
    type_keys(&mut q, "Esc", LATER);
    assert!(q.dialog().is_none());
}

#[test]
fn a_row_that_came_this_moment_is_not_accepted_unseen() {
    let mut q = asked(&[host_key("a")]);
    q.open_for_user();
    q.add(QuestionId(7), host_key("evil"), LATER);
    assert_eq!(type_keys(&mut q, "C-t", LATER), told(&[(0, "accept")]));
    assert!(q.dialog().is_some_and(|dialog| dialog.note.is_some()));
    assert_eq!(type_keys(&mut q, "C-t", LATER + QUIET), told(&[(7, "accept")]));
}

#[test]
fn a_withdrawn_row_does_not_hand_its_selection_to_another() {
    let mut q = asked(&[host_key("a"), host_key("b")]);
    q.open_for_user();
    q.withdraw(QuestionId(0));
    assert_eq!(type_keys(&mut q, "C-y", LATER), []);
    assert_eq!(type_keys(&mut q, "Down C-y", LATER), told(&[(1, "accept")]));
}

#[test]
fn a_dialog_that_opened_by_itself_listens_after_a_quiet_moment() {
    let mut q = asked(&[host_key("a")]);
    assert!(q.may_open());
    q.open_unasked(Duration::ZERO);
    let almost = QUIET - Duration::from_millis(1);
    assert_eq!(type_keys(&mut q, "C-t", almost), []);
    assert_eq!(type_keys(&mut q, "C-t", QUIET), [], "the first key began the wait anew");
    assert_eq!(type_keys(&mut q, "C-t", LATER), told(&[(0, "accept")]));
}

#[test]
fn after_typing_or_esc_questions_only_tell() {
    let mut q = asked(&[host_key("a")]);
    q.keep_quiet();
    assert!(!q.may_open());
    let mut q = asked(&[host_key("a")]);
    q.open_for_user();
    type_keys(&mut q, "Esc", LATER);
    assert!(!q.may_open());
}

#[test]
fn a_secret_is_hidden_edited_and_given_to_who_wants_it() {
    let mut q = asked(&[password("a"), password("b")]);
    q.open_for_user();
    assert_eq!(type_keys(&mut q, "Enter", LATER), [], "an empty secret is no answer");
    type_keys(&mut q, "x C-u h u n t e r 3 Backspace 2", LATER);
    assert_eq!(q.dialog().map(Dialog::typed), Some(7));
    assert!(!format!("{q:?}").contains("hunter"), "not in a log either");
    q.withdraw(QuestionId(0));
    assert_eq!(
        type_keys(&mut q, "Enter", LATER),
        told(&[(1, "hunter2")]),
        "another waits for the same secret"
    );
    assert!(q.dialog().is_none());
}

#[test]
fn keys_first_then_secrets_and_tab_turns() {
    let mut q = asked(&[password("a"), host_key("b")]);
    q.open_for_user();
    assert_eq!(q.dialog().map(|d| d.topic.clone()), Some(Topic::HostKeys));
    type_keys(&mut q, "Tab", LATER);
    assert!(matches!(q.dialog().map(|d| &d.topic), Some(Topic::Secret(..))));
    type_keys(&mut q, "p", LATER);
    assert_eq!(type_keys(&mut q, "C-x", LATER), told(&[(0, "refuse")]));
    assert_eq!(q.dialog().map(|d| d.topic.clone()), Some(Topic::HostKeys), "on to what is left");
}

#[test]
fn the_table_stands_in_the_order_of_the_hosts_and_an_answer_leads_to_the_next_row() {
    let mut q = asked(&[host_key("web10"), host_key("web2"), host_key("web1")]);
    q.open_for_user();
    let names: Vec<String> = q.host_keys().map(|(_, key)| key.host.to_string()).collect();
    assert_eq!(names, ["web1", "web2", "web10"]);
    assert_eq!(type_keys(&mut q, "j C-x C-y", LATER), told(&[(1, "refuse"), (0, "accept")]));
}
