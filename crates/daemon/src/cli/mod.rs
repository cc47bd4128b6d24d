//! `xe` on this side of the wire: the thin client's requests.
//!
//! Owns: the handshake, the bounds (how many command lines run at once, how long a client may
//! stall), and the way to the coordinator for root's command lines. Never knows a command: they
//! are in [`haven_xe`], and call the same messages as every other client.

mod link;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use haven_cluster::ids::HostId;
use haven_model::{codes, error_meta};
use haven_xe::wire::{self, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::link::Link;
use self::session::CliSession;
use crate::http::Origin;
use crate::peer_net::{Caller, Duplex, Protocol, RawStream, is_to_stranger, join_streams};
use crate::state::AppState;

/// Where command lines are sent.
pub(crate) const ROUTE: &str = "/cli";
/// Command lines that run at once; each has a thread.
const RUNS_MAX: usize = 96;
/// Longest wait for the client's greeting.
const GREETING_MAX: Duration = Duration::from_secs(10);

/// How an answer of HTTP begins.
const HTTP: [u8; 5] = *b"HTTP/";
/// Largest head of one.
const HEAD_BYTES_MAX: u64 = 4096;

static RUNS: Semaphore = Semaphore::const_new(RUNS_MAX);

/// Answers a command line on its own connection. `elsewhere` is the coordinator, when it is
/// another host.
pub(crate) async fn serve(
    state: &Arc<AppState>,
    origin: Origin,
    elsewhere: Option<HostId>,
    request: Request,
) -> Response {
    let local = request.extensions().get::<Caller>() == Some(&Caller::LocalRoot);
    let raw = request.extensions().get::<RawStream>().cloned();
    let body = crate::http::body(request, haven_xe::args::BODY_BYTES_MAX).await;
    let (Ok(body), Some(raw)) = (body, raw) else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(body) = String::from_utf8(body) else { return StatusCode::BAD_REQUEST.into_response() };
    let forward = elsewhere.filter(|_| local && !haven_xe::is_local(&body));
    let Some(stream) = raw.take() else { return StatusCode::BAD_REQUEST.into_response() };
    let done = match forward {
        Some(coordinator) => forward_to(state, coordinator, stream, &body).await,
        None => answer(state, origin, stream, body).await,
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a command line was not carried out to its end");
    }
    StatusCode::OK.into_response()
}

/// Hands everything to the coordinator, which takes it as root's.
async fn forward_to(
    state: &AppState,
    coordinator: HostId,
    mut near: Box<dyn Duplex>,
    body: &str,
) -> std::io::Result<()> {
    let mut far = match state.dialer.dial(coordinator, Protocol::Http1).await {
        Ok(far) => far,
        Err(error) => {
            tracing::warn!(%error, "a command line could not be forwarded to the coordinator");
            greet(&mut near).await?;
            let text = format!("Error: the coordinator of the pool cannot be reached: {error}\n");
            return refuse(&mut near, text).await;
        }
    };
    let head = format!(
        "POST /proxy{ROUTE} HTTP/1.0\r\nx-haven-caller: root\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    far.write_all(head.as_bytes()).await?;
    // A host that does not know this one as a member, or not yet, answers as HTTP does, before any greeting.
    let mut first = [0_u8; HTTP.len()];
    far.read_exact(&mut first).await?;
    if first == HTTP {
        let mut head = Vec::new();
        let _cut_off: std::io::Result<usize> =
            far.take(HEAD_BYTES_MAX).read_to_end(&mut head).await;
        greet(&mut near).await?;
        let code = match is_to_stranger(&head) {
            true => codes::HOST_UNKNOWN_TO_MASTER,
            false => codes::HOST_STILL_BOOTING,
        };
        let text = error_meta(code).map_or(code, |meta| meta.text);
        return refuse(&mut near, format!("{text}\n")).await;
    }
    near.write_all(&first).await?;
    join_streams(near, far).await;
    Ok(())
}

async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    mut stream: Box<dyn Duplex>,
    body: String,
) -> std::io::Result<()> {
    greet(&mut stream).await?;
    let Ok(_run) = RUNS.try_acquire() else {
        let text = "Error: too many command lines run at once on this host. Try again.\n";
        return refuse(&mut stream, text.to_owned()).await;
    };
    let (link, ends) = Link::new(stream);
    let mut session = CliSession::new(state.clone(), origin, &body, link.gone());
    let mut screen = link;
    let running = tokio::task::spawn_blocking(move || {
        haven_xe::execute(&body, &mut session, &mut screen);
    });
    if running.await.is_err() {
        tracing::error!("a command line broke off");
    }
    ends.finish().await;
    Ok(())
}

/// Both greetings.
async fn greet(stream: &mut Box<dyn Duplex>) -> std::io::Result<()> {
    stream.write_all(&wire::hello()).await?;
    stream.flush().await?;
    let mut theirs = [0_u8; wire::HELLO_BYTES];
    timeout(GREETING_MAX, stream.read_exact(&mut theirs))
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    wire::check_hello(&theirs).map_err(std::io::Error::other)?;
    Ok(())
}

async fn refuse(stream: &mut Box<dyn Duplex>, text: String) -> std::io::Result<()> {
    let mut frames = Vec::new();
    Command::PrintStderr(text).encode(&mut frames);
    Command::Exit(1).encode(&mut frames);
    stream.write_all(&frames).await?;
    stream.shutdown().await
}
