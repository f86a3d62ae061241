//! The list of hosts at the side, and the menu of one host.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::pane::{MouseButton, MouseKind};
use omnes::size::Size;
use omnes::tui::app::{Keyboard, Options};
use omnes::tui::event::{Effect, Motion, Opened};

use crate::harness::{Ui, host};

const SCREEN: Size = Size { rows: 13, cols: 100 };

const NAMES: [&str; 4] = ["web01", "web02", "db01", "db02"];

fn four() -> Ui {
    let mut ui = Ui::with(Options::default(), SCREEN, &NAMES);
    for name in NAMES {
        ui.output(name, &format!("{name}$ "));
    }
    ui.wait(Duration::from_secs(60));
    ui
}

fn focus(ui: &Ui) -> String {
    ui.app.broadcast().focus().and_then(|id| ui.app.tile(id)).map_or(String::new(), |tile| tile.name.clone())
}

/// The names that the list shows.
fn listed(ui: &Ui) -> Vec<String> {
    let listed = ui.app.listed().expect("an open list");
    listed.matching.iter().filter_map(|id| ui.app.tile(*id)).map(|tile| tile.name.clone()).collect()
}

#[test]
fn the_list_says_how_each_host_is() {
    let mut ui = four();
    ui.dies("db02");
    ui.keys("C-a d C-a w");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ┌▶○ web01 · detached◀─────────────────────────────────────────────┐┏━ 4 hosts ━━━━━━━━━━━━━━━━━━━━━┓
    │web01$                                                           │┃ 2 receiving · 1 detached      ┃
    │                                                                 │┃ / name, state, tag            ┃
    │                                                                 │┃▶○ web01  detached │ web01$    ┃
    │                                                                 │┃ · web02  │ web02$             ┃
    │                                                                 │┃ · db01   │ db01$              ┃
    │                                                                 │┃ × db02   closed: link lost │  ┃
    │                                                                 │┃                               ┃
    │                                                                 │┃                               ┃
    │                                                                 │┃                               ┃
    │                                                                 │┃                               ┃
    └─────────────────────────────────────────────────────────────────┘┗━ Enter goes · Space in/out ━━━┛
     → nobody: keys go to the list of hosts  1 detached  1 closed: C-a R  page 1 of 4        C-a ? help
    ");
}

#[test]
fn a_few_letters_and_enter_go_to_a_host() {
    let mut ui = four();
    ui.keys("C-a w").text("B02");
    assert_eq!(listed(&ui), ["web02", "db02"]);
    ui.keys("Down Enter");
    assert_eq!(focus(&ui), "db02");
    ui.text("x");
    assert_eq!(ui.all_got(), ["x"; 4], "the keyboard is with the hosts again");
    assert!(ui.app.list().is_some_and(|list| list.line().text().is_empty()), "the list stays, unfiltered");
}

#[test]
fn nothing_typed_into_the_list_reaches_a_host_and_the_line_says_who_hears() {
    let mut ui = four();
    ui.keys("C-a w").text("rm").keys("Space Backspace Backspace");
    assert_eq!(ui.all_got(), ["", "", "", ""]);
    assert!(ui.status().starts_with("→ nobody: keys go to the list of hosts"), "{}", ui.status());
    ui.keys("Esc").text("x");
    assert_eq!(ui.all_got(), ["x"; 4]);
    assert!(ui.app.list().is_some() && ui.status().starts_with("→ 4 hosts"), "{}", ui.status());
    ui.keys("C-a w C-a w");
    assert!(ui.app.list().is_none() && matches!(ui.app.keyboard(), Keyboard::Hosts));
}

#[test]
fn a_host_is_taken_out_and_put_back_without_moving_the_focus() {
    let mut ui = four();
    ui.keys("C-a w Down Space Esc").text("x");
    assert_eq!((focus(&ui).as_str(), ui.got("web02").as_str(), ui.got("db01").as_str()), ("web01", "", "x"));
    ui.keys("C-a w Down Space Esc").text("y");
    assert_eq!(ui.got("web02"), "y");
}

#[test]
fn the_filter_knows_states_tags_and_clusters_and_is_live() {
    let mut ui = four();
    ui.keys("C-a w").text("closed");
    assert_eq!(listed(&ui), Vec::<String>::new());
    assert!(ui.screen().contains("no host matches"), "{}", ui.screen());
    ui.dies("web02");
    assert_eq!(listed(&ui), ["web02"]);
    ui.dies("db01");
    ui.text(",web");
    assert_eq!(listed(&ui), ["web02"], "every word must fit");
    ui.keys("C-u").text("receiving,db");
    assert_eq!(listed(&ui), ["db02"]);
    ui.keys("C-u");
    let facts = omnes::hosts::Facts {
        tags: vec!["prod".to_owned()],
        clusters: vec!["cache".into()],
        ..Default::default()
    };
    ui.added_with(vec![Opened { host: host("mem01"), facts }]);
    for (word, expected) in [("PROD", vec!["mem01"]), ("cache", vec!["mem01"]), ("cach", vec![])] {
        ui.keys("C-u").text(word);
        assert_eq!(listed(&ui), expected, "{word}");
    }
}

#[test]
fn the_mouse_works_in_the_list() {
    let mut ui = four();
    ui.keys("C-a w Esc");
    let list = ui.app.layout().list.expect("an open list");
    let rows = omnes::tui::layout::list_rows(list);
    ui.click(rows.x + 6, rows.y + 2);
    assert_eq!(focus(&ui), "db01");
    ui.click(rows.x + 1, rows.y + 1);
    assert_eq!(focus(&ui), "db01", "the glyph takes out and puts back");
    ui.text("x");
    assert_eq!((ui.got("web02").as_str(), ui.got("db01").as_str()), ("", "x"));
    ui.click(rows.x + 3, list.y + 2);
    assert!(matches!(ui.app.keyboard(), Keyboard::HostList), "a click on the filter gives it the keyboard");
    ui.click(1, 1);
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts), "one on a tile gives it back");
    assert_eq!((focus(&ui).as_str(), ui.got("db01").as_str()), ("db01", "x"));
}

#[test]
fn a_narrow_screen_is_all_list() {
    let mut ui = Ui::with(Options::default(), Size::new(8, 40), &NAMES);
    ui.output("web01", "web01$ ");
    ui.keys("C-a w Esc");
    ui.wait(Duration::from_secs(60));
    assert_eq!(omnes::tui::draw::cursor(&ui.app, ui.app.layout()), None, "the tiles are hidden");
    assert_snapshot!(ui.screen(), @r"
    ┌─ 4 hosts ────────────────────────────┐
    │ 4 receiving                          │
    │ / name, state, tag                   │
    │▶● web01  ║ web01$                    │
    │ ● web02  ║                           │
    │ ● db01   ║                           │
    └──────────────────────────────────────┘
     → 4 hosts, 4 not shown      C-a ? help
    ");
    ui.output("web02", "line\r\n");
    assert_eq!(ui.app.signs(omnes::tui::app::Sign::Output), 1, "its tile is behind the list");
    ui.keys("C-a w C-a w");
    assert!(ui.status().starts_with("→ 4 hosts, 3 not shown"), "{}", ui.status());
}

#[test]
fn the_menu_of_a_host_offers_what_can_be_done_with_it_now() {
    let mut ui = four();
    ui.dies("web02");
    ui.wait(Duration::from_secs(60));
    ui.mouse(MouseKind::Down(MouseButton::Right), 60, 2);
    ui.mouse(MouseKind::Up(MouseButton::Right), 60, 2);
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀───────────────────────────────────────┐┌ × web02 · closed: link lost ───────────────────┐
    │web01$                                          ││web02$                                          │
    │                                                ││         ┏ web02 ━━━━━━━━━━━━━┓                 │
    │                                                ││         ┃▶focus              ┃                 │
    │                                                ││         ┃ detach       C-a d ┃                 │
    │                                                ││         ┃ reconnect    C-a r ┃                 │
    │                                                ││         ┃ zoom         C-a z ┃                 │
    │                                                ││         ┃ look back    C-a [ ┃                 │
    │                                                ││         ┃ copy         C-a y ┃                 │
    │                                                ││         ┃ close        C-a x ┃                 │
    │                                                ││× link lo┗━━━━━━━━━━━━━━━━━━━━┛ C-a r reconnects│
    └────────────────────────────────────────────────┘└────────────────────────────────────────────────┘
     → nobody: keys go to the menu  1 closed: C-a R  page 1 of 2
    ");
    ui.text("x");
    assert_eq!(ui.got("web01"), "");
    ui.keys("Esc").text("x");
    assert_eq!(ui.got("web01"), "x");
}

#[test]
fn a_choice_that_concerns_one_host_leaves_the_focus_where_it_is() {
    let mut ui = four();
    ui.mouse(MouseKind::Down(MouseButton::Right), 60, 2);
    ui.keys("Down Enter").text("x");
    assert_eq!((focus(&ui).as_str(), ui.got("web01").as_str(), ui.got("web02").as_str()), ("web01", "x", ""));
    ui.mouse(MouseKind::Down(MouseButton::Right), 60, 2);
    // The first row inside the frame of the menu.
    ui.click(62, 3);
    assert_eq!(focus(&ui), "web02");
    ui.keys("C-a g Down Enter");
    assert_eq!(ui.app.layout().tiles.len(), 1, "zoomed, from the key's menu");
    ui.keys("C-a g");
    ui.click(99, 0);
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts), "a click beside it leaves");
}

#[test]
fn a_program_that_has_the_mouse_gets_the_right_button() {
    let mut ui = four();
    ui.output("web01", "\x1b[?1000h\x1b[?1006h");
    ui.mouse(MouseKind::Down(MouseButton::Right), 3, 2);
    assert_eq!(ui.got("web01"), "\\u{1b}[<2;3;2M");
    ui.mouse(MouseKind::Down(MouseButton::Right), 3, 0);
    assert!(matches!(ui.app.keyboard(), Keyboard::Menu(_)), "its frame is ours");
}

#[test]
fn a_click_on_a_glyph_takes_a_host_out_and_nothing_of_it_is_forwarded() {
    let mut ui = four();
    ui.output("web02", "\x1b[?1000h\x1b[?1006h");
    ui.click(52, 0);
    ui.text("x");
    assert_eq!((focus(&ui).as_str(), ui.got("web01").as_str(), ui.got("web02").as_str()), ("web01", "x", ""));
    ui.click(52, 0);
    ui.text("y");
    assert_eq!(ui.got("web02"), "y");
}

#[test]
fn motion_is_asked_for_only_while_a_program_on_the_screen_wants_it() {
    let mut ui = four();
    let asked = |ui: &Ui| -> Vec<Motion> {
        let motion = |effect: &Effect| match effect {
            Effect::Motion(motion) => Some(*motion),
            _ => None,
        };
        ui.effects.iter().filter_map(motion).collect()
    };
    ui.output("web02", "\x1b[?1002h\x1b[?1006h");
    assert_eq!(asked(&ui), []);
    ui.output("web02", "\x1b[?1003h");
    ui.mouse(MouseKind::Moved, 53, 4);
    ui.mouse(MouseKind::Moved, 3, 4);
    assert_eq!((ui.got("web02").as_str(), ui.got("web01").as_str()), ("\\u{1b}[<35;3;4M", ""));
    assert_eq!(focus(&ui), "web01", "motion moves no focus");
    ui.keys("C-a z");
    assert_eq!(asked(&ui), [Motion::Reported, Motion::Unreported], "out of sight");
    ui.keys("C-a z");
    ui.output("web02", "\x1b[?1003l");
    assert_eq!(asked(&ui)[2..], [Motion::Reported, Motion::Unreported]);
}
