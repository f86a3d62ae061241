//! Random output, the same on every machine, and what must hold after it.

use omnes::pane::{Cell, Pane};
use omnes::size::Size;

use crate::killers::KILLERS;
use crate::{feed, pane};

/// A generator of numbers that is the same on every machine.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// One piece of random output: mostly things that emulators find hard.
pub(crate) fn piece(random: &mut Seeded, out: &mut Vec<u8>) {
    const FINALS: &[u8] = b"@ABCDEFGHIJKLMPSTXZ`abcdefghlmnrtpqsuxy";
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
            random
                .pick(&[
                    "\r\n", "\n", "\r", "\x08", "\x1bM", "\x1b7", "\x1b8", "\x0b", "\x1bD", "\x1bE", "\x1bH",
                    "\x1b#8", "\x1b[4h", "\x1b[4l", "\x1b[20h", "\x1b[!p",
                ])
                .as_bytes(),
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
            let mode = random.pick(&[
                "1", "5", "6", "7", "9", "25", "47", "69", "1000", "1003", "1004", "1006", "1047", "1048",
                "1049", "2004", "2026",
            ]);
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
                "\x1b[4:3;58:2::1:",
                "\x1b[>1u",
                "\x1b[22t",
            ]);
            let end = random.pick(&["\x07", "\x1b\\", "\x18", "", "m"]);
            out.extend_from_slice(format!("{start}text{end}").as_bytes());
        }
        _ => out.extend((0..random.below(4)).map(|_| random.below(256) as u8)),
    }
}

pub(crate) fn case(random: &mut Seeded, pieces: usize) -> Vec<u8> {
    let mut out = Vec::new();
    (0..=random.below(pieces)).for_each(|_| piece(random, &mut out));
    out
}

/// What holds on every screen: no half of a wide character stands alone, and no cell holds what acts.
fn is_sound(pane: &Pane) -> bool {
    let screen = pane.screen();
    let Size { rows, cols } = screen.size();
    let cursor = screen.cursor();
    let cell_is_sound = |row: u16, col: u16| {
        let Cell { text, wide, continuation, .. } = screen.cell(row, col);
        let follows = col + 1 < cols && screen.cell(row, col + 1).continuation;
        let belongs = col > 0 && screen.cell(row, col - 1).wide;
        wide == follows && continuation == belongs && !text.chars().any(char::is_control)
    };
    let cells = (0..rows).all(|row| (0..cols).all(|col| cell_is_sound(row, col)));
    cells && cursor.row < rows && cursor.col < cols
}

/// More of them with `OMNES_PANE_CASES=5000000`, which never repeats the first ones.
fn cases() -> (u64, usize) {
    let asked = std::env::var("OMNES_PANE_CASES").ok().and_then(|n| n.parse().ok());
    match asked {
        Some(cases) => (std::time::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64 | 1), cases),
        None => (0x006f_6d6e_6573, 100_000),
    }
}

#[test]
fn a_hundred_thousand_random_cases_reset_no_emulator() {
    let (seed, wanted) = cases();
    let mut random = Seeded(seed);
    let mut done = 0;
    while done < wanted {
        let (rows, cols) = random.pick(&[(1, 1), (3, 10), (4, 11), (6, 7), (9, 28), (24, 80), (37, 3)]);
        let mut pane = pane(rows, cols);
        for _ in 0..100 {
            let bytes = case(&mut random, 8);
            assert!(!feed(&mut pane, &bytes).reset, "seed {seed}, case {done}: {}", bytes.escape_ascii());
            if random.below(8) == 0 {
                let size = Size::new(1 + random.below(40) as u16, 1 + random.below(100) as u16);
                assert!(
                    !pane.resize(size).reset,
                    "seed {seed}, case {done}: to {size} after {}",
                    bytes.escape_ascii()
                );
            }
            done += 1;
        }
        assert!(is_sound(&pane), "seed {seed}, case {done}:\n{}", pane.screen().text());
        let lazy = pane.row_digests().to_vec();
        pane.wake(std::time::Duration::from_secs(1));
        assert!(lazy.len() == usize::from(pane.size().rows) && is_sound(&pane));
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
