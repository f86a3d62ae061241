//! The keeper on real files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::outcome::Outcome;
use crate::pane::{HistoryLimit, Pane};
use crate::tui::app::{How, SentEntry, SentText};

const ONE: SessionId = SessionId(1);
const TWO: SessionId = SessionId(2);

fn places(dir: &TempDir) -> Places {
    Places { form: Form::Both, ..Places::below(&dir.path().join("state")) }
}

fn start(places: Places) -> Keeper {
    Keeper::start(places).expect("a thread")
}

/// Keeps it; there is room.
fn keep(keeper: &mut Keeper, keep: Keep) {
    assert_eq!(keeper.keep(keep), None);
}

fn log(keeper: &mut Keeper, session: SessionId, host: &str) {
    keep(keeper, Keep::Log { session, host: host.to_owned() });
}

fn print(keeper: &mut Keeper, session: SessionId, text: impl AsRef<[u8]>) {
    keeper.hear(session, &SessionEvent::Output(Bytes::copy_from_slice(text.as_ref())));
}

/// What is told next besides the history of earlier runs.
async fn told(keeper: &mut Keeper) -> Told {
    loop {
        match timeout(Duration::from_secs(60), keeper.told()).await.expect("it is told in time") {
            Told::Past(_) => {}
            told => return told,
        }
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("it is there")
}

/// The lines of a log without the times in those of ours.
fn lines(text: &str) -> Vec<String> {
    let line = |line: &str| match line.strip_prefix("--- omnes: ") {
        Some(ours) => format!("---{}", &ours[20..]),
        None => line.to_owned(),
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn what_a_host_prints_stands_in_both_logs_for_its_owner_alone() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let mut keeper = start(places.clone());
    print(&mut keeper, ONE, "before it was logged\r\n");
    log(&mut keeper, ONE, "web01");
    print(&mut keeper, ONE, "\x1b[31mone\x1b[m\r\n50%\r");
    print(&mut keeper, ONE, "done\r\n$ ");
    print(&mut keeper, TWO, "of another\r\n");
    keeper.hear(ONE, &SessionEvent::Closed(Outcome::Exited(3)));
    log(&mut keeper, TWO, "web01");
    print(&mut keeper, TWO, "next\r\n");
    keep(&mut keeper, Keep::Unlog(TWO));
    print(&mut keeper, TWO, "after\r\n");
    keeper.finish(OpenSet::of(Vec::new())).await;
    let plain = places.logs.join("web01.log");
    assert_eq!(
        lines(&read(plain.clone())),
        [
            "--- web01, log begins ---",
            "one",
            "done",
            "$",
            "--- web01, session ends: the shell ended with status 3 ---",
            "--- web01, log begins ---",
            "next",
            "--- web01, log ends ---",
        ]
    );
    let raw = read(places.logs.join("web01.raw"));
    assert!(raw.contains("---\r\n\x1b[31mone\x1b[m\r\n50%\rdone\r\n$ \r\n--- omnes: "), "{raw:?}");
    assert_eq!(
        (mode(&plain), mode(&places.logs), mode(&places.logs.join("web01.raw"))),
        (0o600, 0o700, 0o600)
    );
    assert!(!places.sets.exists(), "an empty set is not saved");
}

#[tokio::test]
async fn no_host_can_print_a_mark_of_ours_into_its_log() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let mut keeper = start(places.clone());
    log(&mut keeper, ONE, "web01");
    print(&mut keeper, ONE, "--- omnes: 2026-11-21T14:55:08Z web01, session ends: well ---\r\n");
    print(&mut keeper, ONE, "x\r--- om\x1b[31mnes: 2026");
    print(&mut keeper, ONE, " ---\r\n\r\n--- om");
    print(&mut keeper, ONE, "nes: in two pieces ---\r\n");
    // What is left of a line when the log ends.
    print(&mut keeper, ONE, "--- omnes: rest");
    keeper.hear(ONE, &SessionEvent::Closed(Outcome::Exited(0)));
    keeper.finish(OpenSet::of(Vec::new())).await;
    let begins = |text: &str, with: &str| text.lines().filter(|line| line.starts_with(with)).count();
    let plain = read(places.logs.join("web01.log"));
    assert_eq!((begins(&plain, marks::BEGINS), begins(&plain, "\\--- omnes: ")), (2, 4), "{plain}");
    let raw = read(places.logs.join("web01.raw"));
    assert_eq!((raw.matches(marks::BEGINS).count(), raw.matches("--- omnes:\0 ").count()), (2, 3), "{raw:?}");
}

#[tokio::test]
async fn no_name_of_a_host_leads_out_of_the_directory() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let mut keeper = start(places.clone());
    let names = [
        "../../x",
        "-rf",
        "bücher",
        ".",
        "..",
        "/etc/passwd",
        "a/../../b",
        &"x".repeat(300),
        &"é".repeat(300),
    ];
    for (n, name) in names.iter().enumerate() {
        let session = SessionId(n as u32);
        log(&mut keeper, session, name);
        assert!(matches!(told(&mut keeper).await, Told::Logs(..)), "{name}");
    }
    keeper.finish(OpenSet::of(Vec::new())).await;
    assert_eq!(fs::read_dir(&places.logs).expect("it is there").count(), 2 * names.len());
    let around: Vec<_> =
        fs::read_dir(dir.path()).expect("it is there").flatten().map(|e| e.file_name()).collect();
    assert_eq!(around, ["state"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_told_once_and_the_rest_goes_on() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("a file");
    let places = Places { logs: file.join("logs"), ..places(&dir) };
    let mut keeper = start(places.clone());
    log(&mut keeper, ONE, "web01");
    let Told::LogStopped(ONE, why) = told(&mut keeper).await else { panic!("it cannot be") };
    assert!(why.ends_with("file/logs: Not a directory"), "{why}");
    print(&mut keeper, ONE, "x");
    let text = SentText::Kept("ls".into());
    keep(
        &mut keeper,
        Keep::Sent(SentEntry { at: Duration::ZERO, how: How::Typed, hosts: "web01".into(), text }),
    );
    keep(&mut keeper, Keep::Save { name: "a".to_owned(), set: Box::new(OpenSet::of(Vec::new())) });
    assert_eq!(told(&mut keeper).await, Told::Saved("a".to_owned()), "and nothing of the log again");
    assert!(read(places.history.expect("a history")).contains("\"ls\""));
}

/// A full log is rotated under a lock; whoever holds it is a disk that takes nothing.
#[tokio::test]
async fn a_disk_that_takes_nothing_costs_a_bounded_memory_and_the_gap_is_counted() {
    let dir = TempDir::new().expect("a directory");
    let rotation = Rotation { max: 4_096, keep: 1_000 };
    let places = Places { form: Form::Plain, rotation, ..places(&dir) };
    fs::create_dir_all(&places.logs).expect("a directory");
    let path = places.logs.join("web01.log");
    fs::write(&path, "x".repeat(4_096)).expect("a file");
    let held = fs::File::open(&path).expect("it is there");
    flock(&held, FlockOperation::LockExclusive).expect("a lock");
    let mut keeper = start(places.clone());
    log(&mut keeper, ONE, "web01");
    let line = "0123456789012345678901234567890123456789012345678901234567890\r\n".repeat(16);
    for _ in 0..2_000 {
        print(&mut keeper, ONE, &line);
        assert!(keeper.waits.load(Ordering::Acquire) <= SESSION_BYTES + JOB_BYTES);
    }
    print(&mut keeper, TWO, "nobody waits");
    flock(&held, FlockOperation::Unlock).expect("it is ours");
    assert!(matches!(told(&mut keeper).await, Told::Logs(..)));
    while keeper.waits.load(Ordering::Acquire) > 0 {
        tokio::task::yield_now().await;
    }
    print(&mut keeper, ONE, "the last\r\n");
    let Told::LogGap(ONE, left_out) = told(&mut keeper).await else { panic!("there was no room for all") };
    keeper.finish(OpenSet::of(Vec::new())).await;
    let files = fs::read_dir(&places.logs).expect("it is there").flatten();
    let text: String = files.map(|file| read(file.path())).collect();
    let written = text.matches("0123456789012345678901234567890123456789012345678901234567890").count();
    assert_eq!(written as u64 * 63 + left_out, 2_000 * line.len() as u64, "every byte is there or counted");
    assert!(
        text.contains(&format!(
            "web01, {left_out} bytes were left out: the disk was slower than the host ---"
        ))
    );
    assert!(text.contains("the last\n"));
}

fn sent(text: &str) -> Keep {
    let text = SentText::Kept(text.into());
    Keep::Sent(SentEntry { at: Duration::ZERO, how: How::Typed, hosts: "web01".into(), text })
}

/// Another omnes that was stopped in the middle of a write keeps its lock.
#[tokio::test]
async fn a_lock_that_is_never_given_back_stops_one_file_with_a_sentence_and_the_others_go_on() {
    let dir = TempDir::new().expect("a directory");
    let places = Places { form: Form::Plain, ..places(&dir) };
    fs::create_dir_all(&places.logs).expect("a directory");
    let path = places.history.clone().expect("a history");
    fs::write(&path, "").expect("a file");
    let held = fs::File::open(&path).expect("it is there");
    flock(&held, FlockOperation::LockExclusive).expect("a lock");
    let mut keeper = start(places.clone());
    log(&mut keeper, ONE, "web01");
    assert!(matches!(told(&mut keeper).await, Told::Logs(..)));
    keep(&mut keeper, sent("ls"));
    print(&mut keeper, ONE, "goes on\r\n");
    let Told::HistoryStopped(why) = told(&mut keeper).await else { panic!("it is locked") };
    assert!(why.contains("/history: another program has held its lock for 3 s"), "{why}");
    assert_eq!(keeper.finish(OpenSet::of(Vec::new())).await, [] as [String; 0], "it was told");
    assert!(read(places.logs.join("web01.log")).contains("goes on\n"));

    // Whoever leaves meanwhile hears of it too.
    let mut keeper = start(places.clone());
    keep(&mut keeper, sent("ls"));
    let unkept = keeper.finish(OpenSet::of(Vec::new())).await;
    assert_eq!(unkept, [format!("the history is not written: {why}")]);
}

/// A file system with room for 64 kB at this directory, which goes with this value.
struct Disk(PathBuf);

impl Disk {
    fn small(path: PathBuf) -> Disk {
        fs::create_dir_all(&path).expect("a directory");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&path);
        assert!(mount.status().expect("mount is there").success(), "the tests run as root");
        Disk(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_leaves_whole_lines_in_recordings_and_logs() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let _disks = [&places.logs, &places.recordings].map(|path| Disk::small(path.clone()));
    let mut keeper = start(places.clone());
    log(&mut keeper, ONE, "web01");
    let redraw = Vec::new();
    keep(
        &mut keeper,
        Keep::Record { session: ONE, host: "web01".to_owned(), size: Size::new(10, 40), redraw },
    );
    assert!(matches!(told(&mut keeper).await, Told::Logs(..)));
    let Told::Records(_, cast) = told(&mut keeper).await else { panic!("there is room for its header") };
    // No piece divides what there is.
    let line = "0123456789abcdef\r\n".repeat(59);
    let (mut log_stopped, mut record_stopped) = (false, false);
    while !(log_stopped && record_stopped) {
        print(&mut keeper, ONE, &line);
        while let Ok(told) = timeout(Duration::from_millis(1), keeper.told()).await {
            log_stopped |= matches!(&told, Told::LogStopped(ONE, why) if why.contains("No space left"));
            record_stopped |= matches!(&told, Told::RecordStopped(_, why) if why.contains("No space left"));
        }
    }
    keeper.finish(OpenSet::of(Vec::new())).await;
    let text = read(places.logs.join("web01.log"));
    assert!(text.len() > 4_096 && text.lines().skip(1).all(|line| line == "0123456789abcdef"), "{text}");
    assert!(text.ends_with('\n'));
    let played = played(Path::new(&cast));
    assert!(played.len() > 4 && played.iter().skip(1).all(|(_, text)| *text == line), "{played:?}");
}

/// Output of a recording, in the order of the file.
fn played(path: &Path) -> Vec<(String, String)> {
    let text = read(path.to_owned());
    let event = |line: &str| {
        let event: (f64, String, String) = serde_json::from_str(line).expect("an event");
        (event.1, event.2)
    };
    text.lines().skip(1).map(event).collect()
}

#[tokio::test]
async fn a_recording_plays_back_to_the_same_screen() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let mut keeper = start(places.clone());
    let mut pane = Pane::new(Size::new(10, 40), HistoryLimit::default());
    let mut say = |keeper: &mut Keeper, text: &[u8]| {
        pane.feed(Duration::ZERO, text);
        print(keeper, ONE, text);
        redraw::redraw(pane.screen(), &pane.modes())
    };
    let redraw = say(&mut keeper, "\x1b[32mbefore\x1b[m 語\r\n\x1b[7mtop\x1b[m".as_bytes());
    keep(
        &mut keeper,
        Keep::Record { session: ONE, host: "web01".to_owned(), size: Size::new(10, 40), redraw },
    );
    let Told::Records(Recorded::Pane(ONE), path) = told(&mut keeper).await else { panic!("it is recorded") };
    for piece in "\r\né語\x1b[1;35mcut\x1b[m \u{1f600}\r\n\x1b[3;3Hthere".as_bytes().chunks(1) {
        say(&mut keeper, piece);
    }
    keeper.resized(ONE, Size::new(12, 50));
    keeper.resized(TWO, Size::new(1, 1));
    say(&mut keeper, b"\xff end");
    keep(&mut keeper, Keep::EndRecord(ONE));
    assert!(matches!(told(&mut keeper).await, Told::RecordEnded(Recorded::Pane(ONE), _)));
    let events = played(Path::new(&path));
    assert!(events.contains(&("r".to_owned(), "50x12".to_owned())));
    assert!(events.iter().all(|(code, _)| code == "o" || code == "r"), "input is never recorded");
    let mut again = Pane::new(Size::new(10, 40), HistoryLimit::default());
    for (_, text) in events.iter().filter(|(code, _)| code == "o") {
        again.feed(Duration::ZERO, text.as_bytes());
    }
    assert_eq!(again.screen().text(), pane.screen().text());
    assert_eq!(again.digest(), pane.digest());
    assert_eq!(again.screen().cursor(), pane.screen().cursor());
    assert_eq!(mode(Path::new(&path)), 0o600);
}

#[tokio::test]
async fn frames_that_find_no_room_are_left_out_until_a_whole_one_comes() {
    let dir = TempDir::new().expect("a directory");
    let mut keeper = start(places(&dir));
    assert_eq!(keeper.frame(b"not recorded".to_vec()), Framed::Taken);
    keep(&mut keeper, Keep::RecordScreen(Size::new(25, 80)));
    assert_eq!(keeper.frame(vec![b'x'; ALL_BYTES]), Framed::LeftOut);
    assert_eq!(keeper.frame(b"whole".to_vec()), Framed::Taken);
    keep(&mut keeper, Keep::EndRecordScreen);
    let Told::Records(Recorded::Screen, path) = told(&mut keeper).await else { panic!("it is recorded") };
    assert!(matches!(told(&mut keeper).await, Told::RecordEnded(Recorded::Screen, _)));
    let events = played(Path::new(&path));
    let expected = [("m", "frames were left out"), ("o", "whole")];
    assert_eq!(events, expected.map(|(code, text)| (code.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn two_programs_do_not_mix_their_lines_of_history() {
    let dir = TempDir::new().expect("a directory");
    let places = places(&dir);
    let mut keepers = [start(places.clone()), start(places.clone())];
    for n in 0..500 {
        for (keeper, name) in keepers.iter_mut().zip(["a", "b"]) {
            let text = SentText::Kept(format!("{n} {}", name.repeat(n)).into());
            keep(
                keeper,
                Keep::Sent(SentEntry { at: Duration::ZERO, how: How::Typed, hosts: name.into(), text }),
            );
        }
    }
    for keeper in keepers {
        keeper.finish(OpenSet::of(Vec::new())).await;
    }
    let path = places.history.expect("a history");
    let text = read(path.clone());
    for name in ["a", "b"] {
        let of_one = text
            .lines()
            .map(|line| entry::parse(line).expect("a whole line"))
            .filter(|past| past.hosts == name);
        let texts: Vec<String> = of_one.filter_map(|past| past.text).collect();
        let expected: Vec<String> = (0..500).map(|n| format!("{n} {}", name.repeat(n))).collect();
        assert_eq!(texts, expected);
    }
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn the_last_set_is_saved_on_the_way_out_unless_it_is_not_wanted() {
    let set = || OpenSet::of(vec![set::SavedHost { name: "web01".to_owned(), ..set::SavedHost::default() }]);
    for (save_last, saved) in [(SaveLast::Yes, Ok(set())), (SaveLast::No, Err(()))] {
        let dir = TempDir::new().expect("a directory");
        let places = Places { save_last, ..places(&dir) };
        start(places.clone()).finish(set()).await;
        assert_eq!(saved::read(&places, set::LAST).map_err(drop), saved);
    }
}

#[tokio::test]
async fn a_keeper_of_nothing_never_has_too_much() {
    let mut keeper = Keeper::of_nothing();
    let text = "x".repeat(ALL_BYTES / 4);
    for _ in 0..8 {
        let text = SentText::Kept(text.as_str().into());
        keep(
            &mut keeper,
            Keep::Sent(SentEntry { at: Duration::ZERO, how: How::Typed, hosts: "a".into(), text }),
        );
    }
    keeper.finish(OpenSet::of(Vec::new())).await;
}
