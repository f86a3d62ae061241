//! What the words of `omnes push` name: what is sent, and where it goes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use super::args::{CompressArg, PushArgs};
use crate::push::path::shown;
use crate::push::place::{Beside, To, names_place};

/// What is named on the command line.
pub(super) struct Words {
    /// Files and folders here; none with --map.
    pub(super) sources: Vec<PathBuf>,
    /// The hosts, and the path there.
    pub(super) to: To,
}

impl Words {
    /// Divides the words of the command line into what is sent and where it goes.
    pub(super) fn read(args: &PushArgs) -> anyhow::Result<Words> {
        let line = "for example: omnes push app.conf web:/etc/app/";
        let beside = args.hosts.named();
        let (sources, word) = match (&args.to, args.sources.split_last()) {
            (Some(to), _) => (&args.sources[..], to.clone()),
            (None, Some((last, sources))) if is_place(last, beside) => (sources, text(last)?),
            (None, None) if args.what.map.is_some() => {
                bail!("where to? write TARGETS:/DEST as the last word, or --to TARGETS:/DEST")
            }
            (None, None) => bail!("nothing to push; name files and where they go, {line}"),
            (None, Some((last, _))) => return Err(no_place(last, line)),
        };
        if let (Some(_), Some(source)) = (&args.what.map, sources.first()) {
            bail!(
                "--map pushes to each host what bears its name, and `{}` would be one more; leave one of them out",
                shown(source.as_bytes())
            );
        }
        let when = |word: &&OsString| {
            matches!(word.to_str(), Some("auto" | "yes" | "no")) && !Path::new(word).exists()
        };
        if let (Some(CompressArg::Auto), Some(word)) = (args.what.compress, sources.iter().find(when)) {
            let word = shown(word.as_bytes());
            bail!("`{word}` is no file; if it belongs to --compress, write --compress={word}");
        }
        if sources.is_empty() && args.what.map.is_none() {
            bail!("nothing to push before `{}`; name files, {line}", shown(word.as_bytes()));
        }
        if let Some(place) = sources.iter().find(|source| args.to.is_some() && is_second_place(source)) {
            bail!(
                "`{}` and --to both say where to; leave one out, or write ./ before a file of that name",
                shown(place.as_bytes())
            );
        }
        let to = To::read(&word, beside)?;
        Ok(Words { sources: sources.iter().map(PathBuf::from).collect(), to })
    }

    /// What it is called.
    pub(super) fn command(&self) -> String {
        let names: Vec<String> =
            self.sources.iter().map(|source| shown(source.as_os_str().as_bytes())).collect();
        let names = if names.is_empty() { "--map".to_owned() } else { names.join(" ") };
        format!("push {names} to {}", self.to.typed)
    }
}

/// Whether the last word says where to: with hosts before the place, or where they are named beside it, from the root.
fn is_place(word: &OsString, beside: Beside) -> bool {
    let word = word.to_string_lossy();
    names_place(&word) || beside == Beside::Hosts && word.starts_with('/')
}

/// Why the last word is no place: where it looks like one and is no file, with what is wrong in it.
fn no_place(word: &OsString, line: &str) -> anyhow::Error {
    let fault = word.to_str().filter(|word| word.contains(':') && !Path::new(word).exists());
    if let Some(fault) = fault.and_then(|word| To::parse(word).err()) {
        return fault.into();
    }
    let word = shown(word.as_bytes());
    anyhow!(
        "where to? the last word, `{word}`, names no hosts and place; write TARGETS:/DEST there, or --to, {line}"
    )
}

/// A word that could only be meant as a place.
fn is_second_place(word: &OsString) -> bool {
    names_place(&word.to_string_lossy()) && !Path::new(word).exists()
}

fn text(word: &OsString) -> anyhow::Result<String> {
    word.clone()
        .into_string()
        .map_err(|word| anyhow!("{} is not UTF-8; hosts and places are", shown(word.as_bytes())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn words(line: &[&str]) -> Result<Words, String> {
        let line = ["omnes", "push"].iter().chain(line);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Push(push) => Words::read(&push).map_err(|error| error.to_string()),
            _ => Err("push was meant".to_owned()),
        }
    }

    #[test]
    fn the_place_is_the_last_word_or_that_of_an_option() {
        for (line, sources, targets, dest) in [
            (&["a", "b/", "web:/etc/"] as &[&str], vec!["a", "b/"], "web", "/etc/"),
            (&["a", "--to", "web,db:~/x"], vec!["a"], "web,db", "~/x"),
            (&["--map", "d", "--to", "web:/x"], vec![], "web", "/x"),
            (&["--map", "d", "web:/x"], vec![], "web", "/x"),
            (&["a", "-w", "web", ":/x"], vec!["a"], "", "/x"),
            (&["a", "/b", "-w", "web", "/x"], vec!["a", "/b"], "", "/x"),
            (&["a", "--hosts-from", "list", "--to", "./x"], vec!["a"], "", "./x"),
            (&["a", "-w", "web", "db:/x"], vec!["a"], "db", "/x"),
            (&["a", "--to", "-:/x"], vec!["a"], "-", "/x"),
            (&["--", "a", "-:/x"], vec!["a"], "-", "/x"),
        ] {
            let read = words(line);
            let read = read.expect("a good line");
            let named: Vec<String> = read.sources.iter().map(|path| path.display().to_string()).collect();
            assert_eq!(
                (named, read.to.targets.as_str(), read.to.typed.as_str()),
                (sources.iter().map(|s| (*s).to_owned()).collect(), targets, dest)
            );
        }
        for (line, part) in [
            (&[] as &[&str], "nothing to push; name files"),
            (&["web:/x"], "nothing to push before `web:/x`"),
            (&["a", "b"], "the last word, `b`, names no hosts"),
            (&["a", "web:/x", "--to", "db:/y"], "`web:/x` and --to both say where to"),
            (&["a", "--to", "web"], "no place stands behind the hosts"),
            (&["a", "web:"], "no place stands behind the hosts"),
            (&["a", "web:etc"], "does not begin with `/`, `~` or `.`"),
            (&["a", "web[1-:/x"], "this [ is not closed"),
            (&["a", ":/x"], "name hosts with -w"),
            (&["a", "-w", "web", "b"], "the last word, `b`, names no hosts"),
            (&["--map", "d", "--exclude", "y"], "--to TARGETS:/DEST"),
            (&["--map", "d", "a", "web:/x"], "`a` would be one more"),
            (&["--compress", "yes", "a", "web:/x"], "write --compress=yes"),
        ] {
            let why = words(line).err().unwrap_or_default();
            assert!(why.contains(part), "{line:?}: {why}");
        }
        assert_eq!(words(&["a", "b c", "web:/x"]).expect("a good line").command(), "push a b c to /x");
    }
}
