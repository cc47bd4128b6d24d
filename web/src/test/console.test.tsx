// The frame of the console against the mock pool.
import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { joinHost } from "@/mock/data";
import { MOCK_CODE, MOCK_PASSWORD, MockServer } from "@/mock/server";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);

test("a wrong password says what to do, the right one leads to the address that was meant", async () => {
  const user = userEvent.setup();
  await renderWith(new MockServer({ hosts: 2, vms: 4 }), "/pool/hosts");
  await user.type(await screen.findByLabelText(/Password/), "wrong{Enter}");
  expect(await screen.findByText(/Check both/)).toBeTruthy();
  await user.clear(screen.getByLabelText(/Password/));
  await user.type(screen.getByLabelText(/Password/), `${MOCK_PASSWORD}{Enter}`);
  expect(await screen.findByRole("link", { name: "host2" })).toBeTruthy();
});

test("the first run founds a pool and signs in", async () => {
  const user = userEvent.setup();
  const server = new MockServer({ hosts: 1, vms: 0, isFresh: true });
  await renderWith(server);
  await user.type(await screen.findByLabelText(/Setup code/), MOCK_CODE);
  await user.type(screen.getByLabelText(/Name of the pool/), "干净系统");
  await user.type(screen.getByLabelText(/Password for/), MOCK_PASSWORD);
  await user.type(screen.getByLabelText(/password again/), MOCK_PASSWORD);
  await user.click(screen.getByRole("button", { name: "Create the pool" }));
  expect(await screen.findByRole("heading", { name: "干净系统" })).toBeTruthy();
});

test("of three thousand machines only those in sight are drawn, and a filter finds one at once", async () => {
  const user = userEvent.setup();
  await renderConsole("/pool/vms", { hosts: 4, vms: 3000 });
  await screen.findByRole("table", { name: "Machines" }, { timeout: 10_000 });
  await waitFor(() => expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("3001"));
  expect(screen.getAllByRole("row").length).toBeLessThan(80);
  await user.type(screen.getByLabelText("Filter"), "git2988");
  await waitFor(() => expect(screen.getAllByRole("row")).toHaveLength(2));
  expect(screen.getByRole("link", { name: "git2988" })).toBeTruthy();
});

test("a change in the pool is seen without asking", async () => {
  const { server } = await renderConsole("/pool/hosts");
  await screen.findByRole("link", { name: "host3" });
  const [[ref]] = server.pool.tables.all("host") as [[string, unknown]];
  server.pool.tables.update("host", ref, { name_label: "renamed" });
  expect(await screen.findByRole("link", { name: "renamed" })).toBeTruthy();
});

test("a session that ended asks again and keeps the page", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/vms");
  const filter = await screen.findByLabelText("Filter");
  await user.type(filter, "web");
  server.expire();
  const [[ref]] = server.pool.tables.all("host") as [[string, unknown]];
  server.pool.tables.update("host", ref, { name_label: "x" });
  await user.type(await screen.findByLabelText(/Password/, {}, { timeout: 5000 }), `${MOCK_PASSWORD}{Enter}`);
  await waitFor(() => expect(screen.queryByText(/Everything on the page/)).toBeNull());
  expect((screen.getByLabelText("Filter") as HTMLInputElement).value).toBe("web");
});

test("the palette finds an object and goes there by keys alone", async () => {
  const user = userEvent.setup();
  await renderConsole();
  await screen.findByRole("heading", { name: "School" });
  await user.keyboard("{Control>}k{/Control}");
  await user.type(await screen.findByRole("combobox"), "host2{Enter}");
  expect(await screen.findByRole("heading", { name: "host2" })).toBeTruthy();
});

test("a tab is a link that leads to its part of the page", async () => {
  const user = userEvent.setup();
  await renderConsole("/", { hosts: 2, vms: 2 });
  await user.click(await screen.findByRole("tab", { name: "Hosts" }, { timeout: 10_000 }));
  expect(await screen.findByRole("link", { name: "host2" })).toBeTruthy();
  expect(window.location.pathname).toBe("/ui/pool/hosts");
});

test("hosts are looked at by their addresses, several at once, and are seen to arrive", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/new/host", { hosts: 1, vms: 0 });
  const field = await screen.findByRole("textbox", { name: "Addresses of the new hosts" });
  await user.type(field, "10.77.0.8, not/one");
  expect(await screen.findByText("not/one is no address.")).toBeTruthy();
  await user.clear(field);
  await user.type(field, "10.77.0.8 node3.example:8443{Enter}");
  await waitFor(() => expect(container.querySelectorAll("[data-address]")).toHaveLength(2));
  // One answers, with a fingerprint to compare; the other does not.
  expect(await screen.findByText(/^8c1f8c1f /)).toBeTruthy();
  expect(await screen.findByText(/does not answer there/)).toBeTruthy();
  joinHost(server.pool.tables, 8);
  expect(await screen.findByText("in the pool")).toBeTruthy();
});

test("a first run to which a pool led is a joining one, with the token in its place", async () => {
  const server = new MockServer({ hosts: 1, vms: 0, isFresh: true });
  await renderWith(server, "/#join=a%2Btoken");
  expect(((await screen.findByLabelText(/Join token/)) as HTMLInputElement).value).toBe("a+token");
});

test("a first run shows the pools of its network, says where each gives a token, and warns of a token of another", async () => {
  const user = userEvent.setup();
  const server = new MockServer({ hosts: 1, vms: 0, isFresh: true });
  await renderWith(server);
  await user.click(await screen.findByRole("radio", { name: "Join a pool" }));
  expect(screen.getByText("Type the setup code first.")).toBeTruthy();
  await user.type(screen.getByLabelText(/Setup code/), MOCK_CODE);
  await user.click(await screen.findByRole("radio", { name: "干净的机房" }));
  expect(screen.getByRole("link", { name: "https://10.77.0.22/ui/new/host" })).toBeTruthy();
  const token = (ca: string): string => btoa(JSON.stringify({ address: "10.77.0.22", ca_sha256: ca, secret: "s" }));
  const field = screen.getByLabelText(/Join token/);
  fireEvent.change(field, { target: { value: token("1ca0".repeat(16)) } });
  expect(await screen.findByText(/names another certificate/)).toBeTruthy();
  const join = screen.getByRole("button", { name: "Join the pool" });
  expect(join.getAttribute("aria-disabled")).toBe("true");
  fireEvent.change(field, { target: { value: token("2ca0".repeat(16)) } });
  await waitFor(() => expect(screen.queryByText(/names another certificate/)).toBeNull());
  expect(join.getAttribute("aria-disabled")).not.toBe("true");
  // Whoever knows better goes on with the token alone.
  fireEvent.change(field, { target: { value: token("1ca0".repeat(16)) } });
  await user.click(await screen.findByRole("button", { name: /Forget what I picked/ }));
  expect(join.getAttribute("aria-disabled")).not.toBe("true");
});

test("another language takes the place of all texts", async () => {
  await renderConsole("/pool/hosts", { hosts: 2, vms: 2 }, "zh-CN");
  expect(await screen.findByRole("tab", { name: "主机" })).toBeTruthy();
});
