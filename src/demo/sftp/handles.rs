//! What a client has open. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::hostile::Listing;
use super::node::{NodeId, Stat};

/// Handles of one client, as many as OpenSSH gives.
pub(super) const MAX_HANDLES: usize = 1019;

/// Something that is open.
#[derive(Debug)]
pub(super) enum Open {
    /// A file of the disk.
    File {
        node: NodeId,
        /// Whether each write goes to its end.
        appends: bool,
        /// Whether it may be written.
        writes: bool,
    },
    /// A folder of the disk, as it was when it was opened, and what was not yet listed of it.
    Dir { left: std::vec::IntoIter<(Vec<u8>, Stat)> },
    /// A file that a lying host made up.
    MadeUp,
    /// A folder that a lying host made up, its path, and the page that is next.
    Listing { listing: Listing, path: Vec<u8>, page: u64 },
}

/// The handles of one client.
#[derive(Debug, Default)]
pub(super) struct Handles {
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl Handles {
    /// A handle for it; gives it back where there are too many.
    pub(super) fn add(&mut self, open: Open) -> Result<Bytes, Open> {
        if self.open.len() >= MAX_HANDLES {
            return Err(open);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(number, open);
        Ok(Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    pub(super) fn get(&mut self, handle: &[u8]) -> Option<&mut Open> {
        self.open.get_mut(&number(handle)?)
    }

    pub(super) fn remove(&mut self, handle: &[u8]) -> Option<Open> {
        self.open.remove(&number(handle)?)
    }

    /// All of them, the client being gone.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Open> + use<> {
        std::mem::take(&mut self.open).into_values()
    }
}

fn number(handle: &[u8]) -> Option<u32> {
    handle.try_into().ok().map(u32::from_be_bytes)
}
