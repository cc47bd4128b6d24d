//! Guards that a test scripts: the control sockets of all hosts, and one chain of epochs that is
//! decided as the test wants. What they say is put into words in [`said`]. What the protocol itself does is
//! tested elsewhere.

mod said;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use haven_cluster::alarm::Alarm;
use haven_cluster::control::{
    ArmConfig, EpochView, GuardCommand, GuardLine, GuardRefusal, GuardRequest, GuardState,
    places_of,
};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};
use haven_cluster::keys::{KeyStep, Keys, KeysView, Rekey};
use haven_cluster::timing::Timing;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};

use said::{epoch, peers, refusal, reply, state};

/// Lines that may wait for a daemon.
const LINES_MAX: usize = 4096;

/// All guards of a pool.
#[derive(Clone, Default)]
pub(crate) struct Guards {
    shared: Arc<Mutex<Shared>>,
}

/// What the test wants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// Nothing is decided.
    pub(crate) undecided: bool,
    /// So many guards found the first epoch; 0: all of them.
    pub(crate) founders: usize,
    /// The guard of this number refuses to be armed.
    pub(crate) refuses: Option<usize>,
    /// A disarm is refused.
    pub(crate) no_disarm: bool,
    /// The guard of this number has not read the newest epoch yet.
    pub(crate) late: Option<usize>,
    /// Nobody puts out a host that left in order.
    pub(crate) keeps_who_left: bool,
    /// Nothing is written of the end of a life of this host on which an open epoch counts.
    pub(crate) owed: Option<HostId>,
    /// It is late enough for a person's word that a host is off.
    pub(crate) word_counts: bool,
    /// The guard of this number takes no step of a change of keys but the first.
    pub(crate) keeps_its_key: Option<usize>,
    /// The guard of this number is older than changes of keys.
    pub(crate) old: Option<usize>,
    /// What becomes of a copied database.
    pub(crate) copies: Copies,
}

/// What a guard does when it is told that the database is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Copies {
    /// It has the area made live.
    #[default]
    Decided,
    /// It cannot have it decided yet: its proposal may be accepted somewhere.
    Open,
    /// The same, and it says at once that it cannot.
    Refused,
}

#[derive(Default)]
struct Shared {
    /// The host that is to be taken out.
    settle: Option<HostId>,
    wants: Wants,
    guards: BTreeMap<usize, Guard>,
    /// No statefile answers.
    statefiles_lost: bool,
    chain: Option<EpochView>,
    /// Hosts of the configuration, as the coordinator's guard has it.
    config: Option<Box<ArmConfig>>,
    /// Lives that are known to be dead.
    dead: Vec<Life>,
    /// Lives that were put out, and may run on for a while.
    out: Vec<Life>,
    /// Commands that arrived, by guard, loads and questions left out.
    commands: Vec<(usize, &'static str)>,
    /// Running VMs, as each daemon said it last.
    loads: BTreeMap<usize, u32>,
    /// Steps of changes of keys, by guard.
    steps: Vec<(usize, KeyStep)>,
    /// A proposal that is accepted somewhere makes this area live.
    copied: Option<u8>,
}

#[derive(Default)]
struct Guard {
    clients: Vec<Sender<String>>,
    config: Option<Box<ArmConfig>>,
    incarnation: u64,
    last: Option<EpochView>,
    pushes: u64,
    /// It must give way, and its guests may shut down first.
    asking: bool,
    /// What it complains of.
    alarms: Vec<String>,
}

impl Guard {
    fn life(&self) -> Option<Life> {
        let config = self.config.as_ref()?;
        Some(Life { host: config.host, incarnation: Incarnation(self.incarnation) })
    }

    fn arm(&mut self, config: Box<ArmConfig>) -> Result<(), GuardRefusal> {
        match &self.config {
            Some(present) if *present == config => Ok(()),
            Some(_) => Err(refusal("HA_IS_ENABLED")),
            None => {
                self.incarnation += 1;
                self.config = Some(config);
                self.last = None;
                Ok(())
            }
        }
    }

    /// It hears and is heard by who holds these keys.
    fn understands(&self, members: &[KeysView]) -> bool {
        let own = self.config.as_ref().and_then(|config| config.keys.view());
        own.is_some_and(|own| {
            members.iter().all(|keys| keys.holds(own.sends.id) && own.holds(keys.sends.id))
        })
    }

    /// It is a member, or hears all of them: its configuration has them.
    fn may_come(&self, epoch: &EpochView) -> bool {
        let listed = |config: &ArmConfig, life: &Life| {
            config.hosts.iter().any(|spec| spec.host == life.host)
        };
        let hears = |config: &ArmConfig| epoch.members.iter().all(|life| listed(config, life));
        self.life().is_some_and(|life| epoch.members.contains(&life))
            || self.config.as_deref().is_some_and(hears)
    }
}

impl Guards {
    /// The guard of host `number` listens at `socket`.
    pub(crate) fn listen(&self, runtime: &Handle, number: usize, socket: &Path) {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let _enter = runtime.enter();
        let listener = UnixListener::bind(socket).unwrap();
        self.lock().guards.entry(number).or_default();
        let guards = self.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(guards.clone().serve(number, stream));
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// From now on.
    pub(crate) fn want(&self, wants: Wants) {
        let mut shared = self.lock();
        shared.wants = wants;
        shared.go_on();
        shared.push_all();
    }

    /// The host of this guard is put out, under the response `shutdown`.
    pub(crate) fn give_way(&self, number: usize) {
        let mut shared = self.lock();
        shared.guards.entry(number).or_default().asking = true;
        shared.push_all();
    }

    /// What the guard of this number complains of from now on.
    pub(crate) fn complain(&self, number: usize, alarms: &[Alarm]) {
        let mut shared = self.lock();
        let guard = shared.guards.entry(number).or_default();
        guard.alarms = alarms.iter().map(ToString::to_string).collect();
        shared.push_all();
    }

    /// The place of a host on the statefile.
    pub(crate) fn slot(&self, number: usize) -> u16 {
        let shared = self.lock();
        let config = shared.guards[&number].config.as_ref().unwrap();
        config.hosts.iter().find(|spec| spec.host == config.host).unwrap().slot
    }

    /// Running VMs, as the daemon of this host said it last.
    pub(crate) fn load(&self, number: usize) -> Option<u32> {
        self.lock().loads.get(&number).copied()
    }

    /// Commands that arrived so far.
    pub(crate) fn commands(&self) -> Vec<(usize, &'static str)> {
        self.lock().commands.clone()
    }

    /// Numbers of the guards that are armed.
    pub(crate) fn armed(&self) -> Vec<usize> {
        let shared = self.lock();
        shared.guards.iter().filter(|(_, g)| g.config.is_some()).map(|(n, _)| *n).collect()
    }

    /// A host loses its power, and the next one is named coordinator.
    pub(crate) fn fail(&self, number: usize, heir: usize) {
        let mut shared = self.lock();
        let guard = shared.guards.entry(number).or_default();
        let life = guard.life();
        guard.config = None;
        let heir = shared.guards[&heir].life().unwrap();
        shared.next(|epoch| {
            epoch.members.retain(|member| Some(*member) != life);
            epoch.coordinator = heir;
            epoch.area_next = Some((epoch.area_live + 1) % 4);
        });
        shared.push_all();
    }

    /// A member is named coordinator; the one before stays a member.
    pub(crate) fn name(&self, heir: usize) {
        let mut shared = self.lock();
        let heir = shared.guards[&heir].life().unwrap().host;
        assert_eq!(shared.hand_over(heir), Ok(()));
        shared.push_all();
    }

    /// A host that does not answer is put out; it may run on for a while.
    pub(crate) fn put_out(&self, number: usize) {
        let mut shared = self.lock();
        let Some(life) = shared.guards.entry(number).or_default().life() else { return };
        shared.leave_out(life);
        shared.push_all();
    }

    /// See [`EpochView::places`].
    pub(crate) fn places(&self) -> u64 {
        self.lock().chain.as_ref().and_then(|epoch| epoch.places).unwrap()
    }

    /// The time-outs of the newest epoch.
    pub(crate) fn timing(&self) -> Option<Timing> {
        self.lock().chain.as_ref().and_then(|epoch| epoch.timing)
    }

    /// An epoch with other time-outs is decided, after whoever asked for it was told that it was not.
    pub(crate) fn decide_late(&self, timing: Timing) {
        let mut shared = self.lock();
        shared.next(|epoch| epoch.timing = Some(timing));
        shared.push_all();
    }

    /// An epoch with other places is decided.
    pub(crate) fn take_places(&self, places: u64) {
        let mut shared = self.lock();
        shared.next(|epoch| epoch.places = Some(places));
        shared.push_all();
    }

    /// Whether the statefiles answer.
    pub(crate) fn lose_statefiles(&self, lost: bool) {
        let mut shared = self.lock();
        shared.statefiles_lost = lost;
        shared.push_all();
    }

    /// The guard that was late reads the last epoch.
    pub(crate) fn read_last(&self, number: usize) {
        let mut shared = self.lock();
        shared.wants.late = None;
        shared.leave(number);
        shared.push_all();
    }

    /// The area to which the coordinator copies.
    pub(crate) fn area_next(&self) -> Option<u8> {
        self.lock().chain.as_ref().and_then(|epoch| epoch.area_next)
    }

    /// The area that is live.
    pub(crate) fn area_live(&self) -> u8 {
        self.lock().chain.as_ref().unwrap().area_live
    }

    /// A last epoch is decided, though nobody waits for it.
    pub(crate) fn disarm(&self) {
        let mut shared = self.lock();
        shared.disarm();
        shared.push_all();
    }

    /// The host of this guard died, and the others know it.
    pub(crate) fn bury(&self, number: usize) {
        let mut shared = self.lock();
        let guard = shared.guards.entry(number).or_default();
        guard.clients.clear();
        let Some(life) = guard.life() else { return };
        guard.config = None;
        shared.dead.push(life);
        shared.next(|epoch| epoch.members.retain(|member| *member != life));
        shared.push_all();
    }

    /// A guard that was not armed starts anew, and remembers nothing.
    pub(crate) fn boot(&self, number: usize) {
        let mut shared = self.lock();
        shared.guards.entry(number).or_default().last = None;
        shared.push_all();
    }

    /// The keys of a guard.
    pub(crate) fn keys(&self, number: usize) -> Option<Keys> {
        self.lock().guards[&number].config.as_ref().map(|config| config.keys.clone())
    }

    /// Steps of changes of keys that were taken.
    pub(crate) fn steps(&self) -> Vec<(usize, KeyStep)> {
        self.lock().steps.clone()
    }

    /// The newest epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.lock().chain.as_ref().map_or(0, |epoch| epoch.number.0)
    }

    /// The configuration that the coordinator's guard has.
    pub(crate) fn config(&self) -> Option<ArmConfig> {
        self.lock().config.as_deref().cloned()
    }

    /// The configuration that one guard has.
    pub(crate) fn config_of(&self, number: usize) -> Option<ArmConfig> {
        self.lock().guards.get(&number)?.config.as_deref().cloned()
    }

    /// Numbers of the guards that are members.
    pub(crate) fn members(&self) -> Vec<usize> {
        let shared = self.lock();
        let member = |guard: &Guard| {
            guard.life().is_some_and(|life| {
                shared.chain.as_ref().is_some_and(|epoch| epoch.members.contains(&life))
            })
        };
        shared.guards.iter().filter(|(_, guard)| member(guard)).map(|(n, _)| *n).collect()
    }

    async fn serve(self, number: usize, stream: UnixStream) {
        let (reader, mut writer) = stream.into_split();
        let (sender, mut lines) = channel::<String>(LINES_MAX);
        {
            let mut shared = self.lock();
            shared.guards.entry(number).or_default().clients.push(sender.clone());
            shared.push_all();
        }
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if writer.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let mut requests = BufReader::new(reader).lines();
        while let Ok(Some(line)) = requests.next_line().await {
            let request: GuardRequest = serde_json::from_str(&line).unwrap();
            self.lock().take(number, request, &sender);
        }
    }
}

/// What is noted of a command; nothing of loads and questions.
fn name_of(command: &GuardCommand) -> &'static str {
    match command {
        GuardCommand::Format(_) => "format",
        GuardCommand::Arm(_) => "arm",
        GuardCommand::DatabaseCopied { .. } => "copied",
        GuardCommand::DatabaseClosed => "closed",
        GuardCommand::Reconfigure(_) => "reconfigure",
        GuardCommand::HandOver { .. } => "hand_over",
        GuardCommand::PutOut { .. } => "put_out",
        GuardCommand::Settle { .. } => "settle",
        GuardCommand::Exclude => "exclude",
        GuardCommand::Disarm => "disarm",
        GuardCommand::EmergencyDisarm => "emergency_disarm",
        GuardCommand::ProvenDead { .. } => "proven_dead",
        _ => "",
    }
}

impl Shared {
    fn take(&mut self, number: usize, request: GuardRequest, client: &Sender<String>) {
        let id = request.id;
        let name = name_of(&request.command);
        if !name.is_empty() {
            self.commands.push((number, name));
        }
        let result = match request.command {
            GuardCommand::Load { running, .. } => {
                let closed = self.commands.last() == Some(&(number, "closed"));
                self.commands.extend(closed.then_some((number, "load")));
                self.loads.insert(number, running);
                Ok(())
            }
            GuardCommand::Format(config) => {
                self.format(config);
                Ok(())
            }
            GuardCommand::Arm(_) if self.wants.refuses == Some(number) => {
                Err(refusal("HA_HOST_CANNOT_ACCESS_STATEFILE"))
            }
            GuardCommand::Arm(config) => self.guards.entry(number).or_default().arm(config),
            GuardCommand::DatabaseCopied { area, .. } => self.copied_to(area),
            GuardCommand::HandOver { to } => self.hand_over(to),
            GuardCommand::ProvenDead { .. } if !self.wants.word_counts => {
                Err(refusal("HA_TOO_EARLY"))
            }
            GuardCommand::ProvenDead { life, .. } => {
                self.dead.push(life);
                Ok(())
            }
            GuardCommand::Disarm if self.wants.no_disarm => Err(refusal("HA_NOT_COORDINATOR")),
            GuardCommand::Disarm => {
                self.disarm();
                Ok(())
            }
            GuardCommand::EmergencyDisarm => {
                self.leave(number);
                Ok(())
            }
            GuardCommand::Settle { host } => {
                self.settle = Some(host);
                Ok(())
            }
            GuardCommand::PutOut { host } => {
                let lives: Vec<Life> = self.guards.values().filter_map(Guard::life).collect();
                lives.into_iter().filter(|l| l.host == host).for_each(|l| self.leave_out(l));
                Ok(())
            }
            GuardCommand::Exclude => {
                self.exclude(number);
                Ok(())
            }
            GuardCommand::Reconfigure(_) if self.guards[&number].config.is_none() => {
                Err(refusal("HA_NOT_ENABLED"))
            }
            GuardCommand::Rekey(change) => self.rekey(number, &change),
            GuardCommand::Reconfigure(config) => {
                self.reconfigure(number, config);
                Ok(())
            }
            _ => Ok(()),
        };
        reply(client, id, result);
        self.go_on();
        self.push_all();
    }

    fn format(&mut self, config: Box<ArmConfig>) {
        let first = Life { host: config.first_coordinator, incarnation: Incarnation(0) };
        let genesis = epoch(0, Vec::new(), first, 0, None);
        let (generation, places) = (config.generation, Some(config.places()));
        let timing = Some(config.timing);
        self.config = Some(config);
        self.chain = Some(EpochView { generation, places, timing, ..genesis });
    }

    fn leave_out(&mut self, life: Life) {
        self.out.push(life);
        self.next(|epoch| epoch.members.retain(|member| *member != life));
    }

    fn copied_to(&mut self, area: u8) -> Result<(), GuardRefusal> {
        match self.wants.copies {
            Copies::Refused => return Err(refusal("HA_NOT_COORDINATOR")),
            Copies::Open => self.copied = Some(area),
            Copies::Decided => self.make_live(area),
        }
        Ok(())
    }

    fn next(&mut self, change: impl FnOnce(&mut EpochView)) {
        if let Some(epoch) = &mut self.chain {
            epoch.number = EpochNumber(epoch.number.0 + 1);
            change(epoch);
        }
    }

    fn make_live(&mut self, area: u8) {
        self.next(|epoch| {
            epoch.area_live = area;
            epoch.area_owner = Some(epoch.coordinator);
            epoch.area_next = None;
        });
    }

    fn hand_over(&mut self, to: HostId) -> Result<(), GuardRefusal> {
        let heir = self.guards.values().filter_map(Guard::life).find(|life| life.host == to);
        let heir = heir.ok_or_else(|| refusal("HOST_NOT_LIVE"))?;
        self.next(|epoch| {
            epoch.coordinator = heir;
            epoch.area_next = Some((epoch.area_live + 1) % 4);
        });
        Ok(())
    }

    fn exclude(&mut self, number: usize) {
        let guard = self.guards.entry(number).or_default();
        let Some(life) = guard.life() else { return };
        guard.config = None;
        if !self.wants.keeps_who_left {
            self.next(|epoch| epoch.members.retain(|member| *member != life));
        }
        self.guards.entry(number).or_default().last = self.chain.clone();
    }

    /// Carried out at once; that members understand each other then is the test's to see.
    fn rekey(&mut self, number: usize, change: &Rekey) -> Result<(), GuardRefusal> {
        if self.wants.old == Some(number) {
            return Err(refusal("MESSAGE_METHOD_UNKNOWN"));
        }
        let first = matches!(change.step, KeyStep::Accept(_));
        if self.wants.keeps_its_key == Some(number) && !first {
            return Err(refusal("HA_KEYS_NOT_READY"));
        }
        self.steps.push((number, change.step.clone()));
        let guard = self.guards.entry(number).or_default();
        let config = guard.config.as_mut().ok_or_else(|| refusal("HA_NOT_ENABLED"))?;
        config.keys = config.keys.after(&change.step).map_err(|_| refusal("HA_KEYS_NOT_READY"))?;
        let members: Vec<KeysView> = self.member_keys();
        let heard = |one: &KeysView| members.iter().all(|other| other.holds(one.sends.id));
        assert!(members.iter().all(heard), "a member is not understood: {members:?}");
        Ok(())
    }

    fn member_keys(&self) -> Vec<KeysView> {
        let member = |guard: &&Guard| {
            let life = guard.life();
            let epoch = self.chain.as_ref();
            life.is_some_and(|life| epoch.is_some_and(|epoch| epoch.members.contains(&life)))
        };
        let guards = self.guards.values().filter(member);
        guards.filter_map(|guard| guard.config.as_ref()?.keys.view()).collect()
    }

    /// The coordinator's guard decides what its configuration says.
    fn reconfigure(&mut self, number: usize, config: Box<ArmConfig>) {
        let guard = self.guards.entry(number).or_default();
        let keys = guard.config.as_ref().map_or(&config.keys, |before| &before.keys).clone();
        guard.config = Some(Box::new(ArmConfig { keys, ..(*config).clone() }));
        if guard.life() == self.chain.as_ref().map(|epoch| epoch.coordinator) {
            let listed = |life: &Life| config.hosts.iter().any(|spec| spec.host == life.host);
            self.next(|epoch| {
                epoch.members.retain(listed);
                epoch.places = Some(config.places());
                epoch.timing = Some(config.timing);
            });
            self.config = Some(config);
        }
    }

    fn leave(&mut self, number: usize) {
        let last = self.chain.clone().map(|epoch| EpochView { armed: false, ..epoch });
        let guard = self.guards.entry(number).or_default();
        if guard.config.take().is_some() {
            guard.last = last;
        }
    }

    /// Decides what may be decided.
    fn go_on(&mut self) {
        if self.wants.copies == Copies::Decided
            && let Some(area) = self.copied.take()
        {
            self.make_live(area);
        }
        self.forget();
        let Some(chain) = self.chain.clone().filter(|_| !self.wants.undecided) else { return };
        let members = self.member_keys();
        let lives = self.guards.values();
        let lives = lives.filter(|guard| guard.may_come(&chain) && guard.understands(&members));
        let lives = lives.filter_map(Guard::life);
        let lives: Vec<Life> = lives.filter(|life| !self.out.contains(life)).collect();
        let needed = match self.wants.founders {
            0 => self.config.as_ref().map_or(0, |config| config.hosts.len()),
            founders => founders,
        };
        if chain.number.0 == 0 && lives.len() >= needed {
            let first = lives.iter().find(|life| life.host == chain.coordinator.host);
            let coordinator = first.or(lives.first()).copied().unwrap();
            let first = epoch(1, lives, coordinator, 0, Some(1));
            let EpochView { generation, area_owner, places, timing, .. } = chain;
            self.chain = Some(EpochView { generation, area_owner, places, timing, ..first });
        } else if chain.number.0 > 0 && chain.armed && lives.len() > chain.members.len() {
            self.next(|epoch| epoch.members = lives);
        }
    }

    /// The place of a host that is taken out, when nothing counts on it.
    fn forget(&mut self) {
        let Some(host) = self.settle.filter(|host| self.wants.owed != Some(*host)) else { return };
        let places = self
            .config
            .as_ref()
            .map(|config| places_of(config.hosts.iter().filter(|spec| spec.host != host)));
        let member = |epoch: &EpochView| epoch.members.iter().any(|life| life.host == host);
        if self.chain.as_ref().is_some_and(|epoch| !member(epoch) && epoch.places != places) {
            self.next(|epoch| epoch.places = places);
            self.settle = None;
        }
    }

    fn disarm(&mut self) {
        self.next(|epoch| epoch.armed = false);
        let numbers: Vec<usize> = self.guards.keys().copied().collect();
        let late = self.wants.late;
        let read = numbers.into_iter().filter(|number| Some(*number) != late);
        read.for_each(|number| self.leave(number));
    }

    fn push_all(&mut self) {
        let (chain, lost) = (self.chain.clone(), self.statefiles_lost);
        let late = self.wants.late;
        let guards = self.guards.iter_mut().filter(|(number, _)| Some(**number) != late);
        for (number, guard) in guards {
            guard.pushes += 1;
            let (dead, peers) = (self.dead.clone(), peers(&self.out, &self.dead));
            let state = GuardState { dead, peers, ..state(guard, chain.as_ref(), lost) };
            let state = match self.wants.old == Some(*number) {
                true => GuardState { protocol: 2, keys: None, ..state },
                false => state,
            };
            let line = GuardLine::State(Box::new(state));
            let line = serde_json::to_string(&line).unwrap() + "\n";
            guard.clients.retain(|client| client.try_send(line.clone()).is_ok());
        }
    }
}
