//! Failures and restarts as a game: the world fails hosts, some at once or one after the other;
//! after each blow everything lost is placed again. The pool survives `f` failures when there is
//! a way of placing after each blow that leaves no VM behind, whatever the order of the blows.

use crate::blows::Blows;
use crate::bound::Profile;
use crate::hostset::{HostSet, subsets_count};
use crate::ladder::{Ladder, Sizes};
use crate::model::Model;
use crate::pack::{self, End, Hosts, Packing, Search, Wish};
use crate::state::{State, Work};

/// Steps of one enumeration of all packings after a blow.
const ENUMERATION_STEPS_MAX: usize = 50_000;
/// More items than this after one blow are not enumerated.
const ENUMERATION_ITEMS_MAX: usize = 14;
/// Sets of failed hosts that are looked at one by one.
const SETS_MAX: u64 = 200_000;

/// Work to prepare the bounds of a moment, for each host.
const MOMENT_COST: usize = 4;
/// Work to look at one set of hosts.
const SET_COST: usize = 4;
/// Hosts that the bound for any order looks at for the price of one placement.
const HOSTS_AT_ONCE: usize = 2;

/// The moment at which something stays behind.
#[derive(Clone, Debug)]
pub(crate) struct Stuck {
    /// Blow by blow, which hosts failed.
    pub(crate) blows: Vec<HostSet>,
    /// After the last blow, before anything was placed again.
    pub(crate) state: State,
    /// What is to be placed.
    pub(crate) items: Vec<usize>,
}

/// Whether the pool survives.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Yes,
    /// Proven.
    No(Box<Stuck>),
    /// Not decided within the budget; perhaps with a suspicion.
    Unknown(Option<Box<Stuck>>),
}

impl Answer {
    pub(crate) fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// One pool, played through.
pub(crate) struct Game<'m, 'a> {
    pub(crate) model: &'m Model<'a>,
    base: Profile,
    sizes: Sizes,
}

impl<'m, 'a> Game<'m, 'a> {
    pub(crate) fn new(model: &'m Model<'a>) -> Self {
        let base = Profile::new(model);
        let sizes = Sizes::new(model, &base);
        Self { model, base, sizes }
    }

    /// Whether what waits can be placed so that the pool then survives `failures` more.
    pub(crate) fn answer(&self, failures: usize, work: &mut Work) -> Answer {
        let state = State::new(self.model);
        if self.model.waiting.is_empty() {
            return self.survives(&state, failures, work);
        }
        let now = Stuck { blows: Vec::new(), state, items: self.model.waiting.clone() };
        self.place(&now, failures, work)
    }

    /// Whether the pool survives any `failures` from here on.
    pub(crate) fn survives(&self, state: &State, failures: usize, work: &mut Work) -> Answer {
        if failures == 0 {
            return Answer::Yes;
        }
        let alive = state.alive.len();
        work.spend(alive * MOMENT_COST);
        let ladder = self.sizes.at(self.model, state);
        let one = |host: usize| [host].into_iter().collect();
        let alone =
            |ladder: &Ladder<'_>| state.alive.iter().all(|host| ladder.holds_for(one(host)));
        if failures == 1 && alone(&ladder) {
            return Answer::Yes;
        }
        let profile = Profile::of(&self.base, self.model, state);
        if profile.holds(self.model, state, failures) {
            return Answer::Yes;
        }
        let failures = failures.min(alive);
        if subsets_count(alive, failures) > SETS_MAX {
            return self.one_bad_set(state, failures, work);
        }
        let (blows, doubt) = match self.at_once(state, (&profile, &ladder), failures, work) {
            Ok(found) => found,
            Err(stuck) => return Answer::No(stuck),
        };
        if let Some(answer) = self.one_by_one(state, &blows, work) {
            return answer;
        }
        doubt.unwrap_or(Answer::Yes)
    }

    /// All sets of failures at once: a proof of "no", or the blows that need a closer look, and
    /// what was not decided.
    fn at_once(
        &self,
        state: &State,
        (profile, ladder): (&Profile, &Ladder<'_>),
        failures: usize,
        work: &mut Work,
    ) -> Result<(Blows, Option<Answer>), Box<Stuck>> {
        let mut blows = Blows::new(self.model.hosts.len(), failures);
        let mut doubt = None;
        let (mut scratch, mut items) = (state.clone(), Vec::new());
        for failed in state.alive.subsets(failures) {
            work.spend(SET_COST);
            let fits = ladder.holds_for(failed);
            if fits && blows.covers(failed) {
                continue;
            }
            work.spend(state.alive.len() / HOSTS_AT_ONCE);
            if profile.holds_for(self.model, state, failed) {
                continue;
            }
            blows.add(failed);
            if fits {
                continue;
            }
            if work.is_over() {
                doubt.get_or_insert(Answer::Unknown(None));
                continue;
            }
            scratch.clone_from(state);
            scratch.fail_into(self.model, failed, &mut items);
            if items.iter().all(|&item| scratch.place_tight(self.model, item, work)) {
                continue;
            }
            let mut next = state.clone();
            let items = next.fail(self.model, failed);
            let packing = pack::pack(self.model, &next, &items, work);
            let stuck = || Box::new(Stuck { blows: vec![failed], state: next.clone(), items });
            match packing {
                Packing::Found(_) => {}
                Packing::Impossible => return Err(stuck()),
                Packing::Unknown => {
                    doubt = match doubt {
                        Some(Answer::Unknown(Some(first))) => Some(Answer::Unknown(Some(first))),
                        _ => Some(Answer::Unknown(Some(stuck()))),
                    };
                }
            }
        }
        Ok((blows, doubt))
    }

    /// The same failures with restarts between them. `None`: nothing speaks against it.
    fn one_by_one(&self, state: &State, blows: &Blows, work: &mut Work) -> Option<Answer> {
        let mut doubt = None;
        for size in 1..blows.failures {
            for failed in blows.of(size) {
                if work.is_over() {
                    return Some(Answer::Unknown(doubt.unwrap_or(None)));
                }
                let mut next = state.clone();
                let items = next.fail(self.model, failed);
                let now = Stuck { blows: vec![failed], state: next, items };
                match self.place(&now, blows.failures - size, work) {
                    Answer::Yes => {}
                    Answer::No(stuck) => return Some(Answer::No(stuck)),
                    Answer::Unknown(stuck) => {
                        doubt.get_or_insert(stuck);
                    }
                }
            }
        }
        doubt.map(Answer::Unknown)
    }

    /// Whether the items can be placed so that the pool survives `failures` more.
    pub(crate) fn place(&self, now: &Stuck, failures: usize, work: &mut Work) -> Answer {
        match self.find(now, failures, Wish::Any, work) {
            Ok(_) => Answer::Yes,
            Err(answer) => answer,
        }
    }

    /// Places for the items with which the pool survives `failures` more. What is found depends
    /// on the moment alone, not on how it came about: whoever carries a plan out finds again what
    /// was found when the promise was made.
    pub(crate) fn find(
        &self,
        now: &Stuck,
        failures: usize,
        wish: Wish,
        work: &mut Work,
    ) -> Result<State, Answer> {
        let mut first = None;
        let mut try_out = |next: State, work: &mut Work| match self.survives(&next, failures, work)
        {
            Answer::Yes => Some(next),
            other => {
                first.get_or_insert(other);
                None
            }
        };
        let mut fits = false;
        for &way in pack::ways(self.model, wish) {
            let next = pack::quick(self.model, &now.state, &now.items, way, work);
            fits |= next.is_some();
            if let Some(found) = next.and_then(|next| try_out(next, work)) {
                return Ok(found);
            }
        }
        if !fits {
            match pack::search(self.model, &now.state, &now.items, work) {
                Packing::Found(next) => {
                    if let Some(found) = try_out(next, work) {
                        return Ok(found);
                    }
                }
                Packing::Impossible => return Err(Answer::No(Box::new(now.clone()))),
                Packing::Unknown => {}
            }
        }
        if failures == 0 || now.items.len() > ENUMERATION_ITEMS_MAX || work.is_over() {
            return Err(Answer::Unknown(Some(self.after(now, first))));
        }
        self.enumerate(now, failures, first, work)
    }

    /// All ways of placing.
    fn enumerate(
        &self,
        now: &Stuck,
        failures: usize,
        mut first: Option<Answer>,
        work: &mut Work,
    ) -> Result<State, Answer> {
        let (mut found, mut doubt) = (None, false);
        let mut search = Search::new(self.model, &now.state, &now.items, Hosts::Different);
        let mut visit = |packed: &State, work: &mut Work| {
            match self.survives(packed, failures, work) {
                Answer::Yes => found = Some(packed.clone()),
                other => {
                    doubt |= matches!(other, Answer::Unknown(_));
                    first.get_or_insert(other);
                }
            }
            found.is_some()
        };
        let end = search.run(&now.state, work, ENUMERATION_STEPS_MAX, &mut visit);
        let proven = end == End::Exhausted && !doubt && !work.is_over();
        match found {
            Some(found) => Ok(found),
            None if proven => Err(Answer::No(self.after(now, first))),
            None => Err(Answer::Unknown(Some(self.after(now, first)))),
        }
    }

    /// Where a later blow hits, told from the beginning.
    fn after(&self, now: &Stuck, later: Option<Answer>) -> Box<Stuck> {
        match later {
            Some(Answer::No(stuck) | Answer::Unknown(Some(stuck))) => {
                let blows = now.blows.iter().chain(&stuck.blows).copied().collect();
                Box::new(Stuck { blows, ..*stuck })
            }
            _ => Box::new(now.clone()),
        }
    }

    /// Whether so many failures are certainly too many: one set of hosts is looked at.
    pub(crate) fn too_many(&self, failures: usize, work: &mut Work) -> bool {
        let state = State::new(self.model);
        let failures = failures.min(state.alive.len());
        matches!(self.one_bad_set(&state, failures, work), Answer::No(_))
    }

    /// Too many sets: only the one that loses most and leaves least.
    fn one_bad_set(&self, state: &State, failures: usize, work: &mut Work) -> Answer {
        let mut hosts: Vec<usize> = state.alive.iter().collect();
        hosts.sort_by_key(|&host| {
            let mut alone = state.clone();
            let lost = alone.fail(self.model, [host].into_iter().collect());
            let lost: u64 = lost.iter().map(|&item| self.model.need(item).memory).sum();
            let classes = self.model.classes.iter();
            let useful = classes.copied().any(|class| class.contains(host));
            let free = if useful { state.room(host).memory } else { 0 };
            (std::cmp::Reverse(free.saturating_add(lost)), host)
        });
        let failed: HostSet = hosts.into_iter().take(failures).collect();
        let mut next = state.clone();
        let items = next.fail(self.model, failed);
        let packing = pack::pack(self.model, &next, &items, work);
        let stuck = Box::new(Stuck { blows: vec![failed], state: next, items });
        match packing {
            Packing::Impossible => Answer::No(stuck),
            Packing::Found(_) => Answer::Unknown(None),
            Packing::Unknown => Answer::Unknown(Some(stuck)),
        }
    }
}
