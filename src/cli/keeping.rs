//! Where logs, recordings, the history and saved sets go, and the saved set that is opened again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::args::LogArgs;
use super::select::Wanted;
use crate::config::{Config, History, LogForm, Save};
use crate::escape;
use crate::hosts::{Host, Inventory, Member, Valued};
use crate::ssh::UserEnvironment;
use crate::tui::app::{HistoryKept, LogStart, Options, Restored, ScriptStart};
use crate::tui::keep::disk::Rotation;
use crate::tui::keep::set::{OpenSet, SavedHost};
use crate::tui::keep::{Form, Places, SaveLast, saved};

/// `$XDG_STATE_HOME/omnes`, else `~/.local/state/omnes`; a relative `XDG_STATE_HOME` is no directory.
pub(super) fn state(environment: &UserEnvironment) -> PathBuf {
    let base = environment.variables.get("XDG_STATE_HOME").map(Path::new).filter(|base| base.is_absolute());
    base.map_or_else(|| environment.home.join(".local/state"), Path::to_owned).join("omnes")
}

/// Where everything goes.
pub(super) fn places(
    config: &Config,
    environment: &UserEnvironment,
    args: &LogArgs,
) -> anyhow::Result<Places> {
    let usual = Places::below(&state(environment));
    let configured = config.log.directory.as_deref().map(|text| match text.strip_prefix("~/") {
        Some(rest) => environment.home.join(rest),
        None => PathBuf::from(text),
    });
    let script = args.record.as_deref().map(new_file).transpose()?;
    let given = args.log.as_ref().map(std::path::absolute).transpose()?;
    Ok(Places {
        logs: given.or(configured).unwrap_or(usual.logs),
        form: match config.log.form {
            LogForm::Plain => Form::Plain,
            LogForm::Raw => Form::Raw,
            LogForm::Both => Form::Both,
        },
        rotation: Rotation {
            max: config.log.max_size.unwrap_or(usual.rotation.max),
            keep: config.log.keep.unwrap_or(usual.rotation.keep),
        },
        script,
        history: usual.history.filter(|_| config.history == History::File),
        save_last: match config.save {
            Save::Yes => SaveLast::Yes,
            Save::No => SaveLast::No,
        },
        ..usual
    })
}

/// The place of a script, where nothing is yet and something can be: said before hosts are contacted.
fn new_file(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let shown = escape::text(&path.display().to_string(), 200);
    match path.parent() {
        _ if path.symlink_metadata().is_ok() => bail!("--record: {shown} exists already; name a new file"),
        Some(directory) if !directory.is_dir() => {
            bail!("--record: there is no directory for {shown}; make it, or name another")
        }
        _ => Ok(path),
    }
}

/// The same for hosts that are gone with the program: there is nothing to open again.
pub(super) fn passing(places: Places) -> Places {
    Places { save_last: SaveLast::No, ..places }
}

/// What the preferences and the command line say about keeping.
pub(super) fn options(options: Options, config: &Config, args: &LogArgs) -> Options {
    let log = match args.log.is_some() || config.log.start == crate::config::LogStart::Every {
        true => LogStart::Every,
        false => LogStart::Off,
    };
    let history = match config.history {
        History::Off => HistoryKept::No,
        History::File | History::Memory => HistoryKept::Yes,
    };
    let script = match args.record {
        Some(_) => ScriptStart::AtOnce,
        None => ScriptStart::ByHand,
    };
    Options { log, history, script, ..options }
}

/// The hosts of a saved set, found again, and what else the set says.
pub(super) fn restored(
    places: &Places,
    name: &str,
    inventory: &Inventory,
) -> anyhow::Result<(Vec<Member>, Restored)> {
    let set = match saved::read(places, name) {
        Ok(set) => set,
        Err(fault) => bail!(fault),
    };
    let (members, restored) = find(set, inventory);
    if members.is_empty() {
        let why = match restored.missing.is_empty() {
            true => "it names none".to_owned(),
            false => restored.missing.join("; "),
        };
        bail!("no host of the saved set `{name}` can be opened: {why}");
    }
    Ok((members, restored))
}

/// The hosts of the set without those that are left out, and those that are wanted besides.
pub(super) fn united(
    mut members: Vec<Member>,
    exclude: &[String],
    wanted: &Wanted,
    inventory: &Inventory,
) -> anyhow::Result<Vec<Member>> {
    for expression in exclude {
        let out = Wanted::expression(expression).select(inventory)?;
        let out: HashSet<Host> = out.into_iter().map(|member| member.host).collect();
        members.retain(|member| !out.contains(&member.host));
    }
    if !wanted.is_nothing() {
        let again: HashSet<Host> = members.iter().map(|member| member.host.clone()).collect();
        let others = wanted.select(inventory)?.into_iter();
        members.extend(others.filter(|member| !again.contains(&member.host)));
    }
    match members.is_empty() {
        true => bail!("no host of the saved set is left after `-x`"),
        false => Ok(members),
    }
}

/// Each host through the cluster it came from, so that it gets that cluster's values; what is not there is named.
fn find(mut set: OpenSet, inventory: &Inventory) -> (Vec<Member>, Restored) {
    let mut clusters: BTreeMap<String, Result<HashMap<Host, Member>, String>> = BTreeMap::new();
    for cluster in set.hosts.iter().filter_map(|host| host.cluster.clone()) {
        clusters.entry(cluster.clone()).or_insert_with(|| members(&format!("@{cluster}"), inventory));
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let mut names: HashMap<String, String> = HashMap::new();
    for host in &set.hosts {
        match find_one(host, &clusters, inventory) {
            Ok(member) => {
                names.insert(host.name.clone(), member.host.to_string());
                found.push(member);
            }
            Err(why) => missing.push(format!("{} ({why})", escape::text(&host.name, 80))),
        }
    }
    let renamed = |name: String| names.get(&name).cloned().unwrap_or(name);
    set.focus = set.focus.map(renamed);
    for scope in set.scope.iter_mut().chain(&mut set.scopes) {
        scope.hosts.iter_mut().for_each(|name| *name = renamed(name.clone()));
    }
    set.hosts.iter_mut().for_each(|host| host.name = renamed(host.name.clone()));
    (found, Restored { set, missing })
}

fn find_one(
    saved: &SavedHost,
    clusters: &BTreeMap<String, Result<HashMap<Host, Member>, String>>,
    inventory: &Inventory,
) -> Result<Member, String> {
    let host: Host = saved.name.parse().map_err(|_| "this is no name of a host".to_owned())?;
    let Some(cluster) = &saved.cluster else {
        let mut found = members(&saved.name, inventory)?;
        return match found.remove(&host) {
            Some(member) if found.is_empty() => Ok(member),
            _ => Err("this is the name of a cluster now".to_owned()),
        };
    };
    let of_cluster = clusters.get(cluster).and_then(|found| found.as_ref().ok());
    let shown = escape::text(cluster, 80);
    let mut member = of_cluster
        .ok_or_else(|| format!("there is no cluster @{shown} any more"))?
        .get(&host)
        .cloned()
        .ok_or_else(|| format!("@{shown} does not hold it any more"))?;
    // The user may have been named beside the cluster.
    if let Some(user) = host.user().filter(|user| member.host.user() != Some(user)) {
        member.user = Some(Valued { value: user.to_owned(), origin: member.origin.clone() });
        member.host = member.host.with_user(user);
    }
    Ok(member)
}

fn members(expression: &str, inventory: &Inventory) -> Result<HashMap<Host, Member>, String> {
    let found = Wanted::expression(expression).select(inventory);
    let found = found.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
    Ok(found.into_iter().map(|member| (member.host.clone(), member)).collect())
}
