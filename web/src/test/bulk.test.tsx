// Lists of thousands: chosen at once, treated by and by, failures told together.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { MockError } from "@/mock/methods";
import { renderConsole } from "./render";

afterEach(cleanup);

test("what is chosen in a list is treated in bulk, a few at a time, and failures are told together", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole("/pool/vms", { hosts: 2, vms: 60 });
  await waitFor(() => expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("61"), { timeout: 60_000 });
  let [running, most, asked] = [0, 0, 0];
  const call = server.pool.call.bind(server.pool);
  server.pool.call = async (name, params) => {
    if (name !== "Async.VM.pause") return call(name, params);
    asked += 1;
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    throw new MockError("VM_BAD_POWER_STATE", ["", "running", "halted"]);
  };
  await user.type(screen.getByLabelText("Filter"), "running");
  await waitFor(() => expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("51"));
  await user.click(screen.getByRole("checkbox", { name: "Select all" }));
  expect(await screen.findByText(/50 selected/)).toBeTruthy();
  const tools = screen.getByText(/50 selected/).parentElement as HTMLElement;
  await user.click(within(tools).getByRole("button", { name: "Actions" }));
  await user.click(await screen.findByRole("menuitem", { name: /^Pause/ }));
  expect(await screen.findByText(/Pause: 50 of 50 failed/, {}, { timeout: 60_000 })).toBeTruthy();
  expect(asked).toBe(50);
  expect(most).toBeLessThanOrEqual(16);
});
