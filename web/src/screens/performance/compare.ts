// Several machines in one picture: their archives side by side, and which of them are the busiest.
import { request } from "@/api/http";
import { type History, load, type Extent, type Metric, type Range, readRows, type Source, type Subject, type Updates } from "./rrd";

/** A machine whose use is compared, and who measures it; none: it is off. */
export interface Compared {
  uuid: string;
  name: string;
  host: Source | undefined;
}

/** What machines are compared in. */
export const COMPARED = ["cpu", "memory", "rx", "tx", "read", "write"] as const satisfies readonly Metric[];

/** The name that a value of a machine has in a joint row. */
export function columnOf(uuid: string, metric: Metric): string {
  return `${uuid} ${metric}`;
}

export interface Comparison {
  byVm: ReadonlyMap<string, History>;
  rows: Array<{ t: number; values: Record<string, number> }>;
  /** Names of the machines of which nothing came. */
  silent: string[];
}

/** The rows of several machines, by their times. */
export function joinMachines(byVm: ReadonlyMap<string, History>): Comparison["rows"] {
  const times = new Map<number, Record<string, number>>();
  for (const [uuid, { rows }] of byVm) {
    for (const { t, values } of rows) {
      const at = times.get(t) ?? {};
      times.set(t, at);
      for (const metric of COMPARED) {
        const value = values[metric];
        if (value !== undefined) at[columnOf(uuid, metric)] = value;
      }
    }
  }
  return Array.from(times, ([t, values]) => ({ t, values })).sort((a, b) => a.t - b.t);
}

/** What is known of each already, and what is new since. */
export async function loadMany(vms: readonly Compared[], range: Range, extent: Extent, known: Comparison | undefined, signal: AbortSignal): Promise<Comparison> {
  const silent: string[] = [];
  const byVm = new Map<string, History>();
  let failure: unknown;
  const one = async ({ uuid, name, host }: Compared): Promise<void> => {
    const subject: Subject = { kind: "vm", uuid, hosts: host === undefined ? [] : [host] };
    try {
      byVm.set(uuid, await load(subject, range, known?.byVm.get(uuid), signal, extent));
    } catch (error) {
      failure = error;
      silent.push(name);
    }
  };
  await Promise.all(vms.map(one));
  if (byVm.size === 0 && failure !== undefined) throw failure;
  return { byVm, rows: joinMachines(byVm), silent };
}

/** Seconds of which the busiest are told. */
const BUSY_S = 60;

/** The uuids of the machines that use most of their processors right now, the busiest first. */
export async function busiest(hosts: readonly Source[], count: number, signal?: AbortSignal): Promise<string[]> {
  const query = new URLSearchParams({ json: "true", cf: "AVERAGE", interval: "5", start: String(-BUSY_S) }).toString();
  const answers = await Promise.allSettled(hosts.map((host) => request<Updates>("GET", `/ui/rrd_updates?${query}&host_uuid=${host.uuid}`, undefined, signal)));
  const use = new Map<string, number>();
  for (const answer of answers) {
    if (answer.status === "rejected") continue;
    const { meta, data } = answer.value;
    const uuids = new Set(meta.legend.map((entry) => entry.split(":")).filter(([, of]) => of === "vm").map(([, , uuid = ""]) => uuid));
    for (const uuid of uuids) {
      const mine = meta.legend.map((entry, index) => ({ entry, index })).filter(({ entry }) => entry.split(":")[2] === uuid);
      const own = { meta: { ...meta, legend: mine.map(({ entry }) => entry) }, data: data.map(({ t, values }) => ({ t, values: mine.map(({ index }) => values[index] ?? "NaN") })) };
      const values = readRows(own, "vm").flatMap((row) => row.values.cpu ?? []);
      if (values.length > 0) use.set(uuid, values.reduce((sum, value) => sum + value, 0) / values.length);
    }
  }
  return [...use].sort((a, b) => b[1] - a[1]).slice(0, count).map(([uuid]) => uuid);
}
