//! Runs that go on with some of their hosts: each is what it was in the whole run, and what it gets is what it would have got.

use std::fs;

use crate::push::{Fleet, Told};

const HOSTS: [&str; 3] = ["web1", "web2", "web3"];

fn omnes(fleet: &Fleet, words: &[&str]) -> Told {
    Told::of(&fleet.lab.run(words))
}

/// What a host wrote of itself.
fn said(fleet: &Fleet, host: &str) -> Option<String> {
    fs::read_to_string(fleet.disk.path().join(format!("{host}.said"))).ok()
}

/// A line with which each host writes that.
fn says(fleet: &Fleet, then: &str) -> String {
    format!("echo {{n}} of {{count}} > {}/{{host}}.said; {then}", fleet.disk.path().display())
}

#[test]
fn a_push_of_each_host_its_own_goes_on_with_any_part_of_its_hosts() {
    let fleet = Fleet::new(&HOSTS);
    for host in HOSTS {
        fleet.here(&format!("own/{host}"), &format!("of {host}\n"));
    }
    let own = fleet.lab.path("own").display().to_string();
    let to = fleet.to("/app.conf");
    fs::create_dir(fleet.at("web1", "")).unwrap();
    let told = fleet.push(&["--map", &own, "--to", &to]);
    assert_eq!(told.code, 1, "web2 and web3 have no such folder: {}{}", told.out, told.err);
    for host in ["web2", "web3"] {
        fs::create_dir(fleet.at(host, "")).unwrap();
        // What is pushed is that of the whole run, whoever has a turn.
        let other = if host == "web2" { "web3" } else { "web[1-2]" };
        let told = fleet.push(&["--resume", "last", "-x", other]);
        let expected = if host == "web2" { 1 } else { 0 };
        assert_eq!(told.code, expected, "{}{}", told.out, told.err);
        assert_eq!(fs::read_to_string(fleet.at(host, "app.conf")).unwrap(), format!("of {host}\n"));
    }
}

#[test]
fn another_source_is_refused_with_a_next_step_that_works() {
    let fleet = Fleet::new(&HOSTS);
    let app = fleet.here("app.conf", "one\n");
    fs::create_dir(fleet.at("web1", "")).unwrap();
    let told = fleet.push(&[&app, &fleet.to("/app.conf")]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    fleet.here("app.conf", "another\n");
    let told = fleet.push(&["--resume", "last"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let advice = told.err.split("begin a run of its own: omnes ").nth(1).unwrap_or_default().trim();
    let advice: Vec<&str> = advice.split(' ').collect();
    assert_eq!(advice.first(), Some(&"push"), "{}", told.err);
    for host in ["web2", "web3"] {
        fs::create_dir(fleet.at(host, "")).unwrap();
    }
    let told = omnes(&fleet, &advice);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let text = |host| fs::read_to_string(fleet.at(host, "app.conf")).unwrap();
    assert_eq!(HOSTS.map(text), ["one\n", "another\n", "another\n"]);
}

#[test]
fn a_host_keeps_its_number_where_others_are_left_out() {
    let fleet = Fleet::new(&HOSTS);
    let text = fleet.here("app.conf", "{n} of {count}\n");
    fs::create_dir(fleet.at("web1", "")).unwrap();
    let to = fleet.to("/{n}-of-{count}");
    let told = fleet.push(&["--template", &text, "--to", &to]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    fs::create_dir(fleet.at("web3", "")).unwrap();
    let told = fleet.push(&["--resume", "last", "-x", "web[1-2]"]);
    assert_eq!(told.code, 1, "web2 is left out: {}{}", told.out, told.err);
    assert_eq!(fs::read_to_string(fleet.at("web3", "3-of-3")).unwrap(), "3 of 3\n");

    let line = says(&fleet, "exit 1");
    let told = omnes(&fleet, &["run", "--template", "-f", "1", "--max-fail", "1", "lab", "--", &line]);
    assert_eq!(told.code, 5, "{}{}", told.out, told.err);
    assert_eq!((said(&fleet, "web1").as_deref(), said(&fleet, "web3")), (Some("1 of 3\n"), None));
    omnes(&fleet, &["run", "--resume", "last", "-x", "web1"]);
    assert_eq!(said(&fleet, "web3").as_deref(), Some("3 of 3\n"));
}

#[test]
fn a_script_goes_on_with_the_numbers_that_its_hosts_had() {
    let fleet = Fleet::new(&HOSTS);
    let line = says(&fleet, &format!("test -e {}/flag", fleet.disk.path().display()));
    let steps = fleet.here("steps.toml", &format!("[[step]]\nrun = '{line}'\n"));
    let told = omnes(&fleet, &["play", "--template", &steps, "lab"]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    for host in HOSTS {
        fs::remove_file(fleet.disk.path().join(format!("{host}.said"))).unwrap();
    }
    fs::write(fleet.disk.path().join("flag"), "").unwrap();
    let told = omnes(&fleet, &["play", "--template", &steps, "--resume", "last", "-x", "web1"]);
    assert_eq!(told.code, 1, "web1 is left out: {}{}", told.out, told.err);
    let all = HOSTS.map(|host| said(&fleet, host));
    assert_eq!(all, [None, Some("2 of 3\n".to_owned()), Some("3 of 3\n".to_owned())]);
}
