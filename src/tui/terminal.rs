//! The user's own terminal: taken over, and given back as it was, whatever happens.
//!
//! What is switched on is switched off in reverse order on leaving, on drop and in the panic hook: raw mode, alternate
//! screen, mouse, focus and paste reports, the kitty keyboard where the terminal has it, cursor and colours.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;
use zeroize::{Zeroize, Zeroizing};

use crate::pane;
use crate::size::Size;

/// Alternate screen, cleared; cursor hidden until it is placed; mouse clicks, drags and the wheel (SGR form); focus;
/// bracketed paste; then who are you (kitty keyboard, and DA1, which everyone answers). Motion without a button would be a
/// stream of events for nothing; a frame asks for it while a program on the screen wants it.
const ENTER: &[u8] =
    b"\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?1000h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?u\x1b[c";

/// Tells keys apart that are one byte otherwise, and names the shifted one (kitty keyboard, flags 1 and 4).
const KITTY_ON: &[u8] = b"\x1b[>5u";

const KITTY_OFF: &[u8] = b"\x1b[<u";

/// The reverse of [`ENTER`], and what a frame may have left behind: a synchronised update, colours, the cursor's shape.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b[?2004l\x1b[?1004l\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[m\x1b[0 q\
    \x1b[?25h\x1b[?1049l";

/// The controlling terminal, wherever standard input and output lead.
const TTY: &str = "/dev/tty";

/// Pieces of input that the loop has not read yet; the reader waits then, and the terminal keeps what comes.
const UNREAD: usize = 16;

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input or output is something else.
    #[error("standard {0} is no terminal; `omnes run` works without one")]
    NoTerminal(&'static str),
    /// It cannot move its cursor.
    #[error("TERM is `{0}`, which cannot show panes; set it to what your terminal is, or use `omnes run`")]
    Dumb(String),
    /// Nobody says what it can do.
    #[error("TERM is not set; set it to what your terminal is, such as `xterm-256color`, or use `omnes run`")]
    Unnamed,
    /// It failed.
    #[error("the terminal failed: {0}")]
    Io(#[from] io::Error),
}

/// What the terminal was told, for whoever has to take it back: the terminal is one, and so is this. Held while anything
/// is written, so that no frame comes after the terminal was given back.
static STATE: Mutex<State> = Mutex::new(State { active: false, kitty: false });

struct State {
    active: bool,
    kitty: bool,
}

/// How often giving back tries to come between two frames, and how long it waits each time. A terminal that takes no
/// output for this second is left to itself; only raw mode is ended.
const TRIES: usize = 100;
const PATIENCE: Duration = Duration::from_millis(10);

/// Was the panic hook installed? Once is enough for a process.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// Is the terminal ours? The panic hook asks without waiting for a frame.
static OURS: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Terminal {
    _private: (),
}

impl Terminal {
    /// Takes the terminal over. Everything is checked before anything is changed.
    pub fn enter() -> Result<Terminal, TerminalError> {
        if !io::stdin().is_terminal() && File::open(TTY).is_err() {
            return Err(TerminalError::NoTerminal("input"));
        }
        if !io::stdout().is_terminal() {
            return Err(TerminalError::NoTerminal("output"));
        }
        let term = std::env::var("TERM").unwrap_or_default();
        if term.is_empty() {
            return Err(TerminalError::Unnamed);
        }
        if term == "dumb" {
            return Err(TerminalError::Dumb(crate::escape::text(&term, 40)));
        }
        hook_panics(thread::current().id());
        let terminal = Terminal { _private: () };
        terminal.take()?;
        Ok(terminal)
    }

    /// Takes it over, again after [`Terminal::give_back`].
    pub fn take(&self) -> Result<(), TerminalError> {
        let mut state = lock();
        enable_raw_mode()?;
        state.active = true;
        OURS.store(true, Ordering::SeqCst);
        write(ENTER)?;
        Ok(())
    }

    /// Gives it back as it was.
    pub fn give_back(&self) {
        restore();
    }

    /// The terminal answered that it knows the kitty keyboard.
    pub fn use_kitty(&self) -> io::Result<()> {
        let mut state = lock();
        if state.active && !std::mem::replace(&mut state.kitty, true) {
            write(KITTY_ON)?;
        }
        Ok(())
    }

    /// Its size now; a usual one where it does not say.
    pub fn size(&self) -> Size {
        crossterm::terminal::size().map_or(Size::DEFAULT, |(cols, rows)| Size::new(rows, cols))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Reads the keyboard on a thread of its own, since reading a terminal cannot be waited for without changing it for
/// others. The thread ends with the process, or when the terminal is gone: then the channel closes. Where standard input
/// holds something else, a list of hosts perhaps, keys come from the controlling terminal.
pub fn keyboard() -> io::Result<mpsc::Receiver<Zeroizing<Vec<u8>>>> {
    let (send, receive) = mpsc::channel(UNREAD);
    let mut source: Box<dyn Read + Send> = match io::stdin().is_terminal() {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(TTY)?),
    };
    thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) if n > 0 && send.blocking_send(Zeroizing::new(buffer[..n].to_vec())).is_ok() => {
                    buffer[..n].zeroize();
                }
                _ => return,
            }
        }
    })?;
    Ok(receive)
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the terminal back, once. What fails here fails because the terminal is gone.
fn restore() {
    OURS.store(false, Ordering::SeqCst);
    for _ in 0..TRIES {
        let mut state = match STATE.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(PATIENCE);
                continue;
            }
        };
        if std::mem::replace(&mut state.active, false) {
            if std::mem::replace(&mut state.kitty, false) {
                let _ = write(KITTY_OFF);
            }
            let _ = write(LEAVE);
            let _ = disable_raw_mode();
        }
        return;
    }
    let _ = disable_raw_mode();
}

/// Writes a frame, if the terminal is ours.
pub(super) fn write_frame(bytes: &[u8]) -> io::Result<()> {
    let state = lock();
    if state.active { write(bytes) } else { Ok(()) }
}

/// Writes at once.
fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Longest message of a panic in the log, in characters.
const PANIC_CHARS: usize = 400;

/// A panic of the thread that owns the screen gives the terminal back before it is told, so that it can be read. A panic
/// anywhere else is caught where it happens (a pane's emulator, a session's task) and goes to the log: told on the
/// screen, it would only tear it.
fn hook_panics(owner: ThreadId) {
    if HOOKED.swap(true, Ordering::SeqCst) {
        return;
    }
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let caught = pane::in_boundary() || thread::current().id() != owner;
        if caught && OURS.load(Ordering::SeqCst) {
            // What a message quotes is data: a screen, or what was typed.
            let said = info.to_string();
            let words = said.split('`').next().unwrap_or_default();
            tracing::error!("{}", crate::escape::text(words, PANIC_CHARS));
            return;
        }
        restore();
        previous(info);
    }));
}
