//! `omnes open`: a terminal for every host.

use std::sync::Arc;

use anyhow::bail;

use super::args::OpenArgs;
use super::front::{self, Front};
use super::keeping;
use super::preferences;
use super::reach::{self, Reach};
use super::screen::{self, Find, Reached, Screen};
use super::secrets;
use super::select::{self, Wanted};
use crate::hosts::{Inventory, Member};
use crate::outcome::Exit;
use crate::run::limits;
use crate::ssh::{ConnectError, HostKeyPolicy, Resolved, Tcp, UserEnvironment};

/// The cluster that is opened where nothing is named.
const DEFAULT: &str = "default";

const NO_TARGET: &str = "no target, and no cluster `default` is defined; try\n  \
    omnes web01,web02      open hosts by name\n  \
    omnes hosts --list     see which clusters are defined\n  \
    omnes demo             try everything on a fleet inside this process";

/// Checks everything, then connects.
pub(super) fn open(args: &OpenArgs) -> anyhow::Result<Exit> {
    if !args.command.is_empty() {
        bail!("`--` and a command belong to `run`: omnes run TARGET... -- COMMAND...");
    }
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let options = keeping::options(screen::options(&config)?, &config, &args.log);
    let places = keeping::places(&config, &environment, &args.log)?;
    let front = Front::new(&args.front, &config)?;
    let wanted = Wanted::new(&args.targets)?;
    let inventory = select::inventory(&args.targets.files)?;
    let reach = Reach::new(&args.ssh, &config, environment, HostKeyPolicy::Ask)?;
    let (members, restored) = match &args.restore {
        None => (or_default(wanted, &inventory)?.select(&inventory)?, None),
        Some(name) => {
            let (members, set) = keeping::restored(&places, name, &inventory)?;
            let exclude = &args.targets.exclude;
            (keeping::united(members, exclude, &wanted, &inventory)?, Some(set))
        }
    };
    if !front::is_there(&args.front) {
        bail!("`open` needs a terminal; without one run a command: omnes run TARGET... -- COMMAND...");
    }
    select::tell_warnings(&inventory);
    let resolved = reach.resolve_all(&members);
    reach::tell_notes(resolved.iter().flatten());
    limits::raise_descriptors();
    let screen = Screen {
        hosts: with_ways(members, resolved),
        find: finder(inventory, reach),
        options,
        places,
        restored,
        password: secrets::password(&args.secrets, &args.targets)?,
        logins: screen::logins(args.fanout, &config),
        front,
    };
    screen.show_with(Arc::new(Tcp))
}

/// Where nothing is named, the cluster for that.
fn or_default(wanted: Wanted, inventory: &Inventory) -> anyhow::Result<Wanted> {
    match (wanted.is_nothing(), inventory.has_cluster(DEFAULT)) {
        (true, false) => bail!(NO_TARGET),
        (true, true) => Ok(wanted.with("@default")),
        _ => Ok(wanted),
    }
}

/// Hosts that are added later are found in the same files as the first.
fn finder(inventory: Inventory, reach: Reach) -> Find {
    Arc::new(move |expression| {
        let members = Wanted::expression(expression).select(&inventory);
        let members = members.map_err(|error| screen::in_a_line(expression, &error))?;
        let resolved = reach.resolve_all(&members);
        Ok(with_ways(members, resolved))
    })
}

fn with_ways(members: Vec<Member>, resolved: Vec<Result<Resolved, ConnectError>>) -> Vec<Reached> {
    let way = |resolved: Result<Resolved, ConnectError>| Ok(resolved?.target);
    members
        .into_iter()
        .zip(resolved)
        .map(|(member, resolved)| screen::reached(member, way(resolved)))
        .collect()
}
