//! Colours: which ones omnes itself uses, and what of any colour the user's terminal can show.
//!
//! A colour never says anything alone, so everything here may be missing. omnes' own colours are roles; a preset fills
//! them and the user changes single ones. What hosts print keeps its colours, brought down to those the terminal has.

use anstyle::{Ansi256Color, RgbColor};
use anstyle_lossy::palette::DEFAULT as PALETTE;

use crate::pane::Color;

/// How many colours a terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None.
    None,
    /// The sixteen that its user chose.
    Sixteen,
    /// The 256 of xterm.
    TwoFiftySix,
    /// Any red, green and blue.
    #[default]
    True,
}

/// Whether omnes itself uses colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// As the roles say.
    #[default]
    Coloured,
    /// Not at all (`NO_COLOR`).
    Plain,
}

/// What a colour of omnes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A host that hears the next key.
    Hears,
    /// A host that does not, for no reason that needs a look.
    Silent,
    /// A host that the user took out.
    Detached,
    /// A host that waits for the user: not let in yet, or held.
    Waiting,
    /// A host that is gone.
    Closed,
    /// A sentence about something that did not work.
    Bad,
}

/// Colours that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// The sixteen colours of the terminal, which fit its background, light or dark.
    #[default]
    Terminal,
    /// Chosen for a dark background.
    Dark,
    /// Chosen for a light background.
    Light,
}

/// The colours in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// What the terminal can show.
    pub depth: Depth,
    /// Whether omnes itself uses colours.
    pub own: Own,
    colors: [Color; Role::ALL.len()],
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 6] =
        [Role::Hears, Role::Silent, Role::Detached, Role::Waiting, Role::Closed, Role::Bad];

    /// Its name in a configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Role::Hears => "hears",
            Role::Silent => "silent",
            Role::Detached => "detached",
            Role::Waiting => "waiting",
            Role::Closed => "closed",
            Role::Bad => "bad",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl Preset {
    /// In the order of [`Role::ALL`].
    fn colors(self) -> [Color; Role::ALL.len()] {
        let rgb = |n: u32| Color::Rgb((n >> 16) as u8, (n >> 8) as u8, n as u8);
        match self {
            Preset::Terminal => [2, 8, 6, 3, 1, 3].map(Color::Indexed),
            Preset::Dark => [0x7ec87e, 0x767676, 0x6fc3df, 0xe5c07b, 0xf0716c, 0xe5c07b].map(rgb),
            Preset::Light => [0x1a7f37, 0x8a8a8a, 0x0969a2, 0x8a5a00, 0xb32020, 0x8a5a00].map(rgb),
        }
    }
}

impl Theme {
    /// A preset's colours on a terminal.
    pub fn new(preset: Preset, depth: Depth, own: Own) -> Theme {
        Theme { depth, own, colors: preset.colors() }
    }

    /// Gives a role another colour.
    pub fn set(&mut self, role: Role, color: Color) {
        self.colors[role as usize] = color;
    }

    /// The colour of a role, if omnes uses colours; as the terminal can show it.
    pub fn color(&self, role: Role) -> Option<Color> {
        self.own_color(self.colors[role as usize])
    }

    /// A colour that the user chose for something of omnes, if omnes uses colours; as the terminal can show it.
    pub fn own_color(&self, color: Color) -> Option<Color> {
        (self.own == Own::Coloured && self.depth > Depth::None).then(|| self.shown(color))
    }

    /// The nearest colour that the terminal can show.
    pub fn shown(&self, color: Color) -> Color {
        match (self.depth, color) {
            (Depth::None, _) => Color::Default,
            (Depth::True, _) | (_, Color::Default) | (_, Color::Indexed(0..16)) => color,
            (Depth::TwoFiftySix, Color::Indexed(_)) => color,
            (Depth::TwoFiftySix, Color::Rgb(r, g, b)) => {
                Color::Indexed(anstyle_lossy::rgb_to_xterm(RgbColor(r, g, b)).index())
            }
            (Depth::Sixteen, Color::Indexed(n)) => {
                let nearest = anstyle_lossy::xterm_to_ansi(Ansi256Color(n), PALETTE);
                Color::Indexed(Ansi256Color::from_ansi(nearest).index())
            }
            (Depth::Sixteen, Color::Rgb(r, g, b)) => {
                let nearest = anstyle_lossy::rgb_to_ansi(RgbColor(r, g, b), PALETTE);
                Color::Indexed(Ansi256Color::from_ansi(nearest).index())
            }
        }
    }
}

impl Default for Theme {
    fn default() -> Theme {
        Theme::new(Preset::Terminal, Depth::True, Own::Coloured)
    }
}

/// What a terminal can show, as its environment tells: `TERM` and `COLORTERM`.
pub fn depth(term: Option<&str>, colorterm: Option<&str>) -> Depth {
    let term = term.unwrap_or("dumb");
    let known_true = ["kitty", "alacritty", "foot", "ghostty", "wezterm", "direct"];
    match colorterm {
        _ if matches!(term, "" | "dumb") || term.starts_with("vt") => Depth::None,
        Some("truecolor" | "24bit") => Depth::True,
        _ if known_true.iter().any(|name| term.contains(name)) => Depth::True,
        _ if term.contains("256color") => Depth::TwoFiftySix,
        _ => Depth::Sixteen,
    }
}

/// A colour as the user writes it: one of the sixteen by name, a number up to 255, `#rrggbb`.
pub fn parse(text: &str) -> Option<Color> {
    const NAMES: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
    if let Some(hex) = text.strip_prefix('#') {
        let is_hex = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| is_hex)?;
        return Some(Color::Rgb((number >> 16) as u8, (number >> 8) as u8, number as u8));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Color::Indexed);
    }
    let (name, bright) = text.strip_prefix("bright-").map_or((text, 0), |name| (name, 8));
    match text {
        "default" => Some(Color::Default),
        "grey" | "gray" => Some(Color::Indexed(8)),
        _ => {
            let at = NAMES.iter().position(|known| *known == name)?;
            Some(Color::Indexed(at as u8 + bright))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_places_of_their_own() {
        for (n, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, n, "{}", role.name());
        }
    }

    #[test]
    fn colours_come_down_to_what_the_terminal_has() {
        let red = Color::Rgb(250, 10, 10);
        for (depth, color, shown) in [
            (Depth::True, red, red),
            (Depth::TwoFiftySix, red, Color::Indexed(196)),
            (Depth::Sixteen, red, Color::Indexed(1)),
            (Depth::Sixteen, Color::Indexed(196), Color::Indexed(1)),
            (Depth::Sixteen, Color::Indexed(3), Color::Indexed(3)),
            (Depth::Sixteen, Color::Default, Color::Default),
            (Depth::TwoFiftySix, Color::Indexed(200), Color::Indexed(200)),
            (Depth::None, red, Color::Default),
        ] {
            let theme = Theme { depth, ..Theme::default() };
            assert_eq!(theme.shown(color), shown, "{depth:?} {color:?}");
        }
        let plain = Theme { own: Own::Plain, ..Theme::default() };
        assert_eq!((plain.color(Role::Hears), plain.shown(red)), (None, red), "hosts keep theirs");
        assert_eq!(Theme { depth: Depth::None, ..Theme::default() }.color(Role::Hears), None);
    }

    #[test]
    fn the_environment_tells_what_a_terminal_can() {
        for (term, colorterm, expected) in [
            (Some("xterm-256color"), None, Depth::TwoFiftySix),
            (Some("xterm-256color"), Some("truecolor"), Depth::True),
            (Some("tmux-256color"), None, Depth::TwoFiftySix),
            (Some("xterm-kitty"), None, Depth::True),
            (Some("xterm"), None, Depth::Sixteen),
            (Some("linux"), None, Depth::Sixteen),
            (Some("dumb"), Some("truecolor"), Depth::None),
            (Some("vt100"), None, Depth::None),
            (None, None, Depth::None),
        ] {
            assert_eq!(depth(term, colorterm), expected, "{term:?} {colorterm:?}");
        }
    }

    #[test]
    fn colours_are_written_by_name_number_or_parts() {
        for (text, expected) in [
            ("green", Some(Color::Indexed(2))),
            ("bright-red", Some(Color::Indexed(9))),
            ("grey", Some(Color::Indexed(8))),
            ("default", Some(Color::Default)),
            ("200", Some(Color::Indexed(200))),
            ("256", None),
            ("#0a0B0c", Some(Color::Rgb(10, 11, 12))),
            ("#12345", None),
            ("#+12345", None),
            ("", None),
            ("rot", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
