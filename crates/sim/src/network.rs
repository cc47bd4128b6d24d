//! The heartbeat network between simulated hosts.

use std::collections::{BTreeMap, BTreeSet};

use crate::rng::Rng;

const MS: u64 = 1_000_000;

/// Links and their faults.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// Directed links that are cut: (from, to).
    cut: BTreeSet<(usize, usize)>,
    /// Hosts that are cut off one network: (network, host).
    unplugged: BTreeSet<(u8, usize)>,
    /// Directed links on which everything takes so many nanoseconds more.
    pub(crate) lag: BTreeMap<(usize, usize), u64>,
    /// Lost datagrams, per mille.
    pub(crate) loss: u64,
    /// Duplicated datagrams, per mille.
    pub(crate) duplicates: u64,
    /// Datagrams delayed by up to `delay_max`, per mille.
    pub(crate) delayed: u64,
    /// Longest delay, in nanoseconds.
    pub(crate) delay_max: u64,
    /// Strangers send forged datagrams.
    pub(crate) forged: bool,
}

impl Network {
    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }
    pub(crate) fn cut_host(&mut self, host: usize, hosts: usize) {
        for other in (0..hosts).filter(|other| *other != host) {
            self.cut(host, other);
            self.cut(other, host);
        }
    }
    pub(crate) fn join(&mut self, from: usize, to: usize) {
        self.cut.remove(&(from, to));
    }
    pub(crate) fn heal(&mut self) {
        *self = Self::default();
    }
    pub(crate) fn heal_host(&mut self, host: usize) {
        self.cut.retain(|(from, to)| *from != host && *to != host);
    }
    pub(crate) fn connected(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to))
    }
    /// Pulls a host's plug on one network, or puts it back.
    pub(crate) fn plug(&mut self, network: u8, host: usize, plugged: bool) {
        if plugged {
            self.unplugged.remove(&(network, host));
        } else {
            self.unplugged.insert((network, host));
        }
    }
    /// The delays after which a datagram and its copy arrive.
    pub(crate) fn deliveries(
        &self,
        network: u8,
        from: usize,
        to: usize,
        rng: &mut Rng,
    ) -> [Option<u64>; 2] {
        let pulled = |host| self.unplugged.contains(&(network, host));
        if !self.connected(from, to) || pulled(from) || pulled(to) || rng.chance(self.loss) {
            return [None; 2];
        }
        let lag = self.lag.get(&(from, to)).copied().unwrap_or(0);
        let twice = rng.chance(self.duplicates);
        let mut delay = || {
            if rng.chance(self.delayed) {
                lag + rng.below(self.delay_max)
            } else {
                lag + rng.between(MS / 10, 2 * MS)
            }
        };
        [Some(delay()), twice.then(delay)]
    }
}
