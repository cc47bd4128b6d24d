//! The class `Cluster_host`.

use std::collections::BTreeMap;

use crate::{Cluster, ClusterHostOperation, DateTime, Host, Pif, Ref};

class! {
    /// Membership of one host in a cluster.
    ClusterHost = "Cluster_host", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    cluster: Ref<Cluster> = Ref::NULL, StaticRo PoolOperator;
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    enabled: bool = false, DynamicRo PoolOperator;
    pif "PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    joined: bool = true, DynamicRo PoolOperator;
    live: bool = false, DynamicRo PoolOperator, prototyped;
    last_update_live: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// What may be done with it right now.
    allowed_operations: Vec<ClusterHostOperation> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, ClusterHostOperation> = [], DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], StaticRo PoolOperator;
}
