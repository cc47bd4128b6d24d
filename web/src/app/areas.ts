// What the areas of the console contribute: addresses, tabs, actions, entries of the palette.
// An area is a folder of src/screens whose index.tsx exports `area`; nothing else lists it.
import type { ComponentType } from "react";
import type { ClassName } from "@/generated/xenapi";
import type { Action } from "@/actions/action";
import type { Item } from "@/store/hooks";

/** Kinds of objects with pages of their own. */
export type PageKind = "pool" | "host" | "vm" | "sr" | "network";
export const PAGE_CLASS = { pool: "pool", host: "host", vm: "VM", sr: "SR", network: "network" } as const;
export type PageClass<K extends PageKind> = (typeof PAGE_CLASS)[K];

/** A tab of an object's page. */
export interface Tab<K extends PageKind = PageKind> {
  of: K;
  /** Last part of its address; `overview` is the first one that is seen. */
  id: string;
  label: string;
  order: number;
  component: ComponentType<{ object: Item<PageClass<K>> }>;
}

/** A page of its own, such as a wizard. */
export interface Route {
  /** Address below `/ui/`, as the router writes it. */
  path: string;
  component: ComponentType;
}

/** Something that the palette and the "New" menu offer apart from objects and their actions. */
export interface Command {
  id: string;
  label: string;
  to: string;
  /** Its place in the header's "New" menu; without it is not there. */
  isNew?: number;
  /** Message of why it cannot be done, where people look for it all the same. */
  blocked?: string;
  icon?: ComponentType;
}

export interface Area {
  tabs?: Tab[];
  routes?: Route[];
  actions?: Action[];
  commands?: Command[];
}

/** Declares a tab; keeps the kind of its object. */
export function defineTab<K extends PageKind>(tab: Tab<K>): Tab {
  return tab as unknown as Tab;
}

const modules = import.meta.glob<{ area: Area }>("../screens/*/index.tsx", { eager: true });
const areas: readonly Area[] = Object.values(modules).map((module) => module.area);

export const areaRoutes: readonly Route[] = areas.flatMap((area) => area.routes ?? []);
export const areaCommands: readonly Command[] = areas.flatMap((area) => area.commands ?? []);
export const newCommands: readonly Command[] = areaCommands.filter((command) => command.isNew !== undefined).sort((a, b) => (a.isNew ?? 0) - (b.isNew ?? 0));

const GROUPS = ["power", "move", "change", "remove"];

/** The actions for objects of a class, in the order of menus. */
export function areaActions<C extends ClassName>(of: C): Array<Action<C>> {
  const all = areas.flatMap((area) => area.actions ?? []).filter((action) => action.of === of);
  return all.sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group)) as unknown as Array<Action<C>>;
}

/** The tabs of a kind of page, in order. */
export function areaTabs(of: PageKind): Tab[] {
  return areas.flatMap((area) => area.tabs ?? []).filter((tab) => tab.of === of).sort((a, b) => a.order - b.order);
}
