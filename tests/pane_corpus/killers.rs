//! Output that is known to have hurt.

use omnes::size::Size;

use crate::generator::Seeded;
use crate::{feed, pane};

/// Sizes from the smallest that can be asked for to a wall of monitors.
const SIZES: [(u16, u16); 8] = [(1, 1), (1, 80), (24, 1), (3, 10), (6, 7), (24, 80), (60, 132), (200, 300)];

/// Output that has made terminal emulators panic, hang or misbehave; each is fed whole.
pub(crate) const KILLERS: [&str; 46] = [
    "2\x1bt\u{fe0f}",
    "語語語語語語語語語語語語",
    "\u{4f60}\x1b[K",
    "abcdefgh\u{3042}\x1b[8Gx",
    "\u{2e80}",
    "0\x1b[1J\u{334}",
    "\x1b[2;4r\x1b[5;6H8\u{fe0f}\u{fe0f}x\x1b[3;7H語",
    "\x1b[3;10H8\u{fe0f}\x1b[2;10Hx",
    "\x1b[24;79H語\x1b[24;80Hx\x1b[24;79Hy\x1b[K",
    "\x1b[99999999999999999999b",
    "語\x1b[65535b\x1b[65535@\x1b[65535P\x1b[65535X",
    "\x1b[65535;65535H\x1b[65535L\x1b[65535M\x1b[65535S\x1b[65535T",
    "\x1b[0;0r\x1b[65535;1r\x1b[2;2r\x1b[;r\x1bM\x1bM\n\n",
    "\x1b[?6h\x1b[5;10r\x1b[65535H\x1b[65535A\x1b[?6l\n",
    "\x1b[-1;-1H\x1b[8;0;0t\x1b[8;-5;-5t\x1b[8;65535;65535t",
    "\x1b7\x1b[?1049h\x1b8\x1b[?1049l\x1b8\x1b[?47h\x1b[?47h\x1b[?47l\x1b8",
    "\x1b[?1049h\x1b[?1049h\x1bc\x1b[?1049l\x1b[u",
    "\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25;26;27;28;29;30;31;32;33;34m",
    "\x1b[38;2;999;999;999;48;5;999;38;5m\x1b[38:2::1:2:3m\x1b[:::::m",
    "\x1b[????1h\x1b[?1?1h\x1b[ !\"#$q\x1b[1 $ p",
    "\x1b]0;\x07\x1b];\x07\x1b]\x1b\\\x1b]2;\x1b]2;\x1b]2;x\x07",
    "\x1b]4;0;?\x07\x1b]10;?\x07\x1b]52;c;?\x07\x1b]52;c;!!!\x07\x1b]8;;file:///etc\x07x\x1b]8;;\x07",
    "\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\\x1bPq\"1;1;99999;99999#0~\x1b\\",
    "\x1b_Gs=99999,v=99999;AAAA\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\\x1bkx\x1b\\",
    "\u{9b}65535b\u{90}x\u{9c}\u{9d}2;x\u{9c}\u{98}\u{9e}\u{9f}",
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "\u{301}\u{301}\r\u{301}\x08\u{301}\x1b[K\u{301}",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦👍🏽🇩🇪#\u{fe0f}\u{20e3}",
    "\u{202e}evil\u{2066}x\u{2069}\u{200b}\u{feff}\u{e0041}",
    "\u{17d8}\u{17d8}\u{17d8}\u{17d8}\u{17d8}\u{17d8}",
    "\x1b[>1u\x1b[<u\x1b[=5;1u\x1b[?u\x1b[>4;2m\x1b[?2026h\x1b[?1000;1002;1003;1005;1006;1015;1016;1004h",
    "\x1b#8\x1b%G\x1b(0lqqqk\x0e\x0f\x1b(B\x1bD\x1bE\x1bH\x1bN\x1bO\x1bZ\x1b~",
    "\x05\x00\x7f\x0b\x0c\x08\x08\x08\x08\t\t\t\t\t\t\t\t\t\t\t\t\tx",
    "\x1b[?7l\x1b[4h\x1b[65535C語語\x1b[4l\x1b[?7h",
    "\x1b[?47h\x1b[?1047h\x1b[?1049h\x1b[?47l\x1b[?1047l\x1b[?1049l\x1b[?1048l",
    "\x1b[65535;65535H\x1b7\x1b[?1049h\x1b[65535B語",
    "\x1b[3g\t\t\x1bH\x1b[65535I\x1b[65535Z\x1b[g",
    "\x1b#8\x1b#8\x1b#8\x1b[2;3r\x1b#8",
    "\x1b[?2026h\x1b[?2026h語\x1b[?2026l\x1b[?2026l\x1b[?2026h",
    "\x1b[<65535u\x1b[>31u\x1b[=31;3u\x1b[=31;2u\x1b[<u\x1b[=0;9u",
    "\x1b[4:99m\x1b[4:m\x1b[58:2:::::::m\x1b[38:5m\x1b[48;2;1m\x1b[58;5m",
    "\x1b[2;3r\x1b[?6h\x1b[65535;65535H\x1b[65535e\x1b[65535a\x1b[?6l",
    "x\x1b[65535D\u{301}\x1b[65535C\u{301}\x1b[65535B\u{301}語\u{301}\x1b[D\u{301}",
    "\x1b[22;0;0t\x1b[23;0;0t\x1b[23t\x1b[9;1t\x1b[3;0;0t",
    "\x1b]52;c;\x07\x1b]52;\x07\x1b]52;c;AAAA\x1b]52;c;AAAA\x1b\\",
    "\x1b[\x1b[\x1b[5\x18A\x1b[5\x1aA\x1b[5\nA\x1b\x1b\x1b[A\x1b",
];

#[test]
fn known_killers_do_no_harm_at_any_size() {
    for killer in KILLERS {
        for (rows, cols) in SIZES {
            let mut pane = pane(rows, cols);
            for (rows, cols) in [(rows, cols), (24, 80), (1, 1), (rows, cols)] {
                assert!(!feed(&mut pane, killer).reset, "{killer:?} at {cols}x{rows}");
                assert!(!pane.resize(Size::new(rows, cols)).reset, "{killer:?} to {cols}x{rows}");
                assert!(!feed(&mut pane, killer).reset, "{killer:?} at {cols}x{rows}");
            }
            // A thousand bytes earn the work of a reset even on the largest screen.
            feed(&mut pane, "\x18\x1b\\".to_owned() + &"\r".repeat(1000) + "\x1bcalive");
            assert_eq!(pane.screen().row_text(0), "alive", "{killer:?} at {cols}x{rows}");
        }
    }
}

#[test]
fn a_small_pane_lives_through_a_thousand_resizes() {
    let mut random = Seeded(10);
    let mut pane = pane(1, 1);
    for _ in 0..1000 {
        let size = Size::new(1 + random.below(2) as u16, 1 + random.below(9) as u16);
        assert!(!pane.resize(size).reset);
        assert!(
            !feed(
                &mut pane,
                random.pick(&["語語語語語語", "x", "\r\n", "\x1b[K", "あ\x08", "\x1b[65535C語"])
            )
            .reset
        );
        assert_eq!((pane.size().rows, pane.size().cols), (3, 10));
    }
}
