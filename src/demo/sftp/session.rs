//! One client's SFTP: packets in, packets out, and what is wrong with the host in between. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::answer::Answerer;
use super::disk::Disk;
use crate::demo::scenario::FilesFault;
use crate::ssh::sftp::{Asked, Frames, Reply, Request, Told, VERSION, names};

/// What a host with [`FilesFault::Noise`] prints first.
const NOISE: &[u8] = b"Welcome to this demo!\nYou have no mail.\n";
/// What follows a length of 4 GiB before the host falls silent, in bytes.
const AFTER_HUGE: usize = 64 * 1024;
/// The status of a server that was sent what is no packet.
const NONSENSE: u32 = 255;

/// The extensions, with their versions.
const EXTENSIONS: [(&[u8], &[u8]); 7] = [
    (names::POSIX_RENAME, b"1"),
    (names::STATVFS, b"2"),
    (names::FSYNC, b"1"),
    (names::LSETSTAT, b"1"),
    (names::LIMITS, b"1"),
    (names::EXPAND_PATH, b"1"),
    (names::HARDLINK, b"1"),
];

/// What the server wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Send this.
    Out(Bytes),
    /// Wait so long.
    Pause(Duration),
    /// Break the link.
    Break,
    /// It is over, with this status. Nothing follows.
    End(u32),
}

/// The server of one channel. It holds one packet and its answer at most, beside what the client sent since.
#[derive(Debug)]
pub(super) struct Session {
    answerer: Answerer,
    fault: Option<FilesFault>,
    frames: Frames,
    events: VecDeque<Event>,
    /// Bytes of files that went either way.
    moved: u64,
    is_ended: bool,
}

impl Session {
    pub(super) fn new(disk: Arc<Disk>, user: &str, fault: Option<FilesFault>) -> Session {
        let noise = (fault == Some(FilesFault::Noise)).then(|| Event::Out(Bytes::from_static(NOISE)));
        Session {
            answerer: Answerer::new(disk, user, fault),
            fault,
            frames: Frames::default(),
            events: noise.into_iter().collect(),
            moved: 0,
            is_ended: false,
        }
    }

    /// Input came.
    pub(super) fn input(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// No more input will come.
    pub(super) fn end_of_input(&mut self) {
        self.is_ended = true;
    }

    /// What follows now; `None` until there is more input. `now` is in seconds since 1970.
    pub(super) fn take(&mut self, now: i64) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.frames.take() {
                Ok(Some(packet)) => self.packet(packet, now),
                Ok(None) => return self.is_ended.then_some(Event::End(0)),
                Err(_) => return Some(Event::End(NONSENSE)),
            }
        }
    }

    fn packet(&mut self, packet: Bytes, now: i64) {
        match Asked::decode(packet) {
            Ok(Asked::Init(_)) => {
                let known = EXTENSIONS.map(|(name, of)| (Bytes::from_static(name), Bytes::from_static(of)));
                self.say(Told::Version(VERSION, known.to_vec()).encode());
            }
            Ok(Asked::Request(..)) if self.fault == Some(FilesFault::HugePacket) => {
                let mut huge = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
                huge.resize(4 + AFTER_HUGE, b'#');
                self.say(huge.freeze());
            }
            Ok(Asked::Request(id, request)) => self.request(id, request, now),
            Err(_) => self.events.push_back(Event::End(NONSENSE)),
        }
    }

    fn request(&mut self, id: u32, mut request: Request, now: i64) {
        let before = self.moved;
        if let Request::Write { data, .. } = &mut request {
            self.moved += data.len() as u64;
            // Of what the link breaks in, a part has arrived.
            data.truncate(usize::try_from(self.left(before)).unwrap_or(usize::MAX));
        }
        let reply = self.answerer.answer(request, now);
        if let Reply::Data(data) = &reply {
            self.moved += data.len() as u64;
        }
        if self.moved > before && self.left(before) < self.moved - before {
            return self.events.push_back(Event::Break);
        }
        if let Some(FilesFault::Slow(rate)) = self.fault
            && self.moved > before
        {
            let pause = (self.moved - before) as f64 / f64::from(rate.max(1));
            self.events.push_back(Event::Pause(Duration::from_secs_f64(pause)));
        }
        let id = if self.fault == Some(FilesFault::UnknownIds) { id ^ (1 << 30) } else { id };
        self.say(Told::Reply(id, reply).encode());
    }

    /// Bytes of files that go over the link after so many.
    fn left(&self, moved: u64) -> u64 {
        match self.fault {
            Some(FilesFault::DiesAfter(limit)) => limit.saturating_sub(moved),
            _ => u64::MAX,
        }
    }

    fn say(&mut self, packet: Bytes) {
        self.events.push_back(Event::Out(packet));
    }
}
