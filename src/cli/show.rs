//! `omnes show`: what became of a run, from its journal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::args::{FormArg, ShowArgs};
use super::{journal, runs, words};
use crate::escape;
use crate::hosts::HostSet;
use crate::outcome::Exit;
use crate::run::difference::{self, Line};
use crate::run::journal::id::Moment;
use crate::run::journal::{Books, RunId, Standing, Store, Wish, line};
use crate::run::{Stream, json};
use crate::ssh::UserEnvironment;

/// How many equal lines stand around a different one.
const AROUND: usize = 2;
/// How much of a host's output is compared, in bytes; what is beyond is not looked at, and that is said.
const COMPARED: usize = 1 << 20;

/// Shows one run.
pub(super) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let store = journal::store(&UserEnvironment::of_process());
    let id = journal::find(&store, &args.run)?;
    let books = store.read(&id).map_err(journal::fault)?;
    let shown = Shown { store: &store, id: &id, books: &books };
    let wishes = match (&args.only, args.failed) {
        (Some(only), _) => Wish::read(only)?,
        (None, true) => vec![Wish::NotWell],
        (None, false) => vec![Wish::All],
    };
    let numbers: Vec<usize> = match &args.host {
        Some(host) => vec![shown.number(host)?],
        None => books.chosen(&wishes).collect(),
    };
    let told = match (args.output, &args.host) {
        (Some(FormArg::Json), _) => shown.json(&numbers),
        (_, Some(_)) => shown.host(numbers[0]),
        _ if args.diff => shown.differences(&numbers),
        _ => shown.groups(&numbers),
    };
    match told {
        // A reader that has seen enough is no fault.
        Err(error) if is_gone(&error) => Ok(Exit::Well),
        told => told.map(|()| Exit::Well),
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

struct Shown<'a> {
    store: &'a Store,
    id: &'a RunId,
    books: &'a Books,
}

/// What a host came to and wrote, as far as it is compared: its standing, its outcome in words, the digests of both streams.
type Face = (Standing, String, [[u8; 32]; 2]);

impl Shown<'_> {
    fn number(&self, host: &str) -> anyhow::Result<usize> {
        let Some(number) = self.books.number(host) else {
            let (host, id) = (escape::text(host, 80), self.id);
            bail!(
                "run {id} has no host `{host}`; its hosts are {}",
                escape::text(&self.books.start.hosts, 400)
            );
        };
        Ok(number)
    }

    /// Hosts that came to the same and wrote the same, under one title.
    fn groups(&self, numbers: &[usize]) -> anyhow::Result<()> {
        let mut out = Out::new();
        self.head(&mut out)?;
        for (face, group) in self.faces(numbers)? {
            out.line(&self.title(&face, &group))?;
            let first = group[0];
            self.streams(first, |stream, bytes| out.remote(stream, bytes))?;
            out.end_of_text()?;
        }
        Ok(())
    }

    fn title(&self, (_, words, _): &Face, group: &[usize]) -> String {
        let set: HostSet = group.iter().map(|number| self.books.hosts[*number].clone()).collect();
        let rule = "-".repeat(15);
        let left_out: u64 = group.iter().map(|number| self.books.account(*number).left_out).sum();
        let note =
            if left_out > 0 { format!(" ({left_out} bytes of output were not kept)") } else { String::new() };
        format!("{rule}\n{set} ({}): {words}{note}\n{rule}", set.len())
    }

    /// What the run was and what it came to.
    fn head(&self, out: &mut Out) -> anyhow::Result<()> {
        let (books, life) = (self.books, self.store.life(self.id));
        let typed: Vec<String> = books.start.words.iter().map(|word| words::quoted(word)).collect();
        out.line(&format!("run {}, {}: omnes {}", self.id, runs::state(books, life), typed.join(" ")))?;
        let until = books
            .resumed
            .last()
            .map_or_else(String::new, |part| format!(", gone on with at {}", escape::text(&part.at, 40)));
        out.line(&format!(
            "begun at {}{until} in {}",
            Moment(self.id.unix()),
            escape::text(&books.start.directory, 400)
        ))?;
        if books.damaged > 0 {
            out.line(
                "lines of its journal cannot be read; who seems not to have run is counted as not known",
            )?;
        }
        let counts = books.counts();
        let part = |(standing, count): (&Standing, &usize)| format!("{count} {}", word(*standing));
        out.line(&counts.iter().map(part).collect::<Vec<_>>().join("; "))
    }

    /// Hosts by what they came to and wrote; the well last, among equals the larger group first.
    fn faces(&self, numbers: &[usize]) -> anyhow::Result<Vec<(Face, Vec<usize>)>> {
        let wanted: HashSet<usize> = numbers.iter().copied().collect();
        let mut digests: HashMap<usize, [Sha256; 2]> = HashMap::new();
        self.store
            .output(
                self.id,
                |number| wanted.contains(&number),
                |number, stream, bytes| {
                    digests.entry(number).or_default()[stream as usize].update(bytes);
                    Ok(())
                },
            )
            .map_err(journal::fault)?;
        let mut groups: BTreeMap<Face, Vec<usize>> = BTreeMap::new();
        for number in numbers {
            let digests = digests.remove(number).unwrap_or_default().map(|digest| digest.finalize().into());
            let face = (self.books.standing(*number), self.books.words(*number), digests);
            groups.entry(face).or_default().push(*number);
        }
        let mut groups: Vec<(Face, Vec<usize>)> = groups.into_iter().collect();
        groups.sort_by_key(|((standing, ..), group)| {
            (*standing == Standing::Well, *standing, std::cmp::Reverse(group.len()), group[0])
        });
        Ok(groups)
    }

    /// What one host wrote, piece by piece.
    fn streams(
        &self,
        wanted: usize,
        mut each: impl FnMut(Stream, &[u8]) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let told =
            self.store.output(self.id, |number| number == wanted, |_, stream, bytes| each(stream, bytes));
        told.context("the output cannot be shown")
    }

    /// What one host wrote, each stream to ours, and what became of it as a sentence.
    fn host(&self, number: usize) -> anyhow::Result<()> {
        let mut out = Out::new();
        self.streams(number, |stream, bytes| match stream {
            Stream::Out => out.remote(stream, bytes),
            Stream::Err => out.error(bytes),
        })?;
        out.out.flush()?;
        let (name, words) = (&self.books.hosts[number], self.books.words(number));
        Ok(writeln!(io::stderr(), "omnes: {name}: {words}")?)
    }

    /// Each group against the largest one that wrote something, or that ran at all.
    fn differences(&self, numbers: &[usize]) -> anyhow::Result<()> {
        let faces = self.faces(numbers)?;
        let ran =
            |((standing, ..), _): &&(Face, Vec<usize>)| matches!(standing, Standing::Well | Standing::Failed);
        let mut out = Out::new();
        self.head(&mut out)?;
        let Some((face, most)) = faces.iter().filter(ran).max_by_key(|(_, group)| group.len()) else {
            return out.line("no command ran to its end, so there is nothing to compare");
        };
        let norm = self.compared(most[0])?;
        out.line(&self.title(face, most))?;
        out.line("what the others are compared with")?;
        for (face, group) in faces.iter().filter(|(_, group)| group[0] != most[0]) {
            out.line(&self.title(face, group))?;
            for (stream, (norm, text)) in
                [Stream::Out, Stream::Err].iter().zip(norm.iter().zip(&self.compared(group[0])?))
            {
                out.difference(*stream, norm, text)?;
            }
        }
        Ok(())
    }

    /// The beginning of both streams.
    fn compared(&self, number: usize) -> anyhow::Result<[Vec<u8>; 2]> {
        let mut text: [Vec<u8>; 2] = Default::default();
        self.streams(number, |stream, bytes| {
            let text = &mut text[stream as usize];
            text.extend_from_slice(&bytes[..bytes.len().min(COMPARED - text.len())]);
            Ok(())
        })?;
        Ok(text)
    }

    /// The run, then what hosts wrote, then where each stands.
    fn json(&self, numbers: &[usize]) -> anyhow::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut text = Vec::new();
        line::run(&mut text, self.id.as_str(), runs::state(self.books, self.store.life(self.id)), self.books);
        out.write_all(&text)?;
        let wanted: HashSet<usize> = numbers.iter().copied().collect();
        let names: HashMap<usize, String> =
            numbers.iter().map(|number| (*number, self.books.hosts[*number].to_string())).collect();
        let told = self.store.output(
            self.id,
            |number| wanted.contains(&number),
            |number, stream, bytes| {
                text.clear();
                json::output(&mut text, &names[&number], stream, bytes);
                out.write_all(&text)
            },
        );
        told.context("the output cannot be shown")?;
        for number in numbers {
            text.clear();
            line::host(&mut text, self.books, *number);
            out.write_all(&text)?;
        }
        Ok(out.flush()?)
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Well => "ok",
        Standing::Failed => "failed",
        Standing::NotRun => "not run",
        Standing::NotStarted => "not started",
        Standing::NotKnown => "not known",
    }
}

/// Standard output, on which remote text acts on no terminal.
struct Out {
    out: io::BufWriter<io::StdoutLock<'static>>,
    terminals: [bool; 2],
    ends_line: bool,
}

impl Out {
    fn new() -> Out {
        let terminals = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        Out { out: io::BufWriter::new(io::stdout().lock()), terminals, ends_line: true }
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// A piece of what a host wrote.
    fn remote(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
        self.ends_line = bytes.last().is_none_or(|last| *last == b'\n');
        match self.terminals[0] {
            true => self.out.write_all(escaped(bytes).as_bytes()),
            false => self.out.write_all(bytes),
        }
    }

    fn error(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.terminals[1] {
            true => io::stderr().write_all(escaped(bytes).as_bytes()),
            false => io::stderr().write_all(bytes),
        }
    }

    /// The newline that the last line may lack.
    fn end_of_text(&mut self) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.ends_line, true) {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn difference(&mut self, stream: Stream, norm: &[u8], text: &[u8]) -> anyhow::Result<()> {
        if norm == text {
            return Ok(());
        }
        if stream == Stream::Err {
            self.line("standard error:")?;
        }
        let lines = difference::lines(norm, text);
        let is_near = |at: usize| {
            let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
            lines[near].iter().any(|line| !matches!(line, Line::Same(_)))
        };
        let mut passed = false;
        for (at, line) in lines.iter().enumerate() {
            if !is_near(at) {
                if !std::mem::replace(&mut passed, true) {
                    self.line(" ...")?;
                }
                continue;
            }
            passed = false;
            let (mark, line) = match line {
                Line::Same(line) => (b' ', line),
                Line::Gone(line) => (b'-', line),
                Line::New(line) => (b'+', line),
            };
            self.out.write_all(&[mark])?;
            self.remote(stream, line)?;
            writeln!(self.out)?;
        }
        self.ends_line = true;
        if norm.len() == COMPARED || text.len() == COMPARED {
            self.line(" what comes after the first MiB is not compared")?;
        }
        Ok(())
    }
}

/// Lines as a terminal may have them.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        text.push_str(&escape::line(content));
        if content.len() < line.len() {
            text.push('\n');
        }
    }
    text
}
