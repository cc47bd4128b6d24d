//! What firmware says of itself (SMBIOS): one table of the strings that XenAPI names.

/// One string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareString {
    /// What `VM.bios_strings` and `host.bios_strings` call it.
    pub key: &'static str,
    /// Where it stands in a domain: the table of libvirt's `sysinfo`.
    pub table: &'static str,
    /// Its entry in that table.
    pub entry: &'static str,
    /// Where this host's own is read, in `/sys/class/dmi/id`; none: nowhere.
    pub file: Option<&'static str>,
}

const fn string(
    key: &'static str,
    (table, entry): (&'static str, &'static str),
    file: Option<&'static str>,
) -> FirmwareString {
    FirmwareString { key, table, entry, file }
}

/// All strings, those of a table together, in the order of libvirt.
pub const FIRMWARE: [FirmwareString; 13] = [
    string("bios-vendor", ("bios", "vendor"), Some("bios_vendor")),
    string("bios-version", ("bios", "version"), Some("bios_version")),
    string("system-manufacturer", ("system", "manufacturer"), Some("sys_vendor")),
    string("system-product-name", ("system", "product"), Some("product_name")),
    string("system-version", ("system", "version"), Some("product_version")),
    string("system-serial-number", ("system", "serial"), Some("product_serial")),
    string("baseboard-manufacturer", ("baseBoard", "manufacturer"), Some("board_vendor")),
    string("baseboard-product-name", ("baseBoard", "product"), Some("board_name")),
    string("baseboard-version", ("baseBoard", "version"), Some("board_version")),
    string("baseboard-serial-number", ("baseBoard", "serial"), Some("board_serial")),
    string("baseboard-asset-tag", ("baseBoard", "asset"), Some("board_asset_tag")),
    string("baseboard-location-in-chassis", ("baseBoard", "location"), None),
    string("enclosure-asset-tag", ("chassis", "asset"), Some("chassis_asset_tag")),
];
