//! Arming a pool, step by step, and taking back what failed halfway.
//!
//! Owns: the order of the steps, whom a failure leaves in doubt, and how an arming ends that was cut
//! short. The first guard that is armed may found a membership at once, so who arms says so on its own
//! paper before that, and its own guard comes last. What may have been founded is ended by a decided
//! epoch and never by a guess.

use haven_cluster::control::{ArmConfig, GuardPhase, GuardState};
use haven_cluster::ids::{EpochNumber, HostId};

/// Looks at which nothing was decided yet, until the others are told again: they may only be slow.
const PATIENCE_LOOKS: u32 = 3;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// All hosts say whether they are fit, and nothing changes. Answer: [`Answer::Checked`].
    Check,
    /// The statefiles are written, and the database comes to where the next coordinator finds it.
    /// Answer: [`Answer::Done`], as of all that follow, where nothing else is said.
    Prepare,
    /// This host writes down that it is armed.
    Note,
    /// These hosts are armed. Answer: [`Answer::Told`].
    ArmOthers(Vec<HostId>),
    /// The guard of this host is armed.
    ArmSelf,
    /// The first epoch is waited for: all hosts are members, and this one acts.
    Form,
    /// That the pool is armed is written into its database, with the lives in which its VMs run.
    Record,
    /// The guards of these hosts leave. Answer: [`Answer::Told`].
    LeaveOthers(Vec<HostId>),
    /// The guard of this host leaves, and the database goes home.
    LeaveSelf,
    /// It is waited until this host may act in the epoch that was decided.
    Act,
    /// The pool is disarmed by a decided epoch.
    Disarm,
    /// Nothing is left to do.
    End(End),
}

/// How an arming ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The pool is armed.
    Armed,
    /// It is not, and no guard was ever told anything.
    Refused,
    /// It is not, on any host: what was done is taken back.
    TakenBack,
    /// Some hosts may still be armed: whoever comes to coordinate them disarms them, see [`half_armed`].
    Halved,
}

/// How a host answered that was told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<E> {
    /// It does so.
    Done,
    /// It does not, certainly.
    Refused(E),
    /// Nobody knows.
    Unknown(E),
}

/// Why a host cannot be armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit<E> {
    /// It does not answer.
    Silent(E),
    /// It lacks something.
    Lacks(E),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<E> {
    /// Those that are not fit.
    Checked(Vec<Unfit<E>>),
    /// It was done, or failed.
    Done(Result<(), E>),
    /// What each host answered.
    Told(Vec<(HostId, Told<E>)>),
}

/// One arming. The first step is [`Step::Check`].
#[derive(Clone, Debug)]
pub struct Arming<E> {
    others: Vec<HostId>,
    step: Step,
    /// Other hosts that may be armed.
    touched: Vec<HostId>,
    why: Option<E>,
}

impl<E> Arming<E> {
    /// Of this host and these others.
    #[must_use]
    pub fn new(others: Vec<HostId>) -> Self {
        Self { others, step: Step::Check, touched: Vec::new(), why: None }
    }

    /// What is to be done now.
    #[must_use]
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Why the pool is not armed: what went wrong first.
    pub fn why(&mut self) -> Option<E> {
        self.why.take()
    }

    /// The step that was to be done had this answer; `founded`: an epoch was decided meanwhile, as far
    /// as this host's guard knows. What is next.
    pub fn answer(&mut self, answer: Answer<E>, founded: bool) -> Step {
        let done = self.take(answer);
        self.step = match (&self.step, done) {
            (Step::Check, true) => Step::Prepare,
            (Step::Prepare, true) => Step::Note,
            (Step::Note, true) => Step::ArmOthers(self.others.clone()),
            (Step::ArmOthers(_), true) => Step::ArmSelf,
            (Step::ArmSelf, true) => Step::Form,
            (Step::Form, true) => Step::Record,
            (Step::Record, true) => Step::End(End::Armed),
            (Step::Check | Step::Prepare, false) => Step::End(End::Refused),
            (
                Step::Note | Step::ArmOthers(_) | Step::ArmSelf | Step::Form | Step::Record,
                false,
            ) => {
                match founded {
                    // Somebody may run under it already.
                    true => Step::Act,
                    // While nothing was decided, nobody can decide anything any more once all have left.
                    false => Step::LeaveOthers(self.touched.clone()),
                }
            }
            // This host's guard last: the others cannot found an epoch without it then.
            (Step::LeaveOthers(_), true) => Step::LeaveSelf,
            (Step::LeaveSelf | Step::Disarm, true) => Step::End(End::TakenBack),
            (Step::LeaveOthers(_) | Step::LeaveSelf, false) if founded => Step::Act,
            (Step::Act, true) => Step::Disarm,
            (Step::End(end), _) => Step::End(*end),
            (Step::LeaveOthers(_) | Step::LeaveSelf | Step::Act | Step::Disarm, false) => {
                Step::End(End::Halved)
            }
        };
        self.step.clone()
    }

    /// Whether the step was done; the first error is kept.
    fn take(&mut self, answer: Answer<E>) -> bool {
        let error = match answer {
            Answer::Done(result) => result.err(),
            Answer::Checked(unfit) => {
                // Others do not see a host that is off; that it is off says more.
                let worst =
                    unfit.into_iter().min_by_key(|unfit| !matches!(unfit, Unfit::Silent(_)));
                worst.map(|(Unfit::Silent(why) | Unfit::Lacks(why))| why)
            }
            Answer::Told(answers) => {
                let arms = matches!(self.step, Step::ArmOthers(_));
                let doubt = |told: &Told<E>| !matches!(told, Told::Refused(_));
                let may = answers.iter().filter(|(_, told)| arms && doubt(told));
                self.touched.extend(may.map(|(host, _)| *host));
                answers.into_iter().find_map(|(_, told)| match told {
                    Told::Done => None,
                    Told::Refused(why) | Told::Unknown(why) => Some(why),
                })
            }
        };
        let done = error.is_none();
        if self.why.is_none() {
            self.why = error;
        }
        done
    }
}

/// An epoch was decided since the pool was armed.
#[must_use]
pub fn founded(state: Option<&GuardState>) -> bool {
    let epoch = state.and_then(|state| state.epoch.as_ref());
    epoch.is_some_and(|epoch| epoch.number > EpochNumber(0))
}

/// What becomes of an arming that nobody goes on with, as its daemon ended in the middle. Nobody knows
/// how far it came, so the way is forward, to an epoch that can be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Nothing is to be done.
    Whole,
    /// The guards that are missing are armed.
    ArmOthers,
    /// The pool is disarmed by a decided epoch.
    Disarm,
}

/// How often a host that looks found that nothing was founded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looks(u32);

impl Looks {
    /// A look at a pool that is not being armed or disarmed by this host's daemon now. `acts`: this host
    /// coordinates it and has its database; `recorded`: that says that the pool is armed.
    pub fn half_armed(
        &mut self,
        state: Option<&GuardState>,
        (config, me): (&ArmConfig, HostId),
        acts: bool,
        recorded: bool,
    ) -> Half {
        self.0 = if is_unfounded(state, config, me) { self.0.saturating_add(1) } else { 0 };
        if self.0 >= PATIENCE_LOOKS {
            return Half::ArmOthers;
        }
        // Nobody knows in which lives its VMs run.
        if acts && !recorded { Half::Disarm } else { Half::Whole }
    }
}

/// This host began to arm the pool, its guard reads the statefile, and no epoch was decided since.
fn is_unfounded(state: Option<&GuardState>, config: &ArmConfig, me: HostId) -> bool {
    let joining = state.is_some_and(|state| matches!(state.phase, GuardPhase::Joining(_)));
    let genesis = state.and_then(|state| state.epoch.as_ref());
    let genesis = genesis.is_some_and(|epoch| epoch.number == EpochNumber(0));
    joining && genesis && config.first_coordinator == me
}

#[cfg(test)]
mod tests;
