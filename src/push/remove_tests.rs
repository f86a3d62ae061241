//! Deletions on a host that is a value, with somebody who changes things in between.

use std::sync::Mutex;

use super::*;
use crate::push::delete::{Policy, Removal, Sides, Strangers, doomed};
use crate::push::path::shown;
use crate::push::tree::Entry;

/// What somebody does there when the deletion has done so much.
type Meanwhile = Box<dyn Fn(&str, &mut BTreeMap<String, Kind>) + Send + Sync>;

/// A host: what stands there by its absolute path, and all that was asked of it.
struct Host {
    there: Mutex<BTreeMap<String, Kind>>,
    asked: Mutex<Vec<String>>,
    meanwhile: Meanwhile,
}

fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).expect("these tests have text")
}

impl Host {
    fn new(there: &[&str], meanwhile: Meanwhile) -> Host {
        let there = there.iter().map(|text| {
            let entry = entry(text);
            (text_of(&entry), entry.kind)
        });
        Host { there: Mutex::new(there.collect()), asked: Mutex::default(), meanwhile }
    }

    /// Follows links in all but the last name, as a server does.
    fn real(there: &BTreeMap<String, Kind>, path: &str) -> String {
        let (folder, name) = path.rsplit_once('/').expect("an absolute path");
        match there.get(folder) {
            Some(Kind::Link { to }) => format!("{}/{name}", text(to)),
            _ => path.to_owned(),
        }
    }

    fn ask<T>(
        &self,
        what: &str,
        path: &[u8],
        answer: impl FnOnce(&mut BTreeMap<String, Kind>, String) -> T,
    ) -> T {
        let mut there = self.there.lock().expect("nobody panics");
        let asked = format!("{what} {}", text(path));
        (self.meanwhile)(&asked, &mut there);
        self.asked.lock().expect("nobody panics").push(asked);
        let real = Host::real(&there, &text(path));
        answer(&mut there, real)
    }

    fn now(&self) -> Vec<String> {
        self.there.lock().expect("nobody panics").keys().cloned().collect()
    }
}

fn ready<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn missing(path: &str) -> Trouble {
    Trouble::file(FileFault::Missing, shown(path.as_bytes()))
}

fn inside(there: &BTreeMap<String, Kind>, folder: &str) -> Vec<Box<[u8]>> {
    let below = format!("{folder}/");
    let names = there.keys().filter_map(|path| path.strip_prefix(&below)).filter(|name| !name.contains('/'));
    names.map(|name| name.as_bytes().into()).collect()
}

impl Remover for Host {
    fn lstat<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<Option<(Kind, i64)>, Trouble>> {
        ready(Ok(self.ask("lstat", path, |there, path| there.get(&path).map(|kind| (kind.clone(), 100)))))
    }

    fn names<'a>(&'a self, folder: &'a [u8]) -> BoxFuture<'a, Result<Vec<Box<[u8]>>, Trouble>> {
        ready(Ok(self.ask("list", folder, |there, folder| inside(there, &folder))))
    }

    fn remove<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        ready(self.ask("remove", path, |there, path| match there.get(&path) {
            _ if path.ends_with("locked") => Err(Trouble::file(FileFault::NoRight, "no right to it")),
            _ if path.ends_with("cut") => Err(Trouble::Lost("the link was cut".to_owned())),
            Some(Kind::Dir) | None => Err(missing(&path)),
            Some(_) => {
                there.remove(&path);
                Ok(())
            }
        }))
    }

    fn remove_dir<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        ready(self.ask("rmdir", path, |there, path| match there.get(&path) {
            Some(Kind::Dir) if inside(there, &path).is_empty() => {
                there.remove(&path);
                Ok(())
            }
            Some(_) => Err(Trouble::file(FileFault::Other, format!("{path}: failure"))),
            None => Err(missing(&path)),
        }))
    }

    fn rename<'a>(&'a self, from: &'a [u8], to: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        let to = text(to);
        ready(self.ask("rename", from, |there, from| match there.remove(&from) {
            Some(kind) => {
                there.insert(to, kind);
                Ok(())
            }
            None => Err(missing(&from)),
        }))
    }
}

fn text_of(entry: &Entry) -> String {
    text(&entry.path.below(b"/srv"))
}

fn entry(text: &str) -> Entry {
    let (path, kind) = match text.split_once(' ') {
        None => (text, Kind::File { size: 3 }),
        Some((path, "/")) => (path, Kind::Dir),
        Some((path, to)) => (path, Kind::Link { to: to.as_bytes().into() }),
    };
    Entry { path: RelPath::parse(path.as_bytes()).expect("a path"), kind, mode: 0o644, mtime: 100 }
}

fn quiet() -> Meanwhile {
    Box::new(|_, _| {})
}

/// All of it is doomed but what the source has; what somebody does then is up to the host.
async fn removed(host: &Host, there: &[&str], source: &[&str], backup: Option<&[u8]>) -> Removed {
    let there: Vec<Entry> = there.iter().map(|text| entry(text)).collect();
    let source: Vec<Entry> = source.iter().map(|text| entry(text)).collect();
    let held = Held::new(source.iter().map(|entry| (&entry.path, &entry.kind)));
    let removal = if backup.is_some() { Removal::Aside } else { Removal::Gone };
    let sides = Sides {
        there: &there,
        root: &RelPath::root(),
        source: &held,
        excluded: &|_, _| false,
        suffix: backup.unwrap_or_default(),
        sum: &|_| None,
    };
    let policy = Policy { strangers: Strangers::Go, removal };
    let doomed = doomed(&sides, std::iter::empty(), policy).expect("nothing is damaged");
    Removing { remover: host, base: b"/srv", source: &held, backup }.carry_out(doomed).await
}

fn names(paths: &[RelPath]) -> Vec<String> {
    paths.iter().map(|path| path.to_string()).collect()
}

#[tokio::test]
async fn what_is_to_go_goes_and_nothing_else() {
    let there = ["a", "d /", "d/b", "d/e /", "d/e/c", "l /etc", "s"];
    let host = Host::new(&there, quiet());
    let removed = removed(&host, &there, &["s"], None).await;
    assert_eq!(names(&removed.files), ["a", "d/b", "d/e/c", "l"]);
    assert_eq!(names(&removed.folders), ["d", "d/e"]);
    assert!(removed.stays.is_empty() && removed.faults.is_empty() && removed.lost.is_none());
    assert_eq!(host.now(), ["/srv/s"]);
    assert!(removed.has(&entry("d").path) && removed.has(&entry("a").path) && !removed.has(&entry("s").path));
}

#[tokio::test]
async fn what_is_not_as_it_was_stays_with_its_folder() {
    let there = ["d /", "d/changed", "d/gone", "e /", "e/b"];
    let host = Host::new(
        &there,
        Box::new(|asked, there| match asked {
            "lstat /srv/d/changed" => drop(there.insert("/srv/d/changed".to_owned(), Kind::File { size: 4 })),
            "lstat /srv/d/gone" => drop(there.remove("/srv/d/gone")),
            "rmdir /srv/e" => drop(there.insert("/srv/e/new".to_owned(), Kind::File { size: 1 })),
            _ => {}
        }),
    );
    let removed = removed(&host, &there, &[], None).await;
    assert_eq!(names(&removed.files), ["d/gone", "e/b"]);
    assert_eq!(removed.stays, [(entry("d/changed").path, Stays::Changed)]);
    assert!(removed.folders.is_empty() && removed.faults.is_empty(), "{removed:?}");
    assert_eq!(host.now(), ["/srv/d", "/srv/d/changed", "/srv/e", "/srv/e/new"]);
}

#[tokio::test]
async fn a_link_that_somebody_puts_in_the_place_of_a_folder_leads_nowhere() {
    let there = ["d /", "d/b", "d/e /"];
    let host = Host::new(
        &there,
        Box::new(|asked, there| {
            if asked == "lstat /srv/d" {
                there.insert("/srv/d".to_owned(), Kind::Link { to: b"/etc".as_slice().into() });
                there.insert("/etc/b".to_owned(), Kind::File { size: 3 });
                there.insert("/etc/e".to_owned(), Kind::Dir);
            }
        }),
    );
    let removed = removed(&host, &there, &[], None).await;
    assert_eq!(removed.stays, [(entry("d/b").path, Stays::Changed)]);
    assert!(removed.files.is_empty() && removed.folders.is_empty());
    assert!(host.now().contains(&"/etc/b".to_owned()) && host.now().contains(&"/etc/e".to_owned()));
    let asked = host.asked.lock().expect("nobody panics");
    assert!(
        !asked.iter().any(|asked| asked.starts_with("remove") || asked.starts_with("rmdir")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_removed_is_a_fault_and_the_rest_goes_on() {
    let there = ["a", "d /", "d/locked", "z"];
    let host = Host::new(&there, quiet());
    let removed = removed(&host, &there, &[], None).await;
    assert_eq!(names(&removed.files), ["a", "z"]);
    assert_eq!(removed.faults, [(FileFault::NoRight, "no right to it".to_owned())]);
    assert_eq!(host.now(), ["/srv/d", "/srv/d/locked"]);
    assert!(!host.asked.lock().expect("nobody panics").contains(&"rmdir /srv/d".to_owned()));
}

#[tokio::test]
async fn a_link_that_is_cut_ends_it() {
    let there = ["a /", "a/cut", "b /", "b/x"];
    let host = Host::new(&there, quiet());
    let removed = removed(&host, &there, &[], None).await;
    assert!(matches!(removed.lost, Some(Trouble::Lost(_))), "{removed:?}");
    assert_eq!(host.now(), ["/srv/a", "/srv/a/cut", "/srv/b", "/srv/b/x"]);
}

#[tokio::test]
async fn with_a_backup_files_get_another_name_and_folders_stay() {
    let there = ["d /", "d/b"];
    let host = Host::new(&there, quiet());
    let removed = removed(&host, &there, &[], Some(b".old")).await;
    assert_eq!(names(&removed.files), ["d/b"]);
    assert_eq!(host.now(), ["/srv/d", "/srv/d/b.old"]);
}

#[tokio::test]
async fn what_came_under_the_name_of_a_backup_meanwhile_is_not_replaced() {
    let there = ["a", "d /", "d/b", "e"];
    let host = Host::new(
        &there,
        Box::new(|asked, there| {
            if asked == "lstat /srv/d/b" {
                there.insert("/srv/d/b.old".to_owned(), Kind::File { size: 9 });
            }
        }),
    );
    let removed = removed(&host, &there, &["e"], Some(b".old")).await;
    assert_eq!(names(&removed.files), ["a"]);
    assert_eq!(removed.stays, [(entry("d/b").path, Stays::Taken)]);
    assert_eq!(host.now(), ["/srv/a.old", "/srv/d", "/srv/d/b", "/srv/d/b.old", "/srv/e"]);
    assert_eq!(host.there.lock().expect("nobody panics")["/srv/d/b.old"], Kind::File { size: 9 });
}

#[tokio::test]
async fn two_names_of_one_file_are_not_deleted_as_one() {
    // The file system takes `Readme` for `README`, which the listing after the push shows.
    let host = Host::new(&["Readme"], quiet());
    let alike = removed(&host, &["Readme"], &["README"], None).await;
    assert_eq!(alike.stays, [(entry("Readme").path, Stays::Alike)]);
    assert_eq!(host.now(), ["/srv/Readme"]);
    let host = Host::new(&["Readme", "README"], quiet());
    let apart = removed(&host, &["Readme"], &["README"], None).await;
    assert_eq!(names(&apart.files), ["Readme"]);
    assert_eq!(host.now(), ["/srv/README"]);
}
