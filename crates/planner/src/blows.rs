//! Which hosts fail first, when failures come one after the other.

use std::collections::BTreeSet;

use crate::hostset::HostSet;

/// Blows after which it must be seen whether a way of placing survives what may follow.
pub(crate) struct Blows {
    /// Failures that are asked about.
    pub(crate) failures: usize,
    /// Hosts in a blow of one.
    ones: HostSet,
    /// Partners of each host in a blow of two.
    twos: Vec<HostSet>,
    more: BTreeSet<HostSet>,
}

impl Blows {
    pub(crate) fn new(hosts: usize, failures: usize) -> Self {
        let twos = vec![HostSet::EMPTY; if failures > 2 { hosts } else { 0 }];
        Self { failures, ones: HostSet::EMPTY, twos, more: BTreeSet::new() }
    }

    /// Whether a set of failures in any order adds nothing to what is known.
    pub(crate) fn covers(&self, failed: HostSet) -> bool {
        let pairs = || {
            failed.iter().all(|host| {
                let with = self.twos.get(host).copied().unwrap_or_default();
                failed.without([host].into_iter().collect()).within(with)
            })
        };
        match self.failures {
            0 | 1 => true,
            2 => failed.within(self.ones),
            3 => failed.within(self.ones) && pairs(),
            _ => false,
        }
    }

    pub(crate) fn add(&mut self, failed: HostSet) {
        if self.failures > 1 {
            self.ones = self.ones.or(failed);
        }
        if self.failures > 2 {
            for host in failed.iter() {
                if let Some(with) = self.twos.get_mut(host) {
                    *with = with.or(failed.without([host].into_iter().collect()));
                }
            }
        }
        for size in 3..self.failures {
            self.more.extend(failed.subsets(size));
        }
    }

    /// All of so many hosts.
    pub(crate) fn of(&self, size: usize) -> Vec<HostSet> {
        match size {
            1 => self.ones.iter().map(|host| [host].into_iter().collect()).collect(),
            2 => self.pairs(),
            _ => self.more.iter().copied().filter(|blow| blow.len() == size).collect(),
        }
    }

    fn pairs(&self) -> Vec<HostSet> {
        let rows = self.twos.iter().enumerate();
        let pairs = rows.flat_map(|(one, with)| {
            let later = with.iter().filter(move |other| *other > one);
            later.map(move |other| [one, other].into_iter().collect())
        });
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept are just the smaller subsets of what was added, each once.
    #[test]
    fn blows_are_the_smaller_subsets_of_what_was_added() {
        let all: HostSet = (0..6).collect();
        for failures in 1..=5 {
            let mut blows = Blows::new(6, failures);
            let mut added: Vec<HostSet> = Vec::new();
            for (at, failed) in all.subsets(failures).enumerate().filter(|(at, _)| at % 2 == 0) {
                blows.add(failed);
                added.push(failed);
                for size in 1..failures {
                    let wanted: BTreeSet<HostSet> =
                        added.iter().flat_map(|failed| failed.subsets(size)).collect();
                    let found = blows.of(size);
                    assert_eq!(found.len(), wanted.len(), "{failures} {at} {size}");
                    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
                }
                for other in all.subsets(failures).filter(|other| blows.covers(*other)) {
                    let of_sizes =
                        |size| other.subsets(size).all(|one| blows.of(size).contains(&one));
                    assert!((1..failures).all(of_sizes), "{failures}: {other:?} adds something");
                }
            }
        }
    }
}
