//! `omnes hosts`: which hosts an expression names, and where every value of theirs comes from. Contacts nothing.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, bail};

use super::args::HostsArgs;
use super::reach::Reach;
use super::select::{self, Wanted};
use super::{OwnFault, preferences};
use crate::escape;
use crate::hosts::{HostSet, Inventory, Member, Valued};
use crate::outcome::Exit;
use crate::ssh::{HostKeyPolicy, Origin, Resolved, Route, Saying, UserEnvironment};

/// Prints what was asked for.
pub(super) fn hosts(args: &HostsArgs) -> anyhow::Result<Exit> {
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let wanted = Wanted::new(&args.targets)?;
    let inventory = select::inventory(&args.targets.files)?;
    select::tell_warnings(&inventory);
    if args.list {
        if !wanted.is_nothing() {
            bail!("--list lists all clusters; leave the target out");
        }
        return print(&list(&inventory, args.verbose));
    }
    if wanted.is_nothing() {
        bail!(
            "no target; name clusters or hosts, for example: omnes hosts web, or list clusters: omnes hosts --list"
        );
    }
    let reach = Reach::new(&args.ssh, &config, environment, HostKeyPolicy::Strict)?;
    let members = wanted.select(&inventory)?;
    if args.verbose {
        return print(&members.iter().map(|member| explain(member, &reach)).collect::<String>());
    }
    let set: HostSet = members.into_iter().map(|member| member.host).collect();
    print(&match (args.count, args.expand) {
        (true, _) => format!("{}\n", set.len()),
        (_, true) => expanded(&set, args.sep.as_deref().unwrap_or("\\n")),
        _ => format!("{set}\n"),
    })
}

/// The names of all clusters, one a line; where the files are wrong, none, since a shell is completing.
pub(super) fn cluster_names(args: &super::args::FileArgs) -> anyhow::Result<Exit> {
    let inventory = select::inventory(args).unwrap_or_default();
    let names: Vec<String> =
        inventory.cluster_names().map(|name| format!("{}\n", escape::line(name.as_bytes()))).collect();
    print(&names.concat())
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context(OwnFault("standard output cannot be written".into()))
        }
        _ => Ok(Exit::Well),
    }
}

fn expanded(set: &HostSet, separator: &str) -> String {
    let separator = separator.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
    let names: Vec<String> = set.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => String::new(),
        false => names.join(&separator) + "\n",
    }
}

/// One cluster a line: its name, its hosts folded, on request where it stands.
fn list(inventory: &Inventory, verbose: bool) -> String {
    let mut text = String::new();
    for listed in inventory.clusters() {
        let hosts = match &listed.hosts {
            Some(Ok(set)) => format!("{set} ({})", set.len()),
            Some(Err(error)) => format!("cannot be expanded: {}", escape::text(&error.to_string(), 300)),
            None => "asked when it is used".to_owned(),
        };
        let _ = write!(text, "{}\t{hosts}", escape::line(listed.name.as_bytes()));
        let _ = if verbose { writeln!(text, "\t{}", listed.origin) } else { writeln!(text) };
    }
    text
}

/// A host with its values, each with the place it comes from.
fn explain(member: &Member, reach: &Reach) -> String {
    let mut text = format!("{}\n", member.host);
    let mut line = |name: &str, value: &str, from: &str| {
        let line = format!("  {name:<16} {:<30} {from}", escape::line(value.as_bytes()));
        text.push_str(line.trim_end());
        text.push('\n');
    };
    let via: Vec<String> = member.via.iter().map(|name| format!("@{name}")).collect();
    line(
        "named by",
        &if via.is_empty() { "itself".into() } else { via.join(" in ") },
        &member.origin.to_string(),
    );
    match reach.resolve(&select::request(member)) {
        Ok(resolved) => settled(member, &resolved, &mut line),
        Err(error) => {
            line("not contacted", &error.to_string(), "");
            let files = [("user", &member.user), ("address", &member.address), ("jump", &member.jump)];
            for (name, value) in files {
                if let Some(Valued { value, origin }) = value {
                    line(name, value, &origin.to_string());
                }
            }
        }
    }
    for tag in &member.tags {
        line("tag", &tag.value, &tag.origin.to_string());
    }
    for (name, value) in &member.vars {
        line(&format!("{{{name}}}"), &value.value, &value.origin.to_string());
    }
    text
}

fn settled(member: &Member, resolved: &Resolved, line: &mut impl FnMut(&str, &str, &str)) {
    let (target, origins) = (&resolved.target, &resolved.origins);
    // What a file of hosts said is known there with its line; the resolver only knows that one did.
    fn from<T>(origin: &Origin, said: &Option<Valued<T>>) -> String {
        match (origin, said) {
            (Origin::Cluster, Some(said)) => said.origin.to_string(),
            _ => origin.to_string(),
        }
    }
    line("user", &target.user, &from(&origins.user, &member.user));
    line("address", &target.address, &from(&origins.address, &member.address));
    line("port", &target.port.to_string(), &from(&origins.port, &member.port));
    let (kind, route) = route(&target.route);
    if target.route != Route::Direct || origins.route != Origin::Default {
        line(kind, &route, &from(&origins.route, &member.jump));
    }
    line("known as", &target.key_name, &from(&origins.key_name, &member.address));
    let policy = match (&origins.policy, target.policy) {
        (Origin::Default, HostKeyPolicy::Strict) => "ask; headless strict",
        (_, HostKeyPolicy::Ask) => "ask",
        (_, HostKeyPolicy::Strict) => "strict",
        (_, HostKeyPolicy::AcceptNew) => "accept-new",
    };
    line("unknown keys", policy, &origins.policy.to_string());
    let timeout = format!("{} s", target.connect_timeout.as_secs_f64());
    line("connect timeout", &timeout, &origins.connect_timeout.to_string());
    for (identity, origin) in target.identities.iter().zip(&origins.identities) {
        line("key file", &identity.display().to_string(), &from(origin, &member.identity));
    }
    for (certificate, origin) in target.certificates.iter().zip(&origins.certificates) {
        line("certificate", &certificate.display().to_string(), &origin.to_string());
    }
    for Saying { keyword, value, origin } in &origins.others {
        line("says", &format!("{keyword} {value}"), &origin.to_string());
    }
    for note in &resolved.notes {
        line("note", &note.to_string(), "");
    }
}

/// How a host is reached, in a word and a line: jump hosts in the order in which they are passed.
fn route(route: &Route) -> (&'static str, String) {
    match route {
        Route::Direct => ("jump", "none".to_owned()),
        Route::Command(command) => ("proxy command", command.clone()),
        Route::Jump(target) => {
            let mut hops = Vec::new();
            let mut next = Some(target);
            let mut command = None;
            while let Some(target) = next {
                let port = if target.port == 22 { String::new() } else { format!(":{}", target.port) };
                hops.push(format!("{}@{}{port}", target.user, target.address));
                next = match &target.route {
                    Route::Jump(target) => Some(target),
                    Route::Command(said) => {
                        command = Some(format!("`{said}`"));
                        None
                    }
                    Route::Direct => None,
                };
            }
            hops.extend(command);
            hops.reverse();
            ("jump", hops.join(" → "))
        }
    }
}
