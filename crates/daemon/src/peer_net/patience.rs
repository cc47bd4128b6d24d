//! A connection whose other end stops reading is closed: what it was to get is kept in memory. And one that
//! this side closes is read to its end, for a while: closing it with bytes unread would be a reset, which
//! takes away from the other end what was sent to it last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Longest wait for the other end to close too.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// What is read meanwhile, and dropped, at most.
const LINGER_BYTES_MAX: usize = 64 << 10;

/// A stream that gives up when nothing could be written for so long.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    longest: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    closing: Closing,
}

/// How far this side has closed the connection.
#[derive(Debug)]
enum Closing {
    No,
    /// Nothing is written any more; until then the other end may close it too.
    Lingers(Pin<Box<Sleep>>, usize),
    Over,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, longest: Duration) -> Self {
        Self { stream, longest, waiting: None, closing: Closing::No }
    }

    /// What a write came to; waiting too long is an error.
    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let longest = self.longest;
        let waiting = self.waiting.get_or_insert_with(|| {
            let mut timer = Box::pin(sleep(longest));
            timer.as_mut().reset(Instant::now() + longest);
            timer
        });
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + Unpin> Patient<S> {
    /// Waits until the other end closes the connection too.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Closing::Lingers(until, left) = &mut self.closing {
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            let over = match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) => {
                    let count = buffer.filled().len();
                    *left = left.saturating_sub(count);
                    count == 0 || *left == 0
                }
                Poll::Ready(Err(_)) => true,
                Poll::Pending => {
                    ready!(until.as_mut().poll(context));
                    true
                }
            };
            if over {
                self.closing = Closing::Over;
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.closing, Closing::No) {
            let shut = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.judge(context, shut))?;
            self.closing = Closing::Lingers(Box::pin(sleep(LINGER_MAX)), LINGER_BYTES_MAX);
        }
        self.poll_linger(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_never_reads_is_given_up_and_who_reads_slowly_is_not() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut near = Patient::new(near, Duration::from_millis(300));
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 512];
            for _ in 0..8 {
                sleep(Duration::from_millis(100)).await;
                far.read_exact(&mut bytes).await.unwrap();
            }
            far
        });
        near.write_all(&[7; 5000]).await.unwrap();
        let _kept = reader.await.unwrap();
        let error = near.write_all(&[7; 5000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_comes_while_it_is_closed_is_read_and_dropped() {
        let (near, mut far) = tokio::io::duplex(64);
        let closing = tokio::spawn(async move {
            let mut near = Patient::new(near, Duration::from_secs(5));
            near.write_all(b"bye").await.unwrap();
            near.shutdown().await.unwrap();
        });
        // More than fits in between: it would block if nobody read it.
        far.write_all(&[7; 1000]).await.unwrap();
        let mut said = Vec::new();
        far.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"bye");
        assert!(!closing.is_finished(), "it waits for this end");
        drop(far);
        closing.await.unwrap();
    }
}
