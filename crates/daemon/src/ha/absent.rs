//! Tells people of members whose pool daemons are silent while their guards live.
//!
//! Nothing is done about such a host: its machines run, and are watched by nobody there. Whether its
//! daemon holds up the next coordinator is the guards' (docs/protocol.md, "No memory").

use haven_cluster::control::GuardState;
use haven_failover::Absences;
use haven_model::{MessageClass, alerts};
use serde_json::json;
use uuid::Uuid;

use super::takeover::Ha;
use crate::ops::message;
use crate::reconcile;

/// So many times the silence after which a host does not count as live any more: a daemon that is started
/// again or replaced is no news.
const PATIENCE: u32 = 2;

/// Looks once, on the coordinator.
pub(super) async fn look(ha: &Ha, absences: &mut Absences, state: &GuardState) {
    let limit = reconcile::silent_after(&ha.state.config) * PATIENCE;
    let mut members = haven_failover::lives(state);
    members.remove(&ha.state.identity.host().0);
    let members = members.into_keys().collect();
    for host in absences.look(&members, |host| ha.state.reports.is_silent(host, limit)) {
        tell(ha, host, limit.as_secs()).await;
    }
}

async fn tell(ha: &Ha, host: Uuid, seconds: u64) {
    let uuid = host.to_string();
    let name = ha.state.pool.read(move |db| reconcile::name_of(db, host)).await;
    let name = name.unwrap_or_else(|_| uuid.clone());
    let text = format!(
        "The pool daemon of {name} has not reported for {seconds} s, and its guard lives: its machines run on, \
         but nothing can be started, stopped or moved there."
    );
    tracing::info!(%host, name, seconds, "the pool daemon of a member is silent, its guard is not");
    let data = json!({ "case": "daemon_silent", "host": name, "seconds": seconds });
    let about = (MessageClass::Host, uuid);
    message::raise(&ha.state, alerts::ALARM, about, message::body(&text, &data)).await;
}
