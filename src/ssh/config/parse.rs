//! One line becomes one statement.

use super::ConfigError;
use super::conditions::{MatchTest, match_test};
use super::keyword::{Key, Support, lookup, nearest};
use super::setting::Setting;
use super::words::{self, Line};
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

/// Reads a line; unknown keywords that match `ignored` are passed over.
pub(super) fn parse(line: &[u8], ignored: &[Pattern]) -> Result<Statement, String> {
    let Some(line) = words::split(line).map_err(|error| error.to_string())? else {
        return Ok(Statement::Nothing);
    };
    let Some((name, support)) = lookup(&line.keyword) else {
        if accepts(ignored, line.keyword.as_bytes()) {
            return Ok(Statement::Nothing);
        }
        return Err(unknown(&line.keyword, "`IgnoreUnknown` before it passes it over"));
    };
    if line.arguments.is_empty() {
        return match support {
            // As in ssh: a note alone names no host, and a keyword without effect wants no value.
            Support::Evaluated(Key::Host) if !line.rest.is_empty() => Ok(Statement::Host(Vec::new())),
            Support::Quiet if !line.rest.is_empty() => Ok(Statement::Nothing),
            _ => Err(format!("{name}: the value is missing")),
        };
    }
    match support {
        Support::Evaluated(key) => statement(key, &line).map_err(|what| format!("{name}: {what}")),
        Support::Refused(values) if !asks_for_nothing(&line, values) => Ok(Statement::Refuse(name)),
        Support::Noted(values) if !asks_for_nothing(&line, values) => Ok(Statement::Note(name)),
        Support::Refused(_) | Support::Noted(_) => Ok(Statement::Decline(name)),
        Support::Quiet => Ok(Statement::Nothing),
    }
}

/// Whether the value of a keyword that is not evaluated is one that changes nothing.
fn asks_for_nothing(line: &Line, values: &[&str]) -> bool {
    matches!(line.arguments.as_slice(), [value] if values.iter().any(|nothing| nothing.eq_ignore_ascii_case(value)))
}

fn unknown(keyword: &str, way_out: &str) -> String {
    let hint = match nearest(keyword) {
        Some(name) => format!("did you mean `{name}`?"),
        None => way_out.to_owned(),
    };
    format!("`{}` is no keyword of ssh_config; {hint}", escape::text(keyword, 60))
}

fn statement(key: Key, line: &Line) -> Result<Statement, String> {
    let arguments = line.arguments.as_slice();
    let patterns = || arguments.iter().map(|pattern| Pattern::new(pattern.as_bytes())).collect();
    match key {
        Key::Host if arguments.iter().any(String::is_empty) => Err("a pattern is empty".to_owned()),
        Key::Host => Ok(Statement::Host(patterns())),
        Key::Match => match_test(arguments).map(Statement::Match),
        Key::Include if arguments.iter().any(String::is_empty) => Err("a file name is empty".to_owned()),
        Key::Include => Ok(Statement::Include(arguments.to_vec())),
        Key::IgnoreUnknown => match arguments {
            [list] => Ok(Statement::IgnoreUnknown(Pattern::list(list.as_bytes()))),
            _ => Err("one list is taken, separated by commas".to_owned()),
        },
        key => Ok(Setting::read(key, line)?.map_or(Statement::Nothing, Statement::Set)),
    }
}

/// Reads an argument of `-o`: `Keyword=value` or `Keyword value`. `None` where it changes nothing.
pub(in crate::ssh) fn parse_option(option: &str) -> Result<Option<Setting>, ConfigError> {
    let shown = escape::text(option, 80);
    let fail = |what: String| ConfigError::Option(format!("-o {shown}: {what}"));
    let line = words::split(option.as_bytes()).map_err(|error| fail(error.to_string()))?;
    let line = line.ok_or_else(|| fail("nothing is set; write -o Keyword=value".to_owned()))?;
    let Some((name, support)) = lookup(&line.keyword) else {
        return Err(fail(unknown(&line.keyword, "docs/ssh.md lists what there is")));
    };
    match support {
        Support::Evaluated(Key::Host | Key::Match | Key::Include | Key::IgnoreUnknown) => {
            Err(fail(format!("{name} belongs into a file; name it with -F")))
        }
        Support::Evaluated(key) => Setting::read(key, &line).map_err(|what| fail(format!("{name}: {what}"))),
        Support::Refused(values) | Support::Noted(values) if !asks_for_nothing(&line, values) => {
            Err(fail(format!("{name} is not supported; docs/ssh.md lists what is")))
        }
        Support::Refused(_) | Support::Noted(_) | Support::Quiet => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::config::setting::Value;

    fn parsed(line: &str) -> Result<Statement, String> {
        parse(line.as_bytes(), &[])
    }

    #[test]
    fn every_kind_of_line() {
        assert_eq!(parsed("# all"), Ok(Statement::Nothing));
        assert_eq!(
            parsed("Port 23"),
            Ok(Statement::Set(Setting { key: Key::Port, value: Value::Number(23) }))
        );
        assert_eq!(parsed("ConnectTimeout none"), Ok(Statement::Nothing));
        assert_eq!(parsed("CheckHostIP yes"), Ok(Statement::Refuse("CheckHostIP")));
        assert_eq!(parsed("CheckHostIP no"), Ok(Statement::Decline("CheckHostIP")));
        assert_eq!(parsed("ForwardX11 yes"), Ok(Statement::Note("ForwardX11")));
        assert_eq!(parsed("ForwardX11 no"), Ok(Statement::Decline("ForwardX11")));
        assert_eq!(parsed("ControlMaster auto"), Ok(Statement::Nothing));
        assert_eq!(parsed("Include a b"), Ok(Statement::Include(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(
            parsed("Hostnaem x"),
            Err("`hostnaem` is no keyword of ssh_config; did you mean `HostName`?".to_owned())
        );
        assert!(parsed("Foo x").unwrap_err().ends_with("`IgnoreUnknown` before it passes it over"));
        let option = parse_option("Foo=bar").unwrap_err().to_string();
        assert_eq!(option, "-o Foo=bar: `foo` is no keyword of ssh_config; docs/ssh.md lists what there is");
        assert_eq!(parsed("Port x"), Err("Port: `x` is no port: write a number from 1 to 65535".to_owned()));
        assert_eq!(parsed("User"), Err("User: the value is missing".to_owned()));
        assert_eq!(parsed("User # me"), Err("User: the value is missing".to_owned()));
        assert_eq!(parsed("Host # web"), Ok(Statement::Host(Vec::new())));
        assert_eq!(parsed("Protocol # 2"), Ok(Statement::Nothing));
        assert_eq!(parsed("Host"), Err("Host: the value is missing".to_owned()));
        assert_eq!(parsed("Host web \"\""), Err("Host: a pattern is empty".to_owned()));
        let ignored = Pattern::list(b"use*,fancy");
        assert_eq!(parse(b"UseKeychain yes", &ignored), Ok(Statement::Nothing));
        assert!(parse(b"Other yes", &ignored).is_err());
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
        let setting = |key, value| Ok(Some(Setting { key, value }));
        assert_eq!(parse_option("port=2200"), setting(Key::Port, Value::Number(2200)));
        assert_eq!(parse_option("User  deploy"), setting(Key::User, Value::Text("deploy".to_owned())));
        assert_eq!(parse_option("ControlMaster=no"), Ok(None));
        assert_eq!(parse_option("ForwardX11=no"), Ok(None));
        for (option, part) in [
            ("ForwardX11=yes", "ForwardX11 is not supported"),
            ("Host=x", "belongs into a file"),
            ("Prot=22", "did you mean"),
            ("Port=x", "no port"),
            ("", "nothing is set"),
        ] {
            let error = parse_option(option).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
