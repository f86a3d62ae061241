//! The words of one line: a keyword, then arguments with OpenSSH's quoting.

/// A line taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The keyword in lower case.
    pub(super) keyword: String,
    /// What follows, without quotes and escapes.
    pub(super) arguments: Vec<String>,
    /// What follows as it stands: some keywords take the whole rest of the line, quotes and notes included.
    pub(super) rest: String,
}

/// What is wrong with a line, before its keyword is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    #[error("a quote is not closed")]
    Quote,
    #[error("the line is not UTF-8 text; write it again in UTF-8")]
    Encoding,
    #[error("the line holds a NUL byte; this is no configuration file")]
    Nul,
}

/// Takes a line apart; `None` for blank lines and comments, whatever bytes these hold.
///
/// One `=` may stand between keyword and arguments. `"…"` and `'…'` group, `\"`, `\'`, `\\` and, outside quotes, `\ `
/// stand for the second character. A `#` at the start of a word begins a comment.
pub(super) fn split(line: &[u8]) -> Result<Option<Line>, WordError> {
    let line = line.trim_ascii();
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    if line.contains(&0) {
        return Err(WordError::Nul);
    }
    let line = std::str::from_utf8(line).map_err(|_| WordError::Encoding)?;
    let (keyword, rest) = keyword(line)?;
    Ok(Some(Line {
        keyword: keyword.to_ascii_lowercase(),
        arguments: arguments(rest)?,
        rest: rest.to_owned(),
    }))
}

/// The keyword and the text after it and after one `=`.
fn keyword(line: &str) -> Result<(String, &str), WordError> {
    let blank = |c: char| c.is_ascii_whitespace();
    let Some(end) = line.find(|c: char| blank(c) || c == '"' || c == '=') else {
        return Ok((line.to_owned(), ""));
    };
    let (word, rest) = line.split_at(end);
    if let Some(quoted) = rest.strip_prefix('"') {
        // `Po"rt" 22`: the quoted part belongs to the keyword and ends it, and no `=` may follow.
        let (tail, rest) = quoted.split_once('"').ok_or(WordError::Quote)?;
        return Ok((format!("{word}{tail}"), rest.trim_start_matches(blank)));
    }
    let rest = rest.trim_start_matches(blank);
    Ok((word.to_owned(), rest.strip_prefix('=').unwrap_or(rest).trim_start_matches(blank)))
}

fn arguments(text: &str) -> Result<Vec<String>, WordError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t']);
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = argument(rest)?;
        words.push(word);
        rest = after.trim_start_matches([' ', '\t']);
    }
    Ok(words)
}

/// The word at the start of `text`, and what stands after it.
fn argument(text: &str) -> Result<(String, &str), WordError> {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let next = text[at + c.len_utf8()..].chars().next();
        match (c, quote) {
            ('\\', _)
                if matches!(next, Some('\'' | '"' | '\\')) || (quote.is_none() && next == Some(' ')) =>
            {
                word.extend(next);
                chars.next();
            }
            (' ' | '\t', None) => return Ok((word, &text[at..])),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => word.push(c),
        }
    }
    match quote {
        Some(_) => Err(WordError::Quote),
        None => Ok((word, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_openssh_splits_them() {
        for (line, expected) in [
            ("Port 22", Some(vec!["port", "22"])),
            ("\t Port=22 \r\n", Some(vec!["port", "22"])),
            ("Port = 22", Some(vec!["port", "22"])),
            ("Port == 22", Some(vec!["port", "=", "22"])),
            ("\"Port\" 22", Some(vec!["port", "22"])),
            ("\"Port\"=22", Some(vec!["port", "=22"])),
            ("Po\"rt\" 22", Some(vec!["port", "22"])),
            ("Host a  b\tc # d", Some(vec!["host", "a", "b", "c"])),
            ("Host a#b", Some(vec!["host", "a#b"])),
            ("User \"a b\"", Some(vec!["user", "a b"])),
            ("User 'a \"b'", Some(vec!["user", "a \"b"])),
            ("User a\\ b\\q\\\\", Some(vec!["user", "a b\\q\\"])),
            ("User \"a\\ b\"", Some(vec!["user", "a\\ b"])),
            ("User a\"b c\"d", Some(vec!["user", "ab cd"])),
            ("User \"\"", Some(vec!["user", ""])),
            ("Port", Some(vec!["port"])),
            ("Port #22", Some(vec!["port"])),
            ("  # note", None),
            ("", None),
            ("\x0c", None),
        ] {
            let words = split(line.as_bytes())
                .unwrap()
                .map(|line| std::iter::once(line.keyword).chain(line.arguments).collect::<Vec<_>>());
            assert_eq!(words, expected.map(|words| words.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        assert_eq!(split(b"User \"a"), Err(WordError::Quote));
        assert_eq!(split(b"\"User a"), Err(WordError::Quote));
        assert_eq!(split(b"User \xff"), Err(WordError::Encoding));
        assert_eq!(split(b"User a\0b"), Err(WordError::Nul));
        assert_eq!(split(b"# \xff"), Ok(None));
    }
}
