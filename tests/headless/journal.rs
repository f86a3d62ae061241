//! The journal of the built program: what is left of a run that was killed, and what goes on from it. The hosts keep the
//! truth themselves, each in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::schema::Schema;
use super::{OMNES, told};

const DEADLINE: Duration = Duration::from_secs(120);

/// A fleet of the demo in a process of its own, and a home for whoever runs something on it.
struct Yard {
    server: Child,
    _said: BufReader<ChildStdout>,
    config: String,
    home: tempfile::TempDir,
}

impl Yard {
    fn new(hosts: usize) -> Yard {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(home.path().join("truth")).expect("a directory");
        let mut server = Command::new(OMNES)
            .args(["demo", "serve", "--hosts", &hosts.to_string()])
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("omnes starts");
        let mut said = BufReader::new(server.stdout.take().expect("a pipe"));
        let mut lines = said.by_ref().lines().map_while(Result::ok);
        let config =
            lines.find_map(|line| line.strip_prefix("ssh_config").map(|path| path.trim().to_owned()));
        Yard { server, _said: said, config: config.expect("the server says where its ssh_config is"), home }
    }

    fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(OMNES);
        command
            .args(words)
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.state())
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// A command line of the program, to its end.
    fn omnes(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.command(words).output().expect("omnes starts"))
    }

    /// `run` with the fleet's configuration.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        self.omnes(&[&["run", "-F", &self.config], words].concat())
    }

    /// A command with which each host writes one line into its own file, and then this.
    fn truthful(&self, then: &str) -> String {
        format!("echo ran >> {}/$(hostname); {then}", self.truth().display())
    }

    fn truth(&self) -> PathBuf {
        self.home.path().join("truth")
    }

    /// How often each host ran the command, as it says itself. A shell that was ended before it wrote its line has made a file
    /// that is empty.
    fn executions(&self) -> BTreeMap<String, usize> {
        let files = fs::read_dir(self.truth()).expect("a directory").flatten();
        let count = |path: &Path| fs::read_to_string(path).expect("text").lines().count();
        let of_host =
            |path: PathBuf| (path.file_name().map(|name| name.to_string_lossy().into_owned()), count(&path));
        let counted = files.map(|file| of_host(file.path())).filter(|(_, count)| *count > 0);
        counted.filter_map(|(host, count)| Some((host?, count))).collect()
    }

    fn forget(&self) {
        for file in fs::read_dir(self.truth()).expect("a directory").flatten() {
            fs::remove_file(file.path()).expect("it is ours");
        }
    }

    /// The directories of all runs, the oldest first.
    fn runs(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(self.state().join("omnes/runs")).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
        found.sort();
        found
    }

    /// The lines of the newest journal that are whole.
    fn journal(&self) -> Vec<Value> {
        let newest = self.runs().pop().expect("a run");
        // The directory is there a moment before the journal.
        let text = fs::read_to_string(newest.join("journal.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The hosts that an expression names.
    fn hosts(&self, expression: &str) -> BTreeSet<String> {
        let (code, out, err) = self.omnes(&["hosts", "-e", "--allow-empty", expression]);
        assert_eq!(code, 0, "{err}");
        out.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ended = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ended = self.server.wait();
    }
}

/// Waits until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn checked(text: &str) -> Vec<Value> {
    let schema = Schema::of_docs();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    lines.iter().for_each(|line| schema.check(line).expect("a line of the documentation"));
    lines
}

fn of_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn named(lines: &[&Value]) -> BTreeSet<String> {
    lines.iter().map(|line| line["host"].as_str().expect("a name").to_owned()).collect()
}

fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Begins a line and kills it as soon as the newest journal of the yard has grown by so many lines, or at its end.
fn killed_after(yard: &Yard, words: &[&str], before: usize, lines: usize) {
    let mut child =
        yard.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("omnes starts");
    let known = yard.runs().len();
    let began = words.contains(&"--resume");
    until("a journal that grows, or the end", || {
        if child.try_wait().expect("it is ours").is_some() {
            return Some(());
        }
        let runs = yard.runs();
        let newest = runs.last().filter(|_| began || runs.len() > known || known == 0)?;
        let text = fs::read(newest.join("journal.jsonl")).ok()?;
        (text.iter().filter(|byte| **byte == b'\n').count() >= before + lines).then_some(())
    });
    let _killed = child.kill();
    child.wait().expect("it ends");
}

fn lines_of_newest(yard: &Yard) -> usize {
    let newest = yard.runs().pop().expect("a run");
    fs::read(newest.join("journal.jsonl")).expect("a journal").iter().filter(|byte| **byte == b'\n').count()
}

/// 10 kill points, or as many as `OMNES_KILL_POINTS` says, on `OMNES_KILL_HOSTS` hosts: from before the first intent to after
/// the last outcome, and every second time once more in the part that goes on.
#[test]
fn whenever_it_is_killed_no_host_runs_a_command_twice_and_none_is_lost() {
    let points = from_environment("OMNES_KILL_POINTS", 10);
    let hosts = from_environment("OMNES_KILL_HOSTS", 40);
    let yard = Yard::new(hosts);
    let (digits, many) = (hosts.to_string().len().max(2), hosts.to_string());
    let set = format!("demo[{:0digits$}-{hosts}]", 1);
    let all = yard.hosts(&set);
    assert_eq!(all.len(), hosts);
    let command = yard.truthful("echo $(hostname) says so");
    for point in 0..points {
        yard.forget();
        // One line at the start, two for each host, one at the end.
        let at = 1 + point * (2 * hosts) / points.max(1);
        let begin = ["run", "--yes", &many, "-F", &yard.config, "-f", "8", &set, "--", &command];
        killed_after(&yard, &begin, 0, at);
        if point % 2 == 1 {
            let before = lines_of_newest(&yard);
            killed_after(&yard, &["run", "--resume", "last"], before, 1 + (at * 7) % 23);
        }
        let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
        let unknown = yard.hosts("@run:last:unknown");
        assert_eq!(code, if unknown.is_empty() { 0 } else { 4 }, "{err}");
        let journal = yard.journal();
        let intents = named(&of_event(&journal, "intent"));
        let executions = yard.executions();
        for (host, count) in &executions {
            assert_eq!(*count, 1, "{host} at point {point}: {err}");
            assert!(intents.contains(host), "{host} ran without an intent at point {point}");
        }
        let (_, shown, _) = yard.omnes(&["show", "last", "--output", "json"]);
        let shown = checked(&shown);
        assert_eq!(named(&of_event(&shown, "host")), all, "everybody is accounted for at point {point}");
        for line in of_event(&shown, "host") {
            let host = line["host"].as_str().expect("a name");
            match line["class"].as_str() {
                Some("well") => assert_eq!(executions.get(host), Some(&1), "{host} at point {point}"),
                Some("not_known") => assert!(unknown.contains(host) && err.contains("not known"), "{err}"),
                other => panic!("{host} is {other:?} at point {point}: {err}"),
            }
        }
        // Only at the user's word.
        if !unknown.is_empty() {
            let (code, _, err) = yard.omnes(&["run", "--resume", "last", "--unknowns"]);
            assert_eq!(code, 0, "{err}");
            assert!(yard.hosts("@run:last:not-ok").is_empty());
        }
    }
}

#[test]
fn every_line_is_as_the_documentation_has_it() {
    let yard = Yard::new(3);
    let command = "echo $(hostname); printf 'a\\377' >&2; [ $(hostname) != demo02 ]";
    let (code, out, err) = yard.run(&["--output", "json", "demo[01-03],127.0.0.1:9", "--", command]);
    assert_eq!(code, 1, "{err}");
    let told = checked(&out);
    assert_eq!(of_event(&told, "outcome").len(), 4);
    let newest = yard.runs().pop().expect("a run");
    let journal = checked(&fs::read_to_string(newest.join("journal.jsonl")).expect("a journal"));
    assert_eq!((of_event(&journal, "intent").len(), of_event(&journal, "outcome").len()), (3, 4));
    assert_eq!((journal[0]["event"].as_str(), journal[0]["count"].as_u64()), (Some("start"), Some(4)));
    yard.omnes(&["run", "--resume", "last"]);
    let journal = checked(&fs::read_to_string(newest.join("journal.jsonl")).expect("a journal"));
    assert_eq!(of_event(&journal, "resume")[0]["hosts"], "127.0.0.1:9");
    let config = yard.config.as_str();
    for words in [
        &["runs", "--output", "json"] as &[&str],
        &["show", "last", "--output", "json"],
        &["ping", "-F", config, "--output", "json", "demo01,127.0.0.1:9"],
        &["keys", "-F", config, "--output", "json", "demo01,127.0.0.1:9"],
    ] {
        let (code, out, err) = yard.omnes(words);
        assert!([0, 3].contains(&code), "{err}");
        assert!(!checked(&out).is_empty());
    }
    // For its user alone.
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&newest), mode(&newest.join("journal.jsonl")), mode(&newest.join("output"))),
        (0o700, 0o600, 0o600)
    );
}

#[test]
fn what_was_run_is_listed_shown_compared_and_run_again() {
    let yard = Yard::new(6);
    let command = "case $(hostname) in demo04) echo one; echo odd; echo three; exit 3;; *) echo one; echo two; echo three;; esac";
    let (code, _, err) = yard.run(&["demo[01-06]", "--", command]);
    assert_eq!(code, 1, "{err}");
    let (_, list, _) = yard.omnes(&["runs"]);
    let row: Vec<&str> = list.lines().nth(1).expect("a run").split_whitespace().take(7).collect();
    assert_eq!(row[1..], ["complete", "6", "5", "1", "-", "-"], "{list}");
    let rule = "-".repeat(15);
    let (_, shown, _) = yard.omnes(&["show", "last"]);
    let expected = format!(
        "{rule}\ndemo04 (1): exit status 3\n{rule}\none\nodd\nthree\n{rule}\ndemo[01-03,05-06] (5): ok\n{rule}\none\ntwo\nthree\n"
    );
    assert!(shown.ends_with(&expected), "{shown}");
    let (_, shown, _) = yard.omnes(&["show", row[0], "--diff"]);
    assert!(
        shown.ends_with(&format!("demo04 (1): exit status 3\n{rule}\n one\n-two\n+odd\n three\n")),
        "{shown}"
    );
    let (_, shown, err) = yard.omnes(&["show", "-1", "--host", "demo04"]);
    assert_eq!((shown.as_str(), err.as_str()), ("one\nodd\nthree\n", "omnes: demo04: exit status 3\n"));
    let (_, shown, _) = yard.omnes(&["show", "last", "--failed"]);
    assert!(shown.contains("demo04 (1)") && !shown.contains("(5)"), "{shown}");
    // The hosts of a run are a target everywhere.
    assert_eq!(yard.hosts("@run:last:failed,unreachable"), BTreeSet::from(["demo04".to_owned()]));
    assert_eq!(yard.hosts("demo[01-06]!@run:-1:failed").len(), 5);
    let (code, out, err) = yard.run(&["--hosts-of", "last:failed", "--", "hostname"]);
    assert_eq!((code, out.as_str()), (0, "demo04: demo04\n"), "{err}");
    // The same command on a part of the same hosts is a run of its own.
    let (code, out, err) = yard.omnes(&["run", "--again", "-2", "--only", "failed", "--output", "json"]);
    assert_eq!(code, 1, "{err}");
    assert_eq!(named(&of_event(&checked(&out), "outcome")), BTreeSet::from(["demo04".to_owned()]));
    assert_eq!((yard.runs().len(), yard.journal()[0]["again"].as_str()), (3, Some(row[0])));
}

#[test]
fn what_cannot_be_gone_on_with_is_refused_before_anything_is_contacted() {
    let yard = Yard::new(2);
    let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("there is no run yet"), "{err}");
    let go = yard.home.path().join("go");
    let wait = yard.truthful(&format!("echo up; while [ ! -e {} ]; do sleep 0.05; done", go.display()));
    let mut child = yard
        .command(&["run", "-F", &yard.config, "demo[01-02]", "--", &wait])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("omnes starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut String::new()).expect("a line");
    let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is still at work in another omnes"), "{err}");
    let (_, list, _) = yard.omnes(&["runs"]);
    assert!(list.contains("alive"), "{list}");
    fs::write(&go, "").expect("a file");
    out.read_to_string(&mut String::new()).expect("text");
    assert!(child.wait().expect("it ends").success());
    for (words, part) in [
        (&["run", "--resume", "last", "web1"] as &[&str], "takes its hosts and its command from the run"),
        (&["run", "--resume", "last", "--", "uptime"], "takes its hosts and its command from the run"),
        (&["run", "--resume", "20200101"], "no run is named `20200101`"),
        (&["run", "--again", "last", "--only", "bad"], "`bad` is nothing that becomes of a host"),
        (&["hosts", "@run:last:bad"], "`bad` is nothing that becomes of a host"),
        (&["demo", "run", "--resume", "last"], "gone with it"),
    ] {
        let (code, _, err) = yard.omnes(words);
        assert_eq!(code, 2, "{words:?}: {err}");
        assert!(err.contains(part), "{words:?}: {err}");
    }
    let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("has nothing left to do; left out: 2 ok: demo[01-02]"), "{err}");
    assert!(yard.executions().values().all(|count| *count == 1));
}

#[test]
fn without_a_place_for_the_journal_nothing_is_contacted_unless_it_is_given_up() {
    let yard = Yard::new(2);
    let command = yard.truthful("true");
    let line = ["run", "-F", &yard.config, "demo[01-02]", "--", &command];
    let run = |words: &[&str]| {
        told(&yard.command(words).env("XDG_STATE_HOME", "/dev/null/nowhere").output().expect("omnes starts"))
    };
    let (code, _, err) = run(&line);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("the journal cannot be begun") && err.contains("--no-journal"), "{err}");
    assert!(yard.executions().is_empty());
    let (code, _, err) = run(&[&["run", "--no-journal"], &line[1..]].concat());
    assert_eq!((code, yard.executions().len()), (0, 2), "{err}");
}

/// A file system of its own, unmounted at the end.
struct Small(PathBuf);

impl Small {
    fn new(path: PathBuf) -> Small {
        fs::create_dir(&path).expect("a directory");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&path).status();
        assert!(mounted.expect("mount starts").success(), "a file system in memory needs root");
        Small(path)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_no_more_hosts_are_begun_and_those_that_were_are_accounted_for() {
    const HOSTS: usize = 24;
    let yard = Yard::new(HOSTS);
    let _disk = Small::new(yard.state());
    let command = yard.truthful("head -c 1000000 /dev/zero");
    let (code, out, err) = yard.run(&["--output", "json", "-f", "2", "demo[01-24]", "--", &command]);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("No space left on device") && err.contains("no more hosts were started"), "{err}");
    let executions = yard.executions();
    assert!(executions.len() < HOSTS && executions.len() >= 7, "{}", executions.len());
    let newest = yard.runs().pop().expect("a run");
    let journal = checked(&fs::read_to_string(newest.join("journal.jsonl")).expect("a journal"));
    let (intents, outcomes) = (named(&of_event(&journal, "intent")), of_event(&journal, "outcome"));
    assert_eq!(intents, executions.keys().cloned().collect());
    assert_eq!((named(&outcomes).len(), outcomes.len()), (HOSTS, HOSTS), "each once");
    assert_eq!(journal.last().expect("a line")["exit"], 6);
    assert!(of_event(&journal, "left-out").iter().any(|line| line["bytes"].as_u64() > Some(0)));
    // The hosts that wrote before are told whole all the same.
    let told = checked(&out);
    assert_eq!(of_event(&told, "outcome").len(), HOSTS);
    // Where no journal can be begun, nothing is contacted.
    yard.forget();
    fs::write(yard.state().join("filler"), vec![0; 9_000_000]).expect_err("no room for that");
    let (code, _, err) = yard.run(&["demo01", "--", &command]);
    assert_eq!((code, yard.executions().len()), (6, 0), "{err}");
    // With room again the rest has its turn.
    fs::remove_file(yard.state().join("filler")).expect("it is there");
    fs::write(newest.join("output"), "").expect("it is ours");
    let id = newest.file_name().expect("a name").to_str().expect("text").to_owned();
    let (code, _, err) = yard.omnes(&["run", "--resume", &id, "-o", "LogLevel=QUIET", "--output", "json"]);
    let rest = yard.executions();
    assert!(rest.keys().all(|host| !executions.contains_key(host)), "{err}");
    assert!(!rest.is_empty() && [0, 6].contains(&code), "{code}: {err}");
}

#[test]
fn a_reader_that_goes_away_or_stalls_leaves_the_journal_whole() {
    const HOSTS: usize = 20;
    let yard = Yard::new(HOSTS);
    let line = format!(
        "{OMNES} run -F {} 'demo[01-20]' -- yes | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        yard.config
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &line]).env("HOME", yard.home.path()).env("XDG_STATE_HOME", yard.state());
    let (code, _, err) = told(&bash.output().expect("bash starts"));
    assert_eq!(code, 6, "{err}");
    let outcomes = |journal: &[Value]| of_event(journal, "outcome").len();
    let journal = yard.journal();
    assert_eq!((outcomes(&journal), journal.last().expect("a line")["exit"].as_u64()), (HOSTS, Some(6)));
    // Nobody reads: what is known is recorded nevertheless.
    let said = "seq 1 5000";
    let mut child = yard
        .command(&["run", "-F", &yard.config, "demo[01-20]", "--", said])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("omnes starts");
    until("every outcome and the last line", || {
        let runs = yard.runs();
        (runs.len() == 2 && yard.journal().last().is_some_and(|line| line["event"] == "summary"))
            .then_some(())
    });
    assert_eq!(child.try_wait().expect("it is ours"), None, "it waits for its reader");
    assert_eq!(outcomes(&yard.journal()), HOSTS);
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    assert_eq!(text.lines().count(), HOSTS * 5_000, "nothing is lost when it wakes");
    assert!(child.wait().expect("it ends").success());
    // What hosts wrote stands in the journal too.
    let (_, shown, _) = yard.omnes(&["show", "last", "--host", "demo07"]);
    assert_eq!(shown.lines().count(), 5_000);
}

#[test]
fn a_damaged_journal_is_read_as_far_as_it_goes_and_nothing_is_guessed() {
    let yard = Yard::new(3);
    let command = yard.truthful("echo said");
    let (code, _, err) = yard.run(&["demo[01-03],127.0.0.1:9", "--", &command]);
    assert_eq!(code, 3, "{err}");
    let newest = yard.runs().pop().expect("a run");
    let (journal, output) = (newest.join("journal.jsonl"), newest.join("output"));
    let whole = fs::read_to_string(&journal).expect("a journal");
    let frames = fs::read(&output).expect("output");
    // The end cut off: as after a sudden end.
    let cut = whole.rfind("\"outcome\"").expect("an outcome");
    fs::write(&journal, &whole[..cut]).expect("it is ours");
    fs::write(&output, &frames[..frames.len() - 2]).expect("it is ours");
    let (code, shown, err) = yard.omnes(&["show", "last"]);
    assert_eq!(code, 0, "{err}");
    assert!(shown.contains("interrupted") && !shown.contains("cannot be read"), "{shown}");
    // In the middle: who is not known to have ended may have run, and is left alone.
    let hurt =
        whole.replacen("\"intent\"", "\"int\u{0}nt\"", 1).replacen("\"outcome\"", "\"outc\u{0}me\"", 1);
    fs::write(&journal, &hurt).expect("it is ours");
    let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("nothing left to do") && err.contains("cannot be read"), "{err}");
    assert!(yard.executions().values().all(|count| *count == 1));
    // Nothing of it left: named, and no reason for others to be lost.
    fs::write(&journal, "").expect("it is ours");
    let (code, _, err) = yard.omnes(&["show", "last"]);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("its first line cannot be read"), "{err}");
    let (code, list, _) = yard.omnes(&["runs"]);
    assert_eq!(code, 0);
    assert!(list.contains("unreadable"), "{list}");
}

#[test]
fn what_is_kept_no_longer_goes_and_neither_the_newest_nor_one_at_work() {
    let yard = Yard::new(1);
    let config = yard.home.path().join(".config/omnes");
    fs::create_dir_all(&config).expect("a directory");
    fs::write(config.join("config.toml"), "[journal]\nmax_runs = 1\n").expect("a file");
    let go = yard.home.path().join("go");
    let wait = format!("echo up; while [ ! -e {} ]; do sleep 0.05; done", go.display());
    let mut child = yard
        .command(&["run", "-F", &yard.config, "demo01", "--", &wait])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("omnes starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut String::new()).expect("a line");
    let alive = yard.runs();
    for _ in 0..3 {
        let (code, _, err) = yard.run(&["demo01", "--", "true"]);
        assert_eq!(code, 0, "{err}");
    }
    let kept = yard.runs();
    assert_eq!(kept.len(), 3, "the one at work, the newest before, and the present one: {kept:?}");
    assert!(kept.contains(&alive[0]));
    fs::write(&go, "").expect("a file");
    out.read_to_string(&mut String::new()).expect("text");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn values_of_variables_passwords_and_input_stand_in_no_journal() {
    let yard = Yard::new(1);
    let (code, _, err) = yard.run(&["--password-fd", "0", "demo01", "--", "true"]);
    assert!([0, 2].contains(&code), "{err}");
    let secret = "hunter2-correct-horse";
    let line = format!("echo {secret} | {OMNES} run -F {} --password-fd 0 demo01 -- true", yard.config);
    let mut bash = Command::new("bash");
    bash.args(["-c", &line]).env("HOME", yard.home.path()).env("XDG_STATE_HOME", yard.state());
    let (code, _, err) = told(&bash.output().expect("bash starts"));
    assert_eq!(code, 0, "{err}");
    for run in yard.runs() {
        for file in ["journal.jsonl", "output"] {
            let text = fs::read(run.join(file)).expect("a file");
            assert!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", run.display());
        }
    }
}

#[test]
fn what_goes_on_sends_what_was_sent_and_each_host_keeps_its_number() {
    let yard = Yard::new(4);
    let script = yard.home.path().join("task.sh");
    let text = format!(
        "#!/bin/sh\necho $OMNES_N of $OMNES_COUNT $TOKEN >> {}/$(hostname)\n",
        yard.truth().display()
    );
    fs::write(&script, &text).expect("a file");
    let shown = script.display().to_string();
    // The last host is not there, and so did certainly not run.
    let hosts = "demo[01-02],demo04,127.0.0.1:9";
    let (code, _, err) = yard.run(&["--script", &shown, "--env", "TOKEN=hunter2", hosts]);
    assert_eq!(code, 3, "{err}");
    let newest = yard.runs().pop().expect("a run");
    let kept = fs::read_to_string(newest.join("journal.jsonl")).expect("a journal");
    assert!(!kept.contains("hunter2") && !kept.contains("OMNES_N"), "{kept}");
    let said = |host: &str| fs::read_to_string(yard.truth().join(host)).unwrap_or_default();
    let before = said("demo02");
    assert!(before.ends_with(" of 4 hunter2\n"), "{before}");
    // As if the run had been killed before the turn of demo02: it keeps its number.
    let without: String = kept
        .lines()
        .filter(|line| !line.contains("\"host\":\"demo02\""))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(newest.join("journal.jsonl"), &without).expect("it is ours");
    yard.forget();
    let (code, _, err) = yard.omnes(&["run", "--resume", "last"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("the value of TOKEN is in no journal; give it again: --env TOKEN=VALUE"), "{err}");
    fs::write(&script, text.replace("echo", "printf '%s\\n'")).expect("a file");
    let (code, _, err) = yard.omnes(&["run", "--resume", "last", "--env", "TOKEN=hunter2"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("the script is not what it was"), "{err}");
    assert!(yard.executions().is_empty());
    fs::write(&script, &text).expect("a file");
    let (code, _, err) = yard.omnes(&["run", "--resume", "last", "--env", "TOKEN=hunter2"]);
    assert_eq!(code, 3, "{err}");
    assert_eq!((yard.executions().len(), said("demo02")), (1, before), "{err}");
}
