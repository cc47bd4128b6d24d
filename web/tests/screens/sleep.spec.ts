// A laptop that sleeps with the page open. Chromium freezes the page as a closed lid does, the network
// is away, and the pool goes on: machines are renamed, hosts leave, nobody remembers it in events any
// more, the session ends. The same page goes on, with what was half typed in it.
import { type CDPSession, expect, type Page } from "@playwright/test";
import { ownBrowser as test } from "../mock";
import { signIn, watch } from "../page";
import { HOST } from "../screens";

const PASSWORD = "haven-demo";
/** A machine that other tests leave alone. */
const VM = "00000004-0000-4000-8000-000000000007";
/** How long the lid is closed in this world, in milliseconds; in the page's it is an hour. */
const NAP_MS = 1500;

async function network(cdp: CDPSession, offline: boolean): Promise<void> {
  await cdp.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
}

/** A settings page with something half typed in it. */
async function halfTyped(page: Page, text: string): Promise<void> {
  await page.clock.install();
  await page.goto(`/ui/vm/${VM}/settings`);
  await signIn(page, PASSWORD);
  await page.locator("#set-description").fill(text);
  await page.evaluate(() => Object.assign(window, { sameDocument: true }) && undefined);
}

for (const ends of [false, true]) {
  test(`a laptop slept an hour${ends ? ", and its session ended" : ""}`, async ({ page, context, request, baseURL }) => {
    const seen = watch(page, () => [baseURL ?? ""]);
    const change = async (data: object): Promise<void> => expect((await request.post("/ui/mock", { data })).ok()).toBe(true);
    const name = `renamed-${String(ends)}`;
    await halfTyped(page, `${name}: half a sen`);
    const gone = ends ? 4 : 3;
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    await network(cdp, true);
    await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
    await change({ class: "VM", ref: `OpaqueRef:${VM}`, change: { name_label: name } });
    await change({ class: "host", ref: `OpaqueRef:${HOST.slice(0, -1)}${gone}`, isGone: true });
    if (ends) await change({ expire: true });
    await page.waitForTimeout(NAP_MS);
    await cdp.send("Page.setWebLifecycleState", { state: "active" });
    await page.clock.fastForward("01:00:00");
    await network(cdp, false);

    if (ends) {
      // Over the page, not in its place: what was typed stands behind it.
      await expect(page.locator("#password")).toBeFocused();
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await expect(page.locator("#password")).toHaveCount(0);
    }
    await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
    // It asks again after a while that grows with every time it found nobody.
    await expect(page.locator(".hv-away")).toHaveCount(0, { timeout: 20_000 });
    // What went while nobody listened has gone here, too.
    await expect(page.locator("#set-affinity option", { hasText: `host${gone}` })).toHaveCount(0);
    const description = page.locator("#set-description");
    await description.focus();
    await page.keyboard.press("End");
    await page.keyboard.type("tence");
    await expect(description).toHaveValue(`${name}: half a sentence`);
    await page.locator("form button[type=submit]").click();
    await expect(page.locator(".pf-v6-c-alert.pf-m-success").first()).toBeVisible();
    expect(await page.evaluate(() => "sameDocument" in window), "the same page all the time").toBe(true);
    await change({ addHost: gone });
    expect(seen.foreign).toEqual([]);
    // A network that is away is told of by the browser itself.
    expect(seen.errors.filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
  });
}
