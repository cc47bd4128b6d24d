//! `GET /export_raw_vdi` and `PUT /import_raw_vdi`: the bytes of a disk as its guest sees them;
//! `GET /export` and `PUT /import`: whole VMs as XVA files (`uuid` or `ref`; `sr_id` or `sr_uuid`,
//! `restore`).
//!
//! `PUT /import_raw_vdi?sr_uuid=…&name=…` without a disk puts a CD image into an ISO library.
//!
//! In the query: `vdi` (reference or uuid), `format` (`raw` only), `task_id` (a task that the
//! client made and watches), and the session.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, Ref, Sr, Task, Value, Vdi, Vm, codes};
use haven_pooldb::Image as Database;
use haven_tasks::TaskId;
use hyper::body::Frame;
use uuid::Uuid;

use super::auth::{self, query_value};
use super::{Origin, upload};
use crate::audit::{Entry, Object};
use crate::state::{AppState, fresh};
use crate::transfer::{self, Pieces, library, xva, xva_import};

/// Paths that move the content of disks.
const ROUTES: [&str; 4] = ["/export_raw_vdi", "/import_raw_vdi", "/export", "/import"];

/// The path that a request means, if it is one of these: xen-orchestra ends them with a stroke.
pub(super) fn route(path: &str) -> Option<&'static str> {
    ROUTES.into_iter().find(|route| *route == path.trim_end_matches('/'))
}

/// The disk that the query names.
async fn disk(state: &Arc<AppState>, query: &str) -> Result<Ref<Vdi>, ApiError> {
    let format = query_value(query, "format").unwrap_or_else(|| "raw".to_owned());
    if format != "raw" {
        let why = format!("{format}: only raw is read and written");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"format", &why]));
    }
    let vdi = query_value(query, "vdi").unwrap_or_default();
    state
        .pool
        .read(|db| {
            let by_ref = vdi.parse().ok().filter(|disk| db.get::<Vdi>(*disk).is_some());
            let disk = by_ref.or_else(|| db.find_uuid::<Vdi>(&vdi));
            disk.ok_or_else(|| ApiError::uuid_invalid::<Vdi>(&vdi))
        })
        .await?
}

pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let who = match auth::for_path(state, origin, &request).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let task = client_task(state, &query).await;
    let path = route(request.uri().path()).unwrap_or_default().trim_start_matches('/');
    if matches!(path, "export" | "import") {
        state.audit.note(who.entry(origin, &format!("http/{path}")).with_result(&Ok(())));
        return whole_vm(state, &query, task, request).await;
    }
    let put = *request.method() == Method::PUT;
    if put && path == "import_raw_vdi" && query_value(&query, "vdi").is_none() {
        state.audit.note(who.entry(origin, "http/import_raw_vdi").with_result(&Ok(())));
        return image(state, &query, task, request).await;
    }
    let disk = match disk(state, &query).await {
        Ok(disk) => disk,
        Err(error) => return refused(state, task, error).await,
    };
    let uuid = state.pool.read(|db| db.get(disk).map(|row| row.uuid.clone())).await;
    let object = Object {
        class: "VDI".to_owned(),
        uuid: uuid.ok().flatten().unwrap_or_default(),
        name: String::new(),
    };
    let entry = Entry { objects: vec![object], ..who.entry(origin, &format!("http/{path}")) };
    state.audit.note(entry.with_result(&Ok(())));
    if !put {
        return export(state, task, disk).await;
    }
    let owner = state.clone();
    upload::serve(state, task, request, move |id, pieces| async move {
        transfer::import(&owner, id, disk, pieces).await
    })
    .await
}

/// The task that the client made for its transfer, and watches.
async fn client_task(state: &Arc<AppState>, query: &str) -> Option<Ref<Task>> {
    let task = query_value(query, "task_id").and_then(|text| text.parse().ok())?;
    let found = state.pool.read(|db| db.get::<Task>(task).is_some()).await;
    found.is_ok_and(|found| found).then_some(task)
}

/// A refusal before anything moved, told to the client and to its task.
async fn refused(state: &Arc<AppState>, task: Option<Ref<Task>>, error: ApiError) -> Response {
    let response = told(&error);
    if let Some(task) = task {
        end(state, task, Err(error)).await;
    }
    response
}

pub(super) fn id(task: Ref<Task>) -> TaskId {
    TaskId(Uuid::from_u128(task.id().0))
}

/// A refusal: what is not there, what is busy, and the rest.
pub(super) fn told(error: &ApiError) -> Response {
    let status = match error.code {
        codes::HANDLE_INVALID | codes::UUID_INVALID => StatusCode::NOT_FOUND,
        codes::VDI_IN_USE | codes::OTHER_OPERATION_IN_PROGRESS => StatusCode::CONFLICT,
        codes::INVALID_VALUE | codes::VDI_TOO_SMALL | codes::VDI_READONLY => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string()).into_response()
}

async fn export(state: &Arc<AppState>, task: Option<Ref<Task>>, disk: Ref<Vdi>) -> Response {
    let own = task.unwrap_or_else(|| Ref::from_uuid(fresh()));
    let content = match transfer::export(state, id(own), disk).await {
        Ok(content) => content,
        Err(error) => return refused(state, task, error).await,
    };
    let mut response = outgoing(state, own, content.pieces, Some(content.size));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(content.size));
    response
}

/// An answer that comes piece by piece, of a known size or until the pieces end.
fn outgoing(state: &Arc<AppState>, task: Ref<Task>, pieces: Pieces, left: Option<u64>) -> Response {
    let state = state.clone();
    let done = move |result| {
        tokio::spawn(async move { end(&state, task, result).await });
    };
    let body = Outgoing { pieces, left, done: Some(Box::new(done)) };
    let mut response = Response::new(Body::new(body));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What the query says of a storage (`sr_id` or `sr_uuid`; empty: nothing), and the one that it means.
async fn asked_sr(state: &Arc<AppState>, query: &str) -> (String, Option<Ref<Sr>>) {
    let value = |key: &str| query_value(query, key).unwrap_or_default();
    let asked = [value("sr_id"), value("sr_uuid")].concat();
    let found = state.pool.read(|db| xva_import::named::<Sr>(db, &asked)).await.ok().flatten();
    (asked, found)
}

/// `/export` and `/import`.
async fn whole_vm(
    state: &Arc<AppState>,
    query: &str,
    task: Option<Ref<Task>>,
    request: Request,
) -> Response {
    let value = |key: &str| query_value(query, key).unwrap_or_default();
    if *request.method() != Method::PUT {
        let vm = [value("ref"), value("uuid")];
        let named = |db: &Database| vm.iter().find_map(|vm| xva_import::named::<Vm>(db, vm));
        let found = state.pool.read(named).await;
        let own = task.unwrap_or_else(|| Ref::from_uuid(fresh()));
        let begun = match found {
            Ok(Some(vm)) => xva::export(state, id(own), vm).await,
            Ok(None) => Err(ApiError::uuid_invalid::<Vm>(&value("uuid"))),
            Err(error) => Err(error),
        };
        return match begun {
            Ok(pieces) => outgoing(state, own, pieces, None),
            Err(error) => refused(state, task, error).await,
        };
    }
    let (sr, found) = asked_sr(state, query).await;
    if !sr.is_empty() && found.is_none() {
        return refused(state, task, ApiError::uuid_invalid::<Sr>(&sr)).await;
    }
    let restore = value("restore") == "true";
    let options = xva_import::Options { sr: found.unwrap_or(Ref::NULL), restore };
    let owner = state.clone();
    upload::serve(state, task, request, move |id, pieces| async move {
        xva_import::import(&owner, id, options, pieces).await
    })
    .await
}

/// A CD image for an ISO library.
async fn image(
    state: &Arc<AppState>,
    query: &str,
    task: Option<Ref<Task>>,
    request: Request,
) -> Response {
    let (named, found) = asked_sr(state, query).await;
    let Some(sr) = found else {
        return refused(state, task, ApiError::uuid_invalid::<Sr>(&named)).await;
    };
    let image = library::Image {
        sr,
        name: query_value(query, "name").unwrap_or_default(),
        size: upload::size(request.headers()),
    };
    let owner = state.clone();
    upload::serve(state, task, request, move |id, pieces| async move {
        library::import(&owner, id, image, pieces).await
    })
    .await
}

/// Tells the client's task how it ended.
pub(super) async fn end(state: &Arc<AppState>, task: Ref<Task>, result: Result<Value, ApiError>) {
    if let Err(error) = crate::dispatch::complete(state, task, result).await {
        tracing::warn!(%error, %task, "the end of a transfer could not be written down");
    }
}

/// Hears how a transfer ended.
type Done = Box<dyn FnOnce(Result<Value, ApiError>) + Send>;

/// A body that comes piece by piece; an error breaks it off, so that nobody takes half for all.
struct Outgoing {
    pieces: Pieces,
    /// Bytes that the client does not have yet, if that is known.
    left: Option<u64>,
    done: Option<Done>,
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        let polled = self.pieces.poll_recv(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                let sent = bytes.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(sent));
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(done) = self.done.take() {
                    done(Err(error.clone()));
                }
            }
            Poll::Ready(None) if self.left.is_none() => self.left = Some(0),
            _ => {}
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(if self.left == Some(0) { Ok(Value::void()) } else { Err(transfer::hung_up()) });
        }
    }
}
