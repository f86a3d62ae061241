//! Jump hosts and proxy commands: which chain results, and that hosts share it.

use std::path::PathBuf;
use std::sync::Arc;

use omnes::hosts::Host;
use omnes::ssh::{
    ConfigSource, HostKeyPolicy, Origin, Overrides, Request, Resolver, Route, SshConfig, Target,
};
use tempfile::TempDir;

use crate::support::config::environment;

fn resolver(config: &str, overrides: Overrides) -> Resolver {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    std::fs::write(&file, config).unwrap();
    let environment = environment();
    let config = SshConfig::load(&ConfigSource::File(file), &environment).unwrap();
    Resolver::new(config, overrides, environment, HostKeyPolicy::Ask)
}

fn request(host: &str) -> Request {
    Request::new(host.parse().unwrap())
}

/// The way to a host, from the first hop to the host itself: `user@address:port`, a command in front.
fn way(target: &Target) -> String {
    let own = format!("{}@{}:{}", target.user, target.address, target.port);
    match &target.route {
        Route::Direct => own,
        Route::Jump(hop) => format!("{} {own}", way(hop)),
        Route::Command(command) => format!("[{command}] {own}"),
    }
}

const BASTIONS: &str = "Host gate\n  HostName gate.example.org\n  Port 2200\n  User guard\n  IdentityFile /gate\n\
                        \x20 HostKeyAlias the-gate\n  UserKnownHostsFile /gate-hosts\n\
                        Host inner\n  ProxyJump gate\n  User inn\n\
                        Host odd\n  ProxyCommand nc -x %h:%p %r\n\
                        Host *\n  User me\n";

#[test]
fn chains_lead_from_left_to_right() {
    for (jump, expected) in [
        ("gate", "guard@gate.example.org:2200 me@web:22"),
        ("x@gate:1", "x@gate.example.org:1 me@web:22"),
        ("ssh://gate/", "guard@gate.example.org:2200 me@web:22"),
        // The first hop keeps its own way; a later one is reached through the one before.
        ("inner", "guard@gate.example.org:2200 inn@inner:22 me@web:22"),
        ("a,inner", "me@a:22 inn@inner:22 me@web:22"),
        ("inner,a", "guard@gate.example.org:2200 inn@inner:22 me@a:22 me@web:22"),
        ("odd", "[nc -x odd:22 me] me@odd:22 me@web:22"),
        ("%h-gate", "me@web-gate:22 me@web:22"),
        ("[::1]:5", "me@::1:5 me@web:22"),
        ("none", "me@web:22"),
    ] {
        let config = format!("Host web\n  ProxyJump {jump}\n{BASTIONS}");
        let target = resolver(&config, Overrides::default()).resolve(&request("web")).unwrap().target;
        assert_eq!(way(&target), expected, "{jump}");
    }
}

#[test]
fn a_hop_is_settled_under_its_own_name() {
    let config = format!("Host web\n  ProxyJump gate\n{BASTIONS}");
    let options = ["UserKnownHostsFile=/mine".to_owned(), "StrictHostKeyChecking=yes".to_owned()];
    let overrides =
        Overrides::new(Some("ell".to_owned()), Some(7), vec!["/flag".to_owned()], &options).unwrap();
    let target = resolver(&config, overrides).resolve(&request("web")).unwrap().target;
    assert_eq!((target.user.as_str(), target.port), ("ell", 7));
    assert_eq!(target.identities, [PathBuf::from("/flag")]);
    let Route::Jump(gate) = &target.route else { panic!("{:?}", target.route) };
    // The command line is about the host that it names.
    assert_eq!((gate.user.as_str(), gate.port, gate.key_name.as_str()), ("guard", 2200, "the-gate"));
    assert_eq!(gate.identities, [PathBuf::from("/gate")]);
    assert_eq!(gate.user_known_hosts, [PathBuf::from("/gate-hosts")]);
    assert_eq!(gate.policy, HostKeyPolicy::Ask);
}

#[test]
fn hosts_behind_equal_chains_share_their_hops() {
    let resolver = resolver("Host web*\n  ProxyJump a,b\nHost db*\n  ProxyJump a\n", Overrides::default());
    let hop = |host: &str| match resolver.resolve(&request(host)).unwrap().target.route {
        Route::Jump(hop) => hop,
        other => panic!("{other:?}"),
    };
    let (one, two, db) = (hop("web1"), hop("web2"), hop("db1"));
    assert!(Arc::ptr_eq(&one, &two));
    let Route::Jump(first) = &one.route else { panic!("{:?}", one.route) };
    assert!(Arc::ptr_eq(first, &db));
    assert!(Arc::ptr_eq(
        &one,
        &match resolver.clone().resolve(&request("web3")).unwrap().target.route {
            Route::Jump(hop) => hop,
            other => panic!("{other:?}"),
        }
    ));
}

#[test]
fn the_first_who_names_a_way_is_heard() {
    let config = "Host web\n  ProxyJump config\n";
    let jump = |chain: &str| Overrides::default().with_jump(chain).unwrap();
    let option = |option: &str| Overrides::new(None, None, vec![], &[option.to_owned()]).unwrap();
    let cluster = Request { jump: Some("cluster".to_owned()), ..request("web") };
    let user = environment().user;
    for (overrides, request, expected, origin) in [
        (jump("flag"), cluster.clone(), "flag", Origin::Option("-J")),
        (option("ProxyJump=opt"), cluster.clone(), "opt", Origin::Option("-o")),
        (Overrides::default(), cluster.clone(), "cluster", Origin::Cluster),
    ] {
        let resolved = resolver(config, overrides).resolve(&request).unwrap();
        assert_eq!(way(&resolved.target), format!("{user}@{expected}:22 {user}@web:22"));
        assert_eq!(resolved.origins.route, origin);
    }
    for overrides in [jump("none"), option("ProxyCommand=none"), option("ProxyJump=none")] {
        let target = resolver(config, overrides).resolve(&request("web")).unwrap().target;
        assert_eq!(target.route, Route::Direct);
    }
    let resolved = resolver(config, Overrides::default()).resolve(&request("web")).unwrap();
    assert!(
        matches!(&resolved.origins.route, Origin::Config(place) if place.line == 2),
        "{:?}",
        resolved.origins
    );
    let error = option("ProxyCommand=nc").with_jump("a").unwrap_err().to_string();
    assert!(error.contains("-J") && error.contains("-o ProxyCommand"), "{error}");
}

#[test]
fn circles_and_faults_on_the_way_are_named() {
    let long: String = (0..40).map(|n| format!("Host h{n}\n  ProxyJump h{}\n", n + 1)).collect();
    for (config, parts) in [
        (
            "Host *\n  ProxyJump gate\n",
            &["the jump host gate", "config:2", "gate would be reached through itself"] as &[&str],
        ),
        (
            "Host web\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n",
            &["in a circle: a → b → a"],
        ),
        ("Host web\n  ProxyJump web\n", &["config:2", "web would be reached through itself"]),
        ("Host web\n  ProxyJump h0\n", &["more than 16 jump hosts"]),
        (
            "Host web\n  ProxyJump a\nHost a\n  CheckHostIP yes\n",
            &["the jump host a: CheckHostIP", "config:4"],
        ),
        ("Host web\n  ProxyJump a,b;c\n", &["the jump host b;c", "no host name"]),
        ("Host web\n  ProxyJump -x@a\n", &["the jump host -x@a", "dash"]),
        ("Host web\n  ProxyJump %u\n", &["config:2", "`%u`"]),
    ] {
        let resolver = resolver(&format!("{config}{long}"), Overrides::default());
        for _ in 0..2 {
            let error = resolver.resolve(&request("web")).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{config}: {error}");
        }
    }
    let wrong = Request { jump: Some("a,".to_owned()), ..request("web") };
    let error = resolver("", Overrides::default()).resolve(&wrong).unwrap_err().to_string();
    assert!(error.contains("`jump` of the cluster file"), "{error}");
}

/// Ten thousand hosts behind one bastion have one target for it.
#[test]
fn a_fleet_shares_its_bastion() {
    let resolver = resolver(&format!("Host n*\n  ProxyJump gate\n{BASTIONS}"), Overrides::default());
    let mut hops: Vec<Arc<Target>> = Vec::new();
    for n in 0..10_000 {
        let target = resolver.resolve(&Request::new(Host::new(None, &format!("n{n}"), None))).unwrap().target;
        let Route::Jump(hop) = target.route else { panic!("n{n} is reached directly") };
        hops.push(hop);
    }
    assert!(hops.iter().all(|hop| Arc::ptr_eq(hop, &hops[0])));
}
