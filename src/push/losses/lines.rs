//! The same for `--plan`, on its way to standard output: as text for people, or as lines for machines.

use serde::Serialize;

use super::{Detail, Group, Known, Losses, Needed};
use crate::hosts::HostSet;
use crate::push::delete::Stays;
use crate::run::report::{Form, Words};
use crate::run::{Stream, json};

/// Hosts that lose the same.
#[derive(Serialize)]
struct Deletion {
    v: u32,
    event: &'static str,
    hosts: String,
    count: usize,
    files: Vec<String>,
    folders: Vec<String>,
    stays: Vec<Stayed>,
    there: Range,
    strangers: Range,
    unknown: Option<String>,
}

#[derive(Serialize)]
struct Stayed {
    path: String,
    why: &'static str,
}

/// Of the host that has the fewest, and of the one that has the most.
#[derive(Serialize)]
struct Range {
    least: usize,
    most: usize,
}

/// What it comes to.
#[derive(Serialize)]
struct Deletions<'a> {
    v: u32,
    event: &'static str,
    files: usize,
    asks: &'a [String],
    confirmed: bool,
}

impl Losses {
    /// Tells all of it, and what would be asked; `given` is the number that the user has confirmed with already.
    pub fn tell(&self, given: Option<usize>, words: &mut Words<'_>) {
        match words.form {
            Form::Text => {
                let mut text = self.told(Detail::All);
                if let Some(needed) = self.needed() {
                    text.push_str(&format!("asks: {}\n", needed.asks(given)));
                }
                words.paper.on(Stream::Out).extend_from_slice(text.as_bytes());
            }
            Form::Json => self.lines(given, words),
        }
    }

    fn lines(&self, given: Option<usize>, words: &mut Words<'_>) {
        for (hosts, group) in self.sorted() {
            json::push(words.paper.on(Stream::Out), &line(&hosts, group));
            (words.press)(words.paper);
        }
        let needed = self.needed();
        let asks = needed.as_ref().map(|needed| &needed.reasons[..]).unwrap_or_default();
        let confirmed = needed.as_ref().is_none_or(|needed| needed.is_answered(given));
        let all = Deletions { v: json::V, event: "deletions", files: self.most(), asks, confirmed };
        json::push(words.paper.on(Stream::Out), &all);
    }
}

impl Needed {
    /// What the user is asked, in a sentence.
    fn asks(&self, given: Option<usize>) -> String {
        let (reasons, number) = (self.reasons.join("; "), self.number);
        match self.is_answered(given) {
            true => format!("{reasons}: --delete-confirm {number} answers"),
            false => format!("{reasons}: the number of files, unless --delete-confirm {number} answers"),
        }
    }

    fn is_answered(&self, given: Option<usize>) -> bool {
        given == Some(self.number)
    }
}

fn line(hosts: &HostSet, group: &Group) -> Deletion {
    let doomed = &group.doomed;
    let range = |(least, most): (usize, usize)| Range { least, most };
    Deletion {
        v: json::V,
        event: "deletion",
        hosts: hosts.to_string(),
        count: hosts.len(),
        files: doomed.files.iter().map(|loss| loss.path.to_string()).collect(),
        folders: doomed.folders.iter().map(ToString::to_string).collect(),
        stays: (doomed.stays.iter())
            .map(|(path, why)| Stayed { path: path.to_string(), why: word(*why) })
            .collect(),
        there: range(group.there),
        strangers: range(group.strangers),
        unknown: match &group.known {
            Known::Manifest => None,
            Known::Nothing(why) => Some(why.clone()),
        },
    }
}

/// Why something stays, in a word.
fn word(why: Stays) -> &'static str {
    match why {
        Stays::Changed => "changed",
        Stays::Taken => "taken",
        Stays::Alike => "alike",
        Stays::Odd => "odd",
        Stays::Special => "special",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::delete::{Doomed, Loss};
    use crate::push::path::RelPath;
    use crate::run::report::{Paper, Sink, Sinks};

    fn losses(files: usize, there: usize) -> Losses {
        let path = |text: &str| RelPath::parse(text.as_bytes()).expect("a path");
        let loss = |n: usize| Loss { path: path(&format!("f{n}")), size: Some(1), mtime: 1 };
        let stays = vec![(path("x"), Stays::Taken)];
        let files = (0..files).map(loss).collect();
        let doomed = Doomed { files, there, ours: there, stays, ..Doomed::default() };
        let mut losses = Losses::new(3);
        losses.add(&"web1".parse().expect("a host"), doomed, Known::Manifest).expect("it is little");
        losses
    }

    fn told(losses: &Losses, form: Form, given: Option<usize>) -> String {
        let mut paper = Paper::default();
        let sinks = Sinks { out: Sink::Exact, err: Sink::Exact };
        losses.tell(given, &mut Words { form, sinks, paper: &mut paper, press: &mut |_| {} });
        let parts = paper.parts.into_iter().map(|(_, text)| String::from_utf8(text).expect("text"));
        parts.collect()
    }

    #[test]
    fn the_plan_says_what_will_be_asked() {
        let last = |files, given| {
            let told = told(&losses(files, 4), Form::Text, given);
            told.lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(last(1, None), "  = x has no free name to be kept under, and stays");
        let much = "asks: more than 25 % of the files there would go on 1 host: web1";
        assert_eq!(last(2, None), format!("{much}: the number of files, unless --delete-confirm 2 answers"));
        assert_eq!(last(2, Some(2)), format!("{much}: --delete-confirm 2 answers"));
    }

    #[test]
    fn machines_are_told_the_same() {
        let told = told(&losses(2, 4), Form::Json, Some(3));
        assert_eq!(
            told,
            "{\"v\":1,\"event\":\"deletion\",\"hosts\":\"web1\",\"count\":1,\"files\":[\"f0\",\"f1\"],\"folders\":[],\
             \"stays\":[{\"path\":\"x\",\"why\":\"taken\"}],\"there\":{\"least\":4,\"most\":4},\
             \"strangers\":{\"least\":0,\"most\":0},\"unknown\":null}\n\
             {\"v\":1,\"event\":\"deletions\",\"files\":2,\
             \"asks\":[\"more than 25 % of the files there would go on 1 host: web1\"],\"confirmed\":false}\n"
        );
    }
}
