// How screens read the pool's objects.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import type { ClassName, Records } from "@/generated/xenapi";
import { isRef } from "@/api/rpc";
import { type Table, tableKey, tableOf } from "./tables";

/** An object together with its reference. */
export type Item<C extends ClassName> = Records[C] & { readonly $ref: string };

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

const items = new WeakMap<object, Item<ClassName>>();

/** A row with its reference; the same object for the same row, so that memos hold. */
export function item<C extends ClassName>(ref: string, row: Records[C]): Item<C> {
  if ((row as { $ref?: string }).$ref === ref) return row as Item<C>;
  let made = items.get(row);
  if (made === undefined) {
    made = { ...row, $ref: ref } as unknown as Item<ClassName>;
    items.set(row, made);
  }
  return made as unknown as Item<C>;
}

/** All objects of a class. */
export function useAll<C extends ClassName>(name: C): Array<Item<C>> {
  const table = useTable(name);
  return useMemo(() => Array.from(table.byRef, ([ref, row]) => item<C>(ref, row)), [table]);
}

/** One object; renders again only when it changes itself. */
export function useObject<C extends ClassName>(name: C, ref: string | undefined): Item<C> | undefined {
  const client = useQueryClient();
  const found = useQuery({
    queryKey: tableKey(name),
    queryFn: () => tableOf(client, name),
    ...NEVER,
    select: (table: Table<C>) => (ref === undefined ? undefined : table.byRef.get(ref)),
  });
  const row = found.data;
  return row === undefined || !isRef(ref) ? undefined : item<C>(ref, row);
}

/** The object with this uuid, which is what addresses of the page carry; renders again only when it changes itself. */
export function useByUuid<C extends ClassName>(name: C, uuid: string | undefined): Item<C> | undefined {
  const client = useQueryClient();
  const found = useQuery({
    queryKey: tableKey(name),
    queryFn: () => tableOf(client, name),
    ...NEVER,
    select: (table: Table<C>) => (uuid === undefined ? undefined : rowOf(table, uuid)),
  });
  return found.data;
}

function rowOf<C extends ClassName>(table: Table<C>, uuid: string): Item<C> | undefined {
  const is = (row: Records[C] | undefined): row is Records[C] => (row as { uuid?: string } | undefined)?.uuid === uuid;
  // A reference is made of the uuid of its row wherever Haven made the row.
  const direct = `OpaqueRef:${uuid}`;
  const quick = table.byRef.get(direct);
  if (is(quick)) return item<C>(direct, quick);
  for (const [key, row] of table.byRef) if (is(row)) return item<C>(key, row);
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
