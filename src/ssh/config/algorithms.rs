//! Which names of algorithms a configuration may hold: those of OpenSSH 9.2 and the ones that came after it.

use super::values::shown;
use crate::ssh::Choice;
use crate::ssh::pattern::matches;

const CIPHERS: &[&str] = &[
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "rijndael-cbc@lysator.liu.se",
];

const MACS: &[&str] = &[
    "hmac-sha1",
    "hmac-sha1-96",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-md5",
    "hmac-md5-96",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
];

const KEX: &[&str] = &[
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group-exchange-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem768x25519-sha256",
];

const KEYS: &[&str] = &[
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-512-cert-v01@openssh.com",
];

/// `Ciphers`.
pub(super) fn ciphers(value: &str) -> Result<Choice, String> {
    read(value, "cipher", |name| CIPHERS.contains(&name))
}

/// `MACs`.
pub(super) fn macs(value: &str) -> Result<Choice, String> {
    read(value, "MAC", |name| MACS.contains(&name))
}

/// `KexAlgorithms`.
pub(super) fn kex(value: &str) -> Result<Choice, String> {
    read(value, "key exchange", |name| KEX.contains(&name))
}

/// `HostKeyAlgorithms`, `PubkeyAcceptedAlgorithms`, `CASignatureAlgorithms`; of these alone patterns may stand in any
/// list.
pub(super) fn keys(value: &str) -> Result<Choice, String> {
    read(value, "key algorithm", |name| KEYS.iter().any(|key| matches(name.as_bytes(), key.as_bytes())))
}

/// A list of names, of which those that are not taken out (`-`) must be known.
fn read(value: &str, what: &str, known: impl Fn(&str) -> bool) -> Result<Choice, String> {
    let (sign, names) = match value.split_at_checked(1) {
        Some((sign @ ("+" | "-" | "^"), names)) => (sign, names),
        _ => ("", value),
    };
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(format!("`{}` names no {what}", shown(value)));
    }
    match names.iter().find(|name| sign != "-" && !known(name)) {
        Some(name) => Err(format!("`{}` is no {what} of OpenSSH; see `ssh -Q`", shown(name))),
        None => Ok(Choice::parse(&format!("{sign}{}", names.join(",")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_or_refused() {
        for (choice, good) in [
            (ciphers("aes128-ctr,aes256-gcm@openssh.com"), true),
            (ciphers("-aes*,nonsense"), true),
            (ciphers("^nonsense"), false),
            (macs("+hmac-sha1"), true),
            (kex("^mlkem768x25519-sha256"), true),
            (kex("curve*"), false),
            (keys("rsa-*"), true),
            (keys("+zz*"), false),
            (keys("+"), false),
        ] {
            assert_eq!(choice.is_ok(), good, "{choice:?}");
        }
    }
}
