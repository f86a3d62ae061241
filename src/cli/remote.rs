//! `TARGETS:PATH`: hosts, and a path on them, in one word. Pure.
//!
//! The first colon outside of brackets that stands before `/`, `~` or `.` divides them, so that ports, addresses with colons,
//! `@source:group` and `@run:last:failed` belong to the hosts. The two slashes of `ssh://` divide nothing.

/// Hosts and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// The expression that names the hosts; empty where there is none before the colon.
    pub(super) targets: String,
    /// The path there, as it was written.
    pub(super) path: String,
}

impl Remote {
    /// Finds the two in a word; `None` where nothing divides it.
    pub(super) fn find(word: &str) -> Option<Remote> {
        let mut depth = 0usize;
        for (at, c) in word.char_indices() {
            match c {
                '[' | '(' => depth += 1,
                ']' | ')' => depth = depth.saturating_sub(1),
                ':' if depth == 0 => {
                    let (before, behind) = (&word[..at], &word[at + 1..]);
                    let is_scheme = behind.starts_with("//") && before.ends_with("ssh");
                    if behind.starts_with(['/', '~', '.']) && !is_scheme {
                        return Some(Remote { targets: before.to_owned(), path: behind.to_owned() });
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Checks a path of a host before anything is contacted; the error is a sentence.
pub(super) fn check(path: &str) -> Result<(), String> {
    let shown = crate::escape::text(path, 200);
    if path.contains('\0') {
        return Err(format!("{shown}: no path holds a NUL byte"));
    }
    if path.split('/').any(|name| name == "..") {
        return Err(format!("{shown}: a path with `..` in it; write where it leads"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_before_a_path_divides() {
        for (word, expected) in [
            ("web:/etc/x", Some(("web", "/etc/x"))),
            ("web:~/x", Some(("web", "~/x"))),
            ("web:./x", Some(("web", "./x"))),
            ("web:.", Some(("web", "."))),
            ("me@web:2222:/x", Some(("me@web:2222", "/x"))),
            ("[::1]:22:/x", Some(("[::1]:22", "/x"))),
            ("[fe80::/x]:/x", Some(("[fe80::/x]", "/x"))),
            ("ssh://me@web:22:/x", Some(("ssh://me@web:22", "/x"))),
            ("ssh://web:/x", Some(("ssh://web", "/x"))),
            ("@run:last:failed:/x", Some(("@run:last:failed", "/x"))),
            ("web[01-06],db:/x:/y", Some(("web[01-06],db", "/x:/y"))),
            (":/x", Some(("", "/x"))),
            ("web:x", None),
            ("web", None),
            ("./a:b", None),
            ("ssh://web", None),
        ] {
            let found = Remote::find(word);
            let found = found.as_ref().map(|remote| (remote.targets.as_str(), remote.path.as_str()));
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn a_path_leads_where_it_says() {
        for path in ["/etc/x", "~/x/", "./x", "~", "/", "..a/x..", "~www/x"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in ["../x", "/etc/../x", "~/..", "/x\0"] {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
