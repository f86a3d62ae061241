use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::ssh::Stage;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

fn unreachable() -> Outcome {
    ConnectError::Unreachable { stage: Stage::Tcp, why: String::new() }.into()
}

/// All that is begun now.
fn starts(schedule: &mut Schedule, now: Duration) -> (Vec<usize>, Decision) {
    let mut begun = Vec::new();
    loop {
        match schedule.next(now) {
            Decision::Start(host, _) => begun.push(host.0),
            other => return (begun, other),
        }
    }
}

#[test]
fn hosts_have_their_turns_in_order_and_no_more_than_the_fan_out_at_once() {
    let pacing = Pacing { turns: [3, 1, 2, 0].map(HostIx).to_vec(), ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 4, n(2));
    assert_eq!(starts(&mut schedule, ms(0)), (vec![3, 1], Decision::Wait(None)));
    assert_eq!(schedule.ended(HostIx(1), &Outcome::Exited(0)), None);
    assert_eq!(starts(&mut schedule, ms(1)), (vec![2], Decision::Wait(None)));
    for host in [3, 2] {
        schedule.ended(HostIx(host), &Outcome::Exited(0));
    }
    assert_eq!(starts(&mut schedule, ms(2)), (vec![0], Decision::Wait(None)));
    schedule.ended(HostIx(0), &Outcome::Exited(0));
    assert_eq!(starts(&mut schedule, ms(3)), (vec![], Decision::Over));
    assert_eq!(schedule.stopped(), None);
}

#[test]
fn no_host_of_a_wave_is_begun_before_every_host_of_the_one_before_has_its_end() {
    let pacing = Pacing { waves: "1,2,100%".parse().expect("waves"), ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 6, n(10));
    assert_eq!(starts(&mut schedule, ms(0)), (vec![0], Decision::Wait(None)));
    schedule.ended(HostIx(0), &Outcome::Exited(0));
    let over = WaveOver { wave: 1, waves: 3, hosts: 0..1, next: 2 };
    assert_eq!(starts(&mut schedule, ms(1)), (vec![], Decision::WaveOver(over.clone())));
    assert_eq!(schedule.hosts(&over), [HostIx(0)]);
    assert_eq!(starts(&mut schedule, ms(1)), (vec![], Decision::Wait(None)), "it is said once");
    schedule.go_on();
    assert_eq!(starts(&mut schedule, ms(2)), (vec![1, 2], Decision::Wait(None)));
    schedule.ended(HostIx(2), &Outcome::Exited(1));
    assert_eq!(starts(&mut schedule, ms(3)), (vec![], Decision::Wait(None)));
    schedule.ended(HostIx(1), &Outcome::Exited(0));
    let over = WaveOver { wave: 2, waves: 3, hosts: 1..3, next: 3 };
    assert_eq!(starts(&mut schedule, ms(3)), (vec![], Decision::WaveOver(over)));
    schedule.stop_here();
    assert_eq!(schedule.next(ms(4)), Decision::Over);
    assert_eq!(schedule.stopped().map(ToString::to_string).as_deref(), Some("by you, after wave 2 of 3"));
    let cut: Vec<Vec<usize>> =
        pacing.waves(6).into_iter().map(|wave| wave.into_iter().map(|host| host.0).collect()).collect();
    assert_eq!(cut, [vec![0], vec![1, 2], vec![3, 4, 5]]);
}

#[test]
fn another_attempt_belongs_to_its_wave_and_comes_before_hosts_that_had_none() {
    let pacing = Pacing { waves: "3,100%".parse().expect("waves"), ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 4, n(2));
    assert_eq!(starts(&mut schedule, ms(0)).0, [0, 1]);
    assert!(schedule.failed(ms(10), HostIx(0), (&unreachable(), ms(100))));
    assert_eq!(starts(&mut schedule, ms(10)), (vec![2], Decision::Wait(None)));
    schedule.ended(HostIx(1), &Outcome::Exited(0));
    assert_eq!(starts(&mut schedule, ms(20)), (vec![], Decision::Wait(Some(ms(110)))));
    schedule.ended(HostIx(2), &Outcome::Exited(0));
    assert_eq!(starts(&mut schedule, ms(109)), (vec![], Decision::Wait(Some(ms(110)))));
    assert_eq!(schedule.next(ms(110)), Decision::Start(HostIx(0), 2));
    schedule.ended(HostIx(0), &unreachable());
    assert!(matches!(schedule.next(ms(120)), Decision::WaveOver(_)));
}

#[test]
fn beyond_the_budget_nothing_is_begun_and_nothing_tried_again() {
    let pacing = Pacing { budget: "1".parse().expect("a budget"), ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 100, n(4));
    assert_eq!(starts(&mut schedule, ms(0)).0, [0, 1, 2, 3]);
    assert!(schedule.failed(ms(1), HostIx(0), (&unreachable(), ms(5))));
    assert_eq!(schedule.ended(HostIx(1), &Outcome::Exited(1)), None);
    assert!(matches!(schedule.ended(HostIx(2), &Outcome::Exited(1)), Some(Stopped::Budget(_))));
    assert_eq!(starts(&mut schedule, ms(500)), (vec![], Decision::Wait(None)));
    assert!(!schedule.failed(ms(600), HostIx(3), (&unreachable(), ms(5))), "that was its end");
    assert_eq!(schedule.next(ms(700)), Decision::Over);
}

#[test]
fn dead_hosts_hold_no_live_one_back() {
    // Every fourth host is dead and ends after 15 s; the others take 50 ms.
    let pacing = Pacing { fanout: Fanout::Adapts { aside: 300 }, ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 1000, n(64));
    let (mut now, mut ends) = (ms(0), BTreeSet::<(Duration, usize)>::new());
    let (mut live, mut last_live) = (0, ms(0));
    loop {
        let decision = schedule.next(now);
        let until = match decision {
            Decision::Start(host, _) => {
                let took = if host.0 % 4 == 0 { ms(15_000) } else { ms(50) };
                ends.insert((now + took, host.0));
                continue;
            }
            Decision::Wait(until) => until,
            Decision::Over => break,
            Decision::WaveOver(_) => panic!("there is one wave"),
        };
        let (end, host) = *ends.first().expect("somebody is at work");
        if let Some(until) = until.filter(|until| *until < end) {
            assert!(until > now, "it must not spin");
            now = until;
            continue;
        }
        now = end;
        ends.pop_first();
        if host % 4 == 0 {
            schedule.ended(HostIx(host), &unreachable());
        } else {
            schedule.reached(HostIx(host), ms(50));
            schedule.ended(HostIx(host), &Outcome::Exited(0));
            (live, last_live) = (live + 1, now);
        }
    }
    assert_eq!(live, 750);
    // In the order of their turns 64 at a time would take four walls of 15 s.
    assert!(last_live < ms(15_000), "the last live one came after {last_live:?}");
    assert!(now < ms(31_000), "{now:?}");
}

#[test]
fn commands_that_go_on_for_long_leave_the_way_to_others_up_to_the_fan_out() {
    let pacing = Pacing { fanout: Fanout::Adapts { aside: 9 }, ..Pacing::default() };
    let mut schedule = Schedule::new(&pacing, 1000, n(256));
    let (mut begun, mut slow) = (0, 0);
    loop {
        let (hosts, decision) = starts(&mut schedule, ms(1));
        begun += hosts.len();
        if hosts.is_empty() {
            assert_eq!(decision, Decision::Wait(None));
            break;
        }
        // Reaching them takes ever longer, so that no more than in the beginning are on their way at once.
        for host in hosts {
            slow += 1;
            schedule.reached(HostIx(host), ms(1 << (slow / 4).min(20)));
        }
    }
    assert_eq!(begun, 256);
}

#[test]
fn who_waits_for_its_turn_keeps_nobody_from_setting_out_and_who_is_turned_away_does() {
    for (way, begun) in [(Way::Waits, 100), (Way::Back, 32)] {
        let pacing = Pacing { fanout: Fanout::Adapts { aside: 9 }, ..Pacing::default() };
        let mut schedule = Schedule::new(&pacing, 1000, n(100));
        let mut all = 0;
        loop {
            let (hosts, _) = starts(&mut schedule, ms(1));
            all += hosts.len();
            if hosts.is_empty() {
                break;
            }
            hosts.iter().for_each(|host| schedule.goes(ms(1), HostIx(*host), way));
        }
        assert_eq!(all, begun, "{way:?}");
    }
}

#[derive(Clone, Debug)]
enum Fate {
    Well,
    Failed,
    /// Not reached, so often; then well.
    Shaky(u32),
    Dead,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Well),
        1 => Just(Fate::Failed),
        2 => (1_u32..5).prop_map(Fate::Shaky),
        1 => Just(Fate::Dead),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the hosts do and in whatever order they end: each ends exactly once, none has two attempts at once or one
    /// after its end, the bounds hold, and after a stop nothing is begun.
    #[test]
    fn every_host_ends_once_whatever_happens(
        fates in prop::collection::vec(fate(), 1..80),
        (waves, budget, times) in ("[1-9]|[1-9],[1-9][0-9]%,100%", "[0-9]|100%|failed=0", 0_u32..4),
        (fanout, aside, adapts) in (1_usize..40, 0_usize..20, any::<bool>()),
        picks in prop::collection::vec(any::<u16>(), 400),
        stop_after in prop::option::of(0_usize..200),
    ) {
        let hosts = fates.len();
        let pacing = Pacing {
            waves: waves.parse().expect("waves"),
            budget: budget.parse().expect("a budget"),
            retry: Retry { times, first: ms(10), ..Retry::default() },
            fanout: if adapts { Fanout::Adapts { aside } } else { Fanout::Fixed },
            ..Pacing::default()
        };
        let aside = if adapts { aside } else { 0 };
        let mut schedule = Schedule::new(&pacing, hosts, n(fanout));
        let retrying = schedule.retry();
        let (mut now, mut stopped, mut steps) = (ms(0), false, 0);
        let mut at_work: Vec<(usize, u32)> = Vec::new();
        let mut ended = BTreeMap::<usize, u32>::new();
        let mut waiting = BTreeSet::new();
        let mut picks = picks.into_iter().cycle();
        let mut pick = move || usize::from(picks.next().expect("they never end"));
        loop {
            steps += 1;
            prop_assert!(steps < 100_000, "it comes to an end");
            if Some(steps) == stop_after {
                schedule.stop();
                stopped = true;
            }
            let until = match schedule.next(now) {
                Decision::Start(host, attempt) => {
                    prop_assert!(!stopped, "nothing is begun after a stop");
                    prop_assert!(!ended.contains_key(&host.0) && at_work.iter().all(|(at, _)| *at != host.0));
                    prop_assert_eq!(waiting.remove(&host.0), attempt > 1);
                    prop_assert!(attempt <= times + 1);
                    at_work.push((host.0, attempt));
                    prop_assert!(at_work.len() <= fanout + aside, "{} at work", at_work.len());
                    continue;
                }
                Decision::WaveOver(over) => {
                    prop_assert!(at_work.is_empty() && waiting.is_empty());
                    prop_assert!(schedule.hosts(&over).iter().all(|host| ended.contains_key(&host.0)));
                    if pick() % 20 == 0 { schedule.stop_here(); stopped = true } else { schedule.go_on() }
                    continue;
                }
                Decision::Wait(until) => until,
                Decision::Over => break,
            };
            if at_work.is_empty() || (until.is_some() && pick() % 3 == 0) {
                let until = until.expect("somebody is at work, or there is something to wait for");
                prop_assert!(until > now, "it does not spin");
                now = until;
                continue;
            }
            now += ms(7);
            let chosen = pick() % at_work.len();
            let (host, attempt) = at_work[chosen];
            match pick() % 8 {
                0 => { schedule.goes(now, HostIx(host), Way::Waits); continue }
                1 => { schedule.goes(now, HostIx(host), Way::Goes); continue }
                2 => { schedule.goes(now, HostIx(host), Way::Back); continue }
                _ => {}
            }
            at_work.swap_remove(chosen);
            let outcome = match fates[host] {
                Fate::Well => Outcome::Exited(0),
                Fate::Failed => Outcome::Exited(1),
                Fate::Shaky(tries) if attempt > tries => Outcome::Exited(0),
                Fate::Shaky(_) => ConnectError::Throttled(String::new()).into(),
                Fate::Dead => unreachable(),
            };
            if matches!(outcome, Outcome::Exited(_)) {
                schedule.reached(HostIx(host), ms(5));
            }
            match retrying.again(&outcome, HostIx(host), attempt) {
                Some(wait) if schedule.failed(now, HostIx(host), (&outcome, wait)) => {
                    prop_assert!(!stopped);
                    waiting.insert(host);
                }
                Some(_) => *ended.entry(host).or_default() += 1,
                None => {
                    if schedule.ended(HostIx(host), &outcome).is_some() {
                        // Whoever waited for another attempt has its end with what came of the last.
                        stopped = true;
                    }
                    *ended.entry(host).or_default() += 1;
                }
            }
        }
        prop_assert!(at_work.is_empty());
        prop_assert!(ended.values().all(|times| *times == 1));
        if !stopped {
            prop_assert_eq!(ended.len(), hosts);
            prop_assert!(waiting.is_empty());
        }
    }
}
