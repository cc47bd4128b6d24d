// The DVD drives of hosts in the drives of machines, and by what a guest reaches each of its disks.
import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { fixed } from "@/mock/data";
import { renderConsole } from "./render";

afterEach(cleanup);

const SOON = { timeout: 15_000 };
const BOUND = "The machine starts only on host2 while this disc is in, and is not protected.";

async function jump(user: ReturnType<typeof userEvent.setup>, step: string): Promise<void> {
  await user.click(await screen.findByRole("button", { name: new RegExp(step) }, SOON));
}

test("E67: a machine is made with the drive of a host, and the page says what that means", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 2, vms: 2, isArmed: true });
  await jump(user, "What it boots from");
  await user.click(screen.getByRole("radio", { name: "A CD image" }));
  const images = screen.getByLabelText<HTMLSelectElement>("Image");
  expect(images.selectedOptions[0]?.textContent).toMatch(/^debian-12/);
  expect(screen.queryByText(BOUND)).toBeNull();
  const drives = within(screen.getByRole("group", { name: "Drives of hosts" }));
  await user.selectOptions(images, drives.getByRole("option", { name: /^host2, sr0: DEBIAN 13/ }));
  expect(screen.getByText(BOUND)).toBeTruthy();
  await jump(user, "Review");
  expect(await screen.findByText("There is room, on host2.", {}, SOON)).toBeTruthy();
  const policy = screen.getByLabelText<HTMLSelectElement>("Protection");
  expect([policy.disabled, policy.value]).toEqual([true, ""]);
  const line = container.querySelector(".hv-cli pre")?.textContent ?? "";
  expect(line).toContain("--cd 'DVD drive sr0 of host2'");
  expect(line).not.toContain("--ha");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  await waitFor(() => expect(server.pool.tables.all("VBD").some(([, vbd]) => vbd.type === "CD" && vbd.VDI === `OpaqueRef:${fixed(11, 9)}`)).toBe(true), SOON);
}, 60_000);

test("E67: the disc of a host is put into the drive of a machine; a drive without one says so", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}/disks`, { hosts: 2, vms: 6 });
  const { tables } = server.pool;
  const drive = `OpaqueRef:${fixed(11, 9)}`;
  await user.click(await screen.findByRole("button", { name: "CD drive" }, SOON));
  const dialog = within(await screen.findByRole("dialog", {}, SOON));
  const { sm_config: config } = tables.get("VDI", drive) ?? { sm_config: {} };
  tables.update("VDI", drive, { sm_config: { ...config, tray: "empty", disc: "" } });
  const option = await dialog.findByRole("option", { name: "host2, sr0: no disc" }, SOON);
  await user.selectOptions(dialog.getByLabelText("Image"), option);
  expect(dialog.getByText(BOUND)).toBeTruthy();
  expect(dialog.getByText(/haven vm cd insert .* 'DVD drive sr0 of host2'/)).toBeTruthy();
  await user.click(dialog.getByRole("button", { name: "Insert" }));
  await waitFor(() => expect(tables.all("VBD").some(([, vbd]) => vbd.VDI === drive)).toBe(true), SOON);
}, 60_000);

test("W7: each disk is reached as it is said for it, the others as it is said for all", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await jump(user, "Disks");
  expect(screen.queryByLabelText(/Disk 1: how the guest/)).toBeNull();
  await user.click(screen.getByRole("button", { name: "Add a disk" }));
  await user.click(screen.getByRole("button", { name: "Add a disk" }));
  await user.selectOptions(screen.getByLabelText("How the guest reaches its disks"), "SCSI (virtio-scsi)");
  await user.selectOptions(screen.getByLabelText("Disk 2: how the guest reaches it"), "SATA (any system)");
  await user.selectOptions(screen.getByLabelText("Disk 3: how the guest reaches it"), "virtio (fastest)");
  // What was said of a disk goes with it.
  await user.click(screen.getByRole("button", { name: "Take disk 2 away" }));
  fireEvent.change(screen.getByRole("spinbutton", { name: "Disk 2 (GiB)" }), { target: { value: "1" } });
  await jump(user, "Review");
  expect(screen.getByText(/20.* GiB: SCSI \(virtio-scsi\).* 1.* GiB: virtio \(fastest\)/)).toBeTruthy();
  const line = container.querySelector(".hv-cli pre")?.textContent ?? "";
  expect(line).toContain("--disk 20480MiB --disk 1024MiB --disk-bus scsi --disk-bus virtio");
  await user.click(screen.getByRole("button", { name: "Create the machine" }));
  const made = (): string => server.pool.tables.all("VM").find(([, vm]) => vm.name_label === "linux-1")?.[1].other_config["disks"] ?? "";
  await waitFor(() => expect(made()).toMatch(/device="0"[^>]* bus="scsi"\/>.*device="1"[^>]* type="user"\/>/), SOON);
}, 60_000);

test("W9: a disk is added with its bus; one of SATA waits until the machine is off", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 0)}/disks`, { hosts: 2, vms: 6 });
  await user.click(await screen.findByRole("button", { name: "Add a disk" }, SOON));
  const dialog = within(await screen.findByRole("dialog", {}, SOON));
  await user.selectOptions(dialog.getByLabelText("How the guest reaches its disks"), "SATA (any system)");
  expect(dialog.getAllByText(/A SATA disk comes only while the machine is off/).length).toBeGreaterThan(0);
  await user.selectOptions(dialog.getByLabelText("How the guest reaches its disks"), "SCSI (virtio-scsi)");
  expect(dialog.getByText(/haven vm disk add .* --bus scsi/)).toBeTruthy();
  const before = server.pool.tables.all("VBD").length;
  await user.click(dialog.getByRole("button", { name: "Add a disk" }));
  await waitFor(() => expect(server.pool.tables.all("VBD").length).toBe(before + 1), SOON);
  expect(server.pool.tables.all("VBD").at(-1)?.[1].other_config).toEqual({ bus: "scsi" });
}, 60_000);
