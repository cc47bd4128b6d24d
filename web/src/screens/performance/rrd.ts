// The archives of the hosts: which of them is asked, and what the graphs make of the answer.
import { request } from "@/api/http";

/** What an answer to `/ui/rrd_updates?json=true` is made of; values are texts, `NaN` where nothing is known. */
export interface Updates {
  meta: { start: number; step: number; end: number; rows: number; columns: number; legend: string[] };
  /** Newest first. */
  data: Array<{ t: number; values: string[] }>;
}

export const RANGES = ["minutes", "hours", "week", "year"] as const;
export type Range = (typeof RANGES)[number];
/** How far an archive reaches back, and for how long a row stands, in seconds; the daemon's archive.rs. */
export const SHAPES: Record<Range, { span: number; step: number }> = {
  minutes: { span: 600, step: 5 },
  hours: { span: 7200, step: 60 },
  week: { span: 604_800, step: 3600 },
  year: { span: 31_622_400, step: 86_400 },
};

/** How long a point may stand for, in seconds: what the archive has, and what is made of it here. */
export const ROLLUPS: Record<Range, readonly [number, ...number[]]> = {
  minutes: [5, 10, 60],
  hours: [60, 300],
  week: [3600, 86_400],
  year: [86_400],
};

/** What a point says of its time: the archives keep all three. */
export const EXTENTS = ["mean", "highest", "lowest"] as const;
export type Extent = (typeof EXTENTS)[number];
/** What the hosts call them. */
const CFS: Record<Extent, string> = { mean: "AVERAGE", highest: "MAX", lowest: "MIN" };
const OPPOSITE: Record<Extent, Extent> = { mean: "mean", highest: "lowest", lowest: "highest" };

const MERGE: Record<Extent, (all: readonly number[]) => number> = {
  mean: (all) => all.reduce((sum, value) => sum + value, 0) / all.length,
  highest: (all) => Math.max(...all),
  lowest: (all) => Math.min(...all),
};

/** Rows of so many seconds each; the last may have begun only. */
export function rollUp<Values extends Readonly<Record<string, number | undefined>>>(rows: ReadonlyArray<{ t: number; values: Values }>, step: number, extent: Extent = "mean"): Array<{ t: number; values: Values }> {
  const parts = new Map<number, { t: number; all: Map<string, number[]> }>();
  for (const { t, values } of rows) {
    // A row tells of the time before it.
    const end = Math.ceil(t / step) * step;
    const part = parts.get(end) ?? { t, all: new Map<string, number[]>() };
    parts.set(end, part);
    part.t = t;
    for (const [id, value] of Object.entries(values)) {
      if (value === undefined) continue;
      part.all.set(id, [...(part.all.get(id) ?? []), value]);
    }
  }
  return Array.from(parts.values(), ({ t, all }) => ({ t, values: Object.fromEntries(Array.from(all, ([id, values]) => [id, MERGE[extent](values)])) as Values }));
}

/** What is drawn. CPU is a part of one, memory and room are bytes, the others are bytes by second. */
export const METRICS = ["cpu", "memory", "memory-total", "rx", "tx", "read", "write", "used", "promised", "size"] as const;
export type Metric = (typeof METRICS)[number];

export interface Row {
  /** Seconds since 1970, by the clock of the host. */
  t: number;
  values: Partial<Record<Metric, number>>;
}

/** A host that is asked; its processors say how much it counts in the pool's mean. */
export interface Source {
  uuid: string;
  name: string;
  cpus: number;
}

export interface Subject {
  kind: "vm" | "host" | "pool" | "sr";
  uuid: string;
  hosts: readonly Source[];
}

export interface History {
  /** Oldest first. */
  rows: Row[];
  /** Names of the hosts that did not answer. */
  silent: string[];
}

/** No machine has this uuid: asked for it, a host tells of itself alone. */
const NO_VM = "00000000-0000-0000-0000-000000000000";
const KIB = 1024;

type Part = { add: Metric; scale: number } | { free: number };

/** What the coordinator keeps of a storage repository. */
const SR_PARTS: Record<string, Metric> = { physical_utilisation: "used", virtual_allocation: "promised", size: "size" };

/** What a name of the legend adds to, for this kind of object. */
function partOf(entry: string, kind: Subject["kind"]): Part | undefined {
  const [, of, , name = ""] = entry.split(":");
  if (kind === "sr") {
    const metric = of === "sr" ? SR_PARTS[name] : undefined;
    return metric === undefined ? undefined : { add: metric, scale: 1 };
  }
  const disk = /^vbd_(?!.*_iops_).*_(read|write)$/.exec(name);
  // A host has no disks of its own in the archives: its disk graph is the sum of its machines'.
  if (of === "vm" && disk !== null && kind !== "pool") return { add: disk[1] as Metric, scale: 1 };
  if (of !== (kind === "vm" ? "vm" : "host")) return undefined;
  switch (name) {
    case "cpu_usage":
    case "cpu_avg":
      return { add: "cpu", scale: 1 };
    case "memory":
      return { add: "memory-total", scale: 1 };
    case "memory_total_kib":
      return { add: "memory-total", scale: KIB };
    case "memory_internal_free":
    case "memory_free_kib":
      return { free: KIB };
    default: {
      const net = /^(?:vif_\d+|pif_aggr)_(rx|tx)$/.exec(name);
      return net === null ? undefined : { add: net[1] as Metric, scale: 1 };
    }
  }
}

/** The rows of an answer, oldest first, in the graphs' own measures. */
export function readRows(updates: Updates, kind: Subject["kind"]): Row[] {
  const parts = updates.meta.legend.map((entry) => partOf(entry, kind));
  const rows = updates.data.map(({ t, values: texts }) => {
    const values: Row["values"] = {};
    let free: number | undefined;
    for (const [index, part] of parts.entries()) {
      const value = Number(texts[index]);
      if (part === undefined || !Number.isFinite(value)) continue;
      if ("free" in part) free = value * part.free;
      else values[part.add] = (values[part.add] ?? 0) + value * part.scale;
    }
    const total = values["memory-total"];
    if (free !== undefined && total !== undefined) values.memory = Math.max(0, total - free);
    return { t, values };
  });
  return rows.sort((a, b) => a.t - b.t);
}

/** Several hosts as one: sums, and the mean of the processors by how many each host has. */
export function joinHosts(answers: ReadonlyArray<{ cpus: number; rows: readonly Row[] }>): Row[] {
  const answered = answers.filter(({ rows }) => rows.length > 0);
  // What not every host has told yet would look as if the pool did less.
  const until = Math.min(...answered.map(({ rows }) => rows[rows.length - 1]?.t ?? 0));
  const times = new Map<number, { row: Row; cpus: number }>();
  for (const { cpus, rows } of answered) {
    for (const { t, values } of rows) {
      if (t > until) break;
      const at = times.get(t) ?? { row: { t, values: {} }, cpus: 0 };
      times.set(t, at);
      for (const metric of METRICS) {
        const value = values[metric];
        if (value === undefined) continue;
        if (metric === "cpu") at.cpus += cpus;
        at.row.values[metric] = (at.row.values[metric] ?? 0) + value * (metric === "cpu" ? cpus : 1);
      }
    }
  }
  const joined = Array.from(times.values(), ({ row, cpus }) => {
    if (row.values.cpu !== undefined && cpus > 0) row.values.cpu /= cpus;
    return row;
  });
  return joined.sort((a, b) => a.t - b.t);
}

/** The question for a host's archive, as every host's `/rrd_updates` takes it. */
export function question(subject: Pick<Subject, "kind" | "uuid">, host: Pick<Source, "uuid">, range: Range, extent: Extent, after?: number): string {
  const { span, step } = SHAPES[range];
  const query = new URLSearchParams({
    json: "true",
    cf: CFS[extent],
    interval: String(step),
    // Negative: before the host's own now, whatever the clock of this machine says.
    start: String(after ?? -span),
    host_uuid: host.uuid,
  });
  if (subject.kind === "host" || subject.kind === "pool") query.set("host", "true");
  if (subject.kind === "vm") query.set("vm_uuid", subject.uuid);
  if (subject.kind === "pool") query.set("vm_uuid", NO_VM);
  if (subject.kind === "sr") query.set("sr_uuid", subject.uuid);
  return query.toString();
}

/** Most memory is used when least is free, and the other way round. */
function readExtent(updates: Updates, opposite: Updates | undefined, kind: Subject["kind"]): Row[] {
  const rows = readRows(updates, kind);
  if (opposite === undefined) return rows;
  const memory = new Map(readRows(opposite, kind).map(({ t, values }) => [t, values.memory]));
  return rows.map(({ t, values: { memory: _other, ...values } }) => {
    const used = memory.get(t);
    return { t, values: used === undefined ? values : { ...values, memory: used } };
  });
}

/** What is known already, and what is new since; a machine that moves keeps what this page has seen. */
export async function load(subject: Subject, range: Range, known: History | undefined, signal: AbortSignal, extent: Extent = "mean"): Promise<History> {
  const before = known !== undefined && known.silent.length === 0 ? known.rows : [];
  const after = before[before.length - 1]?.t;
  const settled = await Promise.allSettled(
    subject.hosts.map(async (host) => {
      const ask = (of: Extent): Promise<Updates> => request<Updates>("GET", `/ui/rrd_updates?${question(subject, host, range, of, after)}`, undefined, signal);
      const [asked, opposite] = await Promise.all([ask(extent), extent === "mean" ? undefined : ask(OPPOSITE[extent])]);
      return readExtent(asked, opposite, subject.kind);
    }),
  );
  const answers: Array<{ cpus: number; rows: Row[] }> = [];
  const silent: string[] = [];
  let failure: unknown;
  for (const [index, each] of settled.entries()) {
    const host = subject.hosts[index];
    if (host === undefined) continue;
    if (each.status === "fulfilled") answers.push({ cpus: host.cpus, rows: each.value });
    else {
      failure = each.reason;
      silent.push(host.name);
    }
  }
  if (answers.length === 0 && failure !== undefined) throw failure;
  const fresh = subject.kind === "pool" ? joinHosts(answers) : answers.flatMap(({ rows }) => rows);
  // A host that begins to answer, or ceases to, would make a step in the sums: then only its new rows join.
  const rows = [...before, ...fresh.filter(({ t }) => after === undefined || t > after)];
  const last = rows[rows.length - 1]?.t ?? 0;
  return { rows: rows.filter(({ t }) => t > last - SHAPES[range].span), silent };
}

/** What values are called in tables for other programs. */
export const UNITS: Record<Metric, string> = {
  cpu: "cpu_fraction", memory: "memory_used_bytes", "memory-total": "memory_total_bytes",
  rx: "network_received_bytes_per_s", tx: "network_sent_bytes_per_s",
  read: "disk_read_bytes_per_s", write: "disk_written_bytes_per_s",
  used: "used_bytes", promised: "promised_bytes", size: "size_bytes",
};

/** A word of a table: names of machines may have commas in them. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as a table for other programs: times in UTC, plain numbers, and what happened in the time of each row. */
export function csv(
  rows: ReadonlyArray<{ t: number; values: Readonly<Record<string, number | undefined>> }>,
  columns: ReadonlyArray<readonly [id: string, heading: string]>,
  marks: ReadonlyArray<{ t: number; text: string }> = [],
): string {
  const words = rows.map((): string[] => []);
  for (const { t, text } of marks) {
    // A row tells of the time before it; what came after the last one stands there.
    const at = rows.findIndex((row) => row.t >= t);
    words[at < 0 ? rows.length - 1 : at]?.push(text);
  }
  const lines = rows.map(({ t, values }, index) => [new Date(t * 1000).toISOString(), ...columns.map(([id]) => values[id] ?? ""), cell((words[index] ?? []).join("; "))].join(","));
  return [["time", ...columns.map(([, heading]) => cell(heading)), "events"].join(","), ...lines, ""].join("\r\n");
}
