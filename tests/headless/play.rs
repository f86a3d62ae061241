//! `omnes play` on the demo fleet, with real shells in real terminals.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::run;

/// A directory with a script in it.
fn script(text: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("steps.toml");
    fs::write(&path, text).expect("a script");
    let path = path.display().to_string();
    (dir, path)
}

/// Plays on so many demo hosts.
fn play(hosts: usize, options: &[&str], text: &str) -> (i32, String, String) {
    let (_dir, path) = script(text);
    let hosts = hosts.to_string();
    run(&[&["demo", "--hosts", &hosts, "play", &path], options].concat())
}

#[test]
fn steps_are_done_in_one_shell_and_their_output_is_what_is_said() {
    let text = r##"
[[step]]
run = "cd /usr; colour=red"

[[step]]
run = '''
for word in "$colour" it\'s; do
	echo "$word"   # with a tab before it, and a comment
done
cat <<'END'
100 % of !it
END'''

[[step]]
run = "printf 'no line end'"
expect = "line end$"

[[step]]
run = "pwd"
"##;
    let (code, out, err) = play(4, &["-b"], text);
    let rule = "-".repeat(15);
    let expected =
        format!("{rule}\ndemo[01-04] (4): ok\n{rule}\nred\nit's\n100 % of !it\nno line end\n/usr\n");
    assert_eq!((code, out, err), (0, expected, "omnes: 4 ok: demo[01-04]\n".to_owned()));
}

#[test]
fn one_host_is_different_and_is_named_by_an_expression() {
    let text = "[[step]]\nrun = 'echo all'\n[[step]]\non = 'demo02'\nrun = 'echo special'\n[[step]]\non = '@canary'\nrun = 'echo canary'";
    let (code, out, err) = play(3, &[], text);
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    let expected = ["demo01: all", "demo01: canary", "demo02: all", "demo02: special", "demo03: all"];
    assert_eq!((code, lines), (0, expected.to_vec()), "{err}");
}

#[test]
fn a_host_stops_at_the_step_that_fails_and_says_what_it_saw() {
    let text = r##"
[[step]]
run = 'test $(hostname) != demo02 || (echo broken; exit 7)'
[[step]]
on = 'demo03'
send = '"cat" Enter'
expect = 'never'
timeout = 2
[[step]]
run = 'echo end'
"##;
    let (code, out, err) = play(3, &["--output", "json"], text);
    assert_eq!(code, 1, "{err}");
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let ends: BTreeMap<&str, &serde_json::Value> = lines
        .iter()
        .filter(|line| line["event"] == "outcome")
        .map(|line| (line["host"].as_str().expect("a name"), line))
        .collect();
    assert_eq!(ends["demo01"]["class"], "well");
    let two = ends["demo02"];
    assert_eq!(
        (&two["outcome"], &two["status"], &two["step"]),
        (&"step-failed".into(), &7.into(), &1.into())
    );
    assert_eq!(
        ends["demo03"]["message"],
        "step 2: /never/ did not come within 2 s; the cursor's line is empty"
    );
    let said: Vec<&str> = lines.iter().filter_map(|line| line["data"].as_str()).collect();
    assert_eq!(said.iter().filter(|said| **said == "end\n").count(), 1, "{said:?}");
    let (_, _, err) = play(3, &[], text);
    assert!(err.contains("demo02: step 1: exit status 7\n"), "{err}");
    assert!(err.contains("1 failed (step 1, exit status 7): demo02; 1 failed (step 2): demo03"), "{err}");
}

#[test]
fn a_failure_may_be_passed_over_and_a_lost_command_never_is() {
    let text = "[[step]]\nrun = 'exit 3 | false'\non_fail = 'continue'\n[[step]]\nrun = 'echo on'";
    let (code, out, err) = play(1, &[], text);
    assert_eq!((code, out.as_str()), (0, "demo01: on\n"), "{err}");
    assert!(err.contains("demo01: step 1: exit status 1; it goes on"), "{err}");
    let text = "[[step]]\nrun = 'sleep 100'\ntimeout = 1\non_fail = 'continue'\n[[step]]\nrun = 'echo on'";
    let (code, out, err) = play(1, &[], text);
    assert_eq!((code, out.as_str()), (4, ""), "{err}");
    assert!(err.contains("demo01: step 1: timed out after 1 s, may still run"), "{err}");
    assert!(err.contains("1 timed out, may still run (step 1): demo01"), "{err}");
}

#[test]
fn keys_are_typed_and_answers_awaited() {
    let text = r##"
[[step]]
send = '"read -p \"name: \" name" Enter'
expect = 'name: $'
[[step]]
send = '"Bobx" Backspace "by" Enter'
expect = '\$ $'
[[step]]
paste = "echo pasted"
expect = 'pasted$'
[[step]]
send = 'Enter'
expect = '^pasted$'
[[step]]
run = 'echo "$name"'
"##;
    let (code, out, err) = play(2, &["-b"], text);
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("\nBobby\n"), "{out}");
    let (_, out, _) = play(1, &["--screen"], "[[step]]\nsend = '\"echo $((6*7))\" Enter'\nexpect = '42'");
    assert!(out.contains("demo01: 42\n"), "{out}");
}

#[test]
fn a_secret_is_typed_at_its_prompt_and_shown_nowhere() {
    let text = r##"
[[step]]
send = '"stty -echo; read -p Password: p; stty echo; echo" Enter'
expect = 'Password:$'
[[step]]
secret = "login"
expect = '\$ $'
[[step]]
run = 'echo "it is $p"; test "$p" = hunter2hunter2'
"##;
    let given = ["--secret-command", "login=printf hunter2hunter2", "--output", "json"];
    let (code, out, err) = play(2, &given, text);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("it is ********") && !out.contains("hunter2"), "{out}");
    // Where its prompt does not stand it is not typed.
    let text = "[[step]]\nsecret = 'login'\nat = 'Password:$'\nexpect = 'x'\ntimeout = 1\n";
    let (code, _, err) = play(1, &given[..2], text);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("demo01: step 1: nothing was typed: /Password:$/ did not come within 1 s; the cursor's"),
        "{err}"
    );
    // Nobody can be asked here.
    let (code, _, err) = play(1, &[], text);
    assert_eq!(code, 2);
    assert!(err.contains("--secret-command login=CMD or --secret-fd login=N"), "{err}");
    let (code, _, err) = play(1, &["--secret-fd", "root=0"], text);
    assert_eq!(code, 2);
    assert!(err.contains("the script has no secret `root` for these hosts; it has login"), "{err}");
}

#[test]
fn nobody_passes_a_barrier_before_all_have_come() {
    let shared = tempfile::tempdir().expect("a directory");
    let dir = shared.path().display();
    let text = format!(
        "[[step]]\nrun = 'case $(hostname) in demo03) sleep 1; esac; touch {dir}/$(hostname)'\n\
         [[step]]\nrun = 'ls {dir} | wc -l'\nbarrier = true\n"
    );
    let (code, out, err) = play(5, &["-b"], &text);
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("\n5\n"), "{out}");
    // A host that is not reached, and one that fails, hold nobody.
    let text = "[[step]]\non = 'demo01'\nrun = 'false'\n[[step]]\nbarrier = true\nrun = 'echo through'";
    let (_dir, path) = script(text);
    let (code, out, err) = run(&["demo", "--faults", "play", &path]);
    assert_eq!((code, out.lines().count()), (1, 9), "{err}");
    assert!(err.contains("9 ok: demo[02-10]"), "{err}");
}

#[test]
fn a_barrier_that_can_never_open_is_refused_before_anything_is_contacted() {
    let text = "[[step]]\nrun = 'true'\n[[step]]\nrun = 'true'\nbarrier = true";
    let (code, out, err) = play(5, &["-f", "4"], text);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("step 2 is a barrier, so all 5 hosts must be connected at once, and -f 4"), "{err}");
    assert_eq!(play(5, &["-f", "5"], text).0, 0);
}

#[test]
fn one_host_may_stop_all() {
    let text = "[[step]]\nrun = 'test $(hostname) != demo02'\non_fail = 'stop all'\n[[step]]\nrun = 'echo on'\nbarrier = true";
    let (code, out, err) = play(4, &[], text);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("demo01: step 2: not begun, as step 1 failed on demo02"), "{err}");
    assert!(err.contains("3 stopped (before step 2): demo[01,03-04]"), "{err}");
}

#[test]
fn a_script_is_checked_without_contact() {
    let text = "description = 'Tries it'\n[[step]]\nrun = 'uptime'\n[[step]]\non = 'web[2-3]'\nsend = 'C-c'\nexpect = 'x'\nbarrier = true\n";
    let (_dir, path) = script(text);
    let check = |more: &[&str]| run(&[&["play", "--check"], more].concat());
    let (code, out, err) = check(&[&path, "web[1-4]"]);
    let expected = "2 steps, 4 hosts: web[1-4]\nTries it\n  1. all: run uptime\n  2. web[2-3] (2), when all have come \
                    here: send C-c  -> /x/\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));
    let (code, _, err) = check(&[&path, "db[1-4]"]);
    assert_eq!(code, 2);
    assert!(err.contains("step 2: on = \"web[2-3]\" names none of these hosts"), "{err}");
    assert_eq!(check(&["--allow-empty", &path, "db[1-4]"]).0, 0);
    let (_dir, broken) = script("[[step]]\nrun = 'a'\ntimout = 3\n");
    let (code, _, err) = check(&[&broken, "web"]);
    assert_eq!(code, 2);
    assert!(err.contains("steps.toml:3:1: unknown key `timout` in a step; did you mean `timeout`?"), "{err}");
    assert!(check(&["-", "-w", "-"]).2.contains("would both be read from standard input"));
    assert!(check(&[&path]).2.contains("no target; name clusters or hosts"));
    assert!(check(&["/nonexistent", "web"]).2.contains("/nonexistent cannot be read"));
    assert!(Path::new(&path).exists());
}

#[test]
fn two_hundred_hosts_play_and_each_is_accounted_for() {
    let text = "[[step]]\nrun = 'case $(hostname) in demo050|demo150) exit 9 | false; esac'\n[[step]]\nrun = 'echo done'";
    let (code, out, err) = play(200, &["-b", "-f", "32"], text);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("demo[001-049,051-149,151-200] (198): ok\n"), "{out}");
    assert!(
        err.ends_with(
            "omnes: 198 ok: demo[001-049,051-149,151-200]; 2 failed (step 1, exit status 1): demo[050,150]\n"
        ),
        "{err}"
    );
}
