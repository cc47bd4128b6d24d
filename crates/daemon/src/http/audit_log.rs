//! `GET /audit_log?since=20250102T03:04:05Z`: the audit log as JSON lines.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::Origin;
use super::auth::{self, query_value};
use crate::audit::read_since;
use crate::state::AppState;

/// Pieces that wait for a client that reads slowly; the file is read no faster.
const PIECES_MAX: usize = 16;
/// Size of a piece.
const PIECE_BYTES: usize = 64 << 10;

pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let who = match auth::for_path(state, origin, &request).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    state.audit.note(who.entry(origin, "http/get_audit_log").with_result(&Ok(())));
    let since = query_value(request.uri().query().unwrap_or_default(), "since").unwrap_or_default();
    let path = state.config.paths.audit_log();
    let (pieces, receiver) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut piece = String::new();
        let read = read_since(&path, &since, |line| {
            piece.push_str(&line);
            piece.len() < PIECE_BYTES || send(&pieces, &mut piece)
        });
        match read {
            Ok(()) => drop(send(&pieces, &mut piece)),
            Err(error) => tracing::warn!(%error, "the audit log cannot be read"),
        }
    });
    let mut response = Response::new(Body::new(Pieces(receiver)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// A body that comes piece by piece.
struct Pieces(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// False when the client is gone.
fn send(pieces: &mpsc::Sender<Bytes>, piece: &mut String) -> bool {
    pieces.blocking_send(Bytes::from(std::mem::take(piece))).is_ok()
}
