//! What comes into the app and what goes out of it: the whole vocabulary on one page.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::ask::{Answer, Question};
use crate::hosts::{Facts, Host};
use crate::pane::{FocusChange, Key, KeyCode, MouseEvent};
use crate::session::{SessionEvent, SessionId};
use crate::size::Size;

use super::control::{ControlId, Request, Response};
use super::keep::words::{Keep, Told};

/// Which question; given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "question {}", self.0)
    }
}

/// Which target: its place in the list that the event loop keeps, in the order the app was told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetIndex(pub usize);

/// A host to open, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The host as the user named it.
    pub host: Host,
    /// What the cluster files and the configuration say about it.
    pub facts: Facts,
}

/// A host of which nothing but its name is known.
impl From<Host> for Opened {
    fn from(host: Host) -> Opened {
        Opened { host, facts: Facts::default() }
    }
}

/// Something happened. It may be a secret that is being typed, so a log shows of it what kind it is, and its size.
#[derive(Clone, PartialEq)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted; it is wiped when it goes.
    Paste(Zeroizing<String>),
    /// The mouse did something; row and column are those of the outer screen.
    Mouse(MouseEvent),
    /// The outer terminal has another size.
    Resize(Size),
    /// The outer terminal gained or lost the focus.
    Focus(FocusChange),
    /// A session reports.
    Session(SessionId, SessionEvent),
    /// Something only the user can answer.
    Question(QuestionId, Question),
    /// Nobody waits for the answer any more.
    QuestionWithdrawn(QuestionId),
    /// The hosts that were asked for with [`Effect::AddHosts`]; their targets stand at the end of the list.
    Added(Vec<Opened>),
    /// Nothing was added; why.
    AddFailed(String),
    /// A sentence about the run that the tiles show.
    RunSaid(String),
    /// What became of something that was to be kept.
    Kept(Told),
    /// Somebody tells omnes to do something, over its control socket or as a line of the plain mode.
    Control(ControlId, Request),
    /// Nobody waits for this response any more.
    ControlGone(ControlId),
    /// What [`Effect::FindFor`] asked for; their targets stand at the end of the list.
    FoundFor(ControlId, Result<Vec<Opened>, String>),
    /// A file was written, or why not.
    FileWritten {
        /// As the user typed it.
        path: String,
        /// The error is a sentence.
        result: Result<(), String>,
    },
    /// Time passed, as [`App::wake_at`](super::app::App::wake_at) asked for.
    Tick,
    /// The program is in the foreground again.
    Resumed(Size),
}

/// Whether the outer terminal is to report the mouse's motion without a button: a stream of events, for which only few
/// programs have a use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// It is not.
    #[default]
    Unreported,
    /// It is: a program on the screen asked for it.
    Reported,
}

/// Something is to be done. A log shows nothing of what is typed or copied but its size.
#[derive(Clone)]
pub enum Effect {
    /// Start a session.
    Open {
        /// Its id, new.
        session: SessionId,
        /// Where to.
        target: TargetIndex,
        /// The size of its terminal.
        size: Size,
    },
    /// The user tries again: forget refusals that were remembered for all hosts. Stands before the sessions it is for; those
    /// that come back by themselves are opened without it.
    Pardon,
    /// Hand input to a session. There is at most one under way; [`SessionEvent::Written`] is the end of it.
    Input {
        /// To whom.
        session: SessionId,
        /// What.
        bytes: Bytes,
    },
    /// Tell a session's terminal its new size.
    Resize {
        /// Whose.
        session: SessionId,
        /// The size.
        size: Size,
    },
    /// End a session. It still reports its end.
    Close(SessionId),
    /// Take the run that the tiles show one step towards its end: start no more, end what runs, leave.
    Interrupt,
    /// Answer a question.
    Answer(QuestionId, Answer),
    /// Find out which hosts are meant, and answer with [`Event::Added`] or [`Event::AddFailed`].
    AddHosts(String),
    /// Write something down, or no longer.
    Keep(Keep),
    /// The response to a request.
    Reply(ControlId, Response),
    /// Find out which hosts a request means, and answer with [`Event::FoundFor`].
    FindFor(ControlId, String),
    /// Put a text on the clipboard (OSC 52).
    Copy(String),
    /// Ask the outer terminal for the mouse's motion without a button, or not.
    Motion(Motion),
    /// Write a text to a file that does not exist yet, and answer with [`Event::FileWritten`].
    WriteFile {
        /// Which, as the user typed it; `~/` is the home directory.
        path: String,
        /// What.
        text: String,
    },
    /// Ring.
    Bell,
    /// Draw every cell anew.
    Redraw,
    /// Give the terminal back and stop, until [`Event::Resumed`].
    Suspend,
    /// End the program.
    Quit,
}

/// A key as a log may show it: not which letter it is.
pub(super) struct Hidden(pub(super) Key);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.mods().ctrl) {
            (KeyCode::Char(_), false) => f.write_str("a letter"),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// The size of something that a log does not show.
pub(super) struct Length(pub(super) usize);

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Key(key) => f.debug_tuple("Key").field(&Hidden(*key)).finish(),
            Event::Paste(text) => f.debug_tuple("Paste").field(&Length(text.len())).finish(),
            Event::Mouse(mouse) => f.debug_tuple("Mouse").field(mouse).finish(),
            Event::Resize(size) => f.debug_tuple("Resize").field(size).finish(),
            Event::Focus(change) => f.debug_tuple("Focus").field(change).finish(),
            // A host shows what is typed at it.
            Event::Session(id, SessionEvent::Output(bytes)) => {
                f.debug_tuple("Output").field(id).field(&Length(bytes.len())).finish()
            }
            Event::Session(id, event) => f.debug_tuple("Session").field(id).field(event).finish(),
            Event::Question(id, question) => f.debug_tuple("Question").field(id).field(question).finish(),
            Event::QuestionWithdrawn(id) => f.debug_tuple("QuestionWithdrawn").field(id).finish(),
            Event::Added(hosts) => f.debug_tuple("Added").field(hosts).finish(),
            Event::AddFailed(why) => f.debug_tuple("AddFailed").field(why).finish(),
            Event::RunSaid(sentence) => f.debug_tuple("RunSaid").field(sentence).finish(),
            Event::Kept(told) => f.debug_tuple("Kept").field(told).finish(),
            Event::Control(id, request) => f.debug_tuple("Control").field(id).field(request).finish(),
            Event::ControlGone(id) => f.debug_tuple("ControlGone").field(id).finish(),
            Event::FoundFor(id, found) => f.debug_tuple("FoundFor").field(id).field(found).finish(),
            Event::FileWritten { path, result } => {
                f.debug_struct("FileWritten").field("path", path).field("result", result).finish()
            }
            Event::Tick => f.write_str("Tick"),
            Event::Resumed(size) => f.debug_tuple("Resumed").field(size).finish(),
        }
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Open { session, target, size } => (f.debug_struct("Open"))
                .field("session", session)
                .field("target", target)
                .field("size", size)
                .finish(),
            Effect::Pardon => f.write_str("Pardon"),
            Effect::Input { session, bytes } => f
                .debug_struct("Input")
                .field("session", session)
                .field("bytes", &Length(bytes.len()))
                .finish(),
            Effect::Resize { session, size } => {
                f.debug_struct("Resize").field("session", session).field("size", size).finish()
            }
            Effect::Close(session) => f.debug_tuple("Close").field(session).finish(),
            Effect::Interrupt => f.write_str("Interrupt"),
            Effect::Answer(id, answer) => f.debug_tuple("Answer").field(id).field(answer).finish(),
            Effect::AddHosts(expression) => f.debug_tuple("AddHosts").field(expression).finish(),
            Effect::Keep(keep) => f.debug_tuple("Keep").field(keep).finish(),
            Effect::Reply(id, response) => f.debug_tuple("Reply").field(id).field(response).finish(),
            Effect::FindFor(id, hosts) => f.debug_tuple("FindFor").field(id).field(hosts).finish(),
            Effect::Copy(text) => f.debug_tuple("Copy").field(&Length(text.len())).finish(),
            Effect::Motion(motion) => f.debug_tuple("Motion").field(motion).finish(),
            Effect::WriteFile { path, text } => {
                f.debug_struct("WriteFile").field("path", path).field("text", &Length(text.len())).finish()
            }
            Effect::Bell => f.write_str("Bell"),
            Effect::Redraw => f.write_str("Redraw"),
            Effect::Suspend => f.write_str("Suspend"),
            Effect::Quit => f.write_str("Quit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of it.
    fn shown(what: impl fmt::Debug) -> String {
        format!("{what:?}")
    }

    #[test]
    fn nothing_that_is_typed_stands_in_a_log() {
        let session = SessionId(7);
        let secret = || "hunter2".to_owned();
        let bytes = || Bytes::from_static(b"hunter2");
        let send = Request::Send { text: secret().into(), enter: true, host: None, yes: false };
        let keys = Request::Keys { keys: "h u n t e r 2".into(), host: None, yes: false };
        for (shown, expected) in [
            (shown(Event::Key(Key::char('h'))), "Key(a letter)"),
            (shown(Event::Key("M-h".parse().expect("a key"))), "Key(a letter)"),
            (shown(Event::Key("Enter".parse().expect("a key"))), "Key(Enter)"),
            (shown(Event::Key("C-c".parse().expect("a key"))), "Key(C-c)"),
            (shown(Event::Paste(secret().into())), "Paste([7 bytes])"),
            (
                shown(Event::Session(session, SessionEvent::Output(bytes()))),
                "Output(SessionId(7), [7 bytes])",
            ),
            (
                shown(Effect::Input { session, bytes: bytes() }),
                "Input { session: SessionId(7), bytes: [7 bytes] }",
            ),
            (shown(Effect::Copy(secret())), "Copy([7 bytes])"),
            (
                shown(Effect::WriteFile { path: "f".to_owned(), text: secret() }),
                "WriteFile { path: \"f\", text: [7 bytes] }",
            ),
            (
                shown(Event::Control(ControlId(1), send)),
                "Control(ControlId(1), Send { text: [7 bytes], enter: true, host: None, yes: false })",
            ),
            (
                shown(Event::Control(ControlId(1), keys)),
                "Control(ControlId(1), Keys { keys: [13 bytes], host: None, yes: false })",
            ),
            (
                shown(Effect::Answer(QuestionId(1), Answer::Secret(secret().into()))),
                "Answer(QuestionId(1), Secret(SecretBox<str>([REDACTED])))",
            ),
        ] {
            assert_eq!(shown, expected);
        }
    }
}
