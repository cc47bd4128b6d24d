// What every test of the page watches: nothing on the console, no other origin.
import { expect, type Page, type PageScreenshotOptions } from "@playwright/test";
import axe, { type AxeResults } from "axe-core";

/** Where pictures for looking at go; without it none is taken. */
const PICTURES = process.env["PICTURES"];
/** What axe looks for. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21aa"];

export interface Watch {
  errors: string[];
  foreign: string[];
}

/** Collects what must not happen. */
export function watch(page: Page, own: () => string[]): Watch {
  const seen: Watch = { errors: [], foreign: [] };
  page.on("console", (message) => {
    if (message.type() === "error") seen.errors.push(message.text());
  });
  // Where a policy was broken says more than that it was.
  void page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`${event.violatedDirective} at ${event.sourceFile}:${event.lineNumber}:${event.columnNumber} ${event.sample}`);
    });
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && !own().includes(origin)) seen.foreign.push(request.url());
  });
  return seen;
}

/** Signs in, if the page asks for it. */
export async function signIn(page: Page, password: string): Promise<void> {
  const field = page.locator("#password");
  const shell = page.locator(".hv-shell");
  await expect(field.or(shell).first()).toBeVisible({ timeout: 20_000 });
  if (await shell.isVisible()) return;
  await field.fill(password);
  await field.press("Enter");
  await expect(shell).toBeVisible({ timeout: 20_000 });
}

/** A picture for looking at, when somebody wants to: `PICTURES=dir`. It is no check. */
export async function photograph(page: Page, name: string, options: PageScreenshotOptions = {}): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: `${PICTURES}/${name}.png`, ...options });
}

/** What axe finds serious on the page. */
export async function axeComplaints(page: Page): Promise<string[]> {
  // Within the page itself, which has no frames: axe's own driver opens another page each time, and takes four times as long.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  return page.evaluate(async (tags) => {
    // Colours that are on their way have arrived.
    for (const each of document.getAnimations()) if (Number.isFinite(each.effect?.getComputedTiming().endTime)) each.finish();
    const own = window as unknown as { axe: { run: (context: Document, options: object) => Promise<AxeResults> } };
    const { violations } = await own.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    const serious = violations.filter((each) => each.impact === "serious" || each.impact === "critical");
    return serious.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 160)).join("\n  ")}`);
  }, AXE_TAGS);
}
