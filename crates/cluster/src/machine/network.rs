//! Datagrams: sending beats, and taking in what arrives in any order, late, twice or never.

use std::borrow::Cow;

use crate::api::Output;
use crate::datagram::Datagram;
use crate::machine::{Carry, Machine, SENT_MAX};
use crate::mutation::{Mutation, on};
use crate::peer::Vote;
use crate::record::{SLOTS_MAX, bit};
use crate::report::{Flags, Report};
use crate::timing::ns;

/// Rooms for datagrams that are kept: one beat of the largest pool over four networks.
const SPARE_MAX: usize = 4 * SLOTS_MAX;

impl Machine {
    /// What this host says of itself now.
    pub(crate) fn report(&self) -> Report {
        let epoch = self.epoch();
        let newest = self.accepted_values().map(|(_, value)| value.number).max();
        Report {
            flags: self.flags(),
            confirmed: self.confirmed(),
            hears: self.hears(),
            progress: self.progress(),
            proposal: newest.filter(|number| *number > epoch).unwrap_or(0),
            drained: self.drained,
            running: self.load.0,
            protected: self.load.1,
        }
    }

    /// Slots whose present incarnation was heard within `T_net`.
    pub(crate) fn hears(&self) -> u64 {
        let limit = ns(u64::from(self.timing().t_net_ms));
        let fresh = self.peers.iter().filter(|peer| {
            peer.heard_at().is_some_and(|at| self.now < at + limit) && peer.slot != self.me.slot
        });
        fresh.fold(0, |set, peer| set | bit(peer.slot))
    }

    /// Slots whose beat block changed within `T_put`.
    pub(crate) fn progress(&self) -> u64 {
        let live = self.peers.iter().filter(|peer| self.disk_live(peer.slot));
        live.fold(0, |set, peer| set | bit(peer.slot))
    }

    /// Sends one beat to every other host on every network. A life that has not written yet is
    /// silent: being heard proves its earlier lives dead, and their writes may still land.
    pub(crate) fn send_beats(&mut self) {
        if self.carry != Carry::Done && !on(Mutation::VotesUnread) {
            return;
        }
        self.sequence += 1;
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((self.sequence, self.now));
        let report = self.report();
        let epoch = self.epoch();
        let record = self.decided.as_ref().filter(|record| record.number > 0);
        let mut sends = std::mem::take(&mut self.room.sends);
        let mut spare = std::mem::take(&mut self.room.spare);
        for spec in &self.config.hosts {
            let Ok(slot) = u8::try_from(spec.slot) else { continue };
            let Some(peer) = self.peer(slot).filter(|_| slot != self.me.slot) else { continue };
            let lacks = peer.report.confirmed < epoch;
            let datagram = Datagram {
                generation: self.config.generation,
                from: self.me,
                sequence: self.sequence,
                to: slot,
                echo: (peer.inc(), peer.heard_sequence),
                report,
                record: record.filter(|_| lacks).map(Cow::Borrowed),
            };
            let room = spare.pop().unwrap_or_default();
            let Some(bytes) = datagram.encode(self.keys.sends(), room) else { continue };
            let former = self.former.iter().filter(|(of, ..)| *of == slot);
            let former = former.filter(|(.., until)| self.now < *until);
            let former = former.flat_map(|(_, addresses, _)| (0u8..).zip(addresses));
            let former = former.filter(|(_, to)| !spec.addresses.contains(to));
            let Some((last, others)) = spec.addresses.split_last() else { continue };
            for (network, to) in former.chain((0u8..).zip(others)) {
                let mut copy = spare.pop().unwrap_or_default();
                copy.clone_from(&bytes);
                sends.push(Output::Send { network, to: *to, bytes: copy });
            }
            let network = u8::try_from(others.len()).unwrap_or(u8::MAX);
            sends.push(Output::Send { network, to: *last, bytes });
        }
        self.outputs.extend(sends.drain(..));
        (self.room.sends, self.room.spare) = (sends, spare);
    }

    /// Takes back the room of a datagram that was sent (or never will be): the next beat is written
    /// there. Whoever sends many gives all of them back, and beats take nothing from the heap.
    pub fn reuse(&mut self, bytes: Vec<u8>) {
        if self.room.spare.len() < SPARE_MAX {
            self.room.spare.push(bytes);
        }
    }

    pub(crate) fn take_datagram(&mut self, network: u8, bytes: &[u8]) {
        let Some((datagram, signed)) = Datagram::decode(&self.keys, bytes) else {
            return self.heard_stranger();
        };
        let from = datagram.from;
        let for_me = datagram.generation == self.config.generation
            && datagram.to == self.me.slot
            && from.slot != self.me.slot;
        let (now, me, timing) = (self.now, self.me, self.timing());
        if for_me && datagram.echo.0 == me.inc && self.is_doubled(datagram.echo.1) {
            return;
        }
        let echoed_at = self.sent_at(datagram.echo, me.inc);
        let Some(peer) = self.peer_mut(from.slot).filter(|_| for_me) else { return };
        if !peer.see_inc(from.inc, now) || datagram.sequence < peer.heard_sequence {
            return;
        }
        let network = usize::from(network);
        if peer.heard.len() <= network && network < 16 {
            peer.heard.resize(network + 1, None);
        }
        if let Some(heard) = peer.heard.get_mut(network) {
            *heard = Some(now);
        }
        peer.hearing.on_way(network, now, &timing);
        if datagram.sequence == peer.heard_sequence {
            return;
        }
        peer.heard_sequence = datagram.sequence;
        peer.hearing.on_beat(now, &timing);
        peer.signed = signed;
        let acknowledged = peer.report.confirmed < datagram.report.confirmed;
        peer.take_report(datagram.sequence, datagram.report, now);
        if let Some(sent_at) = echoed_at
            && datagram.report.flags.has(Flags::VOTE)
        {
            let sent_at = if on(Mutation::ArrivalDating) { now } else { sent_at };
            peer.vote = Some(Vote { epoch: datagram.report.confirmed, sent_at });
        }
        if acknowledged {
            self.next_tick = now;
        }
        if let Some(record) = datagram.record {
            self.learn(record.into_owned());
        }
    }

    /// When this incarnation sent the beat that was echoed.
    fn sent_at(&self, echo: (u64, u64), inc: u64) -> Option<u64> {
        let (echoed_inc, sequence) = echo;
        if echoed_inc != inc {
            return None;
        }
        self.sent.iter().rev().find(|(sent, _)| *sent == sequence).map(|(_, at)| *at)
    }
}
