//! The class `host_cpu`.

use std::collections::BTreeMap;

use crate::{Host, Ref};

class! {
    /// A physical processor.
    HostCpu = "host_cpu", Deprecated, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    host: Ref<Host>, DynamicRo PoolOperator;
    number: i64, DynamicRo PoolOperator;
    vendor: String, DynamicRo PoolOperator;
    speed: i64, DynamicRo PoolOperator;
    modelname: String, DynamicRo PoolOperator;
    family: i64, DynamicRo PoolOperator;
    model: i64, DynamicRo PoolOperator;
    stepping: String, DynamicRo PoolOperator;
    flags: String, DynamicRo PoolOperator;
    features: String, DynamicRo PoolOperator;
    utilisation: f64, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
