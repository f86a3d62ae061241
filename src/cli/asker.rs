//! Questions of a headless run: secrets and what hosts ask are read from the terminal, nobody answers anything else.
//!
//! A run that has a terminal on standard input and standard error may ask there, one question at a time. Host keys are
//! never asked about headless: the policy is `strict` unless something says otherwise.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::secrets;
use super::tty::{Tty, Typed};
use crate::ask::{
    Answer, Ask, Before, BoxFuture, Echo, HostPrompt, KeyToAdd, Nobody, Question, SecretRequest,
};
use crate::escape;

/// Who answers in a headless run. While this lives questions may be asked; when it goes, the terminal echoes again even
/// if a question was still open, as when the user interrupts it.
pub(super) struct Asker {
    ask: Arc<dyn Ask>,
    modes: Option<(File, Termios)>,
}

impl Asker {
    /// The terminal, where there is one to ask on; before it the password that was given, if one was.
    pub(super) fn headless(password: Option<SecretString>) -> Asker {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Asker {
                ask: secrets::before(password, secrets::Place::Login, Arc::new(Nobody)),
                modes: None,
            };
        }
        let modes =
            File::open("/dev/tty").ok().and_then(|tty| tcgetattr(&tty).ok().map(|modes| (tty, modes)));
        Asker { ask: secrets::before(password, secrets::Place::Login, Arc::new(Terminal::default())), modes }
    }

    /// The one who is asked.
    pub(super) fn ask(&self) -> Arc<dyn Ask> {
        self.ask.clone()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if let Some((tty, modes)) = &self.modes {
            // A terminal that is gone has nothing to restore.
            let _ = tcsetattr(tty, OptionalActions::Now, modes);
        }
    }
}

/// Asks on `/dev/tty`.
#[derive(Debug, Default)]
struct Terminal {
    /// Held while a question is open, so that two never stand on one line.
    turn: Arc<Mutex<()>>,
}

impl Ask for Terminal {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if matches!(question, Question::HostKey(_)) {
                return Answer::Nobody;
            }
            let turn = self.turn.clone().lock_owned().await;
            let read = tokio::task::spawn_blocking(move || {
                // Held by the thread that reads, which goes on reading even if nobody waits for the answer any more.
                let _turn = turn;
                put(&question)
            });
            read.await.unwrap_or(Answer::Nobody)
        })
    }
}

/// Puts one question. An empty line gives up a secret, but may be what a host wants to hear.
fn put(question: &Question) -> Answer {
    let (prompt, echo) = match question {
        Question::HostKey(_) => return Answer::Nobody,
        Question::Secret(request) => (secret_prompt(request), Echo::Hidden),
        Question::Prompt(prompt) => (host_prompt(prompt), prompt.echo),
        Question::AddKey(add) => (add_prompt(add), Echo::Shown),
    };
    let typed = match Tty::open().and_then(|tty| tty.ask(&prompt, echo)) {
        Ok(Typed::Line(line)) => line,
        Ok(Typed::Nothing | Typed::Interrupted) => return Answer::Refuse,
        Err(_) => return Answer::Nobody,
    };
    match question {
        Question::AddKey(_) if typed.expose_secret() == "yes" => Answer::Accept,
        Question::AddKey(_) => Answer::Refuse,
        Question::Secret(_) if typed.expose_secret().is_empty() => Answer::Refuse,
        _ => Answer::Secret(typed),
    }
}

fn secret_prompt(request: &SecretRequest) -> String {
    let refused = request.refused.as_ref().map(|why| format!("{}; ", escape::text(why, 200)));
    let kind = escape::text(&request.kind.to_string(), 200);
    let host = escape::text(&request.host.to_string(), 100);
    format!("omnes: {}{kind} (for {host}, Enter alone to go on without): ", refused.unwrap_or_default())
}

/// Who asks stands first and in our words; each line of the host's own is marked.
fn host_prompt(prompt: &HostPrompt) -> String {
    let host = escape::text(&prompt.host.to_string(), 100);
    let user = escape::text(&prompt.user, 100);
    let said = [&prompt.title, &prompt.instruction, &prompt.prompt];
    let lines = said.into_iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    let lines: String = lines.map(|line| format!("  | {}\n", escape::line(line.as_bytes()))).collect();
    let before = match prompt.before {
        Before::Refused => "did not accept the last answer and asks again",
        Before::Nothing => "asks",
    };
    format!("omnes: {host} {before}, for the login of {user} (C-d gives it up):\n{lines}answer: ")
}

fn add_prompt(add: &KeyToAdd) -> String {
    let host = escape::text(&add.host.to_string(), 100);
    let key = escape::text(&add.key.display().to_string(), 300);
    format!("omnes: the login to {host} used {key}; add it to the agent? (yes, or Enter for no): ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::SecretKind;
    use crate::hosts::Host;

    #[test]
    fn the_prompt_says_what_for_whom_and_what_went_wrong() {
        let kind = SecretKind::Password { user: "deploy\u{1b}".into(), cluster: None };
        let mut request = SecretRequest { kind, host: Host::new(None, "web01", None), refused: None };
        let end = "password of deploy^[ (for web01, Enter alone to go on without): ";
        assert_eq!(secret_prompt(&request), format!("omnes: {end}"));
        request.refused = Some("not accepted by web01".into());
        assert_eq!(secret_prompt(&request), format!("omnes: not accepted by web01; {end}"));
    }

    #[test]
    fn what_a_host_asks_stands_behind_its_name_and_does_not_act() {
        let prompt = HostPrompt {
            host: Host::new(None, "web01", None),
            user: "deploy".into(),
            title: String::new(),
            instruction: "one\n\u{1b}[2Jomnes: password: ".into(),
            prompt: "Code:".into(),
            echo: Echo::Hidden,
            before: Before::Nothing,
        };
        let expected = "omnes: web01 asks, for the login of deploy (C-d gives it up):\n  | one\n  | ^[[2Jomnes: \
                        password: \n  | Code:\nanswer: ";
        assert_eq!(host_prompt(&prompt), expected);
        let again = HostPrompt { before: Before::Refused, ..prompt };
        let expected =
            "omnes: web01 did not accept the last answer and asks again, for the login of deploy (C-d";
        assert!(host_prompt(&again).starts_with(expected));
    }
}
