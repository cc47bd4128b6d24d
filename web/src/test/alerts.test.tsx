// Alerts in the words of the person.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { ApiError } from "@/api/errors";
import { I18nProvider } from "@/i18n";
import { loadTexts, saidBy, saidIn } from "@/i18n/language";
import { groupsOf } from "@/screens/alerts/groups";
import { partBody } from "@/screens/alerts/words";
import { ErrorView } from "@/ui/ErrorView";
import { renderConsole, renderWith } from "./render";

afterEach(cleanup);

test("a body is parted into its sentence and its data", () => {
  expect(partBody('The host failed. {"vms":3}')).toEqual({ text: "The host failed.", data: { vms: 3 } });
  expect(partBody("{odd} but no data")).toEqual({ text: "{odd} but no data", data: {} });
  expect(partBody("<value>1</value>")).toEqual({ text: "<value>1</value>", data: {} });
});

test("what the planner says is read in the language of the person", async () => {
  const text = { en: "512 MiB short", es: "faltan 512 MiB", "zh-CN": "缺少 512 MiB" };
  expect(saidIn({ text }, "es")).toBe("faltan 512 MiB");
  expect(saidIn({ text: { en: "short" } }, "es")).toBe("short");
  expect(saidIn({ text: "short" }, "en")).toBe("");
  expect(saidBy("{odd} name", "en")).toBeUndefined();
  const { server } = await renderConsole("/alerts", { hosts: 2, vms: 4, isArmed: true }, "zh-CN");
  const body = `starting big: 512 MiB short ${JSON.stringify({ case: "forced", text })}`;
  const alert = { priority: 2, cls: "Pool" as const, obj_uuid: "", timestamp: "20260102T03:04:05Z" };
  server.pool.tables.insert("message", { ...alert, name: "HA_POOL_OVERCOMMITTED", body });
  expect(await screen.findByText(/缺少 512 MiB/)).toBeTruthy();
  expect(screen.queryByText(/starting big/)).toBeNull();
});

test("a refusal is explained in the language of the person", async () => {
  const refusal = new ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", ["short", '{"text":{"en":"short","es":"faltan 512 MiB"}}']);
  const es = await loadTexts("es");
  render(
    <QueryClientProvider client={new QueryClient()}>
      <I18nProvider initial={es}>
        <ErrorView error={refusal} />
      </I18nProvider>
    </QueryClientProvider>,
  );
  expect(screen.getByText("faltan 512 MiB")).toBeTruthy();
  expect(screen.queryByText(/short/)).toBeNull();
});

test("what happened is said in the language of the person, from name and data", async () => {
  const { server } = await renderConsole("/alerts", { hosts: 2, vms: 4, isArmed: true }, "zh-CN");
  const alert = { priority: 2, cls: "VM" as const, obj_uuid: "", timestamp: "20260102T03:04:05Z" };
  const failed = { case: "failed", error: ["HOST_NOT_ENOUGH_FREE_MEMORY", "1", "2"] };
  server.pool.tables.insert("message", { ...alert, name: "HA_PROTECTED_VM_RESTART_FAILED", body: `The VM could not be restarted. ${JSON.stringify(failed)}` });
  server.pool.tables.insert("message", { ...alert, name: "VM_SHUTDOWN", body: 'The guest stopped by itself. {"case":"by_itself"}' });
  server.pool.tables.insert("message", { ...alert, name: "HA_HOST_FAILED", body: 'An old sentence. {"silent_ms":1,"put_out_ms":2,"dead_ms":3}' });
  server.pool.tables.insert("message", { ...alert, name: "HA_STATEFILE_LOST", body: 'The heartbeat volume did not answer. {"alarm":"The heartbeat volume did not answer."}' });
  server.pool.tables.insert("message", { ...alert, name: "HA_STATEFILE_LOST", body: 'Statefile 1 does not answer. {"case":"lost_statefile","statefile":"vms"}' });
  server.pool.tables.insert("message", { ...alert, name: "VM_STARTED", priority: 5, body: `VM 'a{"b' started on host: host1 (uuid: 1) ${JSON.stringify({ vm: 'a{"b', host: "host1" })}` });
  expect(await screen.findByText("它位于 vms。其余心跳卷继续工作；再失去一个就会有影响。")).toBeTruthy();
  expect(await screen.findByText("位于 host1。")).toBeTruthy();
  const flapping = { case: "quarantined", host: "host2" };
  server.pool.tables.insert("message", { ...alert, name: "HA_HEARTBEAT_APPROACHING_TIMEOUT", body: `Slot 1 was put out three times in an hour: quarantined. ${JSON.stringify(flapping)}` });
  expect(await screen.findByText(/haven host enable host2/), "the remedy is the very command").toBeTruthy();
  // A38: after a failure it was restarted, not moved.
  const restarted = { case: "failover", vm: "web1", host: "host2" };
  server.pool.tables.insert("message", { ...alert, name: "VM_STARTED", priority: 5, body: `VM 'web1' restarted by high availability ${JSON.stringify(restarted)}` });
  expect(await screen.findByText("保护功能重新启动了虚拟机")).toBeTruthy();
  expect(await screen.findByText("位于 host2。这不是迁移：虚拟机重新引导。")).toBeTruthy();
  expect(await screen.findByText("An old sentence.")).toBeTruthy();
  expect(await screen.findByText(/其上有 3 台虚拟机。.*6.2 秒后可以确定/)).toBeTruthy();
  expect(await screen.findByText("客户系统自行关机")).toBeTruthy();
  expect(screen.queryByText(/could not be restarted|stopped by itself|restarted as protected/)).toBeNull();
  // A sentence that only the guard has is shown as it is, and said to be English.
  expect(screen.getByText(/heartbeat volume did not answer/).getAttribute("lang")).toBe("en");
});

const SOON = { timeout: 15_000 };
const flap = (second: number): object => ({ priority: 2, cls: "Host", obj_uuid: "h1", name: "HA_STATEFILE_LOST", timestamp: `20260102T03:04:${String(second).padStart(2, "0")}Z`, body: 'It does not answer. {"case":"silent_statefile"}' });

test("W16: what says the same of the same object is one group, the newest first", () => {
  const other = { ...flap(30), body: 'Another. {"case":"lost_statefile"}' };
  const alerts = [flap(1), flap(59), other, flap(20)].map((alert, index) => ({ ...alert, $ref: `OpaqueRef:${index}` })) as unknown as Parameters<typeof groupsOf>[0];
  const kinds = groupsOf(alerts, "kind");
  expect(kinds.map((group) => group.alerts.map((alert) => alert.$ref.slice(-1)).join(""))).toEqual(["130", "2"]);
  expect(kinds[0]?.since).toBe(Date.UTC(2026, 0, 2, 3, 4, 1));
  expect(groupsOf(alerts, "object").map((group) => group.alerts.length)).toEqual([4]);
  expect(groupsOf(alerts, "each")).toHaveLength(4);
});

test("W16: alerts are folded, filtered by what stands in the address, and cleared together", async () => {
  const user = userEvent.setup();
  const { server, container } = await renderConsole("/alerts?severity=danger&of=Host", { hosts: 2, vms: 4 });
  const { tables } = server.pool;
  for (let second = 0; second < 40; second += 1) tables.insert("message", flap(second) as never);
  tables.insert("message", { ...flap(50), cls: "VM", obj_uuid: "v1", name: "VM_CRASHED", body: "" } as never);
  tables.insert("message", { ...flap(50), priority: 5, name: "VM_STARTED", body: "" } as never);
  const group = await waitFor(() => {
    const found = container.querySelector<HTMLElement>("[data-count='40']");
    if (found === null) throw new Error("not folded yet");
    return found;
  }, SOON);
  expect(container.querySelectorAll(".hv-alert-group")).toHaveLength(1);
  expect(within(group).getByText("40 times")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "All 41" }));
  expect(window.location.search).toBe("?of=Host");
  await waitFor(() => expect(container.querySelectorAll(".hv-alert-group")).toHaveLength(2), SOON);
  await user.selectOptions(screen.getByLabelText("What they are about"), "Machines");
  fireEvent.change(screen.getByRole("textbox", { name: "Filter" }), { target: { value: "crash" } });
  await waitFor(() => expect(window.location.search).toBe("?of=VM&q=crash"), SOON);
  expect(container.querySelectorAll(".hv-alert-group")).toHaveLength(1);
  await user.selectOptions(screen.getByLabelText("What they are about"), "Hosts");
  expect(await screen.findByText("Nothing fits these filters. Take one away.", {}, SOON)).toBeTruthy();
  fireEvent.change(screen.getByRole("textbox", { name: "Filter" }), { target: { value: "" } });
  const boxes = await screen.findAllByRole("checkbox", {}, SOON);
  await user.click(boxes.find((box) => box.getAttribute("aria-label")?.includes("storage")) as HTMLElement);
  await user.click(screen.getByRole("button", { name: "Clear the 40 chosen" }));
  await user.click(within(await screen.findByRole("dialog", {}, SOON)).getByRole("button", { name: "Clear" }));
  await waitFor(() => expect(tables.all("message")).toHaveLength(2), SOON);
}, 40_000);

test("W16 and W1: filters, time zone and language follow the person to another browser", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/alerts?severity=danger&of=Host", { hosts: 2, vms: 4 });
  server.pool.tables.insert("message", { ...flap(1), timestamp: "20260102T23:04:05Z" } as never);
  await user.click(await screen.findByRole("button", { name: "Save this filter" }, SOON));
  await user.type(screen.getByRole("textbox", { name: "Name of the filter" }), "干净 hosts");
  expect(screen.getByText(/^xe pool-param-set uuid=\S+ 'gui-config:haven_user\/root=\{"alert_filters":/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  const link = await screen.findByRole("link", { name: "干净 hosts" }, SOON);
  expect(link.getAttribute("href")).toBe("/ui/alerts?severity=danger&of=Host");
  // The time zone is the pool's from now on.
  await user.click(screen.getByRole("button", { name: "Language" }));
  await user.click(await screen.findByRole("menuitem", { name: /Time zone/ }, SOON));
  const dialog = await screen.findByRole("dialog", {}, SOON);
  await user.selectOptions(within(dialog).getByRole("combobox"), "That of the pool (Asia/Shanghai)");
  await user.click(within(dialog).getByRole("button", { name: "Use this time zone" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), SOON);
  await waitFor(() => expect(document.querySelector("time[title^='Jan 3, 2026']")).toBeTruthy(), SOON);
  await user.click(screen.getByRole("button", { name: "Language" }));
  await user.click(await screen.findByRole("menuitem", { name: "Español" }, SOON));
  const kept = (): unknown => JSON.parse(server.pool.tables.all("pool")[0]?.[1].gui_config["haven_user/root"] ?? "{}");
  await waitFor(() => expect(kept()).toMatchObject({ time_zone: "Asia/Shanghai", language: "es" }), SOON);
  // Another browser knows nothing of it but what the pool says.
  cleanup();
  localStorage.clear();
  await renderWith(server, "/alerts");
  expect(await screen.findByRole("link", { name: "干净 hosts" }, SOON)).toBeTruthy();
  expect(await screen.findByRole("button", { name: "Idioma" }, SOON)).toBeTruthy();
  await waitFor(() => expect(document.querySelector("time[title^='3 ene 2026']")).toBeTruthy(), SOON);
  await user.click(screen.getByRole("button", { name: /干净 hosts/ }));
  await waitFor(() => expect(kept()).toEqual({ time_zone: "Asia/Shanghai", language: "es" }), SOON);
  localStorage.clear();
}, 60_000);
