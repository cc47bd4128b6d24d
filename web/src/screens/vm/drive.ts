// CD drives.
import { call } from "@/api/rpc";

/** A CD drive with an image in it. */
export async function addDrive(vm: string, image: string): Promise<void> {
  const device = (await call("VM.get_allowed_VBD_devices", vm))[0] ?? "autodetect";
  await call("VBD.create", {
    VM: vm, VDI: image, userdevice: device, type: "CD", mode: "RO", bootable: true, empty: false,
    unpluggable: true, other_config: {}, qos_algorithm_type: "", qos_algorithm_params: {},
  });
}
