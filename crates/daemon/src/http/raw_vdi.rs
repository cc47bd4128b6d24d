//! `GET /export_raw_vdi` and `PUT /import_raw_vdi`: the bytes of a disk as its guest sees them;
//! `GET /export` and `PUT /import`: whole VMs as XVA files (`uuid` or `ref`; `sr_id`, `restore`).
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
use haven_tasks::TaskId;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Origin;
use super::auth::{self, query_value};
use crate::audit::{Entry, Object};
use crate::state::{AppState, fresh};
use crate::transfer::{self, Pieces, xva, xva_import};

/// Paths that move the content of disks.
pub(super) const ROUTES: [&str; 4] = ["/export_raw_vdi", "/import_raw_vdi", "/export", "/import"];
/// Pieces of a body that wait to be written.
const PIECES_MAX: usize = 8;

/// What the query asks for.
struct Asked {
    disk: Ref<Vdi>,
    task: Ref<Task>,
}

pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let who = match auth::for_path(state, origin, &request).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    if matches!(request.uri().path(), "/export" | "/import") {
        let path = request.uri().path().trim_start_matches('/');
        state.audit.note(who.entry(origin, &format!("http/{path}")).with_result(&Ok(())));
        return whole_vm(state, &query, request).await;
    }
    let asked = match ask(state, &query).await {
        Ok(asked) => asked,
        Err(error) => return told(&error),
    };
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let uuid = state.pool.read(|db| db.get(asked.disk).map(|row| row.uuid.clone())).await;
    let object = Object {
        class: "VDI".to_owned(),
        uuid: uuid.ok().flatten().unwrap_or_default(),
        name: String::new(),
    };
    let entry = Entry { objects: vec![object], ..who.entry(origin, &format!("http/{path}")) };
    state.audit.note(entry.with_result(&Ok(())));
    if *request.method() == Method::PUT {
        import(state, asked, request.into_body()).await
    } else {
        export(state, &asked).await
    }
}

async fn ask(state: &Arc<AppState>, query: &str) -> Result<Asked, ApiError> {
    let format = query_value(query, "format").unwrap_or_else(|| "raw".to_owned());
    if format != "raw" {
        let why = format!("{format}: only raw is read and written");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"format", &why]));
    }
    let vdi = query_value(query, "vdi").unwrap_or_default();
    let task = query_value(query, "task_id").and_then(|text| text.parse().ok());
    state
        .pool
        .read(|db| {
            let by_ref = vdi.parse().ok().filter(|disk| db.get::<Vdi>(*disk).is_some());
            let disk = by_ref.or_else(|| db.find_uuid::<Vdi>(&vdi));
            let disk = disk.ok_or_else(|| ApiError::uuid_invalid::<Vdi>(&vdi))?;
            let task = task.filter(|task| db.get::<Task>(*task).is_some());
            Ok(Asked { disk, task: task.unwrap_or_else(|| Ref::from_uuid(fresh())) })
        })
        .await?
}

fn id(task: Ref<Task>) -> TaskId {
    TaskId(Uuid::from_u128(task.id().0))
}

/// A refusal: what is not there, what is busy, and the rest.
fn told(error: &ApiError) -> Response {
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

async fn export(state: &Arc<AppState>, asked: &Asked) -> Response {
    let content = match transfer::export(state, id(asked.task), asked.disk).await {
        Ok(content) => content,
        Err(error) => {
            end(state, asked.task, Err(error.clone())).await;
            return told(&error);
        }
    };
    let mut response = outgoing(state, asked.task, content.pieces, Some(content.size));
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

/// `/export` and `/import`.
async fn whole_vm(state: &Arc<AppState>, query: &str, request: Request) -> Response {
    let value = |key: &str| query_value(query, key).unwrap_or_default();
    let (vm, sr) = ([value("ref"), value("uuid")], value("sr_id"));
    let task = value("task_id");
    let found = state.pool.read(|db| {
        let vm = vm.iter().find_map(|asked| xva_import::named::<Vm>(db, asked));
        let task = task.parse().ok().filter(|task| db.get::<Task>(*task).is_some());
        (vm, xva_import::named::<Sr>(db, &sr), task.unwrap_or_else(|| Ref::from_uuid(fresh())))
    });
    let Ok((vm, found_sr, task)) = found.await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let result = if *request.method() == Method::PUT {
        let wanted = sr.is_empty() || found_sr.is_some();
        let restore = value("restore") == "true";
        let options = xva_import::Options { sr: found_sr.unwrap_or(Ref::NULL), restore };
        let pieces = incoming(request.into_body());
        let result = if wanted {
            xva_import::import(state, id(task), options, pieces).await
        } else {
            Err(ApiError::uuid_invalid::<Sr>(&sr))
        };
        end(state, task, result.clone()).await;
        result.map(|_| StatusCode::OK.into_response())
    } else {
        let begun = match vm {
            Some(vm) => xva::export(state, id(task), vm).await,
            None => Err(ApiError::uuid_invalid::<Vm>(&value("uuid"))),
        };
        if let Err(error) = &begun {
            end(state, task, Err(error.clone())).await;
        }
        begun.map(|pieces| outgoing(state, task, pieces, None))
    };
    result.unwrap_or_else(|error| told(&error))
}

/// Tells the client's task how it ended.
async fn end(state: &Arc<AppState>, task: Ref<Task>, result: Result<Value, ApiError>) {
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

/// A body as it arrives.
fn incoming(mut body: Body) -> Pieces {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let piece = match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => Ok(bytes),
                // Trailers are no content.
                Ok(Err(_)) => continue,
                Err(error) => Err(ApiError::with(codes::IMPORT_ERROR, &[&error])),
            };
            let last = piece.is_err();
            // Nobody takes it any more: the import has failed.
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    });
    pieces
}

async fn import(state: &Arc<AppState>, asked: Asked, body: Body) -> Response {
    let pieces = incoming(body);
    let result = transfer::import(state, id(asked.task), asked.disk, pieces).await;
    end(state, asked.task, result.clone()).await;
    match result {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => told(&error),
    }
}
