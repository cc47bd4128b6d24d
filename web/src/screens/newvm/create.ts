// Making machines: clone, size, network, first boot, disks, protection, start. What was begun and
// fails is taken away again.
import type { World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { call, start } from "@/api/rpc";
import { ApiError } from "@/api/errors";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { policyWord } from "../availability/actions";
import { setVcpus } from "../vm/change";
import { addDrive } from "../vm/drive";
import { CORES_KEY, FOLDER_KEY, limitFields, setEntry } from "../vm/marks";
import type { Bus, Wanted } from "./draft";
import { entriesOf, wordsOf } from "./firstBoot";

/** Key of `other_config` under which templates describe the disks to make. */
const DISKS_KEY = "disks";
/** Network, disk, CD: what firmware tries in turn. */
const NETWORK_FIRST = "ncd";

export function cliOf(wanted: Wanted): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}MiB`;
  const many = wanted.names.length > 1;
  return haven(
    "vm", "create", "--template", wanted.template.name_label, "--name", wanted.base,
    ...(many ? ["--count", wanted.names.length] : []),
    ...(wanted.description === "" ? [] : ["--description", wanted.description]),
    ...wanted.tags.flatMap((tag) => ["--tag", tag]),
    ...(wanted.folder === "" ? [] : ["--folder", wanted.folder]),
    "--vcpus", wanted.vcpus, ...(wanted.cores > 0 ? ["--cores-per-socket", wanted.cores] : []), "--memory", mib(wanted.memory),
    ...wanted.disks.flatMap((size) => ["--disk", mib(size)]),
    ...busWords(wanted.buses),
    ...(wanted.sr === undefined ? [] : ["--sr", wanted.sr.name_label]),
    ...wanted.nics.flatMap(({ network }) => ["--network", network.name_label]),
    ...(wanted.nics.some(({ mac }) => mac !== "") ? wanted.nics.flatMap(({ mac }) => ["--mac", mac]) : []),
    ...(wanted.nics.some(({ limit }) => limit > 0) ? wanted.nics.flatMap(({ limit }) => ["--limit", `${Math.ceil(limit * 1024)}KiB`]) : []),
    ...(wanted.image === undefined ? [] : ["--cd", wanted.image.name_label]),
    ...(wanted.source === "network" ? ["--netboot"] : []),
    ...(wanted.source === "cloud" ? wordsOf(wanted.firstBoot, many) : []),
    ...(wanted.home === undefined ? [] : ["--affinity", wanted.home.name_label]),
    ...(wanted.group === "" ? [] : ["--group", wanted.group]),
    ...(wanted.policy === "" ? [] : ["--ha", policyWord(wanted.policy)]),
    ...(wanted.isStarted ? ["--start"] : []),
  );
}

/** By what the disks are reached: said once where it is the same for all. */
function busWords(buses: readonly Bus[]): string[] {
  if (buses.every((bus) => bus === "virtio")) return [];
  const words = new Set(buses).size === 1 ? buses.slice(0, 1) : buses;
  return words.flatMap((bus) => ["--disk-bus", bus]);
}

/** Makes the machines one after the other; `made` hears of each. Answers the uuid of the last. */
export async function createAll(world: World, wanted: Wanted, made: () => void): Promise<string> {
  let uuid = "";
  const group = wanted.group === "" ? undefined : await groupOf(wanted.group);
  for (const name of wanted.names) {
    uuid = await create(world, wanted, name, group);
    made();
  }
  return uuid;
}

/** The group whose machines are kept on different hosts; one of this name is used again. */
async function groupOf(name: string): Promise<string> {
  for (const known of await call("VM_group.get_by_name_label", name)) {
    if ((await call("VM_group.get_placement", known)) === "anti_affinity") return known;
  }
  return call("VM_group.create", { name_label: name, name_description: "", placement: "anti_affinity" });
}

async function create(world: World, wanted: Wanted, name: string, group: string | undefined): Promise<string> {
  const cloned = await waitForTask(world.client, await start("VM.clone", wanted.template.$ref, name));
  const vm = resultRef(cloned);
  if (vm === undefined) throw new ApiError("INTERNAL_ERROR", ["VM.clone made no machine"]);
  try {
    await fitOut(world, vm, wanted);
    if (group !== undefined) await call("VM.set_groups", vm, [group]);
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
  if (wanted.description !== "") await call("VM.set_name_description", vm, wanted.description);
  await call("VM.set_memory", vm, wanted.memory);
  // What the template says of cores may not fit other numbers of processors.
  await setEntry(vm, "platform", CORES_KEY, "");
  await setVcpus(vm, wanted.vcpus);
  if (wanted.cores > 0) await setEntry(vm, "platform", CORES_KEY, String(wanted.cores));
  if (wanted.tags.length > 0) await call("VM.set_tags", vm, [...wanted.tags]);
  if (wanted.folder !== "") await setEntry(vm, "other_config", FOLDER_KEY, wanted.folder);
  if (wanted.home !== undefined) await call("VM.set_affinity", vm, wanted.home.$ref);
  for (const { network, mac, limit } of wanted.nics) {
    const device = (await call("VM.get_allowed_VIF_devices", vm))[0] ?? "0";
    await call("VIF.create", {
      device, network: network.$ref, VM: vm, MAC: mac, MTU: network.MTU,
      other_config: {}, ...limitFields(limit),
    });
  }
  const sr = wanted.sr?.uuid ?? "";
  // The template may have brought a disk along.
  const places = await call("VM.get_allowed_VBD_devices", vm);
  const disks = wanted.disks.map((size, index) => {
    const place = places[index] ?? String(index);
    const first = index === 0;
    const { [index]: by = "virtio" } = wanted.buses;
    const bus = by === "virtio" ? "" : ` bus="${by}"`;
    return `<disk device="${place}" size="${size}" sr="${sr}" bootable="${first}" type="${first ? "system" : "user"}"${bus}/>`;
  });
  await setEntry(vm, "other_config", DISKS_KEY, disks.length === 0 ? "" : `<provision>${disks.join("")}</provision>`);
  if (wanted.source === "cloud") {
    for (const [key, text] of entriesOf(wanted.firstBoot, wanted.names.length > 1)) await setEntry(vm, "other_config", key, text);
  }
  if (wanted.source === "network") {
    const boot = await call("VM.get_HVM_boot_params", vm);
    await call("VM.set_HVM_boot_params", vm, { ...boot, order: NETWORK_FIRST });
  }
  await waitForTask(world.client, await start("VM.provision", vm));
  if (wanted.image !== undefined) await addDrive(vm, wanted.image.$ref);
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
