// Alerts in the words of the person.
import { cleanup, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { partBody } from "@/screens/alerts/words";
import { renderConsole } from "./render";

afterEach(cleanup);

test("a body is parted into its sentence and its data", () => {
  expect(partBody('The host failed. {"vms":3}')).toEqual({ text: "The host failed.", data: { vms: 3 } });
  expect(partBody("{odd} but no data")).toEqual({ text: "{odd} but no data", data: {} });
  expect(partBody("<value>1</value>")).toEqual({ text: "<value>1</value>", data: {} });
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
