//! What comes in with dependencies: versions below which a fault is known, and the script that asks about new ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

/// The versions of a package in Cargo.lock.
fn versions(package: &str) -> Vec<[u32; 3]> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let head = format!("name = \"{package}\"\nversion = \"");
    let version = |text: &str| -> [u32; 3] {
        let numbers = text.split('"').next().unwrap().split(['-', '+']).next().unwrap().split('.');
        numbers.map(|number| number.parse().unwrap()).collect::<Vec<u32>>().try_into().unwrap()
    };
    lock.split(&head).skip(1).map(version).collect()
}

#[test]
fn nothing_is_older_than_the_last_fault_that_concerns_us() {
    for (package, floor, fault) in [
        ("russh", [0, 65, 0], "a server can end or flood its client"),
        ("vt100", [0, 18, 1], "four kilobytes cost minutes"),
        ("tracing-subscriber", [0, 3, 20], "escapes in logs"),
    ] {
        let found = versions(package);
        assert!(!found.is_empty(), "{package} is gone; take it out here");
        for version in found {
            assert!(version >= floor, "{package} {version:?} is below {floor:?}: {fault}");
        }
    }
}

/// Runs the script with programs of ours in place of curl and cargo-deny; gives its exit code and words.
fn advisories(curl: &str, deny: &str) -> (i32, String) {
    let bin = TempDir::new().unwrap();
    for (name, script) in [("curl", curl), ("cargo", deny), ("cargo-deny", "exit 0")] {
        let path = bin.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/advisories"))
        .env("PATH", format!("{}:/usr/bin:/bin", bin.path().display()))
        .output()
        .unwrap();
    let words = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), words)
}

/// A curl that answers the list of queries with `ids` and each question about one of them with `detail`. It fails where
/// the queries do not name russh with a version.
fn osv(ids: &str, detail: &str) -> String {
    format!(
        r#"case "$*" in
*querybatch*) case "$*" in *'"name":"russh"'*'"version":"0.'*) ;; *) exit 9 ;; esac
  echo '{{"results": [{{}}, {{"vulns": [{ids}]}}, {{}}]}}' ;;
*) echo '{detail}' ;;
esac"#
    )
}

#[test]
fn faults_that_are_known_fail_and_no_data_proves_nothing() {
    const WELL: &str = "exit 0";
    let quiet = osv("", "");
    let (code, words) = advisories(&quiet, WELL);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("RustSec knows nothing") && words.contains("OSV was asked about"), "{words}");

    let fault = r#"{"id": "GHSA-aaaa-bbbb-cccc", "modified": "x"}"#;
    let (code, words) = advisories(&osv(fault, r#"{"aliases": ["CVE-2026-1"]}"#), WELL);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("GHSA-aaaa-bbbb-cccc"), "{words}");

    // Accepted under its other name, and withdrawn.
    let alias = r#"{"aliases": ["CVE-2023-49092", "RUSTSEC-2023-0071"]}"#;
    let (code, words) = advisories(&osv(fault, alias), WELL);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("is accepted: deny.toml says why (RUSTSEC-2023-0071)"), "{words}");
    assert_eq!(advisories(&osv(fault, r#"{"withdrawn": "2026"}"#), WELL).0, 0);

    let (code, words) = advisories("echo 'no such host'; exit 6", WELL);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("not checked: OSV: no data (no such host)"), "{words}");
    let (code, words) = advisories(&quiet, "echo 'failed to fetch advisory database'; exit 1");
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("not checked: RustSec: no data"), "{words}");

    let (code, words) = advisories("exit 6", "echo 'error[vulnerability]: a fault'; exit 1");
    assert_eq!(code, 1, "a fault outweighs missing data: {words}");
}
