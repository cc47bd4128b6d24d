//! Writers: each writes as fast as it is answered, until it is not, or is asked to pause.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ledger::{Known, Ledger, Seen};
use crate::lab::Lab;
use crate::story::api::{Api, text};

/// Objects that a writer leaves standing.
const KEPT: usize = 3;
/// One write in so many makes or removes an object; the others count.
const OBJECT_EVERY: u64 = 4;
const IDLE: Duration = Duration::from_millis(2);

/// What writers and judge share.
#[derive(Debug)]
pub(super) struct Desk {
    /// Number of the host that is written to; 0: nobody writes.
    pub(super) open: AtomicUsize,
    pub(super) over: AtomicBool,
    /// Writers in the middle of a call.
    pub(super) busy: AtomicUsize,
    ledgers: Vec<Mutex<Ledger>>,
}

impl Desk {
    pub(super) fn new(writers: usize) -> Self {
        Self {
            open: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            ledgers: (0..writers).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn writers(&self) -> usize {
        self.ledgers.len()
    }

    pub(super) fn ledger(&self, writer: usize) -> Option<MutexGuard<'_, Ledger>> {
        let ledger = self.ledgers.get(writer)?;
        Some(ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers so far, of all writers.
    pub(super) fn answers(&self) -> u64 {
        (0..self.writers()).filter_map(|w| self.ledger(w)).map(|ledger| ledger.answers).sum()
    }
}

/// Name of the network whose description is a writer's counter.
pub(super) fn counter_name(writer: usize) -> String {
    format!("kills-{writer}")
}

fn object_prefix(writer: usize) -> String {
    format!("kills-{writer}-")
}

/// Makes the counter of each writer.
pub(super) fn found(api: &Api, writers: usize) -> Result<()> {
    for writer in 0..writers {
        let record = json!({ "name_label": counter_name(writer), "name_description": "0" });
        api.call("network.create", &[record])?;
    }
    Ok(())
}

/// What the database says of each writer.
pub(super) fn look(api: &Api, writers: usize) -> Result<Vec<Seen>> {
    let networks = api.records("network")?;
    let names = || networks.iter().map(|(_, network)| network);
    let of = |writer: usize| {
        let (counter, prefix) = (counter_name(writer), object_prefix(writer));
        let found = names().find(|network| text(network, "name_label") == counter);
        let objects = names().map(|network| text(network, "name_label"));
        Seen {
            counter: found.and_then(|network| text(network, "name_description").parse().ok()),
            objects: objects.filter(|n| n.starts_with(&prefix)).map(str::to_owned).collect(),
        }
    };
    Ok((0..writers).map(of).collect())
}

/// A session, and the reference of the writer's counter there.
struct Session {
    host: usize,
    api: Api,
    counter: Value,
}

impl Session {
    fn begin(lab: &Lab, host: usize, writer: usize) -> Result<Self> {
        let api = Api::log_in(lab.host(u32::try_from(host)?))?;
        let (counter, _) = api.named("network", &counter_name(writer))?;
        Ok(Self { host, api, counter: json!(counter) })
    }
}

/// Writes until all is over.
pub(super) fn write(lab: &Lab, desk: &Desk, writer: usize) {
    let mut session: Option<Session> = None;
    while !desk.over.load(Ordering::SeqCst) {
        // Announced before the door is looked at: whoever closes it waits for those inside.
        desk.busy.fetch_add(1, Ordering::SeqCst);
        let host = desk.open.load(Ordering::SeqCst);
        let outcome = match (host, session.take()) {
            (0, kept) => {
                session = kept;
                None
            }
            (_, Some(kept)) if kept.host == host => Some(Ok(kept)),
            _ => Some(Session::begin(lab, host, writer)),
        };
        let idle = outcome.is_none();
        if let Some(begun) = outcome {
            session = begun.and_then(|s| one(&s, desk, writer).map(|()| s)).ok();
        }
        desk.busy.fetch_sub(1, Ordering::SeqCst);
        if idle || session.is_none() {
            thread::sleep(IDLE);
        }
    }
}

/// One write.
fn one(session: &Session, desk: &Desk, writer: usize) -> Result<()> {
    let mut ledger = desk.ledger(writer).context("no ledger")?;
    let number = ledger.begin();
    let surplus = ledger.surplus(KEPT);
    drop(ledger);
    let ledger = || desk.ledger(writer).context("no ledger");
    session.api.call(
        "network.set_name_description",
        &[session.counter.clone(), json!(number.to_string())],
    )?;
    ledger()?.acknowledge(number);
    if number % OBJECT_EVERY != 0 {
        return Ok(());
    }
    let name = format!("{}{number}", object_prefix(writer));
    ledger()?.begin_object(&name);
    session.api.call("network.create", &[json!({ "name_label": name })])?;
    ledger()?.acknowledge_object(&name, Known::There);
    let Some(name) = surplus else { return Ok(()) };
    let (network, _) = session.api.named("network", &name)?;
    ledger()?.begin_object(&name);
    session.api.call("network.destroy", &[json!(network)])?;
    ledger()?.acknowledge_object(&name, Known::Gone);
    Ok(())
}
