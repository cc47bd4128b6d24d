//! The class `vdi_nbd_server_info`.

class! {
    /// How to reach a disk image by NBD.
    VdiNbdServerInfo = "vdi_nbd_server_info", Published;

    exportname: String, DynamicRo LocalRootOnly;
    address: String, DynamicRo LocalRootOnly;
    port: i64, DynamicRo LocalRootOnly;
    cert: String, DynamicRo LocalRootOnly;
    subject: String, DynamicRo LocalRootOnly;
}
