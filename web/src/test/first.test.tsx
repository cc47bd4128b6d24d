// W1, W2 and W13: the first look, the pool in one look, and protection for machines of one tag.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { demoTransport } from "@/mock/demo";
import { MockServer } from "@/mock/server";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);
const SOON = { timeout: 15_000 };

test("W1: the demo answers questions, and changes nothing", async () => {
  const ask = await demoTransport();
  const rpc = async (method: string, params: unknown[]): Promise<{ result?: unknown; error?: { message: string } }> =>
    (await ask("/ui/rpc", { method: "POST", body: JSON.stringify({ method, params }) })).json() as never;
  const hosts = (await rpc("host.get_all_records", [])).result as Record<string, unknown>;
  expect(Object.keys(hosts)).toHaveLength(4);
  for (const method of ["VM.start", "Async.VM.start", "pool.disable_ha", "host.destroy", "pool.set_name_label"]) {
    expect((await rpc(method, [Object.keys(hosts)[0]])).error?.message, method).toBe("DEMO");
  }
  const posted = await ask("/ui/haven/ha/drill", { method: "POST", body: "{}" });
  expect(((await posted.json()) as { error: { message: string } }).error.message).toBe("DEMO");
  expect((await ask("/ui/haven/ha/status", {})).ok).toBe(true);
});

test("W1: three ways; the demo asks for no code", async () => {
  const user = userEvent.setup();
  await renderWith(new MockServer({ hosts: 1, vms: 0, isFresh: true }), "/");
  expect(await screen.findByLabelText(/Setup code/, {}, SOON)).toBeTruthy();
  expect(screen.getByText(/^Times are shown in the time zone /)).toBeTruthy();
  await user.click(screen.getByRole("radio", { name: "Just look (demo)" }));
  expect(screen.queryByLabelText(/Setup code/)).toBeNull();
  expect(screen.getByRole("button", { name: "Look around" })).toBeTruthy();
});

test("W1: what the host brings along, what is wrong with it, and the command that mends it", async () => {
  const user = userEvent.setup();
  const server = new MockServer({ hosts: 1, vms: 0, isFresh: true });
  server.clockOffMs = 95_000;
  await renderWith(server, "/");
  await user.type(await screen.findByLabelText(/Setup code/, {}, SOON), "ABCD-EFGH");
  const clock = (await screen.findByText("Clock", {}, SOON)).closest("li") as HTMLElement;
  expect(clock.className).toBe("hv-check-bad");
  expect((within(clock).getByRole("textbox", { name: "Command for: Clock" }) as HTMLInputElement).value).toBe("sudo timedatectl set-ntp true");
  expect(document.querySelector("[data-check='address']")?.textContent).toContain("It comes by DHCP");
  server.clockOffMs = 0;
  await user.click(screen.getByRole("button", { name: "Ask again" }));
  await waitFor(() => expect(document.querySelector("[data-check='clock']")?.className).toBe("hv-check-ok"), SOON);
});

test("W2: how busy the processors are, a path that is silent, and a pause that is on", async () => {
  const { server } = await renderConsole("/", { hosts: 3, vms: 6, isArmed: true });
  const tile = (await screen.findByRole("link", { name: "Processors" }, SOON)).closest(".hv-tile") as HTMLElement;
  await waitFor(() => expect(within(tile).getByText(/^\d+%$/)).toBeTruthy(), SOON);
  const [[ref, pool]] = server.pool.tables.all("pool") as unknown as [[string, { other_config: Record<string, string> }]];
  server.pool.tables.update("pool", ref, { other_config: { ...pool.other_config, haven_restarts_prevented_until_ms: String(Date.now() + 60_000), haven_drill_last: JSON.stringify({ kind: "host", by: "ana", began_ms: Date.now() - (12 * 86_400_000 + 60_000), ended_ms: Date.now() - (12 * 86_400_000 + 60_000), passed: true }) } });
  expect(await screen.findByText("Protection is paused.", {}, SOON)).toBeTruthy();
  expect(screen.getByText("Last drill 12 days ago — passed")).toBeTruthy();
});

test("W13: machines of one tag are protected together, and a rehearsal follows", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/protect", { hosts: 3, vms: 6 });
  const { tables } = server.pool;
  const machines = tables.all("VM").filter(([, vm]) => !vm.is_a_template);
  const [[critical]] = machines as [[string, unknown]];
  for (const [vm] of machines) tables.update("VM", vm, { tags: vm === critical ? ["critical"] : [], ha_restart_priority: "" });
  const next = async (): Promise<void> => user.click(await screen.findByRole("button", { name: "Next" }, SOON));
  await next();
  await screen.findByRole("checkbox", { name: /vms/ }, SOON);
  await next();
  await user.selectOptions(await screen.findByLabelText("For:", {}, SOON), "those tagged critical");
  await user.click(screen.getByRole("button", { name: "Protected" }));
  expect(screen.getByRole("slider", { name: "Hosts that may be lost at one time" })).toBeTruthy();
  await next();
  await user.click(await screen.findByLabelText(/Rehearse the loss/, {}, SOON));
  await user.click(await screen.findByRole("button", { name: "Turn on protection" }));
  await waitFor(() => expect(tables.all("pool")[0]?.[1].other_config["haven_drill_last"]).toContain("rehearsal"), SOON);
  const sure = tables.all("VM").filter(([, vm]) => vm.ha_restart_priority === "restart").map(([vm]) => vm);
  expect(sure).toEqual([critical]);
}, 60_000);
