//! What a failed order means to a client.

use haven_drivers::hypervisor::HypervisorError;
use haven_model::{ApiError, Host, Ref, codes, error_meta};

use crate::orders::{OrderError, Refusal};

/// The API error of an order to `host` that failed.
#[must_use]
pub fn order(host: Ref<Host>, error: OrderError) -> ApiError {
    match error {
        OrderError::UnknownHost(_) | OrderError::Unreachable { .. } => {
            ApiError::with(codes::HOST_OFFLINE, &[&host])
        }
        // Not HOST_IS_SLAVE: clients take that for "nothing was done", and ask the other host at once.
        OrderError::NotCoordinator => ApiError::with(codes::COORDINATOR_CHANGED, &[]),
        OrderError::OutcomeUnknown { .. } => ApiError::with(codes::CANNOT_CONTACT_HOST, &[&host]),
        OrderError::Refused(refusal) => refused(host, &refusal),
        OrderError::Hypervisor(error) => hypervisor(host, error),
        OrderError::Storage(error) => storage(&error.code, &error.text),
        OrderError::Failed { code, text } => ApiError::from_wire(&code, vec![text]),
    }
}

fn refused(host: Ref<Host>, refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::NoPermit => ApiError::with(codes::NO_PERMIT, &[&host]),
        Refusal::OlderEpoch { given, newest } => {
            ApiError::with(codes::STALE_EPOCH, &[&given.0, &newest.0])
        }
        Refusal::NotCoordinator => ApiError::with(codes::COORDINATOR_CHANGED, &[]),
        Refusal::WrongPool => ApiError::with(codes::NOT_POOL_MEMBER, &[&host]),
        other => ApiError::internal(other),
    }
}

fn hypervisor(host: Ref<Host>, error: HypervisorError) -> ApiError {
    match error {
        HypervisorError::NoMemory(text) => {
            ApiError::with(codes::HOST_NOT_ENOUGH_FREE_MEMORY, &[&text, &host])
        }
        HypervisorError::Disconnected(_) | HypervisorError::Deadline { .. } => {
            ApiError::with(codes::CANNOT_CONTACT_HOST, &[&host])
        }
        other => ApiError::internal(other),
    }
}

/// The API error of a failed storage call.
fn storage(code: &str, text: &str) -> ApiError {
    if code.starts_with(codes::SR_BACKEND_FAILURE) {
        let code = error_meta(code).map_or(codes::SR_BACKEND_FAILURE, |meta| meta.code);
        return ApiError::with(code, &[&"", &text, &""]);
    }
    ApiError::from_wire(code, vec![text.to_owned()])
}

#[cfg(test)]
mod tests {
    use haven_drivers::storage::StorageError;

    use super::*;

    #[test]
    fn who_lost_the_role_in_the_middle_says_so_and_does_not_send_clients_on() {
        let host = Ref::from_u128(1);
        let refused = OrderError::Refused(Refusal::NotCoordinator);
        for error in [OrderError::NotCoordinator, refused] {
            assert_eq!(order(host, error).code, "COORDINATOR_CHANGED");
        }
    }

    #[test]
    fn storage_errors_keep_their_code_and_say_why() {
        let error = StorageError {
            code: "SR_BACKEND_FAILURE_73".to_owned(),
            text: "the server does not answer".to_owned(),
        };
        let error = order(Ref::from_u128(1), OrderError::Storage(error));
        assert_eq!(error.code, "SR_BACKEND_FAILURE_73");
        assert_eq!(error.params, ["", "the server does not answer", ""]);
        // A task keeps it as text, and so does a host that passes it on.
        assert_eq!(ApiError::from_wire(error.code, error.params.clone()), error);
    }

    #[test]
    fn every_code_of_the_storage_drivers_is_in_the_catalogue() {
        let source = include_str!("../../../drivers/src/storage/error.rs");
        let codes = source.lines().filter_map(|line| {
            line.strip_prefix("pub const ")?.split_once("= \"")?.1.strip_suffix("\";")
        });
        let codes: Vec<&str> = codes.collect();
        assert!(codes.len() > 20, "{codes:?}");
        let unknown = codes.iter().filter(|code| error_meta(code).is_none());
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&&str>::new());
    }
}
