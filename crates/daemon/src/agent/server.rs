//! The peer port: orders, reports, images, tunnels, and what members forward.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post, put};
use axum::{Json, Router};
use haven_cluster::ids::HostId;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::Agent;
use crate::orders::{OrderEnvelope, OrderResult, Report};
use crate::peer_net::{Caller, Target, join_streams, to_stranger, tunnel_request_target};
use crate::state::PoolDb;

/// Largest order; the copy of the database is the largest one.
const ORDER_BYTES_MAX: usize = 256 << 20;
/// Largest report.
const REPORT_BYTES_MAX: usize = 4 << 20;
/// Longest wait for the far end of a tunnel.
const CONNECT_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// What the peer port hands on.
#[derive(Clone, Debug)]
pub struct PeerHandlers {
    /// Reports of members, for the coordinator.
    pub reports: mpsc::Sender<Report>,
    /// Serves what members forward for their clients; mounted at `/proxy`.
    pub proxied: Router,
    /// Says of who is no member whether the pool has forgotten him, where it is here.
    pub pool: PoolDb,
}

#[derive(Clone, Debug)]
struct PeerState {
    agent: Agent,
    reports: mpsc::Sender<Report>,
}

/// The router of the peer port. Every request comes from a host that is a member now.
pub fn peer_router(agent: Agent, handlers: PeerHandlers) -> Router {
    let state = PeerState { agent: agent.clone(), reports: handlers.reports };
    Router::new()
        .route("/order", post(order).layer(DefaultBodyLimit::max(ORDER_BYTES_MAX)))
        .route("/report", post(report).layer(DefaultBodyLimit::max(REPORT_BYTES_MAX)))
        .route("/tunnel/{*target}", any(tunnel))
        // As long as an image is; the sender bounds it.
        .route("/image/{image}", put(image).layer(DefaultBodyLimit::disable()))
        .with_state(state)
        .nest("/proxy", handlers.proxied)
        .layer(middleware::from_fn_with_state((agent, handlers.pool), only_members))
}

/// A certificate of the pool's CA is not enough: the host may have left the pool since.
async fn only_members(
    State((agent, pool)): State<(Agent, PoolDb)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(Caller::Peer(host, _)) = request.extensions().get::<Caller>().cloned() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let identity = agent.parts.identity.get();
    if identity.pool.as_ref().and_then(|pool| pool.member(host)).is_none() {
        // A list may be old, before it was compared with the database.
        return match pool.has_forgotten(host).await {
            true => to_stranger(),
            false => StatusCode::FORBIDDEN.into_response(),
        };
    }
    request.extensions_mut().insert(host);
    next.run(request).await
}

async fn order(
    State(state): State<PeerState>,
    Extension(sender): Extension<HostId>,
    Json(envelope): Json<OrderEnvelope>,
) -> Json<OrderResult> {
    Json(state.agent.carry_out(envelope, sender).await)
}

async fn report(
    State(state): State<PeerState>,
    Extension(sender): Extension<HostId>,
    Json(report): Json<Report>,
) -> StatusCode {
    if report.host != sender {
        return StatusCode::FORBIDDEN;
    }
    match state.reports.try_send(report) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn image(
    State(state): State<PeerState>,
    Extension(sender): Extension<HostId>,
    Path(image): Path<Uuid>,
    request: Request,
) -> Response {
    match state.agent.take_image(image, sender, request.into_body()).await {
        Some(stored) => Json(stored).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn tunnel(
    State(state): State<PeerState>,
    Extension(peer): Extension<HostId>,
    mut request: Request,
) -> Response {
    let Some(target) = tunnel_request_target(request.uri(), request.headers()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if target == Target::Terminal {
        return terminal(&state.agent, peer, request);
    }
    // Taken before the question: what is cut after that is this one, too.
    let cut = state.agent.windows().streams();
    let comes_in = matches!(target, Target::Libvirt | Target::Migrate(_));
    let path = match state.agent.tunnel_socket(target, peer) {
        Some(path) => path,
        None => return StatusCode::FORBIDDEN.into_response(),
    };
    let far = match timeout(CONNECT_MAX, UnixStream::connect(&path)).await {
        Ok(Ok(far)) => far,
        other => {
            tracing::warn!(%target, path, ?other, "no far end for a tunnel");
            return StatusCode::BAD_GATEWAY.into_response();
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => tokio::select! {
                () = join_streams(TokioIo::new(upgraded), far) => {}
                () = cut.cancelled(), if comes_in => {}
            },
            Err(error) => tracing::debug!(%target, %error, "tunnel not opened"),
        }
    });
    tunnelled()
}

fn tunnelled() -> Response {
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "haven-tunnel")
        .body(Body::empty());
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// A console of this host, which only the coordinator opens: it has checked who asks.
fn terminal(agent: &Agent, peer: HostId, mut request: Request) -> Response {
    if agent.parts.authority.coordinator() != Some(peer) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let place = match agent.terminals().enter() {
        Ok(place) => place,
        Err(refusal) => {
            return (StatusCode::SERVICE_UNAVAILABLE, refusal.as_str()).into_response();
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => crate::terminal::serve(TokioIo::new(upgraded), place).await,
            Err(error) => tracing::debug!(%error, "a console of this host was not opened"),
        }
    });
    tunnelled()
}

impl Agent {
    /// The socket behind a tunnel, if `peer` may open it now.
    fn tunnel_socket(&self, target: Target, peer: HostId) -> Option<String> {
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        let paths = &self.parts.config.paths;
        match target {
            Target::Vnc(vm) => Some(self.parts.hypervisor.vnc_socket(vm)),
            Target::Serial(vm) => Some(self.parts.hypervisor.serial_socket(vm)),
            Target::Terminal => None,
            // A guest that arrives executes: like one that is started.
            _ if !self.windows.allows(target, peer).is_some_and(|term| self.gate.may_run(term)) => {
                None
            }
            Target::Libvirt => Some(text(paths.libvirt_socket())),
            Target::Migrate(vm) => Some(text(paths.migrate_socket(vm))),
        }
    }
}
