//! The class `sr_stat`.

use crate::SrHealth;

class! {
    /// What probing found out about a storage repository.
    SrStat = "sr_stat", Published;

    /// Identity that survives restarts, exports and imports.
    uuid: Option<String>, DynamicRo LocalRootOnly;
    /// Name for people; need not be unique.
    name_label: String, DynamicRo LocalRootOnly;
    /// Description for people.
    name_description: String, DynamicRo LocalRootOnly;
    /// Free space in bytes.
    free_space: i64, DynamicRo LocalRootOnly;
    /// Space there is, in bytes.
    total_space: i64, DynamicRo LocalRootOnly;
    /// Whether it needs a cluster below.
    clustered: bool, DynamicRo LocalRootOnly;
    /// Whether it is well.
    health: SrHealth, DynamicRo LocalRootOnly;
}
