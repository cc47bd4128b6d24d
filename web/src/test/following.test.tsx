// What changes is shown from the first lists on, also while details are still on their way.
import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { fixed } from "@/mock/data";
import { mockFetch } from "@/mock/fetch";
import { askFirst } from "@/store/early";
import { MOCK_PASSWORD, MockServer } from "@/mock/server";
import { renderWith } from "./render";

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const VM = `OpaqueRef:${fixed(4, 5)}`;

async function signedIn(): Promise<MockServer> {
  const server = new MockServer({ hosts: 2, vms: 6 }, { task: 40 });
  await server.answer("POST", "/ui/session", { user: "root", password: MOCK_PASSWORD });
  return server;
}

/** What a question of the event loop is for. */
function classesOf(body: unknown): readonly string[] {
  const { method, params } = (body ?? {}) as { method?: string; params?: [string[]] };
  return method === "event.from" ? (params?.[0] ?? []) : [];
}

test("a change shows while the details have not arrived, and theirs are followed when they have", async () => {
  const server = await signedIn();
  const answer = server.answer.bind(server);
  let free = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    free = resolve;
  });
  server.answer = async (method, address, body) => {
    const classes = classesOf(body);
    // The details alone: later questions name the pool, too.
    if (classes.includes("vbd") && !classes.includes("pool")) await held;
    return answer(method, address, body);
  };
  await renderWith(server, `/vm/${fixed(4, 5)}/disks`);
  expect(await screen.findByRole("heading", { level: 1 })).toBeTruthy();
  server.pool.tables.update("VM", VM, { name_label: "renamed" });
  expect(await screen.findByRole("heading", { level: 1, name: "renamed" })).toBeTruthy();
  expect(screen.queryByText("renamed-disk")).toBeNull();
  free();
  const disk = await vi.waitFor(() => {
    const found = server.pool.tables.all("VBD").find(([, vbd]) => vbd.VM === VM && vbd.type === "Disk");
    if (found === undefined) throw new Error("the machine has no disk");
    return found[1].VDI;
  });
  const name = server.pool.tables.get("VDI", disk)?.name_label ?? "";
  expect((await screen.findAllByText(name)).length).toBeGreaterThan(0);
  server.pool.tables.update("VDI", disk, { name_label: "renamed-disk" });
  expect((await screen.findAllByText("renamed-disk")).length).toBeGreaterThan(0);
});

test("what was asked before the program was there is not asked again", async () => {
  const server = await signedIn();
  const answer = server.answer.bind(server);
  const asked: string[] = [];
  server.answer = (method, address, body) => {
    asked.push(`${method} ${address} ${classesOf(body).join(" ")}`.trim());
    return answer(method, address, body);
  };
  vi.stubGlobal("fetch", mockFetch(server));
  askFirst();
  await vi.waitFor(() => expect(asked.length).toBe(3));
  await renderWith(server, `/vm/${fixed(4, 5)}/settings`);
  expect(await screen.findByRole("heading", { level: 1 })).toBeTruthy();
  const times = (start: string): number => asked.filter((each) => each.startsWith(start)).length;
  expect(times("GET /ui/session")).toBe(1);
  expect(times("POST /ui/rpc vm network")).toBe(1);
  // And from there it goes on as always.
  server.pool.tables.update("VM", VM, { name_label: "renamed" });
  expect(await screen.findByRole("heading", { level: 1, name: "renamed" })).toBeTruthy();
  await userEvent.setup().type(await screen.findByRole("textbox", { name: "Description" }), "x");
});
