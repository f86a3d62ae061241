//! Passwords that `sudo` asks for on hosts that are reached: by the same rule as those of logins, one question for all
//! that need the same one, and no typing error on more than three hosts.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::broker::{Broker, Claim, Ticket};
use super::link::Link;
use crate::ask::secrets::{Over, Tried, Verdict};
use crate::ask::{Ask, SecretKind};
use crate::hosts::Host;

/// The passwords of one run.
#[derive(Clone)]
pub struct SudoPasswords(Arc<Broker>);

impl SudoPasswords {
    /// Asks these, once somebody needs one.
    pub fn new(ask: Arc<dyn Ask>) -> SudoPasswords {
        SudoPasswords(Broker::new(ask))
    }

    /// On behalf of one host, which is asked for the password of whoever logged in.
    pub fn claim(&self, host: &Host, link: &Link) -> SudoClaim {
        let (user, cluster) = (link.target.user.clone(), link.target.cluster.clone());
        let claim =
            Claim { kind: SecretKind::Sudo { user, cluster }, host: host.clone(), tried: Tried::default() };
        SudoClaim { broker: Arc::clone(&self.0), claim, ticket: None }
    }
}

/// One host that may need a password. Dropped while a password is tried, the host has said nothing about it.
pub struct SudoClaim {
    broker: Arc<Broker>,
    claim: Claim,
    ticket: Option<Ticket>,
}

impl SudoClaim {
    /// The password to give now, as a line; asks the user where nobody has, and waits while another host tries what was
    /// answered. The error says why there is none. May be dropped and called anew.
    pub async fn get(&mut self) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let mut ticket = self.broker.get(&self.claim).await.map_err(why)?;
        let secret = SecretString::from(ticket.reveal());
        let mut line = Zeroizing::new(Vec::with_capacity(secret.expose_secret().len() + 1));
        line.extend_from_slice(secret.expose_secret().as_bytes());
        line.push(b'\n');
        self.ticket = Some(ticket);
        Ok(line)
    }

    /// What was given was right.
    pub fn accepted(&mut self) {
        self.settle(Verdict::Accepted);
    }

    /// What was given was wrong.
    pub fn refused(&mut self) {
        self.settle(Verdict::Refused);
    }

    fn settle(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            ticket.verdict(verdict, &mut self.claim.tried);
        }
    }
}

fn why(over: Over) -> &'static str {
    match over {
        Over::Nobody => {
            "it needs a password, and nobody can be asked; give one with --sudo-password-command or --sudo-password-fd"
        }
        Over::Dismissed => "no password was given",
        Over::NotAccepted => "no password was accepted",
        Over::Unheard => "the hosts that were given the password did not answer",
    }
}
