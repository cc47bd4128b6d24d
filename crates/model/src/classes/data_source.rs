//! The class `data_source`.

class! {
    /// A source of measurements.
    DataSource = "data_source", Published;

    /// Name for people; need not be unique.
    name_label: String = "", DynamicRo PoolAdmin;
    /// Description for people.
    name_description: String = "", DynamicRo PoolAdmin;
    enabled: bool, DynamicRo PoolAdmin;
    standard: bool, DynamicRo PoolAdmin;
    units: String, DynamicRo PoolAdmin;
    min: f64, DynamicRo PoolAdmin;
    max: f64, DynamicRo PoolAdmin;
    value: f64, DynamicRo PoolAdmin;
}
