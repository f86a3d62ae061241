//! What `push --delete` refuses before anything is contacted.

use super::{omnes, told};

#[test]
fn deletion_is_only_for_a_folder_as_a_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("host.invalid"), "x").expect("a file");
    let tree = folder.path().display().to_string();
    let file = folder.path().join("host.invalid").display().to_string();
    let to = "host.invalid:/srv/site";
    for (words, why) in [
        (&["--delete", file.as_str(), to][..], "--delete goes with one SRC that is a folder"),
        (&["--delete", &tree, &file, to], "--delete goes with one SRC that is a folder"),
        (&["--delete", "--map", &tree, "--to", to], "--delete does not go with --map"),
        (&["--delete-unknown", &tree, to], "--delete"),
        (&["--delete-confirm", "3", &tree, to], "--delete"),
    ] {
        let (mut command, home) = omnes(&[&["push"], words].concat());
        let (code, _, err) = told(&command.output().expect("omnes starts"));
        assert_eq!(code, 2, "{words:?}: {err}");
        assert!(err.contains(why), "{words:?}: {err}");
        assert!(!home.path().join(".local/state/omnes").exists(), "nothing was begun");
    }
}
