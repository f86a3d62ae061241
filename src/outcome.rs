//! What became of one host, and the exit code that all outcomes add up to.
//!
//! The classes answer one question honestly: did the command run? An outcome is *not run* only where that is certain,
//! and *not known* as soon as the command may have been handed to the host. A timeout is never reported as "not run".

use std::fmt;
use std::time::Duration;

use crate::ssh::ConnectError;

/// The end of one host's part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command ended with this status.
    Exited(u32),
    /// The command was ended by a signal, named without `SIG` (RFC 4254 section 6.10).
    Signalled(String),
    /// The command certainly did not run.
    NotRun(NotRun),
    /// The command was sent; whether it ran to its end is not known.
    Unknown(Unknown),
    /// A step of a played script did not come to what was expected; the steps before it are done.
    StepFailed(StepFailed),
    /// Some of the files did not arrive; each of them is what it was before.
    FilesFailed(FilesFailed),
}

/// What kept files from their place: the first that failed, and how many did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesFailed {
    /// What kept the first.
    pub fault: FileFault,
    /// About the first, with its path; a sentence free of control characters.
    pub why: String,
    /// How many, that one among them.
    pub files: usize,
}

/// The classes of what keeps a file from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileFault {
    /// No room on the disk, or the quota is used up.
    NoSpace,
    /// The user has no right to it there.
    NoRight,
    /// The file system can only be read.
    ReadOnly,
    /// It is in use, as a mount point is.
    Busy,
    /// A folder stands where a file should, or the other way round.
    IsDirectory,
    /// What arrived is not what was sent.
    ChecksumDiffers,
    /// There is no such file.
    Missing,
    /// The host has no SFTP.
    NoSftp,
    /// The host answers as no honest server does: a name that leads elsewhere, a listing without an end, a size that is not
    /// kept.
    Odd,
    /// It was not done, since something asked for forbids it: a limit, or a deletion that was not confirmed.
    Refused,
    /// Anything else.
    Other,
}

impl FileFault {
    /// All of them.
    pub const ALL: [FileFault; 11] = [
        FileFault::NoSpace,
        FileFault::NoRight,
        FileFault::ReadOnly,
        FileFault::Busy,
        FileFault::IsDirectory,
        FileFault::ChecksumDiffers,
        FileFault::Missing,
        FileFault::NoSftp,
        FileFault::Odd,
        FileFault::Refused,
        FileFault::Other,
    ];

    /// A stable word for machines: the `outcome` of the JSON lines.
    pub fn word(self) -> &'static str {
        match self {
            FileFault::NoSpace => "no-space",
            FileFault::NoRight => "no-right",
            FileFault::ReadOnly => "read-only",
            FileFault::Busy => "busy",
            FileFault::IsDirectory => "is-directory",
            FileFault::ChecksumDiffers => "checksum-differs",
            FileFault::Missing => "missing",
            FileFault::NoSftp => "no-sftp",
            FileFault::Odd => "odd-server",
            FileFault::Refused => "refused",
            FileFault::Other => "file-failed",
        }
    }
}

/// As a summary counts hosts by them: in the word that names them again, as in `@run:last:no-space`.
impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The step at which a host stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailed {
    /// Its number in the script, from 1.
    pub step: usize,
    /// Why.
    pub why: StepFault,
}

/// Why a host stopped at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepFault {
    /// Its command ended with this status.
    Status(u32),
    /// It ended, or it showed something else; a sentence, free of control characters.
    Mismatch(String),
    /// It was not begun; a sentence says what came between.
    NotBegun(String),
}

/// Why a command certainly did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// There was no link to the host.
    Connect(ConnectError),
    /// The user ended the run before this host's command was sent.
    Cancelled,
    /// The run stopped before this host's turn.
    NotStarted,
    /// `sudo` there did not let it begin: why.
    Sudo(String),
}

/// Why the end of a command is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The command timeout passed.
    TimedOut(Duration, Fate),
    /// We ended it on the user's word.
    Killed(Fate),
    /// The link was lost after the command was sent.
    LinkLost(String),
    /// The host closed the channel without an exit status.
    NoStatus,
    /// One of these while a step of a played script, counted from 1, was under way; the steps before it are done.
    InStep(usize, Box<Unknown>),
}

/// What became of a command that was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is certainly gone: the wrapper of `--ensure-kill` saw its whole process group go.
    Killed,
    /// It ended with a status of its own after it was told to.
    Ended,
    /// Nothing was heard of it any more, or only that a signal ended its first process, whose children may go on.
    MayStillRun,
}

impl Fate {
    /// A stable word for machines: the `fate` of the JSON lines.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Killed => "killed",
            Fate::Ended => "ended",
            Fate::MayStillRun => "may-still-run",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Killed => "killed",
            Fate::Ended => "ended",
            Fate::MayStillRun => "may still run",
        })
    }
}

/// The classes of DESIGN section 4, in the order a summary names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Ended with status 0.
    Well,
    /// Ended otherwise.
    Failed,
    /// Certainly not run.
    NotRun,
    /// Not known.
    NotKnown,
}

impl Outcome {
    /// The class that decides the exit code.
    pub fn class(&self) -> Class {
        match self {
            Outcome::Exited(0) => Class::Well,
            Outcome::Exited(_) | Outcome::Signalled(_) | Outcome::StepFailed(_) | Outcome::FilesFailed(_) => {
                Class::Failed
            }
            Outcome::NotRun(_) => Class::NotRun,
            Outcome::Unknown(_) => Class::NotKnown,
        }
    }

    /// Whether that says nothing about what anybody wanted and may pass by itself: a link was lost, or a host could not be
    /// reached or let nobody in for now.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Outcome::Unknown(Unknown::LinkLost(_))
                | Outcome::NotRun(NotRun::Connect(
                    ConnectError::Unreachable { .. } | ConnectError::Throttled(_)
                ))
        )
    }

    /// A stable word for machines: the `outcome` of the JSON lines.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Exited(_) => "exited",
            Outcome::Signalled(_) => "signalled",
            Outcome::NotRun(NotRun::Connect(error)) => match error {
                ConnectError::Unreachable { .. } => "unreachable",
                ConnectError::Unsupported(_) => "unsupported",
                ConnectError::HostKey(_) => "host-key",
                ConnectError::Login(_) => "login",
                ConnectError::Throttled(_) => "throttled",
            },
            Outcome::NotRun(NotRun::Cancelled) => "cancelled",
            Outcome::NotRun(NotRun::NotStarted) => "not-started",
            Outcome::NotRun(NotRun::Sudo(_)) => "sudo",
            Outcome::Unknown(unknown) => unknown.word(),
            Outcome::StepFailed(_) => "step-failed",
            Outcome::FilesFailed(failed) => failed.fault.word(),
        }
    }

    /// What became of a command that was told to end.
    pub fn fate(&self) -> Option<Fate> {
        match self {
            Outcome::Unknown(unknown) => unknown.fate(),
            _ => None,
        }
    }

    /// How many files did not come to their place, where some did not.
    pub fn files(&self) -> Option<usize> {
        match self {
            Outcome::FilesFailed(failed) => Some(failed.files),
            _ => None,
        }
    }

    /// The step of a played script at which it stopped, counted from 1.
    pub fn step(&self) -> Option<usize> {
        match self {
            Outcome::StepFailed(failed) => Some(failed.step),
            Outcome::Unknown(Unknown::InStep(step, _)) => Some(*step),
            _ => None,
        }
    }
}

impl Unknown {
    fn fate(&self) -> Option<Fate> {
        match self {
            Unknown::TimedOut(_, fate) | Unknown::Killed(fate) => Some(*fate),
            Unknown::InStep(_, unknown) => unknown.fate(),
            Unknown::LinkLost(_) | Unknown::NoStatus => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Unknown::TimedOut(..) => "timed-out",
            Unknown::Killed(_) => "killed",
            Unknown::LinkLost(_) => "link-lost",
            Unknown::NoStatus => "no-status",
            Unknown::InStep(_, unknown) => unknown.word(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exited(0) => write!(f, "ok"),
            Outcome::Exited(status) => write!(f, "exit status {status}"),
            Outcome::Signalled(name) => write!(f, "ended by signal {name}"),
            Outcome::NotRun(why) => why.fmt(f),
            Outcome::Unknown(why) => why.fmt(f),
            Outcome::StepFailed(StepFailed { step, why }) => write!(f, "step {step}: {why}"),
            Outcome::FilesFailed(FilesFailed { why, files: 0 | 1, .. }) => f.write_str(why),
            Outcome::FilesFailed(FilesFailed { why, files, .. }) => {
                write!(f, "{why}, and {} more", files - 1)
            }
        }
    }
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepFault::Status(status) => write!(f, "exit status {status}"),
            StepFault::Mismatch(sentence) => f.write_str(sentence),
            StepFault::NotBegun(sentence) => write!(f, "not begun, {sentence}"),
        }
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRun::Connect(error) => error.fmt(f),
            NotRun::Cancelled => write!(f, "cancelled before the command was sent"),
            NotRun::NotStarted => write!(f, "not started"),
            NotRun::Sudo(why) => write!(f, "sudo: {why}"),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::TimedOut(after, fate) => {
                write!(f, "timed out after {} s, {fate}", after.as_secs_f64())
            }
            Unknown::Killed(Fate::Killed) => write!(f, "killed"),
            Unknown::Killed(fate) => write!(f, "interrupted, {fate}"),
            Unknown::LinkLost(why) => write!(f, "link lost after the command was sent: {why}"),
            Unknown::NoStatus => write!(f, "ended without an exit status"),
            Unknown::InStep(step, why) => write!(f, "step {step}: {why}"),
        }
    }
}

/// How the program ends (DESIGN section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every host did well.
    Well = 0,
    /// A command failed somewhere.
    Failed = 1,
    /// Command line, configuration or an empty set of hosts.
    Usage = 2,
    /// Certainly not run somewhere.
    NotRun = 3,
    /// Not known somewhere.
    NotKnown = 4,
    /// Stopped by the failure budget.
    Budget = 5,
    /// Journal or output could not be written, or an internal error.
    OwnFault = 6,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl Exit {
    /// Of several that apply, the first of 130, 6, 5, 4, 1, 3 stands; usage is decided before anything runs.
    pub fn worst(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Usage => 0,
            Exit::Interrupted => 1,
            Exit::OwnFault => 2,
            Exit::Budget => 3,
            Exit::NotKnown => 4,
            Exit::Failed => 5,
            Exit::NotRun => 6,
            Exit::Well => 7,
        };
        if rank(self) <= rank(other) { self } else { other }
    }

    /// The code handed to the operating system.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ConnectError> for Outcome {
    fn from(error: ConnectError) -> Outcome {
        Outcome::NotRun(NotRun::Connect(error))
    }
}

impl From<Class> for Exit {
    fn from(class: Class) -> Exit {
        match class {
            Class::Well => Exit::Well,
            Class::Failed => Exit::Failed,
            Class::NotRun => Exit::NotRun,
            Class::NotKnown => Exit::NotKnown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_documented_order_stands() {
        let order = [
            Exit::Interrupted,
            Exit::OwnFault,
            Exit::Budget,
            Exit::NotKnown,
            Exit::Failed,
            Exit::NotRun,
            Exit::Well,
        ];
        for (i, a) in order.iter().enumerate() {
            for b in &order[i..] {
                assert_eq!(a.worst(*b), *a);
                assert_eq!(b.worst(*a), *a);
            }
        }
        assert_eq!(order.map(Exit::code), [130, 6, 5, 4, 1, 3, 0]);
    }

    #[test]
    fn a_step_is_named_whatever_became_of_it() {
        let failed = Outcome::StepFailed(StepFailed { step: 3, why: StepFault::Status(2) });
        assert_eq!((failed.class(), failed.word(), failed.step()), (Class::Failed, "step-failed", Some(3)));
        assert_eq!(failed.to_string(), "step 3: exit status 2");
        let lost = Unknown::InStep(4, Box::new(Unknown::LinkLost("reset".into())));
        assert_eq!(Outcome::Unknown(lost.clone()).word(), "link-lost");
        assert_eq!(
            (Outcome::Unknown(lost.clone()).class(), Outcome::Unknown(lost).step()),
            (Class::NotKnown, Some(4))
        );
    }

    #[test]
    fn files_are_failed_whatever_kept_them_and_the_first_is_named() {
        for fault in FileFault::ALL {
            let failed = FilesFailed { fault, why: "/etc/x: no".to_owned(), files: 3 };
            let outcome = Outcome::FilesFailed(failed);
            assert_eq!((outcome.class(), outcome.word()), (Class::Failed, fault.word()));
            assert_eq!((outcome.files(), outcome.to_string().as_str()), (Some(3), "/etc/x: no, and 2 more"));
        }
    }

    #[test]
    fn a_missing_status_is_never_success() {
        assert_eq!(Outcome::Unknown(Unknown::NoStatus).class(), Class::NotKnown);
        assert_eq!(Outcome::Exited(255).class(), Class::Failed);
        assert_eq!(Outcome::NotRun(NotRun::NotStarted).class(), Class::NotRun);
    }
}
