//! Which hosts: targets, exclusions and lists of the command line against the cluster files.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{FileArgs, TargetArgs};
use super::{journal, past};
use crate::hosts::{
    self, Earlier, Empty, ExtraSources, Groups, HostList, Inventory, Member, Origin, Places, Query,
    Selection, Source, Sources, parse_host_list,
};
use crate::run::journal::Store;
use crate::ssh::{Request, UserEnvironment};

/// A list of hosts larger than this is a mistake, in bytes.
const LIST_LIMIT: u64 = 64 << 20;

/// What the command line asks for, with its lists read.
pub(super) struct Wanted {
    targets: Vec<String>,
    exclude: Vec<String>,
    lists: Vec<HostList>,
    /// Of each list: what its hosts say that they come from.
    list_names: Vec<String>,
    empty: Empty,
}

impl Wanted {
    /// Reads the lists; standard input has at most one reader.
    pub(super) fn new(args: &TargetArgs) -> anyhow::Result<Wanted> {
        let is_stdin = |target: &&String| target.as_str() == "-";
        let all = || args.targets.iter().chain(&args.with);
        let readers: Vec<&str> = all()
            .filter(is_stdin)
            .map(|_| "the target `-`")
            .chain(args.hosts_from.iter().filter(|file| file.as_os_str() == "-").map(|_| "`--hosts-from -`"))
            .collect();
        if let [one, two, ..] = readers[..] {
            bail!(
                "standard input has two readers, {one} and {two}; keep one and give the other hosts by a file"
            );
        }
        let (mut lists, mut list_names) = (Vec::new(), Vec::new());
        if !readers.is_empty() {
            lists.push(read_list(std::io::stdin().lock(), Path::new("-"))?);
            list_names.push(list_name(Path::new("-")));
        }
        for file in args.hosts_from.iter().filter(|file| file.as_os_str() != "-") {
            let open = std::fs::File::open(file).with_context(|| cannot_read(file))?;
            lists.push(read_list(open, file)?);
            list_names.push(list_name(file));
        }
        Ok(Wanted {
            targets: all()
                .filter(|target| !is_stdin(target))
                .cloned()
                .chain(args.hosts_of.iter().map(|said| format!("@run:{said}")))
                .collect(),
            exclude: args.exclude.clone(),
            lists,
            list_names,
            empty: if args.allow_empty { Empty::Allowed } else { Empty::Refused },
        })
    }

    /// One expression, as typed into the TUI.
    pub(super) fn expression(text: &str) -> Wanted {
        Wanted {
            targets: vec![text.to_owned()],
            exclude: Vec::new(),
            lists: Vec::new(),
            list_names: Vec::new(),
            empty: Empty::Refused,
        }
    }

    /// Nothing was named at all.
    pub(super) fn is_nothing(&self) -> bool {
        self.targets.is_empty() && self.lists.is_empty()
    }

    /// The same with one more target.
    pub(super) fn with(mut self, target: &str) -> Wanted {
        self.targets.push(target.to_owned());
        self
    }

    /// For each of these members the place where it was first named: lists line by line, then target by target.
    pub(super) fn ranks(&self, inventory: &Inventory, members: &[Member]) -> anyhow::Result<Vec<usize>> {
        let known = Known::of_process();
        let mut first: HashMap<hosts::Host, usize> = HashMap::new();
        let united = |target: &&String| !target.starts_with(['!', '&', '^']);
        for (place, target) in self.targets.iter().filter(united).enumerate() {
            let targets = std::slice::from_ref(target);
            let selection = Selection { targets, empty: Empty::Allowed, ..Selection::default() };
            for member in inventory.select(&selection, &known)? {
                first.entry(member.host).or_insert(place);
            }
        }
        let in_list = |member: &Member| match &member.origin {
            Origin::File { file, line } => {
                let list = self.list_names.iter().position(|name| **name == **file)?;
                Some((list << 32) + *line as usize)
            }
            _ => None,
        };
        let after = self.list_names.len() << 32;
        let rank = |member: &Member| {
            in_list(member).unwrap_or_else(|| after + first.get(&member.host).copied().unwrap_or_default())
        };
        Ok(members.iter().map(rank).collect())
    }

    /// The hosts, in natural order. Dynamic sources that are named are asked now.
    pub(super) fn select(&self, inventory: &Inventory) -> anyhow::Result<Vec<Member>> {
        let selection = Selection {
            targets: &self.targets,
            exclude: &self.exclude,
            lists: &self.lists,
            empty: self.empty,
        };
        Ok(inventory.select(&selection, &Known::of_process())?)
    }
}

/// What stands in no cluster file: dynamic sources, and the hosts of earlier runs.
struct Known {
    sources: Sources,
    runs: Store,
}

impl Known {
    fn of_process() -> Known {
        Known { sources: Sources::new(), runs: journal::store(&UserEnvironment::of_process()) }
    }
}

impl Groups for Known {
    fn ask(&self, source: &Source, query: Query<'_>) -> Result<String, String> {
        self.sources.ask(source, query)
    }

    fn earlier(&self, said: &str) -> Result<Vec<Earlier>, String> {
        past::hosts(&self.runs, said)
    }
}

fn cannot_read(file: &Path) -> String {
    format!("--hosts-from: {} cannot be read", file.display())
}

fn list_name(file: &Path) -> String {
    match file.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    }
}

fn read_list(reader: impl Read, file: &Path) -> anyhow::Result<HostList> {
    let name = PathBuf::from(list_name(file));
    let mut bytes = Vec::new();
    reader.take(LIST_LIMIT + 1).read_to_end(&mut bytes).with_context(|| cannot_read(&name))?;
    if bytes.len() as u64 > LIST_LIMIT {
        bail!(
            "{}: a list of hosts of more than 64 MiB; give expressions such as web[1-99999]",
            name.display()
        );
    }
    let text = String::from_utf8(bytes);
    let text =
        text.map_err(|_| anyhow::anyhow!("{}: is not UTF-8; save it as UTF-8 text", name.display()))?;
    Ok(parse_host_list(&text, &name.display().to_string())?)
}

/// All that the files of hosts say.
pub(super) fn inventory(args: &FileArgs) -> anyhow::Result<Inventory> {
    let sources = if args.allow_sources { ExtraSources::Allowed } else { ExtraSources::Refused };
    let usual = Places::from_environment(|name| std::env::var_os(name));
    let places = Places { extra: args.clusters.clone(), extra_sources: sources, ..usual };
    Ok(hosts::load(&places)?)
}

/// Says once what the files of hosts say and we pass over.
pub(super) fn tell_warnings(inventory: &Inventory) {
    let mut err = std::io::stderr().lock();
    for warning in inventory.warnings() {
        let _ = writeln!(err, "omnes: {warning}");
    }
}

/// What the resolver is told of a member.
pub(super) fn request(member: &Member) -> Request {
    Request {
        host: member.host.clone(),
        // The outermost is the one that the user wrote.
        cluster: member.via.last().map(|cluster| cluster.to_string()),
        user: member.user.as_ref().map(|user| user.value.clone()),
        port: member.port.as_ref().map(|port| port.value),
        address: member.address.as_ref().map(|address| address.value.clone()),
        jump: member.jump.as_ref().map(|jump| jump.value.clone()),
        identity: member.identity.as_ref().map(|identity| identity.value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_ranked_by_the_line_or_the_target_that_names_them_first() {
        let wanted = Wanted {
            targets: ["db", "!db2", "web[1-3]", "web9,db1"].map(str::to_owned).to_vec(),
            exclude: Vec::new(),
            lists: vec![parse_host_list("z2 # first\nweb3 a1\n", "list").expect("a list")],
            list_names: vec!["list".to_owned()],
            empty: Empty::Refused,
        };
        let inventory = Inventory::default();
        let members = wanted.select(&inventory).expect("hosts");
        let ranks = wanted.ranks(&inventory, &members).expect("ranks");
        let mut ranked: Vec<(usize, String)> =
            ranks.into_iter().zip(members.iter().map(|member| member.host.to_string())).collect();
        ranked.sort();
        let names: Vec<&str> = ranked.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["z2", "a1", "web3", "db", "web1", "web2", "db1", "web9"]);
    }
}
