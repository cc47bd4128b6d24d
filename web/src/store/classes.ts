// Which classes the page follows, in two steps: what the first screen shows comes first.
import type { ClassName } from "@/generated/xenapi";
import type { ClassByWire } from "./tables";

export const FIRST: readonly ClassName[] = ["pool", "host", "host_metrics", "SR", "PBD", "task", "message"];
export const REST: readonly ClassName[] = [
  "VM",
  "VM_metrics",
  "VM_guest_metrics",
  "network",
  "PIF",
  "PIF_metrics",
  "VIF",
  "VBD",
  "VDI",
  "console",
  "host_cpu",
  "Bond",
  "VLAN",
];
export const FOLLOWED: readonly ClassName[] = [...FIRST, ...REST];

export function byWire(names: readonly ClassName[]): ClassByWire {
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

export function wireNames(names: readonly ClassName[]): string[] {
  return names.map((name) => name.toLowerCase());
}
