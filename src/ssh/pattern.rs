//! OpenSSH's patterns: `*` is any text, `?` any one byte, everything else is itself.
//!
//! Both ssh_config and known_hosts use them. Matching takes at most pattern length times text length steps, so a
//! hostile pattern cannot stall us.

/// A pattern of ssh_config's `Host` line or of known_hosts, perhaps negated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    negated: bool,
    text: Box<[u8]>,
}

impl Pattern {
    /// Reads one pattern; a leading `!` negates it.
    pub(super) fn new(text: &[u8]) -> Pattern {
        match text.strip_prefix(b"!") {
            Some(rest) => Pattern { negated: true, text: rest.into() },
            None => Pattern { negated: false, text: text.into() },
        }
    }

    /// Reads a comma-separated list as `match_pattern_list` understands it, in lower case.
    pub(super) fn list(text: &[u8]) -> Vec<Pattern> {
        text.to_ascii_lowercase().split(|&byte| byte == b',').map(Pattern::new).collect()
    }

    /// The one text that it matches, if there are no wildcards and it is not negated.
    pub(super) fn exact(&self) -> Option<&[u8]> {
        let plain = !self.negated && !self.text.iter().any(|byte| matches!(byte, b'*' | b'?'));
        plain.then_some(&self.text)
    }
}

/// Whether the patterns take `text`: at least one matches it and no negated one does.
pub(super) fn accepts(patterns: &[Pattern], text: &[u8]) -> bool {
    let mut found = false;
    for pattern in patterns {
        if matches(&pattern.text, text) {
            if pattern.negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// Whether `pattern` matches the whole of `text`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Most patterns of a configuration are not for this host, and most of those differ at an end.
    if let (Some(&end), last) = (pattern.last(), text.last())
        && !matches!(end, b'*' | b'?')
        && last != Some(&end)
    {
        return false;
    }
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last `*`, one byte further in the text.
    let mut retry = None;
    loop {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(&byte) if text.get(t).is_some_and(|&have| byte == b'?' || byte == have) => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match retry {
            Some((after_star, from)) if from < text.len() => {
                retry = Some((after_star, from + 1));
                (p, t) = (after_star, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "A", false),
            ("*", "", true),
            ("?", "", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a**e", "abcde", true),
            ("a*?", "a", false),
            ("w?b*", "web01", true),
            ("*.example.org", "example.org", false),
            ("[host]:22", "[host]:22", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        assert!(!matches("*a".repeat(500).as_bytes(), "a".repeat(499).as_bytes()));
    }

    #[test]
    fn negation_beats_all() {
        let list = Pattern::list(b"*.Org,!bad.*");
        assert!(accepts(&list, b"good.org"));
        assert!(!accepts(&list, b"bad.org"));
        assert!(!accepts(&Pattern::list(b"!bad"), b"good"));
    }
}
