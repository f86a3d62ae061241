//! The app without a terminal: keys in, tiles out, on real sessions.
//!
//! The demo tells its story with it, and tests hold the app and the sessions against what the hosts received. The desk is
//! the real one, with nobody who asks or knocks, and nothing is written down.

use std::time::Duration;

use tokio::time::timeout;

use crate::pane::Key;

use super::app::{App, Tile};
use super::desk::{Desk, Fleet, FrontEffect, Inlets};
use super::event::{Event, Opened};

/// An app with its sessions, turned by hand.
pub struct Rehearsal<F: Fleet> {
    desk: Desk<F>,
    over: bool,
}

impl<F: Fleet> Rehearsal<F> {
    /// Opens these hosts, whose targets are the first of the fleet's list.
    pub fn start<H: Into<Opened>>(app: App, hosts: Vec<H>, fleet: F) -> Rehearsal<F> {
        let mut rehearsal = Rehearsal { desk: Desk::new(app, fleet, Inlets::closed()), over: false };
        let left = rehearsal.desk.start(hosts);
        rehearsal.act(left);
        rehearsal
    }

    /// The app as it is.
    pub fn app(&self) -> &App {
        self.desk.app()
    }

    /// The user left.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// One event, as if the terminal had sent it.
    pub fn step(&mut self, event: Event) {
        let left = self.desk.step(event);
        self.act(left);
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
        while let Some(said) = self.desk.said() {
            self.take(said);
        }
    }

    /// Goes on until the app is as wanted; false when that did not come about within `limit`.
    pub async fn until(&mut self, limit: Duration, wanted: impl Fn(&App) -> bool) -> bool {
        let waiting = async {
            while !wanted(self.app()) {
                let news = self.desk.news().await;
                self.take(news);
            }
        };
        timeout(limit, waiting).await.is_ok()
    }

    fn take(&mut self, news: Vec<Event>) {
        news.into_iter().for_each(|event| self.step(event));
    }

    /// Of what only a front can do nothing is there to act on, but for the end.
    fn act(&mut self, effects: Vec<FrontEffect>) {
        self.over |= effects.iter().any(|effect| matches!(effect, FrontEffect::Quit));
    }
}

/// Whether a tile shows this text anywhere on its screen.
pub fn shows(tile: &Tile, text: &str) -> bool {
    tile.pane.screen().text().contains(text)
}
