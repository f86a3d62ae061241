//! Every keyword of OpenSSH 9.2, and what becomes of it here.

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Support {
    /// Its value decides.
    Evaluated(Key),
    /// A host to which it applies is refused by name: passing over it could reach another machine, come from another
    /// place or leave out a check. The values that ask for nothing are listed.
    Refused(&'static [&'static str]),
    /// Passed over and said once. The values that ask for nothing are listed.
    Noted(&'static [&'static str]),
    /// Passed over without a word: it is about what omnes has of its own, or has not at all (multiplexing, logging,
    /// escape characters, details of forwardings).
    Quiet,
}

/// The keywords that are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Key {
    Host,
    Match,
    Include,
    IgnoreUnknown,
    HostName,
    Port,
    User,
    IdentityFile,
    IdentitiesOnly,
    IdentityAgent,
    HostKeyAlias,
    UserKnownHostsFile,
    GlobalKnownHostsFile,
    StrictHostKeyChecking,
    ConnectTimeout,
    PubkeyAuthentication,
    PasswordAuthentication,
    PreferredAuthentications,
    BatchMode,
}

/// The keywords that `-o` takes.
pub(in crate::ssh) const OPTIONS: [(&str, Key); 14] = [
    ("HostName", Key::HostName),
    ("User", Key::User),
    ("Port", Key::Port),
    ("IdentityFile", Key::IdentityFile),
    ("IdentitiesOnly", Key::IdentitiesOnly),
    ("HostKeyAlias", Key::HostKeyAlias),
    ("UserKnownHostsFile", Key::UserKnownHostsFile),
    ("GlobalKnownHostsFile", Key::GlobalKnownHostsFile),
    ("StrictHostKeyChecking", Key::StrictHostKeyChecking),
    ("ConnectTimeout", Key::ConnectTimeout),
    ("PubkeyAuthentication", Key::PubkeyAuthentication),
    ("PasswordAuthentication", Key::PasswordAuthentication),
    ("PreferredAuthentications", Key::PreferredAuthentications),
    ("BatchMode", Key::BatchMode),
];

/// A keyword as it is written in manuals, and what becomes of it; `word` is in lower case.
pub(super) fn lookup(word: &str) -> Option<(&'static str, Support)> {
    TABLE.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).copied()
}

/// The known keyword that is most like `word`, if any is at all like it.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), word);
    let (name, distance) = TABLE.iter().map(|&(name, _)| (name, distance(name))).min_by_key(|&(_, d)| d)?;
    (distance <= 1 + word.len() / 4).then_some(name)
}

const NONE: &[&str] = &["none"];
const NO: &[&str] = &["no", "false"];
const YES: &[&str] = &["yes", "true"];
const ALWAYS: &[&str] = &[];

use Support::{Evaluated, Noted, Quiet, Refused};

const TABLE: &[(&str, Support)] = &[
    ("Host", Evaluated(Key::Host)),
    ("Match", Evaluated(Key::Match)),
    ("Include", Evaluated(Key::Include)),
    ("IgnoreUnknown", Evaluated(Key::IgnoreUnknown)),
    ("HostName", Evaluated(Key::HostName)),
    ("Port", Evaluated(Key::Port)),
    ("User", Evaluated(Key::User)),
    ("IdentityFile", Evaluated(Key::IdentityFile)),
    ("IdentityFile2", Evaluated(Key::IdentityFile)),
    ("IdentitiesOnly", Evaluated(Key::IdentitiesOnly)),
    ("IdentityAgent", Evaluated(Key::IdentityAgent)),
    ("HostKeyAlias", Evaluated(Key::HostKeyAlias)),
    ("UserKnownHostsFile", Evaluated(Key::UserKnownHostsFile)),
    ("GlobalKnownHostsFile", Evaluated(Key::GlobalKnownHostsFile)),
    ("StrictHostKeyChecking", Evaluated(Key::StrictHostKeyChecking)),
    ("ConnectTimeout", Evaluated(Key::ConnectTimeout)),
    ("PubkeyAuthentication", Evaluated(Key::PubkeyAuthentication)),
    ("DSAAuthentication", Evaluated(Key::PubkeyAuthentication)),
    ("PasswordAuthentication", Evaluated(Key::PasswordAuthentication)),
    ("PreferredAuthentications", Evaluated(Key::PreferredAuthentications)),
    ("BatchMode", Evaluated(Key::BatchMode)),
    // Where the connection goes, and from where.
    ("ProxyJump", Refused(NONE)),
    ("ProxyCommand", Refused(NONE)),
    ("ProxyUseFdpass", Refused(NO)),
    ("CanonicalizeHostname", Refused(NO)),
    ("BindAddress", Refused(ALWAYS)),
    ("BindInterface", Refused(ALWAYS)),
    // Without these a host key would pass that ssh refuses.
    ("RevokedHostKeys", Refused(NONE)),
    ("KnownHostsCommand", Refused(NONE)),
    ("CheckHostIP", Refused(NO)),
    ("RequiredRSASize", Refused(&["0", "1024"])),
    // How one logs in: what is passed over only means that more, or less, is tried.
    ("AddressFamily", Noted(&["any"])),
    ("CertificateFile", Noted(NONE)),
    ("ChallengeResponseAuthentication", Noted(YES)),
    ("GSSAPIAuthentication", Noted(NO)),
    ("GSSAPIKeyExchange", Noted(NO)),
    ("HostbasedAuthentication", Noted(NO)),
    ("KbdInteractiveAuthentication", Noted(YES)),
    ("KbdInteractiveDevices", Noted(ALWAYS)),
    ("NumberOfPasswordPrompts", Noted(ALWAYS)),
    ("PKCS11Provider", Noted(NONE)),
    ("PubkeyAcceptedAlgorithms", Noted(ALWAYS)),
    ("PubkeyAcceptedKeyTypes", Noted(ALWAYS)),
    ("SecurityKeyProvider", Noted(&["internal"])),
    ("SmartcardDevice", Noted(ALWAYS)),
    // The transport's choices; russh has its own lists.
    ("CASignatureAlgorithms", Noted(ALWAYS)),
    ("Ciphers", Noted(ALWAYS)),
    ("Compression", Noted(NO)),
    ("ConnectionAttempts", Noted(&["1"])),
    ("HostKeyAlgorithms", Noted(ALWAYS)),
    ("KexAlgorithms", Noted(ALWAYS)),
    ("MACs", Noted(ALWAYS)),
    ("RekeyLimit", Noted(&["default", "0"])),
    // Host keys, where passing over the keyword makes us stricter or no different.
    ("HashKnownHosts", Noted(NO)),
    ("NoHostAuthenticationForLocalhost", Noted(NO)),
    ("UpdateHostKeys", Quiet),
    ("VerifyHostKeyDNS", Noted(NO)),
    // What a session carries besides its terminal.
    ("DynamicForward", Noted(ALWAYS)),
    ("ForwardAgent", Noted(NO)),
    ("ForwardX11", Noted(NO)),
    ("LocalCommand", Noted(NONE)),
    ("LocalForward", Noted(ALWAYS)),
    ("RemoteCommand", Noted(NONE)),
    ("RemoteForward", Noted(ALWAYS)),
    ("RequestTTY", Noted(&["auto"])),
    ("SendEnv", Noted(ALWAYS)),
    ("SessionType", Noted(&["default"])),
    ("SetEnv", Noted(ALWAYS)),
    ("Tunnel", Noted(NO)),
    // Of no consequence here: without their partners above they do nothing, or omnes has an own way.
    ("AddKeysToAgent", Quiet),
    ("CanonicalDomains", Quiet),
    ("CanonicalizeFallbackLocal", Quiet),
    ("CanonicalizeMaxDots", Quiet),
    ("CanonicalizePermittedCNAMEs", Quiet),
    ("ClearAllForwardings", Quiet),
    ("ControlMaster", Quiet),
    ("ControlPath", Quiet),
    ("ControlPersist", Quiet),
    ("EnableEscapeCommandline", Quiet),
    ("EnableSSHKeysign", Quiet),
    ("EscapeChar", Quiet),
    ("ExitOnForwardFailure", Quiet),
    ("FingerprintHash", Quiet),
    ("ForkAfterAuthentication", Quiet),
    ("ForwardX11Timeout", Quiet),
    ("ForwardX11Trusted", Quiet),
    ("GatewayPorts", Quiet),
    ("GSSAPIClientIdentity", Quiet),
    ("GSSAPIDelegateCredentials", Quiet),
    ("GSSAPIKexAlgorithms", Quiet),
    ("GSSAPIRenewalForcesRekey", Quiet),
    ("GSSAPIServerIdentity", Quiet),
    ("GSSAPITrustDns", Quiet),
    ("HostbasedAcceptedAlgorithms", Quiet),
    ("HostbasedKeyTypes", Quiet),
    ("IPQoS", Quiet),
    ("LogLevel", Quiet),
    ("LogVerbose", Quiet),
    ("PermitLocalCommand", Quiet),
    ("PermitRemoteOpen", Quiet),
    ("ServerAliveCountMax", Quiet),
    ("ServerAliveInterval", Quiet),
    ("SetupTimeOut", Quiet),
    ("ProtocolKeepAlives", Quiet),
    ("StdinNull", Quiet),
    ("StreamLocalBindMask", Quiet),
    ("StreamLocalBindUnlink", Quiet),
    ("SyslogFacility", Quiet),
    ("TCPKeepAlive", Quiet),
    ("KeepAlive", Quiet),
    ("TunnelDevice", Quiet),
    ("VisualHostKey", Quiet),
    ("XAuthLocation", Quiet),
    // OpenSSH reads these without effect.
    ("AFSTokenPassing", Quiet),
    ("Cipher", Quiet),
    ("CompressionLevel", Quiet),
    ("FallBackToRsh", Quiet),
    ("GlobalKnownHostsFile2", Quiet),
    ("KerberosAuthentication", Quiet),
    ("KerberosTgtPassing", Quiet),
    ("Protocol", Quiet),
    ("RhostsAuthentication", Quiet),
    ("RhostsRSAAuthentication", Quiet),
    ("SKeyAuthentication", Noted(YES)),
    ("TISAuthentication", Noted(YES)),
    ("UseBlacklistedKeys", Quiet),
    ("UsePrivilegedPort", Quiet),
    ("UserKnownHostsFile2", Quiet),
    ("UseRoaming", Quiet),
    ("UseRsh", Quiet),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_any_case() {
        assert_eq!(lookup("hostname"), Some(("HostName", Evaluated(Key::HostName))));
        assert_eq!(lookup("proxyjump"), Some(("ProxyJump", Refused(NONE))));
        assert_eq!(lookup("hostnam"), None);
    }

    #[test]
    fn a_slip_finds_its_keyword_and_nonsense_finds_none() {
        assert_eq!(nearest("hostnaem"), Some("HostName"));
        assert_eq!(nearest("indentityfile"), Some("IdentityFile"));
        assert_eq!(nearest("zzzzzzzz"), None);
    }

    #[test]
    fn no_keyword_stands_twice() {
        let mut names: Vec<String> = TABLE.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(
            OPTIONS
                .iter()
                .all(|&(name, key)| lookup(&name.to_ascii_lowercase()) == Some((name, Evaluated(key))))
        );
    }
}
