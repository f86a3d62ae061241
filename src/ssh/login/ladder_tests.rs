//! Climbing, step by step.

use super::*;

const KEYS: Methods = Methods { publickey: true, password: false, keyboard_interactive: false };
const PASSWORD: Methods = Methods { publickey: false, password: true, keyboard_interactive: false };
const ASKING: Methods = Methods { publickey: false, password: false, keyboard_interactive: true };
const ALL: Methods = Methods { publickey: true, password: true, keyboard_interactive: true };

fn climb(keys: usize, methods: Methods) -> (Vec<Step>, String) {
    climb_with(keys, methods, Logins::default())
}

/// All steps on hosts that refuse everything, over as many connections as are wanted.
fn climb_with(keys: usize, methods: Methods, logins: Logins) -> (Vec<Step>, String) {
    let mut ladder = Ladder::new(keys, logins);
    let mut steps = Vec::new();
    loop {
        let mut step = ladder.step();
        if step == Step::Again {
            step = ladder.exhausted();
        }
        match step {
            Step::Stop(why) => return (steps, why),
            Step::Again => {
                ladder.connected();
                steps.push(Step::Again);
            }
            step if steps.len() < 30 => {
                ladder.failed(&step, methods, false);
                steps.push(step);
            }
            step => panic!("{step:?} without end"),
        }
    }
}

fn keys(range: std::ops::Range<usize>) -> Vec<Step> {
    range.map(|n| Step::Key(Offer(n))).collect()
}

#[test]
fn never_more_tries_than_servers_take() {
    let (steps, why) = climb(9, KEYS);
    assert_eq!(steps, keys(0..6));
    assert!(why.contains("IdentitiesOnly") && why.contains("3 not offered"), "{why}");
    let (steps, why) = climb(1, KEYS);
    assert_eq!((steps, why.as_str()), ([keys(0..1), vec![Step::Probe]].concat(), "the key was not accepted"));
    assert_eq!(climb(6, KEYS).1, "none of 6 keys was accepted");
}

#[test]
fn after_too_many_keys_a_person_is_asked_on_a_fresh_connection() {
    let (steps, _) = climb(9, Methods { password: true, ..KEYS });
    let rest = [Step::Again, Step::Probe, Step::Password, Step::Password, Step::Password];
    assert_eq!(steps, [keys(0..6), rest.to_vec()].concat());
    // A server may take fewer tries than others.
    let mut ladder = Ladder::new(4, Logins::default());
    ladder.failed(&Step::Key(Offer(0)), ALL, false);
    assert_eq!(ladder.exhausted(), Step::Again);
    ladder.connected();
    ladder.failed(&ladder.step(), ALL, false);
    assert_eq!(ladder.step(), Step::Interactive);
    assert!(matches!(ladder.exhausted(), Step::Stop(_)), "once is enough");
}

#[test]
fn without_keys_the_methods_are_asked_for() {
    let (steps, why) = climb(0, ALL);
    let three = |step| vec![step; 3];
    assert_eq!(steps, [vec![Step::Probe], three(Step::Interactive), three(Step::Password)].concat());
    assert_eq!(why, "no password was accepted");
    assert_eq!(climb(0, ASKING).1, "no answer was accepted");
    assert!(climb(0, KEYS).1.contains("-i"));
    assert_eq!(climb(0, Methods::default()).1, "it takes none of the ways to log in that omnes knows");
}

#[test]
fn the_configured_order_and_number_of_prompts_hold() {
    let order = vec![Method::Password, Method::Keys];
    let logins = Logins { order, prompts: 1, ..Logins::default() };
    let (steps, _) = climb_with(2, ALL, logins);
    assert_eq!(steps, [vec![Step::Probe, Step::Password], keys(0..2)].concat());
    let none = Logins { prompts: 0, ..Logins::default() };
    assert_eq!(climb_with(1, ALL, none).0, [keys(0..1), vec![Step::Probe]].concat());
}

#[test]
fn a_way_that_is_barred_is_not_taken() {
    let no_passwords = Logins { passwords: Way::Barred, interactive: Way::Barred, ..Logins::default() };
    assert_eq!(climb_with(9, ALL, no_passwords.clone()).0, keys(0..6));
    let (steps, why) = climb_with(0, PASSWORD, no_passwords.clone());
    assert_eq!(steps, [Step::Probe]);
    assert!(why.contains("bars passwords"), "{why}");
    assert!(climb_with(0, ASKING, no_passwords).1.contains("KbdInteractiveAuthentication"));
    let no_keys = Logins { keys: Way::Barred, ..Logins::default() };
    assert!(climb_with(0, KEYS, no_keys.clone()).1.contains("bars keys"));
    assert_eq!(climb_with(0, ALL, no_keys).0[..2], [Step::Probe, Step::Interactive]);
}

#[test]
fn a_step_that_is_half_the_login_is_no_failure() {
    for next in [(PASSWORD, Step::Password), (ASKING, Step::Interactive), (KEYS, Step::Key(Offer(1)))] {
        let mut ladder = Ladder::new(2, Logins::default());
        ladder.failed(&ladder.step(), next.0, true);
        assert_eq!((ladder.step(), ladder.refused), (next.1, 0));
    }
    // In any order: the password first, then a key.
    let mut ladder =
        Ladder::new(1, Logins { order: vec![Method::Password, Method::Keys], ..Logins::default() });
    ladder.failed(&Step::Probe, PASSWORD, false);
    ladder.failed(&Step::Password, KEYS, true);
    assert_eq!(ladder.step(), Step::Key(Offer(0)));
}

#[test]
fn a_new_connection_begins_with_the_key_that_was_half_the_login() {
    let mut ladder = Ladder::new(3, Logins::default());
    ladder.failed(&Step::Key(Offer(0)), ALL, false);
    ladder.failed(&Step::Key(Offer(1)), ASKING, true);
    assert_eq!(ladder.step(), Step::Interactive);
    ladder.connected();
    assert_eq!(ladder.step(), Step::Key(Offer(1)));
    ladder.failed(&Step::Key(Offer(1)), ASKING, true);
    assert_eq!(ladder.step(), Step::Interactive);
    // Should it be refused this time, the others follow.
    ladder.connected();
    ladder.failed(&Step::Key(Offer(1)), ALL, false);
    assert_eq!(ladder.step(), Step::Key(Offer(2)));
}

#[test]
fn a_host_that_takes_every_step_is_left() {
    let mut ladder = Ladder::new(0, Logins::default());
    ladder.failed(&Step::Probe, ASKING, false);
    for _ in 0..=PARTS {
        assert_eq!(ladder.step(), Step::Interactive);
        ladder.failed(&Step::Interactive, ASKING, true);
    }
    assert!(matches!(ladder.step(), Step::Stop(why) if why.contains("never lets us in")));
}

#[test]
fn a_way_that_has_no_answer_is_left_for_the_next() {
    let mut ladder = Ladder::new(0, Logins::default());
    ladder.failed(&Step::Probe, ALL, false);
    ladder.skip(&Step::Interactive);
    assert_eq!(ladder.step(), Step::Password);
    ladder.skip(&Step::Password);
    assert!(matches!(ladder.step(), Step::Stop(_)));
}

#[test]
fn nobody_is_asked_before_it_is_known_that_the_host_wants_anything() {
    let (steps, _) = climb(2, ALL);
    let rest = vec![Step::Probe, Step::Interactive, Step::Interactive, Step::Interactive];
    assert_eq!(steps[..6], [keys(0..2), rest].concat(), "with two keys and `none` the server counts six");
    // What is half the way is not tried again from its beginning.
    let mut ladder = Ladder::new(1, Logins::default());
    ladder.failed(&Step::Key(Offer(0)), ASKING, true);
    assert_eq!(ladder.step(), Step::Interactive);
}

#[test]
fn a_host_that_takes_one_password_a_connection_is_offered_no_more_than_configured() {
    let mut ladder = Ladder::new(0, Logins { prompts: 2, ..Logins::default() });
    ladder.failed(&Step::Probe, PASSWORD, false);
    assert!(ladder.password_refused(KEYS), "a second one on a fresh connection");
    ladder.connected();
    ladder.failed(&Step::Probe, PASSWORD, false);
    assert!(!ladder.password_refused(KEYS));
}
