//! Keyboard-interactive (RFC 4256): the host asks, in as many rounds as it likes.

use russh::client::{Handle, KeyboardInteractiveAuthResponse as Reply};
use secrecy::{ExposeSecret, SecretString};

use super::super::broker::Ticket;
use super::super::client::Client;
use super::super::connect::{Parked, Setback};
use super::super::stream::Control;
use super::ladder::Step;
use super::prompt::Round;
use super::{Login, Tally, broke_off, methods};
use crate::ask::secrets::Verdict;
use crate::ask::{Answer, HostPrompt, Question};

/// Rounds of one dialogue; a host that asks longer plays with us.
const ROUNDS: u32 = 32;

/// One dialogue so far.
#[derive(Default)]
struct Dialogue {
    rounds: u32,
    /// Rounds that had prompts.
    asked: u32,
    /// The fleet's password, if it was among the answers.
    ticket: Option<Ticket>,
    /// Whether a person was waited for on this connection; then the host may have lost its patience.
    waited: Waited,
    /// Whether this host was answered something of its own.
    own: Own,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Waited {
    #[default]
    Never,
    ForAPerson,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Own {
    #[default]
    Nothing,
    Answered,
}

impl Login<'_> {
    /// One dialogue, to its end.
    pub(super) async fn converse(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
    ) -> Result<Tally, Setback> {
        let mut dialogue = Dialogue::default();
        let mut reply = handle.authenticate_keyboard_interactive_start(&self.target.user, None).await;
        loop {
            reply = match reply {
                Ok(Reply::Success) => {
                    dialogue.verdict(Verdict::Accepted, self);
                    return Ok(Tally::In);
                }
                Ok(Reply::Failure { remaining_methods, partial_success }) => {
                    let ended = broke_off(handle, control).await && !control.dismissed();
                    dialogue.failed(partial_success, ended, self);
                    self.turn = None;
                    return Ok(match dialogue.rounds {
                        // It takes the method and asks nothing: it would not do better another time.
                        0 if !partial_success => Tally::Skipped,
                        _ => Tally::Failed(methods(&remaining_methods), partial_success),
                    });
                }
                Ok(Reply::InfoRequest { name, instructions, prompts }) => {
                    let prompts = prompts.iter().map(|prompt| (prompt.prompt.as_str(), prompt.echo));
                    let round = Round::new(&name, &instructions, prompts);
                    let round = round.map_err(|why| self.refused(&why, control))?;
                    let Some(answers) = self.answer(handle, control, (&mut dialogue, &round)).await? else {
                        return Err(self.without_password(control));
                    };
                    handle.authenticate_keyboard_interactive_respond(answers).await
                }
                Err(_) => {
                    dialogue.verdict(Verdict::Unheard, self);
                    return Err(self.broken_dialogue(dialogue.waited, control).await);
                }
            }
        }
    }

    /// The answers to one round; `None` where a password cannot be had.
    async fn answer(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
        (dialogue, round): (&mut Dialogue, &Round),
    ) -> Result<Option<Vec<String>>, Setback> {
        dialogue.rounds += 1;
        if dialogue.rounds > ROUNDS {
            return Err(self.refused("the host does not stop asking", control));
        }
        if round.prompts.is_empty() {
            return Ok(Some(Vec::new()));
        }
        dialogue.asked += 1;
        if dialogue.asked == 1 && round.is_for_the_password_of(&self.target.user) {
            let at_once = self.ticket.is_some() || self.shared.broker.is_at_hand(&self.claim);
            dialogue.waited = if at_once { dialogue.waited } else { Waited::ForAPerson };
            let Some(mut ticket) = self.password(handle, control).await? else { return Ok(None) };
            let password = ticket.reveal();
            dialogue.ticket = Some(ticket);
            return Ok(Some(vec![password]));
        }
        self.take_turn(dialogue)?;
        dialogue.waited = Waited::ForAPerson;
        dialogue.own = Own::Answered;
        let _human = control.clock().human();
        let mut answers: Vec<SecretString> = Vec::with_capacity(round.prompts.len());
        for (prompt, echo) in &round.prompts {
            let question = Question::Prompt(HostPrompt {
                host: self.target.host.clone(),
                user: self.target.user.clone(),
                title: round.title.clone(),
                instruction: round.instruction.clone(),
                prompt: prompt.clone(),
                echo: *echo,
                before: self.ladder().answered_before(),
            });
            match self.shared.ask.ask(question).await {
                Answer::Secret(answer) => answers.push(answer),
                answer => return Err(self.unanswered(prompt, &answer, control)),
            }
        }
        Ok(Some(answers.iter().map(|answer| answer.expose_secret().to_owned()).collect()))
    }

    /// No password can be had, for this way or the other. russh has no means to leave a dialogue, so what else there is to
    /// try is tried on a fresh connection.
    fn without_password(&mut self, control: &Control) -> Setback {
        self.ladder().skip(&Step::Interactive);
        self.ladder().skip(&Step::Password);
        match self.ladder().step() {
            Step::Stop(why) => self.stopped(&why, control),
            _ => Setback::Parked(Parked::Settled),
        }
    }

    /// Waits for this host's turn to ask, without a connection if it is not at once.
    fn take_turn(&mut self, dialogue: &mut Dialogue) -> Result<(), Setback> {
        if self.turn.is_none() {
            self.turn = self.queue().take();
        }
        if self.turn.is_none() {
            // The password that this host was about to judge is offered to it again.
            self.ticket = dialogue.ticket.take();
            return Err(Setback::Parked(Parked::Turn));
        }
        Ok(())
    }

    fn unanswered(&self, prompt: &str, answer: &Answer, control: &Control) -> Setback {
        let prompt = crate::escape::text(prompt, 80);
        let why = match answer {
            Answer::Nobody => {
                format!("asks `{prompt}`, and nobody can be asked; run omnes in a terminal to answer")
            }
            _ => format!("no answer was given to `{prompt}`"),
        };
        self.refused(&why, control)
    }

    /// The connection ended in a dialogue. A host that lost its patience with a person is reached again.
    async fn broken_dialogue(&mut self, waited: Waited, control: &Control) -> Setback {
        control.finished().await;
        if waited == Waited::ForAPerson && !control.dismissed() {
            return Setback::Parked(Parked::Settled);
        }
        self.ended(control)
    }
}

impl Dialogue {
    /// Says what became of the fleet's password, if this host was given it.
    fn verdict(&mut self, verdict: Verdict, login: &mut Login<'_>) {
        if let Some(ticket) = self.ticket.take() {
            ticket.verdict(verdict, &mut login.claim.tried);
        }
    }

    /// A refusal after several answers does not say which was wrong. A password that other hosts took is then not in
    /// doubt; one that nobody took yet is, since no more than three hosts may see a typing error.
    fn failed(&mut self, partial: bool, ended: bool, login: &mut Login<'_>) {
        let proven = self.ticket.as_ref().is_some_and(Ticket::is_proven);
        let verdict = match (partial, ended) {
            (true, _) => Verdict::Accepted,
            (false, true) => Verdict::Unheard,
            (false, false) if proven && self.own == Own::Answered => Verdict::Unheard,
            (false, false) => Verdict::Refused,
        };
        self.verdict(verdict, login);
    }
}
