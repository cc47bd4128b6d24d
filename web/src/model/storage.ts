// What the page knows of storage.
import type { Records } from "@/generated/xenapi";
import type { Item } from "@/store/hooks";

/** Whether it holds CD images, and no disks of machines. */
export function isLibrary(sr: Pick<Records["SR"], "type" | "content_type">): boolean {
  return sr.type === "iso" || sr.content_type === "iso";
}

/** Whether an image is the drive of a host, with the disc that lies in it. */
export function isHostDrive(vdi: Pick<Records["VDI"], "sm_config">): boolean {
  return vdi.sm_config["tray"] !== undefined;
}

/** The host whose drive it is. */
export function hostOfDrive(vdi: Pick<Records["VDI"], "SR">, world: { pbds: ReadonlyArray<Item<"PBD">>; hosts: ReadonlyArray<Item<"host">> }): Item<"host"> | undefined {
  const pbd = world.pbds.find((each) => each.SR === vdi.SR);
  return world.hosts.find((each) => each.$ref === pbd?.host);
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
