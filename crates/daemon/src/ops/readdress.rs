//! A host's management address changes, armed or not.
//!
//! Owns: that a host is looked for at a new address only after it answered there and proved who it
//! is, and that everybody hears of it: the members, and the guards while they are armed. Never
//! touches the host's network: the administrator gives it the address first, beside the old one,
//! and takes the old one away afterwards.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use haven_model::{ApiError, Host, Pif, Ref, Value, codes};
use haven_pooldb::Image;

use super::{host, membership, roster};
use crate::dispatch::Call;
use crate::ha::reshape;
use crate::identity::Member;
use crate::orders::{Order, OrderReply, PreflightRequest};
use crate::state::AppState;

/// `host.set_address(host, value)`.
pub async fn set_address(call: Arc<Call>) -> Result<Value, ApiError> {
    let (on, text): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    let address = parse(&text)?;
    move_to(&call.state, on, address).await
}

/// `host.management_reconfigure(pif)`: the address of that interface, which the host has already.
pub async fn management_reconfigure(call: Arc<Call>) -> Result<Value, ApiError> {
    let pif: Ref<Pif> = call.arg(0)?;
    let (on, management, text) = call
        .read(|db| {
            let row = db.require(pif)?;
            Ok((row.host, row.management, row.ip.clone()))
        })
        .await?;
    if management {
        return Ok(Value::void());
    }
    if text.is_empty() {
        return Err(ApiError::with(codes::INTERFACE_HAS_NO_IP, &[&pif]));
    }
    let address = parse(&text)?;
    move_to(&call.state, on, address).await
}

fn parse(text: &str) -> Result<IpAddr, ApiError> {
    let invalid = || ApiError::with(codes::INVALID_IP_ADDRESS_SPECIFIED, &[&text]);
    let address: IpAddr = text.trim().parse().map_err(|_| invalid())?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(invalid());
    }
    Ok(address)
}

async fn move_to(state: &Arc<AppState>, on: Ref<Host>, to: IpAddr) -> Result<Value, ApiError> {
    state.check_may_act()?;
    let name =
        state.pool.read(move |db: &Image| Ok::<_, ApiError>(db.require(on)?.name_label.clone()));
    let name = name.await??;
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let known = members.iter().find(|member| member.host == host::id(on));
    let known = known.ok_or_else(|| ApiError::with(codes::HOST_OFFLINE, &[&on]))?;
    if known.address == to {
        return Ok(Value::void());
    }
    let moved = Member { address: to, ..known.clone() };
    if members.iter().any(|other| other.peer_address() == moved.peer_address()) {
        return Err(ApiError::with(codes::INVALID_IP_ADDRESS_SPECIFIED, &[&to]));
    }
    check_answers(state, &moved, &name).await?;
    check_fixed(state, &moved).await?;
    check_others(state, &members, &moved, &name).await?;
    certify(state, known, &moved).await?;
    let now = moved.clone();
    let row = move |tx: &mut haven_pooldb::Tx<'_>| {
        roster::take_in(tx, &now)?;
        tx.update(on, |row: &mut Host| row.address = to.to_string())
    };
    state.pool.write(row).await?;
    membership::announce(state, |members| {
        for member in members.iter_mut().filter(|member| member.host == moved.host) {
            *member = moved.clone();
        }
    })?;
    tracing::info!(host = %moved.host.0, address = %to, "a host has another address");
    if let Some(ha) = state.ha.get()
        && let Err(error) = reshape::now(ha).await
    {
        // What looks after the guards tries again.
        tracing::warn!(%error, "the guards do not know the new address yet");
    }
    Ok(Value::void())
}

/// Clients see a certificate that names the new address, before anybody is sent there; the old one
/// stays in it, as that is in use until the administrator takes it away. A site's own certificate is
/// the site's to renew.
async fn certify(state: &Arc<AppState>, known: &Member, moved: &Member) -> Result<(), ApiError> {
    let on = Ref::<Host>::from_uuid(moved.host.0);
    let failed = |error| super::errors::order(on, error);
    let asked = state.orders.send(moved.host, Order::RequestCertificate).await.map_err(failed)?;
    let OrderReply::Text(request) = asked else {
        return Err(ApiError::internal("no request for a certificate"));
    };
    let (host, addresses) = (moved.host, [moved.address, known.address]);
    let issue = move |db: &Image| {
        let name = db.require(on)?.hostname.clone();
        crate::tls::issue(&membership::ca(db)?, &request, host, &name, &addresses)
            .map_err(ApiError::internal)
    };
    let certificate = state.pool.read(issue).await??;
    let sent = state.orders.send(moved.host, Order::TakeCertificate { certificate }).await;
    sent.map(drop).map_err(failed)
}

/// It answers there, and its certificate says that it is the one.
async fn check_answers(state: &Arc<AppState>, moved: &Member, name: &str) -> Result<(), ApiError> {
    let at = moved.peer_address();
    let dialer = &state.agent().parts().dialer;
    dialer.dial_at(moved.host, at, crate::peer_net::Protocol::Http2).await.map_err(|error| {
        ApiError::not_allowed(format!(
            "{name} does not answer at {at} ({error}); give the host that address first, beside \
             the old one"
        ))
    })?;
    Ok(())
}

/// A fixed one, as far as the host can be asked.
async fn check_fixed(state: &Arc<AppState>, moved: &Member) -> Result<(), ApiError> {
    if state.config.settings.allow_dynamic_address {
        return Ok(());
    }
    let Ok(OrderReply::Facts(facts)) = state.orders.send(moved.host, Order::HostFacts).await else {
        return Ok(());
    };
    match facts.nics.iter().find(|nic| nic.dynamic && nic.has(moved.address)) {
        Some(nic) => Err(ApiError::with(codes::HOST_IP_NOT_STATIC, &[&nic.device])),
        None => Ok(()),
    }
}

fn is_member(state: &AppState, other: &Member) -> bool {
    state.is_member(Ref::from_uuid(other.host.0))
}

/// Every other host that answers reaches it there, too; while armed every member answers.
async fn check_others(
    state: &Arc<AppState>,
    members: &[Member],
    moved: &Member,
    name: &str,
) -> Result<(), ApiError> {
    let at: SocketAddr = moved.peer_address();
    let request = PreflightRequest { reach: vec![at], ..PreflightRequest::default() };
    let here = state.identity.host();
    for other in members.iter().filter(|other| other.host != moved.host && other.host != here) {
        let order = Order::HaPreflight(Box::new(request.clone()));
        let reply = match state.orders.send(other.host, order).await {
            Ok(OrderReply::Preflight(reply)) => reply,
            // Its guard beats, and nobody could tell it where to.
            Err(error) if state.authority.armed().is_some() && is_member(state, other) => {
                return Err(super::errors::order(Ref::from_uuid(other.host.0), error));
            }
            // A host that is off hears of it when it is back.
            _ => continue,
        };
        let blind = reply.findings.iter().find(|f| f.code == codes::HA_HOST_CANNOT_SEE_PEERS);
        if let Some(finding) = blind {
            let text = format!("{} does not reach {name} there: {}", other.name, finding.text);
            return Err(ApiError::not_allowed(text));
        }
    }
    Ok(())
}
