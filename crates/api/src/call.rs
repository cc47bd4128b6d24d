//! From a request on the wire to a call of a message.

use haven_model::{ApiError, Ref, Session, Value, codes};

use crate::args::{self, Arguments};
use crate::registry::{Method, Registry};

/// A request as the wire has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Name of the message, with `Async.` if it is there.
    pub name: String,
    /// Parameters, session first.
    pub params: Vec<Value>,
}

/// A checked call. Whether the session exists and has the role is the daemon's to say.
#[derive(Debug, Clone)]
pub struct Call<'r> {
    /// What is called.
    pub method: &'r Method,
    /// Whether a task is to be answered at once.
    pub is_async: bool,
    /// The session, for messages that need one.
    pub session: Option<Ref<Session>>,
    /// The arguments.
    pub args: Arguments,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub enum Resolved<'r> {
    /// A message.
    Call(Box<Call<'r>>),
    /// `system.listMethods`: answer [`Registry::names`]; in XML without the status wrapper.
    ListMethods,
    /// `system.isAlive:*`: answer the value.
    IsAlive(Value),
}

/// How a name says that a task is wanted.
const ASYNC_PREFIXES: &[&str] = &["Async.", "InternalAsync."];

impl Registry {
    /// Finds what a request asks for and checks its parameters.
    ///
    /// # Errors
    /// There is no such message, or its parameters do not fit.
    pub fn resolve(&self, request: Request) -> Result<Resolved<'_>, ApiError> {
        let Request { name, params } = request;
        if name == "system.listMethods" {
            return Ok(Resolved::ListMethods);
        }
        if name.starts_with("system.isAlive") {
            return Ok(Resolved::IsAlive(params.into_iter().next().unwrap_or(Value::void())));
        }
        let plain = ASYNC_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        let unknown = || ApiError::with(codes::MESSAGE_METHOD_UNKNOWN, &[&name]);
        let method = self.find(plain.unwrap_or(&name)).ok_or_else(unknown)?;
        if plain.is_some() && !method.is_async {
            return Err(unknown());
        }
        if method.state == haven_model::Lifecycle::Removed {
            return Err(ApiError::new(codes::MESSAGE_REMOVED, Vec::new()));
        }
        let mut params = params;
        let mut session = None;
        if method.needs_session {
            if params.is_empty() {
                return Err(ApiError::with(
                    codes::MESSAGE_PARAMETER_COUNT_MISMATCH,
                    &[&method.name, &method.required(), &0],
                ));
            }
            session = Some(args::session(&params.remove(0))?);
        }
        let args = Arguments::check(method, params)?;
        Ok(Resolved::Call(Box::new(Call { method, is_async: plain.is_some(), session, args })))
    }
}
