//! Data storage that a host loses while others see it: which machines are ended there, in which order, and when
//! they may be started elsewhere.
//!
//! A machine whose disk does not answer hangs, and may write again at any moment. It is given up only after its
//! process is gone, and after its host has let go of the storage: what the process had sent may wait in the
//! host's kernel for the path to come back, and would be written beneath the machine that runs elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haven_cluster::mutation::{Mutation, removed};
use haven_model::{Holder, Host, Ref};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::arrival::{Presence, Report, Sight, presence};

/// A host says for so long that storage does not answer before that counts as lost.
pub const LOST_AFTER: Duration = Duration::from_secs(5);
/// Lost storage answers for so long without a gap before it counts as back.
pub const BACK_AFTER: Duration = Duration::from_secs(10);
/// Pause before a step that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// A machine that was ended is not ended once more before this time: storage that fails on one host after
/// the other must not chase it.
const MOVE_AGAIN: Duration = Duration::from_secs(600);

/// What is done about storage that one host has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Response {
    /// Nothing, and nobody is told.
    Off,
    /// People are told; machines hang until the storage is back.
    #[default]
    Tell,
    /// Besides, its machines are ended after a while, and start elsewhere as they are protected.
    Move,
}

/// What a pool wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is done.
    pub response: Response,
    /// How long after it was first seen machines are ended.
    pub after: Duration,
}

/// What is left at a host of a machine that was ordered to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// Its process is there.
    pub process: bool,
    /// Repositories to which something of it may still be on its way.
    pub srs: BTreeSet<Uuid>,
}

impl Remains {
    /// What a host sees of such a machine.
    #[must_use]
    pub fn sight(&self) -> Sight {
        let writes = !self.srs.is_empty() && !removed(Mutation::WritesUnderWay);
        if self.process || writes { Sight::Here } else { Sight::Nothing }
    }
}

/// A host's word about storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Repositories that it is to have, and whether each answers.
    pub storage: BTreeMap<Uuid, bool>,
    /// Machines that it was ordered to end, and of which something is left.
    pub ending: BTreeMap<Uuid, Remains>,
    /// Repositories of which it could prove to have let go.
    pub lets_go: BTreeSet<Uuid>,
}

/// A machine that runs, or hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its identity.
    pub vm: Uuid,
    /// Its host.
    pub on: Uuid,
    /// Repositories of its disks; discs that lie in its drives do not count.
    pub srs: BTreeSet<Uuid>,
}

/// How a repository stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Well,
    /// It does not answer since then; nothing follows yet.
    Wavers(Duration),
    Lost(Duration),
    /// Lost since the first moment, it answers again since the second one.
    Returns(Duration, Duration),
}

impl Standing {
    fn next(self, well: bool, now: Duration) -> Self {
        match (self, well) {
            (Self::Well | Self::Wavers(_), true) => Self::Well,
            (Self::Well, false) => Self::Wavers(now),
            (Self::Wavers(since), false) if now >= since + LOST_AFTER => Self::Lost(since),
            (Self::Lost(since), true) => Self::Returns(since, now),
            (Self::Returns(_, back), true) if now >= back + BACK_AFTER => Self::Well,
            (Self::Returns(since, _), false) => Self::Lost(since),
            (same, _) => same,
        }
    }
}

/// What people are told, once for each loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// One host lost it, others have it.
    Lost {
        /// The host.
        host: Uuid,
        /// The repository.
        sr: Uuid,
    },
    /// No host has it.
    LostEverywhere {
        /// The repository.
        sr: Uuid,
    },
    /// All that had lost it have it again.
    Back {
        /// The repository.
        sr: Uuid,
    },
    /// Its machines of this host would be moved, and there is no room for all of them.
    NoRoom {
        /// The host.
        host: Uuid,
        /// The repository.
        sr: Uuid,
    },
    /// Its machines of this host would be moved, and the host could not prove that it let go of it.
    Bound {
        /// The host.
        host: Uuid,
        /// The repository.
        sr: Uuid,
    },
    /// The process of a machine cannot be ended: it is started nowhere else.
    Stuck {
        /// The host.
        host: Uuid,
        /// The machine.
        vm: Uuid,
    },
    /// The host cannot let go of the storage: its machines are started nowhere else.
    Held {
        /// The host.
        host: Uuid,
        /// The repository.
        sr: Uuid,
    },
}

/// What is done at a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Closes the placement of a machine, remembers to what it may still write, and ends its process.
    End {
        /// The host.
        host: Uuid,
        /// The machine.
        vm: Uuid,
        /// What does not answer of its storage.
        srs: BTreeSet<Uuid>,
    },
    /// Detaches the repository so that nothing of this host reaches it any more.
    LetGo {
        /// The host.
        host: Uuid,
        /// The repository.
        sr: Uuid,
    },
    /// Asks whether it is really gone, and gives its placement up. It starts elsewhere as other machines do
    /// that must run and run nowhere.
    GiveUp {
        /// The host.
        host: Uuid,
        /// The machine.
        vm: Uuid,
    },
}

impl Step {
    /// At which host.
    #[must_use]
    pub fn host(&self) -> Uuid {
        match self {
            Self::End { host, .. } | Self::LetGo { host, .. } | Self::GiveUp { host, .. } => *host,
        }
    }
}

/// Machines of one host and repository whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The host.
    pub host: Uuid,
    /// The repository.
    pub sr: Uuid,
    /// All machines there with a disk on it.
    pub vms: BTreeSet<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    End,
    LetGo,
    GiveUp,
}

/// A machine that is on its way out of a host.
#[derive(Clone, Debug)]
struct Case {
    host: Uuid,
    phase: Phase,
    /// What its host has still to let go of.
    srs: BTreeSet<Uuid>,
    /// The host says that nothing is left of it: its storage is back, and what it wrote has landed.
    landed: bool,
}

/// How storage stands on all hosts, and what is under way because of it. Forgotten with the office: what was
/// begun, the hosts tell the next coordinator.
#[derive(Clone, Debug, Default)]
pub struct Storages {
    standing: BTreeMap<(Uuid, Uuid), Standing>,
    /// Hosts that are silent, or were never heard.
    silent: BTreeSet<Uuid>,
    /// Of which hosts could prove to have let go.
    lets_go: BTreeSet<(Uuid, Uuid)>,
    told: BTreeSet<Notice>,
    cases: BTreeMap<Uuid, Case>,
    /// When each machine was ended last.
    ended: BTreeMap<Uuid, Duration>,
    /// Steps that wait for an answer.
    asked: BTreeSet<Step>,
    /// Steps, and groups without room, that are not tried again before.
    pauses: BTreeMap<Step, Duration>,
    crowded: BTreeMap<(Uuid, Uuid), Duration>,
}

impl Storages {
    /// Takes in what the living hosts say (`None`: silent), and answers what is to be told.
    pub fn see(
        &mut self,
        now: Duration,
        words: &BTreeMap<Uuid, Option<Word>>,
        response: Response,
    ) -> Vec<Notice> {
        self.forget(words);
        self.silent = words.iter().filter(|(_, w)| w.is_none()).map(|(host, _)| *host).collect();
        for (host, word) in words.iter().filter_map(|(host, word)| Some((*host, word.as_ref()?))) {
            self.standing.retain(|(on, sr), _| *on != host || word.storage.contains_key(sr));
            self.lets_go.retain(|(on, _)| *on != host);
            self.lets_go.extend(word.lets_go.iter().map(|sr| (host, *sr)));
            for (sr, well) in &word.storage {
                let standing = self.standing.entry((host, *sr)).or_insert(Standing::Well);
                *standing = standing.next(*well, now);
            }
            let ended = |case: &Case| case.host == host && case.phase == Phase::LetGo;
            for (vm, case) in self.cases.iter_mut().filter(|(_, case)| ended(case)) {
                case.landed = !word.ending.contains_key(vm);
            }
            for (vm, remains) in &word.ending {
                let phase = if remains.process { Phase::End } else { Phase::LetGo };
                let srs = remains.srs.clone();
                self.cases.entry(*vm).or_insert(Case { host, phase, srs, landed: false });
            }
        }
        self.ended.retain(|_, at| now < *at + MOVE_AGAIN);
        if response == Response::Off { Vec::new() } else { self.news() }
    }

    /// What the coordinator before had written down as lost: nobody begins by starting machines there.
    pub fn inherit(&mut self, now: Duration, lost: impl IntoIterator<Item = (Uuid, Uuid)>) {
        for path in lost {
            self.standing.entry(path).or_insert(Standing::Lost(now));
        }
    }

    /// Hosts that are gone are their guards' business.
    fn forget(&mut self, words: &BTreeMap<Uuid, Option<Word>>) {
        let lives = |host: &Uuid| words.contains_key(host);
        self.standing.retain(|(host, _), _| lives(host));
        self.lets_go.retain(|(host, _)| lives(host));
        self.cases.retain(|_, case| lives(&case.host));
        self.asked.retain(|step| lives(&step.host()));
        self.pauses.retain(|step, _| lives(&step.host()));
        self.crowded.retain(|(host, _), _| lives(host));
        self.told.retain(|notice| match notice {
            Notice::Stuck { host, .. } | Notice::Held { host, .. } => lives(host),
            _ => true,
        });
    }

    fn news(&mut self) -> Vec<Notice> {
        let mut news = Vec::new();
        let srs: BTreeSet<Uuid> = self.standing.keys().map(|(_, sr)| *sr).collect();
        for sr in srs {
            let on: Vec<(Uuid, Standing)> = self.on(sr).collect();
            let all = |is: fn(&Standing) -> bool| on.iter().all(|(_, standing)| is(standing));
            if all(|standing| *standing == Standing::Well) {
                let about = |notice: &Notice| match notice {
                    Notice::Lost { sr: of, .. } | Notice::LostEverywhere { sr: of } => *of == sr,
                    _ => false,
                };
                if self.told.iter().any(about) {
                    news.push(Notice::Back { sr });
                }
                self.told.retain(|notice| !about(notice) && !stay(notice, sr));
            } else if all(|standing| matches!(standing, Standing::Lost(_)))
                && self.silent.is_empty()
            {
                news.push(Notice::LostEverywhere { sr });
            } else if self.sees(sr, None) {
                let lost = on.iter().filter(|(_, standing)| matches!(standing, Standing::Lost(_)));
                news.extend(lost.map(|(host, _)| Notice::Lost { host: *host, sr }));
            }
        }
        news.retain(|notice| matches!(notice, Notice::Back { .. }) || self.told.insert(*notice));
        news
    }

    fn on(&self, sr: Uuid) -> impl Iterator<Item = (Uuid, Standing)> {
        let of = self.standing.iter().filter(move |((_, of), _)| *of == sr);
        of.map(|((host, _), standing)| (*host, *standing))
    }

    /// Whether a host that speaks, other than this one, sees it well.
    fn sees(&self, sr: Uuid, but: Option<Uuid>) -> bool {
        self.on(sr).any(|(host, standing)| {
            standing == Standing::Well && Some(host) != but && !self.silent.contains(&host)
        })
    }

    /// Whether machines with disks on it may be started there.
    #[must_use]
    pub fn usable(&self, host: Uuid, sr: Uuid) -> bool {
        let standing = self.standing.get(&(host, sr)).copied().unwrap_or(Standing::Well);
        matches!(standing, Standing::Well | Standing::Wavers(_))
    }

    /// Hosts with what they have lost, or have not had back for long.
    pub fn lost(&self) -> impl Iterator<Item = (Uuid, Uuid)> {
        self.standing.keys().copied().filter(|(host, sr)| !self.usable(*host, *sr))
    }

    /// Repositories that no host has, as was told.
    pub fn lost_everywhere(&self) -> impl Iterator<Item = Uuid> {
        self.told.iter().filter_map(|notice| match notice {
            Notice::LostEverywhere { sr } => Some(*sr),
            _ => None,
        })
    }

    /// Machines that are being ended, or were and have not been given up yet, and by which host.
    pub fn on_their_way(&self) -> impl Iterator<Item = (Uuid, Uuid)> {
        self.cases.iter().map(|(vm, case)| (*vm, case.host))
    }

    /// Machines whose time is over, whose storage another host sees well, and of which theirs can prove to let
    /// go. Whoever asks finds out whether there is room for those that are protected, and says
    /// [`Self::begin`] or [`Self::no_room`].
    #[must_use]
    pub fn due(&self, now: Duration, machines: &[Machine], policy: Policy) -> Vec<Due> {
        let waits = |key: &(Uuid, Uuid)| self.crowded.get(key).is_some_and(|until| now < *until);
        let free = |due: &Due| {
            let key = (due.host, due.sr);
            self.lets_go.contains(&key) && !waits(&key)
        };
        self.over(now, machines, policy).filter(free).collect()
    }

    /// Machines that stay though their time is over: ended without the proof they would be neither here nor
    /// elsewhere. What is to be told of it.
    pub fn bound(&mut self, now: Duration, machines: &[Machine], policy: Policy) -> Vec<Notice> {
        let over: Vec<Due> = self.over(now, machines, policy).collect();
        let bound = over.into_iter().filter(|due| !self.lets_go.contains(&(due.host, due.sr)));
        let notices: Vec<Notice> =
            bound.map(|due| Notice::Bound { host: due.host, sr: due.sr }).collect();
        notices.into_iter().filter(|notice| self.told.insert(*notice)).collect()
    }

    fn over<'a>(
        &'a self,
        now: Duration,
        machines: &'a [Machine],
        policy: Policy,
    ) -> impl Iterator<Item = Due> + 'a {
        let moves = policy.response == Response::Move;
        let over = self.standing.iter().filter(move |((host, sr), standing)| match standing {
            Standing::Lost(since) => {
                moves && now >= *since + policy.after && self.sees(*sr, Some(*host))
            }
            _ => false,
        });
        let speaks = over.filter(|((host, _), _)| !self.silent.contains(host));
        speaks.filter_map(|((host, sr), _)| {
            let there = machines.iter().filter(|m| m.on == *host && m.srs.contains(sr));
            let left = there.filter(|machine| !self.cases.contains_key(&machine.vm));
            let vms: BTreeSet<Uuid> = left.map(|machine| machine.vm).collect();
            let again = vms.iter().any(|vm| self.ended.contains_key(vm));
            (!vms.is_empty() && !again).then_some(Due { host: *host, sr: *sr, vms })
        })
    }

    /// There is room: these machines are ended.
    pub fn begin(&mut self, now: Duration, due: &Due, machines: &[Machine]) {
        for machine in machines.iter().filter(|machine| due.vms.contains(&machine.vm)) {
            let bad = |sr: &&Uuid| !self.usable(due.host, **sr);
            let srs = machine.srs.iter().filter(bad).copied().collect();
            let hasty = removed(Mutation::HungVmGivenUp);
            let phase = if hasty { Phase::GiveUp } else { Phase::End };
            self.cases.entry(machine.vm).or_insert(Case {
                host: due.host,
                phase,
                srs,
                landed: false,
            });
            self.ended.insert(machine.vm, now);
        }
    }

    /// There is not: they hang on, and it is looked again later. Whether that is to be told.
    pub fn no_room(&mut self, now: Duration, due: &Due) -> Option<Notice> {
        self.crowded.insert((due.host, due.sr), now + AGAIN);
        let notice = Notice::NoRoom { host: due.host, sr: due.sr };
        self.told.insert(notice).then_some(notice)
    }

    /// What is to be done now, each step once until it is answered. A host that is silent is asked nothing.
    pub fn steps(&mut self, now: Duration) -> Vec<Step> {
        let ready = |(vm, case): (&Uuid, &Case)| {
            let (vm, host) = (*vm, case.host);
            // Letting go may be what frees a process that cannot be ended: it is tried all the same.
            let stuck = |vm: Uuid| self.told.contains(&Notice::Stuck { host, vm });
            let lost = case.srs.iter().find(|sr| !self.usable(host, **sr)).copied();
            match (case.phase, case.srs.first().copied()) {
                (Phase::End, _) => {
                    let end = Step::End { host, vm, srs: case.srs.clone() };
                    let let_go = lost.filter(|_| stuck(vm)).map(|sr| Step::LetGo { host, sr });
                    vec![Some(end), let_go]
                }
                (Phase::LetGo, Some(sr)) if !case.landed => {
                    let ends = |(vm, other): (&Uuid, &Case)| {
                        let there = other.host == host && other.srs.contains(&sr);
                        there && other.phase == Phase::End && !stuck(*vm)
                    };
                    let free = !self.cases.iter().any(ends);
                    vec![free.then_some(Step::LetGo { host, sr })]
                }
                (Phase::LetGo | Phase::GiveUp, _) => vec![Some(Step::GiveUp { host, vm })],
            }
        };
        let steps: BTreeSet<Step> = self.cases.iter().flat_map(ready).flatten().collect();
        self.pauses.retain(|_, until| now < *until);
        let fresh = steps.into_iter().filter(|step| {
            !self.silent.contains(&step.host())
                && !self.asked.contains(step)
                && !self.pauses.contains_key(step)
        });
        let fresh: Vec<Step> = fresh.collect();
        self.asked.extend(fresh.iter().cloned());
        fresh
    }

    /// Nothing came of a step, and nothing is wrong: it is asked again at the next look.
    pub fn withdraw(&mut self, step: &Step) {
        self.asked.remove(step);
    }

    /// How a step ended. What failed is tried again after a pause; what is to be told of it the first time.
    pub fn answered(&mut self, now: Duration, step: &Step, done: bool) -> Option<Notice> {
        if !self.asked.remove(step) {
            return None;
        }
        if !done {
            self.pauses.insert(step.clone(), now + AGAIN);
            let notice = match step {
                Step::End { host, vm, .. } => Notice::Stuck { host: *host, vm: *vm },
                Step::LetGo { host, sr } => Notice::Held { host: *host, sr: *sr },
                Step::GiveUp { .. } => return None,
            };
            return self.told.insert(notice).then_some(notice);
        }
        match step {
            Step::End { vm, host, .. } => {
                self.told.remove(&Notice::Stuck { host: *host, vm: *vm });
                if let Some(case) = self.cases.get_mut(vm) {
                    case.phase = Phase::LetGo;
                }
            }
            Step::LetGo { host, sr } => {
                self.told.remove(&Notice::Held { host: *host, sr: *sr });
                let there = self.cases.values_mut().filter(|case| case.host == *host);
                for case in there.filter(|case| case.phase == Phase::LetGo) {
                    case.srs.remove(sr);
                }
            }
            Step::GiveUp { vm, .. } => drop(self.cases.remove(vm)),
        }
        None
    }
}

/// Whether this says why machines of a repository stay where they are.
fn stay(notice: &Notice, sr: Uuid) -> bool {
    matches!(notice, Notice::NoRoom { sr: of, .. } | Notice::Bound { sr: of, .. } if *of == sr)
}

/// The life by which a host alone holds a machine. One that moves, or has moved meanwhile, is not given up for
/// what was begun before: its place is not that host any more.
#[must_use]
pub fn held_alone(holders: &[Holder], host: Ref<Host>) -> Option<Holder> {
    match holders {
        [holder] if holder.host == host => Some(*holder),
        [holder, ..] if removed(Mutation::MovedGivenUp) => Some(*holder),
        _ => None,
    }
}

/// Whether a machine may be given up, by what its host says after its placement was closed there.
#[must_use]
pub fn may_give_up(report: Report) -> bool {
    presence(report) == Presence::Gone || removed(Mutation::HungVmGivenUp)
}

#[cfg(test)]
mod tests;
