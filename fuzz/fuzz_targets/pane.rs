//! Output of a host: no emulator is replaced, no screen is unsound, nothing but short answers comes out.
//!
//! The first two bytes are the size of the pane. Within the rest the byte 0xfe resizes it by the two bytes behind, and 0xfd
//! lets 100 ms pass; neither occurs in UTF-8.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use omnes::pane::{HistoryLimit, LONGEST_REPLY, Pane, REPLIES_PER_SECOND};
use omnes::size::Size;

fuzz_target!(|input: &[u8]| {
    let [rows, cols, rest @ ..] = input else { return };
    let mut pane = Pane::new(Size::new(u16::from(*rows), u16::from(*cols)), HistoryLimit::lines(50));
    let (mut rest, mut now) = (rest, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte >= 0xfd).unwrap_or(rest.len());
        let (text, later) = rest.split_at(end);
        let fed = pane.feed(now, text);
        assert!(!fed.reset);
        assert!(fed.replies.len() <= LONGEST_REPLY * REPLIES_PER_SECOND);
        rest = match later {
            [0xfe, rows, cols, later @ ..] => {
                assert!(!pane.resize(Size::new(u16::from(*rows), u16::from(*cols))).reset);
                later
            }
            [_, later @ ..] => {
                now += Duration::from_millis(100);
                pane.wake(now);
                later
            }
            [] => later,
        };
    }
    is_sound(&mut pane);
});

fn is_sound(pane: &mut Pane) {
    let screen = pane.screen();
    let (size, cursor) = (screen.size(), screen.cursor());
    assert!(cursor.row < size.rows && cursor.col < size.cols);
    for row in 0..size.rows {
        for col in 0..size.cols {
            let cell = screen.cell(row, col);
            assert!(!cell.text.chars().any(char::is_control));
            assert_eq!(cell.wide, col + 1 < size.cols && screen.cell(row, col + 1).continuation);
        }
    }
    assert!(!screen.title().chars().any(omnes::escape::acts));
    assert!(pane.held_bytes() < 2_000_000);
    assert_eq!(pane.row_digests().len(), usize::from(size.rows));
}
