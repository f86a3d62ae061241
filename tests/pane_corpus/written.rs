//! Random text where people write: keys, keymaps, preferences. It is refused with a sentence, or means something.

use omnes::config;
use omnes::pane::Key;

use crate::generator::Seeded;

const PIECES: [&str; 48] = [
    "C-",
    "M-",
    "S-",
    "-",
    "a",
    "A",
    "é",
    "語",
    "Enter",
    "Tab",
    "BackTab",
    "F1",
    "F24",
    "F99",
    "Space",
    " ",
    "\n",
    "\t",
    "\u{0}",
    "\u{1b}",
    "\u{202e}",
    "\u{301}",
    "[",
    "]",
    "[keys]\n",
    "[limits]\n",
    "=",
    "= ",
    "\"",
    "'",
    "{",
    "}",
    ",",
    "#",
    "prefix",
    "connect_timeout",
    "\"C-b\"",
    "1",
    "-1",
    "65536",
    "99999999999999999999",
    "1.5",
    "true",
    "\"10s\"",
    "nan",
    "1979-05-27",
    "\"\"\"",
    "[[",
];

fn text(random: &mut Seeded, pieces: usize) -> String {
    (0..random.below(pieces)).map(|_| random.pick(&PIECES)).collect()
}

#[test]
fn what_names_a_key_names_it_again_when_printed() {
    let mut random = Seeded(0x6b65);
    let mut named = 0;
    for _ in 0..100_000 {
        let written = text(&mut random, 6);
        match written.parse::<Key>() {
            Ok(key) => {
                named += 1;
                assert_eq!(key.to_string().parse::<Key>(), Ok(key), "{written:?}");
            }
            Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{written:?}: {error}"),
        }
    }
    assert!(named > 1000, "{named} of the texts named a key");
}

#[test]
fn preferences_that_make_no_sense_are_refused_in_one_sentence() {
    let page = include_str!("../../docs/config.toml");
    let mut random = Seeded(0xc0f);
    let mut refused = 0;
    for n in 0..3_000 {
        let mut written = match n % 2 {
            0 => text(&mut random, 20),
            _ => page.to_owned(),
        };
        let at =
            (0..=random.below(written.len() + 1)).rev().find(|at| written.is_char_boundary(*at)).unwrap_or(0);
        match random.below(3) {
            0 => written.truncate(at),
            1 => written.insert_str(at, &text(&mut random, 4)),
            _ => drop(written.drain(..at)),
        }
        if let Err(error) = config::parse("config.toml", &written) {
            refused += 1;
            let sentence = error.to_string();
            assert!(sentence.starts_with("config.toml"), "{written:?}: {sentence}");
            assert!(
                !sentence.chars().any(|c| omnes::escape::acts(c) && c != '\n'),
                "{written:?}: {sentence}"
            );
        }
    }
    assert!(refused > 100, "{refused} were refused");
}
