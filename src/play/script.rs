//! A script of steps as a value: who, what is sent, what is expected then.

use std::time::Duration;

use super::keys::Keys;
use crate::size::Size;

/// How long a step may take where it does not say.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// What is played: steps in order, each host going through them at its own pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it is for, for people.
    pub description: Option<String>,
    /// The size of the remote terminals; `None` is [`Size::DEFAULT`].
    pub size: Option<Size>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For whom: a host expression over the hosts that are played to; `None` is all of them.
    pub on: Option<String>,
    /// What is sent.
    pub act: Act,
    /// What the cursor's line must show before it is sent, a regular expression; never with [`Act::Run`]. A
    /// [`Act::Secret`] without it goes by what the step before expected.
    pub at: Option<String>,
    /// What must come before the next step: a regular expression, on the cursor's line or on the output since the step
    /// began. Only [`Act::Run`] does without one: its command ends.
    pub expect: Option<String>,
    /// How long that may take; `None` is [`TIMEOUT`].
    pub timeout: Option<Duration>,
    /// What follows where it does not come.
    pub on_fail: OnFail,
    /// Nobody begins the step before all who are still at it have come here.
    pub barrier: bool,
}

impl Step {
    /// This for every host, with the defaults.
    pub fn new(act: Act) -> Step {
        Step {
            on: None,
            act,
            at: None,
            expect: None,
            timeout: None,
            on_fail: OnFail::default(),
            barrier: false,
        }
    }
}

/// What a step sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A command line in the same shell; its exit status counts.
    Run(String),
    /// Keys.
    Send(Keys),
    /// Text as a paste, bracketed where the terminal is told so.
    Paste(String),
    /// A secret and Enter; it is asked for once under this name, and stands nowhere.
    Secret(String),
}

impl Act {
    /// The key of the file under which it stands.
    pub fn word(&self) -> &'static str {
        match self {
            Act::Run(_) => "run",
            Act::Send(_) => "send",
            Act::Paste(_) => "paste",
            Act::Secret(_) => "secret",
        }
    }
}

/// What follows a step that did not come to what was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFail {
    /// That host stops.
    #[default]
    StopHost,
    /// All hosts stop: nobody begins a step any more.
    StopAll,
    /// That host goes on with the next step.
    Continue,
}

impl OnFail {
    /// Each with its words in the file.
    pub const ALL: [(&'static str, OnFail); 3] =
        [("stop host", OnFail::StopHost), ("stop all", OnFail::StopAll), ("continue", OnFail::Continue)];
}
