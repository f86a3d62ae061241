//! How sessions are shown, on a screen or as lines, and where scripts knock.

use std::io::Write;
use std::path::PathBuf;

use super::args::FrontArgs;
use super::screen;
use crate::config::{Config, ControlSocket};
use crate::escape;
use crate::size::Size;
use crate::tui::app::Options;
use crate::tui::control::place;
use crate::tui::control::socket::{self, Door, SocketError};
use crate::tui::plain::teller::Charset;

/// The screen that the lines of the plain mode are taken from: so wide that few lines are broken, with room for a frame.
pub(super) const LINES: Size = Size { rows: 27, cols: 202 };

/// What is shown, and what is listened to.
#[derive(Debug)]
pub(super) struct Front {
    /// How the sessions are shown.
    pub(super) shape: Shape,
    /// By what name scripts know it.
    name: Option<String>,
    /// Where the socket goes; `None` where there is to be none.
    directory: Option<PathBuf>,
}

/// How sessions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As tiles on the whole screen.
    Screen,
    /// One line for each event.
    Lines(Charset),
}

impl Front {
    /// What the command line, the preferences and the environment come to. Where the terminal cannot show tiles that is
    /// said, and lines are told instead.
    pub(super) fn new(args: &FrontArgs, config: &Config) -> anyhow::Result<Front> {
        if let Some(name) = &args.name {
            place::check_name(name)?;
        }
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let charset = charset(variable);
        let unfit = unfit(&variable("TERM").unwrap_or_default(), charset);
        if let Some(why) = unfit.as_deref().filter(|_| !args.plain && screen::is_there()) {
            notice(&format!("{why}: one line is shown for each event instead (--plain)"));
        }
        let shape = match args.plain || unfit.is_some() {
            true => Shape::Lines(charset),
            false => Shape::Screen,
        };
        let directory = match config.control {
            // Without a home there is no place for it, and `omnes ctl` says so.
            ControlSocket::Listens => place::directory(|name| std::env::var_os(name)).ok(),
            ControlSocket::Off if args.name.is_some() => {
                anyhow::bail!("--name is for `omnes ctl`, and config.toml has `socket = false` in [control]")
            }
            ControlSocket::Off => None,
        };
        Ok(Front { shape, name: args.name.clone(), directory })
    }

    /// Opens the control socket; needs a runtime. Where there cannot be one that is said, and all else works; but a name
    /// that was asked for and is taken is an error.
    pub(super) fn door(&self) -> anyhow::Result<(Option<Door>, Option<String>)> {
        let Some(directory) = &self.directory else { return Ok((None, None)) };
        match socket::listen(directory, self.name.as_deref()) {
            Ok(door) => Ok((Some(door), None)),
            Err(error @ SocketError::Taken(_)) => Err(error.into()),
            Err(error) => Ok((None, Some(format!("`omnes ctl` cannot reach this omnes: {error}")))),
        }
    }
}

/// Is there what this front needs? Lines that were asked for by name may go into a pipe, as long as somebody can type.
pub(super) fn is_there(args: &FrontArgs) -> bool {
    if args.plain { screen::has_keyboard() } else { screen::is_there() }
}

/// The options for lines: one tile that is the whole of [`LINES`], and hints that name commands instead of keys.
pub(super) fn for_lines(options: Options) -> Options {
    Options {
        keymap: options.keymap.for_lines(),
        min_tile: Size { rows: LINES.rows - 1, ..LINES },
        ..options
    }
}

/// Says something on standard error.
pub(super) fn notice(said: &str) {
    let _ = writeln!(std::io::stderr(), "omnes: {}", escape::text(said, 1000));
}

/// Why no tiles can be shown here, as a sentence with the next step.
pub(super) fn no_tiles() -> Option<String> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let why = match unfit(&variable("TERM").unwrap_or_default(), charset(variable)) {
        _ if !screen::is_there() => "there is no terminal".to_owned(),
        Some(why) => why,
        None => return None,
    };
    Some(format!(
        "--tui shows the run on the whole screen, but {why}; leave it out, or write --output gather"
    ))
}

/// Why this terminal cannot show tiles.
fn unfit(term: &str, charset: Charset) -> Option<String> {
    match (term, charset) {
        ("", _) => Some("TERM is not set".to_owned()),
        ("dumb", _) => Some("TERM is `dumb`, which cannot move its cursor".to_owned()),
        (_, Charset::Ascii) => Some("the locale's characters are not UTF-8".to_owned()),
        _ => None,
    }
}

/// What the locale says of the terminal's characters. Where it names no character set (`C`, or nothing at all) the terminal
/// is taken to know UTF-8, as they do today.
fn charset(variable: impl Fn(&str) -> Option<String>) -> Charset {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    let locale = locale.unwrap_or_default();
    let set = locale.split_once('.').map(|(_, set)| set.split('@').next().unwrap_or_default());
    match set.map(|set| set.to_ascii_lowercase().replace('-', "")) {
        Some(set) if set != "utf8" => Charset::Ascii,
        _ => Charset::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_tells_the_characters() {
        for (set, expected) in [
            (vec![], Charset::Utf8),
            (vec![("LANG", "C")], Charset::Utf8),
            (vec![("LANG", "de_DE.UTF-8")], Charset::Utf8),
            (vec![("LANG", "de_DE.utf8@euro")], Charset::Utf8),
            (vec![("LANG", "de_DE.ISO-8859-1")], Charset::Ascii),
            (vec![("LANG", "de_DE.UTF-8"), ("LC_ALL", "ja_JP.eucJP")], Charset::Ascii),
            (vec![("LANG", "x.ISO-8859-1"), ("LC_CTYPE", ""), ("LC_ALL", "C.UTF-8")], Charset::Utf8),
        ] {
            let found = charset(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()));
            assert_eq!(found, expected, "{set:?}");
        }
    }

    #[test]
    fn a_terminal_that_cannot_show_tiles_gets_lines_and_the_reason() {
        assert_eq!(unfit("xterm", Charset::Utf8), None);
        assert_eq!(unfit("linux", Charset::Utf8), None);
        for (term, charset, reason) in [
            ("", Charset::Utf8, "TERM is not set"),
            ("dumb", Charset::Utf8, "`dumb`"),
            ("xterm", Charset::Ascii, "not UTF-8"),
        ] {
            let why = unfit(term, charset).expect(reason);
            assert!(why.contains(reason), "{why}");
        }
    }
}
