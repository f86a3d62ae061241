//! What a host asks of its own (RFC 4256): checked, made safe, and sorted. Pure.
//!
//! A host may ask anything, so its words are capped, control characters become visible, and who reads them is told
//! first which host speaks. One thing is recognised: the first round of most servers asks for the account's password,
//! which is one secret for the fleet. Everything else is asked for each host on its own, a code above all.

use crate::ask::Echo;
use crate::escape;

/// Prompts in one round.
const PROMPTS: usize = 16;

/// Longest text of a host in one round, in bytes.
const BYTES: usize = 4096;

/// Lines of one text that are shown.
const LINES: usize = 64;

const PASSWORD: &str = "password";

/// The words in which a host may ask for the password of the account, beside the name of that.
const WORDS: [&str; 17] = [
    PASSWORD, "enter", "please", "your", "the", "for", "of", "user", "account", "login", "unix", "linux",
    "ldap", "domain", "kerberos", "system", "ssh",
];

/// What the words around a prompt hold where it is for a code.
const CODES: [&str; 10] =
    ["one-time", "onetime", "one time", "otp", "token", "code", "verif", "challenge", "factor", "sms"];

/// One round of questions, safe to show; several lines of a text are separated by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) title: String,
    pub(super) instruction: String,
    pub(super) prompts: Vec<(String, Echo)>,
}

impl Round {
    /// Checks a round. The error is a sentence: the host is not to be talked to.
    pub(super) fn new<'a>(
        title: &str,
        instruction: &str,
        prompts: impl ExactSizeIterator<Item = (&'a str, bool)>,
    ) -> Result<Round, String> {
        if prompts.len() > PROMPTS {
            return Err(format!("the host asks {} questions at once; omnes takes {PROMPTS}", prompts.len()));
        }
        let safe = |text: &str| {
            if text.len() > BYTES {
                return Err(format!("the host asks with {} bytes; omnes takes {BYTES}", text.len()));
            }
            let lines: Vec<String> =
                text.trim().lines().take(LINES).map(|line| escape::line(line.as_bytes())).collect();
            Ok(lines.join("\n"))
        };
        let prompts = prompts.map(|(text, echo)| {
            let echo = if echo { Echo::Shown } else { Echo::Hidden };
            Ok((safe(text)?, echo))
        });
        Ok(Round {
            title: safe(title)?,
            instruction: safe(instruction)?,
            prompts: prompts.collect::<Result<_, String>>()?,
        })
    }

    /// Whether this, as a first round, asks for nothing but the password of this account. Every word of the prompt must be
    /// known, so that neither a code nor the password of another account or thing is taken for it; and nothing around it
    /// may speak of a code.
    pub(super) fn is_for_the_password_of(&self, user: &str) -> bool {
        let [(prompt, Echo::Hidden)] = self.prompts.as_slice() else { return false };
        let around = format!("{} {}", self.title, self.instruction).to_lowercase();
        if CODES.iter().any(|code| around.contains(code)) {
            return false;
        }
        let (prompt, user) = (prompt.to_lowercase(), user.to_lowercase());
        let bare = |word: &'_ str| -> String {
            let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
            word.strip_suffix("'s").unwrap_or(word).to_owned()
        };
        let words: Vec<String> =
            prompt.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
        let account = |word: &str| word.split('@').next() == Some(&user);
        words.iter().any(|word| word == PASSWORD)
            && words.iter().all(|word| WORDS.contains(&word.as_str()) || account(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(prompts: &[(&str, bool)]) -> Result<Round, String> {
        Round::new("", "", prompts.iter().copied())
    }

    #[test]
    fn only_a_plain_password_is_shared() {
        for (prompt, expected) in [
            ("Password: ", true),
            ("(deploy@web01) Password:", true),
            ("Password for deploy@web01:", true),
            ("LDAP PASSWORD", true),
            ("Verification code: ", false),
            ("One-time password (OATH) for `deploy': ", false),
            ("Password & verification code:", false),
            ("OTP password:", false),
            ("Token password: ", false),
            ("New password: ", false),
            ("Passcode: ", false),
            ("Please enter your LDAP password: ", true),
            ("deploy's password: ", true),
            ("Deploy@web01.example.org's password:", true),
            ("Password for root@web01:", false),
            ("(root@web01) Password:", false),
            ("root's password:", false),
            ("Password or PIN: ", false),
            ("Second password: ", false),
            ("Vault password: ", false),
            ("password [otp-md5 487 ke1234]: ", false),
            ("(current) UNIX password: ", false),
            ("", false),
        ] {
            assert_eq!(
                round(&[(prompt, false)]).unwrap().is_for_the_password_of("deploy"),
                expected,
                "{prompt}"
            );
        }
        assert!(!round(&[("Password: ", true)]).unwrap().is_for_the_password_of("deploy"), "it may be seen");
        assert!(
            !round(&[("Password: ", false), ("Code: ", false)]).unwrap().is_for_the_password_of("deploy")
        );
        assert!(!round(&[]).unwrap().is_for_the_password_of("deploy"));
    }

    #[test]
    fn a_password_that_is_called_a_code_around_it_is_not_shared() {
        let of = |title, instruction| {
            let round = Round::new(title, instruction, [("Password: ", false)].into_iter()).unwrap();
            round.is_for_the_password_of("deploy")
        };
        assert!(of("Password authentication", "Welcome to web01"));
        assert!(!of("", "Enter the one-time code that we sent you"));
        assert!(!of("RSA SecurID token", ""));
    }

    #[test]
    fn words_of_a_host_do_not_act_and_have_an_end() {
        let round = Round::new("\x1b]0;t\x07", "one\r\ntwo\u{202e}", [("\x1b[2JCode:\t", false)].into_iter());
        let round = round.unwrap();
        assert_eq!(round.title, "^[]0;t^G");
        assert_eq!(round.instruction, "one\ntwo\\u{202e}");
        assert_eq!(round.prompts, [("^[[2JCode:".to_owned(), Echo::Hidden)]);
        let long = "x".repeat(BYTES + 1);
        assert!(Round::new(&long, "", [].into_iter()).is_err());
        assert!(Round::new("", &long, [].into_iter()).is_err());
        assert!(super::tests::round(&[(&long, false)]).unwrap_err().contains("4097 bytes"));
        assert!(super::tests::round(&[("x", false); PROMPTS + 1]).unwrap_err().contains("17 questions"));
        assert!(super::tests::round(&[("x", false); PROMPTS]).is_ok());
    }
}
