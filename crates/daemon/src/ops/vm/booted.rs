//! What a VM was started with: `VM.last_booted_record`. What its row says differently since takes
//! effect when it is started the next time, and people are told so.
//!
//! Owns: which settings a domain takes from its row at the start only. Devices, limits of
//! interfaces and the balloon follow their rows at once, and are not of these.

use haven_model::{ApiError, Vm, codes};
use serde_json::{Map, Value as Json, json};

/// Keys of `VM.platform` that a domain takes: cores of a processor, and the action of its watchdog.
pub const CORES_KEY: &str = "cores-per-socket";
const WATCHDOG_KEY: &str = "watchdog";

/// The settings that a VM starts with, by the names of their fields, as JSON.
#[must_use]
pub fn record(row: &Vm) -> String {
    let platform: Map<String, Json> = [CORES_KEY, WATCHDOG_KEY]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), json!(row.platform.get(key)?))))
        .collect();
    json!({
        "VCPUs_at_startup": row.vcpus_at_startup,
        "VCPUs_max": row.vcpus_max,
        "memory_static_max": row.memory_static_max,
        "HVM_boot_params": row.hvm_boot_params,
        "PV_kernel": row.pv_kernel,
        "PV_ramdisk": row.pv_ramdisk,
        "PV_args": row.pv_args,
        "actions_after_crash": row.actions_after_crash.as_str(),
        "platform": platform,
    })
    .to_string()
}

/// The record of a VM whose virtual CPUs were changed while it runs.
#[must_use]
pub fn with_vcpus(row: &Vm) -> String {
    let mut record = serde_json::from_str(&row.last_booted_record).unwrap_or(Json::Null);
    let Some(known) = record.as_object_mut() else { return row.last_booted_record.clone() };
    known.insert("VCPUs_at_startup".to_owned(), json!(row.vcpus_at_startup));
    record.to_string()
}

/// `platform:cores-per-socket`, if it is set.
///
/// # Errors
/// `INVALID_VALUE` for what is no number of cores, `VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE`.
pub fn cores_per_socket(row: &Vm) -> Result<Option<u32>, ApiError> {
    let Some(text) = row.platform.get(CORES_KEY) else { return Ok(None) };
    let wrong = || ApiError::with(codes::INVALID_VALUE, &[&CORES_KEY, text]);
    let cores: u32 = text.parse().ok().filter(|cores| *cores > 0).ok_or_else(wrong)?;
    if row.vcpus_max % i64::from(cores) != 0 {
        let code = codes::VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE;
        return Err(ApiError::with(code, &[&row.vcpus_max, &cores]));
    }
    Ok(Some(cores))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(vcpus: i64, cores: &str) -> Vm {
        let platform = [(CORES_KEY.to_owned(), cores.to_owned())].into();
        Vm { vcpus_at_startup: vcpus, vcpus_max: vcpus, platform, ..Vm::default() }
    }

    #[test]
    fn cores_divide_the_processors() {
        assert_eq!(cores_per_socket(&vm(4, "2")).unwrap(), Some(2));
        assert_eq!(cores_per_socket(&Vm::default()).unwrap(), None);
        let code = |vm: &Vm| cores_per_socket(vm).unwrap_err().code;
        assert_eq!(code(&vm(4, "3")), codes::VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE);
        assert_eq!(code(&vm(4, "0")), codes::INVALID_VALUE);
        assert_eq!(code(&vm(4, "two")), codes::INVALID_VALUE);
    }

    #[test]
    fn what_runs_is_told_from_what_its_row_says_now() {
        let mut row = vm(2, "2");
        row.platform.insert("viridian".to_owned(), "true".to_owned());
        row.last_booted_record = record(&row);
        let told: Json = serde_json::from_str(&row.last_booted_record).unwrap();
        assert_eq!(told["platform"], json!({ CORES_KEY: "2" }));
        row.vcpus_at_startup = 1;
        assert_ne!(record(&row), row.last_booted_record, "a change shows");
        row.last_booted_record = with_vcpus(&row);
        assert_eq!(record(&row), row.last_booted_record, "one that it has already does not");
        row.last_booted_record = String::new();
        assert_eq!(with_vcpus(&row), "");
    }
}
