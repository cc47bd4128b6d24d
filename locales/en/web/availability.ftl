# Availability, and turning protection on.
promise = Promise
failures-to-survive = Hosts that may be lost at one time
failures-possible = { $possible ->
    [0] There is no room to lose a host.
    [one] There is room to lose one host.
   *[other] There is room to lose { $possible } hosts.
}
fewer = Fewer
more = More
timing = How soon (timing: { $profile })
protect-turn-off = Turn off protection
protect-turn-off-confirm = Machines of a lost host will not be restarted any more. They run on now as they are.
policy-is-so-already = It is so already.
policy-restart = { protection-protected }
policy-best-effort = { protection-best-effort }
policy-none = { protection-none }
policy-restart-do = Protect
policy-best-effort-do = Protect if there is room
policy-none-do = Do not protect
policy-of = Protection of { $name }
policy-for-all = For all:
heartbeats = Heartbeats
heartbeats-off = Protection is off: hosts watch each other only to show whether they live.
coordinator = coordinates
beat-network = { kind-network }
beat-storage = Storage
beat-permit = May run machines by
beat-heard = heard
beat-missing = not heard
permit-disk = storage
permit-votes = votes
member-member = { host-role-member }
member-live = { host-live }
member-dying = Being given up
member-dead = Lost
member-silent = Silent
member-out = Not a member
heartbeat-storage = The heartbeat storage
statefile-good = { $sr } takes heartbeats
statefile-bad = { $sr } does not answer
milliseconds = { $value } ms
seconds = { $count } s
what-if = What if …
what-if-body = Choose hosts: the pool computes where their machines would run again. Nothing is done.
what-if-hosts = Hosts that fail
if-host-fails = { $host } fails
what-if-result = { $count ->
    [one] One machine runs again
   *[other] { $count } machines run again
}{ $lost ->
    [0] { "." }
    [one] , one does not find room.
   *[other] , { $lost } do not find room.
}
what-if-nothing = Nothing would have to be restarted
what-if-nothing-body = No running machine of these hosts is protected.
clear = Clear
column-policy = { column-protection }
column-order = Order
column-delay = Delay
column-restarts-on = Runs again on
restarts-nowhere = nowhere
policies = Which machines ({ $count } restart when their host is lost)
policies-body = Choose machines and change them together. A lower order starts first.

protect-title = Turn on protection
protect-is-on = Protection is on already.
protect-step-check = Check
protect-step-storage = Heartbeat storage
protect-step-machines = { column-vms }
protect-step-review = { step-review }
protect-why-check = A host that is cut off must be told from one that is dead, and stopped before its machines start elsewhere. That takes a second host to go to, and storage that all of them reach.
protect-why-storage = Every host writes a sign of life to this storage every second. A host that can neither be heard nor write is stopped. Three storages survive the loss of one.
protect-why-machines = “Protected” keeps memory free on other hosts, so that the restart is sure. “If there is room” keeps nothing free. This can be changed at any time.
protect-why-review = First every host is checked: guard, watchdog, clock, storage, network. If a check fails, nothing is changed.
protect-no-storage-chosen = Choose at least one storage.
protect-too-many = There is room for the loss of { $possible } only.
protect-no-vms = Protection works without machines. New machines can be protected when they are made.
check-state-good = Good
check-state-warning = Worth a thought
check-state-bad = Missing
check-hosts = { $count ->
    [one] The pool has one host; two are needed.
   *[other] The pool has { $count } hosts.
}
check-live = All hosts answer.
check-lost = Not answering: { $names }.
check-shared = Shared storage: { $names }.
check-no-shared = There is no storage that every host reaches.
check-attached = It is attached to every host.
check-attached-later = Whether every host reaches it is seen when there is one.
check-detached = Not attached to every host: { $names }.
check-two-hosts = With two hosts, storage alone decides who goes on when the network fails. A third host makes it surer.
check-three-hosts = Three hosts or more can vote.
check-more-later = Guard, watchdog, clocks and paths are checked on every host at the end.
storage-fits = { $type }, { $free } free
storage-hint = It takes 4 MiB for the heartbeats, and a copy of the pool's database.
review-machines = { $sure } protected, { $tried } if there is room, { $none } not protected
profile = Timing
profile-fast = Fast
profile-fast-body = A lost host is given up after some seconds. For quick, reliable storage.
profile-default = Normal
profile-default-body = Restart begins within about 23 seconds. Right for most.
profile-conservative = Patient
profile-conservative-body = For storage that may stall for half a minute.

# How soon what happens.
limit-restart = A host loses power, or hangs: its protected machines begin to start elsewhere within { $seconds } s.
limit-takeover = The coordinator loses power, or hangs: another host takes over, and protected machines begin to start within { $seconds } s; a large pool database on slow storage takes longer.
limit-isolated = A host loses network and storage: it stops its machines within { $seconds } s, before they start elsewhere.
limit-network = A host loses its network alone: the hosts agree on who stays, { $seconds } s later at the earliest.
limit-storage = The storage stalls for all: nothing happens to hosts that hear each other while they are more than half of all, and more than the failures to survive; else hosts stop their machines within { $seconds } s.
limit-watchdog = The guard of a host hangs: its watchdog resets the host within { $seconds } s.
limit-guests = A host that has to give way still reaches its storage: it asks its machines to shut down, and stops those that have not after { $seconds } s; only then do they start elsewhere.
pause-on = Protection pauses until { $until } ({ $left } left)
pause-by = By { $by }: { $reason }
drill = Run drill
drill-title = Run a drill
drill-body = A rehearsal stops nothing. A drill is the real thing: a host is put out as if it were lost.
drill-kind = What is tried
drill-rehearse = Rehearse
drill-rehearse-body = Looks at every path of every host, and plays the loss of each one through.
drill-host = Put { $host } out for real
drill-put-out = Put the host out
drill-loss = { $count ->
    [0] No machine runs on { $host }; it leaves the pool and comes back by itself.
    [one] The machine on { $host } stops at once. { $sure } protected, restarting elsewhere within { $seconds } s.
   *[other] The { $count } machines on { $host } stop at once, without asking their guests. { $sure } of them are protected: they begin to boot elsewhere within { $seconds } s.
}
drill-bare = Not protected: { $names }. Protect them, move them away or shut them down first: nobody would start them again.
drill-is-running = A drill is under way: { $host } was put out.
drill-never = No drill yet: run one while nothing depends on it.
drill-last-host = Last drill { $ago } — { $result }
drill-last-rehearsal = Last rehearsal { $ago } — { $result }
drill-passed = passed
drill-failed = failed
drill-by = { $by }, { $at }.
drill-told = { $host } was put out; { $count } protected machines ran elsewhere after { $time }.
drill-behind = These did not come back: { $names }
drill-rehearsal-passed = The rehearsal passed: the pool would survive the loss of any one host now.
drill-rehearsal-failed = { $count ->
    [one] The rehearsal found one thing that is wrong.
   *[other] The rehearsal found { $count } things that are wrong.
}
drill-finding-paused = Protection is paused.
drill-finding-missing = { $host } is no member now.
drill-finding-network = { $host } is not heard on heartbeat network { $network }.
drill-finding-storage = { problem-no-storage-beat }
drill-finding-statefile = The heartbeat storage { $sr } does not answer.
drill-finding-room = Without { $host } there is no room for { $vm }.
protect-settings = Settings of protection
protect-settings-body = They change while protection stays on. How much room is kept, `haven ha policy` says.
protect-settings-do = Change
protect-settings-same = { settings-unchanged }
isolation = A host that is cut off from the network but has its storage
isolation-fence = Stops its machines at once
isolation-fence-body = They start elsewhere as soon as can be.
isolation-shutdown = Asks its machines to shut down first
isolation-shutdown-body = Their data are in order; the restart takes longer.
isolation-hold = Lets them run as long as it can
isolation-hold-body = For networks that fail more often than hosts.
what-if-any = Any hosts that fail
if-any-fail = { $count ->
    [one] Any one fails
   *[other] Any { $count } fail
}
if-any-good = { $count ->
    [one] Whichever it is, all protected machines run again.
   *[other] Whichever { $count } they are, all protected machines run again.
}
if-any-bad = { $count ->
    [one] Not after the loss of every host would all protected machines find room.
   *[other] Not after the loss of any { $count } hosts would all protected machines find room.
}
beat-network-of = Network { $number }
beat-watchdog = Watchdog
beat-power = Power fencing
watchdog-none = done without
power-none = not set up
policy-for = For:
policy-for-everything = all machines
policy-for-tag = those tagged { $tag }
protect-rehearse = Rehearse the loss of every host afterwards
protect-rehearse-body = It stops nothing, and is kept as the first entry of the drills.
check-static = Every host has a fixed address.
check-dhcp = The address of these hosts comes by DHCP: { $names }.
check-dhcp-remedy = If it changes, the others lose the host. Give it a fixed address, on the host:
check-paths = A second path for heartbeats: { $names }.
check-one-path = Heartbeats go over one network alone.
check-one-path-remedy = A second network in which every host has a fixed address, such as that of the storage, keeps the hosts together when a switch fails.
check-fencing = Every host can be switched off by its power control.
check-no-fencing = No power control is set up for: { $names }.
check-no-fencing-remedy = It works without: lost machines then wait until their host has surely stopped. With it they start sooner.
check-bound = { $vm } could not run on another host: { $why }
see-machine = See the machine
check-each-host = What each host says
check-asking = The hosts are asked …
check-again = Ask again
arming-guard = Guard
arming-guard-bad = The guard does not answer, or is not set up for this host: what it lacks is said below. If it does not run, on that host: sudo systemctl start haven-guard
arming-watchdog = { beat-watchdog }
arming-watchdog-bad = No watchdog that the guard can use: nothing resets the host when it hangs. Load the driver of its watchdog, or on that host: sudo modprobe softdog
arming-watchdog-warning = The watchdog does not help in every case; below is what was found. Software alone stands still when the kernel does: if the hardware has one, load its driver.
arming-peers = Reaches the others
arming-peers-bad = It does not reach another host of the pool. Look at its network and at its firewall.
arming-clock = { host-check-clock }
arming-clock-warning = Its clock is off from the coordinator's. On that host: sudo timedatectl set-ntp true
protect-bare = Go on without a watchdog on { $names }
protect-bare-risk = A host that hangs and then goes on may write to disks of machines that were started elsewhere meanwhile, and destroy them.
protect-paths = More networks for heartbeats
protect-paths-body = Every host has a fixed address there. One fault does not part the hosts then.
storage-two = With two chosen, one is used: both would have to answer. Choose three to survive the loss of one.
watchdog-armed = armed
watchdog-waits = not armed
watchdog-within = (resets within { $seconds } s)
power-agents = { $mode } and { NUMBER($count) } in all
messages-show = What the messages mean
messages-title = Messages of protection
messages-body = What protection can tell of, and what it can refuse: what each message means, and what to do then.
messages-find = Find a message
messages-refusals = Refusals
messages-now = { $count ->
    [one] One waits now
   *[other] { $count } wait now
}
