//! Reading ahead of whoever asks for a few bytes at a time.
//!
//! russh reads the length of each packet by itself, so a key's echo took three reads of the socket: one for the length, one
//! for the rest, and, since both were filled to the last byte, one more to find that nothing is left. A read that is given
//! more room than there are bytes does the work of all three.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::stream::Stream;

/// So much is read ahead; whoever asks for as much reads the socket itself. Every connection has this.
const AHEAD: usize = 256;

/// Bytes that were read from the socket and not yet taken.
#[derive(Debug)]
pub(super) struct Ahead {
    bytes: [u8; AHEAD],
    unread: Range<usize>,
}

impl Ahead {
    pub(super) fn new() -> Ahead {
        Ahead { bytes: [0; AHEAD], unread: 0..0 }
    }

    /// Reads from a stream by way of these bytes, so much at once as the socket has.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            if buf.remaining() >= AHEAD {
                return Pin::new(stream).poll_read(cx, buf);
            }
            let mut bytes = ReadBuf::new(&mut self.bytes);
            std::task::ready!(Pin::new(stream).poll_read(cx, &mut bytes))?;
            self.unread = 0..bytes.filled().len();
        }
        let taken = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.bytes[self.unread.start..][..taken]);
        self.unread.start += taken;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    struct Reader(Stream, Ahead);

    impl Reader {
        async fn read(&mut self, at_most: usize) -> Vec<u8> {
            let mut bytes = vec![0; at_most];
            let mut buf = ReadBuf::new(&mut bytes);
            poll_fn(|cx| self.1.poll_read(&mut self.0, cx, &mut buf)).await.expect("the stream stands");
            buf.filled().to_vec()
        }
    }

    #[tokio::test]
    async fn every_byte_comes_once_and_in_its_order_however_it_is_asked_for() {
        let all: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let (mut near, far) = duplex(700);
        let sent = all.clone();
        let writes = tokio::spawn(async move {
            for piece in sent.chunks(333) {
                near.write_all(piece).await.expect("somebody reads");
            }
        });
        let (mut reader, mut came) = (Reader(Box::new(far), Ahead::new()), Vec::new());
        for at_most in [4, 40, 1, 256, 255, 4, 1000, 3].into_iter().cycle() {
            let read = reader.read(at_most).await;
            assert!(read.len() <= at_most);
            if read.is_empty() {
                break;
            }
            came.extend(read);
        }
        writes.await.expect("it does not panic");
        assert!(came == all, "{} of {}", came.len(), all.len());
    }

    #[tokio::test]
    async fn a_small_packet_takes_one_read() {
        struct Counted(DuplexStream, Arc<AtomicUsize>);
        impl AsyncRead for Counted {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let me = self.get_mut();
                me.1.fetch_add(1, Relaxed);
                Pin::new(&mut me.0).poll_read(cx, buf)
            }
        }
        impl AsyncWrite for Counted {
            fn poll_write(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(Ok(bytes.len()))
            }
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
        let (mut near, far) = duplex(1024);
        near.write_all(&[7; 52]).await.expect("there is room");
        let reads = Arc::default();
        let mut reader = Reader(Box::new(Counted(far, Arc::clone(&reads))), Ahead::new());
        assert_eq!((reader.read(4).await.len(), reader.read(48).await.len()), (4, 48));
        assert_eq!(reads.load(Relaxed), 1);
        drop(near);
        assert_eq!(reader.read(4).await.len(), 0, "the end is the end");
    }
}
