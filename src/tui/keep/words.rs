//! What is to be kept, and what became of it: the words between the app and the files.

use crate::session::SessionId;
use crate::size::Size;
use crate::tui::app::{How, SentEntry};

use super::set::OpenSet;

/// Something is to be kept, or no longer. The app says what; where the files are is not its business.
#[derive(Clone, Debug)]
pub enum Keep {
    /// Log what this session prints from now on.
    Log {
        /// Whose output.
        session: SessionId,
        /// The host as named: the name of the log.
        host: String,
    },
    /// No longer log this session.
    Unlog(SessionId),
    /// Record this session's terminal from now on.
    Record {
        /// Whose.
        session: SessionId,
        /// The host as named.
        host: String,
        /// The size of the terminal.
        size: Size,
        /// What brings an empty terminal to what this one shows.
        redraw: Vec<u8>,
    },
    /// The recording of this session ends.
    EndRecord(SessionId),
    /// Record the frames of omnes itself from the next one on, which is to be painted whole.
    RecordScreen(Size),
    /// That recording ends.
    EndRecordScreen,
    /// The outer terminal has another size.
    ScreenSize(Size),
    /// A script of what is done begins: the beginning of its file, which does not exist yet.
    Script(String),
    /// What stands behind that.
    ScriptText(String),
    /// The script is complete.
    EndScript,
    /// A text was sent.
    Sent(SentEntry),
    /// Write the open set to a file of this name.
    Save {
        /// The name, which [`super::set::name`] has approved.
        name: String,
        /// The set.
        set: Box<OpenSet>,
    },
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The terminal of a session.
    Pane(SessionId),
    /// The frames of omnes.
    Screen,
}

/// A text that an earlier run sent, as its history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When, in UTC (`2026-11-21T14:55:08Z`).
    pub time: String,
    /// How, if the word is known.
    pub how: Option<How>,
    /// To whom, folded.
    pub hosts: String,
    /// What; `None` where it was not kept.
    pub text: Option<String>,
}

/// What became of it. Texts about files come from the system and from us, never from a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What earlier runs sent, the oldest first.
    Past(Vec<Past>),
    /// The log of a session has begun, in this file.
    Logs(SessionId, String),
    /// The log of a session has stopped; why.
    LogStopped(SessionId, String),
    /// Output was left out of a log, because the disk is slower than the host; bytes.
    LogGap(SessionId, u64),
    /// A recording has begun, in this file.
    Records(Recorded, String),
    /// A recording is over, in this file.
    RecordEnded(Recorded, String),
    /// A recording has stopped; why.
    RecordStopped(Recorded, String),
    /// A script is written, to this file.
    Scripts(String),
    /// The script is complete, in this file.
    ScriptEnded(String),
    /// The script is not written any more; why.
    ScriptStopped(String),
    /// The history is not written any more; why.
    HistoryStopped(String),
    /// The set was saved under this name.
    Saved(String),
    /// The set was not saved; why.
    SaveFailed(String),
}
