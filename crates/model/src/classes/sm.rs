//! The class `SM`.

use std::collections::BTreeMap;

use crate::ImageFormatType;

class! {
    /// A kind of storage that the pool can use.
    Sm = "SM", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", DynamicRo PoolOperator;
    /// Description for people.
    name_description: String = "", DynamicRo PoolOperator;
    /// Its name, as in the type of a storage repository.
    r#type "type": String, DynamicRo PoolOperator;
    /// Who made it.
    vendor: String, DynamicRo PoolOperator;
    /// Its copyright.
    copyright: String, DynamicRo PoolOperator;
    /// Its version.
    version: String, DynamicRo PoolOperator;
    /// Version of the driver interface it needs.
    required_api_version: String, DynamicRo PoolOperator;
    /// Device configuration it takes: key to description.
    configuration: BTreeMap<String, String>, DynamicRo PoolOperator;
    /// What it can do.
    capabilities: Vec<String> = [], DynamicRo PoolOperator, deprecated;
    /// What it can do, with versions.
    features: BTreeMap<String, i64> = [], DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Its program.
    driver_filename: String = "", DynamicRo PoolOperator;
    /// Cluster software it needs.
    required_cluster_stack: Vec<String> = [], DynamicRo PoolOperator;
    /// Formats of disk images it can make.
    supported_image_formats: Vec<ImageFormatType> = [], DynamicRo PoolOperator, prototyped;
}
