use std::time::Duration;

use super::*;
use crate::pane::{HistoryLimit, Pane};
use crate::size::Size;

fn pane(name: &str, shows: &str) -> Pane {
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::lines(0));
    pane.set_names(Names::given([name]));
    pane.feed(Duration::ZERO, shows.as_bytes());
    pane
}

fn reader() -> FaceReader {
    FaceReader::new(RandomState::new())
}

/// Do two hosts show the same?
fn same(one: (&str, &str), other: (&str, &str)) -> bool {
    let mut reader = reader();
    pane(one.0, one.1).face(&mut reader) == pane(other.0, other.1).face(&mut reader)
}

#[test]
fn names_are_put_aside_wherever_they_stand() {
    for (one, other) in [
        ("web1:~$ ls\r\na  b", "web10:~$ ls\r\na  b"),
        ("up web1   5 days", "up web10  5 days"),
        ("  web1 12 %", " web10 12 %"),
        ("\x1b[31mweb1\x1b[m ok", "\x1b[31mweb10\x1b[m ok"),
        ("\x1b[7m web1 \x1b[K", "\x1b[7m web10 \x1b[K"),
        ("/dev/mapper/web1-root 7%", "/dev/mapper/web10-root 7%"),
        ("web1 ->web1.lan", "web10 ->web10.lan"),
    ] {
        assert!(same(("web1", one), ("web10", other)), "{one:?} {other:?}");
    }
}

#[test]
fn every_other_difference_counts() {
    for (one, other) in [
        ("web1 ok", "web10 OK"),
        ("web1 \x1b[31mok", "web10 ok"),
        ("a  b", "a b"),
        ("web1", "web1x"),
        ("web1 ", "web10"),
        ("\x1b[7mbar\x1b[K", "bar"),
        ("number 1", "number 10"),
        ("web1\r\n", "web10"),
        ("web1 x\x1b[D", "web10 x"),
        ("web1\x1b[?25l", "web10"),
        ("e\u{301}", "e"),
    ] {
        assert!(!same(("web1", one), ("web10", other)), "{one:?} {other:?}");
    }
}

#[test]
fn a_host_cannot_print_what_stands_for_a_name() {
    for lie in ["web2", "\u{f8}", "\u{fffd}", "NAME", "\u{1}", ""] {
        assert!(!same(("web1", "I am web1"), ("evil", &format!("I am {lie}"))), "{lie:?}");
    }
}

#[test]
fn a_row_is_read_again_only_when_it_may_have_changed() {
    let (mut reader, mut pane) = (reader(), pane("web1", "web1:~$ "));
    let first = pane.face(&mut reader);
    assert_eq!(reader.rows(), 24);
    assert_eq!(pane.face(&mut reader), first);
    assert_eq!(reader.rows(), 24);
    pane.feed(Duration::ZERO, b"x");
    assert_ne!(pane.face(&mut reader), first);
    assert_eq!(reader.rows(), 25);
    pane.feed(Duration::ZERO, b"\x08 \x08");
    assert_eq!(pane.face(&mut reader), first, "a blank is a blank, written or not");
    assert_eq!(reader.rows(), 26);
}

#[test]
fn numbers_read_piecemeal_equal_fresh_ones() {
    let mut pane = pane("web1", "");
    let mut reader = reader();
    let pieces =
        ["a", "web1", "\r", "\n", "\x1b[31m", "\x1b[K", "\x1b[5;70H", "\t", "語", "web", "\x1b[A", " "];
    let mut seed = 7u64;
    for _ in 0..3000 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        pane.feed(Duration::ZERO, pieces[(seed >> 33) as usize % pieces.len()].as_bytes());
        let lazy = pane.face(&mut reader);
        let names = pane.names().clone();
        pane.set_names(names);
        assert_eq!(pane.face(&mut reader), lazy);
    }
}

#[test]
fn units_know_their_columns() {
    let pane = pane("web1", "語 web1  x");
    let mut row = Row::default();
    row.read(pane.screen(), 0, pane.names());
    let units: Vec<_> = row.units().iter().map(|unit| (unit.what, unit.columns.clone())).collect();
    let (cell, name) = (What::Cell, What::Name(Spelling::Word));
    assert_eq!(units, [(cell, 0..2), (What::Gap, 2..3), (name, 3..7), (What::Gap, 7..9), (cell, 9..10)]);
}
