//! `other_config` of classes in which some keys mean something to Haven: what cannot be meant is refused.

use std::collections::BTreeMap;

use haven_model::{ApiError, Class, Field, Ref, Value, codes};

use crate::dispatch::Call;

const FIELD: &str = "other_config";

/// What clients keep in the map.
pub type Config = BTreeMap<String, String>;

/// `set_other_config` and `add_to_other_config` of a class, once `check` has passed what is new.
///
/// # Errors
/// What `check` says, or `MAP_DUPLICATE_KEY`.
pub async fn put<C: Class>(
    call: &Call,
    check: impl FnOnce(&Config) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    let object: Ref<C> = call.arg(0)?;
    let whole = call.method.ends_with(".set_other_config");
    let new: Config = match whole {
        true => call.arg(1)?,
        false => [(call.arg(1)?, call.arg(2)?)].into(),
    };
    check(&new)?;
    call.write(move |tx| {
        let row = tx.require(object)?;
        let mut config = match whole {
            true => Config::new(),
            false => Config::from_value(row.get(FIELD).unwrap_or(Value::Nil)).unwrap_or_default(),
        };
        if let Some(key) = new.keys().find(|key| config.contains_key(*key)) {
            let uuid = row.get("uuid").and_then(|uuid| String::from_value(uuid).ok());
            let uuid = uuid.unwrap_or_default();
            let about: [&dyn std::fmt::Display; 4] = [&C::NAME, &FIELD, &uuid, key];
            return Err(ApiError::with(codes::MAP_DUPLICATE_KEY, &about));
        }
        config.extend(new);
        tx.update(object, |row: &mut C| drop(row.set(FIELD, config.to_value())))
    })
    .await?;
    Ok(Value::void())
}
