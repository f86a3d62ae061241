//! Logging in: what the [`Ladder`] decides, done.
//!
//! A login may take more than one connection. At most [`super::broker::SLOTS`] stay open behind one question, so a host
//! that must wait for an answer without such a slot closes its connection ([`Setback::Parked`]), waits, and comes again
//! with the answer in hand. What hosts ask of their own is asked one host at a time: whoever has the [`Turn`] asks while
//! it is connected, since a code expires; the others wait for theirs without a connection.
//!
//! Whoever waits for the fleet's password gives its turn back first, and jump hosts take turns apart from the hosts behind
//! them. So the one who has the turn never waits for one who wants it. A host that is turned away gives back the turn and
//! the password that it was to try.

mod interactive;
mod ladder;
mod offer;
mod offers;
mod password;
mod prompt;

use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle};

use super::agent::{Agent, Held};
use super::broker::{Claim, Queue, Ticket, Turn};
use super::client::Client;
use super::connect::{Parked, Part, Setback};
use super::connector::Shared;
use super::keys::{KeyFile, Private};
use super::stream::Control;
use super::{ConnectError, Stage, Target, Way};
use crate::ask::SecretKind;
use crate::ask::secrets::Tried;
use ladder::{Ladder, Methods, Step};
use offer::{Paper, Source};
use offers::{AgentKeys, Place};

/// One host's login, over as many connections as it takes.
pub(super) struct Login<'a> {
    shared: &'a Shared,
    target: &'a Target,
    means: Option<Means>,
    claim: Claim,
    ticket: Option<Ticket>,
    turn: Option<Turn>,
    /// Why something that was configured could not be offered; told when the login fails.
    notes: Vec<String>,
    /// Why a secret that the host wants cannot be had; the first reason stands.
    unanswered: Option<String>,
}

/// What can be offered to this host.
struct Means {
    agent: Option<Arc<Agent>>,
    /// Whether the agent answers and lists no key.
    empty_agent: bool,
    papers: Vec<Paper>,
    ladder: Ladder,
}

/// How one step ended, when it did not end the connection.
enum Tally {
    In,
    Failed(Methods, bool),
    Skipped,
}

impl<'a> Login<'a> {
    pub(super) fn new(shared: &'a Shared, target: &'a Target, part: Part) -> Login<'a> {
        let (user, host) = (target.user.clone(), target.host.clone());
        let kind = match part {
            Part::End => SecretKind::Password { user, cluster: target.cluster.clone() },
            Part::Hop => SecretKind::JumpPassword { user, host },
        };
        let claim = Claim { kind, host: target.host.clone(), tried: Tried::default() };
        Login {
            shared,
            target,
            means: None,
            claim,
            ticket: None,
            turn: None,
            notes: Vec::new(),
            unanswered: None,
        }
    }

    /// Logs in on a fresh connection.
    pub(super) async fn run(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
    ) -> Result<(), Setback> {
        if self.means.is_none() {
            self.means = Some(self.gather(control).await);
        }
        self.ladder().connected();
        loop {
            let step = self.ladder().step();
            let tally = match &step {
                Step::Probe => {
                    let result = handle.authenticate_none(&self.target.user).await;
                    tally(result.map_err(|_| self.ended(control))?)
                }
                Step::Key(offer) => self.offer_key(handle, control, *offer).await?,
                Step::Interactive => self.converse(handle, control).await?,
                Step::Password => self.offer_password(handle, control).await?,
                Step::Again => return Err(self.exhausted(control)),
                Step::Stop(why) => return Err(self.stopped(why, control)),
            };
            match tally {
                Tally::In => return Ok(()),
                Tally::Skipped => self.ladder().skip(&step),
                Tally::Failed(_, false) if broke_off(handle, control).await => {
                    return Err(self.ended(control));
                }
                Tally::Failed(methods, partial) => self.ladder().failed(&step, methods, partial),
            }
        }
    }

    fn means(&self) -> &Means {
        self.means.as_ref().expect("gathered before the first step")
    }

    fn ladder(&mut self) -> &mut Ladder {
        &mut self.means.as_mut().expect("gathered before the first step").ladder
    }

    /// Lists the keys; the agent and the files are asked only once for all hosts.
    async fn gather(&mut self, control: &Control) -> Means {
        if self.target.logins.keys == Way::Barred {
            let ladder = Ladder::new(0, self.target.logins.clone());
            return Means { agent: None, empty_agent: false, papers: Vec::new(), ladder };
        }
        let agent = self.target.agent.as_deref().map(|socket| self.shared.agents.get(socket));
        let listed = match &agent {
            None => None,
            Some(agent) => {
                let _hold = control.clock().hold();
                agent.keys().await.map(<[Held]>::to_vec).map_err(|why| self.note(why)).ok()
            }
        };
        let empty_agent = listed.as_ref().is_some_and(Vec::is_empty);
        let held = listed.unwrap_or_default();
        let papers = self.papers(held).await;
        let ladder = Ladder::new(papers.len(), self.target.logins.clone());
        Means { agent, empty_agent, papers, ladder }
    }

    /// What is offered, in order.
    async fn papers(&mut self, held: Vec<Held>) -> Vec<Paper> {
        let files = self.files().await;
        let certificates = self.certificates(&held, &files).await;
        let keys = if self.target.identities_only { AgentKeys::Configured } else { AgentKeys::All };
        let named: Vec<_> = certificates.iter().map(Paper::blob).collect();
        let blobs: Vec<_> = held.iter().map(|held| held.blob.clone()).collect();
        let listed: Vec<_> = files.iter().map(|(paper, _)| paper.as_ref().map(Paper::blob)).collect();
        let places = offers::order(&named, &blobs, &listed, keys);
        let accepted = offers::accepted(&self.target.algorithms);
        let mut papers: Vec<Paper> = Vec::with_capacity(places.len());
        for place in places {
            papers.extend(match place {
                Place::Certificate(n) => Some(certificates[n].clone()),
                Place::Agent(n) => Some(Paper::of_agent(&held[n])),
                Place::File(n) => match &files[n] {
                    (Some(paper), _) => paper.clone().signed_by(&held),
                    // Its public half is not known until it is unlocked.
                    (None, file) => Some(Paper::locked(file)),
                },
            });
        }
        papers.retain_mut(|paper| paper.keep(&accepted));
        papers
    }

    /// The identities, each followed by the certificate that stands beside it; those without a public half last in
    /// doubt, those without any use left out.
    async fn files(&mut self) -> Vec<(Option<Paper>, Arc<KeyFile>)> {
        let mut files = Vec::new();
        for path in &self.target.identities {
            let file = self.shared.files.get(path).await;
            let contents = file.contents().await;
            let note = match &contents.private {
                Private::Unusable(why) => Some(why.clone()),
                Private::Absent if self.target.identities_configured && contents.public.is_none() => {
                    Some(format!("there is no {}", path.display()))
                }
                _ => None,
            };
            let usable = matches!(contents.private, Private::Plain(_) | Private::Locked(_));
            let public = contents.public.clone();
            let certificate = contents.certificate.clone().filter(|_| self.target.certificates.is_empty());
            note.into_iter().for_each(|note| self.note(note));
            match public {
                Some(key) => files.push((Some(Paper::of_file(key, None, &file)), Arc::clone(&file))),
                None if usable => files.push((None, Arc::clone(&file))),
                None => {}
            }
            if let Some(certificate) = certificate {
                let paper = Paper::of_certificate(certificate, Source::File(Arc::clone(&file)));
                files.push((Some(paper), file));
            }
        }
        files
    }

    /// The certificates of `CertificateFile`, each with whatever can sign for it.
    async fn certificates(&mut self, held: &[Held], files: &[(Option<Paper>, Arc<KeyFile>)]) -> Vec<Paper> {
        let mut papers = Vec::new();
        for path in &self.target.certificates {
            let certificate = match self.shared.files.certificate(path).await {
                Ok(certificate) => certificate,
                Err(why) => {
                    self.note(why);
                    continue;
                }
            };
            let mut same =
                files.iter().filter(|(paper, _)| paper.as_ref().is_some_and(|p| p.is_of(&certificate)));
            let file = same.next().map(|(_, file)| Source::File(Arc::clone(file)));
            let source = file.unwrap_or(Source::Nowhere);
            match Paper::of_certificate(certificate, source).signed_by(held) {
                Some(paper) => papers.push(paper),
                None => self.note(format!("there is no private key for the certificate {}", path.display())),
            }
        }
        papers
    }

    /// Waits, without a connection, for what parked the last one.
    pub(super) async fn settle(&mut self, parked: Parked) -> Result<(), ConnectError> {
        match parked {
            Parked::HostKey(presented) => {
                super::hostkey::settle(self.shared, self.target, &presented).await?;
            }
            Parked::Passphrase(file) => {
                // A failure is remembered with the file; the next connection goes on to other keys.
                let _ = file.unlock(&*self.shared.ask, &self.target.host).await;
            }
            Parked::Password => {
                // Without one, the next connection goes on to other ways.
                self.ticket = self.shared.broker.get(&self.claim).await.ok();
            }
            Parked::Turn => self.turn = Some(self.queue().wait().await),
            Parked::Settled => {}
        }
        Ok(())
    }

    /// The queue of those who ask as far from us as this host. A host with the turn may have to wait for its jump host,
    /// which may have to ask too: that one stands in the queue before.
    fn queue(&self) -> Queue {
        self.shared.queues.at(self.target.hops())
    }

    /// Gives back what others wait for: the connection cannot be had for a while.
    pub(super) fn yield_to_others(&mut self) {
        (self.turn, self.ticket) = (None, None);
    }

    fn note(&mut self, why: String) {
        if !self.notes.contains(&why) {
            self.notes.push(why);
        }
    }

    /// Nothing is left to try.
    fn stopped(&self, why: &str, control: &Control) -> Setback {
        let why = match self.unanswered.as_deref().unwrap_or(why) {
            // The notes say what is wrong with the keys there are.
            ladder::NO_KEY if !self.notes.is_empty() => "needs a key, and none can be used",
            ladder::NO_KEY if self.means().empty_agent => {
                "needs a key, and there is none to offer: the agent lists none (`ssh-add -X` unlocks one that is \
                 locked), and no key file is there; name one with -i"
            }
            why => why,
        };
        self.refused(why, control)
    }

    /// The login has failed for this reason.
    fn refused(&self, why: &str, control: &Control) -> Setback {
        let mut sentence = why.to_owned();
        for note in &self.notes {
            sentence.push_str("; ");
            sentence.push_str(note);
        }
        if let Some(said) = control.banner() {
            sentence.push_str(&format!("; the host says `{said}`"));
        }
        Setback::Final(ConnectError::Login(sentence))
    }

    /// This connection takes no more tries.
    fn exhausted(&mut self, control: &Control) -> Setback {
        match self.ladder().exhausted() {
            Step::Stop(why) => self.stopped(&why, control),
            _ => Setback::Parked(Parked::Settled),
        }
    }

    /// The connection ended in the middle of the login.
    fn ended(&mut self, control: &Control) -> Setback {
        let why = control.lost().unwrap_or_else(|| "the connection ended".to_owned());
        if why.contains("Too many authentication failures") {
            return self.exhausted(control);
        }
        // Its own words, before it closed the connection, are about the account.
        if control.dismissed() || control.banner().is_some() {
            return self.refused(&why, control);
        }
        Setback::Final(ConnectError::Unreachable { stage: Stage::Login, why })
    }
}

/// Whether the connection has ended otherwise than with a refusal that was heard; then it is also known why.
async fn broke_off(handle: &Handle<Client>, control: &Control) -> bool {
    if !handle.is_closed() {
        return false;
    }
    control.finished().await;
    !control.exhausted()
}

fn tally(result: AuthResult) -> Tally {
    match result {
        AuthResult::Success => Tally::In,
        AuthResult::Failure { remaining_methods, partial_success } => {
            Tally::Failed(methods(&remaining_methods), partial_success)
        }
    }
}

fn methods(remaining: &[MethodKind]) -> Methods {
    let has = |kind| remaining.contains(&kind);
    Methods {
        publickey: has(MethodKind::PublicKey),
        password: has(MethodKind::Password),
        keyboard_interactive: has(MethodKind::KeyboardInteractive),
    }
}
