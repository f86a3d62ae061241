//! `--ensure-kill`: the few lines of sh around a command that end all of it, and say so. Pure.
//!
//! Theory: a server that is asked to signal a command does what it likes: OpenSSH signals the process group, but not where
//! root logged in; dropbear signals one process; and what ignores the signal goes on in any case. So the command is made
//! the leader of a process group of its own, and a shell outside of that group waits: for the command's end, for a signal,
//! and for the end of its standard input, which every server brings about when the channel or the link goes. Then it ends the
//! group, first with TERM and a second later with KILL, looks until nothing of it is left, and says what it saw with a mark.
//! Only that mark makes an outcome *killed*.

use super::marks::{Mark, Token};
use super::script::SH;
use crate::outcome::{Fate, Outcome};

/// The status of a wrapper that ended its command: what a shell says of TERM.
const ENDED: u32 = 143;

/// How often the group is looked at before it is killed, and before it is given up; a fifth of a second lies between.
const PATIENCE: u32 = 5;
const LIMIT: u32 = 25;

/// Looks for living members of the group: in `/proc`, since zombies that nobody collects still answer to `kill -0`; but only
/// if it is ours, as in a container it may be that of another space of process ids, where our number is another's.
const ALIVE: &str = "g(){ if { read -r l</proc/self/stat;} 2>/dev/null&&[ \"${l%% *}\" = $$ ];then \
for f in /proc/[0-9]*/stat;do { read -r l<$f;} 2>/dev/null||continue;set -- ${l##*) };\
[ \"$3\" = $c ]&&case $1 in Z|X);;*)return 0;;esac;done;return 1;fi;\
[ $i -ge 5 ]&&wait $c;kill -0 -$c 2>/dev/null;}";

/// Signals the group, or a process that is about to make it.
const SIGNAL: &str = "k(){ kill -$1 -$c 2>/dev/null||kill -$1 $c 2>/dev/null;}";

/// The words around a command's words.
pub fn around(token: &Token, words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (killed, left) = (token.mark(Mark::Killed), token.mark(Mark::Left));
    let (began, unable) = (token.mark(Mark::Began), token.mark(Mark::Unable));
    // One line, since a C shell that reads it as the login shell takes no more.
    let text = [
        format!("exec 3<&0 4>&2 </dev/null;c=;w=;{ALIVE};{SIGNAL}"),
        format!(
            "e(){{ trap '' TERM HUP INT;exec 2>/dev/null;c=${{c:-$!}};[ \"$c\" ]||{{ echo '{killed}'>&4;exit {ENDED};}};\
             [ \"$w\" ]&&kill $w 2>/dev/null;k TERM;i=0;while g;do i=$((i+1));[ $i -ge {PATIENCE} ]&&k KILL;\
             [ $i -ge {LIMIT} ]&&{{ echo '{left}'>&4;exit {ENDED};}};sleep 0.2 2>/dev/null||sleep 1;done;\
             echo '{killed}'>&4;exit {ENDED};}}"
        ),
        "trap e TERM HUP INT".to_owned(),
        // A shell that has a terminal of nobody's cannot make groups; most systems have a program that can.
        format!(
            "if command -v setsid >/dev/null 2>&1;then echo '{began}'>&4;setsid \"$@\" 3<&- 4>&- & c=$!;\
             else set -m 2>/dev/null;case $- in *m*)echo '{began}'>&4;\"$@\" 3<&- 4>&- & c=$!;set +m;;\
             *)echo '{unable}'>&4;exit 126;;esac;fi"
        ),
        "(exec 4>&-;while read -r x<&3;do :;done;kill -TERM $$)>/dev/null 2>&1 & w=$!".to_owned(),
        "exec 3<&-;wait $c 2>/dev/null;s=$?;trap '' TERM HUP INT;kill $w 2>/dev/null;exit $s".to_owned(),
    ]
    .join(";");
    let before = [SH.into(), b"-c".to_vec(), text.into_bytes(), b"omnes".to_vec()];
    before.into_iter().chain(words).collect()
}

/// What is certain of a command that was told to end: what its wrapper saw, else what its own status says.
///
/// A status that names a signal is no proof: it speaks of one process, and its children may go on. A status of its own
/// accord says that the command heard and ended as it wanted.
pub fn fate(seen: Option<Mark>, status: Option<&Outcome>) -> Fate {
    match (seen, status) {
        (Some(Mark::Killed), _) => Fate::Killed,
        (Some(Mark::Left), _) => Fate::MayStillRun,
        (_, Some(Outcome::Exited(_))) => Fate::Ended,
        _ => Fate::MayStillRun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wrapper_makes_killed_certain() {
        let (exited, signalled) = (Outcome::Exited(143), Outcome::Signalled("TERM".to_owned()));
        for (seen, status, expected) in [
            (None, None, Fate::MayStillRun),
            (None, Some(&signalled), Fate::MayStillRun),
            (None, Some(&exited), Fate::Ended),
            (Some(Mark::Began), Some(&exited), Fate::Ended),
            (Some(Mark::Killed), Some(&exited), Fate::Killed),
            (Some(Mark::Killed), None, Fate::Killed),
            (Some(Mark::Left), Some(&exited), Fate::MayStillRun),
        ] {
            assert_eq!(fate(seen, status), expected, "{seen:?} {status:?}");
        }
    }

    #[test]
    fn the_wrapper_is_one_line_that_a_small_server_takes() {
        let words = around(&Token::new([7; 16]), vec![b"true".to_vec()]);
        let text = String::from_utf8(words[2].clone()).expect("text");
        assert!(!text.contains('\n') && text.len() < 2_000, "{} {text}", text.len());
        assert_eq!(
            (&words[0][..], &words[3][..], &words[4][..]),
            (&b"/bin/sh"[..], &b"omnes"[..], &b"true"[..])
        );
    }
}
