//! Which key does what, both ways: the keyboard asks for the action of a key, help and messages for the keys of an action,
//! so what is shown is always what works.

use std::collections::BTreeMap;
use std::fmt;

use crate::escape;
use crate::pane::{Key, KeyCode, Mods};

use super::action::{Action, Place};

/// The user's wishes, as a configuration file holds them: an action's name and all of its keys. No key at all unbinds it.
pub type Overrides = [(String, Vec<String>)];

/// The bindings.
#[derive(Clone, Debug)]
pub struct Keymap {
    prefix: Key,
    hands: Hands,
    bindings: BTreeMap<(Place, Key), Action>,
    /// The keys of each action, in the order they were named.
    keys: BTreeMap<Action, Vec<Key>>,
}

/// How the user reaches an action, for hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hands {
    /// By its keys.
    #[default]
    Keys,
    /// By its name behind a colon: there are no keys in the plain mode.
    Lines,
}

/// Why bindings do not hold together; names the entry that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No such action.
    #[error("`{name}` is no action; did you mean `{nearest}`?")]
    Action {
        /// What was written, escaped.
        name: String,
        /// The most similar name.
        nearest: &'static str,
    },
    /// No such key.
    #[error("{action}: {why}")]
    Key {
        /// The action it was meant for.
        action: Action,
        /// What is wrong with it.
        why: String,
    },
    /// One key for two actions.
    #[error("{key} is bound to both {first} and {second}; give one of them another key")]
    Twice {
        /// The key.
        key: Key,
        /// One of the actions.
        first: Action,
        /// The other.
        second: Action,
    },
    /// The prefix pressed twice sends it, so it cannot mean something else.
    #[error(
        "{action}: {key} is the prefix, and pressed twice it is sent; choose another key or another prefix"
    )]
    Prefix {
        /// The key.
        key: Key,
        /// The action it was meant for.
        action: Action,
    },
}

impl Keymap {
    /// The prefix unless the user says otherwise: `C-a`.
    pub fn default_prefix() -> Key {
        Key::new(KeyCode::Char('a'), Mods::CTRL)
    }

    /// The usual bindings, changed by the user's. A key that the user gives to one action is taken from the action that
    /// has it by default; two wishes for one key are an error.
    pub fn new(prefix: Key, overrides: &Overrides) -> Result<Keymap, KeymapError> {
        let mut map = Keymap { prefix, hands: Hands::Keys, bindings: BTreeMap::new(), keys: BTreeMap::new() };
        let mut chosen = Vec::new();
        for (name, keys) in overrides {
            let action = named(name)?;
            chosen.push(action);
            for key in keys {
                map.bind(action, parse(action, key)?)?;
            }
        }
        for action in Action::all().filter(|action| !chosen.contains(action)) {
            for key in action.default_keys() {
                let key = parse(action, key)?;
                let taken = map.bindings.contains_key(&(action.place(), key));
                if !taken && !map.is_second_prefix(action, key) {
                    map.bind(action, key)?;
                }
            }
        }
        Ok(map)
    }

    /// The same, for a user who types lines.
    pub fn for_lines(self) -> Keymap {
        Keymap { hands: Hands::Lines, ..self }
    }

    /// The key that announces a key for omnes.
    pub fn prefix(&self) -> Key {
        self.prefix
    }

    /// What a key does there, if anything.
    pub fn action(&self, place: Place, key: Key) -> Option<Action> {
        if place == Place::Prefix && key == self.prefix {
            return Some(Action::SendPrefix);
        }
        self.bindings.get(&(place, key)).copied()
    }

    /// The keys of an action, without the prefix, the first one first.
    pub fn keys(&self, action: Action) -> &[Key] {
        match action {
            Action::SendPrefix => std::slice::from_ref(&self.prefix),
            action => self.keys.get(&action).map_or(&[], Vec::as_slice),
        }
    }

    /// How to press an action, such as `C-a d`; where no key is left for it, its name.
    pub fn hint(&self, action: Action) -> Hint<'_> {
        Hint { map: self, action }
    }

    fn bind(&mut self, action: Action, key: Key) -> Result<(), KeymapError> {
        if self.is_second_prefix(action, key) {
            return Err(KeymapError::Prefix { key, action });
        }
        match self.bindings.insert((action.place(), key), action) {
            Some(first) if first != action => Err(KeymapError::Twice { key, first, second: action }),
            Some(_) => Ok(()),
            None => {
                self.keys.entry(action).or_default().push(key);
                Ok(())
            }
        }
    }

    fn is_second_prefix(&self, action: Action, key: Key) -> bool {
        action.place() == Place::Prefix && key == self.prefix
    }
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::new(Keymap::default_prefix(), &[])
            .expect("the built-in bindings hold together, a test says so")
    }
}

/// How to press an action, for a sentence.
#[derive(Clone, Copy, Debug)]
pub struct Hint<'a> {
    map: &'a Keymap,
    action: Action,
}

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.map.hands == Hands::Lines {
            return write!(f, ":{}", self.action);
        }
        match (self.map.keys(self.action).first(), self.action.place()) {
            (Some(key), Place::Prefix) => write!(f, "{} {key}", self.map.prefix),
            (Some(key), Place::Scrollback) => write!(f, "{key}"),
            (None, _) => write!(f, "`{}` (no key)", self.action),
        }
    }
}

/// The action of this name; an error names the nearest one.
pub(super) fn named(name: &str) -> Result<Action, KeymapError> {
    Action::named(name).ok_or_else(|| KeymapError::Action {
        name: escape::text(name, 40),
        nearest: Action::all()
            .map(Action::name)
            .min_by_key(|known| strsim::damerau_levenshtein(known, name))
            .expect("there are actions"),
    })
}

fn parse(action: Action, key: &str) -> Result<Key, KeymapError> {
    key.parse().map_err(|error: crate::pane::KeyError| KeymapError::Key { action, why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn with(overrides: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let overrides: Vec<(String, Vec<String>)> = overrides
            .iter()
            .map(|(name, keys)| (name.to_string(), keys.iter().map(|k| k.to_string()).collect()))
            .collect();
        Keymap::new(Keymap::default_prefix(), &overrides)
    }

    #[test]
    fn every_action_has_a_key_or_stands_in_the_palette_and_both_ways_agree() {
        let map = Keymap::default();
        for action in Action::all() {
            assert!(!map.keys(action).is_empty() || action.place() == Place::Prefix, "{action}");
            for key in map.keys(action) {
                assert_eq!(map.action(action.place(), *key), Some(action));
            }
        }
        assert_eq!(map.action(Place::Prefix, key("C-a")), Some(Action::SendPrefix));
        assert_eq!(map.action(Place::Prefix, key("C-c")), None);
        assert_eq!(map.hint(Action::AttachAll).to_string(), "C-a D");
    }

    #[test]
    fn the_user_rebinds_unbinds_and_takes_keys_over() {
        let map = with(&[("detach", &["x", "F5"]), ("quit", &[])]).unwrap();
        assert_eq!(map.action(Place::Prefix, key("x")), Some(Action::Detach));
        assert_eq!(map.action(Place::Prefix, key("d")), None);
        assert_eq!(map.keys(Action::Close), []);
        assert_eq!(map.hint(Action::Quit).to_string(), "`quit` (no key)");
        let map = Keymap::new(key("C-b"), &[]).unwrap();
        assert_eq!(map.action(Place::Prefix, key("C-b")), Some(Action::SendPrefix));
        assert_eq!(map.hint(Action::Detach).to_string(), "C-b d");
        let map = Keymap::new(key("C-z"), &[]).unwrap();
        assert_eq!(map.action(Place::Prefix, key("C-z")), Some(Action::SendPrefix), "suspend gives way");
    }

    #[test]
    fn errors_name_the_wrong_entry() {
        for (overrides, expected) in [
            (&[("detatch", &["d"][..])][..], "`detatch` is no action; did you mean `detach`?"),
            (&[("quit", &["Entr"])], "quit: `Entr` is no key; did you mean `Enter`?"),
            (
                &[("quit", &["x"]), ("zoom", &["x"])],
                "x is bound to both quit and zoom; give one of them another key",
            ),
            (
                &[("quit", &["C-a"])],
                "quit: C-a is the prefix, and pressed twice it is sent; choose another key or another prefix",
            ),
        ] {
            assert_eq!(with(overrides).unwrap_err().to_string(), expected);
        }
    }
}
