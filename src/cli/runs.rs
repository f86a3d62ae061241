//! `omnes runs`: what was run, the newest first.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

use super::args::{FormArg, RunsArgs};
use super::{OwnFault, journal};
use crate::escape;
use crate::outcome::Exit;
use crate::run::journal::{Books, Life, RunId, Standing, StoreError, line};
use crate::ssh::UserEnvironment;

/// How much of a command stands in the list, in characters.
const COMMAND: usize = 60;

/// Lists the runs.
pub(super) fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    let store = journal::store(&UserEnvironment::of_process());
    let mut ids = store.ids();
    ids.reverse();
    if args.number > 0 {
        ids.truncate(args.number);
    }
    let rows = ids.into_iter().map(|id| Row { life: store.life(&id), books: store.read(&id), id });
    let mut text = Vec::new();
    match args.output {
        Some(FormArg::Json) => rows.for_each(|row| row.json(&mut text)),
        _ => table(&mut text, &rows.collect::<Vec<_>>()),
    }
    print(&text)
}

/// Prints the names of all runs, for completions.
pub(super) fn names() -> anyhow::Result<Exit> {
    let ids = journal::store(&UserEnvironment::of_process()).ids();
    let lines: String = ids.iter().rev().map(|id| format!("{id}\n")).collect();
    print(format!("last\n{lines}").as_bytes())
}

/// Text to standard output; a reader that has seen enough is no fault.
pub(super) fn print(text: &[u8]) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Well),
        written => written.context(OwnFault("standard output cannot be written".into())).map(|()| Exit::Well),
    }
}

/// One run.
pub(super) struct Row {
    pub(super) id: RunId,
    pub(super) life: Life,
    pub(super) books: Result<Books, StoreError>,
}

/// The word for where a run is.
pub(super) fn state(books: &Books, life: Life) -> &'static str {
    match life {
        Life::Alive => "alive",
        Life::Ended if books.is_complete() => "complete",
        Life::Ended => "interrupted",
    }
}

impl Row {
    /// A `run` line of `docs/events.md`; a run that cannot be read has a `message` instead of all else.
    pub(super) fn json(&self, text: &mut Vec<u8>) {
        match &self.books {
            Ok(books) => line::run(text, self.id.as_str(), state(books, self.life), books),
            Err(error) => line::unreadable_run(text, self.id.as_str(), &error.to_string()),
        }
    }

    fn cells(&self) -> [String; 8] {
        let id = self.id.to_string();
        let Ok(books) = &self.books else {
            let nothing = || "?".to_owned();
            let why = "its journal cannot be read; see `omnes show`".to_owned();
            return [id, "unreadable".to_owned(), nothing(), nothing(), nothing(), nothing(), nothing(), why];
        };
        let counts = books.counts();
        let count = |standings: &[Standing]| {
            let sum: usize = standings.iter().filter_map(|standing| counts.get(standing)).sum();
            if sum == 0 { "-".to_owned() } else { sum.to_string() }
        };
        [
            id,
            state(books, self.life).to_owned(),
            books.hosts.len().to_string(),
            count(&[Standing::Well]),
            count(&[Standing::Failed]),
            count(&[Standing::NotRun, Standing::NotStarted]),
            count(&[Standing::NotKnown]),
            escape::text(&books.start.command, COMMAND),
        ]
    }
}

fn table(text: &mut Vec<u8>, rows: &[Row]) {
    if rows.is_empty() {
        return text.extend_from_slice(b"no run yet; `omnes run web -- uptime` makes one\n");
    }
    let head = ["run", "state", "hosts", "ok", "failed", "not run", "unknown", "command"].map(str::to_owned);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 8] = std::array::from_fn(width);
    for line in &lines {
        let cell = |(column, cell): (usize, &String)| match column {
            0 | 1 => format!("{cell:<width$}", width = widths[column]),
            7 => cell.clone(),
            _ => format!("{cell:>width$}", width = widths[column]),
        };
        let cells: Vec<String> = line.iter().enumerate().map(cell).collect();
        text.extend_from_slice(cells.join("  ").trim_end().as_bytes());
        text.push(b'\n');
    }
}
