//! `docs/keys.md`: every action with its keys, made from the table, so that the page cannot be wrong.

use std::fmt::Write;

use super::{Keymap, Preset, Wishes};
use crate::tui::action::{Action, Group, Place};

const HEAD: &str = "\
<!-- Made from src/tui/action.rs by `omnes __keys-page > docs/keys.md`; a test compares them. -->

# Keys and actions

A key for omnes comes after the prefix, `C-a` unless the configuration says otherwise; all other keys go to the hosts.
The prefix pressed twice is sent. `C-a ?` shows this list with your own bindings, and `C-a :` finds an action by a few
of its letters, also one that has no key. The names are those of `[keys]` and `[direct]` in `config.toml`.

Key notation: `a`, `Enter`, `C-a` (Control), `M-x` (Alt), `S-F5` (Shift), `C-M-Left`.
";

/// The page, in Markdown.
pub fn page() -> String {
    let map = Keymap::default();
    let mut text = HEAD.to_owned();
    let mut group = None;
    for action in Action::all() {
        if group.replace(action.group()) != Some(action.group()) {
            head(&mut text, action.group());
        }
        let keys: Vec<String> = map.keys(action).iter().map(|key| cell(&key.to_string())).collect();
        let keys = match (action, action.place()) {
            (Action::SendPrefix, _) => "the prefix again".to_owned(),
            (_, Place::Prefix) if keys.is_empty() => "palette".to_owned(),
            _ => keys.join(" "),
        };
        writeln!(text, "| {keys} | `{}` | {} |", action.name(), action.describe().replace('|', "\\|"))
            .expect("a string takes all");
    }
    for preset in Preset::ALL.into_iter().filter(|preset| *preset != Preset::Default) {
        presets(&mut text, preset);
    }
    text
}

fn head(text: &mut String, group: Group) {
    write!(text, "\n## {}\n\n| key | name | does |\n|---|---|---|\n", group.title())
        .expect("a string takes all");
}

/// What a preset changes.
fn presets(text: &mut String, preset: Preset) {
    let map =
        Keymap::of(&Wishes { preset, ..Wishes::default() }).expect("presets hold together, a test says so");
    let bindings = preset.bindings();
    let name = preset.name();
    write!(
        text,
        "\n## Preset `{name}`\n\n`keymap = \"{name}\"` changes these; the prefix is `{}`.\n\n| key | name |\n|---|---|\n",
        map.prefix()
    )
    .expect("a string takes all");
    for (action, _) in bindings.direct {
        let keys: Vec<String> = map.direct(*action).iter().map(|key| cell(&key.to_string())).collect();
        writeln!(text, "| {} without the prefix | `{}` |", keys.join(" "), action.name())
            .expect("a string takes all");
    }
    for (action, _) in bindings.keys {
        let keys: Vec<String> = map.keys(*action).iter().map(|key| cell(&key.to_string())).collect();
        writeln!(text, "| {} | `{}` |", keys.join(" "), action.name()).expect("a string takes all");
    }
}

/// A key as code inside a table.
fn cell(key: &str) -> String {
    match key {
        "|" => "`\\|`".to_owned(),
        "`" => "`` ` ``".to_owned(),
        key => format!("`{key}`"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_the_one_in_the_docs() {
        let written = include_str!("../../../docs/keys.md");
        // Printed whole, so that it can be taken from here.
        assert!(
            written == super::page(),
            "docs/keys.md is not made from this table; `omnes __keys-page` prints it"
        );
    }
}
