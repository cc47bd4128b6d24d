//! One name for states that differ in numbers alone: epochs that nobody asks about are forgotten, and
//! what is kept, epochs and lives, is numbered from one.

use super::{EPOCHS_MAX, Epoch, HOSTS_MAX, NEVER, Phase, Pools, State, number};

impl Pools {
    pub(super) fn numbered(&self, mut state: State) -> State {
        forget_what_is_gone(&mut state);
        number_epochs(&mut state);
        for host in 0..self.hosts {
            number_lives(&mut state, host);
        }
        state
    }
}

/// What can make no difference any more.
fn forget_what_is_gone(state: &mut State) {
    for host in 0..HOSTS_MAX {
        let life = &mut state.hosts[host];
        if matches!(life.phase, Phase::Off | Phase::Left) {
            (life.know, life.told) = (NEVER, [0; HOSTS_MAX]);
        }
        if life.phase == Phase::Off {
            life.stalled = false;
        }
    }
}

fn number_epochs(state: &mut State) {
    let newest = state.newest();
    let mut kept: u8 = state.chain[newest].open | 1 << newest;
    kept |= state.pending.map_or(0, |value| value.open);
    for host in 0..HOSTS_MAX {
        if state.hosts[host].phase == Phase::Member {
            kept |= state.known(host).map_or(0, |index| 1 << index);
        }
    }
    let place = |index: usize| (kept & ((1u16 << index) - 1) as u8).count_ones() as usize;
    let renumber = |old: u8| {
        if old <= NEVER {
            return NEVER;
        }
        let index = usize::from(old / 2) - 1;
        let is_kept = kept & (1 << index) != 0;
        if is_kept && old.is_multiple_of(2) {
            number(place(index))
        } else {
            // Between the kept one at or before it, and the next.
            let before = place(index) + usize::from(is_kept);
            if before == 0 { NEVER } else { number(before - 1) + 1 }
        }
    };
    let of = |open: u8| {
        let indices = (0..EPOCHS_MAX).filter(|index| open & kept & (1 << index) != 0);
        indices.fold(0, |set, index| set | 1 << place(index))
    };
    let mut chain = [Epoch::default(); EPOCHS_MAX];
    for index in (0..EPOCHS_MAX).filter(|index| kept & (1 << index) != 0) {
        let old = state.chain[index];
        chain[place(index)] = Epoch { open: of(old.open), ..old };
    }
    for host in 0..HOSTS_MAX {
        let life = &mut state.hosts[host];
        life.know = renumber(life.know);
        let block = &mut state.blocks[host];
        (block.confirms, block.drained) = (renumber(block.confirms), renumber(block.drained));
    }
    state.pending = state.pending.map(|value| Epoch { open: of(value.open), ..value });
    state.chain = chain;
    state.count = kept.count_ones() as u8;
}

/// Lives of one host, by their order.
fn number_lives(state: &mut State, host: usize) {
    let mut named: u32 = 0;
    let chain = &state.chain[..usize::from(state.count)];
    for epoch in chain.iter().chain(state.pending.as_ref()) {
        named |= 1 << epoch.members[host];
    }
    let asked = named & !1;
    named |= 1 << state.blocks[host].life;
    if !matches!(state.hosts[host].phase, Phase::Off | Phase::Left) {
        named |= 1 << state.hosts[host].life;
    }
    named &= !1;
    let place = |life: u8| (named & ((2u32 << life) - 1)).count_ones() as u8;
    let last = place(31 - 1);
    for epoch in &mut state.chain[..usize::from(state.count)] {
        epoch.members[host] = if epoch.members[host] == 0 { 0 } else { place(epoch.members[host]) };
    }
    if let Some(value) = &mut state.pending {
        value.members[host] = if value.members[host] == 0 { 0 } else { place(value.members[host]) };
    }
    let written = state.blocks[host].life;
    for peer in &mut state.hosts {
        // Of lives that an epoch names, and of which the disk does not say it.
        let told = asked & ((2u32 << peer.told[host]) - 1);
        let newest = 31u32.saturating_sub(told.leading_zeros()) as u8;
        peer.told[host] = if told == 0 || newest < written { 0 } else { place(newest) };
    }
    state.blocks[host].life = if written == 0 { 0 } else { place(written) };
    let life = &mut state.hosts[host];
    life.life =
        if matches!(life.phase, Phase::Off | Phase::Left) { last } else { place(life.life) };
}
