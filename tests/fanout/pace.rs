//! How a run is paced, on the demo fleet in memory: waves, budget, retries, lanes, and interrupts at any moment. The fleet
//! itself knows what ran.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use omnes::run::retry::Retry;
use omnes::run::schedule::Pause;
use omnes::run::throttle::Fanout;
use omnes::run::{Look, Overseer, Pacing};

use super::*;

/// A scene with a fan-out of so many and this pace.
async fn paced(config: FleetConfig, fanout: usize, pacing: Pacing) -> (Scene, Pacing) {
    let mut scene = Scene::new(config).await;
    scene.limits.fanout = NonZeroUsize::new(fanout).expect("not zero");
    scene.output = Output::Json;
    (scene, pacing)
}

/// Runs it; `dial` is the way to the hosts.
async fn run_paced((scene, pacing): &(Scene, Pacing), dial: Arc<dyn Dial>, command: &str) -> Summary {
    let (_keep, interrupts) = mpsc::channel(1);
    let job = job(scene, pacing, dial, command);
    in_time(run::run(job, scene.output, scene.ends(), interrupts)).await
}

fn job(scene: &Scene, pacing: &Pacing, dial: Arc<dyn Dial>, command: &str) -> Job {
    let connector = Connector::new(dial, Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let job = scene.job(command);
    Job { plan: Plan { pacing: pacing.clone(), ..job.plan }, connector, ..job }
}

/// How often each host really ran the command, in the order of the fleet.
fn ran(scene: &Scene, command: &str) -> Vec<usize> {
    scene.fleet.names().map(|name| scene.fleet.truth().executions(name, command)).collect()
}

fn count(summary: &Summary, word: &str) -> usize {
    summary.outcomes.iter().filter(|outcome| outcome.word() == word).count()
}

/// Every host has exactly one outcome line, and none says anything after it.
fn each_told_once(scene: &Scene) -> Vec<serde_json::Value> {
    let lines = json_lines(&scene.out.text());
    let names: Vec<&str> = scene.fleet.names().collect();
    assert_eq!(told(&lines), names, "every host once");
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_exceeds_its_budget_begins_nothing_beyond_the_wave_it_is_in() {
    const HOSTS: usize = 1000;
    // From the 101st on all fail; waves of 50, of which each is begun as a whole.
    let faults = (101..=HOSTS).fold(Faults::none(), |faults, n| faults.with(n, Fault::ExitStatus(1)));
    let pacing = Pacing {
        waves: "50".parse().expect("waves"),
        budget: "5%".parse().expect("a budget"),
        ..Pacing::default()
    };
    let scene = paced(fleet(HOSTS, faults), 64, pacing).await;
    let summary = run_paced(&scene, scene.0.fleet.clone(), "hostname").await;
    let runs = ran(&scene.0, "hostname");
    let begun = runs.iter().sum::<usize>();
    // 50 failures are 5 %, so the wave after them still begins; the 51st is the last straw.
    assert!((151..=200).contains(&begun), "{begun} ran");
    assert!(runs.iter().all(|runs| *runs <= 1));
    assert_eq!(runs[200..].iter().sum::<usize>(), 0);
    assert_eq!(summary.exit, Exit::Budget);
    let why = summary.stopped.as_ref().expect("a reason").to_string();
    assert_eq!(why, "51 failures among 1000 hosts, where --max-fail 5% allows 50");
    for (outcome, runs) in summary.outcomes.iter().zip(&runs) {
        match outcome.word() {
            "not-started" | "cancelled" => assert_eq!(*runs, 0),
            _ => assert_eq!((outcome.word(), *runs), ("exited", 1)),
        }
    }
    assert!(count(&summary, "not-started") >= 800);
    let lines = each_told_once(&scene.0);
    let last = lines.last().expect("a summary");
    assert_eq!((&last["exit"], &last["stopped"]), (&5.into(), &why.as_str().into()));
    let said = scene.0.err.text();
    assert!(said.contains("omnes: stopped: 51 failures among 1000 hosts"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_begun_is_named_and_what_runs_goes_on_to_its_end() {
    let faults = Faults::none().with(1, Fault::ExitStatus(9));
    let pacing = Pacing { budget: "failed=0".parse().expect("a budget"), ..Pacing::default() };
    let mut scene = paced(fleet(6, faults), 1, pacing).await;
    scene.0.output = Output::Stream;
    let summary = run_paced(&scene, scene.0.fleet.clone(), "hostname").await;
    assert_eq!((summary.exit, ran(&scene.0, "hostname")), (Exit::Budget, vec![1, 0, 0, 0, 0, 0]));
    let said = scene.0.err.text();
    let end = "omnes: stopped: 1 failure (failed) among 6 hosts, where --max-fail failed=0 allows 0\n\
               omnes: 1 failed (exit status 9): demo01; 5 not started: demo[02-06]\n";
    assert!(said.ends_with(end), "{said}");
}

/// The way to a fleet on which the first connections to a host are reset, so many as are written here.
struct Shaky {
    fleet: Arc<Fleet>,
    resets: Mutex<HashMap<String, u32>>,
    /// Dialled and not yet given a stream, and the most there ever were.
    dials: AtomicUsize,
}

impl Shaky {
    fn new(fleet: &Arc<Fleet>, resets: impl Fn(usize) -> u32) -> Arc<Shaky> {
        let resets = fleet.names().enumerate().map(|(at, name)| (name.to_owned(), resets(at))).collect();
        Arc::new(Shaky { fleet: fleet.clone(), resets: Mutex::new(resets), dials: AtomicUsize::new(0) })
    }
}

impl Dial for Shaky {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let mut resets = self.resets.lock().expect("no test panics while it holds this");
        if let Some(left) = resets.get_mut(&hop.address).filter(|left| **left > 0) {
            *left -= 1;
            let why = "connection reset".to_owned();
            return Box::pin(std::future::ready(Err(ConnectError::Unreachable { stage: Stage::Tcp, why })));
        }
        self.fleet.dial(hop, progress)
    }
}

/// Waits between attempts that suit a test.
fn retries(times: u32) -> Retry {
    Retry { times, first: Duration::from_millis(20), ..Retry::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_before_anything_was_sent_is_tried_again_and_nothing_else_ever() {
    const HOSTS: usize = 200;
    // 30 % are reset one to three times before anything is sent, 5 % lose their link after it; some do both.
    let faults = Faults::by_shares(HOSTS, &[(Fault::DieAfter(0), 50)], 14);
    let pacing = Pacing { retry: retries(3), ..Pacing::default() };
    let scene = paced(fleet(HOSTS, faults), 64, pacing).await;
    let resets = |at: usize| if at % 10 < 3 { 1 + (at % 3) as u32 } else { 0 };
    let shaky = Shaky::new(&scene.0.fleet, resets);
    let summary = run_paced(&scene, shaky.clone(), "hostname").await;
    assert!(ran(&scene.0, "hostname").iter().all(|runs| *runs == 1), "each ran, and none twice");
    for (name, outcome) in scene.0.fleet.names().zip(&summary.outcomes) {
        let expected = if scene.0.fleet.fault(name).is_some() { "link-lost" } else { "exited" };
        assert_eq!(outcome.word(), expected, "{name}: {outcome}");
    }
    assert_eq!((count(&summary, "link-lost"), summary.exit), (10, Exit::NotKnown));
    // The record says how often each had a turn, and each failed attempt once.
    let lines = each_told_once(&scene.0);
    let mut failed = BTreeMap::<&str, Vec<u64>>::new();
    for line in lines.iter().filter(|line| line["event"] == "retry") {
        assert_eq!(line["outcome"], "unreachable");
        let attempts = failed.entry(line["host"].as_str().expect("a host")).or_default();
        attempts.push(line["attempt"].as_u64().expect("a number"));
    }
    let mut all = 0;
    for (at, name) in scene.0.fleet.names().enumerate() {
        let expected: Vec<u64> = (1..=u64::from(resets(at))).collect();
        assert_eq!(failed.get(name).cloned().unwrap_or_default(), expected, "{name}");
        let line = lines.iter().find(|line| line["event"] == "outcome" && line["host"] == name);
        assert_eq!(line.expect("its outcome")["attempts"], resets(at) + 1, "{name}");
        all += resets(at) as usize + 1;
    }
    assert_eq!(shaky.dials.load(Ordering::Relaxed), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_come_to_an_end_and_a_run_that_stops_makes_no_more() {
    // Demo01 is never reached; demo02 fails at once, which ends the run while demo01 waits for its next attempt.
    let faults = Faults::none().with(2, Fault::ExitStatus(1));
    for (budget, dials, exit) in [("100%", 4, Exit::Failed), ("failed=0", 1, Exit::Budget)] {
        let waits = if dials == 1 { Duration::from_secs(600) } else { Duration::from_millis(5) };
        let pacing = Pacing {
            retry: Retry { first: waits, ..retries(3) },
            budget: budget.parse().expect("a budget"),
            ..Pacing::default()
        };
        let scene = paced(fleet(2, faults.clone()), 1, pacing).await;
        let shaky = Shaky::new(&scene.0.fleet, |at| if at == 0 { u32::MAX } else { 0 });
        let summary = run_paced(&scene, shaky.clone(), "hostname").await;
        assert_eq!((summary.outcomes[0].word(), summary.exit), ("unreachable", exit), "{budget}");
        assert_eq!(shaky.dials.load(Ordering::Relaxed), dials + 1, "{budget}");
        assert_eq!(ran(&scene.0, "hostname"), [0, 1]);
        each_told_once(&scene.0);
    }
}

/// Looks at each pause with the fleet in its hand.
struct Witness {
    fleet: Arc<Fleet>,
    command: &'static str,
    /// How many hosts had run the command at each pause.
    seen: Mutex<Vec<usize>>,
    /// At which pause it stops the run, from 1.
    stops_at: usize,
}

impl Overseer for Witness {
    fn look(&self) -> futures_util::future::BoxFuture<'static, Look> {
        let truth = self.fleet.truth();
        let ran = self.fleet.names().filter(|name| truth.executions(name, self.command) > 0).count();
        let mut seen = self.seen.lock().expect("no test panics while it holds this");
        seen.push(ran);
        let look = if seen.len() == self.stops_at { Look::Stop } else { Look::GoOn };
        std::future::ready(look).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_waves_everything_stands_still_until_somebody_has_looked() {
    for (stops_at, ran_in_all, exit) in [(9, 20, Exit::Well), (2, 3, Exit::NotRun)] {
        let pacing = Pacing {
            waves: "1,10%,40%,100%".parse().expect("waves"),
            pause: Pause::Look,
            ..Pacing::default()
        };
        let scene = paced(fleet(20, Faults::none()), 64, pacing).await;
        let fleet = scene.0.fleet.clone();
        let witness = Arc::new(Witness { fleet, command: "hostname", seen: Mutex::default(), stops_at });
        let (_keep, interrupts) = mpsc::channel(1);
        let job =
            Job { overseer: witness.clone(), ..job(&scene.0, &scene.1, scene.0.fleet.clone(), "hostname") };
        let summary = in_time(run::run(job, scene.0.output, scene.0.ends(), interrupts)).await;
        let seen = witness.seen.lock().expect("no test panics while it holds this").clone();
        let waves = [1, 3, 11];
        assert_eq!(seen, waves[..stops_at.min(3)]);
        assert_eq!((ran(&scene.0, "hostname").iter().sum::<usize>(), summary.exit), (ran_in_all, exit));
        let said = scene.0.err.text();
        assert!(said.contains("wave 1 of 4 is over: 1 ok: demo01; Enter goes on with 2 hosts"), "{said}");
        let stopped = summary.stopped.map(|why| why.to_string());
        let expected = (stops_at == 2).then(|| "by you, after wave 2 of 4".to_owned());
        assert_eq!(stopped, expected);
        each_told_once(&scene.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_hears_an_interrupt_and_nobody_else_is_begun() {
    let pacing = Pacing {
        waves: "2".parse().expect("waves"),
        pause: Pause::For(Duration::from_secs(3600)),
        ..Pacing::default()
    };
    let scene = paced(fleet(6, Faults::none()), 64, pacing).await;
    let (send, interrupts) = mpsc::channel(4);
    let running = run::run(
        job(&scene.0, &scene.1, scene.0.fleet.clone(), "hostname"),
        scene.0.output,
        scene.0.ends(),
        interrupts,
    );
    let interrupting = async {
        let said = |text: &str| scene.0.err.text().contains(text);
        while !said("wave 1 of 3 is over: 2 ok: demo[01-02]") {
            tokio::task::yield_now().await;
        }
        send.send(Interrupt::Int).await.expect("the run listens");
        std::future::pending::<()>().await
    };
    let summary = in_time(async {
        tokio::select! { summary = running => summary, () = interrupting => unreachable!("it waits for ever") }
    })
    .await;
    assert_eq!((summary.exit, count(&summary, "not-started")), (Exit::Interrupted, 4));
    assert_eq!(ran(&scene.0, "hostname"), [1, 1, 0, 0, 0, 0]);
    each_told_once(&scene.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_at_any_moment_leaves_every_host_accounted_for() {
    const HOSTS: usize = 60;
    for round in 0..6_usize {
        // The moment is the n-th line of a host or end of one, so that all phases of a run are met.
        let faults = Faults::by_shares(HOSTS, LEDGER, round as u64)
            .with(1 + round % HOSTS, Fault::Stall(StallAt::Login))
            .with(1 + (round * 7 + 3) % HOSTS, Fault::DieAfter(0));
        let pacing =
            Pacing { retry: retries(2), waves: "10,50%".parse().expect("waves"), ..Pacing::default() };
        let mut scene = paced(fleet(HOSTS, faults), 16, pacing).await;
        scene.0.connect_timeout = Duration::from_secs(3);
        scene.0.limits.command_timeout = Some(Duration::from_secs(1));
        let (send, interrupts) = mpsc::channel(4);
        let running = run::run(
            job(&scene.0, &scene.1, scene.0.fleet.clone(), "hostname"),
            scene.0.output,
            scene.0.ends(),
            interrupts,
        );
        let (moment, times) = (round * 8, 1 + round % 3);
        let interrupting = async {
            while scene.0.out.text().matches("\n").count() < moment {
                tokio::task::yield_now().await;
            }
            for _ in 0..times {
                send.send(Interrupt::Int).await.expect("the run listens");
            }
            std::future::pending::<()>().await
        };
        let summary = in_time(async {
            tokio::select! { summary = running => summary, () = interrupting => unreachable!("it waits for ever") }
        })
        .await;
        assert_eq!(summary.exit, Exit::Interrupted, "{round}");
        assert_eq!(summary.outcomes.len(), HOSTS);
        for (runs, outcome) in ran(&scene.0, "hostname").iter().zip(&summary.outcomes) {
            assert!(*runs <= 1, "{round}: {outcome}");
            assert!(
                *runs == 0 || !matches!(outcome, Outcome::NotRun(_)),
                "{round}: ran, and is told as {outcome}"
            );
            assert!(
                *runs == 1 || !matches!(outcome, Outcome::Exited(_)),
                "{round}: {outcome}, and did not run"
            );
        }
        // Whoever interrupts again when no host is at work any more does not wait for the record.
        if times == 1 {
            let lines = each_told_once(&scene.0);
            assert_eq!(lines.last().expect("a summary")["exit"], 130, "{round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_hosts_at_the_front_do_not_keep_the_live_ones_from_their_turn() {
    // Two live hosts, then twelve dead ones, then 26 live ones, and room for 8 at once: without a lane of their own the dead
    // ones would hold all of it until their connect timeout.
    let faults = (3..=14).fold(Faults::none(), |faults, n| faults.with(n, Fault::Stall(StallAt::Banner)));
    let pacing = Pacing { fanout: Fanout::Adapts { aside: 100 }, ..Pacing::default() };
    let mut scene = paced(fleet(40, faults), 8, pacing).await;
    scene.0.connect_timeout = Duration::from_secs(8);
    let summary = run_paced(&scene, scene.0.fleet.clone(), "hostname").await;
    assert_eq!((count(&summary, "exited"), count(&summary, "unreachable")), (28, 12));
    let lines = each_told_once(&scene.0);
    let ends = lines.iter().filter(|line| line["event"] == "outcome");
    let words: Vec<&str> = ends.filter_map(|line| line["outcome"].as_str()).collect();
    assert!(
        words[..28].iter().all(|word| *word == "exited"),
        "a dead one ended before a live one: {words:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_that_adapts_accounts_for_every_host_of_a_mixed_fleet() {
    const HOSTS: usize = 300;
    let pacing = Pacing { fanout: Fanout::Adapts { aside: 200 }, ..Pacing::default() };
    let mut scene = paced(fleet(HOSTS, Faults::by_shares(HOSTS, LEDGER, 9)), 64, pacing).await;
    scene.0.connect_timeout = Duration::from_secs(10);
    scene.0.limits.command_timeout = Some(Duration::from_secs(5));
    let summary = run_paced(&scene, scene.0.fleet.clone(), "hostname").await;
    let expected = |name: &str| match scene.0.fleet.fault(name) {
        None => "exited",
        Some(Fault::Stall(StallAt::Request) | Fault::DieAfter(_)) => "link-lost",
        Some(Fault::Refuse(_) | Fault::Stall(_)) => "unreachable",
        Some(Fault::ChangedKey) => "host-key",
        Some(Fault::RefuseLogin) => "login",
        Some(Fault::Flood(_)) => "timed-out",
        Some(Fault::NoExitStatus) => "no-status",
        Some(other) => panic!("{other:?} is not in the ledger"),
    };
    for (name, outcome) in scene.0.fleet.names().zip(&summary.outcomes) {
        assert_eq!(outcome.word(), expected(name), "{name}: {outcome}");
    }
    assert!(ran(&scene.0, "hostname").iter().all(|runs| *runs <= 1));
    each_told_once(&scene.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_hosts_are_on_their_way_at_once_where_they_are_reached_and_fewer_where_they_turn_away() {
    // Forty hosts that answer, then some that never do: as many of those are begun as may be on their way at once.
    const GOOD: usize = 40;
    const HOSTS: usize = 200;
    let faults =
        (GOOD + 1..=HOSTS).fold(Faults::none(), |faults, n| faults.with(n, Fault::Stall(StallAt::Banner)));
    for (turns_away, least, most) in [(false, 33, 32 + GOOD), (true, 16, 31)] {
        let pacing = Pacing { fanout: Fanout::Adapts { aside: 0 }, ..Pacing::default() };
        let scene = paced(fleet(HOSTS, faults.clone()), 256, pacing).await;
        let dial: Arc<dyn Dial> = match turns_away {
            true => Arc::new(Porch(scene.0.fleet.clone(), Mutex::default())),
            false => scene.0.fleet.clone(),
        };
        let (send, interrupts) = mpsc::channel(4);
        let job = job(&scene.0, &scene.1, dial, "hostname");
        let running = run::run(job, scene.0.output, scene.0.ends(), interrupts);
        let interrupting = async {
            let names: Vec<&str> = scene.0.fleet.names().collect();
            let (good, silent) = names.split_at(GOOD);
            let settled = |truth: &omnes::demo::Truth| {
                good.iter().all(|name| truth.executions(name, "hostname") == 1)
                    && silent.iter().filter(|name| truth.connections(name) > 0).count() >= least
            };
            scene.0.fleet.truth().wait_until(settled).await;
            send.send(Interrupt::Int).await.expect("the run listens");
            std::future::pending::<()>().await
        };
        let summary = in_time(async {
            tokio::select! { summary = running => summary, () = interrupting => unreachable!("it waits for ever") }
        })
        .await;
        let on_their_way = count(&summary, "cancelled");
        assert!((least..=most).contains(&on_their_way), "{turns_away}: {on_their_way} at once");
        each_told_once(&scene.0);
    }
}
