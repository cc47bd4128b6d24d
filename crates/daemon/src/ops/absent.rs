//! Messages about what Haven does not have, where XenAPI has an answer for that of its own:
//! truthful and at once.

use std::sync::Arc;

use haven_model::{
    ApiError, DomainType, Field, Host, OnBoot, Pif, Pool, PoolGuestSecurebootReadiness, Ref, Sr,
    Value, Vdi, Vm, codes,
};

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

/// `pool.detect_nonhomogeneous_external_auth`, `pool.disable_external_auth`, `host.disable_external_auth`,
/// `pool.deconfigure_wlb`, `pool.certificate_sync`, `pool.disable_local_storage_caching`,
/// `host.disable_local_storage_caching`, `host.license_remove`: there is nothing of it.
pub async fn nothing_there(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    Ok(Value::void())
}

/// The pool or host that is the first parameter, if there is one, exists.
async fn known_object(call: &Call) -> Result<(), ApiError> {
    let Some(Value::Ref(id)) = call.args.first().cloned() else { return Ok(()) };
    let of_host = call.method.starts_with("host.");
    call.read(|db| match of_host {
        true => db.require(Ref::<Host>::from_id(id)).map(drop),
        false => db.require(Ref::<Pool>::from_id(id)).map(drop),
    })
    .await
}

/// `pool.enable_external_auth(pool, config, service, type)`, `host.enable_external_auth(…)`: users are
/// the pool's own, or PAM's where a site sets that up.
pub async fn external_auth(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    Err(ApiError::with(codes::AUTH_UNKNOWN_TYPE, &[&call.arg::<String>(3)?]))
}

/// `pool.external_auth_set_ldaps`, `host.external_auth_set_ldaps`: no directory is set up.
pub async fn no_external_auth(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    Err(ApiError::new(codes::AUTH_IS_DISABLED, Vec::new()))
}

/// `pool.set_https_only`, `host.set_https_only`: calls are never answered without TLS.
pub async fn https_only(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    if call.arg(1)? {
        return Ok(Value::void());
    }
    Err(ApiError::not_allowed("calls are never answered without TLS"))
}

/// `pool.set_igmp_snooping_enabled(pool, value)`: bridges forward as the kernel does by itself.
pub async fn igmp(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    if call.arg(1)? {
        return Err(ApiError::not_allowed("Haven does not set how bridges treat multicast"));
    }
    Ok(Value::void())
}

/// `host.enable_local_storage_caching(host, sr)`: no repository can.
pub async fn local_caching(call: Arc<Call>) -> Result<Value, ApiError> {
    let (host, sr): (Ref<Host>, Ref<Sr>) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        db.require(host)?;
        db.require(sr).map(drop)
    })
    .await?;
    Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr]))
}

/// `pool.certificate_uninstall(name)`, `pool.uninstall_ca_certificate(name)`: there is none of any name.
pub async fn no_certificate(call: Arc<Call>) -> Result<Value, ApiError> {
    Err(ApiError::with(codes::CERTIFICATE_DOES_NOT_EXIST, &[&call.arg::<String>(0)?]))
}

/// `pool.crl_uninstall(name)`: there is none of any name.
pub async fn no_crl(call: Arc<Call>) -> Result<Value, ApiError> {
    Err(ApiError::with(codes::CRL_DOES_NOT_EXIST, &[&call.arg::<String>(0)?]))
}

/// `host.license_add(host, contents)`: there are none.
pub async fn license(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    Err(ApiError::new(codes::LICENSE_FILE_DEPRECATED, Vec::new()))
}

/// `pool.get_guest_secureboot_readiness(pool)`: guests boot with a BIOS.
pub async fn guest_secureboot(call: Arc<Call>) -> Result<Value, ApiError> {
    known_object(&call).await?;
    Ok(PoolGuestSecurebootReadiness::NotReady.to_value())
}

/// `VDI.set_on_boot(vdi, value)`: what a guest writes stays.
pub async fn on_boot(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vdi, value): (Ref<Vdi>, OnBoot) = (call.arg(0)?, call.arg(1)?);
    let sr = call.read(|db| Ok(db.require(vdi)?.sr)).await?;
    if value != OnBoot::Persist {
        return Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr]));
    }
    Ok(Value::void())
}
