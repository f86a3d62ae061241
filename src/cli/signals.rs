//! Signals of the process as interrupts of a run.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::run::Interrupt;

/// Interrupts that wait for the run; further ones are dropped, since three are all that there is to say.
const QUEUE: usize = 4;

/// Interrupts from `C-c`, TERM and HUP, from now on. Needs a runtime.
///
/// What was ignored when we were started stays ignored: `nohup` means HUP, and a shell script that starts us in the
/// background means INT.
pub(super) fn interrupts() -> std::io::Result<mpsc::Receiver<Interrupt>> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let listen = |kind: SignalKind| match is_ignored(&status, kind) {
        true => Ok(None),
        false => signal(kind).map(Some),
    };
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hup = listen(SignalKind::hangup())?;
    let (send, interrupts) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            let interrupt = tokio::select! {
                () = next(&mut int) => Interrupt::Int,
                () = next(&mut term) => Interrupt::Term,
                () = next(&mut hup) => Interrupt::Term,
                () = send.closed() => return,
            };
            // A full queue says everything already.
            let _ = send.try_send(interrupt);
        }
    });
    Ok(interrupts)
}

async fn next(signal: &mut Option<Signal>) {
    let came = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if came.is_none() {
        std::future::pending().await
    }
}

/// Does this `/proc/self/status` say that the signal is ignored? `SigIgn` is a mask of which bit 0 is signal 1.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).unwrap_or(0) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tomnes\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000000001\n";
        assert!(is_ignored(status, SignalKind::hangup()));
        assert!(!is_ignored(status, SignalKind::interrupt()));
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
