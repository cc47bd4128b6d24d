// An image that nobody wants any more.
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { defineAction, type World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { start } from "@/api/rpc";
import type { Item } from "@/store/hooks";

/** Names that are said of machines that have it. */
const NAMES_MAX = 5;

/** Machines that have it in their drive, by name; snapshots do not count. */
export function machinesWith(image: Item<"VDI">, world: World): string[] {
  const full = world.all("VBD").filter((vbd) => vbd.VDI === image.$ref && !vbd.empty);
  const machines = full.map((vbd) => world.get("VM", vbd.VM)).filter((vm) => vm !== undefined && !vm.is_a_snapshot);
  return machines.map((vm) => vm?.name_label ?? "");
}

export const deleteImage = defineAction<"VDI">({
  id: "vdi.delete-image",
  of: "VDI",
  label: "disk-delete",
  icon: TrashIcon,
  group: "remove",
  confirm: "typed",
  confirmText: "image-delete-body",
  blocked: (image, world) => {
    const names = machinesWith(image, world);
    return names.length === 0 ? undefined : { id: "image-in-drive", args: { count: names.length, names: names.slice(0, NAMES_MAX).join(", ") } };
  },
  cli: (image, world) => haven("sr", "remove-image", world.get("SR", image.SR)?.name_label ?? "LIBRARY", image.name_label),
  run: (image) => start("VDI.destroy", image.$ref),
});
