//! `--sudo`: the words before a command, and who may be given the password. Pure.
//!
//! Theory: `sudo -S` reads a password from its standard input and asks for it with the prompt it is given: a mark with the
//! host's own token. Only that mark is answered, so a host whose `sudo` asks nothing is given nothing; and the first thing that
//! runs behind `sudo` says with another mark that it has begun, from which on no prompt is answered any more, whoever
//! prints it. An end without that mark is the proof that the command did not run.

use super::marks::{Mark, Token};
use crate::outcome::{NotRun, Outcome};

/// As whom a command runs, and whether a password can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sudo {
    /// The user; root where nobody says.
    pub user: Option<String>,
    /// Whether it may ask.
    pub password: Password,
}

/// Whether `sudo` may ask for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// It may, and is answered.
    OnDemand,
    /// It must not: where it needs one, the command is not run.
    Never,
}

impl Sudo {
    /// The words of `sudo` before the words of a command.
    pub fn before(&self, token: &Token, words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut before = vec!["sudo".to_owned()];
        match self.password {
            Password::OnDemand => {
                before.extend(["-S".to_owned(), "-p".to_owned(), token.mark(Mark::Password)])
            }
            Password::Never => before.push("-n".to_owned()),
        }
        if let Some(user) = &self.user {
            before.extend(["-u".to_owned(), user.clone()]);
        }
        before.push("--".to_owned());
        before.into_iter().map(String::into_bytes).chain(words).collect()
    }
}

/// How far one host has come with its `sudo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    asked: u32,
    given: u32,
    is_open: bool,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It asks: give it a password, if there is one.
    Ask,
    /// It asks again: what it was given was wrong. Give it another one, if there is one.
    AskAgain,
    /// The command has begun; what was given was right.
    Go,
    /// The mark says nothing here: somebody who has read the command line prints it.
    Nothing,
}

impl Gate {
    /// A mark came.
    pub fn heard(&mut self, mark: Mark) -> Step {
        match mark {
            _ if self.is_open => Step::Nothing,
            Mark::Password => {
                self.asked += 1;
                if self.given == 0 { Step::Ask } else { Step::AskAgain }
            }
            Mark::Began => {
                self.is_open = true;
                Step::Go
            }
            Mark::Killed | Mark::Left | Mark::Unable => Step::Nothing,
        }
    }

    /// It was given a password.
    pub fn given(&mut self) {
        self.given += 1;
    }

    /// Whether a password was given and nothing heard of it yet.
    pub fn is_undecided(&self) -> bool {
        !self.is_open && self.given > 0 && self.given >= self.asked
    }

    /// It ended with this status before the command began, for this reason of ours, if for one.
    pub fn refused(&self, status: Option<&Outcome>, ours: Option<&str>) -> NotRun {
        let how = match status {
            Some(Outcome::Exited(code)) => format!(" (exit status {code})"),
            Some(Outcome::Signalled(name)) => format!(" (signal {name})"),
            _ => String::new(),
        };
        NotRun::Sudo(match ours {
            Some(ours) => ours.to_owned(),
            None if self.given > 0 => {
                format!("it did not let the command run with the password that it was given{how}")
            }
            None => format!("it did not let the command run{how}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new([0; 16])
    }

    #[test]
    fn the_words_name_the_prompt_and_never_a_password() {
        let words = |sudo: Sudo| {
            let words = sudo.before(&token(), vec![b"id".to_vec()]);
            String::from_utf8(words.join(&b"|"[..])).expect("text")
        };
        let zeros = "0".repeat(32);
        assert_eq!(
            words(Sudo { user: None, password: Password::OnDemand }),
            format!("sudo|-S|-p|[omnes {zeros} password]|--|id")
        );
        let other = Sudo { user: Some("www".to_owned()), password: Password::Never };
        assert_eq!(words(other), "sudo|-n|-u|www|--|id");
    }

    #[test]
    fn a_prompt_is_answered_until_the_command_has_begun_and_never_after() {
        let mut gate = Gate::default();
        assert_eq!(gate.heard(Mark::Password), Step::Ask);
        assert!(!gate.is_undecided());
        gate.given();
        assert!(gate.is_undecided());
        assert_eq!(gate.heard(Mark::Password), Step::AskAgain);
        assert!(!gate.is_undecided(), "it was refused");
        gate.given();
        assert_eq!(gate.heard(Mark::Began), Step::Go);
        assert_eq!(gate.heard(Mark::Password), Step::Nothing);
        assert_eq!(gate.heard(Mark::Began), Step::Nothing);
    }

    #[test]
    fn where_none_is_needed_none_is_given() {
        let mut gate = Gate::default();
        assert_eq!(gate.heard(Mark::Began), Step::Go);
        assert_eq!(gate.heard(Mark::Password), Step::Nothing, "the command prints the prompt");
    }

    #[test]
    fn the_reason_says_what_sudo_made_of_it() {
        let refused = |gate: &Gate, code| gate.refused(Some(&Outcome::Exited(code)), None).to_string();
        let mut gate = Gate::default();
        assert_eq!(refused(&gate, 127), "sudo: it did not let the command run (exit status 127)");
        gate.heard(Mark::Password);
        gate.given();
        assert_eq!(
            refused(&gate, 1),
            "sudo: it did not let the command run with the password that it was given (exit status 1)"
        );
        assert_eq!(gate.refused(None, Some("no password")).to_string(), "sudo: no password");
    }
}
