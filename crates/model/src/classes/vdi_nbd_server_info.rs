//! The class `vdi_nbd_server_info`.

class! {
    /// How to reach a disk image by NBD.
    VdiNbdServerInfo = "vdi_nbd_server_info", Published;

    /// Name to ask for.
    exportname: String, DynamicRo LocalRootOnly;
    /// Address to connect to.
    address: String, DynamicRo LocalRootOnly;
    /// Port to connect to.
    port: i64, DynamicRo LocalRootOnly;
    /// Certificate to expect.
    cert: String, DynamicRo LocalRootOnly;
    /// Name the certificate bears.
    subject: String, DynamicRo LocalRootOnly;
}
