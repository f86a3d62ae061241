//! The beginning of a session: versions, or what else came in their place.
//!
//! Theory: hosts without SFTP, forced commands and start-up files that print all show here first, so whatever cannot be the
//! beginning of a packet ends it at once, and is shown.

use std::time::Duration;

use bytes::Bytes;

use super::error::SftpError;
use super::frame::Frames;
use super::packet::VERSION;
use super::reply::Told;
use super::request::Asked;
use crate::escape;
use crate::ssh::channel::{Channel, ChannelEvent};

/// Bytes of standard error that are kept for an explanation, and of noise that are shown.
const KEPT: usize = 256;

/// Says which version we speak and hears which the server does.
pub(super) async fn greet(
    channel: &mut Channel,
    frames: &mut Frames,
) -> Result<Vec<(Bytes, Bytes)>, SftpError> {
    // A channel that is closed already says why below.
    let _ = channel.input.write(Asked::Init(VERSION).encode()).await;
    let mut words = Vec::new();
    loop {
        if let Some(first) = first_packet(frames)? {
            let Told::Version(version, extensions) = Told::decode(first)? else {
                return Err(SftpError::odd("it began without its version"));
            };
            return match version {
                VERSION.. => Ok(extensions),
                old => Err(SftpError::odd(format!("it speaks version {old} of it, and 3 is needed"))),
            };
        }
        match channel.output.next().await {
            ChannelEvent::Data(bytes) => frames.push(&bytes),
            ChannelEvent::Stderr(bytes) => keep(&mut words, &bytes),
            ChannelEvent::Eof | ChannelEvent::Exit(_) | ChannelEvent::Signal(_) => {}
            ChannelEvent::Closed(Err(why)) => return Err(SftpError::Lost(why)),
            ChannelEvent::Closed(Ok(())) if frames.waiting().is_empty() => return Err(missing(&words)),
            ChannelEvent::Closed(Ok(())) => return Err(noise(frames.waiting())),
        }
    }
}

/// The first packet, if it is whole; an error as soon as what came cannot be the beginning of one.
fn first_packet(frames: &mut Frames) -> Result<Option<Bytes>, SftpError> {
    /// The kind of the first packet.
    const VERSION_KIND: u8 = 2;
    let waiting = frames.waiting();
    // No packet is so long that its length begins with anything but 0.
    let is_odd = waiting.first().is_some_and(|byte| *byte != 0)
        || waiting.get(4).is_some_and(|kind| *kind != VERSION_KIND);
    if is_odd {
        return Err(noise(waiting));
    }
    let shown = waiting[..waiting.len().min(KEPT)].to_vec();
    frames.take().map_err(|_| noise(&shown))
}

fn noise(bytes: &[u8]) -> SftpError {
    SftpError::Noise(escape::line(&bytes[..bytes.len().min(KEPT / 4)]))
}

fn missing(words: &[u8]) -> SftpError {
    SftpError::Missing(match spoken(words) {
        Some(words) => format!("what should serve it ended at once: {words}"),
        None => "what should serve it ended at once".to_owned(),
    })
}

/// Nothing, or no whole packet, came within the limit.
pub(super) fn silent_start(frames: &Frames, limit: Duration) -> SftpError {
    match frames.waiting() {
        [] => SftpError::Missing(format!("no answer in {} s", limit.as_secs_f64())),
        begun => noise(begun),
    }
}

/// Keeps what a server says on standard error, as far as there is room.
pub(super) fn keep(words: &mut Vec<u8>, more: &[u8]) {
    let room = KEPT.saturating_sub(words.len());
    words.extend_from_slice(&more[..more.len().min(room)]);
}

/// What was kept, as a sentence may show it.
pub(super) fn spoken(words: &[u8]) -> Option<String> {
    Some(escape::text(&String::from_utf8_lossy(words), KEPT)).filter(|words| !words.is_empty())
}
