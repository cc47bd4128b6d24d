import { defineConfig, type Project } from "@playwright/test";

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
  ],
};
const PORT = 4173;

const use = { launchOptions, viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: true, locale: "en-US" };
const projects: Project[] = [
  { name: "screens", testDir: "tests/screens", use: { ...use, baseURL: `http://127.0.0.1:${PORT}` } },
  // The story of a real pool: scripts/web-story starts the lab and says where its hosts are.
  { name: "story", testDir: "tests/story", use: { ...use, trace: "retain-on-failure" }, timeout: 900_000 },
  { name: "bench", testDir: "tests/bench", use, timeout: 1_800_000 },
];
const wantsMock = !process.argv.some((word) => word === "story" || word === "bench");

export default defineConfig({
  projects,
  workers: 1,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"]],
  outputDir: "test-results",
  ...(wantsMock
    ? {
        webServer: {
          command: `npx vite preview --host 127.0.0.1 --port ${PORT} --strictPort`,
          url: `http://127.0.0.1:${PORT}/ui/`,
          env: { HAVEN_MOCK_ARMED: "1", HAVEN_MOCK_HOSTS: "4", HAVEN_MOCK_VMS: "40" },
          reuseExistingServer: true,
          timeout: 60_000,
        },
      }
    : {}),
});
