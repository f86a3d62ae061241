//! The deed of `omnes push`: looking at what stands on a host, and bringing there what is missing.
//!
//! Theory: until the first byte goes out that changes anything, the host is only looked at, so a host that fails before that
//! was certainly not changed. From then on each file is whole or what it was; where the link is lost in between, nobody knows
//! how far it came, and pushing again is always right, since what is there already is found. That is why a push that goes on
//! has all hosts do their part again on which not everything is known to be in its place.

mod owner;
mod survey;
mod visit;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;

pub(super) use self::survey::Ground;
use super::changes::Policy;
use super::fill::Filling;
use super::look::Wanted;
use super::place::{At, Landing};
use super::put::Verify;
use super::source::Lot;
use super::source::feed::Feed;
use super::tidy::Tidy;
use super::window::Budget;
use crate::hosts::{Facts, Host, Place};
use crate::outcome::{NotRun, Outcome};
use crate::run::deed::Work;
use crate::run::report::Words;
use crate::run::sudo::Sudo;
use crate::run::{Call, Deed, HostIx};
use crate::ssh::{Link, SudoPasswords};

/// Entries of the source that are held against what stands on hosts at once, all hosts together; more wait. What a host
/// needs for each goes when it is known what is to be done.
const SURVEYED: u32 = 1_000_000;

/// How files get to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// SFTP.
    #[default]
    Sftp,
    /// A POSIX shell.
    Shell,
}

/// What is done with what is found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// It is carried out.
    #[default]
    Change,
    /// It is told, and nothing is changed.
    Foresee,
}

/// Whom everything is to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// A name or number of the host.
    pub user: String,
    /// The same; without one the group of the user's logins.
    pub group: Option<String>,
}

/// How things are pushed; the same for all hosts.
#[derive(Default)]
pub struct Manner {
    /// When two files are the same, and which marks they have.
    pub policy: Policy,
    /// What old content is kept under: behind its name.
    pub backup: Option<Vec<u8>>,
    /// Whom everything is to belong to.
    pub owner: Option<Owner>,
    /// By `sudo`, with whoever has passwords.
    pub sudo: Option<(Sudo, SudoPasswords)>,
    /// How files get there.
    pub via: Via,
    /// How content is proven.
    pub verify: Verify,
    /// Whether it is done at all.
    pub purpose: Purpose,
}

/// What one host gets.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Which part of the source.
    pub lot: Lot,
    /// Where it goes.
    pub at: At,
    /// The host, as a template sees it.
    pub host: Host,
    /// What is known of it.
    pub facts: Facts,
    /// Its number in the whole run, from 1.
    pub n: usize,
    /// How many hosts the whole run has.
    pub count: usize,
}

/// A push of these sources to these hosts.
pub struct Push {
    feed: Arc<Feed>,
    parcels: Vec<Parcel>,
    manner: Manner,
    /// By the place among all entries: files that are filled in.
    fillings: HashMap<usize, Filling>,
    /// What every host gets where all get the same, to be looked up.
    wanted: Option<Wanted>,
    /// What is remembered and deleted, where a folder is pushed as a whole.
    tidy: Option<Arc<Tidy>>,
    budget: Arc<Budget>,
    /// How much may be looked at at once, in entries.
    surveys: Semaphore,
}

impl Parcel {
    /// The host, as a template sees it.
    pub fn place(&self) -> Place<'_> {
        Place { host: &self.host, facts: &self.facts, n: self.n, count: self.count }
    }
}

impl Push {
    /// For hosts in the order of the plan. `bytes` is what all hosts together may have under way beyond what each has.
    pub fn new(feed: Arc<Feed>, parcels: Vec<Parcel>, manner: Manner, bytes: usize) -> Push {
        let all = feed.sources().all();
        let is_same = parcels.iter().all(|parcel| parcel.lot == all);
        let wanted =
            (is_same && !all.is_lone()).then(|| Wanted::new(&feed.sources().entries(&all, Landing::Into)));
        Push {
            feed,
            parcels,
            manner,
            fillings: HashMap::new(),
            wanted,
            tidy: None,
            budget: Budget::new(bytes),
            surveys: Semaphore::new(SURVEYED as usize),
        }
    }

    /// The same with files that are filled in for each host, by their places among all entries.
    pub fn filling(self, fillings: HashMap<usize, Filling>) -> Push {
        Push { fillings, ..self }
    }

    /// The same with what is remembered and deleted.
    pub fn tidying(self, tidy: Option<Arc<Tidy>>) -> Push {
        Push { tidy, ..self }
    }

    /// Whether anything is changed in this visit.
    fn changes(&self) -> bool {
        self.manner.purpose == Purpose::Change && !self.tidy.as_ref().is_some_and(|tidy| tidy.only_looks())
    }

    /// What was read of the source.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// What this host gets, and where.
    pub fn parcel(&self, host: HostIx) -> &Parcel {
        &self.parcels[host.0]
    }
}

impl Deed for Push {
    fn work(&self) -> Work {
        Work::Files
    }

    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let parcel = &self.parcels[call.host.0];
            let visit = Visit { push: self, call: &call, link, parcel, lot: &parcel.lot };
            tokio::select! {
                biased;
                outcome = visit.go() => outcome,
                () = visit.given_up() => Outcome::NotRun(NotRun::Cancelled),
                ending = call.to_be_ended() => visit.ended(ending),
            }
        }
        .boxed()
    }

    fn tell(&self, words: &mut Words<'_>) {
        if let (Purpose::Foresee, Some(tidy)) = (self.manner.purpose, &self.tidy) {
            tidy.tell(words);
        }
    }
}

/// One host's part.
struct Visit<'a> {
    push: &'a Push,
    call: &'a Call<'a>,
    link: &'a Link,
    parcel: &'a Parcel,
    lot: &'a Lot,
}
