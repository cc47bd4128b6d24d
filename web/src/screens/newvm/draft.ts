// What is wanted of a new machine: what was typed, and what follows from it and from the pool.
import { bestStorage, isHostDrive } from "@/model/storage";
import type { Item } from "@/store/hooks";
import { coresOf, folderOf, tagsOf } from "../vm/marks";
import type { FirstBoot } from "./firstBoot";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const DISK_GIB = 20;
/** Disks, and interfaces, that a machine is made with at most; more are added afterwards. */
export const DEVICES_MAX = 8;
/** Machines that are made at once. */
export const COUNT_MAX = 50;

/** What the machine boots from at first. */
export const SOURCES = ["disk", "iso", "network", "cloud"] as const;
export type Source = (typeof SOURCES)[number];

/** By what the guest reaches its disks, as `VBD.other_config:bus` names it. */
export const BUSES = ["virtio", "scsi", "sata"] as const;
export type Bus = (typeof BUSES)[number];

/** An interface as it was typed. */
export interface NicDraft {
  /** Reference of its network. */
  network: string;
  /** Empty: one is made up. */
  mac: string;
  /** What it may send, in MiB a second; 0: as much as it likes. */
  limit: number;
}

/** An interface that is made. */
export interface WantedNic {
  network: Item<"network">;
  mac: string;
  limit: number;
}

/** What was typed or chosen; `null`: nothing yet, the best default holds. */
export interface Draft {
  template: string;
  name: string | null;
  description: string;
  /** As typed. */
  folder: string;
  tags: string;
  count: number;
  source: Source;
  /** Reference of the image; empty: the first. */
  image: string;
  firstBoot: FirstBoot;
  /** Reference of the host to prefer; empty: any. */
  home: string;
  /** Several are kept on different hosts. */
  isApart: boolean;
  /** Name of the group from whose machines it is kept apart; empty: none. */
  group: string;
  vcpus: number | null;
  memory: number | null;
  /** Cores of a processor; 0: nothing is said of it. */
  cores: number | null;
  /** Sizes in GiB. */
  disks: readonly number[] | null;
  sr: string | null;
  /** For all disks. */
  bus: Bus;
  /** For each disk; empty: as all. */
  buses: ReadonlyArray<Bus | "">;
  nics: readonly NicDraft[] | null;
  policy: string | null;
  isStarted: boolean;
}

/** What is made. */
export interface Wanted {
  template: Item<"VM">;
  names: readonly string[];
  /** Name of one, or what the names of several begin with. */
  base: string;
  description: string;
  folder: string;
  tags: readonly string[];
  source: Source;
  image: Item<"VDI"> | undefined;
  firstBoot: FirstBoot;
  home: Item<"host"> | undefined;
  /** Name of the group whose machines are kept on different hosts; empty: none. */
  group: string;
  vcpus: number;
  memory: number;
  cores: number;
  /** Sizes in bytes. */
  disks: readonly number[];
  sr: Item<"SR"> | undefined;
  /** By what each disk is reached. */
  buses: readonly Bus[];
  nics: readonly WantedNic[];
  policy: string;
  isStarted: boolean;
}

/** The pool's objects of which a machine is made. */
export interface Stock {
  pool: Item<"pool"> | undefined;
  vms: ReadonlyArray<Item<"VM">>;
  templates: ReadonlyArray<Item<"VM">>;
  /** A machine may begin as another one was once. */
  snapshots: ReadonlyArray<Item<"VM">>;
  /** Those of both that bring interfaces along. */
  withNic: ReadonlySet<string>;
  /** Those of both that bring a disk along, with what is on it: a cloud image, an installed system. */
  withDisk: ReadonlySet<string>;
  srs: ReadonlyArray<Item<"SR">>;
  images: ReadonlyArray<Item<"VDI">>;
  hosts: ReadonlyArray<Item<"host">>;
  networks: ReadonlyArray<Item<"network">>;
}

/** `web-1`, `web-2` and so on: names that nobody has. */
export function freeNames(base: string, count: number, vms: ReadonlyArray<{ name_label: string }>): string[] {
  const taken = new Set(vms.map((vm) => vm.name_label));
  const names: string[] = [];
  for (let number = 1; names.length < count; number += 1) {
    const name = `${base}-${number}`;
    if (!taken.has(name)) names.push(name);
  }
  return names;
}

/** Whether it boots from a kernel on the host, and from nothing else. */
export function isDirectKernel(template: Item<"VM">): boolean {
  return template.PV_kernel !== "";
}

/** A machine as it would be made now; undefined: the pool has no template. */
export function wantedOf(draft: Draft, stock: Stock): Wanted | undefined {
  const { pool, vms, templates, srs, images, hosts, networks } = stock;
  const template = templates.find((each) => each.uuid === draft.template) ?? stock.snapshots.find((each) => each.uuid === draft.template) ?? templates.find((each) => each.name_label === "Linux") ?? templates[0];
  if (template === undefined) return undefined;
  const word = template.name_label.split(" ")[0]?.toLowerCase() ?? "vm";
  const typed = draft.name?.trim();
  const base = typed ?? (draft.count > 1 ? word : (freeNames(word, 1, vms)[0] ?? word));
  const sr = srs.find((each) => each.$ref === draft.sr) ?? bestStorage(srs, pool);
  const isProtectable = pool?.ha_enabled === true && sr?.shared === true;
  // A direct-kernel guest of a few megabytes needs no 20 GiB.
  const isSmall = template.memory_static_max < 512 * MIB;
  const disks = draft.disks ?? (stock.withDisk.has(template.$ref) ? [] : [isSmall ? 0.0625 : DISK_GIB]);
  const first = networks[0];
  const nics = draft.nics ?? (first === undefined || stock.withNic.has(template.$ref) ? [] : [{ network: first.$ref, mac: "", limit: 0 }]);
  const vcpus = draft.vcpus ?? template.VCPUs_at_startup;
  const cores = draft.cores ?? coresOf(template);
  const source = isDirectKernel(template) ? "disk" : draft.source;
  const image = source === "iso" ? (images.find((each) => each.$ref === draft.image) ?? images[0]) : undefined;
  // With the drive of a host it runs on that host alone.
  const mayMove = sr?.shared === true && (image === undefined || !isHostDrive(image));
  return {
    template,
    base,
    names: draft.count > 1 ? freeNames(base, draft.count, vms) : [base],
    description: draft.description.trim(),
    folder: folderOf(draft.folder),
    tags: tagsOf(draft.tags),
    source,
    image,
    firstBoot: draft.firstBoot,
    home: hosts.find((each) => each.$ref === draft.home),
    group: draft.group.trim() !== "" ? draft.group.trim() : draft.isApart && draft.count > 1 ? base : "",
    vcpus,
    cores: vcpus % cores === 0 ? cores : 0,
    memory: draft.memory ?? template.memory_static_max,
    disks: disks.map((gib) => Math.round(gib * GIB)),
    sr,
    buses: disks.map((_gib, at) => draft.buses[at] || draft.bus),
    nics: nics.flatMap(({ network: ref, mac, limit }) => {
      const network = networks.find((each) => each.$ref === ref);
      // One address is one machine's.
      return network === undefined ? [] : [{ network, mac: draft.count > 1 ? "" : mac.trim(), limit }];
    }),
    policy: mayMove ? (draft.policy ?? (isProtectable ? "restart" : "")) : "",
    isStarted: draft.isStarted,
  };
}
