//! `omnes push` as accounts that may not do everything, and by Debian's `sudo`.
//!
//! Only root can make an account. Without root these tests say so and end.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::push::{Fleet, Told, names, server};
use crate::sudo::{Account, PASSWORD};

/// Hosts on which this account logs in.
pub(crate) fn fleet(account: &Account, hosts: &[&str]) -> Fleet {
    let fleet = Fleet::of(hosts, hosts.iter().map(|_| server("internal-sftp")).collect());
    let path = ".config/omnes/clusters.toml";
    let clusters = fs::read_to_string(fleet.lab.path(path)).unwrap();
    fleet.lab.write(
        path,
        &clusters.replace("[clusters.lab]\n", &format!("[clusters.lab]\nuser = \"{}\"\n", account.name)),
    );
    fleet
}

pub(crate) fn outcome(told: &Told) -> String {
    told.lines("outcome")
        .iter()
        .map(|line| line["outcome"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A folder of root's, into which nobody else may write, or even look.
pub(crate) fn roots(fleet: &Fleet, name: &str, mode: u32) -> std::path::PathBuf {
    let folder = fleet.disk.path().join(name);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    folder
}

#[test]
fn without_the_right_nothing_changes_and_the_class_says_so() {
    let Some(account) = Account::new("") else { return };
    let fleet = fleet(&account, &["web1"]);
    let folder = roots(&fleet, "web1", 0o755);
    fs::write(folder.join("app.conf"), "old").unwrap();
    let app = fleet.here("app.conf", "new content");
    let told = fleet.push(&[&app, &fleet.to("/"), "--output", "json"]);
    assert_eq!((told.code, outcome(&told).as_str()), (1, "no-right"), "{}{}", told.out, told.err);
    assert_eq!(
        (fs::read_to_string(folder.join("app.conf")).unwrap(), names(&folder)),
        ("old".into(), vec!["app.conf".to_owned()])
    );
}

#[test]
fn nobody_s_setuid_program_becomes_one_of_who_pushes() {
    let Some(account) = Account::new("") else { return };
    let fleet = fleet(&account, &["web1"]);
    let program = fleet.here("program", "what is pushed");
    for (via, options) in [("sftp", vec![]), ("shell", vec!["--via", "shell"])] {
        let folder = roots(&fleet, via, 0o777);
        let there = folder.join("program");
        fs::write(&there, "of somebody else").unwrap();
        std::os::unix::fs::chown(&there, Some(1), Some(1)).unwrap();
        fs::set_permissions(&there, fs::Permissions::from_mode(0o6755)).unwrap();
        let to = format!("lab:{}/", folder.display());
        let told = fleet.push(&[&[program.as_str(), &to][..], &options].concat());
        assert_eq!(
            (told.code, fs::read_to_string(&there).unwrap().as_str()),
            (0, "what is pushed"),
            "{}",
            told.err
        );
        let stat = fs::metadata(&there).unwrap();
        assert_ne!(stat.uid(), 1, "the account may not give files away");
        assert_eq!(stat.mode() & 0o7777, 0o755, "{via}");
    }
}

#[test]
fn root_moves_files_into_place_for_whom_they_are() {
    let Some(account) = Account::new("ALL=(ALL) ALL") else { return };
    let fleet = fleet(&account, &["web1"]);
    // The folder can be looked at in one case, and not even that in the other.
    for (folder, mode) in [("web1", 0o755), ("hidden", 0o700)] {
        let folder = roots(&fleet, folder, mode);
        fs::create_dir(folder.join("conf")).unwrap();
        fs::write(folder.join("conf/app.conf"), "old").unwrap();
        fs::set_permissions(folder.join("conf/app.conf"), fs::Permissions::from_mode(0o640)).unwrap();
        fleet.here("conf/app.conf", "new content");
        fleet.here("conf/new folder/it's new", "new");
        let _ = std::os::unix::fs::symlink("app.conf", fleet.lab.path("conf/link"));
        let conf = fleet.lab.path("conf").display().to_string();
        let to = format!("lab:{}", folder.display());
        let command = format!("echo {PASSWORD}");
        let words = [
            &conf,
            &to,
            "--sudo",
            "--sudo-password-command",
            &command,
            "--owner",
            "daemon:adm",
            "--backup",
            "~",
            "--output",
            "json",
        ];
        let told = fleet.push(&words);
        assert_eq!((told.code, outcome(&told).as_str()), (0, "exited"), "{}{}", told.out, told.err);
        assert_eq!(told.lines("files")[0]["sent"], 4, "{}", told.out);
        let expected = [
            "conf/",
            "conf/app.conf",
            "conf/app.conf~",
            "conf/link -> app.conf",
            "conf/new folder/",
            "conf/new folder/it's new",
        ];
        assert_eq!(names(&folder), expected);
        let stat = |name: &str| fs::metadata(folder.join(name)).unwrap();
        for name in ["conf/app.conf", "conf/new folder/it's new"] {
            let daemon = (stat(name).uid(), stat(name).gid());
            assert_eq!(daemon, (1, 4), "{name}: Debian's numbers of daemon and adm");
        }
        assert_eq!(stat("conf/app.conf").mode() & 0o7777, 0o640, "what stood there keeps its mode");
        assert_eq!(fs::read_to_string(folder.join("conf/app.conf~")).unwrap(), "old");
        let told = fleet.push(&words);
        assert_eq!((told.code, &told.lines("files")[0]["sent"]), (0, &0.into()), "{}{}", told.out, told.err);
        for place in ["/var/tmp", "/tmp"] {
            let left: Vec<String> = fs::read_dir(Path::new(place))
                .unwrap()
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            let uid =
                |name: &String| fs::metadata(Path::new(place).join(name)).is_ok_and(|stat| stat.uid() != 0);
            assert!(
                !left.iter().any(|name| name.starts_with(".omnes-push-") && uid(name)),
                "{place}: {left:?}"
            );
        }
    }
}

#[test]
fn where_sudo_says_no_nothing_is_changed() {
    let Some(account) = Account::new("ALL=(ALL) ALL") else { return };
    let fleet = fleet(&account, &["web1"]);
    let folder = roots(&fleet, "web1", 0o755);
    let app = fleet.here("app.conf", "new");
    let told = fleet.push(&[&app, &fleet.to("/"), "--sudo", "--sudo-no-password", "--output", "json"]);
    assert_eq!((told.code, outcome(&told).as_str()), (3, "sudo"), "{}{}", told.out, told.err);
    let told = fleet.push(&[
        &app,
        &fleet.to("/"),
        "--sudo",
        "--sudo-password-command",
        "echo wrong",
        "--output",
        "json",
    ]);
    assert_eq!((told.code, outcome(&told).as_str()), (3, "sudo"), "{}{}", told.out, told.err);
    assert!(names(&folder).is_empty());
}
