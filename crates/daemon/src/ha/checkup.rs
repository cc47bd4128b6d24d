//! What arming would meet on every host, asked beforehand and of all hosts at once. Changes nothing:
//! there are no volumes for heartbeats yet, so those are looked at when the pool is armed.

use std::sync::Arc;

use haven_cluster::ids::HostId;
use haven_model::{ApiError, Ref, codes};
use serde_json::{Value as Json, json};

use super::stock;
use crate::identity::Member;
use crate::ops::{errors, rows};
use crate::orders::{
    Order, OrderReply, OrderResult, PreflightReply, PreflightRequest, PreflightSubject,
};
use crate::state::AppState;

/// What a person is told of, in this order.
const SUBJECTS: [PreflightSubject; 4] = [
    PreflightSubject::Guard,
    PreflightSubject::Watchdog,
    PreflightSubject::Peers,
    PreflightSubject::Clock,
];

/// `POST /haven/ha/check`.
///
/// # Errors
/// This host is not the coordinator, has no guard, or the pool is armed: then `ha status` says how
/// it is.
pub async fn check(state: &Arc<AppState>) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let ha = state.ha.get().cloned();
    let ha = ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&state.this_host()]))?;
    if state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.ha_enabled)).await?? {
        return Err(ApiError::with(codes::HA_IS_ENABLED, &[]));
    }
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let request = PreflightRequest {
        wall_ms: super::wall_ms(),
        peers: members.iter().map(|member| member.address).collect(),
        ..PreflightRequest::default()
    };
    let which: Vec<HostId> = members.iter().map(|member| member.host).collect();
    let order = |_| Order::HaPreflight(Box::new(request.clone()));
    let answers = stock::ask_all(&ha, &which, order).await;
    let hosts: Vec<Json> = members
        .iter()
        .filter_map(|member| {
            let (_, answer) = answers.iter().find(|(host, _)| *host == member.host)?;
            Some(host(member, answer))
        })
        .collect();
    Ok(json!({ "hosts": hosts }))
}

fn host(member: &Member, answer: &OrderResult) -> Json {
    let id = member.host.0.to_string();
    match answer {
        Ok(OrderReply::Preflight(reply)) => {
            json!({ "host": id, "name": member.name, "checks": checks(reply) })
        }
        Ok(_) => failed(member, &ApiError::internal("an unexpected answer to a pre-flight")),
        Err(error) => failed(member, &errors::order(Ref::from_uuid(member.host.0), error.clone())),
    }
}

fn failed(member: &Member, error: &ApiError) -> Json {
    let error = json!({ "message": error.code, "data": error.params });
    json!({ "host": member.host.0.to_string(), "name": member.name, "checks": [], "error": error })
}

fn checks(reply: &PreflightReply) -> Vec<Json> {
    let check = |about: &PreflightSubject| {
        let bad = reply.findings.iter().find(|finding| finding.about == Some(*about));
        let warning = reply.warnings.iter().find(|finding| finding.about == Some(*about));
        let state = match (bad, warning) {
            (Some(_), _) => "bad",
            (None, Some(_)) => "warning",
            (None, None) => "good",
        };
        let text = bad.or(warning).map(|finding| finding.text.as_str());
        json!({ "id": about, "state": state, "text": text.unwrap_or_default() })
    };
    SUBJECTS.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::PreflightFinding;

    #[test]
    fn what_stands_against_arming_goes_before_what_should_be_known() {
        let finding = |about, text: &str| PreflightFinding {
            code: "HA_HOST_CANNOT_BE_FENCED".to_owned(),
            text: text.to_owned(),
            about: Some(about),
        };
        let reply = PreflightReply {
            findings: vec![finding(PreflightSubject::Watchdog, "none at all")],
            warnings: vec![
                finding(PreflightSubject::Watchdog, "software"),
                finding(PreflightSubject::Clock, "off"),
            ],
        };
        let expected = json!([
            { "id": "guard", "state": "good", "text": "" },
            { "id": "watchdog", "state": "bad", "text": "none at all" },
            { "id": "peers", "state": "good", "text": "" },
            { "id": "clock", "state": "warning", "text": "off" },
        ]);
        assert_eq!(json!(checks(&reply)), expected);
    }
}
