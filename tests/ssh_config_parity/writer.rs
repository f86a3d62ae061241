//! Configurations as people write them, by chance.

use std::fs;
use std::path::Path;

use omnes::ssh::Overrides;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A writer of configurations, good ones and some with a bad line.
pub(crate) struct Writer {
    random: StdRng,
}

/// Domains whose labels are too long to be asked for, so that no server of names hears of these tests.
const UNSAYABLE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.Example.";
const TWO_UNSAYABLE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC.org";

/// How the value of a keyword is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As one word; blanks are quoted.
    One,
    /// As several words.
    Words,
    /// As the rest of the line.
    Rest,
}

fn kind(keyword: &str) -> Kind {
    match keyword.to_ascii_lowercase().as_str() {
        "proxyjump" | "proxycommand" | "remotecommand" => Kind::Rest,
        "userknownhostsfile"
        | "globalknownhostsfile"
        | "sendenv"
        | "setenv"
        | "addkeystoagent"
        | "canonicaldomains" => Kind::Words,
        _ => Kind::One,
    }
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Writer {
        Writer { random: StdRng::seed_from_u64(seed) }
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.random.random_range(0..words.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn setting(&mut self) -> (&'static str, &'static str) {
        const SETTINGS: [(&str, &[&str]); 54] = [
            (
                "HostName",
                &[
                    "%h",
                    "%h.example.org",
                    "10.1.2.3",
                    "127.1",
                    "Alpha",
                    "0:0::1",
                    "a%%b",
                    "%h%h",
                    "%h-%%-%h",
                    ".",
                ],
            ),
            ("User", &["deploy", "root", "a.b", "%h", "x y"]),
            ("Port", &["22", "2200", "022", "65535"]),
            ("IdentityFile", &["/k/one", "/k/two", "/k/with blank", "none"]),
            (
                "ProxyJump",
                &["none", "bastion", "u@bast2:2200", "bastion,db-2", "%h-b", "ssh://z@bastion:23", "web1"],
            ),
            ("ProxyCommand", &["none", "nc %h %p", "connect %r@%n%%", "None"]),
            ("IdentitiesOnly", &["yes", "no", "TRUE"]),
            ("IdentityAgent", &["none", "/a/%h-%p-%r", "~/agent %n", "${HOME}/%C", "/a/%%%d/%i/%u/%l/%L/%k"]),
            ("HostKeyAlias", &["Alias", "%h-x", "web1"]),
            (
                "UserKnownHostsFile",
                &["/u/1", "~/u/%h", "none", "/u/%k.%n", "${HOME}/u %p", "~/.ssh/known_hosts", "~root/%r"],
            ),
            ("GlobalKnownHostsFile", &["/g/1", "none", "/g/%h"]),
            ("StrictHostKeyChecking", &["yes", "no", "off", "ask", "Accept-New"]),
            ("ConnectTimeout", &["5", "1m", "1h2m3s", "0", "none"]),
            ("PubkeyAuthentication", &["yes", "no", "unbound", "host-bound"]),
            ("PasswordAuthentication", &["yes", "No"]),
            ("KbdInteractiveAuthentication", &["yes", "no"]),
            ("ChallengeResponseAuthentication", &["yes", "no"]),
            (
                "PreferredAuthentications",
                &["publickey", "keyboard-interactive,password", "gssapi-with-mic", "password,publickey"],
            ),
            ("BatchMode", &["yes", "no"]),
            ("ForwardAgent", &["yes", "no", "$HOME", "/agents/%h", "~/a-%r", "$NO_SUCH_VARIABLE"]),
            ("SendEnv", &["LANG", "HOME PATH", "-PATH", "P* -HO*", "*"]),
            ("SetEnv", &["A=b", "HOME=/x", "C=d=e"]),
            ("ServerAliveInterval", &["15", "0", "1m", "none"]),
            ("ServerAliveCountMax", &["0", "010", "5"]),
            ("ProtocolKeepAlives", &["9"]),
            ("CertificateFile", &["/c/one", "/c/two", "/c/with blank"]),
            ("AddKeysToAgent", &["yes", "no", "ask", "confirm", "confirm 5m", "90", "0"]),
            ("HashKnownHosts", &["yes", "no"]),
            ("UpdateHostKeys", &["yes", "no", "ask"]),
            ("RevokedHostKeys", &["/r/one", "none"]),
            ("NumberOfPasswordPrompts", &["0", "1", "+7"]),
            ("ConnectionAttempts", &["1", "4"]),
            ("AddressFamily", &["any", "INET", "inet6"]),
            ("CanonicalizeHostname", &["no", "yes", "always"]),
            ("CanonicalDomains", &["none", UNSAYABLE, TWO_UNSAYABLE]),
            ("CanonicalizeMaxDots", &["0", "2"]),
            ("CanonicalizeFallbackLocal", &["yes"]),
            ("CanonicalizePermittedCNAMEs", &["none"]),
            ("ControlPath", &["/c/%h", "none"]),
            ("Protocol", &["2", "1,2"]),
            ("BindAddress", &["10.0.0.1", "::1"]),
            ("BindInterface", &["lo"]),
            ("Compression", &["yes", "no"]),
            ("RequestTTY", &["yes", "no", "force", "auto"]),
            (
                "RemoteCommand",
                &["none", "tmux attach", "echo %h-%p-%r-%n-%C-%d-%i-%k-%l-%L-%u-%%", "id # note"],
            ),
            ("LogLevel", &["quiet", "DEBUG3"]),
            ("TCPKeepAlive", &["yes", "no"]),
            ("HostKeyAlgorithms", &["rsa*", "-*rsa*", "+ssh-rsa", "^ssh-ed25519", "ssh-ed25519,ssh-ed25519"]),
            (
                "KexAlgorithms",
                &["curve25519-sha256", "-*nist*", "^ecdh-sha2-nistp521", "+diffie-hellman-group14-sha1"],
            ),
            (
                "Ciphers",
                &["aes128-ctr,", "-*gcm*,nothing", "^aes256-gcm@openssh.com", "+aes256-cbc,aes128-cbc"],
            ),
            ("MACs", &["hmac-sha2-512,hmac-sha2-256", "-umac*", "+hmac-md5", "^hmac-sha2-512"]),
            ("PubkeyAcceptedAlgorithms", &["+ssh-rsa", "-ecdsa*,sk-*"]),
            ("CASignatureAlgorithms", &["rsa*", "-ssh-?d25519"]),
            ("CheckHostIP", &["yes", "no"]),
        ];
        // The first ones are worth more tries.
        let at = self.random.random_range(0..SETTINGS.len() + 18) % SETTINGS.len();
        let (keyword, values) = SETTINGS[at];
        (keyword, self.pick(values))
    }

    fn line(&mut self) -> String {
        let (keyword, value) = self.setting();
        let keyword = match self.random.random_range(0..3) {
            0 => keyword.to_ascii_uppercase(),
            1 => keyword.to_ascii_lowercase(),
            _ => keyword.to_owned(),
        };
        let value = match (kind(&keyword), self.random.random_range(0..4)) {
            // Quotes and all.
            (Kind::Rest, _) => value.to_owned(),
            (Kind::Words, _) if value.contains(' ') => value.to_owned(),
            (_, 0) => format!("\"{value}\""),
            (_, 1) => format!("'{value}'"),
            (Kind::One, _) if value.contains(' ') => value.replace(' ', "\\ "),
            _ => value.to_owned(),
        };
        let start = self.pick(&["", "  ", "\t", " \t "]);
        let between = self.pick(&[" ", " ", "\t", "=", " = ", "= ", " =", "\t=\t", "  \t"]);
        let end = match kind(&keyword) {
            Kind::Rest => self.pick(&["", "", " ", "\t", "\r"]),
            _ => self.pick(&["", "", " ", " # note", "\r", "\t\r", "\t# \"note", " #", " # it's"]),
        };
        let keyword = match self.random.random_range(0..12) {
            // A quoted keyword takes no `=` after it.
            0 if !between.contains('=') => format!("\"{keyword}\""),
            _ => keyword,
        };
        format!("{start}{keyword}{between}{value}{end}\n")
    }

    fn block(&mut self) -> String {
        const HOSTS: [&str; 24] = [
            "web1",
            "web*",
            "*",
            "!web1 *",
            "* !db-?",
            "db-?",
            "*.example.org",
            "WEB1",
            "10.0.*",
            "web1 db-2",
            "\"web1\"",
            "web1,db-2",
            "!*",
            "x.example.org !x.*",
            "?eb1",
            "**1",
            "!a *",
            "* !a",
            "!db-2 web* !web?",
            "\"web1 db-2\" x*",
            "web1\t!x\t# web*",
            "'web1' # note",
            "# web1",
            "! web1",
        ];
        const MATCHES: [&str; 39] = [
            "all",
            "!all",
            "host web*",
            "host Alpha,*.Example.org",
            "originalhost=db-2",
            "!host web1",
            "host 10.1.* user root",
            "user deploy,!root",
            "!user root all",
            "localuser nobody",
            "localuser=*,!nobody",
            "final",
            "final all",
            "!final host web1",
            "canonical host *",
            "final originalhost web1 user *",
            "exec \"test %n = web1\"",
            "!exec \"test '%h:%p:%r:%u:%k' = 'web1:22:root:root:web1'\" user root",
            "host web*,db-? !exec false",
            "!host db-?,x* !user bob,root !localuser nobody",
            "host=web1,!x user=* originalhost=*1",
            "host = \"web1,db-2\" user = root",
            "host=\"*\" !originalhost=\"db*\"",
            "\"host\" \"web1\" # note",
            "!final !canonical host web*",
            "!canonical all",
            "final !host *.example.org,web? user deploy,root",
            "final !originalhost web1 !user deploy",
            "HOST web1 !USER root",
            "host !web1,*",
            "host !web1",
            "host web1, user ,root",
            "host web1\tuser\troot\t",
            "all # note",
            "user root # all",
            "host web1 host db-2",
            "!host web1 !host db-2",
            "exec \"test %h != %n\" !exec \"test %p = 22\" host *",
            "final exec \"test %h = %n\" user root",
        ];
        if self.chance(35) {
            return format!("{} {}\n", self.pick(&["Match", "match"]), self.pick(&MATCHES));
        }
        format!(
            "{}{}{}\n",
            self.pick(&["Host", "HOST", " host"]),
            self.pick(&[" ", "=", "\t"]),
            self.pick(&HOSTS)
        )
    }

    /// A file; at `depth` below 2 it may include others, which are written into `dir`.
    pub(crate) fn file(&mut self, dir: &Path, depth: usize) -> String {
        const BAD: [&str; 36] = [
            "Match user root all all",
            "Match all host web1",
            "ProxyJump a,",
            "Ciphers aes*",
            "HostKeyAlgorithms zz*",
            "SendEnv A=b",
            "SetEnv A",
            "AddKeysToAgent yes 5m",
            "NumberOfPasswordPrompts -1",
            "RequestTTY perhaps",
            "LogLevel loud",
            "Prot 22",
            "Port none",
            "User a b",
            "User \"a",
            "Host",
            "IdentitiesOnly maybe",
            "ConnectTimeout soon",
            "UserKnownHostsFile /a none",
            "Match bogus",
            "StrictHostKeyChecking never",
            "Host web1 \"\"",
            "Host \"\"",
            "Match",
            "Match # all",
            "Match host",
            "Match host \"\"",
            "Match user root !!all",
            "Match ! host web1",
            "Match user root host",
            "User # nobody",
            "HostName \"\"",
            "AddKeysToAgent \"\"",
            "CanonicalDomains a none",
            "CanonicalizeMaxDots x",
            "User 'a",
        ];
        let mut text = String::new();
        if depth == 0 && self.chance(30) {
            // The usual way out of circles.
            text.push_str("Host bast* *-b db-2\n  ProxyJump none\n  ProxyCommand none\nHost *\n");
            text.push_str(self.pick(&["ProxyJump bastion\n", "", "ProxyJump %h-b,u@bast2:2200\n"]));
        }
        for _ in 0..self.random.random_range(2..9) {
            match self.random.random_range(0..10) {
                0 => text.push_str(self.pick(&["# note\n", "\n", "  \t\n", "#\n"])),
                1..=3 => text.push_str(&self.block()),
                4 if depth < 2 => {
                    let prefix = format!("inc{}", self.random.random_range(0..u32::MAX));
                    for number in 0..self.random.random_range(0..3) {
                        let included = self.file(dir, depth + 1);
                        fs::write(dir.join(format!("{prefix}-{number}")), included).unwrap();
                    }
                    let name = self.pick(&["*", "?", "-[01]", "-0"]).trim_start_matches('-');
                    text.push_str(&format!("Include {}/{prefix}-{name}\n", dir.display()));
                }
                _ => text.push_str(&self.line()),
            }
        }
        if self.chance(4) {
            text.push_str(&format!("{}\n", self.pick(&BAD)));
        }
        if self.chance(8) { text.replace('\n', "\r\n") } else { text }
    }

    /// Options of the command line, as ssh and as we take them.
    pub(crate) fn options(&mut self) -> (Vec<String>, Overrides) {
        let (mut words, mut options, mut user, mut port) = (Vec::new(), Vec::new(), None, None);
        if self.chance(15) {
            user = Some("ell".to_owned());
            words.extend(["-l".to_owned(), "ell".to_owned()]);
        }
        if self.chance(15) {
            port = Some(2222);
            words.extend(["-p".to_owned(), "2222".to_owned()]);
        }
        for _ in 0..self.random.random_range(0..3) {
            let (keyword, value) = self.setting();
            // Which of several routes wins, ssh settles otherwise on its command line; CheckHostIP is an error of ours.
            if keyword.starts_with("Proxy") || keyword == "CheckHostIP" || kind(keyword) != Kind::One {
                continue;
            }
            let option = format!("{keyword}={}\"{value}\"", self.pick(&["", " "]));
            words.extend(["-o".to_owned(), option.clone()]);
            options.push(option);
        }
        (words, Overrides::new(user, port, Vec::new(), &options).unwrap())
    }
}
