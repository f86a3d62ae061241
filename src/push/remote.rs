//! What push and pull need from a host, in two ways: SFTP, and a POSIX shell where somebody asked for it.

use std::sync::Arc;
use std::time::Duration;

use super::cause::{self, Doing};
use super::get::{self, Got, Limit, Links, Sink};
use super::part::is_part_of;
use super::path::{MAX_NAME, shown};
use super::put::{self, Landed, Source, Way, Wish, beside, said_time};
use super::shell::Shell;
use super::sums::Sums;
use super::tree::Kind;
use super::trouble::Trouble;
use super::window::{Budget, OF_HOST};
use crate::outcome::FileFault;
use crate::ssh::Link;
use crate::ssh::sftp::{Attrs, Dir, FileType, Sftp, SftpError, Status};

/// What stands on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is; the target of a link is empty, [`Remote::read_link`] reads it.
    pub kind: Kind,
    /// Permission bits, `07777`.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
    /// Whose it is, by number; `None` where the host does not say.
    pub owner: Option<(u32, u32)>,
}

impl Stat {
    /// From what a server says; one that does not say what something is does not help.
    fn from_attrs(path: &[u8], attrs: Attrs) -> Result<Stat, Trouble> {
        let kind = match attrs.file_type() {
            Some(FileType::File) => Kind::File { size: attrs.size.unwrap_or(0) },
            Some(FileType::Dir) => Kind::Dir,
            Some(FileType::Link) => Kind::Link { to: Box::default() },
            Some(FileType::Special) => Kind::Special,
            None => {
                let why = format!("{}: the host does not say what it is", shown(path));
                return Err(Trouble::file(FileFault::Odd, why));
            }
        };
        let mtime = attrs.times.map_or(0, |(_, change)| change.into());
        Ok(Stat { kind, mode: attrs.permissions().unwrap_or(0), mtime, owner: attrs.owner })
    }
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
    /// Modification time, in seconds since 1970; times that the way cannot say are set to the nearest it can.
    pub mtime: Option<i64>,
    /// Owner and group, by number.
    pub owner: Option<(u32, u32)>,
}

/// The files of one host.
pub struct Remote<'a> {
    way: How<'a>,
    budget: Arc<Budget>,
    own: Arc<Budget>,
    sums: Sums<'a>,
}

enum How<'a> {
    Sftp(Sftp),
    Shell(Shell<'a>),
}

impl<'a> Remote<'a> {
    /// By SFTP; [`FileFault::NoSftp`] where the host has none, within its connect timeout.
    pub async fn over_sftp(link: &'a Link, budget: Arc<Budget>) -> Result<Remote<'a>, Trouble> {
        let sftp = Sftp::open(link).await.map_err(cause::plain)?;
        Ok(Remote::over(sftp, link, budget))
    }

    /// By an SFTP session that stands, as one that runs as somebody else; a shell on `link` is asked for sums beside it.
    pub fn over(sftp: Sftp, link: &'a Link, budget: Arc<Budget>) -> Remote<'a> {
        Remote { way: How::Sftp(sftp), budget, own: Budget::new(OF_HOST), sums: Sums::new(link) }
    }

    /// By a POSIX shell. What it can do less is said where it is asked for; sizes and times need a `stat` there.
    pub fn over_shell(link: &'a Link, budget: Arc<Budget>) -> Remote<'a> {
        Remote { way: How::Shell(Shell::new(link)), budget, own: Budget::new(OF_HOST), sums: Sums::new(link) }
    }

    /// The same, where a command of the host's shell may say nothing for so long; usually 90 s.
    pub fn patient(self, patience: Duration) -> Remote<'a> {
        let way = match self.way {
            How::Sftp(sftp) => How::Sftp(sftp),
            How::Shell(shell) => How::Shell(shell.patient(patience)),
        };
        Remote { way, sums: self.sums.patient(patience), ..self }
    }

    fn way<'b>(&'b self, sftp: &'b Sftp) -> Way<'b> {
        Way { sftp, budget: &self.budget, own: &self.own, sums: &self.sums }
    }

    /// The way of small files that travel together; none through a shell.
    pub(super) fn way_of_convoys(&self) -> Option<Way<'_>> {
        match &self.way {
            How::Sftp(sftp) => Some(self.way(sftp)),
            How::Shell(_) => None,
        }
    }

    /// An absolute path: relative ones and `~/` are below where the user begins; `~name` is asked for, where the host can say.
    pub async fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, Trouble> {
        let below = match path {
            [b'/', ..] => return Ok(path.to_vec()),
            b"~" => b"",
            [b'~', b'/', below @ ..] => below,
            [b'~', ..] => return self.home_of(path).await,
            b"." => b"",
            below => below.strip_prefix(b"./").unwrap_or(below),
        };
        let home = match &self.way {
            How::Sftp(sftp) => sftp.realpath(b".").await.map_err(cause::plain)?.to_vec(),
            How::Shell(shell) => shell.home().await?,
        };
        if !home.starts_with(b"/") {
            let why =
                format!("the host says that the user begins at {}, which is no absolute path", shown(&home));
            return Err(Trouble::file(FileFault::Odd, why));
        }
        Ok(match below {
            b"" => home,
            below => beside(&[&home[..], b"/"].concat(), below),
        })
    }

    async fn home_of(&self, path: &[u8]) -> Result<Vec<u8>, Trouble> {
        match &self.way {
            How::Sftp(sftp) if sftp.features().expand_path => match sftp.expand_path(path).await {
                Ok(path) => Ok(path.to_vec()),
                Err(error) => Err(cause::of(sftp, (Doing::Use, path), error).await),
            },
            _ => {
                let why = format!("{}: this host cannot say where that home is; name it from /", shown(path));
                Err(Trouble::file(FileFault::Refused, why))
            }
        }
    }

    /// What stands there, a link itself; `None`: nothing.
    pub async fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        match &self.way {
            How::Sftp(sftp) => looked(sftp, path, sftp.lstat(path).await).await,
            How::Shell(shell) => shell.look(path, Links::Refused).await,
        }
    }

    /// What stands there or where a link leads; `None`: nothing.
    pub async fn stat(&self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        match &self.way {
            How::Sftp(sftp) => looked(sftp, path, sftp.stat(path).await).await,
            How::Shell(shell) => shell.look(path, Links::Followed).await,
        }
    }

    /// What a link says.
    pub async fn read_link(&self, path: &[u8]) -> Result<Box<[u8]>, Trouble> {
        match &self.way {
            How::Sftp(sftp) => done(sftp, path, sftp.readlink(path).await).await.map(|to| Box::from(&to[..])),
            How::Shell(shell) => shell.read_link(path).await,
        }
    }

    /// A folder, by pages; neither `.` nor `..` are in it.
    pub async fn list(&self, folder: &[u8]) -> Result<Listing, Trouble> {
        let pages = match &self.way {
            How::Sftp(sftp) => match sftp.read_dir(folder).await {
                Ok(dir) => Pages::Sftp(sftp.clone(), dir),
                Err(error) => return Err(no_folder(sftp, folder, error).await),
            },
            How::Shell(shell) => Pages::Whole(Some(shell.list(folder).await?)),
        };
        Ok(Listing { folder: folder.into(), pages })
    }

    /// Makes one folder with this mode, whatever the host takes away from new ones.
    pub async fn make_dir(&self, path: &[u8], mode: u32) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) => {
                // Most hosts take nothing away, and whether they did is asked along with it.
                let (made, there) = tokio::join!(sftp.mkdir(path, Attrs::with_mode(mode)), sftp.lstat(path));
                if let Err(error) = made {
                    return Err(cause::of(sftp, (Doing::Create, path), error).await);
                }
                if there.is_ok_and(|there| there.permissions() == Some(mode)) {
                    return Ok(());
                }
                done(sftp, path, sftp.setstat(path, Attrs::with_mode(mode)).await).await
            }
            How::Shell(shell) => shell.make_dir(path, mode).await,
        }
    }

    /// Makes a symbolic link, where nothing stands.
    pub async fn symlink(&self, to: &[u8], path: &[u8]) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) => match sftp.symlink(to, path).await {
                Ok(()) => Ok(()),
                Err(error) => Err(cause::of(sftp, (Doing::Create, path), error).await),
            },
            How::Shell(shell) => shell.symlink(to, path).await,
        }
    }

    /// Removes a file or a link.
    pub async fn remove(&self, path: &[u8]) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) => done(sftp, path, sftp.remove(path).await).await,
            How::Shell(shell) => shell.remove(path).await,
        }
    }

    /// Removes an empty folder.
    pub async fn remove_dir(&self, path: &[u8]) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) => match sftp.rmdir(path).await {
                Ok(()) => Ok(()),
                Err(error) if error.status() == Some(Status::Failure) => {
                    let why = format!("{}: the folder cannot be removed; is it empty?", shown(path));
                    Err(Trouble::file(FileFault::Other, why))
                }
                Err(error) => Err(cause::of(sftp, (Doing::Use, path), error).await),
            },
            How::Shell(shell) => shell.remove_dir(path).await,
        }
    }

    /// Puts one thing in the place of another, at once or not at all.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) => {
                let is_there = match sftp.features().posix_rename {
                    true => false,
                    false => self.lstat(to).await?.is_some(),
                };
                put::replace(sftp, (from, to), is_there).await
            }
            How::Shell(shell) => shell.rename(from, to).await,
        }
    }

    /// Gives a file, or a link itself, a second name that nothing has. Not every host can: that is a fault of the class refused.
    pub async fn hard_link(&self, path: &[u8], second: &[u8]) -> Result<(), Trouble> {
        match &self.way {
            How::Sftp(sftp) if sftp.features().hardlink => match sftp.hardlink(path, second).await {
                Ok(()) => Ok(()),
                Err(error) => Err(cause::of(sftp, (Doing::Create, second), error).await),
            },
            _ => {
                let why = format!("{}: the host gives no file a second name", shown(path));
                Err(Trouble::file(FileFault::Refused, why))
            }
        }
    }

    /// Sets marks; a link is never followed. Where only a link itself could be marked and the host cannot, nothing is done.
    pub async fn set(&self, path: &[u8], marks: Marks) -> Result<(), Trouble> {
        let sftp = match &self.way {
            How::Sftp(sftp) => sftp,
            How::Shell(shell) => return shell.set(path, marks).await,
        };
        // The owner first, since a change of it takes setuid away.
        let owner = marks.owner.map(|owner| Attrs { owner: Some(owner), ..Attrs::default() });
        let times = marks.mtime.map(|mtime| (said_time(mtime), said_time(mtime)));
        let others = Attrs { mode: marks.mode, times, ..Attrs::default() };
        let others = (others != Attrs::default()).then_some(others);
        for attrs in [owner, others].into_iter().flatten() {
            self.set_one(sftp, path, attrs).await?;
        }
        Ok(())
    }

    async fn set_one(&self, sftp: &Sftp, path: &[u8], attrs: Attrs) -> Result<(), Trouble> {
        let is_link = matches!(self.lstat(path).await?, Some(Stat { kind: Kind::Link { .. }, .. }));
        match (is_link, sftp.features().lsetstat) {
            // The mode of a link means nothing, and setting it is an error on Linux.
            (true, true) => {
                let attrs = Attrs { mode: None, ..attrs };
                if attrs == Attrs::default() {
                    return Ok(());
                }
                done(sftp, path, sftp.lsetstat(path, attrs).await).await
            }
            (true, false) => Ok(()),
            (false, _) => done(sftp, path, sftp.setstat(path, attrs).await).await,
        }
    }

    /// The SHA-256 of a file of about so many bytes as a program of the host says it; `None` where there is no shell or no such
    /// program.
    pub async fn sha256(&self, path: &[u8], size: u64) -> Result<Option<[u8; 32]>, Trouble> {
        self.sums.sha256(path, size).await
    }

    /// Puts a file in its place; see [`super::put`].
    pub async fn put(&self, path: &[u8], source: &dyn Source, wish: &Wish) -> Result<Landed, Trouble> {
        match &self.way {
            How::Sftp(sftp) => put::put(self.way(sftp), path, (source, wish)).await,
            How::Shell(shell) => shell.put(path, (source, wish)).await,
        }
    }

    /// Reads a file; see [`super::get`].
    pub async fn get(&self, path: &[u8], sink: &mut dyn Sink, limit: Limit) -> Result<Got, Trouble> {
        match &self.way {
            How::Sftp(sftp) => get::get(self.way(sftp), path, (sink, limit)).await,
            How::Shell(shell) => shell.get(path, (sink, limit)).await,
        }
    }

    /// Removes what earlier pushes of other content left of the file `path`, among the `names` of its folder; gives how many.
    /// To be called after a push of it, since what the next one could go on with is among them.
    pub async fn sweep(&self, path: &[u8], names: &[Box<[u8]>]) -> Result<usize, Trouble> {
        let name = put::file_name(path)?;
        let mut swept = 0;
        for left in names.iter().filter(|found| found.len() <= MAX_NAME && is_part_of(found, name)) {
            match self.remove(&beside(path, left)).await {
                Ok(()) => swept += 1,
                // Gone already, or not ours to remove: nobody's file is less whole for it.
                Err(Trouble::File { .. }) => {}
                Err(lost) => return Err(lost),
            }
        }
        Ok(swept)
    }
}

async fn looked(sftp: &Sftp, path: &[u8], answer: Result<Attrs, SftpError>) -> Result<Option<Stat>, Trouble> {
    match answer {
        Ok(attrs) => Stat::from_attrs(path, attrs).map(Some),
        Err(error) if error.status() == Some(Status::NoSuchFile) => Ok(None),
        Err(error) => Err(cause::of(sftp, (Doing::Use, path), error).await),
    }
}

async fn done<T>(sftp: &Sftp, path: &[u8], answer: Result<T, SftpError>) -> Result<T, Trouble> {
    match answer {
        Ok(value) => Ok(value),
        Err(error) => Err(cause::of(sftp, (Doing::Use, path), error).await),
    }
}

/// A folder that cannot be listed may be none: servers say "no such file" of a file then.
async fn no_folder(sftp: &Sftp, folder: &[u8], error: SftpError) -> Trouble {
    let is_there = matches!(&error, SftpError::Refused(_)) && sftp.stat(folder).await.is_ok();
    if is_there && error.status() == Some(Status::NoSuchFile) {
        return cause::at(folder, FileFault::IsDirectory);
    }
    cause::of(sftp, (Doing::Use, folder), error).await
}

/// A folder that is being listed.
pub struct Listing {
    folder: Box<[u8]>,
    pages: Pages,
}

enum Pages {
    Sftp(Sftp, Dir),
    Whole(Option<Vec<Found>>),
}

impl Listing {
    /// The next entries, at least one; `None` at the end. A listing without an end is an error of the class odd.
    pub async fn next(&mut self) -> Result<Option<Vec<Found>>, Trouble> {
        let (sftp, dir) = match &mut self.pages {
            Pages::Sftp(sftp, dir) => (sftp, dir),
            Pages::Whole(found) => return Ok(found.take().filter(|found| !found.is_empty())),
        };
        let page = match dir.next().await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(None),
            Err(SftpError::Odd(why)) => {
                return Err(Trouble::file(FileFault::Odd, format!("{}: {why}", shown(&self.folder))));
            }
            Err(error) => return Err(cause::of(sftp, (Doing::Use, &self.folder), error).await),
        };
        let found = page.into_iter().map(|listed| {
            let stat = Stat::from_attrs(&listed.name, listed.attrs)?;
            Ok(Found { name: listed.name, stat })
        });
        found.collect::<Result<Vec<_>, Trouble>>().map(Some)
    }
}
