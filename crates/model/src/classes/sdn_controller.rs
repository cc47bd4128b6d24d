//! The class `SDN_controller`.

use crate::SdnControllerProtocol;

class! {
    /// A controller of the virtual switches.
    SdnController = "SDN_controller", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// How it speaks.
    protocol: SdnControllerProtocol = SdnControllerProtocol::Ssl, StaticRo PoolOperator;
    /// Its address.
    address: String = "", StaticRo PoolOperator;
    /// Its port.
    port: i64 = 0, StaticRo PoolOperator;
}
