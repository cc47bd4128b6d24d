// The tree's orders: by host, by folder, by tag; and how a machine gets into one.
import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test } from "vitest";
import { fixed } from "@/mock/data";
import { renderConsole } from "./render";

afterEach(() => {
  cleanup();
  localStorage.clear();
});

const WEB1 = `/vm/${fixed(4, 0)}`;
const SLOW = { timeout: 20_000 };

const line = (name: RegExp): Promise<HTMLElement> => screen.findByRole("treeitem", { name }, SLOW);

async function drag(vm: RegExp, onto: RegExp): Promise<void> {
  const data = new Map<string, string>();
  const dataTransfer = { setData: (type: string, text: string) => data.set(type, text), getData: (type: string) => data.get(type) ?? "", get types() { return [...data.keys()]; } };
  fireEvent.dragStart((await screen.findAllByRole("treeitem", { name: vm }, SLOW))[0] as HTMLElement, { dataTransfer });
  fireEvent.dragOver(await line(onto), { dataTransfer });
  fireEvent.drop(await line(onto), { dataTransfer });
}

test("by folder: a machine is dropped into a folder, and taken out again", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1, { hosts: 3, vms: 8, isArmed: true });
  const folder = (): string | undefined => server.pool.tables.get("VM", `OpaqueRef:${fixed(4, 0)}`)?.other_config["folder"];
  await user.click(await screen.findByRole("button", { name: "Folders" }, SLOW));
  const lines = async (): Promise<string[]> => (await screen.findAllByRole("treeitem", {}, SLOW)).map((each) => `${each.getAttribute("aria-level") ?? ""} ${each.title}`);
  await waitFor(async () => expect((await lines()).slice(0, 5)).toEqual(["1 School", "2 exams", "3 git8: running", "3 教室6: off", "2 school"]), SLOW);
  await drag(/^web1 /, /^exams/);
  await waitFor(() => expect(folder()).toBe("/exams"), SLOW);
  await waitFor(async () => expect((await lines()).slice(1, 5)).toEqual(["2 exams", "3 git8: running", "3 web1: running", "3 教室6: off"]), SLOW);
  await drag(/^web1 /, /^In no folder/);
  await waitFor(() => expect(folder()).toBeUndefined(), SLOW);
  // What was chosen is so the next time.
  expect(localStorage.getItem("haven.tree")).toBe("folders");
}, 60_000);

test("by tag: a machine stands under each of its tags, and gets the one that it is dropped onto", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1, { hosts: 3, vms: 8, isArmed: true });
  const tags = (vm: number): readonly string[] | undefined => server.pool.tables.get("VM", `OpaqueRef:${fixed(4, vm)}`)?.tags;
  await user.click(await screen.findByRole("button", { name: "Tags" }, SLOW));
  await waitFor(() => expect(screen.getAllByRole("treeitem", { name: /^web1 / })).toHaveLength(2), SLOW);
  await drag(/^教室6/, /^critical/);
  await waitFor(() => expect(tags(5)).toEqual(["critical"]), SLOW);
  await drag(/^web1 /, /^critical/);
  expect(tags(0)).toEqual(["critical", "网站"]);
}, 60_000);

test("without a mouse: machines are filed and marked by actions, with their lines of the command line", async () => {
  const user = userEvent.setup();
  const { server } = await renderConsole(WEB1, { hosts: 3, vms: 8, isArmed: true });
  const row = (): { tags: readonly string[]; other_config: Record<string, string> } | undefined => server.pool.tables.get("VM", `OpaqueRef:${fixed(4, 0)}`);
  const act = async (name: RegExp): Promise<HTMLElement> => {
    await user.click((await screen.findAllByRole("button", { name: "Actions" }, SLOW))[0] as HTMLElement);
    await user.click(await screen.findByRole("menuitem", { name }, SLOW));
    return screen.findByRole("dialog", {}, SLOW);
  };
  const filing = await act(/^File in a folder/);
  const field = within(filing).getByRole("combobox", { name: "Folder" });
  expect((field as HTMLInputElement).value).toBe("/school/web");
  expect(within(filing).getByText(/lies there already/)).toBeTruthy();
  await user.clear(field);
  await user.type(field, "考试/二月");
  expect(within(filing).getByText("haven vm set web1 --folder /考试/二月")).toBeTruthy();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(row()?.other_config["folder"]).toBe("/考试/二月"), SLOW);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), SLOW);
  const marking = await act(/^Add tags/);
  await user.type(within(marking).getByRole("combobox", { name: "Tags" }), "critical, exams");
  expect(within(marking).getByText("haven vm set web1 --tag critical --tag 网站 --tag exams")).toBeTruthy();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(row()?.tags).toEqual(["critical", "网站", "exams"]), SLOW);
}, 60_000);
