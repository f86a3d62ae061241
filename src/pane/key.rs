//! Keys as the user thinks of them, and their notation (`a`, `Enter`, `C-a`, `M-x`, `S-F5`, `C-M-Left`).
//!
//! A [`Key`] is kept in one normal form, so that two ways to say the same key are equal: a letter carries its own case
//! unless Ctrl is held, Shift+Tab is [`KeyCode::BackTab`], and control characters are the keys that make them. Printing
//! and parsing therefore round-trip. The bytes a host receives for a key are the business of [`super::encode`].

use std::fmt;
use std::str::FromStr;

/// Which key, without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyCode {
    /// A character, the space included; never a control character.
    Char(char),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Shift+Tab, which terminals treat as a key of its own.
    BackTab,
    /// Backspace.
    Backspace,
    /// Escape.
    Esc,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// A function key, 1 to 24.
    F(u8),
}

/// The number of the last function key.
pub const LAST_FUNCTION_KEY: u8 = 24;

/// The keys that are written by name. Space is here because a bare blank cannot be seen in a keymap.
const NAMES: [(&str, KeyCode); 17] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("BackTab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Esc", KeyCode::Esc),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("F1", KeyCode::F(1)),
];

/// The modifiers held with a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mods {
    /// Ctrl, written `C-`.
    pub ctrl: bool,
    /// Alt or Meta, written `M-`.
    pub alt: bool,
    /// Shift, written `S-`.
    pub shift: bool,
}

impl Mods {
    /// No modifier.
    pub const NONE: Mods = Mods { ctrl: false, alt: false, shift: false };
    /// Ctrl alone.
    pub const CTRL: Mods = Mods { ctrl: true, ..Mods::NONE };
    /// Alt alone.
    pub const ALT: Mods = Mods { alt: true, ..Mods::NONE };
    /// Shift alone.
    pub const SHIFT: Mods = Mods { shift: true, ..Mods::NONE };

    /// Whether none is held.
    pub fn is_empty(self) -> bool {
        self == Mods::NONE
    }
}

/// A key with its modifiers, in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    code: KeyCode,
    mods: Mods,
}

impl Key {
    /// A key in its normal form. Function keys beyond the last become the last.
    pub fn new(code: KeyCode, mods: Mods) -> Key {
        match code {
            KeyCode::Char(c) => Key::of_char(c, mods),
            KeyCode::Tab if mods.shift => Key { code: KeyCode::BackTab, mods: Mods { shift: false, ..mods } },
            KeyCode::BackTab => Key { code, mods: Mods { shift: false, ..mods } },
            KeyCode::F(n) => Key { code: KeyCode::F(n.clamp(1, LAST_FUNCTION_KEY)), mods },
            code => Key { code, mods },
        }
    }

    /// A character typed without modifiers.
    pub fn char(c: char) -> Key {
        Key::new(KeyCode::Char(c), Mods::NONE)
    }

    /// Which key.
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// What is held with it.
    pub fn mods(self) -> Mods {
        self.mods
    }

    fn of_char(c: char, mods: Mods) -> Key {
        match c {
            '\t' => Key::new(KeyCode::Tab, mods),
            '\r' | '\n' => Key { code: KeyCode::Enter, mods },
            '\x1b' => Key { code: KeyCode::Esc, mods },
            '\x7f' | '\x08' => Key { code: KeyCode::Backspace, mods },
            '\0'..='\x1f' => {
                let letter = char::from(c as u8 | 0x40).to_ascii_lowercase();
                Key { code: KeyCode::Char(letter), mods: Mods { ctrl: true, ..mods } }
            }
            c if mods.ctrl && c.is_ascii_alphabetic() => {
                let shift = mods.shift || c.is_ascii_uppercase();
                Key { code: KeyCode::Char(c.to_ascii_lowercase()), mods: Mods { shift, ..mods } }
            }
            ' ' => Key { code: KeyCode::Char(' '), mods },
            // A layout has already applied Shift to every other character.
            c => {
                let c = if mods.shift { single_uppercase(c) } else { c };
                Key { code: KeyCode::Char(c), mods: Mods { shift: false, ..mods } }
            }
        }
    }
}

/// The capital of a letter, where that is one character; `ß` stays.
fn single_uppercase(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, mark) in [(self.mods.ctrl, "C-"), (self.mods.alt, "M-"), (self.mods.shift, "S-")] {
            if held {
                f.write_str(mark)?;
            }
        }
        match self.code {
            KeyCode::BackTab => f.write_str("S-Tab"),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => match (NAMES.iter().find(|(_, named)| *named == code), code) {
                (Some((name, _)), _) => f.write_str(name),
                (None, KeyCode::Char(c)) => write!(f, "{c}"),
                (None, code) => write!(f, "{code:?}"),
            },
        }
    }
}

/// Why a text is not a key; every message names the part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was written, or nothing after the modifiers.
    #[error("`{text}` names no key; write one after the modifiers, as in `C-a`")]
    Missing {
        /// The whole text.
        text: String,
    },
    /// A modifier stands twice.
    #[error("`{modifier}-` stands twice in `{text}`")]
    Repeated {
        /// The modifier's letter.
        modifier: char,
        /// The whole text.
        text: String,
    },
    /// A modifier that does not exist.
    #[error("`{modifier}-` in `{text}` is no modifier; there are C- (Ctrl), M- (Alt) and S- (Shift)")]
    Modifier {
        /// The letter that stands where a modifier should.
        modifier: char,
        /// The whole text.
        text: String,
    },
    /// A function key beyond F24.
    #[error("`{name}` is no function key; there are F1 to F24")]
    Function {
        /// The name as written.
        name: String,
    },
    /// A name that no key has.
    #[error("`{name}` is no key; did you mean `{nearest}`?")]
    Name {
        /// The name as written.
        name: String,
        /// The known name that is most like it.
        nearest: &'static str,
    },
    /// A control character, which is written by name.
    #[error("`{text}` holds a control character; write the key's name, as in `Enter` or `C-a`")]
    Control {
        /// The whole text, escaped.
        text: String,
    },
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        if text.chars().any(char::is_control) {
            return Err(KeyError::Control { text: crate::escape::text(text, 40) });
        }
        let (mods, name) = modifiers(text)?;
        Ok(Key::new(code(name, text)?, mods))
    }
}

/// Splits `C-M-x` into its modifiers and `x`. A lone `-` is a key, so a mark counts only with something after it.
fn modifiers(text: &str) -> Result<(Mods, &str), KeyError> {
    let (mut mods, mut rest) = (Mods::NONE, text);
    loop {
        let mut chars = rest.chars();
        let (Some(letter), Some('-')) = (chars.next(), chars.next()) else { return Ok((mods, rest)) };
        let held = match letter {
            'C' => &mut mods.ctrl,
            'M' => &mut mods.alt,
            'S' => &mut mods.shift,
            _ => return Err(KeyError::Modifier { modifier: letter, text: text.to_owned() }),
        };
        if std::mem::replace(held, true) {
            return Err(KeyError::Repeated { modifier: letter, text: text.to_owned() });
        }
        rest = chars.as_str();
    }
}

fn code(name: &str, text: &str) -> Result<KeyCode, KeyError> {
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (None, _) => return Err(KeyError::Missing { text: text.to_owned() }),
        (Some(c), None) => return Ok(KeyCode::Char(c)),
        _ => {}
    }
    if let Some(number) = name.strip_prefix('F').filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
        return match number.parse() {
            Ok(n @ 1..=LAST_FUNCTION_KEY) if !number.starts_with('0') => Ok(KeyCode::F(n)),
            _ => Err(KeyError::Function { name: name.to_owned() }),
        };
    }
    match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, code)) => Ok(*code),
        None => Err(KeyError::Name { name: crate::escape::text(name, 40), nearest: nearest(name) }),
    }
}

fn nearest(name: &str) -> &'static str {
    let lower = name.to_lowercase();
    NAMES
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), *known))
        .min()
        .map_or("Enter", |(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn what_is_printed_parses_back() {
        let mut codes: Vec<KeyCode> = NAMES.iter().map(|(_, code)| *code).collect();
        codes.extend((1..=LAST_FUNCTION_KEY).map(KeyCode::F));
        codes.extend(('!'..='~').map(KeyCode::Char));
        codes.extend(['é', 'É', 'ß', '語', '-', '😀'].map(KeyCode::Char));
        for code in codes {
            for bits in 0..8 {
                let mods = Mods { ctrl: bits & 1 != 0, alt: bits & 2 != 0, shift: bits & 4 != 0 };
                let made = Key::new(code, mods);
                assert_eq!(key(&made.to_string()), made, "{made}");
            }
        }
    }

    #[test]
    fn notation_has_one_normal_form() {
        for (written, printed) in [
            ("a", "a"),
            ("A", "A"),
            ("S-a", "A"),
            ("S-M-x", "M-X"),
            ("C-a", "C-a"),
            ("C-A", "C-S-a"),
            ("M-C-Left", "C-M-Left"),
            ("S-Tab", "S-Tab"),
            ("BackTab", "S-Tab"),
            ("S-BackTab", "S-Tab"),
            ("C-Space", "C-Space"),
            (" ", "Space"),
            ("-", "-"),
            ("C--", "C--"),
            ("S-F5", "S-F5"),
            ("F24", "F24"),
            ("S-!", "!"),
        ] {
            assert_eq!(key(written).to_string(), printed, "{written}");
        }
        assert_eq!(Key::char('\x03'), key("C-c"));
        assert_eq!(Key::char('\r'), key("Enter"));
        assert_eq!(Key::char('\x1c'), key("C-\\"));
    }

    #[test]
    fn errors_name_the_wrong_part() {
        for (written, part) in [
            ("", "names no key"),
            ("C-", "names no key"),
            ("C-C-a", "`C-` stands twice in `C-C-a`"),
            ("X-a", "`X-` in `X-a` is no modifier"),
            ("F25", "F1 to F24"),
            ("F0", "F1 to F24"),
            ("F01", "F1 to F24"),
            ("F999", "F1 to F24"),
            ("C-Entr", "did you mean `Enter`"),
            ("pageup", "did you mean `PageUp`"),
            ("ab", "`ab` is no key"),
            ("C-\x1b", "control character"),
        ] {
            let error = written.parse::<Key>().expect_err(written).to_string();
            assert!(error.contains(part), "{written:?}: {error}");
        }
    }
}
