// What the tree shows, as a flat list of lines: only those that are unfolded.
import type { Drop } from "@/actions/action";
import type { Records } from "@/generated/xenapi";
import { isRef } from "@/api/rpc";
import { filed, tagged } from "./treeOrders";
import type { Item } from "@/store/hooks";
import { isMachine } from "@/store/hooks";
import { inOrder } from "@/ui/order";

export type NodeKind = "pool" | "host" | "vm" | "sr" | "network" | "template" | "group" | "folder" | "tag";

/** By what machines are ordered: where they run, where somebody filed them, how they are marked. */
export const TREE_MODES = ["hosts", "folders", "tags"] as const;
export type TreeMode = (typeof TREE_MODES)[number];

export interface TreeNode {
  /** One line's own; a machine with two tags has two lines. */
  key: string;
  /** Reference of a machine. */
  ref?: string;
  /** Where a machine comes to when it is dropped here. */
  drop?: Drop;
  kind: NodeKind;
  depth: number;
  /** A name; groups have a message instead. */
  name: string;
  message?: string;
  /** Address of its page. */
  to?: string;
  /** Undefined: has no children. */
  isOpen?: boolean;
  /** For icons: power state of a machine, whether a host lives. */
  state?: string;
  count?: number;
}

export interface TreeInput {
  pool: Item<"pool"> | undefined;
  hosts: ReadonlyArray<Item<"host">>;
  vms: ReadonlyArray<Item<"VM">>;
  srs: ReadonlyArray<Item<"SR">>;
  networks: ReadonlyArray<Item<"network">>;
  isLive: (host: Records["host"]) => boolean;
  closed: ReadonlySet<string>;
  language: string;
  mode: TreeMode;
  /** What a network is called on the page. */
  nameOf: (row: { name_label: string }) => string;
}

/** Groups that are folded until somebody unfolds them. */
export const CLOSED_AT_FIRST: readonly string[] = ["templates", "networks"];

/** The line of a machine. */
export function vmNode(vm: Item<"VM">, depth: number, key: string = vm.$ref): TreeNode {
  return { key, ref: vm.$ref, kind: "vm", depth, name: vm.name_label, to: `/vm/${vm.uuid}`, state: vm.power_state };
}

export function treeNodes(input: TreeInput): TreeNode[] {
  const byName = <T extends { name_label: string }>(rows: readonly T[]): T[] => inOrder(rows, (row) => row.name_label, input.language);
  const nodes: TreeNode[] = [];
  const isOpen = (key: string): boolean => !input.closed.has(key);
  const { pool } = input;
  if (pool === undefined) return nodes;
  nodes.push({ key: "pool", kind: "pool", depth: 0, name: pool.name_label, to: "/", isOpen: isOpen("pool") });
  if (!isOpen("pool")) return nodes;

  const machines = input.vms.filter(isMachine);
  if (input.mode === "folders") return [...nodes, ...filed(machines, isOpen, input.language)];
  if (input.mode === "tags") return [...nodes, ...tagged(machines, isOpen, input.language)];
  const onHost = new Map<string, Array<Item<"VM">>>();
  const stopped: Array<Item<"VM">> = [];
  for (const vm of machines) {
    if (!isRef(vm.resident_on)) {
      stopped.push(vm);
      continue;
    }
    const list = onHost.get(vm.resident_on);
    if (list === undefined) onHost.set(vm.resident_on, [vm]);
    else list.push(vm);
  }
  for (const host of byName(input.hosts)) {
    const vms = onHost.get(host.$ref) ?? [];
    const node: TreeNode = {
      key: host.$ref,
      kind: "host",
      drop: { kind: "host", to: host.$ref },
      depth: 1,
      name: host.name_label,
      to: `/host/${host.uuid}`,
      state: !input.isLive(host) ? "lost" : host.enabled ? "live" : "disabled",
    };
    if (vms.length > 0) Object.assign(node, { isOpen: isOpen(host.$ref), count: vms.length });
    nodes.push(node);
    if (node.isOpen === true) nodes.push(...byName(vms).map((vm) => vmNode(vm, 2)));
  }
  const group = (key: string, message: string, children: TreeNode[]): void => {
    if (children.length === 0) return;
    nodes.push({ key, kind: "group", depth: 1, name: "", message, isOpen: isOpen(key), count: children.length });
    if (isOpen(key)) nodes.push(...children);
  };
  group("stopped", "tree-stopped", byName(stopped).map((vm) => vmNode(vm, 2)));
  group(
    "storage",
    "tree-storage",
    byName(input.srs).map((sr) => ({ key: sr.$ref, kind: "sr", depth: 2, name: sr.name_label, to: `/sr/${sr.uuid}` })),
  );
  group(
    "networks",
    "tree-networks",
    byName(input.networks).map((n) => ({ key: n.$ref, kind: "network", depth: 2, name: input.nameOf(n), to: `/network/${n.uuid}` })),
  );
  group(
    "templates",
    "tree-templates",
    byName(input.vms.filter((vm) => vm.is_a_template && !vm.is_a_snapshot)).map((vm) => ({
      key: vm.$ref,
      kind: "template",
      depth: 2,
      name: vm.name_label,
      to: `/new/vm?template=${vm.uuid}`,
    })),
  );
  return nodes;
}
