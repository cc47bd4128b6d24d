//! Waiting for something to happen.

use haven_model::{ApiError, Value, codes};

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::filter::{Target, target};
use crate::generated::is_standard;
use crate::record::records;
use crate::run::{Object, Run, as_ref};

pub(super) const COMMANDS: &[Entry] = &[(
    "event-wait",
    wait,
    "Waits until an object of class= has the given values of fields; field=/=value waits until \
     it has another.",
)];

/// Longest wait in one call, in seconds.
const WAIT_S: f64 = 30.0;

fn wait(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = run.args.required("class")?.to_owned();
    let unknown = |_| Failure::text(format!("There are no events of a class {name}"));
    let class = records(&name).map_err(unknown)?;
    let params = run.args.params.clone();
    let wanted = params.iter().filter(|(name, _)| name != "class" && !is_standard(name));
    let mut conditions = Vec::new();
    for (name, value) in wanted {
        let target =
            target(class, name).map_err(|_| Failure::text(format!("key missing: {name}")))?;
        match value.strip_prefix("/=") {
            Some(value) => conditions.push((target, value, false)),
            None => conditions.push((target, value.as_str(), true)),
        }
    }
    let classes = Value::Set(vec![Value::from(class.meta.name.to_lowercase())]);
    let mut token = String::new();
    loop {
        // The first answer is everything that is there.
        let params = vec![classes.clone(), Value::from(token), Value::Float(WAIT_S)];
        let news = run.call("event.from", params)?;
        token = news.member("token").map(ToString::to_string).unwrap_or_default();
        let Some(Value::Set(events)) = news.member("events") else {
            return Err(ApiError::with(codes::INTERNAL_ERROR, &[&"no events"]).into());
        };
        for event in events {
            let Some(record) = event.member("snapshot") else { continue };
            let id = event.member("ref").map(as_ref).unwrap_or_default();
            let object = Object { class: class.meta, id, record: record.clone() };
            if all_hold(run, &conditions, &object)? {
                return Ok(());
            }
        }
        run.forget();
    }
}

fn all_hold(
    run: &mut Run<'_>,
    conditions: &[(Target<'_>, &str, bool)],
    object: &Object,
) -> Result<bool, Failure> {
    for (target, value, equal) in conditions {
        if run.fits(*target, object, value)? != *equal {
            return Ok(false);
        }
    }
    Ok(true)
}
