//! Completions and man pages, from the same definitions as the parser.

use std::io::Write;

use anyhow::Context;
use clap::CommandFactory;

use super::OwnFault;
use super::args::{Cli, CompletionsArgs, ManArgs};

/// Prints a completion script; clusters are asked for when the user completes.
pub(super) fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "omnes", &mut script);
    script.extend_from_slice(names(args.shell).as_bytes());
    print(&script, out)
}

/// What a shell needs to complete names of clusters and runs too; empty where its script offers no way.
fn names(shell: clap_complete::Shell) -> &'static str {
    match shell {
        clap_complete::Shell::Bash => {
            r#"
_omnes_with_clusters() {
    _omnes "$@"
    case "${COMP_WORDS[COMP_CWORD-1]}" in
        show|--resume|--again)
            COMPREPLY=( $(compgen -W "$(omnes __runs 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
            return ;;
    esac
    case "${COMP_WORDS[COMP_CWORD]}" in
        -*) ;;
        *) COMPREPLY+=( $(compgen -W "$(omnes __clusters 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") ) ;;
    esac
}
complete -F _omnes_with_clusters -o nosort -o bashdefault -o default omnes
"#
        }
        clap_complete::Shell::Fish => {
            "\ncomplete -c omnes -n 'not __fish_seen_subcommand_from demo completions man' -a '(omnes __clusters 2>/dev/null)' -d 'cluster'\n\
             complete -c omnes -n '__fish_seen_subcommand_from show' -f -a '(omnes __runs 2>/dev/null)' -d 'run'\n\
             complete -c omnes -n '__fish_seen_subcommand_from run' -l resume -x -a '(omnes __runs 2>/dev/null)'\n\
             complete -c omnes -n '__fish_seen_subcommand_from run' -l again -x -a '(omnes __runs 2>/dev/null)'\n"
        }
        clap_complete::Shell::Zsh => {
            r#"
_omnes_with_clusters() {
    if [[ ${words[CURRENT-1]} == (show|--resume|--again) ]]; then
        local -a runs
        runs=(${(f)"$(omnes __runs 2>/dev/null)"})
        (( $#runs )) && compadd -X run -V runs -a runs
        return
    fi
    _omnes "$@"
    local -a clusters
    clusters=(${(f)"$(omnes __clusters 2>/dev/null)"})
    (( $#clusters )) && compadd -X cluster -a clusters
}
compdef _omnes_with_clusters omnes
"#
        }
        _ => "",
    }
}

/// Prints `docs/keys.md`.
pub(super) fn keys(out: &mut dyn Write) -> anyhow::Result<()> {
    print(crate::tui::keymap::page().as_bytes(), out)
}

/// Prints the man page in roff, or writes one for each command.
pub(super) fn man(args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let root = Cli::command();
    if let Some(directory) = &args.directory {
        let cannot = || format!("{}: man pages cannot be written there", directory.display());
        std::fs::create_dir_all(directory).with_context(cannot)?;
        return clap_mangen::generate_to(root, directory).with_context(cannot);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(root).render(&mut page).context("the page cannot be rendered")?;
    print(&page, out)
}

fn print(text: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    match out.write_all(text).and_then(|()| out.flush()) {
        // A reader that has seen enough is no fault.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context(OwnFault("standard output cannot be written".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clap makes a line end of `{n}` in any help.
    #[test]
    fn no_help_is_broken_in_the_middle_of_a_sentence() {
        fn check(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            for line in help.lines() {
                let is_broken = line.trim_start().starts_with(',') || line.ends_with(", ");
                assert!(!is_broken, "{}: {line}", command.get_name());
            }
            command.get_subcommands_mut().for_each(check);
        }
        let mut root = Cli::command();
        root.build();
        check(&mut root);
    }

    #[test]
    fn scripts_and_pages_come_from_the_definitions() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            completions(&CompletionsArgs { shell }, &mut script).expect("a script");
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("command-timeout") && script.contains("omnes __clusters"), "{shell}");
            assert!(script.contains("omnes __runs"), "{shell}");
        }
        let directory = tempfile::tempdir().expect("a directory").path().join("man1");
        man(&ManArgs { directory: Some(directory.clone()) }, &mut Vec::new()).expect("pages");
        let page = std::fs::read_to_string(directory.join("omnes-run.1")).expect("a page for run");
        assert!(page.contains("omnes\\-run") && page.contains("Hosts at once"), "{page}");
        for (command, option) in [("ping", "connect\\-timeout"), ("keys", "accept")] {
            let page = std::fs::read_to_string(directory.join(format!("omnes-{command}.1"))).expect("a page");
            assert!(page.contains(option), "{page}");
        }
    }
}
