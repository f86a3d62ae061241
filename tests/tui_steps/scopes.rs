//! Choosing who hears: every kind of scope, names, halves, marks, and that only the user changes it.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::size::Size;
use omnes::tui::app::{Mark, Options, ScopeDefault};
use omnes::tui::event::Event;
use proptest::prelude::*;

use crate::harness::{SMALL, Ui};

/// Six hosts: three of web, two of db, one of both clusters' tags.
fn fleet() -> Ui {
    let hosts = [
        ("web01", "web", "prod"),
        ("web02", "web", "prod canary"),
        ("web03", "web", ""),
        ("db1", "db", "prod"),
        ("db2", "db", ""),
        ("mail", "", ""),
    ];
    let mut ui = Ui::tagged(Options::default(), SMALL, &hosts);
    ui.wait(Duration::from_secs(60));
    ui
}

/// The names of those who hear the next key.
fn hear(ui: &Ui) -> String {
    let names = ui.app.tiles().filter(|tile| ui.app.broadcast().hears(tile.member));
    names.map(|tile| tile.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Chooses from the list by some letters.
fn choose(ui: &mut Ui, letters: &str) {
    ui.keys("C-a s").text(letters).keys("Enter");
}

fn expression(ui: &mut Ui, text: &str) {
    ui.keys("C-a e").text(text).keys("Enter");
}

#[test]
fn a_cluster_is_a_scope_and_one_key_goes_back_to_all() {
    let mut ui = fleet();
    choose(&mut ui, "cluster web");
    assert_eq!(hear(&ui), "web01 web02 web03");
    assert!(ui.status().starts_with("→ 3 of 6 hosts in web"), "{}", ui.status());
    assert!(
        ui.screen().contains("the scope is web: 3 of 6 hosts; C-a 0 goes back to all"),
        "{}",
        ui.screen()
    );
    ui.text("x").keys("C-a 0").text("y");
    assert_eq!((ui.got("web01").as_str(), ui.got("db1").as_str()), ("xy", "y"));
    assert!(ui.status().contains("the scope is all hosts"), "{}", ui.status());
}

#[test]
fn a_tag_is_a_scope() {
    let mut ui = fleet();
    choose(&mut ui, "tag prod");
    assert_eq!(hear(&ui), "web01 web02 db1");
}

#[test]
fn an_expression_is_read_over_the_open_hosts_and_an_empty_one_keeps_the_dialog() {
    let mut ui = fleet();
    for (text, hosts) in [
        ("web[01-09]", "web01 web02 web03"),
        ("w*,mail", "web01 web02 web03 mail"),
        ("@web!web02", "web01 web03"),
        ("@prod&@web", "web01 web02"),
        ("*!@db", "web01 web02 web03 mail"),
        ("@web^@prod", "web03 db1"),
    ] {
        expression(&mut ui, text);
        ui.keys("C-a M-o");
        assert_eq!(hear(&ui), hosts, "{text}");
    }
    expression(&mut ui, "nosuch");
    assert!(ui.screen().contains("no open host is named by `nosuch`"), "{}", ui.screen());
    ui.keys("C-u").text("@nosuch").keys("Enter");
    assert!(ui.screen().contains("no cluster is named `nosuch`"), "{}", ui.screen());
    ui.keys("C-u").text("web03").keys("Enter C-a M-o");
    assert!(ui.status().starts_with("→ 1 of 6 hosts in web03"), "{}", ui.status());
    assert!(ui.session.keys().all(|name| ui.got(name).is_empty()), "nothing of this was for a host");
}

#[test]
fn states_are_frozen_when_they_are_taken_and_only_the_key_asks_again() {
    let mut ui = fleet();
    for name in ["web01", "web02", "db1"] {
        ui.output(name, &format!("{name}$ "));
    }
    ui.output("web03", "[sudo] password for ann: ");
    ui.output("db2", "\x1b[?1049h~");
    choose(&mut ui, "shells");
    assert_eq!(hear(&ui), "web01 web02 db1");
    // A host prints itself into that state; the user's key alone lets it in.
    ui.output("mail", "mail$ ");
    ui.output("web01", "\r\nworking");
    ui.text("x");
    assert_eq!((hear(&ui).as_str(), ui.got("mail").as_str()), ("web01 web02 db1", ""));
    ui.keys("C-a M-s");
    assert!(
        ui.screen().contains("3 of 6 hosts, 1 came and 1 left; C-a 0 goes back to all"),
        "{}",
        ui.screen()
    );
    ui.keys("C-a M-o");
    assert_eq!(hear(&ui), "web02 db1 mail");
    choose(&mut ui, "password");
    ui.keys("C-a M-o");
    assert_eq!(hear(&ui), "web03");
    choose(&mut ui, "full-screen");
    ui.keys("C-a M-o");
    assert_eq!(hear(&ui), "db2");
}

#[test]
fn closed_behind_waiting_and_deaf_hosts_are_scopes() {
    let mut ui = fleet();
    ui.text("x");
    ui.dies("db1");
    ui.dies("db2");
    ui.keys("C-a R");
    ui.ready("db2");
    ui.dies("mail");
    ui.stick("web03");
    ui.text("more");
    let in_scope = |ui: &Ui| {
        let names = ui.app.tiles().filter(|tile| ui.app.scopes().current.holds(&tile.host));
        names.map(|tile| tile.name.as_str()).collect::<Vec<_>>().join(" ")
    };
    for (letters, hosts) in
        [("closed:", "mail"), ("behind:", "web03"), ("waiting:", "db2"), ("nothing:", "db1 db2 mail")]
    {
        choose(&mut ui, letters);
        assert_eq!(in_scope(&ui), hosts, "{letters}");
    }
    ui.keys("C-a 0 C-a d");
    choose(&mut ui, "nothing:");
    assert_eq!(in_scope(&ui), "web01 db1 db2 mail", "who was detached hears nothing of a broadcast");
}

#[test]
fn a_scope_by_what_screens_show() {
    let mut ui = fleet();
    ui.output("web02", "kernel 6.1\r\n$ ");
    ui.output("db1", "kernel 6.12\r\n$ ");
    choose(&mut ui, "regular expression");
    ui.text("(").keys("Enter");
    assert!(ui.screen().contains("this is no regular expression: unclosed group"), "{}", ui.screen());
    ui.keys("Backspace").text("^kernel 5").keys("Enter");
    assert!(ui.screen().contains("no screen matches /^kernel 5/"), "{}", ui.screen());
    ui.keys("Backspace").text("6.1$").keys("Enter C-a M-o");
    assert_eq!(hear(&ui), "web02");
    ui.output("db1", "\x1b[H\x1b[2Jkernel 6.1");
    ui.keys("C-a M-s");
    assert_eq!(hear(&ui), "web02 db1");
}

#[test]
fn the_odd_ones_out_are_a_scope() {
    let mut ui = fleet();
    for name in ["web01", "web02", "web03", "db1", "db2", "mail"] {
        ui.output(name, &format!("{name}: {}\r\n", if name == "db2" { "failed" } else { "ok" }));
    }
    choose(&mut ui, "odd");
    ui.keys("C-a M-o");
    assert_eq!(hear(&ui), "db2", "the name of a host makes no difference");
}

#[test]
fn marks_inversion_and_halves() {
    let mut ui = fleet();
    ui.keys("C-a M");
    assert!(ui.screen().contains("no host is marked; C-a m marks the one in focus"), "{}", ui.screen());
    ui.keys("C-a m C-a o C-a o C-a m");
    assert!(ui.screen().contains("web03 · marked"), "{}", ui.screen());
    ui.keys("C-a M");
    assert_eq!(hear(&ui), "web01 web03");
    ui.keys("C-a V C-a M-o");
    assert_eq!(hear(&ui), "web02 db1 db2 mail");
    assert!(ui.status().starts_with("→ 4 of 6 hosts in all but marked"), "{}", ui.status());
    ui.keys("C-a V C-a M-o");
    assert_eq!(hear(&ui), "web01 web03");
    ui.keys("C-a 0 C-a H C-a M-o");
    assert_eq!(hear(&ui), "web01 web02 web03");
    ui.keys("C-a H C-a M-o");
    assert_eq!(hear(&ui), "db1 db2 mail");
    ui.keys("C-a H C-a M-o");
    assert_eq!(hear(&ui), "web01 web02 web03");
    // With a name it is a whole of its own.
    ui.keys("C-a S").text("left").keys("Enter C-a H C-a M-o");
    assert_eq!(hear(&ui), "web01 web02");
    ui.keys("C-a 0 C-a V");
    assert!(ui.screen().contains("nobody would be left"), "{}", ui.status());
}

#[test]
fn a_scope_says_how_many_of_its_hosts_hear() {
    let mut ui = fleet();
    ui.dies("web02");
    choose(&mut ui, "cluster web");
    let said = "the scope is web: 3 of 6 hosts, of which 2 hear; C-a 0 goes back to all";
    assert!(ui.screen().contains(said), "{}", ui.screen());
}

#[test]
fn scopes_have_names_and_numbers() {
    let mut ui = fleet();
    ui.keys("C-a S");
    assert!(ui.screen().contains("all hosts are in scope; choose a scope first"), "{}", ui.screen());
    assert!(ui.app.audience().is_some(), "no dialog opens for what cannot be done");
    choose(&mut ui, "cluster web");
    ui.keys("C-a S").text("front").keys("Enter");
    assert!(ui.status().starts_with("→ 3 of 6 hosts in front (C-a 1)"), "{}", ui.status());
    choose(&mut ui, "cluster db");
    ui.keys("C-a S").text("stores").keys("Enter C-a 1");
    assert_eq!(hear(&ui), "web01 web02 web03");
    ui.keys("C-a 2 C-a M-o");
    assert_eq!((hear(&ui).as_str(), ui.app.scopes().number()), ("db1 db2", Some(2)));
    ui.keys("C-a 7");
    assert!(
        ui.screen().contains("there is no scope 7; C-a S gives the present one a name"),
        "{}",
        ui.status()
    );
    assert_eq!(hear(&ui), "db1 db2");
}

#[test]
fn a_focus_outside_the_scope_hears_nothing_and_the_line_says_how_to_go_on() {
    let mut ui = fleet();
    expression(&mut ui, "db*");
    ui.text("x");
    assert!(
        ui.status().starts_with("→ nobody: web01 is outside the scope db*; C-a M-o goes in, C-a 0"),
        "{}",
        ui.status()
    );
    assert!(ui.session.keys().all(|name| ui.got(name).is_empty()));
    assert_eq!(ui.app.mark(ui.member("web01")), Mark::OutOfScope);
    ui.keys("C-a M-o").text("y");
    assert_eq!((ui.got("db1").as_str(), ui.got("web01").as_str()), ("y", ""));
    ui.dies("db1");
    ui.dies("db2");
    assert!(
        ui.status().starts_with("→ nobody: no host in db* can hear; C-a 0 lets all hear"),
        "{}",
        ui.status()
    );
}

#[test]
fn a_scope_is_a_set_of_names_and_outlives_sessions_and_tiles() {
    let mut ui = fleet();
    choose(&mut ui, "cluster web");
    ui.text("1");
    ui.dies("web02");
    ui.keys("C-a R");
    ui.ready("web02");
    ui.keys("C-a D").text("2");
    assert_eq!(ui.got("web02"), "2", "reconnected, it is in");
    // Closed, taken away, and opened again under its name.
    ui.keys("C-a o C-a x y");
    ui.added(&["web02", "web04"]);
    ui.ready("web02");
    ui.ready("web04");
    ui.keys("C-a D").text("3");
    assert_eq!((ui.got("web02").as_str(), ui.got("web04").as_str()), ("3", ""), "a new name is not in");
    ui.keys("C-a 0").text("4");
    assert_eq!((ui.got("web04").as_str(), ui.got("mail").as_str()), ("4", "4"));
}

#[test]
fn what_is_in_sight_follows_the_page_and_nothing_else() {
    let names: Vec<String> = (0..8).map(|n| format!("h{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = Options { scope: ScopeDefault::Visible, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &names);
    assert!(ui.status().starts_with("→ 6 of 8 hosts in sight"), "{}", ui.status());
    let mut later = Ui::with(Options::default(), SMALL, &names);
    later.keys("C-a v");
    for ui in [&mut ui, &mut later] {
        assert_eq!(hear(ui), "h0 h1 h2 h3 h4 h5");
        ui.keys("C-a n");
        assert_eq!(hear(ui), "h6 h7");
        ui.keys("C-a z");
        assert_eq!(hear(ui), "h6");
        ui.keys("C-a z C-a p");
        ui.output("h7", "noise");
        ui.dies("h7");
        assert_eq!(hear(ui), "h0 h1 h2 h3 h4 h5");
    }
}

#[test]
fn the_list_of_scopes() {
    let mut ui = fleet();
    ui.output("web01", "web01$ ");
    ui.output("db1", "Password: ");
    choose(&mut ui, "cluster db");
    ui.keys("C-a S").text("stores").keys("Enter C-a 0 C-a m C-a s");
    ui.step(Event::Resize(Size::new(24, 72)));
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01 · marked◀────────────────────────────────────────────────────┐
    │web01$                                                                │
    ┏━ Who hears? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃›                                                                     ┃
    ┃▶ all                                                          6 hosts┃
    ┃  sight: only what is on the screen                            6 hosts┃
    ┃  1: stores                                                    2 hosts┃
    ┃  marked                                                        1 host┃
    ┃  cluster db                                                   2 hosts┃
    ┃  cluster web                                                  3 hosts┃
    ┃  tag canary                                                    1 host┃
    ┃  tag prod                                                     3 hosts┃
    ┃  shells: those at a shell prompt                               1 host┃
    ┃  password prompts: those at a password prompt                  1 host┃
    ┃  odd ones out: those whose screen differs from most           2 hosts┃
    ┃  screen matches a regular expression…                                ┃
    ┃  host expression…                                                    ┃
    ┃  invert: all but the present ones                                    ┃
    ┃  half of the present ones                                            ┃
    ┃15 matches · ↑ ↓ move · Enter takes it · Esc leaves                   ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
    │                                                                      │
    └──────────────────────────────────────────────────────────────────────┘
     → nobody: keys go to the dialog  page 1 of 3
    ");
}

#[test]
fn a_grid_with_a_scope() {
    let hosts = [("web01", "web", ""), ("web02", "web", ""), ("db1", "db", ""), ("db2", "db", "")];
    let mut ui = Ui::tagged(Options::default(), Size::new(17, 80), &hosts);
    choose(&mut ui, "cluster web");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01◀═════════════════════════════╗╔ ● web02 ═════════════════════════════╗
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ╚══════════════════════════════════════╝╚══════════════════════════════════════╝
    ┌ ⊘ db1 · out of scope ────────────────┐┌ ⊘ db2 · out of scope ────────────────┐
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → 2 of 4 hosts in web                                               C-a ? help
    ");
}

#[derive(Clone, Debug)]
enum Act {
    Keys(&'static str),
    Output(usize, &'static str),
    Dies(usize),
    Ready(usize),
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    let keys = prop::sample::select(vec![
        "C-a 0",
        "C-a v",
        "C-a V",
        "C-a H",
        "C-a m",
        "C-a M",
        "C-a M-s",
        "C-a o",
        "C-a M-o",
        "C-a d",
        "C-a D",
        "C-a n",
        "C-a z",
        "C-a R",
        "C-a 1",
        "C-a S q Enter",
        "C-a e w e b * Enter Esc",
        "C-a s d b Enter",
        "x",
        "Enter",
    ]);
    let output = prop::sample::select(vec!["$ ", "Password: ", "\x1b[?1049h", "\x1b[?1049l", "noise\r\n"]);
    prop_oneof![
        6 => keys.prop_map(Act::Keys),
        3 => (0..6usize, output).prop_map(|(n, text)| Act::Output(n, text)),
        1 => (0..6usize).prop_map(Act::Dies),
        1 => (0..6usize).prop_map(Act::Ready),
        1 => Just(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_hears_is_in_scope_and_only_the_user_changes_the_scope(acts in prop::collection::vec(act(), 1..120)) {
        let mut ui = fleet();
        let names = ["web01", "web02", "web03", "db1", "db2", "mail"];
        for act in acts {
            let before = ui.app.scopes().current.clone();
            let by_user = matches!(act, Act::Keys(_));
            match act {
                Act::Keys(keys) => drop(ui.keys(keys)),
                Act::Output(n, text) => ui.output(names[n], text),
                Act::Dies(n) => ui.dies(names[n]),
                Act::Ready(n) => ui.ready(names[n]),
                Act::Wait => drop(ui.wait(Duration::from_secs(1))),
            }
            let scope = &ui.app.scopes().current;
            prop_assert!(by_user || *scope == before, "{:?} became {:?}", before, scope);
            for tile in ui.app.tiles().filter(|tile| ui.app.broadcast().hears(tile.member)) {
                prop_assert!(scope.holds(&tile.host), "{} hears and is not in {:?}", tile.name, scope);
            }
        }
    }
}
