//! `omnes keys`: what it finds.

use std::fs;

use crate::common::{ALL, dead_host, fingerprint, lab, name, stranger, told};
use crate::lab::Lab;
use crate::support::sshd::KeyKind;

const ED: &[KeyKind] = &[KeyKind::Ed25519];

/// web1 known by one key of three, web2 new with three, web3 changed, web4 revoked, dead1 not to be reached.
fn of_every_state() -> Lab {
    let lab = lab(&[&ALL, &ALL, ED, ED]);
    let [known, _, changed, revoked] = &lab.servers[..] else { panic!("four servers") };
    let text = format!(
        "{} {}\n{} {}\n@revoked {} {}\n",
        name(known),
        known.host_key(KeyKind::Ed25519),
        name(changed),
        stranger(&lab, KeyKind::Ed25519),
        name(revoked),
        revoked.host_key(KeyKind::Ed25519),
    );
    lab.write(".ssh/known_hosts", &text);
    dead_host(&lab, "dead1");
    lab
}

#[test]
fn each_state_has_a_row_and_what_needs_a_look_its_fingerprints() {
    let lab = of_every_state();
    let (code, out, err) = told(&lab.run(&["keys", "lab", "dead1"]));
    assert_eq!(code, 1, "{out}{err}");
    let lines: Vec<&str> = out.lines().collect();
    let rows = [
        "known                    1  web1",
        "new                      1  web2",
        "changed                  1  web3",
        "revoked                  1  web4",
        "unreachable (tcp)        1  dead1",
    ];
    assert_eq!(lines[..5], rows, "{out}");
    let [_, new, changed, revoked] = &lab.servers[..] else { panic!("four servers") };
    for kind in ALL {
        let key = new.host_key(kind);
        let algorithm = key.split(' ').next().expect("a word");
        let line = format!("web2: new {algorithm} {} as {}", fingerprint(key), name(new));
        assert!(lines.contains(&line.as_str()), "{line}\n{out}");
    }
    let known = fs::read_to_string(lab.path(".ssh/known_hosts")).expect("known_hosts");
    let old = known.lines().nth(1).and_then(|line| line.split_once(' ')).expect("a line").1;
    let line = format!(
        "web3: changed ssh-ed25519 {} as {}, held: ssh-ed25519 {} ({}:2)",
        fingerprint(changed.host_key(KeyKind::Ed25519)),
        name(changed),
        fingerprint(old),
        lab.path(".ssh/known_hosts").display(),
    );
    assert!(lines.contains(&line.as_str()), "{line}\n{out}");
    let print = fingerprint(revoked.host_key(KeyKind::Ed25519));
    assert!(
        lines.iter().any(|line| line.starts_with(&format!("web4: revoked ssh-ed25519 {print}"))),
        "{out}"
    );
    assert!(lines.contains(&"dead1: unreachable (tcp): connection refused"), "{out}");
    // web1 needs no look.
    assert!(!out.contains("web1:"), "{out}");
    // Nobody logged in.
    assert!(lab.servers.iter().all(|server| !server.log().contains("Accepted")));
}

#[test]
fn the_exit_code_says_what_the_table_says() {
    let lab = of_every_state();
    for (targets, code) in [
        (&["web1"][..], 0),
        (&["web2"], 1),
        (&["web3"], 1),
        (&["web4"], 1),
        (&["dead1"], 3),
        (&["web1", "dead1"], 3),
        (&["web2", "dead1"], 1),
    ] {
        let (got, out, err) = told(&lab.run(&[&["keys"], targets].concat()));
        assert_eq!(got, code, "{targets:?}: {out}{err}");
    }
    let (code, _, err) = told(&lab.run(&["keys"]));
    assert_eq!(code, 2, "{err}");
}

#[test]
fn all_keys_of_known_hosts_are_shown_on_request() {
    let lab = of_every_state();
    let (_, out, _) = told(&lab.run(&["keys", "-v", "web1"]));
    let words: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(words, ["known", "further", "further"], "{out}");
}

#[test]
fn json_lines_hold_every_host() {
    let lab = of_every_state();
    let (code, out, err) = told(&lab.run(&["keys", "--output", "json", "lab", "dead1"]));
    assert_eq!((code, err.as_str()), (1, ""));
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let state = |host: &str| lines.iter().find(|line| line["host"] == host).expect(host)["state"].clone();
    let states = ["web1", "web2", "web3", "web4", "dead1"].map(state);
    assert_eq!(states, ["known", "new", "changed", "revoked", "unreachable"]);
    let end = lines.last().expect("a line");
    assert_eq!((&end["event"], &end["new"]["hosts"]), (&"keys-summary".into(), &"web2".into()));
}

#[test]
fn a_list_from_elsewhere_is_compared() {
    let lab = of_every_state();
    let [known, new, changed, _] = &lab.servers[..] else { panic!("four servers") };
    // A line of known_hosts, a fingerprint under the user's own name, and a key that is another.
    let list = format!(
        "# from the consoles\n{} {}\nweb2 {}\nweb3 {}\n",
        name(known),
        known.host_key(KeyKind::Rsa),
        fingerprint(new.host_key(KeyKind::Ecdsa)),
        fingerprint(&stranger(&lab, KeyKind::Ed25519)),
    );
    lab.write("list", &list);
    let file = lab.path("list").display().to_string();
    let (code, out, err) = told(&lab.run(&["keys", "--from", &file, "lab"]));
    assert_eq!(code, 1, "{out}{err}");
    for line in [
        "as listed                2  web[1-2]",
        "NOT as listed            1  web3",
        "not on the list          1  web4",
    ] {
        assert!(out.lines().any(|have| have == line), "{line}\n{out}");
    }
    let print = fingerprint(changed.host_key(KeyKind::Ed25519));
    assert!(out.contains(&format!("{print} as {}, NOT as listed", name(changed))), "{out}");
    // Only what the list has is learned: of a new host, and of one that is known by another key.
    let (code, _, err) = told(&lab.run(&["keys", "--from", &file, "--accept", "--yes", "web[1-3]"]));
    assert_eq!(code, 1, "{err}");
    let file = lab.path(".ssh/known_hosts");
    let mut both = [known.host_key(KeyKind::Ed25519), known.host_key(KeyKind::Rsa)];
    both.sort_unstable();
    assert_eq!(crate::common::found_by_keygen(&file, &name(known)), both);
    assert_eq!(crate::common::found_by_keygen(&file, &name(new)), [new.host_key(KeyKind::Ecdsa)]);
    let bad = "web1 what is this\n";
    lab.write("list", bad);
    let (code, _, err) = told(&lab.run(&["keys", "--from", &lab.path("list").display().to_string(), "lab"]));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("line 1: `web1 what is this` is neither"), "{err}");
}

#[test]
fn a_trust_store_that_cannot_be_read_is_no_empty_one() {
    let lab = of_every_state();
    fs::remove_file(lab.path(".ssh/known_hosts")).expect("removed");
    fs::create_dir(lab.path(".ssh/known_hosts")).expect("a directory");
    let (code, out, err) = told(&lab.run(&["keys", "--accept", "--yes", "web2"]));
    assert_eq!(code, 3, "{out}{err}");
    assert!(out.contains("known_hosts cannot be read: it is a directory"), "{out}");
}
