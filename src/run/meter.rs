//! The line that says how far a run is, on the terminal of standard error: drawn, wiped, and not too often.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, fstat};
use rustix::termios::tcgetwinsize;

use super::progress::Progress;

/// How often it is drawn at most.
pub(super) const APART: Duration = Duration::from_millis(100);
/// A run that is over sooner needs no such line.
const FIRST: Duration = Duration::from_millis(500);
/// From the line's beginning, and nothing of what stood there.
const WIPE: &[u8] = b"\r\x1b[K";

/// The line, and the terminal that it is on.
pub struct Meter {
    columns: Box<dyn Fn() -> usize + Send>,
    /// The beginning of the run; no line is drawn before [`FIRST`] after it.
    begun: Instant,
    drawn: Instant,
    is_shown: bool,
    /// Whether something else stands on the terminal's last line, such as a question, that must stay to be read.
    is_taken: fn() -> bool,
}

impl Meter {
    /// A line on a terminal of so many columns, as it is at each moment.
    pub fn new(columns: Box<dyn Fn() -> usize + Send>) -> Meter {
        let begun = Instant::now();
        Meter { columns, begun, drawn: begun + FIRST - APART, is_shown: false, is_taken: || false }
    }

    /// The same, not drawn while the terminal's last line is taken by something else; whoever takes it wipes it first.
    pub fn giving_way(self, is_taken: fn() -> bool) -> Meter {
        Meter { is_taken, ..self }
    }

    /// On the standard error of this process, where that is a terminal that can wipe a line. Not where standard output is
    /// a pipe, since whoever reads it (`less`) may show it on the same terminal.
    pub fn of_process() -> Option<Meter> {
        let is_pipe = fstat(io::stdout()).is_ok_and(|stat| {
            matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket)
        });
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if is_pipe || is_dumb || tcgetwinsize(io::stderr()).is_err() {
            return None;
        }
        let columns = || tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        Some(Meter::new(Box::new(columns)))
    }

    /// Draws it anew, where it is time for that. Where nobody is at work there is no line.
    pub(super) fn draw(
        &mut self,
        progress: &mut Progress,
        now: Instant,
        end: &mut dyn Write,
    ) -> io::Result<()> {
        if (self.is_taken)() {
            self.is_shown = false;
            return Ok(());
        }
        if now.saturating_duration_since(self.drawn) < APART {
            return Ok(());
        }
        // The last column stays free: a terminal that has written there may wrap before it wipes.
        let columns = match (self.columns)() {
            0 => 80,
            columns => columns,
        };
        let line = progress.line(now.saturating_duration_since(self.begun), columns - 1);
        let Some(line) = line else { return self.wipe(end) };
        self.drawn = now;
        self.is_shown = true;
        end.write_all(&[WIPE, line.as_bytes()].concat())?;
        end.flush()
    }

    /// Takes it away, before anything else is written to the terminal.
    pub(super) fn wipe(&mut self, end: &mut dyn Write) -> io::Result<()> {
        if !std::mem::take(&mut self.is_shown) {
            return Ok(());
        }
        end.write_all(WIPE)?;
        end.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Happened, HostIx};

    #[test]
    fn while_a_question_stands_there_nothing_is_drawn_over_it() {
        let mut meter = Meter::new(Box::new(|| 60)).giving_way(|| true);
        let mut progress = Progress::new(&["web1".to_owned()]);
        progress.step(&Happened::Began(HostIx(0)), Duration::ZERO);
        let mut end = Vec::new();
        let now = meter.begun + Duration::from_secs(5);
        meter.draw(&mut progress, now, &mut end).expect("a vector takes all");
        meter.wipe(&mut end).expect("a vector takes all");
        assert_eq!(end, b"");
        meter.is_taken = || false;
        meter.draw(&mut progress, now, &mut end).expect("a vector takes all");
        assert!(end.ends_with(b"omnes: 0 of 1 done, 1 running: web1 (5 s)"));
    }

    #[test]
    fn it_is_drawn_ten_times_a_second_at_most_and_wiped_once() {
        let mut meter = Meter::new(Box::new(|| 40));
        let mut progress = Progress::new(&["web1".to_owned()]);
        progress.step(&Happened::Began(HostIx(0)), Duration::ZERO);
        let mut end = Vec::new();
        let begun = meter.begun;
        for millis in 0..2_500 {
            let now = begun + Duration::from_millis(millis);
            meter.draw(&mut progress, now, &mut end).expect("a vector takes all");
        }
        let text = String::from_utf8(end).expect("text");
        assert_eq!(text.matches("\r\x1b[Komnes: 0 of 1 done").count(), 20, "{text:?}");
        let mut end = Vec::new();
        meter.wipe(&mut end).expect("a vector takes all");
        meter.wipe(&mut end).expect("a vector takes all");
        assert_eq!(end, WIPE);
    }
}
