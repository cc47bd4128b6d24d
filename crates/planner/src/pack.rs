//! Finds places for many items at once: quick ways first, then a bounded exact search.

use std::cmp::Reverse;

use crate::hostset::HostSet;
use crate::model::Model;
use crate::refute;
use crate::state::{State, Work};

/// Steps that one exact search may take before it gives up.
const SEARCH_STEPS_MAX: usize = 20_000;

/// A quick way of placing items. Every way gives an item to some host that can take it, as long as
/// there is one: what [`crate::bound`] proves holds for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The largest first, each on the emptiest host: spreads the load.
    Wide,
    /// The largest first, each on the fullest host that can take it: keeps large blocks whole.
    Tight,
    /// Those with the fewest hosts first, then as `Tight`.
    ScarceTight,
    /// Those with the fewest hosts first, then as `Wide`.
    ScarceWide,
}

/// What a placement is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be carried out: the spread ways first.
    Spread,
    /// To know that there is one: those first that most often lead to the end. The ways are the
    /// same, so that what is known can be carried out.
    Any,
}

const SPREAD: [Way; 4] = [Way::Wide, Way::Tight, Way::ScarceTight, Way::ScarceWide];
const ANY: [Way; 4] = [Way::Tight, Way::Wide, Way::ScarceTight, Way::ScarceWide];
/// How many of the ways differ when all VMs can use the same hosts.
const SIMPLE: usize = 2;

/// The ways that differ for this pool.
pub(crate) fn ways(model: &Model<'_>, wish: Wish) -> &'static [Way] {
    let plain = model.classes.len() <= 1 && model.groups.is_empty();
    let all: &'static [Way] = if wish == Wish::Spread { &SPREAD } else { &ANY };
    if plain { all.get(..SIMPLE).unwrap_or(all) } else { all }
}

/// Places all items, or none.
pub(crate) fn quick(
    model: &Model<'_>,
    state: &State,
    items: &[usize],
    way: Way,
    work: &mut Work,
) -> Option<State> {
    let mut next = state.clone();
    let sorted;
    let order = match way {
        Way::Wide | Way::Tight => items,
        Way::ScarceTight | Way::ScarceWide => {
            sorted = scarce_first(model, state, items);
            &sorted
        }
    };
    let tight = matches!(way, Way::Tight | Way::ScarceTight);
    let placed = order.iter().all(|&item| match tight {
        true => next.place_tight(model, item, work),
        false => next.place_wide(model, item, work),
    });
    placed.then_some(next)
}

/// Those with the fewest hosts first, then those in groups, then the largest.
pub(crate) fn scarce_first(model: &Model<'_>, state: &State, items: &[usize]) -> Vec<usize> {
    let mut order = items.to_vec();
    order.sort_by_key(|&item| {
        let able = model.able(item).and(state.alive).len();
        (able, Reverse(model.groups_of(item).len()), item)
    });
    order
}

/// Whether there is a place for all.
#[derive(Clone, Debug)]
pub(crate) enum Packing {
    Found(State),
    Impossible,
    Unknown,
}

/// Looks for places for all items.
pub(crate) fn pack(model: &Model<'_>, state: &State, items: &[usize], work: &mut Work) -> Packing {
    for &way in ways(model, Wish::Any) {
        if let Some(found) = quick(model, state, items, way, work) {
            return Packing::Found(found);
        }
    }
    search(model, state, items, work)
}

/// The same where no quick way led to the end: a proof of "no", or a search.
pub(crate) fn search(
    model: &Model<'_>,
    state: &State,
    items: &[usize],
    work: &mut Work,
) -> Packing {
    if refute::refute(model, state, items).is_some() {
        return Packing::Impossible;
    }
    let mut found = None;
    let mut search = Search::new(model, state, items, Hosts::Interchangeable);
    let end = search.run(state, work, SEARCH_STEPS_MAX, &mut |packed, _| {
        found = Some(packed.clone());
        true
    });
    match (found, end) {
        (Some(found), _) => Packing::Found(found),
        (None, End::Exhausted) => Packing::Impossible,
        (None, End::Stopped | End::GaveUp) => Packing::Unknown,
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All packings were visited.
    Exhausted,
    /// The visitor had enough.
    Stopped,
    /// Too many steps.
    GaveUp,
}

/// Whether hosts with the same room count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Only whether there is a packing matters.
    Interchangeable,
    /// What else runs there matters too.
    Different,
}

/// Visits packings one by one.
pub(crate) struct Search<'m, 'a> {
    model: &'m Model<'a>,
    order: Vec<usize>,
    /// Memory of the items from each position on.
    rest: Vec<u64>,
    hosts: Hosts,
    union: HostSet,
    steps: usize,
}

impl<'m, 'a> Search<'m, 'a> {
    pub(crate) fn new(model: &'m Model<'a>, state: &State, items: &[usize], hosts: Hosts) -> Self {
        let order = scarce_first(model, state, items);
        let mut rest = vec![0; order.len() + 1];
        for at in (0..order.len()).rev() {
            let memory = order.get(at).map_or(0, |&item| model.need(item).memory);
            let after = rest.get(at + 1).copied().unwrap_or(0);
            if let Some(slot) = rest.get_mut(at) {
                *slot = memory.saturating_add(after);
            }
        }
        let able = order.iter().map(|&item| model.able(item));
        let union = able.fold(HostSet::EMPTY, HostSet::or).and(state.alive);
        Self { model, order, rest, hosts, union, steps: 0 }
    }

    /// Calls `visit` with each packing until it answers true.
    pub(crate) fn run(
        &mut self,
        state: &State,
        work: &mut Work,
        steps_max: usize,
        visit: &mut dyn FnMut(&State, &mut Work) -> bool,
    ) -> End {
        self.steps = steps_max;
        self.descend(0, 0, state, work, visit)
    }

    fn descend(
        &mut self,
        depth: usize,
        first: usize,
        state: &State,
        work: &mut Work,
        visit: &mut dyn FnMut(&State, &mut Work) -> bool,
    ) -> End {
        let Some(&item) = self.order.get(depth) else {
            return if visit(state, work) { End::Stopped } else { End::Exhausted };
        };
        let free = self.union.iter().map(|host| state.room(host).memory).sum::<u64>();
        if self.rest.get(depth).is_some_and(|rest| *rest > free) {
            return End::Exhausted;
        }
        let mut tried: Vec<usize> = Vec::new();
        for host in self.model.able(item).and(state.alive).iter().filter(|host| *host >= first) {
            if !state.fits(self.model, item, host) || self.is_repeated(state, host, &tried) {
                continue;
            }
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 || !work.spend(self.order.len()) {
                return End::GaveUp;
            }
            tried.push(host);
            let mut next = state.clone();
            next.place(self.model, item, host);
            // Of items that are alike the order does not matter.
            let alike = self.order.get(depth + 1).is_some_and(|&other| self.alike(item, other));
            match self.descend(depth + 1, if alike { host } else { 0 }, &next, work, visit) {
                End::Exhausted => {}
                end => return end,
            }
        }
        End::Exhausted
    }

    fn alike(&self, one: usize, other: usize) -> bool {
        let (Some(a), Some(b)) = (self.model.items.get(one), self.model.items.get(other)) else {
            return false;
        };
        let groups = self.model.groups_of(one) == self.model.groups_of(other);
        a.need == b.need && a.class == b.class && groups
    }

    /// A host that is in all respects like one that was tried. The order among like items must
    /// not be broken by it, so only hosts that are the same for every item count.
    fn is_repeated(&self, state: &State, host: usize, tried: &[usize]) -> bool {
        if self.hosts == Hosts::Different {
            return false;
        }
        let same = |other: usize| {
            let classes = self.model.classes.iter();
            let groups = state.groups.iter();
            state.room(host) == state.room(other)
                && classes
                    .copied()
                    .chain(groups.copied())
                    .all(|set| set.contains(host) == set.contains(other))
        };
        tried.iter().any(|&other| same(other))
    }
}
