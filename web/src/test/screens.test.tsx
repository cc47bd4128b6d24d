// What people do on the screens, against the mock pool.
import { readFileSync } from "node:fs";
import path from "node:path";
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { World } from "@/actions/action";
import { areaActions } from "@/app/areas";
import { fixed } from "@/mock/data";
import { MockServer } from "@/mock/server";
import type { Item } from "@/store/hooks";
import { applyEvents, makeQueryClient } from "@/store/tables";
import { byWire, FOLLOWED } from "@/store/classes";
import { renderConsole } from "./render";

afterEach(cleanup);

test("A26-A30: protection is turned on in four steps, and the storage that fits is chosen already", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/protect", { hosts: 3, vms: 6 });
  const next = async (): Promise<void> => user.click(await screen.findByRole("button", { name: "Next" }));
  await screen.findByText("The pool has 3 hosts.", {}, { timeout: 15_000 });
  await next();
  const storage = await screen.findByRole("checkbox", { name: /vms/ });
  expect((storage as HTMLInputElement).checked).toBe(true);
  await next();
  await user.click(await screen.findByRole("button", { name: "Protected" }));
  await next();
  await user.click(await screen.findByRole("button", { name: "Turn on protection" }));
  await waitFor(() => expect(server.pool.tables.all("pool")[0]?.[1].ha_enabled).toBe(true), { timeout: 5000 });
  const protectedVms = server.pool.tables.all("VM").filter(([, vm]) => !vm.is_a_template);
  expect(protectedVms.every(([, vm]) => vm.ha_restart_priority === "restart")).toBe(true);
  expect(await screen.findByText("Heartbeats", {}, { timeout: 20_000 })).toBeTruthy();
});

test("what is not possible says why", async () => {
  await renderConsole("/", { hosts: 1, vms: 0 });
  expect(await screen.findAllByText("Protection needs at least two hosts. Add a host first.", {}, { timeout: 10_000 })).not.toHaveLength(0);
});

test("a machine is deleted only after its name was typed", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}`, { hosts: 2, vms: 6 });
  const title = await screen.findByRole("heading", { level: 1 });
  const name = title.textContent ?? "";
  await user.click(screen.getByRole("button", { name: "Actions" }));
  await user.click(await screen.findByRole("menuitem", { name: /^Delete/ }));
  const dialog = await screen.findByRole("dialog");
  const button = within(dialog).getByRole("button", { name: "Delete" });
  expect(button.getAttribute("aria-disabled")).toBe("true");
  await user.type(within(dialog).getByRole("textbox"), name);
  await user.click(button);
  await waitFor(() => expect(server.pool.tables.get("VM", `OpaqueRef:${fixed(4, 5)}`)).toBeUndefined(), { timeout: 5000 });
});

test("an action that fails says what happened and what to do", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}`, { hosts: 1, vms: 6 });
  const [[host]] = server.pool.tables.all("host") as [[string, unknown]];
  await screen.findByRole("heading", { level: 1 });
  server.pool.tables.update("host", host, { enabled: false });
  await user.click(screen.getByRole("button", { name: "Start" }));
  expect(await screen.findByText(/“Start” did not succeed/, {}, { timeout: 5000 })).toBeTruthy();
});

test("every action has a line of the command line that exists", () => {
  const golden = path.resolve(__dirname, "../../../crates/cli/tests/golden/help");
  const facts = readFileSync(path.resolve(__dirname, "../../../crates/xe/src/facts/commands.txt"), "utf8");
  const commands = facts.split("\n").map((line) => line.split("|").map((part) => part.trim()));
  const client = makeQueryClient();
  const server = new MockServer({ hosts: 2, vms: 6 });
  applyEvents(client, byWire(FOLLOWED), server.pool.tables.since(["*"], "").events);
  const world = new World(client);
  let count = 0;
  for (const of of ["VM", "host", "SR", "pool", "VBD", "VDI", "VIF"] as const) {
    const target = world.all(of)[0];
    if (target === undefined) throw new Error(of);
    for (const action of areaActions<typeof of>(of)) {
      const line = action.cli(target as Item<never>, world);
      const [program, noun, verb] = line.split(" ");
      count += 1;
      if (program === "xe") {
        // Verb, parameters that it needs, others, and notes: `vm` takes machines by their name.
        const [, needed = "", others = "", notes = ""] = commands.find(([name]) => name === noun) ?? [];
        // Settings are set by the names of their fields.
        const fields = noun?.endsWith("-param-set") === true ? ["uuid", ...Object.keys(target)] : [];
        const known = new Set([...`${needed} ${others} ${notes}`.split(/\s+/), ...fields]);
        const given = Array.from(line.matchAll(/ ([\w-]+)=/g), (match) => match[1]);
        expect(given.length, action.id).toBeGreaterThan(0);
        expect(given.filter((name) => !known.has(name ?? "")), action.id).toEqual([]);
        continue;
      }
      if (program === "curl") {
        // Measurements are no verb: they are fetched, from a route that the page itself asks.
        expect(line, action.id).toContain(`'https://${window.location.host}/rrd_updates?`);
        continue;
      }
      expect(program).toBe("haven");
      expect(readFileSync(path.join(golden, `${noun}.txt`), "utf8"), action.id).toContain(`$ haven ${noun} ${verb} --help`);
    }
  }
  expect(count).toBeGreaterThan(15);
});

test("a library of images alone carries no protection, and no machines", async () => {
  const { server } = await renderConsole("/", { hosts: 2, vms: 0 });
  const { tables } = server.pool;
  for (const [ref, sr] of tables.all("SR")) if (sr.type !== "iso") tables.remove("SR", ref);
  const button = await screen.findByRole("button", { name: "Add storage" }, { timeout: 15_000 });
  expect(button).toBeTruthy();
  expect(screen.getAllByText("Protection needs storage that every host reaches. Add shared storage first.").length).toBeGreaterThan(0);
});

test("W2: the tile of storage counts no library of CD images as room", async () => {
  await renderConsole("/", { hosts: 2, vms: 0 });
  expect(await screen.findByText("1.2 TiB of 4 TiB used", {}, { timeout: 15_000 })).toBeTruthy();
});
