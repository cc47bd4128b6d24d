// How screens read the pool's objects.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { ClassName, Records } from "@/generated/xenapi";
import { type Item, type Table, tableKey, tableOf } from "./tables";

export type { Item } from "./tables";

const NEVER = { staleTime: Infinity, gcTime: Infinity, structuralSharing: false, enabled: false } as const;

/** The table of a class; renders again when any of its objects changes. */
export function useTable<C extends ClassName>(name: C): Table<C> {
  const client = useQueryClient();
  const found = useQuery({ queryKey: tableKey(name), queryFn: () => tableOf(client, name), ...NEVER });
  return found.data ?? tableOf(client, name);
}

/** Whether the objects of a class have arrived. */
export function useLoaded(name: ClassName): boolean {
  return useTable(name).version > 0;
}

/** All objects of a class. */
export function useAll<C extends ClassName>(name: C): Array<Item<C>> {
  const table = useTable(name);
  return useMemo(() => [...table.byRef.values()], [table]);
}

/** What is picked of a table; renders again only when that changes itself. */
function usePicked<C extends ClassName>(name: C, pick: (table: Table<C>) => Item<C> | undefined): Item<C> | undefined {
  const client = useQueryClient();
  return useQuery({ queryKey: tableKey(name), queryFn: () => tableOf(client, name), ...NEVER, select: pick }).data;
}

/** One object; renders again only when it changes itself. */
export function useObject<C extends ClassName>(name: C, ref: string | undefined): Item<C> | undefined {
  return usePicked(name, useCallback((table) => table.byRef.get(ref ?? ""), [ref]));
}

/** The object with this uuid, which is what addresses of the page carry; renders again only when it changes itself. */
export function useByUuid<C extends ClassName>(name: C, uuid: string | undefined): Item<C> | undefined {
  return usePicked(name, useCallback((table) => (uuid === undefined ? undefined : rowOf(table, uuid)), [uuid]));
}

/** The row of a table with this uuid. */
export function rowOf<C extends ClassName>(table: Table<C>, uuid: string): Item<C> | undefined {
  const is = (row: Item<C> | undefined): boolean => (row as { uuid?: string } | undefined)?.uuid === uuid;
  // A reference is made of the uuid of its row wherever Haven made the row.
  const quick = table.byRef.get(`OpaqueRef:${uuid}`);
  if (is(quick)) return quick;
  for (const row of table.byRef.values()) if (is(row)) return row;
  return undefined;
}

/** The pool's own row. */
export function usePool(): Item<"pool"> | undefined {
  return useAll("pool")[0];
}

/** Machines of people: no templates, snapshots or control domains. */
export function useVms(): Array<Item<"VM">> {
  const all = useAll("VM");
  return useMemo(() => all.filter(isMachine), [all]);
}

/** Whether a row of class VM is a machine of somebody. */
export function isMachine(vm: Records["VM"]): boolean {
  return !vm.is_a_template && !vm.is_a_snapshot && !vm.is_control_domain;
}
