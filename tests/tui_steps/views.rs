//! Seeing many hosts: densities, columns, the size of remote terminals, moving a tile, and what is drawn.

use std::num::NonZeroU16;

use insta::assert_snapshot;
use omnes::broadcast::Receivers;
use omnes::pane::{MouseButton, MouseKind};
use omnes::size::Size;
use omnes::tui::app::{Mark, Options, Retile, ViewOptions};
use omnes::tui::event::{Effect, Event};
use omnes::tui::layout::Form;
use omnes::tui::tiling::{Density, Shape};

use crate::harness::{SMALL, Ui};

const SCREEN: Size = Size { rows: 13, cols: 60 };

const NAMES: [&str; 6] = ["web01", "web02", "web03", "db01", "db02", "db03"];

/// Six hosts at their prompts.
fn six(screen: Size) -> Ui {
    let mut ui = Ui::with(Options::default(), screen, &NAMES);
    for name in NAMES {
        ui.output(name, &format!("Welcome to {name}\r\n{name}$ "));
    }
    ui.wait(std::time::Duration::from_secs(60));
    ui
}

fn resizes(ui: &Ui) -> Vec<Size> {
    let size = |effect: &Effect| match effect {
        Effect::Resize { size, .. } => Some(*size),
        _ => None,
    };
    ui.effects.iter().filter_map(size).collect()
}

fn focus(ui: &Ui) -> String {
    ui.app.broadcast().focus().and_then(|id| ui.app.tile(id)).map_or(String::new(), |tile| tile.name.clone())
}

#[test]
fn full_terminals() {
    let mut ui = six(SCREEN);
    ui.keys("C-a M-Space");
    ui.wait(std::time::Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01◀═════════════════════════════════════════════════╗
    ║Welcome to web01                                          ║
    ║web01$                                                    ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ║                                                          ║
    ╚══════════════════════════════════════════════════════════╝
     → 6 hosts, 5 not shown  page 1 of 6             C-a ? help
    ");
}

#[test]
fn compact_tiles() {
    let mut ui = six(SCREEN);
    ui.keys("C-a Space C-a d");
    ui.wait(std::time::Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01 · alone◀═══════════╗┌ · web02 ───────────────────┐
    ║Welcome to web01            ║│Welcome to web02            │
    ║web01$                      ║│web02$                      │
    ╚════════════════════════════╝└────────────────────────────┘
    ┌ · web03 ───────────────────┐┌ · db01 ────────────────────┐
    │Welcome to web03            ││Welcome to db01             │
    │web03$                      ││db01$                       │
    └────────────────────────────┘└────────────────────────────┘
    ┌ · db02 ────────────────────┐┌ · db03 ────────────────────┐
    │Welcome to db02             ││Welcome to db03             │
    │db02$                       ││db03$                       │
    └────────────────────────────┘└────────────────────────────┘
     → web01 alone  1 detached                       C-a ? help
    ");
}

#[test]
fn one_line_for_each_host_with_what_it_says_and_what_is_behind() {
    let mut ui = six(SCREEN);
    ui.text("x");
    ui.output("web01", "x");
    ui.output("web02", "\r\n\n");
    ui.dies("web03");
    ui.keys("C-a R");
    ui.ready("web03");
    ui.stick("db01");
    for _ in 0..70 {
        ui.step(Event::Paste("x".repeat(1000).into()));
    }
    ui.dies("db02");
    ui.keys("C-a End C-a d C-a Home C-a Space C-a Space");
    ui.wait(std::time::Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ▶● web01  ║ web01$ x
     ● web02  ║ web02$
     … web03  waiting │ [omnes: new session]
     ■ db01   held · 64 kB behind │ db01$
     × db02   closed: link lost │ db02$
     ○ db03   detached │ db03$






     → 2 of 6 hosts  64 kB behind  1 held            C-a ? help
    ");
}

#[test]
fn lines_fill_the_screen_in_columns_from_the_top() {
    let mut ui = six(Size::new(5, 110));
    ui.keys("C-a Space C-a Space C-a Right");
    assert_eq!(focus(&ui), "db02", "down first, then to the right");
    ui.wait(std::time::Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ● web01  ║ web01$                                     ▶● db02   ║ db02$
    ● web02  ║ web02$                                      ● db03   ║ db03$
    ● web03  ║ web03$
    ● db01   ║ db01$
    → 6 hosts                                                                                         C-a ? help
    ");
}

#[test]
fn a_key_leads_through_all_densities_and_back() {
    let mut ui = Ui::fleet(200);
    let mut pages = Vec::new();
    for _ in 0..4 {
        ui.keys("C-a Space");
        pages.push((ui.app.density(), ui.app.layout().pages));
    }
    assert_eq!(
        pages,
        [(Density::Compact, 12), (Density::Lines, 9), (Density::Full, 200), (Density::Grid, 34)]
    );
    ui.keys("C-a M-Space");
    assert_eq!(ui.app.density(), Density::Full);
    ui.keys("C-a n C-a n");
    assert_eq!(focus(&ui), "h002", "pages in each");
    ui.keys("C-a End");
    assert_eq!((focus(&ui).as_str(), ui.app.layout().page), ("h199", 199));
    ui.keys("C-a Home");
    assert_eq!(focus(&ui), "h000");
}

#[test]
fn a_zoomed_host_is_given_back_when_the_density_changes() {
    let mut ui = six(SCREEN);
    ui.keys("C-a z C-a Space");
    assert_eq!((ui.app.layout().form, ui.app.layout().tiles.len()), (Form::Tile, 6));
}

#[test]
fn looking_back_from_a_line_fills_the_screen_with_the_host() {
    let mut ui = six(SCREEN);
    ui.output("web01", &(0..40).map(|n| format!("line {n}\r\n")).collect::<String>());
    ui.keys("C-a Space C-a Space C-a [ g");
    assert!(ui.screen().contains("Welcome to web01"), "{}", ui.screen());
    assert_eq!(ui.app.layout().form, Form::Tile);
}

#[test]
fn columns_are_fixed_by_keys_as_far_as_there_is_room_and_by_the_users_file() {
    let mut ui = six(Size::new(51, 200));
    let columns = |ui: &Ui| ui.app.layout().grid.columns;
    assert_eq!(columns(&ui), 3);
    ui.keys("C-a -");
    assert_eq!(columns(&ui), 2);
    ui.keys("C-a = C-a = C-a = C-a =");
    assert_eq!(columns(&ui), 6);
    ui.keys("C-a =");
    assert_eq!(columns(&ui), 6, "there are no more tiles");
    ui.keys("C-a -");
    assert_eq!(columns(&ui), 5, "a wish that could not be had is not remembered");
    ui.keys("C-a Space C-a M-Space");
    assert_eq!(columns(&ui), 3, "another density begins anew");
    let shape = Shape { columns: NonZeroU16::new(1), rows: NonZeroU16::new(3) };
    let options = Options { view: ViewOptions { shape, ..ViewOptions::default() }, ..Options::default() };
    let ui = Ui::with(options, Size::new(51, 200), &NAMES);
    assert_eq!((ui.app.layout().grid.columns, ui.app.layout().per_page, ui.app.layout().pages), (1, 3, 2));
}

#[test]
fn looking_at_hosts_in_another_way_tells_them_nothing() {
    let mut ui = six(Size::new(51, 200));
    ui.keys("C-a Space C-a Space C-a Space C-a Space C-a M-Space C-a = C-a - C-a z C-a z C-a w C-a w C-a n");
    assert_eq!(resizes(&ui), []);
    // The outer terminal changes while hosts are lines: they get the size of the tiling they have.
    ui.keys("C-a M-Space");
    assert_eq!(ui.app.layout().form, Form::Line);
    ui.step(Event::Resize(Size::new(81, 300)));
    ui.wait(std::time::Duration::from_secs(1));
    assert_eq!(resizes(&ui), [Size::new(24, 148); 6]);
}

#[test]
fn a_retile_takes_the_size_of_what_is_seen() {
    let mut ui = Ui::with(Options::default(), Size::new(51, 200), &["a", "b", "c"]);
    assert_eq!(ui.app.layout().terminal, Size::new(24, 98));
    ui.keys("C-a z C-a t");
    assert_eq!(resizes(&ui), [Size::new(48, 198); 3], "one size for all, whoever is zoomed");
    ui.keys("C-a z C-a x y");
    assert_eq!(resizes(&ui).len(), 3, "what the user chose stays when a host is closed");
    ui.keys("C-a t");
    assert_eq!(resizes(&ui)[3..], [Size::new(48, 98); 2]);
    ui.keys("C-a w Esc C-a t");
    assert_eq!(resizes(&ui)[5..], [Size::new(24, 134); 2], "beside the list, one above the other");
}

#[test]
fn added_and_closed_hosts_are_followed_by_a_retile_unless_the_user_wants_it_otherwise() {
    for (retile, added, closed) in [(Retile::Auto, 3, 4), (Retile::ByHand, 0, 0)] {
        let options =
            Options { view: ViewOptions { retile, ..ViewOptions::default() }, ..Options::default() };
        let mut ui = Ui::with(options, Size::new(51, 200), &["a", "b", "c"]);
        ui.added(&["d", "e"]);
        assert_eq!(
            resizes(&ui),
            vec![Size::DEFAULT; added],
            "{retile:?}: the new ones are opened with the size"
        );
        let of_all = ui.app.layout().terminal;
        assert!(ui.app.tiles().all(|tile| tile.pane.size() == of_all), "{retile:?}");
        ui.keys("C-a x y C-a x y");
        assert_eq!(resizes(&ui)[added..], vec![Size::new(24, 98); closed], "{retile:?}");
    }
}

#[test]
fn a_small_tile_is_moved_off_its_cursor_until_something_is_typed() {
    let mut ui = Ui::fleet(6);
    let lines: String = (0..24).map(|n| format!("\x1b[{};1Hrow {n}{:60}end {n}", n + 1, "")).collect();
    ui.output("h000", &lines);
    ui.output("h000", "\x1b[24;1H");
    assert!(ui.screen().contains("row 23") && !ui.screen().contains("end 23"), "{}", ui.screen());
    ui.keys("C-a M-Up C-a M-Right");
    let screen = ui.screen();
    assert!(screen.contains("h000 · panned") && !screen.contains("row 23"), "{screen}");
    ui.keys("C-a M-Right C-a M-Right");
    assert!(ui.screen().contains("end 18"), "{}", ui.screen());
    ui.keys("C-a M-Home");
    assert!(ui.screen().contains("row 23") && !ui.screen().contains("panned"), "{}", ui.screen());
    ui.keys("C-a M-Up C-a Esc");
    assert!(!ui.screen().contains("panned"), "{}", ui.screen());
    ui.keys("C-a M-Up C-a M-Up C-a M-Up C-a M-Up C-a M-Up C-a M-Up C-a M-Up C-a M-Up");
    assert!(ui.screen().contains("row 0 "), "{}", ui.screen());
    ui.text("x");
    assert!(!ui.screen().contains("panned"), "{}", ui.screen());
    ui.keys("C-a M-Up C-a Right").text("y");
    assert!(!ui.screen().contains("panned"), "every host that hears follows its cursor again");
    ui.keys("C-a Home C-a M-Up C-a M-Up");
    assert!(ui.screen().contains("panned") && !ui.screen().contains("row 23"), "{}", ui.screen());
    while ui.app.density() != omnes::tui::tiling::Density::Lines {
        ui.keys("C-a Space");
    }
    let screen = ui.screen();
    assert!(
        screen.contains("row 23") && !screen.contains("panned"),
        "a line is where the cursor is: {screen}"
    );
    let mut whole = Ui::with(Options::default(), Size::new(40, 120), &["a"]);
    whole.keys("C-a M-Up");
    assert!(whole.status().contains("shown whole"), "{}", whole.status());
}

#[test]
fn the_mouse_and_the_cursor_know_where_a_moved_tile_stands() {
    let mut ui = Ui::fleet(6);
    ui.output("h000", "\x1b[?1000h\x1b[?1006h\x1b[24;1H");
    ui.keys("C-a M-Up");
    assert_eq!(omnes::tui::draw::cursor(&ui.app, ui.app.layout()), None, "the cursor is out of sight");
    let first = ui.app.tiles().next().expect("a host").view(ratatui::layout::Rect::new(0, 0, 38, 6));
    assert_eq!(first, (15, 0));
    ui.mouse(MouseKind::Down(MouseButton::Left), 1, 1);
    assert_eq!(ui.got("h000"), "\\u{1b}[<0;1;16M");
}

#[test]
fn who_hears_stands_on_the_screen_in_every_density_and_view() {
    for keys in ["", "C-a Space", "C-a Space C-a Space", "C-a M-Space", "C-a z", "C-a w Esc", "C-a d"] {
        let mut ui = six(Size::new(26, 100));
        ui.dies("db01");
        ui.keys("C-a Right C-a d C-a Left");
        if !keys.is_empty() {
            ui.keys(keys);
        }
        ui.wait(std::time::Duration::from_secs(60));
        let heard = match ui.app.audience() {
            Some(Receivers::All(count)) => format!("→ {count} of 6 hosts"),
            _ => "→ web01 alone".to_owned(),
        };
        assert!(ui.status().starts_with(&heard), "{keys}: {}", ui.status());
        let buffer = ui.buffer();
        for (id, rect) in &ui.app.layout().tiles {
            let glyph = omnes::tui::layout::glyph(*rect);
            let expected = ui.app.mark(*id);
            assert_eq!(buffer[glyph].symbol(), expected.glyph().to_string(), "{keys}\n{}", ui.screen());
            assert_eq!(expected == Mark::Hears, ui.app.broadcast().hears(*id), "{keys}");
        }
    }
}

#[test]
fn any_size_of_the_screen_is_drawn_in_any_view() {
    for (rows, cols) in [(1, 1), (3, 10), (2, 2), (1, 80), (4, 9), (9, 4), (30, 71), (30, 72), (200, 500)] {
        for keys in [
            "C-a Space",
            "C-a Space C-a Space",
            "C-a M-Space",
            "C-a w w e b",
            "C-a w Esc",
            "C-a w Esc C-a Space C-a Space",
            "C-a g Down",
            "C-a = C-a = C-a =",
            "C-a M-Up C-a M-Right",
        ] {
            let mut ui = Ui::of(&["日本語のホスト", "web", "c"]);
            ui.output("web", "wide 日本語 \x1b[31mred\x1b[m e\u{301} 👍🏽");
            ui.step(Event::Resize(Size::new(rows, cols)));
            ui.keys(keys);
            ui.click(cols / 2, rows / 2);
            ui.mouse(MouseKind::WheelDown, cols - 1, 0);
            assert_eq!(ui.screen().lines().count(), usize::from(rows), "{cols}x{rows} {keys}");
            let at = omnes::tui::draw::cursor(&ui.app, ui.app.layout());
            assert!(at.is_none_or(|(at, _)| at.x < cols && at.y < rows), "{cols}x{rows} {keys}");
        }
    }
}

/// Texts that are wider or narrower than they look.
const TEXTS: [&str; 6] = [
    "日本語日本語日本語",
    "👩\u{200d}👩\u{200d}👧x👍🏽y🇩🇪z",
    "שלום עולם",
    "\u{202e}drow\u{202c} مرحبا",
    "e\u{301}e\u{301}a\u{300}\u{301}",
    "\u{fe0f}☀\u{fe0f}❤\u{fe0f}",
];

#[test]
fn no_character_moves_a_frame() {
    for text in TEXTS {
        for keys in ["C-a M-Space", "C-a Space", "C-a z", "C-a w Esc", "C-a M-Space C-a M-Space"] {
            let mut plain = six(Size::new(17, 80));
            let mut ui = six(Size::new(17, 80));
            for col in [1, 36, 37, 38, 39, 77, 79, 80] {
                ui.output("web01", &format!("\x1b[{};{col}H{text}", col % 7 + 3));
                ui.output("db03", &format!("\x1b[{};{col}H{text}", col % 7 + 3));
            }
            ui.keys(keys);
            plain.keys(keys);
            let (with, without) = (ui.buffer(), plain.buffer());
            for (_, rect) in ui.app.layout().tiles.iter().filter(|(_, rect)| rect.height > 2) {
                for row in rect.y..rect.bottom() {
                    for at in [(rect.x, row), (rect.right() - 1, row)] {
                        assert_eq!(
                            with[at].symbol(),
                            without[at].symbol(),
                            "{text:?} {keys}\n{}",
                            ui.screen()
                        );
                    }
                }
            }
            for line in ui.screen().lines() {
                assert!(
                    !line.contains(['\u{202e}', '\u{202c}']),
                    "what turns the direction is not drawn: {line:?}"
                );
            }
        }
    }
}

#[test]
fn names_of_any_script_stand_in_titles_and_lines() {
    let names = ["日本語のホスト", "שרת", "👩\u{200d}👧", "a\u{301}b"];
    let mut ui = Ui::with(Options::default(), Size::new(9, 60), &names);
    ui.keys("C-a Space C-a Space C-a w Esc");
    ui.wait(std::time::Duration::from_secs(60));
    let buffer = ui.buffer();
    let bars: Vec<u16> = (0..4)
        .flat_map(|y| (0..60).filter(move |x| (*x, y) != (0, 0)).map(move |x| (x, y)))
        .filter(|at| buffer[*at].symbol() == "║")
        .map(|(x, _)| x)
        .collect();
    assert!(
        bars.windows(2).all(|pair| pair[0] == pair[1]),
        "the bars stand in one column: {bars:?}\n{}",
        ui.screen()
    );
}

#[test]
fn a_thousand_hosts_cost_a_frame_and_a_key_what_is_seen_of_them() {
    let mut ui = Ui::fleet(1000);
    for _ in 0..4 {
        let layout = ui.app.layout();
        let cells = usize::from(SMALL.rows) * usize::from(SMALL.cols);
        assert!(layout.tiles.len() <= layout.per_page && layout.per_page <= cells, "{}", layout.per_page);
        assert!(layout.tiles.len() <= usize::from(SMALL.rows), "{:?}", ui.app.density());
        ui.keys("C-a Space");
    }
    ui.keys("C-a w");
    let listed = ui.app.listed().expect("an open list");
    assert_eq!((listed.matching.len(), listed.shown().count()), (1000, 20));
    ui.keys("Esc");
    // What hosts out of sight print changes no cell but those that count them.
    let tiles = |ui: &Ui| {
        let screen = ui.screen();
        let (tiles, _) = screen.trim_end().rsplit_once('\n').expect("a bottom line");
        tiles.to_owned()
    };
    let before = tiles(&ui);
    for n in 500..1000 {
        ui.output(&format!("h{n:03}"), "noise\r\n\x1b[?1003h");
    }
    assert_eq!(tiles(&ui), before);
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Motion(_))), 0);
}
