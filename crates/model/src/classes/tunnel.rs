//! The class `tunnel`.

use std::collections::BTreeMap;

use crate::{Pif, Ref, TunnelProtocol};

class! {
    /// A tunnel for network traffic.
    Tunnel = "tunnel", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Interface that stands for the tunnel.
    access_pif "access_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Interface it goes through.
    transport_pif "transport_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// State of the tunnel.
    status: BTreeMap<String, String> = [("active".into(), "false".into())], Rw PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// How it wraps packets.
    protocol: TunnelProtocol = TunnelProtocol::Gre, Rw PoolOperator;
}
