//! The class `VTPM`.

use std::collections::BTreeMap;

use crate::{PersistenceBackend, Ref, Vm, VtpmOperations};

class! {
    /// A virtual trusted platform module.
    Vtpm = "VTPM", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// What may be done with it right now.
    allowed_operations: Vec<VtpmOperations> = [], DynamicRo PoolAdmin;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VtpmOperations> = [], DynamicRo PoolAdmin;
    /// Its VM.
    vm "VM": Ref<Vm>, StaticRo PoolAdmin;
    /// VM that provides it.
    backend: Ref<Vm> = Ref::NULL, DynamicRo PoolAdmin;
    /// Where its content is kept.
    persistence_backend: PersistenceBackend = PersistenceBackend::Xapi, DynamicRo PoolAdmin, prototyped;
    /// Whether it must not be copied.
    is_unique: bool = false, StaticRo PoolAdmin, prototyped;
    /// Whether its content is protected.
    is_protected: bool = false, DynamicRo PoolAdmin, prototyped;
}
