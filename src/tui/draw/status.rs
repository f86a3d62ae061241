//! The bottom line: who hears, always and first; then what waits for the user, and what was said last.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use crate::broadcast::{Broadcast, Entry, Life, Part, Receivers};
use crate::tui::action::Action;
use crate::tui::app::{App, Keyboard, Work};
use crate::tui::layout::Layout;
use crate::tui::scopes::Rule;

use super::text::{behind, bytes, count, put, row, width, wrap};
use super::{fold, guards, theme};

/// A total backlog below this is not worth a word.
const BACKLOG_SHOWN: usize = 1024;

/// Rows above the bottom line that a long sentence may take.
const NOTE_ROWS: u16 = 3;

/// Paints the bottom line, and above it a sentence that does not fit into it.
pub(super) fn status(app: &App, layout: &Layout, buf: &mut Buffer) {
    let mut line = layout.status;
    Clear.render(line.intersection(buf.area), buf);
    let hears = app.audience().is_some_and(|receivers| receivers.count() > 0);
    let used = put(buf, line, &format!(" {} ", audience(app, layout)), theme::audience(app, hears));
    line = behind(line, used);
    for (text, style) in guards::audience(app) {
        line = behind(line, put(buf, line, &text, style));
    }
    if let Some(text) = guards::mixed(app) {
        line = behind(line, put(buf, line, &text, theme::attention()));
    }
    if !app.questions().is_empty() && !matches!(app.keyboard(), Keyboard::Questions) {
        let text = format!(
            " {}: {} ",
            count(app.questions().len(), "question"),
            app.options().keymap.hint(Action::Answer)
        );
        let used = put(buf, line, &text, theme::attention());
        line = behind(line, used);
    }
    let right = right(app);
    let room = line.width.saturating_sub(width(&right) + 1);
    match app.notes().note() {
        Some(note) if width(&note.text) < room => {
            let used = put(buf, behind(line, 1), &note.text, theme::note(app, note.tone)) + 2;
            fill(&facts(app, layout), behind(line, used), room - used.min(room), buf);
        }
        Some(note) => {
            above(layout, &note.text, theme::note(app, note.tone), buf);
            fill(&facts(app, layout), line, room, buf);
        }
        None => fill(&facts(app, layout), line, room, buf),
    }
    if width(&right) < line.width {
        let style = if app.is_prefixed() { theme::attention() } else { theme::quiet() };
        put(buf, behind(line, line.width - width(&right)), &right, style);
    }
}

/// Who hears the next key.
fn audience(app: &App, layout: &Layout) -> String {
    match app.audience() {
        Some(Receivers::All(hear)) => {
            let all = app.tiles().len();
            let who =
                if hear == all { count(all, "host") } else { format!("{hear} of {}", count(all, "host")) };
            let heard = layout.in_sight().filter(|id| app.broadcast().hears(*id));
            let shown: usize = heard.map(|id| app.stands_for(id)).sum();
            let mut text = format!("→ {who}{}{}", in_scope(app), fold::folds(app));
            if hear > shown {
                text.push_str(&format!(", {} not shown", hear - shown));
            }
            match app.stalled_tiles().filter(|tile| app.broadcast().hears(tile.member)).count() {
                0 => text,
                stalled => format!("{text}, {stalled} stalled"),
            }
        }
        Some(Receivers::Alone(id)) => {
            let tile = app.tile(id);
            let stalled = tile.is_some_and(|tile| tile.recovery.silent_since().is_some());
            let name = tile.map_or("this host", |tile| tile.name.as_str());
            format!("→ {name} alone{}", if stalled { ", stalled" } else { "" })
        }
        Some(Receivers::Nobody(why)) => format!("→ nobody: {}", app.explain(why)),
        None => format!(
            "→ nobody: {}",
            match app.keyboard() {
                Keyboard::Compare(_) => "you compare",
                Keyboard::Hosts | Keyboard::Scrollback => "you look back",
                Keyboard::Questions
                | Keyboard::Confirm(_)
                | Keyboard::Prompt(_)
                | Keyboard::Picker(..)
                | Keyboard::Preparing(_) => "keys go to the dialog",
                Keyboard::HostList => "keys go to the list of hosts",
                Keyboard::Menu(_) => "keys go to the menu",
                Keyboard::Help(_) => "keys go to the help",
            }
        ),
    }
}

/// The scope, where there is a limit, with the key that comes back to it: ` in web (C-a 2)`.
fn in_scope(app: &App) -> String {
    let scopes = app.scopes();
    let key = |number| match app.key_of_scope(number) {
        Some(key) => format!(" ({key})"),
        None => format!(" (scope {number})"),
    };
    let number = scopes.number().map_or(String::new(), key);
    match scopes.current.choice.rule {
        Rule::All => String::new(),
        _ => format!(" in {}{number}", scopes.current.choice.name),
    }
}

/// What is not as usual, the most important first.
fn facts(app: &App, layout: &Layout) -> Vec<String> {
    let mut facts = states(app);
    if layout.pages > 1 {
        facts.push(format!("page {} of {}", layout.page + 1, layout.pages));
    }
    facts
}

/// How many hosts are in a state that is not the usual one.
pub(super) fn states(app: &App) -> Vec<String> {
    let counts = Counts::of(app.broadcast()).without_run(app);
    let mut facts: Vec<String> = [
        (counts.held, "held"),
        (counts.waiting, "waiting"),
        (counts.detached, "detached"),
        (counts.opening, "connecting"),
        (app.returning(), "reconnecting"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{n} {word}"))
    .collect();
    if !matches!(app.audience(), Some(Receivers::All(_))) && app.scopes().current.choice.rule != Rule::All {
        facts.insert(0, format!("scope:{}", in_scope(app).trim_start_matches(" in")));
    }
    // Those that do not come back by themselves.
    match counts.closed - app.returning().min(counts.closed) {
        0 => {}
        n => facts.push(format!("{n} closed: {}", app.options().keymap.hint(Action::ReconnectAll))),
    }
    let quiet = app.stalled_tiles().filter(|tile| !app.broadcast().hears(tile.member)).count();
    if quiet > 0 {
        facts.insert(0, format!("{quiet} stalled"));
    }
    if counts.backlog >= BACKLOG_SHOWN {
        facts.insert(0, format!("{} behind", bytes(counts.backlog)));
    }
    facts.splice(0..0, app.course().told());
    facts.extend(fold::way_back(app));
    facts.extend(super::marks::facts(app));
    if app.keeping().logged() > 0 {
        facts.push(format!("{} logged", app.keeping().logged()));
    }
    facts
}

#[derive(Default)]
struct Counts {
    held: usize,
    waiting: usize,
    detached: usize,
    opening: usize,
    closed: usize,
    backlog: usize,
}

impl Counts {
    fn of(broadcast: &Broadcast) -> Counts {
        let mut counts = Counts::default();
        for member in broadcast.members() {
            counts.held += usize::from(member.is_held());
            counts.waiting += usize::from(member.entry() == Entry::Waiting && member.life() == Life::Open);
            counts.detached += usize::from(member.part() == Part::Detached);
            counts.opening += usize::from(member.life() == Life::Opening);
            counts.closed += usize::from(member.life() == Life::Closed);
            counts.backlog += member.backlog();
        }
        counts
    }

    /// The same where a run is shown: how far that is stands in words of its own.
    fn without_run(self, app: &App) -> Counts {
        if !app.course().is_shown() {
            return self;
        }
        let shells = || app.tiles().filter(|tile| tile.work == Work::Shell);
        let closed = shells().filter(|tile| tile.state.is_closed()).count();
        let opening = shells().filter(|tile| !tile.state.is_closed() && !tile.state.is_ready()).count();
        Counts { opening, closed, ..self }
    }
}

/// As many facts as fit.
fn fill(facts: &[String], line: Rect, room: u16, buf: &mut Buffer) {
    let mut line = Rect { width: room.min(line.width), ..line };
    for fact in facts {
        let text = format!(" {fact} ");
        if width(&text) > line.width {
            return;
        }
        let used = put(buf, line, &text, Style::new());
        line = behind(line, used);
    }
}

/// A sentence in the rows above the bottom line.
fn above(layout: &Layout, text: &str, style: Style, buf: &mut Buffer) {
    let lines = wrap(text, layout.area.width.saturating_sub(2));
    let rows = (lines.len() as u16).min(NOTE_ROWS).min(layout.status.y);
    let area = Rect::new(0, layout.status.y - rows, layout.area.width, rows);
    Clear.render(area.intersection(buf.area), buf);
    for (n, line) in lines.iter().take(usize::from(rows)).enumerate() {
        put(buf, behind(row(area, n as u16), 1), line, style);
    }
}

/// What is recorded, always; the prefix while it waits for its key; the keys of looking back; otherwise where the help is.
fn right(app: &App) -> String {
    let map = &app.options().keymap;
    let rec = if app.keeping().is_recording() { "● rec " } else { "" };
    let recorded = format!("{}{rec}", if app.is_scripting() { "● script " } else { "" });
    if app.is_prefixed() {
        format!("{recorded} {} … ", map.prefix())
    } else if app.audience().is_none() && matches!(app.keyboard(), Keyboard::Hosts | Keyboard::Scrollback) {
        let hint = |action| map.hint(action);
        format!(
            "{recorded} {} search  {} select  {} copy  {} leave ",
            hint(Action::SearchOlder),
            hint(Action::SelectBegin),
            hint(Action::CopySelection),
            hint(Action::LeaveAtOnce)
        )
    } else if matches!(app.keyboard(), Keyboard::Hosts | Keyboard::Scrollback | Keyboard::HostList) {
        format!("{recorded}{} help ", map.hint(Action::Help))
    } else {
        // A dialog takes no prefix, or none for the help, and tells its own keys.
        recorded.to_owned()
    }
}
