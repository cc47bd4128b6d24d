//! What people are told of guests that are watched.

use haven_failover::watch::{Action, Why};
use haven_model::alerts::{self, AlertMeta};
use haven_model::{ApiError, MessageClass, Ref, Vm};
use haven_pooldb::Tx;
use serde_json::{Value as Json, json};

use super::look::Target;
use crate::ops::message;

/// A guest was reset: its services were away for a while.
const RESET: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 3 };
/// A guest is left alone: somebody has to look after it.
const LEFT: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 2 };
/// A guest cannot be watched. No fault, but to be known.
const BLIND: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 4 };

fn tell(
    tx: &mut Tx<'_>,
    (alert, vm): (AlertMeta, Ref<Vm>),
    sentence: &str,
    mut data: Json,
) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let about = (MessageClass::Vm, row.uuid.clone());
    data["vm"] = row.name_label.as_str().into();
    tracing::warn!(%vm, name = row.name_label, "{sentence}");
    message::insert(tx, alert, about, message::body(sentence, &data)).map(drop)
}

/// What a look led to, besides a reset.
pub(super) fn of(tx: &mut Tx<'_>, target: &Target, action: Action) -> Result<(), ApiError> {
    match action {
        Action::GiveUp(Why::Loops) => left_alone(tx, target.vm, "guest_loops"),
        Action::GiveUp(Why::Hangs { .. }) => left_alone(tx, target.vm, "guest_hangs"),
        Action::Unmonitored => {
            let sentence =
                "The guest cannot be watched: its agent has not answered since it booted.";
            tell(tx, (BLIND, target.vm), sentence, json!({ "case": "guest_unmonitored" }))
        }
        Action::Nothing | Action::Reset(_) => Ok(()),
    }
}

/// A guest has used its budget up: by hanging, by booting in a loop, or by ending over and over.
///
/// # Errors
/// The VM is gone.
pub(crate) fn left_alone(tx: &mut Tx<'_>, vm: Ref<Vm>, case: &str) -> Result<(), ApiError> {
    let sentence = match case {
        "guest_loops" => "The guest boots again and again; it is left alone.",
        "guest_ends" => "The guest stops again and again; it is not started any more.",
        _ => "The guest hangs again and was reset often enough; it is left alone.",
    };
    tell(tx, (LEFT, vm), sentence, json!({ "case": case }))
}

/// A guest was reset, as so manieth within the window. `screen`: the host that has a picture of it.
pub(super) fn reset(
    tx: &mut Tx<'_>,
    target: &Target,
    why: Why,
    (count, screen): (usize, Json),
) -> Result<(), ApiError> {
    let quiet_s = match why {
        Why::Hangs { quiet_ms } => quiet_ms / 1000,
        Why::Loops => 0,
    };
    let most = target.policy.resets_max;
    let sentence = format!(
        "The guest hung: no sign of life for {quiet_s} s. It was reset, {count} of {most} times."
    );
    let data = json!({
        "case": "guest_reset", "seconds": quiet_s, "count": count, "most": most, "screen": screen,
    });
    tell(tx, (RESET, target.vm), &sentence, data)
}
