//! Messages about what Haven does not have, where XenAPI has an answer for that of its own:
//! truthful and at once.

use std::sync::Arc;

use haven_model::{ApiError, DomainType, Host, Pif, Ref, Value, Vdi, Vm, codes};

use crate::dispatch::Call;

/// `host.call_extension(host, call)`: an extension that is not there is no message.
pub async fn extension(call: Arc<Call>) -> Result<Value, ApiError> {
    let (host, name): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(host).map(|_| ())).await?;
    Err(ApiError::with(codes::MESSAGE_METHOD_UNKNOWN, &[&name]))
}

/// `VDI.enable_cbt`, `disable_cbt`, `data_destroy`, `list_changed_blocks`: no repository tracks
/// changed blocks.
pub async fn changed_blocks(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    let sr = call.read(|db| Ok(db.require(vdi)?.sr)).await?;
    Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr]))
}

/// `VDI.get_nbd_info(vdi)`: disks are not offered over NBD, so there is nowhere to go.
pub async fn nbd(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    call.read(|db| db.require(vdi).map(|_| Value::Set(Vec::new()))).await
}

/// `pool.certificate_list()`, `pool.crl_list()`: the pool trusts nobody else's.
pub async fn none(_call: Arc<Call>) -> Result<Value, ApiError> {
    std::future::ready(Ok(Value::Set(Vec::new()))).await
}

/// `PIF.reconfigure_ip`, `PIF.reconfigure_ipv6`, `PIF.set_primary_address_type`,
/// `pool.management_reconfigure`: Haven never changes the addresses of a host.
pub async fn address(call: Arc<Call>) -> Result<Value, ApiError> {
    if call.method.starts_with("PIF.") {
        let pif: Ref<Pif> = call.arg(0)?;
        call.read(|db| db.require(pif).map(|_| ())).await?;
    }
    Err(ApiError::not_allowed(
        "the addresses of a host are the host's own: change them in its network configuration",
    ))
}

/// `VM.set_domain_type(vm, type)`: machines are fully virtualised.
pub async fn domain_type(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, kind): (Ref<Vm>, DomainType) = (call.arg(0)?, call.arg(1)?);
    if !matches!(kind, DomainType::Hvm | DomainType::Unspecified) {
        return Err(ApiError::not_allowed("machines are fully virtualised: the type is hvm"));
    }
    call.write(move |tx| tx.update(vm, |row: &mut Vm| row.domain_type = kind)).await?;
    Ok(Value::void())
}

/// `host.apply_edition`, `pool.apply_edition`: there is one, and it is free.
pub async fn edition(call: Arc<Call>) -> Result<Value, ApiError> {
    let edition: String = call.arg(1)?;
    if edition == "free" {
        return Ok(Value::void());
    }
    Err(ApiError::with(codes::INVALID_EDITION, &[&edition]))
}

/// `host.set_ssl_legacy(host, value)`: old TLS is never spoken.
pub async fn legacy(call: Arc<Call>) -> Result<Value, ApiError> {
    let (host, on): (Ref<Host>, bool) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(host).map(|_| ())).await?;
    if on {
        return Err(ApiError::not_allowed("TLS older than 1.2 is never spoken"));
    }
    Ok(Value::void())
}

/// `pool.disable_ssl_legacy`, `pool.enable_tls_verification`: so it is, always.
pub async fn already(_call: Arc<Call>) -> Result<Value, ApiError> {
    std::future::ready(Ok(Value::void())).await
}
