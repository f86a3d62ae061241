//! Files of hosts as they lie on a user's disk: found, read, put together, and what a selection makes of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world fails there")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use omnes::hosts::{
    Empty, ExtraSources, Host, HostSet, Inventory, Member, NoGroups, Places, Selection, Sources, load,
    parse_host_list,
};
use tempfile::TempDir;

/// A system and a home of their own.
struct Disk {
    root: TempDir,
}

impl Disk {
    fn new() -> Disk {
        Disk { root: TempDir::new().unwrap() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Disk {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    fn places(&self) -> Places {
        Places {
            system: self.path("etc"),
            home: Some(self.path("home")),
            config: Some(self.path("home/.config")),
            ..Places::default()
        }
    }

    fn load(&self) -> Inventory {
        load(&self.places()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn problems(&self) -> String {
        let problems = load(&self.places()).expect_err("these files are wrong").to_string();
        problems.replace(&format!("{}/", self.root.path().display()), "")
    }
}

fn select(inventory: &Inventory, targets: &[&str]) -> Result<Vec<Member>, String> {
    let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
    let selection = Selection { targets: &targets, empty: Empty::Allowed, ..Selection::default() };
    inventory.select(&selection, &Sources::new()).map_err(|error| error.to_string())
}

fn names(inventory: &Inventory, targets: &[&str]) -> String {
    let members = select(inventory, targets).unwrap_or_else(|error| panic!("{error}"));
    members.into_iter().map(|member| member.host).collect::<HostSet>().to_string()
}

fn only(inventory: &Inventory, target: &str) -> Member {
    let mut members = select(inventory, &[target]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(members.len(), 1, "{target}");
    members.remove(0)
}

const CLUSTERSSH: &str = "# our machines\n\
    live admin1@server1 admin2@server2:2022 server3 server4   # trailing\n\
    web  websvr{a,b,c} \\\n     websvr{6..9}\n\
    v6   [2001:db8::1]:22 2001:db8::2\n\
    all  live web\n\
    default all\n";

#[test]
fn clusterssh_files_work_as_they_are() {
    let disk = Disk::new();
    disk.write("etc/clusters", "live old1 old2\nrack1 r1\n")
        .write("home/.clusterssh/clusters", CLUSTERSSH)
        .write("etc/tags", "r2 rack1 live\n")
        .write("home/.clusterssh/tags", "r{3,4} rack{1..2}\n");
    let inventory = disk.load();
    assert_eq!(names(&inventory, &["web"]), "websvr[6-9],websvra,websvrb,websvrc");
    assert_eq!(names(&inventory, &["live"]), "r2,server[3-4],admin1@server1,admin2@server2:2022");
    assert_eq!(names(&inventory, &["rack1"]), "r[1-4]");
    assert_eq!(names(&inventory, &["@v6"]), "2001:db8::2,[2001:db8::1]:22");
    assert_eq!(select(&inventory, &["default"]).unwrap().len(), 12);
    assert_eq!(names(&inventory, &["root@live"]), "root@r2,root@server[1,3-4],root@server2:2022");
    assert_eq!(names(&inventory, &["websvr?", "!websvr[6-8]"]), "websvr9,websvra,websvrb,websvrc");
}

#[test]
fn the_example_means_what_it_says() {
    let disk = Disk::new();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("clusters.example")).unwrap();
    disk.write("home/.config/omnes/clusters.toml", text);
    let inventory = disk.load();
    assert_eq!(inventory.warnings(), []);
    assert_eq!(names(&inventory, &["web"]), "admin@edge.example.org:2222,web[01-06]");
    assert_eq!(names(&inventory, &["db"]), "db,dba[1-2],dbb[1-2]");
    let all = "db,dba[1-2],dbb[1-2],admin@edge.example.org:2222,web[01-03,05-06]";
    assert_eq!(names(&inventory, &["default"]), all);
    let web03 = select(&inventory, &["web&web03"]).unwrap().remove(0);
    let said = |value: &Option<omnes::hosts::Valued<String>>| value.as_ref().unwrap().value.clone();
    assert_eq!((said(&web03.user), said(&web03.address)), ("deploy".to_owned(), "10.0.0.3".to_owned()));
    assert_eq!(web03.port.as_ref().unwrap().value, 2200);
    assert_eq!(said(&web03.jump), "bastion.example.org");
    assert_eq!(web03.vars.keys().collect::<Vec<_>>(), ["dc", "role"]);
    assert!(web03.port.unwrap().origin.to_string().ends_with("clusters.toml:29"));
    // Named alone it is in no cluster, but its tags are never lost.
    let alone = only(&inventory, "web03");
    assert_eq!(alone.user, None);
    assert_eq!(alone.tags.iter().map(|tag| tag.value.as_str()).collect::<Vec<_>>(), ["prod"]);
    assert_eq!(names(&inventory, &["@*"]), names(&inventory, &["web,db"]));
    assert_eq!(inventory.cluster_names().collect::<Vec<_>>(), ["all", "db", "default", "web"]);
}

#[test]
fn values_come_from_the_nearest_that_says_them() {
    let disk = Disk::new();
    disk.write(
        "home/.config/omnes/clusters.toml",
        "[clusters.web]\nhosts=['w1','w2','x@w3']\nuser='deploy'\ntags=['prod']\n\
         [clusters.outer]\nhosts=['@web','o1']\nuser='outer'\njump='j'\ntags=['eu']\n\
         [clusters.db]\nhosts=['w2','d1']\nuser='dba'\n[hosts.w1]\nuser='own'\n",
    );
    let inventory = disk.load();
    let user = |target: &str| only(&inventory, target).user.unwrap();
    assert_eq!(user("root@w1&root@w1").value, "root");
    assert_eq!(user("outer&w1").value, "own");
    assert_eq!(
        (user("outer&w2").value, user("outer&w2").origin.to_string().ends_with(":3")),
        ("deploy".into(), true)
    );
    assert_eq!(user("outer&w3").value, "x");
    assert_eq!(user("outer&o1").value, "outer");
    let w2 = only(&inventory, "outer&w2");
    assert_eq!(w2.via.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["web", "outer"]);
    assert_eq!(w2.tags.len(), 2);
    assert_eq!(only(&inventory, "W2").tags.len(), 2, "another case is the same machine to a guard");
    assert_eq!(only(&inventory, "w2:22").tags.len(), 2, "and so is another port");
    let error = select(&inventory, &["web,db"]).unwrap_err();
    for part in ["w2", "`web` says user deploy", "clusters.toml:3", "`db` says user dba", "clusters.toml:12"]
    {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(select(&inventory, &["web,db,root@w2"]).unwrap().len(), 4, "the expression settles it");
    assert!(select(&inventory, &["a@w9,b@w9"]).unwrap_err().contains("says user a"));
}

#[test]
fn later_files_replace_clusters_and_tags_only_add() {
    let disk = Disk::new();
    disk.write("etc/clusters", "web old\n")
        .write("etc/tags", "tagged web\n")
        .write("home/.config/omnes/clusters.toml", "[clusters.web]\nhosts=['a']\ntags=['prod']\n")
        .write("home/.config/omnes/clusters.d/10.toml", "[clusters.web]\nhosts=['b']\n")
        .write("home/.config/omnes/clusters.d/notes.txt", "not read");
    assert_eq!(names(&disk.load(), &["web"]), "b,tagged");
    assert_eq!(only(&disk.load(), "b").tags.len(), 1, "a guard is never lost");
    disk.write("extra", "web c\n");
    let places = Places { extra: vec![disk.path("extra")], ..disk.places() };
    assert_eq!(names(&load(&places).unwrap(), &["web"]), "c,tagged");
}

#[test]
fn cycles_are_reported_with_their_chain() {
    let disk = Disk::new();
    disk.write("home/.clusterssh/clusters", "a b h1\nb c\nc a\nself @self\nrest @* !h1\n");
    let inventory = disk.load();
    let error = select(&inventory, &["a"]).unwrap_err();
    assert!(error.contains("holds itself"), "{error}");
    for step in ["clusters:1)", "clusters:2)", "clusters:3)"] {
        assert!(error.contains(step), "{error}");
    }
    assert!(select(&inventory, &["self"]).unwrap_err().contains("holds itself"));
    disk.write("home/.clusterssh/clusters", "a h1 h2\nrest @* !h1\n");
    assert_eq!(names(&disk.load(), &["rest"]), "h2");
    let deep: String = (0..200).map(|n| format!("c{n} c{}\n", n + 1)).collect();
    disk.write("home/.clusterssh/clusters", deep);
    assert!(select(&disk.load(), &["c0"]).unwrap_err().contains("nest deeper"));
    let (open, close) = ("(".repeat(32), ")".repeat(32));
    let deepest: String = (0..31).map(|n| format!("c{n} {open}c{}{close}\n", n + 1)).collect();
    disk.write("home/.clusterssh/clusters", deepest);
    assert_eq!(names(&disk.load(), &[&format!("{open}c0{close}")]), "c31");
}

#[test]
fn wrong_expressions_point_at_the_part() {
    let disk = Disk::new();
    disk.write("etc/clusters", "web w1\n");
    let inventory = disk.load();
    let table: [(&str, &str); 14] = [
        ("web,h[5-1]", "runs backwards\n  web,h[5-1]\n        ^^^ write"),
        (
            "h[1-999999999]",
            "999999999 hosts; the limit is 100,000 hosts\n  h[1-999999999]\n  ^^^^^^^^^^^^^^ ",
        ),
        ("@wbe", "no cluster is named `wbe`\n  @wbe\n   ^^^ did you mean `web`?"),
        (
            "@run:last",
            "of earlier runs are not known here\n  @run:last\n   ^^^^^^^^ `omnes runs` lists the runs",
        ),
        ("@none:x", "no source is named `none`"),
        ("web:22", "a cluster has no port"),
        ("!w1", "nothing stands before"),
        ("w1;id", "`;` may not stand in a name\n  w1;id\n    ^ "),
        ("-oProxyCommand=x", "begin with -"),
        ("w1 w2", "operator is missing"),
        ("", "missing"),
        ("w\u{1b}[2J", "w^[[2J"),
        ("@w\u{1b}x", "named `w^[x`\n  @w^[x\n   ^^^^ "),
        ("@s\u{1b}:x", "no source is named `s^[`"),
    ];
    for (expression, says) in table {
        let error = select(&inventory, &[expression]).expect_err(expression);
        assert!(error.contains(says), "{expression}: {error}");
        assert!(!error.contains('\u{1b}'));
    }
    let targets = ["w1!w1".to_owned()];
    let empty = Selection { targets: &targets, ..Selection::default() };
    assert!(inventory.select(&empty, &NoGroups).unwrap_err().to_string().contains("--allow-empty"));
}

#[test]
fn no_expression_costs_much() {
    let inventory = Inventory::default();
    let table = [
        format!("h[1-{}]", u64::MAX),
        "{a,b}".repeat(1_500),
        "h[1-9]x".repeat(20),
        ",".repeat(1_000_000),
        "(".repeat(1_000_000),
        "h[1-99999],".repeat(50_000) + "x",
        "h[1-99999]".to_owned() + &"!x".repeat(400_000),
        "[".repeat(100_000),
        "!&^,".repeat(1_000),
        "*".repeat(100_000),
    ];
    for expression in table {
        let start = Instant::now();
        let _ = select(&inventory, &[&expression]);
        let shown: String = expression.chars().take(20).collect();
        assert!(start.elapsed() < Duration::from_secs(60), "{shown}: {:?}", start.elapsed());
    }
}

#[test]
fn lists_exclusions_and_later_arguments() {
    let inventory = Disk::new().load();
    let list = parse_host_list("a1 a2 # two\na[3-5]\n", "hosts").unwrap();
    let (targets, exclude) = (["!a1".to_owned(), "b1\nb2".to_owned()], ["a5,b2".to_owned()]);
    let selection = Selection { targets: &targets, exclude: &exclude, lists: &[list], empty: Empty::Refused };
    let members = inventory.select(&selection, &NoGroups).unwrap();
    let set: HostSet = members.iter().map(|member| member.host.clone()).collect();
    assert_eq!(set.to_string(), "a[2-4],b1");
    assert_eq!(members[0].origin.to_string(), "hosts:1");
    let wrong = parse_host_list("a1\nb[5-1]\n", "hosts").unwrap();
    let selection = Selection { lists: &[wrong], ..Selection::default() };
    assert!(inventory.select(&selection, &NoGroups).unwrap_err().to_string().starts_with("hosts:2:3: "));
}

#[test]
fn bad_files_are_refused_by_name() {
    let table: [(&[u8], &str); 8] = [
        (b"web a\0b\n", "home/.clusterssh/clusters:1:6: a NUL byte"),
        (b"\xff\xfew\0e\0b\0", "home/.clusterssh/clusters: it is UTF-16"),
        (b"web h\xe9\n", "home/.clusterssh/clusters: line 1, byte 6 is not UTF-8"),
        (b"web h[5-1]\n", "home/.clusterssh/clusters:1:7: the range runs backwards"),
        ("web p\u{430}ypal\n".as_bytes(), "U+0430"),
        ("web a\u{202e}b\n".as_bytes(), "u{202e}"),
        (b"web a\\\n", "to be continued"),
        (b"web -oX=y\n", "begin with -"),
    ];
    for (bytes, says) in table {
        let disk = Disk::new();
        disk.write("home/.clusterssh/clusters", bytes);
        assert!(disk.problems().contains(says), "{}", disk.problems());
    }
    let disk = Disk::new();
    disk.write("home/.clusterssh/clusters", "\u{feff}web a\r\nx b \\\r\n  c\r\n");
    assert_eq!(names(&disk.load(), &["web", "x"]), "a,b,c");
}

#[test]
fn only_plain_files_of_a_sane_size_are_read() {
    let disk = Disk::new();
    fs::create_dir_all(disk.path("etc/clusters")).unwrap();
    assert_eq!(disk.problems(), "etc/clusters: it is a directory; name a plain file");
    let disk = Disk::new();
    fs::create_dir_all(disk.path("etc")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(disk.path("etc/clusters")).status().unwrap();
    assert!(made.success());
    assert_eq!(disk.problems(), "etc/clusters: it is a pipe or a device; name a plain file");
    let disk = Disk::new();
    disk.write("etc/clusters", vec![b'x'; 50_000_000]);
    assert_eq!(
        disk.problems(),
        "etc/clusters: it is longer than 16 MB; split it, or use ranges such as web[1-99]"
    );
    let disk = Disk::new();
    let places = Places { extra: vec![disk.path("none")], ..disk.places() };
    assert!(load(&places).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn a_hundred_thousand_hosts_load_and_select() {
    let disk = Disk::new();
    let line: String = (0..99_999).map(|n| format!(" h{n}.example.org")).collect();
    disk.write("etc/clusters", format!("all{line}\n"));
    let start = Instant::now();
    let inventory = disk.load();
    assert_eq!(names(&inventory, &["all!h0.*"]), "h[1-99998].example.org");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

const GROUPS_CONF: &str = "[Main]\ndefault: roles\nautodir: $CFGDIR/groups.d\nconfdir: $CFGDIR/conf.d\n\
    [shell]\nmap: sed -n 's/^$GROUP: //p' $CFGDIR/flat\nlist: sed 's/:.*//' $CFGDIR/flat\n";

fn clustershell(disk: &Disk, directory: &str) {
    disk.write(&format!("{directory}/groups.conf"), GROUPS_CONF)
        .write(&format!("{directory}/groups.d/a.yaml"), "roles:\n  adm: e0\n  io: '@racks:r2,e2'\n  all: '@io,@adm'\nracks:\n  r1: e[3-4]\n  r2: ['e5', 'e6']\n  both: '@r[1,2]'\n")
        .write(&format!("{directory}/conf.d/more.conf"), "[x,y]\nmap: echo $SOURCE-$GROUP\nall: echo one two\n")
        .write(&format!("{directory}/flat"), "adm: f0\noss: f4 f[5-6] @adm\n");
}

#[test]
fn clustershell_groups_are_clusters_and_sources() {
    let disk = Disk::new();
    clustershell(&disk, "etc/clustershell");
    let inventory = disk.load();
    let table = [
        ("@io", "e[2,5-6]"),
        ("io", "e[2,5-6]"),
        ("@racks:r[1,2]", "e[3-6]"),
        ("@racks:both!e3", "e[4-6]"),
        ("@roles:*", "e[0,2,5-6]"),
        ("@*", "e[0,2,5-6]"),
        ("e?&@racks:both", "e[5-6]"),
        ("@shell:oss", "f[0,4-6]"),
        ("@shell:*", "f[0,4-6]"),
        ("@x:g1,@y:g2", "x-g1,y-g2"),
        ("@x:*", "one,two"),
    ];
    for (expression, expected) in table {
        assert_eq!(names(&inventory, &[expression]), expected, "{expression}");
    }
    assert!(select(&inventory, &["@racks:nine"]).unwrap_err().contains("no group"));
    let listed: Vec<String> = inventory.clusters().into_iter().map(|listed| listed.name).collect();
    assert!(
        listed.contains(&"@racks:both".to_owned()) && listed.contains(&"@shell:…".to_owned()),
        "{listed:?}"
    );
}

#[test]
fn a_group_that_its_source_does_not_know_is_named_and_not_dropped() {
    let disk = Disk::new();
    // As Debian installs it: the default source is a command, which answers nothing for what it does not know.
    disk.write(
        "etc/clustershell/groups.conf",
        "[Main]\ndefault: local\n\
         [local]\nmap: sed -n 's/^$GROUP: *//p' $CFGDIR/flat\nlist: sed 's/:.*//' $CFGDIR/flat\n\
         [mute]\nmap: sed -n 's/^$GROUP: *//p' $CFGDIR/flat\n",
    )
    .write("etc/clustershell/flat", "web: w1 w2\nnone:\n");
    let inventory = disk.load();
    let ask = |targets: &[&str], exclude: &[&str], empty: Empty| {
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
        let (targets, exclude) = (own(targets), own(exclude));
        let selection = Selection { targets: &targets, exclude: &exclude, empty, ..Selection::default() };
        let members = inventory.select(&selection, &Sources::new()).map_err(|error| error.to_string())?;
        Ok::<_, String>(members.into_iter().map(|member| member.host).collect::<HostSet>().to_string())
    };
    assert_eq!(ask(&["@web,x1"], &[], Empty::Refused).unwrap(), "w[1-2],x1");
    for (targets, exclude, name) in [
        (&["@wbe,x1"] as &[&str], &[] as &[&str], "`wbe`"),
        (&["x1", "@nope"], &[], "`nope`"),
        (&["@web!@nope"], &[], "`nope`"),
        (&["@web"], &["@nope"], "`nope`"),
        (&["@local:nope", "x1"], &[], "`nope`"),
        (&["@mute:nope", "x1"], &[], "`nope`"),
    ] {
        let error = ask(targets, exclude, Empty::Refused).expect_err("an unknown group");
        assert!(error.contains(name) && error.contains("--allow-empty"), "{error}");
    }
    assert!(ask(&["@wbe,x1"], &[], Empty::Refused).unwrap_err().contains("did you mean `web`?"));
    assert_eq!(ask(&["@none,x1"], &[], Empty::Refused).unwrap(), "x1", "a group that is listed may be empty");
    assert_eq!(ask(&["@nope,x1"], &[], Empty::Allowed).unwrap(), "x1");
}

#[test]
fn commands_run_only_from_files_that_nobody_else_may_write() {
    let refused = |places: Places| {
        let inventory = load(&places).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(names(&inventory, &["@io"]), "e[2,5-6]", "groups in files need no trust");
        let error = select(&inventory, &["@shell:oss"]).expect_err("this must not run");
        assert!(error.contains("may not run commands"), "{error}");
        error
    };
    let disk = Disk::new();
    clustershell(&disk, "home/.config/clustershell");
    assert_eq!(names(&disk.load(), &["@shell:adm"]), "f0");

    let conf = disk.path("home/.config/clustershell/groups.conf");
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o664)).unwrap();
    assert!(refused(disk.places()).contains("chmod go-w"));
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o644)).unwrap();

    fs::set_permissions(disk.path("home/.config"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(disk.places()).contains("others may write to"));
    fs::set_permissions(disk.path("home/.config"), fs::Permissions::from_mode(0o755)).unwrap();

    let elsewhere = Disk::new();
    clustershell(&elsewhere, "home/.local/etc/clustershell");
    assert!(refused(elsewhere.places()).contains("from elsewhere"));

    let linked = Disk::new();
    fs::create_dir_all(linked.path("home/.config/clustershell")).unwrap();
    clustershell(&linked, "shared");
    for name in ["groups.conf", "groups.d", "flat"] {
        symlink(linked.path("shared").join(name), linked.path("home/.config/clustershell").join(name))
            .unwrap();
    }
    assert!(refused(linked.places()).contains("from elsewhere"));
}

#[test]
fn files_named_on_the_command_line_run_nothing_unless_allowed() {
    let disk = Disk::new();
    disk.write("inv.toml", "[clusters.web]\nhosts=['@cloud:web','w0']\n[sources.cloud]\nmap=['printf','%s1 %s2','{group}','{group}']\nlist=['echo','web']\n");
    let places = Places { extra: vec![disk.path("inv.toml")], ..disk.places() };
    let inventory = load(&places).unwrap();
    assert!(select(&inventory, &["web"]).unwrap_err().contains("--allow-sources"));
    assert_eq!(names(&inventory, &["@*"]), "w0", "@* asks no source");
    let inventory = load(&Places { extra_sources: ExtraSources::Allowed, ..places }).unwrap();
    assert_eq!(names(&inventory, &["web"]), "w0,web[1-2]");
    assert_eq!(names(&inventory, &["@cloud:*"]), "web[1-2]");
    let host: Host = "web1".parse().unwrap();
    assert_eq!(only(&inventory, "web&web1").host, host);
}
