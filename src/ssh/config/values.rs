//! Readers of single values, each as OpenSSH reads it; the error says what is taken.

use std::time::Duration;

use crate::escape;
use crate::ssh::AddKeys;

/// At most so many files in one `UserKnownHostsFile`, as in OpenSSH.
const KNOWN_HOSTS_FILES: usize = 32;
/// At most so many `CanonicalDomains` and CNAME rules, as in OpenSSH.
const DOMAINS: usize = 32;

/// A value as it may stand in a sentence.
pub(super) fn shown(value: &str) -> String {
    escape::text(value, 60)
}

/// One of several words, in any case; gives the first of its spellings.
pub(super) fn word(value: &str, words: &[&[&'static str]]) -> Result<&'static str, String> {
    let found = words.iter().find(|spellings| spellings.iter().any(|word| word.eq_ignore_ascii_case(value)));
    found.map(|spellings| spellings[0]).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|spellings| spellings[0]).collect();
        format!("`{}` is none of {}", shown(value), known.join(", "))
    })
}

pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{}` is neither yes nor no", shown(value))),
    }
}

/// A port: 1 to 65535; of the names of services only `ssh` is taken.
pub(super) fn port(value: &str) -> Result<u16, String> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if value.eq_ignore_ascii_case("ssh") => Ok(22),
        _ => Err(format!("`{}` is no port: write a number from 1 to 65535", shown(value))),
    }
}

/// A whole number, 0 or more; OpenSSH counts in a C int.
pub(super) fn count(value: &str) -> Result<u32, String> {
    let number = value.trim_start().parse::<u32>().ok().filter(|&number| i32::try_from(number).is_ok());
    number.ok_or_else(|| format!("`{}` is no number from 0 on", shown(value)))
}

/// Seconds, or numbers with the units of OpenSSH's TIME FORMATS (`1m30s`).
pub(super) fn seconds(value: &str) -> Result<Duration, String> {
    let wrong = || format!("`{}` is no time: write seconds, or such as 1m30s", shown(value));
    if value.is_empty() {
        return Err(wrong());
    }
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
    i32::try_from(total).map_err(|_| wrong())?;
    Ok(Duration::from_secs(total.into()))
}

pub(super) fn files(arguments: &[String]) -> Result<Vec<String>, String> {
    match arguments {
        [] => Err("the value is missing".to_owned()),
        [one] if is_none(one) => Ok(Vec::new()),
        several if several.iter().any(|file| is_none(file)) => Err("`none` must stand alone".to_owned()),
        several if several.iter().any(String::is_empty) => Err("a file name is empty".to_owned()),
        several if several.len() > KNOWN_HOSTS_FILES => Err(format!("more than {KNOWN_HOSTS_FILES} files")),
        several => Ok(several.to_vec()),
    }
}

fn is_none(value: &str) -> bool {
    value.eq_ignore_ascii_case("none")
}

/// The path of an agent's socket; `$NAME` must be the name of a variable.
pub(super) fn socket(value: &str) -> Result<String, String> {
    let Some(name) = value.strip_prefix('$').filter(|name| !name.starts_with('{')) else {
        return Ok(value.to_owned());
    };
    let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match good && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(value.to_owned()),
        false => Err(format!("`{}` is no name of a variable", shown(value))),
    }
}

/// `AddKeysToAgent`: a word, a time, or `confirm` with a time.
pub(super) fn agent_life(arguments: &[String]) -> Result<AddKeys, String> {
    let life = |text: &str| Ok::<_, String>(Some(seconds(text)?).filter(|time| !time.is_zero()));
    let known = arguments
        .first()
        .map(|first| word(first, &[&["yes", "true"], &["no", "false"], &["ask"], &["confirm"]]));
    match (known, arguments) {
        (Some(Ok("confirm")), [_, time]) => Ok(AddKeys::Confirm(life(time)?)),
        (Some(Ok("confirm")), [_]) => Ok(AddKeys::Confirm(None)),
        (Some(Ok("yes")), [_]) => Ok(AddKeys::Yes(None)),
        (Some(Ok("no")), [_]) => Ok(AddKeys::No),
        (Some(Ok("ask")), [_]) => Ok(AddKeys::Ask),
        (Some(Err(_)), [time]) => match life(time) {
            Ok(time) => Ok(AddKeys::Yes(time)),
            Err(_) => Err(format!("`{}` is none of yes, no, ask, confirm, nor a time", shown(time))),
        },
        _ => Err("write yes, no, ask, a time, or confirm and perhaps a time".to_owned()),
    }
}

/// `CanonicalDomains`: in lower case, without the dot at the end.
pub(super) fn domains(arguments: &[String]) -> Result<Vec<String>, String> {
    match arguments {
        [one] if is_none(one) => return Ok(Vec::new()),
        several if several.iter().any(|name| is_none(name)) => {
            return Err("`none` must stand alone".to_owned());
        }
        several if several.len() > DOMAINS => return Err(format!("more than {DOMAINS} domains")),
        _ => {}
    }
    let domain = |name: &String| {
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(usual)
            && !name.contains("..");
        match good {
            true => Ok(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()),
            false => Err(format!("`{}` is no name of a domain", shown(name))),
        }
    };
    arguments.iter().map(domain).collect()
}

/// `CanonicalizePermittedCNAMEs`: pairs of lists; empty for `none`.
pub(super) fn cnames(arguments: &[String]) -> Result<Vec<String>, String> {
    match arguments {
        [one] if is_none(one) => return Ok(Vec::new()),
        several if several.len() > DOMAINS => return Err(format!("more than {DOMAINS} rules")),
        _ => {}
    }
    let good =
        |rule: &&String| rule.split_once(':').is_some_and(|(from, to)| !from.is_empty() && !to.is_empty());
    match arguments.iter().find(|rule| !good(rule)) {
        Some(rule) => Err(format!("`{}` is no rule: write FROM,…:TO,…", shown(rule))),
        None => Ok(arguments.to_vec()),
    }
}
