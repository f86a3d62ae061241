//! What a host's configuration says, in words: for whoever asks where a value comes from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::case::Case;
use super::origin::Saying;
use crate::ssh::config::{Key, Source, Value, name};
use crate::ssh::{AddKeys, Choice, Target};

/// The keywords beside those with an origin of their own, in the order in which they are shown. `LogLevel` is not among
/// them, since omnes has a log of its own.
const SHOWN: [Key; 37] = [
    Key::Tag,
    Key::IdentitiesOnly,
    Key::IdentityAgent,
    Key::ForwardAgent,
    Key::AddKeysToAgent,
    Key::PreferredAuthentications,
    Key::PubkeyAuthentication,
    Key::PasswordAuthentication,
    Key::KbdInteractiveAuthentication,
    Key::BatchMode,
    Key::NumberOfPasswordPrompts,
    Key::UserKnownHostsFile,
    Key::GlobalKnownHostsFile,
    Key::RevokedHostKeys,
    Key::HashKnownHosts,
    Key::UpdateHostKeys,
    Key::HostKeyAlgorithms,
    Key::KexAlgorithms,
    Key::Ciphers,
    Key::MACs,
    Key::PubkeyAcceptedAlgorithms,
    Key::CASignatureAlgorithms,
    Key::Compression,
    Key::ServerAliveInterval,
    Key::ServerAliveCountMax,
    Key::TCPKeepAlive,
    Key::ConnectionAttempts,
    Key::AddressFamily,
    Key::BindAddress,
    Key::BindInterface,
    Key::CanonicalizeHostname,
    Key::CanonicalDomains,
    Key::CanonicalizeMaxDots,
    Key::CanonicalizeFallbackLocal,
    Key::SetEnv,
    Key::RequestTTY,
    Key::RemoteCommand,
];

impl Case<'_> {
    /// What was said beside the values that have an origin of their own.
    pub(super) fn others(&self, target: &Target) -> Vec<Saying> {
        let saying = |key, value: &Value, source: Source<'_>| Saying {
            keyword: name(key),
            value: come_to(key, value, target),
            origin: source.into(),
        };
        let once = SHOWN.iter().filter_map(|&key| {
            let (value, source) = self.heard.slot(key)?;
            Some(saying(key, value, source))
        });
        let sent = self.heard.all(Key::SendEnv).map(|(value, source)| saying(Key::SendEnv, value, source));
        once.chain(sent).collect()
    }
}

/// What a value comes to: where it holds tokens or variables, what they stand for.
fn come_to(key: Key, value: &Value, target: &Target) -> Cow<'static, str> {
    match key {
        Key::IdentityAgent => files(target.agent.as_slice()),
        Key::ForwardAgent => target.forward_agent.as_ref().map_or("no".into(), |agent| shown(agent).into()),
        Key::UserKnownHostsFile => files(&target.user_known_hosts),
        Key::GlobalKnownHostsFile => files(&target.global_known_hosts),
        Key::RevokedHostKeys => files(&target.keeping.revoked),
        Key::PreferredAuthentications => match value {
            Value::List(ways) => ways.join(",").into(),
            other => as_said(other),
        },
        Key::RemoteCommand => target.session.command.clone().map_or("none".into(), Cow::Owned),
        _ => as_said(value),
    }
}

fn as_said(value: &Value) -> Cow<'static, str> {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Flag(true) => "yes".into(),
        Value::Flag(false) => "no".into(),
        Value::Number(number) => number.to_string().into(),
        Value::Time(time) => format!("{} s", time.as_secs()).into(),
        Value::Word(word) => (*word).into(),
        Value::List(words) if words.is_empty() => "none".into(),
        Value::List(words) => words.join(" ").into(),
        Value::Choice(choice) => algorithms(choice).into(),
        Value::AddKeys(add) => add_keys(*add),
        Value::Jumps(jumps) => jumps.0.join(",").into(),
    }
}

fn algorithms(choice: &Choice) -> String {
    match choice {
        Choice::Ours => String::new(),
        Choice::Only(names) => names.join(","),
        Choice::Append(names) => format!("+{}", names.join(",")),
        Choice::Remove(names) => format!("-{}", names.join(",")),
        Choice::Prefer(names) => format!("^{}", names.join(",")),
    }
}

fn add_keys(add: AddKeys) -> Cow<'static, str> {
    match add {
        AddKeys::No => "no".into(),
        AddKeys::Ask => "ask".into(),
        AddKeys::Yes(None) => "yes".into(),
        AddKeys::Yes(Some(time)) => format!("{} s", time.as_secs()).into(),
        AddKeys::Confirm(None) => "confirm".into(),
        AddKeys::Confirm(Some(time)) => format!("confirm {} s", time.as_secs()).into(),
    }
}

fn files(files: &[PathBuf]) -> Cow<'static, str> {
    match files {
        [] => "none".into(),
        files => files.iter().map(|file| shown(file)).collect::<Vec<_>>().join(" ").into(),
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
