//! Statistics of all domains in one call, which the `virt` crate wraps but never frees.
#![expect(unsafe_code, reason = "raw libvirt calls that the virt crate wraps with a leak")]

use std::ffi::{CString, c_int};

use uuid::Uuid;
use virt::connect::Connect;
use virt::error::Error;
use virt::sys;

use crate::hypervisor::{DomainStats, NicStats};

/// Virtual processors, disks, and interfaces of a domain that are looked at.
const DEVICES_MAX: u32 = 512;
/// What is asked for. None of it waits for the guest, nor for its storage: of disks libvirt would also
/// ask how big their files are, and QEMU stops the whole guest until a stalled storage answers that.
/// `stats::all` asks for the counters alone.
const KINDS: sys::virDomainStatsTypes = sys::VIR_DOMAIN_STATS_CPU_TOTAL
    | sys::VIR_DOMAIN_STATS_BALLOON
    | sys::VIR_DOMAIN_STATS_VCPU
    | sys::VIR_DOMAIN_STATS_INTERFACE;

/// The parameters of one record; only while the record lives.
struct Params {
    list: sys::virTypedParameterPtr,
    count: c_int,
}

impl Params {
    fn number(&self, name: &str) -> Option<u64> {
        let name = CString::new(name).ok()?;
        let mut value = 0;
        // SAFETY: the list has `count` valid parameters; a missing name leaves `value` alone.
        let found = unsafe {
            sys::virTypedParamsGetULLong(self.list, self.count, name.as_ptr(), &raw mut value)
        };
        (found == 1).then_some(value)
    }

    fn count(&self, name: &str) -> u32 {
        let Ok(name) = CString::new(name) else { return 0 };
        let mut value = 0;
        // SAFETY: as in `number`.
        unsafe { sys::virTypedParamsGetUInt(self.list, self.count, name.as_ptr(), &raw mut value) };
        value.min(DEVICES_MAX)
    }

    fn stats(&self, uuid: Uuid) -> DomainStats {
        let number = |name: String| self.number(&name).unwrap_or(0);
        let kib = |name: &str| self.number(name).map(|kib| kib << 10);
        DomainStats {
            uuid,
            cpu_time_ns: number("cpu.time".to_owned()),
            vcpu_time_ns: (0..self.count("vcpu.current"))
                .map(|vcpu| number(format!("vcpu.{vcpu}.time")))
                .collect(),
            memory_bytes: kib("balloon.current").unwrap_or(0),
            memory_unused_bytes: kib("balloon.usable").or_else(|| kib("balloon.unused")),
            disks: Vec::new(),
            nics: (0..self.count("net.count"))
                .map(|nic| NicStats {
                    rx_bytes: number(format!("net.{nic}.rx.bytes")),
                    tx_bytes: number(format!("net.{nic}.tx.bytes")),
                })
                .collect(),
        }
    }
}

/// Statistics of all active domains without their disks; of one that is busy only what is known without waiting.
pub(crate) fn all_stats(connection: &Connect) -> Result<Vec<DomainStats>, Error> {
    let flags = sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
        | sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
    let mut list: *mut sys::virDomainStatsRecordPtr = std::ptr::null_mut();
    // SAFETY: the connection is open, `list` lives through the call.
    let count = unsafe {
        sys::virConnectGetAllDomainStats(connection.as_ptr(), KINDS, &raw mut list, flags)
    };
    let Ok(count) = usize::try_from(count) else { return Err(Error::last_error()) };
    let mut all = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: the list has `count` pointers to records that live until it is freed below.
        let record = unsafe { &**list.add(index) };
        let mut bytes = [0_u8; 16];
        // SAFETY: the record's domain is valid, and a uuid has 16 bytes.
        let known = unsafe { sys::virDomainGetUUID(record.dom, bytes.as_mut_ptr()) };
        if known == 0 {
            let params = Params { list: record.params, count: record.nparams };
            all.push(params.stats(Uuid::from_bytes(bytes)));
        }
    }
    // SAFETY: made by libvirt and freed once, with its records.
    unsafe { sys::virDomainStatsRecordListFree(list) };
    Ok(all)
}
