//! Words as a shell reads them: quoted so that each comes out as it went in. Pure.
//!
//! Theory: what is sent is read by the login shell of the account, which need not be a POSIX shell. Inside single quotes sh,
//! bash, zsh, fish and the C shells agree on all characters but three: a single quote, a backslash (fish) and an
//! exclamation mark (the C shells); these stand outside the quotes, behind a backslash, where all of them agree again. Only
//! a line end has no form that the C shells share with the others.

/// The bytes that no shell does anything with.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_@%+:,./-".contains(&byte)
}

/// One word, quoted where it needs to be. It must hold no NUL, which no shell can hold.
pub fn word(text: &[u8]) -> Vec<u8> {
    if !text.is_empty() && text.iter().copied().all(is_plain) {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut is_open = false;
    for &byte in text {
        let is_odd = b"'\\!".contains(&byte);
        if is_odd == is_open {
            out.push(b'\'');
            is_open = !is_open;
        }
        if is_odd {
            out.push(b'\\');
        }
        out.push(byte);
    }
    if is_open {
        out.push(b'\'');
    }
    if out.is_empty() { b"''".to_vec() } else { out }
}

/// Words on one line.
pub fn line<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>) -> Vec<u8> {
    let words: Vec<Vec<u8>> = words.into_iter().map(|text| word(text.as_ref())).collect();
    words.join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &str) -> String {
        String::from_utf8(word(text.as_bytes())).expect("text")
    }

    #[test]
    fn only_what_needs_it_is_quoted() {
        for (text, expected) in [
            ("web-01.example.org", "web-01.example.org"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("'", r"\'"),
            (r"a\b", r"'a'\\'b'"),
            ("wow!", r"'wow'\!"),
            ("~", "'~'"),
            ("a=b", "'a=b'"),
            ("two\nlines", "'two\nlines'"),
        ] {
            assert_eq!(quoted(text), expected, "{text}");
        }
        assert_eq!(line(["echo", "a b", ""]), b"echo 'a b' ''");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_shell_gives_every_byte_back(text in proptest::collection::vec(1u8..=255, 0..64)) {
            use std::os::unix::ffi::OsStringExt;
            let mut line = b"printf %s ".to_vec();
            line.extend(word(&text));
            let line = std::ffi::OsString::from_vec(line);
            let said = std::process::Command::new("sh").arg("-c").arg(line).output().expect("sh starts");
            prop_assert_eq!(said.stdout, text);
        }
    }
}
