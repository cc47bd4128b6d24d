// What the palette finds: objects by name, what can be done with them, pages.
import type { World } from "@/actions/action";
import { isMachine, type Item } from "@/store/hooks";
import { pathOf } from "@/ui/links";
import { ownName } from "@/ui/names";
import { areaActions, areaCommands, areaTabs } from "./areas";

export interface PaletteEntry {
  key: string;
  /** What is searched. */
  text: string;
  title: string;
  /** What kind of thing it is: a message. */
  kind: string;
  /** Why it cannot be chosen; a text. */
  reason?: string;
  choose: { to: string } | { perform: () => void };
}

/** Objects and entries that are offered at most. */
const FOUND_MAX = 50;

type Translate = (id: string, args?: Record<string, string | number>) => string;
type Perform = (action: never, targets: never) => void;

/** Everything that the words of `query` occur in; the best first. */
export function paletteEntries(world: World, query: string, t: Translate, perform: Perform): PaletteEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const fits = (text: string): boolean => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
  const found: PaletteEntry[] = [];
  const add = (entry: PaletteEntry): void => {
    if (found.length < FOUND_MAX && fits(entry.text)) found.push(entry);
  };
  for (const { id, label, to, blocked } of areaCommands) {
    add({ key: id, text: t(label), title: t(label), kind: "kind-command", choose: { to }, ...(blocked === undefined ? {} : { reason: t(blocked) }) });
  }
  for (const tab of areaTabs("pool")) {
    const title = `${t("kind-pool")}: ${t(tab.label)}`;
    add({ key: `pool-${tab.id}`, text: title, title, kind: "kind-page", choose: { to: pathOf("pool", "", tab.id) } });
  }
  for (const host of world.all("host")) {
    add({ key: host.$ref, text: host.name_label, title: host.name_label, kind: "kind-host", choose: { to: pathOf("host", host.uuid) } });
  }
  for (const sr of world.all("SR")) {
    add({ key: sr.$ref, text: sr.name_label, title: sr.name_label, kind: "kind-sr", choose: { to: pathOf("sr", sr.uuid) } });
  }
  for (const network of world.all("network")) {
    add({ key: network.$ref, text: `${ownName(network, t)} ${network.name_label}`, title: ownName(network, t), kind: "kind-network", choose: { to: pathOf("network", network.uuid) } });
  }
  const machines = world.all("VM").filter(isMachine);
  for (const vm of machines) {
    if (found.length >= FOUND_MAX) break;
    add({ key: vm.$ref, text: vm.name_label, title: vm.name_label, kind: "kind-vm", choose: { to: pathOf("vm", vm.uuid) } });
  }
  // There is one pool: its verbs need no name.
  if (words.length > 0) addActions("pool", world.all("pool"));
  // "start web1": a verb and a name. One word alone would offer every verb for every machine.
  if (words.length < 2) return found;
  addActions("VM", machines);
  addActions("host", world.all("host"));
  addActions("SR", world.all("SR"));
  addPages("vm", machines);
  addPages("host", world.all("host"));
  return found;

  function addActions<C extends "VM" | "host" | "SR" | "pool">(of: C, targets: ReadonlyArray<Item<C>>): void {
    for (const action of areaActions<C>(of)) {
      const label = t(action.label);
      if (!words.some((word) => label.toLowerCase().includes(word))) continue;
      for (const target of targets) {
        if (found.length >= FOUND_MAX) return;
        if (action.isHidden?.(target, world) === true) continue;
        const title = `${label}: ${target.name_label}`;
        const blocked = action.blocked?.(target, world);
        const entry: PaletteEntry = {
          key: `${action.id}-${target.$ref}`,
          text: title,
          title,
          kind: "kind-action",
          choose: { perform: () => perform(action as never, [target] as never) },
        };
        if (blocked !== undefined) entry.reason = t(blocked.id, blocked.args as Record<string, string>);
        add(entry);
      }
    }
  }

  /** "console web1": a part of an object's page. */
  function addPages(kind: "vm" | "host", targets: ReadonlyArray<Item<"VM"> | Item<"host">>): void {
    for (const tab of areaTabs(kind)) {
      const label = t(tab.label);
      if (!words.some((word) => label.toLowerCase().includes(word))) continue;
      for (const target of targets) {
        if (found.length >= FOUND_MAX) return;
        const title = `${target.name_label}: ${label}`;
        add({ key: `${tab.id}-${target.$ref}`, text: title, title, kind: "kind-page", choose: { to: pathOf(kind, target.uuid, tab.id) } });
      }
    }
  }
}
