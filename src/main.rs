//! Arguments → run → exit code; the one place that prints the error.

use std::io::Write;
use std::process::ExitCode;

use omnes::{cli, escape, outcome::Exit, run::limits};

/// How much of a panic's message is told, in characters.
const PANIC: usize = 1000;

fn main() -> ExitCode {
    limits::forbid_core_dumps();
    std::panic::set_hook(Box::new(|panic| {
        // A panic may quote what it stumbled over, and that may be a host's.
        let panic = escape::text(&panic.to_string(), PANIC);
        let _ = writeln!(std::io::stderr(), "omnes: internal error, please report it: {panic}");
    }));
    let words = std::env::args_os().skip(1).collect();
    let ended = std::panic::catch_unwind(|| cli::main(words));
    let exit = match ended {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            // A chain is one sentence: what was tried, then why it failed.
            let _ = writeln!(std::io::stderr(), "omnes: {error:#}");
            cli::exit_of(&error)
        }
        Err(_) => Exit::OwnFault,
    };
    ExitCode::from(exit.code())
}
