//! Alerts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use haven_model::alerts::AlertMeta;
use haven_model::{ApiError, DateTime, Field, Message, MessageClass, Ref, Value, codes};
use haven_pooldb::{Image, Tx};
use serde_json::json;

use crate::dispatch::Call;
use crate::state::{AppState, fresh, now};

/// Alerts that are kept, and, apart from them, news; the oldest go first. What happens a hundred
/// times a day must not push out what somebody has to see.
const KEPT_MAX: usize = 1000;
/// Most urgent and least urgent priority; the latter is news.
const PRIORITIES: std::ops::RangeInclusive<i64> = 1..=5;

/// A body for people and for clients that have words of their own: an English sentence, and what it
/// says as one JSON object behind it.
#[must_use]
pub fn body(text: &str, data: &serde_json::Value) -> String {
    format!("{text} {data}")
}

/// What an error is, for the data of a body: its code and its parameters.
#[must_use]
pub fn error_data(error: &ApiError) -> serde_json::Value {
    let params = error.params.iter().map(|param| json!(param));
    serde_json::Value::Array(std::iter::once(json!(error.code)).chain(params).collect())
}

/// Writes an alert.
///
/// # Errors
/// The database refuses.
pub fn insert(
    tx: &mut Tx<'_>,
    alert: AlertMeta,
    (cls, obj_uuid): (MessageClass, String),
    body: String,
) -> Result<Ref<Message>, ApiError> {
    let row = Message {
        uuid: fresh().to_string(),
        name: alert.name.to_owned(),
        priority: alert.priority,
        cls,
        obj_uuid,
        timestamp: now(),
        body,
    };
    add(tx, row)
}

/// How often it is tried to write an alert, and the pause between two tries.
const RAISE_TRIES: u32 = 6;
const RAISE_PAUSE: Duration = Duration::from_secs(5);

/// Raises an alert of its own accord. Alerts are raised when storage is in trouble, just when the
/// database may take no change: what cannot be written now is tried again beside whatever goes on, as
/// long as this host holds the database. Nobody waits for it; a failure at last is logged.
pub async fn raise(
    state: &Arc<AppState>,
    alert: AlertMeta,
    about: (MessageClass, String),
    body: String,
) {
    let Err(error) = raise_once(state, alert, &about, &body).await else { return };
    tracing::info!(%error, alert = alert.name, "an alert cannot be written yet");
    let state = state.clone();
    tokio::spawn(async move {
        let mut last = error;
        for _ in 1..RAISE_TRIES {
            tokio::time::sleep(RAISE_PAUSE).await;
            if !state.pool.is_open() {
                // Whoever coordinates now sees for itself what is wrong.
                tracing::info!(alert = alert.name, "an alert is left to the next coordinator");
                return;
            }
            match raise_once(&state, alert, &about, &body).await {
                Ok(()) => return,
                Err(error) => last = error,
            }
        }
        tracing::error!(error = %last, alert = alert.name, "an alert could not be written");
    });
}

async fn raise_once(
    state: &AppState,
    alert: AlertMeta,
    about: &(MessageClass, String),
    body: &str,
) -> Result<(), ApiError> {
    let (about, body) = (about.clone(), body.to_owned());
    state.pool.write(move |tx| insert(tx, alert, about, body)).await.map(drop)
}

fn add(tx: &mut Tx<'_>, row: Message) -> Result<Ref<Message>, ApiError> {
    let news = |row: &Message| row.priority >= *PRIORITIES.end();
    let alike = tx.iter::<Message>().filter(|(_, old)| news(old) == news(&row));
    let mut alike: Vec<(DateTime, Ref<Message>)> =
        alike.map(|(message, row)| (row.timestamp, message)).collect();
    if alike.len() >= KEPT_MAX {
        alike.sort_unstable();
        for (_, oldest) in alike.iter().take(alike.len() + 1 - KEPT_MAX) {
            tx.remove(*oldest)?;
        }
    }
    tx.insert(row)
}

/// `message.create(name, priority, class, obj_uuid, body)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let priority: i64 = call.arg(1)?;
    if !PRIORITIES.contains(&priority) {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"priority", &priority]));
    }
    let row = Message {
        uuid: fresh().to_string(),
        name: call.arg(0)?,
        priority,
        cls: call.arg(2)?,
        obj_uuid: call.arg(3)?,
        timestamp: now(),
        body: call.arg(4)?,
    };
    let message = call.write(move |tx| add(tx, row)).await?;
    Ok(message.to_value())
}

/// `message.destroy(message)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let message: Ref<Message> = call.arg(0)?;
    call.write(move |tx| tx.remove(message)).await?;
    Ok(Value::void())
}

/// `message.destroy_many(messages)`.
pub async fn destroy_many(call: Arc<Call>) -> Result<Value, ApiError> {
    let messages: Vec<Ref<Message>> = call.arg(0)?;
    call.write(move |tx| {
        for message in messages {
            if tx.get(message).is_some() {
                tx.remove(message)?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(Value::void())
}

/// Which alerts `message.destroy_all` means.
#[derive(Default)]
struct Filter {
    before: Option<DateTime>,
    after: Option<DateTime>,
    priority: Option<i64>,
}

impl Filter {
    fn read(given: BTreeMap<String, String>) -> Result<Self, ApiError> {
        let mut filter = Self::default();
        for (name, text) in given {
            let wrong = || ApiError::with(codes::INVALID_VALUE, &[&name, &text]);
            match name.as_str() {
                "before" => filter.before = Some(text.parse().map_err(|_| wrong())?),
                "after" => filter.after = Some(text.parse().map_err(|_| wrong())?),
                "priority" => filter.priority = Some(text.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            }
        }
        Ok(filter)
    }

    fn fits(&self, row: &Message) -> bool {
        self.before.is_none_or(|before| row.timestamp < before)
            && self.after.is_none_or(|after| row.timestamp > after)
            && self.priority.is_none_or(|priority| row.priority == priority)
    }
}

/// `message.destroy_all(filters)`: `before` and `after` a time, `priority` a number.
pub async fn destroy_all(call: Arc<Call>) -> Result<Value, ApiError> {
    let filter = Filter::read(call.arg(0)?)?;
    call.write(move |tx| {
        let fitting = tx.iter::<Message>().filter(|(_, row)| filter.fits(row));
        let gone: Vec<Ref<Message>> = fitting.map(|(message, _)| message).collect();
        gone.into_iter().try_for_each(|message| tx.remove(message))
    })
    .await?;
    Ok(Value::void())
}

fn records(db: &Image, keep: impl Fn(&Message) -> bool) -> Value {
    let all = db.iter::<Message>().filter(|(_, row)| keep(row));
    Value::Map(all.map(|(message, row)| (message.to_string(), row.to_value())).collect())
}

/// `message.get(cls, obj_uuid, since)`.
pub async fn get(call: Arc<Call>) -> Result<Value, ApiError> {
    let (cls, obj_uuid): (MessageClass, String) = (call.arg(0)?, call.arg(1)?);
    let since: DateTime = call.arg(2)?;
    call.read(|db| {
        Ok(records(db, |row| row.cls == cls && row.obj_uuid == obj_uuid && row.timestamp >= since))
    })
    .await
}

/// `message.get_since(since)`.
pub async fn get_since(call: Arc<Call>) -> Result<Value, ApiError> {
    let since: DateTime = call.arg(0)?;
    call.read(|db| Ok(records(db, |row| row.timestamp >= since))).await
}

/// `message.get_all_records()`, `message.get_all_records_where(expr)`.
pub async fn get_all_records(call: Arc<Call>) -> Result<Value, ApiError> {
    call.read(|db| Ok(records(db, |_| true))).await
}

/// `message.get_all()`.
pub async fn get_all(call: Arc<Call>) -> Result<Value, ApiError> {
    call.read(|db| {
        Ok(Value::Set(db.iter::<Message>().map(|(message, _)| message.to_value()).collect()))
    })
    .await
}

/// `message.get_record(message)`.
pub async fn get_record(call: Arc<Call>) -> Result<Value, ApiError> {
    let message: Ref<Message> = call.arg(0)?;
    call.read(|db| Ok(db.require(message)?.to_value())).await
}

/// `message.get_by_uuid(uuid)`.
pub async fn get_by_uuid(call: Arc<Call>) -> Result<Value, ApiError> {
    let uuid: String = call.arg(0)?;
    call.read(|db| {
        let found = db.find_uuid::<Message>(&uuid);
        found.map(|m| m.to_value()).ok_or_else(|| ApiError::uuid_invalid::<Message>(&uuid))
    })
    .await
}

#[cfg(test)]
mod tests {
    use haven_model::alerts;
    use haven_pooldb::{Database, MemStore};

    use super::*;

    #[test]
    fn a_body_is_a_sentence_for_people_and_its_data_for_clients() {
        let error = ApiError::with(codes::INVALID_VALUE, &[&"memory", &"{odd}"]);
        let text = body("It failed.", &json!({ "case": "failed", "error": error_data(&error) }));
        let data =
            text.strip_prefix("It failed. ").and_then(|data| serde_json::from_str(data).ok());
        let expected = json!({ "case": "failed", "error": ["INVALID_VALUE", "memory", "{odd}"] });
        assert_eq!(data, Some(expected));
    }

    #[test]
    fn news_are_bounded_and_push_out_no_alert() {
        let ids = crate::coordinator::ids();
        let mut db = Database::open(Box::new(MemStore::default()), ids).unwrap();
        let mut tell = |alert: AlertMeta, second: i64| {
            let row = Message {
                name: alert.name.to_owned(),
                priority: alert.priority,
                timestamp: DateTime(second),
                ..Message::default()
            };
            db.transact(|tx| add(tx, row)).unwrap();
            let count = |name: &str| db.iter::<Message>().filter(|(_, m)| m.name == name).count();
            (count("HA_HOST_FAILED"), count("VM_STARTED"))
        };
        assert_eq!(tell(alerts::HA_HOST_FAILED, 0), (1, 0));
        let many = i64::try_from(KEPT_MAX).unwrap() + 5;
        let last = (1..=many).map(|second| tell(alerts::VM_STARTED, second)).last();
        assert_eq!(last, Some((1, KEPT_MAX)));
        assert_eq!(tell(alerts::HA_HOST_FAILED, many + 1), (2, KEPT_MAX));
        let news = db.iter::<Message>().filter(|(_, row)| row.name == "VM_STARTED");
        let oldest = news.map(|(_, row)| row.timestamp).min();
        assert_eq!(oldest, Some(DateTime(6)), "the oldest went");
    }
}
