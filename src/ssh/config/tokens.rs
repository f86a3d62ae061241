//! `%h` and its kin, `${NAME}` and `~` in values; each keyword knows the ones that its manual entry names.

use std::fmt::Write;

use sha1::{Digest, Sha1};

use crate::escape;
use crate::ssh::UserEnvironment;

/// What the tokens of one host stand for.
#[derive(Clone, Copy, Debug)]
pub(in crate::ssh) struct Tokens<'a> {
    /// `%h`: the name or address that is dialled.
    pub(in crate::ssh) host: &'a str,
    /// `%n`: the host as named.
    pub(in crate::ssh) original: &'a str,
    /// `%k`: the host key alias, else the host as named.
    pub(in crate::ssh) alias: &'a str,
    /// `%p`.
    pub(in crate::ssh) port: u16,
    /// `%r`: the login name.
    pub(in crate::ssh) user: &'a str,
    /// `%j`: the chain of `ProxyJump`, or nothing.
    pub(in crate::ssh) jump: &'a str,
    /// `%u`, `%i`, `%d`, `%l`, `%L`, `~` and `${NAME}`: the local user.
    pub(in crate::ssh) local: &'a UserEnvironment,
}

/// What may stand in the value of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Grammar {
    /// A path: `~`, `${NAME}` and the tokens of the connection.
    Path,
    /// A command of ssh_config: the tokens of the connection.
    Command,
    /// `ProxyCommand` and `ProxyJump`: what says where to go.
    Proxy,
}

impl Grammar {
    fn tokens(self) -> &'static str {
        match self {
            Grammar::Path | Grammar::Command => "%CdhijkLlnpru",
            Grammar::Proxy => "%hknpr",
        }
    }
}

/// Tokens that have a meaning somewhere in ssh_config.
const ALL: &str = "%CdfHhIijKkLlnprTtu";

impl Tokens<'_> {
    fn append(&self, token: char, text: &mut String) {
        match token {
            'C' => self.connection(text),
            'd' => text.push_str(&self.local.home.to_string_lossy()),
            'h' => text.push_str(self.host),
            'i' => write(text, &self.local.uid),
            'j' => text.push_str(self.jump),
            'k' => text.push_str(self.alias),
            'L' => text.push_str(self.local.host_name.split('.').next().unwrap_or_default()),
            'l' => text.push_str(&self.local.host_name),
            'n' => text.push_str(self.original),
            'p' => write(text, &self.port),
            'r' => text.push_str(self.user),
            'u' => text.push_str(&self.local.user),
            other => text.push(other),
        }
    }

    /// `%C`: the SHA-1 of `%l%h%p%r` in hexadecimal.
    fn connection(&self, text: &mut String) {
        let mut hash = Sha1::new();
        for part in [self.local.host_name.as_str(), self.host, &self.port.to_string(), self.user] {
            hash.update(part);
        }
        for byte in hash.finalize() {
            write(text, &format_args!("{byte:02x}"));
        }
    }
}

fn write(text: &mut String, value: &dyn std::fmt::Display) {
    // Writing into a string cannot fail.
    let _ = write!(text, "{value}");
}

/// Expands a value; the error says which part of it means nothing.
pub(in crate::ssh) fn expand(value: &str, tokens: &Tokens<'_>, grammar: Grammar) -> Result<String, String> {
    let mut text = String::with_capacity(value.len() + 32);
    let rest = match grammar {
        Grammar::Path => tilde(value, tokens.local, &mut text)?,
        Grammar::Command | Grammar::Proxy => value,
    };
    let variables = (grammar == Grammar::Path).then_some(tokens.local);
    percent(rest, variables, &mut text, |token, text| {
        let known = grammar.tokens().contains(token);
        known.then(|| tokens.append(token, text)).is_some()
    })?;
    Ok(text)
}

/// Expands `HostName`, where only `%h` (the host as named) and `%%` have a meaning.
pub(in crate::ssh) fn expand_host_name(value: &str, named: &str) -> Result<String, String> {
    let mut text = String::with_capacity(value.len() + named.len());
    percent(value, None, &mut text, |token, text| {
        match token {
            '%' => text.push('%'),
            'h' => text.push_str(named),
            _ => return false,
        }
        true
    })?;
    Ok(text)
}

/// Expands `~` and `${NAME}` where tokens have no meaning: in `Include`.
pub(super) fn expand_path(value: &str, local: &UserEnvironment) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = tilde(value, local, &mut text)?;
    while let Some(at) = rest.find("${") {
        text.push_str(&rest[..at]);
        rest = variable(&rest[at + 2..], local, &mut text)?;
    }
    text.push_str(rest);
    Ok(text)
}

/// Appends what `~` or `~user` at the start stands for; gives the rest.
fn tilde<'a>(value: &'a str, local: &UserEnvironment, text: &mut String) -> Result<&'a str, String> {
    let Some(rest) = value.strip_prefix('~') else { return Ok(value) };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = match user {
        "" => &local.home,
        user => local.homes.get(user).ok_or_else(|| {
            let user = escape::text(user, 40);
            format!("`~{user}`: there is no user {user} in /etc/passwd; write the path out")
        })?,
    };
    let home = home.to_str().ok_or("the home directory's name is not UTF-8; write the path out")?;
    text.push_str(home.trim_end_matches('/'));
    Ok(rest)
}

fn percent(
    value: &str,
    variables: Option<&UserEnvironment>,
    text: &mut String,
    token: impl Fn(char, &mut String) -> bool,
) -> Result<(), String> {
    let mut rest = value;
    while let Some(at) = rest.find(['%', '$']) {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match (rest.as_bytes()[at], variables) {
            (b'%', _) => {
                let name = after.chars().next().ok_or("a `%` at the end stands for nothing; write `%%`")?;
                if !token(name, text) {
                    return Err(unknown(name));
                }
                &after[name.len_utf8()..]
            }
            (_, Some(local)) if after.starts_with('{') => variable(&after[1..], local, text)?,
            _ => {
                text.push('$');
                after
            }
        };
    }
    text.push_str(rest);
    Ok(())
}

fn unknown(token: char) -> String {
    let shown = escape::text(&token.to_string(), 1);
    match ALL.contains(token) {
        true => format!("`%{shown}` has a meaning for other keywords, and none for this one"),
        false => format!("`%{shown}` stands for nothing here; a percent sign is written `%%`"),
    }
}

/// Appends what `NAME}…` stands for; gives what follows the brace.
fn variable<'a>(rest: &'a str, local: &UserEnvironment, text: &mut String) -> Result<&'a str, String> {
    let (name, rest) = rest.split_once('}').ok_or("`${` has no closing brace")?;
    let value = local.variables.get(name);
    let missing = || format!("the variable ${{{}}} is not set", escape::text(name, 40));
    text.push_str(value.ok_or_else(missing)?);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn tokens_stand_for_the_connection() {
        let local = UserEnvironment {
            home: PathBuf::from("/home/me"),
            user: "me".to_owned(),
            uid: 7,
            host_name: "box.example".to_owned(),
            agent: None,
            variables: HashMap::from([("X".to_owned(), "var%h".to_owned())]),
            usual_identities: Vec::new(),
            homes: HashMap::from([("ann".to_owned(), PathBuf::from("/home/ann"))]),
        };
        let tokens = Tokens {
            host: "10.0.0.1",
            original: "web",
            alias: "al",
            port: 2200,
            user: "deploy",
            jump: "a,b",
            local: &local,
        };
        for (value, grammar, expected) in [
            ("~/%h", Grammar::Path, Ok("/home/me/10.0.0.1")),
            ("~", Grammar::Path, Ok("/home/me")),
            ("~ann/x", Grammar::Path, Ok("/home/ann/x")),
            ("~", Grammar::Command, Ok("~")),
            (
                "%d-%n-%k-%p-%r-%u-%i-%L-%l-%j-%%",
                Grammar::Path,
                Ok("/home/me-web-al-2200-deploy-me-7-box-box.example-a,b-%"),
            ),
            // What a variable holds is not expanded again.
            ("${X}/a", Grammar::Path, Ok("var%h/a")),
            ("${X}", Grammar::Command, Ok("${X}")),
            ("$X", Grammar::Path, Ok("$X")),
            ("nc %h %p %r %n %k", Grammar::Proxy, Ok("nc 10.0.0.1 2200 deploy web al")),
            ("%u", Grammar::Proxy, Err("`%u` has a meaning for other keywords, and none for this one")),
            ("%T", Grammar::Path, Err("`%T` has a meaning for other keywords, and none for this one")),
            ("${NO}", Grammar::Path, Err("the variable ${NO} is not set")),
            ("${NO", Grammar::Path, Err("`${` has no closing brace")),
            ("%z", Grammar::Path, Err("`%z` stands for nothing here; a percent sign is written `%%`")),
            ("50%", Grammar::Command, Err("a `%` at the end stands for nothing; write `%%`")),
            ("~bob/x", Grammar::Path, Err("`~bob`: there is no user bob in /etc/passwd; write the path out")),
        ] {
            let got = expand(value, &tokens, grammar);
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{value}");
        }
        // printf %s box.example10.0.0.12200deploy | sha1sum
        assert_eq!(expand("%C", &tokens, Grammar::Path).unwrap().len(), 40);
    }

    #[test]
    fn a_host_name_knows_only_itself() {
        assert_eq!(expand_host_name("%h.example.org", "web").unwrap(), "web.example.org");
        assert_eq!(expand_host_name("a%%b${X}", "web").unwrap(), "a%b${X}");
        assert!(expand_host_name("%p", "web").is_err());
    }
}
