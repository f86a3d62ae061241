//! All ways of looking at hosts at once: whatever is pressed and whatever becomes of the hosts, what is shown is true.

use std::collections::BTreeSet;
use std::time::Duration;

use omnes::broadcast::{Entry, Life, Member, MemberId, Part, Reach, Receivers, Scope};
use omnes::pane::{Mods, MouseButton, MouseEvent, MouseKind};
use omnes::session::SessionEvent;
use omnes::size::Size;
use omnes::tui::app::{FoldOptions, FoldView, Keyboard, Options, Reconnect, ZoomHears};
use omnes::tui::draw;
use omnes::tui::event::Event;

use crate::harness::Ui;

/// Keys that change how the hosts are looked at, who takes part, and where the keyboard is.
const LOOKS: [&str; 56] = [
    "C-a Space",
    "C-a M-Space",
    "C-a w",
    "C-a w Esc",
    "C-a w h Enter",
    "Esc",
    "Esc",
    "q",
    "Down",
    "Enter",
    "C-a f",
    "C-a f",
    "C-a Enter",
    "C-a O",
    "C-a F",
    "C-a 0",
    "C-a v",
    "C-a V",
    "C-a H",
    "C-a m",
    "C-a M",
    "C-a M-d",
    "C-a M-d n j l",
    "C-a z",
    "C-a z",
    "C-a [",
    "C-a PageUp",
    "k",
    "v",
    "y",
    "C-a n",
    "C-a p",
    "C-a PageUp",
    "C-a Home",
    "C-a End",
    "C-a o",
    "C-a h",
    "C-a j",
    "C-a k",
    "C-a l",
    "C-a M-Left",
    "C-a M-Right",
    "C-a M-Up",
    "C-a M-Down",
    "C-a t",
    "C-a =",
    "C-a d",
    "C-a d",
    "C-a D",
    "C-a i",
    "C-a g",
    "C-a b",
    "C-a A",
    "C-a !",
    "C-a ?",
    "C-a x",
];

/// What hosts print: prompts, long lines, wide characters, hidden cursors, full screens, bells, other titles.
const PRINTS: [&str; 10] = [
    "NAME:~$ ",
    "\r\n",
    "ok\r\n",
    "\x1b[2J\x1b[HNAME:~$ ",
    "日本語日本語日本語\r\n",
    "\x07",
    "\x1b[?1049h\x1b[?25l\x1b[?1002h\x1b[?1006h~\r\n~\r\n",
    "\x1b[?1049l\x1b[?25h\x1b[?1002l",
    "\x1b]0;title\x07",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];

const SCREENS: [(u16, u16); 12] = [
    (1, 1),
    (1, 80),
    (2, 3),
    (3, 9),
    (5, 20),
    (10, 40),
    (25, 80),
    (24, 200),
    (51, 203),
    (100, 300),
    (60, 12),
    (4, 120),
];

/// An app under a storm of keys and events, the same for the same seed.
struct Storm {
    ui: Ui,
    seed: u64,
    came: usize,
    zoom: ZoomHears,
}

impl Storm {
    fn of(seed: u64) -> Storm {
        let mut storm = Storm { ui: Ui::of(&[]), seed, came: 0, zoom: ZoomHears::default() };
        let size = storm.screen();
        storm.zoom = if storm.random(3) == 0 { ZoomHears::Alone } else { ZoomHears::default() };
        let view = if storm.random(2) == 0 { FoldView::On } else { FoldView::Off };
        let options = Options {
            fold: FoldOptions { view, ..FoldOptions::default() },
            zoom_hears: storm.zoom,
            reconnect: if storm.random(2) == 0 { Reconnect::Auto } else { Reconnect::Ask },
            ..Options::default()
        };
        storm.came = [1, 2, 5, 30][storm.random(4)];
        let names: Vec<String> = (0..storm.came).map(|n| format!("h{n}")).collect();
        storm.ui = Ui::connecting(options, size, &names.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &names {
            if storm.random(8) > 0 {
                storm.ui.ready(name);
                storm.ui.output(name, &format!("{name}:~$ "));
            }
        }
        storm
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.seed >> 33) as usize % below
    }

    fn screen(&mut self) -> Size {
        let (rows, cols) = SCREENS[self.random(SCREENS.len())];
        Size::new(rows, cols)
    }

    fn some_host(&mut self) -> Option<String> {
        let hosts = self.ui.app.tiles().len().max(1);
        let at = self.random(hosts);
        self.ui.app.tiles().nth(at).map(|tile| tile.name.clone())
    }

    /// Does one thing, and says what.
    fn act(&mut self) -> String {
        match self.random(20) {
            0 => {
                let size = self.screen();
                self.ui.step(Event::Resize(size));
                format!("resize {size}")
            }
            1..=6 => self.host(),
            7 => {
                let time = Duration::from_millis([1, 60, 400, 2500][self.random(4)]);
                self.ui.wait(time);
                format!("{time:?} pass")
            }
            8 => self.mouse(),
            9 => {
                self.ui.text("x");
                "x".to_owned()
            }
            _ => {
                let keys = LOOKS[self.random(LOOKS.len())];
                self.ui.keys(keys);
                keys.to_owned()
            }
        }
    }

    fn host(&mut self) -> String {
        let Some(name) = self.some_host() else { return self.comes() };
        match self.random(12) {
            0 => self.ui.dies(&name),
            1 => return self.comes(),
            2 => self.ui.ready(&name),
            3 => self.ui.session_event(&name, SessionEvent::Stalled(Duration::from_secs(9))),
            4 => self.ui.session_event(&name, SessionEvent::Resumed),
            5 => {
                // All of them at once, as after a command.
                let names: Vec<String> = self.ui.app.tiles().map(|tile| tile.name.clone()).collect();
                let print = PRINTS[self.random(PRINTS.len())];
                names.iter().for_each(|name| self.ui.output(name, &print.replace("NAME", name)));
            }
            _ => {
                let print = PRINTS[self.random(PRINTS.len())];
                self.ui.output(&name, &print.replace("NAME", &name));
            }
        }
        name
    }

    fn comes(&mut self) -> String {
        let name = format!("h{}", self.came);
        self.came += 1;
        self.ui.added(&[&name]);
        format!("{name} comes")
    }

    fn mouse(&mut self) -> String {
        let area = self.ui.app.layout().area;
        let (col, row) = (self.random(area.width.into()) as u16, self.random(area.height.into()) as u16);
        let buttons = [MouseButton::Left, MouseButton::Left, MouseButton::Right, MouseButton::Middle];
        let button = buttons[self.random(4)];
        let kinds = [
            MouseKind::Down(button),
            MouseKind::Up(button),
            MouseKind::Drag(button),
            MouseKind::Moved,
            MouseKind::WheelUp,
            MouseKind::WheelDown,
        ];
        let kind = kinds[self.random(kinds.len())];
        self.ui.step(Event::Mouse(MouseEvent { kind, row, col, mods: Mods::NONE }));
        format!("{kind:?} at {col},{row}")
    }

    /// Everything that must be true of what is shown.
    fn check(&self) {
        let app = &self.ui.app;
        let layout = app.layout();
        let buffer = self.ui.buffer();
        assert_eq!(buffer, self.ui.buffer(), "drawing changes nothing");
        for (id, rect) in &layout.tiles {
            assert!(rect.right() <= layout.area.width && rect.bottom() <= layout.status.y, "{id} {rect}");
        }
        if let Some((at, _)) = draw::cursor(app, layout) {
            assert!(layout.area.contains(at), "{at}");
        }
        match app.broadcast().focus() {
            Some(focus) => assert!(layout.rect(focus).is_some(), "the focused tile is on the screen"),
            None => assert_eq!((app.tiles().len(), layout.tiles.len()), (0, 0)),
        }
        self.check_folds();
        let bottom = (0..layout.area.width).map(|x| buffer[(x, layout.status.y)].symbol());
        self.check_status(&bottom.collect::<String>());
    }

    /// Every host is in one tile, with others that hear if it does.
    fn check_folds(&self) {
        let app = &self.ui.app;
        let mut seen = BTreeSet::new();
        for tile in
            app.tiles().filter(|tile| !app.shows_members() || app.layout().rect(tile.member).is_some())
        {
            let members = app.members_of_tile(tile.member);
            assert!(members.contains(&tile.member));
            assert_eq!(members.len(), app.stands_for(tile.member));
            let hears: BTreeSet<bool> = members.iter().map(|id| app.broadcast().hears(*id)).collect();
            assert_eq!(hears.len(), 1, "{members:?} are in one tile, and not all of them hear");
            seen.extend(members);
        }
        if !app.shows_members() {
            assert_eq!(seen.len(), app.tiles().len());
        }
    }

    /// Who hears, counted from the members, without what the broadcast itself says of it.
    fn hearing(&self) -> BTreeSet<MemberId> {
        let broadcast = self.ui.app.broadcast();
        let Some((at, focus)) = broadcast.focus().and_then(|id| Some((id, broadcast.member(id)?))) else {
            return BTreeSet::new();
        };
        let in_scope = |id: MemberId| match broadcast.scope() {
            Scope::All => true,
            Scope::Only(members) => members.contains(&id),
        };
        let listens = |id: MemberId| {
            broadcast.member(id).is_some_and(|m| m.life() == Life::Open && !m.is_held()) && in_scope(id)
        };
        let zoomed = self.ui.app.layout().tiles.len() == 1 && self.zoom == ZoomHears::Alone;
        let alone = focus.part() == Part::Detached || (zoomed && broadcast.reach() == Reach::FocusOnly);
        match (in_scope(at), alone) {
            (false, _) => BTreeSet::new(),
            (true, true) => [at].into_iter().filter(|id| listens(*id)).collect(),
            (true, false) => {
                let takes = |m: &Member| m.part() == Part::Attached && m.entry() == Entry::Admitted;
                let ids = self.ui.app.tiles().map(|tile| tile.member);
                ids.filter(|id| listens(*id) && broadcast.member(*id).is_some_and(takes)).collect()
            }
        }
    }

    fn check_status(&self, status: &str) {
        let app = &self.ui.app;
        let hearing = self.hearing();
        let status = status.trim();
        let all = app.tiles().len();
        let alone =
            app.broadcast().hearing().len() == 1 && !matches!(app.audience(), Some(Receivers::All(_)));
        let beginning = match (app.keyboard(), hearing.len()) {
            (Keyboard::Hosts, 0) => "→ nobody: ".to_owned(),
            (Keyboard::Hosts, 1) if alone => {
                let only = hearing.first().and_then(|id| app.tile(*id)).expect("a host");
                format!("→ {} alone", only.name)
            }
            (Keyboard::Hosts, 1) if all == 1 => "→ 1 host".to_owned(),
            (Keyboard::Hosts, n) if n == all => format!("→ {n} hosts"),
            (Keyboard::Hosts, n) => format!("→ {n} of {all} host"),
            _ => "→ nobody: ".to_owned(),
        };
        let room = usize::from(app.layout().area.width).saturating_sub(1);
        let cut: String = beginning.trim_end().chars().take(room).collect();
        assert!(status.starts_with(cut.trim_end()), "{beginning:?} is not what {status:?} says");
        if app.layout().area.width < 120 || !matches!(app.keyboard(), Keyboard::Hosts) || alone {
            return;
        }
        let shown: BTreeSet<MemberId> =
            app.layout().tiles.iter().flat_map(|(id, _)| app.members_of_tile(*id)).collect();
        match hearing.difference(&shown).count() {
            0 => assert!(!status.contains("not shown"), "{status}"),
            n => assert!(status.contains(&format!(", {n} not shown")), "{n}: {status}"),
        }
    }

    /// Steps from tile to tile until all were seen.
    fn reach_all(&mut self) {
        self.ui.keys("Esc Esc Esc");
        if !matches!(self.ui.app.keyboard(), Keyboard::Hosts) {
            return;
        }
        if self.ui.app.shows_members() {
            self.ui.keys("C-a Enter");
        }
        let mut reached = BTreeSet::new();
        let hosts = self.ui.app.tiles().len();
        let mut presses = 0;
        while reached.len() < hosts {
            let Some(focus) = self.ui.app.broadcast().focus() else { return };
            reached.extend(self.ui.app.members_of_tile(focus));
            self.ui.keys("C-a o");
            presses += 1;
            assert!(presses <= hosts * hosts + 1, "every host is reached by the focus: {}", reached.len());
        }
        self.check();
    }
}

#[test]
fn whatever_is_pressed_and_whatever_hosts_do_what_is_shown_is_true() {
    for seed in 0..20 {
        let mut storm = Storm::of(seed);
        let mut did = Vec::new();
        storm.check();
        for n in 0..50 {
            did.push(storm.act());
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                storm.check();
                if n == 49 {
                    storm.reach_all();
                }
            }));
            if let Err(why) = checked {
                eprintln!("seed {seed}: {did:?}\n{}", storm.ui.screen());
                std::panic::resume_unwind(why);
            }
        }
    }
}
