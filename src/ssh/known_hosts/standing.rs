//! What known_hosts says about all the keys of a host, seen beside each other.
//!
//! A verdict is about one key, as it decides one connection: there a key of another type than the held one counts as
//! changed, since whoever stands in between could just not have the held one. Who sees all keys of a host knows more:
//! where one of them is the held one, a key of a type that is not held is merely one more.

use super::verdict::{HeldKey, Verdict, Vouched};
use crate::ssh::place::Place;

/// How a key of a host stands to known_hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is held.
    Known,
    /// No key of this type is held, but another key that the host presents is.
    Further,
    /// No key of the host is held.
    New,
    /// Others are held in its place.
    Changed(Vec<HeldKey>),
    /// It is marked as never to be accepted.
    Revoked(Place),
    /// It came in a certificate, and an authority of the host vouches for it.
    Certified,
    /// It came in a certificate of such an authority that is void: why.
    Void(String),
}

impl Standing {
    /// How a key stands that came in a certificate; `None` where no authority of the host has to do with it.
    pub fn of_certificate(vouched: Vouched) -> Option<Standing> {
        match vouched {
            Vouched::Yes => Some(Standing::Certified),
            Vouched::Void(why) => Some(Standing::Void(why)),
            Vouched::Revoked { at } => Some(Standing::Revoked(at)),
            Vouched::Unknown => None,
        }
    }
}

/// How each key stands, from its verdict: `keys` are all that one host presents, by algorithm and fingerprint.
pub fn standings(keys: &[(&str, &str, Verdict)]) -> Vec<Standing> {
    let proven = keys.iter().any(|(_, _, verdict)| *verdict == Verdict::Known);
    let presented = |held: &HeldKey| keys.iter().any(|(_, fingerprint, _)| *fingerprint == held.fingerprint);
    let standing = |(algorithm, _, verdict): &(&str, &str, Verdict)| match verdict {
        Verdict::Known => Standing::Known,
        Verdict::Unknown if proven => Standing::Further,
        Verdict::Unknown => Standing::New,
        Verdict::Revoked { at } => Standing::Revoked(at.clone()),
        Verdict::Changed { held } => {
            let in_its_place =
                |held: &&HeldKey| !presented(held) && (!proven || held.algorithm == *algorithm);
            let held: Vec<HeldKey> = held.iter().filter(in_its_place).cloned().collect();
            match held.is_empty() {
                true => Standing::Further,
                false => Standing::Changed(held),
            }
        }
    };
    keys.iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place() -> Place {
        Place { file: Path::new("known_hosts").into(), line: 1 }
    }

    fn held(algorithm: &'static str, fingerprint: &str) -> HeldKey {
        HeldKey { algorithm, fingerprint: fingerprint.to_owned(), name: "web".to_owned(), at: place() }
    }

    fn changed(held: &[HeldKey]) -> Verdict {
        Verdict::Changed { held: held.to_vec() }
    }

    #[test]
    fn a_key_is_seen_beside_the_others() {
        let (ed, rsa) = ("ssh-ed25519", "ssh-rsa");
        let all = [held(ed, "E"), held(rsa, "R")];
        let revoked = Verdict::Revoked { at: place() };
        for (keys, expected) in [
            (vec![(ed, "E", Verdict::Known)], vec![Standing::Known]),
            (
                vec![(ed, "E", Verdict::Unknown), (rsa, "R", Verdict::Unknown)],
                vec![Standing::New, Standing::New],
            ),
            // One type is held, and the host has it: the other is one more.
            (
                vec![(ed, "E", Verdict::Known), (rsa, "R", changed(&all[..1]))],
                vec![Standing::Known, Standing::Further],
            ),
            // Both are held, one is another now.
            (
                vec![(ed, "E", Verdict::Known), (rsa, "X", changed(&all))],
                vec![Standing::Known, Standing::Changed(vec![held(rsa, "R")])],
            ),
            // The one that is held is not presented at all: then none of them proves the host.
            (vec![(rsa, "R", changed(&all[..1]))], vec![Standing::Changed(vec![held(ed, "E")])]),
            (
                vec![(ed, "X", changed(&all)), (rsa, "Y", changed(&all))],
                vec![Standing::Changed(all.to_vec()), Standing::Changed(all.to_vec())],
            ),
            (
                vec![(ed, "E", revoked.clone()), (rsa, "R", Verdict::Known)],
                vec![Standing::Revoked(place()), Standing::Known],
            ),
            // A held key that is revoked proves nothing.
            (
                vec![(ed, "E", revoked), (rsa, "R", changed(&all[..1]))],
                vec![Standing::Revoked(place()), Standing::Further],
            ),
        ] {
            assert_eq!(standings(&keys), expected, "{keys:?}");
        }
    }
}
