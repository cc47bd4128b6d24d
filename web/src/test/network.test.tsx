// A new network: by VLAN on every host, or within each; and what "New" says that it cannot make.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { MockError } from "@/mock/methods";
import { renderConsole } from "./render";

afterEach(cleanup);

const SLOW = { timeout: 20_000 };

test("a network by VLAN is made on every host, or is no network", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/", { hosts: 3, vms: 4 });
  await user.click(await screen.findByRole("button", { name: "New" }, SLOW));
  expect((await screen.findByRole("menuitem", { name: /^A new pool/ })).textContent).toContain("founds one");
  expect(screen.getAllByRole("menuitem").map((each) => each.getAttribute("data-command") ?? each.closest("[data-command]")?.getAttribute("data-command"))).toHaveLength(7);
  await user.click(screen.getByRole("menuitem", { name: "New network" }));
  const name = await screen.findByRole("textbox", { name: /^Name/ }, SLOW);
  await user.type(name, "Management network");
  expect(screen.getByText("There is a network Management network already.")).toBeTruthy();
  await user.clear(name);
  await user.type(name, "教室 30{Enter}");
  const tag = await screen.findByRole("spinbutton", { name: "Tag (1 to 4094)" }, SLOW);
  await user.clear(tag);
  await user.type(tag, "30{Tab}");
  await user.click(screen.getByRole("button", { name: "Next" }));
  expect(await screen.findByText("VLAN 30 on eth0")).toBeTruthy();
  expect(screen.getByText(/^haven network create '教室 30'/)).toBeTruthy();
  expect(screen.getByText(/xe pool-vlan-create network-uuid=NETWORK pif-uuid=\S+ vlan=30/)).toBeTruthy();
  // What fails leaves nothing.
  const made = (): boolean => server.pool.tables.all("network").some(([, network]) => network.name_label === "教室 30");
  const good = server.pool.call.bind(server.pool);
  const failing = vi.spyOn(server.pool, "call").mockImplementation((method, params) => {
    if (method === "Async.pool.create_VLAN") throw new MockError("HOST_OFFLINE", ["host3"]);
    return good(method, params);
  });
  await user.click(screen.getByRole("button", { name: "Create the network" }));
  await waitFor(() => expect(failing.mock.calls.map(([method]) => method)).toContain("network.destroy"), SLOW);
  expect(made()).toBe(false);
  failing.mockRestore();
  await user.click(screen.getByRole("button", { name: "Create the network" }));
  expect(await screen.findByRole("heading", { level: 1, name: "教室 30" }, SLOW)).toBeTruthy();
  expect(server.pool.tables.all("PIF").filter(([, pif]) => pif.VLAN === 30)).toHaveLength(3);
}, 60_000);

test("a network within each host needs no port", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/new/network", { hosts: 2, vms: 4 });
  await user.type(await screen.findByRole("textbox", { name: /^Name/ }, SLOW), "lab{Enter}");
  await user.click(await screen.findByRole("radio", { name: /^Within each host/ }, SLOW));
  await user.click(screen.getByRole("button", { name: "Next" }));
  expect(within(await screen.findByRole("main")).getByText("haven network create lab")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Create the network" }));
  await waitFor(() => expect(server.pool.tables.all("network").find(([, network]) => network.name_label === "lab")?.[1].PIFs).toEqual([]), SLOW);
}, 60_000);
