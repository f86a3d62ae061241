//! A control sequence, taken apart.

/// `CSI`, an optional mark, parameters, an optional intermediate byte, and the byte that ends it and says what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence<'a> {
    /// The byte before the parameters (`<`, `=`, `>`, `?`), or 0.
    pub(super) mark: u8,
    /// Its parameters.
    pub(super) parameters: Parameters<'a>,
    /// The byte behind the parameters, or 0.
    pub(super) intermediate: u8,
    /// The last byte.
    pub(super) end: u8,
}

impl<'a> Sequence<'a> {
    /// Takes apart what stands between `CSI` and the last byte; nothing if it is not well formed.
    pub(super) fn parse(between: &'a [u8], end: u8) -> Option<Sequence<'a>> {
        let (mark, rest) = match between {
            [mark @ b'<'..=b'?', rest @ ..] => (*mark, rest),
            rest => (0, rest),
        };
        let (intermediate, digits) = match rest {
            [digits @ .., byte @ 0x20..=0x2f] => (*byte, digits),
            digits => (0, digits),
        };
        let well_formed = digits.iter().all(|byte| matches!(byte, b'0'..=b';'));
        well_formed.then_some(Sequence { mark, parameters: Parameters(digits), intermediate, end })
    }
}

/// The parameters of a sequence: numbers parted by semicolons, each of which may have parts, parted by colons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters<'a>(pub(super) &'a [u8]);

impl<'a> Parameters<'a> {
    /// All of them; there is always at least one.
    pub(super) fn all(self) -> impl Iterator<Item = Parameter<'a>> {
        self.0.split(|byte| *byte == b';').map(Parameter)
    }

    /// One of them; 0 where it was left out.
    pub(super) fn number(self, n: usize) -> u16 {
        self.all().nth(n).map_or(0, Parameter::number)
    }

    /// One of them where it is a count or a place: at least 1.
    pub(super) fn count(self, n: usize) -> u16 {
        self.number(n).max(1)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(self) -> usize {
        self.all().count()
    }
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter<'a>(&'a [u8]);

impl<'a> Parameter<'a> {
    /// Its parts; `None` where one was left out.
    pub(super) fn parts(self) -> impl Iterator<Item = Option<u16>> + use<'a> {
        self.0.split(|byte| *byte == b':').map(|digits| (!digits.is_empty()).then(|| number(digits)))
    }

    /// Its first part; 0 where it was left out.
    pub(super) fn number(self) -> u16 {
        self.parts().next().flatten().unwrap_or(0)
    }

    pub(super) fn has_parts(self) -> bool {
        self.0.contains(&b':')
    }
}

/// A number; too large ones saturate.
fn number(digits: &[u8]) -> u16 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0u16, |n, byte| n.saturating_mul(10).saturating_add(u16::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_taken_apart() {
        let parse = |text: &str| {
            let (end, between) = text.as_bytes().split_last().expect("an end");
            Sequence::parse(between, *end).map(|s| {
                let numbers: Vec<u16> = s.parameters.all().map(Parameter::number).collect();
                (char::from(s.mark), numbers, char::from(s.intermediate))
            })
        };
        assert_eq!(parse("m"), Some(('\0', vec![0], '\0')));
        assert_eq!(parse("?1;;99999999999h"), Some(('?', vec![1, 0, 65535], '\0')));
        assert_eq!(parse("?2026$p"), Some(('?', vec![2026], '$')));
        assert_eq!(parse("2 q"), Some(('\0', vec![2], ' ')));
        assert_eq!(parse("38:2::1:2:3m"), Some(('\0', vec![38], '\0')));
        for broken in ["1?2h", "??1h", "1$2p", "1 $p"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
        let parts: Vec<_> = Parameter(b"58:2::1").parts().collect();
        assert_eq!(parts, [Some(58), Some(2), None, Some(1)]);
    }
}
