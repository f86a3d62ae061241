//! Keys one after another, as a person writes them: `"vi notes" Enter`, `Esc "dd" C-w`, `Up Up Enter`.
//!
//! Theory: words apart by blanks; a word is one key in the notation of the keymap ([`crate::pane::Key`]), and what stands in
//! double quotes is typed letter by letter (`\"` and `\\` are those characters). Printing joins neighbouring letters into
//! one quotation, and what is printed reads back as the same keys.

use std::fmt;
use std::str::FromStr;

use crate::escape;
use crate::pane::{Key, KeyCode, KeyError, Mods};

/// The most keys of one step; a longer text is pasted.
pub const MOST_KEYS: usize = 4096;

/// Keys in the order in which they are pressed; never empty when read from text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub Vec<Key>);

/// Why a text is no sequence of keys; each message names the part that is wrong and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Nothing is pressed.
    #[error("no key stands there; write, for example, '\"exit\" Enter'")]
    Nothing,
    /// A quotation without an end.
    #[error("the quotation that begins with {0} has no end; write `\\\"` for a quotation mark that is typed")]
    Open(String),
    /// A control character within a quotation.
    #[error(
        "{0} holds a control character; end the quotation and write the key's name, as in `Enter` or `C-a`"
    )]
    Control(String),
    /// A word that is no key.
    #[error("{fault}; a text that is typed stands in quotes: {quoted}")]
    Word {
        /// What is wrong with it.
        fault: KeyError,
        /// It in quotes.
        quoted: String,
    },
    /// A quotation ends and no blank follows.
    #[error("after the quotation {0} a blank is missing")]
    Joined(String),
    /// More than [`MOST_KEYS`].
    #[error("more than {MOST_KEYS} keys in one step; use `paste`, or several steps")]
    TooMany,
}

impl FromStr for Keys {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Keys, KeysError> {
        let mut keys = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            rest = match rest.strip_prefix('"') {
                Some(quotation) => quoted(quotation, &mut keys)?,
                None => word(rest, &mut keys)?,
            };
            if keys.len() > MOST_KEYS {
                return Err(KeysError::TooMany);
            }
        }
        if keys.is_empty() { Err(KeysError::Nothing) } else { Ok(Keys(keys)) }
    }
}

/// Takes one key by its name; what is left begins with the next word.
fn word<'a>(rest: &'a str, keys: &mut Vec<Key>) -> Result<&'a str, KeysError> {
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    let key = word.parse().map_err(|fault| KeysError::Word { fault, quoted: shown(word) })?;
    keys.push(key);
    Ok(rest.trim_start())
}

/// Takes the letters of a quotation, whose first mark has gone.
fn quoted<'a>(quotation: &'a str, keys: &mut Vec<Key>) -> Result<&'a str, KeysError> {
    let mut chars = quotation.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = &quotation[at + 1..];
                if rest.starts_with(|c: char| !c.is_whitespace()) {
                    return Err(KeysError::Joined(shown(&quotation[..at])));
                }
                return Ok(rest.trim_start());
            }
            '\\' => match chars.next() {
                Some((_, kept @ ('"' | '\\'))) => keys.push(Key::char(kept)),
                Some((_, other)) if !other.is_control() => keys.extend(['\\', other].map(Key::char)),
                _ => return Err(KeysError::Open(shown(quotation))),
            },
            c if c.is_control() => return Err(KeysError::Control(shown(quotation))),
            c => keys.push(Key::char(c)),
        }
    }
    Err(KeysError::Open(shown(quotation)))
}

fn shown(text: &str) -> String {
    format!("\"{}\"", escape::text(text, 40))
}

/// The letter that a key types, if it types one and no more.
fn letter(key: &Key) -> Option<char> {
    match key.code() {
        KeyCode::Char(c) if key.mods() == Mods::NONE => Some(c),
        _ => None,
    }
}

/// A letter that would not be seen, or would be read as something else, if it stood alone.
fn is_hidden(letter: &str) -> bool {
    letter == "\"" || (letter != " " && letter.trim().is_empty())
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.0.chunk_by(|a, b| letter(a).is_some() && letter(b).is_some()).enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            let text: Option<String> = part.iter().map(letter).collect();
            match text {
                Some(text) if part.len() > 1 || is_hidden(&text) => {
                    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))?;
                }
                _ => write!(f, "{}", part[0])?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> Keys {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn words_are_keys_and_quotations_are_typed() {
        assert_eq!(keys("C-c Up Enter").0.len(), 3);
        assert_eq!(keys(r#""dd" Esc ":wq" Enter"#).0.len(), 7);
        assert_eq!(keys("\"a b\"").0, ['a', ' ', 'b'].map(Key::char));
        assert_eq!(keys(r#""say \"hi\" \\ \n""#).to_string(), r#""say \"hi\" \\ \\n""#);
        assert_eq!(keys("G o \"hello\" Esc").to_string(), "\"Gohello\" Esc");
        assert_eq!(keys("Space q").to_string(), "\" q\"");
        assert_eq!(keys(r#""\"""#).to_string(), r#""\"""#);
        assert_eq!(keys("q").to_string(), "q");
    }

    #[test]
    fn a_fault_names_the_part_and_the_next_step() {
        for (text, part) in [
            ("", "no key stands there"),
            ("\"\"", "no key stands there"),
            ("\"abc", "\"abc\" has no end"),
            ("\"abc\\", "has no end"),
            ("\"abc\"Enter", "after the quotation \"abc\" a blank is missing"),
            ("hello Enter", "`hello` is no key; did you mean"),
            ("hello Enter", "stands in quotes: \"hello\""),
            ("\"a\tb\"", "control character"),
        ] {
            let error = text.parse::<Keys>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!("a ".repeat(MOST_KEYS + 1).parse::<Keys>(), Err(KeysError::TooMany));
    }

    fn any_key() -> impl Strategy<Value = Key> {
        let named = prop_oneof![
            Just(KeyCode::Enter),
            Just(KeyCode::Esc),
            Just(KeyCode::Up),
            Just(KeyCode::Tab),
            (1u8..=24).prop_map(KeyCode::F),
        ];
        let code = prop_oneof![3 => any::<char>().prop_filter("a character", |c| !c.is_control()).prop_map(KeyCode::Char), 1 => named];
        (code, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(code, ctrl, alt, shift)| Key::new(code, Mods { ctrl, alt, shift }))
            // No keyboard holds Ctrl or Alt with a blank that is not the space key.
            .prop_filter("no other blank", |key| {
                letter(key).is_some()
                    || !matches!(key.code(), KeyCode::Char(c) if c.is_whitespace() && c != ' ')
            })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(keys in proptest::collection::vec(any_key(), 1..40)) {
            let keys = Keys(keys);
            prop_assert_eq!(keys.to_string().parse::<Keys>(), Ok(keys));
        }
    }
}
