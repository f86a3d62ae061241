//! Requests and responses, one JSON object a line, version 1; described in `docs/ctl.md`.
//!
//! Within `"v": 1` fields and verbs may be added; none is removed, renamed or changed in meaning. A field that is not known
//! is an error: a `host` that is misspelt would otherwise send to everyone. No request holds a secret and no response tells
//! one.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::escape;

/// The version that every line carries.
pub const V: u32 = 1;

/// Longest request, in bytes with its line end. A longer one is refused and its sender cut.
pub const REQUEST_BYTES: usize = 64 * 1024;

/// Longest response, in bytes. What would be longer is refused with the way to ask for less.
pub const RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// How long a `wait` lasts that names no time.
pub const WAIT_MS: u64 = 60_000;

/// The longest `wait`: a day.
pub const MOST_WAIT_MS: u64 = 24 * 3600 * 1000;

/// Which request; given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlId(pub u64);

impl ControlId {
    /// The requests that the plain mode makes of its user's lines; those of the socket count from 1.
    pub const LINES: ControlId = ControlId(0);
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}", self.0)
    }
}

/// What is to be typed. No request is meant to hold a secret, but one may: it is wiped when it goes, and no log shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Words(Zeroizing<String>);

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Words {
    fn from(text: String) -> Words {
        Words(Zeroizing::new(text))
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Words {
        text.to_owned().into()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Words, D::Error> {
        String::deserialize(deserializer).map(Words::from)
    }
}

/// What omnes is told to do. `host` and `hosts` are host expressions over the open hosts; `@` before a cluster's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Tell of each host how it stands.
    List {
        /// Which; all, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
    },
    /// Type a text.
    Send {
        /// What.
        text: Words,
        /// Enter behind it.
        #[serde(default)]
        enter: bool,
        /// To whom; to the receivers, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Send even what a guard would ask about.
        #[serde(default)]
        yes: bool,
    },
    /// Press keys.
    Keys {
        /// In key notation, separated by blanks: `C-c Up Enter`.
        keys: Words,
        /// To whom; to the receivers, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Send even what a guard would ask about.
        #[serde(default)]
        yes: bool,
    },
    /// Limit the broadcast to these hosts.
    Select {
        /// An expression, or `all`.
        hosts: String,
    },
    /// Put hosts back into the broadcast, and let them in if they wait.
    Attach {
        /// Which.
        hosts: String,
    },
    /// Take hosts out of the broadcast.
    Detach {
        /// Which.
        hosts: String,
    },
    /// Move the focus.
    Focus {
        /// To this one.
        host: String,
    },
    /// Answer when hosts show something, or when the time is over.
    Wait {
        /// What.
        #[serde(rename = "for")]
        sign: Sign,
        /// On which hosts; on the receivers, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// On how many of them.
        #[serde(default)]
        which: Which,
        /// In which part of what they show.
        #[serde(default)]
        from: Since,
        /// How long, in milliseconds; [`WAIT_MS`] if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    },
    /// Tell what hosts show, as text.
    Dump {
        /// Which; all, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// With the lines that have left the screen.
        #[serde(default)]
        history: bool,
    },
    /// Open more hosts.
    Open {
        /// Which; an expression over the cluster files.
        hosts: String,
    },
    /// End sessions and take their tiles away.
    Close {
        /// Which.
        hosts: String,
    },
    /// Do what a key does.
    Do {
        /// The action's name, such as `attach-all`.
        action: String,
    },
    /// Leave omnes.
    Quit {},
}

impl Request {
    /// Does it change something? The others only look.
    pub fn acts(&self) -> bool {
        !matches!(self, Request::List { .. } | Request::Dump { .. } | Request::Wait { .. })
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// A line that matches this regular expression.
    Line(String),
    /// A shell's prompt.
    Prompt,
}

/// On how many of the chosen hosts it must show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// On each.
    #[default]
    All,
    /// On one.
    Any,
}

/// In which part of what a host shows it is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// Below the line on which the cursor stood when a request last sent this host something; all of its screen if none did.
    #[default]
    Sent,
    /// All of its screen, and what comes.
    Screen,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Response {
    /// It was done; what, in a sentence.
    Done {
        /// The sentence.
        said: String,
    },
    /// The hosts of a `list`.
    Hosts {
        /// In the order of their tiles.
        hosts: Vec<HostLine>,
    },
    /// The texts of a `dump`.
    Screens {
        /// In the order of their tiles.
        screens: Vec<HostScreen>,
    },
    /// A `wait` came to its end.
    Waited {
        /// Hosts that show it.
        matched: Vec<String>,
        /// Hosts that do not, though they were to: empty where the wait was successful.
        missing: Vec<String>,
        /// Why it ended, in a sentence.
        said: String,
    },
    /// It was not done; why and what to do, in a sentence.
    Refused {
        /// The sentence.
        said: String,
    },
    /// It cannot be meant; why, in a sentence.
    Usage {
        /// The sentence.
        said: String,
    },
}

/// How one host stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLine {
    /// As the user named it.
    pub host: String,
    /// `queued`, `connecting`, `waiting`, `asking`, `ready`, `stalled` or `closed`.
    pub state: String,
    /// Why it is closed, in a few words; empty otherwise.
    pub reason: String,
    /// Does it hear the next key?
    pub receiving: bool,
    /// `attached` or `detached`.
    pub part: String,
    /// It came after the first key and was not let in.
    pub waits: bool,
    /// Input is kept back from it.
    pub held: bool,
    /// Is it in the scope?
    pub scope: bool,
    /// Has it the focus?
    pub focus: bool,
    /// Bytes typed for it that are not sent yet.
    pub behind: usize,
    /// The last line on its screen, free of control characters.
    pub last: String,
}

/// What one host shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostScreen {
    /// As the user named it.
    pub host: String,
    /// Its lines, without blanks at their ends and without empty ones at the end; free of control characters.
    pub lines: Vec<String>,
}

/// What a listening omnes says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`V`].
    pub v: u32,
    /// The program's version.
    pub omnes: String,
    /// Its process.
    pub pid: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// Why a line is no request or response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Not JSON, or no object.
    #[error("this is not one JSON object on one line")]
    NotJson,
    /// Another version.
    #[error("this omnes speaks `\"v\": {V}`; the line says {0}")]
    Version(String),
    /// Fields that do not fit.
    #[error("{0}")]
    Fields(String),
}

/// Reads a request from a line.
pub fn read_request(line: &[u8]) -> Result<Request, ProtocolError> {
    read(line)
}

/// Reads a response from a line.
pub fn read_response(line: &[u8]) -> Result<Response, ProtocolError> {
    read(line)
}

fn read<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, ProtocolError> {
    let value: Value = serde_json::from_slice(line).map_err(|_| ProtocolError::NotJson)?;
    let Value::Object(mut fields) = value else { return Err(ProtocolError::NotJson) };
    match fields.remove("v") {
        Some(v) if v == V => {}
        Some(other) => return Err(ProtocolError::Version(escape::text(&other.to_string(), 20))),
        None => return Err(ProtocolError::Version("nothing of it".to_owned())),
    }
    let wrong = |error: serde_json::Error| ProtocolError::Fields(escape::text(&error.to_string(), 300));
    serde_json::from_value(Value::Object(fields)).map_err(wrong)
}

/// Writes a request or response as a line with its end.
pub fn write<T: Serialize>(said: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        v: u32,
        #[serde(flatten)]
        said: &'a T,
    }
    let mut line = serde_json::to_vec(&Line { v: V, said }).expect("its fields are texts, numbers and lists");
    line.push(b'\n');
    line
}

/// Writes a response; one that is too long becomes the refusal that says so.
pub fn write_response(response: &Response) -> Vec<u8> {
    let line = write(response);
    if line.len() <= RESPONSE_BYTES {
        return line;
    }
    write(&Response::Refused {
        said: format!(
            "the answer has {} MB and {} MB is the most; ask for fewer hosts, or leave out the history",
            line.len().div_ceil(1 << 20),
            RESPONSE_BYTES >> 20
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<Request, String> {
        read_request(line.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn requests_are_what_the_manual_says() {
        for (line, expected) in [
            (r#"{"v":1,"verb":"list"}"#, Request::List { host: None }),
            (
                r#"{"v":1,"verb":"send","text":"uptime","enter":true}"#,
                Request::Send { text: "uptime".into(), enter: true, host: None, yes: false },
            ),
            (
                r#"{"verb":"keys","keys":"C-c","host":"web[1-2]","yes":true,"v":1}"#,
                Request::Keys { keys: "C-c".into(), host: Some("web[1-2]".into()), yes: true },
            ),
            (
                r#"{"v":1,"verb":"wait","for":{"line":"done$"},"which":"any","timeout_ms":5}"#,
                Request::Wait {
                    sign: Sign::Line("done$".into()),
                    host: None,
                    which: Which::Any,
                    from: Since::Sent,
                    timeout_ms: Some(5),
                },
            ),
            (
                r#"{"v":1,"verb":"wait","for":"prompt","from":"screen"}"#,
                Request::Wait {
                    sign: Sign::Prompt,
                    host: None,
                    which: Which::All,
                    from: Since::Screen,
                    timeout_ms: None,
                },
            ),
            (r#"{"v":1,"verb":"quit"}"#, Request::Quit {}),
        ] {
            assert_eq!(request(line).as_ref(), Ok(&expected), "{line}");
            assert_eq!(read_request(&write(&expected)), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_in_a_sentence() {
        for (line, fault) in [
            ("", "not one JSON object"),
            ("[]", "not one JSON object"),
            (r#"{"v":1,"verb":"list"} x"#, "not one JSON object"),
            (r#"{"verb":"list"}"#, "the line says nothing of it"),
            (r#"{"v":2,"verb":"list"}"#, "the line says 2"),
            (r#"{"v":1}"#, "missing field `verb`"),
            (r#"{"v":1,"verb":"sned"}"#, "unknown variant `sned`"),
            (r#"{"v":1,"verb":"quit","now":true}"#, "unknown field `now`"),
            (r#"{"v":1,"verb":"send","text":"x","hosst":"web1"}"#, "unknown field `hosst`"),
            (r#"{"v":1,"verb":"send"}"#, "missing field `text`"),
            (r#"{"v":1,"verb":"wait","for":"promt"}"#, "unknown variant `promt`"),
        ] {
            let error = request(line).expect_err(line);
            assert!(error.contains(fault), "{line}: {error}");
        }
        let deep = "[".repeat(60_000);
        assert!(request(&deep).is_err(), "depth is bounded");
    }

    #[test]
    fn an_answer_that_is_too_long_says_how_to_ask_for_less() {
        let lines = vec!["x".repeat(1000); 5000];
        let long = Response::Screens { screens: vec![HostScreen { host: "web1".into(), lines }] };
        let said = read_response(&write_response(&long)).expect("a response");
        assert!(matches!(said, Response::Refused { said } if said.contains("fewer hosts")));
        let short = Response::Screens { screens: vec![HostScreen { host: "web1".into(), lines: vec![] }] };
        assert_eq!(read_response(&write_response(&short)), Ok(short));
    }
}
