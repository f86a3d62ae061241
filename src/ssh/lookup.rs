//! Names to addresses, many at once.
//!
//! Theory: the system's resolver blocks the thread that asks it, for tens of seconds where a name server is silent, and
//! cannot be interrupted. So it is asked on threads of our own: they starve nobody else's work, and the end of the
//! program does not wait for them. A name is given up after a deadline of its own, whatever its thread still does, and
//! another thread takes the place of that one. Names that are asked for while they are looked up are looked up once.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::clock::{Progress, Wait};
use super::socket::is_scarce;

/// Threads that look names up and are within the deadline; further names wait for one of them.
const THREADS: usize = 64;

/// Threads in all, with those that a silent name server still keeps.
const CEILING: usize = 256;

/// How long a name may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a thread waits for another name before it ends.
const IDLE: Duration = Duration::from_secs(1);

/// The stack of such a thread in bytes; the system's resolver loads modules and uses large buffers.
const STACK: usize = 512 * 1024;

/// Asks for the addresses of one name; may block.
pub trait Directory: Send + Sync + 'static {
    /// All addresses of a name in the order in which they should be tried, their port 0.
    fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the system (`getaddrinfo`), with `/etc/hosts` and whatever else is configured there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct System;

impl Directory for System {
    fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let found = (name, 0).to_socket_addrs().map(Iterator::collect);
        // Without a descriptor to read its files or to ask a server, it says that there is no such name.
        found.map_err(|error| File::open("/dev/null").err().filter(is_scarce).unwrap_or(error))
    }
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    #[error("no such name")]
    NoSuchName,
    #[error("the name has no address")]
    NoAddress,
    #[error("the resolver did not answer in {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("the resolver could not say just now (temporary failure)")]
    Temporary,
    /// There is no file descriptor for it; later there may be.
    #[error("too many open files")]
    Scarce,
    #[error("{0}")]
    Other(String),
}

impl Unresolved {
    /// The standard library gives what `getaddrinfo` says as text only: glibc's, musl's and that of the BSDs.
    fn new(error: &io::Error) -> Unresolved {
        if is_scarce(error) {
            return Unresolved::Scarce;
        }
        let text = error.to_string();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&["Name or service not known", "Name does not resolve", "nodename nor servname"]) {
            Unresolved::NoSuchName
        } else if says(&["No address associated", "Name has no usable address"]) {
            Unresolved::NoAddress
        } else if says(&["Temporary failure", "Try again"]) {
            Unresolved::Temporary
        } else {
            Unresolved::Other(crate::escape::text(&text, 200))
        }
    }
}

type Answer = Result<Arc<[SocketAddr]>, Unresolved>;

/// How far a name is.
#[derive(Clone, Debug)]
enum Step {
    Queued,
    Begun,
    Done(Answer),
}

/// A name that is looked up, for everybody who asked for it.
struct Inquiry {
    name: String,
    step: watch::Sender<Step>,
}

/// Whether there is a thread for each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Staffing {
    Enough,
    Short,
}

/// Looks names up; cheap to clone.
#[derive(Clone)]
pub struct Lookups {
    desk: Arc<Desk>,
}

struct Desk {
    lookup: Box<dyn Directory>,
    deadline: Duration,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    /// At most one inquiry for each host that connects at the moment.
    queue: VecDeque<Arc<Inquiry>>,
    in_flight: HashMap<String, Arc<Inquiry>>,
    threads: usize,
    idle: usize,
    /// Threads whose name was given up.
    overdue: usize,
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups").field("deadline", &self.desk.deadline).finish_non_exhaustive()
    }
}

impl Lookups {
    /// Names are looked up with `lookup` and given up after 5 s.
    pub fn new(lookup: impl Directory) -> Lookups {
        Lookups::within(lookup, DEADLINE)
    }

    /// The same with another deadline.
    pub fn within(lookup: impl Directory, deadline: Duration) -> Lookups {
        let desk = Desk { lookup: Box::new(lookup), deadline, state: Mutex::default(), more: Condvar::new() };
        Lookups { desk: Arc::new(desk) }
    }

    /// The addresses of a name or of an address, their port 0. While others are looked up first, that is told.
    pub(super) async fn get(&self, name: &str, progress: &dyn Progress) -> Answer {
        if let Ok(address) = name.parse() {
            return Ok(Arc::new([SocketAddr::new(address, 0)]));
        }
        let (inquiry, mut step, staffing) = self.inquire(name);
        if staffing == Staffing::Short {
            progress.waiting(Some(Wait::Turn));
        }
        let begun = step.wait_for(|step| !matches!(step, Step::Queued)).await.map(drop);
        begun.expect("this very function holds the sender");
        if staffing == Staffing::Short {
            progress.waiting(None);
        }
        let done = step.wait_for(|step| matches!(step, Step::Done(_)));
        match tokio::time::timeout(self.desk.deadline, done).await.map(|done| done.map(|step| step.clone())) {
            Ok(Ok(Step::Done(answer))) => answer,
            Ok(_) => unreachable!("only the last step was waited for"),
            Err(_) => {
                self.give_up(&inquiry);
                Err(Unresolved::Silent(self.desk.deadline))
            }
        }
    }

    fn inquire(&self, name: &str) -> (Arc<Inquiry>, watch::Receiver<Step>, Staffing) {
        let mut state = self.desk.state();
        if let Some(inquiry) = state.in_flight.get(name) {
            return (Arc::clone(inquiry), inquiry.step.subscribe(), Staffing::Enough);
        }
        let inquiry = Arc::new(Inquiry { name: name.to_owned(), step: watch::Sender::new(Step::Queued) });
        state.in_flight.insert(name.to_owned(), Arc::clone(&inquiry));
        state.queue.push_back(Arc::clone(&inquiry));
        let step = inquiry.step.subscribe();
        let staffing = self.desk.staff(&mut state);
        (inquiry, step, staffing)
    }

    /// Its thread counts no longer, and whoever asks for the name again begins anew.
    fn give_up(&self, inquiry: &Arc<Inquiry>) {
        let mut state = self.desk.state();
        if state.forget(inquiry) {
            state.overdue += 1;
            self.desk.staff(&mut state);
        }
    }
}

impl State {
    /// False where somebody else has done so.
    fn forget(&mut self, inquiry: &Arc<Inquiry>) -> bool {
        let ours = self.in_flight.get(&inquiry.name).is_some_and(|known| Arc::ptr_eq(known, inquiry));
        ours && self.in_flight.remove(&inquiry.name).is_some()
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody takes what is queued.
    fn staff(self: &Arc<Self>, state: &mut State) -> Staffing {
        self.more.notify_one();
        if state.queue.len() <= state.idle {
            return Staffing::Enough;
        }
        if state.threads - state.overdue >= THREADS || state.threads >= CEILING {
            return Staffing::Short;
        }
        let desk = Arc::clone(self);
        let thread = std::thread::Builder::new().name("omnes-names".to_owned()).stack_size(STACK);
        match thread.spawn(move || desk.work()) {
            Ok(_) => {
                state.threads += 1;
                Staffing::Enough
            }
            // The threads that there are come to it; without any it is an answer.
            Err(_) if state.threads > state.overdue => Staffing::Short,
            Err(error) => {
                for inquiry in std::mem::take(&mut state.queue) {
                    state.forget(&inquiry);
                    let why = Unresolved::Other(format!("no thread can be started: {error}"));
                    inquiry.step.send_replace(Step::Done(Err(why)));
                }
                Staffing::Enough
            }
        }
    }

    /// The life of a thread.
    fn work(self: Arc<Self>) {
        while let Some(inquiry) = self.next() {
            inquiry.step.send_replace(Step::Begun);
            let answer = match self.lookup.addresses(&inquiry.name) {
                Ok(found) if found.is_empty() => Err(Unresolved::NoAddress),
                Ok(found) => Ok(found.into()),
                Err(error) => Err(Unresolved::new(&error)),
            };
            let mut state = self.state();
            if !state.forget(&inquiry) {
                state.overdue -= 1;
            }
            drop(state);
            inquiry.step.send_replace(Step::Done(answer));
        }
    }

    /// The next name that somebody waits for; `None` when there was none for a while, or others have taken this
    /// thread's place.
    fn next(&self) -> Option<Arc<Inquiry>> {
        let mut state = self.state();
        loop {
            if state.threads - state.overdue > THREADS {
                break;
            }
            if let Some(inquiry) = state.queue.pop_front() {
                if inquiry.step.receiver_count() > 0 {
                    return Some(inquiry);
                }
                state.forget(&inquiry);
                continue;
            }
            state.idle += 1;
            let (woken, wait) = self.more.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// What a name says about itself.
    struct Told {
        asked: Arc<AtomicUsize>,
        /// Names that begin with `silent` are answered when this is over.
        silence: Arc<Silence>,
    }

    #[derive(Default)]
    struct Silence {
        over: Mutex<bool>,
        ended: Condvar,
    }

    impl Silence {
        fn end(&self) {
            *self.over.lock().unwrap() = true;
            self.ended.notify_all();
        }
    }

    impl Directory for Told {
        fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
            self.asked.fetch_add(1, SeqCst);
            let says = |text: &str| Err(io::Error::other(format!("failed to lookup: {text}")));
            match name.split('-').next() {
                Some("silent") => {
                    let over = self.silence.over.lock().unwrap();
                    drop(self.silence.ended.wait_while(over, |over| !*over).unwrap());
                    says("Temporary failure in name resolution")
                }
                Some("unknown") => says("Name or service not known"),
                Some("bare") => says("No address associated with hostname"),
                Some("empty") => Ok(Vec::new()),
                Some("strange") => says("\x1b[2J"),
                Some("scarce") => Err(io::Error::from_raw_os_error(24)),
                _ => Ok(vec!["192.0.2.1:0".parse().unwrap()]),
            }
        }
    }

    fn told() -> (Lookups, Arc<AtomicUsize>, Arc<Silence>) {
        let (asked, silence) = (Arc::<AtomicUsize>::default(), Arc::<Silence>::default());
        let lookup = Told { asked: Arc::clone(&asked), silence: Arc::clone(&silence) };
        (Lookups::within(lookup, Duration::from_millis(300)), asked, silence)
    }

    #[tokio::test]
    async fn what_the_resolver_says_is_classified() {
        let (lookups, ..) = told();
        for (name, why) in [
            ("unknown-1", Unresolved::NoSuchName),
            ("bare-1", Unresolved::NoAddress),
            ("empty-1", Unresolved::NoAddress),
            ("scarce-1", Unresolved::Scarce),
            ("strange-1", Unresolved::Other("failed to lookup: ^[[2J".to_owned())),
        ] {
            assert_eq!(lookups.get(name, &()).await.unwrap_err(), why, "{name}");
        }
        assert_eq!(lookups.get("web1", &()).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn addresses_ask_nobody() {
        let (lookups, asked, _) = told();
        for address in ["192.0.2.7", "2001:db8::7"] {
            let found = lookups.get(address, &()).await.unwrap();
            assert_eq!(found[0].ip().to_string(), address);
        }
        assert_eq!(asked.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask_meanwhile() {
        let (lookups, asked, silence) = told();
        let waits: Vec<_> = (0..50).map(|_| lookups.get("silent-1", &())).collect();
        for answer in futures_util::future::join_all(waits).await {
            let why = answer.unwrap_err();
            assert_eq!(why.to_string(), "the resolver did not answer in 0.3 s");
        }
        silence.end();
        assert_eq!(asked.load(SeqCst), 1);
        // The next who asks begins anew.
        assert_eq!(lookups.get("silent-1", &()).await.unwrap_err(), Unresolved::Temporary);
        assert_eq!(asked.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn silent_names_keep_nobody_waiting_for_long() {
        let (lookups, asked, silence) = told();
        let silent: Vec<String> = (0..THREADS + 20).map(|n| format!("silent-{n}")).collect();
        let silent = futures_util::future::join_all(silent.iter().map(|name| lookups.get(name, &())));
        // It stands in the queue behind more names than there are threads.
        let (silent, known) = tokio::join!(silent, lookups.get("web1", &()));
        assert!(silent.iter().all(|answer| matches!(answer, Err(Unresolved::Silent(_)))));
        assert!(known.is_ok());
        assert_eq!(asked.load(SeqCst), THREADS + 21);
        silence.end();
        // When the name server is back the threads go, and the books are right.
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while lookups.desk.state().threads > 0 {
            assert!(std::time::Instant::now() < deadline, "threads that never end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(lookups.desk.state().overdue, 0);
        assert!(lookups.desk.state().in_flight.is_empty());
    }

    #[tokio::test]
    async fn the_system_knows_localhost_and_no_invalid_name() {
        let lookups = Lookups::new(System);
        let found = lookups.get("localhost", &()).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
        let why = lookups.get("no-such-host.invalid", &()).await.unwrap_err();
        // A machine without any name server cannot know that there is none.
        assert!(matches!(why, Unresolved::NoSuchName | Unresolved::Temporary), "{why}");
    }
}
