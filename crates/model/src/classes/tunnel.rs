//! The class `tunnel`.

use std::collections::BTreeMap;

use crate::{Pif, Ref, TunnelProtocol};

class! {
    /// A tunnel for network traffic.
    Tunnel = "tunnel", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    access_pif "access_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    transport_pif "transport_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    status: BTreeMap<String, String> = [("active".into(), "false".into())], Rw PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    protocol: TunnelProtocol = TunnelProtocol::Gre, Rw PoolOperator;
}
