//! Giving orders to hosts.
//!
//! Owns: one HTTP/2 connection per member, and the numbering of orders. An order that was sent
//! and not answered is sent again under the same id: the host answers a repetition from memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use haven_cluster::ids::{EpochNumber, HostId};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::agent::Agent;
use crate::authority::Authority;
use crate::identity::IdentityStore;
use crate::orders::{
    Order, OrderEnvelope, OrderError, OrderReply, OrderResult, Refusal, Report, Term,
};
use crate::peer_net::{DialError, Dialer, Protocol};
use crate::simulate::SimPeer;

/// Attempts to reach a host before it counts as unreachable.
const ATTEMPTS_MAX: u32 = 3;
/// How long an order that was sent, and perhaps arrived, is tried again.
const RESEND_MAX: Duration = Duration::from_secs(20);
/// Longest wait for a report to be taken: the coordinator may be another one by then.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Pause between attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(400);
/// Pings on idle and busy connections alike.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// A connection without an answer to a ping for so long is dead.
const PING_TIMEOUT: Duration = Duration::from_secs(4);
/// For so long after a failed attempt to connect, whoever waited for it fails with it.
const FAILED_MEMORY: Duration = Duration::from_millis(500);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

type Sender = http2::SendRequest<Full<Bytes>>;

/// Sends orders to the hosts of the pool, this one included. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OrderClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    identity: Arc<IdentityStore>,
    authority: Authority,
    dialer: Dialer,
    local: OnceLock<Agent>,
    /// Hosts that exist in this process only.
    simulated: RwLock<BTreeMap<HostId, SimPeer>>,
    channels: Mutex<HashMap<HostId, Arc<Mutex<Channel>>>>,
    sequence: AtomicU64,
}

/// The connection to one host.
#[derive(Debug, Default)]
struct Channel {
    sender: Option<Sender>,
    failed: Option<(Instant, String)>,
}

/// Why one attempt failed.
enum Attempt {
    /// There is no such host.
    NotMember,
    /// It never left this host.
    NotSent(String),
    /// It may have arrived.
    Sent(String),
    /// The host did not take it.
    Rejected(String),
}

impl OrderClient {
    /// A client that gives orders under `authority`.
    #[must_use]
    pub fn new(identity: Arc<IdentityStore>, authority: Authority, dialer: Dialer) -> Self {
        let inner = Inner {
            identity,
            authority,
            dialer,
            local: OnceLock::new(),
            simulated: RwLock::default(),
            channels: Mutex::default(),
            sequence: AtomicU64::new(1),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Names the agent of this host, which gets its orders without a network.
    pub fn set_local(&self, agent: Agent) {
        if self.inner.local.set(agent).is_err() {
            tracing::warn!("the local agent was named twice; the first one stays");
        }
    }

    /// Names a simulated host, which gets its orders without a network.
    pub fn add_simulated(&self, peer: SimPeer) {
        let mut simulated = self.inner.simulated.write().unwrap_or_else(PoisonError::into_inner);
        simulated.insert(peer.host(), peer);
    }

    fn simulated(&self, host: HostId) -> Option<SimPeer> {
        let simulated = self.inner.simulated.read().unwrap_or_else(PoisonError::into_inner);
        simulated.get(&host).cloned()
    }

    /// Has `host` carry out `order` and waits for the answer, up to the order's own deadline.
    pub async fn send(&self, host: HostId, order: Order) -> OrderResult {
        self.send_as(host, Uuid::new_v4(), order).await
    }

    /// The same under an id of the caller's, for orders that outlive a restart of the caller.
    pub async fn send_as(&self, host: HostId, id: Uuid, order: Order) -> OrderResult {
        let term = self.inner.authority.term()?;
        self.send_in(term, host, id, order).await
    }

    /// The same, but only while `epoch` lasts: the order was made of what was true in it, such as
    /// in which life its host is.
    pub async fn send_under(&self, epoch: EpochNumber, host: HostId, order: Order) -> OrderResult {
        let term = self.inner.authority.term()?;
        if term.epoch != epoch {
            return Err(Refusal::OlderEpoch { given: epoch, newest: term.epoch }.into());
        }
        self.send_in(term, host, Uuid::new_v4(), order).await
    }

    /// The same by the coordinator that `host.json` names, whatever the guard of this host says:
    /// while the pool is being armed no epoch gives anybody a right. Hosts that know of one
    /// refuse such an order.
    pub async fn send_unarmed(&self, host: HostId, order: Order) -> OrderResult {
        let term = self.inner.authority.unarmed_term()?;
        self.send_in(term, host, Uuid::new_v4(), order).await
    }

    async fn send_in(&self, term: Term, host: HostId, id: Uuid, order: Order) -> OrderResult {
        let pool = self.inner.identity.get().pool.as_ref().map(|pool| pool.pool);
        let envelope = OrderEnvelope {
            pool: pool.ok_or(OrderError::NotCoordinator)?,
            term,
            seq: self.inner.sequence.fetch_add(1, Ordering::Relaxed),
            id,
            order,
        };
        let this = self.inner.identity.host();
        if host == this
            && let Some(agent) = self.inner.local.get()
        {
            return agent.carry_out(envelope, this).await;
        }
        if let Some(peer) = self.simulated(host) {
            return peer.carry_out(envelope, this).await;
        }
        let deadline = envelope.order.deadline();
        match timeout(deadline, self.send_remote(host, &envelope)).await {
            Ok(answer) => answer,
            Err(_) => Err(OrderError::OutcomeUnknown {
                host: host.0,
                text: format!("no answer within {} s", deadline.as_secs()),
            }),
        }
    }

    /// Tells the coordinator `host` what happens here.
    pub async fn report(&self, host: HostId, report: &Report) -> Result<(), String> {
        let body = encode(report).map_err(|error| error.to_string())?;
        match timeout(REPORT_MAX, self.post(host, "/report", body)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(Attempt::NotSent(text) | Attempt::Sent(text) | Attempt::Rejected(text))) => {
                Err(text)
            }
            Ok(Err(Attempt::NotMember)) => Err("the coordinator is not a member".to_owned()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn send_remote(&self, host: HostId, envelope: &OrderEnvelope) -> OrderResult {
        let body = encode(envelope)?;
        let mut sent_since = None;
        let mut failures = 0;
        loop {
            let text = match self.post(host, "/order", body.clone()).await {
                Ok(answer) => {
                    let answer = serde_json::from_slice::<OrderResult>(&answer);
                    return match answer.map_err(|error| error.to_string()) {
                        Ok(Err(OrderError::Refused(refusal))) if sent_since.is_some() => {
                            Err(unknown(host, refusal.to_string()))
                        }
                        Ok(answer) => answer,
                        Err(text) => Err(unknown(host, text)),
                    };
                }
                Err(Attempt::NotMember | Attempt::Rejected(_)) if sent_since.is_some() => {
                    return Err(unknown(host, "it does not take the order again".to_owned()));
                }
                Err(Attempt::NotMember) => return Err(OrderError::UnknownHost(host.0)),
                Err(Attempt::NotSent(text)) => text,
                Err(Attempt::Rejected(text)) => return Err(Refusal::Invalid(text).into()),
                Err(Attempt::Sent(text)) => {
                    sent_since.get_or_insert_with(Instant::now);
                    text
                }
            };
            failures += 1;
            match sent_since {
                Some(since) if since.elapsed() >= RESEND_MAX => return Err(unknown(host, text)),
                None if failures >= ATTEMPTS_MAX => {
                    return Err(OrderError::Unreachable { host: host.0, text });
                }
                _ => sleep(RETRY_PAUSE).await,
            }
        }
    }

    async fn post(&self, host: HostId, path: &str, body: Bytes) -> Result<Bytes, Attempt> {
        let mut sender = self.sender(host).await?;
        let request = Request::post(format!("https://peer{path}"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Attempt::NotSent(error.to_string()))?;
        let response =
            sender.send_request(request).await.map_err(|error| Attempt::Sent(error.to_string()))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Attempt::Rejected(format!("HTTP status {status}")));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(body.map_err(|error| Attempt::Sent(error.to_string()))?.to_bytes())
    }

    /// The connection to `host`, made anew where the last one broke. A host that does not answer
    /// delays only what is meant for it.
    async fn sender(&self, host: HostId) -> Result<Sender, Attempt> {
        let channel = self.inner.channels.lock().await.entry(host).or_default().clone();
        let mut channel = channel.lock().await;
        if let Some(sender) = channel.sender.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        if let Some((_, text)) =
            channel.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED_MEMORY)
        {
            return Err(Attempt::NotSent(text.clone()));
        }
        match self.connect(host).await {
            Ok(sender) => {
                *channel = Channel { sender: Some(sender.clone()), failed: None };
                Ok(sender)
            }
            Err(Connect::Dial(DialError::NotMember)) => Err(Attempt::NotMember),
            Err(error) => {
                let text = error.to_string();
                *channel = Channel { sender: None, failed: Some((Instant::now(), text.clone())) };
                Err(Attempt::NotSent(text))
            }
        }
    }

    async fn connect(&self, host: HostId) -> Result<Sender, Connect> {
        let stream = self.inner.dialer.dial(host, Protocol::Http2).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[derive(Debug, thiserror::Error)]
enum Connect {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// An order that was sent and has no answer may have been carried out, whatever becomes of its
/// repetitions: a host that refuses one may have done what the first one said.
fn unknown(host: HostId, text: String) -> OrderError {
    OrderError::OutcomeUnknown { host: host.0, text }
}

fn encode(value: &impl Serialize) -> Result<Bytes, OrderError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| Refusal::Invalid(error.to_string()).into())
}

/// Takes the path out of an answer that must be one.
pub fn expect_path(reply: OrderReply) -> Result<String, OrderError> {
    match reply {
        OrderReply::Path(path) => Ok(path),
        other => Err(Refusal::Invalid(format!("unexpected answer {other:?}")).into()),
    }
}
