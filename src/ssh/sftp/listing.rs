//! A folder by pages, with an end whatever the server says.
//!
//! Theory: a server decides how many names stand in a page and when the listing ends. So pages are counted as well as names:
//! an empty page is no end and no progress. A few pages are asked for
//! ahead, so that a large folder does not cost a round trip each.

use std::collections::VecDeque;

use super::attrs::Attrs;
use super::client::{Handle, Sftp};
use super::error::SftpError;
use super::reply::Name;
use super::session::Pending;

/// Names of one folder; a listing with more is an error.
pub const MAX_LISTED: usize = 1_000_000;

/// Empty pages of one listing; with more it is an error.
pub const MAX_EMPTY_PAGES: usize = 16;

/// Pages that are asked for ahead, once a folder turned out to have more than one: their memory is bounded by that.
const AHEAD: usize = 6;

/// Pages that are asked for at once at the beginning: most folders are one page, and the word that this was all.
const FIRST: usize = 2;

/// One name in a folder: what the server says, which nobody has checked; not `.` and not `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name, unchecked.
    pub name: Box<[u8]>,
    /// What is said about it, a link itself.
    pub attrs: Attrs,
}

/// A folder that is being listed; closed when dropped.
#[derive(Debug)]
pub struct Dir {
    sftp: Sftp,
    handle: Handle,
    asked: VecDeque<Pending>,
    ahead: usize,
    seen: Seen,
}

/// How far a listing has come. Pure.
#[derive(Debug, Default)]
struct Seen {
    names: usize,
    empty: usize,
}

impl Seen {
    /// A page of so many names came; the error is a listing without an end.
    fn page(&mut self, names: usize) -> Result<(), SftpError> {
        self.names += names;
        self.empty += usize::from(names == 0);
        if self.names > MAX_LISTED {
            return Err(SftpError::odd(format!("a listing of more than {MAX_LISTED} names")));
        }
        if self.empty > MAX_EMPTY_PAGES {
            return Err(SftpError::odd(format!(
                "a listing with more than {MAX_EMPTY_PAGES} empty pages, which may have no end"
            )));
        }
        Ok(())
    }
}

impl Dir {
    pub(super) fn new(sftp: Sftp, handle: Handle) -> Dir {
        Dir { sftp, handle, asked: VecDeque::new(), ahead: FIRST, seen: Seen::default() }
    }

    /// The next names, at least one; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, SftpError> {
        if self.ahead == 0 {
            return Ok(None);
        }
        loop {
            while self.asked.len() < self.ahead {
                self.asked.push_back(self.sftp.next_page(&self.handle).await?);
            }
            let page = self.asked.pop_front().expect("some were asked for");
            let Some(names) = page.names().await? else {
                // The others say the same.
                (self.ahead, self.asked) = (0, VecDeque::new());
                return Ok(None);
            };
            self.seen.page(names.len())?;
            self.ahead = AHEAD;
            let listed: Vec<Listed> = names.into_iter().filter_map(listed).collect();
            if !listed.is_empty() {
                return Ok(Some(listed));
            }
        }
    }
}

/// Without the folder itself and the one above it; with memory of its own, as the packet's would be held as a whole.
fn listed(name: Name) -> Option<Listed> {
    let is_folder = matches!(&name.name[..], b"." | b"..");
    (!is_folder).then(|| Listed { name: Box::from(&name.name[..]), attrs: name.attrs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_without_an_end_has_one() {
        let mut seen = Seen::default();
        let pages = (0..).take_while(|_| seen.page(100).is_ok()).count();
        assert_eq!(pages, MAX_LISTED / 100);
        let mut seen = Seen::default();
        let pages = (0..).take_while(|_| seen.page(0).is_ok()).count();
        assert_eq!(pages, MAX_EMPTY_PAGES);
    }
}
