//! Packets in a stream of bytes: a length, then as many bytes (draft section 3). Pure.

use bytes::{Buf, Bytes, BytesMut};

use super::cursor::Malformed;

/// The longest packet without its length: 256 KiB of data, as OpenSSH takes it, and room for what stands before them.
pub const MAX_PACKET: usize = 256 * 1024 + 1024;

/// Bytes of the length.
const LENGTH: usize = 4;

/// An emptied buffer larger than this is given back.
const SPARE: usize = 64 * 1024;

/// Bytes that came and are not yet whole packets: never more than one packet and what came with its end.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: BytesMut,
}

impl Frames {
    /// More bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.bytes.is_empty() && self.bytes.capacity() > SPARE {
            self.bytes = BytesMut::new();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole packet, without its length. After an error the stream cannot be read on.
    pub fn take(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(length) = self.bytes.first_chunk::<LENGTH>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        match length {
            0 => return Err(Malformed::Short),
            1..=MAX_PACKET => {}
            _ => return Err(Malformed::Huge(length)),
        }
        if self.bytes.len() < LENGTH + length {
            return Ok(None);
        }
        self.bytes.advance(LENGTH);
        Ok(Some(self.bytes.split_to(length).freeze()))
    }

    /// What has come and was not taken.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_whole_however_they_are_cut() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d";
        for cut in 0..stream.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                frames.push(piece);
                while let Some(packet) = frames.take().unwrap() {
                    seen.push(packet);
                }
            }
            assert_eq!(seen, [&b"abc"[..], b"d"], "cut at {cut}");
            assert!(frames.waiting().is_empty());
        }
    }

    #[test]
    fn a_length_that_no_packet_has_is_an_error_before_its_bytes_come() {
        for (length, expected) in [
            (0, Err(Malformed::Short)),
            (1, Ok(None)),
            (MAX_PACKET, Ok(None)),
            (MAX_PACKET + 1, Err(Malformed::Huge(MAX_PACKET + 1))),
            (u32::MAX as usize, Err(Malformed::Huge(u32::MAX as usize))),
        ] {
            let mut frames = Frames::default();
            frames.push(&u32::try_from(length).unwrap().to_be_bytes());
            assert_eq!(frames.take(), expected, "{length}");
        }
    }
}
