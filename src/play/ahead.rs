//! What a script would send to each host, for a forecast and for guards. Pure.

use super::score::{Score, Sent};
use crate::escape;
use crate::run::HostIx;
use crate::run::forecast::Sends;

impl Sends for Score {
    /// The steps of this host as it plays them.
    fn shown(&self, host: HostIx) -> String {
        let mut lines = Vec::new();
        for part in self.parts(host.0, 0) {
            let text = match &part.deed {
                Sent::Command(command) => format!("run {command}"),
                Sent::Keys(keys) => format!("send {keys}"),
                Sent::Paste(text) => format!("paste {text}"),
                Sent::Secret(name) => format!("type the secret {name}"),
            };
            let barrier = if part.barrier { "when all have come here, " } else { "" };
            let expected =
                part.expect.map(|expect| format!("  -> /{}/", expect.as_str())).unwrap_or_default();
            let whole = format!("{:>3}. {barrier}{text}{expected}", part.step + 1);
            lines.extend(whole.split('\n').map(|line| escape::line(line.as_bytes())));
        }
        lines.join("\n")
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        self.shown(host).into_bytes()
    }

    fn own(&self, host: HostIx) -> String {
        let texts = self.parts(host.0, 0).into_iter().filter_map(|part| match part.deed {
            Sent::Command(text) | Sent::Paste(text) => Some(text),
            Sent::Keys(keys) => Some(keys.to_string()),
            Sent::Secret(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    fn is_same_for_all(&self) -> bool {
        Score::is_same_for_all(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::{Empty, Facts, Host};
    use crate::play::{Texts, file};

    fn score(text: &str, texts: Texts) -> Score {
        let hosts = (1..=2).map(|n| (Host::new(None, &format!("web{n}"), None), Facts::default()));
        let script = file::parse("f", text).expect("a good file");
        Score::new(script, hosts.collect(), (texts, Empty::Refused)).expect("it fits")
    }

    #[test]
    fn each_host_is_shown_the_steps_that_it_plays() {
        let text = "[[step]]\nrun = \"a\\nb\"\n[[step]]\non = 'web2'\nrun = 'echo {host}'\n[[step]]\nrun = 'c'\nbarrier = true";
        let plain = score(text, Texts::AsTheyAre);
        assert_eq!(plain.shown(HostIx(0)), "  1. run a\nb\n  3. when all have come here, run c");
        assert_eq!(
            plain.shown(HostIx(1)),
            "  1. run a\nb\n  2. run echo {host}\n  3. when all have come here, run c"
        );
        assert_eq!(plain.own(HostIx(1)), "a\nb\necho {host}\nc");
        assert!(!Sends::is_same_for_all(&plain), "a step is for one of them");
        let filled = score("[[step]]\nrun = 'echo {host}'", Texts::Templates);
        assert_eq!((filled.own(HostIx(1)), Sends::is_same_for_all(&filled)), ("echo web2".to_owned(), false));
        assert!(Sends::is_same_for_all(&score("[[step]]\nrun = 'a'", Texts::AsTheyAre)));
    }
}
