//! The built binary in a real terminal: keys in, screen out.
//!
//! A reader thread feeds what the program writes into an observing emulator and wakes whoever waits; there is no sleep
//! and no polling. Every wait has a deadline far above what is normal and fails with the screen it saw.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Far above anything normal; reaching it is a failure.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program in a terminal of its own.
pub(crate) struct Ui {
    pty: Arc<pty_process::blocking::Pty>,
    child: Child,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Whether what the program writes is left lying.
    stalled: Arc<(Mutex<bool>, Condvar)>,
    line_modes: String,
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The last whole frame: the program marks its frames as synchronised updates, and half of one proves nothing.
    shown: Screen,
    /// In the middle of a frame.
    updating: bool,
    ended: bool,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        // A mark may be cut in two between reads.
        let from = self.raw.len().saturating_sub(FRAME_BEGINS.len());
        self.raw.extend_from_slice(bytes);
        self.parser.process(bytes);
        let last = |mark: &[u8]| self.raw[from..].windows(mark.len()).rposition(|window| window == mark);
        match (last(FRAME_BEGINS), last(FRAME_ENDS)) {
            (Some(begin), Some(end)) => self.updating = begin > end,
            (Some(_), None) => self.updating = true,
            (None, Some(_)) => self.updating = false,
            (None, None) => {}
        }
        if !self.updating {
            self.shown = screen_of(&self.parser);
        }
    }
}

/// The marks of a synchronised update.
const FRAME_BEGINS: &[u8] = b"\x1b[?2026h";
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

/// The screen at one moment.
#[derive(Clone)]
pub(crate) struct Screen {
    pub(crate) rows: Vec<String>,
    pub(crate) cursor: (u16, u16),
}

impl Screen {
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.rows.iter().map(|row| row.matches(text).count()).sum()
    }

    pub(crate) fn text(&self) -> String {
        self.rows.join("\n")
    }
}

impl Ui {
    /// Starts `program` with `args` in a terminal of `rows` x `cols` and exactly the environment `env`.
    pub(crate) fn start(program: &Path, args: &[&str], env: &[(&str, &str)], (rows, cols): (u16, u16)) -> Ui {
        let (pty, pts) = pty_process::blocking::open().expect("a pty");
        pty.resize(pty_process::Size::new(rows, cols)).expect("a size");
        let line_modes = line_modes(&pty);
        let child = pty_process::blocking::Command::new(program)
            .args(args)
            .env_clear()
            .envs(env.iter().copied())
            .spawn(pts)
            .expect("the program starts");
        let pty = Arc::new(pty);
        let parser = vt100::Parser::new(nonzero(rows), nonzero(cols), 0);
        let shown = screen_of(&parser);
        let seen = Seen { parser, raw: Vec::new(), shown, updating: false, ended: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let stalled: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        thread::spawn({
            let (pty, seen, stalled) = (pty.clone(), seen.clone(), stalled.clone());
            move || watch(&pty, &seen, &stalled)
        });
        Ui { pty, child, seen, stalled, line_modes }
    }

    /// Types bytes as they are.
    pub(crate) fn write(&self, bytes: impl AsRef<[u8]>) {
        (&*self.pty).write_all(bytes.as_ref()).expect("the program reads its terminal");
    }

    /// Types keys separated by blanks: `C-a d`, `Enter`, `Up`; anything else letter by letter.
    pub(crate) fn keys(&self, keys: &str) {
        for key in keys.split_whitespace() {
            let bytes: Vec<u8> = match key {
                "Enter" => b"\r".to_vec(),
                "Esc" => b"\x1b".to_vec(),
                "Tab" => b"\t".to_vec(),
                "Space" => b" ".to_vec(),
                "Backspace" => b"\x7f".to_vec(),
                "Up" => b"\x1b[A".to_vec(),
                "Down" => b"\x1b[B".to_vec(),
                "Right" => b"\x1b[C".to_vec(),
                "Left" => b"\x1b[D".to_vec(),
                "PageUp" => b"\x1b[5~".to_vec(),
                "PageDown" => b"\x1b[6~".to_vec(),
                _ => match key.strip_prefix("C-") {
                    Some(letter) if letter.len() == 1 => vec![letter.as_bytes()[0] & 0x1f],
                    _ => key.as_bytes().to_vec(),
                },
            };
            self.write(bytes);
        }
    }

    /// A line and Enter.
    pub(crate) fn line(&self, text: &str) {
        self.write(text);
        self.write("\r");
    }

    /// Waits until the screen is as wanted; fails with what was seen.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&Screen) -> bool) -> Screen {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.seen.0.lock().expect("the reader lives");
        loop {
            let screen = seen.shown.clone();
            if wanted(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                let end = if seen.ended { "the program ended" } else { "the deadline passed" };
                panic!("waiting for {what}, {end}; the screen was:\n{}", screen.text());
            }
            seen = self.seen.1.wait_timeout(seen, left).expect("the reader lives").0;
        }
    }

    /// Waits for a text anywhere on the screen.
    pub(crate) fn wait_for(&self, text: &str) -> Screen {
        self.wait(&format!("`{text}`"), |screen| screen.contains(text))
    }

    /// Waits until the program has written this text so often, line ends being `\n`; for programs that write lines.
    pub(crate) fn wait_written(&self, text: &str, times: usize) {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.seen.0.lock().expect("the reader lives");
        loop {
            let written = String::from_utf8_lossy(&seen.raw).replace('\r', "");
            if written.matches(text).count() >= times {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                panic!("waiting for `{text}`; written was:\n{written}");
            }
            seen = self.seen.1.wait_timeout(seen, left).expect("the reader lives").0;
        }
    }

    /// The screen now.
    pub(crate) fn screen(&self) -> Screen {
        self.seen.0.lock().expect("the reader lives").shown.clone()
    }

    /// Everything the program wrote to its terminal so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen.0.lock().expect("the reader lives").raw.clone()
    }

    /// The modes of the terminal that a program must leave as they were.
    pub(crate) fn modes(&self) -> Modes {
        let seen = self.seen.0.lock().expect("the reader lives");
        let screen = seen.parser.screen();
        Modes {
            alternate: screen.alternate_screen(),
            cursor_hidden: screen.hide_cursor(),
            mouse: screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None,
            bracketed_paste: screen.bracketed_paste(),
        }
    }

    /// How the terminal treats lines now, as `stty -g` would tell it.
    pub(crate) fn line_modes(&self) -> String {
        line_modes(&self.pty)
    }

    /// How it treated them before the program began.
    pub(crate) fn line_modes_at_start(&self) -> &str {
        &self.line_modes
    }

    /// Leaves what the program writes lying, as a terminal does that hangs; or reads on.
    pub(crate) fn stall(&self, stall: bool) {
        *self.stalled.0.lock().expect("the reader lives") = stall;
        self.stalled.1.notify_all();
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        self.seen.0.lock().expect("the reader lives").parser.set_size(nonzero(rows), nonzero(cols));
        self.pty.resize(pty_process::Size::new(rows, cols)).expect("a size");
    }

    /// The program's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types bytes, which a program that has just ended does not take.
    pub(crate) fn type_if_it_lives(&self, bytes: &[u8]) {
        let _ = (&*self.pty).write_all(bytes);
    }

    /// Has the program ended, after waiting so long for it at most?
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let seen = self.seen.0.lock().expect("the reader lives");
        self.seen.1.wait_timeout_while(seen, time, |seen| !seen.ended).expect("the reader lives").0.ended
    }

    /// Waits for the end of the program.
    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.seen.0.lock().expect("the reader lives");
        while !seen.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program does not end; the screen was:\n{}", seen.shown.text());
            seen = self.seen.1.wait_timeout(seen, left).expect("the reader lives").0;
        }
        drop(seen);
        self.child.wait().expect("a status")
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Modes that must be off before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modes {
    pub(crate) alternate: bool,
    pub(crate) cursor_hidden: bool,
    pub(crate) mouse: bool,
    pub(crate) bracketed_paste: bool,
}

impl Modes {
    pub(crate) const SANE: Modes =
        Modes { alternate: false, cursor_hidden: false, mouse: false, bracketed_paste: false };
}

fn line_modes(pty: &pty_process::blocking::Pty) -> String {
    let modes = rustix::termios::tcgetattr(pty).expect("a terminal");
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        modes.input_modes, modes.output_modes, modes.control_modes, modes.local_modes, modes.special_codes
    )
}

fn watch(
    pty: &pty_process::blocking::Pty,
    seen: &(Mutex<Seen>, Condvar),
    (stalled, goes_on): &(Mutex<bool>, Condvar),
) {
    let mut buffer = [0; 65536];
    let mut pty = pty;
    loop {
        drop(goes_on.wait_while(stalled.lock().expect("nobody panics with it"), |stalled| *stalled));
        let read = pty.read(&mut buffer);
        let Ok(mut guard) = seen.0.lock() else {
            // The test has failed while it looked at the screen; its own message says why.
            return;
        };
        match read {
            Ok(n) if n > 0 => {
                let bytes = &buffer[..n];
                // A terminal answers who it is; the program may wait for that when it looks for the kitty keyboard.
                if bytes.windows(3).any(|w| w == b"\x1b[c") {
                    let _ = pty.write_all(b"\x1b[?62;22c");
                }
                guard.take(bytes);
            }
            _ => guard.ended = true,
        }
        seen.1.notify_all();
        if guard.ended {
            return;
        }
    }
}

fn screen_of(parser: &vt100::Parser) -> Screen {
    let screen = parser.screen();
    let cols = screen.size().1.get();
    Screen { rows: screen.rows(0, cols).collect(), cursor: screen.cursor_position() }
}

fn nonzero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n.max(1)).expect("at least one")
}
