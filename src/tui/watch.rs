//! Watches: something the user wants to be told of while looking elsewhere, as a state machine with times.
//!
//! A host that prints costs one look at the watches it is in, never one at other hosts. The time at which a silence ends
//! is kept as a lower bound: output only moves it on, and it is worked out anew when it is reached.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::Screen;

use super::search::{At, Query, column_at};
use super::selection;

/// Watches at once; a further one is refused.
pub const MOST: usize = 32;

/// Which watch; given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(pub u32);

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing is printed for so long.
    Silence(Duration),
    /// This is printed.
    Text(Query),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Silence(time) => write!(f, "is silent for {} s", time.as_secs()),
            Wanted::Text(query) => write!(f, "shows `{}`", escape::text(query.text(), 40)),
        }
    }
}

/// How often a watch tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Once; then it is gone.
    Once,
    /// Every time, until it is removed.
    Standing,
}

/// Which hosts a watch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// One.
    One(MemberId),
    /// Several: it tells once all of them came to it.
    All,
}

/// One watch.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Which.
    pub id: WatchId,
    /// What is waited for.
    pub wanted: Wanted,
    /// How often it tells.
    pub times: Times,
    /// Which hosts.
    pub about: About,
    hosts: BTreeMap<MemberId, Host>,
    /// How many of them came to it.
    came: usize,
    /// For silence: not before this is there anything to tell.
    wake: Duration,
}

/// How far a host is.
#[derive(Clone, Copy, Debug)]
struct Host {
    came: bool,
    /// Text before this place was there when the watch began.
    begins: At,
    /// The line that is to be read next.
    line: u64,
    /// The line that matched last, which tells once.
    matched: Option<u64>,
    /// When it printed last, or the watch began.
    heard: Duration,
}

impl Watch {
    /// How many hosts came to it, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.came, self.hosts.len())
    }

    fn came(&mut self, member: MemberId, came: bool) {
        let Some(host) = self.hosts.get_mut(&member) else { return };
        if host.came != came {
            host.came = came;
            self.came = if came { self.came + 1 } else { self.came - 1 };
        }
    }

    /// Is there something to tell, now that this member came to it?
    fn tells(&self) -> bool {
        match self.about {
            About::One(_) => true,
            About::All => self.came == self.hosts.len(),
        }
    }
}

/// Something came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// What was waited for.
    pub wanted: Wanted,
    /// Where: one host, or all of them.
    pub about: About,
    /// The hosts to be marked.
    pub members: Vec<MemberId>,
}

/// All watches.
#[derive(Debug, Default)]
pub struct Watches {
    next: u32,
    watches: Vec<Watch>,
}

impl Watches {
    /// Begins a watch over these hosts, each with the place of its cursor; `None` where there are too many watches
    /// already ([`MOST`]), or no host.
    pub fn add(
        &mut self,
        (wanted, times): (Wanted, Times),
        about: About,
        hosts: impl IntoIterator<Item = (MemberId, At)>,
        now: Duration,
    ) -> Option<WatchId> {
        let host = |(member, begins): (MemberId, At)| {
            let line = begins.line;
            (member, Host { came: false, begins, line, matched: None, heard: now })
        };
        let hosts: BTreeMap<MemberId, Host> = hosts.into_iter().map(host).collect();
        if self.watches.len() >= MOST || hosts.is_empty() {
            return None;
        }
        let id = WatchId(self.next);
        self.next += 1;
        let wake = match &wanted {
            Wanted::Silence(time) => now + *time,
            Wanted::Text(_) => Duration::MAX,
        };
        self.watches.push(Watch { id, wanted, times, about, hosts, came: 0, wake });
        Some(id)
    }

    /// All of them, in the order they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Watch> {
        self.watches.iter()
    }

    /// Ends a watch.
    pub fn remove(&mut self, id: WatchId) {
        self.watches.retain(|watch| watch.id != id);
    }

    /// A host was taken away: nobody waits for it any more. What all others came to is told.
    pub fn forget(&mut self, member: MemberId) -> Vec<Fired> {
        let mut fired = Vec::new();
        self.watches.retain_mut(|watch| {
            watch.came(member, false);
            if watch.hosts.remove(&member).is_none() || watch.hosts.is_empty() {
                return !watch.hosts.is_empty();
            }
            if watch.came == watch.hosts.len() { tell(watch, member, &mut fired) } else { true }
        });
        fired
    }

    /// A host printed something, and shows this now.
    pub fn printed(&mut self, member: MemberId, screen: Screen<'_>, now: Duration) -> Vec<Fired> {
        let mut fired = Vec::new();
        if self.watches.is_empty() {
            return fired;
        }
        self.watches.retain_mut(|watch| {
            let Some(host) = watch.hosts.get_mut(&member) else { return true };
            host.heard = now;
            let comes = match &watch.wanted {
                Wanted::Silence(time) => {
                    watch.wake = watch.wake.min(now + *time);
                    watch.came(member, false);
                    false
                }
                Wanted::Text(query) => shows(query, host, screen),
            };
            if comes {
                watch.came(member, true);
            }
            if comes && watch.tells() { tell(watch, member, &mut fired) } else { true }
        });
        fired
    }

    /// Tells what came about by the passing of time.
    pub fn pass(&mut self, now: Duration) -> Vec<Fired> {
        let mut fired = Vec::new();
        self.watches
            .retain_mut(|watch| if watch.wake <= now { fell_silent(watch, now, &mut fired) } else { true });
        fired
    }

    /// When time next makes something come about.
    pub fn wake_at(&self) -> Option<Duration> {
        self.watches.iter().map(|watch| watch.wake).filter(|wake| *wake < Duration::MAX).min()
    }
}

/// Adds what a watch tells; says whether it stays.
fn tell(watch: &mut Watch, member: MemberId, fired: &mut Vec<Fired>) -> bool {
    let members = match watch.about {
        About::One(_) => vec![member],
        About::All => watch.hosts.keys().copied().collect(),
    };
    fired.push(Fired { wanted: watch.wanted.clone(), about: watch.about, members });
    if matches!((&watch.wanted, watch.times), (Wanted::Text(_), Times::Standing)) {
        // Each must come to it anew. A silence begins anew by itself, with the next output.
        watch.hosts.values_mut().for_each(|host| host.came = false);
        watch.came = 0;
    }
    watch.times == Times::Standing
}

/// Looks which hosts are silent by now; says whether the watch stays.
fn fell_silent(watch: &mut Watch, now: Duration, fired: &mut Vec<Fired>) -> bool {
    let Wanted::Silence(time) = watch.wanted else { return true };
    let mut stays = true;
    let silent = |host: &Host| !host.came && host.heard + time <= now;
    let members: Vec<MemberId> =
        watch.hosts.iter().filter(|(_, host)| silent(host)).map(|(id, _)| *id).collect();
    for member in members {
        watch.came(member, true);
        if watch.tells() {
            stays = tell(watch, member, fired);
        }
    }
    let others = watch.hosts.values().filter(|host| !host.came).map(|host| host.heard + time);
    watch.wake = others.min().unwrap_or(Duration::MAX);
    stays
}

/// Does a line that was printed since the last look show it? Lines are read up to the one with the cursor, which is read
/// again until the cursor leaves it; each tells once.
fn shows(query: &Query, host: &mut Host, screen: Screen<'_>) -> bool {
    let cursor = screen.line_of_cursor();
    let first = host.line.max(screen.first_line()).min(cursor);
    let (mut text, mut found) = (String::new(), false);
    for line in first..=cursor {
        screen.text_of(line, &mut text);
        let known = if line == host.begins.line { host.begins.col } else { 0 };
        let new = selection::part(&text, known..u16::MAX);
        if host.matched != Some(line) && query.is_in(new) {
            host.matched = Some(line);
            found = true;
        }
    }
    host.line = cursor;
    found
}

/// The place of a screen's cursor, behind the text that stands before it.
pub fn place(screen: Screen<'_>) -> At {
    let line = screen.line_of_cursor();
    let mut text = String::new();
    screen.text_of(line, &mut text);
    At { line, col: screen.cursor().col.max(column_at(&text, text.len())) }
}

/// A time as it is typed: seconds, or `30s`, `5m`, `1h`; from a second to a day.
pub fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    const SECOND: Duration = Duration::from_secs(1);

    struct Fleet {
        panes: Vec<Pane>,
        watches: Watches,
        now: Duration,
    }

    impl Fleet {
        fn of(n: usize) -> Fleet {
            let pane = |_| Pane::new(Size::new(5, 40), HistoryLimit::lines(100));
            Fleet { panes: (0..n).map(pane).collect(), watches: Watches::default(), now: SECOND }
        }

        fn watch(&mut self, wanted: Wanted, times: Times, about: About) -> WatchId {
            let all =
                self.panes.iter().enumerate().map(|(n, pane)| (MemberId(n as u32), place(pane.screen())));
            let hosts = all.filter(|(id, _)| about == About::All || about == About::One(*id));
            self.watches.add((wanted, times), about, hosts, self.now).expect("room")
        }

        fn says(&mut self, n: usize, text: &str) -> usize {
            self.panes[n].feed(self.now, text.as_bytes());
            self.watches.printed(MemberId(n as u32), self.panes[n].screen(), self.now).len()
        }

        fn wait(&mut self, seconds: u64) -> usize {
            self.now += SECOND * seconds as u32;
            self.watches.pass(self.now).len()
        }
    }

    fn text(query: &str) -> Wanted {
        Wanted::Text(Query::parse(query).expect("a query"))
    }

    const ONE: About = About::One(MemberId(0));

    #[test]
    fn text_tells_once_and_not_for_what_stood_there_before() {
        let mut fleet = Fleet::of(2);
        fleet.says(0, "done\r\n$ make; echo done");
        fleet.watch(text("done"), Times::Once, ONE);
        assert_eq!((fleet.says(0, "\r\n"), fleet.says(0, "cc\r\ndo"), fleet.says(1, "done")), (0, 0, 0));
        assert_eq!(fleet.says(0, "ne"), 1, "on the line with the cursor, across two pieces");
        assert_eq!((fleet.says(0, "\r\ndone\r\n"), fleet.watches.iter().len()), (0, 0));
    }

    #[test]
    fn a_standing_watch_tells_for_each_line_that_matches() {
        let mut fleet = Fleet::of(1);
        let id = fleet.watch(text("re:err\\d"), Times::Standing, ONE);
        assert_eq!((fleet.says(0, "err1"), fleet.says(0, " err2"), fleet.says(0, "\r\n")), (1, 0, 0));
        let flood = format!("{}err3\r\n{}", "x\r\n".repeat(50), "y\r\n".repeat(50));
        assert_eq!(
            (fleet.says(0, &flood), fleet.says(0, "err")),
            (1, 0),
            "also in lines that have left the screen"
        );
        fleet.watches.remove(id);
        assert_eq!(fleet.says(0, "4 err5"), 0);
    }

    #[test]
    fn silence_is_counted_from_the_last_output() {
        let mut fleet = Fleet::of(1);
        fleet.watch(Wanted::Silence(SECOND * 30), Times::Standing, ONE);
        assert_eq!(fleet.wait(29), 0);
        fleet.says(0, "x");
        assert_eq!((fleet.wait(29), fleet.wait(1), fleet.wait(300)), (0, 1, 0), "one silence tells once");
        assert_eq!(fleet.watches.wake_at(), None);
        fleet.says(0, "x");
        assert_eq!(fleet.watches.wake_at(), Some(fleet.now + SECOND * 30));
        assert_eq!(fleet.wait(30), 1);
    }

    #[test]
    fn a_watch_on_all_counts_and_tells_when_the_last_one_came() {
        let mut fleet = Fleet::of(3);
        fleet.watch(text("done"), Times::Once, About::All);
        assert_eq!(
            (fleet.says(0, "done\r\n"), fleet.says(0, "done\r\n"), fleet.says(2, "done\r\n")),
            (0, 0, 0)
        );
        assert_eq!(fleet.watches.iter().next().map(Watch::progress), Some((2, 3)));
        assert_eq!(fleet.says(1, "done"), 1);
        fleet.watch(Wanted::Silence(SECOND * 10), Times::Once, About::All);
        fleet.wait(6);
        fleet.says(1, "still here");
        assert_eq!(fleet.wait(6), 0);
        fleet.says(0, "again");
        assert_eq!((fleet.wait(6), fleet.wait(4)), (0, 1), "all of them at one time");
    }

    #[test]
    fn who_is_taken_away_is_not_waited_for() {
        let mut fleet = Fleet::of(2);
        fleet.watch(text("done"), Times::Once, About::All);
        fleet.watch(text("done"), Times::Once, About::One(MemberId(1)));
        fleet.says(0, "done");
        assert_eq!(fleet.watches.forget(MemberId(1)).len(), 1);
        assert_eq!(fleet.watches.iter().len(), 0);
    }

    #[test]
    fn there_are_at_most_so_many_watches_and_times_are_read() {
        let mut fleet = Fleet::of(1);
        for _ in 0..MOST {
            fleet.watch(text("x"), Times::Once, ONE);
        }
        let hosts = [(MemberId(0), At { line: 0, col: 0 })];
        assert_eq!(fleet.watches.add((text("x"), Times::Once), ONE, hosts, SECOND), None);
        for (text, seconds) in
            [("30", Some(30)), ("5m", Some(300)), ("1 h", Some(3600)), ("0", None), ("x", None)]
        {
            assert_eq!(time(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(time("99999999999999999h"), None);
    }
}
