// W1, W3 and the console of a host in Chromium: the pools that a free host finds, the hosts that a pool finds, and
// a login in a terminal.
import { expect } from "@playwright/test";
import { FRESH_PORT, ownBrowser, test } from "../mock";
import { axeComplaints, photograph, signIn, watch } from "../page";
import { HOST } from "../screens";

const PASSWORD = "haven-demo";
const FRESH = `http://127.0.0.1:${FRESH_PORT}`;

test("a host's console is a terminal under the policy of the daemon", async ({ page, baseURL }) => {
  const seen = watch(page, () => [baseURL ?? ""]);
  await page.goto(`/ui/host/${HOST}/console`);
  await signIn(page, PASSWORD);
  await page.getByRole("button", { name: "Open the console" }).click();
  const rows = page.locator(".hv-serial .xterm-rows");
  await expect(rows).toContainText("host1 login:");
  await page.keyboard.type("ana\n");
  await expect(rows).toContainText("HEARD ana");
  await photograph(page, "host-console-open");
  expect(await axeComplaints(page)).toEqual([]);
  expect([seen.errors, seen.foreign]).toEqual([[], []]);
});

test("hosts that were found are chosen several at once", async ({ page }) => {
  await page.goto("/ui/new/host");
  await signIn(page, PASSWORD);
  for (const host of ["host8", "host9"]) await page.getByRole("checkbox", { name: `Choose ${host}` }).check();
  await expect(page.locator("[data-waiting] form")).toHaveCount(2);
  await photograph(page, "add-host-chosen", { fullPage: true });
  expect(await axeComplaints(page)).toEqual([]);
});

ownBrowser("a host in no pool shows the pools of its network", async ({ page }) => {
  const seen = watch(page, () => [FRESH]);
  await page.goto(`${FRESH}/ui/#code=ABCD-EFGH`);
  await page.locator("#way-join").check();
  await page.getByRole("radio", { name: "School" }).check();
  await expect(page.getByRole("link", { name: "https://10.77.0.21/ui/new/host" })).toBeVisible();
  await page.locator("#join-token").fill(btoa(JSON.stringify({ address: "10.77.0.22", ca_sha256: "2ca0".repeat(16), secret: "s" })));
  await expect(page.getByText("This token is not of School").first()).toBeVisible();
  await photograph(page, "first-run-pools", { fullPage: true });
  expect(await axeComplaints(page)).toEqual([]);
  expect([seen.errors, seen.foreign]).toEqual([[], []]);
});
