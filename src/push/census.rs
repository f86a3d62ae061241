//! The deed of `omnes diff` and of `omnes pull --same`: every host is asked what it has, and nothing is changed there.
//!
//! Content is read once and told apart by its digest; of each version one copy is kept while it may be shown or brought. What
//! becomes of a host is what becomes of it in a pull (`books`); that it has nothing there, or nothing that may be read, is no
//! failure but a version. Whether the hosts agree is known when the last one is through: where they do not, the exit code is that
//! of a failure, as diff(1) has it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::arrival::blocking;
use super::books::{self, Books};
use super::get::{Limit, Links, Sink};
use super::landing::{Folder, Ground, LandError, NewFile, Standing};
use super::path::{RelPath, shown};
use super::pull::{LinkRule, Rules, below, remote};
use super::remote::{Remote, Stat};
use super::sift::{Item, Refusal, Sifted, What};
use super::telling::Teller;
use super::tree::Kind;
use super::trouble::Trouble;
use super::versions::{COMPARED, Marks, PathIx, Version, VersionIx, Versions};
use super::walk::{self, Errand};
use super::window::Budget;
use crate::outcome::{Exit, FileFault, NotRun, Outcome};
use crate::run::blocks::{Flow, Piece};
use crate::run::deed::Work;
use crate::run::report::Words;
use crate::run::spill::Spill;
use crate::run::{Call, Deed};
use crate::ssh::Link;

/// What is done with what hosts agree on.
#[derive(Debug)]
pub enum Then {
    /// It is told.
    Tell,
    /// One copy of it is made here.
    Copy {
        /// Where everything stands.
        ground: Ground,
        /// Where the copy stands, from the ground.
        spot: RelPath,
    },
}

/// A path of every host, compared.
pub struct Census {
    /// By host.
    from: Vec<Vec<u8>>,
    rules: Rules,
    budget: Arc<Budget>,
    then: Then,
    teller: Teller,
    versions: Arc<Mutex<Versions>>,
    /// What kept single things from their place here.
    amiss: Mutex<Vec<LandError>>,
}

impl Census {
    /// Asks each of the teller's hosts for its path.
    pub fn new(
        from: Vec<Vec<u8>>,
        (rules, then): (Rules, Then),
        teller: Teller,
        budget: Arc<Budget>,
    ) -> Census {
        let versions = Arc::new(Mutex::new(Versions::new(Box::new(Spill::usual()))));
        Census { from, rules, budget, then, teller, versions, amiss: Mutex::default() }
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        locked(&self.versions)
    }

    /// The longest file of which content is kept.
    fn kept(&self) -> u64 {
        match self.then {
            Then::Tell => COMPARED,
            Then::Copy { .. } => u64::MAX,
        }
    }
}

impl Deed for Census {
    fn work(&self) -> Work {
        Work::Files
    }

    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let (books, rows) = Default::default();
            let visit = Visit { census: self, call: &call, books, rows };
            tokio::select! {
                biased;
                ending = call.to_be_ended() => books::ended(ending, &visit.books),
                outcome = visit.on(link) => outcome.unwrap_or_else(books::not_done),
            }
        }
        .boxed()
    }

    fn conclude(&self) -> BoxFuture<'_, Exit> {
        async move {
            if let Then::Copy { ground, spot } = &self.then {
                let (ground, spot, versions) = (ground.clone(), spot.clone(), Arc::clone(&self.versions));
                let links = self.rules.links;
                let copied = blocking(move || Ok(copy((&ground, &spot), links, &locked(&versions)))).await;
                *self.amiss.lock().unwrap_or_else(PoisonError::into_inner) = copied.unwrap_or_default();
            }
            let is_amiss = !self.amiss.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            match is_amiss || self.teller.differs(&self.versions()) {
                true => Exit::Failed,
                false => Exit::Well,
            }
        }
        .boxed()
    }

    fn tell(&self, words: &mut Words<'_>) {
        self.teller.tell(&self.versions(), words);
        for error in self.amiss.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            words.paper.notice(&error.to_string());
        }
    }
}

fn locked(versions: &Mutex<Versions>) -> MutexGuard<'_, Versions> {
    versions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes one copy of all that every host has alike; gives what could not be made.
fn copy((ground, spot): (&Ground, &RelPath), links: LinkRule, versions: &Versions) -> Vec<LandError> {
    let all = versions.answered();
    let mut amiss = Vec::new();
    for account in versions.accounts() {
        let [(version, hosts)] = &account.versions[..] else { continue };
        let Ok(place) = below(spot, &account.path) else { continue };
        let is_passed_over = matches!(version, Version::Link(_)) && links == LinkRule::PassedOver;
        if hosts.len() < all || is_passed_over {
            continue;
        }
        if let Err(error) = copy_one((ground, &place), (version, account.marks), versions) {
            let is_for_all = error.is_for_all();
            amiss.push(error);
            if is_for_all {
                break;
            }
        }
    }
    amiss
}

/// One copy of what every host has.
fn copy_one(
    (ground, place): (&Ground, &RelPath),
    (version, marks): (&Version, Marks),
    versions: &Versions,
) -> Result<(), LandError> {
    let Some((parent, name)) = place.split() else { return Ok(()) };
    match version {
        Version::Folder => ground.for_place(&parent)?.enter(name).map(drop),
        Version::Link(to) => ground.for_place(&parent)?.link(name, to, marks.mtime),
        Version::File { size, sha256 } => {
            let folder = Arc::new(ground.for_place(&parent)?);
            let there =
                matches!(folder.look(name)?, Some(Standing::File { size: here, .. }) if here == *size);
            if there && folder.sha256(name)? == *sha256 {
                return folder.keep(name);
            }
            write((&folder, name), (sha256, marks), versions)
        }
        Version::Special | Version::Missing | Version::Unreadable(_) => Ok(()),
    }
}

fn write(
    (folder, name): (&Arc<Folder>, &[u8]),
    (sha256, marks): (&[u8; 32], Marks),
    versions: &Versions,
) -> Result<(), LandError> {
    let mut file = NewFile::begin(folder, name, marks.mode)?;
    let lost = || folder.lost(name, "its content could not be kept until all hosts were compared");
    for piece in versions.pieces(sha256).ok_or_else(lost)? {
        match piece {
            Piece::Bytes(bytes) => file.add(&bytes)?,
            Piece::Lost(_) => return Err(lost()),
        }
    }
    file.land(marks.mtime)
}

/// One host that is asked.
struct Visit<'a> {
    census: &'a Census,
    call: &'a Call<'a>,
    books: Books,
    rows: Mutex<Vec<(PathIx, VersionIx)>>,
}

/// One thing whose version takes a while to find.
struct Task {
    path: RelPath,
    what: What,
    size: u64,
    marks: Marks,
    links: Links,
}

impl Visit<'_> {
    async fn on(&self, link: &Link) -> Result<Outcome, Trouble> {
        let (via, budget) = (self.census.rules.via, Arc::clone(&self.census.budget));
        let remote = tokio::select! {
            biased;
            () = self.call.cancelled() => return Ok(Outcome::NotRun(NotRun::Cancelled)),
            remote = remote(link, via, budget) => remote?,
        };
        self.call.looking();
        let path = remote.resolve(&self.census.from[self.call.host.0]).await?;
        let stat = match self.census.rules.links {
            LinkRule::PassedOver => remote.stat(&path).await,
            LinkRule::Kept => remote.lstat(&path).await,
        };
        match stat {
            Ok(None) => self.is(RelPath::root(), Version::Missing, Marks::ALL),
            Ok(Some(stat)) => self.top(&remote, &path, stat).await?,
            Err(Trouble::File { fault: fault @ FileFault::NoRight, .. }) => {
                self.is(RelPath::root(), Version::Unreadable(fault), Marks::ALL);
            }
            Err(trouble) => return Err(trouble),
        }
        let rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        let kept = self.census.versions().tree(self.call.host, rows);
        kept.map_err(|error| Trouble::file(FileFault::Refused, error.to_string()))?;
        Ok(self.books.outcome())
    }

    async fn top(&self, remote: &Remote<'_>, path: &[u8], stat: Stat) -> Result<(), Trouble> {
        let marks = Marks { mode: stat.mode, mtime: stat.mtime };
        let links = match self.census.rules.links {
            LinkRule::PassedOver => Links::Followed,
            LinkRule::Kept => Links::Refused,
        };
        let task = |what, size| Task { path: RelPath::root(), what, size, marks, links };
        match stat.kind {
            Kind::Dir => {
                self.is(RelPath::root(), Version::Folder, marks);
                walk::walk(remote, path, &Asking { visit: self, remote, top: path }).await
            }
            Kind::Special => {
                self.is(RelPath::root(), Version::Special, marks);
                Ok(())
            }
            Kind::Link { .. } => self.ask(remote, path, task(What::Link, 0)).await,
            Kind::File { size } => {
                self.books.expect(size);
                self.ask(remote, path, task(What::File, size)).await
            }
        }
    }

    /// That is what the host has there.
    fn is(&self, path: RelPath, version: Version, marks: Marks) {
        let mut versions = self.census.versions();
        let row = (versions.path(path, marks), versions.version(version));
        drop(versions);
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    }

    async fn ask(&self, remote: &Remote<'_>, path: &[u8], task: Task) -> Result<(), Trouble> {
        let version = match task.what {
            What::Link => remote.read_link(path).await.map(Version::Link),
            _ => self.read(remote, path, &task).await,
        };
        let version = match version {
            Ok(version) => version,
            Err(Trouble::File { fault, why }) => {
                if !matches!(fault, FileFault::NoRight | FileFault::Missing) {
                    self.books.fail(fault, &why);
                    self.books.say(self.call, &why).await;
                }
                Version::Unreadable(fault)
            }
            Err(trouble) => return Err(trouble),
        };
        self.is(task.path, version, task.marks);
        Ok(())
    }

    async fn read(&self, remote: &Remote<'_>, path: &[u8], task: &Task) -> Result<Version, Trouble> {
        let room = self.census.kept();
        let flow = (task.size <= room).then(Flow::default);
        let mut keeping = Keeping { visit: self, flow, room };
        let limit = Limit { bytes: u64::MAX, links: task.links };
        let got = remote.get(path, &mut keeping, limit).await?;
        if let Some(flow) = keeping.flow {
            self.census.versions().keep(got.sha256, flow);
        }
        Ok(Version::File { size: got.size, sha256: got.sha256 })
    }
}

/// Keeps what is read, as far as it is to be kept.
struct Keeping<'a> {
    visit: &'a Visit<'a>,
    flow: Option<Flow>,
    room: u64,
}

impl Sink for Keeping<'_> {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>> {
        self.visit.books.moved(self.visit.call, bytes.len());
        match self.room.checked_sub(bytes.len() as u64) {
            Some(room) => self.room = room,
            None => self.flow = None,
        }
        if let Some(flow) = &mut self.flow {
            self.visit.census.versions().add(flow, &bytes);
        }
        std::future::ready(Ok(())).boxed()
    }
}

/// A tree that is asked for.
struct Asking<'a, 'r> {
    visit: &'a Visit<'a>,
    remote: &'a Remote<'r>,
    top: &'a [u8],
}

impl Errand for Asking<'_, '_> {
    type Task = Task;

    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Vec<Task>, Trouble>> {
        async move {
            let there = sifted.path().below(self.top);
            for (name, refusal) in sifted.refused().iter().filter(|(_, refusal)| *refusal != Refusal::Part) {
                let line = format!("{}: {}: {refusal}", shown(&there), shown(name));
                self.visit.books.fail(FileFault::Odd, &line);
                self.visit.books.say(self.visit.call, &line).await;
            }
            Ok(sifted.items().filter_map(|item| self.task(&sifted, &item)).collect())
        }
        .boxed()
    }

    fn carry_out(&self, task: Task) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            let path = task.path.below(self.top).into_owned();
            self.visit.ask(self.remote, &path, task).await
        }
        .boxed()
    }

    fn unread<'a>(&'a self, path: &'a RelPath, fault: FileFault, _why: &'a str) -> BoxFuture<'a, ()> {
        let visit = self.visit;
        let version = visit.census.versions().version(Version::Unreadable(fault));
        let number = visit.census.versions().path(path.clone(), Marks::ALL);
        let mut rows = visit.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|(path, _)| *path != number);
        rows.push((number, version));
        std::future::ready(()).boxed()
    }
}

impl Asking<'_, '_> {
    fn task(&self, sifted: &Sifted, item: &Item<'_>) -> Option<Task> {
        let Item { what, size, mode, mtime, .. } = *item;
        let (path, marks) = (sifted.path_of(item.name), Marks { mode, mtime });
        match what {
            What::Folder => self.visit.is(path, Version::Folder, marks),
            What::Special => self.visit.is(path, Version::Special, marks),
            What::File | What::Link => {
                self.visit.books.expect(size);
                return Some(Task { path, what, size, marks, links: Links::Refused });
            }
        }
        None
    }
}
