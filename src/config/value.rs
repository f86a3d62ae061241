//! TOML values with their places, and the sentences about those that do not fit.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with the file, in one sentence: place, fault, next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct ConfigError {
    place: String,
    fault: String,
}

impl ConfigError {
    /// A fault at a place.
    pub fn new(place: &str, fault: &str) -> ConfigError {
        ConfigError { place: place.to_owned(), fault: fault.to_owned() }
    }
}

/// The file a value stands in: turns offsets into `file:line:column`.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    pub(crate) fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    pub(crate) fn error(&self, span: Range<usize>, fault: impl AsRef<str>) -> ConfigError {
        ConfigError::new(&self.place(span.start), fault.as_ref())
    }
}

/// One value under its key.
pub(crate) struct Item<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) key: &'a str,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    /// The items of a table, in the order of the file.
    pub(crate) fn all(source: Source<'a>, table: &'a DeTable<'a>) -> Vec<Item<'a>> {
        let item = |(key, value): (&'a Spanned<_>, _)| Item {
            source,
            key: key_text(key),
            key_span: key.span(),
            value,
        };
        let mut items: Vec<Item> = table.iter().map(item).collect();
        items.sort_by_key(|item| item.key_span.start);
        items
    }

    pub(crate) fn wrong(&self, wanted: &str) -> ConfigError {
        let kind = match self.value.get_ref() {
            DeValue::String(text) => format!("\"{}\"", crate::escape::text(text, 40)),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date".into(),
            DeValue::Array(_) => "an array".into(),
            DeValue::Table(_) => "a table".into(),
        };
        let fault = format!("`{}` is {kind}; write {wanted}", self.key);
        self.source.error(self.value.span(), fault)
    }

    pub(crate) fn text(&self, wanted: &str) -> Result<&'a str, ConfigError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong(wanted)),
        }
    }

    /// One text, or a list of them.
    pub(crate) fn texts(&self, wanted: &str) -> Result<Vec<String>, ConfigError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(vec![text.to_string()]),
            DeValue::Array(items) => {
                let text = |item: &Spanned<DeValue>| item.get_ref().as_str().map(str::to_owned);
                items.iter().map(text).collect::<Option<_>>().ok_or_else(|| self.wrong(wanted))
            }
            _ => Err(self.wrong(wanted)),
        }
    }

    pub(crate) fn yes_or_no(&self) -> Result<bool, ConfigError> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub(crate) fn number(&self, allowed: Range<u64>, wanted: &str) -> Result<usize, ConfigError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| allowed.contains(number));
        number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| self.wrong(wanted))
    }

    /// Seconds as a number, or a text as the command line takes it.
    pub(crate) fn seconds(&self, wanted: &str) -> Result<Duration, ConfigError> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.wrong(wanted)),
        };
        crate::config::duration(text).ok_or_else(|| self.wrong(wanted))
    }

    pub(crate) fn table(&self) -> Result<Vec<Item<'a>>, ConfigError> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Item::all(self.source, table)),
            _ => Err(self.wrong(&format!("a table: [{}]", self.key))),
        }
    }

    /// This key does not exist; which one was meant?
    pub(crate) fn unknown(&self, within: &str, known: &[&str]) -> ConfigError {
        let near = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(self.key, name), name))
            .filter(|(distance, name)| *distance <= name.len().max(self.key.len()).div_ceil(3))
            .min();
        let key = crate::escape::text(self.key, 40);
        let step = match near {
            Some((_, name)) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.source.error(self.key_span.clone(), format!("unknown key `{key}`{within}; {step}"))
    }
}

fn key_text<T: AsRef<str>>(key: &Spanned<T>) -> &str {
    key.get_ref().as_ref()
}
