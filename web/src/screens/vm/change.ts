// Changing what a machine is: only what differs is sent, one after the other.
import { haven } from "@/actions/cli";
import { call, NULL_REF } from "@/api/rpc";
import type { Item } from "@/store/hooks";
import { policyWord } from "../availability/actions";
import { CORES_KEY, FOLDER_KEY, setEntry } from "./marks";

/** What people change of a machine; what is not named stays. */
export interface Changes {
  name?: string;
  description?: string;
  /** Bytes. */
  memory?: number;
  vcpus?: number;
  /** How many it can be given while it runs. */
  vcpusMax?: number;
  /** Reference of the host to prefer; empty: none. */
  affinity?: string;
  tags?: readonly string[];
  /** As it stands in the row; empty: none. */
  folder?: string;
  /** Cores of a processor; 0: nothing is said of it. */
  cores?: number;
  /** What firmware tries in turn. */
  boot?: string;
  policy?: string;
  order?: number;
  /** Seconds. */
  delay?: number;
}

/** Sets the number of processors: that at the start must never exceed the most. */
export async function setVcpus(vm: string, vcpus: number): Promise<void> {
  const most = await call("VM.get_VCPUs_max", vm);
  if (vcpus > most) await call("VM.set_VCPUs_max", vm, vcpus);
  await call("VM.set_VCPUs_at_startup", vm, vcpus);
  if (vcpus < most) await call("VM.set_VCPUs_max", vm, vcpus);
}

/** The same with room for more: while it runs the guest gets or loses some at once. */
async function changeVcpus(vm: string, to: Pick<Changes, "vcpus" | "vcpusMax">): Promise<void> {
  if ((await call("VM.get_power_state", vm)) === "Running" && to.vcpus !== undefined) {
    await call("VM.set_VCPUs_number_live", vm, to.vcpus);
    return;
  }
  const [now, most] = [await call("VM.get_VCPUs_at_startup", vm), await call("VM.get_VCPUs_max", vm)];
  const vcpus = to.vcpus ?? Math.min(now, to.vcpusMax ?? now);
  // Where there was no room before there is none afterwards, unless it was asked for.
  const room = to.vcpusMax ?? (now === most ? vcpus : Math.max(most, vcpus));
  const steps = [() => call("VM.set_VCPUs_max", vm, room), () => call("VM.set_VCPUs_at_startup", vm, vcpus)];
  for (const step of room < now ? steps.reverse() : steps) await step();
}

export async function change(vm: string, to: Changes): Promise<void> {
  if (to.name !== undefined) await call("VM.set_name_label", vm, to.name);
  if (to.description !== undefined) await call("VM.set_name_description", vm, to.description);
  if (to.memory !== undefined) await call("VM.set_memory", vm, to.memory);
  if (to.vcpus !== undefined || to.vcpusMax !== undefined) await changeVcpus(vm, to);
  if (to.cores !== undefined) await setEntry(vm, "platform", CORES_KEY, to.cores === 0 ? "" : String(to.cores));
  if (to.boot !== undefined) await setEntry(vm, "HVM_boot_params", "order", to.boot);
  if (to.tags !== undefined) await call("VM.set_tags", vm, [...to.tags]);
  if (to.folder !== undefined) await setEntry(vm, "other_config", FOLDER_KEY, to.folder);
  if (to.affinity !== undefined) await call("VM.set_affinity", vm, to.affinity === "" ? NULL_REF : to.affinity);
  if (to.order !== undefined) await call("VM.set_order", vm, to.order);
  if (to.delay !== undefined) await call("VM.set_start_delay", vm, to.delay);
  if (to.policy !== undefined) await call("VM.set_ha_restart_priority", vm, to.policy);
}

/** The same on the command line; `host` is the name of the host to prefer. */
export function cliOfChange(vm: Item<"VM">, to: Changes, host: string): string {
  const words: Array<string | number> = [];
  if (to.name !== undefined) words.push("--name", to.name);
  if (to.description !== undefined) words.push("--description", to.description);
  if (to.memory !== undefined) words.push("--memory", `${Math.round(to.memory / 2 ** 20)}MiB`);
  if (to.vcpus !== undefined) words.push("--vcpus", to.vcpus);
  if (to.vcpusMax !== undefined) words.push("--vcpus-max", to.vcpusMax);
  if (to.cores !== undefined) words.push("--cores-per-socket", to.cores);
  if (to.boot !== undefined) words.push("--boot", to.boot);
  if (to.tags !== undefined) words.push(...(to.tags.length === 0 ? ["--tag", ""] : to.tags.flatMap((tag) => ["--tag", tag])));
  if (to.folder !== undefined) words.push("--folder", to.folder);
  if (to.affinity !== undefined) words.push("--affinity", to.affinity === "" ? "" : host);
  if (to.order !== undefined) words.push("--order", to.order);
  if (to.delay !== undefined) words.push("--start-delay", `${to.delay}s`);
  if (to.policy !== undefined) words.push("--ha", policyWord(to.policy));
  return haven("vm", "set", vm.name_label, ...words);
}
