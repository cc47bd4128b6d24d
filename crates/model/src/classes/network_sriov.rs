//! The class `network_sriov`.

use crate::{Pif, Ref, SriovConfigurationMode};

class! {
    /// Virtual functions of a network card.
    NetworkSriov = "network_sriov", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Interface that offers the functions.
    physical_pif "physical_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Interface that stands for them.
    logical_pif "logical_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Whether the host must restart for it.
    requires_reboot: bool = false, DynamicRo PoolOperator;
    /// How the functions are made.
    configuration_mode: SriovConfigurationMode = SriovConfigurationMode::Unknown, DynamicRo PoolOperator;
}
