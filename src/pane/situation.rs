//! What the program in a pane waits for, as far as its screen tells: a command, a secret, keys of its own, or nothing.
//!
//! Theory. A terminal does not say what its program wants; people tell from the line with the cursor. So do we: what
//! stands before the cursor is held against the user's patterns of prompts, and a program that has taken the whole screen
//! is known by the alternate screen, the mouse, or a cursor that it hid while it wanted keys its own way. All of it is what
//! the host chose to print: a host can fake any of these, and nothing here is more than a sign.

use std::sync::LazyLock;
use std::time::Duration;

use regex::{Regex, RegexSet, RegexSetBuilder};

use super::modes::{Cursor, Modes, MouseMode};
use super::screen::Screen;

/// The most rows that one wrapped line is followed over.
const LINE_ROWS: u16 = 24;

/// What a compiled pattern may take, in bytes; what would take more is refused.
const PATTERN_BYTES: usize = 1 << 20;

/// The same for all patterns of one kind of prompt together.
const SET_BYTES: usize = 16 << 20;

/// A key that was not answered for so long was not echoed.
const ECHO_TAKES: Duration = Duration::from_millis(400);

/// What programs print for the letters of a secret that they do not want to show.
const MASKS: [char; 3] = ['*', '•', '●'];

/// The prompts at which a command is awaited, unless the user says otherwise. A sign and a blank, or the sign alone; a
/// number before `%` is a percentage unless a blank follows, which the prompt of zsh has.
pub const SHELL_PROMPTS: &[&str] = &[r"[#$>❯➜»] ?$", r"% $", r"[^0-9]%$"];

/// The prompts at which a secret is awaited, unless the user says otherwise.
pub const SECRET_PROMPTS: &[&str] = &[
    r"(?i)pass(word|phrase|code)s?\b.{0,120}[:：] ?$",
    r"(?i)\b(pin|otp|totp|2fa|mfa|token)\b.{0,60}[:：] ?$",
    r"(?i)\b(verification|security|authentication|one[- ]time) (code|password|token).{0,60}[:：] ?$",
    r"(?i)^\[sudo\].{1,120}[:：] ?$",
    r"(?i)(passwort|kennwort|mot de passe|contraseña|senha|parola|wachtwoord|lösenord|adgangskode|hasło|heslo).{0,80}[:：] ?$",
    r"(?i)(пароль|密码|密碼|口令|パスワード|암호|비밀번호).{0,80}[:：] ?$",
];

/// What a pane waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Situation {
    /// A command: the cursor stands behind the prompt of a shell, or of a program that reads lines as one does.
    Shell,
    /// A secret: the cursor stands behind such a prompt.
    Secret,
    /// Keys, each with a meaning of its own: the program has the whole screen.
    FullScreen,
    /// None of these, or it cannot be told: output under way, a prompt that no pattern knows.
    #[default]
    Other,
}

impl Situation {
    /// All of them.
    pub const ALL: [Situation; 4] =
        [Situation::Shell, Situation::Secret, Situation::FullScreen, Situation::Other];

    /// Where such a pane is, for a sentence: `3 at a shell prompt`.
    pub fn phrase(self) -> &'static str {
        match self {
            Situation::Shell => "at a shell prompt",
            Situation::Secret => "at a password prompt",
            Situation::FullScreen => "in a full-screen program",
            Situation::Other => "at no known prompt",
        }
    }
}

/// Whether what was typed lately was seen on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoSeen {
    /// The cursor went on.
    Yes,
    /// The cursor stayed, or only masks were printed, though there was time.
    No,
    /// Nothing was typed yet on this line, or the answer may be on its way.
    Unknown,
}

/// The user's patterns, ready to be used. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prompts {
    shell: Patterns,
    secret: Patterns,
}

/// One list of patterns. The built-in ones are compiled when they are first needed: that takes a third of the time of a whole
/// `omnes run` on one host, which looks at no screen.
#[derive(Clone, Debug)]
enum Patterns {
    Shell,
    Secret,
    Own(RegexSet),
}

impl Patterns {
    fn set(&self) -> &RegexSet {
        static SHELL: LazyLock<RegexSet> = LazyLock::new(|| built_in(SHELL_PROMPTS));
        static SECRET: LazyLock<RegexSet> = LazyLock::new(|| built_in(SECRET_PROMPTS));
        match self {
            Patterns::Shell => &SHELL,
            Patterns::Secret => &SECRET,
            Patterns::Own(set) => set,
        }
    }
}

fn built_in(patterns: &[&str]) -> RegexSet {
    set(patterns).expect("the built-in patterns are good, a test says so")
}

impl Prompts {
    /// Patterns of prompts, each a regular expression that is held against what stands before the cursor; `None` for the
    /// built-in ones. The error is a sentence about the first one that cannot be used.
    pub fn new(shell: Option<&[String]>, secret: Option<&[String]>) -> Result<Prompts, String> {
        let own = |patterns: &[String]| set(patterns).map(Patterns::Own);
        Ok(Prompts {
            shell: shell.map_or(Ok(Patterns::Shell), own)?,
            secret: secret.map_or(Ok(Patterns::Secret), own)?,
        })
    }

    /// Compiles what is not compiled yet, so that no key waits for it.
    pub fn ready(&self) {
        self.shell.set();
        self.secret.set();
    }
}

impl Default for Prompts {
    fn default() -> Prompts {
        Prompts { shell: Patterns::Shell, secret: Patterns::Secret }
    }
}

fn set(patterns: &[impl AsRef<str>]) -> Result<RegexSet, String> {
    RegexSetBuilder::new(patterns).size_limit(SET_BYTES).build().map_err(|error| why(&error))
}

/// Compiles one pattern of the user's that is held against lines; the error says in one line what is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(text).multi_line(true).size_limit(PATTERN_BYTES).build();
    built.map_err(|error| why(&error))
}

/// The last line of such an error says what is wrong; those before it draw the place.
fn why(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "this regular expression is too large".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let fault = last.trim().trim_start_matches("error: ");
            format!("this is no regular expression: {}", crate::escape::text(fault, 120))
        }
    }
}

/// The line with the cursor, which may run over several rows; what the host printed, not escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorLine {
    /// What stands before the cursor, blanks included.
    pub before: String,
    /// What stands at the cursor and behind it, without blanks at the end.
    pub behind: String,
}

impl CursorLine {
    /// The whole line.
    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.behind).trim_end().to_owned()
    }
}

impl Screen<'_> {
    /// The line with the cursor. A row that is full to its last column is taken to run on in the next one.
    pub fn cursor_line(self) -> CursorLine {
        let (row, col) = (self.cursor().row, self.cursor().col);
        let (rows, cols) = (self.size().rows, self.size().cols);
        let runs_on = |row: &u16| self.runs_on(*row);
        let first = (row.saturating_sub(LINE_ROWS)..row).rev().take_while(runs_on).last();
        let mut line = CursorLine::default();
        for above in first.unwrap_or(row)..row {
            self.cells(above, 0..cols, &mut line.before);
        }
        self.cells(row, 0..col, &mut line.before);
        self.cells(row, col..cols, &mut line.behind);
        for above in (row..rows - 1).take(usize::from(LINE_ROWS)).take_while(runs_on) {
            self.cells(above + 1, 0..cols, &mut line.behind);
        }
        line.behind.truncate(line.behind.trim_end().len());
        line
    }

    /// What stands before the cursor in its row, and in the row above where that one runs on: where a prompt stands.
    fn before_cursor(self) -> String {
        let (row, col) = (self.cursor().row, self.cursor().col);
        let mut before = String::new();
        if let Some(above) = row.checked_sub(1).filter(|above| self.runs_on(*above)) {
            self.cells(above, 0..self.size().cols, &mut before);
        }
        self.cells(row, 0..col, &mut before);
        before
    }

    /// Is this row full to its last column?
    fn runs_on(self, row: u16) -> bool {
        !matches!(self.cell(row, self.size().cols - 1).text, "" | " ")
    }

    fn cells(self, row: u16, cols: std::ops::Range<u16>, text: &mut String) {
        for cell in cols.map(|col| self.cell(row, col)).filter(|cell| !cell.continuation) {
            text.push_str(if cell.text.is_empty() { " " } else { cell.text });
        }
    }
}

/// What a pane with this screen and these modes waits for.
pub fn situation(screen: Screen<'_>, modes: &Modes, prompts: &Prompts) -> Situation {
    if is_full_screen(modes) {
        return Situation::FullScreen;
    }
    of_line(&screen.before_cursor(), prompts)
}

/// Does the program take the keys and the screen for itself? A shell may want the arrows as applications do (zsh and fish
/// do so), but neither hides the cursor while it waits, nor wants the mouse.
fn is_full_screen(modes: &Modes) -> bool {
    let hides = modes.cursor == Cursor::Hidden;
    modes.alternate_screen
        || modes.mouse != MouseMode::Off
        || (hides && (modes.application_cursor || modes.application_keypad))
}

fn of_line(before: &str, prompts: &Prompts) -> Situation {
    if before.trim().is_empty() {
        return Situation::Other;
    }
    let unmasked = before.trim_end_matches(MASKS);
    if prompts.secret.set().is_match(before)
        || (unmasked.len() < before.len() && prompts.secret.set().is_match(unmasked))
    {
        Situation::Secret
    } else if prompts.shell.set().is_match(before) {
        Situation::Shell
    } else {
        Situation::Other
    }
}

/// Follows whether the letters that were typed since the last Enter are echoed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EchoWatch {
    /// Where the cursor stood before the first of them, and when the first was sent.
    since: Option<(u16, u16, Duration)>,
}

impl EchoWatch {
    /// A letter is on its way to this pane.
    pub fn typed(&mut self, now: Duration, screen: Screen<'_>) {
        let cursor = screen.cursor();
        self.since.get_or_insert((cursor.row, cursor.col, now));
    }

    /// When the first of the letters was sent.
    pub fn since(&self) -> Option<Duration> {
        self.since.map(|(_, _, at)| at)
    }

    /// The line was sent or given up: what is typed next is looked at anew.
    pub fn forget(&mut self) {
        self.since = None;
    }

    /// Were the letters seen?
    pub fn seen(&self, now: Duration, screen: Screen<'_>) -> EchoSeen {
        let Some((row, col, at)) = self.since else { return EchoSeen::Unknown };
        let cursor = screen.cursor();
        let moved = (cursor.row, cursor.col) != (row, col);
        let printed = || {
            let mut text = String::new();
            screen.cells(row, col.min(cursor.col)..cursor.col, &mut text);
            text
        };
        if moved && !(cursor.row == row && cursor.col > col && printed().chars().all(|c| MASKS.contains(&c)))
        {
            EchoSeen::Yes
        } else if moved || now >= at + ECHO_TAKES {
            EchoSeen::No
        } else {
            EchoSeen::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    fn pane(text: &str) -> Pane {
        let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
        pane.feed(Duration::ZERO, text.as_bytes());
        pane
    }

    fn told(text: &str) -> Situation {
        let pane = pane(text);
        situation(pane.screen(), &pane.modes(), &Prompts::default())
    }

    #[test]
    fn prompts_of_shells_are_known() {
        for text in [
            "ann@web01:~$ ",
            "root@web01:/etc# ",
            "[ann@web01 ~]$ ",
            "bash-5.2$ ",
            "web1% ",
            "~> ",
            "╭─ann@web01 ~\r\n╰─❯ ",
            "➜  ~ git:(main) \x1b[33m✗\x1b[m » ",
            "\x1b[?1h\x1b=\x1b[?2004hzsh% ",
            "$ ",
            "#",
            "mysql> ",
            "MariaDB [(none)]> ",
            "shop=# ",
            ">>> ",
            "sftp> ",
            "PS /root> ",
            "old$ ls\r\nfile\r\nweb01$ ",
            // What stands behind the cursor is a hint of the shell's: a suggestion, the time.
            "web01$ \x1b7git status\x1b[60G12:30\x1b8",
        ] {
            assert_eq!(told(text), Situation::Shell, "{text:?}");
        }
    }

    #[test]
    fn prompts_for_secrets_are_known() {
        for text in [
            "[sudo] password for ann: ",
            "[sudo] password for ann: ***",
            "[sudo] Passwort für ann: ",
            "[sudo] Mot de passe de ann : ",
            "[sudo] contraseña para ann: ",
            "[sudo] пароль для ann: ",
            "Password: ",
            "Password:",
            "ann@web01's password: ",
            "(ann@web01) Password: ",
            "Enter passphrase for key '/home/ann/.ssh/id_ed25519': ",
            "Current password: ",
            "Retype new password: ",
            "Enter password: ",
            "Password for user ann: ",
            "Vault password: ",
            "Verification code: ",
            "Enter PIN for 'YubiKey': ",
            "One-time password (OATH) for `ann': ",
            "Passcode or option (1-3): ",
            "密码：",
            "パスワード: ",
            "Hasło: ",
        ] {
            assert_eq!(told(text), Situation::Secret, "{text:?}");
        }
    }

    #[test]
    fn programs_with_the_whole_screen_are_known() {
        for text in [
            "\x1b[?1049h\x1b[?1h\x1b=\x1b[2J~\r\n~\r\n\"a\" 3L, 12B\x1b[1;1H",
            "\x1b[?1049h\x1b[?1h\x1b=text\r\n:",
            "\x1b[?1049hPassword: ",
            "\x1b[?1h\x1b=\x1b[?25ltop - 12:00:00 up 1 day\r\n",
            "\x1b[?1000h\x1b[?1006h$ ",
        ] {
            assert_eq!(told(text), Situation::FullScreen, "{text:?}");
        }
    }

    #[test]
    fn output_and_typed_lines_are_neither() {
        for text in [
            "",
            "\r\n\r\n",
            "Reading package lists... 45%",
            "make: Entering directory",
            "web01$ uptime",
            "Do you want to continue? [Y/n] ",
            "The password was changed.\r\n",
            "login: ",
            "web01$ ls\r\n",
        ] {
            assert_eq!(told(text), Situation::Other, "{text:?}");
        }
    }

    #[test]
    fn the_patterns_are_the_users() {
        let prompts = Prompts::new(Some(&["λ $".to_owned()]), Some(&["^Zauberwort: $".to_owned()]))
            .expect("good patterns");
        let told = |text: &str| {
            let pane = pane(text);
            situation(pane.screen(), &pane.modes(), &prompts)
        };
        assert_eq!(told("web01 λ "), Situation::Shell);
        assert_eq!(told("Zauberwort: "), Situation::Secret);
        assert_eq!(told("web01$ "), Situation::Other);
        let fault = Prompts::new(Some(&["(".to_owned(), "x".to_owned()]), None).expect_err("not closed");
        assert_eq!(fault, "this is no regular expression: unclosed group");
        assert_eq!(
            pattern("a{100000}{10000}").expect_err("too large"),
            "this regular expression is too large"
        );
    }

    #[test]
    fn a_line_runs_over_its_rows() {
        let mut pane = Pane::new(Size::new(5, 10), HistoryLimit::default());
        pane.feed(Duration::ZERO, "x\r\n$ echo one two three\x1b[5D".as_bytes());
        let line = pane.screen().cursor_line();
        assert_eq!((line.before.as_str(), line.behind.as_str()), ("$ echo one two ", "three"));
        assert_eq!(line.text(), "$ echo one two three");
    }

    #[test]
    fn echo_is_told_from_silence_and_from_masks() {
        let at = Duration::from_millis;
        for (printed, later, expected) in [
            ("x", 0, EchoSeen::Yes),
            ("", 10, EchoSeen::Unknown),
            ("", 1000, EchoSeen::No),
            ("**", 10, EchoSeen::No),
            ("\r\nSorry\r\n", 10, EchoSeen::Yes),
        ] {
            let mut pane = pane("Password: ");
            let mut echo = EchoWatch::default();
            assert_eq!(echo.seen(at(0), pane.screen()), EchoSeen::Unknown);
            echo.typed(at(0), pane.screen());
            pane.feed(at(0), printed.as_bytes());
            assert_eq!(echo.seen(at(later), pane.screen()), expected, "{printed:?} after {later} ms");
            echo.forget();
            assert_eq!(echo.seen(at(later), pane.screen()), EchoSeen::Unknown);
        }
    }
}
