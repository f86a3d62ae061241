//! How a host asks for keys to be written (the kitty keyboard protocol): a number of flags on a stack.
//!
//! Of its flags the first is kept, which gives keys that would be written like others a form of their own. The rest asks
//! for events that no pane has (releases, repeats) or for all text as sequences, and is left out of what is remembered
//! and answered, as the protocol wants it from a terminal that does less.

use super::modes::KeyEncoding;

/// The flags that are kept.
const KNOWN: u8 = 1;
/// Entries of the stack; beyond them the oldest goes.
const DEEPEST: usize = 8;

/// The flags of one screen: the last is in force, none is all off.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyboards {
    stack: Vec<u8>,
}

impl Keyboards {
    /// `CSI > flags u`
    pub(super) fn push(&mut self, flags: u16) {
        if self.stack.len() == DEEPEST {
            self.stack.remove(0);
        }
        self.stack.push(known(flags));
    }

    /// `CSI < count u`
    pub(super) fn pop(&mut self, count: u16) {
        self.stack.truncate(self.stack.len().saturating_sub(usize::from(count)));
    }

    /// `CSI = flags ; how u`: 1 sets the flags to these, 2 adds them, 3 takes them away.
    pub(super) fn set(&mut self, flags: u16, how: u16) {
        let flags = match how {
            0 | 1 => known(flags),
            2 => self.flags() | known(flags),
            3 => self.flags() & !known(flags),
            _ => return,
        };
        match self.stack.last_mut() {
            Some(last) => *last = flags,
            None => self.stack.push(flags),
        }
    }

    pub(super) fn flags(&self) -> u8 {
        self.stack.last().copied().unwrap_or(0)
    }

    pub(super) fn encoding(&self) -> KeyEncoding {
        if self.flags() & KNOWN == 0 { KeyEncoding::Legacy } else { KeyEncoding::Disambiguated }
    }
}

fn known(flags: u16) -> u8 {
    flags as u8 & KNOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_flags_are_in_force() {
        let mut keyboards = Keyboards::default();
        assert_eq!(keyboards.encoding(), KeyEncoding::Legacy);
        keyboards.push(31);
        assert_eq!((keyboards.flags(), keyboards.encoding()), (1, KeyEncoding::Disambiguated));
        keyboards.push(2);
        assert_eq!(keyboards.flags(), 0);
        keyboards.pop(1);
        keyboards.set(1, 3);
        assert_eq!(keyboards.flags(), 0);
        keyboards.set(5, 2);
        assert_eq!(keyboards.flags(), 1);
        (0..1000).for_each(|_| keyboards.push(1));
        assert_eq!(keyboards.stack.len(), DEEPEST);
        keyboards.pop(u16::MAX);
        assert_eq!(keyboards.encoding(), KeyEncoding::Legacy);
    }
}
