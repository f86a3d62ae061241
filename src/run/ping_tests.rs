use super::*;
use crate::outcome::NotRun;
use crate::ssh::ConnectError;

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn host(n: usize) -> Host {
    Host::new(None, &format!("web{n}"), None)
}

/// A host that took so long for TCP and for the login.
fn took(tcp: u64, login: u64) -> Found<Phases> {
    Ok([(Stage::Tcp, millis(tcp)), (Stage::Login, millis(login))].into_iter().collect())
}

fn refused() -> Found<Phases> {
    let why = "connection refused".to_owned();
    Err(NotRun::Connect(ConnectError::Unreachable { stage: Stage::Tcp, why }))
}

fn report(found: Vec<Found<Phases>>) -> Report {
    Report::new((1..=found.len()).map(host).collect(), found, Exit::Well)
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let spread = |times: &[u64]| {
        Spread::of(times.iter().map(|ms| millis(*ms)).collect())
            .map(|of| [of.p50, of.p90, of.p99, of.max].map(|time| time.as_millis()))
    };
    let hundred: Vec<u64> = (1..=100).rev().collect();
    let two_hundred: Vec<u64> = (1..=200).collect();
    for (times, expected) in [
        (&[][..], None),
        (&[7][..], Some([7, 7, 7, 7])),
        (&[3, 1][..], Some([1, 3, 3, 3])),
        (&[1, 2, 3][..], Some([2, 3, 3, 3])),
        (&hundred[..], Some([50, 90, 99, 100])),
        (&two_hundred[..], Some([100, 180, 198, 200])),
    ] {
        assert_eq!(spread(times), expected, "{times:?}");
    }
}

#[test]
fn a_straggler_is_far_from_the_median_in_both_ways() {
    for (totals, expected) in [
        // Three times as long, but nothing that anybody would notice.
        (&[1, 1, 1, 30][..], &[][..]),
        // Noticeable, but not unlike the others.
        (&[200, 210, 220, 500], &[]),
        // At the limits, not beyond them.
        (&[50, 50, 50, 150], &[]),
        (&[50, 50, 50, 151], &["web4"]),
        (&[100, 100, 100, 300], &[]),
        (&[100, 100, 100, 301], &["web4"]),
        (&[900, 10, 10, 10, 700], &["web1", "web5"]),
        // One host, or hosts of which half are slow, have no stragglers.
        (&[9000], &[]),
        (&[9000, 9000, 1], &[]),
    ] {
        let report = report(totals.iter().map(|ms| took(0, *ms)).collect());
        let named: Vec<String> = report.stragglers.iter().map(|slow| slow.host.to_string()).collect();
        assert_eq!(named, expected, "{totals:?}");
    }
}

#[test]
fn the_table_names_what_is_slow_and_the_phase_that_is() {
    let mut found: Vec<_> = (0..4).map(|_| took(2, 10)).collect();
    found.push(took(4, 1000));
    found.push(refused());
    let report = report(found);
    let expected = "\
ms, 5 hosts         p50      p90      p99      max
resolve             0.0      0.0      0.0      0.0
tcp                 2.0      4.0      4.0      4.0
banner              0.0      0.0      0.0      0.0
key exchange        0.0      0.0      0.0      0.0
login              10.0   1000.0   1000.0   1000.0
total              12.0   1004.0   1004.0   1004.0
slow (more than 3 times the median, and by 100 ms or more): 1 web5
  web5: 1004.0 ms, of which login 1000.0
";
    assert_eq!(report.table(), expected);
    assert_eq!(report.failures(), "web6: unreachable (tcp): connection refused\n");
    assert_eq!(report.summary(), "5 reached: web[1-5]; 1 unreachable (tcp): web6");
    assert_eq!(report.exit(), Exit::NotRun);
}

#[test]
fn a_jump_host_has_a_row_where_one_was_used() {
    let through: Phases = [(Stage::Jump, millis(5))].into_iter().collect();
    let table = report(vec![took(1, 1), Ok(through)]).table();
    assert!(table.contains("\njump host           0.0      5.0      5.0      5.0\n"), "{table}");
    assert!(!table.contains("proxy command"), "{table}");
}

#[test]
fn no_more_than_ten_are_named_one_by_one() {
    let mut found: Vec<_> = (0..30).map(|_| took(0, 10)).collect();
    found.extend((0..12).map(|n| took(0, 1000 + n)));
    let table = report(found).table();
    assert!(table.contains("or more): 12 web[31-42]; the 10 slowest\n  web42: 1011.0 ms"), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("  ")).count(), 10, "{table}");
}

#[test]
fn a_failure_is_never_exit_zero_and_an_interrupt_is_worse() {
    for (found, end, expected) in [
        (vec![], Exit::Well, Exit::Well),
        (vec![took(1, 1)], Exit::Well, Exit::Well),
        (vec![took(1, 1), refused()], Exit::Well, Exit::NotRun),
        (vec![took(1, 1), Err(NotRun::Cancelled)], Exit::Interrupted, Exit::Interrupted),
        (vec![took(1, 1)], Exit::OwnFault, Exit::OwnFault),
    ] {
        let hosts = (1..=found.len()).map(host).collect();
        assert_eq!(Report::new(hosts, found, end).exit(), expected);
    }
}

fn lines() -> Vec<serde_json::Value> {
    let text = report(vec![took(2, 10), refused()]).json();
    text.split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

#[test]
fn json_lines_hold_each_host_and_all_of_them() {
    let lines = lines();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["v"] == 1));
    assert_eq!(lines[0]["phases"]["tcp"], 2.0);
    assert_eq!((&lines[0]["total"], &lines[0]["outcome"]), (&12.0.into(), &"reached".into()));
    assert_eq!((&lines[1]["stage"], &lines[1]["outcome"]), (&"tcp".into(), &"unreachable".into()));
    assert_eq!(lines[1]["phases"], serde_json::Value::Null);
    assert_eq!((&lines[2]["exit"], &lines[2]["reached"]["hosts"]), (&3.into(), &"web1".into()));
    assert_eq!(lines[2]["ms"]["total"]["p99"], 12.0);
}

#[test]
fn the_page_describes_every_field() {
    let page = include_str!("../../docs/events.md");
    for line in lines() {
        let event = line["event"].as_str().expect("a word");
        let section = page.split("\n## ").find(|part| part.starts_with(&format!("`{event}`")));
        let section = section.unwrap_or_else(|| panic!("no section for {event}"));
        for field in line.as_object().expect("an object").keys().filter(|key| *key != "v" && *key != "event")
        {
            assert!(section.contains(&format!("| `{field}` |")), "{event}: {field}");
        }
    }
}
