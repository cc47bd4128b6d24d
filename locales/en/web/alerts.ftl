# Alerts: what happened (also by case), what exactly (-detail), what to do (-remedy). The command line says the same.
alert-HA-HOST-FAILED = A host was lost; its protected machines are started elsewhere
alert-HA-HOST-FAILED-remedy = Find out why: power, network, or the machine itself. When it comes back it joins by itself.
alert-HA-HOST-WAS-FENCED = A host stopped itself so that its machines could run elsewhere
alert-HA-HOST-WAS-FENCED-remedy = Look at its network and storage connections at that time.
alert-HA-STATEFILE-LOST = A host cannot write to the heartbeat storage
alert-HA-STATEFILE-LOST-remedy = Mend its storage connection before the network fails as well.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT = Heartbeats over the network are late
alert-HA-STATEFILE-APPROACHING-TIMEOUT = The heartbeat storage is slow
alert-HA-STATEFILE-APPROACHING-TIMEOUT-remedy = If this happens often, use the conservative timing.
alert-HA-POOL-OVERCOMMITTED = Not every protected machine would find room after a loss
alert-HA-POOL-OVERCOMMITTED-remedy = Add memory or hosts, protect fewer machines, or promise fewer losses.
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR = The pool survives fewer losses than before
alert-HA-PROTECTED-VM-RESTART-FAILED = A protected machine could not be restarted
alert-HA-PROTECTED-VM-RESTART-FAILED-remedy = The pool goes on trying. Make room, or see why in the history of the machine.
alert-VM-STARTED = Machine started
alert-VM-SHUTDOWN = Machine shut down
alert-VM-REBOOTED = Machine rebooted
alert-VM-MIGRATED = Machine moved to another host
alert-VM-PAUSED = Machine paused
alert-VM-UNPAUSED = Machine goes on
alert-VM-SUSPENDED = Machine suspended
alert-VM-RESUMED = Machine resumed
alert-VM-CRASHED = Machine crashed
alert-VM-CLONED = Machine cloned
alert-POOL-MASTER-TRANSITION = Another host coordinates the pool
alert-HOST-CLOCK-SKEW-DETECTED = The clock of a host is wrong
alert-HOST-CLOCK-SKEW-DETECTED-remedy = Set up NTP on it.
alert-PBD-PLUG-FAILED-ON-SERVER-START = Storage could not be attached when a host started
alert-PBD-PLUG-FAILED-ON-SERVER-START-remedy = Look at the storage's page: it says why, and repairs.
alert-ALARM = Something needs a person
alert-ALARM-two-hosts = A machine runs on two hosts at once
alert-ALARM-two-hosts-remedy = Cut the power of one of the two at once, then look at the disks of the machine.
alert-ALARM-broken = Something happened that high availability promises never to happen
alert-ALARM-broken-detail = What is broken is called { $invariant }; the documents say what it means.
alert-ALARM-broken-remedy = Stop changing things, keep the logs of all hosts, and look on which hosts each machine runs.
alert-ALARM-daemon-silent = The management of a host does not answer, though the host lives
alert-ALARM-daemon-silent-detail = The havend of { $host } has not reported for { $seconds } s. Its machines run on, and are protected if the host fails; nothing can be started, stopped or moved there.
alert-ALARM-daemon-silent-remedy = Look at the log of havend on that host, and at its memory and root disk; then start it: systemctl restart havend
alert-ALARM-storage-lost = A host has lost storage that others have
alert-ALARM-storage-lost-detail = { $host } does not reach { $sr }; { $vms ->
    [0] no machine hangs on it.
    [one] one machine hangs on it.
   *[other] { $vms } machines hang on it.
}
alert-ALARM-storage-lost-remedy = Mend the path: cable, switch, export, route. Whether its machines are moved after a while, the pool's policy says.
alert-ALARM-storage-lost-everywhere = Storage is lost on all hosts
alert-ALARM-storage-lost-everywhere-detail = No host reaches { $sr }; { $vms ->
    [0] no machine hangs on it.
    [one] one machine hangs on it.
   *[other] { $vms } machines hang on it.
} Nobody is moved.
alert-ALARM-storage-lost-everywhere-remedy = Mend the storage. Machines go on, or are started, when it is back.
alert-ALARM-storage-back = Storage that was lost is back
alert-ALARM-storage-back-detail = All hosts reach { $sr } again.
alert-ALARM-storage-no-room = Machines hang on lost storage, and elsewhere there is no room for them
alert-ALARM-storage-no-room-detail = { $host } has lost { $sr }. Its machines stay there until there is room for all of them.
alert-ALARM-storage-no-room-remedy = Make room on hosts that have the storage, or mend the path.
alert-ALARM-storage-held = A host cannot let go of lost storage
alert-ALARM-storage-held-detail = { $host } may still write to { $sr }, so machines that were ended there are started nowhere else. { $why }
alert-ALARM-storage-held-remedy = Mend the path, or switch the host off.
alert-ALARM-storage-stuck = A machine on lost storage cannot be ended
alert-ALARM-storage-stuck-detail = Its process on { $host } is still there, so it is started nowhere else. { $why }
alert-ALARM-storage-stuck-remedy = Mend the path, or switch the host off.
alert-HA-HOST-FAILED-detail = { $vms ->
    [0] No machine was on it.
    [one] One machine was on it.
   *[other] { $vms } machines were on it.
} It was given up { $noticed } s after its last sign of life, and had certainly stopped its machines after { $stopped } s.
alert-HA-HOST-FAILED-not-proven-off = A host could not be switched off for sure
alert-HA-HOST-FAILED-not-proven-off-detail = { $why }. Its machines start elsewhere as soon as it has certainly stopped them by itself.
alert-HA-HOST-FAILED-not-proven-off-remedy = Look at its fencing device: address, user and password.
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented = Machines wait for their restart: restarts are prevented for now
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented-remedy = They go on when that time is over.
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR-detail = { $now ->
    [0] It cannot lose a host now;
    [one] It can lose one host now;
   *[other] It can lose { $now } hosts now;
} before it was { $before }.
alert-HA-POOL-OVERCOMMITTED-detail = { $now ->
    [0] It cannot lose a host now.
    [one] It can lose one host now.
   *[other] It can lose { $now } hosts now.
}
alert-HA-POOL-OVERCOMMITTED-forced = Something was done although not every protected machine would find room then
alert-VM-SHUTDOWN-by-itself = The guest shut itself down
alert-VM-SNAPSHOTTED = Snapshot taken
alert-VM-CHECKPOINTED = Snapshot with memory taken
alert-VM-SNAPSHOT-REVERTED = Machine set back to a snapshot
alert-HA-STATEFILE-LOST-foreign-statefile = The heartbeat storage belongs to another arming
alert-HA-STATEFILE-LOST-foreign-statefile-detail = On { $statefile } lies what another pool, or an earlier protection, wrote.
alert-HA-STATEFILE-LOST-foreign-statefile-remedy = See that no other pool uses this storage; then replace the heartbeat volume, or turn protection off and on.
alert-HA-STATEFILE-LOST-bad-superblock = The heartbeat volume is damaged
alert-HA-STATEFILE-LOST-bad-superblock-detail = Its head on { $statefile } cannot be read.
alert-HA-STATEFILE-LOST-bad-superblock-remedy = Replace the heartbeat volume, or turn protection off and on.
alert-HA-STATEFILE-LOST-regressed-statefile = The heartbeat volume is an older copy of itself
alert-HA-STATEFILE-LOST-regressed-statefile-detail = What lies on { $statefile } was there before: it was put back from a copy.
alert-HA-STATEFILE-LOST-regressed-statefile-remedy = Never put this storage back from a copy while protection is on. Replace the heartbeat volume.
alert-HA-STATEFILE-LOST-lost-statefile = One of the heartbeat volumes does not answer
alert-HA-STATEFILE-LOST-lost-statefile-detail = It is on { $statefile }. The others carry on; the next loss would count.
alert-HA-STATEFILE-LOST-lost-statefile-remedy = Mend this storage, or replace the heartbeat volume.
alert-HA-STATEFILE-LOST-silent-statefile = No heartbeat storage answers
alert-HA-STATEFILE-LOST-silent-statefile-detail = The hosts hold on to each other over the network alone.
alert-HA-STATEFILE-LOST-silent-statefile-remedy = Mend the storage before the network fails as well.
alert-HA-STATEFILE-LOST-bad-ballot = What a host wrote to the heartbeat volume is damaged
alert-HA-STATEFILE-LOST-bad-ballot-detail = It is the place of { $host } on { $statefile }.
alert-HA-STATEFILE-LOST-bad-ballot-remedy = Look at the storage; then replace the heartbeat volume.
alert-HA-STATEFILE-LOST-diskless = A host has not reached the heartbeat storage for a minute
alert-HA-STATEFILE-LOST-diskless-detail = It is { $host }. If the network fails now, it stops its machines.
alert-HA-STATEFILE-LOST-diskless-remedy = Mend its path to the storage. Its machines are being moved to other hosts; if the storage is not back within another minute, the host is put out, and protected machines that are still there start elsewhere.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog = The host has no watchdog that acts in time
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-detail = It may run no protected machine until it has one.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-remedy = Load the hardware's watchdog driver, or softdog, with a time-out that is short enough.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark = Every host is alone
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-detail = No host hears another, and nobody reaches the addresses that are always there.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-remedy = Look at the switch of the heartbeat network. The storage alone decides now.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted = Some hosts do not hear each other
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted-remedy = Look at cables and switches between them; the availability page shows which.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined = A host came and went too often
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-detail = { $host } was put out three times within an hour, and is not taken back for now.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-remedy = Find out what is wrong with it; then release it: haven host enable { $host }
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs = Too many changes of membership are unfinished
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-detail = No host can join until some of them are over.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-remedy = Start the hosts that are missing, or turn protection off and on.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin = Another machine has this host's name
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin-detail = One is a copy of the other's disk. The one that started later stands back and runs nothing.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin-remedy = Switch the copy off, remove /var/lib/haven from its disk, and let it join as a host of its own.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot = A host sits in another one's place
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-detail = It is the place of { $host }.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-remedy = Two hosts were made from one image: set one of them up anew.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy = Many heartbeats of a host are lost
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy-detail = At least a quarter of what { $host } sends over the network is lost, or comes late.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy-remedy = Look at its network card, cable and switch port, and at how busy the network is.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network = A host is silent on one heartbeat network
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network-detail = Nothing comes from { $host } on heartbeat network { $network }; another one carries on. If that fails too, the host may have to give way.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network-remedy = Look at its network card, cable and switch port on that network.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked = Two hosts do not hear each other
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked-detail = { $host } and { $other } have no link that works both ways; other hosts hear both. If the network fails further, one of the two may have to give way.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked-remedy = Look at cables and switch ports between the two, and at filters that drop packets in one direction.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network = One heartbeat network brings nothing
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network-detail = It hears no other host on heartbeat network { $network }; another one carries on.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network-remedy = Look at the switch of that network, and at the host's connection to it.
alert-ALARM-strangers = Somebody forges heartbeats
alert-ALARM-strangers-detail = Packets arrive on the heartbeat network that no host of this pool signed. They are ignored.
alert-ALARM-strangers-remedy = Find out who sends them: an intruder, a host with an earlier arming of this pool, or another pool on the same addresses. Keep strangers off that network.
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile = The heartbeat storage is slow
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile-detail = { $statefile } takes long to answer, compared with the time-outs. If it gets slower, hosts may take it for lost.
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile-remedy = See what else keeps the storage busy. If it is always that slow, turn protection on with the conservative timing.
alert-VM-STARTED-detail = On { $host }.
alert-VM-STARTED-failover = Protection restarted the machine
alert-VM-STARTED-failover-detail = On { $host }. It was not moved: it booted anew.
alert-VM-RESUMED-detail = On { $host }.
alert-VM-MIGRATED-detail = From { $from } to { $to }.
alert-VM-CLONED-detail = The copy is called { $to }.
alert-VM-SNAPSHOTTED-detail = It is called { $snapshot }.
alert-VM-CHECKPOINTED-detail = It is called { $snapshot }.
alert-VM-SNAPSHOT-REVERTED-detail = It is { $snapshot }.
alert-VM-SHUTDOWN-forced = Machine switched off without asking its guest
alert-VM-REBOOTED-forced = Machine reset without asking its guest
alert-ALARM-forgotten = Protection is off
alert-ALARM-forgotten-detail = It has been off for { $hours } hours. No machine is restarted when its host fails; { $vms } are set to be.
alert-ALARM-forgotten-remedy = Turn it on again: haven ha enable. If it is to stay off, end the reminders: haven ha policy remind_hours=0
alert-ALARM-pause-over = The pause of protection is over
alert-ALARM-pause-over-detail = Machines of a lost host are restarted again. The pause was { $by }'s: { $reason }
alert-ALARM-guest-reset = A machine hung and was reset
alert-ALARM-guest-reset-detail = { $vm } gave no sign of life for { $seconds } s. It is reset { $most } times within its window at most; this was number { $count }.
alert-ALARM-guest-reset-remedy = Find out in its own logs why it hung. What its screen showed before is kept.
alert-ALARM-guest-hangs = A machine hangs and is not reset any more
alert-ALARM-guest-hangs-detail = { $vm } hung again and has been reset often enough.
alert-ALARM-guest-hangs-remedy = Look at its console, and restart it yourself. The pool goes on watching when its agent answers and the window is over.
alert-ALARM-guest-loops = A machine boots again and again
alert-ALARM-guest-loops-detail = { $vm } is left alone.
alert-ALARM-guest-loops-remedy = Look at its console: it does not come up, or something in it restarts it.
alert-ALARM-guest-ends = A machine stops again and again
alert-ALARM-guest-ends-detail = { $vm } is not started any more.
alert-ALARM-guest-ends-remedy = Find out why it stops, then start it.
alert-ALARM-guest-unmonitored = A machine cannot be watched
alert-ALARM-guest-unmonitored-detail = The guest agent of { $vm } has not answered since it booted.
alert-ALARM-guest-unmonitored-remedy = Install the guest agent and start it, or turn the watch off.
alert-ALARM-drill-passed = A drill passed: all protected machines run again
alert-ALARM-drill-passed-detail = { $host } was put out by { $by }; { $vms } machines ran elsewhere after { $seconds } s.
alert-ALARM-drill-failed = A drill failed: not all protected machines run again
alert-ALARM-drill-failed-detail = { $host } was put out by { $by }. After { $seconds } s these do not run: { $behind }
alert-ALARM-drill-failed-remedy = See why in the history of these machines and of the host.
alert-METADATA-LUN-BROKEN = The volume that keeps the pool's database for its hosts is not in order
alert-METADATA-LUN-BROKEN-remedy = Machines run on. Mend the storage that it is on; it is written anew by itself then.
alert-METADATA-LUN-HEALTHY = The volume with the pool's database is well again
alert-HOST-CONSOLE-OPENED = The console of a host was opened
alert-HOST-CONSOLE-OPENED-detail = { $host }, by { $user } from { $from }.
alert-HOST-CONSOLE-CLOSED = The console of a host was closed
alert-HOST-CONSOLE-CLOSED-detail = { $host }, by { $user } from { $from }, after { $seconds } s.
