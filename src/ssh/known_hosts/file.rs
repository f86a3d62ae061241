//! The lines of a known_hosts file.

/// The marker of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// None: the host has this key.
    Plain,
    /// `@cert-authority`: the key signs certificates of the host; it says nothing about plain keys.
    Authority,
    /// `@revoked`: the key is never accepted.
    Revoked,
}

/// A line that may name a host; its key is read only when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) marker: Marker,
    /// The names and patterns, or one hashed name.
    pub(super) hosts: &'a [u8],
    /// Where they begin within the line.
    pub(super) hosts_at: usize,
    /// Where the key begins within the line.
    pub(super) key_at: usize,
}

/// Reads one line without its line end; `None` for comments, blank lines and those that ssh skips.
///
/// As a C program sees it, a line ends at a NUL byte.
pub(super) fn read(line: &[u8]) -> Option<Line<'_>> {
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut at = blanks(line, 0);
    if at == line.len() || line[at] == b'#' {
        return None;
    }
    let marker = match line[at] {
        b'@' => {
            let (marker, length) = marker(&line[at..])?;
            at = blanks(line, at + length);
            marker
        }
        _ => Marker::Plain,
    };
    // A second marker makes the line invalid.
    if line.get(at) == Some(&b'@') {
        return None;
    }
    let hosts = word(&line[at..]);
    let key_at = blanks(line, at + hosts.len());
    Some(Line { marker, hosts, hosts_at: at, key_at }).filter(|line| !line.hosts.is_empty())
}

/// The marker at the start of `text`, and its length.
///
/// ssh looks for the blank that ends a marker before it looks for a tab. So where a tab follows the marker and a blank
/// follows later, it takes both words for one unknown marker and skips the line; so do we, to give the same verdict.
fn marker(text: &[u8]) -> Option<(Marker, usize)> {
    let end = (text.iter().position(|&byte| byte == b' '))
        .or_else(|| text.iter().position(|&byte| byte == b'\t'))?;
    match &text[..end] {
        b"@cert-authority" => Some((Marker::Authority, end)),
        b"@revoked" => Some((Marker::Revoked, end)),
        _ => None,
    }
}

/// The position of the first byte from `at` on that is neither blank nor tab.
fn blanks(line: &[u8], at: usize) -> usize {
    let skipped = line[at..].iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    skipped.map_or(line.len(), |skipped| at + skipped)
}

/// The bytes up to the first blank or tab.
pub(super) fn word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_ssh_reads_them() {
        use Marker::{Authority, Plain, Revoked};
        for (line, expected) in [
            ("a k", Some((Plain, "a", "k"))),
            ("a,b\tk x", Some((Plain, "a,b", "k x"))),
            (" \t a  \t k", Some((Plain, "a", "k"))),
            ("a", Some((Plain, "a", ""))),
            ("@revoked a k", Some((Revoked, "a", "k"))),
            ("@cert-authority  *.b k", Some((Authority, "*.b", "k"))),
            ("@revoked\ta\tk", Some((Revoked, "a", "k"))),
            ("@revoked\ta k", None),
            ("@Revoked a k", None),
            ("@what a k", None),
            ("@revoked @cert-authority a k", None),
            ("@revoked", None),
            ("@revoked ", None),
            ("# a k", None),
            ("  # a k", None),
            ("", None),
            ("a\0b k", Some((Plain, "a", ""))),
            ("a k\0b", Some((Plain, "a", "k"))),
        ] {
            let read = read(line.as_bytes());
            let end = line.find('\0').unwrap_or(line.len());
            let read = read.map(|read| {
                (
                    read.marker,
                    std::str::from_utf8(read.hosts).unwrap(),
                    line[..end].get(read.key_at..).unwrap(),
                )
            });
            assert_eq!(read, expected, "{line:?}");
        }
    }
}
