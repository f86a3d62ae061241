//! Small new files that travel together.
//!
//! Theory: each file goes its way as [`super::put`] says, and is whole or not there. But what costs with small files is not
//! their bytes, it is the requests, and waiting for each answer by itself. So the files of a convoy make their three flights
//! side by side: all are begun, all are filled and proven, all are renamed, and each flight's requests share packets. A file
//! with which anything goes wrong leaves the convoy and is put alone, which finds out why, and says it.

use super::begin::creating;
use super::cause;
use super::part::part_name;
use super::put::{self, Before, Flight, Source, Way, Wish, beside, file_name};
use super::trouble::Trouble;
use super::window::Queue;
use crate::ssh::sftp::{Pending, SftpError};

/// Files of a convoy at most: they share packets, and none waits long for the first.
pub(super) const LENGTH: usize = 16;

/// Bytes of a file that travels so: one request carries it, whatever the server.
pub(super) const SMALL: u64 = 32 * 1024;

/// One file of a convoy; nothing stands where it goes.
pub(super) struct Ship<'a> {
    /// Where it goes.
    pub(super) path: &'a [u8],
    /// What it holds.
    pub(super) source: &'a dyn Source,
    /// How it is put.
    pub(super) wish: &'a Wish,
}

/// Puts all of them in their places; gives what became of each, in their order.
pub(super) async fn put_together(way: Way<'_>, ships: &[Ship<'_>]) -> Vec<Result<(), Trouble>> {
    let parts: Vec<Vec<u8>> = ships.iter().map(Ship::part).collect();
    let mut opening = Vec::with_capacity(ships.len());
    for part in &parts {
        opening.push(creating(way.sftp, part).await);
    }
    let mut filled = Vec::with_capacity(ships.len());
    for (ship, opening) in ships.iter().zip(opening) {
        filled.push(ship.fill(way, opening).await.ok());
    }
    let mut renaming = Vec::with_capacity(ships.len());
    for ((ship, part), filled) in ships.iter().zip(&parts).zip(filled) {
        let is_proven = match filled {
            Some(flight) => ship.is_proven(way, part, flight).await,
            None => false,
        };
        renaming.push(match is_proven {
            true => put::replacing(way.sftp, (part, ship.path), false).await.ok(),
            false => None,
        });
    }
    let mut became = Vec::with_capacity(ships.len());
    for ((ship, part), renaming) in ships.iter().zip(&parts).zip(renaming) {
        let is_renamed = match renaming {
            Some(pending) => pending.done().await.is_ok(),
            None => false,
        };
        became.push(if is_renamed { Ok(()) } else { ship.alone(way, part).await });
    }
    became
}

impl Ship<'_> {
    fn part(&self) -> Vec<u8> {
        // A name that can be none is refused when it is put alone.
        let name = file_name(self.path).unwrap_or_default();
        beside(self.path, &part_name(name, &self.source.sha256()))
    }

    /// Sends all that concerns its part once that is open.
    async fn fill(
        &self,
        way: Way<'_>,
        opening: Result<Pending, SftpError>,
    ) -> Result<(Queue<Pending>, Flight), Trouble> {
        let handle = way.sftp.opened(opening.map_err(cause::plain)?).await.map_err(cause::plain)?;
        let mut writes = Queue::new();
        put::fill((way, self.path), (&handle, &mut writes), (self.source, 0)).await?;
        let flight = Flight::send(way.sftp, handle, (self.source, self.wish, None)).await;
        Ok((writes, flight.map_err(cause::plain)?))
    }

    /// Waits for that; whether the content is there as it was sent.
    async fn is_proven(
        &self,
        way: Way<'_>,
        part: &[u8],
        (mut writes, flight): (Queue<Pending>, Flight),
    ) -> bool {
        while let Some((pending, ..)) = writes.pop() {
            if pending.done().await.is_err() {
                return false;
            }
        }
        let landed = flight.lands(way.sftp, (self.path, part), self.source).await;
        landed.is_ok_and(|is_read_back| is_read_back || self.wish.verify == put::Verify::Size)
    }

    async fn alone(&self, way: Way<'_>, part: &[u8]) -> Result<(), Trouble> {
        // Whatever is left of it is of no use any more.
        let _ = way.sftp.remove(part).await;
        let wish = Wish { before: Before::Asked, ..self.wish.clone() };
        put::put(way, self.path, (self.source, &wish)).await.map(drop)
    }
}
