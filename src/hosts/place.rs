//! The place of an expression while it is evaluated, and the small steps that may find a fault in it.

use std::sync::Arc;

use super::definitions::Item;
use super::range::{HOST_LIMIT, Ranges};
use super::{ExprError, Host, Origin, SelectError};

/// Where the expression at hand stands.
#[derive(Clone)]
pub(super) struct Place<'t> {
    pub(super) text: &'t str,
    pub(super) origin: Origin,
    pub(super) column: usize,
    /// The source whose groups `@name` means; inside one a bare name is always a host.
    pub(super) namespace: Option<Arc<str>>,
    /// The cluster whose own name is a host here.
    pub(super) inside: Option<Arc<str>>,
    pub(super) order: Order,
}

/// Does anything stand before an expression, for it to apply to?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    First,
    Later,
}

impl Order {
    pub(super) fn nth(n: usize) -> Order {
        if n == 0 { Order::First } else { Order::Later }
    }
}

impl<'t> Place<'t> {
    /// The place of a member in its file.
    pub(super) fn of(
        item: &'t Item,
        namespace: Option<&Arc<str>>,
        inside: Option<&Arc<str>>,
        order: Order,
    ) -> Place<'t> {
        Place {
            text: &item.text,
            origin: item.origin.clone(),
            column: item.column,
            namespace: namespace.cloned(),
            inside: inside.cloned(),
            order,
        }
    }

    /// An expression on the command line.
    pub(super) fn typed(text: &'t str, order: Order) -> Place<'t> {
        Place { text, origin: Origin::Expression, column: 1, namespace: None, inside: None, order }
    }

    /// A fault in a part of it.
    pub(super) fn error(
        &self,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> SelectError {
        SelectError::from(Box::new(ExprError {
            origin: self.origin.clone(),
            column: self.column,
            text: self.text.to_owned(),
            span,
            message: message.into(),
            help: help.into(),
        }))
    }
}

/// Bytes of the text at hand.
pub(super) type Span = std::ops::Range<usize>;

/// The non-empty lines of an argument: the output of another command may be pasted in as one.
pub(super) fn lines(argument: &str) -> impl Iterator<Item = &str> {
    // An argument without any text is kept, so that it is refused and not taken for nothing.
    let whole = argument.trim().is_empty().then_some(argument);
    whole.into_iter().chain(argument.lines().filter(|line| !line.trim().is_empty()))
}

/// The texts of an item's ranges, after they were counted.
pub(super) fn expand(place: &Place<'_>, span: Span, text: &str) -> Result<Vec<String>, SelectError> {
    let ranges = Ranges::parse(text).map_err(|fault| {
        let at = span.start + fault.span.start..span.start + fault.span.end;
        place.error(at, fault.message, fault.help)
    })?;
    match ranges.count() {
        count if count > HOST_LIMIT as u64 => Err(too_many(place, span, count)),
        _ => Ok(ranges.expand()),
    }
}

pub(super) fn too_many(place: &Place<'_>, span: Span, count: u64) -> SelectError {
    let count = match count {
        u64::MAX => "more hosts than can be counted".to_owned(),
        count => format!("{count} hosts"),
    };
    place.error(span, format!("this names {count}; the limit is 100,000 hosts"), "name fewer at a time")
}

/// Reads one of `of` texts of an item as a host; the fault is shown where it stands if the item is the text itself.
pub(super) fn read_host(place: &Place<'_>, span: Span, text: &str, of: usize) -> Result<Host, SelectError> {
    text.parse().map_err(|error: super::HostParseError| {
        let at = match of {
            1 if place.text[span.clone()] == *text => {
                span.start + error.span.start..span.start + error.span.end
            }
            _ => span,
        };
        place.error(at, error.message, error.help)
    })
}

/// The next step for a name that is not known.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let near = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 2.max(name.len() / 3))
        .min();
    match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => "see `omnes hosts --list`".to_owned(),
    }
}
