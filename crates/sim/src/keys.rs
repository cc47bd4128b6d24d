//! The keys of the datagrams change while the pool is armed; what is decided is production's
//! (`haven_failover::rekey`, and the guards).
//!
//! Owns: what each daemon keeps of its guard's keys, and the questions of the acting one, which are asked
//! in rounds: everybody, at the same time, and what is to be done then goes out with the next round.

use std::collections::BTreeMap;

use haven_cluster::Input;
use haven_cluster::control::{GuardCommand, PROTOCOL, PROTOCOL_OF_REKEY};
use haven_cluster::ids::HostId;
use haven_cluster::keys::{KeyStep, Keys, NumberedKey, Rekey, Secret};
use haven_failover::rekey::{
    Advice, Holder, Holds, Stage, advise, may_begin, next_number, take_back,
};
use haven_failover::{Sender, Term};

use crate::event::Event;
use crate::host::Host;
use crate::world::{MS, World};

/// Command that changes the keys of a guard.
const REKEY: u64 = 11;
/// Longest wait for the answers of a round.
const ROUND: u64 = 1_000 * MS;
/// Pause between two rounds while nothing is to be done, or somebody does not answer.
const LOOK_EVERY: u64 = 2_000 * MS;
/// A change that not all members accept within this is taken back.
const PATIENCE: u64 = 30_000 * MS;

/// A host's part in changes of keys.
#[derive(Debug, Default)]
pub(crate) struct Keyed {
    /// What its daemon keeps on the local disk; `None`: as the pool was armed.
    pub(crate) kept: Option<Keys>,
    /// Somebody asked it, as coordinator, for a change.
    wanted: bool,
    /// The life of its guard in which it asks, and the number of its round.
    round: (u64, u64),
    asked_at: u64,
    /// How many were asked, and what those said that answered.
    asked: usize,
    said: BTreeMap<usize, Holds>,
    /// The next round does not begin before.
    rests_until: u64,
    /// Since when members were waited for that do not accept a new key.
    waits_since: Option<u64>,
}

impl Keyed {
    /// What it was asked for in another life of its guard nobody waits for any more.
    fn begin_life(&mut self, life: u64) {
        if self.round.0 != life {
            let kept = self.kept.take();
            *self = Self { kept, round: (life, 0), ..Self::default() };
        }
    }
}

/// A question to a host, with what it is to do before it answers.
#[derive(Clone, Debug)]
pub(crate) struct KeyAsk {
    pub(crate) to: usize,
    boot: u64,
    pub(crate) by: usize,
    round: (u64, u64),
    term: Term,
    step: Option<KeyStep>,
}

impl World {
    /// Somebody asks for new keys.
    pub(crate) fn want_keys(&mut self) {
        let acting = self.coordinator().filter(|acting| !self.daemon_held(*acting));
        let Some(h) = acting.and_then(|acting| self.hosts.get_mut(acting)) else {
            return self.log(|| "nobody takes the call".to_owned());
        };
        h.keyed.begin_life(h.life);
        h.keyed.wanted = true;
        h.keyed.rests_until = 0;
        self.keys_changed = true;
    }

    /// All guards that run hold one key, the same; and its number.
    #[must_use]
    pub fn one_key(&self) -> Option<u64> {
        let machines = self.hosts.iter().filter_map(|h| h.machine.as_ref());
        let mut keys = machines.map(|machine| &machine.config().keys);
        let first = keys.next()?;
        let same = first.other_key.is_none() && keys.all(|other| other == first);
        same.then_some(first.key_number)
    }

    /// The host's guard holds two keys.
    #[must_use]
    pub fn between_keys(&self, host: usize) -> bool {
        let machine = self.hosts.get(host).and_then(|h| h.machine.as_ref());
        machine.is_some_and(|machine| machine.config().keys.other_key.is_some())
    }

    /// The acting daemon on `host` looks at the keys of all guards.
    pub(crate) fn rekey(&mut self, host: usize) {
        if !self.keys_changed {
            return;
        }
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.keyed.begin_life(h.life);
        let k = &h.keyed;
        if k.round.1 == 0 {
            return self.ask_keys(host, &[]);
        }
        let waits = k.said.len() < k.asked && now < k.asked_at + ROUND;
        if !waits && now >= k.rests_until {
            self.judge_keys(host);
        }
    }

    /// A round is over.
    fn judge_keys(&mut self, host: usize) {
        let others = self.holders(host);
        let id = self.config.hosts.get(host).map(|spec| spec.host);
        let own =
            self.hosts.get(host).and_then(|h| Some(h.machine.as_ref()?.config().keys.clone()));
        let Some((id, own)) = id.zip(own) else { return };
        if self.hosts.get_mut(host).is_some_and(|h| std::mem::take(&mut h.keyed.wanted)) {
            let may = own.view().map(|view| may_begin(&view, &others));
            match may {
                Some(Ok(())) => self.begin_keys(host, &own, &others),
                Some(Err(why)) => self.log(|| format!("the keys are not changed: {why:?}")),
                None => {}
            }
            return self.ask_keys(host, &[]);
        }
        match advise(id, &own, &others) {
            Advice::Settled => self.rest_keys(host, &own),
            Advice::Renew => {
                self.begin_keys(host, &own, &others);
                self.ask_keys(host, &[]);
            }
            Advice::Wait(stage, hosts) => self.wait_for_keys(host, (&own, stage), &hosts),
            Advice::Tell(stage, steps) => {
                self.log(|| format!("host {host}: keys, {stage:?}: {} hosts", steps.len()));
                if let Some((_, step)) = steps.iter().find(|(to, _)| *to == id) {
                    self.take_key(host, step.clone());
                }
                let others: Vec<_> = steps.into_iter().filter(|(to, _)| *to != id).collect();
                self.ask_keys(host, &others);
                // What was refused is tried again after a moment.
                self.rest_until(host, 100 * MS);
            }
        }
    }

    fn begin_keys(&mut self, host: usize, own: &Keys, others: &[Holder]) {
        let Some(view) = own.view() else { return };
        let number = next_number(&view, others);
        let [low, ..] = number.to_le_bytes();
        let key = NumberedKey { number, secret: Secret::of([low; 32]) };
        self.log(|| format!("host {host} begins a change to key {number}"));
        self.take_key(host, KeyStep::Accept(key));
    }

    fn rest_keys(&mut self, host: usize, own: &Keys) {
        let number = own.key_number;
        let news = self.hosts.get(host).is_some_and(|h| h.keyed.round.1 > 0);
        if news && self.key_in_force != Some((host, number)) {
            self.key_in_force = Some((host, number));
            self.log(|| format!("host {host}: all members hold key {number} alone"));
        }
        if let Some(h) = self.hosts.get_mut(host) {
            h.keyed.waits_since = None;
            h.keyed.round.1 = 0;
        }
        // Who comes back later is looked for.
        self.rest_until(host, LOOK_EVERY);
    }

    fn wait_for_keys(&mut self, host: usize, (own, stage): (&Keys, Stage), silent: &[HostId]) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let since = *h.keyed.waits_since.get_or_insert(now);
        let back = take_back(own).filter(|_| stage == Stage::Accept && now >= since + PATIENCE);
        if since == now {
            let count = silent.len();
            self.log(|| format!("host {host}: keys, {stage:?}: {count} hosts do not answer"));
        }
        if let Some(step) = back {
            self.log(|| format!("host {host} takes the change of keys back"));
            self.take_key(host, step);
        }
        self.ask_keys(host, &[]);
        self.rest_until(host, LOOK_EVERY);
    }

    fn rest_until(&mut self, host: usize, wait: u64) {
        let until = self.now + wait;
        if let Some(h) = self.hosts.get_mut(host) {
            h.keyed.rests_until = until;
        }
    }

    /// The other hosts of the arming, with what they said in this round.
    fn holders(&self, host: usize) -> Vec<Holder> {
        let Some(h) = self.hosts.get(host) else { return Vec::new() };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let members = epoch.map(|epoch| epoch.members.as_slice()).unwrap_or_default();
        let present = |number: &usize| *number != host && !self.shape.absent.contains(number);
        let specs = self.config.hosts.iter().enumerate().filter(|(number, _)| present(number));
        let holder = |(number, spec): (usize, &haven_cluster::control::HostSpec)| Holder {
            host: spec.host,
            member: members.iter().any(|life| life.host == spec.host),
            said: h.keyed.said.get(&number).copied(),
        };
        specs.map(holder).collect()
    }

    /// A new round: everybody is asked, and some are told something before.
    fn ask_keys(&mut self, by: usize, steps: &[(HostId, KeyStep)]) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(by) else { return };
        let Some(epoch) = h.told.as_ref().and_then(|state| state.epoch.as_ref()) else { return };
        let term = Term { epoch: epoch.number, coordinator: epoch.coordinator };
        h.keyed.round = (h.life, h.keyed.round.1 + 1);
        h.keyed.asked_at = now;
        h.keyed.said.clear();
        let round = h.keyed.round;
        let mut asked = 0;
        for to in (0..self.hosts.len()).filter(|to| *to != by) {
            let near = self.network.connected(by, to) && self.network.connected(to, by);
            let up = self.hosts.get(to).filter(|h| h.powered && near);
            let Some(boot) = up.map(|h| h.boot).filter(|_| !self.shape.absent.contains(&to)) else {
                continue;
            };
            asked += 1;
            let id = self.config.hosts.get(to).map(|spec| spec.host);
            let step =
                steps.iter().find(|(told, _)| Some(*told) == id).map(|(_, step)| step.clone());
            let delay = self.rng.between(MS, 30 * MS);
            self.after(delay, Event::KeyAsk(Box::new(KeyAsk { to, boot, by, round, term, step })));
        }
        if let Some(h) = self.hosts.get_mut(by) {
            h.keyed.asked = asked;
        }
    }

    /// A host is asked what keys its guard holds; what it is to do is judged now.
    pub(crate) fn key_asked(&mut self, ask: KeyAsk) {
        let now = self.now;
        let hears = |h: &&mut Host| h.powered && h.boot == ask.boot && !h.paused && !h.booting;
        let Some(h) = self.hosts.get_mut(ask.to).filter(hears) else { return };
        let sender = Sender { host: ask.term.coordinator.host, member: true, named: false };
        if h.heard.hear(&sender, h.armed_view(now), ask.term).is_err() {
            return;
        }
        if let Some(step) = ask.step {
            self.take_key(ask.to, step);
        }
        let machine = self.hosts.get(ask.to).and_then(|h| h.machine.as_ref());
        let keys = machine.and_then(|machine| machine.config().keys.view());
        let older = self.hosts.get(ask.to).is_some_and(|h| h.older_guard);
        let protocol = if older { PROTOCOL_OF_REKEY - 1 } else { PROTOCOL };
        let holds = Holds { protocol, keys };
        let delay = self.rng.between(MS, 10 * MS);
        let (by, round) = (ask.by, ask.round);
        let holds = Box::new(holds);
        self.after(delay, Event::KeyAnswer { by, round, from: ask.to, holds });
    }

    /// An answer of a host.
    pub(crate) fn key_answered(&mut self, by: usize, round: (u64, u64), from: usize, holds: Holds) {
        if let Some(h) = self.hosts.get_mut(by).filter(|h| h.keyed.round == round) {
            h.keyed.said.insert(from, holds);
        }
    }

    /// The daemon keeps what its guard is to hold, and its guard takes it; what the guard refuses is taken
    /// back.
    fn take_key(&mut self, host: usize, step: KeyStep) {
        let generation = self.config.generation;
        let change = Box::new(Rekey { generation, step });
        self.input(host, Input::Command { id: REKEY, command: GuardCommand::Rekey(change) });
        let Some(h) = self.hosts.get_mut(host) else { return };
        if let Some(machine) = &h.machine {
            h.keyed.kept = Some(machine.config().keys.clone());
        }
    }
}
