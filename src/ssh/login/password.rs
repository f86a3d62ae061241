//! The fleet's password: one secret for many hosts, through the broker.

use russh::client::Handle;

use super::super::broker::Ticket;
use super::super::client::Client;
use super::super::connect::{Parked, Setback};
use super::super::stream::Control;
use super::{Login, Tally, broke_off, tally};
use crate::ask::SecretKind;
use crate::ask::secrets::{Over, Verdict};

impl Login<'_> {
    /// The method `password` (RFC 4252 section 8).
    pub(super) async fn offer_password(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
    ) -> Result<Tally, Setback> {
        let Some(mut ticket) = self.password(handle, control).await? else { return Ok(Tally::Skipped) };
        let password = ticket.reveal();
        let result = handle.authenticate_password(&self.target.user, password).await;
        let tally = tally(result.map_err(|_| self.ended(control))?);
        let verdict = match &tally {
            Tally::In | Tally::Failed(_, true) => Verdict::Accepted,
            // A server may end the connection with its refusal; a link that just breaks has said nothing.
            _ if broke_off(handle, control).await && !control.dismissed() => Verdict::Unheard,
            _ => Verdict::Refused,
        };
        ticket.verdict(verdict, &mut self.claim.tried);
        match tally {
            // This connection takes no second password, the next one does.
            Tally::Failed(methods, false)
                if verdict == Verdict::Refused
                    && !methods.password
                    && self.ladder().password_refused(methods) =>
            {
                Err(Setback::Parked(Parked::Password))
            }
            tally => Ok(tally),
        }
    }

    /// The password to offer; it may have to be asked for, or to be waited for while another host tries it. `None` where
    /// none can be had: why is kept.
    pub(super) async fn password(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
    ) -> Result<Option<Ticket>, Setback> {
        if let Some(ticket) = self.ticket.take() {
            return Ok(Some(ticket));
        }
        let broker = &self.shared.broker;
        let ticket = match broker.at_hand(&self.claim) {
            Some(ticket) => ticket,
            None => {
                self.turn = None;
                let Some(_slot) = self.shared.slots.take() else {
                    return Err(Setback::Parked(Parked::Password));
                };
                let human = control.clock().human();
                let ticket = broker.get(&self.claim).await;
                drop(human);
                ticket
            }
        };
        let ticket = match ticket {
            Ok(ticket) => ticket,
            Err(over) => {
                self.unanswered.get_or_insert_with(|| no_password(over, &self.claim.kind).to_owned());
                return Ok(None);
            }
        };
        if handle.is_closed() {
            self.ticket = Some(ticket);
            return Err(Setback::Parked(Parked::Settled));
        }
        Ok(Some(ticket))
    }
}

fn no_password(over: Over, kind: &SecretKind) -> &'static str {
    match over {
        Over::Nobody if matches!(kind, SecretKind::JumpPassword { .. }) => {
            "needs a password of its own, and nobody can be asked; run omnes in a terminal to answer, or use a key"
        }
        Over::Nobody => {
            "needs a password, and nobody can be asked; give one with --ask-password, --password-command or --password-fd"
        }
        Over::Dismissed => "no password was given",
        Over::NotAccepted => "no password was accepted",
        Over::Unheard => "the hosts that were offered the password did not answer",
    }
}
