//! What a host can know: who is dead, which epochs are closed, whether it may act.

use super::{Block, EPOCHS_MAX, HOSTS_MAX, Phase, Pools, Rule, State, number};

/// What one host knows of the deaths of others: the highest life of each.
#[derive(Clone, Copy)]
struct View<'v> {
    by: usize,
    dead: &'v [u8; HOSTS_MAX],
}

impl Pools {
    /// A life of a host is one that can write.
    pub(super) fn is_alive(&self, state: &State, host: usize, life: u8) -> bool {
        let here = &state.hosts[host];
        here.life == life && matches!(here.phase, Phase::Reading | Phase::Asking | Phase::Member)
    }

    /// Its block can change.
    fn writes(&self, state: &State, host: usize, life: u8) -> bool {
        self.is_alive(state, host, life) && !state.hosts[host].stalled
    }

    /// The block of a host as another one may read it.
    fn block(&self, state: &State, host: usize) -> Block {
        let unread = state.is_removed(host) && self.drops(Rule::PlacesRead);
        if unread { Block::default() } else { state.blocks[host] }
    }

    /// Highest life of each host that `by` may take for dead. Lives that end later are no part of what
    /// a rule says, so one number for each host is enough.
    pub(super) fn dead(&self, state: &State, by: usize) -> [u8; HOSTS_MAX] {
        let mut dead = [0; HOSTS_MAX];
        for (host, dead) in dead.iter_mut().enumerate() {
            let block = self.block(state, host);
            let mut most = state.hosts[by].told[host].max(block.life.saturating_sub(1));
            if host == by {
                most = most.max(state.hosts[by].life.saturating_sub(1));
            } else if block.last && !self.stands(state, host, block.life) {
                most = most.max(block.life);
            }
            *dead = most;
        }
        // Silence: each death may be what the next one waits for.
        loop {
            let before = dead;
            for host in (0..self.hosts).filter(|host| *host != by) {
                for epoch in 0..state.newest() {
                    let life = state.chain[epoch].members[host];
                    // What cannot be read is not known to stand still.
                    let silent = life > dead[host]
                        && self.block(state, host).life > 0
                        && !self.stands(state, host, life)
                        && !self.writes(state, host, life);
                    if silent && self.votes_are_void(state, by, host, life, &dead) {
                        dead[host] = life;
                    }
                }
            }
            if dead == before {
                return dead;
            }
        }
    }

    /// The life is a member of the newest epoch.
    fn stands(&self, state: &State, host: usize, life: u8) -> bool {
        state.chain[state.newest()].members[host] == life
    }

    fn open(&self, state: &State) -> impl Iterator<Item = usize> + use<> {
        let (newest, open) = (state.newest(), state.chain[state.newest()].open);
        (0..newest).filter(move |epoch| open & (1 << epoch) != 0)
    }

    /// Of every open epoch in which the life may stand, so many have gone that nobody votes for it.
    fn votes_are_void(
        &self,
        state: &State,
        by: usize,
        host: usize,
        life: u8,
        dead: &[u8; HOSTS_MAX],
    ) -> bool {
        let block = self.block(state, host);
        let from = if block.life == life { block.confirms } else { 0 };
        let mut standing = self
            .open(state)
            .filter(|epoch| number(*epoch) >= from && state.chain[*epoch].members[host] == life);
        standing.all(|epoch| {
            let members = state.chain[epoch].members;
            let gone = (0..self.hosts).filter(|peer| {
                members[*peer] != 0 && self.has_left(state, View { by, dead }, *peer, epoch)
            });
            self.are_enough(&members, gone.count())
        })
    }

    /// `n - q + 1` of these.
    pub(super) fn are_enough(&self, members: &[u8; HOSTS_MAX], gone: usize) -> bool {
        let all = members.iter().filter(|life| **life != 0).count();
        let quorum = (all / 2 + 1).min(all);
        gone + quorum > all
    }

    /// A life confirms a newer epoch than this, or is dead, as far as `by` knows.
    fn has_left(&self, state: &State, view: View<'_>, host: usize, epoch: usize) -> bool {
        let View { by, dead } = view;
        let life = state.chain[epoch].members[host];
        if dead[host] >= life {
            return true;
        }
        if host == by && state.hosts[by].life == life {
            return state.hosts[by].know > number(epoch);
        }
        let block = self.block(state, host);
        block.life == life && block.confirms > number(epoch)
    }

    /// Nobody stands in the epoch any more, and no IO of its coordinator is under way.
    pub(super) fn is_closed(&self, state: &State, by: usize, epoch: usize) -> bool {
        let dead = self.dead(state, by);
        let members = state.chain[epoch].members;
        let left = (0..self.hosts)
            .filter(|host| members[*host] != 0)
            .all(|host| self.has_left(state, View { by, dead: &dead }, host, epoch));
        let host = usize::from(state.chain[epoch].coordinator);
        let life = members[host];
        let again = self.open(state).chain([state.newest()]).any(|later| {
            let later = (later, &state.chain[later]);
            later.0 > epoch
                && usize::from(later.1.coordinator) == host
                && later.1.members[host] == life
        });
        let own = host == by && state.hosts[by].life == life;
        let block = self.block(state, host);
        let drained = own || (block.life == life && block.drained >= number(epoch));
        left && (dead[host] >= life || again || drained)
    }

    /// The host is coordinator of the epoch that it knows, and every other one is gone.
    pub(super) fn acts(&self, state: &State, host: usize) -> bool {
        let here = &state.hosts[host];
        let Some(known) = state.known(host).filter(|_| here.phase == Phase::Member) else {
            return false;
        };
        let epoch = state.chain[known];
        if usize::from(epoch.coordinator) != host || epoch.members[host] != here.life {
            return false;
        }
        if known != state.newest() {
            // What it waited for is over, and nobody has told it of the next epoch.
            return true;
        }
        let dead = self.dead(state, host);
        let seat = |epoch: usize| {
            let named = usize::from(state.chain[epoch].coordinator);
            (named, state.chain[epoch].members[named])
        };
        self.open(state).all(|epoch| {
            let (named, life) = seat(epoch);
            if (named, life) == (host, here.life) {
                return true;
            }
            let last = self.open(state).filter(|other| seat(*other) == (named, life)).max();
            let last = number(last.unwrap_or(epoch));
            let block = self.block(state, named);
            let gone = block.life == life && block.confirms > last && block.drained >= last;
            dead[named] >= life || gone
        })
    }

    /// An epoch that is open in this one names a life of the host, other than its member's.
    pub(super) fn owes(&self, state: &State, host: usize, from: usize) -> bool {
        let member = state.chain[from].members[host];
        let open = state.chain[from].open;
        let past = (0..EPOCHS_MAX).filter(|epoch| open & (1 << epoch) != 0);
        let past = past.filter(|epoch| state.chain[*epoch].members[host] != member);
        self.owes_in(state, host, past.fold(0, |set, epoch| set | 1 << epoch))
    }

    /// The same of a set of epochs.
    pub(super) fn owes_in(&self, state: &State, host: usize, open: u8) -> bool {
        let block = state.blocks[host];
        (0..EPOCHS_MAX).filter(|epoch| open & (1 << epoch) != 0).any(|epoch| {
            let life = state.chain[epoch].members[host];
            let told = block.life > life || block.life == life && block.last;
            life != 0 && !(told && self.drops(Rule::MarksRot))
        })
    }

    /// `host`, that is no member, may make the next epoch.
    pub(super) fn may_found(&self, state: &State, host: usize) -> bool {
        let here = &state.hosts[host];
        let last = state.chain[state.newest()];
        let ready = here.phase == Phase::Asking && here.know == number(state.newest());
        if !ready || self.drops(Rule::Founding) {
            return false;
        }
        let was_member = last.members[host] != 0 && last.members[host] < here.life;
        let seen = (0..self.hosts)
            .any(|peer| last.members[peer] != 0 && self.is_alive(state, peer, last.members[peer]));
        let dead = self.dead(state, host);
        let gone = (0..self.hosts).filter(|peer| {
            let life = last.members[*peer];
            let block = self.block(state, *peer);
            let marked = block.last && block.life == life && !self.drops(Rule::MarksCount);
            // Silence counts when the word of nobody else is needed.
            life != 0 && (dead[*peer] >= life || marked)
        });
        was_member && !seen && self.are_enough(&last.members, gone.count())
    }
}
