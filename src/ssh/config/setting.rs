//! The values of the evaluated keywords, checked as OpenSSH checks them.

use std::time::Duration;

use super::algorithms;
use super::jump::{Jumps, jumps};
use super::keyword::{Key, name};
use super::values::{agent_life, cnames, count, domains, files, flag, port, seconds, shown, socket, word};
use super::words::Line;
use crate::ssh::{AddKeys, Choice};

/// One keyword with its value; tokens and `~` are not expanded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct Setting {
    pub(in crate::ssh) key: Key,
    pub(in crate::ssh) value: Value,
}

/// A value; which kind a key has, [`Setting::read`] settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Value {
    /// As it stands in the file.
    Text(String),
    /// `yes` or `no`, also `true` and `false`.
    Flag(bool),
    /// A number that is not negative.
    Number(u32),
    /// Seconds and their like. A time of `none` says nothing, as in OpenSSH, and is no setting.
    Time(Duration),
    /// One of the words that the keyword knows, in the first of its spellings.
    Word(&'static str),
    /// Files, patterns or names; empty for `none`.
    List(Vec<String>),
    /// A change to a list of algorithms.
    Choice(Choice),
    /// `AddKeysToAgent`.
    AddKeys(AddKeys),
    /// `ProxyJump`.
    Jumps(Jumps),
}

/// The spellings of a word; the first one stands for all.
type Words = &'static [&'static [&'static str]];

const CHECKING: Words = &[&["yes", "true"], &["ask"], &["accept-new"], &["no", "false", "off"]];
const PUBKEY: Words = &[&["yes", "true", "unbound", "host-bound"], &["no", "false"]];
const UPDATES: Words = &[&["yes", "true"], &["no", "false"], &["ask"]];
const FAMILY: Words = &[&["any"], &["inet"], &["inet6"]];
const TTY: Words = &[&["yes", "true"], &["no", "false"], &["force"], &["auto"]];
const CANONICALIZE: Words = &[&["no", "false"], &["yes", "true"], &["always"]];
const LEVELS: Words = &[
    &["QUIET", "SILENT"],
    &["FATAL"],
    &["ERROR"],
    &["INFO"],
    &["VERBOSE"],
    &["DEBUG1", "DEBUG"],
    &["DEBUG2"],
    &["DEBUG3"],
];

impl Setting {
    /// Reads the value of `key`, which is none of `Host`, `Match`, `Include` and `IgnoreUnknown`; `None` where the
    /// value says nothing.
    pub(super) fn read(key: Key, line: &Line) -> Result<Option<Setting>, String> {
        let arguments = line.arguments.as_slice();
        let one = || match arguments {
            [value] if !value.is_empty() => Ok(value.as_str()),
            [] | [_] => Err("the value is missing".to_owned()),
            [_, rest @ ..] => {
                let more = shown(&rest.join(" "));
                Err(format!("`{more}` is too much: one value is taken; quote it if it holds blanks"))
            }
        };
        use Key::*;
        let value = match key {
            HostName | User | IdentityFile | CertificateFile | HostKeyAlias | RevokedHostKeys
            | BindAddress | BindInterface | Tag => Value::Text(one()?.to_owned()),
            IdentityAgent => Value::Text(socket(one()?)?),
            ForwardAgent => match word(one()?, &[&["yes", "true"], &["no", "false"]]) {
                Ok(yes_or_no) => Value::Text(yes_or_no.to_owned()),
                Err(_) => Value::Text(socket(one()?)?),
            },
            IdentitiesOnly
            | HashKnownHosts
            | PasswordAuthentication
            | KbdInteractiveAuthentication
            | BatchMode
            | Compression
            | TCPKeepAlive
            | CanonicalizeFallbackLocal => Value::Flag(flag(one()?)?),
            Port => Value::Number(port(one()?)?.into()),
            NumberOfPasswordPrompts | ConnectionAttempts | ServerAliveCountMax | CanonicalizeMaxDots => {
                Value::Number(count(one()?)?)
            }
            ConnectTimeout | ServerAliveInterval => match one()? {
                "none" => return Ok(None),
                time => Value::Time(seconds(time)?),
            },
            StrictHostKeyChecking => Value::Word(word(one()?, CHECKING)?),
            PubkeyAuthentication => Value::Word(word(one()?, PUBKEY)?),
            UpdateHostKeys => Value::Word(word(one()?, UPDATES)?),
            AddressFamily => Value::Word(word(one()?, FAMILY)?),
            RequestTTY => Value::Word(word(one()?, TTY)?),
            CanonicalizeHostname => Value::Word(word(one()?, CANONICALIZE)?),
            LogLevel => Value::Word(word(one()?, LEVELS)?),
            HostKeyAlgorithms | PubkeyAcceptedAlgorithms | CASignatureAlgorithms => {
                Value::Choice(algorithms::keys(one()?)?)
            }
            KexAlgorithms => Value::Choice(algorithms::kex(one()?)?),
            Ciphers => Value::Choice(algorithms::ciphers(one()?)?),
            MACs => Value::Choice(algorithms::macs(one()?)?),
            PreferredAuthentications => Value::List(one()?.split(',').map(str::to_owned).collect()),
            UserKnownHostsFile | GlobalKnownHostsFile => Value::List(files(arguments)?),
            SendEnv => {
                Value::List(variables(arguments, |name| !name.contains('='), "the name of a variable")?)
            }
            SetEnv => Value::List(variables(arguments, |pair| pair.contains('='), "NAME=VALUE")?),
            CanonicalDomains => Value::List(domains(arguments)?),
            CanonicalizePermittedCNAMEs => Value::List(cnames(arguments)?),
            AddKeysToAgent => Value::AddKeys(agent_life(arguments)?),
            ProxyJump => Value::Jumps(jumps(&line.rest)?),
            ProxyCommand | RemoteCommand => match line.rest.as_str() {
                "" => return Err("the value is missing".to_owned()),
                command => Value::Text(command.to_owned()),
            },
            Host | Match | Include | IgnoreUnknown => unreachable!("{} is no setting", name(key)),
        };
        Ok(Some(Setting { key, value }))
    }
}

fn variables(arguments: &[String], good: impl Fn(&str) -> bool, wanted: &str) -> Result<Vec<String>, String> {
    match arguments.iter().find(|argument| argument.is_empty() || !good(argument)) {
        Some(bad) => Err(format!("`{}` is not {wanted}", shown(bad))),
        None => Ok(arguments.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::config::words;

    fn read(line: &str) -> Result<Option<Value>, String> {
        let line = words::split(line.as_bytes()).unwrap().unwrap();
        let (_, support) = super::super::keyword::lookup(&line.keyword).unwrap();
        let super::super::keyword::Support::Evaluated(key) = support else { panic!("{}", line.keyword) };
        Ok(Setting::read(key, &line)?.map(|setting| setting.value))
    }

    #[test]
    fn good_values() {
        let text = |text: &str| Value::Text(text.to_owned());
        let list = |words: &[&str]| Value::List(words.iter().map(|&word| word.to_owned()).collect());
        for (line, expected) in [
            ("Port 022", Value::Number(22)),
            ("IdentitiesOnly TRUE", Value::Flag(true)),
            ("StrictHostKeyChecking Off", Value::Word("no")),
            ("ConnectTimeout 1m30s", Value::Time(Duration::from_secs(90))),
            ("UserKnownHostsFile None", list(&[])),
            ("PubkeyAuthentication host-bound", Value::Word("yes")),
            ("HostName \"a b\"", text("a b")),
            ("RemoteCommand  echo \"a b\" # c", text("echo \"a b\" # c")),
            ("SendEnv LANG LC_* -X", list(&["LANG", "LC_*", "-X"])),
            ("SetEnv A=b \"C=d e\"", list(&["A=b", "C=d e"])),
            ("AddKeysToAgent confirm 5m", Value::AddKeys(AddKeys::Confirm(Some(Duration::from_secs(300))))),
            ("AddKeysToAgent 0", Value::AddKeys(AddKeys::Yes(None))),
            ("AddressFamily INET6", Value::Word("inet6")),
            ("LogLevel debug", Value::Word("DEBUG1")),
            ("ForwardAgent TRUE", text("yes")),
            ("ForwardAgent $X", text("$X")),
            ("ServerAliveCountMax +010", Value::Number(10)),
            ("CanonicalDomains A.org b.net.", list(&["a.org", "b.net"])),
            ("Ciphers aes128-ctr,", Value::Choice(Choice::Only(vec!["aes128-ctr".to_owned()]))),
        ] {
            assert_eq!(read(line), Ok(Some(expected)), "{line}");
        }
        assert_eq!(read("ConnectTimeout none"), Ok(None));
    }

    #[test]
    fn bad_values() {
        for line in [
            "Port 0",
            "Port 65536",
            "Port +22",
            "Port 0x16",
            "Port \"\"",
            "Port 22 23",
            "IdentitiesOnly maybe",
            "StrictHostKeyChecking never",
            "PubkeyAuthentication perhaps",
            "PasswordAuthentication unbound",
            "BatchMode 2",
            "ConnectTimeout -3",
            "ConnectTimeout 5x",
            "ConnectTimeout s",
            "ConnectTimeout 3000000000",
            "UserKnownHostsFile a none",
            "SendEnv A=b",
            "SetEnv A",
            "AddKeysToAgent yes 5m",
            "AddKeysToAgent none",
            "AddKeysToAgent \"\"",
            "AddressFamily ipv4",
            "LogLevel loud",
            "ForwardAgent $1x",
            "NumberOfPasswordPrompts -1",
            "NumberOfPasswordPrompts 0x3",
            "Ciphers aes*",
            "Ciphers +",
            "KexAlgorithms curve*",
            "HostKeyAlgorithms zz*",
            "CanonicalDomains .org",
            "CanonicalDomains a,b",
            "CanonicalDomains a none",
            "CanonicalizeMaxDots -1",
            "CanonicalizePermittedCNAMEs abc",
            "ProxyJump a,",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
