// Machines as files, and discs in their drives.
import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError, Unreachable } from "@/api/errors";
import { setCsrf } from "@/api/http";
import * as sending from "@/api/upload";
import { fixed } from "@/mock/data";
import { renderConsole } from "./render";

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const SOON = { timeout: 15_000 };

/** A request that the test answers. */
class Sent extends EventTarget {
  static last: Sent;
  readonly upload = new EventTarget();
  status = 0;
  responseText = "";
  constructor() {
    super();
    Sent.last = this;
  }
  open(): void {}
  setRequestHeader(): void {}
  send(): void {}
  end(how: "load" | "error", status = 0, text = ""): void {
    Object.assign(this, { status, responseText: text });
    this.dispatchEvent(new Event(how));
  }
}

test("W7: a file that is refused, or that nobody answers, is no success; and leaving the window asks until then", async () => {
  vi.stubGlobal("XMLHttpRequest", Sent);
  setCsrf("x");
  const leaves = (): boolean => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
  const send = (): Promise<void> => sending.upload("/ui/import", new Blob(["x"]), () => undefined);
  const taken = send();
  expect(leaves()).toBe(true);
  Sent.last.end("load", 200);
  await taken;
  expect(leaves()).toBe(false);
  const refused = send();
  Sent.last.end("load", 200, JSON.stringify({ error: { message: "SESSION_INVALID", data: ["s"] } }));
  await expect(refused).rejects.toEqual(new ApiError("SESSION_INVALID", ["s"]));
  const unknown = send();
  Sent.last.end("load", 503, "no host coordinates");
  await expect(unknown).rejects.toThrow("HTTP 503");
  const lost = send();
  Sent.last.end("error");
  await expect(lost).rejects.toBeInstanceOf(Unreachable);
  expect(leaves()).toBe(false);
});

/** Chooses a file and goes on to the end. */
async function bring(name: string, send?: () => Promise<void>): Promise<Awaited<ReturnType<typeof renderConsole>>> {
  const user = userEvent.setup();
  const rendered = await renderConsole("/new/import", { hosts: 2, vms: 2 });
  vi.spyOn(sending, "upload").mockImplementation(async (path, file, onShare) => {
    onShare(0.5);
    await (send?.() ?? Promise.resolve());
    await rendered.server.answer("PUT", path, file);
  });
  await screen.findByText("Choose a file.", {}, SOON);
  const input = rendered.container.querySelector<HTMLInputElement>("input[type=file]");
  if (input === null) throw new Error("no field for a file");
  fireEvent.change(input, { target: { files: [new File(["xva"], name)] } });
  await user.click(await screen.findByRole("button", { name: "Review" }, SOON));
  expect(rendered.container.querySelector(".hv-cli pre")?.textContent).toBe(`xe vm-import filename=${name} sr-uuid=${fixed(3, 1)}`);
  await user.click(screen.getByRole("button", { name: "Import" }));
  return rendered;
}

test("W7: a machine comes in from a file, to the storage that was chosen", async () => {
  const { server } = await bring("aula.xva");
  await waitFor(() => expect(window.location.pathname).toMatch(/^\/ui\/vm\//), SOON);
  expect(server.pool.tables.all("VM").some(([, vm]) => vm.name_label === "aula")).toBe(true);
  const task = server.pool.tables.all("task").find(([, each]) => each.name_label === "VM.import");
  expect(vi.mocked(sending.upload).mock.calls[0]?.[0]).toBe(`/ui/import?sr_uuid=${fixed(3, 1)}&restore=false&task_id=${encodeURIComponent(task?.[0] ?? "")}`);
}, 40_000);

test("W7: a file that is damaged says so, and what was chosen stays", async () => {
  await bring("broken.xva");
  expect(await screen.findByText(/breaks off/, {}, SOON)).toBeTruthy();
  expect(screen.getByText(/broken.xva ·/)).toBeTruthy();
}, 40_000);

test("W7: a file that never arrived leaves no task that waits for it", async () => {
  const { server } = await bring("aula.xva", () => Promise.reject(new Unreachable("HTTP 503")));
  expect(await screen.findByText(/does not answer/, {}, SOON)).toBeTruthy();
  expect(screen.queryByText("Unpacking")).toBeNull();
  const [, task] = server.pool.tables.all("task").find(([, each]) => each.name_label === "VM.import") ?? [];
  expect(task?.status).not.toBe("pending");
}, 40_000);

test("W7: who has gone to another page meanwhile stays there, and hears that the machine has come", async () => {
  const user = userEvent.setup();
  let arrive = (): void => undefined;
  await bring("aula.xva", () => new Promise((resolve) => { arrive = resolve; }));
  await user.click(await screen.findByRole("link", { name: /Alerts?$|alerts/ }, SOON));
  await waitFor(() => expect(window.location.pathname).toBe("/ui/alerts"), SOON);
  arrive();
  expect(await screen.findByText("aula is imported", {}, SOON)).toBeTruthy();
  expect(window.location.pathname).toBe("/ui/alerts");
}, 40_000);

test("W9: a disc is put into the drive of a machine, changed, and taken out", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}/disks`, { hosts: 2, vms: 6 });
  const { tables } = server.pool;
  const inDrive = (): string => tables.get("VDI", tables.all("VBD").find(([, vbd]) => vbd.type === "CD")?.[1].VDI ?? "")?.name_label ?? "";
  const change = async (option: RegExp, button: string): Promise<void> => {
    await user.click(await screen.findByRole("button", { name: "CD drive" }, SOON));
    const dialog = within(await screen.findByRole("dialog", {}, SOON));
    await user.selectOptions(dialog.getByLabelText("Image"), dialog.getByRole("option", { name: option }));
    await user.click(dialog.getByRole("button", { name: button }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), SOON);
  };
  await change(/debian-12/, "Insert");
  expect(inDrive()).toBe("debian-12.iso");
  await change(/windows-server/, "Insert");
  expect(inDrive()).toBe("windows-server-2025.iso");
  await change(/Empty drive/, "Take out");
  expect(inDrive()).toBe("");
}, 60_000);

/** A file that begins as a CD does. */
function cd(name: string): File {
  const sectors = new Uint8Array(20 * 2048);
  sectors.set(new TextEncoder().encode("CD001"), 16 * 2048 + 1);
  return new File([sectors], name);
}

test("W7: an image that is brought along is the one the machine boots from; what is none is refused first", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  let signal: AbortSignal | undefined;
  const send = vi.spyOn(sending, "upload").mockImplementation((_path, _file, onShare, abort) => {
    onShare(0.5);
    signal = abort;
    return new Promise((_resolve, reject) => abort?.addEventListener("abort", () => reject(new Unreachable("PUT: abort"))));
  });
  await user.click(await screen.findByRole("button", { name: "What it boots from" }, SOON));
  await user.click(await screen.findByRole("radio", { name: "A CD image" }));
  const choose = (file: File): void => {
    const input = container.querySelector<HTMLInputElement>("input[type=file]");
    if (input === null) throw new Error("no field for a file");
    fireEvent.change(input, { target: { files: [file] } });
  };
  choose(new File(["<html>"], "page.iso"));
  expect(await screen.findByText(/page.iso is no image of a CD/, {}, SOON)).toBeTruthy();
  choose(new File(["x"], "debian-12.iso"));
  expect(await screen.findByText(/is in this library already/, {}, SOON)).toBeTruthy();
  choose(cd("学校.iso"));
  await waitFor(() => expect(screen.getByRole("button", { name: "Upload" }).getAttribute("aria-disabled")).not.toBe("true"), SOON);
  await user.click(screen.getByRole("button", { name: "Upload" }));
  expect(await screen.findByText("The image is still on its way.", {}, SOON)).toBeTruthy();
  // Another step of the wizard does not end it.
  await user.click(screen.getByRole("button", { name: "Name" }));
  await user.click(screen.getByRole("button", { name: "What it boots from" }));
  await user.click(await screen.findByRole("button", { name: "Cancel the upload" }, SOON));
  expect(signal?.aborted).toBe(true);
  await waitFor(() => expect(server.pool.tables.all("task").every(([, task]) => task.status !== "pending")).toBe(true), SOON);
  choose(cd("学校.iso"));
  send.mockImplementation(async (path, file) => {
    await server.answer("PUT", path, file);
  });
  await user.click(await screen.findByRole("button", { name: "Upload" }, SOON));
  expect(await screen.findByText("学校.iso is in the library", {}, SOON)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Review" }));
  await waitFor(() => expect(container.querySelector(".hv-cli pre")?.textContent).toContain("--cd 学校.iso"), SOON);
}, 60_000);

test("W7: an image that the pool fetches is the one the machine boots from; what cannot be fetched says why", async () => {
  const user = userEvent.setup();
  const { container } = await renderConsole("/new/vm", { hosts: 2, vms: 2 });
  await user.click(await screen.findByRole("button", { name: "What it boots from" }, SOON));
  await user.click(await screen.findByRole("radio", { name: "A CD image" }));
  const address = async (text: string): Promise<void> => {
    const field = await screen.findByLabelText("Address", {}, SOON);
    await user.clear(field);
    await user.type(field, text);
  };
  const doIt = (): HTMLElement => screen.getByRole("button", { name: "Fetch" });
  await address("ftp://mirror/a.iso");
  expect(await screen.findByText("The address begins with https:// or http://.", {}, SOON)).toBeTruthy();
  await address("https://ana:secret@mirror/a.iso");
  expect(await screen.findByText(/would be seen in logs/, {}, SOON)).toBeTruthy();
  expect(doIt().getAttribute("aria-disabled")).toBe("true");
  await address("nfs://10.10.32.10/SLES10/");
  const library = await screen.findByRole("link", { name: "Make an ISO library of 10.10.32.10:/SLES10" }, SOON);
  expect(library.getAttribute("href")).toBe("/ui/new/storage?kind=iso&location=10.10.32.10%3A%2FSLES10");
  await address("https://mirror.example/missing.iso");
  await user.click(doIt());
  expect(await screen.findByText(/404 Not Found/, {}, SOON)).toBeTruthy();
  await address("https://mirror.example/netinst.iso");
  await user.type(screen.getByLabelText("SHA-256 (optional)"), "abc");
  expect(doIt().getAttribute("aria-disabled")).toBe("true");
  await user.clear(screen.getByLabelText("SHA-256 (optional)"));
  await user.type(screen.getByLabelText("SHA-256 (optional)"), "0".repeat(64));
  await user.click(doIt());
  expect(await screen.findByText(/another SHA-256/, {}, SOON)).toBeTruthy();
  await user.clear(screen.getByLabelText("SHA-256 (optional)"));
  await user.click(doIt());
  expect(await screen.findByText("netinst.iso is in the library", {}, SOON)).toBeTruthy();
  expect(screen.getByText("haven sr fetch images https://mirror.example/netinst.iso")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Review" }));
  await waitFor(() => expect(container.querySelector(".hv-cli pre")?.textContent).toContain("--cd netinst.iso"), SOON);
}, 60_000);

test("W7: a fetch shows how far it is, and can be ended", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/image", { hosts: 2, vms: 2 });
  server.pool.tempo.task = 20_000;
  await user.type(await screen.findByLabelText("Address", {}, SOON), "https://mirror.example/netinst.iso");
  await user.click(screen.getByRole("button", { name: "Fetch" }));
  expect(await screen.findByText(/0\.5 GiB of 4 GiB have come|512 MiB of 4 GiB have come/, {}, SOON)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Cancel the fetch" }));
  await waitFor(() => expect(screen.getByRole("button", { name: "Fetch" })).toBeTruthy(), SOON);
  expect(server.pool.tables.all("task").find(([, task]) => task.name_label === "SR.fetch")?.[1].status).toBe("cancelled");
}, 60_000);

test("W7: an image is deleted from its library by its name, unless it is in a drive", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/sr/${fixed(3, 2)}/disks`, { hosts: 2, vms: 6 });
  const { tables } = server.pool;
  const [image] = tables.all("VDI").find(([, vdi]) => vdi.name_label === "debian-12.iso") ?? [""];
  const [vm, row] = tables.all("VM").find(([, each]) => !each.is_a_template && !each.is_a_snapshot) ?? [];
  const drive = tables.insert("VBD", { VM: vm ?? "", VDI: image, type: "CD", empty: false, userdevice: "3", device: "sdd", currently_attached: false, allowed_operations: [], current_operations: {}, other_config: {} });
  const button = (name: string): Promise<HTMLElement> => screen.findByRole("button", { name: new RegExp(`Delete.*${name}|${name}.*Delete`) }, SOON);
  const kept = await button("debian-12.iso");
  await waitFor(() => expect(kept.getAttribute("aria-disabled")).toBe("true"), SOON);
  await user.hover(kept);
  expect((await screen.findAllByText(`It is in the drive of ${row?.name_label ?? "?"}. Take it out first.`, {}, SOON)).length).toBeGreaterThan(0);
  tables.update("VBD", drive, { empty: true, VDI: "OpaqueRef:NULL" });
  await waitFor(async () => expect((await button("debian-12.iso")).getAttribute("aria-disabled")).not.toBe("true"), SOON);
  await user.click(await button("debian-12.iso"));
  const dialog = within(await screen.findByRole("dialog", {}, SOON));
  expect(dialog.getByText("haven sr remove-image images debian-12.iso")).toBeTruthy();
  await user.type(dialog.getByRole("textbox"), "debian-12.iso");
  await user.click(dialog.getByRole("button", { name: "Delete" }));
  await waitFor(() => expect(tables.get("VDI", image)).toBeUndefined(), SOON);
}, 60_000);
