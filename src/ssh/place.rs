//! Where a line of a file stands.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A line of a file, for sentences: `~/.ssh/config:12`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as it was named or found.
    pub file: Arc<Path>,
    /// The line, counted from 1; 0 where a file without lines is meant.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = crate::escape::line(self.file.as_os_str().as_encoded_bytes());
        match self.line {
            0 => f.write_str(&file),
            line => write!(f, "{file}:{line}"),
        }
    }
}
