//! What the planner says, for who was not there when it was said: as data and in every language.

use haven_model::errors::Language;
use haven_model::{ApiError, MessageClass, alerts};
use haven_planner::{Objection, Say, Told};
use haven_pooldb::Tx;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{message, rows};

/// Key of the sentences, by the tag of their language.
pub const TEXT_KEY: &str = "text";

/// Data with the sentences that say it.
#[must_use]
pub fn data(what: &impl Serialize, said: &impl Say) -> Json {
    let sentences = Language::ALL
        .iter()
        .map(|language| (language.tag().to_owned(), json!(said.say(*language))));
    let mut data = json!(what);
    if let Json::Object(map) = &mut data {
        map.insert(TEXT_KEY.to_owned(), Json::Object(sentences.collect()));
    }
    data
}

/// Raises the alert about a change that was made although the promise suffers.
///
/// # Errors
/// The database refuses.
pub fn passed(tx: &mut Tx<'_>, objection: &Objection) -> Result<(), ApiError> {
    let (_, pool) = rows::pool(tx)?;
    let about = (MessageClass::Pool, pool.uuid.clone());
    let told = Told(objection);
    let mut data = data(objection, &told);
    if let Json::Object(map) = &mut data {
        map.insert("case".to_owned(), json!("forced"));
    }
    let body = message::body(&told.say(Language::English), &data);
    message::insert(tx, alerts::HA_POOL_OVERCOMMITTED, about, body).map(|_| ())
}
