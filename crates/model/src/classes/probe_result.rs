//! The class `probe_result`.

use std::collections::BTreeMap;

use crate::SrStat;

class! {
    /// One thing that probing for storage found.
    ProbeResult = "probe_result", Published;

    configuration: BTreeMap<String, String>, DynamicRo LocalRootOnly;
    complete: bool, DynamicRo LocalRootOnly;
    sr: Option<SrStat>, DynamicRo LocalRootOnly;
    extra_info: BTreeMap<String, String>, DynamicRo LocalRootOnly;
}
