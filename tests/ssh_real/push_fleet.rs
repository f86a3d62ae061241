//! Twenty real hosts: one tree in waves while one of them is away, the one that was changed by hand, and what comes back.

use std::fs;

use crate::push::{Fleet, Told, names};

const HOSTS: usize = 20;
/// Files of the tree, in three folders.
const FILES: usize = 30;

fn hosts() -> Vec<String> {
    (1..=HOSTS).map(|n| format!("web{n:02}")).collect()
}

/// The hosts of an event, each with its outcome.
fn outcomes(told: &Told) -> Vec<(String, String)> {
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let mut all: Vec<_> =
        told.lines("outcome").iter().map(|line| (text(line, "host"), text(line, "outcome"))).collect();
    all.sort();
    all
}

#[test]
fn a_tree_goes_to_twenty_hosts_in_waves_and_who_was_changed_by_hand_is_found() {
    let hosts = hosts();
    let names_of: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut fleet = Fleet::new(&names_of);
    for host in &hosts {
        fs::create_dir(fleet.disk.path().join(host)).unwrap();
    }
    for n in 0..FILES {
        fleet.here(&format!("conf/{}/f{n:02}", n % 3), &format!("{n}\n").repeat(1 + n * 500));
    }
    let conf = fleet.lab.path("conf");
    let tree = conf.display().to_string();
    let to = fleet.to("/");
    // The last one is away.
    drop(fleet.lab.servers.pop());

    let told = fleet.push(&[&tree, &to, "--waves", "1,5,100%", "--output", "json"]);
    assert_eq!(told.code, 3, "{}{}", told.out, told.err);
    let ended = outcomes(&told);
    assert_eq!(ended.len(), HOSTS, "each is told of once");
    for (host, outcome) in &ended {
        let expected = if host == "web20" { "unreachable" } else { "exited" };
        assert_eq!(outcome, expected, "{host}");
    }
    for host in &hosts[..HOSTS - 1] {
        let there = fleet.at(host, "conf");
        assert_eq!(names(&there), names(&conf), "{host}");
        for name in names(&conf).iter().filter(|name| !name.ends_with('/')) {
            assert_eq!(
                fs::read(there.join(name)).unwrap(),
                fs::read(conf.join(name)).unwrap(),
                "{host} {name}"
            );
        }
    }
    let told = fleet.push(&["--resume", "last", "--output", "json"]);
    assert_eq!(outcomes(&told), [("web20".to_owned(), "unreachable".to_owned())], "no other has a turn");

    fs::write(fleet.at("web07", "conf/1/f01"), "by hand\n").unwrap();
    let of = |command: &[&str]| Told::of(&fleet.lab.run(command));
    let there = fleet.to("/conf");
    let told = of(&["diff", &there, "-x", "web20"]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    assert!(told.out.contains("web07"), "{}", told.out);
    assert!(told.out.contains("web[01-06,08-19]"), "{}", told.out);
    assert!(told.out.contains("+by hand"), "{}", told.out);

    let told = of(&["push", &tree, &to, "-x", "web20", "--output", "json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let sent = |line: &serde_json::Value| (line["host"] == "web07", line["sent"].as_u64().unwrap());
    for (is_changed, sent) in told.lines("files").iter().map(sent) {
        assert_eq!(sent, u64::from(is_changed), "that one file alone");
    }
    let told = of(&["diff", &there, "-x", "web20"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);

    let back = fleet.lab.path("back").display().to_string();
    let told = of(&["pull", &there, "--to", &back, "-x", "web20"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for host in &hosts[..HOSTS - 1] {
        assert_eq!(names(&fleet.lab.path("back").join(host).join("conf")), names(&conf), "{host}");
    }
}
