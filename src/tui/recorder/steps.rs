//! A piece that everybody has answered, as steps: who, what, and what is expected then.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::hosts::HostSet;
use crate::pane::{Key, KeyCode, Mods};
use crate::play::file::MOST_BYTES;
use crate::play::keys::Keys;
use crate::play::script::{Act, Step};

use super::Eyes;
use super::piece::{Form, Part, Piece, What, Whose, keys_of, same_mode};
use super::sight::{Shown, Sight, Waits, echo_of, expect};

/// A command that took longer than this gets a time of its own.
const LONG: Duration = Duration::from_secs(20);

/// Where nothing is known of a prompt for a secret.
const ANY_SECRET: &str = "(?i)pass(word|phrase|code).*: ?$";

/// What matches at once: nothing is waited for.
const NOTHING: &str = ".*";

/// Said of keys at a shell that bring what was typed before.
const HISTORY: &str = "the next step takes a line from the history of a shell, which is another one elsewhere: write the line instead";

/// Commands after which another shell asks, or none.
const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "csh", "tcsh", "su", "sg", "newgrp", "login",
    "screen", "tmux",
];

/// The same whatever stands behind them.
const LEAVES: &[&str] = &["exit", "logout", "exec", "return", "ssh", "mosh", "telnet", "script"];

/// Commands that run another.
const RUNS: &[&str] = &["sudo", "doas", "env", "command", "nohup", "nice", "time", "setsid"];

/// What stands in the file.
#[derive(Debug)]
pub(super) enum Written {
    /// A step.
    Step(Step),
    /// A sentence.
    Remark(String),
}

/// What came of a piece for some of its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Back to the prompt of the shell: the line was a command.
    Ran,
    /// To this, from that.
    To(Waits, Waits),
}

/// The steps of a piece, whose hosts took so long to answer.
pub(super) fn of(piece: &Piece, took: Duration, eyes: &impl Eyes) -> Vec<Written> {
    if piece.form == Form::Open && is_nothing(piece) {
        return Vec::new();
    }
    let run = piece.run.as_ref().filter(|_| piece.form == Form::Open && piece.fresh);
    if let Some(why) = run.and_then(|run| why_not(run)) {
        return vec![Written::Remark(why.to_owned())];
    }
    let mut written = Vec::new();
    // Who waited for something else while others read a secret got what was meant for those.
    let asked = piece.begin.iter().any(|sight| sight.waits == Waits::Secret);
    for (came, places) in groups(piece) {
        let group = Group { piece, places, on: None };
        let group = Group { on: on(&group.members(), piece, eyes), ..group };
        match (came, piece.form) {
            (Came::To(_, Waits::Gone), _) => written.push(group.ended(eyes)),
            (Came::To(Waits::Secret, _), Form::Secret) => written.push(group.secret()),
            (_, Form::Secret) if !asked => written.push(group.secret()),
            (_, Form::Secret) => {
                let text =
                    format!("keys for {} while others read a secret are not recorded", group.names(eyes));
                written.push(Written::Remark(text));
            }
            (Came::Ran, Form::Open) => written.push(group.run(took)),
            (Came::To(..), Form::Open) => written.extend(group.sent(took)),
        }
    }
    written
}

/// Lines for shells that stood at their prompts, each a command.
pub(super) fn of_lines(piece: &Piece, lines: &[Zeroizing<String>], eyes: &impl Eyes) -> Vec<Written> {
    let on = on(&piece.to, piece, eyes);
    let lines = lines.iter().filter(|line| !line.trim().is_empty());
    lines.map(|line| command(line, on.clone())).collect()
}

/// An empty line at a prompt that stays does nothing.
fn is_nothing(piece: &Piece) -> bool {
    piece.fresh && piece.is_bare_end() && (0..piece.to.len()).all(|at| came_back(piece, at))
}

fn came_back(piece: &Piece, at: usize) -> bool {
    piece.end(at).is_some_and(|end| end.same_shell(&piece.begin[at]))
}

/// The hosts by what came of it, in their order. Those that still worked when the user went on are taken to have come
/// where most did.
fn groups(piece: &Piece) -> Vec<(Came, Vec<usize>)> {
    let is_command = piece.run.as_ref().is_some_and(|run| !begins_shell(run));
    let mut groups: Vec<(Came, Vec<usize>)> = Vec::new();
    let mut late = Vec::new();
    for at in 0..piece.to.len() {
        let (begin, end) = (piece.begin[at].waits, piece.end(at).map_or(Waits::Nothing, |end| end.waits));
        let came = match end {
            Waits::Nothing => {
                late.push(at);
                continue;
            }
            _ if is_command && came_back(piece, at) => Came::Ran,
            end => Came::To(kind(begin), end),
        };
        match groups.iter_mut().find(|(has, _)| *has == came) {
            Some((_, places)) => places.push(at),
            None => groups.push((came, vec![at])),
        }
    }
    let most = groups.iter_mut().filter(|(came, _)| !matches!(came, Came::To(_, Waits::Gone)));
    match most.max_by_key(|(_, places)| places.len()) {
        Some((_, places)) => {
            places.extend(late);
            places.sort_unstable();
        }
        None if !late.is_empty() => {
            let begin = kind(piece.begin[late[0]].waits);
            groups.push((Came::To(begin, Waits::Nothing), late));
        }
        None => {}
    }
    groups
}

/// Whose keys mean the same are not told apart by what they waited for.
fn kind(waits: Waits) -> Waits {
    let kinds = [Waits::Secret, Waits::Screen];
    kinds.into_iter().find(|kind| same_mode(*kind, waits)).unwrap_or(Waits::Line)
}

/// Some hosts of a piece.
struct Group<'a> {
    piece: &'a Piece,
    places: Vec<usize>,
    on: Option<String>,
}

impl Group<'_> {
    fn members(&self) -> Vec<MemberId> {
        self.places.iter().map(|at| self.piece.to[*at]).collect()
    }

    fn names(&self, eyes: &impl Eyes) -> String {
        names(&self.members(), eyes)
    }

    fn step(&self, act: Act) -> Step {
        Step { on: self.on.clone(), ..Step::new(act) }
    }

    fn run(&self, took: Duration) -> Written {
        let line = self.piece.run.as_deref().map_or("", String::as_str);
        match command(line, self.on.clone()) {
            Written::Step(step) => Written::Step(Step { timeout: timeout(took), ..step }),
            remark => remark,
        }
    }

    /// The parts as they were sent.
    fn sent(&self, took: Duration) -> Vec<Written> {
        let (mut written, parts) = (Vec::new(), &self.piece.parts);
        if self.piece.fresh && parts.iter().any(is_from_history) {
            written.push(Written::Remark(HISTORY.to_owned()));
        }
        for (n, part) in parts.iter().enumerate() {
            let last = n + 1 == parts.len();
            let expected = if last { self.expected() } else { self.between(part) };
            let Some(act) = act(&part.what) else {
                written
                    .push(Written::Remark("a text that is too long for a step is not recorded".to_owned()));
                continue;
            };
            if expected.is_none() {
                let text = "what the hosts showed after this says nothing: write what is to be waited for";
                written.push(Written::Remark(text.to_owned()));
            }
            let expect = Some(expected.unwrap_or_else(|| NOTHING.to_owned()));
            let timeout = if last { timeout(took) } else { None };
            written.push(Written::Step(Step { expect, timeout, ..self.step(act) }));
        }
        written
    }

    fn secret(&self) -> Written {
        let begin = || self.places.iter().map(|at| &self.piece.begin[*at].line);
        let name = begin().next().map_or("password", Shown::secret);
        let at = Some(expect(begin()).unwrap_or_else(|| ANY_SECRET.to_owned()));
        let expect = Some(self.expected().unwrap_or_else(|| NOTHING.to_owned()));
        Written::Step(Step { at, expect, ..self.step(Act::Secret(name.to_owned())) })
    }

    /// Their sessions ended.
    fn ended(&self, eyes: &impl Eyes) -> Written {
        let what = match (self.piece.form, self.piece.parts.last().and_then(|part| act(&part.what))) {
            (Form::Open, Some(Act::Send(keys))) => format!("after {keys}"),
            _ => "then".to_owned(),
        };
        Written::Remark(format!("the session of {} ended {what}: that is not recorded", self.names(eyes)))
    }

    fn expected(&self) -> Option<String> {
        expect(self.places.iter().filter_map(|at| self.piece.end(*at)).map(|end| &end.line))
    }

    /// What was seen before the next part: else a paste is known by its echo.
    fn between(&self, part: &Part) -> Option<String> {
        let seen: Vec<&Sight> = self.places.iter().filter_map(|at| part.then.get(*at)).collect();
        match &part.what {
            What::Paste(text) if seen.is_empty() => echo_of(text),
            _ => expect(seen.into_iter().map(|sight| &sight.line)),
        }
    }
}

/// Why a command line is not written down. One that begins with a blank is one that a shell is asked not to keep; one with
/// `!` and a word may mean a line that was typed before.
fn why_not(line: &str) -> Option<&'static str> {
    let expands = |(at, _): (usize, &str)| line[at + 1..].starts_with(|c: char| !" =(\t\n\"".contains(c));
    match line {
        line if line.starts_with([' ', '\t']) => Some("a line that begins with a blank is not recorded"),
        line if !line.contains('\'') && line.match_indices('!').any(expands) => {
            Some("a line that takes something from the history of a shell is not recorded: write it out")
        }
        _ => None,
    }
}

/// A command line as a step, where it can stand in a file.
fn command(line: &str, on: Option<String>) -> Written {
    let fits = line.len() <= MOST_BYTES && !line.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    match fits && why_not(line).is_none() {
        true => Written::Step(Step { on, ..Step::new(Act::Run(line.to_owned())) }),
        false => {
            let why = why_not(line).unwrap_or("a line that cannot stand in a file is not recorded");
            Written::Remark(why.to_owned())
        }
    }
}

/// Keys that shells take a line from their history for.
fn is_from_history(part: &Part) -> bool {
    let What::Keys(notation) = &part.what else { return false };
    let brings = |key: &Key| match (key.code(), key.mods()) {
        (KeyCode::Up | KeyCode::Down, _) => true,
        (KeyCode::Char(c), Mods::CTRL) => "prno".contains(c),
        _ => false,
    };
    keys_of(notation).0.iter().any(brings)
}

fn act(what: &What) -> Option<Act> {
    match what {
        What::Keys(notation) => {
            Some(keys_of(notation)).filter(|keys: &Keys| !keys.0.is_empty()).map(Act::Send)
        }
        What::Paste(text) => (text.len() <= MOST_BYTES).then(|| Act::Paste(text.to_string())),
    }
}

/// Three times what it took, in whole minutes.
fn timeout(took: Duration) -> Option<Duration> {
    (took > LONG).then(|| Duration::from_secs((took.as_secs() * 3).div_ceil(60) * 60))
}

/// Does this command lead to another shell, or out of this one?
fn begins_shell(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        RUNS.contains(word)
            || (word.contains('=') && !word.starts_with('-'))
            || (word.starts_with('-') && !is_login(word))
    });
    match words.next() {
        None => false,
        // `sudo -i` and `sudo -s`, with no command behind it.
        Some(word) if is_login(word) => words.next().is_none(),
        Some(word) => {
            let name = word.rsplit('/').next().unwrap_or(word);
            let rest: Vec<&str> = words.collect();
            let only_options = rest.iter().all(|word| word.starts_with('-'));
            let takes_command = rest
                .iter()
                .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('c'));
            let is_user = matches!(name, "su" | "sg" | "newgrp" | "login" | "screen" | "tmux");
            LEAVES.contains(&name) || (SHELLS.contains(&name) && (only_options || is_user) && !takes_command)
        }
    }
}

/// The options of `sudo` that begin a shell.
fn is_login(word: &str) -> bool {
    matches!(word, "-i" | "-s" | "--login" | "--shell")
}

/// For whom, as a host expression over the hosts that were open: all of them, these, or all but those.
fn on(members: &[MemberId], piece: &Piece, eyes: &impl Eyes) -> Option<String> {
    let without: Vec<MemberId> =
        piece.open.iter().filter(|id| members.binary_search(id).is_err()).copied().collect();
    match piece.whose {
        Whose::Broadcast if without.is_empty() => None,
        Whose::Broadcast if without.len() < members.len() => Some(match without.as_slice() {
            [one] => format!("*!{}", names(&[*one], eyes)),
            several => match names(several, eyes) {
                folded if folded.contains(',') => format!("*!({folded})"),
                folded => format!("*!{folded}"),
            },
        }),
        Whose::Broadcast | Whose::Alone => Some(names(members, eyes)),
    }
}

fn names(members: &[MemberId], eyes: &impl Eyes) -> String {
    members.iter().filter_map(|id| eyes.host(*id)).collect::<HostSet>().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_begin_a_shell_are_known() {
        for (line, begins) in [
            ("uptime", false),
            ("bash", true),
            ("bash -l", true),
            ("bash setup.sh", false),
            ("sh -c 'id'", false),
            ("/bin/zsh", true),
            ("su -", true),
            ("su ann", true),
            ("su - ann -c id", false),
            ("sudo -i", true),
            ("sudo -s", true),
            ("sudo su -", true),
            ("sudo systemctl restart nginx", false),
            ("sudo -k id", false),
            ("LANG=C bash", true),
            ("exit", true),
            ("ssh other", true),
            ("echo bash", false),
        ] {
            assert_eq!(begins_shell(line), begins, "{line}");
        }
    }

    #[test]
    fn lines_that_mean_others_and_lines_that_are_not_to_be_kept_are_left_out() {
        for (line, kept) in [
            ("uptime", true),
            (" uptime", false),
            ("sudo !!", false),
            ("ls !$", false),
            ("[ ! -f x ] && a!=b && echo \"Hi!\"", true),
            ("echo 'a!b'", true),
        ] {
            assert_eq!(why_not(line).is_none(), kept, "{line}");
        }
    }

    #[test]
    fn a_long_command_gets_its_time() {
        let after = |seconds| timeout(Duration::from_secs(seconds)).map(|time| time.as_secs());
        assert_eq!([after(3), after(21), after(100)], [None, Some(120), Some(300)]);
    }
}
