//! The class `data_source`.

class! {
    /// A source of measurements.
    DataSource = "data_source", Published;

    /// Name for people; need not be unique.
    name_label: String = "", DynamicRo PoolAdmin;
    /// Description for people.
    name_description: String = "", DynamicRo PoolAdmin;
    /// Whether it is recorded.
    enabled: bool, DynamicRo PoolAdmin;
    /// Whether it is recorded unless said otherwise.
    standard: bool, DynamicRo PoolAdmin;
    /// Unit of the values.
    units: String, DynamicRo PoolAdmin;
    /// Least value.
    min: f64, DynamicRo PoolAdmin;
    /// Greatest value.
    max: f64, DynamicRo PoolAdmin;
    /// Value now.
    value: f64, DynamicRo PoolAdmin;
}
