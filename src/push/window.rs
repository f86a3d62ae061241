//! How much of a file is under way (signatures; the rest follows).

use std::sync::Arc;

/// Bytes that all transfers of a run may have under way beyond what each has of its own.
#[derive(Debug)]
pub struct Budget;

impl Budget {
    /// So many bytes for all.
    pub fn new(bytes: usize) -> Arc<Budget> { todo!() }
}
