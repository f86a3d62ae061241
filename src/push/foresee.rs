//! What a push would do on one host, as text for people.
//!
//! Theory: the text is made of what was decided, by the same eyes and rules as a push that is carried out, so the two cannot
//! part. It names no host, so that hosts of which the same is to be said are told of together. Of files that are filled in it
//! shows the lines that would change.

use bytes::Bytes;

use super::carry::item;
use super::changes::{Act, Changes};
use super::deed::Ground;
use super::fill::MAX_FILLED;
use super::hand::{Hand, Whole};
use super::path::{RelPath, shown};
use super::tree::{Entry, Kind};
use super::trouble::Trouble;
use crate::escape;
use crate::outcome::FileFault;
use crate::run::diff;
use crate::run::freight::size;

/// Lines about entries that are told; the rest are counted.
const TOLD: usize = 1_000;

/// Bytes of differences that are told on one host.
const SHOWN: usize = 256 << 10;

/// The text; `given` are files that stand there and would belong to somebody else, and `content` gives what a file that is
/// filled in would hold, by its place.
pub(super) async fn text(
    hand: Hand<'_>,
    (ground, given): (&Ground<'_>, &[RelPath]),
    content: &(dyn Fn(usize) -> Option<Bytes> + Sync),
) -> Result<String, Trouble> {
    let mut text = lines(&ground.base, &ground.source, (&ground.changes, &ground.sight.entries, given));
    let mut room = SHOWN;
    for act in &ground.changes.files {
        let Act::Put { item, .. } = act else { continue };
        let Some(new) = content(*item) else { continue };
        let path = &ground.source[*item].path;
        let difference = difference(hand, (&ground.base, path), &new).await?;
        room = room.saturating_sub(difference.len());
        if room == 0 {
            text.push_str(
                "further differences are too long to be shown here; name fewer files to see them\n",
            );
            break;
        }
        text.push_str(&difference);
    }
    Ok(text)
}

/// The lines about entries, and what stays as it is.
fn lines(base: &[u8], source: &[Entry], (changes, there, given): (&Changes, &[Entry], &[RelPath])) -> String {
    let stands: std::collections::HashSet<&RelPath> = there.iter().map(|entry| &entry.path).collect();
    let acts = changes.before.iter().chain(&changes.files).chain(&changes.after);
    let mut told: Vec<String> = Vec::new();
    for act in acts.clone().take(TOLD) {
        told.push(line(act, base, (source, &stands)));
    }
    let given_told = given.iter().take(TOLD - told.len());
    told.extend(given_told.map(|path| format!("owner      {}", shown(&path.below(base)))));
    let more = (acts.count() + given.len()).saturating_sub(TOLD);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.extend(changes.faults.iter().map(|fault| match fault.entries {
        0 | 1 => format!("cannot     {}", fault.why),
        entries => format!("cannot     {} ({entries} entries)", fault.why),
    }));
    if changes.same.files > 0 {
        let files = if changes.same.files == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", changes.same.files)
        };
        told.push(format!("unchanged  {files} ({})", size(changes.same.bytes)));
    }
    if told.is_empty() {
        told.push("nothing to send".to_owned());
    }
    told.join("\n") + "\n"
}

fn line(
    act: &Act,
    base: &[u8],
    (source, stands): (&[Entry], &std::collections::HashSet<&RelPath>),
) -> String {
    let entry = item(act).map(|item| &source[item]);
    let path = entry.map_or_else(|| shown(base), |entry| shown(&entry.path.below(base)));
    let is_new = entry.is_none_or(|entry| !stands.contains(&entry.path));
    let word = if is_new { "new" } else { "change" };
    match (act, entry.map(|entry| &entry.kind)) {
        (Act::Put { .. }, Some(Kind::File { size: bytes })) => {
            format!("{word:<10} {path} ({})", size(*bytes))
        }
        (Act::Link { .. }, Some(Kind::Link { to })) => format!("{word:<10} {path} -> {}", shown(to)),
        (Act::SetMode { mode, .. }, _) => format!("mode       {path} {mode:04o}"),
        (Act::SetTime { .. }, _) => format!("time       {path}"),
        _ => format!("new        {path}/"),
    }
}

/// How a file that is filled in would differ from what stands there.
async fn difference(hand: Hand<'_>, (base, path): (&[u8], &RelPath), new: &[u8]) -> Result<String, Trouble> {
    let at = path.below(base);
    let mut old = Whole::default();
    match hand.read(&at, &mut old, MAX_FILLED).await {
        Ok(_) => {}
        Err(trouble) if trouble.fault() == Some(FileFault::Missing) => old.0.clear(),
        // The sentence names it.
        Err(Trouble::File { why, .. }) => return Ok(format!("cannot be compared: {why}\n")),
        Err(trouble) => return Err(trouble),
    }
    let shown = shown(&at);
    let mut text = Vec::new();
    let difference = diff::compare(&old.0, new);
    diff::unified(&mut text, &difference, [&shown, &shown], |text, line| {
        text.extend_from_slice(escape::line(line.strip_suffix(b"\n").unwrap_or(line)).as_bytes());
        text.push(b'\n');
    });
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::changes::{Count, Fault};
    use crate::push::put::{Before, Mode};

    #[test]
    fn each_change_is_a_line_and_what_stays_is_counted() {
        let entry = |path: &str, kind| {
            let path = RelPath::parse(path.as_bytes()).expect("a path");
            Entry { path, kind, mode: 0o644, mtime: 0 }
        };
        let source = [
            entry("d", Kind::Dir),
            entry("d/a", Kind::File { size: 3_400 }),
            entry("l", Kind::Link { to: (*b"d/a").into() }),
            entry("b", Kind::File { size: 7 }),
        ];
        let put = |item| Act::Put { item, mode: Mode::KeepOr(0o644), mtime: 0, before: Before::Asked };
        let changes = Changes {
            before: vec![Act::MakeDir { item: 0, mode: 0o755 }],
            files: vec![
                put(1),
                Act::Link { item: 2, mtime: None },
                put(3),
                Act::SetMode { item: 3, mode: 0o600 },
            ],
            faults: vec![Fault {
                fault: crate::outcome::FileFault::IsDirectory,
                path: RelPath::root(),
                why: "x: a folder stands there".into(),
                entries: 3,
            }],
            same: Count { files: 1, bytes: 5 },
            ..Changes::default()
        };
        let given = [RelPath::parse(b"d/a").expect("a path")];
        let owners = lines(b"/srv", &source, (&Changes::default(), &[], &given));
        assert_eq!(owners, "owner      /srv/d/a\n");
        let text = lines(b"/srv", &source, (&changes, &[entry("b", Kind::File { size: 1 })], &[]));
        let expected = "new        /srv/d/\nnew        /srv/d/a (3.4 kB)\nnew        /srv/l -> d/a\nchange     /srv/b (7 B)\n\
            mode       /srv/b 0600\ncannot     x: a folder stands there (3 entries)\nunchanged  1 file (5 B)\n";
        assert_eq!(text, expected);
        assert_eq!(lines(b"/srv", &[], (&Changes::default(), &[], &[])), "nothing to send\n");
    }
}
