use std::path::Path;

use super::*;
use crate::outcome::NotRun;
use crate::ssh::{ConnectError, Place, Stage};

const ED: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";
const CERT: &str = "ssh-ed25519-cert-v01@openssh.com";

fn place(line: usize) -> Place {
    Place { file: Path::new("known_hosts").into(), line }
}

fn held(algorithm: &'static str, fingerprint: &str) -> HeldKey {
    HeldKey { algorithm, fingerprint: fingerprint.into(), name: "web1".into(), at: place(7) }
}

fn seen(algorithm: &str, fingerprint: &str, standing: Standing) -> Seen {
    let (algorithm, blob, fingerprint) = (algorithm.into(), fingerprint.into(), fingerprint.into());
    let key = HostKey { algorithm, blob, fingerprint, certificate: None };
    Seen { key, standing, listing: None }
}

fn listed(seen: Seen, listing: Listing) -> Seen {
    Seen { listing: Some(listing), ..seen }
}

fn look(keys: Vec<Seen>) -> Look {
    Look { name: "web1".into(), keys }
}

fn prints<'a>(keys: &[&'a HostKey]) -> Vec<&'a str> {
    keys.iter().map(|key| key.fingerprint.as_str()).collect()
}

#[test]
fn a_host_has_the_worst_state_of_its_keys() {
    let known = || seen(ED, "E", Standing::Known);
    let further = || seen(RSA, "R", Standing::Further);
    let changed = || seen(RSA, "R", Standing::Changed(vec![held(RSA, "OLD")]));
    let revoked = || seen(RSA, "R", Standing::Revoked(place(1)));
    for (keys, state) in [
        (vec![known()], State::Known),
        (vec![further(), known()], State::Known),
        (vec![seen(ED, "E", Standing::New), seen(RSA, "R", Standing::New)], State::New),
        (vec![known(), changed()], State::Changed),
        (vec![changed(), revoked(), known()], State::Revoked),
        (vec![revoked(), further()], State::Revoked),
        (vec![seen(CERT, "E", Standing::Certified), changed()], State::Certified),
        (vec![seen(CERT, "E", Standing::Certified), revoked()], State::Revoked),
        (vec![seen(CERT, "E", Standing::Void("it has expired".into())), known()], State::Known),
        (
            vec![seen(CERT, "E", Standing::Void("it has expired".into())), seen(ED, "E", Standing::New)],
            State::New,
        ),
    ] {
        assert_eq!(look(keys.clone()).state(), state, "{keys:?}");
    }
}

#[test]
fn only_new_hosts_are_learned_unless_a_list_confirms_it() {
    use Listing::{Absent, Match, Mismatch, Unlisted};
    let (ed, rsa) = (|of| seen(ED, "E", of), |of| seen(RSA, "R", of));
    let changed = || Standing::Changed(vec![held(RSA, "OLD")]);
    for (keys, learned) in [
        (vec![ed(Standing::New), rsa(Standing::New)], vec!["E", "R"]),
        (vec![ed(Standing::Known), rsa(Standing::Further)], vec![]),
        (vec![ed(Standing::Known), rsa(changed())], vec![]),
        (vec![ed(Standing::New), rsa(Standing::Revoked(place(1)))], vec![]),
        (vec![listed(ed(Standing::New), Match), listed(rsa(Standing::New), Unlisted)], vec!["E"]),
        (vec![listed(ed(Standing::New), Match), listed(rsa(Standing::New), Mismatch)], vec![]),
        (vec![listed(ed(Standing::New), Absent)], vec![]),
        (vec![listed(ed(Standing::Known), Match), listed(rsa(Standing::Further), Match)], vec!["R"]),
        (vec![listed(ed(Standing::Known), Match), listed(rsa(Standing::Further), Unlisted)], vec![]),
    ] {
        assert_eq!(prints(&look(keys.clone()).learnable()), learned, "{keys:?}");
    }
}

#[test]
fn changed_keys_are_replaced_revoked_ones_never() {
    use Listing::{Match, Mismatch, Unlisted};
    let (ed, rsa) = (|of| seen(ED, "E", of), |of| seen(RSA, "R", of));
    let changed = || Standing::Changed(vec![held(ED, "OLD"), held(RSA, "OLDER")]);
    let both = Some((vec!["OLD", "OLDER"], vec!["E", "R"]));
    for (keys, expected) in [
        (vec![ed(changed()), rsa(changed())], both),
        (
            vec![ed(Standing::Known), rsa(Standing::Changed(vec![held(RSA, "OLD")]))],
            Some((vec!["OLD"], vec!["R"])),
        ),
        (vec![ed(Standing::New)], None),
        (vec![ed(changed()), rsa(Standing::Revoked(place(1)))], None),
        (
            vec![listed(ed(changed()), Match), listed(rsa(changed()), Unlisted)],
            Some((vec!["OLD", "OLDER"], vec!["E"])),
        ),
        (vec![listed(ed(changed()), Match), listed(rsa(changed()), Mismatch)], None),
    ] {
        let look = look(keys.clone());
        let got = look.replaceable();
        let got = got.as_ref().map(|(old, new)| {
            (old.iter().map(|old| old.fingerprint.as_str()).collect::<Vec<_>>(), prints(new))
        });
        assert_eq!(got, expected, "{keys:?}");
    }
}

fn report() -> Report {
    let host = |n: usize| Host::new(None, &format!("web{n}"), None);
    let named = |n: usize, keys| Ok(Look { name: format!("web{n}"), keys });
    let why = "connection refused".to_owned();
    let found = vec![
        named(1, vec![seen(ED, "SHA256:1", Standing::Known), seen(RSA, "SHA256:1r", Standing::Further)]),
        named(2, vec![seen(ED, "SHA256:2", Standing::Known)]),
        Ok(Look { name: "[10.0.0.3]:2200".into(), keys: vec![seen(ED, "SHA256:3", Standing::New)] }),
        named(4, vec![seen(ED, "SHA256:4", Standing::Changed(vec![held(ED, "SHA256:old")]))]),
        named(5, vec![seen(ED, "SHA256:5", Standing::Revoked(place(9)))]),
        Err(NotRun::Connect(ConnectError::Unreachable { stage: Stage::Tcp, why })),
    ];
    Report::new((1..=6).map(host).collect(), found, Exit::Well)
}

#[test]
fn the_table_is_folded_and_names_what_needs_a_look() {
    let expected = "\
known                    2  web[1-2]
new                      1  web3
changed                  1  web4
revoked                  1  web5
unreachable (tcp)        1  web6
web3: new ssh-ed25519 SHA256:3 as [10.0.0.3]:2200
web4: changed ssh-ed25519 SHA256:4, held: ssh-ed25519 SHA256:old (known_hosts:7)
web5: revoked ssh-ed25519 SHA256:5 (known_hosts:9)
web6: unreachable (tcp): connection refused
";
    assert_eq!(report().table(Detail::Needed), expected);
    let all = report().table(Detail::All);
    assert!(all.contains("\nweb1: known ssh-ed25519 SHA256:1\nweb1: further ssh-rsa SHA256:1r\n"), "{all}");
}

#[test]
fn a_long_reason_keeps_the_columns_in_line() {
    let mut report = report();
    let why = "no route".to_owned();
    report.found[5] = Err(NotRun::Connect(ConnectError::Unreachable { stage: Stage::Jump, why }));
    let table = report.table(Detail::Needed);
    let columns: Vec<_> = table.lines().take(5).map(|line| line.find("  web")).collect();
    assert_eq!(columns, [Some("unreachable (jump host)".len() + 6); 5], "{table}");
}

#[test]
fn a_list_has_rows_of_its_own() {
    let mut report = report();
    let listings = [Listing::Match, Listing::Absent, Listing::Match, Listing::Mismatch, Listing::Match];
    for (found, listing) in report.found.iter_mut().zip(listings) {
        found.as_mut().unwrap().keys.iter_mut().for_each(|seen| seen.listing = Some(listing));
    }
    let table = report.table(Detail::Needed);
    for line in [
        "as listed                3  web[1,3,5]",
        "NOT as listed            1  web4",
        "not on the list          1  web2",
        "web2: known ssh-ed25519 SHA256:2, not on the list",
        "web3: new ssh-ed25519 SHA256:3 as [10.0.0.3]:2200, as listed",
        "web4: changed ssh-ed25519 SHA256:4, NOT as listed, held: ssh-ed25519 SHA256:old (known_hosts:7)",
    ] {
        assert!(table.lines().any(|have| have == line), "{line}\n{table}");
    }
}

#[test]
fn the_exit_code_tells_known_from_not_known_from_not_asked() {
    let all = report();
    for (range, end, expected) in [
        (0..2, Exit::Well, Exit::Well),
        (0..3, Exit::Well, Exit::Failed),
        (3..4, Exit::Well, Exit::Failed),
        (4..5, Exit::Well, Exit::Failed),
        (5..6, Exit::Well, Exit::NotRun),
        (0..6, Exit::Well, Exit::Failed),
        (0..2, Exit::Interrupted, Exit::Interrupted),
    ] {
        let part = Report::new(all.hosts[range.clone()].to_vec(), all.found[range.clone()].to_vec(), end);
        assert_eq!(part.exit(), expected, "{range:?}");
    }
    let mut listed = Report::new(all.hosts[..1].to_vec(), all.found[..1].to_vec(), Exit::Well);
    listed.found[0].as_mut().unwrap().keys[0].listing = Some(Listing::Mismatch);
    assert_eq!(listed.exit(), Exit::Failed, "known, and not what the list says");
}

fn lines() -> Vec<serde_json::Value> {
    let learned: HostSet = "web3".parse().unwrap();
    let text = report().json(&Done { learned, ..Done::default() }, Exit::Failed);
    text.split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

#[test]
fn json_lines_hold_each_host_with_its_keys() {
    let lines = lines();
    let states: Vec<&str> = lines[..6].iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["known", "known", "new", "changed", "revoked", "unreachable"]);
    assert_eq!(lines[0]["keys"][1]["state"], "further");
    assert_eq!(lines[2]["done"], "learned");
    assert_eq!(lines[3]["keys"][0]["held"][0]["fingerprint"], "SHA256:old");
    assert_eq!(lines[5]["stage"], "tcp");
    let end = &lines[6];
    assert_eq!((&end["exit"], &end["known"]["hosts"]), (&1.into(), &"web[1-2]".into()));
    assert_eq!((&end["learned"]["count"], &end["unreachable"]["count"]), (&1.into(), &1.into()));
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
