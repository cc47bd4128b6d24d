//! The class `console`.

use std::collections::BTreeMap;

use crate::{ConsoleProtocol, Ref, Vm};

class! {
    /// A VM's screen or serial line.
    Console = "console", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// How it speaks.
    protocol: ConsoleProtocol, DynamicRo VmAdmin;
    /// Address to connect to.
    location: String, DynamicRo VmAdmin;
    /// Its VM.
    vm "VM": Ref<Vm>, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw VmAdmin;
}
