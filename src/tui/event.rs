//! What comes into the app and what goes out of it: the whole vocabulary on one page.

use std::fmt;

use bytes::Bytes;

use crate::ask::{Answer, Question};
use crate::hosts::{Facts, Host};
use crate::pane::{FocusChange, Key, MouseEvent};
use crate::session::{SessionEvent, SessionId};
use crate::size::Size;

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
    /// Time passed, as [`App::wake_at`](super::app::App::wake_at) asked for.
    Tick,
    /// The program is in the foreground again.
    Resumed(Size),
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
    /// Put a text on the clipboard (OSC 52).
    Copy(String),
    /// Ring.
    Bell,
    /// Draw every cell anew.
    Redraw,
    /// Give the terminal back and stop, until [`Event::Resumed`].
    Suspend,
    /// End the program.
    Quit,
}
