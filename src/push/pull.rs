//! The deed of `omnes pull`: what stands on a host is brought here.
//!
//! A pull changes nothing on a host, so it never calls [`Call::sending`] and its end is never *not known*. Where the link is
//! lost, the host counts as not run: what had come is here, each file whole, and is not fetched again; the same pull may be
//! made again at any time, or at once by `--retry`. Where something kept a file from its place, the host has failed.
//!
//! Of a folder everything that happens here is done in one go on a thread that may block: leftovers are swept, folders
//! entered, files that are unchanged found. Files come several at once, each through a window of its own and of the budget
//! that all hosts share; a piece is written before the next is taken.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};

use super::arrival::{Arrival, blocking};
use super::books::{Books, LINES};
use super::changes::Same;
pub use super::deed::Via;
use super::get::{Limit, Links};
use super::landing::{Folder, Ground, LandError, Modes, Standing};
use super::path::{NameFault, RelPath, shown};
use super::remote::{Remote, Stat};
use super::sift::{Item, Sifted, What, Where};
use super::tree::Kind;
use super::trouble::Trouble;
use super::walk::{self, Errand, Todo};
use super::window::Budget;
use crate::outcome::{FileFault, NotRun, Outcome};
use crate::run::deed::Work;
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
    fn work(&self) -> Work {
        Work::Files
    }

    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let (books, folders) = Default::default();
            let trip = Trip { pull: self, call: &call, books, folders };
            let outcome = tokio::select! {
                biased;
                ending = call.to_be_ended() => trip.books.ended(&call, ending).await,
                outcome = trip.on(link) => match outcome {
                    Ok(outcome) => outcome,
                    Err(trouble) => trip.books.not_done(&call, trouble).await,
                },
            };
            if !matches!(outcome, Outcome::NotRun(_)) {
                call.files(trip.books.tally()).await;
            }
            outcome
        }
        .boxed()
    }
}

/// Bytes of a file that says it has none, as those in `/proc` do.
const UNSAID: u64 = 1 << 30;

/// What is read of a file that says it has so many bytes.
pub(super) fn limit(said: u64, links: Links) -> Limit {
    Limit { bytes: if said == 0 { UNSAID } else { u64::MAX }, links }
}

/// The way to the files of a host.
pub(super) async fn remote(link: &Link, via: Via, budget: Arc<Budget>) -> Result<Remote<'_>, Trouble> {
    match via {
        Via::Sftp => Remote::over_sftp(link, budget).await.map_err(|trouble| match trouble {
            Trouble::File { fault: FileFault::NoSftp, why } => {
                Trouble::file(FileFault::NoSftp, format!("{why}; --via shell reads files through its shell"))
            }
            other => other,
        }),
        Via::Shell => Ok(Remote::over_shell(link, budget)),
    }
}

/// One host's part of a pull.
struct Trip<'a> {
    pull: &'a Pull,
    call: &'a Call<'a>,
    books: Books,
    /// Folders that get their permissions and times at the end.
    folders: Mutex<Vec<Where>>,
}

/// One thing that is to be brought.
struct Thing<'a> {
    path: &'a [u8],
    folder: &'a Arc<Folder>,
    item: Item<'a>,
    here: Here,
    links: Links,
}

/// The same in a tree: a number in a folder, since there may be a million of them.
struct Task {
    stage: Arc<Stage>,
    at: u32,
    here: Here,
}

/// A folder there, and the one here.
struct Stage {
    sifted: Arc<Sifted>,
    folder: Arc<Folder>,
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
    /// Something that keeps it from its place.
    Amiss,
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
            Some(stat) => self.single(&remote, &path, &stat).await?,
        }
        Ok(self.books.outcome())
    }

    fn spot(&self) -> &RelPath {
        &self.pull.spots[self.call.host.0]
    }

    /// What was named is a file, or a link that is to stay one.
    async fn single(&self, remote: &Remote<'_>, path: &[u8], stat: &Stat) -> Result<(), Trouble> {
        let Some((parent, name)) = self.spot().split() else {
            self.fail(FileFault::IsDirectory, &format!("{}: it is no folder", shown(path))).await;
            return Ok(());
        };
        let (what, size) = match stat.kind {
            Kind::File { size } => (What::File, size),
            _ => (What::Link, 0),
        };
        let (mode, mtime, same) = (stat.mode, stat.mtime, self.pull.rules.same);
        let (ground, named) = (self.pull.ground.clone(), Box::<[u8]>::from(name));
        let looked = blocking(move || {
            let folder = Arc::new(ground.for_place(&parent)?);
            let here = look(&folder, &Item { name: &named, what, mode, size, mtime }, same)?;
            Ok((folder, here))
        });
        let (folder, here) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return self.not_here(&error).await,
        };
        self.books.expect(size);
        let links = match self.pull.rules.links {
            LinkRule::PassedOver => Links::Followed,
            LinkRule::Kept => Links::Refused,
        };
        let item = Item { name, what, mode, size, mtime };
        self.bring(remote, Thing { path, folder: &folder, item, here, links }).await
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
        walk::walk(remote, path, &Bringing { trip: self, remote, top: path }).await?;
        self.settle_folders((stat.mode, stat.mtime)).await
    }

    /// Permissions and times of folders, the deepest first, since what is put into a folder changes its time, and what is
    /// shut lets nobody in.
    async fn settle_folders(&self, top: (u32, i64)) -> Result<(), Trouble> {
        if self.pull.ground.modes() == Modes::Masked {
            return Ok(());
        }
        let mut folders = std::mem::take(&mut *self.folders.lock().unwrap_or_else(PoisonError::into_inner));
        folders.push(Where::top());
        folders.sort_by_cached_key(|place| std::cmp::Reverse(place.depth()));
        let (ground, spot) = (self.pull.ground.clone(), self.spot().clone());
        let settled = blocking(move || {
            let settle = |place: &Where| {
                let (mode, mtime) = place.within().map_or(top, |(folder, at)| {
                    let item = folder.item(at);
                    (item.mode, item.mtime)
                });
                let folder = ground.folder(&below(&spot, &place.path()).ok()?);
                folder.and_then(|folder| folder.settle(mode, mtime)).err()
            };
            Ok(folders.iter().filter_map(settle).take(LINES).collect::<Vec<LandError>>())
        });
        for error in settled.await.unwrap_or_default() {
            self.not_here(&error).await?;
        }
        Ok(())
    }

    /// Brings one thing, unless it is here.
    async fn bring(&self, remote: &Remote<'_>, thing: Thing<'_>) -> Result<(), Trouble> {
        let brought = match (thing.here, thing.item.what) {
            (Here::Unchanged, _) => Ok(Came::WasHere),
            (Here::MayBeSame, _) if self.is_same(remote, &thing).await? => Ok(Came::WasHere),
            (_, What::Link) => self.bring_link(remote, &thing).await,
            _ => self.bring_file(remote, &thing).await,
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

    async fn bring_link(&self, remote: &Remote<'_>, thing: &Thing<'_>) -> Result<Came, Amiss> {
        let to = remote.read_link(thing.path).await.map_err(Amiss::There)?;
        let Item { mode, mtime, .. } = thing.item;
        let (folder, name) = (Arc::clone(thing.folder), Box::<[u8]>::from(thing.item.name));
        let linked = blocking(move || {
            let is_same =
                folder.look(&name)?.is_some_and(|here| matches!(here, Standing::Link(here) if *here == *to));
            if is_same && folder.keep(&name, (mode, mtime))? {
                return Ok(Came::WasHere);
            }
            folder.link(&name, &to, mtime).map(|()| Came::New)
        });
        linked.await.map_err(Amiss::Here)
    }

    async fn bring_file(&self, remote: &Remote<'_>, thing: &Thing<'_>) -> Result<Came, Amiss> {
        let moved = |bytes| self.books.moved(self.call, bytes);
        let mut arrival = Arrival::new(thing.folder, (thing.item.name, thing.item.mode), &moved);
        let got = remote.get(thing.path, &mut arrival, limit(thing.item.size, thing.links)).await;
        if let Some(error) = arrival.error() {
            return Err(Amiss::Here(error));
        }
        let got = got.map_err(Amiss::There)?;
        arrival.land(got.mtime).await.map_err(Amiss::Here)?;
        if got.grew {
            let line = || format!("{}: it grew while it was read; here is its beginning", shown(thing.path));
            self.books.say(self.call, line).await;
        }
        if got.holds_less {
            let line =
                || format!("{}: it holds less than it says, as files of a kernel do", shown(thing.path));
            self.books.say(self.call, line).await;
        }
        Ok(Came::New)
    }

    /// Has the file here the same content? Where nothing can sum it there, it is fetched.
    async fn is_same(&self, remote: &Remote<'_>, thing: &Thing<'_>) -> Result<bool, Trouble> {
        let theirs = match remote.sha256(thing.path, thing.item.size).await {
            Ok(Some(theirs)) => theirs,
            Ok(None) | Err(Trouble::File { .. }) => return Ok(false),
            Err(trouble) => return Err(trouble),
        };
        let marks = (thing.item.mode, thing.item.mtime);
        let (folder, name) = (Arc::clone(thing.folder), Box::<[u8]>::from(thing.item.name));
        let same = blocking(move || Ok(folder.sha256(&name)? == theirs && folder.keep(&name, marks)?));
        Ok(same.await.unwrap_or(false))
    }

    /// Something kept one thing from its place; all else goes on.
    async fn fail(&self, fault: FileFault, why: &str) {
        self.books.fail(self.call, fault, why).await;
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
        Same::SizeAndTime => match folder.keep(item.name, (item.mode, item.mtime))? {
            true => Ok(Here::Unchanged),
            false => Ok(Here::Differs),
        },
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

    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Option<Todo<Task>>, Trouble>> {
        self.prepared(sifted).boxed()
    }

    fn carry_out(&self, task: Task) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            let Stage { sifted, folder } = &*task.stage;
            let at = task.at as usize;
            let path = sifted.place_of(at).path();
            let (path, item) = (&*path.below(self.top), sifted.item(at));
            let thing = Thing { path, folder, item, here: task.here, links: Links::Refused };
            self.trip.bring(self.remote, thing).await
        }
        .boxed()
    }

    fn unread<'a>(&'a self, _place: &'a Where, fault: FileFault, why: &'a str) -> BoxFuture<'a, ()> {
        self.trip.fail(fault, why).boxed()
    }
}

/// What stands here of a folder.
struct Looked {
    folder: Arc<Folder>,
    here: Vec<Here>,
    /// Why something cannot come to its place, by its number; of the first [`LINES`].
    amiss: Vec<(usize, LandError)>,
    /// How many more there are.
    more: usize,
}

impl Looked {
    /// Makes the folders of a folder, and finds what of its files is here.
    fn at(ground: &Ground, place: &RelPath, (sifted, same): (&Sifted, Same)) -> Result<Looked, LandError> {
        let folder = Arc::new(ground.swept(place)?);
        let mut looked =
            Looked { folder, here: Vec::with_capacity(sifted.len()), amiss: Vec::new(), more: 0 };
        for (at, item) in sifted.items().enumerate() {
            let here = match item.what {
                What::Folder => looked.folder.enter(item.name).map(|_| Here::Differs),
                _ => look(&looked.folder, &item, same),
            };
            looked.here.push(*here.as_ref().unwrap_or(&Here::Amiss));
            match here {
                Err(error) if looked.amiss.len() < LINES || error.is_for_all() => {
                    looked.amiss.push((at, error));
                }
                Err(_) => looked.more += 1,
                Ok(_) => {}
            }
        }
        Ok(looked)
    }
}

impl Bringing<'_, '_> {
    /// Makes the folders of a folder, and finds what of its files is to be brought.
    async fn prepared(&self, sifted: Arc<Sifted>) -> Result<Option<Todo<Task>>, Trouble> {
        let (trip, path) = (self.trip, sifted.path());
        self.say_refused(&sifted, &path.below(self.top)).await;
        let Ok(at) = below(trip.spot(), &path) else {
            let there = shown(&path.below(self.top));
            trip.fail(FileFault::Refused, &format!("{there}: it would lie too deep here")).await;
            return Ok(None);
        };
        let (ground, same, things) = (trip.pull.ground.clone(), trip.pull.rules.same, Arc::clone(&sifted));
        let looked = match blocking(move || Looked::at(&ground, &at, (&things, same))).await {
            Ok(looked) => looked,
            Err(error) => return trip.not_here(&error).await.map(|()| None),
        };
        for (_, error) in &looked.amiss {
            trip.not_here(error).await?;
        }
        trip.books.fail_more(looked.more);
        Ok(Some(self.todo(sifted, looked).await))
    }

    async fn say_refused(&self, sifted: &Sifted, there: &[u8]) {
        let trip = self.trip;
        for (name, refusal) in sifted.refused() {
            trip.fail(FileFault::Odd, &format!("{}: {}: {refusal}", shown(there), shown(name))).await;
        }
        let what = "files that pushes have left or are writing there, passed over";
        if sifted.parts() > 0 {
            trip.books.say(trip.call, || format!("{}: {} {what}", shown(there), sifted.parts())).await;
        }
    }

    /// What is to be done in a folder.
    async fn todo(&self, sifted: Arc<Sifted>, looked: Looked) -> Todo<Task> {
        let trip = self.trip;
        let stage = Arc::new(Stage { sifted, folder: looked.folder });
        let mut todo = Todo { tasks: Vec::new(), shut: HashSet::new() };
        for (at, here) in looked.here.iter().copied().enumerate() {
            let (item, place) = (stage.sifted.item(at), stage.sifted.place_of(at));
            let passed_over = match item.what {
                What::Folder if here == Here::Amiss => {
                    todo.shut.insert(at);
                    continue;
                }
                _ if here == Here::Amiss => continue,
                What::Folder if trip.pull.ground.modes() == Modes::Masked => continue,
                What::Folder => {
                    trip.folders.lock().unwrap_or_else(PoisonError::into_inner).push(place);
                    continue;
                }
                What::Link if trip.pull.rules.links == LinkRule::PassedOver => {
                    "a link, passed over (--links keeps it)"
                }
                What::Special => "a device, FIFO or socket, passed over",
                What::File if here == Here::Unchanged => {
                    trip.books.unchanged();
                    continue;
                }
                What::File | What::Link => {
                    trip.books.expect(item.size);
                    let at = u32::try_from(at).expect("no more than a million");
                    todo.tasks.push(Task { stage: Arc::clone(&stage), at, here });
                    continue;
                }
            };
            let there = || format!("{}: {passed_over}", shown(&place.path().below(self.top)));
            trip.books.say(trip.call, there).await;
        }
        todo
    }
}
