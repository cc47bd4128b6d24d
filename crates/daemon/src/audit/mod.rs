//! Who did what, on what, and what came of it: one JSON line for every call that changes
//! something, for every login, and for every refusal.
//!
//! Owns: `/var/log/haven/audit.log` and its older parts on the coordinator. Secrets never reach
//! it. An entry is handed to a thread of its own: a stalled log disk holds up nobody, and entries
//! that did not fit are counted in the next one that does.

mod redact;
mod writer;

use std::collections::BTreeMap;

use haven_api::{Method, Operation};
use haven_model::{ApiError, RoleLevel, Value};
use haven_pooldb::Image;
use serde::{Deserialize, Serialize};

use crate::http::Origin;
use crate::session::Session;
use crate::state::now;

pub use redact::arguments;
pub use writer::{Audit, read_since};

/// Result of what went well.
const OK: &str = "ok";

/// An object that a call names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its class.
    pub class: String,
    /// Its uuid; the reference where it has none.
    pub uuid: String,
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// One line of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, as `20250102T03:04:05Z`.
    pub time: String,
    /// Name of the user.
    pub user: String,
    /// The user's role.
    pub role: String,
    /// Address of the client; `local` for root of a host.
    pub from: String,
    /// What program logged in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub originator: String,
    /// What was called.
    pub call: String,
    /// What it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// Its other arguments by name, secrets removed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// `ok`, or the code of the error.
    pub result: String,
    /// Parameters of the error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// The task in which it goes on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// Entries before this one that could not be written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references in")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Entry {
    /// What is known before a login.
    #[must_use]
    pub fn new(user: &str, origin: Origin, call: &str) -> Self {
        Self {
            time: now().to_string(),
            user: user.to_owned(),
            from: match origin {
                Origin::Root => "local".to_owned(),
                Origin::Remote(address) => address.to_string(),
            },
            call: call.to_owned(),
            ..Self::default()
        }
    }

    /// A call in a session.
    #[must_use]
    pub fn of(session: &Session, origin: Origin, call: &str) -> Self {
        Self {
            role: role_name(session.role).to_owned(),
            originator: session.originator.clone(),
            ..Self::new(&session.user, origin, call)
        }
    }

    /// With what came of it.
    #[must_use]
    pub fn with_result<T>(mut self, result: &Result<T, ApiError>) -> Self {
        match result {
            Ok(_) => OK.clone_into(&mut self.result),
            Err(error) => {
                error.code.clone_into(&mut self.result);
                self.error.clone_from(&error.params);
            }
        }
        self
    }
}

/// Name of a role for people.
#[must_use]
pub fn role_name(role: RoleLevel) -> &'static str {
    match role {
        RoleLevel::LocalRootOnly => "root",
        other => other.as_str(),
    }
}

/// Whether calls of this method are written down when they are allowed.
#[must_use]
pub fn is_audited(method: &Method) -> bool {
    match method.operation {
        operation if operation.is_write() => true,
        Operation::Custom | Operation::Create | Operation::Destroy => {
            method.role != RoleLevel::ReadOnly || method.name == "task.cancel"
        }
        _ => false,
    }
}

/// The objects that the arguments refer to.
#[must_use]
pub fn objects(image: &Image, method: &Method, values: &[Value]) -> Vec<Object> {
    let named = |(param, value): (&haven_api::Param, &Value)| {
        let (haven_model::Type::Ref(class), Value::Ref(id)) = (param.ty, value) else {
            return None;
        };
        let row = image.row(class, *id);
        let text = |field: &str| {
            let row = row?;
            let value = row.value(row.meta().index_of(field)?)?;
            value.as_str().map(str::to_owned)
        };
        Some(Object {
            class: class.to_owned(),
            uuid: text("uuid").unwrap_or_else(|| id.to_string()),
            name: text("name_label").unwrap_or_default(),
        })
    };
    method.params.iter().zip(values).filter_map(named).collect()
}
