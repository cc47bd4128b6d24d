// W8, W9, W11 in Chromium: the machine's page, its console, and how it moves; photographed in three languages, and
// narrow, and looked at by axe.
import { expect, type Page } from "@playwright/test";
import { test } from "../mock";
import { axeComplaints, photograph, signIn, watch } from "../page";
import { VM } from "../screens";

const PASSWORD = "haven-demo";
/** A machine that runs, and has no snapshots. */
const PLAIN = VM.replace(/0$/, "1");

async function open(page: Page, path: string, language: string): Promise<void> {
  await page.addInitScript((value) => localStorage.setItem("haven.language", value), language);
  await page.goto(`/ui${path}`);
  await signIn(page, PASSWORD);
  await expect(page.locator("h1").first()).toBeVisible();
}

/** Tabs that scroll on a narrow page lose their arrows a moment after it is wide again, and all move to the left: what is
 * pressed before that is let go beside the tab, and no click. */
async function atRest(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const tabs = [...document.querySelectorAll(".pf-v6-c-tabs")];
    const fits = (list: Element | null): boolean => list !== null && list.scrollWidth <= list.clientWidth;
    const willMove = tabs.some((each) => each.classList.contains("pf-m-scrollable") && fits(each.querySelector(".pf-v6-c-tabs__list")));
    const moves = document.getAnimations().some((each) => each.playState === "running" && Number.isFinite(each.effect?.getComputedTiming().endTime));
    return !willMove && !moves;
  });
}

/** As wide as it is, then as a phone is. */
async function look(page: Page, name: string, language: string): Promise<void> {
  for (const width of [1440, 375]) {
    await page.setViewportSize({ width, height: 900 });
    // What opened wide stands before the page when it is narrow.
    const dialog = page.locator(".pf-v6-c-modal-box");
    const isCovered = width < 900 && (await page.locator(".hv-tree").isVisible()) && !(await dialog.isVisible());
    if (isCovered) await page.locator(".hv-header button").first().click();
    await page.waitForTimeout(300);
    await photograph(page, `${name}-${language}-${width}`, { animations: "disabled" });
    expect(await axeComplaints(page), `${name} ${width}`).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide, `${name} is wider than the window at ${width}`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  if (!(await page.locator(".hv-tree").isVisible())) await page.locator(".hv-header button").first().click();
  await atRest(page);
}

for (const language of ["en", "es", "zh-CN"]) {
  test(`W8, W9, W11: a machine in ${language}`, async ({ page, baseURL }) => {
    test.setTimeout(180_000);
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, `/vm/${VM}`, language);
    await expect(page.getByTestId("pending")).toBeVisible();
    await expect(page.locator(".hv-thumbnail img")).toBeVisible();
    await expect(page.locator(".hv-spark")).toHaveCount(4);
    await look(page, "machine-overview", language);
    await page.locator(".hv-notes + * + .hv-buttons button, .hv-stack > .hv-buttons button").first().click();
    await expect(page.locator("#notes-text")).toBeVisible();
    await look(page, "machine-notes", language);
    await page.keyboard.press("Escape");
    await page.locator(".pf-v6-c-tabs a[href$='/networks']").click();
    await page.locator("[data-action='vif.limit']").first().click();
    await expect(page.locator("#nic-limit")).toBeVisible();
    await look(page, "machine-limit", language);
    await page.keyboard.press("Escape");
    await page.locator(".pf-v6-c-tabs a[href$='/console']").click();
    await expect(page.locator("[data-action='vm.tools']")).toBeVisible();
    await expect(page.locator(".hv-console .pf-v6-c-label.pf-m-green")).toBeVisible({ timeout: 20_000 });
    await page.locator("[data-tool=type]").click();
    await page.locator(".hv-console textarea").fill("echo ¿Qué tal? 系");
    await page.locator("[data-tool=keys]").click();
    await look(page, "machine-console-tools", language);
    await page.keyboard.press("Escape");
    // Dropped onto a host it asks how it shall move there.
    const host = page.getByRole("treeitem", { name: /^host3/ });
    const machine = page.getByRole("treeitem", { name: /^web1(?!\d)/ });
    await machine.dragTo(host);
    await expect(page.locator(".pf-v6-c-modal-box input[type=radio]").first()).toBeVisible();
    await page.locator(".pf-v6-c-modal-box .pf-v6-c-expandable-section__toggle button").click();
    await look(page, "migrate", language);
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });
}

test("W11: a move says how fast it is against the guest, and what was measured", async ({ page, baseURL }) => {
  const seen = watch(page, () => [baseURL ?? ""]);
  await open(page, `/vm/${VM}`, "en");
  await page.locator("[data-action='vm.migrate']").first().click();
  await page.locator(".pf-v6-c-modal-box__footer button").first().click();
  await expect(page.locator(".pf-v6-c-modal-box").getByText("120 MiB/s")).toBeVisible();
  await photograph(page, "migrate-moving");
  await expect(page.getByTestId("migrated")).toBeVisible();
  await photograph(page, "migrate-done");
  expect(seen.errors).toEqual([]);
});

for (const language of ["en", "zh-CN"]) {
  test(`W11: a disk moves under its machine in ${language}`, async ({ page, request, baseURL }) => {
    test.setTimeout(120_000);
    await request.post("/ui/mock", { data: { addStorage: "second" } });
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, `/vm/${PLAIN}/disks`, language);
    await page.locator("[data-action='vdi.move']").first().click();
    await expect(page.locator("#disk-limit")).toBeVisible();
    await look(page, "disk-move", language);
    await page.locator(".pf-v6-c-modal-box__footer button").first().click();
    await expect(page.getByTestId("disk-moved")).toBeVisible();
    await look(page, "disk-moved", language);
    expect(seen.errors).toEqual([]);
  });
}

test("W7: the steps of a new machine on a phone", async ({ page }) => {
  test.setTimeout(120_000);
  await open(page, "/new/vm", "es");
  const next = page.locator("form button[type=submit]");
  for (const step of ["template", "name", "media", "where", "size", "disks", "networks"]) {
    await look(page, `new-machine-narrow-${step}`, "es");
    await next.click();
  }
  await expect(page.locator(".pf-v6-c-alert")).toBeVisible();
  await look(page, "new-machine-narrow-review", "es");
});
