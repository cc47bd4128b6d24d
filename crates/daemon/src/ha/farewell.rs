//! A host leaves the pool, or is given up, while high availability is on.
//!
//! Owns: that its guard leaves in order, and that nothing of the host is forgotten before the others
//! go on without it. Never decides an epoch: the guards put out whoever left in order by themselves.

use std::convert::Infallible;
use std::time::Duration;

use haven_cluster::control::{GuardCommand, GuardState};
use haven_cluster::ids::HostId;
use haven_cluster::timing::{Profile, Timing};
use haven_model::{ApiError, Host, Ref, codes};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep, timeout_at};

use super::link::LinkState;
use super::stock;
use super::takeover::Ha;
use crate::ops::{errors, host};
use crate::orders::Order;
use crate::tasks::Op;

/// How often a task that waits says how much of its time is over.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A task that waits for the guards, and since when.
struct Waiting<'o> {
    op: &'o Op,
    since: Instant,
    most: Duration,
}

impl Ha {
    /// Has the guard of a host leave in order, and waits until no epoch counts on it. While the answer is
    /// held nobody arms the host again.
    ///
    /// # Errors
    /// The host or the guards do not answer, no epoch without it is decided, an earlier one still counts
    /// on it, or somebody cancels the task. The host is a member of the pool as before, and its guard is
    /// armed again in a moment.
    pub async fn farewell(&self, gone: Ref<Host>, op: &Op) -> Result<MutexGuard<'_, ()>, ApiError> {
        let changing = self.change(codes::HA_ENABLE_IN_PROGRESS).await?;
        knows_places(self.link.state().as_deref())?;
        let id = host::id(gone);
        for command in [GuardCommand::Exclude, GuardCommand::EmergencyDisarm] {
            let order = Order::Guard(Box::new(command));
            let sent = self.state.orders.send(id, order).await;
            sent.map_err(|error| errors::order(gone, error))?;
        }
        self.gone_on_without(id, op).await?;
        Ok(changing)
    }

    /// Waits until no epoch counts on a host that does not answer. While the answer is held nobody arms
    /// the host again.
    ///
    /// # Errors
    /// No epoch without it is decided, or an earlier one still counts on it: somebody may wait for
    /// nobody but this host. Or somebody cancels the task.
    pub async fn lost(&self, gone: Ref<Host>, op: &Op) -> Result<MutexGuard<'_, ()>, ApiError> {
        let changing = self.change(codes::HA_ENABLE_IN_PROGRESS).await?;
        knows_places(self.link.state().as_deref())?;
        self.gone_on_without(host::id(gone), op).await?;
        Ok(changing)
    }

    async fn gone_on_without(&self, id: HostId, op: &Op) -> Result<(), ApiError> {
        let arm = stock::arm_config(self);
        let place = arm.as_ref().and_then(|arm| arm.hosts.iter().find(|spec| spec.host == id));
        let place = place.map(|spec| spec.slot);
        let timing = arm.map_or(Timing::of(Profile::Conservative), |arm| arm.timing);
        let most = Duration::from_millis(timing.forgotten_bound_ms());
        let waiting = Waiting { op, since: Instant::now(), most };
        // A coordinator that was put out in this moment does not know it yet: the others may count
        // on the host, or wait for nobody but it.
        let state = self.until(&waiting, |state| goes_without(state, id)).await?;
        if !state.as_ref().is_some_and(|state| goes_without(state, id)) {
            let text = "the guards did not decide to go on without the host";
            return Err(ApiError::not_allowed(text));
        }
        // And nobody may need to know how its lives ended: what this guard alone knows of it the next
        // coordinator could not learn, what the host wrote of it may rot, and who would act then? Nor may
        // a guard admit it that is not told of this, should it come back.
        let settled = |state: &GuardState| goes_without(state, id) && is_out(state, place);
        // One that has a place in the configuration is asked about again: an earlier call may have broken off while
        // a record was being decided that gives the place back.
        if place.is_none() && state.is_some_and(|state| settled(&state)) {
            return Ok(());
        }
        let asked = self.link.request(GuardCommand::Settle { host: id }).await;
        if let Err(refusal) = asked {
            return Err(ApiError::not_allowed(format!(
                "the guard does not forget the epochs that count on the host: {}",
                refusal.text
            )));
        }
        match self.until(&waiting, settled).await? {
            Some(state) if settled(&state) => Ok(()),
            state => Err(ApiError::not_allowed(owing(state.as_deref(), id))),
        }
    }

    /// The state of this host's guard as soon as it is so, or when there is no more time for it, or when
    /// it does not act any more.
    async fn until(
        &self,
        waiting: &Waiting<'_>,
        done: impl Fn(&GuardState) -> bool,
    ) -> Result<LinkState, ApiError> {
        let mut states = self.link.watch();
        let settled = states.wait_for(|state| {
            let Some(state) = state else { return true };
            !state.may_act || done(state)
        });
        tokio::select! {
            state = timeout_at(waiting.since + waiting.most, settled) => match state {
                Ok(state) => Ok(state.ok().and_then(|state| state.clone())),
                Err(_) => Ok(self.link.watch().borrow().clone()),
            },
            () = waiting.op.interrupted() => {
                waiting.op.check_cancelled()?;
                Ok(None)
            }
            never = waiting.tell() => match never {},
        }
    }
}

impl Waiting<'_> {
    async fn tell(&self) -> Infallible {
        loop {
            sleep(TELL_EVERY).await;
            self.op.progress(self.since.elapsed().div_duration_f64(self.most)).await;
        }
    }
}

/// A guard of an earlier version does not say who may be admitted: nothing could be waited for.
fn knows_places(state: Option<&GuardState>) -> Result<(), ApiError> {
    let epoch = state.and_then(|state| state.epoch.as_ref());
    if epoch.is_none_or(|epoch| epoch.places.is_some()) {
        return Ok(());
    }
    Err(ApiError::not_allowed(
        "the guard of the coordinator is older than its pool daemon, and takes nobody out: let a host \
         coordinate the pool that was restarted since Haven was updated, then try again",
    ))
}

/// The newest epoch has no life of the host.
fn goes_without(state: &GuardState, id: HostId) -> bool {
    state.epoch.as_ref().is_some_and(|epoch| epoch.members.iter().all(|one| one.host != id))
}

/// No guard admits a host in this place, told or not.
fn is_out(state: &GuardState, place: Option<u16>) -> bool {
    let Some(place) = place else { return true };
    state.epoch.as_ref().is_some_and(|epoch| epoch.is_without(place))
}

/// Why a host cannot be forgotten yet, and what to do.
fn owing(state: Option<&GuardState>, id: HostId) -> String {
    let living = state.iter().flat_map(|state| &state.to_power_off);
    let others: Vec<String> = living.map(|life| life.host.0.to_string()).collect();
    let cause = format!("an epoch that counts on the host {} is not closed yet", id.0);
    match others.as_slice() {
        [] => format!("{cause}; nothing was changed, try again in two minutes"),
        _ => format!(
            "{cause}: not known to be dead are {}; nothing was changed; start them again, or switch \
             them off and say so with host.declare_dead, and try again in two minutes",
            others.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use haven_cluster::control::EpochView;
    use haven_cluster::ids::{EpochNumber, Incarnation, Life};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_guard_that_knows_no_places_takes_nobody_out() {
        let life = Life { host: HostId(Uuid::from_u128(1)), incarnation: Incarnation(1) };
        let epoch = |places: Option<u64>| EpochView {
            generation: Uuid::nil(),
            number: EpochNumber(1),
            members: vec![life],
            coordinator: life,
            q: 1,
            area_live: 0,
            area_owner: None,
            area_next: None,
            armed: true,
            places,
            timing: None,
            tolerate: None,
        };
        let state = |places| GuardState { epoch: Some(epoch(places)), ..GuardState::idle() };
        assert!(knows_places(Some(&state(None))).is_err());
        assert!(knows_places(Some(&state(Some(1)))).is_ok());
        assert!(knows_places(None).is_ok());
    }

    #[test]
    fn who_cannot_be_forgotten_yet_is_told_for_whom_that_waits() {
        let host = |number: u128| HostId(Uuid::from_u128(number));
        let living = vec![Life { host: host(2), incarnation: Incarnation(1) }];
        let state = GuardState { to_power_off: living, ..GuardState::idle() };
        let told = owing(Some(&state), host(1));
        assert!(told.contains(&host(2).0.to_string()), "{told}");
        assert!(told.contains("host.declare_dead") && told.contains("try again"), "{told}");
        let told = owing(Some(&GuardState::idle()), host(1));
        assert!(told.contains("try again") && !told.contains("declare_dead"), "{told}");
    }
}
