//! What to offer at login, in which order, and when to stop.
//!
//! As OpenSSH: keys that the agent holds and the configuration names come first, then the agent's other keys (unless
//! `IdentitiesOnly`), then key files; after the keys the password. A server counts refused tries and ends the connection
//! at the sixth (`MaxAuthTries`), so we stop by then and say what helps.

use super::{Logins, Way};

/// Tries after which servers end the connection.
const TRIES: u32 = 6;

/// One key that can be offered, by its place in the agent's list or in the target's identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Agent(usize),
    File(usize),
}

/// Whether only configured keys are offered (`IdentitiesOnly`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentKeys {
    All,
    Configured,
}

/// The offers in order. `agent` and `files` are public keys; of a file the public part may be unknown, and `None` also
/// stands for a file that cannot be used at all unless it is listed in `usable`.
pub(super) fn order<K: PartialEq>(
    agent: &[K],
    files: &[Option<K>],
    usable: &[bool],
    keys: AgentKeys,
) -> Vec<Offer> {
    let mut offers = Vec::new();
    for file in files.iter().flatten() {
        let held = agent.iter().position(|key| key == file).map(Offer::Agent);
        offers.extend(held.filter(|offer| !offers.contains(offer)));
    }
    if keys == AgentKeys::All {
        let rest: Vec<Offer> = (0..agent.len()).map(Offer::Agent).filter(|o| !offers.contains(o)).collect();
        offers.extend(rest);
    }
    let in_agent = |file: &Option<K>| file.as_ref().is_some_and(|key| agent.contains(key));
    let alone = (0..files.len()).filter(|&n| usable[n] && !in_agent(&files[n]));
    offers.extend(alone.map(Offer::File));
    offers
}

/// The methods that a server takes (RFC 4252 section 5.1), as far as they matter to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Methods {
    pub(super) publickey: bool,
    pub(super) password: bool,
    pub(super) keyboard_interactive: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask which methods there are, by trying `none`.
    Probe,
    /// Offer this key.
    Key(Offer),
    /// Offer a password.
    Password,
    /// There is nothing more to offer; the reason.
    Stop(String),
}

/// How far one host's login has come. It outlives a connection that was closed behind a question: a key that was refused
/// is not offered again.
#[derive(Debug)]
pub(super) struct Ladder {
    offers: Vec<Offer>,
    next: usize,
    refused: usize,
    methods: Option<Methods>,
    tries: u32,
    logins: Logins,
}

impl Ladder {
    /// `offers` is empty where `logins` bars keys.
    pub(super) fn new(offers: Vec<Offer>, logins: Logins) -> Ladder {
        Ladder { offers, next: 0, refused: 0, methods: None, tries: 0, logins }
    }

    /// A new connection: the server counts anew.
    pub(super) fn connected(&mut self) {
        self.tries = 0;
    }

    /// What to do next; the same again until [`Ladder::failed`] or [`Ladder::skip`].
    pub(super) fn step(&self) -> Step {
        let Some(methods) = self.methods else {
            return self.offers.get(self.next).map_or(Step::Probe, |&offer| Step::Key(offer));
        };
        let password = methods.password && self.logins.passwords == Way::Open;
        // The last try is kept for the password.
        let tries = if password { TRIES - 1 } else { TRIES };
        match self.offers.get(self.next) {
            Some(&offer) if methods.publickey && self.tries < tries => Step::Key(offer),
            _ if password && self.tries < TRIES => Step::Password,
            Some(_) if methods.publickey => Step::Stop(self.too_many()),
            _ => Step::Stop(self.nothing_left(methods)),
        }
    }

    /// The host refused the step, or took it and wants more (`partial`, which it does not count).
    pub(super) fn failed(&mut self, step: &Step, methods: Methods, partial: bool) {
        self.methods = Some(methods);
        if let Step::Key(_) = step {
            self.next += 1;
            self.refused += usize::from(!partial);
        }
        if !partial && *step != Step::Probe {
            self.tries += 1;
        }
    }

    /// The key cannot be used.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// What to say when the server ends the login for too many tries.
    pub(super) fn too_many(&self) -> String {
        format!(
            "none of {} keys was accepted, and servers take no more tries ({} not offered); name the right key with -i \
             and -o IdentitiesOnly=yes",
            self.refused,
            self.offers.len() - self.next,
        )
    }

    fn nothing_left(&self, methods: Methods) -> String {
        let (keys, passwords) = (self.logins.keys == Way::Barred, self.logins.passwords == Way::Barred);
        match self.refused {
            0 if keys && methods.publickey => {
                "needs a key, and the configuration of this host bars keys (PubkeyAuthentication, \
                 PreferredAuthentications)"
                    .to_owned()
            }
            0 if passwords && methods.password => {
                "needs a password, and the configuration of this host bars passwords (PasswordAuthentication, \
                 PreferredAuthentications, BatchMode)"
                    .to_owned()
            }
            0 if methods.keyboard_interactive => {
                "needs keyboard-interactive, which omnes does not do yet".to_owned()
            }
            0 if methods.publickey => "needs a key, and there is none to offer; name one with -i".to_owned(),
            0 => "it takes none of the ways to log in that omnes knows".to_owned(),
            n => {
                let keys = if n == 1 {
                    "the key was not accepted".to_owned()
                } else {
                    format!("none of {n} keys was accepted")
                };
                if methods.keyboard_interactive {
                    format!("{keys}; it also takes keyboard-interactive, which omnes does not do yet")
                } else {
                    keys
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_keys_of_the_agent_come_first() {
        let agent = ["a", "b", "c"];
        let files = [Some("x"), Some("c"), None, Some("a"), None];
        let usable = [true, true, true, true, false];
        use Offer::{Agent, File};
        assert_eq!(
            order(&agent, &files, &usable, AgentKeys::All),
            [Agent(2), Agent(0), Agent(1), File(0), File(2)]
        );
        assert_eq!(
            order(&agent, &files, &usable, AgentKeys::Configured),
            [Agent(2), Agent(0), File(0), File(2)]
        );
        assert_eq!(order(&[], &[Some("x")], &[true], AgentKeys::All), [File(0)]);
    }

    const KEYS: Methods = Methods { publickey: true, password: false, keyboard_interactive: false };
    const BOTH: Methods = Methods { publickey: true, password: true, keyboard_interactive: true };

    fn climb(keys: usize, methods: Methods) -> (Vec<Step>, String) {
        climb_with(keys, methods, Logins::default())
    }

    fn climb_with(keys: usize, methods: Methods, logins: Logins) -> (Vec<Step>, String) {
        let mut ladder = Ladder::new((0..keys).map(Offer::File).collect(), logins);
        let mut steps = Vec::new();
        loop {
            match ladder.step() {
                Step::Stop(why) => return (steps, why),
                step if steps.len() < 20 => {
                    ladder.failed(&step, methods, false);
                    steps.push(step);
                }
                step => panic!("{step:?} without end"),
            }
        }
    }

    #[test]
    fn never_more_tries_than_servers_take() {
        let (steps, why) = climb(9, KEYS);
        assert_eq!(steps.len(), 6);
        assert!(why.contains("IdentitiesOnly") && why.contains("3 not offered"), "{why}");
        let (steps, _) = climb(9, BOTH);
        assert_eq!(steps[4..], [Step::Key(Offer::File(4)), Step::Password]);
        let (steps, why) = climb(1, KEYS);
        assert_eq!((steps.len(), why.as_str()), (1, "the key was not accepted"));
    }

    #[test]
    fn without_keys_the_methods_are_asked_for() {
        let (steps, _) = climb(0, BOTH);
        assert_eq!(steps[..2], [Step::Probe, Step::Password]);
        let only = Methods { keyboard_interactive: true, ..Methods::default() };
        assert_eq!(climb(0, only).1, "needs keyboard-interactive, which omnes does not do yet");
        assert!(climb(0, KEYS).1.contains("-i"));
    }

    #[test]
    fn a_way_that_is_barred_is_not_taken() {
        let no_passwords = Logins { passwords: Way::Barred, ..Logins::default() };
        let (steps, why) = climb_with(9, BOTH, no_passwords.clone());
        assert!(!steps.contains(&Step::Password) && steps.len() == 6, "{steps:?} {why}");
        let (steps, why) = climb_with(1, BOTH, no_passwords.clone());
        assert_eq!(steps, [Step::Key(Offer::File(0))], "{why}");
        let password = Methods { password: true, ..Methods::default() };
        let (steps, why) = climb_with(0, password, no_passwords.clone());
        assert_eq!(steps, [Step::Probe]);
        assert!(why.contains("bars passwords"), "{why}");
        let no_keys = Logins { keys: Way::Barred, ..Logins::default() };
        assert!(climb_with(0, KEYS, no_keys.clone()).1.contains("bars keys"));
        assert_eq!(climb_with(0, BOTH, no_keys.clone()).0[..2], [Step::Probe, Step::Password]);
    }

    #[test]
    fn a_key_that_is_half_the_login_is_no_failure() {
        let mut ladder = Ladder::new(vec![Offer::File(0), Offer::File(1)], Logins::default());
        let password = Methods { password: true, ..Methods::default() };
        ladder.failed(&ladder.step(), password, true);
        assert_eq!(ladder.step(), Step::Password);
        assert_eq!(ladder.refused, 0);
    }
}
