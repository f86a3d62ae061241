//! The floor: a bare russh client that compares one host key, logs in with one key and asks nothing else.
//!
//! It parses no configuration and no known_hosts, keeps no journal and shows nothing. What omnes costs beside it is what
//! omnes itself costs. It uses the same key exchange, cipher and key types, and nodelay.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use russh::client::{self, AuthResult, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use russh::{ChannelMsg, Preferred, cipher, kex};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::measure;

/// What the floor needs to know of the fleet.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) addresses: Arc<[SocketAddr]>,
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) user: String,
    pub(crate) fan_out: usize,
    pub(crate) kex: Kex,
    pub(crate) command: String,
}

/// The key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kex {
    /// What russh and the demo fleet prefer.
    MlKem,
    /// What every client has.
    Curve25519,
}

pub(crate) struct AnyKey;

impl client::Handler for AnyKey {
    type Error = russh::Error;
    async fn check_server_key(
        &mut self,
        key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        // One comparison stands for the check; the keys of the bench fleet are made for the run.
        Ok(!matches!(key, russh::keys::PublicKeyOrCertificate::Certificate { .. }))
    }
}

pub(crate) fn config(wanted: Kex) -> Arc<client::Config> {
    let first = match wanted {
        Kex::MlKem => kex::MLKEM768X25519_SHA256,
        Kex::Curve25519 => kex::CURVE25519,
    };
    let preferred = Preferred {
        kex: Cow::Owned(vec![
            first,
            kex::CURVE25519,
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        ]),
        cipher: Cow::Borrowed(&[cipher::AES_256_GCM]),
        ..Preferred::default()
    };
    Arc::new(client::Config {
        preferred,
        nodelay: true,
        window_size: 256 * 1024,
        ..client::Config::default()
    })
}

pub(crate) async fn login(
    fleet: &Fleet,
    config: Arc<client::Config>,
    address: SocketAddr,
) -> Result<Handle<AnyKey>, russh::Error> {
    let mut handle = client::connect(config, address, AnyKey).await?;
    let key = PrivateKeyWithHashAlg::new(fleet.key.clone(), None);
    match handle.authenticate_publickey(fleet.user.clone(), key).await? {
        AuthResult::Success => Ok(handle),
        AuthResult::Failure { .. } => Err(russh::Error::NotAuthenticated),
    }
}

async fn exec(fleet: Fleet, config: Arc<client::Config>, address: SocketAddr) -> Result<bool, russh::Error> {
    let handle = login(&fleet, config, address).await?;
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, fleet.command.as_str()).await?;
    let mut status = None;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        }
    }
    handle.disconnect(russh::Disconnect::ByApplication, "", "").await?;
    Ok(status == Some(0))
}

/// Runs the command on every host; returns how many ended with status 0.
pub(crate) async fn run_all(fleet: &Fleet) -> usize {
    let (config, turn) = (config(fleet.kex), Arc::new(Semaphore::new(fleet.fan_out)));
    let mut tasks = JoinSet::new();
    for address in fleet.addresses.iter().copied() {
        let (fleet, config, turn) = (fleet.clone(), config.clone(), turn.clone());
        tasks.spawn(async move {
            let _turn = turn.acquire_owned().await.expect("never closed");
            exec(fleet, config, address).await.unwrap_or(false)
        });
    }
    let mut well = 0;
    while let Some(done) = tasks.join_next().await {
        well += usize::from(done.expect("no panic"));
    }
    well
}

/// Opens a shell on every host and measures one byte to all until all have echoed, `rounds` times; tells what
/// [`crate::held::measure`] says.
pub(crate) async fn hold(fleet: &Fleet, rounds: usize) -> Vec<f64> {
    let before = measure::status_kib(std::process::id(), "VmRSS:");
    let (config, turn) = (config(fleet.kex), Arc::new(Semaphore::new(fleet.fan_out)));
    let (echoed, mut echoes) = tokio::sync::mpsc::unbounded_channel();
    let mut opening = JoinSet::new();
    for address in fleet.addresses.iter().copied() {
        let (fleet, config, turn) = (fleet.clone(), config.clone(), turn.clone());
        opening.spawn(async move {
            let _turn = turn.acquire_owned().await.expect("never closed");
            let handle = login(&fleet, config, address).await.expect("a login");
            let channel = handle.channel_open_session().await.expect("a channel");
            channel.request_pty(false, "xterm-256color", 80, 24, 0, 0, &[]).await.expect("a terminal");
            channel.request_shell(true).await.expect("a shell");
            (handle, channel)
        });
    }
    let (mut handles, mut writers) = (Vec::new(), Vec::new());
    while let Some(opened) = opening.join_next().await {
        let (handle, channel) = opened.expect("no panic");
        let (mut reader, writer) = channel.split();
        handles.push(handle);
        writers.push(writer);
        let echoed = echoed.clone();
        tokio::spawn(async move {
            while let Some(message) = reader.wait().await {
                if let ChannelMsg::Data { data } = message
                    && data.contains(&b'#')
                    && echoed.send(()).is_err()
                {
                    return;
                }
            }
        });
    }
    let (mut told, cpu) = (vec![0.0, 0.0], measure::cpu_seconds(std::process::id()));
    for _ in 0..rounds {
        let start = Instant::now();
        for writer in &writers {
            writer.data(&b"#"[..]).await.expect("a live session");
        }
        for _ in 0..writers.len() {
            echoes.recv().await.expect("an echo");
        }
        told.push(start.elapsed().as_secs_f64() * 1e3);
    }
    told[1] = (measure::cpu_seconds(std::process::id()) - cpu) * 1e6 / (rounds * writers.len()) as f64;
    let after = measure::status_kib(std::process::id(), "VmRSS:");
    told[0] = (after - before) as f64 / writers.len() as f64;
    told
}
