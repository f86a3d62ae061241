//! Paths of a file system in memory: what they name, and how names come and go. Pure.

use std::collections::BTreeMap;
use std::mem;

use super::fs::{Fs, ROOT};
use super::node::{Body, Errno, Last, Node, NodeId, Over, State};

/// The longest name in a folder, in bytes.
const MAX_NAME: usize = 255;
/// The longest path, in bytes.
const MAX_PATH: usize = 4096;
/// Links that one path may lead through.
const MAX_LINKS: usize = 40;

impl Fs {
    /// What a path names.
    pub(super) fn find(&self, path: &[u8], last: Last) -> Result<NodeId, Errno> {
        if path.len() > MAX_PATH {
            return Err(Errno::TooLong);
        }
        let mut todo: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let (mut at, mut links) = (ROOT, 0);
        while let Some(name) = todo.pop() {
            let entries = self.entries(at)?;
            match name {
                b"" | b"." => continue,
                b".." => {
                    at = self.node(at).parent;
                    continue;
                }
                _ if name.len() > MAX_NAME => return Err(Errno::TooLong),
                _ => {}
            }
            let child = *entries.get(name).ok_or(Errno::NotFound)?;
            match self.body(child) {
                Body::Link(to) if !todo.is_empty() || last == Last::Followed => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::Loop);
                    }
                    if to.starts_with(b"/") {
                        at = ROOT;
                    }
                    todo.extend(to.split(|byte| *byte == b'/').rev());
                }
                _ => at = child,
            }
        }
        Ok(at)
    }

    /// Where a node stands; of one that has lost its name, where it stood.
    pub(super) fn path(&self, id: NodeId) -> Vec<u8> {
        let (mut names, mut at) = (Vec::new(), id);
        while at != ROOT
            && let Some(node) = self.nodes.get(&at)
        {
            names.push(&*node.name);
            at = node.parent;
        }
        names.push(b"");
        names.reverse();
        if names.len() == 1 { b"/".to_vec() } else { names.join(&b'/') }
    }

    /// The names in a folder.
    pub(super) fn entries(&self, id: NodeId) -> Result<&BTreeMap<Box<[u8]>, NodeId>, Errno> {
        match self.body(id) {
            Body::Dir(entries) => Ok(entries),
            _ => Err(Errno::NotDir),
        }
    }

    /// Makes something where nothing is.
    pub(super) fn make(&mut self, path: &[u8], body: Body, (mode, now): (u32, i64)) -> Result<NodeId, Errno> {
        let (parent, name) = self.place(path)?;
        if self.entries(parent)?.contains_key(name) {
            return Err(Errno::Exists);
        }
        self.writable()?;
        if let Body::File(content) = &body {
            self.take_room(0, content.len())?;
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, Node::new((parent, name), body, (mode, now)));
        self.put_name((parent, name), id, now);
        self.note(id);
        Ok(id)
    }

    /// Removes a folder that is empty.
    pub(super) fn remove_dir(&mut self, path: &[u8], now: i64) -> Result<(), Errno> {
        let id = self.find(path, Last::Itself)?;
        match self.entries(id)?.is_empty() {
            _ if id == ROOT => Err(Errno::Invalid),
            false => Err(Errno::NotEmpty),
            true => self.unlink(id, now),
        }
    }

    /// Removes anything but a folder.
    pub(super) fn remove(&mut self, path: &[u8], now: i64) -> Result<(), Errno> {
        let id = self.find(path, Last::Itself)?;
        match self.body(id) {
            Body::Dir(_) => Err(Errno::IsDir),
            _ => self.unlink(id, now),
        }
    }

    /// Gives what stands at the first path the second one.
    pub(super) fn rename(&mut self, (from, to): (&[u8], &[u8]), over: Over, now: i64) -> Result<(), Errno> {
        let id = self.find(from, Last::Itself)?;
        let (parent, name) = self.place(to)?;
        let there = self.entries(parent)?.get(name).copied();
        if self.is_inside(parent, id) {
            return Err(Errno::Invalid);
        }
        self.writable()?;
        match there {
            Some(_) if over == Over::Refused => return Err(Errno::Exists),
            Some(there) if there == id => return Ok(()),
            Some(there) => self.may_replace(there, id)?,
            None => {}
        }
        let old = self.path(id);
        self.take_name(id, now);
        let node = self.node_mut(id);
        (node.parent, node.name) = (parent, name.into());
        // What it holds at this moment is what a reader finds from now on, whether or not somebody goes on writing.
        node.is_changing = false;
        if let Some(replaced) = self.put_name((parent, name), id, now) {
            self.lost_name(replaced);
        }
        self.note_path(old, State::Absent);
        self.note(id);
        Ok(())
    }

    /// Whether a rename may put `id` where `there` is: a file over a file, a folder over an empty one.
    fn may_replace(&self, there: NodeId, id: NodeId) -> Result<(), Errno> {
        match (self.body(there), self.body(id)) {
            (Body::Dir(entries), Body::Dir(_)) if entries.is_empty() => Ok(()),
            (Body::Dir(_), Body::Dir(_)) => Err(Errno::NotEmpty),
            (Body::Dir(_), _) => Err(Errno::IsDir),
            (_, Body::Dir(_)) => Err(Errno::NotDir),
            _ => Ok(()),
        }
    }

    /// The folder in which the last name of a path stands or would stand, and that name.
    fn place<'a>(&self, path: &'a [u8]) -> Result<(NodeId, &'a [u8]), Errno> {
        if path.len() > MAX_PATH {
            return Err(Errno::TooLong);
        }
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let slash = path[..end].iter().rposition(|byte| *byte == b'/').ok_or(Errno::Exists)?;
        let (folder, name) = (&path[..slash], &path[slash + 1..end]);
        match name {
            b"." | b".." => return Err(Errno::Exists),
            _ if name.len() > MAX_NAME => return Err(Errno::TooLong),
            _ => {}
        }
        let folder = self.find(folder, Last::Followed)?;
        self.entries(folder)?;
        Ok((folder, name))
    }

    fn is_inside(&self, mut at: NodeId, folder: NodeId) -> bool {
        while at != folder && at != ROOT {
            at = self.node(at).parent;
        }
        at == folder
    }

    fn unlink(&mut self, id: NodeId, now: i64) -> Result<(), Errno> {
        self.writable()?;
        let path = self.path(id);
        self.take_name(id, now);
        self.lost_name(id);
        self.note_path(path, State::Absent);
        Ok(())
    }

    /// Takes the name of a node out of its folder.
    fn take_name(&mut self, id: NodeId, now: i64) {
        let node = self.node_mut(id);
        let (parent, name) = (node.parent, mem::take(&mut node.name));
        if let Some(entries) = self.touch(parent, now) {
            entries.remove(&name);
        }
        // Of what has no name any more, one still wants to know where it stood.
        self.node_mut(id).name = name;
    }

    /// Enters a name into a folder, and gives what it named before.
    fn put_name(&mut self, (folder, name): (NodeId, &[u8]), id: NodeId, now: i64) -> Option<NodeId> {
        self.touch(folder, now)?.insert(name.into(), id)
    }

    /// The names of a folder, to be changed now.
    fn touch(&mut self, folder: NodeId, now: i64) -> Option<&mut BTreeMap<Box<[u8]>, NodeId>> {
        let node = self.node_mut(folder);
        node.mtime = now;
        match &mut node.body {
            Body::Dir(entries) => Some(entries),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::content::Content;
    use super::super::fs::History;
    use super::super::node::{Kind, Opening, Rights};
    use super::*;

    const NEW: Opening = Opening { write: true, create: true, exclusive: false, truncate: true, mode: 0o644 };

    fn file(text: &'static str) -> Body {
        Body::File(Arc::new(Content::whole(Bytes::from_static(text.as_bytes()))))
    }

    /// `/etc/motd`, `/etc/empty/`, and links: `/e` to etc, `/up` out and in again, `/loop` to itself, `/gone` to nothing.
    fn disk() -> Fs {
        let mut fs = Fs::new(History::Kept);
        let dir = || Body::Dir(BTreeMap::new());
        let link = |to: &str| Body::Link(to.as_bytes().into());
        for (path, body) in [
            ("/etc", dir()),
            ("/etc/motd", file("hello")),
            ("/etc/empty", dir()),
            ("/e", link("etc")),
            ("/up", link("../../etc/./motd")),
            ("/loop", link("/loop")),
            ("/gone", link("nowhere")),
        ] {
            fs.make(path.as_bytes(), body, (0o755, 1)).expect(path);
        }
        fs
    }

    fn text(fs: &Fs, path: &str) -> Result<Vec<u8>, Errno> {
        let id = fs.find(path.as_bytes(), Last::Followed)?;
        Ok(fs.read(id, 0, 1000)?.to_vec())
    }

    #[test]
    fn paths_lead_where_linux_would_lead_them() {
        let fs = disk();
        for path in [
            "/etc/motd",
            "//etc//motd",
            "/e/motd",
            "/e/../e/./motd",
            "/up",
            "/../etc/motd",
            "/etc/empty/../motd",
        ] {
            assert_eq!(text(&fs, path), Ok(b"hello".to_vec()), "{path}");
        }
        let deep = "a/".repeat(3000);
        for (path, error) in [
            ("/etc/none", Errno::NotFound),
            ("/etc/motd/x", Errno::NotDir),
            ("/etc/motd/", Errno::NotDir),
            ("/loop", Errno::Loop),
            ("/gone", Errno::NotFound),
            (&deep, Errno::TooLong),
            (&"x".repeat(256), Errno::TooLong),
        ] {
            assert_eq!(fs.find(path.as_bytes(), Last::Followed), Err(error), "{path}");
        }
        let link = fs.find(b"/e", Last::Itself).expect("a link");
        assert_eq!((fs.stat(link).kind, fs.stat(link).size), (Kind::Link, 3));
        assert_eq!(fs.path(fs.find(b"/e/motd", Last::Itself).expect("a file")), b"/etc/motd");
    }

    #[test]
    fn a_rename_takes_the_place_of_a_file_and_readers_keep_the_old_one() {
        let mut fs = disk();
        let reader = fs.open(b"/etc/motd", Opening::default(), 2).expect("a file");
        fs.make(b"/etc/.new", file("new text"), (0o600, 2)).expect("a file");
        let (from, to) = (&b"/etc/.new"[..], &b"/etc/motd"[..]);
        assert_eq!(fs.rename((from, to), Over::Refused, 3), Err(Errno::Exists));
        fs.rename((from, to), Over::Replaced, 3).expect("a rename");
        assert_eq!(text(&fs, "/etc/motd"), Ok(b"new text".to_vec()));
        assert_eq!(fs.read(reader, 0, 10), Ok(Bytes::from_static(b"hello")));
        assert_eq!(fs.used, 13);
        fs.close(reader);
        assert_eq!(fs.used, 8, "the old one went with its last reader");
        for (from, to, error) in [
            ("/etc/motd", "/etc/empty", Errno::IsDir),
            ("/etc/empty", "/etc/motd", Errno::NotDir),
            ("/etc", "/etc/empty/in", Errno::Invalid),
            ("/etc/motd", "/none/motd", Errno::NotFound),
            ("/etc/motd", "/etc/..", Errno::Exists),
        ] {
            let renamed = fs.rename((from.as_bytes(), to.as_bytes()), Over::Replaced, 4);
            assert_eq!(renamed, Err(error), "{from} to {to}");
        }
    }

    #[test]
    fn the_history_of_a_path_is_what_a_reader_could_have_seen() {
        let state = |text: &'static str, mode| State::File {
            content: Content::whole(Bytes::from_static(text.as_bytes())),
            mode,
        };
        let mut fs = disk();
        // Whole or not at all: written elsewhere, then renamed.
        let temporary = fs.open(b"/etc/.tmp", NEW, 2).expect("a file");
        fs.write(temporary, 0, Bytes::from_static(b"ne"), 2).expect("room");
        fs.write(temporary, 2, Bytes::from_static(b"w"), 2).expect("room");
        fs.set_mode(temporary, 0o600).expect("a mode");
        fs.close(temporary);
        fs.rename((b"/etc/.tmp", b"/etc/motd"), Over::Replaced, 3).expect("a rename");
        assert_eq!(fs.states(b"/etc/motd"), [state("hello", 0o755), state("new", 0o600)]);
        let expected = [state("", 0o644), State::Changing, state("new", 0o600), State::Absent];
        assert_eq!(fs.states(b"/etc/.tmp"), expected);
        // In place: it shows.
        let open = fs.open(b"/etc/motd", NEW, 4).expect("a file");
        fs.write(open, 0, Bytes::from_static(b"torn"), 4).expect("room");
        fs.close(open);
        let states = fs.states(b"/etc/motd");
        assert_eq!(states[2..], [state("", 0o600), State::Changing, state("torn", 0o600)]);
        fs.remove(b"/etc/motd", 5).expect("a file");
        assert_eq!(fs.states(b"/etc/motd").last(), Some(&State::Absent));
    }

    #[test]
    fn who_may_write_and_how_much_is_a_property_of_the_disk() {
        let mut fs = disk();
        fs.bound(4);
        let open = fs.open(b"/tmp", NEW, 2).expect("an empty file needs no room");
        assert_eq!(fs.write(open, 0, Bytes::from_static(b"12345"), 2), Err(Errno::NoSpace));
        fs.write(open, 0, Bytes::from_static(b"1234"), 2).expect("room for just so much");
        fs.write(open, 0, Bytes::from_static(b"4321"), 2).expect("no more of it");
        assert_eq!(fs.room().1, 0);
        fs.close(open);
        fs.remove(b"/tmp", 3).expect("a file");
        assert_eq!(fs.room().1, 4);
        for (rights, error) in [(Rights::ReadOnly, Errno::ReadOnly), (Rights::Others, Errno::Denied)] {
            fs.allow(rights);
            assert_eq!(fs.open(b"/new", NEW, 4), Err(error));
            assert_eq!(fs.open(b"/etc/motd", Opening { write: true, ..Opening::default() }, 4), Err(error));
            assert_eq!(fs.remove(b"/etc/motd", 4), Err(error));
            assert_eq!(fs.remove_dir(b"/etc/empty", 4), Err(error));
            assert_eq!(fs.rename((b"/etc/motd", b"/motd"), Over::Replaced, 4), Err(error));
            assert_eq!(text(&fs, "/etc/motd"), Ok(b"hello".to_vec()));
        }
    }

    #[test]
    fn folders_go_only_when_they_are_empty() {
        let mut fs = disk();
        assert_eq!(fs.remove_dir(b"/etc", 2), Err(Errno::NotEmpty));
        assert_eq!(fs.remove_dir(b"/etc/motd", 2), Err(Errno::NotDir));
        assert_eq!(fs.remove(b"/etc/empty", 2), Err(Errno::IsDir));
        assert_eq!(fs.remove_dir(b"/", 2), Err(Errno::Invalid));
        fs.remove_dir(b"/etc/empty/", 2).expect("an empty folder");
        fs.remove(b"/e", 2).expect("a link, not what it leads to");
        let left: Vec<Vec<u8>> = fs.walk().into_iter().map(|(path, _)| path).collect();
        assert_eq!(left, [&b"/etc"[..], b"/etc/motd", b"/gone", b"/loop", b"/up"]);
    }
}
