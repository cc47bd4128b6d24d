//! The class `crashdump`.

use std::collections::BTreeMap;

use crate::{Ref, Vdi, Vm};

class! {
    /// A crash dump of a VM.
    Crashdump = "crashdump", Deprecated, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The VM.
    vm "VM": Ref<Vm>, StaticRo PoolOperator;
    /// Disk that holds the dump.
    vdi "VDI": Ref<Vdi>, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
