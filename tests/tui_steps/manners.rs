//! Small things that an operator trips over: the same key leaves every dialog, boxes stand still, sentences are true.

use std::time::Duration;

use omnes::size::Size;
use omnes::tui::app::Options;

use super::harness::{SMALL, Ui};

#[test]
fn an_interrupt_leaves_every_dialog_and_reaches_no_host() {
    for keys in [
        "C-a q", "C-a x", "C-a ?", "C-a :", "C-a s", "C-a e", "C-a c", "C-a P", "C-a W", "C-a g", "C-a w",
        "C-a [",
    ] {
        let mut ui = Ui::of(&["a", "b"]);
        ui.output("a", "a$ ");
        ui.keys(keys);
        assert!(ui.status().starts_with("→ nobody"), "{keys}: {}", ui.status());
        ui.keys("C-c");
        assert!(ui.status().starts_with("→ 2 hosts"), "{keys}: {}", ui.status());
        assert_eq!(ui.all_got(), ["", ""], "{keys}");
    }
}

#[test]
fn a_list_is_as_high_as_its_choices_and_stands_still_while_letters_are_typed() {
    let mut ui = Ui::of(&["a"]);
    ui.keys("C-a W");
    let frame = |ui: &Ui| -> Vec<(usize, usize)> {
        let edges = |line: &str| Some((line.find(['┏', '┗'])?, line.rfind(['┓', '┛'])?));
        ui.screen().lines().enumerate().filter_map(|(n, line)| Some((n, edges(line)?.1))).collect()
    };
    let before = frame(&ui);
    assert_eq!(before[1].0 - before[0].0, 6 + 3, "six choices, the letters and the keys:\n{}", ui.screen());
    ui.text("qqqq");
    assert!(ui.screen().contains("0 matches"), "{}", ui.screen());
    assert_eq!(frame(&ui), before, "{}", ui.screen());
}

#[test]
fn a_paste_that_is_too_large_is_refused_without_a_wrong_number() {
    let mut ui = Ui::of(&["a"]);
    ui.paste(&"x".repeat((64 << 10) + 1));
    assert_eq!(ui.all_got(), [""]);
    let said = ui.app.notes().note().map(|note| note.text.clone()).unwrap_or_default();
    assert!(
        said.starts_with("this paste is larger than a host takes") && !said.contains("has 64 kB"),
        "{said}"
    );
}

#[test]
fn the_last_page_and_a_page_of_one_host_are_named() {
    let mut ui = Ui::with(Options::default(), SMALL, &["a", "b", "c", "d"]);
    ui.keys("C-a M-Space");
    assert!(ui.screen().contains("one host on a page, 4 pages"), "{}", ui.screen());
    ui.keys("C-a End C-a n");
    assert!(ui.status().contains("this is the last page"), "{}", ui.status());
    ui.keys("C-a Home C-a p");
    assert!(ui.status().contains("this is the first page"), "{}", ui.status());
}

#[test]
fn line_by_line_the_clock_stops_with_the_last_line() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "a$ ");
    ui.paste("one\ntwo\n").settle().keys("M-l");
    ui.wait(Duration::from_secs(3));
    ui.output("a", "one\r\nout\r\n");
    assert!(ui.screen().contains("a: 1 of 2 sent, at no known prompt"), "{}", ui.screen());
    ui.output("a", "a$ ");
    ui.wait(Duration::from_secs(1));
    assert_eq!(ui.all_got(), ["one\\rtwo\\r"]);
    ui.wait(Duration::from_secs(60));
    assert!(ui.screen().contains("each at a prompt, in 4 s"), "{}", ui.screen());
}

#[test]
fn a_secret_for_nobody_says_what_enter_does() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "a$ ");
    ui.keys("C-a P");
    assert!(ui.screen().contains("Enter sends nothing · "), "{}", ui.screen());
}

#[test]
fn who_looks_back_is_told_the_keys() {
    let mut ui = Ui::with(Options::default(), Size::new(25, 100), &["a"]);
    ui.output("a", "a$ ");
    ui.keys("C-a [");
    assert!(ui.status().ends_with("? search  v select  y copy  q leave"), "{}", ui.status());
}
