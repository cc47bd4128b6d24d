//! Sends a file to the pool.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tasks::Progress;
use super::transport::{Stream, Transport};
use crate::failure::{Failure, Outcome};

/// So much is sent at a time.
const BLOCK_BYTES: usize = 1 << 20;
/// Longest first line of an answer.
const LINE_BYTES_MAX: usize = 1024;

/// `PUT` of a file to a path with its query; `progress` hears what part is sent. What became of it
/// is the task's to tell that the query names.
pub(crate) async fn put(
    transport: &Transport,
    path: &str,
    file: &Path,
    progress: &mut dyn Progress,
) -> Outcome<()> {
    let local =
        |error: std::io::Error| Failure::local(&format!("reading {}", file.display()), error);
    let mut from = tokio::fs::File::open(file).await.map_err(local)?;
    let size = from.metadata().await.map_err(local)?.len();
    let mut to = transport.raw().await?;
    let broke = |error: std::io::Error| {
        transport.unreachable(&format!("the connection broke while the file was sent: {error}"))
    };
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n",
        transport.endpoint()
    );
    to.write_all(head.as_bytes()).await.map_err(broke)?;
    let (mut block, mut sent) = (vec![0_u8; BLOCK_BYTES], 0_u64);
    while sent < size {
        let count = from.read(&mut block).await.map_err(local)?;
        if count == 0 {
            let text = format!("{} became shorter while it was sent", file.display());
            return Err(Failure::Local(text));
        }
        to.write_all(block.get(..count).unwrap_or_default()).await.map_err(broke)?;
        sent += count as u64;
        #[expect(clippy::cast_precision_loss, reason = "a part of the way, for people")]
        progress.at(sent as f64 / size.max(1) as f64);
    }
    to.flush().await.map_err(broke)?;
    let line = first_line(&mut to).await.map_err(broke)?;
    match line.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => Err(transport.unreachable(&format!("the file was refused: {line}"))),
    }
}

async fn first_line(from: &mut Box<dyn Stream>) -> std::io::Result<String> {
    let mut line = Vec::new();
    while line.len() < LINE_BYTES_MAX {
        match from.read_u8().await? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}
