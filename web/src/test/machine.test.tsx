// The tabs of a machine: what it is called and how large it is, its disks, its interfaces.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { fixed } from "@/mock/data";
import { MockError } from "@/mock/methods";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);

const OFF = fixed(4, 5);
const RUNS = fixed(4, 0);
const SLOW = { timeout: 20_000 };

test("settings: only what differs is sent, what is typed survives changes of the pool, and the line says the same", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${OFF}/settings`, { hosts: 2, vms: 6 });
  const row = (): { name_label: string; memory_static_max: number } | undefined => server.pool.tables.get("VM", `OpaqueRef:${OFF}`);
  const name = await screen.findByRole("textbox", { name: /^Name/ }, SLOW);
  await user.clear(name);
  await user.type(name, "邮件");
  server.pool.tables.update("VM", `OpaqueRef:${OFF}`, { name_description: "changed by somebody else" });
  const memory = screen.getByRole("spinbutton", { name: "Memory (MiB)" });
  await user.clear(memory);
  await user.type(memory, "512");
  expect(await screen.findByText(/^haven vm set .* --name 邮件 --memory 512MiB$/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(row()?.name_label).toBe("邮件"), SLOW);
  await waitFor(() => expect(row()?.memory_static_max).toBe(512 * 2 ** 20), SLOW);
  await waitFor(() => expect((screen.getByRole("textbox", { name: "Description" }) as HTMLInputElement).value).toBe("changed by somebody else"), SLOW);
  expect(screen.getByRole("button", { name: "Save" }).getAttribute("aria-disabled")).toBe("true");
});

test("settings: what a running machine cannot change says why, and its processors change at once", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/settings`, { hosts: 2, vms: 6 });
  const ref = `OpaqueRef:${RUNS}`;
  server.pool.tables.update("VM", ref, { VCPUs_max: 4 });
  expect((await screen.findByRole("spinbutton", { name: "Memory (MiB)" }, SLOW) as HTMLInputElement).disabled).toBe(true);
  expect((screen.getByRole("spinbutton", { name: "vCPUs at most" }) as HTMLInputElement).disabled).toBe(true);
  expect(screen.getAllByText("Shut it down first.").length).toBeGreaterThan(1);
  expect(await screen.findByText("It has them at once; up to 4 while it runs.", {}, SLOW)).toBeTruthy();
  const asked = vi.spyOn(server.pool, "call");
  await user.clear(screen.getByRole("spinbutton", { name: "vCPUs" }));
  await user.type(screen.getByRole("spinbutton", { name: "vCPUs" }), "9{Tab}");
  // No more than there is room for.
  expect(await screen.findByText("haven vm set web1 --vcpus 4")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(server.pool.tables.get("VM", ref)?.VCPUs_at_startup).toBe(4), SLOW);
  expect(asked.mock.calls.map(([name]) => name).filter((name) => name.startsWith("VM.set_"))).toEqual(["VM.set_VCPUs_number_live"]);
});

test("settings: room for more processors is kept, and one without room says how it gets some", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${OFF}/settings`, { hosts: 2, vms: 6 });
  const row = (): number[] => [server.pool.tables.get("VM", `OpaqueRef:${OFF}`)].flatMap((vm) => (vm === undefined ? [] : [vm.VCPUs_at_startup, vm.VCPUs_max]));
  const set = async (name: string, value: string): Promise<void> => {
    const field = await screen.findByRole("spinbutton", { name }, SLOW);
    await user.clear(field);
    await user.type(field, `${value}{Tab}`);
  };
  const save = async (then: number[]): Promise<void> => {
    await user.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(row()).toEqual(then), SLOW);
    await waitFor(() => expect(screen.getByRole("button", { name: "Save" }).getAttribute("aria-disabled")).toBe("true"), SLOW);
  };
  await set("vCPUs", "3");
  await save([3, 3]);
  await set("vCPUs at most", "8");
  expect(screen.getByText(/--vcpus-max 8$/)).toBeTruthy();
  await save([3, 8]);
  await set("vCPUs", "2");
  await save([2, 8]);
  await set("vCPUs", "9");
  expect(screen.getAllByText("More vCPUs than the most, 8: raise the most, too.").length).toBeGreaterThan(0);
  await set("vCPUs at most", "1");
  await set("vCPUs", "1");
  await save([1, 1]);
  server.pool.tables.update("VM", `OpaqueRef:${OFF}`, { power_state: "Running", allowed_operations: ["changing_VCPUs_live"] });
  expect((await screen.findAllByText(/It can have no more than one while it runs/, {}, SLOW)).length).toBeGreaterThan(0);
}, 60_000);

test("protection: where it restarts, why not, and what is set for it", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/protection`, { hosts: 3, vms: 6, isArmed: true });
  const ref = `OpaqueRef:${RUNS}`;
  const row = (): unknown[] => [server.pool.tables.get("VM", ref)].flatMap((vm) => [vm?.ha_restart_priority, vm?.order, vm?.start_delay]);
  expect((await screen.findByTestId("restarts-on", {}, SLOW)).textContent).toMatch(/^If its host failed now, it would run again on host[23]$/);
  expect(screen.getByText(/^Last snapshot: /)).toBeTruthy();
  await user.selectOptions(screen.getByRole("combobox", { name: "Protection" }), "best-effort");
  await user.clear(screen.getByRole("spinbutton", { name: "Order" }));
  await user.type(screen.getByRole("spinbutton", { name: "Order" }), "7{Tab}");
  expect(await screen.findByText("haven vm set web1 --order 7 --ha best-effort")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(row()).toEqual(["best-effort", 7, 0]), SLOW);
});

test("protection: a machine that is bound to its host says by what", async () => {
  const { server } = await renderConsole("/", { hosts: 2, vms: 6 });
  server.pool.replace("VM.assert_agile", () => {
    throw new MockError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", ["sr"]);
  });
  cleanup();
  await renderWith(server, `/vm/${OFF}/protection`);
  expect(await screen.findByText(/^It cannot run on other hosts\. /, {}, SLOW)).toBeTruthy();
  expect(screen.getByText(/Protection of the pool is off/)).toBeTruthy();
});

test("disks: one is added, enlarged and deleted by its name", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${OFF}/disks`, { hosts: 2, vms: 6 });
  const disks = (): string[] => server.pool.tables.all("VDI").map(([, vdi]) => `${vdi.name_label} ${vdi.virtual_size / 2 ** 30}`);
  await user.click(await screen.findByRole("button", { name: "Add a disk" }, SLOW));
  const adding = await screen.findByRole("dialog", {}, SLOW);
  await user.clear(within(adding).getByRole("textbox", { name: "Name" }));
  await user.type(within(adding).getByRole("textbox", { name: "Name" }), "data");
  await user.clear(within(adding).getByRole("spinbutton"));
  await user.type(within(adding).getByRole("spinbutton"), "3");
  await user.click(within(adding).getByRole("button", { name: "Add a disk" }));
  await waitFor(() => expect(disks()).toContain("data 3"), SLOW);
  await user.click(await screen.findByRole("button", { name: "Enlarge: data" }, SLOW));
  const growing = await screen.findByRole("dialog", {}, SLOW);
  expect(within(growing).getByText("A disk can only grow.")).toBeTruthy();
  await user.clear(within(growing).getByRole("spinbutton"));
  await user.type(within(growing).getByRole("spinbutton"), "5");
  await user.click(within(growing).getByRole("button", { name: "Enlarge" }));
  await waitFor(() => expect(disks()).toContain("data 5"), SLOW);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), SLOW);
  await user.click(await screen.findByRole("button", { name: "Delete: data" }));
  await user.type(within(await screen.findByRole("dialog", {}, SLOW)).getByRole("textbox"), "data");
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await waitFor(() => expect(disks().some((disk) => disk.startsWith("data"))).toBe(false), SLOW);
});

test("interfaces: a running machine gets one, and loses it again", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/networks`, { hosts: 2, vms: 6 });
  const own = (): boolean[] => server.pool.tables.all("VIF").filter(([, vif]) => vif.VM === `OpaqueRef:${RUNS}`).map(([, vif]) => vif.currently_attached);
  await user.click(await screen.findByRole("button", { name: "Add an interface" }, SLOW));
  const adding = await screen.findByRole("dialog", {}, SLOW);
  await user.type(within(adding).getByRole("textbox", { name: "MAC address" }), "52:54");
  expect(within(adding).getByText(/six pairs of digits/)).toBeTruthy();
  await user.type(within(adding).getByRole("textbox", { name: "MAC address" }), ":00:12:34:56");
  await user.click(within(adding).getByRole("button", { name: "Add an interface" }));
  await waitFor(() => expect(own()).toEqual([true, true]), SLOW);
  await user.click(await screen.findByRole("button", { name: "Remove: 52:54:00:12:34:56" }, SLOW));
  await user.click(within(await screen.findByRole("dialog", {}, SLOW)).getByRole("button", { name: "Remove" }));
  await waitFor(() => expect(own()).toEqual([true]), SLOW);
});

test("W8: what is set but not so yet is said, with both values", async () => {
  const { server } = await renderConsole(`/vm/${RUNS}`, { hosts: 2, vms: 6, isArmed: true });
  const pending = await screen.findByTestId("pending", {}, SLOW);
  expect(within(pending).getByText("Boots from: disk, CD → network, disk, CD")).toBeTruthy();
  expect(within(pending).getByText("Cores of a processor: not set → 2")).toBeTruthy();
  const ref = `OpaqueRef:${RUNS}`;
  const pool = server.pool.tables.all("pool")[0]?.[0] ?? "";
  server.pool.tables.update("pool", pool, { cpu_info: { guest_model: "EPYC" } });
  server.pool.tables.update("VM", ref, { last_boot_CPU_flags: { model: "qemu64" } });
  expect(await screen.findByText("Kind of processor: qemu64 → EPYC", {}, SLOW)).toBeTruthy();
  // What is off has nothing to wait for; what another product noted says nothing here.
  server.pool.tables.update("VM", ref, { last_booted_record: "('struct' ...)", last_boot_CPU_flags: {} });
  await waitFor(() => expect(screen.queryByTestId("pending")).toBeNull(), SLOW);
});

test("W8: notes, folder and tags are edited where they stand", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}`, { hosts: 2, vms: 6, isArmed: true });
  expect(await screen.findByText(/Ask in room 12/, {}, SLOW)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Edit notes, folder and tags" }));
  const dialog = within(await screen.findByRole("dialog", {}, SLOW));
  await user.clear(dialog.getByRole("textbox", { name: "Folder" }));
  await user.clear(dialog.getByRole("textbox", { name: "Tags" }));
  await user.type(dialog.getByRole("textbox", { name: "Tags" }), "考试");
  expect(dialog.getByText("haven vm set web1 --tag 考试 --folder ''")).toBeTruthy();
  await user.click(dialog.getByRole("button", { name: "Save" }));
  const row = (): unknown[] => [server.pool.tables.get("VM", `OpaqueRef:${RUNS}`)?.tags, server.pool.tables.get("VM", `OpaqueRef:${RUNS}`)?.other_config["folder"]];
  await waitFor(() => expect(row()).toEqual([["考试"], undefined]), SLOW);
});

test("interfaces: what one may send is limited, and the table says so", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/networks`, { hosts: 2, vms: 6 });
  await user.click(await screen.findByRole("button", { name: "Limit: 52:54:00:00:00:00" }, SLOW));
  const dialog = within(await screen.findByRole("dialog", {}, SLOW));
  await user.clear(dialog.getByRole("spinbutton"));
  await user.type(dialog.getByRole("spinbutton"), "10");
  await user.click(dialog.getByRole("button", { name: "Save" }));
  expect(await screen.findByRole("cell", { name: "10 MiB/s" }, SLOW)).toBeTruthy();
  expect(server.pool.tables.all("VIF").find(([, vif]) => vif.VM === `OpaqueRef:${RUNS}`)?.[1].qos_algorithm_params).toEqual({ kbps: "10240" });
});

test("disks: one moves to other storage, and says why not while its machine is suspended", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${OFF}/disks`, { hosts: 2, vms: 6 });
  const [, first] = server.pool.tables.all("SR").find(([, sr]) => sr.name_label === "vms") ?? [];
  const other = server.pool.tables.insert("SR", { ...first, uuid: fixed(3, 9), name_label: "second" });
  await user.click(await screen.findByRole("button", { name: /^Move: 教室5 disk/ }, SLOW));
  const dialog = within(await screen.findByRole("dialog", {}, SLOW));
  await user.click(dialog.getByRole("button", { name: "Move" }));
  await waitFor(() => expect(server.pool.tables.all("VDI").some(([, vdi]) => vdi.SR === other)).toBe(true), SLOW);
  await dialog.findByText("The disk is on second", {}, SLOW);
  await user.click(dialog.getAllByRole("button", { name: "Close" }).at(-1) as HTMLElement);
  server.pool.tables.update("VM", `OpaqueRef:${OFF}`, { power_state: "Suspended" });
  await waitFor(() => expect(screen.getByRole("button", { name: /^Move: 教室5 disk/ }).getAttribute("aria-disabled")).toBe("true"), SLOW);
});

test("disks: one moves while its machine runs, as fast as it may, and the pause is told", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/disks`, { hosts: 2, vms: 6 });
  const { tables } = server.pool;
  const [, first] = tables.all("SR").find(([, sr]) => sr.name_label === "vms") ?? [];
  tables.insert("SR", { ...first, uuid: fixed(3, 9), name_label: "second" });
  const asked = vi.spyOn(server.pool, "call");
  await user.click((await screen.findAllByRole("button", { name: /^Move: .* disk/ }, SLOW))[0] as HTMLElement);
  const dialog = within(await screen.findByRole("dialog", {}, SLOW));
  expect(dialog.getByText(/the machine pauses for an instant/)).toBeTruthy();
  await user.type(dialog.getByRole("spinbutton"), "{Backspace}80{Tab}");
  expect(dialog.getByText(/^haven vm disk move \S+ \d --to second --bandwidth 80$/)).toBeTruthy();
  await user.click(dialog.getByRole("button", { name: "Move" }));
  expect(await dialog.findByText("The disk is on second", {}, SLOW)).toBeTruthy();
  expect(dialog.getByText("61 ms")).toBeTruthy();
  const [, params] = asked.mock.calls.find(([name]) => name === "Async.VDI.pool_migrate") ?? [];
  expect(params?.[2]).toEqual({ bandwidth: "80" });
});

test("W9: power, the guest tools and a new connection are at hand beside the console", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${RUNS}/console`, { hosts: 2, vms: 6 });
  const tools = await screen.findByRole("button", { name: "Insert the guest tools" }, SLOW);
  expect(tools.getAttribute("aria-disabled")).toBe("true");
  expect(screen.getByRole("button", { name: "Connect again" })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Power" }));
  expect((await screen.findAllByRole("menuitem", {}, SLOW)).map((item) => item.textContent)).toEqual(expect.arrayContaining(["Shut down", "Pause", "Cut the power"]));
  await user.keyboard("{Escape}");
  const [library = ""] = server.pool.tables.all("SR").find(([, sr]) => sr.type === "iso") ?? [];
  const disc = server.pool.tables.insert("VDI", { name_label: "virtio-win-0.1.iso", SR: library, virtual_size: 1, missing: false });
  const drive = server.pool.tables.insert("VBD", { VM: `OpaqueRef:${RUNS}`, VDI: "OpaqueRef:NULL", type: "CD", empty: true });
  server.pool.tables.update("VM", `OpaqueRef:${RUNS}`, { VBDs: [drive] });
  await waitFor(() => expect(tools.getAttribute("aria-disabled")).not.toBe("true"), SLOW);
  await user.click(tools);
  await waitFor(() => expect(server.pool.tables.get("VBD", drive)?.VDI).toBe(disc), SLOW);
});
