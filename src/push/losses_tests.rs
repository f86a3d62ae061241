//! What is shown and allowed for a fleet, by values.

use super::*;
use crate::push::delete::Loss;

fn path(text: &str) -> RelPath {
    RelPath::parse(text.as_bytes()).expect("a path")
}

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn doomed(files: &[&str], folders: &[&str], there: usize) -> Doomed {
    let loss = |text: &&str| Loss { path: path(text), size: Some(1), mtime: 1 };
    let files = files.iter().map(loss).collect();
    let folders = folders.iter().map(|text| path(text)).collect();
    Doomed { files, folders, there, ours: there, ..Doomed::default() }
}

fn losses(source_files: usize, hosts: Vec<(&str, Doomed)>) -> Losses {
    let mut losses = Losses::new(source_files);
    for (name, doomed) in hosts {
        losses.add(&host(name), doomed, Known::Manifest).expect("it is little");
    }
    losses
}

#[test]
fn the_number_is_that_of_the_host_that_loses_the_most() {
    let one = || doomed(&["a"], &[], 4);
    let two = || doomed(&["a", "b"], &["d"], 8);
    let much = || doomed(&["a", "b"], &[], 7);
    for (source, hosts, number, worst, reasons) in [
        (5, vec![("w1", one()), ("w2", two())], None, "", vec![]),
        (
            5,
            vec![("w1", one()), ("w2", much())],
            Some(2),
            "w2",
            vec!["more than 25 % of the files there would go on 1 host: w2"],
        ),
        (
            5,
            vec![("w1", one()), ("w3", much()), ("w2", much())],
            Some(2),
            "w2",
            vec!["more than 25 % of the files there would go on 2 hosts: w[2-3]"],
        ),
        (0, vec![("w1", one())], Some(1), "w1", vec!["the source holds no file"]),
        (0, vec![("w1", doomed(&[], &[], 4))], None, "", vec![]),
        (0, vec![], None, "", vec![]),
    ] {
        let needed = losses(source, hosts).needed();
        assert_eq!(needed.as_ref().map(|needed| needed.number), number);
        if let Some(needed) = needed {
            assert_eq!(
                (needed.worst.to_string().as_str(), needed.reasons),
                (worst, reasons.iter().map(|reason| reason.to_string()).collect())
            );
        }
    }
}

#[test]
fn strangers_do_not_count_where_they_stay() {
    let diluted = Doomed { ours: 20, strangers: 100, ..doomed(&["a", "b", "c", "d", "e", "f"], &[], 120) };
    let needed = losses(5, vec![("w1", diluted)]).needed().expect("it is much");
    let reason = "more than 25 % of the files there would go on 1 host: w1, not counting those that no push is known to have \
                  put there";
    assert_eq!((needed.number, needed.reasons), (6, vec![reason.to_owned()]));
}

#[test]
fn hosts_that_lose_the_same_are_told_together() {
    let mut losses = losses(
        9,
        vec![
            ("w1", doomed(&["a", "d/b"], &["d"], 20)),
            ("w2", doomed(&["a", "d/b"], &["d"], 22)),
            ("w3", doomed(&[], &[], 20)),
        ],
    );
    let stays = vec![(path("c\x1b[2J"), Stays::Changed)];
    let changed = Doomed { stays, strangers: 2, ..doomed(&["a"], &[], 20) };
    losses.add(&host("w4"), changed, Known::Manifest).expect("it is little");
    let never = Known::Nothing("no earlier push of this folder to it is known".to_owned());
    losses.add(&host("w5"), Doomed { strangers: 1, ..doomed(&[], &[], 1) }, never).expect("it is little");
    let told = "\
w[1-2]: 2 of 20 to 22 files would go, and 1 folder
  - a
  - d/b
  - d/
w4: 1 of 20 files would go
  - a
  = c^[[2J was changed there since it was put there, and stays
  not known to be of a push, so that they stay: 2 files (--delete-unknown deletes them)
w5: nothing would go
  no earlier push of this folder to it is known
  not known to be of a push, so that they stay: 1 file (--delete-unknown deletes them)
";
    assert_eq!(losses.told(Detail::Some), told);
    assert_eq!(losses.told(Detail::All), told);
    assert!(!losses.is_empty());
    assert_eq!(losses.most(), 2);
}

#[test]
fn much_is_cut_where_not_all_is_asked_for() {
    let names: Vec<String> = (100..150).map(|n| format!("f{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut losses = losses(9, vec![("w1", doomed(&names, &[], 1000))]);
    for n in 10..40 {
        losses
            .add(&host(&format!("x{n}")), doomed(&[&format!("own{n}")], &[], 1000), Known::Manifest)
            .expect("little");
    }
    let told = losses.told(Detail::Some);
    assert!(told.contains("  - f109\n  and 40 more, which --plan shows\nx10: "), "{told}");
    assert!(told.ends_with("  - own28\nx[29-39]: others, which --plan shows\n"), "{told}");
    let all = losses.told(Detail::All);
    assert!(all.contains("  - f149\n") && all.contains("  - own39\n") && !all.contains("more"), "{all}");
}

#[test]
fn only_what_was_shown_for_a_host_may_go_there() {
    let shown = losses(9, vec![("w1", doomed(&["a", "d/b"], &["e", "d"], 20)), ("w2", doomed(&[], &[], 20))]);
    let allowed = shown.allowed();
    for (name, now, refused) in [
        ("w1", doomed(&["a", "d/b"], &["e", "d"], 20), None),
        ("w1", doomed(&["d/b"], &["d"], 1), None),
        ("w1", doomed(&[], &[], 1), None),
        ("w3", doomed(&[], &[], 1), None),
        (
            "w1",
            doomed(&["a", "c", "d/b"], &[], 20),
            Some("c would go now, which was not so when the question was put;"),
        ),
        (
            "w1",
            doomed(&["a"], &["f", "c"], 20),
            Some("f would go now, which was not so when the question was put, and 1 more;"),
        ),
        ("w2", doomed(&["a"], &[], 20), Some("a would go now")),
        ("w3", doomed(&["a"], &[], 20), Some("it was not reached")),
    ] {
        let checked = allowed.check(&host(name), &now).map_err(|refusal| refusal.to_string());
        match refused {
            None => assert_eq!(checked, Ok(())),
            Some(part) => {
                let error = checked.expect_err("it was not shown");
                assert!(error.starts_with("nothing was deleted: ") && error.contains(part), "{error}");
            }
        }
    }
}

#[test]
fn lists_that_differ_everywhere_have_an_end() {
    let name = "n".repeat(250);
    let long = (0..200).map(|n| format!("{}/{name}/{name}{n:04}", name)).collect::<Vec<_>>();
    let mut losses = Losses::new(1);
    let mut added = 0;
    let refused = loop {
        let own = format!("h{added}");
        let mut names: Vec<&str> = long.iter().map(String::as_str).collect();
        names.push(&own);
        match losses.add(&host(&own), doomed(&names, &[], 1000), Known::Manifest) {
            Ok(()) => added += 1,
            Err(refused) => break refused,
        }
    };
    assert!(added > 100 && added < 3000, "{added}");
    assert!(refused.to_string().ends_with("push to fewer hosts at a time"), "{refused}");
}
