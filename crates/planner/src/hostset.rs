//! Sets of hosts by their index.

use std::fmt;

/// Hosts that a plan can tell apart; a pool has at most half as many.
pub(crate) const HOSTS_MAX: usize = 128;

/// Some of the hosts of a model.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostSet(u128);

impl fmt::Debug for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl HostSet {
    pub(crate) const EMPTY: Self = Self(0);

    fn bit(host: usize) -> u128 {
        u32::try_from(host).ok().and_then(|host| 1u128.checked_shl(host)).unwrap_or(0)
    }

    pub(crate) fn insert(&mut self, host: usize) {
        self.0 |= Self::bit(host);
    }

    pub(crate) fn contains(self, host: usize) -> bool {
        self.0 & Self::bit(host) != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn len(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(usize::MAX)
    }

    /// Its hosts, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let next = rest.trailing_zeros();
            rest &= rest - 1;
            usize::try_from(next).ok()
        })
    }

    /// All subsets of so many hosts, in ascending order of their members.
    pub(crate) fn subsets(self, size: usize) -> Subsets {
        let members: Vec<usize> = self.iter().collect();
        let chosen = (size <= members.len()).then(|| (0..size).collect());
        Subsets { members, chosen }
    }
}

impl FromIterator<usize> for HostSet {
    fn from_iter<I: IntoIterator<Item = usize>>(hosts: I) -> Self {
        let mut set = Self::EMPTY;
        hosts.into_iter().for_each(|host| set.insert(host));
        set
    }
}

/// Iterates over subsets.
pub(crate) struct Subsets {
    members: Vec<usize>,
    chosen: Option<Vec<usize>>,
}

impl Iterator for Subsets {
    type Item = HostSet;

    fn next(&mut self) -> Option<HostSet> {
        let chosen = self.chosen.as_mut()?;
        let set = chosen.iter().filter_map(|at| self.members.get(*at).copied()).collect();
        let size = chosen.len();
        let movable = (0..size)
            .rev()
            .find(|&at| chosen.get(at).is_some_and(|&now| now + size - at < self.members.len()));
        match movable {
            None => self.chosen = None,
            Some(at) => {
                let base = chosen.get(at).copied().unwrap_or(0) + 1;
                for (offset, slot) in chosen.iter_mut().skip(at).enumerate() {
                    *slot = base + offset;
                }
            }
        }
        Some(set)
    }
}

/// How many subsets of `size` there are among `of`, saturating.
pub(crate) fn subsets_count(of: usize, size: usize) -> u64 {
    let mut count: u128 = 1;
    for at in 0..size.min(of.saturating_sub(size)) {
        let (of, at) = (u128::try_from(of).unwrap_or(0), u128::try_from(at).unwrap_or(0));
        count = count.saturating_mul(of - at) / (at + 1);
    }
    if size > of { 0 } else { u64::try_from(count).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_and_each_once() {
        let set: HostSet = [1, 4, 7, 127].into_iter().collect();
        for size in 0..=5 {
            let all: Vec<HostSet> = set.subsets(size).collect();
            let mut unique = all.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(all.len(), unique.len());
            assert_eq!(u64::try_from(all.len()).unwrap(), subsets_count(4, size));
            assert!(all.iter().all(|subset| subset.len() == size && subset.within(set)));
        }
        assert_eq!(subsets_count(64, 3), 41_664);
        assert_eq!(subsets_count(128, 64), u64::MAX);
    }
}
