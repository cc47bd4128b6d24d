// What is done with snapshots. They are rows of class VM; the pool says what is allowed.
import CameraIcon from "@patternfly/react-icons/dist/esm/icons/camera-icon";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import UndoIcon from "@patternfly/react-icons/dist/esm/icons/undo-icon";
import { type Action, defineAction, type Reason } from "@/actions/action";
import { xe } from "@/actions/cli";
import { start } from "@/api/rpc";
import type { vm_operations } from "@/generated/xenapi";
import type { Item } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { ownDisks } from "../vm/actions";
import { RevertDialog, TakeDialog } from "./dialogs";

function blockedBy(vm: Item<"VM">, operation: vm_operations): Reason | undefined {
  const why = vm.blocked_operations[operation];
  if (why !== undefined) return { id: "vm-blocked", args: { why } };
  if (Object.keys(vm.current_operations).length > 0) return { id: "vm-busy" };
  return vm.allowed_operations.includes(operation) ? undefined : { id: "vm-not-now" };
}

export const take = defineAction<"VM">({
  id: "vm.snapshot",
  of: "VM",
  label: "snap-take",
  icon: CameraIcon,
  group: "change",
  isHidden: (vm) => vm.is_a_template,
  blocked: (vm) => blockedBy(vm, "snapshot"),
  cli: (vm) => xe("vm-snapshot", { vm: vm.name_label, "new-name-label": "NAME" }),
  dialog: TakeDialog,
});

export const revert = defineAction<"VM">({
  id: "snapshot.revert",
  of: "VM",
  label: "snap-revert",
  icon: UndoIcon,
  group: "change",
  isHidden: (vm) => !vm.is_a_snapshot,
  blocked: (snapshot, world) => {
    const vm = world.get("VM", snapshot.snapshot_of);
    if (vm === undefined) return { id: "snap-no-machine" };
    const why = vm.blocked_operations["revert"];
    if (why !== undefined) return { id: "vm-blocked", args: { why } };
    return Object.keys(vm.current_operations).length > 0 ? { id: "vm-busy" } : blockedBy(snapshot, "revert");
  },
  cli: (snapshot) => xe("snapshot-revert", { "snapshot-uuid": snapshot.uuid }),
  dialog: RevertDialog,
});

export const removeSnapshot = defineAction<"VM">({
  id: "snapshot.delete",
  of: "VM",
  label: "snap-delete",
  icon: TrashIcon,
  group: "remove",
  confirm: "typed",
  confirmText: "snap-delete-body",
  isHidden: (vm) => !vm.is_a_snapshot,
  blocked: (snapshot) => blockedBy(snapshot, "destroy"),
  cli: (snapshot) => xe("snapshot-uninstall", { "snapshot-uuid": snapshot.uuid }),
  run: async (snapshot, world) => {
    // Never a disk of the machine's own, even if the machine has given it up meanwhile.
    const disks = ownDisks(snapshot, world).filter((disk) => world.get("VDI", disk)?.is_a_snapshot === true);
    await waitForTask(world.client, await start("VM.destroy", snapshot.$ref));
    for (const disk of disks) await waitForTask(world.client, await start("VDI.destroy", disk));
    return undefined;
  },
});

export const snapshotActions = [take, revert, removeSnapshot] as unknown as Action[];
