//! A console in the binary frames of a WebSocket, as browsers want it.

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Stream;
use crate::terminal::Writer;

/// Sub-protocol that noVNC and its like ask for.
const PROTOCOL: &str = "binary";
/// Bytes of one frame to the client.
const FRAME_BYTES: usize = 64 * 1024;

/// What goes to the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Bytes as they come.
    Bytes,
    /// Frames of a terminal: a text message, `COLUMNS ROWS`, says how large it is.
    Frames,
}

/// `held` is dropped when the console has ended.
pub(super) async fn serve(
    console: Box<dyn Stream>,
    wire: Wire,
    held: impl Send + 'static,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]).on_upgrade(move |socket| async move {
            pump(socket, console, wire).await;
            drop(held);
        }),
        Err(rejection) => rejection.into_response(),
    }
}

/// Carries bytes until either side ends.
async fn pump(mut socket: WebSocket, mut console: Box<dyn Stream>, wire: Wire) {
    let mut buffer = vec![0; FRAME_BYTES];
    loop {
        tokio::select! {
            message = socket.recv() => {
                let bytes = match message {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Text(text))) if wire == Wire::Frames => {
                        let mut sides = text.split(' ').map_while(|side| side.parse().ok());
                        if let (Some(columns), Some(rows)) = (sides.next(), sides.next())
                            && Writer::size(&mut console, columns, rows).await.is_err()
                        {
                            return;
                        }
                        continue;
                    }
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                let written = match wire {
                    Wire::Bytes => console.write_all(&bytes).await,
                    Wire::Frames => Writer::typed(&mut console, &bytes).await,
                };
                if written.is_err() {
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
