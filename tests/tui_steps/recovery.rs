//! Links that stall, are lost and come back, and the way to the host that needs the user.

use std::time::Duration;

use omnes::outcome::{NotRun, Outcome};
use omnes::session::SessionEvent;
use omnes::ssh::{ConnectError, Stage};
use omnes::tui::app::{Options, Reconnect};
use omnes::tui::event::{Effect, Event};

use crate::harness::{SMALL, Ui, password};

const SECOND: Duration = Duration::from_secs(1);

fn auto(names: &[&str]) -> Ui {
    Ui::with(Options { reconnect: Reconnect::Auto, ..Options::default() }, SMALL, names)
}

fn unreachable(stage: Stage) -> Outcome {
    let error = ConnectError::Unreachable { stage, why: "connection refused".to_owned() };
    Outcome::NotRun(NotRun::Connect(error))
}

/// Sessions that were started by now.
fn opened(ui: &Ui) -> usize {
    ui.did(|effect| matches!(effect, Effect::Open { .. }))
}

/// Lets time pass as the event loop does, until another session is started; tells how long that took.
fn until_reopened(ui: &mut Ui) -> Duration {
    let (before, began) = (opened(ui), ui.now);
    while opened(ui) == before {
        let wake = ui.app.wake_at().expect("it wants to be woken");
        assert!(wake > ui.now, "it makes progress");
        ui.wait(wake - ui.now);
        assert!(ui.now - began < Duration::from_secs(120), "it comes back:\n{}", ui.screen());
    }
    ui.now - began
}

#[test]
fn a_stalled_host_is_shown_with_its_seconds_and_goes_on_when_it_is_heard() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.wait(60 * SECOND);
    assert_eq!(ui.app.wake_at(), None);
    ui.session_event("a", SessionEvent::Stalled(15 * SECOND));
    let screen = ui.screen();
    assert!(screen.contains("a · stalled 15 s"), "{screen}");
    assert!(ui.status().contains("→ 2 hosts, 1 stalled"), "{}", ui.status());
    // It still receives: the keys are on their way, and that is what the screen says.
    ui.text("ls");
    assert_eq!(ui.all_got(), ["ls", "ls"]);
    let wake = ui.app.wake_at().expect("the seconds go on");
    ui.wait(wake - ui.now);
    assert!(ui.screen().contains("a · stalled 16 s, 2 B unanswered"), "{}", ui.screen());
    ui.wait(3600 * SECOND);
    assert!(ui.screen().contains("a · stalled 60 min"), "it stays for as long as TCP does:\n{}", ui.screen());
    ui.session_event("a", SessionEvent::Resumed);
    assert!(!ui.screen().contains("stalled"), "{}", ui.screen());
    // What was said about it goes at once, since it is not true any more.
    ui.session_event("a", SessionEvent::Stalled(15 * SECOND));
    assert!(ui.status().contains("a is stalled: nothing heard for 15 s"), "{}", ui.status());
    ui.session_event("a", SessionEvent::Resumed);
    assert!(!ui.screen().contains("stalled"), "{}", ui.screen());
    ui.wait(60 * SECOND);
    assert_eq!(ui.app.wake_at(), None);
}

#[test]
fn a_stalled_detached_host_and_one_that_does_not_hear_are_told_apart() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.keys("C-a d");
    ui.session_event("a", SessionEvent::Stalled(15 * SECOND));
    assert!(ui.status().contains("→ a alone, stalled"), "{}", ui.status());
    ui.keys("C-a o");
    assert!(ui.status().contains("→ 1 of 2 hosts"), "{}", ui.status());
    ui.wait(10 * SECOND);
    assert!(ui.status().contains("1 stalled"), "{}", ui.status());
}

#[test]
fn a_stalled_host_that_takes_no_more_is_held_like_any_other() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.stick("a");
    ui.text("x");
    ui.session_event("a", SessionEvent::Stalled(15 * SECOND));
    for _ in 0..2 {
        ui.step(Event::Paste("y".repeat(40_000).into()));
    }
    let screen = ui.screen();
    assert!(screen.contains("■ a · held · stalled 1 s · 40 kB behind"), "{screen}");
    assert!(ui.status().contains("→ 1 of 2 hosts"), "{}", ui.status());
    // What it took before it stalled goes on when it is heard; held it stays, until the user says otherwise.
    ui.session_event("a", SessionEvent::Resumed);
    ui.unstick("a");
    assert_eq!((ui.got("a").as_str(), ui.got("b").len()), ("x", 80_001));
    ui.keys("C-a u");
    assert_eq!(ui.got("a").len(), 40_001);
}

#[test]
fn keys_that_a_lost_host_never_answered_are_said_and_not_sent_again() {
    let mut ui = auto(&["a"]);
    ui.text("one");
    ui.output("a", "one");
    ui.text("rm -r x");
    ui.stick("a");
    ui.text("yz");
    ui.dies("a");
    let said = &ui.app.notes().note().expect("a sentence").text;
    assert!(said.contains("9 bytes typed for it may not have arrived, and are not sent again"), "{said}");
    until_reopened(&mut ui);
    ui.ready("a");
    ui.keys("C-a i");
    assert_eq!(ui.got("a"), "");
}

#[test]
fn a_lost_session_comes_back_by_itself_only_where_the_user_said_so() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.dies("a");
    ui.wait(3600 * SECOND);
    assert_eq!(opened(&ui), 2);
    ui.keys("C-a M-r");
    assert!(ui.screen().contains("× a · closed: link lost · reconnects in 2 s"), "{}", ui.screen());
    assert!(ui.screen().contains("C-a r at once"), "{}", ui.screen());
    ui.keys("C-a M-r");
    assert!(!ui.screen().contains("reconnects in"), "{}", ui.screen());
    ui.wait(3600 * SECOND);
    assert_eq!(opened(&ui), 2);
    ui.keys("C-a M-r");
    until_reopened(&mut ui);
    assert_eq!(opened(&ui), 3);
}

#[test]
fn pauses_grow_while_it_fails_and_what_fails_again_is_no_news() {
    let mut ui = auto(&["a", "b"]);
    ui.dies("a");
    let mut pauses = vec![until_reopened(&mut ui)];
    ui.wait(60 * SECOND);
    for stage in [Stage::Jump, Stage::Tcp, Stage::Tcp, Stage::Tcp, Stage::Tcp, Stage::Tcp, Stage::Tcp] {
        ui.session_event("a", SessionEvent::Connecting(Stage::Tcp));
        ui.session_event("a", SessionEvent::Closed(unreachable(stage)));
        assert!(!ui.status().contains("unreachable"), "{}", ui.status());
        pauses.push(until_reopened(&mut ui));
    }
    for (pause, longest) in pauses.iter().zip([2, 4, 8, 16, 32, 60, 60, 60]) {
        let longest = longest * SECOND;
        assert!((longest / 2..=longest + SECOND).contains(pause), "{pauses:?}");
    }
    // Ready for a moment only, it goes on with long pauses; ready for a minute, it begins anew.
    ui.ready("a");
    ui.wait(SECOND);
    ui.dies("a");
    assert!(until_reopened(&mut ui) >= 30 * SECOND);
    ui.ready("a");
    ui.wait(60 * SECOND);
    ui.dies("a");
    assert!(until_reopened(&mut ui) <= 3 * SECOND);
}

#[test]
fn what_the_user_or_the_host_ended_stays_closed() {
    let refused = |error: ConnectError| Outcome::NotRun(NotRun::Connect(error));
    for outcome in [
        Outcome::Exited(0),
        Outcome::Exited(255),
        Outcome::Signalled("HUP".to_owned()),
        refused(ConnectError::Login("password".to_owned())),
        refused(ConnectError::HostKey("the key has changed".to_owned())),
        refused(ConnectError::Unsupported("ProxyUseFdpass".to_owned())),
    ] {
        let mut ui = auto(&["a"]);
        ui.session_event("a", SessionEvent::Closed(outcome.clone()));
        ui.wait(3600 * SECOND);
        assert_eq!(opened(&ui), 1, "{outcome:?}");
    }
    // And one that was never ready: that its address is wrong will not pass.
    let mut ui = Ui::connecting(Options { reconnect: Reconnect::Auto, ..Options::default() }, SMALL, &["a"]);
    ui.session_event("a", SessionEvent::Closed(unreachable(Stage::Tcp)));
    ui.wait(3600 * SECOND);
    assert_eq!(opened(&ui), 1);
    // And one whose tile was taken away meanwhile.
    let mut ui = auto(&["a", "b"]);
    ui.dies("a");
    ui.keys("C-a x");
    ui.wait(3600 * SECOND);
    assert_eq!((opened(&ui), ui.app.tiles().len()), (2, 1));
}

#[test]
fn who_comes_back_waits_keeps_its_part_and_its_screen_and_moves_no_focus() {
    let mut ui = auto(&["a", "b", "c"]);
    ui.text("x");
    ui.keys("C-a Down C-a d C-a Up");
    let focus = ui.app.broadcast().focus();
    ui.output("b", "last words");
    ui.dies("b");
    ui.dies("c");
    until_reopened(&mut ui);
    ui.wait(2 * SECOND);
    assert_eq!((opened(&ui), ui.app.broadcast().focus()), (5, focus));
    ui.ready("b");
    assert!(ui.screen().contains("b is ready and waits"), "{}", ui.screen());
    ui.ready("c");
    assert!(ui.screen().contains("2 hosts are ready and wait"), "{}", ui.screen());
    ui.text("y");
    assert_eq!(ui.all_got(), ["xy", "", ""], "{}", ui.screen());
    assert_eq!(ui.app.broadcast().focus(), focus);
    let part = |ui: &Ui, name| ui.app.broadcast().member(ui.member(name)).expect("a member").part();
    assert_eq!(part(&ui, "b"), omnes::broadcast::Part::Detached);
    assert_eq!(part(&ui, "c"), omnes::broadcast::Part::Attached);
    ui.keys("C-a ! C-a i");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("b")));
    assert!(ui.screen().contains("last words"), "{}", ui.screen());
}

#[test]
fn refusals_are_forgotten_for_the_user_and_not_for_a_timer() {
    let pardons = |ui: &Ui| ui.did(|effect| matches!(effect, Effect::Pardon));
    let mut ui = auto(&["a", "b"]);
    assert_eq!(pardons(&ui), 1);
    ui.dies("a");
    until_reopened(&mut ui);
    assert_eq!(pardons(&ui), 1);
    ui.dies("b");
    ui.session_event("a", SessionEvent::Closed(unreachable(Stage::Tcp)));
    ui.keys("C-a R");
    assert_eq!((pardons(&ui), opened(&ui)), (2, 5), "once for all of them");
    ui.wait(3600 * SECOND);
    assert_eq!(opened(&ui), 5, "the tries that were planned are done");
}

#[test]
fn whoever_looks_back_in_a_tile_goes_on_looking_while_it_comes_back() {
    let mut ui = auto(&["a"]);
    let lines: String = (0..200).map(|n| format!("line {n}\r\n")).collect();
    ui.output("a", &lines);
    ui.keys("C-a [ g");
    ui.dies("a");
    until_reopened(&mut ui);
    assert!(ui.screen().contains("line 0"), "{}", ui.screen());
}

#[test]
fn one_key_goes_from_one_host_in_need_to_the_next() {
    let mut ui = Ui::fleet(40);
    assert!(ui.app.layout().pages > 1);
    ui.keys("C-a !");
    assert!(ui.screen().contains("no host needs you"), "{}", ui.screen());
    ui.dies("h007");
    ui.session_event("h013", SessionEvent::Stalled(15 * SECOND));
    ui.text("x");
    ui.added(&["late"]);
    ui.session_event("late", SessionEvent::Asking);
    ui.ask(password("late"));
    for wanted in ["h007", "h013", "late", "h007"] {
        ui.keys("C-a !");
        assert_eq!(ui.app.broadcast().focus(), Some(ui.member(wanted)), "{wanted}");
        assert!(ui.screen().contains(wanted), "its page is shown:\n{}", ui.screen());
    }
    ui.ready("late");
    ui.keys("C-a M-n C-a M-n");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("late")), "it waits to be let in");
    ui.keys("C-a i C-a ! C-a r");
    ui.ready("h007");
    ui.keys("C-a i");
    ui.session_event("h013", SessionEvent::Resumed);
    ui.keys("C-a !");
    assert!(ui.screen().contains("no host needs you"), "{}", ui.screen());
}
