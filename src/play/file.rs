//! Scripts as TOML: what a person or the recorder wrote, read with the place of every fault; and written again.
//!
//! The form is described for people in `docs/play.md`. What [`print()`] writes, [`parse`] reads as the same script.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::Keys;
use super::script::{Act, OnFail, Script, Step};
use crate::config::{ConfigError, Item, Source};
use crate::pane;
use crate::size::Size;

/// The version of the form that this program reads and writes.
pub const V: u64 = 1;

/// The most steps of a script.
pub const MOST_STEPS: usize = 10_000;

/// The most bytes of one text: a command, a paste.
pub const MOST_BYTES: usize = 64 * 1024;

/// The most bytes of a script.
pub const FILE_BYTES: usize = 4 << 20;

const TOP: [&str; 4] = ["v", "description", "size", "step"];
const KEYS: [&str; 10] =
    ["on", "run", "send", "paste", "secret", "at", "expect", "timeout", "on_fail", "barrier"];

/// Reads a script; `name` stands in errors only.
pub fn parse(name: &str, text: &str) -> Result<Script, ConfigError> {
    let source = Source { name, text: text.trim_start_matches('\u{feff}') };
    let table = DeTable::parse(source.text).map_err(|error| {
        let fault = format!("this is not TOML: {}", error.message().trim_end().replace('\n', "; "));
        source.error(error.span().unwrap_or(0..0), fault)
    })?;
    let mut script = Script::default();
    for item in Item::all(source, table.get_ref()) {
        match item.key {
            "v" => version(&item)?,
            "description" => script.description = Some(item.text("a text in quotes")?.to_owned()),
            "size" => script.size = Some(size(&item)?),
            "step" => script.steps = steps(&item)?,
            _ => return Err(item.unknown("", &TOP)),
        }
    }
    match script.steps.is_empty() {
        true => Err(ConfigError::new(name, "there is no step; write one: [[step]] and run = \"uptime\"")),
        false => Ok(script),
    }
}

fn version(item: &Item) -> Result<(), ConfigError> {
    match item.number(0..u64::MAX, "1, the version of the form")? as u64 {
        V => Ok(()),
        other => {
            let fault =
                format!("`v` is {other}; this omnes reads version {V}, so a newer one wrote this file");
            Err(item.source.error(item.value.span(), fault))
        }
    }
}

/// Columns x rows, as a person says it.
fn size(item: &Item) -> Result<Size, ConfigError> {
    let wanted = "columns x rows from 10x3 to 1000x500, such as \"80x24\"";
    let (cols, rows) = item.text(wanted)?.split_once('x').ok_or_else(|| item.wrong(wanted))?;
    match (cols.trim().parse::<u16>(), rows.trim().parse::<u16>()) {
        (Ok(cols @ 10..=1000), Ok(rows @ 3..=500)) => Ok(Size::new(rows, cols)),
        _ => Err(item.wrong(wanted)),
    }
}

fn steps(item: &Item) -> Result<Vec<Step>, ConfigError> {
    let DeValue::Array(tables) = item.value.get_ref() else {
        return Err(item.wrong("[[step]] before each step, in double brackets"));
    };
    if tables.len() > MOST_STEPS {
        return Err(item
            .source
            .error(item.value.span(), format!("more than {MOST_STEPS} steps; write several scripts")));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(tables.len());
    for table in tables.iter() {
        let step = step(item, table, steps.last())?;
        steps.push(step);
    }
    Ok(steps)
}

/// Reads one step; `before` is the one before it.
fn step(item: &Item, table: &Spanned<DeValue>, before: Option<&Step>) -> Result<Step, ConfigError> {
    let DeValue::Table(inner) = table.get_ref() else {
        return Err(item.wrong("[[step]] before each step, in double brackets"));
    };
    let mut act = None;
    let mut step = Step::new(Act::Run(String::new()));
    let keys = Item::all(item.source, inner);
    for key in &keys {
        match key.key {
            "on" => step.on = Some(key.text("a host expression such as \"web01\" or \"@db\"")?.to_owned()),
            "at" => step.at = Some(pattern(key)?),
            "expect" => step.expect = Some(pattern(key)?),
            "timeout" => step.timeout = Some(timeout(key)?),
            "on_fail" => step.on_fail = crate::config::word(key, &OnFail::ALL)?,
            "barrier" => step.barrier = key.yes_or_no()?,
            "run" | "send" | "paste" | "secret" => match act.replace(self::act(key)?) {
                None => {}
                Some(other) => {
                    let fault = format!(
                        "a step with `{}` has no `{}` too; write another [[step]] for it",
                        other.word(),
                        key.key
                    );
                    return Err(key.source.error(key.key_span.clone(), fault));
                }
            },
            _ => return Err(key.unknown(" in a step", &KEYS)),
        }
    }
    let at = keys.first().map_or(table.span(), |key| key.key_span.clone());
    let Some(act) = act else {
        return Err(item
            .source
            .error(at, "a step with nothing to do; write one of `run`, `send`, `paste`, `secret`"));
    };
    step.act = act;
    agreed(&step, before).map_err(|fault| item.source.error(at, fault))?;
    Ok(step)
}

/// Whether the keys of a step go together; the error is a sentence.
fn agreed(step: &Step, before: Option<&Step>) -> Result<(), String> {
    let word = step.act.word();
    match (&step.act, &step.at, &step.expect) {
        (Act::Run(_), Some(_), _) => Err("`run` is typed at a shell, whatever its prompt; `at` is for the other kinds of steps".into()),
        (Act::Run(_), None, _) => Ok(()),
        (_, _, None) => Err(format!("a step with `{word}` says what follows it; write, for example, expect = '[$#] $'")),
        (Act::Secret(_), None, _) if !before.is_some_and(|before| leads_to_a_prompt(before, step)) => Err(
            "a secret is typed at its own prompt alone; write, for example, at = 'assword.*: ?$' (or let the step before it, for the same hosts, expect the prompt)".into(),
        ),
        _ => Ok(()),
    }
}

/// Whether a step expects the prompt at which the next one types its secret.
fn leads_to_a_prompt(before: &Step, step: &Step) -> bool {
    before.expect.is_some() && before.on == step.on && !matches!(before.act, Act::Run(_))
}

fn act(key: &Item) -> Result<Act, ConfigError> {
    let text = key.text(match key.key {
        "run" => "a command line in quotes",
        "send" => "keys such as '\"exit\" Enter'",
        "paste" => "a text in quotes",
        _ => "the name of a secret, such as \"sudo\"",
    })?;
    let wrong = |fault: String| key.source.error(key.value.span(), fault);
    if text.len() > MOST_BYTES {
        return Err(wrong(format!("`{}` has more than 64 kB; bring a file there instead", key.key)));
    }
    match key.key {
        "run" => command(text).map_err(wrong),
        "send" => text.parse::<Keys>().map(Act::Send).map_err(|error| wrong(format!("`send`: {error}"))),
        "paste" if text.is_empty() => Err(wrong("`paste` is empty; write the text that is pasted".into())),
        "paste" => Ok(Act::Paste(text.to_owned())),
        _ => match is_name(text) {
            true => Ok(Act::Secret(text.to_owned())),
            false => Err(wrong("`secret` is the name under which it is asked for, of letters, digits, `-`, `_` and `.`; the secret itself stands nowhere".into())),
        },
    }
}

fn command(text: &str) -> Result<Act, String> {
    if text.trim().is_empty() {
        return Err("`run` is empty; write a command line".into());
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err("`run` holds a control character; keys such as C-c are for `send`".into());
    }
    Ok(Act::Run(text.to_owned()))
}

/// Whether a secret may have this name.
pub fn is_name(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn pattern(key: &Item) -> Result<String, ConfigError> {
    let text = key.text("a regular expression such as '[$#] $'")?;
    pane::pattern(text)
        .map_err(|fault| key.source.error(key.value.span(), format!("`{}`: {fault}", key.key)))?;
    Ok(text.to_owned())
}

fn timeout(key: &Item) -> Result<Duration, ConfigError> {
    let wanted = "seconds above 0, such as 60 or \"5m\"";
    let timeout = key.seconds(wanted)?;
    if timeout.is_zero() { Err(key.wrong(wanted)) } else { Ok(timeout) }
}

/// Writes a script so that a person likes to read it.
pub fn print(script: &Script) -> String {
    let mut text = format!("# Played by `omnes play FILE TARGETS`.\nv = {V}\n");
    if let Some(description) = &script.description {
        line(&mut text, "description", &quoted(description));
    }
    if let Some(size) = script.size {
        line(&mut text, "size", &format!("\"{}x{}\"", size.cols, size.rows));
    }
    script.steps.iter().for_each(|step| text.push_str(&print_one(step)));
    text
}

/// Writes one step as [`print()`] does, to stand behind others.
pub fn print_one(step: &Step) -> String {
    let mut text = String::from("\n[[step]]\n");
    print_step(&mut text, step);
    text
}

fn print_step(text: &mut String, step: &Step) {
    if let Some(on) = &step.on {
        line(text, "on", &quoted(on));
    }
    if let Some(at) = &step.at {
        line(text, "at", &quoted(at));
    }
    let act = match &step.act {
        Act::Run(act) | Act::Paste(act) | Act::Secret(act) => quoted(act),
        Act::Send(keys) => quoted(&keys.to_string()),
    };
    line(text, step.act.word(), &act);
    if let Some(expect) = &step.expect {
        line(text, "expect", &quoted(expect));
    }
    if let Some(timeout) = step.timeout {
        line(text, "timeout", &format!("\"{}\"", time(timeout)));
    }
    if let Some((word, _)) =
        OnFail::ALL.iter().find(|(_, on_fail)| *on_fail == step.on_fail && *on_fail != OnFail::default())
    {
        line(text, "on_fail", &quoted(word));
    }
    if step.barrier {
        line(text, "barrier", "true");
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} = {value}\n"));
}

/// A time as people write it, to the millisecond: `90s`, `5m`, `1h`.
fn time(time: Duration) -> String {
    match (time.as_millis(), time.as_secs()) {
        (millis, _) if millis % 1000 != 0 => format!("{millis}ms"),
        (_, seconds) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (_, seconds) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (_, seconds) => format!("{seconds}s"),
    }
}

/// A TOML string, in the form that needs the fewest backslashes.
fn quoted(text: &str) -> String {
    let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
    if plain(text) && !text.contains(['"', '\\', '\t']) {
        return format!("\"{text}\"");
    }
    if plain(text) && !text.contains('\'') {
        return format!("'{text}'");
    }
    // The first line end after the marks is not part of the text.
    if text.contains('\n')
        && text.lines().all(plain)
        && !text.contains("'''")
        && !text.ends_with('\'')
        && !text.contains('\r')
    {
        return format!("'''\n{text}'''");
    }
    escaped(text)
}

fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
