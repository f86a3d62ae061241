//! Lines that each host gets one by one, the next when it shows a prompt again.
//!
//! Every host walks for itself: a slow one keeps no other. That the prompt came again is told from the screen, and a screen
//! can be read too early, while the host still echoes the line it was sent. So a prompt counts only once nothing was
//! printed for a moment, and what stands before the cursor must not be the old prompt with a part of the sent line behind
//! it. Where even the row is the same (the line cleared the screen), the moment is a longer one.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;

/// A prompt counts when nothing was printed for so long...
const SETTLES: Duration = Duration::from_millis(50);

/// ...or so long, where it stands in the row in which the line was sent.
const SETTLES_IN_PLACE: Duration = Duration::from_millis(500);

/// What a host shows at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// A command is awaited.
    pub prompt: Prompting,
    /// The line of the cursor, counted from the host's first line ever.
    pub line: u64,
    /// What stands before the cursor.
    pub before: String,
}

/// Whether a host awaits a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompting {
    /// It does, by the user's patterns.
    Yes,
    /// It does not.
    No,
    /// It hears nothing more from us: closed, held, taken out.
    Deaf,
}

/// How far a host has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was sent so many lines and has not shown a prompt since.
    Waiting(usize),
    /// It was sent every line.
    Done,
    /// It got so many lines, and gets no more.
    Stopped(usize),
}

#[derive(Clone, Debug)]
struct Walker {
    member: MemberId,
    stage: Stage,
    /// When it printed something last, or was sent something.
    heard: Duration,
    /// What it showed when it was sent the last line, and whether it has printed anything since.
    left: Option<(Sight, bool)>,
}

/// The lines and the hosts on their way through them.
#[derive(Clone)]
pub struct Stepwise {
    /// They may hold a secret, and are wiped when they go.
    lines: Vec<Zeroizing<String>>,
    /// In ascending order of member.
    walkers: Vec<Walker>,
    /// When somebody is to be looked at.
    due: Option<Duration>,
}

/// It may hold what must not be seen, so only its size is shown.
impl std::fmt::Debug for Stepwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} lines for {} hosts]", self.lines.len(), self.walkers.len())
    }
}

impl Stepwise {
    /// All hosts before the first line; `members` ascend.
    pub fn new(lines: Vec<Zeroizing<String>>, members: &[MemberId], now: Duration) -> Stepwise {
        let stage = if lines.is_empty() { Stage::Done } else { Stage::Waiting(0) };
        let walker = |member: &MemberId| Walker { member: *member, stage, heard: now, left: None };
        Stepwise { lines, walkers: members.iter().map(walker).collect(), due: Some(now) }
    }

    /// A line.
    pub fn line(&self, n: usize) -> Option<&str> {
        self.lines.get(n).map(|line| line.as_str())
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// How far each host has come.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = (MemberId, Stage)> {
        self.walkers.iter().map(|walker| (walker.member, walker.stage))
    }

    /// Does nobody wait any more?
    pub fn is_over(&self) -> bool {
        !self.walkers.iter().any(|walker| matches!(walker.stage, Stage::Waiting(_)))
    }

    /// When it wants to look at the hosts next.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// A host printed something.
    pub fn heard(&mut self, member: MemberId, now: Duration) {
        let Ok(at) = self.walkers.binary_search_by_key(&member, |walker| walker.member) else { return };
        let walker = &mut self.walkers[at];
        walker.heard = now;
        if let Some((_, answered)) = &mut walker.left {
            *answered = true;
        }
        if matches!(walker.stage, Stage::Waiting(_)) {
            self.due = Some(self.due.unwrap_or(Duration::MAX).min(now + SETTLES));
        }
    }

    /// Looks at every host that waits; returns who is to be sent which line now.
    pub fn look(&mut self, now: Duration, sight: impl Fn(MemberId) -> Sight) -> Vec<(MemberId, usize)> {
        let mut next = Vec::new();
        self.due = None;
        let mut due = Duration::MAX;
        for walker in &mut self.walkers {
            let Stage::Waiting(n) = walker.stage else { continue };
            let seen = sight(walker.member);
            if seen.prompt == Prompting::Deaf {
                walker.stage = Stage::Stopped(n);
                continue;
            }
            match walker.ready_at(&seen, &self.lines) {
                Some(at) if at <= now => {
                    next.push((walker.member, n));
                    walker.left = Some((seen, false));
                    walker.heard = now;
                    walker.stage =
                        if n + 1 == self.lines.len() { Stage::Done } else { Stage::Waiting(n + 1) };
                }
                Some(at) => due = due.min(at),
                None => {}
            }
        }
        self.due = (due < Duration::MAX).then_some(due);
        next
    }

    /// The line that it was to be sent was not taken: it gets no more.
    pub fn refused(&mut self, member: MemberId) {
        let Ok(at) = self.walkers.binary_search_by_key(&member, |walker| walker.member) else { return };
        let walker = &mut self.walkers[at];
        walker.stage = match walker.stage {
            Stage::Waiting(n) => Stage::Stopped(n.saturating_sub(1)),
            Stage::Done => Stage::Stopped(self.lines.len().saturating_sub(1)),
            Stage::Stopped(n) => Stage::Stopped(n),
        };
    }

    /// Whoever waits gets no more.
    pub fn stop(&mut self) {
        for walker in &mut self.walkers {
            if let Stage::Waiting(n) = walker.stage {
                walker.stage = Stage::Stopped(n);
            }
        }
        self.due = None;
    }
}

impl Walker {
    /// When what it shows counts as a prompt; `None` while it is none.
    fn ready_at(&self, seen: &Sight, lines: &[Zeroizing<String>]) -> Option<Duration> {
        if seen.prompt != Prompting::Yes {
            return None;
        }
        let (Some((left, answered)), Stage::Waiting(n)) = (&self.left, self.stage) else {
            return Some(self.heard);
        };
        let sent = n.checked_sub(1).and_then(|n| lines.get(n)).map_or("", |line| line.as_str());
        let rest = seen.before.strip_prefix(left.before.as_str());
        let echoes = rest.is_some_and(|rest| !rest.is_empty() && sent.starts_with(rest.trim_end()));
        match (answered, echoes, seen.line == left.line) {
            (false, ..) | (_, true, _) => None,
            (true, false, false) => Some(self.heard + SETTLES),
            (true, false, true) => Some(self.heard + SETTLES_IN_PLACE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberId = MemberId(3);
    const B: MemberId = MemberId(7);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn lines(text: &str) -> Vec<Zeroizing<String>> {
        text.lines().map(|line| line.to_owned().into()).collect()
    }

    /// What stands before the cursor; a sign at its end is a prompt.
    fn shows(line: u64, before: &str) -> Sight {
        let prompt =
            if before.ends_with("$ ") || before.ends_with("> ") { Prompting::Yes } else { Prompting::No };
        Sight { prompt, line, before: before.to_owned() }
    }

    #[test]
    fn the_next_line_goes_when_the_prompt_stands_again() {
        let mut walk = Stepwise::new(lines("a > b\nlast"), &[A], ms(0));
        assert_eq!(
            walk.look(ms(0), |_| shows(4, "web$ ")),
            [(A, 0)],
            "a prompt that stands already counts at once"
        );
        assert_eq!(walk.look(ms(900), |_| shows(4, "web$ ")), [], "nothing came since");
        for (time, sight) in [
            (1000, shows(4, "web$ a > ")),
            (2000, shows(4, "web$ a > b")),
            (3000, shows(5, "")),
            (4000, shows(6, "working")),
        ] {
            walk.heard(A, ms(time));
            assert_eq!(walk.look(ms(time + 900), |_| sight.clone()), [], "{sight:?}");
        }
        walk.heard(A, ms(5000));
        assert_eq!(walk.due(), Some(ms(5050)));
        assert_eq!(walk.look(ms(5049), |_| shows(7, "web$ ")), [], "more may follow");
        assert_eq!(walk.due(), Some(ms(5050)));
        assert_eq!(walk.look(ms(5050), |_| shows(7, "web$ ")), [(A, 1)]);
        assert!(walk.is_over());
        assert_eq!(walk.stages().collect::<Vec<_>>(), [(A, Stage::Done)]);
    }

    #[test]
    fn a_line_that_clears_the_screen_leaves_the_prompt_where_it_was() {
        let mut walk = Stepwise::new(lines("clear\nls"), &[A], ms(0));
        walk.look(ms(0), |_| shows(0, "$ "));
        walk.heard(A, ms(100));
        assert_eq!(walk.look(ms(150), |_| shows(0, "$ ")), []);
        assert_eq!(walk.due(), Some(ms(600)));
        assert_eq!(walk.look(ms(600), |_| shows(0, "$ ")), [(A, 1)]);
    }

    #[test]
    fn each_host_walks_for_itself_and_who_hears_no_more_stops() {
        let mut walk = Stepwise::new(lines("1\n2\n3"), &[A, B], ms(0));
        let only_a = |member| if member == A { shows(0, "$ ") } else { shows(0, "password: ") };
        assert_eq!(walk.look(ms(0), only_a), [(A, 0)]);
        walk.heard(A, ms(10));
        assert_eq!(walk.look(ms(60), |m| if m == A { shows(1, "$ ") } else { only_a(m) }), [(A, 1)]);
        let deaf = |_| Sight { prompt: Prompting::Deaf, ..shows(0, "") };
        assert_eq!(walk.look(ms(70), |m| if m == B { deaf(m) } else { shows(1, "$ 2") }), []);
        assert_eq!(walk.stages().collect::<Vec<_>>(), [(A, Stage::Waiting(2)), (B, Stage::Stopped(0))]);
        walk.stop();
        assert!(walk.is_over());
        assert_eq!(walk.stages().next(), Some((A, Stage::Stopped(2))));
        walk.refused(A);
        assert_eq!(walk.stages().next(), Some((A, Stage::Stopped(2))), "it is over for it already");
        walk.heard(A, ms(80));
        assert_eq!((walk.look(ms(900), |_| shows(9, "$ ")), walk.due()), (vec![], None));
    }

    #[test]
    fn a_line_that_was_not_taken_is_not_counted() {
        let mut walk = Stepwise::new(lines("1\n2"), &[A, B], ms(0));
        assert_eq!(walk.look(ms(0), |_| shows(0, "$ ")).len(), 2);
        walk.refused(B);
        assert_eq!(walk.stages().collect::<Vec<_>>(), [(A, Stage::Waiting(1)), (B, Stage::Stopped(0))]);
    }

    #[test]
    fn nothing_of_the_lines_stands_in_a_log() {
        let walk = Stepwise::new(lines("hunter2"), &[A], ms(0));
        assert_eq!(format!("{walk:?}"), "[1 lines for 1 hosts]");
    }
}
