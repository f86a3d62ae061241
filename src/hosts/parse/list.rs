//! Lists of hosts from standard input or a file: one or more a line, `#` comments.

use std::sync::Arc;

use crate::hosts::definitions::Item;
use crate::hosts::{FileProblem, FileProblems, HostList, Origin};

/// Reads a list of hosts; each word is an expression, and one that begins with `!`, `&` or `^` applies to all before it.
pub fn parse_host_list(text: &str, file_name: &str) -> Result<HostList, FileProblems> {
    let file: Arc<str> = Arc::from(file_name);
    if text.contains('\0') {
        let help = "give a text file, one or more hosts a line";
        return Err(FileProblems(vec![FileProblem::whole(&file, "it holds NUL bytes and is no text", help)]));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut items = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = &line[..line.find('#').unwrap_or(line.len())];
        for word in words(line) {
            items.push(Item {
                text: word.text.to_owned(),
                origin: Origin::file(&file, number + 1),
                column: word.column,
            });
        }
    }
    Ok(HostList { items })
}

/// A word of a line.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// The byte at which it begins.
    pub(super) start: usize,
    /// The column of its first character, from 1.
    pub(super) column: usize,
}

/// The words of a line. Blanks inside brackets, braces and parentheses do not separate.
pub(super) fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut depth = 0usize;
    for (nth, (at, c)) in line.char_indices().enumerate() {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
            c if c.is_whitespace() && depth == 0 => {
                words.extend(open.take().map(|(start, column)| Word {
                    text: &line[start..at],
                    start,
                    column,
                }));
                continue;
            }
            _ => {}
        }
        open = open.or(Some((at, nth + 1)));
    }
    words.extend(open.map(|(start, column)| Word { text: line[start..].trim_end(), start, column }));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_comments_are_told_apart() {
        let list = parse_host_list("\u{feff}web1 web2 # two\r\n\n  db[1, 3]\t!db1\n#x\n", "hosts").unwrap();
        let shown: Vec<String> =
            list.items.iter().map(|item| format!("{}:{} {}", item.origin, item.column, item.text)).collect();
        assert_eq!(shown, ["hosts:1:1 web1", "hosts:1:6 web2", "hosts:3:3 db[1, 3]", "hosts:3:12 !db1"]);
        assert!(parse_host_list("a\0b", "hosts").is_err());
    }
}
