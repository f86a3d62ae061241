//! What the app shows, as lines: what hosts say, how they stand, who hears, and what omnes says.
//!
//! A host's line is told when the cursor has left it; the one with the cursor, a prompt mostly, when the host has been
//! quiet for a moment. A line that ends with what was just typed there is its echo, and is not told again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use ratatui::buffer::Buffer;

use crate::broadcast::{Entry, Life, MemberId, Part, Receivers};
use crate::escape;
use crate::pane::Situation;
use crate::session::SessionState;
use crate::tui::app::{App, Keyboard, Preparing, Tile, ending_in_short};
use crate::tui::draw;

use super::gather::{Said, merge};

/// A host that said nothing for so long tells the line with its cursor too.
const QUIET: Duration = Duration::from_millis(300);

/// Lines of one host told at once; the next ones follow, and what its history loses meanwhile is counted.
const MOST_LINES: u64 = 200;

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode.
    Utf8,
    /// ASCII; others are told by their number.
    Ascii,
}

/// What was told so far.
#[derive(Debug)]
pub struct Teller {
    charset: Charset,
    told: HashMap<MemberId, Told>,
    /// Hosts of which something may be new.
    touched: BTreeSet<MemberId>,
    reach: Reach,
    /// Hosts whose line with the cursor was not told yet, and when they said something last.
    unsettled: BTreeMap<MemberId, Duration>,
    audience: String,
    /// Hosts that hear and ask for a secret; ascending.
    asking: Vec<MemberId>,
    /// How many of the sentences of omnes were told.
    notes: u64,
    dialog: Vec<String>,
}

/// Of which hosts something may be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Of those that were touched.
    Touched,
    /// Of every one.
    All,
}

/// What was told of one host.
#[derive(Debug, Default)]
struct Told {
    state: String,
    /// The next line to tell, counted from the host's first line ever.
    next: u64,
    /// The line with the cursor as it was told last, and which it was.
    open: (u64, String),
    /// What was typed for it last and may be echoed.
    echo: Option<String>,
    /// Does a program have the whole screen?
    whole_screen: bool,
}

impl Teller {
    /// Nothing was told yet.
    pub fn new(charset: Charset) -> Teller {
        Teller {
            charset,
            told: HashMap::new(),
            touched: BTreeSet::new(),
            reach: Reach::All,
            unsettled: BTreeMap::new(),
            audience: String::new(),
            asking: Vec::new(),
            notes: 0,
            dialog: Vec::new(),
        }
    }

    /// Something became of this host.
    pub fn touch(&mut self, member: MemberId, now: Duration) {
        self.touched.insert(member);
        self.unsettled.insert(member, now);
    }

    /// Something may have become of all of them.
    pub fn touch_all(&mut self) {
        self.reach = Reach::All;
    }

    /// This was typed for the hosts that hear, and they will echo it.
    pub fn typed(&mut self, app: &App, line: &str) {
        for member in app.broadcast().hearing() {
            let echo = Some(line.trim().to_owned()).filter(|line| !line.is_empty());
            self.told.entry(member).or_default().echo = echo;
        }
    }

    /// Does the user know the dialog that is open now?
    pub fn has_told_dialog(&self, app: &App) -> bool {
        self.dialog == dialog_of(app)
    }

    /// Is there more to tell at once?
    pub fn has_more(&self) -> bool {
        !self.touched.is_empty()
    }

    /// When a line with a cursor is to be told.
    pub fn wake_at(&self) -> Option<Duration> {
        self.unsettled.values().min().map(|heard| *heard + QUIET)
    }

    /// What is new at this moment, as lines for the terminal.
    pub fn tell(&mut self, app: &App, now: Duration) -> Vec<String> {
        let quiet: Vec<MemberId> =
            self.unsettled.iter().filter(|(_, heard)| **heard + QUIET <= now).map(|(id, _)| *id).collect();
        let mut touched = std::mem::take(&mut self.touched);
        if std::mem::replace(&mut self.reach, Reach::Touched) == Reach::All {
            touched.extend(app.tiles().map(|tile| tile.member));
        }
        let (mut states, mut says) = (Vec::new(), Vec::new());
        for id in touched.union(&quiet.iter().copied().collect()) {
            let Some(tile) = app.tile(*id) else {
                self.told.remove(id);
                self.unsettled.remove(id);
                continue;
            };
            let told = self.told.entry(*id).or_default();
            states.push(said(tile, told.new_state(app, tile).into_iter().collect()));
            let (mut lines, more) = told.new_lines(tile);
            if self.unsettled.get(id).is_some_and(|heard| *heard + QUIET <= now) && !more {
                lines.extend(told.open_line(tile));
                self.unsettled.remove(id);
            }
            if more {
                self.touched.insert(*id);
            }
            says.push(said(tile, lines));
        }
        let mut lines = merge(says);
        lines.extend(merge(states));
        self.tell_app(app, &mut lines);
        lines.iter().map(|line| self.shown(line)).collect()
    }

    /// What omnes itself has to say, where it is new.
    fn tell_app(&mut self, app: &App, lines: &mut Vec<String>) {
        self.tell_notes(app, lines);
        let dialog = dialog_of(app);
        if dialog != self.dialog {
            lines.extend(dialog.iter().map(|line| format!("omnes: {line}")));
        }
        self.dialog = dialog;
        let audience = audience_of(app);
        if audience != self.audience {
            lines.push(format!("omnes: {audience}"));
        }
        self.audience = audience;
        let mut asking = app.broadcast().hearing();
        asking.retain(|id| app.situation(*id) == Situation::Secret);
        if asking.iter().any(|id| self.asking.binary_search(id).is_err()) {
            let who = app.named(&asking);
            lines.push(format!(
                "omnes: {who} asks for a secret: `:send-secret` types it unseen; a line would be seen here"
            ));
        }
        self.asking = asking;
    }

    /// Every sentence that omnes said since the last look; of very many the last ones, and how many there were before.
    fn tell_notes(&mut self, app: &App, lines: &mut Vec<String>) {
        let (lost, said) = app.notes().since(self.notes);
        if lost > 0 {
            lines.push(format!("omnes: (... {lost} sentences before these are left out)"));
        }
        let mut last = None;
        for note in said.filter(|note| !note.is_empty()) {
            if last != Some(note) && !lines.iter().any(|line| line == note) {
                lines.push(format!("omnes: {note}"));
            }
            last = Some(note);
        }
        self.notes = app.notes().count();
    }

    /// A line as this terminal can show it.
    pub fn shown(&self, line: &str) -> String {
        match self.charset {
            Charset::Utf8 => line.to_owned(),
            Charset::Ascii => line.chars().flat_map(ascii).collect(),
        }
    }
}

/// A character in ASCII: signs of ours by their likes, all others by their number.
fn ascii(c: char) -> Vec<char> {
    match c {
        c if c.is_ascii() => vec![c],
        '→' => "->".chars().collect(),
        '·' => vec!['-'],
        '…' => "...".chars().collect(),
        '│' => vec!['|'],
        '×' => vec!['x'],
        '▶' => vec!['>'],
        c => c.escape_unicode().collect(),
    }
}

fn said(tile: &Tile, lines: VecDeque<String>) -> Said {
    Said { host: tile.host.to_string(), name: tile.host.name().to_owned(), lines }
}

impl Told {
    fn new_state(&mut self, app: &App, tile: &Tile) -> Option<String> {
        let state = state_of(app, tile);
        if state == self.state {
            return None;
        }
        self.state.clone_from(&state);
        (!state.is_empty()).then_some(state)
    }

    /// The lines that the cursor has left, and whether there are more of them.
    fn new_lines(&mut self, tile: &Tile) -> (VecDeque<String>, bool) {
        let screen = tile.pane.screen();
        let whole = tile.pane.modes().alternate_screen;
        if whole != std::mem::replace(&mut self.whole_screen, whole) {
            let word = if whole { "has begun; :dump shows it" } else { "has ended" };
            let line = format!("(a full-screen program {word})");
            return (VecDeque::from([line]), !whole);
        }
        if whole {
            return (VecDeque::new(), false);
        }
        let dropped = screen.history_dropped();
        let top = dropped + screen.history_len() as u64;
        let cursor = top + u64::from(screen.cursor().row);
        let mut lines = VecDeque::new();
        // A program that has moved the cursor up writes those lines anew.
        self.next = self.next.min(cursor);
        if self.next < dropped {
            lines.push_back(format!("(... {} lines were too many and are left out)", dropped - self.next));
            self.next = dropped;
        }
        let last = cursor.min(self.next + MOST_LINES);
        for line in self.next..last {
            let text = screen.line((line - dropped) as usize).text();
            let text = escape::line(text.trim_end().as_bytes());
            if !self.is_echo(line, &text) {
                lines.push_back(text);
            }
        }
        self.next = last;
        (lines, last < cursor)
    }

    /// Is this line told already, as it was open, or what was just typed there? That is told only once.
    fn is_echo(&mut self, line: u64, text: &str) -> bool {
        if (line, text) == (self.open.0, self.open.1.as_str()) {
            return true;
        }
        self.echo.take_if(|echo| text.ends_with(echo.as_str())).is_some()
    }

    /// The line with the cursor, if it was not told yet.
    fn open_line(&mut self, tile: &Tile) -> Option<String> {
        let screen = tile.pane.screen();
        if self.whole_screen {
            return None;
        }
        let row = screen.cursor().row;
        let line = screen.history_dropped() + screen.history_len() as u64 + u64::from(row);
        let text = escape::line(screen.row_text(row).as_bytes());
        let open = (line, text);
        if open.1.is_empty() || open == self.open {
            return None;
        }
        self.open = open;
        Some(self.open.1.clone())
    }
}

/// How a host stands, in a few words; nothing while it is on its way.
fn state_of(app: &App, tile: &Tile) -> String {
    let member = app.broadcast().member(tile.member);
    match &tile.state {
        SessionState::Closed(outcome) => format!("closed: {}", ending_in_short(outcome)),
        SessionState::Ready if tile.recovery.silent_since().is_some() => "stalled".to_owned(),
        SessionState::Ready => {
            let Some(member) = member else { return String::new() };
            match (member.life(), member.entry(), member.part()) {
                _ if member.is_held() => "held: it does not take input".to_owned(),
                (Life::Open, Entry::Waiting, _) => "ready, waits to be let in".to_owned(),
                (_, _, Part::Detached) => "detached".to_owned(),
                _ => "ready".to_owned(),
            }
        }
        _ => String::new(),
    }
}

/// Who hears the next line.
fn audience_of(app: &App) -> String {
    let all = app.tiles().len();
    match app.audience() {
        Some(Receivers::All(1)) if all == 1 => "the one host hears".to_owned(),
        Some(Receivers::All(hear)) if hear == all => format!("all {all} hosts hear"),
        Some(Receivers::All(hear)) => format!("{hear} of {all} hosts hear"),
        Some(Receivers::Alone(id)) => {
            format!("{} alone hears", app.tile(id).map_or("this host", |tile| tile.name.as_str()))
        }
        Some(Receivers::Nobody(why)) => format!("nobody hears: {}", app.explain(why)),
        None => "nobody hears: lines go to the question".to_owned(),
    }
}

/// What a dialog says, one line after the other, and how it is answered by lines.
fn dialog_of(app: &App) -> Vec<String> {
    let keys = match app.keyboard() {
        Keyboard::Hosts | Keyboard::Scrollback => return Vec::new(),
        Keyboard::Questions => super::words::answers(app),
        Keyboard::Confirm(_) => "type y for yes; anything else is no",
        Keyboard::Preparing(Preparing::Secret(_)) => super::words::SECRET,
        _ => "type it, or an empty line to leave",
    };
    let mut buffer = Buffer::empty(app.layout().area);
    draw::draw(app, app.layout(), &mut buffer);
    let mut lines = boxed(&buffer);
    // The last row names keys, and here lines answer.
    lines.pop();
    lines.retain(|line| !line.starts_with("hidden:") && !line.is_empty());
    lines.push(keys.to_owned());
    lines
}

/// The rows inside the box that a dialog is drawn as.
fn boxed(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let at = |x, y| buffer[(x, y)].symbol();
    let corner = (0..area.height).find_map(|y| (0..area.width).find(|x| at(*x, y) == "┏").map(|x| (x, y)));
    let Some((left, top)) = corner else { return Vec::new() };
    let right = (left..area.width).find(|x| at(*x, top) == "┓").unwrap_or(area.width - 1);
    let bottom = (top..area.height).find(|y| at(left, *y) == "┗").unwrap_or(area.height - 1);
    let row = |y| (left + 1..right).map(|x| at(x, y)).collect::<String>().trim_end().to_owned();
    (top + 1..bottom).map(row).collect()
}
