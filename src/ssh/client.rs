//! What we answer when the host speaks first: its key, its events, and channels that it would like to open.

use std::sync::Arc;

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, ChannelOpenFailure, Sig};

use super::channel::{Hub, Outlet};
use super::connector::Shared;
use super::hostkey::{self, KeyEnd};
use super::stream::Control;
use super::{ConnectError, Target};
use crate::escape;

/// How much of a server's own words we repeat, in characters.
const WORDS: usize = 300;

/// How much of a banner stands in the log, in characters.
const BANNER: usize = 4096;

/// Our side of one connection. It lives in russh's task; when that task ends, however it ends, every channel learns it.
pub(super) struct Client {
    pub(super) target: Arc<Target>,
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) hub: Arc<Hub>,
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
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            let theirs = escape::text(&theirs.join(", "), WORDS);
            format!("no common {kind:?} algorithm; the host offers {theirs}")
        }
        russh::Error::Disconnect | russh::Error::HUP => "the host closed the connection".to_owned(),
        russh::Error::SendError | russh::Error::RecvError => "the connection has ended".to_owned(),
        russh::Error::Version => "what answers is no SSH server".to_owned(),
        error => escape::text(&error.to_string(), WORDS),
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.control.lose("the connection has ended");
        let why = self.control.lost().unwrap_or_default();
        self.hub.lost(&why);
        self.control.finish();
    }
}

impl Handler for Client {
    type Error = ClientError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, ClientError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            let why = "the host sent a certificate that was not asked for".to_owned();
            return Err(ClientError::Key(KeyEnd::Refused(ConnectError::HostKey(why))));
        };
        let presented = hostkey::Presented::new(key);
        hostkey::decide(&self.shared, &self.target, &self.control, presented)
            .await
            .map_err(ClientError::Key)?;
        Ok(true)
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

    // Everything that a server may want to open towards us is refused: nothing of the sort was asked for.

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

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
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
