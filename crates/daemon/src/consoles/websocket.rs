//! A console in the binary frames of a WebSocket, as browsers want it.

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::SemaphorePermit;

use super::Stream;

/// Sub-protocol that noVNC and its like ask for.
const PROTOCOL: &str = "binary";
/// Bytes of one frame to the client.
const FRAME_BYTES: usize = 64 * 1024;

pub(super) async fn serve(
    console: Box<dyn Stream>,
    slot: SemaphorePermit<'static>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]).on_upgrade(move |socket| async move {
            pump(socket, console).await;
            drop(slot);
        }),
        Err(rejection) => rejection.into_response(),
    }
}

/// Carries bytes until either side ends.
async fn pump(mut socket: WebSocket, mut console: Box<dyn Stream>) {
    let mut buffer = vec![0; FRAME_BYTES];
    loop {
        tokio::select! {
            message = socket.recv() => {
                let bytes = match message {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                if console.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            read = console.read(&mut buffer) => {
                let Some(bytes) = read.ok().filter(|read| *read > 0).and_then(|n| buffer.get(..n))
                else {
                    return;
                };
                let frame = Message::Binary(Bytes::copy_from_slice(bytes));
                if socket.send(frame).await.is_err() {
                    return;
                }
            }
        }
    }
}
