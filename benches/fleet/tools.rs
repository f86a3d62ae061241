//! The tools that omnes is measured beside: their command lines, and their packages.

use std::process::Command;

use crate::ground::Ground;
use crate::measure::YES;

/// Program and Debian package of each.
const PACKAGES: [(&str, &str); 4] =
    [("pdsh", "pdsh"), ("clush", "clustershell"), ("parallel-ssh", "pssh"), ("ssh", "openssh-client")];

/// A client, as it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// omnes with its journal, outputs gathered.
    Omnes,
    Pdsh,
    Clush,
    Pssh,
    /// `xargs -P` with one `ssh` for each host.
    Xargs,
}

impl Tool {
    /// All of them.
    pub(crate) const ALL: [Tool; 5] = [Tool::Omnes, Tool::Pdsh, Tool::Clush, Tool::Pssh, Tool::Xargs];

    /// Its name in the table, with how it is used.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Omnes => "omnes run -b",
            Tool::Pdsh => "pdsh -f 32",
            Tool::Clush => "clush -b -f 64",
            Tool::Pssh => "parallel-ssh -p 32",
            Tool::Xargs => "xargs -P 32 ssh",
        }
    }

    /// Its command on all hosts; it fails where one of them does. The fan-outs are those that measured best.
    pub(crate) fn command(self, ground: &Ground) -> Command {
        let (config, list) = (ground.at("ssh"), ground.at("list"));
        let words: &[&str] = match self {
            Tool::Omnes => {
                &[env!("CARGO_BIN_EXE_omnes"), "run", YES, "-F", &config, "--hosts-from", &list, "-b", "--"]
            }
            Tool::Pdsh => &["pdsh", "-R", "ssh", "-S", "-f", "32", "-w", &format!("^{list}")],
            Tool::Clush => {
                let options = format!("-F {config}");
                let words =
                    ["clush", "-q", "-S", "-b", "-f", "64", "--nostdin", "-o", &options, "--hostfile", &list];
                return of(&words, ground);
            }
            Tool::Pssh => {
                let options = format!("-F {config}");
                let words = ["parallel-ssh", "-p", "32", "-t", "0", "-i", "-x", &options, "-h", &list];
                return of(&words, ground);
            }
            Tool::Xargs => &["xargs", "-a", &list, "-P", "32", "-I", "{}", "ssh", "-n", "-F", &config, "{}"],
        };
        of(words, ground)
    }
}

fn of(words: &[&str], ground: &Ground) -> Command {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(ground.command)
        .env_clear()
        .env("HOME", ground.dir())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("PDSH_SSH_ARGS_APPEND", format!("-F {}", ground.at("ssh")));
    command
}

/// Installs what is missing where that is possible (Debian, as root); else panics with the line that does it.
pub(crate) fn install_missing() {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return;
    }
    let line =
        format!("apt-get update -qq && apt-get install -y -qq --no-install-recommends {}", missing.join(" "));
    let root = rustix::process::getuid().is_root();
    assert!(root && is_there("apt-get"), "these tools are missing; as root, run: {line}");
    println!("installing {}", missing.join(" "));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("({line}) >/dev/null")]).env("DEBIAN_FRONTEND", "noninteractive");
    assert!(shell.status().expect("a shell").success(), "not installed: {line}");
}

/// Whether a program is in `PATH`.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
