// What a machine that runs was started with, and what of it has been changed since: that takes effect
// when it is shut down and started anew.
import type { Records } from "@/generated/xenapi";

/** A setting that differs. */
export interface Pending {
  /** Message that names it. */
  label: string;
  before: string;
  after: string;
}

/** The settings that the pool notes at a start (crates/daemon/src/ops/vm/booted.rs). */
type Booted = Partial<Pick<Records["VM"], "VCPUs_at_startup" | "VCPUs_max" | "memory_static_max" | "HVM_boot_params" | "PV_kernel" | "PV_ramdisk" | "PV_args" | "actions_after_crash" | "platform">>;

/** How values are written for people. */
export interface Words {
  number: (value: number) => string;
  bytes: (value: number) => string;
  /** Order of boot devices: `cd`. */
  boot: (order: string) => string;
  /** What stands there when nothing is set. */
  none: string;
}

function bootedOf(text: string): Booted | undefined {
  try {
    return JSON.parse(text) as Booted;
  } catch {
    // Of another product, in its own words.
    return undefined;
  }
}

/** What differs between the machine that runs and its settings. */
export function pendingOf(vm: Records["VM"], pool: Pick<Records["pool"], "cpu_info"> | undefined, words: Words): Pending[] {
  if (vm.power_state !== "Running" && vm.power_state !== "Paused") return [];
  const booted = bootedOf(vm.last_booted_record ?? "");
  const found: Pending[] = [];
  const compare = (label: string, before: string | undefined, after: string | undefined): void => {
    if (before !== undefined && (after ?? "") !== before) found.push({ label, before: before === "" ? words.none : before, after: after === undefined || after === "" ? words.none : after });
  };
  if (booted !== undefined) {
    const number = (value: number | undefined): string | undefined => (value === undefined ? undefined : words.number(value));
    compare("column-vcpus", number(booted.VCPUs_at_startup), words.number(vm.VCPUs_at_startup));
    compare("pending-vcpus-max", number(booted.VCPUs_max), words.number(vm.VCPUs_max));
    compare("column-memory", booted.memory_static_max === undefined ? undefined : words.bytes(booted.memory_static_max), words.bytes(vm.memory_static_max));
    const order = (params: Record<string, string> | undefined): string => words.boot(params?.["order"] ?? "");
    if (vm.PV_kernel === "") compare("boot-order", booted.HVM_boot_params === undefined ? undefined : order(booted.HVM_boot_params), order(vm.HVM_boot_params));
    compare("pending-kernel", booted.PV_kernel, vm.PV_kernel);
    compare("pending-ramdisk", booted.PV_ramdisk, vm.PV_ramdisk);
    compare("pending-args", booted.PV_args, vm.PV_args);
    compare("pending-crash", booted.actions_after_crash, vm.actions_after_crash);
    for (const key of ["cores-per-socket", "watchdog"]) compare(`pending-${key}`, booted.platform === undefined ? undefined : (booted.platform[key] ?? ""), vm.platform[key]);
  }
  // The processors that guests of this pool get may have become other ones.
  const model = pool?.cpu_info?.["guest_model"];
  if (model !== undefined && model !== "") compare("pending-cpu", vm.last_boot_CPU_flags?.["model"], model);
  return found;
}
