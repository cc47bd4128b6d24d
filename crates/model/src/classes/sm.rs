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
    r#type "type": String, DynamicRo PoolOperator;
    vendor: String, DynamicRo PoolOperator;
    copyright: String, DynamicRo PoolOperator;
    version: String, DynamicRo PoolOperator;
    required_api_version: String, DynamicRo PoolOperator;
    configuration: BTreeMap<String, String>, DynamicRo PoolOperator;
    capabilities: Vec<String> = [], DynamicRo PoolOperator, deprecated;
    features: BTreeMap<String, i64> = [], DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    driver_filename: String = "", DynamicRo PoolOperator;
    required_cluster_stack: Vec<String> = [], DynamicRo PoolOperator;
    supported_image_formats: Vec<ImageFormatType> = [], DynamicRo PoolOperator, prototyped;
}
