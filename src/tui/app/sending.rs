//! What the user types on its way to the hosts.
//!
//! A key is encoded once for each class of terminal modes, not once for each host, and put into the outbox of every
//! receiver; an outbox with nothing under way gives its next chunk at once.

use std::ops::Deref;

use crate::broadcast::{Entry, Life, Member, MemberId, Push, Why};
use crate::pane::{FocusChange, Key, Modes, encode_key};
use crate::tui::action::Action;
use crate::tui::event::Effect;

use super::{App, Tone};

impl App {
    /// Sends a key to whoever hears now.
    pub(super) fn send_key(&mut self, key: Key) {
        self.questions.keep_quiet();
        if self.has_receivers() && !self.holds_back_key(key) {
            self.transmit_key(key);
        }
    }

    /// Sends a key of which nothing is left to be asked.
    pub(super) fn transmit_key(&mut self, key: Key) {
        if self.has_receivers() {
            self.broadcast.begin();
            let to = self.broadcast.hearing();
            self.script_key(key, &to);
            self.record_typed(key, &to);
            self.note_key(key, &to);
            self.deliver(&to, |modes| encode_key(key, modes));
        }
    }

    /// Does anybody hear? If not, says so; why stands at the beginning of the line all the time.
    pub(super) fn has_receivers(&mut self) -> bool {
        let hears = self.broadcast.receivers().count() > 0;
        if !hears {
            self.notes.say(Tone::Bad, "nothing was sent", self.now);
        }
        hears
    }

    /// Why nobody hears, with the next step.
    pub fn explain(&self, why: Why) -> String {
        let map = &self.options.keymap;
        let hint = |action| map.hint(action);
        if let Why::FocusOpening(id) | Why::FocusClosed(id) = why
            && let Some(why) = self.explain_run().filter(|_| self.is_of_run(id))
        {
            return why;
        }
        match why {
            Why::NoMembers => format!("no host is open; {} adds hosts", hint(Action::Add)),
            Why::FocusOpening(id) => format!("{} is detached and not ready yet", self.name(id)),
            Why::FocusClosed(id) => {
                let (again, next) = (hint(Action::Reconnect), hint(Action::FocusNext));
                format!(
                    "{} is detached and closed; {again} reconnects, {next} goes to the next",
                    self.name(id)
                )
            }
            Why::FocusWaiting(id) => {
                format!("{} waits to be let in; {} lets it in", self.name(id), hint(Action::Admit))
            }
            Why::FocusHeld(id) => {
                let (send, discard) = (hint(Action::SendKept), hint(Action::DiscardKept));
                format!("{} is held; {send} sends what was kept, {discard} discards it", self.name(id))
            }
            Why::FocusOutOfScope(id) => {
                let (goes, all) = (hint(Action::FocusInScope), hint(Action::ScopeAll));
                let (name, scope) = (self.name(id), &self.scopes().current.choice.name);
                format!("{name} is outside the scope {scope}; {goes} goes in, {all} lets all hear")
            }
            Why::NoneReceiving => self.explain_none(),
        }
    }

    /// Why none of the hosts hears, though no single one was meant.
    fn explain_none(&self) -> String {
        let hint = |action| self.options.keymap.hint(action);
        // Whoever is outside the scope is no reason that nobody in it hears.
        let any = |is: fn(&Member) -> bool| self.broadcast.members().any(|m| m.in_scope() && is(m));
        if any(|member| member.life() == Life::Open && member.entry() == Entry::Waiting) {
            format!("no host is let in; {} lets in those that wait", hint(Action::AttachAll))
        } else if any(Member::is_held) {
            format!("no other host takes input; {} sends what was kept", hint(Action::SendAllKept))
        } else if let Some(why) = self.explain_run() {
            why
        } else if any(|member| member.life() == Life::Opening) {
            "no host is ready yet".to_owned()
        } else if any(|member| member.life() == Life::Open) {
            format!("no host is attached; {} attaches all", hint(Action::AttachAll))
        } else if self.broadcast.members().any(|member| !member.in_scope()) {
            let scope = &self.scopes().current.choice.name;
            format!("no host in {scope} can hear; {} lets all hear", hint(Action::ScopeAll))
        } else {
            let (again, quit) = (hint(Action::ReconnectAll), hint(Action::Quit));
            format!("all sessions are closed; {again} reconnects, {quit} leaves")
        }
    }

    /// Puts input into the outboxes of these members, each under its own modes, and names those that it holds back.
    pub(super) fn deliver<B: Deref<Target = [u8]>>(&mut self, to: &[MemberId], encode: impl Fn(&Modes) -> B) {
        let held = self.put(to, encode);
        self.say_held(&held);
    }

    /// The same without a word: returns who is held from now on.
    pub(super) fn put<B: Deref<Target = [u8]>>(
        &mut self,
        to: &[MemberId],
        encode: impl Fn(&Modes) -> B,
    ) -> Vec<MemberId> {
        let mut classes: Vec<(Modes, B)> = Vec::new();
        let mut held = Vec::new();
        self.signs.typed(self.now);
        for member in to {
            let Some(tile) = self.tiles.get_mut(*member) else { continue };
            // Who types wants to see it.
            tile.top = None;
            tile.pan = None;
            let modes = tile.pane.modes();
            let at = classes.iter().position(|(class, _)| *class == modes).unwrap_or_else(|| {
                classes.push((modes, encode(&modes)));
                classes.len() - 1
            });
            if self.broadcast.push(*member, &classes[at].1) == Push::NowHeld {
                held.push(*member);
            }
            self.flush(*member);
        }
        held
    }

    /// Says which hosts are held from now on, and what can be done.
    pub(super) fn say_held(&mut self, held: &[MemberId]) {
        let Some(first) = held.first() else { return };
        self.reclass(held);
        let others = match held.len() {
            1 => " is held: it does".to_owned(),
            n => format!(" and {} more are held: they do", n - 1),
        };
        let map = &self.options.keymap;
        let (send, discard) = (map.hint(Action::SendKept), map.hint(Action::DiscardKept));
        let text = format!(
            "{}{others} not take input; {send} there sends what was kept, {discard} discards it",
            self.name(*first)
        );
        self.notes.tell(Tone::Bad, text, self.now);
        self.effects.push(Effect::Bell);
    }

    /// Gives a session its next chunk, if it may have one.
    pub(super) fn flush(&mut self, member: MemberId) {
        if let Some(bytes) = self.broadcast.take_chunk(member)
            && let Some(tile) = self.tiles.get(member)
        {
            self.effects.push(Effect::Input { session: tile.session, bytes });
        }
    }

    /// Tells a host that its pane gained or lost the focus, if its program asked to hear of it.
    pub(super) fn tell_focus(&mut self, member: Option<MemberId>, change: FocusChange) {
        let Some(tile) = member.and_then(|id| self.tiles.get(id)) else { return };
        let (member, told) = (tile.member, tile.pane.encode_focus(change));
        if let Some(bytes) = told {
            self.broadcast.push_reply(member, &bytes);
            self.flush(member);
        }
    }
}
