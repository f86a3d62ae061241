//! The app: everything the user sees and does, as a state machine.
//!
//! [`App::step`] takes one event and returns what is to be done; it waits for nothing, knows no clock, and cannot fail.
//! What can go wrong outside comes back as an event. Whoever has the keyboard is one value ([`Keyboard`]), so a key can
//! never reach two places. The parts by subject: `sending` (keys, pastes and mouse to hosts), `sessions` (the life of
//! a tile), `recovery` (links that stall, are lost and come back), `verbs` (what each action does), `view`
//! (densities, sizes), `controlled` (what scripts ask for), `hostlist`, `menu`, `dialogs` and `questions`.

mod clipboard;
mod comparing;
mod composing;
mod controlled;
mod dialogs;
mod dispatch;
mod fold_acts;
mod fold_names;
mod fold_tiles;
mod folding;
mod guards;
mod hostlist;
mod keeping;
mod macros;
mod menu;
mod notes;
mod options;
mod pasting;
mod picking;
mod pointer;
mod prompt;
mod questions;
mod quiet;
mod reading;
mod recovery;
mod restoring;
mod running;
mod scope_list;
mod scoping;
mod scripting;
mod searching;
mod secret;
mod selecting;
mod sending;
mod sent;
mod sessions;
mod signs;
mod tiles;
mod typed;
mod unseen;
mod updates;
mod verbs;
mod view;
mod watching;

use std::collections::HashSet;
use std::time::Duration;

use crate::broadcast::{Broadcast, MemberId, Reach, Receivers};
use crate::escape;
use crate::pane::Key;
use crate::session::SessionId;
use crate::size::Size;

use super::action::Place;
use super::compose::Past;
use super::event::{Effect, Event, Opened};
use super::layout::{Layout, Zoom};
use super::picker::Picker;
use super::watch::Watches;

pub use comparing::Comparison;
pub use composing::Preparing;
pub use dialogs::Confirm;
pub use dispatch::Parcel;
pub use folding::{FoldOptions, FoldView};
pub use guards::{Caution, Mix, Sending};
pub use hostlist::{HostList, Listed};
pub use keeping::Keeping;
pub use macros::Macro;
pub use menu::{Item, Menu};
pub use notes::{Note, Notes, Tone};
pub use options::{
    HistoryKept, HostBell, HostClipboard, LogStart, Options, PasteConfirm, Reconnect, Retile, ScopeDefault,
    SetsKept, ViewOptions, ZoomHears,
};
pub use pasting::{Controls, LineByLine, Pasting, pasted_lines};
pub use picking::Picking;
pub use prompt::{Prompt, Purpose};
pub use questions::{Answers, Dialog, Questions, Topic, Waiting};
pub use quiet::QUIET;
pub use reading::{Look, Scrolling, Window};
pub use recovery::Recovery;
pub use restoring::Restored;
pub use running::{Course, Step, Work, command_ending};
pub use scripting::ScriptStart;
pub use searching::SLICE_BYTES;
pub use secret::{Audience, SecretBox};
pub use sent::{Entry as SentEntry, How, Sent, Text as SentText};
pub use sessions::{ending, ending_in_short};
pub use signs::Sign;
pub use tiles::{Mark, Tile};
pub use typed::{Certainty, Typed, TypedLine, Typing, ends_line};
pub use watching::{WatchDraft, WatchKind};

use tiles::Tiles;

/// Who has the keyboard.
#[derive(Debug)]
pub enum Keyboard {
    /// The hosts, by the rule of the broadcast.
    Hosts,
    /// The scrollback of the focused tile.
    Scrollback,
    /// The dialog of questions.
    Questions,
    /// A question of omnes itself.
    Confirm(Confirm),
    /// A line that omnes asks for.
    Prompt(Prompt),
    /// A list to choose from.
    Picker(Picking, Picker),
    /// The list of hosts at the side.
    HostList,
    /// The menu of one host.
    Menu(Menu),
    /// Two screens side by side.
    Compare(Comparison),
    /// Something that is being prepared for the hosts.
    Preparing(Preparing),
    /// The list of keys, scrolled down by so many lines.
    Help(usize),
}

/// Everything on the screen and behind it.
pub struct App {
    options: Options,
    now: Duration,
    screen: Size,
    tiles: Tiles,
    /// The tiles that the view shows, in its order; every tile, unless the view leaves some out.
    order: Vec<MemberId>,
    broadcast: Broadcast,
    layout: Layout,
    zoom: Zoom,
    view: view::View,
    keyboard: Keyboard,
    /// From when on a dialog takes keys.
    quiet: quiet::Quiet,
    /// Since when the prefix is pressed; the next key is for omnes.
    prefixed: Option<Duration>,
    questions: Questions,
    notes: Notes,
    /// Texts composed before.
    past: Past,
    sent: Sent,
    keeping: Keeping,
    scripting: scripting::Scripting,
    pointer: pointer::Pointer,
    returns: recovery::Returns,
    folds: folding::Folds,
    controlled: controlled::Controlled,
    scoping: scoping::Scoping,
    /// Hosts in a mode of their own that the user has let hear the rest of the line.
    allowed: HashSet<(MemberId, guards::Mode)>,
    reading: reading::Reading,
    searching: searching::Searching,
    copying: selecting::Copying,
    signs: signs::Signs,
    watches: Watches,
    clipboard: clipboard::Clipboard,
    course: Course,
    /// The size of the remote terminals, and when a new one is to be told them.
    terminal: Size,
    terminal_due: Option<Duration>,
    terminal_told: Duration,
    updates: updates::Updates,
    unseen: unseen::Unseen,
    /// Given out so far.
    sessions: u32,
    /// The targets the event loop keeps.
    targets: usize,
    effects: Vec<Effect>,
}

impl App {
    /// An app on a screen, with nothing open yet.
    pub fn new(options: Options, screen: Size) -> App {
        options.prompts.ready();
        let view = view::View::new(&options);
        let layout = view.empty(screen, options.min_tile);
        App {
            folds: folding::Folds::new(&options.fold),
            keeping: Keeping::new(options.log),
            scoping: scoping::Scoping::of(options.scope),
            allowed: HashSet::new(),
            options,
            now: Duration::ZERO,
            screen,
            tiles: Tiles::default(),
            order: Vec::new(),
            broadcast: Broadcast::default(),
            terminal: layout.terminal,
            layout,
            zoom: Zoom::Grid,
            view,
            keyboard: Keyboard::Hosts,
            quiet: quiet::Quiet::OVER,
            prefixed: None,
            questions: Questions::default(),
            notes: Notes::default(),
            past: Past::default(),
            sent: Sent::default(),
            scripting: scripting::Scripting::default(),
            pointer: pointer::Pointer::default(),
            returns: recovery::Returns::default(),
            controlled: controlled::Controlled::default(),
            reading: reading::Reading::default(),
            searching: searching::Searching::default(),
            copying: selecting::Copying::default(),
            signs: signs::Signs::default(),
            watches: Watches::default(),
            clipboard: clipboard::Clipboard::default(),
            course: Course::default(),
            terminal_due: None,
            terminal_told: Duration::ZERO,
            updates: updates::Updates::default(),
            unseen: unseen::Unseen::default(),
            sessions: 0,
            targets: 0,
            effects: Vec::new(),
        }
    }

    /// Opens the first hosts; their targets are the first of the event loop's list.
    pub fn start<H: Into<Opened>>(&mut self, hosts: impl IntoIterator<Item = H>) -> Vec<Effect> {
        self.open_hosts(hosts.into_iter().map(Into::into).collect());
        self.script_at_start();
        self.refold(folding::Look::All);
        self.follow_sight(true);
        std::mem::take(&mut self.effects)
    }

    /// Takes one event at a time that never goes back; returns what is to be done, in order.
    pub fn step(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        self.now = now;
        let before = self.broadcast.receivers().count();
        let look = self.whose_class(&event);
        let is_act = scoping::is_act(&event);
        match event {
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resize(size) => self.resize(size),
            Event::Resumed(size) => {
                self.resize(size);
                self.effects.push(Effect::Redraw);
            }
            Event::Focus(change) => self.tell_focus(self.broadcast.focus(), change),
            Event::Session(id, event) => self.session(id, event),
            Event::Question(id, question) => {
                self.questions.add(id, question, now);
                self.offer_questions();
            }
            Event::QuestionWithdrawn(id) => self.questions.withdraw(id),
            Event::Added(hosts) => self.open_hosts(hosts),
            Event::AddFailed(why) => self.notes.tell(Tone::Bad, escape::text(&why, 400), now),
            Event::RunSaid(sentence) => self.run_said(&sentence),
            Event::Kept(told) => self.kept(told),
            Event::Control(id, request) => self.control(id, request),
            Event::ControlGone(id) => self.controlled.forget(id),
            Event::FoundFor(id, found) => self.found_for(id, found),
            Event::FileWritten { path, result } => self.file_written(&path, result),
            Event::Tick => {}
        }
        self.follow_sight(is_act);
        self.tell_terminal_size();
        self.return_due();
        self.show_updates();
        self.ask_for_motion();
        self.walk_lines();
        self.refold(look);
        self.look_for_waits();
        self.look_for_unseen();
        self.search_on();
        self.watch_time();
        // What the view did by itself is no reason for the scope to follow it at the user's next key.
        self.scoping.forget_layout();
        self.notes.forget(now);
        if self.broadcast.receivers().count() > before {
            self.notes.flash(now);
        }
        std::mem::take(&mut self.effects)
    }

    /// When the app wants [`Event::Tick`] next; `None` when nothing on the screen changes by itself.
    pub fn wake_at(&self) -> Option<Duration> {
        let now = self.now;
        let hints = self.hints_at().filter(|at| *at > now);
        [
            hints,
            self.terminal_due,
            self.updates.wake_at(),
            self.notes.wake_at(now),
            self.questions.wake_at(now),
            self.returns.wake_at(now),
            self.listens_at(),
            self.folds.wake_at(),
            self.controlled.wake_at(),
            self.search_wakes(),
            self.watches.wake_at(),
            self.lines_due(),
            self.unseen.wake_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn key(&mut self, key: Key) {
        if self.prefixed.take().is_some() {
            return self.prefixed_key(key);
        }
        let takes_prefix = matches!(
            self.keyboard,
            Keyboard::Hosts | Keyboard::Scrollback | Keyboard::Questions | Keyboard::HostList
        );
        if takes_prefix && key == self.options.keymap.prefix() {
            self.prefixed = Some(self.now);
            return;
        }
        if matches!(self.keyboard, Keyboard::Hosts)
            && let Some(action) = self.options.keymap.action(Place::Direct, key)
        {
            return self.perform(action);
        }
        if self.is_too_early() {
            return;
        }
        match &mut self.keyboard {
            Keyboard::Hosts => self.send_key(key),
            Keyboard::Scrollback => self.scrollback_key(key),
            Keyboard::Questions => self.question_key(key),
            Keyboard::Confirm(_) => self.confirm_key(key),
            Keyboard::Prompt(_) => self.prompt_key(key),
            Keyboard::Picker(..) => self.picker_key(key),
            Keyboard::HostList => self.list_key(key),
            Keyboard::Menu(_) => self.menu_key(key),
            Keyboard::Compare(_) => self.compare_key(key),
            Keyboard::Preparing(_) => self.sending_key(key),
            Keyboard::Help(_) => self.help_key(key),
        }
    }

    /// A key after the prefix: it is for omnes, and never reaches a host.
    fn prefixed_key(&mut self, key: Key) {
        match self.options.keymap.action(Place::Prefix, key) {
            Some(action) if self.in_dialog() && !action.works_in_dialogs() => {
                self.notes.say(Tone::Plain, "Esc closes the dialog first", self.now);
            }
            Some(action) => self.perform(action),
            None if key.code() == crate::pane::KeyCode::Esc => self.follow_cursor(),
            None if self.press_macro(key) => {}
            None => {
                let map = &self.options.keymap;
                let help = map.hint(super::action::Action::Help);
                let text = format!("{} {key} does nothing; {help} shows the keys", map.prefix());
                self.notes.say(Tone::Plain, text, self.now);
            }
        }
    }

    fn in_dialog(&self) -> bool {
        matches!(self.keyboard, Keyboard::Questions)
    }

    /// Computes the geometry anew, after a change of anything it depends on.
    fn relayout(&mut self) {
        self.order = self.fold_order().unwrap_or_else(|| self.tiles.ids().to_vec());
        self.layout = Layout::of(self.scene());
        self.pointer.look_again();
        self.broadcast.set_reach(match (self.zoom, self.options.zoom_hears) {
            (Zoom::Focus, ZoomHears::Alone) => Reach::FocusOnly,
            _ => Reach::Everyone,
        });
        self.scoping.laid_out();
        self.see();
    }

    /// Opens the dialog of questions, if it may open by itself now.
    fn offer_questions(&mut self) {
        if matches!(self.keyboard, Keyboard::Hosts) && self.prefixed.is_none() && self.questions.may_open() {
            self.questions.open_unasked(self.now);
            self.keyboard = Keyboard::Questions;
        }
    }

    fn next_session(&mut self) -> SessionId {
        let id = SessionId(self.sessions);
        self.sessions += 1;
        id
    }

    /// The focused tile.
    fn focused(&self) -> Option<&Tile> {
        self.broadcast.focus().and_then(|id| self.tiles.get(id))
    }
}

/// What drawing reads.
impl App {
    /// The geometry of the screen.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The user's preferences.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Who has the keyboard.
    pub fn keyboard(&self) -> &Keyboard {
        &self.keyboard
    }

    /// Is the next key for omnes?
    pub fn is_prefixed(&self) -> bool {
        self.prefixed.is_some()
    }

    /// When the keys that may follow the prefix are shown, if it waits for one.
    pub fn hints_at(&self) -> Option<Duration> {
        Some(self.prefixed? + self.options.which_key?)
    }

    /// The time of the last step.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The questions that wait.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// What is said in the status line.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Who receives, what is kept, and where the focus is.
    pub fn broadcast(&self) -> &Broadcast {
        &self.broadcast
    }

    /// One tile.
    pub fn tile(&self, id: MemberId) -> Option<&Tile> {
        self.tiles.get(id)
    }

    /// All tiles, in order.
    pub fn tiles(&self) -> impl ExactSizeIterator<Item = &Tile> {
        self.tiles.iter()
    }

    /// Who hears the next key: nobody (`None`) while the keyboard is not with the hosts.
    pub fn audience(&self) -> Option<Receivers> {
        matches!(self.keyboard, Keyboard::Hosts).then(|| self.broadcast.receivers())
    }

    /// The mark of a tile: what the frame and the glyph say of it.
    pub fn mark(&self, id: MemberId) -> Mark {
        let Some(member) = self.broadcast.member(id) else { return Mark::Closed };
        let hears = self.audience().is_some() && self.broadcast.hears(id);
        Mark::of(member, hears)
    }
}
