//! The class `Cluster_host`.

use std::collections::BTreeMap;

use crate::{Cluster, ClusterHostOperation, DateTime, Host, Pif, Ref};

class! {
    /// Membership of one host in a cluster.
    ClusterHost = "Cluster_host", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The cluster.
    cluster: Ref<Cluster> = Ref::NULL, StaticRo PoolOperator;
    /// The host.
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    /// Whether it takes part.
    enabled: bool = false, DynamicRo PoolOperator;
    /// Interface it uses.
    pif "PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Whether it has joined.
    joined: bool = true, DynamicRo PoolOperator;
    /// Whether it lives.
    live: bool = false, DynamicRo PoolOperator, prototyped;
    /// When that was last checked.
    last_update_live: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// What may be done with it right now.
    allowed_operations: Vec<ClusterHostOperation> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, ClusterHostOperation> = [], DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], StaticRo PoolOperator;
}
