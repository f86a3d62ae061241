//! What push and pull need from a host, in two ways: SFTP, and a POSIX shell where somebody asked for it.

use std::sync::Arc;

use super::get::{Got, Limit, Sink};
use super::put::{Landed, Source, Wish};
use super::tree::Kind;
use super::trouble::Trouble;
use super::window::Budget;
use crate::ssh::Link;
use crate::ssh::sftp::Sftp;

/// What stands on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is; the target of a link is empty where nobody asked for it.
    pub kind: Kind,
    /// Permission bits, `07777`.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
    /// Whose it is, by number; `None` where the host does not say.
    pub owner: Option<(u32, u32)>,
}

/// One thing in a folder. The name is what the host says: nobody has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name there, unchecked.
    pub name: Box<[u8]>,
    /// What it is; the targets of links are not read.
    pub stat: Stat,
}

/// What is to be set on something; `None` leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Permission bits, `07777`.
    pub mode: Option<u32>,
    /// Modification time, in seconds since 1970; times that the protocol cannot say are set to the nearest it can.
    pub mtime: Option<i64>,
    /// Owner and group, by number.
    pub owner: Option<(u32, u32)>,
}

/// The files of one host.
pub struct Remote<'a> { link: &'a Link }

impl<'a> Remote<'a> {
    /// By SFTP.
    pub async fn over_sftp(link: &'a Link, budget: Arc<Budget>) -> Result<Remote<'a>, Trouble> { todo!() }
    /// By an SFTP session that stands, as one that runs as somebody else; `link` is for what a shell is asked beside it.
    pub fn over(sftp: Sftp, link: &'a Link, budget: Arc<Budget>) -> Remote<'a> { todo!() }
    /// By a POSIX shell; what it can do less is said where it is asked for.
    pub fn over_shell(link: &'a Link, budget: Arc<Budget>) -> Remote<'a> { todo!() }
    /// An absolute path: relative ones and `~/` are below the user's home, `~name/` is asked for.
    pub async fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, Trouble> { todo!() }
    /// What stands there, a link itself; `None`: nothing.
    pub async fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> { todo!() }
    /// What stands there or where a link leads; `None`: nothing.
    pub async fn stat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> { todo!() }
    /// What a link says.
    pub async fn read_link(&self, path: &[u8]) -> Result<Box<[u8]>, Trouble> { todo!() }
    /// A folder, by pages; neither `.` nor `..` are in it.
    pub async fn list(&self, folder: &[u8]) -> Result<Listing<'_>, Trouble> { todo!() }
    /// Makes one folder with this mode.
    pub async fn make_dir(&self, path: &[u8], mode: u32) -> Result<(), Trouble> { todo!() }
    /// Makes a symbolic link.
    pub async fn symlink(&self, to: &[u8], path: &[u8]) -> Result<(), Trouble> { todo!() }
    /// Removes a file or a link.
    pub async fn remove(&self, path: &[u8]) -> Result<(), Trouble> { todo!() }
    /// Removes an empty folder.
    pub async fn remove_dir(&self, path: &[u8]) -> Result<(), Trouble> { todo!() }
    /// Puts one thing in the place of another, at once.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Trouble> { todo!() }
    /// Sets marks; a link is never followed.
    pub async fn set(&self, path: &[u8], marks: Marks) -> Result<(), Trouble> { todo!() }
    /// The SHA-256 of a file as a program of the host says it; `None` where there is no shell or no such program.
    pub async fn sha256(&self, path: &[u8]) -> Result<Option<[u8; 32]>, Trouble> { todo!() }
    /// Puts a file in its place; see [`super::put`].
    pub async fn put(&self, path: &[u8], source: &dyn Source, wish: &Wish) -> Result<Landed, Trouble> { todo!() }
    /// Reads a file; see [`super::get`].
    pub async fn get(&self, path: &[u8], sink: &mut dyn Sink, limit: Limit) -> Result<Got, Trouble> { todo!() }
    /// Removes what earlier pushes of other content left of `name`, among the names of its folder; gives how many.
    pub async fn sweep(&self, folder: &[u8], name: &[u8], names: &[Box<[u8]>]) -> Result<usize, Trouble> { todo!() }
}

/// A folder that is being listed.
pub struct Listing<'a> { remote: &'a Remote<'a> }

impl Listing<'_> {
    /// The next entries; `None` at the end. A listing without an end is an error of the class odd.
    pub async fn next(&mut self) -> Result<Option<Vec<Found>>, Trouble> { todo!() }
}
