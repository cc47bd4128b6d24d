//! One run of a command: who is at both ends, what is known already, what is to be printed.

use std::collections::BTreeMap;

use haven_api::{Registry, xmlrpc};
use haven_model::{ApiError, ClassMeta, RefId, Type, Value, class_named, codes};

use crate::args::Arguments;
use crate::failure::Failure;
use crate::printer::{Mode, Printer};
use crate::wire::{Command, Reply};
use crate::{Api, Gone, Named, Screen};

/// Longest wait for news of a task in one call, in seconds.
const TASK_WAIT_S: f64 = 30.0;
/// Replies that a client may send before the one that counts.
const WAITS_MAX: usize = 10_000;
/// Files that are sent for one argument.
const FILE_BYTES_MAX: usize = 32 << 20;

/// An object and its record.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) class: &'static ClassMeta,
    pub(crate) id: RefId,
    /// Of many objects it is the stored row, which takes no room of its own.
    pub(crate) record: Value,
}

impl Object {
    /// A field.
    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        self.record.field(name)
    }

    /// A field as text; empty if there is none.
    pub(crate) fn text(&self, field: &str) -> String {
        self.field(field).map(|value| value.to_string()).unwrap_or_default()
    }

    pub(crate) fn uuid(&self) -> String {
        self.text("uuid")
    }

    pub(crate) fn is(&self, field: &str) -> bool {
        self.field(field) == Some(Value::Bool(true))
    }

    /// A field that is a reference.
    pub(crate) fn reference(&self, field: &str) -> RefId {
        self.field(field).as_ref().map_or(RefId::NULL, as_ref)
    }

    /// A field that is a set of references.
    pub(crate) fn references(&self, field: &str) -> Vec<RefId> {
        match self.field(field) {
            Some(Value::Set(items)) => items.iter().map(as_ref).collect(),
            _ => Vec::new(),
        }
    }
}

/// A reference, from whatever encoding it came.
pub(crate) fn as_ref(value: &Value) -> RefId {
    match value {
        Value::Ref(id) => *id,
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => RefId::NULL,
    }
}

/// See the module.
pub(crate) struct Run<'a> {
    pub(crate) api: &'a mut dyn Api,
    pub(crate) screen: &'a mut dyn Screen,
    pub(crate) args: Arguments,
    pub(crate) printer: Printer,
    names: BTreeMap<RefId, Option<Named>>,
    records: BTreeMap<(&'static str, RefId), Option<Value>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        api: &'a mut dyn Api,
        screen: &'a mut dyn Screen,
        args: Arguments,
        mode: Mode,
    ) -> Self {
        let printer = Printer::new(mode);
        Self { api, screen, args, printer, names: BTreeMap::new(), records: BTreeMap::new() }
    }

    /// One message.
    pub(crate) fn call(&mut self, method: &str, params: Vec<Value>) -> Result<Value, Failure> {
        Ok(self.api.call(method, params)?)
    }

    /// A message that takes long: as a task, so that others see it and can cancel it.
    pub(crate) fn long(&mut self, method: &str, params: Vec<Value>) -> Result<Value, Failure> {
        if !Registry::standard().find(method).is_some_and(|m| m.is_async) {
            return self.call(method, params);
        }
        let started = self.api.call(&format!("Async.{method}"), params);
        let task = started.map_err(|error| {
            let unbuilt = error.code == codes::NOT_IMPLEMENTED;
            if unbuilt { ApiError::with(codes::NOT_IMPLEMENTED, &[&method]) } else { error }
        })?;
        let ended = self.wait_for(&task);
        // Its result is here; nobody else needs it.
        let _destroyed = self.api.call("task.destroy", vec![task]);
        ended
    }

    fn wait_for(&mut self, task: &Value) -> Result<Value, Failure> {
        let watched = Value::Set(vec![Value::String(format!("task/{task}"))]);
        let progress = self.args.get("progress").is_some();
        let mut token = String::new();
        loop {
            let record = self.call("task.get_record", vec![task.clone()])?;
            let text =
                |field: &str| record.member(field).map(ToString::to_string).unwrap_or_default();
            if progress {
                self.show_progress(&record)?;
            }
            match text("status").as_str() {
                "pending" | "cancelling" => {}
                "success" => {
                    let value = xmlrpc::decode_value(&text("result"));
                    return value.map_err(|error| ApiError::internal(error).into());
                }
                "cancelled" => return Err(ApiError::with(codes::TASK_CANCELLED, &[task]).into()),
                _ => return Err(error_of(&record).into()),
            }
            let params = vec![watched.clone(), Value::from(token), Value::Float(TASK_WAIT_S)];
            let news = self.call("event.from", params)?;
            token = news.member("token").map(ToString::to_string).unwrap_or_default();
        }
    }

    fn show_progress(&mut self, record: &Value) -> Result<(), Failure> {
        let done = match record.member("progress") {
            Some(Value::Float(done)) => done.clamp(0.0, 1.0),
            _ => 0.0,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 70")]
        let hashes = "#".repeat((done * 70.0) as usize);
        let line = format!("\r {:3.0}% {hashes}\n", done * 100.0);
        self.send(Command::PrintStderr(line))
    }

    /// Sends a frame to the client, after all that is printed already.
    pub(crate) fn send(&mut self, command: Command) -> Result<(), Failure> {
        self.flush()?;
        self.screen.send(&command).map_err(|Gone| Failure::Gone)
    }

    /// Sends what is printed so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        for command in self.printer.out.drain(..) {
            self.screen.send(&command).map_err(|Gone| Failure::Gone)?;
        }
        Ok(())
    }

    /// A line for the person at the terminal, in whatever form results are printed.
    pub(crate) fn say(&mut self, text: impl Into<String>) -> Result<(), Failure> {
        let text = text.into();
        match self.printer.mode {
            Mode::Json => self.send(Command::PrintStderr(text + "\n")),
            _ => self.send(Command::Print(text)),
        }
    }

    /// Says something on standard error and ends.
    pub(crate) fn give_up(&mut self, text: &str) -> Failure {
        match self.send(Command::PrintStderr(format!("{text}\n"))) {
            Ok(()) => Failure::Exit(1),
            Err(gone) => gone,
        }
    }

    /// The reply that counts.
    pub(crate) fn reply(&mut self) -> Result<Reply, Failure> {
        for _ in 0..WAITS_MAX {
            match self.screen.receive().map_err(|Gone| Failure::Gone)? {
                Reply::Wait => {}
                reply => return Ok(reply),
            }
        }
        Err(Failure::Gone)
    }

    /// Chunks up to the end.
    fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut data = Vec::new();
        loop {
            match self.reply()? {
                Reply::Chunk(chunk) if data.len() + chunk.len() > FILE_BYTES_MAX => {
                    return Err(Failure::text(format!(
                        "the file is larger than {FILE_BYTES_MAX} bytes, which is all that goes \
                         this way"
                    )));
                }
                Reply::Chunk(chunk) => data.extend(chunk),
                Reply::End => return Ok(data),
                _ => return Err(Failure::Gone),
            }
        }
    }

    /// The contents of a file of the client, if it can read it.
    pub(crate) fn file(&mut self, name: &str) -> Result<Option<String>, Failure> {
        self.send(Command::Load(name.to_owned()))?;
        match self.reply()? {
            Reply::Ok => {
                let text = String::from_utf8(self.chunks()?);
                text.map(Some).map_err(|_| Failure::text(format!("{name} is not a text file")))
            }
            Reply::Failed => Ok(None),
            _ => Err(Failure::Gone),
        }
    }

    /// Whether the person agrees.
    pub(crate) fn confirmed(&mut self) -> Result<bool, Failure> {
        self.say("Type 'yes' to continue")?;
        self.send(Command::Prompt)?;
        let typed = String::from_utf8_lossy(&self.chunks()?).into_owned();
        let yes = typed.trim().eq_ignore_ascii_case("yes");
        if !yes {
            self.say(format!("Aborted (you typed: '{typed}')"))?;
        }
        Ok(yes)
    }

    /// Uuid and name of an object.
    pub(crate) fn named(&mut self, class: Option<&'static str>, id: RefId) -> Option<Named> {
        if id.is_null() {
            return None;
        }
        if let Some(known) = self.names.get(&id) {
            return known.clone();
        }
        let named = self.api.named(class, id);
        self.names.insert(id, named.clone());
        named
    }

    /// The record of an object; none if it does not exist.
    pub(crate) fn record(
        &mut self,
        class: &'static str,
        id: RefId,
    ) -> Result<Option<Value>, Failure> {
        if id.is_null() {
            return Ok(None);
        }
        if let Some(known) = self.records.get(&(class, id)) {
            return Ok(known.clone().map(Value::plain));
        }
        let record = match self.api.call(&format!("{class}.get_record"), vec![Value::Ref(id)]) {
            Ok(record) => Some(record),
            Err(error) if error.code == codes::HANDLE_INVALID => None,
            Err(error) => return Err(error.into()),
        };
        self.records.insert((class, id), record.clone());
        Ok(record)
    }

    /// Forgets what was read, because time has passed.
    pub(crate) fn forget(&mut self) {
        self.names.clear();
        self.records.clear();
    }

    /// Reads all records of a class at once, because many will be asked for.
    pub(crate) fn read_ahead(&mut self, class: &'static str) -> Result<(), Failure> {
        let meta = class_named(class).ok_or_else(|| ApiError::internal(class))?;
        for object in self.all(meta)? {
            self.records.insert((class, object.id), Some(object.record));
        }
        Ok(())
    }

    /// All objects of a class, by name and uuid.
    pub(crate) fn all(&mut self, class: &'static ClassMeta) -> Result<Vec<Object>, Failure> {
        let all = self.call(&format!("{}.get_all_records", class.name), Vec::new())?;
        let Value::Map(all) = all else { return Ok(Vec::new()) };
        let object = |(id, record): (String, Value)| Object {
            class,
            id: id.parse().unwrap_or_default(),
            record,
        };
        let mut objects: Vec<Object> = all.into_iter().map(object).collect();
        objects.sort_by_cached_key(|object| (object.text("name_label"), object.uuid()));
        Ok(objects)
    }

    /// The object of that uuid.
    pub(crate) fn by_uuid(&mut self, class: &'static str, uuid: &str) -> Result<Object, Failure> {
        let found = self.call(&format!("{class}.get_by_uuid"), vec![Value::from(uuid)])?;
        self.object(class, as_ref(&found))
    }

    /// The object behind a reference.
    pub(crate) fn object(&mut self, class: &'static str, id: RefId) -> Result<Object, Failure> {
        let meta = class_named(class).ok_or_else(|| ApiError::internal(class))?;
        let invalid = || ApiError::with(codes::HANDLE_INVALID, &[&class, &id]);
        let record = self.record(class, id)?.ok_or_else(invalid)?;
        Ok(Object { class: meta, id, record })
    }

    /// The pool; its uuid may be given.
    pub(crate) fn pool(&mut self) -> Result<Object, Failure> {
        let pools = self.call("pool.get_all", Vec::new())?;
        let first = match &pools {
            Value::Set(pools) => pools.first().map(as_ref).unwrap_or_default(),
            _ => RefId::NULL,
        };
        self.object("pool", first)
    }

    /// The host that `host-uuid` names, else the coordinator.
    pub(crate) fn host_or_coordinator(&mut self, name: &str) -> Result<RefId, Failure> {
        match self.args.get(name).map(str::to_owned) {
            Some(uuid) => Ok(self.by_uuid("host", &uuid)?.id),
            None => Ok(self.pool()?.reference("master")),
        }
    }

    /// The uuid of what a message made; several, joined lines.
    pub(crate) fn uuids_of(&mut self, ty: Option<Type>, value: &Value) -> Vec<String> {
        let class = ty.and_then(crate::facts::referred);
        let ids = match value {
            Value::Set(items) => items.iter().map(as_ref).collect(),
            other => vec![as_ref(other)],
        };
        let uuid = |id| match self.named(class, id) {
            Some(named) => named.uuid,
            None => id.to_string(),
        };
        ids.into_iter().map(uuid).collect()
    }
}

/// Why a task failed.
fn error_of(record: &Value) -> ApiError {
    let words: Vec<String> = match record.member("error_info") {
        Some(Value::Set(items)) => items.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    match words.split_first() {
        Some((code, params)) => ApiError::from_wire(code, params.to_vec()),
        None => ApiError::internal("the task failed without a reason"),
    }
}
