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
    /// When it began.
    created: DateTime, DynamicRo PoolOperator;
    /// When it ended; 1970 while it runs.
    finished: DateTime, DynamicRo PoolOperator;
    /// Whether it waits, runs or has ended, and how.
    status: TaskStatusType, DynamicRo PoolOperator;
    /// Host that carries it out.
    resident_on: Ref<Host>, DynamicRo PoolOperator;
    /// How far it is, from 0 to 1.
    progress: f64, DynamicRo PoolOperator;
    /// What the result is: `<none/>`, or the class of the reference in it.
    r#type "type": String, DynamicRo PoolOperator;
    /// What came of it, encoded as an XML-RPC value; empty for nothing.
    result: String, DynamicRo PoolOperator;
    /// Code and parameters of the error, if it failed.
    error_info: Vec<String>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Task that this one is a part of.
    subtask_of: Ref<Task> = Ref::NULL, DynamicRo PoolOperator;
    /// Tasks that are parts of this one.
    subtasks: Vec<Ref<Task>>, DynamicRo PoolOperator;
    /// Where in the server it failed.
    backtrace: String = "()", DynamicRo PoolOperator;
    /// Session that started the task.
    session: Ref<Session>, DynamicRo Nobody, internal;
}
