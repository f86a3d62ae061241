//! The way into the TUI, for hosts of the network and of the demo alike.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use secrecy::SecretString;

use super::front::{self, Front};
use super::{OwnFault, headless, secrets};
use crate::ask::BoxFuture;
use crate::config::{self, Color, Config, ConfigError, FoldStart, Scope, Zoom};
use crate::escape;
use crate::hosts::{Facts, Member, Template};
use crate::outcome::Exit;
use crate::pane::{self, Key, Prompts};
use crate::session::{Hub, Listener, SessionId};
use crate::size::Size;
use crate::ssh::{ConnectError, Connector, Dial, KnownHosts, Silence, Target};
use crate::tui::action::Place;
use crate::tui::app::{
    App, FoldOptions, FoldView, HostBell, HostClipboard, Macro, Options, PasteConfirm, Reconnect, Restored,
    Retile, ScopeDefault, ViewOptions, ZoomHears,
};
use crate::tui::asker::asker;
use crate::tui::compose::{Ending, TEXT_BYTES};
use crate::tui::desk::{Fleet, Inlets};
use crate::tui::event::{Opened, TargetIndex};
use crate::tui::event_loop::{self, Ended};
use crate::tui::guard::{Guard, Guards, Mixed};
use crate::tui::keep::{Keeper, Places};
use crate::tui::keymap::{Keymap, Preset, Wishes};
use crate::tui::plain;
use crate::tui::theme::{self, Depth, Own, Role, Theme};
use crate::tui::tiling::{Density, Shape};

/// Logins at once where nobody says otherwise: enough to be quick, few enough not to look like an attack.
const LOGINS: usize = 32;

/// How a host is reached, or why it is not contacted.
pub(super) type Way = Result<Target, ConnectError>;

/// A host with the way to it.
pub(super) type Reached = (Opened, Way);

/// A host of the cluster files with the way to it; who logs in where is known once the way is.
pub(super) fn reached(member: Member, way: Way) -> Reached {
    let mut facts = Facts::of(&member);
    if let Ok(target) = &way {
        facts.user = Some(target.user.clone());
        facts.port = Some(target.port);
        facts.address = Some(target.address.clone());
    }
    (Opened { host: member.host, facts }, way)
}

/// Finds the hosts of an expression that the user types into the TUI; the error is one line.
pub(super) type Find = Arc<dyn Fn(&str) -> Result<Vec<Reached>, String> + Send + Sync>;

/// What the TUI opens.
pub(super) struct Screen {
    /// The hosts, in order.
    pub(super) hosts: Vec<Reached>,
    /// Finds more of them.
    pub(super) find: Find,
    /// How the preferences make it look and act.
    pub(super) options: Options,
    /// Where logs and the like go.
    pub(super) places: Places,
    /// The saved set that the first of the hosts are of.
    pub(super) restored: Option<Restored>,
    /// The login password, if it was given beforehand.
    pub(super) password: Option<SecretString>,
    /// Logins at once.
    pub(super) logins: usize,
    /// How it is shown, and by what name it is told what to do.
    pub(super) front: Front,
}

/// Why an expression finds nobody, without the lines that point into it: the bottom line has room for one.
pub(super) fn in_a_line(expression: &str, error: &impl std::fmt::Display) -> String {
    let error = error.to_string();
    format!("{expression}: {}", error.lines().next().unwrap_or_default())
}

/// Is there a screen and a keyboard?
pub(super) fn is_there() -> bool {
    std::io::stdout().is_terminal() && has_keyboard()
}

/// Keys come from the terminal itself where standard input holds a list of hosts.
pub(super) fn has_keyboard() -> bool {
    std::io::stdin().is_terminal() || std::fs::File::open("/dev/tty").is_ok()
}

impl Screen {
    /// Runs the TUI until the user leaves; needs a runtime.
    pub(super) async fn show(self, dial: Arc<dyn Dial>) -> anyhow::Result<Exit> {
        let (asker, questions) = asker();
        let ask = secrets::before(self.password, secrets::Place::Login, Arc::new(asker));
        let connector = Connector::new(dial, ask, Arc::new(KnownHosts::new()));
        let connector = connector.with_silence(Silence::Shown);
        let (hosts, targets) = self.hosts.into_iter().unzip();
        let panes = Panes::new(connector, self.logins, targets, self.find);
        let (door, trouble) = self.front.door()?;
        let keeper = Keeper::start(self.places).context(OwnFault("no thread can be started".into()))?;
        let inlets = Inlets { questions, door, keeper, said: None };
        let left = match self.front.shape {
            front::Shape::Screen => {
                let mut app = App::new(self.options, Size::DEFAULT);
                self.restored.into_iter().for_each(|restored| app.restore(restored));
                trouble.into_iter().for_each(|said| app.begin_with(said));
                event_loop::run(app, hosts, panes, inlets).await
            }
            front::Shape::Lines(charset) => {
                trouble.into_iter().for_each(|said| front::notice(&said));
                let mut app = App::new(front::for_lines(self.options), front::LINES);
                self.restored.into_iter().for_each(|restored| app.restore(restored));
                plain::front::run(app, hosts, panes, (inlets, charset)).await
            }
        };
        let left = left.context(OwnFault("the terminal cannot be used".into()))?;
        left.unkept.iter().for_each(|said| front::notice(said));
        match left.ended {
            Ended::ByUser => Ok(Exit::Well),
            Ended::BySignal | Ended::TerminalGone => Ok(Exit::Interrupted),
        }
    }

    /// The same, with a runtime of its own.
    pub(super) fn show_with(self, dial: Arc<dyn Dial>) -> anyhow::Result<Exit> {
        let runtime = headless::runtime()?;
        let shown = runtime.block_on(self.show(dial));
        headless::leave(runtime);
        shown
    }
}

/// How many logins run at once.
pub(super) fn logins(asked: Option<std::num::NonZeroUsize>, config: &Config) -> usize {
    asked.or(config.limits.logins).map_or(LOGINS, std::num::NonZeroUsize::get)
}

/// The preferences as the TUI takes them; keys that cannot be are an error with their place.
pub(super) fn options(config: &Config) -> anyhow::Result<Options> {
    let usual = Options::default();
    let keymap = keymap(config)?;
    Ok(Options {
        macros: macros(config, &keymap)?,
        paste_confirm: match config.paste_confirm {
            config::PasteConfirm::MultiLine => PasteConfirm::MultiLine,
            config::PasteConfirm::Always => PasteConfirm::Always,
        },
        keymap,
        which_key: match config.which_key {
            None => usual.which_key,
            Some(after) => Some(after).filter(|after| !after.is_zero()),
        },
        min_tile: config.limits.min_tile.unwrap_or(usual.min_tile),
        scrollback: config.limits.scrollback.unwrap_or(usual.scrollback),
        zoom_hears: match config.zoom {
            Zoom::All => ZoomHears::All,
            Zoom::Alone => ZoomHears::Alone,
        },
        scope: match config.scope {
            Scope::All => ScopeDefault::All,
            Scope::Visible => ScopeDefault::Visible,
        },
        view: view(config),
        reconnect: match config.reconnect {
            config::Reconnect::Ask => Reconnect::Ask,
            config::Reconnect::Auto => Reconnect::Auto,
        },
        log: usual.log,
        history: usual.history,
        script: usual.script,
        sets: usual.sets,
        fold: FoldOptions {
            view: match config.fold.start {
                FoldStart::Off => FoldView::Off,
                FoldStart::On => FoldView::On,
            },
            lasts: config.fold.lasts.unwrap_or(usual.fold.lasts),
            ..usual.fold
        },
        bell: match config.bell {
            config::Bell::Ring => HostBell::Ring,
            config::Bell::Mark => HostBell::Mark,
            config::Bell::Off => HostBell::Off,
        },
        clipboard: match config.clipboard {
            config::Clipboard::Ask => HostClipboard::Ask,
            config::Clipboard::Never => HostClipboard::Never,
        },
        theme: theme(&config.theme)?,
        prompts: prompts(&config.prompts)?,
        guards: guards(&config.guards)?,
        work: usual.work,
    })
}

/// The macros, each a good template with a key of its own.
fn macros(config: &Config, keymap: &Keymap) -> anyhow::Result<Vec<Macro>> {
    let mut macros: Vec<Macro> = Vec::new();
    for config::Macro { name, text, text_at, enter, key } in config.macros.iter().map(|one| &one.value) {
        let name = escape::text(name, 60);
        let wrong = |at: &str, why: &str| ConfigError::new(at, &format!("macro `{name}`: {why}"));
        Template::parse(text).map_err(|error| wrong(text_at, &error.to_string()))?;
        if text.len() > TEXT_BYTES {
            bail!(wrong(text_at, "a host takes at most 64 kB at once; make it shorter"));
        }
        let key = match key {
            None => None,
            Some(key) => {
                let pressed = key.value.parse::<Key>().map_err(|error| wrong(&key.at, &error.to_string()))?;
                if let Some(action) = keymap.action(Place::Prefix, pressed) {
                    bail!(wrong(&key.at, &format!("{pressed} is bound to {action}; choose another key")));
                }
                if let Some(other) = macros.iter().find(|other| other.key == Some(pressed)) {
                    let why = format!("{pressed} is the key of `{}` too; choose another key", other.name);
                    bail!(wrong(&key.at, &why));
                }
                Some(pressed)
            }
        };
        let ending = match enter {
            config::Enter::Follows => Ending::Enter,
            config::Enter::Not => Ending::Open,
        };
        macros.push(Macro { name, text: text.clone(), ending, key });
    }
    Ok(macros)
}

/// The patterns of prompts. Each has been tried with the file; only all of them together can still be too many.
fn prompts(config: &config::Prompts) -> anyhow::Result<Prompts> {
    Prompts::new(config.shell.as_deref(), config.secret.as_deref())
        .map_err(|why| anyhow!("[prompts] of config.toml: {why}"))
}

/// The guards as the TUI takes them.
pub(super) fn guards(config: &config::Guards) -> anyhow::Result<Guards> {
    let mixed = match config.mixed {
        config::Mixed::Ask => Mixed::Ask,
        config::Mixed::Tell => Mixed::Tell,
        config::Mixed::Off => Mixed::Off,
    };
    Ok(Guards::new(mixed, config.tags.iter().map(guard).collect::<anyhow::Result<_>>()?))
}

fn guard(guarded: &config::GuardedTag) -> anyhow::Result<Guard> {
    let color = match &guarded.color {
        None => pane::Color::Indexed(1),
        Some(color) => theme::parse(&color.value).ok_or_else(|| {
            let shown = escape::text(&color.value, 40);
            let fault = format!("`color`: `{shown}` is no colour; write a name such as \"red\" or \"bright-red\", a number up to 255, or \"#rrggbb\"");
            ConfigError::new(&color.at, &fault)
        })?,
    };
    let made = Guards::guard(&guarded.tag, color, &guarded.patterns, guarded.confirm);
    made.map_err(|why| anyhow!("[guards.{}] of config.toml: {why}", escape::text(&guarded.tag, 40)))
}

fn view(config: &Config) -> ViewOptions {
    let config::View { density, columns, rows, retile } = config.view;
    ViewOptions {
        density: match density {
            config::Density::Full => Density::Full,
            config::Density::Grid => Density::Grid,
            config::Density::Compact => Density::Compact,
            config::Density::Lines => Density::Lines,
        },
        shape: Shape { columns, rows },
        retile: match retile {
            config::Retile::Auto => Retile::Auto,
            config::Retile::Ask => Retile::ByHand,
        },
    }
}

/// The colours, as far as this terminal shows any.
fn theme(wishes: &config::Theme) -> anyhow::Result<Theme> {
    let variable = |name| std::env::var(name).ok();
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let told = theme::depth(variable("TERM").as_deref(), variable("COLORTERM").as_deref());
    let (depth, own) = match wishes.color {
        Color::Auto if is_plain => (told, Own::Plain),
        Color::Auto => (told, Own::Coloured),
        Color::Never => (told, Own::Plain),
        Color::Always => (told.max(Depth::Sixteen), Own::Coloured),
        Color::Sixteen => (Depth::Sixteen, Own::Coloured),
        Color::TwoFiftySix => (Depth::TwoFiftySix, Own::Coloured),
        Color::True => (Depth::True, Own::Coloured),
    };
    let preset = match wishes.preset {
        config::ThemePreset::Terminal => theme::Preset::Terminal,
        config::ThemePreset::Dark => theme::Preset::Dark,
        config::ThemePreset::Light => theme::Preset::Light,
    };
    let mut theme = Theme::new(preset, depth, own);
    for wish in &wishes.roles {
        let (name, color) = &wish.value;
        let wrong = |fault: String| ConfigError::new(&wish.at, &fault);
        let role = Role::named(name).ok_or_else(|| {
            let known: Vec<&str> = Role::ALL.into_iter().map(Role::name).collect();
            wrong(format!(
                "unknown key `{}` in [theme]; known here: color, preset, {}",
                escape::text(name, 40),
                known.join(", ")
            ))
        })?;
        let color = theme::parse(color).ok_or_else(|| {
            wrong(format!("`{name}`: `{}` is no colour; write a name such as \"green\" or \"bright-red\", a number up to 255, or \"#rrggbb\"", escape::text(color, 40)))
        })?;
        theme.set(role, color);
    }
    Ok(theme)
}

fn keymap(config: &Config) -> anyhow::Result<Keymap> {
    let prefix = config.prefix.as_ref().map(|prefix| {
        prefix.value.parse::<Key>().map_err(|error| {
            ConfigError::new(&prefix.at, &format!("`prefix`: {error}; write a key such as \"C-a\""))
        })
    });
    let preset = match config.keymap {
        config::Keymap::Default => Preset::Default,
        config::Keymap::Tmux => Preset::Tmux,
        config::Keymap::ClusterSsh => Preset::ClusterSsh,
    };
    let mut wishes = Wishes { preset, prefix: prefix.transpose()?, ..Wishes::default() };
    let mut keymap = Keymap::of(&wishes);
    let keys = config.keys.iter().map(|wish| (Place::Prefix, wish));
    for (place, wish) in keys.chain(config.direct.iter().map(|wish| (Place::Direct, wish))) {
        // One more each time, so that an error belongs to the last.
        let list = if place == Place::Direct { &mut wishes.direct } else { &mut wishes.keys };
        list.push(wish.value.clone());
        keymap = Keymap::of(&wishes);
        if let Err(error) = &keymap {
            bail!(ConfigError::new(&wish.at, &error.to_string()));
        }
    }
    keymap.map_err(|error| match &config.prefix {
        Some(prefix) => ConfigError::new(&prefix.at, &format!("`prefix`: {error}")).into(),
        None => anyhow!(OwnFault(error.to_string())),
    })
}

/// The sessions of the TUI with their targets.
pub(super) struct Panes {
    connector: Arc<Connector>,
    hub: Hub,
    targets: Vec<Way>,
    find: Find,
}

impl Panes {
    /// No session yet; the targets are those of the first hosts.
    pub(super) fn new(connector: Connector, logins: usize, targets: Vec<Way>, find: Find) -> Panes {
        let connector = Arc::new(connector);
        Panes { hub: Hub::new(connector.clone(), logins), connector, targets, find }
    }
}

impl Fleet for Panes {
    type Found = Vec<Reached>;

    /// Whoever tries again may have another password, or an agent that lives.
    fn pardon(&mut self) {
        self.connector.pardon();
    }

    fn open(&mut self, session: SessionId, target: TargetIndex, size: Size) {
        if let Some(target) = self.targets.get(target.0) {
            self.hub.open(session, target.clone(), size);
        }
    }

    fn input(&mut self, session: SessionId, bytes: Bytes) {
        // It is refused only by a session that is over, whose end is on its way.
        let _over = self.hub.input(session, bytes);
    }

    fn resize(&mut self, session: SessionId, size: Size) {
        self.hub.resize(session, size);
    }

    fn close(&mut self, session: SessionId) {
        self.hub.close(session);
    }

    fn forget(&mut self, session: SessionId) {
        self.hub.forget(session);
    }

    fn listener(&self) -> Arc<Listener> {
        self.hub.listener()
    }

    /// On a thread of its own, since a dynamic source may take ten seconds.
    fn find(&self, expression: String) -> BoxFuture<'static, Result<Vec<Reached>, String>> {
        let find = self.find.clone();
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || find(&expression)).await;
            found.unwrap_or_else(|_| Err("the search for hosts failed inside omnes".into()))
        })
    }

    fn keep(&mut self, found: Vec<Reached>) -> Vec<Opened> {
        let (hosts, targets): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        self.targets.extend(targets);
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::pane::{SECRET_PROMPTS, SHELL_PROMPTS};

    fn fault(text: &str) -> String {
        let config = parse("config.toml", text).expect("good as far as the file goes");
        options(&config).expect_err(text).to_string()
    }

    #[test]
    fn the_example_holds_the_defaults() {
        let text = include_str!("../../docs/config.toml");
        let example = options(&parse("docs/config.toml", text).expect("a good file")).expect("good keys");
        let usual = Options::default();
        assert_eq!((example.min_tile, example.scrollback), (usual.min_tile, usual.scrollback));
        assert_eq!((example.zoom_hears, example.scope), (usual.zoom_hears, usual.scope));
        assert_eq!(example.reconnect, usual.reconnect);
        assert_eq!((example.fold.view, example.fold.lasts), (usual.fold.view, usual.fold.lasts));
        assert_eq!(example.paste_confirm, usual.paste_confirm);
        assert_eq!(example.guards.mixed, usual.guards.mixed);
        assert_eq!(example.guards.iter().count(), 0, "nothing is guarded unless the user says so");
        let patterns = parse("docs/config.toml", text).expect("a good file").prompts;
        assert_eq!(patterns.shell.expect("a list"), SHELL_PROMPTS);
        assert_eq!(patterns.secret.expect("a list"), SECRET_PROMPTS);
        assert_eq!(example.view, usual.view);
        assert_eq!((example.bell, example.clipboard), (usual.bell, usual.clipboard));
        for action in crate::tui::action::Action::all() {
            assert_eq!(example.keymap.keys(action), usual.keymap.keys(action), "{action}");
        }
    }

    #[test]
    fn keys_are_judged_with_their_place() {
        let config = parse("config.toml", "prefix = \"C-b\"\nzoom = \"alone\"\n[limits]\nscrollback = 7\n");
        let options = options(&config.expect("a good file")).expect("good keys");
        assert_eq!((options.zoom_hears, options.scrollback), (ZoomHears::Alone, 7));
        assert_eq!(options.keymap.prefix(), "C-b".parse().expect("a key"));
        for (text, start) in [
            ("prefix = \"C-nope\"", "config.toml:1:10: `prefix`: "),
            (
                "[keys]\ndetach = \"d\"\ndetahc = \"x\"",
                "config.toml:3:1: `detahc` is no action; did you mean `detach`?",
            ),
            (
                "[guards.prod]\ncolor = \"pink\"",
                "config.toml:2:9: `color`: `pink` is no colour; write a name",
            ),
            ("[keys]\ndetach = \"Nope-x\"", "config.toml:2:1: detach: "),
            ("[direct]\ndetach = \"d\"", "config.toml:2:1: detach: d without the prefix would never reach"),
            (
                "[theme]\nheras = \"green\"",
                "config.toml:2:1: unknown key `heras` in [theme]; known here: color",
            ),
            ("[theme]\nhears = \"grean\"", "config.toml:2:1: `hears`: `grean` is no colour; write a name"),
            ("[macros]\nx = \"{host\"", "config.toml:2:5: macro `x`: column 1: this { is not closed"),
            (
                "[macros]\nx = { text = \"a\", key = \"d\" }",
                "config.toml:2:25: macro `x`: d is bound to detach; choose another key",
            ),
            (
                "[macros]\nx = { text = \"a\", key = \"F5\" }\ny = { text = \"a\", key = \"F5\" }",
                "config.toml:3:25: macro `y`: F5 is the key of `x` too; choose another key",
            ),
        ] {
            let fault = fault(text);
            assert!(fault.starts_with(start), "{text}: {fault}");
        }
    }
}
