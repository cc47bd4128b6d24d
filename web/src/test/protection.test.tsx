// W12 and W16: pauses, drills, and alerts that somebody takes on.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { LANGUAGES, loadTexts } from "@/i18n/language";
import { partBody } from "@/screens/alerts/words";
import { alertsOf } from "@/screens/availability/Catalogue";
import { parse } from "@/screens/help/markdown";
import { renderConsole } from "./render";

// One console at a time.
afterEach(cleanup);

const SOON = { timeout: 15_000 };

test("W12: a pause says why, to everybody, and can be ended", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/availability", { hosts: 3, vms: 4, isArmed: true });
  await user.click((await screen.findAllByText("Actions", {}, SOON))[0] as HTMLElement);
  await user.click(await screen.findByRole("menuitem", { name: /Pause protection/ }, SOON));
  const dialog = await screen.findByRole("dialog", {}, SOON);
  expect(within(dialog).getByRole("button", { name: "Pause" }).getAttribute("aria-disabled")).toBe("true");
  expect(within(dialog).getByText("Say why: the others see it.")).toBeTruthy();
  await user.click(within(dialog).getByRole("radio", { name: "1 hour" }));
  await user.type(within(dialog).getByRole("textbox"), "new switch");
  expect(within(dialog).getByText("haven ha pause 1h --reason 'new switch'")).toBeTruthy();
  await user.click(within(dialog).getByRole("button", { name: "Pause" }));
  expect(await screen.findByText("By root: new switch", {}, SOON)).toBeTruthy();
  expect(screen.getByText(/Protection pauses until/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "End the pause" }));
  await user.click(within(await screen.findByRole("dialog", {}, SOON)).getByRole("button", { name: "End the pause" }));
  await waitFor(() => expect(screen.queryByText(/Protection pauses until/)).toBeNull(), SOON);
  expect(server.pool.tables.all("pool")[0]?.[1].other_config["haven_restarts_prevented_by"]).toBeUndefined();
}, 60_000);

test("W12: a rehearsal stops nothing; a drill wants the name of the host, and its outcome stays", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/availability", { hosts: 3, vms: 3, isArmed: true });
  const { tables } = server.pool;
  for (const [vm] of tables.all("VM")) tables.update("VM", vm, { ha_restart_priority: "restart" });
  await waitFor(() => expect(screen.getAllByText("No drill yet: run one while nothing depends on it.")).toHaveLength(2), SOON);
  const open = async (): Promise<HTMLElement> => {
    await user.click(screen.getAllByText("Actions")[0] as HTMLElement);
    await user.click(await screen.findByRole("menuitem", { name: /Run drill/ }, SOON));
    return screen.findByRole("dialog", {}, SOON);
  };
  const rehearsal = await open();
  await user.click(within(rehearsal).getByRole("button", { name: "Rehearse" }));
  await waitFor(() => expect(document.querySelectorAll("[data-drill='passed']")).toHaveLength(2), SOON);
  const drill = await open();
  // The one that coordinates is not offered.
  expect(within(drill).queryByRole("radio", { name: /host1/ })).toBeNull();
  await user.click(within(drill).getByRole("radio", { name: "Put host2 out for real" }));
  const button = within(drill).getByRole("button", { name: "Put the host out" });
  expect(button.getAttribute("aria-disabled")).toBe("true");
  await user.type(within(drill).getByRole("textbox"), "host2");
  expect(within(drill).getByText("haven ha drill --host host2")).toBeTruthy();
  await user.click(button);
  await waitFor(() => expect(screen.getAllByText("A drill is under way: host2 was put out.")).toHaveLength(2), SOON);
  expect(await screen.findByText(/host2 was put out; \d+ protected machines? ran elsewhere/, {}, SOON)).toBeTruthy();
  expect(screen.getAllByText(/Last drill now — passed|Last drill .* ago — passed/)).toHaveLength(2);
}, 60_000);

test("W12: what if any two fail, and every path by itself", async () => {
  const user = userEvent.setup();
  await renderConsole("/pool/availability", { hosts: 4, vms: 4, isArmed: true });
  await user.click(await screen.findByText("Any 2 fail", {}, SOON));
  expect(await screen.findByText("Whichever 2 they are, all protected machines run again.", {}, SOON)).toBeTruthy();
  expect(window.location.search).toBe("?fails=any-2");
  await user.click(screen.getByText("Any 3 fail"));
  expect(await screen.findByText(/Not after the loss of any 3 hosts/, {}, SOON)).toBeTruthy();
  const heads = [...document.querySelectorAll(".hv-matrix thead th")].map((cell) => cell.textContent);
  expect(heads).toEqual(["Host", "State", "Network", "Storage", "Watchdog", "Power fencing", "May run machines by"]);
}, 60_000);

test("W16: an alert is taken on, with a note that everybody sees, and stays where it is", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/alerts?by=object", { hosts: 2, vms: 4 });
  const { tables } = server.pool;
  const alert = { priority: 2, cls: "Host" as const, obj_uuid: "h1", timestamp: "20260102T03:04:05Z" };
  tables.insert("message", { ...alert, name: "HA_STATEFILE_LOST", body: 'It does not answer. {"case":"silent_statefile"}' });
  tables.insert("message", { ...alert, name: "HA_HOST_FAILED", body: "" });
  await user.click(await screen.findByRole("button", { name: /^I deal with it/ }, SOON));
  const dialog = await screen.findByRole("dialog", {}, SOON);
  expect(within(dialog).getByText("Deal with 2 alerts?")).toBeTruthy();
  await user.type(within(dialog).getByRole("textbox"), "on my way");
  await user.click(within(dialog).getByRole("button", { name: "I deal with it" }));
  expect(await screen.findByText("on my way", {}, SOON)).toBeTruthy();
  expect(screen.getByText("root deals with it")).toBeTruthy();
  // By object they say different things: clearing them says how many, and what.
  await user.click(screen.getByRole("button", { name: /^Clear: / }));
  const question = await screen.findByRole("dialog", {}, SOON);
  expect(within(question).getByText("Clear 2 alerts?")).toBeTruthy();
  expect(within(question).getByText("No heartbeat storage answers")).toBeTruthy();
  expect(within(question).getByText("A host was lost; its protected machines are started elsewhere")).toBeTruthy();
  await user.click(within(question).getByRole("button", { name: "Cancel" }));
  expect(tables.all("message")).toHaveLength(2);
  await user.selectOptions(screen.getByLabelText("How they stand"), "Nobody deals with them");
  expect(await screen.findByText("Nothing fits these filters. Take one away.", {}, SOON)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save this filter" }));
  await user.type(screen.getByRole("textbox", { name: "Name of the filter" }), "untended{Enter}");
  expect((await screen.findByRole("link", { name: "untended" }, SOON)).getAttribute("href")).toContain("state=open");
  await user.selectOptions(screen.getByLabelText("How they stand"), "Somebody deals with them");
  await user.click(await screen.findByRole("button", { name: /^Give back/ }, SOON));
  await waitFor(() => expect(tables.all("message").every(([, row]) => partBody(row.body).acknowledged === undefined)).toBe(true), SOON);
}, 60_000);

test("W16: what is over is said to be, and a runbook helps", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/alerts", { hosts: 2, vms: 4, isArmed: true });
  const { tables } = server.pool;
  for (const [ref] of tables.all("message")) tables.remove("message", ref);
  const [vm] = tables.all("VM").find(([, row]) => row.power_state === "Running") ?? [""];
  const uuid = tables.get("VM", vm)?.uuid ?? "";
  tables.insert("message", { priority: 2, cls: "VM", obj_uuid: uuid, name: "HA_PROTECTED_VM_RESTART_FAILED", body: "", timestamp: "20260102T03:04:05Z" });
  const line = (): HTMLElement => {
    const found = document.querySelector<HTMLElement>("[data-alert='HA_PROTECTED_VM_RESTART_FAILED']");
    if (found === null) throw new Error("not there yet");
    return found;
  };
  await waitFor(() => expect(within(line()).getByText("Over")).toBeTruthy(), SOON);
  tables.update("VM", vm, { power_state: "Halted" });
  await waitFor(() => expect(within(line()).queryByText("Over")).toBeNull(), SOON);
  tables.insert("message", { priority: 2, cls: "Host", obj_uuid: "x", name: "HA_HOST_FAILED", body: "", timestamp: "20260102T03:04:05Z" });
  await user.click(await screen.findByRole("link", { name: "Help me" }, SOON));
  expect(await screen.findByRole("heading", { level: 1, name: "A host is dead" }, SOON)).toBeTruthy();
  expect(screen.getByText("With HA on, do nothing at first.")).toBeTruthy();
}, 60_000);

test("a body may be markup with a comment behind it, and runbooks are read", () => {
  const noted = partBody('<v>1</v> <!-- {"acknowledged":{"by":"ana","at_ms":1,"note":""}} -->');
  expect(noted).toEqual({ text: "<v>1</v>", data: {}, acknowledged: { by: "ana", at_ms: 1, note: "" } });
  expect(parse("# T\n\nOne\ntwo\n\n1. a\n   b\n2. c\n\n## H\n```\ncode\n```\n")).toEqual([
    { kind: "text", text: "One two" },
    { kind: "steps", items: ["a b", "c"] },
    { kind: "heading", text: "H" },
    { kind: "code", text: "code" },
  ]);
});

test("W13: every host is asked beforehand; one without a watchdog is accepted in as many words, and a second network carries heartbeats", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/protect", { hosts: 3, vms: 3 });
  const { tables } = server.pool;
  expect(await screen.findByText("What each host says", {}, SOON)).toBeTruthy();
  await waitFor(() => expect(document.querySelectorAll("[data-check='watchdog'][data-state='good']")).toHaveLength(3), SOON);
  expect(screen.getByText("haven ha check")).toBeTruthy();
  expect(document.querySelector("[data-check='paths']")?.getAttribute("data-state")).toBe("warning");
  server.bare.add("host2");
  const network = tables.insert("network", { uuid: "0000000a-0000-4000-8000-000000000009", name_label: "storage", bridge: "br2", VIFs: [], PIFs: [], tags: [], other_config: {} });
  for (const [host] of tables.all("host")) tables.insert("PIF", { host, network, device: "eth1", IP: "10.9.0.1", management: false, ip_configuration_mode: "Static", VLAN: -1 });
  await user.click(screen.getByRole("button", { name: "Ask again" }));
  await user.click(await screen.findByRole("checkbox", { name: "Go on without a watchdog on host2" }, SOON));
  expect(screen.getByText(/may write to disks of machines/)).toBeTruthy();
  expect(document.querySelector("[data-check='paths']")?.getAttribute("data-state")).toBe("good");
  const next = (): HTMLElement => document.querySelector("form button[type=submit]") as HTMLElement;
  await user.click(next());
  expect(((await screen.findByRole("checkbox", { name: /^storage/ }, SOON)) as HTMLInputElement).checked).toBe(true);
  for (let step = 0; step < 2; step += 1) await user.click(next());
  expect(screen.getByText(/--heartbeat-network storage --without-watchdog/)).toBeTruthy();
  await user.click(next());
  await waitFor(() => expect(tables.all("pool")[0]?.[1].ha_configuration).toEqual({ profile: "default", heartbeat_networks: "0000000a-0000-4000-8000-000000000009", watchdog: "none" }), SOON);
}, 60_000);

test("W12: what each message means stands beside the page, in words of its own in every language", async () => {
  for (const language of LANGUAGES) {
    const told = alertsOf(await loadTexts(language));
    const titles = told.flatMap(({ title, cases }) => [title, ...cases.map((each) => each.title)]);
    expect(titles.length).toBeGreaterThan(25);
    expect(titles.filter((title) => /^alert-|[A-Z]_[A-Z]|\{\$/.test(title)), language).toEqual([]);
  }
  const user = userEvent.setup();
  await renderConsole("/pool/availability", { hosts: 2, vms: 2, isArmed: true });
  await user.click(await screen.findByRole("button", { name: "What the messages mean" }, SOON));
  const list = await screen.findByRole("complementary", { name: "Messages of protection" }, SOON);
  expect(within(list).getByText("No heartbeat storage answers")).toBeTruthy();
  expect(list.textContent).toContain("Mend the storage before the network fails as well.");
  // One waits in the mock pool.
  const waits = list.querySelector("[data-message=HA_STATEFILE_LOST]") as HTMLElement;
  expect((await within(waits).findByRole("link", { name: "One waits now" }, SOON)).getAttribute("href")).toContain("q=HA_STATEFILE_LOST");
  // Found by the code of a refusal.
  await user.type(within(list).getByRole("textbox"), "ha_no_plan");
  await waitFor(() => expect(list.querySelectorAll("[data-message]")).toHaveLength(1), SOON);
}, 60_000);
