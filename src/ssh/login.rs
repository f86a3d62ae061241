//! Logging in: what the [`Ladder`] decides, done.
//!
//! A login may take more than one connection: at most [`super::broker::SLOTS`] stay open behind questions, so a host that must
//! wait for an answer without such a slot closes its connection ([`Setback::Parked`]), waits, and comes again with the
//! answer in hand.

use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, SendError, Signer};
use secrecy::ExposeSecret;

use super::agent::{Agent, AgentSigner, SignError};
use super::auth::{AgentKeys, Ladder, Methods, Offer, Step, order};
use super::broker::{Claim, Ticket};
use super::client::Client;
use super::connect::{Parked, Setback};
use super::connector::Shared;
use super::keys::{KeyFile, Private};
use super::stream::Control;
use super::{ConnectError, Stage, Target, Way};
use crate::ask::SecretKind;
use crate::ask::secrets::{Over, Tried, Verdict};

/// One host's login, over as many connections as it takes.
pub(super) struct Login<'a> {
    shared: &'a Shared,
    target: &'a Target,
    means: Option<Means>,
    claim: Claim,
    ticket: Option<Ticket>,
    /// Why something that was configured could not be offered; told when the login fails.
    notes: Vec<String>,
}

/// What can be offered to this host.
struct Means {
    agent: Option<Arc<Agent>>,
    agent_keys: Vec<PublicKey>,
    files: Vec<Arc<KeyFile>>,
    ladder: Ladder,
}

/// How one offer ended, when it did not end the connection.
enum Tally {
    In,
    Failed(Methods, bool),
    Skipped,
}

impl<'a> Login<'a> {
    pub(super) fn new(shared: &'a Shared, target: &'a Target) -> Login<'a> {
        let kind = SecretKind::Password { user: target.user.clone(), cluster: target.cluster.clone() };
        let claim = Claim { kind, host: target.host.clone(), tried: Tried::default() };
        Login { shared, target, means: None, claim, ticket: None, notes: Vec::new() }
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
                Step::Key(Offer::Agent(n)) => self.offer_agent_key(handle, control, *n).await?,
                Step::Key(Offer::File(n)) => self.offer_file(handle, control, *n).await?,
                Step::Password => self.offer_password(handle, control).await?,
                Step::Stop(why) => return Err(self.refused(why)),
            };
            match tally {
                Tally::In => return Ok(()),
                Tally::Skipped => self.ladder().skip(),
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
            let ladder = Ladder::new(Vec::new(), self.target.logins.clone());
            return Means { agent: None, agent_keys: Vec::new(), files: Vec::new(), ladder };
        }
        let agent = self.target.agent.as_deref().map(|socket| self.shared.agents.get(socket));
        let agent_keys = match &agent {
            None => Vec::new(),
            Some(agent) => {
                let _hold = control.clock().hold();
                agent.keys().await.map(<[PublicKey]>::to_vec).unwrap_or_else(|why| {
                    self.notes.push(why);
                    Vec::new()
                })
            }
        };
        let (mut files, mut public, mut usable) = (Vec::new(), Vec::new(), Vec::new());
        for path in &self.target.identities {
            let file = self.shared.files.get(path).await;
            let contents = file.contents().await;
            public.push(contents.public.as_ref().map(|key| key.key_data().clone()));
            usable.push(matches!(contents.private, Private::Plain(_) | Private::Locked(_)));
            match &contents.private {
                Private::Unusable(why) => self.notes.push(why.clone()),
                Private::Absent if self.target.identities_configured && contents.public.is_none() => {
                    self.notes.push(format!("there is no {}", path.display()));
                }
                _ => {}
            }
            files.push(file);
        }
        let keys = if self.target.identities_only { AgentKeys::Configured } else { AgentKeys::All };
        let held: Vec<_> = agent_keys.iter().map(|key| key.key_data().clone()).collect();
        let ladder = Ladder::new(order(&held, &public, &usable, keys), self.target.logins.clone());
        Means { agent, agent_keys, files, ladder }
    }

    async fn offer_agent_key(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        n: usize,
    ) -> Result<Tally, Setback> {
        let key = self.means().agent_keys[n].clone();
        let Some(hash) = self.hash(handle, control, &key).await? else { return Ok(Tally::Skipped) };
        let agent = self.means().agent.clone().expect("its keys are offered");
        let mut signer = AgentSigner { agent: &agent, clock: control.clock() };
        match handle.authenticate_publickey_with(&self.target.user, key, hash, &mut signer).await {
            Ok(result) => Ok(tally(result)),
            Err(SignError::Ended) => Err(self.ended(control)),
            Err(SignError::Refused(why)) => {
                self.note(why);
                Ok(Tally::Skipped)
            }
        }
    }

    async fn offer_file(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        n: usize,
    ) -> Result<Tally, Setback> {
        let file = Arc::clone(&self.means().files[n]);
        let key = match file.at_hand().await {
            Some(key) => key,
            None if self.target.logins.questions == Way::Barred => {
                Err(format!("BatchMode: the passphrase of {} is not asked for", file.path.display()))
            }
            None => {
                if let Some(failed) = self.probe(handle, control, &file).await? {
                    return Ok(failed);
                }
                self.unlock(handle, control, &file).await?
            }
        };
        match key {
            Ok(key) => self.offer_key(handle, control, key).await,
            Err(why) => {
                self.note(why);
                Ok(Tally::Skipped)
            }
        }
    }

    async fn offer_key(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        key: Arc<PrivateKey>,
    ) -> Result<Tally, Setback> {
        let Some(hash) = self.hash(handle, control, key.public_key()).await? else {
            return Ok(Tally::Skipped);
        };
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let result = handle.authenticate_publickey(&self.target.user, key).await;
        result.map(tally).map_err(|_| self.ended(control))
    }

    /// Asks the host whether it would take a locked key, so that nobody types a passphrase for nothing. `None`: it would,
    /// or it cannot be asked.
    async fn probe(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        file: &KeyFile,
    ) -> Result<Option<Tally>, Setback> {
        let Some(public) = file.contents().await.public.clone() else { return Ok(None) };
        let Some(hash) = self.hash(handle, control, &public).await? else { return Ok(Some(Tally::Skipped)) };
        match handle.authenticate_publickey_with(&self.target.user, public, hash, &mut Welcome).await {
            Err(Probed::Welcome) => Ok(None),
            Err(Probed::Ended) => Err(self.ended(control)),
            Ok(result) => Ok(Some(tally(result))),
        }
    }

    async fn unlock(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
        file: &Arc<KeyFile>,
    ) -> Result<Result<Arc<PrivateKey>, String>, Setback> {
        let Some(_slot) = self.shared.slots.take() else {
            return Err(Setback::Parked(Parked::Passphrase(Arc::clone(file))));
        };
        let human = control.clock().human();
        let key = file.unlock(&*self.shared.ask, &self.target.host).await;
        drop(human);
        // Servers close a connection that has not logged in after a while.
        if handle.is_closed() { Err(Setback::Parked(Parked::Settled)) } else { Ok(key) }
    }

    async fn offer_password(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
    ) -> Result<Tally, Setback> {
        let ticket = self.password(handle, control).await?;
        let password = ticket.secret.expose_secret().to_owned();
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
            Tally::Failed(methods, false) if verdict == Verdict::Refused && !methods.password => {
                Err(Setback::Parked(Parked::Password))
            }
            tally => Ok(tally),
        }
    }

    /// The password to offer; it may have to be asked for, or to be waited for while another host tries it.
    async fn password(&mut self, handle: &Handle<Client>, control: &Control) -> Result<Ticket, Setback> {
        if let Some(ticket) = self.ticket.take() {
            return Ok(ticket);
        }
        let broker = &self.shared.broker;
        let ticket = match broker.at_hand(&self.claim) {
            Some(ticket) => ticket,
            None => {
                let Some(_slot) = self.shared.slots.take() else {
                    return Err(Setback::Parked(Parked::Password));
                };
                let human = control.clock().human();
                let ticket = broker.get(&self.claim).await;
                drop(human);
                ticket
            }
        };
        let ticket = ticket.map_err(|over| self.refused(no_password(over)))?;
        if handle.is_closed() {
            self.ticket = Some(ticket);
            return Err(Setback::Parked(Parked::Settled));
        }
        Ok(ticket)
    }

    /// Waits, without a connection, for what parked the last one.
    pub(super) async fn settle(&mut self, parked: Parked) -> Result<(), ConnectError> {
        match parked {
            Parked::HostKey(presented) => super::hostkey::settle(self.shared, self.target, &presented).await,
            Parked::Passphrase(file) => {
                // A failure is remembered with the file; the next connection goes on to other keys.
                let _ = file.unlock(&*self.shared.ask, &self.target.host).await;
                Ok(())
            }
            Parked::Password => {
                let ticket = self.shared.broker.get(&self.claim).await;
                self.ticket = Some(ticket.map_err(|over| ConnectError::Login(no_password(over).to_owned()))?);
                Ok(())
            }
            Parked::Settled => Ok(()),
        }
    }

    /// The hash to sign with: `Some(None)` where the key leaves no choice, `None` if the host takes this RSA key with
    /// SHA-1 only, which we do not do.
    async fn hash(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
        key: &PublicKey,
    ) -> Result<Option<Option<HashAlg>>, Setback> {
        if !key.algorithm().is_rsa() {
            return Ok(Some(None));
        }
        match handle.best_supported_rsa_hash().await {
            Err(_) => Err(self.ended(control)),
            Ok(None) => Ok(Some(Some(HashAlg::Sha256))),
            Ok(Some(Some(hash))) => Ok(Some(Some(hash))),
            Ok(Some(None)) => {
                self.note("the host takes RSA keys with SHA-1 only, which is not safe".to_owned());
                Ok(None)
            }
        }
    }

    fn note(&mut self, why: String) {
        if !self.notes.contains(&why) {
            self.notes.push(why);
        }
    }

    /// The login has failed for this reason.
    fn refused(&self, why: &str) -> Setback {
        let mut sentence = why.to_owned();
        for note in &self.notes {
            sentence.push_str("; ");
            sentence.push_str(note);
        }
        Setback::Final(ConnectError::Login(sentence))
    }

    /// The connection ended in the middle of the login.
    fn ended(&self, control: &Control) -> Setback {
        let why = control.lost().unwrap_or_else(|| "the connection ended".to_owned());
        if why.contains("Too many authentication failures") {
            return self.refused(&self.means().ladder.too_many());
        }
        if control.dismissed() {
            return self.refused(&why);
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

fn no_password(over: Over) -> &'static str {
    match over {
        Over::Nobody => "needs a password",
        Over::Dismissed => "no password was given",
        Over::NotAccepted => "no password was accepted",
        Over::Unheard => "the hosts that were offered the password did not answer",
    }
}

fn tally(result: AuthResult) -> Tally {
    match result {
        AuthResult::Success => Tally::In,
        AuthResult::Failure { remaining_methods, partial_success } => {
            let has = |kind| remaining_methods.contains(&kind);
            let methods = Methods {
                publickey: has(MethodKind::PublicKey),
                password: has(MethodKind::Password),
                keyboard_interactive: has(MethodKind::KeyboardInteractive),
            };
            Tally::Failed(methods, partial_success)
        }
    }
}

/// A signer that never signs: that it is called says that the host would take the key.
struct Welcome;

enum Probed {
    Welcome,
    Ended,
}

impl From<SendError> for Probed {
    fn from(_: SendError) -> Probed {
        Probed::Ended
    }
}

impl Signer for Welcome {
    type Error = Probed;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, Probed> {
        Err(Probed::Welcome)
    }
}
