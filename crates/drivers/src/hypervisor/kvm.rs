//! Whether KVM really works here: `/dev/kvm` may be there without being usable, e.g. in a
//! container or below another hypervisor.
#![expect(unsafe_code, reason = "two KVM ioctls that no library offers")]

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

const KVM_CREATE_VM: Opcode = 0xAE01;
const KVM_CREATE_VCPU: Opcode = 0xAE41;

/// An ioctl that takes 0 and returns a new file descriptor.
struct MakeFd<const CODE: Opcode>;

// SAFETY: both codes used below take an integer argument and return a descriptor or an error.
unsafe impl<const CODE: Opcode> Ioctl for MakeFd<CODE> {
    type Output = OwnedFd;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        CODE
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(
        out: IoctlOutput,
        _: *mut std::ffi::c_void,
    ) -> rustix::io::Result<OwnedFd> {
        // SAFETY: the kernel made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}

/// The processor has virtualisation and a VM with a virtual CPU can be made. Neither alone is
/// enough: some hosts offer a `/dev/kvm` that makes virtual CPUs in software, which run no
/// ordinary guest, and some containers show the processor's flags without the device.
pub(crate) fn usable() -> bool {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    has_virtualisation(&cpu) && can_make_vcpu()
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    let mut flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.any(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

fn can_make_vcpu() -> bool {
    let Ok(device) = File::options().read(true).write(true).open("/dev/kvm") else {
        return false;
    };
    // SAFETY: both descriptors are open during the calls.
    let made: rustix::io::Result<OwnedFd> = unsafe {
        let device = BorrowedFd::borrow_raw(device.as_raw_fd());
        ioctl(device, MakeFd::<KVM_CREATE_VM>).and_then(|vm| ioctl(&vm, MakeFd::<KVM_CREATE_VCPU>))
    };
    made.is_ok()
}

#[cfg(test)]
mod tests {
    use super::has_virtualisation;

    #[test]
    fn a_processor_without_vmx_or_svm_has_no_virtualisation() {
        assert!(has_virtualisation("vendor_id\t: X\nflags\t\t: fpu vmx sse\n"));
        assert!(!has_virtualisation("flags\t\t: fpu sse\nmodel name\t: svm\n"));
    }
}
