// Snapshots as the pool makes them: rows of class VM with disks of their own, in a line by `parent`.
import type { Records } from "@/generated/xenapi";
import type { MockTables } from "./tables";

const NULL = "OpaqueRef:NULL";

function row(tables: MockTables, ref: string): Records["VM"] {
  const found = tables.get("VM", ref);
  if (found === undefined) throw new Error(`no machine ${ref}`);
  return found;
}

/** Freezes a machine; answers the snapshot. */
export function takeSnapshot(tables: MockTables, vm: string, name: string, memory: boolean, time: string): string {
  const { uuid: _uuid, ...rest } = row(tables, vm);
  const isRunning = rest.power_state === "Running" || rest.power_state === "Paused";
  const snapshot = tables.insert("VM", {
    ...rest,
    name_label: name,
    name_description: "",
    is_a_template: true,
    is_a_snapshot: true,
    snapshot_of: vm,
    snapshot_time: time,
    snapshot_info: { "power-state-at-snapshot": rest.power_state },
    power_state: memory && isRunning ? "Suspended" : "Halted",
    allowed_operations: ["clone", "copy", "create_template", "destroy", "export", "revert"],
    current_operations: {},
    resident_on: NULL,
    ha_restart_priority: "",
    snapshots: [],
    VBDs: [],
    VIFs: [],
    consoles: [],
  });
  const vbds = rest.VBDs.flatMap((ref) => {
    const [vbd, vdi] = [tables.get("VBD", ref), tables.get("VDI", tables.get("VBD", ref)?.VDI ?? "")];
    if (vbd === undefined || vdi === undefined) return [];
    const frozen = tables.insert("VDI", { name_label: vdi.name_label, SR: vdi.SR, virtual_size: vdi.virtual_size, physical_utilisation: vdi.physical_utilisation, type: vdi.type, VBDs: [], is_a_snapshot: true, snapshot_of: vbd.VDI, managed: true, allowed_operations: ["destroy"], current_operations: {} });
    return [tables.insert("VBD", { VM: snapshot, VDI: frozen, device: vbd.device, userdevice: vbd.userdevice, type: "Disk", mode: "RW", bootable: vbd.bootable, empty: false, currently_attached: false, other_config: vbd.other_config, allowed_operations: [], current_operations: {} })];
  });
  tables.update("VM", snapshot, { VBDs: vbds });
  tables.update("VM", vm, { snapshots: [...rest.snapshots, snapshot], parent: snapshot });
  return snapshot;
}

/** Takes the machine back; answers its state then. */
export function revertTo(tables: MockTables, snapshot: string): { vm: string; state: Records["VM"]["power_state"] } {
  const { snapshot_of: vm, power_state } = row(tables, snapshot);
  tables.update("VM", vm, { parent: snapshot });
  return { vm, state: power_state };
}

/** Forgets a snapshot: what came after it comes after what was before it. */
export function forgetSnapshot(tables: MockTables, snapshot: string): void {
  const { snapshot_of: vm, parent } = row(tables, snapshot);
  const own = tables.get("VM", vm);
  if (own !== undefined) tables.update("VM", vm, { snapshots: own.snapshots.filter((each) => each !== snapshot) });
  for (const [ref, each] of tables.all("VM")) if (each.parent === snapshot) tables.update("VM", ref, { parent });
  for (const [ref, vbd] of tables.all("VBD")) if (vbd.VM === snapshot) tables.remove("VBD", ref);
}
