//! `%h` and its kin, `${NAME}` and `~` in values.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use sha1::{Digest, Sha1};

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
    /// `%u`: the local user's name.
    pub(in crate::ssh) local_user: &'a str,
    /// `%i`: the local user's id.
    pub(in crate::ssh) uid: u32,
    /// `%d`, and `~`: the local user's home.
    pub(in crate::ssh) home: &'a Path,
    /// `%l`; `%L` is its first label.
    pub(in crate::ssh) local_host: &'a str,
    /// `${NAME}`.
    pub(in crate::ssh) variables: &'a HashMap<String, String>,
}

impl Tokens<'_> {
    fn value(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => "%".to_owned(),
            'C' => self.connection(),
            'd' => self.home.to_string_lossy().into_owned(),
            'h' => self.host.to_owned(),
            'i' => self.uid.to_string(),
            'k' => self.alias.to_owned(),
            'L' => self.local_host.split('.').next().unwrap_or_default().to_owned(),
            'l' => self.local_host.to_owned(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.local_user.to_owned(),
            _ => return None,
        })
    }

    /// `%C`: the SHA-1 of `%l%h%p%r` in hexadecimal.
    fn connection(&self) -> String {
        let mut hash = Sha1::new();
        for part in [self.local_host, self.host, &self.port.to_string(), self.user] {
            hash.update(part);
        }
        hash.finalize().iter().fold(String::with_capacity(40), |mut hex, byte| {
            // Writing into a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Expands `~/` at the start, then tokens and `${NAME}`; the error says which one is not known.
pub(in crate::ssh) fn expand(value: &str, tokens: &Tokens<'_>) -> Result<String, String> {
    let value = tilde(value, tokens.home)?;
    percent(&value, Some(tokens.variables), |token| tokens.value(token))
}

/// Expands `HostName`, where only `%h` (the host as named) and `%%` have a meaning.
pub(in crate::ssh) fn expand_host_name(value: &str, named: &str) -> Result<String, String> {
    percent(value, None, |token| match token {
        '%' => Some("%".to_owned()),
        'h' => Some(named.to_owned()),
        _ => None,
    })
}

/// Expands `~` and `${NAME}` where tokens have no meaning: in `Include`.
pub(super) fn expand_path(
    value: &str,
    home: &Path,
    variables: &HashMap<String, String>,
) -> Result<String, String> {
    let value = tilde(value, home)?;
    let mut text = String::new();
    let mut rest = value.as_str();
    while let Some(at) = rest.find("${") {
        text.push_str(&rest[..at]);
        rest = variable(&rest[at + 2..], variables, &mut text)?;
    }
    text.push_str(rest);
    Ok(text)
}

/// `~` and `~/…`; other users' homes are not looked up.
pub(in crate::ssh) fn tilde(value: &str, home: &Path) -> Result<String, String> {
    match value.strip_prefix('~') {
        None => Ok(value.to_owned()),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = home.to_str().ok_or("the home directory's name is not UTF-8; write the path out")?;
            Ok(format!("{}{rest}", home.trim_end_matches('/')))
        }
        Some(rest) => {
            let user = crate::escape::text(rest.split('/').next().unwrap_or_default(), 40);
            Err(format!("`~{user}` is not looked up; write the path out"))
        }
    }
}

fn percent(
    value: &str,
    variables: Option<&HashMap<String, String>>,
    token: impl Fn(char) -> Option<String>,
) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find(['%', '$']) {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match (rest.as_bytes()[at], variables) {
            (b'%', _) => {
                let name = after.chars().next().ok_or("a `%` at the end stands for nothing; write `%%`")?;
                text.push_str(&token(name).ok_or_else(|| unknown(name))?);
                &after[name.len_utf8()..]
            }
            (_, Some(variables)) if after.starts_with('{') => variable(&after[1..], variables, &mut text)?,
            _ => {
                text.push('$');
                after
            }
        };
    }
    text.push_str(rest);
    Ok(text)
}

fn unknown(token: char) -> String {
    let token = crate::escape::text(&token.to_string(), 1);
    format!("`%{token}` stands for nothing here; a percent sign is written `%%`")
}

/// Appends what `NAME}…` stands for; gives what follows the brace.
fn variable<'a>(
    rest: &'a str,
    variables: &HashMap<String, String>,
    text: &mut String,
) -> Result<&'a str, String> {
    let (name, rest) = rest.split_once('}').ok_or("`${` has no closing brace")?;
    let value = variables.get(name);
    text.push_str(
        value.ok_or_else(|| format!("the variable ${{{}}} is not set", crate::escape::text(name, 40)))?,
    );
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stand_for_the_connection() {
        let variables = HashMap::from([("X".to_owned(), "var%h".to_owned())]);
        let tokens = Tokens {
            host: "10.0.0.1",
            original: "web",
            alias: "al",
            port: 2200,
            user: "deploy",
            local_user: "me",
            uid: 7,
            home: Path::new("/home/me"),
            local_host: "box.example",
            variables: &variables,
        };
        for (value, expected) in [
            ("~/%h", Ok("/home/me/10.0.0.1")),
            ("~", Ok("/home/me")),
            ("%d-%n-%k-%p-%r-%u-%i-%L-%l-%%", Ok("/home/me-web-al-2200-deploy-me-7-box-box.example-%")),
            // What a variable holds is not expanded again.
            ("${X}/a", Ok("var%h/a")),
            ("$X", Ok("$X")),
            ("${NO}", Err("the variable ${NO} is not set")),
            ("${NO", Err("`${` has no closing brace")),
            ("%z", Err("`%z` stands for nothing here; a percent sign is written `%%`")),
            ("50%", Err("a `%` at the end stands for nothing; write `%%`")),
            ("~root/x", Err("`~root` is not looked up; write the path out")),
        ] {
            let got = expand(value, &tokens);
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{value}");
        }
        // printf %s box.example10.0.0.12200deploy | sha1sum
        assert_eq!(expand("%C", &tokens).unwrap().len(), 40);
    }

    #[test]
    fn a_host_name_knows_only_itself() {
        assert_eq!(expand_host_name("%h.example.org", "web").unwrap(), "web.example.org");
        assert_eq!(expand_host_name("a%%b${X}", "web").unwrap(), "a%b${X}");
        assert!(expand_host_name("%p", "web").is_err());
    }
}
