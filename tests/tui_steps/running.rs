//! A run that is shown: nobody types into it, it ends in steps, and its hosts can be given shells.

use bytes::Bytes;
use omnes::outcome::{NotRun, Outcome};
use omnes::session::{SessionEvent, SessionId};
use omnes::ssh::Stage;
use omnes::tui::app::{FoldOptions, FoldView, Options, Work};
use omnes::tui::event::{Effect, Event};

use crate::harness::{SMALL, Ui};

/// Hosts of a run, in the order of the plan: their sessions are numbered from 0.
fn run_on(names: &[&str]) -> Ui {
    run_in(FoldView::On, names)
}

fn run_in(view: FoldView, names: &[&str]) -> Ui {
    let fold = FoldOptions { view, ..FoldOptions::default() };
    Ui::connecting(Options { work: Work::Command, fold, ..Options::default() }, SMALL, names)
}

fn of_run(ui: &mut Ui, number: u32, event: SessionEvent) {
    ui.step(Event::Session(SessionId(number), event));
}

fn begins(ui: &mut Ui, number: u32) {
    of_run(ui, number, SessionEvent::Connecting(Stage::Resolve));
    of_run(ui, number, SessionEvent::Running);
}

fn ends(ui: &mut Ui, number: u32, said: &str, outcome: Outcome) {
    of_run(ui, number, SessionEvent::Output(Bytes::copy_from_slice(said.as_bytes())));
    of_run(ui, number, SessionEvent::Closed(outcome));
}

fn interrupts(ui: &Ui) -> usize {
    ui.did(|effect| matches!(effect, Effect::Interrupt))
}

fn quits(ui: &Ui) -> usize {
    ui.did(|effect| matches!(effect, Effect::Quit))
}

#[test]
fn what_is_typed_reaches_nobody_and_the_status_line_says_why() {
    let mut ui = run_on(&["a", "b"]);
    begins(&mut ui, 0);
    ui.text("reboot").keys("Enter C-c");
    assert_eq!(ui.all_got(), ["", ""]);
    let status = ui.status();
    assert!(status.contains("a run takes no keys; C-a $ opens a shell"), "{status}");
    ends(&mut ui, 0, "up\r\n", Outcome::Exited(0));
    ends(&mut ui, 1, "up\r\n", Outcome::Exited(0));
    ui.text("reboot");
    assert_eq!(ui.all_got(), ["", ""]);
}

#[test]
fn hosts_are_one_tile_where_their_output_and_their_end_are_the_same() {
    let mut ui = run_on(&["a", "b", "c", "d", "e"]);
    assert!(ui.screen().contains("waits for its turn"), "{}", ui.screen());
    (0..4).for_each(|number| begins(&mut ui, number));
    assert!(ui.screen().contains("running"), "{}", ui.screen());
    ends(&mut ui, 0, "version 2\r\n", Outcome::Exited(0));
    ends(&mut ui, 1, "version 2\r\n", Outcome::Exited(0));
    ends(&mut ui, 2, "version 1\r\n", Outcome::Exited(0));
    ends(&mut ui, 3, "version 2\r\n", Outcome::Exited(3));
    ends(&mut ui, 4, "", Outcome::NotRun(NotRun::NotStarted));
    let lasts = FoldOptions::default().lasts;
    ui.wait(lasts * 2).wait(lasts * 2);
    let together = |name: &str| ui.app.stands_for(ui.member(name));
    assert_eq!(["a", "b", "c", "d", "e"].map(together), [2, 2, 1, 1, 1]);
    assert!(ui.screen().contains("5 of 5 done"), "{}", ui.screen());
    let status = ui.screen();
    assert!(status.contains("the run is over: 3 of 5 ok"), "{status}");
}

#[test]
fn leaving_takes_the_run_through_its_three_steps() {
    let mut ui = run_on(&["a", "b"]);
    begins(&mut ui, 0);
    for (question, done) in [("y starts no more", 1), ("y ends them", 2), ("y leaves at once", 3)] {
        ui.keys("C-a q").settle();
        assert!(ui.screen().contains(question), "{}", ui.screen());
        assert!(ui.screen().contains("1 begun") || done > 1, "{}", ui.screen());
        ui.keys("n");
        assert_eq!((interrupts(&ui), quits(&ui)), (done - 1, 0), "a no changes nothing");
        ui.keys("C-a q").settle().keys("y");
        assert_eq!(interrupts(&ui), done);
    }
    assert_eq!(quits(&ui), 1);
}

#[test]
fn a_run_that_is_over_is_left_without_a_question() {
    let mut ui = run_on(&["a"]);
    ends(&mut ui, 0, "", Outcome::Exited(1));
    ui.keys("C-a q");
    assert_eq!((interrupts(&ui), quits(&ui)), (0, 1));
}

#[test]
fn a_question_that_the_end_overtook_ends_nothing() {
    let mut ui = run_on(&["a"]);
    begins(&mut ui, 0);
    ui.keys("C-a q").settle();
    ends(&mut ui, 0, "", Outcome::Exited(0));
    ui.keys("y");
    assert_eq!((interrupts(&ui), quits(&ui)), (0, 0));
}

#[test]
fn a_shell_comes_up_beside_the_run_and_hears_alone() {
    let mut ui = run_in(FoldView::Off, &["a", "b"]);
    (0..2).for_each(|number| begins(&mut ui, number));
    ui.keys("C-a $");
    assert_eq!(ui.app.tiles().len(), 3);
    let shell = ui.member("a shell");
    assert_eq!(ui.app.broadcast().focus(), Some(shell));
    // From now on this is the session of the shell.
    assert_eq!(ui.id("a"), SessionId(2));
    ui.ready("a");
    ui.text("df").keys("Enter");
    assert_eq!(ui.got("a"), "df\\r");
    assert_eq!(ui.got("b"), "");

    // Another one comes later, and hears from its first moment without a word; the first does not hear what is typed there.
    ui.keys("C-a Home C-a o C-a $");
    assert_eq!(ui.app.broadcast().focus(), Some(ui.member("b shell")));
    ui.ready("b");
    ui.text("ls");
    assert_eq!((ui.got("a"), ui.got("b")), ("df\\r".to_owned(), "ls".to_owned()));
    // With the focus on the run nobody hears: both are detached.
    ui.keys("C-a Home").text("rm");
    assert_eq!((ui.got("a"), ui.got("b")), ("df\\r".to_owned(), "ls".to_owned()));
    // Asked for once more, the shell that is open comes into focus.
    ui.keys("C-a $");
    assert_eq!(ui.app.broadcast().focus(), Some(shell));
}

#[test]
fn nothing_is_run_twice_and_no_tile_goes_while_its_command_runs() {
    let mut ui = run_on(&["a", "b"]);
    begins(&mut ui, 0);
    let opened = |ui: &Ui| ui.did(|effect| matches!(effect, Effect::Open { .. }));
    ui.keys("C-a x");
    assert!(ui.screen().contains("is not over"), "{}", ui.screen());
    assert_eq!(ui.app.tiles().len(), 2);
    ends(&mut ui, 0, "", Outcome::Exited(1));
    ui.keys("C-a r");
    assert!(ui.screen().contains("is not repeated"), "{}", ui.screen());
    ui.keys("C-a R");
    assert_eq!(opened(&ui), 2);
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Close(_))), 0);
}

#[test]
fn what_the_run_says_names_the_key_that_is_meant_here() {
    let mut ui = run_on(&["a"]);
    begins(&mut ui, 0);
    let said = "no more hosts are started, 1 goes on; C-c again ends its command";
    ui.step(Event::RunSaid(said.to_owned()));
    assert!(ui.screen().contains("1 goes on; C-a q again ends its command"), "{}", ui.screen());
}
