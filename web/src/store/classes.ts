// Which classes the page follows, in the order in which they are asked for.
import type { ClassName } from "@/generated/xenapi";
import type { ClassByWire } from "./tables";

/** What the first screen shows; it is little. */
export const FIRST: readonly ClassName[] = ["pool", "host", "host_metrics", "SR", "PBD", "task", "message"];
/** What lists, tree and search need: of thousands of machines, most of what there is. */
export const MACHINES: readonly ClassName[] = ["VM", "network"];
/** What the pages of single objects need; asked for in parts, so that none keeps the page busy for long. */
export const DETAILS: ReadonlyArray<readonly ClassName[]> = [
  ["VM_metrics", "VM_guest_metrics", "console"],
  ["VBD", "VDI"],
  ["VIF", "PIF", "PIF_metrics", "Bond", "VLAN", "host_cpu"],
];
/** Everything. */
export const FOLLOWED: readonly ClassName[] = [...FIRST, ...MACHINES, ...DETAILS.flat()];

export function byWire(names: readonly ClassName[]): ClassByWire {
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

export function wireNames(names: readonly ClassName[]): string[] {
  return names.map((name) => name.toLowerCase());
}
