//! `omnes demo` without a terminal: a short story, played by the real app on the real fleet, and told as text.
//!
//! The story types what a user would type (a broadcast, a detached host's own edit, the broadcast again) and waits after
//! each line until every host that heard it shows its prompt again.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::screen::{Panes, Screen};
use crate::ask::Nobody;
use crate::escape;
use crate::hosts::HostSet;
use crate::size::Size;
use crate::ssh::{Connector, Dial, KnownHosts};
use crate::tui::app::{App, Options, Tile};
use crate::tui::rehearsal::Rehearsal;

/// A screen on which every host of a small fleet has a tile.
const SCREEN: Size = Size { rows: 60, cols: 200 };
/// How long one line of the story may take on all hosts; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays the story on these hosts and tells it; needs a runtime.
pub(super) async fn play(screen: Screen, dial: Arc<dyn Dial>, out: &mut dyn Write) -> anyhow::Result<()> {
    let connector = Connector::new(dial, Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let (hosts, ways): (Vec<_>, Vec<_>) = screen.hosts.into_iter().unzip();
    let panes = Panes::new(connector, screen.logins, ways, screen.find);
    let set: HostSet = hosts.iter().map(|opened| opened.host.clone()).collect();
    let first = hosts.first().context("a story needs a host")?.host.clone();
    writeln!(out, "A fleet of {} hosts inside this process, each with a real shell: {set}\n", hosts.len())?;
    // The usual keys, since the story names them.
    let app = App::new(Options::default(), SCREEN);
    let mut story = Story { desk: Rehearsal::start(app, hosts, panes), lines: BTreeMap::new() };
    story.all_at_a_prompt().await?;
    writeln!(out, "What is typed goes to every host:")?;
    story.line("echo port 80 > app.conf; cat app.conf", out).await?;
    writeln!(out, "C-a d detaches {first}; the next line is its own edit:")?;
    story.desk.keys("C-a d");
    story.line("echo port 8080 > app.conf", out).await?;
    writeln!(out, "C-a d attaches it again, and all of them hear:")?;
    story.desk.keys("C-a d");
    story.line("cat app.conf", out).await?;
    writeln!(
        out,
        "In a terminal `omnes demo` opens this fleet; `omnes demo run -- COMMAND` runs one without windows."
    )?;
    Ok(())
}

struct Story {
    desk: Rehearsal<Panes>,
    /// By host: the lines typed for it so far.
    lines: BTreeMap<String, usize>,
}

impl Story {
    /// Types a line, waits until every host that heard it has answered, and tells what they answered.
    async fn line(&mut self, text: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        let heard: Vec<_> = self.desk.app().broadcast().hearing();
        let names: Vec<String> = self
            .desk
            .app()
            .tiles()
            .filter(|tile| heard.contains(&tile.member))
            .map(|tile| tile.name.clone())
            .collect();
        let total = self.desk.app().tiles().len();
        let receivers = match &names[..] {
            [alone] => format!("→ {alone} alone"),
            names => format!("→ {} of {total} hosts", names.len()),
        };
        writeln!(out, "  {receivers}: {text}")?;
        for name in &names {
            *self.lines.entry(name.clone()).or_default() += 1;
        }
        self.desk.line(text);
        self.all_at_a_prompt().await?;
        self.tell_answers(&names, out)
    }

    /// Equal answers once, as everywhere.
    fn tell_answers(&self, names: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
        let mut answers: BTreeMap<String, HostSet> = BTreeMap::new();
        for tile in self.desk.app().tiles().filter(|tile| names.contains(&tile.name)) {
            let set = answers.entry(answer(tile)).or_default();
            *set = set.iter().cloned().chain([tile.host.clone()]).collect();
        }
        for (answer, set) in answers.iter().filter(|(answer, _)| !answer.is_empty()) {
            writeln!(out, "    {set}: {answer}")?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Waits until every host shows one prompt more than it was typed lines.
    async fn all_at_a_prompt(&mut self) -> anyhow::Result<()> {
        let typed = |tile: &Tile| self.lines.get(&tile.name).copied().unwrap_or_default();
        let done = |tile: &Tile| prompts(tile) == typed(tile) + 1 && is_at_prompt(tile);
        let settled = |app: &App| app.tiles().any(|tile| tile.state.is_closed()) || app.tiles().all(done);
        let in_time = self.desk.until(PATIENCE, settled).await;
        if let Some(tile) = self.desk.app().tiles().find(|tile| tile.state.is_closed()) {
            bail!(super::OwnFault(format!("the demo host {} is gone", tile.name)));
        }
        if !in_time {
            bail!(super::OwnFault("the demo hosts do not answer".into()));
        }
        Ok(())
    }
}

fn prompt(tile: &Tile) -> String {
    format!("{}:~$", tile.name)
}

fn rows(tile: &Tile) -> Vec<String> {
    tile.pane.screen().text().lines().map(str::to_owned).collect()
}

fn prompts(tile: &Tile) -> usize {
    rows(tile).iter().filter(|row| row.starts_with(&prompt(tile))).count()
}

fn is_at_prompt(tile: &Tile) -> bool {
    let rows = rows(tile);
    rows.iter().rev().find(|row| !row.trim().is_empty()).is_some_and(|row| row.trim_end() == prompt(tile))
}

/// What stands between the last line typed and the prompt after it.
fn answer(tile: &Tile) -> String {
    let rows = rows(tile);
    let shown: Vec<&String> = rows.iter().filter(|row| !row.trim().is_empty()).collect();
    let before_prompt = shown.iter().rev().skip(1).take_while(|row| !row.starts_with(&prompt(tile)));
    let mut lines: Vec<String> = before_prompt.map(|row| escape::line(row.trim_end().as_bytes())).collect();
    lines.reverse();
    lines.join("; ")
}
