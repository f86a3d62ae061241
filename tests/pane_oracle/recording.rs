//! Recordings of programs, and the comparison of what a pane and tmux make of them.
//!
//! A program runs in a terminal of 80x24 whose questions a pane answers; what it prints is kept in steps. Then the same
//! bytes go into a fresh pane and into tmux, step by step, and after each step the cells are compared with their colours
//! and attributes.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use omnes::pane::{Color, HistoryLimit, Key, MouseEvent, Pane, Style, Underline};
use omnes::size::Size;
use tempfile::TempDir;

use crate::tmux::{DEADLINE, Tmux};

/// A program that prints nothing for so long has said what it had to say.
const QUIET: Duration = Duration::from_millis(120);

/// What a program printed until something was to be seen.
pub(crate) struct Step {
    name: String,
    bytes: Vec<u8>,
}

/// A program on its way through a recording.
pub(crate) struct Recorder {
    pub(crate) home: TempDir,
    program: std::process::Child,
    terminal: Arc<pty_process::blocking::Pty>,
    output: Receiver<Vec<u8>>,
    pub(crate) pane: Pane,
    began: Instant,
    /// Printed since the last step.
    bytes: Vec<u8>,
    steps: Vec<Step>,
}

impl Recorder {
    /// Starts a shell command, `{home}` in it replaced by a directory of its own.
    pub(crate) fn start(command: &str, locale: &str) -> Recorder {
        let home = tempfile::tempdir().expect("a directory");
        let command = command.replace("{home}", &home.path().display().to_string());
        let (terminal, inner) = pty_process::blocking::open().expect("a terminal");
        terminal.resize(pty_process::Size::new(24, 80)).expect("its size");
        let program = pty_process::blocking::Command::new("/bin/sh")
            .args(["-c", &command])
            .current_dir(home.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .env("LC_ALL", locale)
            .env("SHELL", "/bin/sh")
            .spawn(inner)
            .expect("a shell");
        let terminal = Arc::new(terminal);
        let (sender, output) = channel();
        let reader = Arc::clone(&terminal);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At the end of the program the terminal is gone, and so is this thread.
            while let Ok(n @ 1..) = (&*reader).read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Recorder {
            home,
            program,
            terminal,
            output,
            pane: Pane::new(Size::DEFAULT, HistoryLimit::default()),
            began: Instant::now(),
            bytes: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        (&*self.terminal).write_all(bytes).expect("the program reads");
    }

    /// Presses keys, in the notation of keymaps.
    pub(crate) fn keys(&mut self, keys: &[&str]) -> &mut Recorder {
        for key in keys {
            let key: Key = key.parse().expect("a key");
            let bytes = self.pane.encode_key(key);
            self.send(&bytes);
        }
        self
    }

    pub(crate) fn types(&mut self, text: &str) -> &mut Recorder {
        self.send(text.as_bytes());
        self
    }

    /// Moves or clicks, if the program wants to hear of it.
    pub(crate) fn mouse(&mut self, event: MouseEvent) -> &mut Recorder {
        let bytes = self.pane.encode_mouse(&event).expect("the program asked for the mouse");
        self.send(&bytes);
        self
    }

    /// Waits until the pane shows what is wanted and the program has fallen silent; that is one step.
    pub(crate) fn until(&mut self, step: &str, wanted: impl Fn(&Pane) -> bool) -> &mut Recorder {
        let start = Instant::now();
        loop {
            match self.output.recv_timeout(QUIET) {
                Ok(bytes) => self.printed(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if wanted(&self.pane) => {
                    break;
                }
                Err(_) => {}
            }
            let late = start.elapsed() > DEADLINE;
            assert!(!late, "{step} did not come; there is:\n{}", self.pane.screen().text());
        }
        let whole = whole(&self.bytes);
        let later = self.bytes.split_off(whole);
        let bytes = std::mem::replace(&mut self.bytes, later);
        self.steps.push(Step { name: step.to_owned(), bytes });
        self
    }

    pub(crate) fn until_seen(&mut self, text: &str) -> &mut Recorder {
        self.until(text, |pane| pane.screen().text().contains(text))
    }

    fn printed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let fed = self.pane.feed(self.began.elapsed(), bytes);
        assert!(!fed.reset);
        if !fed.replies.is_empty() {
            self.send(&fed.replies);
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// How many of these bytes end with a whole sequence; the next step begins with the rest.
fn whole(bytes: &[u8]) -> usize {
    let Some(last) = bytes.iter().rposition(|byte| *byte == 0x1b) else { return bytes.len() };
    let tail = &bytes[last + 1..];
    let complete = match tail.first() {
        Some(b'[') => tail[1..].iter().any(|byte| (0x40..=0x7e).contains(byte)),
        Some(b']' | b'P' | b'_') => tail.contains(&0x07),
        Some(b' '..=b'/') => tail.len() > 1,
        Some(_) => true,
        None => false,
    };
    if complete { bytes.len() } else { last }
}

/// One cell, for the comparison.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    text: String,
    style: Style,
}

impl Seen {
    /// Whether nothing is to be seen there.
    fn is_blank(&self) -> bool {
        let Style { bg, inverse, underline, strike, overline, .. } = self.style;
        self.text.trim().is_empty()
            && bg == Color::Default
            && !inverse
            && !underline.is_some()
            && !strike
            && !overline
    }
}

type Rows = Vec<Vec<Seen>>;

fn ours(pane: &Pane) -> Rows {
    let screen = pane.screen();
    let cell = |row, col| {
        let cell = screen.cell(row, col);
        let text = if cell.text.is_empty() && !cell.continuation { " " } else { cell.text };
        Seen { text: text.to_owned(), style: cell.style }
    };
    (0..24).map(|row| (0..80).map(|col| cell(row, col)).collect()).collect()
}

/// The rows that `capture-pane -e` prints, which end with their last character: erased cells behind it are not told, whatever
/// their colour. Text with SGR sequences, and shifts where line drawing begins and ends.
fn captured(text: &str) -> Rows {
    let mut style = Style::PLAIN;
    let mut rows: Rows = text.lines().map(|line| captured_row(line, &mut style)).collect();
    rows.resize(24, Vec::new());
    rows
}

fn captured_row(line: &str, style: &mut Style) -> Vec<Seen> {
    use unicode_width::UnicodeWidthChar as _;
    let (mut row, mut lines): (Vec<Seen>, bool) = (Vec::new(), false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => {
                let sequence: String = rest.by_ref().skip(1).take_while(|c| *c != 'm').collect();
                apply(style, &sequence);
            }
            '\x0e' | '\x0f' => lines = c == '\x0e',
            _ => match c.width() {
                Some(0) => row.last_mut().expect("a character before its mark").text.push(c),
                width => {
                    let text = if lines { drawn(c) } else { c };
                    row.push(Seen { text: text.to_string(), style: *style });
                    if width == Some(2) {
                        row.push(Seen { text: String::new(), style: *style });
                    }
                }
            },
        }
    }
    row
}

/// What tmux writes as a letter of DEC Special Graphics.
fn drawn(c: char) -> char {
    const LETTERS: &str = "`afgjklmnqtuvwx~";
    const DRAWN: [char; 16] =
        ['◆', '▒', '°', '±', '┘', '┐', '┌', '└', '┼', '─', '├', '┤', '┴', '┬', '│', '·'];
    LETTERS.find(c).map_or(c, |n| DRAWN[n])
}

/// The SGR parameters that tmux writes, read by rules of the test's own.
fn apply(style: &mut Style, sequence: &str) {
    let numbers: Vec<Vec<u8>> =
        sequence.split(';').map(|p| p.split(':').map(|n| n.parse().unwrap_or(0)).collect()).collect();
    let mut at = 0;
    while let Some(number) = numbers.get(at) {
        let next = |n: usize| numbers.get(at + n).map_or(0, |part| part[0]);
        let color = match (number.as_slice(), next(1)) {
            ([_, 5, n], _) => (Color::Indexed(*n), 0),
            ([_, 2, .., r, g, b], _) => (Color::Rgb(*r, *g, *b), 0),
            (_, 5) => (Color::Indexed(next(2)), 2),
            _ => (Color::Rgb(next(2), next(3), next(4)), 4),
        };
        at += 1;
        match number[0] {
            0 => *style = Style::PLAIN,
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 => style.underline = Underline::ALL[usize::from(number.get(1).copied().unwrap_or(1))],
            5 => style.blink = true,
            7 => style.inverse = true,
            8 => style.conceal = true,
            9 => style.strike = true,
            53 => style.overline = true,
            n @ 30..=37 => style.fg = Color::Indexed(n - 30),
            39 => style.fg = Color::Default,
            n @ 40..=47 => style.bg = Color::Indexed(n - 40),
            49 => style.bg = Color::Default,
            n @ 90..=97 => style.fg = Color::Indexed(n - 82),
            n @ 100..=107 => style.bg = Color::Indexed(n - 92),
            n @ (38 | 48 | 58) => {
                at += color.1;
                *[&mut style.fg, &mut style.bg, &mut style.underline_color][usize::from(n / 10 - 3)] =
                    color.0;
            }
            n => panic!("tmux wrote SGR {n}"),
        }
    }
}

/// What became of one step.
struct Compared {
    cells: usize,
    wrong: usize,
    wrong_rows: Vec<usize>,
    /// The wrong rows as both show them.
    shown: String,
}

fn compare(ours: &Rows, theirs: &Rows) -> Compared {
    let mut compared = Compared { cells: 0, wrong: 0, wrong_rows: Vec::new(), shown: String::new() };
    for (n, (mine, other)) in ours.iter().zip(theirs).enumerate() {
        let blank = Seen { text: " ".to_owned(), style: Style::PLAIN };
        let padded = other.iter().map(Some).chain(std::iter::repeat(None));
        let told = mine.iter().zip(padded).filter(|(a, b)| b.is_some() || !a.text.trim().is_empty());
        let cells = told.map(|(a, b)| (a, b.unwrap_or(&blank)));
        let seen = cells.filter(|(a, b)| !a.is_blank() || !b.is_blank());
        let wrong: Vec<_> = seen.inspect(|_| compared.cells += 1).filter(|(a, b)| a != b).collect();
        compared.wrong += wrong.len();
        if let Some((a, b)) = wrong.first() {
            compared.wrong_rows.push(n);
            let text = |row: &[Seen]| row.iter().map(|cell| cell.text.as_str()).collect::<String>();
            let _ = writeln!(
                compared.shown,
                "row {n}\n ours: {}\n tmux: {}\n {a:?}\n {b:?}",
                text(mine),
                text(other)
            );
        }
    }
    compared
}

/// Feeds what was recorded to a fresh pane and to tmux, and compares both after each step: at least 99.5 % of the cells
/// that are not blank in both must be equal, no row may be wrong twice in a row, and the cursors must agree.
pub(crate) fn replay(recorder: &Recorder) {
    let tmux = Tmux::listening();
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
    let (mut cells, mut wrong, mut shown) = (0, 0, String::new());
    let mut wrong_before: Vec<usize> = Vec::new();
    assert!(recorder.steps.len() >= 4, "a recording has steps");
    for (n, step) in recorder.steps.iter().enumerate() {
        pane.feed(Duration::from_secs(n as u64), &step.bytes);
        pane.wake(Duration::from_secs(n as u64 + 1));
        tmux.hear(&step.bytes, n);
        let theirs = captured(&tmux.run(&["capture-pane", "-e", "-p", "-N"]));
        let compared = compare(&ours(&pane), &theirs);
        cells += compared.cells;
        wrong += compared.wrong;
        let _ = write!(
            shown,
            "--- {}: {} of {} wrong\n{}",
            step.name, compared.wrong, compared.cells, compared.shown
        );
        let twice: Vec<_> = compared.wrong_rows.iter().filter(|row| wrong_before.contains(row)).collect();
        assert!(twice.is_empty(), "rows {twice:?} are wrong again\n{shown}");
        wrong_before = compared.wrong_rows;
        let cursor = pane.screen().cursor();
        let place = tmux.run(&["display-message", "-p", "#{cursor_y} #{cursor_x}"]);
        let theirs: Vec<u16> = place.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        assert_eq!(
            (cursor.row, cursor.col),
            (theirs[0], theirs[1].min(79)),
            "the cursor after {}",
            step.name
        );
    }
    assert!(cells > 1000, "{cells} cells are too few to tell");
    assert!(wrong * 1000 <= cells * 5, "{wrong} of {cells} cells are wrong\n{shown}");
    println!(
        "{wrong} of {cells} cells differ{}",
        if wrong > 0 { format!("\n{shown}") } else { String::new() }
    );
}
