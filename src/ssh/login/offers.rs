//! Which keys and certificates are offered, and in which order, as OpenSSH does it.
//!
//! First the certificates that the configuration names (`CertificateFile`); then what the agent holds and the
//! configuration names; then the agent's other keys, unless `IdentitiesOnly`; last what stands in files only.

use super::super::{Algorithms, Choice};

/// Where something to offer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the list of `CertificateFile`.
    Certificate(usize),
    /// In the agent's list.
    Agent(usize),
    /// In the list of identities, each followed by the certificate beside it.
    File(usize),
}

/// Whether only configured keys are offered (`IdentitiesOnly`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentKeys {
    All,
    Configured,
}

/// The offers in order. The lists hold what is offered as on the wire; of a file it may be unknown.
pub(super) fn order<K: PartialEq>(
    certificates: &[K],
    agent: &[K],
    files: &[Option<K>],
    keys: AgentKeys,
) -> Vec<Place> {
    let listed = |key: &K| files.iter().flatten().any(|file| file == key);
    let in_agent = |file: &Option<K>| file.as_ref().is_some_and(|key| agent.contains(key));
    let first = (0..certificates.len()).map(Place::Certificate);
    let fresh = |n: &usize| !certificates.contains(&agent[*n]);
    let held = (0..agent.len()).filter(|&n| listed(&agent[n])).filter(fresh).map(Place::Agent);
    let others = (0..agent.len()).filter(|&n| !listed(&agent[n])).filter(fresh).map(Place::Agent);
    let others = others.filter(|_| keys == AgentKeys::All);
    let alone = (0..files.len()).filter(|&n| !in_agent(&files[n])).map(Place::File);
    first.chain(held).chain(others).chain(alone).collect()
}

/// The names under which a key signs, best first: RSA has two, all others one.
pub(super) fn names(algorithm: &str, kind: Kind) -> Vec<String> {
    let plain: &[&str] =
        if algorithm == "ssh-rsa" { &["rsa-sha2-512", "rsa-sha2-256"] } else { &[algorithm] };
    let name = |plain: &&str| match kind {
        Kind::Key => (*plain).to_owned(),
        // `sk-ssh-ed25519@openssh.com` has its certificate in front of the `@`.
        Kind::Certificate => {
            format!("{}-cert-v01@openssh.com", plain.strip_suffix("@openssh.com").unwrap_or(plain))
        }
    };
    plain.iter().map(name).collect()
}

/// What is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Certificate,
}

/// The signature algorithms that a user's keys may have, without any configuration. RSA never with SHA-1.
const ALGORITHMS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

/// The signature algorithms that the configuration leaves (`PubkeyAcceptedAlgorithms`).
pub(super) fn accepted(algorithms: &Algorithms) -> Vec<String> {
    let all = |kind| ALGORITHMS.iter().flat_map(move |algorithm| names(algorithm, kind));
    let ours: Vec<String> = all(Kind::Certificate).chain(all(Kind::Key)).collect();
    match &algorithms.user_keys {
        Choice::Ours => ours,
        choice => choice.apply_among(&ours, &ours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_things_come_first() {
        use Place::{Agent, Certificate, File};
        let agent = ["a", "b", "c", "cert"];
        let files = [Some("x"), Some("c"), None, Some("a")];
        let of = |keys| order(&["cert"], &agent, &files, keys);
        assert_eq!(
            of(AgentKeys::All),
            [Certificate(0), Agent(0), Agent(2), Agent(1), File(0), File(2)],
            "what the agent holds and a file names stands in the agent's order"
        );
        assert_eq!(of(AgentKeys::Configured), [Certificate(0), Agent(0), Agent(2), File(0), File(2)]);
        assert_eq!(order(&[], &[], &[Some("x")], AgentKeys::All), [File(0)]);
        assert_eq!(order::<&str>(&[], &[], &[], AgentKeys::All), []);
    }

    #[test]
    fn a_key_signs_under_these_names() {
        assert_eq!(names("ssh-rsa", Kind::Key), ["rsa-sha2-512", "rsa-sha2-256"]);
        assert_eq!(names("ssh-ed25519", Kind::Certificate), ["ssh-ed25519-cert-v01@openssh.com"]);
        assert_eq!(
            names("sk-ssh-ed25519@openssh.com", Kind::Certificate),
            ["sk-ssh-ed25519-cert-v01@openssh.com"]
        );
    }

    #[test]
    fn the_configuration_narrows_what_is_accepted() {
        let with =
            |value: &str| accepted(&Algorithms { user_keys: Choice::parse(value), ..Algorithms::default() });
        assert_eq!(with("ssh-ed25519,ssh-dss"), ["ssh-ed25519"]);
        assert!(!with("-rsa-sha2-*").iter().any(|name| name.starts_with("rsa")));
        assert!(accepted(&Algorithms::default()).contains(&"rsa-sha2-256-cert-v01@openssh.com".to_owned()));
        assert!(!accepted(&Algorithms::default()).contains(&"ssh-rsa".to_owned()));
    }
}
