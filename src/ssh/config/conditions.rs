//! The conditions of a `Match` line: reading them, and judging those that need no more than names.

use std::collections::VecDeque;

use super::values::shown;
use crate::ssh::pattern::{Pattern, accepts};

/// A `Match` line: all of its conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct MatchTest {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    negated: bool,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    All,
    /// `final`: the second pass, which it asks for.
    Final,
    /// `canonical`: the second pass, if there is one.
    Canonical,
    Host(Vec<Pattern>),
    OriginalHost(Vec<Pattern>),
    User(Vec<Pattern>),
    LocalUser(Vec<Pattern>),
    Tagged(Vec<Pattern>),
    /// A command; tokens are not expanded yet.
    Exec(String),
    /// A condition that newer versions of OpenSSH know and we do not evaluate.
    Foreign(&'static str),
}

/// What a condition may ask about a host, as far as the lines before it have settled it.
#[derive(Clone, Copy, Debug)]
pub(in crate::ssh) struct Facts<'a> {
    /// The host after `HostName` and canonicalization.
    pub(in crate::ssh) host: &'a str,
    /// The host as named.
    pub(in crate::ssh) original: &'a str,
    /// The login name so far.
    pub(in crate::ssh) user: &'a str,
    /// The local user's name.
    pub(in crate::ssh) local_user: &'a str,
    /// `Tag` so far; empty where there is none.
    pub(in crate::ssh) tag: &'a str,
    /// Which pass this is.
    pub(in crate::ssh) pass: Pass,
}

/// A configuration is gone through once, or, after canonicalization or for `Match final`, twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Pass {
    First,
    Final,
}

/// A condition that names cannot settle; all others of its line hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Open<'a> {
    /// It holds if this command ends well, or, negated, if it does not.
    Exec { command: &'a str, negated: bool },
    /// This condition is not evaluated.
    Foreign(&'static str),
}

impl MatchTest {
    /// What still has to be asked, in order; `None` where the line does not apply whatever the answers.
    pub(in crate::ssh) fn judge(&self, facts: &Facts<'_>) -> Option<Vec<Open<'_>>> {
        let mut open = Vec::new();
        for Condition { negated, kind } in &self.conditions {
            let lower = |name: &str| name.to_ascii_lowercase();
            let holds = match kind {
                Kind::All => true,
                Kind::Final | Kind::Canonical => facts.pass == Pass::Final,
                Kind::Host(patterns) => accepts(patterns, lower(facts.host).as_bytes()),
                Kind::OriginalHost(patterns) => accepts(patterns, lower(facts.original).as_bytes()),
                Kind::User(patterns) => accepts(patterns, facts.user.as_bytes()),
                Kind::LocalUser(patterns) => accepts(patterns, facts.local_user.as_bytes()),
                Kind::Tagged(patterns) => accepts(patterns, facts.tag.as_bytes()),
                Kind::Exec(command) => {
                    open.push(Open::Exec { command, negated: *negated });
                    continue;
                }
                Kind::Foreign(name) => {
                    open.push(Open::Foreign(name));
                    continue;
                }
            };
            if holds == *negated {
                return None;
            }
        }
        Some(open)
    }

    /// Whether it asks for a second pass, as any `final` does.
    pub(super) fn wants_final(&self) -> bool {
        self.conditions.iter().any(|condition| condition.kind == Kind::Final)
    }
}

/// The conditions that take no value, and those that take one.
const BARE: [&str; 3] = ["all", "canonical", "final"];
const VALUED: [&str; 10] = [
    "host",
    "originalhost",
    "user",
    "localuser",
    "exec",
    "tagged",
    "localnetwork",
    "command",
    "version",
    "sessiontype",
];

/// Reads the arguments of a `Match` line.
pub(super) fn match_test(arguments: &[String]) -> Result<MatchTest, String> {
    let mut words = words(arguments);
    let mut conditions: Vec<Condition> = Vec::new();
    while let Some(word) = words.pop_front() {
        let name = word.strip_prefix('!').unwrap_or(word);
        let negated = name.len() < word.len();
        let lower = name.to_ascii_lowercase();
        let kind = match lower.as_str() {
            "all" if conditions.len() > 1 || !words.is_empty() => {
                return Err("`all` stands alone, or after `final` or `canonical`".to_owned());
            }
            name if BARE.contains(&name) => bare(name),
            name => {
                let known = VALUED.iter().find(|known| **known == name);
                let known =
                    *known.ok_or_else(|| format!("`{}` is no condition of ssh_config", shown(name)))?;
                let value = words.pop_front().filter(|value| !value.is_empty());
                valued(known, value.ok_or_else(|| format!("`{known}` wants a value"))?)
            }
        };
        conditions.push(Condition { negated, kind });
    }
    Ok(MatchTest { conditions })
}

fn bare(name: &str) -> Kind {
    match name {
        "all" => Kind::All,
        "final" => Kind::Final,
        _ => Kind::Canonical,
    }
}

fn valued(name: &'static str, value: &str) -> Kind {
    // Host names match in any case, all else as it is written.
    let exact = || value.split(',').map(|pattern| Pattern::new(pattern.as_bytes())).collect();
    match name {
        "host" => Kind::Host(Pattern::list(value.as_bytes())),
        "originalhost" => Kind::OriginalHost(Pattern::list(value.as_bytes())),
        "user" => Kind::User(exact()),
        "localuser" => Kind::LocalUser(exact()),
        "tagged" => Kind::Tagged(exact()),
        "exec" => Kind::Exec(value.to_owned()),
        name => Kind::Foreign(name),
    }
}

/// `host=a`, `host = a` and `host a` are the same.
fn words(arguments: &[String]) -> VecDeque<&str> {
    let mut words = VecDeque::new();
    let mut is_value = false;
    for argument in arguments {
        if argument == "=" {
            continue;
        }
        let name = |word: &str| VALUED.contains(&word.trim_start_matches('!').to_ascii_lowercase().as_str());
        match argument.split_once('=') {
            Some((word, value)) if !is_value && name(word) => {
                words.push_back(word);
                is_value = value.is_empty();
                if !value.is_empty() {
                    words.push_back(value);
                }
            }
            _ => {
                is_value = !is_value && name(argument);
                words.push_back(argument.as_str());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(line: &str) -> Result<MatchTest, String> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match_test(&arguments)
    }

    #[test]
    fn lines_are_judged_as_in_openssh() {
        let facts = Facts {
            host: "10.0.0.1",
            original: "Web1",
            user: "root",
            local_user: "me",
            tag: "blue",
            pass: Pass::First,
        };
        for (line, first, last) in [
            ("all", true, true),
            ("!all", false, false),
            ("host 10.*", true, true),
            ("host web*", false, false),
            ("originalhost WEB*", true, true),
            ("!originalhost web1", false, false),
            ("host=10.*,!10.0.0.1", false, false),
            ("host = 10.*", true, true),
            ("user root,bob", true, true),
            ("user ROOT", false, false),
            ("user=!root,*", false, false),
            ("localuser me tagged blue", true, true),
            ("!tagged blue", false, false),
            ("final", false, true),
            ("canonical all", false, true),
            ("!final host 10.*", true, false),
        ] {
            let test = test(line).unwrap();
            assert_eq!(test.judge(&facts), first.then(Vec::new), "{line}");
            let facts = Facts { pass: Pass::Final, ..facts };
            assert_eq!(test.judge(&facts), last.then(Vec::new), "{line}, final");
        }
        let exec = test("!exec true user root").unwrap();
        assert_eq!(exec.judge(&facts), Some(vec![Open::Exec { command: "true", negated: true }]));
        assert_eq!(test("exec true user bob").unwrap().judge(&facts), None);
        assert_eq!(
            test("localnetwork 10.0.0.0/8").unwrap().judge(&facts),
            Some(vec![Open::Foreign("localnetwork")])
        );
    }

    #[test]
    fn bad_lines() {
        for line in
            ["bogus", "host", "all user root", "user root host web all", "!!user root", "user root all x"]
        {
            assert!(test(line).is_err(), "{line}");
        }
        assert!(test("user root all").is_ok());
    }
}
