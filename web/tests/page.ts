// What every test of the page watches: nothing on the console, no other origin.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

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

/** What axe finds serious on the page. */
export async function axeComplaints(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa"]).analyze();
  const serious = violations.filter((each) => each.impact === "serious" || each.impact === "critical");
  return serious.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 160)).join("\n  ")}`);
}
