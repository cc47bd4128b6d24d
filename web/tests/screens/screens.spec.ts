// Every screen against the mock pool, light and dark: axe, console, origins, pictures.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { signIn, watch } from "../page";
import { SCREENS } from "../screens";

const PASSWORD = "haven-demo";
/** Pictures for looking at; `PICTURES=dir` says where. */
const PICTURES = process.env["PICTURES"] ?? "test-results/pictures";

for (const theme of ["light", "dark"] as const) {
  for (const screen of SCREENS) {
    test(`${screen.name}, ${theme}`, async ({ page, baseURL }) => {
      const seen = watch(page, () => [baseURL ?? ""]);
      await page.addInitScript((value) => localStorage.setItem("haven.theme", value), theme);
      await page.goto(`/ui${screen.path}`);
      await signIn(page, PASSWORD);
      await expect(page.getByRole("heading", { level: 1, name: screen.heading })).toBeVisible();
      await page.waitForTimeout(500);
      await page.screenshot({ path: `${PICTURES}/${screen.name}-${theme}.png` });
      const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa"]).analyze();
      const serious = violations.filter((each) => each.impact === "serious" || each.impact === "critical");
      const told = serious.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 160)).join("\n  ")}`);
      expect(told).toEqual([]);
      expect(seen.errors).toEqual([]);
      expect(seen.foreign).toEqual([]);
    });
  }
}

for (const language of ["es", "zh-CN"]) {
  test(`the overview in ${language}`, async ({ page }) => {
    await page.addInitScript((value) => localStorage.setItem("haven.language", value), language);
    await page.goto("/ui/pool/availability");
    await signIn(page, PASSWORD);
    await page.waitForTimeout(800);
    await page.screenshot({ path: `${PICTURES}/availability-${language}.png` });
    await page.goto("/ui/");
    await expect(page.locator(".hv-protection")).toBeVisible();
    await page.screenshot({ path: `${PICTURES}/overview-${language}.png` });
  });
}

test("the sign-in page", async ({ browser, baseURL }) => {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.route("**/ui/session", (route) =>
    route.fulfill({ json: { role: "coordinator", signed_in: false, user: "", csrf: "", pool: "School", host: "host1", version: "0" } }),
  );
  await page.goto(`${baseURL}/ui/`);
  await expect(page.locator("#password")).toBeFocused();
  await page.screenshot({ path: `${PICTURES}/sign-in.png` });
  await page.unroute("**/ui/session");
  await page.route("**/ui/session", (route) =>
    route.fulfill({ json: { role: "unconfigured", signed_in: false, user: "", csrf: "", pool: "", host: "host1", version: "0" } }),
  );
  await page.goto(`${baseURL}/ui/#code=ABCD-EFGH`);
  await page.reload();
  await expect(page.locator("#pool-name")).toBeVisible();
  await page.screenshot({ path: `${PICTURES}/welcome.png`, fullPage: true });
});
