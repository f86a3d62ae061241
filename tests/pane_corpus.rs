//! What hostile and broken output does to a pane: nothing, within bounds that are counted.

use std::time::Duration;

use omnes::pane::{Fed, HistoryLimit, LONGEST_REPLY, Pane, REPLIES_PER_SECOND};
use omnes::size::Size;
use regex::bytes::Regex;

/// Sizes from the smallest that can be asked for to a wall of monitors.
const SIZES: [(u16, u16); 8] = [(1, 1), (1, 80), (24, 1), (3, 10), (6, 7), (24, 80), (60, 132), (200, 300)];

fn pane(rows: u16, cols: u16) -> Pane {
    Pane::new(Size::new(rows, cols), HistoryLimit::default())
}

fn feed(pane: &mut Pane, bytes: impl AsRef<[u8]>) -> Fed {
    pane.feed(Duration::ZERO, bytes.as_ref())
}

/// A generator of numbers that is the same on every machine.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Output that has made terminal emulators panic, hang or misbehave; each is fed whole.
const KILLERS: [&str; 34] = [
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

/// One piece of random output: mostly things that emulators find hard.
fn piece(random: &mut Seeded, out: &mut Vec<u8>) {
    const FINALS: &[u8] = b"@ABCDEFGHIJKLMPSTXZ`abcdefhlmnrtpqsuxy";
    const NUMBERS: [&str; 12] =
        ["", "0", "1", "2", "3", "5", "9", "24", "80", "1049", "65535", "99999999999"];
    const TEXT: [&str; 14] = [
        "x",
        "hello world",
        "語",
        "あい",
        "\u{2e80}",
        "e\u{301}",
        "8\u{fe0f}",
        "👩\u{200d}👧",
        "\u{334}",
        "\u{17d8}",
        "é",
        "\t",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\u{9b}",
    ];
    match random.below(10) {
        0..=2 => out.extend_from_slice(random.pick(&TEXT).as_bytes()),
        3 => out.extend_from_slice(
            random.pick(&["\r\n", "\n", "\r", "\x08", "\x1bM", "\x1b7", "\x1b8", "\x0b"]).as_bytes(),
        ),
        4..=6 => {
            out.extend_from_slice(b"\x1b[");
            for n in 0..random.below(4) {
                out.extend_from_slice(if n > 0 { b";" } else { b"" });
                out.extend_from_slice(random.pick(&NUMBERS).as_bytes());
            }
            out.push(random.pick(FINALS));
        }
        7 => {
            let mode = random
                .pick(&["1", "6", "7", "9", "25", "47", "1000", "1003", "1004", "1006", "1049", "2004"]);
            out.extend_from_slice(format!("\x1b[?{mode}{}", random.pick(&['h', 'l'])).as_bytes());
        }
        8 => {
            let start = random.pick(&[
                "\x1b]0;",
                "\x1bP",
                "\x1b_",
                "\x1bX",
                "\x1b]52;c;",
                "\x1bc",
                "\x1b(0",
                "\x1b[38;5;",
            ]);
            let end = random.pick(&["\x07", "\x1b\\", "\x18", "", "m"]);
            out.extend_from_slice(format!("{start}text{end}").as_bytes());
        }
        _ => out.extend((0..random.below(4)).map(|_| random.below(256) as u8)),
    }
}

fn case(random: &mut Seeded, pieces: usize) -> Vec<u8> {
    let mut out = Vec::new();
    (0..=random.below(pieces)).for_each(|_| piece(random, &mut out));
    out
}

#[test]
fn a_hundred_thousand_random_cases_reset_no_emulator() {
    let mut random = Seeded(0x006f_6d6e_6573);
    let mut cases = 0;
    while cases < 100_000 {
        let (rows, cols) = random.pick(&[(1, 1), (3, 10), (4, 11), (6, 7), (9, 28), (24, 80), (37, 3)]);
        let mut pane = pane(rows, cols);
        for _ in 0..100 {
            let bytes = case(&mut random, 8);
            assert!(!feed(&mut pane, &bytes).reset, "case {cases}: {}", bytes.escape_ascii());
            if random.below(8) == 0 {
                let size = Size::new(1 + random.below(40) as u16, 1 + random.below(100) as u16);
                assert!(!pane.resize(size).reset, "case {cases}: to {size} after {}", bytes.escape_ascii());
            }
            cases += 1;
        }
        assert!(pane.screen().text().chars().all(|c| c == '\n' || !c.is_control()));
    }
}

/// Everything a pane can tell, for comparison.
fn all_of(pane: &mut Pane) -> (Vec<String>, Vec<u64>, String) {
    let screen = pane.screen();
    let lines = (0..screen.line_count()).map(|n| format!("{:?}", screen.line(n))).collect();
    let rest = format!("{:?} {:?} {}", screen.cursor(), pane.modes(), pane.screen().title());
    (lines, pane.row_digests().to_vec(), rest)
}

#[test]
fn how_bytes_are_cut_changes_nothing() {
    let mut random = Seeded(0x9907);
    let kuhn = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\r\n\xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80\xed\xa0\x80\xed\xbf\xbf\r\n\
        \xfe\xff\x80\xbf\xc3(\xe2\x82\xe2\x82\xac\xf0\x9f\x98\x1b[1mx\xf0\x9f\x98\x80\xef\xb8\x8f\xef\xbf\xbd";
    for n in 0..400 {
        let mut bytes = case(&mut random, 60);
        bytes.extend_from_slice(KILLERS.get(n).unwrap_or(&"").as_bytes());
        bytes.extend_from_slice(kuhn);
        bytes.extend(case(&mut random, 20));
        let (mut whole, mut single, mut cut) = (pane(24, 80), pane(24, 80), pane(24, 80));
        let expected = feed(&mut whole, &bytes).replies;
        let bytewise: Vec<u8> = bytes.iter().flat_map(|b| feed(&mut single, [*b]).replies).collect();
        let mut rest = &bytes[..];
        let mut pieced = Vec::new();
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(1 + random.below(rest.len()));
            pieced.extend(feed(&mut cut, piece).replies);
            rest = later;
        }
        assert_eq!(bytewise, expected, "{}", bytes.escape_ascii());
        assert_eq!(pieced, expected, "{}", bytes.escape_ascii());
        assert_eq!(all_of(&mut single), all_of(&mut whole), "{}", bytes.escape_ascii());
        assert_eq!(all_of(&mut cut), all_of(&mut whole), "{}", bytes.escape_ascii());
    }
}

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

#[test]
fn endless_strings_and_floods_hold_no_memory() {
    const BOUND: usize = 230_000;
    for start in ["\x1b]0;", "\x1b]52;c;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b[1;1"] {
        let mut pane = pane(24, 80);
        feed(&mut pane, start);
        let chunk = vec![b'1'; 1 << 20];
        for _ in 0..64 {
            feed(&mut pane, &chunk);
            assert!(pane.held_bytes() <= BOUND, "{start:?}: {}", pane.held_bytes());
        }
        feed(&mut pane, "\x1b\\alive");
        assert_eq!(pane.screen().row_text(0), "alive", "{start:?}");
    }
    for flood in [
        "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\r\n",
        "\x1b[38;2;1;2;3mx\x1b[48;2;4;5;6my",
        "\x1b]8;;http://x\x07z\r\n",
    ] {
        let mut pane = pane(24, 200);
        let bytes = flood.repeat((1 << 20) / flood.len());
        feed(&mut pane, &bytes);
        assert!(pane.held_bytes() <= BOUND, "{flood:?}: {}", pane.held_bytes());
    }
}

#[test]
fn only_the_closed_list_is_answered() {
    let templates = Regex::new(
        r"^(\x1b\[\?62;22c|\x1b\[>0;280;0c|\x1b\[0n|\x1b\[[0-9]{1,3};[0-9]{1,3}R|\x1b\[8;24;80t|\x1b\[\?[0-9]{1,4};[0-4]\$y)*$",
    )
    .unwrap();
    let unanswered = [
        "\x05",
        "\x1bZ",
        "\x1b[=c",
        "\x1b[1c",
        "\x1b[>1c",
        "\x1b[>q",
        "\x1b[>0q",
        "\x1b[?u",
        "\x1b[14t",
        "\x1b[16t",
        "\x1b[20t",
        "\x1b[21t",
        "\x1b[x",
        "\x1b[1x",
        "\x1b[?6n",
        "\x1b[?15n",
        "\x1b[?996n",
        "\x1b[?31337$p",
        "\x1b[4$p",
        "\x1b[1;1;1;1;1;1*y",
        "\x1b]4;0;?\x07",
        "\x1b]10;?\x07",
        "\x1b]11;?\x1b\\",
        "\x1b]12;?\x07",
        "\x1b]52;c;?\x07",
        "\x1b]50;?\x07",
        "\x1b]60\x07",
        "\x1bP$qm\x1b\\",
        "\x1bP$q q\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b_Gi=31,a=q;AAAA\x1b\\",
        "\x1bGQ",
        "\x1b[?1;31337S",
        "\u{9b}c",
        "\u{9b}6n",
        "\x1b]0;\x1b[6n\x07",
    ];
    for question in &unanswered[..unanswered.len() - 1] {
        assert_eq!(feed(&mut pane(24, 80), question).replies, b"", "{question:?}");
    }
    let asking =
        ["\x1b[c", "\x1b[0c", "\x1b[>c", "\x1b[5n", "\x1b[6n", "\x1b[18t", "\x1b[?2004$p", "\x1b[?2026$p"];
    for question in asking {
        let reply = feed(&mut pane(24, 80), question).replies;
        assert!(!reply.is_empty() && templates.is_match(&reply), "{question:?}: {}", reply.escape_ascii());
    }
    let mut random = Seeded(0x52e9);
    for n in 0..2000 {
        let mut bytes = case(&mut random, 10);
        bytes.extend_from_slice(random.pick(&asking).as_bytes());
        bytes.extend_from_slice(random.pick(&unanswered).as_bytes());
        let reply = feed(&mut pane(24, 80), &bytes).replies;
        assert!(templates.is_match(&reply), "case {n}: {} to {}", reply.escape_ascii(), bytes.escape_ascii());
        assert!(reply.len() <= LONGEST_REPLY * REPLIES_PER_SECOND);
    }
}

#[test]
fn a_flood_of_questions_gets_few_answers() {
    let mut pane = pane(24, 80);
    let questions = "\x1b[5n".repeat(1000);
    let mut answers = 0;
    for ms in (0..10_000).step_by(100) {
        answers += pane.feed(Duration::from_millis(ms), questions.as_bytes()).replies.len() / 4;
    }
    assert_eq!(answers, 10 * REPLIES_PER_SECOND);
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
