//! A POSIX file system in memory: folders, files, links, modes and times, and what a path ever was. Pure.
//!
//! Theory: a host of the demo has files as a server has them, and a client may do to them what SFTP version 3 can ask for, so
//! the rules are those of Linux where a client can tell: a rename takes the place of what was there, a removed file lives on
//! for who has it open, a link is followed 40 times (`names`). The account owns everything, as root would; who may do what
//! is a property of the whole ([`Rights`]). Names are bytes.
//!
//! A node has one name, so its path is found from itself. Where a history is kept, each change of what a path names is
//! written down at the moment it happens, so that a test can say what a reader could have seen at any instant.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::content::Content;
use super::node::{Body, Errno, Kind, Last, Node, NodeId, Opening, Rights, Stat, State};

/// The room of a disk that was given no bound, in bytes.
const ROOM: u64 = 1 << 40;

/// The root, which has no name and lies in itself.
pub(super) const ROOT: NodeId = NodeId(0);

/// Whether what a path ever was is kept. It has no bound (a test that asks for it decides how much it does), so that a demo
/// that runs for days keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Only what is there now.
    #[default]
    None,
    /// Every state of every path, and how often it was asked for.
    Kept,
}

/// See the module. Paths are absolute; times are seconds since 1970.
#[derive(Debug)]
pub(super) struct Fs {
    pub(super) nodes: HashMap<NodeId, Node>,
    pub(super) next: u64,
    rights: Rights,
    pub(super) used: u64,
    room: u64,
    history: Option<BTreeMap<Box<[u8]>, Vec<State>>>,
}

impl Fs {
    /// An empty root.
    pub(super) fn new(history: History) -> Fs {
        let root = Node::new((ROOT, b""), Body::Dir(BTreeMap::new()), (0o755, 0));
        Fs {
            nodes: HashMap::from([(ROOT, root)]),
            next: 1,
            rights: Rights::All,
            used: 0,
            room: ROOM,
            history: (history == History::Kept).then(BTreeMap::new),
        }
    }

    /// What the account may do from now on; gives what it could do before.
    pub(super) fn allow(&mut self, rights: Rights) -> Rights {
        std::mem::replace(&mut self.rights, rights)
    }

    /// From now on there is room for so many bytes beside those that are there.
    pub(super) fn bound(&mut self, free: u64) {
        self.room = self.used.saturating_add(free);
    }

    /// Bytes of room in all, and bytes that are free.
    pub(super) fn room(&self) -> (u64, u64) {
        (self.room, self.room.saturating_sub(self.used))
    }

    /// Whether it takes no changes, whoever asks.
    pub(super) fn is_read_only(&self) -> bool {
        self.rights == Rights::ReadOnly
    }

    pub(super) fn stat(&self, id: NodeId) -> Stat {
        let node = self.node(id);
        let (kind, size) = match &node.body {
            Body::File(content) => (Kind::File, content.len()),
            Body::Dir(entries) => (Kind::Dir, entries.len() as u64),
            Body::Link(to) => (Kind::Link, to.len() as u64),
            Body::Fifo => (Kind::Fifo, 0),
        };
        Stat { kind, size, mode: node.mode, owner: node.owner, mtime: node.mtime }
    }

    pub(super) fn body(&self, id: NodeId) -> &Body {
        &self.node(id).body
    }

    /// Opens a file; the caller closes it.
    pub(super) fn open(&mut self, path: &[u8], how: Opening, now: i64) -> Result<NodeId, Errno> {
        let id = match self.find(path, Last::Followed) {
            Ok(_) if how.create && how.exclusive => return Err(Errno::Exists),
            Err(Errno::NotFound) if how.create => self.create(path, how, now)?,
            found => found?,
        };
        match self.body(id) {
            Body::File(_) => {}
            Body::Dir(_) => return Err(Errno::IsDir),
            // A FIFO: nobody is at its other end. Links were followed.
            Body::Link(_) | Body::Fifo => return Err(Errno::Invalid),
        }
        if how.write {
            self.writable()?;
        }
        if how.truncate && self.stat(id).size > 0 {
            self.resize(id, 0, now)?;
        }
        self.node_mut(id).opens += 1;
        Ok(id)
    }

    fn create(&mut self, path: &[u8], how: Opening, now: i64) -> Result<NodeId, Errno> {
        if self.find(path, Last::Itself).is_ok() {
            // A link that leads nowhere. Linux makes the file where it leads; no client of ours may rely on that.
            return Err(if how.exclusive { Errno::Exists } else { Errno::NotFound });
        }
        self.make(path, Body::File(Arc::default()), (how.mode, now))
    }

    /// One user of an open node is done with it.
    pub(super) fn close(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        node.opens -= 1;
        if node.opens > 0 {
            return;
        }
        if !node.is_linked {
            return self.free(id);
        }
        if std::mem::take(&mut node.is_changing) {
            self.note(id);
        }
    }

    pub(super) fn read(&self, id: NodeId, offset: u64, count: usize) -> Result<Bytes, Errno> {
        match self.body(id) {
            Body::File(content) => Ok(content.read(offset, count)),
            _ => Err(Errno::Invalid),
        }
    }

    pub(super) fn write(&mut self, id: NodeId, offset: u64, piece: Bytes, now: i64) -> Result<(), Errno> {
        let end = offset.checked_add(piece.len() as u64).ok_or(Errno::Invalid)?;
        let before = self.stat(id).size;
        self.take_room(before, before.max(end))?;
        let Body::File(content) = &mut self.node_mut(id).body else { return Err(Errno::Invalid) };
        Arc::make_mut(content).write(offset, piece);
        self.changed(id, now);
        Ok(())
    }

    pub(super) fn resize(&mut self, id: NodeId, len: u64, now: i64) -> Result<(), Errno> {
        self.writable()?;
        let Body::File(content) = self.body(id) else { return Err(Errno::IsDir) };
        self.take_room(content.len(), len)?;
        if let Body::File(content) = &mut self.node_mut(id).body {
            Arc::make_mut(content).resize(len);
        }
        self.changed(id, now);
        Ok(())
    }

    pub(super) fn set_mode(&mut self, id: NodeId, mode: u32) -> Result<(), Errno> {
        self.writable()?;
        self.node_mut(id).mode = mode & 0o7777;
        self.note(id);
        Ok(())
    }

    pub(super) fn set_mtime(&mut self, id: NodeId, mtime: i64) -> Result<(), Errno> {
        self.writable()?;
        self.node_mut(id).mtime = mtime;
        Ok(())
    }

    pub(super) fn set_owner(&mut self, id: NodeId, owner: (u32, u32)) -> Result<(), Errno> {
        self.writable()?;
        self.node_mut(id).owner = owner;
        Ok(())
    }

    /// Every node below the root with its path, folders before what is in them.
    pub(super) fn walk(&self) -> Vec<(Vec<u8>, NodeId)> {
        let (mut found, mut todo) = (Vec::new(), vec![ROOT]);
        while let Some(at) = todo.pop() {
            if at != ROOT {
                found.push((self.path(at), at));
            }
            if let Body::Dir(entries) = self.body(at) {
                todo.extend(entries.values().rev());
            }
        }
        found
    }

    /// Everything a path ever was, oldest first; empty where no history is kept, or nothing ever was there.
    pub(super) fn states(&self, path: &[u8]) -> Vec<State> {
        let known = self.history.as_ref().and_then(|history| history.get(path));
        known.cloned().unwrap_or_default()
    }

    /// Every path that ever was anything, where a history is kept.
    pub(super) fn ever(&self) -> Vec<Vec<u8>> {
        self.history.iter().flatten().map(|(path, _)| path.to_vec()).collect()
    }

    pub(super) fn writable(&self) -> Result<(), Errno> {
        match self.rights {
            Rights::All => Ok(()),
            Rights::ReadOnly => Err(Errno::ReadOnly),
            Rights::Others => Err(Errno::Denied),
        }
    }

    /// A file of `before` bytes becomes one of `after`.
    pub(super) fn take_room(&mut self, before: u64, after: u64) -> Result<(), Errno> {
        let used = (self.used - before).checked_add(after).ok_or(Errno::NoSpace)?;
        if after > before && used > self.room {
            return Err(Errno::NoSpace);
        }
        self.used = used;
        Ok(())
    }

    fn changed(&mut self, id: NodeId, now: i64) {
        let node = self.node_mut(id);
        node.mtime = now;
        if node.opens > 0 {
            node.is_changing = true;
        }
        self.note(id);
    }

    /// A node has lost its name: it goes, unless somebody has it open.
    pub(super) fn lost_name(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        node.is_linked = false;
        if node.opens == 0 {
            self.free(id);
        }
    }

    fn free(&mut self, id: NodeId) {
        if let Some(Node { body: Body::File(content), .. }) = self.nodes.remove(&id) {
            self.used -= content.len();
        }
    }

    /// Writes down what the path of a node names now.
    pub(super) fn note(&mut self, id: NodeId) {
        let node = self.node(id);
        if self.history.is_none() || !node.is_linked {
            return;
        }
        let state = match &node.body {
            Body::File(_) if node.is_changing => State::Changing,
            Body::File(content) => State::File { content: Content::clone(content), mode: node.mode },
            Body::Dir(_) => State::Dir,
            Body::Link(to) => State::Link(to.to_vec()),
            Body::Fifo => State::Fifo,
        };
        self.note_path(self.path(id), state);
    }

    pub(super) fn note_path(&mut self, path: Vec<u8>, state: State) {
        let Some(history) = &mut self.history else { return };
        let states = history.entry(path.into()).or_default();
        if states.last() != Some(&state) {
            states.push(state);
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(&id).expect("a node lives while it has a name or is open")
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node lives while it has a name or is open")
    }
}
