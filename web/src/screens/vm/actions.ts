// W8: what is done with machines. The pool says what is allowed; here stands why something is not.
import ArrowRightIcon from "@patternfly/react-icons/dist/esm/icons/arrow-right-icon";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import RedoIcon from "@patternfly/react-icons/dist/esm/icons/redo-icon";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import { createElement } from "react";
import { type Action, defineAction, type Reason, type World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { isRef, start } from "@/api/rpc";
import type { Ref, vm_operations, vm_power_state } from "@/generated/xenapi";
import type { Item } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { filingActions } from "./filing";
import { MigrateDialog } from "./MigrateDialog";

type Vm = Item<"VM">;

interface Power {
  id: string;
  label: string;
  icon: Action["icon"];
  operation: vm_operations;
  states: readonly vm_power_state[];
  cli: (name: string) => string;
  run: (vm: Vm) => Promise<Ref<"task">>;
  confirm?: "simple" | "typed";
  confirmText?: string;
  group?: Action["group"];
  isPrimary?: boolean;
}

/** Why an operation is not possible, although the machine is in the right state. */
function blockedBy(vm: Vm, operation: vm_operations): Reason | undefined {
  const why = vm.blocked_operations[operation];
  if (why !== undefined) return { id: "vm-blocked", args: { why } };
  if (Object.keys(vm.current_operations).length > 0) return { id: "vm-busy" };
  if (!vm.allowed_operations.includes(operation)) return { id: "vm-not-now" };
  return undefined;
}

function power(given: Power): Action<"VM"> {
  const { id, label, icon, operation, states, cli, run } = given;
  const action: Action<"VM"> = {
    id,
    of: "VM",
    label,
    ...(icon === undefined ? {} : { icon }),
    group: given.group ?? "power",
    isBulk: true,
    ...(given.isPrimary === true ? { isPrimary: true } : {}),
    ...(given.confirm === undefined ? {} : { confirm: given.confirm }),
    ...(given.confirmText === undefined ? {} : { confirmText: given.confirmText }),
    isHidden: (vm) => vm.is_a_template || !states.includes(vm.power_state),
    blocked: (vm) => blockedBy(vm, operation),
    cli: (vm) => cli(vm.name_label),
    run,
  };
  return defineAction(action);
}

/** Disks that no other machine uses. */
export function ownDisks(vm: Vm, world: World): string[] {
  const vbds = world.all("VBD").filter((vbd) => vbd.type === "Disk" && isRef(vbd.VDI));
  const mine = vbds.filter((vbd) => vbd.VM === vm.$ref).map((vbd) => vbd.VDI);
  return mine.filter((vdi) => !vbds.some((vbd) => vbd.VDI === vdi && vbd.VM !== vm.$ref));
}

const migrate: Action<"VM"> = defineAction<"VM">({
  id: "vm.migrate",
  of: "VM",
  label: "vm-migrate",
  icon: ArrowRightIcon,
  group: "move",
  isPrimary: true,
  isHidden: (vm) => vm.is_a_template || !["Running", "Paused"].includes(vm.power_state),
  blocked: (vm, world) =>
    world.all("host").length < 2 ? { id: "vm-one-host" } : blockedBy(vm, "pool_migrate"),
  cli: (vm) => haven("vm", "migrate", vm.name_label, "--to", "HOST"),
  dialog: MigrateDialog,
  onto: ({ kind, to }) => (kind === "host" ? { ...migrate, dialog: (props) => createElement(MigrateDialog, { ...props, onto: to }) } : undefined),
});

const remove = defineAction<"VM">({
  id: "vm.delete",
  of: "VM",
  label: "vm-delete",
  icon: TrashIcon,
  group: "remove",
  isBulk: true,
  confirm: "typed",
  confirmText: "vm-delete-body",
  blocked: (vm) => (vm.power_state === "Halted" ? blockedBy(vm, "destroy") : { id: "vm-must-be-off" }),
  cli: (vm) => haven("vm", "delete", vm.name_label),
  run: async (vm, world) => {
    const disks = ownDisks(vm, world);
    await waitForTask(world.client, await start("VM.destroy", vm.$ref));
    for (const disk of disks) await waitForTask(world.client, await start("VDI.destroy", disk));
    return undefined;
  },
});

export const vmActions = [
  power({ id: "vm.start", label: "vm-start", icon: PlayIcon, operation: "start", states: ["Halted"], isPrimary: true, cli: (name) => haven("vm", "start", name), run: (vm) => start("VM.start", vm.$ref, false, false) }),
  power({ id: "vm.resume", label: "vm-resume", icon: PlayIcon, operation: "resume", states: ["Suspended"], isPrimary: true, cli: (name) => haven("vm", "resume", name), run: (vm) => start("VM.resume", vm.$ref, false, false) }),
  power({ id: "vm.unpause", label: "vm-unpause", icon: PlayIcon, operation: "unpause", states: ["Paused"], isPrimary: true, cli: (name) => haven("vm", "unpause", name), run: (vm) => start("VM.unpause", vm.$ref) }),
  power({ id: "vm.shutdown", label: "vm-shutdown", icon: PowerOffIcon, operation: "clean_shutdown", states: ["Running"], isPrimary: true, confirm: "simple", confirmText: "vm-shutdown-body", cli: (name) => haven("vm", "stop", name), run: (vm) => start("VM.clean_shutdown", vm.$ref) }),
  power({ id: "vm.reboot", label: "vm-reboot", icon: RedoIcon, operation: "clean_reboot", states: ["Running"], confirm: "simple", confirmText: "vm-reboot-body", cli: (name) => haven("vm", "reboot", name), run: (vm) => start("VM.clean_reboot", vm.$ref) }),
  power({ id: "vm.pause", label: "vm-pause", icon: PauseIcon, operation: "pause", states: ["Running"], cli: (name) => haven("vm", "pause", name), run: (vm) => start("VM.pause", vm.$ref) }),
  power({ id: "vm.suspend", label: "vm-suspend", icon: MoonIcon, operation: "suspend", states: ["Running"], cli: (name) => haven("vm", "suspend", name), run: (vm) => start("VM.suspend", vm.$ref) }),
  power({ id: "vm.power-off", label: "vm-power-off", icon: PowerOffIcon, operation: "hard_shutdown", states: ["Running", "Paused", "Suspended"], confirm: "simple", confirmText: "vm-power-off-body", cli: (name) => haven("vm", "stop", "--force", name), run: (vm) => start("VM.hard_shutdown", vm.$ref) }),
  power({ id: "vm.reset", label: "vm-reset", icon: RedoIcon, operation: "hard_reboot", states: ["Running", "Paused"], confirm: "simple", confirmText: "vm-power-off-body", cli: (name) => haven("vm", "reboot", "--force", name), run: (vm) => start("VM.hard_reboot", vm.$ref) }),
  migrate,
  ...filingActions,
  remove,
] as unknown as Action[];
