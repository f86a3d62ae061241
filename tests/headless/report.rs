//! How the results of a run are read: its forms, its files, and what stays bounded and exact meanwhile.

use std::fs;
use std::path::Path;
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use super::*;

const DEADLINE: Duration = Duration::from_secs(120);

/// Looks again and again until that is so.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "it never came to: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn every_byte_is_in_the_file_of_its_host_and_stream() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("out");
    // A megabyte in one line, a NUL, a last line without its end, and a word after standard output is closed.
    let command = r"hostname; head -c 1000000 /dev/zero | tr '\0' x; printf '\0end'; exec >&-; echo late >&2";
    let words = ["demo", "run", "--hosts", "12", "--output", "quiet", "-O", text(&dir), "--", command];
    let (code, out, err) = run(&words);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "omnes: 12 ok: demo[01-12]\n"));
    let mut names: Vec<String> = dir
        .read_dir()
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    let expected = (1..=12).flat_map(|n| [format!("demo{n:02}.err"), format!("demo{n:02}.out")]);
    assert_eq!(names, expected.collect::<Vec<_>>());
    for n in 1..=12 {
        let read = |ending| fs::read(dir.join(format!("demo{n:02}.{ending}"))).expect("a file");
        let expected = [format!("demo{n:02}\n").as_bytes(), &[b'x'; 1_000_000], b"\0end"].concat();
        assert!(read("out") == expected && read("err") == b"late\n", "demo{n:02}");
    }
    let (code, _, err) = run(&words);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is not empty; name a directory that is empty or does not exist"), "{err}");
}

#[test]
fn json_has_the_same_bytes_and_one_outcome_for_each_name() {
    let command = r"head -c 3000000 /dev/zero | tr '\0' x; printf '\377\0end'; exec >&-; echo late >&2";
    let (code, out, err) = run(&["demo", "run", "--hosts", "3", "--output", "json", "--top", "--", command]);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut bytes: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let word = |line: &serde_json::Value, field: &str| line[field].as_str().expect("a word").to_owned();
    for line in lines.iter().filter(|line| line["stream"] == "stdout") {
        let data = word(line, "data");
        let data = match line["base64"].as_bool() {
            Some(true) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data),
            _ => Ok(data.into_bytes()),
        };
        bytes.entry(word(line, "host")).or_default().extend(data.expect("base64"));
    }
    let expected = [&[b'x'; 3_000_000], b"\xff\0end".as_slice()].concat();
    assert_eq!(bytes.len(), 3);
    assert!(bytes.values().all(|bytes| *bytes == expected));
    let top = lines.iter().find(|line| line["event"] == "top").expect("where the time went");
    assert_eq!((&top["count"], top["slowest"].as_array().map(Vec::len)), (&3.into(), Some(3)));
    assert!(top["ms"]["command"]["max"].as_f64() > Some(0.0), "{top}");

    let names = ["xn--nxasmq6b", "a_b-c.d", "me@web1", "10.0.0.1:2222", "[::1]:22"];
    let words = [
        &["run", "--output", "json", "-F", "none", "-o", "ProxyCommand=false"],
        &names as &[_],
        &["--", "x"],
    ];
    let (code, out, err) = run(&words.concat());
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    let ends = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a JSON line"));
    let ends = ends.filter(|line| line["event"] == "outcome").map(|line| word(&line, "host"));
    let mut told: Vec<String> = ends.collect();
    told.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn lines_of_many_hosts_are_whole_and_each_host_keeps_its_order() {
    let command = "i=0; while [ $i -lt 300 ]; do printf '%0200d\\n' $i; i=$((i+1)); done";
    let (code, out, err) = run(&["demo", "run", "--hosts", "40", "--", command]);
    assert_eq!(code, 0, "{err}");
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for line in out.lines() {
        let (host, number) = line.split_once(": ").expect("a host before each line");
        let next = next.entry(host).or_default();
        assert_eq!((number.len(), number.parse()), (200, Ok(*next)), "{line}");
        *next += 1;
    }
    assert_eq!((next.len(), next.values().sum::<u32>()), (40, 12_000));
}

#[test]
fn a_full_disk_ends_the_files_with_a_word_and_our_fault() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("out");
    let line = format!(
        "trap '' XFSZ; ulimit -f 50; $OMNES demo run --hosts 4 -f 1 -O {} -- 'head -c 200000 /dev/zero' >/dev/null",
        text(&dir)
    );
    let (code, _, err) = bash(&line);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("demo01.out.part cannot be written: File too large"), "{err}");
    assert!(err.contains("no more hosts are started, running ones are ended"), "{err}");
    assert!(err.contains("not started: demo[0"), "{err}");
    assert!(dir.join("demo01.out.part").exists() && !dir.join("demo01.out").exists());
}

/// The most memory that a process had, in bytes (`VmHWM`, proc(5)).
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// What a process has read and written so far (proc(5)).
fn traffic(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/io")).expect("it lives")
}

/// A fleet in a process of its own, which ends with this.
struct Served {
    server: Child,
    /// The ssh_config that leads there.
    config: String,
    /// It has more to say, and ends where nobody hears it.
    _out: BufReader<ChildStdout>,
    _home: tempfile::TempDir,
}

fn served(hosts: &str) -> Served {
    let (mut command, home) = omnes(&["demo", "serve", "--hosts", hosts]);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("omnes starts");
    let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
    let config = out
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ssh_config").map(|path| path.trim().to_owned()));
    let config = config.expect("the server says where its ssh_config is");
    Served { server, config, _out: out, _home: home }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

#[test]
fn a_reader_that_stalls_stops_the_hosts_not_the_memory_and_gets_all_when_it_wakes() {
    const EACH: usize = 2_000_000;
    let served = served("30");
    let command = format!("yes 0123456789abcdef0123456789abcde | head -c {EACH}");
    let mut run = begin(1, &["run", "-F", &served.config, "demo[01-30]", "--", &command]);
    let pid = run.child.id();
    let mut before = String::new();
    let mut still = 0;
    wait("nothing moves any more", || {
        let now = traffic(pid);
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still == 50
    });
    let stalled = most_memory(pid);
    // When it wakes: the first half, while all hosts are at work again, and the rest.
    let mut half = vec![0; 15 * EACH];
    run.out.read_exact(&mut half).expect("so much is there");
    let awake = most_memory(pid);
    run.out.read_to_end(&mut half).expect("text");
    assert!(run.child.wait().expect("it ends").success());
    let lines = half.split_inclusive(|byte| *byte == b'\n');
    // One line was read at the beginning.
    assert_eq!(lines.count() + 1, 30 * EACH / 32);
    // The program itself, the queue, and for each host a window, a buffer and an unfinished line.
    let bound = (64 + 30) << 20;
    assert!(awake.max(stalled) < bound, "{stalled} bytes while it stalled, {awake} when it woke");
}

#[test]
fn the_first_interrupt_shows_what_was_gathered_so_far() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("out");
    let command = "case $(hostname) in demo05) echo slow; exec sleep 300;; *) echo quick;; esac";
    let mut run = begin(0, &["demo", "run", "--hosts", "5", "-b", "-O", text(&dir), "--", command]);
    let err = BufReader::new(run.child.stderr.take().expect("a pipe"));
    let done = |n: u32| dir.join(format!("demo{n:02}.err")).exists();
    wait("four hosts are done, and one runs", || (1..=4).all(done) && dir.join("demo05.out.part").exists());
    run.signal(Signal::INT);
    let mut line = String::new();
    while !line.contains("demo[01-04] (4): ok") {
        line.clear();
        assert_ne!(run.out.read_line(&mut line).expect("text"), 0, "it ended without what it had");
    }
    run.signal(Signal::INT);
    let mut rest = String::new();
    run.out.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("demo05 (1): ") && rest.ends_with("slow\n"), "{rest}");
    assert!(!rest.contains("demo[01-04]"), "{rest}");
    let (code, text) = run.end(err);
    assert_eq!(code, 130, "{text}");
    assert!(dir.join("demo05.out.part").exists() && !dir.join("demo05.out").exists());
}

#[test]
fn what_differs_from_most_is_shown_and_nothing_else() {
    let command = "echo one; case $(hostname) in demo03) echo zwei; exit 1;; *) echo two;; esac";
    let (code, out, err) = run(&["demo", "run", "--hosts", "5", "--diff", "--", command]);
    let rule = "-".repeat(15);
    let expected = format!(
        "{rule}\ndemo[01-02,04-05] (4): ok\n{rule}\none\ntwo\n{rule}\ndemo03 (1): exit status 1, compared with \
         demo[01-02,04-05]\n{rule}\n--- demo[01-02,04-05]\n+++ demo03\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n"
    );
    assert_eq!((code, out), (1, expected), "{err}");
    let (code, out, err) = run(&["demo", "run", "--diff-from", "demo03", "--", command]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("--- demo03\n+++ demo[01-02,04-12]\n"), "{out}");
    let (code, out, err) = run(&["demo", "run", "--diff-from", "web1", "--", command]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("none of the hosts of this run"), "{err}");
}
