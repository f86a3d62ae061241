//! `omnes push --sudo` where somebody who is not root may change what lies on the way: root follows nobody's links.
//!
//! Only root can make an account. Without root these tests say so and end.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use crate::push::{Fleet, Told, names};
use crate::push_accounts::{fleet, outcome, roots};
use crate::sudo::{Account, PASSWORD};

/// Pushes by `sudo`, whose password is given.
fn push(fleet: &Fleet, words: &[&str]) -> Told {
    let command = format!("echo {PASSWORD}");
    fleet.push(&[words, &["--sudo", "--sudo-password-command", &command]].concat())
}

fn sudoer() -> Option<Account> {
    Account::new("ALL=(ALL) ALL")
}

/// A file that is nobody's business.
fn victim(fleet: &Fleet) -> PathBuf {
    let file = roots(fleet, "vault", 0o700).join("victim");
    fs::write(&file, "secret").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn assert_untouched(victim: &Path) {
    let stat = fs::metadata(victim).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.uid()), (0o600, 0));
    assert_eq!(fs::read_to_string(victim).unwrap(), "secret");
    assert_eq!(names(victim.parent().unwrap()), ["victim"]);
}

/// Does something again and again while a push goes on; gives what that said, and how often it did anything.
fn meanwhile(mut doing: impl FnMut() -> usize + Send, push: impl FnOnce() -> Told) -> (Told, usize) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut times = 0;
            while !is_over.load(Relaxed) {
                times += doing();
                thread::yield_now();
            }
            times
        });
        let told = push();
        is_over.store(true, Relaxed);
        (told, busy.join().unwrap())
    })
}

/// Puts a link in the place of each staged file of this account.
fn swap_staged(uid: u32, link: &Path) -> usize {
    let is_theirs = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|stat| stat.uid() == uid);
    let folders = fs::read_dir("/var/tmp").unwrap().flatten().map(|entry| entry.path());
    let is_staging = |path: &PathBuf| path.display().to_string().contains("/.omnes-push-");
    let mut swapped = 0;
    for folder in folders.filter(is_staging).filter(is_theirs) {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for file in files {
            let is_whole =
                file.file_name().is_some_and(|name| name.as_bytes().iter().all(u8::is_ascii_digit));
            if !is_whole || file.is_symlink() {
                continue;
            }
            let beside = folder.join("x");
            let _ = fs::remove_file(&beside);
            swapped += usize::from(symlink(link, &beside).is_ok() && fs::rename(&beside, &file).is_ok());
        }
    }
    swapped
}

#[test]
fn a_staged_file_that_somebody_swaps_for_a_link_is_not_installed_and_the_link_not_followed() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let victim = victim(&fleet);
    let folder = roots(&fleet, "web1", 0o755);
    for n in 0..40 {
        fleet.here(&format!("conf/{n}"), &format!("content {n}"));
    }
    let uid = Command::new("id").args(["-u", &account.name]).output().unwrap();
    let uid: u32 = String::from_utf8(uid.stdout).unwrap().trim().parse().unwrap();
    let conf = fleet.lab.path("conf/.").display().to_string();
    let words = [conf.as_str(), &fleet.to(""), "--mode", "644", "--output", "json"];
    let (told, swapped) = meanwhile(|| swap_staged(uid, &victim), || push(&fleet, &words));
    assert!(swapped > 0, "{}{}", told.out, told.err);
    assert_untouched(&victim);
    for name in names(&folder) {
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), format!("content {name}"));
    }
    let sent = told.lines("files")[0]["sent"].as_u64().unwrap();
    assert_eq!(sent, names(&folder).len() as u64, "what is said to be there is there: {}", told.out);
    // Undisturbed, it all arrives.
    let told = push(&fleet, &words);
    assert_eq!((told.code, names(&folder).len()), (0, 40), "{}{}", told.out, told.err);
}

#[test]
fn a_folder_on_the_way_that_somebody_swaps_for_a_link_leads_root_nowhere() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let victim = victim(&fleet);
    let site = roots(&fleet, "web1", 0o755);
    let (a, b) = (site.join("a"), site.join("b"));
    fs::create_dir(&a).unwrap();
    chown(&a, Some(65_534), Some(65_534)).unwrap();
    for n in 0..120 {
        fleet.here(&format!("site/a/{n}"), "new");
    }
    let swap = || {
        let is_begun = fs::read_dir(&a).is_ok_and(|mut entries| entries.next().is_some()) && !b.exists();
        usize::from(is_begun && fs::rename(&a, &b).is_ok() && symlink(victim.parent().unwrap(), &a).is_ok())
    };
    let site = fleet.lab.path("site/.").display().to_string();
    let words = [site.as_str(), &fleet.to(""), "--output", "json"];
    let (told, swapped) = meanwhile(swap, || push(&fleet, &words));
    assert_eq!((swapped, told.code), (1, 1), "{}{}", told.out, told.err);
    assert!(["refused", "missing"].contains(&outcome(&told).as_str()), "{}", told.out);
    assert_untouched(&victim);
}

#[test]
fn a_backup_takes_the_place_of_a_link_and_does_not_follow_it() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let victim = victim(&fleet);
    let folder = roots(&fleet, "web1", 0o755);
    for (name, link) in [("to-file", victim.as_path()), ("to-folder", victim.parent().unwrap())] {
        fs::write(folder.join(name), "old").unwrap();
        symlink(link, folder.join(format!("{name}~"))).unwrap();
        fleet.here(&format!("conf/{name}"), "new content");
    }
    let conf = fleet.lab.path("conf/.").display().to_string();
    let told = push(&fleet, &[&conf, &fleet.to(""), "--backup", "~", "--output", "json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_untouched(&victim);
    assert_eq!(names(&folder), ["to-file", "to-file~", "to-folder", "to-folder~"]);
    for name in ["to-file~", "to-folder~"] {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "old");
    }
}

#[test]
fn what_only_root_may_list_is_looked_at_deleted_and_swept() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let folder = roots(&fleet, "web1", 0o755);
    for n in 0..12 {
        fleet.here(&format!("site/priv/{n}"), "text");
    }
    fs::set_permissions(fleet.lab.path("site/priv"), fs::Permissions::from_mode(0o700)).unwrap();
    let site = fleet.lab.path("site/.").display().to_string();
    let words = [site.as_str(), &fleet.to(""), "--delete", "--output", "json"];
    let told = push(&fleet, &words);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(fs::metadata(folder.join("priv")).unwrap().mode() & 0o7777, 0o700);
    fs::remove_file(fleet.lab.path("site/priv/3")).unwrap();
    let left = ".old.omnes-0123456789abcdef.part";
    fs::write(folder.join("priv").join(left), "half").unwrap();
    fs::write(folder.join("priv/theirs"), "a stranger's").unwrap();
    let told = push(&fleet, &words);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let names = names(&folder.join("priv"));
    assert!(!names.contains(&"3".to_owned()) && !names.contains(&left.to_owned()), "{names:?}");
    assert!(names.contains(&"theirs".to_owned()) && names.len() == 12, "{names:?}");
}

#[test]
fn names_and_targets_of_any_bytes_are_found_again_where_only_root_may_look() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let folder = roots(&fleet, "web1", 0o700);
    let conf = fleet.lab.path("conf");
    fs::create_dir(&conf).unwrap();
    for name in [&b"a\nb"[..], b"\xff\x81 c", b"plain"] {
        fs::write(conf.join(OsStr::from_bytes(name)), "text").unwrap();
        let link = conf.join(OsStr::from_bytes(&[name, b".link"].concat()));
        symlink(OsStr::from_bytes(&[name, b"\n\xfe"].concat()), link).unwrap();
    }
    let conf = fleet.lab.path("conf/.").display().to_string();
    let words = [conf.as_str(), &fleet.to(""), "--owner", "54321:54321", "--output", "json"];
    let told = push(&fleet, &words);
    assert_eq!((told.code, &told.lines("files")[0]["sent"]), (0, &6.into()), "{}{}", told.out, told.err);
    for entry in fs::read_dir(&folder).unwrap() {
        let stat = fs::symlink_metadata(entry.unwrap().path()).unwrap();
        assert_eq!((stat.uid(), stat.gid()), (54_321, 54_321));
    }
    let told = push(&fleet, &words);
    assert_eq!((told.code, &told.lines("files")[0]["sent"]), (0, &0.into()), "{}{}", told.out, told.err);
    // A FIFO in the place of a file is never opened.
    let fifo = folder.join("plain");
    fs::remove_file(&fifo).unwrap();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let told = push(&fleet, &[&words[..], &["--checksum"]].concat());
    assert_eq!((told.code, outcome(&told).as_str()), (1, "refused"), "{}{}", told.out, told.err);
}

#[test]
fn a_plan_shows_what_would_change_in_a_file_that_only_root_may_read_or_says_why_not() {
    let Some(account) = sudoer() else { return };
    let fleet = fleet(&account, &["web1"]);
    let folder = roots(&fleet, "web1", 0o755);
    fs::write(folder.join("app.conf"), "user www\nport 80\n").unwrap();
    fs::set_permissions(folder.join("app.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let app = fleet.here("app.conf", "user www\nport {port}\n");
    let words = [app.as_str(), &fleet.to("/"), "--template", "--plan"];
    let told = fleet.push(&words);
    assert!(
        told.out.contains("cannot be compared: ") && !told.out.contains("\n+"),
        "{}{}",
        told.out,
        told.err
    );
    let told = push(&fleet, &words);
    let port = fleet.lab.servers[0].port();
    let expected = format!(" user www\n-port 80\n+port {port}\n");
    assert!(told.out.contains(&expected), "{}{}", told.out, told.err);
}
