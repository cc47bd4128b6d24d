//! The class `Cluster`.

use std::collections::BTreeMap;

use crate::{ClusterHost, ClusterOperation, Ref};

class! {
    /// A cluster below shared file systems.
    Cluster = "Cluster", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    cluster_hosts: Vec<Ref<ClusterHost>>, DynamicRo PoolOperator;
    pending_forget: Vec<String> = [], DynamicRo PoolOperator;
    cluster_token: String = "", StaticRo PoolOperator;
    cluster_stack: String = "corosync", StaticRo PoolOperator;
    cluster_stack_version: i64 = 2, StaticRo PoolOperator, prototyped;
    is_quorate: bool = false, DynamicRo PoolOperator, prototyped;
    quorum: i64 = 0, DynamicRo PoolOperator, prototyped;
    live_hosts: i64 = 0, DynamicRo PoolOperator, prototyped;
    expected_hosts: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// What may be done with it right now.
    allowed_operations: Vec<ClusterOperation> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, ClusterOperation> = [], DynamicRo PoolOperator;
    pool_auto_join: bool = true, StaticRo PoolOperator;
    token_timeout: f64 = 20.0, StaticRo PoolOperator;
    token_timeout_coefficient: f64 = 1.0, StaticRo PoolOperator;
    cluster_config: BTreeMap<String, String> = [], StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
