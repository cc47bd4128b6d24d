//! Ballot blocks.

use super::HOSTS_MAX;

/// What a host promised and accepted. Ballots are ordered numbers; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Block {
    /// The highest ballot that it promised.
    pub promised: u8,
    /// The ballot under which it accepted a value.
    pub accepted: u8,
    /// The value; means nothing without an accepted ballot.
    pub value: u8,
}

impl Block {
    /// The higher promise of two, and the value of the higher accepted ballot.
    pub(crate) fn join(self, other: Self) -> Self {
        let accepted = if other.accepted > self.accepted { other } else { self };
        Self { promised: self.promised.max(other.promised), ..accepted }
    }
}

/// By host, by parity of the life, two copies each; a copy that is `None` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Disk(pub [[[Option<Block>; 2]; 2]; HOSTS_MAX]);

impl Default for Disk {
    fn default() -> Self {
        Self([[[Some(Block::default()); 2]; 2]; HOSTS_MAX])
    }
}

impl Disk {
    /// What a host's blocks say together; `None` when one of them cannot be read in either copy.
    pub(super) fn read(&self, host: usize) -> Option<Block> {
        let [even, odd] = self.0[host].map(|[first, second]| first.or(second));
        Some(even?.join(odd?))
    }

    /// The same, where what cannot be read counts as blank.
    pub(super) fn read_what_can_be(&self, host: usize) -> Block {
        let [even, odd] = self.0[host].map(|[first, second]| first.or(second).unwrap_or_default());
        even.join(odd)
    }
}
