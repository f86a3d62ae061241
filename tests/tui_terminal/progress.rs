//! A run without windows on the user's terminal: how far it is, while it lasts.

use super::*;

#[test]
fn the_line_names_the_last_host_and_is_gone_at_the_end() {
    let home = tempfile::tempdir().expect("a directory");
    let go = home.path().join("go");
    let command = format!(
        "case $(hostname) in demo06) while [ ! -e {} ]; do sleep 0.05; done;; esac; hostname",
        go.display()
    );
    let env = [("HOME", home.path().to_str().expect("UTF-8")), ("TERM", "xterm"), ("PATH", "/usr/bin:/bin")];
    for form in ["stream", "gather"] {
        let words = ["demo", "run", "--hosts", "6", "--output", form, "--", &command];
        let mut ui = Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &words, &env, (24, 80));
        ui.wait_for("omnes: 5 of 6 done, 1 running");
        ui.wait_for(": demo06 (");
        std::fs::write(&go, "").expect("a file");
        let status = ui.wait_exit();
        assert_eq!(status.code(), Some(0));
        let raw = ui.raw();
        let text = String::from_utf8_lossy(&raw);
        let last = text.lines().last().and_then(|line| line.rsplit("\x1b[K").next());
        assert_eq!(last, Some("omnes: 6 ok: demo[01-06]"), "{text:?}");
        let left = text.lines().filter_map(|line| line.rsplit("\x1b[K").next());
        assert!(left.into_iter().all(|line| !line.contains("of 6 done")), "{text:?}");
        std::fs::remove_file(&go).expect("it is there");
    }
}
