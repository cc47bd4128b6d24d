//! The one request that is answered without HTTP: the thin client's `POST /cli`.
//!
//! Its client wants frames, and no status line before them. So such a request is found before
//! HTTP sees it, and handed to the router with the connection itself as an extension.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use haven_xe::args::BODY_BYTES_MAX;
use http::HeaderName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::forward::STRANGER;

/// How such requests begin, from clients and from members that forward them.
const STARTS: &[&[u8]] = &[b"POST /cli ", b"POST /proxy/cli "];
/// Largest head of such a request.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection in the extensions of a request; the first who takes it has it.
#[derive(Clone)]
pub struct RawStream(Arc<Mutex<Option<Box<dyn Duplex>>>>);

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").finish_non_exhaustive()
    }
}

impl RawStream {
    fn new(stream: Box<dyn Duplex>) -> Self {
        Self(Arc::new(Mutex::new(Some(stream))))
    }

    /// The connection, once.
    #[must_use]
    pub fn take(&self) -> Option<Box<dyn Duplex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection of which something was read already.
pub(super) struct Begun<S> {
    first: Vec<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> Begun<S> {
    /// Reads as much as is needed to know what a connection begins with.
    pub(super) async fn look(mut stream: S) -> io::Result<Self> {
        let mut first = Vec::new();
        let undecided = |first: &[u8]| {
            STARTS.iter().any(|start| start.len() > first.len() && start.starts_with(first))
        };
        while undecided(&first) && stream.read_buf(&mut first).await? > 0 {}
        Ok(Self { first, stream })
    }

    /// Whether it is the thin client.
    pub(super) fn is_thin(&self) -> bool {
        STARTS.iter().any(|start| self.first.starts_with(start))
    }

    /// Reads the request with its body; what follows is left.
    async fn request(mut self) -> io::Result<(Request, Self)> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let end = loop {
            if let Some(at) = self.first.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.first.len() > HEAD_BYTES_MAX
                || self.stream.read_buf(&mut self.first).await? == 0
            {
                return Err(bad("no head of a request"));
            }
        };
        let head = String::from_utf8_lossy(self.first.get(..end).unwrap_or_default()).into_owned();
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("/");
        let mut builder = Request::post(path);
        let mut length = 0_usize;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "content-length" {
                length = value.parse().map_err(|_| bad("no length"))?;
            }
            if let Ok(name) = name.parse::<HeaderName>() {
                builder = builder.header(name, value);
            }
        }
        if length > BODY_BYTES_MAX {
            return Err(bad("the command line is too long"));
        }
        while self.first.len() < end + length {
            if self.stream.read_buf(&mut self.first).await? == 0 {
                return Err(bad("the command line is cut short"));
            }
        }
        let body = self.first.get(end..end + length).unwrap_or_default().to_vec();
        self.first.drain(..end + length);
        let request = builder.body(Body::from(body)).map_err(|error| bad(&error.to_string()))?;
        Ok((request, self))
    }
}

/// Reads the request and has `answer` answer it on the connection itself.
pub(super) async fn serve_thin<S, F>(
    begun: Begun<S>,
    answer: impl FnOnce(Request) -> F,
) -> io::Result<()>
where
    S: Duplex + 'static,
    F: Future<Output = Response>,
{
    let (mut request, rest) = begun.request().await?;
    let raw = RawStream::new(Box::new(rest));
    request.extensions_mut().insert(raw.clone());
    let response = answer(request).await;
    // Nobody took it: the client understands HTTP at least as far as to say that it failed.
    if let Some(mut stream) = raw.take() {
        let mark = match response.headers().contains_key(STRANGER) {
            true => format!("{STRANGER}: 1\r\n"),
            false => String::new(),
        };
        let head = format!("HTTP/1.0 {}\r\n{mark}content-length: 0\r\n\r\n", response.status());
        stream.write_all(head.as_bytes()).await?;
        stream.shutdown().await?;
    }
    Ok(())
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.first.len().min(buffer.remaining());
        buffer.put_slice(self.first.get(..count).unwrap_or_default());
        self.first.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::Begun;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// Whether it is the thin client, and what is read of the connection after that.
    async fn looked(pieces: &[&[u8]]) -> (bool, Vec<u8>) {
        let (mut near, far) = duplex(64);
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let writes = tokio::spawn(async move {
            for piece in pieces {
                near.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut begun = Begun::look(far).await.unwrap();
        let thin = begun.is_thin();
        let mut rest = Vec::new();
        begun.read_to_end(&mut rest).await.unwrap();
        writes.await.unwrap();
        (thin, rest)
    }

    #[tokio::test]
    async fn only_the_thin_client_is_taken_for_it() {
        assert!(looked(&[b"POST /cli HTTP/1.0\r\n"]).await.0);
        assert!(looked(&[b"PO", b"ST /cl", b"i HTTP/1.0\r\n"]).await.0);
        assert!(looked(&[b"POST /proxy/cli HTTP/1.0\r\n"]).await.0);
        for other in [
            &[b"POST /client HTTP/1.1\r\n".as_slice()][..],
            &[b"POST / HTTP/1.1\r\n"],
            &[b"GET /cli HTTP/1.1\r\n"],
            &[b"PRI * HTTP/2.0\r\n"],
            &[b"POST /cl"],
            &[],
        ] {
            let (thin, rest) = looked(other).await;
            assert!(!thin, "{other:?}");
            assert_eq!(rest, other.concat(), "nothing may be lost");
        }
    }
}
