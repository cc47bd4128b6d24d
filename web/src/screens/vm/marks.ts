// What machines are found by, what they are as the guest sees them, and how their interfaces are limited:
// how it stands in their rows.
import { call } from "@/api/rpc";
import type { Records } from "@/generated/xenapi";

/** Where clients of XenAPI keep the folder of an object, in `other_config`. */
export const FOLDER_KEY = "folder";
/** In `platform`: how many cores a processor has. */
export const CORES_KEY = "cores-per-socket";
/** How a rate limit is called in `VIF.qos_algorithm_type`; its parameter counts KiB a second. */
const LIMIT = "ratelimit";
const LIMIT_KEY = "kbps";
/** Fastest limit that the pool takes, in MiB a second. */
export const LIMIT_MIB_S_MAX = 3906;
/** An address of one device: the second digit is even. */
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i;

/** Whether what was typed is neither empty nor an address. */
export function isWrongMac(text: string): boolean {
  return text.trim() !== "" && !MAC.test(text.trim());
}

/** Tags as they are typed: between commas. */
export function tagsOf(text: string): string[] {
  return [...new Set(text.split(/[,，、]/).map((tag) => tag.trim()).filter((tag) => tag !== ""))];
}

/** A folder as it stands in the row: it begins with a slash, and does not end with one. */
export function folderOf(text: string): string {
  const parts = text.split("/").map((part) => part.trim()).filter((part) => part !== "");
  return parts.length === 0 ? "" : `/${parts.join("/")}`;
}

export function coresOf(vm: Pick<Records["VM"], "platform">): number {
  return Number(vm.platform[CORES_KEY] ?? 0) || 0;
}

/** Numbers of cores that a processor may have. */
export function coresFor(vcpus: number): number[] {
  return Array.from({ length: vcpus }, (_, index) => index + 1).filter((cores) => vcpus % cores === 0);
}

/** What an interface may send, in MiB a second; 0: as much as it likes. */
export function limitOf(vif: Pick<Records["VIF"], "qos_algorithm_type" | "qos_algorithm_params">): number {
  return vif.qos_algorithm_type === LIMIT ? Number(vif.qos_algorithm_params[LIMIT_KEY] ?? 0) / 1024 : 0;
}

/** The same as it stands in the row. */
export function limitFields(mib: number): Pick<Records["VIF"], "qos_algorithm_type" | "qos_algorithm_params"> {
  return mib > 0 ? { qos_algorithm_type: LIMIT, qos_algorithm_params: { [LIMIT_KEY]: String(Math.ceil(mib * 1024)) } } : { qos_algorithm_type: "", qos_algorithm_params: {} };
}

/** Sets one entry of a map of a machine; an empty text takes it away. */
export async function setEntry(vm: string, field: "other_config" | "platform" | "HVM_boot_params", key: string, text: string): Promise<void> {
  await call(`VM.remove_from_${field}`, vm, key);
  if (text !== "") await call(`VM.add_to_${field}`, vm, key, text);
}
