// What people type survives a change of the coordinator, and a laptop that slept.
import { cleanup, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { fixed } from "@/mock/data";
import { renderConsole } from "./render";

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const OFF = `OpaqueRef:${fixed(4, 5)}`;

test("another host coordinates: the page says that it waits, keeps what was typed, and shows what changed meanwhile", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}/settings`, { hosts: 2, vms: 6 });
  const { tables } = server.pool;
  const description = await screen.findByRole("textbox", { name: "Description" });
  await user.type(description, "half a sen");
  server.isAway = true;
  // The open question is answered, the next one is not.
  tables.update("VM", OFF, { tags: ["one"] });
  expect(await screen.findByText(/The pool has not answered since/)).toBeTruthy();
  await user.type(description, "tence");
  tables.update("VM", OFF, { name_label: "renamed" });
  tables.remove("host", `OpaqueRef:${fixed(1, 2)}`);
  server.isAway = false;
  expect(await screen.findByRole("heading", { level: 1, name: "renamed" })).toBeTruthy();
  await waitFor(() => expect(screen.queryByText(/The pool has not answered/)).toBeNull());
  // What is gone is gone, although no event of the former coordinator said so.
  await waitFor(() => expect(screen.queryByRole("option", { name: "host2" })).toBeNull());
  expect((screen.getByRole("textbox", { name: "Description" }) as HTMLInputElement).value).toBe("half a sentence");
});

test("a laptop slept: the answer that was lost is asked for again as soon as the page is seen", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 5)}/settings`, { hosts: 2, vms: 6 });
  const description = await screen.findByRole("textbox", { name: "Description" });
  await user.type(description, "before the nap");
  // From now on the open question is never answered: its connection died while the lid was closed.
  const answer = server.answer.bind(server);
  let isAsleep = true;
  const changed = server.pool.tables.changed.bind(server.pool.tables);
  vi.spyOn(server.pool.tables, "changed").mockImplementation((ms) => (isAsleep ? new Promise(() => undefined) : changed(ms)));
  server.answer = (method, address, body) => answer(method, address, body);
  server.pool.tables.update("VM", OFF, { tags: ["wakes the open question"] });
  await new Promise((resolve) => setTimeout(resolve, 300));
  server.pool.tables.update("VM", OFF, { name_label: "renamed" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(screen.queryByRole("heading", { level: 1, name: "renamed" })).toBeNull();
  isAsleep = false;
  const hour = 3_600_000;
  const now = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => now() + hour);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(await screen.findByRole("heading", { level: 1, name: "renamed" })).toBeTruthy();
  expect((screen.getByRole("textbox", { name: "Description" }) as HTMLInputElement).value).toBe("before the nap");
});
