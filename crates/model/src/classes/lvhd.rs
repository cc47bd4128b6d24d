//! The class `LVHD`.

class! {
    /// Operations on thinly provisioned logical volumes.
    Lvhd = "LVHD", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
}
