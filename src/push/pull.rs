//! The deed of `omnes pull`: what stands on a host is brought here.
//!
//! A pull changes nothing on a host, so it never calls [`Call::sending`] and its end is never *not known*. Where the link is
//! lost, the host counts as not run: what had come is here, each file whole, and is not fetched again; the same pull may be
//! made again at any time, by `--retry` or `--resume`. Where something kept a file from its place, the host has failed.
//!
//! Of a folder everything that happens here is done in one go on a thread that may block: leftovers are swept, folders
//! entered, files that are unchanged found. Files come several at once, each through a window of its own and of the budget
//! that all hosts share; a piece is written before the next is taken.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};

use super::arrival::{Arrival, blocking};
use super::books::{self, Books};
use super::changes::Same;
pub use super::deed::Via;
use super::get::{Limit, Links};
use super::landing::{Folder, Ground, LandError, Modes, Standing};
use super::path::{NameFault, RelPath, shown};
use super::remote::{Remote, Stat};
use super::sift::{Item, Refusal, Sifted, What};
use super::tree::Kind;
use super::trouble::Trouble;
use super::walk::{self, Errand};
use super::window::Budget;
use crate::outcome::{FileFault, NotRun, Outcome};
use crate::run::{Call, Deed};
use crate::ssh::Link;

/// What becomes of symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkRule {
    /// The one that was named is followed, on the host; those in a tree are passed over.
    #[default]
    PassedOver,
    /// Each stays a link, and is never followed.
    Kept,
}

/// What a pull is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Links.
    pub links: LinkRule,
    /// When a file need not be fetched.
    pub same: Same,
    /// The way.
    pub via: Via,
}

/// A path of every host, each into a place of its own.
pub struct Pull {
    /// By host: the path there.
    pub from: Vec<Vec<u8>>,
    /// Where everything stands.
    pub ground: Ground,
    /// By host: where its part stands, from the ground.
    pub spots: Vec<RelPath>,
    /// What it is to do.
    pub rules: Rules,
    /// Bytes that all hosts may have under way.
    pub budget: Arc<Budget>,
}

impl Deed for Pull {
    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let (books, folders, shut) = Default::default();
            let trip = Trip { pull: self, call: &call, books, folders, shut };
            let outcome = tokio::select! {
                biased;
                ending = call.to_be_ended() => books::ended(ending, &trip.books),
                outcome = trip.on(link) => outcome.unwrap_or_else(books::not_done),
            };
            if !matches!(outcome, Outcome::NotRun(_)) {
                call.files(trip.books.tally()).await;
            }
            outcome
        }
        .boxed()
    }
}

/// The way to the files of a host.
pub(super) async fn remote(link: &Link, via: Via, budget: Arc<Budget>) -> Result<Remote<'_>, Trouble> {
    match via {
        Via::Sftp => Remote::over_sftp(link, budget).await,
        Via::Shell => Ok(Remote::over_shell(link, budget)),
    }
}

/// One host's part of a pull.
struct Trip<'a> {
    pull: &'a Pull,
    call: &'a Call<'a>,
    books: Books,
    /// Folders with the permissions and times that they get at the end.
    folders: Mutex<Vec<(RelPath, u32, i64)>>,
    /// Folders of the host that cannot be entered here, so nothing in them is looked at.
    shut: Mutex<HashSet<RelPath>>,
}

/// One thing that is to be brought.
struct Task {
    path: Vec<u8>,
    folder: Arc<Folder>,
    name: Box<[u8]>,
    what: What,
    mode: u32,
    mtime: i64,
    size: u64,
    here: Here,
    links: Links,
}

/// What stands here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Here {
    /// Just that.
    Unchanged,
    /// A file of the same size, so that the content decides.
    MayBeSame,
    /// Nothing, or something else.
    Differs,
}

/// How something came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    New,
    WasHere,
}

/// What kept something from its place: there or here.
enum Amiss {
    There(Trouble),
    Here(LandError),
}

impl Trip<'_> {
    async fn on(&self, link: &Link) -> Result<Outcome, Trouble> {
        let (via, budget) = (self.pull.rules.via, Arc::clone(&self.pull.budget));
        let remote = tokio::select! {
            biased;
            () = self.call.cancelled() => return Ok(Outcome::NotRun(NotRun::Cancelled)),
            remote = remote(link, via, budget) => remote?,
        };
        self.call.looking();
        let path = remote.resolve(&self.pull.from[self.call.host.0]).await?;
        let stat = match self.pull.rules.links {
            LinkRule::PassedOver => remote.stat(&path).await?,
            LinkRule::Kept => remote.lstat(&path).await?,
        };
        match stat {
            None => self.fail(FileFault::Missing, &format!("{}: there is no such file", shown(&path))).await,
            Some(Stat { kind: Kind::Special, .. }) => {
                let why = format!("{}: a device, FIFO or socket, and none is ever opened", shown(&path));
                self.fail(FileFault::Refused, &why).await;
            }
            Some(stat) if stat.kind == Kind::Dir => self.tree(&remote, &path, &stat).await?,
            Some(stat) => self.single(&remote, path, &stat).await?,
        }
        Ok(self.books.outcome())
    }

    fn spot(&self) -> &RelPath {
        &self.pull.spots[self.call.host.0]
    }

    /// What was named is a file, or a link that is to stay one.
    async fn single(&self, remote: &Remote<'_>, path: Vec<u8>, stat: &Stat) -> Result<(), Trouble> {
        let Some((parent, name)) = self.spot().split() else {
            self.fail(FileFault::IsDirectory, &format!("{}: it is no folder", shown(&path))).await;
            return Ok(());
        };
        let (what, size) = match stat.kind {
            Kind::File { size } => (What::File, size),
            _ => (What::Link, 0),
        };
        let (mode, mtime, same) = (stat.mode, stat.mtime, self.pull.rules.same);
        let (ground, name) = (self.pull.ground.clone(), Box::<[u8]>::from(name));
        let looked = blocking(move || {
            let folder = Arc::new(ground.for_place(&parent)?);
            let here = look(&folder, &Item { name: &name, what, mode, size, mtime }, same)?;
            Ok((folder, name, here))
        });
        let (folder, name, here) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return self.not_here(&error).await,
        };
        self.books.expect(size);
        let links = match self.pull.rules.links {
            LinkRule::PassedOver => Links::Followed,
            LinkRule::Kept => Links::Refused,
        };
        self.bring(remote, Task { path, folder, name, what, mode, mtime, size, here, links }).await
    }

    /// What was named is a folder.
    async fn tree(&self, remote: &Remote<'_>, path: &[u8], stat: &Stat) -> Result<(), Trouble> {
        let (ground, spot) = (self.pull.ground.clone(), self.spot().clone());
        let made = blocking(move || match spot.split() {
            Some((parent, name)) => ground.for_place(&parent)?.enter(name).map(drop),
            None => Ok(()),
        });
        if let Err(error) = made.await {
            return self.not_here(&error).await;
        }
        self.remember(RelPath::root(), stat.mode, stat.mtime);
        walk::walk(remote, path, &Bringing { trip: self, remote, top: path }).await?;
        self.settle_folders().await
    }

    fn shut(&self) -> MutexGuard<'_, HashSet<RelPath>> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, path: RelPath, mode: u32, mtime: i64) {
        if self.pull.ground.modes() == Modes::Preserved {
            self.folders.lock().unwrap_or_else(PoisonError::into_inner).push((path, mode, mtime));
        }
    }

    /// Permissions and times of folders, the deepest first, since what is put into a folder changes its time.
    async fn settle_folders(&self) -> Result<(), Trouble> {
        let mut folders = std::mem::take(&mut *self.folders.lock().unwrap_or_else(PoisonError::into_inner));
        folders.sort_by_key(|(path, ..)| std::cmp::Reverse(path.depth()));
        let (ground, spot) = (self.pull.ground.clone(), self.spot().clone());
        let settled = blocking(move || {
            let settle = |(path, mode, mtime): &(RelPath, u32, i64)| {
                let folder = ground.folder(&below(&spot, path).ok()?);
                folder.and_then(|folder| folder.settle(*mode, *mtime)).err()
            };
            Ok(folders.iter().filter_map(settle).collect::<Vec<LandError>>())
        });
        for error in settled.await.unwrap_or_default() {
            self.not_here(&error).await?;
        }
        Ok(())
    }

    /// Brings one thing, unless it is here.
    async fn bring(&self, remote: &Remote<'_>, task: Task) -> Result<(), Trouble> {
        let brought = match (task.here, task.what) {
            (Here::Unchanged, _) => Ok(Came::WasHere),
            (Here::MayBeSame, _) if self.is_same(remote, &task).await? => Ok(Came::WasHere),
            (_, What::Link) => self.bring_link(remote, &task).await,
            _ => self.bring_file(remote, &task).await,
        };
        match brought {
            Ok(Came::New) => self.books.brought(),
            Ok(Came::WasHere) => self.books.unchanged(),
            Err(Amiss::There(Trouble::File { fault, why })) => self.fail(fault, &why).await,
            Err(Amiss::There(trouble)) => return Err(trouble),
            Err(Amiss::Here(error)) => self.not_here(&error).await?,
        }
        Ok(())
    }

    async fn bring_link(&self, remote: &Remote<'_>, task: &Task) -> Result<Came, Amiss> {
        let to = remote.read_link(&task.path).await.map_err(Amiss::There)?;
        let (folder, name, mtime) = (Arc::clone(&task.folder), task.name.clone(), task.mtime);
        let linked = blocking(move || {
            if folder.look(&name)?.is_some_and(|here| matches!(here, Standing::Link(here) if *here == *to)) {
                return folder.keep(&name).map(|()| Came::WasHere);
            }
            folder.link(&name, &to, mtime).map(|()| Came::New)
        });
        linked.await.map_err(Amiss::Here)
    }

    async fn bring_file(&self, remote: &Remote<'_>, task: &Task) -> Result<Came, Amiss> {
        let moved = |bytes| self.books.moved(self.call, bytes);
        let mut arrival = Arrival::new(&task.folder, (&task.name, task.mode), &moved);
        let limit = Limit { bytes: u64::MAX, links: task.links };
        let got = remote.get(&task.path, &mut arrival, limit).await;
        if let Some(error) = arrival.error() {
            return Err(Amiss::Here(error));
        }
        let got = got.map_err(Amiss::There)?;
        arrival.land(got.mtime).await.map_err(Amiss::Here)?;
        if got.grew {
            let line = format!("{}: it grew while it was read; here is its beginning", shown(&task.path));
            self.books.say(self.call, &line).await;
        }
        if got.holds_less {
            let line = format!("{}: it holds less than it says, as files of a kernel do", shown(&task.path));
            self.books.say(self.call, &line).await;
        }
        Ok(Came::New)
    }

    /// Has the file here the same content? Where nothing can sum it there, it is fetched.
    async fn is_same(&self, remote: &Remote<'_>, task: &Task) -> Result<bool, Trouble> {
        let theirs = match remote.sha256(&task.path, task.size).await {
            Ok(Some(theirs)) => theirs,
            Ok(None) | Err(Trouble::File { .. }) => return Ok(false),
            Err(trouble) => return Err(trouble),
        };
        let (folder, name) = (Arc::clone(&task.folder), task.name.clone());
        let same = blocking(move || {
            let same = folder.sha256(&name)? == theirs;
            if same {
                folder.keep(&name)?;
            }
            Ok(same)
        });
        Ok(same.await.unwrap_or(false))
    }

    /// Something kept one thing from its place; all else goes on.
    async fn fail(&self, fault: FileFault, why: &str) {
        self.books.fail(fault, why);
        self.books.say(self.call, why).await;
    }

    /// The same, on our side; where nothing more can be written here, the host's part is over.
    async fn not_here(&self, error: &LandError) -> Result<(), Trouble> {
        let why = error.to_string();
        if error.is_for_all() {
            return Err(Trouble::file(error.fault, why));
        }
        self.fail(error.fault, &why).await;
        Ok(())
    }
}

/// What stands here for one thing of the host, and whether that will do.
fn look(folder: &Folder, item: &Item<'_>, same: Same) -> Result<Here, LandError> {
    let standing = folder.look(item.name)?;
    let (What::File, Some(Standing::File { size, mtime })) = (item.what, standing) else {
        return Ok(Here::Differs);
    };
    match same {
        _ if size != item.size => Ok(Here::Differs),
        Same::Checksum => Ok(Here::MayBeSame),
        Same::SizeAndTime if mtime != item.mtime => Ok(Here::Differs),
        Same::SizeAndTime => folder.keep(item.name).map(|()| Here::Unchanged),
    }
}

/// A place in the part of a host, from the ground.
pub(super) fn below(spot: &RelPath, path: &RelPath) -> Result<RelPath, NameFault> {
    path.names().try_fold(spot.clone(), |at, name| at.join(name))
}

/// A tree on its way.
struct Bringing<'a, 'r> {
    trip: &'a Trip<'a>,
    remote: &'a Remote<'r>,
    top: &'a [u8],
}

impl Errand for Bringing<'_, '_> {
    type Task = Task;

    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Vec<Task>, Trouble>> {
        self.prepared(sifted).boxed()
    }

    fn carry_out(&self, task: Task) -> BoxFuture<'_, Result<(), Trouble>> {
        self.trip.bring(self.remote, task).boxed()
    }

    fn unread<'a>(&'a self, _path: &'a RelPath, fault: FileFault, why: &'a str) -> BoxFuture<'a, ()> {
        self.trip.fail(fault, why).boxed()
    }

    fn enters(&self, path: &RelPath) -> bool {
        !self.trip.shut().contains(path)
    }
}

impl Bringing<'_, '_> {
    /// Makes the folders of a folder, and finds what of its files is to be brought.
    async fn prepared(&self, sifted: Arc<Sifted>) -> Result<Vec<Task>, Trouble> {
        let (trip, there) = (self.trip, sifted.path().below(self.top));
        for (name, refusal) in sifted.refused() {
            let line = format!("{}: {}: {refusal}", shown(&there), shown(name));
            match refusal {
                Refusal::Part => trip.books.say(trip.call, &line).await,
                _ => trip.fail(FileFault::Odd, &line).await,
            }
        }
        let Ok(at) = below(trip.spot(), sifted.path()) else {
            trip.fail(FileFault::Refused, &format!("{}: it would lie too deep here", shown(&there))).await;
            return Ok(Vec::new());
        };
        let (ground, same, things) = (trip.pull.ground.clone(), trip.pull.rules.same, Arc::clone(&sifted));
        let looked = blocking(move || {
            let folder = Arc::new(ground.swept(&at)?);
            let look = |item: Item<'_>| match item.what {
                What::Folder => folder.enter(item.name).map(|_| Here::Differs),
                _ => look(&folder, &item, same),
            };
            let here: Vec<_> = things.items().map(look).collect();
            Ok((folder, here))
        });
        let (folder, here) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return trip.not_here(&error).await.map(|()| Vec::new()),
        };
        let mut tasks = Vec::new();
        for (item, here) in sifted.items().zip(here) {
            match here {
                Ok(here) => tasks.extend(self.task(&sifted, (&item, here), &folder).await),
                Err(error) => {
                    if item.what == What::Folder {
                        trip.shut().insert(sifted.path_of(item.name));
                    }
                    trip.not_here(&error).await?;
                }
            }
        }
        Ok(tasks)
    }

    /// What is to be done about one thing, if anything.
    async fn task(
        &self,
        sifted: &Sifted,
        (item, here): (&Item<'_>, Here),
        folder: &Arc<Folder>,
    ) -> Option<Task> {
        let trip = self.trip;
        let path = sifted.path_of(item.name);
        let there = path.below(self.top).into_owned();
        match item.what {
            What::File if here == Here::Unchanged => {
                trip.books.unchanged();
                return None;
            }
            What::File => trip.books.expect(item.size),
            What::Link if trip.pull.rules.links == LinkRule::Kept => {}
            What::Link => {
                let line = format!("{}: a link, passed over (--links keeps it)", shown(&there));
                trip.books.say(trip.call, &line).await;
                return None;
            }
            What::Special => {
                let line = format!("{}: a device, FIFO or socket, passed over", shown(&there));
                trip.books.say(trip.call, &line).await;
                return None;
            }
            What::Folder => {
                trip.remember(path, item.mode, item.mtime);
                return None;
            }
        }
        let (folder, name) = (Arc::clone(folder), item.name.into());
        let Item { what, mode, mtime, size, .. } = *item;
        Some(Task { path: there, folder, name, what, mode, mtime, size, here, links: Links::Refused })
    }
}
