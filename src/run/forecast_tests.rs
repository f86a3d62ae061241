//! What a forecast says, by values.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::*;
use crate::run::plan::Limits;

/// The command of each host, by its name.
struct Named<'a>(&'a Plan, fn(&str) -> String);

impl Sends for Named<'_> {
    fn shown(&self, host: HostIx) -> String {
        let name = self.0.hosts[host.0].to_string();
        format!("export OMNES_HOST={name}\n{}", (self.1)(&name))
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        (self.1)(&self.0.hosts[host.0].to_string()).into_bytes()
    }

    fn own(&self, host: HostIx) -> String {
        (self.1)(&self.0.hosts[host.0].to_string())
    }

    fn is_same_for_all(&self) -> bool {
        false
    }
}

fn plan(set: &str) -> Plan {
    let set: HostSet = set.parse().expect("hosts");
    Plan::new("uptime", set.iter().cloned().collect(), Limits::DEFAULT)
}

fn targets(plan: &Plan) -> Vec<Result<Target, ConnectError>> {
    let bare = |host: &Host| Ok(Target::bare(host.clone(), host.name(), 22, "me"));
    plan.hosts.iter().map(bare).collect()
}

fn forecast<'a>(
    plan: &'a Plan,
    targets: &'a [Result<Target, ConnectError>],
    sends: &'a dyn Sends,
) -> Forecast<'a> {
    Forecast {
        plan,
        targets,
        sends,
        asks: vec!["nothing".into()],
        output: vec!["lines".into()],
        contact: Contact::None,
    }
}

#[test]
fn equal_commands_stand_once_and_limits_are_sentences() {
    let plan = plan("web[01-12]");
    let (targets, orders) = (targets(&plan), Orders::same("uptime\nid\x1b[2J"));
    let text = forecast(&plan, &targets, &orders).text();
    let expected = "plan for 12 hosts; no host was contacted\n\
        sent\n  web[01-12] (12):\n    uptime\n    id^[[2J\n\
        turns\n  web[01-12] (12)\n\
        reached\n  web[01-12] (12): directly\n\
        limits\n  256 hosts at once\n  15 s to reach a host\n  no time limit for a command\n  \
        a host that cannot be reached is not tried again\n  it goes on however many hosts fail\n\
        asked\n  nothing\noutput\n  lines\n";
    assert_eq!(text, expected);
}

#[test]
fn commands_that_differ_are_shown_each_with_its_hosts_the_first_host_s_first() {
    let plan = plan("web[01-05]");
    let targets = targets(&plan);
    let sends = Named(&plan, |name| (if name == "web03" { "special" } else { "usual" }).into());
    let text = forecast(&plan, &targets, &sends).text();
    let sent = "sent\n  web[01-02,04-05] (4):\n    export OMNES_HOST=web01\n    usual\n  web03 (1):\n    \
                export OMNES_HOST=web03\n    special\nturns\n";
    assert!(text.contains(sent), "{text}");
}

#[test]
fn what_is_too_much_to_be_read_is_counted_with_its_hosts() {
    let plan = plan("web[01-05]");
    let targets = targets(&plan);
    let sends = Named(&plan, |name| name.repeat(SHOWN / 10));
    let forecast = forecast(&plan, &targets, &sends);
    let text = forecast.text();
    assert!(
        text.contains("\n  web[03-05] (3): others, too much to be shown here; name fewer hosts"),
        "{}",
        text.len()
    );
    let line: serde_json::Value = serde_json::from_slice(&forecast.json()).expect("JSON");
    assert_eq!((&line["unshown"]["count"], &line["sent"][1]["hosts"]), (&3.into(), &"web02".into()));
}

#[test]
fn waves_stand_in_the_order_of_their_turns_with_what_comes_between() {
    let mut plan = plan("web[01-06]");
    plan.pacing.waves = "1,3".parse().expect("sizes");
    plan.pacing.pause = Pause::For(Duration::from_secs(60));
    let orders = Orders::same("uptime");
    let given = targets(&plan);
    let text = forecast(&plan, &given, &orders).text();
    let turns = "turns\n  wave 1 of 3: web01 (1)\n  a pause of 60 s\n  wave 2 of 3: web[02-04] (3)\n  a pause of 60 s\n  \
                 wave 3 of 3: web[05-06] (2)\n";
    assert!(text.contains(turns), "{text}");
    plan.pacing.turns = [3, 1, 0, 5, 4, 2].map(HostIx).to_vec();
    plan.pacing.pause = Pause::Look;
    let forecast = forecast(&plan, &given, &orders);
    let text = forecast.text();
    assert!(text.contains("wave 2 of 3: web02 web01 web06 (3)\n"), "{text}");
    assert!(text.contains("wave 3 of 3: web05 web03 (2)\n"), "{text}");
    let line: serde_json::Value = serde_json::from_slice(&forecast.json()).expect("JSON");
    assert_eq!(line["waves"][2], serde_json::json!(["web05", "web03"]));
    assert_eq!(
        (&line["limits"]["looks"], &line["limits"]["pause"]),
        (&true.into(), &serde_json::Value::Null)
    );
}

#[test]
fn routes_and_hosts_that_would_be_refused_are_named() {
    let plan = plan("web[1-5]");
    let bare = |name: &str| Target::bare(Host::new(None, name, None), name, 22, "me");
    let outer = Arc::new(Target { route: Route::Command("nc -X \x1b proxy".into()), ..bare("outer") });
    let inner = Arc::new(Target { route: Route::Jump(outer), ..bare("inner") });
    let mut targets = targets(&plan);
    targets[1] = Ok(Target { route: Route::Jump(inner.clone()), ..bare("web2") });
    targets[2] =
        Ok(Target { route: Route::Jump(inner), connect_timeout: Duration::from_secs(5), ..bare("web3") });
    targets[4] = Err(ConnectError::Unsupported("Frobnicate".into()));
    let orders = Orders::same("uptime");
    let forecast = forecast(&plan, &targets, &orders);
    let text = forecast.text();
    assert!(text.contains("reached\n  web[1,4] (2): directly\n"), "{text}");
    assert!(
        text.contains("  web[2-3] (2): through outer, then inner, that by the command `nc -X ^[ proxy`\n"),
        "{text}"
    );
    assert!(text.contains("not contacted\n  web5 (1): "), "{text}");
    assert!(text.contains("  5 s to 15 s to reach a host, as each is configured\n"), "{text}");
    let line: serde_json::Value = serde_json::from_slice(&forecast.json()).expect("JSON");
    assert_eq!(line["targets"][1]["through"], serde_json::json!(["outer", "inner"]));
    assert_eq!(line["targets"][1]["proxy_command"], "nc -X \u{1b} proxy");
    assert!(line["targets"][4]["refused"].as_str().expect("why").contains("Frobnicate"), "{line}");
}

#[test]
fn limits_that_were_asked_for_are_said() {
    let mut plan = plan("web[1-3]");
    plan.limits.fanout = NonZeroUsize::MIN;
    plan.limits.command_timeout = Some(Duration::from_millis(1500));
    plan.pacing.retry.times = 2;
    plan.pacing.budget = "unreachable=10%,failed=0".parse().expect("a budget");
    plan.pacing.fanout = Fanout::Adapts { aside: 5 };
    let (targets, orders) = (targets(&plan), Orders::same("uptime"));
    let forecast = forecast(&plan, &targets, &orders);
    let limits = "limits\n  at most 1 host at once, as many as go well\n  15 s to reach a host\n  1.5 s for a command\n  \
                  tried again up to 2 times, where nothing was sent: unreachable,throttled\n  \
                  it stops when more fail than unreachable=10%,failed=0\n";
    let text = forecast.text();
    assert!(text.contains(limits), "{text}");
    let line: serde_json::Value = serde_json::from_slice(&forecast.json()).expect("JSON");
    assert_eq!(
        line["limits"],
        serde_json::json!({"fanout": 1, "adapts": true, "command_timeout": 1.5, "retries": 2,
            "retry_on": "unreachable,throttled", "max_fail": "unreachable=10%,failed=0", "pause": null, "looks": false})
    );
}

#[test]
fn no_host_is_no_line_of_nothing() {
    let plan = Plan::new("uptime", Vec::new(), Limits::DEFAULT);
    let orders = Orders::same("uptime");
    let text = forecast(&plan, &[], &orders).text();
    assert!(text.starts_with("plan for 0 hosts; no host was contacted\nlimits\n"), "{text}");
}
