// The tables of the mock pool, with generations as event.from counts them.
import type { ClassName, EventBatch, ObjectEvent, Records } from "@/generated/xenapi";

type Row = Record<string, unknown>;

interface Stored {
  row: Row;
  created: number;
  changed: number;
}

export class MockTables {
  private readonly tables = new Map<string, Map<string, Stored>>();
  private readonly deleted: Array<{ class: string; ref: string; at: number }> = [];
  private readonly waiting = new Set<() => void>();
  generation = 1;

  private table(name: string): Map<string, Stored> {
    let table = this.tables.get(name);
    if (table === undefined) {
      table = new Map();
      this.tables.set(name, table);
    }
    return table;
  }

  insert<C extends ClassName>(name: C, row: Partial<Records[C]>): string {
    const uuid = (row as { uuid?: string }).uuid ?? crypto.randomUUID();
    const ref = `OpaqueRef:${uuid}`;
    this.generation += 1;
    const at = this.generation;
    this.table(name).set(ref, { row: { ...row, uuid }, created: at, changed: at });
    this.wake();
    return ref;
  }

  get<C extends ClassName>(name: C, ref: string): Records[C] | undefined {
    return this.table(name).get(ref)?.row as Records[C] | undefined;
  }

  all<C extends ClassName>(name: C): Array<[string, Records[C]]> {
    return Array.from(this.table(name), ([ref, stored]) => [ref, stored.row as unknown as Records[C]]);
  }

  update<C extends ClassName>(name: C, ref: string, change: Partial<Records[C]>): void {
    const stored = this.table(name).get(ref);
    if (stored === undefined) return;
    this.generation += 1;
    stored.row = { ...stored.row, ...change };
    stored.changed = this.generation;
    this.wake();
  }

  remove(name: ClassName, ref: string): void {
    if (!this.table(name).delete(ref)) return;
    this.generation += 1;
    this.deleted.push({ class: name, ref, at: this.generation });
    this.wake();
  }

  /** As another coordinator, which remembers no deletion of its predecessor's time. */
  forgetDeletions(): void {
    this.deleted.splice(0);
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
  }

  /** Resolves after the next change, or after so many milliseconds. */
  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.waiting.add(done);
    });
  }

  /** What happened since `token`; an empty one asks for everything. */
  since(classes: readonly string[], token: string): EventBatch {
    const from = token === "" ? 0 : Number(token.split(",")[0]);
    const wanted = (name: string): boolean => classes.includes("*") || classes.includes(name.toLowerCase());
    const events: ObjectEvent[] = [];
    const event = (name: string, ref: string, operation: ObjectEvent["operation"], at: number, snapshot?: unknown): void => {
      const base = { id: String(at), timestamp: "0.0", class: name.toLowerCase(), operation, ref };
      events.push(snapshot === undefined ? base : { ...base, snapshot });
    };
    const counts: Record<string, number> = {};
    for (const [name, table] of this.tables) {
      if (!wanted(name)) continue;
      counts[name.toLowerCase()] = table.size;
      for (const [ref, { row, created, changed }] of table) {
        if (changed > from) event(name, ref, created > from ? "add" : "mod", changed, row);
      }
    }
    for (const gone of this.deleted) if (gone.at > from && wanted(gone.class)) event(gone.class, gone.ref, "del", gone.at);
    const number = String(this.generation).padStart(20, "0");
    return { events, valid_ref_counts: counts, token: `${number},${"0".padStart(20, "0")}` };
  }
}
