// What the page knows of storage.
import type { Records } from "@/generated/xenapi";

/** Whether it holds CD images, and no disks of machines. */
export function isLibrary(sr: Pick<Records["SR"], "type" | "content_type">): boolean {
  return sr.type === "iso" || sr.content_type === "iso";
}

/** Whether every host reaches it and machines can live on it: what moving and protection need. */
export function carriesProtection(sr: Pick<Records["SR"], "type" | "content_type" | "shared">): boolean {
  return sr.shared && !isLibrary(sr);
}

/** How much more fits onto it, in bytes. */
export function roomOf(sr: Pick<Records["SR"], "physical_size" | "physical_utilisation">): number {
  return Math.max(0, sr.physical_size - sr.physical_utilisation);
}
