//! Every keyword of OpenSSH 9.2, those that came after it up to 10.x, and what becomes of each here.

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

/// The keywords that are evaluated; the first four are no settings.
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
    CertificateFile,
    AddKeysToAgent,
    ProxyJump,
    ProxyCommand,
    UserKnownHostsFile,
    GlobalKnownHostsFile,
    StrictHostKeyChecking,
    HostKeyAlias,
    HostKeyAlgorithms,
    KexAlgorithms,
    Ciphers,
    MACs,
    PubkeyAcceptedAlgorithms,
    CASignatureAlgorithms,
    HashKnownHosts,
    UpdateHostKeys,
    RevokedHostKeys,
    PreferredAuthentications,
    PubkeyAuthentication,
    PasswordAuthentication,
    KbdInteractiveAuthentication,
    BatchMode,
    NumberOfPasswordPrompts,
    ConnectTimeout,
    ConnectionAttempts,
    ServerAliveInterval,
    ServerAliveCountMax,
    AddressFamily,
    BindAddress,
    BindInterface,
    SendEnv,
    SetEnv,
    ForwardAgent,
    Compression,
    RequestTTY,
    RemoteCommand,
    LogLevel,
    TCPKeepAlive,
    Tag,
    CanonicalizeHostname,
    CanonicalDomains,
    CanonicalizeMaxDots,
    CanonicalizeFallbackLocal,
    CanonicalizePermittedCNAMEs,
}

/// How many keywords are evaluated.
pub(in crate::ssh) const KEYS: usize = Key::CanonicalizePermittedCNAMEs as usize + 1;

/// A keyword as it is written in manuals, and what becomes of it; `word` is in lower case.
pub(super) fn lookup(word: &str) -> Option<(&'static str, Support)> {
    TABLE.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).copied()
}

/// The keyword of a key, as it is written in manuals.
pub(in crate::ssh) fn name(key: Key) -> &'static str {
    let found = TABLE.iter().find(|(_, support)| *support == Evaluated(key));
    found.expect("a test finds every key in the table").0
}

/// The known keyword that is most like `word`, if any is at all like it.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), word);
    let (name, distance) = TABLE.iter().map(|&(name, _)| (name, distance(name))).min_by_key(|&(_, d)| d)?;
    (distance <= 1 + word.len() / 4).then_some(name)
}

const NONE: &[&str] = &["none"];
const NO: &[&str] = &["no", "false"];
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
    ("CertificateFile", Evaluated(Key::CertificateFile)),
    ("AddKeysToAgent", Evaluated(Key::AddKeysToAgent)),
    ("ProxyJump", Evaluated(Key::ProxyJump)),
    ("ProxyCommand", Evaluated(Key::ProxyCommand)),
    ("UserKnownHostsFile", Evaluated(Key::UserKnownHostsFile)),
    ("GlobalKnownHostsFile", Evaluated(Key::GlobalKnownHostsFile)),
    ("StrictHostKeyChecking", Evaluated(Key::StrictHostKeyChecking)),
    ("HostKeyAlias", Evaluated(Key::HostKeyAlias)),
    ("HostKeyAlgorithms", Evaluated(Key::HostKeyAlgorithms)),
    ("KexAlgorithms", Evaluated(Key::KexAlgorithms)),
    ("Ciphers", Evaluated(Key::Ciphers)),
    ("MACs", Evaluated(Key::MACs)),
    ("PubkeyAcceptedAlgorithms", Evaluated(Key::PubkeyAcceptedAlgorithms)),
    ("PubkeyAcceptedKeyTypes", Evaluated(Key::PubkeyAcceptedAlgorithms)),
    ("CASignatureAlgorithms", Evaluated(Key::CASignatureAlgorithms)),
    ("HashKnownHosts", Evaluated(Key::HashKnownHosts)),
    ("UpdateHostKeys", Evaluated(Key::UpdateHostKeys)),
    ("RevokedHostKeys", Evaluated(Key::RevokedHostKeys)),
    ("PreferredAuthentications", Evaluated(Key::PreferredAuthentications)),
    ("PubkeyAuthentication", Evaluated(Key::PubkeyAuthentication)),
    ("DSAAuthentication", Evaluated(Key::PubkeyAuthentication)),
    ("PasswordAuthentication", Evaluated(Key::PasswordAuthentication)),
    ("KbdInteractiveAuthentication", Evaluated(Key::KbdInteractiveAuthentication)),
    ("ChallengeResponseAuthentication", Evaluated(Key::KbdInteractiveAuthentication)),
    ("SKeyAuthentication", Evaluated(Key::KbdInteractiveAuthentication)),
    ("TISAuthentication", Evaluated(Key::KbdInteractiveAuthentication)),
    ("BatchMode", Evaluated(Key::BatchMode)),
    ("NumberOfPasswordPrompts", Evaluated(Key::NumberOfPasswordPrompts)),
    ("ConnectTimeout", Evaluated(Key::ConnectTimeout)),
    ("ConnectionAttempts", Evaluated(Key::ConnectionAttempts)),
    ("ServerAliveInterval", Evaluated(Key::ServerAliveInterval)),
    ("SetupTimeOut", Evaluated(Key::ServerAliveInterval)),
    ("ProtocolKeepAlives", Evaluated(Key::ServerAliveInterval)),
    ("ServerAliveCountMax", Evaluated(Key::ServerAliveCountMax)),
    ("AddressFamily", Evaluated(Key::AddressFamily)),
    ("BindAddress", Evaluated(Key::BindAddress)),
    ("BindInterface", Evaluated(Key::BindInterface)),
    ("SendEnv", Evaluated(Key::SendEnv)),
    ("SetEnv", Evaluated(Key::SetEnv)),
    ("ForwardAgent", Evaluated(Key::ForwardAgent)),
    ("Compression", Evaluated(Key::Compression)),
    ("RequestTTY", Evaluated(Key::RequestTTY)),
    ("RemoteCommand", Evaluated(Key::RemoteCommand)),
    ("LogLevel", Evaluated(Key::LogLevel)),
    ("TCPKeepAlive", Evaluated(Key::TCPKeepAlive)),
    ("KeepAlive", Evaluated(Key::TCPKeepAlive)),
    ("Tag", Evaluated(Key::Tag)),
    ("CanonicalizeHostname", Evaluated(Key::CanonicalizeHostname)),
    ("CanonicalDomains", Evaluated(Key::CanonicalDomains)),
    ("CanonicalizeMaxDots", Evaluated(Key::CanonicalizeMaxDots)),
    ("CanonicalizeFallbackLocal", Evaluated(Key::CanonicalizeFallbackLocal)),
    ("CanonicalizePermittedCNAMEs", Evaluated(Key::CanonicalizePermittedCNAMEs)),
    // Where the connection goes, and from where.
    ("ProxyUseFdpass", Refused(NO)),
    ("RefuseConnection", Refused(ALWAYS)),
    // Without these a host key would pass that ssh refuses.
    ("KnownHostsCommand", Refused(NONE)),
    ("CheckHostIP", Refused(NO)),
    ("RequiredRSASize", Refused(&["0", "1024"])),
    // How one logs in: what is passed over only means that more, or less, is tried.
    ("GSSAPIAuthentication", Noted(NO)),
    ("GSSAPIKeyExchange", Noted(NO)),
    ("HostbasedAuthentication", Noted(NO)),
    ("KbdInteractiveDevices", Noted(ALWAYS)),
    ("PKCS11Provider", Noted(NONE)),
    ("SecurityKeyProvider", Noted(&["internal"])),
    ("SmartcardDevice", Noted(ALWAYS)),
    // The transport's own ways.
    ("ChannelTimeout", Noted(NONE)),
    ("ObscureKeystrokeTiming", Noted(NO)),
    ("RekeyLimit", Noted(&["default", "0"])),
    ("VersionAddendum", Noted(NONE)),
    // Host keys, where passing over the keyword makes us stricter or no different.
    ("NoHostAuthenticationForLocalhost", Noted(NO)),
    ("VerifyHostKeyDNS", Noted(NO)),
    // What a session carries besides its terminal.
    ("DynamicForward", Noted(ALWAYS)),
    ("ForwardX11", Noted(NO)),
    ("LocalCommand", Noted(NONE)),
    ("LocalForward", Noted(ALWAYS)),
    ("RemoteForward", Noted(ALWAYS)),
    ("SessionType", Noted(&["default"])),
    ("Tunnel", Noted(NO)),
    // Of no consequence here: without their partners above they do nothing, or omnes has an own way.
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
    ("LogVerbose", Quiet),
    ("PermitLocalCommand", Quiet),
    ("PermitRemoteOpen", Quiet),
    ("StdinNull", Quiet),
    ("StreamLocalBindMask", Quiet),
    ("StreamLocalBindUnlink", Quiet),
    ("SyslogFacility", Quiet),
    ("TunnelDevice", Quiet),
    ("VisualHostKey", Quiet),
    ("WarnWeakCrypto", Quiet),
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
        assert_eq!(lookup("checkhostip"), Some(("CheckHostIP", Refused(NO))));
        assert_eq!(lookup("hostnam"), None);
        assert_eq!(name(Key::ServerAliveInterval), "ServerAliveInterval");
    }

    #[test]
    fn a_slip_finds_its_keyword_and_nonsense_finds_none() {
        assert_eq!(nearest("hostnaem"), Some("HostName"));
        assert_eq!(nearest("indentityfile"), Some("IdentityFile"));
        assert_eq!(nearest("zzzzzzzz"), None);
    }

    #[test]
    fn no_keyword_stands_twice_and_every_key_stands_once() {
        let mut names: Vec<String> = TABLE.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        let mut keys: Vec<usize> = TABLE
            .iter()
            .filter_map(|(_, support)| if let Evaluated(key) = support { Some(*key as usize) } else { None })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys, (0..KEYS).collect::<Vec<_>>());
    }

    /// The manual's table has one line for each keyword and says of it what this table says.
    #[test]
    fn the_manual_lists_every_keyword_as_it_is() {
        let manual = include_str!("../../../docs/ssh.md");
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut told: Vec<(&str, &str)> = rows
            .map(|row| {
                let (name, rest) = row.split_once("` | ").expect(row);
                (name, rest.split(" |").next().expect(row))
            })
            .collect();
        let mut ours: Vec<(&str, &[&str])> = TABLE
            .iter()
            .map(|&(name, support)| {
                let words: &[&str] = match support {
                    Evaluated(_) => &["yes", "partly"],
                    Refused(_) => &["refused"],
                    Noted(_) => &["named"],
                    Quiet => &["silent"],
                };
                (name, words)
            })
            .collect();
        told.sort_unstable();
        ours.sort_unstable();
        let lines = |names: Vec<&str>| names.join("\n");
        assert_eq!(
            lines(told.iter().map(|(name, _)| *name).collect()),
            lines(ours.iter().map(|(name, _)| *name).collect())
        );
        for ((name, word), (_, words)) in told.iter().zip(&ours) {
            assert!(words.contains(word), "{name}: the manual says {word}, the table {words:?}");
        }
    }
}
