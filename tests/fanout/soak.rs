//! Run after run in one process, with hosts that stall, die and flood: no task outlives its run. The long form, with memory and
//! descriptors, is `cargo bench --bench fleet -- soak`.

use super::*;

/// Runs, and hosts of each.
const RUNS: usize = 8;
const HOSTS: usize = 40;

#[test]
fn run_after_run_leaves_no_task_behind() {
    // The hosts have a runtime of their own, so that the other one has the tasks of runs only.
    let [hosts, runs] = [(), ()].map(|()| tokio::runtime::Runtime::new().expect("a runtime"));
    let mut scene = hosts.block_on(Scene::new(fleet(HOSTS, Faults::by_shares(HOSTS, LEDGER, 7))));
    scene.connect_timeout = Duration::from_secs(1);
    scene.limits.command_timeout = Some(Duration::from_secs(1));
    for run in 1..=RUNS {
        let summary = runs.block_on(scene.run("hostname; lines 20"));
        assert_eq!(summary.outcomes.len(), HOSTS, "run {run} accounts for every host");
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while runs.metrics().num_alive_tasks() > 0 {
            assert!(
                std::time::Instant::now() < deadline,
                "{} tasks are left of run {run}",
                runs.metrics().num_alive_tasks()
            );
            runs.block_on(tokio::task::yield_now());
        }
    }
}
