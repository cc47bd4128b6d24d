//! The class `network_sriov`.

use crate::{Pif, Ref, SriovConfigurationMode};

class! {
    /// Virtual functions of a network card.
    NetworkSriov = "network_sriov", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    physical_pif "physical_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    logical_pif "logical_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    requires_reboot: bool = false, DynamicRo PoolOperator;
    configuration_mode: SriovConfigurationMode = SriovConfigurationMode::Unknown, DynamicRo PoolOperator;
}
