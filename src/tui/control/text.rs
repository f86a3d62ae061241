//! Responses as text for a person: what `omnes ctl` prints, and the plain mode tells.

use std::collections::BTreeMap;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::escape;
use crate::hosts::{Host, HostSet};

use super::protocol::{HostLine, HostScreen};

/// Longest last line in a table, in characters.
const LAST_CHARS: usize = 60;

/// Longest name or reason in a table, in characters.
const NAME_CHARS: usize = 60;

/// The table of a `list`, one host a line under a head.
pub fn table(hosts: &[HostLine]) -> String {
    let head = ["HOST", "STATE", "HEARS", "PART", "SCOPE", "BEHIND", "LAST LINE"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(hosts.iter().map(cells)).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn cells(host: &HostLine) -> [String; 7] {
    let name = escape::text(&host.host, NAME_CHARS);
    let state = match host.reason.as_str() {
        "" => escape::text(&host.state, NAME_CHARS),
        why => format!("{}: {}", escape::text(&host.state, NAME_CHARS), escape::text(why, NAME_CHARS)),
    };
    let mut part = vec![escape::text(&host.part, NAME_CHARS)];
    part.extend(host.waits.then(|| "waits".to_owned()));
    part.extend(host.held.then(|| "held".to_owned()));
    part.extend(host.focus.then(|| "focus".to_owned()));
    [
        name,
        state,
        if host.receiving { "yes" } else { "no" }.to_owned(),
        part.join(", "),
        if host.scope { "in" } else { "out" }.to_owned(),
        behind(host.behind),
        escape::text(&host.last, LAST_CHARS),
    ]
}

fn behind(bytes: usize) -> String {
    match bytes {
        0 => "-".to_owned(),
        bytes if bytes < 10_000 => format!("{bytes} B"),
        bytes => format!("{} kB", bytes / 1024),
    }
}

/// What becomes of equal screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equal {
    /// Each host has its own.
    Apart,
    /// They are shown once, under their folded hosts.
    Gathered,
}

/// The texts of a `dump`: one host's as it is, several under heads.
pub fn screens(screens: &[HostScreen], equal: Equal) -> String {
    let groups: Vec<(String, &[String])> = match (screens, equal) {
        ([one], _) => return lines(&one.lines),
        (many, Equal::Apart) => {
            many.iter().map(|s| (escape::text(&s.host, NAME_CHARS), &s.lines[..])).collect()
        }
        (many, Equal::Gathered) => gathered(many),
    };
    let mut text = String::new();
    for (n, (hosts, shown)) in groups.iter().enumerate() {
        let gap = if n == 0 { "" } else { "\n" };
        let _ = write!(text, "{gap}==> {hosts} <==\n{}", lines(shown));
    }
    text
}

fn gathered(screens: &[HostScreen]) -> Vec<(String, &[String])> {
    let mut first: Vec<&[String]> = Vec::new();
    let mut names: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    for screen in screens {
        let of = names.entry(&screen.lines).or_default();
        if of.is_empty() {
            first.push(&screen.lines);
        }
        of.push(&screen.host);
    }
    first.into_iter().map(|lines| (folded(names[lines].iter().copied()), lines)).collect()
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| escape::line(line.as_bytes()) + "\n").collect()
}

/// Names as one folded host set; names that no expression could hold stand beside each other.
pub fn folded<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let hosts: Option<HostSet> = names.clone().map(|name| name.parse::<Host>().ok()).collect();
    match hosts {
        Some(set) => escape::line(set.to_string().as_bytes()),
        None => names.map(|name| escape::text(name, NAME_CHARS)).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(host: &str, lines: &[&str]) -> HostScreen {
        HostScreen { host: host.into(), lines: lines.iter().map(|line| line.to_string()).collect() }
    }

    #[test]
    fn a_list_is_a_table() {
        let ready = HostLine {
            host: "web1".into(),
            state: "ready".into(),
            receiving: true,
            part: "attached".into(),
            scope: true,
            focus: true,
            last: "web1:~$".into(),
            ..HostLine::default()
        };
        let closed = HostLine {
            host: "web02".into(),
            state: "closed".into(),
            reason: "link lost".into(),
            part: "detached".into(),
            behind: 20_480,
            last: "\x1b[31mx".into(),
            ..HostLine::default()
        };
        insta::assert_snapshot!(table(&[ready, closed]), @r"
        HOST   STATE              HEARS  PART             SCOPE  BEHIND  LAST LINE
        web1   ready              yes    attached, focus  in     -       web1:~$
        web02  closed: link lost  no     detached         out    20 kB   ^[[31mx
        ");
    }

    #[test]
    fn one_screen_stands_alone_and_several_have_heads() {
        let all = [screen("web1", &["a", "b"]), screen("web2", &["c"]), screen("web3", &["a", "b"])];
        assert_eq!(screens(&all[..1], Equal::Apart), "a\nb\n");
        assert_eq!(
            screens(&all, Equal::Apart),
            "==> web1 <==\na\nb\n\n==> web2 <==\nc\n\n==> web3 <==\na\nb\n"
        );
        assert_eq!(screens(&all, Equal::Gathered), "==> web[1,3] <==\na\nb\n\n==> web2 <==\nc\n");
        assert_eq!(screens(&[screen("x", &["\x1b[2J"])], Equal::Apart), "^[[2J\n");
    }
}
