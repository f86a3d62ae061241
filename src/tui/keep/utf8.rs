//! Bytes that come in pieces, as text.

/// Longest beginning of a character that is kept for its end, in bytes.
const BEGUN: usize = 3;

/// Turns pieces into text. What is no UTF-8 becomes U+FFFD, as in [`String::from_utf8_lossy`] of the whole; a character that a
/// border cuts in two is not broken.
#[derive(Clone, Debug, Default)]
pub struct Utf8 {
    begun: Vec<u8>,
}

impl Utf8 {
    /// The text of one more piece, as far as it is known.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        let mut text = String::with_capacity(rest.len());
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    return text;
                }
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(length) = error.error_len() else {
                        debug_assert!(broken.len() <= BEGUN);
                        self.begun = broken.to_vec();
                        return text;
                    };
                    text.push('\u{fffd}');
                    rest = &broken[length..];
                }
            }
        }
    }

    /// What is left when no more comes.
    pub fn end(&mut self) -> &'static str {
        match std::mem::take(&mut self.begun).is_empty() {
            true => "",
            false => "\u{fffd}",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_gives_the_same_text() {
        let bytes = b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\xc3(\xe2\x82z\xf0\x9f".to_vec();
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let mut utf8 = Utf8::default();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let text: String = pieces.iter().map(|piece| utf8.feed(piece)).collect();
                assert_eq!(text + utf8.end(), whole, "{first} {second}");
            }
        }
    }
}
