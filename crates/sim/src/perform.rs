//! What the guard process does around its machine, with everything that may go wrong in between.

use haven_cluster::control::{GuardCommand, GuardPhase, GuardState, REPLACED};
use haven_cluster::ids::{Incarnation, Instant};
use haven_cluster::invariant::Invariant;
use haven_cluster::mutation::{Mutation, removed};
use haven_cluster::{BootInfo, Input, IoFailed, IoId, Machine, Output, ReadBytes, SharedBlock};
use haven_failover::Orders;

use crate::disk::{Answer, ReadOp, WriteOp};
use crate::event::Event;
use crate::host::{Deferred, Stuck, Watchdog};
use crate::reshape::RESHAPE;
use crate::world::{MS, World};

/// Id of the command that asks for a clean shutdown.
pub(crate) const EXCLUDE: u64 = 7;

const POWER_UP_MS: (u64, u64) = (3_000, 12_000);

impl World {
    /// Switches a host on.
    pub fn power_on(&mut self, host: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        if h.powered {
            return;
        }
        h.powered = true;
        h.no_memory = false;
        h.boot += 1;
        h.booted_at = now;
        h.booting = true;
        h.idle = false;
        let boot = h.boot;
        self.log(|| format!("host {host} is powered on"));
        let chance = self.rng.between(POWER_UP_MS.0 * MS, POWER_UP_MS.1 * MS);
        let delay = self.hosts.get(host).and_then(|h| h.boot_ms).map_or(chance, |ms| ms * MS);
        self.after(delay, Event::GuardStart { host, boot });
        self.begin_looks(host, boot);
    }

    /// Cuts a host's power. Writes of its guests that are on their way may still land.
    pub fn power_off(&mut self, host: usize) {
        if self.hosts.get(host).is_none_or(|h| !h.powered) {
            return;
        }
        self.log(|| format!("host {host} loses power"));
        let late = self.late();
        let vms: Vec<u32> =
            self.hosts.get(host).map_or(Vec::new(), |h| h.vms.iter().copied().collect());
        // Whose permit is over, and who is ending its guests, is as one whose watchdog bites: a named
        // residual risk where such a write may land later than the next bite.
        let timing = &self.options.timing;
        let ends = self.hosts.get(host).is_some_and(|h| h.gate_closed);
        let waited = self.options.late_writes && !(ends && timing.t_late_ms > timing.t_wd_ms);
        for vm in vms.into_iter().filter(|_| waited) {
            let until = self.now + self.rng.below(late * 95 / 100);
            self.manager.dirty.insert(vm, until);
        }
        self.stop(host);
    }

    /// The longest that a write may take to land, in nanoseconds.
    pub(crate) fn late(&self) -> u64 {
        u64::from(self.options.timing.t_late_ms) * MS
    }

    /// Everything on a host ends.
    fn stop(&mut self, host: usize) {
        let late = self.late();
        let Some(h) = self.hosts.get_mut(host) else { return };
        if !h.powered {
            return;
        }
        h.powered = false;
        h.unlanded.clear();
        h.machine = None;
        h.life += 1;
        h.timer_at = None;
        h.managing = false;
        h.watchdog = Watchdog { arms: h.watchdog.arms, ..Watchdog::default() };
        h.paused = false;
        h.deferred.clear();
        h.gate_closed = false;
        h.vms.clear();
        h.starting.clear();
        h.forget_streams();
        h.ending.clear();
        h.daemon.up();
        h.told = None;
        h.acted = false;
        h.heard = Orders::default();
        h.reads.clear();
        let mut left: Vec<WriteOp> = h.flying.drain(..).map(|flying| flying.op).collect();
        left.extend(h.stuck.drain(..).filter_map(|stuck| match stuck {
            Stuck::Write(_, _, op) => Some(op),
            _ => None,
        }));
        self.area_cut(host, late);
        for op in left {
            // Writes on their way may be lost, land late, or land in part.
            let whole = op.bytes.len();
            let length =
                if self.rng.chance(400) { self.rng.index(whole / 512) * 512 } else { whole };
            if self.options.late_writes && self.rng.chance(700) {
                let delay = self.rng.below(late * 95 / 100);
                self.after(delay, Event::LateLand { op, length });
            }
        }
    }

    /// A reset: power is back at once.
    pub(crate) fn reset_host(&mut self, host: usize, why: &str) {
        self.log(|| format!("host {host} resets: {why}"));
        self.resets.push((host, self.now, why.to_owned()));
        self.stop(host);
        self.after(0, Event::Power { host, on: true });
    }

    pub(crate) fn guard_start(&mut self, host: usize) {
        let seed = self.rng.bits();
        let (now, place) = (self.now, self.place_of(host));
        let unarmed = self.stays_unarmed(host);
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.booting = false;
        if h.machine.is_some() {
            return self.fail(Invariant::OneGuard, format!("a second guard starts on host {host}"));
        }
        if unarmed || (h.shaped.removed && !h.shaped.unaware) {
            h.idle = true;
            return;
        }
        let stored = h.shaped.config.as_deref().or(h.paper.config.as_deref());
        let mut config = stored.unwrap_or(&self.armed).clone();
        h.life += 1;
        h.incarnation += 1;
        h.gate_closed = false;
        let Some(own) = self.config.hosts.get(place).map(|spec| spec.host) else { return };
        config.host = own;
        if let Some(keys) = &h.keyed.kept {
            config.keys.clone_from(keys);
        }
        let shaped = stored.is_some().then(|| config.clone());
        let boot = BootInfo {
            host: own,
            incarnation: Incarnation(h.incarnation),
            now: Instant(h.local(now)),
            booted_at: Instant(0),
            running: h.processes(),
        };
        let incarnation = h.incarnation;
        self.records.begin(host, &boot, &config, seed);
        h.machine = Machine::new(boot, config, seed).ok();
        h.timer_at = None;
        h.told = None;
        h.acted = false;
        let boot = h.boot;
        if let Some(config) = shaped {
            self.listen(host, &config);
        }
        self.close_database(host);
        self.log(|| format!("host {host} starts its guard as {incarnation}"));
        self.input(host, Input::Timer);
        self.after(0, Event::Probe { host, boot });
    }

    /// Gives an event to the guard, now or when it is no longer paused.
    pub(crate) fn deliver(&mut self, host: usize, event: Deferred) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered) else { return };
        if h.paused {
            if h.deferred.len() < 4096 {
                h.deferred.push(event);
            }
            return;
        }
        match event {
            Deferred::Timer => self.input(host, Input::Timer),
            Deferred::Datagram(network, bytes) => {
                self.input(host, Input::Datagram { network, bytes: &bytes });
                if let Some(machine) = self.hosts.get_mut(host).and_then(|h| h.machine.as_mut()) {
                    machine.reuse(bytes);
                }
            }
            Deferred::Io(life, io, result) => {
                if h.life != life {
                    return;
                }
                match result {
                    Answer::Wrote(result) => self.input(host, Input::WriteDone { io, result }),
                    Answer::Read(result) => {
                        self.read_done(host, io, result);
                    }
                }
            }
            Deferred::Fenced(clean) => self.input(host, Input::Fenced { clean }),
            Deferred::Feed(arms) => {
                // Lateness grows more slowly than time, so that the watchdog does not notice.
                h.feed_late_now = h.feed_late.min(h.feed_late_now + 45 * MS);
                let (boot, late) = (h.boot, h.feed_late_now);
                let local = Instant(h.local(now));
                let may = h.machine.as_ref().is_some_and(|machine| machine.may_feed(local));
                if !h.watchdog.armed || h.watchdog.arms != arms {
                    return;
                }
                let pause = late.max(self.chaos.feed_race(&self.options.timing));
                if may && (pause > 0 || self.options.plain) {
                    self.after(pause, Event::FeedLands { host, boot });
                } else if may {
                    self.fed(host);
                }
                let every = u64::from(self.options.timing.t_wd_ms) * MS / 5;
                // A fixed lateness is the worst case at every check; chance pauses the guard itself.
                let every = if late > 0 { 50 * MS } else { every.max(pause) };
                self.after(every, Event::Feed { host, boot, arms });
            }
        }
    }

    /// A read returns: block by block, or as a disk gives it. Both say the same.
    fn read_done(&mut self, host: usize, io: IoId, read: Result<Vec<SharedBlock>, IoFailed>) {
        let flat: Vec<u8>;
        let result = match &read {
            Ok(blocks) if self.options.plain => {
                flat = ReadBytes::Shared(blocks).to_vec();
                Ok(ReadBytes::Flat(&flat))
            }
            Ok(blocks) => Ok(ReadBytes::Shared(blocks)),
            Err(failed) => Err(*failed),
        };
        self.input(host, Input::ReadDone { io, result });
    }

    pub(crate) fn paused(&self, host: usize) -> bool {
        self.hosts.get(host).is_none_or(|h| h.paused)
    }

    pub(crate) fn resume(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.paused = false;
        let deferred = std::mem::take(&mut h.deferred);
        self.log(|| format!("host {host}'s guard runs again"));
        for event in deferred {
            self.deliver(host, event);
        }
        self.tell_load(host);
    }

    pub(crate) fn fed(&mut self, host: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        if h.watchdog.armed {
            h.watchdog.fed_at = now;
            self.watch_bite(host);
        }
    }

    /// Somebody looks at the watchdog when it would bite. One look is enough: it is put off when it
    /// finds that the watchdog was fed.
    fn watch_bite(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (boot, due) = (h.boot, h.watchdog.fed_at + h.watchdog.bite);
        if self.options.plain || h.watchdog.looks_at.is_none_or(|at| due < at) {
            h.watchdog.looks_at = Some(due);
            self.after(due - self.now, Event::Bite { host, boot });
        }
    }

    pub(crate) fn bite(&mut self, host: usize) {
        let (now, plain) = (self.now, self.options.plain);
        let Some(h) = self.hosts.get_mut(host) else { return };
        if !plain && h.watchdog.looks_at != Some(now) {
            return;
        }
        h.watchdog.looks_at = None;
        if !h.watchdog.armed {
            return;
        }
        if now >= h.watchdog.fed_at + h.watchdog.bite {
            self.reset_host(host, "its watchdog bites");
        } else if !plain {
            self.watch_bite(host);
        }
    }

    /// An isolation address answers, or does not. The same answer again changes nothing.
    pub(crate) fn probe(&mut self, host: usize) {
        let plain = self.options.plain;
        let Some(h) = self.hosts.get_mut(host).filter(|h| !h.paused) else { return };
        let reached = h.isolation;
        if plain || h.machine.as_ref().is_some_and(|machine| machine.would_learn(reached)) {
            self.input(host, Input::Isolation { reached });
        }
    }

    /// Feeds the machine one event and performs what it asks.
    pub(crate) fn input(&mut self, host: usize, input: Input<'_>) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let local = Instant(h.local(now));
        let Some(machine) = h.machine.as_mut() else { return };
        self.records.input(host, local, &input);
        machine.handle(local, input);
        // What it asks for leads to more for the same machine now and then.
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.extend(std::iter::from_fn(|| machine.poll_output()));
        self.records.outputs(host, &outputs);
        let life = h.life;
        for output in outputs.drain(..) {
            self.perform(host, output);
        }
        self.outputs = outputs;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.life == life) else { return };
        let deadline = h.machine.as_ref().and_then(Machine::next_deadline);
        if let Some(deadline) = deadline {
            let at = h.real(deadline.0).max(now + 1);
            if h.timer_at.is_none_or(|set| at < set || set <= now) {
                h.timer_at = Some(at);
                let boot = h.boot;
                self.after(at - now, Event::Timer { host, boot });
            }
        }
        self.check_host(host);
    }

    fn perform(&mut self, host: usize, output: Output) {
        match output {
            Output::Send { network, to, bytes } => self.send(host, network, to, bytes),
            Output::Read { io, statefile, ranges } => {
                let blocks = ranges.iter().map(|range| range.count as usize).sum();
                let parts = Vec::with_capacity(blocks);
                let op = ReadOp { file: statefile, ranges, parts, next: 0 };
                let life = self.hosts.get(host).map_or(0, |h| h.life);
                self.issue_read(host, life, io, op);
            }
            Output::Write { io, statefile, block, bytes } => {
                let life = self.hosts.get(host).map_or(0, |h| h.life);
                self.aim_at_write(host, block);
                self.issue_write(host, life, io, WriteOp { file: statefile, block, bytes });
            }
            Output::WatchdogArm { bite_ms } => self.arm_watchdog(host, bite_ms),
            Output::WatchdogDisarm => {
                if let Some(h) = self.hosts.get_mut(host) {
                    h.watchdog.armed = false;
                }
            }
            Output::Fence { reason } => self.fence(host, reason),
            Output::Reset { reason } => self.reset_host(host, &reason),
            Output::Restart { above } => {
                let Some(h) = self.hosts.get_mut(host) else { return };
                h.incarnation = h.incarnation.max(above.0);
                h.machine = None;
                h.life += 1;
                h.told = None;
                let boot = h.boot;
                self.log(|| format!("host {host} leaves as its next incarnation"));
                let delay = self.rng.between(5 * MS, 300 * MS);
                self.after(delay, Event::GuardStart { host, boot });
            }
            Output::Left { disarmed } => {
                self.log(|| format!("host {host} left the membership (disarmed: {disarmed})"));
                if let Some(h) = self.hosts.get_mut(host) {
                    h.machine = None;
                    h.life += 1;
                    h.idle = true;
                    h.told = None;
                    h.watchdog.armed = false;
                }
                self.forget_paper(host);
                // It was on its way out when its operators began to bring all hosts back.
                if self.chaos.healed {
                    self.after(1_000 * MS, Event::Power { host, on: false });
                    self.after(2_000 * MS, Event::Power { host, on: true });
                }
            }
            Output::Reply(reply) => {
                if reply.id >= RESHAPE {
                    self.shaped(host, reply.id, reply.result.is_ok());
                }
                if let Some(h) = self.hosts.get_mut(host).filter(|_| reply.id == EXCLUDE) {
                    h.heard.set_leaving(reply.result.is_ok());
                }
                // Daemons say again what is not answered: that the earlier one made room is no news.
                if reply.result.as_ref().err().is_none_or(|refusal| refusal.code != REPLACED) {
                    self.log(|| format!("host {host} replies {:?}", reply.result));
                }
            }
            Output::Note(text) => self.log(|| format!("host {host}: {text}")),
            Output::StateChanged => self.push_state(host),
        }
    }

    pub(crate) fn push_state(&mut self, host: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get(host) else { return };
        let (local, boot) = (Instant(h.local(now)), h.boot);
        let Some(machine) = h.machine.as_ref() else { return };
        let mut state = self.spare.pop().unwrap_or_else(|| Box::new(GuardState::idle()));
        machine.fill_state(local, &mut state);
        if let Some(epoch) = &state.epoch {
            self.check_epoch(epoch);
            if self.hosts.get(host).is_some_and(|h| h.daemon.down()) {
                return;
            }
            let news = self.hosts.get_mut(host).is_some_and(|h| h.says_epoch(epoch.number.0));
            if self.options.log && news {
                let members: Vec<_> = epoch
                    .members
                    .iter()
                    .map(|m| (self.index_of(m.host).unwrap_or(99), m.incarnation.0))
                    .collect();
                let line = format!(
                    "host {host} knows epoch {} {members:?} coordinator {:?}",
                    epoch.number.0,
                    self.index_of(epoch.coordinator.host)
                );
                self.log(|| line);
            }
        }
        if removed(Mutation::TombstoneClears)
            && state.phase == GuardPhase::Member
            && let Some(h) = self.hosts.get_mut(host)
        {
            h.gate_closed = false;
        }
        let delay = self.rng.below(3 * MS);
        let down = self.hosts.get(host).map_or(0, |h| h.daemon.deaths());
        self.after(delay, Event::Told { host, boot, down, state });
    }

    fn send(&mut self, from: usize, network: u8, to: std::net::SocketAddr, bytes: Vec<u8>) {
        let listens = |h: &crate::host::Host| h.listens.contains(&(network, to));
        let Some(target) = self.hosts.iter().position(listens) else { return };
        let target = self.reached(target);
        self.note_old_address(target, network, to);
        self.forge(target, network, &bytes);
        let [first, second] = self.network.deliveries(network, from, target, &mut self.rng);
        // Both copies are on their way in this order, whichever arrives first.
        let copy = second.map(|_| bytes.clone());
        if let Some(delay) = first {
            self.after(delay, Event::Datagram { host: target, network, bytes });
        }
        if let Some((delay, bytes)) = second.zip(copy) {
            self.after(delay, Event::Datagram { host: target, network, bytes });
        }
    }

    fn arm_watchdog(&mut self, host: usize, bite_ms: u32) {
        let now = self.now;
        let drift = self.rng.below(2 * self.options.drift_ppm + 1);
        let Some(h) = self.hosts.get_mut(host) else { return };
        if h.no_watchdog {
            return self.input(host, Input::WatchdogArmed { bite_ms: Err(IoFailed) });
        }
        let ppm = 1_000_000 - self.options.drift_ppm + drift;
        h.watchdog.armed = true;
        h.watchdog.arms += 1;
        let arms = h.watchdog.arms;
        h.watchdog.bite = u64::from(bite_ms) * MS / 1_000_000 * ppm;
        h.watchdog.fed_at = now;
        let boot = h.boot;
        self.after(0, Event::Feed { host, boot, arms });
        self.watch_bite(host);
        self.input(host, Input::WatchdogArmed { bite_ms: Ok(bite_ms) });
    }

    fn fence(&mut self, host: usize, reason: String) {
        self.log(|| format!("host {host} fences itself: {reason}"));
        self.fences.push((host, self.now, reason));
        if self.hosts.get(host).is_some_and(|h| h.no_memory) {
            return self.reset_host(host, "no thread to fence with");
        }
        self.close_database(host);
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.gate_closed = !removed(Mutation::GateOpen);
        if h.gate_closed {
            h.daemon.killed_by_fencing();
            h.starting.clear();
            h.forget_streams();
        }
        let (life, boot) = (h.life, h.boot);
        let vms: Vec<u32> = h.vms.iter().copied().collect();
        let mut last = 0;
        for vm in vms {
            let slow = self.rng.chance(50);
            let delay = self.rng.between(5 * MS, if slow { 3_000 * MS } else { 200 * MS });
            last = last.max(delay);
            self.after(delay, Event::KillVm { host, boot, vm });
        }
        let clean = !self.rng.chance(20);
        self.after(last + 10 * MS, Event::Fenced { host, life, clean });
    }

    pub(crate) fn tell_load(&mut self, host: usize) {
        let Some(h) = self.hosts.get(host).filter(|h| !h.paused && !h.daemon.down()) else {
            return;
        };
        let running = h.processes();
        let command = GuardCommand::Load { running, protected: running };
        self.input(host, Input::Command { id: 0, command });
    }
}
