//! What one run of the command holds: the client, the records it has read, the output settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::args::global::{Format, Global};
use crate::client::rpc::Login;
use crate::client::tasks::{self, TaskResult};
use crate::client::trust::Trust;
use crate::client::{Endpoint, Rpc};
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::Record;
use crate::render::progress::TaskProgress;
use crate::render::{self, Answer};
use crate::resolve::resolve;

/// All records of one class, in the order of their names.
pub(crate) type Records = Rc<Vec<Record>>;

/// See the module.
pub(crate) struct Context {
    pub(crate) rpc: Rpc,
    format: Format,
    quiet: bool,
    no_wait: bool,
    read: BTreeMap<&'static str, Records>,
}

impl Context {
    /// From the options; asks for a password where one is needed and none was given.
    pub(crate) fn new(global: &Global) -> Outcome<Self> {
        let homes = if global.server.is_empty() {
            vec![Endpoint::Unix(global.socket.clone())]
        } else {
            global.server.iter().map(|server| Endpoint::parse(server)).collect::<Outcome<_>>()?
        };
        let login = login(global, &homes)?;
        let trust = match (&global.ca, global.insecure) {
            (Some(file), _) => Trust::Ca(file.clone()),
            (None, true) => Trust::Nobody,
            (None, false) => Trust::HostCa,
        };
        Ok(Self {
            rpc: Rpc::new(homes, trust, login)?,
            format: global.output,
            quiet: global.quiet,
            no_wait: global.no_wait,
            read: BTreeMap::new(),
        })
    }

    /// Prints the result of a command.
    pub(crate) fn print(&self, answer: &Answer) -> Outcome<()> {
        if self.quiet && matches!(answer, Answer::Done { .. }) && self.format == Format::Table {
            return Ok(());
        }
        render::print(answer, self.format)
    }

    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// One call of the API.
    pub(crate) async fn call(&mut self, method: &str, params: &[Value]) -> Outcome<Value> {
        self.rpc.call(method, params).await.map_err(|f| self.with_names(f))
    }

    /// All records of a class; read once.
    pub(crate) async fn all(&mut self, class: &'static str) -> Outcome<Records> {
        if let Some(records) = self.read.get(class) {
            return Ok(Rc::clone(records));
        }
        let answer = self.call(&format!("{class}.get_all_records"), &[]).await?;
        let mut records: Vec<Record> = match answer {
            Value::Object(map) => {
                map.into_iter().map(|(r, fields)| Record::new(&r, fields)).collect()
            }
            _ => Vec::new(),
        };
        records.sort_by(|a, b| a.name().cmp(b.name()).then_with(|| a.uuid().cmp(b.uuid())));
        let records = Rc::new(records);
        self.read.insert(class, Rc::clone(&records));
        Ok(records)
    }

    /// Forgets what was read of a class, because a call changed it.
    pub(crate) fn forget(&mut self, class: &'static str) {
        self.read.remove(class);
    }

    /// The one record of `class` that `given` means, among those for which `fits` holds.
    pub(crate) async fn find(
        &mut self,
        class: &'static str,
        what: &'static str,
        given: &str,
        fits: impl Fn(&Record) -> bool,
    ) -> Outcome<Record> {
        let records = self.all(class).await?;
        let fitting: Vec<&Record> = records.iter().filter(|r| fits(r)).collect();
        resolve(what, given, &fitting).cloned()
    }

    /// The host that `given` means.
    pub(crate) async fn host(&mut self, given: &str) -> Outcome<Record> {
        self.find("host", "host", given, |_| true).await
    }

    /// The storage repository that `given` means.
    pub(crate) async fn sr(&mut self, given: &str) -> Outcome<Record> {
        self.find("SR", "storage repository", given, |_| true).await
    }

    /// The network that `given` means.
    pub(crate) async fn network(&mut self, given: &str) -> Outcome<Record> {
        self.find("network", "network", given, |_| true).await
    }

    /// The record of the pool itself.
    pub(crate) async fn pool(&mut self) -> Outcome<Record> {
        let pools = self.all("pool").await?;
        pools.first().cloned().ok_or_else(|| Failure::api(&["HOST_NOT_IN_POOL".to_owned()]))
    }

    /// The name of the object behind a reference, if it was read or can be.
    pub(crate) async fn name_of(
        &mut self,
        class: &'static str,
        reference: &str,
    ) -> Outcome<String> {
        let records = self.all(class).await?;
        Ok(records
            .iter()
            .find(|r| r.reference == reference)
            .map(|r| r.name().to_owned())
            .unwrap_or_default())
    }

    /// Runs `method` as a task and waits for it, unless told not to wait.
    pub(crate) async fn run(
        &mut self,
        label: &str,
        method: &str,
        params: &[Value],
    ) -> Outcome<TaskResult> {
        let task = self.start_task(method, params).await?;
        self.follow(label, &task).await
    }

    /// Waits for a task that has begun, unless told not to wait.
    pub(crate) async fn follow(&mut self, label: &str, task: &str) -> Outcome<TaskResult> {
        if self.no_wait {
            let uuid = self.call("task.get_uuid", &[json!(task)]).await?;
            self.print(&Answer::done(
                format!("task {}", uuid.as_str().unwrap_or(task)),
                json!({ "task": uuid }),
            ))?;
            return Ok(None);
        }
        self.wait_for(label, task).await
    }

    /// The same for a step that the next one needs.
    pub(crate) async fn run_and_wait(
        &mut self,
        label: &str,
        method: &str,
        params: &[Value],
    ) -> Outcome<TaskResult> {
        let task = self.start_task(method, params).await?;
        self.wait_for(label, &task).await
    }

    async fn wait_for(&mut self, label: &str, task: &str) -> Outcome<TaskResult> {
        let mut progress = TaskProgress::start(label, self.quiet);
        let waited = tokio::select! {
            result = tasks::wait(&mut self.rpc, task, &mut progress) => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted { task: task.to_owned() }),
        };
        progress.end(waited.is_ok());
        waited.map_err(|f| self.with_names(f))
    }

    async fn start_task(&mut self, method: &str, params: &[Value]) -> Outcome<String> {
        let task = self.call(&format!("Async.{method}"), params).await?;
        Ok(task.as_str().unwrap_or_default().to_owned())
    }

    /// Sends a file to a path with its query, by a task that tells what became of it.
    pub(crate) async fn upload(
        &mut self,
        (label, name): (&str, &str),
        path: &str,
        file: &Path,
    ) -> Outcome<TaskResult> {
        let task = self.call("task.create", &[json!(name), json!("")]).await?;
        let task = task.as_str().unwrap_or_default().to_owned();
        let path = format!("{path}&task_id={task}");
        let mut progress = TaskProgress::start(label, self.quiet);
        let sent = tokio::select! {
            sent = self.rpc.put(&path, file, &mut progress) => sent,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted { task: task.clone() }),
        };
        if sent.is_err() {
            // It may know why nobody took it; one that waits for the file still is ended.
            let _ended = self.rpc.call("task.cancel", &[json!(task)]).await;
        }
        let waited = match &sent {
            Err(Failure::Interrupted { .. } | Failure::Local(_)) => Ok(None),
            _ => tasks::wait(&mut self.rpc, &task, &mut progress).await,
        };
        progress.end(waited.is_ok() && sent.is_ok());
        let _forgotten = self.rpc.call("task.destroy", &[json!(task)]).await;
        match (sent, waited) {
            (_, Err(failure @ Failure::Api { .. })) => Err(self.with_names(failure)),
            (Err(failure), _) | (Ok(()), Err(failure)) => Err(failure),
            (Ok(()), Ok(result)) => Ok(result),
        }
    }

    /// Whether long operations are waited for.
    pub(crate) fn waits(&self) -> bool {
        !self.no_wait
    }

    /// Puts names in place of references that we know.
    fn with_names(&self, failure: Failure) -> Failure {
        let Failure::Api { code, params } = failure else { return failure };
        let named = |param: String| {
            let known = self
                .read
                .values()
                .flat_map(|records| records.iter())
                .find(|r| r.reference == param);
            match known {
                Some(record) if record.name().is_empty() => record.uuid().to_owned(),
                Some(record) => format!("{} ({})", record.name(), record.uuid()),
                None => param,
            }
        };
        Failure::Api { code, params: params.into_iter().map(named).collect() }
    }
}

fn login(global: &Global, homes: &[Endpoint]) -> Outcome<Login> {
    let user = global.username.clone();
    let password = match (homes.first(), &global.password, &global.password_file) {
        (None | Some(Endpoint::Unix(_)), _, _) => String::new(),
        (_, Some(password), _) => password.clone(),
        (_, None, Some(file)) => prompt::password_in_file(file)?,
        (Some(first), None, None) => prompt::password(&format!("Password of {user} at {first}: "))?,
    };
    Ok(Login { user, password })
}
