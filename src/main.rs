//! Arguments → run → exit code; the one place that prints the error.

use std::io::Write;
use std::process::ExitCode;

use omnes::{cli, outcome::Exit, run::limits};

fn main() -> ExitCode {
    limits::forbid_core_dumps();
    std::panic::set_hook(Box::new(|panic| {
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
