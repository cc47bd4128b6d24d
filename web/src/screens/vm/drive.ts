// CD drives.
import type { World } from "@/actions/action";
import { call, isRef, start } from "@/api/rpc";
import type { Item } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";

/** The CD drive of a machine, if it has one. */
export function driveOf(vm: Item<"VM">, world: World): Item<"VBD"> | undefined {
  return vm.VBDs.map((ref) => world.get("VBD", ref)).find((vbd) => vbd?.type === "CD");
}

/** Puts an image into the drive of a machine; an empty reference takes out what is in it. */
export async function putDisc(world: World, vm: Item<"VM">, image: string): Promise<void> {
  const drive = driveOf(vm, world);
  if (drive === undefined) {
    await addDrive(vm.$ref, image);
    return;
  }
  // A drive holds one disc: the old one comes out first.
  if (isRef(drive.VDI)) await waitForTask(world.client, await start("VBD.eject", drive.$ref));
  if (image !== "") await waitForTask(world.client, await start("VBD.insert", drive.$ref, image));
}

/** A CD drive with an image in it. */
export async function addDrive(vm: string, image: string): Promise<void> {
  const device = (await call("VM.get_allowed_VBD_devices", vm))[0] ?? "autodetect";
  await call("VBD.create", {
    VM: vm, VDI: image, userdevice: device, type: "CD", mode: "RO", bootable: true, empty: false,
    unpluggable: true, other_config: {}, qos_algorithm_type: "", qos_algorithm_params: {},
  });
}
