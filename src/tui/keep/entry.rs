//! The lines of the history file: one JSON object for each text that was sent.

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use super::words::Past;
use crate::tui::app::{How, SentEntry, SentText};

/// A line of the file. Fields of later versions are passed over.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    time: String,
    how: String,
    hosts: String,
    /// Not there where the text was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Why there is no text, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The line of an entry, with its end.
pub(super) fn line(entry: &SentEntry, time: Stamp) -> String {
    let line = Line {
        v: 1,
        time: time.to_string(),
        how: entry.how.word().to_owned(),
        hosts: entry.hosts.to_string(),
        text: entry.known().map(str::to_owned),
        why: match &entry.text {
            SentText::Kept(_) => None,
            SentText::Begun(_) => Some("finished on the host".to_owned()),
            SentText::Secret => Some("not kept: secret prompt".to_owned()),
            SentText::Unseen => Some("not kept: its echo was not seen".to_owned()),
            SentText::Apart => {
                Some("not kept: more different lines at once than are kept one by one".to_owned())
            }
        },
    };
    serde_json::to_string(&line).expect("texts have a form in JSON") + "\n"
}

/// The entry of a line; none where a line is broken or none of ours.
pub(super) fn parse(line: &str) -> Option<Past> {
    let Line { time, how, hosts, text, .. } = serde_json::from_str(line).ok()?;
    let how = How::ALL.into_iter().find(|h| h.word() == how);
    Some(Past { time, how, hosts, text })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_holds_the_entry_and_never_a_secret() {
        let at = Duration::ZERO;
        let text = SentText::Kept("echo \"ü\"\nls\x1b".into());
        let entry = SentEntry { at, how: How::Pasted, hosts: "web[1-3]".into(), text };
        let written = line(&entry, Stamp::of_unix(at));
        assert_eq!(
            written,
            "{\"v\":1,\"time\":\"1970-01-01T00:00:00Z\",\"how\":\"pasted\",\"hosts\":\"web[1-3]\",\
             \"text\":\"echo \\\"ü\\\"\\nls\\u001b\"}\n"
        );
        let past = parse(written.trim_end()).expect("a line of ours");
        assert_eq!((past.how, past.text.as_deref()), (Some(How::Pasted), Some("echo \"ü\"\nls\x1b")));
        let secret = SentEntry { text: SentText::Secret, ..entry };
        let written = line(&secret, Stamp::of_unix(at));
        assert!(
            !written.contains("echo") && written.contains("\"why\":\"not kept: secret prompt\""),
            "{written}"
        );
        assert_eq!(parse(&written).and_then(|past| past.text), None);
        assert_eq!(parse("{\"v\":1,\"time\":\"19"), None);
    }
}
