//! What is kept: logs, recordings, what was sent, sets of hosts.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::broadcast::Part;
use omnes::session::SessionId;
use omnes::size::Size;
use omnes::tui::app::{App, HistoryKept, LogStart, Options, Restored, SentText};
use omnes::tui::event::{Effect, Event};
use omnes::tui::keep::set::{OpenSet, SavedHost, SavedLayout};
use omnes::tui::keep::words::{Keep, Past, Recorded, Told};

use super::harness::{SMALL, Ui, host};

/// What was asked to be kept, in order and in short.
fn kept(ui: &Ui) -> Vec<String> {
    let kept = |effect: &Effect| match effect {
        Effect::Keep(Keep::Log { session, host }) => Some(format!("log {host} {}", session.0)),
        Effect::Keep(Keep::Unlog(session)) => Some(format!("unlog {}", session.0)),
        Effect::Keep(Keep::Record { host, size, .. }) => {
            Some(format!("record {host} {}x{}", size.cols, size.rows))
        }
        Effect::Keep(Keep::EndRecord(session)) => Some(format!("end {}", session.0)),
        Effect::Keep(Keep::RecordScreen(size)) => Some(format!("record screen {}x{}", size.cols, size.rows)),
        Effect::Keep(Keep::EndRecordScreen) => Some("end screen".to_owned()),
        Effect::Keep(Keep::ScreenSize(size)) => Some(format!("screen {}x{}", size.cols, size.rows)),
        Effect::Keep(Keep::Sent(entry)) => {
            Some(format!("{} {} {}", entry.how.word(), entry.hosts, entry.text))
        }
        Effect::Keep(Keep::Save { name, .. }) => Some(format!("save {name}")),
        Effect::Open { session, .. } => Some(format!("open {}", session.0)),
        _ => None,
    };
    ui.effects.iter().filter_map(kept).collect()
}

/// The same since the last call.
fn new_kept(ui: &mut Ui) -> Vec<String> {
    let kept = kept(ui);
    ui.effects.clear();
    kept
}

fn fresh(names: &[&str]) -> Ui {
    let mut ui = Ui::of(names);
    ui.effects.clear();
    ui
}

/// Text that each of these hosts echoes as a shell does, and Enter.
fn line(ui: &mut Ui, names: &[&str], text: &str) {
    for c in text.chars() {
        ui.text(&c.to_string());
        names.iter().for_each(|name| ui.output(name, &c.to_string()));
    }
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\n$ "));
}

#[test]
fn a_log_is_switched_shown_and_goes_on_with_the_next_session() {
    let mut ui = fresh(&["web01", "web02"]);
    ui.keys("C-a L");
    assert_eq!(new_kept(&mut ui), ["log web01 0"]);
    assert!(ui.screen().lines().next().expect("a title").contains("web01 · log"), "{}", ui.screen());
    assert!(ui.status().contains("1 logged"), "{}", ui.status());
    ui.step(Event::Kept(Told::Logs(SessionId(0), "/logs/web01.log".to_owned())));
    assert!(ui.screen().contains("web01 is logged in /logs/web01.log"), "{}", ui.screen());

    ui.dies("web01");
    ui.keys("C-a r");
    assert_eq!(
        new_kept(&mut ui),
        ["log web01 2", "open 2"],
        "the log is there before the session says a word"
    );
    ui.keys("C-a L");
    assert_eq!(new_kept(&mut ui), ["unlog 2"]);
    assert!(!ui.screen().contains("· log") && !ui.status().contains("1 logged"), "{}", ui.screen());
}

#[test]
fn all_hosts_are_logged_and_those_that_come_and_then_none() {
    let mut ui = fresh(&["web01", "web02"]);
    ui.keys("C-a L C-a M-l");
    assert_eq!(new_kept(&mut ui), ["log web01 0", "log web02 1"]);
    ui.step(Event::Kept(Told::Logs(SessionId(1), "/logs/web02.log".to_owned())));
    assert!(
        ui.screen().contains("every host is logged in /logs, and every one that comes"),
        "{}",
        ui.screen()
    );
    ui.added(&["web03"]);
    assert_eq!(new_kept(&mut ui), ["log web03 2", "open 2"]);
    ui.keys("C-a M-l");
    assert_eq!(new_kept(&mut ui), ["unlog 0", "unlog 1", "unlog 2"]);
    ui.added(&["web04"]);
    assert_eq!(new_kept(&mut ui), ["open 3"]);
}

#[test]
fn hosts_are_logged_from_the_beginning_where_the_user_prefers_it() {
    let options = Options { log: LogStart::Every, ..Options::default() };
    let mut ui = Ui::connecting(options, SMALL, &["web01"]);
    assert_eq!(new_kept(&mut ui), ["log web01 0", "open 0"]);
}

#[test]
fn logs_that_share_a_full_disk_are_one_sentence_and_nothing_else_suffers() {
    let mut ui = fresh(&["web01", "web02", "web03"]);
    ui.keys("C-a M-l");
    for session in 0..3 {
        ui.step(Event::Kept(Told::LogStopped(
            SessionId(session),
            "/logs/x.log: No space left on device".to_owned(),
        )));
    }
    let said = "the logs of web03 and 2 more have stopped: /logs/x.log: No space left on device; no host is logged any more, \
        nor any that comes";
    assert_eq!(ui.app.notes().note().map(|note| note.text.as_str()), Some(said));
    assert!(!ui.screen().contains("· log"), "{}", ui.screen());
    ui.text("x");
    assert_eq!(ui.all_got(), ["x", "x", "x"]);
    ui.effects.clear();
    ui.added(&["web04"]);
    assert_eq!(new_kept(&mut ui), ["open 3"], "a log that would fail again is not begun");
    ui.step(Event::Kept(Told::LogGap(SessionId(0), 4_096)));
    let said = "web01: 4096 bytes are not in its log, since the disk is slower than the host";
    assert!(ui.screen().contains(said), "{}", ui.screen());
}

#[test]
fn one_log_that_stops_ends_no_other_and_none_of_a_host_that_comes() {
    let mut ui = fresh(&["web01", "web02", "web03"]);
    ui.keys("C-a M-l");
    new_kept(&mut ui);
    ui.step(Event::Kept(Told::LogStopped(SessionId(1), "/logs/web02.log: it is locked".to_owned())));
    let said = "the log of web02 has stopped: /logs/web02.log: it is locked; 2 others go on";
    assert_eq!(ui.app.notes().note().map(|note| note.text.as_str()), Some(said));
    assert!(ui.status().contains("2 logged"), "{}", ui.status());
    ui.added(&["web04"]);
    assert_eq!(new_kept(&mut ui), ["log web04 3", "open 3"], "every host is logged still");
    ui.keys("C-a M-l");
    assert_eq!(new_kept(&mut ui), ["log web02 1"], "asked again, the one that stopped begins anew");
}

#[test]
fn a_recording_is_always_shown_and_ends_with_its_session() {
    let mut ui = fresh(&["web01", "web02"]);
    ui.output("web01", "here \x1b[31mred");
    ui.keys("C-a E");
    let redraw = ui.effects.iter().find_map(|effect| match effect {
        Effect::Keep(Keep::Record { redraw, .. }) => Some(String::from_utf8_lossy(redraw).into_owned()),
        _ => None,
    });
    assert!(redraw.expect("it is recorded").contains("here \x1b[0;38;5;1mred"));
    assert_eq!(new_kept(&mut ui), ["record web01 80x24"]);
    assert!(ui.status().ends_with("● rec C-a ? help"), "{}", ui.status());
    assert!(ui.screen().contains("web01 · ● rec"), "{}", ui.screen());
    ui.keys("C-a E");
    assert_eq!(new_kept(&mut ui), ["end 0"]);
    assert!(!ui.screen().contains("rec"), "{}", ui.screen());

    ui.keys("C-a E");
    ui.dies("web01");
    ui.step(Event::Kept(Told::RecordEnded(Recorded::Pane(SessionId(0)), "/rec/web01.cast".to_owned())));
    assert!(ui.screen().contains("the recording of web01 is in /rec/web01.cast"), "{}", ui.screen());
    assert!(!ui.status().contains("● rec"), "{}", ui.status());
    ui.keys("C-a E");
    assert!(ui.status().contains("web01 is closed; there is nothing to record"), "{}", ui.status());
}

#[test]
fn the_screen_is_recorded_whole_and_with_its_sizes() {
    let mut ui = fresh(&["web01"]);
    ui.keys("C-a M-e");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Redraw)), 1, "the first frame is painted whole");
    assert_eq!(new_kept(&mut ui), ["record screen 80x25"]);
    ui.step(Event::Resize(Size::new(30, 100)));
    assert_eq!(new_kept(&mut ui), ["screen 100x30"]);
    assert!(ui.status().contains("● rec"), "{}", ui.status());
    ui.step(Event::Kept(Told::RecordStopped(Recorded::Screen, "/rec: No space left on device".to_owned())));
    assert!(
        ui.screen().contains("the recording of the screen has stopped: /rec: No space"),
        "{}",
        ui.screen()
    );
    assert!(!ui.status().contains("● rec"), "{}", ui.status());
    ui.step(Event::Resize(Size::new(25, 80)));
    assert_eq!(new_kept(&mut ui), Vec::<String>::new());
}

#[test]
fn lines_are_remembered_with_who_heard_them() {
    let names = ["web01", "web02", "web03"];
    let mut ui = fresh(&names);
    names.iter().for_each(|name| ui.output(name, "$ "));
    line(&mut ui, &names, "uptime");
    ui.keys("C-a d");
    line(&mut ui, &["web01"], "vi app.conf");
    line(&mut ui, &["web01"], " ignored, as a shell does");
    ui.keys("Enter");
    ui.text("mak").keys("Tab");
    ui.output("web01", "make ");
    ui.keys("Enter");
    assert_eq!(
        new_kept(&mut ui),
        ["typed web[01-03] uptime", "typed web01 vi app.conf", "typed web01 mak… (finished on the host)"]
    );
}

#[test]
fn an_enter_that_ends_different_lines_gives_no_host_the_line_of_another() {
    let names = ["web01", "web02", "web03"];
    let mut ui = fresh(&names);
    names.iter().for_each(|name| ui.output(name, "$ "));
    // Half a line to web01 alone, and the rest to all.
    ui.keys("C-a d");
    ui.text("sudo ");
    ui.output("web01", "sudo ");
    ui.keys("C-a d");
    line(&mut ui, &names, "uptime");
    assert_eq!(new_kept(&mut ui), ["typed web01 sudo uptime", "typed web[02-03] uptime"]);

    // What an editor on one host was told is not said of the others.
    ui.keys("C-a d").text("x").keys("Esc").keys("C-a d");
    line(&mut ui, &names, ":q!");
    assert_eq!(new_kept(&mut ui), ["typed web01 x:q!… (finished on the host)", "typed web[02-03] :q!"]);

    // The name of each host, sent to many, is as many lines.
    let many: Vec<String> = (1..=9).map(|n| format!("db{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut ui = fresh(&many);
    many.iter().for_each(|name| ui.output(name, "$ "));
    ui.keys("C-a N");
    many.iter().for_each(|name| ui.output(name, name));
    ui.keys("Enter");
    assert_eq!(
        new_kept(&mut ui),
        ["typed db[1-9] (more than 8 different lines at once: not kept one by one)"]
    );
}

#[test]
fn nothing_that_may_be_a_secret_is_remembered() {
    let names = ["web01", "web02"];
    let mut ui = fresh(&names);
    names.iter().for_each(|name| ui.output(name, "$ "));
    names.iter().for_each(|name| ui.output(name, "\r\n[sudo] password for ann: "));
    ui.text("hunter2").keys("Enter");
    // Nobody says that it is a secret, but nothing is echoed.
    names.iter().for_each(|name| ui.output(name, "\r\nenter the thing now "));
    ui.text("hunter2").wait(Duration::from_secs(2)).keys("Enter");
    // The same, and Enter comes before it can be told.
    names.iter().for_each(|name| ui.output(name, "\r\nenter the thing now "));
    ui.text("hunter2").keys("Enter");
    // A paste that ends the line itself.
    names.iter().for_each(|name| ui.output(name, "\r\nPassword: "));
    ui.step(Event::Paste("hunter2\n".to_owned().into()));
    ui.settle().keys("y");
    names.iter().for_each(|name| ui.output(name, "\r\nenter the thing now "));
    ui.step(Event::Paste("hunter2\n".to_owned().into()));
    ui.settle().keys("y");
    assert!(ui.all_got().iter().all(|got| got.matches("hunter2").count() == 5), "{:?}", ui.all_got());
    assert_eq!(
        kept(&ui),
        [
            "typed web[01-02] (not kept: secret prompt)",
            "typed web[01-02] (not kept: its echo was not seen)",
            "typed web[01-02] (not kept: its echo was not seen)",
            "pasted web[01-02] (not kept: secret prompt)",
            "pasted web[01-02] (not kept: its echo was not seen)",
        ]
    );
    assert!(!format!("{:?}", ui.app.sent()).contains("hunter2"));
}

#[test]
fn a_paste_of_several_lines_is_remembered_once() {
    let mut ui = fresh(&["web01"]);
    ui.output("web01", "\x1b[?2004h$ ");
    ui.step(Event::Paste("one\ntwo".to_owned().into()));
    ui.settle().keys("y");
    ui.output("web01", "one\r\ntwo");
    ui.keys("Enter");
    ui.output("web01", "\r\n$ ");
    ui.text("ls ");
    ui.step(Event::Paste("-l".to_owned().into()));
    ui.output("web01", "ls -l");
    ui.keys("Enter");
    assert_eq!(kept(&ui), ["pasted web01 one\ntwo", "typed web01 ls -l"]);
}

#[test]
fn the_history_can_be_off() {
    let options = Options { history: HistoryKept::No, ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["web01"]);
    ui.effects.clear();
    ui.output("web01", "$ ");
    line(&mut ui, &["web01"], "uptime");
    assert_eq!(kept(&ui), Vec::<String>::new());
    ui.keys("C-a I");
    assert!(ui.status().contains("nothing was sent yet"), "{}", ui.status());
}

#[test]
fn the_list_shows_what_was_sent_and_copies_it() {
    let mut ui = Ui::with(Options::default(), Size::new(12, 70), &["web01"]);
    let past = |text: Option<&str>| Past {
        time: "2026-11-21T14:55:08Z".to_owned(),
        how: None,
        hosts: "db[1-3]".to_owned(),
        text: text.map(str::to_owned),
    };
    ui.step(Event::Kept(Told::Past(vec![past(None), past(Some("reboot"))])));
    ui.output("web01", "$ ");
    line(&mut ui, &["web01"], "uptime");
    ui.wait(Duration::from_secs(130));
    ui.keys("C-a I");
    assert_snapshot!(ui.screen(), @"
    ┌▶· web01◀───────────────────────────────────────────────────────────┐
    │$ uptime                                                            │
    ┏━ What was sent ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃›                                                                   ┃
    ┃▶ web01: uptime                                      typed 2 min ago┃
    ┃  db[1-3]: reboot                              sent 2026-11-21 14:55┃
    ┃  db[1-3]: (not kept)                          sent 2026-11-21 14:55┃
    ┃3 matches · ↑ ↓ move · Enter copies it · Esc leaves                 ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
    │                                                                    │
    └────────────────────────────────────────────────────────────────────┘
     → nobody: keys go to the dialog
    ");
    ui.keys("Enter");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Copy(text) if text == "uptime")), 1);
    assert!(
        ui.screen().contains("━ Compose → 1 host ━") && ui.screen().contains("┃uptime "),
        "{}",
        ui.screen()
    );
    ui.keys("Esc C-a I Down Enter");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Copy(text) if text == "reboot")), 1);
    assert!(ui.screen().contains("┃reboot "), "{}", ui.screen());
    ui.keys("C-p");
    assert!(ui.screen().contains("┃uptime "), "the draft before is not lost: {}", ui.screen());
    ui.keys("C-a C-k Esc C-a I Down Down Enter");
    assert!(ui.status().contains("the text of this entry was not kept"), "{}", ui.status());
    assert_eq!(ui.got("web01"), "uptime\\r", "nothing of the list reaches a host");
    assert!(ui.app.sent().newest().all(|entry| matches!(entry.text, SentText::Kept(_))));
}

#[test]
fn the_open_set_is_saved_under_a_name_that_can_be_one() {
    let mut ui = fresh(&["web01", "web02"]);
    ui.keys("C-a o C-a d C-a z C-a K");
    ui.text("../x").keys("Enter");
    assert!(ui.screen().contains("`../x` is no name for a set"), "{}", ui.screen());
    ui.keys("C-u");
    ui.text("rollout").keys("Enter");
    let set = ui.effects.iter().find_map(|effect| match effect {
        Effect::Keep(Keep::Save { name, set }) if name == "rollout" => Some((**set).clone()),
        _ => None,
    });
    let saved = |name: &str, detached| SavedHost { name: name.to_owned(), detached, ..SavedHost::default() };
    let mut expected = OpenSet::of(vec![saved("web01", false), saved("web02", true)]);
    expected.focus = Some("web02".to_owned());
    expected.layout = SavedLayout { zoom: true, ..SavedLayout::default() };
    assert_eq!(set, Some(expected));
    ui.step(Event::Kept(Told::Saved("rollout".to_owned())));
    assert!(ui.screen().contains("`omnes open --restore rollout` opens this set again"), "{}", ui.screen());
}

#[test]
fn a_set_comes_back_as_it_was_before_the_first_key() {
    let mut ui = fresh(&["web01", "web02", "web03"]);
    ui.keys("C-a m C-a o C-a d C-a m C-a M C-a S");
    ui.text("canary").keys("Enter C-a H");
    let set = ui.app.open_set();
    let text = set.to_text();
    assert!(text.contains("[[named]]\nname = \"canary\"\nhosts = [\"web01\", \"web02\"]\n"), "{text}");
    let set = OpenSet::parse("set", &text).expect("what was written");
    let mut app = App::new(Options::default(), SMALL);
    app.restore(Restored { set, missing: vec!["web04 (@web does not hold it any more)".to_owned()] });
    app.start(["web01", "web02", "web03"].map(host));
    let parts: Vec<Part> = app.broadcast().members().map(|member| member.part()).collect();
    assert_eq!(parts, [Part::Attached, Part::Detached, Part::Attached]);
    let focus = app.broadcast().focus().and_then(|id| app.tile(id)).map(|tile| tile.name.clone());
    assert_eq!(focus.as_deref(), Some("web02"));
    assert_eq!(
        app.broadcast().scope(),
        ui.app.broadcast().scope(),
        "the half of the scope that was in force"
    );
    assert_eq!(app.scopes().marked, ui.app.scopes().marked);
    let named: Vec<_> = app.scopes().named.iter().map(|taken| (&taken.choice.name, &taken.hosts)).collect();
    assert_eq!(named, ui.app.scopes().named.iter().map(|t| (&t.choice.name, &t.hosts)).collect::<Vec<_>>());
    let note = app.notes().note().map(|note| note.text.clone());
    assert_eq!(note.as_deref(), Some("not opened again: web04 (@web does not hold it any more)"));
}

#[test]
fn the_view_comes_back_with_the_set_and_only_where_it_was_changed() {
    let wide = Size::new(50, 200);
    let names = ["web01", "web02", "web03", "web04", "web05", "web06"];
    for (keys, written) in [
        ("C-a a", None),
        ("C-a Space", Some("[layout]\ndensity = \"compact\"\n")),
        ("C-a Space C-a Space C-a -", Some("[layout]\ndensity = \"lines\"\ncolumns = ")),
        ("C-a = C-a =", Some("[layout]\ncolumns = ")),
        ("C-a f", Some("[layout]\nfold = true\n")),
        ("C-a M-Space C-a f", Some("[layout]\nfold = true\ndensity = \"full\"\n")),
    ] {
        let mut ui = Ui::with(Options::default(), wide, &names);
        ui.keys(keys);
        let text = ui.app.open_set().to_text();
        match written {
            Some(written) => assert!(text.contains(written), "{keys}: {text}"),
            None => assert!(!text.contains("[layout]"), "{keys}: {text}"),
        }
        let set = OpenSet::parse("set", &text).expect("what was written");
        let mut app = App::new(Options::default(), wide);
        app.restore(Restored { set: set.clone(), missing: Vec::new() });
        app.start(names.map(host));
        let (before, after) = (ui.app.layout(), app.layout());
        assert_eq!((app.density(), app.fold_view()), (ui.app.density(), ui.app.fold_view()), "{keys}");
        let columns = |app: &App| app.open_set().layout.columns;
        assert_eq!(columns(&app), columns(&ui.app), "{keys}");
        if set.layout.fold.is_none() {
            assert_eq!((after.grid, after.form), (before.grid, before.form), "{keys}");
        }
        let again = app.open_set();
        assert_eq!(again.layout, set.layout, "{keys}: it is saved again as it was");
    }
}
