//! The body of `event.from`: what changed for a subscriber since its token.

use std::collections::{BTreeMap, BTreeSet};

use haven_model::{
    ApiError, CLASSES, ClassMeta, RefId, SharedRow, Value, class_named, codes, record,
};
use haven_pooldb::Image;

/// What a client wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    all: bool,
    classes: BTreeSet<String>,
    objects: BTreeSet<(String, RefId)>,
}

impl Subscription {
    /// Reads the classes parameter: `*`, `vm` or `vm/OpaqueRef:…`, in any case of letters.
    ///
    /// # Errors
    /// One of them is none of these.
    pub fn parse(classes: &[String]) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        for text in classes {
            if text == "*" {
                wanted.all = true;
            } else if let Some((class, reference)) = text.split_once('/') {
                let id = reference.parse().map_err(|_| {
                    ApiError::with(codes::EVENT_SUBSCRIPTION_PARSE_FAILURE, &[&text])
                })?;
                wanted.objects.insert((class.to_lowercase(), id));
            } else {
                wanted.classes.insert(text.to_lowercase());
            }
        }
        Ok(wanted)
    }

    /// Whether the client wants to hear of this row.
    #[must_use]
    pub fn wants(&self, class: &str, id: RefId) -> bool {
        if self.all {
            return true;
        }
        let class = class.to_lowercase();
        self.classes.contains(&class) || self.objects.contains(&(class, id))
    }

    /// Wants what the other wants, too.
    pub fn add(&mut self, other: Self) {
        self.all |= other.all;
        self.classes.extend(other.classes);
        self.objects.extend(other.objects);
    }

    /// No longer wants what the other wants.
    pub fn remove(&mut self, other: &Self) {
        self.all &= !other.all;
        self.classes.retain(|class| !other.classes.contains(class));
        self.objects.retain(|object| !other.objects.contains(object));
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.classes.is_empty() && self.objects.is_empty()
    }

    /// Whether the client wants to hear of tasks only; such answers are not held back.
    #[must_use]
    pub fn is_tasks_only(&self) -> bool {
        let classes = self.classes.iter().chain(self.objects.iter().map(|(class, _)| class));
        !self.all && classes.clone().count() > 0 && classes.clone().all(|c| c == "task")
    }
}

/// The token for a generation.
#[must_use]
pub fn token(generation: u64) -> String {
    format!("{generation:020},{generation:020}")
}

/// The generation of a token; the empty one asks for everything.
///
/// # Errors
/// It is no token.
pub fn parse_token(text: &str) -> Result<u64, ApiError> {
    if text.is_empty() {
        return Ok(0);
    }
    let generation = text.split_once(',').and_then(|(database, messages)| {
        let (database, messages) = (database.parse::<u64>().ok()?, messages.parse::<u64>().ok()?);
        // Clients may make a token from parts of two; the older one loses nothing.
        Some(database.min(messages))
    });
    generation.ok_or_else(|| ApiError::with(codes::EVENT_FROM_TOKEN_PARSE_FAILURE, &[&text]))
}

/// An answer to `event.from`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBatch {
    /// How many events it has; with none, the call waits on (or times out with it).
    pub events: usize,
    /// The answer.
    pub value: Value,
}

fn class_with_events(name: &str) -> Option<&'static ClassMeta> {
    class_named(name).filter(|c| c.events && !c.internal)
}

fn event(number: usize, class: &str, operation: &str, id: RefId, snapshot: Option<Value>) -> Value {
    let mut fields = vec![
        ("id", Value::String(number.to_string())),
        ("timestamp", Value::from("0.0")),
        ("class", Value::String(class.to_lowercase())),
        ("operation", Value::from(operation)),
        ("ref", Value::Ref(id)),
    ];
    fields.extend(snapshot.map(|record| ("snapshot", record)));
    Value::Record(fields)
}

/// Number of rows of every class with events, by class in lower case.
fn counts(image: &Image) -> Value {
    let classes = CLASSES.iter().filter(|c| c.events);
    let count = |c: &&ClassMeta| {
        let rows = i64::try_from(image.count(c.name)).unwrap_or(i64::MAX);
        (c.name.to_lowercase(), Value::Int(rows))
    };
    Value::Map(classes.map(count).collect::<BTreeMap<_, _>>())
}

/// The events of one subscriber after a generation.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The events, in the order that clients want: additions, changes, deletions; alerts first.
    pub list: Vec<Value>,
    /// The generation of now.
    pub generation: u64,
    /// Deletes of that past are no longer known: everything there is came as new.
    pub lost: bool,
}

/// What changed after `since`, for one subscriber.
#[must_use]
pub fn since(image: &Image, wanted: &Subscription, since: u64) -> Events {
    let changes = image.changes_since(since);
    let mut events = Vec::new();
    let of_interest = |(class, id): &&(&'static str, RefId)| {
        class_with_events(class).is_some() && wanted.wants(class, *id)
    };
    let alerts_first = |rows: &[(&'static str, RefId)]| {
        let (alerts, others): (Vec<_>, Vec<_>) =
            rows.iter().filter(of_interest).copied().partition(|(class, _)| *class == "message");
        alerts.into_iter().chain(others)
    };
    for (operation, rows) in [("add", &changes.adds), ("mod", &changes.mods)] {
        for (class, id) in alerts_first(rows) {
            let snapshot = image.shared(class, id).map(|row| Value::Row(SharedRow(row)));
            events.push(event(events.len(), class, operation, id, snapshot));
        }
    }
    for (class, id) in changes.dels.iter().filter(of_interest) {
        events.push(event(events.len(), class, "del", *id, None));
    }
    Events { list: events, generation: changes.generation, lost: changes.lost }
}

/// One change that nothing caused, by which `event.next` shows that the server is there.
#[must_use]
pub fn heartbeat(image: &Image, class: &'static str) -> Vec<Value> {
    let first = image.rows(class).next();
    first.map(|(id, row)| event(0, class, "mod", id, Some(record(row)))).into_iter().collect()
}

/// The answer to `event.from`.
///
/// Deletes of a past that is no longer remembered are not listed: everything there is comes as
/// new, and the counts tell the client that it knows too much.
#[must_use]
pub fn from(image: &Image, wanted: &Subscription, generation: u64) -> EventBatch {
    let events = since(image, wanted, generation);
    let count = events.list.len();
    let value = Value::Record(vec![
        ("events", Value::Set(events.list)),
        ("valid_ref_counts", counts(image)),
        ("token", Value::String(token(events.generation))),
    ]);
    EventBatch { events: count, value }
}
