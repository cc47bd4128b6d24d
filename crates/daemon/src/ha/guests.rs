//! The guests of a host that must give way are asked to shut down.
//!
//! Owns: that each is asked at once, through its agent or its power button, while the guard lets
//! them run on under a permit that nobody renews any more. What is not down when that ends is
//! stopped by the guard, which waits for nobody here.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::control::{GuardCommand, GuardPhase, GuardState};
use haven_cluster::timing::{Profile, Timing};
use haven_drivers::hypervisor::StopMode;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::link::LinkState;
use super::stock;
use super::takeover::Ha;

/// Guests that are asked at the same time; the others wait for their turn.
const ASKED_MAX: usize = 256;

/// Looks after that until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let mut states = ha.link.watch();
    let mut asked = false;
    loop {
        let why = asking(&states.borrow_and_update());
        if let Some(why) = why.as_ref().filter(|_| !asked) {
            ask(&ha, why).await;
        }
        asked = why.is_some();
        tokio::select! {
            () = stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
        }
    }
}

fn asking(state: &LinkState) -> Option<String> {
    match &state.as_ref().map(Arc::as_ref)?.phase {
        GuardPhase::AskingGuests(why) => Some(why.clone()),
        _ => None,
    }
}

/// Asks every guest, and says so when none is left: nobody has to wait for the rest of the permit.
async fn ask(ha: &Ha, why: &str) {
    let bound = bound(stock::arm_config(ha).map(|arm| arm.timing));
    let agent = ha.state.agent().clone();
    let guests: Vec<Uuid> = match agent.take_inventory().await {
        Ok(inventory) => inventory.domains.iter().map(|domain| domain.uuid).collect(),
        Err(error) => {
            tracing::error!(%error, "the guests here cannot be asked to shut down");
            return;
        }
    };
    tracing::warn!(guests = guests.len(), why, "this host gives way: its guests shut down");
    let mut asked = JoinSet::new();
    for vm in guests.iter().copied().take(ASKED_MAX) {
        let hypervisor = agent.parts().hypervisor.clone();
        asked.spawn(async move {
            let mode = StopMode::Clean { timeout: bound };
            let stopped = spawn_blocking(move || hypervisor.stop(vm, mode)).await;
            let down = matches!(stopped, Ok(Ok(())));
            tracing::info!(%vm, down, "a guest was asked to shut down");
            down
        });
    }
    let down = asked.join_all().await.into_iter().filter(|down| *down).count();
    if down == guests.len() && still_asks(ha.link.state().as_deref()) {
        let none = GuardCommand::Load { running: 0, protected: 0 };
        if let Err(refusal) = ha.link.request(none).await {
            tracing::warn!(code = refusal.code, "{}", refusal.text);
        }
    }
}

/// How long guests are waited for. The guard ends it when the permit does, by the time-outs of the
/// newest epoch; what this host was told last of them may be older, and shorter.
fn bound(told: Option<Timing>) -> Duration {
    let longest = Timing::of(Profile::Conservative).guests_ms();
    Duration::from_millis(told.map_or(0, |timing| timing.guests_ms()).max(longest))
}

fn still_asks(state: Option<&GuardState>) -> bool {
    state.is_some_and(|state| matches!(state.phase, GuardPhase::AskingGuests(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time-outs change on the coordinator's guard first; the others are told a moment later.
    #[test]
    fn guests_have_the_time_of_the_newest_epoch_though_this_host_knows_an_older_one() {
        let newer = Duration::from_millis(Timing::of(Profile::Default).guests_ms());
        assert!(bound(Some(Timing::of(Profile::Fast))) >= newer);
        let long = Timing { t_lease_ms: 90_000, ..Timing::of(Profile::Conservative) };
        assert_eq!(bound(Some(long)).as_millis(), u128::from(long.guests_ms()));
    }
}
