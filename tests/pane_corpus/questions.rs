//! Questions of hosts, titles and the clipboard: what gets out of a pane.

use std::time::Duration;

use omnes::pane::{LONGEST_REPLY, REPLIES_PER_SECOND};
use regex::bytes::Regex;

use crate::generator::{Seeded, case};
use crate::{feed, pane};

#[test]
fn only_the_closed_list_is_answered() {
    let templates = Regex::new(
        r"^(\x1b\[\?62;22c|\x1b\[>0;280;0c|\x1b\[0n|\x1b\[[0-9]{1,3};[0-9]{1,3}R|\x1b\[8;24;80t|\x1b\[\?[0-9]{1,4};[0-2]\$y|\x1b\[\?[01]u)*$",
    )
    .unwrap();
    let unanswered = [
        "\x05",
        "\x1bZ",
        "\x1b[=c",
        "\x1b[1c",
        "\x1b[>1c",
        "\x1b[>q",
        "\x1b[>0q",
        "\x1b[?1u",
        "\x1b[14t",
        "\x1b[16t",
        "\x1b[20t",
        "\x1b[21t",
        "\x1b[x",
        "\x1b[1x",
        "\x1b[?6n",
        "\x1b[?15n",
        "\x1b[?996n",
        "\x1b[?31337$p",
        "\x1b[4$p",
        "\x1b[1;1;1;1;1;1*y",
        "\x1b]4;0;?\x07",
        "\x1b]10;?\x07",
        "\x1b]11;?\x1b\\",
        "\x1b]12;?\x07",
        "\x1b]52;c;?\x07",
        "\x1b]50;?\x07",
        "\x1b]60\x07",
        "\x1bP$qm\x1b\\",
        "\x1bP$q q\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b_Gi=31,a=q;AAAA\x1b\\",
        "\x1bGQ",
        "\x1b[?1;31337S",
        "\u{9b}c",
        "\u{9b}6n",
        "\x1b[>4;2m",
        "\x1b[?4m",
        "\x1b[>0;1c",
        "\x1b[=0c",
        "\x1bP$qr\x1b\\",
        "\x1bP+q5443;436f\x1b\\",
        "\x1b]49;?\x07",
        "\x1b]1337;ReportCellSize\x07",
        "\x1b]99;i=1:p=?;\x1b\\",
        "\x1b[?2026;1$p",
        "\x1b[>q",
        "\x1b[13t",
        "\x1b[19t",
        "\x1b[?1$w",
        "\x1b]0;\x1b[6n\x07",
    ];
    for question in &unanswered[..unanswered.len() - 1] {
        assert_eq!(feed(&mut pane(24, 80), question).replies, b"", "{question:?}");
    }
    let asking = [
        "\x1b[c",
        "\x1b[0c",
        "\x1b[>c",
        "\x1b[5n",
        "\x1b[6n",
        "\x1b[18t",
        "\x1b[?2004$p",
        "\x1b[?2026$p",
        "\x1b[?u",
    ];
    for question in asking {
        let reply = feed(&mut pane(24, 80), question).replies;
        assert!(!reply.is_empty() && templates.is_match(&reply), "{question:?}: {}", reply.escape_ascii());
    }
    let mut random = Seeded(0x52e9);
    for n in 0..2000 {
        let mut bytes = case(&mut random, 10);
        bytes.extend_from_slice(random.pick(&asking).as_bytes());
        bytes.extend_from_slice(random.pick(&unanswered).as_bytes());
        let reply = feed(&mut pane(24, 80), &bytes).replies;
        assert!(templates.is_match(&reply), "case {n}: {} to {}", reply.escape_ascii(), bytes.escape_ascii());
        assert!(reply.len() <= LONGEST_REPLY * REPLIES_PER_SECOND);
    }
}

#[test]
fn a_flood_of_questions_gets_few_answers() {
    let mut pane = pane(24, 80);
    let questions = "\x1b[5n".repeat(1000);
    let mut answers = 0;
    for ms in (0..10_000).step_by(100) {
        answers += pane.feed(Duration::from_millis(ms), questions.as_bytes()).replies.len() / 4;
    }
    assert_eq!(answers, 10 * REPLIES_PER_SECOND);
}

#[test]
fn titles_are_short_and_cannot_act() {
    let mut random = Seeded(0x7117);
    for n in 0..500 {
        let mut bytes = b"\x1b]2;".to_vec();
        bytes.extend(
            (0..random.below(300))
                .map(|_| random.below(256) as u8)
                .filter(|byte| !matches!(byte, 7 | 0x18 | 0x1a | 0x1b)),
        );
        bytes.extend_from_slice("\u{202e}\u{9b}31m\n語".repeat(random.below(40)).as_bytes());
        bytes.push(7);
        let mut pane = pane(24, 80);
        feed(&mut pane, &bytes);
        let title = pane.screen().title();
        let width = unicode_width::UnicodeWidthStr::width(title);
        assert!(width <= 64, "case {n}: {width} columns: {title}");
        assert!(!title.chars().any(omnes::escape::acts), "case {n}: {title:?}");
    }
}
