// What the page knows of storage.
import type { Records } from "@/generated/xenapi";
import type { Item } from "@/store/hooks";

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

/** Where new disks go unless somebody says otherwise: the pool's own choice, or what machines can be protected on. */
export function bestStorage(srs: ReadonlyArray<Item<"SR">>, pool: Pick<Records["pool"], "default_SR"> | undefined): Item<"SR"> | undefined {
  return srs.find((sr) => sr.$ref === pool?.default_SR) ?? srs.find((sr) => sr.shared) ?? srs[0];
}
