// W4, W5, W7 in Chromium, step by step: every step is photographed, in three languages, light and
// dark, and axe looks at it.
import { expect, type Page } from "@playwright/test";
import { test } from "../mock";
import { axeComplaints, photograph, signIn, watch } from "../page";
import { SR } from "../screens";

const PASSWORD = "haven-demo";
const LANGUAGES = ["en", "es", "zh-CN"] as const;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ana";

async function open(page: Page, path: string, language: string): Promise<void> {
  await page.addInitScript((value) => {
    localStorage.setItem("haven.language", value);
    localStorage.setItem("haven.theme", "light");
  }, language);
  await page.goto(`/ui${path}`);
  await signIn(page, PASSWORD);
  await expect(page.locator("h1").first()).toBeVisible();
}

/** Light, then dark; axe in both. */
async function look(page: Page, name: string, language: string): Promise<void> {
  await page.waitForTimeout(300);
  for (const theme of ["light", "dark"]) {
    await page.evaluate((dark) => document.documentElement.classList.toggle("pf-v6-theme-dark", dark), theme === "dark");
    await photograph(page, `${name}-${language}-${theme}`, { animations: "disabled", fullPage: true });
    // What axe looks at is the same in every language but for the words.
    if (language === "en" || theme === "light") expect(await axeComplaints(page), `${name} ${theme}`).toEqual([]);
  }
  await page.evaluate(() => document.documentElement.classList.remove("pf-v6-theme-dark"));
}

const next = (page: Page) => page.locator("form button[type=submit]");

for (const language of LANGUAGES) {
  test(`W7: machines of a cloud image in ${language}`, async ({ page, baseURL }) => {
    // Eight steps, each looked at twice.
    test.setTimeout(180_000);
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, "/new/vm", language);
    await look(page, "new-machine-1-template", language);
    await next(page).click();
    await page.locator("#vm-name").fill("aula");
    await page.locator("#vm-count").fill("3");
    await look(page, "new-machine-2-name", language);
    await next(page).click();
    await page.locator("#source-cloud").check();
    await page.locator("#cloud-user").fill("Ana");
    await look(page, "new-machine-3-cloud-wrong", language);
    await expect(next(page)).toBeDisabled();
    await page.locator("#cloud-user").fill("ana");
    await page.locator("#cloud-keys").fill(KEY);
    await expect(next(page)).toBeEnabled();
    for (const step of ["4-where", "5-size", "6-disks", "7-networks"]) {
      await next(page).click();
      await look(page, `new-machine-${step}`, language);
    }
    await next(page).click();
    await expect(page.locator(".pf-v6-c-alert")).toBeVisible();
    await look(page, "new-machine-8-review", language);
    await expect(page.locator(".hv-cli pre")).toContainText("--count 3");
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });

  test(`W4: a place that one host cannot use in ${language}`, async ({ page, baseURL }) => {
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, "/new/storage", language);
    await look(page, "new-storage-1-kind", language);
    await page.locator("#kind-file").check();
    await next(page).click();
    await page.locator("#location").fill("/mnt/own");
    await look(page, "new-storage-2-where", language);
    await next(page).click();
    await expect(page.locator("tr[data-ok=false]").first()).toBeVisible();
    await expect(next(page)).toBeDisabled();
    await look(page, "new-storage-3-test-bad", language);
    await page.locator("#step-connect-title button").click();
    await page.locator("#location").fill("/mnt/vms");
    await next(page).click();
    await expect(page.locator("tr[data-ok=true]")).toHaveCount(4);
    await look(page, "new-storage-3-test-good", language);
    await next(page).click();
    await look(page, "new-storage-4-review", language);
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });

  test(`W3: hosts that wait in ${language}`, async ({ page, baseURL }) => {
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, "/new/host", language);
    const host = page.locator("[data-waiting=host9]");
    await host.getByRole("checkbox").check();
    await host.locator("form input").fill("ABCD-EFGH");
    await host.locator("form button[type=submit]").click();
    await expect(host.locator("[data-state=bad]")).toHaveCount(2);
    await page.setViewportSize({ width: 1440, height: 1500 });
    await look(page, "add-host-checks", language);
    // Once: then it is in the pool.
    if (language === LANGUAGES[2]) {
      const good = page.locator("[data-waiting=host8]");
      await good.getByRole("checkbox").check();
      await good.locator("form input").fill("ABCD-EFGH");
      await good.locator("form button[type=submit]").click();
      await expect(good.locator("[data-check]").first()).toBeVisible();
      await good.locator(".hv-buttons button").last().click();
      await expect(good.locator("[data-here]").first()).toBeVisible();
      await look(page, "add-host-networks", language);
    }
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });

  test(`W5: a repository measured in ${language}`, async ({ page }) => {
    await open(page, `/sr/${SR}/paths`, language);
    await page.locator(".hv-buttons button").last().click();
    await expect(page.locator("tbody").getByText("108 MiB/").first()).toBeVisible();
    await look(page, "storage-measured", language);
  });
}

for (const language of LANGUAGES) {
  test(`W7: an image by its address in ${language}`, async ({ page, baseURL }) => {
    test.setTimeout(180_000);
    const seen = watch(page, () => [baseURL ?? ""]);
    await open(page, "/new/image", language);
    const address = page.locator("#fetch-address");
    await address.fill("nfs://10.10.32.10/SLES10");
    await look(page, "fetch-nfs", language);
    await page.locator("main a[href*='location=']").click();
    await expect(page).toHaveURL(/kind=iso&location=10.10.32.10/);
    await expect(page.locator("#kind-iso")).toBeChecked();
    await next(page).click();
    await expect(page.locator("#location")).toHaveValue("10.10.32.10:/SLES10");
    await page.goBack();
    await address.fill("https://mirror.example/missing.iso");
    const go = page.locator("#fetch-sum").locator("xpath=ancestor::*[contains(@class,'hv-stack')][1]").locator(".hv-buttons button");
    await go.click();
    await expect(page.locator(".hv-error")).toBeVisible();
    await look(page, "fetch-failed", language);
    await address.fill(`https://mirror.example/debian-${language}.iso`);
    await go.click();
    await expect(page.locator(".pf-v6-c-progress").first()).toBeVisible();
    await photograph(page, `fetch-under-way-${language}`, { fullPage: true });
    await expect(page.locator("main .pf-m-success")).toBeVisible();
    await look(page, "fetch-done", language);
    await page.locator("main a[href*='/new/vm?image=']").click();
    await next(page).click();
    await page.locator("#vm-name").fill("aula");
    await next(page).click();
    await expect(page.locator("#source-iso")).toBeChecked();
    await look(page, "new-machine-media", language);
    expect(seen.errors).toEqual([]);
    expect(seen.foreign).toEqual([]);
  });
}
