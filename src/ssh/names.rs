//! Which texts are names: what a configuration says reaches a resolver or a server only after these checks.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::escape;

/// A name in lower case, or an address in the one form that known_hosts uses (`127.1` is 127.0.0.1, `0::1` is ::1).
/// What cannot be either is an error, so that no text of a configuration reaches a resolver or a shell as it stands.
pub(super) fn canonical(address: &str) -> Result<String, String> {
    let shown = || escape::text(address, 80);
    if let Ok(v6) = address.parse::<Ipv6Addr>() {
        return Ok(v6.to_string());
    }
    if let Some(v4) = ipv4(address) {
        return Ok(v4.to_string());
    }
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%' | '+');
    match address {
        "" => Err("it is empty".to_owned()),
        _ if address.len() > 255 => Err("it is longer than 255 characters".to_owned()),
        _ if address.starts_with('-') => Err(format!("`{}` begins with a dash", shown())),
        _ if !address.chars().all(usual) => Err(format!("`{}` is no host name", shown())),
        // As in ssh, what looks like an address stays as it is: a zone is the name of an interface (RFC 4007 section 11).
        _ if address.contains([':', '%']) => Ok(address.to_owned()),
        _ => Ok(address.to_ascii_lowercase()),
    }
}

/// An IPv4 address in any form that the system's resolver takes for one: one to four numbers, decimal, octal or
/// hexadecimal, the last of which fills what is left.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| -> Option<u32> {
        let (digits, radix) = match part {
            _ if part.starts_with("0x") || part.starts_with("0X") => (&part[2..], 16),
            _ if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
            _ => (part, 10),
        };
        (!digits.starts_with('+')).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (&last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|&part| part > 255) {
        return None;
    }
    let room = 32 - 8 * front.len() as u32;
    if room < 32 && last >> room != 0 {
        return None;
    }
    let high = front.iter().enumerate().fold(0, |sum, (at, &part)| sum | part << (24 - 8 * at));
    Some(Ipv4Addr::from(high | last))
}

/// Characters that a shell gives a meaning, in names of hosts and of users alike.
const SHELL: &str = "'`\";&<>|(){}";

/// Why a host as named is refused, if it is: such as ssh refuses.
pub(super) fn bad_name(name: &str) -> Option<String> {
    let shown = || escape::text(name, 80);
    let odd = |c: char| c.is_control() || c.is_whitespace() || SHELL.contains(c) || matches!(c, '$' | '\\');
    match name {
        "" => Some("it is empty".to_owned()),
        _ if name.starts_with('-') => Some(format!("`{}` begins with a dash", shown())),
        _ if name.contains(odd) => Some(format!("`{}` is no host name", shown())),
        _ => None,
    }
}

/// Why a login name is refused, if it is: those that ssh refuses, and control characters.
pub(super) fn bad_user(user: &str) -> Option<String> {
    let shown = || escape::text(user, 40);
    let odd = |c: char| c.is_control() || SHELL.contains(c);
    let dashed =
        || user.char_indices().any(|(at, c)| c.is_whitespace() && user[at + c.len_utf8()..].starts_with('-'));
    match user {
        "" => Some("it is empty".to_owned()),
        _ if user.starts_with('-') => Some(format!("`{}` begins with a dash", shown())),
        _ if user.contains(odd) || user.ends_with('\\') => Some(format!("`{}` is no login name", shown())),
        _ if dashed() => Some(format!("`{}` has a dash after a blank", shown())),
        _ => None,
    }
}

/// Why a login name that may be used must not stand in a command for a shell: it would not reach it as it is.
pub(super) fn bad_in_command(user: &str) -> Option<String> {
    let odd = user.contains(['$', '\\']);
    odd.then(|| format!("a shell would read `{}` otherwise than it stands", escape::text(user, 40)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (text, expected) in [
            ("Web01.Example.ORG", Some("web01.example.org")),
            ("a_b", Some("a_b")),
            ("127.1", Some("127.0.0.1")),
            ("0177.0.0.1", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("4294967295", Some("255.255.255.255")),
            ("4294967296", Some("4294967296")),
            ("256.1.1.1", Some("256.1.1.1")),
            ("09.1.1.1", Some("09.1.1.1")),
            ("1.2.3.4.5", Some("1.2.3.4.5")),
            ("0x.1", Some("0x.1")),
            ("1.", Some("1.")),
            ("0:0::1", Some("::1")),
            ("fe80::1%brLan", Some("fe80::1%brLan")),
            ("A%B", Some("A%B")),
            ("::ffff:1.2.3.4", Some("::ffff:1.2.3.4")),
            ("", None),
            ("-oProxyCommand=x", None),
            ("a b", None),
            ("a\nb", None),
            ("a;b", None),
            ("$(id)", None),
            ("a/b", None),
            ("p\u{430}ypal", None),
            ("\u{202e}web", None),
        ] {
            assert_eq!(canonical(text).ok().as_deref(), expected, "{text:?}");
        }
        assert!(canonical(&"a".repeat(256)).is_err());
    }

    #[test]
    fn login_names() {
        for (user, good) in [
            ("deploy", true),
            ("DOMAIN\\me", true),
            ("me@realm", true),
            ("x y", true),
            ("", false),
            ("-x", false),
            ("a`b", false),
            ("a\nb", false),
            ("a\\", false),
            ("x -y", false),
        ] {
            assert_eq!(bad_user(user).is_none(), good, "{user:?}");
        }
    }
}
