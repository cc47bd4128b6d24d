//! What a client sends: what is typed, and how large its terminal is. Each frame is a kind, a length of two
//! bytes, and so many bytes. What a terminal shows goes back as it is.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most bytes of one frame.
pub(super) const FRAME_BYTES_MAX: usize = 8192;
/// Columns and rows of a terminal, at most.
const SIDE_MAX: u16 = 1000;
const TYPED: u8 = 0;
const SIZE: u8 = 1;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Bytes for whoever reads the terminal.
    Typed(Vec<u8>),
    /// The terminal has this size now.
    Size {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
}

/// Reads frames. Nothing is lost when a read is given up.
#[derive(Debug, Default)]
pub struct Unframed {
    bytes: Vec<u8>,
}

impl Unframed {
    /// The next frame; `None`: the client has gone.
    ///
    /// # Errors
    /// The stream breaks, or holds something else.
    pub async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if from.read_buf(&mut self.bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Frame>> {
        let [kind, high, low, rest @ ..] = self.bytes.as_slice() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > FRAME_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = match (*kind, body) {
            (TYPED, typed) => Frame::Typed(typed.to_vec()),
            (SIZE, [a, b, c, d]) => {
                let side =
                    |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]).clamp(1, SIDE_MAX);
                Frame::Size { columns: side(a, b), rows: side(c, d) }
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        self.bytes.drain(..3 + length);
        Ok(Some(frame))
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct Writer;

impl Writer {
    /// Writes what was typed, in as many frames as it needs.
    ///
    /// # Errors
    /// The stream breaks.
    pub async fn typed(to: &mut (impl AsyncWrite + Unpin), typed: &[u8]) -> io::Result<()> {
        for part in typed.chunks(FRAME_BYTES_MAX) {
            write(to, TYPED, part).await?;
        }
        Ok(())
    }

    /// Says how large the terminal is.
    ///
    /// # Errors
    /// The stream breaks.
    pub async fn size(
        to: &mut (impl AsyncWrite + Unpin),
        columns: u16,
        rows: u16,
    ) -> io::Result<()> {
        let [a, b] = columns.to_be_bytes();
        let [c, d] = rows.to_be_bytes();
        write(to, SIZE, &[a, b, c, d]).await
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), kind: u8, body: &[u8]) -> io::Result<()> {
    let length = u16::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let [high, low] = length.to_be_bytes();
    to.write_all(&[&[kind, high, low], body].concat()).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_whole_however_they_are_cut() {
        let mut wire = Vec::new();
        Writer::typed(&mut wire, &vec![b'x'; FRAME_BYTES_MAX + 1]).await.unwrap();
        Writer::size(&mut wire, 132, 50).await.unwrap();
        let (mut near, mut far) = tokio::io::duplex(7);
        tokio::spawn(async move { near.write_all(&wire).await });
        let mut frames = Unframed::default();
        let first = frames.next(&mut far).await.unwrap().unwrap();
        assert_eq!(first, Frame::Typed(vec![b'x'; FRAME_BYTES_MAX]));
        assert_eq!(frames.next(&mut far).await.unwrap(), Some(Frame::Typed(b"x".to_vec())));
        let size = Frame::Size { columns: 132, rows: 50 };
        assert_eq!(frames.next(&mut far).await.unwrap(), Some(size));
        assert_eq!(frames.next(&mut far).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_frame_ends_the_stream() {
        for bytes in [&[TYPED, 0xff, 0xff, 1][..], &[9, 0, 0], &[SIZE, 0, 1, 1]] {
            assert!(Unframed::default().next(&mut &*bytes).await.is_err(), "{bytes:?}");
        }
        let huge = &[SIZE, 0, 4, 0xff, 0xff, 0, 0][..];
        let clamped = Frame::Size { columns: SIDE_MAX, rows: 1 };
        assert_eq!(Unframed::default().next(&mut &*huge).await.unwrap(), Some(clamped));
    }
}
