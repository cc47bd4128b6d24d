import { defineConfig, type PlaywrightTestConfig, type Project } from "@playwright/test";

/** Debian's Chromium, told to speak to nobody but the page's own server. */
const launchOptions = {
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A page from disk (tests/story/site.ts) has no address of its own to be local to.
    ...(process.env["HAVEN_SITE"] === undefined ? [] : ["--disable-features=LocalNetworkAccessChecks"]),
  ],
};
// Another one lets two runs share a machine.
const PORT = Number(process.env["HAVEN_MOCK_PORT"] ?? 4173);
/** A pool whose first run is still to come. */
const FRESH_PORT = PORT + 1;

function mock(port: number, env: Record<string, string>): NonNullable<PlaywrightTestConfig["webServer"]> & { command: string } {
  return {
    command: `node node_modules/vite/bin/vite.js preview --host 127.0.0.1 --port ${port} --strictPort`,
    url: `http://127.0.0.1:${port}/ui/`,
    env,
    reuseExistingServer: false,
    timeout: 60_000,
  };
}

const use = { launchOptions, viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: true, locale: "en-US", actionTimeout: 30_000 };
const projects: Project[] = [
  { name: "screens", testDir: "tests/screens", outputDir: "test-results/screens", use: { ...use, baseURL: `http://127.0.0.1:${PORT}` } },
  // The story of a real pool: scripts/web-story starts the lab and says where its hosts are.
  { name: "story", testDir: "tests/story", outputDir: "test-results/story", use: { ...use, trace: "retain-on-failure" }, timeout: 900_000 },
  { name: "bench", testDir: "tests/bench", outputDir: "test-results/bench", use, timeout: 1_800_000 },
];
const wantsMock = !process.argv.some((word) => word === "story" || word === "bench");

export default defineConfig({
  projects,
  workers: 1,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"]],
  ...(wantsMock
    ? {
        webServer: [
          mock(PORT, { HAVEN_MOCK_ARMED: "1", HAVEN_MOCK_HOSTS: "4", HAVEN_MOCK_VMS: "40" }),
          mock(FRESH_PORT, { HAVEN_MOCK_FRESH: "1" }),
        ],
      }
    : {}),
});
