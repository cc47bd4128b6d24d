// W10 against the mock pool.
import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import type { Records } from "@/generated/xenapi";
import { fixed } from "@/mock/data";
import { linesOf } from "@/screens/snapshots/tree";
import type { Item } from "@/store/hooks";
import { renderConsole } from "./render";

afterEach(cleanup);

const VM = `OpaqueRef:${fixed(4, 0)}`;
const SLOW = { timeout: 20_000 };

function row(ref: string, parent: string, second: number): Item<"VM"> {
  const time = `20260102T03:04:${String(second).padStart(2, "0")}Z`;
  return { $ref: ref, name_label: ref, parent, snapshot_time: time } as Partial<Records["VM"]> as Item<"VM">;
}

test("the line to the present stays straight, branches stand aside, and what lost its parent begins anew", () => {
  const snapshots = [row("d", "b", 4), row("a", "NULL", 1), row("b", "a", 2), row("c", "a", 3), row("e", "gone", 5)];
  const lines = linesOf(row("vm", "c", 0), snapshots);
  expect(lines.map(({ snapshot, depth, after }) => [snapshot?.$ref ?? "now", depth, after ?? ""])).toEqual([
    ["e", 0, ""],
    ["a", 0, ""],
    ["b", 1, ""],
    ["d", 1, ""],
    ["c", 0, "a"],
    ["now", 0, ""],
  ]);
});

test("W10: a snapshot is taken with notes, gone back to with one of now before, and deleted by its name", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(`/vm/${fixed(4, 0)}/snapshots`, { hosts: 2, vms: 3 });
  const { tables } = server.pool;
  const names = (): string[] => (tables.get("VM", VM)?.snapshots ?? []).map((ref) => tables.get("VM", ref)?.name_label ?? "");
  expect(await screen.findByText("No snapshots", {}, SLOW)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Take a snapshot" }));
  const taking = await screen.findByRole("dialog");
  const name = within(taking).getByRole("textbox", { name: /^Name/ });
  await user.clear(name);
  await user.type(name, "good");
  await user.type(within(taking).getByRole("textbox", { name: "Notes" }), "before the lesson");
  await user.click(within(taking).getByRole("checkbox", { name: "With the memory" }));
  expect(within(taking).getByText(/^xe vm-checkpoint vm=web1 new-name-label=good/)).toBeTruthy();
  await user.click(within(taking).getByRole("button", { name: "Take a snapshot" }));
  expect(await screen.findByText("You are here", {}, SLOW)).toBeTruthy();
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), SLOW);
  expect(await screen.findByText("before the lesson", {}, SLOW)).toBeTruthy();

  await user.click(screen.getByRole("button", { name: "Go back: good" }));
  const going = await screen.findByRole("dialog");
  await user.click(within(going).getByRole("button", { name: "Go back" }));
  await waitFor(() => expect(tables.get("VM", VM)?.power_state).toBe("Suspended"), SLOW);
  expect(names()).toEqual(["good", "Before going back to good"]);

  await user.click(await screen.findByRole("button", { name: "Delete: good" }, SLOW));
  const deleting = await screen.findByRole("dialog");
  const button = within(deleting).getByRole("button", { name: "Delete" });
  expect(button.getAttribute("aria-disabled")).toBe("true");
  await user.type(within(deleting).getByRole("textbox"), "good");
  await user.click(button);
  await waitFor(() => expect(names()).toEqual(["Before going back to good"]), SLOW);
  // The disk of the snapshot went with it; the machine's own stayed.
  await waitFor(() => expect(tables.all("VDI").filter(([, vdi]) => vdi.is_a_snapshot)).toHaveLength(1), SLOW);
  expect(tables.get("VDI", tables.get("VBD", tables.get("VM", VM)?.VBDs[0] ?? "")?.VDI ?? "")).toBeTruthy();
});
