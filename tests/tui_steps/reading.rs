//! Looking back: the cursor, selections, tiles that scroll together, copies, bells and output out of sight, watches, and
//! what hosts may do to the clipboard.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::pane::{MouseButton, MouseKind};
use omnes::session::SessionEvent;
use omnes::size::Size;
use omnes::tui::app::{HostBell, HostClipboard, Options, Sign};
use omnes::tui::event::{Effect, Event};
use ratatui::style::Modifier;

use crate::harness::{SMALL, Ui};

const SECOND: Duration = Duration::from_secs(1);

/// Four tiles of six rows and 38 columns.
const FOUR: Size = Size { rows: 17, cols: 80 };

fn lines(ui: &mut Ui, name: &str, n: usize) {
    let text: String = (1..=n).map(|n| format!("{name} line {n}\r\n")).collect();
    ui.output(name, &text);
}

/// The rows of the first tile, what is reversed in brackets.
fn reversed(ui: &Ui) -> String {
    let (buffer, rect) = (ui.buffer(), ui.app.layout().tiles[0].1);
    let mut text = String::new();
    for y in rect.y + 1..rect.bottom() - 1 {
        let (mut row, mut inside) = (String::new(), false);
        for x in rect.x + 1..rect.right() - 1 {
            let cell = &buffer[(x, y)];
            let on = cell.modifier.contains(Modifier::REVERSED);
            if on != inside {
                row.push(if on { '[' } else { ']' });
                inside = on;
            }
            row.push_str(cell.symbol());
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn copies(ui: &Ui) -> Vec<&str> {
    let copies = ui.effects.iter().filter_map(|effect| match effect {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    });
    copies.collect()
}

fn note(ui: &Ui) -> &str {
    ui.app.notes().note().map_or("", |note| &note.text)
}

fn top_row(ui: &Ui) -> String {
    reversed(ui).lines().next().unwrap_or_default().trim_matches(['[', ']']).trim_end().to_owned()
}

#[test]
fn the_cursor_moves_and_the_view_follows_with_its_place_in_the_title() {
    let mut ui = Ui::with(Options::default(), FOUR, &["a"]);
    lines(&mut ui, "a", 120);
    ui.keys("C-a [");
    assert!(ui.screen().contains("looking back, line 121 of 121"), "{}", ui.screen());
    let bottom = top_row(&ui);
    ui.keys("k k");
    assert_eq!(top_row(&ui), bottom, "the cursor moves within the tile first");
    assert!(ui.screen().contains("line 119 of 121"));
    ui.keys("PageUp C-y");
    assert_ne!(top_row(&ui), bottom);
    ui.keys("g");
    assert!(top_row(&ui) == "a line 1" && ui.screen().contains("line 1 of 121"), "{}", ui.screen());
    ui.keys("J");
    assert_eq!(top_row(&ui), "a line 2");
    ui.output("a", "more\r\n");
    assert_eq!(top_row(&ui), "a line 2", "the view stands still while the host prints");
    ui.keys("G");
    assert!(ui.screen().contains("more") && ui.status().starts_with("→ nobody: you look back"));
    ui.keys("q").text("x");
    assert_eq!(ui.got("a"), "x");
}

#[test]
fn a_view_at_the_newest_line_stands_still_too() {
    let mut ui = Ui::with(Options::default(), FOUR, &["a"]);
    lines(&mut ui, "a", 120);
    ui.keys("C-a [");
    let before = reversed(&ui);
    lines(&mut ui, "a", 50);
    // The line with the cursor was empty, and is written now.
    assert_eq!(reversed(&ui), format!("{}\na line 1\n", before.trim_end()));
    ui.output("a", "\x1b[H");
    assert!(reversed(&ui).starts_with(before.trim_end()), "nor does the cursor of the host move it");
    ui.keys("Esc");
    assert!(!reversed(&ui).starts_with(before.trim_end()));
}

#[test]
fn a_selection_is_seen_and_copied_with_wide_characters_whole() {
    let mut ui = Ui::with(Options::default(), Size::new(9, 40), &["a"]);
    ui.output("a", "total 3\r\n日本語 abc   \r\n\r\nlast line\r\n");
    ui.keys("C-a [ g w v j j j e");
    assert_snapshot!(reversed(&ui), @r"
    total [3]
    [日 本 語  abc]
    [ ]
    [last line]
    ");
    ui.keys("y");
    assert_eq!(copies(&ui), ["3\n日本語 abc\n\nlast line"]);
    assert_eq!(note(&ui), "copied 4 lines of a");
    ui.text("x");
    assert_eq!(ui.got("a"), "x", "the copy leaves the scrollback");
    ui.keys("C-a [ g V j Enter");
    assert_eq!(copies(&ui)[1], "total 3\n日本語 abc\n");
    ui.keys("C-a [ g j 0 l C-v j j $ o");
    assert_snapshot!(reversed(&ui), @r"
    total 3
    日 [本 語  ab]c
      [ ]
    la[st line]
    ");
    ui.keys("y");
    assert_eq!(copies(&ui)[2], "本語 ab\n\nst line\n");
    ui.keys("C-a [ v Esc");
    assert!(ui.status().contains("you look back"), "the first Esc drops the selection");
    ui.keys("Esc Esc");
    assert_eq!((ui.got("a").as_str(), copies(&ui).len()), ("x\\u{1b}", 3));
}

#[test]
fn the_mouse_selects_where_the_program_did_not_ask_for_it_and_copies_when_let_go() {
    let mut ui = Ui::with(Options::default(), SMALL, &["a", "b"]);
    ui.output("a", "one two three\r\nfour five");
    ui.mouse(MouseKind::Down(MouseButton::Left), 5, 1);
    ui.mouse(MouseKind::Drag(MouseButton::Left), 6, 1);
    ui.mouse(MouseKind::Drag(MouseButton::Left), 4, 2);
    assert!(reversed(&ui).starts_with("one [two three]\n[four] five\n"), "{}", reversed(&ui));
    ui.mouse(MouseKind::Up(MouseButton::Left), 4, 2);
    assert_eq!(copies(&ui), ["two three\nfour"]);
    ui.text("x");
    assert_eq!(ui.got("a"), "x");
    ui.output("a", "\x1b[?1002h\x1b[?1006h");
    ui.mouse(MouseKind::Down(MouseButton::Left), 5, 1);
    ui.mouse(MouseKind::Drag(MouseButton::Left), 9, 1);
    ui.mouse(MouseKind::Up(MouseButton::Left), 9, 1);
    assert_eq!(copies(&ui).len(), 1, "it is the program's");
    assert!(ui.got("a").contains("[<32;"), "{}", ui.got("a"));
}

#[test]
fn tiles_scroll_together_and_the_bottom_line_says_so() {
    let mut ui = Ui::with(Options::default(), FOUR, &["a", "b", "c"]);
    lines(&mut ui, "a", 100);
    lines(&mut ui, "b", 200);
    lines(&mut ui, "c", 3);
    ui.keys("C-a b");
    ui.wait(9 * SECOND);
    assert!(ui.status().contains("scrolling together"), "{}", ui.status());
    ui.keys("C-a [ C-u C-u");
    let screen = ui.screen();
    assert!(
        !screen.contains("a line 100") && !screen.contains("b line 200") && screen.contains("c line 3"),
        "{screen}"
    );
    assert!(screen.contains("a line 95") && screen.contains("b line 195"), "{screen}");
    ui.mouse(MouseKind::WheelUp, 3, 3);
    assert!(ui.screen().contains("a line 90") && ui.screen().contains("b line 190"), "{}", ui.screen());
    ui.keys("q");
    assert!(ui.screen().contains("a line 100") && ui.screen().contains("b line 200"));
    ui.keys("C-a /").text("re:line \\d5$").keys("Enter n");
    assert!(
        ui.screen().contains("a line 85") && ui.screen().contains("b line 85"),
        "each its own hit: {}",
        ui.screen()
    );
    ui.keys("q C-a b C-a [ g");
    assert!(ui.screen().contains("b line 200"), "each by itself again");
}

#[test]
fn the_same_region_of_every_host_is_copied_with_equal_ones_folded() {
    let names = ["web01", "web02", "web03", "db"];
    let mut ui = Ui::with(Options::default(), FOUR, &names);
    for name in names {
        let kernel = if name == "web02" { "6.1.0-18" } else { "6.1.0-21" };
        ui.output(name, &format!("$ uname -r\r\n{kernel} \r\n"));
    }
    ui.keys("C-a [ g j V Y");
    assert_snapshot!(copies(&ui)[0], @r"
    ---------------
    db,web[01,03] (3)
    ---------------
    6.1.0-21
    ---------------
    web02
    ---------------
    6.1.0-18
    ");
    assert_eq!(note(&ui), "copied 8 lines of 4 hosts, 2 different");
    ui.keys("C-a Y");
    assert!(
        copies(&ui)[1]
            .starts_with("---------------\ndb,web[01,03] (3)\n---------------\n$ uname -r\n6.1.0-21\n")
    );
}

#[test]
fn a_copy_too_large_for_a_clipboard_goes_to_a_file() {
    let mut ui = Ui::with(Options::default(), SMALL, &["a"]);
    ui.output("a", &format!("{}\r\n", "x".repeat(75)).repeat(1100));
    ui.keys("C-a [ g V G y");
    assert_eq!(
        (copies(&ui).len(), note(&ui)),
        (0, "76 kB are too large for a terminal's clipboard; C-a : copy-to-file writes them to a file")
    );
    ui.keys("C-a :").text("copy-to-file").keys("Enter").text("~/all.txt").keys("Enter");
    let written = |e: &Effect| matches!(e, Effect::WriteFile { path, text } if path == "~/all.txt" && text.len() > 70_000);
    assert_eq!(ui.did(written), 1);
    ui.step(Event::FileWritten { path: "~/all.txt".to_owned(), result: Ok(()) });
    assert_eq!(note(&ui), "written to ~/all.txt");
}

/// Forty hosts of which six are shown, long after they greeted.
fn many() -> Ui {
    let mut ui = Ui::fleet(40);
    ui.wait(60 * SECOND);
    ui
}

#[test]
fn a_bell_out_of_focus_and_output_out_of_sight_are_marked_until_they_are_seen() {
    let mut ui = many();
    ui.output("h000", "\x07");
    assert_eq!(
        (ui.app.signs(Sign::Bell), ui.did(|e| matches!(e, Effect::Bell))),
        (0, 1),
        "the focused one is seen"
    );
    ui.output("h001", "\x07shown");
    ui.output("h020", "hidden");
    ui.output("h030", "\x07");
    assert_snapshot!(ui.screen().lines().find(|line| line.contains("h001")).unwrap_or_default().trim(), @"╔▶● h000◀══════════════════════════════╗╔ ● h001 · ♪ bell ═════════════════════╗");
    assert_snapshot!(ui.status(), @"→ 40 hosts, 34 not shown  ♪ 2 bell  + 2 output  page 1 of 7         C-a ? help");
    for (wanted, told) in [("h001", "h001: ♪ bell"), ("h030", "h030: ♪ bell"), ("h020", "h020: + output")]
    {
        ui.keys("C-a A");
        assert_eq!((ui.app.broadcast().focus(), note(&ui)), (Some(ui.member(wanted)), told));
    }
    ui.keys("C-a A");
    assert_eq!(note(&ui), "no host rang or printed anything that you have not seen");
    assert!(Sign::ALL.iter().all(|sign| ui.app.signs(*sign) == 0));
}

#[test]
fn an_echo_and_a_greeting_are_no_output_to_be_marked() {
    let mut ui = Ui::fleet(40);
    ui.output("h020", "Welcome\r\n$ ");
    ui.wait(60 * SECOND);
    ui.text("x");
    ui.output("h021", "x");
    assert_eq!(ui.app.signs(Sign::Output), 0);
    ui.wait(60 * SECOND);
    ui.output("h021", "done\r\n");
    assert_eq!((ui.app.signs(Sign::Output), ui.app.sign(ui.member("h021"))), (1, Some(Sign::Output)));
    ui.keys("C-a z C-a z");
    assert_eq!(ui.app.signs(Sign::Output), 1, "it is still out of sight");
}

#[test]
fn the_terminal_rings_twice_a_second_at_most_and_as_the_user_wishes() {
    let rings = |bell| {
        let mut ui = Ui::with(Options { bell, ..Options::default() }, SMALL, &["a", "b"]);
        for _ in 0..100 {
            ui.output("b", "\x07");
            ui.wait(SECOND / 100);
        }
        (ui.did(|e| matches!(e, Effect::Bell)), ui.app.signs(Sign::Bell))
    };
    assert_eq!([HostBell::Ring, HostBell::Mark, HostBell::Off].map(rings), [(2, 1), (0, 1), (0, 0)]);
}

#[test]
fn a_watch_tells_marks_and_rings_and_can_be_removed() {
    let mut ui = many();
    ui.keys("C-a A C-a W Enter").text("build done").keys("Enter");
    assert_eq!(note(&ui), "watching until h000 shows `build done`");
    ui.keys("C-a n");
    assert!(ui.status().contains("1 watch"), "{}", ui.status());
    ui.output("h000", "make\r\nBuild Done\r\n$ ");
    assert_eq!((note(&ui), ui.app.sign(ui.member("h000"))), ("! h000 shows `build done`", Some(Sign::Watch)));
    assert_eq!(ui.did(|e| matches!(e, Effect::Bell)), 1);
    ui.keys("C-a W").text("falls silent").keys("Enter").text("0").keys("Enter");
    assert!(ui.screen().contains("write a time from 1 s to a day"), "{}", ui.screen());
    ui.keys("Backspace").text("30").keys("Enter");
    ui.wait(29 * SECOND);
    assert!(!note(&ui).starts_with('!'));
    ui.wait(SECOND);
    assert_eq!(note(&ui), "! h006 has been silent for 30 s");
    ui.keys("C-a W").text("remove").keys("Enter");
    assert_eq!(note(&ui), "the watch is removed");
    assert!(!ui.status().contains("watch: ") && ui.app.watch_fact().is_none());
}

#[test]
fn a_watch_on_every_host_counts_them() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ui.keys("C-a W").text("every host has shown").keys("Enter").text("re:^done$").keys("Enter");
    for name in ["a", "c"] {
        ui.output(name, "work\r\ndone\r\n$ ");
    }
    ui.wait(10 * SECOND);
    assert!(ui.status().contains("watch: 2 of 3"), "{}", ui.status());
    ui.output("b", "done\r\n");
    assert_eq!(note(&ui), "! each of 3 hosts shows `re:^done$`");
    assert!(ui.app.watch_fact().is_none());
}

/// Sets the clipboard to a text of so many bytes.
fn offer(bytes: usize) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode("x".repeat(bytes));
    format!("\x1b]52;c;{text}\x07")
}

#[test]
fn hosts_neither_set_nor_read_the_clipboard_unless_the_user_allows_it_for_that_pane() {
    let names: Vec<String> = (0..50).map(|n| format!("h{n:03}")).collect();
    let mut ui = Ui::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, name) in names.iter().enumerate() {
        // One of them floods.
        let too_much = offer(if n == 7 { 10_000_000 } else { 100_001 });
        let payload = [offer(10), "\x1b]52;c;?\x07".to_owned(), too_much].concat();
        for piece in payload.as_bytes().chunks(16 * 1024) {
            let bytes = bytes::Bytes::copy_from_slice(piece);
            ui.step(Event::Session(ui.id(name), SessionEvent::Output(bytes)));
        }
    }
    assert_eq!(copies(&ui).len(), 0);
    assert_eq!(
        ui.sent.values().map(Vec::len).sum::<usize>(),
        0,
        "what the clipboard holds is told to nobody"
    );
    assert!(note(&ui).starts_with("50 hosts want to set the clipboard; refused"), "{}", note(&ui));
    assert_eq!(ui.app.signs(Sign::Clipboard), 50);
    ui.output("h000", &offer(100_000));
    ui.keys("C-a :").text("allow-clipboard").keys("Enter");
    assert!(ui.screen().contains("100000 B: xxxx"), "{}", ui.screen());
    ui.text("always").keys("Enter");
    ui.output("h000", &offer(100_001));
    assert_eq!(note(&ui), "h000 wanted to set the clipboard to more than 100 kB; refused");
    ui.output("h000", &offer(7));
    ui.output("h001", &offer(8));
    assert_eq!(copies(&ui).iter().map(|text| text.len()).collect::<Vec<_>>(), [100_000, 7]);
}

#[test]
fn once_and_never_are_choices_too_and_the_configuration_can_refuse_all() {
    let allow = |ui: &mut Ui, how: &str| {
        ui.keys("C-a :").text("allow-clipboard").keys("Enter").text(how).keys("Enter");
    };
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", &offer(5));
    ui.keys("C-a :").text("allow-clipboard").keys("Enter");
    ui.output("a", &offer(600));
    ui.text("once").keys("Enter");
    assert_eq!(copies(&ui), ["xxxxx"], "what was shown, and not what came meanwhile");
    ui.output("a", &offer(6));
    assert_eq!((copies(&ui).len(), ui.app.sign(ui.member("a"))), (1, Some(Sign::Clipboard)));
    allow(&mut ui, "never");
    ui.output("a", &offer(7));
    assert_eq!((copies(&ui).len(), ui.app.sign(ui.member("a"))), (1, None));
    let options = Options { clipboard: HostClipboard::Never, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["a"]);
    ui.output("a", &offer(5));
    allow(&mut ui, "always");
    ui.output("a", &offer(5));
    assert_eq!((copies(&ui).len(), ui.app.sign(ui.member("a"))), (0, None));
}
