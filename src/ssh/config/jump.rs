//! `ProxyJump`: a list of hosts to go through, from left to right.

use super::values::shown;

/// A chain of hops as written, checked in its form; empty for `none`. Tokens are expanded for the host it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct Jumps(pub(in crate::ssh) Vec<String>);

/// One hop of a chain: `[user@]host[:port]` or `ssh://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct HopName {
    pub(in crate::ssh) user: Option<String>,
    pub(in crate::ssh) host: String,
    pub(in crate::ssh) port: Option<u16>,
}

/// Reads a chain. A comment may follow, as newer versions of OpenSSH have it.
pub(in crate::ssh) fn jumps(value: &str) -> Result<Jumps, String> {
    let list = value.split('#').next().unwrap_or_default().trim_end();
    if list.eq_ignore_ascii_case("none") {
        return Ok(Jumps::default());
    }
    let list = list.strip_prefix('"').and_then(|list| list.strip_suffix('"')).unwrap_or(list);
    let hops: Vec<String> = list.split(',').map(str::to_owned).collect();
    for hop in &hops {
        hop_name(hop)?;
    }
    Ok(Jumps(hops))
}

/// Takes one hop apart.
pub(in crate::ssh) fn hop_name(hop: &str) -> Result<HopName, String> {
    let wrong =
        || format!("`{}` is no jump host: write [user@]host[:port], several divided by commas", shown(hop));
    let uri = hop.strip_prefix("ssh://");
    let text = uri.map_or(hop, |rest| rest.strip_suffix('/').unwrap_or(rest));
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, text),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = match port {
        "" | ":" => None,
        port => {
            Some(port.strip_prefix(':').and_then(|port| super::values::port(port).ok()).ok_or_else(wrong)?)
        }
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '[' | ']');
    if host.is_empty() || host.contains(odd) || user.as_deref() == Some("") {
        return Err(wrong());
    }
    Ok(HopName { user, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains() {
        let list = |hops: &[&str]| Ok(Jumps(hops.iter().map(|&hop| hop.to_owned()).collect()));
        for (value, expected) in [
            ("a", list(&["a"])),
            ("a,u@b:22,[::1]:3 # note", list(&["a", "u@b:22", "[::1]:3"])),
            ("None", list(&[])),
            ("none # note", list(&[])),
            ("\"a,b\"", list(&["a", "b"])),
            ("%h-b", list(&["%h-b"])),
        ] {
            assert_eq!(jumps(value), expected, "{value}");
        }
        for value in ["", ",a", "a,", "a:0", "::1", "u@", "a b", "a, b", "a:22x", "a/b", "ssh://a/b", "[::1"]
        {
            assert!(jumps(value).is_err(), "{value}");
        }
    }

    #[test]
    fn hops() {
        let name = |user: Option<&str>, host: &str, port| {
            Ok(HopName { user: user.map(str::to_owned), host: host.to_owned(), port })
        };
        assert_eq!(hop_name("ssh://u@c:23/"), name(Some("u"), "c", Some(23)));
        assert_eq!(hop_name("u@v@c"), name(Some("u@v"), "c", None));
        assert_eq!(hop_name("u:p@c"), name(Some("u:p"), "c", None));
        assert_eq!(hop_name("[::1]"), name(None, "::1", None));
        assert_eq!(hop_name("c:"), name(None, "c", None));
    }
}
