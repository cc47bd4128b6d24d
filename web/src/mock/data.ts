// Rows of a believable pool.
import type { Records } from "@/generated/xenapi";
import { takeSnapshot } from "./snapshots";
import { MockTables } from "./tables";

const GIB = 2 ** 30;
const NULL = "OpaqueRef:NULL";

export interface MockSize {
  hosts: number;
  vms: number;
  /** Whether high availability is on. */
  isArmed?: boolean;
  /** Whether the hosts still have to be added, as after the first run. */
  isFresh?: boolean;
}

function wire(ms: number): string {
  return new Date(ms).toISOString().replace(/-/g, "").replace(/\.\d+/, "");
}
export const wireNow = (): string => wire(Date.now());
const EPOCH = wire(0);

/** A uuid that is the same in every run. */
export function fixed(kind: number, index: number): string {
  return `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
}

export function vmOperations(state: string): Records["VM"]["allowed_operations"] {
  switch (state) {
    case "Running": return ["pause", "suspend", "clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot", "pool_migrate", "snapshot", "checkpoint", "changing_VCPUs_live"];
    case "Halted": return ["start", "start_on", "clone", "copy", "destroy", "make_into_template", "changing_VCPUs", "snapshot", "checkpoint"];
    case "Paused": return ["unpause", "hard_shutdown", "hard_reboot", "pool_migrate", "snapshot", "checkpoint"];
    default: return ["resume", "resume_on", "hard_shutdown"];
  }
}

/** A machine; the rest as a new one has it. */
export function vmRow(given: Partial<Records["VM"]>): Partial<Records["VM"]> {
  const state = given.power_state ?? "Halted";
  return {
    name_label: "vm",
    name_description: "",
    power_state: state,
    allowed_operations: vmOperations(state),
    current_operations: {},
    blocked_operations: {},
    is_a_template: false,
    is_a_snapshot: false,
    is_control_domain: false,
    is_default_template: false,
    resident_on: NULL,
    affinity: NULL,
    memory_static_max: 2 * GIB,
    memory_dynamic_max: 2 * GIB,
    memory_dynamic_min: 2 * GIB,
    memory_static_min: GIB / 2,
    VCPUs_max: 2,
    VCPUs_at_startup: 2,
    VBDs: [],
    VIFs: [],
    consoles: [],
    snapshots: [],
    snapshot_of: NULL,
    parent: NULL,
    tags: [],
    metrics: NULL,
    guest_metrics: NULL,
    ha_restart_priority: "",
    order: 0,
    start_delay: 0,
    other_config: {},
    platform: {},
    HVM_boot_params: {},
    PV_kernel: "",
    PV_ramdisk: "",
    PV_args: "",
    ...given,
  };
}

const WORDS = ["web", "db", "mail", "files", "build", "教室", "aula", "git", "proxy", "cache"];

function addHost(tables: MockTables, index: number): string {
  const metrics = tables.insert("host_metrics", {
    uuid: fixed(2, index),
    memory_total: 64 * GIB,
    memory_free: 40 * GIB,
    live: true,
    last_updated: wireNow(),
  });
  return tables.insert("host", {
    uuid: fixed(1, index),
    name_label: `host${index}`,
    name_description: "",
    hostname: `host${index}`,
    address: `10.77.0.${index}`,
    timezone: "Asia/Shanghai",
    enabled: true,
    metrics,
    allowed_operations: ["provision", "evacuate", "vm_start", "vm_migrate"],
    current_operations: {},
    resident_VMs: [],
    PBDs: [],
    PIFs: [],
    host_CPUs: [],
    tags: [],
    other_config: {},
    capabilities: ["hvm-3.0-x86_64"],
    software_version: { product_brand: "Haven", product_version: "0.1.0", xapi: "25.6" },
    cpu_info: { cpu_count: "16", socket_count: "1", modelname: "AMD EPYC 7302P", vendor: "AuthenticAMD" },
    ha_statefiles: [],
    ha_network_peers: [],
  });
}

function addStorage(tables: MockTables, hosts: readonly string[]): string {
  const shared = tables.insert("SR", {
    uuid: fixed(3, 1),
    name_label: "vms",
    name_description: "NFS of the storage server",
    type: "nfs",
    content_type: "user",
    shared: true,
    physical_size: 4096 * GIB,
    physical_utilisation: 1270 * GIB,
    virtual_allocation: 2300 * GIB,
    PBDs: [],
    VDIs: [],
    tags: [],
    other_config: {},
    allowed_operations: ["scan", "destroy", "forget", "plug", "unplug", "vdi_create"],
    current_operations: {},
  });
  const pbds = hosts.map((host) => {
    const pbd = tables.insert("PBD", {
      host,
      SR: shared,
      currently_attached: true,
      device_config: { server: "10.77.2.100", serverpath: "/export" },
      other_config: {},
    });
    tables.update("host", host, { PBDs: [pbd] });
    return pbd;
  });
  tables.update("SR", shared, { PBDs: pbds });
  return shared;
}

/** A CD image in a library. */
export function imageRow(library: string, name: string): Partial<Records["VDI"]> {
  return { name_label: name, SR: library, location: name, virtual_size: 4 * GIB, physical_utilisation: 4 * GIB, type: "user", VBDs: [], is_a_snapshot: false, managed: true, missing: false, read_only: true, sm_config: {}, allowed_operations: [], current_operations: {} };
}

/** A library of CD images that every host reads. */
function addLibrary(tables: MockTables, hosts: readonly string[]): void {
  const library = tables.insert("SR", {
    uuid: fixed(3, 2), name_label: "images", name_description: "", type: "iso", content_type: "iso", shared: true,
    physical_size: 8 * GIB, physical_utilisation: 8 * GIB, virtual_allocation: 8 * GIB,
    PBDs: [], VDIs: [], tags: [], other_config: {}, allowed_operations: ["scan"], current_operations: {},
  });
  const pbds = hosts.map((host) => tables.insert("PBD", { host, SR: library, currently_attached: true, device_config: { location: "10.77.2.100:/iso" }, other_config: {} }));
  const images = ["debian-12.iso", "windows-server-2025.iso"].map((name, index) => tables.insert("VDI", { ...imageRow(library, name), uuid: fixed(11, index) }));
  tables.update("SR", library, { PBDs: pbds, VDIs: images });
}

/** The DVD drive of a host, with a disc in it. */
function addDrive(tables: MockTables, host: string): void {
  const drives = tables.insert("SR", {
    uuid: fixed(3, 3), name_label: "DVD drives of host2", name_description: "Physical DVD drives", type: "udev", content_type: "iso", shared: false,
    physical_size: 0, physical_utilisation: 0, virtual_allocation: 0, PBDs: [], VDIs: [], tags: [], other_config: {}, allowed_operations: ["scan"], current_operations: {},
  });
  const pbd = tables.insert("PBD", { host, SR: drives, currently_attached: true, device_config: { location: "/dev" }, other_config: {} });
  const drive = tables.insert("VDI", { ...imageRow(drives, "DVD drive sr0 of host2"), uuid: fixed(11, 9), location: "/dev/sr0", sm_config: { device: "sr0", model: "ASUS DRW-24D5MT", tray: "disc", disc: "DEBIAN 13" } });
  tables.update("SR", drives, { PBDs: [pbd], VDIs: [drive] });
}

function addTemplates(tables: MockTables): void {
  for (const [index, name] of ["Linux", "Windows", "Other install media"].entries()) {
    tables.insert("VM", vmRow({ uuid: fixed(9, index), name_label: name, is_a_template: true, is_default_template: true, memory_static_max: (index + 1) * GIB }));
  }
}

/** Screen and serial line of a machine that runs. */
export function addConsoles(tables: MockTables, vm: string): string[] {
  return (["rfb", "vt100"] as const).map((protocol) => tables.insert("console", { VM: vm, protocol, location: "" }));
}

function addMachine(tables: MockTables, index: number, hosts: readonly string[], sr: string, network: string): void {
  const running = index % 6 !== 5;
  const host = running ? (hosts[index % hosts.length] ?? NULL) : NULL;
  const word = WORDS[index % WORDS.length] ?? "vm";
  const uuid = fixed(4, index);
  const metrics = tables.insert("VM_metrics", { uuid: fixed(5, index), start_time: wire(Date.now() - index * 60_000), other_config: {} });
  const vdi = tables.insert("VDI", { uuid: fixed(6, index), name_label: `${word}${index} disk`, SR: sr, virtual_size: 20 * GIB, physical_utilisation: 6 * GIB, type: "system", location: `${fixed(6, index)}.qcow2`, sm_config: {}, VBDs: [], is_a_snapshot: false, managed: true, missing: false, allowed_operations: [running ? "resize_online" : "resize"], current_operations: {} });
  const vbd = tables.insert("VBD", { uuid: fixed(7, index), VM: `OpaqueRef:${uuid}`, VDI: vdi, device: "vda", userdevice: "0", type: "Disk", mode: "RW", bootable: true, empty: false, currently_attached: running, other_config: index === 0 ? { bus: "sata" } : {}, allowed_operations: [], current_operations: {} });
  tables.update("VDI", vdi, { VBDs: [vbd] });
  const vif = tables.insert("VIF", { uuid: fixed(8, index), VM: `OpaqueRef:${uuid}`, network, device: "0", MAC: `52:54:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`, MTU: 1500, qos_algorithm_type: "", qos_algorithm_params: {}, currently_attached: running, allowed_operations: [], current_operations: {} });
  const consoles = running ? addConsoles(tables, `OpaqueRef:${uuid}`) : [];
  const vm = tables.insert(
    "VM",
    vmRow({
      uuid,
      name_label: `${word}${index + 1}`,
      power_state: running ? "Running" : "Halted",
      resident_on: host,
      metrics,
      VBDs: [vbd],
      VIFs: [vif],
      consoles,
      ha_restart_priority: index % 3 === 0 ? "restart" : index % 3 === 1 ? "best-effort" : "",
      order: index % 3 === 0 ? index % 4 : 0,
    }),
  );
  const row = tables.get("host", host);
  if (row !== undefined) tables.update("host", host, { resident_VMs: [...row.resident_VMs, vm] });
}

/** The port by which a host is reached. */
function addPort(tables: MockTables, host: string, network: string): void {
  const metrics = tables.insert("PIF_metrics", { carrier: true, speed: 10_000, device_name: "", vendor_name: "" });
  const pif = tables.insert("PIF", { host, network, device: "eth0", MAC: "52:54:00:aa:00:01", IP: tables.get("host", host)?.address ?? "", management: true, physical: true, ip_configuration_mode: "Static", currently_attached: true, MTU: 1500, VLAN: -1, metrics });
  tables.update("host", host, { PIFs: [pif] });
}

/** A host that comes later. */
export function joinHost(tables: MockTables, index: number): void {
  const [network] = tables.all("network");
  addPort(tables, addHost(tables, index), network?.[0] ?? NULL);
}

/** A network of its own for a class room, by VLAN; the last host does not have it. */
function addClassroom(tables: MockTables, hosts: readonly string[]): void {
  const network = tables.insert("network", { uuid: fixed(10, 2), name_label: "教室 VLAN 20", name_description: "", bridge: "xapi20", MTU: 1500, PIFs: [], VIFs: [], managed: true, tags: [], other_config: {}, allowed_operations: [], current_operations: {} });
  const pifs = hosts.slice(0, -1).map((host) => tables.insert("PIF", { host, network, device: "eth0", MAC: "52:54:00:aa:00:01", IP: "", management: false, physical: false, currently_attached: true, MTU: 1500, VLAN: 20, metrics: NULL }));
  tables.update("network", network, { PIFs: pifs });
}

/** Fills empty tables with a pool of this size. */
export function fillPool(tables: MockTables, size: MockSize, name = "School"): void {
  const hosts = Array.from({ length: size.isFresh === true ? 1 : size.hosts }, (_, index) => addHost(tables, index + 1));
  const network = tables.insert("network", { uuid: fixed(10, 1), name_label: "Management network", name_description: "", bridge: "br0", MTU: 1500, PIFs: [], VIFs: [], managed: true, tags: [], other_config: {}, allowed_operations: [], current_operations: {} });
  for (const host of hosts) addPort(tables, host, network);
  if (size.isFresh !== true && hosts.length > 1) addClassroom(tables, hosts);
  addTemplates(tables);
  const sr = size.isFresh === true ? NULL : addStorage(tables, hosts);
  if (size.isFresh !== true) {
    addLibrary(tables, hosts);
    const [, second] = hosts;
    if (second !== undefined) addDrive(tables, second);
  }
  for (let index = 0; index < (size.isFresh === true ? 0 : size.vms); index += 1) addMachine(tables, index, hosts, sr, network);
  const armed = size.isArmed === true;
  tables.insert("pool", {
    gui_config: {},
    uuid: fixed(0, 1),
    name_label: name,
    name_description: "",
    master: hosts[0] ?? NULL,
    default_SR: sr,
    ha_enabled: armed,
    ha_configuration: armed ? { profile: "default" } : {},
    ha_statefiles: [],
    ha_host_failures_to_tolerate: armed ? 1 : 0,
    ha_plan_exists_for: armed ? 1 : 0,
    ha_allow_overcommit: false,
    ha_overcommitted: false,
    allowed_operations: [],
    current_operations: {},
    other_config: {},
    tags: [],
  });
  if (!armed) return;
  const first = tables.get("host", hosts[0] ?? "");
  const at = Date.now() - 3_700_000;
  const times = JSON.stringify({ silent_ms: at, put_out_ms: at + 800, dead_ms: at + 6200, vms: 3 });
  tables.insert("message", { name: "HA_HOST_FAILED", priority: 3, cls: "Host", obj_uuid: first?.uuid ?? "", timestamp: wire(at + 6300), body: `The host failed; 3 VMs that ran there are restarted as protected. ${times}` });
  tables.insert("message", { name: "HA_HOST_WAS_FENCED", priority: 4, cls: "Host", obj_uuid: first?.uuid ?? "", timestamp: wire(Date.now() - 3_600_000), body: "" });
  const webRef = `OpaqueRef:${fixed(4, 0)}`;
  if (tables.get("VM", webRef) !== undefined) {
    // It was set to boot from the network, and to two cores a processor, while it runs.
    const booted = { VCPUs_at_startup: 2, memory_static_max: 2 * GIB, HVM_boot_params: { order: "cd" }, platform: {} };
    tables.update("VM", webRef, { name_description: "Website of the school.\nAsk in room 12.", tags: ["critical", "网站"], other_config: { folder: "/school/web" }, last_booted_record: JSON.stringify(booted), HVM_boot_params: { order: "ncd" }, platform: { "cores-per-socket": "2" } });
    const at = (days: number): string => wire(Date.now() - days * 86_400_000);
    const fresh = takeSnapshot(tables, webRef, "Freshly installed", false, at(30));
    tables.update("VM", fresh, { name_description: "Debian 12, nothing else" });
    takeSnapshot(tables, webRef, "Update that failed", false, at(9));
    tables.update("VM", webRef, { parent: fresh });
    takeSnapshot(tables, webRef, "第三课之前", true, at(2));
  }
  for (const [index, folder, tags] of [[1, "/school/web", ["网站"]], [5, "/exams", []], [7, "/exams", ["critical"]]] as const) {
    const ref = `OpaqueRef:${fixed(4, index)}`;
    if (tables.get("VM", ref) !== undefined) tables.update("VM", ref, { other_config: { folder }, tags: [...tags] });
  }
  for (const [name, seconds] of [["VM_MIGRATED", 300], ["VM_SNAPSHOTTED", 120]] as const) {
    tables.insert("message", { name, priority: 5, cls: "VM", obj_uuid: fixed(4, 0), timestamp: wire(Date.now() - seconds * 1000), body: `VM 'web1' changed. ${JSON.stringify({ vm: "web1", from: "host2", to: "host1", snapshot: "第三课之前" })}` });
  }
  tables.insert("message", { name: "HA_STATEFILE_LOST", priority: 2, cls: "Host", obj_uuid: first?.uuid ?? "", timestamp: wire(Date.now() - 600_000), body: 'The statefile does not answer; the network carries on. {"case":"silent_statefile"}' });
}

export { EPOCH, NULL };
