//! Equal lines of many hosts, told once.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::tui::control::text::folded;

/// Stands in a line that several hosts said, each with its own name there.
const OWN_NAME: &str = "{host}";

/// What one host said since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The host as the user named it.
    pub host: String,
    /// Its name alone, which its lines may hold.
    pub name: String,
    /// Its lines, in order.
    pub lines: VecDeque<String>,
}

/// The lines of all hosts as `hosts: line`. Each host's stay in their order; hosts whose next line is the same, but for
/// their own names in it, say it together.
pub fn merge(mut all: Vec<Said>) -> Vec<String> {
    let mut told = Vec::new();
    let mut fronts: HashMap<String, Vec<usize>> = HashMap::new();
    let mut speaking: BTreeSet<usize> = BTreeSet::new();
    for (n, said) in all.iter().enumerate() {
        if let Some(line) = said.lines.front() {
            fronts.entry(generic(line, &said.name)).or_default().push(n);
            speaking.insert(n);
        }
    }
    while let Some(first) = speaking.first().copied() {
        let said = &all[first];
        let key = generic(said.lines.front().map_or("", String::as_str), &said.name);
        let group = fronts.remove(&key).unwrap_or_else(|| vec![first]);
        told.push(line_of(&all, &group, &key));
        for n in group {
            let said = &mut all[n];
            said.lines.pop_front();
            match said.lines.front() {
                Some(next) => fronts.entry(generic(next, &said.name)).or_default().push(n),
                None => drop(speaking.remove(&n)),
            }
        }
    }
    told
}

fn line_of(all: &[Said], group: &[usize], key: &str) -> String {
    let own = |n: &usize| all[*n].lines.front().map_or("", String::as_str);
    let first = own(&group[0]);
    let text = if group.iter().all(|n| own(n) == first) { first } else { key };
    format!("{}: {text}", folded(group.iter().map(|n| all[*n].host.as_str())))
}

/// The line with the host's own name put aside, where it stands as a word.
fn generic(line: &str, name: &str) -> String {
    if name.is_empty() || !line.contains(name) {
        return line.to_owned();
    }
    let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let (mut out, mut rest, mut before) = (String::with_capacity(line.len()), line, None);
    while let Some(at) = rest.find(name) {
        let (left, found) = rest.split_at(at);
        let after = &found[name.len()..];
        let bordered = !in_word(left.chars().next_back().or(before)) && !in_word(after.chars().next());
        out.push_str(left);
        out.push_str(if bordered { OWN_NAME } else { name });
        before = name.chars().next_back();
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(host: &str, lines: &[&str]) -> Said {
        let lines = lines.iter().map(|line| line.to_string()).collect();
        Said { host: host.into(), name: host.into(), lines }
    }

    #[test]
    fn equal_lines_are_told_once_and_order_is_kept() {
        for (all, expected) in [
            (vec![said("web1", &["a", "b"]), said("web2", &["a", "b"])], vec!["web[1-2]: a", "web[1-2]: b"]),
            (vec![said("web1", &["x", "b"]), said("web2", &["b"])], vec!["web1: x", "web[1-2]: b"]),
            (vec![said("web1", &["a"]), said("web2", &["b"])], vec!["web1: a", "web2: b"]),
            (vec![said("web1", &["a", "a"]), said("web2", &["a"])], vec!["web[1-2]: a", "web1: a"]),
            (vec![said("web1", &[]), said("web2", &["", "c"])], vec!["web2: ", "web2: c"]),
            (vec![], vec![]),
        ] {
            assert_eq!(merge(all.clone()), expected, "{all:?}");
        }
    }

    #[test]
    fn the_own_name_of_a_host_makes_no_difference() {
        let prompts = vec![said("web1", &["me@web1:~$"]), said("web2", &["me@web2:~$"])];
        assert_eq!(merge(prompts), ["web[1-2]: me@{host}:~$"]);
        assert_eq!(merge(vec![said("web1", &["me@web1:~$"])]), ["web1: me@web1:~$"]);
        let others = vec![said("web1", &["web10"]), said("web2", &["web20"])];
        assert_eq!(merge(others), ["web1: web10", "web2: web20"], "only as a word");
    }

    #[test]
    fn a_thousand_hosts_with_lines_of_their_own_cost_little() {
        let all = (0..1000).map(|n| {
            let lines = (0..100).map(|k| format!("{n} {k}")).collect();
            Said { host: format!("h{n}"), name: format!("h{n}"), lines }
        });
        assert_eq!(merge(all.collect()).len(), 100_000);
    }
}
