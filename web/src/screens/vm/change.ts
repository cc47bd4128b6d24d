// Changing what a machine is: only what differs is sent, one after the other.
import { haven } from "@/actions/cli";
import { call, NULL_REF } from "@/api/rpc";
import type { Item } from "@/store/hooks";
import { policyWord } from "../availability/actions";

/** What people change of a machine; what is not named stays. */
export interface Changes {
  name?: string;
  description?: string;
  /** Bytes. */
  memory?: number;
  vcpus?: number;
  /** Reference of the host to prefer; empty: none. */
  affinity?: string;
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

export async function change(vm: string, to: Changes): Promise<void> {
  if (to.name !== undefined) await call("VM.set_name_label", vm, to.name);
  if (to.description !== undefined) await call("VM.set_name_description", vm, to.description);
  if (to.memory !== undefined) await call("VM.set_memory", vm, to.memory);
  if (to.vcpus !== undefined) await setVcpus(vm, to.vcpus);
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
  if (to.affinity !== undefined) words.push("--affinity", to.affinity === "" ? "" : host);
  if (to.order !== undefined) words.push("--order", to.order);
  if (to.delay !== undefined) words.push("--start-delay", `${to.delay}s`);
  if (to.policy !== undefined) words.push("--ha", policyWord(to.policy));
  return haven("vm", "set", vm.name_label, ...words);
}
