//! What hosts wrote, as frames of one file: nine bytes of header, then the bytes as they came. Pure.
//!
//! A frame that was cut off by a sudden end is the last of its file; whoever reads passes it over, and whoever goes on in
//! the file cuts it away first ([`whole`]).

use super::super::Stream;

/// The bytes before the content: host (4, little-endian), kind (1), length of the content (4, little-endian).
pub const HEADER: usize = 9;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a host wrote to this stream.
    Said(Stream),
    /// The host's turn begins anew, in a run that goes on: what it wrote before belongs to an earlier turn. No content.
    Anew,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The host's number in the run.
    pub host: u32,
    /// What the frame holds.
    pub kind: Kind,
    /// The length of its content, in bytes.
    pub length: u32,
}

impl Header {
    /// The bytes of a header.
    pub fn bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.host.to_le_bytes());
        bytes[4] = match self.kind {
            Kind::Said(Stream::Out) => 1,
            Kind::Said(Stream::Err) => 2,
            Kind::Anew => 3,
        };
        bytes[5..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// A header read back; `None` where these bytes are none.
    pub fn read(bytes: [u8; HEADER]) -> Option<Header> {
        let [a, b, c, d, kind, e, f, g, h] = bytes;
        let kind = match kind {
            1 => Kind::Said(Stream::Out),
            2 => Kind::Said(Stream::Err),
            3 => Kind::Anew,
            _ => return None,
        };
        Some(Header {
            host: u32::from_le_bytes([a, b, c, d]),
            kind,
            length: u32::from_le_bytes([e, f, g, h]),
        })
    }
}

/// Appends a frame; content of more than 4 GB comes in several.
pub fn push(text: &mut Vec<u8>, host: u32, kind: Kind, content: &[u8]) {
    let mut rest = content;
    loop {
        let (piece, more) = rest.split_at(rest.len().min(u32::MAX as usize));
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        text.extend_from_slice(&Header { host, kind, length }.bytes());
        text.extend_from_slice(piece);
        if more.is_empty() {
            return;
        }
        rest = more;
    }
}

/// Walks over the frames of a file of this size: `read` gives the header at an offset. Calls `each` with a header and the
/// offset of its content, and returns where the last whole frame ends.
pub fn whole<E>(
    size: u64,
    mut read: impl FnMut(u64) -> Result<[u8; HEADER], E>,
    mut each: impl FnMut(Header, u64) -> Result<(), E>,
) -> Result<u64, E> {
    let mut at = 0;
    while at + HEADER as u64 <= size {
        let Some(header) = Header::read(read(at)?) else { break };
        let content = at + HEADER as u64;
        let end = content + u64::from(header.length);
        if end > size {
            break;
        }
        each(header, content)?;
        at = end;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn walk(file: &[u8]) -> (u64, Vec<(u32, Kind, Vec<u8>)>) {
        let mut seen = Vec::new();
        let read =
            |at: u64| Ok::<_, Infallible>(file[at as usize..][..HEADER].try_into().expect("nine bytes"));
        let end = whole(file.len() as u64, read, |header, at| {
            let content = file[at as usize..][..header.length as usize].to_vec();
            seen.push((header.host, header.kind, content));
            Ok(())
        });
        (end.unwrap_or_default(), seen)
    }

    #[test]
    fn every_cut_leaves_the_frames_before_it() {
        let mut file = Vec::new();
        let mut ends = vec![0];
        let frames = [
            (0, Kind::Said(Stream::Out), b"one\n".as_slice()),
            (70_000, Kind::Said(Stream::Err), b"\0\xff"),
            (0, Kind::Anew, b""),
            (3, Kind::Said(Stream::Out), b"x"),
        ];
        for (host, kind, content) in frames {
            push(&mut file, host, kind, content);
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            let count = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (end, seen) = walk(&file[..cut]);
            assert_eq!((end, seen.len()), (ends[count] as u64, count), "{cut}");
            for (seen, (host, kind, content)) in seen.into_iter().zip(frames) {
                assert_eq!(seen, (host, kind, content.to_vec()));
            }
        }
        // What is no frame ends the walk.
        let damaged = [&file[..ends[1]], &[0; 40]].concat();
        assert_eq!(walk(&damaged).0, ends[1] as u64);
    }
}
