//! The class `host_cpu`.

use std::collections::BTreeMap;

use crate::{Host, Ref};

class! {
    /// A physical processor.
    HostCpu = "host_cpu", Deprecated, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The host.
    host: Ref<Host>, DynamicRo PoolOperator;
    /// Number of the processor.
    number: i64, DynamicRo PoolOperator;
    /// Who made it.
    vendor: String, DynamicRo PoolOperator;
    /// Speed in MHz.
    speed: i64, DynamicRo PoolOperator;
    /// Its name.
    modelname: String, DynamicRo PoolOperator;
    /// Its family.
    family: i64, DynamicRo PoolOperator;
    /// Its model.
    model: i64, DynamicRo PoolOperator;
    /// Its stepping.
    stepping: String, DynamicRo PoolOperator;
    /// What it can do.
    flags: String, DynamicRo PoolOperator;
    /// What it can do, as bits.
    features: String, DynamicRo PoolOperator;
    /// Its load, from 0 to 1.
    utilisation: f64, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
