//! The floors of files: bare russh clients that write them and do nothing else. One is what anybody would write first, russh with
//! the crate russh-sftp as it comes; the other speaks SFTP itself and gets by with the fewest packets, 32 files side by side.
//!
//! Both write in place, keep no time and no mode, and prove nothing. What `omnes push` costs beside them is what temporary names,
//! proofs and renames cost, and omnes itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use omnes::ssh::sftp::{Asked, Attrs, Frames, OpenFlags, Reply, Request, Status, Told, VERSION, write_head};
use russh::client::{self, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use russh_sftp::client::SftpSession;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bare::{self, Fleet};

/// Requests without an answer, in all.
const IN_FLIGHT: usize = 64;
/// Files that are opened together.
const TOGETHER: usize = 32;
/// What one write carries, so that it is one packet of SSH with what stands before it, in bytes.
const PIECE: usize = 32 * 1024 - 64;

type Files = Arc<[(Bytes, Bytes)]>;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// As the next, to the first host alone.
    One,
    /// The crate russh-sftp with its defaults, one file after the other.
    Crate,
    /// The fewest packets.
    Packets,
}

/// The role: every host gets the files of the folder `source` beside the list of hosts.
pub(crate) async fn run(fleet: Fleet, by: By) {
    let dir = std::env::var("OMNES_BENCH_DIR").expect("the directory of the fleet");
    let files = read(&Path::new(&dir).join("source"));
    let (config, turn) = (bare::config(fleet.kex), Arc::new(Semaphore::new(fleet.fan_out)));
    let mut tasks = JoinSet::new();
    let hosts = if by == By::One { 1 } else { fleet.addresses.len() };
    for address in fleet.addresses.iter().copied().take(hosts) {
        let (fleet, config, turn, files) = (fleet.clone(), config.clone(), turn.clone(), files.clone());
        tasks.spawn(async move {
            let _turn = turn.acquire_owned().await.expect("never closed");
            upload(&fleet, config, (address, &files), by).await.expect("an upload");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
}

/// Names and contents, once for all hosts.
fn read(source: &Path) -> Files {
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_str().expect("a name of ours").to_owned();
        (Bytes::from(name), Bytes::from(std::fs::read(entry.path()).expect("a file")))
    };
    std::fs::read_dir(source).expect("the source").map(|entry| file(entry.expect("an entry"))).collect()
}

async fn upload(
    fleet: &Fleet,
    config: Arc<client::Config>,
    (address, files): (SocketAddr, &Files),
    by: By,
) -> Result<(), russh::Error> {
    let handle = bare::login(fleet, config, address).await?;
    let channel = handle.channel_open_session().await?;
    channel.request_subsystem(true, "sftp").await?;
    match by {
        By::One | By::Crate => by_crate(channel, files).await,
        By::Packets => by_packets(channel, files).await?,
    }
    handle.disconnect(russh::Disconnect::ByApplication, "", "").await
}

async fn by_crate(channel: Channel<Msg>, files: &Files) {
    let sftp = SftpSession::new(channel.into_stream()).await.expect("a session");
    for (path, content) in files.iter() {
        let path = std::str::from_utf8(path).expect("a name of ours");
        let mut file = sftp.create(path).await.expect("a file");
        file.write_all(content).await.expect("its content");
        file.close().await.expect("its end");
    }
}

async fn by_packets(channel: Channel<Msg>, files: &Files) -> Result<(), russh::Error> {
    let (reader, writer) = channel.split();
    let mut wire = Wire { reader, writer, frames: Frames::default(), next: 0, waiting: 0 };
    wire.writer.data_bytes(Asked::Init(VERSION).encode()).await?;
    while !matches!(wire.told().await?, Told::Version(VERSION, _)) {}
    for some in files.chunks(TOGETHER) {
        let opened = wire.open(some).await?;
        for (handle, (_, content)) in opened.iter().zip(some) {
            wire.write(handle, content).await?;
        }
        wire.settle(0).await?;
    }
    Ok(())
}

/// One channel with SFTP on it.
struct Wire {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
    frames: Frames,
    next: u32,
    waiting: usize,
}

impl Wire {
    /// Opens files to be written; gives their handles in the same order.
    async fn open(&mut self, files: &[(Bytes, Bytes)]) -> Result<Vec<Bytes>, russh::Error> {
        let mut ids = Vec::new();
        for (path, _) in files {
            let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
            let open = Request::Open { path: path.clone(), flags, attrs: Attrs::default() };
            ids.push(self.ask(open).await?);
        }
        let mut handles = HashMap::new();
        while handles.len() < files.len() {
            match self.told().await? {
                Told::Reply(id, Reply::Handle(handle)) => handles.insert(id, handle),
                other => panic!("a handle, not {other:?}"),
            };
        }
        self.waiting = 0;
        Ok(ids.iter().map(|id| handles.remove(id).expect("one for each")).collect())
    }

    async fn write(&mut self, handle: &Bytes, content: &Bytes) -> Result<(), russh::Error> {
        for (n, piece) in content.chunks(PIECE).enumerate() {
            let head = write_head(self.id(), handle, ((n * PIECE) as u64, piece.len()));
            let mut packet = BytesMut::with_capacity(head.len() + piece.len());
            packet.extend_from_slice(&head);
            packet.extend_from_slice(piece);
            self.writer.data_bytes(packet.freeze()).await?;
            self.settle(IN_FLIGHT).await?;
        }
        self.ask(Request::Close { handle: handle.clone() }).await?;
        self.settle(IN_FLIGHT).await
    }

    fn id(&mut self) -> u32 {
        self.next += 1;
        self.waiting += 1;
        self.next
    }

    async fn ask(&mut self, request: Request) -> Result<u32, russh::Error> {
        let id = self.id();
        self.writer.data_bytes(Asked::Request(id, request).encode()).await?;
        Ok(id)
    }

    /// Takes answers until at most so many requests wait for theirs.
    async fn settle(&mut self, most: usize) -> Result<(), russh::Error> {
        while self.waiting > most {
            match self.told().await? {
                Told::Reply(_, Reply::Status(Status::Ok, _)) => self.waiting -= 1,
                other => panic!("well, not {other:?}"),
            }
        }
        Ok(())
    }

    async fn told(&mut self) -> Result<Told, russh::Error> {
        loop {
            if let Some(packet) = self.frames.take().expect("packets") {
                return Ok(Told::decode(packet).expect("an answer"));
            }
            match self.reader.wait().await {
                Some(ChannelMsg::Data { data }) => self.frames.push(&data),
                Some(_) => {}
                None => return Err(russh::Error::Disconnect),
            }
        }
    }
}
