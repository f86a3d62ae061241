//! A tmux server of our own.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use omnes::pane::{HistoryLimit, Pane};
use omnes::size::Size;
use tempfile::TempDir;

/// Many times what the slowest step takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A tmux server of our own with one window of 80x24, in which a program waits for a line before it begins.
pub(crate) struct Tmux {
    home: TempDir,
}

impl Tmux {
    fn server() -> Tmux {
        let tmux = Tmux { home: tempfile::tempdir().expect("a directory for the server") };
        let always = "set -g default-terminal xterm-256color\nset -g status off\nset -s escape-time 0\n";
        std::fs::write(tmux.path("conf"), always).expect("its configuration");
        tmux
    }

    pub(crate) fn start(program: &str) -> Tmux {
        let tmux = Tmux::server();
        let script = format!("stty -echo; read go; stty echo; {program}");
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &script]);
        tmux.run(&["pipe-pane", "-o", &format!("cat > {}", tmux.path("output").display())]);
        // The pipe is ready when what is printed arrives in it; `go` is not printed, but the program is.
        tmux.run(&["send-keys", "go", "Enter"]);
        tmux
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-S"])
            .arg(self.path("socket"))
            .arg("-f")
            .arg(self.path("conf"))
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.home.path())
            .env("SHELL", "/bin/sh")
            .env_remove("TMUX")
            .output()
            .expect("tmux is installed (apt-get install tmux)");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What tmux shows, without blanks at the ends of rows.
    fn screen(&self) -> Vec<String> {
        let text = self.run(&["capture-pane", "-p"]);
        let mut rows: Vec<String> = text.lines().map(|row| row.trim_end().to_owned()).collect();
        rows.resize(24, String::new());
        rows
    }

    /// What a pane of ours shows after the same bytes.
    fn ours(&self) -> Vec<String> {
        let bytes = std::fs::read(self.path("output")).unwrap_or_default();
        let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
        pane.feed(Duration::ZERO, &bytes);
        (0..24).map(|row| pane.screen().row_text(row)).collect()
    }

    /// Waits until tmux shows something that satisfies `wanted`, and our pane shows the same.
    pub(crate) fn agrees(&self, step: &str, wanted: impl Fn(&[String]) -> bool) {
        let start = Instant::now();
        loop {
            let theirs = self.screen();
            let ours = self.ours();
            if wanted(&theirs) && ours == theirs && self.screen() == theirs {
                return;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "{step}:\n--- tmux\n{}\n--- ours\n{}",
                theirs.join("\n"),
                ours.join("\n")
            );
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// tmux as a terminal that is told what to show.
impl Tmux {
    /// A window that shows what is written to [`Tmux::hear`], and nothing else.
    pub(crate) fn listening() -> Tmux {
        let tmux = Tmux::server();
        let pipe = tmux.path("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is installed");
        assert!(made.success());
        // Read and write, so that the pipe does not end between two steps.
        let script = format!("stty raw -echo; exec cat <>{}", pipe.display());
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &script]);
        tmux
    }

    /// Shows these bytes, and returns when it has. A title behind them tells.
    pub(crate) fn hear(&self, bytes: &[u8], step: usize) {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(self.path("pipe")).expect("the pipe");
        let mark = format!("step {step} of {}", std::process::id());
        std::io::Write::write_all(&mut pipe, bytes).expect("tmux reads");
        std::io::Write::write_all(&mut pipe, format!("\x1b]2;{mark}\x1b\\").as_bytes()).expect("tmux reads");
        let start = Instant::now();
        while self.run(&["display-message", "-p", "#{pane_title}"]).trim_end() != mark {
            assert!(start.elapsed() < DEADLINE, "tmux did not show step {step}");
        }
    }
}
