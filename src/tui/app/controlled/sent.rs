//! What a request types for hosts.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::{Key, KeyCode, Mods, Situation, encode_key, paste};
use crate::scrubbed::Scrubbed;
use crate::tui::app::{App, How, TypedLine, ends_line};
use crate::tui::control::Response;

use super::{Done, WORDS, refused, usage};

/// Keys to press, and what was said about them.
pub(super) struct Wish {
    keys: Vec<Key>,
    /// The text that they type; empty where keys were named.
    text: Zeroizing<String>,
    /// For a sentence.
    shown: String,
    /// Why somebody would want to be asked before this is sent.
    doubt: Option<String>,
    guard: Guard,
}

/// Whether a guard may stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// It was not confirmed.
    Asks,
    /// The request says that it was.
    Confirmed,
}

impl Wish {
    /// A text as if it were typed, with or without Enter.
    pub(super) fn text(text: &str, enter: bool) -> Result<Wish, Response> {
        let shape = paste::inspect(text);
        let lines = text.matches(['\n', '\r']).count();
        let doubt = match (lines, shape.control_bytes) {
            (0, 0) => None,
            (0, n) => Some(format!("the text has {n} control bytes, and each acts like a key")),
            _ => Some("the text has line ends, and each executes what stands before it".to_owned()),
        };
        let mut keys: Vec<Key> = text.replace("\r\n", "\r").chars().map(key_of).collect();
        keys.extend(enter.then_some(Key::new(KeyCode::Enter, Mods::NONE)));
        if keys.is_empty() {
            return Err(usage("there is nothing to send"));
        }
        let shown = format!("{:?}{}", escape::text(text, WORDS), if enter { " Enter" } else { "" });
        Ok(Wish { keys, text: text.to_owned().into(), shown, doubt, guard: Guard::Asks })
    }

    /// Keys in notation, separated by blanks.
    pub(super) fn keys(notation: &str) -> Result<Wish, Response> {
        let parse = |word: &str| {
            word.parse::<Key>().map_err(|error| usage(format!("`{}`: {error}", escape::text(word, WORDS))))
        };
        let keys: Vec<Key> = notation.split_whitespace().map(parse).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(usage("no key was named"));
        }
        Ok(Wish {
            keys,
            text: Zeroizing::default(),
            shown: escape::text(notation, WORDS),
            doubt: None,
            guard: Guard::Asks,
        })
    }

    /// The request says whether it was confirmed.
    pub(super) fn confirmed(self, yes: bool) -> Wish {
        Wish { guard: if yes { Guard::Confirmed } else { Guard::Asks }, ..self }
    }

    /// How it is told where what is sent may not be shown.
    fn unseen(&self) -> String {
        match self.text.chars().count() {
            0 => format!("{} keys", self.keys.len()),
            n => format!("{n} characters{}", if self.keys.len() > n { " and Enter" } else { "" }),
        }
    }

    /// May what follows stand on another line than what was there before?
    fn ends_a_line(&self) -> bool {
        self.keys.iter().any(|key| key.code() == KeyCode::Enter || key.mods().ctrl)
    }
}

/// The key that types a character.
fn key_of(c: char) -> Key {
    match c {
        '\n' | '\r' => Key::new(KeyCode::Enter, Mods::NONE),
        '\t' => Key::new(KeyCode::Tab, Mods::NONE),
        '\x1b' => Key::new(KeyCode::Esc, Mods::NONE),
        '\x7f' => Key::new(KeyCode::Backspace, Mods::NONE),
        '\0'..='\x1f' => Key::new(KeyCode::Char(char::from(c as u8 | 0x40).to_ascii_lowercase()), Mods::CTRL),
        c => Key::char(c),
    }
}

impl App {
    /// Types it for the receivers, or for the hosts of an expression.
    pub(super) fn ctl_send(&mut self, wish: Wish, expression: Option<&str>) -> Done {
        let to = self.ctl_addressed(expression)?;
        if let Some(asks) = to.iter().find(|id| self.situation(**id) == Situation::Secret) {
            let said =
                format!("nothing was sent: {} waits for a secret; type it in omnes itself", self.name(*asks));
            return Err(refused(said));
        }
        if wish.guard == Guard::Asks
            && let Some(doubt) = self.ctl_doubt(&wish, &to)
        {
            return Err(refused(format!("nothing was sent: {doubt}; `--yes` sends it")));
        }
        if expression.is_none() {
            self.broadcast.begin();
        }
        self.questions.keep_quiet();
        if wish.ends_a_line() {
            to.iter().for_each(|member| self.mark_sent(*member));
        }
        // It stands on the screen, which may be recorded.
        let shown = if self.all_at_shells(&to) { wish.shown.clone() } else { wish.unseen() };
        let said = format!("sent {shown} to {}", self.ctl_names(&to));
        let said = self.tell_control(said);
        self.ctl_type(&to, &wish);
        let held = to.iter().filter(|id| self.broadcast.member(**id).is_some_and(|m| m.is_held())).count();
        Ok(match held {
            0 => said,
            n => format!("{said}; {n} of them are held: they do not take input"),
        })
    }

    /// The keys, encoded once for each class of modes; nobody loses the place where he looks back.
    fn ctl_type(&mut self, to: &[MemberId], wish: &Wish) {
        let (keys, text) = (&wish.keys[..], wish.text.as_str());
        // A text without its Enter joins the line that is being typed, and is remembered with that.
        let recorded = !text.is_empty() && keys.iter().any(|key| ends_line(*key));
        if recorded {
            self.record_sent(How::Ctl, text, to);
        }
        let tops: Vec<_> = to.iter().filter_map(|id| Some((*id, self.tiles.get(*id)?.top?))).collect();
        // A long text is noted at once, and only what comes behind it key by key.
        let whole = !text.is_empty() && !text.chars().any(char::is_control);
        let behind = match whole {
            false => keys,
            true => {
                let behind = &keys[text.chars().count()..];
                self.script_wish(text, behind, to);
                self.note_paste(text, to);
                behind
            }
        };
        for key in behind {
            if !whole {
                self.script_key(*key, to);
            }
            if !recorded {
                self.record_typed(*key, to);
            }
            self.note_key(*key, to);
        }
        self.deliver(to, |modes| {
            let mut bytes = Scrubbed::default();
            keys.iter().for_each(|key| bytes.extend(&encode_key(*key, modes)));
            bytes
        });
        for (id, top) in tops {
            if let Some(tile) = self.tiles.get_mut(id) {
                tile.top = Some(top);
            }
        }
    }

    /// Why one would want to be asked before this is sent to these: as a paste of it, or Enter behind it, would be.
    fn ctl_doubt(&self, wish: &Wish, to: &[MemberId]) -> Option<String> {
        if wish.doubt.is_some() || !wish.keys.iter().any(|key| ends_line(*key)) {
            return wish.doubt.clone();
        }
        let guarded = self.ctl_lines(wish, to).iter().find_map(|line| self.guarded(line, to));
        if let Some(guarded) = guarded {
            return Some(format!("it {}", guarded.sentence()));
        }
        let mix = self.mix(to).filter(|mix| self.asks_about(mix, to))?;
        let parts = mix.parts.iter().map(|(situation, who)| format!("{} {}", who.len(), situation.phrase()));
        Some(format!("the hosts are not in the same mode: {}", parts.collect::<Vec<_>>().join(", ")))
    }

    /// What would be executed, as far as it can be told: behind what was typed, and behind what a shell shows in its line,
    /// whoever brought it there.
    fn ctl_lines(&self, wish: &Wish, to: &[MemberId]) -> Vec<Zeroizing<String>> {
        let typed: HashSet<&str> = to.iter().filter_map(|id| self.typed_for(*id)).collect();
        let mut lines = TypedLine::ended_by(&wish.keys, "");
        // A line is followed up to a length; of a text all is known.
        lines.push(wish.text.clone());
        let first = lines.first().cloned().unwrap_or_default();
        for typed in typed {
            // A key that takes the line away may not do so there.
            lines.push(format!("{typed}{}", wish.text.as_str()).into());
            lines.extend(TypedLine::ended_by(&wish.keys, typed));
        }
        let is_line = |id: &&MemberId| matches!(self.situation(**id), Situation::Shell | Situation::Other);
        let shown: HashSet<String> = (to.iter().filter(is_line))
            .map(|id| self.cursor_line(*id))
            .map(|line| format!("{}{}{}", line.before, *first, line.behind))
            .collect();
        lines.extend(shown.into_iter().map(Zeroizing::new));
        lines
    }

    /// Who is sent to: the receivers, or those that are named, if every one of them takes input.
    fn ctl_addressed(&self, expression: Option<&str>) -> Result<Vec<MemberId>, Response> {
        let Some(expression) = expression else {
            let to = self.broadcast.hearing();
            return match self.broadcast.receivers() {
                crate::broadcast::Receivers::Nobody(why) => {
                    Err(refused(format!("nothing was sent: {}", self.explain(why))))
                }
                _ => Ok(to),
            };
        };
        let to = self.ctl_hosts(expression)?;
        let deaf = to.iter().find_map(|id| Some((*id, self.takes_no_input(*id)?)));
        match deaf {
            Some((id, why)) => Err(refused(format!("nothing was sent: {} is {why}", self.name(id)))),
            None => Ok(to),
        }
    }
}
