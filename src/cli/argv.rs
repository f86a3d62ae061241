//! A command as one argument: split into words as a shell would, but no shell ever sees it. Pure.

/// Splits a command into its words. Blanks separate; `'…'` keeps everything; `"…"` keeps everything but `\"` and `\\`;
/// outside of quotes `\` keeps the next character. Nothing is expanded. The error is a sentence.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => {
                let kept = chars.next().ok_or("a `\\` at the end keeps nothing")?;
                word.get_or_insert_default().push(kept);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match words.first() {
        None => Err("a command has at least one word".to_owned()),
        Some(_) => Ok(words),
    }
}

fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(kept @ ('"' | '\\')) => word.push(kept),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(format!("the quotation that begins with {quote} has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        for (text, words) in [
            ("pass show web", vec!["pass", "show", "web"]),
            ("  a\t b\n", vec!["a", "b"]),
            (r#"a 'b c' "d \"e\" \f" g\ h"#, vec!["a", "b c", r#"d "e" \f"#, "g h"]),
            ("a '' b", vec!["a", "", "b"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            ("x $(id) `id` $HOME ; & | > *", vec!["x", "$(id)", "`id`", "$HOME", ";", "&", "|", ">", "*"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for bad in ["", "   ", "'a", "\"a", "a\\"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
