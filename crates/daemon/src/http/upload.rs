//! Bodies that clients send: disks and whole VMs.
//!
//! Clients that made a task for the transfer get their 200 before the first byte is read, as from
//! XenServer: `xe` sends nothing before it, and a client that does not know the length of its
//! content never comes to an end otherwise. Their task tells the outcome; the answer ends with it.
//! Without a task the status tells the outcome, after the transfer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, Ref, Task, Value, codes};
use haven_tasks::TaskId;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::{mpsc, oneshot};

use super::raw_vdi::{end, id, told};
use crate::state::{AppState, fresh};
use crate::transfer::Pieces;

/// Pieces of a body that wait to be written.
const PIECES_MAX: usize = 8;
/// A content of this length or more is none: clients of XenServer that do not know the length say
/// 1 PiB, and hang up when they have sent everything.
const UNKNOWN_LENGTH: u64 = 1 << 50;

/// Takes what a client sends, and answers it.
pub(super) async fn serve<W, F>(
    state: &Arc<AppState>,
    task: Option<Ref<Task>>,
    request: Request,
    work: W,
) -> Response
where
    W: FnOnce(TaskId, Pieces) -> F + Send + 'static,
    F: Future<Output = Result<Value, ApiError>> + Send + 'static,
{
    let length = length(request.headers());
    let pieces = incoming(request.into_body(), length);
    let Some(task) = task else {
        let work = |pieces| work(id(Ref::from_uuid(fresh())), pieces);
        return match length {
            Some(0) => StatusCode::OK.into_response(),
            Some(UNKNOWN_LENGTH..) => probed(pieces, work),
            _ => match work(pieces).await {
                Ok(_) => StatusCode::OK.into_response(),
                Err(error) => told(&error),
            },
        };
    };
    let work = work(id(task), pieces);
    let (sender, done) = oneshot::channel();
    let state = state.clone();
    tokio::spawn(async move {
        let result = work.await;
        end(&state, task, result.clone()).await;
        let _heard = sender.send(result.map(drop));
    });
    Response::new(Body::new(Ending { done }))
}

/// xen-orchestra asks first whether it would be sent elsewhere: a request without a task that
/// announces content and hangs up at the answer. Only if content comes after all is it taken.
fn probed<F>(mut pieces: Pieces, work: impl FnOnce(Pieces) -> F + Send + 'static) -> Response
where
    F: Future<Output = Result<Value, ApiError>> + Send + 'static,
{
    tokio::spawn(async move {
        let Some(Ok(first)) = pieces.recv().await else { return };
        let (sender, content) = mpsc::channel(PIECES_MAX);
        let rest = async move {
            let mut next = Some(Ok(first));
            while let Some(piece) = next {
                if sender.send(piece).await.is_err() {
                    return;
                }
                next = pieces.recv().await;
            }
        };
        let (taken, ()) = tokio::join!(work(content), rest);
        if let Err(error) = taken {
            tracing::info!(%error, "an import without a task failed");
        }
    });
    StatusCode::OK.into_response()
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How much a client says that it sends, if that is true.
pub(super) fn size(headers: &HeaderMap) -> Option<u64> {
    length(headers).filter(|length| (1..UNKNOWN_LENGTH).contains(length))
}

/// An answer without content that ends with the transfer; a failure breaks it off.
struct Ending {
    done: oneshot::Receiver<Result<(), ApiError>>,
}

impl hyper::body::Body for Ending {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        match Pin::new(&mut self.done).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Ok(()))) => Poll::Ready(None),
            Poll::Ready(Ok(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Err(_)) => {
                Poll::Ready(Some(Err(ApiError::internal("the transfer broke off"))))
            }
        }
    }
}

/// A body as it arrives.
fn incoming(mut body: Body, length: Option<u64>) -> Pieces {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let open_end = length.is_some_and(|length| length >= UNKNOWN_LENGTH);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let piece = match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => Ok(bytes),
                // Trailers are no content.
                Ok(Err(_)) => continue,
                // That was all.
                Err(_) if open_end => return,
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
