// W17 against the mock pool. Canvases need a real browser: what is drawn is looked at by tests/screens.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { AlignedData, Options } from "uplot";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fixed } from "@/mock/data";
import { csv, joinHosts, load, readRows, type Subject } from "@/screens/performance/rrd";
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

test("hosts are joined up to what all have told, and large hosts count for more", () => {
  const rows = joinHosts([
    { cpus: 3, rows: [{ t: 5, values: { cpu: 1, rx: 10 } }, { t: 10, values: { cpu: 1 } }] },
    { cpus: 1, rows: [{ t: 5, values: { cpu: 0, rx: 5 } }] },
    { cpus: 64, rows: [] },
  ]);
  expect(rows).toEqual([{ t: 5, values: { cpu: 0.75, rx: 15 } }]);
});

test("the file for other programs has a line a row, and nothing where nothing is known", () => {
  const text = csv([{ t: 0, values: { cpu: 0.25 } }, { t: 5, values: { rx: 3 } }], ["cpu", "rx"]);
  expect(text.split("\r\n")).toEqual(["time,cpu_fraction,network_received_bytes_per_s", "1970-01-01T00:00:00.000Z,0.25,", "1970-01-01T00:00:05.000Z,,3", ""]);
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
  await user.click(screen.getByRole("button", { name: "1 week" }));
  await waitFor(() => expect(drawn.plots[0]?.data[0].length).toBeGreaterThan(160), SLOW);
});

test("W17: pool and host have graphs as well, a machine that is off says why it has none", async () => {
  await renderConsole("/pool/performance", { hosts: 3, vms: 4 });
  expect(await screen.findByRole("img", { name: /^Network: Received/ }, SLOW)).toBeTruthy();
  expect(screen.queryByRole("img", { name: /^Disks/ })).toBeNull();
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
