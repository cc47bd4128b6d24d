//! The class `probe_result`.

use std::collections::BTreeMap;

use crate::SrStat;

class! {
    /// One thing that probing for storage found.
    ProbeResult = "probe_result", Published;

    /// Device configuration to use what was found.
    configuration: BTreeMap<String, String>, DynamicRo LocalRootOnly;
    /// Whether that is enough to attach it.
    complete: bool, DynamicRo LocalRootOnly;
    /// The storage repository that was found, if it is one.
    sr: Option<SrStat>, DynamicRo LocalRootOnly;
    /// Anything else.
    extra_info: BTreeMap<String, String>, DynamicRo LocalRootOnly;
}
