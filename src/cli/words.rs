//! The first word: a command, a reserved word, or a target that is opened.
//!
//! Works on the words as typed, before clap sees them: `omnes web` becomes `omnes open web`, and what would be
//! misunderstood (`run` without `--`, a word that a later version gives a meaning) is refused by a sentence.

use std::collections::HashSet;
use std::ffi::OsString;

use clap::{Command, CommandFactory};

use super::args::Cli;

/// Words that later versions give a meaning; as a target they are opened by `omnes open WORD`.
const RESERVED: [&str; 3] = ["sync", "job", "runner"];

/// A command line that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    /// The word is kept for later.
    #[error(
        "`{0}` is reserved for a command that this version does not have; `omnes open {0}` opens a cluster or host of that name"
    )]
    Reserved(String),
    /// `run` without `--`.
    #[error("{missing}: {line}")]
    NoSeparator {
        /// What is missing.
        missing: &'static str,
        /// The right line.
        line: String,
    },
}

/// Brings the command to the front, and puts `open` there where a target stands first.
pub(super) fn place(words: Vec<OsString>) -> Result<Vec<OsString>, WordError> {
    let grammar = Grammar::new(&Cli::command());
    let plain: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(first) = grammar.positionals(&plain).next() else {
        let asks = |word: &String| matches!(word.as_str(), "-h" | "--help" | "-V" | "--version");
        return Ok(if plain.iter().any(asks) { words } else { prepend("open", words) });
    };
    let word = plain[first].as_str();
    if !grammar.commands.contains(word) {
        if RESERVED.contains(&word) {
            return Err(WordError::Reserved(word.to_owned()));
        }
        let version = matches!(plain[0].as_str(), "-V" | "--version");
        return Ok(if version { words } else { prepend("open", words) });
    }
    refuse_without_separator(&grammar, &plain, first)?;
    let behind = places_of_stdin(&grammar, &plain, first);
    let mut placed = words;
    let command = placed.remove(first);
    placed.insert(0, command);
    Ok(behind_separator(placed, &behind))
}

/// Where `-:/PATH` stands, a place on the hosts that standard input names: it looks like an option and is none.
fn places_of_stdin(grammar: &Grammar, words: &[String], first: usize) -> Vec<usize> {
    let has_places = matches!(words[first].as_str(), "push" | "pull" | "diff");
    let is_separated = words.iter().any(|word| word == "--");
    match has_places && !is_separated {
        true => grammar.positionals(words).filter(|at| words[*at].starts_with("-:")).collect(),
        false => Vec::new(),
    }
}

/// Behind `--` no word is an option. A place is the last word of a push and the only one of a pull, so it keeps its turn.
fn behind_separator(mut words: Vec<OsString>, places: &[usize]) -> Vec<OsString> {
    if !places.is_empty() {
        let moved: Vec<OsString> = places.iter().rev().map(|at| words.remove(*at)).collect();
        words.push("--".into());
        words.extend(moved.into_iter().rev());
    }
    words
}

fn prepend(word: &str, mut words: Vec<OsString>) -> Vec<OsString> {
    words.insert(0, word.into());
    words
}

/// `omnes run web uptime` may mean two hosts or a host and a command, so it is not guessed.
fn refuse_without_separator(grammar: &Grammar, words: &[String], first: usize) -> Result<(), WordError> {
    let mut positionals: Vec<usize> = grammar.positionals(words).skip(1).collect();
    let mut front = words[..=first].to_vec();
    match words[first].as_str() {
        "run" => {}
        "demo" if positionals.first().is_some_and(|at| words[*at] == "run") => {
            front.extend_from_slice(&words[first + 1..=positionals.remove(0)]);
        }
        _ => return Ok(()),
    }
    // A script needs no command, and what was run before is run again.
    let stands_alone =
        |word: &str| ["--script", "--resume", "--again"].iter().any(|option| word.starts_with(option));
    if words.iter().any(|word| matches!(word.as_str(), "--" | "-h" | "--help") || stands_alone(word)) {
        return Ok(());
    }
    let demo = words[first] == "demo";
    let named = demo || words.iter().any(|word| word.starts_with("-w") || word.starts_with("--hosts-from"));
    let command_from = positionals.get(usize::from(!named)).copied().unwrap_or(words.len());
    let mut line =
        front.iter().chain(&words[front.len()..command_from]).map(|w| quoted(w)).collect::<Vec<_>>();
    if positionals.is_empty() && !named {
        line.push("web".into());
    }
    line.push("--".into());
    match &words[command_from..] {
        [] => line.push("uptime".into()),
        command => line.extend(command.iter().map(|w| quoted(w))),
    }
    let line = format!("omnes {}", line.join(" "));
    Err(WordError::NoSeparator { missing: "`run` needs `--` before the command, for example", line })
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "-_./:@=,%+".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", crate::escape::text(word, 200).replace('\'', "'\\''"))
}

/// What the definitions say about words: which are commands, which options take a value.
struct Grammar {
    commands: HashSet<String>,
    valued: HashSet<String>,
}

impl Grammar {
    fn new(root: &Command) -> Grammar {
        let mut grammar = Grammar { commands: HashSet::from(["help".to_owned()]), valued: HashSet::new() };
        grammar.commands.extend(root.get_subcommands().map(|command| command.get_name().to_owned()));
        grammar.collect(root);
        grammar
    }

    fn collect(&mut self, command: &Command) {
        let next_word = |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
        for arg in command.get_arguments().filter(next_word) {
            self.valued.extend(arg.get_short().map(|short| format!("-{short}")));
            self.valued.extend(arg.get_long().map(|long| format!("--{long}")));
        }
        command.get_subcommands().for_each(|command| self.collect(command));
    }

    /// The places of the words before `--` that are neither options nor their values.
    fn positionals<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = usize> + 'a {
        let mut value = false;
        words.iter().take_while(|word| *word != "--").enumerate().filter_map(move |(at, word)| {
            if std::mem::take(&mut value) {
                return None;
            }
            if word.starts_with('-') && word != "-" && !word.starts_with("-:") {
                value = self.wants_value(word);
                return None;
            }
            Some(at)
        })
    }

    fn wants_value(&self, word: &str) -> bool {
        if word.starts_with("--") {
            return self.valued.contains(word);
        }
        // `-bf8` holds its value, `-bf` takes the next word.
        let taker = word.char_indices().skip(1).find(|(_, c)| self.valued.contains(&format!("-{c}")));
        taker.is_some_and(|(at, c)| at + c.len_utf8() == word.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(line: &str) -> Result<String, String> {
        let words = line.split_whitespace().map(OsString::from).collect();
        let words = place(words).map_err(|error| error.to_string())?;
        Ok(words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_first_word_is_a_command_or_a_target() {
        for (line, expected) in [
            ("", "open"),
            ("web", "open web"),
            ("web run", "open web run"),
            ("open run", "open run"),
            ("-l root web", "open -l root web"),
            ("-lroot web", "open -lroot web"),
            ("-l run web", "open -l run web"),
            ("-l root run web -- x", "run -l root web -- x"),
            ("-bf 8 run web -- x", "run -bf 8 web -- x"),
            ("--connect-timeout 3 run web -- x", "run --connect-timeout 3 web -- x"),
            ("--connect-timeout=3 hosts web", "hosts --connect-timeout=3 web"),
            ("run --top web -- x", "run --top web -- x"),
            ("--top run web -- x", "run --top web -- x"),
            ("run web -- play", "run web -- play"),
            ("run play -- x", "run play -- x"),
            ("play steps.toml web", "play steps.toml web"),
            ("-l root play --check - web", "play -l root --check - web"),
            ("demo --hosts 3 play steps.toml", "demo --hosts 3 play steps.toml"),
            ("open play", "open play"),
            ("push a b web:/x", "push a b web:/x"),
            ("-l root push --mode 644 a --to web:/x", "push -l root --mode 644 a --to web:/x"),
            ("push --resume last", "push --resume last"),
            ("open push", "open push"),
            ("pull web:/x --to d", "pull web:/x --to d"),
            ("-l root diff web:/x", "diff -l root web:/x"),
            ("push a -:/x --plan", "push a --plan -- -:/x"),
            ("push a --to -:/x", "push a --to -:/x"),
            ("pull -:/x --to d", "pull --to d -- -:/x"),
            ("-q diff -:/x", "diff -q -- -:/x"),
            ("diff -q -- -:/x", "diff -q -- -:/x"),
            ("open pull diff", "open pull diff"),
            ("ping web", "ping web"),
            ("-l root ping web", "ping -l root web"),
            ("keys --from list web", "keys --from list web"),
            ("open keys", "open keys"),
            ("--help", "--help"),
            ("--version", "--version"),
            ("web --help", "open web --help"),
            ("run --help", "run --help"),
            ("-", "open -"),
            ("-- web", "open -- web"),
            ("help run", "help run"),
            ("demo --hosts 3 run -- x", "demo --hosts 3 run -- x"),
            ("demo serve", "demo serve"),
            ("__clusters", "__clusters"),
            ("ctl send --enter uptime", "ctl send --enter uptime"),
            ("open ctl", "open ctl"),
            ("run --resume last", "run --resume last"),
            ("run --again=-1 --only failed", "run --again=-1 --only failed"),
            ("show -1", "show -1"),
            ("runs", "runs"),
            ("open runs", "open runs"),
        ] {
            assert_eq!(placed(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn reserved_words_say_how_a_cluster_of_that_name_is_opened() {
        for word in RESERVED {
            let error = placed(&format!("{word} web")).expect_err(word);
            assert!(error.contains(&format!("`omnes open {word}`")), "{error}");
            assert_eq!(placed(&format!("open {word}")), Ok(format!("open {word}")));
        }
    }

    #[test]
    fn run_without_a_separator_shows_the_right_line() {
        for (line, right) in [
            ("run web uptime -a", "omnes run web -- uptime -a"),
            ("run -l root web uptime", "omnes run -l root web -- uptime"),
            ("run -w web uptime", "omnes run -w web -- uptime"),
            ("run web", "omnes run web -- uptime"),
            ("run", "omnes run web -- uptime"),
            ("run web[1-2] uptime", "omnes run 'web[1-2]' -- uptime"),
            ("demo run hostname", "omnes demo run -- hostname"),
            ("demo --hosts 3 run hostname -f", "omnes demo --hosts 3 run -- hostname -f"),
        ] {
            let error = placed(line).expect_err(line);
            assert_eq!(error, format!("`run` needs `--` before the command, for example: {right}"), "{line}");
        }
    }
}
