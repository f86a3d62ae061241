//! Whole lines out of the pieces in which a host's output arrives.
//!
//! Lines of several hosts share one terminal or file, so nothing is passed on before its line is complete. What is kept
//! back is bounded: a line that passes [`LINE_LIMIT`] is passed on in pieces, and the caller learns that it was.

use memchr::memrchr;

/// How much of one unfinished line is kept, in bytes. A longer line is passed on in pieces; two streams of each running
/// host may hold this much.
pub const LINE_LIMIT: usize = 1 << 20;

/// The unfinished line of one stream of one host.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

/// Output that may be passed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// One line or more; the last ends with a newline unless `cut`.
    pub bytes: Vec<u8>,
    /// The last line was longer than [`LINE_LIMIT`] and goes on in the next block.
    pub cut: bool,
}

impl Lines {
    /// Takes what arrived and gives back all lines that are complete now.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Block> {
        let Some(end) = memrchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            let cut = self.partial.len() >= LINE_LIMIT;
            return cut.then(|| Block { bytes: std::mem::take(&mut self.partial), cut });
        };
        let mut block = std::mem::take(&mut self.partial);
        block.extend_from_slice(&bytes[..=end]);
        self.partial.extend_from_slice(&bytes[end + 1..]);
        Some(Block { bytes: block, cut: false })
    }

    /// The last line, where it had no end.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then(|| std::mem::take(&mut self.partial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_all(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        let mut lines = Lines::default();
        let blocks = pieces.iter().filter_map(|piece| lines.feed(piece)).map(|block| block.bytes).collect();
        (blocks, lines.finish())
    }

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = b"one\n\ntwo\r\n\0three\nlast";
        for cut in 1..=text.len() {
            let pieces: Vec<&[u8]> = text.chunks(cut).collect();
            let (blocks, last) = feed_all(&pieces);
            assert!(blocks.iter().all(|block| block.ends_with(b"\n")), "{cut}");
            assert_eq!([blocks.concat(), last.expect("a last line")].concat(), text, "{cut}");
        }
        assert_eq!(feed_all(&[b"end\n"]), (vec![b"end\n".to_vec()], None));
        assert_eq!(feed_all(&[]), (vec![], None));
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_pieces() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; LINE_LIMIT / 2];
        assert_eq!(lines.feed(&chunk), None);
        let block = lines.feed(&chunk).expect("the limit is reached");
        assert!(block.cut);
        assert_eq!(block.bytes.len(), LINE_LIMIT);
        assert_eq!(lines.feed(b"y\n"), Some(Block { bytes: b"y\n".to_vec(), cut: false }));
    }
}
