//! Statefile IO of the simulated hosts: on its way, stuck, landing, answered.

use haven_cluster::{IoFailed, IoId};

use crate::database::METADATA;
use crate::disk::{Answer, Path, ReadOp, WriteOp};
use crate::event::Event;
use crate::host::{Deferred, Flying, Stuck};
use crate::world::{MS, World};

impl World {
    pub(crate) fn latency(&mut self, path: Path) -> u64 {
        match path {
            Path::Slow(most) => self.rng.between(MS, most),
            _ => self.rng.between(MS / 5, 8 * MS),
        }
    }

    pub(crate) fn issue_write(&mut self, host: usize, life: u64, io: IoId, op: WriteOp) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (mut path, boot) = (h.path(op.file), h.boot);
        let ballot = op.block >= 256;
        let left = if ballot { &mut h.ballot_writes_left } else { &mut h.beat_writes_left };
        if let Some(left) = left {
            path = if *left == 0 { Path::Stalled } else { path };
            *left = left.saturating_sub(1);
        }
        let file = op.file;
        if let Some((_, ms)) = h.fails_late.take_if(|(of, _)| *of == ballot) {
            let length = op.bytes.len();
            self.after(ms * MS, Event::LateLand { op, length });
            let result = Answer::Wrote(Err(IoFailed));
            return self.after(MS, Event::IoAnswer { host, boot, life, io, file, result });
        }
        match path {
            Path::Stalled => h.stuck.push(Stuck::Write(life, io, op)),
            Path::Failing => {
                let landed = self.rng.chance(250);
                let delay = self.rng.between(MS, 50 * MS);
                if landed {
                    let length = op.bytes.len();
                    // Mostly at once; some linger in a path that broke.
                    let lingers = self.options.late_writes && self.rng.chance(200);
                    let late = self.late() * 95 / 100;
                    let lands = if lingers { self.rng.below(late) } else { delay / 2 };
                    self.after(lands, Event::LateLand { op, length });
                }
                let result = Answer::Wrote(Err(IoFailed));
                self.after(delay, Event::IoAnswer { host, boot, life, io, file, result });
            }
            _ => {
                h.flying.push(Flying { life, io, op });
                let delay = self.latency(path);
                self.after(delay, Event::Land { host, boot, io, life });
            }
        }
    }

    pub(crate) fn land(&mut self, host: usize, life: u64, io: IoId) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let found = h.flying.iter().position(|flying| flying.io == io && flying.life == life);
        let Some(found) = found else { return };
        let flying = h.flying.remove(found);
        let boot = h.boot;
        if let Some(volume) = self.volumes.get_mut(usize::from(flying.op.file)) {
            volume.write(flying.op.block, &flying.op.bytes, flying.op.bytes.len());
        }
        if let Some(h) = self.hosts.get_mut(host)
            && let Some(left) = h.stall_after.as_mut().filter(|_| flying.op.block >= 256)
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                h.stall_after = None;
                self.set_path(host, Path::Stalled);
            }
        }
        let late = self.hosts.get(host).map_or(0, |h| h.answers_late);
        let delay = late + self.rng.between(MS / 10, MS);
        let result = Answer::Wrote(Ok(()));
        let file = flying.op.file;
        self.after(delay, Event::IoAnswer { host, boot, life, io, file, result });
    }

    pub(crate) fn issue_read(&mut self, host: usize, life: u64, io: IoId, op: ReadOp) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (mut path, boot, file) = (h.path(op.file), h.boot, op.file);
        if h.reads_stuck {
            path = Path::Stalled;
        }
        match path {
            Path::Stalled => h.stuck.push(Stuck::Read(life, io, op)),
            Path::Failing => {
                let delay = self.rng.between(MS, 50 * MS);
                let result = Answer::Read(Err(IoFailed));
                self.after(delay, Event::IoAnswer { host, boot, life, io, file, result });
            }
            _ => {
                let tag = self.next_read;
                self.next_read += 1;
                h.reads.push((tag, (life, io, op)));
                let delay = self.latency(path);
                self.after(delay, Event::ReadPart { host, boot, tag });
            }
        }
    }

    pub(crate) fn read_part(&mut self, host: usize, tag: u64) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let boot = h.boot;
        let Some(at) = h.reads.iter().position(|(of, _)| *of == tag) else { return };
        let (_, (life, io, mut op)) = h.reads.swap_remove(at);
        let (path, file) = (h.path(op.file), op.file);
        if let Some(range) = op.ranges.get(op.next).copied() {
            if let Some(volume) = self.volumes.get(usize::from(op.file)) {
                op.parts.extend_from_slice(volume.read(range));
            }
            op.next += 1;
        }
        if op.next < op.ranges.len() {
            let delay = self.latency(path) / 4;
            if let Some(h) = self.hosts.get_mut(host) {
                h.reads.push((tag, (life, io, op)));
            }
            self.after(delay, Event::ReadPart { host, boot, tag });
        } else {
            let result = Answer::Read(Ok(op.parts));
            self.after(MS / 10, Event::IoAnswer { host, boot, life, io, file, result });
        }
    }

    pub(crate) fn answer(&mut self, host: usize, life: u64, io: IoId, file: u8, result: Answer) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        match h.path(file) {
            Path::Stalled => h.stuck.push(Stuck::Answer(life, io, file, result)),
            Path::Failing => self.deliver(host, Deferred::Io(life, io, result.failed())),
            _ => self.deliver(host, Deferred::Io(life, io, result)),
        }
    }

    /// Whether reads of a host return; those that are stuck go on.
    pub(crate) fn set_reads_stuck(&mut self, host: usize, stuck: bool) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.reads_stuck = stuck;
        for file in (0u8..).take(self.volumes.len()) {
            let path = self.hosts.get(host).map_or(Path::Good, |h| h.path(file));
            self.set_path_to(host, file, path);
        }
    }

    /// Changes a host's path to all statefiles.
    pub(crate) fn set_path(&mut self, host: usize, path: Path) {
        for file in (0u8..).take(self.volumes.len()).chain([METADATA]) {
            self.set_path_to(host, file, path);
        }
    }

    /// Changes a host's path to one statefile; IO that was stuck goes on.
    pub(crate) fn set_path_to(&mut self, host: usize, file: u8, path: Path) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.set_path(file, path);
        if path == Path::Stalled {
            return;
        }
        if file == METADATA {
            return self.area_unstick(host);
        }
        let (stuck, rest) = h.stuck.drain(..).partition(|io| io.file() == file);
        h.stuck = rest;
        let stuck: Vec<Stuck> = stuck;
        for io in stuck {
            match io {
                Stuck::Write(life, io, op) => self.issue_write(host, life, io, op),
                Stuck::Read(life, io, op) => self.issue_read(host, life, io, op),
                Stuck::Answer(life, io, file, result) => self.answer(host, life, io, file, result),
            }
        }
    }
}
