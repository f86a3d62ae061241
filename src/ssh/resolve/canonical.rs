//! `CanonicalizeHostname`: which names are tried for a host, and which one it then has (ssh_config(5)).

use std::net::IpAddr;

use super::origin::Origin;
use crate::ssh::config::{Heard, Key, Value};
use crate::ssh::{ConnectError, Lookup, Outside, Stage};

/// The names to try for `host`, in order, each with a dot at its end; `None` where the host keeps its name.
pub(super) fn names(host: &str, heard: &Heard<'_>) -> Option<Vec<String>> {
    if !concerns(host, heard) {
        return None;
    }
    if host.ends_with('.') {
        return Some(vec![host.to_owned()]);
    }
    let dots = host.matches('.').count();
    if dots > heard.number(Key::CanonicalizeMaxDots).unwrap_or(1) as usize {
        return None;
    }
    let domains = heard.list(Key::CanonicalDomains).map_or(&[][..], |(domains, _)| domains);
    Some(domains.iter().map(|domain| format!("{host}.{domain}.")).collect())
}

/// Whether the name of `host` may be made another one at all.
pub(super) fn concerns(host: &str, heard: &Heard<'_>) -> bool {
    let mode = heard.word(Key::CanonicalizeHostname).unwrap_or("no");
    let address = host.parse::<IpAddr>().is_ok() || host.contains([':', '%']);
    mode != "no" && !address && (mode == "always" || !is_proxied(heard))
}

/// The name that `host` then has: the first that exists, else its own where that is allowed.
pub(super) fn canonical_name(
    host: &str,
    heard: &Heard<'_>,
    outside: &dyn Outside,
) -> Result<String, ConnectError> {
    let Some(names) = names(host, heard) else { return Ok(host.to_owned()) };
    let family = heard.word(Key::AddressFamily).unwrap_or("any");
    let fail = |why: String| Err(ConnectError::Unreachable { stage: Stage::Resolve, why });
    for name in &names {
        match outside.look_up(std::slice::from_ref(name))[..] {
            [Lookup::Found { v4, v6 }] if (v4 && family != "inet6") || (v6 && family != "inet") => {
                return Ok(name.strip_suffix('.').unwrap_or(name).to_owned());
            }
            [Lookup::Late] => return fail(format!("no answer in time about the name {name}")),
            _ => {}
        }
    }
    match heard.flag(Key::CanonicalizeFallbackLocal) {
        Some(false) => {
            let origin = Origin::from(heard.source(Key::CanonicalizeFallbackLocal));
            fail(format!(
                "{host} exists in none of CanonicalDomains, and CanonicalizeFallbackLocal is no ({origin})"
            ))
        }
        _ => Ok(host.to_owned()),
    }
}

fn is_proxied(heard: &Heard<'_>) -> bool {
    let command =
        heard.text(Key::ProxyCommand).is_some_and(|(command, _)| !command.eq_ignore_ascii_case("none"));
    let jump = matches!(heard.slot(Key::ProxyJump), Some((Value::Jumps(jumps), _)) if !jumps.0.is_empty());
    command || jump
}
