//! What sequences do to a screen, by values.

use std::time::Duration;

use super::*;
use crate::pane::history::HistoryLimit;
use crate::pane::parser::Parser;
use crate::pane::{KeyEncoding, Underline};

struct Fed {
    parser: Parser,
    terminal: Terminal,
}

impl Fed {
    fn new(rows: u16, cols: u16) -> Fed {
        let history = History::new(HistoryLimit::default());
        Fed { parser: Parser::default(), terminal: Terminal::new(Size::new(rows, cols), history) }
    }

    fn feed(&mut self, text: &str) -> &mut Fed {
        self.parser.feed(text.as_bytes(), &mut self.terminal);
        self
    }

    fn at(&mut self, ms: u64, text: &str) -> &mut Fed {
        self.terminal.tell_time(Duration::from_millis(ms));
        self.feed(text)
    }

    fn cell(&self, row: u16, col: u16) -> Cell<'_> {
        self.terminal.face().cell(row, col)
    }

    /// The rows without blanks at their ends, parted by `|`.
    fn rows(&self) -> String {
        let text = |row, col| {
            let cell = self.cell(row, col);
            if cell.text.is_empty() && !cell.continuation { " ".to_owned() } else { cell.text.to_owned() }
        };
        let Size { rows, cols } = self.terminal.size();
        let rows = (0..rows).map(|row| (0..cols).map(|col| text(row, col)).collect());
        let rows: Vec<String> = rows.map(|row: String| row.trim_end().to_owned()).collect();
        rows.join("|")
    }

    fn cursor(&self) -> (u16, u16) {
        let Place { row, col } = self.terminal.face().cursor();
        (row, col)
    }
}

/// What a screen of four rows of twelve columns shows after this.
fn shown(text: &str) -> String {
    Fed::new(4, 12).feed(text).rows()
}

#[test]
fn sequences_draw_what_an_xterm_draws() {
    for (what, text, rows) in [
        ("text wraps", "123456789012x", "123456789012|x||"),
        ("autowrap off overwrites the last column", "\x1b[?7l123456789012xy", "12345678901y|||"),
        ("and wide text its last two", "\x1b[?7l123456789012語", "1234567890語|||"),
        ("and comes back", "\x1b[?7l\x1b[?7h123456789012x", "123456789012|x||"),
        ("wide text wraps whole", "12345678901語x", "12345678901|語x||"),
        ("insert mode", "abc\x1b[2G\x1b[4hXY\x1b[4lZ", "aXYZc|||"),
        ("insert mode and wide text", "abc\r\x1b[4h語", "語abc|||"),
        ("a new line mode", "ab\x1b[20h\nc\x1b[20l\nd", "ab|c| d|"),
        ("IND, NEL, RI", "ab\x1bDc\x1bEd\x1bMe", "ab| ec|d|"),
        ("RI at the top scrolls down", "ab\x1bMc", "  c|ab||"),
        ("a region scrolls alone", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\n5", "1|3|5|4"),
        ("DECSTBM goes home", "\x1b[3;4H\x1b[2;3rx", "x|||"),
        ("RI above a region scrolls nothing", "1\r\n2\r\n3\x1b[2;3r\x1bMx", "x|2|3|"),
        ("a region of one row is refused", "\x1b[3;4H\x1b[2;2rx", "||   x|"),
        ("origin mode", "\x1b[2;3r\x1b[?6hx\x1b[2;2Hy\x1b[9;1Hz\x1b[?6l", "|x|zy|"),
        ("IL and DL", "1\r\n2\r\n3\r\n4\x1b[2;1H\x1b[L\x1b[3;1H\x1b[M", "1||3|"),
        ("ICH and DCH", "abcdef\x1b[2G\x1b[2@\x1b[5G\x1b[P", "a  bdef|||"),
        ("ECH", "abcdef\x1b[2G\x1b[3X", "a   ef|||"),
        ("ED and EL", "111\r\n222\r\n333\x1b[2;2H\x1b[J\x1b[1;2H\x1b[1K", "  1|2||"),
        ("ED 1", "111\r\n222\x1b[2;2H\x1b[1J", "|  2||"),
        ("EL from behind the last column keeps it", "123456789012\x1b[K", "123456789012|||"),
        ("a backspace from there leads onto it", "123456789012\x08x", "12345678901x|||"),
        ("SU and SD", "1\r\n2\r\n3\x1b[2S\x1b[T", "|3||"),
        ("five parameters of T are no SD", "1\x1b[1;2;3;4;5T", "1|||"),
        ("REP", "ab\x1b[3b", "abbbb|||"),
        ("REP of a wide character", "語\x1b[2b", "語語語|||"),
        ("REP of nothing", "\x1b[3bx", "x|||"),
        ("tab stops", "\ta\r\x1b[3g\x1b[4G\x1bH\r\tb\tc", "   b    a  c|||"),
        ("one tab stop less", "\x1b[9G\x1b[g\r\tx", "           x|||"),
        ("CBT from behind a stop in the last column", "\x1b[12G\x1bHx\x1b[Zy", "        y  x|||"),
        ("CHT and CBT", "\x1b[Ia\x1b[2Zb", "b       a|||"),
        ("CUP, HVP, CHA, HPA, VPA", "\x1b[2;3Ha\x1b[3;4fb\x1b[9Gc\x1b[`d\x1b[4de", "|  a|d  b    c| e"),
        ("CUU and the others", "\x1b[2;2H\x1b[Aa\x1b[2Bb\x1b[3Dc\x1b[Cd\x1b[Ee\x1b[Ff", " a||f d|e"),
        ("HPR and VPR", "\x1b[2aa\x1b[2eb", "  a||   b|"),
        ("cursor up stops at the region", "\x1b[2;3r\x1b[3;1H\x1b[9Ax", "|x||"),
        ("cursor down too", "\x1b[2;3r\x1b[2;1H\x1b[9Bx", "||x|"),
        (
            "counts beyond the screen",
            "a\x1b[65535Cb\x1b[65535;65535Hc\x1b[65535Ad",
            "a          d|||           c",
        ),
        ("DECALN", "x\x1b[2;3r\x1b#8y", "yEEEEEEEEEEE|EEEEEEEEEEEE|EEEEEEEEEEEE|EEEEEEEEEEEE"),
        ("DECSC and DECRC", "a\x1b7\x1b[3;3H\x1b(0\x1b8b\x1b(0q", "ab─|||"),
        ("SCO's names for them", "a\x1b[sbc\x1b[ud", "adc|||"),
        ("1048 too", "a\x1b[?1048hbc\x1b[?1048ld", "adc|||"),
        ("the margins of columns are refused", "ab\x1b[?69h\x1b[5;9s\x1b[uc", "cb|||"),
        ("marks join", "e\u{301}x", "e\u{301}x|||"),
        ("also in the last column", "123456789012\u{301}x", "123456789012\u{301}|x||"),
        ("overwritten halves of wide text go", "語x\x1b[2Gy", " yx|||"),
    ] {
        assert_eq!(shown(text), rows, "{what}");
    }
}

#[test]
fn erasing_and_scrolling_fill_with_the_background_alone() {
    let blue = Color::Indexed(4);
    for what in [
        "\x1b[K",
        "\x1b[2J",
        "\x1b[X",
        "\x1b[@",
        "\x1b[12@",
        "\x1b[L",
        "\x1b[9M",
        "\x1b[9S",
        "\x1bM",
        "\x1b[?1049h",
    ] {
        let mut fed = Fed::new(4, 12);
        fed.feed("\x1b[44;7;4;9m").feed(what);
        let cell = fed.cell(0, 0);
        assert_eq!((cell.text, cell.style), ("", Style { bg: blue, ..Style::PLAIN }), "{what:?}");
    }
    let mut fed = Fed::new(4, 12);
    fed.feed("\x1b[4;1H\x1b[44m\n");
    assert_eq!((fed.cell(3, 5).style.bg, fed.cell(2, 5).style.bg), (blue, Color::Default));
    fed.feed("\x1b[m\x1b[1;1Habc\x1b[44m\x1b[1;1H\x1b[P");
    assert_eq!((fed.cell(0, 11).style.bg, fed.cell(0, 10).style.bg), (blue, Color::Default));
}

#[test]
fn a_row_that_text_scrolls_in_has_the_background() {
    let blue = Color::Indexed(4);
    for what in
        ["123456789012x", "1\n2", "12345678901語x", "\x1b[20h\nx", "\x1bD", "\x1bE", "\x1b[4h123456789012x"]
    {
        let mut fed = Fed::new(4, 12);
        fed.feed("top\x1b[4;1H\x1b[44;1m").feed(what);
        let last: Vec<Style> = (0..12).map(|col| fed.cell(3, col).style).collect();
        assert!(last.iter().all(|style| style.bg == blue), "{what:?}: {last:?}");
        assert_eq!(
            (last[11], fed.cell(1, 3).style),
            (Style { bg: blue, ..Style::PLAIN }, Style::PLAIN),
            "{what:?}"
        );
        assert_eq!(fed.terminal.history().len(), 1, "{what:?}");
    }
}

#[test]
fn pens_in_use_survive_when_others_are_freed() {
    let mut fed = Fed::new(4, 12);
    fed.feed("\x1b[9;38;2;1;2;3mmain\x1b[m\x1b[?47h\x1b[H\x1b[4:3malternate\x1b[m\x1b[2;1H\x1b7");
    fed.feed("\x1b[?2026h\x1b[2J\x1b[1;2m\x1b[2;2Hx\x1b[2;1H");
    for n in 0..10_000 {
        fed.feed(&format!("\x1b[38;2;9;{};{}m.\r", n / 256, n % 256));
    }
    assert!(fed.terminal.held_bytes() < 150_000, "{}", fed.terminal.held_bytes());
    let wave = Style { underline: Underline::Curly, ..Style::PLAIN };
    assert_eq!((fed.cell(0, 0).text, fed.cell(0, 0).style), ("a", wave), "the copy that is shown");
    fed.feed("\x1b[?2026l");
    assert_eq!(fed.cell(1, 1).style, Style { bold: true, dim: true, ..Style::PLAIN });
    assert_eq!(fed.cell(1, 0).style.fg, Color::Rgb(9, 39, 15));
    fed.feed("\x1b[?47l");
    let struck = Style { strike: true, fg: Color::Rgb(1, 2, 3), ..Style::PLAIN };
    assert_eq!((fed.cell(0, 3).text, fed.cell(0, 3).style), ("n", struck));
}

#[test]
fn styles_stay_with_their_cells() {
    let mut fed = Fed::new(4, 12);
    fed.feed("\x1b[4:3;58:2::1:2:3ma\x1b[9;53mb\x1b[m\x1b[5;8mc\x1b[0;21md\x1b[m e\u{301}");
    let wave = Style { underline: Underline::Curly, underline_color: Color::Rgb(1, 2, 3), ..Style::PLAIN };
    let check = |fed: &Fed, row: u16, from: u16| {
        let style = |n: u16| fed.cell(row, from + n).style;
        assert_eq!(style(0), wave);
        assert_eq!(style(1), Style { strike: true, overline: true, ..wave });
        assert_eq!(style(2), Style { blink: true, conceal: true, ..Style::PLAIN });
        assert_eq!(style(3), Style { underline: Underline::Double, ..Style::PLAIN });
        assert_eq!(style(4), Style::PLAIN);
        assert_eq!(fed.cell(row, from + 5).text, "e\u{301}");
    };
    check(&fed, 0, 0);
    fed.feed("\x1b[1;1H\x1b[2@\x1b[2L");
    check(&fed, 2, 2);
    fed.feed("\x1b[4;1H\n\n\n");
    let line = fed.terminal.history().line(2).expect("it left the screen");
    assert_eq!(line.text(), "  abcd e\u{301}");
    assert_eq!(line.spans[1].style, wave);
}

#[test]
fn the_two_screens_share_the_cursor_and_not_the_cells() {
    for (leave, kept) in [("\x1b[?47l", "two"), ("\x1b[?1047l", "")] {
        let mut fed = Fed::new(4, 12);
        fed.feed("one\x1b[?47h two");
        assert_eq!(fed.rows(), "    two|||");
        assert_eq!(fed.feed(leave).feed("x").rows(), "one    x|||", "{leave:?}");
        assert_eq!(fed.feed("\x1b[?47h").rows().trim_matches(['|', ' ']), kept, "{leave:?}");
    }
    let mut fed = Fed::new(4, 12);
    fed.feed("one\x1b[31m\x1b[?1049h\x1b[H\x1b[32mtwo\x1b[?1049lx");
    assert_eq!((fed.rows().as_str(), fed.cell(0, 3).style.fg), ("onex|||", Color::Indexed(1)));
    fed.feed("\x1b[?1049h");
    assert_eq!(fed.rows(), "|||", "what is entered anew is empty");
    assert_eq!(fed.cursor(), (0, 4), "the cursor stays where it was");
}

#[test]
fn resets_reset_what_they_should() {
    let set = "\x1b[4;20h\x1b[?1;6;7l\x1b[?1;5;25;1003;1004;1006;2004h\x1b[?25l\x1b[2;3r\x1b[31m\x1b(0\x1b=\x1b[3g\x1b[>1u";
    let mut fed = Fed::new(4, 12);
    fed.feed("text\r\n").feed(set).feed("\x1b[!p\x1b[1;1H\x1b[2Cq\x1b[9;9H\x1b[2;1Ha");
    assert_eq!(fed.rows(), "teqt|a||");
    assert_eq!(fed.cell(0, 2).style, Style { inverse: true, ..Style::PLAIN }, "the flash stays");
    let modes = fed.terminal.modes();
    assert!(!modes.application_cursor && !modes.application_keypad && modes.bracketed_paste);
    let mut fed = Fed::new(4, 12);
    fed.feed("\x1b]2;title\x07text").feed(set).feed("\x1bc\tx");
    assert_eq!((fed.rows().as_str(), fed.terminal.modes()), ("        x|||", Modes::default()));
    assert_eq!(fed.terminal.window.title(), "title");
}

#[test]
fn the_keys_a_host_asks_for_belong_to_its_screen() {
    let mut fed = Fed::new(4, 12);
    let keys = |fed: &Fed| fed.terminal.modes().key_encoding;
    fed.feed("\x1b[>5u");
    assert_eq!(keys(&fed), KeyEncoding::Disambiguated);
    fed.feed("\x1b[?1049h");
    assert_eq!(keys(&fed), KeyEncoding::Legacy);
    fed.feed("\x1b[=1;1u\x1b[?u\x1b[?1049l\x1b[<u\x1b[?u");
    assert_eq!(keys(&fed), KeyEncoding::Legacy);
    assert_eq!(fed.terminal.replies.take(), b"\x1b[?1u\x1b[?0u");
}

#[test]
fn an_update_is_seen_when_it_is_complete() {
    let mut fed = Fed::new(4, 12);
    fed.at(0, "before\x1b[?2026h\x1b[2J\x1b[Hafter\x1b[?25l\x1b[6n");
    assert_eq!((fed.rows().as_str(), fed.cursor()), ("before|||", (0, 6)));
    assert_eq!(fed.terminal.replies.take(), b"\x1b[1;6R", "its questions are answered");
    assert_eq!(fed.terminal.wake_at(), Some(Duration::from_millis(150)));
    assert_eq!(fed.at(100, "\x1b[?2026h!").rows(), "before|||", "a second beginning gives no more time");
    assert_eq!(fed.at(149, "").rows(), "before|||");
    assert_eq!(fed.at(150, "").rows(), "after!|||");
    assert_eq!(fed.at(200, "\x1b[?2026h?").rows(), "after!|||");
    assert_eq!(fed.at(200, "\x1b[?2026l").rows(), "after!?|||");
    fed.at(300, "\x1b[?2026h\x1b[2J\x1bP").feed(&"0".repeat(1_100_000));
    assert_eq!(fed.rows(), "|||", "so many bytes are no update");
    fed.at(400, "\x1b[?2026h\x1b[Hx\x1bc");
    assert_eq!(fed.rows(), "|||", "a reset ends it");
}

#[test]
fn titles_are_put_aside_and_come_back() {
    let mut fed = Fed::new(4, 12);
    fed.feed("\x1b]2;shell\x07\x1b[22;0;0t\x1b]2;vim\x07");
    assert_eq!(fed.terminal.window.title(), "vim");
    fed.feed("\x1b[23;0;0t");
    assert_eq!(fed.terminal.window.title(), "shell");
    fed.feed("\x1b[23;0;0t").feed(&"\x1b[22t".repeat(100_000));
    assert_eq!(fed.terminal.window.title(), "shell");
    assert!(fed.terminal.held_bytes() < 1000);
}

#[test]
fn a_flash_is_the_whole_screen_in_inverse() {
    let mut fed = Fed::new(4, 12);
    assert!(fed.feed("\x1b[?5h").terminal.face().cell(0, 0).style.inverse);
    assert!(!fed.feed("\x1b[?5l").terminal.face().cell(0, 0).style.inverse);
}
