//! A few bytes that ask for much work, and strings that ask for much memory.

use omnes::pane::CLIPBOARD_BYTES;

use crate::{feed, pane};

#[test]
fn four_kilobytes_ask_for_bounded_work() {
    // In units of about a nanosecond: what 4 kB earn, and what a quiet host has saved up before.
    const EARNED: u64 = 4096 * 1000;
    const SAVED: u64 = 2_000_000;
    let bombs = [
        "\x1b[65535b",
        "x\x1b[9b",
        "\x1b[65535@",
        "\x1b[65535P",
        "\x1b[65535X",
        "\x1b[65535L",
        "\x1b[65535M",
        "\x1b[65535S",
        "\x1b[65535T",
        "\x1b[65535I",
        "\x1b[65535Z",
        "\x1bc",
        "x\x1bc",
        "\x1b[J",
        "\x1b[2J",
        "\x1b[1J",
        "\x1b[K",
        "\x1b[3J",
        "\x1b[?1049h",
        "\x1b[?1049;1049;1049;1049;1049;1049h",
        "\x1b[S",
        "\x1b[L",
        "\x1b[22t",
        "\x1b[6n",
        "\x1b[?1004h",
        "\x1b#8",
        "\x1b]2;x\x07",
        "y\n",
        "\n",
        "\x1bM",
        "語\x1b[999b",
        "\x1b[?2026h\x1b[?2026l",
        "\x1b[?47h\x1b[?47l",
        "\x1b[?1049h\x1b[?1049l",
        "\x1b[?1047h\x1b[?1047l",
        "\x1b#8x",
        "\x1b[4hx",
        "\x1b[3g\t",
        "\x1b[H\u{301}",
    ];
    for bomb in bombs {
        let mut pane = pane(200, 300);
        let bytes = bomb.repeat(4096 / bomb.len());
        let mut work = 0;
        for n in 1..=3 {
            work += feed(&mut pane, &bytes).work;
            assert!(work <= SAVED + n * EARNED, "{bomb:?}: {work} after {n}");
        }
    }
}

#[test]
fn ordinary_screens_are_never_short_of_work() {
    // A program that repaints all of a large screen as tersely as it can, and one that clears all the time.
    let repaint = "\x1b[H\x1b[2J".to_owned()
        + &(1..=60).map(|n| format!("\x1b[{n}H\x1b[7mx\x1b[199b\x1b[m\x1b[K")).collect::<String>();
    let mut pane = pane(60, 200);
    for _ in 0..100 {
        feed(&mut pane, &repaint);
        assert!(pane.screen().text().lines().all(|row| row.len() == 200 && row.bytes().all(|b| b == b'x')));
        feed(&mut pane, "\x1b[H\x1b[2J\x1b[3J");
        assert!(pane.screen().text().trim().is_empty());
    }
}

/// What a pane of 80x24 may hold beside its cells: 1,000 lines of history (200 kB), and a string for the clipboard under way
/// or marks in every cell.
const HELD: usize = 400_000;

#[test]
fn a_gigabyte_without_an_end_holds_no_memory() {
    let chunk = vec![b'1'; 1 << 20];
    for (start, megabytes) in [
        ("\x1b]0;", 1024),
        ("\x1b]52;c;", 1024),
        ("\x1b]8;;", 1024),
        ("\x1bP", 1024),
        ("\x1b_", 1024),
        ("\x1b^", 1024),
        ("\x1bX", 1024),
        // Of these each byte is looked at.
        ("\x1b[1;1", 8),
    ] {
        let mut pane = pane(24, 80);
        feed(&mut pane, start);
        for _ in 0..megabytes {
            feed(&mut pane, &chunk);
            assert!(pane.held_bytes() <= HELD, "{start:?}: {}", pane.held_bytes());
        }
        feed(&mut pane, "\x1b\\alive");
        assert_eq!(pane.screen().row_text(0), "alive", "{start:?}");
    }
}

#[test]
fn floods_of_marks_links_and_styles_hold_no_memory() {
    for flood in [
        "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\r\n",
        "\x1b[38;2;1;2;3mx\x1b[48;2;4;5;6my",
        "\x1b]8;;http://x\x07z\r\n",
        "x\u{301}\x1b[Dx\u{302}",
        "\x1b[Ha\u{301}\x1b[K\x1b[2J",
        "\u{301}",
        "\x1b[4:3;58:2::1:2:3my",
        "\x1b[22t\x1b]2;title\x07",
        "\x1b[>1u\x1b7\x1b[?1049h\x1b[?1049l",
        "\x1b[?2026hx\x1b[?2026l",
    ] {
        let mut pane = pane(24, 80);
        let bytes = flood.repeat((1 << 18) / flood.len());
        feed(&mut pane, &bytes);
        assert!(pane.held_bytes() <= HELD, "{flood:?}: {}", pane.held_bytes());
    }
}

#[test]
fn the_clipboard_takes_what_is_asked_for_and_no_more() {
    for n in 0..50 {
        let mut pane = pane(24, 80);
        let fed = feed(&mut pane, "\x1b]52;c;?\x07\x1b]52;p;aGVsbG8=\x1b\\");
        assert_eq!(
            (fed.clipboard.map(|write| write.0), fed.clipboard_dropped),
            (Some("hello".to_owned()), 0)
        );
        assert_eq!(fed.replies, b"", "what the clipboard holds is never told");
        assert_eq!(feed(&mut pane, "x").clipboard, None);
        if n == 0 {
            let start = feed(&mut pane, "\x1b]52;c;");
            assert_eq!((start.clipboard, start.clipboard_dropped), (None, 0));
            let mut dropped = 0;
            for _ in 0..10 {
                let fed = feed(&mut pane, vec![b'A'; 1 << 20]);
                assert_eq!(fed.clipboard, None);
                dropped += fed.clipboard_dropped;
            }
            dropped += feed(&mut pane, "\x07").clipboard_dropped;
            assert_eq!(dropped, 1);
        }
        let full = format!("\x1b]52;c;{}\x07", "QUFB".repeat(CLIPBOARD_BYTES / 3));
        assert_eq!(feed(&mut pane, full).clipboard.map(|write| write.0.len()), Some(CLIPBOARD_BYTES / 3 * 3));
    }
}
