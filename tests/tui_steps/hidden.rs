//! What is typed where it is not shown: nothing of it is kept, and somebody who types it hears what there is for secrets.

use std::time::Duration;

use omnes::tui::app::{Keyboard, Macro, Options, SentText};
use omnes::tui::compose::{Ending, Reading};
use omnes::tui::control::{ControlId, Request};
use omnes::tui::event::{Effect, Event};
use omnes::tui::keep::words::Keep;

use crate::harness::{SMALL, Ui};

const SECRET: &str = "hunter2";

/// What `read -s` leaves: a shell's line, and behind it nothing.
const READ: &str = "$ read -s x\r\n";

fn note(ui: &Ui) -> Option<&str> {
    ui.app.notes().note().map(|note| note.text.as_str())
}

/// The texts that are to be written, as the history shows them.
fn kept(ui: &Ui) -> Vec<String> {
    let kept = |effect: &Effect| match effect {
        Effect::Keep(Keep::Sent(entry)) => Some(entry.text.to_string()),
        _ => None,
    };
    ui.effects.iter().filter_map(kept).collect()
}

/// Nothing that could be written, shown or told holds the secret.
fn is_nowhere(ui: &Ui) {
    assert!(!ui.screen().contains(SECRET), "{}", ui.screen());
    let told = format!("{:?} {:?} {:?}", ui.effects, ui.app.sent(), ui.app.notes());
    assert!(!told.contains(SECRET), "{told}");
    assert!(kept(ui).iter().all(|text| !text.contains(SECRET)), "{:?}", kept(ui));
}

const UNSEEN: &str = "(not kept: its echo was not seen)";

#[test]
fn who_types_where_nothing_is_shown_is_told_once_what_there_is_and_keeps_the_keyboard() {
    let mut ui = Ui::of(&["web01", "web02"]);
    ui.output("web01", READ);
    ui.output("web02", READ);
    ui.text("hun");
    ui.wait(Duration::from_millis(1499));
    assert_eq!(note(&ui), None);
    let due = ui.app.wake_at();
    assert_eq!(due, Some(ui.now + Duration::from_millis(1)), "it wants to be woken for it");
    ui.wait(Duration::from_millis(1));
    assert_eq!(
        note(&ui),
        Some(
            "web[01-02] show nothing of what is typed, and none of it is kept; for prompts that `[prompts] secret` in \
             config.toml knows, C-a P sends a secret"
        )
    );
    assert!(matches!(ui.app.keyboard(), Keyboard::Hosts));
    ui.text("ter2").keys("Enter");
    assert_eq!(ui.all_got(), ["hunter2\\r", "hunter2\\r"]);
    assert_eq!(kept(&ui), [UNSEEN]);
    is_nowhere(&ui);
    // Not again in the same sessions.
    ui.wait(Duration::from_secs(20));
    ui.text("more").wait(Duration::from_secs(3));
    assert_eq!(note(&ui), None);
}

#[test]
fn a_line_that_ends_before_is_told_at_its_end_and_echo_or_output_is_no_reason() {
    let mut ui = Ui::of(&["web01", "web02", "web03"]);
    ui.output("web01", READ);
    ui.output("web02", "$ ");
    ui.output("web03", "working...\r\n");
    ui.text("hunter");
    ui.output("web03", "still working\r\n");
    ui.wait(Duration::from_millis(500)).text("2").keys("Enter");
    assert!(
        note(&ui).is_some_and(|text| text.starts_with("web01 shows nothing of what is typed")),
        "{:?}",
        note(&ui)
    );
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", "> working\r\n");
    ui.text("ls");
    ui.output("web01", "ls");
    ui.wait(Duration::from_secs(5)).keys("Enter").wait(Duration::from_secs(5));
    assert_eq!(note(&ui), None);
}

#[test]
fn nothing_typed_without_an_echo_is_kept_whatever_moves_the_cursor() {
    // Typed at leisure, at once, corrected, and while the host prints something else.
    for (name, steps) in [
        ("slow", &["hunter2", "~", "\r"][..]),
        ("fast", &["hunter2", "\r"]),
        ("corrected", &["hunter3", "\x7f", "2", "~", "\r"]),
        ("a message comes between", &["hunt", "!\r\nBroadcast message\r\n", "er2", "~", "\r"]),
        ("a blinking mask", &["hunter2", "!x", "\r"]),
        ("with a tab", &["hunter2", "\t", "~", "\r"]),
    ] {
        let mut ui = Ui::of(&["web01"]);
        ui.output("web01", READ);
        for step in steps {
            match *step {
                "~" => drop(ui.wait(Duration::from_secs(1))),
                "\r" => drop(ui.keys("Enter")),
                "\x7f" => drop(ui.keys("Backspace")),
                "\t" => drop(ui.keys("Tab")),
                output if output.starts_with('!') => ui.output("web01", &output[1..]),
                text => drop(ui.text(text)),
            }
        }
        assert_eq!(kept(&ui), [UNSEEN], "{name}");
        is_nowhere(&ui);
    }
}

#[test]
fn a_line_that_is_seen_at_a_prompt_that_no_pattern_knows_is_kept() {
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", "Name of the new host:\r\n");
    ui.text("web99");
    ui.output("web01", "web99");
    ui.keys("Enter");
    assert_eq!(kept(&ui), ["web99"]);
}

#[test]
fn what_goes_as_a_whole_where_it_may_not_be_shown_is_not_kept() {
    let send = |ui: &mut Ui| {
        let request = Request::Send { text: SECRET.into(), enter: true, host: None, yes: true };
        ui.step(Event::Control(ControlId(1), request));
    };
    let compose = |ui: &mut Ui| {
        ui.keys("C-a c").text(SECRET).keys("C-s");
    };
    let paste = |ui: &mut Ui| {
        ui.paste("hunter2\n").settle().keys("y");
    };
    type Way<'a> = (&'a str, &'a dyn Fn(&mut Ui));
    let ways: [Way<'_>; 3] = [("ctl", &send), ("composed", &compose), ("pasted", &paste)];
    for shown in [READ, "\x1b[?1049h\x1b[?2004hPassword: "] {
        for (way, act) in ways {
            let mut ui = Ui::of(&["web01"]);
            ui.output("web01", shown);
            act(&mut ui);
            assert!(ui.got("web01").contains(SECRET), "{way}");
            assert_eq!(kept(&ui), [UNSEEN], "{way} at {shown:?}");
            is_nowhere(&ui);
        }
    }
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", READ);
    send(&mut ui);
    assert_eq!(note(&ui), Some("ctl: sent 7 characters and Enter to web01"));
    let keys = Request::Keys { keys: "h u n t e r 2".into(), host: None, yes: true };
    ui.step(Event::Control(ControlId(2), keys));
    assert_eq!(note(&ui), Some("ctl: sent 7 keys to web01"));
}

#[test]
fn a_macro_is_kept_as_it_stands_and_not_what_was_made_of_it() {
    let options = || Options {
        macros: vec![Macro { name: "ask".into(), text: "sudo -v".into(), ending: Ending::Enter, key: None }],
        ..Options::default()
    };
    for (keys, expected) in [("C-s", "sudo -v"), ("Tab h C-s", UNSEEN)] {
        let mut ui = Ui::with(options(), SMALL, &["web01"]);
        ui.output("web01", READ);
        ui.keys("C-a C Enter").keys(keys);
        assert_eq!(kept(&ui), [expected], "{keys}");
    }
}

#[test]
fn a_paste_that_waits_where_keys_were_not_shown_is_not_shown_either() {
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", READ);
    ui.text("x").wait(Duration::from_secs(1)).paste("hunter2\n");
    assert!(
        ui.screen().contains("(not shown, since a host shows nothing of what is typed)"),
        "{}",
        ui.screen()
    );
    is_nowhere(&ui);
}

#[test]
fn a_text_that_was_meant_literally_comes_back_as_such() {
    let reading = |ui: &Ui| match ui.app.keyboard() {
        Keyboard::Preparing(omnes::tui::app::Preparing::Compose(compose)) => compose.reading,
        other => panic!("no box: {other:?}"),
    };
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", "$ ");
    ui.keys("C-a c").text("echo {host}").keys("M-t C-s");
    assert_eq!(ui.got("web01"), "echo {host}\\r");
    ui.output("web01", "echo {host}\r\n$ ");
    ui.keys("C-a I Enter");
    assert_eq!(reading(&ui), Reading::Literal, "from the history");
    ui.keys("C-u Esc C-a c C-p");
    assert_eq!(reading(&ui), Reading::Literal, "from the texts composed before");
    ui.keys("C-s");
    assert_eq!(ui.got("web01"), "echo {host}\\recho {host}\\r");
    let entry = ui.app.sent().newest().next().expect("an entry");
    assert_eq!((entry.how.word(), &entry.text), ("literal", &SentText::Kept("echo {host}".into())));
}

#[test]
fn how_long_a_secret_is_does_not_stand_in_a_recording_of_the_screen() {
    let typed = |text: &str| {
        let mut ui = Ui::of(&["web01"]);
        ui.output("web01", "Password: ");
        ui.keys("C-a M-e C-a P").text(text);
        ui.screen()
    };
    assert_eq!(typed("abc"), typed("hunter2 and more"));
    assert!(typed("abc").contains("hidden: •••••••• (not counted"), "{}", typed("abc"));
}

#[test]
fn what_one_host_shows_and_another_reads_unseen_is_not_kept_for_either() {
    let mut ui = Ui::of(&["web01", "web02"]);
    ui.output("web01", "$ ");
    ui.output("web02", READ);
    // The lines differ, so they would be remembered apart.
    ui.keys("C-a d").text("x").keys("C-a d");
    ui.text(SECRET);
    ui.output("web01", "xhunter2");
    ui.wait(Duration::from_secs(1)).keys("Enter");
    assert_eq!(kept(&ui), [UNSEEN]);
}

#[test]
fn what_is_pasted_behind_a_command_that_asks_is_not_kept() {
    let mut ui = Ui::of(&["web01"]);
    ui.output("web01", "$ ");
    ui.paste("sudo id\nhunter2").settle().keys("y");
    ui.output("web01", "sudo id\r\n[sudo] password for ann: ");
    ui.effects.clear();
    ui.keys("Enter");
    assert_eq!(kept(&ui), ["(not kept: secret prompt)"]);
}
