//! A script of steps as a value: who, what is sent, what is expected then.

use std::time::Duration;

/// What is played: steps in order, each host going through them at its own pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
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
    /// What must come before the next step: a regular expression, on the cursor's line or on the output since the step
    /// began. Only [`Act::Run`] does without one: its command ends.
    pub expect: Option<String>,
    /// How long that may take; `None` is the default.
    pub timeout: Option<Duration>,
    /// What follows where it does not come.
    pub on_fail: OnFail,
    /// Nobody begins the step before all who are still at it have come here.
    pub barrier: bool,
}

/// What a step sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A command line in the same shell; its exit status counts.
    Run(String),
    /// Keys, in key notation: `C-c`, `Enter`, `"text" Enter`.
    Send(String),
    /// Text as a paste, bracketed where the terminal is told so.
    Paste(String),
    /// A secret that is asked for once under this name, and stands nowhere.
    Secret(String),
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
