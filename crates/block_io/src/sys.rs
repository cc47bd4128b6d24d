//! The only unsafe code of this crate: watchdog ioctls.

#![expect(unsafe_code, reason = "ioctl numbers carry no types; each call says why it is sound")]

use std::os::fd::BorrowedFd;

use rustix::io::Result;
use rustix::ioctl::{Getter, Updater, ioctl, opcode};

const SET_TIMEOUT: rustix::ioctl::Opcode = opcode::read_write::<i32>(b'W', 6);
const GET_TIMEOUT: rustix::ioctl::Opcode = opcode::read::<i32>(b'W', 7);

/// `WDIOC_SETTIMEOUT`: asks for `seconds`; returns what the device chose.
pub(crate) fn watchdog_set_timeout(device: BorrowedFd<'_>, seconds: i32) -> Result<i32> {
    let mut value = seconds;
    // SAFETY: WDIOC_SETTIMEOUT is _IOWR('W', 6, int): the kernel reads and writes one int, and
    // `value` is one that outlives the call. Other devices answer ENOTTY and touch nothing.
    unsafe { ioctl(device, Updater::<SET_TIMEOUT, i32>::new(&mut value))? };
    Ok(value)
}

/// `WDIOC_GETTIMEOUT`: the bite time in seconds.
pub(crate) fn watchdog_timeout(device: BorrowedFd<'_>) -> Result<i32> {
    // SAFETY: WDIOC_GETTIMEOUT is _IOR('W', 7, int): the kernel writes one int, which `Getter`
    // provides. Other devices answer ENOTTY and touch nothing.
    unsafe { ioctl(device, Getter::<GET_TIMEOUT, i32>::new()) }
}
