// W4, W5, W7: machines and storage are made, against the mock pool.
import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { freeNames } from "@/screens/newvm/draft";
import { entriesOf, NO_FIRST_BOOT, wrongField } from "@/screens/newvm/firstBoot";
import { chainDepth, isOrphan } from "@/screens/storage/Disks";
import { deviceConfig, isPlace } from "@/screens/storage/kinds";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);

const SOON = { timeout: 15_000 };
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ana";

/** Goes to the step with this heading. */
async function next(user: ReturnType<typeof userEvent.setup>, heading: string): Promise<void> {
  await user.click(await screen.findByRole("button", { name: "Next" }));
  await screen.findByRole("heading", { level: 2, name: heading });
}

/** Goes straight to a step, where nothing stands in the way. */
async function jump(user: ReturnType<typeof userEvent.setup>, heading: string): Promise<void> {
  await user.click(await screen.findByRole("button", { name: heading }, SOON));
  await screen.findByRole("heading", { level: 2, name: heading });
}

test("W7: three machines of a cloud image, with a key, and the line that does the same", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 3, vms: 6, isArmed: true });
  await screen.findByRole("radio", { name: "Linux" }, SOON);
  await next(user, "Name");
  fireEvent.change(screen.getByRole("textbox", { name: /^Name/ }), { target: { value: "web" } });
  fireEvent.change(screen.getByRole("spinbutton", { name: "How many" }), { target: { value: "3" } });
  expect(await screen.findByText("They are named web-1, web-2, and web-3.")).toBeTruthy();
  await next(user, "What it boots from");
  await user.click(screen.getByRole("radio", { name: "A cloud image (cloud-init)" }));
  expect(screen.getByText("Give a key or a password: nobody could sign in.")).toBeTruthy();
  fireEvent.change(screen.getByLabelText("User"), { target: { value: "ana" } });
  fireEvent.change(screen.getByLabelText("Public SSH keys"), { target: { value: KEY } });
  await next(user, "Where");
  await user.click(screen.getByRole("checkbox", { name: /^Keep them on different hosts/ }));
  await next(user, "Size");
  await next(user, "Disks");
  await next(user, "Networks");
  await next(user, "Review");
  expect(await screen.findByText(/There is room/, {}, SOON)).toBeTruthy();
  expect(screen.getByText(/as promised/)).toBeTruthy();
  const line = container.querySelector(".hv-cli pre")?.textContent ?? "";
  expect(line).toContain(`--name web --count 3`);
  expect(line).toContain(`--user ana --ssh-key '${KEY}'`);
  await user.click(screen.getByRole("button", { name: "Create the machines" }));
  await waitFor(() => expect(server.pool.seeds.size).toBe(3), SOON);
  expect([...server.pool.seeds.values()][0]).toEqual({ "cloud-init-user": "ana", "cloud-init-ssh-keys": KEY });
  await waitFor(() => expect(window.location.pathname).toBe("/ui/pool/vms"), SOON);
  const names = server.pool.tables.all("VM").map(([, vm]) => vm.name_label);
  expect(names).toEqual(expect.arrayContaining(["web-1", "web-2", "web-3"]));
  const [[group]] = server.pool.tables.all("VM_group") as [[string, unknown]];
  expect(server.pool.tables.all("VM").filter(([, vm]) => vm.groups?.includes(group))).toHaveLength(3);
}, 40_000);

test("W7: a machine that is installed from an image has it in its drive", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "What it boots from");
  await user.click(screen.getByRole("radio", { name: "A CD image" }));
  await user.selectOptions(screen.getByLabelText("Image"), screen.getByRole("option", { name: /windows-server/ }));
  await jump(user, "Review");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  const drive = await waitFor(() => {
    const found = server.pool.tables.all("VBD").find(([, vbd]) => vbd.type === "CD");
    if (found === undefined) throw new Error("no drive yet");
    return found[1];
  }, SOON);
  expect(server.pool.tables.get("VDI", drive.VDI)?.name_label).toBe("windows-server-2025.iso");
}, 40_000);

test("W7: a template that brings its disk along gets no empty one in its place", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  const { tables } = server.pool;
  const [[template]] = tables.all("VM").filter(([, vm]) => vm.name_label === "Linux") as [[string, unknown]];
  const vbd = tables.insert("VBD", { VM: template, VDI: "OpaqueRef:image", type: "Disk", userdevice: "0" });
  tables.update("VM", template, { VBDs: [vbd] });
  await jump(user, "Disks");
  expect(await screen.findByText(/brings a disk along/, {}, SOON)).toBeTruthy();
  expect(screen.queryByRole("spinbutton", { name: "Disk (GiB)" })).toBeNull();
  await jump(user, "Review");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  await waitFor(() => expect(tables.all("VM").some(([, vm]) => vm.name_label === "linux-1")).toBe(true), SOON);
  const made = tables.all("VM").find(([, vm]) => vm.name_label === "linux-1")?.[1];
  expect(made?.other_config["disks"]).toBeUndefined();
}, 40_000);

test("W7: disks and interfaces as many as are wanted, and the line that does the same", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  const { tables } = server.pool;
  const [twin = "", { name_label: twinName } = { name_label: "" }] = tables.all("VM").find(([, vm]) => !vm.is_a_template) ?? [];
  const group = tables.insert("VM_group", { name_label: "数据库", placement: "anti_affinity", VMs: [twin] });
  await jump(user, "Where");
  fireEvent.change(screen.getByLabelText("Kept apart as group"), { target: { value: "数据库" } });
  expect(await screen.findByText(`On other hosts than ${twinName}.`, {}, SOON)).toBeTruthy();
  await jump(user, "Disks");
  await user.click(screen.getByRole("button", { name: "Add a disk" }));
  fireEvent.change(screen.getByRole("spinbutton", { name: "Disk 2 (GiB)" }), { target: { value: "0.5" } });
  await user.selectOptions(screen.getByLabelText("How the guest reaches its disks"), "SATA (any system)");
  await jump(user, "Networks");
  await user.click(screen.getByRole("button", { name: "Add an interface" }));
  await user.selectOptions(within(screen.getByRole("group", { name: "Interface 1" })).getByLabelText("Network"), screen.getAllByRole("option", { name: /VLAN 20/ }).at(-1) as HTMLElement);
  await jump(user, "Review");
  const line = container.querySelector(".hv-cli pre")?.textContent ?? "";
  expect(line).toContain("--disk 20480MiB --disk 512MiB --disk-bus sata");
  expect(line).toContain("--network 'Management network' --network '教室 VLAN 20'");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  await waitFor(() => expect(server.pool.tables.all("VM").some(([, vm]) => vm.name_label === "linux-1")).toBe(true), SOON);
  const [ref, made] = server.pool.tables.all("VM").find(([, vm]) => vm.name_label === "linux-1") ?? [];
  await waitFor(() => expect(server.pool.tables.all("VIF").filter(([, vif]) => vif.VM === ref)).toHaveLength(2), SOON);
  await waitFor(() => expect(server.pool.tables.get("VM", ref ?? "")?.other_config["disks"]).toMatch(new RegExp(`device="1" size="${2 ** 29}".* bus="sata"/>`)), SOON);
  expect(made?.is_a_template).toBe(true);
  expect(line).toContain("--group 数据库");
  await waitFor(() => expect(tables.get("VM", ref ?? "")?.groups).toEqual([group]), SOON);
}, 40_000);

test("W7: folder, tags, cores, address and limit are made, and the line says the same", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "Name");
  fireEvent.change(screen.getByRole("textbox", { name: "Folder" }), { target: { value: "school//first/" } });
  fireEvent.change(screen.getByRole("textbox", { name: "Tags" }), { target: { value: "critical，网站, critical" } });
  await jump(user, "Size");
  fireEvent.change(screen.getByRole("spinbutton", { name: "vCPUs" }), { target: { value: "4" } });
  await user.selectOptions(screen.getByLabelText("Processors as the guest sees them"), "2 × 2 cores");
  await jump(user, "Networks");
  fireEvent.change(screen.getByLabelText("MAC address"), { target: { value: "53:54:00:00:00:01" } });
  expect(screen.getAllByText(/six pairs of digits/).length).toBeGreaterThan(0);
  expect(screen.queryByRole("button", { name: "Review" })).toBeNull();
  fireEvent.change(screen.getByLabelText("MAC address"), { target: { value: "52:54:00:00:00:01" } });
  fireEvent.change(screen.getByRole("spinbutton", { name: /^May send/ }), { target: { value: "2" } });
  await jump(user, "Review");
  const line = container.querySelector(".hv-cli pre")?.textContent ?? "";
  expect(line).toContain("--tag critical --tag 网站 --folder /school/first --vcpus 4 --cores-per-socket 2");
  expect(line).toContain("--mac 52:54:00:00:00:01 --limit 2048KiB");
  expect(await screen.findByText(/Protection is off/, {}, SOON)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  await waitFor(() => expect(window.location.pathname).toMatch(/^\/ui\/vm\//), SOON);
  const [ref, made] = server.pool.tables.all("VM").find(([, vm]) => vm.name_label === "linux-1") ?? [];
  expect([made?.tags, made?.other_config["folder"], made?.platform, made?.VCPUs_max]).toEqual([["critical", "网站"], "/school/first", { "cores-per-socket": "2" }, 4]);
  const vif = server.pool.tables.all("VIF").find(([, each]) => each.VM === ref)?.[1];
  expect([vif?.MAC, vif?.qos_algorithm_type, vif?.qos_algorithm_params]).toEqual(["52:54:00:00:00:01", "ratelimit", { kbps: "2048" }]);
}, 60_000);

test("W7: a machine that begins as another one was brings its interfaces along", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/vm", { hosts: 2, vms: 2, isArmed: true });
  const asked = vi.spyOn(server.pool, "call");
  const [snapshot = ""] = server.pool.tables.all("VM").find(([, vm]) => vm.name_label === "第三课之前") ?? [];
  server.pool.tables.update("VM", snapshot, { VIFs: ["OpaqueRef:nic"] });
  await user.selectOptions(await screen.findByLabelText(/a snapshot$/, {}, SOON), screen.getByRole("option", { name: /web1 · 第三课之前/ }));
  await jump(user, "Networks");
  expect(screen.getByText(/brings its own interfaces along/)).toBeTruthy();
  await jump(user, "Review");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  await waitFor(() => expect(asked.mock.calls.some(([name]) => name === "Async.VM.provision")).toBe(true), SOON);
  const [, params] = asked.mock.calls.find(([name]) => name === "Async.VM.clone") ?? [];
  expect(server.pool.tables.get("VM", String(params?.[0]))?.is_a_snapshot).toBe(true);
  expect(asked.mock.calls.some(([name]) => name === "VIF.create")).toBe(false);
}, 60_000);

test("W7: a step that something stands against cannot be skipped", async () => {
  const user = userEvent.setup();
  await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "Name");
  fireEvent.change(screen.getByRole("textbox", { name: /^Name/ }), { target: { value: " " } });
  expect(screen.queryByRole("button", { name: "Review" })).toBeNull();
  expect(screen.getByText("Give it a name.")).toBeTruthy();
}, 40_000);

test("W7: the slider gives every whole step, and the buttons go to them", async () => {
  const user = userEvent.setup();
  const { container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "Size");
  const slider = container.querySelectorAll<HTMLInputElement>("input[type=range]")[1] as HTMLInputElement;
  fireEvent.change(slider, { target: { value: "2048" } });
  expect(slider.value).toBe("2048");
  const field = screen.getByRole("spinbutton", { name: "Memory (MiB)" }) as HTMLInputElement;
  expect(field.value).toBe("2048");
  fireEvent.change(field, { target: { value: "100" } });
  await user.click(screen.getByRole("button", { name: "More: Memory (MiB)" }));
  expect(field.value).toBe("256");
}, 40_000);

test("W7: what does not fit is said before it is made", async () => {
  const user = userEvent.setup();
  await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "Size");
  fireEvent.change(screen.getByRole("spinbutton", { name: "Memory (MiB)" }), { target: { value: String(90 * 1024) } });
  await jump(user, "Review");
  expect(await screen.findByText(/no host has enough memory/, {}, SOON)).toBeTruthy();
}, 40_000);

test("W4: a host that cannot reach the place is named with its cause before anything is made", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/storage", { hosts: 3, vms: 0 });
  await screen.findByRole("radio", { name: "NFS" }, SOON);
  await next(user, "Where");
  fireEvent.change(screen.getByLabelText(/^Server and export/), { target: { value: "192.0.2.9:/vms" } });
  server.cutOff.add("host2");
  await next(user, "Test");
  expect(await screen.findByText(/access denied by server/, {}, SOON)).toBeTruthy();
  expect(screen.getByRole("button", { name: "Next" }).getAttribute("aria-disabled")).toBe("true");
  const before = server.pool.tables.all("SR").length;
  server.cutOff.clear();
  await user.click(screen.getByRole("button", { name: "Test again" }));
  await waitFor(() => expect(screen.getAllByText("usable")).toHaveLength(3), SOON);
  expect(server.pool.tables.all("SR")).toHaveLength(before);
  await next(user, "Review");
  await user.click(screen.getByRole("button", { name: "Create the storage" }));
  await waitFor(() => expect(server.pool.tables.all("SR")).toHaveLength(before + 1), SOON);
}, 40_000);

test("W4: what lies there from earlier is attached with its disks, if that is wanted", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/storage", { hosts: 2, vms: 0 });
  await screen.findByRole("radio", { name: "NFS" }, SOON);
  await next(user, "Where");
  fireEvent.change(screen.getByLabelText(/^Server and export/), { target: { value: "192.0.2.9:/earlier" } });
  await next(user, "Test");
  await user.click(await screen.findByRole("checkbox", { name: /^Attach it with what is on it/ }, SOON));
  await next(user, "Review");
  await user.click(screen.getByRole("button", { name: "Create the storage" }));
  const isThere = (): boolean => server.pool.tables.all("SR").some(([, sr]) => sr.uuid.startsWith("0e0e0e0e"));
  await waitFor(() => expect(isThere()).toBe(true), SOON);
  const attached = (): number => server.pool.tables.all("PBD").filter(([, pbd]) => pbd.device_config["serverpath"] === "/earlier" && pbd.currently_attached).length;
  await waitFor(() => expect(attached()).toBe(2), SOON);
}, 40_000);

test("W5: storage that a host is without is attached there, and measured from every host", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/sr/00000003-0000-4000-8000-000000000001/paths", { hosts: 3, vms: 0 });
  const [pbd] = server.pool.tables.all("PBD").find(([, row]) => row.host.endsWith("2")) ?? [];
  await screen.findAllByText("Attached", {}, SOON);
  server.pool.tables.update("PBD", pbd ?? "", { currently_attached: false });
  await user.click(await screen.findByRole("button", { name: "Attach vms on host2" }, SOON));
  await waitFor(() => expect(server.pool.tables.get("PBD", pbd ?? "")?.currently_attached).toBe(true), SOON);
  await user.click(screen.getByRole("button", { name: "Measure from every host" }));
  expect(await screen.findAllByText("108 MiB/s", {}, SOON)).toHaveLength(3);
}, 40_000);

test("W3: a host that waits is checked one by one; what is in the way is named, and what is not joins", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/host", { hosts: 2, vms: 0 });
  const before = server.pool.tables.all("host").length;
  const check = async (host: string, code: string): Promise<HTMLElement> => {
    await user.click(await screen.findByRole("checkbox", { name: `Choose ${host}` }, SOON));
    const item = container.querySelector<HTMLElement>(`[data-waiting=${host}]`);
    if (item === null) throw new Error(host);
    fireEvent.change(await within(item).findByLabelText(/^Setup code/, {}, SOON), { target: { value: code } });
    await user.click(within(item).getByRole("button", { name: "Check" }));
    return item;
  };
  const odd = await check("host9", "WRON-GONE");
  expect(await within(odd).findByText(/The code is not right/, {}, SOON)).toBeTruthy();
  fireEvent.change(within(odd).getByLabelText(/^Setup code/), { target: { value: "ABCD-EFGH" } });
  await user.click(within(odd).getByRole("button", { name: "Check" }));
  await waitFor(() => expect(odd.querySelectorAll("[data-state=bad]")).toHaveLength(2), SOON);
  expect(odd.querySelector("[data-check=clock] .hv-bad-text")?.textContent).toContain("NTP");
  expect(within(odd).getByRole("button", { name: "Add this host" }).getAttribute("aria-disabled")).toBe("true");
  // Machines of others are named, with what becomes of them.
  expect(odd.querySelector("[data-check=machines]")?.textContent).toMatch(/win10 \(runs\) and contab \(off\).*does not see.*vdi-import/s);
  expect(screen.queryByRole("table", { name: /beside each other/ })).toBeNull();
  const good = await check("host8", "ABCD-EFGH");
  const table = await screen.findByRole("table", { name: /beside each other/ }, SOON);
  const cells = (id: string): string[] => Array.from(table.querySelectorAll(`[data-check=${id}] td`), (cell) => cell.textContent.trim());
  expect([cells("clock"), cells("version"), cells("machines")]).toEqual([["in the way", "good"], ["good", "good"], ["to be known", "good"]]);
  expect(within(table).getByText("cannot join yet: Clock and Reaches the storage")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Add the host that is ready" }));
  await waitFor(() => expect(server.pool.tables.all("host")).toHaveLength(before + 1), SOON);
  // It has joined: the networks that it is without are the last step.
  const networks = await within(good).findByRole("table", { name: "Networks of the pool on this host" }, SOON);
  expect(within(networks).getByText("missing")).toBeTruthy();
  await user.click(within(networks).getByRole("button", { name: /^Connect 教室 VLAN 20/ }));
  await waitFor(() => expect(server.pool.tables.all("PIF").filter(([, pif]) => pif.VLAN === 20 && pif.host.endsWith("8"))).toHaveLength(1), SOON);
}, 40_000);

test("W3: several hosts that were found are chosen at once, and one that shows another certificate is told", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/host", { hosts: 2, vms: 0 });
  server.announced = { host9: "0bad".repeat(16) };
  await user.click(await screen.findByRole("checkbox", { name: "Choose host8" }, SOON));
  await user.click(screen.getByRole("checkbox", { name: "Choose host9" }));
  await waitFor(() => expect(container.querySelectorAll("[data-waiting] form")).toHaveLength(2), SOON);
  expect(within(container.querySelector<HTMLElement>("[data-waiting=host9]") as HTMLElement).getByText(/shows another certificate/)).toBeTruthy();
  expect(within(container.querySelector<HTMLElement>("[data-waiting=host8]") as HTMLElement).queryByText(/shows another certificate/)).toBeNull();
  await user.click(screen.getByRole("checkbox", { name: "Choose host8" }));
  await waitFor(() => expect(container.querySelectorAll("[data-waiting] form")).toHaveLength(1), SOON);
}, 40_000);

test("W3: a pool is told not to show itself in its network", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/settings", { hosts: 2, vms: 0 });
  const kept = (): string | undefined => server.pool.tables.all("pool")[0]?.[1].other_config["haven_discovery"];
  const shown = await screen.findByRole("switch", { name: "Show this pool in its network" }, SOON);
  await user.click(shown);
  await waitFor(() => expect(kept()).toBe("off"), SOON);
  // The page has heard of it, too: what is clicked before that says the same again.
  await waitFor(() => expect((shown as HTMLInputElement).checked).toBe(false), SOON);
  await waitFor(() => expect(shown.hasAttribute("disabled")).toBe(false), SOON);
  await user.click(shown);
  await waitFor(() => expect(kept()).toBeUndefined(), SOON);
}, 40_000);

test("a host's console is opened when it is asked for, and says why where there is none", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/host/00000001-0000-4000-8000-000000000001/console", { hosts: 2, vms: 0 });
  expect(await screen.findByRole("button", { name: "Open the console" }, SOON)).toBeTruthy();
  expect(screen.queryByRole("application")).toBeNull();
  expect(screen.getByText("haven host console host1")).toBeTruthy();
  cleanup();
  server.noLogin.add("00000001-0000-4000-8000-000000000001");
  await renderWith(server, "/host/00000001-0000-4000-8000-000000000001/console");
  expect(await screen.findByText("This host has no login program", {}, SOON)).toBeTruthy();
  server.noLogin.clear();
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("button", { name: "Open the console" }, SOON)).toBeTruthy();
}, 40_000);

test("W3: a host that is asked for by its name is known when it has joined", async () => {
  const user = userEvent.setup();
  const { container } = await renderConsole("/new/host", { hosts: 2, vms: 0 });
  fireEvent.change(await screen.findByLabelText("Addresses of the new hosts", {}, SOON), { target: { value: "host8.school 10.77.0.1" } });
  await user.click(screen.getByRole("button", { name: "Look at them" }));
  const item = container.querySelector<HTMLElement>("[data-address='host8.school']") as HTMLElement;
  fireEvent.change(await within(item).findByLabelText(/^Setup code/, {}, SOON), { target: { value: "ABCD-EFGH" } });
  await user.click(within(item).getByRole("button", { name: "Check" }));
  await user.click(await within(item).findByRole("button", { name: "Add this host" }, SOON));
  expect(await within(item).findByRole("table", { name: "Networks of the pool on this host" }, SOON)).toBeTruthy();
  expect(within(item).getByText("in the pool")).toBeTruthy();
  // The other one has been a member all along.
  const other = container.querySelector<HTMLElement>("[data-address='10.77.0.1']") as HTMLElement;
  expect(within(other).queryByLabelText(/^Setup code/)).toBeNull();
}, 40_000);

test("W3: an address where nobody answers says so", async () => {
  const user = userEvent.setup();
  await renderConsole("/new/host", { hosts: 2, vms: 0 });
  fireEvent.change(await screen.findByLabelText("Addresses of the new hosts", {}, SOON), { target: { value: "192.0.2.77" } });
  await user.click(screen.getByRole("button", { name: "Look at them" }));
  expect(await screen.findByText(/does not answer there/, {}, SOON)).toBeTruthy();
}, 40_000);

test("what the wizards check is what the pool would refuse", () => {
  expect(wrongField({ ...NO_FIRST_BOOT, keys: KEY })).toBeUndefined();
  expect(wrongField({ ...NO_FIRST_BOOT, keys: "-----BEGIN" })?.field).toBe("keys");
  expect(wrongField({ ...NO_FIRST_BOOT, user: "Ana", keys: KEY })?.field).toBe("user");
  expect(wrongField({ ...NO_FIRST_BOOT, hash: "secret", user: "ana" })?.field).toBe("hash");
  expect(wrongField({ ...NO_FIRST_BOOT, hash: "$6$salt$abc" })?.field).toBe("user");
  expect(wrongField({ ...NO_FIRST_BOOT, isOwn: true, userData: "hello" })?.field).toBe("userData");
  expect(entriesOf({ ...NO_FIRST_BOOT, keys: KEY, hostname: "db" }, true)).toEqual([["cloud-init-ssh-keys", KEY]]);
  expect(freeNames("web", 2, [{ name_label: "web-1" }])).toEqual(["web-2", "web-3"]);
  expect(isPlace("iso", "/srv/iso") && isPlace("iso", "nas:/iso") && !isPlace("nfs", "/srv")).toBe(true);
  expect(deviceConfig("iso", "nas:/iso")).toEqual({ location: "nas:/iso" });
});

test("W5: chains are counted, and disks that nobody uses are told from those of the pool", () => {
  const disk = (over: object): Parameters<typeof isOrphan>[0] => ({ VBDs: [], managed: true, is_a_snapshot: false, type: "user", sm_config: {}, ...over }) as unknown as Parameters<typeof isOrphan>[0];
  const base = disk({ location: "a" });
  const top = disk({ location: "b", sm_config: { backing: "a" } });
  expect(chainDepth(top, new Map([["a", base], ["b", top]]))).toBe(2);
  expect([disk({}), disk({ VBDs: ["x"] }), disk({ type: "ha_statefile" }), disk({ managed: false })].map(isOrphan)).toEqual([true, false, false, false]);
});
