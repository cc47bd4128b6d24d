//! What a failed order means to a client.

use haven_drivers::hypervisor::HypervisorError;
use haven_drivers::storage::error as driver;
use haven_model::{ApiError, Host, Ref, codes};

use crate::orders::{OrderError, Refusal};

/// The API error of an order to `host` that failed.
#[must_use]
pub fn order(host: Ref<Host>, error: OrderError) -> ApiError {
    match error {
        OrderError::UnknownHost(_) | OrderError::Unreachable { .. } => {
            ApiError::with(codes::HOST_OFFLINE, &[&host])
        }
        OrderError::NotCoordinator => ApiError::internal(
            "this host is no longer the coordinator; log in again to reach the present one",
        ),
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

/// Numbered codes of the storage drivers; the catalogue has the one without a number.
const NUMBERED: &[&str] = &[
    driver::INVALID_ARGUMENT,
    driver::BAD_CHARACTER,
    driver::IN_USE,
    driver::SCAN_FAILED,
    driver::SR_EXISTS,
    driver::VDI_EXISTS,
    driver::VDI_UNAVAILABLE,
    driver::SR_UNAVAILABLE,
    driver::VDI_REMOVE,
    driver::MOUNT_FAILED,
    driver::UNMOUNT_FAILED,
    driver::VDI_CREATE,
    driver::VDI_SIZE,
    driver::VDI_SNAPSHOT,
    driver::VDI_CLONE,
    driver::LOCATION_MISSING,
    driver::SERVERPATH_MISSING,
    driver::SERVER_MISSING,
];

/// The API error of a failed storage call.
fn storage(code: &str, text: &str) -> ApiError {
    if code.starts_with(codes::SR_BACKEND_FAILURE) {
        let numbered = NUMBERED.iter().copied().find(|known| *known == code);
        let code = numbered.unwrap_or(codes::SR_BACKEND_FAILURE);
        return ApiError::with(code, &[&"", &text, &""]);
    }
    ApiError::from_wire(code, vec![text.to_owned()])
}

#[cfg(test)]
mod tests {
    use haven_drivers::storage::StorageError;

    use super::*;

    #[test]
    fn storage_errors_keep_their_code_and_say_why() {
        let error = StorageError {
            code: "SR_BACKEND_FAILURE_73".to_owned(),
            text: "the server does not answer".to_owned(),
        };
        let error = order(Ref::from_u128(1), OrderError::Storage(error));
        assert_eq!(error.code, "SR_BACKEND_FAILURE_73");
        assert_eq!(error.params, ["", "the server does not answer", ""]);
    }
}
