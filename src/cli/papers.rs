//! Completions and man pages, from the same definitions as the parser.

use std::io::Write;

use anyhow::Context;
use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs, ManArgs};

/// Prints a completion script; clusters are asked for when the user completes.
pub(super) fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "omnes", &mut script);
    script.extend_from_slice(cluster_names(args.shell).as_bytes());
    out.write_all(&script).context("standard output cannot be written")
}

/// What a shell needs to complete names of clusters too; empty where its script offers no way.
fn cluster_names(shell: clap_complete::Shell) -> &'static str {
    match shell {
        clap_complete::Shell::Bash => {
            r#"
_omnes_with_clusters() {
    _omnes "$@"
    case "${COMP_WORDS[COMP_CWORD]}" in
        -*) ;;
        *) COMPREPLY+=( $(compgen -W "$(omnes __clusters 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") ) ;;
    esac
}
complete -F _omnes_with_clusters -o nosort -o bashdefault -o default omnes
"#
        }
        clap_complete::Shell::Fish => {
            "\ncomplete -c omnes -n 'not __fish_seen_subcommand_from demo completions man' -a '(omnes __clusters 2>/dev/null)' -d 'cluster'\n"
        }
        clap_complete::Shell::Zsh => {
            r#"
_omnes_with_clusters() {
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

/// Prints a man page in roff.
pub(super) fn man(args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut root = Cli::command();
    root.build();
    let command = match &args.command {
        None => root.clone(),
        Some(name) => {
            let found =
                root.get_subcommands().find(|command| command.get_name() == name && !command.is_hide_set());
            let known: Vec<&str> =
                root.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name()).collect();
            let unknown = || format!("there is no command `{name}`; man pages: {}", known.join(", "));
            found.with_context(unknown)?.clone()
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("the page cannot be rendered")?;
    out.write_all(&page).context("standard output cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_pages_come_from_the_definitions() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            completions(&CompletionsArgs { shell }, &mut script).expect("a script");
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("command-timeout") && script.contains("omnes __clusters"), "{shell}");
        }
        let mut page = Vec::new();
        man(&ManArgs { command: Some("run".into()) }, &mut page).expect("a page");
        let page = String::from_utf8(page).expect("text");
        assert!(page.contains("omnes\\-run") && page.contains("Hosts at once"), "{page}");
        let error =
            man(&ManArgs { command: Some("nope".into()) }, &mut Vec::new()).expect_err("no such page");
        assert!(error.to_string().contains("run"), "{error}");
    }
}
