//! The file system: every request goes through the gate and on to the backing directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::consts::FOPEN_DIRECT_IO;
use fuser::{
    FileAttr, Filesystem, KernelConfig, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, Mode, OFlags, RenameFlags, SeekFrom, Timespec, Timestamps,
};

use super::faults::Class;
use super::gate::Gate;
use super::inodes::{Entry, Handle, Inodes, kind_of};

/// Nothing may be cached: other hosts change it.
const TTL: Duration = Duration::ZERO;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EINVAL: i32 = 22;

/// Pass-through over one directory.
#[derive(Debug)]
pub struct Passthrough {
    inodes: Arc<Inodes>,
    gate: Arc<Gate>,
}

impl Passthrough {
    /// Serves the directory `root`.
    pub fn new(root: &Path, gate: Arc<Gate>) -> io::Result<Self> {
        Ok(Self { inodes: Arc::new(Inodes::open(root)?), gate })
    }

    /// Sends a request through the gate; `run` executes it, `finish` answers.
    fn submit<T: Send + 'static>(
        &self,
        class: Class,
        run: impl FnOnce(&Inodes) -> io::Result<T> + Send + 'static,
        finish: impl FnOnce(Result<T, i32>) + Send + 'static,
    ) {
        let inodes = Arc::clone(&self.inodes);
        self.gate.submit(
            class,
            Box::new(move |error| {
                let result = match error {
                    Some(number) => Err(number),
                    None => run(&inodes).map_err(|e| number(&e)),
                };
                Box::new(move || finish(result))
            }),
        );
    }

    fn entry(
        &self,
        class: Class,
        reply: ReplyEntry,
        run: impl FnOnce(&Inodes) -> io::Result<FileAttr> + Send + 'static,
    ) {
        self.submit(class, run, move |result| match result {
            Ok(attr) => reply.entry(&TTL, &attr, 0),
            Err(number) => reply.error(number),
        });
    }

    fn empty(
        &self,
        class: Class,
        reply: ReplyEmpty,
        run: impl FnOnce(&Inodes) -> io::Result<()> + Send + 'static,
    ) {
        self.submit(class, run, move |result| match result {
            Ok(()) => reply.ok(),
            Err(number) => reply.error(number),
        });
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(EIO)
}

fn unsigned(value: i64) -> io::Result<u64> {
    u64::try_from(value).map_err(|_| io::Error::from_raw_os_error(EINVAL))
}

/// Opens an inode anew. What concerns caching and creation is the kernel's business in the host.
fn reopen(inodes: &Inodes, ino: u64, flags: i32) -> io::Result<OwnedFd> {
    let flags = OFlags::from_bits_retain(flags.cast_unsigned()) & OFlags::RWMODE;
    Ok(rustix::fs::open(inodes.path(ino)?, flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Writes; with `full` only where no new space is needed.
fn write_at(file: &OwnedFd, data: &[u8], offset: u64, full: bool) -> io::Result<usize> {
    let end = offset + data.len() as u64;
    if full && rustix::fs::seek(file, SeekFrom::Hole(offset)).map_or(true, |hole| hole < end) {
        return Err(io::Error::from_raw_os_error(ENOSPC));
    }
    let mut done = 0;
    while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
        done += rustix::io::pwrite(file, rest, offset + done as u64)?;
    }
    Ok(done)
}

fn read_at(file: &OwnedFd, size: u32, offset: u64) -> io::Result<Vec<u8>> {
    let mut data = vec![0; size as usize];
    let mut done = 0;
    while let Some(rest) = data.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    data.truncate(done);
    Ok(data)
}

fn list(inodes: &Inodes, ino: u64) -> io::Result<Vec<Entry>> {
    let dir = rustix::fs::open(inodes.path(ino)?, OFlags::DIRECTORY, Mode::empty())?;
    let mut entries = Vec::new();
    for entry in rustix::fs::Dir::new(dir)? {
        let entry = entry?;
        entries.push(Entry {
            ino: entry.ino(),
            kind: kind_of(entry.file_type()),
            name: OsStr::from_bytes(entry.file_name().to_bytes()).to_os_string(),
        });
    }
    Ok(entries)
}

fn timespec(time: Option<TimeOrNow>) -> Timespec {
    let at = match time {
        None => return Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        Some(TimeOrNow::Now) => SystemTime::now(),
        Some(TimeOrNow::SpecificTime(at)) => at,
    };
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timespec {
        tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: since.subsec_nanos().into(),
    }
}

impl Filesystem for Passthrough {
    fn init(&mut self, _req: &Request<'_>, config: &mut KernelConfig) -> Result<(), i32> {
        // Big enough for every request to be one message, as with NFS and its 1 MiB default.
        config.set_max_write(1 << 20).map(drop).or(Ok(()))
    }

    fn lookup(&mut self, _req: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_owned();
        self.entry(Class::Name, reply, move |inodes| inodes.lookup(parent, &name));
    }

    fn forget(&mut self, _req: &Request<'_>, ino: u64, count: u64) {
        self.inodes.forget(ino, count);
    }

    fn getattr(&mut self, _req: &Request<'_>, ino: u64, _fh: Option<u64>, reply: ReplyAttr) {
        self.submit(
            Class::Name,
            move |inodes| inodes.attr(ino),
            move |result| match result {
                Ok(attr) => reply.attr(&TTL, &attr),
                Err(number) => reply.error(number),
            },
        );
    }

    fn setattr(
        &mut self,
        _req: &Request<'_>,
        ino: u64,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<u64>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<u32>,
        reply: ReplyAttr,
    ) {
        let run = move |inodes: &Inodes| {
            let path = inodes.path(ino)?;
            if let Some(mode) = mode {
                rustix::fs::chmod(&path, Mode::from_raw_mode(mode))?;
            }
            if uid.is_some() || gid.is_some() {
                std::os::unix::fs::chown(&path, uid, gid)?;
            }
            if let Some(size) = size {
                let file = rustix::fs::open(&path, OFlags::WRONLY, Mode::empty())?;
                rustix::fs::ftruncate(file, size)?;
            }
            if atime.is_some() || mtime.is_some() {
                let times =
                    Timestamps { last_access: timespec(atime), last_modification: timespec(mtime) };
                rustix::fs::utimensat(CWD, &path, &times, AtFlags::empty())?;
            }
            inodes.attr(ino)
        };
        self.submit(Class::Name, run, move |result| match result {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(number) => reply.error(number),
        });
    }

    fn readlink(&mut self, _req: &Request<'_>, ino: u64, reply: ReplyData) {
        let run = move |inodes: &Inodes| {
            Ok(rustix::fs::readlinkat(&*inodes.file(ino)?, "", Vec::new())?.into_bytes())
        };
        self.submit(Class::Name, run, move |result| match result {
            Ok(target) => reply.data(&target),
            Err(number) => reply.error(number),
        });
    }

    fn mkdir(
        &mut self,
        _req: &Request<'_>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let name = name.to_owned();
        self.entry(Class::Create, reply, move |inodes| {
            let dir = inodes.file(parent)?;
            rustix::fs::mkdirat(&*dir, &name, Mode::from_raw_mode(mode & !umask))?;
            inodes.lookup(parent, &name)
        });
    }

    fn unlink(&mut self, _req: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.empty(Class::Name, reply, move |inodes| {
            Ok(rustix::fs::unlinkat(&*inodes.file(parent)?, &name, AtFlags::empty())?)
        });
    }

    fn rmdir(&mut self, _req: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.empty(Class::Name, reply, move |inodes| {
            Ok(rustix::fs::unlinkat(&*inodes.file(parent)?, &name, AtFlags::REMOVEDIR)?)
        });
    }

    fn symlink(
        &mut self,
        _req: &Request<'_>,
        parent: u64,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (name, target) = (name.to_owned(), target.to_owned());
        self.entry(Class::Create, reply, move |inodes| {
            rustix::fs::symlinkat(&target, &*inodes.file(parent)?, &name)?;
            inodes.lookup(parent, &name)
        });
    }

    fn rename(
        &mut self,
        _req: &Request<'_>,
        parent: u64,
        name: &OsStr,
        newparent: u64,
        newname: &OsStr,
        flags: u32,
        reply: ReplyEmpty,
    ) {
        let (name, newname) = (name.to_owned(), newname.to_owned());
        self.empty(Class::Name, reply, move |inodes| {
            let (from, to) = (inodes.file(parent)?, inodes.file(newparent)?);
            let flags = RenameFlags::from_bits_retain(flags);
            Ok(rustix::fs::renameat_with(&*from, &name, &*to, &newname, flags)?)
        });
    }

    fn link(
        &mut self,
        _req: &Request<'_>,
        ino: u64,
        newparent: u64,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let newname = newname.to_owned();
        self.entry(Class::Create, reply, move |inodes| {
            let dir = inodes.file(newparent)?;
            let flags = AtFlags::SYMLINK_FOLLOW;
            rustix::fs::linkat(CWD, inodes.path(ino)?, &*dir, &newname, flags)?;
            inodes.lookup(newparent, &newname)
        });
    }

    fn open(&mut self, _req: &Request<'_>, ino: u64, flags: i32, reply: ReplyOpen) {
        let run = move |inodes: &Inodes| {
            let file = reopen(inodes, ino, flags)?;
            Ok(inodes.keep(Handle::File(Arc::new(file))))
        };
        self.submit(Class::Name, run, move |result| match result {
            Ok(handle) => reply.opened(handle, FOPEN_DIRECT_IO),
            Err(number) => reply.error(number),
        });
    }

    fn create(
        &mut self,
        _req: &Request<'_>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let name: OsString = name.to_owned();
        let run = move |inodes: &Inodes| {
            let dir = inodes.file(parent)?;
            let keep = OFlags::RWMODE | OFlags::EXCL | OFlags::TRUNC;
            let flags = OFlags::from_bits_retain(flags.cast_unsigned()) & keep;
            let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&*dir, &name, flags, Mode::from_raw_mode(mode & !umask))?;
            let attr = inodes.lookup(parent, &name)?;
            Ok((attr, inodes.keep(Handle::File(Arc::new(file)))))
        };
        self.submit(Class::Create, run, move |result| match result {
            Ok((attr, handle)) => reply.created(&TTL, &attr, 0, handle, FOPEN_DIRECT_IO),
            Err(number) => reply.error(number),
        });
    }

    fn read(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        offset: i64,
        size: u32,
        _flags: i32,
        _lock_owner: Option<u64>,
        reply: ReplyData,
    ) {
        let run = move |inodes: &Inodes| read_at(&*inodes.opened(fh)?, size, unsigned(offset)?);
        self.submit(Class::Read, run, move |result| match result {
            Ok(data) => reply.data(&data),
            Err(number) => reply.error(number),
        });
    }

    fn write(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        offset: i64,
        data: &[u8],
        _write_flags: u32,
        _flags: i32,
        _lock_owner: Option<u64>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        let inodes = Arc::clone(&self.inodes);
        self.gate.submit(
            Class::Write,
            Box::new(move |error| {
                let result = match error {
                    Some(number) if number != ENOSPC => Err(number),
                    full => inodes
                        .opened(fh)
                        .and_then(|f| write_at(&f, &data, unsigned(offset)?, full.is_some()))
                        .map_err(|e| number(&e)),
                };
                Box::new(move || match result {
                    Ok(count) => reply.written(u32::try_from(count).unwrap_or_default()),
                    Err(number) => reply.error(number),
                })
            }),
        );
    }

    // No `flush`: nothing is cached, so that closing a file sends nothing.

    fn release(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        _flags: i32,
        _lock_owner: Option<u64>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.empty(Class::Name, reply, move |inodes| {
            inodes.close(fh);
            Ok(())
        });
    }

    /// The backing directory stands for the storage server, which does not fail.
    fn fsync(&mut self, _req: &Request<'_>, _ino: u64, _fh: u64, _data: bool, reply: ReplyEmpty) {
        self.empty(Class::Name, reply, |_| Ok(()));
    }

    fn opendir(&mut self, _req: &Request<'_>, ino: u64, _flags: i32, reply: ReplyOpen) {
        let run = move |inodes: &Inodes| {
            let entries = list(inodes, ino)?;
            Ok(inodes.keep(Handle::Listing(Arc::new(entries))))
        };
        self.submit(Class::Name, run, move |result| match result {
            Ok(handle) => reply.opened(handle, 0),
            Err(number) => reply.error(number),
        });
    }

    fn readdir(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        offset: i64,
        mut reply: ReplyDirectory,
    ) {
        let run = move |inodes: &Inodes| inodes.listing(fh);
        self.submit(Class::Name, run, move |result| match result {
            Ok(entries) => {
                let start = usize::try_from(offset).unwrap_or_default();
                for (at, entry) in entries.iter().enumerate().skip(start) {
                    let next = i64::try_from(at + 1).unwrap_or(i64::MAX);
                    if reply.add(entry.ino, next, entry.kind, &entry.name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(number) => reply.error(number),
        });
    }

    fn releasedir(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        _flags: i32,
        reply: ReplyEmpty,
    ) {
        self.inodes.close(fh);
        reply.ok();
    }

    fn fsyncdir(&mut self, _r: &Request<'_>, _i: u64, _fh: u64, _data: bool, reply: ReplyEmpty) {
        self.empty(Class::Name, reply, |_| Ok(()));
    }

    fn statfs(&mut self, _req: &Request<'_>, _ino: u64, reply: ReplyStatfs) {
        let full = self.gate.is_full();
        let run = move |inodes: &Inodes| Ok(rustix::fs::statvfs(inodes.path(1)?)?);
        self.submit(Class::Name, run, move |result| match result {
            Ok(s) => {
                let (free, available) = if full { (0, 0) } else { (s.f_bfree, s.f_bavail) };
                let block = u32::try_from(s.f_bsize).unwrap_or(4096);
                let fragment = u32::try_from(s.f_frsize).unwrap_or(4096);
                let names = u32::try_from(s.f_namemax).unwrap_or(255);
                reply.statfs(
                    s.f_blocks, free, available, s.f_files, s.f_ffree, block, names, fragment,
                );
            }
            Err(number) => reply.error(number),
        });
    }

    fn fallocate(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        offset: i64,
        length: i64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        self.empty(Class::Write, reply, move |inodes| {
            let mode = FallocateFlags::from_bits_retain(mode.cast_unsigned());
            let (offset, length) = (unsigned(offset)?, unsigned(length)?);
            Ok(rustix::fs::fallocate(&*inodes.opened(fh)?, mode, offset, length)?)
        });
    }

    fn lseek(
        &mut self,
        _req: &Request<'_>,
        _ino: u64,
        fh: u64,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let run = move |inodes: &Inodes| {
            let file = inodes.opened(fh)?;
            let to = match whence {
                3 => SeekFrom::Data(unsigned(offset)?),
                4 => SeekFrom::Hole(unsigned(offset)?),
                _ => return Err(io::Error::from_raw_os_error(EINVAL)),
            };
            Ok(rustix::fs::seek(&*file, to)?)
        };
        self.submit(Class::Name, run, move |result| match result {
            Ok(at) => reply.offset(i64::try_from(at).unwrap_or(i64::MAX)),
            Err(number) => reply.error(number),
        });
    }
}
