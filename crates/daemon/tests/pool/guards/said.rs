//! What the guards say: answers to commands, their state, and the newest epoch as they tell of it.

use haven_cluster::control::{
    EpochView, GuardLine, GuardPhase, GuardRefusal, GuardReply, GuardState, PeerView, PermitKind,
    PermitView, StatefileView,
};
use haven_cluster::ids::{EpochNumber, Instant, Life};
use tokio::sync::mpsc::Sender;

use super::Guard;

pub(super) fn reply(to: &Sender<String>, id: u64, result: Result<(), GuardRefusal>) {
    let line = GuardLine::Reply(GuardReply { id, result });
    let _gone = to.try_send(serde_json::to_string(&line).unwrap() + "\n");
}

pub(super) fn refusal(code: &str) -> GuardRefusal {
    GuardRefusal { code: code.to_owned(), text: "the test wants it so".to_owned() }
}

/// Lives that were put out, as the others see them.
pub(super) fn peers(out: &[Life], dead: &[Life]) -> Vec<PeerView> {
    out.iter().map(|life| view(life, dead)).collect()
}

fn view(life: &Life, dead: &[Life]) -> PeerView {
    PeerView {
        host: life.host,
        incarnation: life.incarnation,
        heard_ms: Vec::new(),
        disk_ms: Some(1000),
        confirmed: EpochNumber(0),
        member: false,
        dead_in_ms: Some(if dead.contains(life) { 0 } else { 20_000 }),
        quarantined: false,
    }
}

pub(super) fn epoch(
    number: u64,
    members: Vec<Life>,
    coordinator: Life,
    area_live: u8,
    area_next: Option<u8>,
) -> EpochView {
    let number = EpochNumber(number);
    let generation = uuid::Uuid::nil();
    EpochView {
        generation,
        number,
        members,
        coordinator,
        q: 2,
        area_live,
        area_owner: Some(coordinator),
        area_next,
        armed: true,
        places: Some(0),
        timing: None,
        tolerate: None,
    }
}

pub(super) fn state(guard: &Guard, chain: Option<&EpochView>, lost: bool) -> GuardState {
    let me = guard.life();
    let epoch = if me.is_some() { chain.cloned() } else { guard.last.clone() };
    let member = me.filter(|me| epoch.as_ref().is_some_and(|e| e.armed && e.members.contains(me)));
    let phase = match (me, member) {
        (Some(_), Some(_)) if guard.asking => GuardPhase::AskingGuests("it is put out".to_owned()),
        (None, _) => GuardPhase::Idle,
        (_, Some(_)) => GuardPhase::Member,
        _ => GuardPhase::Joining("others".to_owned()),
    };
    let permit = member.map(|_| PermitView { kind: PermitKind::Disk, until: Instant(u64::MAX) });
    GuardState {
        sequence: guard.pushes,
        phase,
        me,
        may_act: member.is_some() && epoch.as_ref().map(|e| e.coordinator) == me,
        epoch,
        permit,
        statefiles: vec![StatefileView {
            uuid: uuid::Uuid::nil(),
            good_ms: (!lost).then_some(10),
            latency_us: 100,
        }],
        keys: guard.config.as_ref().and_then(|config| config.keys.view()),
        alarms: guard.alarms.clone(),
        ..GuardState::idle()
    }
}
