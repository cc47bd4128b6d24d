// Every screen against the mock pool, light and dark: axe, console, origins, pictures.
// The daemon's policy is in force.
import { expect } from "@playwright/test";
import { test } from "../mock";
import { axeComplaints, photograph, signIn, watch } from "../page";
import { SCREENS, VM } from "../screens";

const PASSWORD = "haven-demo";
const NARROW_PX = 375;

for (const screen of SCREENS) {
  test(screen.name, async ({ page, baseURL }) => {
    const seen = watch(page, () => [baseURL ?? ""]);
    await page.addInitScript(() => localStorage.setItem("haven.theme", "light"));
    await page.goto(`/ui${screen.path}`);
    await signIn(page, PASSWORD);
    await expect(page.getByRole("heading", { level: 1, name: screen.heading })).toBeVisible();
    await page.waitForTimeout(400);
    for (const theme of ["light", "dark"]) {
      await page.evaluate((dark) => document.documentElement.classList.toggle("pf-v6-theme-dark", dark), theme === "dark");
      await photograph(page, `${screen.name}-${theme}`, { animations: "disabled" });
      expect(await axeComplaints(page), theme).toEqual([]);
    }
    // As wide as a telephone: nothing of the page lies outside; what is wider scrolls by itself.
    await page.setViewportSize({ width: NARROW_PX, height: 800 });
    if (await page.locator(".hv-tree").isVisible()) await page.locator(".hv-header button").first().click();
    await page.waitForTimeout(200);
    await photograph(page, `${screen.name}-narrow`, { animations: "disabled" });
    expect(await axeComplaints(page), "narrow").toEqual([]);
    expect(await page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector("main")?.scrollWidth]), "narrow").toEqual([NARROW_PX, NARROW_PX]);
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });
}

// docs/images has some of these: scripts/web-pictures.
for (const language of ["en", "es", "zh-CN"]) {
  test(`the overview in ${language}`, async ({ page }) => {
    await page.setViewportSize({ width: 1440, height: 1180 });
    await page.addInitScript((value) => localStorage.setItem("haven.language", value), language);
    await page.goto("/ui/pool/availability");
    await signIn(page, PASSWORD);
    await page.waitForTimeout(800);
    await photograph(page, `availability-${language}`);
    expect(await axeComplaints(page)).toEqual([]);
    await page.goto("/ui/");
    await expect(page.locator(".hv-protection")).toBeVisible();
    await photograph(page, `overview-${language}`);
  });
}

test("W17 performance: a time drawn in one graph is the time of all, and goes into the file", async ({ page, baseURL }) => {
  const seen = watch(page, () => [baseURL ?? ""]);
  await page.addInitScript(() => localStorage.setItem("haven.language", "zh-CN"));
  await page.goto(`/ui/vm/${VM}/performance`);
  await signIn(page, PASSWORD);
  const graphs = page.locator(".hv-graph");
  await expect(graphs).toHaveCount(4, { timeout: 20_000 });
  const box = await graphs.nth(1).locator(".u-over").boundingBox();
  if (box === null) throw new Error("the graph is not there");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, y, { steps: 5 });
  await photograph(page, "performance-brush-zh-CN");
  await page.mouse.up();
  await expect(page.getByRole("button", { name: "全部时间" })).toBeEnabled();
  await page.waitForTimeout(300);
  await page.setViewportSize({ width: 1440, height: 1500 });
  await page.waitForTimeout(300);
  await photograph(page, "performance-zh-CN");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "下载 CSV" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe("web1-minutes-5s.csv");
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString("utf8").trim().split("\r\n");
  // A quarter of ten minutes, by five seconds, and the heading.
  expect(lines.length).toBeGreaterThan(25);
  expect(lines.length).toBeLessThan(36);
  for (const range of ["1 周", "1 年"]) {
    await page.getByRole("button", { name: range }).click();
    await expect(graphs).toHaveCount(4);
    await page.waitForTimeout(400);
    await photograph(page, `performance-${range.replace(" ", "")}-zh-CN`);
  }
  expect(seen.errors).toEqual([]);
});

test("the sign-in page", async ({ browser, baseURL }) => {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.route("**/ui/session", (route) =>
    route.fulfill({ json: { role: "coordinator", signed_in: false, user: "", csrf: "", pool: "School", host: "host1", version: "0" } }),
  );
  await page.goto(`${baseURL}/ui/`);
  await expect(page.locator("#password")).toBeFocused();
  await photograph(page, "sign-in");
  await page.unroute("**/ui/session");
  await page.route("**/ui/session", (route) =>
    route.fulfill({ json: { role: "unconfigured", signed_in: false, user: "", csrf: "", pool: "", host: "host1", version: "0" } }),
  );
  await page.goto(`${baseURL}/ui/#code=ABCD-EFGH`);
  await page.reload();
  await expect(page.locator("#pool-name")).toBeVisible();
  await photograph(page, "welcome", { fullPage: true });
});

test("W1: the demo shows a pool, says that it is none, and changes nothing", async ({ browser, baseURL }) => {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  const seen = watch(page, () => [baseURL ?? ""]);
  await page.route("**/ui/session", (route) =>
    route.fulfill({ json: { role: "unconfigured", signed_in: false, user: "", csrf: "", pool: "", host: "host1", version: "0" } }),
  );
  await page.goto(`${baseURL}/ui/`);
  await page.locator("#way-demo").check();
  await photograph(page, "welcome-demo", { fullPage: true });
  expect(await axeComplaints(page)).toEqual([]);
  await page.getByRole("button", { name: "Look around" }).click();
  await expect(page.locator(".hv-protection")).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText("This is a demo: nothing here is real")).toBeVisible();
  await page.waitForTimeout(500);
  await photograph(page, "demo");
  expect(await axeComplaints(page)).toEqual([]);
  await page.getByRole("treeitem", { name: /host2/ }).click();
  await page.locator("[data-action='host.maintenance'], .hv-object-head button").last().click();
  await photograph(page, "demo-host");
  expect(seen.errors).toEqual([]);
  expect(seen.foreign).toEqual([]);
});

test("W12, W16: what is asked before a drill, a pause, and before many alerts go", async ({ page, baseURL }) => {
  const seen = watch(page, () => [baseURL ?? ""]);
  await page.addInitScript(() => localStorage.setItem("haven.language", "es"));
  await page.goto("/ui/pool/availability");
  await signIn(page, PASSWORD);
  for (const action of ["pool.ha-pause", "pool.ha-drill", "pool.ha-settings"]) {
    await page.locator(".hv-object-head .pf-v6-c-menu-toggle").click();
    await page.locator(`[data-action='${action}']`).first().click();
    await expect(page.getByRole("dialog")).toBeVisible();
    if (action === "pool.ha-drill") await page.getByRole("radio", { name: /host2/ }).check();
    await page.waitForTimeout(300);
    await photograph(page, `${action}-es`);
    expect(await axeComplaints(page), action).toEqual([]);
    await page.keyboard.press("Escape");
  }
  await page.goto("/ui/alerts?by=severity");
  await page.locator(".hv-alert-group [data-action='message.clear']").last().click();
  await page.waitForTimeout(300);
  await photograph(page, "alerts-clear-es");
  expect(await axeComplaints(page), "clear").toEqual([]);
  await page.keyboard.press("Escape");
  await page.locator("[data-action='message.take']").first().click();
  await page.waitForTimeout(300);
  await photograph(page, "alerts-take-es");
  expect(await axeComplaints(page), "take").toEqual([]);
  expect(seen.errors).toEqual([]);
});

/** Screens that are tried on a small telephone; at 200 % a laptop has little more. */
const NARROW = new Set(["overview", "alerts", "machine", "availability", "alerts-open", "help", "protect", "pool-performance", "new-machine", "host-networks", "storage-paths", "machine-console"]);

for (const screen of SCREENS.filter((each) => NARROW.has(each.name))) {
  test(`${screen.name} has room in 375 pixels`, async ({ page }) => {
    await page.setViewportSize({ width: 375, height: 800 });
    await page.addInitScript(() => localStorage.setItem("haven.language", "es"));
    await page.goto(`/ui${screen.path}`);
    await signIn(page, PASSWORD);
    await expect(page.locator("h1").first()).toBeVisible();
    await page.waitForTimeout(400);
    await photograph(page, `${screen.name}-narrow-es`, { animations: "disabled" });
    // Nothing of the page lies outside; what is wider scrolls by itself.
    expect(await page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector("main")?.scrollWidth])).toEqual([375, 375]);
    for (const part of await page.locator(".hv-header button, .hv-header a").all()) {
      const box = await part.boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? 0), await part.innerText()).toBeLessThanOrEqual(375);
    }
    // The tree lies over the page, and gives way to what was chosen in it.
    await page.locator(".hv-header button").first().click();
    await page.getByRole("treeitem", { name: /host1/ }).click();
    await expect(page.locator(".hv-tree")).toHaveCount(0);
    await expect(page.getByRole("heading", { level: 1, name: "host1" })).toBeVisible();
  });
}
