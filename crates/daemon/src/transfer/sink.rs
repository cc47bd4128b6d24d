//! Where an image is written: into a library of this host, or of another one, which gets it as one
//! request under an order that announced it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use haven_drivers::storage::{SrSpec, StorageError};
use haven_model::{ApiError, Host, Ref, codes};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::library::Image;
use crate::agent::Writing;
use crate::ops::{errors, host};
use crate::orders::{Order, OrderError};
use crate::peer_net::{PeerStream, Protocol};
use crate::state::{AppState, fresh};

/// Pieces that wait for the other host.
const PIECES_MAX: usize = 2;
/// Longest wait for the other host to say that all of it is durable.
const FINISH_MAX: Duration = Duration::from_secs(600);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Where members take images; the announced number follows.
pub(crate) const ROUTE: &str = "/image/";

/// An image that is being written; dropped before its end it leaves nothing.
#[derive(Debug)]
pub(super) enum Sink {
    /// On this host.
    Here(Ref<Host>, Writing),
    /// On another one.
    There(There),
}

impl Sink {
    /// Begins an image in a library as `on` attaches it.
    pub(super) async fn begin(
        state: &Arc<AppState>,
        (on, library): (Ref<Host>, SrSpec),
        image: &Image,
    ) -> Result<Self, ApiError> {
        let (name, size) = (image.name.clone(), image.size);
        if on != state.this_host() {
            return There::begin(
                state,
                on,
                Order::BeginImage { sr: library, name, size, image: fresh() },
            )
            .await
            .map(Self::There);
        }
        let failed = |error| stored(on, error);
        let driver = state.agent().parts().storage.driver(&library.kind).map_err(failed)?;
        let begun = Writing::begin(move || driver.new_image(&library, &name, size)).await;
        Ok(Self::Here(on, begun.map_err(failed)?))
    }

    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ApiError> {
        match self {
            Self::Here(on, writing) => {
                writing.write(bytes).await.map_err(|error| stored(*on, error))
            }
            Self::There(there) => there.write(bytes).await,
        }
    }

    /// All of it has come: it is durable, and seen under its name.
    pub(super) async fn finish(self) -> Result<(), ApiError> {
        match self {
            Self::Here(on, writing) => writing.finish().await.map_err(|error| stored(on, error)),
            Self::There(there) => there.finish().await,
        }
    }
}

fn stored(on: Ref<Host>, error: StorageError) -> ApiError {
    errors::order(on, OrderError::Storage(error))
}

/// An image in the library of another host.
#[derive(Debug)]
pub(super) struct There {
    on: Ref<Host>,
    /// Goes with this: nobody needs the connection then.
    answer: JoinHandle<Result<(), ApiError>>,
    pieces: mpsc::Sender<Piece>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// That was all; a body without it was broken off.
    End,
}

impl There {
    async fn begin(state: &Arc<AppState>, on: Ref<Host>, order: Order) -> Result<Self, ApiError> {
        let Order::BeginImage { image, .. } = &order else {
            return Err(ApiError::internal("this announces no image"));
        };
        let (image, to) = (*image, host::id(on));
        state.orders.send(to, order).await.map_err(|error| errors::order(on, error))?;
        let silent = move |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, host = %to.0, "an image cannot be sent to a host");
            ApiError::with(codes::CANNOT_CONTACT_HOST, &[&on])
        };
        let stream = state.dialer.dial(to, Protocol::Http1).await.map_err(|e| silent(&e))?;
        let (pieces, taken) = mpsc::channel(PIECES_MAX);
        let answer = tokio::spawn(async move {
            send(stream, image, Carried { taken, over: false }).await.map_err(|error| match error {
                Broken::Stored(error) => stored(on, error),
                Broken::Lost(error) => silent(&error),
            })
        });
        Ok(Self { on, answer, pieces })
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ApiError> {
        if bytes.is_empty() {
            return Ok(());
        }
        // When it answers before the end, it takes no more.
        let answer = tokio::select! {
            sent = self.pieces.send(Piece::Bytes(bytes.into())) => {
                if sent.is_ok() {
                    return Ok(());
                }
                (&mut self.answer).await
            }
            answer = &mut self.answer => answer,
        };
        answer.map_err(ApiError::internal)??;
        Err(ApiError::with(codes::CANNOT_CONTACT_HOST, &[&self.on]))
    }

    async fn finish(self) -> Result<(), ApiError> {
        let _gone = self.pieces.send(Piece::End).await;
        match timeout(FINISH_MAX, self.answer).await {
            Ok(answer) => answer.map_err(ApiError::internal)?,
            Err(_) => Err(ApiError::with(codes::CANNOT_CONTACT_HOST, &[&self.on])),
        }
    }
}

/// Why an image did not arrive.
enum Broken {
    Stored(StorageError),
    Lost(String),
}

async fn send(stream: PeerStream, image: Uuid, body: Carried) -> Result<(), Broken> {
    let lost = |error: &dyn std::fmt::Display| Broken::Lost(error.to_string());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| lost(&e))?;
    tokio::spawn(connection);
    let request = Request::put(format!("{ROUTE}{image}"))
        .header(header::HOST, "peer")
        .body(Body::new(body))
        .map_err(|e| lost(&e))?;
    let response = sender.send_request(request).await.map_err(|e| lost(&e))?;
    let status = response.status();
    let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let bytes = bytes.map_err(|e| lost(&e))?.to_bytes();
    let answer: Result<Result<(), StorageError>, _> = serde_json::from_slice(&bytes);
    answer.map_err(|_| lost(&format!("it answered {status}")))?.map_err(Broken::Stored)
}

/// The content of an image on its way to another host.
struct Carried {
    taken: mpsc::Receiver<Piece>,
    over: bool,
}

impl hyper::body::Body for Carried {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.taken.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.over = true;
                None
            }
            // Whoever sends it gave up: the other host must not take a part for the whole.
            None => Some(Err(ApiError::internal("the image broke off"))),
        })
    }
}
