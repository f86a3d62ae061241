use std::io;

use sha2::{Digest, Sha256};

use super::super::contents::Stream as Content;
use super::super::versions::Marks;
use super::super::versions::tests::seen;
use super::*;
use crate::outcome::FileFault;
use crate::run::blocks::Shelf;
use crate::run::report::{Paper, Sink, Sinks};

#[derive(Debug)]
struct NoShelf;

impl Shelf for NoShelf {
    fn put(&mut self, _: &[u8]) -> io::Result<u64> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn get(&self, _: u64, _: usize) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What a host has at a path: a file with this content, or something else.
enum Has {
    Text(&'static str),
    Else(Version),
}

use Has::{Else, Text};

fn file(text: &str) -> Version {
    Version::File { size: text.len() as u64, sha256: Sha256::digest(text).into() }
}

/// What hosts have, and its content.
struct Had(Versions, Contents);

fn versions(hosts: &[&[(&str, Has)]]) -> Had {
    let (mut versions, contents) = (Versions::default(), Contents::new(Box::new(NoShelf)));
    for (host, rows) in hosts.iter().enumerate() {
        let mut tree = Vec::new();
        for (path, has) in *rows {
            let version = match has {
                Else(version) => version.clone(),
                Text(text) => {
                    let mut content = Content::default();
                    contents.add(&mut content, text.as_bytes());
                    contents.keep(Sha256::digest(text).into(), content);
                    file(text)
                }
            };
            tree.push((*path, version));
        }
        // A host without anything did not answer.
        if !tree.is_empty() {
            let seen = seen(&mut versions, &tree, Marks::ALL);
            versions.tree(HostIx(host), &seen).expect("there is room");
        }
    }
    Had(versions, contents)
}

fn differs(teller: &Teller, Had(versions, contents): &Had) -> bool {
    teller.differs(Known { versions, survey: &versions.survey(), contents })
}

fn teller(reference: Reference) -> Teller {
    let hosts = (1..=6).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
    Teller { top: b"/etc/x".to_vec(), hosts, reference }
}

fn told(teller: &Teller, Had(versions, contents): &Had, form: Form) -> String {
    let sinks = Sinks { out: Sink::Terminal, err: Sink::Terminal };
    let mut paper = Paper::default();
    let survey = versions.survey();
    let known = Known { versions, survey: &survey, contents };
    teller.tell(known, &mut Words { form, sinks, paper: &mut paper, press: &mut |_| {} });
    paper.parts.into_iter().map(|(_, text)| String::from_utf8(text).expect("text")).collect()
}

#[test]
fn versions_stand_under_their_hosts_and_differences_below() {
    let rows = [
        [("", Text("a\nb\n"))],
        [("", Text("a\nc\x1b[2J\n"))],
        [("", Text("a\nb\n"))],
        [("", Else(Version::Missing))],
        [("", Else(Version::Unreadable(FileFault::NoRight)))],
        [("", Else(Version::Link(b"/tmp\n".as_slice().into())))],
    ];
    let rows: Vec<&[_]> = rows.iter().map(|row| row.as_slice()).collect();
    let versions = versions(&rows);
    let teller = teller(Reference::Majority);
    insta::assert_snapshot!(told(&teller, &versions, Form::Text), @r"
    /etc/x: 5 versions
      web[1,3] (2): 4 bytes, sha256 911169ddaaf1, most
      web2 (1): 8 bytes, sha256 38074ee36369
      web6 (1): a link to /tmp
      web4 (1): missing
      web5 (1): cannot be read: no-right
    --- web[1,3]
    +++ web2
    @@ -1,2 +1,2 @@
     a
    -b
    +c^[[2J
    ");
    assert!(differs(&teller, &versions));
}

#[test]
fn who_agrees_is_one_line_and_who_has_nothing_does_not_agree() {
    let same: &[(&str, Has)] = &[("", Text("a\n"))];
    let agreed = versions(&[same, same]);
    let quiet = teller(Reference::Unshown);
    let line = "/etc/x: one version\n  web[1-2] (2): 2 bytes, sha256 87428fc52280\n";
    assert_eq!((told(&quiet, &agreed, Form::Text).as_str(), differs(&quiet, &agreed)), (line, false));
    let none: &[(&str, Has)] = &[("", Else(Version::Missing))];
    assert!(differs(&quiet, &versions(&[none, none])), "nobody has it");
    assert!(!differs(&quiet, &versions(&[])), "nobody was reached, which is told elsewhere");
}

#[test]
fn of_a_folder_only_what_differs_is_told() {
    let tree = |text: &'static str| {
        [
            ("", Else(Version::Folder)),
            ("a", Text("same\n")),
            ("d", Else(Version::Folder)),
            ("d/b", Text(text)),
        ]
    };
    let rows = [tree("one\n"), tree("two\n"), tree("one\n")];
    let rows: Vec<&[_]> = rows.iter().map(|row| row.as_slice()).collect();
    let versions = versions(&rows);
    let text = told(&teller(Reference::Host(HostIx(1))), &versions, Form::Text);
    insta::assert_snapshot!(text, @r"
    /etc/x/d/b: 2 versions
      web[1,3] (2): 4 bytes, sha256 2c8b08da5ce6
      web2 (1): 4 bytes, sha256 27dd8ed44a83, compared with
    --- web2
    +++ web[1,3]
    @@ -1 +1 @@
    -two
    +one
    /etc/x: 4 entries, 3 the same, 1 not, on web[1-3] (3)
    ");
}

#[test]
fn a_file_of_ours_may_be_what_all_are_compared_with() {
    let same: &[(&str, Has)] = &[("", Text("a\n"))];
    let versions = versions(&[same, same]);
    let ours = |text: &str| {
        let content = Some(text.as_bytes().to_vec());
        teller(Reference::File { name: "golden".to_owned(), version: file(text), content })
    };
    assert!(!differs(&ours("a\n"), &versions));
    assert!(differs(&ours("b\n"), &versions));
    let text = told(&ours("b\n"), &versions, Form::Text);
    assert!(text.ends_with("--- golden\n+++ web[1-2]\n@@ -1 +1 @@\n-b\n+a\n"), "{text}");
    assert!(told(&ours("a\n"), &versions, Form::Text).contains("sha256 87428fc52280, as here"));
}

#[test]
fn machines_get_a_line_for_each_version_and_one_for_all() {
    let rows = [[("", Text("a\n"))], [("", Text("b\n"))], [("", Text("a\n"))]];
    let rows: Vec<&[_]> = rows.iter().map(|row| row.as_slice()).collect();
    let text = told(&teller(Reference::Majority), &versions(&rows), Form::Json);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["event"], &lines[0]["hosts"]), (&"version".into(), &"web[1,3]".into()));
    assert_eq!((&lines[0]["reference"], &lines[0]["diff"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(
        (&lines[1]["kind"], &lines[1]["size"], &lines[1]["count"]),
        (&"file".into(), &2.into(), &1.into())
    );
    assert!(lines[1]["diff"].as_str().is_some_and(|diff| diff.ends_with("-a\n+b\n")), "{}", lines[1]);
    assert_eq!((&lines[2]["event"], &lines[2]["differ"]), (&"versions".into(), &1.into()));
    let page = include_str!("../../docs/events.md");
    for line in &lines {
        let event = line["event"].as_str().expect("a word");
        let section = page.split("\n## ").find(|part| part.starts_with(&format!("`{event}`"))).expect(event);
        for field in line.as_object().expect("an object").keys().filter(|key| *key != "v" && *key != "event")
        {
            assert!(section.contains(&format!("| `{field}` |")), "{event}: {field}");
        }
    }
}

#[test]
fn without_the_host_with_which_all_are_compared_nothing_is_compared() {
    let tree = |text: &'static str| {
        vec![("", Else(Version::Folder)), ("d", Else(Version::Folder)), ("d/b", Text(text))]
    };
    let flat = vec![("", Else(Version::Folder))];
    // The third host did not answer; the fourth has not the folder.
    let rows = [tree("one\n"), tree("two\n"), Vec::new(), flat];
    let rows: Vec<&[_]> = rows.iter().map(Vec::as_slice).collect();
    let versions = versions(&rows);
    let silent = told(&teller(Reference::Host(HostIx(2))), &versions, Form::Text);
    assert!(silent.starts_with("omnes: web3 gave no answer, so nothing is compared by lines\n"), "{silent}");
    assert!(!silent.contains("compared with") && !silent.contains("---"), "{silent}");
    let other = told(&teller(Reference::Host(HostIx(3))), &versions, Form::Text);
    insta::assert_snapshot!(other, @r"
    /etc/x/d: 2 versions
      web[1-2] (2): a folder
      web4 (1): missing, compared with
    /etc/x/d/b: 2 versions
      web1 (1): 4 bytes, sha256 2c8b08da5ce6
      web2 (1): 4 bytes, sha256 27dd8ed44a83
      web4 has no such folder, so nothing is compared
    /etc/x: 3 entries, 1 the same, 2 not, on web[1-2,4] (3)
    ");
    for host in [2, 3] {
        let lines = told(&teller(Reference::Host(HostIx(host))), &versions, Form::Json);
        let lines: Vec<serde_json::Value> =
            lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let of_file = |line: &&serde_json::Value| line["path"] == "/etc/x/d/b" && line["event"] == "version";
        let of_file: Vec<_> = lines.iter().filter(of_file).collect();
        assert_eq!(of_file.len(), 2);
        assert!(of_file.iter().all(|line| line["reference"] == false && line["diff"].is_null()), "{lines:?}");
    }
}

#[test]
fn machines_get_paths_whole_and_exact() {
    let long = "x".repeat(250);
    let long: Vec<&str> = vec![&long; 3];
    let long = long.join("/");
    let odd: Vec<u8> = b"/tmp/\xff \n ".to_vec();
    let rows = [[("", Else(Version::Link(odd.clone().into())))], [("", Else(Version::Missing))]];
    let rows: Vec<&[_]> = rows.iter().map(|row| row.as_slice()).collect();
    let versions = versions(&rows);
    let line = |top: &[u8]| {
        let teller = Teller { top: top.to_vec(), ..teller(Reference::Unshown) };
        let text = told(&teller, &versions, Form::Json);
        serde_json::from_str::<serde_json::Value>(text.lines().next().expect("a line")).expect("JSON")
    };
    let whole = line(long.as_bytes());
    assert_eq!((&whole["path"], &whole["path_base64"]), (&long.as_str().into(), &serde_json::Value::Null));
    let exact = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    assert_eq!(whole["to"], String::from_utf8_lossy(&odd).as_ref());
    assert_eq!(whole["to_base64"], exact(&odd));
    let spaced = line(b" /a \xfe ");
    assert_eq!(
        (&spaced["path"], &spaced["path_base64"]),
        (&" /a \u{fffd} ".into(), &exact(b" /a \xfe ").into())
    );
}
