//! What hosts and their daemons do, and what happens to them.

use super::{AREAS, Area, Areas, Daemon, HOSTS, Host, Record, Rule, State};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A guard proposes its host as coordinator, with this fresh area; the record is in phase 2.
    TakeOver(usize, u8),
    /// A guard proposes that its daemon's copy becomes live; the record is in phase 2.
    Ask(usize),
    /// A guard completes what is in phase 2.
    Decide(usize),
    /// A guard reads the newest record.
    Learn(usize),
    /// A daemon begins to copy, or finds that it has done so.
    Copy(usize),
    /// Its copy is durable.
    Copied(usize),
    /// It acknowledges writes from now on.
    Open(usize),
    /// It acknowledges one.
    Write(usize),
    /// It lets the database go: it coordinates no more.
    Close(usize),
    /// It is killed, and started again.
    Kill(usize),
    /// It is stopped in order: it closes the database, and its guard knows that.
    Stop(usize),
    /// The next one speaks to the guard.
    Speak(usize),
    /// A host loses its power.
    Lose(usize),
    /// It comes back as another life.
    Boot(usize),
    /// A write of its former life lands.
    LateLands(usize),
    /// Nothing of its former life lands any more.
    LateOver(usize),
    /// Every coordinator but the present one is dead or has closed: their areas are free.
    Free,
}

impl Areas {
    pub(super) fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let Host { up, knows, daemon, late, .. } = state.hosts[host];
        if late.is_some() {
            into.extend([Action::LateLands(host), Action::LateOver(host)]);
        }
        if host == 0 && self.others_over(state, usize::from(state.record.coordinator.0)) {
            into.push(Action::Free);
        }
        if !up {
            if late.is_none() || self.drops(Rule::LateWrites) {
                into.push(Action::Boot(host));
            }
            return;
        }
        if state.losses > 0 {
            into.push(Action::Lose(host));
        }
        if state.kills > 0 && daemon != Daemon::Idle {
            into.extend([Action::Kill(host), Action::Stop(host)]);
        }
        if knows < state.record.number {
            into.push(Action::Learn(host));
        }
        if state.pending.is_some() {
            into.push(Action::Decide(host));
        } else if knows == state.record.number
            && state.record.number + 1 < self.records
            && !self.is_named(state, host)
        {
            let fresh = (0..AREAS as u8).filter(|area| self.is_fresh(state, *area));
            into.extend(fresh.map(|area| Action::TakeOver(host, area)));
        }
        self.daemon_steps(state, host, into);
    }

    fn daemon_steps(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let named = self.is_named(state, host);
        if state.hosts[host].closed && !self.drops(Rule::ClosedUntilItSpeaks) {
            return into.push(Action::Speak(host));
        }
        let asks = named && state.pending.is_none() && state.record.number + 1 < self.records;
        match state.hosts[host].daemon {
            _ if !named && state.hosts[host].knows < state.record.number => {
                // It does not know better: it goes on under the record that it knows.
                self.blind_steps(state, host, into);
            }
            Daemon::Idle if !named => {}
            _ if !named => into.push(Action::Close(host)),
            Daemon::Idle if self.may_act(state, host) => match state.record.next {
                Some(_) => into.push(Action::Copy(host)),
                None => into.push(Action::Open(host)),
            },
            Daemon::Idle => {}
            Daemon::Copying(..) => into.push(Action::Copied(host)),
            Daemon::Copied(area, _) => {
                let live = state.record.live == area && state.record.next.is_none();
                if live || self.drops(Rule::RecordFirst) {
                    into.push(Action::Open(host));
                }
                if asks && state.record.next == Some(area) {
                    into.push(Action::Ask(host));
                } else if !live && state.record.next != Some(area) {
                    // Another area is named by now.
                    into.push(Action::Close(host));
                }
            }
            Daemon::Open(area, _) => {
                if state.acked.count_ones() < u32::from(self.writes) {
                    into.push(Action::Write(host));
                }
                // Without the rule it asks while it acknowledges.
                if asks && state.record.next == Some(area) {
                    into.push(Action::Ask(host));
                }
            }
        }
    }

    /// Its permit is valid and it has not read the newest record: it goes on with what it began.
    fn blind_steps(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        match state.hosts[host].daemon {
            Daemon::Copying(..) => into.push(Action::Copied(host)),
            Daemon::Open(..) if state.acked.count_ones() < u32::from(self.writes) => {
                into.push(Action::Write(host));
            }
            _ => {}
        }
    }

    /// The newest record that its guard knows names this life, and is the newest.
    fn is_named(&self, state: &State, host: usize) -> bool {
        let life = &state.hosts[host];
        life.knows == state.record.number && state.record.coordinator == (host as u8, life.life)
    }

    fn may_act(&self, state: &State, host: usize) -> bool {
        self.others_over(state, host) || self.drops(Rule::FormerDrained)
    }

    /// No other host writes.
    fn others_over(&self, state: &State, host: usize) -> bool {
        let late = |other: &Host| other.late.is_some() && !self.drops(Rule::LateWrites);
        let open = |other: &Host| other.daemon != Daemon::Idle && !other.closed;
        let writes = |other: &Host| (other.up && open(other)) || late(other);
        let knows = |other: &Host| !other.up || other.knows == state.record.number;
        (0..HOSTS)
            .filter(|other| *other != host)
            .all(|other| !writes(&state.hosts[other]) && knows(&state.hosts[other]))
    }

    fn is_fresh(&self, state: &State, area: u8) -> bool {
        let open = state.open & (1 << area) != 0 && !self.drops(Rule::FreshArea);
        area != state.record.live && !open
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::TakeOver(host, area) => {
                let coordinator = (host as u8, state.hosts[host].life);
                let number = state.record.number + 1;
                state.pending =
                    Some(Record { number, next: Some(area), coordinator, ..state.record });
            }
            Action::Ask(host) => {
                if let Daemon::Copied(area, _) | Daemon::Open(area, _) = state.hosts[host].daemon {
                    let number = state.record.number + 1;
                    state.pending = Some(Record { number, live: area, next: None, ..state.record });
                }
            }
            Action::Decide(host) => {
                if let Some(record) = state.pending.take() {
                    state.record = record;
                    state.open |= record.next.map_or(0, |area| 1 << area) | 1 << record.live;
                    state.hosts[host].knows = record.number;
                }
            }
            Action::Learn(host) => state.hosts[host].knows = state.record.number,
            Action::Copy(host) => self.copy(state, host),
            Action::Copied(host) => copied(state, host),
            Action::Open(host) => open(state, host),
            Action::Write(host) => write(state, host),
            Action::Close(host) => state.hosts[host].daemon = Daemon::Idle,
            Action::Kill(host) => {
                state.kills -= 1;
                state.hosts[host].daemon = Daemon::Idle;
            }
            Action::Stop(host) => {
                state.kills -= 1;
                state.hosts[host].daemon = Daemon::Idle;
                state.hosts[host].closed = true;
            }
            Action::Speak(host) => state.hosts[host].closed = false,
            Action::Lose(host) => lose(state, host),
            Action::Boot(host) => {
                let life = &mut state.hosts[host];
                *life = Host { up: true, life: life.life + 1, late: life.late, ..Host::default() };
            }
            Action::LateLands(host) => {
                if let Some((area, seal)) = state.hosts[host].late.take() {
                    let area = &mut state.areas[usize::from(area)];
                    // Over what it belongs to it changes nothing.
                    if area.seal != seal {
                        area.content = None;
                    }
                }
            }
            Action::LateOver(host) => state.hosts[host].late = None,
            Action::Free => {
                let next = state.record.next.map_or(0, |area| 1 << area);
                state.open = next | 1 << state.record.live;
            }
        }
    }

    fn copy(&self, state: &mut State, host: usize) {
        let Some(to) = state.record.next else { return };
        let Some(content) = state.areas[usize::from(state.record.live)].content else { return };
        let seal = Some((host as u8, state.hosts[host].life));
        let area = &mut state.areas[usize::from(to)];
        if let Some(kept) = area.content.filter(|_| area.seal == seal)
            && (kept == content || self.drops(Rule::AsNewAsLive))
            && !self.drops(Rule::WholeIsKept)
        {
            state.hosts[host].daemon = Daemon::Copied(to, kept);
            return;
        }
        *area = Area::default();
        state.hosts[host].daemon = Daemon::Copying(to, content);
    }
}

fn copied(state: &mut State, host: usize) {
    let Daemon::Copying(to, content) = state.hosts[host].daemon else { return };
    let seal = Some((host as u8, state.hosts[host].life));
    state.areas[usize::from(to)] = Area { content: Some(content), seal };
    state.hosts[host].daemon = Daemon::Copied(to, content);
}

fn open(state: &mut State, host: usize) {
    state.hosts[host].daemon = match state.hosts[host].daemon {
        Daemon::Copied(area, content) => Daemon::Open(area, content),
        _ => match state.areas[usize::from(state.record.live)].content {
            Some(content) => Daemon::Open(state.record.live, content),
            None => Daemon::Idle,
        },
    };
}

/// A commit is durable at once or not at all, and is acknowledged after that.
fn write(state: &mut State, host: usize) {
    let Daemon::Open(area, content) = state.hosts[host].daemon else { return };
    let content = content | 1 << state.acked.count_ones();
    state.acked |= 1 << state.acked.count_ones();
    state.areas[usize::from(area)].content = Some(content);
    state.hosts[host].daemon = Daemon::Open(area, content);
}

fn lose(state: &mut State, host: usize) {
    state.losses -= 1;
    let life = &mut state.hosts[host];
    let at = match life.daemon {
        Daemon::Copying(area, ..) | Daemon::Open(area, _) => Some(area),
        Daemon::Idle | Daemon::Copied(..) => None,
    };
    life.late = at.map(|area| (area, state.areas[usize::from(area)].seal));
    life.up = false;
    life.daemon = Daemon::Idle;
}
