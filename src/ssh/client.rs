//! What we answer when the host speaks first: its key, its events, and channels that it would like to open.

use std::sync::Arc;

use russh::client::{ChannelOpenHandle, Config, DisconnectReason, Handler, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Channel, ChannelId, ChannelOpenFailure, Sig};

use super::Target;
use super::asked;
use super::channel::{ChannelInput, ChannelOutput, Hub, Outlet};
use super::connector::Shared;
use super::hostkey::{self, KeyEnd};
use super::rotation::Rotation;
use super::stream::Control;
use crate::escape;

/// How much of a server's own words we repeat, in characters.
const WORDS: usize = 300;

/// How much of a banner stands in the log, in characters.
const BANNER: usize = 4096;

/// Our side of one connection. It lives in russh's task; when that task ends, however it ends, every channel learns it.
pub(super) struct Client {
    pub(super) target: Arc<Target>,
    /// How the connection is set, and so what the host is asked for.
    pub(super) config: Arc<Config>,
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) hub: Arc<Hub>,
    /// What becomes of the keys that the host announces.
    pub(super) rotation: Rotation,
}

/// How a connection ends before it is one.
#[derive(Debug)]
pub(super) enum ClientError {
    /// russh's own reason.
    Russh(russh::Error),
    /// The host's key decided it.
    Key(KeyEnd),
}

impl From<russh::Error> for ClientError {
    fn from(error: russh::Error) -> ClientError {
        ClientError::Russh(error)
    }
}

/// A russh error as part of a sentence; what the host had a hand in is escaped and cut.
pub(super) fn describe(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => no_common(kind, ours, theirs),
        russh::Error::Disconnect | russh::Error::HUP => "the host closed the connection".to_owned(),
        russh::Error::SendError | russh::Error::RecvError => "the connection has ended".to_owned(),
        russh::Error::Join(_) => FAULT.to_owned(),
        russh::Error::Version => "what answers is no SSH server".to_owned(),
        russh::Error::Inconsistent
        | russh::Error::IndexOutOfBounds
        | russh::Error::PacketSize(_)
        | russh::Error::SshEncoding(_)
        | russh::Error::SshKey(_)
        | russh::Error::Keys(_)
        | russh::Error::Utf8(_)
        | russh::Error::Decompress(_)
        | russh::Error::KexInit
        | russh::Error::Kex => {
            format!(
                "the host does not keep to the SSH protocol ({})",
                escape::text(&error.to_string(), WORDS)
            )
        }
        russh::Error::PacketAuth | russh::Error::DecryptionError => {
            "a packet was changed on its way, or the host does not keep to the SSH protocol".to_owned()
        }
        error => escape::text(&error.to_string(), WORDS),
    }
}

/// What is said where a connection's task has panicked: that host is lost, and the others go on.
const FAULT: &str = "a fault in omnes ended the connection; please report it, with what --debug FILE says";

/// What to say, and what to do, where host and we have nothing of one kind in common.
fn no_common(kind: &AlgorithmKind, ours: &[String], theirs: &[String]) -> String {
    let (kind, keyword) = match kind {
        AlgorithmKind::Kex => ("key exchange", "KexAlgorithms"),
        AlgorithmKind::Key => ("type of host key", "HostKeyAlgorithms"),
        AlgorithmKind::Cipher => ("cipher", "Ciphers"),
        AlgorithmKind::Mac => ("MAC", "MACs"),
        AlgorithmKind::Compression => ("compression", "Compression"),
    };
    // Extensions stand in the list of key exchanges and are none.
    let list = |names: &[String]| {
        let extension = |name: &&String| !name.starts_with("ext-info-") && !name.starts_with("kex-strict-");
        let names: Vec<&str> = names.iter().filter(extension).map(String::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { escape::text(&names.join(", "), WORDS) }
    };
    let (ours, theirs) = (list(ours), list(theirs));
    format!(
        "no common {kind}: the host has {theirs}; omnes offers it {ours} (see {keyword} in ssh_config(5))"
    )
}

impl Drop for Client {
    fn drop(&mut self) {
        self.control.lose(if std::thread::panicking() { FAULT } else { "the connection has ended" });
        let why = self.control.lost().unwrap_or_default();
        self.hub.lost(&why);
        self.control.finish();
    }
}

impl Handler for Client {
    type Error = ClientError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, ClientError> {
        let refused = |error| ClientError::Key(KeyEnd::Refused(error));
        asked::check_type(&self.config.preferred, key).map_err(refused)?;
        let presented = hostkey::Presented::new(key).map_err(refused)?;
        let trust = hostkey::decide(&self.shared, &self.target, &self.control, &presented)
            .await
            .map_err(ClientError::Key)?;
        self.rotation.trust(trust, presented);
        Ok(true)
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        keys: Vec<PublicKey>,
        session: &mut Session,
    ) -> Result<(), ClientError> {
        self.rotation.announced(&self.shared, &self.target, keys, session);
        Ok(())
    }

    async fn auth_banner(&mut self, words: &str, _: &mut Session) -> Result<(), ClientError> {
        tracing::debug!(host = %self.target.host, "banner: {}", escape::text(words, BANNER));
        self.control.hear_banner(words);
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        id: ChannelId,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        self.hub.opened(id);
        Ok(())
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        reason: ChannelOpenFailure,
        words: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        self.hub.refused(reason.code(), escape::text(words, WORDS));
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.data(Outlet::Data, data);
        }
        Ok(())
    }

    async fn extended_data(
        &mut self,
        id: ChannelId,
        code: u32,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), ClientError> {
        // Code 1 is standard error, and no other is defined (RFC 4254 section 5.2).
        if let Some(mailbox) = self.hub.get(id).filter(|_| code == 1) {
            mailbox.data(Outlet::Stderr, data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.eof();
        }
        Ok(())
    }

    async fn exit_status(&mut self, id: ChannelId, status: u32, _: &mut Session) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.exit(status);
        }
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _: bool,
        _: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.signalled(signal_name(&signal));
        }
        Ok(())
    }

    async fn channel_success(&mut self, id: ChannelId, _: &mut Session) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.reply(true);
        }
        Ok(())
    }

    async fn channel_failure(&mut self, id: ChannelId, _: &mut Session) -> Result<(), ClientError> {
        if let Some(mailbox) = self.hub.get(id) {
            mailbox.reply(false);
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, session: &mut Session) -> Result<(), ClientError> {
        // russh leaves the answer to us (RFC 4254 section 5.3); without it the host keeps the channel for ever.
        session.close(id)?;
        self.hub.closed(id);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<ClientError>) -> Result<(), ClientError> {
        match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                self.control.dismiss(&escape::text(&said.message, WORDS));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                match &error {
                    ClientError::Russh(russh::Error::NoAuthMethod) => self.control.exhaust(),
                    ClientError::Russh(error) => self.control.lose(describe(error)),
                    ClientError::Key(_) => {}
                }
                Err(error)
            }
        }
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        let Some(loan) = self.hub.lender.lend() else { return refuse(reply).await };
        let mailbox = self.hub.claim(channel.id());
        let (_, half) = channel.split();
        let output = ChannelOutput { mailbox: Arc::clone(&mailbox) };
        let input = ChannelInput { half, mailbox, hub: Arc::clone(&self.hub) };
        reply.accept().await;
        // Ends with the channel, and so at the latest with the connection.
        tokio::spawn(loan.serve(input, output));
        Ok(())
    }

    // Everything else that a server may want to open towards us is refused: nothing of the sort was asked for.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ClientError> {
        refuse(reply).await
    }
}

async fn refuse(reply: ChannelOpenHandle) -> Result<(), ClientError> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}

/// The name of a signal without `SIG`; a custom one is the host's word, so it is escaped.
fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => escape::text(name, 40),
        known => format!("{known:?}"),
    }
}
