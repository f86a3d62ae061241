//! A folder of very many things is listed in time and requests that grow with it and not faster.
//!
//! `OMNES_TEST_LISTING=1` measures time on a real server, with 200,000 entries; without it the bytes of requests and answers are counted, with
//! 10,000.

use std::fs;
use std::os::unix::fs::symlink;

use super::ground::Ground;
use super::support::proxy::Way;
use super::*;

/// Bytes that go to a host, and come, where `/data` has so many things; each is a FIFO, which is passed over.
fn bytes(entries: usize) -> [u64; 2] {
    let ground = Ground::scripted_behind_a_proxy();
    let disk = ground.disk("demo01");
    disk.put_dir("/data", (0o755, 7));
    for n in 0..entries {
        disk.put_fifo(format!("/data/entry-{n:06}"));
    }
    let output = ground.run("pull", &["demo01:/data", "--to", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(disk.asked("/data").lists, 1);
    if let Some(last) = entries.checked_sub(1) {
        let last = disk.asked(format!("/data/entry-{last:06}"));
        assert_eq!((last.stats, last.opens), (0, 0), "what the listing says is not asked for again");
    }
    let proxy = ground.proxy.as_ref().expect("a proxy");
    [Way::Up, Way::Down].map(|way| proxy.passed(way))
}

#[test]
fn twice_as_many_entries_take_twice_as_many_requests() {
    let (none, half, whole) = (bytes(0), bytes(5_000), bytes(10_000));
    for way in 0..2 {
        let (half, whole) = (half[way] - none[way], whole[way] - none[way]);
        assert!(half > 1_000, "{half} bytes are counted");
        assert!(whole * 10 <= half * 22, "{half} bytes for 5,000 entries, {whole} for 10,000");
    }
}

#[test]
fn twice_as_many_entries_take_twice_the_time_of_a_real_server() {
    if std::env::var_os("OMNES_TEST_LISTING").is_none() {
        return;
    }
    let ground = Ground::real();
    let tree = ground.path("tree");
    fs::create_dir(&tree).expect("a folder");
    let mut made = 0;
    let mut time = |entries: usize| {
        for n in made..entries {
            symlink("nowhere", tree.join(format!("entry-{n:06}"))).expect("a link");
        }
        made = entries;
        let from = format!("real:{}", tree.display());
        // The shorter of two, since others work here, too.
        let once = || {
            let since = Instant::now();
            let output = ground.run("pull", &[&from, "--to", "out"]);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            since.elapsed()
        };
        once().min(once())
    };
    let (half, whole) = (time(100_000), time(200_000));
    assert!(whole <= half * 22 / 10, "{half:?} for 100,000 entries, {whole:?} for 200,000");
    assert!(whole <= DEADLINE, "{whole:?}");
}
