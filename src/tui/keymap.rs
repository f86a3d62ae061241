//! Which key does what, both ways: the keyboard asks for the action of a key, help and messages for the keys of an action,
//! so what is shown is always what works.

use std::collections::BTreeMap;
use std::fmt;

use crate::escape;
use crate::pane::{Key, KeyCode, Mods};

use super::action::{Action, Place};

mod page;
mod presets;

pub use page::page;
pub use presets::Preset;

/// An action's name and all of its keys, as a configuration file holds them. No key at all unbinds it.
pub type Wish = (String, Vec<String>);

/// What the user wishes.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// What everything else is a change of.
    pub preset: Preset,
    /// The prefix; `None` is the preset's.
    pub prefix: Option<Key>,
    /// Keys after the prefix, or in the mode that the action belongs to.
    pub keys: Vec<Wish>,
    /// Keys that are taken from the hosts: they act without the prefix.
    pub direct: Vec<Wish>,
}

/// The bindings.
#[derive(Clone, Debug)]
pub struct Keymap {
    prefix: Key,
    hands: Hands,
    bindings: BTreeMap<(Place, Key), Action>,
    /// The keys of each action, in the order they were named.
    keys: BTreeMap<Action, Vec<Key>>,
    /// Those that act without the prefix.
    direct: BTreeMap<Action, Vec<Key>>,
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
    /// Without the prefix this key would never reach a host again.
    #[error(
        "{action}: {key} without the prefix would never reach a host again; choose a key with C- or M-, or F1 to F12"
    )]
    Typing {
        /// The key.
        key: Key,
        /// The action it was meant for.
        action: Action,
    },
    /// Such an action has its keys where it works.
    #[error("{action} works only while you look back, and has no key without the prefix")]
    NotDirect {
        /// The action.
        action: Action,
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

    /// The usual bindings, changed by the preset and then by the user. A key that the user gives to one action is taken
    /// from the action that has it otherwise; two wishes for one key are an error.
    pub fn of(wishes: &Wishes) -> Result<Keymap, KeymapError> {
        let preset = wishes.preset.bindings();
        let prefix = wishes.prefix.unwrap_or(preset.prefix);
        let mut map = Keymap {
            prefix,
            hands: Hands::Keys,
            bindings: BTreeMap::new(),
            keys: BTreeMap::new(),
            direct: BTreeMap::new(),
        };
        let chosen = map.bind_all(&wishes.keys, Way::Usual)?;
        let directly = map.bind_all(&wishes.direct, Way::Direct)?;
        for (action, keys) in preset.keys.iter().filter(|(action, _)| !chosen.contains(action)) {
            map.offer_all(*action, keys, Way::Usual)?;
        }
        for (action, keys) in preset.direct.iter().filter(|(action, _)| !directly.contains(action)) {
            map.offer_all(*action, keys, Way::Direct)?;
        }
        let changed = |action: &Action| preset.keys.iter().any(|(preset, _)| preset == action);
        for action in Action::all().filter(|action| !chosen.contains(action) && !changed(action)) {
            map.offer_all(action, action.default_keys(), Way::Usual)?;
        }
        Ok(map)
    }

    /// The same, for a user who types lines.
    pub fn for_lines(self) -> Keymap {
        Keymap { hands: Hands::Lines, ..self }
    }

    /// How the user acts.
    pub fn hands(&self) -> Hands {
        self.hands
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

    /// The keys of an action that act without the prefix.
    pub fn direct(&self, action: Action) -> &[Key] {
        self.direct.get(&action).map_or(&[], Vec::as_slice)
    }

    /// How to press an action, such as `C-a d`; where no key is left for it, its name.
    pub fn hint(&self, action: Action) -> Hint<'_> {
        Hint { map: self, action }
    }

    /// Binds what the user wished; returns the actions that were named.
    fn bind_all(&mut self, wishes: &[Wish], way: Way) -> Result<Vec<Action>, KeymapError> {
        let mut chosen = Vec::new();
        for (name, keys) in wishes {
            let action = named(name)?;
            chosen.push(action);
            for key in keys {
                self.bind(action, parse(action, key)?, way)?;
            }
        }
        Ok(chosen)
    }

    /// Binds what nobody wished otherwise.
    fn offer_all(&mut self, action: Action, keys: &[&str], way: Way) -> Result<(), KeymapError> {
        for key in keys {
            let key = parse(action, key)?;
            let taken = self.bindings.contains_key(&(way.place(action), key));
            if !taken && !self.is_second_prefix(way.place(action), key) {
                self.bind(action, key, way)?;
            }
        }
        Ok(())
    }

    fn bind(&mut self, action: Action, key: Key, way: Way) -> Result<(), KeymapError> {
        let place = way.place(action);
        if self.is_second_prefix(place, key) {
            return Err(KeymapError::Prefix { key, action });
        }
        if place == Place::Direct && action.place() != Place::Prefix {
            return Err(KeymapError::NotDirect { action });
        }
        if place == Place::Direct && is_typing(key) {
            return Err(KeymapError::Typing { key, action });
        }
        match self.bindings.insert((place, key), action) {
            Some(first) if first != action => Err(KeymapError::Twice { key, first, second: action }),
            Some(_) => Ok(()),
            None => {
                let keys = if place == Place::Direct { &mut self.direct } else { &mut self.keys };
                keys.entry(action).or_default().push(key);
                Ok(())
            }
        }
    }

    fn is_second_prefix(&self, place: Place, key: Key) -> bool {
        matches!(place, Place::Prefix | Place::Direct) && key == self.prefix
    }
}

/// How a key is bound to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Where the action has its keys.
    Usual,
    /// Without the prefix.
    Direct,
}

impl Way {
    fn place(self, action: Action) -> Place {
        match self {
            Way::Usual => action.place(),
            Way::Direct => Place::Direct,
        }
    }
}

/// Is this a key that everybody types?
fn is_typing(key: Key) -> bool {
    let plain = matches!(key.mods(), Mods::NONE | Mods::SHIFT);
    plain && !matches!(key.code(), KeyCode::F(_))
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::of(&Wishes::default()).expect("the built-in bindings hold together, a test says so")
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
        let direct = self.map.direct(self.action).first();
        match (direct, self.map.keys(self.action).first(), self.action.place()) {
            (Some(key), ..) | (None, Some(key), Place::Scrollback | Place::Direct) => write!(f, "{key}"),
            (None, Some(key), Place::Prefix) => write!(f, "{} {key}", self.map.prefix),
            (None, None, _) => match self.map.keys(Action::Palette).first() {
                Some(key) => write!(f, "{} {key} {}", self.map.prefix, self.action),
                None => write!(f, "`{}` (no key)", self.action),
            },
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

    fn wishes(wishes: &[(&str, &[&str])]) -> Vec<Wish> {
        let owned = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect();
        wishes.iter().map(|(name, keys)| (name.to_string(), owned(keys))).collect()
    }

    fn with(keys: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        Keymap::of(&Wishes { keys: wishes(keys), ..Wishes::default() })
    }

    fn directly(keys: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        Keymap::of(&Wishes { direct: wishes(keys), ..Wishes::default() })
    }

    fn behind(prefix: &str) -> Keymap {
        Keymap::of(&Wishes { prefix: Some(key(prefix)), ..Wishes::default() }).unwrap()
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
        assert_eq!(map.hint(Action::Quit).to_string(), "C-a : quit");
        let map = with(&[("palette", &[]), ("quit", &[])]).unwrap();
        assert_eq!(map.hint(Action::Quit).to_string(), "`quit` (no key)");
        let map = behind("C-b");
        assert_eq!(map.action(Place::Prefix, key("C-b")), Some(Action::SendPrefix));
        assert_eq!(map.hint(Action::Detach).to_string(), "C-b d");
        let map = behind("C-z");
        assert_eq!(map.action(Place::Prefix, key("C-z")), Some(Action::SendPrefix), "suspend gives way");
    }

    #[test]
    fn keys_without_the_prefix_are_taken_from_the_hosts_and_never_those_one_types_with() {
        let map = directly(&[("zoom", &["M-z", "F5"])]).unwrap();
        assert_eq!(map.action(Place::Direct, key("F5")), Some(Action::Zoom));
        assert_eq!(map.action(Place::Prefix, key("z")), Some(Action::Zoom), "the usual key stays");
        assert_eq!(map.hint(Action::Zoom).to_string(), "M-z");
        assert_eq!(Keymap::default().action(Place::Direct, key("F5")), None);
        for (name, wrong, expected) in [
            ("zoom", "z", "zoom: z without the prefix would never reach a host again"),
            ("zoom", "Enter", "zoom: Enter without the prefix would never reach a host again"),
            ("zoom", "C-a", "zoom: C-a is the prefix"),
            ("line-up", "M-k", "line-up works only while you look back"),
        ] {
            let error = directly(&[(name, &[wrong])]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn presets_hold_together_and_give_way_to_the_user() {
        for preset in Preset::ALL {
            let map = Keymap::of(&Wishes { preset, ..Wishes::default() }).unwrap();
            for (action, keys) in preset.bindings().keys {
                let keys: Vec<Key> = keys.iter().map(|text| key(text)).collect();
                assert_eq!(map.keys(*action), keys, "{preset:?}: {action}");
            }
            for (action, keys) in preset.bindings().direct {
                let keys: Vec<Key> = keys.iter().map(|text| key(text)).collect();
                assert_eq!(map.direct(*action), keys, "{preset:?}: {action}");
            }
            for action in Action::all() {
                let reachable = !map.keys(action).is_empty() || !map.keys(Action::Palette).is_empty();
                assert!(reachable, "{preset:?}: {action}");
            }
        }
        let preset = Preset::Tmux;
        assert_eq!(Keymap::of(&Wishes { preset, ..Wishes::default() }).unwrap().prefix(), key("C-b"));
        let keys = wishes(&[("zoom", &["w"])]);
        let map = Keymap::of(&Wishes { preset, prefix: Some(key("C-q")), keys, ..Wishes::default() });
        let map = map.unwrap();
        assert_eq!((map.prefix(), map.action(Place::Prefix, key("w"))), (key("C-q"), Some(Action::Zoom)));
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
