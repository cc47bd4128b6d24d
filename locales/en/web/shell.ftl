# The frame of the console: words that every screen shares.
product = Haven
cancel = Cancel
close = Close
back = Back
next = Next
new = New
copy = Copy
copied = Copied
try-again = Try again
reload = Reload the page
loading = Loading
warning = Warning
why = Why?
actions = Actions
tabs = Tabs
breadcrumb = Where this is
as-cli = The same on the command line
copy-as-cli = Copy as CLI: { $line }
and-more = … and { $count } more
notices = News
version = Version { $version }
served-by = Served by { $host }
toggle-tree = Show or hide the tree
skip-to-content = Skip to the content
language = Language
theme-dark = Dark
theme-light = Light
search-or-do = Search, or do something
palette = Commands and objects
palette-hint = A name, a page, or what to do: “start web1”
alerts = Alerts
alerts-count = { $count ->
    [one] { $count } alert asks for attention
   *[other] { $count } alerts ask for attention
}
user-name = User name
password = Password
sign-in = Sign in
sign-in-to = Sign in to { $pool }
sign-in-host = This page is served by { $host }.
sign-out = Sign out
session-ended = Please sign in again
session-ended-body = The session has ended. Everything on the page stays as it is.
away = The pool has not answered since { $since }. The page asks again by itself; what you see may be old.

wizard-steps = Steps
confirm-title = { $action }: { $count ->
    [one] { $name }
   *[other] { $count } objects
}
confirm-body = Do you want to go on?
confirm-type = To go on, type “{ $expected }”
action-failed = “{ $action }” did not succeed: { $object }

error-unreachable = The pool does not answer.
error-unreachable-remedy = The host may be down, or the network between. The page tries again by itself; any other host of the pool serves the same console.
error-page = This page made a mistake.
error-page-remedy = Nothing in the pool is affected. Reload the page; if it happens again, report what is written here.

filter-list = Filter
selected = { $count ->
    [one] { $count } selected
   *[other] { $count } selected
}
select-all = Select all
select-row = Select { $name }
nothing-matches = Nothing matches
nothing-matches-body = Nothing here contains “{ $query }”. Take away a word, or clear the filter.
object-gone = This object is not here any more
object-gone-body = It was deleted, or the address is wrong.
to-the-pool = To the pool

tree = Pool
tree-stopped = Stopped machines
tree-storage = { tab-storage }
tree-networks = { tab-networks }
tree-templates = Templates
tree-state-live = live
tree-state-lost = not answering
tree-state-disabled = in maintenance
tree-state-Running = running
tree-state-Halted = off
tree-state-Paused = paused
tree-state-Suspended = suspended

kind-pool = Pool
kind-host = { column-host }
kind-vm = Machine
kind-sr = { tab-storage }
kind-network = Network
kind-command = New
kind-page = Page
kind-action = Action

power-running = Running
power-halted = Off
power-paused = Paused
power-suspended = Suspended
host-live = Live
host-disabled = In maintenance
host-lost = Not answering
protection-protected = Protected
protection-best-effort = If there is room
protection-at-risk = At risk
protection-none = Not protected

tab-overview = Overview
tab-hosts = Hosts
tab-vms = { column-vms }
tab-storage = Storage
tab-networks = Networks
tab-availability = Availability
tab-performance = Performance
tab-settings = Settings
tab-history = History
tab-console = Console
tab-disks = Disks
tab-protection = { column-protection }
tab-paths = Hosts and paths

tasks = Tasks
tasks-none = Nothing is running
tasks-empty = Nothing has run in the last minutes. What you start appears here, with its progress.
tasks-running = { $count ->
    [one] { $count } task is running
   *[other] { $count } tasks are running
}
tasks-summary = { $count ->
    [one] { $name } { $object } · { $progress } %
   *[other] { $count } running · { $name } { $object } · { $progress } %
}
task-status-pending = Running
task-status-success = Done
task-status-failure = Failed
task-status-cancelling = Being cancelled
task-status-cancelled = Cancelled
task-VM-start = { vm-start }
task-VM-start-on = { vm-start }
task-VM-clean-shutdown = { vm-shutdown }
task-VM-shutdown = { vm-shutdown }
task-VM-hard-shutdown = { vm-power-off }
task-VM-clean-reboot = { vm-reboot }
task-VM-hard-reboot = { vm-reset }
task-VM-pause = { vm-pause }
task-VM-unpause = { vm-unpause }
task-VM-suspend = { vm-suspend }
task-VM-resume = { vm-resume }
task-VM-resume-on = { vm-resume }
task-VM-pool-migrate = { vm-migrate }
task-VM-clone = Clone
task-VM-copy = Copy
task-VM-provision = Make the disks
task-VM-destroy = { vm-delete }
task-VM-create = Create
task-SR-create = Create storage
task-SR-scan = Look at storage
task-PIF-scan = Look at the ports of a host
task-SR-forget = Forget storage
task-SR-destroy = Destroy storage
task-PBD-plug = Attach storage
task-PBD-unplug = Detach storage
task-host-disable = { host-disable }
task-host-enable = { host-enable }
task-host-evacuate = { host-evacuate }
task-host-destroy = Forget host
task-pool-eject = Remove host
task-pool-enable-ha = { protect-title }
task-pool-disable-ha = { protect-turn-off }
task-VDI-create = Create disk
task-VDI-destroy = Delete disk
task-VDI-resize = Resize disk
task-VDI-copy = Copy disk

welcome-title = Welcome to Haven
welcome-body = This host belongs to no pool yet. Found one here, or join the one you have: everything else is done in the console afterwards.
setup-code = Setup code of this host
setup-code-help = It shows that this host is yours. On the host, type:
way-create = Create a new pool
way-create-body = This host is the first one. Others join it later.
way-join = Join a pool
way-join-body = With a token from the console of that pool.
pool-name = Name of the pool
pool-name-example = School
new-password = Password for “root”
password-again = The password again
password-help = At least { $count } characters
password-differs = The two passwords differ
pool-create = Create the pool
pool-creating = Creating the pool …
join-token = Join token
join-token-help = In the console of the pool: New → Host. It serves once.
pool-join = Join the pool
pool-joining = Joining the pool …
this-host = This host: { $name }, { $address }
check-ok = Good
check-bad = Look at this
check-hypervisor = Hypervisor
check-virtualisation = Virtualisation
check-memory = { column-memory }
check-links = Network links up
check-address = { column-address }
way-demo = Just look (demo)
way-demo-body = A pool that is none, to look around in. Nothing happens to this host.
demo-body = Four hosts and forty machines that do not exist. You can open every page; nothing can be changed.
demo-open = Look around
demo-banner = This is a demo: nothing here is real, and nothing can be changed.
demo-leave = Leave the demo
demo-refused = This is a demo: nothing can be changed.
demo-refused-remedy = Leave it, and create or join a pool.
time-zone = Times are shown in the time zone { $zone }. You choose another beside the language.

## The tree's orders

tree-by = Machines by
tree-by-hosts = { tab-hosts }
tree-by-folders = Folders
tree-by-tags = { vm-tags }
tree-unfiled = In no folder
tree-untagged = Without a tag
check-name = { column-name }
check-clock = { host-check-clock }
check-zone = { zone }
check-fix-of = Command for: { $what }
first-hypervisor = libvirt does not answer. On the host, type:
first-virtualisation = Machines would be emulated and slow. Turn virtualisation on in the firmware of the host; if it is on, load its driver:
first-memory = Less than 1 GiB: there is hardly room for machines. Give the host more memory.
first-links = No port has a link. Check the cables; this shows the ports:
first-address = It comes by DHCP and may change; the other hosts would lose this one. Give it a fixed address before others join:
first-name = The name of this host leads nowhere, or to itself alone. Enter it in the DNS of your network, or give the host the name that stands there:
first-clock = The clock differs from that of your computer. Let the host take the time from the network:
first-zone = The host is in another time zone than your computer; its logs are written in its own. To set yours:
zone = Time zone
zone-body = All times that the console shows you are in this zone. The pool keeps it under your name: it is the same at every browser.
zone-body-browser = All times that the console shows are in this zone. It stays in this browser.
zone-browser = That of the browser ({ $zone })
zone-pool = That of the pool ({ $zone })
zone-all = All time zones
zone-now = There it is now { $time }.
zone-set = Use this time zone
pools-found = Pools found on this network
pools-found-none = None yet. A pool that is in another network, or told not to show itself, is joined with a token all the same.
pool-found-at = { $host }, { $address } · version { $version }
pool-token-page = Now a token of { $pool } is needed. Its console gives one under New → Host:
pool-token-command = Or type on one of its hosts:
pool-found-proves = What was found proves nothing: anybody in the network can use any name. The token proves the pool.
join-other-pool = This token is not of { $pool }
join-other-pool-body = The token names another certificate than the pool that you picked shows. Either the token is of another pool, or somebody in the network uses the name of yours. Ask whoever gave you the token which pool it is of.
join-by-token = Forget what I picked; join the pool of the token
