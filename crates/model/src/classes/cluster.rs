//! The class `Cluster`.

use std::collections::BTreeMap;

use crate::{ClusterHost, ClusterOperation, Ref};

class! {
    /// A cluster below shared file systems.
    Cluster = "Cluster", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its members.
    cluster_hosts: Vec<Ref<ClusterHost>>, DynamicRo PoolOperator;
    /// Members being forgotten.
    pending_forget: Vec<String> = [], DynamicRo PoolOperator;
    /// Secret of the cluster.
    cluster_token: String = "", StaticRo PoolOperator;
    /// Its software.
    cluster_stack: String = "corosync", StaticRo PoolOperator;
    /// Version of that.
    cluster_stack_version: i64 = 2, StaticRo PoolOperator, prototyped;
    /// Whether it has a majority.
    is_quorate: bool = false, DynamicRo PoolOperator, prototyped;
    /// How many members that takes.
    quorum: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// How many members live.
    live_hosts: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// How many members there should be.
    expected_hosts: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// What may be done with it right now.
    allowed_operations: Vec<ClusterOperation> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, ClusterOperation> = [], DynamicRo PoolOperator;
    /// Whether new hosts join it by themselves.
    pool_auto_join: bool = true, StaticRo PoolOperator;
    /// Seconds until a silent member is out.
    token_timeout: f64 = 20.0, StaticRo PoolOperator;
    /// Further seconds for each member.
    token_timeout_coefficient: f64 = 1.0, StaticRo PoolOperator;
    /// Further settings.
    cluster_config: BTreeMap<String, String> = [], StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
