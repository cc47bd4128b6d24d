// Disks and network interfaces of machines: what is done with them. A machine that runs has them
// plugged in and out; what was begun and fails is taken away again.
import DiscIcon from "@patternfly/react-icons/dist/esm/icons/compact-disc-icon";
import PlusIcon from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import UnlinkIcon from "@patternfly/react-icons/dist/esm/icons/unlink-icon";
import ExpandIcon from "@patternfly/react-icons/dist/esm/icons/expand-arrows-alt-icon";
import StorageIcon from "@patternfly/react-icons/dist/esm/icons/database-icon";
import SpeedIcon from "@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon";
import NetworkIcon from "@patternfly/react-icons/dist/esm/icons/network-icon";
import { type Action, defineAction, type Reason, type World } from "@/actions/action";
import { xe } from "@/actions/cli";
import { ApiError } from "@/api/errors";
import { call, start } from "@/api/rpc";
import { isLibrary } from "@/model/storage";
import type { Item } from "@/store/hooks";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { CdDialog } from "./CdDialog";
import { driveOf, putDisc } from "./drive";
import { AddDiskDialog, AddNicDialog, LimitNicDialog, MoveNicDialog, ResizeDiskDialog } from "./DeviceDialogs";
import { MoveDiskDialog } from "./MoveDisk";

type Vm = Item<"VM">;

/** Why the devices of a machine cannot be changed now. */
function fixed(vm: Vm | undefined): Reason | undefined {
  if (vm === undefined) return undefined;
  if (vm.power_state === "Suspended") return { id: "device-suspended" };
  return Object.keys(vm.current_operations).length > 0 ? { id: "vm-busy" } : undefined;
}

/** Makes a disk and gives it to a machine. */
export async function addDisk(world: World, vm: Vm, disk: { name: string; bytes: number; sr: string; bus: string }): Promise<void> {
  const made = await waitForTask(
    world.client,
    await start("VDI.create", {
      name_label: disk.name, name_description: "", SR: disk.sr, virtual_size: disk.bytes, type: "user", sharable: false, read_only: false,
      other_config: {}, xenstore_data: {}, sm_config: {}, tags: [],
    }),
  );
  const vdi = resultRef(made);
  if (vdi === undefined) throw new ApiError("INTERNAL_ERROR", ["VDI.create made no disk"]);
  let vbd = "";
  try {
    vbd = await call("VBD.create", {
      VM: vm.$ref, VDI: vdi, device: "", userdevice: "autodetect", bootable: false, mode: "RW", type: "Disk", unpluggable: true, empty: false,
      currently_attached: false, other_config: disk.bus === "virtio" ? {} : { bus: disk.bus }, qos_algorithm_type: "", qos_algorithm_params: {},
    });
    if (vm.power_state === "Running") await waitForTask(world.client, await start("VBD.plug", vbd));
  } catch (error) {
    if (vbd !== "") await call("VBD.destroy", vbd).catch(() => undefined);
    await start("VDI.destroy", vdi).catch(() => undefined);
    throw error;
  }
}

/** Gives a machine an interface in a network. */
export async function addNic(world: World, vm: Vm, network: string, mac: string): Promise<void> {
  const vif = await call("VIF.create", {
    device: "autodetect", network, VM: vm.$ref, MAC: mac, MTU: 1500, other_config: {}, currently_attached: false,
    qos_algorithm_type: "", qos_algorithm_params: {},
  });
  if (vm.power_state !== "Running") return;
  try {
    await waitForTask(world.client, await start("VIF.plug", vif));
  } catch (error) {
    await call("VIF.destroy", vif).catch(() => undefined);
    throw error;
  }
}

async function takeOut(world: World, vbd: Item<"VBD">): Promise<void> {
  if (vbd.currently_attached) await waitForTask(world.client, await start("VBD.unplug", vbd.$ref));
  await call("VBD.destroy", vbd.$ref);
}

const add = defineAction<"VM">({
  id: "vm.add-disk",
  of: "VM",
  label: "disk-add",
  icon: PlusIcon,
  group: "change",
  isHidden: (vm) => vm.is_a_template,
  blocked: (vm, world) => (world.all("SR").every((sr) => isLibrary(sr)) ? { id: "needs-storage" } : fixed(vm)),
  cli: (vm) => xe("vm-disk-add", { vm: vm.name_label, device: "autodetect", "disk-size": "20GiB" }),
  dialog: AddDiskDialog,
});

const addInterface = defineAction<"VM">({
  id: "vm.add-nic",
  of: "VM",
  label: "nic-add",
  icon: PlusIcon,
  group: "change",
  isHidden: (vm) => vm.is_a_template,
  blocked: (vm) => fixed(vm),
  cli: (vm, world) => xe("vif-create", { "vm-uuid": vm.uuid, "network-uuid": world.all("network")[0]?.uuid ?? "NETWORK", device: "autodetect" }),
  dialog: AddNicDialog,
});

export const detach = defineAction<"VBD">({
  id: "vbd.detach",
  of: "VBD",
  label: "disk-detach",
  icon: UnlinkIcon,
  group: "change",
  confirm: "simple",
  confirmText: "disk-detach-body",
  blocked: (vbd, world) => fixed(world.get("VM", vbd.VM)),
  cli: (vbd) => xe(vbd.currently_attached ? "vbd-unplug" : "vbd-destroy", { uuid: vbd.uuid }),
  run: async (vbd, world) => {
    await takeOut(world, vbd);
    return undefined;
  },
});

export const resize = defineAction<"VDI">({
  id: "vdi.resize",
  of: "VDI",
  label: "disk-resize",
  icon: ExpandIcon,
  group: "change",
  blocked: (vdi) => (vdi.allowed_operations.some((each) => each === "resize" || each === "resize_online") ? undefined : { id: "vm-not-now" }),
  cli: (vdi) => xe("vdi-resize", { uuid: vdi.uuid, "disk-size": String(vdi.virtual_size) }),
  dialog: ResizeDiskDialog,
});

export const deleteDisk = defineAction<"VDI">({
  id: "vdi.delete",
  of: "VDI",
  label: "disk-delete",
  icon: TrashIcon,
  group: "remove",
  confirm: "typed",
  confirmText: "disk-delete-body",
  blocked: (vdi, world) => {
    const users = world.all("VBD").filter((vbd) => vbd.VDI === vdi.$ref);
    if (new Set(users.map((vbd) => vbd.VM)).size > 1) return { id: "disk-has-users" };
    return fixed(world.get("VM", users[0]?.VM));
  },
  cli: (vdi) => xe("vdi-destroy", { uuid: vdi.uuid }),
  run: async (vdi, world) => {
    for (const vbd of world.all("VBD").filter((each) => each.VDI === vdi.$ref)) await takeOut(world, vbd);
    return start("VDI.destroy", vdi.$ref);
  },
});

export const moveDisk = defineAction<"VDI">({
  id: "vdi.move",
  of: "VDI",
  label: "disk-move",
  icon: StorageIcon,
  group: "move",
  blocked: (vdi, world) => {
    const devices = world.all("VBD").filter((vbd) => vbd.VDI === vdi.$ref);
    const users = devices.map((vbd) => world.get("VM", vbd.VM));
    const running = users.filter((vm) => vm !== undefined && vm.power_state !== "Halted");
    if (running.some((vm) => vm?.power_state === "Suspended")) return { id: "disk-move-suspended" };
    if (running.length > 1) return { id: "disk-has-users" };
    if (running.length === 1 && devices.some((vbd) => vbd.mode === "RO" || vbd.type === "CD")) return { id: "disk-move-read-only" };
    if (world.all("VDI").some((each) => each.is_a_snapshot && each.snapshot_of === vdi.$ref)) return { id: "disk-move-snapshots" };
    if (world.all("SR").every((sr) => isLibrary(sr) || sr.$ref === vdi.SR)) return { id: "disk-move-nowhere" };
    return users.map(fixed).find((reason) => reason !== undefined);
  },
  cli: (vdi) => xe("vdi-pool-migrate", { uuid: vdi.uuid, "sr-uuid": "SR" }),
  dialog: MoveDiskDialog,
});

export const limitNic = defineAction<"VIF">({
  id: "vif.limit",
  of: "VIF",
  label: "nic-limit-do",
  icon: SpeedIcon,
  group: "change",
  blocked: (vif, world) => fixed(world.get("VM", vif.VM)),
  cli: (vif) => xe("vif-param-set", { uuid: vif.uuid, qos_algorithm_type: "ratelimit", "qos_algorithm_params:kbps": "KIB" }),
  dialog: LimitNicDialog,
});

export const moveNic = defineAction<"VIF">({
  id: "vif.move",
  of: "VIF",
  label: "nic-move",
  icon: NetworkIcon,
  group: "change",
  blocked: (vif, world) => (world.all("network").length < 2 ? { id: "nic-one-network" } : fixed(world.get("VM", vif.VM))),
  cli: (vif, world) => xe("vif-move", { uuid: vif.uuid, "network-uuid": world.get("network", vif.network)?.uuid ?? "NETWORK" }),
  dialog: MoveNicDialog,
});

export const removeNic = defineAction<"VIF">({
  id: "vif.remove",
  of: "VIF",
  label: "nic-remove",
  icon: TrashIcon,
  group: "remove",
  confirm: "simple",
  confirmText: "nic-remove-body",
  blocked: (vif, world) => fixed(world.get("VM", vif.VM)),
  cli: (vif) => xe(vif.currently_attached ? "vif-unplug" : "vif-destroy", { uuid: vif.uuid }),
  run: async (vif, world) => {
    if (vif.currently_attached) await waitForTask(world.client, await start("VIF.unplug", vif.$ref));
    await call("VIF.destroy", vif.$ref);
    return undefined;
  },
});

export const changeCd = defineAction<"VM">({
  id: "vm.cd",
  of: "VM",
  label: "cd-change",
  icon: DiscIcon,
  group: "change",
  isHidden: (vm) => vm.is_a_template || vm.is_a_snapshot,
  blocked: (vm, world) => {
    const drive = driveOf(vm, world);
    if (drive === undefined && vm.power_state !== "Halted") return { id: "cd-no-drive" };
    return fixed(vm);
  },
  cli: (vm) => xe("vm-cd-insert", { vm: vm.name_label, "cd-name": "IMAGE" }),
  dialog: CdDialog,
});

/** Discs with drivers and agents for guests, by the names that they come with. */
const TOOLS = /virtio-win|guest.?tools|xs-?tools|pv-?tools/i;

function toolsOf(world: World): Item<"VDI"> | undefined {
  const isImage = (vdi: Item<"VDI">): boolean => {
    const sr = world.get("SR", vdi.SR);
    return sr !== undefined && isLibrary(sr) && vdi.missing !== true;
  };
  return world.all("VDI").filter(isImage).find((vdi) => vdi.is_tools_iso === true || TOOLS.test(vdi.name_label));
}

export const insertTools = defineAction<"VM">({
  id: "vm.tools",
  of: "VM",
  label: "tools-insert",
  icon: DiscIcon,
  group: "change",
  isHidden: (vm) => vm.is_a_template || vm.is_a_snapshot,
  blocked: (vm, world) => {
    const tools = toolsOf(world);
    if (tools === undefined) return { id: "tools-none" };
    const drive = driveOf(vm, world);
    if (drive?.VDI === tools.$ref) return { id: "tools-is-there" };
    if (drive === undefined && vm.power_state !== "Halted") return { id: "cd-no-drive" };
    return fixed(vm);
  },
  cli: (vm, world) => xe("vm-cd-insert", { vm: vm.name_label, "cd-name": toolsOf(world)?.name_label ?? "IMAGE" }),
  run: async (vm, world) => {
    await putDisc(world, vm, toolsOf(world)?.$ref ?? "");
    return undefined;
  },
});

export { add, addInterface };
export const deviceActions = [changeCd, insertTools, add, addInterface, detach, resize, moveDisk, deleteDisk, moveNic, limitNic, removeNic] as unknown as Action[];
