// Which snapshot came after which. The line that leads to the present stays straight; others branch off.
import { wireTime } from "@/i18n/format";
import type { Item } from "@/store/hooks";

type Snapshot = Item<"VM">;

export interface Line {
  /** Undefined: the present state of the machine. */
  snapshot: Snapshot | undefined;
  /** How many branches it is away from the straight line. */
  depth: number;
  /** Name of what it came after, where that is not the line above. */
  after?: string;
}

/** The lines from old to new, a branch before what goes on from the same snapshot. */
export function linesOf(vm: Snapshot, snapshots: readonly Snapshot[]): Line[] {
  const byRef = new Map(snapshots.map((each) => [each.$ref, each]));
  const children = new Map<string | undefined, Array<Snapshot | undefined>>();
  const put = (parent: string, child: Snapshot | undefined): void => {
    // What came before may have been deleted: then it stands at the beginning.
    const of = byRef.has(parent) ? parent : undefined;
    children.set(of, [...(children.get(of) ?? []), child]);
  };
  const time = (each: Snapshot): number => wireTime(each.snapshot_time);
  for (const each of [...snapshots].sort((a, b) => time(a) - time(b))) put(each.parent, each);
  put(vm.parent, undefined);
  const straight = new Set<Snapshot | undefined>([undefined]);
  for (let at = byRef.get(vm.parent); at !== undefined && !straight.has(at); at = byRef.get(at.parent)) straight.add(at);
  const lines: Line[] = [];
  const walk = (of: Snapshot | undefined, all: ReadonlyArray<Snapshot | undefined>, depth: number): void => {
    const main = all.find((each) => straight.has(each)) ?? (of === undefined ? undefined : all[all.length - 1]);
    const sides = all.filter((each) => each !== main);
    for (const each of [...sides, ...(all.includes(main) ? [main] : [])]) {
      const above = lines[lines.length - 1]?.snapshot;
      const own = each === main || of === undefined ? depth : depth + 1;
      lines.push({ snapshot: each, depth: own, ...(of !== undefined && above !== of ? { after: of.name_label } : {}) });
      if (each !== undefined) walk(each, children.get(each.$ref) ?? [], own);
    }
  };
  walk(undefined, children.get(undefined) ?? [], 0);
  return lines;
}
