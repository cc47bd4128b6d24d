//! The API for a command: the same messages, in this process.

use std::sync::Arc;

use haven_api::Request;
use haven_model::{ApiError, Ref, RefId, Session, Value, codes, stored_classes};
use haven_pooldb::Image;
use haven_xe::{Api, Named};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::dispatch::{self, Answer};
use crate::http::Origin;
use crate::state::AppState;

const ORIGINATOR: &str = "xe";

/// A session of one command.
pub(super) struct CliSession {
    state: Arc<AppState>,
    origin: Origin,
    session: Value,
    /// Whether the session is this command's own.
    own: bool,
    gone: CancellationToken,
    runtime: Handle,
}

impl CliSession {
    /// Not logged in yet, unless the request brings its session.
    pub(super) fn new(
        state: Arc<AppState>,
        origin: Origin,
        body: &str,
        gone: CancellationToken,
    ) -> Self {
        let given = haven_xe::args::split_body(body).session;
        let session = given.map_or(Value::Ref(RefId::NULL), Value::String);
        Self { state, origin, session, own: false, gone, runtime: Handle::current() }
    }

    fn answer(&self, method: &str, params: Vec<Value>) -> Result<Value, ApiError> {
        let request = Request { name: method.to_owned(), params };
        let answer = async {
            tokio::select! {
                answer = dispatch::answer(&self.state, self.origin, request) => answer,
                // As with every client that hangs up.
                () = self.gone.cancelled() => Err(ApiError::internal("the client is gone")),
            }
        };
        match self.runtime.block_on(answer)? {
            // Commands read the rows of lists one by one.
            Answer::Value(value) if method.ends_with(".get_all_records") => Ok(value),
            Answer::Value(value) => Ok(value.plain()),
            Answer::Names(names) => Ok(Value::Set(names.into_iter().map(Value::String).collect())),
        }
    }
}

impl Api for CliSession {
    fn login(&mut self, user: &str, password: &str, local: bool) -> Result<(), ApiError> {
        if user.is_empty() && !self.origin.is_root() {
            let why = "no user was given";
            return Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&"", &why]));
        }
        let user = if user.is_empty() { "root" } else { user };
        let mut params = vec![Value::from(user), Value::from(password)];
        let method = if local {
            "session.slave_local_login_with_password"
        } else {
            params.extend([Value::from("1.1"), Value::from(ORIGINATOR)]);
            "session.login_with_password"
        };
        self.session = self.answer(method, params)?;
        self.own = true;
        Ok(())
    }

    fn logout(&mut self) {
        if self.own
            && let Ok(session) = self.session().parse::<Ref<Session>>()
        {
            self.state.sessions.close(uuid::Uuid::from_u128(session.id().0));
        }
    }

    fn session(&self) -> String {
        self.session.to_string()
    }

    fn call(&mut self, method: &str, params: Vec<Value>) -> Result<Value, ApiError> {
        let mut all = Vec::with_capacity(params.len() + 1);
        all.push(self.session.clone());
        all.extend(params);
        self.answer(method, all)
    }

    fn named(&mut self, class: Option<&'static str>, id: RefId) -> Option<Named> {
        let read = self.state.pool.read(|db| named(db, class, id));
        self.runtime.block_on(read).ok().flatten()
    }
}

fn named(db: &Image, class: Option<&'static str>, id: RefId) -> Option<Named> {
    let row = match class {
        Some(class) => db.row(class, id)?,
        None => {
            let public = stored_classes().filter(|class| !class.internal);
            public.into_iter().find_map(|class| db.row(class.name, id))?
        }
    };
    let text = |field: &str| {
        row.meta().index_of(field).and_then(|index| row.value(index)).map(|v| v.to_string())
    };
    Some(Named { uuid: text("uuid")?, label: text("name_label") })
}
