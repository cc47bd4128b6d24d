//! Stands in a host for `/sbin/mount.nfs`: takes its arguments, and mounts through the lab's
//! storage server.
//!
//! The storage server must first be reached over the host's storage link (a TCP connection to its
//! port 2049), so that a cut link refuses mounts exactly as it does with NFS: after retries, with
//! exit code 32.

use std::io::{BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::faults::Channel;
use super::server::MountRequest;
use crate::config::EXPORTS;

/// Where hosts find the socket of their storage server.
pub const SOCKET: &str = "/run/haven-lab/fs.sock";
const NFS_PORT: u16 = 2049;
const CONNECT_WAIT: Duration = Duration::from_secs(3);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How long mount.nfs tries in the foreground unless `retry=` says otherwise.
const RETRY_MINUTES: u64 = 2;

/// Arguments of `mount.nfs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    server: String,
    export: String,
    target: String,
    options: Vec<String>,
    fake: bool,
}

impl Arguments {
    /// Parses `server:/export target [-fnrsvw] [-o options]`, in any order, as mount(8) gives it.
    pub fn parse(args: &[String]) -> Result<Self> {
        let mut positional = Vec::new();
        let mut options = Vec::new();
        let mut fake = false;
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "-o" => {
                    let list = rest.next().context("-o needs options")?;
                    options.extend(list.split(',').map(str::to_owned));
                }
                "-t" | "-N" => drop(rest.next()),
                flag if flag.starts_with('-') => {
                    fake |= flag.contains('f');
                    if flag.contains('r') {
                        options.push("ro".into());
                    }
                }
                _ => positional.push(arg.clone()),
            }
        }
        let [source, target] = positional.as_slice() else {
            bail!("usage: mount.nfs server:/path dir [-fnrsvw] [-o options]");
        };
        let (server, export) =
            source.split_once(':').context("remote share not in 'host:dir' format")?;
        let export = match export.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        let target = target.clone();
        Ok(Self { server: server.to_owned(), export, target, options, fake })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().find_map(|o| o.strip_prefix(name)?.strip_prefix('='))
    }

    fn read_only(&self) -> bool {
        self.options.iter().any(|o| o == "ro")
    }
}

/// The whole program; returns its exit code.
pub fn main(args: &[String]) -> i32 {
    let outcome = Arguments::parse(args).and_then(|arguments| mount_nfs(&arguments));
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mount.nfs: {error:#}");
            32
        }
    }
}

/// Stands in a host for `showmount -e SERVER`; returns its exit code.
pub fn show_exports(args: &[String]) -> i32 {
    let server = args.iter().rfind(|a| !a.starts_with('-')).map_or("", String::as_str);
    let reached = resolve(server).filter(|a| TcpStream::connect_timeout(a, CONNECT_WAIT).is_ok());
    if reached.is_none() {
        let why = "clnt_create: RPC: Unable to receive; errno = No route to host";
        let _ = writeln!(std::io::stderr(), "{why}");
        return 1;
    }
    if !args.iter().any(|a| a == "--no-headers") {
        let _ = writeln!(std::io::stdout(), "Export list for {server}:");
    }
    for export in EXPORTS {
        let _ = writeln!(std::io::stdout(), "{export} *");
    }
    0
}

fn mount_nfs(arguments: &Arguments) -> Result<()> {
    if arguments.fake {
        return Ok(());
    }
    let minutes = arguments.value("retry").and_then(|v| v.parse().ok()).unwrap_or(RETRY_MINUTES);
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    loop {
        if let Some(stream) = reach(arguments)? {
            return attach(stream, arguments);
        }
        if Instant::now() >= end {
            bail!("Connection timed out for {}:{}", arguments.server, arguments.export);
        }
        thread::sleep(RETRY_PAUSE);
    }
}

/// One try; `None` if the server does not answer.
fn reach(arguments: &Arguments) -> Result<Option<UnixStream>> {
    let Some(address) = resolve(&arguments.server) else {
        bail!("Failed to resolve server {}", arguments.server);
    };
    if TcpStream::connect_timeout(&address, CONNECT_WAIT).is_err() {
        return Ok(None);
    }
    ask(Channel::Nfs, &arguments.export)
}

fn resolve(server: &str) -> Option<SocketAddr> {
    let plain = server.trim_start_matches('[').trim_end_matches(']');
    (plain, NFS_PORT).to_socket_addrs().ok()?.next()
}

/// Asks the storage server for a mount; `None` if it does not answer.
fn ask(channel: Channel, export: &str) -> Result<Option<UnixStream>> {
    let mut stream = UnixStream::connect(SOCKET).context(SOCKET)?;
    let request = MountRequest { channel, export: export.to_owned() };
    writeln!(stream, "{}", serde_json::to_string(&request)?)?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    match answer.trim_end() {
        "ready" => Ok(Some(stream)),
        "" => Ok(None),
        refusal => bail!("{refusal} {export}"),
    }
}

fn attach(stream: UnixStream, arguments: &Arguments) -> Result<()> {
    let mut flags = MountFlags::NODEV | MountFlags::NOSUID;
    if arguments.read_only() {
        flags |= MountFlags::RDONLY;
    }
    let source = format!("{}:{}", arguments.server, arguments.export);
    attach_at(&stream, &source, Path::new(&arguments.target), "fuse.nfs", flags)
}

/// Mounts the host's own disk; for the host's first process.
pub fn mount_disk(target: &Path) -> Result<()> {
    let stream = ask(Channel::Disk, "/")?.context("the disk does not answer")?;
    attach_at(&stream, "/dev/lab-disk", target, "fuse.disk", MountFlags::empty())
}

fn attach_at(
    stream: &UnixStream,
    source: &str,
    target: &Path,
    kind: &str,
    flags: MountFlags,
) -> Result<()> {
    let fuse = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .context("/dev/fuse")?;
    let data = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
        fuse.as_raw_fd()
    );
    let data = std::ffi::CString::new(data)?;
    rustix::mount::mount(source, target, kind, flags, data.as_c_str())
        .with_context(|| format!("mounting on {}", target.display()))?;
    let descriptors = [fuse.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        bail!("no room for a descriptor");
    }
    rustix::net::sendmsg(stream, &[IoSlice::new(b"x")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn takes_the_arguments_of_mount() {
        let args = words("10.88.0.250:/export/vms/ /run/sr-mount/x -n -o rw,hard,retry=0,vers=4.1");
        let parsed = Arguments::parse(&args).unwrap();
        assert_eq!(parsed.server, "10.88.0.250");
        assert_eq!(parsed.export, "/export/vms");
        assert_eq!(parsed.target, "/run/sr-mount/x");
        assert_eq!(parsed.value("retry"), Some("0"));
        assert!(!parsed.read_only() && !parsed.fake);
    }

    #[test]
    fn refuses_what_mount_nfs_refuses() {
        assert!(Arguments::parse(&words("nocolon /mnt")).is_err());
        assert!(Arguments::parse(&words("a:/b")).is_err());
    }
}
