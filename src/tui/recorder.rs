//! What is done in the TUI, as a script of steps that `omnes play` does again: the model.
//!
//! Theory. What goes to the same hosts without a pause is one *piece*: a line with its Enter, keys for an editor, a paste. A
//! piece is complete when its last key makes the hosts do something and they have come to where one waits for the user;
//! what they show then is what its step expects. Each host comes there in its own time, so pieces wait beside each other,
//! but what is written is in the order in which it was sent.
//!
//! A line that was typed whole at a shell's prompt, was seen there, and led back to the same prompt becomes `run`; other
//! pieces `send` and `paste`. What the hosts did not show, or read at a prompt for a secret, is not kept here in any form:
//! a step says that a secret was typed. In doubt it was one. What can be no step is a remark, in the file and for the user.
//!
//! The hosts are seen through [`Eyes`], and only when something is sent, or when one that is waited for says something.

mod piece;
mod secrets;
mod settling;
mod sight;
mod steps;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::hosts::Host;
use crate::pane::{Key, KeyCode, Mods};
use crate::play::file::{self, FILE_BYTES, MOST_BYTES, MOST_STEPS};
use crate::play::keys::MOST_KEYS;
use crate::play::script::Script;
use crate::size::Size;
use crate::tui::app::ends_line;

use piece::{Form, Piece, Seen, Stage, is_end, is_letter, same_mode};
use steps::Written;

pub use piece::Whose;
pub use sight::{Shown, Sight, Waits};

/// Pieces that wait to be written; then what the first one waits for is taken as it is.
const WAITING: usize = 256;

/// A host that said nothing for so long waits for the user, if it shows anything to wait at.
const QUIET: Duration = Duration::from_millis(200);

/// Said of what is taken for a secret.
const UNSEEN: &str = "a line that was not seen on the screens is recorded as a secret, without its content";

/// What a screen showed, to tell later whether it has answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// A number for each row.
    pub rows: Vec<u64>,
    /// Row and column of the cursor.
    pub cursor: (u16, u16),
}

/// What can be seen of the hosts.
pub trait Eyes {
    /// What a host shows.
    fn sight(&self, member: MemberId) -> Sight;
    /// What it waits for, as far as its kind goes; costs nothing.
    fn mode(&self, member: MemberId) -> Waits;
    /// Is its line empty, as far as what was typed tells?
    fn is_fresh(&self, member: MemberId) -> bool;
    /// The line that was typed for these, if it is the same for all and known.
    fn typed(&self, to: &[MemberId]) -> Option<Zeroizing<String>>;
    /// The screens of these, where they say more than the cursor; else nothing.
    fn looks(&self, to: &[MemberId]) -> Vec<Look>;
    /// Was it seen that these show what is typed since their `looks`? Not where it cannot be told.
    fn is_shown(&self, to: &[MemberId], looks: &[Look]) -> bool;
    /// Does the screen of each of these show the last line of this text?
    fn shows(&self, to: &[MemberId], text: &str) -> bool;
    /// Every host that is open.
    fn open(&self) -> Vec<MemberId>;
    /// Which host that is.
    fn host(&self, member: MemberId) -> Option<Host>;
}

/// What is to be written next.
#[derive(Debug)]
enum Item {
    Ready(Vec<Written>),
    Piece(Box<Piece>),
}

/// Whether the last piece takes more keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Taking {
    #[default]
    Nothing,
    /// It is the last item.
    Last,
}

/// What was sent and is not written yet.
#[derive(Debug, Default)]
pub struct Recorder {
    items: VecDeque<Item>,
    /// The number of the first item.
    first: u64,
    taking: Taking,
    /// Who is waited for, and by which item.
    watched: HashMap<MemberId, u64>,
    /// When each was heard last.
    heard: HashMap<MemberId, Duration>,
    now: Duration,
    steps: usize,
    bytes: usize,
    text: String,
    said: Vec<String>,
    /// What was remarked since something was sent.
    remarked: Option<String>,
}

impl Recorder {
    /// A recorder, and the beginning of its file.
    pub fn begin(hosts: &str, size: Size) -> (Recorder, String) {
        let size = Some(size).filter(|size| *size != Size::DEFAULT);
        let description = Some(format!("recorded on {}", crate::escape::text(hosts, 200)));
        let header = file::print(&Script { description, size, steps: Vec::new() });
        (Recorder { bytes: header.len(), ..Recorder::default() }, header)
    }

    /// What is to stand behind what was written so far.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// What the user is to be told: sentences.
    pub fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// Steps written so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Is the file as large as one may be?
    pub fn is_full(&self) -> bool {
        self.steps + 8 > MOST_STEPS || self.bytes + 2 * MOST_BYTES > FILE_BYTES
    }

    /// A key is about to go to these.
    pub fn key(&mut self, now: Duration, key: Key, (to, whose): (&[MemberId], Whose), eyes: &impl Eyes) {
        self.now = now;
        let gives_up = matches!((key.code(), key.mods()), (KeyCode::Char('c'), Mods::CTRL));
        if !gives_up && self.any_secret(to, eyes) {
            return self.secret_key(key, (to, whose), eyes);
        }
        if !self.joins(to, whose, eyes) {
            self.close(eyes);
            self.open(to, whose, eyes);
        }
        self.reopen();
        let Some(piece) = self.taken() else { return };
        piece.sent_at = now;
        piece.after_paste(|| to.iter().map(|id| eyes.sight(*id)).collect());
        if piece.letters == 0 && is_letter(key) {
            piece.looks = eyes.looks(to);
        }
        if !is_end(key) {
            return piece.push(key);
        }
        if !piece.is_seen(eyes) {
            return self.hide(key, eyes);
        }
        piece.run = match piece.fresh && piece.lines == 0 && ends_line(key) {
            true => eyes.typed(to),
            false => None,
        };
        piece.push(key);
        self.ended();
    }

    /// A paste is about to go to these.
    pub fn paste(&mut self, now: Duration, text: &str, (to, whose): (&[MemberId], Whose), eyes: &impl Eyes) {
        self.now = now;
        if self.any_secret(to, eyes) {
            return self.passed_over(now, "a paste at a prompt for a secret is not recorded", eyes);
        }
        if !self.joins(to, whose, eyes) {
            self.close(eyes);
            self.open(to, whose, eyes);
        }
        self.reopen();
        let Some(piece) = self.taken() else { return };
        piece.sent_at = now;
        if piece.letters == 0 {
            piece.looks = eyes.looks(to);
        }
        piece.paste(text, to.iter().map(|id| eyes.sight(*id)).collect());
    }

    /// A text with an Enter behind it is about to go to these, as a whole.
    pub fn line(&mut self, now: Duration, text: &str, (to, whose): (&[MemberId], Whose), eyes: &impl Eyes) {
        // Whether others than shells show it, nobody can see yet.
        if !to.iter().all(|id| eyes.mode(*id) == Waits::Shell) {
            self.now = now;
            self.begin_secret((to, whose), eyes);
            self.said.push(UNSEEN.to_owned());
            return self.ended();
        }
        self.paste(now, text, (to, whose), eyes);
        let Some(piece) = self.taken().filter(|piece| piece.form == Form::Open) else { return };
        let alone = piece.parts.len() == 1;
        piece.run = (piece.fresh && alone).then(|| text.to_owned().into());
        piece.push(Key::new(KeyCode::Enter, Mods::NONE));
        self.ended();
    }

    /// A secret is about to go to these, from a box of omnes.
    pub fn secret(&mut self, now: Duration, to: &[MemberId], eyes: &impl Eyes) {
        self.now = now;
        self.begin_secret((to, Whose::Broadcast), eyes);
        self.ended();
    }

    /// These lines are about to be typed at the prompts of these, one at a time.
    pub fn lines(
        &mut self,
        now: Duration,
        lines: &[Zeroizing<String>],
        (to, whose): (&[MemberId], Whose),
        eyes: &impl Eyes,
    ) {
        self.now = now;
        self.close(eyes);
        self.open(to, whose, eyes);
        let Some(Item::Piece(piece)) = self.items.pop_back() else { return };
        self.taking = Taking::Nothing;
        match piece.fresh {
            true => self.items.push_back(Item::Ready(steps::of_lines(&piece, lines, eyes))),
            false => {
                self.remark("lines that were sent one by one, not at the prompts of shells, are not recorded")
            }
        }
        self.flush();
    }

    /// A host said something.
    pub fn heard(&mut self, now: Duration, member: MemberId, eyes: &impl Eyes) {
        self.now = now;
        self.heard.insert(member, now);
        let Some(number) = self.watched.get(&member).copied() else { return };
        let seen = match eyes.mode(member) {
            Waits::Shell => Some(eyes.sight(member)).filter(|sight| sight.waits == Waits::Shell),
            _ => None,
        };
        self.see(number, member, seen.map_or(Seen::Waiting, Seen::Back), eyes);
    }

    /// A session is over.
    pub fn gone(&mut self, now: Duration, member: MemberId, eyes: &impl Eyes) {
        self.now = now;
        if let Some(number) = self.watched.get(&member).copied() {
            let sight = Sight { waits: Waits::Gone, line: Shown::default() };
            self.see(number, member, Seen::Fixed(sight), eyes);
        }
        self.heard.remove(&member);
    }

    /// A sentence for the file and the user. No piece takes keys then.
    fn remark(&mut self, text: &str) {
        let text = crate::escape::text(text, 400);
        if self.remarked.as_ref() != Some(&text) {
            self.remarked = Some(text.clone());
            self.said.push(text.clone());
            self.items.push_back(Item::Ready(vec![Written::Remark(text)]));
        }
    }

    /// Something that can be no step: it stands in the file, and the user is told.
    pub fn passed_over(&mut self, now: Duration, text: &str, eyes: &impl Eyes) {
        self.now = now;
        self.close(eyes);
        self.remark(text);
        self.flush();
    }

    /// The end: what is not complete is written as it is.
    pub fn end(&mut self, now: Duration, eyes: &impl Eyes) {
        self.now = now;
        self.close(eyes);
        let waiting: Vec<MemberId> = self.watched.keys().copied().collect();
        self.fix(&waiting, eyes);
        self.flush();
    }
}

/// The piece that takes keys.
impl Recorder {
    fn taken(&mut self) -> Option<&mut Piece> {
        match (self.taking, self.items.back_mut()) {
            (Taking::Last, Some(Item::Piece(piece))) => Some(piece),
            _ => None,
        }
    }

    fn any_secret(&self, to: &[MemberId], eyes: &impl Eyes) -> bool {
        to.iter().any(|id| eyes.mode(*id) == Waits::Secret)
    }

    /// Does what comes next for these belong to the piece? Not once they wait for it, nor when keys mean something else now.
    fn joins(&self, to: &[MemberId], whose: Whose, eyes: &impl Eyes) -> bool {
        let (Taking::Last, Some(Item::Piece(piece))) = (self.taking, self.items.back()) else { return false };
        if !piece.is_for(to, whose) || piece.form == Form::Secret || piece.keys + 2 > MOST_KEYS {
            return false;
        }
        match piece.stage {
            Stage::Goes => {
                to.iter().zip(&piece.begin).all(|(id, begin)| same_mode(eyes.mode(*id), begin.waits))
            }
            Stage::Ended => {
                2 * to.iter().filter(|id| self.waits(**id, piece.sent_at, eyes)).count() < to.len()
            }
        }
    }

    /// Has this host come to where one waits for the user?
    fn waits(&self, member: MemberId, since: Duration, eyes: &impl Eyes) -> bool {
        let heard = self.heard.get(&member).copied().filter(|at| *at >= since);
        let quiet = heard.is_some_and(|at| self.now >= at + QUIET);
        match eyes.mode(member) {
            Waits::Shell | Waits::Secret | Waits::Gone => true,
            Waits::Screen => quiet,
            Waits::Line | Waits::Nothing => quiet && eyes.sight(member).waits == Waits::Line,
        }
    }

    /// Begins a piece.
    fn open(&mut self, to: &[MemberId], whose: Whose, eyes: &impl Eyes) {
        self.fix(to, eyes);
        if self.items.len() >= WAITING
            && let Some(Item::Piece(first)) = self.items.front()
        {
            let late = first.to.clone();
            let late: Vec<MemberId> =
                late.into_iter().filter(|id| self.watched.get(id) == Some(&self.first)).collect();
            self.fix(&late, eyes);
        }
        self.flush();
        let begin: Vec<Sight> = to.iter().map(|id| eyes.sight(*id)).collect();
        if let Some(first) = begin.first()
            && begin.iter().any(|sight| !same_mode(sight.waits, first.waits))
        {
            self.remark("the hosts were in different modes here; see that each of them gets what it should");
        }
        let mut piece = Piece::new(to, whose, eyes.open(), begin);
        piece.fresh = piece.begin.iter().all(|sight| sight.waits == Waits::Shell)
            && to.iter().all(|id| eyes.is_fresh(*id));
        self.items.push_back(Item::Piece(Box::new(piece)));
        self.remarked = None;
        self.taking = Taking::Last;
    }

    /// The last key made the hosts do something: they are waited for.
    fn ended(&mut self) {
        let (now, number) = (self.now, self.first + self.items.len() as u64 - 1);
        let Some(piece) = self.taken() else { return };
        piece.stage = Stage::Ended;
        piece.lines += 1;
        piece.sent_at = now;
        let to = piece.to.clone();
        self.watched.extend(to.into_iter().map(|id| (id, number)));
    }

    /// The user did not wait for them: what comes belongs to the same piece.
    fn reopen(&mut self) {
        let Some(piece) = self.taken().filter(|piece| piece.stage == Stage::Ended) else { return };
        piece.stage = Stage::Goes;
        piece.run = None;
        (0..piece.to.len()).for_each(|at| piece.see(at, Seen::Waiting));
        piece.begin_line();
        let to = piece.to.clone();
        for id in &to {
            self.watched.remove(id);
        }
    }

    /// The piece takes no more keys.
    fn close(&mut self, eyes: &impl Eyes) {
        let number = self.first + self.items.len() as u64;
        let Some(piece) = self.taken() else { return };
        if piece.stage == Stage::Goes {
            let hidden = match piece.form {
                Form::Secret => piece.letters > 0,
                Form::Open => !piece.is_seen(eyes),
            };
            if hidden {
                piece.drop_line();
            }
            let (nothing, to) = (piece.is_empty(), piece.to.clone());
            match nothing {
                true => drop(self.items.pop_back()),
                false => self.watched.extend(to.into_iter().map(|id| (id, number - 1))),
            }
            if hidden {
                self.remark("keys that the hosts did not show are not recorded");
            }
        }
        self.taking = Taking::Nothing;
    }
}
