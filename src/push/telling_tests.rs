use std::io;

use sha2::{Digest, Sha256};

use super::super::versions::Marks;
use super::*;
use crate::outcome::FileFault;
use crate::run::blocks::{Flow, Shelf};
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

fn versions(hosts: &[&[(&str, Has)]]) -> Versions {
    let mut versions = Versions::new(Box::new(NoShelf));
    for (host, rows) in hosts.iter().enumerate() {
        let mut tree = Vec::new();
        for (path, has) in *rows {
            let path = if path.is_empty() {
                RelPath::root()
            } else {
                RelPath::parse(path.as_bytes()).expect("a path")
            };
            let version = match has {
                Else(version) => version.clone(),
                Text(text) => {
                    let mut flow = Flow::default();
                    versions.add(&mut flow, text.as_bytes());
                    versions.keep(Sha256::digest(text).into(), flow);
                    file(text)
                }
            };
            tree.push((versions.path(path, Marks::ALL), versions.version(version)));
        }
        versions.tree(HostIx(host), tree).expect("there is room");
    }
    versions
}

fn teller(reference: Reference) -> Teller {
    let hosts = (1..=6).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
    Teller { top: b"/etc/x".to_vec(), hosts, reference }
}

fn told(teller: &Teller, versions: &Versions, form: Form) -> String {
    let sinks = Sinks { out: Sink::Terminal, err: Sink::Terminal };
    let mut paper = Paper::default();
    teller.tell(versions, &mut Words { form, sinks, paper: &mut paper, press: &mut |_| {} });
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
    assert!(teller.differs(&versions));
}

#[test]
fn who_agrees_is_one_line_and_who_has_nothing_does_not_agree() {
    let same: &[(&str, Has)] = &[("", Text("a\n"))];
    let agreed = versions(&[same, same]);
    let quiet = teller(Reference::Unshown);
    let line = "/etc/x: one version\n  web[1-2] (2): 2 bytes, sha256 87428fc52280\n";
    assert_eq!((told(&quiet, &agreed, Form::Text).as_str(), quiet.differs(&agreed)), (line, false));
    let none: &[(&str, Has)] = &[("", Else(Version::Missing))];
    assert!(quiet.differs(&versions(&[none, none])), "nobody has it");
    assert!(!quiet.differs(&versions(&[])), "nobody was reached, which is told elsewhere");
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
    assert!(!ours("a\n").differs(&versions));
    assert!(ours("b\n").differs(&versions));
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
