//! Our host language beside the `nodeset` command (Debian package `clustershell`): on expressions that both know,
//! expansion, folding and counting are equal.
//!
//! Starting `nodeset` takes a tenth of a second, so most expressions go to one Python process that asks the same library;
//! a part goes to the command itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world fails there")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use omnes::hosts::{Empty, HostSet, Inventory, Places, Selection, Sources, load};
use tempfile::TempDir;

const INSTALL: &str = "this test needs the command nodeset: apt-get install clustershell";

/// Folds, counts and expands each line, as `nodeset -f`, `-c` and `-e` do.
const ORACLE: &str = r#"
import sys
from ClusterShell.NodeSet import NodeSet, set_std_group_resolver_config
if len(sys.argv) > 1:
    set_std_group_resolver_config(sys.argv[1])
for line in sys.stdin:
    try:
        nodes = NodeSet()
        for part in line.rstrip("\n").split("\t"):
            if part.startswith("-x"):
                nodes.difference_update(part[2:])
            else:
                nodes.update(part)
        print("%s\t%d\t%s" % (nodes, len(nodes), " ".join(nodes)))
    except Exception as error:
        print("ERROR %s" % str(error).replace("\n", " "))
"#;

fn oracle(expressions: &[String], groups: Option<&Path>) -> Vec<String> {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", ORACLE])
        .args(groups)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(INSTALL);
    let mut input = child.stdin.take().unwrap();
    let text = expressions.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{INSTALL}");
    let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), expressions.len(), "one answer for each expression");
    lines
}

/// Our answer in the oracle's form. Arguments are separated by tabs, exclusions begin with `-x`.
fn ours(inventory: &Inventory, expression: &str) -> String {
    let (exclude, targets): (Vec<String>, Vec<String>) =
        expression.split('\t').map(str::to_owned).partition(|part| part.starts_with("-x"));
    let exclude: Vec<String> = exclude.iter().map(|part| part[2..].to_owned()).collect();
    let selection =
        Selection { targets: &targets, exclude: &exclude, empty: Empty::Allowed, ..Selection::default() };
    match inventory.select(&selection, &Sources::new()) {
        Ok(members) => {
            let set: HostSet = members.into_iter().map(|member| member.host).collect();
            let names: Vec<String> = set.iter().map(ToString::to_string).collect();
            format!("{set}\t{}\t{}", set.len(), names.join(" "))
        }
        Err(error) => format!("ERROR {error}"),
    }
}

/// Compares the answers; returns how many expressions both knew.
///
/// The order of expansion is compared too, except where a name holds several numbers: there nodeset expands box by box,
/// and we keep natural order.
fn compare(expressions: &[String], groups: Option<&Path>, inventory: &Inventory) -> usize {
    let mut agreed = 0;
    let mut wrong = Vec::new();
    for (expression, theirs) in expressions.iter().zip(oracle(expressions, groups)) {
        let ours = ours(inventory, expression);
        if theirs.starts_with("ERROR") {
            assert!(ours.starts_with("ERROR"), "{expression}: nodeset refuses it: {theirs}; we say {ours}");
            continue;
        }
        agreed += 1;
        if in_order(&ours) != in_order(&theirs) {
            wrong.push(format!("{expression}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), expressions.len(), wrong.join("\n"));
    agreed
}

fn in_order(answer: &str) -> String {
    let mut fields: Vec<&str> = answer.split('\t').collect();
    let Some(expanded) = fields.pop() else { return String::new() };
    let mut names: Vec<&str> = expanded.split(' ').collect();
    let numbers =
        |name: &str| name.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).count();
    if names.iter().any(|name| numbers(name) > 1) {
        names.sort_unstable();
    }
    format!("{}\t{}", fields.join("\t"), names.join(" "))
}

/// A small generator with a seed (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    /// `7`, `3-12`, `03-12`, `0-20/3`.
    fn range(&mut self) -> String {
        let low = self.below(15);
        let high = low + self.below(20);
        match self.below(6) {
            0 => format!("{low}"),
            1 => format!("{low:02}-{high:02}"),
            2 => format!("{low:03}-{high:03}"),
            3 => format!("{low}-{high}/{}", 1 + self.below(4)),
            4 => format!("{low:02}"),
            _ => format!("{low}-{high}"),
        }
    }

    fn bracket(&mut self) -> String {
        let parts: Vec<String> = (0..=self.below(3)).map(|_| self.range()).collect();
        format!("[{}]", parts.join(","))
    }

    fn node(&mut self) -> String {
        let number = self.below(30);
        match self.below(9) {
            0 => self.pick(&["a", "b", "login", "x-y"]).to_owned(),
            1 => format!("{}{number}", self.pick(&["a", "b", "n-"])),
            2 => format!("{}{}", self.pick(&["a", "b", "n-"]), self.bracket()),
            3 => format!("{}{}{}", self.pick(&["a", "b"]), self.bracket(), self.pick(&["-ib", "x", ""])),
            4 => format!("r{}c{}", self.bracket(), self.bracket()),
            5 => format!("r{number}c{}", self.bracket()),
            6 => format!("r{}c{}", self.below(4), self.below(4)),
            7 => format!("10.0.{}.{}", self.below(3), self.bracket()),
            _ => format!("{}{number:02}", self.pick(&["a", "b"])),
        }
    }

    fn expression(&mut self) -> String {
        let mut text = self.node();
        for _ in 0..self.below(7) {
            let operator = self.pick(&[",", ",", ",", "!", "&", "^"]);
            text = format!("{text}{operator}{}", self.node());
        }
        match self.below(8) {
            0 => format!("{text}\t{}", self.node()),
            1 => format!("{text}\t-x{}", self.node()),
            _ => text,
        }
    }
}

const HAND_PICKED: &[&str] = &[
    "web1",
    "web[1-3]",
    "web[01-12,20-30/2]",
    "r[1-4]n[1-32]",
    "node-00[00-99]",
    "n[2,01,001]",
    "n[08-11]",
    "n[8-11]",
    "n[098-102]",
    "n[08,11-99,100]",
    "n[9-10],n010",
    "[1-3]",
    "12,13,15",
    "n[0-6/2]",
    "n[1-9/3],n[1-9/4]",
    "n[1-5/9]",
    "n[5-5/3]",
    "n[1-1]",
    "n[1,1,1]",
    "n[0-00]",
    "n[ 1 - 3 , 5 ]",
    "a1 , a2",
    "n3-[1-2]0-[0-2]5",
    "n[1-2]5",
    "n1[0-6/2]",
    "n1[1,3-4]",
    "dc[1-2]n[1-9]-ib[0-1]",
    "a!a",
    "a&b",
    "a^a",
    "n[1-9]!n[1-9]",
    "n[1-9]&n[5-20]",
    "n[1-9]^n[5-20]",
    "a,b!a",
    "a!b,b",
    "n[1-10]!n[3-4]&n[1-5]^n[9-12]",
    "r1c9,r[2-3]c[1-2]",
    "r1c1,r2c2,r3c3",
    "r[1-3]c[1-3]!r2c2",
    "r[1-3]c[1-3]!r[2-3]c2",
    "r[1-9]c[1-9]!r5c5!r1c1",
    "10.0.0.[1-254]",
    "10.[0-3].0.[1-9]!10.1.0.5",
    "a1b,a1,a2,a10,a",
    "x,x1,x1y,x1y2",
    "web[1-3]\tweb[5-6]\t-xweb2",
    "a\tb\tc\t-xb",
    "n[1-100]!n[2-100/2]",
    "n[001-100]!n[010-020]",
    "n[1-3]-",
    "n[99-101],n[0100-0101]",
    "a0,a00,a000",
    "a[00-02],a[0-2]",
    "n[1-2]x[1-2]y[1-2]z[1-2]",
    "n[1-2]x[1-2]y[1-2]!n1x1y1",
    "r1c1,r1c2,r2c1",
    "r[1-2]c1,r1c[1-2],r[1-3]c3",
    "r2c1,r2c2,r1c1,r1c3,r3c2,r3c3",
    "m1a01,m1a02,m2a01,m2a2",
    "s[1-20]p[1-20]!s[5-8]p[5-8]",
    "h[1-50]!h[10-20/5]",
    // Both refuse these.
    "n[5-1]",
    "n[]",
    "n[1,]",
    "n[1-]",
    "n[a-b]",
    "n[1-10/0]",
    "n[1-10/-1]",
    "n[1/2]",
    "n[1-010]",
    "n[01-100]",
    "n[1-3",
    "n1]",
    "n[1-2][3-4]",
    "a,,b",
    "a,",
    ",a",
    "a!",
    "!a",
    "n0[8-11]",
];

#[test]
fn hand_picked_expressions_are_equal() {
    let expressions: Vec<String> = HAND_PICKED.iter().map(|text| (*text).to_owned()).collect();
    assert!(compare(&expressions, None, &Inventory::default()) >= 60);
}

#[test]
fn generated_expressions_are_equal() {
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut random = Random(seed);
    let expressions: Vec<String> = (0..1_500).map(|_| random.expression()).collect();
    assert!(compare(&expressions, None, &Inventory::default()) >= 1_300, "seed {seed}");
}

/// Points in several dimensions, where the order of merging decides the result.
#[test]
fn scattered_points_fold_alike() {
    let mut random = Random(42);
    let mut expressions = Vec::new();
    for _ in 0..300 {
        let (rows, columns) = (2 + random.below(12), 2 + random.below(12));
        let points: Vec<String> = (0..2 + random.below(70))
            .map(|_| match random.below(2) {
                0 => format!("r{}c{}", random.below(rows), random.below(columns)),
                _ => format!("r{}c{}p{}", random.below(rows), random.below(columns), random.below(3)),
            })
            .collect();
        expressions.push(points.join(","));
    }
    assert_eq!(compare(&expressions, None, &Inventory::default()), 300);
}

fn groups(directory: &Path) {
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "groups.conf",
        "[Main]\ndefault: roles\nautodir: $CFGDIR/groups.d\n[shell]\n\
         map: sed -n 's/^$GROUP:\\(.*\\)/\\1/p' $CFGDIR/flat.txt\nall: sed -n 's/^all:\\(.*\\)/\\1/p' $CFGDIR/flat.txt\n\
         list: sed -n 's/^\\([0-9A-Za-z_-]*\\):.*/\\1/p' $CFGDIR/flat.txt\n",
    );
    write(
        "flat.txt",
        "adm: example0\noss: example4 example5\nio: example[4-6]\nall: example[4-6,32-40],example0\n",
    );
    write(
        "groups.d/cluster.yaml",
        "roles:\n    adm: 'example0'\n    io: '@racks:rack2,example2'\n    compute: '@racks:rack[3-4]'\n\
         \x20   gpu: '@racks:rack4'\n    all: '@io,@compute,www[1-6],wwwold7'\nracks:\n    rack1: 'example[0,2]'\n\
         \x20   rack2: 'example[4-5]'\n    rack3: 'example[32-159]'\n    rack4: 'example[156-159]'\n    old: '@rack[1,3]'\n\
         \x20   new: '@rack[2,4]'\n    rack5:\n        - 'example[200-205]'\n        - 'example245'\n\
         \x20       - 'example300,example[401-406]'\ncpu:\n    ivy: 'example[32-63]'\n    hsw: '@roles:compute!@ivy'\n",
    );
}

const GROUPED: &[&str] = &[
    "@adm",
    "@io",
    "@compute",
    "@gpu",
    "@all",
    "@*",
    "@racks:*",
    "@cpu:hsw",
    "@racks:rack[1,3]",
    "@racks:rack[1-5]",
    "@racks:old!@racks:rack1",
    "@racks:new,@io",
    "@compute!@cpu:ivy",
    "@compute&@cpu:ivy",
    "@compute^@cpu:ivy",
    "@racks:rack5",
    "@shell:oss",
    "@shell:io!@shell:oss",
    "@shell:*",
    "@shell:adm,@adm",
    "www*",
    "*www*!www[1-2]",
    "example15?",
    "www?",
    "ww?*",
    "*",
    "nothing*",
    "www*!www*",
    "www*[1-4]",
    "w*[7]",
    "*&@racks:rack2",
    "example*!@compute",
    "@compute\t-x@gpu",
    "@io\twww*\t-xwww1",
    "*d7,@adm",
    "@gpu!example[156-159]",
];

#[test]
fn groups_and_wildcards_are_equal() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("cs");
    groups(&directory);
    let places = Places {
        system: home.path().join("etc"),
        clustershell: Some(directory.clone()),
        ..Places::default()
    };
    let inventory = load(&places).unwrap_or_else(|problems| panic!("{problems}"));
    let expressions: Vec<String> = GROUPED.iter().map(|text| (*text).to_owned()).collect();
    let agreed = compare(&expressions, Some(&directory.join("groups.conf")), &inventory);
    assert_eq!(agreed, GROUPED.len());
}

/// The command itself, with its options as a user types them.
#[test]
fn the_command_says_the_same() {
    let home = TempDir::new().unwrap();
    groups(home.path());
    let places = Places {
        system: home.path().join("etc"),
        clustershell: Some(home.path().to_owned()),
        ..Places::default()
    };
    let inventory = load(&places).unwrap();
    let expressions = [
        "web[1-3]",
        "n[08-11],n[1-3/2]",
        "r[1-3]c[1-3]!r2c2",
        "@racks:old",
        "www*!www3",
        "@compute!@cpu:ivy",
        "a!a",
    ];
    for expression in expressions {
        let ours = ours(&inventory, expression);
        for (field, option) in [(0, "-f"), (1, "-c"), (2, "-e")] {
            let output = Command::new("nodeset")
                .args([option, expression])
                .env("CLUSTERSHELL_CFGDIR", home.path())
                .stdin(Stdio::null())
                .output()
                .expect(INSTALL);
            let theirs = String::from_utf8(output.stdout).unwrap();
            let ours = ours.split('\t').nth(field).unwrap();
            if expression.starts_with("r[") && option == "-e" {
                let sorted = |text: &str| {
                    let mut names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                    names.sort();
                    names
                };
                assert_eq!(sorted(ours), sorted(&theirs), "nodeset {option} {expression}");
            } else {
                assert_eq!(ours, theirs.trim_end(), "nodeset {option} {expression}");
            }
        }
    }
}
