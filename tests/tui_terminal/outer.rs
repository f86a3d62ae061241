//! What hosts print and what of it reaches the user's own terminal: cells, and nothing that acts.

use regex::bytes::Regex;

use crate::ui::Screen;

/// Everything that omnes itself may write besides text: modes that it sets and takes back, frames, colours, places, the shape
/// of the cursor, what it asks about the keyboard, and the bell, which rings twice a second at most.
const OURS: &str = concat!(
    r"\x1b\[\?(1049|1000|1002|1003|1004|1006|1015|2004|2026|25)[hl]",
    r"|\x1b\[[0-9;:]*m|\x1b\[[0-9]+;[0-9]+H|\x1b\[[0-3]?J|\x1b\[[0-6] q",
    r"|\x1b\[\?u|\x1b\[c|\x1b\[[<>=][0-9;]*u|\x07|\r\n"
);

/// Strings, questions and switches that a terminal acts on, in every way to begin and to end them.
const CORPUS: &[&str] = &[
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]0;never ended",
    "\x18\x1b]52;c;cHduZWQ=\x07",
    "\x1b]52;c;?\x07",
    "\x1b]8;;file:///etc/passwd\x07link\x1b]8;;\x07",
    "\x1b]4;1;#ff0000\x07\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]12;#00ff00\x07\x1b]104\x07",
    "\x1b]50;font\x07\x1b]777;notify;a;b\x07\x1b]9;said\x07\x1b]1337;File=x:AAAA\x07\x1b]7;file:///\x07\x1b]133;A\x07",
    "\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\\x1bPq\"1;1;99;99#0~\x1b\\\x1bPtmux;\x1b\x1b]2;x\x07\x1b\\",
    "\x1b_Ga=T,f=24,s=1,v=1;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\\x1bkname\x1b\\",
    "\u{9d}2;c1\u{9c}\u{90}q\u{9c}\u{9f}G\u{9c}\u{9e}x\u{9c}\u{98}x\u{9c}\u{9b}31m\u{85}\u{84}",
    "\x1b[c\x1b[>c\x1b[=c\x1b[5n\x1b[6n\x1b[?6n\x1b[21t\x1b[18t\x1b[x\x05\x1bZ\x1b[?2026$p\x1b[>q",
    "\x1b[8;5;5t\x1b[3;0;0t\x1b[2t\x1b[22t\x1b[23t\x1b[9;1t",
    "\x1b[?1000;1002;1003;1005;1006;1015;1016h\x1b[?1000;1002;1003;1005;1006;1015;1016l",
    "\x1b[?1004h\x1b[?1004l\x1b[?2004h\x1b[?2004l\x1b[?9h\x1b[?9l\x1b[?1007h\x1b[?1034h\x1b[?80h",
    "\x1b[?1049h\x1b[2Jelsewhere\x1b[?1049l\x1b[?47h\x1b[?47l\x1b[?3h\x1b[?3l\x1b[?5h\x1b[?5l",
    "\x1b[>31u\x1b[=31;1u\x1b[?u\x1b[<9u\x1b[>4;2m\x1b[?2026h",
    "\x1b(0lqqk\x1b(B\x0e\x0f\x1bn\x1bo\x1b~\x1b%@\x1b%G\x1b#8\x1b#3\x1b#6\x1b[1\"q\x1b[5i\x1b[4i",
    "\x1b[2;3r\x1b[?6h\x1b[99A\x1b[99B\x1b[99C\x1b[99D\x1b[1;1Hcorner\x1b[99;99Hcorner\x1b[r\x1b[?6l",
    "\x1b[?7l\x1b[4h\x1b[20h\x1b[2h\x1b[2l\x1b[20l\x1b[4l\x1b[?7h\x1b[0;1;2;3;4;5;6;7;8;9;21;53m\x1b[m",
    "\u{202e}reversed\u{202c}\u{2066}apart\u{2069}\u{200b}\u{feff}\u{200e}",
    "\x07\x07\x07\x07\x08\x08\x0b\x0c\x00\x7f\x1a\x1b",
    "\x1bc\x1b[!p\x1b[0m\x1b[?25h",
];

/// The rows of the host that prints nothing.
fn lower(screen: &Screen) -> &[String] {
    &screen.rows[14..28]
}

#[test]
fn nothing_that_a_host_prints_acts_outside_its_tile() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = super::demo(&home);
    for (n, piece) in CORPUS.iter().enumerate() {
        std::fs::write(home.path().join(format!("piece{n}")), piece).expect("a file");
    }
    ui.keys("C-a o");
    ui.line("clear; echo calm-''here");
    ui.wait("both are clear", |screen| screen.count("║calm-here") == 2);
    ui.keys("C-a d");
    let before = ui.wait_for("→ demo02 alone");
    ui.keys("C-a d C-a o C-a d");
    ui.wait_for("→ demo01 alone");
    let corpus = home.path().display();
    ui.line(&format!(
        "for n in $(seq 0 {}); do cat {corpus}/piece$n; done; echo all''-printed",
        CORPUS.len() - 1
    ));
    let screen = ui.wait("the end of it", |screen| screen.contains("all-printed"));
    assert!(lower(&screen).iter().any(|row| row.contains("calm-here")), "{}", screen.text());
    assert!(lower(&before).iter().any(|row| row.contains("calm-here")), "{}", before.text());
    let shown = |screen: &Screen| {
        lower(screen)[1..13].iter().map(|row| row.chars().skip(1).take(98).collect()).collect::<Vec<String>>()
    };
    assert_eq!(shown(&screen), shown(&before), "the other host's cells are its own");

    let raw = ui.raw();
    let rest = Regex::new(OURS).expect("a pattern").replace_all(&raw, &b""[..]);
    let rest = String::from_utf8(rest.into_owned()).expect("text in UTF-8");
    assert!(rest.len() > 500, "text is left of {} bytes", raw.len());
    let all: Vec<char> = rest.chars().collect();
    let acting = (0..all.len()).filter(|at| acts(all[*at]));
    let around = |at: usize| all[at.saturating_sub(10)..(at + 20).min(all.len())].iter().collect::<String>();
    assert_eq!(
        acting.map(around).take(10).collect::<Vec<_>>(),
        [] as [String; 0],
        "this was written to the terminal"
    );
}

/// Does this character do anything else than stand in a cell?
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
