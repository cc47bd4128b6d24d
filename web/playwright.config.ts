import { defineConfig, type PlaywrightTestConfig, type Project } from "@playwright/test";
import { FRESH_PORT, MOCK_PORT, MOCK_WORKERS, WINDOW } from "./tests/mock";

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

/** One program for all pools: that of its own port, and those of `HAVEN_MOCK_MORE`. */
const mock: PlaywrightTestConfig["webServer"] = {
  command: `node node_modules/vite/bin/vite.js preview --host 127.0.0.1 --port ${MOCK_PORT} --strictPort`,
  url: `http://127.0.0.1:${MOCK_PORT}/ui/`,
  env: {
    HAVEN_MOCK_ARMED: "1",
    HAVEN_MOCK_HOSTS: "4",
    HAVEN_MOCK_VMS: "40",
    HAVEN_MOCK_MORE: [...Array.from({ length: MOCK_WORKERS - 1 }, (_, index) => String(MOCK_PORT + index + 1)), `${FRESH_PORT}:fresh`].join(" "),
  },
  reuseExistingServer: false,
  timeout: 60_000,
};

const use = { launchOptions, viewport: WINDOW, ignoreHTTPSErrors: true, locale: "en-US", actionTimeout: 30_000 };
const projects: Project[] = [
  { name: "screens", testDir: "tests/screens", outputDir: "test-results/screens", fullyParallel: true, use },
  // The story of a real pool: scripts/web-story starts the lab and says where its hosts are.
  { name: "story", testDir: "tests/story", outputDir: "test-results/story", use: { ...use, trace: "retain-on-failure" }, timeout: 900_000 },
  { name: "bench", testDir: "tests/bench", outputDir: "test-results/bench", use, timeout: 1_800_000 },
];
const wantsMock = !process.argv.some((word) => word === "story" || word === "bench");

export default defineConfig({
  projects,
  workers: wantsMock ? MOCK_WORKERS : 1,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"]],
  ...(wantsMock ? { webServer: mock } : {}),
});
