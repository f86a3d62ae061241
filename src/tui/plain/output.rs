//! Lines on their way to the terminal, written by a thread of their own: a terminal that stalls holds up nothing but them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::sync::Notify;

/// The writing thread, seen from outside.
#[derive(Debug)]
pub(super) struct Output {
    /// Room for one batch of lines: there is never a second one under way.
    lines: SyncSender<String>,
    busy: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    idle: Arc<Notify>,
}

impl Output {
    pub(super) fn new() -> io::Result<Output> {
        let (lines, received) = sync_channel::<String>(1);
        let output =
            Output { lines, busy: Arc::default(), broken: Arc::default(), idle: Arc::new(Notify::new()) };
        let (busy, broken, idle) = (output.busy.clone(), output.broken.clone(), output.idle.clone());
        thread::Builder::new().name("lines".to_owned()).spawn(move || {
            for text in received {
                let mut out = io::stdout().lock();
                if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                    broken.store(true, Ordering::Release);
                }
                busy.store(false, Ordering::Release);
                idle.notify_one();
            }
        })?;
        Ok(output)
    }

    /// Can lines be written now?
    pub(super) fn is_idle(&self) -> bool {
        !self.busy.load(Ordering::Acquire)
    }

    /// Has the reader gone away?
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Told whenever a batch has been written.
    pub(super) fn idle(&self) -> Arc<Notify> {
        self.idle.clone()
    }

    /// Waits until everything is written.
    pub(super) async fn finish(&self) {
        while !self.is_idle() {
            self.idle.notified().await;
        }
    }

    /// Writes lines. To be called only while it is idle.
    pub(super) fn write(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.busy.store(true, Ordering::Release);
        // The one place is free while the thread is not busy; a thread that is gone shows as never idle again.
        let _ = self.lines.try_send(lines.iter().map(|line| format!("{line}\n")).collect());
    }
}
