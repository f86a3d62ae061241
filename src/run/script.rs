//! A script as it is sent: which interpreter its first line names, and the words that start it without a file. Pure.
//!
//! Theory: shells take the text of a script as an argument (`sh -c TEXT NAME ARGUMENTS`), so for them there is no file at
//! all. Any other interpreter reads it from descriptor 3, which a here-document of `/bin/sh` fills: a pipe, or a file that
//! has no name any more. Either way the standard input stays free, and nothing stays behind, however the interpreter ends.

use super::quote;

/// The shell that runs what names no interpreter, and that all others are started by.
pub const SH: &str = "/bin/sh";

/// Where an interpreter that is no shell finds the script.
const DESCRIPTOR: &[u8] = b"/dev/fd/3";

/// Longest first line that is read; the kernel reads 255 bytes (`BINPRM_BUF_SIZE`).
const FIRST_LINE: usize = 255;

/// Who reads a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program and, as the kernel does it, at most one argument.
    words: Vec<Vec<u8>>,
    takes: Takes,
}

/// How an interpreter takes a script that is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// As an argument, as shells do.
    Argument,
    /// From a descriptor.
    Descriptor,
}

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be part of a command.
    #[error(
        "it holds a NUL byte, which no command can hold; it is a program rather than a script: copy it to the hosts and run it there"
    )]
    Nul,
    /// The first line names nobody.
    #[error("its first line begins with `#!` and names no interpreter")]
    Nobody,
    /// The first line is too long for a kernel.
    #[error("its `#!` line has more than {FIRST_LINE} bytes, which no kernel would read")]
    LongLine,
    /// The line ends of another system.
    #[error("its `#!` line ends in a carriage return; write its lines with \\n alone")]
    CarriageReturn,
}

impl Interpreter {
    /// Who shall read this script, from its `#!` line; `/bin/sh` where it has none.
    pub fn of(script: &[u8]) -> Result<Interpreter, ScriptError> {
        if script.contains(&0) {
            return Err(ScriptError::Nul);
        }
        let Some(rest) = script.strip_prefix(b"#!") else {
            return Ok(Interpreter { words: vec![SH.into()], takes: Takes::Argument });
        };
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if line.len() + 2 > FIRST_LINE {
            return Err(ScriptError::LongLine);
        }
        if line.ends_with(b"\r") {
            return Err(ScriptError::CarriageReturn);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return Err(ScriptError::Nobody);
        }
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let (program, argument) = match line.iter().position(is_blank) {
            Some(at) => (&line[..at], Some(line[at..].trim_ascii())),
            None => (line, None),
        };
        let takes = if is_shell(program, argument) { Takes::Argument } else { Takes::Descriptor };
        let words = [Some(program), argument].into_iter().flatten().map(<[u8]>::to_vec).collect();
        Ok(Interpreter { words, takes })
    }

    /// The words that run `script` under `name` with these arguments, and what is to stand on descriptor 3.
    pub fn start(&self, script: Vec<u8>, name: &str, arguments: Vec<Vec<u8>>) -> Start {
        let mut words = self.words.clone();
        let document = match self.takes {
            Takes::Argument => {
                words.extend([b"-c".to_vec(), script, name.into()]);
                None
            }
            Takes::Descriptor => {
                words.push(DESCRIPTOR.to_vec());
                Some(script)
            }
        };
        words.extend(arguments);
        Start { words, document }
    }
}

/// A program to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its words.
    pub words: Vec<Vec<u8>>,
    /// What it reads from descriptor 3, if anything.
    pub document: Option<Vec<u8>>,
}

impl Start {
    /// The same behind lines of sh that come first (each with its end); the words stand in no text and need no quotes.
    pub fn behind(self, lines: &[u8]) -> Vec<Vec<u8>> {
        if lines.is_empty() && self.document.is_none() {
            return self.words;
        }
        let mut text = lines.to_vec();
        text.extend_from_slice(b"exec \"$@\"");
        if let Some(mut document) = self.document {
            let end = end_of(&document);
            if !document.ends_with(b"\n") {
                document.push(b'\n');
            }
            text.extend_from_slice(format!(" 3<<'{end}'\n").as_bytes());
            text.extend(document);
            text.extend_from_slice(format!("{end}\n").as_bytes());
        }
        let before = [SH.into(), b"-c".to_vec(), text, b"omnes".to_vec()];
        before.into_iter().chain(self.words).collect()
    }
}

/// A line that does not stand in the document.
fn end_of(document: &[u8]) -> String {
    let mut end = "OMNES-END".to_owned();
    while document.split(|&byte| byte == b'\n').any(|line| line == end.as_bytes()) {
        end.push('-');
    }
    end
}

/// Whether this takes a script as `-c TEXT`: a shell of the Bourne family, by itself or looked for by `env`.
fn is_shell(program: &[u8], argument: Option<&[u8]>) -> bool {
    const SHELLS: [&[u8]; 9] = [b"sh", b"bash", b"dash", b"ash", b"ksh", b"mksh", b"zsh", b"posh", b"yash"];
    let name = |path: &[u8]| path.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
    match (name(program).as_slice(), argument) {
        (b"env", Some(argument)) => SHELLS.contains(&name(argument).as_slice()),
        // An option may stand before `-c`, but one that takes the next word, such as `-o`, may not.
        (shell, Some(argument)) => SHELLS.contains(&shell) && is_flags(argument),
        (shell, None) => SHELLS.contains(&shell),
    }
}

fn is_flags(argument: &[u8]) -> bool {
    let letters = argument.strip_prefix(b"-").unwrap_or_default();
    !letters.is_empty() && letters.iter().all(|byte| b"abefhkmnuvxlrp".contains(byte))
}

/// `KEY='value'` as a line of sh that exports it.
pub fn export(name: &str, value: &[u8]) -> Vec<u8> {
    let mut line = format!("export {name}=").into_bytes();
    line.extend(quote::word(value));
    line.extend_from_slice(b"; ");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[Vec<u8>]) -> Vec<String> {
        words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    fn started(script: &str) -> (Vec<String>, bool) {
        let interpreter = Interpreter::of(script.as_bytes()).expect(script);
        let start = interpreter.start(b"TEXT".to_vec(), "name", vec![b"a b".to_vec()]);
        (text(&start.words), start.document.is_some())
    }

    #[test]
    fn the_first_line_says_who_reads_it() {
        for (script, words, document) in [
            ("echo x", vec!["/bin/sh", "-c", "TEXT", "name", "a b"], false),
            ("#!/bin/sh\n", vec!["/bin/sh", "-c", "TEXT", "name", "a b"], false),
            ("#! /bin/sh -eu\n", vec!["/bin/sh", "-eu", "-c", "TEXT", "name", "a b"], false),
            ("#!/usr/bin/env bash\n", vec!["/usr/bin/env", "bash", "-c", "TEXT", "name", "a b"], false),
            ("#!/usr/bin/python3\n", vec!["/usr/bin/python3", "/dev/fd/3", "a b"], true),
            ("#!/usr/bin/env -S perl -w\n", vec!["/usr/bin/env", "-S perl -w", "/dev/fd/3", "a b"], true),
            ("#!/usr/bin/env python3", vec!["/usr/bin/env", "python3", "/dev/fd/3", "a b"], true),
            ("#!/bin/bash -o pipefail\n", vec!["/bin/bash", "-o pipefail", "/dev/fd/3", "a b"], true),
        ] {
            let words = words.into_iter().map(str::to_owned).collect();
            assert_eq!(started(script), (words, document), "{script}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        assert_eq!(Interpreter::of(b"\x7fELF\0"), Err(ScriptError::Nul));
        assert_eq!(Interpreter::of(b"#!  \nx"), Err(ScriptError::Nobody));
        assert_eq!(Interpreter::of(b"#!/bin/sh\r\nx"), Err(ScriptError::CarriageReturn));
        let long = format!("#!/{}\n", "x".repeat(300));
        assert_eq!(Interpreter::of(long.as_bytes()), Err(ScriptError::LongLine));
    }

    #[test]
    fn a_document_ends_where_no_line_of_it_does() {
        let start = Start { words: vec![b"x".to_vec()], document: Some(b"a\nOMNES-END\nb".to_vec()) };
        let expected = "export A=1; exec \"$@\" 3<<'OMNES-END-'\na\nOMNES-END\nb\nOMNES-END-\n";
        let words = start.behind(&export("A", b"1"));
        assert_eq!(text(&words), ["/bin/sh", "-c", expected, "omnes", "x"]);
        let bare = Start { words: vec![b"x".to_vec()], document: None };
        assert_eq!(text(&bare.behind(b"")), ["x"]);
    }
}
