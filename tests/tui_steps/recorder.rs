//! What is done is recorded as a script of steps: by values, and as the file that is read again.

use std::time::Duration;

use omnes::play::file::parse;
use omnes::session::SessionId;
use omnes::tui::app::{Macro, Options, ScriptStart};
use omnes::tui::compose::Ending;
use omnes::tui::control::{ControlId, Request, Response};
use omnes::tui::event::{Effect, Event};
use omnes::tui::keep::words::{Keep, Told};

use crate::harness::{SMALL, Ui};

/// The file so far.
fn file(ui: &Ui) -> String {
    let text = |effect: &Effect| match effect {
        Effect::Keep(Keep::Script(text) | Keep::ScriptText(text)) => Some(text.clone()),
        _ => None,
    };
    ui.effects.iter().filter_map(text).collect()
}

/// The steps and remarks of the whole file once the recording has ended. It reads as a script.
fn recorded(ui: &mut Ui) -> String {
    ui.keys("C-a B");
    assert_eq!(ui.did(|effect| matches!(effect, Effect::Keep(Keep::EndScript))), 1);
    let text = file(ui);
    if text.contains("[[step]]") {
        parse("recorded", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    text.split_once('\n')
        .and_then(|(_, rest)| rest.split_once("\n\n"))
        .map_or("", |(_, steps)| steps)
        .to_owned()
}

/// Hosts at the prompts of their shells; a recording has begun.
fn at_shells(names: &[&str]) -> Ui {
    let mut ui = Ui::of(names);
    prompts(&mut ui, names);
    ui.wait(Duration::from_secs(1)).keys("C-a B");
    ui
}

fn prompts(ui: &mut Ui, names: &[&str]) {
    names.iter().for_each(|name| ui.output(name, &format!("ann@{name}:~$ ")));
}

/// Letters that each of these hosts echoes.
fn echoed(ui: &mut Ui, names: &[&str], text: &str) {
    for c in text.chars() {
        ui.text(&c.to_string());
        names.iter().for_each(|name| ui.output(name, &c.to_string()));
    }
}

/// A command that each of these hosts carries out.
fn command(ui: &mut Ui, names: &[&str], text: &str) {
    echoed(ui, names, text);
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\ndone\r\n"));
    prompts(ui, names);
}

/// Time in which the user looks.
fn look(ui: &mut Ui) {
    ui.wait(Duration::from_secs(1));
}

#[test]
fn lines_at_shells_become_commands_and_an_edit_of_one_host_a_step_of_its_own() {
    let names = ["web01", "web02", "web03"];
    let mut ui = at_shells(&names);
    command(&mut ui, &names, "mkdir -p /srv/app");
    assert!(file(&ui).contains("mkdir -p /srv/app"), "each step is written when it is done");
    ui.keys("C-a d");
    command(&mut ui, &["web01"], "echo 'special' > /srv/app/kind");
    ui.keys("C-a j");
    command(&mut ui, &["web02", "web03"], "echo usual > /srv/app/kind");
    command(&mut ui, &["web02", "web03"], "");
    let header = file(&ui);
    assert!(header.contains("v = 1\ndescription = \"recorded on web[01-03]\"\n"), "{header}");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    run = "mkdir -p /srv/app"

    [[step]]
    on = "web01"
    run = "echo 'special' > /srv/app/kind"

    [[step]]
    on = "*!web01"
    run = "echo usual > /srv/app/kind"
    "#);
}

#[test]
fn of_a_secret_nothing_is_in_the_file() {
    let names = ["web01", "web02"];
    let mut ui = at_shells(&names);
    echoed(&mut ui, &names, "sudo id");
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\n[sudo] password for ann: "));
    ui.text("hunter2").keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\nSorry, try again.\r\n[sudo] password for ann: "));
    ui.text("hunter3").keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\nuid=0(root)\r\n"));
    prompts(&mut ui, &names);
    let debug =
        format!("{:?}", ui.effects.iter().filter(|e| matches!(e, Effect::Keep(_))).collect::<Vec<_>>());
    assert!(!debug.contains("hunter"), "{debug}");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    send = '"sudo id" Enter'
    expect = '\[sudo\] password for ann: ?$'

    [[step]]
    at = '\[sudo\] password for ann: ?$'
    secret = "sudo"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn what_is_typed_ahead_of_a_prompt_or_is_not_echoed_is_taken_for_a_secret() {
    // Before the prompt has come.
    let mut ui = at_shells(&["web01"]);
    echoed(&mut ui, &["web01"], "sudo id");
    ui.keys("Enter").text("hunter2").keys("Enter");
    ui.output("web01", "\r\n[sudo] password for ann: \r\nuid=0\r\nann@web01:~$ ");
    let text = recorded(&mut ui);
    assert!(text.contains("secret = \"password\"") && !text.contains("hunter"), "{text}");

    // The prompt comes in the midst of it.
    let mut ui = at_shells(&["web01"]);
    echoed(&mut ui, &["web01"], "sudo id");
    ui.keys("Enter").text("hun");
    ui.output("web01", "\r\n[sudo] password for ann: ");
    ui.text("ter2").keys("Enter");
    ui.output("web01", "\r\nuid=0\r\nann@web01:~$ ");
    let text = recorded(&mut ui);
    assert!(text.contains("secret = \"sudo\"") && !text.contains("hun") && !text.contains("ter2"), "{text}");

    // A prompt that no pattern knows, and no echo.
    let mut ui = at_shells(&["web01"]);
    echoed(&mut ui, &["web01"], "./unlock");
    ui.keys("Enter");
    ui.output("web01", "\r\nTell me the magic word: ");
    look(&mut ui);
    ui.text("hunter2");
    look(&mut ui);
    ui.keys("Enter");
    ui.output("web01", "\r\nann@web01:~$ ");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    send = '"./unlock" Enter'
    expect = "Tell me the magic word: ?$"

    [[step]]
    at = "Tell me the magic word: ?$"
    secret = "password"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn a_secret_from_the_box_and_one_that_is_left_half_typed() {
    let names = ["web01", "web02", "web03"];
    let mut ui = at_shells(&names);
    echoed(&mut ui, &names, "sudo id");
    ui.keys("Enter");
    ui.output("web01", "\r\nuid=0\r\nann@web01:~$ ");
    names[1..].iter().for_each(|name| ui.output(name, "\r\n[sudo] password for ann: "));
    ui.keys("C-a P").text("hunter2").keys("Enter");
    names[1..].iter().for_each(|name| ui.output(name, "\r\nuid=0\r\n"));
    prompts(&mut ui, &names[1..]);
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    on = "web01"
    run = "sudo id"

    [[step]]
    on = "*!web01"
    send = '"sudo id" Enter'
    expect = '\[sudo\] password for ann: ?$'

    [[step]]
    on = "*!web01"
    at = '\[sudo\] password for ann: ?$'
    secret = "sudo"
    expect = 'ann@\S+:~\$ ?$'
    "#);

    let mut ui = at_shells(&["web01"]);
    ui.output("web01", "\r\nPassword: ");
    ui.text("hunt").keys("C-c");
    ui.output("web01", "\r\nann@web01:~$ ");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    # keys that the hosts did not show are not recorded

    [[step]]
    send = "C-c"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn keys_for_an_editor_wait_for_what_it_shows() {
    let mut ui = at_shells(&["web01"]);
    echoed(&mut ui, &["web01"], "vi notes");
    ui.keys("Enter");
    ui.output("web01", "\r\n\x1b[?1049h\x1b[?1h\x1b=\x1b[2J\x1b[2;1H~\x1b[24;1H\"notes\" [New]\x1b[1;1H");
    look(&mut ui);
    ui.text("i");
    ui.output("web01", "\x1b[24;1H\x1b[K-- INSERT --\x1b[1;1H");
    echoed(&mut ui, &["web01"], "hello 7");
    ui.keys("Esc");
    ui.output("web01", "\x1b[24;1H\x1b[K\x1b[1;7H");
    look(&mut ui);
    ui.text(":");
    ui.output("web01", "\x1b[24;1H:");
    echoed(&mut ui, &["web01"], "wq");
    ui.keys("Enter");
    ui.output("web01", "\x1b[?1049l\x1b[?1l\x1b>\r\nann@web01:~$ ");
    command(&mut ui, &["web01"], "cat notes");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    send = '"vi notes" Enter'
    expect = '"notes" \[New\]'

    [[step]]
    send = '"ihello 7" Esc'
    expect = 'hello \d+'

    [[step]]
    send = '":wq" Enter'
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    run = "cat notes"
    "#);
}

#[test]
fn a_password_box_of_a_full_screen_program_is_a_secret() {
    for (typed, shown) in [("hunter2", ""), ("hunter2", "*")] {
        let mut ui = at_shells(&["web01"]);
        ui.output("web01", "\x1b[?1049h\x1b[2J\x1b[5;10HWord of the day\x1b[7;12H");
        look(&mut ui);
        for c in typed.chars() {
            ui.text(&c.to_string());
            ui.output("web01", &format!("{shown}\x1b[?25h"));
        }
        look(&mut ui);
        ui.keys("Enter");
        ui.output("web01", "\x1b[?1049l\r\nann@web01:~$ ");
        let text = recorded(&mut ui);
        assert!(text.contains("secret = \"password\""), "{text}");
    }
}

#[test]
fn what_the_host_alone_knows_stays_keys_and_programs_are_no_shells() {
    let names = ["web01"];
    let mut ui = at_shells(&names);
    ui.keys("Up");
    ui.output("web01", "uptime");
    ui.keys("Enter");
    ui.output("web01", "\r\nup 3 days\r\nann@web01:~$ ");
    echoed(&mut ui, &names, "python3");
    ui.keys("Enter");
    ui.output("web01", "\r\n>>> ");
    echoed(&mut ui, &names, "  print(1)");
    ui.keys("Enter");
    ui.output("web01", "\r\n1\r\n>>> ");
    ui.keys("C-d");
    ui.output("web01", "\r\nann@web01:~$ ");
    echoed(&mut ui, &names, "for i in 1 2; do");
    ui.keys("Enter");
    ui.output("web01", "\r\n> ");
    echoed(&mut ui, &names, "echo $i; done");
    ui.keys("Enter");
    ui.output("web01", "\r\n1\r\n2\r\nann@web01:~$ ");
    echoed(&mut ui, &names, "bash");
    ui.keys("Enter");
    ui.output("web01", "\r\nann@web01:~$ ");
    echoed(&mut ui, &names, "sudo -i");
    ui.keys("Enter");
    ui.output("web01", "\r\nroot@web01:~# ");
    echoed(&mut ui, &names, "exit");
    ui.keys("Enter");
    ui.output("web01", "\r\nann@web01:~$ ");
    command(&mut ui, &names, " pass=x");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    # the next step takes a line from the history of a shell, which is another one elsewhere: write the line instead

    [[step]]
    send = "Up Enter"
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    send = '"python3" Enter'
    expect = ">>> ?$"

    [[step]]
    send = '"  print(1)" Enter'
    expect = ">>> ?$"

    [[step]]
    send = "C-d"
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    send = '"for i in 1 2; do" Enter'
    expect = "> ?$"

    [[step]]
    send = '"echo $i; done" Enter'
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    send = '"bash" Enter'
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    send = '"sudo -i" Enter'
    expect = 'root@\S+:~# ?$'

    [[step]]
    send = '"exit" Enter'
    expect = 'ann@\S+:~\$ ?$'

    # a line that begins with a blank is not recorded
    "#);
}

#[test]
fn questions_of_programs_are_waited_for_and_what_was_typed_ahead_stays_one_step() {
    let names = ["web01", "web02"];
    let mut ui = at_shells(&names);
    echoed(&mut ui, &names, "apt install x");
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\nContinue? [Y/n] "));
    look(&mut ui);
    echoed(&mut ui, &names, "y");
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\n"));
    // web02 is slow, and hears an edit of its own meanwhile.
    prompts(&mut ui, &["web01"]);
    ui.keys("C-a d");
    command(&mut ui, &["web01"], "id");
    prompts(&mut ui, &["web02"]);
    ui.wait(Duration::from_secs(30));
    ui.keys("C-a d");
    echoed(&mut ui, &names, "a");
    ui.keys("Enter");
    echoed(&mut ui, &names, "b");
    ui.keys("Enter");
    names.iter().for_each(|name| ui.output(name, "\r\n"));
    prompts(&mut ui, &names);
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    send = '"apt install x" Enter'
    expect = 'Continue\? \[Y/n\] ?$'

    [[step]]
    send = "y Enter"
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    on = "web01"
    run = "id"

    [[step]]
    send = "a Enter b Enter"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn pastes() {
    let names = ["web01"];
    let mut ui = at_shells(&names);
    echoed(&mut ui, &names, "echo ");
    ui.paste("a.b c");
    ui.output("web01", "a.b c");
    ui.keys("Enter");
    ui.output("web01", "\r\na.b c\r\nann@web01:~$ ");
    echoed(&mut ui, &names, "cat");
    ui.keys("Enter");
    ui.output("web01", "\r\n? ");
    look(&mut ui);
    ui.paste("one\ntwo\n");
    look(&mut ui);
    ui.keys("y");
    ui.output("web01", "one\r\ntwo\r\n? ");
    look(&mut ui);
    ui.keys("C-d");
    ui.output("web01", "\r\nann@web01:~$ ");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    run = "echo a.b c"

    [[step]]
    send = '"cat" Enter'
    expect = '\? ?$'

    [[step]]
    paste = '''
    one
    two
    '''
    expect = '\? ?$'

    [[step]]
    send = "C-d"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn composed_texts_macros_requests_and_lines_one_by_one() {
    let name = "mine".to_owned();
    let one = Macro {
        name,
        text: "uname -a".into(),
        ending: Ending::Enter,
        key: Some("F5".parse().expect("a key")),
    };
    let options = Options { macros: vec![one], script: ScriptStart::AtOnce, ..Options::default() };
    let names = ["web01", "web02"];
    let mut ui = Ui::with(options, SMALL, &names);
    prompts(&mut ui, &names);
    look(&mut ui);
    let answer = |ui: &mut Ui| {
        names.iter().for_each(|name| ui.output(name, "\r\n"));
        prompts(ui, &names);
        look(ui);
    };
    ui.keys("C-a c").text("cd /srv").keys("Enter").text("ls").keys("C-s");
    answer(&mut ui);
    ui.keys("C-a F5");
    answer(&mut ui);
    let send = Request::Send { text: "id".into(), enter: true, host: Some("web02".into()), yes: false };
    ui.step(Event::Control(ControlId(1), send));
    ui.output("web02", "id\r\nuid=1\r\nann@web02:~$ ");
    look(&mut ui);
    ui.paste("one\ntwo\n");
    look(&mut ui);
    ui.keys("M-l");
    answer(&mut ui);
    answer(&mut ui);
    answer(&mut ui);
    ui.keys("Esc");
    ui.keys("C-a N Enter");
    answer(&mut ui);
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    run = '''
    cd /srv
    ls'''

    [[step]]
    run = "uname -a"

    [[step]]
    on = "web02"
    run = "id"

    [[step]]
    run = "one"

    [[step]]
    run = "two"

    [[step]]
    on = "web01"
    paste = "web01"
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    on = "web02"
    paste = "web02"
    expect = 'ann@\S+:~\$ ?$'

    [[step]]
    send = "Enter"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}

#[test]
fn what_cannot_be_recorded_is_said_in_the_file_and_on_the_screen() {
    let names = ["web01", "web02"];
    let mut ui = at_shells(&names);
    ui.output("web02", "\x1b[?1049h\x1b[?1000h\x1b[?1006h\x1b[2Jmenu: ");
    ui.click(5, 15);
    ui.click(5, 15);
    let note = ui.app.notes().note().map(|note| note.text.clone());
    assert_eq!(
        note.as_deref(),
        Some("script: web02 heard the mouse: that is not recorded"),
        "{}",
        ui.screen()
    );
    look(&mut ui);
    echoed(&mut ui, &names, "x");
    ui.output("web02", "\x1b[?1000l\x1b[?1049l\r\nann@web02:~$ ");
    look(&mut ui);
    ui.keys("C-u");
    names.iter().for_each(|name| ui.output(name, "\r\x1b[K"));
    prompts(&mut ui, &names);
    echoed(&mut ui, &names, "exit");
    ui.keys("Enter");
    names.iter().for_each(|name| ui.dies(name));
    ui.keys("C-a r");
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    # web02 heard the mouse: that is not recorded

    # the hosts were in different modes here; see that each of them gets what it should

    [[step]]
    on = "web01"
    send = "x"
    expect = 'ann@\S+:~\$ x ?$'

    [[step]]
    on = "web02"
    send = "x"
    expect = 'ann@\S+:~\$ ?$'

    # the session of web[01-02] ended after C-u "exit" Enter: that is not recorded

    # web02 has a new session from here on, and has lost what came before
    "#);
}

#[test]
fn the_recording_is_shown_and_what_became_of_its_file_is_told() {
    let mut ui = at_shells(&["web01"]);
    assert!(ui.status().ends_with("● script C-a ? help"), "{}", ui.status());
    ui.step(Event::Kept(Told::Scripts("/rec/script-1.toml".into())));
    let said = "what you do is recorded as a script in /rec/script-1.toml; C-a B ends it";
    assert!(ui.screen().contains(said), "{}", ui.screen());
    ui.step(Event::Kept(Told::ScriptStopped("/rec/script-1.toml: No space left on device".into())));
    assert!(ui.screen().contains("no script is recorded: /rec/script-1.toml: No space"), "{}", ui.screen());
    assert!(!ui.status().contains("● script"), "{}", ui.status());
    ui.effects.clear();
    ui.text("x");
    ui.step(Event::Control(ControlId(1), Request::Do { action: "record-script".into() }));
    let done = |effect: &Effect| matches!(effect, Effect::Reply(ControlId(1), Response::Done { .. }));
    assert_eq!(ui.did(done), 1);
    assert!(ui.app.is_scripting());
    let effects = ui.app.end();
    assert!(matches!(effects.last(), Some(Effect::Keep(Keep::EndScript))), "{effects:?}");
    assert_eq!(ui.id("web01"), SessionId(0));
}

#[test]
fn a_thousand_hosts_are_recorded_as_one() {
    let mut ui = Ui::fleet(1000);
    let names: Vec<String> = (0..1000).map(|n| format!("h{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    prompts(&mut ui, &names);
    look(&mut ui);
    ui.keys("C-a B");
    command(&mut ui, &names, "id");
    echoed(&mut ui, &names, "cat");
    ui.keys("Enter");
    // Each shows something else.
    names.iter().enumerate().for_each(|(n, name)| ui.output(name, &format!("\r\n{}: ", "x".repeat(n % 7))));
    look(&mut ui);
    ui.keys("C-c");
    names.iter().for_each(|name| ui.output(name, "\r\n"));
    prompts(&mut ui, &names);
    insta::assert_snapshot!(recorded(&mut ui), @r#"
    [[step]]
    run = "id"

    # what the hosts showed after this says nothing: write what is to be waited for

    [[step]]
    send = '"cat" Enter'
    expect = ".*"

    [[step]]
    send = "C-c"
    expect = 'ann@\S+:~\$ ?$'
    "#);
}
