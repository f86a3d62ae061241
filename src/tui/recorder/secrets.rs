//! What is taken for a secret: of it the recorder keeps that there was one, and where.

use crate::broadcast::MemberId;
use crate::pane::Key;
use crate::tui::app::ends_line;

use super::piece::{Form, Piece, Stage, Whose};
use super::{Eyes, Recorder, UNSEEN};

impl Recorder {
    /// A key where a host asks for a secret. Which one it is, is not looked at.
    pub(super) fn secret_key(&mut self, key: Key, (to, whose): (&[MemberId], Whose), eyes: &impl Eyes) {
        let now = self.now;
        let goes = |piece: &Piece| {
            piece.form == Form::Secret && piece.is_for(to, whose) && piece.stage == Stage::Goes
        };
        if !self.taken().is_some_and(|piece| goes(piece)) && !self.asks_again(to, whose, eyes) {
            self.begin_secret((to, whose), eyes);
        }
        if let Some(piece) = self.taken() {
            piece.letters += 1;
            piece.sent_at = now;
        }
        if ends_line(key) {
            self.ended();
        }
    }

    /// Is it the same prompt once more, because what was typed there was wrong? Then the piece is typed anew.
    fn asks_again(&mut self, to: &[MemberId], whose: Whose, eyes: &impl Eyes) -> bool {
        let Some(piece) = self.taken() else { return false };
        let same = piece.form == Form::Secret
            && piece.is_for(to, whose)
            && to.iter().zip(&piece.begin).all(|(id, begin)| eyes.sight(*id).line == begin.line);
        if same {
            self.reopen();
        }
        same
    }

    pub(super) fn begin_secret(&mut self, (to, whose): (&[MemberId], Whose), eyes: &impl Eyes) {
        // What was typed of a line while the prompt came may belong to the secret.
        if let Some(piece) =
            self.taken().filter(|piece| piece.form == Form::Open && piece.stage == Stage::Goes)
        {
            piece.drop_line();
        }
        self.close(eyes);
        self.open(to, whose, eyes);
        if let Some(piece) = self.taken() {
            piece.form = Form::Secret;
        }
    }

    /// The line that this key ends was not seen on the screens: it is taken for a secret.
    pub(super) fn hide(&mut self, key: Key, eyes: &impl Eyes) {
        let Some(piece) = self.taken() else { return };
        piece.drop_line();
        let (to, whose) = (piece.to.clone(), piece.whose);
        self.close(eyes);
        self.open(&to, whose, eyes);
        if ends_line(key) {
            if let Some(piece) = self.taken() {
                piece.form = Form::Secret;
            }
            self.said.push(UNSEEN.to_owned());
        } else {
            self.remark_before("keys that the hosts did not show are not recorded");
            if let Some(piece) = self.taken() {
                piece.push(key);
            }
        }
        self.ended();
    }

    /// A remark before the last item.
    fn remark_before(&mut self, text: &str) {
        let last = self.items.pop_back();
        self.remark(text);
        self.items.extend(last);
    }
}
