//! `omnes keys`: the host keys of a fleet against known_hosts; learning and replacing them, each after a confirmation.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::{FormArg, KeysArgs};
use super::asker::Asker;
use super::consent::{Answers, Consent, Means, Question, hosts};
use super::headless::{self, Interrupts};
use super::secrets;
use super::survey::{self, Settled, notice};
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::outcome::{Exit, NotRun};
use crate::run::keys::{Detail, Done, Look, Report, Seen, State};
use crate::run::survey::{Found, Survey};
use crate::ssh::known_hosts::{Listed, Standing, StoreError, Swap, known_as, standings};
use crate::ssh::{ConnectError, Connector, HostKey, KnownHosts, Target, Tcp};

/// A list of keys larger than this is a mistake, in bytes.
const LIST_LIMIT: u64 = 64 << 20;

/// Checks everything, then connects.
pub(super) fn keys(args: &KeysArgs) -> anyhow::Result<Exit> {
    let consent = Consent::new(args)?;
    let listed = args.from.as_deref().map(list).transpose()?;
    let settled = survey::settle(&args.targets, &args.ssh, &args.survey, "omnes keys web")?;
    // A jump host may have to be logged in to.
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        let store = Arc::new(KnownHosts::new());
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), store.clone());
        let look = |target| {
            let connector = connector.clone();
            async move { connector.scan(&target, &()).await }
        };
        let survey = settled.look(&mut interrupts, look).await;
        Keys { store, settled, listed, survey }.carry_out(args, consent, &mut interrupts).await
    });
    headless::leave(runtime);
    exit
}

fn list(file: &Path) -> anyhow::Result<Listed> {
    let cannot = || format!("--from: {} cannot be read", file.display());
    let metadata = std::fs::metadata(file).with_context(cannot)?;
    if metadata.len() > LIST_LIMIT {
        bail!("--from: {} is larger than {} MB", file.display(), LIST_LIMIT >> 20);
    }
    let text = std::fs::read(file).with_context(cannot)?;
    Listed::parse(&text).with_context(|| format!("--from: {}", file.display()))
}

/// What was gathered, and what it is compared with.
struct Keys {
    store: Arc<KnownHosts>,
    settled: Settled,
    listed: Option<Listed>,
    survey: Survey<Vec<HostKey>>,
}

impl Keys {
    /// Shows what was found, does what was asked for and confirmed, and says how things stand then.
    async fn carry_out(
        mut self,
        args: &KeysArgs,
        consent: Consent,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Exit> {
        let found = self.report();
        let json = args.survey.output == Some(FormArg::Json);
        let mut told = Exit::Well;
        if !json {
            let detail = if args.verbose { Detail::All } else { Detail::Needed };
            told = survey::tell(found.table(detail).into_bytes(), hints(&found, args), interrupts).await;
        }
        let mut done = Done::default();
        if self.survey.end == Exit::Well && told == Exit::Well {
            let acting = self.act(&found, consent, interrupts).await?;
            let Some(acted) = acting else { return Ok(Exit::Interrupted) };
            done = acted;
        }
        self.store.doubt();
        let exit = self.report().exit();
        if json {
            told = survey::tell(found.json(&done, exit), String::new(), interrupts).await;
        }
        Ok(exit.worst(told))
    }

    /// Learns and replaces; `None` where the user interrupted the question.
    async fn act(
        &self,
        found: &Report,
        consent: Consent,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Option<Done>> {
        let mut done = Done::default();
        let swaps = if consent.replace == Means::Off { Vec::new() } else { self.replaceable(found) };
        let replaced: HostSet = swaps.iter().map(|(host, _)| (*host).clone()).collect();
        let replacing = Question { text: "replace the keys of", hosts: &replaced, answers: Answers::Number };
        replacing.check(consent.replace)?;
        let wanted = self.learnable(found);
        if consent.accept != Means::Off && wanted.is_empty() {
            notice("there is no key to learn");
        } else if consent.accept != Means::Off {
            let keys: usize = wanted.iter().map(|one| one.keys.len()).sum();
            let (text, set) = (format!("learn {keys} keys of"), wanted.iter().map(|one| one.host.clone()));
            let question = Question { text: &text, hosts: &set.collect(), answers: Answers::NumberOrYes };
            match question.confirmed(consent.accept, interrupts).await? {
                Some(true) => done.learned = self.learn(&wanted),
                Some(false) => notice("nothing was learned"),
                None => return Ok(None),
            }
        }
        if consent.replace != Means::Off && replaced.is_empty() {
            notice("there is no key to replace");
        } else if consent.replace != Means::Off {
            match replacing.confirmed(consent.replace, interrupts).await? {
                Some(true) => done.replaced = self.replace(&swaps),
                Some(false) => notice("nothing was replaced"),
                None => return Ok(None),
            }
        }
        Ok(Some(done))
    }

    /// How things stand now.
    fn report(&mut self) -> Report {
        let (store, listed) = (&self.store, &mut self.listed);
        let found = self.survey.found.iter().zip(&self.settled.targets).map(|(found, target)| {
            let keys = found.as_ref().map_err(Clone::clone)?;
            let target = target.as_ref().map_err(|error| NotRun::Connect(error.clone()))?;
            judged(store, target, keys, listed.as_mut())
        });
        Report::new(self.settled.hosts.clone(), found.collect(), self.survey.end)
    }

    /// The hosts that answered.
    fn looks<'a>(&'a self, found: &'a Report) -> impl Iterator<Item = (&'a Host, &'a Target, &'a Look)> {
        let all = found.hosts.iter().zip(&self.settled.targets).zip(&found.found);
        all.filter_map(|((host, target), found)| Some((host, target.as_ref().ok()?, found.as_ref().ok()?)))
    }

    fn learnable<'a>(&'a self, found: &'a Report) -> Vec<Learnable<'a>> {
        let wanted = self.looks(found).map(|(host, target, look)| {
            let keys = look.learnable();
            let beside = look.keys.iter().map(|seen| &seen.key).filter(|key| !keys.contains(key)).collect();
            Learnable { host, target, keys, beside }
        });
        wanted.filter(|wanted| !wanted.keys.is_empty()).collect()
    }

    fn learn(&self, wanted: &[Learnable<'_>]) -> HostSet {
        let mut learned = Vec::new();
        for Learnable { host, target, keys, beside } in wanted {
            let blobs: Vec<&[u8]> = keys.iter().map(|key| key.blob.as_slice()).collect();
            let beside: Vec<&[u8]> = beside.iter().map(|key| key.blob.as_slice()).collect();
            match self.store.learn_all(target, &blobs, &beside) {
                Ok(()) => learned.push((*host).clone()),
                Err(error) => notice(&format!("{host}: {error}")),
            }
        }
        let learned: HostSet = learned.into_iter().collect();
        if !learned.is_empty() {
            notice(&format!("learned the keys of {}: {learned}", hosts(learned.len())));
        }
        learned
    }

    /// What can be replaced; what cannot is said.
    fn replaceable<'a>(&'a self, found: &'a Report) -> Vec<(&'a Host, Swap<'a>)> {
        let swap = |(host, target, look): (&'a Host, &'a Target, &'a Look)| {
            let (old, new) = look.replaceable()?;
            let all = look.keys.iter().map(|seen| seen.key.blob.as_slice());
            let new: Vec<&[u8]> = new.into_iter().map(|key| key.blob.as_slice()).collect();
            let beside = all.filter(|blob| !new.contains(blob)).collect();
            Some((host, Swap { target, old, new, beside }))
        };
        let wanted: Vec<(&Host, Swap<'_>)> = self.looks(found).filter_map(swap).collect();
        let swaps: Vec<Swap<'_>> = wanted.iter().map(|(_, swap)| swap.clone()).collect();
        let free = |((host, swap), obstacle): ((&'a Host, Swap<'a>), Option<String>)| match obstacle {
            None => Some((host, swap)),
            Some(why) => {
                notice(&format!("{host} is left as it is: {why}"));
                None
            }
        };
        let obstacles = self.store.obstacles(&swaps);
        wanted.into_iter().zip(obstacles).filter_map(free).collect()
    }

    fn replace(&self, swaps: &[(&Host, Swap<'_>)]) -> HostSet {
        let all: Vec<Swap<'_>> = swaps.iter().map(|(_, swap)| swap.clone()).collect();
        match self.store.replace(&all) {
            Ok(backups) => {
                let set: HostSet = swaps.iter().map(|(host, _)| (*host).clone()).collect();
                let backups: Vec<String> =
                    backups.iter().map(|path| escape::line(path.as_os_str().as_encoded_bytes())).collect();
                let kept = match backups.is_empty() {
                    true => String::new(),
                    false => format!("; what was there before is in {}", backups.join(", ")),
                };
                notice(&format!("replaced the keys of {}: {set}{kept}", hosts(set.len())));
                set
            }
            Err(error) => {
                notice(&format!("not replaced: {error}"));
                HostSet::new()
            }
        }
    }
}

/// A host with the keys that are to be learned, and those that it presents besides.
struct Learnable<'a> {
    host: &'a Host,
    target: &'a Target,
    keys: Vec<&'a HostKey>,
    beside: Vec<&'a HostKey>,
}

/// What known_hosts and the list say about the keys of one host.
fn judged(store: &KnownHosts, target: &Target, keys: &[HostKey], listed: Option<&mut Listed>) -> Found<Look> {
    let stand = stand(store, target, keys);
    let stand = stand.map_err(|error| NotRun::Connect(ConnectError::HostKey(error.to_string())))?;
    let listings = match listed {
        None => vec![None; stand.len()],
        Some(listed) => {
            let named = |(key, _): &(&HostKey, _)| (key.algorithm.clone(), key.fingerprint.clone());
            let named: Vec<(String, String)> = stand.iter().map(named).collect();
            let named: Vec<(&str, &str)> =
                named.iter().map(|(a, print)| (a.as_str(), print.as_str())).collect();
            listed.judge(&names(target), &named).into_iter().map(Some).collect()
        }
    };
    let seen = |((key, standing), listing): ((&HostKey, _), _)| Seen { key: key.clone(), standing, listing };
    Ok(Look { name: known_as(target), keys: stand.into_iter().zip(listings).map(seen).collect() })
}

/// How the keys of a host stand to known_hosts; those in certificates only where an authority of the host has to do with
/// them.
fn stand<'a>(
    store: &KnownHosts,
    target: &Target,
    keys: &'a [HostKey],
) -> Result<Vec<(&'a HostKey, Standing)>, StoreError> {
    let (mut stand, mut plain, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        match &key.certificate {
            Some(certificate) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                let vouched = Standing::of_certificate(store.vouch(target, certificate, now)?);
                stand.extend(vouched.map(|standing| (key, standing)));
            }
            None => {
                verdicts.push((
                    key.algorithm.as_str(),
                    key.fingerprint.as_str(),
                    store.check(target, &key.blob)?,
                ));
                plain.push(key);
            }
        }
    }
    stand.extend(plain.into_iter().zip(standings(&verdicts)));
    Ok(stand)
}

/// The names that a list from elsewhere may have for a host: as known_hosts has it, then as the user does.
fn names(target: &Target) -> Vec<String> {
    let name = target.host.name();
    let named = match target.host.port() {
        Some(port) => vec![format!("[{name}]:{port}"), format!("{name}:{port}")],
        None => vec![name.to_owned()],
    };
    std::iter::once(known_as(target)).chain(named).collect()
}

/// What the user may want to do next.
fn hints(found: &Report, args: &KeysArgs) -> String {
    let mut text = String::new();
    if found.count(State::New) > 0 && !args.accept {
        text.push_str("omnes: compare the fingerprints of new hosts, or give a list with --from; --accept learns them\n");
    }
    if found.count(State::Changed) > 0 && !args.replace {
        text.push_str(
            "omnes: behind a changed key somebody may stand in between; if the change is rightful, --replace puts the \
             new key in its place\n",
        );
    }
    if found.count(State::Revoked) > 0 {
        text.push_str("omnes: a revoked key is neither learned nor replaced: the host needs a new one\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_the_name_of_the_file_or_the_name_of_the_user() {
        let target = |host: &str| Target::bare(host.parse().expect("a host"), "10.0.0.3", 2200, "root");
        assert_eq!(names(&target("web3")), ["[10.0.0.3]:2200", "web3"]);
        assert_eq!(names(&target("u@web3:22")), ["[10.0.0.3]:2200", "[web3]:22", "web3:22"]);
    }
}
