//! Files that the server wants to read or write: only those that the command line names.

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use haven_xe::wire::Reply;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::interval;

use super::talk::complain;
use crate::client::endpoint::Endpoint;
use crate::client::transport::{Stream, Transport};
use crate::failure::{Failure, Outcome};

/// Largest file that goes through the command's own connection.
const LOAD_BYTES_MAX: u64 = 32 << 20;
/// So often the server is told that a transfer goes on.
const HEARTBEAT: Duration = Duration::from_secs(300);
/// Redirections that are followed.
const REDIRECTIONS_MAX: usize = 4;
/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;
const BLOCK_BYTES: usize = 64 << 10;

/// See the module.
pub(super) struct Files<'t> {
    allowed: Vec<PathBuf>,
    transport: &'t Transport,
}

/// What follows a request.
#[derive(Clone, Copy)]
enum Sends {
    Nothing,
    Bytes(u64),
    Chunks,
}

impl Sends {
    /// Chunks are of HTTP/1.1.
    fn version(self) -> &'static str {
        if matches!(self, Self::Chunks) { "HTTP/1.1" } else { "HTTP/1.0" }
    }

    fn headers(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Bytes(length) => format!("content-length: {length}\r\n"),
            Self::Chunks => "connection: close\r\ntransfer-encoding: chunked\r\n".to_owned(),
        }
    }
}

/// Where what is copied goes.
trait Sink {
    /// Takes a block that is not empty.
    async fn take(&mut self, block: &[u8]) -> std::io::Result<()>;
    /// There is no more.
    async fn end(&mut self) -> std::io::Result<()>;
}

impl<W: AsyncWrite + Unpin> Sink for W {
    async fn take(&mut self, block: &[u8]) -> std::io::Result<()> {
        self.write_all(block).await
    }

    async fn end(&mut self) -> std::io::Result<()> {
        self.flush().await
    }
}

/// Chunks of HTTP/1.1.
struct Chunked<'s>(&'s mut Box<dyn Stream>);

impl Sink for Chunked<'_> {
    async fn take(&mut self, block: &[u8]) -> std::io::Result<()> {
        self.0.write_all(format!("{:x}\r\n", block.len()).as_bytes()).await?;
        self.0.write_all(block).await?;
        self.0.write_all(b"\r\n").await
    }

    async fn end(&mut self) -> std::io::Result<()> {
        self.0.write_all(b"0\r\n\r\n").await?;
        self.0.flush().await
    }
}

/// An answer, and its length if it says so.
type Answer = (Box<dyn Stream>, Option<u64>);

/// The path from the root, without `.` and `..`.
fn full(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    let here = std::env::current_dir().unwrap_or_default();
    for part in here.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            other => whole.push(other),
        }
    }
    whole
}

impl<'t> Files<'t> {
    pub(super) fn new(allowed: Vec<PathBuf>, transport: &'t Transport) -> Self {
        Self { allowed: allowed.iter().map(|path| full(path)).collect(), transport }
    }

    fn check(&self, file: &str) -> Outcome<PathBuf> {
        let path = full(Path::new(file));
        if self.allowed.contains(&path) {
            return Ok(path);
        }
        Err(Failure::Local(format!(
            "File not permitted: Blocked upload/download of the file {file}, which was requested \
             by the server. The file name was not present on the command line"
        )))
    }

    /// A small file; none if it cannot be read.
    pub(super) fn load(&self, file: &str) -> Outcome<Option<Vec<u8>>> {
        let path = self.check(file)?;
        let mut contents = Vec::new();
        let read = std::fs::File::open(path)
            .and_then(|opened| opened.take(LOAD_BYTES_MAX + 1).read_to_end(&mut contents));
        Ok(read.ok().filter(|_| contents.len() as u64 <= LOAD_BYTES_MAX).map(|_| contents))
    }

    /// The server of an address, and the path there.
    pub(super) fn at(&self, url: &str) -> Outcome<(Transport, String)> {
        let here = self.transport;
        let Some(rest) = url.strip_prefix("https://") else {
            return Ok((here.again(here.endpoint().clone()), url.to_owned()));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let endpoint = match here.endpoint() {
            Endpoint::Unix(_) => Endpoint::parse(host)?,
            tls @ Endpoint::Tls { .. } => tls.at(host)?,
        };
        Ok((here.again(endpoint), format!("/{path}")))
    }

    /// Writes what an address answers into a new file, or to standard output.
    pub(super) async fn get(
        &self,
        file: &str,
        url: &str,
        server: &mut Box<dyn Stream>,
    ) -> Outcome<Reply> {
        let path = if file.is_empty() { None } else { Some(self.check(file)?) };
        let Some((mut from, length)) = self.asked("GET", url, Sends::Nothing).await? else {
            return Ok(Reply::Failed);
        };
        let copied = match path {
            None => copy(&mut from, &mut tokio::io::stdout(), server).await,
            Some(path) => {
                let mut options = tokio::fs::OpenOptions::new();
                let opened = options.write(true).create_new(true).mode(0o600).open(&path).await;
                let mut to = opened.map_err(|error| {
                    Failure::Local(format!("Operation failed. Error: {}: {error}", path.display()))
                })?;
                copy(&mut from, &mut to, server).await
            }
        };
        // Cut short is not complete.
        let complete = copied.is_ok_and(|count| length.is_none_or(|length| length == count));
        Ok(if complete { Reply::Ok } else { Reply::Failed })
    }

    /// Sends a file to an address.
    pub(super) async fn put(
        &self,
        file: &str,
        url: &str,
        server: &mut Box<dyn Stream>,
    ) -> Outcome<Reply> {
        let path = self.check(file)?;
        let missing =
            || Failure::Local(format!("Operation failed. Error: file '{file}' does not exist"));
        let mut from = tokio::fs::File::open(&path).await.map_err(|_| missing())?;
        let meta = from.metadata().await.map_err(|_| missing())?;
        // Of a pipe nobody knows the length: it goes in chunks, so that its end is seen.
        let sends = if meta.is_file() { Sends::Bytes(meta.len()) } else { Sends::Chunks };
        let Some((mut to, _)) = self.asked("PUT", url, sends).await? else {
            return Ok(Reply::Failed);
        };
        let copied = match sends {
            Sends::Chunks => copy(&mut from, &mut Chunked(&mut to), server).await,
            _ => copy(&mut from, &mut to, server).await,
        };
        let ended = to.shutdown().await;
        Ok(if copied.is_ok() && ended.is_ok() { Reply::Ok } else { Reply::Failed })
    }

    /// Asks and follows redirections: the answer and its length if it says so; none if it is
    /// anything but 200.
    async fn asked(&self, method: &str, url: &str, sends: Sends) -> Outcome<Option<Answer>> {
        let mut url = url.to_owned();
        for _ in 0..REDIRECTIONS_MAX {
            let (transport, path) = self.at(&url)?;
            let mut stream = transport.raw().await?;
            let head = format!(
                "{method} {path} {}\r\nhost: {}\r\n{}\r\n",
                sends.version(),
                transport.endpoint(),
                sends.headers()
            );
            let sent = stream.write_all(head.as_bytes()).await;
            if sent.is_err() || stream.flush().await.is_err() {
                return Ok(None);
            }
            let Some(head) = read_head(&mut stream).await else { return Ok(None) };
            let header = |wanted: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(':'));
                let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.trim().to_owned())
            };
            match head.split(' ').nth(1) {
                Some("200") => {
                    let length = header("content-length").and_then(|text| text.parse().ok());
                    return Ok(Some((stream, length)));
                }
                Some("302") => match header("location") {
                    Some(location) => url = location,
                    None => return Ok(None),
                },
                _ => {
                    let line = head.lines().next().unwrap_or_default();
                    let path = path.split('?').next().unwrap_or_default();
                    complain(&format!("The server answered {path} with: {line}\n"))?;
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }
}

/// The head of an answer, with not a byte of what follows.
async fn read_head(stream: &mut Box<dyn Stream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Copies to the end, and tells the server from time to time that it goes on.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut impl Sink,
    server: &mut Box<dyn Stream>,
) -> std::io::Result<u64> {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.tick().await;
    let mut block = vec![0_u8; BLOCK_BYTES];
    let mut copied = 0;
    loop {
        let count = tokio::select! {
            read = from.read(&mut block) => read?,
            _ = heartbeat.tick() => {
                let mut frame = Vec::new();
                Reply::Wait.encode(&mut frame);
                server.write_all(&frame).await?;
                server.flush().await?;
                continue;
            }
        };
        if count == 0 {
            to.end().await?;
            return Ok(copied);
        }
        copied += count as u64;
        to.take(block.get(..count).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Files, full};
    use crate::client::endpoint::Endpoint;
    use crate::client::transport::Transport;
    use crate::client::trust::Trust;

    #[test]
    fn only_files_of_the_command_line() {
        let transport = Transport::new(Endpoint::Unix("/s".into()), Trust::HostCa);
        let files = Files::new(vec![PathBuf::from("/a/b"), PathBuf::from("c")], &transport);
        assert!(files.check("/a/b").is_ok());
        assert!(files.check("/a/x/../b").is_ok());
        assert!(files.check("./c").is_ok());
        for file in ["/etc/passwd", "/a/b/../../etc/passwd", "d", "/a/b/c", ""] {
            assert!(files.check(file).is_err(), "{file}");
        }
        assert_eq!(full(Path::new("/../a/./b")), Path::new("/a/b"));
    }

    #[test]
    fn addresses_of_other_hosts_keep_the_port() {
        let here = Endpoint::Tls { host: "h1".to_owned(), port: 8443 };
        let transport = Transport::new(here, Trust::HostCa);
        let files = Files::new(Vec::new(), &transport);
        let (there, path) = files.at("https://h2/export?x=1").unwrap();
        assert_eq!(
            (there.endpoint().to_string(), path.as_str()),
            ("h2:8443".to_owned(), "/export?x=1")
        );
        let (there, path) = files.at("/export").unwrap();
        assert_eq!(
            (there.endpoint().to_string(), path.as_str()),
            ("h1:8443".to_owned(), "/export")
        );
    }
}
