//! `omnes keys --replace`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{found_by_keygen, known_hosts, lab, name, ssh_gets_in, stranger, told};
use crate::lab::Lab;
use crate::support::need;
use crate::support::sshd::KeyKind;

const ED: &[KeyKind] = &[KeyKind::Ed25519];

/// A line with its name hashed, as ssh-keygen does it.
fn hashed(lab: &Lab, line: &str) -> String {
    let file = lab.path("to-hash");
    fs::write(&file, line).expect("written");
    let mut command = Command::new(need("ssh-keygen", "openssh-client"));
    assert!(command.args(["-H", "-f"]).arg(&file).output().expect("ssh-keygen starts").status.success());
    fs::read_to_string(file).expect("hashed")
}

#[test]
fn only_what_was_shown_is_taken_out() {
    let lab = lab(&[ED, ED, ED, ED, ED]);
    let names: Vec<String> = lab.servers.iter().map(name).collect();
    let old = stranger(&lab, KeyKind::Ed25519);
    let other = stranger(&lab, KeyKind::Ecdsa);
    let (many, hash) =
        (format!("a,{},b {old} several", names[0]), hashed(&lab, &format!("{} {old}\n", names[1])));
    // web3 is named by a pattern, web4 in a file that is not the user's, web5 is revoked.
    let pattern = format!("[127.0.0.1]:{}* {old}", &names[2]["[127.0.0.1]:".len()..]);
    let revoked = lab.servers[4].host_key(KeyKind::Ed25519);
    let text = format!(
        "# mine\n{many}\n{hash}{pattern}\r\n{} {other}\n@revoked {} {revoked}\n{} {old}\n@cert-authority * {old}\nlast {old}",
        names[0], names[4], names[4],
    );
    lab.write("real/known", &text);
    lab.write("global", &format!("{} {old}\n", names[3]));
    fs::create_dir_all(lab.path(".ssh")).expect("a directory");
    symlink(lab.path("real/known"), lab.path(".ssh/known_hosts")).expect("a link");
    fs::set_permissions(lab.path("real/known"), fs::Permissions::from_mode(0o640)).expect("a mode");
    let global = format!("GlobalKnownHostsFile={}", lab.path("global").display());
    let words = ["keys", "lab", "-o", &global, "--replace", "--confirm"];

    let (code, out, err) = told(&lab.run(&[&words[..], &["3"]].concat()));
    assert_eq!(code, 2, "{out}{err}");
    assert!(err.contains("--confirm 3: the keys of 2 hosts can be replaced; nothing was replaced"), "{err}");
    assert!(err.contains("web3 is left as it is: ") && err.contains("by the pattern `[127.0.0.1]:"), "{err}");
    assert!(
        err.contains("web4 is left as it is: ") && err.contains("a file that omnes does not change"),
        "{err}"
    );
    assert_eq!(known_hosts(&lab), text);
    assert!(!lab.path("real/known.old").exists());

    let (code, out, err) = told(&lab.run(&[&words[..], &["2"]].concat()));
    assert_eq!(code, 1, "three are left as they were: {out}{err}");
    let backup = lab.path("real/known.old");
    assert!(
        err.contains(&format!(
            "replaced the keys of 2 hosts: web[1-2]; what was there before is in {}",
            backup.display()
        )),
        "{err}"
    );
    let expected = text
        .replace(&many, &format!("a,b {old} several"))
        .replace(&hash, "")
        .replace(&format!("{} {other}\n", names[0]), "");
    let key = |n: usize| lab.servers[n].host_key(KeyKind::Ed25519);
    let expected = format!("{expected}\n{} {}\n{} {}\n", names[0], key(0), names[1], key(1));
    assert_eq!(known_hosts(&lab), expected);
    assert_eq!(fs::read_to_string(&backup).expect("a backup"), text);
    // The link is a link still, and the file has its mode and owner.
    assert!(fs::symlink_metadata(lab.path(".ssh/known_hosts")).expect("a link").is_symlink());
    let (new, before) =
        (fs::metadata(lab.path("real/known")).expect("a file"), fs::metadata(backup).expect("a file"));
    assert_eq!((new.mode(), new.uid(), new.gid()), (before.mode(), before.uid(), before.gid()));
    assert_eq!(new.mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(lab.path("real")).expect("a directory").count(), 2, "nothing else is left there");
    // As OpenSSH sees it.
    for n in [0, 1] {
        assert_eq!(found_by_keygen(&lab.path(".ssh/known_hosts"), &names[n]), [key(n)]);
        assert!(ssh_gets_in(&lab, &lab.servers[n], KeyKind::Ed25519), "web{}", n + 1);
    }
    assert!(!ssh_gets_in(&lab, &lab.servers[4], KeyKind::Ed25519));
}

#[test]
fn a_host_of_which_one_key_changed_keeps_the_others() {
    let lab = lab(&[&[KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa]]);
    let (server, name) = (&lab.servers[0], name(&lab.servers[0]));
    let (ed, old) = (server.host_key(KeyKind::Ed25519), stranger(&lab, KeyKind::Rsa));
    lab.write(".ssh/known_hosts", &format!("{name} {ed}\n{name} {old}\n"));
    let (code, out, err) = told(&lab.run(&["keys", "lab"]));
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("--replace"), "{err}");
    assert!(out.contains("web1: changed ssh-rsa ") && !out.contains("ecdsa"), "{out}");
    let (code, out, err) = told(&lab.run(&["keys", "lab", "--replace", "--confirm", "1"]));
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(known_hosts(&lab), format!("{name} {ed}\n{name} {}\n", server.host_key(KeyKind::Rsa)));
}

#[test]
fn a_list_decides_what_takes_the_place() {
    let lab = lab(&[ED, ED]);
    let old = stranger(&lab, KeyKind::Ed25519);
    let text: String = lab.servers.iter().map(|server| format!("{} {old}\n", name(server))).collect();
    lab.write(".ssh/known_hosts", &text);
    let right = lab.servers[0].host_key(KeyKind::Ed25519);
    lab.write("list", &format!("web1 {right}\nweb2 {old}\n"));
    let list = lab.path("list").display().to_string();
    let (code, out, err) = told(&lab.run(&["keys", "lab", "--from", &list, "--replace", "--confirm", "1"]));
    assert_eq!(code, 1, "{out}{err}");
    let expected = format!("{} {old}\n{} {right}\n", name(&lab.servers[1]), name(&lab.servers[0]));
    assert_eq!(known_hosts(&lab), expected);
}

#[test]
fn killed_at_any_moment_it_leaves_a_whole_file() {
    let lab = lab(&[ED]);
    let name = name(&lab.servers[0]);
    let filler: String =
        (0..5000).map(|n| format!("filler{n} {}\n", lab.servers[0].host_key(KeyKind::Ed25519))).collect();
    let before = format!("{filler}{name} {}\n", stranger(&lab, KeyKind::Ed25519));
    let after = format!("{filler}{name} {}\n", lab.servers[0].host_key(KeyKind::Ed25519));
    let start = || {
        lab.write(".ssh/known_hosts", &before);
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command.args(["keys", "lab", "--replace", "--confirm", "1"]).env("HOME", lab.home.path());
        command
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("omnes starts")
    };
    // Once to its end, to know how long that takes.
    let begun = std::time::Instant::now();
    assert!(start().wait().expect("it ends").success());
    let whole = begun.elapsed();
    assert_eq!(known_hosts(&lab), after);
    let (mut killed, mut done) = (0, 0);
    for n in 0..50u32 {
        let mut child = start();
        // What is looked for is the moment, not an event: the later half of a run, where the file is written.
        std::thread::sleep(whole.mul_f64(0.4 + 0.7 * f64::from(n) / 50.0).max(Duration::from_millis(1)));
        let _ = child.kill();
        let status = child.wait().expect("it ends");
        let text = known_hosts(&lab);
        assert!(text == before || text == after, "{n}: neither the old nor the new file");
        killed += u32::from(!status.success());
        done += u32::from(text == after);
    }
    assert!(killed > 0 && done > 0, "{killed} killed, {done} done: the moments were all on one side");
}
