//! Whether this machine is a host of Xen. Its guests are domains of the hypervisor, no processes:
//! nothing that ends processes ends them.

use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Bit of `/sys/hypervisor/properties/features` that the kernel of the first domain has alone.
const FEATURE_DOM0: u64 = 1 << 11;

/// What runs the guests of a host, as its administrator says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hypervisor {
    /// Whatever the kernel shows.
    #[default]
    Auto,
    /// QEMU: every guest is a process.
    Qemu,
    /// Xen.
    Xen,
}

impl FromStr for Hypervisor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "auto" => Ok(Self::Auto),
            "qemu" => Ok(Self::Qemu),
            "xen" => Ok(Self::Xen),
            other => Err(format!("hypervisor is auto, qemu or xen, not {other}")),
        }
    }
}

impl Hypervisor {
    /// Whether guests below `root` are domains of Xen.
    #[must_use]
    pub fn is_xen(self, root: &Path) -> bool {
        match self {
            Self::Auto => shows_xen(root),
            Self::Qemu => false,
            Self::Xen => true,
        }
    }
}

/// Xen's own file says `control_d` in the first domain; it is there when xenfs is mounted. Else the
/// hypervisor's features tell it from a guest of Xen. Where they cannot be read it is taken for a
/// host: a needless reset is better than a guest that runs twice.
fn shows_xen(root: &Path) -> bool {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    if read("proc/xen/capabilities").contains("control_d") {
        return true;
    }
    let features = read("sys/hypervisor/properties/features");
    let features = u64::from_str_radix(features.trim(), 16).unwrap_or(FEATURE_DOM0);
    read("sys/hypervisor/type").trim() == "xen" && features & FEATURE_DOM0 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn the_first_domain_is_told_from_a_guest_of_xen_and_from_everybody_else() {
        let kind = ("sys/hypervisor/type", "xen\n");
        let features = "sys/hypervisor/properties/features";
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[], false),
            (&[("proc/xen/capabilities", "control_d\n")], true),
            (&[("proc/xen/capabilities", "")], false),
            (&[kind, (features, "00002801\n")], true),
            (&[kind, (features, "00002705\n")], false),
            (&[kind], true),
            (&[("sys/hypervisor/type", "other\n")], false),
        ];
        for (files, expected) in cases {
            assert_eq!(Hypervisor::Auto.is_xen(host(files).path()), expected, "{files:?}");
        }
    }

    #[test]
    fn the_administrators_word_counts() {
        let dom0 = host(&[("proc/xen/capabilities", "control_d\n")]);
        assert!(!"qemu".parse::<Hypervisor>().unwrap().is_xen(dom0.path()));
        assert!("xen".parse::<Hypervisor>().unwrap().is_xen(host(&[]).path()));
        assert!("auto".parse::<Hypervisor>().unwrap().is_xen(dom0.path()));
        assert!("kvm".parse::<Hypervisor>().is_err());
    }
}
