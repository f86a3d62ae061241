//! What is said about where a value comes from.

use omnes::ssh::{Origin, Saying};

use crate::resolve;

#[test]
fn every_keyword_is_shown_with_what_it_comes_to_and_its_line() {
    // As it is written, and what it comes to for this host; in the order in which they are shown.
    let lines = [
        ("Tag blue", "blue"),
        ("IdentitiesOnly TRUE", "yes"),
        ("IdentityAgent /run/%h", "/run/web"),
        ("ForwardAgent $NO_SUCH_VARIABLE", "no"),
        ("AddKeysToAgent confirm 5m", "confirm 300 s"),
        ("PreferredAuthentications publickey,password", "publickey,password"),
        ("PubkeyAuthentication host-bound", "yes"),
        ("PasswordAuthentication no", "no"),
        ("KbdInteractiveAuthentication yes", "yes"),
        ("BatchMode no", "no"),
        ("NumberOfPasswordPrompts 1", "1"),
        ("UserKnownHostsFile /u/%h \"/u/b c\"", "/u/web /u/b c"),
        ("GlobalKnownHostsFile none", "none"),
        ("RevokedHostKeys /r/%n", "/r/web"),
        ("HashKnownHosts yes", "yes"),
        ("UpdateHostKeys ask", "ask"),
        ("HostKeyAlgorithms -ssh-rsa,ecdsa*", "-ssh-rsa,ecdsa*"),
        ("KexAlgorithms ^curve25519-sha256", "^curve25519-sha256"),
        ("Ciphers aes128-ctr,aes256-ctr", "aes128-ctr,aes256-ctr"),
        ("MACs +hmac-md5", "+hmac-md5"),
        ("PubkeyAcceptedAlgorithms ssh-ed25519", "ssh-ed25519"),
        ("CASignatureAlgorithms ssh-ed25519", "ssh-ed25519"),
        ("Compression yes", "yes"),
        ("ServerAliveInterval 1m", "60 s"),
        ("ServerAliveCountMax 5", "5"),
        ("TCPKeepAlive no", "no"),
        ("ConnectionAttempts 2", "2"),
        ("AddressFamily INET", "inet"),
        ("BindAddress 10.0.0.1", "10.0.0.1"),
        ("BindInterface eth0", "eth0"),
        ("CanonicalizeHostname no", "no"),
        ("CanonicalDomains none", "none"),
        ("CanonicalizeMaxDots 2", "2"),
        ("CanonicalizeFallbackLocal no", "no"),
        ("SetEnv A=b \"C=d e\"", "A=b C=d e"),
        ("RequestTTY force", "force"),
        ("RemoteCommand echo %p", "echo 22"),
        ("SendEnv LANG LC_*", "LANG LC_*"),
        ("SendEnv -LC_*", "-LC_*"),
    ];
    let config: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let resolved = resolve(&config, "web").unwrap();
    for ((n, (line, value)), saying) in lines.iter().enumerate().zip(&resolved.origins.others) {
        let Saying { keyword, value: told, origin } = saying;
        assert_eq!((*keyword, &**told), (line.split(' ').next().unwrap(), *value), "{line}");
        assert!(origin.to_string().ends_with(&format!("config:{}", n + 1)), "{line}: {origin}");
    }
    assert_eq!(resolved.origins.others.len(), lines.len());
}

#[test]
fn each_key_file_is_shown_with_its_line() {
    let config =
        "IdentityFile /k/a\nIdentityFile none\nIdentityFile /k/b\nIdentityFile /k/a\nCertificateFile /c\n";
    let origins = resolve(config, "web").unwrap().origins;
    let lines = |origins: &[Origin]| -> Vec<String> {
        origins.iter().map(|origin| origin.to_string().rsplit(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(lines(&origins.identities), ["1", "3"]);
    assert_eq!(lines(&origins.certificates), ["5"]);
}
