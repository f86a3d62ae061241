//! Who may try which secret: one question for a whole fleet, and no typing error reaches more than three hosts.
//!
//! Theory: for each [`SecretKind`] an answer is first *on trial* with one host while all others wait. Accepted, it is
//! *proven* and offered to the others: a few at first and, as more accept it, to ever more at once, so that a secret
//! which only one odd host takes does not lock accounts everywhere. A host that refuses a proven secret has another one;
//! it starts the next question. After three refused answers there are no more questions.
//!
//! This is a state machine without clock or tasks. Whoever drives it calls [`Secrets::next`] until it says something
//! other than [`Next::Wait`], calling again after each change.

use std::collections::HashMap;

use secrecy::SecretString;

use super::{Answer, SecretKind};

/// Wrong answers that hosts may see, for each kind.
const WRONG: u32 = 3;

/// Hosts after whose acceptance all others may see a secret at once.
const TRUSTED: u32 = 16;

/// Hosts in a row that may be offered an answer and say nothing to it, before the others stop waiting for a verdict.
const UNHEARD: u32 = 3;

/// All secrets of a run.
#[derive(Debug, Default)]
pub struct Secrets {
    entries: HashMap<SecretKind, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    proven: Vec<Proven>,
    /// Somebody asks or tries the answer.
    busy: bool,
    /// An answer that no host has seen, since the connection which asked for it was lost.
    unseen: Option<SecretString>,
    on_trial: Option<SecretString>,
    wrong: u32,
    unheard: u32,
    refused_by: Option<String>,
    /// Hosts that wait and have refused nothing new.
    fresh: u32,
    over: Option<Over>,
}

#[derive(Debug)]
struct Proven {
    secret: SecretString,
    accepted: u32,
    refused: u32,
    under_way: u32,
}

impl Proven {
    /// Whether one more host may see it now.
    fn permits(&self) -> bool {
        let trusted = self.accepted >= TRUSTED && self.refused <= self.accepted;
        trusted || self.under_way + self.refused < WRONG + 2 * (self.accepted - 1)
    }
}

/// How far one host has come with a kind; it begins with the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    proven: usize,
    /// Answers that were new and that it refused.
    refused: u32,
}

/// What a host is to do now.
#[derive(Clone, Debug)]
pub enum Next {
    /// Put the question, then call [`Secrets::answered`], or [`Secrets::withdrawn`].
    Ask {
        /// What to say about an earlier answer.
        refused: Option<String>,
    },
    /// Offer this to the host, then call [`Secrets::verdict`].
    Try(SecretString, Trial),
    /// Wait for a change.
    Wait,
    /// There is no secret for this host.
    Over(Over),
}

/// Which secret a host tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The one that nobody has accepted yet.
    First,
    /// A proven one, by its place.
    Proven(usize),
}

/// Why there is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nobody can be asked.
    Nobody,
    /// The user dismissed the question.
    Dismissed,
    /// Hosts refused what was answered.
    NotAccepted,
    /// The hosts that were to try it first did not answer.
    Unheard,
}

/// What a host made of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It let us in.
    Accepted,
    /// It did not.
    Refused,
    /// The connection ended before it said anything.
    Unheard,
    /// It was not shown the secret after all.
    Unseen,
}

impl Secrets {
    /// What a host that has tried so much is to do now.
    pub fn next(&mut self, kind: &SecretKind, tried: Tried) -> Next {
        let entry = self.entries.entry(kind.clone()).or_default();
        if let Some(proven) = entry.proven.get_mut(tried.proven) {
            if proven.permits() {
                proven.under_way += 1;
                return Next::Try(proven.secret.clone(), Trial::Proven(tried.proven));
            }
            return if proven.under_way > 0 { Next::Wait } else { Next::Over(Over::NotAccepted) };
        }
        if let Some(over) = entry.over {
            return Next::Over(over);
        }
        if entry.busy {
            return Next::Wait;
        }
        if entry.wrong >= WRONG {
            return Next::Over(Over::NotAccepted);
        }
        if tried.refused > 0 && entry.fresh > 0 {
            return Next::Wait;
        }
        entry.busy = true;
        match entry.unseen.take() {
            Some(secret) => {
                entry.on_trial = Some(secret.clone());
                Next::Try(secret, Trial::First)
            }
            None => {
                Next::Ask { refused: entry.refused_by.as_ref().map(|host| format!("not accepted by {host}")) }
            }
        }
    }

    /// A host begins to wait. Such as have refused nothing ask before those that have, so that one host which takes no
    /// answer does not use up what the fleet has.
    pub fn waits(&mut self, kind: &SecretKind, tried: Tried) {
        self.entries.entry(kind.clone()).or_default().fresh += u32::from(tried.refused == 0);
    }

    /// A host that waited, with what it had tried then, has gone on. Whether those that stood back may go on too.
    pub fn waits_no_more(&mut self, kind: &SecretKind, tried: Tried) -> bool {
        let entry = self.entries.entry(kind.clone()).or_default();
        let fresh = u32::from(tried.refused == 0);
        entry.fresh = entry.fresh.saturating_sub(fresh);
        fresh > 0 && entry.fresh == 0
    }

    /// Whether [`Secrets::next`] would say [`Next::Try`] or [`Next::Over`], without doing so.
    pub fn is_at_hand(&self, kind: &SecretKind, tried: Tried) -> bool {
        let Some(entry) = self.entries.get(kind) else { return false };
        match entry.proven.get(tried.proven) {
            Some(proven) => proven.permits() || proven.under_way == 0,
            None => entry.over.is_some() || !entry.busy && (entry.unseen.is_some() || entry.wrong >= WRONG),
        }
    }

    /// The user answered; whoever asked is the first to try it.
    pub fn answered(&mut self, kind: &SecretKind, answer: Answer) -> Next {
        let entry = self.entries.entry(kind.clone()).or_default();
        let over = match answer {
            Answer::Secret(secret) => {
                entry.on_trial = Some(secret.clone());
                return Next::Try(secret, Trial::First);
            }
            Answer::Nobody => Over::Nobody,
            Answer::NoOther => Over::NotAccepted,
            Answer::Refuse | Answer::Accept => Over::Dismissed,
        };
        entry.busy = false;
        entry.over = Some(over);
        Next::Over(over)
    }

    /// Whoever asked has gone away without an answer.
    pub fn withdrawn(&mut self, kind: &SecretKind) {
        self.entries.entry(kind.clone()).or_default().busy = false;
    }

    /// Forgets what was refused, dismissed or not heard, so that a user who tries again by hand is asked again. What is
    /// proven stays.
    pub fn pardon(&mut self) {
        for entry in self.entries.values_mut() {
            (entry.wrong, entry.unheard, entry.over) = (0, 0, None);
            entry.proven.iter_mut().for_each(|proven| proven.refused = 0);
        }
    }

    /// What became of a trial at `host`. A refusal is remembered in `tried`.
    pub fn verdict(
        &mut self,
        kind: &SecretKind,
        trial: Trial,
        verdict: Verdict,
        (host, tried): (&str, &mut Tried),
    ) {
        let entry = self.entries.entry(kind.clone()).or_default();
        match trial {
            Trial::First => {
                entry.first_verdict(verdict, host);
                tried.refused += u32::from(verdict == Verdict::Refused);
            }
            Trial::Proven(place) => {
                let Some(proven) = entry.proven.get_mut(place) else { return };
                proven.under_way = proven.under_way.saturating_sub(1);
                match verdict {
                    Verdict::Accepted => proven.accepted += 1,
                    Verdict::Unheard | Verdict::Unseen => {}
                    Verdict::Refused => {
                        proven.refused += 1;
                        tried.proven = place + 1;
                        entry.refused_by = Some(host.to_owned());
                    }
                }
            }
        }
    }
}

impl Entry {
    fn first_verdict(&mut self, verdict: Verdict, host: &str) {
        self.busy = false;
        let Some(secret) = self.on_trial.take() else { return };
        match verdict {
            Verdict::Accepted => {
                self.unheard = 0;
                self.proven.push(Proven { secret, accepted: 1, refused: 0, under_way: 0 });
            }
            Verdict::Unheard => {
                self.unheard += 1;
                if self.unheard >= UNHEARD {
                    self.over = Some(Over::Unheard);
                }
                self.unseen = Some(secret);
            }
            Verdict::Unseen => self.unseen = Some(secret),
            Verdict::Refused => {
                self.unheard = 0;
                self.wrong += 1;
                self.refused_by = Some(host.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn kind() -> SecretKind {
        SecretKind::Password { user: "deploy".to_owned(), cluster: None }
    }

    fn asks(next: &Next) -> Option<&str> {
        match next {
            Next::Ask { refused } => Some(refused.as_deref().unwrap_or("")),
            _ => None,
        }
    }

    fn tries(next: &Next) -> (&str, Trial) {
        match next {
            Next::Try(secret, trial) => (secret.expose_secret(), *trial),
            other => panic!("{other:?}"),
        }
    }

    /// A fleet that is driven to the end; gives questions, and which hosts saw a wrong answer, and who got in.
    fn drive(hosts: usize, answers: &[&str], right: impl Fn(usize) -> String) -> (usize, usize, usize) {
        let mut secrets = Secrets::default();
        let mut answers = answers.iter();
        let mut tried = vec![Tried::default(); hosts];
        let mut waiting: Vec<usize> = (0..hosts).collect();
        let (mut questions, mut wrong, mut well) = (0, 0, 0);
        while !waiting.is_empty() {
            // Everybody who may act does so at once, then all verdicts come.
            let mut trials = Vec::new();
            let before = waiting.len();
            let mut act = |next: Next, host: usize| match next {
                Next::Wait => true,
                Next::Over(_) => false,
                Next::Ask { .. } => panic!("asked twice"),
                Next::Try(secret, trial) => {
                    trials.push((host, trial, secret.expose_secret() == right(host)));
                    true
                }
            };
            waiting.retain(|&host| match secrets.next(&kind(), tried[host]) {
                Next::Ask { .. } => {
                    questions += 1;
                    let answer = answers.next().map(|&a| Answer::Secret(a.into())).unwrap_or(Answer::Refuse);
                    act(secrets.answered(&kind(), answer), host)
                }
                next => act(next, host),
            });
            assert!(questions < 100 && (before > 0 || !trials.is_empty()));
            for (host, trial, is_right) in trials {
                let verdict = if is_right { Verdict::Accepted } else { Verdict::Refused };
                secrets.verdict(&kind(), trial, verdict, ("h", &mut tried[host]));
                if is_right {
                    well += 1;
                    waiting.retain(|&h| h != host);
                } else {
                    wrong += 1;
                }
            }
        }
        (questions, wrong, well)
    }

    #[test]
    fn one_question_serves_a_fleet() {
        assert_eq!(drive(1000, &["right"], |_| "right".to_owned()), (1, 0, 1000));
    }

    #[test]
    fn a_typing_error_reaches_three_hosts_at_most() {
        assert_eq!(drive(1000, &["x", "y", "right"], |_| "right".to_owned()), (3, 2, 1000));
        let (questions, wrong, well) = drive(1000, &["x", "y", "z", "right"], |_| "right".to_owned());
        assert_eq!((questions, wrong, well), (3, 3, 0));
    }

    #[test]
    fn one_odd_host_that_takes_anything_does_not_lock_the_fleet() {
        let (_, wrong, well) = drive(1000, &["x"], |host| if host == 0 { "x" } else { "right" }.to_owned());
        assert_eq!(well, 1);
        assert!(wrong <= 3, "{wrong}");
    }

    #[test]
    fn a_second_password_is_asked_for_and_serves_its_hosts() {
        let right = |host: usize| if host.is_multiple_of(3) { "a" } else { "b" }.to_owned();
        let (questions, _, well) = drive(9, &["a", "b"], right);
        assert_eq!((questions, well), (2, 9));
    }

    #[test]
    fn hosts_that_say_nothing_do_not_hold_up_the_fleet() {
        let mut secrets = Secrets::default();
        let tried = &mut Tried::default();
        assert_eq!(asks(&secrets.next(&kind(), *tried)), Some(""));
        secrets.answered(&kind(), Answer::Secret("s".into()));
        for _ in 0..2 {
            secrets.verdict(&kind(), Trial::First, Verdict::Unheard, ("a", tried));
            assert_eq!(tries(&secrets.next(&kind(), *tried)), ("s", Trial::First));
        }
        secrets.verdict(&kind(), Trial::First, Verdict::Unheard, ("a", tried));
        assert!(matches!(secrets.next(&kind(), *tried), Next::Over(Over::Unheard)));
        secrets.pardon();
        assert_eq!(tries(&secrets.next(&kind(), *tried)), ("s", Trial::First));
    }

    #[test]
    fn a_host_that_refuses_all_does_not_use_up_the_answers_of_the_fleet() {
        let mut secrets = Secrets::default();
        let (mut odd, fresh) = (Tried::default(), Tried::default());
        secrets.waits(&kind(), fresh);
        assert_eq!(asks(&secrets.next(&kind(), odd)), Some(""));
        secrets.answered(&kind(), Answer::Secret("s".into()));
        secrets.verdict(&kind(), Trial::First, Verdict::Refused, ("odd", &mut odd));
        assert!(matches!(secrets.next(&kind(), odd), Next::Wait), "others have not been asked");
        assert_eq!(asks(&secrets.next(&kind(), fresh)), Some("not accepted by odd"));
        secrets.withdrawn(&kind());
        assert!(secrets.waits_no_more(&kind(), fresh));
        assert_eq!(asks(&secrets.next(&kind(), odd)), Some("not accepted by odd"), "nobody else is there");
    }

    #[test]
    fn hosts_that_could_not_be_shown_the_answer_say_nothing_about_it() {
        let mut secrets = Secrets::default();
        let tried = &mut Tried::default();
        secrets.next(&kind(), *tried);
        secrets.answered(&kind(), Answer::Secret("s".into()));
        for _ in 0..10 {
            secrets.verdict(&kind(), Trial::First, Verdict::Unseen, ("a", tried));
            assert_eq!(tries(&secrets.next(&kind(), *tried)), ("s", Trial::First));
        }
    }

    #[test]
    fn an_answer_that_no_host_saw_is_not_asked_for_again() {
        let mut secrets = Secrets::default();
        let tried = &mut Tried::default();
        assert_eq!(asks(&secrets.next(&kind(), *tried)), Some(""));
        assert!(matches!(secrets.next(&kind(), *tried), Next::Wait));
        assert_eq!(tries(&secrets.answered(&kind(), Answer::Secret("s".into()))), ("s", Trial::First));
        assert!(matches!(secrets.next(&kind(), *tried), Next::Wait));
        secrets.verdict(&kind(), Trial::First, Verdict::Unheard, ("a", tried));
        assert_eq!(tries(&secrets.next(&kind(), *tried)), ("s", Trial::First));
        secrets.verdict(&kind(), Trial::First, Verdict::Refused, ("b", tried));
        assert_eq!(asks(&secrets.next(&kind(), *tried)), Some("not accepted by b"));
        secrets.withdrawn(&kind());
        assert_eq!(asks(&secrets.next(&kind(), *tried)), Some("not accepted by b"));
        secrets.answered(&kind(), Answer::Nobody);
        assert!(matches!(secrets.next(&kind(), *tried), Next::Over(Over::Nobody)));
    }
}
