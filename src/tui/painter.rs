//! Frames on their way to the terminal.
//!
//! A frame is the difference to what the terminal shows, as bytes, written by a thread of its own. While it writes, no
//! further frame is made: a terminal that stalls holds up nothing but the picture, and gets the newest one afterwards.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use tokio::sync::Notify;

use crate::pane::CursorShape;

use super::app::App;
use super::{draw, terminal};

/// The terminal waits with showing what comes between these, so that no half frame is seen. Others ignore them.
const BEGIN: &[u8] = b"\x1b[?2026h\x1b[?25l";
const END: &[u8] = b"\x1b[?2026l";

/// Makes frames and hands them to the writing thread.
#[derive(Debug)]
pub(super) struct Painter {
    /// What the terminal shows; `None` where that is not known.
    shown: Option<Buffer>,
    /// What goes out with the next frame: the bell, a text for the clipboard.
    extra: Vec<u8>,
    rings: bool,
    /// A copy of each frame is wanted, and the last one.
    copies: Copies,
    frame: Option<Vec<u8>>,
    /// The shape the cursor was given last; `None` where that is not known.
    shape: Option<CursorShape>,
    pipe: Pipe,
}

/// Whether frames are wanted by somebody besides the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// No.
    None,
    /// Yes, without the bell and what goes to the clipboard.
    Wanted,
}

/// The writing thread, seen from outside.
#[derive(Debug)]
struct Pipe {
    /// Room for one frame: there is never a second one under way.
    frames: SyncSender<Vec<u8>>,
    busy: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    idle: Arc<Notify>,
}

impl Painter {
    /// A painter whose thread waits for the first frame.
    pub(super) fn new() -> io::Result<Painter> {
        Ok(Painter {
            shown: None,
            extra: Vec::new(),
            rings: false,
            copies: Copies::None,
            frame: None,
            shape: None,
            pipe: Pipe::new()?,
        })
    }

    /// Whether a copy of each frame is to be made.
    pub(super) fn copies(&mut self, copies: Copies) {
        self.copies = copies;
    }

    /// The copy of the last frame.
    pub(super) fn take_frame(&mut self) -> Option<Vec<u8>> {
        self.frame.take()
    }

    /// Can a frame be made now?
    pub(super) fn is_idle(&self) -> bool {
        !self.pipe.busy.load(Ordering::Acquire)
    }

    /// Has the terminal gone away?
    pub(super) fn is_broken(&self) -> bool {
        self.pipe.broken.load(Ordering::Acquire)
    }

    /// Told whenever a frame has been written.
    pub(super) fn idle(&self) -> Arc<Notify> {
        self.pipe.idle.clone()
    }

    /// The terminal's content is not known any more: the next frame paints every cell.
    pub(super) fn forget(&mut self) {
        self.shown = None;
        self.shape = None;
    }

    /// Rings with the next frame, once however often it is asked.
    pub(super) fn ring(&mut self) {
        self.rings = true;
    }

    /// Puts a text on the clipboard with the next frame (OSC 52); the last one counts.
    pub(super) fn copy(&mut self, text: &str) {
        self.extra = format!("\x1b]52;c;{}\x07", STANDARD.encode(text)).into_bytes();
    }

    /// Makes a frame of the app as it is now and hands it over. To be called only while the painter is idle.
    pub(super) fn paint(&mut self, app: &App) -> io::Result<()> {
        let layout = app.layout();
        let mut next = Buffer::empty(layout.area);
        draw::draw(app, layout, &mut next);
        let mut bytes = Vec::with_capacity(4096);
        let mut out = CrosstermBackend::new(&mut bytes);
        out.write_all(BEGIN)?;
        let shown = match self.shown.take() {
            Some(shown) if shown.area == next.area => shown,
            _ => {
                out.clear()?;
                Buffer::empty(next.area)
            }
        };
        out.draw(shown.diff(&next).into_iter())?;
        if let Some((at, shape)) = draw::cursor(app, layout) {
            out.set_cursor_position(at)?;
            if self.shape.replace(shape) != Some(shape) {
                out.write_all(shape_bytes(shape))?;
            }
            out.show_cursor()?;
        }
        out.write_all(END)?;
        self.frame = (self.copies == Copies::Wanted).then(|| bytes.clone());
        bytes.append(&mut self.extra);
        if std::mem::take(&mut self.rings) {
            bytes.push(0x07);
        }
        self.shown = Some(next);
        self.pipe.send(bytes);
        Ok(())
    }
}

fn shape_bytes(shape: CursorShape) -> &'static [u8] {
    match shape {
        CursorShape::Default => b"\x1b[0 q",
        CursorShape::Block => b"\x1b[2 q",
        CursorShape::Underline => b"\x1b[4 q",
        CursorShape::Bar => b"\x1b[6 q",
    }
}

impl Pipe {
    fn new() -> io::Result<Pipe> {
        let (frames, received) = sync_channel::<Vec<u8>>(1);
        let pipe =
            Pipe { frames, busy: Arc::default(), broken: Arc::default(), idle: Arc::new(Notify::new()) };
        let (busy, broken, idle) = (pipe.busy.clone(), pipe.broken.clone(), pipe.idle.clone());
        thread::Builder::new().name("screen".to_owned()).spawn(move || {
            for frame in received {
                if terminal::write_frame(&frame).is_err() {
                    broken.store(true, Ordering::Release);
                }
                busy.store(false, Ordering::Release);
                idle.notify_one();
            }
        })?;
        Ok(pipe)
    }

    fn send(&self, frame: Vec<u8>) {
        self.busy.store(true, Ordering::Release);
        // The one place is free while the thread is not busy; a thread that is gone shows as never idle again.
        let _ = self.frames.try_send(frame);
    }
}
