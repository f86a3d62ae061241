//! How a command line is run in a shell that nobody has seen, and its exit status caught: pure.
//!
//! Theory: prompts are not guessed. The shell itself prints a random mark before the output of a command and another one
//! with the status behind it; both are written in two pieces in the line that is typed, so that the echo of our own line
//! never matches. What kind of shell there is, is told by one line that means something in every shell ([`probe`]): `$status`
//! is known to zsh, fish and csh alone, `$path` to zsh and csh, `$shell` to csh. The command is one argument of `eval`, so
//! that a comment, an unfinished quotation or a syntax error ends with it, and it stands on one line, whatever it holds: a
//! program that reads its standard input finds nothing of ours there. A leading blank keeps the line out of most histories.

/// The longest line that is typed, in bytes: a terminal that is read line by line takes 1,024 on some systems.
const LINE: usize = 1000;

/// The most bytes of a command in one line where it takes several.
const PIECE: usize = 800;

/// The variable that gathers a long command there.
const VARIABLE: &str = "OMNES_LINE";

/// A kind of shell, as far as a command has to be written differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// sh, bash, dash, ksh, ash.
    Posix,
    /// zsh, where an error of the shell ends the line unless it is caught (`always`).
    Zsh,
    /// fish.
    Fish,
}

/// What answered the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A shell that commands can be run in.
    By(Shell),
    /// csh or tcsh, where every error ends the line, and with it the mark.
    Csh,
}

/// The beginning of every mark with this key, as the shell prints it.
pub fn mark(key: &str) -> String {
    format!("omnes-{key}-")
}

/// The line that makes any shell say what it is.
pub fn probe(key: &str) -> String {
    format!(" echo \"om\"\"nes-{key}-$status,$path,$shell,\"")
}

/// What the rest of the line behind the mark says.
pub fn answered(rest: &str) -> Option<Answered> {
    let (status, rest) = rest.split_once(',')?;
    let (path, shell) = rest.strip_suffix(',')?.rsplit_once(',')?;
    Some(match (status, path, shell) {
        (_, _, shell) if !shell.is_empty() => Answered::Csh,
        ("", _, _) => Answered::By(Shell::Posix),
        (_, "", _) => Answered::By(Shell::Fish),
        _ => Answered::By(Shell::Zsh),
    })
}

/// The lines that run a command: its output stands between `omnes-KEY-b:` and `omnes-KEY-STATUS:`.
pub fn lines(shell: Shell, key: &str, command: &str) -> Vec<String> {
    let is_plain = command.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, '\'' | '!' | '\\'));
    let whole = match (is_plain, shell) {
        (true, _) => format!("'{command}'"),
        (false, Shell::Fish) => format!("(printf '{}' | string collect)", encoded(command).concat()),
        (false, _) => format!("\"$(printf '{}')\"", encoded(command).concat()),
    };
    let line = evaluated(shell, key, &whole);
    if line.len() <= LINE {
        return vec![line];
    }
    let mut lines = Vec::new();
    let mut piece = String::new();
    for one in encoded(command) {
        if piece.len() + one.len() > PIECE {
            lines.push(gathered(shell, &piece, lines.is_empty()));
            piece.clear();
        }
        piece.push_str(&one);
    }
    lines.push(gathered(shell, &piece, lines.is_empty()));
    let last = match shell {
        Shell::Fish => {
            let line = evaluated(shell, key, &format!("(printf \"${VARIABLE}\" | string collect)"));
            format!("{line}; set -e {VARIABLE}")
        }
        _ => {
            format!("{}; unset {VARIABLE}", evaluated(shell, key, &format!("\"$(printf \"${VARIABLE}\")\"")))
        }
    };
    lines.push(last);
    lines
}

/// The line that evaluates one argument between the marks.
fn evaluated(shell: Shell, key: &str, argument: &str) -> String {
    let begin = format!(" printf 'om''nes-{key}-%s:' b;");
    let end = format!("printf 'om''nes-{key}-%s:\\n'");
    match shell {
        // Without `command` an error in `eval` ends the whole line in dash and ash, as in every special built-in.
        Shell::Posix => format!("{begin} command eval {argument}; {end} \"$?\""),
        Shell::Zsh => format!("{begin} {{ eval {argument} }} always {{ {end} \"$?\" }}"),
        Shell::Fish => format!("{begin} eval {argument}; {end} \"$status\""),
    }
}

/// The line that adds a piece to a long command.
fn gathered(shell: Shell, piece: &str, first: bool) -> String {
    match (shell, first) {
        (Shell::Fish, true) => format!(" set -g {VARIABLE} '{piece}'"),
        (Shell::Fish, false) => format!(" set -g {VARIABLE} \"${VARIABLE}\"'{piece}'"),
        (_, true) => format!(" {VARIABLE}='{piece}'"),
        (_, false) => format!(" {VARIABLE}=${VARIABLE}'{piece}'"),
    }
}

/// A text as the format of `printf`, that nothing on the way takes for something else: only printable ASCII, without
/// quotes, backslashes and the mark of a history.
fn encoded(text: &str) -> Vec<String> {
    let one = |c: char| match c {
        '\'' | '!' | '\\' | '%' => format!("\\{:03o}", c as u32),
        ' '..='~' => c.to_string(),
        c => c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")).collect(),
    };
    text.chars().map(one).collect()
}

/// A value as one word of a POSIX shell.
pub fn word(value: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+".contains(c);
    match !value.is_empty() && value.chars().all(harmless) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_told_apart_by_what_they_know() {
        for (rest, expected) in [
            (",,,", Some(Answered::By(Shell::Posix))),
            ("0,,,", Some(Answered::By(Shell::Fish))),
            ("1,/usr/bin /bin,,", Some(Answered::By(Shell::Zsh))),
            ("0,/usr/bin /bin,/bin/tcsh,", Some(Answered::Csh)),
            (",/a,b,,", Some(Answered::By(Shell::Posix))),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(answered(rest), expected, "{rest}");
        }
    }

    #[test]
    fn our_own_line_never_holds_the_mark() {
        let long = "echo 'é'\n".repeat(400);
        for shell in [Shell::Posix, Shell::Zsh, Shell::Fish] {
            for command in ["true", "cat <<'END'\n!\\\n%s\tx\nEND", long.as_str()] {
                for line in lines(shell, "k7", command) {
                    assert!(!line.contains(&mark("k7")), "{line}");
                    assert!(line.len() <= LINE && line.starts_with(' '), "{} {line}", line.len());
                    assert!(line.chars().all(|c| matches!(c, ' '..='~') && c != '!'), "{line}");
                }
            }
        }
        assert!(!probe("k7").contains(&mark("k7")));
    }

    #[test]
    fn a_simple_command_is_typed_as_it_is() {
        let line =
            " printf 'om''nes-k-%s:' b; command eval 'ls /tmp | wc -l'; printf 'om''nes-k-%s:\\n' \"$?\"";
        assert_eq!(lines(Shell::Posix, "k", "ls /tmp | wc -l"), [line]);
        assert_eq!(encoded("a'b!%\\\né").concat(), "a\\047b\\041\\045\\134\\012\\303\\251");
    }

    #[test]
    fn values_become_words() {
        for (value, word) in [("web01", "web01"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'")] {
            assert_eq!(super::word(value), word);
        }
    }
}
