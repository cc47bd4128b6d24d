//! The class `task`.

use std::collections::BTreeMap;

use crate::{DateTime, Host, Ref, Session, TaskAllowedOperations, TaskStatusType};

class! {
    /// A long operation: how far it is, what came of it, whether it can be cancelled.
    Task = "task", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", DynamicRo PoolOperator;
    /// Description for people.
    name_description: String = "", DynamicRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<TaskAllowedOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, TaskAllowedOperations> = [], DynamicRo PoolOperator;
    created: DateTime, DynamicRo PoolOperator;
    finished: DateTime, DynamicRo PoolOperator;
    status: TaskStatusType, DynamicRo PoolOperator;
    resident_on: Ref<Host>, DynamicRo PoolOperator;
    progress: f64, DynamicRo PoolOperator;
    r#type "type": String, DynamicRo PoolOperator;
    result: String, DynamicRo PoolOperator;
    error_info: Vec<String>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    subtask_of: Ref<Task> = Ref::NULL, DynamicRo PoolOperator;
    subtasks: Vec<Ref<Task>>, DynamicRo PoolOperator;
    backtrace: String = "()", DynamicRo PoolOperator;
    /// Session that started the task.
    session: Ref<Session>, DynamicRo Nobody, internal;
}
