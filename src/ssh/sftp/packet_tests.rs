use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ssh::sftp::{
    Asked, Attrs, Frames, Malformed, Name, OpenFlags, Reply, Request, StatVfs, Told, write_head,
};

/// What stands behind the length, which must be right.
fn body(packet: &Bytes) -> Bytes {
    let mut frames = Frames::default();
    frames.push(packet);
    let body = frames.take().expect("a packet").expect("a whole one");
    assert!(frames.waiting().is_empty(), "the length is that of the packet");
    body
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn attrs() -> impl Strategy<Value = Attrs> {
    let pair = || proptest::option::of(any::<(u32, u32)>());
    let (size, mode) = (proptest::option::of(any::<u64>()), proptest::option::of(any::<u32>()));
    (size, pair(), mode, pair()).prop_map(|(size, owner, mode, times)| Attrs { size, owner, mode, times })
}

fn request() -> impl Strategy<Value = Request> {
    let (s, t) = (some_bytes, some_bytes);
    prop_oneof![
        (s(), any::<u32>(), attrs()).prop_map(|(path, flags, attrs)| Request::Open {
            path,
            flags: OpenFlags(flags),
            attrs
        }),
        s().prop_map(|handle| Request::Close { handle }),
        (s(), any::<u64>(), any::<u32>()).prop_map(|(handle, at, len)| Request::Read { handle, at, len }),
        (s(), any::<u64>(), t()).prop_map(|(handle, at, data)| Request::Write { handle, at, data }),
        s().prop_map(|path| Request::Lstat { path }),
        s().prop_map(|handle| Request::Fstat { handle }),
        (s(), attrs()).prop_map(|(path, attrs)| Request::Setstat { path, attrs }),
        (s(), attrs()).prop_map(|(handle, attrs)| Request::Fsetstat { handle, attrs }),
        s().prop_map(|path| Request::Opendir { path }),
        s().prop_map(|handle| Request::Readdir { handle }),
        s().prop_map(|path| Request::Remove { path }),
        (s(), attrs()).prop_map(|(path, attrs)| Request::Mkdir { path, attrs }),
        s().prop_map(|path| Request::Rmdir { path }),
        s().prop_map(|path| Request::Realpath { path }),
        s().prop_map(|path| Request::Stat { path }),
        (s(), t()).prop_map(|(from, to)| Request::Rename { from, to }),
        s().prop_map(|path| Request::Readlink { path }),
        (s(), t()).prop_map(|(to, path)| Request::Symlink { to, path }),
        (s(), t()).prop_map(|(from, to)| Request::PosixRename { from, to }),
        s().prop_map(|handle| Request::Fsync { handle }),
        s().prop_map(|path| Request::Statvfs { path }),
        Just(Request::Limits),
        (s(), attrs()).prop_map(|(path, attrs)| Request::Lsetstat { path, attrs }),
        s().prop_map(|path| Request::ExpandPath { path }),
        (s(), t()).prop_map(|(name, data)| Request::Extended { name, data }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let name = (some_bytes(), attrs()).prop_map(|(name, attrs)| Name { name, attrs });
    prop_oneof![
        (any::<u32>(), some_bytes()).prop_map(|(code, words)| Reply::Status(Status::from_code(code), words)),
        some_bytes().prop_map(Reply::Handle),
        some_bytes().prop_map(Reply::Data),
        vec(name, 0..5).prop_map(Reply::Names),
        attrs().prop_map(Reply::Attrs),
        some_bytes().prop_map(Reply::Extended),
    ]
}

proptest! {
    #[test]
    fn a_request_comes_out_as_it_went_in(id: u32, request in request()) {
        let packet = request.encode(id);
        prop_assert_eq!(Asked::decode(body(&packet)), Ok(Asked::Request(id, request)));
    }

    #[test]
    fn a_reply_comes_out_as_it_went_in(id: u32, reply in reply()) {
        let packet = reply.encode(id);
        prop_assert_eq!(Told::decode(body(&packet)), Ok(Told::Reply(id, reply)));
    }

    #[test]
    fn the_first_packets_come_out_as_they_went_in(
        version: u32,
        extensions in vec((some_bytes(), some_bytes()), 0..4),
    ) {
        let told = Told::Version(version, extensions);
        prop_assert_eq!(Told::decode(body(&told.encode())), Ok(told));
        let asked = Asked::Init(version);
        prop_assert_eq!(Asked::decode(body(&asked.encode())), Ok(asked));
    }

    #[test]
    fn no_bytes_are_too_odd_to_be_read(kind in 0u8..=210, bytes in vec(any::<u8>(), 0..200)) {
        let packet: Bytes = [&[kind][..], &bytes].concat().into();
        let _ = Asked::decode(packet.clone());
        let _ = Told::decode(packet.clone());
        let _ = StatVfs::decode(packet);
    }

    #[test]
    fn a_packet_that_was_cut_is_an_error_or_another_packet(id: u32, request in request(), at in 0usize..100) {
        let whole = body(&request.encode(id));
        let cut = whole.slice(..at.min(whole.len().saturating_sub(1)));
        prop_assert_ne!(Asked::decode(cut), Ok(Asked::Request(id, request)));
    }
}

/// The bytes of one request and one reply, written down by hand from the draft.
#[test]
fn packets_are_those_of_the_draft() {
    let open = Request::Open {
        path: Bytes::from_static(b"/f"),
        flags: OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
        attrs: Attrs::with_mode(0o600),
    };
    assert_eq!(open.encode(7), &b"\0\0\0\x17\x03\0\0\0\x07\0\0\0\x02/f\0\0\0\x2a\0\0\0\x04\0\0\x01\x80"[..]);
    let rename = Request::PosixRename { from: Bytes::from_static(b"a"), to: Bytes::from_static(b"b") };
    let expected =
        [&b"\0\0\0\x2b\xc8\0\0\0\x01\0\0\0\x18"[..], names::POSIX_RENAME, b"\0\0\0\x01a\0\0\0\x01b"];
    assert_eq!(rename.encode(1), expected.concat());
    assert_eq!(
        Told::decode(Bytes::from_static(b"\x65\0\0\0\x09\0\0\0\x02\0\0\0\x04gone\0\0\0\x02en")),
        Ok(Told::Reply(9, Reply::status(Status::NoSuchFile, "gone")))
    );
    assert_eq!(
        Told::decode(Bytes::from_static(b"\x65\0\0\0\x09\0\0\0\x04")),
        Ok(Told::Reply(9, Reply::status(Status::Failure, ""))),
        "old servers say no words"
    );
}

#[test]
fn a_write_in_two_pieces_is_the_same_packet() {
    let (handle, data) = (Bytes::from_static(b"h1"), Bytes::from_static(b"content"));
    let whole = Request::Write { handle: handle.clone(), at: 1 << 40, data: data.clone() }.encode(5);
    assert_eq!([write_head(5, &handle, (1 << 40, data.len())), data].concat(), whole);
}

#[test]
fn what_announces_more_than_it_holds_allocates_nothing() {
    for packet in [
        // 4 billion names, a name of 4 billion bytes, 4 billion extended attributes.
        &b"\x68\0\0\0\x01\xff\xff\xff\xff"[..],
        b"\x68\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff",
        b"\x69\0\0\0\x01\x80\0\0\0\xff\xff\xff\xff",
        b"\x67\0\0\0\x01\xff\xff\xff\xff",
        b"\x66\0\0\0\x01",
        b"",
    ] {
        assert_eq!(Told::decode(Bytes::from_static(packet)), Err(Malformed::Short), "{packet:?}");
    }
    assert_eq!(Told::decode(Bytes::from_static(b"\x63\0\0\0\x01")), Err(Malformed::Unknown(0x63)));
    assert_eq!(Told::decode(Bytes::from_static(b"\x66\0\0\0\x01\0\0\0\0x")), Err(Malformed::Long(1)));
}

#[test]
fn about_a_file_system_comes_out_as_it_went_in() {
    let about =
        StatVfs { block: 4096, free: 10, available: 9, id: 3, is_read_only: true, ..StatVfs::default() };
    assert_eq!(StatVfs::decode(about.encode()), Ok(about));
    assert!(StatVfs::decode(Bytes::from_static(b"\0\0")).is_err());
}
