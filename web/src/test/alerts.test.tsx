// Alerts in the words of the person.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { ApiError } from "@/api/errors";
import { I18nProvider } from "@/i18n";
import { loadTexts, saidBy, saidIn } from "@/i18n/language";
import { partBody } from "@/screens/alerts/words";
import { ErrorView } from "@/ui/ErrorView";
import { renderConsole } from "./render";

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
  expect(await screen.findByText("An old sentence.")).toBeTruthy();
  expect(await screen.findByText(/其上有 3 台虚拟机。.*6.2 秒后可以确定/)).toBeTruthy();
  expect(await screen.findByText("客户系统自行关机")).toBeTruthy();
  expect(screen.queryByText(/could not be restarted|stopped by itself|restarted as protected/)).toBeNull();
  // A sentence that only the guard has is shown as it is, and said to be English.
  expect(screen.getByText(/heartbeat volume did not answer/).getAttribute("lang")).toBe("en");
});
