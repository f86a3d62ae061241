//! Requests that only look: how hosts stand, and what they show.

use crate::broadcast::{Entry, Life, MemberId, Part};
use crate::escape;
use crate::session::SessionState;
use crate::tui::app::tiles::Tile;
use crate::tui::app::{App, ending_in_short};
use crate::tui::control::protocol::RESPONSE_BYTES;
use crate::tui::control::{HostLine, HostScreen, Response};

use super::refused;

/// Longest last line of a host, in characters.
const LAST_CHARS: usize = 200;

impl App {
    /// Tells how hosts stand.
    pub(super) fn ctl_list(&self, expression: Option<&str>) -> Response {
        match self.ctl_hosts_or_all(expression) {
            Err(response) => response,
            Ok(members) => Response::Hosts {
                hosts: members.into_iter().filter_map(|member| self.ctl_line(member)).collect(),
            },
        }
    }

    fn ctl_line(&self, id: MemberId) -> Option<HostLine> {
        let (tile, member) = (self.tiles.get(id)?, self.broadcast.member(id)?);
        let (state, reason) = state_of(tile);
        Some(HostLine {
            host: tile.host.to_string(),
            state: state.to_owned(),
            reason,
            receiving: self.audience().is_some() && self.broadcast.hears(id),
            part: if member.part() == Part::Attached { "attached" } else { "detached" }.to_owned(),
            waits: member.entry() == Entry::Waiting && member.life() == Life::Open,
            held: member.is_held(),
            scope: member.in_scope(),
            focus: self.broadcast.focus() == Some(id),
            behind: member.backlog(),
            last: last_line(tile),
        })
    }

    /// Tells what hosts show.
    pub(super) fn ctl_dump(&self, expression: Option<&str>, history: bool) -> Response {
        let members = match self.ctl_hosts_or_all(expression) {
            Err(response) => return response,
            Ok(members) => members,
        };
        let (mut screens, mut bytes) = (Vec::new(), 0);
        for tile in members.into_iter().filter_map(|member| self.tiles.get(member)) {
            let lines = lines_of(tile, history);
            bytes += lines.iter().map(|line| line.len() + 3).sum::<usize>();
            if bytes > RESPONSE_BYTES {
                return refused(format!(
                    "this is more than {} MB; ask for fewer hosts, or leave out the history",
                    RESPONSE_BYTES >> 20
                ));
            }
            screens.push(HostScreen { host: tile.host.to_string(), lines });
        }
        Response::Screens { screens }
    }
}

/// The state of a session in a word, and why it is closed.
fn state_of(tile: &Tile) -> (&'static str, String) {
    let word = match &tile.state {
        SessionState::Closed(outcome) => return ("closed", ending_in_short(outcome)),
        _ if tile.recovery.silent_since().is_some() => "stalled",
        SessionState::Queued => "queued",
        SessionState::Connecting(_) => "connecting",
        SessionState::Waiting(_) => "waiting",
        SessionState::Asking => "asking",
        SessionState::Ready => "ready",
        SessionState::Running => "running",
    };
    (word, String::new())
}

/// The last line on the screen that is not empty.
fn last_line(tile: &Tile) -> String {
    let screen = tile.pane.screen();
    let last = (0..screen.size().rows).rev().map(|row| screen.row_text(row)).find(|text| !text.is_empty());
    escape::text(&last.unwrap_or_default(), LAST_CHARS)
}

fn lines_of(tile: &Tile, history: bool) -> Vec<String> {
    let screen = tile.pane.screen();
    let first = if history { 0 } else { screen.history_len() };
    let text = |n| escape::line(screen.line(n).text().trim_end().as_bytes());
    let mut lines: Vec<String> = (first..screen.line_count()).map(text).collect();
    let used = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    lines.truncate(used);
    lines
}
