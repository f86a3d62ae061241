//! What the user types in the plain mode: a line for the hosts, or one that begins with a colon, for omnes.

use zeroize::Zeroizing;

use crate::ask::{Echo, HostPrompt};
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::action::Action;
use crate::tui::app::{App, Keyboard, Preparing, Topic};
use crate::tui::control::Request;
use crate::tui::event::Event;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is for the hosts.
    Line(String),
    /// omnes is to do this.
    Request(Request),
    /// Tell the commands.
    Help,
    /// It cannot be meant; why, in a sentence.
    Wrong(String),
}

/// A command, the words it takes, and what it does.
struct Command {
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    request: fn(String) -> Request,
}

/// The commands that take words; every action works by its name besides.
const COMMANDS: &[Command] = &[
    Command {
        name: "hosts",
        takes: "[HOSTS]",
        does: "how each host stands",
        request: |words| Request::List { host: Some(words).filter(|words| !words.is_empty()) },
    },
    Command {
        name: "scope",
        takes: "HOSTS|all",
        does: "limit the broadcast to these hosts, or end the limit",
        request: |hosts| Request::Select { hosts },
    },
    Command {
        name: "detach",
        takes: "HOSTS",
        does: "take hosts out of the broadcast",
        request: |hosts| Request::Detach { hosts },
    },
    Command {
        name: "attach",
        takes: "HOSTS|all",
        does: "put hosts back, and let them in if they wait",
        request: |hosts| Request::Attach { hosts },
    },
    Command {
        name: "focus",
        takes: "HOST",
        does: "move the focus to a host",
        request: |host| Request::Focus { host },
    },
    Command {
        name: "keys",
        takes: "KEYS",
        does: "press keys, such as C-d or Up Enter",
        request: |keys| Request::Keys { keys: keys.into(), host: None, yes: false },
    },
    Command {
        name: "dump",
        takes: "[HOSTS]",
        does: "what hosts show now",
        request: |words| Request::Dump {
            host: Some(words).filter(|words| !words.is_empty()),
            history: false,
        },
    },
    Command {
        name: "open",
        takes: "HOSTS",
        does: "open more hosts",
        request: |hosts| Request::Open { hosts },
    },
    Command {
        name: "close-hosts",
        takes: "HOSTS",
        does: "end sessions and take their hosts away",
        request: |hosts| Request::Close { hosts },
    },
];

/// Reads a line as typed, without its end.
pub fn read(line: &str) -> Said {
    let Some(command) = line.strip_prefix(':') else { return Said::Line(line.to_owned()) };
    if command.starts_with(':') {
        return Said::Line(command.to_owned());
    }
    let (word, words) = command.trim().split_once(char::is_whitespace).unwrap_or((command.trim(), ""));
    let words = words.trim();
    if matches!(word, "" | "help" | "?") {
        return Said::Help;
    }
    let named = COMMANDS.iter().find(|command| command.name == word);
    match named {
        Some(command) if words.is_empty() && !command.takes.starts_with('[') => match Action::named(word) {
            // `:detach` alone means the focused host, as the key does.
            Some(_) => Said::Request(Request::Do { action: word.to_owned() }),
            None => Said::Wrong(format!(":{word} needs {}", command.takes)),
        },
        Some(command) => Said::Request((command.request)(words.to_owned())),
        None if !words.is_empty() && Action::named(word).is_some() => {
            Said::Wrong(format!(":{word} takes no words"))
        }
        None => Said::Request(Request::Do { action: word.to_owned() }),
    }
}

/// The commands, one a line.
pub fn help() -> Vec<String> {
    let mut lines = vec![
        "a line is typed for every host that hears, with Enter; `::` begins one that begins with a colon"
            .to_owned(),
    ];
    lines.extend(COMMANDS.iter().map(|c| format!(":{} {} - {}", c.name, c.takes, c.does)));
    let actions = [
        Action::AttachAll,
        Action::Admit,
        Action::SendAllKept,
        Action::Answer,
        Action::ReconnectAll,
        Action::FocusNext,
        Action::Quit,
    ];
    lines.extend(actions.map(|action| format!(":{action} - {}", action.describe())));
    lines.push("every other action of omnes works by its name too; docs/keys.md lists them".to_owned());
    lines
}

/// How the box for a secret is answered by lines.
pub const SECRET: &str =
    "type it and Enter; `:again` takes in the hosts that ask since then, `:later` or an empty line leaves";

/// How the open question is answered by lines.
pub fn answers(app: &App) -> &'static str {
    match app.questions().dialog().map(|dialog| &dialog.topic) {
        Some(Topic::HostKeys) => {
            "type `yes` to accept the marked key, `all` for all of them, `no` to refuse it, `none` for all, `next`, or `later`"
        }
        Some(Topic::AddKey(..)) => "type `yes`, `no` or `later`",
        Some(Topic::Secret(..) | Topic::Prompt(..)) => {
            "type it and Enter; `:later` leaves the question, `:no` gives up this login"
        }
        None => "type `:later`",
    }
}

/// Is what is typed now not to be seen?
pub fn hides(app: &App) -> bool {
    let topic = || app.questions().dialog().map(|dialog| &dialog.topic);
    match app.keyboard() {
        Keyboard::Preparing(Preparing::Secret(_)) => true,
        Keyboard::Questions => matches!(
            topic(),
            Some(Topic::Secret(..) | Topic::Prompt(_, HostPrompt { echo: Echo::Hidden, .. }))
        ),
        _ => false,
    }
}

/// Is a line an answer only if it was typed after the question was told? Lines that are pasted together with the one that
/// brought it up were meant for hosts.
pub fn must_be_told(app: &App) -> bool {
    matches!(app.keyboard(), Keyboard::Confirm(_) | Keyboard::Questions)
}

/// What a line means to the dialog that is open.
pub fn to_dialog(app: &App, line: &str) -> Vec<Event> {
    let word = line.trim();
    let one = |key: Key| vec![Event::Key(key)];
    let (esc, enter) = (Key::new(KeyCode::Esc, Mods::NONE), Key::new(KeyCode::Enter, Mods::NONE));
    let ctrl = |c| Key::new(KeyCode::Char(c), Mods::CTRL);
    let typed = |text: &str| vec![Event::Paste(text.to_owned().into()), Event::Key(enter)];
    let clear = Event::Key(ctrl('u'));
    match app.keyboard() {
        Keyboard::Hosts | Keyboard::Scrollback => Vec::new(),
        Keyboard::Confirm(_) if matches!(word, "y" | "yes") => one(Key::char('y')),
        Keyboard::Confirm(_) => one(Key::char('n')),
        Keyboard::Questions => match app.questions().dialog().map(|dialog| &dialog.topic) {
            Some(Topic::Secret(..) | Topic::Prompt(..)) => match word {
                ":later" => one(esc),
                ":no" => one(ctrl('x')),
                _ => typed(&Zeroizing::new(line.to_owned())),
            },
            _ => match word {
                "yes" | "y" => one(ctrl('y')),
                "all" => one(ctrl('t')),
                "no" | "n" => one(ctrl('x')),
                "none" => one(ctrl('r')),
                "next" => one(Key::new(KeyCode::Down, Mods::NONE)),
                "later" | ":later" => one(esc),
                _ => Vec::new(),
            },
        },
        Keyboard::Preparing(Preparing::Secret(_)) => match line {
            "" | ":later" => one(esc),
            ":again" => one(ctrl('r')),
            // What was refused before is no part of it.
            _ => std::iter::once(clear).chain(typed(line)).collect(),
        },
        _ if word.is_empty() => one(esc),
        _ => typed(word),
    }
}

/// The keys that type a line.
pub fn keys_of(line: &str) -> impl Iterator<Item = Event> + '_ {
    let key = |c| match c {
        '\t' => Key::new(KeyCode::Tab, Mods::NONE),
        c => Key::char(c),
    };
    line.chars().filter(|c| *c == '\t' || !c.is_control()).map(key).map(Event::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_commands() {
        let act = |action: &str| Said::Request(Request::Do { action: action.into() });
        for (line, expected) in [
            ("uptime", Said::Line("uptime".into())),
            ("", Said::Line("".into())),
            (" :x", Said::Line(" :x".into())),
            ("::wq", Said::Line(":wq".into())),
            (":help", Said::Help),
            (":", Said::Help),
            (":detach web03", Said::Request(Request::Detach { hosts: "web03".into() })),
            (": scope  @db ", Said::Request(Request::Select { hosts: "@db".into() })),
            (":hosts", Said::Request(Request::List { host: None })),
            (":keys C-d", Said::Request(Request::Keys { keys: "C-d".into(), host: None, yes: false })),
            (":detach", act("detach")),
            (":attach-all", act("attach-all")),
            (":quit", act("quit")),
            (":nonsense", act("nonsense")),
            (":focus", Said::Wrong(":focus needs HOST".into())),
            (":zoom now", Said::Wrong(":zoom takes no words".into())),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn every_command_is_in_the_help() {
        let help = help().join("\n");
        assert!(COMMANDS.iter().all(|command| help.contains(&format!(":{} ", command.name))));
    }
}
