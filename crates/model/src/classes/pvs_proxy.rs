//! The class `PVS_proxy`.

use crate::{PvsProxyStatus, PvsSite, Ref, Vif};

class! {
    /// A cache between a VIF and its provisioning site.
    PvsProxy = "PVS_proxy", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its site.
    site: Ref<PvsSite> = Ref::NULL, StaticRo PoolOperator;
    /// Network card it serves.
    vif "VIF": Ref<Vif> = Ref::NULL, StaticRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool = false, DynamicRo PoolOperator;
    /// What it does now.
    status: PvsProxyStatus = PvsProxyStatus::Stopped, DynamicRo PoolOperator;
}
