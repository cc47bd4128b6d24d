//! Reasons why items certainly do not fit, cheap enough to be asked often.

use crate::hostset::HostSet;
use crate::model::Model;
use crate::state::State;

/// Why some items cannot all be placed, whatever one tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refutation {
    /// No host can take this item, even if it came first.
    Nowhere { item: usize },
    /// Items that only these hosts can take need more memory than there is.
    Memory { need: u64, free: u64 },
    /// Items that only these hosts can take need more virtual processors than there are.
    Vcpus { need: u64, free: u64 },
    /// Items of at least this size are more than there are blocks for them.
    Blocks { size: u64, items: usize, blocks: u64 },
    /// Items of a group are more than there are hosts without a member.
    Apart { group: usize, items: usize, hosts: usize },
}

/// A proof that the items do not fit, if one is easily found.
pub(crate) fn refute(model: &Model<'_>, state: &State, items: &[usize]) -> Option<Refutation> {
    nowhere(model, state, items)
        .or_else(|| apart(model, state, items))
        .or_else(|| volumes(model, state, items))
}

fn nowhere(model: &Model<'_>, state: &State, items: &[usize]) -> Option<Refutation> {
    let lost = |item: usize| {
        let mut hosts = model.able(item).and(state.alive).iter();
        !hosts.any(|host| state.fits(model, item, host))
    };
    items.iter().find(|&&item| lost(item)).map(|&item| Refutation::Nowhere { item })
}

fn apart(model: &Model<'_>, state: &State, items: &[usize]) -> Option<Refutation> {
    let mut groups: Vec<usize> =
        items.iter().flat_map(|&item| model.groups_of(item)).copied().collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().find_map(|group| {
        let members: Vec<usize> =
            items.iter().copied().filter(|&item| model.groups_of(item).contains(&group)).collect();
        let able = members.iter().map(|&item| model.able(item)).fold(HostSet::EMPTY, HostSet::or);
        let taken = state.groups.get(group).copied().unwrap_or_default();
        let hosts = able.and(state.alive).without(taken).len();
        (members.len() > hosts).then_some(Refutation::Apart { group, items: members.len(), hosts })
    })
}

/// For each set of hosts to which some items are confined: do those fit by the sums?
fn volumes(model: &Model<'_>, state: &State, items: &[usize]) -> Option<Refutation> {
    let mut sets: Vec<HostSet> =
        items.iter().map(|&item| model.able(item).and(state.alive)).collect();
    sets.sort_unstable();
    sets.dedup();
    let union = sets.iter().copied().fold(HostSet::EMPTY, HostSet::or);
    if sets.len() > 1 {
        sets.push(union);
    }
    sets.into_iter().find_map(|hosts| {
        let confined: Vec<usize> = items
            .iter()
            .copied()
            .filter(|&item| model.able(item).and(state.alive).within(hosts))
            .collect();
        sums(model, state, &confined, hosts).or_else(|| blocks(model, state, &confined, hosts))
    })
}

fn sums(model: &Model<'_>, state: &State, items: &[usize], hosts: HostSet) -> Option<Refutation> {
    let need: u64 = items.iter().map(|&item| model.need(item).memory).sum();
    let free: u64 = hosts.iter().map(|host| state.room(host).memory).sum();
    if need > free {
        return Some(Refutation::Memory { need, free });
    }
    if !model.counts_vcpus {
        return None;
    }
    let need: u64 = items.iter().map(|&item| model.need(item).vcpus).sum();
    let free: u64 = hosts.iter().map(|host| state.room(host).vcpus).sum();
    (need > free).then_some(Refutation::Vcpus { need, free })
}

/// Items larger than a size need a block of that size each.
fn blocks(model: &Model<'_>, state: &State, items: &[usize], hosts: HostSet) -> Option<Refutation> {
    // Largest first: with the n-th of them, n blocks of its size are needed.
    items.iter().enumerate().find_map(|(at, &item)| {
        let size = model.need(item).memory.max(1);
        // Of equals only the last says something new.
        if items.get(at + 1).is_some_and(|&next| model.need(next).memory == size) {
            return None;
        }
        let blocks: u64 = hosts.iter().map(|host| state.room(host).memory / size).sum();
        let count = at + 1;
        (u64::try_from(count).unwrap_or(u64::MAX) > blocks).then_some(Refutation::Blocks {
            size,
            items: count,
            blocks,
        })
    })
}
