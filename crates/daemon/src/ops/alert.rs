//! Who has taken which alert on. It stands in the alert's own body, so that every client sees it at
//! once, and that it goes when the alert does.

use std::sync::Arc;

use haven_model::alerts::{ACKNOWLEDGED, body_with, part_body};
use haven_model::{ApiError, Message, Ref, codes};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};

use crate::state::AppState;

/// Longest note, in characters.
const NOTE_CHARS_MAX: usize = 200;

/// `POST /haven/alerts/acknowledge {alerts: [uuid], note?, undo?}`: all of them, or none.
///
/// # Errors
/// No such alert, or a note that is too long.
pub async fn acknowledge(
    state: &Arc<AppState>,
    user: &str,
    asked: &Json,
) -> Result<Json, ApiError> {
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let note = asked.get("note").and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    if note.chars().count() > NOTE_CHARS_MAX {
        let text = format!("{} characters; {NOTE_CHARS_MAX} at most", note.chars().count());
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"note", &text]));
    }
    let undo = asked.get("undo").and_then(Json::as_bool).unwrap_or(false);
    let list = asked.get("alerts").and_then(Json::as_array).cloned().unwrap_or_default();
    let word = (!undo).then(|| json!({ "by": user, "at_ms": crate::ha::wall_ms(), "note": note }));
    let count = list.len();
    state
        .pool
        .write(move |tx| {
            let found: Result<Vec<_>, ApiError> = list.iter().map(|uuid| find(tx, uuid)).collect();
            for alert in found? {
                let word = word.clone();
                tx.update(alert, |row: &mut Message| row.body = noted(&row.body, word))?;
            }
            Ok(())
        })
        .await?;
    Ok(json!({ "count": count }))
}

fn find(db: &Image, uuid: &Json) -> Result<Ref<Message>, ApiError> {
    let uuid = uuid.as_str().unwrap_or_default();
    db.find_uuid::<Message>(uuid).ok_or_else(|| ApiError::uuid_invalid::<Message>(uuid))
}

fn noted(body: &str, word: Option<Json>) -> String {
    let (sentence, mut data) = part_body(body);
    match word {
        Some(word) => data.insert(ACKNOWLEDGED.to_owned(), word),
        None => data.remove(ACKNOWLEDGED),
    };
    body_with(sentence, data)
}
