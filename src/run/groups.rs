//! Gathered results as text: each once under its hosts, or as what differs from the reference, or the failures alone. Pure.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use super::blocks::{BlockIx, Piece};
use super::gather::{Gather, Group, Text};
use super::report::{Paper, Sinks, is_unremarkable, push_line};
use super::stream::Lines;
use super::{HostIx, Stream, diff};
use crate::hosts::{Host, HostSet};
use crate::outcome::{Class, Outcome};

/// The longest output that is compared line by line, in bytes; comparing takes some fifty times that in memory.
const COMPARED: usize = 4 << 20;

/// With whose output the others are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// With what most hosts wrote.
    Majority,
    /// With what this host wrote.
    Host(HostIx),
}

/// What is shown of gathered results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Each result once.
    All,
    /// The reference once, and how the others differ.
    Difference(Against),
    /// Who did not do well, without any output.
    Failures,
}

/// Takes away text that is ready, so that it is not all in memory at once.
pub type Press<'a> = &'a mut dyn FnMut(&mut Paper);

/// The results of a run, gathered.
#[derive(Debug)]
pub(super) struct Groups {
    gather: Gather,
    show: Show,
    /// Bytes were missing when they were to be shown.
    missed: Cell<bool>,
}

/// What is needed to print.
struct Printer<'a> {
    hosts: &'a [Host],
    sinks: Sinks,
    paper: &'a mut Paper,
    press: Press<'a>,
}

impl Groups {
    /// What is in there, told so.
    pub(super) fn new(show: Show, gather: Gather) -> Groups {
        Groups { gather, show, missed: Cell::new(false) }
    }

    /// A host wrote something.
    pub(super) fn said(&mut self, host: HostIx, stream: Stream, bytes: &[u8]) {
        if self.show != Show::Failures {
            self.gather.said(host, stream, bytes);
        }
    }

    /// A host's part is over.
    pub(super) fn ended(&mut self, host: HostIx, outcome: Outcome) {
        self.gather.ended(host, outcome);
    }

    /// Why output was lost, as soon as some was.
    pub(super) fn fault(&self) -> Option<&str> {
        self.gather.fault().or_else(|| self.missed.get().then_some("gathered output cannot be read back"))
    }

    /// What was not told before. A comparison is told as a whole, since the reference may be another now.
    pub(super) fn tell(&mut self, hosts: &[Host], sinks: Sinks, paper: &mut Paper, press: Press<'_>) {
        let groups = match self.show {
            Show::Difference(_) if self.gather.take().is_empty() => return,
            Show::Difference(_) => self.gather.groups(),
            Show::All | Show::Failures => self.gather.take(),
        };
        let mut printer = Printer { hosts, sinks, paper, press };
        match self.show {
            Show::All => groups.iter().for_each(|group| self.print(group, &mut printer)),
            Show::Difference(against) => self.compare(&groups, against, &mut printer),
            Show::Failures => {
                for group in groups.iter().filter(|group| !is_unremarkable(&group.outcome)) {
                    printer.line(Stream::Err, &printer.title(group));
                }
            }
        }
    }

    /// A group with all that it wrote.
    fn print(&self, group: &Group, printer: &mut Printer<'_>) {
        let title = printer.title(group);
        if let Outcome::NotRun(_) = group.outcome {
            // Nothing ran there, so there is nothing that belongs on standard output.
            return printer.line(Stream::Err, &title);
        }
        let [out, err] = [Stream::Out, Stream::Err].map(|stream| group.text.stream(stream));
        if !out.is_empty() || err.is_empty() {
            printer.head(Stream::Out, &title);
            self.print_stream(Stream::Out, out, printer);
        }
        if !err.is_empty() {
            printer.head(Stream::Err, &format!("{title}, standard error"));
            self.print_stream(Stream::Err, err, printer);
        }
    }

    /// Line by line, since a line may begin in one block and end in the next.
    fn print_stream(&self, stream: Stream, blocks: &[BlockIx], printer: &mut Printer<'_>) {
        let mut lines = Lines::default();
        let mut lost = 0;
        for piece in self.gather.pieces(blocks) {
            match piece {
                Piece::Bytes(bytes) => {
                    if let Some(block) = lines.feed(&bytes) {
                        printer.push(stream, &block.bytes);
                    }
                }
                Piece::Lost(bytes) => lost += bytes,
            }
        }
        if let Some(last) = lines.finish() {
            printer.push(stream, &last);
        }
        if lost > 0 {
            self.missed.set(true);
            let why = self.fault().unwrap_or_default();
            printer.paper.notice(&format!("{lost} bytes of that are missing: {why}"));
        }
    }

    /// The reference once, then how the others differ from it.
    fn compare(&self, groups: &[Group], against: Against, printer: &mut Printer<'_>) {
        let (ran, not_run): (Vec<&Group>, Vec<&Group>) =
            groups.iter().partition(|group| group.outcome.class() != Class::NotRun);
        if let Some(reference) = reference(&ran, against, printer) {
            self.print(reference, printer);
            let others = ran.into_iter().filter(|group| !std::ptr::eq(*group, reference));
            others.for_each(|other| self.print_difference(reference, other, printer));
        }
        for group in not_run {
            printer.line(Stream::Err, &printer.title(group));
        }
    }

    fn print_difference(&self, reference: &Group, other: &Group, printer: &mut Printer<'_>) {
        let title = printer.title(other);
        if Arc::ptr_eq(&reference.text, &other.text) {
            return printer.head(Stream::Out, &format!("{title}, the same output"));
        }
        let names = [reference, other].map(|group| printer.set(&group.hosts).to_string());
        for (stream, word) in [(Stream::Out, ""), (Stream::Err, ", standard error")] {
            let streams = [reference, other].map(|group| group.text.stream(stream));
            if streams[0] == streams[1] {
                continue;
            }
            printer.head(stream, &format!("{title}{word}, compared with {}", names[0]));
            let [Some(from), Some(to)] = streams.map(|blocks| self.gather.whole(blocks, COMPARED)) else {
                let why = format!("different, and not compared: more than {COMPARED} bytes, or incomplete");
                printer.paper.on(stream).extend_from_slice(format!("{why}\n").as_bytes());
                continue;
            };
            let (difference, sink) = (diff::compare(&from, &to), printer.sinks.of(stream));
            let names = [names[0].as_str(), names[1].as_str()];
            diff::unified(printer.paper.on(stream), &difference, names, |text, line| {
                push_line(text, line, sink)
            });
            (printer.press)(printer.paper);
        }
    }
}

/// The group with whose output the others are compared.
fn reference<'a>(ran: &[&'a Group], against: Against, printer: &mut Printer<'_>) -> Option<&'a Group> {
    if let Against::Host(host) = against {
        let group = ran.iter().find(|group| group.hosts.binary_search(&host).is_ok());
        if let Some(group) = group {
            return Some(group);
        }
        let name = &printer.hosts[host.0];
        printer.paper.notice(&format!("{name} did not run it; compared is with what most hosts wrote"));
    }
    let mut hosts: HashMap<*const Text, usize> = HashMap::new();
    for group in ran {
        *hosts.entry(Arc::as_ptr(&group.text)).or_default() += group.hosts.len();
    }
    // Of equally many the first: the well come before the failed.
    ran.iter().copied().rev().max_by_key(|group| hosts[&Arc::as_ptr(&group.text)])
}

impl Printer<'_> {
    fn set(&self, hosts: &[HostIx]) -> HostSet {
        hosts.iter().map(|host| self.hosts[host.0].clone()).collect()
    }

    /// `web[01-46] (46): ok`.
    fn title(&self, group: &Group) -> String {
        let set = self.set(&group.hosts);
        format!("{set} ({}): {}", set.len(), group.outcome)
    }

    fn line(&mut self, stream: Stream, text: &str) {
        self.paper.on(stream).extend_from_slice(format!("{text}\n").as_bytes());
    }

    fn head(&mut self, stream: Stream, title: &str) {
        let rule = "-".repeat(15);
        self.line(stream, &format!("{rule}\n{title}\n{rule}"));
    }

    /// Lines of a host.
    fn push(&mut self, stream: Stream, lines: &[u8]) {
        let (sink, text) = (self.sinks.of(stream), self.paper.on(stream));
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            push_line(text, line, sink);
        }
        (self.press)(self.paper);
    }
}
