//! Manifests, by values.

use proptest::prelude::*;

use super::*;

fn path(text: &[u8]) -> RelPath {
    RelPath::parse(text).expect("a path")
}

fn file(size: u64, mtime: i64) -> Mark {
    Mark::File { size, mtime, sum: None }
}

fn record(at: &str, mark: Mark) -> Record {
    Record { path: path(at.as_bytes()), mark }
}

fn body(records: &[Record]) -> (Vec<u8>, Sum) {
    let mut bytes = Vec::new();
    let sum = write(records.iter().cloned().map(Ok), &mut bytes).expect("memory takes it");
    (bytes, sum)
}

fn read(bytes: &[u8], sum: Sum) -> Result<Vec<Record>, Damage> {
    Reader::new(bytes, sum).collect()
}

fn sample() -> Vec<Record> {
    vec![
        record("etc", Mark::Dir),
        record("etc/a", file(0, -1)),
        record("etc/a/b", Mark::File { size: u64::MAX, mtime: i64::MIN, sum: Some(Sum([7; 32])) }),
        Record { path: path(b"etc/\xff\n"), mark: Mark::Link { to: b"../\xfe".as_slice().into() } },
        record("\u{7f}", file(1, i64::MAX)),
    ]
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|a, b| a.path.cmp(&b.path));
    records.dedup_by(|a, b| a.path == b.path);
    records
}

#[test]
fn what_is_written_is_read() {
    for records in [Vec::new(), sorted(sample())] {
        let (bytes, sum) = body(&records);
        assert_eq!(read(&bytes, sum), Ok(records));
    }
}

#[test]
fn a_body_that_is_cut_off_or_altered_anywhere_is_no_body() {
    let (bytes, sum) = body(&sorted(sample()));
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end], sum).is_err(), "cut off at {end}");
        let mut altered = bytes.clone();
        altered[end] ^= 0x20;
        assert!(read(&altered, sum).is_err(), "altered at {end}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(read(&longer, sum), Err(Damage::Altered));
    assert_eq!(read(&bytes, Sum([0; 32])), Err(Damage::Altered));
}

#[test]
fn no_body_makes_a_path_that_leads_out_or_asks_for_much_memory() {
    for entry in [
        &b"\0\x02..\x03"[..],
        b"\0\x02/a\x03",
        b"\0\x04a/..\x03",
        b"\x01\x01a\x03",
        b"\0\0\x03",
        b"\0\x01a\x09",
        b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7fa",
        b"\0\xff\xff\xff\xff\x0fa",
        b"\0\x01a\x04\xff\xff\xff\xff\x0f",
        b"\0\x01b\x03\0\x01a\x03",
    ] {
        let bytes = [MAGIC, entry].concat();
        let sum = Sum(Sha256::digest(&bytes).into());
        assert_eq!(read(&bytes, sum), Err(Damage::Form), "{entry:?}");
    }
}

#[test]
fn a_file_is_still_what_was_put_by_its_sum_or_else_its_time() {
    let (put, other) = (Some(Sum([1; 32])), Some(Sum([2; 32])));
    let summed = Mark::File { size: 5, mtime: 100, sum: put };
    let now = |size| Kind::File { size };
    for (mark, kind, mtime, sum, still) in [
        (file(5, 100), now(5), 100, None, true),
        (file(5, 100), now(5), 101, None, false),
        (file(5, 100), now(6), 100, None, false),
        (file(5, 100), now(5), 101, put, false),
        (summed.clone(), now(5), 100, None, true),
        (summed.clone(), now(5), 101, put, true),
        (summed.clone(), now(5), 100, other, false),
        (summed.clone(), Kind::Dir, 100, None, false),
        (summed, Kind::Link { to: b"x".as_slice().into() }, 100, None, false),
        (Mark::Dir, Kind::Dir, 1, None, true),
        (Mark::Dir, now(5), 1, None, false),
        (Mark::Link { to: b"x".as_slice().into() }, Kind::Link { to: b"x".as_slice().into() }, 1, None, true),
        (Mark::Link { to: b"x".as_slice().into() }, Kind::Link { to: b"y".as_slice().into() }, 1, None, false),
        (file(0, 0), Kind::Special, 0, None, false),
    ] {
        assert_eq!(mark.is_still(&kind, mtime, sum), still, "{mark:?} {kind:?} {mtime}");
    }
}

#[test]
fn what_a_push_did_not_reach_keeps_what_was_known_of_it() {
    let before = [record("a", file(1, 1)), record("b", file(1, 1)), record("d", Mark::Dir), record("e", file(1, 1))];
    let landed = [record("b", file(2, 2)), record("c", file(2, 2))];
    let gone = path(b"e");
    let is_gone = |path: &RelPath| *path == gone;
    let after = renewed(before.into_iter().map(Ok), landed.into_iter(), &is_gone);
    let after: Result<Vec<Record>, Damage> = after.collect();
    let expected =
        [record("a", file(1, 1)), record("b", file(2, 2)), record("c", file(2, 2)), record("d", Mark::Dir)];
    assert_eq!(after, Ok(expected.to_vec()));
}

#[test]
fn a_damaged_one_is_not_gone_on_with() {
    let before = [Ok(record("a", file(1, 1))), Err(Damage::Short)];
    let nothing = |_: &RelPath| false;
    let after = renewed(before.into_iter(), [record("b", file(2, 2))].into_iter(), &nothing);
    let written = write(after, std::io::sink());
    assert!(matches!(written, Err(WriteFault::Before(Damage::Short))), "{written:?}");
}

#[test]
fn a_digest_is_read_as_it_is_printed() {
    let sum = Sum(std::array::from_fn(|n| n as u8 * 7));
    assert_eq!(sum.to_string().parse(), Ok(sum));
    for odd in ["", "00", &"0".repeat(63), &"G".repeat(64), &"é".repeat(32), &"+0".repeat(32)] {
        assert_eq!(odd.parse::<Sum>(), Err(Damage::Form), "{odd}");
    }
}

fn any_path() -> impl Strategy<Value = RelPath> {
    let name = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'-'), Just(0xff), 1u8..=255], 1..4);
    prop::collection::vec(name, 1..4).prop_filter_map("a path", |names| RelPath::parse(&names.join(&b'/')).ok())
}

fn any_mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        (any::<u64>(), any::<i64>(), prop::option::of(any::<[u8; 32]>()))
            .prop_map(|(size, mtime, sum)| Mark::File { size, mtime, sum: sum.map(Sum) }),
        Just(Mark::Dir),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|to| Mark::Link { to: to.into() }),
    ]
}

proptest! {
    #[test]
    fn any_manifest_is_read_as_it_was_written(
        records in prop::collection::vec((any_path(), any_mark()), 0..60),
    ) {
        let records = sorted(records.into_iter().map(|(path, mark)| Record { path, mark }).collect());
        let (bytes, sum) = body(&records);
        prop_assert_eq!(read(&bytes, sum), Ok(records));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [MAGIC, &bytes].concat();
        let sum = Sum(Sha256::digest(&bytes).into());
        let _ = read(&bytes, sum);
    }
}
