//! The form of scripts: what is read, what is refused where, and that what is printed reads back.

use proptest::prelude::*;

use super::*;
use crate::pane::Key;

fn fault(text: &str) -> String {
    parse("f.toml", text).expect_err(text).to_string()
}

#[test]
fn every_key_has_its_place() {
    let text = r##"
v = 1
description = "Turns it on"
size = "100x30"

[[step]]
run = '''
mkdir -p /srv/new
echo "done"
'''
expect = "done"
timeout = 90

[[step]]
on = "web04"
send = '"sudo -i" Enter'
expect = 'assword.*: $'

[[step]]
on = "web04"
secret = "sudo"
expect = '# $'
on_fail = "stop all"

[[step]]
paste = "a\nb"
at = '> $'
expect = 'b$'
timeout = "5m"
barrier = true
on_fail = "continue"
"##;
    let script = parse("f.toml", text).expect("a good file");
    assert_eq!(script.description.as_deref(), Some("Turns it on"));
    assert_eq!(script.size, Some(Size::new(30, 100)));
    let acts: Vec<&str> = script.steps.iter().map(|step| step.act.word()).collect();
    assert_eq!(acts, ["run", "send", "secret", "paste"]);
    assert_eq!(script.steps[0].act, Act::Run("mkdir -p /srv/new\necho \"done\"\n".into()));
    assert_eq!(script.steps[0].timeout, Some(Duration::from_secs(90)));
    assert_eq!(script.steps[2].on_fail, OnFail::StopAll);
    assert_eq!((script.steps[3].barrier, script.steps[3].on_fail), (true, OnFail::Continue));
    assert_eq!(parse("again", &print(&script)), Ok(script));
}

#[test]
fn a_printed_script_is_pleasant_to_read() {
    let text = r##"# Played by `omnes play FILE TARGETS`.
v = 1

[[step]]
run = "mkdir -p /srv/new"

[[step]]
run = '''
cat >> /etc/motd <<'END'
hello
END
'''

[[step]]
on = "web04"
send = '"vi /etc/motd" Enter'
expect = 'motd" \d+L'
timeout = "5m"
"##;
    assert_eq!(print(&parse("f.toml", text).expect("a good file")), text);
}

#[test]
fn a_fault_names_its_place_and_the_next_step() {
    for (text, expected) in [
        ("v = 1", "f.toml: there is no step; write one: [[step]]"),
        ("v = 2\n[[step]]\nrun = \"a\"", "f.toml:1:5: `v` is 2; this omnes reads version 1"),
        ("stpe = 1", "f.toml:1:1: unknown key `stpe`; did you mean `step`?"),
        ("[step]\nrun = \"a\"", "f.toml:1:1: `step` is a table; write [[step]] before each step"),
        ("[[step]]\nrnu = \"a\"", "f.toml:2:1: unknown key `rnu` in a step; did you mean `run`?"),
        ("[[step]]\non = \"a\"", "f.toml:2:1: a step with nothing to do; write one of `run`"),
        ("[[step]]\nrun = \"a\"\npaste = \"b\"", "f.toml:3:1: a step with `run` has no `paste` too"),
        ("[[step]]\nrun = \" \"", "f.toml:2:7: `run` is empty"),
        ("[[step]]\nrun = \"a\\u0003\"", "f.toml:2:7: `run` holds a control character"),
        ("[[step]]\nrun = \"a\"\nat = \"b\"", "f.toml:2:1: `run` is typed at a shell"),
        ("[[step]]\nsend = \"Enter\"", "f.toml:2:1: a step with `send` says what follows it"),
        (
            "[[step]]\nsend = \"Entr\"\nexpect = \"x\"",
            "f.toml:2:8: `send`: `Entr` is no key; did you mean `Enter`",
        ),
        ("[[step]]\npaste = \"\"", "f.toml:2:9: `paste` is empty"),
        ("[[step]]\nrun = \"a\"\nexpect = \"(\"", "f.toml:3:10: `expect`: this is no regular expression"),
        ("[[step]]\nsecret = \"my pass\"", "f.toml:2:10: `secret` is the name under which"),
        ("[[step]]\nsecret = \"a\"\nexpect = \"x\"", "f.toml:2:1: a secret is typed at its own prompt alone"),
        (
            "[[step]]\nsend = \"a\"\nexpect = \":\"\n[[step]]\non = \"b\"\nsecret = \"a\"\nexpect = \"x\"",
            "f.toml:5:1: a secret is typed at its own prompt alone",
        ),
        ("[[step]]\nrun = \"a\"\ntimeout = 0", "f.toml:3:11: `timeout` is 0; write seconds above 0"),
        (
            "[[step]]\nrun = \"a\"\non_fail = \"stop\"",
            "f.toml:3:11: `on_fail` is \"stop\"; write \"stop host\" or \"stop all\" or \"continue\"",
        ),
        ("size = \"80\"\n", "f.toml:1:8: `size` is \"80\"; write columns x rows"),
        ("a = ", "f.toml:1:5: this is not TOML"),
    ] {
        assert!(fault(text).starts_with(expected), "{text}\n{}\n{expected}", fault(text));
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        "[ -~]{1,30}",
        "[a-z'\"\\\\ \n\t]{1,40}",
        any::<String>().prop_filter("some", |text| !text.is_empty()),
    ];
    let run = text.clone().prop_map(|text| {
        let kept: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        Act::Run(format!("x{kept}"))
    });
    let send =
        "[a-zA-Z \"\\\\]{1,20}".prop_map(|text| Act::Send(Keys(text.chars().map(Key::char).collect())));
    let act = prop_oneof![
        run,
        send,
        text.clone().prop_map(Act::Paste),
        "[a-z][a-z0-9._-]{0,9}".prop_map(Act::Secret)
    ];
    let pattern = text.clone().prop_map(|text| regex::escape(&text));
    let rest = (proptest::option::of(text), proptest::option::of(1u64..10_000_000), 0usize..3, any::<bool>());
    (act, pattern, rest).prop_map(|(act, pattern, (on, millis, on_fail, barrier))| {
        let is_run = matches!(act, Act::Run(_));
        Step {
            on,
            at: (!is_run).then(|| pattern.clone()),
            act,
            expect: Some(pattern),
            timeout: millis.map(Duration::from_millis),
            on_fail: OnFail::ALL[on_fail].1,
            barrier,
        }
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(steps in proptest::collection::vec(any_step(), 1..8), description: Option<String>) {
        let script = Script { description, size: None, steps };
        let text = print(&script);
        prop_assert_eq!(parse("printed", &text).map_err(|error| format!("{error}\n{text}")), Ok(script));
    }
}
