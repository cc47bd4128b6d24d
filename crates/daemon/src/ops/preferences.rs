//! How people like their console, each one's own: in `pool.gui_config`, under the user's name, so
//! that it follows them to another browser. Whoever may look may keep them.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Pool, codes};
use haven_pooldb::Tx;
use serde_json::{Map, Value as Json, json};

use super::rows;
use crate::state::AppState;

/// What can be kept: the time zone of times that are shown, the language, and named filters of the
/// list of alerts.
const KEYS: [&str; 3] = ["time_zone", "language", "alert_filters"];
/// Most that one user keeps, in bytes.
const OWN_BYTES_MAX: usize = 8 << 10;
/// Most that all users keep together, in bytes: every page has the pool's row.
const ALL_BYTES_MAX: usize = 128 << 10;
/// Before a user's name, in `pool.gui_config`.
const PREFIX: &str = "haven_user/";

/// The key of a user's preferences in `pool.gui_config`.
#[must_use]
pub fn key_of(user: &str) -> String {
    format!("{PREFIX}{user}")
}

/// `POST /haven/preferences {set: {key: value or null}}`: those of whoever asks; all of them, or none.
///
/// # Errors
/// A key that means nothing, a value that is no text, or too much.
pub async fn set(state: &Arc<AppState>, user: &str, asked: &Json) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let changes = read(asked)?;
    let key = key_of(user);
    let kept = state
        .pool
        .write(move |tx| {
            let (pool, row) = rows::pool(tx)?;
            let mut config = row.gui_config.clone();
            let kept = changed(&config, &key, changes)?;
            match kept.is_empty() {
                true => config.remove(&key),
                false => config.insert(key, Json::Object(kept.clone()).to_string()),
            };
            if config != row.gui_config {
                tx.update(pool, |row: &mut Pool| row.gui_config = config)?;
            }
            Ok(kept)
        })
        .await?;
    Ok(json!({ "preferences": kept }))
}

/// Forgets what a user liked who is no more.
///
/// # Errors
/// The database refuses.
pub fn forget(tx: &mut Tx<'_>, user: &str) -> Result<(), ApiError> {
    let (pool, key) = (rows::pool(tx)?.0, key_of(user));
    if tx.require(pool)?.gui_config.contains_key(&key) {
        tx.update(pool, |row: &mut Pool| drop(row.gui_config.remove(&key)))?;
    }
    Ok(())
}

fn read(asked: &Json) -> Result<Vec<(String, Option<String>)>, ApiError> {
    let wrong =
        |key: &str, value: &Json| ApiError::with(codes::INVALID_VALUE, &[&key, &value.to_string()]);
    let set = asked.get("set").unwrap_or(&Json::Null);
    let set = set.as_object().ok_or_else(|| wrong("set", set))?;
    set.iter()
        .map(|(key, value)| match value {
            _ if !KEYS.contains(&key.as_str()) => Err(wrong("set", &json!(key))),
            Json::Null => Ok((key.clone(), None)),
            Json::String(text) => Ok((key.clone(), Some(text.clone()))),
            other => Err(wrong(key, other)),
        })
        .collect()
}

/// What the user keeps after the changes.
fn changed(
    config: &BTreeMap<String, String>,
    key: &str,
    changes: Vec<(String, Option<String>)>,
) -> Result<Map<String, Json>, ApiError> {
    let known = config.get(key).map(String::as_str).unwrap_or_default();
    let mut kept: Map<String, Json> = serde_json::from_str(known).unwrap_or_default();
    for (name, value) in changes {
        match value {
            Some(text) => kept.insert(name, text.into()),
            None => kept.remove(&name),
        };
    }
    let size = Json::Object(kept.clone()).to_string().len();
    let others = config.iter().filter(|(other, _)| other.starts_with(PREFIX) && *other != key);
    let all = size + others.map(|(_, value)| value.len()).sum::<usize>();
    let (of, bytes, most) = match size > OWN_BYTES_MAX {
        true => ("one user", size, OWN_BYTES_MAX),
        false => ("all users", all, ALL_BYTES_MAX),
    };
    // Who takes something away is never refused.
    if bytes > most && size > known.len() {
        let text = format!("{bytes} bytes; {most} at most of {of}");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"preferences", &text]));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &BTreeMap<String, String>, asked: &Json) -> Result<Json, ApiError> {
        changed(config, &key_of("ana"), read(asked)?).map(Json::Object)
    }

    #[test]
    fn preferences_are_set_and_taken_back_one_by_one() {
        let mut config = BTreeMap::new();
        let kept = set(&config, &json!({ "set": { "time_zone": "Asia/Shanghai" } })).unwrap();
        config.insert(key_of("ana"), kept.to_string());
        let both = set(&config, &json!({ "set": { "language": "es" } })).unwrap();
        assert_eq!(both, json!({ "time_zone": "Asia/Shanghai", "language": "es" }));
        let none = set(&config, &json!({ "set": { "time_zone": null } })).unwrap();
        assert_eq!(none, json!({}));
    }

    #[test]
    fn nonsense_and_too_much_are_refused_and_less_never_is() {
        let none = BTreeMap::new();
        for bad in [json!({}), json!({ "set": 1 }), json!({ "set": { "shell": "x" } })] {
            assert_eq!(set(&none, &bad).unwrap_err().params[0], "set", "{bad}");
        }
        let number = set(&none, &json!({ "set": { "language": 1 } })).unwrap_err();
        assert_eq!(number.params, ["language", "1"]);
        let long = |bytes: usize| json!({ "set": { "alert_filters": "x".repeat(bytes) } });
        assert!(set(&none, &long(OWN_BYTES_MAX - 100)).is_ok());
        assert!(set(&none, &long(OWN_BYTES_MAX)).is_err());
        let full: BTreeMap<_, _> =
            (0..16).map(|user| (key_of(&user.to_string()), "x".repeat(OWN_BYTES_MAX))).collect();
        assert!(set(&full, &long(10)).unwrap_err().params[1].ends_with("of all users"));
        let mut mine = full;
        mine.insert(key_of("ana"), json!({ "language": "es", "time_zone": "UTC" }).to_string());
        assert!(set(&mine, &json!({ "set": { "language": null } })).is_ok());
    }
}
