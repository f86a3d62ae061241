//! A client that speaks the codec's other half, against sessions on a disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::content::{Pool, sha256};
use super::disk::Disk;
use super::fs::History;
use super::hostile::HOSTILE_NAMES;
use super::image::{Drift, fill};
use super::session::{Event, Session};
use super::{Kind, State};
use crate::demo::scenario::FilesFault;
use crate::ssh::sftp::{
    Asked, Attrs, FileType, Frames, OpenFlags, Reply, Request, StatVfs, Status, Told, VERSION,
};

/// The time at which all is done, in seconds since 1970.
const NOW: i64 = 2_000_000_000;

/// A session and the disk it works on.
struct Scene {
    disk: Arc<Disk>,
    session: Session,
    frames: Frames,
    next: u32,
}

impl Scene {
    fn new(fault: Option<FilesFault>) -> Scene {
        let disk = Arc::new(Disk::new(History::Kept, &Arc::new(Pool::default())));
        fill(&disk, "demo01", Drift::None);
        if let Some(fault) = fault {
            disk.suffer(fault);
        }
        Scene { session: Session::new(disk.clone(), "demo", fault), disk, frames: Frames::default(), next: 7 }
    }

    /// What the server does now, until it waits.
    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.take(NOW)).take(1000).collect()
    }

    /// Sends a request; gives its number and what the server does.
    fn send(&mut self, request: Request) -> (u32, Vec<Event>) {
        self.next += 1;
        self.session.input(&Asked::Request(self.next, request).encode());
        (self.next, self.events())
    }

    /// A request and its answer.
    fn ask(&mut self, request: Request) -> Reply {
        let (id, events) = self.send(request);
        let [Event::Out(packet)] = &events[..] else { panic!("one answer, not {events:?}") };
        self.frames.push(packet);
        let packet = self.frames.take().expect("a packet").expect("a whole one");
        match Told::decode(packet) {
            Ok(Told::Reply(of, reply)) if of == id => reply,
            other => panic!("an answer to {id}, not {other:?}"),
        }
    }

    fn status(&mut self, request: Request) -> Status {
        match self.ask(request) {
            Reply::Status(status, _) => status,
            other => panic!("a status, not {other:?}"),
        }
    }

    fn open(&mut self, path: &str, flags: OpenFlags) -> Bytes {
        match self.ask(Request::Open { path: bytes(path), flags, attrs: Attrs::default() }) {
            Reply::Handle(handle) => handle,
            other => panic!("a handle for {path}, not {other:?}"),
        }
    }

    fn attrs(&mut self, path: &str) -> Attrs {
        match self.ask(Request::Lstat { path: bytes(path) }) {
            Reply::Attrs(attrs) => attrs,
            other => panic!("attributes of {path}, not {other:?}"),
        }
    }

    /// The names in a folder, of `pages` pages at most.
    fn list(&mut self, path: &str, pages: usize) -> Vec<Vec<u8>> {
        let Reply::Handle(handle) = self.ask(Request::Opendir { path: bytes(path) }) else {
            panic!("no folder")
        };
        let mut listed = Vec::new();
        for _ in 0..pages {
            match self.ask(Request::Readdir { handle: handle.clone() }) {
                Reply::Names(names) => listed.extend(names.into_iter().map(|name| name.name.to_vec())),
                Reply::Status(Status::Eof, _) => break,
                other => panic!("names, not {other:?}"),
            }
        }
        listed
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

const NEW: OpenFlags = OpenFlags(2 | 8 | 32);

#[test]
fn the_version_and_the_extensions_come_first() {
    let mut scene = Scene::new(None);
    scene.session.input(&Asked::Init(3).encode());
    let [Event::Out(packet)] = &scene.events()[..] else { panic!("one answer") };
    let Ok(Told::Version(VERSION, extensions)) = Told::decode(packet.slice(4..)) else { panic!("a version") };
    assert!(extensions.iter().any(|(name, of)| name == "posix-rename@openssh.com" && of == "1"));
    assert!(extensions.iter().any(|(name, of)| name == "statvfs@openssh.com" && of == "2"));
    scene.session.end_of_input();
    assert_eq!(scene.events()[0], Event::End(0));
}

#[test]
fn a_file_is_put_beside_its_place_and_renamed_over_it() {
    let mut scene = Scene::new(None);
    scene.disk.put("/etc/site.conf", "old", (0o640, 5));
    let handle = scene.open("/etc/.site.conf.part", NEW);
    for (at, data) in [(3, "text"), (0, "new")] {
        let write = Request::Write { handle: handle.clone(), at, data: bytes(data) };
        assert_eq!(scene.status(write), Status::Ok);
    }
    let attrs = Attrs { times: Some((1, u32::MAX)), ..Attrs::with_mode(0o4600) };
    assert_eq!(scene.status(Request::Fsetstat { handle: handle.clone(), attrs }), Status::Ok);
    assert_eq!(scene.status(Request::Fsync { handle: handle.clone() }), Status::Ok);
    assert_eq!(scene.status(Request::Close { handle: handle.clone() }), Status::Ok);
    assert_eq!(scene.status(Request::Close { handle }), Status::NoSuchFile);
    let (from, to) = (bytes("/etc/.site.conf.part"), bytes("/etc/site.conf"));
    assert_eq!(scene.status(Request::Rename { from: from.clone(), to: to.clone() }), Status::Failure);
    assert_eq!(scene.status(Request::PosixRename { from, to }), Status::Ok);
    let said = scene.attrs("/etc/site.conf");
    assert_eq!(
        (said.size, said.permissions(), said.times),
        (Some(7), Some(0o4600), Some((u32::MAX, u32::MAX)))
    );
    assert_eq!(scene.disk.sha256("/etc/site.conf"), Some(sha256(b"newtext")));
    let states = scene.disk.states("/etc/site.conf");
    let [State::File { content: old, mode: 0o640 }, State::File { content: new, mode: 0o4600 }] = &states[..]
    else {
        panic!("old, then new: {states:?}")
    };
    assert_eq!((old.bytes(), new.bytes()), (b"old".to_vec(), b"newtext".to_vec()));
    assert_eq!(scene.disk.asked("/etc/.site.conf.part").writes, 2);
}

#[test]
fn what_is_open_and_removed_is_read_to_its_end() {
    let mut scene = Scene::new(None);
    scene.disk.put("/f", vec![9; 300_000], (0o644, 1));
    let handle = scene.open("/f", OpenFlags::READ);
    assert_eq!(scene.status(Request::Remove { path: bytes("/f") }), Status::Ok);
    let mut read = 0;
    while let Reply::Data(data) = scene.ask(Request::Read { handle: handle.clone(), at: read, len: u32::MAX })
    {
        read += data.len() as u64;
    }
    assert_eq!(read, 300_000);
    let room = scene.disk.room();
    drop(scene.session);
    assert_eq!(scene.disk.room(), room + 300_000, "it went with the session that had it open");
}

#[test]
fn a_second_name_keeps_what_the_first_one_had() {
    let mut scene = Scene::new(None);
    scene.disk.put("/f", "old", (0o640, 5));
    let string =
        |text: &str| [&u32::try_from(text.len()).expect("short").to_be_bytes()[..], text.as_bytes()].concat();
    let link = |scene: &mut Scene, from: &str, to: &str| {
        let data = Bytes::from([string(from), string(to)].concat());
        scene.status(Request::Extended { name: bytes("hardlink@openssh.com"), data })
    };
    assert_eq!(link(&mut scene, "/f", "/f.old"), Status::Ok);
    assert_eq!(link(&mut scene, "/f", "/f.old"), Status::Failure);
    assert_eq!(link(&mut scene, "/etc", "/etc2"), Status::PermissionDenied);
    scene.disk.put("/f", "new", (0o640, 6));
    assert_eq!(scene.disk.content("/f.old").map(|content| content.bytes()), Some(b"old".to_vec()));
    let stat = scene.disk.stat("/f.old").expect("it is there");
    assert_eq!((stat.mode, stat.mtime), (0o640, 5));
}

#[test]
fn errors_are_told_in_the_few_words_of_openssh() {
    let mut scene = Scene::new(None);
    scene.disk.put_fifo("/fifo");
    let open = |path: &str, flags| Request::Open { path: bytes(path), flags, attrs: Attrs::default() };
    let made = |path: &str| Request::Mkdir { path: bytes(path), attrs: Attrs::default() };
    for (request, expected) in [
        (open("/none", OpenFlags::READ), Status::NoSuchFile),
        (open("/etc/motd/x", OpenFlags::READ), Status::NoSuchFile),
        (open("/etc", OpenFlags::READ), Status::Failure),
        (open("/etc/motd", NEW), Status::Failure),
        (open("/fifo", OpenFlags::READ), Status::BadMessage),
        (open("/a\0b", NEW), Status::BadMessage),
        (open("", OpenFlags::READ), Status::NoSuchFile),
        (made("/etc"), Status::Failure),
        (made(&format!("/{}", "x".repeat(256))), Status::BadMessage),
        (Request::Rmdir { path: bytes("/etc") }, Status::Failure),
        (Request::Remove { path: bytes("/etc") }, Status::Failure),
        (Request::Readlink { path: bytes("/etc/motd") }, Status::BadMessage),
        (Request::Read { handle: bytes("nine"), at: 0, len: 1 }, Status::NoSuchFile),
        (Request::Extended { name: bytes("x@y"), data: Bytes::new() }, Status::Unsupported),
        (Request::Unknown { kind: 99 }, Status::Unsupported),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(scene.status(request), expected, "{asked}");
    }
    assert_eq!(scene.disk.asked("/fifo").opens, 1);
    scene.session.input(b"\0\0\0\x05\x03\0\0\0\x01");
    assert_eq!(scene.events()[0], Event::End(255), "a packet without its fields");
}

#[test]
fn paths_begin_at_home_and_names_are_bytes() {
    let mut scene = Scene::new(None);
    let real = |scene: &mut Scene, request| match scene.ask(request) {
        Reply::Names(names) => String::from_utf8_lossy(&names[0].name).into_owned(),
        other => panic!("a name, not {other:?}"),
    };
    for (path, expected) in
        [(".", "/home/demo"), ("..", "/home"), ("new", "/home/demo/new"), ("/x/../etc", "")]
    {
        let request = Request::Realpath { path: bytes(path) };
        match expected {
            "" => assert_eq!(scene.status(request), Status::NoSuchFile),
            _ => assert_eq!(real(&mut scene, request), expected),
        }
    }
    for (path, expected) in
        [("~", "/home/demo"), ("~/a", "/home/demo/a"), ("~joe", "/home/joe"), ("/new", "/new")]
    {
        assert_eq!(real(&mut scene, Request::ExpandPath { path: bytes(path) }), expected);
    }
    let odd = Bytes::from_static(b"\xff\n\xfe");
    assert_eq!(
        scene.status(Request::Mkdir { path: odd.clone(), attrs: Attrs::with_mode(0o777) }),
        Status::Ok
    );
    assert_eq!(scene.status(Request::Symlink { to: odd.clone(), path: bytes("link") }), Status::Ok);
    let Reply::Names(names) = scene.ask(Request::Readlink { path: bytes("link") }) else { panic!("a link") };
    assert_eq!(names[0].name, odd);
    assert_eq!(scene.attrs("link").file_type(), Some(FileType::Link));
    assert_eq!(
        scene.disk.stat(b"/home/demo/\xff\n\xfe").map(|stat| (stat.kind, stat.mode)),
        Some((Kind::Dir, 0o755))
    );
    assert_eq!(scene.list(".", 9), [&b"."[..], b"..", b"link", b"\xff\n\xfe"]);
}

#[test]
fn a_disk_that_is_full_or_not_ours_says_no_and_keeps_what_it_has() {
    for (fault, expected) in [
        (FilesFault::NoSpaceAfter(3), Status::Failure),
        (FilesFault::ReadOnly, Status::Failure),
        (FilesFault::NoRight, Status::PermissionDenied),
    ] {
        let mut scene = Scene::new(Some(fault));
        let opened = scene.ask(Request::Open { path: bytes("/new"), flags: NEW, attrs: Attrs::default() });
        let refused = match opened {
            Reply::Handle(handle) => scene.status(Request::Write { handle, at: 0, data: bytes("four") }),
            Reply::Status(status, _) => status,
            other => panic!("a handle or a status, not {other:?}"),
        };
        assert_eq!(refused, expected, "{fault:?}");
        let Reply::Extended(body) = scene.ask(Request::Statvfs { path: bytes("/") }) else {
            panic!("numbers")
        };
        let told = StatVfs::decode(body).expect("numbers");
        assert_eq!(told.available == 0, fault == FilesFault::NoSpaceAfter(3));
        assert_eq!(told.is_read_only, fault == FilesFault::ReadOnly);
    }
}

#[test]
fn a_link_breaks_in_the_middle_of_a_write_and_of_a_read() {
    let mut scene = Scene::new(Some(FilesFault::DiesAfter(10)));
    let handle = scene.open("/new", NEW);
    let write = |at, data| Request::Write { handle: handle.clone(), at, data: bytes(data) };
    assert_eq!(scene.status(write(0, "123456")), Status::Ok);
    assert_eq!(scene.send(write(6, "789abc")).1, [Event::Break]);
    assert_eq!(scene.disk.content("/new").map(|content| content.bytes()), Some(b"123456789a".to_vec()));
    let mut scene = Scene::new(Some(FilesFault::DiesAfter(10)));
    let handle = scene.open("/etc/motd", OpenFlags::READ);
    let read = |len| Request::Read { handle: handle.clone(), at: 0, len };
    assert!(matches!(scene.ask(read(10)), Reply::Data(_)));
    assert_eq!(scene.send(read(1)).1, [Event::Break]);
}

#[test]
fn a_slow_host_takes_its_time_for_each_byte_of_a_file() {
    let mut scene = Scene::new(Some(FilesFault::Slow(1000)));
    let handle = scene.open("/new", NEW);
    let data = Bytes::from(vec![0; 500]);
    let (_, events) = scene.send(Request::Write { handle, at: 0, data });
    assert_eq!(events[0], Event::Pause(Duration::from_millis(500)));
    assert!(matches!(events[1], Event::Out(_)));
}

#[test]
fn hosts_that_lie_do_so_as_they_are_told() {
    let mut scene = Scene::new(Some(FilesFault::HostileNames));
    assert_eq!(scene.list("/etc", 9), HOSTILE_NAMES);
    let handle = scene.open("/etc/../../x", OpenFlags::READ);
    assert!(matches!(scene.ask(Request::Read { handle, at: 0, len: 100 }), Reply::Data(_)));
    let mut scene = Scene::new(Some(FilesFault::EndlessListing));
    assert_eq!(scene.list("/etc", 50).len(), 5000);
    let mut scene = Scene::new(Some(FilesFault::EmptyPages));
    assert_eq!(scene.list("/etc", 50).len(), 0);
    let mut scene = Scene::new(Some(FilesFault::EndlessDepth));
    assert_eq!(scene.list(&format!("/etc{}", "/deep".repeat(500)), 9), [b"deep"]);
    let mut scene = Scene::new(Some(FilesFault::NamedTwice));
    assert_eq!(scene.list("/etc", 9), [b"both", b"both"]);
    assert_eq!(scene.list("/etc/both", 9), [b"inside"]);
    let mut scene = Scene::new(Some(FilesFault::UnknownIds));
    let (id, events) = scene.send(Request::Lstat { path: bytes("/") });
    let [Event::Out(packet)] = &events[..] else { panic!("one answer") };
    assert!(matches!(Told::decode(packet.slice(4..)), Ok(Told::Reply(of, _)) if of != id));
    let mut scene = Scene::new(Some(FilesFault::HugePacket));
    let (_, events) = scene.send(Request::Lstat { path: bytes("/") });
    assert!(matches!(&events[..], [Event::Out(packet)] if packet.starts_with(&[0xff; 4])));
    let mut scene = Scene::new(Some(FilesFault::Noise));
    assert!(matches!(&scene.events()[..], [Event::Out(noise)] if noise.ends_with(b"no mail.\n")));
}

#[test]
fn sizes_are_lied_about_both_ways() {
    let mut scene = Scene::new(Some(FilesFault::SaysLess));
    assert_eq!(scene.attrs("/etc/motd").size, Some(10));
    let handle = scene.open("/etc/motd", OpenFlags::READ);
    let far = Request::Read { handle, at: 1 << 40, len: 1000 };
    assert!(matches!(scene.ask(far), Reply::Data(data) if data.len() == 1000));
    let mut scene = Scene::new(Some(FilesFault::SaysMore));
    assert_eq!(scene.attrs("/etc/motd").size, Some(10_000_000_000));
    let handle = scene.open("/etc/motd", OpenFlags::READ);
    assert_eq!(scene.status(Request::Read { handle, at: 1000, len: 1000 }), Status::Eof);
}
