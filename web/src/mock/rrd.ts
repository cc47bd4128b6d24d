// Believable archives: waves that are the same for the same object and time.
import type { Records } from "@/generated/xenapi";
import type { MockTables } from "./tables";

const SPANS = [
  { step: 5, rows: 120 },
  { step: 60, rows: 120 },
  { step: 3600, rows: 168 },
  { step: 86_400, rows: 366 },
];
const GIB = 2 ** 30;

type Value = (t: number) => number;

/** Between 0 and 1, uneven, and the same for the same seed and time. */
function wave(seed: string): Value {
  let hash = 7;
  for (const letter of seed) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  const phase = (hash / 9973) * 2 * Math.PI;
  return (t) => {
    const slow = Math.sin(t / 140 + phase);
    const quick = Math.sin(t / 17 + 3 * phase) * Math.sin(t / 5.3 + hash);
    const days = Math.sin((t / 86_400) * 2 * Math.PI);
    return Math.min(1, Math.max(0.01, 0.35 + 0.2 * slow + 0.12 * quick + 0.15 * days));
  };
}

function guest(uuid: string, memory: number): Array<[string, Value]> {
  const [cpu, free, net, disk] = ["cpu", "free", "net", "disk"].map((what) => wave(uuid + what)) as [Value, Value, Value, Value];
  return [
    ["cpu0", cpu],
    ["cpu_usage", cpu],
    ["memory", () => memory],
    ["memory_internal_free", (t) => (memory * (0.3 + 0.2 * free(t))) / 1024],
    ["vbd_vda_iops_read", (t) => disk(t) * 200],
    ["vbd_vda_read", (t) => disk(t) * 8e6],
    ["vbd_vda_write", (t) => disk(t + 40) * 3e6],
    ["vif_0_rx", (t) => net(t) * 2e6],
    ["vif_0_tx", (t) => net(t + 30) * 5e5],
  ];
}

function host(uuid: string): Array<[string, Value]> {
  const [cpu, free, net] = ["cpu", "free", "net"].map((what) => wave(uuid + what)) as [Value, Value, Value];
  return [
    ["cpu_avg", cpu],
    ["memory_total_kib", () => (64 * GIB) / 1024],
    ["memory_free_kib", (t) => ((30 + 10 * free(t)) * GIB) / 1024],
    ["pif_aggr_rx", (t) => net(t) * 4e7],
    ["pif_aggr_tx", (t) => net(t + 60) * 2e7],
  ];
}

/** It grows by a hundredth of its size in a week. */
function room(sr: Records["SR"], now: number): Array<[string, Value]> {
  const grown: Value = (t) => sr.physical_utilisation - ((now - t) / 604_800) * 0.01 * sr.physical_size;
  return [
    ["size", () => sr.physical_size],
    ["physical_utilisation", (t) => Math.max(0, grown(t))],
    ["virtual_allocation", () => sr.virtual_allocation],
  ];
}

/** `/rrd_updates` in its JSON form, as crates/daemon/src/stats answers it. */
export function rrdUpdates(tables: MockTables, query: URLSearchParams): unknown {
  const now = Math.floor(Date.now() / 5000) * 5;
  const asked = Number(query.get("start") ?? 0);
  const start = asked < 0 ? now + asked : asked;
  const interval = Number(query.get("interval") ?? 0);
  const shape = SPANS.find(({ step, rows }) => (interval > 0 ? step >= interval : now - step * rows <= start)) ?? { step: 86_400, rows: 366 };
  const on = query.get("host_uuid");
  const only = query.get("vm_uuid");
  const columns: Array<[string, Value]> = [];
  const add = (kind: string, uuid: string, values: Array<[string, Value]>): void => {
    for (const [name, value] of values) columns.push([`${query.get("cf") ?? "AVERAGE"}:${kind}:${uuid}:${name}`, value]);
  };
  if (query.get("host") === "true" && on !== null) add("host", on, host(on));
  const repository = query.get("sr_uuid");
  const sr = tables.all("SR").find(([, row]) => row.uuid === repository)?.[1];
  if (sr !== undefined) add("sr", sr.uuid, room(sr, now));
  for (const [, vm] of repository === null ? tables.all("VM") : []) {
    const isHere = vm.power_state === "Running" && tables.get("host", vm.resident_on)?.uuid === on;
    if (isHere && (only === null || only === vm.uuid)) add("vm", vm.uuid, guest(vm.uuid, vm.memory_dynamic_max));
  }
  const end = now - (now % shape.step);
  const cf = query.get("cf") ?? "AVERAGE";
  const merge = cf === "MAX" ? Math.max : cf === "MIN" ? Math.min : undefined;
  const of = (value: Value, t: number): number => (merge === undefined ? value(t) : merge(...[0, 0.25, 0.5, 0.75].map((part) => value(t - part * shape.step))));
  const data: Array<{ t: number; values: string[] }> = [];
  for (let back = 0; back < shape.rows; back += 1) {
    const t = end - back * shape.step;
    if (t <= start) break;
    data.push({ t, values: columns.map(([, value]) => String(of(value, t))) });
  }
  return {
    meta: { start: data[data.length - 1]?.t ?? end, step: shape.step, end, rows: data.length, columns: columns.length, legend: columns.map(([name]) => name) },
    data,
  };
}
