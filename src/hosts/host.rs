//! One machine as the user names it: its spelling, its parts, and the natural order of names.
//!
//! Identity is name and port; the user is how one logs in, not which machine it is. The spelling is kept, since a host is
//! reported exactly as it was named. A name that a shell, a log line or `ssh` could misread is refused here, once, so that
//! no later room has to ask.

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::escape;

/// The longest name of a host in bytes (RFC 1035 allows 253 characters and a final dot).
const NAME_LIMIT: usize = 254;
/// The longest user name in bytes.
const USER_LIMIT: usize = 128;

/// How a host was written; it is printed the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Form {
    /// `[user@]name[:port]`, `[user@][v6]:port`, bare v6.
    Plain,
    /// `[user@][v6]`, in brackets though no port follows.
    Bracketed,
    /// `ssh://[user@]name[:port]`.
    Uri,
}

/// A host as named: `[user@]name[:port]`. Equality and order are by name and port alone: `a@web1` and `b@web1` are one
/// machine. The order is natural: `web2` stands before `web10`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    user: Option<Arc<str>>,
    name: Arc<str>,
    port: Option<u16>,
    form: Form,
}

impl Host {
    /// A host from its parts, taken as they are; text from outside goes through `parse`.
    pub fn new(user: Option<&str>, name: &str, port: Option<u16>) -> Host {
        Host { user: user.map(Arc::from), name: Arc::from(name), port, form: Form::Plain }
    }

    /// The name without user and port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user, where the expression named one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The port, where the expression named one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same machine with another user.
    pub fn with_user(&self, user: &str) -> Host {
        Host { user: Some(Arc::from(user)), ..self.clone() }
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        (&self.name, self.port) == (&other.name, other.port)
    }
}

impl Eq for Host {}

impl std::hash::Hash for Host {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.port).hash(state);
    }
}

impl Ord for Host {
    fn cmp(&self, other: &Host) -> Ordering {
        natural(&self.name, &other.name).then(self.port.cmp(&other.port))
    }
}

impl PartialOrd for Host {
    fn partial_cmp(&self, other: &Host) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.form == Form::Uri {
            f.write_str("ssh://")?;
        }
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        let v6 = self.name.contains(':');
        match (self.port, self.form) {
            (Some(port), _) if v6 => write!(f, "[{}]:{port}", self.name),
            (Some(port), _) => write!(f, "{}:{port}", self.name),
            (None, Form::Bracketed | Form::Uri) if v6 => write!(f, "[{}]", self.name),
            (None, _) => f.write_str(&self.name),
        }
    }
}

/// Natural order as `nodeset` has it: first by the name with its numbers taken out, then by each number, the shorter
/// first and then by value, so that `2`, `10`, `001` stand in this order.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    pattern_bytes(a)
        .cmp(pattern_bytes(b))
        .then_with(|| digit_runs(a).map(|r| (r.len(), &a[r])).cmp(digit_runs(b).map(|r| (r.len(), &b[r]))))
        .then_with(|| a.cmp(b))
}

/// The bytes of a name with `%s` for every number, which is what decides `nodeset`'s order of names.
fn pattern_bytes(name: &str) -> impl Iterator<Item = u8> {
    let bytes = name.as_bytes();
    let mut at = 0;
    let mut pending = None;
    std::iter::from_fn(move || {
        if let Some(byte) = pending.take() {
            return Some(byte);
        }
        let byte = *bytes.get(at)?;
        at += 1;
        if !byte.is_ascii_digit() {
            pending = (byte == b'%').then_some(b'%');
            return Some(byte);
        }
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        pending = Some(b's');
        Some(b'%')
    })
}

/// Where the numbers of a name stand.
pub(super) fn digit_runs(name: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = name.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !bytes[at].is_ascii_digit() {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        (start < at).then_some(start..at)
    })
}

/// Why a text is no host, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no host: {message}; {help}", escape::text(text, 80))]
pub struct HostParseError {
    /// The text.
    pub text: String,
    /// The wrong part, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl FromStr for Host {
    type Err = HostParseError;
    fn from_str(text: &str) -> Result<Host, HostParseError> {
        let parsed = Parts::split(text).and_then(|parts| parts.host());
        parsed.map_err(|Fault { span, message, help }| HostParseError {
            text: text.to_owned(),
            span,
            message,
            help: help.to_owned(),
        })
    }
}

struct Fault {
    span: Range<usize>,
    message: String,
    help: &'static str,
}

fn fault<T>(span: Range<usize>, message: impl Into<String>, help: &'static str) -> Result<T, Fault> {
    Err(Fault { span, message: message.into(), help })
}

const SHAPE: &str = "write [user@]name[:port], or [user@][v6]:port";

/// A text cut into its parts; each is a range of it.
struct Parts<'a> {
    text: &'a str,
    user: Option<Range<usize>>,
    name: Range<usize>,
    port: Option<Range<usize>>,
    form: Form,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Parts<'a>, Fault> {
        let (start, mut form) = if text.starts_with("ssh://") { (6, Form::Uri) } else { (0, Form::Plain) };
        let end = text.len() - usize::from(form == Form::Uri && text.ends_with('/') && text.len() > start);
        let at = text[start..end].rfind('@').map(|at| start + at);
        let rest = at.map_or(start, |at| at + 1);
        let user = at.map(|at| start..at);
        let (name, port) = if text[rest..end].starts_with('[') {
            let Some(close) = text[rest..end].find(']').map(|at| rest + at) else {
                return fault(rest..end, "the bracket is not closed", SHAPE);
            };
            let port = match &text[close + 1..end] {
                "" => None,
                tail if tail.starts_with(':') => Some(close + 2..end),
                _ => return fault(close + 1..end, "only a port may follow the bracket", SHAPE),
            };
            if port.is_none() && form == Form::Plain {
                form = Form::Bracketed;
            }
            if !text[rest + 1..close].contains(':') {
                return fault(rest..close + 1, "only an IPv6 address may stand in brackets", SHAPE);
            }
            (rest + 1..close, port)
        } else {
            split_port(text, rest..end)
        };
        Ok(Parts { text, user, name, port, form })
    }

    fn host(&self) -> Result<Host, Fault> {
        if let Some(user) = &self.user {
            check_user(self.text, user.clone())?;
        }
        check_name(self.text, self.name.clone())?;
        let port = match &self.port {
            Some(span) => Some(check_port(self.text, span.clone())?),
            None => None,
        };
        Ok(Host {
            user: self.user.as_ref().map(|span| Arc::from(&self.text[span.clone()])),
            name: Arc::from(&self.text[self.name.clone()]),
            port,
            form: self.form,
        })
    }
}

/// Name and port of a text without brackets. One colon is a port; more are an IPv6 address, and with eight of them the
/// last part can only be a port (as ClusterSSH reads it).
fn split_port(text: &str, span: Range<usize>) -> (Range<usize>, Option<Range<usize>>) {
    let body = &text[span.clone()];
    let Some(last) = body.rfind(':').map(|at| span.start + at) else { return (span, None) };
    let is_port = match body.matches(':').count() {
        1 => true,
        8 => text[span.start..last].parse::<Ipv6Addr>().is_ok(),
        _ => false,
    };
    if is_port { (span.start..last, Some(last + 1..span.end)) } else { (span, None) }
}

fn check_user(text: &str, span: Range<usize>) -> Result<(), Fault> {
    let user = &text[span.clone()];
    if user.is_empty() || user.starts_with('@') || user.ends_with('@') || user.contains("@@") {
        return fault(span.start..span.end + 1, "no user stands before the @", SHAPE);
    }
    if user.starts_with('-') {
        return fault(span, "a user may not begin with -", "ssh would read it as an option");
    }
    if user.len() > USER_LIMIT {
        return fault(span, format!("the user is longer than {USER_LIMIT} bytes"), SHAPE);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+@\\=~".contains(c);
    match user.char_indices().find(|(_, c)| !allowed(*c)) {
        Some((at, c)) => bad_character(span.start + at, c, "a user"),
        None if user.ends_with('\\') => bad_character(span.end - 1, '\\', "a user"),
        None => Ok(()),
    }
}

fn check_name(text: &str, span: Range<usize>) -> Result<(), Fault> {
    let name = &text[span.clone()];
    if name.is_empty() {
        let whole = span.start.min(text.len().saturating_sub(1))..text.len();
        return fault(whole, "the name is missing", SHAPE);
    }
    if name.starts_with('-') {
        return fault(span, "a name may not begin with -", "ssh would read it as an option");
    }
    if name.len() > NAME_LIMIT {
        return fault(span, format!("the name is longer than {NAME_LIMIT} bytes"), SHAPE);
    }
    let (address, zone) = name.split_once('%').map_or((name, None), |(a, z)| (a, Some(z)));
    if name.contains(':') {
        let zone_is_good = |z: &str| !z.is_empty() && z.chars().all(is_name_character);
        return match address.parse::<Ipv6Addr>() {
            Ok(_) if zone.is_none_or(zone_is_good) => Ok(()),
            _ => fault(span, "it has several colons and is no IPv6 address", SHAPE),
        };
    }
    match name.char_indices().find(|(_, c)| !is_name_character(*c)) {
        Some((at, c)) if !c.is_ascii() && c.is_alphanumeric() => fault(
            span.start + at..span.start + at + c.len_utf8(),
            format!("`{c}` (U+{:04X}) is no ASCII character", c as u32),
            "write the name in its xn-- form, so that no look-alike can pass for it",
        ),
        Some((at, c)) => bad_character(span.start + at, c, "a name"),
        None if name.bytes().all(|b| b == b'.') => fault(span, "a name needs more than dots", SHAPE),
        None => Ok(()),
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.+~".contains(c)
}

fn bad_character<T>(at: usize, c: char, what: &str) -> Result<T, Fault> {
    let shown = match c {
        ' ' => "a space".to_owned(),
        '\t' => "a tab".to_owned(),
        c => format!("`{}`", escape::line(c.to_string().as_bytes())),
    };
    fault(at..at + c.len_utf8(), format!("{shown} may not stand in {what}"), "take it out, or quote less")
}

fn check_port(text: &str, span: Range<usize>) -> Result<u16, Fault> {
    let port = &text[span.clone()];
    if port.is_empty() {
        return fault(span.start - 1..span.start, "the port is missing", "write a number from 1 to 65535");
    }
    let number = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse::<u16>().ok()).flatten();
    match number {
        Some(number) if number > 0 => Ok(number),
        _ => {
            fault(span, format!("`{}` is no port", escape::text(port, 20)), "write a number from 1 to 65535")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_and_printed_as_it_was() {
        let table: [(&str, Option<&str>, &str, Option<u16>); 14] = [
            ("web1", None, "web1", None),
            ("root@web1", Some("root"), "web1", None),
            ("root@web1:2222", Some("root"), "web1", Some(2222)),
            ("a@corp@web1", Some("a@corp"), "web1", None),
            ("CORP\\joe@web1", Some("CORP\\joe"), "web1", None),
            ("::1", None, "::1", None),
            ("[::1]", None, "::1", None),
            ("u@[::1]:22", Some("u"), "::1", Some(22)),
            ("fe80::1%eth0", None, "fe80::1%eth0", None),
            ("ssh://web1", None, "web1", None),
            ("ssh://u@web1:22", Some("u"), "web1", Some(22)),
            ("ssh://[::1]:22", None, "::1", Some(22)),
            ("web1.example.org.", None, "web1.example.org.", None),
            ("10.0.0.1:22", None, "10.0.0.1", Some(22)),
        ];
        for (text, user, name, port) in table {
            let host: Host = text.parse().unwrap();
            assert_eq!((host.user(), host.name(), host.port()), (user, name, port), "{text}");
            assert_eq!(host.to_string(), text);
        }
        let eight: Host = "1:2:3:4:5:6:7:8:22".parse().unwrap();
        assert_eq!((eight.name(), eight.port()), ("1:2:3:4:5:6:7:8", Some(22)));
        assert_eq!("ssh://web1/".parse::<Host>().unwrap().name(), "web1");
    }

    #[test]
    fn bad_hosts_are_refused_where_they_are_wrong() {
        let table = [
            ("", 0..0, "missing"),
            ("-oProxyCommand=x", 0..16, "begin with -"),
            ("root@-h", 5..7, "begin with -"),
            ("-l@h", 0..2, "begin with -"),
            ("@h", 0..1, "no user"),
            ("a@@h", 0..3, "no user"),
            ("h:0", 2..3, "no port"),
            ("h:65536", 2..7, "no port"),
            ("h:ssh", 2..5, "no port"),
            ("h:+22", 2..5, "no port"),
            ("h:", 1..2, "port is missing"),
            ("a b", 1..2, "a space"),
            ("a;b", 1..2, "`;`"),
            ("a$(id)", 1..2, "`$`"),
            ("a/b", 1..2, "`/`"),
            ("u'@h", 1..2, "`'`"),
            ("a\u{1b}b", 1..2, "`^[`"),
            ("p\u{430}ypal", 1..3, "U+0430"),
            ("a\u{202e}b", 1..4, "u{202e}"),
            ("1:2:3", 0..5, "several colons"),
            ("[web]:22", 0..5, "IPv6"),
            ("[::1]22", 5..7, "only a port"),
            ("[::1", 0..4, "not closed"),
            ("..", 0..2, "dots"),
        ];
        for (text, span, says) in table {
            let error = text.parse::<Host>().expect_err(text);
            assert_eq!(error.span, span, "{text:?}: {error}");
            assert!(error.message.contains(says), "{text:?}: {error}");
        }
        assert!("h".repeat(255).parse::<Host>().is_err());
    }

    #[test]
    fn the_order_is_natural() {
        let order = ["a", "a1", "a2", "a10", "a001", "a1b", "b", "r1c9", "r2c1", "r10c1"];
        for pair in order.windows(2) {
            assert_eq!(natural(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(natural(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!("a@web1".parse::<Host>(), "b@web1".parse::<Host>());
        assert_ne!("web1".parse::<Host>(), "web1:22".parse::<Host>());
    }
}
