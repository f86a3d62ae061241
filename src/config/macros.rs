//! `[macros]`: texts that the user named.

use super::Place;
use super::value::{ConfigError, Item};

/// A text with a name, a template for each host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where the text stands.
    pub text_at: String,
    /// Whether Enter follows.
    pub enter: Enter,
    /// The key that sends it, in key notation, and where it stands; the keymap knows which exist.
    pub key: Option<Place<String>>,
}

/// Whether Enter follows a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enter {
    /// It does.
    #[default]
    Follows,
    /// It does not.
    Not,
}

/// One line of the table, or one table of it.
pub(super) fn macro_of(item: &Item) -> Result<Place<Macro>, ConfigError> {
    const KEYS: [&str; 3] = ["text", "enter", "key"];
    let wanted = "a text, or { text = \"…\", enter = false, key = \"M-x\" }";
    let place = |item: &Item| item.source.place(item.value.span().start);
    let mut made = Macro {
        name: item.key.to_owned(),
        text: String::new(),
        text_at: place(item),
        enter: Enter::Follows,
        key: None,
    };
    match item.text(wanted) {
        Ok(text) => made.text = text.to_owned(),
        Err(wrong) => {
            for key in item.table().map_err(|_| wrong)? {
                match key.key {
                    "text" => {
                        made.text = key.text("a text in quotes")?.to_owned();
                        made.text_at = place(&key);
                    }
                    "enter" => made.enter = if key.yes_or_no()? { Enter::Follows } else { Enter::Not },
                    "key" => {
                        let value = key.text("a key such as \"M-x\"")?.to_owned();
                        made.key = Some(Place { value, at: place(&key) });
                    }
                    _ => return Err(key.unknown(" in a macro", &KEYS)),
                }
            }
        }
    }
    if made.text.is_empty() {
        return Err(item.wrong(wanted));
    }
    Ok(Place { value: made, at: item.source.place(item.key_span.start) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn a_macro_is_a_text_or_a_table() {
        let text =
            "[macros]\nup = \"uptime\"\nwho = { text = \"echo {host}\", enter = false, key = \"M-x\" }\n";
        let macros = parse("c.toml", text).expect("a good file").macros;
        let [up, who] = macros.as_slice() else { panic!("{macros:?}") };
        assert_eq!(
            (up.value.text.as_str(), up.value.enter, up.at.as_str()),
            ("uptime", Enter::Follows, "c.toml:2:1")
        );
        assert_eq!((who.value.text.as_str(), who.value.enter), ("echo {host}", Enter::Not));
        let key = who.value.key.as_ref().map(|key| (key.value.as_str(), key.at.as_str()));
        assert_eq!((key, who.value.text_at.as_str()), (Some(("M-x", "c.toml:3:52")), "c.toml:3:16"));
    }

    #[test]
    fn what_is_no_macro_is_an_error_with_its_place() {
        let wanted = "write a text, or { text = \"…\", enter = false, key = \"M-x\" }";
        for (text, fault) in [
            ("[macros]\nup = 3", format!("c.toml:2:6: `up` is 3; {wanted}")),
            ("[macros]\nup = \"\"", format!("c.toml:2:6: `up` is \"\"; {wanted}")),
            ("[macros]\nup = { enter = true }", format!("c.toml:2:6: `up` is a table; {wanted}")),
            (
                "[macros]\nup = { txt = \"x\" }",
                "c.toml:2:8: unknown key `txt` in a macro; did you mean `text`?".to_owned(),
            ),
        ] {
            assert_eq!(parse("c.toml", text).expect_err(text).to_string(), fault);
        }
    }
}
