//! `omnes push --delete` to Debian's sshd: what goes, what stays, and what has to be typed before.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::push::{Fleet, Told, names};
use crate::ui::Ui;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

const HOSTS: [&str; 2] = ["web1", "web2"];

/// A folder here with so many files, `f01` to `fNN`, and a folder `d` with one more.
fn tree(fleet: &Fleet, files: usize) -> String {
    for n in 1..=files {
        fleet.here(&format!("site/f{n:02}"), "content\n");
    }
    fleet.here("site/d/deep", "content\n");
    fleet.lab.path("site").display().to_string() + "/."
}

fn push(fleet: &Fleet, site: &str, words: &[&str]) -> Told {
    let to = fleet.to("/site");
    fleet.push(&[&[site, &to], words].concat())
}

fn remove(fleet: &Fleet, name: &str) {
    fs::remove_file(fleet.lab.path(name)).unwrap();
}

fn there(fleet: &Fleet, host: &str) -> Vec<String> {
    names(&fleet.at(host, "site"))
}

fn fleet() -> Fleet {
    let fleet = Fleet::new(&HOSTS);
    for host in HOSTS {
        fs::create_dir_all(fleet.at(host, "site")).unwrap();
    }
    fleet
}

#[test]
fn what_was_pushed_and_is_here_no_more_goes_and_a_strangers_file_stays() {
    let fleet = fleet();
    let site = tree(&fleet, 12);
    let told = push(&fleet, &site, &[]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for host in HOSTS {
        fs::write(fleet.at(host, "site/stranger"), "not ours\n").unwrap();
    }
    fs::write(fleet.at("web2", "site/f02"), "changed by hand\n").unwrap();
    symlink("/etc", fleet.at("web1", "site/etc")).unwrap();
    remove(&fleet, "site/f01");
    remove(&fleet, "site/f02");
    remove(&fleet, "site/d/deep");
    fs::remove_dir(fleet.lab.path("site/d")).unwrap();

    let told = push(&fleet, &site, &[]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(fleet.at("web1", "site/f01").exists(), "a push without --delete deletes nothing");

    let told = push(&fleet, &site, &["--delete", "--plan"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("  - d/deep\n  - f01\n  - f02\n  - d/\n"), "{}", told.out);
    assert!(fleet.at("web1", "site/f01").exists(), "what is only told is not done");

    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let rest: Vec<String> = (3..=12).map(|n| format!("f{n:02}")).collect();
    let with = |more: &[&str]| {
        let mut all = [rest.clone(), more.iter().map(|name| (*name).to_owned()).collect()].concat();
        all.sort();
        all
    };
    assert_eq!(there(&fleet, "web1"), with(&["etc -> /etc", "stranger"]));
    assert_eq!(there(&fleet, "web2"), with(&["f02", "stranger"]), "what was changed by hand stays");
    assert!(told.err.contains("web1: 3 of 15 files would go, and 1 folder\n"), "{}", told.err);
    assert!(
        told.err.contains("  = f02 was changed there since it was put there, and stays\n"),
        "{}",
        told.err
    );

    let told = push(&fleet, &site, &["--delete", "--delete-unknown"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for host in HOSTS {
        assert_eq!(there(&fleet, host), rest);
    }
    assert!(fs::metadata("/etc/passwd").is_ok(), "a link goes as a link");
}

#[test]
fn more_than_a_quarter_and_an_empty_source_want_the_number() {
    let fleet = fleet();
    let site = tree(&fleet, 3);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    remove(&fleet, "site/f01");
    remove(&fleet, "site/f02");
    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let why = "more than 25 % of the files there would go on 2 hosts: web[1-2]; nobody can be asked here, so confirm with \
               --delete-confirm 2";
    assert!(told.err.contains(why), "{}", told.err);
    assert_eq!(there(&fleet, "web1"), ["d/", "d/deep", "f01", "f02", "f03"], "nothing was changed");
    let told = push(&fleet, &site, &["--delete", "--delete-confirm", "3"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(
        told.err.contains("--delete-confirm 3: 2 files would go on the host that loses the most"),
        "{}",
        told.err
    );
    assert!(fleet.at("web2", "site/f01").exists());
    let told = push(&fleet, &site, &["--delete", "--delete-confirm", "2"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for host in HOSTS {
        assert_eq!(there(&fleet, host), ["d/", "d/deep", "f03"]);
    }

    remove(&fleet, "site/f03");
    remove(&fleet, "site/d/deep");
    fs::remove_dir(fleet.lab.path("site/d")).unwrap();
    for n in 0..20 {
        fs::write(fleet.at("web1", &format!("site/stranger{n}")), "").unwrap();
        fs::write(fleet.at("web2", &format!("site/stranger{n}")), "").unwrap();
    }
    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("the source holds no file"), "{}", told.err);
    assert!(fleet.at("web1", "site/f03").exists());
    let told = push(&fleet, &site, &["--delete", "--delete-confirm", "2"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(there(&fleet, "web1").len(), 20, "strangers stay");
}

#[test]
fn where_nothing_is_remembered_nothing_goes_and_what_is_excluded_never_does() {
    let fleet = fleet();
    let site = tree(&fleet, 8);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    remove(&fleet, "site/f01");
    let pushed = fleet.lab.path(".local/state/omnes/pushed");
    fs::remove_dir_all(&pushed).unwrap();
    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.err.contains("no earlier push of this folder to it is known"), "{}", told.err);
    assert!(fleet.at("web1", "site/f01").exists());
    fs::write(fleet.at("web1", "site/keep.log"), "").unwrap();
    let told = push(&fleet, &site, &["--delete", "--delete-unknown", "--exclude", "*.log"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(!fleet.at("web1", "site/f01").exists() && fleet.at("web1", "site/keep.log").exists());
}

#[test]
fn only_the_folder_of_the_tree_loses_anything() {
    let fleet = fleet();
    tree(&fleet, 8);
    let site = fleet.lab.path("site").display().to_string();
    for host in HOSTS {
        fs::create_dir(fleet.at(host, "site/other")).unwrap();
        fs::write(fleet.at(host, "site/other/file"), "").unwrap();
        fs::create_dir(fleet.at(host, "site/site")).unwrap();
        fs::write(fleet.at(host, "site/site/stranger"), "").unwrap();
    }
    let told = push(&fleet, &site, &["--delete", "--delete-unknown"]);
    assert_eq!(told.code, 2, "all of what is there would go: {}{}", told.out, told.err);
    let told = push(&fleet, &site, &["--delete", "--delete-unknown", "--delete-confirm", "1"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for host in HOSTS {
        assert!(fleet.at(host, "site/other/file").exists());
        assert!(fleet.at(host, "site/site/f01").exists() && !fleet.at(host, "site/site/stranger").exists());
    }
    let file = fleet.lab.path("site/f01").display().to_string();
    let told = push(&fleet, &file, &["--delete"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("--delete goes with one SRC that is a folder"), "{}", told.err);
}

#[test]
fn where_a_file_did_not_arrive_nothing_goes() {
    let fleet = fleet();
    let site = tree(&fleet, 12);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    remove(&fleet, "site/f01");
    fleet.here("site/new", "content\n");
    // A folder stands where the new file should.
    fs::create_dir(fleet.at("web1", "site/new")).unwrap();
    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    assert!(fleet.at("web1", "site/f01").exists(), "not all of it is in its place");
    assert!(!fleet.at("web2", "site/f01").exists());
}

#[test]
fn the_number_is_typed_where_there_is_a_terminal() {
    let fleet = fleet();
    let site = tree(&fleet, 3);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    remove(&fleet, "site/f01");
    remove(&fleet, "site/f02");
    let (home, path) = (fleet.lab.path("").display().to_string(), std::env::var("PATH").unwrap());
    let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
    let to = fleet.to("/site");
    for (typed, code) in [("\r", 2), ("yes\r", 2), ("3\r", 2), ("\x03", 130), ("2\r", 0)] {
        assert!(fleet.at("web1", "site/f01").exists() && fleet.at("web2", "site/f02").exists());
        let mut ui = Ui::start(Path::new(OMNES), &["push", "--delete", &site, &to], &env, (40, 250));
        let asked =
            ui.wait_for("2 files go on web1, which loses the most (type the number of files to confirm)");
        assert!(
            asked.contains("web[1-2]: 2 of 4 files would go") && asked.contains("  - f01"),
            "{}",
            asked.text()
        );
        ui.write(typed);
        assert_eq!(ui.wait_exit().code(), Some(code), "{typed:?}");
    }
    for host in HOSTS {
        assert_eq!(there(&fleet, host), ["d/", "d/deep", "f03"]);
    }
}

#[test]
fn with_a_backup_nothing_is_replaced_for_what_goes() {
    let fleet = fleet();
    let site = tree(&fleet, 12);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    remove(&fleet, "site/f01");
    remove(&fleet, "site/f02");
    remove(&fleet, "site/f03");
    // The source has a file of the name that the first would be kept under, and a stranger has that of the second.
    fleet.here("site/f01.old", "new here\n");
    for host in HOSTS {
        fs::write(fleet.at(host, "site/f02.old"), "not ours\n").unwrap();
    }
    let told = push(&fleet, &site, &["--delete", "--backup", ".old"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.err.contains("  = f01 has no free name to be kept under, and stays\n"), "{}", told.err);
    for host in HOSTS {
        let text = |name: &str| fs::read_to_string(fleet.at(host, &format!("site/{name}"))).unwrap();
        assert_eq!((text("f01"), text("f01.old")), ("content\n".into(), "new here\n".into()));
        assert_eq!((text("f02"), text("f02.old")), ("content\n".into(), "not ours\n".into()));
        assert_eq!(text("f03.old"), "content\n");
        assert!(!fleet.at(host, "site/f03").exists());
    }
}

#[test]
fn files_of_others_do_not_make_a_deletion_small() {
    let fleet = fleet();
    let site = tree(&fleet, 4);
    assert_eq!(push(&fleet, &site, &[]).code, 0);
    for host in HOSTS {
        (0..100).for_each(|n| fs::write(fleet.at(host, &format!("site/upload{n}")), "").unwrap());
    }
    (1..=4).for_each(|n| remove(&fleet, &format!("site/f0{n}")));
    let told = push(&fleet, &site, &["--delete"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let why = "more than 25 % of the files there would go on 2 hosts: web[1-2], not counting those that no push is known";
    assert!(told.err.contains(why), "{}", told.err);
    assert!(fleet.at("web1", "site/f01").exists());
}

#[test]
fn a_plan_waits_for_nothing_writes_nothing_and_is_all_json() {
    let fleet = fleet();
    let site = tree(&fleet, 3);
    let state = fleet.lab.path(".local/state/omnes");
    let plan = ["--delete", "--plan", "--output", "json", "--waves", "1,100%", "--pause", "5m"];
    let begun = Instant::now();
    assert_eq!(push(&fleet, &site, &plan).code, 0);
    assert!(begun.elapsed() < Duration::from_secs(120), "there is nothing to wait for");
    assert!(!state.exists(), "what is only told is not remembered");

    assert_eq!(push(&fleet, &site, &[]).code, 0);
    let pushed = || {
        let (root, mut all) = (state.join("pushed"), Vec::new());
        for name in names(&root) {
            let time = fs::symlink_metadata(root.join(&name)).unwrap().modified().unwrap();
            all.push((name, time));
        }
        all
    };
    let before = pushed();
    remove(&fleet, "site/f01");
    remove(&fleet, "site/f02");
    fs::write(fleet.at("web2", "site/f02"), "changed by hand\n").unwrap();
    let told = push(&fleet, &site, &[&plan[..], &["--delete-confirm", "2"]].concat());
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(before == pushed(), "nothing there is written, forgotten or made anew");
    let schema = crate::schema::Schema::of_docs();
    for line in told.out.lines() {
        schema.check(&serde_json::from_str(line).expect("JSON")).expect("an event of the documentation");
    }
    let lost = told.lines("deletion");
    let what = |n: usize| (lost[n]["hosts"].as_str().unwrap(), lost[n]["files"].to_string());
    assert_eq!(what(0), ("web1", r#"["f01","f02"]"#.to_owned()));
    assert_eq!(what(1), ("web2", r#"["f01"]"#.to_owned()));
    assert_eq!(lost[1]["stays"].to_string(), r#"[{"path":"f02","why":"changed"}]"#);
    let all = &told.lines("deletions")[0];
    assert_eq!((all["files"].as_u64(), all["confirmed"].as_bool()), (Some(2), Some(true)), "{all}");
    let last = told.out.lines().last().unwrap();
    assert!(last.contains("\"event\":\"summary\""), "{last}");

    // Nobody reads on: that is no fault of the command line.
    let line = format!(
        "{OMNES} push --plan --delete {site} '{}' | head -c 1 >&2; echo ${{PIPESTATUS[0]}}",
        fleet.to("/site")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .env("HOME", fleet.lab.path(""))
        .output()
        .unwrap();
    let code = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(["0", "6"].contains(&code.as_str()), "{code}: {}", String::from_utf8_lossy(&output.stderr));
}
