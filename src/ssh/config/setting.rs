//! The values of the evaluated keywords, checked as OpenSSH checks them.

use std::time::Duration;

use super::keyword::Key;

/// One keyword with its value; tokens and `~` are not expanded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Setting {
    HostName(String),
    Port(u16),
    User(String),
    IdentityFile(String),
    IdentitiesOnly(bool),
    IdentityAgent(String),
    HostKeyAlias(String),
    /// Empty for `none`.
    UserKnownHostsFile(Vec<String>),
    /// Empty for `none`.
    GlobalKnownHostsFile(Vec<String>),
    StrictHostKeyChecking(Checking),
    /// `None` where the user wants no limit; we keep the default then, since every stage has one.
    ConnectTimeout(Option<Duration>),
    PubkeyAuthentication(bool),
    PasswordAuthentication(bool),
    /// The ways that are listed; their order is ours, keys first.
    PreferredAuthentications(Vec<String>),
    BatchMode(bool),
}

/// The values of `StrictHostKeyChecking`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Checking {
    Yes,
    Ask,
    AcceptNew,
    Off,
}

/// At most so many files in one `UserKnownHostsFile`, as in OpenSSH.
const KNOWN_HOSTS_FILES: usize = 32;

impl Setting {
    /// Reads the arguments of `key`, which is none of `Host`, `Match`, `Include` and `IgnoreUnknown`.
    pub(super) fn read(key: Key, arguments: &[String]) -> Result<Setting, String> {
        match key {
            Key::UserKnownHostsFile => return files(arguments).map(Setting::UserKnownHostsFile),
            Key::GlobalKnownHostsFile => return files(arguments).map(Setting::GlobalKnownHostsFile),
            _ => {}
        }
        let value = match arguments {
            [value] if !value.is_empty() => value.clone(),
            [] | [_] => return Err("the value is missing".to_owned()),
            [_, rest @ ..] => {
                let more = crate::escape::text(&rest.join(" "), 60);
                return Err(format!("`{more}` is too much: one value is taken; quote it if it holds blanks"));
            }
        };
        Ok(match key {
            Key::HostName => Setting::HostName(value),
            Key::Port => Setting::Port(port(&value)?),
            Key::User => Setting::User(value),
            Key::IdentityFile => Setting::IdentityFile(value),
            Key::IdentitiesOnly => Setting::IdentitiesOnly(flag(&value)?),
            Key::IdentityAgent => Setting::IdentityAgent(value),
            Key::HostKeyAlias => Setting::HostKeyAlias(value),
            Key::StrictHostKeyChecking => Setting::StrictHostKeyChecking(checking(&value)?),
            Key::ConnectTimeout => Setting::ConnectTimeout(duration(&value)?),
            Key::PubkeyAuthentication => Setting::PubkeyAuthentication(pubkey(&value)?),
            Key::PasswordAuthentication => Setting::PasswordAuthentication(flag(&value)?),
            Key::PreferredAuthentications => {
                Setting::PreferredAuthentications(value.split(',').map(str::to_owned).collect())
            }
            Key::BatchMode => Setting::BatchMode(flag(&value)?),
            Key::UserKnownHostsFile | Key::GlobalKnownHostsFile => unreachable!("read above"),
            Key::Host | Key::Match | Key::Include | Key::IgnoreUnknown => {
                unreachable!("these are no settings")
            }
        })
    }
}

fn files(arguments: &[String]) -> Result<Vec<String>, String> {
    match arguments {
        [] => Err("the value is missing".to_owned()),
        [one] if one.eq_ignore_ascii_case("none") => Ok(Vec::new()),
        several if several.iter().any(|file| file.eq_ignore_ascii_case("none")) => {
            Err("`none` must stand alone".to_owned())
        }
        several if several.iter().any(String::is_empty) => Err("a file name is empty".to_owned()),
        several if several.len() > KNOWN_HOSTS_FILES => Err(format!("more than {KNOWN_HOSTS_FILES} files")),
        several => Ok(several.to_vec()),
    }
}

/// A port: 1 to 65535; of the names of services only `ssh` is taken.
pub(super) fn port(value: &str) -> Result<u16, String> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if value.eq_ignore_ascii_case("ssh") => Ok(22),
        _ => Err(format!("`{}` is no port: write a number from 1 to 65535", crate::escape::text(value, 40))),
    }
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{}` is neither yes nor no", crate::escape::text(value, 40))),
    }
}

/// `unbound` and `host-bound` are about a protocol extension of agents only.
fn pubkey(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "unbound" | "host-bound" => Ok(true),
        _ => flag(value),
    }
}

fn checking(value: &str) -> Result<Checking, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Checking::Yes),
        "ask" => Ok(Checking::Ask),
        "accept-new" => Ok(Checking::AcceptNew),
        "no" | "false" | "off" => Ok(Checking::Off),
        _ => Err(format!("`{}` is none of yes, ask, accept-new, no, off", crate::escape::text(value, 40))),
    }
}

/// Seconds, or numbers with the units of OpenSSH's TIME FORMATS (`1m30s`); `none` and 0 are no limit.
fn duration(value: &str) -> Result<Option<Duration>, String> {
    if value == "none" {
        return Ok(None);
    }
    let wrong =
        || format!("`{}` is no time: write seconds, or such as 1m30s", crate::escape::text(value, 40));
    let mut total: u32 = 0;
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u32 = rest[..end].parse().map_err(|_| wrong())?;
        let mut unit = rest[end..].chars();
        let seconds = match unit.next() {
            None | Some('s' | 'S') => 1,
            Some('m' | 'M') => 60,
            Some('h' | 'H') => 3600,
            Some('d' | 'D') => 86_400,
            Some('w' | 'W') => 604_800,
            Some(_) => return Err(wrong()),
        };
        total = number.checked_mul(seconds).and_then(|sum| total.checked_add(sum)).ok_or_else(wrong)?;
        rest = unit.as_str();
    }
    // OpenSSH counts in a C int.
    i32::try_from(total).map_err(|_| wrong())?;
    Ok((total > 0).then(|| Duration::from_secs(total.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: Key, values: &[&str]) -> Result<Setting, String> {
        Setting::read(key, &values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn good_values() {
        assert_eq!(read(Key::Port, &["022"]), Ok(Setting::Port(22)));
        assert_eq!(read(Key::IdentitiesOnly, &["TRUE"]), Ok(Setting::IdentitiesOnly(true)));
        assert_eq!(
            read(Key::StrictHostKeyChecking, &["Off"]),
            Ok(Setting::StrictHostKeyChecking(Checking::Off))
        );
        assert_eq!(
            read(Key::ConnectTimeout, &["1m30s"]),
            Ok(Setting::ConnectTimeout(Some(Duration::from_secs(90))))
        );
        assert_eq!(read(Key::ConnectTimeout, &["none"]), Ok(Setting::ConnectTimeout(None)));
        assert_eq!(read(Key::UserKnownHostsFile, &["None"]), Ok(Setting::UserKnownHostsFile(vec![])));
        assert_eq!(read(Key::PubkeyAuthentication, &["host-bound"]), Ok(Setting::PubkeyAuthentication(true)));
        assert_eq!(read(Key::HostName, &["a b"]), Ok(Setting::HostName("a b".to_owned())));
    }

    #[test]
    fn bad_values() {
        for (key, values) in [
            (Key::Port, &["0"] as &[&str]),
            (Key::Port, &["65536"]),
            (Key::Port, &["+22"]),
            (Key::Port, &["0x16"]),
            (Key::Port, &[]),
            (Key::Port, &[""]),
            (Key::Port, &["22", "23"]),
            (Key::IdentitiesOnly, &["maybe"]),
            (Key::StrictHostKeyChecking, &["never"]),
            (Key::PubkeyAuthentication, &["perhaps"]),
            (Key::PasswordAuthentication, &["unbound"]),
            (Key::BatchMode, &["2"]),
            (Key::ConnectTimeout, &["-3"]),
            (Key::ConnectTimeout, &["5x"]),
            (Key::ConnectTimeout, &["s"]),
            (Key::ConnectTimeout, &["9999999999"]),
            (Key::ConnectTimeout, &["3000000000"]),
            (Key::UserKnownHostsFile, &["a", "none"]),
        ] {
            assert!(read(key, values).is_err(), "{key:?} {values:?}");
        }
    }
}
