//! A small pool in a database, the API over it, and a screen that keeps what it shows.

use std::collections::{BTreeMap, VecDeque};

use haven_api::{Registry, Request, Resolved, dispatch, xmlrpc};
use haven_model::{
    ApiError, Class, Console, ConsoleProtocol, DateTime, Host, HostMetrics, Message, MessageClass,
    Network, Pbd, Pif, Pool, Ref, RefId, Session, Sr, Task, Value, Vbd, VbdMode, VbdType, Vdi, Vif,
    Vm, VmGuestMetrics, VmMetrics, VmOperations, VmPowerState, codes, stored_classes,
};
use haven_pooldb::{Database, MemStore, Tx};
use haven_xe::wire::{Command, Reply};
use haven_xe::{Api, Gone, Named, Screen};

/// The password of root.
pub(crate) const PASSWORD: &str = "secret";

/// The API over a database: what follows from fields is answered, other messages are noted.
pub(crate) struct Fake {
    db: Database,
    /// Messages with handlers of their own, in words.
    pub(crate) sent: Vec<String>,
    /// The answer of the last one, for who waits for a task.
    task: Value,
    events: i64,
    /// Messages that fail.
    pub(crate) fails: BTreeMap<String, ApiError>,
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// References are numbers, uuids begin with the class.
struct Maker<'t, 'd> {
    tx: &'t mut Tx<'d>,
    next: u128,
}

impl Maker<'_, '_> {
    fn add<C: Class>(&mut self, row: impl FnOnce(String) -> C) -> Ref<C> {
        self.next += 1;
        let reference = Ref::from_u128(self.next);
        let uuid = format!("{}-{}", C::NAME.to_lowercase(), self.next);
        self.tx.insert_with(reference, row(uuid)).unwrap();
        reference
    }
}

fn hosts(maker: &mut Maker<'_, '_>) -> Vec<Ref<Host>> {
    let host = |number: i64, maker: &mut Maker<'_, '_>| {
        let metrics = maker.add(|uuid| HostMetrics {
            uuid,
            memory_total: 64 << 30,
            memory_free: 32 << 30,
            live: true,
            ..HostMetrics::default()
        });
        maker.add(|uuid| Host {
            uuid,
            name_label: format!("host{number}"),
            hostname: format!("h{number}.lan"),
            address: format!("10.0.0.{number}"),
            enabled: true,
            metrics,
            ..Host::default()
        })
    };
    vec![host(1, maker), host(2, maker)]
}

fn machines(maker: &mut Maker<'_, '_>, host: Ref<Host>) -> Ref<Vm> {
    let metrics = maker.add(|uuid| VmMetrics {
        uuid,
        memory_actual: 1 << 30,
        vcpus_number: 2,
        start_time: DateTime(1_700_000_000),
        ..VmMetrics::default()
    });
    let guest = maker.add(|uuid| VmGuestMetrics {
        uuid,
        os_version: pairs(&[("distro", "debian"), ("name", "Debian, 12")]),
        live: true,
        ..VmGuestMetrics::default()
    });
    let web = maker.add(|uuid| Vm {
        uuid,
        name_label: "web, one".into(),
        power_state: VmPowerState::Running,
        resident_on: host,
        metrics,
        guest_metrics: guest,
        allowed_operations: vec![VmOperations::CleanShutdown, VmOperations::Pause],
        tags: vec!["a".into(), "b".into()],
        other_config: pairs(&[("folder", "/x"), ("z", "1")]),
        hvm_shadow_multiplier: 1.5,
        ..Vm::default()
    });
    maker.add(|uuid| Vm { uuid, name_label: "db".into(), ..Vm::default() });
    maker.add(|uuid| Vm { uuid, name_label: "db".into(), ..Vm::default() });
    maker.add(|uuid| Vm {
        uuid,
        name_label: "Debian".into(),
        is_a_template: true,
        ..Vm::default()
    });
    maker.add(|uuid| Vm {
        uuid,
        name_label: "before".into(),
        is_a_template: true,
        is_a_snapshot: true,
        snapshot_of: web,
        ..Vm::default()
    });
    web
}

fn devices(maker: &mut Maker<'_, '_>, hosts: &[Ref<Host>], vm: Ref<Vm>) -> Ref<Sr> {
    let sr = maker.add(|uuid| Sr {
        uuid,
        name_label: "shared".into(),
        r#type: "nfs".into(),
        content_type: "user".into(),
        shared: true,
        ..Sr::default()
    });
    for host in hosts {
        maker.add(|uuid| Pbd {
            uuid,
            host: *host,
            sr,
            device_config: pairs(&[("server", "nas"), ("serverpath", "/vms")]),
            currently_attached: true,
            ..Pbd::default()
        });
    }
    let disk = maker.add(|uuid| Vdi {
        uuid,
        name_label: "root disk".into(),
        sr,
        virtual_size: 8 << 30,
        ..Vdi::default()
    });
    maker.add(|uuid| Vbd {
        uuid,
        vm,
        vdi: disk,
        userdevice: "0".into(),
        r#type: VbdType::Disk,
        mode: VbdMode::Rw,
        other_config: pairs(&[("owner", "")]),
        ..Vbd::default()
    });
    maker.add(|uuid| Vbd {
        uuid,
        vm,
        userdevice: "3".into(),
        r#type: VbdType::Cd,
        empty: true,
        ..Vbd::default()
    });
    let network =
        maker.add(|uuid| Network { uuid, name_label: "lan".into(), ..Network::default() });
    for host in hosts {
        maker.add(|uuid| Pif {
            uuid,
            device: "eth0".into(),
            mac: "AA:BB:CC:00:00:01".into(),
            network,
            host: *host,
            ..Pif::default()
        });
    }
    maker.add(|uuid| Vif { uuid, vm, network, device: "0".into(), ..Vif::default() });
    maker.add(|uuid| Console { uuid, vm, protocol: ConsoleProtocol::Vt100, ..Console::default() });
    sr
}

fn fill(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    let mut maker = Maker { tx, next: 0 };
    let hosts = hosts(&mut maker);
    let vm = machines(&mut maker, hosts[0]);
    let sr = devices(&mut maker, &hosts, vm);
    maker.add(|uuid| Pool {
        uuid,
        name_label: "lab".into(),
        master: hosts[0],
        default_sr: sr,
        ..Pool::default()
    });
    maker.add(|uuid| Task { uuid, name_label: "Async.VM.start".into(), ..Task::default() });
    maker.add(|uuid| Message {
        uuid,
        name: "VM_STARTED".into(),
        priority: 5,
        cls: MessageClass::Vm,
        timestamp: DateTime(1_700_000_000),
        ..Message::default()
    });
    Ok(())
}

impl Fake {
    pub(crate) fn new() -> Self {
        let mut next = 1_000_000;
        let ids = move || {
            next += 1;
            next
        };
        let mut db = Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap();
        db.transact(fill).unwrap();
        let fails = BTreeMap::new();
        Self { db, sent: Vec::new(), task: Value::Nil, events: 0, fails }
    }

    fn words(&mut self, value: &Value) -> String {
        match value {
            Value::Ref(id) if id.is_null() => "null".to_owned(),
            Value::Ref(id) => self.named(None, *id).map_or_else(|| id.to_string(), |n| n.uuid),
            Value::Set(items) => {
                let items: Vec<String> = items.iter().map(|item| self.words(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(map) => {
                let pairs: Vec<String> =
                    map.iter().map(|(k, v)| format!("{k}: {}", self.words(v))).collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Value::String(text) => format!("{text:?}"),
            other => other.to_string(),
        }
    }

    /// A message with a handler: noted, and answered with the first fitting thing.
    fn custom(&mut self, method: &haven_api::Method, args: &[Value]) -> Result<Value, ApiError> {
        let words: Vec<String> = args.iter().map(|arg| self.words(arg)).collect();
        self.sent.push(format!("{}({})", method.name, words.join(", ")));
        if let Some(error) = self.fails.get(&method.name) {
            return Err(error.clone());
        }
        use haven_model::Type;
        Ok(match method.result {
            Some(Type::Ref(class)) => {
                let first = self.db.rows(class).next();
                Value::Ref(first.map(|(id, _)| id).unwrap_or_default())
            }
            Some(Type::Set(_)) => Value::Set(Vec::new()),
            Some(Type::Map(..)) => Value::Map(BTreeMap::new()),
            Some(Type::Int) => Value::Int(2),
            Some(Type::Bool) => Value::Bool(true),
            _ => Value::void(),
        })
    }

    fn event_from(&mut self) -> Value {
        // The second look finds what the first did not.
        self.events += 1;
        let running = if self.events > 1 { "Halted" } else { "Running" };
        let (id, row) =
            self.db.rows("VM").next().map(|(id, r)| (id, haven_model::record(r))).unwrap();
        let Value::Record(mut fields) = row else { panic!("no record") };
        for (name, value) in &mut fields {
            if *name == "power_state" {
                *value = Value::from(running);
            }
        }
        let event = Value::Map(BTreeMap::from([
            ("ref".to_owned(), Value::Ref(id)),
            ("snapshot".to_owned(), Value::Record(fields)),
        ]));
        Value::Map(BTreeMap::from([
            ("events".to_owned(), Value::Set(vec![event])),
            ("token".to_owned(), Value::from("1")),
        ]))
    }
}

impl Api for Fake {
    fn login(&mut self, user: &str, password: &str, local: bool) -> Result<(), ApiError> {
        if local {
            self.sent.push("local login".to_owned());
        }
        if user == "root" && password == PASSWORD {
            return Ok(());
        }
        Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&user, &"wrong"]))
    }
    fn logout(&mut self) {}
    fn session(&self) -> String {
        "OpaqueRef:session".to_owned()
    }

    fn call(&mut self, method: &str, params: Vec<Value>) -> Result<Value, ApiError> {
        match method {
            "event.from" => return Ok(self.event_from()),
            "task.destroy" => return Ok(Value::void()),
            "task.get_record" => {
                let result = xmlrpc::encode_result(&self.task);
                return Ok(Value::Map(BTreeMap::from([
                    ("status".to_owned(), Value::from("success")),
                    ("result".to_owned(), Value::from(result)),
                ])));
            }
            _ => {}
        }
        let mut all = vec![Value::from(Ref::<Session>::from_u128(1).to_string())];
        all.extend(params);
        let request = Request { name: method.to_owned(), params: all };
        let Resolved::Call(call) = Registry::standard().resolve(request)? else {
            panic!("{method}");
        };
        if let Some(answer) = dispatch::read(&self.db, &call) {
            return answer.map(Value::plain);
        }
        if call.method.operation.is_write() {
            let done = self.db.transact(|tx| {
                let none = || Err(ApiError::with(codes::NOT_IMPLEMENTED, &[&method]));
                dispatch::write(tx, &call).unwrap_or_else(none)
            });
            return done.map(|d| d.value).map_err(ApiError::from);
        }
        let answer = self.custom(call.method, call.args.values())?;
        if call.is_async {
            self.task = answer;
            return Ok(Value::Ref(RefId(77)));
        }
        Ok(answer)
    }

    fn named(&mut self, class: Option<&'static str>, id: RefId) -> Option<Named> {
        let all: Vec<&str> = match class {
            Some(class) => vec![class],
            None => stored_classes().map(|class| class.name).collect(),
        };
        let row = all.into_iter().find_map(|class| self.db.row(class, id))?;
        let text = |name: &str| {
            row.meta().index_of(name).and_then(|i| row.value(i)).map(|value| value.to_string())
        };
        Some(Named { uuid: text("uuid")?, label: text("name_label") })
    }
}

/// Keeps what is shown, as the client's terminal has it.
#[derive(Default)]
pub(crate) struct Paper {
    pub(crate) text: String,
    /// Lines and files that the person supplies.
    pub(crate) typed: VecDeque<Reply>,
}

impl Screen for Paper {
    fn send(&mut self, command: &Command) -> Result<(), Gone> {
        let shown = match command {
            Command::Print(text) => format!("{text}\n"),
            Command::PrintStderr(text) => {
                text.split_inclusive('\n').map(|line| format!("2> {line}")).collect()
            }
            Command::Error { code, params } => {
                format!("2> Error code: {code}\n2> Error parameters: {}\n", params.join(", "))
            }
            Command::Exit(code) => format!("exit {code}\n"),
            other => format!("{other:?}\n"),
        };
        self.text.push_str(&shown);
        Ok(())
    }

    fn receive(&mut self) -> Result<Reply, Gone> {
        self.typed.pop_front().ok_or(Gone)
    }
}
