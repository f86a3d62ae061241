//! `ssh -G`, and whether a target of ours says the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use omnes::ssh::{
    AddKeys, CONNECT_TIMEOUT, Choice, Compression, Family, HostKeyPolicy, Method, Names, Route, Target,
    TcpKeepalives, Terminal, Updates, Way,
};

use crate::support::need;

/// What `ssh -G` prints, by keyword in lower case.
pub(crate) type Values = HashMap<String, Vec<String>>;

/// What `ssh -G` prints, or what it says is wrong.
pub(crate) fn ssh_g(file: &Path, options: &[String], host: &str) -> Result<Values, String> {
    let mut command = Command::new(need("ssh", "openssh-client"));
    let output = command.arg("-G").args(options).arg("-F").arg(file).arg("--").arg(host).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let mut values = Values::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        values.entry(keyword.to_owned()).or_default().push(value.to_owned());
    }
    Ok(values)
}

/// The value of a keyword; empty where `ssh -G` does not print it.
pub(crate) fn one<'a>(values: &'a Values, keyword: &str) -> &'a str {
    values.get(keyword).map_or("", |values| values[0].as_str())
}

fn yes(values: &Values, keyword: &str) -> bool {
    !matches!(one(values, keyword), "no" | "false")
}

/// Panics where our target is not what `ssh -G` says; how it is reached apart.
pub(crate) fn same(target: &Target, theirs: &Values, what: &str) {
    same_place(target, theirs, what);
    same_logins(target, theirs, what);
    same_keys_of_hosts(target, theirs, what);
    same_session(target, theirs, what);
    same_algorithms(target, theirs, what);
}

fn same_place(target: &Target, theirs: &Values, what: &str) {
    assert_eq!(target.address, one(theirs, "hostname"), "HostName, {what}");
    assert_eq!(target.port.to_string(), one(theirs, "port"), "Port, {what}");
    assert_eq!(target.user, one(theirs, "user"), "User, {what}");
    let timeout = match one(theirs, "connecttimeout") {
        "none" | "0" => CONNECT_TIMEOUT,
        seconds => Duration::from_secs(seconds.parse().unwrap()),
    };
    assert_eq!(target.connect_timeout, timeout, "ConnectTimeout, {what}");
    assert_eq!(target.attempts.to_string(), one(theirs, "connectionattempts"), "ConnectionAttempts, {what}");
    let family = match target.socket.family {
        Family::Any => "any",
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    };
    assert_eq!(family, one(theirs, "addressfamily"), "AddressFamily, {what}");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    assert_eq!(text(&target.socket.bind_address), one(theirs, "bindaddress"), "BindAddress, {what}");
    assert_eq!(text(&target.socket.bind_interface), one(theirs, "bindinterface"), "BindInterface, {what}");
    let sent = target.socket.keepalive == TcpKeepalives::Sent;
    assert_eq!(sent, yes(theirs, "tcpkeepalive"), "TCPKeepAlive, {what}");
    let interval = one(theirs, "serveraliveinterval");
    match target.alive {
        Some(alive) => {
            assert_eq!(alive.interval.as_secs().to_string(), interval, "ServerAliveInterval, {what}");
            assert_eq!(
                alive.count.to_string(),
                one(theirs, "serveralivecountmax"),
                "ServerAliveCountMax, {what}"
            );
        }
        // Debian's ssh has a default of its own in batch mode.
        None => {
            assert!(interval == "0" || yes(theirs, "batchmode"), "ServerAliveInterval {interval}, {what}")
        }
    }
}

fn same_logins(target: &Target, theirs: &Values, what: &str) {
    let only = if target.identities_only { "yes" } else { "no" };
    assert_eq!(only, one(theirs, "identitiesonly"), "IdentitiesOnly, {what}");
    let order: Vec<Method> = match one(theirs, "preferredauthentications") {
        "" => vec![Method::Keys, Method::Interactive, Method::Password],
        ways => ways
            .split(',')
            .filter_map(|way| match way {
                "publickey" => Some(Method::Keys),
                "keyboard-interactive" => Some(Method::Interactive),
                "password" => Some(Method::Password),
                _ => None,
            })
            .collect(),
    };
    let logins = &target.logins;
    assert_eq!(logins.order, order, "PreferredAuthentications, {what}");
    let batch = yes(theirs, "batchmode");
    let open = |keyword: &str, method: Method| yes(theirs, keyword) && order.contains(&method);
    let keys = open("pubkeyauthentication", Method::Keys);
    assert_eq!(logins.keys == Way::Open, keys, "PubkeyAuthentication, {what}");
    let passwords = open("passwordauthentication", Method::Password) && !batch;
    assert_eq!(logins.passwords == Way::Open, passwords, "PasswordAuthentication, {what}");
    let interactive = open("kbdinteractiveauthentication", Method::Interactive) && !batch;
    assert_eq!(logins.interactive == Way::Open, interactive, "KbdInteractiveAuthentication, {what}");
    assert_eq!(logins.questions == Way::Open, !batch, "BatchMode, {what}");
    assert_eq!(
        logins.prompts.to_string(),
        one(theirs, "numberofpasswordprompts"),
        "NumberOfPasswordPrompts, {what}"
    );
    let agent = match one(theirs, "identityagent") {
        "" => std::env::var("SSH_AUTH_SOCK").ok(),
        "none" => None,
        path => Some(path.to_owned()),
    };
    assert_eq!(target.agent.as_ref().map(|path| path.display().to_string()), agent, "IdentityAgent, {what}");
    let forward = match one(theirs, "forwardagent") {
        "yes" => agent,
        "no" => None,
        path => match path.strip_prefix('$') {
            Some(name) => std::env::var(name).ok(),
            None => Some(path.to_owned()),
        },
    };
    let forwarded = target.forward_agent.as_ref().map(|path| path.display().to_string());
    // `ssh -G` shows a path also where an earlier line said no, which ssh heeds.
    let barred = |line: &str| {
        let line = line.to_ascii_lowercase();
        line.contains("forwardagent") && line.contains("no")
    };
    let forward = forward.filter(|_| forwarded.is_some() || !what.lines().any(barred));
    assert_eq!(forwarded, forward, "ForwardAgent, {what}");
    let all = |keyword: &str| -> Vec<PathBuf> {
        theirs.get(keyword).into_iter().flatten().filter(|file| *file != "none").map(PathBuf::from).collect()
    };
    match target.identities_configured {
        true => assert_eq!(target.identities, all("identityfile"), "IdentityFile, {what}"),
        false => assert_eq!(one(theirs, "identityfile"), "~/.ssh/id_rsa", "IdentityFile, {what}"),
    }
    assert_eq!(target.certificates, all("certificatefile"), "CertificateFile, {what}");
    let life = |life: Option<Duration>| life.map_or_else(String::new, |life| life.as_secs().to_string());
    let add = match target.add_keys {
        AddKeys::No => "false".to_owned(),
        AddKeys::Ask => "ask".to_owned(),
        AddKeys::Yes(None) => "true".to_owned(),
        AddKeys::Yes(time) => life(time),
        AddKeys::Confirm(time) => format!("confirm {}", life(time)).trim_end().to_owned(),
    };
    assert_eq!(add, one(theirs, "addkeystoagent"), "AddKeysToAgent, {what}");
}

fn same_keys_of_hosts(target: &Target, theirs: &Values, what: &str) {
    let words = |paths: &[PathBuf]| match paths {
        [] => "none".to_owned(),
        paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "),
    };
    let files = words(&target.user_known_hosts);
    assert_eq!(files, one(theirs, "userknownhostsfile"), "UserKnownHostsFile, {what}");
    let files = words(&target.global_known_hosts);
    assert_eq!(files, one(theirs, "globalknownhostsfile"), "GlobalKnownHostsFile, {what}");
    let name = match one(theirs, "hostkeyalias") {
        "" => one(theirs, "hostname"),
        alias => alias,
    };
    assert_eq!(target.key_name, name.to_ascii_lowercase(), "HostKeyAlias, {what}");
    let qualified = one(theirs, "hostkeyalias").is_empty() && one(theirs, "port") != "22";
    assert_eq!(target.key_port, qualified.then_some(target.port), "the port beside the name, {what}");
    let policy = match one(theirs, "stricthostkeychecking") {
        "true" => HostKeyPolicy::Strict,
        "ask" if yes(theirs, "batchmode") => HostKeyPolicy::Strict,
        "ask" => HostKeyPolicy::Ask,
        "accept-new" | "false" => HostKeyPolicy::AcceptNew,
        other => panic!("StrictHostKeyChecking {other}"),
    };
    assert_eq!(target.policy, policy, "StrictHostKeyChecking, {what}");
    let hashed = target.keeping.names == Names::Hashed;
    assert_eq!(hashed, yes(theirs, "hashknownhosts"), "HashKnownHosts, {what}");
    let updates = match target.keeping.updates {
        Updates::No => "false",
        Updates::Yes => "true",
        Updates::Ask => "ask",
    };
    assert_eq!(updates, one(theirs, "updatehostkeys"), "UpdateHostKeys, {what}");
    let revoked: Vec<PathBuf> =
        theirs.get("revokedhostkeys").into_iter().flatten().map(PathBuf::from).collect();
    assert_eq!(target.keeping.revoked, revoked, "RevokedHostKeys, {what}");
}

fn same_session(target: &Target, theirs: &Values, what: &str) {
    let session = &target.session;
    let terminal = match one(theirs, "requesttty") {
        "auto" => Terminal::Auto,
        "no" | "false" => Terminal::No,
        _ => Terminal::Yes,
    };
    assert_eq!(session.terminal, terminal, "RequestTTY, {what}");
    assert_eq!(
        session.command.as_deref().unwrap_or_default(),
        one(theirs, "remotecommand"),
        "RemoteCommand, {what}"
    );
    let all = |keyword: &str| theirs.get(keyword).cloned().unwrap_or_default();
    let set: Vec<(String, String)> = all("setenv")
        .iter()
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let patterns: Vec<glob::Pattern> =
        all("sendenv").iter().map(|pattern| glob::Pattern::new(pattern).unwrap()).collect();
    let mut sent: Vec<(String, String)> = std::env::vars()
        .filter(|(name, _)| patterns.iter().any(|pattern| pattern.matches(name)))
        .filter(|(name, _)| !set.iter().any(|(other, _)| other == name))
        .collect();
    sent.sort();
    sent.extend(set);
    assert_eq!(session.environment, sent, "SendEnv and SetEnv, {what}");
}

/// By keyword as `ssh -G` prints it: ssh's own list of algorithms, and everything it can do.
type Lists = HashMap<&'static str, (Vec<String>, Vec<String>)>;

fn lists() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    LISTS.get_or_init(|| {
        let usual = ssh_g(Path::new("none"), &[], "host").unwrap();
        let all = |what: &str| -> Vec<String> {
            let output = Command::new("ssh").args(["-Q", what]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
        };
        [
            ("kexalgorithms", "kex"),
            ("ciphers", "cipher"),
            ("macs", "mac"),
            ("hostkeyalgorithms", "key-sig"),
            ("pubkeyacceptedalgorithms", "key-sig"),
            ("casignaturealgorithms", "sig"),
        ]
        .map(|(keyword, query)| {
            (keyword, (one(&usual, keyword).split(',').map(str::to_owned).collect(), all(query)))
        })
        .into_iter()
        .collect()
    })
}

fn same_algorithms(target: &Target, theirs: &Values, what: &str) {
    let ours = &target.algorithms;
    let same = |choice: &Choice, keyword: &str| {
        let (usual, all) = &lists()[keyword];
        assert_eq!(choice.apply_among(usual, all).join(","), one(theirs, keyword), "{keyword}, {what}");
    };
    same(&ours.kex, "kexalgorithms");
    same(&ours.ciphers, "ciphers");
    same(&ours.macs, "macs");
    same(&ours.host_keys, "hostkeyalgorithms");
    same(&ours.user_keys, "pubkeyacceptedalgorithms");
    same(&ours.ca_signatures, "casignaturealgorithms");
    assert_eq!(ours.compression == Compression::Yes, yes(theirs, "compression"), "Compression, {what}");
}

/// Whether ssh gets to the end of the chain that `ssh -G` shows for a host: it runs an ssh for each jump host in turn.
/// With a target of ours, panics where a hop of its chain differs.
pub(crate) fn follow(file: &Path, theirs: &Values, ours: Option<&Target>, what: &str) -> Result<(), String> {
    let mut values = theirs.clone();
    let mut target = ours;
    for _ in 0..20 {
        let expanded = |text: &str| {
            let named = one(&values, "host");
            let pairs = [
                ("%h", one(&values, "hostname")),
                ("%n", named),
                ("%p", one(&values, "port")),
                ("%r", one(&values, "user")),
                ("%%", "%"),
            ];
            pairs.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value))
        };
        let Some(chain) = values.get("proxyjump").map(|values| expanded(&values[0])) else {
            let command = values.get("proxycommand").map(|values| expanded(&values[0]));
            match target.map(|target| &target.route) {
                None => {}
                Some(Route::Command(ours)) => {
                    assert_eq!(Some(ours), command.as_ref(), "ProxyCommand, {what}")
                }
                Some(Route::Direct) => assert_eq!(command, None, "ProxyCommand, {what}"),
                Some(Route::Jump(_)) => panic!("no ProxyJump, {what}"),
            }
            return Ok(());
        };
        let (before, last) = chain.rsplit_once(',').map_or((None, chain.as_str()), |(a, b)| (Some(a), b));
        let mut options: Vec<String> = Vec::new();
        options.extend(before.into_iter().flat_map(|before| ["-J".to_owned(), before.to_owned()]));
        let last = last.strip_prefix("ssh://").unwrap_or(last);
        let (user, place) = last.rsplit_once('@').map_or((None, last), |(user, place)| (Some(user), place));
        let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
        options.extend(user.into_iter().flat_map(|user| ["-l".to_owned(), user.to_owned()]));
        options.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_owned()]));
        values = ssh_g(file, &options, host)?;
        target = target.map(|target| match &target.route {
            Route::Jump(hop) => &**hop,
            other => panic!("{other:?}, and not by ProxyJump {chain}, {what}"),
        });
        if let Some(target) = target {
            same(target, &values, &format!("jump host {host} of {what}"));
        }
    }
    Err("the chain has no end".to_owned())
}
