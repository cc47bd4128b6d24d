// Tests against the mock pool: several at a time, each worker with a pool of its own, new for every test. Pages
// of one worker share what the browser has read and compiled already, as a person's browser does.
import { test as base, type BrowserContext, type Page, type TestInfo } from "@playwright/test";

/** The pools' first port; another one lets two runs share a machine. */
export const MOCK_PORT = Number(process.env["HAVEN_MOCK_PORT"] ?? 4173);
/** How many tests run at the same time, each with its pool. */
export const MOCK_WORKERS = Number(process.env["HAVEN_MOCK_WORKERS"] ?? 2);
/** Behind them: a pool whose first run is still to come. */
export const FRESH_PORT = MOCK_PORT + MOCK_WORKERS;
export const WINDOW = { width: 1440, height: 900 };
const ACTION_MS = 30_000;

/** With a browser that knows nothing yet: for tests that change more of it than a page. */
export const ownBrowser = base.extend({
  // eslint-disable-next-line no-empty-pattern
  baseURL: async ({}, use, info) => use(`http://127.0.0.1:${MOCK_PORT + info.parallelIndex}`),
  request: async ({ playwright, baseURL }, use) => {
    const request = await playwright.request.newContext({ baseURL: baseURL ?? "" });
    await request.post("/ui/mock", { data: { reset: true } });
    await use(request);
    await request.dispose();
  },
});

export const test = ownBrowser.extend<object, { shared: BrowserContext }>({
  shared: [
    async ({ browser }, use) => {
      const context = await browser.newContext({ viewport: WINDOW, locale: "en-US" });
      context.setDefaultTimeout(ACTION_MS);
      await use(context);
      await context.close();
    },
    { scope: "worker" },
  ],
  // With the base's options no page would be shared.
  context: async ({ shared }, use) => use(shared),
  page: async ({ shared, baseURL, request: _reset }, use, info) => {
    const page = await shared.newPage();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("requestfailed", (request) => said.push(`${request.url()} ${request.failure()?.errorText ?? ""}`));
    await use(page);
    if (info.status !== info.expectedStatus) await tell(page, info, said);
    // The next one has said nothing yet of how it wants the page.
    await page.goto(`${baseURL ?? ""}/ui/haven.svg`);
    await page.evaluate(() => localStorage.clear());
    await page.close();
  },
});

/** What a page looked like when its test failed: the browser of several tests keeps no record of it by itself. */
async function tell(page: Page, info: TestInfo, said: string[]): Promise<void> {
  process.stdout.write(`${info.title}: ${page.url()}\n${said.map((line) => `  it said: ${line}\n`).join("")}`);
  const short = { timeout: 5_000 };
  const seen = await page.locator("body").innerText(short).catch((error: unknown) => `nothing can be read: ${String(error)}`);
  process.stdout.write(`${seen.replaceAll(/^/gm, "  | ")}\n`);
  await page.screenshot({ path: info.outputPath("page.png"), ...short }).catch(() => undefined);
}
