// Making a machine: clone, size, network, disks, protection, start. What was begun and fails is
// taken away again.
import type { World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { call, start } from "@/api/rpc";
import { ApiError } from "@/api/errors";
import type { Item } from "@/store/hooks";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { policyWord } from "../availability/actions";
import { setVcpus } from "../vm/change";

export interface Wanted {
  template: Item<"VM">;
  name: string;
  vcpus: number;
  memory: number;
  /** Size of the disk in bytes; 0: none. */
  disk: number;
  sr: Item<"SR"> | undefined;
  network: Item<"network"> | undefined;
  policy: string;
  isStarted: boolean;
}

/** Key of `other_config` under which templates describe the disks to make. */
const DISKS_KEY = "disks";

export function cliOf(wanted: Wanted): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}MiB`;
  return haven(
    "vm", "create", "--template", wanted.template.name_label, "--name", wanted.name,
    "--vcpus", wanted.vcpus, "--memory", mib(wanted.memory),
    ...(wanted.disk > 0 ? ["--disk", mib(wanted.disk)] : []),
    ...(wanted.sr === undefined ? [] : ["--sr", wanted.sr.name_label]),
    ...(wanted.network === undefined ? [] : ["--network", wanted.network.name_label]),
    ...(wanted.policy === "" ? [] : ["--ha", policyWord(wanted.policy)]),
    ...(wanted.isStarted ? ["--start"] : []),
  );
}

/** Makes the machine; answers its uuid. */
export async function create(world: World, wanted: Wanted): Promise<string> {
  const cloned = await waitForTask(world.client, await start("VM.clone", wanted.template.$ref, wanted.name));
  const vm = resultRef(cloned);
  if (vm === undefined) throw new ApiError("INTERNAL_ERROR", ["VM.clone made no machine"]);
  try {
    await fitOut(world, vm, wanted);
  } catch (error) {
    await undo(world, vm);
    throw error;
  }
  if (wanted.isStarted) {
    // Whether it starts is seen on its page; it exists either way.
    await start("VM.start", vm, false, false);
  }
  return call("VM.get_uuid", vm);
}

async function fitOut(world: World, vm: string, wanted: Wanted): Promise<void> {
  await call("VM.set_memory", vm, wanted.memory);
  await setVcpus(vm, wanted.vcpus);
  if (wanted.network !== undefined) {
    const device = (await call("VM.get_allowed_VIF_devices", vm))[0] ?? "0";
    await call("VIF.create", {
      device, network: wanted.network.$ref, VM: vm, MAC: "", MTU: wanted.network.MTU,
      other_config: {}, qos_algorithm_type: "", qos_algorithm_params: {},
    });
  }
  await call("VM.remove_from_other_config", vm, DISKS_KEY);
  if (wanted.disk > 0) {
    const sr = wanted.sr?.uuid ?? "";
    const disks = `<provision><disk device="0" size="${wanted.disk}" sr="${sr}" bootable="true" type="system"/></provision>`;
    await call("VM.add_to_other_config", vm, DISKS_KEY, disks);
  }
  await waitForTask(world.client, await start("VM.provision", vm));
  if (wanted.policy !== "") await call("VM.set_ha_restart_priority", vm, wanted.policy);
}

async function undo(world: World, vm: string): Promise<void> {
  const disks = world.all("VBD").filter((vbd) => vbd.VM === vm && vbd.type === "Disk").map((vbd) => vbd.VDI);
  try {
    await waitForTask(world.client, await start("VM.destroy", vm));
    for (const disk of disks) await start("VDI.destroy", disk);
  } catch {
    // The first error is the one that matters; what is left over is seen in the tree.
  }
}
