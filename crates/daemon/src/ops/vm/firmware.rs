//! What the firmware of a VM is like.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_drivers::firmware::FIRMWARE;
use haven_model::{ApiError, Field, Host, Ref, Value, Vm, VmSecurebootReadiness, codes};
use haven_pooldb::{Image, Tx};

use crate::dispatch::Call;

/// Longest string.
const BYTES_MAX: usize = 512;

fn is_known(key: &str) -> bool {
    FIRMWARE.iter().any(|string| string.key == key)
}

fn is_good(text: &str) -> bool {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    !text.is_empty() && text.len() <= BYTES_MAX && plain && text.trim() == text
}

fn check(strings: &BTreeMap<String, String>) -> Result<(), ApiError> {
    for (key, text) in strings {
        let invalid = |why: &str| ApiError::with(codes::INVALID_VALUE, &[key, &why]);
        if !is_known(key) {
            let known: Vec<&str> = FIRMWARE.iter().map(|string| string.key).collect();
            return Err(invalid(&format!("known are: {}", known.join(", "))));
        }
        if !is_good(text) {
            return Err(invalid("1 to 512 printable ASCII characters, no blanks at either end"));
        }
    }
    Ok(())
}

/// Refuses strings that no guest of this pool could be given: Xen's firmware says what Xen says.
///
/// # Errors
/// One of them, or a host of the pool runs Xen.
pub(crate) fn check_for(db: &Image, strings: &BTreeMap<String, String>) -> Result<(), ApiError> {
    check(strings)?;
    if strings.is_empty() {
        return Ok(());
    }
    let is_xen = |row: &Host| row.capabilities.iter().any(|kind| kind == "xen");
    if db.iter::<Host>().any(|(_, row)| is_xen(row)) {
        let text =
            "the firmware of guests on Xen says what Xen says: strings of one's own need KVM";
        return Err(ApiError::not_allowed(text));
    }
    Ok(())
}

fn set(tx: &mut Tx<'_>, vm: Ref<Vm>, strings: BTreeMap<String, String>) -> Result<(), ApiError> {
    if !tx.require(vm)?.bios_strings.is_empty() {
        return Err(ApiError::new(codes::VM_BIOS_STRINGS_ALREADY_SET, Vec::new()));
    }
    check_for(tx, &strings)?;
    tx.update(vm, |row: &mut Vm| row.bios_strings = strings)
}

/// `VM.set_bios_strings(vm, strings)`: once; the guest sees them from its next start on.
pub async fn set_strings(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, strings): (Ref<Vm>, BTreeMap<String, String>) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| set(tx, vm, strings)).await?;
    Ok(Value::void())
}

/// `VM.copy_bios_strings(vm, host)`: so that software bound to a maker's hosts runs in the guest.
pub async fn copy_strings(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, host): (Ref<Vm>, Ref<Host>) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        let mut strings = tx.require(host)?.bios_strings.clone();
        // A maker may have written anything.
        strings.retain(|key, text| is_known(key) && is_good(text));
        if strings.is_empty() {
            let text = "the firmware of that host says nothing of itself that could be copied";
            return Err(ApiError::not_allowed(text));
        }
        set(tx, vm, strings)
    })
    .await?;
    Ok(Value::void())
}

/// `VM.set_HVM_shadow_multiplier(vm, value)`, `VM.set_shadow_multiplier_live(vm, value)`: kept, and of no
/// effect: processors keep the guests' page tables themselves, as on every XenServer of today.
pub async fn set_shadow_multiplier(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, value): (Ref<Vm>, f64) = (call.arg(0)?, call.arg(1)?);
    if !value.is_finite() || value < 1.0 {
        let name = "HVM_shadow_multiplier";
        return Err(ApiError::with(codes::INVALID_VALUE, &[&name, &format!("{value}: from 1 on")]));
    }
    call.write(move |tx| tx.update(vm, |row: &mut Vm| row.hvm_shadow_multiplier = value)).await?;
    Ok(Value::void())
}

/// `VM.get_secureboot_readiness(vm)`: guests boot with a BIOS, which knows no signatures.
pub async fn secureboot(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| db.require(vm).map(|_| VmSecurebootReadiness::NotSupported.to_value())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_strings_that_can_be_read_are_taken() {
        let one = |key: &str, text: &str| BTreeMap::from([(key.to_owned(), text.to_owned())]);
        assert!(check(&one("system-manufacturer", "Somebody & Co")).is_ok());
        let long = "x".repeat(BYTES_MAX + 1);
        let bad = [
            ("system-colour", "red"),
            ("bios-vendor", ""),
            ("bios-vendor", " x"),
            ("bios-vendor", "\u{e9}"),
        ];
        for (key, text) in bad.into_iter().chain([("bios-vendor", long.as_str())]) {
            assert_eq!(
                check(&one(key, text)).unwrap_err().code,
                codes::INVALID_VALUE,
                "{key} {text}"
            );
        }
    }
}
