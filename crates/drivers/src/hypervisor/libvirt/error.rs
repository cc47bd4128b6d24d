//! libvirt's errors as the driver's.

use uuid::Uuid;
use virt::error::{Error, ErrorDomain, ErrorNumber};

use crate::hypervisor::HypervisorError;

/// Translates an error of `call`; `vm` is the domain it was about.
pub(crate) fn translate(call: &str, vm: Uuid, error: &Error) -> HypervisorError {
    classify(call, vm, error.code(), error.domain(), error.message())
}

fn classify(
    call: &str,
    vm: Uuid,
    code: ErrorNumber,
    domain: ErrorDomain,
    message: &str,
) -> HypervisorError {
    let text = message.to_owned();
    match code {
        ErrorNumber::NoDomain => HypervisorError::NotRunning(vm),
        ErrorNumber::DomExist => HypervisorError::AlreadyRunning(vm),
        ErrorNumber::OperationAborted => HypervisorError::Cancelled,
        ErrorNumber::NoMemory => HypervisorError::NoMemory(text),
        ErrorNumber::InvalidConn | ErrorNumber::NoConnect | ErrorNumber::Rpc => {
            HypervisorError::Disconnected(text)
        }
        // The client side of the connection broke: libvirt has no code of its own for that.
        _ if connection_broke(domain, message) => HypervisorError::Disconnected(text),
        ErrorNumber::OperationInvalid if message.contains("domain is not running") => {
            HypervisorError::NotRunning(vm)
        }
        ErrorNumber::OperationFailed | ErrorNumber::OperationInvalid
            if message.contains("already active") || message.contains("already exists") =>
        {
            HypervisorError::AlreadyRunning(vm)
        }
        _ if out_of_memory(message) => HypervisorError::NoMemory(text),
        _ => HypervisorError::Failed { call: call.to_owned(), text },
    }
}

fn connection_broke(domain: ErrorDomain, message: &str) -> bool {
    let phrases = ["client socket is closed", "End of file while reading data", "keepalive"];
    let failed_to_connect = message.contains("Failed to connect socket")
        || message.contains("Cannot recv data")
        || message.contains("Cannot write data");
    matches!(domain, ErrorDomain::Rpc | ErrorDomain::Remote)
        && (failed_to_connect || phrases.iter().any(|p| message.contains(p)))
        || message.contains("client socket is closed")
}

fn out_of_memory(message: &str) -> bool {
    message.contains("Cannot allocate memory")
        || message.contains("cannot set up guest memory")
        || message.contains("unable to map backing store for guest RAM")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: ErrorNumber, domain: ErrorDomain, text: &str) -> HypervisorError {
        classify("call", Uuid::nil(), code, domain, text)
    }

    #[test]
    fn a_broken_connection_is_told_from_a_failed_call() {
        let text = "internal error: client socket is closed";
        let got = of(ErrorNumber::InternalError, ErrorDomain::Rpc, text);
        assert!(matches!(got, HypervisorError::Disconnected(_)));
        let text = "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file";
        let got = of(ErrorNumber::SystemError, ErrorDomain::Rpc, text);
        assert!(matches!(got, HypervisorError::Disconnected(_)));
        let got = of(ErrorNumber::InternalError, ErrorDomain::Qemu, "process exited");
        assert!(matches!(got, HypervisorError::Failed { .. }));
    }

    #[test]
    fn a_second_start_and_a_missing_domain_have_their_own_errors() {
        let text = "operation failed: domain 'x' already exists with uuid y";
        let got = of(ErrorNumber::OperationFailed, ErrorDomain::Qemu, text);
        assert_eq!(got, HypervisorError::AlreadyRunning(Uuid::nil()));
        let got = of(ErrorNumber::NoDomain, ErrorDomain::Qemu, "Domain not found");
        assert_eq!(got, HypervisorError::NotRunning(Uuid::nil()));
        let text = "Requested operation is not valid: domain is not running";
        let got = of(ErrorNumber::OperationInvalid, ErrorDomain::Qemu, text);
        assert_eq!(got, HypervisorError::NotRunning(Uuid::nil()));
    }
}
