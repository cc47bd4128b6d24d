//! Operators that take hosts out of an armed pool, take them in again, and give them other
//! addresses; and how the guards learn of it.
//!
//! Owns: the pool's wish, which host was told of it, and where guards listen meanwhile. The order
//! is that of the pool daemon: the acting coordinator's guard first, until the epoch is decided;
//! then the others, each once in each of its lives; a host that is new is armed last. Whoever
//! coordinates next finds the same difference and goes on.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use haven_cluster::Input;
use haven_cluster::control::{ArmConfig, EpochView, GuardCommand, HostSpec, places_of};
use haven_cluster::mutation::{Mutation, removed};

use crate::event::Event;
use crate::host::Host;
use crate::options::moved_address;
use crate::world::{MS, World};

/// Commands that change the configuration of a guard; the number of the change is added.
pub(crate) const RESHAPE: u64 = 1 << 32;
/// A command that was not answered is given again after that.
const ASK_AGAIN: u64 = 10_000 * MS;
/// The same for a host that was told and did not say that it knows.
const TELL_AGAIN: u64 = 3_000 * MS;
/// How long a guard still listens at an address that its host has left, and after the last datagram
/// that came there.
const OLD_ADDRESS: u64 = 60_000 * MS;
/// The daemon looks so often whether a host that left may be forgotten.
const FAREWELL_LOOK: u64 = 20 * MS;
/// Places of a statefile.
const SLOTS_MAX: u16 = 64;

/// The pool as its operators want it.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Counts changes; 0: as it was armed.
    pub(crate) number: u64,
    /// Hosts that are no members of the pool now.
    pub(crate) absent: BTreeSet<usize>,
    /// The lowest place that nobody ever had.
    next_slot: u16,
    /// Counts addresses that were given out.
    moves: u8,
    /// The daemon on this host, in this life of its guard, takes a host out: until when it is known to.
    held: Option<(usize, u64, u64)>,
}

/// A host is being taken out of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell {
    host: usize,
    /// It is given up: it is off, and did not leave in order.
    off: bool,
    /// When the daemon gives up.
    until: u64,
    /// The call was taken.
    begun: bool,
    /// Whose guard, in which life, was asked to forget it.
    asked: Option<(usize, u64)>,
}

/// What a host was told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shaped {
    /// What its daemon keeps on the local disk; `None`: as the pool was armed.
    pub(crate) config: Option<Box<ArmConfig>>,
    /// It is no member of the pool, and no guard runs; unless it was given up.
    pub(crate) removed: bool,
    /// It was off when it was taken out, and heard nothing of it: its guard starts as it was configured.
    pub(crate) unaware: bool,
    /// Life and number of the change that it knows.
    knows: (u64, u64),
    /// When it was told last, and when its guard was asked to decide.
    told_at: Option<u64>,
    asked: Option<(u64, u64, u64)>,
    /// The change that its guard had decided.
    decided: (u64, u64),
}

impl World {
    /// The configuration as it is to be now, for this host.
    pub(crate) fn wanted_config(&self, host: usize) -> ArmConfig {
        let mut config = self.config.clone();
        if let Some(spec) = self.config.hosts.get(host) {
            config.host = spec.host;
        }
        let absent = |number: &usize| !self.shape.absent.contains(number);
        let hosts = self.config.hosts.iter().enumerate().filter(|(number, _)| absent(number));
        config.hosts = hosts.map(|(_, spec)| spec.clone()).collect();
        config.hosts.sort_unstable_by_key(|spec| spec.slot);
        let machine = self.hosts.get(host).and_then(|h| h.machine.as_ref());
        if let Some(machine) = machine {
            config.timing = machine.config().timing;
        }
        config
    }

    /// The hosts of the pool as they are to be now are those that a guard knows.
    fn as_wanted(&self, known: &[HostSpec]) -> bool {
        let absent = |number: &usize| !self.shape.absent.contains(number);
        let hosts = self.config.hosts.iter().enumerate().filter(|(number, _)| absent(number));
        // Places are unique, and a guard keeps its hosts in their order.
        let mut count = 0;
        let all = hosts.inspect(|_| count += 1).all(|(_, spec)| known.contains(spec));
        all && count == known.len() && known.is_sorted_by_key(|spec| spec.slot)
    }

    /// The place of a host.
    pub(crate) fn slot_of(&self, host: usize) -> u32 {
        self.config.hosts.get(host).map_or(0, |spec| u32::from(spec.slot))
    }

    /// Somebody who is not `host` takes the operators' calls, and can write them down.
    fn takes_calls(&self, host: usize) -> bool {
        let acting =
            self.coordinator().filter(|acting| *acting != host && !self.daemon_held(*acting));
        acting.and_then(|acting| self.hosts.get(acting)).is_some_and(|h| h.db.ready())
    }

    /// The operators give a host other addresses.
    pub(crate) fn readdress(&mut self, host: usize) {
        if !self.takes_calls(usize::MAX) {
            return self.log(|| "nobody takes the call".to_owned());
        }
        self.shape.moves = self.shape.moves.wrapping_add(1);
        let moves = self.shape.moves;
        let Some(spec) = self.config.hosts.get_mut(host) else { return };
        for (network, address) in (0u8..).zip(&mut spec.addresses) {
            *address = moved_address(network, host, moves);
        }
        self.shape.number += 1;
    }

    /// The operators take a host out of the pool: one that left in order, or one that is off.
    pub(crate) fn remove_host(&mut self, host: usize, off: bool) {
        self.farewell(Farewell {
            host,
            off,
            until: self.now + self.forgotten_within(),
            begun: false,
            asked: None,
        });
    }

    /// How long the acting daemon waits until a host may be forgotten.
    fn forgotten_within(&self) -> u64 {
        let acting = self.coordinator().and_then(|acting| self.hosts.get(acting));
        let machine = acting.and_then(|h| h.machine.as_ref());
        let timing = machine.map_or(self.options.timing, |machine| machine.config().timing);
        timing.forgotten_bound_ms() * MS
    }

    pub(crate) fn farewell(&mut self, farewell: Farewell) {
        let Farewell { host, off, until, begun, .. } = farewell;
        if !self.takes_calls(host) {
            // Who has begun waits for other changes, and nobody makes one meanwhile: the call has the lock.
            if let Some((.., until)) = self.shape.held.as_mut().filter(|_| begun) {
                *until = self.now + 2 * FAREWELL_LOOK;
            }
            return match begun && self.now < until && self.coordinator().is_some() {
                true => self.look_again(farewell),
                false => self.log(|| "nobody takes the call".to_owned()),
            };
        }
        let present = self.hosts.len() - self.shape.absent.len();
        let next = self.config.hosts.iter().map(|spec| spec.slot + 1).max().unwrap_or(0);
        self.shape.next_slot = self.shape.next_slot.max(next);
        let room = self.shape.next_slot < SLOTS_MAX;
        let gone = |h: &&Host| if off { !h.powered } else { h.idle && h.machine.is_none() };
        let Some(h) = self.hosts.get(host).filter(gone) else {
            let why = if off { "it is on" } else { "it did not leave in order" };
            return self.log(|| format!("host {host} is not removed: {why}"));
        };
        if h.shaped.removed || present < 2 || !room {
            return;
        }
        if off && self.names(host) {
            return self.log(|| format!("host {host} is not removed: VMs may run there"));
        }
        if self.waits_to_forget(farewell) {
            return;
        }
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.shaped.removed = true;
        h.shaped.unaware = off;
        self.shape.absent.insert(host);
        self.manager.disabled.insert(host);
        self.shape.number += 1;
        self.log(|| format!("host {host} is taken out of the pool"));
    }

    /// A placement names the host.
    fn names(&mut self, host: usize) -> bool {
        let id = self.config.hosts.get(host).map(|spec| spec.host);
        let acting = self.coordinator().and_then(|acting| self.hosts.get_mut(acting));
        let placed = acting.and_then(|h| h.db.placed());
        let names = |placed: &crate::database::Placed| {
            placed.holder.iter().chain(&placed.to).any(|life| Some(life.host) == id)
        };
        placed.is_none_or(|placed| placed.values().any(names))
    }

    /// The newest epoch that the acting coordinator knows has the host still, or an open one counts on a
    /// life of it: its guard is asked to have that forgotten.
    fn waits_to_forget(&mut self, mut farewell: Farewell) -> bool {
        let Farewell { host, until, asked, .. } = farewell;
        let Some(spec) = self.config.hosts.get(host) else { return true };
        let id = spec.host;
        let Some(acting) = self.coordinator() else { return true };
        let told = self.hosts.get(acting).and_then(|h| Some((h.life, h.told.as_ref()?)));
        let Some((life, state)) = told else { return true };
        let in_it = |epoch: &EpochView| epoch.members.iter().any(|life| life.host == id);
        let counts = state.epoch.as_ref().is_none_or(in_it);
        let out = self.is_out(host);
        if !counts && (out || removed(Mutation::DebtsForgotten)) {
            return false;
        }
        if self.now >= until {
            let why = if counts { "the newest epoch has it" } else { "an epoch counts on it" };
            self.log(|| format!("host {host} is not removed: {why} still"));
            return true;
        }
        // Nobody changes the pool meanwhile.
        self.shape.held = Some((acting, life, self.now + 2 * FAREWELL_LOOK));
        if !counts && asked != Some((acting, life)) {
            farewell.asked = Some((acting, life));
            let command = GuardCommand::Settle { host: id };
            self.input(acting, Input::Command { id: 0, command });
        }
        self.look_again(farewell);
        true
    }

    fn look_again(&mut self, farewell: Farewell) {
        self.after(FAREWELL_LOOK, Event::Farewell(Farewell { begun: true, ..farewell }));
    }

    /// The operators take it in again, under a place that nobody had.
    pub(crate) fn add_host(&mut self, host: usize) {
        if !self.shape.absent.remove(&host) {
            return;
        }
        if let Some(spec) = self.config.hosts.get_mut(host) {
            spec.slot = self.shape.next_slot;
        }
        self.shape.next_slot += 1;
        self.manager.disabled.remove(&host);
        self.shape.number += 1;
        // Who was given up is installed anew before.
        if let Some(h) = self.hosts.get_mut(host).filter(|h| h.shaped.unaware) {
            h.shaped.unaware = false;
            self.power_off(host);
        }
        self.log(|| format!("host {host} is taken into the pool again"));
    }

    /// All hosts are in the pool, and all guards that run know the same configuration.
    #[must_use]
    pub fn guards_agree(&self) -> bool {
        let mut up = self.hosts.iter().enumerate().filter(|(_, h)| h.powered && !h.idle);
        let agrees = |(number, h): (usize, &Host)| {
            let wanted = self.wanted_config(number).hosts;
            let own = self.config.hosts.get(number);
            let at = |(network, to): (u8, &SocketAddr)| h.listens.contains(&(network, *to));
            let hears = own.is_some_and(|own| (0u8..).zip(&own.addresses).all(at));
            hears && h.machine.as_ref().is_some_and(|machine| machine.config().hosts == wanted)
        };
        self.in_pool() && up.all(agrees)
    }

    /// Nobody is out of the pool, or waits to be armed again.
    pub(crate) fn in_pool(&self) -> bool {
        self.shape.number == 0 || self.hosts.iter().all(|h| !h.shaped.removed)
    }

    /// The acting daemon on `host` brings the guards in line with what is wanted.
    pub(crate) fn reshape(&mut self, host: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get(host) else { return };
        let Some(machine) = h.machine.as_ref() else { return };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let placed = epoch.is_some_and(|epoch| epoch.places == Some(self.places()));
        if self.shape.number == 0 && placed {
            return;
        }
        // A call that did not end may have taken a place away.
        self.shape.number = self.shape.number.max(1);
        let number = self.shape.number;
        let held =
            |(by, life, until): (usize, u64, u64)| (by, life) == (host, h.life) && now < until;
        if self.shape.held.is_some_and(held) {
            return;
        }
        let key = (h.life, number);
        let decided =
            placed && (h.shaped.decided == key || self.as_wanted(&machine.config().hosts));
        let Some(h) = self.hosts.get_mut(host) else { return };
        if !decided {
            let asked = |(life, of, at): (u64, u64, u64)| (life, of) == key && now < at + ASK_AGAIN;
            if !h.shaped.asked.is_some_and(asked) {
                h.shaped.asked = Some((h.life, number, now));
                self.log(|| format!("host {host} has change {number} of the pool decided"));
                let wanted = self.wanted_config(host);
                self.take_shape(host, wanted, RESHAPE + number);
            }
            return;
        }
        let waits = h.shaped.asked.is_some_and(|(life, of, at)| {
            (life, of) == key && h.shaped.decided != key && now < at + ASK_AGAIN
        });
        if !waits {
            self.tell_others(host, number);
        }
    }

    /// The places of the hosts that are in the pool.
    fn places(&self) -> u64 {
        let hosts = self.config.hosts.iter().enumerate();
        let present = hosts.filter(|(number, _)| !self.shape.absent.contains(number));
        places_of(present.map(|(_, spec)| spec))
    }

    /// The newest epoch that the acting coordinator knows admits the host no more.
    pub(crate) fn is_out(&self, host: usize) -> bool {
        let acting = self.coordinator().and_then(|acting| self.hosts.get(acting));
        let epoch = acting.and_then(|h| h.told.as_ref()?.epoch.as_ref());
        let spec = self.config.hosts.get(host);
        epoch.zip(spec).is_some_and(|(epoch, spec)| epoch.is_without(spec.slot))
    }

    fn tell_others(&mut self, by: usize, number: u64) {
        let now = self.now;
        for host in 0..self.hosts.len() {
            let near = self.network.connected(by, host) && self.network.connected(host, by);
            let skip = host == by || self.shape.absent.contains(&host) || !near;
            let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered && !skip) else { continue };
            let lately = h.shaped.told_at.is_some_and(|at| now < at + TELL_AGAIN);
            if h.shaped.knows == (h.life, number) || lately {
                continue;
            }
            h.shaped.told_at = Some(now);
            let boot = h.boot;
            let delay = self.rng.between(2, 1_500) * MS;
            self.after(delay, Event::Configure { host, boot, number });
        }
    }

    /// A host hears how the pool is to be.
    pub(crate) fn configure(&mut self, host: usize, number: u64) {
        if number != self.shape.number || self.shape.absent.contains(&host) {
            return;
        }
        let config = self.wanted_config(host);
        let hears = |h: &&mut Host| !h.paused && !h.booting;
        let Some(h) = self.hosts.get_mut(host).filter(hears) else { return };
        if h.shaped.removed {
            h.shaped.removed = false;
            h.idle = false;
            h.shaped.config = Some(Box::new(config));
            let boot = h.boot;
            return self.after(MS, Event::GuardStart { host, boot });
        }
        h.shaped.knows = (h.life, number);
        self.take_shape(host, config, RESHAPE);
    }

    /// The daemon keeps a configuration, and its guard takes it.
    fn take_shape(&mut self, host: usize, config: ArmConfig, id: u64) {
        let own = self.config.hosts.get(host).map(|spec| spec.addresses.clone());
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.shaped.config = Some(Box::new(config.clone()));
        let boot = h.boot;
        let before = h.listens.len();
        for at in (0u8..).zip(own.unwrap_or_default()) {
            if !h.listens.contains(&at) {
                h.listens.push(at);
            }
        }
        if h.listens.len() > before {
            self.after(OLD_ADDRESS, Event::Unlisten { host, boot });
        }
        let command = GuardCommand::Reconfigure(Box::new(config));
        self.input(host, Input::Command { id, command });
    }

    /// Somebody sends to a host where it is, or where it was.
    pub(crate) fn note_old_address(&mut self, host: usize, network: u8, to: SocketAddr) {
        let now = self.now;
        let own = self.config.hosts.get(host);
        let present = own.is_some_and(|own| own.addresses.get(usize::from(network)) == Some(&to));
        if let Some(h) = self.hosts.get_mut(host).filter(|_| !present) {
            h.old_at = now;
        }
    }

    /// The guard leaves the addresses that its host has no more, unless somebody still sends there.
    pub(crate) fn unlisten(&mut self, host: usize) {
        let Some(h) = self.hosts.get(host) else { return };
        if self.now < h.old_at + OLD_ADDRESS {
            let boot = h.boot;
            return self.after(OLD_ADDRESS, Event::Unlisten { host, boot });
        }
        let own = self.config.hosts.get(host).map(|spec| spec.addresses.clone());
        if let Some((h, own)) = self.hosts.get_mut(host).zip(own) {
            h.listens = (0u8..).zip(own).collect();
        }
    }

    /// A guard that starts listens where its configuration says.
    pub(crate) fn listen(&mut self, host: usize, config: &ArmConfig) {
        let own = config.hosts.iter().find(|spec| spec.host == config.host);
        let own = own.map(|spec| spec.addresses.clone()).unwrap_or_default();
        if let Some(h) = self.hosts.get_mut(host) {
            h.listens = (0u8..).zip(own).collect();
        }
    }

    /// A guard answered a command that changes its configuration.
    pub(crate) fn shaped(&mut self, host: usize, id: u64, done: bool) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let key = (h.life, id - RESHAPE);
        if !done {
            // Again in a moment.
            let soon = now.saturating_sub(ASK_AGAIN) + 1_000 * MS;
            h.shaped.asked = h.shaped.asked.map(|(life, of, _)| (life, of, soon));
        } else if id > RESHAPE {
            h.shaped.decided = key;
        }
    }
}
