import { expect, type Page } from "@playwright/test";
import { test } from "../mock";
import { axeComplaints, photograph, signIn } from "../page";
import { VM } from "../screens";
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
}


for (let i = 0; i < 30; i += 1) {
  test(`TMP ${i}`, async ({ page }) => {
    test.setTimeout(120_000);
    await page.addInitScript(() => {
      localStorage.setItem("haven.language", "en");
      const w = window as unknown as { log: string[] };
      w.log = [];
      const say = (text: string): void => { w.log.push(`${Math.round(performance.now())} ${text}`); };
      for (const kind of ["pointerdown", "mousedown", "mouseup", "click", "keydown", "focusin", "scroll", "resize"]) {
        window.addEventListener(kind, (e) => {
          const el = e.target as HTMLElement;
          say(`${kind} ${el.tagName ?? "?"} ${(el.textContent ?? "").slice(0, 20)} ${typeof el.className === "string" ? el.className.slice(0, 40) : ""}`);
          if (kind === "click") queueMicrotask(() => say(`  after click prevented=${e.defaultPrevented} ctrl=${(e as MouseEvent).ctrlKey}`));
        }, true);
      }
      const push = history.pushState.bind(history);
      history.pushState = (...args) => { say(`push ${String(args[2])}`); push(...args); };
      const rep = history.replaceState.bind(history);
      history.replaceState = (...args) => { say(`replace ${String(args[2])}`); rep(...args); };
    });
    await page.goto(`/ui/vm/${VM}`);
    await signIn(page, "haven-demo");
    await expect(page.locator("h1").first()).toBeVisible();
    await expect(page.getByTestId("pending")).toBeVisible();
    await expect(page.locator(".hv-thumbnail img")).toBeVisible();
    await expect(page.locator(".hv-spark")).toHaveCount(4);
    await look(page, "machine-overview", "en");
    await page.locator(".hv-notes + * + .hv-buttons button, .hv-stack > .hv-buttons button").first().click();
    await expect(page.locator("#notes-text")).toBeVisible();
    await look(page, "machine-notes", "en");
    await page.evaluate(() => { (window as unknown as { log: string[] }).log.push("=== escape"); });
    await page.keyboard.press("Escape");
    await page.locator(".pf-v6-c-tabs a[href$='/networks']").click();
    const ok = await page.waitForURL(/networks/, { timeout: 6000 }).then(() => true, () => false);
    if (!ok) {
      console.log(`LOST`, (await page.evaluate(() => (window as unknown as { log: string[] }).log)).slice(-60).join("\n"));
      throw new Error("lost");
    }
  });
}
