//! Copies of disks under running guests, which the `virt` crate does not wrap.
#![expect(unsafe_code, reason = "raw libvirt calls that the virt crate does not wrap")]

use std::ffi::{CString, c_int};

use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

/// How far a block job is, in bytes: done, and in all.
pub(crate) type Progress = (u64, u64);

/// Begins to copy a disk to the file that `destination` describes and that exists.
pub(crate) fn copy(
    domain: &Domain,
    target: &str,
    destination: &str,
    bytes_s: u64,
) -> Result<(), Error> {
    let (target, destination) = (c_string(target), c_string(destination));
    let flags = sys::VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
        | sys::VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
        | sys::VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES;
    let mut params: sys::virTypedParameterPtr = std::ptr::null_mut();
    let (mut count, mut room): (c_int, c_int) = (0, 0);
    if bytes_s > 0 {
        // SAFETY: the list is empty, which libvirt fills; the name is a C string.
        let added = unsafe {
            sys::virTypedParamsAddULLong(
                &raw mut params,
                &raw mut count,
                &raw mut room,
                sys::VIR_DOMAIN_BLOCK_COPY_BANDWIDTH.as_ptr(),
                bytes_s,
            )
        };
        if added < 0 {
            return Err(Error::last_error());
        }
    }
    // SAFETY: the domain is valid, texts and parameters live through the call.
    let done = unsafe {
        sys::virDomainBlockCopy(
            domain.as_ptr(),
            target.as_ptr(),
            destination.as_ptr(),
            params,
            count,
            flags,
        )
    };
    let result = if done < 0 { Err(Error::last_error()) } else { Ok(()) };
    if !params.is_null() {
        // SAFETY: made by libvirt above; freed once, by the function meant for it.
        unsafe { sys::virTypedParamsFree(params, count) };
    }
    result
}

/// How far the block job of a disk is, if one runs.
pub(crate) fn progress(domain: &Domain, target: &str) -> Result<Option<Progress>, Error> {
    let target = c_string(target);
    let mut info = sys::virDomainBlockJobInfo { type_: 0, bandwidth: 0, cur: 0, end: 0 };
    // SAFETY: the domain is valid, the text and `info` live through the call.
    let found = unsafe {
        sys::virDomainGetBlockJobInfo(domain.as_ptr(), target.as_ptr(), &raw mut info, 0)
    };
    match found {
        ..=-1 => Err(Error::last_error()),
        0 => Ok(None),
        _ => Ok(Some((info.cur, info.end))),
    }
}

/// Ends the block job of a disk, and returns when it is over.
pub(crate) fn end(domain: &Domain, target: &str, pivot: bool) -> Result<(), Error> {
    let target = c_string(target);
    let flags = if pivot { sys::VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT } else { 0 };
    // SAFETY: the domain is valid, the text lives through the call.
    let done = unsafe { sys::virDomainBlockJobAbort(domain.as_ptr(), target.as_ptr(), flags) };
    if done < 0 { Err(Error::last_error()) } else { Ok(()) }
}

fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}
