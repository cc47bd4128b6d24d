//! What works, but badly: beats that are lost, networks that bring nothing, slow statefiles, strangers.
//!
//! Owns: from when on a person is to be told, and when that is over. Decides nothing: nobody is put out
//! for what is counted here. All of it is counted in memory of fixed size, and every alarm begins later
//! than its reason and ends later than that, so that none flaps.

mod pairs;

use crate::alarm::Alarm;
use crate::machine::Machine;
use crate::record::Record;
use crate::timing::{Timing, ns};

pub(crate) use pairs::Pairs;

/// So many of the last 32 begin an alarm: a quarter.
const BAD_MANY: u32 = 8;
/// So few end it.
const BAD_FEW: u32 = 2;
/// A pause of whatever length counts as so many lost beats at most: an outage is told of by others, and
/// alone it is no bad connection.
const PAUSE_BEATS_MAX: u64 = 6;
/// Heartbeat networks that are looked after.
const WAYS_MAX: usize = 4;
/// Beats after which a network that brings nothing is silent, while another one brings something.
const SILENT_BEATS: u64 = 16;
/// But no less than that: links come up one after the other.
const SILENT_MS_MIN: u64 = 10_000;
/// Datagrams that nobody of the pool signed, within [`STRANGERS_WITHIN_MS`], that begin an alarm: a scan
/// of the ports is no attack.
const STRANGERS_MANY: u32 = 8;
/// What they are counted within.
const STRANGERS_WITHIN_MS: u64 = 60_000;
/// Without any of them for so long it is over.
const STRANGERS_GONE_MS: u64 = 120_000;

/// Which of the last 32 were bad, the newest in the lowest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    bits: u32,
    alarming: bool,
}

impl Tally {
    /// So many were bad, one after the other.
    fn bad(&mut self, count: u64) {
        for _ in 0..count.min(32) {
            self.bits = self.bits << 1 | 1;
        }
        self.alarming |= self.bits.count_ones() >= BAD_MANY;
    }

    fn good(&mut self) {
        self.bits <<= 1;
        self.alarming &= self.bits.count_ones() > BAD_FEW;
    }

    /// Too many were bad, and not enough have been good since.
    pub(crate) fn is_alarming(self) -> bool {
        self.alarming
    }
}

/// One heartbeat network, on the way from one host.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Something came last.
    at: Option<u64>,
    /// Since when it has come without a long pause.
    since: u64,
    silent: bool,
}

/// How well a life of another host is heard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hearing {
    /// Since when it has been heard at all.
    first: Option<u64>,
    /// When its newest beat came.
    last: Option<u64>,
    pub(crate) beats: Tally,
    ways: [Way; WAYS_MAX],
}

impl Hearing {
    /// A datagram came on this network.
    pub(crate) fn on_way(&mut self, network: usize, now: u64, timing: &Timing) {
        self.first.get_or_insert(now);
        let Some(way) = self.ways.get_mut(network) else { return };
        if way.at.is_none_or(|at| now >= at.saturating_add(silence_ns(timing))) {
            way.since = now;
        }
        way.at = Some(now);
    }

    /// A beat came that is newer than all before.
    pub(crate) fn on_beat(&mut self, now: u64, timing: &Timing) {
        let beat = ns(u64::from(timing.beat_ms)).max(1);
        if let Some(last) = self.last.replace(now) {
            // A beat that is late by less than three quarters of its interval is only late.
            let beats = (now.saturating_sub(last) + beat / 4) / beat;
            self.beats.bad(beats.saturating_sub(1).min(PAUSE_BEATS_MAX));
        }
        self.beats.good();
    }

    /// Judges the networks that this host shares with the other one.
    fn judge(&mut self, ways: usize, now: u64, timing: &Timing) {
        let (Some(first), Some(last)) = (self.first, self.last) else { return };
        // A host that is not heard at all is told of by others.
        let heard = now < last.saturating_add(ns(u64::from(timing.t_net_ms)));
        let silence = silence_ns(timing);
        for (number, way) in self.ways.iter_mut().enumerate() {
            let at = way.at.unwrap_or(first);
            if number >= ways {
                *way = Way::default();
            } else if now >= at.saturating_add(silence) {
                way.silent |= heard;
            } else if way.at.is_some() && now >= way.since.saturating_add(2 * silence) {
                way.silent = false;
            }
        }
    }

    fn is_silent(&self, network: usize) -> bool {
        self.ways.get(network).is_some_and(|way| way.silent)
    }
}

fn silence_ns(timing: &Timing) -> u64 {
    ns((SILENT_BEATS * u64::from(timing.beat_ms)).max(SILENT_MS_MIN))
}

/// Datagrams that nobody of this arming signed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strangers {
    since: u64,
    count: u32,
    last: u64,
    alarming: bool,
}

impl Strangers {
    fn note(&mut self, now: u64) {
        if now >= self.since.saturating_add(ns(STRANGERS_WITHIN_MS)) {
            (self.since, self.count) = (now, 0);
        }
        (self.count, self.last) = (self.count.saturating_add(1), now);
        self.alarming |= self.count >= STRANGERS_MANY;
    }

    fn judge(&mut self, now: u64) {
        self.alarming &= now < self.last.saturating_add(ns(STRANGERS_GONE_MS));
    }
}

impl Machine {
    /// A datagram came that is not authentic.
    pub(crate) fn heard_stranger(&mut self) {
        let now = self.now;
        self.strangers.note(now);
    }

    /// A round of beats on statefile `file` ended well. It began at `began`, unless the next one has
    /// begun since. A fifth of the time after which the disk counts as silent is slow.
    pub(crate) fn note_round(&mut self, file: u8, began: Option<u64>) {
        let slow = ns(u64::from(self.timing().t_net_ms)) / 5;
        let is_slow = began.is_none_or(|began| self.now >= began.saturating_add(slow));
        let Some(view) = self.files.get_mut(usize::from(file)) else { return };
        match is_slow {
            true => view.rounds.bad(1),
            false => view.rounds.good(),
        }
    }

    /// Once a beat: what time alone changes.
    pub(crate) fn judge_health(&mut self) {
        let (now, timing) = (self.now, self.timing());
        self.strangers.judge(now);
        self.judge_pairs();
        let own = self.ways_of(self.me.slot);
        if own < 2 {
            return;
        }
        for at in 0..self.peers.len() {
            let slot = u8::try_from(at).unwrap_or(u8::MAX);
            let ways = own.min(self.ways_of(slot));
            if let Some(peer) = self.peers.get_mut(at) {
                peer.hearing.judge(ways, now, &timing);
            }
        }
    }

    /// Heartbeat networks of a host.
    fn ways_of(&self, slot: u8) -> usize {
        let spec = self.config.hosts.iter().find(|spec| spec.slot == u16::from(slot));
        spec.map_or(0, |spec| spec.addresses.len())
    }

    pub(crate) fn health_alarms(&self, record: &Record, alarms: &mut Vec<Alarm>) {
        if self.strangers.alarming {
            alarms.push(Alarm::Strangers);
        }
        for (spec, file) in self.config.statefiles.iter().zip(&self.files) {
            if file.rounds.is_alarming() {
                alarms.push(Alarm::SlowStatefile(spec.uuid));
            }
        }
        let others = || {
            let seats = record.seats().filter(|seat| *seat != self.me);
            seats.filter_map(|seat| self.peer(seat.slot).filter(|peer| peer.inc() == seat.inc))
        };
        for peer in others().filter(|peer| peer.hearing.beats.is_alarming()) {
            alarms.push(Alarm::Lossy(peer.slot.into()));
        }
        self.pair_alarms(alarms);
        for (way, network) in (0..WAYS_MAX).zip(1..) {
            let silent = || others().filter(|peer| peer.hearing.is_silent(way));
            let count = silent().count();
            // Nobody is heard there: it is this host, or the network.
            if count > 1 && count == others().count() {
                alarms.push(Alarm::OwnNetwork(network));
            } else {
                let of = |slot: u8| Alarm::PeerNetwork { slot: slot.into(), network };
                alarms.extend(silent().map(|peer| of(peer.slot)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Profile;

    const BEAT: u64 = 1_000_000_000;

    fn timing() -> Timing {
        Timing::of(Profile::Default)
    }

    /// Beats that come with these pauses, in beats; whether that is alarming after each.
    fn heard(hearing: &mut Hearing, now: &mut u64, pauses: &[u64]) -> Vec<bool> {
        let beat = |pause: &u64| {
            *now += pause * BEAT;
            hearing.on_beat(*now, &timing());
            hearing.beats.is_alarming()
        };
        pauses.iter().map(beat).collect()
    }

    #[test]
    fn beats_that_are_lost_now_and_then_are_no_alarm() {
        let (mut hearing, mut now) = (Hearing::default(), BEAT);
        for _ in 0..100 {
            let pauses = [1, 1, 1, 1, 2, 1, 1, 1, 1, 1];
            assert!(!heard(&mut hearing, &mut now, &pauses).contains(&true));
        }
        // Nor is one outage, however long.
        let (mut hearing, mut now) = (Hearing::default(), BEAT);
        assert!(!heard(&mut hearing, &mut now, &[1; 40]).contains(&true));
        assert_eq!(heard(&mut hearing, &mut now, &[600, 1, 1]), [false; 3]);
    }

    #[test]
    fn late_beats_are_not_lost() {
        let (mut hearing, mut now) = (Hearing::default(), BEAT);
        for n in 0..200 {
            now += if n % 2 == 0 { BEAT * 17 / 10 } else { BEAT * 3 / 10 };
            hearing.on_beat(now, &timing());
            assert!(!hearing.beats.is_alarming());
        }
    }

    #[test]
    fn many_lost_beats_are_an_alarm_until_hardly_any_is_lost() {
        let (mut hearing, mut now) = (Hearing::default(), BEAT);
        let lossy = [1, 2, 1, 3, 1, 2, 2, 1, 2, 3, 2];
        assert_eq!(heard(&mut hearing, &mut now, &lossy).iter().filter(|alarm| **alarm).count(), 2);
        let after = heard(&mut hearing, &mut now, &[1; 40]);
        let ended = after.iter().position(|alarm| !alarm).unwrap();
        assert!((20..32).contains(&ended), "{ended}");
        assert!(!after[ended..].contains(&true));
    }

    #[test]
    fn a_network_that_brings_nothing_is_silent_while_another_brings_something() {
        let (mut hearing, timing) = (Hearing::default(), timing());
        let mut now = 0;
        let mut go = |beats: u64, networks: &[usize]| {
            for _ in 0..beats {
                now += BEAT;
                networks.iter().for_each(|network| hearing.on_way(*network, now, &timing));
                hearing.on_beat(now, &timing);
                hearing.judge(2, now, &timing);
            }
            [hearing.is_silent(0), hearing.is_silent(1)]
        };
        assert_eq!(go(100, &[0, 1]), [false, false]);
        assert_eq!(go(15, &[1]), [false, false]);
        assert_eq!(go(1, &[1]), [true, false]);
        assert_eq!(go(31, &[0, 1]), [true, false]);
        assert_eq!(go(2, &[0, 1]), [false, false]);
        // One that was never heard there is silent too.
        let mut other = Hearing::default();
        for n in 0..20 {
            other.on_way(0, n * BEAT, &timing);
            other.on_beat(n * BEAT, &timing);
        }
        other.judge(2, 20 * BEAT, &timing);
        assert_eq!([other.is_silent(0), other.is_silent(1)], [false, true]);
        // Nobody is to be told of a network that the host has not.
        other.judge(1, 20 * BEAT, &timing);
        assert!(!other.is_silent(1));
    }

    #[test]
    fn a_host_that_is_silent_everywhere_has_no_silent_network() {
        let (mut hearing, timing) = (Hearing::default(), timing());
        for network in [0, 1] {
            hearing.on_way(network, BEAT, &timing);
        }
        hearing.on_beat(BEAT, &timing);
        hearing.judge(2, 100 * BEAT, &timing);
        assert!(!hearing.is_silent(0) && !hearing.is_silent(1));
    }

    #[test]
    fn a_few_strangers_are_no_alarm_and_many_are_one_until_they_are_gone() {
        let mut strangers = Strangers::default();
        for n in 0..100 {
            strangers.note(n * 10 * BEAT);
            assert!(!strangers.alarming, "a scan every ten seconds");
        }
        (0..STRANGERS_MANY).for_each(|_| strangers.note(2_000 * BEAT));
        strangers.judge(2_119 * BEAT);
        assert!(strangers.alarming);
        strangers.judge(2_120 * BEAT);
        assert!(!strangers.alarming);
    }
}
