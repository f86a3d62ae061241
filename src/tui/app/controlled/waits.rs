//! Requests that wait until hosts show something.
//!
//! A host that said something is only noted; a moment later its new lines are looked at, each line once after it has left
//! the screen. So a flood costs a look at a screen now and then, and nobody else anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use crate::broadcast::MemberId;
use crate::pane::{Screen, Situation};
use crate::tui::app::App;
use crate::tui::app::tiles::Tile;
use crate::tui::control::protocol::{MOST_WAIT_MS, WAIT_MS};
use crate::tui::control::{ControlId, Response, Sign, Since, Which};
use crate::tui::event::Effect;

use super::{refused, usage};

/// What hosts said is looked at this long after the first of it, together with what came meanwhile.
const GATHERS: Duration = Duration::from_millis(30);

/// Waits at once; each is a client's, and there are fewer of those.
const MOST: usize = 64;

/// A regular expression may take this much memory, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// What is waited for, as it was asked for.
pub(super) struct Wish {
    pub(super) sign: Sign,
    pub(super) which: Which,
    pub(super) from: Since,
    pub(super) timeout_ms: Option<u64>,
}

/// What is remembered for requests.
#[derive(Debug, Default)]
pub(in crate::tui::app) struct Controlled {
    /// Who makes the request that is being carried out.
    pub(super) by: super::By,
    waits: Vec<Wait>,
    /// Hosts that said something since the last look; filled only while somebody waits.
    heard: BTreeSet<MemberId>,
    look_due: Option<Duration>,
    /// The line on which the cursor stood when a request last sent a host something, counted from the host's first line ever.
    marks: BTreeMap<MemberId, u64>,
}

#[derive(Debug)]
struct Wait {
    id: ControlId,
    sign: Wanted,
    which: Which,
    until: Duration,
    /// Hosts that do not show it yet, each with the line from which on it counts.
    missing: BTreeMap<MemberId, Place>,
    matched: Vec<MemberId>,
}

#[derive(Debug)]
enum Wanted {
    Line(Regex),
    Prompt,
}

/// Where to look on one host.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The cursor must have left this line, and lines below it count. `None` where the whole screen counts.
    mark: Option<u64>,
    /// Lines before this one have been looked at for the last time.
    next: u64,
}

impl Controlled {
    /// A host said something, or its session ended.
    pub(in crate::tui::app) fn heard(&mut self, member: MemberId) {
        if !self.waits.is_empty() {
            self.heard.insert(member);
        }
    }

    /// Nobody waits for this any more.
    pub(in crate::tui::app) fn forget(&mut self, id: ControlId) {
        self.waits.retain(|wait| wait.id != id);
    }

    /// When a look is due, or a wait is over.
    pub(in crate::tui::app) fn wake_at(&self) -> Option<Duration> {
        self.waits.iter().map(|wait| wait.until).chain(self.look_due).min()
    }
}

/// The line of the cursor, counted from the host's first line ever.
fn cursor_line(screen: Screen<'_>) -> u64 {
    top_line(screen) + u64::from(screen.cursor().row)
}

/// The first line of the screen, counted likewise.
fn top_line(screen: Screen<'_>) -> u64 {
    screen.history_dropped() + screen.history_len() as u64
}

impl App {
    /// A request has sent this host something: what it shows from now on is new.
    pub(super) fn mark_sent(&mut self, member: MemberId) {
        if let Some(tile) = self.tiles.get(member) {
            self.controlled.marks.insert(member, cursor_line(tile.pane.screen()));
        }
    }

    /// Begins to wait; what shows already is found at once.
    pub(super) fn begin_wait(
        &mut self,
        id: ControlId,
        wish: Wish,
        expression: Option<&str>,
    ) -> Result<(), Response> {
        let sign = match wish.sign {
            Sign::Prompt => Wanted::Prompt,
            Sign::Line(pattern) => {
                let regex = RegexBuilder::new(&pattern).size_limit(REGEX_BYTES).build();
                Wanted::Line(regex.map_err(|error| usage(crate::escape::text(&error.to_string(), 400)))?)
            }
        };
        let millis = wish.timeout_ms.unwrap_or(WAIT_MS);
        if millis > MOST_WAIT_MS {
            return Err(usage("a wait lasts a day at most"));
        }
        let chosen = match expression {
            Some(expression) => self.ctl_hosts(expression)?,
            None => self.broadcast.hearing(),
        };
        if chosen.is_empty() {
            return Err(refused("nobody hears now, so there is no host to wait for; name some with --host"));
        }
        if self.controlled.waits.len() >= MOST {
            return Err(refused("too many requests wait already"));
        }
        let missing = chosen.iter().map(|member| (*member, self.wait_place(*member, wish.from))).collect();
        let until = self.now + Duration::from_millis(millis);
        self.controlled.heard.extend(chosen);
        self.controlled.look_due = Some(self.now);
        let (which, matched) = (wish.which, Vec::new());
        self.controlled.waits.push(Wait { id, sign, which, until, missing, matched });
        Ok(())
    }

    /// Where to look on a host from now on.
    fn wait_place(&self, member: MemberId, from: Since) -> Place {
        let mark = match from {
            Since::Sent => self.controlled.marks.get(&member).copied(),
            Since::Screen => None,
        };
        let top = || self.tiles.get(member).map_or(0, |tile| top_line(tile.pane.screen()));
        Place { mark, next: mark.map_or_else(top, |mark| mark + 1) }
    }

    /// Looks at what hosts have said, when that is due, and ends the waits that are over.
    pub(in crate::tui::app) fn look_for_waits(&mut self) {
        if self.controlled.waits.is_empty() {
            self.controlled.heard.clear();
            self.controlled.look_due = None;
            return;
        }
        if self.controlled.look_due.is_some_and(|due| due <= self.now) {
            self.controlled.look_due = None;
            let heard = std::mem::take(&mut self.controlled.heard);
            let mut waits = std::mem::take(&mut self.controlled.waits);
            waits.iter_mut().for_each(|wait| self.wait_look(wait, &heard));
            self.controlled.waits = waits;
        } else if !self.controlled.heard.is_empty() {
            self.controlled.look_due.get_or_insert(self.now + GATHERS);
        }
        self.end_waits();
    }

    fn wait_look(&self, wait: &mut Wait, heard: &BTreeSet<MemberId>) {
        let Wait { sign, missing, matched, .. } = wait;
        for member in heard {
            let Some(place) = missing.get_mut(member) else { continue };
            let Some(tile) = self.tiles.get(*member) else { continue };
            if self.wait_shows(tile, sign, place) {
                missing.remove(member);
                matched.push(*member);
            }
        }
    }

    fn wait_shows(&self, tile: &Tile, sign: &Wanted, place: &mut Place) -> bool {
        let screen = tile.pane.screen();
        let cursor = cursor_line(screen);
        // A host that has cleared its screen counts its lines from the top again, and all that it shows is new.
        if place.mark.is_some_and(|mark| cursor < mark) {
            *place = Place { mark: None, next: top_line(screen) };
        }
        match sign {
            Wanted::Line(regex) => shows_line(screen, regex, place),
            Wanted::Prompt => {
                place.mark.is_none_or(|mark| cursor > mark) && self.situation(tile.member) == Situation::Shell
            }
        }
    }

    /// Ends those that have what they wanted, cannot get it any more, or have waited long enough.
    fn end_waits(&mut self) {
        let mut ended = Vec::new();
        for at in (0..self.controlled.waits.len()).rev() {
            if let Some(why) = self.wait_over(&self.controlled.waits[at]) {
                ended.push((self.controlled.waits.remove(at), why));
            }
        }
        for (wait, why) in ended.into_iter().rev() {
            let response = self.wait_ended(&wait, why);
            self.effects.push(Effect::Reply(wait.id, response));
        }
    }

    fn wait_over(&self, wait: &Wait) -> Option<Over> {
        let lost = |id: &&MemberId| self.tiles.get(**id).is_none_or(|tile| tile.state.is_closed());
        let enough = match wait.which {
            Which::All => wait.missing.is_empty(),
            Which::Any => !wait.matched.is_empty(),
        };
        if enough {
            return Some(Over::Shown);
        }
        let hopeless = match wait.which {
            Which::All => wait.missing.keys().any(|id| lost(&id)),
            Which::Any => wait.missing.keys().all(|id| lost(&id)),
        };
        match hopeless {
            true => Some(Over::Closed),
            false => (wait.until <= self.now).then_some(Over::Late),
        }
    }

    fn wait_ended(&self, wait: &Wait, why: Over) -> Response {
        let name = |id: &MemberId| self.tiles.get(*id).map(|tile| tile.host.to_string());
        let mut matched = wait.matched.clone();
        matched.sort();
        let missing: Vec<MemberId> = match why {
            Over::Shown => Vec::new(),
            Over::Late | Over::Closed => wait.missing.keys().copied().collect(),
        };
        let said = match why {
            Over::Shown => format!("seen on {}", self.ctl_names(&matched)),
            Over::Late => format!("the time is over, and it was not seen on {}", self.ctl_names(&missing)),
            Over::Closed => {
                let lost: Vec<MemberId> = (missing.iter().copied())
                    .filter(|id| self.tiles.get(*id).is_none_or(|tile| tile.state.is_closed()))
                    .collect();
                format!("it will not be seen on {}: closed", self.ctl_names(&lost))
            }
        };
        Response::Waited {
            matched: matched.iter().filter_map(name).collect(),
            missing: missing.iter().filter_map(name).collect(),
            said,
        }
    }
}

/// Why a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Shown,
    Closed,
    Late,
}

/// Does a line that counts match? Blank rows below the cursor are no lines.
fn shows_line(screen: Screen<'_>, regex: &Regex, place: &mut Place) -> bool {
    let dropped = screen.history_dropped();
    let top = top_line(screen);
    let first = place.next.max(dropped);
    let cursor = cursor_line(screen);
    let last = dropped + screen.line_count() as u64;
    for line in first..last {
        let text = screen.line((line - dropped) as usize).text();
        let text = text.trim_end();
        let is_line = line <= cursor || !text.is_empty();
        if is_line && regex.is_match(text) {
            return true;
        }
    }
    place.next = first.max(top);
    false
}
