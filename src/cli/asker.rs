//! Questions of a headless run: secrets are read from the terminal, everything else has nobody to answer.
//!
//! A run that has a terminal on standard input and standard error may ask for a passphrase or a password there, one
//! question at a time. Host keys are never asked about headless: the policy is `strict` unless something says otherwise.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::ask::{Answer, Ask, BoxFuture, Nobody, Question, SecretRequest};
use crate::escape;

/// Who answers in a headless run. While this lives questions may be asked; when it goes, the terminal echoes again even
/// if a question was still open, as when the user interrupts it.
pub(super) struct Asker {
    ask: Arc<dyn Ask>,
    modes: Option<(File, Termios)>,
}

impl Asker {
    /// The terminal, where there is one to ask on.
    pub(super) fn headless() -> Asker {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Asker { ask: Arc::new(Nobody), modes: None };
        }
        let modes =
            File::open("/dev/tty").ok().and_then(|tty| tcgetattr(&tty).ok().map(|modes| (tty, modes)));
        Asker { ask: Arc::new(Terminal::default()), modes }
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
            let Question::Secret(request) = question else { return Answer::Nobody };
            let turn = self.turn.clone().lock_owned().await;
            let read = tokio::task::spawn_blocking(move || {
                // Held by the thread that reads, which goes on reading even if nobody waits for the answer any more.
                let _turn = turn;
                rpassword::prompt_password(prompt(&request))
            });
            match read.await {
                Ok(Ok(secret)) if !secret.is_empty() => Answer::Secret(SecretString::from(secret)),
                Ok(Ok(_)) => Answer::Refuse,
                Ok(Err(_)) | Err(_) => Answer::Nobody,
            }
        })
    }
}

fn prompt(request: &SecretRequest) -> String {
    let refused = request.refused.as_ref().map(|why| format!("{}; ", escape::text(why, 200)));
    let kind = escape::text(&request.kind.to_string(), 200);
    let host = escape::text(&request.host.to_string(), 100);
    format!("omnes: {}{kind} (for {host}, Enter alone to go on without): ", refused.unwrap_or_default())
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
        assert_eq!(prompt(&request), format!("omnes: {end}"));
        request.refused = Some("not accepted by web01".into());
        assert_eq!(prompt(&request), format!("omnes: not accepted by web01; {end}"));
    }
}
