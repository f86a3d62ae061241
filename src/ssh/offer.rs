//! What we offer a host: key exchanges, ciphers, MACs and types of host keys, by the host's configuration.
//!
//! Theory: of each kind there is a list that is offered where nobody says otherwise, and a longer one of all that can
//! be done. The first follows OpenSSH's: what it has retired (SHA-1 signatures, CBC, small groups) stands only in the
//! second, and is offered to a host whose configuration names it. A name that `ssh` knows and we do not is left out
//! while another remains; where none remains the host is refused, with both lists in the sentence, before anything is
//! contacted.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{cipher, kex, mac};

use super::algorithms::{Algorithms, Choice};

/// Key exchanges, best first: the first resists a quantum computer, the groups come last since they are slow.
const KEX: [kex::Name; 10] = [
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
];

/// Key exchanges for hosts whose configuration names them.
const KEX_NAMED: [kex::Name; 5] =
    [kex::DH_G15_SHA512, kex::DH_G17_SHA512, kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];

/// What every exchange carries: extensions (RFC 8308), and the strict key exchange, which takes a man in the middle
/// the means to leave out or slip in packets before the encryption begins.
const KEX_EXTENSIONS: [kex::Name; 2] =
    [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

/// AES-GCM first: with the processor's help it costs half of ChaCha20.
const CIPHERS: [cipher::Name; 6] = [
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const CIPHERS_NAMED: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];

/// SHA-1 is no weakness in an HMAC, and OpenSSH offers it still; it comes last.
const MACS: [mac::Name; 6] = [
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512,
    mac::HMAC_SHA256,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

/// The host key types that we take, best first. RSA never with SHA-1.
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

const HOST_KEYS_NAMED: [Algorithm; 1] = [Algorithm::Rsa { hash: None }];

/// How the name of a certificate's algorithm ends.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// What one host is offered, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) kex: Vec<kex::Name>,
    pub(super) ciphers: Vec<cipher::Name>,
    pub(super) macs: Vec<mac::Name>,
    pub(super) host_keys: Vec<Algorithm>,
    /// Host key types that may also come as a certificate.
    pub(super) host_certificates: Vec<Algorithm>,
}

impl Offer {
    /// What a host with this configuration is offered, of which known_hosts holds keys of the types `known` (a
    /// certificate's name stands for an authority that may vouch for the host). The error names the keyword and both
    /// lists.
    pub(super) fn new(wanted: &Algorithms, known: &[String]) -> Result<Offer, String> {
        let mut kex = chosen("KexAlgorithms", &wanted.kex, &KEX, &KEX_NAMED)?;
        kex.extend(KEX_EXTENSIONS);
        let (host_certificates, host_keys) = host_keys(&wanted.host_keys, known)?;
        Ok(Offer {
            kex,
            ciphers: chosen("Ciphers", &wanted.ciphers, &CIPHERS, &CIPHERS_NAMED)?,
            macs: chosen("MACs", &wanted.macs, &MACS, &[])?,
            host_keys,
            host_certificates,
        })
    }
}

fn names<T: AsRef<str>>(list: &[T]) -> Vec<String> {
    list.iter().map(|name| name.as_ref().to_owned()).collect()
}

/// A choice among what can be done.
fn chosen<T: AsRef<str> + Copy>(
    keyword: &str,
    choice: &Choice,
    ours: &[T],
    named: &[T],
) -> Result<Vec<T>, String> {
    let all = [ours, named].concat();
    let wanted = choice.apply_among(&names(ours), &names(&all));
    let chosen: Vec<T> =
        wanted.iter().filter_map(|name| all.iter().find(|can| can.as_ref() == name)).copied().collect();
    if chosen.is_empty() { Err(none_left(keyword, choice, &names(&all))) } else { Ok(chosen) }
}

/// Known types first, each group in our order; an order that the configuration gives stands.
fn host_keys(choice: &Choice, known: &[String]) -> Result<(Vec<Algorithm>, Vec<Algorithm>), String> {
    let all: Vec<Algorithm> = HOST_KEYS.into_iter().chain(HOST_KEYS_NAMED).collect();
    let certificates =
        |list: &[Algorithm]| list.iter().map(Algorithm::to_certificate_type).collect::<Vec<_>>();
    let ours = [certificates(&HOST_KEYS), names(&HOST_KEYS)].concat();
    let can = [certificates(&all), names(&all)].concat();
    let wanted = choice.apply_among(&ours, &can);
    let those = |name: &dyn Fn(&Algorithm) -> String| -> Vec<Algorithm> {
        wanted.iter().filter_map(|wanted| all.iter().find(|can| name(can) == *wanted)).cloned().collect()
    };
    let mut plain = those(&|algorithm| algorithm.as_str().to_owned());
    let mut vouched = those(&Algorithm::to_certificate_type);
    if plain.is_empty() && vouched.is_empty() {
        return Err(none_left("HostKeyAlgorithms", choice, &can));
    }
    // Asked for a certificate, a host shows it in place of its key; that is of use only where somebody may vouch.
    if !known.iter().any(|name| name.ends_with(CERTIFICATE)) && !plain.is_empty() {
        vouched.clear();
    }
    if matches!(choice, Choice::Ours | Choice::Append(_) | Choice::Remove(_)) {
        // known_hosts names the type of the key, `ssh-rsa`, whatever hash signs with it.
        let is_known = |algorithm: &Algorithm| {
            let name =
                if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() };
            known.iter().any(|known| known == name)
        };
        plain.sort_by_key(|algorithm| !is_known(algorithm));
    }
    Ok((vouched, plain))
}

fn none_left(keyword: &str, choice: &Choice, all: &[String]) -> String {
    let all = all.join(", ");
    let (Choice::Only(names) | Choice::Append(names) | Choice::Prefer(names) | Choice::Remove(names)) =
        choice
    else {
        return format!("no {keyword} are left; omnes has {all}");
    };
    let names = crate::escape::text(&names.join(", "), 300);
    match choice {
        Choice::Remove(_) => {
            format!("its {keyword} take away all that omnes offers (-{names}); it has {all}")
        }
        _ => format!("none of its {keyword} ({names}) is supported by omnes, which has {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(change: impl FnOnce(&mut Algorithms)) -> Result<Offer, String> {
        let mut wanted = Algorithms::default();
        change(&mut wanted);
        Offer::new(&wanted, &[])
    }

    #[test]
    fn nothing_that_openssh_has_retired_is_offered_unasked() {
        let ours = offer(|_| {}).unwrap();
        assert_eq!(names(&ours.kex)[..2], ["mlkem768x25519-sha256", "curve25519-sha256"]);
        assert!(names(&ours.kex).contains(&"kex-strict-c-v00@openssh.com".to_owned()));
        // The defaults of `ssh` 9.2 to 10, `ssh -G` without a configuration; mlkem came with 9.9.
        let openssh = "mlkem768x25519-sha256 curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 \
            ecdh-sha2-nistp384 ecdh-sha2-nistp521 diffie-hellman-group-exchange-sha256 \
            diffie-hellman-group16-sha512 diffie-hellman-group18-sha512 diffie-hellman-group14-sha256 ext-info-c \
            kex-strict-c-v00@openssh.com chacha20-poly1305@openssh.com aes128-ctr aes192-ctr aes256-ctr \
            aes128-gcm@openssh.com aes256-gcm@openssh.com hmac-sha2-256-etm@openssh.com \
            hmac-sha2-512-etm@openssh.com hmac-sha1-etm@openssh.com hmac-sha2-256 hmac-sha2-512 hmac-sha1 \
            ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-512 rsa-sha2-256";
        let openssh: Vec<&str> = openssh.split_whitespace().collect();
        let offered =
            [names(&ours.kex), names(&ours.ciphers), names(&ours.macs), names(&ours.host_keys)].concat();
        for name in &offered {
            assert!(openssh.contains(&name.as_str()), "{name} is offered");
        }
        assert_eq!(offered.len(), openssh.len());
        assert_eq!(ours.macs[4..], [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1], "SHA-1 comes last");
        assert_eq!(ours.host_certificates, []);
    }

    #[test]
    fn what_is_named_is_offered() {
        let old = offer(|wanted| {
            wanted.kex = Choice::parse("diffie-hellman-group1-sha1");
            wanted.ciphers = Choice::parse("3des-cbc,aes128-cbc");
            wanted.macs = Choice::parse("^hmac-sha1");
            wanted.host_keys = Choice::parse("+ssh-rsa");
        });
        let old = old.unwrap();
        assert_eq!(old.kex[0], kex::DH_G1_SHA1);
        assert_eq!(old.kex[1..], KEX_EXTENSIONS, "the strict exchange cannot be turned off");
        assert_eq!(old.ciphers, [cipher::AES_128_CBC], "what we cannot do is left out");
        assert_eq!(old.macs[0], mac::HMAC_SHA1);
        assert_eq!(old.host_keys.last(), Some(&Algorithm::Rsa { hash: None }));
        let fewer = offer(|wanted| wanted.ciphers = Choice::parse("-aes*-ctr,chacha*"));
        assert_eq!(fewer.unwrap().ciphers, [cipher::AES_256_GCM, cipher::AES_128_GCM]);
    }

    #[test]
    fn a_host_for_which_nothing_is_left_is_refused_with_both_lists() {
        let why = offer(|wanted| wanted.ciphers = Choice::parse("3des-cbc")).unwrap_err();
        assert!(
            why.starts_with("none of its Ciphers (3des-cbc) is supported by omnes, which has aes256-gcm@")
        );
        let why = offer(|wanted| wanted.macs = Choice::parse("umac-64@openssh.com\u{1b}[2J")).unwrap_err();
        assert!(why.starts_with("none of its MACs (umac-64@openssh.com") && !why.contains('\u{1b}'), "{why}");
        let why = offer(|wanted| wanted.kex = Choice::parse("-*")).unwrap_err();
        assert!(why.starts_with("its KexAlgorithms take away all that omnes offers (-*)"), "{why}");
        let why = offer(|wanted| wanted.host_keys = Choice::parse("ssh-dss")).unwrap_err();
        assert!(why.contains("HostKeyAlgorithms (ssh-dss)") && why.contains("ssh-ed25519"), "{why}");
    }

    #[test]
    fn what_is_known_is_asked_for_first() {
        let order = |wanted: &str, known: &[&str]| -> Vec<String> {
            let known: Vec<String> = known.iter().map(|&k| k.to_owned()).collect();
            let host_keys = if wanted.is_empty() { Choice::Ours } else { Choice::parse(wanted) };
            names(&Offer::new(&Algorithms { host_keys, ..Algorithms::default() }, &known).unwrap().host_keys)
        };
        assert_eq!(order("", &[])[0], "ssh-ed25519");
        assert_eq!(order("", &["ssh-rsa"])[..2], ["rsa-sha2-512", "rsa-sha2-256"]);
        assert_eq!(order("", &["ssh-rsa", "ecdsa-sha2-nistp384"])[0], "ecdsa-sha2-nistp384");
        assert!(!order("", &["ssh-rsa"]).contains(&"ssh-rsa".to_owned()));
        assert_eq!(order("-ssh-ed25519", &["ecdsa-sha2-nistp521"])[0], "ecdsa-sha2-nistp521");
        // An order that the user gives stands.
        let rsa_first = ["rsa-sha2-256", "ssh-ed25519"];
        assert_eq!(order("rsa-sha2-256,ssh-ed25519", &["ssh-ed25519"]), rsa_first);
    }

    #[test]
    fn certificates_are_asked_for_where_an_authority_is_known() {
        let known = ["ssh-ed25519-cert-v01@openssh.com".to_owned()];
        let offer = Offer::new(&Algorithms::default(), &known).unwrap();
        assert_eq!((offer.host_certificates.len(), offer.host_keys.len()), (6, 6));
        let host_keys = Choice::parse("ssh-ed25519-cert-v01@openssh.com");
        let offer = Offer::new(&Algorithms { host_keys, ..Algorithms::default() }, &[]).unwrap();
        assert_eq!((offer.host_certificates, offer.host_keys), (vec![Algorithm::Ed25519], vec![]));
    }
}
