// W3, W5: what hosts, storage and the pool are called, how a host is switched off, and which storage it has.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { fixed } from "@/mock/data";
import { entriesOf } from "@/screens/host/PowerControl";
import { ownName } from "@/ui/names";
import { loadTexts } from "@/i18n/language";
import { renderConsole } from "./render";

afterEach(cleanup);
const SOON = { timeout: 15_000 };
const HOST = fixed(1, 2);

test("W3: a host gets another name, and a power control that is tried from every other host", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/host/${HOST}/settings`, { hosts: 3, vms: 1 });
  const { tables } = server.pool;
  const row = (): ReturnType<typeof tables.all<"host">>[number][1] | undefined => tables.all("host").find(([, host]) => host.uuid === HOST)?.[1];
  const name = await screen.findByLabelText(/^Name/, {}, SOON);
  expect(screen.getByRole("button", { name: "Save" }).getAttribute("aria-disabled")).toBe("true");
  await user.clear(name);
  await user.type(name, "机房二");
  await user.type(screen.getByLabelText("Tags"), "rack1, 一楼");
  expect(screen.getByText(`xe host-param-set uuid=${HOST} name-label=机房二 tags='rack1, 一楼'`)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(row()?.name_label).toBe("机房二"), SOON);
  expect(row()?.tags).toEqual(["rack1", "一楼"]);
  expect(screen.getByRole("button", { name: "Test: ask the device" }).getAttribute("aria-disabled")).toBe("true");
  await user.click(screen.getByRole("button", { name: "Set up" }));
  await user.type(screen.getByLabelText(/Address of the device/), "192.0.2.12");
  await user.type(screen.getByLabelText("Password at the device"), "secret");
  await user.type(screen.getByLabelText("More for the agent"), "lanplus");
  expect(screen.getAllByText("Each word must be name=value.").length).toBeGreaterThan(0);
  await user.type(screen.getByLabelText("More for the agent"), "=1");
  expect(document.querySelector(".hv-cli pre")?.textContent).not.toContain("secret");
  await user.click(within(screen.getByLabelText("More for the agent").closest("form") as HTMLElement).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(row()?.power_on_mode).toBe("fence_ipmilan"), SOON);
  expect(row()?.power_on_config).toMatchObject({ ip: "192.0.2.12", lanplus: "1", after_fencing: "switch_on" });
  await user.click(await screen.findByRole("button", { name: "Test: ask the device" }));
  const table = await screen.findByRole("table", { name: "Test: ask the device" }, SOON);
  expect(within(table).getAllByText("switched on")).toHaveLength(2);
}, 60_000);

test("W3: the storage of a host, and repairing what it does not reach", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/host/${HOST}/storage`, { hosts: 3, vms: 1 });
  const { tables } = server.pool;
  const mine = tables.all("PBD").find(([, pbd]) => tables.get("host", pbd.host)?.uuid === HOST && tables.get("SR", pbd.SR)?.name_label === "vms");
  expect(await screen.findByText("10.77.2.100:/export", {}, SOON)).toBeTruthy();
  tables.update("PBD", mine?.[0] ?? "", { currently_attached: false });
  await user.click(await screen.findByRole("button", { name: /vms.*host2|host2.*vms/ }, SOON));
  await waitFor(() => expect(tables.get("PBD", mine?.[0] ?? "")?.currently_attached).toBe(true), SOON);
});

test("the pool and its storage are renamed, and have a history", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/sr/${fixed(3, 1)}/settings`, { hosts: 2, vms: 1 });
  const name = await screen.findByLabelText(/^Name/, {}, SOON);
  await user.clear(name);
  expect(screen.getByRole("button", { name: "Save" }).getAttribute("aria-disabled")).toBe("true");
  await user.type(name, "课件");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(server.pool.tables.all("SR").some(([, sr]) => sr.name_label === "课件")).toBe(true), SOON);
});

test("names that Haven gave are in the language of the person; those of people stay", async () => {
  const { t } = await loadTexts("es");
  expect(ownName({ name_label: "Pool-wide network associated with eth0" }, t)).toBe("Red del puerto eth0");
  expect(ownName({ name_label: "Other install media", is_default_template: true }, t)).toBe("Otro medio de instalación");
  expect(ownName({ name_label: "Other install media", is_default_template: false }, t)).toBe("Other install media");
  expect(ownName({ name_label: "干净系统" }, t)).toBe("干净系统");
});

test("what an agent is told besides is entries, or nothing", () => {
  expect(entriesOf(" lanplus=1  cipher=3 ")).toEqual({ lanplus: "1", cipher: "3" });
  expect(entriesOf("")).toEqual({});
  expect(entriesOf("lanplus")).toBeUndefined();
});
