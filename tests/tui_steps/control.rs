//! Requests of scripts, by values: what they do, what they refuse, and that all of it is shown.

use std::time::Duration;

use omnes::pane::Color;
use omnes::tui::app::Options;
use omnes::tui::control::{ControlId, HostLine, HostScreen, Request, Response, Sign, Since, Which};
use omnes::tui::event::{Effect, Event};
use omnes::tui::guard::{Guards, Mixed};

use crate::harness::{SMALL, Ui, unknown_key};

/// Asks, and returns the answer if there is one at once.
fn ask(ui: &mut Ui, id: u64, request: Request) -> Option<Response> {
    ui.step(Event::Control(ControlId(id), request));
    answer(ui, id)
}

fn answer(ui: &Ui, id: u64) -> Option<Response> {
    ui.effects.iter().rev().find_map(|effect| match effect {
        Effect::Reply(to, response) if to.0 == id => Some(response.clone()),
        _ => None,
    })
}

fn said(response: Option<Response>) -> String {
    match response {
        Some(Response::Done { said }) => said,
        Some(Response::Refused { said }) => format!("refused: {said}"),
        Some(Response::Usage { said }) => format!("usage: {said}"),
        Some(Response::Waited { matched, missing, said }) => {
            format!("{}|{}|{said}", matched.join(","), missing.join(","))
        }
        other => panic!("{other:?}"),
    }
}

fn send(text: &str, host: Option<&str>) -> Request {
    Request::Send { text: text.into(), enter: true, host: host.map(str::to_owned), yes: false }
}

fn wait_line(regex: &str, host: Option<&str>, which: Which) -> Request {
    Request::Wait {
        sign: Sign::Line(regex.into()),
        host: host.map(str::to_owned),
        which,
        from: Since::Sent,
        timeout_ms: Some(5_000),
    }
}

#[test]
fn a_list_tells_how_each_host_stands() {
    let mut ui = Ui::of(&["web1", "web2", "web3"]);
    ui.output("web1", "one\r\n\x1b[1mtwo\x1b[m\u{202e} \r\n");
    ui.dies("web2");
    ui.stick("web3");
    ui.text("x");
    let Some(Response::Hosts { hosts }) = ask(&mut ui, 1, Request::List { host: None }) else {
        panic!("a list")
    };
    let usual =
        HostLine { state: "ready".into(), part: "attached".into(), scope: true, ..HostLine::default() };
    let web1 =
        HostLine { host: "web1".into(), receiving: true, focus: true, last: "two".into(), ..usual.clone() };
    let web2 =
        HostLine { host: "web2".into(), state: "closed".into(), reason: "link lost".into(), ..usual.clone() };
    let web3 = HostLine { host: "web3".into(), receiving: true, behind: 1, ..usual };
    assert_eq!(hosts, [web1, web2, web3.clone()]);
    let named = ask(&mut ui, 2, Request::List { host: Some("web3".into()) });
    assert_eq!(named, Some(Response::Hosts { hosts: vec![web3] }));
    let none = said(ask(&mut ui, 3, Request::List { host: Some("db1".into()) }));
    assert!(none.starts_with("refused: ") && none.contains("db1"), "{none}");
}

#[test]
fn a_text_goes_to_those_who_hear_or_to_those_who_are_named_and_is_shown() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| ui.output(name, "$ "));
    assert_eq!(said(ask(&mut ui, 1, send("ls", None))), "sent \"ls\" Enter to a,b,c");
    assert_eq!(ui.all_got(), ["ls\\r", "ls\\r", "ls\\r"]);
    assert!(ui.screen().contains("ctl: sent \"ls\" Enter to a,b,c"), "{}", ui.screen());
    // A detached host in focus hears alone, as with keys; naming others does not change who hears.
    ui.keys("C-a d");
    ask(&mut ui, 2, send("x", None));
    ask(&mut ui, 3, send("y", Some("b")));
    assert_eq!(ui.all_got(), ["ls\\rx\\r", "ls\\ry\\r", "ls\\r"]);
    let keys = Request::Keys { keys: "C-c Up".into(), host: Some("c".into()), yes: false };
    ask(&mut ui, 4, keys);
    assert_eq!(ui.got("c"), "ls\\r\\u{3}\\u{1b}[A");
    assert!(ui.app.broadcast().has_begun(), "what scripts send to all is a broadcast");
}

#[test]
fn keys_are_encoded_for_each_host_as_its_program_wants_them() {
    let mut ui = Ui::of(&["vim", "sh"]);
    ui.output("vim", "\x1b[?1h");
    ask(&mut ui, 1, Request::Keys { keys: "Up".into(), host: None, yes: false });
    assert_eq!((ui.got("vim"), ui.got("sh")), ("\\u{1b}OA".into(), "\\u{1b}[A".into()));
}

#[test]
fn what_cannot_be_sent_to_all_that_are_named_is_sent_to_none() {
    let mut ui = Ui::connecting(Default::default(), SMALL, &["a", "b", "c"]);
    ui.ready("a");
    ui.ready("b");
    ui.dies("b");
    for (hosts, why) in [("a,b", "b is closed"), ("a,c", "c is not ready yet")] {
        let answer = said(ask(&mut ui, 1, send("ls", Some(hosts))));
        assert_eq!(answer, format!("refused: nothing was sent: {why}"), "{hosts}");
        assert_eq!(ui.got("a"), "");
    }
    ui.text("x");
    ui.ready("c");
    let answer = said(ask(&mut ui, 2, send("ls", Some("c"))));
    assert_eq!(answer, "refused: nothing was sent: c is not let in yet");
    assert_eq!(said(ask(&mut ui, 3, Request::Attach { hosts: "c".into() })), "attached c");
    ui.output("c", "$ ");
    assert_eq!(said(ask(&mut ui, 4, send("ls", Some("c")))), "sent \"ls\" Enter to c");
}

#[test]
fn what_executes_or_acts_by_itself_must_be_confirmed() {
    let mut ui = Ui::of(&["a"]);
    for text in ["one\ntwo", "one\r", "\x03", "x\x1b[A"] {
        let answer = said(ask(&mut ui, 1, send(text, None)));
        assert!(answer.starts_with("refused: nothing was sent: the text has "), "{text:?}: {answer}");
    }
    assert_eq!(ui.got("a"), "");
    let yes = Request::Send { text: "one\ntwo\x03\tz".into(), enter: false, host: None, yes: true };
    ask(&mut ui, 2, yes);
    assert_eq!(ui.got("a"), "one\\rtwo\\u{3}\\tz");
    assert!(
        said(ask(&mut ui, 3, Request::Keys { keys: "C-nope".into(), host: None, yes: false }))
            .starts_with("usage: ")
    );
    assert!(
        said(ask(&mut ui, 4, Request::Keys { keys: " ".into(), host: None, yes: false }))
            .starts_with("usage: ")
    );
}

#[test]
fn a_guarded_line_must_be_confirmed_however_it_is_put_together() {
    let prod = Guards::guard("prod", Color::Indexed(1), &["reboot".to_owned()], 1).expect("a good pattern");
    let options = Options { guards: Guards::new(Mixed::Tell, vec![prod]), ..Options::default() };
    let mut ui = Ui::tagged(options, SMALL, &[("web", "web", "prod"), ("lab", "", "")]);
    let keys = |keys: &str| Request::Keys { keys: keys.into(), host: None, yes: false };
    for request in [send("sudo reboot", None), send("reboot", Some("web"))] {
        let answer = said(ask(&mut ui, 1, request));
        assert!(answer.contains("guarded") && answer.ends_with("`--yes` sends it"), "{answer}");
    }
    assert_eq!(ui.all_got(), ["", ""]);
    // Without Enter nothing is executed; the Enter that would execute it is asked about, and C-c is not.
    let typed = Request::Send { text: "reboot".into(), enter: false, host: None, yes: false };
    ask(&mut ui, 2, typed.clone());
    for enter in ["Enter", "C-m", "C-c Enter"] {
        let answer = said(ask(&mut ui, 3, keys(enter)));
        assert!(answer.contains("guarded"), "{enter}: {answer}");
    }
    ask(&mut ui, 4, keys("C-c"));
    ["web", "lab"].iter().for_each(|name| ui.output(name, "\r\n$ "));
    assert_eq!(said(ask(&mut ui, 5, send("ls", None))), "sent \"ls\" Enter to lab,web");
    ask(
        &mut ui,
        6,
        Request::Send { text: "reboot".into(), enter: true, host: Some("web".into()), yes: true },
    );
    assert_eq!(ui.got("web"), "reboot\\u{3}ls\\rreboot\\r");
}

#[test]
fn keys_are_guarded_as_the_line_that_they_type() {
    let prod = Guards::guard("prod", Color::Indexed(1), &["reboot".to_owned()], 1).expect("a good pattern");
    let options = Options { guards: Guards::new(Mixed::Tell, vec![prod]), ..Options::default() };
    let mut ui = Ui::tagged(options, SMALL, &[("web", "web", "prod"), ("lab", "", "")]);
    let keys = |keys: &str| Request::Keys { keys: keys.into(), host: None, yes: false };
    for line in ["r e b o o t Enter", "l s C-j r e b x Backspace o o t C-m"] {
        let answer = said(ask(&mut ui, 1, keys(line)));
        assert!(answer.contains("guarded"), "{line}: {answer}");
    }
    // What stands in the line of a host counts wherever the cursor is, and what each was typed alone.
    ask(&mut ui, 2, Request::Send { text: "x".into(), enter: false, host: Some("lab".into()), yes: false });
    ask(&mut ui, 2, Request::Send { text: "reb".into(), enter: false, host: Some("web".into()), yes: false });
    assert!(said(ask(&mut ui, 3, keys("o o t Enter"))).contains("guarded"));
    assert_eq!(ui.all_got(), ["x", "reb"]);
}

#[test]
fn hosts_in_different_modes_are_a_reason_to_confirm_where_the_user_is_asked_too() {
    let options = Options { guards: Guards::new(Mixed::Ask, vec![]), ..Options::default() };
    let mut ui = Ui::with(options, SMALL, &["sh", "vim"]);
    ui.output("sh", "$ ");
    ui.output("vim", "\x1b[?1049h~");
    let answer = said(ask(&mut ui, 1, send("ls", None)));
    assert!(answer.contains("not in the same mode: 1 at a shell prompt, 1 in a full-screen"), "{answer}");
    assert_eq!(ui.all_got(), ["", ""]);
    let yes = Request::Send { text: "ls".into(), enter: true, host: None, yes: true };
    ask(&mut ui, 2, yes);
    assert_eq!(ui.all_got(), ["ls\\r", "ls\\r"]);
}

#[test]
fn what_requests_send_stands_in_the_history() {
    let mut ui = Ui::of(&["a", "b"]);
    ["a", "b"].iter().for_each(|name| ui.output(name, "$ "));
    ask(&mut ui, 1, send("uptime", None));
    ["a", "b"].iter().for_each(|name| ui.output(name, "uptime\r\n$ "));
    // Typed, and ended by a script; and keys.
    ui.text("ls");
    ask(&mut ui, 2, Request::Keys { keys: "Enter".into(), host: None, yes: false });
    ["a", "b"].iter().for_each(|name| ui.output(name, "ls\r\n$ "));
    ask(&mut ui, 3, Request::Keys { keys: "i d Enter".into(), host: Some("b".into()), yes: false });
    let sent: Vec<String> = (ui.app.sent().newest())
        .map(|entry| format!("{} {}: {}", entry.how.word(), entry.hosts, entry.text))
        .collect();
    assert_eq!(sent, ["typed b: id", "typed a,b: ls", "ctl a,b: uptime"]);
}

#[test]
fn nothing_is_sent_to_a_host_that_waits_for_a_secret() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "$ ");
    ui.output("b", "[sudo] password for ann: ");
    for request in [send("hunter2", None), send("hunter2", Some("b"))] {
        let answer = said(ask(&mut ui, 1, request));
        assert!(answer.contains("b waits for a secret"), "{answer}");
    }
    assert_eq!(ui.all_got(), ["", ""]);
    assert_eq!(said(ask(&mut ui, 2, send("ls", Some("a")))), "sent \"ls\" Enter to a");
}

#[test]
fn a_dialog_is_answered_by_no_request() {
    let acts = || {
        [
            send("y", None),
            send("y", Some("a")),
            Request::Keys { keys: "y".into(), host: None, yes: true },
            Request::Do { action: "close".into() },
            Request::Focus { host: "b".into() },
            Request::Detach { hosts: "b".into() },
            Request::Select { hosts: "b".into() },
            Request::Open { hosts: "c".into() },
            Request::Close { hosts: "b".into() },
            Request::Quit {},
        ]
    };
    let mut asked = Ui::of(&["a", "b"]);
    asked.keys("C-a x");
    let mut asks = Ui::of(&["a", "b"]);
    asks.ask(unknown_key("c"));
    asks.keys("C-a a");
    for ui in [&mut asked, &mut asks] {
        let before = ui.screen();
        for request in acts() {
            let answer = said(ask(ui, 1, request.clone()));
            assert!(answer.starts_with("refused: "), "{request:?}: {answer}");
        }
        assert_eq!(ui.screen(), before, "nothing happened");
        assert!(ui.answers().is_empty() && ui.did(|e| matches!(e, Effect::Quit | Effect::FindFor(..))) == 0);
        assert_eq!(ui.all_got(), ["", ""]);
        assert!(
            matches!(ask(ui, 2, Request::List { host: None }), Some(Response::Hosts { .. })),
            "looking is free"
        );
    }
}

#[test]
fn hosts_are_taken_out_put_back_selected_focused_and_closed() {
    let mut ui = Ui::of(&["web1", "web2", "web3", "db1"]);
    for (request, expected, hears) in [
        (Request::Detach { hosts: "web[2-3]".into() }, "detached web[2-3]", "→ 2 of 4 hosts"),
        (Request::Attach { hosts: "web2".into() }, "attached web2", "→ 3 of 4 hosts"),
        (Request::Focus { host: "web3".into() }, "the focus is on web3", "→ web3 alone"),
        (Request::Attach { hosts: "all".into() }, "attached db1,web[1-3]", "→ 4 hosts"),
        (Request::Focus { host: "web[1-2]".into() }, "refused: the focus is on one host", "→ 4 hosts"),
        (Request::Close { hosts: "db1".into() }, "closed db1", "→ 3 hosts"),
        (Request::Do { action: "detach".into() }, "detach: web3 is detached", "→ web3 alone"),
        (
            Request::Do { action: "detahc".into() },
            "usage: `detahc` is no action; did you mean `detach`?",
            "→ web3",
        ),
        (Request::Do { action: "line-up".into() }, "refused: `line-up` works while", "→ web3"),
    ] {
        let answer = said(ask(&mut ui, 1, request.clone()));
        assert!(answer.starts_with(expected), "{request:?}: {answer}");
        assert!(ui.status().starts_with(hears), "{request:?}: {}", ui.status());
        if !expected.contains("refused") && !expected.contains("usage") {
            let words = format!("ctl: {expected}");
            assert!(ui.screen().contains(&words), "{words}: {}", ui.screen());
        }
    }
    ask(&mut ui, 2, Request::Quit {});
    assert_eq!(ui.did(|e| matches!(e, Effect::Quit)), 1);
}

#[test]
fn a_scope_is_chosen_and_given_up() {
    let mut ui = Ui::of(&["web1", "web2", "db1"]);
    ask(&mut ui, 1, Request::Select { hosts: "web[1-2]".into() });
    ui.text("x");
    assert_eq!(ui.all_got(), ["", "x", "x"], "db1 is outside");
    assert!(said(ask(&mut ui, 2, send("ls", Some("db1")))).contains("db1 is outside the scope"));
    ask(&mut ui, 3, Request::Select { hosts: "all".into() });
    ui.text("y");
    assert_eq!(ui.all_got(), ["y", "xy", "xy"]);
}

#[test]
fn what_hosts_show_is_told_as_text() {
    let mut ui = Ui::of(&["a", "b"]);
    (0..60).for_each(|n| ui.output("a", &format!("line {n}\r\n")));
    ui.output("b", "\x1b[31mred\x1b[m\u{9b}31m\r\n\r\n");
    let dump = |ui: &mut Ui, host: Option<&str>, history| match ask(
        ui,
        1,
        Request::Dump { host: host.map(str::to_owned), history },
    ) {
        Some(Response::Screens { screens }) => screens,
        other => panic!("{other:?}"),
    };
    let all = dump(&mut ui, None, false);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].lines.last().map(String::as_str), Some("line 59"));
    assert!(all[0].lines.len() < 60);
    assert!(all[1].lines[0].starts_with("red"), "{:?}", all[1]);
    let whole = dump(&mut ui, Some("a"), true);
    let lines = (0..60).map(|n| format!("line {n}")).collect();
    assert_eq!(whole, [HostScreen { host: "a".into(), lines }]);
}

#[test]
fn a_wait_ends_when_all_show_it() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "$ done\r\n$ ");
    ui.output("b", "$ ");
    assert_eq!(ask(&mut ui, 1, wait_line("done$", None, Which::All)), None, "a shows it, b does not");
    ui.output("b", "do");
    ui.wait(Duration::from_millis(100));
    assert_eq!(answer(&ui, 1), None);
    ui.output("b", "ne\r\n");
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 1)), "a,b||seen on a,b");
    // One is enough where one was asked for, and what shows already is found at once.
    assert_eq!(said(ask(&mut ui, 2, wait_line("do.e", None, Which::Any))), "a,b||seen on a,b");
    let bad = said(ask(&mut ui, 3, wait_line("(", None, Which::All)));
    assert!(bad.starts_with("usage: "), "{bad}");
}

#[test]
fn a_wait_counts_what_came_after_the_last_thing_that_was_sent() {
    let mut ui = Ui::of(&["a"]);
    ui.output("a", "$ make\r\nok\r\n$ ");
    ask(&mut ui, 1, send("make", None));
    ui.output("a", "make");
    assert_eq!(
        ask(&mut ui, 2, wait_line("ok|make", None, Which::All)),
        None,
        "neither the old one nor the echo"
    );
    ui.output("a", "\r\n");
    ui.wait(Duration::from_millis(100));
    assert_eq!(answer(&ui, 2), None);
    // It may have left the screen by the time that somebody looks.
    ui.output("a", &format!("ok\r\n{}", "x\r\n".repeat(100)));
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 2)), "a||seen on a");
    // After the screen was cleared, lines count from its top.
    ask(&mut ui, 3, send("clear; make", None));
    assert_eq!(ask(&mut ui, 4, wait_line("ok", None, Which::All)), None);
    ui.output("a", "\x1b[H\x1b[2Jok\r\n$ ");
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 4)), "a||seen on a");
}

#[test]
fn a_wait_for_a_prompt_ends_at_the_next_one() {
    let mut ui = Ui::of(&["a", "b"]);
    ui.output("a", "$ ");
    ui.output("b", "$ ");
    let prompt = || Request::Wait {
        sign: Sign::Prompt,
        host: None,
        which: Which::All,
        from: Since::Sent,
        timeout_ms: None,
    };
    assert_eq!(said(ask(&mut ui, 1, prompt())), "a,b||seen on a,b");
    ask(&mut ui, 2, send("sleep 1", None));
    assert_eq!(ask(&mut ui, 3, prompt()), None, "the prompt before is not the one after");
    ui.output("a", "sleep 1\r\n$ ");
    ui.output("b", "sleep 1\r\n");
    ui.wait(Duration::from_millis(100));
    assert_eq!(answer(&ui, 3), None);
    ui.output("b", "$ ");
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 3)), "a,b||seen on a,b");
}

#[test]
fn a_wait_that_cannot_end_well_says_for_whom() {
    let mut ui = Ui::of(&["a", "b", "c"]);
    ask(&mut ui, 1, wait_line("x", None, Which::All));
    ui.output("a", "x\r\n");
    ui.wait(Duration::from_secs(4));
    assert_eq!(answer(&ui, 1), None);
    ui.wait(Duration::from_secs(1));
    assert_eq!(said(answer(&ui, 1)), "a|b,c|the time is over, and it was not seen on b,c");
    ask(&mut ui, 2, wait_line("y", Some("b,c"), Which::All));
    ui.dies("b");
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 2)), "|b,c|it will not be seen on b: closed");
    // Of two the one that is left may still show it.
    ask(&mut ui, 3, wait_line("y", Some("a,c"), Which::Any));
    ui.dies("a");
    ui.wait(Duration::from_millis(100));
    assert_eq!(answer(&ui, 3), None);
    ui.output("c", "y\r\n");
    ui.wait(Duration::from_millis(100));
    assert_eq!(said(answer(&ui, 3)), "c||seen on c");
    // Who went away is not answered, and nothing wakes for him.
    ask(&mut ui, 4, wait_line("z", Some("c"), Which::All));
    ui.step(Event::ControlGone(ControlId(4)));
    ui.output("c", "z\r\n");
    ui.wait(Duration::from_secs(60));
    assert_eq!((answer(&ui, 4), ui.app.wake_at()), (None, None));
}

#[test]
fn hosts_are_opened_when_they_have_been_found() {
    let mut ui = Ui::of(&["a"]);
    assert_eq!(ask(&mut ui, 7, Request::Open { hosts: "b".into() }), None);
    let asked = |e: &Effect| matches!(e, Effect::FindFor(ControlId(7), text) if text == "b");
    assert_eq!(ui.did(asked), 1);
    ui.found_for(7, &["b"]);
    assert_eq!(said(answer(&ui, 7)), "opened b");
    assert_eq!(ui.app.tiles().len(), 2);
    ask(&mut ui, 8, Request::Open { hosts: "nope".into() });
    ui.step(Event::FoundFor(ControlId(8), Err("no host `nope`\x1b[2J".into())));
    assert_eq!(said(answer(&ui, 8)), "refused: no host `nope`^[[2J");
}

#[test]
fn what_a_script_sends_stands_in_the_history_and_keys_do_not() {
    let mut ui = Ui::of(&["web1", "web2"]);
    ui.output("web1", "$ ");
    ui.output("web2", "$ ");
    ask(&mut ui, 1, send("uptime", Some("web2")));
    ask(&mut ui, 2, Request::Keys { keys: "C-c Up".into(), host: None, yes: false });
    let sent: Vec<String> = (ui.app.sent().newest())
        .map(|entry| format!("{} {} {}", entry.how.word(), entry.hosts, entry.text))
        .collect();
    assert_eq!(sent, ["ctl web2 uptime"]);
    ui.output("web1", "[sudo] password for ann: ");
    assert!(said(ask(&mut ui, 3, send("hunter2", None))).contains("waits for a secret"));
    assert_eq!(ui.app.sent().newest().len(), 1);
}

fn act(action: &str) -> Request {
    Request::Do { action: action.into() }
}

#[test]
fn an_action_that_comes_to_nothing_is_refused_with_its_reason() {
    for action in [
        "scope-invert",
        "scope-marked",
        "scope-3",
        "refresh-scope",
        "name-scope",
        "page-next",
        "page-previous",
        "admit",
        "send-kept",
        "send-all-kept",
        "reconnect",
        "reconnect-all",
        "fold-members",
        "next-odd",
        "compare",
        "pan-left",
        "answer",
        "macros",
        "history",
        "next-mark",
        "focus-in-need",
        "search-hits",
        "copy-to-file",
    ] {
        let mut ui = Ui::with(Options::default(), omnes::size::Size::new(60, 200), &["web1"]);
        match ask(&mut ui, 1, act(action)) {
            Some(Response::Refused { said }) => {
                let reason = said.strip_prefix(&format!("{action}: ")).expect("the action's name");
                assert!(ui.screen().contains(&format!("ctl: {action}: {reason}")), "{}", ui.screen());
            }
            other => panic!("{action}: {other:?}"),
        }
    }
    let mut ui = Ui::with(Options::default(), SMALL, &[]);
    for action in ["detach", "close", "mark", "log", "record", "scrollback"] {
        let answer = said(ask(&mut ui, 1, act(action)));
        assert!(answer.starts_with("refused: ") && answer.contains("no host is open"), "{action}: {answer}");
    }
}

#[test]
fn an_action_that_does_something_is_not_refused() {
    let mut ui = Ui::of(&["web1", "web2"]);
    for action in ["detach", "attach-all", "mark", "scope-marked", "scope-all", "zoom", "fold", "help"] {
        if let Some(Response::Refused { said }) = ask(&mut ui, 1, act(action)) {
            panic!("{action}: {said}");
        }
    }
}
