//! One line becomes one statement.

use super::ConfigError;
use super::keyword::{Key, OPTIONS, Support, lookup, nearest};
use super::setting::Setting;
use super::words;
use crate::escape;
use crate::ssh::pattern::{Pattern, accepts};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// A blank line, a comment, or a keyword without consequence.
    Nothing,
    /// `Host`: what follows is for these.
    Host(Vec<Pattern>),
    /// `Match`: what follows is under these conditions.
    Match(MatchTest),
    /// `Include` of these files.
    Include(Vec<String>),
    /// Unknown keywords that match are passed over from here on.
    IgnoreUnknown(Vec<Pattern>),
    /// A value.
    Set(Setting),
    /// This keyword asks for something that is not done; its hosts are refused.
    Refuse(&'static str),
    /// This keyword asks for something that is passed over.
    Note(&'static str),
    /// One of the last two with a value that asks for nothing; being first, it wins over later ones.
    Decline(&'static str),
}

/// The conditions of a `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MatchTest {
    /// `all`.
    Always,
    /// `!all`.
    Never,
    /// Anything else: not evaluated, but hosts whose names it cannot mean are not concerned.
    Doubtful(Vec<NameTest>),
}

/// One `host` or `originalhost` of a `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameTest {
    negated: bool,
    original_only: bool,
    patterns: Vec<Pattern>,
}

impl MatchTest {
    /// Whether the line may apply to a host that was named `original` and is dialled as `address`.
    pub(super) fn may_apply(&self, original: &str, address: &str) -> bool {
        let holds = |test: &NameTest, name: &str| {
            accepts(&test.patterns, name.to_ascii_lowercase().as_bytes()) != test.negated
        };
        match self {
            MatchTest::Always => true,
            MatchTest::Never => false,
            MatchTest::Doubtful(tests) => tests
                .iter()
                .all(|test| holds(test, original) || (!test.original_only && holds(test, address))),
        }
    }
}

/// Reads a line; unknown keywords that match `ignored` are passed over.
pub(super) fn parse(line: &[u8], ignored: &[Pattern]) -> Result<Statement, String> {
    let Some(line) = words::split(line).map_err(|error| error.to_string())? else {
        return Ok(Statement::Nothing);
    };
    let Some((name, support)) = lookup(&line.keyword) else {
        if accepts(ignored, line.keyword.as_bytes()) {
            return Ok(Statement::Nothing);
        }
        return Err(unknown(&line.keyword));
    };
    if line.arguments.is_empty() {
        return Err(format!("{name}: the value is missing"));
    }
    let asks_for_nothing = |values: &[&str]| {
        let is = |value: &str| values.iter().any(|nothing| nothing.eq_ignore_ascii_case(value));
        match line.arguments.as_slice() {
            // To ssh, all that follows is the command or the jump host: `none # note` is not `none`.
            _ if matches!(name, "ProxyCommand" | "ProxyJump") => is(&line.rest),
            [value] => is(value),
            _ => false,
        }
    };
    match support {
        Support::Evaluated(key) => statement(key, &line.arguments).map_err(|what| format!("{name}: {what}")),
        Support::Refused(values) if !asks_for_nothing(values) => Ok(Statement::Refuse(name)),
        Support::Noted(values) if !asks_for_nothing(values) => Ok(Statement::Note(name)),
        Support::Refused(_) | Support::Noted(_) => Ok(Statement::Decline(name)),
        Support::Quiet => Ok(Statement::Nothing),
    }
}

fn unknown(keyword: &str) -> String {
    let hint = match nearest(keyword) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`IgnoreUnknown` before it passes it over".to_owned(),
    };
    format!("`{}` is no keyword of ssh_config; {hint}", escape::text(keyword, 60))
}

fn statement(key: Key, arguments: &[String]) -> Result<Statement, String> {
    let patterns = || arguments.iter().map(|pattern| Pattern::new(pattern.as_bytes())).collect();
    match key {
        Key::Host => Ok(Statement::Host(patterns())),
        Key::Match => match_test(arguments).map(Statement::Match),
        Key::Include if arguments.iter().any(String::is_empty) => Err("a file name is empty".to_owned()),
        Key::Include => Ok(Statement::Include(arguments.to_vec())),
        Key::IgnoreUnknown => match arguments {
            [list] => Ok(Statement::IgnoreUnknown(Pattern::list(list.as_bytes()))),
            _ => Err("one list is taken, separated by commas".to_owned()),
        },
        key => Setting::read(key, arguments).map(Statement::Set),
    }
}

/// The attributes of a `Match` line that take no value, and those that take one.
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

fn match_test(arguments: &[String]) -> Result<MatchTest, String> {
    // `host=a`, `host = a` and `host a` are the same.
    let mut words: std::collections::VecDeque<&str> = std::collections::VecDeque::new();
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, value)) if VALUED.contains(&name.trim_start_matches('!')) => {
                words.extend([name, value].into_iter().filter(|word| !word.is_empty()));
            }
            _ if argument == "=" => {}
            _ => words.push_back(argument),
        }
    }
    let mut tests = Vec::new();
    let mut bare = Vec::new();
    while let Some(word) = words.pop_front() {
        let name = word.trim_start_matches('!');
        let negated = name.len() < word.len();
        let lower = name.to_ascii_lowercase();
        if BARE.contains(&lower.as_str()) {
            bare.push((lower, negated));
        } else if VALUED.contains(&lower.as_str()) {
            let value = words.pop_front().ok_or_else(|| format!("`{lower}` wants a value"))?;
            let original_only = lower == "originalhost";
            if original_only || lower == "host" {
                tests.push(NameTest { negated, original_only, patterns: Pattern::list(value.as_bytes()) });
            } else {
                bare.push((lower, negated));
            }
        } else {
            return Err(format!("`{}` is no condition of ssh_config", escape::text(name, 40)));
        }
    }
    match bare.as_slice() {
        [(all, negated)] if all == "all" && tests.is_empty() => {
            Ok(if *negated { MatchTest::Never } else { MatchTest::Always })
        }
        _ => Ok(MatchTest::Doubtful(tests)),
    }
}

/// Reads an argument of `-o`: `Keyword=value` or `Keyword value`, of [`OPTIONS`].
pub(in crate::ssh) fn parse_option(option: &str) -> Result<Setting, ConfigError> {
    let shown = escape::text(option, 80);
    let fail = |what: String| ConfigError::Option(format!("-o {shown}: {what}"));
    let line = words::split(option.as_bytes()).map_err(|error| fail(error.to_string()))?;
    let line = line.ok_or_else(|| fail("nothing is set; write -o Keyword=value".to_owned()))?;
    let found = OPTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&line.keyword));
    let Some(&(name, key)) = found else {
        let supported = OPTIONS.map(|(name, _)| name).join(", ");
        let what = match lookup(&line.keyword) {
            Some((name, _)) => format!("{name} is not supported here"),
            None => unknown(&line.keyword),
        };
        return Err(fail(format!("{what}; -o takes {supported}")));
    };
    Setting::read(key, &line.arguments).map_err(|what| fail(format!("{name}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Statement, String> {
        parse(line.as_bytes(), &[])
    }

    #[test]
    fn every_kind_of_line() {
        assert_eq!(parsed("# all"), Ok(Statement::Nothing));
        assert_eq!(parsed("Port 23"), Ok(Statement::Set(Setting::Port(23))));
        assert_eq!(parsed("ProxyJump bastion"), Ok(Statement::Refuse("ProxyJump")));
        assert_eq!(parsed("ProxyJump none"), Ok(Statement::Decline("ProxyJump")));
        assert_eq!(parsed("ForwardAgent yes"), Ok(Statement::Note("ForwardAgent")));
        assert_eq!(parsed("ForwardAgent no"), Ok(Statement::Decline("ForwardAgent")));
        assert_eq!(parsed("ControlMaster auto"), Ok(Statement::Nothing));
        assert_eq!(parsed("Include a b"), Ok(Statement::Include(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(
            parsed("Hostnaem x"),
            Err("`hostnaem` is no keyword of ssh_config; did you mean `HostName`?".to_owned())
        );
        assert_eq!(parsed("Port x"), Err("Port: `x` is no port: write a number from 1 to 65535".to_owned()));
        assert_eq!(parsed("User"), Err("User: the value is missing".to_owned()));
        let ignored = Pattern::list(b"use*,fancy");
        assert_eq!(parse(b"UseKeychain yes", &ignored), Ok(Statement::Nothing));
        assert!(parse(b"Other yes", &ignored).is_err());
    }

    #[test]
    fn match_lines_concern_only_hosts_they_can_mean() {
        let test = |line: &str| match parsed(line) {
            Ok(Statement::Match(test)) => test,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(test("Match all"), MatchTest::Always);
        assert_eq!(test("Match !all"), MatchTest::Never);
        for (line, applies) in [
            ("Match host web*", true),
            ("Match host=db*", false),
            ("Match host = 10.*", true),
            ("Match originalhost 10.*", false),
            ("Match !originalhost web1", false),
            ("Match !host web1", true),
            ("Match !host web1,10.*", false),
            ("Match user x", true),
            ("Match exec \"test -e /x\"", true),
            ("Match final all", true),
            ("Match final host db", false),
        ] {
            assert_eq!(test(line).may_apply("web1", "10.0.0.1"), applies, "{line}");
        }
        assert!(parsed("Match bogus").is_err());
        assert!(parsed("Match host").is_err());
    }

    #[test]
    fn no_text_makes_it_panic() {
        let whole = "Include \"a b\" ~/c\nHost = web* !\"x\" # é\nMatch host=a,b !exec 'x y'\nIdentityFile ${X}/%d\\ é\n\
                     ConnectTimeout 1m2s\nUserKnownHostsFile /a \"/b c\"\nIgnoreUnknown x,y*\nPort \"2\"2\n";
        for at in 0..whole.len() {
            let (cut, changed) = whole.as_bytes().split_at(at);
            for byte in [b'"', b'\'', b'\\', b'=', b'\n', b' ', b'#', b'%', 0, 0x80, 0xff] {
                let text = [cut, &[byte], &changed[1..]].concat();
                text.split(|&byte| byte == b'\n').for_each(|line| drop(parse(line, &[])));
            }
            cut.split(|&byte| byte == b'\n').for_each(|line| drop(parse(line, &[])));
        }
    }

    #[test]
    fn options_of_the_command_line() {
        assert_eq!(parse_option("port=2200"), Ok(Setting::Port(2200)));
        assert_eq!(parse_option("User  deploy"), Ok(Setting::User("deploy".to_owned())));
        for (option, part) in [
            ("ProxyJump=x", "ProxyJump is not supported here; -o takes HostName, User"),
            ("Prot=22", "did you mean"),
            ("Port=x", "no port"),
            ("", "nothing is set"),
        ] {
            let error = parse_option(option).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
