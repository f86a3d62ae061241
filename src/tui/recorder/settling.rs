//! Who is waited for, and what is written once they have answered.

use crate::broadcast::MemberId;
use crate::play::file;

use super::piece::Seen;
use super::steps::{self, Written};
use super::{Eyes, Item, Recorder, Taking};

impl Recorder {
    /// Something else goes to these, or nobody waits any longer: what they show now is what came of it.
    pub(super) fn fix(&mut self, to: &[MemberId], eyes: &impl Eyes) {
        for id in to {
            if let Some(number) = self.watched.get(id).copied() {
                self.see(number, *id, Seen::Fixed(eyes.sight(*id)), eyes);
            }
        }
    }

    pub(super) fn see(&mut self, number: u64, member: MemberId, seen: Seen, eyes: &impl Eyes) {
        let at = (number - self.first) as usize;
        let Some(Item::Piece(piece)) = self.items.get_mut(at) else { return };
        let Ok(place) = piece.to.binary_search(&member) else { return };
        if matches!(seen, Seen::Fixed(_)) {
            self.watched.remove(&member);
        }
        piece.see(place, seen);
        if piece.waiting == 0 {
            let is_last = at + 1 == self.items.len();
            if is_last && self.taking == Taking::Last {
                self.taking = Taking::Nothing;
            }
            self.settle(at, eyes);
            self.flush();
        }
    }

    /// All have answered: the piece becomes its steps.
    fn settle(&mut self, at: usize, eyes: &impl Eyes) {
        let number = self.first + at as u64;
        let Some(Item::Piece(piece)) = self.items.get_mut(at) else { return };
        for id in &piece.to {
            if self.watched.get(id) == Some(&number) {
                self.watched.remove(id);
            }
        }
        let heard = piece.to.iter().filter_map(|id| self.heard.get(id)).max().copied().unwrap_or_default();
        let written = steps::of(piece, heard.saturating_sub(piece.sent_at), eyes);
        let remarks = written.iter().filter_map(|written| match written {
            Written::Remark(text) => Some(text.clone()),
            Written::Step(_) => None,
        });
        self.said.extend(remarks);
        self.items[at] = Item::Ready(written);
    }

    /// Writes what has come to the front.
    pub(super) fn flush(&mut self) {
        while let Some(Item::Ready(_)) = self.items.front() {
            let Some(Item::Ready(written)) = self.items.pop_front() else { return };
            self.first += 1;
            for one in written {
                let text = match &one {
                    Written::Step(step) => file::print_one(step),
                    Written::Remark(text) => format!("\n# {text}\n"),
                };
                self.steps += usize::from(matches!(one, Written::Step(_)));
                self.bytes += text.len();
                self.text.push_str(&text);
            }
        }
    }
}
