// W17 against the mock pool. Canvases need a real browser: what is drawn is looked at by tests/screens.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { AlignedData, Options } from "uplot";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fixed } from "@/mock/data";
import { busiest, joinMachines } from "@/screens/performance/compare";
import { csv, joinHosts, load, readRows, rollUp, ROLLUPS, SHAPES, type Subject } from "@/screens/performance/rrd";
import { paceOf } from "@/screens/storage/Trend";
import { renderConsole } from "./render";

const drawn = vi.hoisted(() => ({ plots: [] as Array<{ options: Options; data: AlignedData }> }));
vi.mock("uplot", () => ({
  default: class {
    readonly own: { options: Options; data: AlignedData };
    constructor(options: Options, data: AlignedData) {
      this.own = { options, data };
      drawn.plots.push(this.own);
    }
    setData(data: AlignedData): void {
      this.own.data = data;
    }
    setSize(): void {}
    destroy(): void {
      drawn.plots.splice(drawn.plots.indexOf(this.own), 1);
    }
  },
}));

beforeEach(() => drawn.plots.splice(0));
afterEach(cleanup);

const RUNS = fixed(4, 0);
const SLOW = { timeout: 20_000 };

function updates(legend: string[], ...rows: Array<[number, ...string[]]>): Parameters<typeof readRows>[0] {
  return { meta: { start: 0, step: 5, end: 0, rows: rows.length, columns: legend.length, legend }, data: rows.map(([t, ...values]) => ({ t, values })) };
}

test("an answer becomes rows: sums of devices, no operations among bytes, and what is unknown stays unknown", () => {
  const of = ["cpu_usage", "memory", "memory_internal_free", "vbd_vda_read", "vbd_vdb_read", "vbd_vda_iops_read", "vif_0_rx"].map((name) => `AVERAGE:vm:x:${name}`);
  const rows = readRows(updates(of, [15, "0.5", "4096", "1", "10", "20", "999", "7"], [10, "NaN", "4096", "NaN", "NaN", "NaN", "NaN", "NaN"]), "vm");
  expect(rows).toEqual([
    { t: 10, values: { "memory-total": 4096 } },
    { t: 15, values: { cpu: 0.5, memory: 3072, "memory-total": 4096, read: 30, rx: 7 } },
  ]);
});

test("rows are made longer by the mean of what is known, and the last one stands for what has been", () => {
  const rows = [[60, 1], [300, 3], [360, 5], [420, undefined]].map(([t = 0, cpu]) => ({ t, values: cpu === undefined ? {} : { cpu } }));
  expect(rollUp(rows, 300)).toEqual([{ t: 300, values: { cpu: 2 } }, { t: 420, values: { cpu: 5 } }]);
  expect(rollUp(rows, 300, "highest")[0]?.values.cpu).toBe(3);
  // Every way of looking offers what its archive has, first.
  for (const [range, { step }] of Object.entries(SHAPES)) expect(ROLLUPS[range as keyof typeof ROLLUPS][0]).toBe(step);
});

test("hosts are joined up to what all have told, and large hosts count for more", () => {
  const rows = joinHosts([
    { cpus: 3, rows: [{ t: 5, values: { cpu: 1, rx: 10 } }, { t: 10, values: { cpu: 1 } }] },
    { cpus: 1, rows: [{ t: 5, values: { cpu: 0, rx: 5 } }] },
    { cpus: 64, rows: [] },
  ]);
  expect(rows).toEqual([{ t: 5, values: { cpu: 0.75, rx: 15 } }]);
});

test("the file for other programs has a line a row, and nothing where nothing is known", () => {
  const text = csv([{ t: 0, values: { cpu: 0.25 } }, { t: 5, values: { rx: 3 } }], [["cpu", "cpu_fraction"], ["rx", "network_received_bytes_per_s"]]);
  expect(text.split("\r\n")).toEqual(["time,cpu_fraction,network_received_bytes_per_s,events", "1970-01-01T00:00:00.000Z,0.25,,", "1970-01-01T00:00:05.000Z,,3,", ""]);
  const told = csv([{ t: 5, values: {} }, { t: 10, values: {} }], [], [{ t: 6, text: "Moved, a to b" }, { t: 99, text: "Off" }]);
  expect(told.split("\r\n")).toEqual(["time,events", "1970-01-01T00:00:05.000Z,", '1970-01-01T00:00:10.000Z,"Moved, a to b; Off"', ""]);
});

test("only what is new is asked for, and what was seen stays while a machine moves to another host", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(new Response(JSON.stringify(updates(["AVERAGE:vm:x:cpu_usage"], [15, "0.5"], [10, "0.4"]))));
  });
  const subject: Subject = { kind: "vm", uuid: "x", hosts: [{ uuid: "b", name: "b", cpus: 1 }] };
  const known = { rows: [{ t: 5, values: { cpu: 0.1 } }, { t: 10, values: { cpu: 0.2 } }], silent: [] };
  const { rows } = await load(subject, "minutes", known, new AbortController().signal);
  expect(rows.map(({ t, values }) => [t, values.cpu])).toEqual([[5, 0.1], [10, 0.2], [15, 0.5]]);
  expect(asked[0]).toContain("start=10&");
  expect(asked[0]).toContain("vm_uuid=x");
});

test("the highest of memory used is what was left when least was free", async () => {
  vi.stubGlobal("fetch", (url: string) => {
    const cf = new URL(url, "http://x").searchParams.get("cf") ?? "";
    const of = ["cpu_usage", "memory", "memory_internal_free"].map((name) => `${cf}:vm:x:${name}`);
    return Promise.resolve(new Response(JSON.stringify(updates(of, cf === "MAX" ? [60, "0.9", "4096", "3"] : [60, "0.1", "4096", "1"]))));
  });
  const subject: Subject = { kind: "vm", uuid: "x", hosts: [{ uuid: "b", name: "b", cpus: 1 }] };
  const ask = async (extent: "highest" | "lowest"): Promise<unknown> => (await load(subject, "hours", undefined, new AbortController().signal, extent)).rows[0]?.values;
  expect(await ask("highest")).toEqual({ cpu: 0.9, memory: 3072, "memory-total": 4096 });
  expect(await ask("lowest")).toEqual({ cpu: 0.1, memory: 1024, "memory-total": 4096 });
});

test("W17: a machine's graphs, the same in numbers, what happened, and one time for all", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/performance`, { hosts: 2, vms: 4, isArmed: true });
  expect(await screen.findByRole("img", { name: /^CPU: Busy \d/ }, SLOW)).toBeTruthy();
  expect(screen.getAllByRole("img", { name: /^(CPU|Memory|Network|Disks):/ })).toHaveLength(4);
  const table = screen.getByRole("table");
  expect(within(table).getByRole("rowheader", { name: "Disks written" }).nextElementSibling?.textContent).toMatch(/[KM]iB\/s$/);
  expect(screen.getByText("Machine moved to another host")).toBeTruthy();
  const before = new Date(Date.now() - 60_000).toISOString();
  const task = { status: "success" as const, finished: before };
  server.pool.tables.insert("task", { ...task, name_label: "Async.VM.revert", name_description: "Freshly installed" });
  server.pool.tables.insert("task", { ...task, name_label: "Async.VM.checkpoint", name_description: "web1" });
  server.pool.tables.insert("task", { ...task, name_label: "Async.VM.snapshot", name_description: "another" });
  server.pool.tables.insert("message", { name: "VM_CRASHED", priority: 2, cls: "VM", obj_uuid: RUNS, timestamp: before, body: "" });
  const events = within(screen.getByRole("heading", { name: "What happened meanwhile" }).closest(".pf-v6-c-card") as HTMLElement);
  for (const text of ["Set back to a snapshot", "Take a snapshot with memory", "Machine crashed"]) expect(await events.findByText(text, {}, SLOW)).toBeTruthy();
  expect(events.queryByText("Take a snapshot")).toBeNull();
  await user.click(screen.getByRole("button", { name: "Closer" }));
  const spans = drawn.plots.map(({ options }) => (options.scales as { x: { range: () => [number, number] } }).x.range());
  expect(spans).toHaveLength(4);
  expect(new Set(spans.map((span) => span.join())).size).toBe(1);
  expect((spans[0]?.[1] ?? 0) - (spans[0]?.[0] ?? 0)).toBe(300);
  await user.click(screen.getByRole("button", { name: "Whole time" }));
  await user.click(screen.getByRole("button", { name: "2 hours" }));
  await waitFor(() => expect(drawn.plots[0]?.data[0].length).toBeGreaterThan(100), SLOW);
  await user.click(screen.getByRole("button", { name: "5 min" }));
  expect(window.location.search).toBe("?range=hours&rollup=300");
  await waitFor(() => expect(drawn.plots[0]?.data[0].length).toBeLessThan(27), SLOW);
  await user.click(screen.getByRole("button", { name: "Highest" }));
  expect(await screen.findByText(/&cf=MAX&/, {}, SLOW)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Mean" }));
  expect(screen.getByText(/^curl -u root 'https:.*&interval=60&start=-7200&host_uuid=/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "1 week" }));
  await waitFor(() => expect(drawn.plots[0]?.data[0].length).toBeGreaterThan(160), SLOW);
});

test("W17: pool and host have graphs as well, a machine that is off says why it has none", async () => {
  await renderConsole("/pool/performance", { hosts: 3, vms: 4 });
  expect(await screen.findByRole("img", { name: /^Network: Received/ }, SLOW)).toBeTruthy();
  expect(screen.queryByRole("img", { name: /^Disks/ })).toBeNull();
  // Their highest values are not of one moment.
  await userEvent.setup().click(screen.getByRole("button", { name: "1 week" }));
  expect(screen.queryByRole("button", { name: "Highest" })).toBeNull();
  cleanup();
  await renderConsole(`/host/${fixed(1, 1)}/performance`, { hosts: 3, vms: 4 });
  expect(await screen.findByRole("img", { name: /^Disks of its machines: Read/ }, SLOW)).toBeTruthy();
  cleanup();
  await renderConsole(`/vm/${fixed(4, 5)}/performance`, { hosts: 2, vms: 6 });
  expect(await screen.findByText("The machine is off", {}, SLOW)).toBeTruthy();
});

test("W17: values that are not there yet are said to come", async () => {
  const { server } = await renderConsole("/", { hosts: 1, vms: 1 });
  cleanup();
  const answer = server.answer.bind(server);
  server.answer = (method, address, body) =>
    address.startsWith("/ui/rrd_updates") ? Promise.resolve({ status: 200, body: updates([]) }) : answer(method, address, body);
  const { renderWith } = await import("./render");
  await renderWith(server, `/vm/${RUNS}/performance`, "es");
  expect(await screen.findByText("Todavía no hay valores", {}, SLOW)).toBeTruthy();
});

test("W17: machines beside each other: a line each, one time, events by name, and the address says which", async () => {
  const user = userEvent.setup();
  await renderConsole(`/pool/performance?of=machines&vms=${RUNS},${fixed(4, 1)}`, { hosts: 2, vms: 4, isArmed: true });
  expect(await screen.findByRole("img", { name: /^CPU: web1 \d.*, db2 \d/ }, SLOW)).toBeTruthy();
  expect(drawn.plots).toHaveLength(6);
  expect(drawn.plots[0]?.options.series).toHaveLength(3);
  expect(screen.getByText("web1: Machine moved to another host")).toBeTruthy();
  const means = screen.getByRole("table");
  expect(within(means).getAllByRole("row")).toHaveLength(3);
  await user.click(screen.getByRole("button", { name: "Compare without db2" }));
  await waitFor(() => expect(drawn.plots[0]?.options.series).toHaveLength(2), SLOW);
  expect(window.location.search).not.toContain(fixed(4, 1));
  await user.selectOptions(screen.getByRole("combobox", { name: "Add a machine…" }), "mail3");
  expect(await screen.findByRole("img", { name: /^CPU: web1 \d.*, mail3 \d/ }, SLOW)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: /busiest/ }));
  await waitFor(() => expect(drawn.plots[0]?.options.series).toHaveLength(5), SLOW);
});

test("W17: machines that were chosen in the list are compared", async () => {
  const user = userEvent.setup();
  await renderConsole("/pool/vms", { hosts: 2, vms: 4 });
  for (const name of ["web1", "db2"]) await user.click(await screen.findByRole("checkbox", { name: new RegExp(name) }, SLOW));
  await user.click(screen.getAllByRole("button", { name: "Actions" }).at(-1) as HTMLElement);
  await user.click(await screen.findByRole("menuitem", { name: /^Compare performance/ }));
  expect(await screen.findByRole("img", { name: /^CPU: .*web1 \d/ }, SLOW)).toBeTruthy();
});

test("rows of machines join by their times, and the busiest come first", async () => {
  const of = (cpu: number) => ({ rows: [{ t: 5, values: { cpu } }], silent: [] });
  expect(joinMachines(new Map([["a", of(0.1)], ["b", of(0.2)]]))).toEqual([{ t: 5, values: { "a cpu": 0.1, "b cpu": 0.2 } }]);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(updates(["AVERAGE:vm:a:cpu_usage", "AVERAGE:vm:b:cpu_usage", "AVERAGE:host:h:cpu_avg"], [5, "0.1", "0.9", "1"])))));
  expect(await busiest([{ uuid: "h", name: "h", cpus: 1 }], 2)).toEqual(["b", "a"]);
});

test("the pace of a repository: none from too little, no end where it shrinks", () => {
  const at = (hours: number, used: number) => ({ t: hours * 3600, values: { used } });
  expect(paceOf([at(0, 10), at(5, 20)], 100)).toBeUndefined();
  expect(paceOf([at(0, 10), at(24, 30)], 100)).toEqual({ known: 86_400, grown: 20, full: 3.5 });
  expect(paceOf([at(0, 30), at(24, 10)], 100)).toEqual({ known: 86_400, grown: -20, full: undefined });
});

test("W5: a repository's room over time", async () => {
  await renderConsole(`/sr/${fixed(3, 1)}/performance`, { hosts: 2, vms: 2 });
  expect(await screen.findByRole("img", { name: /^Room: Used 1.2 TiB, Size 4 TiB/ }, SLOW)).toBeTruthy();
  cleanup();
  await renderConsole(`/sr/${fixed(3, 1)}`, { hosts: 2, vms: 2 });
  expect(await screen.findByText(/^In .* it grew by 41 GiB\./, {}, SLOW)).toBeTruthy();
  expect(screen.getByText(/full in about 483 days/)).toBeTruthy();
});
