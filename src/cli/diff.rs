//! `omnes diff`: which host has which version of a file, or of each file of a folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::args::{DiffArgs, FormArg, OutputArg, ReadingArgs};
use super::asker::Asker;
use super::pull::{Fetches, Said, UNDER_WAY, asks, begin, via, with};
use super::{forecast, secrets};
use crate::escape;
use crate::hosts::Host;
use crate::outcome::Exit;
use crate::push::census::{Census, Then};
use crate::push::changes::Same;
use crate::push::contents::COMPARED;
use crate::push::pull::{LinkRule, Rules};
use crate::push::telling::{Reference, Teller};
use crate::push::versions::Version;
use crate::push::window::Budget;
use crate::run::HostIx;

/// Characters of a file's name that a diff shows.
const NAME_CHARS: usize = 200;

/// Checks everything, then connects.
pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<Exit> {
    let said = Said::read(&args.from, &args.hosts, "omnes diff web:/etc/hosts")?;
    let ready = said.ready(&args.ssh, &args.back)?;
    let reference = reference(args, &ready.hosts)?;
    let output = match args.output {
        Some(FormArg::Json) => OutputArg::Json,
        None | Some(FormArg::Text) => OutputArg::Stream,
    };
    let how = with(&args.back, ReadingArgs { output: Some(output), ..ReadingArgs::default() });
    let plan = ready.plan(&format!("diff {}", args.from));
    if args.back.plan {
        let sends = Fetches { there: ready.from, here: Vec::new() };
        let output =
            vec!["which hosts have which version, and how they differ, to standard output".to_owned()];
        let asks = asks(&args.secrets, &plan);
        return forecast::tell_of_files((&plan, &ready.targets), &sends, &how, (asks, output));
    }
    let password = secrets::password(&args.secrets, &said.targets)?;
    let links = if args.links { LinkRule::Kept } else { LinkRule::PassedOver };
    let rules = Rules { links, same: Same::SizeAndTime, via: via(args.via) };
    let teller = Teller { top: said.path, hosts: plan.hosts.clone(), reference };
    let census = Census::new(ready.from, (rules, Then::Tell), teller, Budget::new(UNDER_WAY));
    begin((plan, ready.targets), Arc::new(census), &how, Asker::headless(password))
}

/// With what hosts are compared. A word that names one of them is that host; `./NAME` is always a file.
fn reference(args: &DiffArgs, hosts: &[Host]) -> anyhow::Result<Reference> {
    let usual = if args.brief { Reference::Unshown } else { Reference::Majority };
    let Some(said) = &args.against else { return Ok(usual) };
    let host = Host::from_str(said).ok().and_then(|host| hosts.iter().position(|other| *other == host));
    match host {
        Some(host) => Ok(Reference::Host(HostIx(host))),
        None if Path::new(said).exists() => ours(Path::new(said)),
        None => {
            let said = escape::text(said, NAME_CHARS);
            bail!("--against {said}: that is none of the hosts, and no file here; name one of them")
        }
    }
}

/// A file of ours.
fn ours(path: &Path) -> anyhow::Result<Reference> {
    let name = escape::text(&path.display().to_string(), NAME_CHARS);
    if !path.is_file() {
        bail!("--against {name}: it is no file; name a file, or one of the hosts");
    }
    let cannot = || format!("--against {name} cannot be read");
    let mut file = File::open(path).with_context(cannot)?;
    let (mut digest, mut size, mut content) = (Sha256::new(), 0, Some(Vec::new()));
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut piece).with_context(cannot)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        size += read as u64;
        content = content.filter(|_| size <= COMPARED);
        if let Some(content) = &mut content {
            content.extend_from_slice(&piece[..read]);
        }
    }
    let version = Version::File { size, sha256: digest.finalize().into() };
    Ok(Reference::File { name, version, content })
}
