//! The fold view: who shares a tile, when it splits, and what the user can do with it.

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;
use omnes::broadcast::MemberId;
use omnes::size::Size;
use omnes::tui::app::{FoldOptions, FoldView, Mark, Options, Sign, ZoomHears};
use omnes::tui::event::{Effect, Event};
use ratatui::style::Modifier;

use crate::harness::Ui;

/// Two columns of two tiles.
const SCREEN: Size = Size { rows: 17, cols: 80 };

fn folded() -> Options {
    let fold = FoldOptions { view: FoldView::On, ..FoldOptions::default() };
    Options { fold, ..Options::default() }
}

/// Hosts at their prompts, folded.
fn at_prompts(names: &[&str]) -> Ui {
    let mut ui = Ui::with(folded(), SCREEN, names);
    for name in names {
        ui.output(name, &format!("{name}:~$ "));
    }
    settle(&mut ui);
    ui
}

/// Goes on until nothing is on its way any more.
fn settle(ui: &mut Ui) {
    for _ in 0..80 {
        ui.wait(Duration::from_millis(50));
    }
}

/// Every host echoes what was typed, and its prompt follows.
fn answer(ui: &mut Ui, names: &[&str], with: impl Fn(&str) -> String) {
    for name in names {
        ui.output(name, &format!("{}\r\n{name}:~$ ", with(name)));
    }
}

/// The tiles on the screen: what each is called and for how many it stands.
fn tiles(ui: &Ui) -> Vec<String> {
    let app = &ui.app;
    let name = |id: MemberId| match app.fold_label(id) {
        Some(label) => format!("{label} · {}", app.stands_for(id)),
        None => app.tile(id).expect("a tile").name.clone(),
    };
    app.layout().tiles.iter().map(|(id, _)| name(*id)).collect()
}

const WEB: [&str; 5] = ["web1", "web2", "web3", "web10", "web11"];

#[test]
fn equal_screens_are_one_tile_with_the_odd_one_and_the_detached_one_beside() {
    let mut ui = at_prompts(&WEB);
    assert_eq!(tiles(&ui), ["web[1-3,10-11] · 5"]);
    ui.text("df");
    answer(&mut ui, &WEB, |name| format!("df\r\n{name}:/srv {}%", if name == "web3" { 97 } else { 12 }));
    settle(&mut ui);
    ui.keys("C-a O");
    ui.keys("C-a o C-a d");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ┌ · web[2,10-11] · 3 ──────────────────┐╔▶● web1 · alone◀══════════════════════╗
    │web2:~$ df                            │║web1:~$ df                            ║
    │web2:/srv 12%                         │║web1:/srv 12%                         ║
    │web2:~$                               │║web1:~$                               ║
    │                                      │║                                      ║
    │                                      │║                                      ║
    │                                      │║                                      ║
    └──────────────────────────────────────┘╚══════════════════════════════════════╝
    ┌ · web3 ──────────────────────────────┐
    │web3:~$ df                            │
    │web3:/srv 97%                         │
    │web3:~$                               │
    │                                      │
    │                                      │
    │                                      │
    └──────────────────────────────────────┘
     → web1 alone  1 detached                                            C-a ? help
    ");
}

#[test]
fn one_line_says_who_hears_and_in_how_many_tiles() {
    let mut ui = at_prompts(&WEB);
    assert!(ui.status().starts_with("→ 5 hosts, 1 fold"), "{}", ui.status());
    ui.keys("C-a v");
    assert!(ui.status().starts_with("→ 5 hosts in sight, 1 fold"), "{}", ui.status());
    ui.keys("C-a 0");
    ui.text("x");
    assert_eq!(ui.all_got(), ["x", "x", "x", "x", "x"], "a view changes nobody's part");
    ui.output("web3", "x");
    settle(&mut ui);
    assert!(ui.status().starts_with("→ 5 hosts, 2 folds"), "{}", ui.status());
    ui.keys("C-a f");
    assert!(ui.status().starts_with("→ 5 hosts, 1 not shown"), "{}", ui.status());
    ui.keys("C-a f");
    assert_eq!(tiles(&ui), ["web[1-2,10-11] · 4", "web3"]);
}

#[test]
fn an_echo_in_flight_moves_no_tile_and_a_lasting_difference_does() {
    let mut ui = at_prompts(&WEB);
    for _ in 0..20 {
        ui.text("x");
        for name in WEB {
            ui.wait(Duration::from_millis(20));
            ui.output(name, "x");
            assert_eq!(tiles(&ui).len(), 1);
        }
    }
    ui.output("web2", "y");
    ui.wait(Duration::from_millis(50));
    ui.wait(Duration::from_millis(350));
    assert_eq!(tiles(&ui).len(), 1, "it has not lasted");
    ui.wait(Duration::from_millis(50));
    assert_eq!(tiles(&ui), ["web[1,3,10-11] · 4", "web2"]);
}

#[test]
fn the_members_of_a_fold_are_shown_and_left_again() {
    let mut ui = at_prompts(&WEB[..3]);
    ui.output("web1", "x");
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[2-3] · 2", "web1"]);
    ui.keys("C-a O C-a o C-a Enter");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web2◀══════════════════════════════════════════════════════════════════════╗
    ║web2:~$                                                                       ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ╚══════════════════════════════════════════════════════════════════════════════╝
    ╔ ● web3 ══════════════════════════════════════════════════════════════════════╗
    ║web3:~$                                                                       ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ╚══════════════════════════════════════════════════════════════════════════════╝
     → 3 hosts, 1 not shown  one fold: C-a Enter goes back               C-a ? help
    ");
    ui.keys("C-a Enter");
    assert_eq!(tiles(&ui), ["web[2-3] · 2", "web1"]);
    ui.keys("C-a O C-a Enter");
    assert!(ui.status().contains("web1 is alone in its tile"), "{}", ui.status());
}

#[test]
fn two_screens_side_by_side() {
    let mut ui = at_prompts(&WEB);
    answer(&mut ui, &WEB, |name| match name {
        "web10" => format!("df\r\n{name}:/srv 97% full\r\nwarning"),
        _ => format!("df\r\n{name}:/srv 12% full"),
    });
    settle(&mut ui);
    ui.keys("C-a O C-a M-d");
    assert_snapshot!(ui.screen(), @r"
    web10                                    web[1-3,11] · 4
    web10:~$ df                            │ web1:~$ df
    web10:/srv 97% full                    ≠ web1:/srv 12% full
    warning                                <
    web10:~$                               │ web1:~$










    2 rows differ, names put aside · ↑ ↓ ← → scroll · Esc leaves
     → nobody: you compare
    ");
    let buffer = ui.buffer();
    let marked = |x| buffer[(x, 2)].modifier.contains(Modifier::REVERSED | Modifier::UNDERLINED);
    assert_eq!((0..80).filter(|x| marked(*x)).collect::<Vec<u16>>(), [11, 12, 51, 52]);
    ui.text("x");
    assert_eq!(ui.all_got().concat(), "", "nothing typed reaches a host");
    ui.keys("Esc");
    ui.text("x");
    assert_eq!(ui.all_got(), ["x", "x", "x", "x", "x"]);
}

#[test]
fn who_hears_and_who_does_not_never_share_a_tile() {
    let mut ui = at_prompts(&WEB);
    ui.keys("C-a d");
    assert_eq!(tiles(&ui), ["web[2-3,10-11] · 4", "web1"], "at once");
    ui.keys("C-a o C-a d");
    assert_eq!(tiles(&ui), ["web[3,10-11] · 3", "web1", "web2"], "the one that is typed into is alone");
    ui.keys("C-a o");
    assert_eq!(tiles(&ui), ["web[3,10-11] · 3", "web[1-2] · 2"]);
    ui.keys("C-a D");
    assert_eq!(tiles(&ui), ["web[1-3,10-11] · 5"]);
    ui.stick("web3");
    for _ in 0..70 {
        ui.step(Event::Paste("x".repeat(1000).into()));
    }
    assert_eq!(tiles(&ui), ["web[1-2,10-11] · 4", "web3"], "held");
    ui.dies("web1");
    ui.dies("web2");
    assert_eq!(tiles(&ui), ["web[10-11] · 2", "web[1-2] · 2", "web3"], "closed ones by their end");
}

#[test]
fn a_tile_becomes_the_scope_and_one_key_goes_back() {
    let mut ui = at_prompts(&WEB);
    ui.output("web3", "!");
    settle(&mut ui);
    ui.keys("C-a F");
    assert!(ui.screen().contains("the scope is web[1-2,10-11]: 4 of 5 hosts"), "{}", ui.screen());
    assert_eq!(tiles(&ui), ["web[1-2,10-11] · 4", "web3"]);
    // What joins the tile later is not in the scope.
    ui.output("web3", "\x08 \x08");
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[1-2,10-11] · 4", "web3"]);
    ui.text("x");
    assert_eq!(ui.got("web3"), "");
    ui.keys("C-a 0");
    settle(&mut ui);
    ui.text("y");
    assert_eq!((ui.got("web1"), ui.got("web3")), ("xy".to_owned(), "y".to_owned()));
}

#[test]
fn odd_ones_are_found_without_the_view_too() {
    let mut ui = at_prompts(&WEB);
    ui.keys("C-a f");
    ui.keys("C-a O");
    assert!(ui.status().contains("every open host shows the same"), "{}", ui.status());
    ui.output("web2", "!");
    ui.output("web11", "?");
    let mut been = Vec::new();
    for _ in 0..3 {
        ui.keys("C-a O");
        been.push(ui.app.broadcast().focus().expect("a focus"));
    }
    assert_eq!(been, [ui.member("web2"), ui.member("web11"), ui.member("web2")]);
}

#[test]
fn the_focus_steps_over_tiles_and_stands_for_its_fold() {
    let mut ui = at_prompts(&WEB);
    ui.output("web2", "!");
    settle(&mut ui);
    let second = ui.member("web2");
    ui.keys("C-a o");
    assert_eq!(ui.app.broadcast().focus(), Some(second));
    ui.keys("C-a o");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("web1")));
    // The focused host is the face of its tile, also where others come before it.
    ui.keys("C-a Enter C-a o C-a o C-a Enter");
    let focus = ui.app.broadcast().focus().expect("a focus");
    assert_eq!((ui.app.layout().tiles[0].0, ui.app.stands_for(focus)), (focus, 4));
    assert_ne!(focus, ui.member("web1"));
}

#[test]
fn a_machine_that_is_called_otherwise_folds_by_the_name_in_its_first_prompt() {
    let names = ["web1", "web2", "web3"];
    let mut ui = Ui::with(folded(), SCREEN, &names);
    for (name, shown) in names.into_iter().zip(["ip-10-0-0-7", "ip-10-0-0-112", "web3"]) {
        ui.output(name, &format!("Welcome\r\nann@{shown}:~$ "));
        ui.output(name, &format!("uname\r\nLinux {shown} 6.1\r\nann@{shown}:~$ "));
    }
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[1-3] · 3"]);
}

#[test]
fn no_host_hides_behind_the_name_of_another_or_behind_what_it_prints() {
    for lie in
        ["ann@web2:~$ ", "ann@WEB2.evil:~$ ", "ann@\u{f8}:~$ ", "ann@:~$ ", "ann@web1 :~$ ", "ann@web1:~# "]
    {
        let mut ui = Ui::with(folded(), SCREEN, &["web1", "web2", "web3"]);
        ui.output("web2", "ann@web2:~$ ");
        ui.output("web3", "ann@web3:~$ ");
        ui.output("web1", lie);
        settle(&mut ui);
        assert_eq!(tiles(&ui), ["web[2-3] · 2", "web1"], "{lie:?}");
    }
}

#[test]
fn a_shell_on_another_machine_is_not_put_aside() {
    let mut ui = Ui::with(folded(), SCREEN, &["web1", "web2", "web3"]);
    for name in ["web1", "web2", "web3"] {
        ui.output(name, &format!("ann@{name}:~$ "));
        let next = if name == "web2" { name } else { "db7" };
        ui.output(name, &format!("\x1b[2J\x1b[Hann@{next}:~$ "));
    }
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[1,3] · 2", "web2"], "it stayed at home, and is not with those on db7");
}

#[test]
fn a_thousand_hosts_on_one_screen_for_one_row_each() {
    let names: Vec<String> = (1..=1000).map(|n| format!("web{n:04}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ui = Ui::with(folded(), Size::new(50, 160), &refs);
    for name in &refs {
        ui.output(name, &format!("{name}:~$ "));
    }
    ui.output("web0500", "!");
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[0001-0499,0501-1000] · 999", "web0500"]);
    assert!(ui.status().starts_with("→ 1000 hosts, 2 folds"), "{}", ui.status());
    let before = ui.app.rows_read();
    for name in &refs {
        ui.output(name, "x");
        ui.output(name, "y");
    }
    assert_eq!(ui.app.rows_read(), before, "output itself reads nothing");
    for _ in 0..100 {
        let rows = ui.app.rows_read();
        ui.wait(Duration::from_millis(1));
        assert!(ui.app.rows_read() - rows <= 64, "what a step reads is bounded");
    }
    settle(&mut ui);
    assert_eq!(ui.app.rows_read() - before, 1000, "one row for each host, however many pieces came");
    assert_eq!(tiles(&ui).len(), 2);
    assert_eq!(ui.app.wake_at(), None, "nothing to do while nothing happens");
}

/// What a host shows with its name put aside, as plainly as it can be said.
fn plainly(ui: &Ui, name: &str) -> (Vec<Vec<String>>, u16, usize) {
    let screen = ui.app.tile(ui.member(name)).expect("a tile").pane.screen();
    let units = |text: &str| -> Vec<String> {
        let mut units: Vec<String> = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            match word.as_str() {
                "" => units.push(c.to_string()),
                word if word == name => units.push("its name".to_owned()),
                word => units.extend(word.chars().map(String::from)),
            }
            rest = &rest[word.len().max(if word.is_empty() { c.len_utf8() } else { 0 })..];
        }
        if units.iter().any(|unit| unit == "its name") {
            units.dedup_by(|a, b| a == " " && b == " ");
        }
        units
    };
    let rows = (0..screen.size().rows).map(|row| units(&screen.row_text(row))).collect();
    let cursor = screen.cursor();
    let row = screen.row_text(cursor.row);
    let before = format!("{row:<80}").chars().take(usize::from(cursor.col)).collect::<String>();
    let written = units(before.trim_end()).len();
    (rows, cursor.row, written + before.len() - before.trim_end().len())
}

#[test]
fn groups_are_those_of_a_comparison_of_whole_screens() {
    let names: Vec<String> = (1..=50).map(|n| format!("h{n}x")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ui = Ui::with(folded(), SCREEN, &refs);
    let mut seed = 42u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    let (mut folds, mut most) = (0, 0);
    for round in 0..12 {
        for name in &refs {
            for _ in 0..random(3) {
                let piece = ["ok ", "NAME ", "\r\n", "\x1b[2J\x1b[H", "h7x ", "NAME", "fail "][random(7)];
                ui.output(name, &piece.replace("NAME", name));
            }
            if random(2) == 0 {
                ui.output(name, &format!("\x1b[2J\x1b[H{name} is ready"));
            }
            ui.wait(Duration::from_millis(random(30) as u64));
        }
        settle(&mut ui);
        let mut expected: BTreeMap<_, Vec<MemberId>> = BTreeMap::new();
        refs.iter().for_each(|name| expected.entry(plainly(&ui, name)).or_default().push(ui.member(name)));
        for members in expected.values() {
            for member in members {
                assert_eq!(&ui.app.members_of_tile(*member), members, "round {round}");
            }
            most = most.max(members.len());
            folds += usize::from(members.len() > 1);
        }
    }
    assert!(folds > 12 && most > 10, "there was something to fold: {folds}, {most}");
}

#[test]
fn the_view_resizes_no_remote_terminal() {
    let mut ui = Ui::with(Options::default(), Size::new(60, 200), &WEB);
    let before = ui.app.layout().terminal;
    ui.effects.clear();
    ui.keys("C-a f");
    ui.step(Event::Resize(Size::new(60, 200)));
    ui.wait(Duration::from_secs(2));
    assert_eq!((tiles(&ui).len(), ui.app.layout().terminal), (1, before));
    let resized = ui.did(|effect| matches!(effect, omnes::tui::event::Effect::Resize { .. }));
    assert_eq!(resized, 0);
}

#[test]
fn the_first_echo_after_a_pause_splits_nothing() {
    let mut ui = at_prompts(&WEB);
    ui.wait(Duration::from_secs(60));
    ui.output("web1", "x");
    ui.wait(Duration::from_millis(50));
    assert_eq!(tiles(&ui).len(), 1, "the other echoes are still on their way");
    WEB[1..].iter().for_each(|name| ui.output(name, "x"));
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[1-3,10-11] · 5"]);
}

#[test]
fn every_host_is_shown_from_the_beginning_also_before_it_is_heard_of() {
    let ui = Ui::connecting(folded(), SCREEN, &WEB);
    assert_eq!(tiles(&ui), ["web[1-3,10-11] · 5"]);
    assert!(ui.screen().contains("waits for its turn"), "{}", ui.screen());
}

#[test]
fn a_zoomed_host_that_hears_alone_stands_for_itself_alone() {
    let options = Options { zoom_hears: ZoomHears::Alone, ..folded() };
    let mut ui = Ui::with(options, SCREEN, &WEB);
    settle(&mut ui);
    ui.keys("C-a z");
    assert_eq!(tiles(&ui), ["web1"]);
    assert!(ui.status().starts_with("→ web1 alone"), "{}", ui.status());
    ui.keys("C-a z");
    assert_eq!(tiles(&ui), ["web[1-3,10-11] · 5"]);
}

#[test]
fn every_host_of_a_fold_of_detached_ones_is_reached_by_the_focus() {
    let mut ui = at_prompts(&WEB);
    for _ in 0..4 {
        ui.keys("C-a d");
        let next = ui.app.tiles().find(|tile| ui.app.mark(tile.member) == Mark::Silent);
        let name = next.expect("an attached one").name.clone();
        ui.keys("C-a w");
        ui.text(&name).keys("Enter C-a w C-a w");
    }
    assert_eq!(tiles(&ui), ["web[1-3,10] · 4", "web11"]);
    let mut been: Vec<MemberId> = Vec::new();
    for _ in 0..12 {
        ui.keys("C-a o");
        been.extend(ui.app.broadcast().focus());
    }
    been.sort_unstable();
    been.dedup();
    assert_eq!(been.len(), 5);
}

#[test]
fn switching_the_view_on_reads_a_thousand_screens_piece_by_piece() {
    let names: Vec<String> = (1..=1000).map(|n| format!("web{n:04}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ui = Ui::with(Options::default(), Size::new(50, 160), &refs);
    refs.iter().for_each(|name| ui.output(name, &format!("{name}:~$ ")));
    let shown = tiles(&ui);
    ui.keys("C-a");
    let rows = ui.app.rows_read();
    ui.keys("f");
    assert!(ui.app.rows_read() - rows <= 65 * 24, "{} rows in one step", ui.app.rows_read() - rows);
    assert_eq!(tiles(&ui), shown, "nothing is folded before everything was read");
    assert!(ui.status().starts_with("→ 1000 hosts, "), "{}", ui.status());
    // Whatever is done meanwhile reads no more at once.
    ui.keys("C-a o C-a d C-a D C-a z C-a z");
    let (mut steps, focus) = (0, ui.app.broadcast().focus());
    while ui.app.wake_at().is_some_and(|at| at <= ui.now) {
        let rows = ui.app.rows_read();
        ui.step(Event::Tick);
        assert!(ui.app.rows_read() - rows <= 65 * 24, "{} rows in one step", ui.app.rows_read() - rows);
        steps += 1;
        assert!(steps < 40, "it comes to an end");
    }
    assert_eq!(tiles(&ui), ["web[0001-1000] · 1000"]);
    assert_eq!(ui.app.broadcast().focus(), focus);
}

#[test]
fn output_of_one_host_of_a_thousand_looks_through_nobody_else() {
    let names: Vec<String> = (1..=1000).map(|n| format!("web{n:04}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ui = Ui::with(folded(), Size::new(50, 160), &refs);
    settle(&mut ui);
    // One differs, so that its tile is one of those that are looked through when it is time.
    ui.output("web0500", "x");
    ui.wait(Duration::from_millis(50));
    let before = ui.app.members_judged();
    for _ in 0..50 {
        ui.output("web0007", "");
        ui.output("web0009", "y");
    }
    assert_eq!(ui.app.members_judged(), before);
    settle(&mut ui);
    assert!(ui.app.members_judged() > before, "when it is time they are");
    assert_eq!(tiles(&ui).len(), 3);
}

#[test]
fn hosts_behind_a_tile_on_the_screen_are_in_sight() {
    let mut ui = at_prompts(&WEB);
    ui.wait(Duration::from_secs(60));
    WEB.iter().for_each(|name| ui.output(name, "line\r\n"));
    assert_eq!(ui.app.signs(Sign::Output), 0, "the tile shows what they printed");
    ui.output("web11", "\x07");
    assert!(
        ui.screen().lines().next().is_some_and(|line| line.contains("♪ bell: 1 of 5")),
        "{}",
        ui.screen()
    );
}

#[test]
fn a_title_says_of_how_many_of_its_hosts_something_is_true() {
    let mut ui = at_prompts(&WEB);
    let title = |ui: &Ui| ui.screen().lines().next().expect("a line").to_owned();
    ui.keys("C-a m");
    assert!(title(&ui).contains("· marked: 1 of 5"), "{}", title(&ui));
    ui.output("web3", "\x07");
    ui.output("web10", "\x07");
    assert!(title(&ui).contains("♪ bell: 2 of 5"), "{}", title(&ui));
    ui.stick("web2");
    for _ in 0..20 {
        ui.step(Event::Paste("x".repeat(100).into()));
    }
    assert!(title(&ui).contains("behind: 1 of 5"), "{}", title(&ui));
    ui.keys("C-a Enter");
    assert!(title(&ui).contains("web1 · marked") && !title(&ui).contains(" of "), "{}", title(&ui));
}

#[test]
fn a_click_on_the_glyph_of_a_fold_says_whom_it_took_out() {
    let mut ui = at_prompts(&WEB);
    ui.click(2, 0);
    assert!(
        ui.screen().contains("web1 is detached; the 4 other hosts of its tile stay as they are"),
        "{}",
        ui.screen()
    );
    settle(&mut ui);
    assert_eq!(tiles(&ui), ["web[2-3,10-11] · 4", "web1"]);
    ui.keys("C-a d");
    assert!(ui.screen().contains("web1 is attached") && !ui.screen().contains("other"), "{}", ui.screen());
}

#[test]
fn odd_ones_cost_only_what_changed_since_the_last_key() {
    let names: Vec<String> = (1..=1000).map(|n| format!("web{n:04}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ui = Ui::with(Options::default(), Size::new(25, 80), &refs);
    refs.iter().for_each(|name| ui.output(name, &format!("{name}:~$ ")));
    ui.output("web0500", "!");
    ui.keys("C-a O");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("web0500")));
    let before = ui.app.rows_read();
    assert!((1000..=24_000).contains(&before), "each screen is read once: {before}");
    ui.keys("C-a O");
    assert_eq!(ui.app.rows_read(), before, "nothing has changed");
    ui.output("web0007", "?");
    ui.keys("C-a O");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("web0007")));
    ui.keys("C-a s Esc C-a M-d");
    assert_eq!(ui.app.rows_read(), before + 1, "one row of one host, for all that look at them");
}

#[test]
fn a_line_of_the_host_list_tells_of_its_host_alone() {
    let mut ui = at_prompts(&WEB);
    for name in ["web2", "web3"] {
        ui.stick(name);
    }
    for _ in 0..20 {
        ui.step(Event::Paste("x".repeat(100).into()));
    }
    settle(&mut ui);
    ui.keys("C-a w");
    let screen = ui.screen();
    let behind: Vec<&str> = screen.lines().filter(|line| line.contains(" behind")).collect();
    let of = |name: &str| behind.iter().any(|line| line.contains(&format!("· {name} ")));
    assert!(of("web2") && of("web3") && !of("web10"), "{screen}");
}

#[test]
fn a_copy_of_what_is_on_the_screen_is_of_every_host_that_a_tile_stands_for() {
    let names = ["web1", "web2", "web3", "db1"];
    let mut ui = at_prompts(&names);
    ui.output("db1", "other");
    settle(&mut ui);
    // One host alone hears, so what is copied is what the screen shows.
    ui.keys("C-a d C-a Y");
    let copied = ui.effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    let copied = copied.expect("a copy");
    assert!(
        ["web1", "web2", "web3", "db1"].iter().all(|name| copied.contains(&format!("{name}:~$"))),
        "{copied}"
    );
}
