//! Copying: what is selected, what a tile shows, and the same region of every host.

use std::collections::BTreeMap;

use crate::broadcast::MemberId;
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::pane::{MouseButton, MouseEvent, MouseKind, MouseMode};
use crate::tui::action::Action;
use crate::tui::event::Effect;
use crate::tui::search::At;
use crate::tui::selection::{Copied, Selection, Shape};

use super::reading::newest;
use super::{App, Keyboard, Purpose, Tone};

/// Longest text for the clipboard, in bytes; terminals refuse more (OSC 52).
const CLIPBOARD_BYTES: usize = 74_000;

/// Longest text that is read for a copy at all, in bytes; a file takes so much.
const COPY_BYTES: usize = 16 << 20;

/// Longest name of a file in a sentence, in characters.
const PATH_CHARS: usize = 200;

/// Above and below the heading of equal regions.
const RULE: &str = "---------------";

/// What is remembered of copying.
#[derive(Debug, Default)]
pub(super) struct Copying {
    /// What was copied last, for a file.
    last: String,
    /// A button was pressed here, and has not moved yet.
    pressed: Option<(MemberId, At)>,
    /// The mouse selects in this tile.
    drags: Option<MemberId>,
}

impl App {
    /// Copies what is selected, and leaves the scrollback.
    pub(super) fn copy_selection(&mut self) {
        let selected = self.selected();
        if let Some((member, copied)) = selected {
            self.leave_scrollback();
            self.give_copy(copied, &self.name(member));
        } else {
            self.leave_scrollback();
        }
    }

    fn selected(&self) -> Option<(MemberId, Copied)> {
        let look = self.look()?;
        let screen = self.tiles.get(look.member)?.pane.screen();
        Some((look.member, look.selection()?.read(screen, COPY_BYTES)))
    }

    /// Copies what is selected, else what the focused tile shows.
    pub(super) fn copy_shown(&mut self) {
        if self.look().is_some_and(|look| look.selects.is_some()) {
            return self.copy_selection();
        }
        let Some(tile) = self.focus_or_say().and_then(|id| self.tiles.get(id)) else { return };
        let member = tile.member;
        let (screen, top) = (tile.pane.screen(), self.window(tile, self.inside(member)).line);
        let shown = match self.looks_back(tile, self.inside(member)) {
            true => (top, top + u64::from(self.height(member)) - 1),
            false => (screen.first_line() + screen.history_len() as u64, screen.end_line() - 1),
        };
        let copied = whole_lines(shown).read(screen, COPY_BYTES);
        let text = copied.text.trim_end().to_owned() + "\n";
        let lines = text.lines().count();
        self.give_copy(Copied { text, lines, ..copied }, &self.name(member));
    }

    /// Gives a text to the clipboard, or says that it is too large for one.
    fn give_copy(&mut self, copied: Copied, whose: &str) {
        let kb = copied.text.len().div_ceil(1024);
        let lines = if copied.lines == 1 { "1 line".to_owned() } else { format!("{} lines", copied.lines) };
        let mut said = format!("copied {lines} of {whose}");
        if copied.lost > 0 {
            said.push_str(&format!("; {} more are not in the history any more", copied.lost));
        }
        if copied.cut {
            said.push_str("; it is longer than 16 MB and was cut");
        }
        if copied.text.len() > CLIPBOARD_BYTES {
            let file = self.options.keymap.hint(Action::CopyToFile);
            said = format!("{kb} kB are too large for a terminal's clipboard; {file} writes them to a file");
            self.notes.say(Tone::Bad, said, self.now);
        } else {
            self.notes.say(Tone::Plain, said, self.now);
            self.effects.push(Effect::Copy(copied.text.clone()));
        }
        self.copying.last = copied.text;
    }

    /// Copies the same region of every host: rows and columns of what each tile shows. Equal ones stand once.
    pub(super) fn copy_from_all(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        let Some(region) = self.region(focus) else { return };
        let mut groups: BTreeMap<String, Vec<Host>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let (mut bytes, mut lost, mut cut) = (0, 0, false);
        let members = self.copied_from();
        for member in &members {
            let (Some(tile), Some(part)) = (self.tiles.get(*member), self.region_of(*member, focus, region))
            else {
                continue;
            };
            let copied = part.read(tile.pane.screen(), COPY_BYTES.saturating_sub(bytes));
            lost += copied.lost;
            cut |= copied.cut;
            let text = copied.text.trim_end().to_owned();
            let hosts = groups.entry(text).or_insert_with_key(|text| {
                bytes += text.len();
                order.push(text.clone());
                Vec::new()
            });
            hosts.push(tile.host.clone());
        }
        let mut text = String::new();
        for part in &order {
            let hosts: HostSet = groups.remove(part).unwrap_or_default().into_iter().collect();
            let count = if hosts.len() > 1 { format!(" ({})", hosts.len()) } else { String::new() };
            text.push_str(&format!("{RULE}\n{hosts}{count}\n{RULE}\n{part}\n"));
        }
        self.leave_scrollback();
        let whose = match order.len() {
            1 => format!("{} hosts, all equal", members.len()),
            groups => format!("{} hosts, {groups} different", members.len()),
        };
        let copied = Copied { lines: text.lines().count(), text, lost, cut };
        self.give_copy(copied, &whose);
    }

    /// Who a key reaches now; where that is one host or none, the hosts on the screen, with those that a tile stands for.
    fn copied_from(&self) -> Vec<MemberId> {
        let mut members = self.broadcast.hearing();
        if members.len() < 2 {
            members = self.shown_members();
        }
        members.extend(self.broadcast.focus());
        members.sort_unstable();
        members.dedup();
        members
    }

    /// What is selected in the focused tile, else the lines that it shows.
    fn region(&self, focus: MemberId) -> Option<Selection> {
        let selected = self.look().filter(|look| look.member == focus).and_then(|look| look.selection());
        let tile = self.tiles.get(focus)?;
        let top = self.window(tile, self.inside(focus)).line;
        Some(selected.unwrap_or_else(|| whole_lines((top, top + u64::from(self.height(focus)) - 1))))
    }

    /// The same rows of what another tile shows. A tile that is not on the screen is read as if it were scrolled as far
    /// back as the focused one.
    fn region_of(&self, member: MemberId, focus: MemberId, region: Selection) -> Option<Selection> {
        let (tile, focused) = (self.tiles.get(member)?, self.tiles.get(focus)?);
        let inside = self.inside(focus);
        let window = self.window(focused, inside).line as i64;
        let top = match self.layout.rect(member).is_some() {
            true => self.window(tile, self.inside(member)).line as i64,
            false => newest(tile, inside.height) as i64 + window - newest(focused, inside.height) as i64,
        };
        let moved = |at: At| At { line: (at.line as i64 - window + top).max(0) as u64, ..at };
        Some(Selection { anchor: moved(region.anchor), cursor: moved(region.cursor), shape: region.shape })
    }

    /// Asks for the file to write to.
    pub(super) fn ask_for_file(&mut self) {
        match self.copying.last.is_empty() {
            true => self.notes.refuse("nothing was copied yet", self.now),
            false => self.ask_for(Purpose::CopyToFile),
        }
    }

    /// Writes what was copied last to a file.
    pub(super) fn write_copy(&mut self, path: &str) -> Result<(), String> {
        if path.is_empty() {
            return Err("write the name of a file that does not exist yet".to_owned());
        }
        self.effects.push(Effect::WriteFile { path: path.into(), text: self.copying.last.clone() });
        Ok(())
    }

    /// The file was written, or why not.
    pub(super) fn file_written(&mut self, path: &str, result: Result<(), String>) {
        let path = escape::text(path, PATH_CHARS);
        match result {
            Ok(()) => self.notes.tell(Tone::Plain, format!("written to {path}"), self.now),
            Err(why) => {
                let why = escape::text(&why, PATH_CHARS);
                self.notes.tell(Tone::Bad, format!("{path} was not written: {why}"), self.now);
            }
        }
    }
}

fn whole_lines((first, last): (u64, u64)) -> Selection {
    let at = |line| At { line, col: 0 };
    Selection { anchor: at(first), cursor: at(last), shape: Shape::Lines }
}

/// Selecting with the mouse.
impl App {
    /// Takes a mouse event that selects; says whether it did.
    pub(super) fn select_by_mouse(&mut self, event: MouseEvent) -> bool {
        match event.kind {
            MouseKind::Down(MouseButton::Left) => self.press(event),
            MouseKind::Drag(MouseButton::Left) => self.drag(event),
            MouseKind::Up(MouseButton::Left) => self.release_button(),
            _ => false,
        }
    }

    /// Notes where a button is pressed; what it means besides is for others to say.
    fn press(&mut self, event: MouseEvent) -> bool {
        self.copying.drags = None;
        self.copying.pressed = self.layout.hit(event.col, event.row).and_then(|(member, inside)| {
            let tile = self.tiles.get(member)?;
            let free =
                tile.pane.modes().mouse == MouseMode::Off || self.looks_back(tile, self.inside(member));
            inside.filter(|_| free).map(|_| (member, self.place_in(member, event)))
        });
        false
    }

    fn drag(&mut self, event: MouseEvent) -> bool {
        if let Some((member, from)) = self.copying.pressed.take() {
            if self.broadcast.focus() != Some(member) {
                return false;
            }
            self.copying.drags = Some(member);
            self.enter_scrollback();
            if let Some(look) = &mut self.reading.look {
                look.selects = Some((from, Shape::Text));
            }
        }
        let Some(member) = self.copying.drags.filter(|id| self.look().is_some_and(|look| look.member == *id))
        else {
            return false;
        };
        // Beyond an edge the view goes on, a line with each movement.
        let inside = self.inside(member);
        if event.row < inside.top() {
            self.scroll_tile(member, -1);
        } else if event.row >= inside.bottom() {
            self.scroll_tile(member, 1);
        }
        let at = self.place_in(member, event);
        self.show_place(at);
        true
    }

    fn release_button(&mut self) -> bool {
        self.copying.pressed = None;
        let dragged = self.copying.drags.take().is_some() && matches!(self.keyboard, Keyboard::Scrollback);
        if dragged {
            self.copy_selection();
        }
        dragged
    }

    /// The place in a tile's text under the pointer, or at the edge nearest to it.
    fn place_in(&self, member: MemberId, event: MouseEvent) -> At {
        let inside = self.inside(member);
        let row = event.row.clamp(inside.top(), inside.bottom() - 1) - inside.top();
        let col = event.col.clamp(inside.left(), inside.right().max(inside.left() + 1) - 1) - inside.left();
        let window = self.tiles.get(member).map(|tile| self.window(tile, inside));
        window.map_or(At { line: 0, col: 0 }, |window| At {
            line: window.line + u64::from(row),
            col: window.col + col,
        })
    }
}
