// The tree by folders and by tags.
import { FOLDER_KEY, folderOf } from "@/screens/vm/marks";
import type { Item } from "@/store/hooks";
import { inOrder } from "@/ui/order";
import { type TreeNode, vmNode } from "./treeNodes";

type Vm = Item<"VM">;
type IsOpen = (key: string) => boolean;

/** A folder, with what lies in it. */
interface Folder {
  path: string;
  name: string;
  folders: Map<string, Folder>;
  vms: Vm[];
}

function empty(path: string, name: string): Folder {
  return { path, name, folders: new Map(), vms: [] };
}

/** Machines in it and below it. */
function countOf(folder: Folder): number {
  return folder.vms.length + [...folder.folders.values()].reduce((all, each) => all + countOf(each), 0);
}

/** Machines by their folders, which exist as long as something lies in them; those in none come last. */
export function filed(vms: readonly Vm[], isOpen: IsOpen, language: string): TreeNode[] {
  const root = empty("", "");
  for (const vm of vms) {
    let at = root;
    for (const name of folderOf(vm.other_config[FOLDER_KEY] ?? "").split("/").filter((part) => part !== "")) {
      const next = at.folders.get(name) ?? empty(`${at.path}/${name}`, name);
      at.folders.set(name, next);
      at = next;
    }
    at.vms.push(vm);
  }
  const nodes: TreeNode[] = [];
  const walk = (folder: Folder, depth: number): void => {
    const key = `folder:${encodeURIComponent(folder.path)}`;
    nodes.push({ key, kind: "folder", drop: { kind: "folder", to: folder.path }, depth, name: folder.name, isOpen: isOpen(key), count: countOf(folder) });
    if (!isOpen(key)) return;
    for (const each of inOrder([...folder.folders.values()], (one) => one.name, language)) walk(each, depth + 1);
    for (const vm of inOrder(folder.vms, (one) => one.name_label, language)) nodes.push(vmNode(vm, depth + 1));
  };
  for (const each of inOrder([...root.folders.values()], (one) => one.name, language)) walk(each, 1);
  rest(nodes, { key: "folder:", kind: "folder", drop: { kind: "folder", to: "" }, message: "tree-unfiled" }, root.vms, { isOpen, language });
  return nodes;
}

/** Machines by their tags, each under every one of its own; those without come last. */
export function tagged(vms: readonly Vm[], isOpen: IsOpen, language: string): TreeNode[] {
  const tags = new Map<string, Vm[]>();
  const bare: Vm[] = [];
  for (const vm of vms) {
    if (vm.tags.length === 0) bare.push(vm);
    for (const tag of new Set(vm.tags)) tags.set(tag, [...(tags.get(tag) ?? []), vm]);
  }
  const nodes: TreeNode[] = [];
  for (const [tag, under] of inOrder([...tags], ([name]) => name, language)) {
    const key = `tag:${encodeURIComponent(tag)}`;
    nodes.push({ key, kind: "tag", drop: { kind: "tag", to: tag }, depth: 1, name: tag, isOpen: isOpen(key), count: under.length });
    if (!isOpen(key)) continue;
    for (const vm of inOrder(under, (one) => one.name_label, language)) nodes.push(vmNode(vm, 2, `${key}:${vm.$ref}`));
  }
  rest(nodes, { key: "tag:", kind: "tag", message: "tree-untagged" }, bare, { isOpen, language });
  return nodes;
}

/** What is nowhere else. */
function rest(nodes: TreeNode[], line: Pick<TreeNode, "key" | "kind" | "drop" | "message">, vms: readonly Vm[], { isOpen, language }: { isOpen: IsOpen; language: string }): void {
  if (vms.length === 0 && line.drop === undefined) return;
  nodes.push({ ...line, depth: 1, name: "", ...(vms.length === 0 ? {} : { isOpen: isOpen(line.key) }), count: vms.length });
  if (!isOpen(line.key)) return;
  for (const vm of inOrder(vms, (one) => one.name_label, language)) nodes.push(vmNode(vm, 2));
}
