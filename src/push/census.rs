//! The deed of `omnes diff` and of `omnes pull --same`: every host is asked what it has, and nothing is changed there.
//!
//! Content is read once and told apart by its digest; of each version one copy is kept while it may be shown or brought. What
//! becomes of a host is what becomes of it in a pull (`books`); that it has nothing there, or nothing that may be read, is no
//! failure but a version. Whether the hosts agree is known when the last one is through: where they do not, the exit code is that
//! of a failure, as diff(1) has it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::arrival::blocking;
use super::books::Books;
use super::contents::{COMPARED, Contents, Stream};
use super::copy::Copy;
use super::get::{Links, Sink};
use super::landing::{Ground, LandError};
use super::path::{RelPath, shown};
use super::pull::{LinkRule, Rules, limit, remote};
use super::remote::{Remote, Stat};
use super::sift::{Sifted, What, Where};
use super::telling::{Known, Teller};
use super::tree::Kind;
use super::trouble::Trouble;
use super::versions::{Marks, Seen, Survey, Version, VersionIx, Versions};
use super::walk::{self, Errand, Todo};
use super::window::Budget;
use crate::outcome::{Exit, FileFault, NotRun, Outcome};
use crate::run::deed::Work;
use crate::run::report::Words;
use crate::run::spill::Spill;
use crate::run::{Call, Deed};
use crate::ssh::Link;

/// Bytes of what the links of one host say; each is kept until all hosts were asked.
const LINKS: usize = 64 << 20;

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
    contents: Arc<Contents>,
    /// What all of it came to.
    end: Mutex<Option<End>>,
}

/// What is known when every host is through.
struct End {
    survey: Survey,
    /// What kept single things from their place here.
    amiss: Vec<LandError>,
}

impl Census {
    /// Asks each of the teller's hosts for its path.
    pub fn new(
        from: Vec<Vec<u8>>,
        (rules, then): (Rules, Then),
        teller: Teller,
        budget: Arc<Budget>,
    ) -> Census {
        let contents = Arc::new(Contents::new(Box::new(Spill::usual())));
        let (versions, end) = Default::default();
        Census { from, rules, budget, then, teller, versions, contents, end }
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        locked(&self.versions)
    }

    /// The longest file of which content is kept; none where nobody will look at any.
    fn kept(&self) -> Option<u64> {
        match self.then {
            Then::Tell => self.teller.shows_lines().then_some(COMPARED),
            Then::Copy { .. } => Some(u64::MAX),
        }
    }

    /// Sets in order what was seen, and makes the copy, where there is to be one.
    async fn end(&self) -> End {
        let (versions, contents) = (Arc::clone(&self.versions), Arc::clone(&self.contents));
        let links = self.rules.links;
        let place = match &self.then {
            Then::Tell => None,
            Then::Copy { ground, spot } => Some((ground.clone(), spot.clone())),
        };
        let ended = blocking(move || {
            let versions = locked(&versions);
            let survey = versions.survey();
            let copied = place.map(|(ground, spot)| {
                let (place, known) = ((&ground, &spot), (&*versions, &survey));
                Copy { place, links, known, contents: &contents }.make()
            });
            Ok(End { survey, amiss: copied.unwrap_or_default() })
        });
        ended.await.expect("what failed is in it")
    }
}

impl Deed for Census {
    fn work(&self) -> Work {
        Work::Files
    }

    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let (books, seen, links) = Default::default();
            let visit = Visit { census: self, call: &call, books, seen, links };
            tokio::select! {
                biased;
                ending = call.to_be_ended() => visit.books.ended(&call, ending).await,
                outcome = visit.on(link) => match outcome {
                    Ok(outcome) => outcome,
                    Err(trouble) => visit.books.not_done(&call, trouble).await,
                },
            }
        }
        .boxed()
    }

    fn conclude(&self) -> BoxFuture<'_, Exit> {
        async move {
            let end = self.end().await;
            let differs = {
                let known = (&*self.versions(), &end.survey, &*self.contents);
                self.teller.differs(Known { versions: known.0, survey: known.1, contents: known.2 })
            };
            let exit = if differs || !end.amiss.is_empty() { Exit::Failed } else { Exit::Well };
            *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
            exit
        }
        .boxed()
    }

    fn tell(&self, words: &mut Words<'_>) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        let versions = self.versions();
        let End { survey, amiss } =
            end.unwrap_or_else(|| End { survey: versions.survey(), amiss: Vec::new() });
        let known = Known { versions: &versions, survey: &survey, contents: &self.contents };
        self.teller.tell(known, words);
        amiss.iter().for_each(|error| words.paper.notice(&error.to_string()));
        if let Some(why) = self.contents.fault() {
            words
                .paper
                .notice(&format!("not all content could be kept, so not all was compared by lines: {why}"));
        }
    }
}

fn locked(versions: &Mutex<Versions>) -> MutexGuard<'_, Versions> {
    versions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One host that is asked.
struct Visit<'a> {
    census: &'a Census,
    call: &'a Call<'a>,
    books: Books,
    /// What it has; it counts when all of it is known.
    seen: Mutex<Seen>,
    /// Bytes of what its links say.
    links: AtomicUsize,
}

/// A file or a link of a host.
struct Thing<'a> {
    path: &'a [u8],
    what: What,
    size: u64,
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
            Ok(None) => self.is_all(Version::Missing, Marks::ALL),
            Ok(Some(stat)) => self.top(&remote, &path, stat).await?,
            Err(Trouble::File { fault: fault @ FileFault::NoRight, .. }) => {
                self.is_all(Version::Unreadable(fault), Marks::ALL);
            }
            Err(trouble) => return Err(trouble),
        }
        self.counts().await?;
        Ok(self.books.outcome())
    }

    /// All of it is known, so it counts.
    async fn counts(&self) -> Result<(), Trouble> {
        let (seen, versions) = (std::mem::take(&mut *self.seen()), Arc::clone(&self.census.versions));
        let host = self.call.host;
        let counted = blocking(move || Ok(locked(&versions).tree(host, &seen))).await;
        let counted = counted.expect("what failed is in it");
        counted.map_err(|error| Trouble::file(FileFault::Refused, error.to_string()))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn top(&self, remote: &Remote<'_>, path: &[u8], stat: Stat) -> Result<(), Trouble> {
        let marks = Marks { mode: stat.mode, mtime: stat.mtime };
        let links = match self.census.rules.links {
            LinkRule::PassedOver => Links::Followed,
            LinkRule::Kept => Links::Refused,
        };
        let version = match stat.kind {
            Kind::Dir => {
                self.is_all(Version::Folder, marks);
                return walk::walk(remote, path, &Asking { visit: self, remote, top: path }).await;
            }
            Kind::Special => Version::Special,
            Kind::Link { .. } => self.ask(remote, Thing { path, what: What::Link, size: 0, links }).await?,
            Kind::File { size } => {
                self.books.expect(size);
                self.ask(remote, Thing { path, what: What::File, size, links }).await?
            }
        };
        self.is_all(version, marks);
        Ok(())
    }

    /// What was named is that.
    fn is_all(&self, version: Version, marks: Marks) {
        let version = self.census.versions().version(version);
        self.seen().top(version, marks);
    }

    /// The version of a file or a link.
    async fn ask(&self, remote: &Remote<'_>, thing: Thing<'_>) -> Result<Version, Trouble> {
        let version = match thing.what {
            What::Link => remote.read_link(thing.path).await.map(Version::Link),
            _ => self.read(remote, &thing).await,
        };
        match version {
            Ok(Version::Link(to)) => {
                let bytes = self.links.fetch_add(to.len(), Ordering::Relaxed) + to.len();
                if bytes > LINKS {
                    let mib = LINKS >> 20;
                    let why = format!("its links say more than {mib} MiB; compare folder by folder");
                    return Err(Trouble::file(FileFault::Refused, why));
                }
                Ok(Version::Link(to))
            }
            Ok(version) => Ok(version),
            Err(Trouble::File { fault, why }) => {
                if !matches!(fault, FileFault::NoRight | FileFault::Missing) {
                    self.books.fail(self.call, fault, &why).await;
                }
                Ok(Version::Unreadable(fault))
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn read(&self, remote: &Remote<'_>, thing: &Thing<'_>) -> Result<Version, Trouble> {
        let room = self.census.kept().filter(|room| thing.size <= *room);
        let kept = room.map(|room| (Stream::default(), room));
        let mut keeping = Keeping { visit: self, kept };
        let got = remote.get(thing.path, &mut keeping, limit(thing.size, thing.links)).await?;
        if got.grew {
            let why = "it has more than the host said, as a file that grows; it is not compared";
            return Err(Trouble::file(FileFault::Other, format!("{}: {why}", shown(thing.path))));
        }
        if let Some((stream, _)) = keeping.kept {
            let contents = Arc::clone(&self.census.contents);
            let kept = blocking(move || {
                contents.keep(got.sha256, stream);
                Ok(())
            });
            kept.await.expect("nothing failed");
        }
        Ok(Version::File { size: got.size, sha256: got.sha256 })
    }
}

/// Keeps what is read, as far as it is to be kept.
struct Keeping<'a> {
    visit: &'a Visit<'a>,
    /// What is kept so far, and the bytes for which there is room still.
    kept: Option<(Stream, u64)>,
}

impl Sink for Keeping<'_> {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>> {
        async move {
            self.visit.books.moved(self.visit.call, bytes.len());
            let Some((mut stream, room)) = self.kept.take() else { return Ok(()) };
            let Some(room) = room.checked_sub(bytes.len() as u64) else { return Ok(()) };
            let contents = Arc::clone(&self.visit.census.contents);
            let added = blocking(move || {
                contents.add(&mut stream, &bytes);
                Ok(stream)
            });
            self.kept = Some((added.await.expect("nothing failed"), room));
            Ok(())
        }
        .boxed()
    }
}

/// A tree that is asked for.
struct Asking<'a, 'r> {
    visit: &'a Visit<'a>,
    remote: &'a Remote<'r>,
    top: &'a [u8],
}

impl Errand for Asking<'_, '_> {
    type Task = Where;

    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Option<Todo<Where>>, Trouble>> {
        async move {
            let (visit, path) = (self.visit, sifted.path());
            let there = path.below(self.top);
            for (name, refusal) in sifted.refused() {
                let line = format!("{}: {}: {refusal}", shown(&there), shown(name));
                visit.books.fail(visit.call, FileFault::Odd, &line).await;
            }
            Ok(Some(self.todo(&sifted)))
        }
        .boxed()
    }

    fn carry_out(&self, place: Where) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            let path = place.path();
            let (folder, at) = place.within().expect("what is in a folder is no top");
            let item = folder.item(at);
            let (path, links) = (&*path.below(self.top), Links::Refused);
            let thing = Thing { path, what: item.what, size: item.size, links };
            let version = self.visit.ask(self.remote, thing).await?;
            let version = self.visit.census.versions().version(version);
            self.visit.seen().is(&place, version);
            Ok(())
        }
        .boxed()
    }

    fn unread<'a>(&'a self, place: &'a Where, fault: FileFault, _why: &'a str) -> BoxFuture<'a, ()> {
        let version = self.visit.census.versions().version(Version::Unreadable(fault));
        self.visit.seen().is(place, version);
        std::future::ready(()).boxed()
    }
}

impl Asking<'_, '_> {
    /// What of a folder is to be asked for; what its listing says is known.
    fn todo(&self, sifted: &Arc<Sifted>) -> Todo<Where> {
        let known: [VersionIx; 2] = {
            let mut versions = self.visit.census.versions();
            [Version::Folder, Version::Special].map(|version| versions.version(version))
        };
        let mut seen = self.visit.seen();
        seen.folder(sifted);
        let mut todo = Todo::default();
        for (at, item) in sifted.items().enumerate() {
            let place = sifted.place_of(at);
            match item.what {
                What::Folder => seen.is(&place, known[0]),
                What::Special => seen.is(&place, known[1]),
                What::File | What::Link => {
                    self.visit.books.expect(item.size);
                    todo.tasks.push(place);
                }
            }
        }
        todo
    }
}
