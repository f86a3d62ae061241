//! Signals of the process as interrupts of a run.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::run::Interrupt;

/// Interrupts that wait for the run; further ones are dropped, since three are all that there is to say.
const QUEUE: usize = 4;

/// Interrupts from `C-c`, TERM and HUP, from now on. Needs a runtime.
pub(super) fn interrupts() -> std::io::Result<mpsc::Receiver<Interrupt>> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let (send, interrupts) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            let interrupt = tokio::select! {
                Some(()) = int.recv() => Interrupt::Int,
                Some(()) = term.recv() => Interrupt::Term,
                Some(()) = hup.recv() => Interrupt::Term,
                () = send.closed() => return,
            };
            let _ = send.try_send(interrupt);
        }
    });
    Ok(interrupts)
}
