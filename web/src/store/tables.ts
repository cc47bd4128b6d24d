// The pool's objects in the page: one table per class in the query cache, fed by the event loop.
import { QueryClient } from "@tanstack/react-query";
import type { ClassName, ObjectEvent, Records } from "@/generated/xenapi";

/** An object together with its reference. */
export type Item<C extends ClassName> = Records[C] & { readonly $ref: string };

/** All objects of a class. A change makes a new table around the same map. */
export interface Table<C extends ClassName> {
  readonly byRef: ReadonlyMap<string, Item<C>>;
  readonly version: number;
}

const EMPTY: Table<ClassName> = { byRef: new Map(), version: 0 };

/** The cache of everything that was asked of the pool. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, gcTime: Infinity } },
  });
}

export function tableKey(name: ClassName): readonly [string, string] {
  return ["objects", name];
}

export function tableOf<C extends ClassName>(client: QueryClient, name: C): Table<C> {
  return (client.getQueryData(tableKey(name)) as Table<C> | undefined) ?? (EMPTY as unknown as Table<C>);
}

/** Wire names are lower case; the classes of the pool by them. */
export type ClassByWire = ReadonlyMap<string, ClassName>;

/** Puts a batch of events into the tables; answers the classes that changed. */
export function applyEvents(
  client: QueryClient,
  classes: ClassByWire,
  events: readonly ObjectEvent[],
): Set<ClassName> {
  const maps = new Map<ClassName, Map<string, unknown>>();
  for (const event of events) {
    const name = classes.get(event.class);
    if (name === undefined) continue;
    let map = maps.get(name);
    if (map === undefined) {
      // The map itself is kept: tables have thousands of rows and change every second.
      map = tableOf(client, name).byRef as Map<string, unknown>;
      if (map === EMPTY.byRef) map = new Map();
      maps.set(name, map);
    }
    if (event.operation === "del") map.delete(event.ref);
    else if (event.snapshot !== undefined) {
      // The row is nobody else's: it learns its reference here, and is never copied for it.
      (event.snapshot as { $ref?: string }).$ref = event.ref;
      map.set(event.ref, event.snapshot);
    }
  }
  for (const [name, map] of maps) publish(client, name, map);
  return new Set(maps.keys());
}

function publish(client: QueryClient, name: ClassName, map: Map<string, unknown>): void {
  const version = tableOf(client, name).version + 1;
  client.setQueryData(tableKey(name), { byRef: map, version });
}

/** Removes what a complete answer did not contain. */
export function keepOnly(
  client: QueryClient,
  classes: ClassByWire,
  events: readonly ObjectEvent[],
): void {
  const seen = new Map<ClassName, Set<string>>();
  for (const event of events) {
    const name = classes.get(event.class);
    if (name === undefined) continue;
    const refs = seen.get(name) ?? new Set();
    refs.add(event.ref);
    seen.set(name, refs);
  }
  for (const name of classes.values()) {
    const table = tableOf(client, name);
    const refs = seen.get(name);
    const gone = [...table.byRef.keys()].filter((ref) => refs?.has(ref) !== true);
    if (gone.length === 0) continue;
    const map = table.byRef as Map<string, unknown>;
    for (const ref of gone) map.delete(ref);
    publish(client, name, map);
  }
}
