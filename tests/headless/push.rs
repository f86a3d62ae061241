//! What `omnes push` says before it contacts anybody.

use std::fs;

use super::run;

#[test]
fn what_cannot_be_meant_contacts_nobody_and_says_the_next_step() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("a"), "a").expect("a file");
    fs::write(at("t"), "x {nothing}").expect("a file");
    fs::write(at("a.old"), "a").expect("a file");
    let (a, t, none, old) = (at("a"), at("t"), at("none"), at("a.old"));
    for (words, part) in [
        (&["push"] as &[&str], "nothing to push; name files and where they go"),
        (&["push", &a, "web"], "the last word, `web`, names no hosts and place"),
        (&["push", &a, "--to", "web:x"], "this is no place"),
        (&["push", &none, "web:/x"], "none cannot be read: No such file or directory"),
        (&["push", &a, "web:/x/{rack}"], "{rack}"),
        (&["push", &t, "web:/x", "--template"], "t:1:3: {nothing}"),
        (&["push", &a, "--exclude", "a", "web:/x"], "nothing is left to push"),
        (&["push", "--map", &at(""), "--to", "web:/x"], "no file of the name of web"),
        (
            &["push", &a, &old, "web:/x", "--backup", ".old"],
            "a.old is pushed, and would be the old content of a too",
        ),
        (&["push", &a, "web:/x", "--sudo"], "there is no terminal to ask on"),
        (&["push", "--resume", "last"], "no run"),
        (&["push", &a, "--resume", "last", "web:/x"], "--resume takes its files and its hosts from the run"),
    ] {
        let (code, out, err) = run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(err.contains(part), "{words:?}: {err}");
    }
    // A name that a command has is still a cluster or host that can be opened.
    let (code, out, _) = run(&["push", "--help"]);
    assert_eq!(code, 0);
    assert!(out.trim_end().ends_with("'web[01-48]:/srv/site'"), "{out}");
}
