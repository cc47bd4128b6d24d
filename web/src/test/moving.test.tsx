// A machine's page: its screen and what it does, and how it is moved.
import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { MockError, MockPool } from "@/mock/methods";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);

const WEB1 = "/vm/00000004-0000-4000-8000-000000000000";

test("the overview shows the guest's screen and four lines of what it does", async () => {
  await renderConsole(WEB1);
  const picture = await screen.findByRole("img", { name: "Screen of web1" });
  expect(picture.getAttribute("src")).toMatch(/^data:/);
  expect(picture.closest("a")?.getAttribute("href")).toMatch(/\/console$/);
  for (const name of [/^CPU: \d/, /^Memory: .*iB/, /^Network: .*\/s/, /^Disks?: .*\/s/]) expect(await screen.findByRole("img", { name })).toBeTruthy();
});

test("a screen that cannot be had says why", async () => {
  const { server } = await renderConsole(WEB1);
  await screen.findByRole("img", { name: "Screen of web1" });
  const [ref] = server.pool.tables.all("VM").find(([, row]) => row.name_label === "web1") ?? [""];
  server.pool.tables.update("VM", ref, { power_state: "Halted" });
  expect(await screen.findByText("The machine is off.")).toBeTruthy();
});

test("a hypervisor without pictures is said to have none", async () => {
  const pool = vi.spyOn(MockPool.prototype, "screenOf").mockImplementation(() => {
    throw new MockError("INTERNAL_ERROR", ["screenshot"]);
  });
  await renderConsole(WEB1);
  expect(await screen.findByText("The hypervisor gives no picture of this screen.")).toBeTruthy();
  pool.mockRestore();
});

test("a move takes the speed that was asked for, and tells the pause that was measured", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1);
  const asked = vi.spyOn(server.pool, "call");
  await user.click(await screen.findByRole("button", { name: "Move" }));
  const dialog = await screen.findByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Speed, disks, network" }));
  await user.type(within(dialog).getByRole("spinbutton"), "{Backspace}80{Tab}");
  await user.click(within(dialog).getByLabelText("Send changes only"));
  await user.click(within(dialog).getByLabelText("May slow the machine down"));
  // What cannot be chosen says why.
  for (const name of ["Network of the move"]) expect((within(dialog).getByLabelText(name) as HTMLSelectElement).disabled).toBe(true);
  expect(within(dialog).getByText(/lost when either of them fails/)).toBeTruthy();
  expect(within(dialog).getByText(/--bandwidth 80 --compress --full-speed/)).toBeTruthy();
  // Its disks go along to storage that both hosts have.
  const storage = server.pool.tables.all("SR").find(([, sr]) => sr.name_label === "vms")?.[1].uuid ?? "";
  await user.selectOptions(within(dialog).getByLabelText("Also move its disks to"), storage);
  expect(within(dialog).getByText(new RegExp(`--disks-to ${storage}`))).toBeTruthy();
  await user.click(within(dialog).getByRole("button", { name: "Move" }));
  expect(await within(dialog).findByText("Measured pause", {}, { timeout: 5000 })).toBeTruthy();
  expect(within(dialog).getByText("84 ms")).toBeTruthy();
  const [, params] = asked.mock.calls.find(([name]) => name === "Async.VM.pool_migrate") ?? [];
  expect(params?.[2]).toEqual({ live: "true", bandwidth: "80", compress: "true", auto_converge: "false", disks_to: storage });
});

test("W11: memory goes over the network that was asked for, or the pool's for all moves", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/settings");
  const { tables } = server.pool;
  const choice = await screen.findByLabelText("All moves go over");
  expect(screen.getByText(/^The hosts have addresses in one network alone/)).toBeTruthy();
  const uuid = "0000000a-0000-4000-8000-000000000009";
  const network = tables.insert("network", { uuid, name_label: "Fast 快", name_description: "", bridge: "br1", MTU: 9000, PIFs: [], VIFs: [], managed: true, tags: [], other_config: {}, allowed_operations: [], current_operations: {} });
  const hosts = tables.all("host").slice(0, 2);
  for (const [index, [host]] of hosts.entries()) tables.insert("PIF", { host, network, device: "eth1", MAC: "", IP: `10.88.0.${index + 1}`, management: false, physical: true, currently_attached: true, MTU: 9000, VLAN: -1, metrics: "OpaqueRef:NULL" });
  await screen.findByRole("option", { name: "Fast 快 (2 hosts have an address there)" });
  await user.selectOptions(choice, uuid);
  expect(screen.getByText(new RegExp(`^xe pool-param-set uuid=\\S+ other-config:migration_network=${uuid}$`))).toBeTruthy();
  await user.click(within(choice.closest("form") as HTMLElement).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(tables.all("pool")[0]?.[1].other_config["migration_network"]).toBe(uuid));
  cleanup();
  const asked = vi.spyOn(server.pool, "call");
  await renderWith(server, WEB1);
  await user.click(await screen.findByRole("button", { name: "Move" }));
  const dialog = await screen.findByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Speed, disks, network" }));
  await user.click(within(dialog).getByRole("radio", { name: "host3" }));
  await user.selectOptions(within(dialog).getByLabelText("Network of the move"), "Fast 快 (a host has no address there)");
  expect(within(dialog).getByText(/^One of the two hosts has no address in this network/)).toBeTruthy();
  await user.click(within(dialog).getByRole("radio", { name: "host2" }));
  expect(within(dialog).getByText(`haven vm migrate web1 --to host2 --network ${uuid}`)).toBeTruthy();
  expect(within(dialog).getByRole("option", { name: "As the pool has it: Fast 快" })).toBeTruthy();
  await user.click(within(dialog).getByRole("button", { name: "Move" }));
  await within(dialog).findByText("Measured pause", {}, { timeout: 5000 });
  const [, params] = asked.mock.calls.find(([name]) => name === "Async.VM.pool_migrate") ?? [];
  expect(params?.[2]).toEqual({ live: "true", network: uuid });
}, 60_000);

test("a host that cannot take the machine says why, and a promise that would break can be broken knowingly", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1);
  const [poor = ""] = server.pool.tables.all("host").find(([, host]) => host.name_label === "host3") ?? [];
  let forced = "";
  server.pool.replace("VM.assert_can_boot_here", ([, host]) => {
    if (host === poor) throw new MockError("HOST_NOT_ENOUGH_FREE_MEMORY", ["1", "2"]);
    return "";
  });
  server.pool.replace("VM.pool_migrate", ([, , options]) => {
    forced = (options as Record<string, string>)["force"] ?? "";
    if (forced === "") throw new MockError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", ["moving web1"]);
    return "";
  });
  await user.click(await screen.findByRole("button", { name: "Move" }));
  const dialog = await screen.findByRole("dialog");
  const radio = await within(dialog).findByLabelText("host3");
  await waitFor(() => expect(within(dialog).getByText(/memory/i, { selector: ".pf-v6-c-radio__description" })).toBeTruthy());
  expect((radio as HTMLInputElement).disabled).toBe(true);
  await user.click(within(dialog).getByRole("button", { name: "Move" }));
  await user.click(await within(dialog).findByRole("button", { name: "Move anyway" }, { timeout: 5000 }));
  await waitFor(() => expect(forced).toBe("true"));
});

test("a machine that is dropped onto a host is asked how it shall move there, and says what goes on meanwhile", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1, { hosts: 3, vms: 12 });
  await screen.findByRole("img", { name: "Screen of web1" });
  let went = "";
  server.pool.replace("VM.pool_migrate", ([, to]) => {
    went = server.pool.tables.get("host", String(to))?.name_label ?? "";
    return "";
  });
  const data = new Map<string, string>();
  const dataTransfer = { setData: (type: string, text: string) => data.set(type, text), getData: (type: string) => data.get(type) ?? "", get types() { return [...data.keys()]; } };
  const drag = async (vm: RegExp, host: RegExp): Promise<void> => {
    fireEvent.dragStart(await screen.findByRole("treeitem", { name: vm }), { dataTransfer });
    fireEvent.dragOver(screen.getByRole("treeitem", { name: host }), { dataTransfer });
    fireEvent.drop(screen.getByRole("treeitem", { name: host }), { dataTransfer });
  };
  await drag(/^web1 /, /^host3/);
  const dialog = await screen.findByRole("dialog");
  await waitFor(() => expect((within(dialog).getByLabelText("host3") as HTMLInputElement).checked).toBe(true));
  expect(within(dialog).getByText(/Its disks stay on vms/)).toBeTruthy();
  Object.assign(server.pool, { tempo: { task: 4000 } });
  await user.click(within(dialog).getByRole("button", { name: "Move" }));
  expect(await within(dialog).findByText("120 MiB/s", {}, { timeout: 5000 })).toBeTruthy();
  expect(within(dialog).getByText("61 ms")).toBeTruthy();
  expect(await within(dialog).findByText("It runs on host3 now", {}, { timeout: 10_000 })).toBeTruthy();
  expect(went).toBe("host3");
  await user.click(within(dialog).getAllByRole("button", { name: "Close" }).at(-1) as HTMLElement);
  // One that is off has no host to move from.
  await drag(/^教室6/, /^host3/);
  expect(await screen.findByText("教室6 does not move to host3")).toBeTruthy();
}, 40_000);
