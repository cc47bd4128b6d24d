//! Guests on their way from one host to another, as the two hosts see it.
//!
//! Owns: what a source and a destination do of a live migration, and what they answer. An order is judged
//! by the production code (`haven_failover::Orders`); memory goes through the daemons of both hosts, so
//! that it stops where one of them does; the guest changes sides in one step, which is on its way for a
//! moment.

use haven_cluster::ids::Life;
use haven_cluster::mutation::{Mutation, removed};
use haven_failover::{Duty, Report, Sender, Sight, Term};
use uuid::Uuid;

use crate::event::Event;
use crate::motion::{Ask, Asked, Told};
use crate::world::{MS, World};

/// How long a guest's memory takes, in nanoseconds: from, to.
const COPY: (u64, u64) = (20 * MS, 3_000 * MS);
/// How long a destination's hypervisor keeps what nobody sends any more.
const PATIENCE: (u64, u64) = (5_000 * MS, 30_000 * MS);
/// Pause before a stream that stands still is looked at again.
const AGAIN: u64 = 50 * MS;

/// A VM that a host sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) to: usize,
    /// Tells one attempt from the next.
    since: u64,
    /// Who waits for its end.
    ask: Ask,
    /// Kills of both daemons when it began: what goes through them ends with them.
    kills: (u64, u64),
    cancelled: bool,
    /// The guest does not execute here any more.
    pub(crate) sent: bool,
}

/// From whom a host expects a VM, and who said so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    from: usize,
    term: Term,
}

/// A guest of which all is copied, on its way to its destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    from: usize,
    to: usize,
    /// Which time the destination was switched on.
    boot: u64,
    vm: u32,
    since: u64,
}

pub(crate) fn vm_id(vm: u32) -> Uuid {
    Uuid::from_u128(u128::from(vm))
}

impl World {
    /// An order or a question about a VM with two holders reaches a host. Whoever refuses says nothing
    /// here: the coordinator asks again.
    pub(crate) fn asked(&mut self, ask: Ask) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(ask.to).filter(|h| h.powered && !h.gate_closed) else {
            return;
        };
        let Some(armed) = h.armed_view(now).filter(|_| h.daemon.kills() == ask.kills) else {
            return;
        };
        let sender = Sender { host: ask.term.coordinator.host, member: true, named: false };
        let duty = match ask.what {
            Asked::Prepare { .. } => {
                Duty { vm: Some(vm_id(ask.vm)), placement: Some(ask.number), runs_guest: true }
            }
            _ => Duty { vm: Some(vm_id(ask.vm)), ..Duty::default() },
        };
        let heard = h.heard.hear(&sender, Some(armed), ask.term).is_ok();
        if !heard || h.heard.allows(&duty, Some(armed), ask.term).is_err() {
            return;
        }
        let told = match ask.what {
            Asked::Prepare { from } => {
                h.windows.insert(ask.vm, Window { from, term: ask.term });
                Told::Done
            }
            Asked::Send { to } => return self.send_vm(ask, to),
            Asked::Copy { .. } | Asked::Drop | Asked::Inventory => {
                return self.asked_of_disks(ask);
            }
            Asked::Cancel => {
                if let Some(sending) = h.sending.get_mut(&ask.vm) {
                    sending.cancelled = true;
                }
                Told::Done
            }
            Asked::Look => {
                h.windows.retain(|_, window| window.term == ask.term);
                Told::Sees(h.report(ask.vm, ask.life, now))
            }
            Asked::Finish => {
                if h.heard.close(vm_id(ask.vm), ask.number).is_err() {
                    return;
                }
                h.windows.remove(&ask.vm);
                Told::Done
            }
            Asked::Close => {
                let said = h.report(ask.vm, ask.life, now);
                if h.heard.close(vm_id(ask.vm), ask.number).is_err() {
                    return;
                }
                h.windows.remove(&ask.vm);
                // Another life of the host can say nothing for the one that is asked.
                if said.stranger && !removed(Mutation::OtherLifeAnswers) {
                    return;
                }
                Told::Runs(said.acting || said.sight != Sight::Nothing)
            }
            Asked::Stop => {
                h.incoming.remove(&ask.vm);
                h.starting.remove(&ask.vm);
                self.process_ends(ask.vm, ask.to);
                self.tell_load(ask.to);
                if self.hosts.get(ask.to).is_some_and(|h| h.sees_writes_of(ask.vm)) {
                    return;
                }
                Told::Done
            }
        };
        let (to, vm, what) = (ask.to, ask.vm, ask.what);
        self.log(|| format!("host {to} is asked about vm {vm}: {what:?}, {told:?}"));
        self.answer_ask(ask, told);
    }

    pub(crate) fn answer_ask(&mut self, ask: Ask, told: Told) {
        let delay = self.rng.between(MS, 10 * MS);
        self.after(delay, Event::Answer(Box::new(ask), told));
    }

    fn send_vm(&mut self, ask: Ask, to: usize) {
        let now = self.now;
        let kills = |at: usize| self.hosts.get(at).map_or(0, |h| h.daemon.kills());
        let kills = (kills(ask.to), kills(to));
        let expected = self.reaches(ask.to, to)
            && self.hosts.get(to).is_some_and(|h| {
                let armed = h.armed_view(now);
                let open =
                    |window: &&Window| window.from == ask.to && h.heard.may_run(armed, window.term);
                let from = h.windows.get(&ask.vm).filter(open).is_some();
                from && !h.gate_closed
                    && !h.incoming.contains_key(&ask.vm)
                    && !h.vms.contains(&ask.vm)
            });
        let Some(h) = self.hosts.get_mut(ask.to) else { return };
        // Whoever gives it away starts it no more by what it was told before.
        let forgets = removed(Mutation::GivenAwayStarts);
        let closed = forgets || h.heard.give_away(vm_id(ask.vm), ask.number).is_ok();
        if !closed || !expected || !h.vms.contains(&ask.vm) || h.sending.contains_key(&ask.vm) {
            return self.answer_ask(ask, Told::Failed);
        }
        let sending = Sending { to, since: now, ask, kills, cancelled: false, sent: false };
        h.sending.insert(ask.vm, sending);
        let boot = h.boot;
        if let Some(h) = self.hosts.get_mut(to) {
            h.incoming.insert(ask.vm, now);
        }
        self.tell_load(to);
        let copy = self.rng.between(COPY.0, COPY.1);
        let (host, vm) = (ask.to, ask.vm);
        self.after(copy, Event::Copied { host, boot, vm, since: now });
        let boot = self.hosts.get(to).map_or(0, |h| h.boot);
        let patience = self.rng.between(PATIENCE.0, PATIENCE.1);
        self.after(patience, Event::Stranded(Handover { from: host, to, boot, vm, since: now }));
    }

    /// All of a VM's memory is at its destination, if nothing came between.
    pub(crate) fn copied(&mut self, host: usize, vm: u32, since: u64) {
        let Some(h) = self.hosts.get(host).filter(|h| !h.gate_closed) else { return };
        let boot = h.boot;
        let Some(sending) = h.sending.get(&vm).copied().filter(|s| s.since == since) else {
            return;
        };
        let kills = |at: usize| self.hosts.get(at).map_or(0, |h| h.daemon.kills());
        let alive = (kills(host), kills(sending.to)) == sending.kills;
        // Nothing is handed over before it's written.
        let stalls = self.storage_stalls(vm, host);
        if alive && (stalls || self.daemon_held(host) || self.daemon_held(sending.to)) {
            return self.after(AGAIN, Event::Copied { host, boot, vm, since });
        }
        let there = self.hosts.get(sending.to).filter(|h| !h.cut(sending.since));
        let there = there.filter(|h| h.incoming.get(&vm) == Some(&since));
        let reached = there.map(|h| h.boot).filter(|_| self.reaches(host, sending.to));
        let Some(boot) = reached.filter(|_| alive && !sending.cancelled) else {
            return self.stays(host, vm, sending);
        };
        if let Some(h) = self.hosts.get_mut(host) {
            h.vms.remove(&vm);
            h.sending.insert(vm, Sending { sent: true, ..sending });
        }
        let most = if self.rng.chance(100) { 300 * MS } else { 30 * MS };
        let gap = self.rng.between(MS, most);
        let handover = Handover { from: host, to: sending.to, boot, vm, since };
        self.after(gap, Event::GoesOn(handover));
    }

    /// The destination goes on with the guest, whatever became of the source meanwhile; or the source
    /// does, if it is there to hear that the destination will not.
    pub(crate) fn goes_on(&mut self, handover: Handover) {
        let now = self.now;
        let Handover { from, to, boot, vm, since } = handover;
        let source = self.hosts.get(from).and_then(|h| h.sending.get(&vm)).copied();
        let source = source.filter(|sending| sending.since == since);
        let there = self.hosts.get(to).filter(|h| h.powered && h.boot == boot && !h.gate_closed);
        if there.is_some_and(|h| h.incoming.get(&vm) == Some(&since)) {
            self.check_start(vm, to);
            self.log(|| format!("vm {vm} arrives on host {to} from host {from}"));
            if let Some(h) = self.hosts.get_mut(to) {
                h.incoming.remove(&vm);
                h.vms.insert(vm);
                h.arrived.insert(vm, now);
            }
            self.tell_load(to);
            let Some(sending) = source else { return };
            if let Some(h) = self.hosts.get_mut(from) {
                h.sending.remove(&vm);
            }
            self.tell_load(from);
            return self.answer_ask(sending.ask, Told::Done);
        }
        let Some(sending) = source.filter(|_| self.hosts.get(from).is_some_and(|h| !h.gate_closed))
        else {
            return;
        };
        self.check_start(vm, from);
        if let Some(h) = self.hosts.get_mut(from) {
            h.vms.insert(vm);
        }
        self.stays(from, vm, sending);
    }

    /// The hypervisor of a destination removes what nobody sends any more.
    pub(crate) fn stranded(&mut self, handover: Handover) {
        let Handover { from, to, boot, vm, since } = handover;
        let same =
            |h: &&mut crate::host::Host| h.boot == boot && h.incoming.get(&vm) == Some(&since);
        let sends = self.hosts.get(from).and_then(|h| h.sending.get(&vm));
        if sends.is_some_and(|sending| sending.since == since) {
            return self.after(PATIENCE.0, Event::Stranded(handover));
        }
        if let Some(h) = self.hosts.get_mut(to).filter(same) {
            h.incoming.remove(&vm);
            self.tell_load(to);
        }
    }

    /// The migration is over, and the guest where it was. What the destination has of it is removed,
    /// unless nobody is there to do so.
    fn stays(&mut self, host: usize, vm: u32, sending: Sending) {
        if let Some(h) = self.hosts.get_mut(host) {
            h.sending.remove(&vm);
        }
        let tidy = self.rng.chance(700);
        let there = self.hosts.get_mut(sending.to);
        if let Some(h) = there.filter(|h| tidy && h.incoming.get(&vm) == Some(&sending.since)) {
            h.incoming.remove(&vm);
        }
        self.tell_load(sending.to);
        self.answer_ask(sending.ask, Told::Failed);
    }
}

impl crate::host::Host {
    /// Nothing of a VM is here.
    pub(crate) fn lacks(&self, vm: u32) -> bool {
        let gone = !self.vms.contains(&vm) && !self.starting.contains_key(&vm);
        let moves = self.sending.contains_key(&vm) || self.incoming.contains_key(&vm);
        gone && !moves && !self.sees_writes_of(vm)
    }

    /// It finds that what a VM without a process wrote has not landed.
    pub(crate) fn sees_writes_of(&self, vm: u32) -> bool {
        self.unlanded.contains(&vm) && !removed(Mutation::WritesUnderWay)
    }

    /// Its daemon lists it: it has a process, or what it wrote has not landed.
    pub(crate) fn is_listed(&self, vm: u32) -> bool {
        self.vms.contains(&vm) || self.sees_writes_of(vm)
    }

    /// What its daemon says of a VM, for that life.
    pub(crate) fn report(&self, vm: u32, life: Life, now: u64) -> Report {
        let sending = self.sending.get(&vm);
        let left = self.sees_writes_of(vm) || sending.is_some_and(|sending| sending.sent);
        let sight = if self.vms.contains(&vm) || left {
            Sight::Here
        } else if self.incoming.contains_key(&vm) {
            Sight::Incoming
        } else {
            Sight::Nothing
        };
        let armed = self.armed_view(now).filter(|armed| armed.permit);
        Report {
            sight,
            acting: sending.is_some() || self.starting.contains_key(&vm),
            stranger: armed.and_then(|armed| armed.me) != Some(life),
        }
    }

    /// It is to leave the membership in order: nothing begins to execute, and nothing arrives.
    pub(crate) fn lets_nothing_in(&mut self, now: u64) {
        self.heard.set_leaving(true);
        self.windows.clear();
        self.cut_at = now;
    }

    /// What has come in since then was cut off.
    fn cut(&self, since: u64) -> bool {
        since <= self.cut_at
    }

    /// Nothing is on its way from here or to here any more.
    pub(crate) fn forget_streams(&mut self) {
        self.sending.clear();
        self.incoming.clear();
        self.windows.clear();
        self.copying.clear();
    }
}
