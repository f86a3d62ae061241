//! How the scripted shell reads a line: words, quotes, `;`, and `>&2`. Far less than a shell, and the same on all hosts.

/// One command of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Simple {
    /// The command's name and arguments; never empty.
    pub(super) words: Vec<String>,
    /// Whether standard output goes to standard error (`>&2` as a word of its own).
    pub(super) to_stderr: bool,
}

/// The commands of `line`, in order. Quotes protect blanks and `;`, a backslash outside of single quotes the next
/// character; a quote left open ends with the line.
pub(super) fn read(line: &str) -> Vec<Simple> {
    let mut reader = Reader::default();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (reader.quote, c) {
            (Some(quote), c) if c == quote => reader.quote = None,
            (Some('"') | None, '\\') => reader.push(chars.next().unwrap_or('\\')),
            (Some(_), c) => reader.push(c),
            (None, '\'' | '"') => {
                reader.quote = Some(c);
                reader.word.get_or_insert_default();
            }
            (None, ';') => reader.end_command(),
            (None, c) if c.is_whitespace() => reader.end_word(),
            (None, c) => reader.push(c),
        }
    }
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct Reader {
    quote: Option<char>,
    word: Option<String>,
    words: Vec<String>,
    commands: Vec<Simple>,
}

impl Reader {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        let all = self.words.len();
        let mut words = std::mem::take(&mut self.words);
        words.retain(|word| word != ">&2" && word != "1>&2");
        let to_stderr = words.len() < all;
        if !words.is_empty() {
            self.commands.push(Simple { words, to_stderr });
        }
    }
}

/// What `printf` makes of its format: `\n`, `\t`, `\r`, `\e`, `\\`, `\NNN` in octal, `%s` and `%%`.
pub(super) fn printf(format: &str, arguments: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('%', Some('s')) => out.extend(arguments.next().map_or("", String::as_str).bytes()),
            ('%', Some('%')) => out.push(b'%'),
            ('\\', Some('n')) => out.push(b'\n'),
            ('\\', Some('t')) => out.push(b'\t'),
            ('\\', Some('r')) => out.push(b'\r'),
            ('\\', Some('e')) => out.push(0x1b),
            ('\\', Some('\\')) => out.push(b'\\'),
            ('\\', Some('0'..='7')) => {
                let mut value = 0u32;
                for _ in 0..3 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    chars.next();
                }
                out.push(value as u8);
                continue;
            }
            (c, _) => {
                out.extend(c.encode_utf8(&mut [0; 4]).bytes());
                continue;
            }
        }
        chars.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<(Vec<String>, bool)> {
        read(line).into_iter().map(|simple| (simple.words, simple.to_stderr)).collect()
    }

    #[test]
    fn lines_fall_into_commands_and_words() {
        type Expected<'a> = &'a [(&'a [&'a str], bool)];
        let cases: &[(&str, Expected<'_>)] = &[
            ("", &[]),
            (" ; ;", &[]),
            ("echo a  b", &[(&["echo", "a", "b"], false)]),
            ("echo 'a  b' \"c;d\"", &[(&["echo", "a  b", "c;d"], false)]),
            ("echo a; exit 3", &[(&["echo", "a"], false), (&["exit", "3"], false)]),
            ("echo a >&2", &[(&["echo", "a"], true)]),
            (r#"echo a\ b "x\"y" ''"#, &[(&["echo", "a b", "x\"y", ""], false)]),
            ("echo 'open", &[(&["echo", "open"], false)]),
        ];
        for (line, expected) in cases {
            let expected: Vec<(Vec<String>, bool)> = expected
                .iter()
                .map(|(words, err)| (words.iter().map(|word| (*word).to_owned()).collect(), *err))
                .collect();
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn printf_knows_escapes_and_strings() {
        assert_eq!(printf(r"a\n%s%%\033[1m\\", &["x".into()]), b"a\nx%\x1b[1m\\");
        assert_eq!(printf(r"\0é%d", &[]), "\0é%d".as_bytes());
    }
}
