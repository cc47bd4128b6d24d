//! The event feed: long polls on the generation of the database.

use std::sync::Arc;
use std::time::Duration;

use haven_api::events::{self, Subscription};
use haven_model::{ApiError, RefId, Value, codes};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::dispatch::{Call, Caller};
use crate::session::Followed;

/// Changes that come so close together are told together.
const BATCH: Duration = Duration::from_millis(50);
/// Longest wait of one call, in seconds.
const TIMEOUT_S_MAX: f64 = 3600.0;

/// `event.from(classes, token, timeout)`.
pub async fn from(call: Arc<Call>) -> Result<Value, ApiError> {
    let (classes, token): (Vec<String>, String) = (call.arg(0)?, call.arg(1)?);
    let timeout: f64 = call.arg(2)?;
    let wanted = Subscription::parse(&classes)?;
    let since = events::parse_token(&token)?;
    let wait = Duration::from_secs_f64(timeout.clamp(0.0, TIMEOUT_S_MAX));
    let until = Instant::now() + wait;
    let mut generation = call.state.pool.watch();
    if !wanted.is_tasks_only() {
        sleep(BATCH.min(wait)).await;
    }
    loop {
        generation.borrow_and_update();
        let answer = call.read(|db| Ok(events::from(db, &wanted, since))).await?;
        if answer.events > 0 || Instant::now() >= until {
            return Ok(answer.value);
        }
        news(&call, &mut generation, until).await?;
    }
}

/// How long `event.next` waits before it shows that the server is there.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// `event.register(classes)`: for clients that know nothing of `event.from`.
pub async fn register(call: Arc<Call>) -> Result<Value, ApiError> {
    let classes: Vec<String> = call.arg(0)?;
    let wanted = Subscription::parse(&classes)?;
    let generation = call.read(|db| Ok(db.generation())).await?;
    call.state.sessions.follow(call.session_id(), |followed| {
        let followed = followed
            .get_or_insert_with(|| Followed { wanted: Subscription::default(), generation });
        followed.wanted.add(wanted);
    });
    Ok(Value::void())
}

/// `event.unregister(classes)`.
pub async fn unregister(call: Arc<Call>) -> Result<Value, ApiError> {
    let classes: Vec<String> = call.arg(0)?;
    let unwanted = Subscription::parse(&classes)?;
    call.state.sessions.follow(call.session_id(), |followed| {
        if let Some(known) = followed {
            known.wanted.remove(&unwanted);
            if known.wanted.is_empty() {
                *followed = None;
            }
        }
    });
    std::future::ready(Ok(Value::void())).await
}

/// `event.next()`: waits for events of what was registered.
pub async fn next(call: Arc<Call>) -> Result<Value, ApiError> {
    let followed = call.state.sessions.follow(call.session_id(), |followed| followed.clone());
    let not_registered = || ApiError::with(codes::SESSION_NOT_REGISTERED, &[&call.session()]);
    let Followed { wanted, generation: since } = followed.flatten().ok_or_else(not_registered)?;
    let mut generation = call.state.pool.watch();
    let until = Instant::now() + HEARTBEAT;
    loop {
        generation.borrow_and_update();
        let found = call.read(|db| Ok(events::since(db, &wanted, since))).await?;
        if found.lost {
            call.state.sessions.follow(call.session_id(), |followed| *followed = None);
            return Err(ApiError::new(codes::EVENTS_LOST, Vec::new()));
        }
        if !found.list.is_empty() {
            call.state.sessions.follow(call.session_id(), |followed| {
                if let Some(known) = followed {
                    known.generation = known.generation.max(found.generation);
                }
            });
            return Ok(Value::Set(found.list));
        }
        if Instant::now() >= until {
            return call.read(|db| Ok(Value::Set(events::heartbeat(db, "pool")))).await;
        }
        news(&call, &mut generation, until).await?;
    }
}

/// Waits for a change and those that come close behind it, `until` at the longest.
async fn news(
    call: &Call,
    generation: &mut watch::Receiver<u64>,
    until: Instant,
) -> Result<(), ApiError> {
    tokio::select! {
        changed = generation.changed() => {
            changed.map_err(|_| ApiError::internal("the daemon is stopping"))?;
            sleep(BATCH).await;
        }
        () = ended(call) => return Err(lost(call)),
        () = sleep_until(until) => {}
    }
    Ok(())
}

async fn ended(call: &Call) {
    match &call.caller {
        Caller::User(session) => session.ended().await,
        Caller::LocalRoot => std::future::pending().await,
    }
}

fn lost(call: &Call) -> ApiError {
    let session = match &call.caller {
        Caller::User(session) => RefId::from(session.id),
        Caller::LocalRoot => RefId::NULL,
    };
    ApiError::with(codes::SESSION_INVALID, &[&session])
}

/// `event.inject(class, ref)`: the object counts as changed; answers a token from before.
pub async fn inject(call: Arc<Call>) -> Result<Value, ApiError> {
    let (class, text): (String, String) = (call.arg(0)?, call.arg(1)?);
    let reference: RefId =
        text.parse().map_err(|_| ApiError::with(codes::HANDLE_INVALID, &[&class, &text]))?;
    let name = haven_model::CLASSES
        .iter()
        .find(|meta| meta.name.eq_ignore_ascii_case(&class))
        .map(|meta| meta.name)
        .ok_or_else(|| ApiError::with(codes::HANDLE_INVALID, &[&class, &text]))?;
    let generation = call
        .state
        .pool
        .with_mut(move |database| {
            let committed = database.transact(|tx| tx.touch(name, reference))?;
            Ok(committed.generation)
        })
        .await?;
    Ok(Value::String(events::token(generation.saturating_sub(1))))
}

/// `event.get_current_id()`.
pub async fn get_current_id(call: Arc<Call>) -> Result<Value, ApiError> {
    let generation = call.read(|db| Ok(db.generation())).await?;
    Ok(Value::Int(i64::try_from(generation).unwrap_or(i64::MAX)))
}
