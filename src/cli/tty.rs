//! A question on the terminal of the process, whatever its standard streams are.
//!
//! While somebody types, the terminal makes no signals, so that the interrupt key cannot leave it without echo: the key
//! ends the line instead, the terminal is mended, and then the signal is sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::ask::Echo;

/// Longest answer in bytes; a line of a terminal is no longer.
const BYTES: usize = 4096;

/// The interrupt key.
const INTERRUPT: u8 = 3;

/// Questions that stand on the terminal now.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Whether a question stands on the terminal of this process, and must stay to be read.
pub(super) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed) > 0
}

/// A question, as long as it stands there.
struct Standing;

impl Standing {
    fn begin() -> Standing {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Standing
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The terminal of this process.
#[derive(Debug)]
pub(super) struct Tty(File);

/// What somebody typed.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line, without its end; it may be empty.
    Line(SecretString),
    /// The end of the input, on an empty line.
    Nothing,
    /// The interrupt key.
    Interrupted,
}

impl Tty {
    /// Opens it; fails where there is none.
    pub(super) fn open() -> io::Result<Tty> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").map(Tty)
    }

    /// Puts a question and waits for a line. What stands in `prompt` must not act on a terminal.
    pub(super) fn ask(&self, prompt: &str, echo: Echo) -> io::Result<Typed> {
        let _standing = Standing::begin();
        let modes = Modes::set(&self.0, echo)?;
        let mut tty = &self.0;
        // A line about how far a run is may stand there.
        let wipe = if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
            ""
        } else {
            "\r\x1b[K"
        };
        write!(tty, "{wipe}{prompt}")?;
        tty.flush()?;
        // One read takes the whole line, and no copy is left behind by growing.
        let mut line = Zeroizing::new([0; BYTES]);
        let read = tty.read(&mut *line);
        let line = line.get(..read?).unwrap_or_default();
        if echo == Echo::Hidden || !line.ends_with(b"\n") {
            writeln!(tty)?;
        }
        drop(modes);
        if line.contains(&INTERRUPT) {
            // The process is there, so there is somebody to signal.
            let _ = kill_process(getpid(), Signal::INT);
            return Ok(Typed::Interrupted);
        }
        let Some(text) = line.strip_suffix(b"\n").or((!line.is_empty()).then_some(line)) else {
            return Ok(Typed::Nothing);
        };
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Typed::Line(SecretString::from(text.to_owned()))),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "what was typed is not UTF-8")),
        }
    }
}

/// The terminal as it was, which it is again when this goes.
struct Modes<'a> {
    tty: &'a File,
    before: Termios,
}

impl Modes<'_> {
    fn set(tty: &File, echo: Echo) -> io::Result<Modes<'_>> {
        let before = tcgetattr(tty)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ISIG);
        modes.local_modes.insert(LocalModes::ICANON);
        modes.local_modes.set(LocalModes::ECHO, echo == Echo::Shown);
        modes.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        // What was typed before the question is no answer to it.
        tcsetattr(tty, OptionalActions::Flush, &modes)?;
        Ok(Modes { tty, before })
    }
}

impl Drop for Modes<'_> {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to restore.
        let _ = tcsetattr(self.tty, OptionalActions::Now, &self.before);
    }
}
