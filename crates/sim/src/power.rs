//! Power devices: what the pool daemon of a coordinator does with lives that are put out.

use haven_cluster::Input;
use haven_cluster::control::{DeathProof, GuardCommand, GuardPhase, GuardState};
use haven_cluster::ids::{HostId, Instant, Life};

use crate::event::Event;
use crate::world::{MS, World};

/// How the power devices of all hosts behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerDevice {
    /// There are none.
    #[default]
    None,
    /// They switch off.
    Good,
    /// They say "done" and do nothing; their status tells the truth.
    Lying,
    /// They never answer.
    Hanging,
}

/// A step of fencing one host by power.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PowerStep {
    /// The device carries the command out.
    Off { by: usize, boot: u64, life: Life, began: Instant },
    /// It is asked for the host's status.
    Check { by: usize, boot: u64, life: Life, began: Instant },
    /// The guest ends: it was asked to.
    GuestEnds { host: usize, boot: u64, vm: u32 },
}

/// What a daemon does something about.
#[derive(Debug)]
pub(crate) struct News {
    asking: bool,
    quarantined: Vec<HostId>,
    to_power_off: Vec<Life>,
}

impl News {
    pub(crate) fn of(state: &GuardState) -> Self {
        let quarantined = state.peers.iter().filter(|peer| peer.quarantined);
        Self {
            asking: matches!(state.phase, GuardPhase::AskingGuests(_)),
            quarantined: quarantined.map(|peer| peer.host).collect(),
            to_power_off: state.to_power_off.clone(),
        }
    }
}

impl World {
    /// The daemon on `host` does what the new state of its guard asks for.
    pub(crate) fn react(&mut self, host: usize, news: News) {
        let Some(h) = self.hosts.get(host) else { return };
        let (boot, began) = (h.boot, Instant(h.local(self.now)));
        if news.asking {
            let vms: Vec<u32> = h.vms.iter().copied().collect();
            for vm in vms {
                let delay = self.rng.between(200, 8_000) * MS;
                self.after(delay, Event::Step(PowerStep::GuestEnds { host, boot, vm }));
            }
        }
        if !self.options.quarantine {
            for peer in news.quarantined {
                let command = GuardCommand::Release { host: peer };
                self.input(host, Input::Command { id: 0, command });
            }
        }
        if self.options.power_fencing != PowerDevice::None {
            for life in news.to_power_off {
                let busy = self.manager.fencing.get(&life).is_some_and(|at| self.now < *at);
                if !busy {
                    self.manager.fencing.insert(life, self.now + 20_000 * MS);
                    let name = self.name(life);
                    self.log(|| format!("host {host} fences {name} by power"));
                    let delay = self.rng.between(100, 2_000) * MS;
                    self.after(delay, Event::Step(PowerStep::Off { by: host, boot, life, began }));
                }
            }
        }
    }

    pub(crate) fn power_step(&mut self, step: PowerStep) {
        match step {
            PowerStep::Off { by, boot, life, began } => {
                let Some(target) = self.index_of(life.host) else { return };
                match self.options.power_fencing {
                    PowerDevice::Good => {
                        self.power_off(target);
                        let back = self.rng.between(5_000, 60_000);
                        self.inject(back, crate::faults::Fault::PowerOn(target));
                    }
                    PowerDevice::Lying => {}
                    PowerDevice::Hanging | PowerDevice::None => return,
                }
                let delay = self.rng.between(20, 500) * MS;
                self.after(delay, Event::Step(PowerStep::Check { by, boot, life, began }));
            }
            PowerStep::Check { by, boot, life, began } => self.check_power(by, boot, life, began),
            PowerStep::GuestEnds { host, boot, vm } => {
                let there = self.hosts.get(host).is_some_and(|h| h.boot == boot);
                if there && self.process_ends(vm, host) {
                    self.log(|| format!("vm {vm} shuts down on host {host}"));
                    self.tell_load(host);
                }
            }
        }
    }

    /// A daemon that keeps its proofs by host instead of by life reports an old one.
    pub(crate) fn stale_proof(&mut self, host: usize) {
        let now = self.now;
        let Some((by, life)) = self.awaited(host) else { return };
        let Some(h) = self.hosts.get(by) else { return };
        let before = |ms: u64| Instant(h.local(now).saturating_sub(ms * MS));
        let proof = DeathProof::PoweredOff { began: before(30_000), checked: before(29_000) };
        let command = GuardCommand::ProvenDead { life, proof };
        self.input(by, Input::Command { id: 0, command });
    }

    /// A person says that a host is off, whose death the coordinator waits for.
    pub(crate) fn word(&mut self, host: usize) {
        let Some((by, life)) = self.awaited(host) else { return };
        let name = self.name(life);
        self.log(|| format!("somebody says that {name} is off"));
        let proof = DeathProof::Administrator;
        let command = GuardCommand::ProvenDead { life, proof };
        self.input(by, Input::Command { id: 0, command });
    }

    /// The coordinator that waits for the death of this host, and of which life.
    fn awaited(&self, host: usize) -> Option<(usize, Life)> {
        let waits = |h: &crate::host::Host| {
            h.powered && h.told.as_ref().is_some_and(|state| !state.to_power_off.is_empty())
        };
        let by = self.hosts.iter().position(waits)?;
        let lives = self.hosts.get(by)?.told.iter().flat_map(|state| state.to_power_off.clone());
        let found = lives.into_iter().find(|life| self.index_of(life.host) == Some(host));
        found.map(|life| (by, life))
    }

    fn check_power(&mut self, by: usize, boot: u64, life: Life, began: Instant) {
        let off = self.index_of(life.host).and_then(|target| self.hosts.get(target));
        let off = off.is_some_and(|target| !target.powered);
        let Some(h) = self.hosts.get(by).filter(|h| h.powered && h.boot == boot && !h.paused)
        else {
            return;
        };
        let checked = Instant(h.local(self.now));
        let (name, says) = (self.name(life), if off { "off" } else { "on" });
        self.log(|| format!("the power device of {name} says {says}"));
        if off {
            let proof = DeathProof::PoweredOff { began, checked };
            let command = GuardCommand::ProvenDead { life, proof };
            self.input(by, Input::Command { id: 0, command });
        }
    }
}
