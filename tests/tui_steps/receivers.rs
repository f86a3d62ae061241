//! Who hears a key (DESIGN section 2).

use std::time::Duration;

use omnes::tui::app::{Options, ScopeDefault, ZoomHears};
use omnes::tui::event::Event;

use crate::harness::{SMALL, Ui};

#[test]
fn a_key_goes_to_every_attached_host() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ui.text("ls").keys("Enter");
    assert_eq!(ui.all_got(), ["ls\\r", "ls\\r", "ls\\r"]);
    assert!(ui.status().starts_with("→ 3 hosts"), "{}", ui.status());
}

#[test]
fn a_detached_focus_hears_alone_and_moving_away_resumes() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ui.text("1").keys("C-a d").text("2");
    assert!(ui.status().starts_with("→ a alone"), "{}", ui.status());
    ui.keys("C-a Down").text("3");
    assert!(ui.status().starts_with("→ 2 of 3 hosts"), "{}", ui.status());
    ui.keys("C-a Up").text("4").keys("C-a d").text("5");
    assert_eq!(ui.all_got(), ["1245", "135", "135"]);
}

#[test]
fn detaching_survives_zoom_paging_and_reconnect() {
    let mut ui = Ui::fleet(20);
    ui.keys("C-a d C-a z").text("1").keys("C-a z C-a n C-a p").text("2");
    ui.dies("h000");
    ui.keys("C-a r");
    ui.ready("h000");
    assert!(ui.status().starts_with("→ h000 alone"), "{}", ui.status());
    ui.text("3");
    assert_eq!((ui.got("h000"), ui.got("h001")), ("3".to_owned(), String::new()));
}

#[test]
fn a_dead_detached_focus_hears_nothing_and_the_line_says_why() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.keys("C-a d");
    ui.dies("a");
    ui.text("rm");
    assert_eq!(ui.all_got(), ["", ""]);
    assert!(
        ui.status().starts_with("→ nobody: a is detached and closed; C-a r reconnects"),
        "{}",
        ui.status()
    );
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("a")), "the focus does not hop");
}

#[test]
fn a_dead_attached_focus_keeps_the_focus_and_the_others_hear() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.dies("a");
    ui.text("x");
    assert_eq!((ui.got("b").as_str(), ui.app.broadcast().focus()), ("x", Some(ui.member("a"))));
    assert!(ui.status().starts_with("→ 1 of 2 hosts"), "{}", ui.status());
}

#[test]
fn nobody_is_ready_yet() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "b"]);
    ui.text("x");
    assert!(ui.status().starts_with("→ nobody: no host is ready yet  nothing was sent"), "{}", ui.status());
    ui.ready("a");
    ui.text("y");
    assert_eq!(ui.got("a"), "y", "what reached nobody began no broadcast, and is not replayed");
}

#[test]
fn the_late_the_added_and_the_reconnected_wait_until_they_are_let_in() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "late", "dead"]);
    ui.ready("a");
    ui.ready("dead");
    ui.text("1");
    ui.ready("late");
    ui.dies("dead");
    ui.keys("C-a R");
    ui.ready("dead");
    ui.keys("C-a +").text("new").keys("Enter");
    ui.added(&["new"]);
    ui.ready("new");
    ui.text("2");
    assert_eq!(ui.session.keys().map(|n| ui.got(n)).collect::<Vec<_>>(), ["12", "", "", ""]);
    assert!(
        ui.status().contains("3 waiting") || ui.status().starts_with("→ 1 of 4 hosts"),
        "{}",
        ui.status()
    );
    ui.keys("C-a o C-a i").text("3");
    assert_eq!((ui.got("late").as_str(), ui.got("dead").as_str()), ("3", ""));
    ui.keys("C-a D").text("4");
    assert_eq!(["a", "late", "dead", "new"].map(|n| ui.got(n)), ["1234", "34", "4", "4"].map(str::to_owned));
}

#[test]
fn before_the_first_key_nobody_waits() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "b"]);
    ui.ready("a");
    ui.keys("C-a d").text("alone").keys("C-a d");
    ui.ready("b");
    ui.text("x");
    assert_eq!(ui.got("b"), "x", "a key to one host alone is no broadcast");
}

#[test]
fn a_waiting_host_that_is_detached_can_be_typed_to() {
    let mut ui = Ui::connecting(Options::default(), SMALL, &["a", "late"]);
    ui.ready("a");
    ui.text("1");
    ui.ready("late");
    ui.keys("C-a Down C-a d").text("fix").keys("C-a d").text("2");
    assert_eq!(ui.all_got(), ["12", "fix"], "put back, it still waits");
}

#[test]
fn hidden_hosts_hear_and_the_line_says_so() {
    let mut ui = Ui::fleet(48);
    ui.keys("C-a z").text("x");
    assert!(ui.status().starts_with("→ 48 hosts, 47 not shown"), "{}", ui.status());
    assert!(ui.all_got().iter().all(|got| got == "x"));
    ui.keys("C-a z");
    assert!(ui.status().starts_with("→ 48 hosts, 42 not shown"), "{}", ui.status());
}

#[test]
fn zoom_alone_and_scope_visible_are_options() {
    let options = Options { zoom_hears: ZoomHears::Alone, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["a", "b"]);
    ui.keys("C-a z").text("1").keys("C-a z").text("2");
    assert_eq!(ui.all_got(), ["12", "2"]);

    let options = Options { scope: ScopeDefault::Visible, ..Options::default() };
    let names: Vec<String> = (0..8).map(|n| format!("h{n}")).collect();
    let mut ui = Ui::with(options, SMALL, &names.iter().map(String::as_str).collect::<Vec<_>>());
    ui.text("1").keys("C-a n").text("2");
    let mut expected = vec!["1"; 6];
    expected.extend(["2"; 2]);
    assert_eq!(ui.all_got(), expected);
}

#[test]
fn the_line_flashes_when_more_hear_and_only_then() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.wait(Duration::from_secs(60));
    let flashes = |ui: &Ui| ui.app.notes().flashes(ui.now);
    ui.keys("C-a d");
    assert!(!flashes(&ui), "fewer hear");
    ui.keys("C-a d");
    assert!(flashes(&ui), "more hear");
    let wake = ui.app.wake_at().expect("the flash ends by itself");
    ui.now = wake;
    ui.step(Event::Tick);
    assert!(!flashes(&ui));
}

#[test]
fn the_mark_of_a_tile_is_its_frame_and_a_glyph_not_a_colour() {
    let mut ui = Ui::of(&["a", "b"]);
    let rows = |ui: &Ui| ui.screen().lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(rows(&ui)[0].starts_with("╔▶● a◀═"), "{}", rows(&ui)[0]);
    assert!(rows(&ui)[12].starts_with("╔ ● b "), "{}", rows(&ui)[12]);
    ui.keys("C-a d");
    assert!(rows(&ui)[0].starts_with("╔▶● a · alone◀"), "the detached focus hears: {}", rows(&ui)[0]);
    assert!(rows(&ui)[12].starts_with("┌ · b "), "the other does not: {}", rows(&ui)[12]);
    ui.keys("C-a Down");
    assert!(rows(&ui)[0].starts_with("┌ ○ a · detached"), "{}", rows(&ui)[0]);
}

#[test]
fn the_prefix_twice_is_sent_and_unknown_keys_after_it_are_swallowed_and_named() {
    let mut ui = Ui::of(&["a"]);
    ui.keys("C-a C-a C-c C-z");
    assert_eq!(ui.got("a"), "\\u{1}\\u{3}\\u{1a}", "C-c and C-z belong to the hosts");
    ui.keys("C-a F9");
    assert!(ui.status().contains("C-a F9 does nothing; C-a ? shows the keys"), "{}", ui.status());
    ui.keys("C-a Esc");
    assert_eq!(ui.got("a").len(), "\\u{1}\\u{3}\\u{1a}".len());
}

#[test]
fn focus_moves_by_arrows_letters_pages_and_clicks() {
    let mut ui = Ui::fleet(14);
    let focus = |ui: &Ui| ui.app.broadcast().focus().expect("a focus").0;
    for (keys, expected) in [
        ("C-a l", 1),
        ("C-a l", 1),
        ("C-a j", 3),
        ("C-a h", 2),
        ("C-a Left", 2),
        ("C-a Up C-a k", 0),
        ("C-a Up", 0),
        ("C-a o", 1),
        ("C-a n", 6),
        ("C-a n C-a n", 12),
        ("C-a Down", 12),
        ("C-a p C-a p", 0),
        ("C-a Right C-a Down C-a Down C-a Down", 7),
    ] {
        ui.keys(keys);
        assert_eq!(focus(&ui), expected, "after {keys}");
    }
    ui.click(2, 1);
    assert_eq!(focus(&ui), 6);
}
