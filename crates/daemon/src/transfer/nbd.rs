//! A small NBD client, and the server that it speaks to: `qemu-nbd` on one image.
//!
//! The protocol: "newstyle" handshake with `NBD_OPT_EXPORT_NAME`, simple replies
//! (<https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long the server may take to listen.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// How often it is looked whether it does.
const START_POLL: Duration = Duration::from_millis(20);
/// How long one request may take: beyond it storage counts as stalled.
const REQUEST_DEADLINE: Duration = Duration::from_secs(120);
/// How long the server may take to close the image.
const CLOSE_DEADLINE: Duration = Duration::from_secs(60);
/// How long a server that was left behind may take to greet who ends it.
const LEFTOVER_MAX: Duration = Duration::from_secs(10);
/// What sockets of servers are called.
const ENDING: &str = "nbd";
/// How long a server that does not serve may take to say why.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

const MAGIC: u64 = u64::from_be_bytes(*b"NBDMAGIC");
const OPTION_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const EXPORT_NAME: u32 = 1;
/// Fixed newstyle, and no padding after the answer.
const CLIENT_FLAGS: u32 = 3;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;

/// Why an image could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NbdError {
    /// The helper does not start.
    #[error("qemu-nbd cannot serve {path}: {why}")]
    Start {
        /// The image.
        path: String,
        /// Its words.
        why: String,
    },
    /// The connection to it broke.
    #[error("the connection to qemu-nbd broke: {0}")]
    Io(#[from] std::io::Error),
    /// It said something else than the protocol has.
    #[error("qemu-nbd answers {0}")]
    Protocol(&'static str),
    /// A request failed; the number is the system's.
    #[error("the image cannot be read or written there (error {0})")]
    Failed(u32),
    /// Storage stalls.
    #[error("the storage did not answer within {} s", REQUEST_DEADLINE.as_secs())]
    Stalled,
}

/// An image that is open.
#[derive(Debug)]
pub(super) struct Image {
    stream: UnixStream,
    server: Child,
    socket: PathBuf,
    /// Size in bytes.
    pub(super) size: u64,
    requests: u64,
}

impl Drop for Image {
    fn drop(&mut self) {
        // It may be gone already; the process ends with the handle.
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Image {
    /// Opens an image through a server of its own; `dir` is for its socket.
    pub(super) async fn open(
        dir: &Path,
        path: &str,
        format: &str,
        writable: bool,
    ) -> Result<Self, NbdError> {
        let socket = dir.join(format!("{}.{ENDING}", uuid::Uuid::new_v4().simple()));
        let failed = |why: String| NbdError::Start { path: path.to_owned(), why };
        let mut command = Command::new("qemu-nbd");
        command.arg(format!("--socket={}", socket.display()));
        command.args([&format!("--format={format}"), "--cache=none", "--shared=1"]);
        if writable {
            command.args(["--discard=unmap", "--detect-zeroes=unmap"]);
        } else {
            command.arg("--read-only");
        }
        command.arg("--").arg(path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server =
            command.kill_on_drop(true).spawn().map_err(|error| failed(error.to_string()))?;
        let until = Instant::now() + START_DEADLINE;
        let stream = loop {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                break stream;
            }
            if server.try_wait()?.is_some() || Instant::now() >= until {
                return Err(failed(last_words(&mut server).await));
            }
            sleep(START_POLL).await;
        };
        let mut image = Self { stream, server, socket, size: 0, requests: 0 };
        image.size = greeted(&mut image.stream, &mut image.server, path).await?;
        Ok(image)
    }

    async fn request(&mut self, kind: u16, offset: u64, length: usize) -> Result<(), NbdError> {
        self.requests += 1;
        let length = u32::try_from(length).map_err(|_| NbdError::Protocol("a long request"))?;
        let header = header(self.requests, kind, offset, length);
        Ok(self.stream.write_all(&header).await?)
    }

    async fn reply(&mut self) -> Result<(), NbdError> {
        if self.stream.read_u32().await? != REPLY_MAGIC {
            return Err(NbdError::Protocol("no reply"));
        }
        let error = self.stream.read_u32().await?;
        if self.stream.read_u64().await? != self.requests {
            return Err(NbdError::Protocol("another request"));
        }
        if error == 0 { Ok(()) } else { Err(NbdError::Failed(error)) }
    }

    /// Reads `length` bytes.
    pub(super) async fn read(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, NbdError> {
        timely(async {
            self.request(READ, offset, length).await?;
            self.reply().await?;
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).await?;
            Ok(bytes)
        })
        .await
    }

    /// Writes bytes.
    pub(super) async fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), NbdError> {
        timely(async {
            self.request(WRITE, offset, bytes.len()).await?;
            self.stream.write_all(bytes).await?;
            self.reply().await
        })
        .await
    }

    /// Makes all that was written durable and closes the image.
    pub(super) async fn close(mut self) -> Result<(), NbdError> {
        timely(async {
            self.request(FLUSH, 0, 0).await?;
            self.reply().await?;
            self.request(DISCONNECT, 0, 0).await
        })
        .await?;
        match timeout(CLOSE_DEADLINE, self.server.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(_)) => Err(NbdError::Protocol("with a failure at its end")),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(NbdError::Stalled),
        }
    }
}

/// Ends the servers that an earlier `havend` started and was killed before it was their client: with the
/// last client that goes a server ends by itself, but not before the first. Which sockets those are
/// is seen at once, before this process has any; what is returned is the work.
pub fn end_leftovers(dir: &Path) -> impl Future<Output = ()> + use<> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let sockets: Vec<PathBuf> =
        sockets.filter(|path| path.extension().is_some_and(|ending| ending == ENDING)).collect();
    async move {
        for socket in sockets {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                let ended = timeout(LEFTOVER_MAX, end(stream)).await;
                tracing::info!(socket = %socket.display(), ?ended, "a server of an image was left");
            }
            let _gone = std::fs::remove_file(&socket);
        }
    }
}

/// The client that ends a server.
async fn end(mut stream: UnixStream) -> Result<(), NbdError> {
    greet(&mut stream).await?;
    stream.write_all(&header(1, DISCONNECT, 0, 0)).await?;
    Ok(stream.shutdown().await?)
}

fn header(number: u64, kind: u16, offset: u64, length: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(28);
    header.extend(REQUEST_MAGIC.to_be_bytes());
    header.extend(0u16.to_be_bytes());
    header.extend(kind.to_be_bytes());
    header.extend(number.to_be_bytes());
    header.extend(offset.to_be_bytes());
    header.extend(length.to_be_bytes());
    header
}

/// The handshake. A server listens before it opens the image, and ends when it cannot: its own
/// words say why, a broken connection does not.
async fn greeted(stream: &mut UnixStream, server: &mut Child, path: &str) -> Result<u64, NbdError> {
    match timely(greet(stream)).await {
        Err(NbdError::Io(error)) => {
            let words = last_words(server).await;
            let why = if words.is_empty() { error.to_string() } else { words };
            Err(NbdError::Start { path: path.to_owned(), why })
        }
        other => other,
    }
}

/// What the server said of why it does not serve; more may never come.
async fn last_words(server: &mut Child) -> String {
    let mut words = Vec::new();
    if let Some(mut output) = server.stderr.take() {
        let _ = timeout(LAST_WORDS_MAX, output.read_to_end(&mut words)).await;
    }
    String::from_utf8_lossy(&words).trim().to_owned()
}

async fn timely<T>(work: impl Future<Output = Result<T, NbdError>>) -> Result<T, NbdError> {
    timeout(REQUEST_DEADLINE, work).await.unwrap_or(Err(NbdError::Stalled))
}

/// The handshake; answers the size of the image.
async fn greet(stream: &mut UnixStream) -> Result<u64, NbdError> {
    if stream.read_u64().await? != MAGIC || stream.read_u64().await? != OPTION_MAGIC {
        return Err(NbdError::Protocol("no greeting"));
    }
    let server = stream.read_u16().await?;
    if u32::from(server) & CLIENT_FLAGS != CLIENT_FLAGS {
        return Err(NbdError::Protocol("an old greeting"));
    }
    stream.write_all(&CLIENT_FLAGS.to_be_bytes()).await?;
    let mut option = OPTION_MAGIC.to_be_bytes().to_vec();
    option.extend(EXPORT_NAME.to_be_bytes());
    option.extend(0u32.to_be_bytes());
    stream.write_all(&option).await?;
    let size = stream.read_u64().await?;
    let _flags = stream.read_u16().await?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back_and_errors_name_the_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.qcow2");
        let made = std::process::Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2"])
            .arg(&path)
            .arg("4M")
            .status()
            .unwrap();
        assert!(made.success());
        let shown = path.to_string_lossy().into_owned();
        let mut image = Image::open(dir.path(), &shown, "qcow2", true).await.unwrap();
        assert_eq!(image.size, 4 << 20);
        image.write(4096, &[7; 8192]).await.unwrap();
        image.close().await.unwrap();
        let mut image = Image::open(dir.path(), &shown, "qcow2", false).await.unwrap();
        let bytes = image.read(0, 16384).await.unwrap();
        assert!(bytes[..4096].iter().all(|b| *b == 0) && bytes[4096..12288] == [7; 8192]);
        assert!(matches!(image.read(4 << 20, 512).await, Err(NbdError::Failed(_))));
        let missing = dir.path().join("b.qcow2").to_string_lossy().into_owned();
        let error = Image::open(dir.path(), &missing, "qcow2", false).await.unwrap_err();
        assert!(error.to_string().contains("b.qcow2"), "{error}");
    }

    /// As a `havend` leaves them that is killed in the middle.
    #[tokio::test]
    async fn servers_that_were_left_behind_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.raw");
        std::fs::write(&path, vec![0; 1 << 20]).unwrap();
        let (socket, stale) = (dir.path().join("x.nbd"), dir.path().join("y.nbd"));
        let mut server = Command::new("qemu-nbd")
            .arg(format!("--socket={}", socket.display()))
            .args(["--format=raw", "--shared=1", "--"])
            .arg(&path)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        while !socket.exists() {
            sleep(START_POLL).await;
        }
        drop(tokio::net::UnixListener::bind(&stale).unwrap());
        let work = end_leftovers(dir.path());
        // One that this process starts meanwhile is none of them.
        let other = dir.path().join("b.raw");
        std::fs::write(&other, vec![0; 1 << 20]).unwrap();
        let shown = other.to_string_lossy().into_owned();
        let mut own = Image::open(dir.path(), &shown, "raw", false).await.unwrap();
        work.await;
        timeout(CLOSE_DEADLINE, server.wait()).await.unwrap().unwrap();
        assert_eq!(own.read(0, 512).await.unwrap(), [0; 512]);
        assert!(!socket.exists() && !stale.exists() && own.socket.exists());
    }

    /// A server that takes the connection and ends: its words are told, not that it ended.
    #[tokio::test]
    async fn a_server_that_dies_after_the_connection_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::UnixListener::bind(dir.path().join("s")).unwrap();
        let mut server = Command::new("sh")
            .args(["-c", "echo the image is gone >&2"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = UnixStream::connect(dir.path().join("s")).await.unwrap();
        drop(listener);
        let error = greeted(&mut stream, &mut server, "x.qcow2").await.unwrap_err().to_string();
        assert!(error.contains("x.qcow2") && error.contains("the image is gone"), "{error}");
    }
}
