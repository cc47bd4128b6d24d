//! What the safe `virt` crate lacks: owned connections, event subscription, the close callback,
//! job statistics, abort and save. The only unsafe code of the libvirt driver.
//!
//! `virt` 0.4.3 never closes a dropped connection, and its `get_job_stats` builds a `Vec` from a
//! null pointer when no job runs; both are replaced here.
#![expect(unsafe_code, reason = "raw libvirt calls that the virt crate does not wrap")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

/// Longest wait of the event thread before it tries again after an error of the event loop.
const EVENT_LOOP_RETRY_MS: u64 = 100;

/// Starts libvirt's event loop, once per process and before the first connection; keepalive
/// needs it.
pub(crate) fn start_event_loop() -> Result<(), String> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED
        .get_or_init(|| {
            virt::error::clear_error_callback();
            virt::event::event_register_default_impl().map_err(|e| e.to_string())?;
            std::thread::Builder::new()
                .name("libvirt-events".into())
                .spawn(|| {
                    loop {
                        if virt::event::event_run_default_impl().is_err() {
                            std::thread::sleep(Duration::from_millis(EVENT_LOOP_RETRY_MS));
                        }
                    }
                })
                .map(|_| ())
                .map_err(|e| e.to_string())
        })
        .clone()
}

/// An open connection; closed when dropped. Closing may block on a dead daemon: only worker
/// threads drop one.
#[derive(Debug)]
pub(crate) struct Connection {
    inner: Connect,
}

impl Connection {
    /// Opens a connection.
    pub(crate) fn open(uri: &str) -> Result<Self, Error> {
        Ok(Self { inner: Connect::open(Some(uri))? })
    }

    /// The connection as the `virt` crate knows it.
    pub(crate) fn get(&self) -> &Connect {
        &self.inner
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // An error means that it was closed by the other end: nothing is left to do.
        let _ = self.inner.close();
    }
}

/// What a subscription reports. Called on libvirt's event thread: must not block and must not
/// call libvirt.
pub(crate) trait EventSink: Send + Sync {
    /// A domain changed: libvirt's event and detail numbers.
    fn lifecycle(&self, vm: Uuid, event: i32, detail: i32);
    /// A job of a domain ended.
    fn job_completed(&self, vm: Uuid, stats: JobStats);
    /// The guest booted anew within its process.
    fn rebooted(&self, vm: Uuid);
    /// The guest's watchdog fired (libvirt's action number).
    fn watchdog(&self, vm: Uuid, action: i32);
    /// The connection was closed by the other end or by keepalive.
    fn closed(&self, reason: i32);
}

type SharedSink = Arc<dyn EventSink>;

/// Subscribes `sink` to all domains of the connection. Ends when the connection is closed.
pub(crate) fn subscribe(connection: &Connection, sink: &SharedSink) -> Result<(), Error> {
    let callbacks: [(u32, sys::virConnectDomainEventGenericCallback); 4] = [
        (sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE, Some(erase_lifecycle())),
        (sys::VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, Some(erase_job())),
        (sys::VIR_DOMAIN_EVENT_ID_WATCHDOG, Some(erase_watchdog())),
        // Its callback is the generic one.
        (sys::VIR_DOMAIN_EVENT_ID_REBOOT, Some(on_reboot)),
    ];
    for (index, (event, callback)) in callbacks.into_iter().enumerate() {
        let opaque = opaque_sink(sink);
        // SAFETY: the connection is open; the callback has the signature that libvirt documents
        // for this event; libvirt owns `opaque` and gives it to `free_sink` once.
        let id = unsafe {
            sys::virConnectDomainEventRegisterAny(
                connection.get().as_ptr(),
                std::ptr::null_mut(),
                event as c_int,
                callback,
                opaque,
                Some(free_sink),
            )
        };
        if id < 0 {
            // SAFETY: registration failed, so libvirt did not take `opaque`.
            unsafe { free_sink(opaque) };
            // Lifecycle events are indispensable; a mock or Xen driver may lack the others.
            if index == 0 {
                return Err(Error::last_error());
            }
        }
    }
    let opaque = opaque_sink(sink);
    // SAFETY: as above, with the signature of virConnectCloseFunc.
    let done = unsafe {
        sys::virConnectRegisterCloseCallback(
            connection.get().as_ptr(),
            Some(on_close),
            opaque,
            Some(free_sink),
        )
    };
    if done < 0 {
        // SAFETY: registration failed, so libvirt did not take `opaque`.
        unsafe { free_sink(opaque) };
    }
    Ok(())
}

fn opaque_sink(sink: &SharedSink) -> *mut c_void {
    Box::into_raw(Box::new(Arc::clone(sink))).cast()
}

type Generic = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);

fn erase_lifecycle() -> Generic {
    let typed: unsafe extern "C" fn(
        sys::virConnectPtr,
        sys::virDomainPtr,
        c_int,
        c_int,
        *mut c_void,
    ) -> c_int = on_lifecycle;
    // SAFETY: libvirt casts it back to this type for VIR_DOMAIN_EVENT_ID_LIFECYCLE.
    unsafe { std::mem::transmute(typed) }
}

fn erase_job() -> Generic {
    let typed: unsafe extern "C" fn(
        sys::virConnectPtr,
        sys::virDomainPtr,
        sys::virTypedParameterPtr,
        c_int,
        *mut c_void,
    ) = on_job;
    // SAFETY: libvirt casts it back to this type for VIR_DOMAIN_EVENT_ID_JOB_COMPLETED.
    unsafe { std::mem::transmute(typed) }
}

fn erase_watchdog() -> Generic {
    let typed: unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, *mut c_void) =
        on_watchdog;
    // SAFETY: libvirt casts it back to this type for VIR_DOMAIN_EVENT_ID_WATCHDOG.
    unsafe { std::mem::transmute(typed) }
}

/// # Safety
/// `opaque` comes from [`opaque_sink`] and was not freed.
unsafe fn sink_of<'a>(opaque: *mut c_void) -> &'a SharedSink {
    // SAFETY: promised by the caller; libvirt frees it only after the last callback.
    unsafe { &*opaque.cast::<SharedSink>() }
}

/// # Safety
/// `domain` is valid during a callback.
unsafe fn uuid_of(domain: sys::virDomainPtr) -> Uuid {
    let mut bytes = [0u8; 16];
    // SAFETY: the buffer has VIR_UUID_BUFLEN bytes; this is not a remote call.
    let done = unsafe { sys::virDomainGetUUID(domain, bytes.as_mut_ptr()) };
    if done == 0 { Uuid::from_bytes(bytes) } else { Uuid::nil() }
}

unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: called by libvirt with what `subscribe` registered.
    unsafe { sink_of(opaque).lifecycle(uuid_of(domain), event, detail) };
    0
}

unsafe extern "C" fn on_job(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    params: sys::virTypedParameterPtr,
    count: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: called by libvirt with what `subscribe` registered; it owns `params`.
    unsafe { sink_of(opaque).job_completed(uuid_of(domain), read_stats(params, count)) };
}

unsafe extern "C" fn on_watchdog(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    action: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: called by libvirt with what `subscribe` registered.
    unsafe { sink_of(opaque).watchdog(uuid_of(domain), action) };
}

unsafe extern "C" fn on_reboot(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    opaque: *mut c_void,
) {
    // SAFETY: called by libvirt with what `subscribe` registered.
    unsafe { sink_of(opaque).rebooted(uuid_of(domain)) };
}

unsafe extern "C" fn on_close(_: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    // SAFETY: called by libvirt with what `subscribe` registered.
    unsafe { sink_of(opaque).closed(reason) };
}

unsafe extern "C" fn free_sink(opaque: *mut c_void) {
    // SAFETY: `opaque` came from Box::into_raw in `opaque_sink` and is freed once.
    drop(unsafe { Box::from_raw(opaque.cast::<SharedSink>()) });
}

/// Statistics of a job, 0 where libvirt gave none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobStats {
    /// A job runs or ran.
    pub(crate) active: bool,
    /// libvirt's number of the operation.
    pub(crate) operation: i32,
    /// Milliseconds since its start.
    pub(crate) elapsed_ms: u64,
    /// Pause of the guest in milliseconds; of a job that runs, the one that is expected.
    pub(crate) downtime_ms: u64,
    /// Bytes sent.
    pub(crate) processed: u64,
    /// Bytes left.
    pub(crate) remaining: u64,
    /// Passes over memory.
    pub(crate) iteration: u64,
    /// Memory that is sent, in bytes a second.
    pub(crate) bytes_s: u64,
    /// Pages that the guest changes, a second.
    pub(crate) dirty_pages_s: u64,
    /// Their size.
    pub(crate) page_bytes: u64,
    /// How much the guest is slowed down.
    pub(crate) throttle_percent: u64,
}

impl JobStats {
    /// It is a migration into this host.
    pub(crate) fn incoming(&self) -> bool {
        self.active && self.operation == sys::VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN as i32
    }

    /// It is a migration away from this host.
    pub(crate) fn outgoing(&self) -> bool {
        self.active && self.operation == sys::VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT as i32
    }
}

/// # Safety
/// `params` points to `count` valid parameters, or is null with `count` 0.
unsafe fn read_stats(params: sys::virTypedParameterPtr, count: c_int) -> JobStats {
    let number = |name: &CStr| {
        let mut value = 0;
        // SAFETY: promised by the caller; a missing name leaves `value` alone.
        unsafe { sys::virTypedParamsGetULLong(params, count, name.as_ptr(), &raw mut value) };
        value
    };
    let signed = |name: &CStr| {
        let mut value: c_int = 0;
        // SAFETY: as above.
        unsafe { sys::virTypedParamsGetInt(params, count, name.as_ptr(), &raw mut value) };
        value
    };
    let throttle = signed(sys::VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE);
    JobStats {
        active: count > 0,
        operation: signed(sys::VIR_DOMAIN_JOB_OPERATION),
        elapsed_ms: number(sys::VIR_DOMAIN_JOB_TIME_ELAPSED),
        downtime_ms: number(sys::VIR_DOMAIN_JOB_DOWNTIME),
        processed: number(sys::VIR_DOMAIN_JOB_DATA_PROCESSED),
        remaining: number(sys::VIR_DOMAIN_JOB_DATA_REMAINING),
        iteration: number(sys::VIR_DOMAIN_JOB_MEMORY_ITERATION),
        bytes_s: number(sys::VIR_DOMAIN_JOB_MEMORY_BPS),
        dirty_pages_s: number(sys::VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE),
        page_bytes: number(sys::VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE),
        throttle_percent: u64::try_from(throttle).unwrap_or(0),
    }
}

/// Statistics of the running job of a domain.
pub(crate) fn job_stats(domain: &Domain) -> Result<JobStats, Error> {
    let mut kind: c_int = 0;
    let mut params: sys::virTypedParameterPtr = std::ptr::null_mut();
    let mut count: c_int = 0;
    // SAFETY: the domain is valid, the out pointers live through the call.
    let done = unsafe {
        sys::virDomainGetJobStats(
            domain.as_ptr(),
            &raw mut kind,
            &raw mut params,
            &raw mut count,
            0,
        )
    };
    if done < 0 {
        return Err(Error::last_error());
    }
    // SAFETY: filled by libvirt; freed once, by the function meant for it.
    let stats = unsafe {
        let stats = read_stats(params, count);
        sys::virTypedParamsFree(params, count);
        stats
    };
    Ok(JobStats { active: kind != sys::VIR_DOMAIN_JOB_NONE as c_int, ..stats })
}

/// Aborts the running job of a domain.
pub(crate) fn abort_job(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid.
    check(unsafe { sys::virDomainAbortJob(domain.as_ptr()) })
}

/// Saves memory to a file and ends the domain.
pub(crate) fn save(domain: &Domain, path: &str) -> Result<(), Error> {
    let path = CString::new(path).unwrap_or_default();
    // SAFETY: the domain is valid, the path is a C string that lives through the call.
    check(unsafe {
        sys::virDomainSaveFlags(domain.as_ptr(), path.as_ptr(), std::ptr::null::<c_char>(), 0)
    })
}

/// Raises a non-maskable interrupt in the guest.
pub(crate) fn inject_nmi(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid.
    check(unsafe { sys::virDomainInjectNMI(domain.as_ptr(), 0) })
}

fn check(result: c_int) -> Result<(), Error> {
    if result < 0 { Err(Error::last_error()) } else { Ok(()) }
}
