//! The app without a terminal: keys in, tiles out, on real sessions.
//!
//! The demo tells its story with it, and tests hold the app and the sessions against what the hosts received. It does
//! what the event loop does, less the screen and the keyboard; suspending, copying and ringing have nothing to act on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use crate::pane::Key;
use crate::session::{Listener, SessionEvent};

use super::app::{App, Tile};
use super::event::{Effect, Event, Opened};
use super::event_loop::Fleet;

/// Output taken from the hosts at once.
const SHARE_BYTES: usize = 1024 * 1024;

/// An app with its sessions, turned by hand.
pub struct Rehearsal<F: Fleet> {
    app: App,
    fleet: F,
    listener: Arc<Listener>,
    began: Instant,
    over: bool,
}

impl<F: Fleet> Rehearsal<F> {
    /// Opens these hosts, whose targets are the first of the fleet's list.
    pub fn start<H: Into<Opened>>(app: App, hosts: Vec<H>, fleet: F) -> Rehearsal<F> {
        let listener = fleet.listener();
        let mut rehearsal = Rehearsal { app, fleet, listener, began: Instant::now(), over: false };
        let effects = rehearsal.app.start(hosts);
        rehearsal.carry_out(effects);
        rehearsal
    }

    /// The app as it is.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The user left.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// One event, as if the terminal had sent it.
    pub fn step(&mut self, event: Event) {
        let effects = self.app.step(self.began.elapsed(), event);
        self.carry_out(effects);
    }

    /// Keys in key notation, separated by blanks.
    ///
    /// # Panics
    /// On a word that is no key: the script is ours.
    pub fn keys(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            let key: Key = word.parse().unwrap_or_else(|error| panic!("{word}: {error}"));
            self.step(Event::Key(key));
        }
    }

    /// A line, letter by letter, and Enter.
    pub fn line(&mut self, text: &str) {
        for letter in text.chars() {
            let name = if letter == ' ' { "Space".to_owned() } else { letter.to_string() };
            self.keys(&name);
        }
        self.keys("Enter");
    }

    /// Takes what the hosts have said so far, without waiting.
    pub fn hear(&mut self) {
        let listener = self.listener.clone();
        while let Some(heard) = listener.next(SHARE_BYTES).now_or_never() {
            self.take(heard);
        }
    }

    /// Goes on until the app is as wanted; false when that did not come about within `limit`.
    pub async fn until(&mut self, limit: Duration, wanted: impl Fn(&App) -> bool) -> bool {
        let listener = self.listener.clone();
        let waiting = async {
            while !wanted(&self.app) {
                let heard = listener.next(SHARE_BYTES).await;
                self.take(heard);
            }
        };
        timeout(limit, waiting).await.is_ok()
    }

    fn take(&mut self, heard: Vec<(crate::session::SessionId, SessionEvent)>) {
        for (session, event) in heard {
            let ends = matches!(event, SessionEvent::Closed(_));
            self.step(Event::Session(session, event));
            if ends {
                self.fleet.forget(session);
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open { session, target, size } => self.fleet.open(session, target, size),
                Effect::Pardon => self.fleet.pardon(),
                Effect::Input { session, bytes } => self.fleet.input(session, bytes),
                Effect::Resize { session, size } => self.fleet.resize(session, size),
                Effect::Close(session) => self.fleet.close(session),
                Effect::Quit => self.over = true,
                Effect::Answer(..)
                | Effect::AddHosts(_)
                | Effect::Keep(_)
                | Effect::Reply(..)
                | Effect::FindFor(..)
                | Effect::Copy(_)
                | Effect::Motion(_)
                | Effect::WriteFile { .. }
                | Effect::Bell
                | Effect::Redraw
                | Effect::Suspend => {}
            }
        }
    }
}

/// Whether a tile shows this text anywhere on its screen.
pub fn shows(tile: &Tile, text: &str) -> bool {
    tile.pane.screen().text().contains(text)
}
