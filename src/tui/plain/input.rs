//! Lines from the terminal, which edits them itself; and whether it shows what is typed.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;
use zeroize::{Zeroize, Zeroizing};

/// Pieces that were typed and not read yet; the reader waits then, and the terminal keeps what comes.
const UNREAD: usize = 16;

/// The end of the input so often in a row, with nothing between, is the end of the terminal.
const ENDS: usize = 100;

/// What came.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line, or a piece of one that the user sent without its end.
    Piece(Zeroizing<Vec<u8>>),
    /// The end of the input on an empty line (C-d).
    End,
}

/// Reads lines on a thread of its own, from the controlling terminal where standard input holds something else. The channel
/// closes when the terminal is gone.
pub(super) fn lines() -> io::Result<mpsc::Receiver<Typed>> {
    let (send, receive) = mpsc::channel(UNREAD);
    let mut source = terminal()?;
    thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        let mut buffer = [0; 4096];
        let mut ends = 0;
        loop {
            let typed = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) if ends < ENDS && tcgetattr(&source).is_ok() => {
                    ends += 1;
                    Typed::End
                }
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    ends = 0;
                    let piece = Zeroizing::new(buffer[..n].to_vec());
                    buffer[..n].zeroize();
                    Typed::Piece(piece)
                }
            };
            if send.blocking_send(typed).is_err() {
                return;
            }
        }
    })?;
    Ok(receive)
}

fn terminal() -> io::Result<File> {
    match io::stdin().is_terminal() {
        true => Ok(File::from(rustix::io::dup(io::stdin())?)),
        false => File::open("/dev/tty"),
    }
}

/// The terminal's echo; shown again when this goes.
#[derive(Debug)]
pub(super) struct Echoes {
    terminal: File,
    /// The modes as they were, while nothing is shown.
    before: Option<Termios>,
}

impl Echoes {
    pub(super) fn new() -> io::Result<Echoes> {
        Ok(Echoes { terminal: terminal()?, before: None })
    }

    /// Shows what is typed from now on, or does not. While it does not, the interrupt key ends nothing, so that no signal
    /// can leave the terminal without echo; and what was typed before is no answer to what is asked.
    pub(super) fn hide(&mut self, hide: bool) {
        match (hide, &self.before) {
            (true, None) => {
                let Ok(before) = tcgetattr(&self.terminal) else { return };
                let mut modes = before.clone();
                modes.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
                if tcsetattr(&self.terminal, OptionalActions::Flush, &modes).is_ok() {
                    self.before = Some(before);
                }
            }
            (false, Some(before)) => {
                // A terminal that is gone has nothing to restore.
                let _ = tcsetattr(&self.terminal, OptionalActions::Now, before);
                self.before = None;
            }
            _ => {}
        }
    }

    /// Nothing is shown now.
    pub(super) fn are_hidden(&self) -> bool {
        self.before.is_some()
    }
}

impl Drop for Echoes {
    fn drop(&mut self) {
        self.hide(false);
    }
}
