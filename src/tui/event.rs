//! What comes into the app and what goes out of it: the whole vocabulary on one page.

use std::fmt;

use bytes::Bytes;

use crate::ask::{Answer, Question};
use crate::hosts::{Facts, Host};
use crate::pane::{FocusChange, Key, MouseEvent};
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

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
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

/// Something is to be done.
#[derive(Clone, Debug)]
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
