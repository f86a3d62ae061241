//! The journal: the append-only record of a run, from which it can be read, and gone on with, whatever ended it.
//!
//! Theory: one event divides *certainly not run* from *not known*, and its intent is on the disk before it happens
//! ([`Journal::intent`] waits for that). What became of a host is written as soon as it is known, before anybody is told.
//! So whatever dies at whatever moment: a host without an intent was not touched, one with an intent and no outcome is not
//! known, and nothing else is. A run that is resumed goes on in the same file, under the same lock, so that there is one
//! truth about each host and never two programs that add to it.
//!
//! A run is a directory: `journal.jsonl` with the lines of `docs/events.md`, and `output` with what hosts wrote, as
//! [`frame`]s. Both only grow. The writing thread is in [`keeper`], directories and locks in [`store`]; lines, books and what
//! is deleted are values.

pub mod books;
pub mod frame;
pub mod id;
pub mod keeper;
pub mod line;
pub mod retention;
mod scribe;
pub mod store;

pub use books::{BookError, Books, Standing, Wish};
pub use id::RunId;
pub use keeper::{Journal, JournalFault};
pub use retention::Retention;
pub use store::{Life, Reopened, Store, StoreError};
